"""Densities, entropies and samples of the distributions, against SciPy."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import integrate, special, stats
from task_samples import CENTRE, RARE, SCATTER, assert_mean

from infotheory.datasets import (
    Beta,
    Categorical,
    Dirichlet,
    Exponential,
    Gamma,
    GaussianMixture,
    Laplace,
    LogNormal,
    Normal,
    StudentT,
    Uniform,
)

# Distributions --------------------------------------------------------------------------------

# Ours, SciPy's and the support.
ON_THE_LINE = [
    (Normal(1.5, 4.0), stats.norm(1.5, 2.0), (-30.0, 30.0)),
    (StudentT(3.0, -1.0, 4.0), stats.t(3.0, -1.0, 2.0), (-np.inf, np.inf)),
    (StudentT(1.0), stats.cauchy(), (-np.inf, np.inf)),
    (LogNormal(0.5, 0.25), stats.lognorm(0.5, scale=np.exp(0.5)), (0.0, 40.0)),
    (Uniform(-2.0, 3.0), stats.uniform(-2.0, 5.0), (-2.0, 3.0)),
    (Exponential(3.0), stats.expon(scale=3.0), (0.0, 150.0)),
    (Gamma(2.5, 2.0), stats.gamma(2.5, scale=2.0), (0.0, 120.0)),
    (Gamma(0.7, 2.0), stats.gamma(0.7, scale=2.0), (0.0, 90.0)),
    (Laplace(1.0, 2.0), stats.laplace(1.0, 2.0), (-70.0, 75.0)),
    (Beta(2.0, 3.5), stats.beta(2.0, 3.5), (0.0, 1.0)),
    (Beta(0.6, 0.8), stats.beta(0.6, 0.8), (0.0, 1.0)),
    (Dirichlet([2.0, 3.5]), stats.beta(2.0, 3.5), (0.0, 1.0)),
]


@pytest.mark.parametrize(("law", "reference", "support"), ON_THE_LINE)
def test_distribution_on_the_line(law: Any, reference: Any, support: Any) -> None:
    assert law.dim == 1
    assert isinstance(law.entropy, float)
    assert law.entropy == pytest.approx(float(reference.entropy()), abs=1e-9)

    def p_log_p(x: float) -> float:
        return float(special.entr(np.exp(law.log_density([[x]])[0])))

    middle = float(reference.median())
    value = sum(
        integrate.quad(p_log_p, low, high, epsabs=1e-10, limit=400)[0]
        for low, high in ((support[0], middle), (middle, support[1]))
    )
    assert law.entropy == pytest.approx(value, abs=1e-6)
    X = law.sample(4000, random_state=0)
    assert X.shape == (4000, 1)
    assert X.dtype == np.float64
    assert stats.kstest(X[:, 0], reference.cdf).pvalue > RARE
    log_density = law.log_density(X)
    np.testing.assert_allclose(log_density, reference.logpdf(X[:, 0]), atol=1e-10)
    if np.ptp(log_density) > 0.0:
        assert_mean(-log_density, law.entropy)
    if np.isfinite(support[0]) and support[0] > -10.0:
        assert law.log_density([[support[0] - 0.1]])[0] == -np.inf


IN_SPACE = [
    (Normal(CENTRE, SCATTER), stats.multivariate_normal(CENTRE, SCATTER)),
    (StudentT(2.5, CENTRE, SCATTER), stats.multivariate_t(CENTRE, SCATTER, df=2.5)),
]


@pytest.mark.parametrize(("law", "reference"), IN_SPACE)
def test_elliptical_in_space(law: Any, reference: Any) -> None:
    X = law.sample(4000, random_state=1)
    np.testing.assert_allclose(law.log_density(X), reference.logpdf(X), atol=1e-10)
    assert law.entropy == pytest.approx(float(reference.entropy()), abs=1e-9)
    assert_mean(-law.log_density(X), law.entropy)
    # Squared distances have a known law, in every direction the same.
    centred = X - CENTRE
    squared = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(SCATTER), centred)
    known = stats.chi2(3) if isinstance(law, Normal) else stats.f(3, 2.5, scale=3.0)
    assert stats.kstest(squared, known.cdf).pvalue > RARE
    margin = law.marginal([2, 0])
    assert margin.dim == 2
    again = law.sample(4000, random_state=1)[:, [2, 0]]
    assert_mean(-margin.log_density(again), margin.entropy)


def test_normal_covariance_of_a_sample() -> None:
    n = 20_000
    X = Normal(CENTRE, SCATTER).sample(n, random_state=0) - CENTRE
    spread = np.sqrt((SCATTER**2 + np.outer(np.diag(SCATTER), np.diag(SCATTER))) / n)
    assert np.all(np.abs(X.T @ X / n - SCATTER) < 5.0 * spread)


SEVERAL = [
    LogNormal(CENTRE, SCATTER),
    Uniform([0.0, -1.0], [2.0, 3.0]),
    Exponential([1.0, 5.0]),
    Gamma([0.7, 3.0], [1.0, 2.0]),
    Laplace([0.0, 3.0], [1.0, 0.2]),
    Beta([0.6, 2.0], [0.8, 5.0]),
    Dirichlet([0.7, 1.0, 3.0, 2.0]),
    GaussianMixture([0.2, 0.5, 0.3], [-3.0, 0.0, 4.0], [0.1, 1.0, 2.0]),
    Categorical([0.1, 0.0, 0.6, 0.3]),
    Categorical.zipf(100, exponent=1.5),
]


@pytest.mark.parametrize("law", SEVERAL, ids=lambda law: type(law).__name__)
def test_entropy_is_the_mean_log_density(law: Any) -> None:
    X = law.sample(5000, random_state=2)
    assert X.shape == (5000, law.dim)
    logs = law.log_density(X)
    if np.ptp(logs) > 1e-9:
        assert_mean(-logs, law.entropy)
    else:
        assert law.entropy == pytest.approx(-logs[0], abs=1e-12)
    stacked = law.log_density(X[:10].reshape(2, 5, law.dim))
    np.testing.assert_array_equal(stacked, logs[:10].reshape(2, 5))


def test_dirichlet_against_scipy() -> None:
    law, reference = Dirichlet([0.7, 1.0, 3.0, 2.0]), stats.dirichlet([0.7, 1.0, 3.0, 2.0])
    X = law.sample(2000, random_state=0)
    assert law.entropy == pytest.approx(float(reference.entropy()), abs=1e-10)
    full = np.hstack([X, 1.0 - X.sum(axis=1, keepdims=True)])
    expected = special.xlogy(np.array([-0.3, 0.0, 2.0, 1.0]), full).sum(axis=1)
    expected -= special.gammaln([0.7, 1.0, 3.0, 2.0]).sum() - special.gammaln(6.7)
    np.testing.assert_allclose(law.log_density(X), expected, atol=1e-9)
    assert stats.kstest(X[:, 2], stats.beta(3.0, 3.7).cdf).pvalue > RARE
    assert law.log_density([[0.5, 0.5, 0.5]])[0] == -np.inf


@pytest.mark.parametrize(
    "law",
    [
        GaussianMixture([0.3, 0.7], [0.0, 5.0]),
        GaussianMixture([0.2, 0.8], [0.0, 0.3], [1e-3, 1.0]),
        GaussianMixture([0.2, 0.0, 0.8], [0.0, 9.0, 100.0], [1.0, 2.0, 7.0]),
    ],
)
def test_mixture_on_the_line(law: GaussianMixture) -> None:
    parts = stats.norm(law.means, law.scales)

    def p_log_p(x: float) -> float:
        return float(special.entr(law.weights @ parts.pdf(x)))

    breaks = np.unique(law.means[:, None] + np.outer(law.scales, [-40, -8, -4, -2, 0, 2, 4, 8, 40]))
    value = sum(
        integrate.quad(p_log_p, low, high, epsabs=1e-12, limit=200)[0]
        for low, high in pairwise(breaks)
    )
    assert law.entropy == pytest.approx(value, abs=1e-9)
    X = law.sample(4000, random_state=0)
    assert stats.kstest(X[:, 0], lambda t: parts.cdf(t[:, None]) @ law.weights).pvalue > RARE
    density = parts.pdf(X) @ law.weights
    np.testing.assert_allclose(np.exp(law.log_density(X)), density, rtol=1e-10)
    np.testing.assert_allclose(np.exp(law.log_cdf(X)), parts.cdf(X) @ law.weights, rtol=1e-10)
    np.testing.assert_allclose(np.exp(law.log_survival(X)), parts.sf(X) @ law.weights, rtol=1e-10)


def test_mixture_of_equals_is_a_normal() -> None:
    law = GaussianMixture([0.25] * 4, [2.0] * 4, 0.3)
    assert law.entropy == pytest.approx(Normal(2.0, 0.09).entropy, abs=1e-13)


def test_categorical() -> None:
    p = np.array([0.5, 0.0, 0.25, 0.25])
    law = Categorical(p)
    X = law.sample(8000, random_state=0)
    assert np.issubdtype(X.dtype, np.integer)
    counts = np.bincount(X[:, 0], minlength=4)
    assert counts[1] == 0
    assert stats.chisquare(counts[p > 0], 8000 * p[p > 0]).pvalue > RARE
    logs = law.log_density([[0], [1], [2], [4], [-1], [0.5]])
    expected = [np.log(0.5), -np.inf, np.log(0.25), -np.inf, -np.inf, -np.inf]
    np.testing.assert_allclose(logs, expected)
    assert Categorical.uniform(7).entropy == pytest.approx(np.log(7.0), abs=1e-12)
    zipf = 1.0 / np.arange(1, 1001) ** 1.2
    truth = stats.entropy(zipf)
    assert Categorical.zipf(1000, exponent=1.2).entropy == pytest.approx(truth, abs=1e-10)
    decay = stats.entropy(np.exp(-0.3 * np.arange(60)))
    assert Categorical.exponential(60, rate=0.3).entropy == pytest.approx(decay, abs=1e-10)
