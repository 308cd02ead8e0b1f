"""Strong dependence: normal pairs of 2 to 10 nats, n = 10 000, behind maps of single columns.

Run ``python benchmarks/high_information.py``; ``--only "10 nats"`` and ``--estimator`` take a part,
``--seeds`` the number of samples. Each fit goes into results/high_information_runs.csv at once, and
a later run leaves out those that are there; results/high_information.csv has the mean absolute
error over the seeds, beside the best published one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from _estimating import known, measure, number, set_threads
from _results import Results, circumstances_of, matches, parser

from infotheory.datasets import correlated_normals

ESTIMATORS = ("auto", "minde")
NATS = (2, 4, 6, 8, 10)
COLUMNS = (1, 10)
MARGINS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "normal": lambda x: x,
    "cubed": lambda x: x**3,
    "sinh": np.sinh,
}
# Least mean absolute error on correlated normals of 1 to 3 + 1 to 3 columns, n = 10 000, in the
# tables of https://github.com/VanessB/mutinfo (commit 0a34663, source/evaluate/tables/lowdim,
# distribution_estimator-MAE-10000.tex): ten seeds, the best hyperparameter of each cell chosen by
# its error to the truth. MINE, MINE, InfoNCE and twice weighted Kozachenko-Leonenko.
PUBLISHED = {2: 0.02, 4: 0.13, 6: 0.63, 8: 1.59, 10: 3.01}
CASE = ("columns", "nats", "margins", "estimator", "n")
RUN = ("value", "error", "standard error", "lower", "upper", "covers", "seconds", "chosen")
SUMMARY = (
    *("seeds", "mean absolute error", "best published", "mean error", "90 % intervals that hold"),
    *("seconds a fit",),
)


def sample(d: int, nats: int, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Normal columns correlated pair by pair, with as much information in each pair."""
    rho = math.sqrt(-math.expm1(-2.0 * nats / d))
    return correlated_normals([rho] * d).sample(n, seed)


def summarise(runs: Results, table: Results, case: dict[str, object]) -> None:
    """The row of a case from all its runs."""
    rows = runs.rows(**case)
    if not rows:
        return
    errors = np.array([float(r["error"]) for r in rows])
    answers = [r["covers"] for r in rows if r["covers"]]
    table.keep(
        {
            **case,
            "seeds": len(rows),
            "mean absolute error": number(float(np.mean(np.abs(errors))), 3),
            "best published": PUBLISHED[int(str(case["nats"]))],
            "mean error": number(float(errors.mean()), 3, sign=True),
            "90 % intervals that hold": f"{answers.count('yes')} of {len(answers)}",
            "seconds a fit": number(float(np.mean([float(r["seconds"]) for r in rows])), 1),
        },
        circumstances_of(rows),
    )


def main() -> None:
    options = parser(__doc__, ESTIMATORS)
    options.add_argument("--seeds", type=int, default=5, help="samples of each law")
    arguments = options.parse_args()
    set_threads(quick=arguments.quick)
    quick = arguments.quick
    n, seeds = (300, 2) if quick else (10_000, arguments.seeds)
    runs = Results("high_information_runs", (*CASE, "seed"), RUN, quick=quick)
    table = Results("high_information", CASE, SUMMARY, quick=quick)
    estimators = known(arguments.estimator)
    runs.head()
    for d in COLUMNS[:1] if quick else COLUMNS:
        for nats in NATS[::4] if quick else NATS:
            for margins, transform in MARGINS.items():
                if not matches(arguments.only, f"{d} + {d} columns, {nats} nats, {margins}"):
                    continue
                for name in estimators:
                    case: dict[str, object] = {
                        "columns": f"{d} + {d}",
                        "nats": nats,
                        "margins": margins,
                        "estimator": name,
                        "n": n,
                    }
                    for seed in range(seeds):
                        if runs.has(**case, seed=seed) and not arguments.again:
                            continue
                        X, y = (transform(part) for part in sample(d, nats, n, seed))
                        found = measure(name, X, y, seed, quick=quick)
                        if found is None:
                            break
                        runs.keep(case | {"seed": seed} | found.cells(nats))
                    summarise(runs, table, case)


if __name__ == "__main__":
    main()
