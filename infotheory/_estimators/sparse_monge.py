"""A transport map that moves each point in few coordinates."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions

from infotheory._base import TransportEstimator
from infotheory._interrupts import all_or_nothing
from infotheory._transport_samples import check_extent
from infotheory.functional import elastic_cost, elastic_map, sinkhorn

# Of the spread of the costs: times the root of the number of columns, up to the second; for
# "k-overlap", whose costs spread with them, as it is.
_SHARE, _LARGEST_SHARE = 0.1, 0.5
_HARDLY_ANY = 0.01  # of the coordinates of fitted rows that stay


class SparseMonge(TransportEstimator):
    r"""Map from a source to a target under a cost that makes displacements sparse.

    Parameters
    ----------
    epsilon : float, optional
        Strength of the entropic regularisation, in units of the cost. None takes a share of the
        spread of the costs: .1 times the root of the number of columns and at most .5, for
        "k-overlap" .1; see Notes.
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
    nearest part of the plan goes.

    The spread that ``epsilon=None`` takes a share of is the standard deviation, over all pairs, of
    what is left of the costs after a part of x and a part of y, which no plan can change. With a
    small share each row goes to nearly a single row of the target, all coordinates with it,
    whatever they cost. The share was chosen among multiples of the spread for normal columns of
    which one is shifted, or two are shifted and doubled (``benchmarks/sparse_map.py``). With 300
    rows and a `strength` of one standard deviation, a tenth or less had the best map in 2 columns
    for "l1" and "stvs", .2 to .3 in 5, and the default in 20 and 40, where with a tenth seven or
    eight in ten coordinates moved that should not; beyond .5 maps were worse again. With "l1" and
    the default .08, .17, .4 and .46 of such coordinates still move in 2, 5, 20 and 40 columns, and
    where one of them is shifted the squared error of the map is .01, .04, .5 and 1.6 of that of
    no map at all; more rows and a larger `strength` lower both. The cost of "k-overlap" spreads
    far more in many columns: a tenth is near the best up to 5, and from 20 on it leaves a map that
    is worse than none at that strength, at any share, though .3 moves few coordinates.

    Complexity O(n m d) for the cost and for new rows, O(n m) a
    sweep and for memory. Source: Cuturi, Klein and Ablin (2023), arXiv:2302.04065.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import SparseMonge
    >>> X = np.random.default_rng(0).uniform(size=(200, 3))
    >>> y = np.random.default_rng(1).uniform(size=(200, 3)) + [4.0, 0.0, 0.0]
    >>> moved = SparseMonge(strength=1.0).fit(X, y).displacement(X)
    >>> print(f"{moved[:, 0].mean():.1f}", np.mean(moved == 0, axis=0).round(1))
    4.0 [0. 1. 1.]
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

    @all_or_nothing
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
        source, target = self._check_source_and_target(X, y)
        check_extent(source, target)
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
        dim = source.shape[1]
        share = min(_SHARE * dim**0.5, _LARGEST_SHARE)
        if self.regulariser == "k-overlap":
            share = _SHARE
        # Where all plans cost the same, any epsilon gives them.
        self.epsilon_ = float(self.epsilon or share * _spread(cost) or 1.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            plan = sinkhorn(cost, epsilon=self.epsilon_, tol=self.tol, max_iter=self.max_iter)
        notes = []
        if not plan.converged:
            notes.append(
                f"The marginals of the plan are off by {float(plan.marginal_error):.2g} "
                f"(tol={self.tol:g}) after {plan.n_iter} sweeps and Newton steps: raise epsilon "
                f"(here {self.epsilon_:.3g}) or max_iter."
            )
            warnings.warn(notes[0], ConvergenceWarning, stacklevel=3)
        self.target_ = target
        self.potentials_ = plan.potentials
        self.cost_ = float(plan.cost)
        self.value_ = float(plan.value)
        self.duality_gap_ = float(plan.duality_gap)
        self.marginal_error_ = float(plan.marginal_error)
        self.converged_, self.n_iter_ = plan.converged, plan.n_iter
        stays = self._map(source) == source
        if self.strength > 0 and np.all(stays):
            notes.append(
                f"No coordinate of any row moves: strength={self.strength:g} exceeds what moves "
                f"are worth. Lower it, or scale the columns."
            )
        elif self.strength > 0 and dim > 1 and np.mean(stays) < _HARDLY_ANY:
            notes.append(
                f"Nearly every coordinate of every row moves: at strength={self.strength:g} and "
                f"epsilon={self.epsilon_:.3g} the map is not sparse. Raise strength, or epsilon "
                f"where rows go to single rows of the target."
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


def _spread(cost: np.ndarray) -> float:
    """Standard deviation of what plans can change; 0 where that is what rounding left."""
    rest = cost - cost.mean(axis=0) - cost.mean(axis=1, keepdims=True) + cost.mean()
    spread = float(np.sqrt(np.mean(rest**2)))
    return spread if spread > 1e-13 * float(cost.max()) else 0.0
