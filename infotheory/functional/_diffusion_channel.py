"""The Gaussian channel of a diffusion, by its log signal-to-noise ratio, and laws to sample it.

At log-SNR l a row x becomes z = sqrt(a) x + sqrt(1 - a) e with a = 1 / (1 + exp(-l)) and e
standard normal, so that rows of unit variance keep it: at -infinity z is noise, at infinity x.
"""

from __future__ import annotations

import math

from infotheory._xp._namespace import Array, array_namespace


def signal_and_noise(log_snr: Array) -> tuple[Array, Array]:
    """sqrt(a) and sqrt(1 - a), each to full relative precision at both ends."""
    xp = array_namespace(log_snr)
    zero = xp.zeros_like(log_snr)
    return (
        xp.exp(-0.5 * xp.logaddexp(zero, -log_snr)),
        xp.exp(-0.5 * xp.logaddexp(zero, log_snr)),
    )


def diffuse(x: Array, noise: Array, log_snr: Array) -> Array:
    r"""Send rows through the Gaussian channel of a diffusion.

    Parameters
    ----------
    x, noise : array of shape (..., n, d)
        Rows, and independent standard normal numbers.
    log_snr : array of shape (..., n)
        Log of the ratio of the powers of signal and noise, one a row.

    Returns
    -------
    array of shape (..., n, d)
        :math:`z = \sqrt{a}\,x + \sqrt{1 - a}\,e` with
        :math:`a = 1 / (1 + e^{-\lambda})`; differentiable.

    Notes
    -----
    Complexity :math:`O(n d)`. Source: Kingma, Salimans, Poole and Ho (2021), arXiv:2107.00630.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import diffuse
    >>> diffuse(np.array([[3.0]]), np.array([[1.0]]), np.array([0.0])).round(4).tolist()
    [[2.8284]]
    """
    signal, spread = signal_and_noise(log_snr)
    return signal[..., None] * x + spread[..., None] * noise


def _logistic(t: float) -> float:
    return 1 / (1 + math.exp(-t)) if t >= 0 else math.exp(t) / (1 + math.exp(t))


def log_snr_quantile(
    u: Array, low: float, high: float, *, location: float = 0.0, scale: float = math.inf
) -> Array:
    r"""Turn uniform numbers into log-SNRs of a truncated logistic law.

    Parameters
    ----------
    u : array of any shape
        Floating, from 0 to 1; stratified, they make an integral over the log-SNR precise.
    low, high : float
        Range of the log-SNR.
    location, scale : float
        Of the logistic law before it is truncated. An infinite scale makes it uniform.

    Returns
    -------
    array of the shape of `u`
        Increasing in `u`, from `low` to `high`; differentiable.

    Notes
    -----
    With :func:`log_snr_weight` an integral over [low, high] is the mean of weight times
    integrand; the law changes the variance of that mean and nothing else. Complexity
    :math:`O(1)` a number. Source: Kong, Brekelmans and Ver Steeg (2023), arXiv:2302.03792.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import log_snr_quantile
    >>> u = np.array([0.0, 0.25, 0.5, 1.0])
    >>> log_snr_quantile(u, -8.0, 8.0).tolist()
    [-8.0, -4.0, 0.0, 8.0]
    >>> log_snr_quantile(u, -8.0, 8.0, scale=2.0).round(2).tolist()
    [-8.0, -2.1, 0.0, 8.0]
    """
    xp = array_namespace(u)
    if math.isinf(scale):
        return low + (high - low) * u
    first, last = (low - location) / scale, (high - location) / scale
    # Both tails are kept, since one minus a probability near one has lost its digits.
    below = (1 - u) * _logistic(first) + u * _logistic(last)
    above = (1 - u) * _logistic(-first) + u * _logistic(-last)
    return location + scale * (xp.log(below) - xp.log(above))


def log_snr_weight(
    log_snr: Array, low: float, high: float, *, location: float = 0.0, scale: float = math.inf
) -> Array:
    r"""One over the density of the truncated logistic law of log-SNRs.

    Parameters
    ----------
    log_snr : array of any shape
        Between `low` and `high`.
    low, high, location, scale : float
        As given to :func:`log_snr_quantile`.

    Returns
    -------
    array of the shape of `log_snr`
        Its mean under the law is ``high - low``; differentiable.

    Notes
    -----
    Complexity :math:`O(1)` a number. Source: Kong, Brekelmans and Ver Steeg (2023),
    arXiv:2302.03792.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import log_snr_weight
    >>> log_snr_weight(np.array([0.0, 8.0]), -8.0, 8.0).tolist()
    [16.0, 16.0]
    >>> log_snr_weight(np.array([0.0, 8.0]), -8.0, 8.0, scale=2.0).round(1).tolist()
    [7.7, 109.2]
    """
    xp = array_namespace(log_snr)
    if math.isinf(scale):
        return xp.full_like(log_snr, high - low)
    first, last = (low - location) / scale, (high - location) / scale
    mass = _logistic(last) * _logistic(-first) * -math.expm1(first - last)
    t = (log_snr - location) / scale
    return scale * mass * (2 + xp.exp(t) + xp.exp(-t))
