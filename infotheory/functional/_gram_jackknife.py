"""Sums of Gram matrices with each row left out in turn, and what that says of a statistic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np


class TwoSampleSums(NamedTuple):
    """Sums of the Gram matrices of P, of Q and between them, and the sizes of both.

    Numbers, or arrays of one number for each row left out.
    """

    of_p: np.ndarray | float
    of_q: np.ndarray | float
    across: np.ndarray | float
    n: int
    m: int


class PairedSums(NamedTuple):
    """1^T K 1, 1^T L 1, tr(K L), 1^T K L 1 and the number of rows, for K and L of the same rows."""

    x: np.ndarray | float
    y: np.ndarray | float
    product: np.ndarray | float
    across: np.ndarray | float
    n: int


def two_sample_sums(
    own_p: np.ndarray, own_q: np.ndarray, across_p: np.ndarray, across_q: np.ndarray
) -> tuple[TwoSampleSums, TwoSampleSums, TwoSampleSums]:
    """With all rows, without each of P, and without each of Q, from row sums."""
    n, m = len(own_p), len(own_q)
    of_p, of_q, across = (float(np.sum(part)) for part in (own_p, own_q, across_p))
    return (
        TwoSampleSums(of_p, of_q, across, n, m),
        TwoSampleSums(of_p - 2 * own_p + 1, of_q, across - across_p, n - 1, m),
        TwoSampleSums(of_p, of_q - 2 * own_q + 1, across - across_q, n, m - 1),
    )


def paired_sums(x: np.ndarray, y: np.ndarray, product: np.ndarray) -> PairedSums:
    """From row sums of K, of L and of K o L."""
    of_x, of_y, of_both, across = (float(np.sum(part)) for part in (x, y, product, x * y))
    return PairedSums(of_x, of_y, of_both, across, len(x))


def paired_sums_without_each(
    x: np.ndarray, y: np.ndarray, product: np.ndarray, k_times_y: np.ndarray, l_times_x: np.ndarray
) -> PairedSums:
    """Without each row in turn: besides the row sums it takes K L 1 and L K 1."""
    whole = paired_sums(x, y, product)
    return PairedSums(
        whole.x - 2 * x + 1,
        whole.y - 2 * y + 1,
        whole.product - 2 * product + 1,
        whole.across - x * y - (l_times_x - x) - (k_times_y - y) + product - 1,
        whole.n - 1,
    )


def biased_criterion(sums: PairedSums) -> np.ndarray | float:
    """tr(K H L H) / n^2."""
    n = sums.n
    return (sums.product - 2 * sums.across / n + sums.x * sums.y / n**2) / n**2


def unbiased_criterion(sums: PairedSums) -> np.ndarray | float:
    """The same without pairs of a row with itself, for more than 3 rows."""
    n = sums.n
    x, y, product = sums.x - n, sums.y - n, sums.product - n
    across = sums.across - sums.x - sums.y + n
    inner = product + x * y / ((n - 1) * (n - 2)) - 2 * across / (n - 2)
    return inner / (n * (n - 3))


def cauchy_schwarz_information(sums: PairedSums) -> np.ndarray | float:
    """Nats; the powers of n cancel."""
    return np.log(sums.product) + np.log(sums.x) + np.log(sums.y) - 2 * np.log(sums.across)


def jackknife(value: float, left_out: Sequence[np.ndarray]) -> tuple[float, float]:
    """Standard error and bias of a statistic from its values without each row of each sample."""
    variance = bias = 0.0
    for values in left_out:
        n, mean = len(values), float(np.mean(values))
        variance += (n - 1) * float(np.mean((values - mean) ** 2))
        bias += (n - 1) * (mean - value)
    return math.sqrt(variance), bias


def jackknife_of(
    statistic: Callable[..., np.ndarray | float], whole: NamedTuple, *parts: NamedTuple
) -> tuple[float, float]:
    """The same of a function of sums; not finite where leaving a row out leaves nothing."""
    with np.errstate(all="ignore"):
        left_out = [np.asarray(statistic(part)) for part in parts]
        return jackknife(float(statistic(whole)), left_out)
