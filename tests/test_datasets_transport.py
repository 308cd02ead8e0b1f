"""Pairs with an exact transport plan, against grids, joint laws and sampling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp

from infotheory.datasets import (
    GaussianPair,
    MixturePair,
    Normal,
    Uniform,
    random_gaussian_pair,
    random_mixture_pair,
)
from infotheory.functional import conditional_bw2_uvp, conditional_bw2_uvp_floor

Pair = GaussianPair | MixturePair

LINE = MixturePair(
    Normal(0.2, 0.7), [0.3, 0.5, 0.2], [[-1.5], [0.4], [2.0]], [0.2, 0.5, 0.1], epsilon=0.4
)
PLANE = MixturePair(
    Normal([0.0, 0.3], [[0.8, 0.2], [0.2, 0.5]]),
    [0.6, 0.4],
    [[-1.2, 0.0], [1.0, 0.8]],
    [[[0.5, 0.1], [0.1, 0.4]], [[0.3, -0.1], [-0.1, 0.6]]],
    epsilon=0.5,
)
GAUSSIAN = GaussianPair(
    Normal([0.5, -0.2], [[1.0, 0.3], [0.3, 0.6]]),
    Normal([-0.4, 0.3], [[0.5, -0.2], [-0.2, 0.9]]),
    epsilon=0.5,
)
each_pair = pytest.mark.parametrize(
    "pair", [LINE, PLANE, GAUSSIAN], ids=["line", "plane", "gaussian"]
)


def within(actual: np.ndarray, expected: Any, draws: np.ndarray) -> None:
    """`actual` is the mean of `draws` over the first axis: within 5 standard errors."""
    error = draws.std(axis=0) / math.sqrt(len(draws))
    assert np.all(np.abs(actual - expected) < 5 * error + 1e-12)


def grid(pair: Pair, half: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of a grid, and the law of X on them."""
    side = np.linspace(-half, half, n)
    points = np.stack(np.meshgrid(*[side] * pair.dim, indexing="ij"), axis=-1)
    points = points.reshape(-1, pair.dim)
    weights = np.exp(pair.source.log_density(points))
    return points, weights / weights.sum()


def plan_on(pair: Pair, points: np.ndarray, a: np.ndarray) -> np.ndarray:
    log_density = pair.log_conditional_density(points[:, None], points[None])
    plan = np.exp(log_density)
    return a[:, None] * plan / plan.sum(axis=1, keepdims=True)


def log_sinkhorn(a: np.ndarray, b: np.ndarray, cost: np.ndarray, epsilon: float) -> np.ndarray:
    f, g = np.zeros_like(a), np.zeros_like(b)
    used = (a > 0)[:, None] & (b > 0)
    assert used.all()
    log_a, log_b = np.log(a), np.log(b)
    for _ in range(3000):
        f = -epsilon * logsumexp((g - cost) / epsilon + log_b, axis=1)
        new = -epsilon * logsumexp((f[:, None] - cost) / epsilon + log_a[:, None], axis=0)
        done = np.max(np.abs(new - g)) < 1e-12
        g = new
        if done:
            break
    return np.exp((f[:, None] + g - cost) / epsilon + log_a[:, None] + log_b)


# The plan is the entropic plan between its margins


@pytest.mark.parametrize(
    ("pair", "half", "n"),
    [(LINE, 5.0, 161), (PLANE, 4.5, 21), (GAUSSIAN, 4.5, 21)],
    ids=["line", "plane", "gaussian"],
)
def test_plan_is_that_of_sinkhorn_on_a_grid(pair: Pair, half: float, n: int) -> None:
    points, a = grid(pair, half, n)
    plan = plan_on(pair, points, a)
    cost = 0.5 * np.sum((points[:, None] - points) ** 2, axis=-1)
    solved = log_sinkhorn(a, plan.sum(axis=0), cost, pair.epsilon)
    assert np.sum(np.abs(solved - plan)) < 1e-8
    if isinstance(pair, GaussianPair):
        target = np.exp(pair.target.log_density(points))
        np.testing.assert_allclose(plan.sum(axis=0), target / target.sum(), atol=1e-6)
        assert np.sum(plan * cost) == pytest.approx(pair.cost, abs=1e-4)


