"""Mixture of normals in one dimension, with its entropy by quadrature."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_ndtr, logsumexp

from ._parameters import (
    FloatArray,
    as_rows,
    probability_vector,
    require_positive,
    store,
    vectors,
)
from ._random import RandomState, as_generator

_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(64)
# In standard deviations of a component. Outside 14 of every component lies a mass of 1e-44.
_BREAKS = np.array([-14.0, -8.0, -5.0, -3.0, -1.5, 0.0, 1.5, 3.0, 5.0, 8.0, 14.0])


@dataclass(frozen=True, eq=False, init=False)
class GaussianMixture:
    r"""Mixture of normals on the line.

    Parameters
    ----------
    weights : array-like of shape (K,)
        Not negative, with the sum 1.
    means : array-like of shape (K,)
        Mean of each component.
    scales : float or array-like of shape (K,), default=1.0
        Standard deviation of each component.

    Raises
    ------
    ValueError
        If the weights are not probabilities, a scale is not positive or the lengths differ.

    Notes
    -----
    The entropy has no closed form. It is computed once, by Gauss-Legendre quadrature with 64
    nodes on each of the :math:`11 K - 1` pieces that the components' standard deviations cut,
    O(K^2) in all. It agreed with a 30-digit computation to 1e-14, for scales that differ up to
    three thousand times.

    Examples
    --------
    >>> from infotheory.datasets import GaussianMixture
    >>> law = GaussianMixture(weights=[0.3, 0.7], means=[0.0, 5.0])
    >>> round(law.entropy, 6)
    2.014178
    """

    weights: FloatArray
    means: FloatArray
    scales: FloatArray

    def __init__(self, weights: ArrayLike, means: ArrayLike, scales: ArrayLike = 1.0) -> None:
        probabilities = probability_vector("weights", weights)
        centres, spreads = vectors(means=means, scales=scales)
        require_positive(scales=spreads)
        if centres.size != probabilities.size:
            raise ValueError(
                f"weights and means must have one length, got {probabilities.size} and "
                f"{centres.size}."
            )
        store(self, weights=probabilities, means=centres, scales=spreads)

    @property
    def dim(self) -> int:
        """Number of columns of a sample: one."""
        return 1

    @cached_property
    def entropy(self) -> float:
        """Differential entropy in nats, by quadrature."""
        breaks = np.unique((self.means[:, np.newaxis] + np.outer(self.scales, _BREAKS)).ravel())
        half = 0.5 * np.diff(breaks)[:, np.newaxis]
        points = breaks[:-1, np.newaxis] + half * (1.0 + _NODES)
        log_p = self.log_density(points[..., np.newaxis])
        return float(-np.sum(half * _NODE_WEIGHTS * np.exp(log_p) * log_p))

    def sample(self, n: int, random_state: RandomState = None) -> FloatArray:
        """Draw rows, shape (n, 1)."""
        return self.sample_labelled(n, random_state)[0]

    def sample_labelled(
        self, n: int, random_state: RandomState = None
    ) -> tuple[FloatArray, FloatArray]:
        """Draw rows and the component each came from, as floats, both of shape (n, 1)."""
        generator = as_generator(random_state)
        labels = generator.choice(self.weights.size, size=(n, 1), p=self.weights)
        X = generator.normal(self.means[labels], self.scales[labels])
        return X, labels.astype(np.float64)

    def component_log_densities(self, X: ArrayLike) -> FloatArray:
        """Log density of each row under each component, shape (n, K)."""
        z = self._scores(X)
        return -0.5 * z**2 - 0.5 * np.log(2.0 * np.pi) - np.log(self.scales)

    def log_density(self, X: ArrayLike) -> FloatArray:
        """Log density of each row of X, shape (n, 1); O(n K)."""
        return self._mix(self.component_log_densities(X))

    def log_cdf(self, X: ArrayLike) -> FloatArray:
        """Log probability of a value below each row of X, shape (n, 1)."""
        return self._mix(log_ndtr(self._scores(X)))

    def log_survival(self, X: ArrayLike) -> FloatArray:
        """Log probability of a value above each row of X, shape (n, 1)."""
        return self._mix(log_ndtr(-self._scores(X)))

    def _scores(self, X: ArrayLike) -> FloatArray:
        return (as_rows(X, 1) - self.means) / self.scales

    def _mix(self, logs: FloatArray) -> FloatArray:
        used = self.weights > 0.0
        return np.asarray(logsumexp(logs[..., used] + np.log(self.weights[used]), axis=-1))
