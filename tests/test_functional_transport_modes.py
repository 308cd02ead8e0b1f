"""Results of transport under Torch's modes: without gradients, forward, and in torch.func."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.autograd import forward_ad  # noqa: E402

from infotheory.functional import (  # noqa: E402
    channel_capacity,
    debiased_transport,
    exact_transport,
    gaussian_information_bottleneck,
    rate_distortion,
    sinkhorn,
    sinkhorn_divergence,
    sinkhorn_points,
    unbalanced_sinkhorn,
    unbalanced_sinkhorn_points,
    wasserstein_distance,
)

STRICT = {"epsilon": 0.5, "tol": 1e-12}
PRICED = {"epsilon": 0.5, "marginal_penalty": 1.0}


def drawn(*shape, seed=0):
    return torch.tensor(np.random.default_rng(seed).random(shape))


def of_correlation(r):
    one = torch.eye(1, dtype=r.dtype)
    return gaussian_information_bottleneck(one, one, r.reshape(1, 1), beta=4.0)


MADE_OF = {
    "plan": lambda x: sinkhorn(x, epsilon=0.5),
    "points": lambda x: sinkhorn_points(x, drawn(6, 4, seed=1), epsilon=0.5),
    "unbalanced": lambda x: unbalanced_sinkhorn(x, **PRICED),
    "unbalanced points": lambda x: unbalanced_sinkhorn_points(x, drawn(6, 4, seed=1), **PRICED),
    "three plans": lambda x: debiased_transport(x, drawn(6, 4, seed=1), 0.5),
    "rate": lambda x: rate_distortion(x, epsilon=0.5),
    "channel": lambda x: channel_capacity(x / x.sum(-1, keepdim=True)),
    "bottleneck": lambda x: of_correlation(0.8 + 0 * x.sum()),
}


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        *[("plan", asked) for asked in ("value", "cost", "mutual_information", "plan")],
        *[(name, "value") for name in list(MADE_OF)[1:6]],
        ("channel", "capacity"),
        ("bottleneck", "information_x"),
        ("bottleneck", "lagrangian"),
    ],
)
def test_what_was_read_without_gradients_has_one_afterwards(name, asked):
    x = drawn(5, 4).requires_grad_()
    found = MADE_OF[name](x)
    with torch.no_grad():
        first = getattr(found, asked)
        assert not first.requires_grad
        assert getattr(found, asked) is first
    then = getattr(found, asked)
    assert getattr(found, asked) is then
    torch.testing.assert_close(then.detach(), first)
    (gradient,) = torch.autograd.grad(then.sum(), x)
    (alone,) = torch.autograd.grad(getattr(MADE_OF[name](x), asked).sum(), x)
    torch.testing.assert_close(gradient, alone)


def test_numbers_are_kept_whatever_the_mode():
    found = sinkhorn(np.random.default_rng(0).random((5, 4)), epsilon=0.5)
    with torch.no_grad():
        assert found.plan is found.plan
    assert found.plan is found.plan


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # Torch's own use of it
@pytest.mark.parametrize("asked", ["value", "cost", "mutual_information"])
def test_forward_derivatives_are_those_of_differences(asked):
    cost, direction, h = drawn(5, 6), drawn(5, 6, seed=1), 1e-5
    with forward_ad.dual_level():
        found = sinkhorn(forward_ad.make_dual(cost, direction), **STRICT)
        slope = forward_ad.unpack_dual(getattr(found, asked)).tangent
    ahead, behind = (sinkhorn(cost + s * direction, **STRICT) for s in (h, -h))
    between = (getattr(ahead, asked) - getattr(behind, asked)) / (2 * h)
    torch.testing.assert_close(slope, between, atol=1e-6, rtol=1e-6)


POINTS, COSTS = drawn(6, 4, seed=1), drawn(3, 5)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: sinkhorn(x, epsilon=0.5).value, "cost"),
        (lambda x: sinkhorn(COSTS, b=x.sum(-1) / x.sum(), epsilon=0.5).value, "b"),
        (lambda x: sinkhorn_divergence(x, POINTS, 0.5), "X"),
        (lambda x: sinkhorn_points(x, POINTS, epsilon=0.5).value, "X"),
        (lambda x: sinkhorn_points(POINTS, x, epsilon=0.5).value, "Y"),
        (lambda x: unbalanced_sinkhorn(x, **PRICED).value, "cost"),
        (lambda x: unbalanced_sinkhorn_points(x, POINTS, **PRICED).value, "X"),
        (lambda x: rate_distortion(x, epsilon=0.5).value, "cost"),
    ],
)
@pytest.mark.parametrize("transform", ["grad", "vmap", "jacrev"])
def test_transforms_of_torch_func_are_refused_in_words(function, name, transform):
    x = drawn(2, 5, 4) if transform == "vmap" else drawn(5, 4)
    with pytest.raises(TypeError, match=f"^{name} must be a tensor outside of transforms of torch"):
        getattr(torch.func, transform)(function)(x)


@pytest.mark.parametrize(
    "function", [lambda x: exact_transport(x).value, lambda x: wasserstein_distance(x, POINTS)]
)
def test_so_are_those_of_exact_plans(function):
    pytest.importorskip("ot")
    with pytest.raises(TypeError, match=r"must be a tensor outside of transforms of torch\.func"):
        torch.func.grad(function)(drawn(5, 4))


def test_batches_and_plain_gradients_are_the_way():
    costs = drawn(3, 5, 4).requires_grad_()
    (gradient,) = torch.autograd.grad(sinkhorn(costs, **STRICT).value.sum(), costs)
    for cost, expected in zip(costs, gradient, strict=True):
        torch.testing.assert_close(sinkhorn(cost, **STRICT).plan, expected)
