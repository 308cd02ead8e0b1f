"""Ratios of the self-consistency tests against what they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from infotheory.plotting._figure import axes_or_new

if TYPE_CHECKING:
    from infotheory.testing import SelfConsistencyReport


class SelfConsistencyDisplay:
    """Ratio of each law against the rows that are kept, with the band where it passes.

    Create it with :meth:`from_report`.

    Parameters
    ----------
    report : SelfConsistencyReport

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to matplotlib ErrorbarContainer
        By the name of the law. Bars are one standard error of the numerator, where the estimator
        tells it.
    bands_ : dict of str to matplotlib Rectangle
        Of the laws that have one.
    truth_ : matplotlib Line2D or None
        The baseline in closed form, as a share of the full image's; None for the digits.
    legend_ : matplotlib Legend

    Notes
    -----
    The baseline is relative to the estimate from the full image, which the axis names in nats;
    the other laws are relative to the baseline with as many rows. Complexity :math:`O(n)` for n
    estimates. Source: Song and Ermon (2020), arXiv:1910.06222.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from infotheory import GaussianMutualInformation
    >>> from infotheory.plotting import SelfConsistencyDisplay
    >>> from infotheory.testing import self_consistency
    >>> report = self_consistency(GaussianMutualInformation(), data="gaussian", n_samples=2000)
    >>> SelfConsistencyDisplay.from_report(report).ax_.get_xlabel()
    'rows of the image (of 8)'
    """

    def __init__(self, report: SelfConsistencyReport) -> None:
        self.report = report

    @classmethod
    def from_report(cls, report: SelfConsistencyReport, *, ax: Any = None) -> Self:
        """Draw a report.

        Parameters
        ----------
        report : SelfConsistencyReport
            From :func:`infotheory.testing.self_consistency`.
        ax : matplotlib Axes, optional
            A new figure when None.

        Returns
        -------
        SelfConsistencyDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed and `ax` is None.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> from infotheory import GaussianMutualInformation
        >>> from infotheory.plotting import SelfConsistencyDisplay
        >>> from infotheory.testing import self_consistency
        >>> report = self_consistency(GaussianMutualInformation(), data="gaussian", n_samples=2000)
        >>> list(SelfConsistencyDisplay.from_report(report).lines_)
        ['baseline', 'data processing', 'additivity']
        """
        return cls(report).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw on ``ax``, or on a new figure.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        SelfConsistencyDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed and `ax` is None.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> from infotheory import GaussianMutualInformation
        >>> from infotheory.plotting import SelfConsistencyDisplay
        >>> from infotheory.testing import self_consistency
        >>> report = self_consistency(GaussianMutualInformation(), data="gaussian", n_samples=2000)
        >>> sorted(SelfConsistencyDisplay(report).plot().bands_)
        ['additivity', 'data processing']
        """
        ax = axes_or_new(ax, width=6.4, height=4.2)
        full = self.report.baseline.estimates[-1]
        self.lines_, self.bands_ = {}, {}
        for i, law in enumerate(self.report.laws):
            # Estimate over ratio is what the ratio is taken to.
            with np.errstate(divide="ignore", invalid="ignore"):
                errors = law.standard_errors / np.abs(law.estimates / law.ratios)
            self.lines_[law.name] = ax.errorbar(
                law.n_rows,
                law.ratios,
                yerr=errors if np.isfinite(errors).all() and len(errors) else None,
                color=f"C{i}",
                marker="osD"[i],
                label=f"{law.name}: {law.verdict}",
            )
            if law.limits is not None:
                self.bands_[law.name] = ax.axhspan(
                    *law.limits, color=f"C{i}", alpha=0.2, linewidth=0, zorder=0
                )
        self.truth_ = None
        truths = self.report.baseline.truths
        if truths is not None:
            (self.truth_,) = ax.plot(
                self.report.baseline.n_rows,
                truths / truths[-1],
                "--",
                color="0.2",
                linewidth=1,
                zorder=3,
                label="baseline, closed form",
            )
        ax.set_xlabel("rows of the image (of 8)")
        ax.set_ylabel(f"ratio (baseline: to the full image, {full:.3g} nats)")
        # The legend stands above the highest band.
        ax.set_ylim(min(-0.1, ax.get_ylim()[0]), max(2.7, ax.get_ylim()[1]))
        self.legend_ = ax.legend(loc="upper left", ncols=2, fontsize="small", frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self
