"""Potentials between two clouds: from a part of them to all, without an array of all pairs."""

from __future__ import annotations

import math

import numpy as np

from infotheory._xp import array_namespace, detached_numpy, safe_log
from infotheory._xp._namespace import Array, like
from infotheory.functional._point_costs import PointCosts
from infotheory.functional._point_kernels import kernel_of
from infotheory.functional._sinkhorn import solved
from infotheory.functional._sinkhorn_ascent import Ascent, Counts, Problem
from infotheory.functional._transport_checks import checked_cost

_PART = 2000  # points of each cloud that are solved for first, as an array
_SHARE = 10  # of the points, in each part of a part
_PART_TOL = 1e-3
_PART_SWEEPS = 1000
_LEAF = 8  # points in a leaf of the tree whose order is thinned
_NOISE = 10.0  # errors of float32 below which its sums are left


class PointAscent(Ascent):
    """Over-relaxed sweeps with entries made anew each time, in float32 as long as that tells."""

    def __post_init__(self) -> None:
        self.xp = array_namespace(self.problem.a)
        self.log_a, self.log_b = safe_log(self.problem.a), safe_log(self.problem.b)
        self.kernel = kernel_of(self.problem.cost)
        self.update_in_logs((1,))

    def update_in_logs(self, sides: tuple[int, ...] = (1, 0, 1)) -> None:
        """Exact updates of f (0) and g (1), whatever the range, then absorb."""
        for side in sides:
            if side:
                self.g = self.kernel.soft_minimum(self.f, self.log_a, self.epsilon, -2)
            else:
                self.f = self.kernel.soft_minimum(self.g, self.log_b, self.epsilon, -1)
        self.log_u, self.log_v = self.xp.zeros_like(self.f), self.xp.zeros_like(self.g)
        self._absorb()

    def _absorb_if_far(self) -> None:
        self._absorb()

    def climb(self, tol: float, max_sweeps: int, *, most_sweeps_left: float) -> Array:
        """Sweeps until the error, which is one of float64, is at most `tol`."""
        kernel, most = self.kernel, self.counts.sweeps + max_sweeps
        if hasattr(kernel, "is_exact"):
            exact = self.rows()
            kernel.is_exact = False
            noise = float(self.error(1 + self.rows() - exact))
            goal = max(tol, _NOISE * noise)
            if float(self.error(exact)) > goal:
                super().climb(goal, max_sweeps, most_sweeps_left=most_sweeps_left)
            kernel.is_exact = True
        return super().climb(tol, most - self.counts.sweeps, most_sweeps_left=most_sweeps_left)


def point_potentials(
    costs: PointCosts,
    a: Array,
    b: Array,
    epsilon: float,
    tol: float,
    max_iter: int,
    start: tuple[Array, Array] | None,
) -> tuple[Array, Array, Array, Counts]:
    """Potentials of points that all have weight, the marginal error, and what it took."""
    if costs.n_pairs <= costs.block_size:
        return solved(costs.whole(), a, b, epsilon, tol, max_iter, "auto", start)
    f = _of_a_part(costs, a, b, epsilon, max_iter) if start is None else start[0]
    ascent = PointAscent(Problem(costs, a, b), epsilon, f)
    error = ascent.climb(tol, max_iter, most_sweeps_left=math.inf)
    f, g = ascent.potentials()
    return f, g, error, ascent.counts


def _of_a_part(costs: PointCosts, a: Array, b: Array, epsilon: float, max_iter: int) -> Array:
    """Potentials of all points of the source by those of some points of the target."""
    largest = min(_PART, math.isqrt(costs.block_size // len(costs.copies)))
    rows, of_rows = _thinned(costs.X, a, largest)
    columns, of_columns = _thinned(costs.copies[0], b, largest)
    part = costs.kept(rows, columns)
    if callable(part.cost):
        checked_cost(part.whole())
    _, g, _, _ = point_potentials(
        part, of_rows, of_columns, epsilon, _PART_TOL, min(max_iter, _PART_SWEEPS), None
    )
    kernel = kernel_of(costs.on(costs.X, part.copies))
    return kernel.soft_minimum(g, safe_log(of_columns), epsilon, -1)


def _thinned(points: Array, weights: Array, largest: int) -> tuple[Array, Array]:
    """Indices of points spread over all, and the weights of those near each."""
    n = points.shape[0]
    size = max(largest, n // _SHARE)
    if n <= size:
        return like(np.arange(n), points), weights
    from infotheory._xp._tree import grow

    numbers = detached_numpy(points).astype(np.float64)
    pairs = np.concatenate([numbers, np.zeros((n, numbers.shape[1] % 2))], axis=1)
    order = grow(pairs, _LEAF).order
    ends = np.linspace(0, n, size + 1).astype(int)
    sums = np.add.reduceat(detached_numpy(weights)[order], ends[:-1])
    xp = array_namespace(weights)
    kept = order[(ends[:-1] + ends[1:]) // 2]
    return like(kept, points), xp.astype(like(sums / sums.sum(), weights), weights.dtype)
