"""scikit-learn's checks of estimators whose y is a sample of the target, not a column of labels."""

from __future__ import annotations

from typing import Any

import numpy as np

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


def expected_failures(estimator: Any) -> dict[str, str]:
    """The checks that cannot pass, each with its reason."""
    return dict.fromkeys(_FEED_ONE_COLUMN, f"{type(estimator).__name__}: {_REASON}")


def with_any_target(estimator_class: type) -> type:
    """A subclass that takes what the checks pass: one column of y serves as every column.

    With it all checks run to their end, those of :func:`expected_failures` too.
    """

    def fit(self: Any, X: Any, y: Any = None) -> Any:
        if y is not None:
            column = np.asarray(y)
            one = column.ndim == 1 or column.shape[1:] == (1,)
            shape = np.asarray(X).shape
            if one and len(shape) == 2 and column.dtype.kind in "biuf":
                y = np.tile(column.reshape(-1, 1).astype(float), (1, shape[1]))
                # Distinct columns, each of the target's length.
                y = y + 0.1 * np.arange(shape[1])
        return estimator_class.fit(self, X, y)

    name = estimator_class.__name__
    adapted = type(name, (estimator_class,), {"fit": fit, "__module__": __name__})
    globals()[name] = adapted  # where pickle looks for it
    return adapted


def expected_failures_with_any_target(estimator: Any) -> dict[str, str]:
    """The one check that then still cannot pass."""
    name = type(estimator).__name__
    return {"check_dtype_object": f"{name}: y holds numbers, so it cannot complain about labels"}
