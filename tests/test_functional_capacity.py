"""Capacity of channels: closed forms, proven bounds, costs, batches, gradients, bad input."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infotheory.functional import channel_capacity, kl_divergence, mutual_information

SEEDS = st.integers(0, 2**32 - 1)


def binary_entropy(p):
    return -p * np.log(p) - (1 - p) * np.log1p(-p)


def symmetric(p):
    return np.array([[1 - p, p], [p, 1 - p]])


def erasure(p):
    return np.array([[1 - p, p, 0.0], [0.0, p, 1 - p]])


def z_channel(p):
    """A zero arrives, a one is lost with probability p."""
    return np.array([[1.0, 0.0], [p, 1 - p]])


CLOSED = {
    "symmetric": (symmetric, lambda p: np.log(2) - binary_entropy(p)),
    "erasure": (erasure, lambda p: (1 - p) * np.log(2)),
    "z": (z_channel, lambda p: np.log1p((1 - p) * p ** (p / (1 - p)))),
}


@pytest.mark.parametrize("p", [0.01, 0.11, 0.3, 0.49, 0.9])
@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms(name, p):
    channel, capacity = CLOSED[name]
    found = channel_capacity(channel(p))
    assert found.capacity == pytest.approx(capacity(p), abs=1e-6)
    assert found.lower_bound - 1e-12 <= capacity(p) <= found.upper_bound + 1e-12
    assert found.converged
    precise = channel_capacity(channel(p), tol=1e-11)
    assert precise.capacity == pytest.approx(capacity(p), abs=1e-11)


def test_noiseless_and_useless_channels():
    assert channel_capacity(np.eye(5)).capacity == pytest.approx(np.log(5), abs=1e-12)
    useless = channel_capacity(np.tile([0.2, 0.3, 0.5], (4, 1)))
    assert useless.capacity == pytest.approx(0, abs=1e-12)
    assert channel_capacity(np.array([[0.4, 0.6]])).capacity == pytest.approx(0, abs=1e-12)


def test_the_noisy_typewriter():
    """Half of 26 letters can be told apart, and many input laws do it."""
    channel = 0.5 * (np.eye(26) + np.roll(np.eye(26), 1, axis=1))
    assert channel_capacity(channel).capacity == pytest.approx(np.log(13), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_bounds_hold_and_meet(seed):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 15, size=2)
    channel = rng.dirichlet(np.full(m, rng.choice([0.1, 1.0, 5.0])), size=n)
    found = channel_capacity(channel, tol=1e-9)
    law = found.input_law
    assert law.sum() == pytest.approx(1, abs=1e-12)
    assert (law >= 0).all()
    assert found.capacity == pytest.approx(mutual_information(law[:, None] * channel), abs=1e-12)
    divergences = kl_divergence(channel, np.broadcast_to(found.output_law, channel.shape))
    assert found.upper_bound == pytest.approx(divergences.max(), abs=1e-9)
    assert -1e-12 <= found.gap <= 1e-9
    other = rng.dirichlet(np.ones(n))
    assert mutual_information(other[:, None] * channel) <= found.upper_bound + 1e-12


def plain_iterations(channel, tol, most=100_000):
    law, logs = np.full(len(channel), 1 / len(channel)), np.log(channel)
    for count in range(most):
        divergences = np.sum(channel * (logs - np.log(law @ channel)), axis=1)
        if divergences.max() - law @ divergences <= tol:
            return law @ divergences, count
        law = law * np.exp(divergences)
        law = law / law.sum()
    raise AssertionError


@pytest.mark.parametrize("seed", [0, 1])
def test_as_the_plain_updates_with_far_fewer(seed):
    channel = np.random.default_rng(seed).dirichlet(np.full(20, 1.0), size=12)
    found = channel_capacity(channel, tol=1e-8)
    value, count = plain_iterations(channel, 1e-8)
    assert found.capacity == pytest.approx(value, abs=2e-8)
    assert found.n_iter < 30 < count / 10


def test_costs_by_a_fine_grid():
    """Two inputs, the second one dear: the best share of it by looking at all of them."""
    channel, cost, price = symmetric(0.1), np.array([0.0, 1.0]), 0.4
    share = np.linspace(1e-9, 1 - 1e-9, 400_001)
    output = share * 0.9 + (1 - share) * 0.1
    value = binary_entropy(output) - binary_entropy(0.1) - price * share
    found = channel_capacity(channel, cost=cost, price=price, tol=1e-10)
    assert found.lower_bound == pytest.approx(value.max(), abs=1e-9)
    assert found.mean_cost == pytest.approx(share[value.argmax()], abs=1e-4)
    assert found.upper_bound >= value.max() - 1e-12
    assert found.capacity < channel_capacity(channel).capacity
    dear = channel_capacity(channel, cost=cost, price=50.0)
    np.testing.assert_allclose(dear.input_law, [1, 0], atol=1e-6)


def test_leading_axes_are_channels():
    rng = np.random.default_rng(0)
    channels = rng.dirichlet(np.ones(6), size=(2, 3, 4))
    found = channel_capacity(channels, tol=1e-9)
    assert found.capacity.shape == (2, 3)
    for i in np.ndindex(2, 3):
        one = channel_capacity(channels[i], tol=1e-9)
        assert found.capacity[i] == pytest.approx(float(one.capacity), abs=1e-9)


def test_torch_keeps_library_dtype_and_gradient():
    torch = pytest.importorskip("torch")
    logits = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def capacity(logits):
        return channel_capacity(logits.softmax(dim=-1), tol=1e-12).capacity

    logits.requires_grad_()
    # Of the envelope: exact to the square root of the gap.
    assert torch.autograd.gradcheck(capacity, (logits,), atol=1e-5)
    single = channel_capacity(torch.tensor([[0.9, 0.1], [0.2, 0.8]]))
    assert single.capacity.dtype == single.input_law.dtype == torch.float32
    zero = torch.tensor([[1.0, 0.0], [0.3, 0.7]], dtype=torch.float64, requires_grad=True)
    channel_capacity(zero).capacity.backward()
    assert torch.isfinite(zero.grad).all()


def test_strict_arrays():
    xp = pytest.importorskip("array_api_strict")
    found = channel_capacity(xp.asarray(z_channel(0.3)))
    assert float(found.capacity) == pytest.approx(CLOSED["z"][1](0.3), abs=1e-6)


def test_outputs_that_never_occur():
    channel = np.hstack([symmetric(0.2), np.zeros((2, 2))])
    found = channel_capacity(channel, tol=1e-10)
    assert found.capacity == pytest.approx(CLOSED["symmetric"][1](0.2), abs=1e-9)


def test_too_few_iterations_are_said():
    channel = np.random.default_rng(0).dirichlet(np.ones(20), size=20)
    with pytest.warns(RuntimeWarning, match="bounds on the capacity are"):
        found = channel_capacity(channel, tol=1e-12, max_iter=3)
    assert not found.converged
    assert found.notes
    best = channel_capacity(channel, tol=1e-10).capacity
    assert found.lower_bound <= best + 1e-10
    assert found.upper_bound >= best - 1e-10


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        (np.array([[0.5, 0.6], [0.5, 0.5]]), "rows that sum to 1 .* 1.1 in row 0"),
        (np.array([[0.5, 0.5], [0.0, 0.0]]), "rows that sum to 1 .* 0 in row 1"),
        (np.array([[1.5, -0.5], [0.5, 0.5]]), r"non-negative, got -0.5 at index \(0, 1\)"),
        (np.array([[np.nan, 1.0]]), "finite, got nan"),
        (np.array([0.5, 0.5]), "axis of inputs and one of outputs"),
        (np.zeros((0, 2)), "at least one entry"),
    ],
)
def test_bad_channels(channel, words):
    with pytest.raises(ValueError, match=words):
        channel_capacity(channel)


def test_bad_arguments():
    channel = symmetric(0.1)
    with pytest.raises(TypeError, match="must be an array of probabilities, got list"):
        channel_capacity([[1.0]])
    with pytest.raises(TypeError, match="real numbers"):
        channel_capacity(np.array([["a"]]))
    with pytest.raises(ValueError, match="tol"):
        channel_capacity(channel, tol=0.0)
    with pytest.raises(ValueError, match="price must be 0 without a cost"):
        channel_capacity(channel, price=1.0)
    with pytest.raises(ValueError, match="at least 0, got -1"):
        channel_capacity(channel, cost=np.ones(2), price=-1.0)
    with pytest.raises(ValueError, match="2 entries, one for each input"):
        channel_capacity(channel, cost=np.ones(3), price=1.0)
    with pytest.raises(ValueError, match="cost must be finite"):
        channel_capacity(channel, cost=np.array([0.0, np.inf]), price=1.0)


def test_no_warning_on_the_way():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        channel_capacity(np.vstack([np.eye(4), np.eye(4)]))
        channel_capacity(np.eye(3)[:, :2] + np.array([[0, 0], [0, 0], [0.5, 0.5]]))


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"max_iter": 2.5}, TypeError, r"max_iter .* got 2\.5"),
        ({"max_iter": 0}, ValueError, r"max_iter .* got 0"),
        ({"tol": "a"}, TypeError, r"tol .* got 'a'"),
        ({"tol": np.inf}, ValueError, r"tol .* got inf"),
        ({"cost": [1.0, 2.0], "price": 1.0}, TypeError, r"cost must be an array"),
        ({"cost": np.array([1j, 0]), "price": 1.0}, TypeError, r"cost must be real numbers"),
        ({"cost": np.ones((3, 2)), "price": 1.0}, ValueError, r"cost must fit the leading axes"),
        ({"cost": np.ones(2), "price": "a"}, TypeError, r"price must be a number .* 'a'"),
        ({"cost": np.array([1e308, -1e308]), "price": 5.0}, ValueError, r"price times cost must"),
    ],
)
def test_options_that_are_none(options, kind, words):
    with pytest.raises(kind, match=words):
        channel_capacity(np.eye(2), **options)


def test_halves_of_floats_are_refused():
    with pytest.raises(TypeError, match="channel must be real numbers of 32 bits or more"):
        channel_capacity(np.eye(2, dtype=np.float16))
