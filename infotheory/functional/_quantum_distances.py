"""How different two quantum states are: relative entropies, fidelity, trace distance."""

from __future__ import annotations

import math
from numbers import Real
from typing import Literal

from infotheory._xp._namespace import Array, array_namespace
from infotheory.functional._density_matrix import check_positive, checked_state
from infotheory.functional._hermitian import LOG, on_support, trace, trace_product
from infotheory.functional._matrix_root import detached, hermitian_spectrum
from infotheory.functional._quantum_entropies import state_entropy
from infotheory.functional._sinkhorn_implicit import once_differentiable
from infotheory.functional._spectrum import above_rounding
from infotheory.functional._transport_checks import check_library

# A mass of the one state outside the support of the other, in units of n times the machine
# precision, that rounding of projectors and entries explains.
_LEAK = 64.0


def _pair(rho: Array, sigma: Array) -> tuple[Array, Array]:
    """Both states checked, and complex if one is: products of both need one dtype."""
    one, other = checked_state(rho, "rho"), checked_state(sigma, "sigma")
    check_library("rho", one, other)
    if one.shape[-1] != other.shape[-1]:
        raise ValueError(
            f"rho and sigma must be matrices of one size, got {one.shape[-1]} and "
            f"{other.shape[-1]} rows. Trace subsystems out of the larger one with partial_trace."
        )
    xp = array_namespace(one, other)
    dtype = xp.result_type(one.dtype, other.dtype)
    return xp.astype(one, dtype), xp.astype(other, dtype)


def _negligible(mass: Array, n: int) -> Array:
    xp = array_namespace(mass)
    return detached(mass) <= _LEAK * n * float(xp.finfo(mass.dtype).eps)


def quantum_relative_entropy(rho: Array, sigma: Array) -> Array:
    r"""Relative entropy of two quantum states.

    Parameters
    ----------
    rho, sigma : array of shape (..., n, n)
        Density matrices: Hermitian, positive semi-definite, of trace 1.

    Returns
    -------
    array of shape (...)
        :math:`S(\rho \| \sigma) = \mathrm{tr}\, \rho (\ln \rho - \ln \sigma)` in nats, 0 for equal
        states only. Infinite, with gradient 0, where rho has mass outside the support of sigma.
        Differentiable, also at repeated eigenvalues, in sigma once: a second gradient raises.
        Eigenvalues of 0 have the derivative 0.

    Raises
    ------
    ValueError
        If a matrix is not finite, not Hermitian, not positive semi-definite or not of trace 1,
        beyond what rounding explains (:func:`check_density_matrix`), or the sizes differ.
    TypeError
        If these are no arrays of numbers of one library, in half precision or have masked entries.

    Notes
    -----
    Eigenvalues of sigma up to n times the machine precision, relative to the largest, count as 0,
    and a mass of rho there of 64 n times the machine precision is infinite. Diagonal matrices give
    the :func:`kl_divergence` of their diagonals. Complexity :math:`O(n^3)`. Source: Nielsen and
    Chuang, Quantum Computation and Quantum Information (2010), section 11.3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import quantum_relative_entropy
    >>> zero, mixed = np.diag([1.0, 0.0]), np.eye(2) / 2
    >>> print(f"{quantum_relative_entropy(zero, mixed):.4f}")
    0.6931
    >>> print(quantum_relative_entropy(mixed, zero))
    inf
    """
    rho, sigma = _pair(rho, sigma)
    return _relative_entropy(rho, sigma)


def _relative_entropy(rho: Array, sigma: Array) -> Array:
    xp = array_namespace(rho)
    (sigma,) = once_differentiable(sigma)
    log, support = on_support(sigma, LOG, "sigma")
    inside = _covers(rho, support)
    value = 0.0 - state_entropy(rho) - trace_product(rho, log)
    return xp.where(inside, value, xp.inf)


def _covers(rho: Array, support: Array) -> Array:
    """Whether all of rho lies in the support, up to rounding."""
    whole = detached(rho)
    return _negligible(trace(whole) - trace_product(whole, support), rho.shape[-1])


