r"""Schrödinger bridges whose potential is a mixture of normal laws: everything in closed form.

With the adjusted potential :math:`v(y) = \sum_k \alpha_k N(y | r_k, \varepsilon S_k)` the plan is
:math:`\pi(y | x) = v(y) e^{x \cdot y / \varepsilon} / c(x)`,
:math:`c(x) = \sum_k \alpha_k \exp((x \cdot S_k x + 2 r_k \cdot x) / 2 \varepsilon)`: given x,
component k is normal with the mean :math:`r_k + S_k x` and the covariance
:math:`\varepsilon S_k`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from array_api_compat import device

from infotheory._xp import array_namespace, logsumexp
from infotheory._xp._namespace import Array


class ConditionalMixture(NamedTuple):
    """Mixture of normal laws given each x: weights (n, K), means (n, K, d), and covariances."""

    weights: Array
    means: Array
    covariances: Array


@dataclass(frozen=True, eq=False)
class LightBridge:
    r"""Entropic plan and Schrödinger bridge given by a mixture of normal laws.

    Parameters
    ----------
    log_weights : array of shape (K,)
        :math:`\ln \alpha_k`; a constant added to all changes nothing but the potential's scale.
    offsets : array of shape (K, d)
        :math:`r_k`, the mean of y in component k given x = 0.
    slopes : array of shape (K, d) or (K, d, d)
        :math:`S_k`, positive definite: diagonals, or matrices.
    epsilon : float
        Positive: the variance a unit of time of the Brownian motion that is bridged, and the
        regularisation of the plan for the cost half the squared distance.

    Notes
    -----
    All methods take rows x or y of shape (n, d), in the library of the parameters, and are
    differentiable in rows and parameters. Complexity O(n K d) with diagonals and O(n K d^2) with
    matrices. The plan is the entropic one between the law of x, whatever it is, and the law of y
    that it gives. Source: Korotin, Gushchin and Burnaev (2024), arXiv:2310.01174.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import LightBridge
    >>> bridge = LightBridge(np.zeros(2), np.array([[-2.0], [2.0]]), np.full((2, 1), 0.5), 1.0)
    >>> print(bridge.mean(np.array([[0.0], [1.0]])).round(4).tolist())
    [[0.0], [2.4281]]
    >>> print(bridge.drift(np.array([[1.0]]), 0.5).round(4).tolist())
    [[1.9744]]
    """

    log_weights: Array
    offsets: Array
    slopes: Array
    epsilon: float

    @property
    def _is_diagonal(self) -> bool:
        return self.slopes.ndim == 2

    def _moved(self, rows: Array, matrices: Array, k: int) -> Array:
        """Matrix k times each row, (n, d): no array of K times the rows is made."""
        xp = array_namespace(rows, matrices)
        matrix = matrices[k, ...]
        return rows * matrix if self._is_diagonal else rows @ xp.matrix_transpose(matrix)

    def _log_det(self) -> Array:
        """Of the slopes, (K,)."""
        xp = array_namespace(self.slopes)
        if self._is_diagonal:
            return xp.sum(xp.log(self.slopes), axis=-1)
        return 2 * xp.sum(xp.log(xp.linalg.diagonal(xp.linalg.cholesky(self.slopes))), axis=-1)

    def _inverse(self) -> Array:
        """Of the slopes, in their shape."""
        xp = array_namespace(self.slopes)
        return 1 / self.slopes if self._is_diagonal else xp.linalg.inv(self.slopes)

    def _scores(self, X: Array) -> Array:
        """Log of the terms of c(x), (K, n)."""
        xp = array_namespace(X, self.slopes)
        terms = [
            xp.sum(X * (self._moved(X, self.slopes, k) + 2 * self.offsets[k, :]), axis=-1)
            for k in range(self.slopes.shape[0])
        ]
        return xp.stack(terms, axis=0) / (2 * self.epsilon) + self.log_weights[:, None]

    def log_normalizer(self, X: Array) -> Array:
        """Log c(x) at each row, shape (n,); its gradient times epsilon is :meth:`mean`."""
        return logsumexp(self._scores(X), axis=0)

    def log_potential(self, y: Array) -> Array:
        """Log v(y) at each row, shape (n,)."""
        xp = array_namespace(y, self.slopes)
        inverse, squares = self._inverse(), []
        for k in range(self.slopes.shape[0]):
            away = y - self.offsets[k, :]
            squares.append(xp.sum(away * self._moved(away, inverse, k), axis=-1))
        square = xp.stack(squares, axis=0) / self.epsilon
        norm = y.shape[-1] * math.log(2 * math.pi * self.epsilon) + self._log_det()
        return logsumexp((self.log_weights - norm / 2)[:, None] - square / 2, axis=0)

    def log_density(self, X: Array, y: Array) -> Array:
        """Log density of each row of y given the row of X, shape (n,)."""
        xp = array_namespace(X, y)
        pull = xp.sum(X * y, axis=-1) / self.epsilon
        return self.log_potential(y) + pull - self.log_normalizer(X)

    def loss(self, X: Array, y: Array) -> Array:
        r"""Mean of log c over rows of X less the mean of log v over rows of y.

        Rows need not pair. Its expectation is the divergence
        :math:`KL(\pi^* \| \pi)` of the exact plan from this one, plus a constant.
        """
        xp = array_namespace(X, y)
        return xp.mean(self.log_normalizer(X)) - xp.mean(self.log_potential(y))

    def weights(self, X: Array) -> Array:
        """Probability of each component given each row, shape (n, K)."""
        xp = array_namespace(X, self.slopes)
        scores = self._scores(X)
        return xp.matrix_transpose(xp.exp(scores - logsumexp(scores, axis=0)[None, :]))

    def conditional(self, X: Array) -> ConditionalMixture:
        """Law of y given each row.

        Parameters
        ----------
        X : array of shape (n, d)

        Returns
        -------
        ConditionalMixture
            ``weights``, shape (n, K), ``means``, shape (n, K, d), and ``covariances``, shape
            (K, d, d), or (K, d) where they are diagonal; these do not depend on x.
        """
        xp = array_namespace(X, self.slopes)
        moved = [self._moved(X, self.slopes, k) for k in range(self.slopes.shape[0])]
        means = xp.stack(moved, axis=1) + self.offsets
        return ConditionalMixture(self.weights(X), means, self.epsilon * self.slopes)

    def mean(self, X: Array) -> Array:
        """Mean of y given each row, shape (n, d)."""
        weights = self.weights(X)
        found = weights @ self.offsets
        for k in range(self.slopes.shape[0]):
            found = found + weights[:, k : k + 1] * self._moved(X, self.slopes, k)
        return found

    def after(self, time: float) -> LightBridge:
        """What is left of the bridge from a time on: the plan from its place there to y.

        Parameters
        ----------
        time : float
            From 0 up to, and without, 1.

        Returns
        -------
        LightBridge
            With (1 - time) epsilon; x is then the place at that time.
        """
        xp, dim = array_namespace(self.slopes), self.offsets.shape[-1]
        left = 1 - time
        if self._is_diagonal:
            total = left + time * self.slopes
            slopes, offsets = self.slopes / total, left * self.offsets / total
            square = time * self.offsets**2 / total
            log_det = xp.sum(xp.log(total), axis=-1)
        else:
            unit = xp.eye(dim, dtype=self.slopes.dtype, device=device(self.slopes))
            total = left * unit + time * self.slopes
            slopes = xp.linalg.solve(total, self.slopes)
            slopes = (slopes + xp.matrix_transpose(slopes)) / 2
            pulled = xp.linalg.solve(total, self.offsets[..., None])[..., 0]
            offsets, square = left * pulled, time * self.offsets * pulled
            root = xp.linalg.cholesky(total)
            log_det = 2 * xp.sum(xp.log(xp.linalg.diagonal(root)), axis=-1)
        lost = xp.sum(square, axis=-1) / (2 * self.epsilon) + log_det / 2
        return LightBridge(self.log_weights - lost, offsets, slopes, left * self.epsilon)

    def drift(self, X: Array, time: float) -> Array:
        r"""Drift of the bridge at the places X and a time from 0 up to, and without, 1.

        The bridge is :math:`dX_t = g(X_t, t)\,dt + \sqrt\varepsilon\,dW_t` with
        :math:`g(x, t) = (E[y | X_t = x] - x) / (1 - t)`, shape (n, d).
        """
        return (self.after(time).mean(X) - X) / (1 - time)
