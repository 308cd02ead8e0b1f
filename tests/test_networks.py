"""Stacks of networks against networks alone, and tables against pairs."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from infotheory._networks import (  # noqa: E402
    MLP,
    BilinearCritic,
    ConcatenatedCritic,
    ReplicatedCritic,
    SeparableCritic,
    layer_sizes,
)
from infotheory._training import local_seed  # noqa: E402


@pytest.fixture(autouse=True)
def _seed():
    with local_seed(0):
        yield


@pytest.mark.parametrize("activation", ["relu", "silu", "gelu", "tanh"])
def test_a_stack_is_its_members(activation):
    stack = MLP((3, 5, 4, 2), members=(4,), activation=activation)
    x = torch.randn(4, 7, 3)
    for i in range(4):
        alone = MLP((3, 5, 4, 2), activation=activation)
        with torch.no_grad():
            for own, shared in zip(alone.parameters(), stack.parameters(), strict=True):
                own.copy_(shared[i])
        torch.testing.assert_close(stack(x)[i], alone(x[i]))


def test_layers_are_widths():
    assert layer_sizes(5) == layer_sizes(np.int64(5)) == layer_sizes([5]) == (5,)
    assert layer_sizes(np.array([3, 4])) == (3, 4)
    assert layer_sizes(()) == ()
    assert SeparableCritic(2, 1, 5).left.sizes == (2, 5, 33)
    for wrong in [(0,), (4, -3), -3, 0]:
        with pytest.raises(ValueError, match=r"hidden_layer_sizes must .*got .*Leave"):
            layer_sizes(wrong)
    for wrong in [(True,), True, (2.5,), ("4",), [[4]], np.array([4.0])]:
        with pytest.raises(TypeError, match=r"hidden_layer_sizes must .*got .*Pass"):
            layer_sizes(wrong)
    for network in (ConcatenatedCritic, SeparableCritic):
        with pytest.raises(ValueError, match="hidden_layer_sizes"):
            network(2, 1, (8, 0))
    with pytest.raises(TypeError, match="hidden_layer_sizes"):
        MLP((2, True, 1))


def test_members_start_differently():
    first, second = MLP((3, 5, 2), members=(2,))(torch.ones(2, 1, 3))
    assert not torch.allclose(first, second)


CRITICS = {
    "separable": lambda **k: SeparableCritic(3, 2, (8, 8), **k),
    "concatenated": lambda **k: ConcatenatedCritic(3, 2, (8, 8), **k),
    "bilinear": lambda **k: BilinearCritic(3, 2, **k),
}


@pytest.mark.parametrize("name", CRITICS)
@pytest.mark.parametrize("members", [(), (3,)])
def test_a_table_holds_the_values_of_all_pairs(name, members):
    critic = CRITICS[name](members=members)
    with torch.no_grad():
        for weights in critic.parameters():
            weights.copy_(torch.randn(weights.shape))
    x, y = torch.randn(*members, 4, 3), torch.randn(*members, 5, 2)
    table = critic.table(x, y)
    assert table.shape == (*members, 4, 5)
    for j in range(5):
        values = critic(x, y[..., j : j + 1, :].expand(*members, 4, 2))
        torch.testing.assert_close(table[..., j], values, atol=1e-5, rtol=1e-5)
    if hasattr(critic, "factors"):
        left, right = critic.factors(x, y)
        torch.testing.assert_close(left @ right.mT, table, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["separable", "concatenated"])
def test_a_critic_can_start_at_zero_and_still_learn(name):
    critic = CRITICS[name](members=(2,), zero_output=True)
    values = critic(torch.randn(2, 6, 3), torch.randn(2, 6, 2))
    assert torch.all(values == 0)
    values.sum().backward()
    assert any(bool((p.grad != 0).any()) for p in critic.parameters())


class Own(torch.nn.Module):
    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(5, 8),
            torch.nn.BatchNorm1d(8),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.5),
            torch.nn.Linear(8, outputs),
        )

    def forward(self, x, y):
        return self.layers(torch.cat([x, y], dim=1))


def test_replicas_are_separate_modules():
    stack = ReplicatedCritic(Own(), 3).eval()
    x, y = torch.randn(3, 6, 3), torch.randn(3, 6, 2)
    together = stack(x, y)
    assert together.shape == (3, 6)
    for i in range(3):
        torch.testing.assert_close(together[i], stack.member(i).eval()(x[i], y[i]).squeeze(1))
    assert not torch.allclose(stack.stacked[0][0], stack.stacked[0][1])
    table = stack.table(x, y)
    torch.testing.assert_close(table.diagonal(dim1=1, dim2=2), together)


def test_replicas_train_with_their_own_gradients_and_buffers():
    stack = ReplicatedCritic(Own(), 2).train()
    x, y = torch.randn(2, 6, 3), torch.randn(2, 6, 2)
    stack(x, y)[0].sum().backward()
    for weights in stack.parameters():
        assert torch.all(weights.grad[1] == 0)
    means = [dict(stack.member(i).named_buffers())["layers.1.running_mean"] for i in (0, 1)]
    assert not torch.allclose(*means)


def test_a_critic_of_the_wrong_shape_is_an_error():
    with pytest.raises(ValueError, match=r"shape \(6,\) or \(6, 1\)"):
        ReplicatedCritic(Own(outputs=2), 2)(torch.randn(2, 6, 3), torch.randn(2, 6, 2))
