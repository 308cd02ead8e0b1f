"""Transport of large samples by a plan of few parts."""

from __future__ import annotations

import math
import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval

from infotheory._base import TransportEstimator
from infotheory._interrupts import all_or_nothing
from infotheory._resampling import local_random_state
from infotheory._transport_samples import check_extent
from infotheory.functional import entropic_map, low_rank_sinkhorn, sinkhorn, transport_cost
from infotheory.functional._cost_spread import SHARE_OF_SPREAD


class LowRankSinkhorn(TransportEstimator):
    r"""Transport plan of low rank for half the squared distance, in linear memory.

    The source is cut into a few parts and so is the target; each part goes to one part, and
    within it all rows are paired with all. That is the plan :math:`Q \, diag(1 / g) \, R^\top`.

    Parameters
    ----------
    rank : int
        Number of parts, at most the rows of either sample.
    epsilon : float
        Weight of the negative entropy of the parts that is added to the cost, in its units.
    tol : float
        Relative fall of the cost below which a step counts as without gain.
    max_iter : int
        Steps.
    random_state : int, RandomState instance or None
        Of the start.

    Attributes
    ----------
    cost_ : float
        Mean cost under the plan, whose marginals are exact: an upper bound on the least one of
        any plan of the two samples.
    source_parts_ : ndarray of shape (n, rank)
        Q: mass of each row of the source in each part.
    target_parts_ : ndarray of shape (m, rank)
        R.
    weights_ : ndarray of shape (rank,)
        g: mass of the parts.
    centres_ : ndarray of shape (rank, d)
        Means of the parts of the target.
    costs_ : ndarray
        What was minimised: at the start, and after each iteration.
    marginal_error_ : float
        L1 distance of both marginals of the plan from equal weights: rounding errors.
    converged_ : bool
        Whether the cost had stopped to fall.
    n_iter_ : int
    unit_ : str
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if X and `y` are not finite tables with equally many columns, or `rank`
        exceeds the rows of one.

    Warns
    -----
    ConvergenceWarning
        If the cost still fell after `max_iter` steps.

    Notes
    -----
    The problem is not convex: another `random_state` may find another plan, and a larger `rank`
    need not find a lower cost. ``transform`` takes a row to a mean of `centres_`, by the entropic
    plan from the source to the parts: its image has few points and what lies between them. Low
    rank is right for clustered samples and a coarse bound otherwise, as the cost within a part
    stays. Complexity O((n + m) rank (d + 50)) a step, memory O((n + m) (rank + d)).
    Sources: Scetbon, Cuturi and Peyre (2021), arXiv:2103.04737; Scetbon and Cuturi (2022),
    arXiv:2205.12365.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import LowRankSinkhorn
    >>> rng = np.random.default_rng(0)
    >>> places = 10 * rng.normal(size=(3, 2))
    >>> X = np.repeat(places, 100, axis=0) + rng.normal(size=(300, 2))
    >>> y = np.repeat(places + [5.0, 0.0], 100, axis=0) + rng.normal(size=(300, 2))
    >>> fitted = LowRankSinkhorn(rank=3, random_state=0).fit(X, y)
    >>> print(f"{fitted.cost_:.1f}")  # 25 / 2 and the variances within
    14.6
    """

    _parameter_constraints: dict = {
        "rank": [Interval(Integral, 1, None, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    unit_ = "squared column units"

    def __init__(
        self,
        *,
        rank: int = 10,
        epsilon: float = 0.0,
        tol: float = 1e-5,
        max_iter: int = 1000,
        random_state: Any = None,
    ) -> None:
        self.rank = rank
        self.epsilon = epsilon
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state

    @all_or_nothing
    def fit(self, X: Any, y: Any) -> LowRankSinkhorn:
        """Find a plan.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Sample of the source.
        y : array-like of shape (m, d)
            Sample of the target; rows need not pair with those of X.

        Returns
        -------
        LowRankSinkhorn
            The fitted estimator.
        """
        source, target = self._check_source_and_target(X, y)
        check_extent(source, target)
        fewest = min(len(source), len(target))
        if self.rank > fewest:
            raise ValueError(
                f"rank must be at most the rows of the smaller sample, {fewest}, got {self.rank}."
            )
        found = low_rank_sinkhorn(
            source,
            target,
            rank=self.rank,
            epsilon=float(self.epsilon),
            tol=self.tol,
            max_iter=self.max_iter,
            seed=int(local_random_state(self.random_state).randint(2**31)),
        )
        self.source_parts_, self.target_parts_, self.weights_ = found.Q, found.R, found.g
        self.cost_, self.costs_ = found.cost, found.costs
        self.converged_, self.n_iter_ = found.converged, found.n_iter
        ones = np.ones(len(target))
        of_x = np.sum(np.abs(found.times(ones) - 1 / len(source)))
        of_y = np.sum(np.abs((found.R / found.g) @ found.Q.sum(axis=0) - 1 / len(target)))
        self.marginal_error_ = float(of_x + of_y)
        self.centres_ = found.R.T @ target / found.g[:, None]
        self._fit_map(source)
        self.notes_ = ()
        if not self.converged_:
            fall = 1 - self.costs_[-1] / self.costs_[-2] if self.costs_[-2] else 0.0
            note = (
                f"The cost still fell, by {fall:.1g} of itself at the last of {self.n_iter_} "
                f"steps (tol={self.tol:g}): raise max_iter or tol. The plan has exact marginals."
            )
            self.notes_ = (note,)
            warnings.warn(note, ConvergenceWarning, stacklevel=3)
        return self

    def _fit_map(self, source: np.ndarray) -> None:
        """The entropic plan from the source to the parts, by which new rows are mapped."""
        costs = transport_cost(source, self.centres_)
        rest = costs - (costs @ self.weights_)[:, None]
        rest = rest - rest.mean(axis=0)
        spread = math.sqrt(float(np.mean(rest**2 @ self.weights_)))
        self._epsilon = SHARE_OF_SPREAD * spread if spread > 1e-13 * float(costs.max()) else 1.0
        plan = sinkhorn(costs, b=self.weights_, epsilon=self._epsilon, tol=1e-4)
        self._potential = plan.potentials[1]

    def transform(self, X: Any) -> np.ndarray:
        """Mean of the target given each row, by its parts.

        Parameters
        ----------
        X : array-like of shape (l, d)
            Fitted rows or new ones.

        Returns
        -------
        ndarray of shape (l, d)
        """
        rows = self._check_rows(X)
        return entropic_map(rows, self.centres_, self._potential, self.weights_, self._epsilon)
