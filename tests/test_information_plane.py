"""The information plane: closed forms through a module, and a module that is as it was."""

from __future__ import annotations

import math
import pickle
import random
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from infotheory import (  # noqa: E402
    KSG,
    BinnedMutualInformation,
    CompressedMutualInformation,
    GaussianMutualInformation,
    InformationPlane,
    InformationPlanePoint,
    MixedKSG,
    NoisyMutualInformation,
)


@pytest.fixture(autouse=True)
def _weights_are_drawn_apart():
    """Layers draw from the global generators, weights from Torch's."""
    states = np.random.get_state(), random.getstate()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
    np.random.set_state(states[0])  # noqa: NPY002
    random.setstate(states[1])


class Dropped(nn.Module):
    """A layer that draws in evaluation mode too."""

    def __init__(self, size=1.0):
        super().__init__()
        self.size = size

    def forward(self, x):
        np.random.normal()  # noqa: NPY002
        random.random()
        return x + self.size * torch.randn_like(x)


def network(seed=0, dtype=torch.float32):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)
    return nn.Sequential(*layers).to(dtype)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    return X, (X[:, 0] > 0).astype(int)


# Closed forms


def linear(W):
    layer = nn.Linear(W.shape[1], W.shape[0], bias=False).double()
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(W))
    return nn.Sequential(layer)


@pytest.mark.parametrize(("units", "noise"), [(1, 0.3), (2, 1.0), (4, 2.0)])
def test_a_linear_layer_and_normal_noise(units, noise):
    """I(X; W X + Z) = ln |1 + W S W^T / s^2| / 2, within 5 %."""
    rng = np.random.default_rng(units)
    W, root = rng.normal(size=(units, 3)), rng.normal(size=(3, 3))
    X = rng.normal(size=(2000, 3)) @ root.T
    signal = W @ root @ root.T @ W.T / noise**2
    truth = 0.5 * np.linalg.slogdet(np.eye(units) + signal)[1]
    estimator = NoisyMutualInformation(noise=noise, n_draws=2, random_state=0)
    (point,) = InformationPlane(linear(W), estimator=estimator).record(X)
    assert point.layer == "0"
    assert point.input_information == pytest.approx(truth, rel=0.05)
    assert not point.input_saturated
    assert abs(point.input_information - truth) < 4 * point.input_standard_error + 0.02 * truth
    assert math.isnan(point.label_information)
    assert point.input_limit == pytest.approx(math.log(2000))


def test_bounds_are_on_both_sides_of_the_closed_form():
    rng = np.random.default_rng(5)
    W, X = rng.normal(size=(2, 3)), rng.normal(size=(2000, 3))
    truth = 0.5 * np.linalg.slogdet(np.eye(2) + W @ W.T)[1]
    lower, upper = (
        InformationPlane(linear(W), estimator=NoisyMutualInformation(noise=1.0, method=method))
        .record(X)[0]
        .input_information
        for method in ("lower", "upper")
    )
    assert lower < truth < upper


@pytest.mark.parametrize(
    "estimator",
    [
        GaussianMutualInformation(),
        KSG(),
        CompressedMutualInformation(KSG(), n_components=2),
    ],
    ids=repr,
)
def test_a_layer_that_is_noisy_itself(estimator):
    """Estimators for pairs see X and the noisy layer, without being told the noise."""
    rng = np.random.default_rng(6)
    W, X = rng.normal(size=(2, 2)), rng.normal(size=(1500, 2))
    truth = 0.5 * np.linalg.slogdet(np.eye(2) + W @ W.T)[1]
    noisy = nn.Sequential(*linear(W), Dropped())
    plane = InformationPlane(noisy, "1", estimator=estimator, random_state=0)
    assert plane.record(X)[0].input_information == pytest.approx(truth, rel=0.05)


