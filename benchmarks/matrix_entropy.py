"""Matrix entropies of many rows: exact, approximate, and the nuclear-norm surrogate.

Run ``python benchmarks/matrix_entropy.py``; ``--only "alpha = 1"`` or ``--only surrogate`` takes a
part. One thread; seconds are those of the processor, which other processes do not lengthen.

Kernel rows: the Gram matrix of a Gaussian kernel (bandwidth 2) at 5 000 draws of a normal law in 5
columns. "exact" is numpy.linalg.eigvalsh of that matrix and its entropy; "plain lanczos" are random
vectors and Lanczos quadrature without a low-rank part. The others are ours, from the matrix or,
where it says so, from the rows without it; seconds from the matrix do not count making it. "off" is
the relative difference from the exact value and "claimed" the relative error that the method says
it may have, both in per cent: the worst of the seeds for "off", the mean for "claimed". "covered"
counts the seeds whose error covers. "times faster" is against "exact" of the same run.

Surrogate rows: activations of the widths of language models, 512 tokens, of a spectrum that decays
as 1 / k. Seconds of the metric alone, without a model: the matrix entropy of the tokens, the
nuclear norm and its surrogate from column lengths, and the value of each. The matrix entropy is
ours, from the smaller of the two Gram matrices; in the last row it is from the one of the width of
the model. Rows go into results/matrix_entropy.csv.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from _estimating import number
from _results import Results, circumstances, matches, parser

N, DIM, BANDWIDTH, N_SEEDS = 5000, 5, 2.0, 3
ALPHAS = (1.0, 1.5, 2.0)
WIDTHS = (768, 2048, 4096)
TOKENS = 512
KEYS = ("case", "method")
MEASURED = ("value", "off %", "claimed %", "covered", "rank", "seconds", "times faster")


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.process_time()
    found = call()
    return found, time.process_time() - begin


def kernel_rows(results: Results, only: str, again: bool, quick: bool) -> None:
    from infotheory.functional import (
        approximate_matrix_entropy,
        gaussian_gram,
        gaussian_matrix_entropy,
        matrix_entropy,
    )
    from infotheory.functional._spectrum import entropy_of_spectrum

    n = 500 if quick else N
    X = np.random.default_rng(0).normal(size=(n, DIM))
    cases = [f"alpha = {alpha:g}" for alpha in ALPHAS]
    cases = [case for case in cases if matches(only, case)]
    cases = [case for case in cases if again or not results.has(case=case, method="fourier, rows")]
    if not cases:
        return
    K = gaussian_gram(X, bandwidth=BANDWIDTH)
    spectrum, of_all = timed(lambda: np.linalg.eigvalsh(K / n))
    spectrum = np.where(spectrum > 0, spectrum, 0.0)

    for case in cases:
        alpha = float(case.split()[-1])
        value = float(entropy_of_spectrum(spectrum, alpha))
        keep(results, case, "exact", value, 0.0, "", "", n, of_all, 1.0)
        if alpha == 2:
            found, seconds = timed(lambda: matrix_entropy(K, 2))
            off = abs(float(found) / value - 1)
            keep(results, case, "sum of squares", float(found), off, "", "", "", seconds, of_all)
        ways: dict[str, Callable[[int], Any]] = {}
        method: Any
        for method, name in (
            ("lanczos", "plain lanczos"),
            ("low-rank", "low rank"),
            ("hutch++", "hutch++"),
            ("chebyshev", "chebyshev"),
        ):
            ways[name] = lambda seed, method=method, alpha=alpha: approximate_matrix_entropy(
                K, alpha, method=method, seed=seed
            )
        for method, name in (("low-rank", "low rank, rows"), ("fourier", "fourier, rows")):
            ways[name] = lambda seed, method=method, alpha=alpha: gaussian_matrix_entropy(
                X, alpha, bandwidth=BANDWIDTH, method=method, seed=seed
            )
        for name, way in ways.items():
            seeds = range(1 if name == "chebyshev" else N_SEEDS)  # it takes as long as it says
            runs = [timed(lambda seed=seed, way=way: way(seed)) for seed in seeds]
            values = np.array([float(found.value) for found, _ in runs])
            claimed = np.array([found.error for found, _ in runs])
            off = np.abs(values - value)
            seconds = float(np.median([s for _, s in runs]))
            keep(
                results,
                case,
                name,
                float(values[0]),
                float(np.max(off)) / value,
                number(100 * float(np.mean(claimed)) / value, 2),
                f"{int(np.sum(off <= claimed))} of {len(runs)}",
                runs[0][0].rank,
                seconds,
                of_all,
            )


def keep(
    results: Results,
    case: str,
    method: str,
    value: float,
    off: float,
    claimed: str,
    covered: str,
    rank: object,
    seconds: float,
    of_exact: float,
) -> None:
    faster = 1.0 if method == "exact" else of_exact / seconds
    row = {
        "case": case,
        "method": method,
        "value": f"{value:.4f}",
        "off %": f"{100 * off:.2g}",
        "claimed %": claimed,
        "covered": covered,
        "rank": rank,
        "seconds": number(seconds, 2),
        "times faster": number(faster, 2),
    }
    results.keep(row, circumstances(threads="one thread"))


def wide_entropy(Z: np.ndarray) -> float:
    """As it is usually computed: by the eigenvalues of the matrix of the width of the model."""
    from infotheory.functional import normalized_tokens
    from infotheory.functional._spectrum import entropy_of_spectrum

    tokens = normalized_tokens(Z)
    spectrum = np.linalg.eigvalsh(tokens.T @ tokens / len(tokens))
    spectrum = np.where(spectrum > 0, spectrum, 0.0)
    return float(entropy_of_spectrum(spectrum)) / np.log(Z.shape[1])


def surrogates(results: Results, only: str, again: bool, quick: bool) -> None:
    from infotheory.functional import (
        matrix_nuclear_norm,
        normalized_tokens,
        nuclear_norm,
        token_matrix_entropy,
    )

    for width in WIDTHS[:1] if quick else WIDTHS:
        case = f"surrogate, {TOKENS} tokens, width {width}"
        if not matches(only, case) or (results.has(case=case, method="surrogate") and not again):
            continue
        rng = np.random.default_rng(width)
        scales = 1 / np.arange(1, width + 1)
        axes = np.linalg.qr(rng.normal(size=(width, min(width, TOKENS))))[0]
        Z = (rng.normal(size=(TOKENS, axes.shape[1])) * scales[: axes.shape[1]]) @ axes.T
        measures: dict[str, Callable[[], Any]] = {
            "matrix entropy": lambda Z=Z: token_matrix_entropy(Z),
            "nuclear norm a token": lambda Z=Z: nuclear_norm(normalized_tokens(Z)) / TOKENS,
            "surrogate": lambda Z=Z: matrix_nuclear_norm(Z),
            "matrix entropy of the wide matrix": lambda Z=Z: wide_entropy(Z),
        }
        of_entropy = 0.0
        for name, measure in measures.items():
            runs = [timed(measure) for _ in range(1 if "wide" in name else 5)]
            seconds = float(np.median([s for _, s in runs]))
            of_entropy = of_entropy or seconds
            row = {
                "case": case,
                "method": name,
                "value": f"{float(runs[0][0]):.4f}",
                "seconds": number(seconds, 2),
                "times faster": number(of_entropy / seconds, 2),
            }
            results.keep(row, circumstances(threads="one thread"))


def main() -> None:
    arguments = parser(__doc__, ("matrix_entropy",)).parse_args()
    results = Results("matrix_entropy", KEYS, MEASURED, quick=arguments.quick)
    results.head()
    surrogates(results, arguments.only, arguments.again, arguments.quick)
    kernel_rows(results, arguments.only, arguments.again, arguments.quick)


if __name__ == "__main__":
    main()
