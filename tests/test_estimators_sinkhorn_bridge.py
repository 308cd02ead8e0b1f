"""SinkhornBridge: the discrete bridge, its law between normal laws, few rows, bad input."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks
from transport_checks import (
    expected_failures,
    expected_failures_with_any_target,
    with_any_target,
)

from infotheory import SinkhornBridge
from infotheory.datasets import random_gaussian_pair, random_mixture_pair
from infotheory.functional import (
    bw2_uvp,
    conditional_bw2_uvp,
    conditional_bw2_uvp_floor,
    sinkhorn,
    transport_cost,
)


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks([SinkhornBridge()], expected_failed_checks=expected_failures)
def test_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks(
    [with_any_target(SinkhornBridge)()],
    expected_failed_checks=expected_failures_with_any_target,
)
def test_scikit_learn_with_any_target(estimator: Any, check: Any) -> None:
    check(estimator)


def two_samples(n: int, *, dim: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, dim))
    y = np.where(rng.uniform(size=(n, 1)) < 0.4, -2.0, 2.0) + 0.4 * rng.normal(size=(n, dim))
    return X, y


def test_draws_for_the_fitted_rows_follow_the_plan() -> None:
    X, y = two_samples(60)
    model = SinkhornBridge(epsilon=1.0, effective_rows=1, tau=1.0, tol=1e-8).fit(X, y)
    plan = sinkhorn(transport_cost(X, y), epsilon=1.0, tol=1e-8)
    np.testing.assert_allclose(model.transform(X), 60 * plan.plan @ y, atol=1e-6)
    assert model.cost_ == pytest.approx(float(plan.cost), rel=1e-7)
    n = 20_000
    drawn = model.sample(np.repeat(X[:2], n, axis=0), random_state=0).reshape(2, n, 2)
    for row in range(2):
        rows, counts = np.unique(drawn[row], axis=0, return_counts=True)
        place = {tuple(r): i for i, r in enumerate(y)}
        found = np.zeros(60)
        # Draws are fitted rows of y, and nothing else.
        found[[place[tuple(r)] for r in rows]] = counts / n
        expected = 60 * plan.plan[row]
        error = np.sqrt(expected * (1 - expected) / n)
        assert np.all(np.abs(found - expected) < 5 * error + 1e-4)


def test_the_dual_value_of_the_fitted_rows_is_that_of_their_plan() -> None:
    X, y = two_samples(80)
    model = SinkhornBridge(epsilon=1.0, effective_rows=1, tol=1e-9).fit(X, y)
    value = float(sinkhorn(transport_cost(X, y), epsilon=1.0, tol=1e-9).value)
    assert model.score(X, y) == pytest.approx(value, abs=1e-7)
    # Below the least regularised cost of new samples.
    fresh, target = (rows[::-1] + 0.1 for rows in two_samples(120))
    least = float(sinkhorn(transport_cost(fresh, target), epsilon=1.0, tol=1e-9).value)
    assert model.score(fresh, target) < least
    # A potential of other samples is a worse one.
    other = SinkhornBridge(epsilon=1.0, effective_rows=1).fit(X, -3 * y[::-1])
    assert other.score(fresh, target) < model.score(fresh, target)


@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_between_normal_laws_it_is_near_the_exact_bridge(epsilon: float) -> None:
    pair, n = random_gaussian_pair(2, epsilon, random_state=0), 1500
    X, y = pair.source.sample(n, 1), pair.sample(n, 2)[1]
    model = SinkhornBridge(epsilon=epsilon).fit(X, y)
    assert model.plan_epsilon_ == epsilon
    fresh = pair.source.sample(4000, 3)
    gap = model.transform(fresh) - pair.conditional_mean(fresh)
    total = np.trace(pair.target.covariance)
    # A mean over effective_rows_ rows has about this error; potentials err as much again.
    noise = np.trace(pair.conditional_covariance(fresh[:1])[0]) / model.effective_rows_
    assert np.mean(np.sum(gap**2, axis=1)) < 5 * noise
    path = model.sample_path(fresh, [0.0, 0.3, 0.7, 1.0], random_state=0)
    np.testing.assert_array_equal(path[0], fresh)
    for place, time in zip(path[1:], (0.3, 0.7, 1.0), strict=True):
        law = pair.bridge(time)
        floor = float(conditional_bw2_uvp_floor(law.covariance, law.covariance, n))
        assert float(bw2_uvp(place, law.mean, law.covariance)) < 6 * floor
    for time in (0.0, 0.5):
        at = pair.bridge(time).sample(500, 4)
        apart = model.drift(at, time) - pair.drift(at, time)
        assert np.mean(np.sum(apart**2, axis=1)) < 0.05 * total / (1 - time) ** 2


def test_euler_steps_along_the_drift_end_near_the_law_of_y() -> None:
    X, y = two_samples(800, dim=1)
    model = SinkhornBridge(epsilon=0.5, effective_rows=1).fit(X, y)
    rng, place, n_steps, tau = np.random.default_rng(0), X, 100, 0.99
    for step in range(n_steps):
        noise = math.sqrt(0.5 * tau / n_steps) * rng.normal(size=X.shape)
        place = place + model.drift(place, tau * step / n_steps) * tau / n_steps + noise
    drawn = SinkhornBridge(epsilon=0.5, effective_rows=1, tau=tau).fit(X, y).sample(X, 0)
    assert abs(place.mean() - drawn.mean()) < 5 * math.sqrt(2 * drawn.var() / 800) + 0.02
    assert place.std() == pytest.approx(drawn.std(), rel=0.06)


def test_tau_blurs_as_the_brownian_bridge_does() -> None:
    X, y = two_samples(400)
    sharp = SinkhornBridge(epsilon=1.0, effective_rows=1, tau=1.0).fit(X, y)
    drawn = sharp.sample(np.repeat(X, 20, axis=0), random_state=0)
    early = clone(sharp).set_params(tau=0.6).fit(X, y)
    blurred = early.sample(np.repeat(X, 20, axis=0), random_state=0)
    noise = blurred - (0.4 * np.repeat(X, 20, axis=0) + 0.6 * drawn)
    assert noise.var() == pytest.approx(0.6 * 0.4, rel=5 * math.sqrt(2 / noise.size))


def test_too_few_rows_raise_epsilon_and_are_noted() -> None:
    pair = random_mixture_pair(16, 0.1, random_state=0)
    X, y = pair.source.sample(1000, 1), pair.sample(1000, 2)[1]
    _, total = pair.target_moments(random_state=0)
    test = pair.source.sample(60, 3)

    def uvp(model: SinkhornBridge) -> float:
        drawn = model.sample(np.repeat(test, 300, axis=0), 0).reshape(60, 300, 16)
        moments = pair.conditional_mean(test), pair.conditional_covariance(test)
        return float(conditional_bw2_uvp(drawn, *moments, total))

    plain = SinkhornBridge(epsilon=0.1, effective_rows=1).fit(X, y)
    assert plain.effective_rows_ < 2
    assert plain.plan_epsilon_ == 0.1
    assert plain.notes_ == ()
    model = SinkhornBridge(epsilon=0.1).fit(X, y)
    assert model.plan_epsilon_ > 0.1
    assert model.effective_rows_ >= 9  # the search solves to a looser tolerance
    assert "too few for epsilon=0.1" in model.notes_[0]
    assert uvp(model) < 0.7 * uvp(plain)
    # Draws keep the mean of the map.
    x, n = test[:1], 4000
    drawn = model.sample(np.repeat(x, n, axis=0), 0)
    error = drawn.std(axis=0) / math.sqrt(n) + 1e-3 * np.abs(model.transform(x)[0] - x[0])
    assert np.all(np.abs(drawn.mean(axis=0) - model.transform(x)[0]) < 5 * error)


def test_far_rows_and_any_number_of_them_are_exact() -> None:
    X, y = two_samples(300)
    model = SinkhornBridge(epsilon=0.5, effective_rows=1, tau=1.0).fit(X, y)
    far = model.transform([[1e9, 0.0], [0.0, -1e9]])
    np.testing.assert_allclose(far[0], y[np.argmax(y[:, 0])], atol=1e-6)
    np.testing.assert_allclose(far[1], y[np.argmin(y[:, 1])], atol=1e-6)
    # More than a block of pairs, and rows that repeat between blocks.
    many = np.tile(X, (20, 1))
    np.testing.assert_allclose(model.transform(many)[-300:], model.transform(X), atol=1e-12)
    drawn = model.sample(many, random_state=0).reshape(20, 300, 2)
    weights_mean = drawn.mean(axis=(0, 1))
    error = drawn.std(axis=(0, 1)) / math.sqrt(6000)
    assert np.all(np.abs(weights_mean - y.mean(axis=0)) < 5 * error)


def test_a_fit_has_no_randomness_and_survives_pickling() -> None:
    X, y = two_samples(200)
    model = SinkhornBridge().fit(X, y)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(clone(model).fit(X, y).transform(X), model.transform(X))
    np.testing.assert_array_equal(loaded.sample(X, 1), model.sample(X, 1))
    np.testing.assert_array_equal(loaded.sample_path(X, [0.5], 2), model.sample_path(X, [0.5], 2))


def test_what_did_not_converge_says_so() -> None:
    X, y = two_samples(100)
    with pytest.warns(ConvergenceWarning, match="raise epsilon"):
        model = SinkhornBridge(epsilon=0.01, effective_rows=1, max_iter=1, tol=1e-12).fit(X, y)
    assert not model.converged_
    assert "max_iter" in model.notes_[-1]


@pytest.mark.parametrize(
    "words",
    [{"epsilon": 0.0}, {"epsilon": -1.0}, {"tau": 0.0}, {"tau": 1.1}, {"effective_rows": 0.5}],
)
def test_bad_parameters(words: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(words))):
        SinkhornBridge(**words).fit(*two_samples(50))


def test_bad_rows_and_times() -> None:
    X, y = two_samples(50)
    with pytest.raises(ValueError, match="2 columns of X, got 1"):
        SinkhornBridge().fit(X, y[:, :1])
    with pytest.raises(ValueError, match="NaN"):
        SinkhornBridge().fit(np.where(X > 2, np.nan, X), y)
    model = SinkhornBridge().fit(X, y)
    with pytest.raises(ValueError, match="times must"):
        model.sample_path(X, [0.5, 0.5])
    with pytest.raises(ValueError, match="time must"):
        model.drift(X, 1.0)
    with pytest.raises(ValueError, match="must have 2 columns"):
        model.score(X, y[:, :1])
    alike = SinkhornBridge().fit(X, np.ones((30, 2)))
    assert any("epsilon was set to 1" in note for note in alike.notes_)
