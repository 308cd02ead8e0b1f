"""Pictures of information planes show each layer's path, its epochs, and the limits."""

from __future__ import annotations

from dataclasses import replace

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import LogNorm

from infotheory import InformationPlanePoint
from infotheory.plotting import InformationPlaneDisplay


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def points(epochs=(0, 1, 2, 3), **words):
    words = {"input_limit": 7.0, "label_limit": 2.0, **words}
    made = []
    for k, layer in enumerate(("tanh", "output")):
        for i, epoch in enumerate(epochs):
            values = 6.0 - k - 0.5 * i, 0.4 * i
            made.append(InformationPlanePoint(epoch, layer, 8, 500, *values, **words))
    return made


class Plane:
    """What has points."""

    def __init__(self, points):
        self.points_ = points


def labels_of(legend):
    return [text.get_text() for text in legend.get_texts()]


def test_a_path_a_layer():
    display = InformationPlaneDisplay.from_plane(Plane(points()))
    assert list(display.paths_) == list(display.markers_) == ["tanh", "output"]
    for k, layer in enumerate(display.paths_):
        places = [(6.0 - k - 0.5 * i, 0.4 * i) for i in range(4)]
        np.testing.assert_allclose(display.markers_[layer].get_offsets(), places)
        pieces = np.array(display.paths_[layer].get_segments())
        np.testing.assert_allclose(pieces[:, 0], places[:-1])
        np.testing.assert_allclose(pieces[:, 1], places[1:])
        np.testing.assert_array_equal(display.markers_[layer].get_array(), [0, 1, 2, 3])
    assert display.ax_.get_xlabel() == "I(X; T) (nats)"
    assert display.ax_.get_ylabel() == "I(T; Y) (nats)"
    assert display.colorbar_.ax.get_ylabel() == "epoch"
    assert labels_of(display.legend_)[:2] == ["tanh", "output"]
    display.figure_.canvas.draw()


def test_limits_are_drawn_where_they_are_near():
    display = InformationPlaneDisplay.from_results(points())
    assert display.limits_["input"].get_xdata() == [7.0, 7.0]
    assert display.limits_["label"].get_ydata() == [2.0, 2.0]
    assert labels_of(display.legend_)[2:] == ["largest I(X; T): 7.00", "largest I(T; Y): 2.00"]
    far = InformationPlaneDisplay.from_results(points(input_limit=100.0))
    assert list(far.limits_) == ["label"]
    assert far.ax_.get_xlim()[1] < 10
    unknown = points(input_limit=float("nan"), label_limit=float("nan"))
    assert InformationPlaneDisplay.from_results(unknown).limits_ == {}
    assert InformationPlaneDisplay.from_results(points(), limits=False).limits_ == {}


def test_saturated_points_are_hollow():
    given = points()
    given[1] = replace(given[1], input_saturated=True)
    given[2] = replace(given[2], label_saturated=True)
    display = InformationPlaneDisplay.from_results(given)
    faces = display.markers_["tanh"].get_facecolor()
    np.testing.assert_array_equal(faces[:, 3], [1, 0, 0, 1])
    edges = display.markers_["tanh"].get_edgecolor()
    np.testing.assert_array_equal(edges[:, 3], [1, 1, 1, 1])
    assert len(np.unique(edges, axis=0)) == 4  # the epochs can still be told
    assert "saturated" in labels_of(display.legend_)
    assert "saturated" not in labels_of(InformationPlaneDisplay.from_results(points()).legend_)


def test_colours_of_epochs_that_grow_fast():
    display = InformationPlaneDisplay.from_results(points((0, 1, 2, 4, 8, 50, 200)))
    assert isinstance(display.markers_["tanh"].norm, LogNorm)
    assert display.colorbar_.vmin == 1
    even = InformationPlaneDisplay.from_results(points((0, 10, 20, 30)))
    assert not isinstance(even.markers_["tanh"].norm, LogNorm)


def test_records_in_any_order_are_paths_in_time():
    display = InformationPlaneDisplay.from_results(points()[::-1])
    np.testing.assert_array_equal(display.markers_["tanh"].get_array(), [0, 1, 2, 3])


def test_a_table_of_results():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame([vars(point) for point in points()])
    whole = InformationPlaneDisplay.from_results(table)
    few = ["epoch", "layer", "input_information", "label_information"]
    part = InformationPlaneDisplay.from_results(table[few])
    for display in (whole, part):
        np.testing.assert_allclose(display.markers_["output"].get_offsets()[0], [5.0, 0.0])
    assert part.limits_ == {}
    with pytest.raises(ValueError, match="none named 'epoch'"):
        InformationPlaneDisplay.from_results(table[few[1:]])


def test_one_epoch_on_axes_that_are_there():
    figure, ax = plt.subplots()
    display = InformationPlaneDisplay.from_results(points((5,)), ax=ax, legend=False)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert display.legend_ is display.colorbar_ is None
    figure.canvas.draw()


def test_what_cannot_be_drawn():
    with pytest.raises(ValueError, match=r"at least one point, got none. Call record\(X, y\)"):
        InformationPlaneDisplay.from_plane(Plane([]))
    without = [replace(point, label_information=float("nan")) for point in points()]
    with pytest.raises(ValueError, match=r"Record with labels: plane.record\(X, y\)"):
        InformationPlaneDisplay.from_results(without)
    with pytest.raises(TypeError, match="plane must have points_"):
        InformationPlaneDisplay.from_plane(points())


def test_what_is_no_point_is_not_drawn():
    with pytest.raises(TypeError, match="InformationPlanePoint, got 3"):
        InformationPlaneDisplay.from_results([3])


def test_results_that_are_no_points():
    with pytest.raises(TypeError, match="results must be points or a table of them, got 3"):
        InformationPlaneDisplay.from_results(3)
