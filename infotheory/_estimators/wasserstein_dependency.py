"""Dependence as the Wasserstein distance between the joint law and the product of its margins."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from infotheory._columns import is_dataset
from infotheory._halving import BIAS_ERROR, halving_bias
from infotheory._interrupts import all_or_nothing
from infotheory._neural import CrossFit, NeuralMutualInformation, by_group
from infotheory._resampling import Fold
from infotheory._validation import Variable, check_same_length, describe, pairing_notes
from infotheory._variational import by_partner
from infotheory.functional import TransportDependence, transport_cost, transport_dependence
from infotheory.functional._transport_dependence import permuted_dependence

_SHARE = 0.1  # of the mean cost between rows that do not pair
# The slowest growth of the bias that is believed, as for the Sinkhorn divergence.
_LEAST_RATIO = 1.5
_MANY_STANDARD_ERRORS = 2.0
_MANY_ROWS = 5000
_N_APART = 32
# The smallest share of the limit that a note on slopes would not round to 1.
_TOLD_SLOPE = 1.005


def _is_plug_in(estimator: Any) -> bool:
    return estimator.method == "sinkhorn"


def _has_critic(estimator: Any) -> bool:
    return estimator.method == "critic"


class WassersteinDependency(NeuralMutualInformation):
    r"""Transport distance between the joint law and the product of its margins.

    Parameters
    ----------
    method : {"sinkhorn", "critic"}
        "sinkhorn": the debiased entropic cost of moving the rows to all pairings of their parts.
        "critic": a network of limited slope, the dual form of the Wasserstein distance; needs
        Torch.
    epsilon : float, optional
        Of "sinkhorn": strength of the regularisation, in units of the cost. None takes a tenth of
        the mean cost between independent rows.
    cost : {"euclidean", "half-sqeuclidean", "sqeuclidean"}
        Of moving x, and of moving y; that of a pair is the sum. "critic" knows "euclidean" alone.
    gradient_penalty : float
        Weight of squared slopes beyond 1. This and what follows, but for `tol` and `max_iter`, are
        of "critic".
    hidden_layer_sizes : array-like of int
    activation : {"relu", "silu", "gelu", "tanh"}
    batch_size : int
    learning_rate_init : float
    max_iter : int
        Steps.
    max_seconds : float, optional
    early_stopping : bool
        Stop when no gain of `tol` shows on the selection rows, over all networks, in
        `n_iter_no_change` checks.
    validation_fraction : float
        Share of the rows outside a fold that select.
    n_iter_no_change : int
    tol : float
        Of "sinkhorn": L1 distance of the marginal of the plan from the weights at which to stop.
    n_folds : int
    n_ensemble : int
        Critics a fold; their mean is evaluated.
    device : str
    random_state : int, RandomState or None
    verbose : int

    Attributes
    ----------
    mutual_information_ : float
        The distance. It has the name that every estimator of paired samples uses, but is in the
        units of the columns, not in nats. Of "critic": from rows that neither trained nor selected
        the networks that see them; may be negative near independence.
    standard_error_ : float
    bound_ : str or None
        "lower bound" of "critic".
    unit_ : str
        "column units", or "squared column units" of a squared cost.
    epsilon_ : float
        What `epsilon` came to, of "sinkhorn".
    influence_ : ndarray of shape (n,)
        What each row adds to the value to first order, of "sinkhorn": where it is large, x and y
        pair as they would not at random.
    critic_ : torch.nn.Module
        The networks of all folds, of "critic".
    loss_curve_, validation_scores_ : list of float
        Of "critic".
    n_iter_ : int
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if an argument is out of its rule, X or y is not a finite real table, or rows
        are too few for the folds.
    ImportError
        In ``fit`` of "critic", without torch.
    RuntimeError
        In ``fit`` of "critic", if the loss becomes infinite or missing: no value is returned.

    Warns
    -----
    ConvergenceWarning
        If the plan of "sinkhorn" is not within `tol` after `max_iter`.

    Notes
    -----
    The cost of moving (x, y) to (x', y') is :math:`|x - x'| + |y - y'|`, the sum of the Euclidean
    distances. The truth is 0 for independence alone; not invariant to scale, so standardise
    columns that are to count alike. There is no ceiling but the smaller of the mean distances
    within X and within y. Numbers are numbers, also integers; give labels as indicators.

    "sinkhorn" is the Sinkhorn divergence, below the Wasserstein distance and the more so the
    larger epsilon; the product of the margins is that of the sample, all n^2 pairings of it, since
    costs that add make updates products of n x n matrices. The plug-in is too large, by the order
    of 1/n: :func:`confidence_interval` finds the bias from halves and quarters of the rows. At
    independence the interval is rough and a permutation test exact; its statistic is the value
    after one update from the potentials of the margins. Complexity O(n^3), a few seconds for
    n = 1 000; O(n^2) memory.

    A critic of "critic" is 1-Lipschitz in the cost where its gradient in x and its gradient in y
    each have norm at most 1. A gradient penalty holds it there, and the held-out critic is divided
    by the largest slope found at the held-out pairs and at points between them: a lower bound as
    far as these points show the slope, and no proof. Complexity: a step costs `n_folds` times
    `n_ensemble` small networks. It is for samples too large for the other.

    Sources: Ozair et al. (2019), arXiv:1903.11780, of the distance; Liu, Pal and Harchaoui (2022),
    arXiv:2112.15265, of the plug-in; Gulrajani et al. (2017), arXiv:1704.00028, of the penalty.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import WassersteinDependency
    >>> rng = np.random.default_rng(0)
    >>> x = rng.choice([-1.0, 1.0], size=(200, 1))
    >>> dependency = WassersteinDependency(epsilon=0.02).fit(x, x)
    >>> print(f"{dependency.mutual_information_:.1f}")  # truth 1
    1.0
    """

    _bias_source = "halves and quarters of the rows"
    warm_start = False  # no parameter here, but the base asks
    _accepts_labels = False
    _parameter_constraints: dict = {
        **{
            name: rule
            for name, rule in NeuralMutualInformation._parameter_constraints.items()
            if name not in ("reference", "warm_start")
        },
        "method": [StrOptions({"sinkhorn", "critic"})],
        "epsilon": [Interval(Real, 0, None, closed="neither"), None],
        "cost": [StrOptions({"euclidean", "half-sqeuclidean", "sqeuclidean"})],
        "gradient_penalty": [Interval(Real, 0, None, closed="neither")],
    }
    _information_laws = {
        "permutation": "sampling",
        "translation": "sampling",
        "symmetry": "sampling",
        "scale": None,
        "additivity": None,
        "truth": None,
    }

    def __init__(
        self,
        *,
        method: str = "sinkhorn",
        epsilon: float | None = None,
        cost: str = "euclidean",
        gradient_penalty: float = 30.0,
        hidden_layer_sizes: Any = (128, 128),
        activation: str = "silu",
        batch_size: int = 256,
        learning_rate_init: float = 1e-3,
        max_iter: int = 2000,
        max_seconds: float | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.125,
        n_iter_no_change: int = 12,
        tol: float = 1e-4,
        n_folds: int = 5,
        n_ensemble: int = 2,
        device: str = "cpu",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.method = method
        self.epsilon = epsilon
        self.cost = cost
        self.gradient_penalty = gradient_penalty
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.max_seconds = max_seconds
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.n_folds = n_folds
        self.n_ensemble = n_ensemble
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = tags.non_deterministic and not _is_plug_in(self)
        return tags

    @property
    def bound_(self) -> str | None:
        """On which side of the truth the value is for certain."""
        return "lower bound" if _has_critic(self) else None

    @property
    def unit_(self) -> str:
        """What the value is in."""
        return "column units" if self.cost == "euclidean" else "squared column units"

    # Unlike its siblings it takes no condition.
    @all_or_nothing
    def fit(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, X: Any, y: Any = None, *, groups: Any = None
    ) -> WassersteinDependency:
        """Find the plan, or train the critics and evaluate each row with those that saw it not.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,) or (n, e)
        groups : array-like of shape (n,), optional
            Rows of one group, such as copies of one image, stay in one fold.

        Returns
        -------
        WassersteinDependency
            The fitted estimator.
        """
        if _has_critic(self):
            self._check_words_of_critics()
            super().fit(X, y, groups=groups)
            return self
        if is_dataset(X):
            self._row_source(X, y, None, groups)  # says who takes them
        paired = pairing_notes(X, y, None)
        x, target, _ = self._check_pair(X, y)
        self._tables = x.values, target.values
        self._found: tuple[float, float] | None = None
        notes = [*paired, "The value is a distance in the units of the columns, not nats."]
        for v in (x, target):
            if np.all(np.ptp(v.values, axis=0) == 0):
                notes.append(f"{v.name} is constant; nothing depends on it.")
        if len(x) > _MANY_ROWS:
            notes.append(
                f"A plan of {len(x)} rows takes the time of their number cubed: method='critic' "
                f"is faster for so many."
            )
        costs = self._costs(*self._tables)
        mean = float(costs[0].mean() + costs[1].mean())
        self.epsilon_ = float(self.epsilon) if self.epsilon is not None else _SHARE * mean or 1.0
        found = self._solved(*costs)
        if not found.converged:
            notes.append(
                f"The marginal of the plan is off by {found.marginal_error:.2g} (tol={self.tol:g}) "
                f"after {found.n_iter} steps: raise epsilon or max_iter."
            )
            warnings.warn(notes[-1], ConvergenceWarning, stacklevel=3)
        self.mutual_information_ = float(found.value)
        self.influence_, self.n_iter_ = found.influence, found.n_iter
        each = self.influence_
        if groups is not None:
            check_same_length(x, describe(groups, "groups", discrete=True))
            each = by_group(each, groups)
        self.standard_error_ = math.sqrt(float(np.var(each, ddof=1)) / len(each))
        if self.mutual_information_ <= _MANY_STANDARD_ERRORS * self.standard_error_:
            notes.append(
                "The value is within two standard errors of 0, where the interval is only rough: a "
                "permutation test (permutation_test) tells whether x and y depend on each other."
            )
        self.notes_ = tuple(notes)
        return self

    def _check_words_of_critics(self) -> None:
        self._validate_params()
        for name, standard in (("epsilon", None), ("cost", "euclidean")):
            value = getattr(self, name)
            if value != standard:
                raise ValueError(
                    f"{name} must be {standard!r} for method='critic', got {value!r}. Leave it, or "
                    f"take method='sinkhorn'."
                )

    def _costs(self, *tables: np.ndarray) -> list[np.ndarray]:
        return [transport_cost(table, table, self.cost) for table in tables]

    def _solved(self, *costs: np.ndarray) -> TransportDependence:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return transport_dependence(
                *costs, epsilon=self.epsilon_, tol=self.tol or 1e-12, max_iter=self.max_iter
            )

    @available_if(_is_plug_in)
    def _standard_error(self) -> float:
        return self._error_and_bias()[0]

    @available_if(_is_plug_in)
    def _bias(self, rng: np.random.RandomState) -> float:
        return self._error_and_bias()[1]

    def _error_and_bias(self) -> tuple[float, float]:
        """Standard error, of which the bias is a part, and bias; kept once they are known."""
        check_is_fitted(self)
        if self._found is None:
            self._found = self._uncertainty()
        return self._found

    def _uncertainty(self) -> tuple[float, float]:
        tables = self._tables

        def statistic(rows: tuple[np.ndarray, ...]) -> float:
            return float(self._solved(*self._costs(*(t[rows[0]] for t in tables))).value)

        sizes = (len(tables[0]),)
        bias = halving_bias(self.mutual_information_, statistic, sizes, least_ratio=_LEAST_RATIO)
        return math.hypot(self.standard_error_, BIAS_ERROR * bias), bias

    @available_if(_is_plug_in)
    def _permuted(self) -> Callable[[np.ndarray], float]:
        """The test statistic with the rows of y in another order: costs are computed once."""
        check_is_fitted(self)
        cost_x, cost_y = self._costs(*self._tables)
        return permuted_dependence(cost_x, cost_y, self.epsilon_)

    def _check_pair(
        self, X: Any, y: Any, condition: Any = None, *, discrete: Any = None, reset: bool = True
    ) -> tuple[Variable, Variable, Variable | None]:
        """Numbers alone: labels have no distance."""
        return super()._check_pair(X, y, condition, discrete=False, reset=reset)

    def _cross_fit(
        self, X: np.ndarray, Y: np.ndarray, folds: list[Fold], rng: np.random.Generator
    ) -> CrossFit:
        from infotheory._lipschitz import LipschitzPairs
        from infotheory._training import choose_device, local_seed

        with local_seed(int(rng.integers(2**31))):
            stack = LipschitzPairs(
                X,
                Y,
                folds,
                n_ensemble=self.n_ensemble,
                gradient_penalty=self.gradient_penalty,
                hidden_layer_sizes=self._layers(),
                activation=self.activation,
                device=choose_device(self.device),
            )
            history = stack.fit(self._plan(type(self).__name__), rng)
            held_out, steepest = stack.held_out("test", _N_APART)
        n, value, seed_variance = len(X), 0.0, 0.0
        influence = np.empty(n)
        for fold, scores in zip(folds, held_out, strict=True):
            joint, apart = (t.double().cpu().numpy() for t in (scores.joint, scores.product))
            share = len(fold.test) / n
            told = joint.mean(axis=1) - apart.mean(axis=(1, 2))
            value += share * float(told.mean())
            if self.n_ensemble > 1:
                seed_variance += share**2 * float(np.var(told, ddof=1)) / self.n_ensemble
            pairs = apart.mean(axis=0)
            terms = joint.mean(axis=0) - pairs.mean(axis=1) - by_partner(pairs, scores.shifts)
            influence[fold.test] = terms - terms.mean()
        notes = ("The value is a distance in the units of the columns, not nats.",)
        if np.mean(steepest) > _TOLD_SLOPE:
            notes += (
                f"The largest slope found was {float(np.mean(steepest)):.3g} times the limit, and "
                f"the critics were divided by it: a lower bound as far as these points show.",
            )
        return CrossFit(value, None, influence, seed_variance, stack, history, notes)

    @property
    def critic_(self) -> Any:
        """The trained critics: a module whose weights have one leading entry a fold and repeat."""
        check_is_fitted(self)
        if not _has_critic(self):
            raise AttributeError("critic_ is of method='critic', and this is 'sinkhorn'.")
        return self._networks()
