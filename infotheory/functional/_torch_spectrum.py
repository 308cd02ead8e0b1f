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
from infotheory.functional._transport_checks import is_transformed


def _exact(matrix: torch.Tensor) -> torch.autocast:
    """Inside it, products of matrices are not rounded to halves."""
    return torch.autocast(matrix.device.type, enabled=False)


def _function_of(axes: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    with _exact(axes):
        return (axes * values.unsqueeze(-2)) @ axes.mH


class _SpectralSum(torch.autograd.Function):
    """tr f(A) for Hermitian semi-definite A, its scale, and the decomposition."""

    @staticmethod
    def forward(matrix: torch.Tensor, alpha: float) -> tuple[torch.Tensor, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        spectrum, axes = torch.linalg.eigh(matrix)
        check_semidefinite(spectrum)
        scale = spectrum_scale(spectrum, alpha)
        return spectral_terms(spectrum, alpha, scale).sum(-1), scale, spectrum, axes

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        matrix, ctx.alpha = inputs
        _, scale, spectrum, axes = output
        ctx.mark_non_differentiable(scale, spectrum, axes)
        ctx.save_for_backward(matrix, spectrum, axes)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        matrix, spectrum, axes = ctx.saved_tensors
        slope: Any = _SpectralSlope.apply(matrix, spectrum, axes, ctx.alpha)
        return gradients[0][..., None, None] * slope, None


class _SpectralSlope(torch.autograd.Function):
    """f'(A); the eigenvalues and eigenvectors of A are given, and constant to autograd."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        matrix: torch.Tensor, spectrum: torch.Tensor, axes: torch.Tensor, alpha: float
    ) -> torch.Tensor:
        slopes = spectral_slopes(spectrum, alpha, spectrum_scale(spectrum, alpha))
        return _function_of(axes, slopes)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        *tensors, ctx.alpha = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        matrix, spectrum, axes = ctx.saved_tensors
        differences = slope_differences(spectrum, ctx.alpha, spectrum_scale(spectrum, ctx.alpha))
        return _Curvature.apply(matrix, gradients[0], axes, differences), None, None, None


class _Curvature(torch.autograd.Function):
    """The derivative of a function of a matrix in a direction, which is its own adjoint."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        matrix: torch.Tensor,
        direction: torch.Tensor,
        axes: torch.Tensor,
        differences: torch.Tensor,
    ) -> torch.Tensor:
        direction = 0.5 * (direction + direction.mH)
        with _exact(axes):
            return axes @ (differences * (axes.mH @ direction @ axes)) @ axes.mH

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        # Torch's own mark for this is skipped where no path to the matrix leads through it.
        raise RuntimeError(
            "Entropies of eigenvalues have first and second derivatives, and a third was asked "
            "for. Use create_graph=True once at most."
        )


class _Largest(torch.autograd.Function):
    """The largest eigenvalue, and the decomposition."""

    @staticmethod
    def forward(matrix: torch.Tensor) -> tuple[torch.Tensor, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        spectrum, axes = torch.linalg.eigh(matrix)
        check_semidefinite(spectrum)
        return spectrum[..., -1].clone(), spectrum, axes

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        _, spectrum, axes = output
        ctx.mark_non_differentiable(spectrum, axes)
        ctx.save_for_backward(*inputs, spectrum, axes)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        slope: Any = _LargestSlope.apply(*ctx.saved_tensors)
        return gradients[0][..., None, None] * slope


class _LargestSlope(torch.autograd.Function):
    """The projector on the largest eigenvalue, divided by how many coincide with it."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        matrix: torch.Tensor, spectrum: torch.Tensor, axes: torch.Tensor
    ) -> torch.Tensor:
        tied = _tied(spectrum).to(spectrum.dtype)
        return _function_of(axes, tied / tied.sum(-1, keepdim=True))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        matrix, spectrum, axes = ctx.saved_tensors
        tied = _tied(spectrum)
        if bool((tied.sum(-1) > 1).any()):
            raise RuntimeError(
                "The entropy of the order infinity has a second derivative where the largest "
                "eigenvalue is simple, and it coincides with another one. Take a finite order, "
                "such as 100."
            )
        # Pairs of the largest one with another.
        gaps = torch.where(tied, 1.0, spectrum[..., -1:] - spectrum)
        row, column = tied[..., :, None], tied[..., None, :]
        gap = torch.where(column, gaps[..., :, None], gaps[..., None, :])
        differences = torch.where(row != column, 1.0 / gap, 0.0)
        return _Curvature.apply(matrix, gradients[0], axes, differences), None, None


def _tied(spectrum: torch.Tensor) -> torch.Tensor:
    """Which eigenvalues rounding cannot tell from the largest."""
    rounding = spectrum.shape[-1] * torch.finfo(spectrum.dtype).eps
    return spectrum >= spectrum[..., -1:] * (1 - rounding)


def _needs_gradient(matrix: torch.Tensor) -> bool:
    return is_transformed(matrix) or (matrix.requires_grad and torch.is_grad_enabled())


def spectral_sum(matrix: torch.Tensor, alpha: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Sum of the spectral terms over leading axes, and the scale they are in."""
    if _needs_gradient(matrix):
        total, scale, *_ = _SpectralSum.apply(matrix, alpha)  # type: ignore[misc]
        return total, scale
    spectrum = torch.linalg.eigvalsh(matrix)
    check_semidefinite(spectrum)
    scale = spectrum_scale(spectrum, alpha)
    return spectral_terms(spectrum, alpha, scale).sum(-1), scale


def largest_eigenvalue(matrix: torch.Tensor) -> torch.Tensor:
    """Of Hermitian semi-definite matrices over leading axes."""
    if _needs_gradient(matrix):
        return _Largest.apply(matrix)[0]  # type: ignore[index]
    spectrum = torch.linalg.eigvalsh(matrix)
    check_semidefinite(spectrum)
    return spectrum[..., -1]
