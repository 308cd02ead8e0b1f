"""Distributions with independent coordinates: uniform, exponential, gamma, Laplace, beta."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, digamma, gammaln, xlog1py, xlogy

from ._parameters import FloatArray, as_rows, require_positive, store, vectors
from ._random import RandomState, as_generator


class _IndependentCoordinates(ABC):
    """Sums over coordinates: a leaf says what one coordinate does."""

    @property
    def dim(self) -> int:
        """Number of columns of a sample."""
        return self._entropies().size

    @property
    def entropy(self) -> float:
        """Differential entropy in nats."""
        return float(self._entropies().sum())

    def sample(self, n: int, random_state: RandomState = None) -> FloatArray:
        """Draw rows, shape (n, d)."""
        return self._draw((n, self.dim), as_generator(random_state))

    def log_density(self, X: ArrayLike) -> FloatArray:
        """Log density of each row of X, shape (n, d); -inf outside the support."""
        return self._log_densities(as_rows(X, self.dim)).sum(axis=-1)

    @abstractmethod
    def _entropies(self) -> FloatArray:
        """Entropy of each coordinate."""

    @abstractmethod
    def _draw(self, shape: tuple[int, int], generator: np.random.Generator) -> FloatArray:
        """Draw an array of the shape."""

    @abstractmethod
    def _log_densities(self, X: FloatArray) -> FloatArray:
        """Log density of each entry."""


@dataclass(frozen=True, eq=False, init=False)
class Uniform(_IndependentCoordinates):
    r"""Uniform distribution on a box.

    Parameters
    ----------
    low, high : float or array-like of shape (d,), default=0.0 and 1.0
        Corners; `low` < `high` in every coordinate.

    Raises
    ------
    ValueError
        If a side of the box is not positive.

    Notes
    -----
    The entropy is the logarithm of the volume.

    Examples
    --------
    >>> from infotheory.datasets import Uniform
    >>> round(Uniform(0.0, [2.0, 3.0]).entropy, 6)  # ln 6
    1.791759
    """

    low: FloatArray
    high: FloatArray

    def __init__(self, low: ArrayLike = 0.0, high: ArrayLike = 1.0) -> None:
        lower, upper = vectors(low=low, high=high)
        if not np.all(lower < upper):
            raise ValueError(f"low must be below high, got {lower} and {upper}.")
        store(self, low=lower, high=upper)

    def _entropies(self) -> FloatArray:
        return np.log(self.high - self.low)

    def _draw(self, shape: tuple[int, int], generator: np.random.Generator) -> FloatArray:
        return generator.uniform(self.low, self.high, size=shape)

    def _log_densities(self, X: FloatArray) -> FloatArray:
        inside = (self.low <= X) & (self.high >= X)
        return np.where(inside, -self._entropies(), -np.inf)


@dataclass(frozen=True, eq=False, init=False)
class Exponential(_IndependentCoordinates):
    r"""Independent exponential coordinates.

    Parameters
    ----------
    scale : float or array-like of shape (d,), default=1.0
        Mean of each coordinate.

    Raises
    ------
    ValueError
        If a scale is not positive.

    Notes
    -----
    The entropy of a coordinate is :math:`1 + \ln\theta`.

    Examples
    --------
    >>> from infotheory.datasets import Exponential
    >>> Exponential([1.0, 1.0]).entropy
    2.0
    """

    scale: FloatArray

    def __init__(self, scale: ArrayLike = 1.0) -> None:
        (scales,) = vectors(scale=scale)
        require_positive(scale=scales)
        store(self, scale=scales)

    def _entropies(self) -> FloatArray:
        return 1.0 + np.log(self.scale)

    def _draw(self, shape: tuple[int, int], generator: np.random.Generator) -> FloatArray:
        return generator.exponential(self.scale, size=shape)

    def _log_densities(self, X: FloatArray) -> FloatArray:
        return np.where(X >= 0.0, -X / self.scale - np.log(self.scale), -np.inf)


@dataclass(frozen=True, eq=False, init=False)
class Gamma(_IndependentCoordinates):
    r"""Independent gamma coordinates.

    Parameters
    ----------
    shape, scale : float or array-like of shape (d,); `scale` is 1.0 by default
        The mean of a coordinate is their product.

    Raises
    ------
    ValueError
        If a parameter is not positive.

    Notes
    -----
    The entropy of a coordinate is
    :math:`k + \ln\theta + \ln\Gamma(k) + (1 - k)\,\psi(k)`.

    Examples
    --------
    >>> from infotheory.datasets import Gamma
    >>> round(Gamma(2.0).entropy, 6)  # 1 + Euler's constant
    1.577216
    """

    shape: FloatArray
    scale: FloatArray

    def __init__(self, shape: ArrayLike, scale: ArrayLike = 1.0) -> None:
        shapes, scales = vectors(shape=shape, scale=scale)
        require_positive(shape=shapes, scale=scales)
        store(self, shape=shapes, scale=scales)

    def _entropies(self) -> FloatArray:
        k = self.shape
        return k + np.log(self.scale) + gammaln(k) + (1.0 - k) * digamma(k)

    def _draw(self, shape: tuple[int, int], generator: np.random.Generator) -> FloatArray:
        return generator.gamma(self.shape, self.scale, size=shape)

    def _log_densities(self, X: FloatArray) -> FloatArray:
        inside = X >= 0.0
        x = np.where(inside, X / self.scale, 1.0)
        values = xlogy(self.shape - 1.0, x) - x - gammaln(self.shape) - np.log(self.scale)
        return np.where(inside, values, -np.inf)


@dataclass(frozen=True, eq=False, init=False)
class Laplace(_IndependentCoordinates):
    r"""Independent Laplace coordinates.

    Parameters
    ----------
    location, scale : float or array-like of shape (d,), default=0.0 and 1.0
        The standard deviation of a coordinate is :math:`\sqrt2` times its scale.

    Raises
    ------
    ValueError
        If a scale is not positive.

    Notes
    -----
    The entropy of a coordinate is :math:`1 + \ln 2b`.

    Examples
    --------
    >>> from infotheory.datasets import Laplace
    >>> Laplace(scale=0.5).entropy
    1.0
    """

    location: FloatArray
    scale: FloatArray

    def __init__(self, location: ArrayLike = 0.0, scale: ArrayLike = 1.0) -> None:
        centre, scales = vectors(location=location, scale=scale)
        require_positive(scale=scales)
        store(self, location=centre, scale=scales)

    def _entropies(self) -> FloatArray:
        return 1.0 + np.log(2.0 * self.scale)

    def _draw(self, shape: tuple[int, int], generator: np.random.Generator) -> FloatArray:
        return generator.laplace(self.location, self.scale, size=shape)

    def _log_densities(self, X: FloatArray) -> FloatArray:
        return -np.abs(X - self.location) / self.scale - np.log(2.0 * self.scale)


@dataclass(frozen=True, eq=False, init=False)
class Beta(_IndependentCoordinates):
    r"""Independent beta coordinates on (0, 1).

    Parameters
    ----------
    a, b : float or array-like of shape (d,)
        The mean of a coordinate is a / (a + b).

    Raises
    ------
    ValueError
        If a parameter is not positive.

    Notes
    -----
    The entropy of a coordinate is :math:`\ln B(a, b) - (a - 1)\psi(a) - (b - 1)\psi(b)
    + (a + b - 2)\psi(a + b)`. Below about a = 0.05 the smallest values of a sample round to 0,
    where the density is infinite.

    Examples
    --------
    >>> from infotheory.datasets import Beta
    >>> Beta(1.0, 1.0).entropy
    0.0
    """

    a: FloatArray
    b: FloatArray

    def __init__(self, a: ArrayLike, b: ArrayLike) -> None:
        first, second = vectors(a=a, b=b)
        require_positive(a=first, b=second)
        store(self, a=first, b=second)

    def _entropies(self) -> FloatArray:
        a, b = self.a, self.b
        return (
            betaln(a, b)
            - (a - 1.0) * digamma(a)
            - (b - 1.0) * digamma(b)
            + (a + b - 2.0) * digamma(a + b)
        )

    def _draw(self, shape: tuple[int, int], generator: np.random.Generator) -> FloatArray:
        return generator.beta(self.a, self.b, size=shape)

    def _log_densities(self, X: FloatArray) -> FloatArray:
        inside = (X >= 0.0) & (X <= 1.0)
        x = np.where(inside, X, 0.5)
        values = xlogy(self.a - 1.0, x) + xlog1py(self.b - 1.0, -x) - betaln(self.a, self.b)
        return np.where(inside, values, -np.inf)
