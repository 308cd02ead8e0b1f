"""Mutual information by nearest neighbours: the KSG family."""

from __future__ import annotations

import math
from copy import deepcopy
from numbers import Integral
from typing import Any, Literal

import numpy as np
from scipy.special import digamma
from sklearn.utils._param_validation import Interval, StrOptions

from infotheory._base import MutualInformationEstimator
from infotheory._resampling import local_random_state
from infotheory._validation import Variable, check_n_neighbors, pairing_notes
from infotheory.functional import (
    gaussian_log_ratio,
    gaussian_sample,
    gaussian_scores,
    ksg_pointwise,
    mixed_ksg_pointwise,
    spread_atoms,
)
from infotheory.functional._neighbors import Metric

_COMMON: dict = {
    "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    "metric": [StrOptions({"chebyshev", "euclidean"})],
}
_MARGINS = [StrOptions({"standardize", "gaussianize"}), None]
# Draws of the reference law in a bias estimate; its noise is then a fraction of the spread.
_N_REFERENCE = 16
# Share of the ceiling beyond which an estimate says so.
_NEAR = 0.7


class _Margins:
    """The rescaling of one variable's real columns, fitted so that new rows go the same way."""

    def __init__(
        self,
        variable: Variable,
        margins: str | None,
        rng: np.random.RandomState | None = None,
    ) -> None:
        self.margins = margins
        self.real = ~variable.is_label
        self.rng = rng
        self.raw = variable.values[:, self.real]
        self.reference = self._spread(self.raw, rng)
        unit = _units(self.reference)
        small = self.reference / unit
        spread = small.std(axis=0)
        self.centre = small.mean(axis=0) * unit
        self.scale = np.where(spread == 0, 1, spread) * unit
        self.fitted = self._rescale(self.reference)

    def numbers(self, variable: Variable, rng: np.random.RandomState | None) -> np.ndarray:
        """The real columns of new rows."""
        return self._rescale(self._spread(variable.values[:, self.real], rng))

    def _spread(self, values: np.ndarray, rng: np.random.RandomState | None) -> np.ndarray:
        if rng is None or not values.shape[1]:
            return values
        return spread_atoms(values, rng.uniform(size=values.shape), self.raw)

    def _rescale(self, values: np.ndarray) -> np.ndarray:
        if self.margins == "standardize":
            return (values - self.centre) / self.scale
        if self.margins == "gaussianize" and values.shape[1]:
            return gaussian_scores(values, self.reference)
        return values


def _units(values: np.ndarray) -> np.ndarray:
    """A power of two for each column, in which squares stay within the range of floats."""
    largest = np.abs(values).max(axis=0, initial=0.0)
    usual = (largest == 0) | ((largest > 1e-100) & (largest < 1e100))
    return np.where(usual, 1.0, np.ldexp(0.5, np.frexp(largest)[1]))


def _constant_notes(*variables: Variable) -> list[str]:
    return [
        f"{v.name} is constant: it shares no information with anything."
        for v in variables
        if np.all(np.ptp(v.values, axis=0) == 0)
    ]


def _ceiling(n: int, n_neighbors: int) -> float:
    return float(digamma(n) - digamma(n_neighbors))


def _duplicate_notes(parts: list[np.ndarray], k: int) -> list[str]:
    _, counts = np.unique(np.hstack(parts), axis=0, return_counts=True)
    share = counts[counts > k].sum() / counts.sum()
    if not share:
        return []
    return [
        f"{share:.1%} of the rows have at least {k} duplicates, for which KSG is not made; "
        f"MixedKSG handles repeated values."
    ]


