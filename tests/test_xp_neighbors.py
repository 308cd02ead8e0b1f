"""Neighbour search: every distance and count against the pairwise formula, to the last bit."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infotheory._xp import _neighbors
from infotheory._xp._neighbors import count_within, nearest

SEEDS = st.integers(0, 2**32 - 1)
METRICS = pytest.mark.parametrize("metric", ["chebyshev", "euclidean"])


def normal(rng, n, d):
    return rng.standard_normal((n, d))


def integers(rng, n, d):
    return rng.integers(-2, 3, (n, d)).astype(np.float64)


def duplicated(rng, n, d):
    """Half the rows repeat others."""
    X = rng.standard_normal((n, d))
    X[n // 2 :] = X[rng.integers(0, max(1, n // 2), n - n // 2)]
    return X


def constant(rng, n, d):
    return np.full((n, d), rng.standard_normal())


def labelled(rng, n, d):
    """One column of labels coded far apart beside ordinary ones."""
    X = rng.standard_normal((n, d))
    X[:, rng.integers(d)] = 1e6 * rng.integers(0, 4, n)
    return X


def heavy(rng, n, d):
    return rng.standard_t(1, (n, d))


def mixed_scales(rng, n, d):
    """Coordinates whose differences lose most of their digits."""
    return rng.standard_normal((n, d)) * 10.0 ** rng.integers(-8, 9, d) + 1e7


DATA = pytest.mark.parametrize(
    "draw", [normal, integers, duplicated, constant, labelled, heavy, mixed_scales]
)


def pairwise(X, points, metric="chebyshev", groups=None):
    """Distances by the definition, columns one after the other."""
    difference = np.abs(points[:, None, :] - X[None, :, :])
    if metric == "chebyshev":
        return difference.max(axis=2)
    largest = np.zeros(difference.shape[:2])
    for group in np.split(difference, np.cumsum(groups or (X.shape[1],))[:-1], axis=2):
        total = np.zeros(difference.shape[:2])
        for j in range(group.shape[2]):
            total = total + group[:, :, j] * group[:, :, j]
        largest = np.maximum(largest, np.sqrt(total))
    return largest


def assert_nearest(X, k, metric="chebyshev", groups=None, query=None):
    table = pairwise(X, X if query is None else query, metric, groups)
    if query is None:
        np.fill_diagonal(table, np.inf)
    distances, indices = nearest(X, k, metric=metric, groups=groups, query=query)
    assert distances.shape == indices.shape == (table.shape[0], k)
    assert distances.dtype == np.float64
    assert indices.dtype == np.intp
    np.testing.assert_array_equal(distances, np.sort(table, axis=1)[:, :k])
    np.testing.assert_array_equal(np.take_along_axis(table, indices, axis=1), distances)
    assert np.all(np.diff(np.sort(indices, axis=1), axis=1) > 0)


def assert_counts(X, radius, metric="chebyshev", query=None):
    table = pairwise(X, X if query is None else query, metric)
    if query is None:
        np.fill_diagonal(table, np.nan)
    for strict in (True, False):
        within = table < radius[:, None] if strict else table <= radius[:, None]
        counts = count_within(X, radius, metric=metric, strict=strict, query=query)
        assert counts.dtype == np.intp
        np.testing.assert_array_equal(counts, within.sum(axis=1))


def some_radii(rng, X, metric, query=None):
    """Distances that occur, their float neighbours, zero and infinity."""
    table = pairwise(X, X if query is None else query, metric)
    m = table.shape[0]
    radius = table[np.arange(m), rng.integers(0, X.shape[0], m)]
    radius = np.nextafter(radius, rng.choice([-np.inf, 0.0, np.inf], m))
    radius = np.where(rng.random(m) < 0.5, table[np.arange(m), 0], radius)
    radius[rng.random(m) < 0.1] = 0.0
    radius[rng.random(m) < 0.1] = np.inf
    return radius


@METRICS
@DATA
@settings(max_examples=15)
@given(seed=SEEDS)
def test_nearest_is_the_pairwise_formula(draw, metric, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 200))
    d = int(rng.integers(1, 12))
    k = int(rng.choice([1, min(3, n - 1), min(80, n - 1), n - 1]))
    X = draw(rng, n, d)
    assert_nearest(X, k, metric)
    assert_nearest(X, k, metric, query=draw(rng, 20, d))
    assert_nearest(X, n, metric, query=X[: n // 2 + 1])


@METRICS
@DATA
@settings(max_examples=15)
@given(seed=SEEDS)
def test_counts_are_the_pairwise_formula(draw, metric, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 200))
    d = int(rng.integers(1, 12))
    X = draw(rng, n, d)
    assert_counts(X, some_radii(rng, X, metric), metric)
    query = np.concatenate([draw(rng, 20, d), X[:5]])
    assert_counts(X, some_radii(rng, X, metric, query), metric, query)


@DATA
@pytest.mark.parametrize("groups", [(1, 1), (1, 2), (2, 3), (1, 1, 1), (3, 2, 4), (5, 1, 1)])
@settings(max_examples=5)
@given(seed=SEEDS)
def test_groups_take_the_largest_distance(draw, groups, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 150))
    X = draw(rng, n, sum(groups))
    assert_nearest(X, 5, "euclidean", groups)
    assert_nearest(X, 5, "euclidean", groups, query=draw(rng, 9, sum(groups)))
    assert_nearest(X, 5, "chebyshev", groups)


@METRICS
@pytest.mark.parametrize("d", [2, pytest.param(3, marks=pytest.mark.slow), 5, 12])
@pytest.mark.parametrize("k", [3, 80])
def test_tree_columns_and_exhaustive_search_agree(monkeypatch, metric, d, k):
    """Deep trees, one page for all rows, sorted columns in small blocks: the same answers."""
    rng = np.random.default_rng(0)
    X = np.concatenate([normal(rng, 300, d), integers(rng, 100, d), labelled(rng, 100, d)])
    query = np.concatenate([normal(rng, 50, d), X[:50]])
    for columns, page, block in ((1, 4, 128), (1, 128, 500), (99, 4, 128), (99, 1_000, 1_000)):
        monkeypatch.setattr(_neighbors, "_MANY_COLUMNS", columns)
        monkeypatch.setattr(_neighbors, "_PAGE", page)
        monkeypatch.setattr(_neighbors, "_BLOCK", block)
        assert_nearest(X, k, metric)
        assert_nearest(X, k, metric, query=query)
        assert_counts(X, some_radii(rng, X, metric), metric)
        assert_counts(X, some_radii(rng, X, metric, query), metric, query)


@METRICS
@pytest.mark.parametrize("d", [1, 2, 4])
@settings(max_examples=10)
@given(seed=SEEDS)
def test_the_order_of_rows_does_not_matter(metric, d, seed):
    rng = np.random.default_rng(seed)
    X = np.concatenate([normal(rng, 150, d), integers(rng, 150, d)])
    shuffle = rng.permutation(300)
    distances, _ = nearest(X, 4, metric=metric)
    np.testing.assert_array_equal(nearest(X[shuffle], 4, metric=metric)[0], distances[shuffle])
    radius = distances[:, 3]
    counts = count_within(X, radius, metric=metric)
    np.testing.assert_array_equal(
        count_within(X[shuffle], radius[shuffle], metric=metric), counts[shuffle]
    )


def test_the_last_page_may_hold_one_row():
    """The last row is alone in its page; its nearest is far in the column that is split."""
    rng = np.random.default_rng(8)
    n = _neighbors._PAGE + 1
    for _ in range(20):
        X = np.full((n, 9), -8.0)
        X[:, 0] = rng.uniform(-10, 9, n)
        X[:, 1] = rng.choice([-8.0, 8.0], n)
        X[0] = [-5.0, -8.5, *[8.0] * 7]
        X[-1] = [10.0, 6.0, *[8.0] * 7]
        assert_nearest(X, 1)


@METRICS
def test_several_blocks_of_real_size(metric):
    """More rows than a block of sorted columns holds, against the other path."""
    rng = np.random.default_rng(1)
    X = normal(rng, 40_000, 4)
    distances, indices = nearest(X, 3, metric=metric)
    some = rng.choice(40_000, 200, replace=False)
    table = pairwise(X, X[some], metric)
    table[np.arange(200), some] = np.inf
    np.testing.assert_array_equal(distances[some], np.sort(table, axis=1)[:, :3])
    np.testing.assert_array_equal(np.take_along_axis(table, indices[some], axis=1), distances[some])
    radius = 2 * distances[:, 2]
    counts = count_within(X, radius, metric=metric)
    np.testing.assert_array_equal(counts[some], (table < radius[some, None]).sum(axis=1))


@METRICS
@pytest.mark.parametrize("d", [1, 2, 5])
def test_many_duplicates(metric, d):
    """Quadratic work would take minutes here."""
    rng = np.random.default_rng(2)
    X = np.repeat(rng.integers(0, 30, (100_000, 1)).astype(np.float64), d, axis=1)
    _, inverse, sizes = np.unique(X[:, 0], return_inverse=True, return_counts=True)
    distances, indices = nearest(X, 3, metric=metric)
    np.testing.assert_array_equal(distances, 0.0)
    np.testing.assert_array_equal(X[indices], X[:, None, :].repeat(3, axis=1))
    assert np.all(indices != np.arange(100_000)[:, None])
    zero = np.zeros(100_000)
    np.testing.assert_array_equal(count_within(X, zero, metric=metric), 0)
    np.testing.assert_array_equal(
        count_within(X, zero, metric=metric, strict=False), sizes[inverse] - 1
    )
    # Radii that differ within a value and straddle the distance to the next one.
    step = 1.0 if metric == "chebyshev" else np.sqrt(d)
    radius = step * rng.choice([0.0, 0.5, 1.0, 1.5], 100_000)
    padded = np.concatenate([[0], sizes, [0]])
    beside = padded[inverse] + padded[inverse + 2]
    expected = np.where(radius > 0, sizes[inverse] - 1, 0) + np.where(radius > step, beside, 0)
    np.testing.assert_array_equal(count_within(X, radius, metric=metric), expected)


@METRICS
def test_all_rows_equal(metric):
    X = np.ones((100_000, 2))
    distances, _ = nearest(X, 20, metric=metric)
    np.testing.assert_array_equal(distances, 0.0)
    counts = count_within(X, np.ones(100_000), metric=metric)
    np.testing.assert_array_equal(counts, 99_999)


def following(x):
    with np.errstate(over="ignore"):
        return np.nextafter(x, np.inf)


def test_radius_limits_agree_with_roots():
    """A sum of squares is within the limit just where its root is within the radius."""
    rng = np.random.default_rng(3)
    radius = np.concatenate(
        [
            10.0 ** rng.uniform(-170, 160, 20_000),
            rng.random(20_000),
            np.sqrt(rng.integers(0, 1000, 1_000)),
            [0.0, 5e-324, 1e-162, 1.5e-154, 1e154, 1.4e154, 1e300, np.inf],
        ]
    )
    limits = _neighbors._limits(radius, chebyshev=False, strict=False)
    assert np.all(np.sqrt(limits) <= radius)
    finite = limits < np.inf
    assert np.all(np.sqrt(following(limits[finite])) > radius[finite])
    strict = _neighbors._limits(radius, chebyshev=False, strict=True)
    positive = radius > 0
    assert np.all(np.sqrt(strict[positive]) < radius[positive])
    assert np.all(np.sqrt(following(strict[positive])) >= radius[positive])
    assert np.all(strict[~positive] < 0)
    bad = np.array([-1.0, np.nan])
    assert np.all(_neighbors._limits(bad, chebyshev=False, strict=False) < 0)


@METRICS
@pytest.mark.parametrize("d", [1, 3])
def test_other_dtypes_and_layouts(metric, d):
    rng = np.random.default_rng(4)
    X = integers(rng, 300, d)
    distances, _ = nearest(X, 3, metric=metric)
    radius = distances[:, 2]
    counts = count_within(X, radius, metric=metric, strict=False)
    for other in (X.astype(np.float32), np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(nearest(other, 3, metric=metric)[0], distances)
        np.testing.assert_array_equal(
            count_within(other, radius.astype(other.dtype), metric=metric, strict=False), counts
        )


@METRICS
def test_inputs_are_left_alone(metric):
    rng = np.random.default_rng(5)
    for d in (1, 2, 5):
        X = normal(rng, 200, d)
        radius = np.ones(200)
        X.setflags(write=False)
        radius.setflags(write=False)
        nearest(X, 3, metric=metric, query=X)
        count_within(X, radius, metric=metric, query=X)


def test_threads_side_by_side():
    rng = np.random.default_rng(6)
    samples = [normal(rng, 3_000, d) for d in (1, 2, 3, 5, 8) * 2]

    def search(X):
        distances, _ = nearest(X, 3)
        return count_within(X[:, :1], distances[:, 2]), count_within(X, 2 * distances[:, 2])

    alone = [search(X) for X in samples]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(alone, pool.map(search, samples), strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])


def test_numba_is_imported_late():
    code = "import sys, infotheory._xp._neighbors; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
