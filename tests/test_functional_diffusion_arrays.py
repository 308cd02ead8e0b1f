"""Diffusion terms and exact predictors in every array library, and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from infotheory.functional import (
    denoising_gap,
    denoising_log_density,
    diffuse,
    entropy_production_rate,
    gaussian_conditional_noise_prediction,
    gaussian_noise_prediction,
    log_snr_quantile,
    log_snr_weight,
    mixture_noise_prediction,
    reference_gap,
    score_gap,
)

Array = Any


def random_law(seed: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((d, d))
    return rng.standard_normal(d), root @ root.T + 0.1 * np.eye(d)


def every_function(xp: Any, dtype: Any) -> list[tuple[Array, Array]]:
    """Each function in a library beside its value in NumPy at double precision."""
    rng = np.random.default_rng(1)
    mean, covariance = random_law(2, 3)
    x, noise, other = rng.standard_normal((3, 4, 2))
    u, y = rng.uniform(size=4), rng.standard_normal((4, 1))
    means, covariances = mean[None, :2] + np.eye(2), np.stack([covariance[:2, :2]] * 2)
    law = {"location": 1.0, "scale": 2.0}
    two = covariance[:2, :2]
    calls: list[tuple[Any, tuple[np.ndarray, ...]]] = [
        (diffuse, (x, noise, u)),
        (lambda u: log_snr_quantile(u, -5.0, 6.0), (u,)),
        (lambda u: log_snr_quantile(u, -5.0, 6.0, **law), (u,)),
        (lambda u: log_snr_weight(u, -5.0, 6.0), (u,)),
        (lambda u: log_snr_weight(u, -5.0, 6.0, **law), (u,)),
        (denoising_gap, (noise, x, other, u)),
        (score_gap, (x, other, u)),
        (reference_gap, (x, other, noise, u)),
        (denoising_log_density, (x, noise, u, other, mean[:2], two, u)),
        (gaussian_noise_prediction, (x, u, mean[:2], two)),
        (gaussian_conditional_noise_prediction, (x, u, y, mean, covariance)),
        (mixture_noise_prediction, (x, u, np.array([0.3, 0.7]), means, covariances)),
        (entropy_production_rate, (x, noise, two)),
        (lambda b, s: entropy_production_rate(b, s, 0.7), (x, noise)),
    ]
    return [
        (f(*(xp.asarray(a, dtype=dtype) for a in arguments)), f(*arguments))
        for f, arguments in calls
    ]


def test_libraries_and_dtypes(xp: Any) -> None:
    for dtype, rtol in ((xp.float64, 1e-9), (xp.float32, 1e-3)):
        for value, expected in every_function(xp, dtype):
            assert value.dtype == dtype
            assert type(value) is type(xp.asarray(0.0))
            np.testing.assert_allclose(np.asarray(value), expected, rtol=rtol, atol=rtol)


def test_gradients() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    mean, covariance = random_law(3, 3)

    def leaf(values: np.ndarray) -> Any:
        return torch.tensor(values, dtype=torch.float64, requires_grad=True)

    x, noise, other = (leaf(a) for a in rng.standard_normal((3, 4, 2)))
    u, y = leaf(rng.uniform(0.1, 0.9, size=4)), leaf(rng.standard_normal((4, 1)))
    three, two = leaf(covariance), leaf(covariance[:2, :2])
    means, weights = leaf(rng.standard_normal((2, 2))), leaf(np.array([0.3, 0.7]))
    law = {"location": 1.0, "scale": 2.0}

    def check(f: Any, *arguments: Any) -> None:
        assert torch.autograd.gradcheck(f, arguments)

    check(diffuse, x, noise, u)
    check(lambda u: log_snr_quantile(u, -5.0, 6.0, **law), u)
    check(lambda u: log_snr_weight(u, -5.0, 6.0, **law), u)
    check(denoising_gap, noise, x, other, u)
    check(score_gap, x, other, u)
    check(reference_gap, x, other, noise, u)

    # A covariance stays symmetric, whatever entry is moved.
    def sym(c: Any) -> Any:
        return 0.5 * (c + c.T)

    check(
        lambda x, e, u, p, m, c: denoising_log_density(x, e, u, p, m, sym(c), 1.5),
        *(x, noise, u, other, leaf(mean[:2]), two),
    )
    check(lambda z, u, m, c: gaussian_noise_prediction(z, u, m, sym(c)), x, u, leaf(mean[:2]), two)
    check(
        lambda z, u, y, m, c: gaussian_conditional_noise_prediction(z, u, y, m, sym(c)),
        *(x, u, y, leaf(mean), three),
    )
    check(
        lambda z, u, w, m, c: mixture_noise_prediction(
            z, u, w, m, torch.stack([sym(c), 2 * sym(c)])
        ),
        *(x, u, weights, means, two),
    )
    check(entropy_production_rate, x, noise, two)
