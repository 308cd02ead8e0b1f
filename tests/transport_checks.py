"""scikit-learn's checks of estimators whose y is a sample of the target, not a column of labels."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from sklearn.utils.validation import has_fit_parameter

_REASON = (
    "the check passes one column of numbers or labels as y, where the sample of the target must "
    "have the columns of X"
)
_FEED_ONE_COLUMN = (
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_dtype_object",
    "check_estimators_dtypes",
    "check_estimators_fit_returns_self",
    "check_estimators_nan_inf",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_fit2d_predict1d",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_fit_score_takes_y",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_n_features_in",
    "check_n_features_in_after_fitting",
    "check_pipeline_consistency",
    "check_positive_only_tag_during_fit",
    "check_readonly_memmap_input",
    "check_transformer_data_not_an_array",
    "check_transformer_general",
    "check_transformer_n_iter",
    "check_transformer_preserve_dtypes",
)
_OF_WEIGHTS = (
    "check_all_zero_sample_weights_error",
    "check_sample_weights_list",
    "check_sample_weights_not_an_array",
    "check_sample_weights_not_overwritten",
    "check_sample_weights_pandas_series",
    "check_sample_weights_shape",
    "check_sample_weight_equivalence_on_dense_data",
)


def expected_failures(estimator: Any) -> dict[str, str]:
    """The checks that cannot pass, each with its reason."""
    checks = _FEED_ONE_COLUMN
    if has_fit_parameter(estimator, "sample_weight"):
        checks += _OF_WEIGHTS
    return dict.fromkeys(checks, f"{type(estimator).__name__}: {_REASON}")


def _as_target(X: Any, y: Any) -> Any:
    if y is None:
        return y
    column, shape = np.asarray(y), np.asarray(X).shape
    one = column.ndim == 1 or column.shape[1:] == (1,)
    if not (one and len(shape) == 2 and column.dtype.kind in "biuf"):
        return y
    # Distinct columns, each of the target's length.
    return np.tile(column.reshape(-1, 1).astype(float), (1, shape[1])) + 0.1 * np.arange(shape[1])


def with_any_target(estimator_class: type) -> type:
    """A subclass that takes what the checks pass: one column of y serves as every column.

    With it all checks run to their end, those of :func:`expected_failures` too.
    """

    @functools.wraps(estimator_class.fit)
    def fit(self: Any, X: Any, y: Any = None, **words: Any) -> Any:
        return estimator_class.fit(self, X, _as_target(X, y), **words)

    members: dict[str, Any] = {"fit": fit, "__module__": __name__}
    if hasattr(estimator_class, "score"):

        def score(self: Any, X: Any, y: Any) -> float:
            return estimator_class.score(self, X, _as_target(X, y))

        members["score"] = score
    name = estimator_class.__name__
    adapted = type(name, (estimator_class,), members)
    globals()[name] = adapted  # where pickle looks for it
    return adapted


def expected_failures_with_any_target(estimator: Any) -> dict[str, str]:
    """The checks that then still cannot pass."""
    name = type(estimator).__name__
    reason = f"{name}: y holds numbers, so it cannot complain about labels"
    failures = {"check_dtype_object": reason}
    if has_fit_parameter(estimator, "sample_weight"):
        failures["check_sample_weight_equivalence_on_dense_data"] = (
            f"{name}: repeats rows of y too, whose weights are an argument of their own"
        )
    return failures
