"""Transport from a continuous source to finitely many points."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval

from infotheory._base import TransportEstimator
from infotheory._interrupts import all_or_nothing
from infotheory._resampling import local_random_state
from infotheory._transport_samples import check_extent, check_weights
from infotheory.functional import laguerre_cells, semi_discrete, semi_discrete_dual

_N_HELD_OUT = 2**16  # draws from a law that the fitted map is judged by


class SemiDiscrete(TransportEstimator):
    r"""Map from a continuous source to a finite target, by decreasing regularisation.

    Every point x of the source goes to the point of the target that minimises
    :math:`|x - y_j|^2 / 2 - g_j`; the potential g is such that each receives its weight.

    Parameters
    ----------
    epsilon : float
        First regularisation, in units of the mean difference in cost between the best and the
        second best point of the target: it follows the units of the columns.
    decay : float
        The regularisation of step t is the first times :math:`t^{-decay}`.
    batch_size : int
        Draws from the source a step.
    max_iter : int
        Steps.
    tol : float
        Share of the mass in the wrong cells, summed over both signs, above which a note and a
        warning say so. What chance alone brings to the rows it is measured on is added to it.
    random_state : int, RandomState instance or None

    Attributes
    ----------
    cost_ : float
        Dual value: in expectation at most the least mean cost :math:`|x - T(x)|^2 / 2`, which is
        half the squared Wasserstein distance. The mean over the rows of X, or, where the source
        is a law, over 65 536 draws that the fit has not seen.
    standard_error_ : float
        Of `cost_`, given the potential.
    potential_ : ndarray of shape (m,)
        g in units of the cost, with weighted mean 0; -inf where the weight is 0.
    masses_ : ndarray of shape (m,)
        Share of the same rows or draws that each point of the target receives.
    marginal_error_ : float
        L1 distance of `masses_` from the weights.
    target_ : ndarray of shape (m, d)
    target_weight_ : ndarray of shape (m,)
    epsilon_ : float
        Last regularisation, in units of the cost.
    n_draws_ : int
    n_iter_ : int
    converged_ : bool
    unit_ : str
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if X and `y` are not finite tables with equally many columns, or weights are
        negative, all 0 or not one a row of `y`.

    Warns
    -----
    ConvergenceWarning
        If the cells are further from their weights than `tol` and chance explain.

    Notes
    -----
    Rows of X are taken as draws from a continuous law and used again and again: with rows as few
    as points of the target, whole rows cannot make up the weights, and :class:`Sinkhorn` is the
    estimator to use. The squared error of the map, averaged over the source, falls as
    :math:`n^{-1/2}` in the number of draws whatever the number of columns, that of `cost_` as
    1 / n until its standard error is all that is left. Complexity O(m d) a draw and O(m^2) a step,
    O(m^3) once for up to 2000 points; memory O((d + m) batch_size + m^2) besides the sample.
    Sources: Genans et al. (2025), arXiv:2510.27340; Pooladian, Divol and Niles-Weed (2023),
    arXiv:2301.11302, of the rate.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import SemiDiscrete
    >>> X = np.random.default_rng(0).uniform(size=(2000, 1))
    >>> fitted = SemiDiscrete(random_state=0).fit(X, [[0.0], [5.0]], target_weight=[0.75, 0.25])
    >>> fitted.transform([[0.7], [0.8]]).tolist()
    [[0.0], [5.0]]
    """

    # It tends to 0: the plan is one without regularisation.
    _epsilon_of_cost = False
    _parameter_constraints: dict = {
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "decay": [Interval(Real, 0, 1, closed="both")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
    }

    unit_ = "squared column units"

    def __init__(
        self,
        *,
        epsilon: float = 0.03,
        decay: float = 1 / 3,
        batch_size: int = 256,
        max_iter: int = 1000,
        tol: float = 0.05,
        random_state: Any = None,
    ) -> None:
        self.epsilon = epsilon
        self.decay = decay
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    @all_or_nothing
    def fit(self, X: Any, y: Any, *, target_weight: Any = None) -> SemiDiscrete:
        """Find the potential of the target.

        Parameters
        ----------
        X : array-like of shape (n, d), or a law
            Sample of the source, or the source itself: an object with ``sample(n, random_state)``
            or a callable of these two arguments, which return an array of shape (n, d).
        y : array-like of shape (m, d)
            Points of the target.
        target_weight : array-like of shape (m,), optional
            Weights of the rows of y, divided by their sum; equal if None.

        Returns
        -------
        SemiDiscrete
            The fitted estimator.
        """
        rng = local_random_state(self.random_state)
        law = _as_law(X)
        if law is None:
            sample, target = self._check_source_and_target(X, y)
            check_extent(sample, target)
            # Near the origin less is lost to rounding; potentials do not change.
            self._centre = target.mean(axis=0)
            sample = sample - self._centre
            draw = _Rows(sample, rng)
        else:
            _, target = self._check_source_and_target(law(2, rng), y)
            self._centre = target.mean(axis=0)
            draw = _Draws(law, rng, self._centre)
            sample = None
        weights = check_weights(target_weight, "target_weight", len(target), "y")
        self.target_, self.target_weight_ = target, weights
        # Equal points share one cell, and points without weight have none.
        given, home = np.unique(target, axis=0, return_inverse=True)
        home, points = home.reshape(-1), given - self._centre
        mass = np.bincount(home, weights)
        kept = mass > 0
        found = semi_discrete(
            draw,
            points[kept],
            mass[kept],
            epsilon=self.epsilon,
            decay=self.decay,
            batch_size=self.batch_size if sample is None else min(self.batch_size, len(sample)),
            max_iter=self.max_iter,
        )
        potential = np.full(len(points), -math.inf)
        potential[kept] = found.potential
        self._given, self._points = given[kept], points[kept]
        self._point_potential = found.potential
        self._point_weight, self.n_iter_ = mass[kept], self.max_iter
        self.potential_ = np.where(weights > 0, potential[home], -math.inf)
        self.epsilon_, self.n_draws_ = found.epsilon, found.n_draws
        judged = draw(_N_HELD_OUT) if sample is None else sample
        self._judge(judged, kept, home)
        return self

    def _judge(self, rows: np.ndarray, kept: np.ndarray, home: np.ndarray) -> None:
        mass = self._point_weight
        values = semi_discrete_dual(rows, self._points, self._point_potential, mass)
        self.cost_ = float(values.mean())
        self.standard_error_ = float(values.std(ddof=1)) / math.sqrt(len(rows))
        cells = laguerre_cells(rows, self._points, self._point_potential)
        received = np.bincount(cells, minlength=len(mass)) / len(rows)
        of_points = np.zeros(len(kept))
        of_points[kept] = received / mass
        self.masses_ = of_points[home] * self.target_weight_
        self.marginal_error_ = float(np.sum(np.abs(received - mass)))
        # One standard error of each share; a cell that is empty by chance is off by its weight.
        rest = np.maximum(1 - mass, 0.0)  # the mass of a single point is 1 but for rounding
        chance = float(np.sum(np.minimum(2 * mass, np.sqrt(mass * rest / len(rows)))))
        self.converged_ = self.marginal_error_ <= self.tol + chance
        self.notes_ = ()
        if not self.converged_:
            note = (
                f"The cells of the target are off by {self.marginal_error_:.2g} of the mass "
                f"(tol={self.tol:g}, chance {chance:.2g}) after {self.max_iter} steps: raise "
                f"max_iter or batch_size, lower epsilon, or use Sinkhorn, whose plan splits rows."
            )
            self.notes_ = (note,)
            warnings.warn(note, ConvergenceWarning, stacklevel=4)

    def transform(self, X: Any) -> np.ndarray:
        """The point of the target that each row goes to.

        Parameters
        ----------
        X : array-like of shape (l, d)

        Returns
        -------
        ndarray of shape (l, d)
        """
        rows = self._check_rows(X) - self._centre
        return self._given[laguerre_cells(rows, self._points, self._point_potential)]

    def score(self, X: Any, y: Any = None) -> float:
        """Mean dual value of new rows: a lower bound on the cost in expectation; higher is better.

        Parameters
        ----------
        X : array-like of shape (l, d)
            New rows of the source.
        y : None
            Ignored: the target is the points and weights of the fit.

        Returns
        -------
        float
            In squared units of the columns.
        """
        rows = self._check_rows(X) - self._centre
        values = semi_discrete_dual(rows, self._points, self._point_potential, self._point_weight)
        return float(np.mean(values))


class _Rows:
    """Batches of the rows of a sample, each row once before any comes again."""

    def __init__(self, sample: np.ndarray, rng: np.random.RandomState) -> None:
        self.sample, self.rng = sample, rng
        self.order = np.empty(0, dtype=np.intp)

    def __call__(self, n: int) -> np.ndarray:
        n = min(n, len(self.sample))
        if len(self.order) < n:
            self.order = np.concatenate([self.order, self.rng.permutation(len(self.sample))])
        taken, self.order = self.order[:n], self.order[n:]
        return self.sample[taken]


class _Draws:
    """Draws from a law, checked, less a centre."""

    def __init__(
        self, law: Callable[[int, Any], Any], rng: np.random.RandomState, centre: np.ndarray
    ) -> None:
        self.law, self.rng, self.centre = law, rng, centre

    def __call__(self, n: int) -> np.ndarray:
        rows = np.asarray(self.law(n, self.rng), dtype=np.float64)
        shape = (n, len(self.centre))
        if rows.shape != shape or not np.all(np.isfinite(rows)):
            raise ValueError(
                f"X must return finite draws of shape {shape} when asked for {n}, got "
                f"shape {rows.shape}. Its columns are those of y."
            )
        return rows - self.centre


def _as_law(X: Any) -> Callable[[int, Any], Any] | None:
    """How to draw from X, if it is a law and not a table; frames have a sample method too."""
    if hasattr(X, "shape") or hasattr(X, "__array__") or hasattr(X, "__len__"):
        return None
    if hasattr(X, "sample"):
        return X.sample
    return X if callable(X) else None
