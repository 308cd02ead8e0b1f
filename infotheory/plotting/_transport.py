"""The picture of a transport plan: which rows of the source go to which rows of the target."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from infotheory.plotting._figure import axes_or_new
from infotheory.plotting._points import chosen, table


class TransportPlanDisplay:
    """A plan as an image, one line a row of the source, with its marginals on two sides.

    Create it with :meth:`from_estimator` or :meth:`from_plan`.

    Parameters
    ----------
    plan : array-like of shape (n, m)
    source_name, target_name : str
        Of the axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage
    colorbar_ : matplotlib Colorbar
    source_marginal_, target_marginal_ : matplotlib StepPatch
        Sums of the rows, on the right, and of the columns, above.

    Notes
    -----
    Rows look like noise in the order in which they came; sorted by a column they show how the
    plan goes along it. Complexity O(n m). Source: Peyré and Cuturi (2019), arXiv:1803.00567,
    chapter 4.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from infotheory import Sinkhorn
    >>> from infotheory.plotting import TransportPlanDisplay
    >>> X, y = np.random.default_rng(0).normal(size=(2, 30, 1))
    >>> display = TransportPlanDisplay.from_estimator(Sinkhorn().fit(X, y), X, y)
    >>> display.ax_.get_xlabel()
    'rows of the target, by x0'
    """

    def __init__(
        self,
        plan: Any,
        *,
        source_name: str = "rows of the source",
        target_name: str = "rows of the target",
    ) -> None:
        self.plan = table(plan, "plan")
        self.source_name = source_name
        self.target_name = target_name

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any = None, y: Any = None, *, column: int | str = 0, ax: Any = None
    ) -> Self:
        """Draw the plan of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator, or TransportEstimate
            Anything with ``plan_`` or ``plan``.
        X : array-like of shape (n, d), optional
            The source that was fitted, to sort its rows by a column.
        y : array-like of shape (m, d), optional
            The target that was fitted, likewise.
        column : int or str
            Which column to sort by.
        ax : matplotlib Axes, optional
            A new figure when None.

        Returns
        -------
        TransportPlanDisplay

        Raises
        ------
        ValueError
            If X or y has not the rows of the plan, or no such column.
        TypeError
            If the estimator has no plan.
        ImportError
            If matplotlib is not installed and `ax` is None.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import infotheory
        >>> from infotheory.plotting import TransportPlanDisplay
        >>> moved = infotheory.transport([0.0, 1.0, 2.0], [1.0, 2.0], confidence_level=None)
        >>> TransportPlanDisplay.from_estimator(moved).image_.get_array().shape
        (3, 2)
        """
        for name in ("plan_", "plan"):
            if hasattr(estimator, name):
                return cls.from_plan(getattr(estimator, name), X, y, column=column, ax=ax)
        raise TypeError(
            f"estimator must have plan_ after fit, as Sinkhorn has, got {estimator!r}. For the "
            f"rows where it sends points use DisplacementDisplay."
        )

    @classmethod
    def from_plan(
        cls, plan: Any, X: Any = None, y: Any = None, *, column: int | str = 0, ax: Any = None
    ) -> Self:
        """Draw a plan.

        Parameters
        ----------
        plan : array-like of shape (n, m)
        X : array-like of shape (n, d), optional
            The source, to sort the rows of the plan by a column.
        y : array-like of shape (m, d), optional
            The target, to sort the columns of the plan.
        column : int or str
            Which column to sort by.
        ax : matplotlib Axes, optional
            A new figure when None.

        Returns
        -------
        TransportPlanDisplay

        Raises
        ------
        ValueError
            If X or y has not the rows of the plan, or no such column.
        ImportError
            If matplotlib is not installed and `ax` is None.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> from infotheory.plotting import TransportPlanDisplay
        >>> TransportPlanDisplay.from_plan([[0.5, 0.0], [0.1, 0.4]]).ax_.get_ylabel()
        'rows of the source'
        """
        plan = table(plan, "plan")
        words = {}
        for axis, (rows, name, side) in enumerate(((X, "X", "source"), (y, "y", "target"))):
            if rows is None:
                continue
            values = table(rows, name)
            if len(values) != plan.shape[axis]:
                raise ValueError(
                    f"{name} must have the {plan.shape[axis]} rows of the {side} in the plan, got "
                    f"{len(values)}. Pass the {side} that was fitted."
                )
            (index,), (label,) = chosen(rows, [column], name)
            plan = np.take(plan, np.argsort(values[:, index], kind="stable"), axis=axis)
            words[f"{side}_name"] = f"rows of the {side}, by {label}"
        return cls(plan, **words).plot(ax=ax)

    def plot(self, *, ax: Any = None, cmap: Any = "Blues") -> Self:
        """Draw on ``ax``, or on a new figure.

        Parameters
        ----------
        ax : matplotlib Axes, optional
        cmap : str or matplotlib Colormap

        Returns
        -------
        TransportPlanDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed and `ax` is None.
        """
        n, m = self.plan.shape
        ax = axes_or_new(ax, width=6.2, height=5.0)
        self.image_ = ax.imshow(
            self.plan, cmap=cmap, vmin=0.0, aspect="auto", interpolation_stage="data"
        )
        ax.set_xlabel(self.target_name)
        ax.set_ylabel(self.source_name)
        above = ax.inset_axes((0.0, 1.03, 1.0, 0.14), sharex=ax)
        beside = ax.inset_axes((1.03, 0.0, 0.14, 1.0), sharey=ax)
        self.target_marginal_ = above.stairs(
            self.plan.sum(axis=0), np.arange(m + 1) - 0.5, fill=True, color="0.6"
        )
        self.source_marginal_ = beside.stairs(
            self.plan.sum(axis=1),
            np.arange(n + 1) - 0.5,
            fill=True,
            color="0.6",
            orientation="horizontal",
        )
        for side in (above, beside):
            side.tick_params(labelbottom=False, labelleft=False, bottom=False, left=False)
            side.spines[["top", "right"]].set_visible(False)
        above.set_ylim(bottom=0)
        beside.set_xlim(left=0)
        self.colorbar_ = ax.figure.colorbar(self.image_, ax=ax)
        self.colorbar_.set_label("mass of the plan")
        self.ax_, self.figure_ = ax, ax.figure
        return self
