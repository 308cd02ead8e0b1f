r"""Fitting of a mixture potential to two samples, by closed-form steps.

Where the loss of :class:`LightBridge` is stationary, every component is itself the entropic plan
between two normal laws: that with the moments of the rows of X weighted by the component's
probability given x, and that with the moments of the rows of y weighted by its share of v(y). A
step computes the weights, then these plans in closed form, then the weights :math:`\alpha` from
the convex problem that gives every component as much of X as of y.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from infotheory.functional._gaussian_transport import gaussian_transport
from infotheory.functional._light_bridge import LightBridge

_BALANCED = 1e-6  # L1 distance of the shares of X from those of y, in the inner problem
_INNER_STEPS = 50
_NEARLY_NONE = 1e-12
_HALVINGS = 12


class LightFit(NamedTuple):
    """A fitted bridge, the loss from the start on, and how the fit ended."""

    bridge: LightBridge
    loss_curve: list[float]
    converged: bool
    n_dropped: int
    # L1 distance between the shares that the components have of X and of y: 0 at a stationary
    # point.
    imbalance: float


class _Moments(NamedTuple):
    """Shares (K,), means (K, d), and covariances (K, d) or (K, d, d) of weighted rows."""

    shares: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


@dataclass(frozen=True)
class _Rows:
    """A sample with what is summed over it again and again."""

    values: np.ndarray
    squares: np.ndarray
    diagonal: bool

    @classmethod
    def of(cls, values: np.ndarray, diagonal: bool) -> _Rows:
        return cls(values, values * values if diagonal else values, diagonal)

    def quadratic(self, linear: np.ndarray, matrices: np.ndarray) -> np.ndarray:
        """x' M_k x + 2 l_k' x, shape (K, n)."""
        terms = 2.0 * (linear @ self.values.T)
        if self.diagonal:
            terms += matrices @ self.squares.T
        else:
            for term, matrix in zip(terms, matrices, strict=True):
                term += np.einsum("nd,nd->n", self.values @ matrix, self.values)
        return terms

    def moments(self, weights: np.ndarray) -> _Moments:
        """Of the rows weighted by (K, n), whose columns sum to 1.

        A component without any weight, as at a tiny epsilon, has the moments of all rows.
        """
        empty = ~np.any(weights > 0, axis=1)
        weights = np.where(empty[:, None], _NEARLY_NONE, weights) if empty.any() else weights
        totals = weights.sum(axis=1)
        shares = totals / len(self.values)
        scale = 1.0 / totals[:, None]
        means = scale * (weights @ self.values)
        if self.diagonal:
            return _Moments(shares, means, scale * (weights @ self.squares) - means**2)
        covariances = np.empty((len(weights), *2 * self.values.shape[1:]))
        for k, (mean, w) in enumerate(zip(means, weights, strict=True)):
            centred = (self.values - mean) * np.sqrt(w * scale[k])[:, None]
            covariances[k] = centred.T @ centred
        return _Moments(shares, means, covariances)


def _soft(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Softmax over the first axis and its log normaliser; overwrites the scores."""
    top = scores.max(axis=0)
    scores -= top
    np.exp(scores, out=scores)
    total = scores.sum(axis=0)
    scores /= total
    return scores, top + np.log(total)


def _slopes(source: np.ndarray, target: np.ndarray, epsilon: float) -> np.ndarray:
    """Slopes of the entropic plans between normal laws with these covariances."""
    if source.ndim == 2:
        return 2.0 * target / (epsilon + np.sqrt(epsilon**2 + 4.0 * source * target))
    zero = np.zeros(source.shape[:2])
    return gaussian_transport(zero, source, zero, target, epsilon).slope


