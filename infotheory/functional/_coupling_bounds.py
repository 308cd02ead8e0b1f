r"""Entropy that no coupling of given laws can go below.

Three facts about a coupling with cells of mass m and a marginal with atoms of mass p:

- Each cell lies within one atom. So r cells lie within at most r atoms, and the r largest cells
  have no more mass than the r largest atoms (*majorisation*).
- A cell is no larger than the atom it lies in. So cells of at most s have at least the mass of the
  atoms of at most s (*profile*). With both laid out on [0, 1] in ascending order of size, the size
  of the cell above each point is at most F(x), the least of the sizes of the atoms above x.
- Cells are not a density but atoms. Laid out from the top, the first cell covers (x, 1] for some x
  and needs 1 - x <= F(x+); the next starts where it ends. So when mass c is left, at least
  T(c) = inf{x : x + F(x+) >= c} is left after the next cell. T does not decrease in c, so that
  taking the largest cell every time leaves less than any coupling does after every number of
  cells: these cells majorise those of every coupling, and entropy is Schur-concave
  (*majorise-profile*).

The last is never below the other two. Its cells obey the profile themselves; and with one marginal
alone they are its atoms, so that with several their partial sums are at most those of each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from infotheory._xp._namespace import Array, array_namespace
from infotheory.functional._laws import checked_choice, checked_law

KINDS = ("majorise-profile", "profile", "majorisation")


def coupling_entropy_bound(*marginals: Array, kind: str = "majorise-profile") -> float:
    r"""Entropy that no coupling of given laws can go below.

    Parameters
    ----------
    *marginals : arrays of shape (k_1,), (k_2,), ...
        Probabilities of each variable, of one array library; zeros are allowed.
    kind : {"majorise-profile", "profile", "majorisation"}
        The first is never below the other two.

    Returns
    -------
    float
        Nats.

    Raises
    ------
    ValueError
        If a marginal is empty, negative, not finite or does not sum to 1 within the square root
        of the precision of its dtype, or the kind is unknown.

    Notes
    -----
    With :math:`F(x)` the smallest of the sizes of the atoms at quantile x, the atoms of each
    marginal in ascending order: "profile" is :math:`\int_0^1 \ln (1 / F(x)) dx`; "majorisation"
    the entropy of the law whose partial sums, in descending order, are the least of those of the
    marginals; "majorise-profile" that of the law whose largest atoms are as large as F lets an
    atom be, one after the other. Complexity :math:`O(n \log n)` for n atoms in all. Source:
    Compton, Katz, Qi, Greenewald and Kocaoglu (2023), arXiv:2302.11838; majorisation: Cicalese,
    Gargano and Vaccaro (2019), arXiv:1901.07530.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import coupling_entropy_bound
    >>> p, q = np.array([0.5, 0.4, 0.1]), np.array([0.6, 0.2, 0.2])
    >>> for kind in ("majorisation", "profile", "majorise-profile"):
    ...     print(f"{coupling_entropy_bound(p, q, kind=kind):.4f}")
    1.0297
    1.1513
    1.2206
    """
    checked_choice(kind, "kind", KINDS)
    if not marginals:
        raise ValueError("marginals must be at least one array, got none. Pass the laws to couple.")
    array_namespace(*marginals)
    laws = [checked_law(p, f"marginals[{i}]").masses for i, p in enumerate(marginals)]
    if kind == "majorisation":
        return _majorisation(laws)
    ascending = [np.sort(law).tolist() for law in laws]
    return _profile(ascending) if kind == "profile" else majorise_profile(ascending)


def majorise_profile(laws: Sequence[Sequence[float]], largest: float = math.inf) -> float:
    """Least -sum m ln m of the cells m of any coupling of measures of equal total.

    ``laws`` are in ascending order. With ``largest`` the bound holds for couplings without larger
    cells: F is cut there.
    """
    steps = _steps(laws)
    last = len(steps) - 1
    left, smallest = steps[0]
    smallest = min(smallest, largest)
    # steps[at] is (end of the step, size), and F = smallest between the ends of at + 1 and at.
    at, total = 0, 0.0
    # What rounding leaves is no atom.
    gone = 1e-15 * left
    while left > gone:
        while at < last and steps[at + 1][0] + min(smallest, steps[at + 1][1]) > left:
            at += 1
            smallest = min(smallest, steps[at][1])
        below = steps[at + 1][0] if at < last else 0.0
        cell = min(smallest, left - below)
        total -= cell * math.log(cell)
        left -= cell
    return total


def _profile(laws: Sequence[Sequence[float]]) -> float:
    steps = [*_steps(laws), (0.0, 0.0)]
    smallest, total = math.inf, 0.0
    for (end, size), (below, _) in pairwise(steps):
        smallest = min(smallest, size)
        total -= (end - below) * math.log(smallest)
    return total


def _steps(laws: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """Upper end and size of the atoms of all laws on [0, total], the highest first.

    F(x+) is the least size among those that end above x.
    """
    steps = []
    for law in laws:
        end = 0.0
        for size in law:
            end += size
            steps.append((end, size))
    steps.sort(reverse=True)
    return steps


def _majorisation(laws: Sequence[np.ndarray]) -> float:
    sums = np.ones((len(laws), max(map(len, laws))))
    for row, law in zip(sums, laws, strict=True):
        row[: len(law)] = np.cumsum(np.sort(law)[::-1])
    atoms = np.diff(np.minimum(sums.min(axis=0), 1.0), prepend=0.0)
    atoms = atoms[atoms > 0]
    return 0.0 - math.fsum(atoms * np.log(atoms))
