"""Dependence as the Wasserstein distance between the joint law and the product of its margins."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from infotheory._neural import CrossFit, NeuralMutualInformation
from infotheory._resampling import Fold
from infotheory._validation import Variable
from infotheory._variational import by_partner

_N_APART = 32
# The smallest share of the limit that a note on slopes would not round to 1.
_TOLD_SLOPE = 1.005


class WassersteinDependency(NeuralMutualInformation):
    r"""Wasserstein distance of order 1 between the joint law and the product of its margins.

    Parameters
    ----------
    method : {"critic"}
        A network of limited slope, the dual form of the distance.
    gradient_penalty : float
        Weight of squared slopes beyond 1.
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
    n_folds : int
    n_ensemble : int
        Critics a fold; their mean is evaluated.
    device : str
    random_state : int, RandomState or None
    verbose : int

    Attributes
    ----------
    mutual_information_ : float
        The distance, from rows that neither trained nor selected the networks that see them. It
        has the name that every estimator of paired samples uses, but is in the units of the
        columns, not in nats. May be negative near independence.
    standard_error_ : float
    bound_ : str
        "lower bound".
    unit_ : str
        "column units".
    critic_ : torch.nn.Module
        The networks of all folds.
    loss_curve_, validation_scores_ : list of float
    n_iter_ : int
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if an argument is out of its rule, X or y is not a finite real table, or rows
        are too few for the folds.
    ImportError
        In ``fit``, without torch.
    RuntimeError
        In ``fit``, if the loss becomes infinite or missing: no value is returned.

    Notes
    -----
    The cost of moving (x, y) to (x', y') is :math:`|x - x'| + |y - y'|`, the sum of the Euclidean
    distances; a critic is 1-Lipschitz in it where its gradient in x and its gradient in y each
    have norm at most 1. A gradient penalty holds it there, and the held-out critic is divided by
    the largest slope found at the held-out pairs and at points between them: a lower bound as far
    as these points show the slope, and no proof. Zero for independence alone; not invariant to
    scale, so standardise columns that are to count alike. There is no ceiling but the smaller of
    the mean distances within X and within y. Numbers are numbers, also integers; give labels as
    indicators. Complexity: a step costs `n_folds` times `n_ensemble` small networks. Sources:
    Ozair et al. (2019), arXiv:1903.11780; Gulrajani et al. (2017), arXiv:1704.00028.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import WassersteinDependency
    >>> rng = np.random.default_rng(0)
    >>> x = rng.choice([-1.0, 1.0], size=(1000, 1))
    >>> dependency = WassersteinDependency(
    ...     hidden_layer_sizes=(32,), activation="relu", learning_rate_init=5e-3, max_iter=300,
    ...     n_folds=2, random_state=0,
    ... )
    >>> print(f"{dependency.fit(x, x).mutual_information_:.1f}")  # truth 1
    1.0
    """

    bound_ = "lower bound"
    unit_ = "column units"
    warm_start = False  # no parameter here, but the base asks
    _accepts_labels = False
    _parameter_constraints: dict = {
        **{
            name: rule
            for name, rule in NeuralMutualInformation._parameter_constraints.items()
            if name not in ("reference", "warm_start")
        },
        "method": [StrOptions({"critic"})],
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
        method: str = "critic",
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

    # Unlike its siblings it takes no condition.
    def fit(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, X: Any, y: Any = None, *, groups: Any = None
    ) -> WassersteinDependency:
        """Train the critics and evaluate each row with those that did not see it.

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
        super().fit(X, y, groups=groups)
        return self

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
        return self._networks()
