"""Gram matrices, their sums and bandwidths against double loops and definitions."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist
from scipy.stats import norm

from infotheory.functional import _gram as gram
from infotheory.functional import _gram_compiled as compiled
from infotheory.functional import (
    gaussian_gram,
    gram_log_row_sums,
    gram_pair_sums,
    gram_row_sums,
    kernel_bandwidth,
)
from infotheory.functional._bandwidth import BANDWIDTH_RULES
from infotheory.functional._gram_orders import (
    ordered_products,
    part_sums,
    pooled_row_sums,
    weighted_row_sums,
)

SEEDS = st.integers(0, 2**32 - 1)


def samples(seed=0, n=150, m=130, d=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 0.5 + 2 * rng.normal(size=(m, d))


def exact(X, Y, bandwidth):
    return np.exp(-cdist(X, Y, "sqeuclidean") / (2 * bandwidth**2))


@pytest.mark.parametrize("d", [1, 3, 40])
def test_a_gram_matrix_and_its_sums(xp, d):
    X, Y = samples(d=d)
    b = math.sqrt(d)
    x, y = xp.asarray(X), xp.asarray(Y)
    K = exact(X, Y, b)
    for found, truth in (
        (gaussian_gram(x, y, bandwidth=b), K),
        (gaussian_gram(x, bandwidth=b), exact(X, X, b)),
        (gram_row_sums(x, y, bandwidth=b), K.sum(1)),
        (gram_row_sums(x, bandwidth=b), exact(X, X, b).sum(1)),
        (gram_log_row_sums(x, y, bandwidth=b), np.log(K.sum(1))),
    ):
        assert type(found) is type(x)
        np.testing.assert_allclose(np.asarray(found), truth, rtol=1e-12, atol=1e-14)
    Y = X[:, :1] ** 2
    found = gram_pair_sums(x, xp.asarray(Y), bandwidth_x=b, bandwidth_y=0.5)
    K, L = exact(X, X, b), exact(Y, Y, 0.5)
    for part, matrix in zip(found, (K, L, K * L, K * K, L * L), strict=True):
        np.testing.assert_allclose(np.asarray(part), matrix.sum(1), rtol=1e-12)


def test_far_from_the_origin_nothing_is_lost_but_to_the_rounding_of_the_rows():
    X, Y = samples()
    K = exact(X, Y, 0.7)
    for shift, tolerance in ((1e6, 1e-8), (1e8, 1e-6)):
        np.testing.assert_allclose(
            gaussian_gram(X + shift, Y + shift, bandwidth=0.7), K, atol=tolerance
        )
        found = gram_row_sums(X + shift, Y + shift, bandwidth=0.7)
        np.testing.assert_allclose(found, K.sum(1), rtol=10 * tolerance)
    assert np.all(np.diagonal(gaussian_gram(X + 1e8, bandwidth=1e-3)) == 1)


@pytest.mark.parametrize("block", [2**20, 5])
def test_gradients_are_the_same_with_and_without_blocks(monkeypatch, block):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(gram, "_BLOCK", block)
    X, Y = (torch.tensor(v[:n], requires_grad=True) for v, n in zip(samples(), (4, 3), strict=True))
    width = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    check, twice = torch.autograd.gradcheck, torch.autograd.gradgradcheck
    for function in (
        lambda X, Y, b: gaussian_gram(X, Y, bandwidth=b),
        lambda X, Y, b: gram_row_sums(X, Y, bandwidth=b),
        lambda X, Y, b: gram_row_sums(X, bandwidth=b) + 0 * Y.sum(),
        lambda X, Y, b: gram_log_row_sums(X, Y + 50, bandwidth=b),
        lambda X, Y, b: gram_pair_sums(X, X**2, bandwidth_x=b, bandwidth_y=2 * b) + (Y.sum() * b,),
    ):
        assert check(function, (X, Y, width))
    with torch.random.fork_rng():  # the second check draws
        assert twice(lambda X, Y, b: gram_log_row_sums(X, Y, bandwidth=b), (X, Y, width))


def test_leading_axes_batch():
    X = np.stack([samples(seed)[0] for seed in range(3)])
    widths = np.array([0.5, 1.0, 2.0])
    whole = gaussian_gram(X, bandwidth=widths)
    sums = gram_row_sums(X, bandwidth=widths)
    logs = gram_log_row_sums(X, X[:, :5], bandwidth=widths)
    pairs = gram_pair_sums(X, X**2, bandwidth_x=widths, bandwidth_y=1.0)
    for i, width in enumerate(widths):
        np.testing.assert_allclose(whole[i], exact(X[i], X[i], width), atol=1e-12)
        np.testing.assert_allclose(sums[i], whole[i].sum(1), rtol=1e-12)
        np.testing.assert_allclose(np.exp(logs[i]), whole[i][:, :5].sum(1), rtol=1e-11)
        one = gram_pair_sums(X[i], X[i] ** 2, bandwidth_x=width, bandwidth_y=1.0)
        np.testing.assert_allclose([part[i] for part in pairs], one, rtol=1e-11)
    assert kernel_bandwidth(X).shape == (3,)


def test_many_threads_give_the_sums_of_one(monkeypatch):
    X, _ = samples(n=900)
    one = gram_row_sums(X, bandwidth=1.0)
    monkeypatch.setattr(compiled, "_FEW", 10)
    monkeypatch.setattr("numba.config.NUMBA_NUM_THREADS", 3)
    np.testing.assert_allclose(gram_row_sums(X, bandwidth=1.0), one, rtol=1e-13)


@pytest.mark.parametrize(("d", "e"), [(1, 1), (2, 5), (20, 18), (40, 36)])
def test_sums_for_many_orders(d, e):
    X, Y = samples(d=d)[0], samples(1, d=e)[0]
    rng = np.random.default_rng(0)
    orders = np.stack([rng.permutation(len(X)) for _ in range(4)])
    K, L = exact(X, X, 2.0), exact(Y, Y, 3.0)
    found = ordered_products(X, Y, 2.0, 3.0, orders)
    truth = [np.sum(K * L[np.ix_(o, o)]) for o in orders]
    np.testing.assert_allclose(found, truth, rtol=1e-12)
    parts = rng.random((len(X), 3)) < 0.4
    within, with_all = part_sums(X, 2.0, parts)
    np.testing.assert_allclose(within, [K[np.ix_(p, p)].sum() for p in parts.T], rtol=1e-12)
    np.testing.assert_allclose(with_all, [K[p].sum() for p in parts.T], rtol=1e-12)
    np.testing.assert_allclose(weighted_row_sums(X, 2.0, Y[:, 0]), K @ Y[:, 0], atol=1e-11)
    for n_first in (1, 60, 128, 149):
        truth = [K[:, :n_first].sum(1), K[:, n_first:].sum(1), (K**2).sum(1)]
        np.testing.assert_allclose(pooled_row_sums(X, n_first, 2.0), truth, rtol=1e-11)


_GROWTH = """
import resource, sys
import numpy as np
from infotheory import functional
X = np.random.default_rng(0).normal(size=(12_000, int(sys.argv[2])))
runs = {
    "cs": lambda X: functional.cauchy_schwarz_divergence(X, X + 1, 1.0),
    "mmd": lambda X: functional.mmd(X, X + 1, 1.0),
    "hsic": lambda X: functional.hsic(X, X**2, 1.0),
    "conditional": lambda X: functional.conditional_cauchy_schwarz_divergence(X, X, X + 1, 1.0),
}
run = runs[sys.argv[1]]
run(X[:200])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
run(X)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 40])
@pytest.mark.parametrize("name", ["cs", "mmd", "hsic", "conditional"])
def test_memory_grows_as_the_rows(name, d):
    # A Gram matrix of 12 000 rows takes 1 150 MB; blocks of it 8 MB each.
    done = subprocess.run(
        [sys.executable, "-c", _GROWTH, name, str(d)], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 120


def test_memory_of_compiled_sums_and_of_blocks():
    import tracemalloc

    X, _ = samples(n=3000)
    gram_row_sums(X[:100], bandwidth=1.0)
    for d in (2, 40):
        X = np.random.default_rng(0).normal(size=(3000, d))
        tracemalloc.start()
        gram_row_sums(X, bandwidth=1.0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # The whole matrix has 72 MB; five blocks of 2^20 pairs 42 MB, two columns far less.
        assert peak < (1e6 if d == 2 else 45e6)


def test_bandwidths_by_their_definitions():
    X, _ = samples(n=60, d=3)
    n = len(X)
    assert kernel_bandwidth(X) == pytest.approx(np.median(pdist(X)))
    s = math.sqrt(np.mean(np.var(X, axis=0, ddof=1)))
    assert kernel_bandwidth(X, "silverman") == pytest.approx(s * (4 / (5 * n)) ** (1 / 7))
    distances = np.sort(cdist(X, X), axis=1)
    for k in (1, 10):
        found = kernel_bandwidth(X, "neighbors", n_neighbors=k)
        assert found == pytest.approx(distances[:, k].mean())
    assert kernel_bandwidth(X[:4], "neighbors") == pytest.approx(cdist(X[:4], X[:4]).max(1).mean())

    def log_likelihood(b):
        densities = norm.pdf(X[:, None], X[None], b).prod(axis=2)
        np.fill_diagonal(densities, 0)
        return np.log(densities.sum(1)).sum()

    best = kernel_bandwidth(X, "likelihood")
    for other in (0.99, 1.01, 0.5, 2.0):
        assert log_likelihood(best) > log_likelihood(other * best)


@pytest.mark.parametrize("rule", BANDWIDTH_RULES)
def test_rules_scale_and_do_not_depend_on_the_order(rule, xp):
    X, _ = samples(n=700)
    one = kernel_bandwidth(X, rule, max_rows=100)
    assert kernel_bandwidth(X[::-1], rule, max_rows=100) == one
    assert kernel_bandwidth(3e200 * X, rule, max_rows=100) == pytest.approx(3e200 * one)
    assert kernel_bandwidth(X + 1e5, rule, max_rows=100) == pytest.approx(one, rel=1e-6)
    # A sample of 100 rows, and 300 times as many pairs: a few percent.
    assert kernel_bandwidth(X, rule) == pytest.approx(one, rel=0.15)
    found = kernel_bandwidth(xp.asarray(X, dtype=xp.float32), rule, max_rows=100)
    assert found.dtype == xp.float32
    assert float(found) == pytest.approx(one, rel=1e-5)
    # A constant column is no dimension.
    wider = np.column_stack([X, np.ones(700)])
    assert kernel_bandwidth(wider, rule, max_rows=100) == pytest.approx(one)


@pytest.mark.parametrize("rule", BANDWIDTH_RULES)
def test_bandwidths_of_ties_are_positive(rule):
    assert kernel_bandwidth(np.ones((5, 2)), rule) == 1
    assert kernel_bandwidth(np.zeros((1, 3)), rule) == 1
    few = np.zeros((40, 1))
    few[0] = 3.0
    assert 0 < kernel_bandwidth(few, rule) <= 3
    hidden = np.zeros((5000, 1))
    hidden[17] = 2.0
    assert 0 < kernel_bandwidth(hidden, rule, max_rows=10) <= 2
    with pytest.raises(ValueError, match="rule must be one of median"):
        kernel_bandwidth(few, "scott")


def test_a_bandwidth_carries_no_gradient():
    torch = pytest.importorskip("torch")
    X = torch.tensor(samples()[0], requires_grad=True)
    assert not kernel_bandwidth(X).requires_grad


@settings(max_examples=15)
@given(SEEDS)
def test_sums_are_those_of_the_matrix_for_any_bandwidth(seed):
    X, Y = samples(seed, n=40, m=33)
    width = float(np.exp(np.random.default_rng(seed).uniform(-2, 3)))
    np.testing.assert_allclose(
        gram_row_sums(X, Y, bandwidth=width), exact(X, Y, width).sum(1), rtol=1e-10, atol=1e-100
    )
