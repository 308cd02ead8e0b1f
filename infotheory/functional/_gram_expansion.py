"""Gram matrices of one column as short products of matrices, exact to rounding.

In units of the bandwidth exp(-(x - y)^2 / 2) is the sum over k of f_k(x) f_k(y) with f_k(x) =
exp(-x^2 / 2) x^k / sqrt(k!). What the terms from the p-th on add is at most the chance that a
Poisson number of mean R^2 is p or more, R the largest |x|. So some dozens of terms give every entry
to rounding of the largest, 1, and sums over all pairs of n rows take O(n p) or O(n p^2) instead of
O(n^2).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.special import gammainc

_REST = 1e-16
_MOST_TERMS = 512
_BLOCK = 2**20  # entries of the terms held at once
# Nanoseconds of an entry of the terms, with its part in sums, and of one in a product of them.
_PER_ENTRY, _PER_PRODUCT = 5.0, 0.15


class ColumnTerms:
    """F of shape (p, n) with F^T F the Gram matrix of one column, by blocks of rows."""

    def __init__(self, x: np.ndarray, p: int) -> None:
        self._x = x
        self.p = p
        self._step = max(1, _BLOCK // p)
        self._only = self._made(x) if len(x) <= self._step else None

    def of(self, rows: slice) -> np.ndarray:
        """Some columns of F."""
        return self._made(self._x[rows]) if self._only is None else self._only[:, rows]

    def _made(self, x: np.ndarray) -> np.ndarray:
        found = np.empty((self.p, len(x)))
        found[0] = np.exp(-0.5 * x * x)
        for k in range(1, self.p):
            np.multiply(found[k - 1], x * (1 / math.sqrt(k)), out=found[k])
        return found

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """All of F, some columns at a time."""
        for start in range(0, len(self._x), self._step):
            rows = slice(start, start + self._step)
            yield rows, self.of(rows)

    def products(self, weights: np.ndarray) -> np.ndarray:
        """F times weights (n,) or (n, b)."""
        return sum((block @ weights[rows] for rows, block in self.blocks()), np.zeros(()))

    def sums(self, weights: np.ndarray) -> np.ndarray:
        """F^T F times weights, (n,) or (n, b)."""
        found = self.products(weights)
        return np.concatenate([block.T @ found for _, block in self.blocks()])


def column_terms(
    X: np.ndarray, bandwidth: float, nanoseconds: float, *, products: int = 0
) -> ColumnTerms | None:
    """Terms of the Gram matrix of X; None where a way that takes so long a pair of rows is faster.

    `products` is how often the terms are multiplied by as many others.
    """
    n, d = X.shape
    if d != 1:
        return None
    x = X[:, 0].astype(np.float64)
    with np.errstate(over="ignore"):
        x = (x - 0.5 * (float(np.max(x)) + float(np.min(x)))) / bandwidth
    largest = float(np.max(np.abs(x)))
    if not largest < math.sqrt(_MOST_TERMS):
        return None
    p = 1 + int(np.count_nonzero(gammainc(np.arange(1, _MOST_TERMS), largest**2) > _REST))
    if p == _MOST_TERMS or p * (_PER_ENTRY + products * p * _PER_PRODUCT) > n * nanoseconds:
        return None
    return ColumnTerms(x, p)


def product_sums(terms: ColumnTerms, others: ColumnTerms) -> np.ndarray:
    """Row sums of the entrywise product of two Gram matrices of the same rows."""
    both = np.zeros((terms.p, others.p))
    for rows, block in terms.blocks():
        both += block @ others.of(rows).T
    found = [
        np.einsum("kn,kn->n", both.T @ block, others.of(rows)) for rows, block in terms.blocks()
    ]
    return np.concatenate(found)
