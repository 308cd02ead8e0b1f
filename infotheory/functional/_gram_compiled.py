"""Sums of Gaussian Gram matrices on the CPU, by compiled loops and by terms of single columns."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from infotheory._xp import as_working_float, detached_numpy, like
from infotheory._xp._namespace import Array
from infotheory.functional._gram_expansion import column_terms, pay, product_sums

MANY_COLUMNS = 32  # from where products of matrices are faster than compiled differences
_FEW = 2**22  # pairs that one thread does at once
_PER_PAIR = 4.5  # nanoseconds of compiled sums of two kernels, their product and squares
_SCALE = math.sqrt(0.5 / math.log(2))  # exp(-r^2 / 2) = 2^-(_SCALE r)^2


def exponent_points(x: Array, bandwidth: float) -> np.ndarray:
    """Points whose squared distances are minus exponents in base 2."""
    values = detached_numpy(x).astype(np.float64)
    return np.ascontiguousarray((values - values[:1]) * (_SCALE / bandwidth))


def compiled_row_sums(X: Array, Y: Array | None, bandwidth: float) -> Array:
    """Row sums of K over all rows of Y, or of X itself."""
    from infotheory._xp._gram_kernels import own_row_sums, power_table, row_sums

    X = as_working_float(X)
    if Y is None:
        points = others = exponent_points(X, bandwidth)
        sums = own_row_sums
    else:
        both = np.concatenate([detached_numpy(X), detached_numpy(Y)], axis=0)
        both = exponent_points(both, bandwidth)
        points, others = both[: X.shape[0]], both[X.shape[0] :]
        sums = row_sums
    columns = np.ascontiguousarray(points.T)
    table = power_table()

    def work(pages: np.ndarray, out: np.ndarray) -> None:
        sums(columns, others, table, pages, out)

    found = shared_sums(work, points.shape[0], others.shape[0], (points.shape[0],))
    return _as(found, X)


def compiled_pair_sums(X: Array, Y: Array, bandwidth_x: float, bandwidth_y: float) -> list[Array]:
    """Row sums of K, L, K o L, K o K and L o L of paired rows."""
    from infotheory._xp._gram_kernels import own_pair_sums, power_table

    found = _expanded_pair_sums(detached_numpy(X), detached_numpy(Y), bandwidth_x, bandwidth_y)
    if found is not None:
        return [_as(sums, X) for sums in found]
    xs, ys = exponent_points(X, bandwidth_x), exponent_points(Y, bandwidth_y)
    x_columns, y_columns = np.ascontiguousarray(xs.T), np.ascontiguousarray(ys.T)
    table, n = power_table(), xs.shape[0]

    def work(pages: np.ndarray, out: np.ndarray) -> None:
        own_pair_sums(x_columns, xs, y_columns, ys, table, pages, out)

    found = shared_sums(work, n, n, (5, n))
    return [_as(sums, X) for sums in found]


def _expanded_pair_sums(
    X: np.ndarray, Y: np.ndarray, bandwidth_x: float, bandwidth_y: float
) -> list[np.ndarray] | None:
    """The five sums of single columns, where that is faster."""
    k, other = column_terms(X, bandwidth_x), column_terms(Y, bandwidth_y)
    if k is None or other is None:
        return None
    # The square of a kernel is one of a smaller bandwidth.
    square_x = column_terms(X, bandwidth_x / math.sqrt(2))
    square_y = column_terms(Y, bandwidth_y / math.sqrt(2))
    if square_x is None or square_y is None:
        return None
    if not pay((k, other, square_x, square_y), _PER_PAIR, products=2):
        return None
    ones = np.ones(len(X))
    return [
        k.sums(ones),
        other.sums(ones),
        product_sums(k, other),
        square_x.sums(ones),
        square_y.sums(ones),
    ]


def _as(values: np.ndarray, x: Array) -> Array:
    return like(values.astype(detached_numpy(x).dtype), x)


def shared_sums(
    work: Callable[[np.ndarray, np.ndarray], None], n: int, m: int, shape: tuple[int, ...]
) -> np.ndarray:
    """Sums of pages by as many threads as pay; compiled loops hold no lock."""
    from numba import config

    from infotheory._xp._gram_kernels import PAGE

    n_pages = -(-n // PAGE)
    n_threads = min(int(config.NUMBA_NUM_THREADS), n_pages) if n * m > _FEW else 1
    # Each has sums of its own, and every n_threads-th page: first pages meet the most others.
    sums = np.zeros((n_threads, *shape))
    parts = [(np.arange(i, n_pages, n_threads), sums[i]) for i in range(n_threads)]
    if n_threads == 1:
        work(*parts[0])
        return sums[0]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(lambda part: work(*part), parts))
    return np.sum(sums, axis=0)
