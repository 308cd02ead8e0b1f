"""Entropic transport: a linear program, moves of the points, and the bound on badly solved ones."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from infotheory.functional import _sinkhorn_newton as newton
from infotheory.functional import entropy, sinkhorn, transport_cost
from infotheory.functional._sinkhorn_kernels import DenseKernel, TruncatedKernel
from infotheory.functional._sinkhorn_newton import conjugate_gradients

SEEDS = st.integers(0, 2**32 - 1)


def clouds(seed, n=9, m=12, d=2):
    """Points and weights on both sides."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), 0.5 + 0.7 * rng.normal(size=(m, d))
    return x, y, rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))


def least_cost(cost, a, b):
    """Transport without entropy, as a linear program."""
    n, m = cost.shape
    rows, columns = np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))
    # One equation follows from the others.
    found = linprog(cost.ravel(), A_eq=np.vstack([rows, columns[1:]]), b_eq=np.r_[a, b[1:]])
    assert found.success
    return found.fun


def quietly(*parts, **words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return sinkhorn(*parts, **words)


# Limits


@settings(max_examples=10)
@given(SEEDS)
def test_to_the_linear_program(seed):
    """Between the least cost and epsilon times the lesser entropy above it, and rising."""
    x, y, a, b = clouds(seed)
    cost = transport_cost(x, y)
    least = least_cost(cost, a, b)
    values = []
    for epsilon in (1.0, 0.1, 0.01, 0.001):
        found = sinkhorn(cost, a, b, epsilon=epsilon, tol=1e-9)
        values.append(float(found.value))
        room = epsilon * min(float(entropy(a)), float(entropy(b)))
        assert least - 1e-8 <= values[-1] <= least + room + 1e-8
        assert least - 1e-8 <= found.cost <= values[-1] + 1e-8
        assert found.mutual_information <= min(entropy(a), entropy(b)) + 1e-8
        together = float(found.cost + epsilon * found.mutual_information)
        assert values[-1] == pytest.approx(together, abs=1e-8)
    assert np.all(np.diff(values) <= 1e-9)


@settings(max_examples=10)
@given(SEEDS)
def test_to_independence(seed):
    """Information falls as the square of 1 / epsilon, its half the variance of what is centred."""
    x, y, a, b = clouds(seed)
    cost = transport_cost(x, y)
    centred = cost - (cost @ b)[:, None] - a @ cost + a @ cost @ b
    epsilon = 1e3 * np.max(np.abs(centred))
    found = sinkhorn(cost, a, b, epsilon=epsilon, tol=1e-13)
    second = float(a @ centred**2 @ b) / 2
    assert found.mutual_information * epsilon**2 == pytest.approx(second, rel=1e-2)
    assert (a @ cost @ b - found.value) * epsilon == pytest.approx(second, rel=1e-2)


# Points


@settings(max_examples=10)
@given(SEEDS, st.sampled_from([0.03, 0.5]))
def test_moves_of_the_points(seed, epsilon):
    x, y, a, b = clouds(seed)
    words = {"epsilon": epsilon, "tol": 1e-11}
    found = sinkhorn(transport_cost(x, y), a, b, **words)
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(2, 2)))
    shift = rng.normal(size=2)
    both = sinkhorn(transport_cost(x @ turn + shift, y @ turn + shift), a, b, **words)
    np.testing.assert_allclose(both.plan, found.plan, atol=1e-9)
    assert both.value == pytest.approx(float(found.value), abs=1e-10)
    # One cloud alone: the plan stays, and the value moves by what the means say.
    one = sinkhorn(transport_cost(x, y + shift), a, b, **words)
    np.testing.assert_allclose(one.plan, found.plan, atol=1e-9)
    moved = shift @ (b @ y - a @ x) + shift @ shift / 2
    assert one.value == pytest.approx(float(found.value) + moved, abs=1e-9)
    order = rng.permutation(9)
    mixed = sinkhorn(transport_cost(x[order], y), a[order], b, **words)
    np.testing.assert_allclose(mixed.plan, found.plan[order], atol=1e-9)


