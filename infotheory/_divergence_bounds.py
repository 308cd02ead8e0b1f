"""Bounds on the divergences of two samples: value, influence and ceiling at critic values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

KINDS = (
    "kl",
    "reverse-kl",
    "jeffreys",
    "js",
    "chi2",
    "hellinger",
    "alpha",
    "lipschitz-alpha",
    "wasserstein",
)
# Those whose critics have a limited slope, and those that are logarithms.
LIPSCHITZ_KINDS = ("lipschitz-alpha", "wasserstein")
LOGARITHMS = ("kl", "reverse-kl", "jeffreys", "js")


@dataclass(frozen=True)
class DivergenceBound:
    """The bound that is reported: its value and the influence of each row on it.

    Critics are log p / q, up to a constant for Donsker-Varadhan; those of a limited slope are
    what the bound asks for.
    """

    kind: str
    bound: str
    order: float | None

    def _pieces(self) -> list[tuple[Any, bool, float]]:
        """Forms, whether P and Q change places, and factors."""
        from infotheory.functional import _dual_forms as forms

        kl = forms.DONSKER_VARADHAN if self.bound == "donsker-varadhan" else forms.alpha_form(1)
        if self.kind in ("kl", "reverse-kl"):
            return [(kl, self.kind == "reverse-kl", 1.0)]
        if self.kind == "jeffreys":
            return [(kl, False, 1.0), (kl, True, 1.0)]
        if self.kind == "chi2":
            return [(forms.alpha_form(2), False, 2.0)]
        if self.kind == "alpha":
            return [(forms.alpha_form(_given(self.order)), False, 1.0)]
        if self.kind == "lipschitz-alpha":
            order = _given(self.order)
            return [(forms.DualForm(forms.WASSERSTEIN.joint, _Conjugate(order)), False, 1.0)]
        named = {"js": forms.JS, "hellinger": forms.HELLINGER, "wasserstein": forms.WASSERSTEIN}
        return [(named[self.kind], False, 1.0)]

    @property
    def offset(self) -> float:
        """The constant critic of value 0."""
        return 1 / (_given(self.order) - 1) if self.kind == "lipschitz-alpha" else 0.0

    @property
    def ceiling(self) -> float:
        """The largest value that the divergence can take."""
        if self.kind == "js":
            return math.log(2)
        if self.kind == "hellinger":
            return 1.0
        if self.kind == "alpha" and 0 < _given(self.order) < 1:
            return 1 / (_given(self.order) * (1 - _given(self.order)))
        return math.inf

    def __call__(self, at_p: Any, at_q: Any) -> Any:
        from infotheory.functional._dual_forms import evaluate

        return sum(
            factor * (evaluate(form, -at_q, -at_p) if turned else evaluate(form, at_p, at_q))
            for form, turned, factor in self._pieces()
        )

    def influence(self, at_p: np.ndarray, at_q: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Centred terms of the rows of P and of Q, and the largest share of one row in a mean."""
        of_p, of_q, largest = np.zeros_like(at_p), np.zeros_like(at_q), 0.0
        for form, turned, factor in self._pieces():
            first, second = (-at_q, -at_p) if turned else (at_p, at_q)
            together, apart = form.joint(first), form.product(second)
            from_first = together - together.mean()
            if form.logarithmic:
                weights = np.exp(apart - apart.max())
                from_second = 1 - weights / weights.mean()
                largest = max(largest, float(weights.max() / weights.sum()))
            else:
                from_second = apart.mean() - apart
            of_p += factor * (from_second if turned else from_first)
            of_q += factor * (from_first if turned else from_second)
        return of_p, of_q, largest

    def effective_rows(self, at_p: np.ndarray, at_q: np.ndarray) -> float:
        """How many rows the mean of powers of p / q rests on; infinite where powers are tame."""
        orders = {"kl": (1.0,), "reverse-kl": (0.0,), "jeffreys": (1.0, 0.0), "chi2": (2.0,)}
        if self.kind == "alpha":
            orders = {"alpha": (_given(self.order),)}
        fewest = math.inf
        for a in orders.get(self.kind, ()):
            if a >= 1 or a <= 0:
                # Of q / p at rows of P where the order is 0 or below.
                told = a * at_q if a >= 1 else (a - 1) * at_p
                weights = np.exp(told - told.max())
                fewest = min(fewest, float(weights.sum() ** 2 / np.sum(weights**2)))
        return fewest

    def log_ratio_constant(self, at_p: np.ndarray, at_q: np.ndarray) -> float:
        """What to take from the critic for a log ratio."""
        if self.kind not in ("kl", "reverse-kl", "jeffreys") or self.bound == "nwj":
            return 0.0
        if self.kind == "reverse-kl":
            return -_log_mean_exp(-at_p)
        return _log_mean_exp(at_q)


@dataclass(frozen=True)
class _Conjugate:
    """Convex conjugate of (u^a - 1) / (a (a - 1)) on u >= 0, for an order a above 1."""

    order: float

    def __call__(self, f: Any) -> Any:
        from infotheory._xp._namespace import array_namespace

        a = self.order
        positive = array_namespace(f).clip((a - 1) * f, 0.0, None)
        return positive ** (a / (a - 1)) / a + 1 / (a * (a - 1))


def _given(order: float | None) -> float:
    assert order is not None
    return order


def _log_mean_exp(values: np.ndarray) -> float:
    largest = float(values.max())
    return largest + math.log(float(np.mean(np.exp(values - largest))))
