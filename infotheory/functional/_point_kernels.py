"""Gibbs kernels between two clouds whose entries are made anew for each product, never stored.

They take the place of the arrays of `_sinkhorn_kernels` in an ascent: products with
exp((f_i + g_j - C_ij) / epsilon) at the potentials of the last absorption, which costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np

from infotheory._xp import array_namespace, detached_numpy, like, logsumexp, safe_log
from infotheory._xp._namespace import Array
from infotheory.functional._point_costs import PointCosts

_LOG2 = math.log(2)
# Exponents in base 2 below which a whole tile is left out, and sums that this would change.
_LEAST = {np.float32: (-44.0, 1e-7), np.float64: (-70.0, 1e-8)}
_LARGEST = 1e30  # of sums that are told from those out of range
_FEW = 2**22  # pairs that one thread does at once


class Cloud:
    """Points in the order of a tree, in pages and in tiles, with the boxes around them."""

    def __init__(self, points: np.ndarray) -> None:
        from infotheory._xp._tree import grow
        from infotheory.functional._point_sums import PAGE, TILE

        n, d = points.shape
        even = np.zeros((n, d + d % 2))
        even[:, :d] = points
        self.order = grow(even, TILE).order if n > TILE else np.arange(n)
        self.size = n
        self.points = np.zeros((n, -(-d // 4) * 4))
        self.points[:, :d] = points[self.order]
        self.squares = np.sum(self.points**2, axis=1)
        self.page_starts = np.arange(0, n, PAGE)
        self.tile_starts = np.arange(0, n, TILE)
        self.page_boxes = self._boxes(self.page_starts)
        self.tile_boxes = self._boxes(self.tile_starts)
        filled = np.concatenate([self.points, np.repeat(self.points[-1:], -n % PAGE, axis=0)])
        self.pages = np.ascontiguousarray(
            filled.reshape(len(self.page_starts), PAGE, -1).transpose(0, 2, 1)
        )

    def _boxes(self, starts: np.ndarray) -> np.ndarray:
        low = np.minimum.reduceat(self.points, starts)
        return np.stack([low, np.maximum.reduceat(self.points, starts)], axis=1)

    def paged(self, values: np.ndarray) -> np.ndarray:
        """Values of points in tree order as pages."""
        n_pages, _, width = self.pages.shape
        return np.concatenate([values, np.repeat(values[-1:], -self.size % width)]).reshape(
            n_pages, width
        )

    def scattered(self, pages: np.ndarray) -> np.ndarray:
        """Values of pages in the order of the points."""
        out = np.empty(self.size)
        out[self.order] = pages.ravel()[: self.size]
        return out


class PointKernel:
    """By compiled sums, for the costs that have names, in float32 or (`is_exact`) in float64."""

    reach = math.log(np.finfo(np.float64).max) / 8

    def __init__(self, costs: PointCosts) -> None:
        flat = costs.as_squares()
        self.slope, self.by_distance = flat.slope, flat.by_distance
        self.of_x, self.of_y = flat.of_x, flat.of_y
        self.source, self.targets = Cloud(flat.X), [Cloud(copy) for copy in flat.copies]
        self.is_exact = True
        self.unit = 0.0
        self._cast: dict[Any, np.ndarray] = {}

    def _measure(self, epsilon: float) -> float:
        """The cost that is one unit of exponents in base 2."""
        if epsilon * _LOG2 != self.unit:
            self.unit = epsilon * _LOG2
            self._cast.clear()
        return self.unit

    def absorb(self, f: np.ndarray, g: np.ndarray, epsilon: float) -> None:
        """Take over new potentials."""
        self._measure(epsilon)
        self.f, self.g = (f - self.of_x) / self.unit, (g - self.of_y) / self.unit

    def times(self, w: np.ndarray) -> np.ndarray:
        """Sums over columns with weights: (n,)."""
        return self._told(self._sums(self.source, self.f, y, self.g, w) for y in self.targets)

    def transposed_times(self, w: np.ndarray) -> np.ndarray:
        """Sums over rows with weights: (m,)."""
        return self._told(self._sums(y, self.g, self.source, self.f, w) for y in self.targets)

    def _told(self, sums: Iterator[np.ndarray]) -> np.ndarray:
        """Their mean, where zero and infinity are the words for out of range."""
        found = sum(sums) / len(self.targets)
        found = np.where(found < _LEAST[self._dtype][1], 0.0, found)
        return np.where(found > _LARGEST, np.inf, found)

    @property
    def _dtype(self) -> Any:
        return np.float64 if self.is_exact else np.float32

    def soft_minimum(
        self, potential: np.ndarray, log_weight: np.ndarray, epsilon: float, axis: int
    ) -> np.ndarray:
        """-epsilon ln sum w exp((potential - C) / epsilon) over rows (-2) or columns (-1)."""
        unit, copies = self._measure(epsilon), self.targets
        own, other = (self.of_y, self.of_x) if axis == -2 else (self.of_x, self.of_y)
        scores = (potential - other) / unit + log_weight / _LOG2
        pairs = [(y, self.source) if axis == -2 else (self.source, y) for y in copies]
        exact, self.is_exact = self.is_exact, True
        one = np.ones_like(scores)
        tops = [self._largest(rows, columns, scores) for rows, columns in pairs]
        # Of the terms the largest is 1.
        top = np.max(tops, axis=0)
        found = sum(self._sums(rows, -top, columns, scores, one) for rows, columns in pairs)
        self.is_exact = exact
        return own - unit * (top + np.log2(found / len(copies)))

    def _arrays(self, kind: str, cloud: Cloud, dtype: Any) -> np.ndarray:
        """Coordinates of a cloud such that their products, or distances, are exponents."""
        key = (kind, id(cloud), dtype)
        if key not in self._cast:
            scale = self.slope / self.unit
            scale = scale if self.by_distance else math.sqrt(scale)
            self._cast[key] = (scale * getattr(cloud, kind)).astype(dtype)
        return self._cast[key]

    def _sides(
        self, rows: Cloud, u: np.ndarray, columns: Cloud, v: np.ndarray, dtype: Any
    ) -> tuple[np.ndarray, ...]:
        """What the compiled loops take of both clouds."""
        u, v = u[rows.order], v[columns.order]
        half = 0.0 if self.by_distance else self.slope / self.unit / 2
        return (
            self._arrays("pages", rows, dtype),
            rows.paged(u - half * rows.squares).astype(dtype),
            self._arrays("points", columns, dtype),
            (v - half * columns.squares).astype(dtype),
            np.maximum.reduceat(u, rows.page_starts),
            np.maximum.reduceat(v, columns.tile_starts),
        )

    def _sums(
        self,
        rows: Cloud,
        u: np.ndarray,
        columns: Cloud,
        v: np.ndarray,
        w: np.ndarray,
    ) -> np.ndarray:
        from infotheory.functional._point_sums import exponential_table, power_sums

        dtype = self._dtype
        pages, paged_u, points, shifted_v, tops, tile_tops = self._sides(rows, u, columns, v, dtype)
        out = np.empty(paged_u.shape)
        weights, table = w[columns.order].astype(dtype), exponential_table(dtype)

        def work(span: tuple[int, int]) -> None:
            power_sums(
                pages,
                paged_u,
                rows.page_boxes,
                tops,
                points,
                shifted_v,
                weights,
                columns.tile_boxes,
                tile_tops,
                self.slope / self.unit,
                self.by_distance,
                _LEAST[dtype][0],
                table,
                span,
                out,
            )

        _spread(work, len(pages), rows.size * columns.size)
        return rows.scattered(out)

    def _largest(self, rows: Cloud, columns: Cloud, v: np.ndarray) -> np.ndarray:
        from infotheory.functional._point_sums import largest_scores

        zero = np.zeros(rows.size)
        pages, u, points, v, _, _ = self._sides(rows, zero, columns, v, np.float64)
        out = np.empty(u.shape)
        _spread(
            lambda span: largest_scores(pages, u, points, v, self.by_distance, span, out),
            len(pages),
            rows.size * columns.size,
        )
        return rows.scattered(out)


def _spread(work: Callable[[tuple[int, int]], None], n_pages: int, n_pairs: int) -> None:
    """Share pages among threads; compiled loops hold no lock."""
    n_threads = min(thread_count(), n_pages) if n_pairs > _FEW else 1
    if n_threads == 1:
        work((0, n_pages))
        return
    # More parts than threads, for pages do not take equally long.
    ends = np.linspace(0, n_pages, min(8 * n_threads, n_pages) + 1).astype(int).tolist()
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(work, pairwise(ends)))


def thread_count() -> int:
    """Threads as for other compiled loops: the cores, or NUMBA_NUM_THREADS."""
    from numba import config

    return int(config.NUMBA_NUM_THREADS)


class BlockKernel:
    """By blocks of the cost in the caller's library: any cost, any device."""

    def __init__(self, costs: PointCosts) -> None:
        self.costs, self.xp = costs, array_namespace(costs.X)
        self.reach = math.log(float(self.xp.finfo(costs.X.dtype).max)) / 8

    def absorb(self, f: Array, g: Array, epsilon: float) -> None:
        """Take over new potentials."""
        self.f, self.g, self.epsilon = f, g, epsilon

    def _blocks(self) -> Iterator[tuple[slice, Array]]:
        for rows, cost in self.costs.blocks():
            exponents = (self.f[rows, None] + self.g - cost) / self.epsilon
            yield rows, self.xp.exp(exponents)

    def times(self, w: Array) -> Array:
        """Sums over columns with weights: (n,)."""
        return self.xp.concat([block @ w for _, block in self._blocks()])

    def transposed_times(self, w: Array) -> Array:
        """Sums over rows with weights: (m,)."""
        return sum(w[rows] @ block for rows, block in self._blocks())

    def soft_minimum(self, potential: Array, log_weight: Array, epsilon: float, axis: int) -> Array:
        """-epsilon ln sum w exp((potential - C) / epsilon) over rows (-2) or columns (-1)."""
        xp, shift = self.xp, potential / epsilon + log_weight
        if axis == -1:
            parts = [logsumexp(shift - cost / epsilon, axis=-1) for _, cost in self.costs.blocks()]
            return -epsilon * xp.concat(parts)
        total = xp.full_like(self.costs.copies[0][:, 0], -xp.inf)
        for rows, cost in self.costs.blocks():
            total = xp.logaddexp(total, logsumexp(shift[rows, None] - cost / epsilon, axis=0))
        return -epsilon * total


def soft_transform(costs: PointCosts, potential: Array, weights: Array, axis: int) -> Array:
    """Soft minimum over rows (-2) or columns (-1) of costs inside, by those that have weight."""
    xp = array_namespace(weights)
    if not bool(xp.all(weights > 0)):
        kept = like(np.flatnonzero(detached_numpy(weights) > 0), weights)
        potential, weights = xp.take(potential, kept), xp.take(weights, kept)
        X, copies = costs.X, costs.copies
        if axis == -2:
            costs = costs.on(xp.take(X, kept, axis=0), copies)
        else:
            costs = costs.on(X, [xp.take(copy, kept, axis=0) for copy in copies])
    return kernel_of(costs).soft_minimum(potential, safe_log(weights), costs.epsilon, axis)


def kernel_of(costs: PointCosts) -> PointKernel | BlockKernel:
    """The compiled kernel where the cost has a name and the points are on the CPU; costs inside."""
    return PointKernel(costs) if costs.is_compiled else BlockKernel(costs)
