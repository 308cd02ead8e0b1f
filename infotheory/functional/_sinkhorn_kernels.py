"""Gibbs kernels of entropic transport with the potentials absorbed: dense and truncated arrays.

A kernel holds exp((f_i + g_j - C_ij) / epsilon) at the potentials of its last absorption. As
long as the scalings since then stay within ``reach``, a product with it is a sweep of transport;
each absorption starts from the cost again, so that nothing is lost by under- or overflow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from infotheory._xp import array_namespace, logsumexp
from infotheory._xp._namespace import Array

# Share of entries below which a sparse kernel is the faster one.
_SPARSE = 0.1
_BLOCK = 2**16  # entries that a pass works on at once
# What is dropped stays below e^-30 of a sum: 60 less both reaches and the drift of a support.
_CUTOFF, _TRUNCATED_REACH, _DRIFT = 60.0, 10.0, 10.0
_SAMPLED = 64  # rows in which significant entries are counted first
_NORMAL_SHARE = 0.25  # of significant entries, below which a Newton system is a sparse one


class DenseKernel:
    """The whole array, over any leading axes.

    Parameters
    ----------
    cost : array of shape (..., n, m)
    """

    def __init__(self, cost: Array) -> None:
        self.cost, self.xp = cost, array_namespace(cost)
        # Logs that scalings may have between absorptions: an eighth of what exp can hold.
        self.reach = math.log(float(self.xp.finfo(cost.dtype).max)) / 8
        self.entries: Any = None

    def absorb(self, f: Array, g: Array, epsilon: float) -> None:
        """Take over new potentials, some rows at a time: in the cache each pass is cheap."""
        if self.entries is None:
            self.entries = self.xp.empty_like(self.cost)
        n, m = self.cost.shape[-2:]
        some = max(1, _BLOCK // m)
        f, g = f / epsilon, (g / epsilon)[..., None, :]
        for i in range(0, n, some):
            j = min(i + some, n)
            rows = (..., slice(i, j), slice(None))
            exponents = f[..., i:j, None] + (g - self.cost[rows] / epsilon)
            self.entries[rows] = self.xp.exp(exponents)

    def times(self, w: Array) -> Array:
        """Sums over columns with weights: (..., n)."""
        return (self.entries @ w[..., None])[..., 0]

    def transposed_times(self, w: Array) -> Array:
        """Sums over rows with weights: (..., m)."""
        return (w[..., None, :] @ self.entries)[..., 0, :]

    def gram(self, left: Array, right: Array) -> Array:
        """M M^T of M = diag(left) K diag(right): (..., n, n)."""
        scaled = left[..., :, None] * self.entries * right[..., None, :]
        # Products of what is left out would be subnormal numbers, slow by a factor of ten.
        tiny = float(self.xp.finfo(scaled.dtype).smallest_normal) ** 0.5
        scaled = self.xp.where(scaled > tiny, scaled, 0.0)
        return scaled @ self.xp.matrix_transpose(scaled)

    def normal(
        self, left: Array, right: Array, least: float
    ) -> tuple[Callable[[Array], Array], Array | float]:
        """x -> M M^T x of M = diag(left) K diag(right), and the diagonal where it is cheap.

        Where few entries of M exceed `least` only those are kept; NumPy, one problem.
        """
        if isinstance(self.cost, np.ndarray) and self.cost.ndim == 2:
            n, m = self.cost.shape
            some, parts, most = max(1, _BLOCK // m), [], _NORMAL_SHARE * n * m
            for i in range(0, n, some):
                scaled = left[i : i + some, None] * self.entries[i : i + some] * right
                kept = np.flatnonzero(scaled > least)
                parts.append((kept + i * m, scaled.ravel()[kept]))
                most -= len(kept)
                if most < 0:
                    break
            else:
                at, values = (np.concatenate(part) for part in zip(*parts, strict=True))
                return _normal(_rows_of(at, values, (n, m)))

        def product(x: Array) -> Array:
            of_columns = right * self.transposed_times(left * x)
            return left * self.times(right * of_columns)

        return product, 0.0


class TruncatedKernel(DenseKernel):
    """Only the entries that count, as a sparse matrix of SciPy; one problem of NumPy arrays."""

    def __init__(self, cost: np.ndarray) -> None:
        super().__init__(cost)
        self.reach = _TRUNCATED_REACH
        # Potentials and epsilon at which entries were chosen; their rows, columns and costs.
        self.support: tuple[Any, ...] | None = None

    def absorb(self, f: np.ndarray, g: np.ndarray, epsilon: float) -> None:
        """Take over new potentials, on the same support as long as they are near its own."""
        if self.support is not None:
            of_f, of_g, level, rows, columns, costs = self.support
            drift = np.max(f - of_f) + np.max(g - of_g)
            if level == epsilon and drift <= _DRIFT * epsilon:
                self.entries.data[:] = np.exp((f[rows] + g[columns] - costs) / epsilon)
                return
        n, m = self.cost.shape
        some, parts = max(1, _BLOCK // m), []
        for i in range(0, n, some):
            exponents = _exponents(self.cost[i : i + some], f[i : i + some], g, epsilon)
            kept = np.flatnonzero(exponents > -_CUTOFF)
            parts.append((kept + i * m, exponents.ravel()[kept]))
        at, values = (np.concatenate(part) for part in zip(*parts, strict=True))
        self.entries = _rows_of(at, np.exp(values), (n, m))
        rows = np.repeat(np.arange(n), np.diff(self.entries.indptr))
        columns = self.entries.indices
        self.support = (f, g, epsilon, rows, columns, self.cost[rows, columns])

    def times(self, w: np.ndarray) -> np.ndarray:
        """Sums over columns with weights: (n,)."""
        return self.entries @ w

    def transposed_times(self, w: np.ndarray) -> np.ndarray:
        """Sums over rows with weights: (m,)."""
        return self.entries.T @ w

    def gram(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """M M^T of M = diag(left) K diag(right): (n, n)."""
        from scipy.sparse import diags_array

        scaled = diags_array(left) @ self.entries @ diags_array(right)
        return (scaled @ scaled.T).toarray()

    def normal(
        self, left: np.ndarray, right: np.ndarray, least: float
    ) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]:
        """x -> M M^T x of the entries of M = diag(left) K diag(right) above `least`."""
        n, m = self.entries.shape
        rows = np.repeat(np.arange(n), np.diff(self.entries.indptr))
        columns = self.entries.indices
        values = left[rows] * self.entries.data * right[columns]
        kept = values > least
        at = rows[kept] * m + columns[kept]
        return _normal(_rows_of(at, values[kept], (n, m)))


def _exponents(cost: np.ndarray, f: np.ndarray, g: np.ndarray, epsilon: float) -> np.ndarray:
    exponents = g - cost
    exponents += f[:, None]
    exponents /= epsilon
    return exponents


def _rows_of(at: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> Any:
    """The sparse matrix with values at flat, rising indices."""
    from scipy.sparse import csr_array

    n, m = shape
    starts = np.searchsorted(at, np.arange(n + 1) * m)
    kind = np.int32 if len(at) < 2**31 else np.int64
    return csr_array((values, (at % m).astype(kind), starts.astype(kind)), shape=shape)


def _normal(M: Any) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]:
    turned = M.T.tocsr()
    return lambda x: M @ (turned @ x), np.asarray((M * M).sum(axis=1)).ravel()


def soft_minimum(
    cost: Array, potential: Array, log_weight: Array, epsilon: float, axis: int
) -> Array:
    """-epsilon ln sum w exp((potential - C) / epsilon) over the rows (-2) or columns (-1) of C."""
    xp = array_namespace(cost)
    shift = xp.expand_dims(potential / epsilon + log_weight, axis=-1 if axis == -2 else -2)
    n, m = cost.shape[-2:]
    reduced, size = (n, m) if axis == -2 else (m, n)
    some = max(64, _BLOCK // reduced)
    parts = []
    for i in range(0, size, some):
        kept = slice(i, min(i + some, size))
        block = cost[..., :, kept] if axis == -2 else cost[..., kept, :]
        parts.append(logsumexp(shift - block / epsilon, axis=axis))
    return -epsilon * xp.concat(parts, axis=-1)


def kernel_for(
    cost: Array, f: Array, g: Array, epsilon: float, *, truncated: bool | None
) -> DenseKernel:
    """A kernel at the potentials; truncated if asked for, or by None where few entries count."""
    can_be = isinstance(cost, np.ndarray) and cost.ndim == 2
    # Where the typical cost is within the cutoff, most entries count.
    if truncated is None and can_be and cost.mean() - cost.min() > _CUTOFF * epsilon:
        some = slice(None, None, max(1, len(cost) // _SAMPLED))
        share = np.mean(_exponents(cost[some], f[some], g, epsilon) > -_CUTOFF)
        truncated = bool(share < _SPARSE)
    kernel: DenseKernel = TruncatedKernel(cost) if truncated and can_be else DenseKernel(cost)
    kernel.absorb(f, g, epsilon)
    return kernel
