"""Sinkhorn: the plan and the map, the laws of transport, and bad input."""

from __future__ import annotations

import math
import pickle
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from transport_checks import expected_failures, expected_failures_with_any_target, with_any_target
from transport_samples import PAIR, clouds, draws

from infotheory import LightSB, Sinkhorn, SinkhornBridge, SinkhornDivergence, confidence_interval
from infotheory.functional import sinkhorn, transport_cost
from infotheory.functional._plan_measures import plan_measures


@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks([Sinkhorn()], expected_failed_checks=expected_failures)
def test_sklearn_contract(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks(
    [with_any_target(Sinkhorn)()], expected_failed_checks=expected_failures_with_any_target
)
def test_sklearn_contract_with_any_target(estimator, check):
    check(estimator)


def test_the_map_converges_to_the_conditional_mean():
    # At a fixed epsilon the error of the map falls as the root of the number of rows.
    new = PAIR.source.sample(300, 99)
    exact = PAIR.conditional_mean(new)
    error = {}
    for n in (100, 900):
        maps = [Sinkhorn(epsilon=1.0, tol=1e-4).fit(*draws(PAIR, n, n, s)) for s in range(5)]
        error[n] = math.sqrt(np.mean([(f.transform(new) - exact) ** 2 for f in maps]))
    assert 2 < error[100] / error[900] < 4.5
    assert error[900] < 0.1 * exact.std()


def test_fitted_rows_are_sent_where_the_plan_says():
    X, y = clouds()
    model = Sinkhorn(epsilon=0.3, tol=1e-12).fit(X, y)
    P = model.plan_
    np.testing.assert_allclose(P.sum(axis=1), 1 / 40, rtol=1e-10)
    np.testing.assert_allclose(P.sum(axis=0), 1 / 30, rtol=1e-10)
    np.testing.assert_allclose(model.transform(X), 40 * P @ y, rtol=1e-9)
    np.testing.assert_allclose(model.inverse_transform(y), 30 * P.T @ X, rtol=1e-9)
    costs = transport_cost(X, y)
    assert model.cost_ == pytest.approx(np.sum(P * costs))
    divergence = np.sum(P * np.log(P * 40 * 30))
    assert model.value_ == pytest.approx(model.cost_ + 0.3 * divergence)
    assert 0 <= model.duality_gap_ < 1e-9
    f, g = model.potentials_
    assert f.mean() == pytest.approx(g.mean())


@pytest.mark.parametrize("cost", ["half-sqeuclidean", "sqeuclidean", "euclidean", "cosine"])
def test_precomputed_and_callable_are_as_computed(cost):
    X, y = clouds()
    new = X[:5] + 0.1
    named = Sinkhorn(cost=cost).fit(X, y)
    own = Sinkhorn(cost=lambda X, Y: transport_cost(X, Y, cost)).fit(X, y)
    known = Sinkhorn(cost="precomputed").fit(transport_cost(X, y, cost), y)
    for other, rows in ((own, new), (known, transport_cost(new, y, cost))):
        assert other.epsilon_ == pytest.approx(named.epsilon_)
        assert other.value_ == pytest.approx(named.value_)
        np.testing.assert_allclose(other.plan_, named.plan_, atol=1e-12)
        np.testing.assert_allclose(other.transform(rows), named.transform(new), atol=1e-10)
        np.testing.assert_array_equal(other.sample(rows, 0), named.sample(new, 0))
    np.testing.assert_allclose(own.inverse_transform(y), named.inverse_transform(y), atol=1e-10)
    assert own.score(new, y) == pytest.approx(named.score(new, y))
    assert not hasattr(known, "score")
    assert not hasattr(known, "inverse_transform")


def test_a_cost_may_compare_rows_of_different_lengths():
    X, y = clouds(d=3)
    y = y[:, :1]
    model = Sinkhorn(cost=lambda X, Y: np.abs(X[:, 2:] - 2 * Y[:, 0]), tol=1e-10).fit(X, y)
    np.testing.assert_allclose(model.transform(X), 40 * model.plan_ @ y, atol=1e-6)
    np.testing.assert_allclose(model.inverse_transform(y), 30 * model.plan_.T @ X, atol=1e-6)


@pytest.mark.parametrize("cost", ["half-sqeuclidean", "sqeuclidean"])
def test_translation_and_scale(cost):
    X, y = clouds()
    plain = Sinkhorn(cost=cost, tol=1e-10).fit(X, y)
    moved = Sinkhorn(cost=cost, tol=1e-10).fit(X + 50, y - 20)
    scaled = Sinkhorn(cost=cost, tol=1e-10).fit(3 * X, 3 * y)
    np.testing.assert_allclose(moved.plan_, plain.plan_, atol=1e-10)
    np.testing.assert_allclose(moved.transform(X + 50), plain.transform(X) - 20, atol=1e-6)
    np.testing.assert_allclose(scaled.transform(3 * X), 3 * plain.transform(X), atol=1e-6)
    assert scaled.value_ == pytest.approx(9 * plain.value_)
    unit = 0.5 if cost == "half-sqeuclidean" else 1.0
    shift = 2 * unit * (70 * (X.mean(0) - y.mean(0)).sum() + 70**2)
    assert moved.value_ == pytest.approx(plain.value_ + shift)


def test_the_spread_of_half_squared_distances():
    X, y = clouds(500, 400, 3)
    model = Sinkhorn(epsilon=None).fit(X, y)
    covariances = np.cov(X.T, ddof=0), np.cov(y.T, ddof=0)
    assert model.epsilon_ == pytest.approx(0.1 * math.sqrt(np.trace(np.dot(*covariances))))


def test_weights_are_repetitions():
    X, y = clouds()
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 4, size=40), rng.integers(0, 4, size=30)
    weighted = Sinkhorn(tol=1e-11).fit(X, y, sample_weight=a, target_weight=b)
    repeated = Sinkhorn(tol=1e-11).fit(np.repeat(X, a, axis=0), np.repeat(y, b, axis=0))
    for name in ("epsilon_", "value_", "cost_"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name))
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-9)
    np.testing.assert_allclose(weighted.plan_.sum(1), a / a.sum(), atol=1e-9)
    assert set(map(tuple, weighted.sample(X, 0))) <= set(map(tuple, y[b > 0]))


