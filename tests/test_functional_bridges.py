"""Mixture potentials and discrete bridges: exact plans, derivatives, arrays of other libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from infotheory.datasets import GaussianPair, MixturePair, Normal
from infotheory.functional import LightBridge, entropic_drift, sinkhorn, transport_cost
from infotheory.functional._light_bridge_fit import fit_light_bridge

SEEDS = st.integers(0, 2**32 - 1)
EPSILONS = st.sampled_from([0.1, 1.0, 10.0])


def random_pair(seed: int, epsilon: float, *, diagonal: bool, dim: int = 3) -> MixturePair:
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(4, dim, dim))
    covariances = 0.3 * roots @ np.swapaxes(roots, 1, 2) + 0.1 * np.eye(dim)
    if diagonal:
        covariances = covariances * np.eye(dim)
    return MixturePair(
        Normal(np.zeros(dim)),
        rng.dirichlet(np.ones(4)),
        rng.normal(size=(4, dim)),
        covariances,
        epsilon,
    )


def bridge_of(pair: MixturePair, *, diagonal: bool) -> LightBridge:
    """The exact parameters, derived by completing the square of the potential."""
    unit, epsilon = np.eye(pair.dim), pair.epsilon
    total = pair.covariances + epsilon * unit
    slopes = np.linalg.solve(total, pair.covariances)
    slopes = 0.5 * (slopes + np.swapaxes(slopes, 1, 2))
    offsets = epsilon * np.linalg.solve(total, pair.means[..., None])[..., 0]
    zero = np.zeros(pair.dim)
    at_zero = [
        multivariate_normal(m, c).logpdf(zero) for m, c in zip(pair.means, total, strict=True)
    ]
    if diagonal:
        slopes = np.diagonal(slopes, axis1=1, axis2=2).copy()
    return LightBridge(np.log(pair.weights) + at_zero, offsets, slopes, epsilon)


@pytest.mark.parametrize("diagonal", [True, False])
@given(seed=SEEDS, epsilon=EPSILONS, time=st.floats(0.0, 0.95))
def test_exact_parameters_give_the_exact_plan(
    diagonal: bool, seed: int, epsilon: float, time: float
) -> None:
    pair = random_pair(seed, epsilon, diagonal=diagonal)
    bridge = bridge_of(pair, diagonal=diagonal)
    X, y = np.random.default_rng(seed + 1).normal(size=(2, 6, 3))
    ours, exact = bridge.conditional(X), pair.conditional(X)
    covariances = ours.covariances
    if diagonal:
        covariances = covariances[..., None] * np.eye(3)
    np.testing.assert_allclose(ours.weights, exact.weights, atol=1e-8)
    np.testing.assert_allclose(ours.means, exact.means, atol=1e-8)
    np.testing.assert_allclose(covariances, exact.covariances, atol=1e-8)
    np.testing.assert_allclose(bridge.mean(X), pair.conditional_mean(X), atol=1e-8)
    log_density = pair.log_conditional_density(X, y)
    np.testing.assert_allclose(bridge.log_density(X, y), log_density, rtol=1e-8, atol=1e-8)
    # The adjusted potential is the potential times exp(-|y|^2 / 2 epsilon), up to a constant.
    apart = bridge.log_potential(y) + np.sum(y**2, axis=1) / (2 * epsilon) - pair.log_potential(y)
    np.testing.assert_allclose(apart, apart[0], rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(bridge.drift(X, time), pair.drift(X, time), rtol=1e-7, atol=1e-8)


def slope_by_differences(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    steps = 1e-5 * np.eye(x.shape[1])
    return np.stack([(function(x + s) - function(x - s)) / 2e-5 for s in steps], axis=1)


@given(seed=SEEDS, epsilon=EPSILONS, time=st.floats(0.0, 0.9))
def test_drift_is_the_slope_of_the_log_of_the_convolved_potential(
    seed: int, epsilon: float, time: float
) -> None:
    pair = random_pair(seed, epsilon, diagonal=False)

    def log_convolved(x: np.ndarray) -> np.ndarray:
        spread = (1 - time) * epsilon * np.eye(3)
        laws = [
            multivariate_normal(m, c + spread)
            for m, c in zip(pair.means, pair.covariances, strict=True)
        ]
        return np.asarray(
            logsumexp([law.logpdf(x) for law in laws], axis=0, b=pair.weights[:, None])
        )

    x = np.random.default_rng(seed).normal(size=(4, 3))
    expected = epsilon * slope_by_differences(log_convolved, x)
    drift = bridge_of(pair, diagonal=False).drift(x, time)
    np.testing.assert_allclose(drift, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("diagonal", [True, False])
def test_mean_is_the_slope_of_the_log_normalizer(diagonal: bool) -> None:
    bridge = bridge_of(random_pair(3, 0.5, diagonal=diagonal), diagonal=diagonal)
    x = np.random.default_rng(0).normal(size=(5, 3))
    expected = 0.5 * slope_by_differences(bridge.log_normalizer, x)
    np.testing.assert_allclose(bridge.mean(x), expected, atol=1e-7)


@pytest.mark.parametrize("diagonal", [True, False])
def test_conditional_density_has_the_mass_one(diagonal: bool) -> None:
    pair = random_pair(5, 1.0, diagonal=diagonal, dim=1)
    bridge, grid = bridge_of(pair, diagonal=diagonal), np.linspace(-15, 15, 20_001)[:, None]
    log_density = bridge.log_density(np.full_like(grid, 0.7), grid)
    assert np.trapezoid(np.exp(log_density), grid[:, 0]) == pytest.approx(1.0, abs=1e-9)


def test_the_loss_differs_by_the_divergence_of_plans() -> None:
    pair = random_pair(7, 1.0, diagonal=False)
    exact, other = (
        bridge_of(pair, diagonal=False),
        bridge_of(random_pair(8, 1.0, diagonal=False), diagonal=False),
    )
    X, y = pair.sample(40_000, random_state=0)
    terms = exact.log_density(X, y) - other.log_density(X, y)
    gap = float(other.loss(X, y) - exact.loss(X, y))
    # On pairs from the plan both are one mean: log densities differ by the terms of the loss.
    assert gap == pytest.approx(terms.mean(), abs=1e-9)
    assert gap > 0
    # Rows that do not pair give the same up to the error of two means.
    parts = [
        other.log_normalizer(X) - exact.log_normalizer(X),
        exact.log_potential(y) - other.log_potential(y),
    ]
    error = np.sqrt(2 * sum(part.var() / len(part) for part in parts))
    fresh, _ = pair.sample(40_000, random_state=1)
    assert float(other.loss(fresh, y) - exact.loss(fresh, y)) == pytest.approx(gap, abs=5 * error)


@pytest.mark.parametrize("diagonal", [True, False])
def test_the_gradient_of_the_loss_agrees_with_differences(diagonal: bool) -> None:
    torch = pytest.importorskip("torch")
    bridge = bridge_of(random_pair(1, 0.7, diagonal=diagonal), diagonal=diagonal)
    rng = np.random.default_rng(0)
    X, y = (torch.asarray(rng.normal(size=(n, 3))) for n in (7, 5))
    roots = np.sqrt(bridge.slopes) if diagonal else np.linalg.cholesky(bridge.slopes)
    start = [torch.asarray(p).requires_grad_() for p in (bridge.log_weights, bridge.offsets, roots)]

    def loss(log_weights: Any, offsets: Any, root: Any) -> Any:
        slopes = root**2 if diagonal else root @ root.mT
        return LightBridge(log_weights, offsets, slopes, 0.7).loss(X, y)

    assert torch.autograd.gradcheck(loss, start)


def shares_of(y: np.ndarray, n_components: int) -> np.ndarray:
    """Slices along the first column."""
    order = np.argsort(np.argsort(y[:, 0])) * n_components // len(y)
    return (order == np.arange(n_components)[:, None]).astype(float)


@pytest.mark.parametrize("diagonal", [True, False])
def test_the_fit_ends_where_the_gradient_is_zero_and_never_climbs(diagonal: bool) -> None:
    torch = pytest.importorskip("torch")
    X, y = random_pair(2, 0.5, diagonal=diagonal).sample(300, random_state=0)
    fitted = fit_light_bridge(
        X,
        y,
        shares_of(y, 3),
        epsilon=0.5,
        diagonal=diagonal,
        floor=np.zeros(3),
        max_iter=3000,
        tol=1e-14,
    )
    assert fitted.converged
    assert np.all(np.diff(fitted.loss_curve) < 0)
    bridge = fitted.bridge
    assert fitted.loss_curve[-1] == pytest.approx(float(bridge.loss(X, y)), abs=1e-10)
    parts = [
        torch.asarray(p).requires_grad_()
        for p in (bridge.log_weights, bridge.offsets, bridge.slopes)
    ]
    LightBridge(parts[0], parts[1], parts[2], 0.5).loss(
        torch.asarray(X), torch.asarray(y)
    ).backward()
    for part in parts:
        assert float(part.grad.abs().max()) < 1e-4


@pytest.mark.parametrize("diagonal", [True, False])
def test_one_component_is_the_plan_between_the_normal_laws_of_both_samples(diagonal: bool) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 3))
    y = rng.normal(size=(150, 3)) @ rng.normal(size=(3, 3)) + 1.0
    A, B = np.cov(X.T, ddof=0), np.cov(y.T, ddof=0)
    if diagonal:
        A, B = A * np.eye(3), B * np.eye(3)
    exact = GaussianPair(Normal(X.mean(axis=0), A), Normal(y.mean(axis=0), B), 0.8)
    fitted = fit_light_bridge(
        X,
        y,
        np.ones((1, 150)),
        epsilon=0.8,
        diagonal=diagonal,
        floor=np.zeros(3),
        max_iter=5,
        tol=1e-9,
    )
    np.testing.assert_allclose(fitted.bridge.mean(X), exact.conditional_mean(X), atol=1e-9)
    np.testing.assert_allclose(
        fitted.bridge.drift(X, 0.3), exact.drift(X, 0.3), rtol=1e-7, atol=1e-8
    )
    assert fitted.converged


@pytest.mark.parametrize("diagonal", [True, False])
def test_other_libraries_give_the_same_and_keep_their_kind(diagonal: bool) -> None:
    torch = pytest.importorskip("torch")
    bridge = bridge_of(random_pair(4, 0.5, diagonal=diagonal), diagonal=diagonal)
    X = np.random.default_rng(0).normal(size=(5, 3))

    def numbers(asarray: Callable[[Any], Any]) -> list[Any]:
        parts = [asarray(p) for p in (bridge.log_weights, bridge.offsets, bridge.slopes)]
        other, x = LightBridge(parts[0], parts[1], parts[2], 0.5), asarray(X)
        return [
            other.log_normalizer(x),
            other.log_potential(x),
            *other.conditional(x),
            other.mean(x),
            other.drift(x, 0.5),
            other.loss(x, x),
        ]

    for asarray in (torch.asarray, array_api_strict.asarray):
        for ours, expected in zip(numbers(asarray), numbers(np.asarray), strict=True):
            assert type(ours) is type(asarray(X))
            np.testing.assert_allclose(np.from_dlpack(ours), expected, atol=1e-10)
    short = [
        torch.asarray(p, dtype=torch.float32)
        for p in (bridge.log_weights, bridge.offsets, bridge.slopes, X)
    ]
    drift = LightBridge(short[0], short[1], short[2], 0.5).drift(short[3], 0.5)
    assert drift.dtype == torch.float32


def discrete_law(seed: int, epsilon: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(30, 2)), 1.0 + 2.0 * rng.normal(size=(40, 2))
    b = rng.dirichlet(np.ones(40))
    plan = sinkhorn(transport_cost(X, Y), None, b, epsilon=epsilon)
    return Y, plan.potentials[1], b


@given(seed=SEEDS, time=st.floats(0.0, 0.9))
def test_discrete_drift_is_the_slope_of_the_log_of_the_convolved_potential(
    seed: int, time: float
) -> None:
    epsilon = 0.8
    Y, g, b = discrete_law(seed, epsilon)

    def log_convolved(x: np.ndarray) -> np.ndarray:
        squares = np.sum((x[:, None] - Y) ** 2, axis=-1)
        return np.asarray(
            logsumexp(g / epsilon - squares / (2 * epsilon * (1 - time)), axis=1, b=b)
        )

    x = np.random.default_rng(seed).normal(size=(4, 2))
    expected = epsilon * slope_by_differences(log_convolved, x)
    drift = entropic_drift(x, time, Y, g, b, epsilon)
    np.testing.assert_allclose(drift, expected, rtol=1e-5, atol=1e-5)


def test_discrete_drift_points_to_the_nearest_row_at_the_end_and_far_away() -> None:
    Y, g, b = discrete_law(0, 0.8)
    near = Y + 1e-3
    drift = entropic_drift(near, 1 - 1e-9, Y, g, b, 0.8)
    np.testing.assert_allclose(drift * 1e-9, Y - near, atol=1e-9)
    far = entropic_drift(np.array([[1e8, 0.0]]), 0.5, Y, g, b, 0.8)
    rightmost = Y[np.argmax(Y[:, 0])]
    np.testing.assert_allclose(0.5 * far + [[1e8, 0.0]], [rightmost], atol=1e-6)
