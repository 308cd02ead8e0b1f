"""Coverage of the intervals of estimators by kernels, and error rates of their tests.

Run ``python benchmarks/kernel_coverage.py``; ``--only "HSIC"`` takes a part. Laws are normal, so
that the values of the smoothed laws, or of the kernel means, are known in closed form: two samples
of 300 rows in 2 columns, 300 pairs with a correlation, and the bandwidth 0.7. Coverage is of
intervals at .9 over 400 draws (its standard error is .015), of the truth and not of the mean
estimate. "rejected" is the share of draws with a p-value of at most .05: by the gamma law, and by
199 permutations, with the median rule. Rows go into results/kernel_coverage.csv.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from _covering import correlated, of_estimates
from _results import Results, circumstances, matches, parser

from infotheory import (
    HSIC,
    MMD,
    CauchySchwarzDivergence,
    CauchySchwarzMutualInformation,
    confidence_interval,
    permutation_test,
    two_samples,
)
from infotheory.functional import gaussian_cauchy_schwarz_divergence

N, N_RUNS, WIDTH = 300, 400, 0.7
SHIFTS, CORRELATIONS = (0.0, 0.1, 0.3, 1.0), (0.0, 0.1, 0.3, 0.8)
KEYS = ("estimator", "law")
MEASURED = (
    *("truth", "mean", "mean bias told", "standard deviation", "mean standard error"),
    *("coverage", "rejected (gamma)", "rejected (permutations)"),
)


def _two(rng: np.random.Generator, shift: float) -> tuple[np.ndarray, np.ndarray]:
    return two_samples(rng.normal(size=(N, 2)), shift + rng.normal(size=(N, 2)))


def _pairs(rng: np.random.Generator, rho: float) -> tuple[np.ndarray, np.ndarray]:
    return correlated(rng, rho, N)


def _mean_kernel(covariance: list[list[float]]) -> float:
    """Of a normal vector of differences, one column a kernel."""
    matrix = np.eye(len(covariance)) + np.array(covariance) / WIDTH**2
    return float(np.linalg.det(matrix) ** -0.5)


def _cs(shift: float) -> float:
    smoothed = (1 + WIDTH**2 / 2) * np.eye(2)
    mean = np.full(2, shift)
    return float(gaussian_cauchy_schwarz_divergence(np.zeros(2), smoothed, mean, smoothed))


def _mmd(shift: float) -> float:
    w = WIDTH**2
    return 2 * w / (w + 2) * (1 - math.exp(-(shift**2) / (w + 2)))


def _cs_information(rho: float) -> float:
    a = 1 + WIDTH**2 / 2
    return math.log(a**2 - rho**2 / 4) - 0.5 * math.log(a**2 - rho**2) - math.log(a)


def _hsic(rho: float) -> float:
    joint = _mean_kernel([[2, 2 * rho], [2 * rho, 2]])
    apart = _mean_kernel([[2.0]]) ** 2
    return joint + apart - 2 * _mean_kernel([[2, rho], [rho, 2]])


def _alignment(rho: float) -> float:
    return _hsic(rho) / _hsic(1.0)


CASES: list[tuple[Any, Callable[..., Any], tuple[float, ...], Callable[[float], float]]] = [
    (CauchySchwarzDivergence(bandwidth=WIDTH), _two, SHIFTS, _cs),
    (MMD(bandwidth=WIDTH), _two, SHIFTS, _mmd),
    (MMD(bandwidth=WIDTH, estimator="biased"), _two, SHIFTS, _mmd),
    (CauchySchwarzMutualInformation(bandwidth=WIDTH), _pairs, CORRELATIONS, _cs_information),
    (HSIC(bandwidth=WIDTH), _pairs, CORRELATIONS, _hsic),
    (HSIC(bandwidth=WIDTH, estimator="unbiased"), _pairs, CORRELATIONS, _hsic),
    (HSIC(bandwidth=WIDTH, normalized=True), _pairs, CORRELATIONS, _alignment),
]


def measured(
    estimator: Any, draw: Callable[..., Any], at: float, truth: float, n_runs: int
) -> dict[str, str]:
    """One row."""
    estimates, gamma, permuted = [], 0, 0
    tested = type(estimator)()
    for seed in range(n_runs):
        X, y = draw(np.random.default_rng([seed, round(100 * at)]), at)
        estimates.append(confidence_interval(estimator, X, y))
        found = permutation_test(tested, X, y, random_state=seed)
        permuted += (found.p_value or 1.0) <= 0.05
        gamma += getattr(found.estimator, "p_value_", 1.0) <= 0.05
    has_gamma = hasattr(found.estimator, "p_value_")
    return of_estimates(estimates, truth) | {
        "rejected (gamma)": f"{gamma / n_runs:.3f}" if has_gamma else "",
        "rejected (permutations)": f"{permuted / n_runs:.3f}",
    }


def main() -> None:
    arguments = parser(__doc__, ("all",)).parse_args()
    stamp = circumstances(("numba",), threads="")
    results = Results("kernel_coverage", KEYS, MEASURED, quick=arguments.quick)
    results.head()
    for estimator, draw, places, truth in CASES:
        for at in places[:1] if arguments.quick else places:
            word = "shift" if draw is _two else "correlation"
            key = {"estimator": " ".join(repr(estimator).split()), "law": f"{word} {at:g}"}
            if not matches(arguments.only, f"{key['estimator']} {key['law']}"):
                continue
            if results.has(**key) and not arguments.again:
                continue
            runs = 4 if arguments.quick else N_RUNS
            results.keep(
                key | measured(estimator, draw, at, truth(at), runs),
                stamp,
            )


if __name__ == "__main__":
    main()