def test_draws_follow_the_plan():
    X, y = clouds(20, 6)
    model = Sinkhorn(epsilon=1.0, tol=1e-10).fit(X, y)
    n = 5000
    found = model.sample(np.repeat(X[:1], n, axis=0), random_state=0)
    chances = model.plan_[0] * 20
    counts = np.array([np.sum(np.all(found == row, axis=1)) for row in y])
    assert counts.sum() == n
    # Chi-squared with five degrees of freedom, 99.99 %.
    assert np.sum((counts - n * chances) ** 2 / (n * chances)) < 25.7
    np.testing.assert_array_equal(model.sample(X, 1), model.sample(X, 1))
    assert not np.array_equal(model.sample(X, 1), model.sample(X, 2))
    assert not np.array_equal(model.sample(X), model.sample(X))


def test_points_far_away_stay_in_the_hull():
    X, y = clouds()
    model = Sinkhorn().fit(X, y)
    far = model.transform(1e9 * np.array([[1.0, 0.0], [0.0, -1.0]]))
    np.testing.assert_allclose(far, [y[np.argmax(y[:, 0])], y[np.argmin(y[:, 1])]])


def test_score_is_a_lower_bound_that_knows_the_map():
    X, y = draws(PAIR, 300, 300, 0)
    held_out = draws(PAIR, 200, 250, 1)
    model = Sinkhorn(epsilon=1.0).fit(X, y)
    assert model.score(X, y) == pytest.approx(model.value_, abs=1e-5)
    best = float(sinkhorn(transport_cost(*held_out), epsilon=1.0).value)
    worse = Sinkhorn(epsilon=1.0).fit(X, 2 * y)
    assert worse.score(*held_out) < model.score(*held_out) < best
    assert model.score(*held_out) == pytest.approx(best, rel=0.05)


def test_score_selects_in_a_search():
    X, y = draws(PAIR, 100, 100)
    model = Sinkhorn(epsilon=0.1, method="log", tol=1e-3)
    search = GridSearchCV(model, {"max_iter": [1, 1000]}, cv=3)
    with pytest.warns(ConvergenceWarning, match="marginals"):
        search.fit(X, y)
    assert search.best_params_["max_iter"] == 1000