def _times(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    if matrices.ndim == 2:
        return matrices * vectors
    return np.einsum("kij,kj->ki", matrices, vectors)


def _balance(scores: np.ndarray, start: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Log weights that give each component its share of the rows: a convex problem.

    Newton steps where they lower the value; else the step of Sinkhorn, which always does.
    """

    def at(log_weights: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        weights, log_total = _soft(scores + log_weights[:, None])
        return float(log_total.mean() - shares @ log_weights), weights.mean(axis=1), weights

    found = start
    value, given, weights = at(found)
    for _ in range(_INNER_STEPS):
        if np.abs(given - shares).sum() <= _BALANCED:
            break
        hessian = np.diag(given) - weights @ weights.T / weights.shape[1]
        # The value does not change along the constant vector.
        step = np.linalg.lstsq(hessian + 1.0 / len(given), shares - given, rcond=1e-12)[0]
        trial = found + step
        new = at(trial)
        if not new[0] < value:
            tiny = np.finfo(np.float64).tiny
            trial = found + np.log(shares) - np.log(np.maximum(given, tiny))
            new = at(trial)
            if not new[0] < value:
                break
        found, (value, given, weights) = trial, new
    return found - found.max()


class _State(NamedTuple):
    log_weights: np.ndarray
    offsets: np.ndarray
    slopes: np.ndarray


class _Solver:
    def __init__(
        self, X: np.ndarray, y: np.ndarray, epsilon: float, diagonal: bool, floor: np.ndarray
    ) -> None:
        self.X, self.y = _Rows.of(X, diagonal), _Rows.of(y, diagonal)
        self.epsilon, self.diagonal = epsilon, diagonal
        self.floor = floor if diagonal else np.diag(floor)

    def _x_scores(self, offsets: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        return self.X.quadratic(offsets, slopes) / (2.0 * self.epsilon)

    def _y_scores(self, state: _State) -> np.ndarray:
        slopes, offsets, epsilon = state.slopes, state.offsets, self.epsilon
        if self.diagonal:
            inverse, log_det = 1.0 / slopes, np.log(slopes).sum(axis=1)
        else:
            inverse, log_det = np.linalg.inv(slopes), np.linalg.slogdet(slopes)[1]
        pulled = _times(inverse, offsets)
        norm = log_det + offsets.shape[1] * np.log(2.0 * np.pi * epsilon)
        norm += np.sum(offsets * pulled, axis=1) / epsilon
        scores = self.y.quadratic(pulled, -inverse) / (2.0 * epsilon)
        return scores + (state.log_weights - 0.5 * norm)[:, None]

    def begin(self, shares: np.ndarray) -> _State:
        """From the share of each component in each row of y, with one slope for all."""
        of_y = self.y.moments(shares)
        within = np.tensordot(of_y.shares, of_y.covariances, axes=1) + self.floor
        of_x = self.X.moments(np.ones((1, len(self.X.values))))
        slope = _slopes(of_x.covariances, within[None], self.epsilon)
        slopes = np.repeat(slope, len(shares), axis=0)
        offsets = of_y.means - _times(slopes, np.repeat(of_x.means, len(shares), axis=0))
        scores = self._x_scores(offsets, slopes)
        start = np.log(of_y.shares) - scores.mean(axis=1)
        return _State(_balance(scores, start, of_y.shares), offsets, slopes)

    def weigh(self, state: _State) -> tuple[float, np.ndarray, np.ndarray]:
        """Loss, and the weights of the components for rows of X and of y."""
        scores = self._x_scores(state.offsets, state.slopes)
        of_x, log_c = _soft(scores + state.log_weights[:, None])
        of_y, log_v = _soft(self._y_scores(state))
        return float(log_c.mean() - log_v.mean()), of_x, of_y

    def step(self, of_x: np.ndarray, of_y: np.ndarray) -> tuple[_Moments, np.ndarray, np.ndarray]:
        """Moments of y, and the offsets and slopes that match those of X and y."""
        source, target = self.X.moments(of_x), self.y.moments(of_y)
        slopes = _slopes(source.covariances, target.covariances + self.floor, self.epsilon)
        return target, target.means - _times(slopes, source.means), slopes

    def along(
        self, old: _State, offsets: np.ndarray, slopes: np.ndarray, shares: np.ndarray, share: float
    ) -> _State:
        """A part of the way to the new offsets and slopes, with weights in balance."""
        offsets = old.offsets + share * (offsets - old.offsets)
        slopes = old.slopes + share * (slopes - old.slopes)
        balanced = _balance(self._x_scores(offsets, slopes), old.log_weights, shares)
        return _State(balanced, offsets, slopes)


def fit_light_bridge(
    X: np.ndarray,
    y: np.ndarray,
    start: np.ndarray | LightBridge,
    *,
    epsilon: float,
    diagonal: bool,
    floor: np.ndarray,
    max_iter: int,
    tol: float,
) -> LightFit:
    """Fit a mixture potential to two samples.

    Parameters
    ----------
    X, y : arrays of shape (n, d), (m, d)
        Samples of source and target; best near the origin.
    start : array of shape (K, m) or LightBridge
        Share of each component in each row of y, columns that sum to 1; or the bridge to start
        from, with slopes of the same kind.
    epsilon : float
    diagonal : bool
        Whether the slopes are diagonal.
    floor : array of shape (d,)
        Added to the variances of y within components.
    max_iter : int
        Steps.
    tol : float
        Gain of a step, in nats a row, below which to stop.

    Returns
    -------
    LightFit
    """
    solver = _Solver(X, y, epsilon, diagonal, floor)
    # A component of less than a hundredth of a row is empty.
    fewest = 0.01 / len(y)
    n_dropped = 0
    if isinstance(start, LightBridge):
        state = _State(start.log_weights, start.offsets, start.slopes)
    else:
        kept = start.mean(axis=1) >= fewest
        kept[np.argmax(start.sum(axis=1))] = True
        n_dropped = int(np.count_nonzero(~kept))
        # A little of every component, so that rows of those that are dropped belong to some.
        shares = start[kept] + 1e-6
        state = solver.begin(shares / shares.sum(axis=0))
    loss, of_x, of_y = solver.weigh(state)
    curve, converged = [loss], False
    for _ in range(max_iter):
        kept = of_y.mean(axis=1) >= fewest
        if kept.any() and not kept.all():
            n_dropped += int(np.count_nonzero(~kept))
            state = _State(*(part[kept] for part in state))
            loss, of_x, of_y = solver.weigh(state)
        target, offsets, slopes = solver.step(of_x, of_y)
        share = 1.0
        for _ in range(_HALVINGS):
            trial = solver.along(state, offsets, slopes, target.shares, share)
            new, new_x, new_y = solver.weigh(trial)
            if new < loss:
                break
            share /= 2.0
        else:
            # No shorter step gains: as far down as rounding, or the inner problem, lets one see.
            converged = True
            break
        gain, loss, state, of_x, of_y = loss - new, new, trial, new_x, new_y
        curve.append(loss)
        if gain <= tol * share:
            converged = True
            break
    imbalance = float(np.abs(of_x.mean(axis=1) - of_y.mean(axis=1)).sum())
    return LightFit(LightBridge(*state, epsilon), curve, converged, n_dropped, imbalance)
