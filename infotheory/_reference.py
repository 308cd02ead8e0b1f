"""The Gaussian reference of a neural estimator: margins, canonical coordinates, log ratio.

A network that starts from the normal law fitted to the data learns only what is not normal, and
the reference's own value is known in closed form.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtri

MARGINS = ("raw", "ranks")
# Directions below this share of the largest variance are noise of the arithmetic.
_SMALLEST_VARIANCE = 1e-10


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


def _whitening(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre, and a matrix whose columns map to uncorrelated coordinates of unit variance."""
    centre = table.mean(axis=0)
    variance, axes = np.linalg.eigh(np.atleast_2d(np.cov(table, rowvar=False)))
    kept = variance > _SMALLEST_VARIANCE * max(variance[-1], np.finfo(float).tiny)
    return centre, axes[:, kept] / np.sqrt(variance[kept])


class GaussianReference:
    r"""Canonical coordinates of two blocks and the log density ratio of the fitted normal law.

    Coordinates u of x and v of y have unit covariance each and cross covariance
    :math:`\operatorname{diag}(\rho)`: canonical correlations in falling order.

    Parameters
    ----------
    X, Y : ndarray of shape (n, d), (n, e)
        Rows that the reference is fitted to.
    """

    def __init__(self, X: np.ndarray, Y: np.ndarray) -> None:
        self._centre_x, whiten_x = _whitening(X)
        self._centre_y, whiten_y = _whitening(Y)
        u, v = (X - self._centre_x) @ whiten_x, (Y - self._centre_y) @ whiten_y
        left, correlations, right = np.linalg.svd(u.T @ v / (len(X) - 1))
        self.correlations = np.minimum(correlations, 1 - 1e-12)
        self._map_x, self._map_y = whiten_x @ left, whiten_y @ right.T

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
