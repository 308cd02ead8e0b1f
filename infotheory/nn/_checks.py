"""What batches and critics must look like, said in words where they do not."""

from __future__ import annotations

from torch import Tensor


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
    return values.reshape(n)
