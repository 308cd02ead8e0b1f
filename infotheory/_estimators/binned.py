"""Mutual information after binning, as of the layers of a network."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if

from infotheory._base import (
    MutualInformationEstimator,
    check_instance,
    information_of,
    last_step,
)
from infotheory._validation import Variable, pairing_notes
from infotheory._xp._codes import joint_codes
from infotheory.functional import (
    discrete_entropy,
    discrete_mutual_information,
    discrete_mutual_information_jackknife,
    entropy_binning_edges,
    uniform_binning_edges,
)

# Share of ln n beyond which the entropy of bins tells how many rows there are.
_SATURATED = 0.8
# Share of joint cells seen, by Good and Turing, below which plug-in is far too high.
_LOW_COVERAGE = 0.9


def _knows(name: str) -> Any:
    """Whether the estimator of the symbols, or plug-in, has this method."""
    return lambda self: self.estimator is None or hasattr(last_step(self._fitted), name)


class BinnedMutualInformation(MutualInformationEstimator):
    r"""Mutual information of binned numbers, as of the layers of a network.

    Parameters
    ----------
    binning : {"adaptive", "uniform"} or array-like of shape (k,)
        "adaptive": bins that hold equally many distinct values, with one more for a smallest
        value that repeats (units that are off). "uniform": bins of equal width between the
        smallest and the largest value. Edges of your own, increasing, stay the same from fit to
        fit: values beyond them are in the first and the last bin.
    n_bins : int
        For "adaptive" and "uniform".
    target : {"bins", "symbols"}
        What real columns of y are. "bins": binned as those of X are. "symbols": each distinct row
        of y is a symbol, as an input of a network is. Where X is a function of such a y, the value
        is the entropy of the bins of X.
    pooled : bool
        One set of edges for all columns, as is usual for the units of a layer, or one a column.
    estimator : estimator, optional
        For the mutual information of the symbols, such as ``DiscreteMutualInformation()``; None is
        plug-in, the sum of the entropies of the frequencies.

    Attributes
    ----------
    mutual_information_ : float
        Nats.
    edges_ : list of ndarray
        Inner edges: one array for all real columns of X, or one a column.
    n_symbols_ : int
        Distinct rows of X after binning.
    saturation_limit_ : float
        The largest value that plug-in can give here: the smaller of the entropy of the symbols
        of y, at most ln n, and the logarithm of the number of cells.
    saturated_ : bool
        Whether the bins of X, or of y, tell most rows apart.
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if an argument has missing values, the lengths differ, or the edges do not
        increase.

    Notes
    -----
    The value is of the bins, and not of X and y: binning loses information, and a layer whose
    information is infinite gets as much as its bins let through. It depends on them as much as on
    the network. Plug-in is at most ln n, and with many columns nearly every row is alone in its
    cell; :math:`H(X) > 0.8 \ln n` is noted. Integers and text are symbols, floats are binned.
    Complexity :math:`O(n d \ln(n d))`. Sources: Shwartz-Ziv and Tishby (2017), arXiv:1703.00810;
    Chelombiev, Houghton and O'Donnell (2019), arXiv:1902.09037.

    Examples
    --------
    A layer of two units, a function of its inputs: at first eight, then four cells.

    >>> import numpy as np
    >>> from infotheory import BinnedMutualInformation
    >>> x = np.random.default_rng(0).normal(size=(4000, 3))
    >>> layer = np.tanh(x[:, :2])
    >>> binned = BinnedMutualInformation(n_bins=2, target="symbols").fit(layer, x)
    >>> print(f"{binned.mutual_information_:.2f} {np.log(4):.2f}")
    1.39 1.39
    """

    _accepts_labels = True
    _bias_source = "the jackknife"
    _parameter_constraints: dict = {
        "binning": [StrOptions({"adaptive", "uniform"}), "array-like"],
        "n_bins": [Interval(Integral, 2, None, closed="left")],
        "target": [StrOptions({"bins", "symbols"})],
        "pooled": ["boolean"],
        "estimator": "no_validation",
    }

    def __init__(
        self,
        *,
        binning: Any = "adaptive",
        n_bins: int = 30,
        target: str = "bins",
        pooled: bool = True,
        estimator: Any = None,
    ) -> None:
        self.binning = binning
        self.n_bins = n_bins
        self.target = target
        self.pooled = pooled
        self.estimator = estimator

    @property
    def _information_laws(  # pyright: ignore[reportIncompatibleVariableOverride]
        self,
    ) -> dict[str, str | None]:
        """Bins keep neither the truth nor sums over columns; integers are symbols."""
        laws: dict[str, str | None] = dict.fromkeys(("truth", "additivity", "integers"))
        if not isinstance(self.binning, str):
            laws |= dict.fromkeys(("scale", "translation"))
        if self.target == "symbols":
            laws |= dict.fromkeys(("symmetry", "independence", "data-processing"))
        return laws

    def fit(self, X: Any, y: Any, *, condition: Any = None) -> BinnedMutualInformation:
        """Bin the numbers and count the cells.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,) or (n, e)
        condition : array-like of shape (n,) or (n, f), optional
            Estimate the information given this variable; its real columns are binned.

        Returns
        -------
        BinnedMutualInformation
            The fitted estimator.
        """
        x, target, given = self._check_pair(X, y, condition, discrete=None)
        if self.estimator is not None:
            check_instance(self.estimator)
        cells, self.edges_, n_cells = self._binned(x)
        symbols, n_target = target.codes()[0], math.inf
        if self.target == "bins":
            symbols, _, n_target = self._binned(target)
        self._codes = [cells, symbols]
        if given is not None:
            self._codes.append(self._binned(given)[0])
        self.n_symbols_ = int(cells.max()) + 1
        entropies = [_plug_in(codes) for codes in (cells, symbols)]
        limits = [entropies[1], math.log(n_cells), math.log(n_target)]
        self.saturation_limit_ = min(float(limit) for limit in limits)
        largest = max(entropies) if self.target == "bins" else entropies[0]
        self.saturated_ = bool(largest > _SATURATED * math.log(len(cells)))
        self.mutual_information_, notes = self._value()
        self.notes_ = (*pairing_notes(X, y, condition), *notes, *self._own_notes(x, largest))
        return self

    def _binned(self, variable: Variable) -> tuple[np.ndarray, list[np.ndarray], float]:
        """One code a row, the edges of the real columns, and how many cells there can be."""
        real = np.flatnonzero(~variable.is_label)
        values = variable.values[:, real]
        if self.pooled:
            edges = [self._edges(values)] if len(real) else []
            of_column = edges * len(real)
        else:
            edges = of_column = [self._edges(values[:, [j]]) for j in range(len(real))]
        columns, sizes = list(variable.columns), list(variable.n_symbols)
        for j, ends in zip(real, of_column, strict=True):
            columns[j] = np.searchsorted(ends, columns[j], side="right").astype(np.int64)
            sizes[j] = len(ends) + 1
        n_cells = math.prod(float(size) for size in sizes)
        return joint_codes(columns, sizes)[0], edges, n_cells

    def _edges(self, values: np.ndarray) -> np.ndarray:
        if isinstance(self.binning, str):
            rule = {"adaptive": entropy_binning_edges, "uniform": uniform_binning_edges}
            return rule[self.binning](values, self.n_bins)
        try:
            edges = np.asarray(self.binning, dtype=float)
        except (TypeError, ValueError):
            edges = np.empty(0)
        if edges.ndim != 1 or not len(edges) or not np.all(np.diff(edges) > 0):
            raise ValueError(
                f"binning must be adaptive, uniform or increasing edges, got {self.binning!r}. "
                f"Pass for instance np.linspace(-1, 1, 31)."
            )
        if not np.all(np.isfinite(edges)):
            raise ValueError(
                f"binning must hold finite edges, got {self.binning!r}. Leave infinite ones out: "
                f"values beyond the edges have bins of their own."
            )
        return edges

    def _value(self) -> tuple[float, list[str]]:
        if self.estimator is None:
            options = {"condition": self._codes[2] if len(self._codes) > 2 else None}
            value = discrete_mutual_information(*self._codes[:2], method="plugin", **options)
            return float(value), []
        words = {"condition": self._codes[2]} if len(self._codes) > 2 else {}
        x, y = (codes[:, None] for codes in self._codes[:2])
        self._fitted = clone(self.estimator).fit(x, y, **words)
        return information_of(self._fitted), list(getattr(last_step(self._fitted), "notes_", ()))

    def _own_notes(self, x: Variable, largest: float) -> list[str]:
        cells, symbols = self._codes[:2]
        n = len(cells)
        if self.n_symbols_ == 1:
            words = "X is constant" if not np.ptp(x.values, axis=0).any() else "X is in one bin"
            return [f"{words}: it shares no information with anything."]
        notes = []
        if self.target == "symbols" and int(symbols.max()) + 1 == n:
            notes.append(
                "No row of y repeats: X is taken as a function of y, and the value is the entropy "
                "of its bins."
            )
        if self.saturated_:
            notes.append(
                f"Bins tell most rows apart: their entropy is {largest:.2f} of at most "
                f"ln n = {math.log(n):.2f} nats, so that the value says how many rows and labels "
                f"there are. Take fewer bins, fewer columns, or more rows."
            )
        elif self.target == "bins" and self.estimator is None:
            counts = np.unique(np.column_stack([cells, symbols]), axis=0, return_counts=True)[1]
            coverage = 1 - np.count_nonzero(counts == 1) / n
            if coverage < _LOW_COVERAGE:
                notes.append(
                    f"The joint cells seen cover about {coverage:.0%} of the probability: plug-in "
                    f"is too high. Take fewer bins, or estimator=DiscreteMutualInformation()."
                )
        return notes

    @available_if(_knows("_standard_error"))
    def _standard_error(self) -> float:
        if self.estimator is not None:
            return float(last_step(self._fitted)._standard_error())
        return float(self._jackknife().interval_error)

    @available_if(_knows("_bias"))
    def _bias(self, rng: np.random.RandomState) -> float:
        if self.estimator is not None:
            return float(last_step(self._fitted)._bias(rng))
        return float(self._jackknife().bias)

    def _jackknife(self) -> Any:
        given = self._codes[2] if len(self._codes) > 2 else None
        return discrete_mutual_information_jackknife(
            *self._codes[:2], method="plugin", condition=given
        )


def _plug_in(codes: np.ndarray) -> float:
    return float(discrete_entropy(np.bincount(codes), method="plugin"))
