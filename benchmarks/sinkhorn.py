"""Entropic transport of two clouds to a marginal error, in seconds beside peers.

Run ``python benchmarks/sinkhorn.py``; ``--only "n = 500"`` takes a part and ``--estimator`` some of
the solvers. Clouds are normal in three dimensions, the cost is the squared distance over its mean,
and every solver goes on to an L1 error of both marginals of 1e-6, which is measured afterwards in
the same way for all; GeomLoss has no such goal and goes through its path of epsilons once. Each
run is a process of its own that may take two minutes; the time is that of the best of several
calls, without imports. Rows go into results/sinkhorn.csv at once.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from _estimating import number, set_threads, yes_or_no
from _isolated import isolated
from _results import Results, circumstances, matches, parser

TOL = 1e-6
LONGEST = 120.0  # seconds for a solver and case
CASES = tuple((n, epsilon) for n in (500, 2000) for epsilon in (0.1, 0.01, 0.001))
PACKAGES = ("pot", "ott-jax", "geomloss")
KEYS = ("solver", "n", "epsilon")
MEASURED = ("seconds", "marginal error", "reached", "cost", "bound on the error", "over ours")
Plan = np.ndarray


def clouds(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 3)), 0.5 + 0.7 * rng.normal(size=(n, 3))


def problem(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The cost over its mean, and weights that both sides have."""
    x, y = clouds(n)
    cost = np.sum((x[:, None] - y) ** 2, axis=-1)
    return cost / cost.mean(), np.full(n, 1 / n)


def ours(cost: np.ndarray, w: np.ndarray, epsilon: float) -> Any:
    from infotheory.functional import sinkhorn

    return sinkhorn(cost, w, w, epsilon=epsilon, tol=TOL)


def of_pot(method: str) -> Callable[[np.ndarray, np.ndarray, float], Plan]:
    def solve(cost: np.ndarray, w: np.ndarray, epsilon: float) -> Plan:
        import ot

        # Its criterion is the Euclidean norm of the error of one marginal.
        norm = TOL / np.sqrt(len(w))
        options = {"stopThr": norm, "numItermax": 10**7, "method": method}
        return ot.sinkhorn(w, w, cost, epsilon, **options)

    return solve


def of_ott(cost: np.ndarray, w: np.ndarray, epsilon: float) -> Plan:
    import jax

    jax.config.update("jax_enable_x64", True)
    from ott.geometry.geometry import Geometry
    from ott.problems.linear.linear_problem import LinearProblem
    from ott.solvers.linear.sinkhorn import Sinkhorn

    law = LinearProblem(Geometry(cost_matrix=cost, epsilon=epsilon), a=w, b=w)
    found = Sinkhorn(threshold=TOL, max_iterations=10**6)(law)
    return np.asarray(found.matrix)


def of_geomloss(scaling: float) -> Callable[[np.ndarray, np.ndarray, float], Plan]:
    def solve(cost: np.ndarray, w: np.ndarray, epsilon: float) -> Plan:
        import torch
        from geomloss import SamplesLoss

        # It takes points, and half the squared distance as the cost; the mean of the cost is 1.
        x, y = clouds(len(w))
        scale = np.sqrt(np.mean(np.sum((x[:, None] - y) ** 2, axis=-1)) / 2)
        parts = [torch.as_tensor(part / scale) for part in (x, y)]
        loss = SamplesLoss(
            "sinkhorn",
            p=2,
            blur=float(np.sqrt(epsilon)),
            scaling=scaling,
            debias=False,
            potentials=True,
            backend="tensorized",
        )
        f, g = (part.numpy().ravel() for part in loss(*parts))
        return w[:, None] * np.exp((f[:, None] + g - cost) / epsilon) * w

    return solve


SOLVERS: dict[str, Callable[[np.ndarray, np.ndarray, float], Any]] = {
    "infotheory": ours,
    "POT sinkhorn": of_pot("sinkhorn"),
    "POT sinkhorn_stabilized": of_pot("sinkhorn_stabilized"),
    "POT sinkhorn_log": of_pot("sinkhorn_log"),
    "OTT": of_ott,
    "GeomLoss": of_geomloss(0.5),
    "GeomLoss, scaling .99": of_geomloss(0.99),
}


def run(name: str, n: int, epsilon: float, told: Any) -> None:
    """Seconds, error, cost and certified gap, put into a queue."""
    warnings.simplefilter("ignore")
    cost, w = problem(n)
    solver = SOLVERS[name]
    try:
        found = solver(*problem(2), 1.0)  # imports
    except ImportError as error:
        told.put(f"{name}: {error}")
        return
    seconds: list[float] = []
    while not seconds or (len(seconds) < 7 and sum(seconds) < 5):
        start = time.perf_counter()
        found = solver(cost, w, epsilon)
        seconds.append(time.perf_counter() - start)
    gap = float(found.duality_gap) if name == "infotheory" else None
    plan = found.plan if name == "infotheory" else found
    off = np.abs(plan.sum(0) - w).sum() + np.abs(plan.sum(1) - w).sum()
    told.put((min(seconds), float(off), float(np.sum(plan * cost)), gap))


def main() -> None:
    options = parser(__doc__, tuple(SOLVERS))
    arguments = options.parse_args()
    set_threads(quick=arguments.quick)
    results = Results("sinkhorn", KEYS, MEASURED, quick=arguments.quick)
    results.head()
    for n, epsilon in CASES[:1] if arguments.quick else CASES:
        if not matches(arguments.only, f"n = {n}, epsilon = {epsilon}"):
            continue
        for name in arguments.estimator:
            key = {"solver": name, "n": n, "epsilon": epsilon}
            if results.has(**key) and not arguments.again:
                continue
            found = isolated(run, name, n, epsilon, seconds=LONGEST)
            if isinstance(found, str):
                print(found)
                continue
            row: dict[str, object] = dict(key)
            if found is None:
                row["seconds"] = f"over {LONGEST:.0f}"
            else:
                seconds, off, value, gap = found
                row |= {
                    "seconds": number(seconds, 3),
                    "marginal error": f"{off:.1e}",
                    "reached": yes_or_no(off <= 2 * TOL),
                    "cost": number(value, 6),
                    "bound on the error": "" if gap is None else f"{gap:.1e}",
                }
                first = results.rows(solver="infotheory", n=n, epsilon=epsilon)
                if first and name != "infotheory":
                    row["over ours"] = number(seconds / float(first[0]["seconds"]), 1)
            results.keep(row, circumstances(PACKAGES))


if __name__ == "__main__":
    main()
