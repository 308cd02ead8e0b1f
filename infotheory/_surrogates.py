"""Surrogate data under conditional independence: what a variable is beside a condition, shuffled.

Shuffling x would destroy its dependence on z, and with it what the test must hold fixed. Two
steps keep it: conditional mutual information does not change when functions of z are subtracted
from x and from y, so smooth regressions on z are taken off first; what is left is shuffled only
among rows with similar z.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

N_NEIGHBORS = 20
_N_LANDMARKS = 300
_WIDTHS = (0.3, 1.0, 3.0)
_PENALTIES = np.logspace(-4, 4, 17)


def residuals(target: np.ndarray, z: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """What a kernel ridge regression on ``z`` leaves of each column of ``target``.

    Gaussian kernels of several widths, each beside a linear part; width and penalty minimise the
    leave-one-out error. Above 300 rows the kernel is represented by 300 random rows, so that the
    cost is O(n m^2).
    """
    n = len(z)
    landmarks = z if n <= _N_LANDMARKS else z[rng.permutation(n)[:_N_LANDMARKS]]
    squares = _square_distances(z, landmarks)
    scale = np.median(squares[squares > 0]) if np.any(squares > 0) else 1.0
    centred = target - target.mean(axis=0)
    best, best_error = centred, np.sum(centred**2, axis=0)
    for width in _WIDTHS:
        features = _features(squares, _square_distances(landmarks, landmarks), width * scale)
        features = np.column_stack([features, z - z.mean(axis=0)])
        features = features - features.mean(axis=0)
        left, singular, _ = np.linalg.svd(features, full_matrices=False)
        along = left.T @ centred
        for penalty in _PENALTIES:
            keep = singular**2 / (singular**2 + penalty)
            rest = centred - left @ (keep[:, None] * along)
            leverage = 1 / n + (left**2) @ keep
            error = np.sum((rest / (1 - np.minimum(leverage, 0.999))[:, None]) ** 2, axis=0)
            better = error < best_error
            best = np.where(better, rest, best)
            best_error = np.where(better, error, best_error)
    return best


def _square_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return cdist(a, b, "sqeuclidean")


def _features(squares: np.ndarray, between: np.ndarray, width: float) -> np.ndarray:
    """Coordinates whose inner products are the Gaussian kernel seen through the landmarks."""
    spectrum, axes = np.linalg.eigh(np.exp(-between / (2 * width)))
    keep = spectrum > 1e-10 * spectrum[-1]
    return np.exp(-squares / (2 * width)) @ (axes[:, keep] / np.sqrt(spectrum[keep]))


def local_permutations(
    neighbors: np.ndarray, n_permutations: int, rng: np.random.RandomState
) -> Iterator[np.ndarray]:
    """Shuffles in which each row takes the place of one of its neighbours, each used once if
    there is a free one left.

    ``neighbors`` holds, for each row, the indices of the rows it may take, itself included.
    """
    n, k = neighbors.shape
    for _ in range(n_permutations):
        orders = np.argsort(rng.random_sample((n, k)), axis=1)
        # Plain lists: the loop looks at single numbers, at which arrays are slow.
        candidates = np.take_along_axis(neighbors, orders, axis=1).tolist()
        used = [False] * n
        taken = [0] * n
        for i in rng.permutation(n).tolist():
            free = (j for j in candidates[i] if not used[j])
            taken[i] = next(free, candidates[i][0])
            used[taken[i]] = True
        yield np.array(taken)


def permutations_within(
    strata: np.ndarray, n_permutations: int, rng: np.random.RandomState
) -> Iterator[np.ndarray]:
    """Uniform permutations within each stratum: exact where the condition is discrete."""
    groups = [np.flatnonzero(strata == s) for s in np.unique(strata)]
    for _ in range(n_permutations):
        taken = np.empty(len(strata), dtype=np.intp)
        for group in groups:
            taken[group] = rng.permutation(group)
        yield taken
