"""Entropy of the eigenvalues of positive semi-definite matrices, differentiable everywhere.

Gradients are those of the matrix function, :math:`V f'(\\Lambda) V^*`, which are smooth where
eigenvalues coincide; a derivative of eigenvectors, which is not, never appears.
"""

from __future__ import annotations

import math
from numbers import Real

from array_api_compat import is_torch_array

from infotheory._xp._namespace import Array, array_namespace, detached_numpy
from infotheory.functional._matrix_root import detached, hermitian_part

# Nearer to order 1 the sum of powers is 1 to a few digits, and dividing its distance from 1 by
# alpha - 1 would multiply the rounding error.
_NEAR_ONE = 0.1


_ORDERS = (
    "Take 1 for the von Neumann entropy, 1.01 for what is near it, or 2, which needs no "
    "eigenvalues."
)
_KERNELS = (
    "Use a positive definite kernel of finite rows; entropies of other matrices are not defined."
)


def check_order(order: float, name: str = "alpha", advice: str = _ORDERS) -> None:
    """Raise unless the order is positive."""
    if not isinstance(order, Real):
        raise TypeError(f"{name} must be a positive number, got {order!r}. Take 1 or 2.")
    if not order > 0:
        raise ValueError(f"{name} must be positive, got {order!r}. {advice}")


def check_finite(values: Array, name: str) -> None:
    """Raise where a number is missing or infinite: decompositions would fail in their own words."""
    xp = array_namespace(values)
    try:
        is_finite = bool(xp.all(xp.isfinite(values)))
    except RuntimeError as error:
        raise TypeError(
            f"{name} must be a tensor outside of torch.vmap, which shows no numbers to check. Pass "
            f"a batch along leading axes."
        ) from error
    if not is_finite:
        raise ValueError(
            f"{name} must be finite, got missing or infinite values. Remove them, or fill them in."
        )


def spectral_entropy(matrix: Array, alpha: float = 1.0) -> Array:
    """Rényi entropy of the eigenvalues of matrices of trace 1, over leading axes.

    Parameters
    ----------
    matrix : array of shape (..., n, n)
        Symmetric or Hermitian, positive semi-definite, of trace 1; the Hermitian part is read.
    alpha : float
        Positive, infinity included. At 2 nothing is decomposed: O(n^2).

    Returns
    -------
    array of shape (...)
        Nats. Twice differentiable in Torch, also where eigenvalues coincide; of the order infinity
        twice where the largest one is simple, or the second derivative raises.

    Raises
    ------
    ValueError
        If alpha is not positive, a number is not finite, or an eigenvalue is further below 0 than
        rounding explains: the square root of the machine precision, relative to the largest one.

    Notes
    -----
    Eigenvalues of 0 and what rounding made negative count as 0 and have the derivative 0. For
    alpha < 1, where powers of tiny numbers are large, so do those that rounding cannot tell from
    0: n times the machine precision, relative to the largest.
    """
    check_order(alpha)
    xp = array_namespace(matrix)
    check_finite(matrix, "The matrix")
    matrix = hermitian_part(matrix)
    if alpha == 2:
        return 0.0 - xp.log(xp.sum(xp.real(matrix * xp.conj(matrix)), axis=(-2, -1))) + 0.0
    if is_torch_array(matrix):
        from infotheory.functional._torch_spectrum import largest_eigenvalue, spectral_sum

        if math.isinf(alpha):
            return 0.0 - xp.log(largest_eigenvalue(matrix))
        total, scale = spectral_sum(matrix, alpha)
    else:
        spectrum = xp.linalg.eigvalsh(matrix)
        check_semidefinite(spectrum)
        if math.isinf(alpha):
            return 0.0 - xp.log(spectrum[..., -1])
        scale = spectrum_scale(spectrum, alpha)
        total = xp.sum(spectral_terms(spectrum, alpha, scale), axis=-1)
    return entropy_of_sum(total, alpha, scale)


def entropy_of_spectrum(spectrum: Array, alpha: float = 1.0) -> Array:
    """The same from eigenvalues of sum 1 along the last axis, in ascending order."""
    xp = array_namespace(spectrum)
    if math.isinf(alpha):
        return 0.0 - xp.log(xp.max(spectrum, axis=-1))
    scale = spectrum_scale(spectrum, alpha)
    return entropy_of_sum(xp.sum(spectral_terms(spectrum, alpha, scale), axis=-1), alpha, scale)


def check_semidefinite(spectrum: Array, name: str = "The matrix", advice: str = _KERNELS) -> None:
    """Raise where the least of ascending eigenvalues is further below 0 than rounding explains."""
    found = detached_numpy(spectrum)
    least, largest = found[..., 0], abs(found).max(axis=-1)
    tolerance = math.sqrt(float(array_namespace(spectrum).finfo(spectrum.dtype).eps))
    bad = ~(least >= -tolerance * largest)  # nan is bad too
    if bad.any():
        raise ValueError(
            f"{name} must be positive semi-definite, got an eigenvalue of "
            f"{float(least[bad][0]):.3g} beside the largest of {float(largest[bad][0]):.3g}. "
            f"{advice}"
        )


