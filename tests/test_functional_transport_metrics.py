"""Shares of variance that a plan leaves unexplained: floors, libraries, gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from gaussian_problems import leaves, some_problem

from infotheory.functional import bw2_uvp, conditional_bw2_uvp, conditional_bw2_uvp_floor


def test_constants_have_a_hundred_percent() -> None:
    mean, A, _, B = some_problem(6, 3)
    constant = np.broadcast_to(mean, (50, 3))
    assert bw2_uvp(constant, mean, A) == pytest.approx(100.0)
    # y = x + noise with x of covariance A: 100 % in the mean over x, here over 4 000 of them.
    rng = np.random.default_rng(0)
    X = mean + rng.standard_normal((4000, 3)) @ np.linalg.cholesky(A).T
    samples = np.broadcast_to(mean, (4000, 5, 3))
    value = conditional_bw2_uvp(samples, X, np.broadcast_to(B, (4000, 3, 3)), A + B)
    terms = 100 * np.sum((X - mean) ** 2, axis=1) / np.trace(A + B)
    assert abs(value - 100.0) < 4 * terms.std() / math.sqrt(4000)
    assert terms.std() / math.sqrt(4000) < 2


def test_shift_of_the_mean_alone() -> None:
    """The moments of the samples are the target's but for the mean: its share is left."""
    rng = np.random.default_rng(1)
    samples = rng.standard_normal((2, 40, 3))
    mean, covariance = samples.mean(axis=1), np.stack([np.cov(rows.T) for rows in samples])
    shifted = mean + 0.1
    shares = 100 * 0.03 / np.trace(covariance, axis1=1, axis2=2)
    np.testing.assert_allclose(bw2_uvp(samples, shifted, covariance), shares, rtol=1e-9)
    total = np.diag([2.0, 3.0, 5.0])
    value = conditional_bw2_uvp(samples, shifted, covariance, total)
    np.testing.assert_allclose(value, 100 * 0.03 / 10, rtol=1e-9)


@pytest.mark.parametrize(("d", "n"), [(1, 100), (2, 1000), (16, 400)])
def test_floor_is_what_exact_samples_have(d: int, n: int) -> None:
    rng = np.random.default_rng(d)
    n_tests = 300
    root = rng.standard_normal((d, d)) / math.sqrt(d) + np.eye(d)
    covariance, total = root @ root.T, 3 * np.eye(d)
    samples = rng.standard_normal((n_tests, n, d)) @ root.T
    means, covariances = np.zeros((n_tests, d)), np.broadcast_to(covariance, (n_tests, d, d))
    each = np.array(
        [
            conditional_bw2_uvp(samples[i : i + 1], means[:1], covariances[:1], total)
            for i in range(n_tests)
        ]
    )
    floor = conditional_bw2_uvp_floor(covariance, total, n)
    assert each.mean() == pytest.approx(conditional_bw2_uvp(samples, means, covariances, total))
    # Higher orders of the expansion: the share d / n.
    slack = 4 * each.std() / math.sqrt(n_tests) + floor * (d + 1) / n
    assert abs(each.mean() - floor) < slack
    assert slack < 0.25 * floor


@pytest.mark.slow
def test_floor_in_the_published_protocol() -> None:
    """d = 128 and 1000 draws: within 3 %."""
    rng = np.random.default_rng(0)
    covariance = np.diag(np.geomspace(0.5, 2.0, 128))
    samples = rng.standard_normal((20, 1000, 128)) * np.sqrt(np.diagonal(covariance))
    means, covariances = np.zeros((20, 128)), np.broadcast_to(covariance, (20, 128, 128))
    value = conditional_bw2_uvp(samples, means, covariances, covariance)
    floor = conditional_bw2_uvp_floor(covariance, covariance, 1000)
    assert value == pytest.approx(floor, rel=0.03)


def test_floor_of_a_point_is_zero() -> None:
    flat = np.zeros((2, 2))
    assert conditional_bw2_uvp_floor(flat, np.eye(2), 10) == 0


def test_metrics_in_every_library(xp: Any) -> None:
    rng = np.random.default_rng(2)
    samples = rng.standard_normal((3, 4, 10, 2))
    means, roots = rng.standard_normal((3, 4, 2)), rng.standard_normal((3, 4, 2, 2))
    covariances = roots @ np.swapaxes(roots, -1, -2)
    total = 4 * np.eye(2)
    arrays = [xp.asarray(part, dtype=xp.float64) for part in (samples, means, covariances, total)]
    expected = [conditional_bw2_uvp(samples[i], means[i], covariances[i], total) for i in range(3)]
    np.testing.assert_allclose(np.asarray(conditional_bw2_uvp(*arrays)), expected, rtol=1e-10)
    expected = [bw2_uvp(samples[i, 0], means[i, 0], covariances[i, 0]) for i in range(3)]
    actual = bw2_uvp(*(part[:, 0, ...] for part in arrays[:3]))
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=1e-10)
    expected = [conditional_bw2_uvp_floor(c, total, 10) for c in covariances[:, 0]]
    actual = conditional_bw2_uvp_floor(arrays[2][:, 0, ...], arrays[3], 10)
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=1e-10)


def test_metrics_pass_gradcheck() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    _, A, mean, B = some_problem(7, 2, n=3)
    samples = rng.standard_normal((3, 6, 2))
    assert torch.autograd.gradcheck(bw2_uvp, leaves(samples, mean, B))
    assert torch.autograd.gradcheck(conditional_bw2_uvp, leaves(samples, mean, B, A[0] + B[0]))
    assert torch.autograd.gradcheck(
        lambda c, t: conditional_bw2_uvp_floor(c, t, 10), leaves(A, B[0])
    )
