"""Mutual information from neighbours in the joint space and counts in the spaces of its parts.

Each estimate is the mean of one value a row. Values are made of counts and come back detached.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.special import digamma

from infotheory._xp._namespace import Array, array_namespace, detached_numpy, like_floating
from infotheory.functional._neighbors import Metric

# Pairs whose distances are held at a time where no tree applies: 32 MiB of numbers.
_BLOCK = 2**22


def joint_neighbors(
    parts: Sequence[np.ndarray], k: int, metric: Metric, query: Sequence[np.ndarray] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices of the k neighbours in the joint space of ``parts``."""
    from infotheory._xp._neighbors import nearest

    groups = tuple(part.shape[1] for part in parts)
    rows = None if query is None else np.hstack(query)
    return nearest(np.hstack(parts), k, metric=metric, groups=groups, query=rows)


def counts_below(
    parts: Sequence[np.ndarray],
    radius: np.ndarray,
    metric: Metric,
    query: Sequence[np.ndarray] | None,
    *,
    strict: bool = True,
) -> np.ndarray:
    """Rows within ``radius`` in the space of ``parts``, a row's own index not counted."""
    from infotheory._xp._neighbors import count_within

    if metric == "euclidean" and len(parts) > 1:
        return _counts_in_product(parts, radius, query, strict=strict)
    rows = None if query is None else np.hstack(query)
    return count_within(np.hstack(parts), radius, metric=metric, strict=strict, query=rows)


