"""Rounding in entropic transport: costs and potentials are large numbers whose differences count.

The plan is the exponential of (f + g - C) / epsilon, so that what is lost of each in rounding
counts in units of epsilon.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from infotheory._xp import array_namespace
from infotheory._xp._namespace import Array
from infotheory.functional._sinkhorn_implicit import off_graph

# Share of the tolerance that rounding may take up before something is done about it.
_SHARE_OF_TOL = 0.1
# Relative error of entries of the plan above which there is nothing to solve for.
_MOST_NOISE = 0.01


class Reduced(NamedTuple):
    """A cost less a part of each row and of each column, which change no plan; None for zeros."""

    cost: Array
    offsets: tuple[Array, Array] | None


def noise(size: float, epsilon: float, dtype: Any, xp: Any) -> float:
    """Relative error of an entry of the plan where numbers of this size are rounded."""
    return float(xp.finfo(dtype).eps) * size / epsilon


def in_double(*arrays: Array) -> tuple[Array, ...]:
    """The same in float64, on the graph; as they are on devices that have none."""
    if any(getattr(getattr(x, "device", None), "type", None) == "mps" for x in arrays):
        return arrays
    xp = array_namespace(*arrays)
    return tuple(x if x.dtype == xp.float64 else xp.astype(x, xp.float64) for x in arrays)


def largest(x: Array) -> float:
    """The largest absolute value; nan where there is one."""
    xp = array_namespace(x)
    high, low = float(xp.max(x)), float(xp.min(x))
    return high if high >= -low or math.isnan(high) else -low


def matters(size: float, epsilon: float, tol: float, dtype: Any, xp: Any) -> bool:
    """Whether rounding of numbers of this size may be seen in marginals at the tolerance."""
    return noise(size, epsilon, dtype, xp) > _SHARE_OF_TOL * tol


def reduced(cost: Array, epsilon: float, tol: float) -> Reduced:
    """Without what is common to rows and to columns, where its rounding would matter."""
    xp = array_namespace(cost)
    fixed = off_graph(cost)
    if not matters(largest(fixed), epsilon, tol, cost.dtype, xp):
        return Reduced(cost, None)
    rows = xp.min(fixed, axis=-1)
    columns = xp.min(fixed - rows[..., :, None], axis=-2)
    return Reduced((cost - rows[..., :, None]) - columns[..., None, :], (rows, columns))


def check_resolved(f: Array, g: Array, epsilon: float) -> None:
    """Raise where rounding of the potentials hides this epsilon."""
    xp = array_namespace(f)
    size = potential_size(f, g)
    if not noise(size, epsilon, f.dtype, xp) <= _MOST_NOISE:
        digits = float(xp.finfo(f.dtype).eps)
        raise ValueError(
            f"epsilon must be at least about {digits * size / _MOST_NOISE:.2g} for these costs: "
            f"potentials reach {size:.2g}, and what {f.dtype} rounds off them moves the plan by "
            f"more than a hundredth. Raise epsilon, or use an exact plan (exact_transport)."
        )


def potential_size(f: Array, g: Array) -> float:
    """The largest of the potentials' absolute values, those of either side added."""
    xp = array_namespace(f)
    return float(xp.max(xp.abs(f)) + xp.max(xp.abs(g)))
