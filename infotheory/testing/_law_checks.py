"""Checks of the laws that a quantity obeys: invariances, symmetry, additivity, processing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from unittest import SkipTest

import numpy as np

from ._laws import LAWS
from ._problems import Rows, side_by_side
from ._subject import Sides, Subject

_FACTOR = 3.7
_SHIFT = 100.0
# Standard deviations of one value by which the mean over samples may miss a law: invariances,
# and sums, to which the bias of more columns is added.
_ERRORS_ALLOWED = 2.5
_ERRORS_ALLOWED_IN_SUMS = 4.0


def check_translation(subject: Subject) -> None:
    """Adding constants to the columns changes nothing."""
    _require(subject, "translation", "real")

    def sides(data: str, rows: Rows, rng: np.random.Generator) -> tuple[float, float]:
        X, y = rows
        moved_y = y - _SHIFT if subject.quantity == "mutual_information" else y
        moved_X = X + _SHIFT * (1 + np.arange(X.shape[1]))
        return subject.value(moved_X, moved_y), subject.value(X, y)

    _assert_law(
        subject,
        "translation",
        ["real"],
        sides,
        ("value of X + c", "value of X"),
        "centre the columns before kernels or networks; look for absolute thresholds and float32",
    )


def check_scale(subject: Subject) -> None:
    """Multiplying X by a adds d ln a to an entropy and nothing to the other quantities."""
    _require(subject, "scale", "real")
    entropy = subject.quantity == "entropy"

    def sides(data: str, rows: Rows, rng: np.random.Generator) -> tuple[float, float]:
        X, y = rows
        jacobian = X.shape[1] * math.log(_FACTOR) if entropy else 0.0
        return subject.value(_FACTOR * X, y), subject.value(X, y) + jacobian

    _assert_law(
        subject,
        "scale",
        ["real"],
        sides,
        (f"value of {_FACTOR} X", "value of X" + f" + d ln {_FACTOR}" * entropy),
        "look for a fixed bandwidth, a missing Jacobian term d ln a, or margins that are not "
        "standardised",
    )


def check_relabelling(subject: Subject) -> None:
    """Giving the symbols other names changes nothing."""
    _require(subject, "relabelling", "symbols")
    names = np.array([7, 3, 12, 0, 5, 1])

    def sides(data: str, rows: Rows, rng: np.random.Generator) -> tuple[float, float]:
        X, y = rows
        renamed_y = names[y] if subject.quantity == "mutual_information" else y
        return subject.value(names[X], renamed_y), subject.value(X, y)

    _assert_law(
        subject,
        "relabelling",
        ["symbols"],
        sides,
        ("value of renamed symbols", "value of the symbols"),
        "labels must be compared for equality alone, never used as numbers",
    )


def check_row_order(subject: Subject) -> None:
    """Permuting the rows, those of X and y together, changes nothing."""
    _require(subject, "row-order")

    def sides(data: str, rows: Rows, rng: np.random.Generator) -> tuple[float, float]:
        X, y = rows
        order = rng.permutation(len(X))
        return subject.value(X[order], None if y is None else y[order]), subject.value(X, y)

    _assert_law(
        subject,
        "row-order",
        subject.data,
        sides,
        ("value of permuted rows", "value of the rows"),
        "look for X and y taken apart, a split by position, or state kept between rows",
    )


def check_symmetry(subject: Subject) -> None:
    """Exchanging X and y, or the two samples, changes nothing."""
    _require(subject, "symmetry")

    def sides(data: str, rows: Rows, rng: np.random.Generator) -> tuple[float, float]:
        X, y = rows
        exchanged = (y, X) if subject.quantity == "mutual_information" else (X, 1 - y)
        return subject.value(*exchanged), subject.value(X, y)

    _assert_law(
        subject,
        "symmetry",
        subject.data,
        sides,
        ("value with the sides exchanged", "value"),
        "is the estimand symmetric? If not, declare it: laws={'symmetry': None}",
    )


def check_additivity(subject: Subject) -> None:
    """The value of two independent blocks is the sum of their values."""
    _require(subject, "additivity")

    def sides(data: str, rows: Rows, rng: np.random.Generator) -> tuple[float, float]:
        n = len(rows[0]) // (2 if subject.quantity == "divergence" else 1)
        other = subject.problem(data).draw(n, rng)
        both = side_by_side(rows, other, subject.quantity)
        return subject.value(*both), subject.value(*rows) + subject.value(*other)

    _assert_law(
        subject,
        "additivity",
        subject.data,
        sides,
        ("value of both blocks", "sum of their values"),
        "look for factors of the dimension, and for bias that grows with it",
        errors_allowed=_ERRORS_ALLOWED_IN_SUMS,
    )


def check_data_processing(subject: Subject) -> None:
    """Noise or merged symbols do not raise an information, a divergence or a discrete entropy."""
    _require(subject, "data-processing")
    tried = [d for d in subject.data if subject.quantity != "entropy" or d == "symbols"]
    if not tried:
        raise SkipTest("differential entropy obeys no data-processing law")

    def sides(data: str, rows: Rows, rng: np.random.Generator) -> tuple[float, float]:
        X, y = rows
        processed = X + rng.normal(size=X.shape) if data == "real" else X % 2
        return subject.value(processed, y), subject.value(X, y)

    _assert_law(
        subject,
        "data-processing",
        tried,
        sides,
        ("value after adding noise to X or merging its symbols", "value before"),
        "does the estimand obey data processing? If not, declare it: "
        "laws={'data-processing': None}",
        one_sided=True,
    )


LAW_CHECKS = (
    check_translation,
    check_scale,
    check_relabelling,
    check_row_order,
    check_symmetry,
    check_additivity,
    check_data_processing,
)


def _require(subject: Subject, law: str, data: str | None = None) -> None:
    """Skip where the quantity has no such law or the estimator reads no such data."""
    if subject.laws[law] is None:
        raise SkipTest(f"the {law} law does not hold for this quantity")
    if data is not None and data not in subject.data:
        raise SkipTest(f"the {law} law speaks of {data} data, which this estimator does not read")


def _assert_law(
    subject: Subject,
    law: str,
    kinds_of_data: Iterable[str],
    sides: Sides,
    words: tuple[str, str],
    look_at: str,
    *,
    one_sided: bool = False,
    errors_allowed: float = _ERRORS_ALLOWED,
) -> None:
    for data in kinds_of_data:
        left, right, tolerance = subject.compare(law, data, sides, errors_allowed)
        gap = max(left - right, 0.0) if one_sided else abs(left - right)
        if gap <= tolerance:
            continue
        how = "to rounding" if subject.laws[law] == "exact" else "within sampling error"
        raise AssertionError(
            f"The {law} law ({LAWS[law]}) fails for {subject.name} on "
            f"{subject.problem(data).name}: {words[0]} = {left:.6g}, {words[1]} = {right:.6g}, off "
            f"by {gap:.3g} where {tolerance:.2g} is allowed (claimed to hold {how}). "
            f"What to look at: {look_at}."
        )
