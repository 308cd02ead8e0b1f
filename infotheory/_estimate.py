"""The answer of a door: a number that says how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from scipy.stats import norm


def unit_of(base: float | None) -> str:
    """Name of the unit of a logarithm to ``base`` (None: natural)."""
    if base is None or base == math.e:
        return "nats"
    known: dict[float, str] = {2: "bits", 10: "hartleys"}
    return known.get(base, f"units of log base {base:g}")


def check_base(base: float | None) -> None:
    """Raise unless the base of the logarithm makes sense."""
    if base is None:
        return
    is_number = isinstance(base, Real)
    if not is_number or not 1 < base < math.inf:
        raise (ValueError if is_number else TypeError)(
            f"base must be a number greater than 1, got {base!r}. "
            f"Use 2 for bits, 10 for hartleys, None for nats."
        )


def check_logarithm(unit: str, base: float | None, what: str) -> None:
    """Raise if another base is asked of a value that is no logarithm."""
    if base is not None and unit != "nats":
        raise ValueError(
            f"base must be None for {what}, whose value is no logarithm (its unit: {unit}); got "
            f"{base}. Leave base out, or take an estimator of a quantity in nats."
        )


@dataclass(frozen=True, eq=False)
class Estimate:
    """An estimated quantity with its uncertainty.

    Converts to a number with ``float(e)``. It has no arithmetic and no ordering: either would
    drop the interval without a word.

    Parameters
    ----------
    value : float
        The estimator's raw value in `unit`, not clipped.
    standard_error : float or None
        Estimated standard deviation of `value` over repetitions of the experiment.
    interval : tuple of (float, float) or None
        Confidence interval. It is centred on ``value - bias``.
    confidence_level : float or None
        Nominal coverage of `interval`.
    p_value : float or None
        Permutation p-value of independence (or of equal distributions).
    unit : str
        "nats", "bits", "hartleys", ...; "column units" or "(no unit)" for distances and
        divergences that are no logarithms, which have no base.
    n_samples : int
        Number of rows used.
    estimator : object
        The fitted estimator.
    notes : tuple of str
        What the reader should know: the method chosen and why, ceilings, ties, biases.
    bias : float
        Estimated bias of `value`; 0 where none was estimated.

    Examples
    --------
    >>> from infotheory import Estimate
    >>> e = Estimate(0.41, standard_error=0.03, n_samples=500)
    >>> float(e)
    0.41
    >>> low, high = e.confidence_interval(0.95)
    >>> f"{low:.3f} {high:.3f}"
    '0.351 0.469'
    >>> f"{e:.2f}"
    '0.41'
    """

    value: float
    standard_error: float | None = None
    interval: tuple[float, float] | None = None
    confidence_level: float | None = None
    p_value: float | None = None
    unit: str = "nats"
    n_samples: int = 0
    estimator: Any = None
    notes: tuple[str, ...] = ()
    bias: float = 0.0

    # NumPy scalars and arrays would otherwise read the value through __array__ and calculate.
    __array_ufunc__ = None

    def confidence_interval(self, confidence_level: float = 0.9) -> tuple[float, float]:
        """Normal interval at another level, from the standard error and bias already there.

        Parameters
        ----------
        confidence_level : float
            Nominal coverage, strictly between 0 and 1.

        Returns
        -------
        tuple of (float, float)
            Lower and upper end, in `unit`.

        Raises
        ------
        ValueError
            If there is no standard error, or the level is not between 0 and 1.

        Examples
        --------
        >>> from infotheory import Estimate
        >>> low, high = Estimate(1.0, standard_error=0.1).confidence_interval(0.9)
        >>> f"{low:.2f} {high:.2f}"
        '0.84 1.16'
        """
        if self.standard_error is None:
            raise ValueError(
                "This estimate has no standard_error, so there is no interval to compute. "
                "Ask for one with confidence_level=0.9, or call confidence_interval(estimator, X, "
                "y)."
            )
        return normal_interval(self.value - self.bias, self.standard_error, confidence_level)

    def in_base(self, base: float | None) -> Estimate:
        """The same estimate in units of the logarithm to ``base``.

        Parameters
        ----------
        base : float or None
            2 for bits, 10 for hartleys; None leaves nats.

        Returns
        -------
        Estimate

        Raises
        ------
        ValueError, TypeError
            If `base` is not a number greater than 1, or the estimate is not in nats.

        Examples
        --------
        >>> from infotheory import Estimate
        >>> Estimate(1.0, n_samples=10).in_base(2)
        Estimate(1.443 bits, n = 10)
        """
        check_base(base)
        if base is None:
            return self
        if self.unit != "nats":
            raise ValueError(
                f"in_base starts from nats, and this estimate has the unit {self.unit}; got base="
                f"{base}. Convert the estimate in nats; what is no logarithm has no base."
            )
        scale = 1.0 / math.log(base)
        return replace(
            self,
            value=self.value * scale,
            standard_error=None if self.standard_error is None else self.standard_error * scale,
            interval=None
            if self.interval is None
            else (self.interval[0] * scale, self.interval[1] * scale),
            bias=self.bias * scale,
            unit=unit_of(base),
        )

    def __float__(self) -> float:
        return float(self.value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.value, dtype=dtype)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    def __repr__(self) -> str:
        words = f"Estimate({self.value:.4g} {self.unit}"
        if self.interval is not None and self.confidence_level is not None:
            low, high = self.interval
            words += f", {100 * self.confidence_level:.4g} % interval [{low:.4g}, {high:.4g}]"
        if self.p_value is not None:
            words += f", p = {self.p_value:.2g}"
        words += f", n = {self.n_samples}"
        if self.notes:
            words += f", {len(self.notes)} note{'s' * (len(self.notes) > 1)}"
        return words + ")"


def check_confidence_level(confidence_level: float) -> None:
    """Raise unless 0 < confidence_level < 1."""
    is_number = isinstance(confidence_level, Real)
    if not is_number or not 0 < confidence_level < 1:
        raise (ValueError if is_number else TypeError)(
            f"confidence_level must lie strictly between 0 and 1, got {confidence_level!r}. "
            "Use 0.9 for a 90 % interval, or None for the value alone."
        )


def normal_interval(
    centre: float, standard_error: float, confidence_level: float
) -> tuple[float, float]:
    """Two-sided normal interval; an infinite centre with no spread is its own interval."""
    check_confidence_level(confidence_level)
    if not math.isfinite(centre):
        return centre, centre
    half = norm.ppf(0.5 + confidence_level / 2) * standard_error
    return float(centre - half), float(centre + half)
