"""Normalised Gram matrices by their columns and their products with vectors, in NumPy."""

from __future__ import annotations

import numpy as np

from infotheory.functional._gram import gaussian_gram

_BLOCK = 2**20  # entries held at once


class GramMatrix:
    """A = K_ij / (n sqrt(K_ii K_jj)) of a Gram matrix that is there.

    Entries are read where they are needed: nothing of the size of K is made.
    """

    def __init__(self, gram: np.ndarray) -> None:
        self._gram = gram
        self.n = gram.shape[0]
        diagonal = np.diagonal(gram)
        _finite(diagonal)
        if not np.all(diagonal > 0):
            raise ValueError(
                f"K must be positive semi-definite with a positive diagonal, got a diagonal entry "
                f"of {np.min(diagonal):.3g}. Use a kernel with k(x, x) > 0."
            )
        self._root = 1 / np.sqrt(np.asarray(diagonal, dtype=np.float64))
        self.precision = _precision(gram.dtype)

    def columns(self, chosen: np.ndarray) -> np.ndarray:
        """Columns of A, (n, b)."""
        found = np.asarray(self._gram[:, chosen], dtype=np.float64) * self._root[:, None]
        return _finite(found * (self._root[chosen] / self.n))

    def product(self, vectors: np.ndarray) -> np.ndarray:
        """A times vectors, (n, s)."""
        root, step = self._root[:, None], max(1, _BLOCK // self.n)
        scaled = root * vectors
        found = [
            np.asarray(self._gram[start : start + step], dtype=np.float64) @ scaled
            for start in range(0, self.n, step)
        ]
        return _finite(root * np.concatenate(found) / self.n)

    def bound(self) -> float:
        """At least the largest eigenvalue: the largest sum of sizes in a row, 1 at most."""
        step = max(1, _BLOCK // self.n)
        largest = 0.0
        for start in range(0, self.n, step):
            sums = _finite(np.abs(self._gram[start : start + step]) @ self._root)
            largest = max(largest, float(np.max(sums * self._root[start : start + step])))
        return min(1.0, largest / self.n)


def _precision(dtype: np.dtype) -> float:
    """How far rounding may move an entry of a matrix whose diagonal is 1."""
    return float(np.finfo(dtype if dtype.kind == "f" else np.float64).eps)


def _finite(values: np.ndarray) -> np.ndarray:
    if not np.all(np.isfinite(values)):
        raise ValueError("K must be finite, got missing or infinite values. Remove those rows.")
    return values


class GaussianGram:
    """The same of the Gaussian kernel at rows, computed in blocks and never kept."""

    def __init__(self, rows: np.ndarray, bandwidth: float) -> None:
        self._rows, self._bandwidth = rows, bandwidth
        self.n = rows.shape[0]
        self.precision = _precision(rows.dtype)

    def columns(self, chosen: np.ndarray) -> np.ndarray:
        """Columns of A, (n, b)."""
        found = gaussian_gram(self._rows, self._rows[chosen], bandwidth=self._bandwidth) / self.n
        found[chosen, np.arange(len(chosen))] = 1 / self.n
        return found

    def product(self, vectors: np.ndarray) -> np.ndarray:
        """A times vectors, (n, s)."""
        step = max(1, _BLOCK // self.n)
        return np.concatenate(
            [self._block(slice(start, start + step)) @ vectors for start in range(0, self.n, step)]
        )

    def _block(self, chosen: slice) -> np.ndarray:
        part = gaussian_gram(self._rows[chosen], self._rows, bandwidth=self._bandwidth)
        # Rounding of distances in units of a small bandwidth must not part a row from itself.
        i = np.arange(len(part))
        part[i, chosen.start + i] = 1.0
        return part / self.n

    def bound(self) -> float:
        """At least the largest eigenvalue: the largest row sum."""
        return min(1.0, float(np.max(self.product(np.ones((self.n, 1))))))


GramOperator = GramMatrix | GaussianGram
