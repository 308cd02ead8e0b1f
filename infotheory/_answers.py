"""What every door does once an estimator is chosen: value, interval, p-value, notes and unit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from infotheory._base import last_step, takes_variables, unit_of_estimator
from infotheory._estimate import Estimate, check_logarithm
from infotheory._inference import (
    TooFewRowsError,
    confidence_interval,
    permutation_test,
    point_estimate,
)
from infotheory._interrupts import Watch
from infotheory._resampling import local_random_state
from infotheory._validation import Variable, check_count


def each_argument(discrete: Any, n_arguments: int) -> tuple[Any, ...]:
    """``discrete`` as one entry an argument of a door."""
    if not isinstance(discrete, tuple):
        return (discrete,) * n_arguments
    if len(discrete) != n_arguments:
        raise ValueError(
            f"discrete must be None, a bool, or a tuple with one entry for each of the "
            f"{n_arguments} arguments, got {discrete!r}. For example (False, True) for real X and "
            f"labels y."
        )
    return discrete


def answer(
    quantity: str,
    estimator: Any,
    x: Variable,
    y: Variable | None,
    condition: Variable | None,
    notes: list[str],
    base: float | None,
    confidence_level: float | None,
    n_permutations: int,
    n_jobs: int | None,
    random_state: Any,
    permuted: Any = None,
    groups: Any = None,
) -> Estimate:
    check_logarithm(unit_of_estimator(estimator), base, repr(last_step(estimator)))
    check_count(
        n_permutations,
        "n_permutations",
        0,
        "Use 0 for no p-value, or 199 for a test at level 0.05.",
    )
    if groups is not None and n_permutations:
        raise ValueError(
            f"n_permutations must be 0 with groups, got {n_permutations}: shuffles of single rows "
            f"tear groups apart, and their p-value would not hold. Leave one of the two out."
        )
    rng = local_random_state(random_state)
    watch = Watch()
    X, target, given = x, y, condition
    if not takes_variables(estimator):
        X = x.values
        target, given = (v if v is None else _as_array(v) for v in (y, condition))
    if confidence_level is None:
        estimate = point_estimate(estimator, X, target, condition=given, groups=groups)
    else:
        try:
            estimate = confidence_interval(
                estimator,
                X,
                target,
                condition=given,
                groups=groups,
                confidence_level=confidence_level,
                n_jobs=n_jobs,
                random_state=rng,
            )
        except TooFewRowsError as error:
            estimate = point_estimate(estimator, X, target, condition=given, groups=groups)
            estimate = replace(estimate, notes=(*estimate.notes, f"No interval: {error}"))
    if not hasattr(last_step(estimate.estimator), f"{quantity}_"):
        raise TypeError(
            f"estimator must leave {quantity}_ after fit, which {type(estimator).__name__} does "
            f"not. Pass one that estimates {quantity.replace('_', ' ')}; for the information by an "
            f"entropy estimator use EntropySum(estimator)."
        )
    if n_permutations and watch.interrupted:
        notes = [*notes, "No p-value: training was interrupted, and no permutation was begun."]
    elif n_permutations:
        if permuted is not None and type(permuted) is not type(estimator):
            notes = [*notes, f"The p-value is by permutation of {type(permuted).__name__}."]
        tested = permutation_test(
            estimator if permuted is None else permuted,
            X,
            target,
            condition=given,
            n_permutations=n_permutations,
            n_jobs=n_jobs,
            random_state=rng,
        )
        estimate = replace(estimate, p_value=tested.p_value)
    return replace(estimate, notes=(*notes, *estimate.notes)).in_base(base)


def _as_array(variable: Variable) -> np.ndarray:
    """One column as a vector, as scikit-learn passes a target; several as a matrix."""
    return variable.values[:, 0] if variable.dim == 1 else variable.values
