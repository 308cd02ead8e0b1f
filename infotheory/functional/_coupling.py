"""Couplings of laws on finite alphabets with as little entropy as possible."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infotheory._xp._namespace import Array, array_namespace
from infotheory.functional._coupling_bounds import majorise_profile
from infotheory.functional._coupling_exact import exact, work
from infotheory.functional._coupling_greedy import max_seeking, zero_seeking
from infotheory.functional._laws import Law, checked_choice, checked_law, entropy_of
from infotheory.functional._sparse_law import Cells, SparseLaw, cells_like

METHODS = ("auto", "exact", "greedy", "zero-seeking")
# Branches or bases: seconds for "exact", about a tenth of one for "auto".
_MOST, _QUICK = 200_000, 2_000


@dataclass(frozen=True, eq=False)
class Coupling(SparseLaw):
    """A coupling and the entropy that no coupling of its marginals can go below.

    Parameters
    ----------
    indices, masses, shape
        The cells, the heaviest first, as in :class:`SparseLaw`.
    entropy : float
        Of the joint law, in nats.
    lower_bound : float
        Nats that no coupling of the marginals can go below.
    method : str
        What made it: "exact", "greedy", "zero-seeking" or "search".

    Notes
    -----
    ``gap`` is O(1), ``plan`` as ``joint``. Made by :func:`minimum_entropy_coupling`, where the
    sources are named (arXiv:2302.11838).

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import minimum_entropy_coupling
    >>> coupling = minimum_entropy_coupling(np.array([0.5, 0.5]), np.array([0.75, 0.25]))
    >>> print(coupling.indices.tolist(), coupling.masses)
    [[0, 0], [1, 0], [1, 1]] [0.5  0.25 0.25]
    """

    entropy: float
    lower_bound: float
    method: str

    @property
    def gap(self) -> float:
        """Nats by which the entropy may exceed the least possible: 0 where that is proved."""
        return self.entropy - self.lower_bound

    @property
    def plan(self) -> Array:
        """The dense array ``joint``."""
        return self.joint


def minimum_entropy_coupling(*marginals: Array, method: str = "auto") -> Coupling:
    r"""Joint law of given marginals with as little entropy as possible.

    For two variables that is the joint law with the most mutual information.

    Parameters
    ----------
    *marginals : arrays of shape (k_1,), (k_2,), ...
        Probabilities of each variable, one or more, of one array library; zeros are allowed.
    method : {"auto", "exact", "greedy", "zero-seeking"}
        - "exact": the least entropy there is, to 1e-12 nats, for small laws: two of at most 20
          positive atoms together, or more with at most 100 000 bases (3 x 3 x 2, not 3 x 3 x 3).
          It takes up to some seconds, and gives up where many atoms are nearly equal.
        - "greedy": the heaviest cell there can be, at the largest remaining atom of every
          marginal, again and again (max-seeking).
        - "zero-seeking": among cells almost as heavy, the one that leaves the least of the atoms
          it is taken from; the best for shares of 100, 98, 95 and 90 % of the heaviest.
        - "auto": the better of the two greedy couplings; for small laws the exact one, if a
          search of about a tenth of a second finds and proves it ("search" if it only finds a
          better one).

    Returns
    -------
    Coupling
        ``plan`` (dense, made when asked for), ``indices`` and ``masses`` (its cells), ``entropy``,
        ``lower_bound``, their difference ``gap``, and ``method``, the one that made it. Arrays
        are of the library, dtype and device of the first marginal, without gradient.

    Raises
    ------
    ValueError
        If a marginal is empty, negative, not finite or does not sum to 1 within the square root
        of the precision of its dtype (it is divided by its sum), if the method is unknown, or if
        the laws are too large for "exact".
    RuntimeError
        If "exact" gives up.

    Notes
    -----
    Finding the least entropy is NP-hard. The greedy coupling is never more than
    :math:`\log_2(e) / e = 0.53` bit above it for two marginals and
    :math:`(1 + \log_2 e) / 2 = 1.22` bit for any number (Compton and others), and so is that of
    "auto", in most cases by a few hundredths; ``gap`` bounds it for the case at hand. The lower
    bound is that of :func:`coupling_entropy_bound`, or the entropy itself where it is exact. Plans
    have at most as many cells as there are atoms and keep the marginals to rounding.

    For n atoms in k marginals: "greedy" :math:`O(k n \log n)`; "zero-seeking" as many comparisons
    and up to :math:`n^2` moves of one number, which take less time for up to some 10^5 atoms;
    "exact" is exponential. Source: Kocaoglu, Dimakis, Vishwanath and Hassibi (2017),
    arXiv:1611.04035; guarantees: Compton, Katz, Qi, Greenewald and Kocaoglu (2023),
    arXiv:2302.11838; that a second rule helps: Ebrahimi, Chen and Khisti (2024), arXiv:2410.21666
    (zero-seeking is a form of our own).

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import minimum_entropy_coupling
    >>> coupling = minimum_entropy_coupling(np.array([0.5, 0.5]), np.array([0.5, 0.3, 0.2]))
    >>> print(coupling.plan)
    [[0.5 0.  0. ]
     [0.  0.3 0.2]]
    >>> print(f"{coupling.entropy:.4f} {coupling.gap:.4f} {coupling.method}")
    1.0297 0.0000 exact
    """
    checked_choice(method, "method", METHODS)
    if not marginals:
        raise ValueError("marginals must be at least one array, got none. Pass the laws to couple.")
    laws = [checked_law(p, f"marginals[{i}]") for i, p in enumerate(marginals)]
    array_namespace(*marginals)
    cells, bound, made_by = solve(laws, method)
    entropy = entropy_of(cells.masses)
    return Coupling(
        **cells_like(cells, laws, marginals[0]),
        entropy=entropy,
        lower_bound=min(bound, entropy),  # they differ by rounding where the coupling is optimal
        method=made_by,
    )


def solve(laws: list[Law], method: str) -> tuple[Cells, float, str]:
    """Cells, bound on the entropy of any coupling, and the name of the method that was used."""
    masses = [law.masses for law in laws]
    precision = max(law.precision for law in laws)
    size, limit, what = work([len(m) for m in masses])
    if method == "exact" and size > limit:
        raise ValueError(
            f"method 'exact' must have at most {limit} {what}, got {size}. Use method 'auto', "
            f"whose gap bounds what is lost."
        )
    found = {}
    if method != "zero-seeking":
        found["greedy"] = max_seeking(masses, precision)
    if method != "greedy":
        found["zero-seeking"] = zero_seeking(masses, precision)
    name = min(found, key=lambda key: entropy_of(found[key].masses))
    cells = found[name]
    if method in ("auto", "exact") and size <= limit:
        cells, proved = exact(masses, precision, cells, _MOST if method == "exact" else _QUICK)
        if proved:
            return cells, entropy_of(cells.masses), "exact"
        if method == "exact":
            raise RuntimeError(
                f"method 'exact' is not done after {_MOST} branches, as happens where many atoms "
                f"are nearly equal. Use method 'auto', whose gap bounds what is lost."
            )
        name = name if cells.masses is found[name].masses else "search"
    return cells, majorise_profile([np.sort(m).tolist() for m in masses]), name
