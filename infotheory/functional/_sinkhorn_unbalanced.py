"""Entropic transport between measures whose masses may be created and destroyed at a price."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np

from infotheory._xp import array_namespace, detached_numpy, safe_log
from infotheory._xp._namespace import Array
from infotheory.functional._graph_cache import cached_on_graph
from infotheory.functional._sinkhorn import solved
from infotheory.functional._sinkhorn_ascent import Counts, Problem
from infotheory.functional._sinkhorn_implicit import off_graph, once_differentiable
from infotheory.functional._sinkhorn_plan import EntropicPlan, rounded
from infotheory.functional._transport_checks import check_positive, checked_cost, checked_weights
from infotheory.functional._unbalanced_ascent import paid, solved_unbalanced

_EQUAL = 1e-6  # relative difference of total masses that must be the same


@dataclass(frozen=True, eq=False)
class UnbalancedPlan:
    r"""An entropic plan whose marginals may differ from the weights, by its potentials.

    The problem is :math:`\min_P \langle C, P \rangle + \epsilon KL(P \| a \otimes b) + \rho_a
    KL(P 1 \| a) + \rho_b KL(P^T 1 \| b)` over measures P of any mass, where
    :math:`KL(p \| q) = \sum p \ln (p / q) - p + q`.

    Parameters
    ----------
    cost_matrix : array of shape (..., n, m)
    a, b : arrays of shape (..., n), (..., m)
    epsilon : float
    penalties : tuple of two floats
        :math:`\rho_a` and :math:`\rho_b`; infinite where the marginal is exact.
    dual : tuple of arrays of shape (..., n), (..., m)
        The potentials f and g as numbers, off the graph of any gradient.
    residual : array of shape (...)
        L1 distance of the marginals from :math:`a e^{-f / \rho_a}` and :math:`b e^{-g / \rho_b}`,
        which they are at the optimum, over the mass of the plan.
    converged : bool
        Whether all residuals are within the tolerance that was asked for.
    n_iter : int
    notes : tuple of str

    Notes
    -----
    Everything else is computed when it is first asked for, and kept: O(n m) each. Source: Chizat,
    Peyre, Schmitzer and Vialard (2018), arXiv:1607.05816.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import unbalanced_sinkhorn
    >>> cost = np.array([[0.0, 9.0], [9.0, 9.0]])
    >>> found = unbalanced_sinkhorn(cost, epsilon=0.1, marginal_penalty=1.0)
    >>> print(f"{found.mass:.3f}", found.marginals[0].round(3))
    0.490 [0.484 0.007]
    """

    cost_matrix: Array
    a: Array
    b: Array
    epsilon: float
    penalties: tuple[float, float]
    dual: tuple[Array, Array]
    residual: Array
    converged: bool
    n_iter: int
    notes: tuple[str, ...] = ()

    @property
    def potentials(self) -> tuple[Array, Array]:
        r"""f and g in units of the cost; the plan is :math:`a b \exp((f + g - C) / \epsilon)`."""
        return self.dual

    @property
    def _log_density(self) -> Array:
        """ln P_ij / (a_i b_j), on the graph of the cost."""
        f, g = self.dual
        return (f[..., :, None] + g[..., None, :] - self.cost_matrix) / self.epsilon

    @cached_property
    def plan(self) -> Array:
        """The plan, (..., n, m), a number without gradient."""
        xp = array_namespace(self.a)
        a, b = off_graph(self.a), off_graph(self.b)
        return a[..., :, None] * xp.exp(off_graph(self._log_density)) * b[..., None, :]

    @cached_property
    def marginals(self) -> tuple[Array, Array]:
        """Sums of the plan over columns (..., n) and over rows (..., m)."""
        xp = array_namespace(self.a)
        return xp.sum(self.plan, axis=-1), xp.sum(self.plan, axis=-2)

    @cached_property
    def mass(self) -> Array:
        """Sum of the plan, (...)."""
        return array_namespace(self.a).sum(self.plan, axis=(-2, -1))

    @cached_property
    def cost(self) -> Array:
        """<C, P>, (...)."""
        cost = off_graph(self.cost_matrix)
        return array_namespace(self.a).sum(cost * self.plan, axis=(-2, -1))

    @cached_on_graph
    def value(self) -> Array:
        """The dual value, (...): at most the least of the problem, and within `duality_gap`.

        With Torch its gradient with respect to cost and weights is that of the envelope; a
        gradient of that gradient is refused.
        """
        xp = array_namespace(self.a)
        a, b, log_density = once_differentiable(self.a, self.b, self._log_density)
        product = a[..., :, None] * b[..., None, :]
        # Of the density less 1, so that little is lost where epsilon is large.
        excess = xp.sum(product * xp.expm1(log_density), axis=(-2, -1))
        linear = 0.0
        for w, potential, penalty in zip((a, b), self.dual, self.penalties, strict=True):
            linear = linear + xp.sum(w * paid(potential, penalty), axis=-1)
        return linear - self.epsilon * excess

    @cached_property
    def feasible_plan(self) -> Array:
        """The plan with the marginals exact that are to be, (..., n, m)."""
        xp = array_namespace(self.a)
        exact_a, exact_b = (math.isinf(penalty) for penalty in self.penalties)
        a, b = off_graph(self.a), off_graph(self.b)
        if exact_a and exact_b:
            return rounded(self.plan, a, b)
        if not (exact_a or exact_b):
            return self.plan
        plan = self.plan if exact_a else xp.matrix_transpose(self.plan)
        w, other = (a, b) if exact_a else (b, a)
        sums = xp.sum(plan, axis=-1)
        scaled = plan * (w / xp.where(sums > 0, sums, 1.0))[..., :, None]
        # What the plan has lost altogether goes everywhere.
        law = other / xp.sum(other, axis=-1, keepdims=True)
        plan = xp.where((sums > 0)[..., :, None], scaled, w[..., :, None] * law[..., None, :])
        return plan if exact_a else xp.matrix_transpose(plan)

    @cached_property
    def duality_gap(self) -> Array:
        r"""How far at most `value` is below the least of the problem, (...).

        The primal value of :attr:`feasible_plan` less the dual one, which is :math:`\epsilon
        KL(\hat P \| P) + \rho_a KL(\hat P 1 \| a e^{-f / \rho_a}) + \rho_b KL(\hat P^T 1 \| b
        e^{-g / \rho_b})`: sums of terms that are never negative.
        """
        xp = array_namespace(self.a)
        feasible = self.feasible_plan
        product = off_graph(self.a)[..., :, None] * off_graph(self.b)[..., None, :]
        density = feasible / xp.where(product > 0, product, 1.0)
        log_ratio = safe_log(density) - off_graph(self._log_density)
        gap = self.epsilon * xp.sum(_divergences(feasible, log_ratio, self.plan), axis=(-2, -1))
        for w, potential, penalty, axis in zip(
            (self.a, self.b), self.dual, self.penalties, (-1, -2), strict=True
        ):
            if not math.isinf(penalty):
                w = off_graph(w)
                sums = xp.sum(feasible, axis=axis)
                target = w * xp.exp(-potential / penalty)
                ratio = safe_log(sums / xp.where(w > 0, w, 1.0)) + potential / penalty
                gap = gap + penalty * xp.sum(_divergences(sums, ratio, target), axis=-1)
        return gap

    @property
    def primal_value(self) -> Array:
        """Value of :attr:`feasible_plan`, (...): at least the least of the problem."""
        return off_graph(self.value) + self.duality_gap


def _divergences(p: Array, log_ratio: Array, q: Array) -> Array:
    """Terms p ln(p / q) - p + q, at least 0 but for rounding."""
    xp = array_namespace(p)
    terms = xp.where(p > 0, p * xp.where(p > 0, log_ratio, 0.0) - p + q, q)
    return xp.clip(terms, 0.0, None)


def unbalanced_sinkhorn(
    cost: Array,
    a: Array | None = None,
    b: Array | None = None,
    *,
    epsilon: float,
    marginal_penalty: float | tuple[float, float],
    tol: float = 1e-6,
    max_iter: int = 100_000,
    init: tuple[Array, Array] | EntropicPlan | UnbalancedPlan | None = None,
) -> UnbalancedPlan:
    r"""Entropic transport of one measure to another, mass created and destroyed at a price.

    Minimises :math:`\langle C, P \rangle + \epsilon KL(P \| a \otimes b) + \rho_a KL(P 1 \| a) +
    \rho_b KL(P^T 1 \| b)` over measures P of any mass, where :math:`KL(p \| q) = \sum p \ln (p /
    q) - p + q`.

    Parameters
    ----------
    cost : array of shape (..., n, m)
        Finite. Leading axes are problems of their own.
    a, b : arrays of shape (..., n), (..., m), optional
        Masses of the points on both sides, of any sum, zeros allowed; uniform with sum 1 if None.
    epsilon : float
        Strength of the regularisation, in units of the cost.
    marginal_penalty : float or tuple of two
        Prices :math:`\rho_a` and :math:`\rho_b`, in units of the cost: mass goes about as far as
        costs :math:`\rho_a + \rho_b` and is destroyed beyond. ``math.inf`` makes a marginal exact.
    tol : float
        Residual at which to stop: L1 distance of the marginals from :math:`a e^{-f / \rho_a}` and
        :math:`b e^{-g / \rho_b}`, which they are at the optimum, over the mass of the plan.
    max_iter : int
        Sweeps, and Newton steps where both marginals are exact.
    init : tuple of arrays of shape (..., n), (..., m), or a plan, optional
        Potentials to start from, those of a problem near by.

    Returns
    -------
    UnbalancedPlan
        Lazily ``plan``, ``mass``, ``marginals``, ``cost``, ``value``, ``duality_gap`` and more.

    Raises
    ------
    ValueError
        If cost or masses are not finite, masses are negative or all 0, shapes do not match, both
        marginals are exact and of different sums, or epsilon, tol or marginal_penalty is out of
        its rule.

    Warns
    -----
    RuntimeWarning
        If the residual is above `tol` after `max_iter`.

    Notes
    -----
    With both prices infinite this is :func:`sinkhorn`. Otherwise over-relaxed sweeps with the
    kernel held as an array, O(n m) each; after each of them a constant goes from one potential to
    the other, without which the number of sweeps grows as rho / epsilon. Sources: Chizat, Peyre,
    Schmitzer and Vialard (2018), arXiv:1607.05816; Sejourne, Vialard and Peyre (2022),
    arXiv:2201.00730, of the constant.

    Examples
    --------
    Half of the mass has nowhere near to go:

    >>> import numpy as np
    >>> from infotheory.functional import unbalanced_sinkhorn
    >>> cost = np.array([[0.0], [100.0]])
    >>> found = unbalanced_sinkhorn(cost, epsilon=0.01, marginal_penalty=(1.0, np.inf))
    >>> print(found.marginals[0].round(3))
    [1. 0.]
    """
    cost = checked_cost(cost)
    check_positive(epsilon=epsilon, tol=tol)
    penalties = checked_penalties(marginal_penalty)
    *some, n, m = cost.shape
    a = checked_weights("a", a, (*some, n), cost, "row of cost", is_law=False)
    b = checked_weights("b", b, (*some, m), cost, "column of cost", is_law=False)
    start: Any = None if init is None else getattr(init, "dual", init)
    if math.isinf(penalties[0]) and math.isinf(penalties[1]):
        f, g, residual, counts = _both_exact(cost, a, b, epsilon, tol, max_iter, start)
    else:
        parts = off_graph(cost), off_graph(a), off_graph(b)
        f, g, residual, counts = unbalanced_potentials(
            *parts, epsilon, penalties, tol, max_iter, start
        )
    worst = float(np.max(detached_numpy(residual)))
    notes = ()
    if not worst <= tol:
        notes = (unconverged(worst, tol, counts),)
        warnings.warn(notes[0], RuntimeWarning, stacklevel=2)
    is_done = worst <= tol
    return UnbalancedPlan(
        cost, a, b, float(epsilon), penalties, (f, g), residual, is_done, counts.in_all, notes
    )


def unbalanced_potentials(
    cost: Array,
    a: Array,
    b: Array,
    epsilon: float,
    penalties: tuple[float, float],
    tol: float,
    max_iter: int,
    start: tuple[Array, Array] | None,
) -> tuple[Array, Array, Array, Counts]:
    """Potentials, residual and counts; Newton systems have the size of the shorter side."""
    if cost.shape[-2] > cost.shape[-1]:
        turned = array_namespace(cost).matrix_transpose(cost)
        back = None if start is None else start[::-1]
        g, f, *rest = unbalanced_potentials(
            turned, b, a, epsilon, (penalties[1], penalties[0]), tol, max_iter, back
        )
        return f, g, rest[0], rest[1]
    of_first = None if start is None else off_graph(start[0])
    return solved_unbalanced(Problem(cost, a, b), epsilon, penalties, tol, max_iter, of_first)


def checked_penalties(marginal_penalty: float | tuple[float, float]) -> tuple[float, float]:
    """Prices of both marginals."""
    pair = marginal_penalty
    pair = tuple(pair) if isinstance(pair, (tuple, list)) else (pair, pair)
    if len(pair) != 2 or not all(isinstance(p, Real) and p > 0 for p in pair):
        raise ValueError(
            f"marginal_penalty must be positive, or a pair of positive numbers (math.inf: that "
            f"marginal is exact), got {marginal_penalty!r}."
        )
    return float(pair[0]), float(pair[1])


def _both_exact(
    cost: Array,
    a: Array,
    b: Array,
    epsilon: float,
    tol: float,
    max_iter: int,
    start: tuple[Array, Array] | None,
) -> tuple[Array, Array, Array, Counts]:
    """Balanced transport of masses S a and S b: the plan is S times that of a and b."""
    xp = array_namespace(cost)
    masses = equal_masses(a, b)
    a, b = off_graph(a) / masses[0], off_graph(b) / masses[1]
    f, g, error, counts = solved(cost, a, b, epsilon, tol, max_iter, "auto", start)
    # The density is over the product of the masses, S^2 times that of the laws.
    return f - epsilon * xp.log(masses[0]), g, error, counts


def equal_masses(a: Array, b: Array) -> tuple[Array, Array]:
    """Sums of both sides, (..., 1), for two marginals that are exact."""
    xp = array_namespace(a)
    of_a, of_b = (xp.sum(off_graph(w), axis=-1, keepdims=True) for w in (a, b))
    if not bool(xp.all(xp.abs(of_a - of_b) <= _EQUAL * of_a)):
        raise ValueError(
            f"a and b must have the same sum where both marginals are exact, got "
            f"{float(xp.max(of_a)):.6g} and {float(xp.max(of_b)):.6g}. Make a penalty finite, or "
            f"divide both by their sums."
        )
    return of_a, of_b


def unconverged(residual: float, tol: float, counts: Counts) -> str:
    """What a solver says that stopped before its tolerance."""
    return (
        f"The marginals of the plan are off by {residual:.2g} of its mass (tol={tol:g}) after "
        f"{counts.in_all} sweeps and steps: raise epsilon or max_iter, or start from the "
        f"potentials of a larger epsilon (init)."
    )
