"""Entropic transport of clouds too large for the array of their costs: time, memory and error.

Run ``python benchmarks/sinkhorn_points.py``; ``--only "n = 20000"`` takes a part and
``--estimator`` some of the solvers. Clouds are normal, the cost is half the squared distance, and
epsilon is a share of its mean. Each run is a process of its own that may take ten minutes, and
solves a small problem first, so that imports and compiled code are there. Time is that of one
call, by the clock and of all processors together; memory is the largest that the process ever
held, with all its imports. The error of both marginals is measured afterwards from the potentials,
in the same way for all.
"""

from __future__ import annotations

import resource
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from _estimating import number, yes_or_no
from _isolated import isolated
from _results import Results, circumstances, matches, parser

LONGEST = 600.0  # seconds for a solver and case
# Points of each cloud, columns, epsilon over the mean cost, error of the marginals to reach.
CASES = (
    (5_000, 3, 0.05, 1e-3),
    (20_000, 3, 0.05, 1e-3),
    (20_000, 3, 0.05, 1e-6),
    (20_000, 3, 0.01, 1e-3),
    (20_000, 30, 0.05, 1e-3),
    (50_000, 3, 0.05, 1e-3),
)
PEER_CASES = 2  # the first ones, which others can end
PACKAGES = ("pot", "numba")
KEYS = ("solver", "n", "columns", "epsilon / mean cost", "tol")
MEASURED = (
    "seconds",
    "processor seconds",
    "peak MB",
    "sweeps",
    "marginal error",
    "reached",
    "value",
    "bound on its error",
    "over ours",
)
Found = tuple[np.ndarray, np.ndarray, int, Any]


def problem(n: int, columns: int, share: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Two clouds, and epsilon."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, columns)), 0.5 + 0.7 * rng.normal(size=(n, columns))
    # Half the mean squared distance of independent points.
    apart = np.sum((x.mean(0) - y.mean(0)) ** 2) + x.var(0).sum() + y.var(0).sum()
    return x, y, share * apart / 2


def ours(x: np.ndarray, y: np.ndarray, epsilon: float, tol: float) -> Found:
    """Potentials, sweeps, and the plan, for its certified gap."""
    from infotheory.functional import sinkhorn_points

    found = sinkhorn_points(x, y, epsilon=epsilon, tol=tol)
    return *found.potentials, found.n_iter, found


def pot_lazy(x: np.ndarray, y: np.ndarray, epsilon: float, tol: float) -> Found:
    """POT without the array, whose potentials are those of a sum without weights."""
    import ot

    f, g, _ = ot.bregman.empirical_sinkhorn(
        x / np.sqrt(2),
        y / np.sqrt(2),
        reg=epsilon,
        numIterMax=10**6,
        stopThr=tol,
        isLazy=True,
        batchSize=1000,
        log=True,
    )
    return epsilon * (f + np.log(len(x))), epsilon * (g + np.log(len(y))), -1, None


SOLVERS: dict[str, Callable[..., Found]] = {"infotheory": ours, "POT, lazy": pot_lazy}


def marginal_error(
    x: np.ndarray, y: np.ndarray, epsilon: float, f: np.ndarray, g: np.ndarray
) -> tuple[float, float]:
    """L1 error of both marginals by float64 blocks, and the dual value."""
    n, m = len(x), len(y)
    v = g - np.sum(y * y, axis=1) / 2
    columns, off = np.zeros(m), 0.0
    for i in range(0, n, 500):
        block = x[i : i + 500] @ y.T + v
        block += (f[i : i + 500] - np.sum(x[i : i + 500] ** 2, axis=1) / 2)[:, None]
        block /= epsilon
        plan = np.exp(block, out=block) / (n * m)
        off += np.abs(plan.sum(1) - 1 / n).sum()
        columns += plan.sum(0)
    value = f.mean() + g.mean() - epsilon * (columns.sum() - 1)
    return float(off + np.abs(columns - 1 / m).sum()), float(value)


def run(name: str, case: tuple[int, int, float, float], told: Any) -> None:
    """What one call took and found, put into a queue."""
    warnings.simplefilter("ignore")
    n, columns, share, tol = case
    x, y, epsilon = problem(n, columns, share)
    solver = SOLVERS[name]
    try:
        small = {"block_size": 10_000} if name == "infotheory" else {}
        if small:
            from infotheory.functional import sinkhorn_points

            sinkhorn_points(x[:500], y[:500], epsilon=epsilon, tol=0.1, **small)
        solver(x[:50], y[:50], epsilon, 0.1)
    except ImportError as error:
        told.put(f"{name}: {error}")
        return
    clock, processor = time.perf_counter(), time.process_time()
    f, g, sweeps, plan = solver(x, y, epsilon, tol)
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    gap = None if plan is None else float(plan.duality_gap)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told.put((clock, processor, peak, sweeps, gap, *marginal_error(x, y, epsilon, f, g)))


def main() -> None:
    arguments = parser(__doc__, tuple(SOLVERS)).parse_args()
    results = Results("sinkhorn_points", KEYS, MEASURED, quick=arguments.quick)
    results.head()
    for at, case in enumerate(CASES[:1] if arguments.quick else CASES):
        n, columns, share, tol = case
        if not matches(arguments.only, f"n = {n}, columns = {columns}, epsilon = {share}"):
            continue
        for name in arguments.estimator:
            key = dict(zip(KEYS, (name, *case), strict=True))
            peer = name != "infotheory"
            if (peer and at >= PEER_CASES) or (results.has(**key) and not arguments.again):
                continue
            found = isolated(run, name, case, seconds=LONGEST + 60)
            if isinstance(found, str):
                print(found)
                continue
            row: dict[str, object] = dict(key)
            if found is None:
                row["seconds"] = f"over {LONGEST:.0f}"
            else:
                clock, processor, peak, sweeps, gap, off, value = found
                row |= {
                    "seconds": number(clock, 3),
                    "processor seconds": number(processor, 3),
                    "peak MB": f"{peak:.0f}",
                    "sweeps": "" if sweeps < 0 else sweeps,
                    "marginal error": f"{off:.1e}",
                    "reached": yes_or_no(off <= 1.01 * tol),
                    "value": number(value, 6),
                    "bound on its error": "" if gap is None else f"{gap:.1e}",
                }
                first = results.rows(**(key | {"solver": "infotheory"}))
                if peer and first:
                    row["over ours"] = number(processor / float(first[0]["processor seconds"]), 1)
            results.keep(row, circumstances(PACKAGES))


if __name__ == "__main__":
    main()
