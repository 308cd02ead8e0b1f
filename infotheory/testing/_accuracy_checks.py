"""Checks against exact answers: value, interval, consistency, independence, values of rows."""

from __future__ import annotations

import math
from typing import Any
from unittest import SkipTest

import numpy as np

from infotheory._inference import confidence_interval

from ._laws import LAWS
from ._problems import Problem, kl_of_standard_problem, null_problem
from ._subject import Subject, prepared

_LEVEL = 0.999
_N = 1000
_N_SEEDS = 5
_SIZES = (100, 400, 1600)
_N_SEEDS_PER_SIZE = 16
_ROW_METHODS = {
    "entropy": "score_samples",
    "mutual_information": "pointwise",
    "divergence": "score_samples",
}


def check_value(subject: Subject) -> None:
    """At moderate n the mean of a few estimates is near the closed form."""
    for problem in _solved(subject):
        values = [subject.value(*problem.draw(_N, subject.rng(s))) for s in range(_N_SEEDS)]
        mean = float(np.mean(values))
        noise = float(np.std(values, ddof=1)) / math.sqrt(_N_SEEDS)
        allowed = subject.tolerance + 3 * noise
        _assert(
            abs(mean - _truth(problem)) <= allowed,
            f"The mean estimate of {subject.name} on {problem.name} is {mean:.4f} over {_N_SEEDS} "
            f"samples of {_N} rows, the truth {_truth(problem):.4f}; {allowed:.4f} is allowed "
            f"(tolerance={subject.tolerance:g} and 3 standard errors of the mean). What to look "
            f"at: units (nats), constants of the formula, bias at this n; if the estimand is "
            f"another one, declare it: laws={{'truth': None}}.",
        )


def check_consistency(subject: Subject) -> None:
    """The error falls as n grows fourfold, twice."""
    for problem in _solved(subject):
        errors = []
        for n in _SIZES:
            values = [subject.value(*problem.draw(n, subject.rng(s))) for s in _seeds()]
            errors.append(math.sqrt(np.mean((np.array(values) - _truth(problem)) ** 2)))
        small, middle, large = errors
        # An error of order n^-1/2 falls fourfold in all; the factors leave room for the noise of
        # 16 samples, whose root mean square has a relative error of about a fifth.
        falls = middle <= 1.5 * small and large <= 1.5 * middle and large <= 0.75 * small
        shown = ", ".join(f"{e:.4f} at n = {n}" for e, n in zip(errors, _SIZES, strict=True))
        _assert(
            falls or small < 1e-9,
            f"The error of {subject.name} on {problem.name} does not fall with n: root mean square "
            f"{shown}, over {_N_SEEDS_PER_SIZE} samples each (truth {_truth(problem):.4f}). What "
            f"to look at: a bias that does not vanish, rows that are dropped, a fixed number of "
            f"bins or training steps.",
        )


def check_interval(subject: Subject) -> None:
    """The 99.9 % interval covers the closed form."""
    for problem in _solved(subject):
        _assert_covers(subject, problem, "The bias is larger than the interval knows")


def check_independence(subject: Subject) -> None:
    """At independence, or for two samples of one law, the 99.9 % interval covers 0."""
    if subject.laws["independence"] is None:
        raise SkipTest("this quantity has no value at independence")
    for data in subject.data:
        problem = null_problem(subject.quantity, data)
        _assert_covers(subject, problem, "An estimate that stays positive cannot be trusted")