@pytest.mark.parametrize(
    ("pair", "half", "n"), [(LINE, 6.0, 401), (PLANE, 6.0, 61)], ids=["line", "plane"]
)
def test_moments_by_quadrature(pair: MixturePair, half: float, n: int) -> None:
    points, _ = grid(pair, half, n)
    X = points[:: len(points) // 7] * 0.4
    logs = pair.log_potential(points) - np.sum((X[:, None] - points) ** 2, axis=-1) / (
        2 * pair.epsilon
    )
    weights = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
    mean = weights @ points
    square = np.einsum("np,pi,pj->nij", weights, points, points)
    np.testing.assert_allclose(pair.conditional_mean(X), mean, atol=1e-7)
    np.testing.assert_allclose(
        pair.conditional_covariance(X),
        square - mean[:, :, None] * mean[:, None, :],
        atol=1e-7,
    )
    cell = (2 * half / (n - 1)) ** pair.dim
    density = np.exp(pair.log_conditional_density(X[:, None], points[None]))
    np.testing.assert_allclose(density * cell, weights, atol=1e-7)


def test_gaussian_plan_is_a_normal_law() -> None:
    p, q, K = GAUSSIAN.source, GAUSSIAN.target, GAUSSIAN.cross_covariance
    joint = Normal(
        np.concatenate([p.mean, q.mean]), np.block([[p.covariance, K], [K.T, q.covariance]])
    )
    X, y = GAUSSIAN.sample(50, random_state=0)
    both = joint.log_density(np.hstack([X, y]))
    np.testing.assert_allclose(
        GAUSSIAN.log_conditional_density(X, y), both - p.log_density(X), atol=1e-10
    )
    pointwise = both - p.log_density(X) - q.log_density(y)
    np.testing.assert_allclose(GAUSSIAN.pointwise_mutual_information(X, y), pointwise, atol=1e-10)
    information = GAUSSIAN.mutual_information
    assert GAUSSIAN.value == pytest.approx(GAUSSIAN.cost + GAUSSIAN.epsilon * information)
    constant = np.broadcast_to(GAUSSIAN.conditional_covariance(X[:1]), (50, 2, 2))
    np.testing.assert_allclose(GAUSSIAN.conditional_covariance(X), constant)
    slope = np.linalg.solve(p.covariance, K).T
    np.testing.assert_allclose(constant[0], q.covariance - slope @ K, atol=1e-12)


# Draws


def test_draws_of_the_gaussian_plan() -> None:
    X, y = GAUSSIAN.sample(100_000, random_state=0)
    p, q = GAUSSIAN.source, GAUSSIAN.target
    for rows, law in ((X, p), (y, q)):
        within(rows.mean(axis=0), law.mean, rows)
        products = (rows - law.mean)[:, :, None] * (rows - law.mean)[:, None]
        within(products.mean(axis=0), law.covariance, products)
    products = (X - p.mean)[:, :, None] * (y - q.mean)[:, None]
    within(products.mean(axis=0), GAUSSIAN.cross_covariance, products)
    cost = 0.5 * np.sum((X - y) ** 2, axis=1)
    within(cost.mean(), GAUSSIAN.cost, cost)
    information = GAUSSIAN.pointwise_mutual_information(X, y)
    within(information.mean(), GAUSSIAN.mutual_information, information)


@each_pair
def test_conditional_draws_have_the_conditional_moments(pair: Pair) -> None:
    X = pair.sample(4, random_state=1)[0]
    draws = pair.sample_conditional(X, 40_000, random_state=2)
    assert draws.shape == (4, 40_000, pair.dim)
    mean, covariance = pair.conditional_mean(X), pair.conditional_covariance(X)
    for i in range(4):
        within(draws[i].mean(axis=0), mean[i], draws[i])
        away = draws[i] - mean[i]
        products = away[:, :, None] * away[:, None]
        within(products.mean(axis=0), covariance[i], products)
    weights, means, covariances = pair.conditional(X)
    assert weights.shape == means.shape[:2] == (4, len(covariances))
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    np.testing.assert_allclose(np.einsum("nk,nkd->nd", weights, means), mean)


@pytest.mark.parametrize("pair", [LINE, PLANE], ids=["line", "plane"])
def test_moments_of_the_target(pair: MixturePair) -> None:
    mean, covariance = pair.target_moments(random_state=0)
    _, y = pair.sample(200_000, random_state=1)
    # Both sides are drawn: the standard error is that of the smaller sample.
    within(y.mean(axis=0), mean, y[:16_384])
    away = y - y.mean(axis=0)
    products = away[:, :, None] * away[:, None]
    within(products.mean(axis=0), covariance, products[:16_384])
    assert covariance.shape == (pair.dim, pair.dim)


def test_margins_on_the_line() -> None:
    """The mean log density of y given x, by draws and by quadrature."""
    points, a = grid(LINE, 5.0, 201)
    plan = plan_on(LINE, points, a)
    expected = np.sum(plan * LINE.log_conditional_density(points[:, None], points[None]))
    X, y = LINE.sample(50_000, random_state=3)
    values = LINE.log_conditional_density(X, y)
    within(values.mean(), expected, values)


# The bridge


def test_bridge_of_the_gaussian_pair() -> None:
    X, _ = GAUSSIAN.sample(60_000, random_state=0)
    times = [0.0, 0.25, 0.6, 1.0]
    path = GAUSSIAN.sample_path(X, times, random_state=1)
    assert path.shape == (4, 60_000, 2), "times first, as bridges of estimators have them"
    np.testing.assert_array_equal(path[0], X)
    for i, time in enumerate(times):
        law = GAUSSIAN.bridge(time)
        within(path[i].mean(axis=0), law.mean, path[i])
        products = (path[i] - law.mean)[:, :, None] * (path[i] - law.mean)[:, None]
        within(products.mean(axis=0), law.covariance, products)


def test_paths_have_the_increments_of_a_brownian_bridge() -> None:
    """Between places a fourth and a half of the way, whatever lies at the ends."""
    X, _ = LINE.sample(60_000, random_state=0)
    path = LINE.sample_path(X, [0.25, 0.5, 1.0], random_state=1)[..., 0]
    x, y = X[:, 0], path[2]
    first, second = path[0] - (0.75 * x + 0.25 * y), path[1] - 0.5 * (x + y)
    for product, variance in ((first**2, 3 / 16), (second**2, 1 / 4), (first * second, 1 / 8)):
        within(product.mean(), LINE.epsilon * variance, product)


def test_drift_of_the_gaussian_pair() -> None:
    """By the joint normal law of the place at a time and the end."""
    time, p, q, K = 0.3, GAUSSIAN.source, GAUSSIAN.target, GAUSSIAN.cross_covariance
    law = GAUSSIAN.bridge(time)
    x = law.sample(5, random_state=0)
    cross = (1 - time) * K + time * q.covariance  # of the place (rows) and the end
    slope = np.linalg.solve(law.covariance, cross).T
    end = q.mean + (x - law.mean) @ slope.T
    np.testing.assert_allclose(GAUSSIAN.drift(x, time), (end - x) / (1 - time), atol=1e-9)
    start = p.sample(5, random_state=0)
    expected = GAUSSIAN.conditional_mean(start) - start
    np.testing.assert_allclose(GAUSSIAN.drift(start, 0.0), expected)


def test_drift_on_the_line_by_quadrature() -> None:
    """Mean of the end given a place at a time, over the joint law of both ends on a grid."""
    time = 0.4
    points, a = grid(LINE, 5.0, 401)
    plan, z = plan_on(LINE, points, a), points[:, 0]
    centre = (1 - time) * z[:, None] + time * z
    variance = LINE.epsilon * time * (1 - time)
    for place in (-1.0, 0.1, 0.9):
        weights = plan * np.exp(-((place - centre) ** 2) / (2 * variance))
        end = np.sum(weights @ z) / np.sum(weights)
        drift = LINE.drift([[place]], time)
        assert drift[0, 0] == pytest.approx((end - place) / (1 - time), abs=1e-6)


# The two are one where the mixture has one component


def test_one_component_is_a_gaussian_pair() -> None:
    source = Normal([0.5, -0.2], [[1.0, 0.3], [0.3, 0.6]])
    mixture = MixturePair(source, [1.0], [[1.0, 0.0]], [[[0.4, 0.1], [0.1, 0.8]]], epsilon=0.7)
    X = source.sample(6, random_state=0)
    gain = np.linalg.solve(mixture.covariances[0] + 0.7 * np.eye(2), mixture.covariances[0])
    mean = mixture.conditional_mean(source.mean[None])[0]
    covariance = gain @ source.covariance @ gain.T + mixture.conditional_covariance(X[:1])[0]
    pair = GaussianPair(source, Normal(mean, 0.5 * (covariance + covariance.T)), 0.7)
    y = pair.target.sample(6, random_state=1)
    np.testing.assert_allclose(mixture.conditional_mean(X), pair.conditional_mean(X), atol=1e-9)
    np.testing.assert_allclose(
        mixture.log_conditional_density(X, y), pair.log_conditional_density(X, y), atol=1e-8
    )
    np.testing.assert_allclose(mixture.drift(X, 0.5), pair.drift(X, 0.5), atol=1e-8)


def test_far_and_extreme() -> None:
    """No overflow far away, nor with little or much regularisation."""
    far = np.array([[1e6, -1e6], [0.0, 1e8]])
    for epsilon in (1e-9, 1.0, 1e9):
        mixture = MixturePair(PLANE.source, PLANE.weights, PLANE.means, PLANE.covariances, epsilon)
        gaussian = GaussianPair(GAUSSIAN.source, GAUSSIAN.target, epsilon)
        for pair in (mixture, gaussian):
            X, y = pair.sample(20, random_state=0)
            assert np.all(np.isfinite(pair.conditional_mean(far)))
            assert np.all(np.isfinite(pair.conditional_covariance(far)))
            assert np.all(np.isfinite(pair.log_conditional_density(X, y)))
            assert np.all(np.isfinite(pair.drift(X, 0.5)))
    tiny, huge = (
        GaussianPair(GAUSSIAN.source, GAUSSIAN.target, epsilon) for epsilon in (1e-9, 1e9)
    )
    X = GAUSSIAN.source.sample(5, random_state=0)
    np.testing.assert_allclose(huge.conditional_mean(X) - huge.target.mean, 0.0, atol=1e-8)
    # A map: the covariance of the target is met without noise.
    slope = tiny.conditional_mean(np.eye(2)) - tiny.conditional_mean(np.zeros((1, 2)))
    np.testing.assert_allclose(
        slope @ GAUSSIAN.source.covariance @ slope.T, GAUSSIAN.target.covariance, atol=1e-8
    )


# Random pairs, the metric and its floor


def test_random_pairs_are_named_by_their_seed() -> None:
    for make in (random_gaussian_pair, random_mixture_pair):
        first, again, other = (make(3, 1.0, random_state=seed) for seed in (0, 0, 1))
        X = first.sample(4, random_state=5)[0]
        np.testing.assert_array_equal(first.conditional_mean(X), again.conditional_mean(X))
        assert not np.allclose(first.conditional_mean(X), other.conditional_mean(X))
        for left, right in zip(
            first.sample(3, random_state=7), again.sample(3, random_state=7), strict=True
        ):
            np.testing.assert_array_equal(left, right)
    assert random_gaussian_pair(1, 1.0, random_state=0).dim == 1
    assert random_mixture_pair(1, 1.0, random_state=0).target_moments()[1].shape == (1, 1)


def test_random_gaussian_pair_has_the_spectrum_it_says() -> None:
    pair = random_gaussian_pair(5, 1.0, random_state=0)
    for law in (pair.source, pair.target):
        np.testing.assert_allclose(np.linalg.eigvalsh(law.covariance), np.geomspace(0.25, 4, 5))


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 10.0])
def test_benchmark_uses_all_components(epsilon: float) -> None:
    pair = random_mixture_pair(16, epsilon, random_state=0)
    at_zero = pair.conditional(np.zeros((1, 16))).weights
    np.testing.assert_allclose(at_zero, 0.2, rtol=1e-9)
    X, _ = pair.sample(2000, random_state=1)
    assert pair.conditional(X).weights.mean(axis=0).min() > 0.1
    np.testing.assert_allclose(np.linalg.norm(pair.means, axis=1), 5.0)


