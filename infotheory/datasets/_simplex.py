"""Probability vectors: one drawn at random (Dirichlet), and labels drawn from one (Categorical)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, entr, gammaln, xlogy

from ._parameters import (
    FloatArray,
    as_rows,
    probability_vector,
    require_positive,
    store,
    vectors,
)
from ._random import RandomState, as_generator


@dataclass(frozen=True, eq=False, init=False)
class Dirichlet:
    r"""Dirichlet distribution in the first d - 1 coordinates of the simplex.

    Parameters
    ----------
    concentration : array-like of shape (d,)
        At least two positive numbers.

    Raises
    ------
    ValueError
        If there are fewer than two numbers or one is not positive.

    Notes
    -----
    The d coordinates sum to one, so that all of them together have no density. Samples hold the
    first d - 1, and the density and the entropy are those of these columns. With
    :math:`\alpha_0 = \sum_j \alpha_j` the entropy is :math:`\ln B(\alpha)
    + (\alpha_0 - d)\psi(\alpha_0) - \sum_j (\alpha_j - 1)\psi(\alpha_j)`.

    Examples
    --------
    >>> from infotheory.datasets import Dirichlet
    >>> law = Dirichlet([1.0, 1.0, 1.0])
    >>> law.dim
    2
    >>> round(law.entropy, 6)  # ln 1/2, the area of the triangle
    -0.693147
    """

    concentration: FloatArray

    def __init__(self, concentration: ArrayLike) -> None:
        (alpha,) = vectors(concentration=concentration)
        require_positive(concentration=alpha)
        if alpha.size < 2:
            raise ValueError("concentration must hold at least two numbers.")
        store(self, concentration=alpha)

    @property
    def dim(self) -> int:
        """Number of columns of a sample, one less than the number of concentrations."""
        return self.concentration.size - 1

    @property
    def _log_normaliser(self) -> float:
        alpha = self.concentration
        return float(gammaln(alpha).sum() - gammaln(alpha.sum()))

    @property
    def entropy(self) -> float:
        """Differential entropy in nats."""
        alpha = self.concentration
        total = alpha.sum()
        correction = (total - alpha.size) * digamma(total) - np.sum((alpha - 1.0) * digamma(alpha))
        return self._log_normaliser + float(correction)

    def sample(self, n: int, random_state: RandomState = None) -> FloatArray:
        """Draw rows, shape (n, d - 1)."""
        return as_generator(random_state).dirichlet(self.concentration, size=n)[:, :-1]

    def log_density(self, X: ArrayLike) -> FloatArray:
        """Log density of each row of X, shape (n, d - 1); -inf outside the simplex."""
        rows = as_rows(X, self.dim)
        full = np.concatenate([rows, 1.0 - rows.sum(axis=-1, keepdims=True)], axis=-1)
        inside = np.all(full >= 0.0, axis=-1)
        safe = np.where(inside[..., np.newaxis], full, 1.0)
        values = xlogy(self.concentration - 1.0, safe).sum(axis=-1) - self._log_normaliser
        return np.where(inside, values, -np.inf)


@dataclass(frozen=True, eq=False, init=False)
class Categorical:
    r"""Labels 0, ..., K - 1 with given probabilities.

    Parameters
    ----------
    probabilities : array-like of shape (K,)
        Not negative, with the sum 1.

    Raises
    ------
    ValueError
        If the entries are not probabilities.

    Notes
    -----
    The entropy is the discrete one, :math:`-\sum p \ln p`.

    Examples
    --------
    >>> from infotheory.datasets import Categorical
    >>> round(Categorical([0.5, 0.25, 0.25]).entropy, 6)  # 1.5 ln 2
    1.039721
    >>> Categorical.zipf(1000).sample(2, random_state=0).shape
    (2, 1)
    """

    probabilities: FloatArray

    def __init__(self, probabilities: ArrayLike) -> None:
        store(self, probabilities=probability_vector("probabilities", probabilities))

    @classmethod
    def uniform(cls, n_categories: int) -> Categorical:
        """Equal probabilities."""
        return cls._from_log_weights(np.zeros(n_categories))

    @classmethod
    def zipf(cls, n_categories: int, exponent: float = 1.0) -> Categorical:
        """Probabilities proportional to rank ** -exponent, ranks from 1."""
        return cls._from_log_weights(-exponent * np.log(np.arange(1.0, n_categories + 1.0)))

    @classmethod
    def exponential(cls, n_categories: int, rate: float = 1.0) -> Categorical:
        """Probabilities proportional to exp(-rate * label)."""
        return cls._from_log_weights(-rate * np.arange(float(n_categories)))

    @classmethod
    def _from_log_weights(cls, log_weights: FloatArray) -> Categorical:
        if log_weights.size == 0:
            raise ValueError("n_categories must be at least 1.")
        weights = np.exp(log_weights - log_weights.max())
        return cls(weights / weights.sum())

    @property
    def dim(self) -> int:
        """Number of columns of a sample: one."""
        return 1

    @property
    def entropy(self) -> float:
        """Discrete entropy in nats."""
        return float(entr(self.probabilities).sum())

    def sample(self, n: int, random_state: RandomState = None) -> NDArray[np.int64]:
        """Draw labels as integers, shape (n, 1)."""
        generator = as_generator(random_state)
        return generator.choice(self.probabilities.size, size=(n, 1), p=self.probabilities)

    def log_density(self, X: ArrayLike) -> FloatArray:
        """Log probability of each row of X, shape (n, 1); -inf where it is no label."""
        values = as_rows(X, 1)[..., 0]
        known = (values >= 0) & (values < self.probabilities.size) & (values == np.floor(values))
        p = np.where(known, self.probabilities[np.where(known, values, 0.0).astype(np.intp)], 0.0)
        possible = p > 0.0
        return np.where(possible, np.log(np.where(possible, p, 1.0)), -np.inf)
