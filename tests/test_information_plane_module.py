"""Recording leaves the module as it was, and the random state too."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from plane_networks import Dropped, network, some_rows  # noqa: E402
from torch import nn  # noqa: E402

from infotheory import InformationPlane  # noqa: E402

pytestmark = pytest.mark.usefixtures("draws_apart")


@pytest.fixture(scope="module")
def rows():
    return some_rows()


def snapshot(module):
    return (
        [part.training for part in module.modules()],
        {name: value.clone() for name, value in module.state_dict().items()},
        [None if p.grad is None else p.grad.clone() for p in module.parameters()],
        [len(part._forward_hooks) for part in module.modules()],
        torch.get_rng_state(),
        [np.asarray(part).tolist() for part in np.random.get_state()[1:]],  # noqa: NPY002
        random.getstate(),
    )


def assert_same(before, after):
    assert before[0] == after[0]
    assert before[1].keys() == after[1].keys()
    for name, value in before[1].items():
        np.testing.assert_array_equal(value.numpy(), after[1][name].numpy())
    for a, b in zip(before[2], after[2], strict=True):
        assert (a is None) == (b is None)
        assert a is None or torch.equal(a, b)
    assert before[3] == after[3]
    assert torch.equal(before[4], after[4])
    assert before[5:] == after[5:]


class Counting(nn.Module):
    """Changes its buffers at every call, in place and by putting another in their place."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("mean", torch.full((3,), math.nan))
        self.fails = False

    def forward(self, x):
        self.calls += 1
        self.mean = x.mean(dim=0)
        if self.fails:
            raise RuntimeError("broken")
        return x


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_of_the_module_changes(rows, fails):
    counting = Counting()
    module = nn.Sequential(
        counting, nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), Dropped(), nn.Linear(4, 2)
    )
    module[3].eval()  # flags of their own
    x = torch.from_numpy(rows[0]).float()
    with torch.random.fork_rng(devices=[]):
        module(x).sum().backward()
    module[1].bias.grad = None
    counting.fails = fails
    held, before = counting.mean, snapshot(module)
    plane = InformationPlane(module, batch_size=50)
    if fails:
        with pytest.raises(ValueError, match="it failed: broken"):
            plane.record(*rows)
    else:
        plane.record(*rows)
    assert counting.mean is held
    assert_same(before, snapshot(module))


def test_hooks_are_gone_after_an_error_in_a_layer(rows):
    module = network()
    for pick, words in ((lambda output: 1 / 0, "ZeroDivision"), (lambda output: output["a"], "")):
        plane = InformationPlane(module, {"1": pick})
        with pytest.raises(ValueError, match=f"layers must map '1' to .* that failed: {words}"):
            plane.record(*rows)
    assert not any(part._forward_hooks for part in module.modules())


def test_recording_between_forward_and_backward(rows):
    """A write to running statistics would break the graph that is waiting."""
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).eval()
    loss = module(torch.from_numpy(rows[0]).float()).sum()
    InformationPlane(module).record(*rows)
    loss.backward()
    assert module[0].weight.grad is not None


def test_dropout_is_off_and_noise_the_same_at_every_epoch(rows):
    quiet = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.9))
    found = InformationPlane(quiet, ["0", "1"]).activations(rows[0])
    np.testing.assert_array_equal(found["0"], found["1"])
    noisy = InformationPlane(nn.Sequential(nn.Linear(3, 3), Dropped()), random_state=3)
    first, second = (noisy.activations(rows[0])["1"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = InformationPlane(noisy.module, random_state=4).activations(rows[0])["1"]
    assert not np.array_equal(first, other)


def test_in_inference_mode(rows):
    with torch.inference_mode():
        assert len(InformationPlane(network()).record(*rows)) == 3