def test_little_noise_and_fine_bins_say_that_they_are_saturated():
    rng = np.random.default_rng(7)
    W, X = rng.normal(size=(6, 6)), rng.normal(size=(500, 6))
    for estimator in (None, NoisyMutualInformation(noise=1e-3)):
        plane = InformationPlane(linear(W), estimator=estimator)
        (point,) = plane.record(X, np.arange(500) % 2)
        assert point.input_information == pytest.approx(math.log(500), rel=1e-3)
        assert point.input_saturated
        assert point.label_saturated
        assert point.label_limit == pytest.approx(math.log(2))
        assert any("how many rows" in note for note in plane.notes_)


def test_a_layer_that_sees_a_bit_of_the_input():
    """Two halves: ln 2 about the input, ln 2 about the labels that say which, nothing else."""

    class Sign(nn.Module):
        def forward(self, x):
            return torch.sign(x[:, :1])

    X = np.random.default_rng(8).normal(size=(400, 3))
    X[:, 0] = np.where(np.arange(400) % 2, 1.0, -1.0) * np.abs(X[:, 0])
    y = np.arange(400) % 2
    for estimator in (None, NoisyMutualInformation(noise=0.01, random_state=0)):
        (point,) = InformationPlane(Sign(), estimator=estimator).record(X, y)
        assert point.layer == "output"
        assert point.input_information == pytest.approx(math.log(2), abs=1e-9)
        assert point.label_information == pytest.approx(math.log(2), abs=1e-9)
        shuffled = np.random.default_rng(9).permutation(y)
        (point,) = InformationPlane(Sign(), estimator=estimator).record(X, shuffled)
        assert point.label_information < 4 / 400


# Which layers


def test_activation_functions_and_the_output_are_layers(rows):
    plane = InformationPlane(network())
    assert plane.layer_names == ("1", "3", "output")
    found = plane.activations(rows[0])
    assert {name: values.shape for name, values in found.items()} == {
        "1": (120, 4),
        "3": (120, 3),
        "output": (120, 2),
    }
    x = torch.from_numpy(rows[0]).float()
    expected = network()[:2](x).detach().numpy()
    np.testing.assert_array_equal(found["1"], expected)


def test_leaves_where_there_are_no_activation_modules(rows):
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 1)

        def forward(self, x):
            return self.second(torch.relu(self.first(x)))

    # What the module returns is what its last layer returns, and stands there once.
    assert list(InformationPlane(Functional()).activations(rows[0])) == ["first", "second"]
    both = InformationPlane(Functional(), ["second", "output"]).activations(rows[0])
    assert list(both) == ["second", "output"]


def test_a_module_without_submodules(rows):
    plane = InformationPlane(nn.Linear(3, 2))
    assert [point.layer for point in plane.record(*rows)] == ["output"]


def test_a_layer_that_is_used_twice(rows):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.map, self.act = nn.Linear(3, 3), nn.ReLU(inplace=True)

        def forward(self, x):
            return self.act(self.map(self.act(self.map(x))))

    found = InformationPlane(Twice(), batch_size=50).activations(rows[0])
    assert list(found) == ["act", "act#2"]
    assert not np.array_equal(found["act"], found["act#2"])


def test_what_works_in_place_does_not_change_what_was_seen(rows):
    inplace = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True))
    found = InformationPlane(inplace, ["0", "1"]).activations(rows[0])
    assert found["0"].min() < 0
    np.testing.assert_array_equal(found["1"], np.maximum(found["0"], 0))


def test_a_part_of_an_output(rows):
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(1, 2, batch_first=True)

        def forward(self, x):
            return self.lstm(x[..., None])

    with pytest.raises(ValueError, match=r"'output' must return a tensor, got tuple.*lambda"):
        InformationPlane(Recurrent(), "output").record(*rows)
    plane = InformationPlane(Recurrent(), {"lstm": lambda output: output[0][:, -1]})
    assert plane.record(*rows)[0].n_units == 2


