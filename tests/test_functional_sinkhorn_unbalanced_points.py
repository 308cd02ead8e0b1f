"""Unbalanced transport between clouds without the array of costs, against the solver with it."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infotheory.functional import (
    UnbalancedPointPlan,
    group_invariant_cost,
    sinkhorn,
    sinkhorn_points,
    transport_cost,
    unbalanced_sinkhorn,
    unbalanced_sinkhorn_points,
)

SEEDS = st.integers(0, 2**32 - 1)
PENALTIES = [0.05, 1.0, 50.0, (0.3, 4.0), (math.inf, 0.7), (0.7, math.inf)]
NEVER_WHOLE: dict[str, Any] = {
    "block_size": 300
}  # pairs: too few for most problems here as an array


def clouds(seed, n=60, m=50, d=2):
    """Two normal clouds, and masses of sums 2 and 1.3."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), 0.5 + 0.7 * rng.normal(size=(m, d))
    return x, y, 2 * rng.dirichlet(np.ones(n)), 1.3 * rng.dirichlet(np.ones(m))


def cityblock(x, y):
    return abs(x[:, None, :] - y[None, :, :]).sum(-1)


def agrees(found, whole, atol=1e-8):
    """All that a plan says, against that of the solver with an array."""
    for name in ("value", "mass", "cost"):
        assert float(getattr(found, name)) == pytest.approx(float(getattr(whole, name)), abs=atol)
    for name in ("marginals", "potentials"):
        for ours, theirs in zip(getattr(found, name), getattr(whole, name), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=atol)
    rows = [5, 0, -1]
    np.testing.assert_allclose(found.plan_rows(rows), whole.plan[rows], atol=atol)


def primal(plan, cost, a, b, epsilon, pair):
    """The value of any plan, with nothing added for a marginal that is exact."""

    def kl(p, q):
        some = p > 0
        return float(np.sum(p[some] * np.log(p[some] / q[some])) - np.sum(p) + np.sum(q))

    total = float(np.sum(cost * plan)) + epsilon * kl(plan, a[:, None] * b)
    for rho, sums, w in zip(pair, (plan.sum(1), plan.sum(0)), (a, b), strict=True):
        total += 0.0 if math.isinf(rho) else rho * kl(sums, w)
    return total


# Against the solver with an array


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize(
    ("cost", "epsilon"), [("half-sqeuclidean", 0.02), ("euclidean", 0.3), (cityblock, 0.1)]
)
def test_the_plan_is_that_of_the_array(penalty, cost, epsilon):
    x, y, a, b = clouds(1)
    words: dict[str, Any] = {"epsilon": epsilon, "marginal_penalty": penalty, "tol": 1e-11}
    found = unbalanced_sinkhorn_points(x, y, a, b, cost=cost, **words, **NEVER_WHOLE)
    whole = unbalanced_sinkhorn(transport_cost(x, y, cost), a, b, **words)
    assert isinstance(found, UnbalancedPointPlan)
    assert found.converged
    assert found.residual <= 1e-11
    agrees(found, whole)
    assert 0 <= found.duality_gap < 1e-8
    plan = found.plan_rows(slice(None))
    np.testing.assert_allclose(found.marginals[0], plan.sum(1), rtol=1e-9)
    np.testing.assert_allclose(found.marginals[1], plan.sum(0), rtol=1e-9)
    np.testing.assert_allclose(
        found.transform(x), (plan @ y) / plan.sum(1, keepdims=True), rtol=1e-6, atol=1e-7
    )


def test_a_small_problem_is_solved_as_an_array():
    x, y, a, b = clouds(2)
    words: dict[str, Any] = {"epsilon": 1e-3, "marginal_penalty": 1.0, "tol": 1e-10}
    found = unbalanced_sinkhorn_points(x, y, a, b, **words)
    whole = unbalanced_sinkhorn(transport_cost(x, y), a, b, **words)
    assert found.n_iter == whole.n_iter
    agrees(found, whole, 1e-12)


