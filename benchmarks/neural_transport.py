"""Entropic plans learnt by networks on pairs of mixtures whose plan is known: cBW2-UVP in percent.

Run ``python benchmarks/neural_transport.py``; ``--only "dim 16"`` and ``--estimator EgEOT`` take a
part, ``--max-seconds`` another time for training. Networks see 10 000 rows of each side; 300 new
rows with 1 000 draws each are compared with the exact plan. Beside each figure stand what exact
draws would have, what one normal plan of the sample moments has, and the best of the solvers of
the published benchmark, which had other parameters. Rows go into results/neural_transport.csv.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from _estimating import number
from _results import Results, circumstances, matches, parser

import infotheory
from infotheory.datasets import random_mixture_pair
from infotheory.functional import conditional_bw2_uvp, gaussian_transport, gaussian_wasserstein

ESTIMATORS = ("EgEOT", "ENOT")
DIMS, EPSILON = (2, 16), 1.0
# Gushchin et al. (2023), arXiv:2306.10161, table of cBW2-UVP at epsilon 1.
PUBLISHED = {2: 1.04, 16: 9.08}
N_ROWS, N_TEST, N_DRAWS = 10_000, 300, 1000
KEYS = ("estimator", "dim", "epsilon", "rows")
MEASURED = (
    *("cBW2-UVP", "of exact draws", "one normal plan", "published best"),
    *("steps", "seconds of fit", "CPU seconds of fit", "CPU seconds of draws"),
    *("score", "score of the truth", "notes"),
)


def one_normal(X: np.ndarray, y: np.ndarray, rows: np.ndarray, exact: Any, total: Any) -> float:
    """cBW2-UVP of the plan between the normal laws of the sample moments, without sampling."""
    plan = gaussian_transport(X.mean(0), np.cov(X.T), y.mean(0), np.cov(y.T), EPSILON)
    mean, covariance = exact
    told = rows @ plan.slope + plan.intercept
    distance = gaussian_wasserstein(told, EPSILON * plan.slope, mean, covariance)
    return float(200 * np.mean(distance) / np.trace(total))


def measure(results: Results, name: str, dim: int, seconds: float | None, *, quick: bool) -> None:
    import torch

    n, n_test, n_draws = (300, 10, 50) if quick else (N_ROWS, N_TEST, N_DRAWS)
    pair = random_mixture_pair(dim, EPSILON, random_state=0)
    X, y = pair.sample(n, random_state=1)[0], pair.sample(n, random_state=2)[1]
    rows = pair.sample(n_test, random_state=3)[0]
    _, total = pair.target_moments(random_state=4)
    exact = pair.conditional_mean(rows), pair.conditional_covariance(rows)
    changes = {"max_iter": 20} if quick else {"max_seconds": seconds}
    model = getattr(infotheory, name)(epsilon=EPSILON, random_state=0, **changes)
    start, cpu = time.perf_counter(), time.process_time()
    model.fit(X, y)
    fitted, cpu_fitted = time.perf_counter() - start, time.process_time() - cpu
    cpu = time.process_time()
    draws = model.sample(np.repeat(rows, n_draws, axis=0), random_state=5)
    cpu_drawn = time.process_time() - cpu
    draws = draws.reshape(n_test, n_draws, dim)
    paired = pair.sample(4 * n_test, random_state=6)
    best = 0.5 * np.sum((paired[0] - paired[1]) ** 2, axis=1)
    best = best + EPSILON * pair.log_conditional_density(*paired)
    results.keep(
        {
            "estimator": name,
            "dim": dim,
            "epsilon": EPSILON,
            "rows": n,
            "cBW2-UVP": number(float(conditional_bw2_uvp(draws, *exact, total)), 3),
            "of exact draws": number(pair.sampling_floor(rows, total, n_draws, 7), 3),
            "one normal plan": number(one_normal(X, y, rows, exact, total), 2),
            "published best": number(PUBLISHED[dim], 2),
            "steps": model.n_iter_,
            "seconds of fit": number(fitted, 0),
            "CPU seconds of fit": number(cpu_fitted, 0),
            "CPU seconds of draws": number(cpu_drawn, 0),
            "score": number(model.score(*paired), 3),
            "score of the truth": number(float(best.mean()), 3),
            "notes": " ".join(model.notes_),
        },
        circumstances(threads=f"{torch.get_num_threads()} Torch threads"),
    )


def main() -> None:
    options = parser(__doc__, ESTIMATORS)
    options.add_argument("--max-seconds", type=float, default=600.0)
    options.add_argument("--threads", type=int, default=2)
    arguments = options.parse_args()
    import torch

    torch.set_num_threads(1 if arguments.quick else arguments.threads)
    results = Results("neural_transport", KEYS, MEASURED, quick=arguments.quick)
    results.head()
    n = 300 if arguments.quick else N_ROWS
    for name in arguments.estimator:
        for dim in DIMS:
            case = {"estimator": name, "dim": dim, "epsilon": EPSILON, "rows": n}
            if not matches(arguments.only, f"{name} dim {dim}"):
                continue
            if arguments.again or not results.has(**case):
                measure(results, name, dim, arguments.max_seconds, quick=arguments.quick)


if __name__ == "__main__":
    main()
