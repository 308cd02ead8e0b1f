"""Four shapes of estimator: one sample, paired samples, two samples, a sample and its target.

The shapes hold no fields and compute nothing: they give every estimator of a shape the same
checks, tags and attribute names, so that the doors, the intervals and the tests can work on any
of them, those of other packages included.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import ClassifierTags
from sklearn.utils.validation import check_is_fitted

from infotheory._validation import (
    Variable,
    check_classes,
    check_same_length,
    describe,
)

VALUE_ATTRIBUTES = ("entropy_", "mutual_information_", "divergence_", "value_", "cost_")


def last_step(estimator: Any) -> Any:
    """The estimator itself, or the last one of a pipeline: where values and notes are found."""
    return estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator


def fitted_value(estimator: Any) -> float:
    """The number a fitted estimator stands for, whatever its shape; a pipeline's last step's."""
    last = last_step(estimator)
    for name in VALUE_ATTRIBUTES:
        if hasattr(last, name):
            return float(getattr(last, name))
    raise TypeError(
        f"estimator {type(estimator).__name__} has none of the fitted attributes "
        f"{', '.join(VALUE_ATTRIBUTES)} after fit. Give it the one that fits its quantity."
    )


def information_of(estimator: Any) -> float:
    """The mutual information of a fitted estimator, where another one takes it inside."""
    last = last_step(estimator)
    if not hasattr(last, "mutual_information_"):
        hint = "Wrap it in EntropySum." if hasattr(last, "entropy_") else "Pass for instance KSG()."
        raise TypeError(
            f"estimator must leave mutual_information_ after fit, which {type(last).__name__} does "
            f"not. {hint}"
        )
    return float(last.mutual_information_)


def unit_of_estimator(estimator: Any) -> str:
    """What the value of an estimator is in: its ``unit_``, or nats if it says nothing."""
    return getattr(last_step(estimator), "unit_", "nats")


def takes_groups(estimator: Any) -> bool:
    """Whether ``fit`` takes ``groups``: rows that belong together and stay in one fold."""
    return "groups" in inspect.signature(last_step(estimator).fit).parameters


def check_takes_groups(estimator: Any, n: int) -> None:
    """Raise unless ``fit`` takes the groups that were passed."""
    if not takes_groups(estimator):
        name = type(last_step(estimator)).__name__
        raise ValueError(
            f"groups must be None for {name}, whose fit counts every row as independent; got the "
            f"groups of {n} rows. Leave groups out, or pass an estimator that takes them: the "
            f"networks for mutual information, such as MINE(), and DiffusionEntropy() do."
        )


def check_instance(estimator: Any) -> None:
    """Raise unless ``estimator`` can be cloned and fitted."""
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator must be an instance, got the class {estimator.__name__}. "
            f"Write {estimator.__name__}()."
        )
    if not hasattr(estimator, "fit") or not hasattr(estimator, "get_params"):
        raise TypeError(
            f"estimator must be an object with fit and get_params, got {estimator!r}. "
            f"Pass an instance such as KSG()."
        )


def is_two_sample(estimator: Any) -> bool:
    """Whether a fitted estimator compares two samples (``y`` labels the sample of each row)."""
    return hasattr(last_step(estimator), "divergence_")


def is_transport(estimator: Any) -> bool:
    """Whether ``y`` is a sample of its own, whose rows do not belong to those of X."""
    return isinstance(last_step(estimator), TransportEstimator)


def takes_variables(estimator: Any) -> bool:
    """Whether ``fit`` accepts checked variables, which only our own estimators do."""
    return isinstance(estimator, _Shape)


class _Shape(BaseEstimator):
    """What all estimators share: parameter checks and tags of the accepted input."""

    _accepts_labels = False  # whether text, categories and other labels are data here
    _parameter_constraints: dict = {}
    # Where the laws of the quantity hold exactly, or not at all: infotheory.testing reads it.
    _information_laws: dict[str, str | None] = {}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = self._accepts_labels
        tags.input_tags.categorical = self._accepts_labels
        tags.non_deterministic = False
        return tags

    def _check_X(self, X: Any, *, discrete: bool | None = False, reset: bool = True) -> Variable:
        if reset:
            self._validate_params()
        else:
            check_is_fitted(self)
        minimum = 2 if reset else 1
        return describe(
            X,
            "X",
            discrete=discrete,
            allow_1d=False,
            min_samples=minimum,
            estimator=self,
            reset=reset,
        )


class EntropyEstimator(_Shape):
    """One sample: ``fit(X, y=None)`` leaves ``entropy_``."""


class DensityEstimator(EntropyEstimator):
    """One sample and a learnt density: ``score_samples`` is the log density of new rows."""

    def score_samples(self, X: Any) -> np.ndarray:
        """Log density of new rows; every density estimator has its own."""
        raise NotImplementedError

    def score(self, X: Any, y: Any = None) -> float:
        """Mean log density of new rows; higher is better.

        Parameters
        ----------
        X : array-like of shape (l, d)
        y : None

        Returns
        -------
        float
            Nats a row.
        """
        return float(np.mean(self.score_samples(X)))


class MutualInformationEstimator(_Shape):
    """Paired samples: ``fit(X, y, *, condition=None)`` leaves ``mutual_information_``."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.two_d_labels = True
        return tags

    def _check_pair(
        self,
        X: Any,
        y: Any,
        condition: Any = None,
        *,
        discrete: bool | None = False,
        reset: bool = True,
    ) -> tuple[Variable, Variable, Variable | None]:
        x = self._check_X(X, discrete=discrete, reset=reset)
        target = describe(y, "y", discrete=discrete, min_samples=1)
        check_same_length(x, target)
        if condition is None:
            return x, target, None
        given = describe(condition, "condition", discrete=discrete, min_samples=1)
        check_same_length(x, given)
        return x, target, given


