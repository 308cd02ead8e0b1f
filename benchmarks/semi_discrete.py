"""How the error of the semi-discrete map falls with the rows it is fitted to, in many columns.

Run ``python benchmarks/semi_discrete.py``; ``--only "d = 10"`` takes a part. The source is the
standard normal law in d columns. The target are 30 points, drawn once from it, and their weights
are the masses of the cells of a potential that was drawn too: that makes the optimal map known.
Cells of less than a hundredth of the mass are left out. The masses are by 2^22 draws, in the 29
directions that count, which is a hundredth or less of the error at the most rows. SemiDiscrete is
fitted, with its defaults, to n rows.

The error is the mean of |T_n(x) - T(x)|^2 over 2^16 new draws, over the variance of the target:
that of the hard map. Slopes are of a line through the logarithms of the errors of all fits against
ln n, with their standard errors; the theory has -1/2. Rows go into results/semi_discrete.csv.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
from _estimating import number, set_threads
from _results import Results, circumstances, matches, parser

DIMS = (10, 50, 100)
SIZES = (512, 1024, 2048, 4096, 8192, 16384, 32768)
N_SEEDS = 6
N_POINTS, LEAST_MASS = 30, 0.01
KEYS = ("columns", "rows")
MEASURED = ("error", "standard error", "seconds a fit", "slope", "its standard error")


def problem(d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, their offsets and their weights: T(x) maximises <x, y_j> + offset_j."""
    rng = np.random.default_rng(d)
    points = rng.normal(size=(N_POINTS, d))
    # Half as wide as the products <x, y_j> vary with x.
    offset = 0.5 * np.sqrt(d) * rng.normal(size=N_POINTS)
    while True:
        # In the directions that the points span a standard normal law is one again.
        reduced = np.linalg.qr(points.T)[1].T if d > len(points) else points
        counts = np.zeros(len(points))
        for _ in range(64):
            x = rng.normal(size=(2**16, reduced.shape[1]))
            counts += np.bincount(np.argmax(x @ reduced.T + offset, axis=1), minlength=len(points))
        weights = counts / counts.sum()
        if weights.min() >= LEAST_MASS:
            return points, offset, weights
        points, offset = points[weights >= LEAST_MASS], offset[weights >= LEAST_MASS]


def errors(d: int, n: int, seeds: int, **options: int) -> tuple[list[float], float]:
    """Errors of the map, and the seconds of a fit."""
    from infotheory import SemiDiscrete

    points, offset, weights = problem(d)
    centre = weights @ points
    variance = weights @ np.sum((points - centre) ** 2, axis=1)
    found, start = [], 0.0
    for seed in range(seeds):
        rng = np.random.default_rng([d, n, seed])
        x, new = rng.normal(size=(n, d)), rng.normal(size=(2**16, d))
        begin = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = SemiDiscrete(random_state=seed, **options)
            moved = fitted.fit(x, points, target_weight=weights).transform(new)
        start += time.perf_counter() - begin
        best = points[np.argmax(new @ points.T + offset, axis=1)]
        found.append(float(np.mean(np.sum((moved - best) ** 2, axis=1)) / variance))
    return found, start / seeds


def slope(sizes: list[int], values: list[float]) -> tuple[float, float]:
    """Of ln values against ln sizes, with its standard error."""
    from scipy.stats import linregress

    line = linregress(np.log(sizes), np.log(values))
    return float(line.slope), float(line.stderr)


def main() -> None:
    arguments = parser(__doc__, ("SemiDiscrete",)).parse_args()
    set_threads(quick=arguments.quick)
    results = Results("semi_discrete", KEYS, MEASURED, quick=arguments.quick)
    results.head()
    sizes = SIZES[:2] if arguments.quick else SIZES
    for d in DIMS:
        if not matches(arguments.only, f"d = {d}"):
            continue
        if results.has(columns=d, rows="all") and not arguments.again:
            continue
        at, values = [], []
        for n in sizes:
            found, seconds = errors(d, n, 2 if arguments.quick else N_SEEDS)
            at += [n] * len(found)
            values += found
            row: dict[str, object] = {
                "columns": d,
                "rows": n,
                "error": number(float(np.mean(found)), 3),
                "standard error": number(float(np.std(found, ddof=1) / np.sqrt(len(found))), 2),
                "seconds a fit": number(seconds, 2),
            }
            results.keep(row, circumstances())
        fall, off = slope(at, values)
        last: dict[str, object] = {"columns": d, "rows": "all"}
        last |= {"slope": f"{fall:.3f}", "its standard error": f"{off:.3f}"}
        results.keep(last, circumstances())


if __name__ == "__main__":
    main()
