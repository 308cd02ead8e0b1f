"""Low-rank transport: exact marginals, bounds, plans that are known, and honesty."""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks
from transport_checks import (
    expected_failures,
    expected_failures_with_any_target,
    with_any_target,
)

from infotheory import LowRankSinkhorn
from infotheory.functional import low_rank_sinkhorn, transport_cost

seeds = st.integers(0, 2**32 - 1)


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks([LowRankSinkhorn(rank=2)], expected_failed_checks=expected_failures)
def test_sklearn_contract(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks(
    [with_any_target(LowRankSinkhorn)(rank=2)],
    expected_failed_checks=expected_failures_with_any_target,
)
def test_sklearn_contract_with_any_target(estimator, check):
    check(estimator)


def clouds(n, m, d, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 0.5 * rng.normal(size=(m, d)) + 1


def least_cost(costs, a, b):
    n, m = costs.shape
    sums = np.vstack([np.kron(np.eye(n), np.ones((1, m))), np.kron(np.ones((1, n)), np.eye(m))])
    return linprog(costs.ravel(), A_eq=sums[:-1], b_eq=np.r_[a, b][:-1]).fun


@settings(max_examples=10)
@given(seed=seeds, rank=st.integers(1, 9))
def test_feasible_bounded_and_falling(seed, rank):
    rng = np.random.default_rng(seed)
    X, Y = clouds(14, 9, 2, seed)
    a, b = rng.dirichlet(np.ones(14)), rng.dirichlet(np.ones(9))
    found = low_rank_sinkhorn(X, Y, a, b, rank=rank, max_iter=60)
    np.testing.assert_allclose(found.plan.sum(axis=1), a, atol=1e-13)
    np.testing.assert_allclose(found.plan.sum(axis=0), b, atol=1e-13)
    np.testing.assert_allclose(found.Q.sum(axis=0), found.g, atol=1e-13)
    assert np.all(found.plan >= 0)
    assert np.linalg.matrix_rank(found.plan, tol=1e-12) <= rank
    costs = transport_cost(X, Y)
    assert found.cost == pytest.approx(np.sum(found.plan * costs))
    assert found.cost >= least_cost(costs, a, b) - 1e-12
    assert found.cost <= a @ costs @ b + 1e-9  # the plan of rank 1
    assert np.all(np.diff(found.costs) <= 0)
    values = rng.normal(size=(9, 3))
    np.testing.assert_allclose(found.times(values), found.plan @ values, atol=1e-13)


def test_rank_one_is_the_independent_plan():
    X, Y = clouds(30, 20, 3, 0)
    found = low_rank_sinkhorn(X, Y, rank=1)
    np.testing.assert_allclose(found.plan, np.full((30, 20), 1 / 600), atol=1e-15)
    assert found.cost == pytest.approx(transport_cost(X, Y).mean())


def test_full_rank_is_exact():
    X, Y = clouds(40, 40, 2, 1)
    costs = transport_cost(X, Y)
    least = costs[linear_sum_assignment(costs)].mean()
    assert low_rank_sinkhorn(X, Y, rank=40).cost == pytest.approx(least)
    # Where rows and columns differ in number no start is exact; the rest is up to the steps.
    X, Y = clouds(12, 7, 2, 2)
    a, b = np.full(12, 1 / 12), np.full(7, 1 / 7)
    least = least_cost(transport_cost(X, Y), a, b)
    found = low_rank_sinkhorn(X, Y, rank=7, tol=1e-7, max_iter=3000)
    assert least <= found.cost <= 1.05 * least


def planted(n, seed, parts=4):
    """Points whose costs within each pair of clusters are sums of a part of x and a part of y.

    Places, noise of x and noise of y lie in orthogonal directions, so that <x, y> depends on the
    places alone: any plan that pairs the clusters rightly is optimal, the one of rank `parts` too.
    """
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * np.arange(parts) / parts
    places = 5 * np.column_stack([np.cos(angle), np.sin(angle)])
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    zeros = np.zeros((n * parts, 2))
    at = np.repeat(places, n, axis=0)
    X = np.hstack([at, rng.normal(size=(n * parts, 2)), zeros])
    Y = np.hstack([at @ turn.T, zeros, rng.normal(size=(n * parts, 2))])
    half_squares = (np.sum(X**2, axis=1).mean() + np.sum(Y**2, axis=1).mean()) / 2
    return X, Y, half_squares - 25 * np.cos(0.3)


@pytest.mark.parametrize("seed", range(3))
def test_planted_parts_are_found(seed):
    X, Y, least = planted(25, seed)
    costs = transport_cost(X, Y)
    assert costs[linear_sum_assignment(costs)].mean() == pytest.approx(least)
    fitted = LowRankSinkhorn(rank=4, random_state=seed).fit(X, Y)
    assert fitted.cost_ == pytest.approx(least, rel=1e-4)
    assert fitted.converged_
    np.testing.assert_allclose(np.sort(fitted.weights_), 0.25, atol=0.01)
    # Too few parts cannot do it: two clusters then share one.
    assert LowRankSinkhorn(rank=2, random_state=seed).fit(X, Y).cost_ > least + 1


def test_steps_improve_on_the_start():
    X, Y = clouds(200, 200, 2, 3)
    found = low_rank_sinkhorn(X, Y, rank=5)
    assert found.costs[-1] < 0.97 * found.costs[0]
    costs = [low_rank_sinkhorn(X, Y, rank=rank, tol=1e-4).cost for rank in (1, 2, 5, 10)]
    assert np.all(np.diff(costs) < 0)


def test_slopes_by_finite_differences():
    from infotheory.functional._low_rank_sinkhorn import _factors_of_half_squares, _Problem

    rng = np.random.default_rng(4)
    X, Y = clouds(6, 5, 2, 4)
    a, b = np.full(6, 1 / 6), np.full(5, 1 / 5)
    for epsilon in (0.0, 0.3):
        problem = _Problem(*_factors_of_half_squares(X, Y), a, b, epsilon)
        parts = problem.feasible(
            rng.uniform(size=(6, 3)) * a[:, None] / 2,
            rng.uniform(size=(5, 3)) * b[:, None] / 2,
            rng.dirichlet(np.ones(3)),
        )
        # A direction that keeps a, b and that both column sums are g.
        q, r = rng.normal(size=(6, 3)), rng.normal(size=(5, 3))
        q, r = q - q.mean(axis=1, keepdims=True), r - r.mean(axis=1, keepdims=True)
        r = r + (q.sum(axis=0) - r.sum(axis=0)) / 5
        direction, h = (q, r, q.sum(axis=0)), 1e-6
        ahead, behind = (
            problem.objective(tuple(p + s * h * u for p, u in zip(parts, direction, strict=True)))
            for s in (1, -1)
        )
        slope = sum(np.sum(s * u) for s, u in zip(problem.slopes(parts), (q, r), strict=True))
        np.testing.assert_allclose((ahead - behind) / (2 * h), slope, rtol=1e-5)


def test_entropy_spreads_the_parts():
    X, Y = clouds(60, 60, 2, 5)
    plain, spread = (low_rank_sinkhorn(X, Y, rank=4, epsilon=e) for e in (0.0, 2.0))
    entropy = [-np.sum(f.Q * np.log(np.maximum(f.Q, 1e-300))) for f in (plain, spread)]
    assert entropy[1] > entropy[0]
    assert spread.cost > plain.cost


def test_other_costs_by_their_factors():
    X, Y = clouds(30, 25, 3, 6)
    found = low_rank_sinkhorn(X, Y, rank=3, factors=(-X, Y))
    assert found.cost == pytest.approx(-np.sum(found.plan * (X @ Y.T)))
    # Inner products and half squares differ by parts of x and of y alone.
    offset = (np.sum(X**2, axis=1).mean() + np.sum(Y**2, axis=1).mean()) / 2
    halves = low_rank_sinkhorn(X, Y, rank=3)
    assert found.cost + offset == pytest.approx(halves.cost, rel=0.02)


@settings(max_examples=5)
@given(seed=seeds)
def test_laws(seed):
    X, Y = clouds(30, 25, 2, seed)
    shift = np.random.default_rng(seed).normal(size=2)
    options = {"rank": 3, "random_state": 0, "max_iter": 30}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = LowRankSinkhorn(**options).fit(X, Y)
        moved = LowRankSinkhorn(**options).fit(X + shift, Y + shift)
        scaled = LowRankSinkhorn(**options).fit(8 * X, 8 * Y)
    assert moved.cost_ == pytest.approx(fitted.cost_, rel=1e-6)
    assert scaled.cost_ == pytest.approx(64 * fitted.cost_, rel=1e-6)
    np.testing.assert_allclose(moved.transform(X + shift), fitted.transform(X) + shift, atol=1e-3)
    np.testing.assert_allclose(scaled.transform(8 * X), 8 * fitted.transform(X), atol=1e-3)


def test_the_map_goes_to_the_parts():
    X, Y, _ = planted(25, 0)
    fitted = LowRankSinkhorn(rank=4, random_state=0).fit(X, Y)
    moved = fitted.transform(X)
    np.testing.assert_allclose(
        moved[:, :2], Y[:, :2], atol=0.2
    )  # both samples list the clusters in turn
    np.testing.assert_allclose(moved.mean(axis=0), Y.mean(axis=0), atol=0.05)
    far = fitted.transform(1e6 * np.ones((1, 6)))
    assert np.all(np.isfinite(far))


def test_memory_is_linear():
    X, Y = clouds(10_000, 10_000, 5, 7)
    tracemalloc.start()
    found = low_rank_sinkhorn(X, Y, rank=5, max_iter=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # An array of n m numbers would take 800 MB; here are some tens of n (r + d).
    assert peak < 40e6
    assert found.cost < transport_cost(X[:500], Y[:500]).mean()


def test_what_it_leaves():
    X, Y = clouds(40, 30, 2, 8)
    fitted = LowRankSinkhorn(rank=3, random_state=0).fit(X, Y)
    assert fitted.source_parts_.shape == (40, 3)
    assert fitted.marginal_error_ < 1e-12
    np.testing.assert_allclose(fitted.weights_ @ fitted.centres_, Y.mean(axis=0))
    assert fitted.notes_ == ()
    again = LowRankSinkhorn(rank=3, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(again.source_parts_, fitted.source_parts_)
    with pytest.warns(ConvergenceWarning, match="cost still fell"):
        early = LowRankSinkhorn(rank=3, max_iter=2).fit(X, Y)
    assert not early.converged_
    assert early.marginal_error_ < 1e-12


def test_bad_arguments_are_named():
    X, Y = clouds(20, 10, 2, 9)
    for options, words in (
        ({"rank": 0}, "rank"),
        ({"rank": 11}, "rank must be at most the rows of the smaller sample, 10, got 11"),
        ({"epsilon": -1.0}, "epsilon"),
        ({"tol": 0.0}, "tol"),
        ({"random_state": "a"}, "random_state"),
    ):
        with pytest.raises(ValueError, match=words):
            LowRankSinkhorn(**options).fit(X, Y)
    with pytest.raises(ValueError, match="must have the 2 columns of X, got 1"):
        LowRankSinkhorn(rank=2).fit(X, Y[:, :1])


def test_equal_rows():
    same = np.ones((6, 2))
    X, _ = clouds(20, 1, 2, 10)
    fitted = LowRankSinkhorn(rank=3).fit(X, same)
    np.testing.assert_allclose(fitted.transform(X), np.ones((20, 2)))
    assert fitted.cost_ == pytest.approx(transport_cost(X, same).mean())
    assert LowRankSinkhorn(rank=3).fit(same, same).cost_ == pytest.approx(0, abs=1e-12)


def test_short_floats_are_solved_in_long_ones():
    X, Y = np.random.default_rng(0).normal(size=(2, 300, 2)).astype(np.float32)
    found = low_rank_sinkhorn(X, Y, rank=3)
    assert found.cost == low_rank_sinkhorn(X.astype(float), Y.astype(float), rank=3).cost


def test_plans_that_there_are_none_of_are_refused():
    X, Y = np.random.default_rng(0).normal(size=(2, 5, 2))
    for wrong, what in (
        ({"Y": Y[:, :1]}, "same number of columns, got 2 and 1"),
        ({"X": X * np.nan}, "X must be finite"),
        ({"rank": 9}, "rank must be an integer from 1 to .* 5, got 9"),
        ({"rank": 1.5}, "rank must be an integer"),
        ({"epsilon": np.nan}, "epsilon must be 0 or positive and finite, got nan"),
        ({"epsilon": -1.0}, "epsilon must be 0 or positive and finite, got -1"),
        ({"a": np.full(5, 0.4)}, "a must sum to 1, got 2"),
        ({"b": np.array([0.0, 0.25, 0.25, 0.25, 0.25])}, "b must be positive, got a 0"),
        ({"factors": (X, Y[:4])}, r"factors must have shapes \(5, k\) and \(5, k\)"),
    ):
        with pytest.raises(ValueError, match=what):
            low_rank_sinkhorn(**{"X": X, "Y": Y, "rank": 2} | wrong)
