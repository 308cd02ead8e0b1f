"""Mutual information of mixed data: real numbers, repeated numbers and labels together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import digamma

from infotheory._xp._namespace import Array, array_namespace, detached_numpy, like_floating
from infotheory.functional._ksg import counts_below, joint_neighbors
from infotheory.functional._neighbors import Metric


def spread_atoms(X: Array, uniform: Array, reference: Array | None = None) -> Array:
    r"""Spread each repeated value over the interval up to the midpoints to its neighbours.

    Parameters
    ----------
    X : array of shape (l, d)
        Real numbers, such as rounded measurements.
    uniform : array of shape (l, d)
        Independent draws from (0, 1), one a number.
    reference : array of shape (n, d), optional
        Take the distinct values, and whether a column repeats any, from here; from X when None.

    Returns
    -------
    array of shape (l, d)
        Columns without repeats as they are. Detached.

    Notes
    -----
    The old value can be read back from the new one, and the rest is independent noise, so mutual
    information with anything else is unchanged, exactly. What changes is that the law has a
    density, which nearest neighbours need. Complexity :math:`O(d n \ln n)`. Source: the
    distributional transform, Rüschendorf (2009), doi:10.1016/j.jspi.2009.05.030.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import spread_atoms
    >>> X = np.array([[1.0], [2.0], [2.0], [4.0]])
    >>> spread_atoms(X, np.full((4, 1), 0.5)).tolist()
    [[1.0], [2.25], [2.25], [4.0]]
    """
    values, draws = detached_numpy(X), detached_numpy(uniform)
    known = values if reference is None else detached_numpy(reference)
    columns = []
    for j in range(values.shape[1]):
        atoms = np.unique(known[:, j])
        if len(atoms) in (1, len(known)):
            columns.append(values[:, j])
            continue
        middle = (atoms[1:] + atoms[:-1]) / 2
        low = np.concatenate([[2 * atoms[0] - middle[0]], middle])
        high = np.concatenate([middle, [2 * atoms[-1] - middle[-1]]])
        place = np.clip(np.searchsorted(middle, values[:, j], side="right"), 0, len(atoms) - 1)
        columns.append(low[place] + (high - low)[place] * draws[:, j])
    return like_floating(np.column_stack(columns), X)


def mixed_ksg_pointwise(
    X: Array,
    Y: Array,
    n_neighbors: int = 3,
    *,
    condition: Array | None = None,
    metric: Metric = "chebyshev",
    far: float = math.inf,
    query: Sequence[Array] | None = None,
) -> Array:
    r"""One value a row whose mean is the mixed estimate of mutual information.

    Parameters
    ----------
    X, Y : array of shape (n, d) and (n, e)
        Real floating, n > `n_neighbors`; values may repeat. Nothing is rescaled.
    n_neighbors : int
    condition : array of shape (n, f), optional
        Estimate I(X; Y | condition).
    metric : {"chebyshev", "euclidean"}
        Within each variable; the joint distance is the largest of them.
    far : float
        Rows at least this far apart never count as neighbours: labels are encoded as coordinates
        that many units from each other. A row with fewer than `n_neighbors` others within `far`
        uses those it has. One with none contributes 0, unless every neighbour found is a
        duplicate: then the data are symbols, and such a row is a symbol seen once.
    query : sequence of arrays of shapes (l, d), (l, e) and, with a condition, (l, f), optional
        New rows at which to evaluate; the rows themselves, each left out, when None.

    Returns
    -------
    array of shape (n,) or (l,)
        Nats; detached, because it is made of counts.

    Notes
    -----
    With :math:`\rho_i` the distance to the k-th neighbour, counts are strict as in the KSG
    estimate, except where :math:`\rho_i = 0` or further neighbours lie at that very distance
    (atoms, rounded values): there the neighbourhood is closed, and k is the number of rows in
    it. All counts include the row itself, but for k where counts are strict:
    :math:`\psi(\tilde k_i) + \ln n - \psi(n_x) - \psi(n_y)`, and with a condition
    :math:`\psi(\tilde k_i) - \psi(n_{xz}) - \psi(n_{yz}) + \psi(n_z)`. Complexity as
    :func:`ksg_pointwise`. Sources: Gao, Kannan, Oh and Viswanath (2017), arXiv:1709.06212;
    Ross (2014), doi:10.1371/journal.pone.0087357; Mesner and Shalizi (2020), arXiv:1912.03387.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import mixed_ksg_pointwise
    >>> x = np.repeat([[0.0], [1.0]], 4, axis=0)
    >>> mixed_ksg_pointwise(x, x, 1).round(3)
    array([0.823, 0.823, 0.823, 0.823, 0.823, 0.823, 0.823, 0.823])
    """
    parts = [detached_numpy(part) for part in (X, Y, condition) if part is not None]
    rows = None if query is None else [detached_numpy(part) for part in query]
    total = len(parts[0]) + (0 if rows is None else 1)
    # One neighbour more than asked for shows whether others tie with the k-th.
    reach = min(n_neighbors + 1, len(parts[0]) - (rows is None))
    distances, _ = joint_neighbors(parts, reach, metric, rows)
    close = np.count_nonzero(distances[:, :n_neighbors] < far, axis=1)
    alone = close == 0
    radius = distances[np.arange(len(distances)), np.maximum(close, 1) - 1]
    if not alone.all() and np.all(radius[~alone] == 0):
        radius, alone = np.zeros_like(radius), np.zeros_like(alone)
    tied = radius == 0
    if reach > n_neighbors:
        tied |= (distances[:, -1] == radius) & ~alone

    def count(*which: int) -> np.ndarray:
        """Rows in the neighbourhood, the row itself included."""
        space = [parts[i] for i in which]
        places = None if rows is None else [rows[i] for i in which]
        counts = counts_below(space, radius, metric, places)
        if tied.any():
            closed = counts_below(space, radius, metric, places, strict=False)
            counts = np.where(tied, closed, counts)
        return counts + 1

    k = np.maximum(close, 1)
    if tied.any():
        k = np.where(tied, count(*range(len(parts))), k)
    values = digamma(k)
    if condition is None:
        values = values + math.log(total) - digamma(count(0)) - digamma(count(1))
    else:
        values = values + digamma(count(2)) - digamma(count(0, 2)) - digamma(count(1, 2))
    return like_floating(np.where(alone, 0.0, values), X)


def mixed_ksg(
    X: Array,
    Y: Array,
    n_neighbors: int = 3,
    *,
    condition: Array | None = None,
    metric: Metric = "chebyshev",
    far: float = math.inf,
) -> Array:
    r"""Mutual information of mixed data by nearest neighbours.

    Parameters
    ----------
    X, Y : array of shape (n, d) and (n, e)
        Real floating, n > `n_neighbors`; values may repeat.
    n_neighbors : int
    condition : array of shape (n, f), optional
    metric : {"chebyshev", "euclidean"}
    far : float
        Rows at least this far apart never count as neighbours (labels).

    Returns
    -------
    0-d array
        Nats; detached. The mean of :func:`mixed_ksg_pointwise`; see there for the formula, the
        complexity and the sources (arXiv:1709.06212).

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import mixed_ksg
    >>> rng = np.random.default_rng(0)
    >>> x = rng.integers(0, 5, size=(5000, 1)).astype(float)
    >>> y = x + 2 * rng.uniform(size=(5000, 1))
    >>> print(f"{mixed_ksg(x, y):.2f}")  # ln 5 - 4/5 ln 2 = 1.055
    1.05
    """
    xp = array_namespace(X, Y)
    values = mixed_ksg_pointwise(X, Y, n_neighbors, condition=condition, metric=metric, far=far)
    return xp.mean(values)
