"""Couplings of least entropy among all, for small laws.

Two laws: by branch and bound over cells in descending order of mass. In a coupling of least entropy
the heaviest cell (i, j) is as large as it can be, min(p_i, q_j): were it smaller, its row and its
column would have other cells, of masses c <= d say, and with e at their meeting, taking c from both
and adding it to (i, j) and to the meeting changes the masses m, c, d, e to m + c, 0, d - c, e + c.
As m is the largest, the new masses majorise the old and are not a rearrangement of them: less
entropy. What is left after the heaviest cell is a problem of the same kind. So it is enough to
try, at each step, every cell at its full mass that is no heavier than the one before.

More laws: that fails, and all vertices of the polytope of couplings are visited, one of which is
best because entropy is concave.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import combinations, islice

import numpy as np

from infotheory.functional._coupling_bounds import majorise_profile
from infotheory.functional._coupling_greedy import ROUNDINGS
from infotheory.functional._laws import entropy_of
from infotheory.functional._sparse_law import Cells

# Atoms of two laws together, and bases of more, up to which the search is begun.
LARGEST_PAIR, LARGEST_BASES = 20, 100_000
_BLOCK = 4096
# Branches that could win less than this are not followed.
_TOLERANCE = 1e-12


def work(sizes: Sequence[int]) -> tuple[int, int, str]:
    """Size of the problem, the limit on it, and what is counted.

    Laws of one atom do not count: the others may be coupled without them.
    """
    sizes = [n for n in sizes if n > 1]
    if len(sizes) <= 2:
        return sum(sizes), LARGEST_PAIR, "positive atoms of two laws together"
    n_cells, rank = math.prod(sizes), sum(sizes) - len(sizes) + 1
    return math.comb(n_cells, rank), LARGEST_BASES, "bases of the equations of more than two laws"


def exact(
    laws: Sequence[np.ndarray], precision: float, start: Cells, most: int
) -> tuple[Cells, bool]:
    """A coupling of least entropy, to 1e-12 nats, and whether that is proved.

    ``start`` is any coupling, the better the faster. After ``most`` branches, or before visiting
    more bases than that, the search stops with the best so far.
    """
    large = [r for r, law in enumerate(laws) if len(law) > 1]
    if len(large) < 2:
        return start, True
    chosen = [laws[r] for r in large]
    start = Cells(start.places[:, large], start.masses)
    if len(large) == 2:
        best, proved = _branch(chosen, precision, start, most)
    else:
        proved = work([len(law) for law in chosen])[0] <= most
        best = _vertices(chosen, start) if proved else start
    places = np.zeros((len(best.masses), len(laws)), np.int64)
    places[:, large] = best.places
    return Cells(places, best.masses), proved


def _branch(
    laws: Sequence[np.ndarray], precision: float, start: Cells, most: int
) -> tuple[Cells, bool]:
    """Depth first over cells in descending order, cut by the bound on what is left."""
    best_entropy = entropy_of(start.masses)
    best: list[tuple[float, int, int]] | None = None
    path: list[tuple[float, int, int]] = []
    tolerance, visits = ROUNDINGS * precision, 0

    def visit(rows: list, columns: list, last: float, so_far: float) -> None:
        nonlocal best, best_entropy, visits
        visits += 1
        if visits > most:
            return
        if not rows or not columns:
            if so_far < best_entropy:
                best_entropy, best = so_far, path.copy()
            return
        masses = [[m for m, _ in rows], [m for m, _ in columns]]
        if so_far + majorise_profile(masses, last) >= best_entropy - _TOLERANCE:
            return
        # No cell can be lighter than the mean of as many cells as a vertex has.
        lightest = sum(masses[0]) / (len(rows) + len(columns) - 1) * (1 - 1e-9)
        choices = [
            (min(a, b), -abs(a - b), i, j)
            for i, a in enumerate(masses[0])
            for j, b in enumerate(masses[1])
            if lightest <= min(a, b) <= last * (1 + 1e-12)
            # Of equal atoms one is enough.
            and (i == 0 or a != masses[0][i - 1])
            and (j == 0 or b != masses[1][j - 1])
        ]
        # The heaviest first, and of those what leaves the least: the sooner the bound cuts.
        for cell, _, i, j in sorted(choices, reverse=True):
            path.append((cell, rows[i][1], columns[j][1]))
            visit(
                _without(rows, i, cell, tolerance),
                _without(columns, j, cell, tolerance),
                cell,
                so_far - cell * math.log(cell),
            )
            path.pop()

    ascending = [sorted((m, i) for i, m in enumerate(law.tolist())) for law in laws]
    visit(ascending[0], ascending[1], math.inf, 0.0)
    if best is not None:
        start = Cells(np.array([c[1:] for c in best], np.int64), np.array([c[0] for c in best]))
    return start, visits <= most


def _without(atoms: list, i: int, cell: float, tolerance: float) -> list:
    """Atoms in ascending order after a cell is taken from one of them."""
    rest = atoms[:i] + atoms[i + 1 :]
    mass, owner = atoms[i]
    if mass - cell > tolerance * cell:
        left = (mass - cell, owner)
        rest.insert(bisect_left(rest, left), left)
    return rest


def _vertices(laws: Sequence[np.ndarray], start: Cells) -> Cells:
    """The best of the basic solutions of the equations that the marginals are."""
    sizes = [len(law) for law in laws]
    places = np.stack([axis.ravel() for axis in np.indices(sizes)], axis=1)
    # All equations of the first marginal, and all but one of each other: the rest follow.
    rows = [places[:, 0] == i for i in range(sizes[0])]
    rows += [places[:, r] == i for r in range(1, len(laws)) for i in range(1, sizes[r])]
    equations = np.array(rows, np.float64)
    sums = np.concatenate([laws[0], *(law[1:] for law in laws[1:])])
    best, best_entropy = start, entropy_of(start.masses)
    bases = combinations(range(len(places)), len(sums))
    while block := list(islice(bases, _BLOCK)):
        basis = np.array(block)
        matrices = equations[:, basis].transpose(1, 0, 2)
        # Determinants are integers.
        regular = np.abs(np.linalg.det(matrices)) > 0.5
        basis = basis[regular]
        masses = np.linalg.solve(
            matrices[regular], np.broadcast_to(sums[:, None], (len(basis), len(sums), 1))
        )[..., 0]
        feasible = masses.min(axis=1) > -1e-13
        basis, masses = basis[feasible], np.maximum(masses[feasible], 0.0)
        if not len(basis):
            continue
        entropies = -np.sum(masses * np.log(np.where(masses > 0, masses, 1.0)), axis=1)
        i = int(entropies.argmin())
        if entropies[i] < best_entropy - _TOLERANCE:
            some = masses[i] > 1e-15
            best = Cells(places[basis[i][some]], masses[i][some])
            best_entropy = float(entropies[i])
    return best
