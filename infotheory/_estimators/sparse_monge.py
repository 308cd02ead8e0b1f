"""A transport map that moves each point in few coordinates."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions

from infotheory._base import TransportEstimator
from infotheory._transport_samples import check_order
from infotheory._validation import describe
from infotheory.functional import elastic_cost, elastic_map, sinkhorn

# Of the spread of the costs, as for the map of half the squared distance.
_SHARE = 0.1


class SparseMonge(TransportEstimator):
    r"""Map from a source to a target under a cost that makes displacements sparse.

    Parameters
    ----------
    epsilon : float, optional
        Strength of the entropic regularisation, in units of the cost. None takes a tenth of the
        spread of the costs: the standard deviation, over all pairs, of what is left of them after
        a part of x and a part of y, which decides the plan.
    regulariser : {"l1", "stvs", "k-overlap"}
        What the cost adds to half the squared distance: the sum of the absolute differences
        ("l1"), a sum of concave functions of them, under which long moves are hardly shortened
        ("stvs"), or half the squared k-overlap norm, which favours moves in `k` coordinates.
        See :func:`~infotheory.functional.elastic_cost`.
    strength : float
        Weight of what is added. For "l1" and "stvs" a length in the units of the columns: a
        coordinate in which the gradient of the potential is less does not move at all. A pure
        number for "k-overlap". At 0 the map is that of :math:`|x - y|^2 / 2`.
    k : int
        For "k-overlap", from 1 to the number of columns.
    tol : float
        L1 distance of the marginals of the plan from equal weights.
    max_iter : int
        Sweeps and Newton steps.

    Attributes
    ----------
    cost_ : float
        Mean elastic cost under the plan.
    value_ : float
        The same with the entropic term: the dual value, which is at most the least one.
    duality_gap_ : float
        How far at most `value_` is below it.
    potentials_ : tuple of ndarray of shapes (n,), (m,)
        Of source and target, in units of the cost.
    epsilon_ : float
    target_ : ndarray of shape (m, d)
    marginal_error_ : float
    converged_ : bool
    n_iter_ : int
    unit_ : str
        Of costs and potentials.
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if X and `y` are not finite tables with equally many columns, or `k` exceeds
        their number.

    Warns
    -----
    ConvergenceWarning
        If the marginals are not within `tol` after `max_iter`.

    Notes
    -----
    Columns should be in comparable units, as one `strength` holds for all of them. Where a
    coordinate does not move, ``transform`` returns exactly what came in. The map is an estimate
    whose bias falls with `epsilon` and whose noise grows; points far from the source go where the
    nearest part of the plan goes. Complexity O(n m d) for the cost and for new rows, O(n m) a
    sweep and for memory. Source: Cuturi, Klein and Ablin (2023), arXiv:2302.04065.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import SparseMonge
    >>> X = np.random.default_rng(0).uniform(size=(200, 3))
    >>> y = np.random.default_rng(1).uniform(size=(200, 3)) + [4.0, 0.0, 0.0]
    >>> moved = SparseMonge(strength=1.0).fit(X, y).displacement(X)
    >>> print(f"{moved[:, 0].mean():.1f}", np.mean(moved == 0, axis=0).round(1))
    4.0 [0.  0.9 0.9]
    """

    _parameter_constraints: dict = {
        "epsilon": [Interval(Real, 0, None, closed="neither"), None],
        "regulariser": [StrOptions({"l1", "stvs", "k-overlap"})],
        "strength": [Interval(Real, 0, None, closed="left")],
        "k": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    unit_ = "squared column units"

    def __init__(
        self,
        *,
        epsilon: float | None = None,
        regulariser: str = "l1",
        strength: float = 1.0,
        k: int = 1,
        tol: float = 1e-6,
        max_iter: int = 100_000,
    ) -> None:
        self.epsilon = epsilon
        self.regulariser = regulariser
        self.strength = strength
        self.k = k
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X: Any, y: Any) -> SparseMonge:
        """Find the entropic plan of the elastic cost.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Sample of the source.
        y : array-like of shape (m, d)
            Sample of the target; rows need not pair with those of X.

        Returns
        -------
        SparseMonge
            The fitted estimator.
        """
        checked = describe(y, "y", discrete=False)
        source, target = self._check_source_and_target(X, checked)
        check_order(self, checked)
        if self.regulariser == "k-overlap" and self.k > source.shape[1]:
            raise ValueError(
                f"k must be at most the number of columns, {source.shape[1]}, got {self.k}."
            )
        self._elastic = {
            "regulariser": self.regulariser,
            "strength": float(self.strength),
            "k": int(self.k),
        }
        cost = elastic_cost(source, target, **self._elastic)
        self.epsilon_ = _default_epsilon(cost) if self.epsilon is None else float(self.epsilon)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            plan = sinkhorn(cost, epsilon=self.epsilon_, tol=self.tol, max_iter=self.max_iter)
        for note in plan.notes:
            warnings.warn(note, ConvergenceWarning, stacklevel=2)
        self.target_ = target
        self.potentials_ = plan.potentials
        self.cost_ = float(plan.cost)
        self.value_ = float(plan.value)
        self.duality_gap_ = float(plan.duality_gap)
        self.marginal_error_ = float(plan.marginal_error)
        self.converged_, self.n_iter_ = plan.converged, plan.n_iter
        notes = list(plan.notes)
        if self.strength > 0 and np.array_equal(self._map(source), source):
            notes.append(
                f"No coordinate of any row moves: strength={self.strength:g} exceeds what moves "
                f"are worth. Lower it, or scale the columns."
            )
        self.notes_ = tuple(notes)
        return self

    def _map(self, values: np.ndarray) -> np.ndarray:
        return elastic_map(
            values, self.target_, self.potentials_[1], epsilon=self.epsilon_, **self._elastic
        )

    def transform(self, X: Any) -> np.ndarray:
        """Where rows of the source go.

        Parameters
        ----------
        X : array-like of shape (l, d)
            Fitted rows or new ones.

        Returns
        -------
        ndarray of shape (l, d)
        """
        return self._map(self._check_rows(X))

    def displacement(self, X: Any) -> np.ndarray:
        """How far rows of the source go in each coordinate; many entries are exactly 0.

        Parameters
        ----------
        X : array-like of shape (l, d)

        Returns
        -------
        ndarray of shape (l, d)
            ``transform(X)`` less X.
        """
        values = self._check_rows(X)
        return self._map(values) - values


def _default_epsilon(cost: np.ndarray) -> float:
    rest = cost - cost.mean(axis=0) - cost.mean(axis=1, keepdims=True) + cost.mean()
    spread = float(np.sqrt(np.mean(rest**2)))
    # Below this it is what rounding left: all plans cost the same, and any epsilon gives them.
    return _SHARE * spread if spread > 1e-13 * float(cost.max()) else 1.0
