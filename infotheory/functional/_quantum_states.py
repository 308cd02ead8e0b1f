"""Parts of quantum states, and what a transpose of a part shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from infotheory._xp._namespace import Array, array_namespace
from infotheory.functional._density_matrix import (
    Systems,
    check_dims,
    check_matrices,
    check_systems,
    density_matrix,
)
from infotheory.functional._hermitian import trace, trace_product
from infotheory.functional._matrix_root import hermitian_spectrum


def partial_trace(rho: Array, dims: Sequence[int], keep: Systems) -> Array:
    r"""State of some subsystems: the trace over the others.

    Parameters
    ----------
    rho : array of shape (..., n, n)
        Any square matrices, on the tensor product of the subsystems.
    dims : sequence of int
        Dimension of each subsystem, of product n.
    keep : int or sequence of int
        Subsystems that remain, in the order in which the result has them; none of them gives the
        trace as a matrix of one entry.

    Returns
    -------
    array of shape (..., m, m)
        m the product of the dimensions of `keep`; differentiable.

    Raises
    ------
    ValueError
        If matrices are not square, the product of `dims` is not n, or `keep` has an index twice
        or one out of range.
    TypeError
        If rho is no array, or has masked entries.

    Notes
    -----
    Keeping all of them in another order permutes the subsystems. Complexity :math:`O(n^2)`, a
    copy. Source: Nielsen and Chuang, Quantum Computation and Quantum Information (2010),
    section 2.4.3.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import partial_trace
    >>> bell = np.zeros((4, 4))
    >>> bell[::3, ::3] = 0.5
    >>> partial_trace(bell, (2, 2), keep=0).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    sizes = check_dims(check_matrices(rho).shape[-1], dims)
    xp = array_namespace(rho)
    kept = check_systems(keep, len(sizes), "keep")
    gone = tuple(s for s in range(len(sizes)) if s not in kept)
    m, rest = math.prod(sizes[s] for s in kept), math.prod(sizes[s] for s in gone)
    count = len(sizes)
    order = [*kept, *(count + s for s in kept), *gone, *(count + s for s in gone)]
    turned = _turned(rho, sizes, order)
    return xp.linalg.trace(xp.reshape(turned, (*rho.shape[:-2], m, m, rest, rest)))


def _turned(rho: Array, sizes: tuple[int, ...], order: Sequence[int]) -> Array:
    """Rows and columns split into an axis for each subsystem, and these axes in another order."""
    xp = array_namespace(rho)
    lead = tuple(rho.shape[:-2])
    split = xp.reshape(rho, (*lead, *sizes, *sizes))
    return xp.permute_dims(split, (*range(len(lead)), *(len(lead) + axis for axis in order)))


def partial_transpose(rho: Array, dims: Sequence[int], systems: Systems) -> Array:
    r"""Transpose of some subsystems.

    Parameters
    ----------
    rho : array of shape (..., n, n)
        Any square matrices, on the tensor product of the subsystems.
    dims : sequence of int
        Dimension of each subsystem, of product n.
    systems : int or sequence of int
        Which to transpose.

    Returns
    -------
    array of shape (..., n, n)
        Differentiable. A negative eigenvalue proves that the state of `systems` and the others is
        entangled.

    Raises
    ------
    ValueError
        If matrices are not square, the product of `dims` is not n, or `systems` has an index
        twice or one out of range.
    TypeError
        If rho is no array, or has masked entries.

    Notes
    -----
    Complexity :math:`O(n^2)`, a copy. Source: Peres (1996), arXiv:quant-ph/9604005.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import partial_transpose
    >>> bell = np.zeros((4, 4))
    >>> bell[::3, ::3] = 0.5
    >>> np.linalg.eigvalsh(partial_transpose(bell, (2, 2), 1)).round(6).tolist()
    [-0.5, 0.5, 0.5, 0.5]
    """
    sizes = check_dims(check_matrices(rho).shape[-1], dims)
    xp = array_namespace(rho)
    chosen = check_systems(systems, len(sizes), "systems")
    count = len(sizes)
    order = list(range(2 * count))
    for s in chosen:
        order[s], order[count + s] = order[count + s], order[s]
    return xp.reshape(_turned(rho, sizes, order), tuple(rho.shape))


def purity(rho: Array) -> Array:
    r"""Purity tr(rho^2) of quantum states.

    Parameters
    ----------
    rho : array of shape (..., n, n)
        Density matrices: Hermitian, positive semi-definite, of trace 1.

    Returns
    -------
    array of shape (...)
        From 1 / n, of the maximally mixed state, to 1, of a pure one; differentiable.

    Raises
    ------
    ValueError
        If a matrix is not finite, not Hermitian, not positive semi-definite or not of trace 1.

    Notes
    -----
    Its negative logarithm is :func:`quantum_renyi_entropy` of order 2. Complexity :math:`O(n^3)`,
    for the check; the rest is :math:`O(n^2)`. Source: Nielsen and Chuang, Quantum Computation and
    Quantum Information (2010), section 2.4.1.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import purity
    >>> print(purity(np.eye(4) / 4))
    0.25
    """
    matrix = density_matrix(rho)
    return trace_product(matrix, matrix)


def negativity(rho: Array, dims: Sequence[int], systems: Systems) -> Array:
    r"""Negativity of a state: what a partial transpose makes negative.

    Parameters
    ----------
    rho : array of shape (..., n, n)
        Density matrices: Hermitian, positive semi-definite, of trace 1.
    dims : sequence of int
        Dimension of each subsystem, of product n.
    systems : int or sequence of int
        One side; the other one is the rest.

    Returns
    -------
    array of shape (...)
        Sum of the negative eigenvalues of the partial transpose, without sign; 0 for states that
        are not entangled, at most (d - 1) / 2 for two systems of dimension d. Differentiable where
        no eigenvalue is 0.

    Raises
    ------
    ValueError
        As :func:`partial_transpose`, or if a matrix is not finite, not Hermitian, not positive
        semi-definite or not of trace 1.

    Notes
    -----
    Beyond two qubits, or a qubit and a qutrit, some entangled states have negativity 0.
    Complexity :math:`O(n^3)`. Source: Vidal and Werner (2002), arXiv:quant-ph/0102117.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import negativity
    >>> bell = np.zeros((4, 4))
    >>> bell[::3, ::3] = 0.5
    >>> print(f"{negativity(bell, (2, 2), 0):.4f}")
    0.5000
    """
    turned = partial_transpose(density_matrix(rho), dims, systems)
    xp = array_namespace(turned)
    return 0.5 * (xp.sum(xp.abs(hermitian_spectrum(turned)), axis=-1) - trace(turned))
