"""Checks of joint laws and of channels, whose wrong sums would give wrong numbers in silence."""

from __future__ import annotations

import math
from numbers import Real

import array_api_compat
import numpy as np

from infotheory._xp import array_namespace, as_float, detached_numpy
from infotheory._xp._namespace import Array


def checked_joint(pxy: Array, name: str = "pxy") -> np.ndarray:
    """One joint law as float64 of sum 1, off graph and device; rows are outcomes of x."""
    table = checked_probabilities(pxy, name, "one row an outcome of x, one column an outcome of y")
    if table.ndim != 2:
        raise ValueError(
            f"{name} must have two axes, one row an outcome of x and one column an outcome of y, "
            f"got shape {table.shape}. Call once for each law of a batch."
        )
    return table / checked_total(table, name, precision_of(pxy))


def checked_total(values: np.ndarray, name: str, precision: float) -> float:
    """The sum, exactly rounded, once it is 1 up to the square root of the precision."""
    total, tolerance = math.fsum(values.ravel()), math.sqrt(precision)
    if abs(total - 1) > tolerance:
        raise ValueError(
            f"{name} must sum to 1 within {tolerance:.1e}, got a sum of {total:.10g}. Divide it by "
            f"its sum if it holds counts or weights."
        )
    return total


def checked_channel(channel: Array, name: str = "channel") -> Array:
    """A channel as given, its rows divided by their sums, which are 1 within rounding."""
    rows = checked_probabilities(channel, name, "one row an input, one column an output")
    if rows.ndim < 2:
        raise ValueError(
            f"{name} must have an axis of inputs and one of outputs, got shape {rows.shape}. Pass "
            f"the law of the output given each input as one row."
        )
    totals, tolerance = rows.sum(axis=-1), math.sqrt(precision_of(channel))
    wrong = np.abs(totals - 1) > tolerance
    if wrong.any():
        i = tuple(int(k) for k in np.argwhere(wrong)[0])
        where = i[0] if len(i) == 1 else i
        raise ValueError(
            f"{name} must have rows that sum to 1 within {tolerance:.1e}, got a sum of "
            f"{totals[i]:.10g} in row {where}. Divide each row by its sum; leave out inputs that "
            f"are never used."
        )
    check_full_precision(name, channel)
    values = as_float(channel)
    return values / array_namespace(values).sum(values, axis=-1, keepdims=True)


def check_tol(tol: float) -> None:
    """Raise unless a tolerance is a positive number."""
    if isinstance(tol, bool) or not isinstance(tol, Real):
        raise TypeError(f"tol must be a number above 0, got {tol!r}. Pass nats, such as 1e-9.")
    if not tol > 0:
        raise ValueError(
            f"tol must be above 0 nats, got {tol}. Pass a small number such as 1e-9; rounding is "
            f"of the order of 1e-14."
        )


def check_beta(beta: float) -> None:
    """Raise unless the price of a bottleneck is a positive number."""
    if not isinstance(beta, Real) or not (math.isfinite(beta) and beta > 0):
        raise ValueError(
            f"beta must be a finite number above 0, got {beta!r}. It is what a nat about y is "
            f"worth in nats about x; up to 1 nothing is worth it."
        )


def check_full_precision(name: str, values: Array) -> None:
    """Raise for halves of floats, in which no system of equations is solved, and for no numbers."""
    xp = array_namespace(values)
    if xp.isdtype(values.dtype, ("bool", "integral")):
        return
    if not xp.isdtype(values.dtype, "real floating") or xp.finfo(values.dtype).bits < 32:
        raise TypeError(
            f"{name} must be real numbers of 32 bits or more, got dtype {values.dtype}. Convert "
            f"it, for example to float64."
        )


def precision_of(p: Array) -> float:
    """Relative rounding of the dtype that probabilities came in."""
    xp = array_namespace(p)
    # Asked of the library: NumPy has no bfloat16.
    is_real = xp.isdtype(p.dtype, "real floating")
    return float((xp.finfo(p.dtype) if is_real else np.finfo(np.float64)).eps)


def checked_probabilities(p: Array, name: str, axes: str) -> np.ndarray:
    """Finite numbers from 0 on as float64, at least one, off graph and device."""
    if not array_api_compat.is_array_api_obj(p):
        raise TypeError(
            f"{name} must be an array of probabilities, got {type(p).__name__}. Convert it, for "
            f"example with numpy.asarray."
        )
    given = detached_numpy(p)
    if given.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} must be real numbers, got dtype {given.dtype}. Pass probabilities."
        )
    if not given.size:
        raise ValueError(
            f"{name} must have at least one entry, got shape {given.shape}. Pass {axes}."
        )
    values = given.astype(np.float64)
    _refuse(values, ~np.isfinite(values), name, "finite", "Replace or remove such outcomes.")
    _refuse(values, values < 0, name, "non-negative", "Probabilities are at least 0.")
    return values


def _refuse(values: np.ndarray, wrong: np.ndarray, name: str, rule: str, advice: str) -> None:
    if wrong.any():
        i = tuple(int(k) for k in np.argwhere(wrong)[0])
        where = i[0] if len(i) == 1 else i
        raise ValueError(f"{name} must be {rule}, got {values[i]} at index {where}. {advice}")
