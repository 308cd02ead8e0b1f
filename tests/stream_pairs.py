"""Streams of normal pairs, for tests of sequential independence."""

from __future__ import annotations

import math

import numpy as np

STRATEGIES = ("mixture", "ons", "agrapa")
WIDTHS = {"bandwidth_x": 0.9, "bandwidth_y": 1.3}


def normal_pairs(
    rho: float, n_streams: int, n: int, seed: int, dim: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=(2, n_streams, n, dim))
    return x, rho * x + math.sqrt(1 - rho**2) * noise
