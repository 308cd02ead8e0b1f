"""Entropy from the table of distinct counts: every estimator that is a sum over categories.

A sample enters an estimate only through how many categories were seen once, twice, and so on.
Here a sample is a pair of arrays, the distinct counts and how many categories have each, so that
the cost grows with the number of distinct counts, at most ``sqrt(2 n)``, and not with ``n``.

Each estimator is a function of a count and of a few totals of the sample. Taking one observation
away changes one count and the totals, which is all that the leave-one-out values need.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import digamma, xlog1py, xlogy

_BLOCK = 2**21  # table entries held at once by the leave-one-out values


class _Totals(NamedTuple):
    """What an estimator may know of a sample beside the count of one category."""

    n: np.ndarray
    observed: np.ndarray
    once: np.ndarray
    twice: np.ndarray
    squares: np.ndarray


class _Prior(NamedTuple):
    n_categories: float | None
    pseudocount: float | None

    def size(self, totals: _Totals) -> np.ndarray | float:
        return totals.observed if self.n_categories is None else float(self.n_categories)

    @property
    def added(self) -> float:
        return 1.0 if self.pseudocount is None else float(self.pseudocount)


# A rule gives the term of a category seen v times (0 for v = 0) and what is added to their sum.
_Rule = Callable[[np.ndarray, _Totals, _Prior], tuple[np.ndarray, np.ndarray | float]]


def frequency_table(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct counts and how many categories have each, along the last axis.

    Parameters
    ----------
    counts : ndarray of shape (..., K), whole numbers >= 0

    Returns
    -------
    values, multiplicities : float64 ndarrays of shape (..., J)
        Rows with fewer than J distinct counts are filled up with zeros.
    """
    if counts.ndim == 1 and counts.any():
        values, multiplicities = np.unique(counts[counts > 0], return_counts=True)
        return values.astype(np.float64), multiplicities.astype(np.float64)
    rows = np.sort(counts.reshape(-1, counts.shape[-1]), axis=-1)
    starts = (rows > 0) & (np.diff(rows, axis=-1, prepend=0) != 0)
    width = max(1, int(starts.sum(axis=-1).max(initial=0)))
    rank = np.cumsum(starts, axis=-1)  # 0 for the empty categories, then 1, 2, ...
    slot = rank + (width + 1) * np.arange(len(rows))[:, None]
    table = np.bincount(slot.ravel(), minlength=len(rows) * (width + 1))
    multiplicities = table.reshape(len(rows), width + 1)[:, 1:].astype(np.float64)
    values = np.zeros(len(rows) * (width + 1))
    values[slot[starts]] = rows[starts]
    shape = (*counts.shape[:-1], width)
    return values.reshape(len(rows), width + 1)[:, 1:].reshape(shape), multiplicities.reshape(shape)


def sum_over_frequencies(
    values: np.ndarray,
    multiplicities: np.ndarray,
    *,
    method: str,
    n_categories: float | None = None,
    pseudocount: float | None = None,
) -> np.ndarray:
    """Entropy of each table, by a method that is a sum over categories.

    Parameters
    ----------
    values, multiplicities : float64 ndarrays of shape (..., J)
        Distinct counts and how many categories have each; entries of multiplicity 0 are ignored.
    method : str
        A name in ``RULES``.
    n_categories, pseudocount : float, optional
        As in :func:`discrete_entropy`.

    Returns
    -------
    ndarray of shape (...), nats; nan for a table without observations
    """
    values = np.where(multiplicities > 0, values, 0.0)
    terms, constant = RULES[method](
        values, _totals(values, multiplicities), _Prior(n_categories, pseudocount)
    )
    return (
        np.sum(multiplicities * terms, axis=-1)
        + np.broadcast_to(constant, (*values.shape[:-1], 1))[..., 0]
    )


