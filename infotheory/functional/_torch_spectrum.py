"""Sums over eigenvalues as Torch functions with their own first and second derivatives."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from infotheory.functional._spectrum import (
    check_semidefinite,
    slope_differences,
    spectral_slopes,
    spectral_terms,
    spectrum_scale,
)


class _SpectralSum(torch.autograd.Function):
    """tr f(A) for Hermitian semi-definite A."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, matrix: torch.Tensor, alpha: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if ctx.needs_input_grad[0]:
            spectrum, axes = torch.linalg.eigh(matrix)
            ctx.save_for_backward(matrix, spectrum, axes)
            ctx.alpha = alpha
        else:
            spectrum = torch.linalg.eigvalsh(matrix)
        check_semidefinite(spectrum)
        scale = spectrum_scale(spectrum, alpha)
        ctx.mark_non_differentiable(scale)
        return spectral_terms(spectrum, alpha, scale).sum(-1), scale

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        matrix, spectrum, axes = ctx.saved_tensors
        slope: Any = _SpectralSlope.apply(matrix, spectrum, axes, ctx.alpha)
        return gradients[0][..., None, None] * slope, None


class _SpectralSlope(torch.autograd.Function):
    """f'(A); the eigenvalues and eigenvectors of A are given, and constant to autograd."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, matrix: torch.Tensor, spectrum: torch.Tensor, axes: torch.Tensor, alpha: float
    ) -> torch.Tensor:
        ctx.save_for_backward(spectrum, axes)
        ctx.alpha = alpha
        slopes = spectral_slopes(spectrum, alpha, spectrum_scale(spectrum, alpha))
        return (axes * slopes.unsqueeze(-2)) @ axes.mH

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        # The Fréchet derivative of a matrix function is its own adjoint.
        spectrum, axes = ctx.saved_tensors
        differences = slope_differences(spectrum, ctx.alpha, spectrum_scale(spectrum, ctx.alpha))
        direction = 0.5 * (gradients[0] + gradients[0].mH)
        return axes @ (differences * (axes.mH @ direction @ axes)) @ axes.mH, None, None, None


def spectral_sum(matrix: torch.Tensor, alpha: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Sum of the spectral terms over leading axes, and the scale they are in."""
    return _SpectralSum.apply(matrix, alpha)  # type: ignore[return-value]
