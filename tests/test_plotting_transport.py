"""Pictures of plans, maps and bridges show what they are given, with names on their axes."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

import infotheory
from infotheory import Sinkhorn
from infotheory.plotting import BridgeDisplay, DisplacementDisplay, TransportPlanDisplay


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), 3 + rng.normal(size=(15, 3))
    return Sinkhorn().fit(X, y), X, y


def paths(d=2, n=10, t=7):
    times = np.linspace(0, 1, t)
    start = np.random.default_rng(0).normal(size=(n, d))
    return times, start + np.linspace(0, 1, t)[:, None, None] * (1 + np.arange(d))


def labels_of(legend):
    return [text.get_text() for text in legend.get_texts()]


def test_a_plan_is_sorted_by_the_column(fitted):
    model, X, y = fitted
    display = TransportPlanDisplay.from_estimator(model, X, y, column=1)
    exact = model.plan_[np.argsort(X[:, 1])][:, np.argsort(y[:, 1])]
    np.testing.assert_array_equal(display.image_.get_array(), exact)
    assert display.ax_.get_ylabel() == "rows of the source, by x1"
    assert display.ax_.get_xlabel() == "rows of the target, by x1"
    np.testing.assert_allclose(display.target_marginal_.get_data().values, exact.sum(0))
    np.testing.assert_allclose(display.source_marginal_.get_data().values, exact.sum(1))
    assert display.colorbar_.ax.get_ylabel() == "mass of the plan"
    display.figure_.canvas.draw()


def test_a_plan_as_it_is():
    display = TransportPlanDisplay.from_plan([[0.5, 0.0, 0.1], [0.1, 0.2, 0.1]])
    assert display.image_.get_clim() == (0.0, 0.5)
    assert display.ax_.get_ylabel() == "rows of the source"
    # Lines of the image and steps of the marginals share their positions.
    assert display.ax_.get_xlim() == (-0.5, 2.5)
    assert display.ax_.get_ylim() == (1.5, -0.5)


def test_the_answer_of_the_door_can_be_drawn(fitted):
    _, X, y = fitted
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    moved = infotheory.transport(frame, y)
    display = TransportPlanDisplay.from_estimator(moved, frame, y, column=0)
    assert display.ax_.get_ylabel() == "rows of the source, by a"
    assert DisplacementDisplay.from_estimator(moved, frame).ax_.get_xlabel() == "a"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"X": np.zeros((19, 3))}, "20 rows of the source in the plan, got 19"),
        ({"y": np.zeros((20, 3))}, "15 rows of the target in the plan, got 20"),
        ({"X": np.zeros((20, 3)), "column": 3}, "columns must be among those of X, x0, x1, x2"),
        ({"X": np.zeros((20, 3)), "column": "age"}, "got 'age'"),
        ({"X": np.zeros(20)}, "two axes"),
    ],
)
def test_rows_that_are_not_those_of_the_plan(fitted, rows, message):
    with pytest.raises(ValueError, match=message):
        TransportPlanDisplay.from_estimator(fitted[0], **rows)


def test_what_has_no_plan_or_path_says_what_to_draw():
    with pytest.raises(TypeError, match="must have plan_ after fit"):
        TransportPlanDisplay.from_estimator(Sinkhorn())
    with pytest.raises(TypeError, match="must have sample_path"):
        BridgeDisplay.from_estimator(Sinkhorn(), np.zeros((3, 2)))


def test_arrows_go_from_points_to_images(fitted):
    model, X, y = fitted
    display = DisplacementDisplay.from_estimator(model, X, y, columns=(2, 0))
    images = model.transform(X)[:, [2, 0]]
    np.testing.assert_allclose(display.source_.get_offsets(), X[:, [2, 0]])
    np.testing.assert_allclose(display.images_.get_offsets(), images)
    np.testing.assert_allclose(display.target_.get_offsets(), y[:, [2, 0]])
    np.testing.assert_allclose(display.moves_.U, (images - X[:, [2, 0]])[:, 0])
    np.testing.assert_allclose(display.moves_.V, (images - X[:, [2, 0]])[:, 1])
    assert display.moves_.scale == 1
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("x2", "x0")
    assert labels_of(display.legend_) == ["target", "source", "image of the source"]
    display.figure_.canvas.draw()


def test_columns_by_name():
    frame = pd.DataFrame(np.eye(3), columns=["a", "b", "c"])
    model = Sinkhorn().fit(frame, frame)
    display = DisplacementDisplay.from_estimator(model, frame, columns=("c", "a"))
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("c", "a")
    assert display.target_ is None


def test_many_rows_are_thinned():
    class Shift:
        def transform(self, X):
            return X + 1

    display = DisplacementDisplay.from_estimator(Shift(), np.zeros((5000, 2)))
    assert len(display.starts) == 2000


def test_lines_are_the_largest_entries(fitted):
    model, X, y = fitted
    display = DisplacementDisplay.from_plan(model.plan_, X, y, n_lines=5)
    largest = np.sort(model.plan_, axis=None)[-5:]
    np.testing.assert_array_equal(display.masses, largest)
    for segment, mass in zip(display.moves_.get_segments(), largest, strict=True):
        (i,), (j,) = np.nonzero(model.plan_ == mass)
        np.testing.assert_allclose(segment, [X[i, :2], y[j, :2]])
    shades = display.moves_.get_colors()[:, 3]
    np.testing.assert_allclose(shades, largest / largest[-1])
    assert len(DisplacementDisplay.from_plan(np.eye(20, 15), X, y).masses) == 15


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"columns": (0,)}, "two columns of X and y, which has 3, got"),
        ({"columns": (0, 3)}, "got 3"),
        ({"n_lines": 0}, "n_lines must be at least 1, got 0"),
    ],
)
def test_lines_out_of_their_rule(fitted, words, message):
    model, X, y = fitted
    with pytest.raises(ValueError, match=message):
        DisplacementDisplay.from_plan(model.plan_, X, y, **words)
    with pytest.raises(ValueError, match=r"got shape \(15, 20\)"):
        DisplacementDisplay.from_plan(model.plan_.T, X, y)
    with pytest.raises(ValueError, match="A plane needs two"):
        DisplacementDisplay.from_estimator(Sinkhorn(), X[:, :1])


def test_one_column_runs_against_time():
    times, places = paths(1)
    display = BridgeDisplay.from_paths(times, places)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("time", "x0")
    segments = display.lines_.get_segments()
    assert len(segments) == 10
    np.testing.assert_allclose(segments[3], np.column_stack([times, places[:, 3, 0]]))
    bottom, top = display.ax_.get_ylim()
    assert bottom < places.min() < places.max() < top


def test_two_columns_run_in_the_plane():
    times, places = paths(3)
    display = BridgeDisplay.from_paths(times, places, columns=(2, 0), names=("a", "b", "c"))
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("c", "a")
    segments, array = display.lines_.get_segments(), display.lines_.get_array()
    # Piece k of path i comes k-th.
    np.testing.assert_allclose(segments[4 * 10 + 3], places[4:6, 3][:, [2, 0]])
    assert array[43] == pytest.approx(times[4:6].mean())
    assert display.lines_.get_clim() == (0, 1)
    assert labels_of(display.legend_) == ["time 0", "time 1"]
    assert display.colorbar_.ax.get_ylabel() == "time"
    display.figure_.canvas.draw()


def test_paths_are_drawn_with_the_seed_that_was_given():
    class Noise:
        def sample_path(self, X, times, random_state=None):
            noise = np.random.default_rng(random_state).normal(size=(len(times), *X.shape))
            return np.asarray(X) + noise

    X = pd.DataFrame(np.zeros((4, 2)), columns=["a", "b"])
    one, other = (BridgeDisplay.from_estimator(Noise(), X, random_state=0) for _ in range(2))
    np.testing.assert_array_equal(one.paths, other.paths)
    assert one.paths.shape == (65, 4, 2)
    assert one.ax_.get_xlabel() == "a"
    few = BridgeDisplay.from_estimator(Noise(), X, times=[0, 0.5, 1], columns=[1])
    assert few.paths.shape == (3, 4, 1)


@pytest.mark.parametrize(
    ("shape", "columns", "message"),
    [
        ((4, 7, 2), None, "Swap its first two axes"),
        ((7, 4), None, r"got \(7, 4\)"),
        ((7, 4, 2), (0, 1, 1), "one or two of the 2 columns"),
        ((7, 4, 2), (2,), "one or two of the 2 columns"),
    ],
)
def test_paths_out_of_their_rule(shape, columns, message):
    with pytest.raises(ValueError, match=message):
        BridgeDisplay.from_paths(np.linspace(0, 1, 7), np.zeros(shape), columns=columns)


def test_displays_use_the_axes_they_are_given(fitted):
    model, X, y = fitted
    figure, axes = plt.subplots(1, 3)
    assert TransportPlanDisplay.from_estimator(model, ax=axes[0]).ax_ is axes[0]
    assert DisplacementDisplay.from_estimator(model, X, y, ax=axes[1]).figure_ is figure
    assert BridgeDisplay.from_paths(*paths(), ax=axes[2]).ax_ is axes[2]
    assert display_colour(axes[2]) == to_rgba("C0")
    figure.canvas.draw()


def display_colour(ax):
    """Of the first points that were drawn."""
    return tuple(ax.collections[1].get_facecolor()[0])


@pytest.mark.parametrize("shared", [{"sharex": True, "sharey": True}, {"sharex": True}, {}])
def test_pictures_side_by_side_have_one_unit_of_length(fitted, shared):
    model, X, _ = fitted
    figure, (left, right) = plt.subplots(1, 2, **shared)
    BridgeDisplay.from_paths(*paths(), ax=left)
    DisplacementDisplay.from_estimator(model, X, ax=right)
    figure.canvas.draw()
    for ax in (left, right):
        width, height = np.ptp(ax.transData.transform([[0, 0], [1, 1]]), axis=0)
        assert width == pytest.approx(height)
    if shared:
        assert left.get_xlim() == right.get_xlim()


def test_legend_and_colour_bar_can_be_left_out(fitted):
    model, X, _ = fitted
    display = BridgeDisplay.from_paths(*paths(), legend=False, colorbar=False)
    assert display.legend_ is display.colorbar_ is display.ax_.get_legend() is None
    assert len(display.figure_.axes) == 1
    assert display.plot(colorbar=False).legend_ is not None
    display = DisplacementDisplay.from_estimator(model, X, legend=False)
    assert display.legend_ is display.ax_.get_legend() is None
    assert display.plot().legend_ is not None
