"""The one place that looks at raw input: tables, columns, labels, lengths, missing values."""

from __future__ import annotations

import numbers
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import array_api_compat
import numpy as np
from sklearn.utils.validation import validate_data

from infotheory._columns import (
    are_categories,
    as_columns,
    is_frame,
    is_time,
    natural,
    not_numbers,
    plain_numbers,
    real_column,
    refuse_missing,
)
from infotheory._xp._codes import encode_labels, joint_codes

Mask = Any  # None, a bool, or one bool a column


@dataclass(frozen=True)
class Variable:
    """A checked argument: label columns as codes 0, 1, 2, ..., the others as float64.

    ``kind`` is "discrete" (every column is symbols), "continuous" (real numbers without
    repeats) or "mixed" (both, or real numbers some of which repeat). Estimators take a Variable
    in place of raw input, so that a door checks its arguments once.
    """

    name: str
    columns: tuple[np.ndarray, ...]
    n_symbols: tuple[int, ...]  # 0 for a column of real numbers
    kind: str
    numbers: tuple[np.ndarray | None, ...]  # each column as real numbers; None where it is text
    labels: tuple[np.ndarray | None, ...]  # what each code stands for; None for real numbers
    feature_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.columns[0])

    @property
    def n_samples(self) -> int:
        return len(self)

    @property
    def dim(self) -> int:
        return len(self.columns)

    @property
    def is_label(self) -> np.ndarray:
        return np.array([size > 0 for size in self.n_symbols])

    @property
    def values(self) -> np.ndarray:
        """All columns as one float64 matrix of shape (n_samples, dim)."""
        return np.column_stack(self.columns).astype(np.float64)

    def codes(self) -> tuple[np.ndarray, int]:
        """Each distinct row as one symbol: integer codes and the number of symbols."""
        pairs = [
            (column, size) if size else encode_labels(column)
            for column, size in zip(self.columns, self.n_symbols, strict=True)
        ]
        if len(pairs) == 1:
            return pairs[0]
        return joint_codes([codes for codes, _ in pairs], [size for _, size in pairs])

    def column(self, j: int) -> Variable:
        """One column as a variable of its own."""
        kind = "discrete" if self.n_symbols[j] else _kind_of_numbers(self.columns[j : j + 1])
        return Variable(
            self.name,
            self.columns[j : j + 1],
            self.n_symbols[j : j + 1],
            kind,
            self.numbers[j : j + 1],
            self.labels[j : j + 1],
            None if self.feature_names is None else self.feature_names[j : j + 1],
        )

    def aligned(self, reference: Variable) -> Variable:
        """The same rows with the codes of ``reference``; labels unknown there get new codes."""
        columns, sizes = [], []
        for column, size, mine, known in zip(
            self.columns, self.n_symbols, self.labels, reference.labels, strict=True
        ):
            if mine is None or known is None:
                columns.append(column)
                sizes.append(size)
                continue
            code = {label: i for i, label in enumerate(known.tolist())}
            for label in mine.tolist():
                code.setdefault(label, len(code))
            columns.append(np.array([code[label] for label in mine.tolist()])[column])
            sizes.append(len(code))
        return replace(self, columns=tuple(columns), n_symbols=tuple(sizes))

    def rows(self, chosen: np.ndarray) -> Variable:
        """The chosen rows; codes keep their meaning, so some symbols may be absent."""
        return replace(
            self,
            columns=tuple(c[chosen] for c in self.columns),
            numbers=tuple(None if c is None else c[chosen] for c in self.numbers),
        )

    def labelled(self, discrete: bool | None) -> Variable:
        """Every column as labels (True), as real numbers (False), or as it stands (None)."""
        if discrete is None or bool(np.all(self.is_label == discrete)):
            return self
        if not discrete:
            return self.as_numbers([j for j, size in enumerate(self.n_symbols) if size])
        columns, sizes, labels = [], [], []
        for column, size, known in zip(self.columns, self.n_symbols, self.labels, strict=True):
            codes, size = (column, size) if size else encode_labels(column)
            columns.append(codes)
            sizes.append(size)
            labels.append(_first_labels(column, codes, size) if known is None else known)
        return replace(
            self,
            columns=tuple(columns),
            n_symbols=tuple(sizes),
            labels=tuple(labels),
            kind="discrete",
        )

    def as_numbers(self, chosen: Sequence[int]) -> Variable:
        """The chosen label columns as the real numbers they were given as."""
        columns, sizes, labels = list(self.columns), list(self.n_symbols), list(self.labels)
        for j in chosen:
            column = self.numbers[j]
            if column is None:
                raise not_numbers(self.name, j, "text, labels or integers too large for float64")
            columns[j], sizes[j], labels[j] = column, 0, None
        kind = "mixed" if any(sizes) else _kind_of_numbers(columns)
        return replace(
            self,
            columns=tuple(columns),
            n_symbols=tuple(sizes),
            labels=tuple(labels),
            kind=kind,
        )


