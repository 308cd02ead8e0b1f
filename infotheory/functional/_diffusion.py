r"""Information from noise predictions: one term a row, whose mean is an integral over the log-SNR.

Let :math:`P_\lambda` be the law of z when x comes from P, and :math:`e_P(z)` the mean of e given
z. Then (Guo, Shamai and Verdu; Verdu, for the mismatched case)

.. math::

    \frac{d}{d\lambda} KL(P_\lambda \| Q_\lambda)
    = \tfrac12 E_P(|e - e_Q|^2 - |e - e_P|^2) = \tfrac12 E_P |e_P - e_Q|^2,

so that an integral over [low, high] is :math:`KL(P_{high} \| Q_{high}) - KL(P_{low} \| Q_{low})`,
exactly. What is missing from :math:`KL(P \| Q)` has two parts, both non-negative:

- low: :math:`KL(P_{low} \| Q_{low}) \le \tfrac12 e^{low} W_2^2(P, Q)` (couple the rows and use
  convexity), and :math:`\tfrac12 e^{low} |E_P x - E_Q x|^2` to first order;
- high: :math:`\tfrac12 e^{-high} E_P |\nabla \ln (p / q)|^2` to first order, where the densities
  are smooth. Where P has no density with respect to Q the integral grows with `high` for ever.

Mutual information is the mean of :math:`KL(P_{x|y} \| P_x)` over y. Missing are
:math:`I(Y; Z_{low}) \le \tfrac12 e^{low} \operatorname{tr} \operatorname{Cov} X` and
:math:`I(X; Y | Z_{high}) \le \tfrac12 e^{-high} J(X | Y)`, J the trace of the Fisher information
of a shift of x given y, mean over y. For normal laws with covariances S and C (given y) they are
:math:`\tfrac12 \ln (|I + e^{low} S| / |I + e^{low} C|)` and
:math:`\tfrac12 \ln (|I + e^{-high} C^{-1}| / |I + e^{-high} S^{-1}|)`. So a range whose
square roots of the SNR reach from 1e-4 over the largest scale of x to 1e4 over the smallest
leaves out about d 1e-8 nats. Where both first orders hold the integrand goes as
:math:`e^{\lambda}` and :math:`e^{-\lambda}` at the ends, so that its values there, with weight 1,
are what is missing: a range that is too short shows.

A wider range is not free with a learnt predictor: every piece of it adds its error.
"""

from __future__ import annotations

from infotheory._xp._namespace import Array, array_namespace
from infotheory.functional._diffusion_channel import diffuse
from infotheory.functional._gaussian import gaussian_log_density
from infotheory.functional._noise_prediction import gaussian_noise_prediction


def _half_difference(first: Array, second: Array, centre: Array, weight: Array | float) -> Array:
    """weight/2 (|centre - first|^2 - |centre - second|^2), factored: equal ones give 0 exactly."""
    xp = array_namespace(first, second, centre)
    return 0.5 * weight * xp.sum((second - first) * (2 * centre - first - second), axis=-1)


