"""Transport with marginals at a price: closed forms, limits, laws, and the bound on the error."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import root

from infotheory.functional import sinkhorn, transport_cost, unbalanced_sinkhorn

SEEDS = st.integers(0, 2**32 - 1)
PENALTIES = st.sampled_from([0.05, 1.0, 50.0, (0.3, 4.0), (math.inf, 0.7), (0.7, math.inf)])


def clouds(seed, n=12, m=9, d=2):
    """Half squared distances of two normal clouds, and masses of sums 2 and 1.3."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), 0.5 + rng.normal(size=(m, d))
    cost = 0.5 * np.sum((x[:, None] - y) ** 2, axis=-1)
    return cost, 2 * rng.dirichlet(np.ones(n)), 1.3 * rng.dirichlet(np.ones(m))


def kl(p, q):
    some = p > 0
    return float(np.sum(p[some] * np.log(p[some] / q[some])) - np.sum(p) + np.sum(q))


def primal(plan, cost, a, b, epsilon, penalty):
    """The value of any plan, with nothing added for a marginal that is exact."""
    pair = penalty if isinstance(penalty, tuple) else (penalty, penalty)
    total = float(np.sum(cost * plan)) + epsilon * kl(plan, a[:, None] * b)
    for rho, sums, weights in zip(pair, (plan.sum(1), plan.sum(0)), (a, b), strict=True):
        if math.isinf(rho):
            np.testing.assert_allclose(sums, weights, rtol=1e-12)
        else:
            total += rho * kl(sums, weights)
    return total


# Closed forms


@pytest.mark.parametrize("penalty", [0.1, 3.0, (0.2, 5.0)])
@pytest.mark.parametrize("epsilon", [0.01, 1.0])
def test_two_points_of_any_mass(penalty, epsilon):
    """The log of the mass is a mean of logs less the cost, over all prices."""
    cost, a, b = 1.7, 0.8, 2.5
    rho, sigma = penalty if isinstance(penalty, tuple) else (penalty, penalty)
    found = unbalanced_sinkhorn(
        np.array([[cost]]),
        np.array([a]),
        np.array([b]),
        epsilon=epsilon,
        marginal_penalty=penalty,
        tol=1e-12,
    )
    prices = epsilon + rho + sigma
    log_mass = (epsilon * np.log(a * b) + rho * np.log(a) + sigma * np.log(b) - cost) / prices
    assert found.mass == pytest.approx(np.exp(log_mass), rel=1e-10)
    assert found.value == pytest.approx(
        primal(found.plan, np.array([[cost]]), np.array([a]), np.array([b]), epsilon, penalty),
        rel=1e-10,
    )


def test_one_exact_marginal_of_two_points():
    found = unbalanced_sinkhorn(
        np.array([[3.0]]),
        np.array([0.8]),
        np.array([2.0]),
        epsilon=0.1,
        marginal_penalty=(math.inf, 1.0),
    )
    assert found.mass == pytest.approx(0.8, rel=1e-9)


@pytest.mark.parametrize("penalty", [0.5, (0.2, 5.0), (math.inf, 2.0)])
def test_without_cost_the_plan_is_a_product(penalty):
    _, a, b = clouds(0)
    epsilon, cost = 0.3, np.zeros((12, 9))
    found = unbalanced_sinkhorn(cost, a, b, epsilon=epsilon, marginal_penalty=penalty, tol=1e-12)
    rho, sigma = penalty if isinstance(penalty, tuple) else (penalty, penalty)
    if math.isinf(rho):
        log_density = -np.log(b.sum())
    else:
        logs = rho * np.log(b.sum()) + sigma * np.log(a.sum())
        log_density = -logs / (epsilon + rho + sigma)
    np.testing.assert_allclose(found.plan, a[:, None] * b * np.exp(log_density), rtol=1e-9)


