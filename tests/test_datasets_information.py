"""Mutual information of the tasks by numerical integration, apart from the code that states it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import integrate, interpolate, special, stats

# Mutual information from the joint density, marginalised numerically --------------------------
from task_samples import gauss_legendre, wiggly_x, wiggly_y

from infotheory.datasets import (
    AdditiveUniform,
    load_task,
    task_names,
)


def information_on_grid(density: Callable[..., np.ndarray], x: Any, y: Any) -> float:
    """Mutual information of a density on a product grid; x and y are (nodes, weights)."""
    (nodes_x, weights_x), (nodes_y, weights_y) = x, y
    p = density(nodes_x[:, np.newaxis], nodes_y[np.newaxis])
    margin_x, margin_y = p @ weights_y, weights_x @ p
    assert weights_x @ margin_x == pytest.approx(1.0, abs=1e-6)
    ratio = np.where(p > 0.0, p, 1.0) / np.where(p > 0.0, np.outer(margin_x, margin_y), 1.0)
    return float(weights_x @ (p * np.log(ratio)) @ weights_y)


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


@pytest.mark.parametrize("name", [name for name in task_names() if "multinormal" in name])
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
