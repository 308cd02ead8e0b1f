"""The picture of a bridge: paths of points from the source to the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from infotheory.plotting._figure import axes_or_new, equal_units
from infotheory.plotting._points import names_of

_N_TIMES = 65


class BridgeDisplay:
    """Paths against time for one column, in the plane and shaded by time for two.

    Create it with :meth:`from_estimator` or :meth:`from_paths`.

    Parameters
    ----------
    times : array-like of shape (t,)
    paths : array-like of shape (t, n, 1) or (t, n, 2)
        Where each of n points is at each time.
    names : sequence of str
        Of the columns.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : matplotlib LineCollection
    colorbar_ : matplotlib Colorbar or None
        Of time, for two columns; None where it was left out, as the legend.
    legend_ : matplotlib Legend or None
        Of the first and last places, for two columns.

    Notes
    -----
    Complexity O(t n). Source: Léonard (2014), arXiv:1308.0215, of Schrödinger bridges.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from infotheory.plotting import BridgeDisplay
    >>> times = np.linspace(0, 1, 20)
    >>> steps = np.random.default_rng(0).normal(size=(20, 10, 1)) * np.sqrt(1 / 20)
    >>> BridgeDisplay.from_paths(times, np.cumsum(steps, axis=0)).ax_.get_xlabel()
    'time'
    """

    def __init__(self, *, times: Any, paths: Any, names: Sequence[str]) -> None:
        self.times = np.asarray(times, dtype=float)
        self.paths = np.asarray(paths, dtype=float)
        self.names = tuple(names)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        times: Any = None,
        columns: Sequence[int] | None = None,
        random_state: Any = None,
        ax: Any = None,
        legend: bool = True,
        colorbar: bool = True,
    ) -> Self:
        """Draw paths of a fitted bridge from rows of the source.

        Parameters
        ----------
        estimator : fitted estimator
            Anything with ``sample_path(X, times, random_state=None)`` of shape (t, n, d).
        X : array-like of shape (n, d)
            Where the paths start.
        times : array-like of shape (t,), optional
            Growing, from 0 to 1; 65 of them when None.
        columns : sequence of one or two int, optional
            Which columns are shown; the first two when None, or the only one.
        random_state : int, RandomState, Generator or None
        ax : matplotlib Axes, optional
            A new figure when None.
        legend, colorbar : bool
            Whether they are drawn, for two columns.

        Returns
        -------
        BridgeDisplay

        Raises
        ------
        TypeError
            If the estimator has no ``sample_path``.
        ValueError
            If times or columns are out of their rule.
        ImportError
            If matplotlib is not installed and `ax` is None.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import numpy as np
        >>> from infotheory.plotting import BridgeDisplay
        >>> class StraightLine:
        ...     def sample_path(self, X, times, random_state=None):
        ...         return X + np.asarray(times)[:, None, None]
        >>> X = np.random.default_rng(0).normal(size=(10, 2))
        >>> BridgeDisplay.from_estimator(StraightLine(), X, random_state=0).paths.shape
        (65, 10, 2)
        """
        if not hasattr(estimator, "sample_path"):
            raise TypeError(
                f"estimator must have sample_path, as estimators of a bridge do, got "
                f"{estimator!r}. For a map use DisplacementDisplay."
            )
        at = np.linspace(0, 1, _N_TIMES) if times is None else np.asarray(times, dtype=float)
        paths = np.asarray(estimator.sample_path(X, at, random_state=random_state), dtype=float)
        names = names_of(X, paths.shape[-1])
        words = {"columns": columns, "ax": ax, "legend": legend, "colorbar": colorbar}
        return cls.from_paths(at, paths, names=names, **words)

    @classmethod
    def from_paths(
        cls,
        times: Any,
        paths: Any,
        *,
        columns: Sequence[int] | None = None,
        names: Sequence[str] | None = None,
        ax: Any = None,
        legend: bool = True,
        colorbar: bool = True,
    ) -> Self:
        """Draw paths.

        Parameters
        ----------
        times : array-like of shape (t,)
        paths : array-like of shape (t, n, d)
        columns : sequence of one or two int, optional
            Which columns are shown; the first two when None, or the only one.
        names : sequence of str, optional
            Of all d columns; x0, x1, ... when None.
        ax : matplotlib Axes, optional
            A new figure when None.
        legend, colorbar : bool
            Whether they are drawn, for two columns.

        Returns
        -------
        BridgeDisplay

        Raises
        ------
        ValueError
            If times, paths or columns are out of their rule.
        ImportError
            If matplotlib is not installed and `ax` is None.
        """
        at, places = np.asarray(times, dtype=float), np.asarray(paths, dtype=float)
        if places.ndim != 3 or at.ndim != 1 or places.shape[0] != len(at):
            swapped = places.ndim == 3 and places.shape[1] == at.size
            raise ValueError(
                f"paths must have shape (times, rows, columns) with {at.size} times, got "
                f"{places.shape}.{' Swap its first two axes.' * swapped}"
            )
        dim = places.shape[2]
        shown = list(range(min(dim, 2))) if columns is None else [int(j) for j in columns]
        if len(shown) not in (1, 2) or not all(-dim <= j < dim for j in shown):
            raise ValueError(
                f"columns must be one or two of the {dim} columns of paths, got {columns}."
            )
        known = names_of(None, dim) if names is None else tuple(names)
        display = cls(times=at, paths=places[..., shown], names=[known[j] for j in shown])
        return display.plot(ax=ax, legend=legend, colorbar=colorbar)

    def plot(
        self,
        *,
        ax: Any = None,
        cmap: Any = "viridis",
        legend: bool = True,
        colorbar: bool = True,
    ) -> Self:
        """Draw on ``ax``, or on a new figure.

        Parameters
        ----------
        ax : matplotlib Axes, optional
        cmap : str or matplotlib Colormap
            Of time, for two columns.
        legend, colorbar : bool
            Whether they are drawn, for two columns.

        Returns
        -------
        BridgeDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed and `ax` is None.
        """
        ax = axes_or_new(ax, width=6.4, height=4.6)
        from matplotlib.collections import LineCollection

        self.colorbar_ = self.legend_ = None
        # Many paths are thin and light, so that what most of them do shows.
        alpha = float(np.clip(25 / self.paths.shape[1], 0.2, 0.9))
        if self.paths.shape[2] == 1:
            paths = self.paths[..., 0].T
            lines = [np.column_stack([self.times, path]) for path in paths]
            self.lines_ = ax.add_collection(
                LineCollection(lines, colors="C0", alpha=alpha, linewidths=0.8)
            )
            ax.set_xlabel("time")
            ax.set_ylabel(self.names[0])
            ax.set_xlim(self.times[0], self.times[-1])
            ax.autoscale_view(scalex=False)
        else:
            pieces = np.stack([self.paths[:-1], self.paths[1:]], axis=2).reshape(-1, 2, 2)
            middle = np.repeat((self.times[:-1] + self.times[1:]) / 2, self.paths.shape[1])
            self.lines_ = LineCollection(
                list(pieces), cmap=cmap, alpha=alpha, linewidths=0.8, zorder=2
            )
            self.lines_.set_array(middle)
            self.lines_.set_clim(self.times[0], self.times[-1])
            ax.add_collection(self.lines_)
            ends = ((self.paths[0], self.times[0], "C0"), (self.paths[-1], self.times[-1], "C3"))
            for places, time, colour in ends:
                label = f"time {time:.3g}"
                ax.scatter(*places.T, s=12, color=colour, label=label, zorder=3)
            self.legend_ = ax.legend() if legend else None
            if colorbar:
                self.colorbar_ = ax.figure.colorbar(self.lines_, ax=ax)
                self.colorbar_.set_label("time")
                self.colorbar_.solids.set_alpha(1)
            ax.set_xlabel(self.names[0])
            ax.set_ylabel(self.names[1])
            equal_units(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self
