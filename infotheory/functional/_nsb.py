"""Entropy by Nemenman, Shafee and Bialek: a mixture of Dirichlet priors, flat in the entropy.

A symmetric Dirichlet prior of concentration a fixes the entropy almost wholly before any data.
The mixture over a gives every prior mean entropy between 0 and ln K the same weight, and the
data choose a. The one integral, over ln a, is done by equal steps.
"""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaln, polygamma

_STEPS = 768
_DEPTH = 38.0  # the integral stops where the weight is exp(-38) of its peak
_BLOCK = 2**21  # values of the log-gamma function held at once


def nsb_entropy(values: np.ndarray, multiplicities: np.ndarray, *, n_categories: float) -> float:
    """Posterior mean of the entropy of one table of distinct counts.

    Parameters
    ----------
    values, multiplicities : float64 ndarrays of shape (J,), all positive
    n_categories : float
        Number of possible categories, at least the number observed.

    Returns
    -------
    float, nats
    """
    n, size = float(values @ multiplicities), float(n_categories)
    if n == 0:
        return np.nan
    if size == 1:
        return 0.0
    a = _concentrations(values, multiplicities, size)
    weight = _log_weight(a, values, multiplicities, size)
    mean = _mean_entropy(a, n, size, _digamma_sum(a, values, multiplicities, size))
    return float(_average(weight, mean))


def leave_one_out_nsb(
    values: np.ndarray, multiplicities: np.ndarray, *, n_categories: float | None
) -> np.ndarray:
    """The same for each table that lacks one observation of a category seen ``values[j]`` times.

    Without ``n_categories`` the number of observed categories is used, of each smaller table.
    O(J) integrals' worth of logarithms: sums over the other categories are shared.
    """
    n, observed = float(values @ multiplicities), float(multiplicities.sum())
    size = observed if n_categories is None else float(n_categories)
    result = np.zeros(values.shape)
    if size > 1:
        a = _concentrations(values, multiplicities, size)
        weight = _log_weight(a, values, multiplicities, size)
        # Near 0 at the peak: the differences between deletions are as small as 1/n.
        weight = weight - weight.max() + np.log1p((n - 1.0) / (size * a))
        total = _digamma_sum(a, values, multiplicities, size)
        for j, v in enumerate(values):
            # (v + a) psi(v + a + 1) becomes (v - 1 + a) psi(v + a).
            changed = total - digamma(v + a) - 1.0
            mean = _mean_entropy(a, n - 1.0, size, changed)
            result[j] = _average(weight - np.log1p((v - 1.0) / a), mean)
    if n_categories is None and values[0] == 1:
        # A category is lost: one smaller alphabet, evaluated afresh.
        kept = multiplicities - np.eye(1, len(values), 0)[0]
        present = kept > 0
        result[0] = nsb_entropy(values[present], kept[present], n_categories=size - 1.0)
    return result


def _average(log_weight: np.ndarray, mean: np.ndarray) -> np.ndarray:
    # Dividing by the sum keeps the weights normalised where ln weight has lost digits.
    weight = np.exp(log_weight - log_weight.max())
    return (weight @ mean) / weight.sum()


def _concentrations(values: np.ndarray, multiplicities: np.ndarray, size: float) -> np.ndarray:
    """Equal steps in ln a over the range that carries the posterior weight."""
    n = float(values @ multiplicities)
    low, high = -np.log(size) - np.log(n) - 50.0, 2.0 * np.log(n) + 50.0
    for _ in range(30):
        grid = np.linspace(low, high, 65)
        weight = _log_weight(np.exp(grid), values, multiplicities, size)
        (kept,) = np.nonzero(weight > weight.max() - _DEPTH)
        left, right = grid[max(kept[0] - 1, 0)], grid[min(kept[-1] + 1, 64)]
        settled = right - left > 0.7 * (high - low)
        low, high = left, right
        if settled:
            break
    return np.exp(np.linspace(low, high, _STEPS + 1))


def _log_weight(
    a: np.ndarray, values: np.ndarray, multiplicities: np.ndarray, size: float
) -> np.ndarray:
    """ln of prior times likelihood per unit of ln a, up to a constant."""
    n = float(values @ multiplicities)
    likelihood = np.empty_like(a)
    step = max(1, _BLOCK // len(values))
    for start in range(0, len(a), step):
        part = a[start : start + step, None]
        likelihood[start : start + step] = _log_rising(part, values) @ multiplicities
    likelihood = likelihood - _log_rising(size * a, n)
    return np.log(_prior_slope(a, size)) + np.log(a) + likelihood


def _log_rising(a: np.ndarray, v: np.ndarray | float) -> np.ndarray:
    """ln of (1 + 1/a)(1 + 2/a) ... (1 + (v - 1)/a), without cancellation at large a."""
    small = np.minimum(a, 64.0)
    direct = gammaln(small + v) - gammaln(small) - v * np.log(small)
    large = np.maximum(a, 64.0)
    stirling = (large + v - 0.5) * np.log1p(v / large) - v
    stirling = stirling + _stirling_rest(large + v) - _stirling_rest(large)
    return np.where(a <= 64.0, direct, stirling)


def _stirling_rest(x: np.ndarray) -> np.ndarray:
    square = 1.0 / (x * x)
    return (1.0 / 12.0 - square * (1.0 / 360.0 - square / 1260.0)) / x


def _prior_slope(a: np.ndarray, size: float) -> np.ndarray:
    """Derivative of the prior mean entropy psi(K a + 1) - psi(a + 1) with respect to a."""
    small = np.minimum(a, 64.0)
    direct = size * polygamma(1, size * small + 1.0) - polygamma(1, small + 1.0)
    r = 1.0 / np.maximum(a, 64.0)
    k = 1.0 / size
    series = (
        (1.0 - k) / 2.0
        - r * ((1.0 - k**2) / 6.0 - r**2 * ((1.0 - k**4) / 30.0 - r**2 * (1.0 - k**6) / 42.0))
    ) * r**2
    return np.where(a <= 64.0, direct, series)


def _digamma_sum(
    a: np.ndarray, values: np.ndarray, multiplicities: np.ndarray, size: float
) -> np.ndarray:
    """Sum over all K categories of (count + a) psi(count + a + 1)."""
    total = (size - multiplicities.sum()) * a * digamma(a + 1.0)
    step = max(1, _BLOCK // len(values))
    parts = []
    for start in range(0, len(a), step):
        shifted = a[start : start + step, None] + values
        parts.append((shifted * digamma(shifted + 1.0)) @ multiplicities)
    return total + np.concatenate(parts)


def _mean_entropy(a: np.ndarray, n: float, size: float, digamma_sum: np.ndarray) -> np.ndarray:
    total = n + size * a
    return digamma(total + 1.0) - digamma_sum / total
