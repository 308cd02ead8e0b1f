"""Bias of an estimate from what it is on halves, quarters and smaller parts of the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

# Share of the bias that is added to a standard error in quadrature, since the bias is itself an
# estimate: without it intervals at independence cover .7, with half of it .98.
BIAS_ERROR = 0.3
_FEWEST = 5  # rows of a quarter
Rows = tuple[np.ndarray, ...]


def halving_bias(
    value: float,
    statistic: Callable[[Rows], float],
    sizes: Sequence[int],
    *,
    least_ratio: float,
    n_parts: Sequence[int] = (2, 4),
    n_splits: Sequence[int] = (4, 4),
) -> float:
    """Bias of `value` on all rows of samples of these sizes.

    A bias B n^-k grows by B n^-k (2^k - 1) from all rows to halves, and 2^k times as much from
    halves to quarters; of the ratio, which noise moves, what is between `least_ratio` and 2 is
    believed, and smaller parts make it steadier. What is linear in the rows is the same on both
    halves together as on all rows, so that the bias is known far better than the value.

    Parameters
    ----------
    value : float
    statistic : callable
        The estimate on some rows of each sample.
    sizes : sequence of int
        Their splits at random are the same each time.
    least_ratio : float
        2^k of the slowest bias there can be.
    n_parts : sequence of int
        2, 4, ...: into how many parts the rows are split.
    n_splits : sequence of int
        How often into each number of parts, at random.
    """
    rng = np.random.RandomState(0)
    means = [value]
    for n, often in zip(n_parts, n_splits, strict=True):
        if min(sizes) < n * _FEWEST:
            break
        found = [statistic(part) for part in _parts(sizes, n, often, rng)]
        means.append(float(np.mean(found)))
    growth = np.diff(means)
    if not len(growth):
        return 0.0
    ratio = 2.0
    if len(growth) > 1 and growth[0] > 0:
        found = (max(growth[-1], 0.0) / growth[0]) ** (1 / (len(growth) - 1))
        ratio = float(np.clip(found, least_ratio, 2.0))
    return float(growth[0] / (ratio - 1))


def _parts(
    sizes: Sequence[int], n_parts: int, n_splits: int, rng: np.random.RandomState
) -> list[Rows]:
    parts = []
    for _ in range(n_splits):
        split = [np.array_split(rng.permutation(n), n_parts) for n in sizes]
        parts += list(zip(*split, strict=True))
    return parts