@pytest.mark.parametrize("block_size", [300, 2**20])
def test_both_marginals_exact_is_balanced_transport(block_size):
    x, y, a, b = clouds(3)
    laws = a / 2, b / 1.3
    words: dict[str, Any] = {"epsilon": 0.1, "tol": 1e-11, "block_size": block_size}
    balanced = sinkhorn_points(x, y, *laws, **words)
    found = unbalanced_sinkhorn_points(x, y, *laws, marginal_penalty=math.inf, **words)
    assert found.value == pytest.approx(float(balanced.value), abs=1e-11)
    assert 0 <= found.duality_gap < 1e-9
    every = slice(None)
    np.testing.assert_allclose(found.plan_rows(every), balanced.plan_rows(every), atol=1e-11)
    # Masses of sum 3 each: the plan is three times that of the laws.
    thrice = [3 * w for w in laws]
    whole = unbalanced_sinkhorn(
        transport_cost(x, y), *thrice, epsilon=0.1, tol=1e-11, marginal_penalty=math.inf
    )
    found = unbalanced_sinkhorn_points(x, y, *thrice, marginal_penalty=math.inf, **words)
    assert found.value == pytest.approx(float(whole.value), abs=1e-9)
    np.testing.assert_allclose(found.plan_rows(every), 3 * balanced.plan_rows(every), atol=1e-10)
    assert 0 <= found.duality_gap < 1e-9


@pytest.mark.parametrize("rho", [1e2, 1e4, 1e6])
def test_high_prices_are_nearly_balanced_and_take_no_more_sweeps(rho):
    """Without the constant between the potentials sweeps would grow as rho / epsilon."""
    x, y, a, b = clouds(4)
    laws = a / 2, b / 1.3
    balanced = sinkhorn(transport_cost(x, y), *laws, epsilon=0.05, tol=1e-9)
    words: dict[str, Any] = {"epsilon": 0.05, "tol": 1e-7, "marginal_penalty": rho}
    found = unbalanced_sinkhorn_points(x, y, *laws, **words, **NEVER_WHOLE)
    assert found.converged
    assert found.n_iter < 300
    # Off by the squares of the potentials over the price.
    assert -1e-9 < balanced.value - found.value < 10 / rho


@settings(max_examples=10)
@given(SEEDS, st.sampled_from([(1, 30), (40, 1), (60, 25), (25, 60)]), st.sampled_from(PENALTIES))
def test_any_shape_with_masses_of_zero(seed, shape, penalty):
    x, y, a, b = clouds(seed, *shape)
    if min(shape) > 1:
        a[[0, 4]], b[2] = 0.0, 0.0
    words: dict[str, Any] = {"epsilon": 0.2, "marginal_penalty": penalty, "tol": 1e-10}
    found = unbalanced_sinkhorn_points(x, y, a, b, block_size=20, **words)
    whole = unbalanced_sinkhorn(transport_cost(x, y), a, b, **words)
    assert found.value == pytest.approx(float(whole.value), abs=1e-8)
    assert found.mass == pytest.approx(float(whole.mass), abs=1e-8)
    assert 0 <= found.duality_gap < 1e-8
    # Without mass, potentials are those of the update.
    scale = [1 + 0.2 / rho for rho in found.penalties]
    f, g = found.potentials
    exponents = np.exp((g - transport_cost(x, y)) / 0.2)
    np.testing.assert_allclose(f * scale[0], -0.2 * np.log(exponents @ b), atol=1e-7)


@pytest.mark.parametrize("cost", ["half-sqeuclidean", cityblock])
@pytest.mark.parametrize("penalty", [1.0, (0.5, math.inf), (math.inf, 0.5)])
def test_masses_too_small_for_floats(cost, penalty):
    """Of points thousands of prices away only the log of what they keep exists."""
    x, y, a, b = clouds(5)
    pair = penalty if isinstance(penalty, tuple) else (penalty, penalty)
    words: dict[str, Any] = {
        "epsilon": 0.1,
        "marginal_penalty": penalty,
        "tol": 1e-10,
        "cost": cost,
    }
    kept = unbalanced_sinkhorn_points(x, y, a, b, **words, **NEVER_WHOLE)
    far = np.array([[300.0, 0.0]])
    if not math.isinf(pair[0]):
        far_x = np.vstack([x, far])
        found = unbalanced_sinkhorn_points(far_x, y, np.r_[a, 0.7], b, **words, **NEVER_WHOLE)
        # What is destroyed costs its mass times the price, and its density lacks.
        price = 0.7 * pair[0] + 0.1 * 0.7 * b.sum()
        assert found.value == pytest.approx(float(kept.value) + price, abs=1e-8)
        np.testing.assert_allclose(found.marginals[0][:-1], kept.marginals[0], atol=1e-8)
        assert found.marginals[0][-1] < 1e-100
        assert 0 <= found.duality_gap < 1e-8
    if penalty == 1.0:
        words["tol"] = 1e-4
        nothing = unbalanced_sinkhorn_points(x + 1e3, y, a, b, **words, **NEVER_WHOLE)
        assert nothing.converged
        assert nothing.mass == nothing.cost == 0
        everything = a.sum() + b.sum() + 0.1 * a.sum() * b.sum()
        assert nothing.value == pytest.approx(everything, abs=1e-12)


