"""Diffusion terms of mixtures on a line, integrated by Gauss-Hermite rules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
from diffusion_integrals import Array, each_law, integral, random_law

from infotheory.functional import (
    denoising_gap,
    denoising_log_density,
    diffuse,
    gaussian_entropy,
    gaussian_noise_prediction,
    mixture_noise_prediction,
    reference_gap,
    score_gap,
)

MIXTURE = np.array([0.3, 0.7]), np.array([[-1.0], [0.8]]), np.array([[[0.2]], [[0.5]]])
OTHER = np.array([0.6, 0.4]), np.array([[-0.5], [1.5]]), np.array([[[0.4]], [[0.9]]])


def mixture_density(x: Array, law: Any = MIXTURE) -> Array:
    weights, means, covariances = law
    parts = zip(weights, means[:, 0], covariances[:, 0, 0], strict=True)
    return sum(w * scipy.stats.norm.pdf(x, m, v**0.5) for w, m, v in parts)


@pytest.mark.parametrize("log_snr", [-5.0, 0.0, 4.0])
def test_mixture_prediction_is_a_posterior_mean(log_snr: float) -> None:
    a = 1 / (1 + math.exp(-log_snr))
    e = np.linspace(-14, 14, 20_001)  # the trapezoid rule is exact to rounding here
    for z in (-2.0, 0.1, 1.3):
        chance = mixture_density((z - (1 - a) ** 0.5 * e) / a**0.5) * scipy.stats.norm.pdf(e)
        value = mixture_noise_prediction(np.array([[z]]), np.array([log_snr]), *MIXTURE)
        assert value[0, 0] == pytest.approx(np.sum(e * chance) / np.sum(chance), abs=1e-10)


def test_mixture_of_one_law_or_of_equal_laws_is_that_law() -> None:
    mean, covariance = random_law(3, 2)
    rng = np.random.default_rng(4)
    z, log_snr = rng.standard_normal((2, 5, 2)), rng.uniform(-5, 5, size=(2, 5))
    expected = gaussian_noise_prediction(z, log_snr, mean, covariance)
    means, covariances = np.stack([mean, mean, mean + 1]), np.stack([covariance] * 3)
    weights = np.array([0.2, 0.8, 0.0])
    value = mixture_noise_prediction(z, log_snr, weights, means, covariances)
    np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-12)


def normal_rule(k: int = 48) -> tuple[np.ndarray, np.ndarray]:
    points, weights = np.polynomial.hermite_e.hermegauss(k)
    return points, weights / math.sqrt(2 * math.pi)


def mixture_rule(law: Any = MIXTURE) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, noise, probability and label of the nodes of a rule for (component, x, noise)."""
    points, weights = normal_rule()
    u, e = (a.ravel() for a in np.meshgrid(points, points))
    chance = np.outer(weights, weights).ravel()
    probabilities, means, covariances = law
    k = range(probabilities.shape[0])
    x = np.concatenate([means[j, 0] + covariances[j, 0, 0] ** 0.5 * u for j in k])
    mass = np.concatenate([probabilities[j] * chance for j in k])
    label = np.repeat(list(k), u.shape[0])
    return x[:, None], np.tile(e, len(k))[:, None], mass, label


def line_integral(f: Callable[[np.ndarray], np.ndarray]) -> float:
    x = np.linspace(-12, 12, 40_001)
    return float(np.sum(f(x)) * (x[1] - x[0]))  # exact to rounding: smooth, and gone at the ends


def entropy_by_quadrature(law: Any) -> float:
    return line_integral(lambda x: -mixture_density(x, law) * np.log(mixture_density(x, law)))


@each_law
def test_mixture_entropy_and_information_of_the_label(law: dict[str, float]) -> None:
    x, noise, mass, label = mixture_rule()
    weights, means, covariances = MIXTURE
    mean = weights @ means
    moments = mean, np.array([[weights @ (covariances[:, 0, 0] + means[:, 0] ** 2)]]) - mean**2
    entropy = entropy_by_quadrature(MIXTURE)
    label_entropies = [float(gaussian_entropy(c)) for c in covariances]

    def terms(log_snr: np.ndarray, weight: np.ndarray) -> np.ndarray:
        found = []
        for one, w in zip(log_snr, weight, strict=True):  # one at a time bounds the memory
            level = np.full(x.shape[0], one)
            z = diffuse(x, noise, level)
            m = mixture_noise_prediction(z, level, *MIXTURE)
            by_label = [
                gaussian_noise_prediction(z, level, means[k], covariances[k]) for k in (0, 1)
            ]
            c = np.where(label[:, None] == 0, by_label[0], by_label[1])
            reference = gaussian_noise_prediction(z, level, *moments)
            rows = (
                denoising_log_density(x, noise, level, m, *moments, w),
                denoising_gap(noise, m, c, w),
                score_gap(m, c, w),
                reference_gap(m, c, reference, w),
            )
            found.append([mass @ r for r in rows])
        return np.array(found)

    log_density, gap, inside, outside = integral(terms, -16.0, 20.0, law, nodes=96)
    assert -log_density == pytest.approx(entropy, abs=1e-6)
    information = entropy - float(weights @ label_entropies)
    for value in (gap, inside, outside):
        # At most e^-16 Var(X) / 2 + e^-20 J / 2 = 9e-8 are left out.
        assert value == pytest.approx(information, abs=1e-6)


@each_law
def test_mixture_divergence(law: dict[str, float]) -> None:
    x, noise, mass, _ = mixture_rule()

    def terms(log_snr: np.ndarray, weight: np.ndarray) -> np.ndarray:
        found = []
        for one, w in zip(log_snr, weight, strict=True):
            level = np.full(x.shape[0], one)
            z = diffuse(x, noise, level)
            p, q = (mixture_noise_prediction(z, level, *law) for law in (MIXTURE, OTHER))
            found.append([mass @ denoising_gap(noise, q, p, w), mass @ score_gap(q, p, w)])
        return np.array(found)

    exact = line_integral(
        lambda x: mixture_density(x) * np.log(mixture_density(x) / mixture_density(x, OTHER))
    )
    np.testing.assert_allclose(integral(terms, -16.0, 20.0, law, nodes=96), exact, atol=1e-6)


def test_mixture_log_density_row_by_row() -> None:
    points, weights = normal_rule()
    x = np.array([[-2.0], [-0.3], [0.5], [2.5]])
    noise = np.broadcast_to(points[:, None, None], (points.shape[0], *x.shape))
    reference = np.array([0.2]), np.array([[1.1]])

    def term(log_snr: np.ndarray, weight: np.ndarray) -> np.ndarray:
        found = []
        for one, w in zip(log_snr, weight, strict=True):
            level = np.full(noise.shape[:-1], one)
            z = diffuse(x, noise, level)
            prediction = mixture_noise_prediction(z, level, *MIXTURE)
            found.append(
                weights @ denoising_log_density(x, noise, level, prediction, *reference, w)
            )
        return np.array(found)

    value = integral(term, -24.0, 20.0, {}, nodes=96)
    np.testing.assert_allclose(value, np.log(mixture_density(x[:, 0])), atol=1e-6)
