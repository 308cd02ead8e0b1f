"""Distributions set by a location and a scatter matrix: Normal, Student-t, log-normal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular
from scipy.special import digamma, gammaln

from ._parameters import FloatArray, as_rows, location_and_scatter, require_positive, store
from ._random import RandomState, as_generator


def _squared_distances(X: FloatArray, location: FloatArray, factor: FloatArray) -> FloatArray:
    """Mahalanobis distance of each row, squared; `factor` is the lower Cholesky factor."""
    centred = (X - location).reshape(-1, location.size)
    whitened = solve_triangular(factor, centred.T, lower=True)
    return np.sum(whitened**2, axis=0).reshape(X.shape[:-1])


def _half_log_determinant(factor: FloatArray) -> float:
    return float(np.sum(np.log(np.diagonal(factor))))


@dataclass(frozen=True, eq=False, init=False)
class Normal:
    r"""Multivariate normal distribution of any covariance.

    Parameters
    ----------
    mean : float or array-like of shape (d,), default=0.0
        A number stands for all coordinates.
    covariance : float or array-like of shape (d, d), default=1.0
        Positive definite. A number s stands for :math:`s I`.

    Raises
    ------
    ValueError
        If the shapes disagree or the covariance is not symmetric positive definite.

    Notes
    -----
    The entropy is :math:`\tfrac12 \ln\left((2\pi e)^d |\Sigma|\right)` nats.

    Examples
    --------
    >>> from infotheory.datasets import Normal
    >>> law = Normal(covariance=[[1.0, 0.8], [0.8, 1.0]])
    >>> law.dim
    2
    >>> round(law.entropy, 6)
    2.327051
    >>> law.sample(3, random_state=0).shape
    (3, 2)
    """

    mean: FloatArray
    covariance: FloatArray
    _factor: FloatArray = field(repr=False)

    def __init__(self, mean: ArrayLike = 0.0, covariance: ArrayLike = 1.0) -> None:
        centre, matrix = location_and_scatter("mean", mean, "covariance", covariance)
        store(self, mean=centre, covariance=matrix, _factor=np.linalg.cholesky(matrix))

    @property
    def dim(self) -> int:
        """Number of columns of a sample."""
        return self.mean.size

    @property
    def entropy(self) -> float:
        """Differential entropy in nats."""
        return 0.5 * self.dim * float(np.log(2.0 * np.pi * np.e)) + _half_log_determinant(
            self._factor
        )

    def sample(self, n: int, random_state: RandomState = None) -> FloatArray:
        """Draw rows, shape (n, d)."""
        noise = as_generator(random_state).standard_normal((n, self.dim))
        return self.mean + noise @ self._factor.T

    def log_density(self, X: ArrayLike) -> FloatArray:
        """Log density of each row of X, shape (n, d); O(n d^2)."""
        squared = _squared_distances(as_rows(X, self.dim), self.mean, self._factor)
        constant = 0.5 * self.dim * np.log(2.0 * np.pi) + _half_log_determinant(self._factor)
        return -0.5 * squared - constant

    def marginal(self, columns: Sequence[int]) -> Normal:
        """Law of some of the columns."""
        chosen = np.asarray(columns)
        return Normal(self.mean[chosen], self.covariance[np.ix_(chosen, chosen)])


@dataclass(frozen=True, eq=False, init=False)
class StudentT:
    r"""Multivariate Student-t distribution.

    Parameters
    ----------
    degrees_of_freedom : float
        Positive; 1 is the Cauchy law.
    location : float or array-like of shape (d,), default=0.0
        A number stands for all coordinates.
    dispersion : float or array-like of shape (d, d), default=1.0
        Positive definite; not the covariance, which is :math:`\nu / (\nu - 2)` times it and
        exists for :math:`\nu > 2` only. A number s stands for :math:`s I`.

    Raises
    ------
    ValueError
        If the shapes disagree, a parameter is not positive or the dispersion is not symmetric
        positive definite.

    Notes
    -----
    A row is a normal row divided by :math:`\sqrt{\chi^2_\nu / \nu}`, one divisor for all its
    coordinates: they are dependent even where the dispersion is the identity. With
    :math:`s = (\nu + d) / 2` the entropy is

    .. math:: \tfrac12 \ln|\Sigma| + \ln\Gamma(\nu/2) - \ln\Gamma(s) + \tfrac d2 \ln(\nu\pi)
              + s\,(\psi(s) - \psi(\nu/2)).

    Examples
    --------
    >>> from infotheory.datasets import StudentT
    >>> round(StudentT(1.0).entropy, 6)  # Cauchy: ln 4 pi
    2.531024
    """

    degrees_of_freedom: float
    location: FloatArray
    dispersion: FloatArray
    _factor: FloatArray = field(repr=False)

    def __init__(
        self, degrees_of_freedom: float, location: ArrayLike = 0.0, dispersion: ArrayLike = 1.0
    ) -> None:
        centre, matrix = location_and_scatter("location", location, "dispersion", dispersion)
        require_positive(degrees_of_freedom=np.asarray(degrees_of_freedom, dtype=np.float64))
        store(
            self,
            degrees_of_freedom=float(degrees_of_freedom),
            location=centre,
            dispersion=matrix,
            _factor=np.linalg.cholesky(matrix),
        )

    @property
    def dim(self) -> int:
        """Number of columns of a sample."""
        return self.location.size

    @property
    def _log_normaliser(self) -> float:
        nu, d = self.degrees_of_freedom, self.dim
        spread = 0.5 * d * np.log(nu * np.pi) + _half_log_determinant(self._factor)
        return float(gammaln(0.5 * nu) - gammaln(0.5 * (nu + d)) + spread)

    @property
    def entropy(self) -> float:
        """Differential entropy in nats."""
        nu = self.degrees_of_freedom
        half = 0.5 * (nu + self.dim)
        return self._log_normaliser + float(half * (digamma(half) - digamma(0.5 * nu)))

    def sample(self, n: int, random_state: RandomState = None) -> FloatArray:
        """Draw rows, shape (n, d)."""
        generator = as_generator(random_state)
        noise = generator.standard_normal((n, self.dim)) @ self._factor.T
        nu = self.degrees_of_freedom
        return self.location + noise / np.sqrt(generator.chisquare(nu, size=(n, 1)) / nu)

    def log_density(self, X: ArrayLike) -> FloatArray:
        """Log density of each row of X, shape (n, d); O(n d^2)."""
        nu = self.degrees_of_freedom
        squared = _squared_distances(as_rows(X, self.dim), self.location, self._factor)
        return -self._log_normaliser - 0.5 * (nu + self.dim) * np.log1p(squared / nu)

    def marginal(self, columns: Sequence[int]) -> StudentT:
        """Law of some of the columns."""
        chosen = np.asarray(columns)
        return StudentT(
            self.degrees_of_freedom,
            self.location[chosen],
            self.dispersion[np.ix_(chosen, chosen)],
        )


@dataclass(frozen=True, eq=False, init=False)
class LogNormal:
    r"""Exponential, coordinate by coordinate, of a normal vector.

    Parameters
    ----------
    mean : float or array-like of shape (d,), default=0.0
        Mean of the logarithm.
    covariance : float or array-like of shape (d, d), default=1.0
        Covariance of the logarithm, positive definite. A number s stands for :math:`s I`.

    Raises
    ------
    ValueError
        If the shapes disagree or the covariance is not symmetric positive definite.

    Notes
    -----
    The entropy is that of the normal plus the sum of the means.

    Examples
    --------
    >>> from infotheory.datasets import LogNormal
    >>> round(LogNormal(mean=1.0).entropy, 6)
    2.418939
    """

    mean: FloatArray
    covariance: FloatArray
    _logarithm: Normal = field(repr=False)

    def __init__(self, mean: ArrayLike = 0.0, covariance: ArrayLike = 1.0) -> None:
        logarithm = Normal(mean, covariance)
        store(self, mean=logarithm.mean, covariance=logarithm.covariance, _logarithm=logarithm)

    @property
    def dim(self) -> int:
        """Number of columns of a sample."""
        return self.mean.size

    @property
    def entropy(self) -> float:
        """Differential entropy in nats."""
        return self._logarithm.entropy + float(self.mean.sum())

    def sample(self, n: int, random_state: RandomState = None) -> FloatArray:
        """Draw rows, shape (n, d)."""
        return np.exp(self._logarithm.sample(n, random_state))

    def log_density(self, X: ArrayLike) -> FloatArray:
        """Log density of each row of X, shape (n, d); -inf outside the positive orthant."""
        rows = as_rows(X, self.dim)
        inside = np.all(rows > 0.0, axis=-1)
        logs = np.log(np.where(inside[..., np.newaxis], rows, 1.0))
        return np.where(inside, self._logarithm.log_density(logs) - logs.sum(axis=-1), -np.inf)

    def marginal(self, columns: Sequence[int]) -> LogNormal:
        """Law of some of the columns."""
        part = self._logarithm.marginal(columns)
        return LogNormal(part.mean, part.covariance)
