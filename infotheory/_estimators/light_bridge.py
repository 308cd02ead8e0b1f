"""Schrödinger bridges learnt as a mixture of normal laws, without networks."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions

from infotheory._base import TransportEstimator
from infotheory._bridges import (
    check_target,
    check_time,
    check_times,
    default_epsilon,
    pinned_path,
)
from infotheory._interrupts import all_or_nothing
from infotheory._mixture_search import MOST_COMPONENTS, Candidate, best_start
from infotheory._resampling import local_random_state
from infotheory._transport_samples import check_extent
from infotheory.functional import LightBridge
from infotheory.functional._light_bridge import ConditionalMixture
from infotheory.functional._light_bridge_fit import LightFit, fit_light_bridge

# Share of the variance of each column of y that components have at least.
_FLOOR = 1e-6
_SEARCH_STEPS = 50
_SEARCH_TOL = 1e-4


class LightSB(TransportEstimator):
    r"""Entropic transport and Schrödinger bridge by a mixture of normal laws (LightSB).

    The potential of the plan is a mixture of normal laws, so that y given x is one too, with
    weights and means that depend on x: draws, the mean, the drift of the bridge and its paths
    are closed forms for any x. Fitting needs no networks and no simulation.

    Parameters
    ----------
    epsilon : float, optional
        Variance of the bridge a unit of time, and regularisation of the plan for the cost half
        the squared distance. None takes a tenth of the spread of the costs, as
        :class:`Sinkhorn` does.
    n_components : int or "auto"
        Normal laws in the potential; "auto" doubles them as long as the score of rows held out
        of the search rises, looks in between, and takes the plainest law that is behind the best
        by no more than a standard error.
    covariance_type : {"auto", "diag", "full"}
        Whether y given x and the component has a diagonal covariance. "auto" compares both
        in the same way where the search, which takes 8 000 rows at most, has 100 of them
        for each column, and takes "diag" elsewhere.
    max_iter : int
        Steps over all rows.
    tol : float
        Gain of a step, in nats a row, below which to stop.
    validation_fraction : float
        Share of the rows of the search that is held out.
    random_state : int, RandomState, Generator or None

    Attributes
    ----------
    bridge_ : LightBridge
        The fitted potential, with its closed forms.
    cost_ : float
        Mean of half the squared distance under the learnt plan, for the fitted X.
    unit_ : str
        Of `cost_`.
    epsilon_ : float
    n_components_ : int
    covariance_type_ : str
    loss_curve_ : list of float
        Loss of all rows, from the start on; it never rises.
    validation_scores_ : dict
        Score of the rows held out, by (covariance type, components), where any were compared.
    converged_ : bool
    n_iter_ : int
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if a parameter is out of its rule, X or y is not a finite real table, their
        columns do not match, or there are more components than rows of y.

    Warns
    -----
    ConvergenceWarning
        If the last of `max_iter` steps still gained more than `tol`.

    Notes
    -----
    The loss :math:`E \ln c(x) - E \ln v(y)` is the divergence of the exact plan from the learnt
    one plus a constant, and convex less convex: minima other than the best are possible, and
    k-means on y is where the search begins. A step gives each component the closed-form plan
    between the normal laws with its moments in X and in y, and weights such that it has as much
    of one as of the other; it is shortened where the loss would rise.

    The marginal of y is as good as a mixture of normal laws can be: components that have shrunk
    to repeated rows are noted. With one component this is the plan between two normal laws.

    Complexity: a step is O(n K d) with diagonal covariances and O(n K d^2 + K d^3) with full
    ones; memory O(n (K + d)). Source: Korotin, Gushchin and Burnaev (2024), arXiv:2310.01174.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import LightSB
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 1))
    >>> y = rng.choice([-2.0, 2.0], size=(2000, 1)) + 0.1 * rng.normal(size=(2000, 1))
    >>> model = LightSB(epsilon=0.5, random_state=0).fit(X, y)
    >>> model.transform([[-1.0], [1.0]]).round(1).tolist()
    [[-2.0], [2.0]]
    """

    _parameter_constraints: dict = {
        "epsilon": [Interval(Real, 0, None, closed="neither"), None],
        "n_components": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "covariance_type": [StrOptions({"auto", "diag", "full"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state", np.random.Generator],
    }

    unit_ = "squared column units"

    def __init__(
        self,
        *,
        epsilon: float | None = None,
        n_components: int | str = "auto",
        covariance_type: str = "auto",
        max_iter: int = 200,
        tol: float = 1e-5,
        validation_fraction: float = 0.25,
        random_state: Any = None,
    ) -> None:
        self.epsilon = epsilon
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.max_iter = max_iter
        self.tol = tol
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    @all_or_nothing
    def fit(self, X: Any, y: Any) -> LightSB:
        """Learn the plan from samples of source and target.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Source.
        y : array-like of shape (m, d)
            Target; its rows need not pair with those of X.

        Returns
        -------
        LightSB
            The fitted estimator.
        """
        source, target = self._check_source_and_target(X, y)
        check_extent(source, target)
        if self.n_components != "auto" and int(self.n_components) > len(target):
            raise ValueError(
                f"n_components must not exceed the rows of y, got {self.n_components} components "
                f"for {len(target)} rows. Ask for fewer, or pass n_components='auto'."
            )
        rng = local_random_state(self.random_state)
        notes: list[str] = []
        self.epsilon_ = (
            default_epsilon(source, target, notes) if self.epsilon is None else float(self.epsilon)
        )
        # The plan moves with the samples; near the origin less is lost to rounding.
        self._centre, self._target_centre = source.mean(axis=0), target.mean(axis=0)
        source, target = source - self._centre, target - self._target_centre
        variances = target.var(axis=0)
        typical = float(variances.mean()) or self.epsilon_
        self._floor = _FLOOR * np.where(variances > 0, variances, typical)
        begun, self.validation_scores_ = best_start(
            source,
            target,
            self._steps,
            n_components=None if self.n_components == "auto" else int(self.n_components),
            covariance_type=self.covariance_type,
            validation_fraction=self.validation_fraction,
            rng=rng,
        )
        fitted = self._steps(source, target, begun.fitted.bridge, begun.diagonal, all_rows=True)
        self._keep(fitted, begun, source)
        self._note(fitted, begun, target, notes)
        self.notes_ = tuple(notes)
        if not self.converged_:
            warnings.warn(self.notes_[-1], ConvergenceWarning, stacklevel=3)
        return self

    def _steps(
        self,
        source: np.ndarray,
        target: np.ndarray,
        start: np.ndarray | LightBridge,
        diagonal: bool,
        *,
        all_rows: bool = False,
    ) -> LightFit:
        return fit_light_bridge(
            source,
            target,
            start,
            epsilon=self.epsilon_,
            diagonal=diagonal,
            floor=self._floor,
            max_iter=self.max_iter if all_rows else _SEARCH_STEPS,
            tol=self.tol if all_rows else _SEARCH_TOL,
        )

    def _keep(self, fitted: LightFit, begun: Candidate, source: np.ndarray) -> None:
        centred = fitted.bridge
        self._bridge = centred
        self.converged_ = fitted.converged
        self.loss_curve_ = fitted.loss_curve
        self.n_iter_ = len(fitted.loss_curve) - 1
        self.n_components_ = len(centred.log_weights)
        self.covariance_type_ = "diag" if begun.diagonal else "full"
        slopes = centred.slopes
        moved = (
            slopes * self._centre
            if begun.diagonal
            else np.einsum("kij,j->ki", slopes, self._centre)
        )
        shift = (0.5 * moved - centred.offsets) @ self._centre / self.epsilon_
        self.bridge_ = LightBridge(
            centred.log_weights + shift,
            centred.offsets + self._target_centre - moved,
            slopes,
            self.epsilon_,
        )
        # Half the squared distance: of x and the mean of y given x, and what y is away from it.
        weights, mean = centred.weights(source), centred.mean(source)
        apart = self._centre - self._target_centre + source - mean
        traces = slopes.sum(axis=1) if begun.diagonal else np.trace(slopes, axis1=1, axis2=2)
        of_means = np.zeros(len(source))
        for k in range(self.n_components_):
            away = centred.offsets[k] + centred._moved(source, slopes, k) - mean
            of_means += weights[:, k] * np.sum(away**2, axis=1)
        within = self.epsilon_ * float(weights.mean(axis=0) @ traces)
        self.cost_ = 0.5 * (float(np.mean(np.sum(apart**2, axis=1) + of_means)) + within)

    def _note(
        self, fitted: LightFit, begun: Candidate, target: np.ndarray, notes: list[str]
    ) -> None:
        dropped = fitted.n_dropped + begun.fitted.n_dropped
        if dropped:
            notes.append(
                f"{dropped} component(s) without rows of y were dropped; {self.n_components_} are "
                f"left."
            )
        if np.any(np.ptp(target, axis=0) == 0):
            notes.append(
                "A column of y is constant: the plan gives it a standard deviation near 1e-3 of "
                "the others'."
            )
        elif (thin := self._n_thin()) > 0:
            notes.append(
                f"{thin} of {self.n_components_} components have shrunk to single rows of y, or to "
                f"rows that repeat or lie on a line or plane, and hold a millionth of the variance "
                f"of a column: the fit has no density there, and the score says little."
            )
        if self.n_components == "auto" and self.n_components_ >= MOST_COMPONENTS:
            notes.append(
                f"The search ended at {MOST_COMPONENTS} components, where the score still rose. "
                f"Pass a larger n_components."
            )
        if fitted.imbalance > 0.01:
            notes.append(
                f"Components have shares of X and of y that differ by {fitted.imbalance:.2g} in "
                f"all: epsilon={self.epsilon_:.3g} is too small for rows this far apart. Raise it."
            )
        if not self.converged_:
            notes.append(
                f"The loss still fell by more than tol={self.tol:g} nats in the last of "
                f"{self.max_iter} steps: raise max_iter or tol."
            )

    def _n_thin(self) -> int:
        """Components with no more than the floor of variance in some direction."""
        slopes, scale = self._bridge.slopes, np.sqrt(self._floor)
        if slopes.ndim == 2:
            least = np.min(slopes / self._floor, axis=1)
        else:
            least = np.linalg.eigvalsh(slopes / np.outer(scale, scale))[:, 0]
        return int(np.count_nonzero(self.epsilon_ * least <= 2.0))

    def transform(self, X: Any) -> np.ndarray:
        """Mean of y given each row: the entropic map.

        Parameters
        ----------
        X : array-like of shape (l, d)

        Returns
        -------
        ndarray of shape (l, d)
        """
        return self._bridge_mean(self._check_rows(X))

    def _bridge_mean(self, rows: np.ndarray) -> np.ndarray:
        return self._target_centre + self._bridge.mean(rows - self._centre)

    def conditional(self, X: Any) -> ConditionalMixture:
        """Law of y given each row, a mixture of K normal laws.

        Parameters
        ----------
        X : array-like of shape (l, d)

        Returns
        -------
        ConditionalMixture
            ``weights``, shape (l, K), ``means``, shape (l, K, d), and ``covariances``, shape
            (K, d, d): these do not depend on x.
        """
        rows = self._check_rows(X)
        weights, means, covariances = self._bridge.conditional(rows - self._centre)
        if covariances.ndim == 2:
            covariances = covariances[:, :, None] * np.eye(rows.shape[1])
        return ConditionalMixture(weights, means + self._target_centre, covariances)

    def sample(self, X: Any, random_state: Any = None) -> np.ndarray:
        """Draw one y for each row.

        Parameters
        ----------
        X : array-like of shape (l, d)
        random_state : int, RandomState, Generator or None

        Returns
        -------
        ndarray of shape (l, d)
        """
        return self._draw(self._check_rows(X), local_random_state(random_state))

    def _draw(self, rows: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        centred = rows - self._centre
        chances = np.cumsum(self._bridge.weights(centred), axis=1)
        labels = np.sum(rng.uniform(size=(len(rows), 1)) > chances[:, :-1], axis=1)
        noise = rng.standard_normal(rows.shape)
        slopes = self._bridge.slopes
        found = np.empty_like(rows)
        for k in range(self.n_components_):
            chosen = labels == k
            if slopes.ndim == 2:
                spread = noise[chosen] * np.sqrt(self.epsilon_ * slopes[k])
            else:
                spread = noise[chosen] @ np.linalg.cholesky(self.epsilon_ * slopes[k]).T
            moved = self._bridge._moved(centred[chosen], slopes, k)
            found[chosen] = self._bridge.offsets[k] + moved + spread
        return found + self._target_centre

    def sample_path(self, X: Any, times: Any, random_state: Any = None) -> np.ndarray:
        """Draw the Schrödinger bridge from each row at growing times.

        Parameters
        ----------
        X : array-like of shape (l, d)
        times : array-like of shape (t,)
            Growing, from 0, where the path is at X, to 1, where it is at a draw of y.
        random_state : int, RandomState, Generator or None

        Returns
        -------
        ndarray of shape (t, l, d)
            Exact and joint over times: a draw of y, and a Brownian bridge between the two.
        """
        rows, at = self._check_rows(X), check_times(times)
        rng = local_random_state(random_state)
        return pinned_path(rows, self._draw(rows, rng), at, self.epsilon_, rng)

    def drift(self, X: Any, time: float) -> np.ndarray:
        r"""Drift of the bridge at places and a time.

        Parameters
        ----------
        X : array-like of shape (l, d)
            Places of the bridge at that time.
        time : float
            From 0 up to, and without, 1.

        Returns
        -------
        ndarray of shape (l, d)
            :math:`g(x, t)` of :math:`dX_t = g(X_t, t)\,dt + \sqrt\varepsilon\,dW_t`.
        """
        rows, at = self._check_rows(X), check_time(time)
        centre = (1 - at) * self._centre + at * self._target_centre
        return self._bridge.drift(rows - centre, at) + self._target_centre - self._centre

    def score(self, X: Any, y: Any) -> float:
        """Minus the loss of new samples; higher is better.

        Parameters
        ----------
        X : array-like of shape (l, d)
            New rows of the source.
        y : array-like of shape (k, d)
            New rows of the target; they need not pair.

        Returns
        -------
        float
            Nats, of samples moved by the means of the fit. Only differences say something: for
            one epsilon and one pair of samples, the difference between two models is that of
            the divergences of the exact plan from theirs. The score of
            :class:`SinkhornBridge` is another quantity, a cost, and the two cannot be compared.
            What can, for bridges of any kind: draws by ``sample`` for held-out rows against
            held-out rows of y, by :func:`~infotheory.functional.sinkhorn_divergence`.
        """
        source = self._check_rows(X)
        target = check_target(y, source.shape[1])
        return -float(self._bridge.loss(source - self._centre, target - self._target_centre))
