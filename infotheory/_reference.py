"""The Gaussian reference of a neural estimator: margins, canonical coordinates, log ratio.

A network that starts from the normal law fitted to the data learns only what is not normal, and
the reference's own value is known in closed form.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from scipy.special import ndtri

from infotheory._resampling import Fold
from infotheory.functional import donsker_varadhan

MARGINS = ("raw", "ranks")
# Directions below the first share of the largest variance are noise of the arithmetic. Those below
# the second may be detail that unit variance would only magnify, as in images; those below the
# third count where all other normal laws are contradicted by the selection rows.
SMALLEST_SHARES = (1e-10, 1e-3, 3e-2)
_CONTRADICTED = -0.1  # nats that a normal law tells of selection rows, more than chance would
# Shares of the correlations that are tried, and what a smaller one must tell more to be taken.
_SHARES, _WORTH_SHRINKING = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3), 0.1
_LONGEST = 0.995
_FEWEST_TO_TRUST = 10


class Margins:
    """Column by column: standardised values ("raw") or interpolated normal scores ("ranks").

    Parameters
    ----------
    table : ndarray of shape (n, d)
        The rows that the map is fitted to.
    kind : {"raw", "ranks"}
    """

    def __init__(self, table: np.ndarray, kind: str) -> None:
        self.kind = kind
        self._centre = table.mean(axis=0)
        spread = table.std(axis=0)
        self._scale = np.where(spread > 0, spread, 1.0)
        middle, low, high = np.quantile(table, [0.5, 0.25, 0.75], axis=0)
        self._middle = middle
        self._width = np.where(high > low, high - low, self._scale)
        # Beyond the longest rows a network has nothing to learn from: they all look alike.
        self._longest = math.inf
        self._longest = float(np.quantile(self.log_length(table), _LONGEST))
        self._knots: list[tuple[np.ndarray, np.ndarray]] = []
        if kind == "ranks":
            n = len(table)
            for column in table.T:
                knots, counts = np.unique(column, return_counts=True)
                ranks = np.cumsum(counts) - counts / 2
                self._knots.append((knots, ndtri(np.clip(ranks / n, 0.5 / n, 1 - 0.5 / n))))

    def __call__(self, table: np.ndarray) -> np.ndarray:
        if self.kind == "raw":
            return (table - self._centre) / self._scale
        columns = [np.interp(c, *knots) for c, knots in zip(table.T, self._knots, strict=True)]
        return np.column_stack(columns)

    def log_length(self, table: np.ndarray) -> np.ndarray:
        """How far each row is from the middle, in quartile ranges and in logs: (n, 1).

        Ranks hide how heavy the tails are; laws whose columns share a scale show it here.
        """
        scaled = (table - self._middle) / self._width
        square = np.sum(scaled**2, axis=1, keepdims=True)
        return np.minimum(np.log1p(square) - math.log1p(table.shape[1]), self._longest)


def _inverse_root(covariance: np.ndarray, smallest: float) -> tuple[np.ndarray, int]:
    """A matrix whose columns map to uncorrelated coordinates of unit variance.

    And how many directions it leaves out although they vary.
    """
    variance, axes = np.linalg.eigh(np.atleast_2d(covariance))
    largest = max(variance[-1], np.finfo(float).tiny)
    kept = variance > smallest * largest
    left_out = int(np.sum(~kept & (variance > SMALLEST_SHARES[0] * largest)))
    return axes[:, kept] / np.sqrt(variance[kept]), left_out


def _towards_columns(whitening: np.ndarray) -> np.ndarray:
    """The rotation of a whitening nearest to the columns; as it is where directions are lost."""
    if whitening.shape[0] != whitening.shape[1]:
        return whitening
    left, _, right = np.linalg.svd(whitening)
    return whitening @ (left @ right).T


class GaussianReference:
    r"""Canonical coordinates of two blocks and the log density ratio of the fitted normal law.

    Coordinates u of x and v of y have unit covariance each and cross covariance
    :math:`\operatorname{diag}(\rho)`: canonical correlations in falling order.

    Parameters
    ----------
    X, Y : ndarray of shape (n, d), (n, e)
        Rows that the reference is fitted to.
    rotate : bool
        False leaves the coordinates as close to the columns as unit covariance allows, which is
        kinder to what is not normal where the correlations tell nothing.
    smallest : float
        Share of the largest variance below which a direction is left out.
    finest : float
        Least variance of a coordinate given the other side's: what the margins resolve.
    """

    def __init__(
        self,
        X: np.ndarray,
        Y: np.ndarray,
        *,
        rotate: bool = True,
        smallest: float = SMALLEST_SHARES[0],
        finest: float = 1e-12,
    ) -> None:
        self._centre_x, self._centre_y, self._n_rows = X.mean(axis=0), Y.mean(axis=0), len(X)
        whiten_x, lost_x = _inverse_root(np.cov(X, rowvar=False), smallest)
        whiten_y, lost_y = _inverse_root(np.cov(Y, rowvar=False), smallest)
        self._left_out = lost_x + lost_y
        u, v = (X - self._centre_x) @ whiten_x, (Y - self._centre_y) @ whiten_y
        self._turn(whiten_x, whiten_y, u.T @ v / (len(X) - 1), rotate, smallest, finest)

    @classmethod
    def from_moments(
        cls,
        mean: np.ndarray,
        covariance: np.ndarray,
        n_rows: int,
        dim_x: int,
        *,
        smallest: float = SMALLEST_SHARES[0],
        finest: float = 1e-12,
    ) -> GaussianReference:
        """The reference of that many rows (x, y) of which only mean and covariance are known."""
        found = cls.__new__(cls)
        found._centre_x, found._centre_y, found._n_rows = mean[:dim_x], mean[dim_x:], n_rows
        whiten_x, lost_x = _inverse_root(covariance[:dim_x, :dim_x], smallest)
        whiten_y, lost_y = _inverse_root(covariance[dim_x:, dim_x:], smallest)
        found._left_out = lost_x + lost_y
        cross = whiten_x.T @ covariance[:dim_x, dim_x:] @ whiten_y
        found._turn(whiten_x, whiten_y, cross, True, smallest, finest)
        return found

    def _turn(
        self,
        whiten_x: np.ndarray,
        whiten_y: np.ndarray,
        cross: np.ndarray,
        rotate: bool,
        smallest: float,
        finest: float,
    ) -> None:
        """Set the maps to canonical coordinates, given the covariance of whitened ones."""
        self.share = 1.0
        left, correlations, right = np.linalg.svd(cross)
        self.correlations = np.minimum(correlations, math.sqrt(1 - finest))
        if rotate:
            self._map_x, self._map_y = whiten_x @ left, whiten_y @ right.T
        else:
            self._map_x, self._map_y = _towards_columns(whiten_x), _towards_columns(whiten_y)
        self.dim_x, self.dim_y = self._map_x.shape[1], self._map_y.shape[1]
        self.smallest = smallest

    def shrunk(self, share: float) -> GaussianReference:
        """The same coordinates with weaker dependence: a normal law of that share of correlation.

        Correlations of many columns in few rows are too high by chance, and a normal law of
        labels or bounded columns is too sure of its tails.
        """
        if share == 1.0:
            return self
        weaker = copy.copy(self)
        weaker.share, weaker.correlations = share, share * self.correlations
        return weaker

    def notes(self) -> list[str]:
        """What is said of directions that were left out although they vary."""
        notes = []
        # With no more rows than columns they are linear functions of each other by chance.
        by_chance = self._n_rows <= self.dim_x + self.dim_y
        if self.correlations.size and self.correlations[0] ** 2 > 1 - 1e-9 and not by_chance:
            notes.append(
                "X and y have columns that are linear functions of each other: their mutual "
                "information is infinite, and the value is a number near what the arithmetic shows."
            )
        if not self._left_out:
            return notes
        return [
            *notes,
            f"{self._left_out} direction{'s' * (self._left_out > 1)} with less than "
            f"{self.smallest:.1%} of the largest variance "
            f"{'were' if self._left_out > 1 else 'was'} left out; scale columns up whose small "
            f"changes matter.",
        ]

    def coordinates(self, X: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Canonical coordinates of any rows."""
        return (X - self._centre_x) @ self._map_x, (Y - self._centre_y) @ self._map_y

    def quadratic(self) -> tuple[np.ndarray, np.ndarray, float]:
        r"""Coefficients of the log ratio :math:`\sum_j a_j u_j v_j - b_j (u_j^2 + v_j^2) + c`."""
        rest = 1 - self.correlations**2
        a, b = self.correlations / rest, self.correlations**2 / (2 * rest)
        return a, b, float(-0.5 * np.sum(np.log(rest)))


