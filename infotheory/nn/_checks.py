"""What batches and critics must look like, said in words where they do not."""

from __future__ import annotations

from numbers import Real
from typing import Any

import torch
from torch import Tensor


def callable_part(part: Any, name: str) -> Any:
    """`part` where it is a module or another function, and no name or class of one."""
    if not callable(part) or isinstance(part, type):
        got = f"the class {part.__name__}" if isinstance(part, type) else repr(part)
        raise TypeError(
            f"{name} must be a module that is called with rows, got {got}. Pass an instance such "
            f"as SeparableCritic(dim_x, dim_y), or any torch.nn.Module."
        )
    return part


def in_full(values: Tensor) -> Tensor:
    """Values in float32 at least: sums and exponentials of halves, as of autocast, are too coarse.

    The bounds subtract means of about the same size, where bfloat16 keeps two digits.
    """
    return values.float() if values.dtype.itemsize < 4 else values


def without_autocast(x: Tensor) -> torch.autocast:
    """Inside it, products of matrices keep the precision of what goes in."""
    return torch.autocast(x.device.type, enabled=False)


def not_negative(value: float, name: str) -> float:
    if not 0 <= _number(value, name) < float("inf"):
        raise ValueError(f"{name} must be a finite number of at least 0; got {value!r}.")
    return float(value)


def positive(value: float, name: str) -> float:
    if not 0 < _number(value, name) < float("inf"):
        raise ValueError(f"{name} must be a positive finite number; got {value!r}.")
    return float(value)


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(
            f"{name} must be a number, got {value!r}. A weight that is learnt multiplies the "
            f"result outside of the module."
        )
    return float(value)


def one_of(value: str, name: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}; got {value!r}.")
    return value


def rows(x: Tensor, name: str) -> Tensor:
    if not isinstance(x, Tensor) or x.ndim != 2 or not x.is_floating_point():
        got = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(
            f"{name} must be a floating tensor of shape (n, d), one row a sample; got {got}."
        )
    return x


def batch(x: Tensor, name: str, least: int = 2) -> Tensor:
    """`x` in full, where it has enough rows to say something about and all of them are numbers."""
    if len(rows(x, name)) < least or not x.shape[1]:
        raise ValueError(
            f"{name} must have at least {least} rows and 1 column; got the shape "
            f"{tuple(x.shape)}. Use a larger batch, or drop the last one that is too small."
        )
    bad = ~torch.isfinite(x).all(dim=1)
    if bad.any():
        raise ValueError(
            f"{name} must hold finite numbers; got NaN or infinity in {int(bad.sum())} of {len(x)} "
            f"rows. Look for missing input, or for training that diverged before this batch."
        )
    return in_full(x)


def unit_rows(x: Tensor, name: str, least: int = 2) -> Tensor:
    """Rows of a batch, divided by their lengths."""
    full = batch(x, name, least)
    # By the largest entry first: squares of tiny and of huge numbers leave the range of floats.
    top = full.detach().abs().amax(dim=1, keepdim=True)
    if (top == 0).any():
        raise ValueError(
            f"{name} must have no row of zeros, which has no direction; got "
            f"{int((top == 0).sum())} of {len(x)}. Take values before a rectifier, or add a bias "
            f"to the last layer."
        )
    return torch.nn.functional.normalize(full / top, dim=1)


def paired(first: Tensor, second: Tensor, names: str, *, same_width: bool = True) -> None:
    """Refuse two batches whose rows cannot belong together."""
    if len(first) != len(second) or (same_width and first.shape != second.shape):
        wanted = "rows and columns" if same_width else "rows"
        raise ValueError(
            f"{names} must have as many {wanted}, row i of both from one object; got "
            f"{tuple(first.shape)} and {tuple(second.shape)}."
        )


def one_a_row(values: Tensor, n: int, name: str) -> Tensor:
    if not isinstance(values, Tensor) or tuple(values.shape) not in ((n,), (n, 1)):
        got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(
            f"{name} must return one value a row, shape ({n},) or ({n}, 1) for this batch; got "
            f"{got}. End it with a layer of one output."
        )
    return in_full(values.reshape(n))