@pytest.mark.parametrize("cost", ["half-sqeuclidean", cityblock])
def test_a_point_without_mass_may_have_any_potential(cost):
    """Beside the target, where all that has mass is hundreds of prices away: exp(-f / rho)."""
    x, y, a, b = clouds(12)
    x = np.vstack([[[0.0, 0.0]], x + 400.0])
    words: dict[str, Any] = {"epsilon": 0.1, "marginal_penalty": (0.5, math.inf), "tol": 1e-8}
    words |= {"cost": cost, **NEVER_WHOLE}
    found = unbalanced_sinkhorn_points(x, y, np.r_[0.0, a], b, **words)
    kept = unbalanced_sinkhorn_points(x[1:], y, a, b, **words)
    assert found.potentials[0][0] < -750 * 0.5
    for name in ("value", "cost", "mass"):
        assert getattr(found, name) == pytest.approx(float(getattr(kept, name)), rel=1e-8)
    assert np.all(found.plan_rows([0]) == 0)
    assert found.marginals[0][0] == 0
    assert 0 <= found.duality_gap < 1e-8


# The bound


@settings(max_examples=25)
@given(SEEDS, st.sampled_from([*PENALTIES, math.inf]), st.sampled_from([0.02, 0.5]))
def test_the_gap_bounds_the_error_wherever_one_stops(seed, penalty, epsilon):
    x, y, a, b = clouds(seed, 30, 20)
    pair = penalty if isinstance(penalty, tuple) else (penalty, penalty)
    if penalty == math.inf:
        a, b = a / 2, b / 1.3
    rng = np.random.default_rng(seed)
    words: dict[str, Any] = {"epsilon": epsilon, "marginal_penalty": penalty, "tol": 1e-12}
    start = rng.normal(size=30), np.zeros(20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        best = unbalanced_sinkhorn(transport_cost(x, y), a, b, **words)
        early = unbalanced_sinkhorn_points(
            x, y, a, b, max_iter=int(rng.integers(6)), init=start, block_size=100, **words
        )
    rounding = 1e-10 * (1 + abs(float(best.value)))
    assert early.duality_gap >= 0
    assert early.value <= best.value + rounding
    assert early.primal_value >= best.value - rounding
    # The same potentials in the array's plan have the same value, gap and primal value.
    cost = transport_cost(x, y)
    same = type(best)(cost, a, b, epsilon, pair, early.dual, np.array(0.0), False, 0)
    assert early.value == pytest.approx(float(same.value), rel=1e-9, abs=1e-9)
    assert early.duality_gap == pytest.approx(float(same.duality_gap), rel=1e-6, abs=1e-9)
    value = primal(same.feasible_plan, cost, a, b, epsilon, pair)
    assert early.primal_value == pytest.approx(value, rel=1e-8, abs=1e-8)


@settings(max_examples=10)
@given(SEEDS, st.sampled_from(PENALTIES))
def test_the_dual_value_never_falls(seed, penalty):
    x, y, a, b = clouds(seed)
    words: dict[str, Any] = {"epsilon": 0.02, "marginal_penalty": penalty, "tol": 1e-12}
    plan, values = None, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for max_iter in range(0, 24, 3):
            plan = unbalanced_sinkhorn_points(x, y, a, b, max_iter=max_iter, **words, **NEVER_WHOLE)
            values.append(float(plan.value))
    assert np.min(np.diff(values)) > -1e-12


# Starts, groups, libraries


@pytest.mark.parametrize("penalty", [2.0, (math.inf, 2.0)])
def test_a_start_near_by_saves_sweeps(penalty):
    x, y, a, b = clouds(6)
    words: dict[str, Any] = {"epsilon": 0.05, "marginal_penalty": penalty}
    first = unbalanced_sinkhorn_points(x, y, a, b, **words, **NEVER_WHOLE)
    dense = unbalanced_sinkhorn(transport_cost(x, y), a, b, **words)
    for init in (first, first.potentials, dense):
        again = unbalanced_sinkhorn_points(x, y, a, b, init=init, **words, **NEVER_WHOLE)
        assert again.n_iter <= 1 < first.n_iter


@pytest.mark.parametrize("cost", ["half-sqeuclidean", cityblock])
@pytest.mark.parametrize("block_size", [300, 2**20])
def test_transport_under_a_group_is_that_of_its_cost(cost, block_size):
    x, y, a, b = clouds(7)
    words: dict[str, Any] = {"epsilon": 0.2, "marginal_penalty": (1.0, 3.0), "tol": 1e-11}

    def reflect(v):
        return -v

    found = unbalanced_sinkhorn_points(
        x, y, a, b, cost=cost, group=reflect, block_size=block_size, **words
    )
    dense = group_invariant_cost(x, y, reflect, epsilon=0.2, cost=cost)
    agrees(found, unbalanced_sinkhorn(dense, a, b, **words))


@pytest.mark.parametrize("library", ["torch", "array_api_strict"])
@pytest.mark.parametrize("penalty", [0.5, (math.inf, 1.0), math.inf])
@pytest.mark.parametrize("cost", ["half-sqeuclidean", cityblock])
def test_other_libraries(library, penalty, cost):
    xp = pytest.importorskip(library)
    x, y, a, b = clouds(8, 30, 25)
    a, b = a / 2, b / 1.3
    words: dict[str, Any] = {"epsilon": 0.1, "marginal_penalty": penalty, "tol": 1e-9}
    dense = unbalanced_sinkhorn(transport_cost(x, y, cost), a, b, **words)

    def cityblock_of_it(x, y):
        return xp.sum(abs(x[:, None, :] - y[None, :, :]), axis=-1)

    if callable(cost):
        cost = cityblock_of_it

    arrays = [xp.asarray(v) for v in (x, y, a, b)]
    found = unbalanced_sinkhorn_points(*arrays, cost=cost, **words, **NEVER_WHOLE)
    assert isinstance(found.value, type(arrays[0]))
    assert isinstance(found.marginals[1], type(arrays[0]))
    for name in ("value", "mass", "cost"):
        assert float(getattr(found, name)) == pytest.approx(float(getattr(dense, name)), abs=1e-8)
    assert 0 <= float(found.duality_gap) < 1e-8
    np.testing.assert_allclose(np.asarray(found.plan_rows([1, 4])), dense.plan[[1, 4]], atol=1e-8)


@pytest.mark.parametrize("cost", ["half-sqeuclidean", cityblock])
def test_single_precision(cost):
    torch = pytest.importorskip("torch")
    x, y, a, b = clouds(9)
    parts = [torch.tensor(v, dtype=torch.float32) for v in (x, y, a, b)]
    words: dict[str, Any] = {"epsilon": 0.2, "marginal_penalty": 1.0, "tol": 1e-4}
    found = unbalanced_sinkhorn_points(*parts, cost=cost, **words, **NEVER_WHOLE)
    exact = unbalanced_sinkhorn(transport_cost(x, y, cost), a, b, **words)
    assert found.converged
    for part in (found.value, found.mass, found.cost, found.duality_gap, *found.marginals):
        assert part.dtype == torch.float32
    assert found.transform(parts[0][:4]).dtype == found.potentials[0].dtype == torch.float32
    assert float(found.value) == pytest.approx(float(exact.value), rel=1e-5)


# Gradients


@pytest.mark.parametrize("penalty", [0.5, (0.2, 3.0), (math.inf, 1.0)])
@pytest.mark.parametrize("block_size", [20, 2**20])
def test_gradients_of_the_value(penalty, block_size):
    torch = pytest.importorskip("torch")
    parts = [torch.tensor(v, requires_grad=True) for v in clouds(10, 4, 3)]
    words: dict[str, Any] = {"epsilon": 0.3, "marginal_penalty": penalty, "tol": 1e-12}

    def value(*parts):
        return unbalanced_sinkhorn_points(*parts, block_size=block_size, **words).value

    def of_array(x, y, a, b):
        return unbalanced_sinkhorn(transport_cost(x, y), a, b, **words).value

    assert torch.autograd.gradcheck(value, tuple(parts), atol=1e-6)
    ours, theirs = (torch.autograd.grad(of(*parts), parts) for of in (value, of_array))
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-8, rtol=1e-7)
    (gradient,) = torch.autograd.grad(value(*parts), parts[0], create_graph=True)
    with pytest.raises(NotImplementedError, match="first derivative only"):
        torch.autograd.grad(gradient.sum(), parts[0])


