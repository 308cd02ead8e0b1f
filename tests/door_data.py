"""A dependent pair of real columns and one of labels, for tests of the doors."""

from __future__ import annotations

from typing import Any

import numpy as np

from infotheory import Estimate
from infotheory.datasets import correlated_normals

BARE = {"confidence_level": None}


def pair(n: int = 200, seed: int = 0, rho: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    X, y = correlated_normals(rho).sample(n, seed)
    return X[:, 0], y[:, 0]


def labels(n: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 4, size=n)
    return x, np.where(rng.random(n) < 0.7, x, rng.integers(0, 4, size=n))


X, Y = pair()
A, B = labels()
WIDE = np.random.default_rng(5).normal(size=(200, 2))


def numbers_of(e: Estimate) -> tuple[Any, ...]:
    return e.value, e.standard_error, e.interval, e.p_value, e.bias, e.notes
