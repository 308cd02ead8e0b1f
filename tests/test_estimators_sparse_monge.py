"""SparseMonge: displacements that are sparse, close to the optimal ones, honest when not."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks
from transport_checks import (
    expected_failures,
    expected_failures_with_any_target,
    with_any_target,
)

from infotheory import SparseMonge
from infotheory.functional import elastic_cost, sinkhorn

KINDS = [
    SparseMonge(),
    SparseMonge(regulariser="stvs", strength=0.5),
    SparseMonge(regulariser="k-overlap", strength=10.0, k=2),
]


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks([SparseMonge()], expected_failed_checks=expected_failures)
def test_sklearn_contract(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks(
    [with_any_target(SparseMonge)()], expected_failed_checks=expected_failures_with_any_target
)
def test_sklearn_contract_with_any_target(estimator, check):
    check(estimator)


def moved_cube(n, d, shift, seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(n, d)), rng.uniform(size=(n, d)) + np.asarray(shift)


@pytest.mark.parametrize("estimator", KINDS, ids=lambda e: e.regulariser)
def test_a_translation_costs_what_it_must(estimator):
    # By Jensen no plan between a sample and its translate is cheaper than the translation.
    X, _ = moved_cube(60, 4, 0, 0)
    shift = np.array([2.0, 0, 0, -1.0])
    fitted = clone(estimator).set_params(epsilon=0.01).fit(X, X + shift)
    options = (estimator.regulariser, estimator.strength, estimator.k)
    least = elastic_cost(shift[None], np.zeros((1, 4)), *options)[0, 0]
    # The regularised optimum is within epsilon ln n of the least cost.
    assert least <= fitted.cost_ + 1e-4
    assert fitted.cost_ <= least + 0.01 * np.log(60)
    assert fitted.value_ == pytest.approx(fitted.cost_ + 0.01 * np.log(60), abs=0.01 * np.log(60))
    assert fitted.converged_
    assert fitted.notes_ == ()


@pytest.mark.parametrize("estimator", KINDS[:2], ids=lambda e: e.regulariser)
def test_only_the_coordinates_that_differ_move(estimator):
    # The two cubes differ by a translation, which is the optimal map of every elastic cost.
    shift = np.zeros(40)
    shift[[0, 1]] = 3, -2
    X, y = moved_cube(300, 40, shift, 1)
    new, _ = moved_cube(300, 40, 0, 2)

    def error(moved):
        return np.mean(np.sum((moved - shift) ** 2, axis=1))

    sparse = clone(estimator).set_params(strength=3.0, epsilon=3.0).fit(X, y).displacement(new)
    np.testing.assert_allclose(sparse[:, :2].mean(axis=0), shift[:2], atol=0.1)
    assert np.mean(sparse[:, 2:] == 0) > 0.85
    for epsilon in (0.1, 0.3, 1.0, 3.0):
        plain = SparseMonge(strength=0.0, epsilon=epsilon).fit(X, y).displacement(new)
        assert not np.any(plain == 0)
        assert error(sparse) < error(plain) / 4


def test_overlap_moves_few_coordinates():
    X, y = moved_cube(400, 6, [3, 0, 0, 0, 0, -2], 1)
    new, _ = moved_cube(500, 6, 0, 2)
    fitted = SparseMonge(regulariser="k-overlap", strength=0.5, k=2).fit(X, y)
    moved = fitted.displacement(new)
    np.testing.assert_allclose(moved[:, [0, 5]].mean(axis=0), [3, -2], atol=0.1)
    assert np.mean(moved[:, 1:5] == 0) > 0.7


def test_in_one_column_it_is_the_monotone_map():
    # Every convex cost has the same optimal map between laws on a line.
    rng = np.random.default_rng(3)
    X, y = rng.uniform(size=(800, 1)), 2 + np.sqrt(rng.uniform(size=(800, 1)))
    new = np.linspace(0.05, 0.95, 50)[:, None]
    for strength in (0.0, 0.5, 5.0):
        moved = SparseMonge(strength=strength, epsilon=1e-3).fit(X, y).transform(new)
        assert np.all(np.diff(moved[:, 0]) > 0)
        # Quantiles of 800 rows are off by some .5 / sqrt(800) = .018.
        np.testing.assert_allclose(moved, 2 + np.sqrt(new), atol=0.06)


def test_what_it_leaves_is_what_the_solver_found():
    X, y = moved_cube(40, 3, [1, 0, 0], 4)
    y = y[:25]
    fitted = SparseMonge(epsilon=0.2, strength=0.3).fit(X, y)
    plan = sinkhorn(elastic_cost(X, y, "l1", 0.3), epsilon=0.2)
    assert fitted.cost_ == pytest.approx(float(plan.cost))
    assert fitted.value_ == pytest.approx(float(plan.value))
    assert fitted.epsilon_ == 0.2
    for ours, theirs in zip(fitted.potentials_, plan.potentials, strict=True):
        np.testing.assert_allclose(ours, theirs)
    unmoved = fitted.displacement(X) == 0
    np.testing.assert_array_equal(fitted.transform(X)[unmoved], X[unmoved])


@pytest.mark.parametrize("estimator", KINDS, ids=lambda e: e.regulariser)
def test_default_epsilon_follows_the_units(estimator):
    X, y = moved_cube(50, 3, [1, 0, 0], 5)
    fitted = clone(estimator).fit(X, y)
    strength = estimator.strength * (1 if estimator.regulariser == "k-overlap" else 100)
    scaled = clone(estimator).set_params(strength=strength).fit(100 * X + 7, 100 * y + 7)
    assert scaled.epsilon_ == pytest.approx(1e4 * fitted.epsilon_)
    # Both plans are within tol of their marginals, and no nearer to each other.
    np.testing.assert_allclose(scaled.transform(100 * X + 7), 100 * fitted.transform(X) + 7, 1e-4)


def test_bad_arguments_are_named():
    X, y = moved_cube(20, 3, 0, 6)
    for options, words in (
        ({"epsilon": 0.0}, "epsilon"),
        ({"strength": -1.0}, "strength"),
        ({"regulariser": "l2"}, "regulariser"),
        ({"regulariser": "k-overlap", "k": 4}, "k must be at most the number of columns, 3, got 4"),
        ({"k": 0}, "k"),
        ({"tol": 0.0}, "tol"),
    ):
        with pytest.raises(ValueError, match=words):
            SparseMonge(**options).fit(X, y)
    with pytest.raises(ValueError, match="must have the 3 columns of X, got 2"):
        SparseMonge().fit(X, y[:, :2])
    with pytest.raises(ValueError, match="missing"):
        SparseMonge().fit(X, np.where(y > 0.9, np.nan, y))
    with pytest.raises(ValueError, match="3 features"):
        SparseMonge().fit(X, y).transform(X[:, :2])


def test_a_solver_that_stops_early_says_so():
    X, y = moved_cube(50, 3, [1, 0, 0], 7)
    with pytest.warns(ConvergenceWarning, match=r"marginals of the plan are off.*max_iter\.$"):
        fitted = SparseMonge(epsilon=0.1, max_iter=1, tol=1e-18).fit(X, y)
    assert not fitted.converged_
    assert fitted.marginal_error_ > 1e-18
    assert "raise epsilon" in fitted.notes_[0]


def test_edges():
    X, y = moved_cube(30, 2, [1, 0], 8)
    fitted = SparseMonge(strength=1e4).fit(X, y)
    assert len(fitted.notes_) == 0 or "Lower it" in fitted.notes_[0]
    # The law of the target may be one point, and both samples may be.
    same = np.ones((3, 2))
    np.testing.assert_allclose(SparseMonge().fit(X, same).transform(X), np.ones((30, 2)))
    np.testing.assert_array_equal(SparseMonge().fit(same, same).transform(same), same)
    assert SparseMonge().fit(same, same).cost_ == 0


def test_in_a_pipeline():
    X, y = moved_cube(30, 2, [1, 0], 9)
    both = make_pipeline(FunctionTransformer(), SparseMonge())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        moved = both.fit(X, y).transform(X)
    np.testing.assert_array_equal(moved, SparseMonge().fit(X, y).transform(X))


@pytest.mark.parametrize(("dim", "share"), [(1, 0.1), (4, 0.2), (40, 0.5)])
def test_the_share_of_the_spread_grows_with_the_columns(dim, share):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, dim)), rng.normal(size=(30, dim))
    cost = elastic_cost(X, y)
    left = cost - cost.mean(axis=0) - cost.mean(axis=1, keepdims=True) + cost.mean()
    assert SparseMonge(tol=1e-3).fit(X, y).epsilon_ == pytest.approx(share * left.std())


def test_most_columns_of_many_stay_by_default():
    rng = np.random.default_rng(1)
    X, y, new = rng.normal(size=(3, 300, 20))
    y[:, :2] += 3
    moved = SparseMonge(tol=1e-4).fit(X, y).displacement(new)
    assert np.mean(moved[:, :2] != 0) > 0.98
    assert np.mean(moved[:, 2:] != 0) < 0.5


def test_what_is_not_sparse_says_so():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(50, 4)), 3 + rng.normal(size=(50, 4))
    assert "is not sparse. Raise strength" in SparseMonge(strength=1e-3).fit(X, y).notes_[0]
    assert SparseMonge(strength=0).fit(X, y).notes_ == ()
