"""Subsampling and permutation over callables of row indices: pure, knows no estimator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, islice
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.utils import check_random_state

from infotheory._interrupts import Watch

_ORDERS_AT_ONCE = 256


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


def numbers_of_rows(rows: np.ndarray, n: int) -> np.ndarray:
    """Standard normal numbers that each row determines alone, whatever comes with it: (rows, n)."""
    digests = (sha256((row + 0.0).tobytes()).digest() for row in np.ascontiguousarray(rows))
    seeds = (int.from_bytes(digest[:16], "big") for digest in digests)
    return np.stack([np.random.default_rng(seed).standard_normal(n) for seed in seeds])


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

    An interrupt ends all of it, also one that the training of a network caught. Threads rather
    than processes: the kernels underneath release the interpreter lock, and nothing has to be
    copied or pickled.
    """
    if verbose:
        from tqdm import tqdm

        arguments = tqdm(arguments, total=total, desc=label, leave=False)
    watch = Watch()

    def watched(argument: Any) -> float:
        value = statistic(argument)
        watch.stop(f"The loop over {label or 'fits'}")
        return value

    if n_jobs in (None, 1):
        return np.array([watched(a) for a in arguments], dtype=float)
    results = Parallel(n_jobs=n_jobs, prefer="threads")(delayed(watched)(a) for a in arguments)
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


def values_of_orders(
    values_of: Callable[[np.ndarray], np.ndarray],
    orders: Iterator[np.ndarray],
    n_orders: int,
    verbose: int = 0,
) -> np.ndarray:
    """What ``values_of`` gives for rows as they are, first, and in other orders, many at once."""
    first = next(orders)
    every = chain([np.arange(len(first)), first], orders)
    batches = iter(lambda: list(islice(every, _ORDERS_AT_ONCE)), [])
    if verbose:
        from tqdm import tqdm

        total = 1 + n_orders // _ORDERS_AT_ONCE
        batches = tqdm(batches, total=total, desc="permutations", leave=False)
    return np.concatenate([values_of(np.array(batch)) for batch in batches])


def permutation_p_value(observed: float, null: np.ndarray) -> float:
    """(1 + b) / (1 + n), b the null values at least as large: never zero, exact under the null."""
    tolerance = 1e-12 * max(1.0, abs(observed)) if math.isfinite(observed) else 0.0
    # A value that is not a number counts as large on either side, so that it never rejects.
    return float((1 + np.count_nonzero(~(null < observed - tolerance))) / (1 + len(null)))


@dataclass(frozen=True)
class Fold:
    """Rows that a model is trained on, those that select among its states, and those it is for."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def cross_fit_folds(
    n_samples: int,
    n_folds: int,
    validation_fraction: float,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
) -> list[Fold]:
    """Folds whose test rows make up the sample; rows of one group stay together.

    Test folds differ by at most one group in size. Selection rows are a share of the rest.
    """
    codes = np.arange(n_samples) if groups is None else np.unique(groups, return_inverse=True)[1]
    n_groups = int(codes.max()) + 1
    parts = np.array_split(rng.permutation(n_groups), n_folds)
    part_of = np.empty(n_groups, dtype=np.intp)
    for k, part in enumerate(parts):
        part_of[part] = k
    fold_of = part_of[codes]
    folds = []
    for k in range(n_folds):
        rest = rng.permutation(np.concatenate([parts[j] for j in range(n_folds) if j != k]))
        n_selection = max(1, round(validation_fraction * len(rest)))
        selects = np.zeros(n_groups, dtype=bool)
        selects[rest[:n_selection]] = True
        test = np.flatnonzero(fold_of == k)
        inside = fold_of != k
        folds.append(
            Fold(
                np.flatnonzero(inside & ~selects[codes]),
                np.flatnonzero(inside & selects[codes]),
                rng.permutation(test),
            )
        )
    return folds
