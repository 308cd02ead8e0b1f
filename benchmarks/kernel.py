"""HSIC, MMD and their tests beside hyppo and dcor: seconds, memory and values.

Run ``python benchmarks/kernel.py``; ``--only "HSIC"`` takes a part. The peers have to be on the
path: ``pip install hyppo dcor``. Each row is measured in a process of its own, with one thread for
everybody: a first run that is not counted, which compiles, then the fastest of up to five. Cases
that take longer than 15 minutes in all are left. Memory is what the run adds to the largest size of
the process, after the first run on 50 rows.

hyppo's HSIC is the debiased alignment (unbiased and normalised) with the median distance of x as
the bandwidth of both; ours is that to 1e-14 if asked for. What it calls MMD is that alignment times
a factor for one that is not normalised, and not the discrepancy; its p-values are valid.

The rows of x are normal and y = x^2 / 2 + normal noise in each column; the two samples are normal
with means 0 and 0.2. "statistic" is the value with the median rule, "fast test" the test without
permutations (a gamma law here, a chi-squared law in hyppo and dcor's t-test), "permutation test"
one with 199 permutations. dcor has no Gaussian kernels: its distance covariance and energy
distance test the same hypotheses and are the rows nearest to these. Rows go into
results/kernel.csv.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from _estimating import number
from _results import Results, circumstances, matches, parser

PACKAGES = ("infotheory", "hyppo", "dcor")
TASKS = ("statistic", "fast test", "permutation test")
SIZES = {"statistic": (500, 2000, 5000), "fast test": (500, 2000, 5000)}
SIZES["permutation test"] = (200, 1000)
COLUMNS = (1, 5)
N_PERMUTATIONS = 199
KEYS = ("quantity", "task", "rows", "columns", "package")
MEASURED = ("value", "p-value", "seconds", "memory (MB)", "times as long")
_LONGEST = 900.0  # seconds of one case, imports and first run included


def data(quantity: str, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Paired rows, or two samples of n/2 rows each."""
    rng = np.random.default_rng([n, d])
    if quantity == "HSIC":
        x = rng.normal(size=(n, d))
        return x, x**2 / 2 + rng.normal(size=(n, d))
    return rng.normal(size=(n // 2, d)), 0.2 + rng.normal(size=(n // 2, d))


def runner(quantity: str, task: str, package: str) -> Callable[..., tuple[float, float | None]]:
    """What gives value and p-value for two arrays."""
    return {"infotheory": _ours, "hyppo": _hyppo, "dcor": _dcor}[package](quantity, task)


def _ours(quantity: str, task: str) -> Callable[..., tuple[float, float | None]]:
    from infotheory import HSIC, MMD, functional, permutation_test, two_samples

    def statistic(x: np.ndarray, y: np.ndarray) -> tuple[float, None]:
        if quantity == "HSIC":
            widths = functional.kernel_bandwidth(x), functional.kernel_bandwidth(y)
            return float(functional.hsic(x, y, *widths)), None
        both = functional.kernel_bandwidth(np.concatenate([x, y]))
        return float(functional.mmd(x, y, both)), None

    def test(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        rows = (x, y) if quantity == "HSIC" else two_samples(x, y)
        estimator: Any = HSIC() if quantity == "HSIC" else MMD()
        attribute = "mutual_information_" if quantity == "HSIC" else "divergence_"
        if task == "fast test":
            fitted = estimator.fit(*rows)
            return getattr(fitted, attribute), fitted.p_value_
        found = permutation_test(estimator, *rows, n_permutations=N_PERMUTATIONS, random_state=0)
        return float(found), float(found.p_value or 1.0)

    return statistic if task == "statistic" else test


def _hyppo(quantity: str, task: str) -> Callable[..., tuple[float, float | None]]:
    from hyppo.independence import Hsic
    from hyppo.ksample import MMD

    kind = Hsic if quantity == "HSIC" else MMD

    def run(x: np.ndarray, y: np.ndarray) -> tuple[float, float | None]:
        if task == "statistic":
            return float(kind().statistic(x, y)), None
        found = kind().test(x, y, reps=N_PERMUTATIONS, auto=task == "fast test", workers=1)
        return float(found[0]), float(found[1])

    return run


def _dcor(quantity: str, task: str) -> Callable[..., tuple[float, float | None]]:
    import dcor

    def run(x: np.ndarray, y: np.ndarray) -> tuple[float, float | None]:
        if task == "statistic":
            one = dcor.distance_covariance_sqr if quantity == "HSIC" else dcor.energy_distance
            return float(one(x, y)), None
        if task == "fast test":
            if quantity == "MMD":
                raise NotImplementedError("dcor has no such test of two samples")
            found = dcor.independence.distance_correlation_t_test(x, y)
        elif quantity == "HSIC":
            found = dcor.independence.distance_covariance_test(
                x, y, num_resamples=N_PERMUTATIONS, random_state=0
            )
        else:
            found = dcor.homogeneity.energy_test(x, y, num_resamples=N_PERMUTATIONS, random_state=0)
        return float(found.statistic), float(found.pvalue)

    return run


def child(case: dict[str, Any]) -> None:
    """Measure one case and print it."""
    run = runner(case["quantity"], case["task"], case["package"])
    run(*data(case["quantity"], 50, case["columns"]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    x, y = data(case["quantity"], case["rows"], case["columns"])
    seconds: list[float] = []
    value, p_value = 0.0, None
    while len(seconds) < 5 and sum(seconds) < 20:
        start = time.perf_counter()
        value, p_value = run(x, y)
        seconds.append(time.perf_counter() - start)
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps({"value": value, "p": p_value, "seconds": min(seconds), "memory": memory}))


def measured(case: dict[str, Any]) -> dict[str, Any] | None:
    """One case in a process of its own with one thread; None where it cannot be done in time."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMBA")
    threads = {f"{name}_NUM_THREADS": "1" for name in names}
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", __file__, "--child", json.dumps(case)],
            env=os.environ | threads,
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"seconds": f"more than {_LONGEST:g}"}
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if done.returncode == 0 and lines else None


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(json.loads(sys.argv[2]))
        return
    arguments = parser(__doc__, PACKAGES).parse_args()
    stamp = circumstances(("numba", "hyppo", "dcor"), threads="one thread")
    results = Results("kernel", KEYS, MEASURED, quick=arguments.quick)
    results.head()
    cases = [
        (quantity, task, n, d)
        for quantity in ("HSIC", "MMD")
        for task in TASKS
        for n in (SIZES[task][:1] if arguments.quick else SIZES[task])
        for d in COLUMNS
    ]
    for quantity, task, n, d in cases:
        if not matches(arguments.only, f"{quantity} {task} {n} {d}"):
            continue
        ours = None
        for package in arguments.estimator:
            key = dict(zip(KEYS, (quantity, task, n, d, package), strict=True))
            if results.has(**key) and not arguments.again:
                ours = ours or float(results.rows(**key)[0]["seconds"] or "nan")
                continue
            found = measured(key)
            if found is None or "value" not in found:
                results.keep(key | (found or {}), stamp)
                continue
            ours = found["seconds"] if ours is None else ours
            row = key | {
                "value": number(found["value"], 5),
                "p-value": "" if found["p"] is None else number(found["p"], 3),
                "seconds": number(found["seconds"], 3),
                "memory (MB)": f"{found['memory']:.1f}",
                "times as long": f"{found['seconds'] / ours:.2f}",
            }
            results.keep(row, stamp)


if __name__ == "__main__":
    main()
