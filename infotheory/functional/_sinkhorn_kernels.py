"""Gibbs kernels of entropic transport with the potentials absorbed: dense and truncated arrays.

A kernel holds exp((f_i + g_j - C_ij) / epsilon) at the potentials of its last absorption. As
long as the scalings since then stay within ``reach``, a product with it is a sweep of transport;
each absorption starts from the cost again, so that nothing is lost by under- or overflow.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from infotheory._xp import array_namespace, logsumexp
from infotheory._xp._namespace import Array

# Share of entries below which a sparse kernel is the faster one.
_SPARSE = 0.1
_BLOCK = 2**16  # entries that a pass works on at once
_CUTOFF, _TRUNCATED_REACH = 60.0, 10.0  # what is dropped stays below e^-40 until absorbed again


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
        return scaled @ self.xp.matrix_transpose(scaled)


class TruncatedKernel(DenseKernel):
    """Only the entries that count, as a sparse matrix of SciPy; one problem of NumPy arrays."""

    def __init__(self, cost: np.ndarray) -> None:
        super().__init__(cost)
        self.reach = _TRUNCATED_REACH

    def absorb(self, f: np.ndarray, g: np.ndarray, epsilon: float) -> None:
        """Take over new potentials."""
        from scipy.sparse import csr_array

        exponents = (f[:, None] + g - self.cost) / epsilon
        rows, columns = np.nonzero(exponents > -_CUTOFF)
        starts = np.searchsorted(rows, np.arange(len(f) + 1))
        values = np.exp(exponents[rows, columns])
        self.entries = csr_array((values, columns, starts), shape=self.cost.shape)

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
        truncated = np.mean(f[:, None] + g - cost > -_CUTOFF * epsilon) < _SPARSE
    kernel: DenseKernel = TruncatedKernel(cost) if truncated and can_be else DenseKernel(cost)
    kernel.absorb(f, g, epsilon)
    return kernel