class DivergenceEstimator(_Shape):
    """Two samples: ``fit(X, y)`` with ``y`` the sample of each row leaves ``divergence_``."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.one_d_labels = True
        tags.classifier_tags = ClassifierTags(multi_class=False)
        return tags

    def _check_two_samples(
        self, X: Any, y: Any, *, discrete: bool | None = False, min_rows: int = 2
    ) -> tuple[Variable, np.ndarray]:
        """The stacked sample and a mask of the rows of Q = ``classes_[1]``; sets ``classes_``."""
        x = self._check_X(X, discrete=discrete)
        labels = describe(y, "y", discrete=True, min_samples=1)
        check_same_length(x, labels)
        self.classes_, codes = check_classes(labels)
        in_q = codes == 1
        sizes = np.bincount(codes, minlength=2)
        if sizes.min() < min_rows:
            c = self.classes_[int(np.argmin(sizes))]
            raise ValueError(
                f"Each of the two samples needs at least {min_rows} rows here, but class {c} of "
                f"y has {sizes.min()} sample(s). Pass more rows of it."
            )
        return x, in_q


class TransportEstimator(TransformerMixin, _Shape):
    """A source and a target sample: ``fit(X, y)``, y with any number of rows; ``transform(X)``."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.one_d_labels = False
        tags.target_tags.two_d_labels = True
        tags.target_tags.multi_output = True
        return tags

    def _check_source_and_target(
        self, X: Any, y: Any, *, same_columns: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Both samples as float64 of shapes (n, d) and (m, d)."""
        source = self._check_X(X)
        target = describe(y, "y", discrete=False)
        if same_columns and source.dim != target.dim:
            raise ValueError(
                f"y is the sample of the target and must have the {source.dim} columns of X, got "
                f"{target.dim}. Rows of X and y need not pair, nor be equally many."
            )
        if same_columns:
            _check_order(getattr(self, "feature_names_in_", None), target.feature_names)
        return source.values, target.values

    def _check_rows(self, X: Any) -> np.ndarray:
        """New rows of the source."""
        return self._check_X(X, reset=False).values


def _check_order(names: Any, of_target: tuple[str, ...] | None) -> None:
    """Raise where y has the named columns of X in another order."""
    if names is None or of_target is None:
        return
    mine, theirs = list(names), list(of_target)
    if mine != theirs and sorted(mine) == sorted(theirs):
        raise ValueError(
            f"y must have its columns in the order of X, {mine}, got {theirs}. Pass y[X.columns]."
        )


SHAPES: dict[str, type] = {
    "entropy": EntropyEstimator,
    "mutual_information": MutualInformationEstimator,
    "divergence": DivergenceEstimator,
    "transport": TransportEstimator,
}
