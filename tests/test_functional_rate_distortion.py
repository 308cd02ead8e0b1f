"""Rate against distortion: closed forms, the plain updates, and the bound on the error."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from infotheory.functional import mutual_information, rate_distortion, sinkhorn

SEEDS = st.integers(0, 2**32 - 1)


def problem(seed, n=12, m=9):
    """Distortions and a source of which nothing is known."""
    rng = np.random.default_rng(seed)
    return rng.exponential(size=(n, m)), rng.dirichlet(np.ones(n))


def binary_entropy(p):
    return -p * np.log(p) - (1 - p) * np.log1p(-p)


def blahut_arimoto(cost, a, epsilon, tol, most=200_000):
    """The law of the reproduction by plain updates, how many they were, and Blahut's bound."""
    kernel = np.exp(-cost / epsilon)
    q = np.full(cost.shape[1], 1 / cost.shape[1])
    for count in range(most + 1):
        ratios = (a / (kernel @ q)) @ kernel
        bound = np.log(ratios.max()) - np.sum(q * ratios * np.log(ratios))
        if bound <= tol or count == most:
            return q * ratios, count, epsilon * bound
        q = q * ratios
    raise AssertionError


# Closed forms


@pytest.mark.parametrize("p", [0.5, 0.3, 0.1])
@pytest.mark.parametrize("epsilon", [0.1, 0.3, 0.4])
def test_a_bit_with_errors_counted(p, epsilon):
    """R(D) = h(p) - h(D) with D = 1 / (1 + e^(1 / epsilon)), as long as D < p."""
    found = rate_distortion(1 - np.eye(2), np.array([p, 1 - p]), epsilon=epsilon, tol=1e-11)
    errors = 1 / (1 + np.exp(1 / epsilon))
    assert errors < p
    assert found.distortion == pytest.approx(errors, abs=1e-5)
    rate = binary_entropy(p) - binary_entropy(float(found.distortion))
    assert found.rate == pytest.approx(rate, abs=1e-10)


def test_nothing_is_sent_where_it_is_not_worth_it():
    found = rate_distortion(1 - np.eye(2), np.array([0.1, 0.9]), epsilon=0.6)
    np.testing.assert_allclose(found.law, [0.0, 1.0], atol=1e-5)
    assert found.rate == pytest.approx(0, abs=1e-6)
    assert found.value == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize("q", [3, 10])
def test_equal_symbols_with_errors_counted(q):
    """R(D) = ln q - h(D) - D ln(q - 1)."""
    found = rate_distortion(1 - np.eye(q), epsilon=0.3)
    d = float(found.distortion)
    assert d == pytest.approx((q - 1) / (q - 1 + np.exp(1 / 0.3)), abs=1e-12)
    rate = np.log(q) - binary_entropy(d) - d * np.log(q - 1)
    assert found.rate == pytest.approx(rate, abs=1e-12)


@pytest.mark.parametrize("epsilon", [1.6, 0.4, 0.05])
def test_a_normal_law_on_a_grid(epsilon):
    """R(D) = ln(var / D) / 2 with D = epsilon / 2 for the squared error."""
    grid = np.linspace(-6, 6, 241)
    a = np.exp(-0.5 * grid**2)
    a = a / a.sum()
    found = rate_distortion((grid[:, None] - grid) ** 2, a, epsilon=epsilon, tol=1e-8)
    assert found.value == pytest.approx(
        epsilon / 2 + epsilon * 0.5 * np.log(2 / epsilon), abs=2e-6 * epsilon
    )
    assert found.rate == pytest.approx(-0.5 * np.log(found.distortion), abs=2e-6)
    assert found.n_iter < 100


# The plain updates, and other ways to the same end


@settings(max_examples=15)
@given(SEEDS, st.sampled_from([0.05, 0.3, 2.0]), st.sampled_from([(12, 9), (7, 15)]))
def test_the_plain_updates_come_to_the_same(seed, epsilon, shape):
    cost, a = problem(seed, *shape)
    found = rate_distortion(cost, a, epsilon=epsilon, tol=1e-9)
    law, _, bound = blahut_arimoto(cost, a, epsilon, 1e-6, 20_000)
    kernel = np.exp(-cost / epsilon)
    plain = -epsilon * float(a @ np.log(kernel @ law))
    assert found.converged
    assert found.value - found.duality_gap <= plain + 1e-14
    assert found.value >= plain - bound - found.duality_gap - 1e-12
    assert bound < 1e-3 * epsilon


