"""One estimate of mutual information with its interval and its time, by the name of the method."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from _results import N_THREADS

import infotheory
from infotheory._estimators.automatic import named

# Steps of a quick run: enough to pass through every part of a fit.
_QUICK_STEPS = 20


class Measured(NamedTuple):
    """What came of one call."""

    value: float
    standard_error: float
    lower: float
    upper: float
    seconds: float
    chosen: str

    def covers(self, truth: float) -> bool | None:
        """Whether the interval holds the truth; None without an interval."""
        return None if np.isnan(self.lower) else self.lower <= truth <= self.upper

    def cells(self, truth: float) -> dict[str, str]:
        """All of it by the names of columns, and what it says of the truth."""
        return {
            "value": number(self.value),
            "error": number(self.value - truth, sign=True),
            "standard error": number(self.standard_error),
            "lower": number(self.lower),
            "upper": number(self.upper),
            "covers": yes_or_no(self.covers(truth)),
            "seconds": number(self.seconds, 2),
            "chosen": self.chosen,
        }


def set_threads(*, quick: bool) -> None:
    """Two threads for Torch whatever the machine would choose, or one beside other work."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1 if quick else N_THREADS)


def known(names: Iterable[str]) -> list[str]:
    """The names that there is an estimator for, each used once; the others are reported."""
    found = []
    for name in names:
        try:
            built(name, 0, quick=False)
        except ValueError as error:
            print(f"{name} is left out: {error}")
        else:
            found.append(name)
            # Imports and compilation are no part of the first time that is measured.
            X = np.random.default_rng(0).normal(size=(100, 4))
            measure(name, X[:, :2], X[:, 2:], 0, quick=True)
    return found


def built(name: str, seed: int, *, quick: bool) -> Any:
    """The estimator of this name with its own defaults, and a fixed seed where it takes one."""
    if name == "auto":
        return name
    estimator = named("mutual_information", name)
    parameters = estimator.get_params()
    changes: dict[str, Any] = {}
    if "random_state" in parameters:
        changes["random_state"] = seed
    if quick and "max_iter" in parameters:
        changes["max_iter"] = _QUICK_STEPS
    return estimator.set_params(**changes)


def measure(name: str, X: Any, y: Any, seed: int, *, quick: bool = False) -> Measured | None:
    """Value, interval and time by the door; None, and the reason printed, where it fails."""
    estimator = built(name, seed, quick=quick)
    start = time.perf_counter()
    try:
        e = infotheory.mutual_information(X, y, estimator=estimator, random_state=seed)
    except Exception as error:
        # One case that fails must not end a run of hours.
        print(f"{name} failed: {type(error).__name__}: {error}", flush=True)
        return None
    seconds = time.perf_counter() - start
    if np.isnan(e.value):
        print(f"{name} gave no number.", flush=True)
        return None
    lower, upper = e.interval or (np.nan, np.nan)
    spread = np.nan if e.standard_error is None else e.standard_error
    return Measured(e.value, spread, lower, upper, seconds, type(e.estimator).__name__)


def number(value: float, digits: int = 4, *, sign: bool = False) -> str:
    """The number as a cell, empty where there is none."""
    if np.isnan(value):
        return ""
    return f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"


def yes_or_no(answer: bool | None) -> str:
    """The answer as a cell, empty where there is none."""
    return "" if answer is None else ("yes" if answer else "no")
