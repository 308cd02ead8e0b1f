"""Checks of the conventions: parameters, copies, random state, untouched and equivalent input."""

from __future__ import annotations

import copy
import importlib.util
import math
import pickle
from typing import Any
from unittest import SkipTest

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from ._global_state import changed_generators, global_state
from ._subject import QUANTITIES, Subject, prepared

_N = 80


def check_fitted_attributes(subject: Subject) -> None:
    """``fit`` returns self and leaves a float, notes and the number of columns."""
    for data in subject.data:
        X, y = subject.sample(data, _N)
        estimator = prepared(subject.estimator, subject.random_state)
        early = [name for name in QUANTITIES if hasattr(estimator, name)]
        _assert(not early, f"{subject.name} has {early} before fit; set it in fit alone.")
        fitted = estimator.fit(X, y)
        _assert(fitted is estimator, f"{subject.name}.fit must return self, so that calls chain.")
        value = getattr(fitted, subject.attribute)
        _assert(
            type(value) is float and math.isfinite(value),
            f"{subject.attribute} of {subject.name} must be a finite Python float, got {value!r} "
            f"of type {type(value).__name__}. Wrap it in float().",
        )
        notes = getattr(fitted, "notes_", None)
        _assert(
            isinstance(notes, tuple) and all(type(note) is str for note in notes),
            f"notes_ of {subject.name} must be a tuple of str after fit, () where there is nothing "
            f"to say; got {notes!r}.",
        )
        columns = getattr(fitted, "n_features_in_", None)
        _assert(
            columns == X.shape[1],
            f"n_features_in_ of {subject.name} must be {X.shape[1]}, got {columns!r}. "
            f"sklearn.utils.validation.validate_data sets it.",
        )


def check_parameters(subject: Subject) -> None:
    """``get_params`` round trips, clones are equal, and ``fit`` leaves parameters alone."""
    estimator = subject.estimator
    before = estimator.get_params(deep=False)
    twin = clone(estimator)
    _assert(
        _same(twin.get_params(deep=False), before),
        f"clone of {subject.name} has other parameters. __init__ must store its arguments as they "
        f"are, under their own names.",
    )
    twin.set_params(**twin.get_params(deep=False))
    fitted = twin.fit(*subject.sample(subject.data[0], _N))
    _assert(
        _same(fitted.get_params(deep=False), before),
        f"fit of {subject.name} changed its parameters: {before} became "
        f"{fitted.get_params(deep=False)}. Store what fit learns under names that end in _.",
    )


def check_copies(subject: Subject) -> None:
    """Pickles and deep copies of a fitted estimator give the same numbers."""
    for data in subject.data:
        X, y = subject.sample(data, _N)
        fitted = subject.fit(X, y)
        expected = _numbers(subject, fitted, X, y)
        for how, make in (
            ("pickle", lambda e: pickle.loads(pickle.dumps(e))),
            ("copy.deepcopy", copy.deepcopy),
        ):
            try:
                twin = make(fitted)
            except Exception as error:
                raise AssertionError(
                    f"{how} of the fitted {subject.name} failed: {error!r}. Keep no lambdas, open "
                    f"files or locks as attributes."
                ) from error
            found = _numbers(subject, twin, X, y)
            _assert(
                np.array_equal(found, expected),
                f"{how} of the fitted {subject.name} gives other numbers: {found[:3]} for "
                f"{expected[:3]}. Look for state that the copy leaves behind.",
            )


def check_reproducible(subject: Subject) -> None:
    """Two fits with one ``random_state`` agree, and a second fit forgets the first."""
    for data in subject.data:
        rows, other = subject.sample(data, _N), subject.sample(data, _N + 20, stream=1)
        first, second = subject.value(*rows), subject.value(*rows)
        _assert(
            first == second,
            f"{subject.name} gives {first!r} and then {second!r} for the same rows and "
            f"random_state={subject.random_state}. Draw all randomness from random_state.",
        )
        reused = subject.fit(*other).fit(*rows)
        again = float(getattr(reused, subject.attribute))
        _assert(
            again == first,
            f"{subject.name} gives {first!r} when fresh and {again!r} when fitted to other rows "
            f"before. fit must start from nothing (without warm_start).",
        )


def check_global_random_state(subject: Subject) -> None:
    """Python's, NumPy's and Torch's global generators are neither read nor seeded."""
    before = global_state()
    for data in subject.data:
        X, y = subject.sample(data, _N)
        _numbers(subject, subject.fit(X, y), X, y)
    touched = changed_generators(before, global_state())
    _assert(
        not touched,
        f"fit of {subject.name} changed the global random state of {', '.join(touched)}. Draw from "
        f"sklearn.utils.check_random_state(self.random_state), or for Torch inside fork_rng().",
    )


def check_input_untouched(subject: Subject) -> None:
    """X and y keep their values, and arrays that cannot be written are accepted."""
    for data in subject.data:
        rows = subject.sample(data, _N)
        originals: list[Any] = [None if part is None else part.copy() for part in rows]
        value = subject.value(*rows)
        for name, part, original in zip("Xy", rows, originals, strict=True):
            _assert(
                part is None or np.array_equal(part, original),
                f"{subject.name} changed {name} in place. Write `X = X - mean`, not `X -= mean`.",
            )
        for part in rows:
            if part is not None:
                part.flags.writeable = False
        try:
            frozen = subject.value(*rows)
        except ValueError as error:
            raise AssertionError(
                f"{subject.name} refuses arrays that cannot be written: {error}. Memory maps and "
                f"shared arrays are such; copy before writing."
            ) from error
        _assert_equal(subject, frozen, value, "for read-only arrays", "look for in-place writes")