def check_pointwise_mean(subject: Subject) -> None:
    """The values of the fitted rows average to the estimate."""
    claim = subject.laws["pointwise-mean"]
    if claim is None:
        raise SkipTest("the estimate is declared not to be a mean over rows")
    for data in subject.data:
        X, y = subject.sample(data)
        fitted = subject.fit(X, y)
        if not hasattr(fitted, "pointwise_"):
            raise SkipTest("no pointwise_")
        values = np.asarray(fitted.pointwise_)
        _assert(
            values.shape == (len(X),) and bool(np.all(np.isfinite(values))),
            f"pointwise_ of {subject.name} must hold one finite number a fitted row ({len(X)}), "
            f"got shape {values.shape} with {np.count_nonzero(~np.isfinite(values))} not finite.",
        )
        sign = -1.0 if subject.quantity == "entropy" else 1.0
        mean, value = sign * float(values.mean()), float(getattr(fitted, subject.attribute))
        noise = float(values.std()) / math.sqrt(len(values))
        allowed = 1e-9 * max(1.0, abs(value)) if claim == "exact" else noise
        _assert(
            abs(mean - value) <= allowed,
            f"The pointwise-mean law ({LAWS['pointwise-mean']}) fails for {subject.name}: the mean "
            f"is {mean:.6g}, the estimate {value:.6g}, and {allowed:.2g} is allowed (claimed "
            f"{claim!r}). What to look at: a bias correction that the rows lack; if it is meant, "
            f"declare it: laws={{'pointwise-mean': 'sampling'}}.",
        )


def check_new_rows(subject: Subject) -> None:
    """Values of new rows: one finite float a row, whose mean is near the exact one."""
    method = _ROW_METHODS[subject.quantity]
    for data in subject.data:
        problem = subject.problem(data)
        fitted = subject.fit(*problem.draw(_N, subject.rng(0)))
        if not hasattr(fitted, method):
            raise SkipTest(f"no {method}")
        X, y = problem.draw(_N, subject.rng(1))
        if subject.quantity == "divergence":
            X, truth, sign = X[:_N], kl_of_standard_problem(data), 1.0  # rows of P: log p / q
        else:
            truth = _truth(problem)
            sign = -1.0 if subject.quantity == "entropy" else 1.0
        arguments = (X, y) if method == "pointwise" else (X,)
        values = np.asarray(getattr(fitted, method)(*arguments))
        finite = values.shape == (len(X),) and bool(np.all(np.isfinite(values)))
        _assert(
            finite and values.dtype.kind == "f",
            f"{method} of {subject.name} must return one finite float a row, shape ({len(X)},), "
            f"got shape {values.shape}, dtype {values.dtype}. What to look at: rows outside the "
            f"fitted range, ratios of counts that reach 0.",
        )
        mean, noise = sign * float(values.mean()), float(values.std()) / math.sqrt(len(values))
        allowed = subject.tolerance + 4 * noise
        _assert(
            subject.laws["truth"] is None or abs(mean - truth) <= allowed,
            f"{method} of {subject.name} averages to {sign * mean:.4f} over {len(X)} new rows of "
            f"{problem.name}, where the exact log densities average to about {sign * truth:.4f}; "
            f"{allowed:.4f} is allowed. What to look at: the sign (log p, or log p / q with P = "
            f"classes_[0]), and rows counted as their own neighbours.",
        )


ACCURACY_CHECKS = (
    check_value,
    check_consistency,
    check_interval,
    check_independence,
    check_pointwise_mean,
    check_new_rows,
)


def _seeds() -> range:
    return range(_N_SEEDS_PER_SIZE)


def _solved(subject: Subject) -> list[Problem]:
    """The standard problem in each kind of data whose truth is known and claimed."""
    problems = [subject.problem(data) for data in subject.data]
    solved = [p for p in problems if p.truth is not None]
    if subject.laws["truth"] is None or not solved:
        raise SkipTest("no closed form is known for this quantity")
    return solved


def _truth(problem: Problem) -> float:
    assert problem.truth is not None
    return problem.truth


def _assert_covers(subject: Subject, problem: Problem, look_at: str) -> None:
    X, y = problem.draw(_N, subject.rng(0))
    estimate: Any = confidence_interval(
        prepared(subject.estimator, subject.random_state),
        X,
        y,
        confidence_level=_LEVEL,
        random_state=subject.random_state,
    )
    _assert(
        estimate.interval is not None,
        f"{subject.name} on {problem.name} has no interval: its value is {float(estimate)}. "
        f"What to look at: values that are not finite.",
    )
    low, high = estimate.interval
    _assert(
        low <= _truth(problem) <= high,
        f"The {_LEVEL:.1%} interval of {subject.name} on {problem.name} is "
        f"[{low:.4f}, {high:.4f}] at n = {_N} and misses the truth {_truth(problem):.4f}. What to "
        f"look at: {look_at.lower()}; offer _bias or _standard_error.",
    )


def _assert(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)
