"""Integrals over log-SNRs with exact predictors, and laws to be diffused."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from infotheory.functional import log_snr_quantile, log_snr_weight

Array = Any
Term = Callable[[np.ndarray, np.ndarray], np.ndarray]

WIDE = (-24.0, 24.0)
LAWS: list[dict[str, float]] = [{}, {"location": 1.0, "scale": 3.0}, {"scale": 6.0}]
SEEDS = st.integers(0, 2**32 - 1)
each_law = pytest.mark.parametrize("law", LAWS, ids=["uniform", "logistic-3", "logistic-6"])


def integral(
    term: Term, low: float, high: float, law: dict[str, float], nodes: int = 300
) -> np.ndarray:
    """Mean of ``term(log_snr, weight)`` over the law of log-SNRs, by a Gauss-Legendre rule."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    log_snr = log_snr_quantile((points + 1) / 2, low, high, **law)
    terms = term(log_snr, log_snr_weight(log_snr, low, high, **law))
    return np.tensordot(weights / 2, terms, axes=1)


def signs(d: int) -> np.ndarray:
    """All vectors of signs: their mean is that of normal numbers up to the third degree."""
    return np.array(list(itertools.product([-1.0, 1.0], repeat=d)))


def spread(log_snr: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """One log-SNR for each row, nodes first."""
    return np.broadcast_to(log_snr[:, None], (log_snr.shape[0], rows.shape[0]))


def random_law(seed: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((d, d))
    return rng.standard_normal(d), root @ root.T + 0.1 * np.eye(d)
