"""What is asked of samples, bandwidths and Gram matrices before kernels are computed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from infotheory._xp._namespace import (
    Array,
    array_namespace,
    as_float,
    as_working_float,
    detached_numpy,
)
from infotheory.functional._sinkhorn_implicit import off_graph
from infotheory.functional._sinkhorn_precision import largest
from infotheory.functional._transport_checks import check_library

# Below, one over a bandwidth is no float.
_LEAST = float(np.finfo(np.float64).tiny)


def check_numbers(name: str, x: Array) -> Any:
    """The library of an array of real numbers, none of them masked."""
    xp = check_library(name, x)
    if xp.isdtype(x.dtype, "complex floating"):
        raise ValueError(f"{name} must be real, got {x.dtype}. Take its real part or its size.")
    if not xp.isdtype(x.dtype, ("real floating", "integral", "bool")):
        raise TypeError(f"{name} must hold numbers, got {x.dtype}. Convert it to floats.")
    return xp


def check_no_half(name: str, x: Array) -> None:
    """Raise for matrices in half precision, which are not semi-definite any more."""
    xp = array_namespace(x)
    if xp.isdtype(x.dtype, ("real floating", "complex floating")) and float(
        xp.finfo(x.dtype).eps
    ) > float(xp.finfo(xp.float32).eps):
        raise TypeError(
            f"{name} must be in single or double precision, got {x.dtype}: rounding to halves "
            f"makes eigenvalues negative. Compute it in float32."
        )


def check_points(**points: Array) -> None:
    """Raise unless these are finite rows of real numbers, of one library."""
    for name, x in points.items():
        check_numbers(name, x)
        if x.ndim < 2 or 0 in x.shape:
            raise ValueError(
                f"{name} must have shape (..., n, d), rows and columns, at least one of each, got "
                f"shape {tuple(x.shape)}. A single column is x[:, None]."
            )
        if not math.isfinite(_seen(x)):
            raise ValueError(
                f"{name} must be finite, got missing or infinite values. Remove those rows."
            )
    check_library(next(iter(points)), *points.values())


def check_columns(**points: Array) -> None:
    """Raise unless samples that are compared have the same columns."""
    (first, x), *others = points.items()
    for name, y in others:
        if x.shape[-1] != y.shape[-1]:
            raise ValueError(
                f"{first} and {name} must have the same columns, got {x.shape[-1]} and "
                f"{y.shape[-1]} of them."
            )


def check_pairs(**points: Array) -> None:
    """Raise unless rows belong together."""
    (first, x), *others = points.items()
    for name, y in others:
        if x.shape[-2] != y.shape[-2]:
            raise ValueError(
                f"{first} and {name} must have the same number of rows, which belong together, got "
                f"{x.shape[-2]} and {y.shape[-2]}."
            )


def check_rows(least: int, why: str, **points: Array) -> None:
    """Raise where there are too few rows for what was asked."""
    for name, x in points.items():
        if x.shape[-2] < least:
            raise ValueError(
                f"{name} must have at least {least} rows for {why}, got {x.shape[-2]}. Take more "
                f"rows, or 'biased'."
            )


def check_name(name: str, value: Any, allowed: Iterable[str]) -> None:
    """Raise for a name that is none of those."""
    known = tuple(allowed)
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be {' or '.join(map(repr, known))}, got {value!r}.")


def check_bandwidth(name: str, bandwidth: Any, *points: Array) -> None:
    """Raise unless it is positive, finite, and not tiny beside the extent of all these points."""
    is_array = hasattr(bandwidth, "dtype") and getattr(bandwidth, "ndim", 0)
    try:
        if is_array:
            xp = check_numbers(name, bandwidth)
            values = off_graph(bandwidth)
            # A missing number is the least of all.
            width, high = _number(xp.min(values)), _number(xp.max(values))
        else:
            width = high = _number(off_graph(bandwidth))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} must be a positive number, or an array of one for each sample, got "
            f"{bandwidth!r}. kernel_bandwidth(X) gives one."
        ) from error
    if not (width > 0 and high < math.inf):
        got = f"{width:g}" if is_array else repr(bandwidth)
        raise ValueError(
            f"{name} must be positive and finite, got {got}. kernel_bandwidth(X) gives one."
        )
    if width < _LEAST or not _are_near(points, width):
        raise ValueError(
            f"{name} must be large enough that squared distances in units of it are floats, got "
            f"{width:g}. Take a larger one, or scale the columns first."
        )


def _are_near(points: tuple[Array, ...], width: float) -> bool:
    """Whether squared distances of all these points over the width are floats."""
    if not points:
        return True
    sizes = [_seen(x) for x in points]
    xp = check_library("X", points[0])
    # Of the dtype in which kernels are computed.
    dtype = as_working_float(points[0][..., :0, :]).dtype
    most = float(xp.finfo(dtype).max)
    reach = math.sqrt(most / (4 * points[0].shape[-1]))
    if 2 * max(sizes) / width <= reach:
        return True
    # Columns that are far from 0 may have a small extent.
    highs = [_extremes(x)[0] for x in points]
    lows = [_extremes(x)[1] for x in points]
    extent = np.max(highs, axis=0) / width - np.min(lows, axis=0) / width
    return bool(np.max(extent) <= reach)


def _extremes(x: Array) -> tuple[np.ndarray, np.ndarray]:
    """The largest and the least value of each column."""
    values = detached_numpy(x).reshape(-1, x.shape[-1]).astype(np.float64)
    return values.max(axis=0), values.min(axis=0)


def _seen(x: Array) -> float:
    """The largest size of an entry; 0 where Torch maps over samples and shows no number."""
    try:
        return largest(as_float(off_graph(x)))
    except RuntimeError:
        return 0.0


def _number(value: Any) -> float:
    if isinstance(value, (str, bytes)) or "complex" in str(getattr(value, "dtype", "")):
        raise TypeError("no real number")
    try:
        return float(value)
    except RuntimeError:
        return 1.0  # mapped over by Torch, as above
