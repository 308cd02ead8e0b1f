"""Rows of a plan between two clouds by its potentials, and sums over blocks of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from array_api_compat import is_numpy_array, is_torch_array

from infotheory._xp import array_namespace, detached_numpy, like
from infotheory._xp._namespace import Array
from infotheory.functional._entropic_map import entropic_map
from infotheory.functional._point_costs import PointCosts
from infotheory.functional._point_kernels import thread_count
from infotheory.functional._sinkhorn_implicit import off_graph, once_differentiable

Linear = Callable[[Any, Any, Any, Any], Any]  # of a, b, f and g: what has no cost in it


@dataclass(frozen=True, eq=False)
class PointPlan:
    r"""Weights times :math:`\exp((f_i + g_j - C_{ij}) / \epsilon)`, never as an array."""

    costs: PointCosts
    a: Array
    b: Array
    epsilon: float
    dual: tuple[Array, Array]

    @cached_property
    def potentials(self) -> tuple[Array, Array]:
        r"""f and g in units of the cost; the plan is :math:`a b \exp((f + g - C) / \epsilon)`."""
        f, g = self._dual
        return self.costs.outside(f), self.costs.outside(g)

    @cached_property
    def _weights(self) -> tuple[Array, Array]:
        return self.costs.number(self.a), self.costs.number(self.b)

    @cached_property
    def _inside(self) -> PointCosts:
        return self.costs.inside()

    @cached_property
    def _dual(self) -> tuple[Array, Array]:
        return self.costs.number(self.dual[0]), self.costs.number(self.dual[1])

    def _with_gradient(self, value: Array, linear: Linear) -> Array:
        """A value with the gradient, in Torch, of a sum over points less epsilon times the mass."""
        if is_torch_array(self.a):
            graph = self._on_graph(linear)
            return value + (graph - graph.detach()) if graph.requires_grad else value
        return value

    def _on_graph(self, linear: Linear) -> Any:
        """The dual value whose blocks, where a gradient asks for them, are made once more."""
        import torch
        from torch.utils.checkpoint import checkpoint

        f, g = (self.costs.outside(part) for part in self._dual)
        graph = (self.costs.X, *self.costs.copies, self.a, self.b)
        source, target = once_differentiable(self.a, self.b)
        value = linear(source, target, f, g)
        # Parameters of a callable are seen only by calling it.
        wanted = any(part.requires_grad for part in graph) or callable(self.costs.cost)
        if not (wanted and torch.is_grad_enabled()):
            return value

        def mass(X: Any, a: Any, f: Any, b: Any, *copies: Any) -> Any:
            (cost,) = once_differentiable(self.costs.of(X, list(copies)))
            density = ((f[:, None] + g - cost) / self.epsilon).exp()
            return (a[:, None] * density * b).sum()

        for rows in self.costs.parts():
            some = (self.costs.X[rows], source[rows], f[rows], target, *self.costs.copies)
            value = value - self.epsilon * checkpoint(mass, *some, use_reentrant=False)
        return value

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
            density = xp.exp(_of_weights(log_density, a[rows], b))
            # What has no mass has no share in either sum.
            found = [xp.where(density > 0, density * part, 0.0) for part in (cost, log_density)]
            return xp.stack([a[rows] @ (part @ b) for part in found])

        return self._over_blocks(work)

    @property
    def cost(self) -> Array:
        """<C, P>."""
        return self.costs.outside(self._cost_and_information[0])

    def plan_rows(self, rows: Any) -> Array:
        """Some rows of the plan, (k, m), off the graph of any gradient.

        Parameters
        ----------
        rows : int, sequence of int, range, slice, or integer or boolean array
            Which rows of X.

        Returns
        -------
        array of shape (k, m)
            Row i sums to a_i, and all rows together to b, where these marginals are exact and as
            far as the solver has converged.
        """
        index = np.atleast_1d(np.arange(self.costs.shape[0])[_index_of(rows)])
        (f, g), (a, b) = self._dual, self._weights
        xp = array_namespace(f)
        is_empty, index = not len(index), like(index, f)
        a = xp.take(a, index)
        if is_empty:
            return self.costs.outside(a[:, None] * b)
        log_density = (xp.take(f, index)[:, None] + g - self._inside.fixed(index)) / self.epsilon
        density = xp.exp(_of_weights(log_density, a, b))
        return self.costs.outside(a[:, None] * density * b)

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


def _of_weights(log_density: Array, a: Array, b: Array) -> Array:
    """Less those without weight: a point next to all others may have one that no float can hold."""
    xp = array_namespace(a)
    if bool(xp.all(a > 0)) and bool(xp.all(b > 0)):
        return log_density
    return xp.where((a > 0)[:, None] & (b > 0), log_density, -xp.inf)


def _index_of(rows: Any) -> Any:
    """What NumPy takes rows by; a tuple would be one index for each axis."""
    if isinstance(rows, (slice, int, np.integer)):
        return rows
    if not hasattr(rows, "__dlpack__"):
        rows = np.asarray(list(rows))
    index = detached_numpy(rows)
    return index.astype(np.intp) if index.size == 0 else index
