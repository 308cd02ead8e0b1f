"""Discrete entropy and mutual information: error, coverage and speed beside peers.

Run ``python benchmarks/discrete.py`` (about two minutes with infomeasure and scikit-learn
installed). It prints one table and writes ``results/discrete.csv``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from _beside import Row, write
from scipy.stats import entropy as shannon

from infotheory._xp._codes import encode_labels
from infotheory.functional._contingency import (
    discrete_mutual_information,
    discrete_mutual_information_jackknife,
    discrete_mutual_information_standard_error,
)
from infotheory.functional._counts import (
    discrete_entropy,
    discrete_entropy_jackknife,
    discrete_entropy_standard_error,
)

PACKAGES = ("numpy", "scipy", "scikit-learn", "infomeasure")
RANKS = np.arange(1, 1001)
LAWS = {
    "zipf 1000, n 200": (1.0 / RANKS, 200),
    "uniform 1000, n 200": (np.ones(1000), 200),
    "exponential 1000, n 200": (np.exp(-RANKS / 100), 200),
}
SAMPLED = {
    "linear 20, n 500": (np.arange(1.0, 21.0), 500),
    "uniform 20, n 500": (np.ones(20), 500),
    "fair coin, n 100": (np.ones(2), 100),
    "zipf 1000, n 1000": (1.0 / RANKS, 1_000),
    "zipf 1000, n 5000": (1.0 / RANKS, 5_000),
}
QUANTILE = 1.645


def diagonal(size: int, weight: float) -> np.ndarray:
    """A share ``weight`` of rows with y = x, the others independent; uniform margins."""
    return (1.0 - weight) * np.full((size, size), 1.0 / size**2) + weight * np.eye(size) / size


TABLES = {
    "independent 30 x 30, n 1000": (diagonal(30, 0.0), 1_000),
    "independent 5 x 5, n 500": (diagonal(5, 0.0), 500),
    "independent 2 x 2, n 200": (diagonal(2, 0.0), 200),
    "dependent 5 x 5, n 500": (diagonal(5, 0.4), 500),
    "dependent 30 x 30, n 1000": (diagonal(30, 0.4), 1_000),
}


def entropy_error(n_seeds: int = 100) -> Iterator[Row]:
    """Root mean square error on undersampled laws, beside infomeasure on the same draws."""
    import infomeasure

    for name, (law, n) in LAWS.items():
        p = law / law.sum()
        draws = [np.random.default_rng(seed).choice(1000, size=n, p=p) for seed in range(n_seeds)]
        counts = np.stack([np.bincount(draw, minlength=1000) for draw in draws])
        peer = np.array([infomeasure.entropy(d, approach="chao_wang_jost") for d in draws])
        peer_error = float(np.sqrt(np.mean((peer - shannon(p)) ** 2)))
        for method in ("chao-wang-jost", "plugin", "chao-shen", "grassberger"):
            miss = discrete_entropy(counts, method=method) - shannon(p)
            default = method == "chao-wang-jost"
            yield Row(
                name,
                "entropy RMSE",
                method,
                float(np.sqrt(np.mean(miss**2))),
                "infomeasure chao_wang_jost",
                peer_error,
                "at most 1.05x" if default else "",
            )
            yield Row(name, "entropy bias", method, float(np.mean(miss)))


def entropy_coverage(n_seeds: int = 200) -> Iterator[Row]:
    """Share of nominal 90 % intervals that hold the entropy, and the errors they use."""
    for name, (law, n) in {**LAWS, **SAMPLED}.items():
        p = law / law.sum()
        counts = np.stack([np.random.default_rng(s).multinomial(n, p) for s in range(n_seeds)])
        value = discrete_entropy(counts)
        jackknife = discrete_entropy_jackknife(counts)
        analytic = discrete_entropy_standard_error(counts, kind="analytic")
        coverage = float(np.mean(1.0 - np.sum(counts == 1, axis=1) / n))
        yield Row(name, "sample coverage 1 - f1/n", "", coverage)
        yield from coverage_rows(name, "entropy", value, shannon(p), analytic, jackknife)


def information_coverage(n_seeds: int = 200) -> Iterator[Row]:
    """The same for mutual information, independence included."""
    for name, (law, n) in TABLES.items():
        margins = law.sum(axis=1, keepdims=True) * law.sum(axis=0)
        truth = float(np.sum(law * np.log(law / margins)))
        pairs = []
        for seed in range(n_seeds):
            rng = np.random.default_rng(seed)
            pairs.append(np.divmod(rng.choice(law.size, size=n, p=law.ravel()), law.shape[1]))
        for method in ("plugin", "miller-madow", "grassberger", "chao-wang-jost"):
            value = np.array([discrete_mutual_information(*xy, method=method) for xy in pairs])
            bar = (
                "within .05 of 0"
                if name.startswith("independent 30") and method == "chao-wang-jost"
                else ""
            )
            yield Row(name, "information bias", method, float(value.mean()) - truth, bar=bar)
        jackknife = np.array([discrete_mutual_information_jackknife(*xy) for xy in pairs]).T
        analytic = np.array(
            [discrete_mutual_information_standard_error(*xy, kind="analytic") for xy in pairs]
        )
        yield from coverage_rows(name, "information", value, truth, analytic, jackknife)


def coverage_rows(
    name: str, what: str, value: np.ndarray, truth: float, analytic: np.ndarray, jackknife: Any
) -> Iterator[Row]:
    error, bias, interval_error = jackknife
    yield Row(name, f"{what} standard deviation", "chao-wang-jost", float(value.std()))
    for rule, centre, spread in (
        ("analytic", value, analytic),
        ("jackknife", value, error),
        ("value - bias, interval_error", value - bias, interval_error),
    ):
        covered = float(np.mean(np.abs(centre - truth) <= QUANTILE * spread))
        yield Row(name, f"{what} mean error, {rule}", "chao-wang-jost", float(spread.mean()))
        yield Row(name, f"{what} coverage, {rule}", "chao-wang-jost", covered)


def seconds(function: Callable[[], Any], n_repeats: int = 5) -> float:
    best = np.inf
    for _ in range(n_repeats):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def plugin_information(x: np.ndarray, y: np.ndarray) -> float:
    (x_codes, n_x), (y_codes, n_y) = encode_labels(x), encode_labels(y)
    return float(
        discrete_mutual_information(x_codes, y_codes, n_symbols=(n_x, n_y), method="plugin")
    )


def speed(n: int = 1_000_000) -> Iterator[Row]:
    """Raw labels to mutual information, and mutual information to its standard error."""
    import infomeasure
    from sklearn.metrics import mutual_info_score

    rng = np.random.default_rng(0)
    x = rng.integers(0, 50, n)
    y = (x + rng.integers(0, 30, n)) % 50
    names = np.array([f"label {i}" for i in range(50)])
    labels = {
        "integers": (x, y),
        "integers with gaps": (x * 10**15 + 7, y * 10**14 + 3),
        "text": (names[x], names[y]),
    }
    for kind, (a, b) in labels.items():
        ours = seconds(lambda a=a, b=b: plugin_information(a, b))
        theirs = seconds(lambda a=a, b=b: mutual_info_score(a, b), 3)
        difference = abs(plugin_information(a, b) - mutual_info_score(a, b))
        if difference > 1e-10:
            raise AssertionError(f"{kind}: differs from scikit-learn by {difference}")
        bar = "at most 0.5x" if kind.startswith("integers") else ""
        case = f"50 x 50, {n} rows, {kind}"
        yield Row(case, "information seconds", "plugin", ours, "scikit-learn", theirs, bar)
    theirs = seconds(lambda: infomeasure.mutual_information(x, y, approach="discrete"), 2)
    ours = seconds(lambda: plugin_information(x, y))
    case = f"50 x 50, {n} rows, integers"
    yield Row(case, "information seconds", "plugin", ours, "infomeasure", theirs)
    ours = seconds(lambda: discrete_mutual_information_jackknife(x, y, n_symbols=(50, 50)))
    yield Row(case, "information and jackknife seconds", "chao-wang-jost", ours)
    wide = [rng.integers(0, 10_000, n) for _ in range(2)]
    ours = seconds(lambda: plugin_information(*wide), 3)
    theirs = seconds(lambda: mutual_info_score(*wide), 2)
    case = f"10 000 x 10 000, {n} rows, integers"
    yield Row(case, "information seconds", "plugin", ours, "scikit-learn", theirs)
    theirs = seconds(lambda: infomeasure.entropy(x, approach="chao_wang_jost"), 2)
    ours = seconds(lambda: discrete_entropy(np.bincount(encode_labels(x)[0])))
    case = f"50 categories, {n} rows, integers"
    yield Row(case, "entropy seconds", "chao-wang-jost", ours, "infomeasure", theirs)


def main() -> None:
    logging.disable(logging.WARNING)  # infomeasure speaks of every table without singletons
    write("discrete", PACKAGES, (speed, entropy_error, entropy_coverage, information_coverage))


if __name__ == "__main__":
    main()
