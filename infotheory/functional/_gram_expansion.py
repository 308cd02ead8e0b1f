"""Gram matrices of one column as short products of matrices, exact to rounding.

In units of the bandwidth exp(-(x - y)^2 / 2) is the sum over k of f_k(x) f_k(y) with f_k(x) =
exp(-x^2 / 2) x^k / sqrt(k!). What the terms from the p-th on add is at most the chance that a
Poisson number of mean R^2 is p or more, R the largest |x|. So some dozens of terms give every entry
to rounding of the largest, 1, and sums over all pairs of n rows take O(n p) or O(n p^2) instead of
O(n^2).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from scipy.special import gammainc

_REST = 1e-16
_MOST_TERMS = 512
_BLOCK = 2**20  # entries of the terms held at once
# Nanoseconds of an entry of the terms, with its part in sums, and of one in a product of them.
_PER_ENTRY, _PER_PRODUCT = 4.0, 0.15


class ColumnTerms:
    """F of shape (p, n) with F^T F the Gram matrix of one column, by blocks of rows."""

    def __init__(self, x: np.ndarray, p: int) -> None:
        self.p = p
        self.n = len(x)
        self._x = x
        self._step = max(1, _BLOCK // p)

    def of(self, rows: slice) -> np.ndarray:
        """Some columns of F."""
        return self._only[:, rows] if self.n <= self._step else self._made(self._x[rows])

    @cached_property
    def _only(self) -> np.ndarray:
        return self._made(self._x)

    def _made(self, x: np.ndarray) -> np.ndarray:
        found = np.empty((self.p, len(x)))
        found[0] = np.exp(-0.5 * x * x)
        for k in range(1, self.p):
            np.multiply(found[k - 1], x * (1 / math.sqrt(k)), out=found[k])
        return found

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """All of F, some columns at a time."""
        for start in range(0, self.n, self._step):
            rows = slice(start, start + self._step)
            yield rows, self.of(rows)

    def products(self, weights: np.ndarray) -> np.ndarray:
        """F times weights (n,) or (n, b)."""
        return sum((block @ weights[rows] for rows, block in self.blocks()), np.zeros(()))

    def sums(self, weights: np.ndarray) -> np.ndarray:
        """F^T F times weights, (n,) or (n, b)."""
        found = self.products(weights)
        return np.concatenate([block.T @ found for _, block in self.blocks()])


def column_terms(X: np.ndarray, bandwidth: float) -> ColumnTerms | None:
    """Terms of the Gram matrix of X; None if it has several columns, or would need too many."""
    if X.shape[1] != 1:
        return None
    x = X[:, 0].astype(np.float64)
    with np.errstate(over="ignore"):
        x = (x - 0.5 * (float(np.max(x)) + float(np.min(x)))) / bandwidth
    largest = float(np.max(np.abs(x)))
    if not largest < math.sqrt(_MOST_TERMS):
        return None
    counts = range(1, _MOST_TERMS)
    few = bisect_left(counts, True, key=lambda k: bool(gammainc(k, largest**2) <= _REST))
    return ColumnTerms(x, counts[few]) if few < len(counts) else None


def pay(terms: Sequence[ColumnTerms | None], nanoseconds: float, *, products: int = 0) -> bool:
    """Whether terms are faster than a way that takes so long a pair of rows.

    `products` is how often those of the first two are multiplied by each other.
    """
    known = [part for part in terms if part is not None]
    if len(known) < len(terms):
        return False
    cost = sum(part.p for part in known) * _PER_ENTRY
    if products:
        cost += products * known[0].p * known[1].p * _PER_PRODUCT
    return cost < known[0].n * nanoseconds


def product_sums(terms: ColumnTerms, others: ColumnTerms) -> np.ndarray:
    """Row sums of the entrywise product of two Gram matrices of the same rows."""
    both = np.zeros((terms.p, others.p))
    for rows, block in terms.blocks():
        both += block @ others.of(rows).T
    found = [
        np.einsum("kn,kn->n", both.T @ block, others.of(rows)) for rows, block in terms.blocks()
    ]
    return np.concatenate(found)
