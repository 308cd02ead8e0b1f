"""How many normal laws a mixture potential has, and of which kind, by rows that are held out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from infotheory.functional._light_bridge_fit import LightFit

# Rows of each sample on which components are counted and the fit begins, with those held out.
_SEARCH_ROWS = 8000
# Full slopes are tried where the search has so many rows for each column: with 40 the search took
# longer than the fit, and diagonal ones were better in all cases of the mixture benchmark.
_ROWS_FOR_FULL = 100
MOST_COMPONENTS = 128
# Rows of y for each component at least, in the search.
_ROWS_PER_COMPONENT = 5
_STARTS = 3  # of k-means


class Candidate(NamedTuple):
    """A fit to the rows of the search, and minus the terms of its loss for those held out."""

    terms: tuple[np.ndarray, np.ndarray]
    diagonal: bool
    fitted: LightFit

    @property
    def score(self) -> float:
        return float(sum(part.mean() for part in self.terms))

    @property
    def n_parameters(self) -> int:
        bridge = self.fitted.bridge
        d = bridge.offsets.shape[1]
        return len(bridge.offsets) * (1 + d + (d if self.diagonal else d * (d + 1) // 2))

    def is_no_worse(self, best: Candidate) -> bool:
        """Whether it is behind by no more than a standard error of the difference."""
        apart = [b - own for own, b in zip(self.terms, best.terms, strict=True)]
        error = np.sqrt(sum(float(part.var()) / len(part) for part in apart))
        return sum(float(part.mean()) for part in apart) <= error


def best_start(
    source: np.ndarray,
    target: np.ndarray,
    steps: Callable[[np.ndarray, np.ndarray, np.ndarray, bool], LightFit],
    *,
    n_components: int | None,
    covariance_type: str,
    validation_fraction: float,
    rng: np.random.RandomState,
) -> tuple[Candidate, dict[tuple[str, int], float]]:
    """The plainest fit to some rows that those held out do not reject, and all scores.

    ``steps`` fits rows of both samples from a membership of the rows of y, (K, m), with slopes
    that are diagonal or not.
    """
    parts, held = [], []
    for rows in (source, target):
        chosen = rows[rng.permutation(len(rows))[:_SEARCH_ROWS]]
        n_held = min(max(round(validation_fraction * len(chosen)), 1), len(chosen) - 1)
        held.append(chosen[:n_held])
        parts.append(chosen[n_held:])
    kinds = _kinds(covariance_type, min(len(part) for part in parts), source.shape[1])
    if n_components is not None and (len(kinds) == 1 or n_components > len(parts[1])):
        # Nothing to choose, or no rows to spare.
        parts = [np.vstack(both) for both in zip(held, parts, strict=True)]
        if n_components > len(parts[1]):
            parts[1] = target
    seed = rng.randint(2**31 - 1)

    def candidate(kind: str, k: int) -> Candidate:
        fitted = steps(parts[0], parts[1], _clusters(parts[1], k, seed), kind == "diag")
        bridge = fitted.bridge
        terms = -bridge.log_normalizer(held[0]), bridge.log_potential(held[1])
        return Candidate(terms, kind == "diag", fitted)

    most = max(1, min(MOST_COMPONENTS, len(parts[1]) // _ROWS_PER_COMPONENT))
    tried: dict[tuple[str, int], Candidate] = {}
    for kind in kinds:
        counts = _counts(lambda k, kind=kind: tried[kind, k].score, most)
        for k in counts if n_components is None else (n_components,):
            if (kind, k) not in tried:
                tried[kind, k] = candidate(kind, k)
    best = max(tried.values(), key=lambda found: found.score)
    plainest = min(
        (found for found in tried.values() if found.is_no_worse(best)),
        key=lambda found: found.n_parameters,
    )
    return plainest, {key: found.score for key, found in tried.items() if len(tried) > 1}


def _kinds(covariance_type: str, n_rows: int, n_columns: int) -> list[str]:
    if covariance_type != "auto":
        return [covariance_type]
    if n_columns == 1 or n_rows < _ROWS_FOR_FULL * n_columns:
        return ["diag"]
    return ["diag", "full"]


def _clusters(target: np.ndarray, n_components: int, seed: int) -> np.ndarray:
    """Membership of the rows in clusters, (K, m)."""
    if n_components == 1:
        return np.ones((1, len(target)))
    with warnings.catch_warnings():
        # Fewer distinct rows than clusters: the empty ones are dropped, with a note.
        warnings.simplefilter("ignore", ConvergenceWarning)
        words: dict[str, Any] = {"n_init": _STARTS, "random_state": seed}
        found = KMeans(n_components, **words).fit(target)
    return (found.labels_ == np.arange(n_components)[:, None]).astype(np.float64)


def _counts(score: Callable[[int], float], most: int) -> Iterator[int]:
    """Numbers of components to try, up from 1 by doubling, then about the best in finer steps."""
    best, worse, k = 1, 0, 1
    yield 1
    while worse < 2 and 2 * k <= most:
        k *= 2
        yield k
        if score(k) > score(best):
            best, worse = k, 0
        else:
            worse += 1
    step = max(best // 4, 1)
    while step >= max(best // 8, 1):
        for near in (best - step, best + step):
            if 1 <= near <= most:
                yield near
                if score(near) > score(best):
                    best = near
                    break
        else:
            step //= 2