def denoising_gap(
    noise: Array, marginal: Array, conditional: Array, weight: Array | float
) -> Array:
    r"""How much better one predictor denoises than another; the mean is an information.

    Parameters
    ----------
    noise : array of shape (..., n, d)
        The noise e that was given to :func:`diffuse`.
    marginal : array of shape (..., n, d)
        Noise predictions that do not know y.
    conditional : array of shape (..., n, d)
        Noise predictions that know y.
    weight : array of shape (..., n) or float
        :func:`log_snr_weight` at the log-SNR of each row.

    Returns
    -------
    array of shape (..., n)
        :math:`\tfrac{w}{2} (|e - e_m|^2 - |e - e_c|^2)`, in nats; differentiable.

    Notes
    -----
    The mean over rows, noises and log-SNRs is I(X; Y). Other pairs of predictors give

    - :math:`KL(P \| Q)`, with rows from P: `marginal` that of Q, `conditional` that of P;
    - ln p(x) / q(x) at one row x, smoothed by the noise at `high`, as its mean over noises and
      log-SNRs with the same predictors;
    - I(X; Y) by the joint form: z, `noise` and `marginal` of the joined rows (x, y), and as
      `conditional` the predictions of x given clean y and of y given clean x, side by side.

    An error of a predictor enters in second order, as it does not in :func:`score_gap` and
    :func:`reference_gap`: that of `conditional` lowers the mean, that of `marginal` raises it. A
    relative error r costs :math:`r^2 / 2` for each unit of log-SNR and coordinate where z is
    mostly noise.

    Over [low, high] the mean is I(X; Y) less :math:`I(Y; Z_{low}) + I(X; Y | Z_{high})`, at most
    :math:`\tfrac12 e^{low} \operatorname{tr} \operatorname{Cov} X + \tfrac12 e^{-high} J(X | Y)`
    with J the Fisher information of a shift of x. In the joint form the first becomes
    :math:`\tfrac12 e^{low} \operatorname{tr} \operatorname{Cov}(X, Y)` at most, and the second
    is of order :math:`e^{-2 high}`, since
    :math:`J(X, Y) = J(X | Y) + J(Y | X)`. Complexity :math:`O(n d)`. Source: Guo, Shamai and
    Verdu (2005), doi:10.1109/TIT.2005.844072; Verdu (2010), IEEE Transactions on Information
    Theory 56, pages 3712-3720.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import denoising_gap
    >>> noise, blind, seeing = np.ones((1, 2)), np.zeros((1, 2)), np.full((1, 2), 0.5)
    >>> denoising_gap(noise, blind, seeing, 1.0).tolist()
    [0.75]
    """
    return _half_difference(marginal, conditional, noise, weight)


def score_gap(marginal: Array, conditional: Array, weight: Array | float) -> Array:
    r"""Half the squared distance of two noise predictions: the form "inside" the norm.

    Parameters
    ----------
    marginal, conditional : array of shape (..., n, d)
        As for :func:`denoising_gap`.
    weight : array of shape (..., n) or float
        :func:`log_snr_weight` at the log-SNR of each row.

    Returns
    -------
    array of shape (..., n)
        :math:`\tfrac{w}{2} |e_m - e_c|^2`, in nats, never negative; differentiable.

    Notes
    -----
    With exact predictors its mean is that of :func:`denoising_gap` at each log-SNR, so that
    everything said there about pairs of predictors and the range holds here; a row alone is not
    a log ratio. It varies less, but an error of a prediction enters in first order, and noise in
    the predictions pushes it up.

    The squared difference of drifts of Brownian bridges from y to x, those of pairs and those of
    strangers, is this form too: at time t of bridges of variance :math:`\epsilon`, x is seen
    through the channel at SNR :math:`t / (\epsilon (1 - t))`, and a uniform t draws the log-SNR
    from a logistic law. Complexity :math:`O(n d)`. Sources: Franzese, Bounoua and Michiardi (2023),
    arXiv:2310.09031; of the bridges Kholkin et al. (2025), arXiv:2502.01383.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import score_gap
    >>> score_gap(np.zeros((1, 2)), np.full((1, 2), 0.5), 1.0).tolist()
    [0.25]
    """
    xp = array_namespace(marginal, conditional)
    return 0.5 * weight * xp.sum((marginal - conditional) ** 2, axis=-1)


