"""Checks that bad input is refused with an error that names the argument."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from unittest import SkipTest

import numpy as np

from ._subject import Subject

_N = 40


def check_missing_values(subject: Subject) -> None:
    """NaN in X or in y is refused."""
    _refuse_value(subject, np.nan, "NaN")


def check_infinite_values(subject: Subject) -> None:
    """Infinities in X or in y are refused."""
    _refuse_value(subject, np.inf, "an infinite value")


def check_missing_labels(subject: Subject) -> None:
    """None among labels is refused: it may be a category of its own or a mistake."""
    if "symbols" not in subject.data:
        raise SkipTest("reads no labels")
    X, y = subject.sample("symbols", _N)
    holed = X.astype(object)
    holed[3, 0] = None
    _refuse(subject, "X", "None among the labels of X", lambda: subject.fit(holed, y))


def check_complex(subject: Subject) -> None:
    """Complex numbers are refused."""
    X, y = _rows(subject)
    _refuse(subject, "X", "complex X", lambda: subject.fit(X + 1j, y))
    if subject.quantity == "mutual_information":
        _refuse(subject, "y", "complex y", lambda: subject.fit(X, y + 1j))


def check_text(subject: Subject) -> None:
    """Text is refused where numbers are needed."""
    if "symbols" in subject.data:
        raise SkipTest("reads labels")
    X, y = _rows(subject)
    words = np.array(["red", "green"], dtype=object)[np.arange(_N) % 2]
    text = np.column_stack([words] * X.shape[1])[np.arange(len(X)) % _N]
    _refuse(subject, "X", "text in X", lambda: subject.fit(text, y))
    if subject.quantity == "mutual_information":
        _refuse(subject, "y", "text in y", lambda: subject.fit(X, words))


def check_empty(subject: Subject) -> None:
    """No rows, or no columns, are refused."""
    X, y = _rows(subject)
    none = None if y is None else y[:0]
    _refuse(subject, "X", "X without rows", lambda: subject.fit(X[:0], none))
    _refuse(subject, "X", "X without columns", lambda: subject.fit(X[:, :0], y))


def check_one_row(subject: Subject) -> None:
    """One row is refused."""
    X, y = _rows(subject)
    one = None if y is None else y[:1]
    _refuse(subject, "X", "one row", lambda: subject.fit(X[:1], one))


def check_three_dimensions(subject: Subject) -> None:
    """3-D arrays are refused."""
    X, y = _rows(subject)
    _refuse(subject, "X", "3-D X", lambda: subject.fit(X[:, :, None], y))
    if y is not None:
        cube = y.reshape(len(y), 1, -1)
        _refuse(subject, "y", "3-D y", lambda: subject.fit(X, cube))


def check_lengths(subject: Subject) -> None:
    """X and y of different lengths are refused."""
    X, y = _rows(subject)
    if y is None:
        raise SkipTest("takes no y")
    _refuse(subject, "y", "y shorter than X", lambda: subject.fit(X, y[:-1]))


def check_missing_y(subject: Subject) -> None:
    """An absent y is refused where it is needed."""
    X, y = _rows(subject)
    if y is None:
        raise SkipTest("takes no y")
    _refuse(subject, "y", "y=None", lambda: subject.fit(X, None))


def check_number_of_classes(subject: Subject) -> None:
    """A divergence compares exactly two samples."""
    if subject.quantity != "divergence":
        raise SkipTest("only divergences label samples")
    X, _ = _rows(subject)
    for n_classes in (1, 3):
        labels = np.arange(len(X)) % n_classes
        words = f"y with {n_classes} class{'es' * (n_classes > 1)}"
        _refuse(subject, "y", words, lambda labels=labels: subject.fit(X, labels))


def check_columns_of_new_rows(subject: Subject) -> None:
    """New rows with another number of columns are refused."""
    X, y = _rows(subject)
    fitted = subject.fit(X, y)
    wide = np.column_stack([X, X])
    methods = [m for m in ("score_samples", "pointwise") if hasattr(fitted, m)]
    if not methods:
        raise SkipTest("no methods for new rows")
    for method in methods:
        arguments = (wide, y) if method == "pointwise" else (wide,)
        _refuse(
            subject,
            "X",
            f"new rows of {wide.shape[1]} columns after a fit to {X.shape[1]}",
            lambda method=method, arguments=arguments: getattr(fitted, method)(*arguments),
        )


INPUT_CHECKS = (
    check_missing_values,
    check_infinite_values,
    check_missing_labels,
    check_complex,
    check_text,
    check_empty,
    check_one_row,
    check_three_dimensions,
    check_lengths,
    check_missing_y,
    check_number_of_classes,
    check_columns_of_new_rows,
)


def _rows(subject: Subject) -> tuple[np.ndarray, Any]:
    return subject.sample(subject.data[0], _N)


def _refuse_value(subject: Subject, value: float, words: str) -> None:
    X, y = _rows(subject)
    holed = X.astype(np.float64)
    holed[3, 0] = value
    _refuse(subject, "X", f"{words} in X", lambda: subject.fit(holed, y))
    if subject.quantity == "mutual_information":
        holed_y = y.astype(np.float64)
        holed_y[3] = value
        _refuse(subject, "y", f"{words} in y", lambda: subject.fit(X, holed_y))


def _refuse(subject: Subject, argument: str, words: str, call: Callable[[], Any]) -> None:
    try:
        fitted = call()
    except (ValueError, TypeError) as error:
        if re.search(rf"\b{argument}\b", str(error)):
            return
        raise AssertionError(
            f"{subject.name} refuses {words} with a message that does not name {argument}: "
            f"{error}. Say the argument, the rule, the value and what to do."
        ) from error
    except Exception as error:
        raise AssertionError(
            f"{subject.name} meets {words} with {type(error).__name__} instead of ValueError or "
            f"TypeError: {error}. Check the input before computing."
        ) from error
    raise AssertionError(
        f"{subject.name} accepts {words} and returns {getattr(fitted, subject.attribute, fitted)}. "
        f"Raise a ValueError that names {argument}: no row may be dropped or filled silently."
    )
