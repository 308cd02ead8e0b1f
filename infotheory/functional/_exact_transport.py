"""Optimal transport without regularisation: sorted in one column, by a linear program in more."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import device

from infotheory._xp import array_namespace, detached_numpy
from infotheory._xp._namespace import Array
from infotheory.functional._sinkhorn_points import checked_points
from infotheory.functional._transport_checks import check_count, checked_cost, checked_weights
from infotheory.functional._transport_costs import transport_cost

_OPTIMAL = 1  # what POT's network simplex returns then


class ExactPlan(NamedTuple):
    r"""An optimal plan, its potentials and its cost.

    Parameters
    ----------
    plan : array of shape (n, m)
        At most n + m - 1 entries are not 0.
    potentials : tuple of arrays of shape (n,), (m,)
        f and g in units of the cost, with f_i + g_j at most the cost and equal to it where the
        plan has mass; with equal means.
    value : array of shape ()
        The least cost, which is the mean of f and of g together.

    Notes
    -----
    Memory O(n m). Source: Villani, Optimal Transport (2009), chapter 5.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import exact_transport
    >>> found = exact_transport(np.array([[0.0, 2.0], [2.0, 1.0]]))
    >>> found.plan.tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """

    plan: Array
    potentials: tuple[Array, Array]
    value: Array


def exact_transport(
    cost: Array,
    a: Array | None = None,
    b: Array | None = None,
    *,
    max_iter: int = 10_000_000,
) -> ExactPlan:
    r"""Optimal transport of one discrete law to another, by the network simplex of POT.

    Parameters
    ----------
    cost : array of shape (n, m)
        Finite.
    a, b : arrays of shape (n,), (m,), optional
        Weights of the points on both sides, each with sum 1, zeros allowed; uniform if None.
    max_iter : int
        Pivots of the simplex.

    Returns
    -------
    ExactPlan
        ``plan``, ``potentials`` (f, g with f_i + g_j at most the cost, and equal means) and
        ``value``, the least cost. The value carries gradients to the cost by the envelope; the
        plan and the potentials carry none.

    Raises
    ------
    ImportError
        Without POT.
    ValueError
        If the cost is not finite or no table, or the weights are negative, do not sum to 1
        within 1e-6, or are of other shapes.
    RuntimeError
        If the optimum is not reached within `max_iter`.

    Notes
    -----
    About O(n^2.5) time in practice for n = m, O(n m) memory; computed on the CPU in float64
    whatever the arrays. Source: Bonneel et al. (2011), doi:10.1145/2024156.2024192.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import exact_transport
    >>> found = exact_transport(np.array([[0.0, 2.0], [2.0, 1.0], [5.0, 5.0]]))
    >>> print(f"{found.value:.4f}")
    2.0000
    """
    ot = import_pot("exact_transport")
    cost = checked_cost(cost)
    check_count(1, max_iter=max_iter)
    if cost.ndim != 2 or 0 in cost.shape:
        raise ValueError(
            f"cost must have shape (n, m), at least one of each, got {tuple(cost.shape)}. Solve "
            f"several problems one after the other, or all at once by sinkhorn."
        )
    xp = array_namespace(cost)
    n, m = cost.shape
    numbers = np.ascontiguousarray(detached_numpy(cost), dtype=np.float64)
    weights = [
        _checked_law(name, w, size, numbers, f"{each} of cost")
        for name, w, size, each in (("a", a, n, "row"), ("b", b, m, "column"))
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # an error says so instead
        plan, found = ot.lp.emd(*weights, numbers, numItermax=max_iter, log=True)
    if found["result_code"] != _OPTIMAL:
        raise RuntimeError(
            f"The optimum was not reached within max_iter={max_iter} (POT says: "
            f"{found['warning']}). Raise max_iter, or take sinkhorn with a small epsilon."
        )
    f, g = found["u"], found["v"]
    half = (float(weights[0] @ f) - float(weights[1] @ g)) / 2
    own: dict[str, Any] = {"dtype": cost.dtype, "device": device(cost)}
    plan, f, g = (xp.asarray(part, **own) for part in (plan, f - half, g + half))
    value = xp.sum(xp.where(plan > 0, plan * cost, 0.0))
    return ExactPlan(plan, (f, g), value)


def wasserstein_distance(
    X: Array, Y: Array, order: float = 1.0, *, a: Array | None = None, b: Array | None = None
) -> Array:
    r"""Wasserstein distance between two samples, for the Euclidean distance of points.

    Parameters
    ----------
    X, Y : arrays of shape (n, d), (m, d)
    order : float
        At least 1.
    a, b : arrays of shape (n,), (m,), optional
        Weights, each with sum 1; uniform if None.

    Returns
    -------
    array of shape ()
        :math:`(\min_P \sum_{ij} P_{ij} |x_i - y_j|^p)^{1/p}` for the order p, in units of the
        columns. Differentiable in X and Y for d = 1, and by the envelope else.

    Raises
    ------
    ImportError
        For d > 1 without POT.
    ValueError
        If points are not finite, X and Y differ in their columns, the order is below 1, or
        weights are not as in :func:`exact_transport`.

    Notes
    -----
    One column is sorted, in O((n + m) log (n + m)); more take :func:`exact_transport`. That of
    samples is above that of their laws on average, by the order of :math:`n^{-1/d}` for d > 2.
    Source: Villani, Optimal Transport (2009), chapter 6.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import wasserstein_distance
    >>> X, Y = np.array([[0.0], [1.0], [3.0]]), np.array([[5.0], [6.0]])
    >>> print(f"{wasserstein_distance(X, Y):.4f} {wasserstein_distance(X, Y, 2):.4f}")
    4.1667 4.2622
    """
    X, Y = checked_points(X, Y)
    xp = array_namespace(X, Y)
    if not 1 <= order < math.inf:
        raise ValueError(
            f"order must be at least 1 and finite, got {order!r}. Below 1 sorting is not optimal, "
            f"and the result no distance: for such costs take exact_transport."
        )
    if X.shape[1] == 1:
        a = _checked_law("a", a, X.shape[0], X, "row of X")
        b = _checked_law("b", b, Y.shape[0], Y, "row of Y")
        pairs, mass = _sorted_plan(X[:, 0], Y[:, 0], a, b)
        apart = xp.abs(pairs[0] - pairs[1])
        total = xp.sum(mass * apart**order)
    else:
        total = exact_transport(transport_cost(X, Y, "euclidean") ** order, a, b).value
    positive = total > 0
    return xp.where(positive, xp.where(positive, total, 1.0) ** (1 / order), 0.0)


def _sorted_plan(x: Array, y: Array, a: Array, b: Array) -> tuple[tuple[Array, Array], Array]:
    """The pairs that sorting makes, which are optimal for any convex cost, and their mass."""
    xp = array_namespace(x, y)
    sides, steps = [], []
    for points, w in ((x, a), (y, b)):
        order = xp.argsort(points)
        sides.append(xp.take(points, order))
        steps.append(xp.cumulative_sum(xp.take(w, order)))
    levels = xp.sort(xp.concat(steps))
    before = xp.concat([xp.zeros_like(levels[:1]), levels[:-1]])
    middle = (levels + before) / 2
    pairs = []
    for points, reached in zip(sides, steps, strict=True):
        at = xp.clip(xp.searchsorted(reached, middle), 0, points.shape[0] - 1)
        pairs.append(xp.take(points, at))
    return (pairs[0], pairs[1]), levels - before


def _checked_law(name: str, w: Array | None, size: int, like: Array, each: str) -> Array:
    if w is not None and np.ndim(w) != 1:
        raise ValueError(
            f"{name} must have shape ({size},), one weight for each {each}, got {np.shape(w)}."
        )
    if isinstance(like, np.ndarray) and hasattr(w, "shape"):
        w = detached_numpy(w)
    return checked_weights(name, w, (size,), like, each)


def import_pot(who: str) -> Any:
    """POT, which also imports the array libraries that it finds; advice where it is missing."""
    try:
        import ot
    except ImportError as error:
        raise ImportError(
            f"{who} solves the linear program with POT, which is not installed. Run pip install "
            f"'infotheory-learn[ot]', or take entropic transport, which needs nothing else."
        ) from error
    return ot
