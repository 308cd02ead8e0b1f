"""Greedy couplings: cell after cell, each of which uses up an atom of some marginal.

The heaviest cell there can be has mass t, the least of the marginals' largest atoms. Max-seeking
puts it at the largest atom of every marginal. Zero-seeking puts it where the least is left over:
at the smallest atoms that hold it, so that what remains is small or nothing.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from infotheory.functional._laws import entropy_of
from infotheory.functional._sparse_law import Cells

# A remainder below this many roundings of the cell it is left by is none.
ROUNDINGS = 4.0
# Zero-seeking looks at cells of at least these shares of the heaviest one.
_SHARES = (1.0, 0.98, 0.95, 0.9)
# Atoms of each marginal that are tried as the cell, and atoms in all up to which that is done.
_TRIED, _FEW = 8, 1000


def max_seeking(laws: Sequence[np.ndarray], precision: float) -> Cells:
    """The cell at the largest atom of every marginal, until nothing is left."""
    heaps = [[(-mass, i) for i, mass in enumerate(law.tolist())] for law in laws]
    for heap in heaps:
        heapq.heapify(heap)
    tolerance = ROUNDINGS * precision
    places, masses = [], []
    while all(heaps):
        cell = min(-heap[0][0] for heap in heaps)
        places.append([heap[0][1] for heap in heaps])
        masses.append(cell)
        for heap in heaps:
            mass, i = heap[0]
            rest = -mass - cell
            if rest > tolerance * cell:
                heapq.heapreplace(heap, (-rest, i))
            else:
                heapq.heappop(heap)
    return Cells(np.array(places, np.int64), np.array(masses))


def zero_seeking(laws: Sequence[np.ndarray], precision: float) -> Cells:
    """The heavy cell that leaves the least over, until nothing is left.

    Of few atoms four couplings are made, from "the heaviest cell" to "any of at least 90 % of its
    mass", and the one with the least entropy kept; of many the first, as the others gain little.
    """
    tolerance = ROUNDINGS * precision
    shares = _SHARES if sum(map(len, laws)) <= _FEW else _SHARES[:1]
    found = [_seek_zeros(laws, share, tolerance) for share in shares]
    return min(found, key=lambda cells: entropy_of(cells.masses))


def _seek_zeros(laws: Sequence[np.ndarray], share: float, tolerance: float) -> Cells:
    orders = [np.argsort(law, kind="stable") for law in laws]
    # Ascending, with the position of each atom in its marginal.
    atoms = [law[order].tolist() for law, order in zip(laws, orders, strict=True)]
    owners = [order.tolist() for order in orders]
    places, masses = [], []
    while all(atoms):
        heaviest = min(column[-1] for column in atoms)
        slack = tolerance * heaviest
        cell = heaviest
        if share < 1:
            candidates = [heaviest]
            for column in atoms:
                above = bisect_left(column, heaviest)
                tried = column[max(0, above - _TRIED) : above]
                candidates += [mass for mass in reversed(tried) if mass >= share * heaviest]
            # The first of equals is the heaviest.
            cell = min(candidates, key=lambda mass: _left_over(atoms, mass, slack))
        place = []
        for column, names in zip(atoms, owners, strict=True):
            i = bisect_left(column, cell - slack)
            rest, name = column.pop(i) - cell, names.pop(i)
            place.append(name)
            if rest > slack:
                i = bisect_left(column, rest)
                column.insert(i, rest)
                names.insert(i, name)
        places.append(place)
        masses.append(cell)
    return Cells(np.array(places, np.int64), np.array(masses))


def _left_over(atoms: list[list[float]], cell: float, slack: float) -> float:
    """What is left of the smallest atoms that hold the cell."""
    return sum(column[bisect_left(column, cell - slack)] - cell for column in atoms)
