"""Powers and logarithms of positive semi-definite matrices, real or complex, on their support.

Eigenvalues that rounding cannot tell from 0 count as 0, and so does every function there: a
negative power is that of the pseudo-inverse. Gradients are divided differences of the function,
which are smooth where eigenvalues coincide; pairs of eigenvalues for which they are infinite have
the gradient 0.
"""

from __future__ import annotations

from typing import NamedTuple

from array_api_compat import is_torch_array

from infotheory._xp._namespace import Array, array_namespace
from infotheory.functional._density_matrix import check_spectrum
from infotheory.functional._matrix_root import adjoint, hermitian_part
from infotheory.functional._spectrum import above_rounding, log_differences, power_differences

LOG = "log"
Function = float | str  # the exponent of a power, or LOG


class OnSupport(NamedTuple):
    """A function of a matrix, and the projector on the support; that one has no gradient."""

    value: Array
    support: Array


def on_support(matrix: Array, function: Function, name: str | None = None) -> OnSupport:
    """A power or the logarithm of semi-definite matrices over leading axes, O(n^3).

    With a ``name`` it raises a ValueError where a matrix is not semi-definite.
    """
    matrix = hermitian_part(matrix)
    if is_torch_array(matrix):
        from infotheory.functional._torch_hermitian import torch_on_support

        return OnSupport(*torch_on_support(matrix, function, name))
    spectrum, axes = array_namespace(matrix).linalg.eigh(matrix)
    if name is not None:
        check_spectrum(spectrum, name)
    return OnSupport(
        rebuilt(axes, function_values(spectrum, function)),
        rebuilt(axes, function_values(spectrum, 0.0)),
    )


def rebuilt(axes: Array, values: Array) -> Array:
    """The matrix with these eigenvectors and real eigenvalues."""
    xp = array_namespace(axes)
    return (axes * xp.astype(values, axes.dtype)[..., None, :]) @ adjoint(axes)


def trace(matrix: Array) -> Array:
    """Real part of the trace over leading axes: all of it where the matrix is Hermitian."""
    xp = array_namespace(matrix)
    found = xp.linalg.trace(matrix)
    return xp.real(found) if xp.isdtype(found.dtype, "complex floating") else found


def trace_product(left: Array, right: Array) -> Array:
    """Trace of the product of Hermitian matrices, O(n^2)."""
    xp = array_namespace(left, right)
    # tr(A B) = sum A_ij B_ji, and B_ji is the conjugate of B_ij.
    terms = left * (xp.conj(right) if xp.isdtype(right.dtype, "complex floating") else right)
    found = xp.sum(terms, axis=(-2, -1))
    return xp.real(found) if xp.isdtype(found.dtype, "complex floating") else found


def function_values(spectrum: Array, function: Function) -> Array:
    """The function at each eigenvalue, 0 at those that count as 0."""
    xp = array_namespace(spectrum)
    alive = above_rounding(spectrum)
    logs = xp.log(xp.where(alive, spectrum, 1.0))
    values = logs if isinstance(function, str) else xp.exp(function * logs)
    return xp.where(alive, values, 0.0)


def divided_differences(spectrum: Array, function: Function) -> Array:
    """(f(x) - f(y)) / (x - y) of all pairs of eigenvalues, f'(x) where they coincide."""
    xp = array_namespace(spectrum)
    alive = above_rounding(spectrum)
    safe = xp.where(alive, spectrum, 1.0)
    both = alive[..., :, None] & alive[..., None, :]
    if isinstance(function, str):
        return xp.where(both, log_differences(safe), 0.0)
    found = xp.where(both, power_differences(safe, function), 0.0)
    if function <= 0:
        return found
    # A positive power is 0 at 0, so that its difference with an eigenvalue x is x^(p - 1).
    one = alive[..., :, None] != alive[..., None, :]
    kept = xp.where(alive, spectrum, 0.0)
    larger = xp.maximum(kept[..., :, None], kept[..., None, :])
    partner = xp.where(one, larger, 1.0)
    return xp.where(one, xp.exp((function - 1) * xp.log(partner)), found)
