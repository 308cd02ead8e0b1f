"""Entropic transport between two discrete laws: the solver that picks its own way."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from infotheory._xp import array_namespace, detached_numpy, safe_log
from infotheory._xp._namespace import Array
from infotheory.functional._sinkhorn_ascent import (
    MOST_LEFT,
    STAGE_TOL,
    Ascent,
    Counts,
    Problem,
    epsilon_path,
)
from infotheory.functional._sinkhorn_implicit import off_graph
from infotheory.functional._sinkhorn_kernels import soft_minimum
from infotheory.functional._sinkhorn_plan import EntropicPlan
from infotheory.functional._sinkhorn_precision import (
    check_resolved,
    in_double,
    matters,
    potential_size,
    reduced,
)
from infotheory.functional._transport_checks import (
    check_count,
    check_library,
    check_positive,
    checked_cost,
    checked_weights,
)

METHODS = ("auto", "log", "kernel", "truncated", "newton")


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
        shapes do not match, epsilon, tol, max_iter or method is out of its rule, or epsilon is so
        small beside the costs that their rounding hides it.
    TypeError
        If cost and weights are not arrays of one library.

    Warns
    -----
    RuntimeWarning
        If the marginals are not within `tol` after `max_iter`.

    Notes
    -----
    Potentials are large beside epsilon, and what is rounded off them counts in units of it: floats
    are made float64 ones for the work (where the device has them), and what is asked for comes in
    the dtype of the cost. A part of each row and column of
    the cost that is large beside epsilon is taken out first; it moves no plan.

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
    cost, a, b = _checked(cost, a, b, epsilon, tol, max_iter, method)
    start = None if init is None else _start(getattr(init, "fixed_potentials", init), a, b)
    xp, given, epsilon = array_namespace(cost), cost.dtype, float(epsilon)
    cost, a, b = in_double(cost, a, b)
    if given != cost.dtype:
        # Weights that sum to 1 in fewer digits do not yet.
        a, b = (w / xp.sum(w, axis=-1, keepdims=True) for w in (a, b))
        start = None if start is None else in_double(*start)
    cost, offsets = reduced(cost, epsilon, tol)
    if start is not None and offsets is not None:
        start = start[0] - offsets[0], start[1] - offsets[1]
    f, g, error, counts = solved(cost, a, b, epsilon, tol, max_iter, method, start)
    plan = EntropicPlan(
        cost,
        a,
        b,
        epsilon,
        (f, g),
        error,
        True,
        counts.in_all,
        offsets=offsets,
        dtype=given,
    )
    worst = float(np.max(detached_numpy(error)))
    note = unconverged(worst, tol, counts)
    if matters(potential_size(f, g), epsilon, tol, f.dtype, xp):
        error = xp.maximum(error, plan.exposed_error())
        exposed = float(np.max(detached_numpy(error)))
        if worst <= tol < exposed:
            note = rounded_off(exposed, tol, f.dtype)
        worst = exposed
    if worst <= tol:
        return replace(plan, marginal_error=error)
    notes = (note,)
    warnings.warn(notes[0], RuntimeWarning, stacklevel=2)
    return replace(plan, marginal_error=error, converged=False, notes=notes)


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
    if not isinstance(init, tuple | list) or len(init) != 2:
        raise TypeError(
            f"init must be the pair of potentials f and g, or a plan with such, got "
            f"{type(init).__name__}. Pass found.potentials of a problem near by."
        )
    found = []
    for name, potential, w in zip("fg", init, (a, b), strict=True):
        check_library(f"init ({name})", potential, w)
        potential = xp.astype(off_graph(potential), w.dtype)
        if tuple(potential.shape) != tuple(w.shape) or not bool(xp.all(xp.isfinite(potential))):
            raise ValueError(
                f"init must hold finite potentials of the points, for {name} of shape "
                f"{tuple(w.shape)}, got shape {tuple(potential.shape)}"
                f"{'' if bool(xp.all(xp.isfinite(potential))) else ' with values that are not'}. "
                f"Pass the plan of a problem near by, or leave init out."
            )
        found.append(potential - xp.mean(potential, axis=-1, keepdims=True))
    return found[0], found[1]


def rounded_off(error: float, tol: float, dtype: Any) -> str:
    """What is said of a plan that is as good as its potentials can tell."""
    return (
        f"The marginals of the plan are off by {error:.2g} (tol={tol:g}), since potentials are "
        f"rounded to {dtype}, whatever the number of sweeps: raise epsilon or tol."
    )


def unconverged(error: float, tol: float, counts: Counts) -> str:
    """What a solver says that stopped before its tolerance."""
    return (
        f"The marginals of the plan are off by {error:.2g} (tol={tol:g}) after "
        f"{counts.sweeps} sweeps and {counts.newton_steps} Newton steps: raise epsilon or "
        f"max_iter, or start from the potentials of a larger epsilon (init)."
    )


def _checked(
    cost: Array,
    a: Array | None,
    b: Array | None,
    epsilon: float,
    tol: float,
    max_iter: int,
    method: str,
) -> tuple[Array, Array, Array]:
    cost = checked_cost(cost)
    check_positive(epsilon=epsilon, tol=tol)
    check_count(0, max_iter=max_iter)
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}.")
    *some, n, m = cost.shape
    return (
        cost,
        checked_weights("a", a, (*some, n), cost, "row of cost"),
        checked_weights("b", b, (*some, m), cost, "column of cost"),
    )


def _solve(
    problem: Problem, epsilon: float, tol: float, max_iter: int, method: str, start: Array | None
) -> tuple[Array, Array, Array, Counts]:
    """Potentials, the marginal error of their plan, and what it took."""
    xp = array_namespace(problem.cost)
    f = xp.zeros_like(problem.a) if start is None else start
    if method == "log":
        return _in_logs(problem, epsilon, tol, max_iter, f)
    most_left = math.inf if method == "kernel" else MOST_LEFT
    if method == "newton":
        most_left = 0.0
    counts = Counts()
    path = [epsilon]
    if start is None:
        spread = float(xp.max(problem.cost) - xp.min(problem.cost))
        path = epsilon_path(epsilon, spread)
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
        goal = tol if is_last else STAGE_TOL
        left = max_iter - counts.in_all
        error = ascent.climb(
            goal, min(left, 1) if method == "newton" else left, most_sweeps_left=most_left
        )
        if not bool(xp.all(error <= goal)) and not math.isinf(most_left):
            error = ascent.newton_and_on(goal, max_iter)
        f, g = ascent.potentials()
        # What is common to all drifts along the path, and would be rounded with the rest.
        drift = (xp.sum(problem.a * f, axis=-1) - xp.sum(problem.b * g, axis=-1))[..., None] / 2
        f, g = f - drift, g + drift
        check_resolved(f, g, level)
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
