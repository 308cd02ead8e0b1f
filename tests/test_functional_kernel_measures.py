"""Cauchy-Schwarz measures, MMD and HSIC against double sums, closed forms and enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from infotheory.functional import _gram as gram
from infotheory.functional import (
    cauchy_schwarz_divergence,
    cauchy_schwarz_mutual_information,
    conditional_cauchy_schwarz_divergence,
    conditional_cauchy_schwarz_mutual_information,
    gaussian_cauchy_schwarz_divergence,
    gaussian_gram,
    gram_pair_sums,
    hsic,
    mmd,
)
from infotheory.functional._permutation_moments import (
    centred_gram_moments,
    contrast_moments,
    gamma_p_value,
    permutation_moments,
)

SEEDS = st.integers(0, 2**32 - 1)


def samples(seed=0, n=40, m=33, d=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 0.5 + 2 * rng.normal(size=(m, d))


def pairs(seed=0, n=40, d=2):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, x[:, :1] ** 2 + 0.5 * rng.normal(size=(n, 1)), rng.normal(size=(n, 1)) + x[:, :1]


def kernel(x, y, b):
    """One pair at a time."""
    return np.array([[math.exp(-sum((u - v) ** 2) / (2 * b**2)) for v in y] for u in x])


def test_the_divergence_is_its_double_sum(xp):
    for d in (1, 3, 40):
        X, Y = samples(d=d)
        b = 0.8 * math.sqrt(d)
        means = [kernel(p, q, b).mean() for p, q in ((X, X), (Y, Y), (X, Y))]
        truth = math.log(means[0]) + math.log(means[1]) - 2 * math.log(means[2])
        found = cauchy_schwarz_divergence(xp.asarray(X), xp.asarray(Y), b)
        assert float(found) == pytest.approx(truth, abs=1e-10)


def test_the_divergence_tends_to_that_of_the_smoothed_normal_laws():
    width, S, T = 0.6, np.array([[1.0, 0.4], [0.4, 0.8]]), np.diag([0.5, 1.5])
    shift = np.array([0.7, -0.3])
    more = width**2 / 2 * np.eye(2)
    truth = gaussian_cauchy_schwarz_divergence(np.zeros(2), S + more, shift, T + more)
    values = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.multivariate_normal(np.zeros(2), S, 4000)
        values.append(cauchy_schwarz_divergence(X, rng.multivariate_normal(shift, T, 4000), width))
    # One draw has a standard deviation of 5 %, the mean of 20 one of 1.1 %.
    assert np.mean(values) == pytest.approx(float(truth), rel=0.04)
    bare = gaussian_cauchy_schwarz_divergence(np.zeros(2), S, shift, T)
    assert abs(np.mean(values) / float(bare) - 1) > 0.1


@settings(max_examples=25)
@given(SEEDS)
def test_laws_of_the_divergence(seed):
    X, Y = samples(seed)
    rng = np.random.default_rng(seed)
    b, turn = float(rng.uniform(0.2, 3)), np.linalg.qr(rng.normal(size=(2, 2)))[0]
    value = cauchy_schwarz_divergence(X, Y, b)
    assert value >= 0
    assert cauchy_schwarz_divergence(Y, X, b) == pytest.approx(value, abs=1e-12)
    assert cauchy_schwarz_divergence(X, X, b) == pytest.approx(0, abs=1e-13)
    moved = cauchy_schwarz_divergence(3 * X @ turn + 5, 3 * Y @ turn + 5, 3 * b)
    assert moved == pytest.approx(value, rel=1e-9, abs=1e-12)
    doubled = cauchy_schwarz_divergence(np.repeat(X, 2, axis=0), Y, b)
    assert doubled == pytest.approx(value, rel=1e-9, abs=1e-12)


def test_data_processing_fails_for_cauchy_schwarz():
    # Symbols far apart are atoms, and of three the last two are merged.
    def value(p, q):
        return np.log(p @ p) + np.log(q @ q) - 2 * np.log(p @ q)

    rng = np.random.default_rng(0)
    worst = 0.0
    for _ in range(500):
        p, q = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3))
        merged = [np.array([v[0], v[1] + v[2]]) for v in (p, q)]
        worst = max(worst, value(*merged) - value(p, q))
    assert worst > 0.1


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_samples_far_apart_have_a_finite_divergence_and_gradient(xp, dtype):
    X, Y = (xp.asarray(v, dtype=getattr(xp, dtype)) for v in samples())
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    for shift in (20.0, 1e3):
        squares = cdist(np.asarray(X), np.asarray(Y) + shift, "sqeuclidean")
        logs = [
            logsumexp(-s / 2) - math.log(s.size)
            for s in (cdist(X, X, "sqeuclidean"), cdist(Y, Y, "sqeuclidean"), squares)
        ]
        found = cauchy_schwarz_divergence(X, Y + shift, 1.0)
        assert float(found) == pytest.approx(logs[0] + logs[1] - 2 * logs[2], rel=tolerance)
    torch = pytest.importorskip("torch")
    x = torch.tensor(np.asarray(X, dtype=np.float64), requires_grad=True)
    y = torch.tensor(np.asarray(Y, dtype=np.float64))
    assert torch.autograd.gradcheck(lambda x: cauchy_schwarz_divergence(x, y + 60, 1.0), (x,))


@pytest.mark.parametrize("shift", [9.0, 11.0, 13.0])
def test_sums_and_logarithms_meet(monkeypatch, shift):
    # Values that may be had either way.
    X, Y = samples()
    by_sums = cauchy_schwarz_divergence(X, Y + shift, 1.0)
    monkeypatch.setattr(
        "infotheory.functional._cauchy_schwarz._is_out_of_range", lambda sums, m: True
    )
    by_logs = cauchy_schwarz_divergence(X, Y + shift, 1.0)
    assert by_logs == pytest.approx(by_sums, rel=1e-12)


def test_the_information_is_its_sums_and_a_divergence(xp):
    x, y, _ = pairs()
    K, L, n = kernel(x, x, 0.7), kernel(y, y, 0.4), len(x)
    truth = math.log((K * L).mean()) + math.log(K.mean() * L.mean())
    truth -= 2 * math.log(np.sum(K.sum(0) * L.sum(0)) / n**3)
    X, Y = xp.asarray(x), xp.asarray(y)
    found = cauchy_schwarz_mutual_information(X, Y, 0.7, 0.4)
    assert float(found) == pytest.approx(truth, abs=1e-12)
    # All pairings of the rows are a sample of the product of the margins.
    first, second = (part.ravel() for part in np.indices((n, n)))
    joint = np.hstack([x / 0.7, y / 0.4])
    product = np.hstack([x[first] / 0.7, y[second] / 0.4])
    assert cauchy_schwarz_divergence(joint, product, 1.0) == pytest.approx(truth, abs=1e-11)
    own = [float(cauchy_schwarz_mutual_information(v, v, b)) for v, b in ((X, 0.7), (Y, 0.4))]
    share = cauchy_schwarz_mutual_information(X, Y, 0.7, 0.4, normalized=True)
    assert float(share) == pytest.approx(truth / math.sqrt(own[0] * own[1]), rel=1e-9)
    assert float(cauchy_schwarz_mutual_information(X, X, 0.7, normalized=True)) == pytest.approx(1)


def test_the_information_of_a_normal_pair():
    rho, width, values = 0.8, 0.5, []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(3000, 1))
        y = rho * x + math.sqrt(1 - rho**2) * rng.normal(size=(3000, 1))
        values.append(cauchy_schwarz_mutual_information(x, y, width))
    a = 1 + width**2 / 2
    truth = math.log(a**2 - rho**2 / 4) - 0.5 * math.log(a**2 - rho**2) - math.log(a)
    assert truth == pytest.approx(0.2171, abs=5e-5)
    error = np.std(values, ddof=1) / math.sqrt(20)
    assert error < 0.002
    assert np.mean(values) == pytest.approx(truth, abs=3 * error)


def test_an_information_of_single_rows_is_at_its_ceiling():
    x = np.arange(50.0)[:, None]
    assert cauchy_schwarz_mutual_information(x, x, 1e-3) == pytest.approx(math.log(50))
    constant = np.ones((50, 1))
    assert cauchy_schwarz_mutual_information(x, constant, 1.0) == pytest.approx(0, abs=1e-13)
    assert cauchy_schwarz_mutual_information(x, constant, 1.0, normalized=True) == pytest.approx(0)


@pytest.mark.parametrize("denominator", ["kernel-sum-squared", "reference"])
def test_the_conditional_divergence_is_its_sums(xp, denominator):
    x, y, z = pairs()
    K = kernel(x, x, 0.7)
    of_y, of_z, across = kernel(y, y, 0.4), kernel(z, z, 0.4), kernel(y, z, 0.4)
    below = K.sum(1) ** 2 if denominator == "kernel-sum-squared" else (K**2).sum(1)
    terms = [np.log(np.sum((K * part).sum(1) / below)) for part in (of_y, of_z, across)]
    found = conditional_cauchy_schwarz_divergence(
        *(xp.asarray(v) for v in (x, y, z)), 0.7, 0.4, denominator=denominator
    )
    assert float(found) == pytest.approx(terms[0] + terms[1] - 2 * terms[2], abs=1e-12)
    same = conditional_cauchy_schwarz_divergence(x, y, y, 0.7, 0.4, denominator=denominator)
    assert same == pytest.approx(0, abs=1e-12)
    far = conditional_cauchy_schwarz_divergence(x, y, z + 100, 0.7, 0.4, denominator=denominator)
    assert 1e4 < far < 1e6


def test_the_conditional_information_is_a_divergence_of_laws():
    x, y, z = pairs()
    K, L, M = kernel(x, x, 0.7), kernel(y, y, 0.4), kernel(z, z, 0.9)
    m, km, lm, klm = (part.sum(1) for part in (M, K * M, L * M, K * L * M))
    truth = np.log(np.sum(klm * m**2)) + np.log(np.sum((km * lm) ** 2 / klm))
    truth -= 2 * np.log(np.sum(m * km * lm))
    found = conditional_cauchy_schwarz_mutual_information(x, y, z, 0.7, 0.4, 0.9)
    assert found == pytest.approx(truth, abs=1e-12)
    constant = np.ones_like(z)
    alone = conditional_cauchy_schwarz_mutual_information(x, constant, z, 0.7)
    assert alone == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("estimator", ["unbiased", "biased"])
def test_the_discrepancy_is_its_double_sum(xp, estimator):
    X, Y = samples()
    b, n, m = 0.9, len(X), len(Y)
    K, L, across = kernel(X, X, b), kernel(Y, Y, b), kernel(X, Y, b)
    if estimator == "biased":
        truth = K.mean() + L.mean() - 2 * across.mean()
    else:
        truth = (K.sum() - n) / (n * (n - 1)) + (L.sum() - m) / (m * (m - 1)) - 2 * across.mean()
    found = mmd(xp.asarray(X), xp.asarray(Y), b, estimator=estimator)
    assert float(found) == pytest.approx(truth, abs=1e-13)


def test_unbiased_means_the_mean_over_samples():
    b, shift = 0.8, 0.5
    w = b * b
    embedded = [math.sqrt(w / (w + 2)) * math.exp(-(v**2) / (2 * (w + 2))) for v in (0, shift)]
    truth = 2 * (embedded[0] - embedded[1])
    rng = np.random.default_rng(0)
    values = [
        [mmd(x, y, b, estimator=e) for e in ("unbiased", "biased")]
        for x, y in (
            (rng.normal(size=(12, 1)), shift + rng.normal(size=(9, 1))) for _ in range(1000)
        )
    ]
    error = np.std(values, axis=0, ddof=1) / math.sqrt(1000)
    assert abs(np.mean(values, axis=0)[0] - truth) < 3 * error[0]
    # Pairs of a row with itself add (1 - E k) (1/n + 1/m).
    more = truth + (1 - embedded[0]) * (1 / 12 + 1 / 9)
    assert abs(np.mean(values, axis=0)[1] - more) < 3 * error[1]


def test_the_criterion_is_its_definition(xp):
    x, y, _ = pairs(n=8)
    n, (K, L) = 8, (kernel(x, x, 0.7), kernel(y, y, 0.4))
    H = np.eye(n) - 1 / n
    X, Y = xp.asarray(x), xp.asarray(y)
    biased = np.trace(K @ H @ L @ H) / n**2
    assert float(hsic(X, Y, 0.7, 0.4)) == pytest.approx(biased, abs=1e-14)
    # The mean over all quadruples of different rows.
    total = [
        K[i, j] * (L[i, j] + L[q, r] - 2 * L[i, q])
        for i, j, q, r in itertools.permutations(range(n), 4)
    ]
    unbiased = float(hsic(X, Y, 0.7, 0.4, estimator="unbiased"))
    assert unbiased == pytest.approx(np.mean(total), abs=1e-14)
    own = [np.trace(k @ H @ k @ H) / n**2 for k in (K, L)]
    aligned = hsic(X, Y, 0.7, 0.4, normalized=True)
    assert float(aligned) == pytest.approx(biased / math.sqrt(own[0] * own[1]), rel=1e-10)
    assert float(hsic(X, X, 0.7, normalized=True)) == pytest.approx(1)
    same = hsic(X, X, 0.7, estimator="unbiased", normalized=True)
    assert float(same) == pytest.approx(1)
    assert float(hsic(X, xp.ones_like(Y), 0.7, normalized=True)) == 0


@pytest.mark.parametrize("function", [mmd, hsic])
def test_there_are_two_estimators(function):
    with pytest.raises(ValueError, match="estimator must be 'unbiased' or 'biased'"):
        function(np.eye(4), np.eye(4), 1.0, estimator="linear")


def test_rows_that_do_not_pair():
    X, Y = samples()
    for function in (hsic, cauchy_schwarz_mutual_information):
        with pytest.raises(ValueError, match="same number of rows"):
            function(X, Y, 1.0)


@pytest.mark.parametrize("block", [2**20, 9])
def test_gradients(monkeypatch, block):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(gram, "_BLOCK", block)
    X, Y = (torch.tensor(v, requires_grad=True) for v in samples(n=4, m=3))
    _, W, Z = (torch.tensor(v, requires_grad=True) for v in pairs(n=4))

    def check(function, *inputs):
        assert torch.autograd.gradcheck(function, inputs)

    check(lambda x, y: cauchy_schwarz_divergence(x, y, 0.8), X, Y)
    check(lambda x, y: mmd(x, y, 0.8), X, Y)
    for normalized in (False, True):
        check(lambda x, y, w=normalized: hsic(x, y, 0.8, normalized=w), X, W)
        check(
            lambda x, y, w=normalized: cauchy_schwarz_mutual_information(x, y, 0.8, normalized=w),
            X,
            W,
        )
    check(lambda x, y: hsic(x, y, 0.8, estimator="unbiased"), X, W)
    for form in ("kernel-sum-squared", "reference"):
        check(
            lambda x, y, z, form=form: conditional_cauchy_schwarz_divergence(
                x, y, z, 0.8, denominator=form
            ),
            *(X, W, Z),
        )
    check(lambda x, y, z: conditional_cauchy_schwarz_mutual_information(x, y, z, 0.8), X, W, Z)


def test_leading_axes_batch():
    X, Y = (np.stack([samples(seed, m=40)[i] for seed in range(3)]) for i in range(2))
    widths = np.array([0.5, 1.0, 2.0])
    for function in (
        cauchy_schwarz_divergence,
        cauchy_schwarz_mutual_information,
        mmd,
        hsic,
    ):
        found = function(X, Y, widths)
        each = [function(x, y, b) for x, y, b in zip(X, Y, widths, strict=True)]
        np.testing.assert_allclose(found, each, rtol=1e-10)
    found = conditional_cauchy_schwarz_divergence(X, Y, Y + 1, widths)
    one = conditional_cauchy_schwarz_divergence(X[1], Y[1], Y[1] + 1, 1.0)
    assert found[1] == pytest.approx(float(one))


def test_moments_over_permutations_are_exact():
    n = 6
    x, y, _ = pairs(n=n)
    K, L = gaussian_gram(x, bandwidth=0.7), gaussian_gram(y, bandwidth=0.4)
    sums = gram_pair_sums(x, y, bandwidth_x=0.7, bandwidth_y=0.4)
    a = centred_gram_moments(sums.x, float(np.sum(sums.square_x)))
    b = centred_gram_moments(sums.y, float(np.sum(sums.square_y)))
    H = np.eye(n) - 1 / n
    orders = [list(order) for order in itertools.permutations(range(n))]
    every = [np.sum((H @ K @ H) * L[np.ix_(order, order)]) for order in orders]
    np.testing.assert_allclose(permutation_moments(a, b), [np.mean(every), np.var(every)])
    z = np.array([1 / 2] * 2 + [-1 / 4] * 4)
    every = [z[order] @ K @ z[order] for order in orders]
    moments = permutation_moments(a, contrast_moments(2, 4))
    np.testing.assert_allclose(moments, [np.mean(every), np.var(every)])
    assert gamma_p_value(1.0, 0.0, 0.0) == 1.0


@pytest.mark.parametrize("d", [5, 40])
@pytest.mark.parametrize("scale", [1.0, 1e3, 1e5])
def test_float32_with_a_gradient_is_as_exact_as_without(scale, d):
    """Rows many bandwidths from their mean, each with another one near it."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    X = (scale * rng.standard_normal((32, d))).astype(np.float32)
    Y = (X + 0.2 * rng.standard_normal((32, d))).astype(np.float32)
    for function in (cauchy_schwarz_divergence, mmd, hsic, cauchy_schwarz_mutual_information):
        x, x64 = torch.tensor(X, requires_grad=True), torch.tensor(X.astype(np.float64))
        exact = function(x64.requires_grad_(), torch.tensor(Y).double(), 1.0)
        value = function(x, torch.tensor(Y), 1.0)
        plain = function(x.detach(), torch.tensor(Y), 1.0)
        assert value.dtype == torch.float32
        for found in (value, plain):
            assert found.item() == pytest.approx(exact.item(), rel=2e-5, abs=2e-6)
        (of_x,), (of_x64,) = (torch.autograd.grad(v, a) for v, a in ((value, x), (exact, x64)))
        size = max(1e-6, of_x64.abs().max().item())
        assert (of_x - of_x64).abs().max().item() < 1e-4 * size
