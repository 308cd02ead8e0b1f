"""Laws on which an estimator can go wrong unseen: heavy tails, images, signs; n = 10 000.

Run ``python benchmarks/robustness.py``; ``--only images`` and ``--estimator`` take a part. Every
row goes into results/robustness.csv at once, and a later run leaves out those that are there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from _estimating import known, measure, number, set_threads
from _results import Results, matches, parser
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import logsumexp

from infotheory.datasets import GaussianBlob, NormalCdf, Task, correlated_normals

ESTIMATORS = ("auto", "minde", "ksg", "mine")
KEYS = ("law", "estimator", "n", "seed")
MEASURED = (
    *("columns", "truth", "value", "standard error", "lower", "upper", "covers", "error"),
    *("seconds", "chosen"),
)
Sample = tuple[np.ndarray, np.ndarray]


class Law(NamedTuple):
    """A pair of samples with known information, by the number of rows and the seed."""

    name: str
    truth: float
    sample: Callable[[int, int], Sample]


def heavy_tails(n: int, seed: int) -> Sample:
    """Student columns without variance, and log-normal ones that know nothing of them."""
    rng = np.random.default_rng(seed)
    return rng.standard_t(1.5, size=(n, 5)), rng.lognormal(size=(n, 5))


def images() -> Task:
    """Two 16 x 16 pictures, each of one blob, whose centres are correlated 0.9 as normal scores."""
    draw = (NormalCdf(), GaussianBlob())
    return Task(correlated_normals([0.9, 0.9]), transforms_x=draw, transforms_y=draw)


def sign_flips(n: int, seed: int, rho: float = 0.9) -> Sample:
    """y = s rho x + noise with a random sign s: uncorrelated, and far from independent."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    sign = rng.choice([-1.0, 1.0], size=(n, 3))
    return x, sign * rho * x + math.sqrt(1 - rho**2) * rng.normal(size=(n, 3))


def sign_flip_information(rho: float = 0.9) -> float:
    """One column of it by quadrature: h(y) - h(y | x), where y is standard normal."""
    spread = math.sqrt(1 - rho**2)
    x, weight = hermegauss(200)
    weight = weight / weight.sum()
    # The law of y given x is symmetric; its positive half is sampled by the same rule.
    y = rho * x[:, None] + spread * x[None, :]
    exponents = np.stack([-0.5 * ((y + s * rho * x[:, None]) / spread) ** 2 for s in (-1, 1)])
    log_density = logsumexp(exponents, axis=0) - math.log(2 * spread * math.sqrt(2 * math.pi))
    given = -float(weight @ log_density @ weight)
    return 0.5 * math.log(2 * math.pi * math.e) - given


def laws() -> list[Law]:
    """The three laws with their truths."""
    flips = 3 * sign_flip_information()
    assert abs(flips - 1.225) < 5e-4
    blobs = images()
    return [
        Law("heavy tails: Student 1.5 against log-normal, independent", 0.0, heavy_tails),
        Law("images: blobs at correlated places", blobs.mutual_information, blobs.sample),
        Law("sign flips: y = s 0.9 x + noise", flips, sign_flips),
    ]


def main() -> None:
    options = parser(__doc__, ESTIMATORS)
    options.add_argument("--seed", type=int, default=0, help="of every sample")
    arguments = options.parse_args()
    set_threads(quick=arguments.quick)
    n, seed, quick = 300 if arguments.quick else 10_000, arguments.seed, arguments.quick
    results = Results("robustness", KEYS, MEASURED, quick=quick)
    estimators = known(arguments.estimator)
    results.head()
    for law in laws():
        if not matches(arguments.only, law.name):
            continue
        X, y = law.sample(n, seed)
        for name in estimators:
            key = {"law": law.name, "estimator": name, "n": n, "seed": seed}
            if results.has(**key) and not arguments.again:
                continue
            found = measure(name, X, y, seed, quick=quick)
            if found is None:
                continue
            results.keep(
                {
                    **key,
                    "columns": f"{X.shape[1]} + {y.shape[1]}",
                    "truth": number(law.truth),
                    **found.cells(law.truth),
                }
            )


if __name__ == "__main__":
    main()
