r"""Maps T of a variable X that keep most of its information under a bound on the entropy of T.

A function T of X has I(X; T) = H(T), so that among functions the best has the largest entropy below
the bound R; no channel has more than min(R, H(X)). Functions are partitions of the outcomes
into columns. Two paths merge columns from T = X on:

- the *greedy* one merges the two lightest columns if that is enough, else the two heaviest, and
  goes on. Merging columns p >= q costs (p + q) h(q / (p + q)) <= h(q), and the lighter of
  the two is never heavier than the second largest outcome p_(2). As the last merger takes the
  entropy from above R to below it, what is missing from R is at most h(p_(2));
- the *lightest-first* one only merges the two lightest columns: smaller steps, without the
  guarantee.

From the functions on either side of R one outcome x is divided between two columns such that
H(T) = R. I(X; T) is then R less p(x) h(s / p(x)) for the part s that moved.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from infotheory._xp._namespace import Array, array_namespace
from infotheory.functional._laws import Law, checked_law, checked_rate, entropy_of
from infotheory.functional._sparse_law import Cells, SparseLaw, cells_like

# Up to this many outcomes every partition is tried: there are 52 of five.
_ALL_PARTITIONS = 5
_HALVINGS = 64
# The entropy of a function that meets the rate may exceed it by this much, in nats.
_ROUNDING = 1e-13


@dataclass(frozen=True, eq=False)
class EntropyBoundedChannel(SparseLaw):
    """The joint law of X and a variable T of bounded entropy.

    Parameters
    ----------
    indices, masses, shape
        The cells (x, t), the heaviest first, as in :class:`SparseLaw`.
    information : float
        I(X; T) in nats.
    entropy : float
        H(T) in nats, at most ``rate``.
    rate : float
        The bound that was given.
    upper_bound : float
        Nats that I(X; T) cannot exceed for any T within the rate: the smaller of H(X) and the rate.

    Notes
    -----
    ``gap`` is O(1), ``joint`` as in :class:`SparseLaw`. Made by
    :func:`entropy_bounded_information_maximization`, where the source is named (arXiv:2410.21666).

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import entropy_bounded_information_maximization
    >>> channel = entropy_bounded_information_maximization(np.array([0.5, 0.25, 0.25]), np.log(2))
    >>> print(channel.joint)
    [[0.5  0.  ]
     [0.   0.25]
     [0.   0.25]]
    """

    information: float
    entropy: float
    rate: float
    upper_bound: float

    @property
    def gap(self) -> float:
        """Nats by which another T within the rate may have more information."""
        return self.upper_bound - self.information


def entropy_bounded_information_maximization(p_x: Array, rate: float) -> EntropyBoundedChannel:
    r"""Variable T of entropy at most ``rate`` that tells as much as possible about X.

    Parameters
    ----------
    p_x : array of shape (k,)
        Probabilities of X; zeros are allowed.
    rate : float
        Largest H(T), in nats, at least 0; kept to rounding.

    Returns
    -------
    EntropyBoundedChannel
        ``joint`` (dense, of shape (k, number of values of T), made when asked for), ``indices`` and
        ``masses`` (its cells), ``information`` I(X; T), ``entropy`` H(T), ``upper_bound`` and
        their ``gap``. Arrays are of the library, dtype and device of ``p_x``, without gradient.

    Raises
    ------
    ValueError
        If ``p_x`` is empty, negative, not finite or does not sum to 1 within the square root of
        the precision of its dtype, or the rate is negative.

    Notes
    -----
    :math:`I(X; T) \le \min(R, H(X))`, with equality at R only where some function of X has
    entropy R; T is X where :math:`R \ge H(X)`. Functions of X are found by the greedy algorithm,
    which misses at most :math:`h(p_{(2)}) \le \ln 2`, the binary entropy of the second largest
    probability, and by merging the lightest first; up to five outcomes all are tried. From those on
    either side of the rate one outcome is divided between two values of T so that the rate is
    used up, which is optimal for rates near that of a function. The best is returned; ``gap``
    bounds what is missed in the case at hand.

    Complexity :math:`O(k \log k)`, and :math:`O(k)` for each outcome that then gets a value of its
    own. Source: Ebrahimi, Chen and Khisti (2024), arXiv:2410.21666.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import entropy_bounded_information_maximization
    >>> channel = entropy_bounded_information_maximization(np.array([0.7, 0.2, 0.1]), 0.65)
    >>> print(channel.joint.round(4))
    [[0.7    0.     0.    ]
     [0.     0.2    0.    ]
     [0.     0.0914 0.0086]]
    >>> print(f"{channel.information:.4f} {channel.entropy:.4f} {channel.gap:.4f}")
    0.6206 0.6500 0.0294
    """
    law, bound = checked_law(p_x, "p_x"), checked_rate(rate)
    array_namespace(p_x)
    cells, information = maximize(law.masses, bound)
    columns = np.bincount(cells.places[:, 1], cells.masses)
    values = Law(columns, np.arange(len(columns)), len(columns), law.precision)
    return EntropyBoundedChannel(
        **cells_like(cells, [law, values], p_x),
        information=information,
        entropy=entropy_of(columns),
        rate=bound,
        # They differ by rounding where the rate is that of a function.
        upper_bound=max(information, min(bound, entropy_of(law.masses))),
    )


def maximize(masses: np.ndarray, rate: float) -> tuple[Cells, float]:
    """Cells (x, t) of the best channel that is found, and its information."""
    if rate >= entropy_of(masses) - _ROUNDING:
        return _cells(masses, np.arange(len(masses))), entropy_of(masses)
    best, most = _cells(masses, np.zeros(len(masses), np.intp)), 0.0
    for labels in _maps(masses, rate):
        columns = np.bincount(labels, masses)
        near = _below if entropy_of(columns) <= rate + _ROUNDING else _above
        found, information = near(masses, labels, rate)
        if information > most:
            best, most = found, information
    return best, most


def _maps(masses: np.ndarray, rate: float) -> Iterator[np.ndarray]:
    """Functions of X on either side of the rate, as the column of each outcome."""
    if len(masses) <= _ALL_PARTITIONS:
        yield from _partitions(len(masses))
        return
    yield from _greedy(masses, rate)
    yield from _lightest_first(masses, rate)


def _partitions(n: int) -> Iterator[np.ndarray]:
    """Every partition of n outcomes, columns named in order of first appearance."""

    def extend(labels: list[int]) -> Iterator[np.ndarray]:
        if len(labels) == n:
            yield np.array(labels)
            return
        for label in range(max(labels) + 2):
            yield from extend([*labels, label])

    return extend([0])


def _greedy(masses: np.ndarray, rate: float) -> Iterator[np.ndarray]:
    """The last function of the greedy path above the rate, and the one it ends at."""
    order = np.argsort(-masses, kind="stable")
    p, n = masses[order], len(masses)
    # After k - 1 mergers of the heaviest, columns are the first k outcomes and each of the others.
    plain = _plain(p)
    entropies = _plain(np.minimum(np.cumsum(p), 1.0))
    entropies = entropies + np.append(np.cumsum(plain[::-1])[-2::-1], 0.0)
    saved = plain[-2:].sum() - float(_plain(p[-2:].sum()))
    labels = np.empty(n, np.intp)
    for k in range(1, n):
        lightest = k < n - 1 and entropies[k - 1] - saved <= rate
        if lightest or entropies[k] <= rate:
            labels[order] = np.maximum(np.arange(n) - k + 1, 0)
            yield labels
            yield np.minimum(labels, n - k - 1) if lightest else np.maximum(labels - 1, 0)
            return


def _lightest_first(masses: np.ndarray, rate: float) -> Iterator[np.ndarray]:
    """The last function of the path above the rate, and the first below it."""
    n, entropy = len(masses), entropy_of(masses)
    heap = [(mass, i) for i, mass in enumerate(masses.tolist())]
    heapq.heapify(heap)
    pairs = []
    while entropy > rate and len(heap) > 1:
        (p, i), (q, j) = heapq.heappop(heap), heapq.heappop(heap)
        entropy += float(_plain(np.array(p + q)) - _plain(np.array(p)) - _plain(np.array(q)))
        heapq.heappush(heap, (p + q, n + len(pairs)))
        pairs.append((i, j))
    for n_mergers in (len(pairs) - 1, len(pairs)):
        # A merged column stands for its two parts; the last are named first.
        names = np.arange(n + n_mergers)
        for k in reversed(range(n_mergers)):
            names[list(pairs[k])] = names[n + k]
        yield np.unique(names[:n], return_inverse=True)[1]


def _below(masses: np.ndarray, labels: np.ndarray, rate: float) -> tuple[Cells, float]:
    """Use up what is left of the rate by dividing columns.

    While an outcome can have a column of its own, the one with the most entropy gets it. Then
    one outcome has a part of itself in a new column: all are tried. A new column gains more
    entropy from a part than any that is there.
    """
    labels = labels.copy()
    while True:
        columns = np.bincount(labels, masses)
        entropy = entropy_of(columns)
        column, shared = columns[labels], np.bincount(labels)[labels] > 1
        room = rate - entropy
        gain = np.where(shared, _divided(masses, column), np.inf)
        fitting = np.where(gain <= room + _ROUNDING, gain, -1.0)
        x = int(fitting.argmax())
        if fitting[x] <= 0:
            break
        labels[x] = len(columns)
    top = np.minimum(masses, column / 2)
    x = np.flatnonzero(shared & (_divided(top, column) > room))
    if not len(x) or room <= _ROUNDING:
        return _cells(masses, labels), entropy
    part = _root(lambda s: _divided(s, column[x]), top[x], room)
    information = entropy + _divided(part, column[x]) - _divided(part, masses[x])
    i = int(information.argmax())
    if information[i] <= entropy:
        return _cells(masses, labels), entropy
    return _cells(masses, labels, int(x[i]), part[i], len(columns)), float(information[i])


def _above(masses: np.ndarray, labels: np.ndarray, rate: float) -> tuple[Cells, float]:
    """Come down to the rate by moving one outcome, or a part of it, to the heaviest column.

    No other column loses as much entropy for a part. All outcomes are tried; where none is enough
    the information is 0.
    """
    columns = np.bincount(labels, masses)
    entropy, heavy = entropy_of(columns), int(columns.argmax())
    column, most = columns[labels], columns[heavy]
    excess = entropy - rate
    loss = _moved(masses, column, most)
    x = np.flatnonzero((labels != heavy) & (loss >= excess))
    if not len(x):
        return _cells(masses, np.zeros_like(labels)), 0.0
    part = masses[x] - _root(
        # Counted from the whole outcome down, so that the entropy ends below the rate.
        lambda s: loss[x] - _moved(masses[x] - s, column[x], most),
        masses[x],
        loss[x] - excess,
    )
    information = entropy - _moved(part, column[x], most) - _divided(part, masses[x])
    i, whole = int(information.argmax()), int(x[loss[x].argmin()])
    if information[i] > entropy - loss[whole]:
        return _cells(masses, labels, int(x[i]), part[i], heavy), float(information[i])
    labels = labels.copy()
    labels[whole] = heavy
    return _below(masses, np.unique(labels, return_inverse=True)[1], rate)


def _plain(m: np.ndarray) -> np.ndarray:
    """-m ln m, 0 at 0."""
    return 0.0 - m * np.log(np.where(m > 0, m, 1.0))


def _divided(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Entropy gained by dividing masses in two: whole h(part / whole)."""
    rest = np.maximum(whole - part, 0.0)
    return _plain(part) + _plain(rest) - _plain(whole)