@settings(max_examples=8)
@given(SEEDS, PENALTIES.filter(lambda p: not (isinstance(p, tuple) and math.inf in p)))
def test_a_general_solver_finds_the_same(seed, penalty):
    cost, a, b = clouds(seed, 3, 4)
    epsilon = 0.3
    found = unbalanced_sinkhorn(cost, a, b, epsilon=epsilon, marginal_penalty=penalty, tol=1e-10)

    rho, sigma = penalty if isinstance(penalty, tuple) else (penalty, penalty)

    def slopes(logs):
        plan = np.exp(logs).reshape(3, 4)
        of_marginals = rho * np.log(plan.sum(1) / a)[:, None] + sigma * np.log(plan.sum(0) / b)
        return (cost + epsilon * np.log(plan / (a[:, None] * b)) + of_marginals).ravel()

    best = root(slopes, np.log(a[:, None] * b).ravel(), tol=1e-12)
    plan = np.exp(best.x).reshape(3, 4)
    assert best.success
    np.testing.assert_allclose(found.plan, plan, rtol=1e-6)
    assert found.value == pytest.approx(primal(plan, cost, a, b, epsilon, penalty), rel=1e-9)


# Limits of the prices


@pytest.mark.parametrize("epsilon", [0.02, 0.5])
def test_both_marginals_exact_is_balanced_transport(epsilon):
    cost, a, b = clouds(1)
    laws = a / 2, b / 1.3
    balanced = sinkhorn(cost, *laws, epsilon=epsilon, tol=1e-10)
    words = {"epsilon": epsilon, "tol": 1e-10}
    found = unbalanced_sinkhorn(cost, *laws, marginal_penalty=math.inf, **words)
    assert found.n_iter == balanced.n_iter
    np.testing.assert_allclose(found.plan, balanced.plan, rtol=1e-10, atol=1e-300)
    assert found.value == pytest.approx(float(balanced.value), abs=1e-13)
    assert found.duality_gap == pytest.approx(float(balanced.duality_gap), abs=1e-12)
    # Masses of sum 3 each: the plan is three times that of the laws.
    thrice = unbalanced_sinkhorn(cost, 3 * laws[0], 3 * laws[1], marginal_penalty=math.inf, **words)
    np.testing.assert_allclose(thrice.plan, 3 * balanced.plan, rtol=1e-9, atol=1e-300)
    value = primal(thrice.feasible_plan, cost, 3 * laws[0], 3 * laws[1], epsilon, math.inf)
    assert thrice.primal_value == pytest.approx(value, abs=1e-12)
    # High prices are nearly that, off by the squares of the potentials over the price.
    for rho in (1e4, 1e6):
        near = unbalanced_sinkhorn(cost, *laws, marginal_penalty=rho, **words)
        assert 0 <= balanced.value - near.value <= 100 / rho
        assert near.n_iter < 3 * balanced.n_iter + 20


def test_no_price_leaves_the_kernel():
    cost, a, b = clouds(2)
    found = unbalanced_sinkhorn(cost, a, b, epsilon=0.5, marginal_penalty=1e-9, tol=1e-12)
    kernel = a[:, None] * b * np.exp(-cost / 0.5)
    np.testing.assert_allclose(found.plan, kernel, rtol=1e-6)
    assert found.value == pytest.approx(0.5 * (a.sum() * b.sum() - kernel.sum()), rel=1e-6)


@pytest.mark.parametrize("rho", [1.0, 1e2, 1e4, 1e6])
def test_high_prices_take_no_more_steps(rho):
    """Without the constant between the potentials sweeps would grow as rho / epsilon."""
    cost, a, b = clouds(3, 40, 50)
    for epsilon in (0.3, 0.01):
        found = unbalanced_sinkhorn(cost, a, b, epsilon=epsilon, marginal_penalty=rho)
        assert found.converged
        assert found.n_iter < 150