def test_far_fewer_steps_than_the_plain_updates():
    """Weights that vanish do so as one over the number of plain updates."""
    grid = np.linspace(0, 1, 80)
    cost, a = np.abs(grid[:, None] - grid), np.full(80, 1 / 80)
    found = rate_distortion(cost, a, epsilon=0.05)
    _, count, _ = blahut_arimoto(cost, a, 0.05, 1e-6, 5000)
    assert count == 5000
    assert found.n_iter < 80


@settings(max_examples=10)
@given(SEEDS)
def test_no_law_of_the_reproduction_is_better(seed):
    """The plan is the entropic one to its own marginal, and a general solver finds the same."""
    cost, a = problem(seed, 6, 5)
    epsilon = 0.4
    found = rate_distortion(cost, a, epsilon=epsilon, tol=1e-10)
    same = sinkhorn(cost, a, found.law, epsilon=epsilon, tol=1e-11)
    np.testing.assert_allclose(same.plan, found.plan, atol=1e-5)
    assert same.value == pytest.approx(float(found.value), abs=1e-9)
    other = np.random.default_rng(seed).dirichlet(np.ones(5))
    assert sinkhorn(cost, a, other, epsilon=epsilon).value >= found.value - 1e-9

    def objective(logits):
        q = np.exp(logits - logits.max())
        return -epsilon * float(a @ np.log(np.exp(-cost / epsilon) @ (q / q.sum())))

    best = minimize(objective, np.zeros(5), method="BFGS", options={"gtol": 1e-9})
    assert found.value <= best.fun + 1e-9
    assert found.value == pytest.approx(best.fun, abs=1e-5)


# Laws, and the bound