def near_one(alpha: float) -> bool:
    """Whether the sum of powers is taken as its distance from 1."""
    return abs(alpha - 1) < _NEAR_ONE


def spectrum_scale(spectrum: Array, alpha: float) -> Array:
    """What eigenvalues are divided by so that their powers do not underflow; no derivative."""
    xp = array_namespace(spectrum)
    largest = detached(spectrum[..., -1])
    return xp.ones_like(largest) if near_one(alpha) else largest


def above_rounding(spectrum: Array) -> Array:
    """Which of ascending eigenvalues are above what rounding makes of 0."""
    eps = float(array_namespace(spectrum).finfo(spectrum.dtype).eps)
    return spectrum > spectrum.shape[-1] * eps * spectrum[..., -1:]


def _live(spectrum: Array, alpha: float) -> Array:
    """Which eigenvalues count: those above 0, and above rounding where alpha < 1."""
    return spectrum > 0 if alpha >= 1 else above_rounding(spectrum)


def spectral_terms(spectrum: Array, alpha: float, scale: Array) -> Array:
    """(x^alpha - x) / (alpha - 1) for an order near 1, x ln x at 1, else (x / scale)^alpha."""
    xp = array_namespace(spectrum)
    live = _live(spectrum, alpha)
    safe = xp.where(live, spectrum / scale[..., None], 1.0)
    log = xp.log(safe)
    if alpha == 1:
        terms = safe * log
    elif near_one(alpha):
        terms = safe * xp.expm1((alpha - 1) * log) / (alpha - 1)
    else:
        terms = xp.exp(alpha * log)
    return xp.where(live, terms, 0.0)


def spectral_slopes(spectrum: Array, alpha: float, scale: Array) -> Array:
    """Derivative of each term; 0 at eigenvalues that count as 0, where it may be infinite."""
    xp = array_namespace(spectrum)
    live = _live(spectrum, alpha)
    log = xp.log(xp.where(live, spectrum / scale[..., None], 1.0))
    if alpha == 1:
        slopes = log + 1.0
    elif near_one(alpha):
        slopes = alpha * xp.expm1((alpha - 1) * log) / (alpha - 1) + 1.0
    else:
        slopes = alpha * xp.exp((alpha - 1) * log) / scale[..., None]
    return xp.where(live, slopes, 0.0)


def slope_differences(spectrum: Array, alpha: float, scale: Array) -> Array:
    """Divided differences of the slopes, (..., n, n); their derivatives where two coincide.

    Pairs with an eigenvalue that counts as 0, where they may be infinite, have 0.
    """
    xp = array_namespace(spectrum)
    live = _live(spectrum, alpha)
    safe = xp.where(live, spectrum / scale[..., None], 1.0)
    if alpha == 1:
        ratio = log_differences(safe)
    else:
        factor = alpha / (alpha - 1) if near_one(alpha) else alpha
        ratio = factor * power_differences(safe, alpha - 1) / (scale * scale)[..., None, None]
    return xp.where(live[..., :, None] & live[..., None, :], ratio, 0.0)


def log_differences(x: Array) -> Array:
    """(ln x - ln y) / (x - y) of all pairs of positive numbers, 1 / x where they coincide."""
    xp = array_namespace(x)
    low, apart, step = _steps(x)
    return xp.where(apart, xp.log1p(step) / step, 1.0) / low


def power_differences(x: Array, p: float) -> Array:
    """(x^p - y^p) / (x - y) of all pairs of positive numbers, p x^(p - 1) where they coincide."""
    xp = array_namespace(x)
    low, apart, step = _steps(x)
    growth = xp.where(apart, xp.expm1(p * xp.log1p(step)) / step, p)
    return growth * xp.exp((p - 1) * xp.log(low))


def _steps(x: Array) -> tuple[Array, Array, Array]:
    """The smaller of each pair, whether the two differ, and by what share of it (1 if not)."""
    xp = array_namespace(x)
    low = xp.minimum(x[..., :, None], x[..., None, :])
    excess = xp.abs(x[..., :, None] - x[..., None, :]) / low
    apart = excess > 0
    return low, apart, xp.where(apart, excess, 1.0)


def entropy_of_sum(total: Array, alpha: float, scale: Array) -> Array:
    """The entropy from the sum of terms."""
    xp = array_namespace(total)
    if alpha == 1:
        return 0.0 - total
    if near_one(alpha):
        return xp.log1p((alpha - 1) * total) / (1 - alpha) + 0.0  # -0.0 becomes 0.0
    return (xp.log(total) + alpha * xp.log(scale)) / (1 - alpha) + 0.0
