"""Several estimates of one unit beside each other, each with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np

from infotheory._estimate import Estimate
from infotheory.plotting._figure import axes_or_new


class EstimateDisplay:
    """Points with horizontal intervals, one line an estimate, the first on top.

    Create it with :meth:`from_estimates`.

    Parameters
    ----------
    values : array-like of shape (n,)
        Raw estimates.
    lower, upper : array-like of shape (n,)
        Ends of the intervals; nan where there is none.
    labels : sequence of str
        One a line.
    unit : str
        Named on the axis.
    confidence_level : float, optional
        Named on the axis where all intervals share it.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    points_ : matplotlib Line2D
        The raw estimates.
    intervals_ : matplotlib LineCollection
        The intervals.

    Notes
    -----
    An interval is centred on value - bias (see :class:`infotheory.Estimate`), so that a point
    need not lie in the middle of its line. Complexity :math:`O(n)`.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from infotheory import Estimate
    >>> from infotheory.plotting import EstimateDisplay
    >>> a = Estimate(0.41, interval=(0.35, 0.47), confidence_level=0.9)
    >>> b = Estimate(0.05, interval=(-0.02, 0.12), confidence_level=0.9)
    >>> display = EstimateDisplay.from_estimates({"bmi": a, "age": b})
    >>> display.ax_.get_xlabel()
    'estimate (nats), with 90 % intervals'
    """

    def __init__(
        self,
        *,
        values: Any,
        lower: Any,
        upper: Any,
        labels: Iterable[str],
        unit: str,
        confidence_level: float | None = None,
    ) -> None:
        self.values = np.asarray(values, dtype=float)
        self.lower = np.asarray(lower, dtype=float)
        self.upper = np.asarray(upper, dtype=float)
        self.labels = tuple(labels)
        self.unit = unit
        self.confidence_level = confidence_level

    @classmethod
    def from_estimates(
        cls, estimates: Mapping[str, Estimate] | Iterable[Estimate], *, ax: Any = None
    ) -> Self:
        """Collect the estimates and draw them.

        Parameters
        ----------
        estimates : mapping of str to Estimate, or iterable of Estimate
            The keys are the labels. Without keys the labels are the names of the estimators'
            classes.
        ax : matplotlib Axes, optional
            A new figure when None.

        Returns
        -------
        EstimateDisplay

        Raises
        ------
        ValueError
            If there is no estimate, or two have different units.
        ImportError
            If matplotlib is not installed and `ax` is None.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> from infotheory import Estimate
        >>> from infotheory.plotting import EstimateDisplay
        >>> display = EstimateDisplay.from_estimates({"x0": Estimate(0.2), "x1": Estimate(0.1)})
        >>> [tick.get_text() for tick in display.ax_.get_yticklabels()]
        ['x0', 'x1']
        """
        if isinstance(estimates, Mapping):
            labels, chosen = [str(key) for key in estimates], list(estimates.values())
        else:
            chosen = list(estimates)
            labels = [type(e.estimator).__name__ if e.estimator else "" for e in chosen]
        units = sorted({e.unit for e in chosen})
        if len(units) != 1:
            raise ValueError(
                f"estimates must share one unit, got {', '.join(units) or 'no estimate'}. "
                f"Give every one the same base=."
            )
        levels = {e.confidence_level for e in chosen}
        ends = [(np.nan, np.nan) if e.interval is None else e.interval for e in chosen]
        display = cls(
            values=[float(e) for e in chosen],
            lower=[low for low, _ in ends],
            upper=[high for _, high in ends],
            labels=labels,
            unit=units[0],
            confidence_level=levels.pop() if len(levels) == 1 else None,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw on ``ax``, or on a new figure.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        EstimateDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed and `ax` is None.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> from infotheory.plotting import EstimateDisplay
        >>> display = EstimateDisplay(
        ...     values=[0.2], lower=[0.1], upper=[0.3], labels=["x"], unit="bits"
        ... )
        >>> display.plot().ax_.get_xlabel()
        'estimate (bits)'
        """
        n = len(self.values)
        ax = axes_or_new(ax, width=6.4, height=1.1 + 0.3 * n)
        lines = np.arange(n)
        ax.axvline(0, color="0.8", linewidth=1, zorder=0)
        self.intervals_ = ax.hlines(lines, self.lower, self.upper, color="C0", linewidth=2)
        (self.points_,) = ax.plot(self.values, lines, "o", color="C0", markersize=6)
        ax.set_yticks(lines, self.labels)
        ax.set_ylim(n - 0.4, -0.6)
        level = self.confidence_level
        intervals = "" if level is None else f", with {100 * level:.4g} % intervals"
        ax.set_xlabel(f"estimate ({self.unit}){intervals}")
        self.ax_, self.figure_ = ax, ax.figure
        return self
