"""Subsampling and permutation over callables of row indices: pure, knows no estimator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.utils import check_random_state


def local_random_state(random_state: Any) -> np.random.RandomState:
    """As scikit-learn reads it, but None draws fresh entropy: no global generator advances."""
    if random_state is None:
        return np.random.RandomState()
    if isinstance(random_state, np.random.Generator):
        return np.random.RandomState(random_state.integers(2**32))
    try:
        return check_random_state(random_state)
    except ValueError as error:
        raise ValueError(
            f"random_state must be None, an int, a numpy.random.RandomState or a Generator, got "
            f"{random_state!r}. An int makes the result reproducible."
        ) from error


def evaluate(
    statistic: Callable[[Any], float],
    arguments: Iterable[Any],
    *,
    total: int,
    n_jobs: int | None = None,
    verbose: int = 0,
    label: str = "",
) -> np.ndarray:
    """``statistic`` at each argument, in order, in threads, with a progress bar if asked.

    Threads rather than processes: the kernels underneath release the interpreter lock, and
    nothing has to be copied or pickled.
    """
    if verbose:
        from tqdm import tqdm

        arguments = tqdm(arguments, total=total, desc=label, leave=False)
    if n_jobs in (None, 1):
        return np.array([statistic(a) for a in arguments], dtype=float)
    results = Parallel(n_jobs=n_jobs, prefer="threads")(delayed(statistic)(a) for a in arguments)
    return np.array(results, dtype=float)


def subsamples(
    n_samples: int,
    size: int,
    n_resamples: int,
    rng: np.random.RandomState,
    strata: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """Sets of rows drawn without replacement, the shares of ``strata`` kept (at least two)."""
    if strata is None:
        for _ in range(n_resamples):
            yield rng.permutation(n_samples)[:size]
        return
    groups = [np.flatnonzero(strata == s) for s in np.unique(strata)]
    sizes = [max(2, round(size * len(g) / n_samples)) for g in groups]
    for _ in range(n_resamples):
        yield np.concatenate([rng.permutation(g)[:m] for g, m in zip(groups, sizes, strict=True)])


def subsampling_standard_error(values: np.ndarray, size: int, n_samples: int) -> float:
    """Standard error at ``n_samples`` from values on subsamples of ``size`` without replacement.

    A subsample shares rows with the sample, which leaves a variance s^2 (1/m - 1/n) around the
    full value for a statistic with variance s^2 / n; hence the factor m / (n - m).
    """
    spread = float(np.std(values, ddof=1))
    return spread * math.sqrt(size / (n_samples - size))


def permutations(
    n_samples: int, n_permutations: int, rng: np.random.RandomState
) -> Iterator[np.ndarray]:
    """Uniform permutations of the rows."""
    for _ in range(n_permutations):
        yield rng.permutation(n_samples)


def permutation_p_value(observed: float, null: np.ndarray) -> float:
    """(1 + b) / (1 + n), b the null values at least as large: never zero, exact under the null."""
    tolerance = 1e-12 * max(1.0, abs(observed)) if math.isfinite(observed) else 0.0
    # A value that is not a number counts as large on either side, so that it never rejects.
    return float((1 + np.count_nonzero(~(null < observed - tolerance))) / (1 + len(null)))
