"""The picture of an information plane: one path a layer, coloured by epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from infotheory.plotting._figure import axes_or_new

if TYPE_CHECKING:
    from infotheory import InformationPlane, InformationPlanePoint

_MARKERS = "osD^vP*X<>hp"


class InformationPlaneDisplay:
    """I(T; Y) against I(X; T), one path a layer, coloured by epoch.

    Create it with :meth:`from_plane` or :meth:`from_results`.

    Parameters
    ----------
    points : sequence of InformationPlanePoint

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    paths_ : dict of str to matplotlib LineCollection
        By layer; a path of n epochs has n - 1 pieces.
    markers_ : dict of str to matplotlib PathCollection
        By layer; hollow where an estimator says that it is saturated.
    limits_ : dict of str to matplotlib Line2D
        "input" and "label": the largest values that the estimators can give, where they tell.
    colorbar_ : matplotlib Colorbar or None
        Of epochs; None where it was left out or there is one epoch.
    legend_ : matplotlib Legend or None

    Notes
    -----
    Colours follow the logarithm of the epoch where half of the records are from the first quarter
    of the time; epoch 0 then has the colour of the next.
    Complexity O(n) for n points. Source: Shwartz-Ziv and Tishby (2017), arXiv:1703.00810.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from infotheory import InformationPlanePoint
    >>> from infotheory.plotting import InformationPlaneDisplay
    >>> points = [InformationPlanePoint(t, "tanh", 8, 500, 6 - t, 0.5 * t) for t in range(4)]
    >>> InformationPlaneDisplay.from_results(points).ax_.get_xlabel()
    'I(X; T) (nats)'
    """

    def __init__(self, points: Sequence[InformationPlanePoint]) -> None:
        self.points = tuple(points)

    @classmethod
    def from_plane(cls, plane: InformationPlane, *, ax: Any = None, **words: Any) -> Self:
        """Draw what a plane has recorded.

        Parameters
        ----------
        plane : InformationPlane
        ax : matplotlib Axes, optional
            A new figure when None.
        **words
            As for :meth:`plot`.

        Returns
        -------
        InformationPlaneDisplay

        Raises
        ------
        ValueError
            If nothing was recorded, or without labels.
        TypeError
            If it is no plane.
        ImportError
            If matplotlib is not installed and `ax` is None.
        """
        if not hasattr(plane, "points_"):
            raise TypeError(
                f"plane must have points_, as an InformationPlane has, got {plane!r}. For a table "
                f"of results use from_results."
            )
        return cls.from_results(plane.points_, ax=ax, **words)

    @classmethod
    def from_results(cls, results: Any, *, ax: Any = None, **words: Any) -> Self:
        """Draw points or a table of them.

        Parameters
        ----------
        results : iterable of InformationPlanePoint, or DataFrame
            A table has the columns of :meth:`infotheory.InformationPlane.to_frame`, of which
            epoch, layer, input_information and label_information are enough.
        ax : matplotlib Axes, optional
            A new figure when None.
        **words
            As for :meth:`plot`.

        Returns
        -------
        InformationPlaneDisplay

        Raises
        ------
        ValueError
            If there is nothing to draw, no labels, or a column is missing.
        TypeError
            If `results` hold something else than points.
        ImportError
            If matplotlib is not installed and `ax` is None.
        """
        if not isinstance(results, Iterable):
            raise TypeError(
                f"results must be points or a table of them, got {results!r}. Pass plane.points_ "
                f"or plane.to_frame()."
            )
        points = _from_table(results) if hasattr(results, "columns") else list(results)
        if not points:
            raise ValueError(
                "results must hold at least one point, got none. Call record(X, y) first."
            )
        odd = [point for point in points if not hasattr(point, "label_information")]
        if odd:
            raise TypeError(
                f"results must hold InformationPlanePoint, got {odd[0]!r}. Pass plane.points_ or "
                f"plane.to_frame()."
            )
        if all(math.isnan(point.label_information) for point in points):
            raise ValueError(
                "results must have I(T; Y), which is missing everywhere. Record with labels: "
                "plane.record(X, y)."
            )
        return cls(points).plot(ax=ax, **words)

    def plot(
        self,
        *,
        ax: Any = None,
        cmap: Any = "viridis",
        limits: bool = True,
        legend: bool = True,
        colorbar: bool = True,
    ) -> Self:
        """Draw on ``ax``, or on a new figure.

        Parameters
        ----------
        ax : matplotlib Axes, optional
        cmap : str or matplotlib Colormap
            Of epochs.
        limits, legend, colorbar : bool
            Whether they are drawn. A limit above twice the largest value is not.

        Returns
        -------
        InformationPlaneDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed and `ax` is None.
        """
        ax = axes_or_new(ax, width=6.4, height=4.6)
        from matplotlib.collections import LineCollection

        norm = self._norm()
        self.paths_, self.markers_, self.limits_ = {}, {}, {}
        layers = list(dict.fromkeys(point.layer for point in self.points))
        for k, layer in enumerate(layers):
            own = sorted((p for p in self.points if p.layer == layer), key=lambda p: p.epoch)
            places = np.array([[p.input_information, p.label_information] for p in own])
            epochs = np.array([p.epoch for p in own], dtype=float)
            pieces = np.stack([places[:-1], places[1:]], axis=1)
            path = LineCollection(list(pieces), cmap=cmap, norm=norm, linewidths=1.0, alpha=0.7)
            path.set_array(epochs[1:])
            self.paths_[layer] = ax.add_collection(path)
            style = {"marker": _MARKERS[k % len(_MARKERS)], "s": 26, "zorder": 3}
            marks = ax.scatter(*places.T, c=epochs, cmap=cmap, norm=norm, **style)
            hollow = np.array([p.input_saturated or p.label_saturated for p in own])
            if hollow.any():
                colours = marks.to_rgba(epochs)
                marks.set_array(None)
                marks.set_edgecolor(colours)
                faces = colours.copy()
                faces[hollow, 3] = 0.0
                marks.set_facecolor(faces)
            self.markers_[layer] = marks
        ax.autoscale_view()
        ax.set_xlabel("I(X; T) (nats)")
        ax.set_ylabel("I(T; Y) (nats)")
        if limits:
            self._draw_limits(ax)
        self._draw_keys(ax, layers, norm, cmap, legend=legend, colorbar=colorbar)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _norm(self) -> Any:
        from matplotlib.colors import LogNorm, Normalize

        epochs = np.unique([p.epoch for p in self.points])
        low, high = float(epochs[0]), float(epochs[-1])
        positive = epochs[epochs > 0]
        if low >= 0 and len(positive) > 2 and np.median(epochs) < high / 4:
            return LogNorm(float(positive[0]), high, clip=True)
        return Normalize(low, high if high > low else low + 1)

    def _draw_limits(self, ax: Any) -> None:
        """A line where an estimator cannot go further; a layer may have a limit of its own."""
        for side, line, axis in (("input", ax.axvline, 0), ("label", ax.axhline, 1)):
            told = [getattr(p, f"{side}_limit") for p in self.points]
            known = [limit for limit in told if math.isfinite(limit)]
            if not known:
                continue
            limit = max(known)
            values = [getattr(p, f"{side}_information") for p in self.points]
            # A limit that nothing comes near would press the paths into a corner.
            if limit > 2.0 * np.nanmax(values):
                continue
            words = "I(X; T)" if axis == 0 else "I(T; Y)"
            self.limits_[side] = line(
                limit,
                color="0.4",
                linewidth=1,
                linestyle=":" if axis == 0 else "--",
                zorder=1,
                label=f"largest {words}: {limit:.2f}",
            )

    def _draw_keys(
        self, ax: Any, layers: Iterable[str], norm: Any, cmap: Any, *, legend: bool, colorbar: bool
    ) -> None:
        from matplotlib.cm import ScalarMappable
        from matplotlib.lines import Line2D

        self.legend_ = self.colorbar_ = None
        if legend:
            style = {"color": "0.3", "linewidth": 0}
            keys = [
                Line2D([], [], marker=_MARKERS[k % len(_MARKERS)], label=name, **style)
                for k, name in enumerate(layers)
            ]
            if any(p.input_saturated or p.label_saturated for p in self.points):
                keys.append(Line2D([], [], marker="o", mfc="none", label="saturated", **style))
            keys += self.limits_.values()
            # Above the axes: paths may be anywhere inside.
            self.legend_ = ax.legend(
                handles=keys,
                fontsize="small",
                frameon=False,
                loc="lower left",
                bbox_to_anchor=(0.0, 1.0),
                ncols=3,
            )
        if colorbar and len({p.epoch for p in self.points}) > 1:
            self.colorbar_ = ax.figure.colorbar(ScalarMappable(norm, cmap), ax=ax)
            self.colorbar_.set_label("epoch")


def _from_table(table: Any) -> list[InformationPlanePoint]:
    """The rows of a table as points; columns that are not needed may be missing."""
    from types import SimpleNamespace

    needed = ("epoch", "layer", "input_information", "label_information")
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise ValueError(
            f"results must have the columns {', '.join(needed)}, got none named {missing[0]!r}. "
            f"Pass plane.to_frame()."
        )
    usual = {
        "input_limit": math.nan,
        "label_limit": math.nan,
        "input_saturated": False,
        "label_saturated": False,
    }
    rows: Any = table.to_dict("records")
    points: list[Any] = [SimpleNamespace(**{**usual, **row}) for row in rows]
    return points
