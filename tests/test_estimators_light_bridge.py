"""LightSB: exact plans within sampling error, paths, choices, bad input."""

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

from infotheory import LightSB
from infotheory.datasets import GaussianPair, Normal, random_gaussian_pair, random_mixture_pair
from infotheory.functional import (
    bw2_uvp,
    conditional_bw2_uvp_floor,
    gaussian_transport,
    gaussian_wasserstein,
)


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks(
    [LightSB(), LightSB(n_components=2, covariance_type="full")],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks(
    [with_any_target(LightSB)(n_components=2)],
    expected_failed_checks=expected_failures_with_any_target,
)
def test_scikit_learn_with_any_target(estimator: Any, check: Any) -> None:
    check(estimator)


def two_samples(n: int, *, dim: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, dim))
    y = np.where(rng.uniform(size=(n, 1)) < 0.4, -2.0, 2.0) + 0.4 * rng.normal(size=(n, dim))
    return X, y


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 10.0])
def test_one_component_is_the_gaussian_plan(epsilon: float) -> None:
    pair, n = random_gaussian_pair(3, epsilon, random_state=0), 20_000
    X, y = pair.source.sample(n, 1), pair.sample(n, 2)[1]
    model = LightSB(epsilon=epsilon, n_components=1, covariance_type="full").fit(X, y)
    # The plan of the sample moments, exactly: the floor of variance moves it by a millionth.
    A, B = np.cov(X.T, ddof=0), np.cov(y.T, ddof=0)
    exact = gaussian_transport(X.mean(axis=0), A, y.mean(axis=0), B, epsilon)
    np.testing.assert_allclose(model.transform(X), X @ exact.slope + exact.intercept, atol=1e-4)
    assert model.cost_ == pytest.approx(float(exact.cost), rel=1e-5)
    _, _, covariances = model.conditional(X[:1])
    np.testing.assert_allclose(covariances[0], epsilon * exact.slope, atol=1e-5)
    # The plan of the laws, to the error of the moments: relative sqrt(2 / n) for a variance.
    scale = 6 * math.sqrt(2 / n)
    spread = np.linalg.norm(pair.conditional_covariance(X[:1])[0])
    assert np.linalg.norm(covariances[0] - pair.conditional_covariance(X[:1])[0]) < scale * spread
    for time in (0.0, 0.3, 0.9):
        gap = model.drift(X[:50], time) - pair.drift(X[:50], time)
        assert np.abs(gap).max() < 4 * scale * np.abs(pair.drift(X[:50], time)).max()


def test_paths_have_the_marginals_of_the_gaussian_bridge() -> None:
    pair, n, times = random_gaussian_pair(2, 1.0, random_state=3), 40_000, [0.0, 0.2, 0.5, 0.9, 1.0]
    X, y = pair.source.sample(n, 1), pair.sample(n, 2)[1]
    model = LightSB(epsilon=1.0, n_components=1, covariance_type="full").fit(X, y)
    path = model.sample_path(X, times, random_state=0)
    assert path.shape == (5, n, 2)
    np.testing.assert_array_equal(path[0], X)
    for place, time in zip(path, times, strict=True):
        law = pair.bridge(time)
        # Twice the floor: of the draws, and of the fitted moments.
        floor = 4 * float(conditional_bw2_uvp_floor(law.covariance, law.covariance, n))
        assert float(bw2_uvp(place, law.mean, law.covariance)) < 3 * floor
    # Jointly over times: what a step adds to the place given both ends has the bridge's variance.
    middle = path[2] - (path[1] + (0.3 / 0.8) * (path[4] - path[1]))
    assert middle.var(axis=0) == pytest.approx([0.3 * 0.5 / 0.8] * 2, rel=5 * math.sqrt(2 / n))
    assert abs(np.corrcoef(middle[:, 0], path[1][:, 0])[0, 1]) < 5 / math.sqrt(n)


@pytest.mark.parametrize(("dim", "epsilon"), [(2, 0.1), (2, 1.0), (16, 1.0), (8, 10.0)])
def test_the_mixture_benchmark_is_near_the_exact_plan(dim: int, epsilon: float) -> None:
    pair = random_mixture_pair(dim, epsilon, random_state=0)
    X, y = pair.source.sample(8000, 1), pair.sample(8000, 2)[1]
    model = LightSB(epsilon=epsilon, n_components=5, covariance_type="diag", random_state=0)
    weights, means, covariances = model.fit(X, y).conditional(X[:100])
    mean = np.einsum("lk,lkd->ld", weights, means)
    np.testing.assert_allclose(model.transform(X[:100]), mean, atol=1e-10)
    away = means - mean[:, None]
    covariance = np.einsum("lk,lkd,lke->lde", weights, away, away)
    covariance += np.tensordot(weights, covariances, axes=1)
    gaps = gaussian_wasserstein(
        mean, covariance, pair.conditional_mean(X[:100]), pair.conditional_covariance(X[:100])
    )
    _, total = pair.target_moments(random_state=0)
    uvp = 200 * gaps.mean() / np.trace(total)
    laws = [Normal(rows.mean(axis=0), np.cov(rows.T)) for rows in (X, y)]
    one = GaussianPair(laws[0], laws[1], epsilon)
    plain = gaussian_wasserstein(
        one.conditional_mean(X[:100]),
        one.conditional_covariance(X[:100]),
        pair.conditional_mean(X[:100]),
        pair.conditional_covariance(X[:100]),
    )
    # 0 but for the error of the fit, which was at most .4 % with 20 000 rows at epsilon .1.
    assert uvp < 1.0
    assert 20 * gaps.mean() < plain.mean()


