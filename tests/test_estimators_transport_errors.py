"""The value of Sinkhorn: closed forms of normal laws, its bias, its error and intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.base import clone
from transport_samples import PAIR, clouds, draws

from infotheory import Sinkhorn, confidence_interval
from infotheory.datasets import GaussianPair, Normal, random_gaussian_pair
from infotheory.functional import transport_cost


def exact_potentials(pair):
    """The potentials of the laws up to constants: from the density of the plan at one point."""

    def of_x(X):
        zero = np.zeros_like(X)
        return pair.epsilon * pair.pointwise_mutual_information(X, zero) + (X**2).sum(1) / 2

    def of_y(y):
        zero = np.zeros_like(y)
        return pair.epsilon * pair.pointwise_mutual_information(zero, y) + (y**2).sum(1) / 2

    return of_x, of_y


def mean_of_quadratic(f, law):
    """Exact: points with the mean and the covariance of the law."""
    away = math.sqrt(law.dim) * np.linalg.cholesky(law.covariance).T
    return f(np.concatenate([law.mean + away, law.mean - away])).mean()


def linear_part(pair, X, y):
    """The first-order error of the value at these samples."""
    of_x, of_y = exact_potentials(pair)
    return (
        of_x(X).mean()
        - mean_of_quadratic(of_x, pair.source)
        + of_y(y).mean()
        - mean_of_quadratic(of_y, pair.target)
    )


@pytest.mark.parametrize("dim", [1, 3])
def test_value_and_cost_of_normal_laws(dim):
    pair = random_gaussian_pair(dim, epsilon=1.0, random_state=dim)
    X, y = draws(pair, 1000, 800)
    of_x, of_y = exact_potentials(pair)
    model = Sinkhorn(epsilon=1.0).fit(X, y)
    error = math.sqrt(of_x(X).var() / len(X) + of_y(y).var() / len(y))
    assert model.value_ == pytest.approx(pair.value, abs=4 * error)
    assert model.cost_ == pytest.approx(pair.cost, abs=4 * error)
    # The standard error that the estimator gives is that of the exact potentials.
    assert model._standard_error() == pytest.approx(error, rel=0.1)


@pytest.mark.slow
def test_the_bias_of_the_value_is_the_one_it_tells():
    # What is left of the error of the value without its first-order part, on average.
    pair = random_gaussian_pair(2, epsilon=0.5, random_state=0)
    left, told = [], []
    for seed in range(40):
        X, y = draws(pair, 100, 150, seed)
        model = Sinkhorn(epsilon=0.5, tol=1e-5).fit(X, y)
        left.append(model.value_ - pair.value - linear_part(pair, X, y))
        told.append(model._value_bias())
    # 30 % for what is beyond the second order.
    tolerance = 4 * np.std(left) / math.sqrt(len(left)) + 0.3 * np.mean(told)
    assert np.mean(left) == pytest.approx(np.mean(told), abs=tolerance)
    assert np.mean(left) > 4 * np.std(left) / math.sqrt(len(left))  # there is one


def test_interval_covers():
    # A short form of the simulation whose figures the docstring states.
    X, y = draws(PAIR, 300, 250)
    e = confidence_interval(Sinkhorn(epsilon=1.0), X, y)
    model = e.estimator
    f, g = model.potentials_
    assert e.standard_error == pytest.approx(
        math.sqrt(f.var(ddof=1) / 300 + g.var(ddof=1) / 250 + (0.3 * e.bias) ** 2), rel=1e-6
    )
    assert e.bias == model._value_bias() > 0
    assert e.unit == "squared column units"
    low, high = e.interval
    assert low < PAIR.value < high


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [None, 0.5])
def test_coverage(epsilon):
    spread = math.sqrt(np.trace(PAIR.source.covariance @ PAIR.target.covariance))
    truth = GaussianPair(PAIR.source, PAIR.target, epsilon or 0.1 * spread).value
    covered = []
    for seed in range(200):
        X, y = draws(PAIR, 300, 300, seed)
        model = Sinkhorn(epsilon=epsilon, tol=1e-4)
        low, high = confidence_interval(model, X, y, method="analytic").interval
        covered.append(low < truth < high)
    # Three standard errors of a share of .9 among 200.
    assert 0.836 < np.mean(covered) < 0.964


@pytest.mark.parametrize("epsilon", [None, 0.3])
def test_what_a_row_moves_the_value_by(epsilon):
    # The slope of the value as mass moves to one row, by differences.
    X, y = clouds()
    model = Sinkhorn(epsilon=epsilon, tol=1e-12).fit(X, y)
    of_x, of_y = model._influences()
    step = 1e-4
    for row, influence, name in ((3, of_x, "sample_weight"), (7, of_y, "target_weight")):
        ends = []
        for sign in (1, -1):
            weights = np.full(len(influence), (1 - sign * step) / len(influence))
            weights[row] += sign * step
            ends.append(clone(model).fit(X, y, **{name: weights}).value_)
        slope = (ends[0] - ends[1]) / (2 * step)
        assert slope == pytest.approx(influence[row] - influence.mean(), rel=1e-4)


def test_an_epsilon_that_was_chosen_moves_with_the_samples():
    # The spread of the values over samples is told only if epsilon counts.
    pair = GaussianPair(Normal(0.0), Normal(0.0, 4.0), 1.0)
    values, told = [], []
    for seed in range(60):
        model = Sinkhorn(tol=1e-4).fit(*draws(pair, 100, 100, seed))
        values.append(model.value_)
        variances = (np.var(part, ddof=1) / 100 for part in model._influences())
        told.append(math.sqrt(sum(variances)))
    # The spread of 60 values is known to a tenth.
    assert np.mean(told) == pytest.approx(np.std(values), rel=0.3)


def test_many_rows_tell_their_bias_by_some(monkeypatch):
    whole, by_some, by_costs = [], [], []
    for seed in range(4):
        X, y = draws(PAIR, 150, 150, seed)
        model = Sinkhorn(epsilon=0.3).fit(X, y)
        known = Sinkhorn(epsilon=0.3, cost="precomputed").fit(transport_cost(X, y), y)
        whole.append(clone(model).fit(X, y)._value_bias())
        with monkeypatch.context() as patch:
            patch.setattr("infotheory._transport_samples.SOME_ROWS", 75)
            by_some.append(model._value_bias())
            by_costs.append(known._value_bias())
    assert by_costs == pytest.approx(by_some)
    # Without the share of the rows they would be twice as large.
    assert 0.7 < np.mean(by_some) / np.mean(whole) < 1.4
