"""Entropies of quantum states, of their parts, and of ensembles of states."""

from __future__ import annotations

import math
from collections.abc import Sequence

from infotheory._xp._namespace import Array, array_namespace, as_working_float
from infotheory.functional._density_matrix import (
    Systems,
    check_dims,
    check_positive,
    check_systems,
    checked_state,
)
from infotheory.functional._kernel_checks import check_numbers
from infotheory.functional._matrix_root import detached
from infotheory.functional._quantum_states import partial_trace
from infotheory.functional._spectrum import check_order, spectral_entropy
from infotheory.functional._transport_checks import check_library

_ORDERS = (
    "Order 1 is the von Neumann entropy; the limit at 0 is the logarithm of the rank, "
    "np.log(np.linalg.matrix_rank(rho))."
)


def state_entropy(matrix: Array, order: float = 1.0, name: str = "rho") -> Array:
    """Entropy of a checked state; a negative eigenvalue is an error in words of states."""
    if order == 2:
        check_positive(matrix, name)  # no eigenvalue would be computed
    try:
        return spectral_entropy(matrix, order)
    except ValueError:
        check_positive(matrix, name)
        raise


def density_matrix_entropy(rho: Array) -> Array:
    r"""Von Neumann entropy of quantum states.

    Parameters
    ----------
    rho : array of shape (..., n, n)
        Density matrices: Hermitian, positive semi-definite, of trace 1.

    Returns
    -------
    array of shape (...)
        :math:`S(\rho) = -\mathrm{tr}\, \rho \ln \rho` in nats, 0 for pure states and at most ln n;
        differentiable, also at repeated eigenvalues. Eigenvalues of 0 have the derivative 0.

    Raises
    ------
    ValueError
        If a matrix is not finite, not Hermitian, not positive semi-definite or not of trace 1,
        beyond what rounding explains (:func:`check_density_matrix`).
    TypeError
        If rho is no array of numbers, is in half precision or has masked entries.

    Notes
    -----
    A diagonal matrix has the :func:`entropy` of its diagonal. The entropy of a representation, a
    table of rows, is :func:`von_neumann_entropy`. Complexity :math:`O(n^3)`. Source: Nielsen and
    Chuang, Quantum Computation and Quantum Information (2010), section 11.3.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import density_matrix_entropy
    >>> print(f"{density_matrix_entropy(np.eye(2) / 2):.4f}")
    0.6931
    """
    return state_entropy(checked_state(rho))


def quantum_renyi_entropy(rho: Array, order: float) -> Array:
    r"""Rényi entropy of quantum states.

    Parameters
    ----------
    rho : array of shape (..., n, n)
        Density matrices: Hermitian, positive semi-definite, of trace 1.
    order : float
        Positive, infinity included.

    Returns
    -------
    array of shape (...)
        :math:`S_\alpha(\rho) = \frac{1}{1 - \alpha} \ln \mathrm{tr}\, \rho^\alpha` in nats;
        differentiable. Eigenvalues of 0 have the derivative 0.

    Raises
    ------
    ValueError
        If the order is not positive, or as :func:`density_matrix_entropy`.

    Notes
    -----
    The limits are taken: order 1 is :func:`density_matrix_entropy`, infinity minus the logarithm of
    the largest eigenvalue. Complexity :math:`O(n^3)`. Source: Müller-Lennert et al. (2013),
    arXiv:1306.3142.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> from infotheory.functional import quantum_renyi_entropy
    >>> rho = np.array([[0.5, 0.25], [0.25, 0.5]])
    >>> for order in (0.5, 1, 2, math.inf):
    ...     print(f"{quantum_renyi_entropy(rho, order):.4f}")
    0.6238
    0.5623
    0.4700
    0.2877
    """
    check_order(order, "order", _ORDERS)
    return state_entropy(checked_state(rho), order)


def quantum_tsallis_entropy(rho: Array, order: float) -> Array:
    r"""Tsallis entropy of quantum states.

    Parameters
    ----------
    rho : array of shape (..., n, n)
        Density matrices: Hermitian, positive semi-definite, of trace 1.
    order : float
        Positive and finite.

    Returns
    -------
    array of shape (...)
        :math:`(1 - \mathrm{tr}\, \rho^q) / (q - 1)`; differentiable. Eigenvalues of 0 have the
        derivative 0.

    Raises
    ------
    ValueError
        If the order is not positive and finite, or as :func:`density_matrix_entropy`.

    Notes
    -----
    Order 1 is :func:`density_matrix_entropy`; order 2, the linear entropy, is 1 minus the
    :func:`purity`. Complexity :math:`O(n^3)`. Source: Raggio (1995), doi:10.1063/1.530920.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import quantum_tsallis_entropy
    >>> print(f"{quantum_tsallis_entropy(np.eye(2) / 2, 2):.4f}")
    0.5000
    """
    check_order(order, "order", _ORDERS)
    if math.isinf(order):
        raise ValueError(
            "order must be finite, got inf. The limit of Tsallis entropies is 0; "
            "quantum_renyi_entropy has that order."
        )
    renyi = state_entropy(checked_state(rho), order)
    if order == 1:
        return renyi
    return array_namespace(rho).expm1((1 - order) * renyi) / (1 - order)


