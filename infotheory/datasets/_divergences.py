"""Divergences between two distributions of one family, where a closed form exists."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import digamma, gammaln, logsumexp

from ._elliptical import LogNormal, Normal
from ._independent import Beta, Exponential, Gamma, Laplace, Uniform
from ._interfaces import Distribution
from ._parameters import FloatArray
from ._simplex import Categorical, Dirichlet


def kl_divergence(p: Distribution, q: Distribution) -> float:
    r"""Exact Kullback-Leibler divergence of p from q.

    Parameters
    ----------
    p, q : distributions of one family and one dimension
        Normal, LogNormal, Exponential and Gamma (together one family), Laplace, Beta,
        Dirichlet, Uniform or Categorical.

    Returns
    -------
    float
        :math:`\int p \ln (p / q)` in nats; inf where p has mass that q lacks.

    Raises
    ------
    TypeError
        If the pair has no closed form here.
    ValueError
        If the dimensions differ.

    Examples
    --------
    >>> from infotheory.datasets import Normal, kl_divergence
    >>> kl_divergence(Normal(1.0), Normal(0.0))
    0.5
    """
    return _evaluate(_KL, "Kullback-Leibler", p, q)


def jeffreys_divergence(p: Distribution, q: Distribution) -> float:
    r"""Exact Jeffreys divergence: KL of p from q plus KL of q from p.

    Parameters
    ----------
    p, q : distributions of one family and one dimension
        As in `kl_divergence`.

    Returns
    -------
    float
        The sum in nats, not its half.

    Raises
    ------
    TypeError
        If the pair has no closed form here.
    ValueError
        If the dimensions differ.

    Examples
    --------
    >>> from infotheory.datasets import Normal, jeffreys_divergence
    >>> jeffreys_divergence(Normal(1.0), Normal(0.0))
    1.0
    """
    return kl_divergence(p, q) + kl_divergence(q, p)


def renyi_divergence(p: Distribution, q: Distribution, order: float) -> float:
    r"""Exact Rényi divergence of p from q.

    Parameters
    ----------
    p, q : distributions of one family and one dimension
        As in `kl_divergence`, except Laplace.
    order : float
        Positive; 1 is the Kullback-Leibler divergence.

    Returns
    -------
    float
        :math:`\frac{1}{\alpha - 1} \ln \int p^\alpha q^{1 - \alpha}` in nats; inf where the
        integral diverges, or vanishes with :math:`\alpha < 1`.

    Raises
    ------
    TypeError
        If the pair has no closed form here.
    ValueError
        If the order is not positive and finite or the dimensions differ.

    Notes
    -----
    For two normals it is inf as soon as :math:`\alpha\Sigma_q + (1 - \alpha)\Sigma_p` is not
    positive definite.

    Examples
    --------
    >>> from infotheory.datasets import Normal, renyi_divergence
    >>> renyi_divergence(Normal(1.0), Normal(0.0), order=2.0)
    1.0
    """
    if not 0.0 < order < np.inf:
        raise ValueError(f"order must be positive and finite, got {order}.")
    if order == 1.0:
        return kl_divergence(p, q)
    log_integral = _evaluate(_LOG_INTEGRAL, "Rényi", p, q, order)
    return log_integral / (order - 1.0)


def hellinger_divergence(p: Distribution, q: Distribution) -> float:
    r"""Exact squared Hellinger distance, :math:`1 - \int \sqrt{p q}`.

    Parameters
    ----------
    p, q : distributions of one family and one dimension
        As in `renyi_divergence`.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    TypeError
        If the pair has no closed form here.
    ValueError
        If the dimensions differ.

    Examples
    --------
    >>> from infotheory.datasets import Normal, hellinger_divergence
    >>> round(hellinger_divergence(Normal(2.0), Normal(0.0)), 6)  # 1 - exp(-1/2)
    0.393469
    """
    return float(-np.expm1(-0.5 * renyi_divergence(p, q, 0.5)))


def chi2_divergence(p: Distribution, q: Distribution) -> float:
    r"""Exact chi-squared divergence, :math:`\int p^2 / q - 1`.

    Parameters
    ----------
    p, q : distributions of one family and one dimension
        As in `renyi_divergence`.

    Returns
    -------
    float
        Not negative; inf where the integral diverges.

    Raises
    ------
    TypeError
        If the pair has no closed form here.
    ValueError
        If the dimensions differ.

    Examples
    --------
    >>> from infotheory.datasets import Normal, chi2_divergence
    >>> round(chi2_divergence(Normal(1.0), Normal(0.0)), 6)  # e - 1
    1.718282
    """
    return float(np.expm1(renyi_divergence(p, q, 2.0)))


def _evaluate(
    table: dict[type, Callable[..., float]],
    name: str,
    p: Distribution,
    q: Distribution,
    *order: float,
) -> float:
    p, q = _widen(p), _widen(q)
    if type(p) is not type(q) or type(p) not in table:
        families = ", ".join(family.__name__ for family in table)
        raise TypeError(
            f"No closed form of the {name} divergence of {type(p).__name__} from "
            f"{type(q).__name__}: both must be of one family among {families}."
        )
    if p.dim != q.dim:
        raise ValueError(f"p and q must have one dimension, got {p.dim} and {q.dim}.")
    return table[type(p)](p, q, *order)


def _widen(law: Distribution) -> Distribution:
    """An exponential is a gamma, so that the two compare."""
    return Gamma(1.0, law.scale) if isinstance(law, Exponential) else law


def _log_determinant(matrix: FloatArray) -> float:
    return float(np.linalg.slogdet(matrix)[1])


def _kl_normal(p: Normal | LogNormal, q: Normal | LogNormal) -> float:
    shift = p.mean - q.mean
    ratio = np.linalg.solve(q.covariance, p.covariance)
    distance = shift @ np.linalg.solve(q.covariance, shift)
    log_ratio = _log_determinant(p.covariance) - _log_determinant(q.covariance)
    return 0.5 * float(np.trace(ratio) + distance - p.dim - log_ratio)


def _kl_gamma(p: Gamma, q: Gamma) -> float:
    ratio = p.scale / q.scale
    terms = (
        (p.shape - q.shape) * digamma(p.shape)
        - gammaln(p.shape)
        + gammaln(q.shape)
        - q.shape * np.log(ratio)
        + p.shape * (ratio - 1.0)
    )
    return float(terms.sum())


def _kl_laplace(p: Laplace, q: Laplace) -> float:
    shift = np.abs(p.location - q.location)
    mean_distance = shift + p.scale * np.exp(-shift / p.scale)
    return float(np.sum(np.log(q.scale / p.scale) + mean_distance / q.scale - 1.0))


def _log_beta(concentration: FloatArray) -> FloatArray:
    """Logarithm of the normaliser of a Dirichlet; the last axis holds the concentrations."""
    return gammaln(concentration).sum(axis=-1) - gammaln(concentration.sum(axis=-1))


def _concentrations(law: Beta | Dirichlet) -> FloatArray:
    """One row of concentrations a coordinate: a beta is a Dirichlet of two."""
    if isinstance(law, Beta):
        return np.stack([law.a, law.b], axis=-1)
    return law.concentration[np.newaxis]


def _kl_dirichlet(p: Beta | Dirichlet, q: Beta | Dirichlet) -> float:
    a, b = _concentrations(p), _concentrations(q)
    mean_logs = digamma(a) - digamma(a.sum(axis=-1, keepdims=True))
    terms = _log_beta(b) - _log_beta(a) + np.sum((a - b) * mean_logs, axis=-1)
    return float(terms.sum())


def _kl_uniform(p: Uniform, q: Uniform) -> float:
    if np.any(p.low < q.low) or np.any(p.high > q.high):
        return np.inf
    return q.entropy - p.entropy


def _common_labels(p: Categorical, q: Categorical) -> tuple[FloatArray, FloatArray]:
    if p.probabilities.size != q.probabilities.size:
        raise ValueError(
            "p and q must have one number of categories, got "
            f"{p.probabilities.size} and {q.probabilities.size}."
        )
    used = p.probabilities > 0.0
    return p.probabilities[used], q.probabilities[used]


def _kl_categorical(p: Categorical, q: Categorical) -> float:
    mass, other = _common_labels(p, q)
    if np.any(other == 0.0):
        return np.inf
    return float(np.sum(mass * np.log(mass / other)))


# The functions below return ln of the integral of p^order q^(1 - order).


def _log_integral_normal(p: Normal | LogNormal, q: Normal | LogNormal, order: float) -> float:
    mixed = order * q.covariance + (1.0 - order) * p.covariance
    if np.linalg.eigvalsh(mixed)[0] <= 0.0:
        return np.inf
    shift = p.mean - q.mean
    distance = float(shift @ np.linalg.solve(mixed, shift))
    log_ratio = (
        _log_determinant(mixed)
        - (1.0 - order) * _log_determinant(p.covariance)
        - order * _log_determinant(q.covariance)
    )
    return 0.5 * order * (order - 1.0) * distance - 0.5 * log_ratio


def _log_integral_gamma(p: Gamma, q: Gamma, order: float) -> float:
    shape = order * p.shape + (1.0 - order) * q.shape
    rate = order / p.scale + (1.0 - order) / q.scale
    if np.any(shape <= 0.0) or np.any(rate <= 0.0):
        return np.inf
    terms = (
        gammaln(shape)
        - shape * np.log(rate)
        - order * (gammaln(p.shape) + p.shape * np.log(p.scale))
        - (1.0 - order) * (gammaln(q.shape) + q.shape * np.log(q.scale))
    )
    return float(terms.sum())


def _log_integral_dirichlet(p: Beta | Dirichlet, q: Beta | Dirichlet, order: float) -> float:
    a, b = _concentrations(p), _concentrations(q)
    mixed = order * a + (1.0 - order) * b
    if np.any(mixed <= 0.0):
        return np.inf
    terms = _log_beta(mixed) - order * _log_beta(a) - (1.0 - order) * _log_beta(b)
    return float(terms.sum())


def _log_integral_uniform(p: Uniform, q: Uniform, order: float) -> float:
    if order > 1.0 and np.isinf(_kl_uniform(p, q)):
        return np.inf
    sides = np.minimum(p.high, q.high) - np.maximum(p.low, q.low)
    if np.any(sides <= 0.0):
        return -np.inf
    return float(np.log(sides).sum()) - order * p.entropy - (1.0 - order) * q.entropy


def _log_integral_categorical(p: Categorical, q: Categorical, order: float) -> float:
    mass, other = _common_labels(p, q)
    shared = other > 0.0
    if not np.all(shared) and order > 1.0:
        return np.inf
    if not np.any(shared):
        return -np.inf
    logs = order * np.log(mass[shared]) + (1.0 - order) * np.log(other[shared])
    return float(np.asarray(logsumexp(logs)))


_KL: dict[type, Callable[..., float]] = {
    Normal: _kl_normal,
    LogNormal: _kl_normal,
    Gamma: _kl_gamma,
    Laplace: _kl_laplace,
    Beta: _kl_dirichlet,
    Dirichlet: _kl_dirichlet,
    Uniform: _kl_uniform,
    Categorical: _kl_categorical,
}
_LOG_INTEGRAL: dict[type, Callable[..., float]] = {
    Normal: _log_integral_normal,
    LogNormal: _log_integral_normal,
    Gamma: _log_integral_gamma,
    Beta: _log_integral_dirichlet,
    Dirichlet: _log_integral_dirichlet,
    Uniform: _log_integral_uniform,
    Categorical: _log_integral_categorical,
}
