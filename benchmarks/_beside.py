"""Figures beside those of peers: rows that are measured anew at every run, into one table."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from _results import circumstances

_FOLDER = Path(__file__).parent / "results"


class Row(NamedTuple):
    """A figure, the same of a peer, and what the design asks for."""

    case: str
    quantity: str
    method: str
    value: float
    peer: str = ""
    peer_value: float | None = None
    bar: str = ""


def write(name: str, packages: Sequence[str], parts: Sequence[Callable[[], Iterator[Row]]]) -> None:
    """Print the rows, and write them to ``results/NAME.csv``."""
    said = circumstances(threads="")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    stamp = (said["date"], said["machine"], versions)
    with (_FOLDER / f"{name}.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*Row._fields, "ratio", "date", "machine", "versions"])
        for part in parts:
            for row in part():
                ratio = "" if row.peer_value is None else f"{row.value / row.peer_value:.3f}"
                peer = "" if row.peer_value is None else f"{row.peer_value:.4g}"
                cells = (*row[:3], f"{row.value:.4g}", row.peer, peer, row.bar, ratio)
                table.writerow([*cells, *stamp])
                print("  ".join(cell for cell in cells if cell), flush=True)
