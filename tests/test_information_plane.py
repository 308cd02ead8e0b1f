"""The information plane: closed forms through a module, its layers, and its table."""

from __future__ import annotations

import math
import pickle
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from plane_networks import Dropped, network, some_rows  # noqa: E402
from torch import nn  # noqa: E402

from infotheory import (  # noqa: E402
    KSG,
    CompressedMutualInformation,
    GaussianMutualInformation,
    InformationPlane,
    InformationPlanePoint,
    NoisyMutualInformation,
)

pytestmark = pytest.mark.usefixtures("draws_apart")


@pytest.fixture(scope="module")
def rows():
    return some_rows()


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


def test_a_part_that_was_replaced_is_recorded(rows):
    module = network()
    plane = InformationPlane(module)
    plane.record(*rows)
    module[1] = nn.Sigmoid()
    points = plane.record(*rows)
    assert [p.layer for p in points] == ["1", "3", "output"]
    assert np.all(plane.activations(rows[0])["1"] > 0)


def test_complex_activations_are_refused(rows):
    class Turned(nn.Module):
        def forward(self, x):
            return x * 1j

    with pytest.raises(ValueError, match="'output' must return real numbers"):
        InformationPlane(Turned()).record(*rows)
    both = InformationPlane(Turned(), {"output": torch.view_as_real}).record(*rows)
    assert both[0].n_units == 6


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
    for wrong in ("last", True):
        with pytest.raises(ValueError, match=f"epoch must be a finite number, got {wrong!r}"):
            plane.record(*rows, epoch=wrong)


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
