"""The heat map of a mutual information matrix."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from infotheory._matrix import MutualInformationMatrix
from infotheory.plotting._figure import axes_or_new

# Above this many cells numbers no longer fit into them.
_MOST_NUMBERS = 225
# Inches that a letter of a name takes.
_LETTER = 0.085


class MutualInformationMatrixDisplay:
    """Heat map of a matrix of mutual information.

    Create it with :meth:`from_matrix`.

    Parameters
    ----------
    matrix : MutualInformationMatrix

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage
    colorbar_ : matplotlib Colorbar
    text_ : list of matplotlib Text
        The number in each cell, row by row; empty above 225 cells.

    Notes
    -----
    Cells that are not finite (the diagonal of a continuous column with itself) stay grey.
    Complexity :math:`O(d e)` for a d x e matrix.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from infotheory import mutual_information_matrix
    >>> from infotheory.plotting import MutualInformationMatrixDisplay
    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> matrix = mutual_information_matrix(X, confidence_level=None)
    >>> display = MutualInformationMatrixDisplay.from_matrix(matrix)
    >>> display.colorbar_.ax.get_ylabel()
    'mutual information (nats)'
    """

    def __init__(self, matrix: MutualInformationMatrix) -> None:
        self.matrix = matrix

    @classmethod
    def from_matrix(cls, matrix: MutualInformationMatrix, *, ax: Any = None) -> Self:
        """Draw a matrix.

        Parameters
        ----------
        matrix : MutualInformationMatrix
            From :func:`infotheory.mutual_information_matrix`.
        ax : matplotlib Axes, optional
            A new figure when None.

        Returns
        -------
        MutualInformationMatrixDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed and `ax` is None.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import numpy as np
        >>> from infotheory import mutual_information_matrix
        >>> from infotheory.plotting import MutualInformationMatrixDisplay
        >>> X = np.random.default_rng(0).normal(size=(50, 2))
        >>> matrix = mutual_information_matrix(X, X[:, 0] > 0, confidence_level=None)
        >>> display = MutualInformationMatrixDisplay.from_matrix(matrix)
        >>> [tick.get_text() for tick in display.ax_.get_yticklabels()]
        ['x0', 'x1']
        """
        return cls(matrix).plot(ax=ax)

    def plot(self, *, ax: Any = None, cmap: Any = "viridis") -> Self:
        """Draw on ``ax``, or on a new figure.

        Parameters
        ----------
        ax : matplotlib Axes, optional
        cmap : str or matplotlib Colormap

        Returns
        -------
        MutualInformationMatrixDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed and `ax` is None.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import numpy as np
        >>> from infotheory import mutual_information_matrix
        >>> from infotheory.plotting import MutualInformationMatrixDisplay
        >>> X = np.random.default_rng(0).normal(size=(50, 2))
        >>> matrix = mutual_information_matrix(X, confidence_level=None)
        >>> len(MutualInformationMatrixDisplay(matrix).plot(cmap="magma").text_)
        4
        """
        values = self.matrix.values
        n_rows, n_columns = values.shape
        turned = n_columns > 4  # names under many columns have no room side by side
        beside, below = (
            _LETTER * max(len(name) for name in names)
            for names in (self.matrix.row_names, self.matrix.column_names)
        )
        ax = axes_or_new(
            ax,
            width=1.3 + beside + max(0.55 * n_columns, 1.2),
            height=(0.3 + below if turned else 0.6) + max(0.42 * n_rows, 1.6),
        )
        finite = np.isfinite(values)
        shown = np.ma.array(values, mask=~finite)
        top = float(shown.max()) if finite.any() else 1.0
        # Zero anchors the scale; estimates below it widen the scale and are not hidden.
        bottom = min(0.0, float(shown.min())) if finite.any() else 0.0
        ax.set_facecolor("0.85")
        self.image_ = ax.imshow(shown, cmap=cmap, vmin=bottom, vmax=top, aspect="auto")
        self.colorbar_ = ax.figure.colorbar(self.image_, ax=ax)
        self.colorbar_.set_label(f"mutual information ({self.matrix.unit})")
        ax.set_xticks(np.arange(n_columns), self.matrix.column_names)
        ax.set_yticks(np.arange(n_rows), self.matrix.row_names)
        if turned:
            ax.tick_params(axis="x", labelrotation=90)
        self.text_ = self._numbers(ax) if values.size <= _MOST_NUMBERS else []
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _numbers(self, ax: Any) -> list[Any]:
        texts = []
        for (i, j), value in np.ndenumerate(self.matrix.values):
            finite = np.isfinite(value)
            red, green, blue, _ = self.image_.cmap(self.image_.norm(value if finite else np.nan))
            dark = finite and 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            words = f"{round(value, 2) + 0.0:.2f}" if finite else {np.inf: "∞"}.get(value, "")
            colour = "white" if dark else "black"
            texts.append(ax.text(j, i, words, ha="center", va="center", color=colour, fontsize=9))
        return texts
