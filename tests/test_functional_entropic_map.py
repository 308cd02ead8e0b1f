"""Entropic maps and potentials at any point, and what a plan says about the bias of its value."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infotheory._xp import like
from infotheory.functional import (
    _entropic_map,
    entropic_map,
    entropic_potential,
    sinkhorn,
    transport_cost,
)
from infotheory.functional._entropic_map import entropic_weights
from infotheory.functional._plan_bias import plan_dependence

COSTS = ["half-sqeuclidean", "sqeuclidean", "euclidean", "cosine"]


def problem(n=30, m=20, d=3, seed=0):
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(n, d)), 1 + rng.normal(size=(m, d))
    b = rng.uniform(size=m)
    return X, Y, rng.normal(size=m), b / b.sum()


@pytest.mark.parametrize("cost", [*COSTS, lambda X, Y: np.abs(X[:, None] - Y).sum(-1)])
def test_map_and_potential_are_their_formulas(cost):
    X, Y, g, b = problem()
    weights = b * np.exp((g - transport_cost(X, Y, cost)) / 0.7)
    mass = weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(entropic_map(X, Y, g, b, 0.7, cost), weights / mass @ Y)
    exact = -0.7 * np.log(mass[:, 0])
    np.testing.assert_allclose(entropic_potential(X, Y, g, b, 0.7, cost), exact, rtol=1e-10)
    found = np.concatenate(list(entropic_weights(X, Y, g, b, 0.7, cost)))
    np.testing.assert_allclose(found, weights / mass)


@pytest.mark.parametrize("cost", COSTS)
def test_costs_that_are_known_do_as_well(cost):
    X, Y, g, b = problem()
    known = transport_cost(X, Y, cost)
    for f in (entropic_map, entropic_potential):
        found = f(known, Y, g, b, 0.7, "precomputed")
        np.testing.assert_allclose(found, f(X, Y, g, b, 0.7, cost))


@pytest.mark.parametrize("cost", COSTS)
def test_potentials_of_a_plan_are_each_others(cost):
    X, Y, _, b = problem()
    plan = sinkhorn(transport_cost(X, Y, cost), None, b, epsilon=0.5, tol=1e-12)
    f, g = plan.potentials
    np.testing.assert_allclose(entropic_potential(X, Y, g, b, 0.5, cost), f, atol=1e-10)
    np.testing.assert_allclose(entropic_potential(Y, X, f, plan.a, 0.5, cost), g, atol=1e-10)
    rows = plan.plan.sum(axis=1, keepdims=True)
    found = entropic_map(X, Y, g, b, 0.5, cost)
    np.testing.assert_allclose(found, plan.plan @ Y / rows, atol=1e-10)


def test_blocks_change_nothing(monkeypatch):
    X, Y, g, b = problem()
    whole = [f(X, Y, g, b, 0.5) for f in (entropic_map, entropic_potential)]
    monkeypatch.setattr(_entropic_map, "_BLOCK", 7 * len(Y))
    assert len(list(entropic_weights(X, Y, g, b, 0.5))) == 5
    for f, one in zip((entropic_map, entropic_potential), whole, strict=True):
        np.testing.assert_allclose(f(X, Y, g, b, 0.5), one, rtol=1e-14)


def test_leading_axes_are_problems_of_their_own():
    X, Y, g, b = problem()
    together = entropic_map(np.stack([X, X + 1]), np.stack([Y, 2 * Y]), g, b, 0.5)
    np.testing.assert_allclose(together[0], entropic_map(X, Y, g, b, 0.5))
    np.testing.assert_allclose(together[1], entropic_map(X + 1, 2 * Y, g, b, 0.5))


@pytest.mark.parametrize("cost", ["half-sqeuclidean", "sqeuclidean", "euclidean"])
@pytest.mark.parametrize("distance", [1e3, 1e8, 1e12])
def test_far_points_go_where_exact_arithmetic_sends_them(cost, distance):
    # Of points far along u only what y is along u counts: exp(power * <u, y> / epsilon).
    _, Y, g, b = problem()
    u = np.array([0.6, 0.8, 0.0])
    power = {"half-sqeuclidean": distance, "sqeuclidean": 2 * distance, "euclidean": 1.0}[cost]
    logs = np.log(b) + (g + power * (Y @ u)) / 0.5
    if cost != "euclidean":
        logs -= power / distance * 0.5 * (Y**2).sum(1) / 0.5
    weights = np.exp(logs - logs.max())
    found = entropic_map(distance * u[None], Y, g, b, 0.5, cost)
    # Distances of 1e12 are known to 1e-4.
    atol = {"euclidean": 20 / distance + 1e-15 * distance * 20}.get(cost, 1e-9)
    np.testing.assert_allclose(found[0], weights / weights.sum() @ Y, atol=atol)


def test_two_points_have_the_hyperbolic_tangent():
    # A law that is symmetric about 0, onto -a and a: equal potentials, T(x) = a tanh(a x / eps).
    X = np.concatenate([np.linspace(-2, -0.1, 20), np.linspace(0.1, 2, 20)])[:, None]
    Y = np.array([[-1.5], [1.5]])
    plan = sinkhorn(transport_cost(X, Y), epsilon=0.8, tol=1e-13)
    new = np.linspace(-3, 3, 13)[:, None]
    found = entropic_map(new, Y, plan.potentials[1], plan.b, 0.8)
    np.testing.assert_allclose(found, 1.5 * np.tanh(1.5 * new / 0.8), atol=1e-10)


def test_points_without_weight_count_not():
    X, Y, g, b = problem()
    b = np.where(np.arange(len(b)) % 2, b, 0)
    kept = b > 0
    found = entropic_map(X, Y, g, b, 0.5)
    np.testing.assert_allclose(found, entropic_map(X, Y[kept], g[kept], b[kept], 0.5))


@pytest.mark.parametrize("f", [entropic_map, entropic_potential])
def test_every_library(xp, f):
    X, Y, g, b = problem()
    arrays = [xp.asarray(part) for part in (X, Y, g, b)]
    found = f(*arrays, 0.5)
    assert type(found) is type(arrays[0])
    assert found.dtype == arrays[0].dtype
    exact = like(f(X, Y, g, b, 0.5), found)
    assert float(xp.max(xp.abs(found - exact))) < 1e-12


@pytest.mark.parametrize("cost", COSTS)
def test_gradients(cost):
    torch = pytest.importorskip("torch")
    X, Y, g, b = (torch.tensor(part, requires_grad=True) for part in problem(4, 3, 2))
    for f in (entropic_map, entropic_potential):
        assert torch.autograd.gradcheck(lambda *parts, f=f: f(*parts, 0.5, cost), (X, Y, g, b))


def test_the_map_is_x_less_the_slope_of_the_potential():
    torch = pytest.importorskip("torch")
    X, Y, g, b = (torch.tensor(part) for part in problem())
    X.requires_grad_()
    (slope,) = torch.autograd.grad(entropic_potential(X, Y, g, b, 0.5).sum(), X)
    torch.testing.assert_close(entropic_map(X, Y, g, b, 0.5), X - slope)


@pytest.mark.parametrize(("n", "m"), [(161, 121), (121, 161)])
def test_the_spectrum_of_a_normal_plan(n, m):
    # Between normal variables of correlation r the singular values are the powers of r.
    r = 0.6
    x, y = (np.linspace(-9, 9, size) for size in (n, m))
    a, b = (np.exp(-(grid**2) / 2) / np.exp(-(grid**2) / 2).sum() for grid in (x, y))
    log_ratio = (2 * r * x[:, None] * y - r**2 * (x[:, None] ** 2 + y**2)) / (2 * (1 - r**2))
    plan = a[:, None] * np.exp(log_ratio) / math.sqrt(1 - r**2) * b
    exact = sum(r ** (2 * k) / (1 - r ** (2 * k)) for k in range(1, 200))
    assert plan_dependence(plan, a, b) == pytest.approx(exact, rel=1e-6)


def test_a_product_has_no_dependence():
    rng = np.random.default_rng(0)
    a, b = (w / w.sum() for w in (rng.uniform(size=10), np.append(rng.uniform(size=6), 0.0)))
    assert plan_dependence(a[:, None] * b, a, b) == pytest.approx(0, abs=1e-12)


def test_maps_without_a_plan_are_refused():
    X, g, b = np.zeros((3, 2)), np.zeros(3), np.full(3, 1 / 3)
    for function in (entropic_map, entropic_potential):
        for epsilon in (0.0, -1.0, np.nan):
            with pytest.raises(ValueError, match="epsilon must be positive and finite"):
                function(X, X, g, b, epsilon)
        with pytest.raises(TypeError, match="epsilon must be a positive number, got None"):
            function(X, X, g, b, None)
        with pytest.raises(ValueError, match="same number of columns, got 1 and 2"):
            function(X[:, :1], X, g, b, 1.0)
        with pytest.raises(TypeError, match=r"one library, got builtins.list and numpy"):
            function(X.tolist(), X, g, b, 1.0)
