"""Special functions that the array API standard lacks, differentiable where Torch is.

Integers and booleans are read as float64 in every library.
"""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np
import scipy.special

from infotheory._xp._namespace import Array, array_namespace, as_float, detached_numpy, like


def _native(x: Array, torch_name: str, scipy_name: str) -> Array:
    x = as_float(x)
    if array_api_compat.is_torch_array(x):
        import torch

        return getattr(torch.special, torch_name)(x)
    values = np.asarray(getattr(scipy.special, scipy_name)(detached_numpy(x)))
    return values[()] if isinstance(x, np.generic) else like(values, x)


def digamma(x: Array) -> Array:
    """Derivative of the log of the gamma function."""
    return _native(x, "digamma", "digamma")


def gammaln(x: Array) -> Array:
    """Log of the absolute value of the gamma function."""
    return _native(x, "gammaln", "gammaln")


def safe_log(x: Array) -> Array:
    """log(x), -inf with a zero gradient at x = 0; nan for nan and for negative x.

    Both ``where`` are needed: the inner one keeps 1/0 out of the backward pass.
    """
    xp = array_namespace(x)
    x = as_float(x)
    some = x != 0
    return xp.where(some, xp.log(xp.where(some, x, 1.0)), -xp.inf)


def xlogy(x: Array, y: Array) -> Array:
    """x log(y) for x >= 0: zero wherever x = 0, -inf where y = 0 < x, both with zero gradient."""
    xp = array_namespace(x, y)
    x, y = as_float(x), as_float(y)
    some = x != 0
    gone = some & (y == 0)
    log = xp.log(xp.where(some & ~gone, y, 1.0))
    return xp.where(gone, -xp.inf, xp.where(some, x, 0.0) * log)


def logsumexp(x: Array, *, axis: int | tuple[int, ...] | None = None) -> Array:
    """log(sum(exp(x))) along ``axis`` without overflow; -inf for a row of -inf.

    The gradient of a row whose result is not finite is zero, where the usual formula gives nan.
    """
    xp = array_namespace(x)
    x = as_float(x)
    axes: Any = tuple(range(x.ndim)) if axis is None else axis
    top = xp.max(x, axis=axes, keepdims=True)
    if hasattr(top, "detach"):
        top = top.detach()
    finite = xp.isfinite(top)
    shift = xp.where(finite, top, 0.0)
    terms = xp.exp(xp.where(finite, x - shift, -xp.inf))
    total = xp.sum(xp.where(finite, terms, 0.0), axis=axes, keepdims=True)
    result = xp.where(finite, xp.log(xp.where(finite, total, 1.0)) + shift, top)
    return xp.squeeze(result, axis=axes)
