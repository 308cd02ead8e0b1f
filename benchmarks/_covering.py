"""What draws of a law with a known truth say of an interval or of a test, as cells of a row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from _estimating import number

import infotheory

Sampler = Callable[[np.random.Generator], tuple[Any, ...]]
LEVEL, PERMUTATIONS = 0.05, 99


def correlated(rng: np.random.Generator, rho: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal pairs with this correlation."""
    x, noise = rng.normal(size=(2, n, 1))
    return x, rho * x + math.sqrt(1 - rho**2) * noise


def pairs(rho: float, n: int) -> Sampler:
    """The same as a law to draw from."""
    return lambda rng: correlated(rng, rho, n)


def covers(estimator: Any, sample: Sampler, truth: float, seed: int) -> tuple[float, float, bool]:
    """Value, centre of the interval, and whether it holds the truth."""
    e = infotheory.confidence_interval(
        estimator, *sample(np.random.default_rng(seed)), random_state=seed
    )
    assert e.interval is not None
    return e.value, e.value - e.bias, e.interval[0] <= truth <= e.interval[1]


def rejects(estimator: Any, sample: Sampler, seed: int) -> bool:
    """Whether the permutation test does, at the level .05."""
    x, y, *z = sample(np.random.default_rng(seed))
    found = infotheory.permutation_test(
        estimator,
        x,
        y,
        condition=z[0] if z else None,
        n_permutations=PERMUTATIONS,
        random_state=seed,
    )
    return found.p_value is not None and found.p_value <= LEVEL


def of_intervals(
    what: str, runs: Sequence[tuple[float, float, bool]], truth: float
) -> dict[str, Any]:
    """The row of what :func:`covers` found."""
    values, centres, hits = (np.array(column) for column in zip(*runs, strict=True))
    return {
        "what": what,
        "figure": "coverage of the 90 % interval",
        "measured": f"{hits.mean():.3f}",
        "runs": len(runs),
        "truth": f"{truth:.4f}",
        "bias of the value": f"{values.mean() - truth:+.4f}",
        "bias of the centre": f"{centres.mean() - truth:+.4f}",
        "sd": f"{values.std(ddof=1):.4f}",
    }


def of_tests(what: str, rejections: Sequence[bool]) -> dict[str, Any]:
    """The row of what :func:`rejects` found."""
    return {
        "what": what,
        "figure": f"rejections at level {LEVEL}",
        "measured": f"{np.mean(rejections):.3f}",
        "runs": len(rejections),
    }


def of_estimates(estimates: Sequence[infotheory.Estimate], truth: float) -> dict[str, str]:
    """What the estimates of a row of draws have in common; no interval holds no truth."""
    values = [e.value for e in estimates]
    errors = [e.standard_error for e in estimates if e.standard_error is not None]
    intervals = [e.interval for e in estimates if e.interval is not None]
    covered = sum(low <= truth <= high for low, high in intervals)
    return {
        "truth": number(truth, 4),
        "mean": number(float(np.mean(values)), 4),
        "mean bias told": number(float(np.mean([e.bias for e in estimates])), 4),
        "standard deviation": number(float(np.std(values, ddof=1)), 4),
        "mean standard error": number(float(np.mean(errors)), 4),
        "without interval": str(len(estimates) - len(intervals)),
        "coverage": f"{covered / len(estimates):.3f}",
    }