def test_images_and_a_convolution(rows):
    images = np.random.default_rng(1).normal(size=(40, 1, 6, 6))
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 2))
    points = InformationPlane(module).record(images, np.arange(40) % 2)
    assert [(p.layer, p.n_units) for p in points] == [("1", 32), ("output", 2)]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("dense", r"got 'dense'\. Names: 0, 1, 2, 3, 4, output"),
        (["1", 3], r"got 3\. Names: 0"),
        ([], "at least one submodule"),
    ],
)
def test_layers_that_do_not_exist(layers, message):
    with pytest.raises(ValueError, match=message):
        InformationPlane(network(), layers)


def test_a_layer_that_is_never_called(rows):
    module = network()
    module.unused = nn.Identity()
    module.forward = lambda x: module[0](x)
    with pytest.raises(ValueError, match="'1' is not called"):
        InformationPlane(module, ["0", "1"]).record(*rows)


def test_what_is_no_module():
    with pytest.raises(TypeError, match=r"must be a torch.nn.Module, got the class Linear"):
        InformationPlane(nn.Linear)
    with pytest.raises(TypeError, match=r"must be a torch.nn.Module, got \[\]"):
        InformationPlane([])
    with pytest.raises(ValueError, match="it is lazy or on the meta device"):
        InformationPlane(nn.LazyLinear(3))
    with pytest.raises(ValueError, match="it is lazy or on the meta device"):
        InformationPlane(nn.Linear(3, 3, device="meta"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(nn.Linear(3, 2))
    with pytest.raises(TypeError, match="got a RecursiveScriptModule, which is compiled"):
        InformationPlane(scripted)
    with pytest.raises(TypeError, match=r"Write KSG\(\)"):
        InformationPlane(network(), estimator=KSG)
    with pytest.raises(TypeError, match="layers must map names to functions"):
        InformationPlane(network(), {"0": 3})


# What comes in


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
        (np.full((5, 3), "a"), np.arange(5), "X must hold numbers for the module"),
        ([(np.ones(3), 1), (np.ones(3), 2)], None, "X must be a table of equal rows, got a list"),
    ],
)
def test_rows_that_do_not_fit(X, y, message):
    plane = InformationPlane(network())
    with pytest.raises(ValueError, match=message):
        plane.record(X, y)
    assert plane.points_ == []


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


# The module is as it was


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
    plane = InformationPlane(module, {"1": lambda output: 1 / 0})
    with pytest.raises(ZeroDivisionError):
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


# What comes out


def test_epochs_and_the_table(rows):
    plane = InformationPlane(network(), ["1", "output"])
    plane.record(*rows)
    plane.record(*rows)
    plane.record(*rows, epoch=7.5)
    plane.record(*rows)
    assert [p.epoch for p in plane.points_[::2]] == [0, 1, 7.5, 8.5]
    table = plane.to_frame()
    assert table.shape == (8, 12)
    assert table.columns.tolist()[:4] == ["epoch", "layer", "n_units", "n_samples"]
    assert table["layer"].tolist() == ["1", "output"] * 4
    assert table["input_information"].tolist() == [p.input_information for p in plane.points_]
    assert repr(plane) == "InformationPlane(2 layers, 4 epochs recorded)"
    assert InformationPlane(network()).to_frame().empty
    assert all(isinstance(p, InformationPlanePoint) for p in plane.points_)
    assert pickle.loads(pickle.dumps(plane.points_)) == plane.points_
    with pytest.raises(ValueError, match="epoch must be a finite number, got 'last'"):
        plane.record(*rows, epoch="last")


def test_an_estimator_without_a_value_of_this_kind(rows):
    class Nothing(KSG):
        def fit(self, X, y):
            return self

    with pytest.raises(TypeError, match="must leave mutual_information_ after fit"):
        InformationPlane(network(), estimator=Nothing()).record(*rows)


def test_errors_of_an_estimator_name_the_layer(rows):
    with pytest.raises(ValueError, match=r"layer '1' failed: n_neighbors"):
        InformationPlane(network(), estimator=KSG(n_neighbors=500)).record(*rows)


def test_layers_that_are_no_names():
    with pytest.raises(TypeError, match=r"layers must be names .* got 3"):
        InformationPlane(network(), 3)