def joined(*variables: Variable) -> Variable:
    """One variable with the columns of all."""
    kinds = {v.kind for v in variables}
    return Variable(
        " and ".join(v.name for v in variables),
        sum((v.columns for v in variables), ()),
        sum((v.n_symbols for v in variables), ()),
        kinds.pop() if len(kinds) == 1 else "mixed",
        sum((v.numbers for v in variables), ()),
        sum((v.labels for v in variables), ()),
    )


def _first_labels(column: np.ndarray, codes: np.ndarray, size: int) -> np.ndarray:
    """The label that each code stands for."""
    first = np.empty(size, dtype=np.intp)
    first[codes] = np.arange(len(codes))
    return column[first]


def _kind_of_numbers(columns: Sequence[np.ndarray]) -> str:
    return "mixed" if any(has_repeats(c) for c in columns) else "continuous"


def _check_rows(n: int, name: str, minimum: int) -> None:
    if n < minimum:
        raise ValueError(
            f"{name} has {n} sample(s) while a minimum of {minimum} is required: "
            f"information is estimated over rows. Pass more rows."
        )


def describe(
    raw: Any,
    name: str = "X",
    *,
    discrete: Mask = None,
    allow_1d: bool = True,
    min_samples: int = 2,
    estimator: Any = None,
    reset: bool = True,
) -> Variable:
    """Check ``raw`` and decide which columns are labels.

    Without ``discrete`` the dtype decides: booleans, integers, text and categories are labels;
    floating columns are real numbers, and so are times, which are ordered and continuous: dates
    as seconds since 1970 in UTC, durations as seconds. ``estimator`` records feature names and
    counts on it, as scikit-learn does.
    """
    if isinstance(raw, Variable):
        if estimator is not None:
            _record_features(estimator, raw.dim, raw.feature_names, reset=reset)
        _check_rows(raw.n_samples, name, min_samples)
        return replace(raw.labelled(discrete), name=name)
    # Partners of X need as many rows as X has, which is more than one.
    fewest = min_samples if name == "X" else 2
    raws = as_columns(raw, name, allow_1d=allow_1d, min_samples=fewest)
    columns = [natural(c, name) for c in raws]
    names = _feature_names(raw)
    if estimator is not None:
        _record_features(estimator, len(columns), raw if names else None, reset=reset)
    _check_rows(len(columns[0]), name, min_samples)
    mask = _label_mask(columns, are_categories(raw, len(columns)), discrete, name)
    checked, n_symbols, numbers, labels = [], [], [], []
    for j, column in enumerate(columns):
        if mask[j]:
            refuse_missing(column, name, j, labels=True)
            codes, size = _label_codes(column, name, j)
            numbers.append(plain_numbers(column))
            labels.append(_first_labels(column, codes, size))
        else:
            codes, size = real_column(column, name, j), 0
            numbers.append(codes)
            labels.append(None)
        checked.append(codes)
        n_symbols.append(size)
    kind = "discrete" if mask.all() else "mixed" if mask.any() else _kind_of_numbers(checked)
    return Variable(
        name, tuple(checked), tuple(n_symbols), kind, tuple(numbers), tuple(labels), names
    )


def _feature_names(raw: Any) -> tuple[str, ...] | None:
    if is_frame(raw):
        names = tuple(raw.columns)
    elif hasattr(raw, "to_numpy") and hasattr(raw, "name"):
        names = (raw.name,)
    else:
        return None
    return names if all(isinstance(name, str) for name in names) else None


