"""Regressors and classifiers with a bottleneck: parameters, rows, training, representation."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from infotheory._base import _Shape
from infotheory._interrupts import all_or_nothing
from infotheory._neural import STOPPING, TRAINING, import_torch
from infotheory._resampling import local_random_state
from infotheory._validation import Variable, check_same_length, describe, pairing_notes

_FEWEST_HELD_OUT = 2
_FEW_ROWS = 10  # below which all rows train and select
_DEAREST = 1e12  # price beyond which losses and their gradients leave float32
_NOISES = 8  # draws of the code in comparisons between states of training


class BottleneckNetwork(ClassNamePrefixFeaturesOutMixin, TransformerMixin, _Shape):
    """A network whose representation of x is charged for: subclasses say what it is."""

    _parameter_constraints: dict = {
        "beta": [Interval(Real, 0, _DEAREST, closed="both")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        **TRAINING,
        **STOPPING,
        "random_state": ["random_state", np.random.Generator],
    }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.non_deterministic = self.random_state is None
        return tags

    @all_or_nothing
    def fit(self, X: Any, y: Any) -> BottleneckNetwork:
        """Train the network.

        Ctrl-C ends the training: the model has its best weights so far, and a note says so.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Numbers; columns are standardised inside.
        y : array-like of shape (n,) or (n, e)
            The target; labels, of shape (n,), for a classifier.

        Returns
        -------
        BottleneckNetwork
            The fitted estimator.

        Raises
        ------
        ValueError
            If an argument is out of its rule, X or y has missing or infinite values, or a column
            varies by more or less than float64 can hold.
        ImportError
            Without torch.
        RuntimeError
            If the loss becomes infinite or missing.
        """
        import_torch(type(self).__name__)
        from infotheory._networks import layer_sizes
        from infotheory._training import Plan, choose_device, local_seed, train

        notes = pairing_notes(X, y)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        x = self._check_X(X)
        targets = self._checked_target(y, x)
        notes += _constant_notes(
            self._varies_y, "y", "nothing can be told of it, whatever is kept of X"
        )
        layers, device = layer_sizes(self.hidden_layer_sizes), choose_device(self.device)
        rng = np.random.default_rng(local_random_state(self.random_state).randint(2**31 - 1))
        values = x.values
        self._centre, scale, varies = _moments(values, "X")
        # What does not vary is left out, in new rows too, where nothing was learnt of it.
        self._scale = np.where(varies, scale, np.inf)
        notes += _constant_notes(varies, "X", "left out, in new rows too")
        rows = (values - self._centre) / self._scale
        training, held_out = self._split(targets, rng, notes)
        plan = Plan(
            max_iter=self.max_iter,
            batch_size=self.batch_size,
            learning_rate_init=self.learning_rate_init,
            n_iter_no_change=self.n_iter_no_change if self.early_stopping else self.max_iter,
            tol=self.tol,
            max_seconds=self.max_seconds,
            check_every=max(1, min(50, self.max_iter // 4)),
            verbose=int(self.verbose),
            label=type(self).__name__,
            device=self.device,
        )
        import torch

        from infotheory._bottleneck_networks import OneMember

        with local_seed(int(rng.integers(2**31 - 1))):
            network = self._new_network(rows[training], targets[training], layers)
            stack = OneMember(network.to(device))
            x_all = torch.from_numpy(rows.astype(np.float32)).to(device)
            y_all = _target_tensor(targets).to(device)
            x_out, y_out = x_all[held_out], y_all[held_out]
            # Each row has draws of its own, whose moments are right together if not alone.
            noise = torch.randn(_NOISES, len(held_out), self.n_components).to(x_all)
            history = train(
                stack,
                lambda batch: stack(x_all[batch[0]], y_all[batch[0]]),
                lambda: stack.held_out_loss(x_out, y_out, noise),
                [training],
                plan,
                rng,
            )
            self._network = stack.member().double()
        self.loss_curve_, self.n_iter_ = history.loss_curve, history.n_iter
        self.validation_scores_ = [-float(np.mean(values)) for values in history.validation]
        self._n_features_out = self.n_components
        notes += history.notes()
        self._measure(rows[held_out], notes)
        self.notes_ = tuple(notes)
        return self

    _varies_y: np.ndarray  # a column of the target each

    def _checked_target(self, y: Any, x: Variable) -> np.ndarray:
        """The target as numbers (n, e) of mean 0 and variance 1, or as codes (n,)."""
        raise NotImplementedError

    def _new_network(self, x: np.ndarray, y: np.ndarray, layers: tuple[int, ...]) -> Any:
        """The network before training, in float32; rows are those that train it."""
        raise NotImplementedError

    def _measure(self, held_out: np.ndarray, notes: list[str]) -> None:
        """Leave what the representation has of x."""
        raise NotImplementedError

    def _split(
        self, targets: np.ndarray, rng: np.random.Generator, notes: list[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows that train, and rows that select: the same ones without early stopping."""
        n = len(targets)
        order = rng.permutation(n)
        if not self.early_stopping or n < _FEW_ROWS:
            if self.early_stopping:
                notes.append(
                    f"With n = {n} rows none are held out: the state of training that is kept is "
                    f"that of the lowest loss on the rows it was trained on."
                )
            return order, order
        if targets.ndim == 1:
            # One row of each class trains: a class that is never seen cannot be learnt.
            first = np.unique(targets[order], return_index=True)[1]
            order = np.concatenate([order[first], np.delete(order, first)])
        size = max(_FEWEST_HELD_OUT, math.ceil(self.validation_fraction * n))
        size = min(size, n - _FEWEST_HELD_OUT)
        return order[:-size], order[-size:]

    def _standardised(self, X: Any) -> np.ndarray:
        """New rows in the units of the network."""
        check_is_fitted(self)
        values = self._check_X(X, reset=False).values
        with np.errstate(over="ignore", invalid="ignore"):
            rows = (values - self._centre) / self._scale
        if not np.isfinite(rows).all():
            raise ValueError(
                f"X must be within the range of float64 in units of the rows of fit, got values "
                f"up to {np.abs(values).max():.3g}. Look for wrong units, or leave such rows out."
            )
        return rows

    def _through(self, method: str, X: Any) -> np.ndarray:
        from infotheory._bottleneck_networks import by_blocks

        rows = self._standardised(X)
        return by_blocks(getattr(self._network, method), rows, self._network)

    def transform(self, X: Any) -> np.ndarray:
        """The representation t of each row; of a noisy one its mean.

        Parameters
        ----------
        X : array-like of shape (l, d)

        Returns
        -------
        ndarray of shape (l, n_components)
        """
        return self._through("represent", X)