def test_gradients_at_masses_of_zero_and_of_a_cost_that_is_learnt():
    torch = pytest.importorskip("torch")
    x, y, a, b = (torch.tensor(v) for v in clouds(11, 6, 5))
    a[2] = 0.0
    scale = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    words: dict[str, Any] = {
        "epsilon": 0.4,
        "marginal_penalty": 0.8,
        "tol": 1e-12,
        "block_size": 15,
    }

    def value(a, scale):
        def cost(x, y):
            return (scale * abs(x[:, None] - y)).sum(-1)

        return unbalanced_sinkhorn_points(x, y, a, b, cost=cost, **words).value

    a.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: value(a, s), (scale,), atol=1e-6)
    (gradient,) = torch.autograd.grad(value(a, scale), a)
    # The one of a point without mass is what a little of it would change.
    little = a.detach().clone()
    little[2] = 1e-5
    change = (value(little, scale) - value(a, scale)) / 1e-5
    assert float(gradient[2]) == pytest.approx(float(change.detach()), abs=1e-3)


# What cannot be


def test_no_convergence_is_a_warning_and_a_note():
    x, y, a, b = clouds(0)
    words: dict[str, Any] = {"epsilon": 1e-3, "marginal_penalty": 10.0, "tol": 1e-9}
    with pytest.warns(RuntimeWarning, match="off by .* of its mass .* raise epsilon or max_iter"):
        found = unbalanced_sinkhorn_points(x, y, a, b, max_iter=2, **words, **NEVER_WHOLE)
    assert not found.converged
    assert found.notes
    assert found.residual > 1e-9
    assert found.duality_gap > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epsilon": 0.0}, "epsilon must be positive"),
        ({"tol": np.nan}, "tol must be positive"),
        ({"marginal_penalty": 0.0}, "marginal_penalty must be positive"),
        ({"marginal_penalty": None}, "marginal_penalty must be positive"),
        ({"marginal_penalty": (1.0, np.nan)}, "marginal_penalty must be positive"),
        ({"marginal_penalty": (1.0, 1.0, 1.0)}, "or a pair"),
        ({"marginal_penalty": math.inf}, "a and b must have the same sum .* got 2 and 1.3"),
        ({"a": np.ones(9)}, "a must have 60 entries, one for each row of X"),
        ({"a": np.zeros(60)}, "a must have a finite sum above 0"),
        ({"b": np.r_[-1.0, np.ones(49)]}, "b must not be negative or missing, got -1"),
        ({"X": np.full((60, 2), np.nan)}, "X must be finite"),
        ({"Y": np.zeros((50, 3))}, "same number of columns, got 2 and 3"),
        ({"Y": np.zeros(50)}, "Y must have shape"),
        ({"cost": "manhattan"}, "cost must be one of half-sqeuclidean"),
        ({"cost": lambda x, y: x @ y.T * np.nan}, "cost must be finite"),
        ({"init": (np.zeros(60), np.zeros(60))}, "init must hold one potential for each row"),
        ({"init": (np.zeros(60), np.full(50, np.inf))}, "init must be finite"),
        ({"block_size": 0}, "block_size must be at least 1"),
        ({"max_iter": -1}, "max_iter must be at least 0"),
    ],
)
def test_what_cannot_be_is_said(changes, message):
    x, y, a, b = clouds(0)
    words: dict[str, Any] = {
        "X": x,
        "Y": y,
        "a": a,
        "b": b,
        "epsilon": 0.1,
        "marginal_penalty": 1.0,
    }
    words = {**words, **NEVER_WHOLE, **changes}
    with pytest.raises(ValueError, match=message):
        unbalanced_sinkhorn_points(words.pop("X"), words.pop("Y"), **words)


@pytest.mark.parametrize("init", ["cold", (np.zeros(60),), 3.0])
def test_a_start_is_a_pair_or_a_plan(init):
    x, y, a, b = clouds(0)
    with pytest.raises(TypeError, match="init must be the pair of potentials f and g, or a plan"):
        unbalanced_sinkhorn_points(x, y, a, b, epsilon=0.1, marginal_penalty=1.0, init=init)


# Memory


def test_memory_stays_far_below_that_of_an_array():
    """5 000 x 5 000 costs would take 200 MB, and a solver some of these."""
    script = """
import resource, numpy as np
from infotheory.functional import unbalanced_sinkhorn_points
rng = np.random.default_rng(0)
small = rng.normal(size=(300, 3))
words = {"epsilon": 0.3, "marginal_penalty": 1.0, "tol": 1e-4, "block_size": 2**18}
unbalanced_sinkhorn_points(small, small, **{**words, "block_size": 1000}).duality_gap
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
x, y = rng.normal(size=(5000, 3)), 1 + rng.normal(size=(5000, 3))
found = unbalanced_sinkhorn_points(x, y, **words)
assert found.converged and found.duality_gap < 1e-6 and found.cost > 0 and found.value > 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert int(told.stdout) / 1024 < 100  # MB
