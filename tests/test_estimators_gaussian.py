"""Gaussian estimators: unbiased at small n, honest about singular data, close to scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import infotheory
from infotheory import GaussianDivergence, GaussianEntropy, GaussianMutualInformation
from infotheory.functional import gaussian_entropy, gaussian_kl, gaussian_mutual_information

COVARIANCE = np.array([[1.0, 0.6, 0.2], [0.6, 2.0, -0.3], [0.2, -0.3, 0.5]])


def draws(n, seed, covariance=COVARIANCE, mean=None):
    root = np.linalg.cholesky(covariance)
    z = np.random.default_rng(seed).normal(size=(n, len(covariance)))
    return z @ root.T + (0 if mean is None else mean)


def mean_and_error(values):
    return np.mean(values), 4 * np.std(values, ddof=1) / math.sqrt(len(values))


def test_entropy_is_unbiased_at_small_n():
    values = [GaussianEntropy().fit(draws(6, s)).entropy_ for s in range(1000)]
    mean, tolerance = mean_and_error(values)
    assert abs(mean - float(gaussian_entropy(COVARIANCE))) < tolerance


@pytest.mark.slow
def test_mutual_information_is_unbiased_at_small_n():
    values, given = [], []
    for s in range(2000):
        X = draws(8, s)
        values.append(GaussianMutualInformation().fit(X[:, :1], X[:, 1:]).mutual_information_)
        fitted = GaussianMutualInformation().fit(X[:, :1], X[:, 1], condition=X[:, 2])
        given.append(fitted.mutual_information_)
    mean, tolerance = mean_and_error(values)
    assert abs(mean - float(gaussian_mutual_information(COVARIANCE, 1))) < tolerance
    partial = np.linalg.inv(COVARIANCE)
    rho = -partial[0, 1] / math.sqrt(partial[0, 0] * partial[1, 1])
    mean, tolerance = mean_and_error(given)
    assert abs(mean + 0.5 * math.log(1 - rho**2)) < tolerance


@pytest.mark.parametrize(
    "kind",
    ["kl", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("reverse-kl", "jeffreys"))],
)
def test_divergence_is_unbiased_at_small_n(kind):
    other, shift = np.diag([1.0, 0.5, 2.0]), np.array([0.5, 0.0, -0.2])
    forward = float(gaussian_kl(np.zeros(3), COVARIANCE, shift, other))
    backward = float(gaussian_kl(shift, other, np.zeros(3), COVARIANCE))
    truth = {"kl": forward, "reverse-kl": backward, "jeffreys": forward + backward}[kind]
    values = []
    for s in range(1000):
        X, y = infotheory.two_samples(draws(14, s), draws(12, s + 10_000, other, shift))
        values.append(GaussianDivergence(kind=kind).fit(X, y).divergence_)
    mean, tolerance = mean_and_error(values)
    assert abs(mean - truth) < tolerance


def test_score_is_the_log_likelihood_of_the_fitted_law():
    X, new = draws(50, 0), draws(20, 1)
    fitted = GaussianEntropy().fit(X)
    law = multivariate_normal(X.mean(axis=0), np.cov(X, rowvar=False))
    np.testing.assert_allclose(fitted.score_samples(new), law.logpdf(new))
    assert fitted.score(new) == pytest.approx(law.logpdf(new).mean())


def test_pointwise_is_the_log_ratio_of_the_fitted_laws():
    X, new = draws(50, 0), draws(20, 1)
    fitted = GaussianMutualInformation().fit(X[:, :1], X[:, 1:])
    mean, covariance = X.mean(axis=0), np.cov(X, rowvar=False)
    expected = (
        multivariate_normal(mean, covariance).logpdf(new)
        - multivariate_normal(mean[:1], covariance[:1, :1]).logpdf(new[:, :1])
        - multivariate_normal(mean[1:], covariance[1:, 1:]).logpdf(new[:, 1:])
    )
    # Standardised with divisor n and covariance with n - 1: the log ratio knows no units.
    np.testing.assert_allclose(fitted.pointwise(new[:, :1], new[:, 1:]), expected, atol=0.1)
    p, q = draws(40, 2), draws(40, 3) + 1
    ratio = GaussianDivergence().fit(*infotheory.two_samples(p, q)).score_samples(new)
    laws = [multivariate_normal(s.mean(axis=0), np.cov(s, rowvar=False)) for s in (p, q)]
    np.testing.assert_allclose(ratio, laws[0].logpdf(new) - laws[1].logpdf(new))


def test_copula_ignores_monotone_maps():
    X = draws(300, 0)
    plain = GaussianMutualInformation(copula=True).fit(X[:, :1], X[:, 1])
    bent = GaussianMutualInformation(copula=True).fit(np.exp(X[:, :1]), X[:, 1] ** 3)
    assert bent.mutual_information_ == pytest.approx(plain.mutual_information_, abs=1e-12)
    new = draws(2000, 1)
    rows = bent.pointwise(np.exp(new[:, :1]), new[:, 1] ** 3)
    np.testing.assert_allclose(rows, plain.pointwise(new[:, :1], new[:, 1]), atol=1e-12)
    assert rows.mean() == pytest.approx(plain.mutual_information_, abs=0.1)


def test_shrinkage_serves_more_columns_than_rows():
    X = np.random.default_rng(0).normal(size=(20, 30))
    with pytest.raises(ValueError, match="shrinkage='ledoit-wolf'"):
        GaussianMutualInformation().fit(X[:, :15], X[:, 15:])
    for shrinkage in ("ledoit-wolf", 0.5):
        fitted = GaussianMutualInformation(shrinkage=shrinkage).fit(X[:, :15], X[:, 15:])
        assert math.isfinite(fitted.mutual_information_)
        assert any("shrunk" in note for note in fitted.notes_)
    full = GaussianMutualInformation(shrinkage=1.0).fit(X[:, :15], X[:, 15:])
    assert full.mutual_information_ == pytest.approx(0, abs=1e-12)


def test_singular_data():
    X = draws(50, 0)
    fitted = GaussianEntropy().fit(np.column_stack([X, X[:, 0] + X[:, 1]]))
    assert fitted.entropy_ == -math.inf
    assert "-inf" in fitted.notes_[0]
    # A mean that rounds gives this constant a variance, but no entropy.
    assert GaussianEntropy().fit(np.column_stack([X, np.full(50, 0.1)])).entropy_ == -math.inf
    copy = GaussianMutualInformation().fit(X[:, :1], X[:, 0])
    assert copy.mutual_information_ == math.inf
    assert copy.notes_
    constant = GaussianMutualInformation().fit(np.ones((50, 1)), X[:, 0])
    assert constant.mutual_information_ == 0
    assert any("constant" in note for note in constant.notes_)
    # A redundant column within X changes nothing.
    twice = GaussianMutualInformation().fit(X[:, [0, 0]], X[:, 1])
    once = GaussianMutualInformation().fit(X[:, :1], X[:, 1])
    assert twice.mutual_information_ == pytest.approx(once.mutual_information_, abs=1e-12)


def test_affine_maps_change_nothing():
    X = draws(100, 5)
    A = np.array([[2.0, 1.0], [0.5, -1.0]])
    plain = GaussianMutualInformation().fit(X[:, :2], X[:, 2]).mutual_information_
    mapped = GaussianMutualInformation().fit(X[:, :2] @ A + 3, 5 * X[:, 2]).mutual_information_
    assert mapped == pytest.approx(plain, abs=1e-10)
    h = GaussianEntropy().fit(X[:, :2]).entropy_
    moved = GaussianEntropy().fit(X[:, :2] @ A + 3).entropy_
    assert moved == pytest.approx(h + math.log(abs(np.linalg.det(A))), abs=1e-10)


def assert_same(one, other):
    """Value, spread and rows agree, up to the rounding of a rank that is found by arithmetic."""
    assert one.mutual_information_ == pytest.approx(other.mutual_information_, abs=1e-12)
    assert one._standard_error() == pytest.approx(other._standard_error(), abs=1e-12)
    np.testing.assert_allclose(one.pointwise_, other.pointwise_, atol=1e-11)


@pytest.mark.parametrize("n", [8, 50])
def test_copies_of_columns_change_nothing(n):
    X, new = draws(n, 0), draws(5, 1)
    once = GaussianMutualInformation().fit(X[:, :2], X[:, 2])
    for columns in ([0, 0, 1], [1, 0, 1, 0], [0, 1, 1, 1]):
        copied = GaussianMutualInformation().fit(X[:, columns], X[:, [2, 2]])
        assert_same(copied, once)
        assert any("left out" in note for note in copied.notes_)
        np.testing.assert_allclose(
            copied.pointwise(new[:, columns], new[:, [2, 2]]),
            once.pointwise(new[:, :2], new[:, 2]),
            atol=1e-11,
        )
    summed = np.column_stack([X[:, 0] - X[:, 1], X[:, :2], 3 * X[:, 1] + 7])
    assert_same(GaussianMutualInformation().fit(summed, X[:, 2]), once)
    assert not any("left out" in note for note in once.notes_)


def test_copies_under_a_condition_change_nothing():
    X = draws(40, 0)
    once = GaussianMutualInformation().fit(X[:, :1], X[:, 1], condition=X[:, 2])
    # Copies of the condition on both sides are known already.
    copied = GaussianMutualInformation().fit(X[:, [0, 2]], X[:, [2, 1]], condition=X[:, [2, 2]])
    assert_same(copied, once)
    nothing = GaussianMutualInformation().fit(2 * X[:, [2]] + 1, X[:, 1], condition=X[:, 2])
    assert nothing.mutual_information_ == 0
    twins = GaussianMutualInformation().fit(X[:, [0]], X[:, [0]], condition=X[:, 2])
    assert twins.mutual_information_ == math.inf


@pytest.mark.parametrize("seed", range(20))
def test_exact_linear_relations_are_seen_through_rounding(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(1000, 2)) @ rng.normal(size=(2, 2)) + 10 * rng.normal(size=2)
    total = X @ rng.normal(size=2)
    assert GaussianEntropy().fit(np.column_stack([X, total])).entropy_ == -math.inf
    assert GaussianMutualInformation().fit(X, total).mutual_information_ == math.inf
    # And noise far above rounding is no relation: its share of the variance is the answer.
    noise = 1e-5 * rng.normal(size=1000)
    expected = -0.5 * math.log(np.var(noise) / np.var(total + noise))
    fitted = GaussianMutualInformation().fit(X, total + noise)
    assert fitted.mutual_information_ == pytest.approx(expected, abs=0.01)


def test_divergence_leaves_out_what_both_samples_share():
    P, Q = draws(40, 0), draws(30, 1) + np.array([0.5, 0.0, 0.0])
    once = GaussianDivergence().fit(*infotheory.two_samples(P, Q))

    def widened(X):
        return np.column_stack([X[:, 0], X, X[:, 1] + X[:, 2], np.full(len(X), 0.1)])

    copied = GaussianDivergence().fit(*infotheory.two_samples(widened(P), widened(Q)))
    assert copied.divergence_ == pytest.approx(once.divergence_, abs=1e-12)
    assert copied._standard_error() == pytest.approx(once._standard_error(), abs=1e-12)
    np.testing.assert_allclose(copied.score_samples(widened(P)), once.score_samples(P), atol=1e-11)
    # A relation that holds in one sample alone puts the laws on different supports.
    X, y = infotheory.two_samples(P[:, [0, 0]], Q[:, :2])
    apart = GaussianDivergence().fit(X, y)
    assert apart.divergence_ == math.inf
    with pytest.raises(ValueError, match="no density"):
        apart.score_samples(X)
    constants = infotheory.two_samples(np.full((9, 1), 0.1), np.full((7, 1), 0.1))
    assert GaussianDivergence().fit(*constants).divergence_ == 0
    constants = infotheory.two_samples(np.full((9, 1), 0.1), np.full((7, 1), 0.2))
    assert GaussianDivergence().fit(*constants).divergence_ == math.inf
