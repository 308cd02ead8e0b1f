"""Entropic transport against closed forms, a plain solver, and the laws it obeys."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from infotheory.functional import gaussian_transport, sinkhorn
from infotheory.functional._sinkhorn import METHODS
from infotheory.functional._sinkhorn_ascent import Ascent, Problem

SEEDS = st.integers(0, 2**32 - 1)


def clouds(seed, n=30, m=40, d=2):
    """Half squared distances and weights of two normal clouds."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), 0.5 + rng.normal(size=(m, d))
    cost = 0.5 * np.sum((x[:, None] - y) ** 2, axis=-1)
    a, b = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
    return cost, a, b


def log_kl(plan, a, b):
    product = a[:, None] * b
    some = plan > 0
    return float(np.sum(plan[some] * np.log(plan[some] / product[some])))


# Closed forms


@pytest.mark.parametrize("epsilon", [0.05, 1.0, 20.0])
def test_two_points(epsilon):
    found = sinkhorn(np.array([[0.0, 1.0], [1.0, 0.0]]), epsilon=epsilon, tol=1e-12)
    assert found.plan[0, 0] == pytest.approx(0.5 / (1 + np.exp(-1 / epsilon)), rel=1e-10)


def test_a_target_of_two_points_has_a_known_map():
    """The conditional mean of y in {-1, 1} is tanh(x / epsilon) for symmetric x."""
    x, epsilon = np.linspace(-2, 2, 81), 0.3
    cost = 0.5 * (x[:, None] - np.array([-1.0, 1.0])) ** 2
    found = sinkhorn(cost, epsilon=epsilon, tol=1e-12)
    mean = found.plan @ np.array([-1.0, 1.0]) * len(x)
    np.testing.assert_allclose(mean, np.tanh(x / epsilon), atol=1e-9)


@pytest.mark.parametrize("epsilon", [0.1, 0.8, 3.0])
def test_normal_laws_on_a_grid(epsilon):
    grid = np.linspace(-9, 9, 401)
    a = np.exp(-0.5 * (grid - 0.3) ** 2 / 1.0)
    b = np.exp(-0.5 * (grid + 0.4) ** 2 / 0.6)
    a, b = a / a.sum(), b / b.sum()
    found = sinkhorn(0.5 * (grid[:, None] - grid) ** 2, a, b, epsilon=epsilon, tol=1e-9)
    exact = gaussian_transport(
        np.array([0.3]), np.array([[1.0]]), np.array([-0.4]), np.array([[0.6]]), epsilon
    )
    assert found.value == pytest.approx(float(exact.value), abs=1e-6)
    assert found.cost == pytest.approx(float(exact.cost), abs=1e-6)
    assert found.mutual_information == pytest.approx(float(exact.mutual_information), abs=1e-6)


# Every method, and the bound on its error


@settings(max_examples=10)
@given(SEEDS, st.sampled_from([0.02, 0.2, 2.0]), st.sampled_from([(12, 20), (20, 12), (15, 15)]))
def test_all_methods_find_one_plan(seed, epsilon, shape):
    cost, a, b = clouds(seed, *shape)
    plain = sinkhorn(cost, a, b, epsilon=epsilon, tol=1e-9, method="log", max_iter=10**6)
    for method in METHODS:
        found = sinkhorn(cost, a, b, epsilon=epsilon, tol=1e-9, method=method)
        assert found.converged
        off = np.abs(found.plan.sum(1) - a).sum() + np.abs(found.plan.sum(0) - b).sum()
        assert off <= 1e-9 + 1e-13
        assert found.marginal_error == pytest.approx(off, abs=1e-13)
        assert found.value == pytest.approx(float(plain.value), abs=1e-7)
        np.testing.assert_allclose(found.plan, plain.plan, atol=1e-7)


