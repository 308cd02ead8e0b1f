"""The Sinkhorn divergence against closed forms and limits, and costs against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from infotheory.functional import (
    debiased_transport,
    gaussian_sinkhorn_divergence,
    sinkhorn,
    sinkhorn_divergence,
    transport_cost,
)

SEEDS = st.integers(0, 2**32 - 1)


def samples(seed, n=12, m=15, d=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 1 + 2 * rng.normal(size=(m, d))


@pytest.mark.parametrize(
    ("cost", "metric", "share"),
    [
        ("half-sqeuclidean", "sqeuclidean", 0.5),
        ("sqeuclidean", "sqeuclidean", 1.0),
        ("euclidean", "euclidean", 1.0),
        ("cosine", "cosine", 1.0),
    ],
)
def test_costs(cost, metric, share):
    x, y = samples(0)
    exact = share * cdist(x, y, metric)
    np.testing.assert_allclose(transport_cost(x, y, cost), exact, atol=1e-12)
    far = transport_cost(x + 1e6, y + 1e6, "half-sqeuclidean")
    np.testing.assert_allclose(far, 0.5 * cdist(x, y, "sqeuclidean"), atol=1e-7)
    batch = transport_cost(np.stack([x, x]), np.stack([y, y + 1]), cost)
    np.testing.assert_allclose(batch[0], exact, atol=1e-12)


def test_a_cost_of_ones_own():
    x, y = samples(0)
    found = transport_cost(x, y, lambda x, y: np.abs(x[:, None] - y).sum(-1))
    np.testing.assert_allclose(found, cdist(x, y, "cityblock"))
    with pytest.raises(ValueError, match="cost must return all pairs"):
        transport_cost(x, y, lambda x, y: x @ x.T)
    with pytest.raises(ValueError, match="cost must be one of half-sqeuclidean"):
        transport_cost(x, y, "manhattan")


@pytest.mark.parametrize("epsilon", [0.2, 2.0])
def test_normal_laws_on_a_grid(epsilon):
    grid = np.linspace(-14, 14, 401)[:, None]
    a, b = np.exp(-0.5 * (grid - 0.3) ** 2), np.exp(-0.5 * (grid + 0.4) ** 2 / 2.5)
    a, b = a[:, 0] / a.sum(), b[:, 0] / b.sum()
    found = sinkhorn_divergence(grid, grid, epsilon, a=a, b=b, tol=1e-9)
    exact = gaussian_sinkhorn_divergence(
        np.array([0.3]), np.eye(1), np.array([-0.4]), 2.5 * np.eye(1), epsilon
    )
    assert found == pytest.approx(float(exact), abs=1e-6)


def test_it_is_the_debiased_dual_value_and_not_the_debiased_cost():
    side = np.linspace(-6, 6, 25)
    wide = np.stack(np.meshgrid(2 * side, side / 2, indexing="ij"), -1).reshape(-1, 2)
    b = np.exp(-0.5 * np.sum(wide**2 / [4, 0.25], axis=-1))
    plane = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    a = np.exp(-0.5 * np.sum(plane**2, axis=-1))
    found = sinkhorn_divergence(plane, wide, 2.0, a=a / a.sum(), b=b / b.sum())
    assert found == pytest.approx(0.5094, abs=1e-3)


@settings(max_examples=15)
@given(SEEDS, st.sampled_from([0.05, 0.5, 5.0]), st.sampled_from(["half-sqeuclidean", "euclidean"]))
def test_laws(seed, epsilon, cost):
    x, y = samples(seed)
    options = {"epsilon": epsilon, "cost": cost, "tol": 1e-9}
    value = sinkhorn_divergence(x, y, **options)
    assert value >= -1e-9
    assert sinkhorn_divergence(x, x, **options) == pytest.approx(0.0, abs=1e-8)
    assert sinkhorn_divergence(y, x, **options) == pytest.approx(float(value), abs=1e-7)
    shift = np.array([3.0, -1.0])
    assert sinkhorn_divergence(x + shift, y + shift, **options) == pytest.approx(
        float(value), abs=1e-7
    )
    assert sinkhorn_divergence(np.vstack([x, x]), y, **options) == pytest.approx(
        float(value), abs=1e-7
    )
    biased = [
        sinkhorn(transport_cost(u, v, cost), epsilon=epsilon, tol=1e-9).value
        for u, v in ((x, y), (x, x), (y, y))
    ]
    assert value == pytest.approx(float(biased[0] - (biased[1] + biased[2]) / 2), abs=1e-7)


def test_limits_of_epsilon():
    x, y = samples(1, 40, 40, 1)
    exact = 0.5 * np.mean((np.sort(x[:, 0]) - np.sort(y[:, 0])) ** 2)
    assert sinkhorn_divergence(x, y, 1e-3) == pytest.approx(exact, rel=1e-2)
    means = 0.5 * np.sum((x.mean(0) - y.mean(0)) ** 2)
    assert sinkhorn_divergence(x, y, 1e4, tol=1e-10) == pytest.approx(means, rel=1e-3)


def test_gradients_move_one_cloud_onto_another():
    torch = pytest.importorskip("torch")
    x, y = (torch.tensor(v) for v in samples(2, 5, 6))
    x.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: sinkhorn_divergence(x, y, 0.5, tol=1e-12), (x,), atol=1e-6
    )
    few = x[:3].detach().requires_grad_()
    with torch.random.fork_rng():
        assert torch.autograd.gradgradcheck(
            lambda x: sinkhorn_divergence(x, y, 0.5, tol=1e-12), (few,), atol=1e-5
        )
    moving = x.detach().clone()
    before = float(sinkhorn_divergence(moving, y, 0.5))
    for _ in range(60):
        moving.requires_grad_()
        (slope,) = torch.autograd.grad(sinkhorn_divergence(moving, y, 0.5), moving)
        # The gradient of a point of weight 1 / n in units of its displacement.
        moving = (moving - len(moving) * slope).detach()
    assert float(sinkhorn_divergence(moving, y, 0.5)) < 0.05 * before


def test_coinciding_points_have_a_gradient():
    torch = pytest.importorskip("torch")
    x = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
    sinkhorn_divergence(x, x.detach() + 1, 0.5, cost="euclidean").backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("cost", ["half-sqeuclidean", "euclidean"])
def test_potentials_are_the_first_variation(cost):
    """Moving weight from one point to another gains the difference of its potentials."""
    x, y = samples(3)
    a, b = np.full(12, 1 / 12), np.full(15, 1 / 15)
    options = {"cost": cost, "tol": 1e-11}
    found = debiased_transport(x, y, 0.5, **options)
    f, g = found.potentials
    assert found.converged
    assert f.mean() == pytest.approx(g.mean(), abs=1e-9)
    step = 1e-5
    for w, potential, name in ((a, f, "a"), (b, g, "b")):
        moved = np.zeros_like(w)
        moved[[0, 1]] = step, -step
        up, down = (
            float(sinkhorn_divergence(x, y, 0.5, **{name: v}, **options))
            for v in (w + moved, w - moved)
        )
        assert (up - down) / (2 * step) == pytest.approx(potential[0] - potential[1], abs=1e-6)


def test_a_plan_to_itself_with_points_without_weight():
    x, _ = samples(4)
    a = np.full(12, 1 / 11)
    a[3] = 0.0
    x[3] = 4.0
    options = {"epsilon": 0.5, "tol": 1e-10}
    whole = sinkhorn_divergence(x, x[::-1] + 1, a=a, b=a[::-1], **options)
    kept = np.delete(x, 3, axis=0)
    assert float(whole) == pytest.approx(float(sinkhorn_divergence(kept, kept + 1, **options)))
