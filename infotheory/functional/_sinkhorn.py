"""Entropic transport between two discrete laws: the solver that picks its own way."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from array_api_compat import device

from infotheory._xp import array_namespace, detached_numpy, safe_log
from infotheory._xp._namespace import Array
from infotheory.functional._sinkhorn_ascent import Ascent, Counts, Problem
from infotheory.functional._sinkhorn_implicit import off_graph
from infotheory.functional._sinkhorn_kernels import soft_minimum
from infotheory.functional._sinkhorn_plan import EntropicPlan

METHODS = ("auto", "log", "kernel", "truncated", "newton")
_FACTOR = 4.0  # between the epsilons of the path
# Marginal error at which the path goes on: Newton steps from further off may not find the way.
_STAGE_TOL = 0.01
_FIRST_SHARE = 0.02  # of the range of costs, from which no path is needed
_NEWTON_STEPS = 60
_MOST_LEFT = 25.0  # sweeps foreseen, above which a handful of Newton steps is the shorter way
_WEIGHT_TOLERANCE = 1e-6


def sinkhorn(
    cost: Array,
    a: Array | None = None,
    b: Array | None = None,
    *,
    epsilon: float,
    tol: float = 1e-6,
    max_iter: int = 100_000,
    method: str = "auto",
    init: tuple[Array, Array] | EntropicPlan | None = None,
) -> EntropicPlan:
    r"""Entropic optimal transport of one discrete law to another.

    Minimises :math:`\langle C, P \rangle + \epsilon KL(P \| a \otimes b)` over plans P with
    marginals a and b.

    Parameters
    ----------
    cost : array of shape (..., n, m)
        Finite. Leading axes are problems of their own.
    a, b : arrays of shape (..., n), (..., m), optional
        Weights of the points on both sides, each with sum 1, zeros allowed; uniform if None.
    epsilon : float
        Strength of the regularisation, in units of the cost.
    tol : float
        L1 distance of the marginals of the plan from a and b at which to stop.
    max_iter : int
        Sweeps and Newton steps in all.
    method : {"auto", "log", "kernel", "truncated", "newton"}
        "log": sweeps of log-sum-exp, the plainest and slowest. "kernel": over-relaxed sweeps with
        the exponential of the cost held as an array. "truncated": the same with only the entries
        that count, and Newton steps; NumPy, one problem. "newton": Newton steps at each epsilon of
        a falling path. "auto" goes down the path where epsilon is small, sweeps, and takes Newton
        steps where the rate of the sweeps foretells that those are slower.
    init : tuple of arrays of shape (..., n), (..., m), or EntropicPlan, optional
        Potentials to start from, those of a problem near by.

    Returns
    -------
    EntropicPlan
        Lazily ``potentials``, ``plan``, ``cost``, ``value``, ``duality_gap`` and more. With Torch
        gradients flow from them to cost and weights, though not through the steps of the solver.

    Raises
    ------
    ValueError
        If cost or weights are not finite, weights are negative or do not sum to 1 within 1e-6,
        shapes do not match, or epsilon, tol or method is out of its rule.

    Warns
    -----
    RuntimeWarning
        If the marginals are not within `tol` after `max_iter`.

    Notes
    -----
    A sweep costs O(n m), memory O(n m) for a few arrays. A Newton step is solved for at once on at
    most 400 points of the smaller side, in O(min(n, m)^2 max(n, m)), and otherwise by conjugate
    gradients with products of the entries that count. The dual value never falls along the way.
    Sources: Cuturi (2013), arXiv:1306.0895; Schmitzer (2019), arXiv:1610.06519, of absorption;
    Thibault et al. (2021), arXiv:1711.01851, of over-relaxation; Brauer et al. (2017),
    arXiv:1710.06635, of Newton steps; Kemertas et al. (2025), arXiv:2504.02067, of conjugate
    gradients on a damped system.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import sinkhorn
    >>> found = sinkhorn(np.array([[0.0, 1.0], [1.0, 0.0]]), epsilon=1.0)
    >>> print(f"{found.plan[0, 0]:.6f}")
    0.365529
    >>> found.converged
    True
    """
    cost, a, b = _checked(cost, a, b, epsilon, tol, method)
    start = None if init is None else _start(getattr(init, "dual", init), a, b)
    f, g, error, counts = solved(cost, a, b, epsilon, tol, max_iter, method, start)
    worst = float(np.max(detached_numpy(error)))
    notes = ()
    if not worst <= tol:
        notes = (unconverged(worst, tol, counts),)
        warnings.warn(notes[0], RuntimeWarning, stacklevel=2)
    return EntropicPlan(
        cost,
        a,
        b,
        float(epsilon),
        (f, g),
        error,
        worst <= tol,
        counts.in_all,
        notes,
    )


def solved(
    cost: Array,
    a: Array,
    b: Array,
    epsilon: float,
    tol: float,
    max_iter: int,
    method: str,
    start: tuple[Array, Array] | None,
) -> tuple[Array, Array, Array, Counts]:
    """Potentials, the marginal error of their plan, and what it took, off the graph."""
    problem = Problem(off_graph(cost), off_graph(a), off_graph(b))
    # Newton systems have the size of the first side.
    turned = cost.shape[-2] > cost.shape[-1]
    if turned:
        xp = array_namespace(cost)
        problem = Problem(xp.matrix_transpose(problem.cost), problem.b, problem.a)
    of_first = None if start is None else off_graph(start[int(turned)])
    f, g, error, counts = _solve(problem, epsilon, tol, max_iter, method, of_first)
    return (g, f, error, counts) if turned else (f, g, error, counts)


def _start(init: Any, a: Array, b: Array) -> tuple[Array, Array]:
    """Potentials to start from, without what is common to all points: it has no meaning alone."""
    xp = array_namespace(a)
    found = []
    for name, potential, w in zip("fg", init, (a, b), strict=True):
        if tuple(potential.shape) != tuple(w.shape) or not bool(xp.all(xp.isfinite(potential))):
            raise ValueError(
                f"init must hold finite potentials of the points, for {name} of shape "
                f"{tuple(w.shape)}, got shape {tuple(potential.shape)}"
                f"{'' if bool(xp.all(xp.isfinite(potential))) else ' with values that are not'}. "
                f"Pass the plan of a problem near by, or leave init out."
            )
        found.append(potential - xp.mean(potential, axis=-1, keepdims=True))
    return found[0], found[1]


def unconverged(error: float, tol: float, counts: Counts) -> str:
    """What a solver says that stopped before its tolerance."""
    return (
        f"The marginals of the plan are off by {error:.2g} (tol={tol:g}) after "
        f"{counts.sweeps} sweeps and {counts.newton_steps} Newton steps: raise epsilon or "
        f"max_iter, or start from the potentials of a larger epsilon (init)."
    )


def _checked(
    cost: Array, a: Array | None, b: Array | None, epsilon: float, tol: float, method: str
) -> tuple[Array, Array, Array]:
    cost = checked_cost(cost)
    check_positive(epsilon=epsilon, tol=tol)
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}.")
    *some, n, m = cost.shape
    return (
        cost,
        checked_weights("a", a, (*some, n), cost, "row of cost"),
        checked_weights("b", b, (*some, m), cost, "column of cost"),
    )


def checked_cost(cost: Array) -> Array:
    """Finite costs of floats, of two axes or more."""
    xp = _namespace_of("cost", cost)
    if xp.isdtype(cost.dtype, "complex floating"):
        raise ValueError(f"cost must be real, got {cost.dtype}. Take its real part or its size.")
    if not xp.isdtype(cost.dtype, "real floating"):
        cost = xp.astype(cost, xp.float64)
    if cost.ndim < 2 or 0 in cost.shape:
        raise ValueError(
            f"cost must have two axes or more, at least one row and one column, got shape "
            f"{tuple(cost.shape)}. Rows are points of the source, columns of the target."
        )
    if not bool(xp.all(xp.isfinite(cost))):
        raise ValueError(
            "cost must be finite. Replace what is missing, and forbidden pairs by a large cost; "
            "scale down points whose squared distances leave the range of floats."
        )
    return cost


def check_positive(**values: float) -> None:
    """Raise for what is not positive and finite."""
    for name, value in values.items():
        try:
            holds = math.isfinite(value) and value > 0
        except TypeError as error:
            raise TypeError(f"{name} must be a positive number, got {value!r}.") from error
        if not holds:
            raise ValueError(f"{name} must be positive and finite, got {value!r}.")


def _namespace_of(name: str, *arrays: Array) -> Any:
    """The library of arrays, the first of which has that name."""
    try:
        return array_namespace(*arrays)
    except TypeError as error:
        kinds = [f"{type(x).__module__.split('.')[0]}.{type(x).__name__}" for x in arrays]
        others = f", beside {kinds[1]}" if kinds[1:] else ""
        raise TypeError(
            f"{name} must be an array of the library of all others, got {kinds[0]}{others}. "
            f"Convert it, as by numpy.asarray or torch.as_tensor."
        ) from error


def checked_weights(
    name: str,
    w: Array | None,
    shape: tuple[int, ...],
    like: Array,
    each: str,
    *,
    is_law: bool = True,
) -> Array:
    """Weights in the dtype of an array, uniform if None; `each` is what has one.

    They have sum 1, or any that is positive where they are no law.
    """
    xp = array_namespace(like)
    if w is None:
        return xp.full(shape, 1 / shape[-1], dtype=like.dtype, device=device(like))
    _namespace_of(name, w, like)
    weights: Array = xp.astype(w, like.dtype)
    if weights.shape[-1:] != shape[-1:]:
        raise ValueError(
            f"{name} must have {shape[-1]} entries, one for each {each}, "
            f"got shape {tuple(weights.shape)}."
        )
    if not bool(xp.all(weights >= 0)):
        raise ValueError(f"{name} must not be negative or missing, got {float(xp.min(weights)):g}.")
    total = xp.sum(weights, axis=-1, keepdims=True)
    if not is_law:
        if not bool(xp.all(xp.isfinite(total) & (total > 0))):
            raise ValueError(
                f"{name} must have a finite sum above 0, got {float(xp.min(total)):g}."
            )
        return xp.broadcast_to(weights, shape)
    if not bool(xp.all(xp.abs(total - 1) <= _WEIGHT_TOLERANCE)):
        raise ValueError(
            f"{name} must sum to 1, got {float(xp.max(total)):.6g}. Divide it by its sum."
        )
    return xp.broadcast_to(weights / total, shape)


def _solve(
    problem: Problem, epsilon: float, tol: float, max_iter: int, method: str, start: Array | None
) -> tuple[Array, Array, Array, Counts]:
    """Potentials, the marginal error of their plan, and what it took."""
    xp = array_namespace(problem.cost)
    f = xp.zeros_like(problem.a) if start is None else start
    if method == "log":
        return _in_logs(problem, epsilon, tol, max_iter, f)
    most_left = math.inf if method == "kernel" else _MOST_LEFT
    if method == "newton":
        most_left = 0.0
    counts = Counts()
    path = [epsilon]
    if start is None:
        spread = float(xp.max(problem.cost) - xp.min(problem.cost))
        while path[-1] * _FACTOR < _FIRST_SHARE * spread:
            path.append(path[-1] * _FACTOR)
    path.reverse()
    seen: list[tuple[float, Array, Array]] = []
    truncated = {"truncated": True, "auto": None}.get(method, False)
    g = error = near = None
    for at, level in enumerate(path):
        is_last = at == len(path) - 1
        if len(seen) > 1:
            # Potentials are smooth in epsilon: go on along the line through the last two.
            (e1, f1, g1), (e2, f2, g2) = seen[-2:]
            onward = (level - e2) / (e1 - e2)
            f, near = f2 + onward * (f1 - f2), g2 + onward * (g1 - g2)
        ascent = Ascent(problem, level, f, truncated, counts, near)
        goal = tol if is_last else _STAGE_TOL
        left = max_iter - counts.in_all
        error = ascent.climb(
            goal, min(left, 1) if method == "newton" else left, most_sweeps_left=most_left
        )
        if not bool(xp.all(error <= goal)) and not math.isinf(most_left):
            # Each step brings a sweep with it.
            error = ascent.newton(goal, min(_NEWTON_STEPS, (max_iter - counts.in_all) // 2))
            if not bool(xp.all(error <= goal)):
                error = ascent.climb(goal, max_iter - counts.in_all, most_sweeps_left=math.inf)
        f, g = ascent.potentials()
        seen.append((level, f, g))
    # Points without weight have the potentials of the update that would be theirs.
    if not bool(xp.all(problem.a > 0)):
        theirs = soft_minimum(problem.cost, g, safe_log(problem.b), epsilon, -1)
        f = xp.where(problem.a > 0, f, theirs)
    return f, g, error, counts


def _in_logs(
    problem: Problem, epsilon: float, tol: float, max_iter: int, f: Array
) -> tuple[Array, Array, Array, Counts]:
    xp = array_namespace(problem.cost)
    log_a, log_b = safe_log(problem.a), safe_log(problem.b)
    counts = Counts()
    while True:
        g = soft_minimum(problem.cost, f, log_a, epsilon, -2)
        new = soft_minimum(problem.cost, g, log_b, epsilon, -1)
        counts.sweeps += 1
        # Row sums are a exp((f - new) / epsilon).
        error = xp.sum(problem.a * xp.abs(xp.exp((f - new) / epsilon) - 1), axis=-1)
        if bool(xp.all(error <= tol)) or counts.sweeps >= max_iter:
            return xp.where(problem.a > 0, f, new), g, error, counts
        f = new
