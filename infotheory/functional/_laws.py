"""Checks of laws on finite alphabets, for functions that have no estimator above them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from infotheory._xp._namespace import Array
from infotheory.functional._law_tables import checked_probabilities, checked_total, precision_of


class Law(NamedTuple):
    """The positive probabilities of a law, and which outcomes they belong to."""

    masses: np.ndarray  # float64, of sum 1
    outcomes: np.ndarray  # int64
    size: int
    precision: float  # relative rounding of the input


def checked_law(p: Array, name: str) -> Law:
    """Read one array of probabilities, or say what is wrong with it.

    The sum may differ from 1 by the square root of the precision of the dtype, as in NumPy's
    ``Generator.choice``; masses are divided by it. It is exactly rounded, so that the order of the
    outcomes changes no mass.
    """
    values = checked_probabilities(p, name, "the probabilities of its outcomes as one row")
    if values.ndim != 1:
        raise ValueError(
            f"{name} must have one axis alone, got shape {values.shape}. Pass the probabilities of "
            f"its outcomes as one row."
        )
    precision = precision_of(p)
    total = checked_total(values, name, precision)
    outcomes = np.flatnonzero(values)
    return Law(values[outcomes] / total, outcomes, len(values), precision)


def checked_rate(rate: float, name: str = "rate") -> float:
    """Read a number of nats that is at least 0; infinity is allowed."""
    value = float(rate)
    if not value >= 0:
        raise ValueError(
            f"{name} must be at least 0 nats, got {rate}. Use numpy.inf for no limit at all."
        )
    return value


def checked_choice(value: str, name: str, choices: tuple[str, ...]) -> None:
    """Raise unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(
            f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}. Pass one of "
            f"these names."
        )


def entropy_of(masses: np.ndarray) -> float:
    """Shannon entropy of positive masses, in nats, whatever their sum."""
    return 0.0 - math.fsum(masses * np.log(masses))