class RegressionTarget:
    """The part of a regressor that knows its target: numbers, of one column or more."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # pyright: ignore[reportAttributeAccessIssue]
        tags.target_tags.multi_output = True
        tags.target_tags.two_d_labels = True
        return tags

    def _checked_target(self, y: Any, x: Variable) -> np.ndarray:
        target = describe(y, "y", discrete=False, min_samples=1)
        check_same_length(x, target)
        values = target.values
        self._n_axes = y.ndim if hasattr(y, "ndim") else np.asarray(y).ndim
        self._centre_y, self._scale_y, self._varies_y = _moments(values, "y")
        return (values - self._centre_y) / self._scale_y

    def predict(self, X: Any) -> np.ndarray:
        """The mean of y given each row.

        Parameters
        ----------
        X : array-like of shape (l, d)

        Returns
        -------
        ndarray of shape (l,) or (l, e)
            As y was in ``fit``.
        """
        told = self._through("predict", X) * self._scale_y + self._centre_y
        return told[:, 0] if self._n_axes == 1 else told


def _moments(values: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column, 1 where it does not vary, and where it does."""
    largest = np.abs(values).max(axis=0)
    # In units of the largest, whose squares neither overflow nor vanish.
    unit = np.where(largest > 0, largest, 1.0)
    centre, scale = (values / unit).mean(axis=0), (values / unit).std(axis=0)
    some = scale > 1e-12
    centre, scale = centre * unit, np.where(some, scale * unit, 1.0)
    with np.errstate(over="ignore"):
        spread = np.abs(values - centre).max(axis=0)
    tiny = np.finfo(np.float64).smallest_normal
    wrong = ~np.isfinite(spread) | (some & (scale < tiny))
    if wrong.any():
        j = int(np.argmax(wrong))
        raise ValueError(
            f"{name} must have columns whose deviations are within the range of float64, got "
            f"values up to {largest[j]:.3g} in column {j}. Give it in other units."
        )
    return centre, scale, some


def _constant_notes(varies: np.ndarray, name: str, outcome: str) -> list[str]:
    """Which columns do not vary, and what comes of it."""
    still = np.flatnonzero(~varies)
    if not len(still):
        return []
    which = f"{name} is" if len(still) == len(varies) else f"Columns {still.tolist()} of {name} are"
    return [f"{which} constant: {outcome}."]


def _target_tensor(targets: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(targets if targets.ndim == 1 else targets.astype(np.float32))