def check_integers(subject: Subject) -> None:
    """Integers are numbers where numbers are read: nothing is truncated."""
    if "real" not in subject.data or subject.laws["integers"] is None:
        raise SkipTest("integers are labels to this estimator")
    X, y = subject.sample("real", _N)
    X = np.round(1000 * X)
    if subject.quantity == "mutual_information":
        y = np.round(1000 * y)
    whole = (X.astype(np.int64), None if y is None else y.astype(np.int64))
    _assert_equal(
        subject,
        subject.value(*whole),
        subject.value(X, y),
        "for integers, against the same numbers as floats,",
        "convert to float64 before centring or scaling",
    )


def check_containers(subject: Subject) -> None:
    """Lists, DataFrames, float32, Fortran order, slices and 1-D y mean the same rows."""
    for data in subject.data:
        X, y = subject.sample(data, _N)
        value = subject.value(X, y)
        padded = np.repeat(X, 2, axis=1)[:, ::2]
        same: dict[str, tuple[Any, Any]] = {
            "lists": (X.tolist(), y if subject.quantity == "entropy" else y.tolist()),
            "Fortran order": (np.asfortranarray(X), y),
            "strided slices": (padded, y),
        }
        if subject.quantity == "mutual_information":
            same["1-D y"] = (X, y[:, 0])
        if importlib.util.find_spec("pandas"):
            import pandas

            names = [f"column {j}" for j in range(X.shape[1])]
            same["a DataFrame"] = (pandas.DataFrame(X, columns=names), y)
        for words, rows in same.items():
            found = subject.value(*rows)
            look_at = "take values in with sklearn.utils.validation.validate_data or check_array"
            _assert_equal(subject, found, value, f"for {words}", look_at)
        if data == "real":
            X32 = X.astype(np.float32)
            pair = subject.quantity == "mutual_information"
            y32 = y.astype(np.float32) if pair else y
            y64 = y32.astype(np.float64) if pair else y
            expected = subject.value(X32.astype(np.float64), y64)
            found = subject.value(X32, y32)
            _assert(
                abs(found - expected) <= 1e-3 * max(1.0, abs(expected)),
                f"{subject.name} gives {found:.6g} for float32 and {expected:.6g} for the same "
                f"numbers in float64. Convert to float64, or accumulate in it.",
            )


def check_label_names(subject: Subject) -> None:
    """The two samples may be called by any two sortable labels."""
    if subject.quantity != "divergence":
        raise SkipTest("only divergences label samples")
    for data in subject.data:
        X, y = subject.sample(data, _N)
        value = subject.value(X, y)
        for names in (["a", "b"], [-1, 1], [False, True], [0.0, 1.0]):
            found = subject.value(X, np.array(names)[y])
            words = f"when the samples are called {names} rather than [0, 1]"
            _assert_equal(subject, found, value, words, "P is the label that sorts first")


def check_unfitted(subject: Subject) -> None:
    """Methods for new rows raise NotFittedError before fit."""
    methods = [m for m in ("score_samples", "pointwise", "score") if hasattr(subject.estimator, m)]
    if not methods:
        raise SkipTest("no methods for new rows")
    X, y = subject.sample(subject.data[0], _N)
    for method in methods:
        arguments = (X,) if method == "score_samples" else (X, y)
        try:
            getattr(clone(subject.estimator), method)(*arguments)
        except NotFittedError:
            continue
        except Exception as error:
            raise AssertionError(
                f"{method} of an unfitted {subject.name} raised {error!r}. Call "
                f"sklearn.utils.validation.check_is_fitted(self) first, which raises "
                f"NotFittedError."
            ) from error
        raise AssertionError(f"{method} of an unfitted {subject.name} raised nothing.")


CONTRACT_CHECKS = (
    check_fitted_attributes,
    check_parameters,
    check_copies,
    check_reproducible,
    check_global_random_state,
    check_input_untouched,
    check_integers,
    check_containers,
    check_label_names,
    check_unfitted,
)


def _numbers(subject: Subject, fitted: Any, X: np.ndarray, y: Any) -> np.ndarray:
    """The estimate, then the values of the rows where there are any."""
    parts = [[getattr(fitted, subject.attribute)]]
    if hasattr(fitted, "score_samples"):
        parts.append(fitted.score_samples(X))
    if hasattr(fitted, "pointwise_"):
        parts.append(fitted.pointwise_)
    return np.concatenate([np.asarray(part, dtype=float) for part in parts])


def _same(left: Any, right: Any) -> bool:
    return joblib.hash(left) == joblib.hash(right)


def _assert_equal(
    subject: Subject, found: float, expected: float, words: str, look_at: str
) -> None:
    _assert(
        abs(found - expected) <= 1e-9 * max(1.0, abs(expected)),
        f"{subject.name} gives {found:.9g} {words} instead of {expected:.9g}. What to look at: "
        f"{look_at}.",
    )


def _assert(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)
