"""Divergences of two samples by transport: entropic and debiased, or exact."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from infotheory._base import DivergenceEstimator
from infotheory._halving import BIAS_ERROR, halving_bias
from infotheory._interrupts import all_or_nothing
from infotheory._transport_samples import unit_of_cost
from infotheory.functional import (
    DebiasedTransport,
    exact_transport,
    transport_cost,
    wasserstein_distance,
)
from infotheory.functional._cost_spread import SHARE_OF_SPREAD
from infotheory.functional._sinkhorn_divergence import debiased, to_itself

_COSTS = {"half-sqeuclidean", "sqeuclidean", "euclidean", "cosine"}
# The slowest growth of the bias that is believed: 1.3 to 1.7 at epsilon of 5 % of the mean cost.
_LEAST_RATIO = 1.5
# Share of the bias in the standard error of an exact distance, whose bias is known less well.
_BIAS_ERROR = 2 / 3
_MANY_STANDARD_ERRORS = 2.0
_TOL_OF_PERMUTATIONS = 1e-3

_LAWS: dict[str, str | None] = {
    "translation": "exact",
    "scale": None,
    "symmetry": "exact",
    "additivity": None,
    "data-processing": None,
    "truth": None,
}


class _TwoSamples(DivergenceEstimator):
    """What both share: the rows, kept for the bias and for permutations, and what is said."""

    _bias_source = "halves and quarters of the rows"

    def _begin(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        x, in_q = self._check_two_samples(X, y)
        self._rows, self._in_q = x.values, in_q
        self._found: tuple[float, float] | None = None
        return x.values[~in_q], x.values[in_q]

    def _sizes(self) -> tuple[int, int]:
        return int(np.sum(~self._in_q)), int(np.sum(self._in_q))

    def _samples(self) -> tuple[np.ndarray, np.ndarray]:
        return self._rows[~self._in_q], self._rows[self._in_q]

    def _error_and_bias(self) -> tuple[float, float]:
        """Standard error, of which the bias is a part, and bias; kept once they are known."""
        check_is_fitted(self)
        if self._found is None:
            self._found = self._uncertainty()
        return self._found

    def _uncertainty(self) -> tuple[float, float]:
        raise NotImplementedError

    def _standard_error(self) -> float:
        return self._error_and_bias()[0]

    def _bias(self, rng: np.random.RandomState) -> float:
        return self._error_and_bias()[1]

    def _note_equal(self, error: float, value: float) -> list[str]:
        if value > _MANY_STANDARD_ERRORS * error:
            return []
        return [
            "The value is within two standard errors of 0. Where P = Q its first-order error "
            "vanishes and the interval is only rough: a permutation test (n_permutations=199) "
            "tells whether the laws differ."
        ]


class SinkhornDivergence(_TwoSamples):
    r"""Sinkhorn divergence of two samples: entropic transport without what it costs to stay.

    :math:`OT_\epsilon(P, Q) - \tfrac12 OT_\epsilon(P, P) - \tfrac12 OT_\epsilon(Q, Q)` with dual
    values.

    Parameters
    ----------
    epsilon : float, optional
        Strength of the regularisation, in units of the cost. None takes a tenth of the spread of
        the costs between the samples, as :class:`Sinkhorn` does.
    cost : str or callable
        "half-sqeuclidean", "sqeuclidean", "euclidean", "cosine", or a callable, symmetric, that
        takes two samples and returns the costs of all pairs, (n, m).
    tol : float
        L1 distance of the marginals of each plan from the weights at which to stop.
    max_iter : int
        For each of the three plans.

    Attributes
    ----------
    divergence_ : float
    standard_error_ : float
        Of the divergence at `epsilon_`.
    potentials_ : tuple of ndarrays of shape (n,), (m,)
        First variation of the value at the rows of P and of Q, in units of the cost: where they
        are large is where the laws differ.
    epsilon_ : float
        What `epsilon` came to.
    converged_ : bool
    classes_ : ndarray of shape (2,)
        P is the sample of the first class, Q that of the second.
    unit_ : str
        "squared column units", "column units", "(no unit)" for the cosine, or "cost units".
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if a parameter is out of its rule, X is not a finite real table, y does not
        have two classes, or one of them has a single row.

    Warns
    -----
    ConvergenceWarning
        If the marginals are not within `tol` after `max_iter`.

    Notes
    -----
    With the default cost the value is between half the squared distance of the means (large
    epsilon) and half the squared Wasserstein distance of order 2 (epsilon to 0); it is 0 for equal
    laws alone. The plug-in is too large by the order of 1/n, with a factor that grows as epsilon
    falls and with the columns. :func:`confidence_interval` finds that bias from halves and
    quarters of the rows, centres the interval on the value without it, and adds .3 of it in
    quadrature to the standard error, which is
    :math:`(Var(f_{ab} - f_{aa}) / n + Var(g_{ab} - g_{bb}) / m)^{1/2}`. Where P = Q both are of
    the same order and the interval is rough; a permutation test is exact.

    Complexity: O((n + m)^2) a sweep and for memory. Sources: Feydy et al. (2019),
    arXiv:1810.08278; del Barrio, González-Sanz, Loubes and Niles-Weed (2023), arXiv:2204.09105.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import SinkhornDivergence, two_samples
    >>> rng = np.random.default_rng(0)
    >>> X, y = two_samples(rng.normal(size=(500, 1)), rng.normal(2.0, size=(500, 1)))
    >>> model = SinkhornDivergence().fit(X, y)
    >>> print(f"{model.divergence_:.0f}")  # truth 2
    2
    """

    kind = "sinkhorn"
    _information_laws = _LAWS
    _parameter_constraints: dict = {
        "epsilon": [Interval(Real, 0, None, closed="neither"), None],
        "cost": [StrOptions(_COSTS), callable],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        epsilon: float | None = None,
        cost: str | Callable[[np.ndarray, np.ndarray], np.ndarray] = "half-sqeuclidean",
        tol: float = 1e-6,
        max_iter: int = 100_000,
    ) -> None:
        self.epsilon = epsilon
        self.cost = cost
        self.tol = tol
        self.max_iter = max_iter

    @property
    def unit_(self) -> str:
        """What the value is in."""
        return unit_of_cost(self.cost)

    @all_or_nothing
    def fit(self, X: Any, y: Any) -> SinkhornDivergence:
        """Find the three plans.

        Parameters
        ----------
        X : array-like of shape (n + m, d)
        y : array-like of shape (n + m,)
            Which sample each row came from: two classes.

        Returns
        -------
        SinkhornDivergence
            The fitted estimator.
        """
        p, q = self._begin(X, y)
        across = self._costs(p, q)
        self.epsilon_ = self._chosen_epsilon(across)
        found = self._solved(across, self._costs(p, p), self._costs(q, q), self.epsilon_)
        self.divergence_ = float(found.value)
        self.potentials_ = found.potentials
        variance = sum(float(np.var(f, ddof=1)) / len(f) for f in self.potentials_)
        self.standard_error_ = math.sqrt(variance)
        self.converged_ = found.converged
        notes = []
        if not found.converged:
            plans = found.across, found.of_x, found.of_y
            worst = max(float(plan.marginal_error) for plan in plans)
            notes.append(
                f"The marginals of the plans are off by {worst:.2g} (tol={self.tol:g}): raise "
                f"epsilon (here {self.epsilon_:.3g}) or max_iter."
            )
            warnings.warn(notes[0], ConvergenceWarning, stacklevel=3)
        self.notes_ = (*notes, *self._note_equal(self.standard_error_, self.divergence_))
        return self

    def _costs(self, p: np.ndarray, q: np.ndarray) -> np.ndarray:
        costs = np.asarray(transport_cost(p, q, self.cost), dtype=np.float64)
        if not np.all(np.isfinite(costs)):
            raise ValueError(
                f"cost must be finite for all pairs of rows, and {self.cost!r} returned missing "
                f"or infinite values. Replace them by a large cost, or scale the columns."
            )
        return costs

    def _chosen_epsilon(self, across: np.ndarray) -> float:
        if self.epsilon is not None:
            return float(self.epsilon)
        rows, columns = across.mean(axis=1, keepdims=True), across.mean(axis=0)
        spread = float(np.std(across - rows - columns + across.mean()))
        # Below this the spread is what rounding left of the costs, which all plans share.
        return SHARE_OF_SPREAD * spread if spread > 1e-13 * float(np.max(np.abs(across))) else 1.0

    def _solved(
        self,
        across: np.ndarray,
        within_p: np.ndarray,
        within_q: np.ndarray,
        epsilon: float,
        init: tuple[np.ndarray, np.ndarray] | None = None,
        tol: float | None = None,
    ) -> DebiasedTransport:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return debiased(
                across,
                within_p,
                within_q,
                epsilon=epsilon,
                tol=self.tol if tol is None else tol,
                max_iter=self.max_iter,
                init=init,
            )

    def _uncertainty(self) -> tuple[float, float]:
        p, q = self._samples()

        def statistic(rows: tuple[np.ndarray, ...]) -> float:
            x, y = p[rows[0]], q[rows[1]]
            across, of_x, of_y = (self._costs(s, t) for s, t in ((x, y), (x, x), (y, y)))
            return float(self._solved(across, of_x, of_y, self.epsilon_).value)

        sizes = len(p), len(q)
        bias = halving_bias(self.divergence_, statistic, sizes, least_ratio=_LEAST_RATIO)
        return math.hypot(self.standard_error_, BIAS_ERROR * bias), bias

    def _permuted(self) -> Callable[[np.ndarray], float]:
        """The value with the labels in another order: costs are computed once.

        Plans start from that of the pooled sample to itself, which knows no labels.
        """
        check_is_fitted(self)
        pooled, in_q = self._costs(self._rows, self._rows), self._in_q
        # The value errs by the square of what the marginals do.
        tol = max(self.tol, _TOL_OF_PERMUTATIONS)
        n = len(pooled)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            common = to_itself(
                pooled,
                np.full(n, 1 / n),
                epsilon=self._chosen_epsilon(pooled),
                tol=tol,
                max_iter=self.max_iter,
            ).dual[0]

        def value(order: np.ndarray) -> float:
            p, q = np.flatnonzero(~in_q[order]), np.flatnonzero(in_q[order])
            across, within_p, within_q = (pooled[np.ix_(s, t)] for s, t in ((p, q), (p, p), (q, q)))
            epsilon = self._chosen_epsilon(across)
            init = common[p], common[q]
            return float(self._solved(across, within_p, within_q, epsilon, init, tol).value)

        return value


class WassersteinDivergence(_TwoSamples):
    r"""Wasserstein distance of two samples, by an exact optimal plan.

    Parameters
    ----------
    order : float
        p, at least 1: the p-th root of the least mean of the p-th powers of Euclidean distances.

    Attributes
    ----------
    divergence_ : float
        In units of the columns.
    classes_ : ndarray of shape (2,)
        P is the sample of the first class, Q that of the second.
    unit_ : str
        "column units".
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if `order` is below 1, X is not a finite real table, y does not have two
        classes, or one of them has a single row.
    ImportError
        In ``fit`` with more than one column, without POT.

    Notes
    -----
    One column is sorted; more take the network simplex of POT. The distance of samples is above
    that of the laws on average, and in d > 2 columns by the order of :math:`n^{-1/d}`, which no
    number of rows in practice makes small: a note says so. :func:`confidence_interval` has the
    standard error of the value around its mean, by the potentials of the plan, takes the bias from
    halves and quarters of the rows, and adds two thirds of it to the standard error in quadrature.
    In many columns prefer :class:`SinkhornDivergence`, whose bias is of the order 1/n, or the
    critics of :class:`VariationalDivergence`, which are a lower bound.

    Complexity: O((n + m) log (n + m)) for one column, else about O(n^2.5) in practice for n = m,
    and O(n m) memory. Sources: Fournier and Guillin (2015), arXiv:1312.2128, of the bias; del
    Barrio and Loubes (2019), arXiv:1705.01299, of the standard error.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import WassersteinDivergence, two_samples
    >>> rng = np.random.default_rng(0)
    >>> X, y = two_samples(rng.normal(size=(500, 1)), rng.normal(2.0, size=(500, 1)))
    >>> print(f"{WassersteinDivergence().fit(X, y).divergence_:.1f}")  # truth 2
    2.0
    """

    kind = "wasserstein"
    unit_ = "column units"
    _information_laws = _LAWS
    _parameter_constraints: dict = {"order": [Interval(Real, 1, None, closed="left")]}

    def __init__(self, *, order: float = 1.0) -> None:
        self.order = order

    @all_or_nothing
    def fit(self, X: Any, y: Any) -> WassersteinDivergence:
        """Find the plan.

        Parameters
        ----------
        X : array-like of shape (n + m, d)
        y : array-like of shape (n + m,)
            Which sample each row came from: two classes.

        Returns
        -------
        WassersteinDivergence
            The fitted estimator.
        """
        p, q = self._begin(X, y)
        power, self._potentials = self._powers(p, q)
        self.divergence_ = power ** (1 / self.order)
        self.notes_ = ()
        if p.shape[1] > 2:
            self.notes_ = (
                f"The distance of samples is above that of their laws, in {p.shape[1]} columns by "
                f"the order of n^(-1/{p.shape[1]}). kind='sinkhorn' has a bias that vanishes as "
                f"1/n.",
            )
        return self

    def _powers(
        self, p: np.ndarray, q: np.ndarray
    ) -> tuple[float, tuple[np.ndarray, np.ndarray] | None]:
        """The least mean of powers of distances, and potentials where a plan was solved for."""
        if p.shape[1] == 1:
            return float(wasserstein_distance(p, q, self.order)) ** self.order, None
        found = exact_transport(transport_cost(p, q, "euclidean") ** self.order)
        return float(found.value), found.potentials

    def _uncertainty(self) -> tuple[float, float]:
        p, q = self._samples()
        of_p, of_q = self._potentials or _sorted_potentials(p, q, self.order)
        error = math.sqrt(sum(float(np.var(f, ddof=1)) / len(f) for f in (of_p, of_q)))
        power = self.divergence_**self.order
        bias = halving_bias(
            power,
            lambda rows: self._powers(p[rows[0]], q[rows[1]])[0],
            (len(p), len(q)),
            least_ratio=2 ** (self.order / max(p.shape[1], 2 * self.order)),
        )
        # From the power to its root, whose slope is taken at the value.
        slope = 1 / (self.order * self.divergence_ ** (self.order - 1)) if power > 0 else 0.0
        shown = self.divergence_ - max(power - bias, 0.0) ** (1 / self.order)
        return math.hypot(error * slope, _BIAS_ERROR * shown), shown

    def _permuted(self) -> Callable[[np.ndarray], float]:
        """The value with the labels in another order: costs are computed once."""
        check_is_fitted(self)
        rows, in_q, order = self._rows, self._in_q, self.order
        if rows.shape[1] == 1:
            return lambda labels: float(
                wasserstein_distance(rows[~in_q[labels]], rows[in_q[labels]], order)
            )
        pooled = transport_cost(rows, rows, "euclidean") ** order

        def value(labels: np.ndarray) -> float:
            costs = pooled[np.ix_(~in_q[labels], in_q[labels])]
            return float(exact_transport(costs).value) ** (1 / order)

        return value


def _sorted_potentials(p: np.ndarray, q: np.ndarray, order: float) -> tuple[np.ndarray, np.ndarray]:
    """Potentials of the sorted plan of one column, up to constants.

    Their slope at x is that of the cost of its partner, p |x - T(x)|^(p - 1) with the sign of
    x - T(x); they are its integral along the sorted rows.
    """
    potentials = []
    for own, other in ((p[:, 0], q[:, 0]), (q[:, 0], p[:, 0])):
        order_of = np.argsort(own)
        x, target = own[order_of], np.sort(other)
        levels = (np.arange(len(x)) + 0.5) / len(x)
        at = np.minimum((levels * len(target)).astype(int), len(target) - 1)
        apart = x - target[at]
        slopes = order * np.sign(apart) * np.abs(apart) ** (order - 1)
        steps = np.diff(x) * (slopes[1:] + slopes[:-1]) / 2
        potential = np.empty(len(x))
        potential[order_of] = np.concatenate([[0.0], np.cumsum(steps)])
        potentials.append(potential)
    return potentials[0], potentials[1]
