"""A plan as the law of y given x: a mixture of normals whose weights and means depend on x."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp, softmax

from infotheory.functional import conditional_bw2_uvp

from ._elliptical import Normal
from ._interfaces import Distribution
from ._parameters import FloatArray, as_rows
from ._random import RandomState, as_generator


class ConditionalMixture(NamedTuple):
    """Law of y given each row of X: what ``conditional`` returns."""

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray


@dataclass(frozen=True, eq=False)
class ConditionalPlan:
    """Given x, component k has the law N(gains[k] x + offsets[k], covariance of noises[k])."""

    gains: FloatArray
    offsets: FloatArray
    noises: tuple[Normal, ...]
    # Component k is chosen with a probability proportional to exp(log_weights[k]) times the
    # density of margins[k] at x.
    log_weights: FloatArray
    margins: tuple[Normal, ...]

    def log_scores(self, X: FloatArray) -> FloatArray:
        """Weights before they are normalised, shape (n, K)."""
        columns = [margin.log_density(X) for margin in self.margins]
        return np.stack(columns, axis=-1) + self.log_weights

    def weights(self, X: FloatArray) -> FloatArray:
        if len(self.noises) == 1:
            return np.ones((*X.shape[:-1], 1))
        return softmax(self.log_scores(X), axis=-1)

    def means(self, X: FloatArray) -> FloatArray:
        """Mean of each component at each row, shape (n, K, d)."""
        return np.stack([X @ gain.T for gain in self.gains], axis=-2) + self.offsets

    def covariances(self) -> FloatArray:
        return np.stack([noise.covariance for noise in self.noises])

    def mean(self, X: FloatArray) -> FloatArray:
        return np.sum(self.weights(X)[..., np.newaxis] * self.means(X), axis=-2)

    def centred(self, X: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Weights, mean, and what the mean of each component is away from it."""
        weights, means = self.weights(X), self.means(X)
        mean = np.sum(weights[..., np.newaxis] * means, axis=-2)
        return weights, mean, means - mean[..., np.newaxis, :]

    def covariance(self, X: FloatArray) -> FloatArray:
        weights, _, away = self.centred(X)
        within = np.tensordot(weights, self.covariances(), axes=1)
        between = np.swapaxes(weights[..., np.newaxis] * away, -1, -2) @ away
        return within + between

    def sample(self, X: FloatArray, n: int, generator: np.random.Generator) -> FloatArray:
        """Draw n rows for each row of X, shape (l, n, d)."""
        weights, means = self.weights(X), self.means(X)
        chances = np.cumsum(weights, axis=-1)[:, np.newaxis, :-1]
        labels = np.sum(generator.uniform(size=(len(X), n, 1)) > chances, axis=-1)
        draws = means[np.arange(len(X))[:, np.newaxis], labels]
        for k, noise in enumerate(self.noises):
            chosen = labels == k
            draws[chosen] += noise.sample(int(chosen.sum()), generator)
        return draws

    def log_density(self, X: FloatArray, y: FloatArray) -> FloatArray:
        means = self.means(X)
        columns = [noise.log_density(y - means[..., k, :]) for k, noise in enumerate(self.noises)]
        if len(columns) == 1:
            return columns[0]
        scores = self.log_scores(X)
        log_weights = scores - np.asarray(logsumexp(scores, axis=-1, keepdims=True))
        return np.asarray(logsumexp(np.stack(columns, axis=-1) + log_weights, axis=-1))


def linear_plan(slope: FloatArray, intercept: FloatArray, epsilon: float) -> ConditionalPlan:
    """The plan between normal laws: one component, y given x with the covariance epsilon slope."""
    return ConditionalPlan(
        gains=slope[np.newaxis],
        offsets=intercept[np.newaxis],
        noises=(Normal(np.zeros(len(slope)), epsilon * slope),),
        log_weights=np.zeros(1),
        margins=(),
    )


def mixture_plan(
    weights: FloatArray, components: Sequence[Normal], epsilon: float
) -> ConditionalPlan:
    """The plan with y given x proportional to the mixture times N(y | x, epsilon I)."""
    gains, offsets, noises, margins = [], [], [], []
    for component in components:
        total = component.covariance + epsilon * np.eye(component.dim)
        gain = np.linalg.solve(total, component.covariance)
        gain = 0.5 * (gain + gain.T)
        gains.append(gain)
        offsets.append(epsilon * np.linalg.solve(total, component.mean))
        noises.append(Normal(np.zeros(component.dim), epsilon * gain))
        margins.append(Normal(component.mean, total))
    return ConditionalPlan(
        gains=np.stack(gains),
        offsets=np.stack(offsets),
        noises=tuple(noises),
        log_weights=np.log(weights),
        margins=tuple(margins),
    )


LawT = TypeVar("LawT", bound=Distribution)


