"""Sums over eigenvalues as Torch functions with their own first and second derivatives."""

from __future__ import annotations

from typing import Any

import torch

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
        ctx.save_for_backward(matrix, spectrum, axes)
        ctx.alpha = alpha
        slopes = spectral_slopes(spectrum, alpha, spectrum_scale(spectrum, alpha))
        return (axes * slopes.unsqueeze(-2)) @ axes.mH

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        matrix, spectrum, axes = ctx.saved_tensors
        curved = _SpectralCurvature.apply(matrix, gradients[0], spectrum, axes, ctx.alpha)
        return curved, None, None, None


class _SpectralCurvature(torch.autograd.Function):
    """The derivative of f'(A) in a direction, which is its own adjoint."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        matrix: torch.Tensor,
        direction: torch.Tensor,
        spectrum: torch.Tensor,
        axes: torch.Tensor,
        alpha: float,
    ) -> torch.Tensor:
        differences = slope_differences(spectrum, alpha, spectrum_scale(spectrum, alpha))
        direction = 0.5 * (direction + direction.mH)
        return axes @ (differences * (axes.mH @ direction @ axes)) @ axes.mH

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        # Torch's own mark for this is skipped where no path to the matrix leads through it.
        raise RuntimeError(
            "Entropies of eigenvalues have first and second derivatives, and a third was asked "
            "for. Use create_graph=True once at most."
        )


def spectral_sum(matrix: torch.Tensor, alpha: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Sum of the spectral terms over leading axes, and the scale they are in."""
    return _SpectralSum.apply(matrix, alpha)  # type: ignore[return-value]
