"""Entropic transport between clouds without the array of costs, against the solver with it."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infotheory.functional import (
    EntropicPointPlan,
    group_invariant_cost,
    sinkhorn,
    sinkhorn_divergence,
    sinkhorn_points,
    transport_cost,
)
from infotheory.functional._point_costs import PointCosts
from infotheory.functional._point_kernels import BlockKernel, PointKernel
from infotheory.functional._transport_costs import COSTS

SEEDS = st.integers(0, 2**32 - 1)
NEVER_WHOLE = {"block_size": 2000}  # pairs: too few for most problems here as an array


def clouds(seed, n=300, m=250, d=3):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), 0.5 + 0.7 * rng.normal(size=(m, d))
    return x, y, rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))


def cityblock(x, y):
    return abs(x[:, None, :] - y[None, :, :]).sum(-1)


def agrees(found, whole, atol):
    """All that a plan says, against that of the solver with an array."""
    assert found.value == pytest.approx(float(whole.value), abs=atol)
    assert found.cost == pytest.approx(float(whole.cost), abs=atol)
    assert found.mutual_information == pytest.approx(float(whole.mutual_information), abs=10 * atol)
    for ours, theirs in zip(found.potentials, whole.potentials, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e3 * atol)
    rows = [5, 0, -1]
    np.testing.assert_allclose(found.plan_rows(rows), whole.plan[rows], atol=atol)


# The sums over all pairs


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("d", [1, 4, 6])
@pytest.mark.parametrize("copies", [1, 2])
def test_sums_are_those_of_the_array(cost, d, copies):
    x, y, a, b = clouds(d, 300, 201, d)
    x[0], y[3] = 0.0, 0.0  # whose cosine is 0
    costs = PointCosts(x, [y, -y][:copies], cost, 0.7, 1000)
    dense, kernel, blocks = costs.whole(), PointKernel(costs), BlockKernel(costs)
    g = np.random.default_rng(0).normal(size=201)
    exponents = (g - dense) / 0.7 + np.log(b)
    f = -0.7 * np.log(np.exp(exponents).sum(1))
    for some in (kernel, blocks):
        np.testing.assert_allclose(some.soft_minimum(g, np.log(b), 0.7, -1), f, atol=1e-7)
        back = -0.7 * np.log(a @ np.exp((f[:, None] - dense) / 0.7))
        np.testing.assert_allclose(some.soft_minimum(f, np.log(a), 0.7, -2), back, atol=1e-7)
        some.absorb(f, back, 0.7)
        density = np.exp((f[:, None] + back - dense) / 0.7)
        np.testing.assert_allclose(some.times(b), density @ b, rtol=1e-7)
        np.testing.assert_allclose(some.transposed_times(a), a @ density, rtol=1e-7)
    kernel.is_exact = False
    np.testing.assert_allclose(kernel.times(b), density @ b, rtol=3e-5)
    np.testing.assert_allclose(kernel.transposed_times(a), a @ density, rtol=3e-5)


def test_what_is_left_out_is_too_small_to_matter():
    """At a small epsilon most tiles are skipped, and sums out of range are told."""
    x, y, _, b = clouds(0, 3000, 2000, 2)
    x = x[np.argsort(x[:, 0])]
    costs = PointCosts(x, [y], "half-sqeuclidean", 1e-3, 2**30)
    kernel = PointKernel(costs)
    f = kernel.soft_minimum(np.zeros(2000), np.log(b), 1e-3, -1)
    kernel.absorb(f, np.zeros(2000), 1e-3)
    np.testing.assert_allclose(kernel.times(b), 1.0, rtol=1e-9)
    kernel.absorb(f - 1.0, np.zeros(2000), 1e-3)
    assert np.all(kernel.times(b) == 0)
    kernel.absorb(f + 1.0, np.zeros(2000), 1e-3)
    assert np.all(np.isinf(kernel.times(b)))


# Against the solver with an array


@pytest.mark.parametrize("cost", [*COSTS, cityblock])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_the_plan_is_that_of_the_array(cost, share):
    x, y, a, b = clouds(1, 150, 190)
    epsilon = share * transport_cost(x, y, cost).mean()
    found = sinkhorn_points(x, y, a, b, epsilon=epsilon, cost=cost, tol=1e-10, **NEVER_WHOLE)
    dense = transport_cost(x, y, cost)
    whole = sinkhorn(dense, a, b, epsilon=epsilon, tol=1e-10)
    assert isinstance(found, EntropicPointPlan)
    assert found.converged
    assert found.marginal_error <= 1e-10
    agrees(found, whole, 1e-8)
    assert 0 <= found.duality_gap < 1e-8
    plan = found.plan_rows(slice(None))
    off = np.abs(plan.sum(1) - a).sum() + np.abs(plan.sum(0) - b).sum()
    assert off == pytest.approx(found.marginal_error, abs=1e-11)
    np.testing.assert_allclose(found.transform(x), (plan @ y) / a[:, None], rtol=1e-6, atol=1e-7)


def test_a_small_problem_is_solved_as_an_array():
    x, y, a, b = clouds(2, 60, 50)
    found = sinkhorn_points(x, y, a, b, epsilon=0.1, tol=1e-10)
    agrees(found, sinkhorn(transport_cost(x, y), a, b, epsilon=0.1, tol=1e-10), 1e-9)
    never = sinkhorn_points(x, y, a, b, epsilon=0.1, tol=1e-10, **NEVER_WHOLE)
    assert never.value == pytest.approx(float(found.value), abs=1e-9)


@pytest.mark.parametrize("max_iter", [1, 4])
def test_the_gap_is_the_one_of_the_array_wherever_one_stops(max_iter):
    x, y, a, b = clouds(3, 120, 90)
    a[4], b[7] = 0.0, 0.0
    a, b = a / a.sum(), b / b.sum()
    dense = transport_cost(x, y)
    with pytest.warns(RuntimeWarning, match="off by .* raise epsilon or max_iter"):
        found = sinkhorn_points(x, y, a, b, epsilon=0.05, max_iter=max_iter, **NEVER_WHOLE)
    assert not found.converged
    assert found.notes
    assert found.marginal_error > 1e-6
    best = sinkhorn(dense, a, b, epsilon=0.05, tol=1e-11)
    assert found.value <= best.value <= found.primal_value
    # The same potentials in the array's plan have the same gap and value.
    same = type(best)(dense, a, b, 0.05, found.dual, np.array(0.0), False, 0)
    assert found.duality_gap == pytest.approx(float(same.duality_gap), rel=1e-6)
    assert found.value == pytest.approx(float(same.value), abs=1e-9)


@settings(max_examples=8)
@given(SEEDS, st.sampled_from([(1, 30), (40, 1), (60, 25), (25, 60)]))
def test_any_shape_with_weights_of_zero(seed, shape):
    x, y, a, b = clouds(seed, *shape, d=2)
    if min(shape) > 1:
        a[[0, 4]], b[2] = 0.0, 0.0
        a, b = a / a.sum(), b / b.sum()
    found = sinkhorn_points(x, y, a, b, epsilon=0.2, tol=1e-10, block_size=20)
    whole = sinkhorn(transport_cost(x, y), a, b, epsilon=0.2, tol=1e-10)
    assert found.value == pytest.approx(float(whole.value), abs=1e-8)
    for ours, theirs in zip(found.potentials, whole.potentials, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert 0 <= found.duality_gap < 1e-8


def test_a_start_near_by_saves_sweeps():
    x, y, a, b = clouds(4)
    first = sinkhorn_points(x, y, a, b, epsilon=0.05, **NEVER_WHOLE)
    for init in (first, first.potentials):
        again = sinkhorn_points(x, y, a, b, epsilon=0.05, init=init, **NEVER_WHOLE)
        assert again.n_iter <= 1 < first.n_iter


# Laws


@settings(max_examples=8)
@given(SEEDS)
def test_moved_clouds_have_the_same_plan(seed):
    """<x, move> goes into the potentials: the plan stays where one cloud is moved."""
    x, y, a, b = clouds(seed, 60, 50)
    move = 10 * np.random.default_rng(seed).normal(size=3)
    options = {"epsilon": 0.1, "tol": 1e-10, **NEVER_WHOLE}
    found = sinkhorn_points(x, y, a, b, **options)
    moved = sinkhorn_points(x, y + move, a, b, **options)
    np.testing.assert_allclose(moved.plan_rows([0, 1]), found.plan_rows([0, 1]), atol=1e-8)
    both = sinkhorn_points(x + move, y + move, a, b, **options)
    assert both.value == pytest.approx(float(found.value), abs=1e-7)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    turned = sinkhorn_points(x @ turn, y @ turn, a, b, **options)
    assert turned.value == pytest.approx(float(found.value), abs=1e-9)
    swapped = sinkhorn_points(y, x, b, a, **options)
    assert swapped.value == pytest.approx(float(found.value), abs=1e-9)


@settings(max_examples=8)
@given(SEEDS)
def test_a_point_twice_with_half_the_weight_changes_nothing(seed):
    x, y, a, b = clouds(seed, 60, 50)
    options = {"epsilon": 0.1, "tol": 1e-11, **NEVER_WHOLE}
    found = sinkhorn_points(x, y, a, b, **options)
    half = np.r_[a[:1] / 2, a[1:], a[:1] / 2]
    doubled = sinkhorn_points(np.vstack([x, x[:1]]), y, half, b, **options)
    assert doubled.value == pytest.approx(float(found.value), abs=1e-10)
    np.testing.assert_allclose(doubled.transform(x), found.transform(x), atol=1e-8)
    assert found.value == pytest.approx(
        float(found.cost + 0.1 * found.mutual_information), abs=1e-9
    )


def test_the_map_far_away_is_that_of_the_farthest_point():
    x, y, a, b = clouds(5)
    found = sinkhorn_points(x, y, a, b, epsilon=0.1, **NEVER_WHOLE)
    for reach in (1e3, 1e9, 1e150):
        far = found.transform(np.array([[reach, 0.0, 0.0]]))
        np.testing.assert_allclose(far[0], y[np.argmax(y[:, 0])], atol=1e-6)


# A group


def reflect(x):
    return -x


def turn(x):
    return x @ np.array([[0.0, 1.0], [-1.0, 0.0]])


TURNS = (turn, reflect, lambda x: -turn(x))


@pytest.mark.parametrize("cost", ["half-sqeuclidean", "euclidean", "cosine", cityblock])
@pytest.mark.parametrize("group", [reflect, TURNS])
def test_transport_under_a_group_is_that_of_all_images(cost, group):
    x, y, a, b = clouds(6, 40, 30, 2)
    maps = [lambda v: v, *([group] if callable(group) else group)]
    images = [np.vstack([g(v) for g in maps]) for v in (x, y)]
    weights = [np.tile(w, len(maps)) / len(maps) for w in (a, b)]
    options = {"epsilon": 0.2, "tol": 1e-12}
    exact = sinkhorn(transport_cost(*images, cost), *weights, **options)
    dense = group_invariant_cost(x, y, group, epsilon=0.2, cost=cost)
    assert sinkhorn(dense, a, b, **options).value == pytest.approx(float(exact.value), abs=1e-9)
    for block_size in (2**20, 300):
        found = sinkhorn_points(
            x, y, a, b, cost=cost, group=group, block_size=block_size, **options
        )
        assert found.value == pytest.approx(float(exact.value), abs=1e-9)
        assert found.duality_gap < 1e-9
        np.testing.assert_allclose(
            found.transform(images[0])[:40],
            (exact.plan @ images[1])[:40] / weights[0][:40, None],
            atol=1e-6,
        )
        np.testing.assert_allclose(found.potentials[0], exact.potentials[0][:40], atol=1e-7)


def test_what_a_group_cannot_hold():
    x, y, _, _ = clouds(0, 5, 5)
    with pytest.raises(TypeError, match="group must hold callables, got 1"):
        sinkhorn_points(x, y, epsilon=1.0, group=[1])
    with pytest.raises(ValueError, match="finite rows of the shape it was given"):
        group_invariant_cost(x, y, lambda v: v[:2], epsilon=1.0)
    with pytest.raises(ValueError, match="finite rows of the shape"):
        sinkhorn_points(x, y, epsilon=1.0, group=lambda v: v * np.nan)
    with pytest.raises(ValueError, match="epsilon must be positive"):
        group_invariant_cost(x, y, reflect, epsilon=0.0)


# Torch


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cost", ["half-sqeuclidean", cityblock])
def test_torch_gives_what_numpy_gives(dtype, cost):
    torch = pytest.importorskip("torch")
    x, y, a, b = clouds(7, 100, 120)
    kind, tol = getattr(torch, dtype), 1e-4 if dtype == "float32" else 1e-9
    tensors = [torch.tensor(v, dtype=kind) for v in (x, y, a, b)]
    found = sinkhorn_points(*tensors, epsilon=0.2, cost=cost, tol=tol, **NEVER_WHOLE)
    exact = sinkhorn(transport_cost(x, y, cost), a, b, epsilon=0.2, tol=1e-9)
    assert found.converged
    for part in (found.value, found.cost, found.duality_gap, found.mutual_information):
        assert part.dtype == kind
        assert part.shape == ()
    assert float(found.value) == pytest.approx(float(exact.value), abs=10 * tol)
    rows = found.plan_rows(torch.tensor([3, 1]))
    assert rows.dtype == kind
    np.testing.assert_allclose(rows.numpy(), exact.plan[[3, 1]], atol=10 * tol)
    assert found.potentials[1].dtype == found.transform(tensors[0][:4]).dtype == kind
    again = sinkhorn_points(*tensors, epsilon=0.2, cost=cost, tol=tol, init=found, **NEVER_WHOLE)
    assert again.n_iter <= 1


def test_float32_of_numpy():
    x, y, _, _ = clouds(8, 100, 120)
    found = sinkhorn_points(x.astype(np.float32), y.astype(np.float32), epsilon=0.2, **NEVER_WHOLE)
    assert found.converged
    assert found.value.dtype == found.potentials[0].dtype == np.float32
    exact = sinkhorn(transport_cost(x, y), epsilon=0.2)
    assert found.value == pytest.approx(float(exact.value), rel=1e-5)


@pytest.mark.parametrize("cost", [*COSTS, cityblock])
@pytest.mark.parametrize("block_size", [30, 2**20])
def test_gradients_of_the_value(cost, block_size):
    torch = pytest.importorskip("torch")
    x, y, a, b = (torch.tensor(v) for v in clouds(9, 6, 5, 2))
    options = {"epsilon": 0.4, "tol": 1e-12}

    def points(x, y, log_a, log_b):
        weights = log_a.softmax(0), log_b.softmax(0)
        found = sinkhorn_points(x, y, *weights, cost=cost, block_size=block_size, **options)
        return found.value

    def array(x, y, log_a, log_b):
        weights = log_a.softmax(0), log_b.softmax(0)
        return sinkhorn(transport_cost(x, y, cost), *weights, **options).value

    inputs = [v.detach().requires_grad_() for v in (x, y, a.log(), b.log())]
    ours, theirs = (torch.autograd.grad(value(*inputs), inputs) for value in (points, array))
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-8, rtol=1e-7)
    if block_size == 30 and cost in ("euclidean", "cosine"):
        assert torch.autograd.gradcheck(points, inputs, atol=1e-6)


def test_gradients_under_a_group_and_of_a_cost_that_is_learnt():
    torch = pytest.importorskip("torch")
    x, y, _, _ = (torch.tensor(v) for v in clouds(10, 4, 3, 2))
    scale = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    x.requires_grad_()

    def value(x, scale):
        def cost(x, y):
            return ((scale * (x[:, None] - y)) ** 2).sum(-1)

        return sinkhorn_points(
            x, y, epsilon=1.5, cost=cost, tol=1e-11, group=reflect, block_size=15
        ).value

    assert torch.autograd.gradcheck(value, (x, scale), atol=1e-6)
    (gradient,) = torch.autograd.grad(value(x, scale), scale, create_graph=True)
    with pytest.raises(NotImplementedError, match="first derivative only"):
        torch.autograd.grad(gradient.sum(), scale)
    assert not sinkhorn_points(
        x, y, epsilon=1.5, cost=lambda x, y: scale[0] * cityblock(x, y), block_size=15
    ).cost.requires_grad
    named = sinkhorn_points(
        x, y, epsilon=1.5, cost="sqeuclidean", tol=1e-11, group=reflect, block_size=15
    )
    ones = torch.ones(2, dtype=torch.float64)
    torch.testing.assert_close(
        torch.autograd.grad(named.value, x)[0],
        torch.autograd.grad(value(x, ones), x)[0],
    )


# What cannot be


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epsilon": 0.0}, "epsilon must be positive"),
        ({"epsilon": np.inf}, "epsilon must be positive"),
        ({"tol": 0.0}, "tol must be positive"),
        ({"a": np.ones(6)}, "a must sum to 1, got 6"),
        ({"a": np.full(5, 0.2)}, "a must have 6 entries, one for each row of X"),
        ({"b": np.r_[1.5, -0.5, 0, 0, 0]}, "b must not be negative"),
        ({"X": np.full((6, 3), np.nan)}, "X must be finite"),
        ({"Y": np.zeros((5, 2))}, "X and Y must have the same number of columns, got 3 and 2"),
        ({"Y": np.zeros(5)}, "Y must have shape"),
        ({"X": np.zeros((0, 3))}, r"X must have shape .*points, columns., at least one of each"),
        ({"cost": "manhattan"}, "cost must be one of half-sqeuclidean"),
        ({"cost": lambda x, y: x @ x.T}, "cost must return all pairs"),
        ({"cost": lambda x, y: x @ y.T * np.nan}, "cost must be finite"),
        ({"init": (np.zeros(6), np.zeros(6))}, "init must hold one potential for each row"),
        ({"init": (np.zeros(6), np.full(5, np.inf))}, "init must be finite"),
        ({"block_size": 0}, "block_size must be at least 1"),
    ],
)
def test_what_cannot_be_is_said(changes, message):
    x, y, _, _ = clouds(0, 6, 5)
    words = {"X": x, "Y": y, "epsilon": 0.1, "block_size": 10, **changes}
    with pytest.raises(ValueError, match=message):
        sinkhorn_points(words.pop("X"), words.pop("Y"), **words)


def test_new_points_must_have_the_columns_of_the_source():
    x, y, _, _ = clouds(0, 6, 5)
    found = sinkhorn_points(x, y, epsilon=0.1)
    with pytest.raises(ValueError, match=r"Z must have shape \(l, 3\)"):
        found.transform(np.zeros((4, 2)))
    with pytest.raises(IndexError):
        found.plan_rows([6])


def test_integers_are_points_too():
    x, y = np.arange(12).reshape(6, 2), np.arange(10).reshape(5, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = sinkhorn_points(x, y, epsilon=1.0, block_size=10)
    assert found.value.dtype == np.float64


# Memory


@pytest.mark.slow
def test_memory_stays_far_below_that_of_an_array():
    """12 000 x 10 000 costs would take 960 MB; points, blocks and the part solved first do not."""
    script = """
