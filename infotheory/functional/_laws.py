"""Checks of laws on finite alphabets, for functions that have no estimator above them."""

from __future__ import annotations

import math
from typing import NamedTuple

import array_api_compat
import numpy as np

from infotheory._xp import detached_numpy
from infotheory._xp._namespace import Array


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
    if not array_api_compat.is_array_api_obj(p):
        raise TypeError(
            f"{name} must be an array of probabilities, got {type(p).__name__}. Convert it, for "
            f"example with numpy.asarray."
        )
    given = detached_numpy(p)
    if given.ndim != 1 or not given.size:
        raise ValueError(
            f"{name} must have one axis and at least one entry, got shape {given.shape}. Pass the "
            f"probabilities of its outcomes as one row."
        )
    if given.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} must be real numbers, got dtype {given.dtype}. Pass its probabilities."
        )
    values = given.astype(np.float64)
    _refuse(values, ~np.isfinite(values), name, "finite", "Replace or remove such outcomes.")
    _refuse(values, values < 0, name, "non-negative", "Probabilities are at least 0.")
    precision = float(np.finfo(given.dtype if given.dtype.kind == "f" else np.float64).eps)
    total, tolerance = math.fsum(values), math.sqrt(precision)
    if abs(total - 1) > tolerance:
        raise ValueError(
            f"{name} must sum to 1 within {tolerance:.1e}, got a sum of {total:.10g}. Divide it by "
            f"its sum if these are weights."
        )
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


def _refuse(values: np.ndarray, wrong: np.ndarray, name: str, rule: str, advice: str) -> None:
    if wrong.any():
        i = int(wrong.argmax())
        raise ValueError(f"{name} must be {rule}, got {values[i]} at index {i}. {advice}")


def entropy_of(masses: np.ndarray) -> float:
    """Shannon entropy of positive masses, in nats, whatever their sum."""
    return 0.0 - math.fsum(masses * np.log(masses))
