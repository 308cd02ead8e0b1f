"""Moments over all permutations of a product of centred Gram matrices, and a gamma law by them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.stats import gamma


class CentredMoments(NamedTuple):
    """Of a symmetric matrix A of n rows whose rows sum to 0: tr A, tr A^2, sum of A_ii^2."""

    n: int
    trace: float
    square: float
    diagonal: float


def centred_gram_moments(rows: np.ndarray, squares: float) -> CentredMoments:
    """Of H K H for a kernel that is 1 at equal points, from row sums of K and tr(K^2)."""
    n = len(rows)
    means = rows / n
    mean = float(np.mean(means))
    apart = means - mean
    diagonal = (1 - mean) - 2 * apart
    # tr(HKH)^2 = |K|^2 less what rows and columns share.
    square = squares - 2 * n * float(apart @ apart) - (n * mean) ** 2
    return CentredMoments(n, float(np.sum(diagonal)), square, float(diagonal @ diagonal))


def contrast_moments(n: int, m: int) -> CentredMoments:
    """Of z z^T with z = 1/n for the rows of one sample and -1/m for those of the other."""
    trace = 1 / n + 1 / m
    return CentredMoments(n + m, trace, trace**2, 1 / n**3 + 1 / m**3)


def permutation_moments(a: CentredMoments, b: CentredMoments) -> tuple[float, float]:
    """Mean and variance of tr(A P B P^T) over all permutation matrices P, for more than 3 rows.

    Exact. Source: Kazi-Aoual, Hitier, Sabatier and Lebreton (1995), Computational Statistics and
    Data Analysis 20:643-656.
    """
    n = a.n
    mean = a.trace * b.trace / (n - 1)
    spread = math.prod((n - 1) * c.square - c.trace**2 for c in (a, b))
    pointed = math.prod(
        n * (n + 1) * c.diagonal - (n - 1) * (c.trace**2 + 2 * c.square) for c in (a, b)
    )
    variance = 2 * spread / ((n - 1) ** 2 * (n + 1) * (n - 2))
    variance += pointed / ((n + 1) * n * (n - 1) * (n - 2) * (n - 3))
    return mean, variance


def gamma_p_value(value: float, mean: float, variance: float) -> float:
    """Chance of so much under a gamma law with this mean and variance; 1 where nothing varies."""
    if not (mean > 0 and variance > 1e-24 * mean**2):
        return 1.0
    return float(gamma.sf(value, mean**2 / variance, scale=variance / mean))
