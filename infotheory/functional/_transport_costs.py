"""Costs of moving one point to another, for every pair of two samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from infotheory._xp import array_namespace
from infotheory._xp._namespace import Array, as_float
from infotheory.functional._sinkhorn_precision import in_double
from infotheory.functional._transport_checks import check_library, is_transformed

# Errors of a float within which the squared distance of two points, by their squared norms, is 0.
_ROUNDED = 8.0
COSTS = ("half-sqeuclidean", "sqeuclidean", "euclidean", "cosine")


def transport_cost(
    X: Array, Y: Array, cost: str | Callable[[Array, Array], Array] = "half-sqeuclidean"
) -> Array:
    r"""Cost of moving each point of one sample to each of another.

    Parameters
    ----------
    X, Y : arrays of shape (..., n, d), (..., m, d)
    cost : {"half-sqeuclidean", "sqeuclidean", "euclidean", "cosine"} or callable
        Half the squared distance, the squared distance, the distance, or 1 less the cosine of the
        angle. A callable takes X and Y and returns the costs of all pairs, finite and of any sign.

    Returns
    -------
    array of shape (..., n, m)
        Differentiable; the gradient of the distance of equal points is 0.

    Raises
    ------
    ValueError
        If the cost is none of these names, a callable returns another shape, no array or what is
        not finite, or X and Y differ in their columns under a cost with a name.
    TypeError
        If X and Y are not arrays of one library, or a callable returns what are not numbers.

    Notes
    -----
    Complexity O(n m d), memory O(n m). Squared distances are those of points moved to the mean of
    Y, so that what is lost to rounding is relative to the extent of the samples and not to how
    far they are from the origin; distances are computed in float64 (where the device has it), and
    points nearer than about 1e-8 of their distance from that mean are at distance 0. Source:
    Villani, Optimal Transport (2009), chapter 6.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import transport_cost
    >>> transport_cost(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]])).tolist()
    [[12.5]]
    """
    xp = namespace_of_points(X, Y)
    shape = (*X.shape[:-1], Y.shape[-2])
    if callable(cost):
        return _checked(cost(X, Y), tuple(shape), X)
    check_columns(X, Y)
    X, Y = as_float(X), as_float(Y)
    dtype = xp.result_type(X.dtype, Y.dtype)
    X, Y = xp.astype(X, dtype), xp.astype(Y, dtype)
    if cost == "cosine":
        return 1 - _unit(X) @ xp.matrix_transpose(_unit(Y))
    if cost not in COSTS:
        raise ValueError(f"cost must be one of {', '.join(COSTS)} or a callable, got {cost!r}.")
    if cost == "euclidean":
        X, Y = in_double(X, Y)
    centre = xp.mean(Y, axis=-2, keepdims=True)
    x, y = X - centre, Y - centre
    norms = xp.sum(x * x, axis=-1)[..., :, None] + xp.sum(y * y, axis=-1)[..., None, :]
    square = xp.clip(norms - 2 * (x @ xp.matrix_transpose(y)), 0.0, None)
    if cost == "sqeuclidean":
        return square
    if cost == "half-sqeuclidean":
        return square / 2
    # The root of what rounding leaves between equal points would not be small.
    apart = square > _ROUNDED * float(xp.finfo(square.dtype).eps) * norms
    return xp.astype(xp.where(apart, xp.sqrt(xp.where(apart, square, 1.0)), 0.0), dtype)


def _checked(found: Any, shape: tuple[int, ...], points: Array) -> Array:
    """What a callable returned, as costs of all pairs."""
    if not hasattr(found, "shape"):
        raise ValueError(
            f"cost must return an array of shape {shape}, got {type(found).__name__}. Return "
            f"what the library of X and Y computes from X[:, None, :] and Y[None, :, :]."
        )
    if tuple(found.shape) != shape:
        raise ValueError(
            f"cost must return all pairs, shape {shape}, got {tuple(found.shape)}. Compare "
            f"X[:, None, :] with Y[None, :, :]."
        )
    xp = check_library("cost", found, points)
    if xp.isdtype(found.dtype, "complex floating"):
        raise ValueError(f"cost must return real numbers, got {found.dtype}.")
    if not xp.isdtype(found.dtype, ("real floating", "integral", "bool")):
        raise TypeError(f"cost must return numbers, got {found.dtype}. Convert them to floats.")
    found = as_float(found)
    if not (is_transformed(found) or bool(xp.all(xp.isfinite(found)))):
        raise ValueError(
            "cost must be finite, and the callable returned missing or infinite values. Replace "
            "what is missing, and forbidden pairs by a large cost."
        )
    return found


def namespace_of_points(X: Array, Y: Array) -> Any:
    """The library of two samples, each with two axes or more."""
    try:
        xp = array_namespace(X, Y)
    except TypeError as error:
        kinds = [f"{type(part).__module__.split('.')[0]}.{type(part).__name__}" for part in (X, Y)]
        raise TypeError(
            f"X and Y must be arrays of one library, got {' and '.join(kinds)}. Convert one to "
            f"the other's, as by torch.from_numpy(X)."
        ) from error
    for name, points in (("X", X), ("Y", Y)):
        if isinstance(points, np.ma.MaskedArray):
            raise TypeError(
                f"{name} must have no masked entries, and a masked array was passed. Leave rows "
                f"out, or pass {name}.filled(value)."
            )
        if points.ndim < 2 or 0 in points.shape[-2:]:
            raise ValueError(
                f"{name} must have shape (..., points, columns), at least one of each, got "
                f"{tuple(points.shape)}. A single column is {name}[:, None]."
            )
        if xp.isdtype(points.dtype, "complex floating"):
            raise ValueError(
                f"{name} must be real, got {points.dtype}. Pass real and imaginary parts as "
                f"columns of their own."
            )
    return xp


def check_columns(X: Array, Y: Array) -> None:
    """Raise where two samples differ in their columns."""
    if X.shape[-1] != Y.shape[-1]:
        raise ValueError(
            f"X and Y must have the same number of columns, got {X.shape[-1]} and {Y.shape[-1]}."
        )


def _unit(X: Array) -> Array:
    xp = array_namespace(X)
    length = xp.linalg.vector_norm(X, axis=-1, keepdims=True)
    return X / xp.where(length > 0, length, 1.0)