def test_constant_and_exact_predictions() -> None:
    """100 % and the floor, in the plane of the benchmark."""
    pair = random_mixture_pair(2, 1.0, random_state=0)
    mean, covariance = pair.target_moments(random_state=1)
    X, _ = pair.sample(4000, random_state=2)
    exact = pair.conditional_mean(X), pair.conditional_covariance(X)
    terms = np.array(
        [
            conditional_bw2_uvp(np.broadcast_to(mean, (1, 5, 2)), m[None], c[None], covariance)
            for m, c in zip(*exact, strict=True)
        ]
    )
    within(terms.mean(), 100.0, terms)
    floor = pair.sampling_floor(X[:300], covariance, 1000, random_state=3)
    draws = pair.sample_conditional(X[:300], 1000, random_state=4)
    score = conditional_bw2_uvp(draws, exact[0][:300], exact[1][:300], covariance)
    # Means over 300 rows of something whose spread is about its size.
    assert 0.7 < score / floor < 1.4
    assert 0.02 < floor < 0.2


def test_floor_of_a_gaussian_pair_is_the_formula() -> None:
    pair = random_gaussian_pair(4, 1.0, random_state=0)
    X, _ = pair.sample(800, random_state=1)
    floor = pair.sampling_floor(X, pair.target.covariance, 200, random_state=2)
    formula = conditional_bw2_uvp_floor(
        pair.conditional_covariance(X[:1])[0], pair.target.covariance, 200
    )
    # Of the order d / n = 2 %, and 800 rows of the relative spread 1 / 2 at most.
    assert floor == pytest.approx(formula, rel=0.1)