def quantum_renyi_divergence(
    rho: Array, sigma: Array, order: float, kind: Literal["sandwiched", "petz"] = "sandwiched"
) -> Array:
    r"""Rényi divergence of two quantum states.

    Parameters
    ----------
    rho, sigma : array of shape (..., n, n)
        Density matrices: Hermitian, positive semi-definite, of trace 1.
    order : float
        Of the sandwiched kind 1/2 or more, infinity included; of Petz's positive and finite.
    kind : {"sandwiched", "petz"}
        - "sandwiched": :math:`\frac{1}{\alpha - 1} \ln \mathrm{tr} (\sigma^{(1-\alpha)/2\alpha}
          \rho\, \sigma^{(1-\alpha)/2\alpha})^\alpha`. A channel applied to both states never
          increases it at these orders. Order 1/2 is minus the logarithm of the
          :func:`fidelity`, infinity the max-divergence, the logarithm of the least c with
          :math:`\rho \le c \sigma`.
        - "petz": :math:`\frac{1}{\alpha - 1} \ln \mathrm{tr}\, \rho^\alpha \sigma^{1 - \alpha}`. A
          channel never increases it at orders up to 2. It is never smaller than the other.

    Returns
    -------
    array of shape (...)
        Nats; once differentiable, and a second gradient raises. Infinite, with gradient 0, where
        the states share no support, and for orders of 1 and more where rho has mass outside the
        support of sigma.

    Raises
    ------
    ValueError
        If the order or the kind is none of those, the order is so large that powers of the
        eigenvalues are beyond floating numbers, or as :func:`quantum_relative_entropy`.
    TypeError
        If the order is no number, or as :func:`quantum_relative_entropy`.

    Notes
    -----
    Order 1 is :func:`quantum_relative_entropy`; next to it, rounding is divided by the distance
    of the order from 1. Eigenvalues up to n times the machine precision, relative to the largest,
    count as 0. Both kinds agree for states that commute, on the classical
    :func:`renyi_divergence`. Complexity :math:`O(n^3)`. Source: Müller-Lennert et al. (2013),
    arXiv:1306.3142.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import quantum_renyi_divergence
    >>> plus, sigma = np.full((2, 2), 0.5), np.diag([0.75, 0.25])
    >>> for kind in ("sandwiched", "petz"):
    ...     print(f"{quantum_renyi_divergence(plus, sigma, 2, kind):.4f}")
    0.9115
    0.9808
    """
    if kind not in ("sandwiched", "petz"):
        raise ValueError(f"kind must be 'sandwiched' or 'petz', got {kind!r}.")
    if not isinstance(order, Real):
        raise TypeError(f"order must be a number, got {order!r}. Take 2, or 1/2.")
    fits = order >= 0.5 if kind == "sandwiched" else 0 < order < math.inf
    if not fits:
        raise ValueError(
            f"order must be 1/2 or more for kind='sandwiched', positive and finite for "
            f"kind='petz', got {order!r}. Order 1 is quantum_relative_entropy."
        )
    rho, sigma = _pair(rho, sigma)
    if order == 1:
        return _relative_entropy(rho, sigma)
    rho, sigma = once_differentiable(rho, sigma)
    return _petz(rho, sigma, order) if kind == "petz" else _sandwiched(rho, sigma, order)


def _petz(rho: Array, sigma: Array, order: float) -> Array:
    xp = array_namespace(rho)
    # In units of its smallest eigenvalue no negative power of sigma overflows.
    spectrum = xp.linalg.eigvalsh(detached(sigma))
    unit = xp.min(xp.where(above_rounding(spectrum), spectrum, 1.0), axis=-1)
    scaled = sigma / xp.astype(unit[..., None, None], sigma.dtype)
    power, support = on_support(scaled, 1.0 - order, "sigma")
    finite = _overlaps(rho, support, order)
    total = xp.where(finite, trace_product(on_support(rho, order, "rho").value, power), 1.0)
    _check_powers(total, order)
    value = xp.log(total) / (order - 1) - xp.log(unit)
    return xp.where(finite, value, xp.inf)


def _check_powers(total: Array, order: float) -> None:
    """Raise where a sum of powers of eigenvalues is 0 or infinite, though it is neither."""
    xp = array_namespace(total)
    if not bool(xp.all((total > 0) & (total < xp.inf))):
        raise ValueError(
            f"order must be such that powers of the eigenvalues are floating numbers, got "
            f"{order!r} beside eigenvalues that are too small. Take a smaller order, or infinity "
            f"with kind='sandwiched'."
        )