class KSG(MutualInformationEstimator):
    r"""Mutual information by nearest neighbours (Kraskov-Stögbauer-Grassberger).

    Parameters
    ----------
    n_neighbors : int
        Small values have less bias and more variance.
    variant : {1, 2}
        1: counts inside the joint k-th distance. 2: counts inside the rectangle of the k
        neighbours; it has less bias at strong dependence and no conditional form.
    metric : {"chebyshev", "euclidean"}
        Within each variable; the joint distance is the largest of them.
    margins : {"standardize", "gaussianize"} or None
        Rescale each column before the search: to unit variance, to normal scores (robust to
        heavy tails), or not at all. None evaluates the published formula as it stands, with
        strict counts, rows whose k-th neighbour is a duplicate included.

    Attributes
    ----------
    mutual_information_ : float
        Nats. May be negative.
    pointwise_ : ndarray of shape (n,)
        One value a fitted row, each left out; the mean is the estimate.
    saturation_limit_ : float
        The largest value that there can be, :math:`\psi(n) - \psi(k)`.
    saturated_ : bool
        Whether the estimate is beyond 0.7 of that.
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if an argument is not a finite real table, the lengths differ, there are no
        more than `n_neighbors` rows, or a condition is given with ``variant=2``.

    Notes
    -----
    The estimate is at most :math:`\psi(n) - \psi(k)` nats and falls short of strong dependence
    well before (for 3 + 3 normal columns by 0.23 at 4 nats and 0.66 at 6, n = 10 000); it also
    loses in high dimension (0.94 of 1.12 nats for 5 + 5 columns). Both are noted on the result.
    Complexity about :math:`O(n \ln n)` in low dimension, :math:`O(n^2 d)` above. Sources:
    Kraskov, Stögbauer and Grassberger (2004), arXiv:cond-mat/0305641; Frenzel and Pompe (2007),
    doi:10.1103/PhysRevLett.99.204101.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import KSG
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(5000, 1))
    >>> y = 0.6 * x + 0.8 * rng.normal(size=(5000, 1))
    >>> print(f"{KSG().fit(x, y).mutual_information_:.2f}")  # truth 0.223
    0.23
    """

    _parameter_constraints: dict = {
        **_COMMON,
        "variant": [Interval(Integral, 1, 2, closed="both")],
        "margins": _MARGINS,
    }
    _information_laws = {"translation": "exact", "symmetry": "exact"}
    _bias_source = "normal samples of the same correlations"

    def __init__(
        self,
        *,
        n_neighbors: int = 3,
        variant: Literal[1, 2] = 1,
        metric: Metric = "chebyshev",
        margins: str | None = "standardize",
    ) -> None:
        self.n_neighbors = n_neighbors
        self.variant: Literal[1, 2] = variant
        self.metric: Metric = metric
        self.margins = margins

    def fit(self, X: Any, y: Any, *, condition: Any = None) -> KSG:
        """Estimate the mutual information.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,) or (n, e)
        condition : array-like of shape (n,) or (n, f), optional
            Estimate the information given this variable.

        Returns
        -------
        KSG
            The fitted estimator.
        """
        x, target, given = self._check_pair(X, y, condition)
        check_n_neighbors(self.n_neighbors, x.values, "X")
        if given is not None and self.variant == 2:
            raise ValueError(
                "variant=2 has no conditional form, got variant = 2 with a condition. "
                "Use variant=1."
            )
        variables = [v for v in (x, target, given) if v is not None]
        self._margins = [_Margins(v, self.margins) for v in variables]
        self._parts = [m.fitted for m in self._margins]
        self.pointwise_ = self._rows(self._parts)
        notes = _constant_notes(x, target)
        if notes and self.margins is not None:
            self.pointwise_ = np.zeros(x.n_samples)
        self.mutual_information_ = float(np.mean(self.pointwise_))
        if all(v.kind == "mixed" for v in variables):
            notes += _duplicate_notes(self._parts, self.n_neighbors)
        self.saturation_limit_ = ceiling = _ceiling(x.n_samples, self.n_neighbors)
        self.saturated_ = self.mutual_information_ > _NEAR * ceiling
        if not notes and self.saturated_:
            notes.append(
                f"KSG can return at most psi(n) - psi(k) = {ceiling:.2f} nats here, and falls "
                f"short well before; the truth may be larger."
            )
        self.notes_ = (*pairing_notes(X, y, condition), *notes)
        return self

    def _rows(self, parts: list[np.ndarray], query: list[np.ndarray] | None = None) -> np.ndarray:
        return ksg_pointwise(
            parts[0],
            parts[1],
            self.n_neighbors,
            condition=parts[2] if len(parts) > 2 else None,
            variant=self.variant,
            metric=self.metric,
            query=query,
        )

    def pointwise(self, X: Any, y: Any, *, condition: Any = None) -> np.ndarray:
        """Log ratio p(x, y) / p(x) p(y) at new rows, by counts among the fitted rows.

        Parameters
        ----------
        X : array-like of shape (l, d)
        y : array-like of shape (l,) or (l, e)
        condition : array-like of shape (l,) or (l, f), optional
            Required if the fit had one.

        Returns
        -------
        ndarray of shape (l,)
            Nats.
        """
        variables = [v for v in self._check_pair(X, y, condition, reset=False) if v is not None]
        return self._rows(self._parts, _new_rows(self._margins, variables))

    def _bias(self, rng: np.random.RandomState) -> float:
        dims = [part.shape[1] for part in self._parts]
        joint = np.hstack(self._parts)
        mean, covariance = joint.mean(axis=0), np.atleast_2d(np.cov(joint, rowvar=False))
        if np.linalg.eigvalsh(covariance)[0] <= 1e-8 * np.trace(covariance):
            return 0.0
        errors = []
        for _ in range(_N_REFERENCE):
            draw = gaussian_sample(rng.normal(size=joint.shape), mean, covariance)
            estimate = np.mean(self._rows(np.split(draw, np.cumsum(dims)[:-1], axis=1)))
            # The exact log ratios at the same rows carry most of the sampling noise.
            errors.append(estimate - np.mean(gaussian_log_ratio(draw, mean, covariance, *dims[:2])))
        return float(np.mean(errors))