def log_ratio(u: Any, v: Any, quadratic: tuple[Any, Any, Any]) -> Any:
    """The reference's log ratio at rows of canonical coordinates (..., n, d), (..., n, e)."""
    a, b, c = quadratic
    k = a.shape[-1]
    u, v = u[..., :k], v[..., :k]
    return (a * u * v - b * (u * u + v * v)).sum(-1) + c


def expected_shortfall(
    reference: GaussianReference,
    n_samples: int,
    rng: np.random.Generator,
    *,
    mean_only: bool = False,
    n_draws: int = 8,
) -> float:
    """How far the held-out Donsker-Varadhan value of a normal reference falls short on average.

    With `mean_only` the mean of its log ratio, which is normalised and falls short by less. The
    mean over draws of the reference's parameters from normal samples of `n_samples` rows;
    each draw's own value is a closed form. About d e / 2n for d and e columns at weak dependence
    and more at strong, whatever the network on top learns: the training rows cannot show it.
    Of a law with shrunk correlations nothing is known: 0.
    """
    if reference.share < 1:
        return 0.0
    rho = reference.correlations
    d, e, k = reference.dim_x, reference.dim_y, len(reference.correlations)
    law = np.eye(d + e)
    law[range(k), range(d, d + k)] = law[range(d, d + k), range(k)] = rho
    root = np.linalg.cholesky(law)
    truth = -0.5 * float(np.sum(np.log1p(-(rho**2))))
    shortfalls = []
    for _ in range(n_draws):
        lower = np.tril(rng.normal(size=law.shape), -1)
        freedom = n_samples - 1 - np.arange(d + e)
        lower[np.diag_indices(d + e)] = np.sqrt(rng.chisquare(np.maximum(freedom, 1)))
        factor = root @ lower / np.sqrt(n_samples - 1)
        covariance = factor @ factor.T
        mean = root @ rng.normal(size=d + e) / np.sqrt(n_samples)
        shortfalls.append(truth - _value_under(law, mean, covariance, d, mean_only))
    return float(np.mean(shortfalls))


