"""Exact noise predictions E[e | z] of known laws in the Gaussian channel of a diffusion.

Each covariance is taken apart once; what a row costs then does not grow with the number of
log-SNRs. The price is that gradients with respect to a covariance need distinct eigenvalues.
"""

from __future__ import annotations

from infotheory._xp import logsumexp, safe_log
from infotheory._xp._namespace import Array, array_namespace
from infotheory.functional._diffusion_channel import signal_and_noise


def _along_axes(
    z: Array, log_snr: Array, mean: Array, covariance: Array
) -> tuple[Array, Array, Array]:
    """What is left of z without the mean, along the axes of the law; its variances; the axes."""
    xp = array_namespace(z, log_snr, mean, covariance)
    signal, noise = (level[..., None] for level in signal_and_noise(log_snr))
    spectrum, axes = xp.linalg.eigh(covariance)
    return (z - signal * mean) @ axes, signal**2 * spectrum + noise**2, axes


def gaussian_noise_prediction(z: Array, log_snr: Array, mean: Array, covariance: Array) -> Array:
    r"""Expected noise given what a normal law has become in the Gaussian channel.

    Parameters
    ----------
    z : array of shape (..., n, d)
        Rows after :func:`diffuse`.
    log_snr : array of shape (..., n)
    mean : array of shape (d,) or (..., n, d)
        Of the law, or one a row.
    covariance : array of shape (d, d)
        Positive semi-definite.

    Returns
    -------
    array of shape (..., n, d)
        :math:`\sigma (a \Sigma + \sigma^2 I)^{-1} (z - \sqrt{a} \mu)` with
        :math:`\sigma^2 = 1 - a`; differentiable, in the covariance where its eigenvalues are
        distinct.

    Notes
    -----
    The score of z is minus this over :math:`\sigma`. Complexity :math:`O(d^3 + n d^2)`. Source:
    Kay, Fundamentals of Statistical Signal Processing I (1993), chapter 11.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_noise_prediction
    >>> z, log_snr = np.array([[1.0]]), np.array([0.0])
    >>> gaussian_noise_prediction(z, log_snr, np.zeros(1), np.eye(1)).round(4).tolist()
    [[0.7071]]
    """
    rotated, variances, axes = _along_axes(z, log_snr, mean, covariance)
    _, noise = signal_and_noise(log_snr)
    return noise[..., None] * ((rotated / variances) @ axes.T)


def gaussian_conditional_noise_prediction(
    z: Array, log_snr: Array, y: Array, mean: Array, covariance: Array
) -> Array:
    r"""Expected noise of X given y, for (X, Y) jointly normal and y without noise.

    Parameters
    ----------
    z : array of shape (..., n, d)
        Rows of X after :func:`diffuse`.
    log_snr : array of shape (..., n)
    y : array of shape (..., n, k)
        The other variable, clean.
    mean : array of shape (d + k,)
        Of (X, Y).
    covariance : array of shape (d + k, d + k)
        Of (X, Y); the block of Y is positive definite.

    Returns
    -------
    array of shape (..., n, d)
        :func:`gaussian_noise_prediction` for the law of X given y; differentiable, in the
        covariance where the eigenvalues of that law are distinct.

    Notes
    -----
    Complexity :math:`O(d^3 + k^3 + n (d + k)^2)`. Source: Mardia, Kent and Bibby, Multivariate
    Analysis (1979), section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_conditional_noise_prediction
    >>> z, log_snr, y = np.array([[1.0]]), np.array([0.0]), np.array([[2.0]])
    >>> joint = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> gaussian_conditional_noise_prediction(z, log_snr, y, np.zeros(2), joint).round(4).tolist()
    [[0.2367]]
    """
    xp = array_namespace(z, log_snr, y, mean, covariance)
    d = z.shape[-1]
    across = covariance[:d, d:]
    slopes = xp.linalg.solve(covariance[d:, d:], across.T)
    given = mean[:d] + (y - mean[d:]) @ slopes
    left = covariance[:d, :d] - across @ slopes
    return gaussian_noise_prediction(z, log_snr, given, left)


def mixture_noise_prediction(
    z: Array, log_snr: Array, weights: Array, means: Array, covariances: Array
) -> Array:
    r"""Expected noise given what a mixture of normal laws has become in the Gaussian channel.

    Parameters
    ----------
    z : array of shape (..., n, d)
        Rows after :func:`diffuse`.
    log_snr : array of shape (..., n)
    weights : array of shape (k,)
        Probabilities of the components; a component of weight 0 does not count.
    means : array of shape (k, d)
    covariances : array of shape (k, d, d)
        Positive semi-definite.

    Returns
    -------
    array of shape (..., n, d)
        The mean of the components' predictions under their probabilities given z;
        differentiable, in each covariance where its eigenvalues are distinct.

    Notes
    -----
    Complexity :math:`O(k (d^3 + n d^2))`. Source: McLachlan and Peel, Finite Mixture Models
    (2000), section 1.15.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import mixture_noise_prediction
    >>> z, log_snr = np.array([[0.0], [1.0]]), np.zeros(2)
    >>> means, covariances = np.array([[-2.0], [2.0]]), np.ones((2, 1, 1))
    >>> halves = np.array([0.5, 0.5])
    >>> mixture_noise_prediction(z, log_snr, halves, means, covariances).round(3).tolist()
    [[0.0], [-0.181]]
    """
    xp = array_namespace(z, log_snr, weights, means, covariances)
    log_weights = safe_log(weights)
    _, noise = signal_and_noise(log_snr)
    log_parts, predictions = [], []
    for k in range(means.shape[0]):
        rotated, variances, axes = _along_axes(z, log_snr, means[k, :], covariances[k, :, :])
        log_density = -0.5 * xp.sum(rotated**2 / variances + xp.log(variances), axis=-1)
        log_parts.append(log_weights[k] + log_density)
        predictions.append(noise[..., None] * ((rotated / variances) @ axes.T))
    logits = xp.stack(log_parts)
    chances = xp.exp(logits - logsumexp(logits, axis=0)[None, ...])
    return xp.sum(chances[..., None] * xp.stack(predictions), axis=0)
