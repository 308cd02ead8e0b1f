"""Regressor and classifier that see x through a noisy code which pays for what it carries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from infotheory._bottleneck import BottleneckNetwork, RegressionTarget
from infotheory._validation import Variable, check_same_length, describe


class _Variational(BottleneckNetwork):
    """The code, its price and its rate."""

    def __init__(
        self,
        *,
        beta: float = 0.01,
        n_components: int = 16,
        hidden_layer_sizes: Any = (128, 128),
        activation: str = "relu",
        batch_size: int = 128,
        learning_rate_init: float = 1e-3,
        max_iter: int = 2000,
        max_seconds: float | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.125,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        device: str = "cpu",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.beta = beta
        self.n_components = n_components
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
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    _n_outputs: int
    _labels: bool

    def _new_network(self, x: np.ndarray, y: np.ndarray, layers: tuple[int, ...]) -> Any:
        from infotheory._bottleneck_networks import VariationalNetwork

        return VariationalNetwork(
            x.shape[1],
            layers,
            self.activation,
            self.n_components,
            len(self.classes_) if self._labels else y.shape[1],
            float(self.beta),
            labels=self._labels,
        )

    def _measure(self, held_out: np.ndarray, notes: list[str]) -> None:
        from infotheory._bottleneck_networks import by_blocks

        rates = by_blocks(self._network.rates, held_out, self._network)
        self.rate_ = float(np.mean(rates))
        self.standard_error_ = float(np.std(rates, ddof=1)) / math.sqrt(len(rates))
        most = math.log(len(held_out))
        if not self.beta:
            notes.append(
                "beta=0 puts no price on the code, whose rate then says little: it grows for as "
                "long as training goes on."
            )
        elif self.rate_ > most:
            notes.append(
                f"The rate is {self.rate_:.3g} nats, more than ln n = {most:.3g} of the "
                f"{len(held_out)} rows it was measured on: they cannot tell how far above the "
                f"information it is. Raise beta for a narrower bottleneck."
            )
        elif self.rate_ < 1e-3:
            notes.append(
                f"The code carries nothing ({self.rate_:.1g} nats), so that all predictions are "
                f"equal: the price is too high or training too short. Lower beta or raise max_iter."
            )


class VariationalBottleneckRegressor(RegressionTarget, RegressorMixin, _Variational):
    r"""Regression through a noisy code t of x, charged for the information it carries.

    Minimises :math:`-E \ln q(y | t) + \beta\, E\, KL(p(t | x) \| r(t))`: t is normal with a mean
    and a scale that a network of x learns, r standard normal, and q(y | t) normal with a mean
    linear in t and a learnt scale for each column of y.

    Parameters
    ----------
    beta : float
        Price of a nat of the rate, from 0 to 1e12, in nats of log-likelihood. At 1 it is a bound on
        the likelihood of y; above, as a rule, nothing is worth it.
    n_components : int
        Columns of t.
    hidden_layer_sizes : array-like of int
    activation : {"relu", "silu", "gelu", "tanh"}
    batch_size : int
    learning_rate_init : float
    max_iter : int
        Steps.
    max_seconds : float, optional
    early_stopping : bool
        Hold rows out, keep the state of training with the lowest loss on them, and stop when no
        gain of `tol` shows in `n_iter_no_change` checks. If False all rows train.
    validation_fraction : float
        Share of the rows that are held out.
    n_iter_no_change : int
    tol : float
    device : str
    random_state : int, RandomState or None
    verbose : int
        1 shows a bar.

    Attributes
    ----------
    rate_ : float
        Mean of KL(p(t | x) || r) over the rows held out, nats: an upper bound on I(X; T) but for
        sampling.
    standard_error_ : float
        Of `rate_`, over those rows.
    loss_curve_, validation_scores_ : list of float
        Loss of a batch, and minus the loss of the rows held out, at each check.
    n_iter_ : int
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if an argument is out of its rule, or X or y has missing or infinite values.
    ImportError
        In ``fit``, without torch.
    RuntimeError
        In ``fit``, if the loss becomes infinite or missing.

    Notes
    -----
    X and y are standardised inside, and columns of X that do not vary are left out. ``predict``
    gives the mean of y over the noise of the code, ``transform`` the mean of the code. Directions
    of the code that are not worth their price have the law r whatever x is, and cost nothing. The
    rate has no ceiling; above ln n of the rows held out a note says that they cannot check it.
    Complexity: O(p) a row and step, with p weights. Source: Alemi, Fischer, Dillon and Murphy
    (2017), arXiv:1612.00410.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import VariationalBottleneckRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 3))
    >>> y = X[:, 0] + 0.1 * rng.normal(size=400)
    >>> model = VariationalBottleneckRegressor(
    ...     hidden_layer_sizes=(16,), n_components=2, max_iter=400, random_state=0
    ... )
    >>> bool(model.fit(X, y).score(X, y) > 0.9), model.transform(X).shape
    (True, (400, 2))
    """

    _labels = False


class VariationalBottleneckClassifier(ClassifierMixin, _Variational):
    r"""Classification through a noisy code t of x, charged for the information it carries.

    Minimises :math:`-E \ln q(y | t) + \beta\, E\, KL(p(t | x) \| r(t))`: t is normal with a mean
    and a scale that a network of x learns, r standard normal, and q(y | t) a logistic model.

    Parameters
    ----------
    beta : float
        Price of a nat of the rate, from 0 to 1e12, in nats of log-likelihood.
    n_components : int
        Columns of t.
    hidden_layer_sizes : array-like of int
    activation : {"relu", "silu", "gelu", "tanh"}
    batch_size : int
    learning_rate_init : float
    max_iter : int
        Steps.
    max_seconds : float, optional
    early_stopping : bool
        Hold rows out, keep the state of training with the lowest loss on them, and stop when no
        gain of `tol` shows in `n_iter_no_change` checks. If False all rows train.
    validation_fraction : float
        Share of the rows that are held out; of each class a row at least trains.
    n_iter_no_change : int
    tol : float
    device : str
    random_state : int, RandomState or None
    verbose : int
        1 shows a bar.

    Attributes
    ----------
    classes_ : ndarray
    rate_ : float
        Mean of KL(p(t | x) || r) over the rows held out, nats: an upper bound on I(X; T) but for
        sampling.
    standard_error_ : float
        Of `rate_`, over those rows.
    loss_curve_, validation_scores_ : list of float
        Loss of a batch, and minus the loss of the rows held out, at each check.
    n_iter_ : int
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if an argument is out of its rule, X has missing or infinite values, or y is no
        column of labels.
    ImportError
        In ``fit``, without torch.
    RuntimeError
        In ``fit``, if the loss becomes infinite or missing.

    Notes
    -----
    X is standardised inside, and columns that do not vary are left out. Probabilities are means
    over 32 codes of each row, always with the same noise; ``transform`` gives the mean of the code.
    The rate has no ceiling; above ln n of the rows held out a note says that they cannot check it.
    Complexity: O(p) a row and step, with p weights. Source: Alemi, Fischer, Dillon and Murphy
    (2017), arXiv:1612.00410.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import VariationalBottleneckClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 3))
    >>> y = np.where(X[:, 0] > 0, "up", "down")
    >>> model = VariationalBottleneckClassifier(
    ...     hidden_layer_sizes=(16,), n_components=2, max_iter=400, random_state=0
    ... )
    >>> bool(model.fit(X, y).score(X, y) > 0.9), model.classes_.tolist()
    (True, ['down', 'up'])
    """

    _labels = True

    def _checked_target(self, y: Any, x: Variable) -> np.ndarray:
        check_same_length(x, describe(y, "y", discrete=True, min_samples=1))
        column = column_or_1d(y, warn=True)
        check_classification_targets(column)
        self.classes_, codes = np.unique(column, return_inverse=True)
        self._varies_y = np.array([len(self.classes_) > 1])
        return codes.astype(np.int64)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class, in the order of ``classes_``.

        Parameters
        ----------
        X : array-like of shape (l, d)

        Returns
        -------
        ndarray of shape (l, n_classes)
        """
        return self._through("predict", X)

    def predict(self, X: Any) -> np.ndarray:
        """The class of the largest probability.

        Parameters
        ----------
        X : array-like of shape (l, d)

        Returns
        -------
        ndarray of shape (l,)
        """
        chosen = self.predict_proba(X).argmax(axis=1)
        return self.classes_[chosen]
