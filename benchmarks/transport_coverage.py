"""Coverage of intervals of transport over fixed seeds, and errors of its permutation tests.

Run ``python benchmarks/transport_coverage.py`` for what is missing in the table, ``--only PATTERN``
for some cases, ``--again`` to measure them anew. Truths are closed forms of normal laws. Rows go
into results/transport_coverage.csv at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from _results import Results, circumstances, matches, parser

import infotheory
from infotheory.datasets import GaussianPair, Normal
from infotheory.functional import gaussian_sinkhorn_divergence

SEEDS, PERMUTATIONS = 200, 99
KEYS = ("what",)
MEASURED = ("figure", "measured", "runs", "truth", "bias of the value", "bias of the centre", "sd")
Sampler = Callable[[np.random.Generator], tuple[Any, Any]]


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


def correlated(rho: float, n: int) -> Sampler:
    def sample(rng: np.random.Generator) -> tuple[Any, Any]:
        x, noise = rng.normal(size=(2, n, 1))
        return x, rho * x + math.sqrt(1 - rho**2) * noise

    return sample


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
        yield Case(name, estimator, correlated(rho, 300), truth)
    for d in (1, 2, 3):
        name = f"WassersteinDivergence: {d}-d normals, shift 1, n 300 each"
        yield Case(name, infotheory.WassersteinDivergence(), two_normals(1.0, d, 300), 1.0)
    dependency, divergence = infotheory.WassersteinDependency(), infotheory.SinkhornDivergence()
    yield Case(
        "WassersteinDependency test: independent, n 100", dependency, correlated(0.0, 100), None
    )
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


def of_interval(case: Case, seed: int) -> tuple[float, float, bool]:
    X, y = case.sample(np.random.default_rng(seed))
    e = infotheory.confidence_interval(case.estimator, X, y, random_state=seed)
    assert e.interval is not None
    assert case.truth is not None
    return e.value, e.value - e.bias, e.interval[0] <= case.truth <= e.interval[1]


def of_test(case: Case, seed: int) -> bool:
    X, y = case.sample(np.random.default_rng(seed))
    words = {"n_permutations": PERMUTATIONS, "random_state": seed}
    p_value = infotheory.permutation_test(case.estimator, X, y, **words).p_value
    return p_value is not None and p_value <= 0.05


def measured(case: Case, runs: int) -> dict[str, Any]:
    if case.truth is None:
        share = float(np.mean([of_test(case, seed) for seed in range(runs)]))
        figure = "rejections at level 0.05"
        return {"what": case.what, "figure": figure, "measured": f"{share:.3f}", "runs": runs}
    found = [of_interval(case, seed) for seed in range(runs)]
    values, centres, hits = (np.array(column) for column in zip(*found, strict=True))
    return {
        "what": case.what,
        "figure": "coverage of the 90 % interval",
        "measured": f"{hits.mean():.3f}",
        "runs": runs,
        "truth": f"{case.truth:.4f}",
        "bias of the value": f"{values.mean() - case.truth:+.4f}",
        "bias of the centre": f"{centres.mean() - case.truth:+.4f}",
        "sd": f"{values.std(ddof=1):.4f}",
    }


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
