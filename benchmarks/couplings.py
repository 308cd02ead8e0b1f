"""Couplings of discrete laws: entropy beside the bound that no coupling goes below, and seconds.

Run ``python benchmarks/couplings.py`` (about a minute; ``--quick`` for a few draws). It prints one
table and writes ``results/couplings.csv``. Laws are Dirichlet(1, ..., 1) draws, seeds 0, 1, 2, ...
"Excess" is above what "compared with" says, in bits; a bound may be below it.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from _results import Results, circumstances

from infotheory.functional import (
    coupling_entropy_bound,
    entropy,
    entropy_bounded_information_maximization,
    minimum_entropy_coupling,
    minimum_entropy_coupling_with_bottleneck,
)

BIT = math.log(2)
LOWER, EXACT, UPPER = "lower bound", "least entropy", "upper bound"
KEYS = ("case", "method")
MEASURED = (
    "value (bits)",
    "compared with",
    "mean excess (bits)",
    "largest excess (bits)",
    "seconds",
    "bar",
)
Row = dict[str, object]


def laws(seed: int, *sizes: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.dirichlet(np.ones(size)) for size in sizes]


def independent(p: np.ndarray, q: np.ndarray) -> float:
    return float(entropy(p) + entropy(q))


def north_west(p: np.ndarray, q: np.ndarray) -> float:
    """Both laws in descending order, and the coupling that follows them."""
    ends = np.sort([0.0, *np.cumsum(np.sort(p)[::-1]), *np.cumsum(np.sort(q)[::-1])])
    return float(entropy(np.maximum(np.diff(ends), 0.0)))


def by(method: str) -> Callable[..., float]:
    return lambda *marginals: minimum_entropy_coupling(*marginals, method=method).entropy


METHODS: dict[str, Callable[..., float]] = {
    "independent": independent,
    "sorted north-west corner": north_west,
    "max-seeking greedy": by("greedy"),
    "zero-seeking greedy": by("zero-seeking"),
    "the best (auto)": by("auto"),
}


def summary(
    case: str, method: str, values: Any, other: Any, name: str, seconds: float, bar: str = ""
) -> Row:
    excess = (np.asarray(values) - np.asarray(other)) / BIT
    return {
        "case": case,
        "method": method,
        "value (bits)": f"{np.mean(values) / BIT:.4f}",
        "compared with": name,
        # Rounding has no sign.
        "mean excess (bits)": f"{round(float(excess.mean()), 4) + 0.0:.4f}",
        "largest excess (bits)": f"{round(float(excess.max()), 4) + 0.0:.4f}",
        "seconds": f"{seconds:.2g}",
        "bar": bar,
    }


def timed(function: Callable[..., float], draws: list[list[np.ndarray]]) -> tuple[list, float]:
    """Values, and mean seconds of a call."""
    start = time.perf_counter()
    values = [function(*draw) for draw in draws]
    return values, (time.perf_counter() - start) / len(draws)


def pairs_of_fifty(quick: bool) -> Iterator[Row]:
    draws = [laws(seed, 50, 50) for seed in range(5 if quick else 100)]
    case = f"{len(draws)} pairs, 50 x 50 atoms"
    bound, seconds = timed(coupling_entropy_bound, draws)
    for name, function in METHODS.items():
        values, spent = timed(function, draws)
        bar = "mean excess under .1 bit" if name.startswith("the best") else ""
        yield summary(case, name, values, bound, LOWER, spent, bar)
    for kind in ("majorise-profile", "profile", "majorisation"):
        values, seconds = timed(lambda p, q, k=kind: coupling_entropy_bound(p, q, kind=k), draws)
        yield summary(case, f"lower bound: {kind}", values, bound, LOWER, seconds)


def small(quick: bool) -> Iterator[Row]:
    for sizes in ((3, 4), (6, 6), (2, 3, 2)):
        draws = [laws(seed, *sizes) for seed in range(10 if quick else 500)]
        case = f"{len(draws)} draws, {' x '.join(map(str, sizes))} atoms"
        exact, spent = timed(by("exact"), draws)
        yield summary(case, "exact", exact, exact, EXACT, spent)
        guarantee = "at most .53 bit" if len(sizes) == 2 else "at most 1.22 bit"
        for name in ("max-seeking greedy", "zero-seeking greedy"):
            values, spent = timed(METHODS[name], draws)
            yield summary(
                case, name, values, exact, EXACT, spent, guarantee if "max" in name else ""
            )
        values, spent = timed(coupling_entropy_bound, draws)
        yield summary(case, "lower bound: majorise-profile", values, exact, EXACT, spent)


def many(quick: bool) -> Iterator[Row]:
    n = 1000 if quick else 10_000
    for sizes in ((n, n), (50,) * 10):
        draw = laws(0, *sizes)
        shown = f"{n} x {n} atoms" if len(sizes) == 2 else "10 marginals of 50 atoms"
        bound = coupling_entropy_bound(*draw)
        for name in ("max-seeking greedy", "zero-seeking greedy", "the best (auto)"):
            values, spent = timed(METHODS[name], [draw])
            bar = "under 1 second" if len(sizes) == 2 else ""
            yield summary(shown, name, values, bound, LOWER, spent, bar)


def with_rates(quick: bool) -> Iterator[Row]:
    """Mutual information where H(T) is limited; its excess over an upper bound is negative."""
    draws = [laws(seed, 50, 50) for seed in range(5 if quick else 100)]
    for rate in (1.0, 2.0, 3.0):
        case = f"{len(draws)} draws, 50 atoms, information, rate {rate:g} bits"
        start = time.perf_counter()
        found = [entropy_bounded_information_maximization(p, rate * BIT) for p, _ in draws]
        spent = (time.perf_counter() - start) / len(draws)
        values, upper = [c.information for c in found], [c.upper_bound for c in found]
        yield summary(case, "information maximisation", values, upper, UPPER, spent)
        start = time.perf_counter()
        chains = [minimum_entropy_coupling_with_bottleneck(*pq, rate * BIT) for pq in draws]
        spent = (time.perf_counter() - start) / len(draws)
        values, upper = [c.information for c in chains], [c.upper_bound for c in chains]
        yield summary(case, "coupling with bottleneck", values, upper, UPPER, spent)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help="few draws; keeps no figures")
    quick = options.parse_args().quick
    results = Results("couplings", KEYS, MEASURED, quick=quick)
    results.head()
    for part in (pairs_of_fifty, small, many, with_rates):
        for row in part(quick):
            results.keep(row, circumstances(threads="1 thread"))


if __name__ == "__main__":
    main()
