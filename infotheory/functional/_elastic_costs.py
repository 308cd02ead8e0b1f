"""Costs that make displacements sparse, their proximal maps, and the map of a plan to new points.

Each cost is h(x - y) with h(z) = |z|^2 / 2 + tau(z). What the map of a plan needs of it is the
gradient of h and the proximal map of tau, which is the gradient of the convex conjugate of h.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from array_api_compat import device

from infotheory._xp import array_namespace, safe_log
from infotheory._xp._namespace import Array
from infotheory.functional._transport_checks import check_positive
from infotheory.functional._transport_costs import check_columns, namespace_of_points

REGULARISERS = ("l1", "stvs", "k-overlap")
_BLOCK = 2**21  # differences of coordinates that a pass works on at once


def elastic_cost(
    X: Array, Y: Array, regulariser: str = "l1", strength: float = 1.0, k: int = 1
) -> Array:
    r"""Half the squared distance, and a price on the number of coordinates in which points differ.

    Parameters
    ----------
    X, Y : arrays of shape (n, d), (m, d)
    regulariser : {"l1", "stvs", "k-overlap"}
        What is added to :math:`|z|^2 / 2`, z = x - y. "l1": strength times the sum of absolute
        values. "stvs": for each coordinate a concave function of its absolute value, whose slope
        is `strength` at 0 and falls to nothing, so that long moves are hardly shortened.
        "k-overlap": half of strength times the squared k-overlap norm, which is the l1 norm for
        k = 1 and the Euclidean norm for k = d.
    strength : float
        Not negative. A length for "l1" and "stvs", a pure number for "k-overlap".
    k : int
        From 1 to d, for "k-overlap".

    Returns
    -------
    array of shape (n, m)
        Differentiable; the slope of an absolute value at 0 is taken as 0.

    Raises
    ------
    ValueError
        If the regulariser is none of these names.

    Notes
    -----
    Complexity O(n m d), for "k-overlap" O(n m d log d). Memory O(n m) and a block of some rows,
    of 2^21 numbers, at a time. Sources: Cuturi, Klein and Ablin (2023), arXiv:2302.04065;
    Argyriou, Foygel and Srebro (2012), arXiv:1204.5043, of the k-overlap norm.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import elastic_cost
    >>> elastic_cost(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]]), "l1", 2.0).tolist()
    [[26.5]]
    """
    xp = namespace_of_points(X, Y)
    check_columns(X, Y)
    parts = [
        _elastic(x[:, None, :] - Y[None, :, :], regulariser, strength, k)
        for x in _blocks_of_rows(X, Y)
    ]
    return xp.concat(parts, axis=0)


def elastic_gradient(Z: Array, regulariser: str = "l1", strength: float = 1.0, k: int = 1) -> Array:
    r"""Gradient of an elastic cost in the difference of two points.

    Parameters
    ----------
    Z : array of shape (..., d)
        Differences x - y.
    regulariser : {"l1", "stvs", "k-overlap"}
    strength : float
    k : int
        All as in :func:`elastic_cost`.

    Returns
    -------
    array of shape (..., d)
        Where a coordinate is 0, so that the cost has a kink there, 0 for it, which is one of its
        slopes.

    Raises
    ------
    ValueError
        If the regulariser is none of these names.

    Notes
    -----
    The inverse of :func:`elastic_proximal` off the kinks. Complexity O(d), for "k-overlap"
    O(d log d) each. Source: Cuturi, Klein and Ablin (2023), arXiv:2302.04065.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import elastic_gradient
    >>> elastic_gradient(np.array([3.0, 0.0, -1.0]), "l1", 2.0).tolist()
    [5.0, 0.0, -3.0]
    """
    xp = array_namespace(Z)
    if regulariser == "l1":
        return Z + strength * xp.sign(Z)
    if regulariser == "stvs":
        return (Z + xp.sign(Z) * xp.sqrt(Z * Z + 4 * strength**2)) / 2
    _check(regulariser)
    size = xp.abs(Z)
    level = _overlap_level(size, k)
    return Z + strength * xp.sign(Z) * xp.where(size > level, size, level)


def elastic_proximal(V: Array, regulariser: str = "l1", strength: float = 1.0, k: int = 1) -> Array:
    r"""Proximal map of a regulariser: what is left of each vector, many coordinates exactly 0.

    Parameters
    ----------
    V : array of shape (..., d)
    regulariser : {"l1", "stvs", "k-overlap"}
    strength : float
    k : int
        All as in :func:`elastic_cost`.

    Returns
    -------
    array of shape (..., d)
        :math:`\arg\min_z |z - v|^2 / 2 + \tau(z)`. "l1" and "stvs" leave 0 where an absolute
        value is at most `strength`; beyond it the first takes `strength` off and the second
        :math:`strength^2 / |v|`. Differentiable off the kinks.

    Raises
    ------
    ValueError
        If the regulariser is none of these names.

    Notes
    -----
    That of the k-overlap norm is :math:`v_i \theta_i / (\theta_i + strength)` with
    :math:`\theta_i = clip(t |v_i| - strength, 0, 1)` and t so that they sum to k; t is found by
    bisection of the sorted points where an entry becomes 0 or 1, hence exactly. Complexity O(d),
    for "k-overlap" O(d log d) each. Sources: Cuturi, Klein and Ablin (2023), arXiv:2302.04065;
    Argyriou, Foygel and Srebro (2012), arXiv:1204.5043.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import elastic_proximal
    >>> elastic_proximal(np.array([3.0, 1.5, -4.0]), "stvs", 2.0).tolist()
    [1.6666666666666667, 0.0, -3.0]
    """
    xp = array_namespace(V)
    size = xp.abs(V)
    if regulariser == "l1":
        return xp.sign(V) * xp.clip(size - strength, 0.0, None)
    if regulariser == "stvs":
        left = size > strength
        return xp.where(left, V - strength**2 / xp.where(left, V, 1.0), 0.0)
    _check(regulariser)
    if strength == 0:
        return V
    theta = _overlap_shares(size, strength, k)
    return V * theta / (theta + strength)


def elastic_map(
    X: Array,
    Y: Array,
    potential: Array,
    *,
    epsilon: float,
    b: Array | None = None,
    regulariser: str = "l1",
    strength: float = 1.0,
    k: int = 1,
) -> Array:
    r"""Where an entropic plan of an elastic cost sends points, those of its source or new ones.

    Parameters
    ----------
    X, Y : arrays of shape (n, d), (m, d)
        Points to be moved, and the target.
    potential : array of shape (m,)
        Potential g of the target, from :func:`sinkhorn` with :func:`elastic_cost`.
    epsilon : float
        That of the plan.
    b : array of shape (m,), optional
        Weights of the target; uniform if None.
    regulariser : {"l1", "stvs", "k-overlap"}
    strength : float
    k : int
        All as in :func:`elastic_cost`.

    Returns
    -------
    array of shape (n, d)
        :math:`x - prox(\nabla f_\epsilon(x))`, where :math:`f_\epsilon` is the potential of the
        source, extended to all points. Coordinates that do not move are exactly those of X.

    Raises
    ------
    ValueError
        If the regulariser is none of these names, epsilon is not positive, or X and Y differ in
        their columns.

    Notes
    -----
    With strength 0 the mean of the target under the plan given x. Complexity O(n m d), memory
    O(m d) and a block of 2^21 numbers. Source: Cuturi, Klein and Ablin (2023), arXiv:2302.04065.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import elastic_map
    >>> elastic_map(np.zeros((1, 2)), np.array([[5.0, 1.0]]), np.zeros(1), epsilon=1.0).tolist()
    [[5.0, 1.0]]
    """
    check_positive(epsilon=epsilon)
    xp = namespace_of_points(X, Y)
    check_columns(X, Y)
    log_b = -math.log(Y.shape[0]) if b is None else safe_log(b)
    parts = []
    for x in _blocks_of_rows(X, Y):
        apart = x[:, None, :] - Y[None, :, :]
        cost = _elastic(apart, regulariser, strength, k)
        exponent = (potential - cost) / epsilon + log_b
        share = xp.exp(exponent - xp.max(exponent, axis=-1, keepdims=True))
        share = share / xp.sum(share, axis=-1, keepdims=True)
        slopes = elastic_gradient(apart, regulariser, strength, k)
        slope = (share[:, None, :] @ slopes)[:, 0, :]
        parts.append(x - elastic_proximal(slope, regulariser, strength, k))
    return xp.concat(parts, axis=0)


def _blocks_of_rows(X: Array, Y: Array) -> Iterator[Array]:
    n, rows = X.shape[0], max(1, _BLOCK // (Y.shape[0] * Y.shape[1]))
    for i in range(0, n, rows):
        yield X[i : min(i + rows, n), :]


def _check(regulariser: str) -> None:
    if regulariser != "k-overlap":
        raise ValueError(
            f"regulariser must be one of {', '.join(REGULARISERS)}, got {regulariser!r}."
        )


def _elastic(Z: Array, regulariser: str, strength: float, k: int) -> Array:
    """The cost of each difference: (..., d) -> (...)."""
    xp = array_namespace(Z)
    square = xp.sum(Z * Z, axis=-1)
    if regulariser == "l1":
        return square / 2 + strength * xp.sum(xp.abs(Z), axis=-1)
    if strength == 0:
        _check("k-overlap" if regulariser == "stvs" else regulariser)
        return square / 2
    if regulariser == "stvs":
        # The integral of (sqrt(z^2 + 4 s^2) - z) / 2 from 0 to |z|.
        u = xp.abs(Z) / (2 * strength)
        grown = u * xp.sqrt(u * u + 1) + xp.asinh(u) - u * u
        return square / 2 + strength**2 * xp.sum(grown, axis=-1)
    _check(regulariser)
    size = xp.abs(Z)
    level = _overlap_level(size, k)
    # Entries above the level count with their squares, the rest with the level times their sum.
    squared_norm = xp.sum(size * xp.where(size > level, size, level), axis=-1)
    return (square + strength * squared_norm) / 2


def _overlap_level(size: Array, k: int) -> Array:
    """What smaller entries count as in the k-overlap norm: (..., d) -> (..., 1).

    The norm is the least of sqrt(sum w_i^2 / theta_i) over theta in [0, 1]^d of sum k, which is
    theta_i = min(1, w_i / level): s entries are above the level, and the others sum to k - s
    levels. Whether the s-th largest is above is settled by the sum of those after it.
    """
    xp = array_namespace(size)
    ascending = xp.sort(size, axis=-1)
    tails = xp.flip(xp.cumulative_sum(ascending, axis=-1), axis=-1)[..., :k]
    largest = xp.flip(ascending, axis=-1)[..., :k]
    left = xp.arange(k, 0, -1, dtype=size.dtype, device=device(size))
    above = largest * left >= tails
    # The last place always counts itself as above where nothing follows it; its level is 0 then.
    n_above = xp.sum(xp.astype(above, xp.int64), axis=-1, keepdims=True)
    at = xp.clip(n_above, None, k - 1)
    level = xp.take_along_axis(tails / left, at, axis=-1)
    return xp.where(n_above >= k, xp.take_along_axis(largest, at, axis=-1), level)


def _overlap_shares(size: Array, strength: float, k: int) -> Array:
    """theta_i = clip(t w_i - strength, 0, 1) with sum k, or all that are not 0 have 1."""
    xp = array_namespace(size)
    some = size > 0
    safe = xp.where(some, size, 1.0)
    points = xp.concat([strength / safe, (1 + strength) / safe], axis=-1)
    points = xp.where(xp.concat([some, some], axis=-1), points, 0.0)
    points = xp.sort(points, axis=-1)
    d = size.shape[-1]
    # The last point at which the sum is still at most k; at the first one nothing is above 0.
    low = xp.zeros((*size.shape[:-1], 1), dtype=xp.int64, device=device(size))
    high = low + 2 * d
    for _ in range((2 * d).bit_length()):
        middle = (low + high) // 2
        t = xp.take_along_axis(points, middle, axis=-1)
        total = xp.sum(xp.clip(t * size - strength, 0.0, 1.0), axis=-1, keepdims=True)
        low, high = xp.where(total <= k, middle, low), xp.where(total <= k, high, middle)
    # Which entries are 0 or 1 does not change up to the next point: seen from half way to it.
    after = xp.take_along_axis(points, xp.clip(low + 1, None, 2 * d - 1), axis=-1)
    half_way = (xp.take_along_axis(points, low, axis=-1) + after) / 2 * size - strength
    full = some & ((low == 2 * d - 1) | (half_way >= 1))
    moving = some & ~full & (half_way > 0)
    n_full = xp.sum(xp.astype(full, size.dtype), axis=-1, keepdims=True)
    n_moving = xp.sum(xp.astype(moving, size.dtype), axis=-1, keepdims=True)
    total = xp.sum(xp.where(moving, size, 0.0), axis=-1, keepdims=True)
    t = (k - n_full + strength * n_moving) / xp.where(total > 0, total, 1.0)
    share = xp.clip(t * size - strength, 0.0, 1.0)
    return xp.where(full, 1.0, xp.where(moving, share, 0.0))