def test_masses_too_small_for_floats():
    """A point whose cost is thousands of prices away keeps a mass of which only the log exists."""
    cost, a, b = clouds(7)
    words = {"epsilon": 0.1, "marginal_penalty": 1.0, "tol": 1e-10}
    far = np.vstack([cost, np.full((1, 9), 1e5)])
    found = unbalanced_sinkhorn(far, np.r_[a, 0.7], b, **words)
    kept = unbalanced_sinkhorn(cost, a, b, **words)
    np.testing.assert_allclose(found.plan[:12], kept.plan, atol=1e-9)
    # What is destroyed costs its mass times the price, and its density lacks.
    price = 0.7 * 1.0 + 0.1 * 0.7 * b.sum()
    assert found.value == pytest.approx(float(kept.value) + price, abs=1e-9)
    assert 0 <= found.duality_gap < 1e-9
    # Costs of 1e7 epsilons have 1e-9 of an epsilon as their rounding.
    nothing = unbalanced_sinkhorn(cost + 1e6, a, b, **{**words, "tol": 1e-7})
    assert nothing.mass == 0
    assert nothing.value == pytest.approx(a.sum() + b.sum() + 0.1 * a.sum() * b.sum(), abs=1e-12)


# Laws


@settings(max_examples=15)
@given(SEEDS, PENALTIES, st.sampled_from([0.02, 0.5]))
def test_laws(seed, penalty, epsilon):
    cost, a, b = clouds(seed)
    words = {"epsilon": epsilon, "tol": 1e-11}
    found = unbalanced_sinkhorn(cost, a, b, marginal_penalty=penalty, **words)
    pair = penalty if isinstance(penalty, tuple) else (penalty, penalty)
    scale = 1 + abs(float(found.value))
    # No factor on the plan makes it better.
    mass, free = float(found.mass), epsilon * (a.sum() * b.sum() - float(found.mass))
    if math.inf not in pair:
        free += pair[0] * (a.sum() - mass) + pair[1] * (b.sum() - mass)
        assert found.value == pytest.approx(free, abs=1e-8 * scale)
    assert found.value == pytest.approx(
        primal(found.feasible_plan, cost, a, b, epsilon, penalty), abs=1e-8 * scale
    )
    f, g = found.potentials
    np.testing.assert_allclose(found.marginals[0], a * np.exp(-f / pair[0]), rtol=1e-7)
    np.testing.assert_allclose(found.marginals[1], b * np.exp(-g / pair[1]), rtol=1e-7)
    turned = unbalanced_sinkhorn(cost.T, b, a, marginal_penalty=pair[::-1], **words)
    assert turned.value == pytest.approx(float(found.value), abs=1e-9 * scale)
    np.testing.assert_allclose(turned.plan.T, found.plan, atol=1e-8)
    scaled = unbalanced_sinkhorn(
        7 * cost, a, b, epsilon=7 * epsilon, tol=1e-11, marginal_penalty=(7 * pair[0], 7 * pair[1])
    )
    assert scaled.value == pytest.approx(7 * float(found.value), abs=1e-8 * scale)


@given(SEEDS, st.sampled_from([0.1, 2.0]), st.floats(0.2, 5.0))
@settings(max_examples=10)
def test_mass_is_a_power_of_the_masses(seed, rho, factor):
    """Masses times t give the mass t^((2 rho + 2 eps) / (2 rho + eps)) for equal prices."""
    cost, a, b = clouds(seed)
    words = {"epsilon": 0.4, "marginal_penalty": rho, "tol": 1e-11}
    one = unbalanced_sinkhorn(cost, a, b, **words)
    many = unbalanced_sinkhorn(cost, factor * a, factor * b, **words)
    power = (2 * rho + 0.8) / (2 * rho + 0.4)
    assert many.mass == pytest.approx(float(one.mass) * factor**power, rel=1e-8)