def _sandwiched(rho: Array, sigma: Array, order: float) -> Array:
    xp = array_namespace(rho)
    check_positive(rho, "rho")
    exponent = -0.5 if math.isinf(order) else (1.0 - order) / (2.0 * order)
    root, support = on_support(sigma, exponent, "sigma")
    finite = _overlaps(rho, support, order)
    inner = root @ rho @ root
    # Powers of the eigenvalues over their sum neither overflow nor vanish.
    scale = xp.where(finite, detached(trace(inner)), 1.0)
    inner = inner / xp.astype(scale[..., None, None], inner.dtype)
    if math.isinf(order):
        largest = hermitian_spectrum(inner)[..., -1]
        value = xp.log(xp.where(finite, largest, 1.0)) + xp.log(scale)
    else:
        total = xp.where(finite, trace(on_support(inner, order).value), 1.0)
        _check_powers(total, order)
        value = (xp.log(total) + order * xp.log(scale)) / (order - 1)
    return xp.where(finite, value, xp.inf)


def _overlaps(rho: Array, support: Array, order: float) -> Array:
    """Whether a divergence is finite: rho is within the support, below order 1 a part of it."""
    if order > 1:
        return _covers(rho, support)
    return ~_negligible(trace_product(detached(rho), support), rho.shape[-1])


def fidelity(rho: Array, sigma: Array) -> Array:
    r"""Fidelity of two quantum states, in the convention that squares.

    Parameters
    ----------
    rho, sigma : array of shape (..., n, n)
        Density matrices: Hermitian, positive semi-definite, of trace 1.

    Returns
    -------
    array of shape (...)
        :math:`F = (\mathrm{tr} \sqrt{\sqrt\sigma \rho \sqrt\sigma})^2`, from 0 for states of
        orthogonal supports to 1 for equal ones; :math:`|\langle\phi|\psi\rangle|^2` for pure ones.
        Once differentiable, and a second gradient raises; eigenvalues of 0 have the derivative 0,
        and so has F = 0.

    Raises
    ------
    ValueError
        As :func:`quantum_relative_entropy`.

    Notes
    -----
    This is Jozsa's; others, such as Nielsen and Chuang and QuTiP, call its square root the
    fidelity. The squared Bures distance is :math:`2 - 2 \sqrt F`, and with the
    :func:`trace_distance` T, :math:`1 - \sqrt F \le T \le \sqrt{1 - F}`. Eigenvalues up to n
    times the machine precision, relative to the largest, count as 0, which can move
    :math:`\sqrt F` by the root of that, 1e-8. Complexity :math:`O(n^3)`. Source:
    Jozsa (1994), doi:10.1080/09500349414552171.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import fidelity
    >>> print(f"{fidelity(np.diag([1.0, 0.0]), np.full((2, 2), 0.5)):.4f}")
    0.5000
    """
    rho, sigma = once_differentiable(*_pair(rho, sigma))
    check_positive(rho, "rho")
    root = on_support(sigma, 0.5, "sigma").value
    inner = root @ rho @ root
    return trace(on_support(inner, 0.5).value) ** 2


def trace_distance(rho: Array, sigma: Array) -> Array:
    r"""Trace distance of two quantum states.

    Parameters
    ----------
    rho, sigma : array of shape (..., n, n)
        Density matrices: Hermitian, positive semi-definite, of trace 1.

    Returns
    -------
    array of shape (...)
        :math:`T = \frac12 \mathrm{tr} |\rho - \sigma|`, from 0 to 1; differentiable where the
        difference has no eigenvalue of 0, with gradient 0 along those.

    Raises
    ------
    ValueError
        As :func:`quantum_relative_entropy`.

    Notes
    -----
    The best measurement tells which of two equally likely states it was given with the
    probability (1 + T) / 2. Diagonal matrices give the :func:`total_variation` of their diagonals.
    Pinsker: :math:`S(\rho \| \sigma) \ge 2 T^2`. Complexity :math:`O(n^3)`. Source: Nielsen and
    Chuang, Quantum Computation and Quantum Information (2010), section 9.2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import trace_distance
    >>> print(f"{trace_distance(np.diag([1.0, 0.0]), np.full((2, 2), 0.5)):.4f}")
    0.7071
    """
    rho, sigma = _pair(rho, sigma)
    check_positive(rho, "rho")
    check_positive(sigma, "sigma")
    xp = array_namespace(rho)
    return 0.5 * xp.sum(xp.abs(hermitian_spectrum(rho - sigma)), axis=-1)
