"""What a solver of entropic transport between clouds found: potentials, and what follows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from array_api_compat import is_numpy_array, is_torch_array

from infotheory._xp import array_namespace, detached_numpy, like, safe_log
from infotheory._xp._namespace import Array
from infotheory.functional._entropic_map import entropic_map
from infotheory.functional._point_costs import PointCosts
from infotheory.functional._point_kernels import kernel_of, thread_count
from infotheory.functional._sinkhorn_implicit import off_graph, once_differentiable


@dataclass(frozen=True, eq=False)
class EntropicPointPlan:
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

    costs: PointCosts
    a: Array
    b: Array
    epsilon: float
    dual: tuple[Array, Array]
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
    def _inside(self) -> PointCosts:
        return self.costs.inside()

    @cached_property
    def _weights(self) -> tuple[Array, Array]:
        a, b = self.costs.number(self.a), self.costs.number(self.b)
        # Sums that were 1 in float32 are not yet in float64.
        xp = array_namespace(a)
        return a / xp.sum(a), b / xp.sum(b)

    @cached_property
    def _dual(self) -> tuple[Array, Array]:
        return self.costs.number(self.dual[0]), self.costs.number(self.dual[1])

    def _kernel(self, f: Array, g: Array) -> Any:
        kernel = kernel_of(self._inside)
        kernel.absorb(f, g, self.epsilon)
        return kernel

    @cached_property
    def _row_sums(self) -> Array:
        """Over the weights of the rows."""
        return self._kernel(*self._dual).times(self._weights[1])

    @cached_property
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
        if is_torch_array(self.a):
            graph = self._value_on_graph()
            value = value + (graph - graph.detach()) if graph.requires_grad else value
        return value

    def _value_on_graph(self) -> Any:
        """The dual value whose blocks, where a gradient asks for them, are made once more."""
        import torch
        from torch.utils.checkpoint import checkpoint

        f, g = (self.costs.outside(part) for part in self._dual)
        graph = (self.costs.X, *self.costs.copies, self.a, self.b)
        source, target = once_differentiable(self.a, self.b)
        linear = (source * f).sum() + (target * g).sum()
        # Parameters of a callable are seen only by calling it.
        wanted = any(part.requires_grad for part in graph) or callable(self.costs.cost)
        if not (wanted and torch.is_grad_enabled()):
            return linear

        def mass(X: Any, a: Any, f: Any, b: Any, *copies: Any) -> Any:
            (cost,) = once_differentiable(self.costs.of(X, list(copies)))
            density = ((f[:, None] + g - cost) / self.epsilon).exp()
            return (a[:, None] * density * b).sum()

        for rows in self.costs.parts():
            some = (self.costs.X[rows], source[rows], f[rows], target, *self.costs.copies)
            linear = linear - self.epsilon * checkpoint(mass, *some, use_reentrant=False)
        return linear

    def _over_blocks(self, work: Callable[[slice], Array]) -> Array:
        """The sum of what some rows at a time give; NumPy works outside the lock."""
        parts = self._inside.parts()
        if not is_numpy_array(self._inside.X) or len(parts) == 1:
            return sum(work(rows) for rows in parts)
        with ThreadPoolExecutor(thread_count()) as pool:
            return np.sum(list(pool.map(work, parts)), axis=0)

    def _cost_and_log_density(self, rows: slice) -> tuple[Array, Array]:
        f, g = self._dual
        cost = self._inside.fixed(rows)
        return cost, (f[rows, None] + g - cost) / self.epsilon

    @cached_property
    def _cost_and_information(self) -> Array:
        a, b = self._weights
        xp = array_namespace(a)

        def work(rows: slice) -> Array:
            cost, log_density = self._cost_and_log_density(rows)
            density = xp.exp(log_density)
            # What has no mass has no share in either sum.
            found = [xp.where(density > 0, density * part, 0.0) for part in (cost, log_density)]
            return xp.stack([a[rows] @ (part @ b) for part in found])

        return self._over_blocks(work)

    @property
    def cost(self) -> Array:
        """<C, P>."""
        return self.costs.outside(self._cost_and_information[0])

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

    def plan_rows(self, rows: Any) -> Array:
        """Some rows of the plan, (k, m), off the graph of any gradient.

        Parameters
        ----------
        rows : int, sequence of int, range, slice, or integer or boolean array
            Which rows of X.

        Returns
        -------
        array of shape (k, m)
            Row i sums to a_i, and all rows together to b, within `marginal_error`.
        """
        index = np.atleast_1d(np.arange(self.costs.shape[0])[_index_of(rows)])
        (f, g), (a, b) = self._dual, self._weights
        xp = array_namespace(f)
        if not len(index):
            return self.costs.outside(xp.take(a, like(index, f))[:, None] * b)
        index = like(index, f)
        log_density = (xp.take(f, index)[:, None] + g - self._inside.fixed(index)) / self.epsilon
        return self.costs.outside(xp.take(a, index)[:, None] * xp.exp(log_density) * b)

    def transform(self, Z: Array) -> Array:
        r"""Mean of the target given any point of the source: the entropic map.

        Parameters
        ----------
        Z : array of shape (l, d)
            Points, those of X or others.

        Returns
        -------
        array of shape (l, d)
            :math:`T(z) = \sum_j w_j(z) y_j` with weights of :func:`entropic_map`, by blocks and
            exact however far z is; under a group y runs over all images. Differentiable in Z,
            which then holds all weights.
        """
        x = self.costs.X
        xp = array_namespace(x)
        Z = xp.asarray(Z) if isinstance(Z, (list, tuple)) else Z
        if Z.ndim != 2 or Z.shape[1] != x.shape[1]:
            raise ValueError(
                f"Z must have shape (l, {x.shape[1]}), one column for each of X, "
                f"got {tuple(Z.shape)}."
            )
        times = len(self.costs.copies)
        targets = xp.concat([off_graph(copy) for copy in self.costs.copies])
        g, b = xp.concat([self.potentials[1]] * times), off_graph(self.b)
        b = xp.concat([b] * times) / times
        return entropic_map(xp.astype(Z, x.dtype), targets, g, b, self.epsilon, self.costs.cost)


def _index_of(rows: Any) -> Any:
    """What NumPy takes rows by; a tuple would be one index for each axis."""
    if isinstance(rows, (slice, int, np.integer)):
        return rows
    if not hasattr(rows, "__dlpack__"):
        rows = np.asarray(list(rows))
    index = detached_numpy(rows)
    return index.astype(np.intp) if index.size == 0 else index
