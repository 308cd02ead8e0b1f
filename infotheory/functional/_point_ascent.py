"""Potentials between two clouds: from a part of them to all, without an array of all pairs.

Where a marginal may move at a price rho, the ratio r of sums to weights is exp(-f / rho) at the
optimum. Products are made with f (1 + eps / rho), which gives r / exp(-f / rho): numbers near 1,
however little of the mass is left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from infotheory._xp import array_namespace, detached_numpy, logsumexp, safe_log
from infotheory._xp._namespace import Array, like
from infotheory.functional._point_costs import PointCosts
from infotheory.functional._point_kernels import kernel_of
from infotheory.functional._sinkhorn import solved
from infotheory.functional._sinkhorn_ascent import Ascent, Counts, Problem
from infotheory.functional._sinkhorn_implicit import off_graph
from infotheory.functional._sinkhorn_unbalanced import unbalanced_potentials
from infotheory.functional._transport_checks import checked_cost
from infotheory.functional._unbalanced_ascent import constant, paid

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


@dataclass
class UnbalancedPointAscent(PointAscent):
    """The same where marginals may move at a price, `rows` and `columns` over what they aim at."""

    penalties: tuple[float, float] = (math.inf, math.inf)

    def potentials(self) -> tuple[Array, Array]:
        return self.f, self.g

    def _products(self, side: int) -> Array:
        share = 1 + self.epsilon / self.penalties[side]
        if side:
            self.kernel.absorb(self.f, share * self.g, self.epsilon)
            return self.kernel.transposed_times(self.problem.a)
        self.kernel.absorb(share * self.f, self.g, self.epsilon)
        return self.kernel.times(self.problem.b)

    def rows(self) -> Array:
        return self._products(0)

    def columns(self) -> Array:
        return self._products(1)

    def _log_aims(self, side: int) -> Array:
        """ln of the marginal that the plan has at the optimum."""
        potential, log_weight = ((self.f, self.log_a), (self.g, self.log_b))[side]
        return log_weight - potential / self.penalties[side]

    def _shares(self, side: int) -> Array:
        """That marginal over the sum of its entries."""
        aims = self._log_aims(side)
        return self.xp.exp(aims - logsumexp(aims, axis=-1))

    def error(self, rows: Array) -> Array:
        """L1 distance of the row sums from what they are at the optimum, over the mass."""
        xp, shares = self.xp, self._shares(0)
        return xp.sum(shares * xp.abs(rows - 1)) / xp.sum(shares * rows)

    def climb(self, tol: float, max_sweeps: int, *, most_sweeps_left: float) -> Array:
        """As without a price; sums out of range are told and made anew in logs."""
        with np.errstate(over="ignore", invalid="ignore"):
            return super().climb(tol, max_sweeps, most_sweeps_left=most_sweeps_left)

    def update_in_logs(self, sides: tuple[int, ...] = (1, 0, 1)) -> None:
        """Exact updates of f (0) and g (1), whatever the range, each with its best constant.

        The update of g at f + t is (S - t) / (1 + eps / rho), where S is that of a balanced
        problem at f.
        """
        eps = self.epsilon
        for side in sides:
            here, there = self.penalties[1 - side], self.penalties[side]
            other = self.f if side else self.g
            log_other, log_weight = (self.log_a, self.log_b)[:: 1 if side else -1]
            whole = self.kernel.soft_minimum(other, log_other, eps, -1 - side)
            aims = log_other - other / here, log_weight - whole / (there + eps)
            t = constant(*aims, (here, there + eps))
            other, found = other + t, (whole - t) / (1 + eps / there)
            self.f, self.g = (other, found) if side else (found, other)

    def _translate(self) -> None:
        """The best f + t and g - t: both marginals then aim at the same mass."""
        t = constant(self._log_aims(0), self._log_aims(1), self.penalties)
        self.f, self.g = self.f + t, self.g - t

    def _change(self, ratio: Array, side: int, omega: Array) -> Array:
        """Change of a potential by a relaxed update, exact where the dual would fall by it."""
        xp, eps, rho = self.xp, self.epsilon, self.penalties[side]
        exact = -xp.log(ratio) / (1 + eps / rho)
        relaxed = omega * exact
        terms = paid(relaxed, rho / eps) - ratio * xp.expm1(relaxed)
        return eps * exact * xp.where(xp.sum(self._shares(side) * terms) >= 0, omega, 1.0)

    def sweep(self, rows: Array, omega: Array) -> None:
        """Update f by its row ratios, then both, then g; in logs where a sum is out of range."""
        self.counts.sweeps += 1
        if not self._are_in_range(rows):
            self.update_in_logs()
            return
        self.f = self.f + self._change(rows, 0, omega)
        self._translate()
        columns = self.columns()
        if not self._are_in_range(columns):
            self.update_in_logs()
            return
        self.g = self.g + self._change(columns, 1, omega)

    def _make_columns_exact(self, else_in_logs: tuple[int, ...] = (1, 0, 1)) -> None:
        columns = self.columns()
        if self._are_in_range(columns):
            self.g = self.g + self._change(columns, 1, self.xp.ones_like(columns[:1]))
        else:
            self.update_in_logs(else_in_logs)


def point_potentials(
    costs: PointCosts,
    a: Array,
    b: Array,
    epsilon: float,
    penalties: tuple[float, float],
    tol: float,
    max_iter: int,
    start: tuple[Array, Array] | None,
) -> tuple[Array, Array, Array, Counts]:
    """Potentials of points that all have weight, the marginal error, and what it took."""
    is_balanced = math.isinf(min(penalties))
    if costs.n_pairs <= costs.block_size:
        whole = off_graph(costs.whole())
        if is_balanced:
            return solved(whole, a, b, epsilon, tol, max_iter, "auto", start)
        return unbalanced_potentials(whole, a, b, epsilon, penalties, tol, max_iter, start)
    f = _of_a_part(costs, a, b, epsilon, penalties, max_iter) if start is None else start[0]
    problem = Problem(costs, a, b)
    if is_balanced:
        ascent = PointAscent(problem, epsilon, f)
    else:
        ascent = UnbalancedPointAscent(problem, epsilon, f, penalties=penalties)
    error = ascent.climb(tol, max_iter, most_sweeps_left=math.inf)
    f, g = ascent.potentials()
    return f, g, error, ascent.counts


def _of_a_part(
    costs: PointCosts,
    a: Array,
    b: Array,
    epsilon: float,
    penalties: tuple[float, float],
    max_iter: int,
) -> Array:
    """Potentials of all points of the source by those of some points of the target."""
    largest = min(_PART, math.isqrt(costs.block_size // len(costs.copies)))
    rows, of_rows = _thinned(costs.X, a, largest)
    columns, of_columns = _thinned(costs.copies[0], b, largest)
    part = costs.kept(rows, columns)
    if callable(part.cost):
        checked_cost(part.whole())
    _, g, _, _ = point_potentials(
        part,
        of_rows,
        of_columns,
        epsilon,
        penalties,
        _PART_TOL,
        min(max_iter, _PART_SWEEPS),
        None,
    )
    kernel = kernel_of(costs.on(costs.X, part.copies))
    f = kernel.soft_minimum(g, safe_log(of_columns), epsilon, -1)
    return f / (1 + epsilon / penalties[0])


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
    shares = xp.astype(like(sums / sums.sum(), weights), weights.dtype)
    return like(kept, points), shares * xp.sum(weights)
