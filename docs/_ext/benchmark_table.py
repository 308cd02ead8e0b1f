"""The directive ``benchmark-table``: a results file as a table, or a line that says it is due."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
_CIRCUMSTANCES = ("date", "machine", "versions")


class BenchmarkTable(SphinxDirective):
    """``.. benchmark-table:: NAME`` shows ``benchmarks/results/NAME.csv``.

    ``:columns:`` picks columns by name, between semicolons where a name holds a comma, and
    ``:where: column = word`` the rows whose cell in that column contains the word. ``:across:
    column = other`` makes one column of every value of the first, with the cells of the second,
    and one row of every setting of ``:columns:``. Date, machine and versions become a sentence
    below the table.
    """

    required_arguments = 1
    option_spec = dict.fromkeys(("columns", "where", "across"), directives.unchanged)

    def run(self) -> list[nodes.Node]:
        path = RESULTS / f"{self.arguments[0]}.csv"
        self.env.note_dependency(str(path))
        rows = []
        if path.exists():
            with path.open(encoding="utf-8", newline="") as lines:
                rows = list(csv.DictReader(lines))
        if "where" in self.options:
            column, word = (part.strip() for part in self.options["where"].split("="))
            rows = [row for row in rows if word in row[column]]
        if not rows:
            words = "(Not measured yet.)"
            return [nodes.paragraph("", "", nodes.emphasis(words, words))]
        wanted = self.options.get("columns")
        names = _words(wanted) if wanted else list(rows[0])
        shown = [name for name in names if name not in _CIRCUMSTANCES]
        if "across" in self.options:
            column, cell = (part.strip() for part in self.options["across"].split("="))
            shown, cells = _spread(rows, shown, column, cell)
        else:
            cells = [[row[name] for name in shown] for row in rows]
        return [_table(shown, cells), *_circumstances(rows)]


def _words(names: str) -> list[str]:
    return [name.strip() for name in names.split(";" if ";" in names else ",")]


def _spread(
    rows: list[dict[str, str]], names: list[str], column: str, cell: str
) -> tuple[list[str], list[list[str]]]:
    across = list(dict.fromkeys(row[column] for row in rows))
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), {})[row[column]] = row[cell]
    cells = [[*key, *(values.get(name, "") for name in across)] for key, values in found.items()]
    return [*names, *across], cells


def _circumstances(rows: list[dict[str, str]]) -> list[nodes.Node]:
    words = []
    for name in _CIRCUMSTANCES:
        found = dict.fromkeys(row[name] for row in rows if row.get(name))
        words += [" / ".join(found)] if found else []
    return [nodes.paragraph("", "Measured: " + "; ".join(words) + ".")] if words else []


def _table(header: list[str], rows: list[list[str]]) -> nodes.table:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in header), cols=len(header))
    group += nodes.thead("", _row([name.replace("_", " ") for name in header]))
    group += nodes.tbody("", *(_row(row) for row in rows))
    return nodes.table("", group, classes=["benchmark", "colwidths-auto"])


def _row(cells: list[str]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", cell)) for cell in cells))


def setup(app: Any) -> dict[str, Any]:
    app.add_directive("benchmark-table", BenchmarkTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
