"""SemiDiscrete: sources of every kind, weights, laws, and what it says when it is off."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks
from transport_checks import (
    expected_failures,
    expected_failures_with_any_target,
    with_any_target,
)

from infotheory import SemiDiscrete
from infotheory.functional import semi_discrete_dual

QUICK = {"max_iter": 30, "batch_size": 64}


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks([SemiDiscrete(**QUICK)], expected_failed_checks=expected_failures)
def test_sklearn_contract(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks(
    [with_any_target(SemiDiscrete)(**QUICK)],
    expected_failed_checks=expected_failures_with_any_target,
)
def test_sklearn_contract_with_any_target(estimator, check):
    check(estimator)


class Cube:
    def sample(self, n, random_state):
        return random_state.uniform(size=(n, 2))


def problem(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(n, 2)), rng.uniform(size=(6, 2)), rng.dirichlet(np.full(6, 5.0))


def test_sources_of_every_kind():
    X, y, b = problem(20_000)
    fits = [
        SemiDiscrete(random_state=0).fit(source, y, target_weight=b)
        for source in (X, Cube(), lambda n, rng: rng.uniform(size=(n, 2)))
    ]
    np.testing.assert_array_equal(fits[1].potential_, fits[2].potential_)
    # 20 000 rows leave boundaries that are off by about 1 / sqrt(20 000).
    np.testing.assert_allclose(fits[0].potential_, fits[1].potential_, atol=0.02)
    for fitted in fits:
        assert fitted.converged_
        assert fitted.notes_ == ()
        assert fitted.n_features_in_ == 2
        assert abs(fitted.cost_ - fits[1].cost_) < 4 * np.hypot(
            fitted.standard_error_, fits[1].standard_error_
        )
        np.testing.assert_allclose(fitted.masses_, b, atol=0.01)
        moved = fitted.transform(X)
        assert np.all(np.any(np.all(moved[:, None] == y, axis=2), axis=1))
        new = np.random.default_rng(9).uniform(size=(50_000, 2))
        assert fitted.score(new) == pytest.approx(fits[1].cost_, abs=5 * fits[1].standard_error_)


def test_the_cost_is_the_dual_value_and_below_that_of_the_map():
    X, y, b = problem()
    fitted = SemiDiscrete(random_state=0).fit(X, y, target_weight=b)
    values = semi_discrete_dual(X, y, fitted.potential_, b)
    assert fitted.cost_ == pytest.approx(values.mean())
    assert fitted.standard_error_ == pytest.approx(values.std(ddof=1) / np.sqrt(1000))
    assert fitted.score(X) == pytest.approx(fitted.cost_)
    # With the potential that the cells have exactly, the cost of the map is the dual value.
    moved = fitted.transform(X)
    cost = np.mean(np.sum((X - moved) ** 2, axis=1)) / 2
    slack = fitted.potential_ @ (fitted.masses_ - b)
    assert fitted.cost_ == pytest.approx(cost - slack)


@settings(max_examples=5)
@given(seed=st.integers(0, 2**32 - 1))
def test_laws(seed):
    X, y, b = problem(300, seed)
    shift, order = np.random.default_rng(seed).normal(size=2), [3, 0, 5, 1, 2, 4]
    options = {"random_state": 1, "max_iter": 50}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = SemiDiscrete(**options).fit(X, y, target_weight=b)
        turned = SemiDiscrete(**options).fit(X, y[order], target_weight=b[order])
        scaled = SemiDiscrete(**options).fit(10 * X, 10 * y, target_weight=b)
        # Either side may move alone: the cells move along.
        apart = SemiDiscrete(**options).fit(X + shift, y - shift, target_weight=b)
    np.testing.assert_allclose(turned.potential_, fitted.potential_[order], atol=1e-12)
    np.testing.assert_allclose(scaled.potential_, 100 * fitted.potential_, rtol=1e-4, atol=1e-4)
    assert scaled.epsilon_ == pytest.approx(100 * fitted.epsilon_, rel=1e-4)
    agree = np.all(np.isclose(apart.transform(X + shift), fitted.transform(X) - shift), axis=1)
    assert np.mean(agree) > 0.99
    agree = np.all(np.isclose(scaled.transform(10 * X), 10 * fitted.transform(X)), axis=1)
    assert np.mean(agree) > 0.99


def test_equal_points_and_points_without_weight():
    X, y, _ = problem(5000)
    plain = SemiDiscrete(random_state=0).fit(X, y[:3], target_weight=[0.5, 0.3, 0.2])
    twice = y[[0, 1, 1, 2, 4]]
    fitted = SemiDiscrete(random_state=0).fit(X, twice, target_weight=[5, 1, 2, 2, 0])
    np.testing.assert_array_equal(fitted.transform(X), plain.transform(X))
    assert fitted.potential_[4] == -np.inf
    assert fitted.masses_[4] == 0
    np.testing.assert_allclose(fitted.masses_[1:3], plain.masses_[1] * np.array([1, 2]) / 3)
    one = SemiDiscrete().fit(X, np.ones((3, 2)))
    np.testing.assert_array_equal(one.transform(X), np.ones_like(X))
    assert one.cost_ == pytest.approx(np.mean(np.sum((X - 1) ** 2, axis=1)) / 2)


def test_more_rows_make_the_map_better():
    y = np.random.default_rng(0).normal(size=(10, 20))
    truth = SemiDiscrete(random_state=0).fit(lambda n, rng: rng.normal(size=(n, 20)), y)
    new = np.random.default_rng(1).normal(size=(20_000, 20))
    errors = []
    for n in (200, 20_000):
        rows = np.random.default_rng(n).normal(size=(n, 20))
        fitted = SemiDiscrete(random_state=0).fit(rows, y)
        apart = fitted.transform(new) - truth.transform(new)
        errors.append(np.mean(np.sum(apart**2, axis=1)))
    # The rate says 10 times; each is one draw.
    assert errors[1] < errors[0] / 4


def test_a_map_that_is_off_says_so():
    # One place cannot be split by a map.
    with pytest.warns(ConvergenceWarning, match="cells of the target are off by"):
        fitted = SemiDiscrete().fit(np.ones((50, 1)), [[0.0], [1.0], [2.0], [3.0]])
    assert not fitted.converged_
    assert fitted.marginal_error_ == pytest.approx(1.5)
    assert "Sinkhorn" in fitted.notes_[0]


def test_bad_arguments_are_named():
    X, y, b = problem(50)
    for options, words in (
        ({"epsilon": 0.0}, "epsilon"),
        ({"decay": 1.5}, "decay"),
        ({"batch_size": 0}, "batch_size"),
        ({"max_iter": 0}, "max_iter"),
        ({"random_state": "a"}, "random_state"),
    ):
        with pytest.raises(ValueError, match=words):
            SemiDiscrete(**options).fit(X, y)
    for weight, words in (
        (-b, "must not be negative"),
        (b[:3], "one entry for each of the 6 rows of y, got 3"),
        (0 * b, "nor zero for all rows"),
        (b * np.nan, "missing"),
    ):
        with pytest.raises(ValueError, match=words):
            SemiDiscrete().fit(X, y, target_weight=weight)
    with pytest.raises(ValueError, match="must have the 2 columns of X, got 1"):
        SemiDiscrete().fit(X, y[:, :1])
    with pytest.raises(ValueError, match="must have the 3 columns of X, got 2"):
        SemiDiscrete().fit(lambda n, rng: rng.normal(size=(n, 3)), y)
    calls = iter([2, 5])
    with pytest.raises(ValueError, match="must return finite draws of shape"):
        SemiDiscrete().fit(lambda n, rng: rng.normal(size=(next(calls), 2)), y)
    with pytest.raises(ValueError, match="2 features"):
        SemiDiscrete(**QUICK).fit(X, y).transform(np.ones((3, 4)))


def test_a_seed_makes_it_reproducible():
    X, y, _ = problem(500)
    first, second = (SemiDiscrete(random_state=3, **QUICK).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(first.potential_, second.potential_)


def test_equal_points_are_one_point():
    X = np.random.default_rng(0).normal(size=(50, 2))
    for n in (3, 7, 10):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = SemiDiscrete(**QUICK, random_state=0).fit(X, np.ones((n, 2)))
        assert model.converged_
        assert model.notes_ == ()
        np.testing.assert_array_equal(model.transform(X), np.ones((50, 2)))


@pytest.mark.parametrize("of_law", [False, True])
def test_far_from_the_origin(of_law):
    rng = np.random.default_rng(0)
    far = 2.0**24
    # What is a multiple of 2^-20 is moved without rounding.
    X, y = (np.round(part * 2**20) / 2**20 for part in (rng.normal(size=(400, 2)), POINTS))
    new = X[:50]
    found = []
    for offset in (0.0, far):
        source = (
            (lambda n, rng, offset=offset: offset + X[rng.randint(len(X), size=n)])
            if of_law
            else X + offset
        )
        model = SemiDiscrete(**QUICK, tol=1.0, random_state=0).fit(source, y + offset)
        moved = model.transform(new + offset)
        assert set(map(tuple, moved)) <= set(map(tuple, y + offset))
        found.append((model, moved - offset))
    (near, here), (model, there) = found
    np.testing.assert_allclose(model.potential_, near.potential_, atol=1e-6)
    assert model.cost_ == pytest.approx(near.cost_, rel=1e-6)
    assert model.score(new + far) == pytest.approx(near.score(new), rel=1e-6)
    assert np.mean(np.any(here != there, axis=1)) == 0


POINTS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.5], [-1.0, -1.0]])


def test_one_row_is_enough_for_a_map():
    X = np.random.default_rng(0).normal(size=(50, 2))
    model = SemiDiscrete(**QUICK, tol=1.0, random_state=0).fit(X, POINTS)
    with pytest.raises(ValueError, match="Pass at least one row"):
        model.transform(X[:0])
    with pytest.raises(ValueError, match="Pass at least two rows"):
        model.fit(X[:0], POINTS)
