"""Tests of streams: how often they reject without dependence, and after how many pairs with it.

Run ``python benchmarks/sequential.py``; ``--only normal`` takes a part. A pair is one row of x with
one row of y. Streams without dependence have 500 pairs, 1 000 streams of each law; those with
dependence end after 1 000 pairs, 200 streams of each. All bets are those of
SequentialIndependenceTest with its defaults (a burn-in of 10 pairs, the median bandwidth, alpha
.05), for both payoffs and the three strategies. Mean wealth is that of streams stopped where they
reject, with its standard error: 1 if the bets are fair.

Laws without dependence: two normal variables; three normal columns each; heavy tails (Cauchy); one
law that drifts beside another that changes every few bets; two fair coins. With it: normal
variables of correlation .7, .5 and .3; y = x^2 plus noise; points near a circle; variances that
move together; correlation .7 in one of three columns each.

The last rows time updates by single pairs, and one fit to all of them. Rows go into
results/sequential.csv.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
from _estimating import number, set_threads
from _results import Results, circumstances, matches, parser

PAYOFFS, STRATEGIES = ("symmetry", "hsic"), ("mixture", "ons", "agrapa")
ALPHA, BURN_IN = 0.05, 10
KEYS = ("law", "payoff", "strategy")
MEASURED = (
    "streams",
    "pairs in each",
    "share rejected",
    "mean stopped wealth",
    "its standard error",
    "median pairs",
    "90 % within",
    "CPU seconds",
)
Streams = tuple[np.ndarray, np.ndarray]


def normal(rho: float, dim: int = 1) -> Callable[..., Streams]:
    def draw(rng: np.random.Generator, s: int, n: int) -> Streams:
        x, noise = rng.normal(size=(2, s, n, dim))
        return x, rho * x + math.sqrt(1 - rho**2) * noise

    return draw


def one_of_three(rng: np.random.Generator, s: int, n: int) -> Streams:
    x, y = rng.normal(size=(2, s, n, 3))
    y[..., 0] = 0.7 * x[..., 0] + math.sqrt(1 - 0.49) * y[..., 0]
    return x, y


def heavy(rng: np.random.Generator, s: int, n: int) -> Streams:
    x, y = rng.standard_cauchy(size=(2, s, n, 1))
    return x, y


def drifting(rng: np.random.Generator, s: int, n: int) -> Streams:
    x, y = rng.normal(size=(2, s, n, 1))
    t, bet = np.arange(n)[:, None], np.arange(n)[:, None] // 2
    x = x * (1 + t / n) + 3 * t / n
    return x, y * np.where(bet % 20 < 10, 1.0, 0.3) + np.where(bet % 30 < 15, 0.0, 2.0)


def coins(rng: np.random.Generator, s: int, n: int) -> Streams:
    x, y = rng.integers(0, 2, size=(2, s, n, 1)).astype(float)
    return x, y


def parabola(rng: np.random.Generator, s: int, n: int) -> Streams:
    x, noise = rng.normal(size=(2, s, n, 1))
    return x, x**2 + noise


def circle(rng: np.random.Generator, s: int, n: int) -> Streams:
    angle = rng.uniform(0, 2 * np.pi, size=(s, n, 1))
    x, y = 0.2 * rng.normal(size=(2, s, n, 1))
    return x + np.cos(angle), y + np.sin(angle)


def common_variance(rng: np.random.Generator, s: int, n: int) -> Streams:
    x, y = rng.normal(size=(2, s, n, 1)) * np.where(rng.random((s, n, 1)) < 0.5, 1.0, 4.0)
    return x, y


NULLS = {
    "independent normal": normal(0.0),
    "independent normal, 3 + 3 columns": normal(0.0, 3),
    "independent Cauchy": heavy,
    "independent, drifting": drifting,
    "independent coins": coins,
}
ALTERNATIVES = {
    "correlation .7": normal(0.7),
    "correlation .5": normal(0.5),
    "correlation .3": normal(0.3),
    "parabola": parabola,
    "circle": circle,
    "common variance": common_variance,
    "one of 3 + 3 columns": one_of_three,
}


def log_wealths(x: np.ndarray, y: np.ndarray) -> tuple[dict[tuple[str, str], np.ndarray], float]:
    """Paths for each payoff and strategy, and the CPU seconds of the payoffs."""
    from infotheory.functional import (
        betting_log_wealth,
        independence_payoffs,
        kernel_bandwidth,
        symmetric_payoffs,
    )

    begin = time.process_time()
    widths = (kernel_bandwidth(v[:, :BURN_IN]) for v in (x, y))
    hsic = independence_payoffs(
        x, y, bandwidth_x=next(widths), bandwidth_y=next(widths), n_burn_in=BURN_IN
    )
    seconds = time.process_time() - begin
    payoffs = {"symmetry": symmetric_payoffs(hsic), "hsic": hsic}
    return {(p, s): betting_log_wealth(payoffs[p], s) for p in PAYOFFS for s in STRATEGIES}, seconds


def measured(law: Callable[..., Streams], streams: int, n: int, seed: int) -> list[dict[str, str]]:
    """A row for each payoff and strategy; streams are drawn and tested fifty at a time."""
    rng = np.random.default_rng(seed)
    paths: dict[tuple[str, str], list[np.ndarray]] = {}
    seconds = 0.0
    for start in range(0, streams, 50):
        found, spent = log_wealths(*law(rng, min(50, streams - start), n))
        seconds += spent
        for key, path in found.items():
            paths.setdefault(key, []).append(path)
    rows = []
    for (payoff, strategy), parts in paths.items():
        path = np.concatenate(parts)
        hit = path >= -math.log(ALPHA)
        rejected = hit.any(axis=1)
        first = np.where(rejected, np.argmax(hit, axis=1), path.shape[1] - 1)
        wealth = np.exp(path[np.arange(len(path)), first])
        pairs = np.where(rejected, BURN_IN + 2 * (first + 1), math.inf)
        median, ninety = (float(np.quantile(pairs, q, method="higher")) for q in (0.5, 0.9))
        rows.append(
            {
                "payoff": payoff,
                "strategy": strategy,
                "streams": str(streams),
                "pairs in each": str(n),
                "share rejected": f"{rejected.mean():.3f}",
                "mean stopped wealth": number(float(wealth.mean()), 3),
                "its standard error": number(float(wealth.std() / math.sqrt(streams)), 2),
                "median pairs": f"{median:.0f}" if math.isfinite(median) else "",
                "90 % within": f"{ninety:.0f}" if math.isfinite(ninety) else "",
                "CPU seconds": number(seconds, 2),
            }
        )
    return rows


def timed(n: int) -> list[dict[str, str]]:
    """Seconds of n pairs that do not depend, one by one and at once."""
    from infotheory import SequentialIndependenceTest

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, n, 1))
    rows = []
    for way in ("one by one", "at once"):
        test = SequentialIndependenceTest(alpha=1e-12)
        begin = time.process_time()
        if way == "at once":
            test.fit(x, y)
        else:
            for i in range(n):
                test.update(x[i], y[i])
        rows.append(
            {
                "law": f"time of {n} pairs, {way}",
                "payoff": "symmetry",
                "strategy": "mixture",
                "streams": "1",
                "pairs in each": str(n),
                "CPU seconds": number(time.process_time() - begin, 2),
            }
        )
    return rows


def main() -> None:
    arguments = parser(__doc__, ("SequentialIndependenceTest",)).parse_args()
    set_threads(quick=arguments.quick)
    results = Results("sequential", KEYS, MEASURED, quick=arguments.quick)
    results.head()
    for kind, laws in (("null", NULLS), ("alternative", ALTERNATIVES)):
        streams, n = (1000, 500) if kind == "null" else (200, 1000)
        if arguments.quick:
            streams, n = 50, 100
        for seed, (name, law) in enumerate(laws.items()):
            key = {"law": name, "payoff": PAYOFFS[0], "strategy": STRATEGIES[0]}
            if not matches(arguments.only, name) or (results.has(**key) and not arguments.again):
                continue
            for row in measured(law, streams, n, seed):
                results.keep({"law": name} | row, circumstances())
    for n in (100,) if arguments.quick else (1000, 10_000):
        if matches(arguments.only, "time"):
            for row in timed(n):
                if arguments.again or not results.has(**{k: row[k] for k in KEYS}):
                    results.keep(row, circumstances())


if __name__ == "__main__":
    main()
