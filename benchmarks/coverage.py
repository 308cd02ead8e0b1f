"""Coverage of 90 % intervals and error rates of tests at level 0.05, over fixed seeds.

Run ``python benchmarks/coverage.py`` for the full table (about half an hour on two cores), or
``--only NAME`` for some cases. Each case replaces its row in benchmarks/results/coverage.csv.
"""

from __future__ import annotations

if __name__ == "coverage":
    # numba, run from a script in this folder, asks for the package of that name.
    raise ImportError("this is a script, not the package named coverage")

import argparse
import csv
import datetime
import math
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
from _covering import Sampler, covers, of_intervals, of_tests, pairs, rejects
from joblib import Parallel, delayed

import infotheory
from infotheory import datasets

RESULTS = Path(__file__).parent / "results" / "coverage.csv"
FIELDS = (
    *("what", "figure", "measured", "runs", "truth", "bias of the value", "bias of the centre"),
    *("sd", "date", "versions", "machine"),
)


def normal(d: int, n: int) -> Sampler:
    return lambda rng: (rng.normal(size=(n, d)),)


def symbols(p: np.ndarray, n: int) -> Sampler:
    p = p / p.sum()
    return lambda rng: (rng.choice(len(p), size=(n, 1), p=p),)


def entropy_of(p: np.ndarray) -> float:
    p = p / p.sum()
    return float(-p @ np.log(p))


def two_normals(shift: float, scale: float, d: int, n: int) -> Sampler:
    def sample(rng: np.random.Generator) -> tuple[Any, ...]:
        return infotheory.two_samples(
            rng.normal(size=(n, d)), shift + scale * rng.normal(size=(n, d))
        )

    return sample


def normal_kl(shift: float, scale: float, d: int) -> float:
    return d * (0.5 * (1 + shift**2) / scale**2 - 0.5 + math.log(scale))


def labelled(n: int) -> tuple[Sampler, float]:
    law = datasets.LabelledMixture(datasets.GaussianMixture([0.5, 0.3, 0.2], [0.0, 2.0, 5.0]))

    def sample(rng: np.random.Generator) -> tuple[Any, ...]:
        x, y = law.sample(n, rng)
        return np.asarray(x, dtype=float), np.asarray(y).astype(int)

    return sample, law.mutual_information


def dependent_table(n: int) -> tuple[Sampler, float]:
    joint = np.full((5, 5), 0.02) + 0.1 * np.eye(5)
    joint /= joint.sum()
    truth = float(np.sum(joint * np.log(joint / np.outer(joint.sum(1), joint.sum(0)))))

    def sample(rng: np.random.Generator) -> tuple[Any, ...]:
        cell = rng.choice(25, size=(n, 1), p=joint.ravel())
        return cell // 5, cell % 5

    return sample, truth


def interval_cases() -> list[tuple[str, Any, Sampler, float]]:
    it = infotheory
    ramp, flat = np.arange(1.0, 21.0), np.ones(20)
    zipf, even, falling = 1 / np.arange(1, 1001), np.ones(1000), np.exp(-np.arange(1000) / 100)
    unit = 0.5 * math.log(2 * math.pi * math.e)
    auto = it.KSG(margins="gaussianize")
    cases: list[tuple[str, Any, Sampler, float]] = []
    for rho in (0.0, 0.75, 0.95):
        truth = -0.5 * math.log(1 - rho**2)
        name = f"1+1-d normal, rho {rho}, n 1000"
        cases.append((f"KSG: {name}", it.KSG(), pairs(rho, 1000), truth))
        cases.append((f"KSG on normal scores: {name}", auto, pairs(rho, 1000), truth))
    cases += [
        (
            f"NeighborsEntropy: {d}-d normal, n 1000",
            it.NeighborsEntropy(),
            normal(d, 1000),
            d * unit,
        )
        for d in (1, 3)
    ]
    for name, p, n in (
        ("20 categories, p ~ 1..20, n 500", ramp, 500),
        ("20 categories, uniform, n 500", flat, 500),
        ("1000 categories, p ~ 1/i, n 200", zipf, 200),
        ("1000 categories, uniform, n 200", even, 200),
        ("1000 categories, p ~ exp(-i/100), n 200", falling, 200),
    ):
        cases.append(
            (f"DiscreteEntropy: {name}", it.DiscreteEntropy(), symbols(p, n), entropy_of(p))
        )
    table, truth = dependent_table(500)
    cases.append(
        ("DiscreteMutualInformation: 5 x 5, n 500", it.DiscreteMutualInformation(), table, truth)
    )
    mixture, truth = labelled(1000)
    cases.append(("MixedKSG: normal mixture against label, n 1000", it.MixedKSG(), mixture, truth))
    for rho in (0.0, 0.6, 0.95):
        truth = -0.5 * math.log(1 - rho**2)
        cases.append(
            (
                f"GaussianMutualInformation: rho {rho}, n 500",
                it.GaussianMutualInformation(),
                pairs(rho, 500),
                truth,
            )
        )
    cases += [
        ("GaussianEntropy: 3-d normal, n 200", it.GaussianEntropy(), normal(3, 200), 3 * unit),
        (
            "GaussianDivergence: 2-d normals, n 200 each",
            it.GaussianDivergence(),
            two_normals(0.5, 1.5, 2, 200),
            normal_kl(0.5, 1.5, 2),
        ),
    ]
    for shift, scale in ((1.0, 1.0), (0.5, 1.5), (0.0, 1.0)):
        cases.append(
            (
                f"NeighborsDivergence: 2-d normals, shift {shift}, scale {scale}, n 1000 each",
                it.NeighborsDivergence(),
                two_normals(shift, scale, 2, 1000),
                normal_kl(shift, scale, 2),
            )
        )
    return cases


