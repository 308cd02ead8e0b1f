"""The picture of a transport map in the plane of two columns: where points go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from infotheory.plotting._figure import axes_or_new, equal_units
from infotheory.plotting._points import check_two, chosen, table

# Arrows above this number cover each other.
_MOST_ARROWS = 2000


class DisplacementDisplay:
    """Arrows from points to their images, or lines for the largest entries of a plan.

    Create it with :meth:`from_estimator` or :meth:`from_plan`.

    Parameters
    ----------
    starts, ends : array-like of shape (k, 2)
        Of the arrows.
    source : array-like of shape (n, 2)
        Points to show beside them.
    target : array-like of shape (m, 2), optional
    masses : array-like of shape (k,), optional
        Of lines: the more mass, the darker. None draws arrows.
    names : sequence of two str
        Of the axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    moves_ : matplotlib Quiver or LineCollection
    source_, images_, target_ : matplotlib PathCollection or None
        The points.
    legend_ : matplotlib Legend or None

    Notes
    -----
    Complexity O(k), and O(n m) to find the largest entries of a plan. Source: Peyré and Cuturi
    (2019), arXiv:1803.00567, chapter 2.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from infotheory import Sinkhorn
    >>> from infotheory.plotting import DisplacementDisplay
    >>> X, y = np.random.default_rng(0).normal(size=(2, 30, 2))
    >>> model = Sinkhorn().fit(X, 3 + y)
    >>> display = DisplacementDisplay.from_estimator(model, X, 3 + y)
    >>> [text.get_text() for text in display.legend_.get_texts()]
    ['target', 'source', 'image of the source']
    """

    def __init__(
        self,
        *,
        starts: Any,
        ends: Any,
        source: Any,
        target: Any = None,
        masses: Any = None,
        names: Sequence[str] = ("x0", "x1"),
    ) -> None:
        self.starts = table(starts, "starts")
        self.ends = table(ends, "ends")
        self.source = table(source, "source")
        self.target = None if target is None else table(target, "target")
        self.masses = None if masses is None else np.asarray(masses, dtype=float)
        self.names = tuple(names)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        columns: Sequence[int | str] = (0, 1),
        ax: Any = None,
        legend: bool = True,
    ) -> Self:
        """Draw where ``transform`` sends rows of the source.

        Parameters
        ----------
        estimator : fitted estimator, or TransportEstimate
            Anything with ``transform``.
        X : array-like of shape (n, d)
            Rows of the source, fitted or new. Of more than 2 000 every so many is moved.
        y : array-like of shape (m, d), optional
            Rows of the target, to show them too.
        columns : sequence of two int or str
            Which columns make up the plane.
        ax : matplotlib Axes, optional
            A new figure when None.
        legend : bool
            Whether there is one.

        Returns
        -------
        DisplacementDisplay

        Raises
        ------
        ValueError
            If there are not two such columns.
        ImportError
            If matplotlib is not installed and `ax` is None.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import numpy as np
        >>> from infotheory import Sinkhorn
        >>> from infotheory.plotting import DisplacementDisplay
        >>> X, y = np.random.default_rng(0).normal(size=(2, 30, 3))
        >>> model = Sinkhorn().fit(X, y)
        >>> DisplacementDisplay.from_estimator(model, X, columns=(0, 2)).ax_.get_ylabel()
        'x2'
        """
        rows = table(X, "X")
        check_two(columns, rows.shape[1], "X")
        plane, names = chosen(X, columns, "X")
        kept = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _MOST_ARROWS)).astype(int))
        some = X.iloc[kept] if hasattr(X, "iloc") else rows[kept]
        images = np.asarray(estimator.transform(some), dtype=float)
        if images.shape[1] != rows.shape[1]:
            raise ValueError(
                f"transform must return rows with the {rows.shape[1]} columns of X to be drawn "
                f"beside them, got {images.shape[1]}."
            )
        return cls(
            starts=rows[kept][:, plane],
            ends=images[:, plane],
            source=rows[kept][:, plane],
            target=None if y is None else table(y, "y")[:, plane],
            names=names,
        ).plot(ax=ax, legend=legend)

    @classmethod
    def from_plan(
        cls,
        plan: Any,
        X: Any,
        y: Any,
        *,
        n_lines: int = 300,
        columns: Sequence[int | str] = (0, 1),
        ax: Any = None,
        legend: bool = True,
    ) -> Self:
        """Draw lines for the largest entries of a plan.

        Parameters
        ----------
        plan : array-like of shape (n, m)
        X : array-like of shape (n, d)
            The source.
        y : array-like of shape (m, d)
            The target.
        n_lines : int
            How many lines at most.
        columns : sequence of two int or str
            Which columns make up the plane.
        ax : matplotlib Axes, optional
            A new figure when None.
        legend : bool
            Whether there is one.

        Returns
        -------
        DisplacementDisplay

        Raises
        ------
        ValueError
            If there are not two such columns, or the rows are not those of the plan.
        ImportError
            If matplotlib is not installed and `ax` is None.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> from infotheory.plotting import DisplacementDisplay
        >>> display = DisplacementDisplay.from_plan(
        ...     [[0.5, 0.0], [0.1, 0.4]], [[0, 0], [0, 1]], [[1, 0], [1, 1]], n_lines=2
        ... )
        >>> display.masses.tolist()
        [0.4, 0.5]
        """
        plan, rows, target = table(plan, "plan"), table(X, "X"), table(y, "y")
        if plan.shape != (len(rows), len(target)):
            raise ValueError(
                f"plan must have a row for each of the {len(rows)} rows of X and a column for "
                f"each of the {len(target)} of y, got shape {plan.shape}."
            )
        if n_lines < 1:
            raise ValueError(f"n_lines must be at least 1, got {n_lines}.")
        check_two(columns, min(rows.shape[1], target.shape[1]), "X and y")
        plane, names = chosen(X, columns, "X")
        # The darkest lines last, on top.
        largest = np.argsort(plan, axis=None, kind="stable")[-n_lines:]
        i, j = np.unravel_index(largest, plan.shape)
        drawn = plan[i, j] > 0
        i, j = i[drawn], j[drawn]
        return cls(
            starts=rows[i][:, plane],
            ends=target[j][:, plane],
            source=rows[:, plane],
            target=target[:, plane],
            masses=plan[i, j],
            names=names,
        ).plot(ax=ax, legend=legend)

    def plot(self, *, ax: Any = None, legend: bool = True) -> Self:
        """Draw on ``ax``, or on a new figure.

        Parameters
        ----------
        ax : matplotlib Axes, optional
        legend : bool
            Whether there is one.

        Returns
        -------
        DisplacementDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed and `ax` is None.
        """
        ax = axes_or_new(ax, width=6.0, height=5.0)
        self.target_ = self.images_ = None
        if self.target is not None:
            self.target_ = ax.scatter(*self.target.T, s=14, color="C1", alpha=0.6, label="target")
        self.source_ = ax.scatter(*self.source.T, s=14, color="C0", label="source", zorder=3)
        if self.masses is None:
            self.images_ = ax.scatter(
                *self.ends.T, s=14, color="C3", marker="x", label="image of the source", zorder=3
            )
            self.moves_ = ax.quiver(
                *self.starts.T,
                *(self.ends - self.starts).T,
                angles="xy",
                scale_units="xy",
                scale=1,
                width=0.002,
                color="0.55",
                zorder=2,
            )
        else:
            from matplotlib.collections import LineCollection

            shades = np.clip(self.masses / np.max(self.masses, initial=1e-300), 0.05, 1.0)
            self.moves_ = ax.add_collection(
                LineCollection(
                    list(np.stack([self.starts, self.ends], axis=1)),
                    colors=[(0.3, 0.3, 0.3, shade) for shade in shades],
                    linewidths=0.8,
                    zorder=2,
                )
            )
        ax.set_xlabel(self.names[0])
        ax.set_ylabel(self.names[1])
        equal_units(ax)
        self.legend_ = ax.legend() if legend else None
        self.ax_, self.figure_ = ax, ax.figure
        return self
