"""Entropic transport between clouds whose masses may be created and destroyed at a price."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from infotheory._xp import array_namespace
from infotheory._xp._namespace import Array
from infotheory.functional._graph_cache import cached_on_graph
from infotheory.functional._point_costs import Cost, Group
from infotheory.functional._point_kernels import soft_transform
from infotheory.functional._point_plan import EntropicPointPlan
from infotheory.functional._point_rows import PointPlan
from infotheory.functional._sinkhorn_implicit import off_graph
from infotheory.functional._sinkhorn_points import checked_point_costs, checked_start, solved_points
from infotheory.functional._sinkhorn_unbalanced import (
    checked_penalties,
    equal_masses,
    unconverged,
)
from infotheory.functional._transport_checks import checked_weights
from infotheory.functional._unbalanced_ascent import paid


@dataclass(frozen=True, eq=False)
class UnbalancedPointPlan(PointPlan):
    r"""An entropic plan between two clouds whose marginals may differ from the weights.

    The problem is that of :class:`UnbalancedPlan`: :math:`\min_P \langle C, P \rangle + \epsilon
    KL(P \| a \otimes b) + \rho_a KL(P 1 \| a) + \rho_b KL(P^T 1 \| b)` over measures P of any mass,
    where :math:`KL(p \| q) = \sum p \ln (p / q) - p + q`.

    Parameters
    ----------
    costs : PointCosts
        The two clouds, X of shape (n, d) and Y of shape (m, d), and the cost between them.
    a, b : arrays of shape (n,), (m,)
    epsilon : float
    dual : tuple of arrays of shape (n,), (m,)
        The potentials f and g, off the graph of any gradient.
    penalties : tuple of two floats
        :math:`\rho_a` and :math:`\rho_b`; infinite where the marginal is exact.
    residual : float
        L1 distance of the marginals from :math:`a e^{-f / \rho_a}` and :math:`b e^{-g / \rho_b}`,
        which they are at the optimum, over the mass of the plan.
    converged : bool
        Whether the residual is within the tolerance that was asked for.
    n_iter : int
        Sweeps.
    notes : tuple of str

    Notes
    -----
    Everything else is computed when it is first asked for, and kept: O(n m d) time each, and
    memory for a block of rows of the plan. All but `value` and `transform` are off the graph of
    any gradient. Source: Chizat, Peyre, Schmitzer and Vialard (2018), arXiv:1607.05816.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import unbalanced_sinkhorn_points
    >>> X, Y = np.array([[0.0], [9.0]]), np.array([[0.0], [1.0]])
    >>> found = unbalanced_sinkhorn_points(X, Y, epsilon=0.1, marginal_penalty=1.0)
    >>> print(f"{found.mass:.3f}", found.marginals[0].round(3))
    0.626 [0.626 0.   ]
    """

    penalties: tuple[float, float]
    residual: float
    converged: bool
    n_iter: int
    notes: tuple[str, ...] = ()

    def _log_sums(self, f: Array, g: Array, side: int) -> Array:
        """ln of the row (0) or column (1) sums of the plan at these potentials, over the weights.

        In logs: what is left of a point far from all others may be below what floats can hold.
        """
        own, other = (g, f) if side else (f, g)
        whole = soft_transform(self._inside, other, self._weights[1 - side], -1 - side)
        return (own - whole) / self.epsilon

    @cached_property
    def _log_ratios(self) -> tuple[Array, Array]:
        return self._log_sums(*self._dual, 0), self._log_sums(*self._dual, 1)

    @cached_property
    def _marginals(self) -> tuple[Array, Array]:
        xp = array_namespace(self._dual[0])
        (a, b), (rows, columns) = self._weights, self._log_ratios
        with np.errstate(over="ignore"):
            return _times(a, xp.exp(rows)), _times(b, xp.exp(columns))

    @cached_property
    def marginals(self) -> tuple[Array, Array]:
        """Sums of the plan over columns (n,) and over rows (m,)."""
        rows, columns = self._marginals
        return self.costs.outside(rows), self.costs.outside(columns)

    @property
    def mass(self) -> Array:
        """Sum of the plan."""
        return self.costs.outside(array_namespace(self._dual[0]).sum(self._marginals[0]))

    @cached_on_graph
    def value(self) -> Array:
        """The dual value: at most the least of the problem, and within `duality_gap`.

        With Torch its gradient is that of the envelope, by blocks. A gradient of that gradient is
        refused.
        """
        (f, g), (a, b) = self._dual, self._weights
        mass = array_namespace(f).sum(self._marginals[0])
        value = self.costs.outside(self._linear(a, b, f, g) - self.epsilon * mass)
        return self._with_gradient(value, self._linear)

    def _linear(self, a: Array, b: Array, f: Array, g: Array) -> Array:
        """The dual value but for the mass of the plan."""
        xp = array_namespace(a)
        with np.errstate(over="ignore"):
            of_a, of_b = (
                xp.sum(_times(w, paid(potential, penalty)))
                for w, potential, penalty in zip((a, b), (f, g), self.penalties, strict=True)
            )
        return of_a + of_b + self.epsilon * xp.sum(a) * xp.sum(b)

    @cached_property
    def duality_gap(self) -> Array:
        r"""How far at most `value` is below the least of the problem.

        The primal value of a plan less the dual one: of this plan, with the rows or the columns
        scaled where that marginal is to be exact, and rounded as in :class:`EntropicPointPlan`
        where both are. With :math:`\hat P` that plan it is :math:`\epsilon KL(\hat P \| P) + \rho_a
        KL(\hat P 1 \| a e^{-f / \rho_a}) + \rho_b KL(\hat P^T 1 \| b e^{-g / \rho_b})`, sums over
        points of terms that are never negative.
        """
        exact = [side for side in (0, 1) if math.isinf(self.penalties[side])]
        if len(exact) == 2:
            return self._gap_of_laws()
        xp, logs = array_namespace(self._dual[0]), [*self._log_ratios]
        gap = 0.0
        for side in exact:
            # A plan whose sums are scaled to the weights: that at another potential.
            zero = xp.zeros_like(logs[side])
            gap = self.epsilon * _divergence(self._weights[side], zero, logs[side])
            f, g = self._dual
            change = self.epsilon * logs[side]
            f, g = (f, g - change) if side else (f - change, g)
            logs[1 - side] = self._log_sums(f, g, 1 - side)
        for side, penalty in enumerate(self.penalties):
            if not math.isinf(penalty):
                aims = -self._dual[side] / penalty
                gap = gap + penalty * _divergence(self._weights[side], logs[side], aims)
        return self.costs.outside(gap)

    def _gap_of_laws(self) -> Array:
        """Of masses S a and S b it is S times that of a and b."""
        (f, g), (a, b) = self._dual, self._weights
        xp = array_namespace(f)
        mass = xp.sum(a)
        dual = f + self.epsilon * xp.log(mass), g
        laws = EntropicPointPlan(
            self._inside, a / mass, b / xp.sum(b), self.epsilon, dual, 0.0, True, 0
        )
        return self.costs.outside(mass * laws.duality_gap)

    @property
    def primal_value(self) -> Array:
        """Value of the plan that `duality_gap` is about: at least the least one."""
        return off_graph(self.value) + self.duality_gap


def _times(w: Array, x: Array) -> Array:
    """Products with weights, those of 0 with what floats cannot hold left out."""
    xp = array_namespace(w)
    return w * xp.where((w > 0) | xp.isfinite(x), x, 0.0)


def _divergence(w: Array, log_p: Array, log_q: Array) -> Array:
    """KL between measures with these logs of their ratios to weights."""
    xp = array_namespace(w)
    with np.errstate(over="ignore", invalid="ignore"):
        p = xp.exp(log_p)
        terms = p * (log_p - log_q) - p + xp.exp(log_q)
    # Each is at least 0 but for rounding.
    return xp.sum(_times(w, xp.clip(terms, 0.0, None)))


def unbalanced_sinkhorn_points(
    X: Array,
    Y: Array,
    a: Array | None = None,
    b: Array | None = None,
    *,
    epsilon: float,
    marginal_penalty: float | tuple[float, float],
    cost: Cost = "half-sqeuclidean",
    tol: float = 1e-6,
    max_iter: int = 10_000,
    init: Any = None,
    group: Group | None = None,
    block_size: int = 2**22,
) -> UnbalancedPointPlan:
    r"""Entropic transport of one cloud of points to another, mass created and destroyed at a price.

    The same problem and answer as :func:`unbalanced_sinkhorn` with the costs of all pairs, which
    are never held at once.

    Parameters
    ----------
    X, Y : arrays of shape (n, d), (m, d)
        Finite.
    a, b : arrays of shape (n,), (m,), optional
        Masses of the points, of any sum, zeros allowed; uniform with sum 1 if None.
    epsilon : float
        Strength of the regularisation, in units of the cost.
    marginal_penalty : float or tuple of two
        Prices :math:`\rho_a` and :math:`\rho_b`, in units of the cost: mass goes about as far as
        costs :math:`\rho_a + \rho_b` and is destroyed beyond. ``math.inf`` makes a marginal exact.
    cost : {"half-sqeuclidean", "sqeuclidean", "euclidean", "cosine"} or callable
        As in :func:`transport_cost`. A callable is given some rows of X and all of Y.
    tol : float
        Residual at which to stop: L1 distance of the marginals from :math:`a e^{-f / \rho_a}` and
        :math:`b e^{-g / \rho_b}`, which they are at the optimum, over the mass of the plan.
    max_iter : int
        Sweeps over all points.
    init : tuple of arrays of shape (n,), (m,), or a plan, optional
        Potentials to start from, those of a problem near by.
    group : callable or sequence of callables, optional
        As in :func:`sinkhorn_points`.
    block_size : int
        Pairs of points that may be held at once. Problems that have no more are solved as arrays.

    Returns
    -------
    UnbalancedPointPlan
        Lazily ``mass``, ``marginals``, ``cost``, ``value``, ``duality_gap`` and more,
        ``plan_rows(rows)`` and ``transform(Z)``. With Torch gradients flow from the value to
        points and masses.

    Raises
    ------
    ValueError
        If points or masses are not finite, masses are negative or all 0, shapes do not match, both
        marginals are exact and of different sums, or epsilon, tol, cost, marginal_penalty, init or
        block_size is out of its rule.
    TypeError
        If the group holds what is not callable, or init is neither a pair nor a plan.

    Warns
    -----
    RuntimeWarning
        If the residual is above `tol` after `max_iter`.

    Notes
    -----
    With both prices infinite this is :func:`sinkhorn_points`, whose sums and first potentials it
    shares: O(n m d) a sweep, memory O((n + m) d + block_size). Over-relaxed sweeps, none of which
    lowers the dual value; in each a constant goes from one potential to the other, without which
    their number grows as rho / epsilon. There are no Newton steps but for the part that is solved
    first. Sources: Chizat, Peyre, Schmitzer and Vialard (2018), arXiv:1607.05816; Sejourne,
    Vialard and Peyre (2022), arXiv:2201.00730, of the constant.

    Examples
    --------
    A point far from all others keeps its mass at home:

    >>> import numpy as np
    >>> from infotheory.functional import unbalanced_sinkhorn_points
    >>> X, Y = np.array([[0.0], [1.0], [50.0]]), np.array([[0.0], [1.0]])
    >>> found = unbalanced_sinkhorn_points(
    ...     X, Y, np.ones(3), np.ones(2), epsilon=0.01, marginal_penalty=1.0
    ... )
    >>> print(found.marginals[0].round(2), found.converged)
    [1. 1. 0.] True
    """
    costs = checked_point_costs(X, Y, epsilon, cost, tol, max_iter, group, block_size)
    X, Y = costs.X, costs.copies[0]
    penalties = checked_penalties(marginal_penalty)
    a = checked_weights("a", a, (X.shape[0],), X, "row of X", is_law=False)
    b = checked_weights("b", b, (Y.shape[0],), Y, "row of Y", is_law=False)
    start = None if init is None else checked_start(init, costs)
    masses = equal_masses(a, b) if math.isinf(min(penalties)) else None
    f, g, residual, counts = solved_points(costs, a, b, penalties, tol, max_iter, start)
    if masses is not None:
        # The density is over the product of the masses, S^2 times that of the laws.
        f = f - epsilon * math.log(float(masses[0][0]))
    is_done, notes = residual <= tol, ()
    if not is_done:
        notes = (unconverged(residual, tol, counts),)
        warnings.warn(notes[0], RuntimeWarning, stacklevel=2)
    return UnbalancedPointPlan(
        costs, a, b, costs.epsilon, (f, g), penalties, residual, is_done, counts.in_all, notes
    )
