"""Entropic transport at the limits of floats: what is rounded off, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from infotheory.functional import (
    entropic_map,
    exact_transport,
    sinkhorn,
    sinkhorn_divergence,
    sinkhorn_points,
    transport_cost,
    wasserstein_distance,
)


def costs(n=50, m=40, seed=0):
    return np.random.default_rng(seed).uniform(size=(n, m))


def true_error(found):
    """L1 distance of the marginals of the plan as it is given out, from equal weights."""
    plan = np.asarray(found.plan, dtype=np.float64)
    sides = zip((1, 0), plan.shape, strict=True)
    return sum(np.abs(plan.sum(axis) - 1 / n).sum() for axis, n in sides)


@pytest.mark.parametrize("away", [5.0, 1000.0])
def test_plans_of_single_precision_have_their_marginals(away):
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(80, 8, generator=generator) for _ in range(2))
    cost = transport_cost(x, y + away)
    found = sinkhorn(cost, epsilon=0.05)
    assert found.converged
    assert found.plan.dtype == found.value.dtype == found.potentials[0].dtype == torch.float32
    assert float(found.marginal_error) <= 1e-6
    # Entries of the plan are rounded to 2^-24 of their size.
    assert true_error(found) <= 2e-6
    exact = sinkhorn(cost.double(), epsilon=0.05, tol=1e-10)
    np.testing.assert_allclose(found.plan, exact.plan, atol=1e-7)
    assert float(found.cost) == pytest.approx(float(exact.cost), rel=1e-6)


def test_the_gap_of_single_precision_bounds_the_error():
    torch = pytest.importorskip("torch")
    for seed in range(20):
        rng = np.random.default_rng(seed)
        cost = torch.tensor(costs(30, 20, seed) * rng.uniform(0.1, 100), dtype=torch.float32)
        words = {"epsilon": float(rng.uniform(0.02, 0.5) * cost.mean())}
        best = sinkhorn(cost.double(), tol=1e-11, **words)
        for tol in (0.1, 1e-3, 1e-6):
            found = sinkhorn(cost, tol=tol, **words)
            assert abs(float(found.value) - float(best.value)) <= float(found.duality_gap)


def test_a_divergence_of_single_precision_has_the_gradient_of_double():
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(30, 3, generator=generator), torch.randn(20, 3, generator=generator) + 1000
    gradients = []
    for dtype in (torch.float32, torch.float64):
        moving = x.to(dtype).requires_grad_()
        value = sinkhorn_divergence(moving, y.to(dtype), 0.05)
        assert value.dtype == dtype
        gradients.append(torch.autograd.grad(value, moving)[0].double())
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)


def test_what_is_common_to_all_costs_moves_no_plan():
    cost = costs()
    known = sinkhorn(cost, epsilon=1e-3, tol=1e-9)
    rows, columns = 1e10 * np.arange(50), -3e9 * np.arange(40)
    found = sinkhorn(cost + rows[:, None] + columns, epsilon=1e-3)
    assert found.converged
    assert true_error(found) < 1e-6
    # Costs of 5e11 are rounded to 6e-5, 6 % of epsilon, and so is each entry of the plan.
    assert np.abs(found.plan - known.plan).sum() < 0.07
    common = rows.mean() + columns.mean()
    assert found.value == pytest.approx(known.value + common, abs=1e-3)
    assert found.cost == pytest.approx(known.cost + common, abs=1e-3)


def test_pairs_may_be_forbidden_by_a_huge_cost():
    cost = costs()
    forbidden = cost > 0.7
    found = sinkhorn(np.where(forbidden, 1e12, cost), epsilon=0.01)
    assert found.converged
    assert true_error(found) < 1e-6
    assert found.plan[forbidden].sum() == 0
    same = sinkhorn(np.where(forbidden, 1e3, cost), epsilon=0.01)
    np.testing.assert_allclose(found.plan, same.plan, atol=1e-6)


@pytest.mark.parametrize("epsilon", [1e-16, 1e-20, 1e-300])
def test_an_epsilon_below_what_costs_can_tell_is_refused(epsilon):
    with pytest.raises(ValueError, match=r"epsilon must be at least about .* Raise epsilon"):
        sinkhorn(costs(6, 5), epsilon=epsilon)


def test_what_rounding_does_to_the_marginals_is_told():
    with pytest.warns(RuntimeWarning, match="rounded to float64, whatever the number of sweeps"):
        found = sinkhorn(costs(6, 5), epsilon=1e-12)
    assert not found.converged
    assert found.marginal_error == pytest.approx(true_error(found))
    assert found.marginal_error > 1e-6


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equal_points_are_at_no_distance(library, dtype):
    x = np.random.default_rng(0).normal(size=(60, 30)).astype(dtype) + 100
    if library == "torch":
        x = pytest.importorskip("torch").tensor(x)
    distances = transport_cost(x, x, "euclidean")
    assert distances.dtype == x.dtype
    assert float(np.asarray(distances).diagonal().max()) == 0
    near = x[:1] + 1e-3
    exact = float(((np.asarray(near, float) - np.asarray(x[:1], float)) ** 2).sum() ** 0.5)
    assert float(transport_cost(near, x[:1], "euclidean")[0, 0]) == pytest.approx(exact, rel=1e-6)
    pytest.importorskip("ot")
    assert float(wasserstein_distance(x, x)) == 0


@pytest.mark.parametrize("dtype", [int, bool])
def test_costs_of_a_callable_may_be_integers(dtype):
    x, y = np.random.default_rng(0).normal(size=(2, 20, 2))

    def cost(u, v):
        return (np.abs(u[:, None, 0] - v[None, :, 0]) > 1).astype(dtype)

    found = sinkhorn_points(x, y, epsilon=0.5, cost=cost, block_size=40)
    assert found.converged
    known = sinkhorn(cost(x, y), epsilon=0.5)
    assert float(found.value) == pytest.approx(float(known.value), abs=1e-6)


def test_what_is_no_problem_is_refused_at_once():
    x, y = np.random.default_rng(0).normal(size=(2, 20, 2))

    def unknown(u, v):
        return np.full((len(u), len(v)), np.nan)

    def complex_costs(u, v):
        return np.ones((len(u), len(v)), complex)

    masked, masked_costs = (np.ma.masked_array(v, mask=v > 0.9) for v in (x, costs()))
    points = {"epsilon": 1.0}
    for call, kind, message in (
        (lambda: sinkhorn_points(x * 1e200, y, **points), ValueError, "squared distances"),
        (lambda: sinkhorn_points(x, y, cost=unknown, block_size=20, **points), ValueError, "cost"),
        (lambda: sinkhorn_points(x, y, cost=complex_costs, **points), ValueError, "real numbers"),
        (lambda: sinkhorn_points(masked, y, **points), TypeError, "masked"),
        (lambda: sinkhorn_points(x, y, block_size=2.5, **points), TypeError, "block_size"),
        (
            lambda: sinkhorn(masked_costs, **points),
            TypeError,
            "ma",
        ),
        (lambda: sinkhorn(costs() * 1e308, **points), ValueError, "cost must be finite"),
        (lambda: sinkhorn(costs(), max_iter=None, **points), TypeError, "max_iter must be an int"),
        (lambda: sinkhorn(costs(), max_iter=-1, **points), ValueError, "max_iter must be at least"),
        (lambda: sinkhorn(costs(), init="f", **points), TypeError, "init must be the pair"),
        (lambda: sinkhorn(costs(), 1.0, **points), TypeError, "a must be an array"),
        (lambda: sinkhorn(costs(), np.ones((2, 50)) / 50, **points), ValueError, r"shape \(50,\)"),
        (lambda: sinkhorn(np.array([["1", "2"]]), **points), TypeError, "cost must hold numbers"),
        (lambda: exact_transport(costs(), max_iter=0), ValueError, "max_iter"),
        (lambda: entropic_map(x, y, np.full(20, np.nan), np.ones(20), 1.0), ValueError, "g must"),
        (lambda: entropic_map(x, y, np.zeros(20), -np.ones(20), 1.0), ValueError, "b must"),
        (lambda: entropic_map(x, y, np.zeros(19), np.ones(20), 1.0), ValueError, "g must have"),
    ):
        with pytest.raises(kind, match=message):
            call()


def test_an_epsilon_has_no_gradient():
    torch = pytest.importorskip("torch")
    epsilon = torch.tensor(0.5, requires_grad=True)
    with pytest.raises(ValueError, match="epsilon must be a number without a gradient"):
        sinkhorn(torch.tensor(costs()), epsilon=epsilon)
    found = sinkhorn(torch.tensor(costs()), epsilon=epsilon.detach())
    assert found.converged


@pytest.mark.parametrize("what", ["cost", "plan", "mutual_information"])
def test_what_holds_to_first_order_is_not_differentiated_twice(what):
    torch = pytest.importorskip("torch")
    cost = torch.tensor(costs(3, 3), requires_grad=True)
    result = getattr(sinkhorn(cost, epsilon=0.3), what).sum()
    (gradient,) = torch.autograd.grad(result, cost, create_graph=True)
    with pytest.raises(NotImplementedError, match="first derivative only"):
        torch.autograd.grad(gradient[0, 0], cost)