@pytest.mark.parametrize("epsilon", [None, 0.5])
def test_large_samples_go_without_the_array(monkeypatch, epsilon):
    X, y = clouds(60, 50)
    a = np.random.default_rng(0).uniform(size=60)
    model = Sinkhorn(epsilon=epsilon, tol=1e-9)
    dense = clone(model).fit(X, y, sample_weight=a)
    monkeypatch.setattr("infotheory._estimators.transport._LARGEST_PLAN", 1000)
    large = clone(model).fit(X, y, sample_weight=a)
    for name in ("epsilon_", "value_", "cost_"):
        assert getattr(large, name) == pytest.approx(getattr(dense, name))
    assert large.converged_
    assert large.duality_gap_ < 1e-7
    np.testing.assert_allclose(large.potentials_[1], dense.potentials_[1], atol=1e-6)
    np.testing.assert_allclose(large.transform(X), dense.transform(X), atol=1e-6)
    with pytest.raises(AttributeError, match=r"60 x 50 entries, 2\.4e-05 GB, and is not made"):
        _ = large.plan_
    assert "Sinkhorn" in large._repr_html_()
    # A method that was named is taken, which needs the array.
    assert hasattr(clone(model).set_params(method="kernel").fit(X, y), "plan_")


def test_large_samples_choose_epsilon_by_some_rows(monkeypatch):
    X, y = draws(PAIR, 400, 400)
    whole = Sinkhorn().fit(X, y)
    monkeypatch.setattr("infotheory._transport_samples.SOME_ROWS", 300)
    monkeypatch.setattr("infotheory._estimators.transport._LARGEST_PLAN", 1000)
    some = Sinkhorn().fit(X, y)
    # Standard deviations of 300 of 400 rows.
    assert some.epsilon_ == pytest.approx(whole.epsilon_, rel=0.1)
    assert some._standard_error() == pytest.approx(whole._standard_error(), rel=0.15)


def test_what_does_not_converge_says_so():
    X, y = clouds()
    with pytest.warns(ConvergenceWarning, match=r"raise epsilon.*max_iter.*warm_start"):
        model = Sinkhorn(epsilon=0.05, max_iter=2, method="kernel").fit(X, y)
    assert not model.converged_
    assert model.marginal_error_ > 1e-6
    assert "off by" in model.notes_[0]
    assert model.duality_gap_ > 0


def test_warm_start_goes_on():
    X, y = clouds(60, 60)
    model = Sinkhorn(epsilon=0.02, method="log", warm_start=True, tol=1e-3).fit(X, y)
    first = model.n_iter_
    assert model.fit(X, y).n_iter_ < first / 5
    assert model.fit(X[:50], y).converged_  # other numbers of rows: from the start


def test_a_plan_of_single_rows_is_told():
    X, y = clouds(60, 60)
    model = Sinkhorn(epsilon=1e-4).fit(X, y)
    assert any("pairs single rows" in note for note in model.notes_)
    assert Sinkhorn().fit(X, y).notes_ == ()


@pytest.mark.parametrize("constant", [0.0, 1e6])
def test_one_row_repeated(constant):
    X, y = np.full((10, 2), constant), clouds()[1]
    model = Sinkhorn().fit(X, y)
    assert any("all plans cost the same" in note for note in model.notes_)
    np.testing.assert_allclose(model.transform(X), np.tile(y.mean(0), (10, 1)), rtol=1e-4)


def test_nothing_that_can_be_made_again_is_stored():
    X, y = clouds(100, 100)
    model = Sinkhorn().fit(X, y)
    small = len(pickle.dumps(model))
    plan = model.plan_
    assert model.plan_ is plan
    assert len(pickle.dumps(model)) == small < 8 * 100 * 100
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.plan_, plan)
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(model), "plan_")
    assert "Sinkhorn" in model._repr_html_()


def test_in_a_pipeline():
    X, y = clouds()
    steps = make_pipeline(StandardScaler(), Sinkhorn(epsilon=0.1)).fit(X, y)
    scaled = StandardScaler().fit_transform(X)
    np.testing.assert_allclose(
        steps.transform(X), Sinkhorn(epsilon=0.1).fit(scaled, y).transform(scaled)
    )
    assert steps.score(X, y) == pytest.approx(steps[-1].value_, abs=1e-5)
    assert confidence_interval(steps, X, y).value == steps[-1].value_


def test_frames_keep_the_names_of_the_target():
    X, y = clouds()
    source = pd.DataFrame(X, columns=["height", "weight"])
    target = pd.DataFrame(y, columns=["tall", "heavy"])
    model = Sinkhorn().set_output(transform="pandas").fit(source, target)
    assert list(model.transform(source).columns) == ["tall", "heavy"]
    assert list(model.feature_names_in_) == ["height", "weight"]
    assert list(Sinkhorn().fit(X, y).get_feature_names_out()) == ["sinkhorn0", "sinkhorn1"]
    with pytest.raises(ValueError, match=r"in the order of X, \['height', 'weight'\]"):
        Sinkhorn().fit(source, source[["weight", "height"]])


