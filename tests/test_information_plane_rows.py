"""What the information plane takes as rows and labels, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

torch = pytest.importorskip("torch")

from plane_networks import network, some_rows  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from infotheory import (  # noqa: E402
    KSG,
    BinnedMutualInformation,
    InformationPlane,
    MixedKSG,
    NoisyMutualInformation,
)

pytestmark = pytest.mark.usefixtures("draws_apart")


@pytest.fixture(scope="module")
def rows():
    return some_rows()


def test_arrays_tensors_frames_and_loaders_are_the_same(rows):
    X, y = rows
    expected = InformationPlane(network()).record(X, y)
    x = torch.from_numpy(X)
    data = TensorDataset(x, torch.from_numpy(y))
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    words = [(x, torch.from_numpy(y)), (x.float(), y), (frame, pd.Series(y)), (X.tolist(), list(y))]
    words += [(data,), (DataLoader(data, batch_size=50),)]
    words += [(iter([(x[:50], data.tensors[1][:50]), (x[50:], data.tensors[1][50:])]),)]
    for given in words:
        found = InformationPlane(network(), batch_size=50).record(*given)
        for a, b in zip(expected, found, strict=True):
            assert b.input_information == pytest.approx(a.input_information, abs=1e-12)
            assert b.label_information == pytest.approx(a.label_information, abs=1e-12)


def test_a_loader_that_shuffles_pairs_rows_with_their_labels(rows):
    X, y = rows
    data = TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
    state = torch.get_rng_state()
    found = InformationPlane(network()).record(DataLoader(data, batch_size=7, shuffle=True))
    assert torch.equal(state, torch.get_rng_state())
    expected = InformationPlane(network()).record(X, y)
    for a, b in zip(expected, found, strict=True):
        assert b.label_information == pytest.approx(a.label_information, abs=1e-12)


def test_text_labels_and_real_targets(rows):
    X, y = rows
    words = np.array(["low", "high"], dtype=object)[y]
    numbers = InformationPlane(network()).record(X, y)
    for a, b in zip(numbers, InformationPlane(network()).record(X, words), strict=True):
        assert a.label_information == b.label_information
    estimator = BinnedMutualInformation(n_bins=3)
    plane = InformationPlane(network(), "output", label_estimator=estimator)
    assert 0 < plane.record(X, X[:, 0])[0].label_information < math.log(3) + 1e-9
    with_labels = InformationPlane(network(), estimator=KSG(), label_estimator=MixedKSG())
    assert len(with_labels.record(X, words)) == 3


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_rows_come_in_the_dtype_of_the_module(rows, dtype):
    points = InformationPlane(network(dtype=dtype)).record(*rows)
    assert len(points) == 3


def test_integers_go_to_embeddings_as_they_are():
    module = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 2))
    tokens = np.random.default_rng(2).integers(5, size=(60, 2))
    assert InformationPlane(module, "2").record(tokens, tokens[:, 0])[0].n_samples == 60
    with pytest.raises(ValueError, match=r"module must take X as a batch.*make them floats"):
        InformationPlane(network()).record(np.ones((5, 3), dtype=int), np.arange(5))


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.ones((5, 3)), np.arange(4), "X and y must have the same number of rows, got 5 and 4"),
        (np.ones((5, 2)), np.arange(5), "module must take X as a batch of shape"),
        (np.full((5, 3), np.nan), np.arange(5), "X contains a missing value"),
        (np.ones(5), np.arange(5), "Expected 2D array"),
        (np.ones((1, 3)), np.arange(1), "minimum of 2"),
        (np.ones((0, 3)), np.arange(0), "empty"),
        (np.ones((0, 1, 3)), None, "empty"),
        (torch.ones(0, 1, 8, 8), torch.ones(0), "empty"),
        (iter([]), None, "X must have at least one row"),
        (TensorDataset(torch.ones(0, 3)), None, "X must have at least one row"),
        (iter([(torch.ones(5, 3), torch.ones(5)), (torch.ones(5, 3),)]), None, "labels with all"),
        (np.full((5, 3), "a"), np.arange(5), "X must hold numbers for the module"),
        ([(np.ones(3), 1), (np.ones(3), 2)], None, "X must be a table of equal rows, got a list"),
    ],
)
def test_rows_that_do_not_fit(X, y, message):
    plane = InformationPlane(network())
    with pytest.raises(ValueError, match=message):
        plane.record(X, y)
    assert plane.points_ == []


def test_no_rows_have_no_activations(rows):
    with pytest.raises(ValueError, match="X must have at least one row for the module, got none"):
        InformationPlane(network()).activations(rows[0][:0])


def test_sparse_rows(rows):
    with pytest.raises(TypeError, match=r"Use X.toarray\(\)"):
        InformationPlane(network()).record(csr_matrix(rows[0]), rows[1])


def test_a_loader_beside_labels_and_one_of_three_parts(rows):
    x = torch.from_numpy(rows[0])
    with pytest.raises(ValueError, match="y must be None where X is a TensorDataset"):
        InformationPlane(network()).record(TensorDataset(x), rows[1])
    with pytest.raises(ValueError, match="got 3 part"):
        InformationPlane(network()).record(TensorDataset(x, x, x))
    points = InformationPlane(network()).record(TensorDataset(x))
    assert math.isnan(points[0].label_information)


def test_values_that_are_missing_name_the_layer(rows):
    module = network()
    with torch.no_grad():
        module[2].bias.fill_(math.nan)
    plane = InformationPlane(module)
    with pytest.raises(ValueError, match=r"'3' gives values that are missing.*120 of 120 rows"):
        plane.record(*rows)
    assert plane.points_ == []


@pytest.mark.parametrize("estimator", [None, NoisyMutualInformation(), MixedKSG()], ids=repr)
def test_a_layer_that_is_constant_has_no_information(rows, estimator):
    module = network()
    nn.init.zeros_(module[0].weight)
    plane = InformationPlane(module, "1", estimator=estimator)
    (point,) = plane.record(*rows)
    assert point.input_information == point.label_information == 0
    assert any("constant" in note for note in plane.notes_)