def leave_one_out_sums(
    values: np.ndarray,
    multiplicities: np.ndarray,
    *,
    method: str,
    n_categories: float | None = None,
    pseudocount: float | None = None,
) -> np.ndarray:
    """Entropy of one table without one observation of a category seen ``values[j]`` times.

    Parameters
    ----------
    values, multiplicities : float64 ndarrays of shape (J,), all positive; n >= 2 in all
    method, n_categories, pseudocount
        As in :func:`sum_over_frequencies`.

    Returns
    -------
    ndarray of shape (J,), nats

    Notes
    -----
    O(J), and O(J^2) in blocks for ``method="shrinkage"``, whose weight depends on every count.
    """
    rule, prior = RULES[method], _Prior(n_categories, pseudocount)
    deleted = _totals_after_deletion(values, _totals(values, multiplicities))
    # Beyond three, the totals after a deletion no longer depend on the count (squares excepted).
    key = values if method == "shrinkage" else np.minimum(values, 4.0)
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    sums, own = np.empty(len(first)), np.empty(len(values))
    step = max(1, _BLOCK // len(values))
    for start in range(0, len(first), step):
        chosen = first[start : start + step]
        terms, constant = rule(values, _Totals(*(t[chosen, None] for t in deleted)), prior)
        sums[start : start + step] = (terms @ multiplicities) + np.ravel(constant)
        (members,) = np.nonzero((group >= start) & (group < start + step))
        own[members] = terms[group[members] - start, members]
    below, _ = rule(values - 1.0, deleted, prior)
    return sums[group] - own + below


def _totals(values: np.ndarray, multiplicities: np.ndarray) -> _Totals:
    def total(x: np.ndarray) -> np.ndarray:
        return np.sum(multiplicities * x, axis=-1, keepdims=True)

    n = total(values)
    some = n > 0
    return _Totals(
        n=np.where(some, n, np.nan),
        observed=np.where(some, total(np.where(values > 0, 1.0, 0.0)), np.nan),
        once=total(np.where(values == 1, 1.0, 0.0)),
        twice=total(np.where(values == 2, 1.0, 0.0)),
        squares=total(values * values),
    )


def _totals_after_deletion(values: np.ndarray, totals: _Totals) -> _Totals:
    return _Totals(
        n=totals.n - 1.0 + 0.0 * values,
        observed=totals.observed - (values == 1),
        once=totals.once + (values == 2) - (values == 1),
        twice=totals.twice + (values == 3) - (values == 2),
        squares=totals.squares - 2.0 * values + 1.0,
    )


def _plugin(v: np.ndarray, t: _Totals, _: _Prior) -> tuple[np.ndarray, float]:
    p = v / t.n
    return -xlogy(p, p), 0.0


def _miller_madow(v: np.ndarray, t: _Totals, prior: _Prior) -> tuple[np.ndarray, np.ndarray]:
    return _plugin(v, t, prior)[0], (t.observed - 1.0) / (2.0 * t.n)


def _jackknife(v: np.ndarray, t: _Totals, _: _Prior) -> tuple[np.ndarray, np.ndarray]:
    # n H - (n - 1) <H without one>, with the n ln n that cancel taken out.
    return -v / t.n * _rise(v), _rise(t.n)


def _rise(v: np.ndarray) -> np.ndarray:
    """v ln v - (v - 1) ln(v - 1), 0 for v <= 1."""
    safe = np.where(v > 1, v, 2.0)
    return np.where(v > 1, np.log(safe) - (safe - 1.0) * np.log1p(-1.0 / safe), 0.0 * v)


def _grassberger(v: np.ndarray, t: _Totals, _: _Prior) -> tuple[np.ndarray, np.ndarray]:
    safe = np.where(v > 0, v, 1.0)
    sign = 1.0 - 2.0 * (safe % 2.0)
    g = digamma(safe) + 0.5 * sign * (digamma((safe + 1.0) / 2.0) - digamma(safe / 2.0))
    return -v / t.n * g, np.log(t.n)


def _chao_shen(v: np.ndarray, t: _Totals, _: _Prior) -> tuple[np.ndarray, float]:
    once = np.where(t.once == t.n, t.n - 1.0, t.once)
    p = (1.0 - once / t.n) * (v / t.n)
    seen = -np.expm1(np.where(p < 1, xlog1py(t.n, -np.where(p < 1, p, 0.0)), -np.inf))
    return -xlogy(p, p) / np.where(p > 0, seen, 1.0), 0.0


def _zhang(v: np.ndarray, t: _Totals, _: _Prior) -> tuple[np.ndarray, float]:
    return v / t.n * (digamma(t.n) - digamma(np.where(v > 0, v, 1.0))), 0.0


def _chao_wang_jost(v: np.ndarray, t: _Totals, prior: _Prior) -> tuple[np.ndarray, np.ndarray]:
    some = t.once > 0
    once = np.where(some, t.once, 1.0)
    mean_unseen = np.where(  # the coverage deficit of a category seen once
        t.twice > 0,
        2.0 * t.twice / ((t.n - 1.0) * once + 2.0 * np.where(t.twice > 0, t.twice, 1.0)),
        2.0 / ((t.n - 1.0) * (once - 1.0) + 2.0),
    )
    unseen = np.where(some, once / t.n * _log_tail(t.n, mean_unseen), 0.0 * t.n)
    return _zhang(v, t, prior)[0], unseen


def _log_tail(n: np.ndarray, a: np.ndarray) -> np.ndarray:
    r"""Sum over :math:`r \ge n` of :math:`(1 - a)^{r - n + 1} / r`, for n >= 1, 0 < a <= 1.

    It is the integral over t > 0 of :math:`e^{-n t} q / (1 - q e^{-t})` with q = 1 - a. In
    log t the integrand decays exponentially on the left and doubly so on the right and is
    analytic in a strip, so 224 equal steps give relative errors below 1e-12 up to n = 1e9 and
    beyond, with nothing that overflows.
    """
    n, a = np.broadcast_arrays(n, a)
    pairs, where = np.unique(np.stack([n.ravel(), a.ravel()]), axis=1, return_inverse=True)
    n_, a_ = pairs[0][:, None], pairs[1][:, None]
    proper = a_ < 1.0
    rate = -np.log1p(-np.where(proper, a_, 0.5))
    low = np.log(np.minimum(rate, 1.0 / n_)) - 35.0
    high = np.log(40.0 / n_)
    step = (high - low) / 224
    s = np.exp(low + step * np.arange(225))
    # exp(-rate) = 1 - a, so the denominator 1 - q exp(-s) is -expm1(-(s + rate)).
    integrand = np.exp(-n_ * s - rate) * s / -np.expm1(-(s + rate))
    tail = np.where(proper[:, 0], step[:, 0] * integrand.sum(axis=1), 0.0)
    return tail[where.reshape(n.shape)]


def _shrinkage(v: np.ndarray, t: _Totals, prior: _Prior) -> tuple[np.ndarray, np.ndarray]:
    size = prior.size(t)
    simpson = t.squares / (t.n * t.n)
    spread = (t.n - 1.0) * (simpson - 1.0 / size)
    some = spread > 0
    weight = np.where(some, (1.0 - simpson) / np.where(some, spread, 1.0), 1.0 + 0.0 * t.n)
    weight = np.minimum(weight, 1.0)
    p = weight / size + (1.0 - weight) * (v / t.n)
    unseen = weight / size
    return np.where(v > 0, -xlogy(p, p), 0.0), -(size - t.observed) * xlogy(unseen, unseen)


def _dirichlet(v: np.ndarray, t: _Totals, prior: _Prior) -> tuple[np.ndarray, np.ndarray]:
    size, a = prior.size(t), prior.added
    p = (v + a) / (t.n + size * a)
    unseen = a / (t.n + size * a)
    return np.where(v > 0, -xlogy(p, p), 0.0), -(size - t.observed) * xlogy(unseen, unseen)


def _bayes(v: np.ndarray, t: _Totals, prior: _Prior) -> tuple[np.ndarray, np.ndarray]:
    size, a = prior.size(t), prior.added
    total = t.n + size * a
    terms = np.where(v > 0, -(v + a) / total * digamma(v + a + 1.0), 0.0)
    unseen = (size - t.observed) * a / total * digamma(a + 1.0)
    return terms, digamma(total + 1.0) - unseen


RULES: dict[str, _Rule] = {
    "plugin": _plugin,
    "miller-madow": _miller_madow,
    "jackknife": _jackknife,
    "grassberger": _grassberger,
    "chao-shen": _chao_shen,
    "chao-wang-jost": _chao_wang_jost,
    "zhang": _zhang,
    "shrinkage": _shrinkage,
    "dirichlet": _dirichlet,
    "bayes": _bayes,
}