def _value_under(
    law: np.ndarray, mean: np.ndarray, covariance: np.ndarray, d: int, mean_only: bool
) -> float:
    """Value of a fitted normal's log ratio under N(0, law) with margins of unit covariance."""
    precision = np.linalg.inv(covariance)
    constant = -0.5 * np.linalg.slogdet(covariance)[1]
    for block in (slice(None, d), slice(d, None)):
        precision[block, block] -= np.linalg.inv(covariance[block, block])
        constant += 0.5 * np.linalg.slogdet(covariance[block, block])[1]
    pull = precision @ mean
    joint = constant - 0.5 * (np.sum(precision * law) + mean @ pull)
    if mean_only:
        return float(joint)
    inside = np.eye(len(law)) + precision
    spread = np.linalg.slogdet(inside)[1] - pull @ np.linalg.solve(inside, pull)
    return float(joint - (constant - 0.5 * (mean @ pull + spread)))


def rotations(n_rows: int, n_rotations: int) -> list[int]:
    """Different rotations of the rows, none of them the identity: each pairs all rows apart."""
    count = min(n_rotations, n_rows - 1)
    return sorted({1 + (s * (n_rows - 1)) // count for s in range(count)})


def _told_of_selection(
    X: np.ndarray,
    Y: np.ndarray,
    folds: Sequence[Fold],
    margins: list[tuple[Margins, Margins]],
    fitted: list[GaussianReference],
    shares: Sequence[float],
) -> list[float]:
    """Held-out Donsker-Varadhan values with shares of the correlations: the mean over folds."""
    told = np.zeros(len(shares))
    for fold, (on_x, on_y), normal in zip(folds, margins, fitted, strict=True):
        u, v = normal.coordinates(on_x(X[fold.validation]), on_y(Y[fold.validation]))
        turned = [np.roll(v, s, axis=0) for s in rotations(len(u), 64)]
        for i, share in enumerate(shares):
            quadratic = normal.shrunk(share).quadratic()
            apart = np.concatenate([log_ratio(u, w, quadratic) for w in turned])
            told[i] += donsker_varadhan(log_ratio(u, v, quadratic), apart) / len(folds)
    return told.tolist()


def choose_references(
    X: np.ndarray,
    Y: np.ndarray,
    folds: Sequence[Fold],
    reference: str | None,
    *,
    is_of_density: bool,
) -> tuple[list[tuple[Margins, Margins]], list[GaussianReference], bool]:
    """Margins and coordinates, and whether the normal law tells anything of the selection rows.

    Ranks bear heavy tails and undo any map of single columns, but attenuate beyond 4 nats; raw
    margins do not. What tells more on the selection rows is taken, with a share of its
    correlations where that tells clearly more.

    On a curve or surface of few dimensions every further direction is a function of the first ones.
    A normal law takes it for news and counts the same information many times over, and a model
    of the density (`is_of_density`) has to learn that it is none: only the first ones are kept.
    """
    options: list[tuple[float, Any, list[GaussianReference]]] = []
    # So few selection rows cannot vouch for a law of so many parameters.
    enough = min(len(f.validation) for f in folds) >= _FEWEST_TO_TRUST
    for smallest, kind in product(SMALLEST_SHARES, ("ranks", "raw")):
        is_last = smallest == SMALLEST_SHARES[-1]
        if is_last and not (is_of_density and max(o[0] for o in options) < _CONTRADICTED):
            break
        margins = [(Margins(X[f.train], kind), Margins(Y[f.train], kind)) for f in folds]
        fitted = []
        for fold, (on_x, on_y) in zip(folds, margins, strict=True):
            # Ranks of n rows are about 1 / n apart where they are closest.
            finest = len(fold.train) ** -2.0 if kind == "ranks" else 1e-12
            fitted.append(
                GaussianReference(
                    on_x(X[fold.train]), on_y(Y[fold.train]), smallest=smallest, finest=finest
                )
            )
        told = _told_of_selection(X, Y, folds, margins, fitted, (1.0,))[0] if enough else 0.0
        options.append((told, margins, fitted))
        if reference is None:
            break
    told, margins, fitted = max(options, key=lambda option: option[0])
    if reference is not None and enough:
        weaker = _told_of_selection(X, Y, folds, margins, fitted, _SHARES)
        best = int(np.argmax(weaker))
        if weaker[best] > max(told, 0.0) + _WORTH_SHRINKING:
            told, fitted = weaker[best], [normal.shrunk(_SHARES[best]) for normal in fitted]
    if reference is None or not told > 0:
        margins = options[0][1]
        unrotated = [
            GaussianReference(
                on_x(X[f.train]), on_y(Y[f.train]), rotate=False, smallest=SMALLEST_SHARES[1]
            )
            for f, (on_x, on_y) in zip(folds, margins, strict=True)
        ]
        return margins, unrotated, False
    return margins, fitted, True
