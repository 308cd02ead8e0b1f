"""What batches and critics must look like, said in words where they do not."""

from __future__ import annotations

from typing import Any

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


def one_a_row(values: Tensor, n: int, name: str) -> Tensor:
    if not isinstance(values, Tensor) or tuple(values.shape) not in ((n,), (n, 1)):
        got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(
            f"{name} must return one value a row, shape ({n},) or ({n}, 1) for this batch; got "
            f"{got}. End it with a layer of one output."
        )
    return in_full(values.reshape(n))
