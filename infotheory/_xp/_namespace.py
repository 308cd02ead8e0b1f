"""From any array library to NumPy and back, keeping dtype and device."""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np

Array = Any
_FLOATS_OF_NUMPY = ("torch.float16", "torch.float32", "torch.float64")


def array_namespace(*arrays: Array) -> Any:
    """The array API namespace shared by ``arrays``.

    Python scalars are ignored, and so are NumPy's beside an array: a sum may be one, and a
    parameter may be one. Alone they are NumPy arrays.
    """
    found = [a for a in arrays if not isinstance(a, (int, float, type(None), np.generic))]
    return array_api_compat.array_namespace(*(found or arrays))


def detached_numpy(x: Array) -> np.ndarray:
    """A NumPy view or copy of ``x``, off the graph and off the device."""
    if array_api_compat.is_torch_array(x):
        x = x.detach().cpu().resolve_conj().resolve_neg()
        # NumPy has no dtype for bfloat16, nor for floats of one byte.
        short = x.is_floating_point() and str(x.dtype) not in _FLOATS_OF_NUMPY
        return (x.float() if short else x).numpy()
    if array_api_compat.is_numpy_array(x):
        return np.asarray(x)
    return np.from_dlpack(x)


def like(values: np.ndarray | float, x: Array) -> Array:
    """``values`` as an array of the library and device of ``x``."""
    xp = array_namespace(x)
    return xp.asarray(np.array(values), device=array_api_compat.device(x))


def like_floating(values: np.ndarray, x: Array) -> Array:
    """As :func:`like`, in the floating dtype of ``x``; float64 where ``x`` has none."""
    dtype = detached_numpy(x).dtype
    return like(values.astype(dtype if dtype.kind == "f" else np.float64), x)


def as_float(x: Array) -> Array:
    """``x`` itself when it is floating, a float64 copy of integers and booleans."""
    xp = array_namespace(x)
    return x if xp.isdtype(x.dtype, "real floating") else xp.astype(x, xp.float64)


def as_working_float(x: Array) -> Array:
    """In float32 or float64: halves, too coarse for sums, as float32, all but these as float64."""
    xp = array_namespace(x)
    if x.dtype == xp.float32 or x.dtype == xp.float64:
        return x
    is_half = xp.isdtype(x.dtype, "real floating") and x.itemsize < 4
    return xp.astype(x, xp.float32 if is_half else xp.float64)
