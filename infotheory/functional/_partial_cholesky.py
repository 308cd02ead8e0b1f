"""Low-rank factors of Gram matrices from some of their columns, with what they leave out."""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpstrf

from infotheory.functional._gram_operator import GramOperator

_LARGEST_BLOCK = 96
# Of the columns of a block those are left out that others of the block have nearly explained.
_LEAST_SHARE = 0.1


class PartialCholesky:
    """A = F F^T + R with F of shape (n, rank) and R positive semi-definite, of known trace.

    Pivots are drawn in blocks with the probabilities of the diagonal of R.
    """

    def __init__(self, operator: GramOperator, seed: int) -> None:
        self._operator = operator
        self._rng = np.random.default_rng(seed)
        self._factor = np.empty((operator.n, 0), order="F")
        self._residual = np.full(operator.n, 1 / operator.n)
        self.rank = 0

    @property
    def factor(self) -> np.ndarray:
        """F, (n, rank)."""
        return self._factor[:, : self.rank]

    @property
    def remainder(self) -> float:
        """The trace of R, of the trace 1 of A; 0 where only rounding is left."""
        left = float(np.sum(self._residual))
        rounding = max(self._operator.n * np.finfo(float).eps, self._operator.precision)
        return left if left > rounding else 0.0

    def extend(self, rank: int) -> None:
        """Add columns until there are `rank` of them or nothing is left."""
        rank = min(rank, self._operator.n)
        self._reserve(rank)
        while self.rank < rank and self.remainder > 0:
            possible = int(np.count_nonzero(self._residual))
            size = min(max(8, self.rank // 2), _LARGEST_BLOCK, rank - self.rank, possible)
            self._add(self._rng.choice(self._operator.n, size, replace=False, p=self._shares()))

    def _shares(self) -> np.ndarray:
        return self._residual / np.sum(self._residual)

    def _reserve(self, rank: int) -> None:
        if rank > self._factor.shape[1]:
            larger = np.empty((self._operator.n, rank), order="F")
            larger[:, : self.rank] = self.factor
            self._factor = larger

    def _add(self, pivots: np.ndarray) -> None:
        explained = self.factor
        columns = self._operator.columns(pivots) - explained @ explained[pivots].T
        block = columns[pivots]
        least = _LEAST_SHARE * float(np.max(np.diagonal(block)))
        root, order, found, _ = dpstrf(block, tol=least, lower=1)
        kept = order[:found] - 1
        new = solve_triangular(root[:found, :found], columns[:, kept].T, lower=True).T
        self._factor[:, self.rank : self.rank + found] = new
        self.rank += found
        residual = self._residual - np.sum(new * new, axis=1)
        if not np.min(residual) >= -math.sqrt(self._operator.precision) / self._operator.n:
            raise ValueError(
                f"K must be positive semi-definite, got a matrix that leaves a diagonal entry of "
                f"{self._operator.n * float(np.min(residual)):.3g} where others explain it. Use a "
                f"positive definite kernel of finite rows."
            )
        residual[pivots[kept]] = 0.0
        self._residual = np.where(residual > 0, residual, 0.0)
