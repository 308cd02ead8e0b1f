"""How good a sparse map is, and how sparse, at multiples of the spread of the costs as epsilon.

Run ``python benchmarks/sparse_map.py``; ``--only "l1.*40"`` takes a part. Source rows are standard
normal in d columns; for the target one column is shifted by three, or two columns are shifted by
three and doubled, and all others stay. SparseMonge is fitted to 300 rows of each with a strength
of 1, five times. The error is that of the map at 1 000 new rows, |T_n(x) - T(x)|^2 over that of
not moving at all; beside it the share of the coordinates that move though they should not. The
default of ``epsilon`` is marked. Rows go into results/sparse_map.csv.
"""

from __future__ import annotations

import warnings

import numpy as np
from _estimating import number
from _results import Results, circumstances, matches, parser

from infotheory import SparseMonge

REGULARISERS = ("l1", "stvs", "k-overlap")
DIMS = (2, 5, 20, 40)
LAWS = {"one shifted": (1, 1.0), "two shifted and doubled": (2, 2.0)}
SHARES = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)
N, N_NEW, N_SEEDS, SHIFT = 300, 1000, 5, 3.0
KEYS = ("regulariser", "columns", "law", "epsilon over the spread")
MEASURED = ("error of the map", "standard error", "moved that should stay", "default")


def drawn(d: int, law: str, seed: int) -> tuple[np.ndarray, ...]:
    """Source, target, new rows, and where those should go."""
    n_moved, scale = LAWS[law]
    rng = np.random.default_rng([d, n_moved, seed])
    source, target, new = (rng.normal(size=(n, d)) for n in (N, N, N_NEW))
    goal = new.copy()
    for rows in (target, goal):
        rows[:, :n_moved] = SHIFT + scale * rows[:, :n_moved]
    return source, target, new, goal


def measured(regulariser: str, d: int, law: str, seeds: int) -> list[dict[str, str]]:
    """A row for each share, and whether the default is it."""
    found: dict[float, list[tuple[float, float]]] = {share: [] for share in SHARES}
    default = 0.1 if regulariser == "k-overlap" else min(0.1 * d**0.5, 0.5)
    found[round(default, 3)] = []
    n_moved = LAWS[law][0]
    for seed in range(seeds):
        source, target, new, goal = drawn(d, law, seed)
        by_default = SparseMonge(regulariser=regulariser, strength=1.0).fit(source, target)
        spread = by_default.epsilon_ / default
        for share, results in found.items():
            model = SparseMonge(regulariser=regulariser, epsilon=share * spread)
            moved = model.fit(source, target).displacement(new)
            error = np.sum((new + moved - goal) ** 2) / np.sum((new - goal) ** 2)
            others = moved[:, n_moved:] != 0
            results.append((float(error), float(others.mean()) if others.size else np.nan))
    rows = []
    for share, results in sorted(found.items()):
        errors, shares = np.array(results).T
        spare = len(errors) > 1
        rows.append(
            {
                "epsilon over the spread": number(share, 3),
                "error of the map": number(float(errors.mean()), 3),
                "standard error": number(float(errors.std(ddof=1) / len(errors) ** 0.5), 3)
                if spare
                else "",
                "moved that should stay": ""
                if np.isnan(shares).all()
                else number(shares.mean(), 2),
                "default": "yes" if share == round(default, 3) else "",
            }
        )
    return rows


def main() -> None:
    arguments = parser(__doc__, ("all",)).parse_args()
    results = Results("sparse_map", KEYS, MEASURED, quick=arguments.quick)
    results.head()
    for regulariser in REGULARISERS:
        for d in DIMS:
            for law in LAWS:
                key = {"regulariser": regulariser, "columns": d, "law": law}
                if not matches(arguments.only, f"{regulariser} {d} {law}"):
                    continue
                if results.rows(**key) and not arguments.again:
                    continue
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # a map that moves everything says so
                    rows = measured(regulariser, d, law, 2 if arguments.quick else N_SEEDS)
                for row in rows:
                    results.keep(key | row, circumstances(threads="one thread"))


if __name__ == "__main__":
    main()