@settings(max_examples=30)
@given(SEEDS, PENALTIES, st.sampled_from([0.02, 0.5]), st.integers(0, 20))
def test_the_gap_bounds_the_error_wherever_one_stops(seed, penalty, epsilon, max_iter):
    cost, a, b = clouds(seed)
    words = {"epsilon": epsilon, "marginal_penalty": penalty, "tol": 1e-12}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        best = unbalanced_sinkhorn(cost, a, b, **words)
        early = unbalanced_sinkhorn(cost, a, b, max_iter=max_iter, **words)
    assert best.residual < 1e-8
    assert early.duality_gap >= 0
    rounding = 1e-11 * (1 + abs(float(best.value)))
    assert early.value <= best.value + rounding
    assert early.value + early.duality_gap >= best.value - rounding
    value = primal(early.feasible_plan, cost, a, b, epsilon, penalty)
    assert early.primal_value == pytest.approx(value, rel=1e-8, abs=1e-9)


@given(SEEDS, PENALTIES)
@settings(max_examples=10)
def test_points_without_mass_do_not_count(seed, penalty):
    cost, a, b = clouds(seed)
    a[[0, 4]], b[2] = 0.0, 0.0
    words = {"epsilon": 0.05, "marginal_penalty": penalty, "tol": 1e-10}
    whole = unbalanced_sinkhorn(cost, a, b, **words)
    kept = unbalanced_sinkhorn(cost[a > 0][:, b > 0], a[a > 0], b[b > 0], **words)
    assert whole.value == pytest.approx(float(kept.value), abs=1e-7)
    assert np.all(np.isfinite(whole.plan))
    assert whole.duality_gap >= 0


# Batches, libraries, starts, gradients


@pytest.mark.parametrize("penalty", [0.5, (math.inf, 1.0), 1e4])
def test_a_batch_is_its_problems_one_by_one(penalty):
    cost = np.stack([clouds(seed)[0] for seed in range(3)])[:, None] * np.ones((1, 2, 1, 1))
    a = np.stack([clouds(seed)[1] for seed in range(3)])[:, None] * np.ones((1, 2, 1))
    b = clouds(0)[2]
    words = {"epsilon": 0.05, "marginal_penalty": penalty, "tol": 1e-9}
    found = unbalanced_sinkhorn(cost, a, b, **words)
    assert found.plan.shape == (3, 2, 12, 9)
    assert found.residual.shape == found.value.shape == found.mass.shape == (3, 2)
    for k in range(3):
        alone = unbalanced_sinkhorn(cost[k, 0], a[k, 0], b, **words)
        np.testing.assert_allclose(found.value[k], float(alone.value), rtol=1e-9)
        np.testing.assert_allclose(found.plan[k, 1], alone.plan, atol=1e-7)


@pytest.mark.parametrize("library", ["torch", "array_api_strict"])
@pytest.mark.parametrize("penalty", [0.5, (math.inf, 1.0), math.inf])
def test_other_libraries(library, penalty):
    xp = pytest.importorskip(library)
    cost, a, b = clouds(4)
    a, b = a / 2, b / 1.3
    words = {"epsilon": 0.05, "marginal_penalty": penalty, "tol": 1e-9}
    found = unbalanced_sinkhorn(*(xp.asarray(v) for v in (cost, a, b)), **words)
    exact = unbalanced_sinkhorn(cost, a, b, **words)
    assert isinstance(found.plan, type(xp.asarray(cost)))
    np.testing.assert_allclose(np.asarray(found.plan), exact.plan, atol=1e-8)
    assert float(found.value) == pytest.approx(float(exact.value), abs=1e-9)
    assert float(found.duality_gap) >= 0


def test_single_precision():
    torch = pytest.importorskip("torch")
    cost, a, b = (torch.tensor(v).float() for v in clouds(4))
    found = unbalanced_sinkhorn(cost, a, b, epsilon=0.05, marginal_penalty=1.0, tol=1e-4)
    assert found.plan.dtype == torch.float32
    assert found.converged


def test_a_start_near_by_saves_work():
    cost, a, b = clouds(5, 40, 30)
    words = {"epsilon": 0.1, "marginal_penalty": 2.0}
    first = unbalanced_sinkhorn(cost, a, b, **words)
    again = unbalanced_sinkhorn(cost, a, b, init=first, **words)
    assert again.n_iter <= 1 < first.n_iter
    np.testing.assert_allclose(again.plan, first.plan, atol=1e-6)