def _new_rows(margins: list[_Margins], variables: list[Variable]) -> list[np.ndarray]:
    if len(margins) != len(variables):
        raise ValueError(
            f"condition was {'given' if len(margins) == 3 else 'absent'} in fit and must be here "
            f"too: pass as many variables as the estimator was fitted with ({len(margins)})."
        )
    rng = deepcopy(margins[0].rng)  # so that the same rows get the same values at every call
    return [m.numbers(v, rng) for m, v in zip(margins, variables, strict=True)]


class MixedKSG(MutualInformationEstimator):
    r"""Mutual information of mixed data: real numbers, repeated numbers and labels together.

    Parameters
    ----------
    n_neighbors : int
    metric : {"chebyshev", "euclidean"}
    margins : {"standardize", "gaussianize"} or None
        Rescaling of the real columns, as in :class:`KSG`.
    ties : {"atoms", "spread"}
        What repeated real numbers are. "atoms": true repeats (zero inflation, counts), handled
        by the published rule. "spread": rounded measurements; each is spread uniformly between
        the midpoints to its neighbours, which leaves the information unchanged. Where both
        variables are rounded finely, "atoms" is far too high (0.3 nats for independent data
        rounded to a tenth of a standard deviation at n = 300), "spread" is not.
    random_state : int, RandomState or None
        For "spread"; an int makes the result reproducible.

    Attributes
    ----------
    mutual_information_ : float
        Nats. May be negative.
    pointwise_ : ndarray of shape (n,)
        One value a fitted row, each left out; the mean is the estimate.
    saturation_limit_ : float
        The largest value that there can be, :math:`\psi(n) - \psi(k)`.
    saturated_ : bool
        Whether the estimate is beyond 0.7 of that.
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if a real column holds missing or infinite values, a label is missing, the
        lengths differ, or there are no more than `n_neighbors` rows.

    Notes
    -----
    Columns of text, categories, booleans and integers are labels: only equal labels are
    neighbours. Floating columns are numbers, which may repeat (atoms, zero inflation, rounded
    values); pass integers as floats to have them treated as numbers. A row whose labels no other
    row shares contributes 0, with a note. Same ceiling and complexity as :class:`KSG`. Sources:
    Gao, Kannan, Oh and Viswanath (2017), arXiv:1709.06212; Ross (2014),
    doi:10.1371/journal.pone.0087357; Mesner and Shalizi (2020), arXiv:1912.03387.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import MixedKSG
    >>> rng = np.random.default_rng(0)
    >>> label = rng.integers(0, 5, size=5000)
    >>> x = label + 2 * rng.uniform(size=5000)
    >>> print(f"{MixedKSG().fit(x.reshape(-1, 1), label).mutual_information_:.2f}")  # truth 1.055
    1.05
    """

    _accepts_labels = True
    _parameter_constraints: dict = {
        **_COMMON,
        "margins": _MARGINS,
        "ties": [StrOptions({"atoms", "spread"})],
        "random_state": ["random_state", np.random.Generator],
    }
    _information_laws = {"translation": "exact", "symmetry": "exact", "integers": None}

    def __init__(
        self,
        *,
        n_neighbors: int = 3,
        metric: Metric = "chebyshev",
        margins: str | None = "standardize",
        ties: str = "atoms",
        random_state: Any = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.metric: Metric = metric
        self.margins = margins
        self.ties = ties
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, condition: Any = None) -> MixedKSG:
        """Estimate the mutual information.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,) or (n, e)
        condition : array-like of shape (n,) or (n, f), optional
            Estimate the information given this variable.

        Returns
        -------
        MixedKSG
            The fitted estimator.
        """
        x, target, given = self._check_pair(X, y, condition, discrete=None)
        check_n_neighbors(self.n_neighbors, x.values, "X")
        self._variables = [v for v in (x, target, given) if v is not None]
        rng = local_random_state(self.random_state) if self.ties == "spread" else None
        self._margins = [_Margins(v, self.margins, rng) for v in self._variables]
        numbers = [m.fitted for m in self._margins]
        # Further than any two rows can be apart in their real columns.
        self._far = 4 * (1 + sum(float(np.ptp(part, axis=0).sum()) for part in numbers))
        self._parts = [
            self._place(part, v) for part, v in zip(numbers, self._variables, strict=True)
        ]
        self.pointwise_ = self._rows(self._parts)
        notes = _constant_notes(x, target)
        if notes:
            self.pointwise_ = np.zeros(x.n_samples)
        self.mutual_information_ = float(np.mean(self.pointwise_))
        self.saturation_limit_ = _ceiling(x.n_samples, self.n_neighbors)
        self.saturated_ = self.mutual_information_ > _NEAR * self.saturation_limit_
        notes += self._lonely_notes(self._variables)
        self.notes_ = (*pairing_notes(X, y, condition), *notes)
        return self

    def _place(self, numbers: np.ndarray, variable: Variable) -> np.ndarray:
        """Real columns, then label columns on which different labels are far apart."""
        return np.column_stack([numbers, self._far * variable.values[:, variable.is_label]])

    def _rows(self, parts: list[np.ndarray], query: list[np.ndarray] | None = None) -> np.ndarray:
        labels = any(v.is_label.any() for v in self._variables)
        return mixed_ksg_pointwise(
            parts[0],
            parts[1],
            self.n_neighbors,
            condition=parts[2] if len(parts) > 2 else None,
            metric=self.metric,
            # Halved, because the distance of two codes is rounded and may fall short of one unit.
            far=self._far / 2 if labels else math.inf,
            query=query,
        )

    def pointwise(self, X: Any, y: Any, *, condition: Any = None) -> np.ndarray:
        """Log ratio p(x, y) / p(x) p(y) at new rows, by counts among the fitted rows.

        Parameters
        ----------
        X : array-like of shape (l, d)
        y : array-like of shape (l,) or (l, e)
        condition : array-like of shape (l,) or (l, f), optional
            Required if the fit had one.

        Returns
        -------
        ndarray of shape (l,)
            Nats. 0 at rows whose labels were not seen in the fit.
        """
        x, target, given = self._check_pair(X, y, condition, discrete=None, reset=False)
        variables = [v for v in (x, target, given) if v is not None]
        numbers = _new_rows(self._margins, variables)
        placed = [
            self._place(part, v.aligned(fitted))
            for part, v, fitted in zip(numbers, variables, self._variables, strict=True)
        ]
        return self._rows(self._parts, placed)

    @staticmethod
    def _lonely_notes(variables: list[Variable]) -> list[str]:
        labels = np.column_stack([v.values[:, v.is_label] for v in variables])
        if labels.shape[1] == 0:
            return []
        _, counts = np.unique(labels, axis=0, return_counts=True)
        lonely = int(np.count_nonzero(counts == 1))
        # Beside repeated symbols a symbol seen once is data like any other.
        symbols = all(v.is_label.all() for v in variables) and lonely < len(labels)
        if not lonely or symbols:
            return []
        return [
            f"{lonely} of {variables[0].n_samples} rows carry labels that no other row shares; "
            f"they contribute 0. If the labels are numbers, pass them as floats."
        ]
