"""Pairs of normal laws, for tests of transport between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

Arrays = tuple[np.ndarray, ...]


def some_problem(seed: int, d: int, n: int | None = None) -> Arrays:
    rng = np.random.default_rng(seed)
    lead = () if n is None else (n,)
    roots = rng.standard_normal((2, *lead, d, d))
    covariances = roots @ np.swapaxes(roots, -1, -2) + 0.3 * np.eye(d)
    means = rng.standard_normal((2, *lead, d))
    return means[0], covariances[0], means[1], covariances[1]


def leaves(*arrays: np.ndarray) -> list[Any]:
    torch = pytest.importorskip("torch")
    return [torch.tensor(part, requires_grad=True) for part in arrays]
