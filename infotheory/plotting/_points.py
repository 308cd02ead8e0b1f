"""Which columns of a table a picture in the plane shows, and their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def names_of(X: Any, n_columns: int) -> tuple[str, ...]:
    """Those of a DataFrame, else x0, x1, ..."""
    columns = getattr(X, "columns", None)
    if columns is None:
        return tuple(f"x{j}" for j in range(n_columns))
    return tuple(str(name) for name in columns)


def chosen(X: Any, columns: Sequence[int | str], name: str) -> tuple[list[int], list[str]]:
    """Indexes and names of the columns, given by either."""
    rows = table(X, name)
    known = names_of(X, rows.shape[1])
    indexes = []
    for column in columns:
        j = known.index(column) if isinstance(column, str) and column in known else column
        if isinstance(j, str) or not -len(known) <= j < len(known):
            raise ValueError(
                f"columns must be among those of {name}, {', '.join(known)} or their numbers, got "
                f"{column!r}."
            )
        indexes.append(int(j) % len(known))
    return indexes, [known[j] for j in indexes]


def table(X: Any, name: str) -> np.ndarray:
    """Rows of numbers with two axes."""
    rows = np.asarray(X, dtype=float)
    if rows.ndim != 2:
        raise ValueError(f"{name} must have two axes, rows and columns, got shape {rows.shape}.")
    return rows


def check_two(columns: Sequence[int | str], n_columns: int, name: str) -> None:
    """Raise unless a plane is meant."""
    if n_columns < 2 or len(columns) != 2:
        raise ValueError(
            f"columns must name two columns of {name}, which has {n_columns}, got "
            f"{tuple(columns)}. A plane needs two."
        )
