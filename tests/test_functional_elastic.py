"""Elastic costs against their definitions, proximal maps against minimisation, gradients."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize

from infotheory._xp import detached_numpy
from infotheory.functional import (
    elastic_cost,
    elastic_gradient,
    elastic_map,
    elastic_proximal,
    sinkhorn,
    transport_cost,
)

KINDS = [("l1", 1), ("stvs", 1), ("k-overlap", 1), ("k-overlap", 2), ("k-overlap", 5)]
D = 5
seeds = st.integers(0, 2**32 - 1)


def of_difference(z, kind, strength, k):
    return float(elastic_cost(z[None], np.zeros((1, len(z))), kind, strength, k)[0, 0])


def squared_overlap_norm(w, k):
    """By the dual norm, the Euclidean norm of the k largest: sup over the vertices' pieces."""
    size = np.sort(np.abs(w))[::-1]
    # The only r that satisfies the ordering condition of the closed form.
    for r in range(k):
        mean = size[k - r - 1 :].sum() / (r + 1)
        before = np.inf if k - r - 1 == 0 else size[k - r - 2]
        if before > mean >= size[k - r - 1]:
            return np.sum(size[: k - r - 1] ** 2) + mean**2 * (r + 1)
    raise AssertionError("no r")


@given(seed=seeds)
def test_costs_by_their_definitions(seed):
    z = np.random.default_rng(seed).normal(size=D)
    half, strength = z @ z / 2, 0.7
    l1 = half + strength * np.abs(z).sum()
    np.testing.assert_allclose(of_difference(z, "l1", strength, 1), l1)
    slopes = [quad(lambda t: (np.sqrt(t * t + 4 * 0.49) - t) / 2, 0, abs(v))[0] for v in z]
    np.testing.assert_allclose(of_difference(z, "stvs", strength, 1), half + sum(slopes))
    for k in range(1, D + 1):
        expected = half + strength / 2 * squared_overlap_norm(z, k)
        np.testing.assert_allclose(of_difference(z, "k-overlap", strength, k), expected)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_overlap_norm_is_the_dual_of_the_k_largest(k):
    # sup <w, u> over u whose k largest entries have norm 1, by minimisation over the unit ball.
    w = np.random.default_rng(k).normal(size=4)
    supports = [np.isin(np.arange(4), s) for s in itertools.combinations(range(4), k)]
    limits = [{"type": "ineq", "fun": lambda u, s=s: 1 - u[s] @ u[s]} for s in supports]
    best = minimize(lambda u: -(w @ u), w / 10, constraints=limits, options={"ftol": 1e-13})
    np.testing.assert_allclose(squared_overlap_norm(w, k), best.fun**2, rtol=1e-6)


@pytest.mark.parametrize(("kind", "k"), KINDS)
@given(seed=seeds, strength=st.floats(0.01, 20.0), scale=st.floats(0.1, 10.0))
def test_no_point_is_better_than_the_proximal_one(kind, k, seed, strength, scale):
    rng = np.random.default_rng(seed)
    v = rng.normal(size=D) * scale * rng.integers(0, 2, size=D)
    found = elastic_proximal(v, kind, strength, k)

    def excess(points):
        costs = elastic_cost(points, np.zeros((1, D)), kind, strength, k)[:, 0]
        return costs - points @ v

    # The objective curves with at least 1, and with "stvs" 1/2: that is what others lose.
    curvature = 0.5 if kind == "stvs" else 1.0
    others = found + np.geomspace(1e-4, 10, 15)[:, None] * rng.normal(size=(15, D))
    steps = 1e-3 * np.eye(D)
    others = np.concatenate([others, [v, 0 * v], found + steps, found - steps])
    least = excess(found[None]) + curvature / 2 * np.sum((others - found) ** 2, axis=1)
    assert np.all(excess(others) >= least - 1e-10 * (1 + np.abs(least)))


@pytest.mark.parametrize(
    ("kind", "k"),
    [pytest.param(*each, marks=pytest.mark.slow) if each[1] == 5 else each for each in KINDS],
)
def test_proximal_map_by_numerical_minimisation(kind, k):
    rng, k = np.random.default_rng(k), min(k, 4)
    for strength in (0.1, 2.0):
        v = rng.normal(size=4) * 2

        def objective(z, v=v, strength=strength):
            return np.sum((z - v) ** 2) / 2 + of_difference(z, kind, strength, k) - z @ z / 2

        options = {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 10_000, "maxfev": 10_000}
        options["adaptive"] = True
        start = v + rng.normal(size=4) / 10
        for _ in range(2):  # a fresh simplex each time, as it may collapse at a kink
            best = minimize(objective, start, method="Nelder-Mead", options=options)
            start = best.x
        found = elastic_proximal(v, kind, strength, k)
        # A value that is off by delta allows a distance of 2 sqrt(delta) at curvature 1/2.
        assert np.sum((found - best.x) ** 2) <= 4 * max(best.fun - objective(found), 1e-10)


