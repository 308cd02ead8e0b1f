"""What is asked of two samples and their weights, and the rows that stand for many."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from infotheory._validation import describe
from infotheory.functional._sinkhorn_precision import matters, noise, potential_size

_UNITS = {
    "half-sqeuclidean": "squared column units",
    "sqeuclidean": "squared column units",
    "euclidean": "column units",
    "cosine": "(no unit)",
}
# The spectrum of a plan between so many takes a second.
SOME_ROWS = 2048
# Share of the information that a permutation of the rows has.
_ONE_TO_ONE = 0.9
# A length whose fourth power, times some columns and rows, is a float.
_LARGEST = 1e70


def unit_of_cost(cost: Any) -> str:
    """What a value is in whose cost has this name, or is a callable."""
    return _UNITS.get(cost, "cost units") if isinstance(cost, str) else "cost units"


def check_extent(source: np.ndarray, target: np.ndarray) -> None:
    """Raise where squares of squared distances leave the range of floats."""
    centre = target[:1]
    farthest = max(float(np.max(np.abs(part / 2 - centre / 2))) for part in (source, target))
    if farthest > _LARGEST / 2:
        raise ValueError(
            f"X and y must lie within about {_LARGEST:g} of each other, got rows "
            f"{2 * farthest:.2g} apart in a column, whose costs leave the range of floats. Divide "
            f"both samples by one large number."
        )


def check_weights(raw: Any, name: str, n: int, rows: str) -> np.ndarray:
    """Weights of sum 1, equal ones for None."""
    if raw is None:
        return np.full(n, 1 / n)
    weights = describe(raw, name, discrete=False, min_samples=1).values
    if weights.shape != (n, 1):
        raise ValueError(
            f"{name} must have one entry for each of the {n} rows of {rows}, got "
            f"{weights.shape[0]} x {weights.shape[1]}."
        )
    if np.min(weights) < 0 or not np.sum(weights) > 0:
        raise ValueError(
            f"{name} must not be negative, nor zero for all rows, got a smallest weight of "
            f"{np.min(weights):g} and the sum {np.sum(weights):g}."
        )
    return weights[:, 0] / np.sum(weights)


def some_rows(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of at most so many rows that have weight, the same each time, and their weights."""
    known = np.flatnonzero(weights > 0)
    rows = np.sort(np.random.default_rng(0).permutation(known)[:SOME_ROWS])
    return rows, weights[rows] / np.sum(weights[rows])


def mean_variance(values: np.ndarray, weights: np.ndarray) -> float:
    """Estimated variance of the weighted mean of independent values; weights have the sum 1."""
    size = float(weights @ weights)
    if not size < 1:
        return 0.0
    return float(weights**2 @ (values - weights @ values) ** 2) / (1 - size)


def rounding_note(
    potentials: tuple[np.ndarray, np.ndarray], epsilon: float, tol: float
) -> list[str]:
    """What to say of potentials so large that their rounding may be seen in the marginals."""
    size, dtype = potential_size(*potentials), np.dtype(np.float64)
    if not matters(size, epsilon, tol, dtype, np):
        return []
    return [
        f"Potentials reach {size:.2g}, and what is rounded off them moves entries of the plan by a "
        f"share of about {noise(size, epsilon, dtype, np):.1g}: the samples are far apart for "
        f"this epsilon. Take its mean off each of them; with squared distances that moves no plan."
    ]


def one_to_one_note(information: float, a: np.ndarray, b: np.ndarray) -> list[str]:
    """What to say of a plan that nearly pairs single rows."""
    most = -math.log(max(float(a @ a), float(b @ b)))
    if not (most > 0 and information > _ONE_TO_ONE * most):
        return []
    return [
        f"The plan nearly pairs single rows (its information is {information:.3g} of at most "
        f"about {most:.3g} nats): maps of new rows jump between rows of the target. Raise epsilon "
        f"for a smoother map."
    ]