class PlanPair(Generic[LawT]):
    """What pairs with a known plan have in common: draws, the law of y given x, the bridge."""

    source: LawT
    epsilon: float
    _plan: ConditionalPlan

    def _plan_from(self, time: float) -> ConditionalPlan:
        """Law of y given the place of the bridge at `time`."""
        raise NotImplementedError

    @property
    def dim(self) -> int:
        """Number of columns of X, and of y."""
        return self.source.dim

    @property
    def dim_x(self) -> int:
        """Number of columns of X."""
        return self.dim

    @property
    def dim_y(self) -> int:
        """Number of columns of y."""
        return self.dim

    def sample(self, n: int, random_state: RandomState = None) -> tuple[FloatArray, FloatArray]:
        """Draw pairs of rows from the plan: X and y, both of shape (n, dim)."""
        generator = as_generator(random_state)
        X = self.source.sample(n, generator)
        return X, self._plan.sample(X, 1, generator)[:, 0]

    def conditional(self, X: ArrayLike) -> ConditionalMixture:
        """Law of y given each row of X, a mixture of K normal laws.

        Parameters
        ----------
        X : array-like of shape (n, dim)

        Returns
        -------
        ConditionalMixture
            ``weights``, shape (n, K), ``means``, shape (n, K, dim), and ``covariances``, shape
            (K, dim, dim): these do not depend on x.
        """
        rows = as_rows(X, self.dim)
        plan = self._plan
        return ConditionalMixture(plan.weights(rows), plan.means(rows), plan.covariances())

    def conditional_mean(self, X: ArrayLike) -> FloatArray:
        """Mean of y given each row of X, shape (n, dim): the entropic map."""
        return self._plan.mean(as_rows(X, self.dim))

    def conditional_covariance(self, X: ArrayLike) -> FloatArray:
        """Covariance of y given each row of X, shape (n, dim, dim)."""
        return self._plan.covariance(as_rows(X, self.dim))

    def sample_conditional(
        self, X: ArrayLike, n: int, random_state: RandomState = None
    ) -> FloatArray:
        """Draw n rows y for each row of X, shape (n_rows, n, dim)."""
        rows = as_rows(X, self.dim)
        draws = self._plan.sample(rows.reshape(-1, self.dim), n, as_generator(random_state))
        return draws.reshape(*rows.shape[:-1], n, self.dim)

    def log_conditional_density(self, X: ArrayLike, y: ArrayLike) -> FloatArray:
        """Log density of each row of y given the row of X; leading axes broadcast."""
        return self._plan.log_density(as_rows(X, self.dim), as_rows(y, self.dim, name="y"))

    def sampling_floor(
        self,
        X: ArrayLike,
        target_covariance: ArrayLike,
        n_samples: int = 1000,
        random_state: RandomState = None,
    ) -> float:
        """What draws of this very plan have for cBW2-UVP, in percent.

        Parameters
        ----------
        X : array-like of shape (n, dim)
            Rows of the test.
        target_covariance : array-like of shape (dim, dim)
            Covariance of y.
        n_samples : int, default=1000
            Draws of y for each row of X.
        random_state : int, Generator, RandomState or None, default=None

        Returns
        -------
        float
            Mean over the rows, by simulation in blocks of about 2^22 numbers.
        """
        generator = as_generator(random_state)
        rows = as_rows(X, self.dim).reshape(-1, self.dim)
        total = np.asarray(target_covariance, dtype=np.float64)
        n_blocks = -(-rows.size * n_samples // 2**22)
        scores = [
            len(block)
            * conditional_bw2_uvp(
                self._plan.sample(block, n_samples, generator),
                self._plan.mean(block),
                self._plan.covariance(block),
                total,
            )
            for block in np.array_split(rows, min(n_blocks, len(rows)))
        ]
        return float(sum(scores)) / len(rows)

    def drift(self, X: ArrayLike, time: float) -> FloatArray:
        r"""Drift of the Schrödinger bridge from X to y at the places X, shape (n, dim).

        The bridge is :math:`dX_t = g(X_t, t)\,dt + \sqrt\varepsilon\,dW_t` with
        :math:`g(x, t) = (E[y | X_t = x] - x) / (1 - t)`, for 0 <= time < 1.
        """
        if not 0.0 <= time < 1.0:
            raise ValueError(f"time must lie in [0, 1), got {time}.")
        rows = as_rows(X, self.dim)
        plan = self._plan_from(time) if time > 0.0 else self._plan
        return (plan.mean(rows) - rows) / (1.0 - time)

    def sample_path(
        self, X: ArrayLike, times: ArrayLike, random_state: RandomState = None
    ) -> FloatArray:
        """Draw the Schrödinger bridge from each row of X at growing times.

        Parameters
        ----------
        X : array-like of shape (n, dim)
        times : array-like of shape (m,)
            Growing, from 0 (where the path is at X) to 1 (where it is at a draw of y).
        random_state : int, Generator, RandomState or None, default=None

        Returns
        -------
        ndarray of shape (m, n, dim)
            Exact: a draw of y, and a Brownian bridge of variance epsilon between the two.
        """
        at = np.asarray(times, dtype=np.float64)
        if at.ndim != 1 or at.size == 0 or np.any(np.diff(at, prepend=-1.0, append=2.0) <= 0.0):
            raise ValueError(f"times must be a vector that grows, at least one, got {at}.")
        if at[0] < 0.0 or at[-1] > 1.0:
            raise ValueError(f"times must lie in [0, 1], got {at}.")
        generator = as_generator(random_state)
        place, now = as_rows(X, self.dim).reshape(-1, self.dim), 0.0
        end = self._plan.sample(place, 1, generator)[:, 0]
        path = []
        for time in at:
            if now < 1.0:
                share = (time - now) / (1.0 - now)
                scale = np.sqrt(self.epsilon * share * (1.0 - time))
                noise = generator.standard_normal(place.shape)
                place, now = place + share * (end - place) + scale * noise, time
            path.append(place)
        return np.stack(path)