@settings(max_examples=30)
@given(SEEDS, st.sampled_from([0.05, 0.5]), st.integers(1, 30))
def test_the_gap_bounds_the_error_wherever_one_stops(seed, epsilon, max_iter):
    cost, a, b = clouds(seed, 10, 14)
    best = sinkhorn(cost, a, b, epsilon=epsilon, tol=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        early = sinkhorn(cost, a, b, epsilon=epsilon, tol=1e-12, max_iter=max_iter, method="log")
    assert early.duality_gap >= 0
    assert early.value <= best.value + 1e-12
    assert early.primal_value >= best.value - 1e-12
    rounded = early.rounded_plan
    np.testing.assert_allclose(rounded.sum(1), a, atol=1e-15)
    np.testing.assert_allclose(rounded.sum(0), b, atol=1e-15)
    primal = np.sum(cost * rounded) + epsilon * log_kl(rounded, a, b)
    assert early.primal_value == pytest.approx(primal, abs=1e-10)


@settings(max_examples=15)
@given(SEEDS, st.sampled_from([0.003, 0.03, 0.3]))
def test_the_dual_never_falls(seed, epsilon):
    cost, a, b = clouds(seed, 15, 20)
    ascent = Ascent(Problem(cost, a, b), epsilon, np.zeros(15))
    omega = np.array([1.9])

    def dual():
        f, g = ascent.potentials()
        mass = np.sum(a[:, None] * b * np.exp((f[:, None] + g - cost) / epsilon))
        return a @ f + b @ g - epsilon * (mass - 1)

    values = [dual()]
    for _ in range(30):
        ascent.sweep(ascent.rows(), omega)
        values.append(dual())
    assert np.min(np.diff(values)) >= -1e-12


@pytest.mark.parametrize("epsilon", [0.1, 0.01, 0.001])
def test_few_steps_where_sweeps_would_need_many(epsilon):
    cost, a, b = clouds(0, 150, 200, d=3)
    found = sinkhorn(cost / cost.mean(), a, b, epsilon=epsilon)
    assert found.converged
    assert found.n_iter < 250
    assert found.duality_gap < 1e-5


# Laws


@settings(max_examples=20)
@given(SEEDS, st.sampled_from([0.05, 1.0]))
def test_laws(seed, epsilon):
    cost, a, b = clouds(seed, 8, 11)
    options = {"epsilon": epsilon, "tol": 1e-12}
    found = sinkhorn(cost, a, b, **options)
    assert found.mutual_information == pytest.approx(log_kl(found.plan, a, b), abs=1e-12)
    assert found.value == pytest.approx(
        float(found.cost + epsilon * found.mutual_information), abs=1e-10
    )
    turned = sinkhorn(cost.T, b, a, **options)
    assert turned.value == pytest.approx(float(found.value), abs=1e-10)
    np.testing.assert_allclose(turned.plan.T, found.plan, atol=1e-10)
    rng = np.random.default_rng(seed)
    rows, columns = rng.normal(size=8), rng.normal(size=11)
    moved = sinkhorn(cost + rows[:, None] + columns, a, b, **options)
    assert moved.value == pytest.approx(float(found.value + a @ rows + b @ columns), abs=1e-10)
    np.testing.assert_allclose(moved.plan, found.plan, atol=1e-10)
    doubled = sinkhorn(
        np.vstack([cost, cost[:1]]), np.r_[a[:1] / 2, a[1:], a[:1] / 2], b, **options
    )
    assert doubled.value == pytest.approx(float(found.value), abs=1e-10)
    scaled = sinkhorn(7 * cost, a, b, epsilon=7 * epsilon, tol=1e-12)
    assert scaled.value == pytest.approx(7 * float(found.value), abs=1e-9)


@given(SEEDS)
@settings(max_examples=10)
def test_limits_of_epsilon(seed):
    cost, _, _ = clouds(seed, 12, 12)
    least = cost[linear_sum_assignment(cost)].mean()
    for epsilon in (0.1, 0.01, 0.001):
        found = sinkhorn(cost, epsilon=epsilon, tol=1e-9)
        assert least - 1e-9 <= found.value <= least + epsilon * np.log(12) + 1e-9
        assert found.cost >= least - 1e-9 * np.max(cost)
    _, a, b = clouds(seed, 12, 12)
    loose = sinkhorn(cost, a, b, epsilon=1e7)
    np.testing.assert_allclose(loose.plan, a[:, None] * b, rtol=1e-5)
    assert loose.value == pytest.approx(float(a @ cost @ b), rel=1e-6)


@given(SEEDS)
@settings(max_examples=10)
def test_points_without_weight_do_not_count(seed):
    cost, a, b = clouds(seed, 9, 7)
    a[[0, 4]], b[2] = 0.0, 0.0
    a, b = a / a.sum(), b / b.sum()
    for epsilon in (0.01, 0.5):
        whole = sinkhorn(cost, a, b, epsilon=epsilon, tol=1e-10)
        kept = sinkhorn(cost[a > 0][:, b > 0], a[a > 0], b[b > 0], epsilon=epsilon, tol=1e-10)
        assert whole.value == pytest.approx(float(kept.value), abs=1e-8)
        np.testing.assert_allclose(whole.plan[a > 0][:, b > 0], kept.plan, atol=1e-8)
        assert np.all(np.isfinite(whole.potentials[0]))
        assert np.all(np.isfinite(whole.potentials[1]))
        assert whole.duality_gap >= 0


# Batches, libraries, starts


def test_a_batch_is_its_problems_one_by_one():
    cost = np.stack([clouds(seed, 10, 13)[0] for seed in range(3)])[:, None] * np.ones((1, 2, 1, 1))
    a = np.stack([clouds(seed, 10, 13)[1] for seed in range(3)])[:, None] * np.ones((1, 2, 1))
    for method in ("auto", "newton", "kernel", "log"):
        found = sinkhorn(cost, a, epsilon=0.05, tol=1e-9, method=method)
        assert found.plan.shape == (3, 2, 10, 13)
        assert found.marginal_error.shape == found.value.shape == (3, 2)
        for k in range(3):
            alone = sinkhorn(cost[k, 0], a[k, 0], epsilon=0.05, tol=1e-9)
            np.testing.assert_allclose(found.value[k], float(alone.value), atol=1e-9)
            np.testing.assert_allclose(found.plan[k, 1], alone.plan, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_gives_what_numpy_gives(dtype):
    torch = pytest.importorskip("torch")
    cost, a, b = clouds(1)
    kind, tol = getattr(torch, dtype), 1e-4 if dtype == "float32" else 1e-9
    tensors = [torch.tensor(v, dtype=kind) for v in (cost, a, b)]
    for epsilon in (0.01, 0.3):
        found = sinkhorn(*tensors, epsilon=epsilon, tol=tol)
        assert found.plan.dtype == kind
        assert found.converged
        exact = sinkhorn(cost, a, b, epsilon=epsilon, tol=1e-9)
        assert float(found.value) == pytest.approx(float(exact.value), abs=10 * tol)


def test_array_api_strict():
    strict = pytest.importorskip("array_api_strict")
    cost, a, b = clouds(2, 8, 9)
    found = sinkhorn(*(strict.asarray(v) for v in (cost, a, b)), epsilon=0.02)
    exact = sinkhorn(cost, a, b, epsilon=0.02)
    np.testing.assert_allclose(np.asarray(found.plan), exact.plan, atol=1e-5)


def test_a_start_near_by_saves_work():
    cost, a, b = clouds(3, 60, 60)
    first = sinkhorn(cost, a, b, epsilon=0.02, method="kernel")
    again = sinkhorn(cost, a, b, epsilon=0.02, method="kernel", init=first)
    assert again.n_iter <= 1
    near = sinkhorn(1.01 * cost, a, b, epsilon=0.02, method="kernel", init=first.potentials)
    assert near.n_iter < first.n_iter


def test_cost_of_integers_and_of_one_point():
    found = sinkhorn(np.array([[0, 3], [2, 0]]), epsilon=1.0)
    assert found.plan.dtype == np.float64
    alone = sinkhorn(np.array([[2.0, 5.0]]), b=np.array([0.25, 0.75]), epsilon=0.1)
    np.testing.assert_allclose(alone.plan, [[0.25, 0.75]])
    assert alone.value == pytest.approx(4.25)


# What cannot be


def test_no_convergence_is_a_warning_and_a_note():
    cost, a, b = clouds(0)
    with pytest.warns(RuntimeWarning, match="off by .* raise epsilon or max_iter"):
        found = sinkhorn(cost, a, b, epsilon=1e-3, max_iter=3, method="kernel")
    assert not found.converged
    assert found.marginal_error > 1e-6
    assert found.duality_gap > 0
    assert "init" in found.notes[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epsilon": 0.0}, "epsilon must be positive"),
        ({"epsilon": np.nan}, "epsilon must be positive"),
        ({"tol": -1.0}, "tol must be positive"),
        ({"method": "fast"}, "method must be one of auto"),
        ({"a": np.ones(30)}, "a must sum to 1, got 30"),
        ({"a": np.full(29, 1 / 29)}, "a must have 30 entries, one for each row"),
        ({"b": np.r_[1.5, -0.5, np.zeros(38)]}, "b must not be negative"),
        ({"b": np.r_[np.nan, np.ones(39)]}, "b must not be negative or missing"),
        ({"cost": np.full((30, 40), np.inf)}, "cost must be finite"),
        ({"cost": np.zeros(30)}, "cost must have two axes"),
    ],
)
def test_what_cannot_be_is_said(changes, message):
    cost, a, b = clouds(0)
    words = {"cost": cost, "a": a, "b": b, "epsilon": 0.1, **changes}
    with pytest.raises(ValueError, match=message):
        sinkhorn(words.pop("cost"), **words)


# Gradients


@pytest.mark.parametrize("shape", [(2, 3), (3, 2)])
@pytest.mark.parametrize("what", ["value", "cost", "plan", "potentials", "mutual_information"])
def test_gradients(what, shape):
    torch = pytest.importorskip("torch")
    cost, a, b = (torch.tensor(v, requires_grad=True) for v in clouds(4, *shape))

    def found(cost, log_a, log_b):
        a, b = log_a.softmax(-1), log_b.softmax(-1)
        return getattr(sinkhorn(cost, a, b, epsilon=0.4, tol=1e-13), what)

    logs = (a.detach().log().requires_grad_(), b.detach().log().requires_grad_())
    assert torch.autograd.gradcheck(found, (cost, *logs), atol=1e-6)
    if what == "value":
        with torch.random.fork_rng():
            assert torch.autograd.gradgradcheck(found, (cost, *logs), atol=1e-6)


def test_gradients_are_those_of_the_unrolled_sweeps():
    torch = pytest.importorskip("torch")
    cost, a, b = (torch.tensor(v, requires_grad=True) for v in clouds(5, 7, 5))
    target = torch.linspace(-1, 1, 5, dtype=torch.float64)

    def unrolled(cost, a, b):
        g = torch.zeros_like(b)
        for _ in range(400):
            f = -0.3 * torch.logsumexp((g - cost) / 0.3 + b.log(), -1)
            g = -0.3 * torch.logsumexp((f[:, None] - cost) / 0.3 + a.log()[:, None], 0)
        plan = a[:, None] * b * torch.exp((f[:, None] + g - cost) / 0.3)
        return a @ f + b @ g, plan

    def gradients(value, plan):
        loss = value + ((plan @ target) ** 2).sum()
        return torch.autograd.grad(loss, (cost, a, b))

    ours = sinkhorn(cost, a, b, epsilon=0.3, tol=1e-13)
    for mine, theirs, weight in zip(
        gradients(ours.value, ours.plan),
        gradients(*unrolled(cost, a, b)),
        (None, a, b),
        strict=True,
    ):
        # Of weights only what keeps their sum is told by both.
        centred = (lambda v: v) if weight is None else (lambda v: v - v.mean())
        torch.testing.assert_close(centred(mine), centred(theirs), atol=1e-7, rtol=1e-6)


def test_the_gradient_of_the_value_is_the_potential_for_unequal_weights():
    torch = pytest.importorskip("torch")
    cost, a, b = (torch.tensor(v) for v in clouds(6, 8, 9))
    a.requires_grad_()
    found = sinkhorn(cost, a, b, epsilon=0.2, tol=1e-12)
    found.value.backward()
    potential = found.dual[0]
    # Weights are divided by their sum.
    torch.testing.assert_close(a.grad, potential - (a.detach() @ potential), atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("method", ["auto", "log", "kernel", "truncated", "newton"])
@pytest.mark.parametrize("max_iter", [1, 2, 3, 6])
def test_max_iter_holds_for_sweeps_and_newton_steps_together(method, max_iter):
    X, Y = np.random.default_rng(0).normal(size=(2, 40, 2))
    cost = np.sum((X[:, None] - Y) ** 2, axis=2) / 2
    for epsilon in (0.003, 0.3):
        with pytest.warns(RuntimeWarning, match="marginals of the plan are off"):
            found = sinkhorn(cost, epsilon=epsilon, tol=1e-13, max_iter=max_iter, method=method)
        said = [int(word) for word in found.notes[0].split() if word.isdigit()]
        assert sum(said) == found.n_iter <= max_iter
        if max_iter < 3:
            assert "and 0 Newton steps" in found.notes[0]


def test_what_is_no_problem_of_transport_is_named():
    torch = pytest.importorskip("torch")
    cost, half = np.ones((2, 2)), np.full(2, 0.5)
    for kind, wrong, what in (
        (ValueError, {"cost": cost * 1j}, "cost must be real, got complex128"),
        (ValueError, {"cost": cost[:0]}, "cost must have two axes .* one row"),
        (TypeError, {"cost": [[0.0, 1.0]]}, "cost must be an array .* got builtins.list"),
        (TypeError, {"a": [0.5, 0.5]}, "a must be an array .* got builtins.list, beside numpy"),
        (TypeError, {"b": torch.tensor(half)}, "b must be an array .* torch.Tensor, beside numpy"),
        (TypeError, {"epsilon": None}, "epsilon must be a positive number, got None"),
        (TypeError, {"epsilon": "1"}, "epsilon must be a positive number, got '1'"),
    ):
        with pytest.raises(kind, match=what):
            sinkhorn(**{"cost": cost, "epsilon": 1.0} | wrong)
