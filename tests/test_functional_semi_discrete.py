"""Semi-discrete transport against its closed forms, and its dual value as a bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from infotheory._xp import detached_numpy
from infotheory.functional import (
    laguerre_cells,
    semi_discrete,
    semi_discrete_dual,
    transport_cost,
)

seeds = st.integers(0, 2**32 - 1)


def uniform(d, seed=0, low=0.0, high=1.0):
    rng = np.random.default_rng(seed)
    return lambda n: rng.uniform(low, high, size=(n, d))


def mean_and_error(values):
    return values.mean(), 4 * values.std() / np.sqrt(len(values))


def test_two_points():
    # A symmetric source parts at 0, so that both potentials are equal, and W2^2 = E (|x| - a)^2.
    Y = np.array([[-0.5], [0.5]])
    g = semi_discrete(uniform(1, low=-1.0), Y).potential
    # The boundary is off by the difference of potentials: the root of 1 / (4 draws n density^2).
    assert abs(g[1] - g[0]) < 4 / np.sqrt(260_096)
    mean, error = mean_and_error(semi_discrete_dual(uniform(1, 1, -1.0)(100_000), Y, g))
    assert abs(2 * mean - 1 / 12) < 2 * error


def test_on_a_line():
    rng = np.random.default_rng(0)
    y, b = np.sort(rng.normal(size=6)), rng.dirichlet(np.full(6, 3.0))
    F = np.cumsum(b)
    g = semi_discrete(uniform(1), y[:, None], b).potential
    steps = np.diff(y) * ((y[1:] + y[:-1]) / 2 - F[:-1])
    # In units of the steps of y: how far the boundaries of the cells are from F.
    np.testing.assert_allclose((np.diff(g) - steps) / np.diff(y), 0, atol=5 / np.sqrt(260_096))
    assert abs(b @ g) < 1e-12
    square = np.sum((F - y) ** 3 - (np.r_[0, F[:-1]] - y) ** 3) / 3
    mean, error = mean_and_error(semi_discrete_dual(uniform(1, 1)(100_000), y[:, None], g, b))
    assert abs(2 * mean - square) < 2 * error


def test_points_on_a_line_in_many_columns():
    d, m = 100, 40
    Y = np.full((m, d), 0.5)
    Y[:, 0] = (np.arange(m) + 0.5) / m
    g = semi_discrete(uniform(d), Y, max_iter=300).potential
    mean, error = mean_and_error(semi_discrete_dual(uniform(d, 1)(20_000), Y, g))
    assert abs(2 * mean - (1 / (12 * m**2) + (d - 1) / 12)) < 2 * error
    # The potential is constant; neighbours meet where it moves by 1 / m times the error of F.
    assert np.max(np.abs(np.diff(g))) * m < 0.01


@given(seed=seeds)
def test_the_dual_value_is_a_bound(seed):
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(12, 3)), rng.normal(size=(12, 3)) + 1
    costs = transport_cost(X, Y)
    rows, columns = linear_sum_assignment(costs)
    least = costs[rows, columns].mean()
    g = rng.normal(size=12) * rng.uniform(0, 2)
    assert semi_discrete_dual(X, Y, g).mean() <= least + 1e-12
    # c-transforms of an optimal potential attain it: here that of the solver of the same sample.
    weights = rng.dirichlet(np.ones(12))
    values = semi_discrete_dual(X, Y, g, weights)
    np.testing.assert_allclose(values, (costs - g).min(axis=1) + weights @ g)


def test_a_sample_of_the_source_reaches_the_exact_cost():
    # 400 rows to 8 points: an assignment of 50 copies of each.
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(400, 2)), rng.normal(size=(8, 2))
    costs = np.repeat(transport_cost(X, Y), 50, axis=1)
    least = costs[linear_sum_assignment(costs)].mean()
    pick = np.random.default_rng(2)
    found = semi_discrete(lambda n: X[pick.integers(0, 400, size=n)], Y, max_iter=2000)
    value = semi_discrete_dual(X, Y, found.potential).mean()
    assert value <= least + 1e-12
    # The dual is flat to first order at its maximum; draws are off by 1 / sqrt(512 000) of mass.
    assert value >= least - 1e-3


def test_cells_and_values_in_every_library(xp):
    rng = np.random.default_rng(3)
    X, Y, g = rng.normal(size=(20, 3)), rng.normal(size=(5, 3)), rng.normal(size=5)
    b = rng.dirichlet(np.ones(5))
    arrays = [xp.asarray(v, dtype=xp.float64) for v in (X, Y, g, b)]
    costs = np.sum((X[:, None] - Y) ** 2, axis=2) / 2 - g
    np.testing.assert_array_equal(detached_numpy(laguerre_cells(*arrays[:3])), costs.argmin(axis=1))
    np.testing.assert_allclose(
        detached_numpy(semi_discrete_dual(*arrays)), costs.min(axis=1) + b @ g
    )
    uniform_value = detached_numpy(semi_discrete_dual(*arrays[:3]))
    np.testing.assert_allclose(uniform_value, costs.min(axis=1) + g.mean())


def test_the_gradient_is_what_cells_lack():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    X, Y = torch.tensor(rng.normal(size=(50, 2))), torch.tensor(rng.normal(size=(4, 2)))
    g = torch.tensor(rng.normal(size=4), requires_grad=True)
    b = torch.tensor(rng.dirichlet(np.ones(4)))
    slope = torch.autograd.grad(semi_discrete_dual(X, Y, g, b).mean(), g)[0]
    cells = laguerre_cells(X, Y, g.detach()).numpy()
    np.testing.assert_allclose(slope.numpy(), b.numpy() - np.bincount(cells, minlength=4) / 50)


def test_blocks_of_rows_make_no_difference(monkeypatch):
    rng = np.random.default_rng(5)
    X, Y, g = rng.normal(size=(50, 2)), rng.normal(size=(7, 2)), rng.normal(size=7)
    whole = laguerre_cells(X, Y, g), semi_discrete_dual(X, Y, g)
    monkeypatch.setattr("infotheory.functional._semi_discrete._BLOCK", 7 * 8)
    np.testing.assert_array_equal(laguerre_cells(X, Y, g), whole[0])
    np.testing.assert_allclose(semi_discrete_dual(X, Y, g), whole[1], rtol=1e-13)


def test_many_points_take_the_diagonal_of_the_hessian(monkeypatch):
    rng = np.random.default_rng(6)
    Y, b = rng.normal(size=(30, 5)), rng.dirichlet(np.full(30, 5.0))
    monkeypatch.setattr("infotheory.functional._semi_discrete._LARGEST_SYSTEM", 10)
    draws = np.random.default_rng(7)
    found = semi_discrete(lambda n: draws.normal(size=(n, 5)), Y, b)
    cells = laguerre_cells(draws.normal(size=(100_000, 5)), Y, found.potential)
    # Draws of the fit and of the check are off by 1 / sqrt(n) of their mass each.
    off = np.abs(np.bincount(cells, minlength=30) / 100_000 - b).sum()
    assert off < 4 * np.sum(np.sqrt(b)) * (1 / np.sqrt(260_096) + 1 / np.sqrt(100_000))


def test_one_point_and_one_place():
    assert semi_discrete(uniform(2), np.ones((1, 2))).potential.tolist() == [0.0]
    found = semi_discrete(lambda n: np.ones((n, 2)), np.array([[0.0, 0.0], [3.0, 0.0]]))
    assert np.all(np.isfinite(found.potential))
    assert found.gap == 0


def test_what_has_no_potential_is_refused():
    Y = np.array([[0.0], [1.0]])
    for wrong, what in (
        ({"b": np.array([1.2, -0.2])}, "b must not be negative or missing, got -0.2"),
        ({"b": np.array([1.0, 0.0])}, "b must be positive, got a 0. Leave out"),
        ({"b": np.array([1.0, 1.0])}, "b must sum to 1, got 2"),
        ({"Y": Y * np.nan}, "Y must be finite"),
        ({"Y": Y[:0]}, "Y must have shape"),
        ({"Y": np.ones((2, 2))}, "columns, got 1 and 2. X is what draw returns"),
        ({"epsilon": 0.0}, "epsilon must be positive"),
        ({"decay": -1.0}, "decay must be 0 or positive"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match=what):
            semi_discrete(**{"draw": uniform(1), "Y": Y} | wrong)


@pytest.mark.parametrize("function", [laguerre_cells, semi_discrete_dual])
def test_points_that_do_not_fit_together_are_named(function):
    X, g = np.zeros((3, 2)), np.zeros(3)
    with pytest.raises(ValueError, match=r"Y must have shape .* at least one of each"):
        function(X, X[:0], g)
    with pytest.raises(ValueError, match="X must be real, got complex128"):
        function(X * 1j, X, g)
    with pytest.raises(TypeError, match=r"one library, got builtins.list"):
        function(X.tolist(), X, g)
