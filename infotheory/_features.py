"""What networks see of rows besides their coordinates: lengths, and sizes without sign."""

from __future__ import annotations

import math

import numpy as np


def log_radius(u: np.ndarray) -> np.ndarray:
    """How long each row is, in logs and of order one whatever its width: (n, 1)."""
    square = np.sum(u * u, axis=1, keepdims=True)
    return np.log1p(square) - math.log1p(max(u.shape[1], 1))


def features_of_pairs(u: np.ndarray, log_length: np.ndarray) -> np.ndarray:
    """For critics of pairs: what heavy tails, rings, shells and twists need.

    Where the direction of a row depends on its length, products of both tell it at once; in many
    columns networks do not find these products by themselves.
    """
    d = max(u.shape[1], 1)  # a fold in which a variable is constant has none
    square = np.sum(u * u, axis=1, keepdims=True)
    size = np.tanh(np.abs(u))
    radius = log_radius(u)
    # Of order one for normal rows, whatever their width.
    by_length = u * np.tanh(radius * math.sqrt(d / 2))
    return np.hstack([u, radius, square / (2 * d) - 0.5, log_length, size, by_length])


def features_of_givens(u: np.ndarray) -> np.ndarray:
    """For conditional laws: spreads that grow with x depend on lengths and sizes."""
    return np.hstack([u, log_radius(u), np.tanh(np.abs(u))])


def features_of_samples(u: np.ndarray) -> np.ndarray:
    """For critics of two samples: log ratios of tails grow as sizes and squares do."""
    size = np.abs(u)
    return np.hstack([u, log_radius(u), np.tanh(size), size, u * u / 4])