def _record_features(estimator: Any, dim: int, names: Any, *, reset: bool) -> None:
    """Set or compare ``n_features_in_`` and ``feature_names_in_`` as scikit-learn does."""
    if isinstance(names, tuple):
        import pandas

        names = pandas.DataFrame(np.empty((1, dim), dtype=np.int8), columns=list(names))
    shaped: Any = np.empty((1, dim), dtype=np.int8) if names is None else names
    validate_data(estimator, shaped, reset=reset, skip_check_array=True)


def _label_mask(
    columns: list[np.ndarray], categories: list[bool], discrete: Mask, name: str
) -> np.ndarray:
    if discrete is None:
        return np.array([c.dtype.kind not in "fmM" for c in columns]) | categories
    mask = np.asarray(discrete)
    if mask.dtype.kind != "b" or mask.ndim > 1 or (mask.ndim == 1 and len(mask) != len(columns)):
        raise ValueError(
            f"discrete must be None, True, False or one bool a column of {name} "
            f"({len(columns)} columns), got {discrete!r}. For example discrete=True treats every "
            f"column as labels."
        )
    return np.broadcast_to(mask, (len(columns),)).copy()


def _label_codes(column: np.ndarray, name: str, j: int) -> tuple[np.ndarray, int]:
    try:
        return encode_labels(column)
    except TypeError as error:
        other = next((type(v) for v in column if type(v).__hash__ is None), type(column[0]))
        raise TypeError(
            f"{name} column {j} holds labels that are not hashable "
            f"({other.__name__}): the argument must be a string or a number, or any "
            f"hashable label. Convert each label to text or a tuple."
        ) from error


def has_repeats(values: np.ndarray) -> bool:
    """Whether some value occurs twice, so that the law may have atoms."""
    ordered = np.sort(values)
    return bool(np.any(ordered[1:] == ordered[:-1]))


def check_same_length(*variables: Variable) -> None:
    """Raise unless all have the same number of rows."""
    first = variables[0]
    for other in variables[1:]:
        if other.n_samples != first.n_samples:
            raise ValueError(
                f"{first.name} and {other.name} must have the same number of rows, got "
                f"{first.n_samples} and {other.n_samples}: inconsistent numbers of samples. Pair "
                f"each row of {first.name} with one row of {other.name}."
            )


def pairing_notes(X: Any, y: Any, condition: Any = None) -> list[str]:
    """What to say where the row indexes of frames disagree: rows are paired by position."""
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return []
    raw = {"X": X, "y": y, "condition": condition}
    frames = (pandas.DataFrame, pandas.Series)
    indexes = [(name, r.index) for name, r in raw.items() if isinstance(r, frames)]
    apart = [name for name, index in indexes if not index.equals(indexes[0][1])]
    if not apart:
        return []
    first, other = indexes[0][0], apart[0]
    return [
        f"{first} and {other} have different row indexes, and were paired by position. If the "
        f"indexes say which rows belong together, pass {other}.loc[{first}.index] instead."
    ]


def check_count(value: Any, name: str, minimum: int, advice: str) -> None:
    """Raise unless a parameter is an integer of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}. {advice}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}. {advice}")


def check_seconds(value: Any) -> None:
    """Raise unless `value` is None or a positive number."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if value is not None and not (number and float(value) > 0):
        raise ValueError(
            f"max_seconds must be None or a positive number, got {value!r}. Use None for the "
            f"default time."
        )


def take_rows(raw: Any, rows: np.ndarray) -> Any:
    """The given rows of any accepted table, in its own type; None stays None."""
    if raw is None:
        return None
    if isinstance(raw, Variable):
        return raw.rows(rows)
    if hasattr(raw, "iloc"):
        return raw.iloc[rows]
    if array_api_compat.is_array_api_obj(raw) or hasattr(raw, "to_numpy"):
        return raw[rows]
    return [raw[i] for i in rows]


