"""What a solver of entropic transport between clouds found: potentials, and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infotheory._xp import array_namespace, safe_log
from infotheory._xp._namespace import Array
from infotheory.functional._graph_cache import cached_on_graph
from infotheory.functional._point_kernels import kernel_of
from infotheory.functional._point_rows import PointPlan
from infotheory.functional._sinkhorn_implicit import off_graph


@dataclass(frozen=True, eq=False)
class EntropicPointPlan(PointPlan):
    r"""An entropic transport plan between two clouds by its potentials, without the array.

    The problem is that of :class:`EntropicPlan`: :math:`\min_P \langle C, P \rangle + \epsilon
    KL(P \| a \otimes b)` over plans with marginals a and b.

    Parameters
    ----------
    costs : PointCosts
        The two clouds, X of shape (n, d) and Y of shape (m, d), and the cost between them.
    a, b : arrays of shape (n,), (m,)
    epsilon : float
    dual : tuple of arrays of shape (n,), (m,)
        The potentials f and g, off the graph of any gradient.
    marginal_error : float
        L1 distance of both marginals of the plan from a and b.
    converged : bool
        Whether the error is within the tolerance that was asked for.
    n_iter : int
        Sweeps.
    notes : tuple of str

    Notes
    -----
    Everything else is computed when it is first asked for, and kept: O(n m d) time each, and
    memory for a block of rows of the plan. All but `value` and `transform` are off the graph of
    any gradient.
    Source of the rounding that certifies the gap: Altschuler, Weed and Rigollet (2017),
    arXiv:1705.09634.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import sinkhorn_points
    >>> X = np.array([[0.0], [1.0]])
    >>> found = sinkhorn_points(X, X, cost="sqeuclidean", epsilon=1.0)
    >>> print(f"{found.cost:.4f} + {found.epsilon * found.mutual_information:.4f}")
    0.2689 + 0.1109
    >>> print(f"{found.value:.4f}", bool(found.duality_gap < 1e-9))
    0.3799 True
    >>> found.plan_rows([0]).round(4).tolist()
    [[0.3655, 0.1345]]
    """

    marginal_error: float
    converged: bool
    n_iter: int
    notes: tuple[str, ...] = ()

    @cached_property
    def potentials(self) -> tuple[Array, Array]:
        r"""f and g in units of the cost, with <a, f> = <b, g>.

        The plan is :math:`a_i b_j \exp((f_i + g_j - C_{ij}) / \epsilon)`.
        """
        f, g = self._dual
        a, b = self._weights
        xp = array_namespace(f)
        half = (xp.sum(a * f) - xp.sum(b * g)) / 2
        return self.costs.outside(f - half), self.costs.outside(g + half)

    @cached_property
    def _weights(self) -> tuple[Array, Array]:
        a, b = self.costs.number(self.a), self.costs.number(self.b)
        # Sums that were 1 in float32 are not yet in float64.
        xp = array_namespace(a)
        return a / xp.sum(a), b / xp.sum(b)

    def _kernel(self, f: Array, g: Array) -> Any:
        kernel = kernel_of(self._inside)
        kernel.absorb(f, g, self.epsilon)
        return kernel

    @cached_property
    def _row_sums(self) -> Array:
        """Over the weights of the rows."""
        return self._kernel(*self._dual).times(self._weights[1])

    @cached_on_graph
    def value(self) -> Array:
        """The dual value: at most the least regularised cost, and within `duality_gap`.

        With Torch its gradient is that of the envelope, by blocks: the potentials for the
        weights, and for the points the gradients of their costs over the plan. A gradient of that
        gradient is refused.
        """
        (f, g), (a, b) = self._dual, self._weights
        xp = array_namespace(f)
        mass = xp.sum(a * self._row_sums)
        value = self.costs.outside(xp.sum(a * f) + xp.sum(b * g) - self.epsilon * (mass - 1))
        return self._with_gradient(value, lambda a, b, f, g: (a * f).sum() + (b * g).sum())

    @property
    def mutual_information(self) -> Array:
        """KL of the plan to the product of its marginals, nats."""
        return self.costs.outside(self._cost_and_information[1])

    @cached_property
    def duality_gap(self) -> Array:
        r"""How far at most `value` is below the least regularised cost.

        The plan is rounded to one with exactly the marginals a and b, as in
        :class:`EntropicPlan`; the gap is :math:`\epsilon KL(\hat P \| P)` in blocks.
        """
        (f, g), (a, b) = self._dual, self._weights
        xp, eps = array_namespace(f), self.epsilon
        kept_rows = 1 / xp.clip(self._row_sums, 1.0, None)
        by_rows = f + eps * safe_log(kept_rows)
        columns = self._kernel(by_rows, g).transposed_times(a)
        kept_columns = 1 / xp.clip(columns, 1.0, None)
        rows_left = self._kernel(by_rows, g + eps * safe_log(kept_columns)).times(b)
        lacking_a = xp.clip(1 - rows_left, 0.0, None)
        lacking_b = xp.clip(1 - columns * kept_columns, 0.0, None)
        lacking = xp.sum(a * lacking_a)
        lacking_b = lacking_b / xp.where(lacking > 0, lacking, xp.ones_like(lacking))

        def work(rows: slice) -> Array:
            _, log_density = self._cost_and_log_density(rows)
            density = xp.exp(log_density)
            rounded = kept_rows[rows, None] * density * kept_columns
            rounded = rounded + lacking_a[rows, None] * lacking_b
            log_ratio = safe_log(xp.where(rounded > 0, rounded, 1.0)) - log_density
            terms = xp.where(rounded > 0, rounded * log_ratio + density - rounded, density)
            # Each term is at least 0 but for rounding.
            return a[rows] @ (xp.clip(terms, 0.0, None) @ b)

        return self.costs.outside(eps * self._over_blocks(work))

    @property
    def primal_value(self) -> Array:
        """Regularised cost of the rounded plan: at least the least one."""
        return off_graph(self.value) + self.duality_gap