@settings(max_examples=25)
@given(SEEDS, st.integers(0, 60), st.sampled_from([0.02, 0.3, 1.0]))
def test_the_bound_holds_wherever_one_stops(seed, max_iter, epsilon):
    cost, a = problem(seed)
    best = rate_distortion(cost, a, epsilon=epsilon, tol=1e-10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        early = rate_distortion(cost, a, epsilon=epsilon, tol=1e-10, max_iter=max_iter)
    assert early.duality_gap >= 0
    assert early.value >= best.value - best.duality_gap - 1e-14
    assert early.value - early.duality_gap <= best.value + 1e-14
    np.testing.assert_allclose(early.plan.sum(1), a, rtol=1e-12)
    assert early.rate == pytest.approx(float(mutual_information(early.plan)), abs=1e-12)
    together = float(early.distortion + epsilon * early.rate)
    assert early.value == pytest.approx(together, abs=1e-12)


@settings(max_examples=10)
@given(SEEDS)
def test_laws(seed):
    cost, a = problem(seed, 8, 6)
    curve = [rate_distortion(cost, a, epsilon=e, tol=1e-9) for e in (0.02, 0.1, 0.5, 5.0)]
    assert np.all(np.diff([float(r.rate) for r in curve]) <= 1e-7)
    assert np.all(np.diff([float(r.distortion) for r in curve]) >= -1e-7)
    # Of slope -1 / epsilon: each point is above the tangents of all others.
    for one in curve:
        for other in curve:
            tangent = other.value - other.duality_gap
            assert one.distortion + other.epsilon * one.rate >= tangent - 1e-12
    found = curve[1]
    rows = np.random.default_rng(seed).normal(size=8)
    moved = rate_distortion(cost + rows[:, None], a, epsilon=0.1, tol=1e-9)
    assert moved.rate == pytest.approx(float(found.rate), abs=1e-6)
    assert moved.value == pytest.approx(float(found.value + a @ rows), abs=1e-9)
    scaled = rate_distortion(7 * cost, a, epsilon=0.7, tol=1e-9)
    assert scaled.value == pytest.approx(7 * float(found.value), abs=1e-8)
    doubled = rate_distortion(np.hstack([cost, cost]), a, epsilon=0.1, tol=1e-9)
    assert doubled.value == pytest.approx(float(found.value), abs=1e-9)
    more = rate_distortion(np.hstack([cost, cost[:, :1] / 2]), a, epsilon=0.1, tol=1e-9)
    assert more.value <= found.value + 1e-10


def test_limits_of_epsilon():
    cost, a = problem(0)
    loose = rate_distortion(cost, a, epsilon=100.0)
    assert loose.value == pytest.approx((a @ cost).min(), abs=1e-4)
    tight = rate_distortion(cost, a, epsilon=1e-4)
    assert tight.distortion == pytest.approx(a @ cost.min(1), abs=1e-4)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("epsilon", [10.0, 1e3, 1e8, 1e16, 1e30, 1e300])
def test_where_nothing_is_worth_sending_the_best_single_symbol_is_sent(epsilon, dtype):
    cost, a = problem(0)
    found = rate_distortion(cost.astype(dtype), a.astype(dtype), epsilon=epsilon)
    least, digits = (a @ cost).min(), 10 * float(np.finfo(dtype).eps)
    assert found.value.dtype == dtype
    assert found.distortion == pytest.approx(least, rel=digits)
    assert found.value == pytest.approx(least, rel=digits)
    assert found.rate == pytest.approx(0, abs=digits)
    assert found.duality_gap == 0
    assert found.converged


@pytest.mark.parametrize("epsilon", [10.0, 1e3, 1e5, 1e7, 1e12, 1e16])
def test_ties_at_large_epsilons(epsilon):
    """With equal mean costs q is uniform by symmetry: D = 2 / (2 + exp(1 / epsilon))."""
    found = rate_distortion(1 - np.eye(3), epsilon=epsilon, tol=1e-9)
    # Of the second order in 1 / epsilon, so that a bound of 1e-9 on the value is not more on this.
    value = -epsilon * np.log1p(2 / 3 * np.expm1(-1 / epsilon))
    assert found.value == pytest.approx(value, abs=1.1e-9)
    assert found.value - found.duality_gap <= value + 1e-15
    assert found.distortion == pytest.approx(2 / (2 + np.exp(1 / epsilon)), abs=0.3 / epsilon)
    costs = np.random.default_rng(0).random((40, 30))
    level = rate_distortion(costs - costs.mean(0), epsilon=epsilon)
    assert level.converged
    assert abs(float(level.value)) <= 0.5 / epsilon + 1e-15


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("epsilon", [1e-4, 1e-20, 1e-300])
def test_each_symbol_goes_to_the_nearest_where_nats_are_free(epsilon, dtype):
    cost, a = problem(0)
    found = rate_distortion(cost.astype(dtype), a.astype(dtype), epsilon=epsilon)
    law = np.bincount(cost.argmin(1), a, minlength=9)
    rate = -np.sum(law[law > 0] * np.log(law[law > 0]))
    assert found.distortion == pytest.approx(a @ cost.min(1), rel=1e-6)
    assert found.rate == pytest.approx(rate, rel=1e-6)
    assert found.value == pytest.approx(a @ cost.min(1) + epsilon * rate, rel=1e-6)
    np.testing.assert_allclose(found.law, law, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_units_of_the_cost_do_not_count(scale):
    cost, a = problem(0)
    for epsilon in (0.1, 100.0):
        found = rate_distortion(cost, a, epsilon=epsilon)
        scaled = rate_distortion(scale * cost, a, epsilon=scale * epsilon)
        np.testing.assert_allclose(scaled.law, found.law, atol=1e-9)
        assert scaled.value / scale == pytest.approx(float(found.value), rel=1e-9)


def test_a_batch_of_problems_some_of_which_send_nothing():
    few, many = problem(0)[0] / 100, problem(1)[0]
    found = rate_distortion(np.stack([few, many]), epsilon=0.3, tol=1e-9)
    for k, cost in enumerate((few, many)):
        alone = rate_distortion(cost, epsilon=0.3, tol=1e-9)
        np.testing.assert_allclose(found.plan[k], alone.plan, atol=1e-6)
    assert found.rate[0] == pytest.approx(0, abs=1e-15)
    assert found.rate[1] > 0.1


@pytest.mark.parametrize("shape", [(12, 9), (9, 12)])
def test_symbols_without_weight_do_not_count(shape):
    cost, a = problem(1, *shape)
    a[[0, 5]] = 0
    a = a / a.sum()
    whole = rate_distortion(cost, a, epsilon=0.1, tol=1e-9)
    kept = rate_distortion(cost[a > 0], a[a > 0], epsilon=0.1, tol=1e-9)
    assert whole.converged
    assert whole.value == pytest.approx(float(kept.value), abs=1e-10)


# Batches, libraries, gradients


@pytest.mark.parametrize("shape", [(12, 9), (9, 12)])
def test_a_batch_is_its_problems_one_by_one(shape):
    cost = np.stack([problem(seed, *shape)[0] for seed in range(3)])[:, None] * np.ones((2, 1, 1))
    a = np.stack([problem(seed, *shape)[1] for seed in range(3)])[:, None] * np.ones((2, 1))
    found = rate_distortion(cost, a, epsilon=0.2, tol=1e-9)
    assert found.plan.shape == (3, 2, *shape)
    assert found.duality_gap.shape == (3, 2)
    for k in range(3):
        alone = rate_distortion(cost[k, 0], a[k, 0], epsilon=0.2, tol=1e-9)
        np.testing.assert_allclose(found.value[k], float(alone.value), atol=1e-9)


@pytest.mark.parametrize("library", ["torch", "array_api_strict"])
def test_other_libraries(library):
    xp = pytest.importorskip(library)
    cost, a = problem(2)
    found = rate_distortion(xp.asarray(cost), xp.asarray(a), epsilon=0.2, tol=1e-8)
    exact = rate_distortion(cost, a, epsilon=0.2, tol=1e-8)
    assert isinstance(found.plan, type(xp.asarray(cost)))
    np.testing.assert_allclose(np.asarray(found.plan), exact.plan, atol=1e-6)


def test_single_precision():
    torch = pytest.importorskip("torch")
    cost, _ = problem(2)
    found = rate_distortion(torch.tensor(cost).float(), epsilon=0.2, tol=1e-4)
    assert found.rate.dtype == torch.float32
    assert found.converged


def test_gradients_are_those_of_the_envelope():
    torch = pytest.importorskip("torch")
    cost, a = (torch.tensor(v) for v in problem(3, 5, 4))
    cost.requires_grad_()
    logits = a.log().requires_grad_()

    def value(cost, logits):
        return rate_distortion(cost, logits.softmax(-1), epsilon=0.3, tol=1e-13).value

    assert torch.autograd.gradcheck(value, (cost, logits), atol=1e-5)
    found = rate_distortion(cost, logits.softmax(-1), epsilon=0.3, tol=1e-12)
    (gradient,) = torch.autograd.grad(found.value, cost, create_graph=True)
    torch.testing.assert_close(gradient, found.plan, atol=1e-6, rtol=1e-6)
    with pytest.raises(NotImplementedError, match="first derivative only"):
        torch.autograd.grad(gradient.sum(), cost)


# What cannot be


def test_no_convergence_is_a_warning_and_a_note():
    cost, a = problem(0)
    with pytest.warns(RuntimeWarning, match="nats above the least .* raise max_iter"):
        found = rate_distortion(cost, a, epsilon=0.3, tol=1e-9, max_iter=3)
    assert not found.converged
    assert found.notes
    assert found.n_iter == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epsilon": 0.0}, "epsilon must be positive"),
        ({"tol": np.nan}, "tol must be positive"),
        ({"a": np.ones(12)}, "a must sum to 1, got 12"),
        ({"a": np.full(9, 1 / 9)}, "a must have 12 entries, one for each row"),
        ({"a": np.r_[2.0, -1.0, np.zeros(10)]}, "a must not be negative"),
        ({"cost": np.full((12, 9), np.nan)}, "cost must be finite"),
        ({"cost": np.zeros(3)}, "cost must have two axes"),
    ],
)
def test_what_cannot_be_is_said(changes, message):
    cost, a = problem(0)
    words = {"cost": cost, "a": a, "epsilon": 0.1, **changes}
    with pytest.raises(ValueError, match=message):
        rate_distortion(words.pop("cost"), **words)