def check_n_neighbors(k: int, values: np.ndarray, who: str) -> None:
    """Raise unless there are more rows than neighbours asked for."""
    n, dim = values.shape
    if k >= n:
        raise ValueError(
            f"n_neighbors must be smaller than the number of rows of {who}, got n_neighbors = {k} "
            f"and n_samples = {n} (n_features = {dim}). Lower n_neighbors or pass more rows."
        )


def check_classes(labels: Variable) -> tuple[np.ndarray, np.ndarray]:
    """Sorted classes and codes of a two-sample label; exactly two classes are allowed."""
    if labels.dim > 1:
        raise ValueError(
            f"{labels.name} must be one column of labels, got {labels.dim} columns. "
            f"It says which of the two samples each row of X came from."
        )
    codes, known = labels.columns[0], labels.labels[0]
    present = np.unique(codes)
    if len(present) != 2 or known is None:
        kinds = "class" if len(present) == 1 else "classes"
        raise ValueError(
            f"{labels.name} must have exactly two classes, one for each sample, got "
            f"{len(present)} {kinds}. Only binary classification labels make a divergence; build "
            f"them with two_samples(P, Q)."
        )
    return known[present], (codes == present[1]).astype(np.intp)


def two_samples(P: Any, Q: Any) -> tuple[Any, Any]:
    """Stack two samples and label their rows, the form in which divergences are fitted.

    Labels rather than a second array, because a second array handed to a pipeline as ``y`` goes
    through it untransformed and the divergence comes out wrong.

    Parameters
    ----------
    P, Q : array-like of shape (n, d) and (m, d), or (n,) and (m,)
        The two samples. Arrays of one library, or two DataFrames with equal columns.

    Returns
    -------
    X : array or DataFrame of shape (n + m, d)
        The rows of `P`, then those of `Q`.
    y : array of shape (n + m,)
        0 for rows of `P`, 1 for rows of `Q`.

    Raises
    ------
    ValueError
        If the numbers or names of the columns differ, or one sample has dates or durations where
        the other has none.

    Notes
    -----
    Complexity :math:`O((n + m) d)`: one copy.

    Examples
    --------
    >>> from infotheory import two_samples
    >>> X, y = two_samples([[0.0], [1.0]], [[2.0]])
    >>> X.tolist(), y.tolist()
    ([[0.0], [1.0], [2.0]], [0, 0, 1])
    """
    if is_frame(P) and is_frame(Q):
        if list(P.columns) != list(Q.columns):
            raise ValueError(
                f"P and Q must have the same columns, got {list(P.columns)} and "
                f"{list(Q.columns)}. Select and order the columns of Q as in P."
            )
        check_same_times(*(as_columns(t, n, allow_1d=True) for t, n in ((P, "P"), (Q, "Q"))))
        import pandas

        X = pandas.concat([P, Q], ignore_index=True)
        return X, np.repeat([0, 1], [len(P), len(Q)])
    first, second = as_columns(P, "P", allow_1d=True), as_columns(Q, "Q", allow_1d=True)
    if len(first) != len(second):
        raise ValueError(
            f"P and Q must have the same number of columns, got {len(first)} and {len(second)}. "
            f"A divergence compares two laws on one space."
        )
    check_same_times(first, second)
    n, m = len(first[0]), len(second[0])
    if array_api_compat.is_torch_array(P) and array_api_compat.is_torch_array(Q):
        import torch

        X = torch.cat([P.reshape(n, -1), Q.reshape(m, -1)])
        return X, torch.repeat_interleave(
            torch.arange(2, device=X.device), torch.tensor([n, m], device=X.device)
        )
    X = np.concatenate([np.column_stack(first), np.column_stack(second)])
    return X, np.repeat([0, 1], [n, m])


def check_same_times(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    """Dates in one sample and plain numbers in the other never meet."""
    for j, pair in enumerate(zip(first, second, strict=True)):
        times = [is_time(column) for column in pair]
        if times[0] != times[1]:
            words = ["times" if time else f"{c.dtype}" for time, c in zip(times, pair, strict=True)]
            raise ValueError(
                f"Column {j} of P and Q must hold the same kind of values, got {words[0]} in P and "
                f"{words[1]} in Q. Pass times in both, or the same numbers of both."
            )