@settings(max_examples=10)
@given(SEEDS, st.sampled_from([0.03, 0.5]))
def test_points_that_are_doubled(seed, epsilon):
    """Shares of a point's weight, on either side, share its row of the plan."""
    x, y, a, b = clouds(seed)
    words = {"epsilon": epsilon, "tol": 1e-11}
    found = sinkhorn(transport_cost(x, y), a, b, **words)
    rows = np.repeat(np.arange(9), np.random.default_rng(seed).integers(1, 4, 9))
    columns = np.repeat(np.arange(12), 2)
    of_rows = a[rows] / np.bincount(rows)[rows]
    many = sinkhorn(transport_cost(x[rows], y[columns]), of_rows, b[columns] / 2, **words)
    assert many.value == pytest.approx(float(found.value), abs=1e-10)
    assert many.mutual_information == pytest.approx(float(found.mutual_information), abs=1e-8)
    gathered = np.zeros((9, 12))
    np.add.at(gathered, (rows[:, None], columns), many.plan)
    np.testing.assert_allclose(gathered, found.plan, atol=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (3, 40), (40, 3)])
def test_shapes(shape):
    x, y, a, b = clouds(0, *shape)
    found = sinkhorn(transport_cost(x, y), a, b, epsilon=0.05, tol=1e-10)
    assert found.converged
    np.testing.assert_allclose(found.plan.sum(1), a, atol=1e-9)
    np.testing.assert_allclose(found.plan.sum(0), b, atol=1e-9)
    assert 0 <= found.duality_gap < 1e-8


# The bound


@settings(max_examples=40)
@given(
    SEEDS,
    st.sampled_from(["auto", "log", "kernel", "truncated", "newton"]),
    st.integers(0, 12),
    st.sampled_from([0.003, 0.05, 1.0]),
)
def test_the_gap_is_a_bound_whatever_was_done(seed, method, max_iter, epsilon):
    x, y, a, b = clouds(seed)
    a[seed % 9] = 0
    a = a / a.sum()
    cost = transport_cost(x, y)
    best = sinkhorn(cost, a, b, epsilon=epsilon, tol=1e-11)
    least = least_cost(cost, a, b)
    early = quietly(cost, a, b, epsilon=epsilon, tol=1e-12, max_iter=max_iter, method=method)
    assert early.duality_gap >= 0
    assert early.value <= best.value + 1e-10
    assert early.primal_value >= best.value - 1e-10
    # A plan in truth: no cheaper than the linear program, as its cost is.
    assert np.sum(cost * early.rounded_plan) >= least - 1e-8
    assert early.value <= least + epsilon * min(float(entropy(a)), float(entropy(b))) + 1e-8


@settings(max_examples=20)
@given(SEEDS, st.integers(0, 40), st.sampled_from([0.01, 0.1, 1.0]))
def test_the_gap_is_a_bound_in_single_precision(seed, max_iter, epsilon):
    torch = pytest.importorskip("torch")
    x, y, a, b = clouds(seed, 20, 15)
    cost = transport_cost(x, y)
    best = sinkhorn(cost, a, b, epsilon=epsilon, tol=1e-10)
    parts = (torch.tensor(v).float() for v in (cost, a, b))
    early = quietly(*parts, epsilon=epsilon, tol=1e-7, max_iter=max_iter)
    # Costs and potentials are rounded to 2^-24 of their size, the largest cost; of each a few.
    rounding = 16 * 2.0**-24 * float(cost.max() + epsilon)
    assert early.duality_gap >= 0
    assert early.value <= best.value + rounding
    assert early.primal_value >= best.value - rounding


@pytest.mark.parametrize("method", ["auto", "log", "kernel", "newton"])
@pytest.mark.parametrize("max_iter", [0, 1, 7, 20])
def test_no_more_steps_than_were_granted(method, max_iter):
    x, y, a, b = clouds(1, 20, 25)
    cost = transport_cost(x, y)
    found = quietly(cost, a, b, epsilon=0.01, tol=1e-12, max_iter=max_iter, method=method)
    assert found.n_iter <= max(max_iter, 1)


# Newton steps by products


