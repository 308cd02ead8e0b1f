"""What makes a matrix a quantum state, and errors that say what does not."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence

import numpy as np

from infotheory._xp._namespace import Array, detached_numpy
from infotheory.functional._kernel_checks import check_no_half
from infotheory.functional._matrix_root import hermitian_spectrum
from infotheory.functional._spectrum import check_semidefinite
from infotheory.functional._transport_checks import check_library

Systems = int | Sequence[int]


def check_density_matrix(rho: Array, name: str = "rho") -> Array:
    r"""Raise unless every matrix is a quantum state.

    Parameters
    ----------
    rho : array of shape (..., n, n)
        Real or complex.
    name : str
        What errors call it.

    Returns
    -------
    array of shape (..., n, n)
        The same array.

    Raises
    ------
    ValueError
        If a matrix is not square or not finite, differs from its conjugate transpose, has a trace
        other than 1 or a negative eigenvalue. What rounding explains passes: the square root of
        the machine precision, relative to the largest entry or eigenvalue.
    TypeError
        If it is no array of numbers, is in half precision or has masked entries.

    Notes
    -----
    The functions of states check their arguments themselves. Gradients pass, so that a state can
    be made of free parameters within what is differentiated. Complexity :math:`O(n^3)` a matrix.
    Source: Nielsen and Chuang, Quantum Computation and Quantum Information (2010), section 2.4.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import check_density_matrix
    >>> check_density_matrix(np.diag([0.75, 0.25])).shape
    (2, 2)
    >>> check_density_matrix(np.eye(2))
    Traceback (most recent call last):
        ...
    ValueError: rho must have trace 1, got 2. Divide each matrix by its trace.
    """
    density_matrix(rho, name)
    return rho


def density_matrix(rho: Array, name: str = "rho") -> Array:
    """The matrix in floating numbers, once all of it is checked, O(n^3)."""
    return check_positive(checked_state(rho, name), name)


def check_positive(matrix: Array, name: str) -> Array:
    """The same matrix, once no eigenvalue is a negative probability."""
    check_spectrum(hermitian_spectrum(matrix), name)
    return matrix


def check_spectrum(spectrum: Array, name: str) -> None:
    """Raise where an eigenvalue, ascending along the last axis, is a negative probability."""
    check_semidefinite(
        spectrum,
        name,
        "Eigenvalues of a state are probabilities; to take the nearest state instead, set "
        "negative ones to 0 and divide by the trace.",
    )


def checked_state(rho: Array, name: str = "rho") -> Array:
    """The matrix in floating numbers, once it is square, finite, Hermitian and of trace 1."""
    matrix = floating(rho, name)
    values = detached_numpy(check_matrices(matrix, name))
    if not np.isfinite(values).all():
        raise ValueError(
            f"{name} must be finite, got nan or infinite entries. Leave such matrices out."
        )
    tolerance = math.sqrt(float(np.finfo(values.dtype).eps))
    apart = np.abs(values - np.swapaxes(values, -1, -2).conj()).max(initial=0.0, axis=(-2, -1))
    size = np.abs(values).max(initial=0.0, axis=(-2, -1))
    if (apart > tolerance * size).any():
        raise ValueError(
            f"{name} must be Hermitian, got entries that differ by {float(apart.max()):.3g} from "
            f"the conjugate transpose. Take (A + A^*) / 2 if only rounding sets them apart."
        )
    traces = np.trace(values, axis1=-2, axis2=-1).real
    off = np.abs(traces - 1.0)
    if (off > tolerance).any():
        worst = float(np.atleast_1d(traces).flat[int(np.argmax(off))])
        raise ValueError(
            f"{name} must have trace 1, got {worst:.9g}. Divide each matrix by its trace."
        )
    return matrix


def floating(matrix: Array, name: str) -> Array:
    """Real and complex numbers in single or double precision; all others as double."""
    xp = check_library(name, matrix)
    if not xp.isdtype(matrix.dtype, ("numeric", "bool")):
        raise TypeError(f"{name} must hold numbers, got {matrix.dtype}. Convert it to floats.")
    check_no_half(name, matrix)
    if matrix.dtype in (xp.float32, xp.float64, xp.complex64, xp.complex128):
        return matrix
    is_complex = xp.isdtype(matrix.dtype, "complex floating")
    return xp.astype(matrix, xp.complex128 if is_complex else xp.float64)


def check_matrices(matrix: Array, name: str = "rho") -> Array:
    """The same array, once it holds square matrices."""
    check_library(name, matrix)
    shape = tuple(matrix.shape)
    if len(shape) < 2 or shape[-1] != shape[-2] or shape[-1] == 0:
        raise ValueError(
            f"{name} must hold square matrices of shape (..., n, n), got shape {shape}. The "
            f"density matrix of a vector psi is psi psi^*: np.outer(psi, psi.conj())."
        )
    return matrix


def check_dims(n: int, dims: Sequence[int]) -> tuple[int, ...]:
    """The dimensions of the subsystems, once their product is that of the whole."""
    sizes = as_indices(dims)
    if not sizes or min(sizes) < 1 or math.prod(sizes) != n:
        raise ValueError(
            f"dims must be the dimensions of the subsystems, whole numbers of product {n} here, "
            f"got {dims!r}. Three qubits are dims=(2, 2, 2)."
        )
    return sizes


def check_systems(systems: Systems, count: int, name: str) -> tuple[int, ...]:
    """Indices of subsystems as a tuple of distinct numbers from 0 to count - 1."""
    chosen = as_indices(systems)
    if chosen is None or len(set(chosen)) < len(chosen) or any(not 0 <= s < count for s in chosen):
        raise ValueError(
            f"{name} must be distinct indices of subsystems, 0 to {count - 1} here, got "
            f"{systems!r}. Subsystems are counted from 0 in the order of dims."
        )
    return chosen


def as_indices(numbers: Systems) -> tuple[int, ...] | None:
    """One whole number or several as a tuple; None if they are something else."""
    several = numbers if isinstance(numbers, Iterable) else (numbers,)
    try:
        return tuple(operator.index(number) for number in several)
    except TypeError:
        return None
