"""Coverage of the intervals of matrix entropies and of the information made of them.

Run ``python benchmarks/spectral_coverage.py``; ``--only "MatrixEntropy"`` takes a part. Rows are
normal, so that the eigenvalues of the law under a Gaussian kernel are known: they are geometric,
and those of independent columns multiply. Those of the directions of rows, for the von Neumann
entropy, are integrals; columns have variance 1, or variances that fall to a hundredth. Coverage is
of intervals at .9 over 200 draws (its standard error is .02), of the value of the law. Rows go into
results/spectral_coverage.csv.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from _covering import correlated, of_estimates
from _results import Results, circumstances, matches, parser
from scipy.integrate import quad

from infotheory import (
    MatrixEntropy,
    MatrixMutualInformation,
    VonNeumannEntropy,
    confidence_interval,
)

N_RUNS = 200
ENTROPY_WIDTH, INFORMATION_WIDTH = 1.5, 1.0
KEYS = ("estimator", "law", "rows")
MEASURED = (
    *("truth", "mean", "mean bias told", "standard deviation", "mean standard error"),
    *("without interval", "coverage"),
)


def entropy_of_a_normal_column(variance: float, width: float, alpha: float) -> float:
    """Of the operator with the Gaussian kernel under N(0, variance)."""
    a, b = 1 / (4 * variance), 1 / (2 * width**2)
    c = math.sqrt(a * a + 2 * a * b)
    eigenvalues = math.sqrt(2 * a / (a + b + c)) * (b / (a + b + c)) ** np.arange(400)
    if alpha == 1:
        kept = eigenvalues[eigenvalues > 0]
        return float(-np.sum(kept * np.log(kept)))
    return float(np.log(np.sum(eigenvalues**alpha)) / (1 - alpha))


def information_of_a_normal_pair(rho: float, alpha: float) -> float:
    """The kernel of the pair is a product along any axes, so along those of the law."""
    one, *both = (
        entropy_of_a_normal_column(v, INFORMATION_WIDTH, alpha) for v in (1.0, 1 + rho, 1 - rho)
    )
    return 2 * one - sum(both)


def entropy_of_normal_directions(variances: np.ndarray) -> float:
    """Of the mean of z z^T over its trace, for normal rows z: 1 / |z|^2 is an integral of exps."""

    def share(variance: float) -> float:
        def inner(u: float) -> float:
            t = u / (1 - u)
            rest = np.exp(-np.sum(np.log1p(2 * variances * t)) / 2)
            return variance / (1 + 2 * variance * t) * rest / (1 - u) ** 2

        return quad(inner, 0, 1)[0]

    shares = np.array([share(v) for v in variances])
    return float(-np.sum(shares * np.log(shares)))


def falling(d: float) -> np.ndarray:
    return np.geomspace(1, 0.01, int(d))


def _falling_columns(rng: np.random.Generator, n: int, d: float) -> tuple[np.ndarray, ...]:
    return (rng.normal(size=(n, int(d))) * np.sqrt(falling(d)),)


def _columns(rng: np.random.Generator, n: int, d: float) -> tuple[np.ndarray, ...]:
    return (rng.normal(size=(n, int(d))),)


def _pairs(rng: np.random.Generator, n: int, rho: float) -> tuple[np.ndarray, ...]:
    return correlated(rng, rho, n)


def cases() -> list[tuple[Any, Any, str, float, float]]:
    """Estimator, draws, the name of the law, its parameter, and the truth."""
    found: list[tuple[Any, Any, str, float, float]] = []
    for alpha in (0.5, 1, 1.01, 2):
        model = MatrixEntropy(alpha=alpha, bandwidth=ENTROPY_WIDTH)
        one = entropy_of_a_normal_column(1.0, ENTROPY_WIDTH, alpha)
        found += [(model, _columns, f"normal in {d} columns", d, d * one) for d in (1, 3)]
    for alpha in (1, 1.01, 2):
        model = MatrixMutualInformation(alpha=alpha, bandwidth=INFORMATION_WIDTH)
        found += [
            (model, _pairs, f"correlation {rho:g}", rho, information_of_a_normal_pair(rho, alpha))
            for rho in (0.0, 0.7)
        ]
    for d in (3, 10, 20):
        law = f"normal in {d} columns"
        even, uneven = (entropy_of_normal_directions(v) for v in (np.ones(d), falling(d)))
        found += [
            (VonNeumannEntropy(), _columns, law, d, even),
            (VonNeumannEntropy(), _falling_columns, f"{law}, falling", d, uneven),
        ]
    return found


def measured(case: tuple[Any, Any, str, float, float], n: int, n_runs: int) -> dict[str, str]:
    """One row."""
    model, draw, _, at, truth = case
    estimates = [
        confidence_interval(model, *draw(np.random.default_rng(seed), n, at))
        for seed in range(n_runs)
    ]
    return of_estimates(estimates, truth)


def main() -> None:
    arguments = parser(__doc__, ("all",)).parse_args()
    results = Results("spectral_coverage", KEYS, MEASURED, quick=arguments.quick)
    results.head()
    for case in cases():
        for n in (100, 300):
            key = {"estimator": repr(case[0]), "law": case[2], "rows": n}
            if not matches(arguments.only, f"{key['estimator']} {case[2]} {n}"):
                continue
            if arguments.again or not results.has(**key):
                runs = 4 if arguments.quick else N_RUNS
                results.keep(key | measured(case, n, runs), circumstances())


if __name__ == "__main__":
    main()
