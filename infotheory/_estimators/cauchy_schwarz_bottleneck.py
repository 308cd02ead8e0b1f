"""Regressor whose representation is charged for its dependence on x, by kernels alone."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import Interval, StrOptions

from infotheory._bottleneck import BottleneckNetwork, RegressionTarget
from infotheory.functional import gram_row_sums, kernel_bandwidth

_RULES = {"median", "silverman", "likelihood", "neighbors"}
_ALONE, _ALIKE = 0.01, 0.95  # kernels with other rows: in sum below, on average above


class CauchySchwarzBottleneckRegressor(RegressionTarget, RegressorMixin, BottleneckNetwork):
    r"""Regression through a representation t of x, charged for its dependence on x.

    Minimises the conditional Cauchy-Schwarz divergence of y and its prediction given x, plus
    `beta` times the normalised Cauchy-Schwarz information of x and t. Nothing is assumed of any
    law: both are sums of kernels over the rows of a batch.

    Parameters
    ----------
    beta : float
        Price of the dependence, from 0 to 1e12; that is 0 for none, and about 1 where t tells all.
    loss : {"conditional-cauchy-schwarz", "squared-error"}
        "squared-error" takes the mean squared error of the standardised y instead of the
        divergence; with ``beta=0`` that is the plain network.
    bandwidth : float or {"median", "silverman", "likelihood", "neighbors"}
        Of the kernel of x, whose columns are standardised, or a rule of
        :func:`~infotheory.functional.kernel_bandwidth`. A wide one compares little more than the
        spread of y and of its prediction, and the regression fails.
    bandwidth_y : float or {"median", "silverman", "likelihood", "neighbors"}
        The same of y and its prediction.
    n_components : int
        Columns of t.
    hidden_layer_sizes : array-like of int
        Layers before t, which is one more.
    activation : {"relu", "silu", "gelu", "tanh"}
        Of t too.
    batch_size : int
        Rows whose kernels are compared with each other.
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
    dependence_ : float
        Normalised Cauchy-Schwarz information of x and t over at most 1 024 of the rows held out,
        0 for none, about 1 where t tells all. Not in nats, and no Shannon information: t is a
        function of x without noise, whose I(X; T) is infinite.
    bandwidth_, bandwidth_y_ : float
        Of standardised columns.
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
    X and y are standardised inside, and columns of X that do not vary are left out. The kernel of t
    has the root mean square distance of the batch as its bandwidth, so that t cannot escape the
    price by its scale. The divergence is that of the conditional laws smoothed by the kernels: at a
    narrow kernel of x it compares each y with its own prediction, and forgives outliers of more
    than some `bandwidth_y`. The dependence has its ceiling near 1. Complexity: O(b^2 (d + e) + b p)
    a step, with b rows a batch and p weights. Source: Yu, Løkse, Jenssen and Principe (2024),
    arXiv:2404.17951, whose published code divides by another sum in the divergence.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import CauchySchwarzBottleneckRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 3))
    >>> y = X[:, 0] + 0.1 * rng.normal(size=400)
    >>> model = CauchySchwarzBottleneckRegressor(
    ...     hidden_layer_sizes=(16,), max_iter=200, learning_rate_init=0.01, random_state=0
    ... )
    >>> bool(model.fit(X, y).score(X, y) > 0.9), model.transform(X).shape
    (True, (400, 16))
    """

    _parameter_constraints: dict = {
        **BottleneckNetwork._parameter_constraints,
        "loss": [StrOptions({"conditional-cauchy-schwarz", "squared-error"})],
        "bandwidth": [Interval(Real, 0, None, closed="neither"), StrOptions(_RULES)],
        "bandwidth_y": [Interval(Real, 0, None, closed="neither"), StrOptions(_RULES)],
    }

    def __init__(
        self,
        *,
        beta: float = 0.01,
        loss: str = "conditional-cauchy-schwarz",
        bandwidth: float | str = "silverman",
        bandwidth_y: float | str = 1.0,
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
        self.loss = loss
        self.bandwidth = bandwidth
        self.bandwidth_y = bandwidth_y
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

    def _new_network(self, x: np.ndarray, y: np.ndarray, layers: tuple[int, ...]) -> Any:
        from infotheory._bottleneck_networks import CauchySchwarzNetwork

        self.bandwidth_ = _width(self.bandwidth, x)
        self.bandwidth_y_ = _width(self.bandwidth_y, y)
        by_kernels = self.loss != "squared-error"
        self._target_notes = _target_notes(y, self.bandwidth_y_) if by_kernels else []
        return CauchySchwarzNetwork(
            x.shape[1],
            layers,
            self.activation,
            self.n_components,
            y.shape[1],
            float(self.beta),
            loss=self.loss,
            bandwidth=self.bandwidth_,
            bandwidth_y=self.bandwidth_y_,
        )

    def _measure(self, held_out: np.ndarray, notes: list[str]) -> None:
        import torch

        with torch.no_grad():
            rows = torch.from_numpy(held_out).to(next(self._network.parameters()).device)
            network: Any = self._network
            self.dependence_ = float(network.dependence(rows)) + 0.0  # -0.0 is 0
        notes += self._target_notes + _width_notes(held_out[:1024], self.bandwidth_)


def _width(bandwidth: Any, rows: np.ndarray) -> float:
    if isinstance(bandwidth, str):
        return float(kernel_bandwidth(rows, bandwidth))  # pyright: ignore[reportArgumentType]
    return float(bandwidth)


def _target_notes(targets: np.ndarray, bandwidth: float) -> list[str]:
    """Whether all targets are alike under their kernel, though they vary."""
    some = targets[:1024]
    if len(some) < 2 or not np.any(np.ptp(some, axis=0)):
        return []
    others = float(np.mean(gram_row_sums(some, bandwidth=bandwidth))) - 1
    if not others > _ALIKE * (len(some) - 1):
        return []
    return [
        f"bandwidth_y = {bandwidth:.3g} is far above the distances of most of the standardised "
        f"targets, which are alike to the kernel: the divergence hardly sees how far a prediction "
        f"is off. Lower it, look for outliers of y, or take loss='squared-error'."
    ]


def _width_notes(rows: np.ndarray, bandwidth: float) -> list[str]:
    """Whether rows meet none of the others under the kernel of x, or all of them alike."""
    n = len(rows)
    others = float(np.mean(gram_row_sums(rows, bandwidth=bandwidth))) - 1
    if n < 2 or not np.any(np.ptp(rows, axis=0)):
        return []
    if others < _ALONE:
        return [
            f"bandwidth = {bandwidth:.3g} is far below the distances of the standardised rows "
            f"held out, of which hardly any meets another: a divergence compares each y with its "
            f"own prediction alone, and dependence_ only says whether t tells rows apart. Raise "
            f"it, or take a rule such as 'silverman'."
        ]
    if others > _ALIKE * (n - 1):
        return [
            f"bandwidth = {bandwidth:.3g} is far above the distances of the standardised rows "
            f"held out, which are all alike to the kernel: a divergence compares the laws of y and "
            f"of its prediction and not their pairs, and dependence_ is a ratio of two numbers "
            f"near 0, or 0 where they are lost to rounding. Lower it, or take a rule such as "
            f"'silverman'."
        ]
    return []
