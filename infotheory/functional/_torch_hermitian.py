"""Functions of Hermitian matrices as a Torch function with its own derivative."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from infotheory.functional._density_matrix import check_spectrum
from infotheory.functional._hermitian import (
    Function,
    divided_differences,
    function_values,
    rebuilt,
)


class _OnSupport(torch.autograd.Function):
    """f(A) for Hermitian semi-definite A, and the projector on the support of A."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, matrix: torch.Tensor, function: Function, name: str | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        spectrum, axes = torch.linalg.eigh(matrix)
        if name is not None:
            check_spectrum(spectrum, name)
        ctx.save_for_backward(spectrum, axes)
        ctx.function = function
        support = rebuilt(axes, function_values(spectrum, 0.0))
        ctx.mark_non_differentiable(support)
        return rebuilt(axes, function_values(spectrum, function)), support

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:  # type: ignore[override]
        # The Fréchet derivative of a matrix function is its own adjoint.
        spectrum, axes = ctx.saved_tensors
        differences = divided_differences(spectrum, ctx.function)
        direction = 0.5 * (gradients[0] + gradients[0].mH)
        return axes @ (differences * (axes.mH @ direction @ axes)) @ axes.mH, None, None


def torch_on_support(
    matrix: torch.Tensor, function: Function, name: str | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The function over leading axes, and the projector on the support."""
    return _OnSupport.apply(matrix, function, name)  # type: ignore[return-value]