@pytest.mark.parametrize("epsilon", [0.002, 0.02])
@pytest.mark.parametrize("truncated", ["auto", "newton"])
def test_large_systems_are_solved_by_products(monkeypatch, epsilon, truncated):
    x, y, a, b = clouds(2, 60, 80, 3)
    cost = transport_cost(x, y)
    whole = sinkhorn(cost, a, b, epsilon=epsilon, tol=1e-9)
    monkeypatch.setattr(newton, "_DIRECT", 10)
    monkeypatch.setattr(newton, "LARGEST_SYSTEM", 10)
    found = sinkhorn(cost, a, b, epsilon=epsilon, tol=1e-9, method=truncated)
    assert found.converged
    assert found.n_iter < 2 * whole.n_iter + 20
    np.testing.assert_allclose(found.plan, whole.plan, atol=1e-8)
    assert found.value == pytest.approx(float(whole.value), abs=1e-8)
    batch = sinkhorn(np.stack([cost, 1.1 * cost]), a, b, epsilon=epsilon, tol=1e-9)
    np.testing.assert_allclose(batch.plan[0], whole.plan, atol=1e-8)


def test_conjugate_gradients_solve_each_of_a_batch():
    rng = np.random.default_rng(0)
    square = rng.normal(size=(4, 6, 6))
    system = square @ np.swapaxes(square, -1, -2) + np.eye(6)
    right = rng.normal(size=(4, 6))
    right[1] = 0
    diagonal = np.diagonal(system, axis1=-2, axis2=-1)
    found, is_solved = conjugate_gradients(
        lambda x: (system @ x[..., None])[..., 0], diagonal, right, np.full(4, 1e-10)
    )
    assert is_solved
    np.testing.assert_allclose(found, np.linalg.solve(system, right[..., None])[..., 0], atol=1e-8)


@settings(max_examples=10)
@given(SEEDS)
def test_a_truncated_kernel_is_the_dense_one(seed):
    """Also after potentials have moved, near the support that was chosen and far from it."""
    x, y, _, _ = clouds(seed, 30, 40)
    cost, epsilon = transport_cost(x, y), 0.01
    rng = np.random.default_rng(seed)
    f, g = np.min(cost, axis=1) / 2, np.min(cost, axis=0) / 2
    dense, sparse = DenseKernel(cost), TruncatedKernel(cost)
    for moved in (0.0, 0.01, 0.01, 1.0, 0.1):
        f, g = f + moved * rng.normal(size=30), g - moved * np.abs(rng.normal(size=40))
        dense.absorb(f, g, epsilon)
        sparse.absorb(f, g, epsilon)
        left, right = rng.uniform(size=30), rng.uniform(size=40)
        np.testing.assert_allclose(
            sparse.times(right), dense.times(right), rtol=1e-9, atol=np.exp(-30.0)
        )
        vector = rng.normal(size=30)
        scale = 1 / np.sqrt(np.maximum(dense.times(right**2), 1e-30))
        products = [k.normal(left * scale, right, 1e-12)[0](vector) for k in (dense, sparse)]
        whole = dense.gram(left * scale, right) @ vector
        np.testing.assert_allclose(products[0], whole, atol=1e-9 * np.abs(whole).max())
        np.testing.assert_allclose(products[1], whole, atol=1e-9 * np.abs(whole).max())


@pytest.mark.parametrize("share", [1e-4, 1e-5, 1e-6])
def test_small_epsilons_are_reached_by_default(share):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X, Y = rng.normal(size=(60, 3)), rng.normal(1.0, 2.0, size=(70, 3))
        cost = transport_cost(X, Y)
        found = sinkhorn(cost, epsilon=share * cost.mean(), max_iter=1500)
        assert found.converged
        # The plan is nearly one of least cost, whose value a linear program knows.
        assert float(found.duality_gap) < 1e-6 * cost.mean()


def test_what_is_common_to_a_start_has_no_meaning():
    rng = np.random.default_rng(0)
    cost = rng.random((5, 6))
    plain = sinkhorn(cost, epsilon=0.1)
    for shift in (1e3, 1e12, 1e16):
        found = sinkhorn(cost, epsilon=0.1, init=(np.full(5, shift), np.zeros(6)))
        assert found.converged
        assert float(found.value) == pytest.approx(float(plain.value), abs=1e-7)
        assert np.abs(found.plan.sum(1) - 1 / 5).sum() < 2e-6


@pytest.mark.parametrize("f", [np.full(5, np.nan), np.zeros(4), np.full(5, np.inf)])
def test_a_start_that_cannot_be_is_refused(f):
    with pytest.raises(
        ValueError, match=r"init must hold finite potentials .* for f of shape \(5,"
    ):
        sinkhorn(np.ones((5, 6)), epsilon=0.1, init=(f, np.zeros(6)))
