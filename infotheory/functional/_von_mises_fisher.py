"""Constants of the von Mises-Fisher law on the sphere, and the Bessel function inside them.

Everything rests on F(x) = 0F1(; nu + 1; x^2 / 4), the modified Bessel function I_nu(x) over its
leading power. Its log is 0 at x = 0 and positive elsewhere, so that nothing under- or overflows.
"""

from __future__ import annotations

import math

import numpy as np

from infotheory._xp._namespace import Array, array_namespace, as_float
from infotheory._xp._special import xlogy

# From this order on the uniform expansion below has 13 digits for every argument.
_LEAST_ORDER = 48
_LARGE = 1e9  # arguments over the order, beside which 1 is nothing
# Log of the expansion of I_nu(nu z) for large nu: the k-th term is t^k P_k(t^2) / nu^k with
# t = (1 + z^2)^(-1/2), whose value at t = 1 is a term of Stirling's series.
_TERMS = (
    (1 / 8, -5 / 24),
    (1 / 16, -6 / 16, 5 / 16),
    (375 / 5760, -4779 / 5760, 9945 / 5760, -5525 / 5760),
    (13 / 128, -284 / 128, 1062 / 128, -1356 / 128, 565 / 128),
    (
        67599 / 322560,
        -2252205 / 322560,
        13077470 / 322560,
        -28286370 / 322560,
        26089875 / 322560,
        -8696625 / 322560,
    ),
    (
        103 / 192,
        -4860 / 192,
        40248 / 192,
        -129336 / 192,
        196155 / 192,
        -141660 / 192,
        39350 / 192,
    ),
)


def _polynomial(coefficients: tuple[float, ...], t: Array) -> Array:
    value = coefficients[-1] + 0 * t
    for c in coefficients[-2::-1]:
        value = c + t * value
    return value


def _uniform_expansion(x: Array, order: float) -> tuple[Array, Array]:
    """ln F at a large order, and the ratio of F one order higher to F."""
    xp = array_namespace(x)
    scaled = x / order
    # Where 1 is below the rounding its square would overflow sooner than the value.
    is_large = scaled > _LARGE
    w = xp.where(is_large, scaled, xp.sqrt(1 + xp.where(is_large, 1.0, scaled) ** 2))
    rise, t = scaled * (scaled / (1 + w)), 1 / w  # w - 1 without cancellation
    log_value = order * (rise - xp.log1p(rise / 2)) - 0.5 * xp.log1p(rise)
    slope = 0.5 * order / (1 + 0.5 * rise) - 0.5 * t**2
    for k, coefficients in enumerate(_TERMS, start=1):
        # At one by the same operations, so that the value at x = 0 is exactly 0.
        at_one, scale = _polynomial(coefficients, xp.ones_like(t)), order**-k
        log_value = log_value + scale * (t**k * _polynomial(coefficients, t**2) - at_one)
        rates = tuple((k + 2 * i) * c for i, c in enumerate(coefficients))
        slope = slope - scale * t ** (k + 2) * _polynomial(rates, t**2)
    return log_value, 2 * (order + 1) / order**2 * slope


def _log_hypergeometric(x: Array, order: float) -> Array:
    """ln F: the expansion at an order that is large enough, then downwards by recurrence.

    F_nu = F_(nu+1) + x^2 / (4 (nu + 1) (nu + 2)) F_(nu+2): all terms are positive.
    """
    xp = array_namespace(x)
    n_steps = max(0, math.ceil(_LEAST_ORDER - order))
    value, ratio = _uniform_expansion(x, order + n_steps)
    half = x / 2
    for step in reversed(range(n_steps)):
        growth = half * (half / ((order + step + 1) * (order + step + 2)) * ratio)
        value = value + xp.log1p(growth)
        ratio = 1 / (1 + growth)
    return value


def _as_array(x: Array) -> Array:
    return as_float(np.float64(x) if isinstance(x, (int, float)) else x)


def log_bessel_i(x: Array, order: float) -> Array:
    r"""Log of the modified Bessel function of the first kind, for any argument and order.

    Parameters
    ----------
    x : array
        Arguments, not negative.
    order : float
        The order :math:`\nu`, not negative.

    Returns
    -------
    array of the shape of `x`
        :math:`\ln I_\nu(x)`; differentiable, also twice. At x = 0 it is -inf for a positive order
        (with the gradient of the part that stays finite), 0 for order 0.

    Notes
    -----
    Stays finite where the function itself leaves the range of floats. Relative error of about 1e-14
    in float64, for orders up to 10 000 and more: uniform expansion for large orders, and recurrence
    downwards from one. Complexity: at most 49 passes over `x`. Sources: Olver (1954),
    doi:10.1098/rsta.1954.0021; Amos (1974), doi:10.1090/S0025-5718-1974-0333287-7.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import log_bessel_i
    >>> print(f"{log_bessel_i(np.array(10.0), 499.0):.4f}")
    -1801.9563
    """
    x = _as_array(x)
    return _log_hypergeometric(x, order) + (xlogy(order + 0 * x, x / 2) - math.lgamma(order + 1))


def log_vmf_normalizer(concentration: Array, dim: int) -> Array:
    r"""Log of the constant of the von Mises-Fisher density on the unit sphere.

    Parameters
    ----------
    concentration : array
        Concentrations :math:`\kappa`, not negative; 0 is the uniform law.
    dim : int
        Dimension d of the space around the sphere, at least 1: points have d coordinates.

    Returns
    -------
    array of the shape of `concentration`
        :math:`\ln C_d(\kappa)` of the density :math:`C_d(\kappa)\, e^{\kappa\, \mu \cdot z}` with
        respect to area; differentiable, with the slope :math:`-A_d(\kappa)`, where :math:`A_d =
        I_{d/2} / I_{d/2-1}` is the mean of :math:`\mu \cdot z`.

    Notes
    -----
    :math:`\ln C_d(\kappa) = (d/2 - 1) \ln \kappa - (d/2) \ln 2\pi - \ln I_{d/2-1}(\kappa)`,
    written so that nothing cancels at small concentrations: :math:`-\ln C_d(0) = \ln 2 + (d/2) \ln
    \pi - \ln \Gamma(d/2)` is the log area of the sphere and the entropy of its uniform law. The
    entropy of the law itself is :math:`-\ln C_d(\kappa) - \kappa A_d(\kappa)`. Accuracy and
    complexity as of :func:`log_bessel_i`. Source: Mardia and Jupp (1999),
    doi:10.1002/9780470316979.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import log_vmf_normalizer
    >>> uniform, narrow = log_vmf_normalizer(np.array([0.0, 10.0]), 1000)
    >>> print(f"{-uniform:.2f} {-narrow:.2f}")
    -2032.06 -2032.01
    """
    log_area = math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2)
    return -log_area - _log_hypergeometric(_as_array(concentration), dim / 2 - 1)
