"""What a solver of entropic transport found: potentials, and all that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from infotheory._xp import array_namespace, safe_log
from infotheory._xp._namespace import Array


@dataclass(frozen=True, eq=False)
class EntropicPlan:
    r"""An entropic transport plan by its potentials.

    The problem is :math:`\min_P \langle C, P \rangle + \epsilon KL(P \| a \otimes b)` over plans
    with marginals a and b: the divergence is to the product of the marginals, not to a constant.

    Parameters
    ----------
    cost_matrix : array of shape (..., n, m)
    a, b : arrays of shape (..., n), (..., m)
    epsilon : float
    potentials : tuple of arrays of shape (..., n), (..., m)
        f and g in units of the cost: the plan is
        :math:`a_i b_j \exp((f_i + g_j - C_{ij}) / \epsilon)`.
    marginal_error : array of shape (...)
        L1 distance of both marginals of the plan from a and b.
    converged : bool
        Whether all errors are within the tolerance that was asked for.
    n_iter : int
        Sweeps and Newton steps.
    notes : tuple of str

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
    potentials: tuple[Array, Array]
    marginal_error: Array
    converged: bool
    n_iter: int
    notes: tuple[str, ...] = ()

    @cached_property
    def _log_density(self) -> Array:
        """ln P_ij / (a_i b_j)."""
        f, g = self.potentials
        return (f[..., :, None] + g[..., None, :] - self.cost_matrix) / self.epsilon

    @cached_property
    def plan(self) -> Array:
        """The plan, (..., n, m); its marginals are off by ``marginal_error``."""
        xp = array_namespace(self.a)
        return self.a[..., :, None] * xp.exp(self._log_density) * self.b[..., None, :]

    @cached_property
    def cost(self) -> Array:
        """<C, P>, (...)."""
        xp = array_namespace(self.a)
        return xp.sum(xp.where(self.plan > 0, self.cost_matrix * self.plan, 0.0), axis=(-2, -1))

    @cached_property
    def value(self) -> Array:
        """The dual value, (...): at most the least regularised cost, and within `duality_gap`."""
        xp = array_namespace(self.a)
        f, g = self.potentials
        f, g = xp.where(self.a > 0, f, 0.0), xp.where(self.b > 0, g, 0.0)
        mass = xp.sum(self.plan, axis=(-2, -1))
        linear = xp.sum(self.a * f, axis=-1) + xp.sum(self.b * g, axis=-1)
        return linear - self.epsilon * (mass - 1)

    @cached_property
    def rounded_plan(self) -> Array:
        """A plan with exactly the marginals a and b near this one (Altschuler et al. 2017)."""
        xp = array_namespace(self.a)
        rows = xp.sum(self.plan, axis=-1)
        kept = xp.where(rows > self.a, self.a / xp.where(rows > 0, rows, 1.0), 1.0)
        plan = self.plan * kept[..., :, None]
        columns = xp.sum(plan, axis=-2)
        kept = xp.where(columns > self.b, self.b / xp.where(columns > 0, columns, 1.0), 1.0)
        plan = plan * kept[..., None, :]
        lacking_a = xp.clip(self.a - xp.sum(plan, axis=-1), 0.0, None)
        lacking_b = xp.clip(self.b - xp.sum(plan, axis=-2), 0.0, None)
        lacking = xp.sum(lacking_a, axis=-1)[..., None, None]
        share = lacking_a[..., :, None] / xp.where(lacking > 0, lacking, 1.0)
        return plan + share * lacking_b[..., None, :]

    @cached_property
    def duality_gap(self) -> Array:
        r"""How far at most `value` is below the least regularised cost, (...).

        The regularised cost of :attr:`rounded_plan` less the dual value, which is
        :math:`\epsilon KL(\hat P \| P)`: a sum of terms that are never negative.
        """
        xp = array_namespace(self.a)
        rounded = self.rounded_plan
        product = self.a[..., :, None] * self.b[..., None, :]
        some = rounded > 0
        density = rounded / xp.where(product > 0, product, 1.0)
        log_ratio = safe_log(xp.where(some, density, 1.0)) - self._log_density
        # x ln x - x + 1 for the ratio x of both plans, times P, without cancellation near 1.
        terms = rounded * log_ratio + self.plan - rounded
        terms = xp.where(some, terms, self.plan)
        return self.epsilon * xp.sum(xp.clip(terms, 0.0, None), axis=(-2, -1))

    @property
    def primal_value(self) -> Array:
        """Regularised cost of :attr:`rounded_plan`, (...): at least the least one."""
        return self.value + self.duality_gap

    @cached_property
    def mutual_information(self) -> Array:
        """KL of the plan to the product of its marginals, nats (...)."""
        xp = array_namespace(self.a)
        terms = xp.where(self.plan > 0, self.plan * self._log_density, 0.0)
        return xp.sum(terms, axis=(-2, -1))