def reference_gap(
    marginal: Array, conditional: Array, reference: Array, weight: Array | float
) -> Array:
    r"""Difference of two divergences to a reference law: the form "outside" the norm.

    Parameters
    ----------
    marginal, conditional : array of shape (..., n, d)
        As for :func:`denoising_gap`.
    reference : array of shape (..., n, d)
        Exact predictions of any law, say :func:`gaussian_noise_prediction`.
    weight : array of shape (..., n) or float
        :func:`log_snr_weight` at the log-SNR of each row.

    Returns
    -------
    array of shape (..., n)
        :math:`\tfrac{w}{2} (|e_c - e_r|^2 - |e_m - e_r|^2)`, in nats; differentiable.

    Notes
    -----
    The mean is :math:`E KL(P_{x|y} \| R) - KL(P_x \| R)`. With exact predictors it is that of
    :func:`denoising_gap` at each log-SNR and for every reference, so that everything said there
    about pairs of predictors and the range holds here. An error of a prediction enters in first
    order, times the distance of the prediction from the reference. Complexity :math:`O(n d)`.
    Source: Franzese, Bounoua and Michiardi (2023), arXiv:2310.09031.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import reference_gap
    >>> blind, seeing, reference = np.zeros((1, 2)), np.full((1, 2), 0.5), np.zeros((1, 2))
    >>> reference_gap(blind, seeing, reference, 1.0).tolist()
    [0.25]
    """
    return _half_difference(conditional, marginal, reference, weight)


def denoising_log_density(
    x: Array,
    noise: Array,
    log_snr: Array,
    prediction: Array,
    mean: Array,
    covariance: Array,
    weight: Array | float,
) -> Array:
    r"""Log density of a row from how well a predictor denoises it, against a normal reference.

    Parameters
    ----------
    x : array of shape (n, d)
    noise : array of shape (..., n, d)
        Standard normal numbers, any number of them for a row.
    log_snr : array of shape (..., n)
    prediction : array of shape (..., n, d)
        Noise predictions of the law at ``diffuse(x, noise, log_snr)``.
    mean : array of shape (d,)
        Of the reference.
    covariance : array of shape (d, d)
        Of the reference; positive definite.
    weight : array of shape (..., n) or float
        :func:`log_snr_weight` at `log_snr`.

    Returns
    -------
    array of shape (..., n)
        :math:`\ln r(x) + \tfrac{w}{2} (|e - e_r|^2 - |e - e_p|^2)`, in nats; differentiable.
        Its mean over noises and log-SNRs is :math:`\ln p(x)`, and minus the mean over rows of
        that is the entropy.

    Notes
    -----
    Over [low, high] the mean is :math:`\ln r(x)` plus the mean of :math:`\ln p / r` over what x
    becomes at `high`, less that at `low`. Over rows what is missing is
    :math:`KL(P_{low} \| R_{low}) + KL(P \| R) - KL(P_{high} \| R_{high})`, and the entropy is too
    large by it. The second pair is :math:`\tfrac12 e^{-high} E |\nabla \ln (p / r)|^2` to first
    order. The first is :math:`\tfrac12 e^{low} |E x - \mu_r|^2` to first order; it is of third
    order where the reference has the mean and the covariance of the law, and such a reference
    makes the differences small as well. Complexity :math:`O(d^3 + n d^2)`. Source: Kong,
    Brekelmans and Ver Steeg (2023), arXiv:2302.03792.

    Examples
    --------
    A law that is its own reference needs no correction:

    >>> import numpy as np
    >>> from infotheory.functional import (
    ...     denoising_log_density,
    ...     diffuse,
    ...     gaussian_noise_prediction,
    ... )
    >>> x, noise, log_snr = np.zeros((1, 1)), np.ones((1, 1)), np.array([1.0])
    >>> law = np.zeros(1), np.eye(1)
    >>> prediction = gaussian_noise_prediction(diffuse(x, noise, log_snr), log_snr, *law)
    >>> denoising_log_density(x, noise, log_snr, prediction, *law, 20.0).round(4).tolist()
    [-0.9189]
    """
    z = diffuse(x, noise, log_snr)
    reference = gaussian_noise_prediction(z, log_snr, mean, covariance)
    log_reference = gaussian_log_density(x, mean, covariance)
    return log_reference + denoising_gap(noise, reference, prediction, weight)
