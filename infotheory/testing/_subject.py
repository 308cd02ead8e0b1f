"""The estimator under test: what it estimates, from which data, and what it claims."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from infotheory._interrupts import Watch

from ._laws import claimed_laws
from ._problems import Problem, Rows, standard_problem

QUANTITIES = {
    "entropy_": "entropy",
    "mutual_information_": "mutual_information",
    "divergence_": "divergence",
}
# The two sides of a law, from a kind of data, rows and a generator.
Sides = Callable[[str, Rows, np.random.Generator], tuple[float, float]]

_N_REPLICATES = 8
_N_SPREAD = 400  # rows of each replicate
_ROUNDING = 1e-8


@dataclass(frozen=True)
class Subject:
    """An estimator with the facts that every check needs.

    ``data`` holds "real", "symbols" or both: what the estimator reads as real numbers and as
    labels. ``laws`` maps each law to "exact", "sampling" or None.
    """

    estimator: Any
    attribute: str
    data: tuple[str, ...]
    kind: str | None
    laws: Mapping[str, str | None]
    random_state: int
    tolerance: float

    @property
    def quantity(self) -> str:
        """entropy, mutual_information or divergence."""
        return QUANTITIES[self.attribute]

    @property
    def name(self) -> str:
        """The estimator as one line, for messages."""
        return " ".join(repr(self.estimator).split())

    def rng(self, stream: int = 0) -> np.random.Generator:
        """An independent generator a stream."""
        return np.random.default_rng([self.random_state, stream])

    def fit(self, X: Any, y: Any = None) -> Any:
        """A fitted clone with a fixed random state."""
        watch = Watch()
        fitted = prepared(self.estimator, self.random_state).fit(X, y)
        watch.stop("The checks")
        return fitted

    def value(self, X: Any, y: Any = None) -> float:
        """The estimate from X and y."""
        return float(getattr(self.fit(X, y), self.attribute))

    def problem(self, data: str) -> Problem:
        """The standard problem for this quantity."""
        order = getattr(self.estimator, "order", None)
        return standard_problem(self.quantity, data, self.kind, order)

    def sample(self, data: str, n: int = _N_SPREAD, stream: int = 0) -> Rows:
        """Rows of the standard problem."""
        return self.problem(data).draw(n, self.rng(stream))

    def compare(
        self, law: str, data: str, sides: Sides, errors_allowed: float
    ) -> tuple[float, float, float]:
        """Both sides of a law and how far apart they may be.

        A law claimed exact is tried on one sample, to rounding; the others on the mean over a few
        samples, which may be off by ``errors_allowed`` standard deviations of one value.
        """
        if self.laws[law] == "exact":
            left, right = sides(data, self.sample(data), self.rng(100))
            return left, right, _ROUNDING * max(1.0, abs(right))
        tries = np.array(
            [
                sides(data, self.sample(data, stream=s), self.rng(100 + s))
                for s in range(_N_REPLICATES)
            ]
        )
        left, right = tries.mean(axis=0)
        spread = tries.std(axis=0, ddof=1).max()
        return float(left), float(right), float(errors_allowed * spread + _ROUNDING)


def prepared(estimator: Any, random_state: int) -> Any:
    """A clone whose ``random_state``, if it has one, is fixed."""
    copy = clone(estimator)
    if "random_state" in copy.get_params(deep=False):
        copy.set_params(random_state=random_state)
    return copy


def examine(
    estimator: Any,
    *,
    random_state: int = 0,
    laws: Mapping[str, str | None] | None = None,
    tolerance: float = 0.05,
) -> Subject:
    """Find out by fitting what an estimator is: no base class is needed."""
    attribute, first_error = None, None
    for data in ("real", "symbols"):
        try:
            fitted = prepared(estimator, random_state).fit(*_unrelated(data, 0))
        except Exception as error:
            first_error = first_error or error
            continue
        attribute = next((a for a in QUANTITIES if hasattr(fitted, a)), None)
        if attribute is None:
            raise AssertionError(
                f"{type(estimator).__name__}.fit left none of {', '.join(QUANTITIES)}. Set the one "
                f"that fits the quantity, as a float in nats."
            )
        break
    if attribute is None:
        raise AssertionError(
            f"{type(estimator).__name__}.fit(X, y) refused both real numbers and integer labels, "
            f"60 rows of one column with a two-class y: {first_error}. Every estimator accepts "
            f"fit(X, y), also an entropy, which ignores y."
        ) from first_error
    kind = getattr(estimator, "kind", "kl") if attribute == "divergence_" else None
    data = _data_of(estimator, attribute, random_state)
    claims = claimed_laws(estimator, QUANTITIES[attribute], kind, laws)
    return Subject(estimator, attribute, data, kind, claims, random_state, tolerance)


def _unrelated(data: str, seed: int, n: int = 60) -> Rows:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    if data == "real":
        return rng.normal(size=(n, 1)), y
    return rng.integers(0, 3, size=(n, 1)), y


def _data_of(estimator: Any, attribute: str, random_state: int) -> tuple[str, ...]:
    def value(X: np.ndarray, y: np.ndarray) -> float:
        fitted = prepared(estimator, random_state).fit(X, y)
        return float(getattr(fitted, attribute))

    # Distinct numbers are all alike to an estimator of symbols: each occurs once.
    values = []
    for effect in (1.0, 2.0, 4.0):
        X, y = _unrelated("real", int(effect))
        if attribute == "mutual_information_":
            y = X[:, 0] ** 2 + effect * X[:, 0]
        else:
            X = effect * X + effect * y[:, None]
        with suppress(Exception):
            values.append(value(X, y))
    real = len(values) == 3 and max(values) - min(values) > _ROUNDING

    X, y = _unrelated("symbols", 1)
    words = np.array(["red", "green", "blue"], dtype=object)[X]
    symbols = not real  # integers are then all it reads
    with suppress(Exception):
        labels = words[:, 0] if attribute == "mutual_information_" else y
        symbols = math.isfinite(value(words, labels))
    return ("real",) * real + ("symbols",) * symbols