@pytest.mark.parametrize("penalty", [0.5, (0.2, 3.0), (math.inf, 1.0)])
def test_gradients_of_the_value(penalty):
    torch = pytest.importorskip("torch")
    parts = [torch.tensor(v, requires_grad=True) for v in clouds(6, 3, 4)]

    def value(cost, a, b):
        words = {"epsilon": 0.3, "marginal_penalty": penalty, "tol": 1e-12}
        return unbalanced_sinkhorn(cost, a, b, **words).value

    assert torch.autograd.gradcheck(value, tuple(parts), atol=1e-6)
    found = unbalanced_sinkhorn(*parts, epsilon=0.3, marginal_penalty=penalty, tol=1e-12)
    (gradient,) = torch.autograd.grad(found.value, parts[0], create_graph=True)
    torch.testing.assert_close(gradient, found.plan, atol=1e-10, rtol=1e-8)
    with pytest.raises(NotImplementedError, match="first derivative only"):
        torch.autograd.grad(gradient.sum(), parts[0])
    # The value is linear in the weights but for how potentials move with them.
    a = parts[1]
    found = unbalanced_sinkhorn(parts[0].detach(), a, epsilon=0.3, marginal_penalty=penalty)
    (gradient,) = torch.autograd.grad(found.value + a.square().sum(), a, create_graph=True)
    with pytest.raises(NotImplementedError, match="first derivative only"):
        torch.autograd.grad(gradient.sum(), a)


# What cannot be


def test_no_convergence_is_a_warning_and_a_note():
    cost, a, b = clouds(0)
    with pytest.warns(RuntimeWarning, match="off by .* of its mass .* raise epsilon or max_iter"):
        found = unbalanced_sinkhorn(
            cost, a, b, epsilon=1e-3, marginal_penalty=10.0, max_iter=2, tol=1e-9
        )
    assert not found.converged
    assert found.notes
    assert found.duality_gap > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epsilon": 0.0}, "epsilon must be positive"),
        ({"tol": np.nan}, "tol must be positive"),
        ({"marginal_penalty": 0.0}, "marginal_penalty must be positive"),
        ({"marginal_penalty": "high"}, "marginal_penalty must be positive"),
        ({"marginal_penalty": np.nan}, "marginal_penalty must be positive"),
        ({"marginal_penalty": (1.0, -1.0)}, "marginal_penalty must be positive"),
        ({"marginal_penalty": (1.0, 1.0, 1.0)}, "or a pair"),
        ({"marginal_penalty": math.inf}, "a and b must have the same sum .* got 2 and 1.3"),
        ({"a": np.ones(9)}, "a must have 12 entries, one for each row"),
        ({"a": np.zeros(12)}, "a must have a finite sum above 0"),
        ({"b": np.r_[-1.0, np.ones(8)]}, "b must not be negative or missing, got -1"),
        ({"b": np.r_[np.inf, np.ones(8)]}, "b must have a finite sum"),
        ({"cost": np.full((12, 9), np.nan)}, "cost must be finite"),
        ({"cost": np.zeros(3)}, "cost must have two axes"),
    ],
)
def test_what_cannot_be_is_said(changes, message):
    cost, a, b = clouds(0)
    words = {"cost": cost, "a": a, "b": b, "epsilon": 0.1, "marginal_penalty": 1.0, **changes}
    with pytest.raises(ValueError, match=message):
        unbalanced_sinkhorn(words.pop("cost"), **words)


def test_small_epsilons_are_reached_by_default():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        cost = transport_cost(rng.normal(size=(60, 3)), rng.normal(1.0, 2.0, size=(80, 3)))
        found = unbalanced_sinkhorn(
            cost, epsilon=1e-5 * cost.mean(), marginal_penalty=cost.mean(), max_iter=1500
        )
        assert found.converged
        assert float(found.duality_gap) < 1e-5 * cost.mean()
