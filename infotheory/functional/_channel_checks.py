"""What is asked of rows, of the variance of noise and of bins, before anything is measured."""

from __future__ import annotations

import math
from numbers import Real

import array_api_compat
import numpy as np

from infotheory._xp._namespace import Array, detached_numpy
from infotheory.functional._transport_checks import check_count, check_library


def check_numbers(name: str, values: Array) -> np.ndarray:
    """Finite real numbers, at least one, off graph and device."""
    check_library(name, values)
    if not array_api_compat.is_array_api_obj(values):
        raise TypeError(
            f"{name} must be an array, got {type(values).__name__}. Convert it, as by "
            f"numpy.asarray."
        )
    found = detached_numpy(values)
    if found.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, got dtype {found.dtype}. Convert it.")
    if not found.size:
        raise ValueError(f"{name} must not be empty, got shape {found.shape}. Pass a row or more.")
    wrong = ~np.isfinite(found)
    if wrong.any():
        i = [int(k) for k in np.argwhere(wrong)[0]]
        at = f"({', '.join(map(str, i))})" if len(i) > 1 else "".join(map(str, i))
        raise ValueError(
            f"{name} must be finite, got {found[tuple(i)]} at index {at}. Leave out such rows, or "
            f"replace the value."
        )
    return found


def check_rows(name: str, rows: Array, *, batched: bool = False) -> None:
    """Raise unless there is a finite table, or a batch of such."""
    found = check_numbers(name, rows)
    if found.ndim != 2 and not (batched and found.ndim > 2):
        shape = "(..., n, d)" if batched else "(n, d)"
        raise ValueError(
            f"{name} must have shape {shape}, got {found.shape}. Make one column of one number a "
            f"row by {name}.reshape(-1, 1)."
        )


def check_variance(variance: Array | float, dim: int) -> None:
    """Raise unless there is one positive variance, or one for each of so many coordinates."""
    if isinstance(variance, bool) or not (
        isinstance(variance, Real) or array_api_compat.is_array_api_obj(variance)
    ):
        raise TypeError(
            f"variance must be a number or an array of {dim}, got {variance!r}. Convert it, as by "
            f"numpy.asarray."
        )
    given = np.asarray(variance if isinstance(variance, Real) else detached_numpy(variance))
    if given.dtype.kind not in "fiu":
        raise TypeError(f"variance must be real, got dtype {given.dtype}. Convert it to floats.")
    if given.shape not in ((), (dim,)):
        raise ValueError(
            f"variance must be one number or one for each of the {dim} coordinates, got shape "
            f"{given.shape}."
        )
    wrong = ~(np.isfinite(given) & (given > 0))
    if wrong.any():
        raise ValueError(
            f"variance must be positive and finite, got {given[wrong].flat[0]}. Pass the variance "
            f"of the noise; without noise the information is that of the rows themselves."
        )


def check_codes(name: str, codes: Array | None, n: int) -> None:
    """Raise unless there is one code a row."""
    if codes is None:
        return
    found = check_numbers(name, codes)
    if found.shape != (n,):
        raise ValueError(
            f"{name} must have shape ({n},), one code for each row, got {found.shape}. Number the "
            f"distinct values, as by numpy.unique(values, axis=0, return_inverse=True)[1]."
        )


def check_draws(n_draws: int, random_state: int) -> None:
    """Raise for numbers of draws that leave no standard error, and for what is no seed."""
    check_count(2, n_draws=n_draws)
    check_count(0, random_state=random_state)


def check_number(name: str, value: float) -> None:
    """Raise unless there is one finite number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a finite number, got {value!r}.")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}.")


def check_scaled(scaled: Array) -> None:
    """Raise where centres are further apart than floats go, in units of the noise."""
    found = detached_numpy(scaled)
    with np.errstate(over="ignore"):
        far = not np.all(np.isfinite(2 * found))
    if far:
        raise ValueError(
            f"centres must be within the range of {found.dtype} in units of the standard "
            f"deviation of the noise, and are not. Scale centres and noise alike, raise the "
            f"variance, or pass float64."
        )