def _parts(count: int, *named: tuple[str, Systems | None]) -> list[tuple[int, ...]]:
    """Each group of subsystems; None, only in the last place, is all that are left."""
    groups: list[tuple[int, ...]] = []
    taken: set[int] = set()
    for name, systems in named:
        chosen = (
            tuple(s for s in range(count) if s not in taken)
            if systems is None
            else check_systems(systems, count, name)
        )
        if taken & set(chosen):
            both = ", ".join(str(s) for s in sorted(taken & set(chosen)))
            raise ValueError(
                f"{name} must share no subsystem with the others, got {both} in two of them. Leave "
                f"it out of one."
            )
        taken |= set(chosen)
        groups.append(chosen)
    return groups


def _entropy_of(rho: Array, dims: Sequence[int], systems: Sequence[int]) -> Array:
    """Of a checked state; the empty part has entropy 0."""
    return state_entropy(partial_trace(rho, dims, tuple(systems)))


def quantum_conditional_entropy(
    rho: Array, dims: Sequence[int], a: Systems = 0, given: Systems | None = None
) -> Array:
    r"""Conditional entropy of a part of a quantum state given another part.

    Parameters
    ----------
    rho : array of shape (..., n, n)
        Density matrices: Hermitian, positive semi-definite, of trace 1.
    dims : sequence of int
        Dimension of each subsystem, of product n.
    a : int or sequence of int
        Subsystems of the part.
    given : int or sequence of int, optional
        Subsystems of the condition: all others if None. What is in neither is traced out.

    Returns
    -------
    array of shape (...)
        :math:`S(A | B) = S(AB) - S(B)` in nats, from :math:`-\ln d_A`, where A is maximally
        entangled with B, to :math:`\ln d_A`. Negative values prove entanglement. Differentiable.

    Raises
    ------
    ValueError
        If dims or indices do not fit, or as :func:`density_matrix_entropy`.

    Notes
    -----
    Complexity :math:`O(n^3)`. Source: Cerf and Adami (1997), arXiv:quant-ph/9512022.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import quantum_conditional_entropy
    >>> bell = np.zeros((4, 4))
    >>> bell[::3, ::3] = 0.5
    >>> print(f"{quantum_conditional_entropy(bell, (2, 2)):.4f}")
    -0.6931
    """
    matrix = checked_state(rho)
    sizes = check_dims(matrix.shape[-1], dims)
    part, condition = _parts(len(sizes), ("a", a), ("given", given))
    joint = _entropy_of(matrix, sizes, (*part, *condition))
    return joint - _entropy_of(matrix, sizes, condition)


def quantum_mutual_information(
    rho: Array, dims: Sequence[int], a: Systems = 0, b: Systems | None = None
) -> Array:
    r"""Mutual information of two parts of a quantum state.

    Parameters
    ----------
    rho : array of shape (..., n, n)
        Density matrices: Hermitian, positive semi-definite, of trace 1.
    dims : sequence of int
        Dimension of each subsystem, of product n.
    a : int or sequence of int
        Subsystems of the one part.
    b : int or sequence of int, optional
        Subsystems of the other part: all others if None. What is in neither is traced out.

    Returns
    -------
    array of shape (...)
        :math:`I(A; B) = S(A) + S(B) - S(AB)` in nats: at least 0, at most twice the logarithm of
        the smaller dimension, which is twice what classical variables reach. Differentiable.

    Raises
    ------
    ValueError
        If dims or indices do not fit, or as :func:`density_matrix_entropy`.

    Notes
    -----
    Complexity :math:`O(n^3)`. Source: Nielsen and Chuang, Quantum Computation and Quantum
    Information (2010), section 11.3.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import quantum_mutual_information
    >>> bell = np.zeros((4, 4))
    >>> bell[::3, ::3] = 0.5
    >>> print(f"{quantum_mutual_information(bell, (2, 2)):.4f}")
    1.3863
    """
    matrix = checked_state(rho)
    sizes = check_dims(matrix.shape[-1], dims)
    one, other = _parts(len(sizes), ("a", a), ("b", b))
    joint = _entropy_of(matrix, sizes, (*one, *other))
    return _entropy_of(matrix, sizes, one) + _entropy_of(matrix, sizes, other) - joint