def confounded(model: str, d: int, n: int) -> Sampler:
    """x and y independent given z of ``d`` columns."""

    def sample(rng: np.random.Generator) -> tuple[Any, ...]:
        z = rng.normal(size=(n, d))
        if model == "linear":
            fx = fy = z.sum(axis=1) / math.sqrt(d)
            spread: Any = 1.0
        elif model == "nonlinear":
            fx = np.sin(2 * z[:, 0]) + (z[:, 1:] ** 2 - 1).sum(axis=1) / 2
            fy, spread = np.cos(z).sum(axis=1) + z[:, 0], 1.0
        else:
            fx = fy = z.sum(axis=1) / math.sqrt(d)
            spread = np.exp(0.5 * z[:, 0])
        x, y = (f + spread * rng.normal(size=n) for f in (fx, fy))
        return x.reshape(-1, 1), y.reshape(-1, 1), z

    return sample


def null_cases() -> list[tuple[str, Any, Sampler]]:
    it = infotheory
    ksg = it.KSG(margins="gaussianize")
    cases: list[tuple[str, Any, Sampler]] = [
        ("independence, KSG: normal, n 200", ksg, pairs(0.0, 200)),
        (
            "independence, discrete: 5 x 5, n 200",
            it.DiscreteMutualInformation(),
            lambda rng: (rng.integers(5, size=(200, 1)), rng.integers(5, size=(200, 1))),
        ),
        (
            "equal laws, NeighborsDivergence js: 2-d",
            it.NeighborsDivergence(kind="js"),
            two_normals(0.0, 1.0, 2, 100),
        ),
    ]
    for model in ("linear", "nonlinear", "heteroscedastic"):
        for d in (1, 4):
            name = f"conditional independence, KSG: {model} in z of {d}, n 400"
            cases.append((name, ksg, confounded(model, d, 400)))
    return cases


def keep(row: dict[str, Any], start: float) -> None:
    """Print the row, and put it into the table on disk in place of an older one of its case."""
    print(*row.values(), f"{time.perf_counter() - start:.0f} s", sep=" | ", flush=True)
    row |= {
        "date": datetime.date.today().isoformat(),
        "versions": f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy "
        f"{scipy.__version__}, scikit-learn {sklearn.__version__}",
        "machine": "2-core x86-64, CPU",
    }
    rows = {}
    if RESULTS.exists():
        with RESULTS.open(newline="") as file:
            rows = {old["what"]: old for old in csv.DictReader(file)}
    rows[row["what"]] = row
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=FIELDS, restval="")
        writer.writeheader()
        writer.writerows(rows.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="seeds for each interval")
    parser.add_argument("--nulls", type=int, default=300, help="seeds for each test")
    parser.add_argument("--only", default="", help="run the cases whose name contains this")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    for name, estimator, sample, truth in interval_cases():
        if arguments.only not in name:
            continue
        start = time.perf_counter()
        runs = Parallel(n_jobs=arguments.jobs)(
            delayed(covers)(estimator, sample, truth, seed) for seed in range(arguments.runs)
        )
        keep(of_intervals(name, runs, truth), start)
    for name, estimator, sample in null_cases():
        if arguments.only not in name:
            continue
        start = time.perf_counter()
        rejections = Parallel(n_jobs=arguments.jobs)(
            delayed(rejects)(estimator, sample, seed) for seed in range(arguments.nulls)
        )
        keep(of_tests(name, rejections), start)


if __name__ == "__main__":
    main()
