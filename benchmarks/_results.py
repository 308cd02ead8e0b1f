"""A results file that grows by one row at a time, so that long benchmarks can be resumed."""

from __future__ import annotations

import argparse
import csv
import datetime
import os
import platform
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

N_THREADS = 2
_FOLDER = Path(__file__).parent / "results"
_PACKAGES = ("numpy", "scipy", "scikit-learn", "torch")
_CIRCUMSTANCES = ("date", "machine", "versions")


class Results:
    """Rows of ``results/NAME.csv``, one for each setting of the key columns.

    A quick run writes an empty table of the same name in the temporary directory instead, so that
    its figures never stand among real ones.
    """

    def __init__(self, name: str, keys: Sequence[str], measured: Sequence[str], *, quick: bool):
        folder = Path(tempfile.gettempdir()) / "infotheory-quick" if quick else _FOLDER
        folder.mkdir(exist_ok=True)
        self.path = folder / f"{name}.csv"
        self.keys, self.fields = tuple(keys), (*keys, *measured, *_CIRCUMSTANCES)
        if quick:
            self.path.unlink(missing_ok=True)

    def rows(self, **where: object) -> list[dict[str, str]]:
        """Rows on disk whose columns have these values."""
        if not self.path.exists():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [r for r in rows if all(r.get(k) == str(v) for k, v in where.items())]

    def has(self, **key: object) -> bool:
        """Whether there is a row with this setting."""
        return bool(self.rows(**{name: key[name] for name in self.keys}))

    def keep(self, row: Mapping[str, object], stamp: Mapping[str, str] | None = None) -> None:
        """Put the row in place of an older one of the same setting, and print it."""
        stamped = {name: str(row.get(name, "")) for name in self.fields}
        stamped |= stamp or circumstances()
        # Read anew: another run may have added rows of its own in the meantime.
        rows = {tuple(r[k] for k in self.keys): r for r in self.rows()}
        rows[tuple(stamped[k] for k in self.keys)] = stamped
        self._write(rows.values())
        shown = self.fields[: -len(_CIRCUMSTANCES)]
        print(*(stamped[name] for name in shown), sep=" | ", flush=True)

    def head(self) -> None:
        """Print the names of the columns."""
        print(*self.fields[: -len(_CIRCUMSTANCES)], sep=" | ", flush=True)

    def _write(self, rows: Iterable[Mapping[str, str]]) -> None:
        # Replaced whole: an interrupted run leaves the old table or the new one.
        draft = self.path.with_suffix(f".{os.getpid()}.draft")
        with draft.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, self.fields, restval="", extrasaction="ignore")
            table.writeheader()
            table.writerows(rows)
        draft.replace(self.path)


def circumstances(
    packages: Sequence[str] = (), threads: str = f"{N_THREADS} Torch threads"
) -> dict[str, str]:
    """Date, machine, which threads of it, and versions, in words."""
    found = [f"Python {platform.python_version()}"]
    for name in (*_PACKAGES, *packages):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    cores, kind = os.cpu_count(), platform.machine().replace("_", "-")
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{cores}-core {kind}, CPU" + (threads and f", {threads}"),
        "versions": ", ".join(found),
    }


def circumstances_of(rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The same of rows that are summed up: the last date, every machine and set of versions."""
    said = {name: dict.fromkeys(r[name] for r in rows) for name in _CIRCUMSTANCES}
    return {"date": max(said["date"])} | {k: " / ".join(said[k]) for k in ("machine", "versions")}


def parser(words: str | None, estimators: Sequence[str]) -> argparse.ArgumentParser:
    """The options that all resumable benchmarks share."""
    options = argparse.ArgumentParser(
        description=words, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--only", default="", metavar="PATTERN", help="cases with this in them")
    options.add_argument(
        "--estimator",
        nargs="+",
        default=list(estimators),
        metavar="NAME",
        help=f"names of estimators (default: {' '.join(estimators)})",
    )
    options.add_argument("--again", action="store_true", help="measure rows that are there anew")
    options.add_argument(
        "--quick", action="store_true", help="few rows and steps, to see that it runs; keeps none"
    )
    return options


def matches(pattern: str, case: str) -> bool:
    """Whether the case contains the pattern, a regular expression or plain words."""
    return pattern in case or re.search(pattern, case) is not None