@pytest.mark.parametrize(("kind", "k"), KINDS)
@given(seed=seeds, strength=st.floats(0.0, 20.0))
def test_proximal_map_inverts_the_gradient(kind, k, seed, strength):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(7, D)) * rng.integers(0, 2, size=(7, D))
    back = elastic_proximal(elastic_gradient(z, kind, strength, k), kind, strength, k)
    np.testing.assert_allclose(back, z, atol=1e-10 * (1 + strength))


def test_overlap_norm_between_its_ends():
    z = np.random.default_rng(0).normal(size=D)
    np.testing.assert_allclose(
        2 * of_difference(z, "k-overlap", 1.0, 1) - z @ z, np.abs(z).sum() ** 2
    )
    np.testing.assert_allclose(of_difference(z, "k-overlap", 1.0, D), z @ z)
    np.testing.assert_allclose(elastic_proximal(z, "k-overlap", 3.0, D), z / 4)


def test_thresholds():
    v = np.array([0.0, 0.5, -1.0, 1.5, -4.0])
    np.testing.assert_array_equal(elastic_proximal(v, "l1", 1.0), [0, 0, 0, 0.5, -3])
    np.testing.assert_allclose(elastic_proximal(v, "stvs", 1.0), [0, 0, 0, 1.5 - 1 / 1.5, -3.75])


def test_equal_zero_and_minute_entries():
    for row in ([1.0, 1, 1, 1], [0.0, 0, 0, 0], [2.0, 0, 0, 0], [1.0, 1e-200, 3e-300, 0]):
        v = np.array(row)
        for k in (1, 2, 4):
            found = elastic_proximal(v, "k-overlap", 0.5, k)
            gradient = elastic_gradient(found, "k-overlap", 0.5, k)
            assert np.all(np.isfinite(found))
            np.testing.assert_allclose(gradient[found != 0], v[found != 0], atol=1e-12)
    np.testing.assert_allclose(
        elastic_proximal(np.ones(4), "k-overlap", 0.5, 2), np.full(4, 0.5), atol=1e-15
    )


@pytest.mark.parametrize(("kind", "k"), KINDS)
def test_every_library_gives_the_same(xp, kind, k):
    rng = np.random.default_rng(0)
    X, Y, g = rng.normal(size=(6, D)), rng.normal(size=(4, D)), rng.normal(size=4)
    x, y, potential = (xp.asarray(v, dtype=xp.float64) for v in (X, Y, g))
    for function, arguments in (
        (elastic_cost, ((X, Y), (x, y))),
        (elastic_gradient, ((X,), (x,))),
        (elastic_proximal, ((X,), (x,))),
    ):
        expected = function(*arguments[0], kind, 0.6, k)
        np.testing.assert_allclose(detached_numpy(function(*arguments[1], kind, 0.6, k)), expected)
    options = {"epsilon": 0.5, "regulariser": kind, "strength": 0.6, "k": k}
    expected = elastic_map(X, Y, g, **options)
    np.testing.assert_allclose(detached_numpy(elastic_map(x, y, potential, **options)), expected)
    x32 = xp.asarray(X, dtype=xp.float32)
    assert elastic_proximal(x32, kind, 0.6, k).dtype == xp.float32


@pytest.mark.parametrize(("kind", "k"), KINDS)
def test_gradients(kind, k):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    X = torch.tensor(rng.normal(size=(3, D)), requires_grad=True)
    Y, g = torch.tensor(rng.normal(size=(4, D))), torch.tensor(rng.normal(size=4))
    check = torch.autograd.gradcheck
    assert check(lambda x: elastic_cost(x, Y, kind, 0.6, k), (X,))
    assert check(lambda x: elastic_proximal(2 * x, kind, 0.6, k), (X,))
    options = {"epsilon": 0.5, "regulariser": kind, "strength": 0.6, "k": k}
    assert check(lambda x: elastic_map(x, Y, g, **options), (X,))
    slope = torch.autograd.grad(elastic_cost(X, Y[:1] * 0, kind, 0.6, k).sum(), X)[0]
    found = elastic_gradient(X.detach(), kind, 0.6, k)
    np.testing.assert_allclose(slope.numpy(), found.numpy(), rtol=1e-10)
    # The map is what the gradient of the extended potential says.
    level = (g - elastic_cost(X, Y, kind, 0.6, k)) / 0.5 - np.log(4)
    f = -0.5 * torch.logsumexp(level, dim=1)
    slope = torch.autograd.grad(f.sum(), X)[0]
    expected = X.detach() - elastic_proximal(slope, kind, 0.6, k)
    np.testing.assert_allclose(elastic_map(X.detach(), Y, g, **options).numpy(), expected.numpy())