@pytest.mark.parametrize(
    ("cost", "unit"),
    [
        ("half-sqeuclidean", "squared column units"),
        ("euclidean", "column units"),
        ("cosine", "(no unit)"),
        ("precomputed", "cost units"),
        (transport_cost, "cost units"),
    ],
)
def test_unit(cost, unit):
    assert Sinkhorn(cost=cost).unit_ == unit
    if cost != "precomputed":
        assert SinkhornDivergence(cost=cost).unit_ == unit


def test_one_share_of_the_spread_for_all():
    X, y = clouds()
    chosen = Sinkhorn().fit(X, y).epsilon_
    for other in (SinkhornBridge(effective_rows=1.0), LightSB(n_components=1)):
        assert other.fit(X, y).epsilon_ == pytest.approx(chosen)
    labels = np.repeat([0, 1], [len(X), len(y)])
    assert SinkhornDivergence().fit(np.vstack([X, y]), labels).epsilon_ == pytest.approx(chosen)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"epsilon": 0}, "'epsilon' parameter of Sinkhorn must be a float.*Got 0 instead"),
        ({"epsilon": -1.0}, "Got -1.0 instead"),
        ({"epsilon": math.nan}, "Got nan instead"),
        ({"epsilon": math.inf}, "Got inf instead"),
        ({"cost": "manhattan"}, "'cost' parameter"),
        ({"tol": 0.0}, "'tol' parameter"),
        ({"max_iter": 0}, "'max_iter' parameter"),
        ({"method": "newtonian"}, "'method' parameter"),
        (
            {"cost": lambda X, Y: X @ Y.T + np.nan},
            "cost must be finite, and the callable returned missing",
        ),
        ({"cost": lambda X, Y: X}, r"all pairs, shape \(40, 30\)"),
        ({"cost": "precomputed"}, "a column for each of the 30 rows of y"),
    ],
)
def test_parameters_out_of_their_rule(words, message):
    with pytest.raises(ValueError, match=message):
        Sinkhorn(**words).fit(*clouds())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"sample_weight": np.ones(39)}, "sample_weight must have one entry for each of the 40"),
        ({"target_weight": np.ones((30, 2))}, "30 rows of y, got 30 x 2"),
        ({"sample_weight": -np.ones(40)}, "must not be negative"),
        ({"target_weight": np.zeros(30)}, "zero for all rows"),
        ({"sample_weight": np.full(40, np.nan)}, "sample_weight"),
    ],
)
def test_weights_out_of_their_rule(words, message):
    with pytest.raises(ValueError, match=message):
        Sinkhorn().fit(*clouds(), **words)


def test_samples_out_of_their_rule():
    X, y = clouds()
    with pytest.raises(ValueError, match="must have the 2 columns of X, got 1"):
        Sinkhorn().fit(X, y[:, 0])
    with pytest.raises(ValueError, match=r"y .*NaN"):
        Sinkhorn().fit(X, np.where(y == y.max(), np.nan, y))
    model = Sinkhorn().fit(X, y)
    with pytest.raises(ValueError, match="features"):
        model.transform(X[:, :1])
    with pytest.raises(ValueError, match="2 columns of the target"):
        model.inverse_transform(X[:, :1])


def test_a_fit_holds_four_arrays_of_all_pairs_at_most():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(800, 3)), rng.normal(size=(700, 3))
    Sinkhorn().fit(X[:50], y[:50])
    tracemalloc.start()
    Sinkhorn().fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 8 * 800 * 700


@pytest.mark.parametrize("max_iter", [2, 10_000])
def test_measures_in_blocks_are_those_of_the_plan(max_iter):
    rng = np.random.default_rng(1)
    cost = rng.uniform(size=(700, 500))
    a, b = rng.dirichlet(np.ones(700)), np.append(rng.dirichlet(np.ones(499)), 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = sinkhorn(cost, a, b, epsilon=0.01, max_iter=max_iter)
    value, mean, gap, information = plan_measures(found)
    assert information == pytest.approx(float(found.mutual_information), rel=1e-10)
    assert value == pytest.approx(float(found.value), rel=1e-12)
    assert mean == pytest.approx(float(found.cost), rel=1e-12)
    assert gap == pytest.approx(float(found.duality_gap), rel=1e-6, abs=1e-15)
