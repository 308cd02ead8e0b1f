"""The matrix square root as a Torch function with its own derivative."""

from __future__ import annotations

from typing import Any

import torch


class _MatrixSqrt(torch.autograd.Function):
    """R with R R = A, for symmetric semi-definite A."""

    @staticmethod
    def forward(ctx: Any, matrix: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        spectrum, axes = torch.linalg.eigh(matrix)
        root = (axes * spectrum.clamp(min=0.0).sqrt().unsqueeze(-2)) @ axes.mT
        ctx.save_for_backward(root)
        return root

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        (root,) = ctx.saved_tensors
        # R dR + dR R = dA, and this map from dA to dR is its own adjoint.
        return _Lyapunov.apply(root, 0.5 * (gradients[0] + gradients[0].mT))


class _Lyapunov(torch.autograd.Function):
    """X with R X + X R = G, for symmetric positive definite R and symmetric G."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, root: torch.Tensor, right: torch.Tensor
    ) -> torch.Tensor:
        spectrum, axes = torch.linalg.eigh(root)
        sums = spectrum.unsqueeze(-1) + spectrum.unsqueeze(-2)
        solution = axes @ ((axes.mT @ right @ axes) / sums) @ axes.mT
        ctx.save_for_backward(root, solution)
        return solution

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        root, solution = ctx.saved_tensors
        right = _Lyapunov.apply(root, 0.5 * (gradients[0] + gradients[0].mT))
        product = right @ solution
        return -(product + product.mT), right


def torch_matrix_sqrt(matrix: torch.Tensor) -> torch.Tensor:
    """Symmetric square root of symmetric semi-definite matrices over leading axes."""
    return _MatrixSqrt.apply(matrix)  # type: ignore[return-value]
