"""Displays draw what they are given, on the axes they are given, with names and units."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from infotheory import Estimate, MutualInformationMatrix
from infotheory.plotting import EstimateDisplay, MutualInformationMatrixDisplay


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def matrix(values, unit="nats"):
    values = np.asarray(values, dtype=float)
    rows = tuple(f"row{i}" for i in range(values.shape[0]))
    columns = tuple(f"column{j}" for j in range(values.shape[1]))
    return MutualInformationMatrix(values, None, None, None, rows, columns, unit, 100, None, ())


def labels_of(ticks):
    return [tick.get_text() for tick in ticks]


def test_heat_map_shows_every_value_and_name():
    display = MutualInformationMatrixDisplay.from_matrix(matrix([[0.1, 0.25], [-0.02, 1.5]]))
    assert labels_of(display.ax_.get_yticklabels()) == ["row0", "row1"]
    assert labels_of(display.ax_.get_xticklabels()) == ["column0", "column1"]
    assert labels_of(display.text_) == ["0.10", "0.25", "-0.02", "1.50"]
    assert display.image_.get_clim() == (-0.02, 1.5)


def test_heat_map_names_the_unit():
    display = MutualInformationMatrixDisplay.from_matrix(matrix([[0.1]], unit="bits"))
    assert display.colorbar_.ax.get_ylabel() == "mutual information (bits)"


def test_infinite_and_missing_cells_stay_out_of_the_colours():
    display = MutualInformationMatrixDisplay.from_matrix(
        matrix([[np.inf, 0.2, np.nan], [0.2, np.inf, 0.1]])
    )
    assert labels_of(display.text_) == ["∞", "0.20", "", "0.20", "∞", "0.10"]
    assert display.image_.get_clim() == (0.0, 0.2)
    display.figure_.canvas.draw()


def test_a_matrix_without_a_finite_value_can_be_drawn():
    display = MutualInformationMatrixDisplay.from_matrix(matrix([[np.inf]]))
    display.figure_.canvas.draw()


def test_long_names_leave_room_for_the_cells():
    rows = tuple(f"a measurement with a long name {i}" for i in range(3))
    tall = MutualInformationMatrix(
        np.ones((3, 1)), None, None, None, rows, ("y",), "nats", 100, None, ()
    )
    display = MutualInformationMatrixDisplay.from_matrix(tall)
    display.figure_.canvas.draw()
    inches = display.ax_.get_window_extent().width / display.figure_.dpi
    assert inches > 0.8


def test_large_heat_map_leaves_the_numbers_out():
    assert MutualInformationMatrixDisplay.from_matrix(matrix(np.ones((16, 16)))).text_ == []


def test_displays_use_the_axes_they_are_given():
    figure, (left, right) = plt.subplots(1, 2)
    assert MutualInformationMatrixDisplay.from_matrix(matrix([[0.1]]), ax=left).ax_ is left
    assert EstimateDisplay.from_estimates({"a": Estimate(0.1)}, ax=right).figure_ is figure


def test_points_and_intervals_stand_where_the_estimates_are():
    estimates = {
        "a": Estimate(0.4, interval=(0.3, 0.5), confidence_level=0.95),
        "b": Estimate(-0.1, interval=(-0.3, 0.0), confidence_level=0.95),
    }
    display = EstimateDisplay.from_estimates(estimates)
    np.testing.assert_allclose(display.points_.get_xdata(), [0.4, -0.1])
    segments = [segment[:, 0].tolist() for segment in display.intervals_.get_segments()]
    assert segments == [[0.3, 0.5], [-0.3, 0.0]]
    assert labels_of(display.ax_.get_yticklabels()) == ["a", "b"]
    assert display.ax_.get_xlabel() == "estimate (nats), with 95 % intervals"
    top, bottom = display.ax_.get_ylim()[::-1]
    assert top < 0 < 1 < bottom  # the first line is on top


def test_estimates_without_interval_or_with_different_levels_draw_too():
    estimates = [Estimate(0.4), Estimate(0.5, interval=(0.4, 0.6), confidence_level=0.9)]
    display = EstimateDisplay.from_estimates(estimates)
    assert display.ax_.get_xlabel() == "estimate (nats)"
    display.figure_.canvas.draw()


def test_a_list_is_labelled_by_its_estimators():
    class Rule:
        pass

    display = EstimateDisplay.from_estimates([Estimate(0.4, estimator=Rule())])
    assert labels_of(display.ax_.get_yticklabels()) == ["Rule"]


def test_estimates_must_share_a_unit():
    with pytest.raises(ValueError, match="one unit, got bits, nats"):
        EstimateDisplay.from_estimates([Estimate(0.4), Estimate(0.4, unit="bits")])
    with pytest.raises(ValueError, match="no estimate"):
        EstimateDisplay.from_estimates([])
