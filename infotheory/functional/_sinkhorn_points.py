"""Entropic transport between two clouds of points, without the array of all their costs."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from infotheory._xp import array_namespace, as_float, detached_numpy, like, safe_log
from infotheory._xp._namespace import Array
from infotheory.functional._point_ascent import point_potentials
from infotheory.functional._point_costs import Cost, Group, PointCosts, orbit
from infotheory.functional._point_kernels import kernel_of
from infotheory.functional._point_plan import EntropicPointPlan
from infotheory.functional._sinkhorn import unconverged
from infotheory.functional._sinkhorn_ascent import Counts
from infotheory.functional._sinkhorn_implicit import off_graph
from infotheory.functional._sinkhorn_precision import largest
from infotheory.functional._transport_checks import (
    check_count,
    check_positive,
    check_untransformed,
    checked_weights,
)
from infotheory.functional._transport_costs import COSTS, namespace_of_points


def sinkhorn_points(
    X: Array,
    Y: Array,
    a: Array | None = None,
    b: Array | None = None,
    *,
    epsilon: float,
    cost: Cost = "half-sqeuclidean",
    tol: float = 1e-6,
    max_iter: int = 10_000,
    init: Any = None,
    group: Group | None = None,
    block_size: int = 2**22,
) -> EntropicPointPlan:
    r"""Entropic optimal transport of one cloud of points to another.

    The same problem and answer as :func:`sinkhorn` with the costs of all pairs, which are never
    held at once.

    Parameters
    ----------
    X, Y : arrays of shape (n, d), (m, d)
        Finite.
    a, b : arrays of shape (n,), (m,), optional
        Weights of the points, each with sum 1, zeros allowed; uniform if None.
    epsilon : float
        Strength of the regularisation, in units of the cost.
    cost : {"half-sqeuclidean", "sqeuclidean", "euclidean", "cosine"} or callable
        As in :func:`transport_cost`. A callable is given some rows of X and all of Y.
    tol : float
        L1 distance of the marginals of the plan from a and b at which to stop.
    max_iter : int
        Sweeps over all points.
    init : tuple of arrays of shape (n,), (m,), or EntropicPointPlan or EntropicPlan, optional
        Potentials to start from, those of a problem near by.
    group : callable or sequence of callables, optional
        Maps of rows, (m, d) -> (m, d), that make up a group together with the identity, which is
        left out: the cost becomes :func:`group_invariant_cost`, and the transport is that of both
        samples with all their images.
    block_size : int
        Pairs of points that may be held at once. Problems that have no more are solved as arrays.

    Returns
    -------
    EntropicPointPlan
        Lazily ``potentials``, ``value``, ``cost``, ``duality_gap`` and more, ``plan_rows(rows)``
        and ``transform(Z)``. With Torch gradients flow from the value to points and weights.

    Raises
    ------
    ValueError
        If points or weights are not finite, weights are negative or do not sum to 1 within 1e-6,
        shapes do not match, or epsilon, tol, cost, init or block_size is out of its rule.
    TypeError
        If the group holds what is not callable.

    Warns
    -----
    RuntimeWarning
        If the marginals are not within `tol` after `max_iter`.

    Notes
    -----
    A sweep costs O(n m d), memory is O((n + m) d + block_size), times the size of the group. For
    costs with a name, on the CPU, sums are compiled and shared by as many threads as there are
    cores (``NUMBA_NUM_THREADS``), in float64 but for early sweeps, which take float32 while their
    error is above its noise; pairs of regions too far apart to matter are left out. Other costs
    and devices work through blocks of the caller's library. The first potentials are those of
    some 2 000 points of each cloud. The dual value never falls along the way. Sources: Cuturi
    (2013), arXiv:1306.0895; Thibault et al. (2021), arXiv:1711.01851, of over-relaxation;
    Schmitzer (2019), arXiv:1610.06519, of coarse to fine.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import sinkhorn_points
    >>> X, Y = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0], [4.0]])
    >>> found = sinkhorn_points(X, Y, epsilon=0.01)
    >>> found.converged, round(float(found.value), 3)
    (True, 3.255)
    >>> found.transform(np.array([[0.0], [1.0], [100.0]])).round(2).tolist()
    [[2.33], [3.67], [4.0]]
    """
    costs = checked_point_costs(X, Y, epsilon, cost, tol, max_iter, group, block_size)
    X, Y = costs.X, costs.copies[0]
    a = checked_weights("a", a, (X.shape[0],), X, "row of X")
    b = checked_weights("b", b, (Y.shape[0],), Y, "row of Y")
    start = None if init is None else checked_start(init, costs)
    both_exact = (math.inf, math.inf)
    f, g, error, counts = solved_points(costs, a, b, both_exact, tol, max_iter, start)
    notes = ()
    if not error <= tol:
        notes = (unconverged(error, tol, counts),)
        warnings.warn(notes[0], RuntimeWarning, stacklevel=2)
    steps = counts.sweeps + counts.newton_steps
    return EntropicPointPlan(costs, a, b, float(epsilon), (f, g), error, error <= tol, steps, notes)


def checked_point_costs(
    X: Array,
    Y: Array,
    epsilon: float,
    cost: Cost,
    tol: float,
    max_iter: int,
    group: Group | None,
    block_size: int,
) -> PointCosts:
    """What a solver between clouds works on, if all of it is by the rules."""
    X, Y = checked_points(X, Y)
    check_positive(epsilon=epsilon, tol=tol)
    if not (callable(cost) or cost in COSTS):
        raise ValueError(f"cost must be one of {', '.join(COSTS)} or a callable, got {cost!r}.")
    check_count(0, max_iter=max_iter)
    check_count(1, block_size=block_size)
    return PointCosts(X, orbit(Y, group), cost, float(epsilon), int(block_size))


def checked_points(X: Array, Y: Array) -> tuple[Array, Array]:
    """Two finite samples of floats, each of shape (points, columns), in one dtype."""
    xp = namespace_of_points(X, Y)
    check_untransformed(X=X, Y=Y)
    X, Y = as_float(X), as_float(Y)
    dtype = xp.result_type(X.dtype, Y.dtype)
    X, Y = xp.astype(X, dtype), xp.astype(Y, dtype)
    for name, points in (("X", X), ("Y", Y)):
        if points.ndim != 2 or 0 in points.shape:
            raise ValueError(
                f"{name} must have shape (points, columns), at least one of each, got "
                f"{tuple(points.shape)}. A single column is {name}[:, None]."
            )
        if not bool(xp.all(xp.isfinite(points))):
            raise ValueError(f"{name} must be finite. Replace or leave out what is missing.")
        if not largest(off_graph(points)) <= float(xp.finfo(dtype).max) ** 0.25:
            raise ValueError(
                f"{name} must have squared distances that are floats, got entries of "
                f"{largest(off_graph(points)):.2g}. Divide both samples by one large number."
            )
    if X.shape[1] != Y.shape[1]:
        raise ValueError(
            f"X and Y must have the same number of columns, got {X.shape[1]} and {Y.shape[1]}."
        )
    return X, Y


def positive_weights(name: str, w: Array | None, points: Array, each: str) -> Array:
    """A law on all of some points, uniform if None."""
    weights = checked_weights(name, w, (points.shape[0],), points, each)
    if not bool(array_namespace(weights).all(weights > 0)):
        raise ValueError(f"{name} must be positive, got a 0. Leave out each {each} without weight.")
    return weights


def checked_start(init: Any, costs: PointCosts) -> tuple[Array, Array]:
    """Potentials as solvers take them, of a plan or by themselves."""
    init = getattr(init, "fixed_potentials", getattr(init, "dual", init))
    if not isinstance(init, tuple | list) or len(init) != 2:
        raise TypeError(
            f"init must be the pair of potentials f and g, or a plan with such, got "
            f"{type(init).__name__}. Pass found.potentials of a problem near by."
        )
    f, g = costs.number(init[0]), costs.number(init[1])
    if (tuple(f.shape), tuple(g.shape)) != ((costs.shape[0],), (costs.shape[1],)):
        raise ValueError(
            f"init must hold one potential for each row of X and of Y, shapes ({costs.shape[0]},) "
            f"and ({costs.shape[1]},), got {tuple(f.shape)} and {tuple(g.shape)}."
        )
    xp = array_namespace(f)
    if not bool(xp.all(xp.isfinite(f)) & xp.all(xp.isfinite(g))):
        raise ValueError("init must be finite. Leave it out to start anew.")
    return f, g


def solved_points(
    costs: PointCosts,
    a: Array,
    b: Array,
    penalties: tuple[float, float],
    tol: float,
    max_iter: int,
    start: tuple[Array, Array] | None,
) -> tuple[Array, Array, float, Counts]:
    """Potentials of all points, by those that have weight; laws where both marginals are exact."""
    inner, weights = costs.inside(), [costs.number(w) for w in (a, b)]
    xp, eps = array_namespace(weights[0]), costs.epsilon
    if math.isinf(min(penalties)):
        weights = [w / xp.sum(w) for w in weights]
    kept = [like(np.flatnonzero(detached_numpy(w) > 0), w) for w in weights]
    part = inner.kept(kept[0], kept[1])
    of_x, of_y = (xp.take(w, at) for w, at in zip(weights, kept, strict=True))
    if start is not None:
        start = xp.take(start[0], kept[0]), xp.take(start[1], kept[1])
    f, g, error, counts = point_potentials(part, of_x, of_y, eps, penalties, tol, max_iter, start)
    # Points without weight have the potentials of the update that would be theirs.
    if part.shape != inner.shape:
        log_a, log_b = safe_log(of_x), safe_log(of_y)
        everywhere = [inner.on(inner.X, part.copies), inner.on(part.X, inner.copies)]
        all_f = kernel_of(everywhere[0]).soft_minimum(g, log_b, eps, -1) / (1 + eps / penalties[0])
        all_g = kernel_of(everywhere[1]).soft_minimum(f, log_a, eps, -2) / (1 + eps / penalties[1])
        f, g = _filled(weights[0], f, all_f), _filled(weights[1], g, all_g)
    return f, g, float(np.max(detached_numpy(error))), counts


def _filled(weights: Array, known: Array, others: Array) -> Array:
    """The known values where there is weight, in their order, and the others elsewhere."""
    xp = array_namespace(weights)
    place = xp.cumulative_sum(xp.astype(weights > 0, xp.int64)) - 1
    return xp.where(weights > 0, xp.take(known, xp.clip(place, 0, None)), others)