@pytest.mark.slow
def test_components_and_kinds_of_slope_are_chosen_by_rows_held_out() -> None:
    pair = random_mixture_pair(2, 0.1, random_state=0)
    X, y = pair.source.sample(2000, 1), pair.sample(2000, 2)[1]
    model = LightSB(epsilon=0.1, random_state=0).fit(X, y)
    assert 4 <= model.n_components_ <= 8
    best = max(model.validation_scores_.values())
    assert model.validation_scores_["diag", 1] < best - 1
    # One normal law with correlations needs one component, and not a diagonal one.
    gaussian = random_gaussian_pair(3, 1.0, random_state=0)
    X, y = gaussian.source.sample(2000, 1), gaussian.sample(2000, 2)[1]
    model = LightSB(epsilon=1.0, random_state=0).fit(X, y)
    assert (model.n_components_, model.covariance_type_) == (1, "full")


def test_draws_have_the_moments_of_the_conditional_law() -> None:
    X, y = two_samples(2000)
    model = LightSB(epsilon=1.0, n_components=3, covariance_type="full", random_state=0).fit(X, y)
    x, n = np.array([[0.3, -0.2]]), 40_000
    drawn = model.sample(np.repeat(x, n, axis=0), random_state=1)
    weights, means, covariances = (part for part in model.conditional(x))
    mean = weights[0] @ means[0]
    away = means[0] - mean
    covariance = np.tensordot(weights[0], covariances, axes=1) + (away.T * weights[0]) @ away
    error = np.sqrt(np.diag(covariance) / n)
    assert np.all(np.abs(drawn.mean(axis=0) - mean) < 5 * error)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=8 * np.max(covariance) / n**0.5)
    # Draws for the rows of X have the law of y, as the fit makes them.
    ours = model.sample(X, random_state=2)
    assert abs(np.mean(ours[:, 0] < 0) - np.mean(y[:, 0] < 0)) < 5 * math.sqrt(0.25 / 2000)


def test_euler_steps_along_the_drift_end_as_the_draws_do() -> None:
    X, y = two_samples(4000, dim=1)
    model = LightSB(epsilon=0.5, n_components=2, random_state=0).fit(X, y)
    rng, place, n_steps = np.random.default_rng(0), X, 100
    for step in range(n_steps):
        noise = math.sqrt(0.5 / n_steps) * rng.normal(size=X.shape)
        place = place + model.drift(place, step / n_steps) / n_steps + noise
    drawn = model.sample(X, random_state=0)
    # Two samples of 4 000 rows, and steps of a hundredth.
    assert abs(place.mean() - drawn.mean()) < 5 * math.sqrt(2 * drawn.var() / len(X)) + 0.02
    assert place.std() == pytest.approx(drawn.std(), rel=0.05)
    assert np.mean(np.sign(place) == np.sign(drawn)) > 0.6


def test_the_plan_moves_and_scales_with_the_samples() -> None:
    X, y = two_samples(500)
    words: dict[str, Any] = {"n_components": 2, "random_state": 0}
    plain = LightSB(epsilon=0.5, **words).fit(X, y)
    moved = LightSB(epsilon=0.5, **words).fit(X + 1e5, y - 1e5)
    scaled = LightSB(epsilon=0.5 * 9, **words).fit(3 * X, 3 * y)
    np.testing.assert_allclose(moved.transform(X + 1e5) + 1e5, plain.transform(X), atol=1e-7)
    # The bridge moves by +1e5 at the start and by -1e5 at the end.
    np.testing.assert_allclose(moved.drift(X + 0.2e5, 0.4) + 2e5, plain.drift(X, 0.4), atol=1e-6)
    np.testing.assert_allclose(scaled.transform(3 * X), 3 * plain.transform(X), atol=1e-7)
    np.testing.assert_allclose(
        scaled.sample(3 * X, random_state=0), 3 * plain.sample(X, random_state=0), atol=1e-7
    )
    assert moved.score(X + 1e5, y - 1e5) == pytest.approx(plain.score(X, y), abs=1e-7)


