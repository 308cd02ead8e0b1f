"""What estimators of Schrödinger bridges share: times, the default epsilon, pinned paths."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from infotheory._validation import describe
from infotheory.functional._cost_spread import SHARE_OF_SPREAD


def default_epsilon(source: np.ndarray, target: np.ndarray, notes: list[str]) -> float:
    """A tenth of the standard deviation of x . y over all pairs, which decides the plan."""
    x, y = source - source.mean(axis=0), target - target.mean(axis=0)
    squares = np.sum((x.T @ x / len(x)) * (y.T @ y / len(y)))
    if squares > 0:
        return SHARE_OF_SPREAD * math.sqrt(float(squares))
    notes.append(
        "All plans cost the same, as when one sample repeats one row: epsilon was set to 1."
    )
    return 1.0


def check_target(y: Any, n_columns: int) -> np.ndarray:
    """New rows of the target as float64, (k, n_columns)."""
    target = describe(y, "y", discrete=False, min_samples=1)
    if target.dim != n_columns:
        raise ValueError(
            f"y is a sample of the target and must have {n_columns} columns, as in fit, got "
            f"{target.dim}."
        )
    return target.values


def check_time(time: Any) -> float:
    """A time before the end of the bridge."""
    value = float(time)
    if not 0.0 <= value < 1.0:
        raise ValueError(
            f"time must lie in [0, 1), got {time!r}. The drift has no value at the end."
        )
    return value


def check_times(times: Any) -> np.ndarray:
    """Growing times of a path, (t,)."""
    at = np.asarray(times, dtype=np.float64)
    if at.ndim != 1 or at.size == 0:
        raise ValueError(
            f"times must be a vector with at least one entry, got shape {at.shape}. Pass "
            f"np.linspace(0, 1, 11), say."
        )
    if not (at[0] >= 0.0 and at[-1] <= 1.0 and np.all(np.diff(at) > 0.0)):
        raise ValueError(f"times must grow and lie in [0, 1], got {at}. Sort them.")
    return at


def pinned_path(
    start: np.ndarray,
    end: np.ndarray,
    times: np.ndarray,
    epsilon: float,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Brownian bridges of variance epsilon between rows, at growing times: (t, l, d)."""
    place, now, path = start, 0.0, []
    for time in times:
        if time >= 1.0:
            place = end
        elif time > now:
            share = (time - now) / (1.0 - now)
            scale = math.sqrt(epsilon * share * (1.0 - time))
            place = place + share * (end - place) + scale * rng.standard_normal(start.shape)
            now = time
        path.append(place)
    return np.stack(path)