@pytest.mark.parametrize("kind", ["l1", "stvs", "k-overlap"])
def test_without_strength_it_is_the_entropic_map(kind):
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(30, 3)), rng.normal(size=(20, 3)) + 1
    b = rng.dirichlet(np.ones(20))
    np.testing.assert_allclose(elastic_cost(X, Y, kind, 0.0, 2), transport_cost(X, Y), atol=1e-12)
    plan = sinkhorn(transport_cost(X, Y), b=b, epsilon=0.3, tol=1e-10)
    options = {"epsilon": 0.3, "b": b, "regulariser": kind, "strength": 0.0, "k": 2}
    found = elastic_map(X, Y, plan.potentials[1], **options)
    np.testing.assert_allclose(found, 30 * plan.plan @ Y, atol=1e-8)


@pytest.mark.parametrize(("kind", "k"), KINDS)
@given(seed=seeds)
def test_laws(kind, k, seed):
    rng = np.random.default_rng(seed)
    X, Y, g = rng.normal(size=(4, D)), rng.normal(size=(3, D)), rng.normal(size=3)
    options = {"epsilon": 0.7, "regulariser": kind, "strength": 0.4, "k": k}
    found = elastic_map(X, Y, g, **options)
    shift, columns, rows = rng.normal(size=D), rng.permutation(D), rng.permutation(3)
    moved = elastic_map(X + shift, Y + shift, g, **options)
    np.testing.assert_allclose(moved, found + shift, atol=1e-9)
    turned = elastic_map(X[:, columns], Y[rows][:, columns], g[rows], **options)
    np.testing.assert_allclose(turned, found[:, columns], atol=1e-9)
    # A length scales with the columns; the factor of the k-overlap norm has no unit.
    options["strength"] = 0.4 if kind == "k-overlap" else 1.2
    options["epsilon"] = 0.7 * 9
    np.testing.assert_allclose(elastic_map(3 * X, 3 * Y, 9 * g, **options), 3 * found, atol=1e-8)


def test_blocks_of_rows_make_no_difference(monkeypatch):
    rng = np.random.default_rng(3)
    X, Y, g = rng.normal(size=(9, D)), rng.normal(size=(4, D)), rng.normal(size=4)
    whole = elastic_cost(X, Y), elastic_map(X, Y, g, epsilon=0.5)
    monkeypatch.setattr("infotheory.functional._elastic_costs._BLOCK", 2 * 4 * D)
    np.testing.assert_array_equal(elastic_cost(X, Y), whole[0])
    np.testing.assert_allclose(elastic_map(X, Y, g, epsilon=0.5), whole[1], rtol=1e-13)


def test_far_away_it_goes_to_a_point_of_the_target():
    Y = np.array([[0.0, 0.0], [1.0, 0.0]])
    found = elastic_map(np.array([[1e6, 0.0]]), Y, np.zeros(2), epsilon=1e-3)
    np.testing.assert_allclose(found, [[1.0, 0.0]], atol=1e-9)


def test_unknown_names_are_refused():
    z = np.ones((2, 2))
    for function in (elastic_gradient, elastic_proximal, lambda v, kind: elastic_cost(v, v, kind)):
        with pytest.raises(ValueError, match="regulariser must be one of l1, stvs, k-overlap"):
            function(z, "l0")


def test_maps_without_a_plan_are_refused():
    X, g = np.zeros((3, 2)), np.zeros(3)
    for epsilon in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="epsilon must be positive and finite"):
            elastic_map(X, X, g, epsilon=epsilon)
    with pytest.raises(ValueError, match="same number of columns, got 2 and 1"):
        elastic_map(X, X[:, :1], g, epsilon=1.0)
    with pytest.raises(ValueError, match="same number of columns, got 2 and 1"):
        elastic_cost(X, X[:, :1])
