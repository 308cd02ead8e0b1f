"""What several tests of the datasets use: laws, formulas, nodes, and a mean against its truth."""

from __future__ import annotations

import numpy as np

SCATTER = np.array([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]])
CENTRE = np.array([1.0, -2.0, 0.5])
# Probability of a false alarm of each test that draws, were its seed not fixed.
RARE = 1e-4


def assert_mean(values: np.ndarray, truth: float) -> None:
    """Within four standard errors of the sample."""
    assert abs(values.mean() - truth) <= 4.0 * values.std(ddof=1) / np.sqrt(values.size)


def gauss_legendre(low: float, high: float, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    half = 0.5 * (high - low)
    return low + half * (1.0 + nodes), half * weights


def wiggly_x(x: np.ndarray) -> np.ndarray:
    return x + 0.4 * np.sin(x) + 0.2 * np.sin(1.7 * x + 1) + 0.03 * np.sin(3.3 * x - 2.5)


def wiggly_y(y: np.ndarray) -> np.ndarray:
    return y - 0.4 * np.sin(0.4 * y) + 0.17 * np.sin(1.3 * y + 3.5) + 0.02 * np.sin(4.3 * y - 2.5)