def test_floor_in_blocks() -> None:
    """More than one block of 2^22 numbers."""
    pair = random_gaussian_pair(2, 1.0, random_state=0)
    X, _ = pair.sample(5, random_state=1)
    floor = pair.sampling_floor(X, pair.target.covariance, 2**20, random_state=2)
    assert 0 < floor < 1e-3


# Bad input


def test_what_does_not_fit_is_named() -> None:
    line, plane = Normal(), Normal([0.0, 0.0])
    with pytest.raises(ValueError, match="one dimension, got 1 and 2"):
        GaussianPair(line, plane, 1.0)
    for epsilon in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="epsilon must be positive and finite"):
            GaussianPair(line, line, epsilon)
        with pytest.raises(ValueError, match="epsilon must be positive and finite"):
            MixturePair(line, [1.0], [[0.0]], 1.0, epsilon)
        with pytest.raises(ValueError, match="epsilon must be positive and finite"):
            random_mixture_pair(2, epsilon)
        with pytest.raises(ValueError, match="variance must be positive and finite"):
            random_mixture_pair(2, 1.0, variance=epsilon)
    with pytest.raises(ValueError, match="sum to 1"):
        MixturePair(line, [0.5, 0.6], [[0.0], [1.0]], 1.0, 1.0)
    with pytest.raises(ValueError, match="weights must be positive"):
        MixturePair(line, [0.0, 1.0], [[0.0], [1.0]], 1.0, 1.0)
    with pytest.raises(ValueError, match=r"means must have the shape \(2, 1\)"):
        MixturePair(line, [0.5, 0.5], [[0.0]], 1.0, 1.0)
    with pytest.raises(ValueError, match="one for each of the 2 weights"):
        MixturePair(line, [0.5, 0.5], [[0.0], [1.0]], [1.0], 1.0)
    with pytest.raises(ValueError, match="positive definite"):
        MixturePair(line, [1.0], [[0.0]], [-1.0], 1.0)
    for time in (-0.1, 1.0):
        with pytest.raises(ValueError, match=r"time must lie in \[0, 1\)"):
            LINE.drift([[0.0]], time)
    with pytest.raises(ValueError, match=r"time must lie in \[0, 1\]"):
        GAUSSIAN.bridge(1.1)
    for times in ([], [0.5, 0.5], [[0.1, 0.2]]):
        with pytest.raises(ValueError, match="times must be a vector that grows"):
            LINE.sample_path([[0.0]], times)
    for times in ([-0.5, 0.5], [0.5, 1.5]):
        with pytest.raises(ValueError, match="times must lie in"):
            LINE.sample_path([[0.0]], times)
    with pytest.raises(ValueError, match="X must have the shape"):
        LINE.conditional_mean([0.0])


def test_any_distribution_is_a_source() -> None:
    pair = MixturePair(Uniform([-1.0, -2.0], [1.0, 2.0]), [1.0], [[0.0, 0.0]], 1.0, 1.0)
    X, y = pair.sample(1000, random_state=0)
    assert X.shape == y.shape == (1000, 2)
    assert np.all(np.abs(X) <= [1.0, 2.0])
    assert pair.dim == pair.dim_x == pair.dim_y == 2