@pytest.mark.parametrize("covariance_type", ["diag", "full"])
def test_the_bridge_in_the_units_of_the_samples_is_that_of_the_estimator(
    covariance_type: str,
) -> None:
    X, y = two_samples(400)
    model = LightSB(
        epsilon=0.5, n_components=3, covariance_type=covariance_type, random_state=0
    ).fit(X + 1.0, y - 2.0)
    rows = X[:20] + 1.0
    np.testing.assert_allclose(model.bridge_.mean(rows), model.transform(rows), atol=1e-10)
    np.testing.assert_allclose(model.bridge_.drift(rows, 0.6), model.drift(rows, 0.6), atol=1e-9)
    weights = model.conditional(rows).weights
    np.testing.assert_allclose(model.bridge_.weights(rows), weights, atol=1e-10)
    assert model.loss_curve_[-1] == pytest.approx(-model.score(X + 1.0, y - 2.0), abs=1e-10)
    assert np.all(np.diff(model.loss_curve_) < 0)
    drawn = model.sample(np.repeat(X + 1.0, 50, axis=0), random_state=0)
    costs = 0.5 * np.sum((np.repeat(X + 1.0, 50, axis=0) - drawn) ** 2, axis=1)
    error = costs.std() / math.sqrt(len(costs))
    assert model.cost_ == pytest.approx(costs.mean(), abs=5 * error)


def test_a_fit_is_told_by_its_seed_alone_and_survives_pickling() -> None:
    X, y = two_samples(600)
    model = LightSB(epsilon=0.5, random_state=3)
    first, again = model.fit(X, y).transform(X), clone(model).fit(X, y).transform(X)
    np.testing.assert_array_equal(first, again)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.sample(X, 0), model.sample(X, 0))
    np.testing.assert_array_equal(model.sample_path(X, [0.5], 1), loaded.sample_path(X, [0.5], 1))
    assert np.any(model.sample(X, 0) != model.sample(X, 1))


def test_a_better_plan_has_a_better_score() -> None:
    pair = random_mixture_pair(2, 1.0, random_state=0)
    X, y = pair.source.sample(3000, 1), pair.sample(3000, 2)[1]
    fresh = pair.source.sample(3000, 3), pair.sample(3000, 4)[1]
    one, many = (LightSB(epsilon=1.0, n_components=k, random_state=0).fit(X, y) for k in (1, 5))
    assert many.score(*fresh) > one.score(*fresh) + 1


def test_what_did_not_converge_says_so() -> None:
    X, y = two_samples(400)
    model = LightSB(epsilon=0.1, n_components=8, max_iter=1, tol=0.0, random_state=0)
    with pytest.warns(ConvergenceWarning, match="raise max_iter"):
        model.fit(X, y)
    assert not model.converged_
    assert "max_iter" in model.notes_[-1]


def test_repeated_rows_constant_columns_and_lonely_rows_are_noted() -> None:
    X, y = two_samples(400)
    model = LightSB(epsilon=0.5, n_components=2, random_state=0).fit(X, np.sign(y))
    assert any("repeat" in note for note in model.notes_)
    model = LightSB(epsilon=0.5, n_components=2, random_state=0).fit(X, y * [1.0, 0.0])
    assert any("constant" in note for note in model.notes_)
    outlier = np.vstack([y, [[100.0, 100.0]]])
    model = LightSB(epsilon=0.5, n_components=3, random_state=0).fit(X, outlier)
    assert any("1 of 3 components have shrunk" in note for note in model.notes_)
    model = LightSB(epsilon=0.5, n_components=4, random_state=0).fit(X, np.sign(y[:, :1]) * [1, 1])
    assert any("without rows" in note for note in model.notes_)
    assert model.n_components_ == 2
    model = LightSB(random_state=0).fit(np.ones((30, 2)), y)
    assert model.epsilon_ == 1.0
    assert any("epsilon was set to 1" in note for note in model.notes_)


def test_a_tiny_epsilon_and_far_rows_stay_finite() -> None:
    X, y = two_samples(60)
    model = LightSB(epsilon=1e-8, random_state=0).fit(X, y)
    assert np.all(np.isfinite(model.sample(X, 0)))
    assert np.all(np.isfinite(model.drift(1e9 * np.ones((1, 2)), 0.5)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"n_components": 61}, "must not exceed the rows of y, got 61"),
        ({"n_components": 0}, "n_components"),
        ({"epsilon": 0.0}, "epsilon"),
        ({"epsilon": -1.0}, "epsilon"),
        ({"covariance_type": "tied"}, "covariance_type"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
    ],
)
def test_bad_parameters(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LightSB(**words).fit(*two_samples(60))


def test_bad_rows_and_times() -> None:
    X, y = two_samples(60)
    with pytest.raises(ValueError, match="2 columns of X, got 1"):
        LightSB().fit(X, y[:, :1])
    with pytest.raises(ValueError, match="NaN"):
        LightSB().fit(X, np.where(y > 2, np.nan, y))
    model = LightSB(epsilon=0.5, n_components=1).fit(X, y)
    for times in ([0.5, 0.2], [-0.1], [0.5, 1.1], [0.3, 0.3], [], [np.nan]):
        with pytest.raises(ValueError, match="times must"):
            model.sample_path(X, times)
    for time in (1.0, -0.1, math.nan):
        with pytest.raises(ValueError, match="time must"):
            model.drift(X, time)
    with pytest.raises(ValueError, match="must have 2 columns"):
        model.score(X, y[:, :1])
