"""KSG mutual information from the neighbour search, in seconds beside peers.

Run ``python benchmarks/neighbors.py`` (some minutes with infomeasure, ennemi and scikit-learn
installed). It prints one table and writes ``results/neighbors.csv``. Every estimate is whole: joint
neighbours, counts in both margins and the mean of digammas, one thread, k = 3, on correlated normal
coordinates (.6 each). Compilation is left out of those times and reported apart.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np
from _beside import Row, write
from scipy.special import digamma
from threadpoolctl import threadpool_limits

from infotheory._xp._neighbors import count_within, nearest

PACKAGES = ("numpy", "scipy", "numba", "scikit-learn", "ennemi", "infomeasure")
N_NEIGHBORS = 3
# Columns a side, rows, repetitions of the peers, and what the design asks for.
CASES = (
    (1, 10_000, 5, ""),
    (1, 50_000, 5, "at most 0.33x"),
    (2, 20_000, 3, "at most 0.5x"),
    (3, 100_000, 1, ""),
    (5, 10_000, 3, "at most 0.5x"),
    (16, 10_000, 1, ""),
)
FIRST_CALLS = """
import time
start = time.perf_counter()
import numpy as np
from infotheory._xp._neighbors import count_within, nearest
X = np.random.default_rng(0).standard_normal((500, 8))
for metric in ("chebyshev", "euclidean"):
    nearest(X, 3, metric=metric), nearest(X[:, :1], 3, metric=metric)
    count_within(X, np.ones(500), metric=metric)
print(time.perf_counter() - start)
"""


Estimator = Callable[[np.ndarray, np.ndarray], float]


def correlated(d: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, d))
    return x, 0.6 * x + 0.8 * rng.standard_normal((n, d))


def ksg(x: np.ndarray, y: np.ndarray) -> float:
    """The raw formula: strict counts inside the joint k-th distance."""
    distances, _ = nearest(np.hstack([x, y]), N_NEIGHBORS)
    radius = distances[:, -1]
    margins = digamma(count_within(x, radius) + 1) + digamma(count_within(y, radius) + 1)
    return float(digamma(N_NEIGHBORS) + digamma(len(x)) - margins.mean())


def peers(d: int) -> dict[str, Estimator]:
    import ennemi
    import infomeasure
    from sklearn.feature_selection import mutual_info_regression

    found: dict[str, Estimator] = {
        "infomeasure": lambda x, y: infomeasure.mutual_information(
            np.squeeze(x), np.squeeze(y), approach="ksg", k=N_NEIGHBORS
        ),
    }
    if d == 1:
        found["ennemi"] = lambda x, y: ennemi.estimate_mi(
            y[:, 0], x[:, 0], k=N_NEIGHBORS, max_threads=1
        ).item()
        found["scikit-learn"] = lambda x, y: mutual_info_regression(
            x, y[:, 0], n_neighbors=N_NEIGHBORS, random_state=0
        ).item()
    return found


def seconds(estimator: Estimator, x: np.ndarray, y: np.ndarray) -> float:
    start = time.perf_counter()
    estimator(x, y)
    return time.perf_counter() - start


def estimates() -> Iterator[Row]:
    """Whole estimates in turn with the peers', the best of several runs of each."""
    ksg(*correlated(1, 500)), ksg(*correlated(3, 500))
    for d, n, n_repeats, bar in CASES:
        x, y = correlated(d, n)
        value = ksg(x, y)
        case = f"{d} + {d} columns, {n} rows"
        yield Row(case, "estimate, nats", "KSG", value)
        for name, peer in peers(d).items():
            difference = abs(peer(x, y) - value) if n_repeats > 1 else 0.0
            if difference > 1e-3:
                raise AssertionError(f"{case}: differs from {name} by {difference}")
            ours = theirs = np.inf
            for _ in range(n_repeats):
                ours = min(ours, *(seconds(ksg, x, y) for _ in range(3)))
                theirs = min(theirs, seconds(peer, x, y))
            yield Row(case, "seconds", "KSG", ours, name, theirs, bar)


def compilation() -> Iterator[Row]:
    """Import and first call of everything in a new process, without and with cached kernels."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
        for state in ("no cache", "cached"):
            run = subprocess.run(
                [sys.executable, "-c", FIRST_CALLS],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            yield Row(f"import and first calls, {state}", "seconds", "all", float(run.stdout))


def main() -> None:
    with threadpool_limits(1):
        write("neighbors", PACKAGES, (compilation, estimates))


if __name__ == "__main__":
    main()