import resource, numpy as np
from infotheory.functional import sinkhorn_points
rng = np.random.default_rng(0)
small = rng.normal(size=(300, 3))
sinkhorn_points(small, small, epsilon=1.0, block_size=1000).duality_gap
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
x, y = rng.normal(size=(12000, 3)), rng.normal(size=(10000, 3))
found = sinkhorn_points(x, y, epsilon=0.3, tol=1e-4)
assert found.converged and found.duality_gap < 1e-3
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert int(told.stdout) / 1024 < 400  # MB


@pytest.mark.parametrize(
    ("rows", "numbers"),
    [
        (range(3), [0, 1, 2]),
        ([2, 0], [2, 0]),
        ((2, 0), [2, 0]),
        ([], []),
        (4, [4]),
        (np.int64(4), [4]),
        ([True, False] * 3, [0, 2, 4]),
    ],
)
def test_rows_of_the_plan_by_any_sequence(rows, numbers) -> None:
    X, Y = np.random.default_rng(0).normal(size=(2, 6, 2))
    found = sinkhorn_points(X, Y, epsilon=1.0)
    some = found.plan_rows(rows)
    assert some.shape == (len(numbers), 6)
    for row, number in zip(some, numbers, strict=True):
        np.testing.assert_allclose(row, found.plan_rows(slice(None))[number], rtol=1e-14)


@pytest.mark.parametrize(
    "solve",
    [
        lambda X, Y: transport_cost(X, Y),
        lambda X, Y: sinkhorn_points(X, Y, epsilon=1.0),
        lambda X, Y: sinkhorn_divergence(X, Y, 1.0),
    ],
)
def test_samples_that_do_not_fit_together_are_named(solve) -> None:
    X = np.ones((4, 2))
    with pytest.raises(TypeError, match=r"one library, got numpy.ndarray and builtins.list"):
        solve(X, X.tolist())
    with pytest.raises(ValueError, match="same number of columns, got 2 and 3"):
        solve(X, np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"X must have shape .*columns"):
        solve(X[:, 0], X)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_cost_of_ones_own_returns_an_array() -> None:
    X = np.ones((4, 2))
    with pytest.raises(ValueError, match=r"array of shape \(4, 4\), got list"):
        transport_cost(X, X, lambda X, Y: [[1.0] * 4] * 4)
    with pytest.raises(ValueError, match="squared distances leave the range"):
        sinkhorn_divergence(np.array([[0.0, 0.0], [1e200, 0.0]]), 1e200 * X, 1.0)
