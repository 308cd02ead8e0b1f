r"""Coordinates in which the entropic plan between two normal laws is diagonal.

The cost :math:`\tfrac12 \|x - y\|^2` lets both sides be moved apart, turned together and scaled
together. In the eigenvectors of the slope S of the normal plan, y given x has independent columns
:math:`N(s x, \varepsilon s)`, and so has every transition of its Schrödinger bridge.
"""

from __future__ import annotations

import numpy as np

from infotheory.functional import gaussian_transport

_LEAST_WIDTH = 1e-6  # of the overall width: what is thinner counts as constant
_LEAST_SLOPE = 1e-10


class PlanCoordinates:
    """Centred, turned and scaled rows of both sides, and what the reference plan is there.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Sample of the source.
    Y : ndarray of shape (m, d)
        Sample of the target.
    epsilon : float
    reference : {"gaussian", None}
        None: y given x is x moved by the difference of the means, plus Brownian motion.
    """

    def __init__(self, X: np.ndarray, Y: np.ndarray, epsilon: float, reference: str | None) -> None:
        d = self.dim = X.shape[1]
        self.mean_x, self.mean_y = X.mean(axis=0), Y.mean(axis=0)
        a, b = (np.atleast_2d(np.cov(table, rowvar=False)) for table in (X, Y))
        square = float(np.trace(b)) or float(np.trace(a))
        self.scale = np.sqrt(square / d) if square > 0 else 1.0
        self.cost_epsilon = epsilon
        self.epsilon = epsilon / self.scale**2
        self.axes, self.slope = np.eye(d), np.ones(d)
        if reference is not None:
            zero = np.zeros(d)
            plan = gaussian_transport(
                zero, a / self.scale**2, zero, b / self.scale**2, self.epsilon
            )
            slope, self.axes = np.linalg.eigh(plan.slope)
            self.slope = np.maximum(slope, _LEAST_SLOPE)
        # What networks see has unit width; x that spreads wider than y is seen on its own scale.
        self.width_x, self.width_y = (
            np.maximum(table.std(axis=0), _LEAST_WIDTH)
            for table in (self.of_source(X), self.of_target(Y))
        )

    def of_source(self, X: np.ndarray) -> np.ndarray:
        return (X - self.mean_x) @ self.axes / self.scale

    def of_target(self, Y: np.ndarray) -> np.ndarray:
        return (Y - self.mean_y) @ self.axes / self.scale

    def target_from(self, y: np.ndarray) -> np.ndarray:
        """Rows of the target in the caller's coordinates."""
        return y @ self.axes.T * self.scale + self.mean_y

    def reference_dual(self, X: np.ndarray, Y: np.ndarray) -> float:
        r"""The weak dual value of the reference's potential at new rows, in units of the cost.

        With the potential :math:`f_0(y) = -\tfrac12 y^\top (S^{-1} - I) y` of centred rows,
        :math:`f_0^C(x) = \tfrac12 x^\top (I - S) x - \tfrac\varepsilon2 \log\det 2 \pi
        \varepsilon S`; what centring and scaling took away is put back.
        """
        x, y = self.of_source(X), self.of_target(Y)
        of_x = 0.5 * np.mean(x**2, axis=0) @ (1 - self.slope)
        of_y = 0.5 * np.mean(y**2, axis=0) @ (1 - 1 / self.slope)
        spread = self.cost_epsilon * self.slope
        volume = 0.5 * self.cost_epsilon * float(np.sum(np.log(2 * np.pi * spread)))
        apart = self.mean_x - self.mean_y
        drawn = (X.mean(axis=0) - self.mean_x) - (Y.mean(axis=0) - self.mean_y)
        return float(self.scale**2 * (of_x + of_y) - volume + apart @ drawn + 0.5 * apart @ apart)

    def between(self, z: np.ndarray, time: float) -> np.ndarray:
        """Places of the bridge at one time, in the caller's coordinates."""
        centre = (1 - time) * self.mean_x + time * self.mean_y
        return z @ self.axes.T * self.scale + centre
