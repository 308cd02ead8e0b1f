"""Torch functions whose gradient is that of an envelope: what holds of the gradient's gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from infotheory.functional._sinkhorn_implicit import implicit_potentials

DualValue = Callable[..., torch.Tensor]


class _DualValue(torch.autograd.Function):
    """The dual value at potentials that maximise it.

    Its gradient treats them as numbers, since they are stationary. Where that gradient is to be
    differentiated again they are functions of cost and weights to first order, which is enough:
    what the second order of a stationary potential adds is 0.
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, of: DualValue, epsilon: float, f: Any, g: Any, cost: Any, a: Any, b: Any
    ) -> torch.Tensor:
        ctx.of, ctx.epsilon = of, epsilon
        ctx.save_for_backward(f, g, cost, a, b)
        return of(f, g, cost, a, b)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        f, g, cost, a, b = ctx.saved_tensors
        again = torch.is_grad_enabled()
        wanted = ctx.needs_input_grad[-3:]
        with torch.enable_grad():
            if again:
                f, g = implicit_potentials(cost, a, b, ctx.epsilon, (f, g))
            else:
                cost, a, b = (
                    part.detach().requires_grad_(is_asked)
                    for part, is_asked in zip((cost, a, b), wanted, strict=True)
                )
            parts = cost, a, b
            value = ctx.of(f, g, *parts)
            asked = [part for part, is_asked in zip(parts, wanted, strict=True) if is_asked]
            found = iter(torch.autograd.grad(value, asked, gradients[0], create_graph=again))
        return (None,) * 4 + tuple(next(found) if is_asked else None for is_asked in wanted)


class _Once(torch.autograd.Function):
    """The same numbers; their gradient cannot be differentiated."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        ctx.save_for_backward(x)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        return _Refused.apply(gradients[0], *ctx.saved_tensors)


class _Refused(torch.autograd.Function):
    """A gradient that keeps its input on the graph: without a path to it none would be refused."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, gradient: torch.Tensor, x: torch.Tensor
    ) -> torch.Tensor:
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        raise NotImplementedError(
            "This result has a first derivative only: a gradient of its gradient would leave out "
            "how what was solved for moves beyond the first order. functional.sinkhorn(...).value, "
            "functional.sinkhorn_divergence, functional.matrix_entropy and "
            "functional.density_matrix_entropy have second derivatives."
        )


def stationary_value(
    of: DualValue, dual: tuple[Any, Any], cost: Any, a: Any, b: Any, epsilon: float
) -> torch.Tensor:
    """``of(f, g, cost, a, b)`` at the potentials that maximise it, twice differentiable."""
    return _DualValue.apply(of, epsilon, *dual, cost, a, b)  # type: ignore[return-value]


def once(x: torch.Tensor) -> torch.Tensor:
    """The same numbers, for a function that has a first derivative only."""
    return _Once.apply(x)  # type: ignore[return-value]
