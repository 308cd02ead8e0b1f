"""Every truth of `infotheory.datasets` against a computation that does not share its code."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, interpolate, linalg, special, stats

import infotheory.datasets as datasets
from infotheory.datasets import (
    AdditiveUniform,
    Asinh,
    Beta,
    Categorical,
    Dirichlet,
    Exponential,
    Gamma,
    GaussianBlob,
    GaussianMixture,
    HalfCube,
    LabelledMixture,
    Laplace,
    LogNormal,
    NoisyDiscreteUniform,
    Normal,
    NormalCdf,
    NormalToMixture,
    Spiral,
    Split,
    StudentT,
    SwissRoll,
    Task,
    Uniform,
    Wiggle,
    ZeroInflatedPoisson,
    chi2_divergence,
    correlated_normals,
    hellinger_divergence,
    jeffreys_divergence,
    kl_divergence,
    load_task,
    renyi_divergence,
    task_names,
)

# Name, columns of X and of y, mutual information: computed apart, printed to six digits.
PRINTED = """
1v1-normal-0.75 1 1 0.413339
normal_cdf-1v1-normal-0.75 1 1 0.413339
1v1-additive-0.1 1 1 1.709438
1v1-additive-0.75 1 1 0.333333
1v1-bimodal-0.75 1 1 0.413339
wiggly-1v1-normal-0.75 1 1 0.413339
half_cube-1v1-normal-0.75 1 1 0.413339
student-identity-1-1-1 1 1 0.224171
asinh-student-identity-1-1-1 1 1 0.224171
swissroll_x-normal_cdf-1v1-normal-0.75 2 1 0.413339
multinormal-dense-2-2-0.5 2 2 0.293893
multinormal-dense-3-3-0.5 3 3 0.413339
multinormal-dense-5-5-0.5 5 5 0.592812
multinormal-dense-25-25-0.5 25 25 1.292184
multinormal-dense-50-50-0.5 50 50 1.624265
multinormal-sparse-2-2-2-2.0 2 2 1.021651
multinormal-sparse-3-3-2-2.0 3 3 1.021651
multinormal-sparse-5-5-2-2.0 5 5 1.021651
multinormal-sparse-25-25-2-2.0 25 25 1.021651
student-identity-2-2-1 2 2 0.431946
student-identity-2-2-2 2 2 0.193147
student-identity-3-3-2 3 3 0.290922
student-identity-3-3-3 3 3 0.178712
student-identity-5-5-2 5 5 0.448151
student-identity-5-5-3 5 5 0.298544
normal_cdf-multinormal-sparse-3-3-2-2.0 3 3 1.021651
normal_cdf-multinormal-sparse-5-5-2-2.0 5 5 1.021651
normal_cdf-multinormal-sparse-25-25-2-2.0 25 25 1.021651
half_cube-multinormal-sparse-3-3-2-2.0 3 3 1.021651
half_cube-multinormal-sparse-5-5-2-2.0 5 5 1.021651
half_cube-multinormal-sparse-25-25-2-2.0 25 25 1.021651
spiral-multinormal-sparse-3-3-2-2.0 3 3 1.021651
spiral-multinormal-sparse-5-5-2-2.0 5 5 1.021651
spiral-multinormal-sparse-25-25-2-2.0 25 25 1.021651
spiral-normal_cdf-multinormal-sparse-3-3-2-2.0 3 3 1.021651
spiral-normal_cdf-multinormal-sparse-5-5-2-2.0 5 5 1.021651
spiral-normal_cdf-multinormal-sparse-25-25-2-2.0 25 25 1.021651
asinh-student-identity-2-2-1 2 2 0.431946
asinh-student-identity-3-3-2 3 3 0.290922
asinh-student-identity-5-5-2 5 5 0.448151
"""
ROWS = [line.split() for line in PRINTED.split("\n") if line]
NAMES = [row[0] for row in ROWS]
# Probability of a false alarm of each test that draws, were its seed not fixed.
RARE = 1e-4


def assert_mean(values: np.ndarray, truth: float) -> None:
    """Within four standard errors of the sample."""
    assert abs(values.mean() - truth) <= 4.0 * values.std(ddof=1) / np.sqrt(values.size)


# The catalogue ------------------------------------------------------------------------------


def test_names_in_order() -> None:
    assert list(task_names()) == NAMES


@pytest.mark.parametrize(("name", "dim_x", "dim_y", "printed"), ROWS)
def test_printed_values(name: str, dim_x: str, dim_y: str, printed: str) -> None:
    task = load_task(name)
    assert task.name == name
    assert (task.dim_x, task.dim_y) == (int(dim_x), int(dim_y))
    assert isinstance(task.mutual_information, float)
    assert task.mutual_information == pytest.approx(float(printed), abs=5.001e-7)
    assert task.description
    assert "\n" not in task.description


@pytest.mark.parametrize("name", NAMES)
def test_task_samples_and_mean_log_ratio(name: str) -> None:
    task = load_task(name)
    X, y = task.sample(4000, random_state=0)
    assert X.shape == (4000, task.dim_x)
    assert y.shape == (4000, task.dim_y)
    assert X.dtype == y.dtype == np.float64
    assert np.all(np.isfinite(X))
    assert np.all(np.isfinite(y))
    assert_mean(task.pointwise_mutual_information(X, y), task.mutual_information)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_mean_log_ratio_closely(name: str) -> None:
    task = load_task(name)
    X, y = task.sample(200_000, random_state=1)
    assert_mean(task.pointwise_mutual_information(X, y), task.mutual_information)


def test_unknown_name_lists_near_ones() -> None:
    with pytest.raises(ValueError, match=r"multinormal-sparse-5-5-2-2\.0"):
        load_task("multinormal-sparse-5-5")
    with pytest.raises(ValueError, match="task_names"):
        load_task("%%%")


# Mutual information from the joint density, marginalised numerically --------------------------


def information_on_grid(density: Callable[..., np.ndarray], x: Any, y: Any) -> float:
    """Mutual information of a density on a product grid; x and y are (nodes, weights)."""
    (nodes_x, weights_x), (nodes_y, weights_y) = x, y
    p = density(nodes_x[:, np.newaxis], nodes_y[np.newaxis])
    margin_x, margin_y = p @ weights_y, weights_x @ p
    assert weights_x @ margin_x == pytest.approx(1.0, abs=1e-6)
    ratio = np.where(p > 0.0, p, 1.0) / np.where(p > 0.0, np.outer(margin_x, margin_y), 1.0)
    return float(weights_x @ (p * np.log(ratio)) @ weights_y)


def gauss_legendre(low: float, high: float, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    half = 0.5 * (high - low)
    return low + half * (1.0 + nodes), half * weights


def standard_binormal(x: np.ndarray, y: np.ndarray, rho: float = 0.75) -> np.ndarray:
    exponent = (x**2 - 2.0 * rho * x * y + y**2) / (1.0 - rho**2)
    return np.exp(-0.5 * exponent) / (2.0 * np.pi * np.sqrt(1.0 - rho**2))


def pulled_back(
    forward_x: Callable[[np.ndarray], np.ndarray], forward_y: Callable[[np.ndarray], np.ndarray]
) -> tuple[Callable[..., np.ndarray], Any, Any]:
    """Density of the transformed pair in its own coordinates, by splines of the inverses."""
    z = np.linspace(-9.0, 9.0, 20_001)
    back_x = interpolate.CubicSpline(forward_x(z), z)
    back_y = interpolate.CubicSpline(forward_y(z), z)

    def density(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return standard_binormal(back_x(x), back_y(y)) * back_x(x, 1) * back_y(y, 1)

    ends = np.array([-8.0, 8.0])
    return density, gauss_legendre(*forward_x(ends), 800), gauss_legendre(*forward_y(ends), 800)


def wiggly_x(x: np.ndarray) -> np.ndarray:
    return x + 0.4 * np.sin(x) + 0.2 * np.sin(1.7 * x + 1) + 0.03 * np.sin(3.3 * x - 2.5)


def wiggly_y(y: np.ndarray) -> np.ndarray:
    return y - 0.4 * np.sin(0.4 * y) + 0.17 * np.sin(1.3 * y + 3.5) + 0.02 * np.sin(4.3 * y - 2.5)


def test_normal_by_integration() -> None:
    grid = gauss_legendre(-8.0, 8.0)
    value = information_on_grid(standard_binormal, grid, grid)
    assert load_task("1v1-normal-0.75").mutual_information == pytest.approx(value, abs=1e-10)


def test_wiggly_by_integration() -> None:
    value = information_on_grid(*pulled_back(wiggly_x, wiggly_y))
    assert load_task("wiggly-1v1-normal-0.75").mutual_information == pytest.approx(value, abs=1e-8)


def test_bimodal_by_integration() -> None:
    def density(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        phi, cdf = stats.norm.pdf, stats.norm.cdf
        z = stats.norm.ppf(0.3 * cdf(x) + 0.7 * cdf(x - 5.0))
        w = stats.norm.ppf(0.5 * cdf(y + 1.0) + 0.5 * cdf(y - 3.0))
        margin_x = 0.3 * phi(x) + 0.7 * phi(x - 5.0)
        margin_y = 0.5 * phi(y + 1.0) + 0.5 * phi(y - 3.0)
        return standard_binormal(z, w) / (phi(z) * phi(w)) * margin_x * margin_y

    value = information_on_grid(density, gauss_legendre(-6.0, 11.0), gauss_legendre(-7.0, 9.0))
    assert load_task("1v1-bimodal-0.75").mutual_information == pytest.approx(value, abs=1e-7)


def test_half_cube_by_integration() -> None:
    # Infinite at 0, integrably: x = u^3 on either side of it leaves a smooth integrand.
    halves = [gauss_legendre(-3.0, 0.0), gauss_legendre(0.0, 3.0)]
    u, weights = (np.concatenate(parts) for parts in zip(*halves, strict=True))
    grid = u**3, 3.0 * u**2 * weights

    def density(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        back = [np.sign(t) * np.abs(t) ** (2 / 3) for t in (x, y)]
        slopes = [2 / 3 * np.abs(t) ** (-1 / 3) for t in (x, y)]
        return standard_binormal(*back) * slopes[0] * slopes[1]

    value = information_on_grid(density, grid, grid)
    truth = load_task("half_cube-1v1-normal-0.75").mutual_information
    assert truth == pytest.approx(value, abs=1e-7)


def test_asinh_student_by_integration() -> None:
    def density(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        x, y = np.sinh(u), np.sinh(v)
        return np.cosh(u) * np.cosh(v) / (2.0 * np.pi * (1.0 + x**2 + y**2) ** 1.5)

    grid = gauss_legendre(-20.0, 20.0)
    value = information_on_grid(density, grid, grid)
    for name in ("student-identity-1-1-1", "asinh-student-identity-1-1-1"):
        assert load_task(name).mutual_information == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("noise", [0.1, 0.3, 0.5, 0.75, 2.0])
def test_additive_by_integration(noise: float) -> None:
    def p_log_p(t: float) -> float:
        density = max(0.0, min(1.0, t + noise) - max(0.0, t - noise)) / (2.0 * noise)
        return float(special.entr(density))

    bends = sorted({-noise, noise, 1.0 - noise, 1.0 + noise})
    entropy = sum(
        integrate.quad(p_log_p, low, high, epsabs=1e-12)[0] for low, high in pairwise(bends)
    )
    value = entropy - np.log(2.0 * noise)
    assert AdditiveUniform(noise).mutual_information == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in NAMES if "multinormal" in name])
def test_gaussian_determinant(name: str) -> None:
    dim = load_task(name).dim_x
    correlation = np.eye(2 * dim)
    if "dense" in name:
        correlation[:] = 0.5
        np.fill_diagonal(correlation, 1.0)
    else:
        for i in range(2):
            correlation[i, dim + i] = correlation[dim + i, i] = 0.8
    blocks = correlation[:dim, :dim], correlation[dim:, dim:], correlation
    log_x, log_y, log_both = (np.linalg.slogdet(block)[1] for block in blocks)
    truth = 0.5 * (log_x + log_y - log_both)
    assert load_task(name).mutual_information == pytest.approx(truth, abs=1e-12)


@pytest.mark.parametrize(("dim", "nu"), [(1, 1), (2, 1), (2, 2), (3, 2), (3, 3), (5, 2), (5, 3)])
def test_student_against_scipy_entropies(dim: int, nu: int) -> None:
    entropies = [stats.multivariate_t(shape=np.eye(d), df=nu).entropy() for d in (dim, 2 * dim)]
    truth = 2.0 * entropies[0] - entropies[1]
    task = load_task(f"student-identity-{dim}-{dim}-{nu}")
    assert task.mutual_information == pytest.approx(float(truth), abs=1e-10)


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


@pytest.mark.parametrize("name", [name for name in NAMES if name.count("-") > 2])
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


# Transforms -----------------------------------------------------------------------------------

WIGGLE = Wiggle((0.4, 0.2, 0.03), (1.0, 1.7, 3.3), (0.0, 1.0, -2.5))
ON_ROWS = [
    (NormalCdf(), 3, "normal", 1e-9),
    (HalfCube(), 3, "normal", 1e-14),
    (Asinh(), 3, "cauchy", 1e-12),
    (WIGGLE, 3, "normal", 1e-14),
    (NormalToMixture(GaussianMixture([0.3, 0.7], [0.0, 5.0])), 2, "normal", 1e-13),
    (NormalToMixture(GaussianMixture([0.1, 0.9], [0.0, 60.0], [4.0, 0.01])), 2, "normal", 3e-12),
    (Spiral((0, 1)), 3, "normal", 1e-13),
    (Spiral((1, 3), speed=7.0), 5, "normal", 1e-13),
    (SwissRoll(), 1, "uniform", 1e-13),
    (GaussianBlob(), 2, "uniform", 1e-12),
    (GaussianBlob(size=5, width=0.3, margin=0.0), 2, "uniform", 1e-12),
]


@pytest.mark.parametrize(("transform", "dim", "law", "tolerance"), ON_ROWS)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_transforms_are_inverted(
    transform: Any, dim: int, law: str, tolerance: float, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    draw = {
        "normal": generator.standard_normal,
        "uniform": generator.uniform,
        "cauchy": generator.standard_cauchy,
    }[law]
    X = draw(size=(40, dim))
    Z = transform(X)
    assert Z.shape == (40, transform.output_dim(dim))
    np.testing.assert_allclose(transform.inverse(Z), X, rtol=tolerance, atol=tolerance)
    # Leading axes are rows as well, and the caller's array is left as it was.
    np.testing.assert_array_equal(transform(X[:, np.newaxis]), Z[:, np.newaxis])


def test_monotone_maps_far_out() -> None:
    z = np.linspace(-30.0, 30.0, 1201)[:, np.newaxis]
    for transform in (WIGGLE, NormalToMixture(GaussianMixture([0.3, 0.7], [0.0, 5.0]))):
        t = transform(z)
        assert np.all(np.diff(t[:, 0]) > 0.0)
        np.testing.assert_allclose(transform.inverse(t), z, rtol=1e-12, atol=1e-12)


def test_normal_to_normal_is_affine() -> None:
    z = np.linspace(-9.0, 9.0, 101)[:, np.newaxis]
    transform = NormalToMixture(GaussianMixture([0.4, 0.6], [2.0, 2.0], [3.0, 3.0]))
    np.testing.assert_allclose(transform(z), 2.0 + 3.0 * z, rtol=1e-12, atol=1e-12)


def test_blob_pixels() -> None:
    image = GaussianBlob()(np.array([[0.0, 1.0]])).reshape(16, 16)
    horizontal, vertical = np.meshgrid(np.linspace(0, 1, 16), np.linspace(0, 1, 16))
    squared = (horizontal - 0.2) ** 2 + (vertical - 0.8) ** 2
    np.testing.assert_allclose(image, np.exp(-squared / (2 * 0.15**2)), rtol=1e-12)


def test_nan_stays_nan() -> None:
    for transform in (NormalCdf(), HalfCube(), Asinh(), WIGGLE):
        back = transform.inverse(np.array([[np.nan, 0.25]]))
        assert np.isnan(back[0, 0])
        assert np.isfinite(back[0, 1])


# Composing tasks ------------------------------------------------------------------------------


def test_users_compose_tasks() -> None:
    inner = Task(correlated_normals([0.6, -0.3]), transforms_x=(HalfCube(),))
    outer = Task(inner, transforms_x=(Spiral(),), transforms_y=(Asinh(),), name="outer")
    truth = -0.5 * np.log((1 - 0.36) * (1 - 0.09))
    assert outer.mutual_information == pytest.approx(truth, abs=1e-12)
    X, y = outer.sample(4000, random_state=0)
    assert_mean(outer.pointwise_mutual_information(X, y), truth)
    base_x, base_y = inner.law.sample(4000, random_state=0)
    np.testing.assert_array_equal(X, Spiral()(HalfCube()(base_x)))
    np.testing.assert_array_equal(y, np.arcsinh(base_y))


def test_split_of_any_normal_and_student() -> None:
    root = np.random.default_rng(0).normal(size=(5, 5))
    scatter = root @ root.T
    logs = [np.linalg.slogdet(block)[1] for block in (scatter[:2, :2], scatter[2:, 2:], scatter)]
    gaussian = 0.5 * (logs[0] + logs[1] - logs[2])
    split = Split(Normal(mean=np.arange(5.0), covariance=scatter), dim_x=2)
    assert split.mutual_information == pytest.approx(gaussian, abs=1e-10)
    assert (split.dim_x, split.dim_y) == (2, 3)
    X, y = split.sample(5000, random_state=0)
    assert_mean(split.pointwise_mutual_information(X, y), gaussian)
    # The excess of a Student-t over its normal does not depend on the dispersion.
    identity = Split(StudentT(3.0, dispersion=np.eye(5)), dim_x=2).mutual_information
    student = Split(StudentT(3.0, dispersion=scatter), dim_x=2).mutual_information
    assert student == pytest.approx(gaussian + identity, abs=1e-10)
    logarithmic = Split(LogNormal(mean=np.arange(5.0), covariance=scatter), dim_x=2)
    assert logarithmic.mutual_information == pytest.approx(gaussian, abs=1e-10)


def test_images_share_the_information_of_their_centres() -> None:
    draw = (NormalCdf(), GaussianBlob())
    images = Task(correlated_normals([0.9, 0.9]), draw, draw)
    assert images.mutual_information == pytest.approx(-np.log(1 - 0.81), abs=1e-12)
    X, y = images.sample(2000, random_state=0)
    assert X.shape == y.shape == (2000, 256)
    assert_mean(images.pointwise_mutual_information(X, y), images.mutual_information)


# Random state ---------------------------------------------------------------------------------

SAMPLERS = {
    **{name: load_task(name) for name in NAMES[:10]},
    "normal": Normal(covariance=np.eye(2)),
    "student": StudentT(2.0),
    "log-normal": LogNormal(),
    "uniform": Uniform(),
    "exponential": Exponential(),
    "gamma": Gamma(2.0),
    "laplace": Laplace(),
    "beta": Beta(2.0, 3.0),
    "dirichlet": Dirichlet([1.0, 2.0, 3.0]),
    "mixture": GaussianMixture([0.5, 0.5], [0.0, 3.0]),
    "categorical": Categorical.zipf(50),
    "noisy": NoisyDiscreteUniform(),
    "poisson": ZeroInflatedPoisson(),
    "labelled": LabelledMixture(GaussianMixture([0.5, 0.5], [0.0, 3.0])),
}


def flat(sample: Any) -> np.ndarray:
    return np.hstack(sample) if isinstance(sample, tuple) else sample


@pytest.mark.parametrize("name", SAMPLERS)
def test_random_state(name: str) -> None:
    law = SAMPLERS[name]
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    seeded = flat(law.sample(20, random_state=7))
    np.testing.assert_array_equal(seeded, flat(law.sample(20, random_state=7)))
    np.testing.assert_array_equal(seeded, flat(law.sample(20, np.random.default_rng(7))))
    assert not np.array_equal(seeded, flat(law.sample(20, random_state=8)))
    assert not np.array_equal(flat(law.sample(20)), flat(law.sample(20)))
    for make in (np.random.default_rng, np.random.RandomState):
        state, again = make(7), make(7)
        first, second = flat(law.sample(20, state)), flat(law.sample(20, state))
        assert not np.array_equal(first, second)
        np.testing.assert_array_equal(first, flat(law.sample(20, again)))
        np.testing.assert_array_equal(second, flat(law.sample(20, again)))
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_array_equal(before["state"]["key"], after["state"]["key"])
    assert before["state"]["pos"] == after["state"]["pos"]


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


SCATTER = np.array([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]])
CENTRE = np.array([1.0, -2.0, 0.5])
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


# Divergences ----------------------------------------------------------------------------------

# Two of a family, SciPy's of each, the support of the first.
COUPLES = [
    (Normal(0.0, 1.0), Normal(1.0, 2.0), stats.norm(), stats.norm(1.0, np.sqrt(2.0)), (-30, 30)),
    (
        LogNormal(0.0, 0.3),
        LogNormal(0.4, 0.5),
        stats.lognorm(np.sqrt(0.3)),
        stats.lognorm(np.sqrt(0.5), scale=np.exp(0.4)),
        (0, 60),
    ),
    (Exponential(1.0), Exponential(2.5), stats.expon(), stats.expon(scale=2.5), (0, 40)),
    (Gamma(2.0, 1.5), Gamma(3.0, 1.0), stats.gamma(2.0, scale=1.5), stats.gamma(3.0), (0, 90)),
    (
        Exponential(2.0),
        Gamma(1.5, 1.5),
        stats.expon(scale=2.0),
        stats.gamma(1.5, scale=1.5),
        (0, 80),
    ),
    (Laplace(0.0, 1.0), Laplace(0.7, 1.6), stats.laplace(), stats.laplace(0.7, 1.6), (-40, 40)),
    (Beta(2.0, 3.0), Beta(1.5, 2.5), stats.beta(2.0, 3.0), stats.beta(1.5, 2.5), (0, 1)),
    (Dirichlet([2.0, 3.0]), Dirichlet([3.0, 3.0]), stats.beta(2, 3), stats.beta(3, 3), (0, 1)),
    (Uniform(0.0, 1.0), Uniform(-1.0, 2.0), stats.uniform(), stats.uniform(-1.0, 3.0), (0, 1)),
]


def integral(p: Any, q: Any, support: Any, integrand: Callable[[float, float], float]) -> float:
    """Integral of a function of ln p and ln q over the support."""
    kink = sorted({float(support[0]), 0.0, 0.7, float(p.median()), 5.0, float(support[1])})
    inside = [t for t in kink if support[0] <= t <= support[1]]
    return sum(
        integrate.quad(
            lambda x: integrand(float(p.logpdf(x)), float(q.logpdf(x))), low, high, epsabs=1e-10
        )[0]
        for low, high in pairwise(inside)
    )


@pytest.mark.parametrize(("p", "q", "ref_p", "ref_q", "support"), COUPLES)
def test_divergences_by_integration(p: Any, q: Any, ref_p: Any, ref_q: Any, support: Any) -> None:
    truth = integral(ref_p, ref_q, support, lambda a, b: np.exp(a) * (a - b) if a > -700 else 0.0)
    assert kl_divergence(p, q) == pytest.approx(truth, abs=1e-7)
    assert kl_divergence(p, p) == pytest.approx(0.0, abs=1e-12)
    if isinstance(p, Laplace):
        return
    for order in (0.3, 0.5, 1.2, 2.0):
        total = integral(
            ref_p,
            ref_q,
            support,
            lambda a, b, order=order: np.exp(order * a + (1 - order) * b) if a > -700 else 0.0,
        )
        value = renyi_divergence(p, q, order)
        assert value == pytest.approx(np.log(total) / (order - 1.0), abs=1e-6)
        if order == 0.5:
            assert hellinger_divergence(p, q) == pytest.approx(1.0 - total, abs=1e-7)
        if order == 2.0:
            assert chi2_divergence(p, q) == pytest.approx(total - 1.0, abs=1e-6)


IN_SPACE_COUPLES = [
    (Normal(CENTRE, SCATTER), Normal(0.0, 3.0 * np.eye(3))),
    (LogNormal(CENTRE, SCATTER), LogNormal(CENTRE + 0.2, 2.0 * SCATTER)),
    (Gamma([2.0, 1.0], [1.0, 3.0]), Gamma([1.5, 2.0], [2.0, 2.0])),
    (Laplace([0.0, 1.0], [1.0, 2.0]), Laplace([0.5, 0.0], [2.0, 1.5])),
    (Beta([2.0, 3.0], [2.0, 4.0]), Beta([1.5, 3.0], [3.0, 3.0])),
    (Dirichlet([2.0, 3.0, 4.0]), Dirichlet([1.5, 3.0, 2.0])),
    (Categorical([0.2, 0.3, 0.5]), Categorical([0.5, 0.2, 0.3])),
]


@pytest.mark.parametrize(("p", "q"), IN_SPACE_COUPLES)
def test_divergences_by_mean_log_ratio(p: Any, q: Any) -> None:
    X, Y = p.sample(20_000, random_state=0), q.sample(20_000, random_state=1)
    log_ratio = p.log_density(X) - q.log_density(X)
    assert_mean(log_ratio, kl_divergence(p, q))
    reverse = q.log_density(Y) - p.log_density(Y)
    assert_mean(reverse, kl_divergence(q, p))
    assert jeffreys_divergence(p, q) == kl_divergence(p, q) + kl_divergence(q, p)
    if not isinstance(p, Laplace):
        for order in (0.4, 0.5, 0.9):
            moment = np.exp((order - 1.0) * renyi_divergence(p, q, order))
            assert_mean(np.exp((order - 1.0) * log_ratio), moment)


@given(seed=st.integers(0, 2**32 - 1), dim=st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_laws_of_normal_divergences(seed: int, dim: int) -> None:
    generator = np.random.default_rng(seed)

    def scatter() -> np.ndarray:
        root = generator.normal(size=(dim, dim + 3))
        return root @ root.T / dim

    p = Normal(generator.normal(size=dim), scatter())
    q = Normal(generator.normal(size=dim), scatter())
    kl = kl_divergence(p, q)
    assert kl >= 0.0
    # An affine map of both changes nothing.
    A, b = generator.normal(size=(dim, dim)) + 3.0 * np.eye(dim), generator.normal(size=dim)
    moved = [Normal(A @ law.mean + b, A @ law.covariance @ A.T) for law in (p, q)]
    assert kl_divergence(*moved) == pytest.approx(kl, rel=1e-6, abs=1e-9)
    # Rényi grows with the order and passes through Kullback-Leibler at 1.
    orders = (0.2, 0.5, 0.999999, 1.0)
    values = [renyi_divergence(p, q, order) for order in orders]
    assert all(low <= high + 1e-9 for low, high in pairwise(values))
    assert values[2] == pytest.approx(kl, rel=1e-3, abs=1e-6)
    skew = renyi_divergence(p, q, 0.3) / 0.3
    assert skew == pytest.approx(renyi_divergence(q, p, 0.7) / 0.7, rel=1e-8, abs=1e-10)


def test_infinite_divergences() -> None:
    inside, outside = Uniform(0.0, 1.0), Uniform(0.5, 2.0)
    assert kl_divergence(inside, outside) == np.inf
    assert renyi_divergence(inside, outside, 2.0) == np.inf
    bhattacharyya = 0.5 / np.sqrt(1.5)
    assert hellinger_divergence(inside, outside) == pytest.approx(1.0 - bhattacharyya)
    assert hellinger_divergence(inside, Uniform(3.0, 4.0)) == 1.0
    assert renyi_divergence(inside, Uniform(3.0, 4.0), 0.5) == np.inf
    p, q = Categorical([0.5, 0.5, 0.0]), Categorical([0.0, 0.5, 0.5])
    assert kl_divergence(p, q) == np.inf
    assert chi2_divergence(p, q) == np.inf
    assert hellinger_divergence(p, q) == pytest.approx(0.5)
    assert hellinger_divergence(Categorical([1.0, 0.0]), Categorical([0.0, 1.0])) == 1.0
    assert kl_divergence(Categorical([1.0, 0.0]), Categorical([0.5, 0.5])) == pytest.approx(
        np.log(2.0)
    )
    assert renyi_divergence(Normal(0.0, 3.0), Normal(0.0, 1.0), 1.5) == np.inf
    assert chi2_divergence(Exponential(3.0), Exponential(1.0)) == np.inf
    assert chi2_divergence(Beta(0.5, 1.0), Beta(2.0, 1.0)) == np.inf


# What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Normal(covariance=[[1.0, 2.0], [2.0, 1.0]]), "positive definite"),
        (lambda: Normal(covariance=[[1.0, 0.5], [0.0, 1.0]]), "symmetric"),
        (lambda: Normal(covariance=[1.0, 2.0]), "square matrix"),
        (lambda: Normal([0.0, 1.0], np.eye(3)), "must agree"),
        (lambda: Normal([np.nan]), "finite"),
        (lambda: StudentT(0.0), "degrees_of_freedom must be positive"),
        (lambda: Uniform(1.0, 1.0), "low must be below high"),
        (lambda: Gamma([1.0, 2.0], [1.0, 2.0, 3.0]), "one length"),
        (lambda: Laplace(scale=-1.0), "scale must be positive"),
        (lambda: Exponential([[1.0]]), "a matrix"),
        (lambda: Dirichlet([1.0]), "at least two"),
        (lambda: Categorical([0.5, 0.4]), "sum to 1"),
        (lambda: Categorical.uniform(0), "at least 1"),
        (lambda: GaussianMixture([0.5, 0.5], [0.0, 1.0, 2.0]), "one length"),
        (lambda: Split(Normal(0.0, np.eye(2)), dim_x=2), "both sides"),
        (lambda: correlated_normals([0.5, 1.0]), "inside"),
        (lambda: correlated_normals([0.5, 0.5], dim_x=1), "at most"),
        (lambda: AdditiveUniform(0.0), "noise must be positive"),
        (lambda: NoisyDiscreteUniform(0), "at least 1"),
        (lambda: ZeroInflatedPoisson(1.0), "zero_probability"),
        (lambda: ZeroInflatedPoisson(rate="gamma"), "exponential"),  # type: ignore[arg-type]
        (lambda: ZeroInflatedPoisson(scale=0.0), "scale must be positive"),
        (lambda: Wiggle(1.0, 1.0, 0.0), "below 1"),
        (lambda: Spiral((1, 1)), "plane"),
        (lambda: GaussianBlob(width=0.01), "width"),
        (lambda: GaussianBlob(margin=0.5), "margin"),
        (lambda: Task(correlated_normals(0.5), (Spiral(),)), "needs at least 2 columns"),
        (lambda: Task(correlated_normals([0.5, 0.5]), (SwissRoll(),)), "one column"),
        (lambda: Task(correlated_normals(0.5), (), (GaussianBlob(),)), "two columns"),
        (lambda: Normal().log_density([0.0, 1.0]), "reshape"),
        (lambda: Normal().log_density([[0.0, 1.0]]), r"\(n_samples, 1\)"),
        (lambda: renyi_divergence(Normal(), Normal(), 0.0), "order"),
        (lambda: kl_divergence(Normal(), Normal([0.0, 0.0])), "one dimension"),
        (lambda: kl_divergence(Categorical([1.0]), Categorical([0.5, 0.5])), "categories"),
    ],
)
def test_wrong_arguments(make: Callable[[], object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make()


def test_pairs_without_a_closed_form() -> None:
    with pytest.raises(TypeError, match="LogNormal from Normal"):
        kl_divergence(LogNormal(), Normal())
    with pytest.raises(TypeError, match="StudentT"):
        kl_divergence(StudentT(2.0), StudentT(3.0))
    with pytest.raises(TypeError, match="Laplace"):
        renyi_divergence(Laplace(), Laplace(1.0), 0.5)


# The package ----------------------------------------------------------------------------------


def test_everything_is_frozen() -> None:
    law = Normal(covariance=np.eye(2))
    with pytest.raises(FrozenInstanceError):
        law.mean = np.zeros(2)  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        law.covariance[0, 0] = 5.0
    with pytest.raises(FrozenInstanceError):
        load_task(NAMES[0]).name = "other"  # type: ignore[misc]
    own = np.eye(2)
    law = Normal(covariance=own)
    own[0, 0] = 5.0
    assert law.covariance[0, 0] == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_tasks_survive_pickling(name: str) -> None:
    task = load_task(name)
    again = pickle.loads(pickle.dumps(task))
    assert repr(again) == repr(task)
    for ours, theirs in zip(task.sample(3, 0), again.sample(3, 0), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_public_names() -> None:
    assert datasets.__all__ == sorted(datasets.__all__)
    for name in datasets.__all__:
        assert getattr(datasets, name).__doc__


def test_imports_are_light() -> None:
    code = (
        "import sys, infotheory\n"
        "assert 'infotheory.datasets' not in sys.modules\n"
        "import infotheory.datasets\n"
        "heavy = {'torch', 'sklearn', 'pandas', 'matplotlib', 'numba'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
