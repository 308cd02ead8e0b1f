"""Square roots of positive semi-definite matrices, differentiable where eigenvalues coincide."""

from __future__ import annotations

from array_api_compat import is_torch_array

from infotheory._xp._namespace import Array, array_namespace


def detached(x: Array) -> Array:
    """Off the graph where there is one."""
    return x.detach() if is_torch_array(x) else x


def adjoint(matrix: Array) -> Array:
    """Conjugate transpose of real or complex matrices."""
    xp = array_namespace(matrix)
    turned = xp.matrix_transpose(matrix)
    return xp.conj(turned) if xp.isdtype(matrix.dtype, "complex floating") else turned


def hermitian_part(matrix: Array) -> Array:
    """Half the sum with the adjoint: decompositions read one triangle, gradients need both."""
    return 0.5 * (matrix + adjoint(matrix))


def hermitian_spectrum(matrix: Array) -> Array:
    """Eigenvalues of the Hermitian part, in ascending order."""
    return array_namespace(matrix).linalg.eigvalsh(hermitian_part(matrix))


def semidefinite_spectrum(matrix: Array) -> Array:
    """Eigenvalues of semi-definite matrices; what rounding made negative is 0.

    The gradient passes at 0 too: functions that are smooth there keep theirs.
    """
    xp = array_namespace(matrix)
    spectrum = hermitian_spectrum(matrix)
    below = xp.where(spectrum < 0, spectrum, 0.0)
    return spectrum - detached(below)


def matrix_sqrt(matrix: Array) -> Array:
    """Symmetric square root over leading axes, O(d^3).

    In Torch the gradient is that of the matrix function itself, which the gradient of an
    eigendecomposition is not where eigenvalues coincide, and it can be differentiated again. It
    is not finite for a singular matrix.
    """
    matrix = hermitian_part(matrix)
    if is_torch_array(matrix):
        from infotheory.functional._torch_matrix_root import torch_matrix_sqrt

        return torch_matrix_sqrt(matrix)
    xp = array_namespace(matrix)
    spectrum, axes = xp.linalg.eigh(matrix)
    root = xp.sqrt(xp.where(spectrum > 0, spectrum, 0.0))
    return (axes * root[..., None, :]) @ xp.matrix_transpose(axes)
