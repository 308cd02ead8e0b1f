"""What the tasks sample, and the log ratio of their rows."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import integrate, linalg, special, stats
from task_samples import RARE, assert_mean, gauss_legendre, wiggly_x, wiggly_y

from infotheory.datasets import (
    AdditiveUniform,
    GaussianMixture,
    LabelledMixture,
    NoisyDiscreteUniform,
    ZeroInflatedPoisson,
    load_task,
    task_names,
)

# What the tasks sample ------------------------------------------------------------------------


def drawn(name: str, n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    return load_task(name).sample(n, random_state=3)


def test_elementwise_tasks_follow_their_formulas() -> None:
    X, y = drawn("1v1-normal-0.75")
    same = {
        "normal_cdf-1v1-normal-0.75": (stats.norm.cdf(X), stats.norm.cdf(y)),
        "wiggly-1v1-normal-0.75": (wiggly_x(X), wiggly_y(y)),
        "half_cube-1v1-normal-0.75": (X * np.sqrt(abs(X)), y * np.sqrt(abs(y))),
    }
    angle = 1.5 * np.pi * (1.0 + 2.0 * stats.norm.cdf(X))
    roll = np.hstack([angle * np.cos(angle), angle * np.sin(angle)]) / 21.0
    same["swissroll_x-normal_cdf-1v1-normal-0.75"] = (roll, stats.norm.cdf(y))
    X, y = drawn("student-identity-5-5-2")
    same["asinh-student-identity-5-5-2"] = (np.arcsinh(X), np.arcsinh(y))
    for name, (expected_x, expected_y) in same.items():
        X, y = drawn(name)
        np.testing.assert_allclose(X, expected_x, rtol=1e-12, atol=1e-14, err_msg=name)
        np.testing.assert_allclose(y, expected_y, rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("base", ["", "normal_cdf-"])
@pytest.mark.parametrize("dim", [3, 5, 25])
def test_spirals_are_matrix_exponentials(base: str, dim: int) -> None:
    tail = f"{base}multinormal-sparse-{dim}-{dim}-2-2.0"
    before, after = drawn(tail, 20), drawn(f"spiral-{tail}", 20)
    for rows, turned, (i, j) in zip(before, after, [(0, 1), (1, 2)], strict=True):
        generator = np.zeros((dim, dim))
        generator[i, j], generator[j, i] = -1.0, 1.0
        for row, result in zip(rows, turned, strict=True):
            expected = linalg.expm(generator * (row @ row) / dim) @ row
            np.testing.assert_allclose(result, expected, rtol=1e-10, atol=1e-12)


def test_bimodal_margins() -> None:
    X, y = load_task("1v1-bimodal-0.75").sample(5000, random_state=0)
    cdf = stats.norm.cdf

    def cdf_x(t: np.ndarray) -> np.ndarray:
        return 0.3 * cdf(t) + 0.7 * cdf(t - 5.0)

    def cdf_y(t: np.ndarray) -> np.ndarray:
        return 0.5 * cdf(t + 1.0) + 0.5 * cdf(t - 3.0)

    assert stats.kstest(X[:, 0], cdf_x).pvalue > RARE
    assert stats.kstest(y[:, 0], cdf_y).pvalue > RARE
    base, _ = load_task("1v1-normal-0.75").sample(5000, random_state=0)
    np.testing.assert_allclose(cdf_x(X), cdf(base), rtol=1e-12)


def test_margins_of_the_other_bases() -> None:
    X, y = load_task("1v1-additive-0.1").sample(5000, random_state=0)
    assert stats.kstest(X[:, 0], stats.uniform.cdf).pvalue > RARE
    assert stats.kstest((y - X)[:, 0], stats.uniform(-0.1, 0.2).cdf).pvalue > RARE
    X, y = load_task("student-identity-3-3-2").sample(5000, random_state=0)
    for column in np.hstack([X, y]).T:
        assert stats.kstest(column, stats.t(2).cdf).pvalue > RARE
    # One divisor for a whole row: its squared norm has an F law with as many degrees as columns.
    squared = np.sum(np.hstack([X, y]) ** 2, axis=1) / 6.0
    assert stats.kstest(squared, stats.f(6, 2).cdf).pvalue > RARE
    for column in np.hstack(load_task("normal_cdf-multinormal-sparse-3-3-2-2.0").sample(5000, 0)).T:
        assert stats.kstest(column, stats.uniform.cdf).pvalue > RARE


@pytest.mark.parametrize(
    ("name", "rho"), [("multinormal-dense-5-5-0.5", 0.5), ("multinormal-sparse-5-5-2-2.0", 0.8)]
)
def test_normal_tasks_have_their_correlations(name: str, rho: float) -> None:
    n = 20_000
    both = np.hstack(load_task(name).sample(n, random_state=0))
    expected = np.full((10, 10), rho) if "dense" in name else np.zeros((10, 10))
    if "sparse" in name:
        expected[[0, 5, 1, 6], [5, 0, 6, 1]] = rho
    np.fill_diagonal(expected, 1.0)
    # The standard deviation of an entry is sqrt((1 + rho^2) / n); 100 entries, 5 of them each.
    error = np.abs(both.T @ both / n - expected)
    assert np.all(error < 5.0 * np.sqrt((1.0 + expected**2) / n))


# The log ratio --------------------------------------------------------------------------------


def test_log_ratio_of_normal_and_student_bases() -> None:
    X, y = drawn("multinormal-dense-3-3-0.5")
    both = np.hstack([X, y])
    covariance = 0.5 * np.eye(6) + 0.5

    def log_normal(rows: np.ndarray) -> np.ndarray:
        d = rows.shape[1]
        return stats.multivariate_normal(cov=covariance[:d, :d]).logpdf(rows)

    def log_student(rows: np.ndarray) -> np.ndarray:
        return stats.multivariate_t(shape=np.eye(rows.shape[1]), df=2).logpdf(rows)

    for name, log in (
        ("multinormal-dense-3-3-0.5", log_normal),
        ("student-identity-3-3-2", log_student),
    ):
        value = load_task(name).pointwise_mutual_information(X, y)
        np.testing.assert_allclose(value, log(both) - log(X) - log(y), atol=1e-10)


@pytest.mark.parametrize("name", [name for name in task_names() if name.count("-") > 2])
def test_log_ratio_is_carried_through_transforms(name: str) -> None:
    task = load_task(name)
    X, y = task.law.sample(300, random_state=5)
    value = task.pointwise_mutual_information(*task.sample(300, random_state=5))
    # A quantile near 1 keeps about ten digits of what it came from.
    expected = task.law.pointwise_mutual_information(X, y)
    np.testing.assert_allclose(value, expected, rtol=1e-8, atol=1e-8)


def test_log_ratio_of_additive_noise_by_hand() -> None:
    law = AdditiveUniform(0.25)
    X = np.array([[0.5], [0.5], [0.1], [0.5]])
    y = np.array([[0.6], [0.8], [0.0], [0.25]])
    expected = [np.log(2.0), -np.inf, np.log(4.0), np.log(2.0)]
    np.testing.assert_allclose(law.pointwise_mutual_information(X, y), expected)


PAIRS = [
    load_task("1v1-normal-0.75"),
    load_task("1v1-additive-0.75"),
    load_task("asinh-student-identity-1-1-1"),
    NoisyDiscreteUniform(4),
    ZeroInflatedPoisson(),
    LabelledMixture(GaussianMixture([0.3, 0.7], means=[0.0, 1.0])),
]


@pytest.mark.parametrize("law", PAIRS, ids=lambda law: type(law).__name__)
def test_ratio_has_mean_one_on_independent_pairs(law: Any) -> None:
    X, _ = law.sample(20_000, random_state=0)
    _, y = law.sample(20_000, random_state=1)
    assert_mean(np.exp(law.pointwise_mutual_information(X, y)), 1.0)


@pytest.mark.parametrize("law", PAIRS, ids=lambda law: type(law).__name__)
def test_log_ratio_broadcasts_to_all_pairs(law: Any) -> None:
    X, y = law.sample(5, random_state=0)
    matrix = law.pointwise_mutual_information(X[:, np.newaxis], y[np.newaxis])
    assert matrix.shape == (5, 5)
    expected = law.pointwise_mutual_information(X, y)
    np.testing.assert_allclose(np.diagonal(matrix), expected, rtol=1e-12)


# Pairs with counts or labels ------------------------------------------------------------------


def test_zero_inflated_poisson_by_series() -> None:
    """For an exponential rate of mean 1 all but a polynomial integral is a series in 2^-k."""
    for p in (0.0, 0.15, 0.6):
        k = np.arange(200.0)
        margin = (1.0 - p) * 0.5 ** (k + 1.0)
        margin[0] += p
        m = k[1:]
        mean_log = -0.5 * (m + 1.0) + m * (special.psi(m + 1.0) - np.log(2.0))
        mean_log += np.log1p(-p) - special.gammaln(m + 1.0)
        conditional = np.sum((1.0 - p) * 0.5 ** (m + 1.0) * mean_log)
        # The integral of v ln v over [p, 1], divided by 1 - p.
        conditional += (-0.25 + 0.25 * p**2 + 0.5 * p * special.entr(p)) / (1.0 - p)
        truth = special.entr(margin).sum() + conditional
        law = ZeroInflatedPoisson(p)
        assert law.mutual_information == pytest.approx(truth, abs=1e-11)
    assert ZeroInflatedPoisson(0.15).mutual_information == pytest.approx(0.2298, abs=5e-5)
    # Without inflation the plain Poisson formula holds, and only then.
    i = np.arange(1.0, 200.0)
    plain = 2.0 * np.log(2.0) - np.euler_gamma - np.sum(np.log(i) * 0.5**i)
    assert ZeroInflatedPoisson(0.0).mutual_information == pytest.approx(plain, abs=1e-11)
    assert ZeroInflatedPoisson(0.15).mutual_information < 0.85 * plain - 0.02


@pytest.mark.parametrize("rate", ["exponential", "uniform"])
@pytest.mark.parametrize("scale", [0.5, 3.0, 40.0])
def test_zero_inflated_poisson_on_a_grid(rate: Any, scale: float) -> None:
    law = ZeroInflatedPoisson(0.2, rate, scale)
    # Squares put nodes where the integrand has its logarithm, near a rate of 0.
    u, weights = gauss_legendre(0.0, 1.0, 600)
    reach = 40.0 if rate == "exponential" else 1.0
    x = scale * reach * u**2
    density = np.exp(-x / scale) if rate == "exponential" else np.ones_like(x)
    weights = 2.0 * u * weights * reach * density
    k = np.arange(600 if scale < 10 else 2200)[np.newaxis]
    p = 0.8 * stats.poisson(x[:, np.newaxis]).pmf(k)
    p[:, 0] += 0.2
    assert weights.sum() == pytest.approx(1.0, abs=1e-9)
    margin = weights @ p
    truth = special.entr(margin).sum() - weights @ special.entr(p).sum(axis=1)
    assert law.mutual_information == pytest.approx(truth, abs=1e-7)


def test_zero_inflated_poisson_samples() -> None:
    X, y = ZeroInflatedPoisson(0.3, "uniform", 4.0).sample(20_000, random_state=0)
    assert stats.kstest(X[:, 0], stats.uniform(0.0, 4.0).cdf).pvalue > RARE
    assert_mean((y == 0.0)[:, 0].astype(float), 0.3 + 0.7 * (1.0 - np.exp(-4.0)) / 4.0)
    assert_mean((y - 0.7 * X)[:, 0], 0.0)


@pytest.mark.parametrize("m", [1, 2, 5, 30])
def test_noisy_discrete_uniform_by_sum(m: int) -> None:
    law = NoisyDiscreteUniform(m)
    # The density of y is constant on unit intervals.
    sources = np.array([sum(x <= t <= x + 1 for x in range(m)) for t in range(m + 1)])
    entropy = special.entr(sources / (2.0 * m)).sum()
    assert law.mutual_information == pytest.approx(entropy - np.log(2.0), abs=1e-12)
    X, y = law.sample(3000, random_state=0)
    assert set(np.unique(X)) == set(range(m))
    assert stats.kstest((y - X)[:, 0], stats.uniform(0.0, 2.0).cdf).pvalue > RARE
    assert law.pointwise_mutual_information([[0.0]], [[2.5]])[0] == -np.inf
    if m > 1:
        assert_mean(law.pointwise_mutual_information(X, y), law.mutual_information)


@pytest.mark.parametrize(
    ("weights", "means", "scales"),
    [((0.5, 0.5), (0.0, 2.0), (1.0, 1.0)), ((0.2, 0.3, 0.5), (0.0, 1.0, 5.0), (0.1, 3.0, 0.5))],
)
def test_labelled_mixture_by_integration(weights: Any, means: Any, scales: Any) -> None:
    law = LabelledMixture(GaussianMixture(weights, means, scales))
    w = np.asarray(weights)

    def divergence(x: float) -> float:
        joint = w * stats.norm(means, scales).pdf(x)
        total = joint.sum()
        return float(np.sum(special.rel_entr(joint, w * total)))

    pieces = [-30.0, -3.0, -0.5, 0.0, 0.5, 2.0, 5.0, 8.0, 40.0]
    truth = sum(
        integrate.quad(divergence, low, high, epsabs=1e-12)[0] for low, high in pairwise(pieces)
    )
    assert law.mutual_information == pytest.approx(truth, abs=1e-9)
    X, y = law.sample(5000, random_state=0)
    assert_mean(law.pointwise_mutual_information(X, y), law.mutual_information)
    for label, (weight, mean, scale) in enumerate(zip(weights, means, scales, strict=True)):
        assert_mean((y == label)[:, 0].astype(float), weight)
        assert stats.kstest(X[y == label], stats.norm(mean, scale).cdf).pvalue > RARE


@pytest.mark.parametrize("law", PAIRS[3:], ids=lambda law: type(law).__name__)
def test_mixed_pairs_mean_log_ratio(law: Any) -> None:
    X, y = law.sample(20_000, random_state=0)
    assert X.shape == y.shape == (20_000, law.dim_x)
    assert X.dtype == y.dtype == np.float64
    assert_mean(law.pointwise_mutual_information(X, y), law.mutual_information)