def _counts_in_product(
    parts: Sequence[np.ndarray],
    radius: np.ndarray,
    query: Sequence[np.ndarray] | None,
    *,
    strict: bool,
) -> np.ndarray:
    """Counts in the largest of several Euclidean distances, pair by pair in blocks of rows."""
    centres = parts if query is None else query
    counts = np.empty(len(radius), dtype=np.intp)
    step = max(1, _BLOCK // len(parts[0]))
    for start in range(0, len(radius), step):
        rows = slice(start, start + step)
        limit = radius[rows, None]
        near = np.ones((len(limit), len(parts[0])), dtype=bool)
        for part, centre in zip(parts, centres, strict=True):
            square = (centre[rows, None, 0] - part[None, :, 0]) ** 2
            for j in range(1, part.shape[1]):
                square = square + (centre[rows, None, j] - part[None, :, j]) ** 2
            distance = np.sqrt(square)
            near = near & (distance < limit if strict else distance <= limit)
        counts[rows] = np.count_nonzero(near, axis=1)
    return counts - (radius > 0 if strict else radius >= 0) if query is None else counts


def ksg_pointwise(
    X: Array,
    Y: Array,
    n_neighbors: int = 3,
    *,
    condition: Array | None = None,
    variant: Literal[1, 2] = 1,
    metric: Metric = "chebyshev",
    query: Sequence[Array] | None = None,
) -> Array:
    r"""One value a row whose mean is the KSG estimate of mutual information.

    Parameters
    ----------
    X, Y : array of shape (n, d) and (n, e)
        Real floating, n > `n_neighbors`. Nothing is rescaled.
    n_neighbors : int
    condition : array of shape (n, f), optional
        Estimate I(X; Y | condition) (variant 1 only).
    variant : {1, 2}
        1: strict counts inside the joint k-th distance. 2: counts inside the rectangle spanned
        by the k neighbours.
    metric : {"chebyshev", "euclidean"}
        Within each variable; the joint distance is the largest of them.
    query : sequence of arrays of shapes (l, d), (l, e) and, with a condition, (l, f), optional
        New rows at which to evaluate; the rows themselves, each left out, when None.

    Returns
    -------
    array of shape (n,) or (l,)
        Nats; detached, because it is made of counts.

    Notes
    -----
    Variant 1 gives :math:`\psi(k) + \psi(n) - \psi(n_x + 1) - \psi(n_y + 1)`, and with a
    condition :math:`\psi(k) + \psi(n_z + 1) - \psi(n_{xz} + 1) - \psi(n_{yz} + 1)`; at new rows
    n + 1 stands for n. The mean is at most :math:`\psi(n) - \psi(k)`. Complexity about
    :math:`O(n \ln n)` in low dimension, :math:`O(n^2 d)` above and for a condition with the
    Euclidean metric. Sources: Kraskov, Stögbauer and
    Grassberger (2004), arXiv:cond-mat/0305641; Frenzel and Pompe (2007),
    doi:10.1103/PhysRevLett.99.204101.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import ksg_pointwise
    >>> x = np.arange(5.0).reshape(-1, 1)
    >>> ksg_pointwise(x, x, 1).round(3)
    array([2.083, 2.083, 2.083, 2.083, 2.083])
    """
    parts = [detached_numpy(part) for part in (X, Y, condition) if part is not None]
    rows = None if query is None else [detached_numpy(part) for part in query]
    largest = max((float(np.abs(part).max(initial=0.0)) for part in parts), default=0.0)
    if not 1e-100 < largest < 1e100 and 0 < largest < np.inf and parts[0].dtype == np.float64:
        # One power of two for all changes no comparison, and squares stay within range.
        unit = np.ldexp(0.5, np.frexp(largest)[1])
        parts = [part / unit for part in parts]
        rows = None if rows is None else [part / unit for part in rows]
    k = n_neighbors
    distances, indices = joint_neighbors(parts, k, metric, rows)
    total = len(parts[0]) + (0 if rows is None else 1)
    chosen = list(zip(parts, rows or [None] * len(parts), strict=True))

    def psi(radius: np.ndarray, *which: int, strict: bool = True) -> np.ndarray:
        places = None if rows is None else [rows[i] for i in which]
        counts = counts_below([parts[i] for i in which], radius, metric, places, strict=strict)
        return digamma(counts + (1 if strict else 0))

    if variant == 2:
        values = (
            digamma(k)
            - 1 / k
            + digamma(total)
            - sum(
                psi(_reach(part, at, indices, metric), i, strict=False)
                for i, (part, at) in enumerate(chosen)
            )
        )
    elif condition is None:
        radius = distances[:, k - 1]
        values = digamma(k) + digamma(total) - psi(radius, 0) - psi(radius, 1)
    else:
        radius = distances[:, k - 1]
        values = digamma(k) + psi(radius, 2) - psi(radius, 0, 2) - psi(radius, 1, 2)
    return like_floating(values, X)


def _reach(
    part: np.ndarray, query: np.ndarray | None, indices: np.ndarray, metric: Metric
) -> np.ndarray:
    """Largest distance within one variable over the joint neighbours."""
    centre = part if query is None else query
    reach = np.zeros(len(centre))
    for column in indices.T:
        difference = centre - part[column]
        if metric == "chebyshev":
            distance = np.abs(difference).max(axis=1)
        else:
            # Summed column by column, as the counts are, so that the comparison is exact.
            square = difference[:, 0] ** 2
            for j in range(1, difference.shape[1]):
                square = square + difference[:, j] ** 2
            distance = np.sqrt(square)
        reach = np.maximum(reach, distance)
    return reach


def ksg(
    X: Array,
    Y: Array,
    n_neighbors: int = 3,
    *,
    condition: Array | None = None,
    variant: Literal[1, 2] = 1,
    metric: Metric = "chebyshev",
) -> Array:
    r"""Mutual information by nearest neighbours (Kraskov-Stögbauer-Grassberger).

    Parameters
    ----------
    X, Y : array of shape (n, d) and (n, e)
        Real floating, n > `n_neighbors`. Nothing is rescaled.
    n_neighbors : int
    condition : array of shape (n, f), optional
        Estimate I(X; Y | condition) (variant 1 only).
    variant : {1, 2}
    metric : {"chebyshev", "euclidean"}

    Returns
    -------
    0-d array
        Nats; detached. The mean of :func:`ksg_pointwise`, see there for the formula, the ceiling
        :math:`\psi(n) - \psi(k)`, the complexity and the sources
        (arXiv:cond-mat/0305641, doi:10.1103/PhysRevLett.99.204101).

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import ksg
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(5000, 1))
    >>> y = 0.6 * x + 0.8 * rng.normal(size=(5000, 1))
    >>> print(f"{ksg(x, y):.2f}")
    0.23
    """
    xp = array_namespace(X, Y)
    values = ksg_pointwise(X, Y, n_neighbors, condition=condition, variant=variant, metric=metric)
    return xp.mean(values)