def _moved(part: np.ndarray, column: np.ndarray, heaviest: float) -> np.ndarray:
    """Entropy lost by moving parts of columns to the heaviest one."""
    rest = np.maximum(column - part, 0.0)
    most = np.array(heaviest)
    return _plain(column) + _plain(most) - _plain(rest) - _plain(most + part)


def _root(
    increasing: Callable[[np.ndarray], np.ndarray], top: np.ndarray, target: np.ndarray | float
) -> np.ndarray:
    """Largest argument in [0, top] found whose value is at most the target, by halving."""
    low, high = np.zeros_like(top), top
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        under = increasing(middle) <= target
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return low


def _cells(
    masses: np.ndarray, labels: np.ndarray, x: int = 0, part: float = 0.0, column: int = 0
) -> Cells:
    """The cells of a function, with a part of outcome x in another column.

    Columns come in descending order of mass, equal ones in that of their outcomes.
    """
    outcomes, weights = np.arange(len(masses)), masses
    if part > 0:
        outcomes, labels = np.append(outcomes, x), np.append(labels, column)
        weights = np.append(masses, part)
        weights[x] -= part
    _, first, labels = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.lexsort((first, -np.bincount(labels, weights)))] = np.arange(len(first))
    some = weights > 0
    return Cells(np.stack([outcomes, rank[labels]], axis=1)[some], weights[some])
