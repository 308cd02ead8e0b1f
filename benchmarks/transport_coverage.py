"""Coverage of intervals of transport over fixed seeds, and errors of its permutation tests.

Run ``python benchmarks/transport_coverage.py`` for what is missing in the table, ``--only PATTERN``
for some cases, ``--again`` to measure them anew. Truths are closed forms of normal laws. Rows go
into results/transport_coverage.csv at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from _covering import Sampler, covers, of_intervals, of_tests, pairs, rejects
from _results import Results, circumstances, matches, parser

import infotheory
from infotheory.datasets import GaussianPair, Normal
from infotheory.functional import gaussian_sinkhorn_divergence

SEEDS = 200
KEYS = ("what",)
MEASURED = ("figure", "measured", "runs", "truth", "bias of the value", "bias of the centre", "sd")


class Case(NamedTuple):
    """An estimator and what it is tried on; a truth for an interval, else a test."""

    what: str
    estimator: Any
    sample: Sampler
    truth: float | None


def laws(d: int, shift: float) -> tuple[Normal, Normal]:
    """A standard normal law, and one that is shifted and scaled along each axis."""
    scales = np.geomspace(0.5, 2, d) if d > 1 else np.ones(1)
    return Normal(np.zeros(d)), Normal(np.full(d, shift / math.sqrt(d)), np.diag(scales))


def mean_cost(d: int) -> float:
    return float(d + np.trace(laws(d, 0.7)[1].covariance) + 0.49) / 2


def spread(d: int) -> float:
    """Of the costs, a tenth of which is the default epsilon of Sinkhorn."""
    return math.sqrt(np.trace(laws(d, 0.7)[1].covariance))


def of_pair(
    d: int, epsilon: float, n: int, m: int | None = None
) -> tuple[GaussianPair, Sampler, Sampler]:
    """A pair of laws at this epsilon, as a plan and as two samples."""
    source, target = laws(d, 0.7)
    pair = GaussianPair(source, target, epsilon)

    def draw(rng: np.random.Generator) -> tuple[Any, Any]:
        return source.sample(n, rng), target.sample(m or n, rng)

    return pair, draw, lambda rng: infotheory.two_samples(*draw(rng))


def squared(n: int) -> Sampler:
    """Uncorrelated, and yet y depends on x."""

    def sample(rng: np.random.Generator) -> tuple[Any, Any]:
        x, noise = rng.normal(size=(2, n, 1))
        return x, x**2 / 2 + noise

    return sample


def circle(n: int) -> Sampler:
    def sample(rng: np.random.Generator) -> tuple[Any, Any]:
        angle = rng.uniform(0, 2 * math.pi, size=(n, 1))
        x, y = (f(angle) + 0.3 * rng.normal(size=(n, 1)) for f in (np.cos, np.sin))
        return x, y

    return sample


def two_normals(shift: float, d: int, n: int) -> Sampler:
    def sample(rng: np.random.Generator) -> tuple[Any, Any]:
        away = shift * np.eye(d)[0]
        return infotheory.two_samples(rng.normal(size=(n, d)), away + rng.normal(size=(n, d)))

    return sample


def cases() -> Iterator[Case]:
    for d, share, n in (
        *((1, 0.05, 300), (2, 0.05, 300), (3, 0.05, 300), (1, 0.2, 300), (3, 0.2, 300)),
        *((2, 0.05, 1000), (3, 0.05, 1000)),
    ):
        pair, source_and_target, labelled = of_pair(d, share * mean_cost(d), n)
        name = f"{d}-d normals, n {n} each, epsilon {share:g} of the mean cost"
        divergence = infotheory.SinkhornDivergence(epsilon=pair.epsilon)
        yield Case(f"SinkhornDivergence: {name}", divergence, labelled, pair.sinkhorn_divergence)
        if n == 300:
            value = infotheory.Sinkhorn(epsilon=pair.epsilon)
            yield Case(f"Sinkhorn value: {name}", value, source_and_target, pair.value)
    for d, share, n in ((1, 0.1, 300), (5, 0.1, 300), (10, 0.1, 300), (10, 0.1, 600), (10, 1, 300)):
        pair, source_and_target, _ = of_pair(d, share * spread(d), n, 300)
        name = f"{d}-d normals, n {n} and 300, epsilon {share:g} of the spread"
        value = infotheory.Sinkhorn(epsilon=pair.epsilon)
        yield Case(f"Sinkhorn value: {name}", value, source_and_target, pair.value)
    for rho in (0.0, 0.5, 0.8):
        sigma = np.array([[1.0, rho], [rho, 1.0]])
        origin, apart = np.zeros(2), np.eye(2)
        truth = float(gaussian_sinkhorn_divergence(origin, sigma, origin, apart, 0.2))
        estimator = infotheory.WassersteinDependency(epsilon=0.2, cost="half-sqeuclidean")
        name = f"WassersteinDependency: 1+1-d normal, rho {rho:g}, n 300, squared cost"
        yield Case(name, estimator, pairs(rho, 300), truth)
    for d in (1, 2, 3):
        name = f"WassersteinDivergence: {d}-d normals, shift 1, n 300 each"
        yield Case(name, infotheory.WassersteinDivergence(), two_normals(1.0, d, 300), 1.0)
    dependency, divergence = infotheory.WassersteinDependency(), infotheory.SinkhornDivergence()
    yield Case("WassersteinDependency test: independent, n 100", dependency, pairs(0.0, 100), None)
    yield Case(
        "WassersteinDependency test: y = x^2 / 2 + noise, n 100", dependency, squared(100), None
    )
    yield Case("WassersteinDependency test: noisy circle, n 100", dependency, circle(100), None)
    yield Case(
        "SinkhornDivergence test: equal laws, 2-d, n 60 each",
        divergence,
        two_normals(0.0, 2, 60),
        None,
    )


def measured(case: Case, runs: int) -> dict[str, Any]:
    what, estimator, sample, truth = case
    if truth is None:
        return of_tests(what, [rejects(estimator, sample, seed) for seed in range(runs)])
    found = [covers(estimator, sample, truth, seed) for seed in range(runs)]
    return of_intervals(what, found, truth)


def main() -> None:
    arguments = parser(__doc__, []).parse_args()
    results = Results("transport_coverage", KEYS, MEASURED, quick=arguments.quick)
    results.head()
    stamp = circumstances(("pot",))
    for case in cases():
        known = results.has(what=case.what) and not arguments.again
        if known or not matches(arguments.only, case.what):
            continue
        results.keep(measured(case, 3 if arguments.quick else SEEDS), stamp)


if __name__ == "__main__":
    main()
