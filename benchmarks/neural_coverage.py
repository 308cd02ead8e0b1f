"""Coverage of the 90 % intervals of cross-fitted networks over fixed seeds.

The law is normal, 3 + 3 columns correlated 0.6 pair by pair, n = 2 000, truth 0.6694 nats. Run
``python benchmarks/neural_coverage.py``; ``--seeds`` says how many. Every seed goes into
results/neural_coverage_runs.csv at once, and a later run leaves out those that are there;
results/neural_coverage.csv has one line an estimator.
"""

from __future__ import annotations

import math

import numpy as np
from _estimating import known, measure, number, set_threads
from _results import Results, circumstances_of, parser

from infotheory.datasets import correlated_normals

ESTIMATORS = ("mine", "smile", "minde")
LAW = correlated_normals([0.6, 0.6, 0.6])
KEYS = ("estimator", "n")
RUN = ("value", "standard error", "lower", "upper", "covers", "seconds")
SUMMARY = (
    *("truth", "runs", "coverage", "binomial error", "bias", "sd of the values"),
    *("mean standard error", "seconds a fit"),
)


def summarise(runs: Results, table: Results, estimator: str, n: int) -> None:
    """One line on all seeds that are there."""
    rows = [r for r in runs.rows(estimator=estimator, n=n) if r["covers"]]
    if not rows:
        return
    values, errors, seconds = (
        np.array([float(r[name]) for r in rows]) for name in ("value", "standard error", "seconds")
    )
    coverage = float(np.mean([r["covers"] == "yes" for r in rows]))
    # Where all or none hit, the plug-in error would be 0: one run is taken from the other side.
    share = min(max(coverage, 1 / (len(rows) + 1)), len(rows) / (len(rows) + 1))
    table.keep(
        {
            "estimator": estimator,
            "n": n,
            "truth": number(LAW.mutual_information),
            "runs": len(rows),
            "coverage": number(coverage, 3),
            "binomial error": number(math.sqrt(share * (1 - share) / len(rows)), 3),
            "bias": number(float(values.mean()) - LAW.mutual_information, sign=True),
            "sd of the values": number(float(values.std(ddof=1)) if len(rows) > 1 else math.nan),
            "mean standard error": number(float(errors.mean())),
            "seconds a fit": number(float(seconds.mean()), 1),
        },
        circumstances_of(rows),
    )


def main() -> None:
    options = parser(__doc__, ESTIMATORS)
    options.add_argument("--seeds", type=int, default=40, help="samples, from seed 0 on")
    arguments = options.parse_args()
    set_threads(quick=arguments.quick)
    quick = arguments.quick
    n, seeds = (300, 3) if quick else (2_000, arguments.seeds)
    runs = Results("neural_coverage_runs", (*KEYS, "seed"), RUN, quick=quick)
    table = Results("neural_coverage", KEYS, SUMMARY, quick=quick)
    runs.head()
    for name in known(arguments.estimator):
        for seed in range(seeds):
            key = {"estimator": name, "n": n, "seed": seed}
            if runs.has(**key) and not arguments.again:
                continue
            found = measure(name, *LAW.sample(n, seed), seed, quick=quick)
            if found is None:
                break
            runs.keep(key | found.cells(LAW.mutual_information))
        summarise(runs, table, name, n)


if __name__ == "__main__":
    main()
