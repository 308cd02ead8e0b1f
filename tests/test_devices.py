"""Which devices networks take, and rows paired by position."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from infotheory import MINE, DiffusionEntropy, VariationalDivergence

torch = pytest.importorskip("torch")

TINY = {"hidden_layer_sizes": (4,), "max_iter": 3, "n_folds": 2, "n_ensemble": 1}
TINY["random_state"] = 0
x, y = np.random.default_rng(0).normal(size=(2, 60, 1))
labels = np.repeat([0, 1], 30)


@pytest.mark.parametrize("kind", [MINE, DiffusionEntropy, VariationalDivergence])
def test_a_device_of_torch_is_taken_as_its_name_is(kind):
    second = labels if kind is VariationalDivergence else y
    named = kind(device="cpu", **TINY).fit(x, second)
    given = clone(kind(device=torch.device("cpu"), **TINY)).fit(x, second)
    assert given.loss_curve_ == named.loss_curve_


@pytest.mark.parametrize("device", ["meta", torch.device("meta")])
def test_a_device_that_holds_no_numbers_is_refused(device):
    with pytest.raises(ValueError, match=r"device must hold numbers .*meta.* Pass cpu"):
        MINE(device=device, **TINY).fit(x, y)


@pytest.mark.parametrize("device", [None, 3])
def test_what_is_no_device_is_refused(device):
    with pytest.raises(TypeError, match="device must be a name or a device of Torch"):
        MINE(device=device, **TINY).fit(x, y)


def test_networks_tell_of_row_indexes_that_disagree():
    pandas = pytest.importorskip("pandas")
    X, target = pandas.DataFrame({"a": x[:, 0]}), pandas.Series(y[:, 0], name="b")
    assert not any("row indexes" in n for n in MINE(**TINY).fit(X, target).notes_)
    told = MINE(**TINY).fit(X, target.sort_values()).notes_
    assert any("X and y have different row indexes" in n for n in told)
