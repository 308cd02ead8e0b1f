"""What a solver of entropic transport found: potentials, and all that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infotheory._xp import array_namespace, safe_log
from infotheory._xp._namespace import Array
from infotheory.functional._graph_cache import cached_on_graph
from infotheory.functional._sinkhorn_implicit import (
    implicit_potentials,
    is_on_graph,
    off_graph,
    once_differentiable,
)


def rounded(plan: Array, a: Array, b: Array) -> Array:
    """A plan with exactly the marginals a and b, of equal sums, near one that has them nearly."""
    xp = array_namespace(a)
    rows = xp.sum(plan, axis=-1)
    plan = plan * xp.where(rows > a, a / xp.where(rows > 0, rows, 1.0), 1.0)[..., :, None]
    columns = xp.sum(plan, axis=-2)
    kept = xp.where(columns > b, b / xp.where(columns > 0, columns, 1.0), 1.0)
    plan = plan * kept[..., None, :]
    lacking_a = xp.clip(a - xp.sum(plan, axis=-1), 0.0, None)
    lacking_b = xp.clip(b - xp.sum(plan, axis=-2), 0.0, None)
    lacking = xp.sum(lacking_a, axis=-1)[..., None, None]
    share = lacking_a[..., :, None] / xp.where(lacking > 0, lacking, 1.0)
    return plan + share * lacking_b[..., None, :]


@dataclass(frozen=True, eq=False)
class EntropicPlan:
    r"""An entropic transport plan by its potentials.

    The problem is :math:`\min_P \langle C, P \rangle + \epsilon KL(P \| a \otimes b)` over plans
    with marginals a and b: the divergence is to the product of the marginals, not to a constant.

    Parameters
    ----------
    cost_matrix : array of shape (..., n, m)
        The cost, less the offsets, in the precision of the solver.
    a, b : arrays of shape (..., n), (..., m)
    epsilon : float
    dual : tuple of arrays of shape (..., n), (..., m)
        The potentials f and g less the offsets, as numbers off the graph of any gradient.
    marginal_error : array of shape (...)
        L1 distance of both marginals of the plan from a and b.
    converged : bool
        Whether all errors are within the tolerance that was asked for.
    n_iter : int
        Sweeps and Newton steps.
    notes : tuple of str
    offsets : tuple of arrays of shape (..., n), (..., m), optional
        What was taken out of the rows and the columns of the cost, for its rounding.
    dtype : optional
        Of what is asked for; that of `cost_matrix` if None.

    Notes
    -----
    Everything else is computed when it is first asked for, and kept: O(n m) each. Source of the
    rounding that certifies the gap: Altschuler, Weed and Rigollet (2017), arXiv:1705.09634.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import sinkhorn
    >>> found = sinkhorn(np.array([[0.0, 1.0], [1.0, 0.0]]), epsilon=1.0)
    >>> print(f"{found.cost:.4f} + {found.epsilon * found.mutual_information:.4f}")
    0.2689 + 0.1109
    >>> print(f"{found.value:.4f}", bool(found.duality_gap < 1e-9))
    0.3799 True
    """

    cost_matrix: Array
    a: Array
    b: Array
    epsilon: float
    dual: tuple[Array, Array]
    marginal_error: Array
    converged: bool
    n_iter: int
    notes: tuple[str, ...] = ()
    offsets: tuple[Array, Array] | None = None
    dtype: Any = None

    def _as_given(self, x: Array) -> Array:
        """In the dtype of the cost that was passed."""
        if self.dtype is None or x.dtype == self.dtype:
            return x
        return array_namespace(x).astype(x, self.dtype)

    def _from_offsets(self, f: Array, g: Array) -> tuple[Array, Array]:
        return (f, g) if self.offsets is None else (f + self.offsets[0], g + self.offsets[1])

    @property
    def fixed_potentials(self) -> tuple[Array, Array]:
        """The potentials as numbers, off the graph of any gradient, in the gauge of the solver."""
        return self._from_offsets(*self.dual)

    @cached_on_graph
    def _potentials(self) -> tuple[Array, Array]:
        """On the graph, and less the offsets."""
        parts = self.cost_matrix, self.a, self.b
        if not any(map(is_on_graph, parts)):
            return self.dual
        cost, a, b = once_differentiable(*parts)
        return implicit_potentials(cost, a, b, self.epsilon, self.dual)

    @cached_on_graph
    def potentials(self) -> tuple[Array, Array]:
        r"""f and g in units of the cost, with <a, f> = <b, g>.

        The plan is :math:`a_i b_j \exp((f_i + g_j - C_{ij}) / \epsilon)`. With Torch they carry
        the gradient with respect to cost and weights, by the implicit function theorem: of first
        order only, at the price of a linear system of min(n, m) unknowns.
        """
        f, g = self._from_offsets(*self._potentials)
        xp = array_namespace(self.a)
        excess = xp.sum(self.a * f, axis=-1) - xp.sum(self.b * g, axis=-1)
        half = excess[..., None] / 2
        return self._as_given(f - half), self._as_given(g + half)

    @cached_on_graph
    def _log_density(self) -> Array:
        """ln P_ij / (a_i b_j)."""
        f, g = self._potentials
        return (f[..., :, None] + g[..., None, :] - self.cost_matrix) / self.epsilon

    @cached_on_graph
    def _plan(self) -> Array:
        xp = array_namespace(self.a)
        return self.a[..., :, None] * xp.exp(self._log_density) * self.b[..., None, :]

    @cached_on_graph
    def plan(self) -> Array:
        """The plan, (..., n, m); its marginals are off by ``marginal_error``."""
        return self._as_given(self._plan)

    def exposed_error(self) -> Array:
        """L1 distance of both marginals of ``plan`` from the weights, (...), off the graph."""
        xp = array_namespace(self.a)
        plan = off_graph(self._plan)
        sides = (off_graph(self.a), -1), (off_graph(self.b), -2)
        return sum(xp.sum(xp.abs(xp.sum(plan, axis=at) - w), axis=-1) for w, at in sides)

    @cached_on_graph
    def cost(self) -> Array:
        """<C, P>, (...)."""
        xp, plan = array_namespace(self.a), self._plan
        some = xp.where(plan > 0, self.cost_matrix * plan, 0.0)
        cost = xp.sum(some, axis=(-2, -1))
        if self.offsets is not None:
            # Of exact marginals: what these large numbers cost is known from the weights.
            for offset, w in zip(self.offsets, (self.a, self.b), strict=True):
                cost = cost + xp.sum(offset * w, axis=-1)
        return self._as_given(cost)

    @cached_on_graph
    def value(self) -> Array:
        """The dual value, (...): at most the least regularised cost, and within `duality_gap`.

        With Torch its gradient is that of the envelope: the potentials for the weights, the plan
        for the cost. Twice differentiable; the second derivative costs what that of `potentials`
        does.
        """
        return self._as_given(self.full_value)

    @cached_on_graph
    def full_value(self) -> Array:
        """`value` in the precision of the solver."""
        parts = self.cost_matrix, self.a, self.b
        if any(getattr(part, "requires_grad", False) for part in parts):
            from infotheory.functional._torch_envelope import stationary_value

            return stationary_value(self._dual_value, self.dual, *parts, self.epsilon)
        return self._dual_value(*self.dual, *parts)

    def _dual_value(self, f: Array, g: Array, cost: Array, a: Array, b: Array) -> Array:
        xp = array_namespace(a)
        density = xp.exp((f[..., :, None] + g[..., None, :] - cost) / self.epsilon)
        mass = xp.sum(a[..., :, None] * density * b[..., None, :], axis=(-2, -1))
        f, g = self._from_offsets(f, g)
        linear = xp.sum(a * f, axis=-1) + xp.sum(b * g, axis=-1)
        return linear - self.epsilon * (mass - 1)

    @cached_property
    def _rounded_plan(self) -> Array:
        return rounded(*(off_graph(part) for part in (self._plan, self.a, self.b)))

    @cached_property
    def rounded_plan(self) -> Array:
        """A plan with exactly the marginals a and b near this one (Altschuler et al. 2017).

        Off the graph of any gradient, as is `duality_gap`.
        """
        return self._as_given(self._rounded_plan)

    @cached_property
    def duality_gap(self) -> Array:
        r"""How far at most `value` is below the least regularised cost, (...).

        The regularised cost of :attr:`rounded_plan` less the dual value, which is
        :math:`\epsilon KL(\hat P \| P)`: a sum of terms that are never negative. Where `value` is
        rounded to fewer digits than it was computed with, that is added.
        """
        xp = array_namespace(self.a)
        rounded, plan = self._rounded_plan, off_graph(self._plan)
        product = off_graph(self.a)[..., :, None] * off_graph(self.b)[..., None, :]
        some = rounded > 0
        density = rounded / xp.where(product > 0, product, 1.0)
        log_ratio = safe_log(xp.where(some, density, 1.0)) - off_graph(self._log_density)
        # Each term is at least 0 but for rounding.
        terms = xp.where(some, rounded * log_ratio + plan - rounded, plan)
        gap = self.epsilon * xp.sum(xp.clip(terms, 0.0, None), axis=(-2, -1))
        value = off_graph(self.value)
        if value.dtype != xp.float64:
            # Half of this is lost in the value, and less than the other half in the gap.
            gap = gap + float(xp.finfo(value.dtype).eps) * xp.abs(xp.astype(value, gap.dtype))
        return self._as_given(gap)

    @property
    def primal_value(self) -> Array:
        """Regularised cost of :attr:`rounded_plan`, (...): at least the least one."""
        return off_graph(self.value) + self.duality_gap

    @cached_on_graph
    def mutual_information(self) -> Array:
        """KL of the plan to the product of its marginals, nats (...)."""
        xp, plan = array_namespace(self.a), self._plan
        terms = xp.where(plan > 0, plan * self._log_density, 0.0)
        return self._as_given(xp.sum(terms, axis=(-2, -1)))
