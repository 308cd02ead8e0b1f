"""What estimators by Gaussian kernels share: bandwidths of samples, and what is said of them."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from infotheory.functional import kernel_bandwidth
from infotheory.functional._bandwidth import BANDWIDTH_RULES

BANDWIDTH = [Interval(Real, 0, None, closed="neither"), StrOptions(set(BANDWIDTH_RULES))]
# Squared distances of so many bandwidths are floats.
_FARTHEST = 1e150
# Share of pairs of a row with itself in a sum of kernels from where little else is seen.
_MOSTLY_ITSELF = 0.5
# How far from 1 the mean kernel is at least where differences of rows are more than rounding.
_LEAST_APART = 5e-7
# Share of the largest value there is.
_NEAR_CEILING = 0.8


def is_rule(bandwidth: Any) -> bool:
    """Whether a bandwidth is the name of a rule."""
    return isinstance(bandwidth, str)


def chosen_bandwidth(bandwidth: Any, values: np.ndarray, name: str) -> float:
    """A number as it is, or by its rule; raise where it cannot be for these values."""
    with np.errstate(over="ignore"):
        extent = float(np.max(np.ptp(values, axis=0)))
    if not np.isfinite(extent):
        raise ValueError(
            f"{name} must have columns whose extent is a float, got values as far apart as "
            f"{np.max(values):.3g} and {np.min(values):.3g}. Divide by a large number."
        )
    if 0 < extent < np.finfo(np.float64).tiny:
        raise ValueError(
            f"{name} must have columns whose extent is a normal float, at least "
            f"{np.finfo(np.float64).tiny:.3g}, or 0, got {extent:.3g}. Multiply by a large number."
        )
    found = float(kernel_bandwidth(values, bandwidth) if is_rule(bandwidth) else bandwidth)
    if not 0 < found < np.inf or extent / found > _FARTHEST:
        raise ValueError(
            f"bandwidth must be finite, and at least {1 / _FARTHEST:g} times the extent of {name}, "
            f"got {found:g} for an extent of {extent:g}. Take 'median', or scale the columns."
        )
    return found


def notes_of_sums(total: float, n: int, name: str, bandwidth: float) -> list[str]:
    """What to say where rows hardly have neighbours within a bandwidth."""
    if n / total > _MOSTLY_ITSELF:
        return [
            f"More than half of the kernel of {name} is that of rows with themselves: with a "
            f"bandwidth of {bandwidth:.3g} they have hardly a neighbour, and the value says more "
            f"of the bandwidth than of the law. Take a larger one, or 'median'."
        ]
    return []


def is_blurred(total: float, n: int) -> bool:
    """Whether the sum of the kernels of n rows is that of equal rows but for rounding."""
    return n * n - total <= _LEAST_APART * n * n


def blurred_note(name: str, bandwidth: float) -> str:
    """What to say of a kernel so wide that all rows are one."""
    return (
        f"The kernel hardly tells the rows of {name} apart: with a bandwidth of {bandwidth:.3g} "
        f"rounding is most of what is left of their differences. Take a smaller one, or 'median'."
    )


def ceiling_note(value: float, n: int) -> list[str]:
    """What to say of an information near ln n."""
    ceiling = float(np.log(n))
    if value < _NEAR_CEILING * ceiling:
        return []
    return [
        f"The value is near the largest there is for {n} rows, ln n = {ceiling:.3g} nats: with so "
        f"small a bandwidth it says little of the law."
    ]