def quantum_conditional_mutual_information(
    rho: Array, dims: Sequence[int], a: Systems, b: Systems, given: Systems | None = None
) -> Array:
    r"""Mutual information of two parts of a quantum state given a third one.

    Parameters
    ----------
    rho : array of shape (..., n, n)
        Density matrices: Hermitian, positive semi-definite, of trace 1.
    dims : sequence of int
        Dimension of each subsystem, of product n.
    a, b : int or sequence of int
        Subsystems of the two parts.
    given : int or sequence of int, optional
        Subsystems of the condition: all others if None. What is in none is traced out.

    Returns
    -------
    array of shape (...)
        :math:`I(A; B | C) = S(AC) + S(BC) - S(ABC) - S(C)` in nats. It is never negative: that is
        strong subadditivity. 0 where A - C - B is a quantum Markov chain. Differentiable.

    Raises
    ------
    ValueError
        If dims or indices do not fit, or as :func:`density_matrix_entropy`.

    Notes
    -----
    Complexity :math:`O(n^3)`. Source: Lieb and Ruskai (1973), doi:10.1063/1.1666274.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import quantum_conditional_mutual_information
    >>> ghz = np.zeros((8, 8))
    >>> ghz[::7, ::7] = 0.5
    >>> print(f"{quantum_conditional_mutual_information(ghz, (2, 2, 2), 0, 1):.4f}")
    0.6931
    """
    matrix = checked_state(rho)
    sizes = check_dims(matrix.shape[-1], dims)
    one, other, condition = _parts(len(sizes), ("a", a), ("b", b), ("given", given))
    joint = _entropy_of(matrix, sizes, (*one, *other, *condition))
    with_one = _entropy_of(matrix, sizes, (*one, *condition))
    with_other = _entropy_of(matrix, sizes, (*other, *condition))
    return with_one + with_other - joint - _entropy_of(matrix, sizes, condition)


def holevo_information(states: Array, probabilities: Array) -> Array:
    r"""Holevo information of an ensemble of quantum states.

    Parameters
    ----------
    states : array of shape (..., k, n, n)
        Density matrices: Hermitian, positive semi-definite, of trace 1.
    probabilities : array of shape (..., k)
        Of the states: non-negative, of sum 1.

    Returns
    -------
    array of shape (...)
        :math:`\chi = S(\sum_i p_i \rho_i) - \sum_i p_i S(\rho_i)` in nats, at least 0 and at most
        the smaller of ln n and the entropy of the probabilities; differentiable.

    Raises
    ------
    ValueError
        If the probabilities are negative or do not sum to 1, their number is not that of the
        states, or as :func:`density_matrix_entropy`.
    TypeError
        If the probabilities are no array of real numbers of the library of the states, or as
        :func:`density_matrix_entropy`.

    Notes
    -----
    No measurement of the state tells more than this about which one it is. Where the states
    commute it is the mutual information of index and outcome, and a measurement in their common
    basis attains it. Complexity :math:`O(k n^3)`. Source: Nielsen and Chuang, Quantum Computation
    and Quantum Information (2010), section 12.1.1.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import holevo_information
    >>> zero, plus = np.diag([1.0, 0.0]), np.full((2, 2), 0.5)
    >>> print(f"{holevo_information(np.stack([zero, plus]), np.array([0.5, 0.5])):.4f}")
    0.4165
    """
    matrices = checked_state(states, "states")
    xp = check_library("probabilities", probabilities, matrices)
    check_numbers("probabilities", probabilities)
    probabilities = as_working_float(probabilities)
    _check_probabilities(probabilities, matrices.shape)
    weights = probabilities[..., None, None]
    # Complex times real is no operation of the array API.
    mixture = xp.sum(matrices * xp.astype(weights, matrices.dtype), axis=-3)
    means = xp.sum(probabilities * state_entropy(matrices, name="states"), axis=-1)
    return state_entropy(mixture, name="states") - means


def _check_probabilities(probabilities: Array, shape: tuple[int, ...]) -> None:
    xp = array_namespace(probabilities)
    if len(shape) < 3 or probabilities.ndim == 0 or probabilities.shape[-1] != shape[-3]:
        raise ValueError(
            f"probabilities must hold one number for each state, shape (..., k) beside "
            f"(..., k, n, n), got shapes {tuple(probabilities.shape)} and {tuple(shape)}. Stack "
            f"the states along a new axis."
        )
    values = detached(probabilities)
    least = float(xp.min(values))
    off = float(xp.max(xp.abs(xp.sum(values, axis=-1) - 1.0)))
    if not (least >= 0 and off <= float(xp.finfo(probabilities.dtype).eps) ** 0.5):
        raise ValueError(
            f"probabilities must be non-negative and sum to 1, got a least one of {least:.3g} and "
            f"a sum that is off by {off:.3g}. Divide them by their sum."
        )
