"""What is asked of costs, weights and numbers before transport is solved for."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any

import numpy as np
from array_api_compat import device, is_torch_array

from infotheory._xp import array_namespace
from infotheory._xp._namespace import Array
from infotheory.functional._sinkhorn_implicit import off_graph
from infotheory.functional._sinkhorn_precision import largest

_WEIGHT_TOLERANCE = 1e-6


def checked_cost(cost: Array) -> Array:
    """Finite costs of floats, of two axes or more."""
    xp = check_library("cost", cost)
    check_untransformed(cost=cost)
    if xp.isdtype(cost.dtype, "complex floating"):
        raise ValueError(f"cost must be real, got {cost.dtype}. Take its real part or its size.")
    if not xp.isdtype(cost.dtype, ("real floating", "integral", "bool")):
        raise TypeError(f"cost must hold numbers, got {cost.dtype}. Convert it to floats.")
    # Integers, and floats that are longer than others have them.
    if not xp.isdtype(cost.dtype, "real floating") or getattr(cost, "itemsize", 8) > 8:
        cost = xp.astype(cost, xp.float64)
    if cost.ndim < 2 or 0 in cost.shape:
        raise ValueError(
            f"cost must have two axes or more, at least one row and one column, got shape "
            f"{tuple(cost.shape)}. Rows are points of the source, columns of the target."
        )
    # Differences of costs, too, are to be finite.
    if not largest(off_graph(cost)) <= float(xp.finfo(cost.dtype).max) / 8:
        raise ValueError(
            "cost must be finite. Replace what is missing, and forbidden pairs by a large cost; "
            "scale down points whose squared distances leave the range of floats."
        )
    return cost


def check_positive(**values: float) -> None:
    """Raise for what is not positive and finite."""
    for name, value in values.items():
        if getattr(value, "requires_grad", False):
            raise ValueError(
                f"{name} must be a number without a gradient, since none flows to it. Pass "
                f"float({name})."
            )
        try:
            holds = math.isfinite(value) and value > 0
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(f"{name} must be a positive number, got {value!r}.") from error
        if not holds:
            raise ValueError(f"{name} must be positive and finite, got {value!r}.")


def check_untransformed(**arrays: Array) -> None:
    """Raise inside of a transform of torch.func, where a solver cannot look at numbers."""
    for name, x in arrays.items():
        if is_transformed(x):
            raise TypeError(
                f"{name} must be a tensor outside of transforms of torch.func (grad, vmap, jacrev "
                f"and others), since a solver looks at its numbers. For gradients call the "
                f"function on a tensor that requires one and then torch.autograd.grad; for many "
                f"problems give arrays of costs leading axes, or solve one after the other."
            )


def is_transformed(x: Array) -> bool:
    """Whether an array stands for others inside of a transform of torch.func."""
    if not is_torch_array(x):
        return False
    import torch

    # There is no public way to ask.
    return torch._C._functorch.is_functorch_wrapped_tensor(x)


def check_library(name: str, *arrays: Array) -> Any:
    """The library of arrays, the first of which has that name."""
    if any(isinstance(x, np.ma.MaskedArray) for x in arrays):
        raise TypeError(
            f"{name} must have no masked entries, and a masked array was passed. Leave rows out, "
            f"or pass {name}.filled(value)."
        )
    try:
        return array_namespace(*arrays)
    except TypeError as error:
        kinds = [f"{type(x).__module__.split('.')[0]}.{type(x).__name__}" for x in arrays]
        others = f", beside {kinds[1]}" if kinds[1:] else ""
        raise TypeError(
            f"{name} must be an array of the library of all others, got {kinds[0]}{others}. "
            f"Convert it, as by numpy.asarray or torch.as_tensor."
        ) from error


def checked_weights(
    name: str,
    w: Array | None,
    shape: tuple[int, ...],
    like: Array,
    each: str,
    *,
    is_law: bool = True,
) -> Array:
    """Weights in the dtype of an array, uniform if None; `each` is what has one.

    They have sum 1, or any that is positive where they are no law.
    """
    xp = array_namespace(like)
    if w is None:
        return xp.full(shape, 1 / shape[-1], dtype=like.dtype, device=device(like))
    check_library(name, w, like)
    check_untransformed(**{name: w})
    if not hasattr(w, "dtype"):
        raise TypeError(f"{name} must be an array, one entry for each {each}, got {w!r}.")
    if xp.isdtype(w.dtype, "complex floating"):
        raise ValueError(f"{name} must be real, got {w.dtype}. Take the real part.")
    weights: Array = xp.astype(w, like.dtype)
    found, (size,) = tuple(weights.shape), shape[-1:]
    if found not in (shape, (size,)):
        expected = f"({size},)" + (f" or {shape}" if len(shape) > 1 else "")
        raise ValueError(
            f"{name} must have {size} entries, one for each {each}: shape {expected}, got shape "
            f"{found}."
        )
    if not bool(xp.all(weights >= 0)):
        raise ValueError(f"{name} must not be negative or missing, got {float(xp.min(weights)):g}.")
    total = xp.sum(weights, axis=-1, keepdims=True)
    if not is_law:
        if not bool(xp.all(xp.isfinite(total) & (total > 0))):
            raise ValueError(
                f"{name} must have a finite sum above 0, got {float(xp.min(total)):g}."
            )
        return xp.broadcast_to(weights, shape)
    if not bool(xp.all(xp.abs(total - 1) <= _WEIGHT_TOLERANCE)):
        raise ValueError(
            f"{name} must sum to 1, got {float(xp.max(total)):.6g}. Divide it by its sum."
        )
    return xp.broadcast_to(weights / total, shape)


def check_count(least: int, **values: int) -> None:
    """Raise for what is not a number of times, at least so many."""
    for name, value in values.items():
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise TypeError(f"{name} must be an integer, at least {least}, got {value!r}.")
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}.")
