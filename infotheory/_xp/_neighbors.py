"""Nearest rows and numbers of rows within a radius, exact to the last bit.

A distance is what the formula gives in float64: the largest absolute difference (Chebyshev), or the
square root of the sum of squares in column order (Euclidean). Every comparison is made between such
numbers, ties included, so counts agree with a pairwise evaluation.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Metric = Literal["chebyshev", "euclidean"]

# From this many columns on, sorted columns find Chebyshev neighbours faster than the tree.
_MANY_COLUMNS = 8
# Rows in a page of the tree.
_PAGE = 64
# Rows in a block of sorted columns, which takes 2 MiB a column.
_BLOCK = 32_768


def nearest(
    X: NDArray[np.floating],
    k: int,
    *,
    metric: Metric = "chebyshev",
    groups: tuple[int, ...] | None = None,
    query: NDArray[np.floating] | None = None,
) -> tuple[Floats, NDArray[np.intp]]:
    """The k nearest rows of X, for each row of X or of `query`.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Finite.
    k : int
        At most n - 1, or n with `query`.
    metric : {"chebyshev", "euclidean"}
        Distance within a group of columns.
    groups : tuple of int, optional
        Sizes of consecutive groups of columns; the distance is the largest over the groups. By
        default there is one group. The Chebyshev distance does not depend on them.
    query : ndarray of shape (m, d), optional
        Points to look from. By default the rows of X, each left out of its own neighbours by
        index, so that duplicates count.

    Returns
    -------
    distances : ndarray of float64, shape (m, k)
        Ascending.
    indices : ndarray of intp, shape (m, k)
        Rows of X. Among equally distant rows any may be returned.

    Notes
    -----
    One column is sorted. In a few columns a KD-tree is walked; from eight on the Chebyshev metric
    intersects sorted columns instead, about n^2 d / 256 operations. Memory is O((n + m) (d + k))
    and a block of 32 768 sorted rows, 2 MiB a column.
    """
    X, points = _rows(X, query)
    ends, chebyshev = _groups(X.shape[1], metric, groups)
    same = query is None
    if X.shape[1] == 1:
        return _nearest_in_line(X[:, 0], points[:, 0], k, same)
    from infotheory._xp import _tree_search
    from infotheory._xp._tree import grow

    by_columns = chebyshev and X.shape[1] >= _MANY_COLUMNS and k <= _tree_search.FEW
    n_local = 2 * math.isqrt(k * X.shape[0]) if by_columns else 2 * k
    tree = grow(_pad(X, ends), _PAGE)
    queries = tree if same else grow(_pad(points, ends), _PAGE)
    distances = np.empty((points.shape[0], k))
    indices = np.empty((points.shape[0], k), np.intp)
    _tree_search.nearest(
        tree,
        queries,
        same,
        k,
        _even(ends),
        chebyshev,
        n_local,
        not by_columns,
        distances,
        indices,
    )
    if by_columns:
        _improve_by_columns(X, points, distances, indices, same)
    if k > _tree_search.FEW:
        order = np.argsort(distances, axis=1)
        distances = np.take_along_axis(distances, order, axis=1)
        indices = np.take_along_axis(indices, order, axis=1)
    return distances if chebyshev else np.sqrt(distances), indices


def count_within(
    X: NDArray[np.floating],
    radius: NDArray[np.floating],
    *,
    metric: Metric = "chebyshev",
    strict: bool = True,
    query: NDArray[np.floating] | None = None,
) -> NDArray[np.intp]:
    """Number of rows of X within a radius of each row of X or of `query`.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Finite.
    radius : ndarray of shape (m,)
        One for each point; may be infinite.
    metric : {"chebyshev", "euclidean"}
        Distance.
    strict : bool
        Count distances below the radius; otherwise those at the radius too.
    query : ndarray of shape (m, d), optional
        Points to look from. By default the rows of X, each left out of its own count by index: a
        non-strict count at radius 0 is the number of exact duplicates.

    Returns
    -------
    counts : ndarray of intp, shape (m,)

    Notes
    -----
    One column is sorted. Several are intersected, about n^2 d / 256 operations, for the Chebyshev
    metric; for the Euclidean one a KD-tree is walked. Memory is O((n + m) d) and a block of 32 768
    sorted rows, 2 MiB a column.
    """
    X, points = _rows(X, query)
    ends, chebyshev = _groups(X.shape[1], metric, None)
    same = query is None
    limits = _limits(np.asarray(radius, dtype=np.float64), chebyshev, strict)
    if chebyshev:
        counts = _count_by_columns(X, points, limits, same)
    else:
        from infotheory._xp import _tree_search
        from infotheory._xp._tree import grow

        tree = grow(_pad(X, ends), _PAGE)
        queries = tree if same else grow(_pad(points, ends), _PAGE)
        counts = np.empty(points.shape[0], np.intp)
        _tree_search.count(tree, queries, limits, counts)
    return counts - (limits >= 0.0) if same else counts


def _rows(X: NDArray[np.floating], query: NDArray[np.floating] | None) -> tuple[Floats, Floats]:
    """Copies, since the kernels are compiled once: for writable float64 in C order."""
    X = np.array(X, dtype=np.float64, order="C")
    return X, X if query is None else np.array(query, dtype=np.float64, order="C")


def _groups(d: int, metric: Metric, groups: tuple[int, ...] | None) -> tuple[list[int], bool]:
    """Ends of the groups, and whether the distance is Chebyshev's.

    It is for groups of one column, too: the root of a rounded square is the absolute value.
    """
    ends = np.cumsum(groups or (d,)).tolist()
    chebyshev = metric == "chebyshev" or len(ends) == d
    return [d] if chebyshev else ends, chebyshev


def _even(ends: list[int]) -> NDArray[np.intp]:
    """Ends of the groups once each has an even number of columns."""
    sizes = np.diff(ends, prepend=0)
    return np.cumsum(sizes + sizes % 2)


def _pad(X: Floats, ends: list[int]) -> Floats:
    """Give each group an even number of columns; columns of zeros change no distance."""
    parts = []
    for group in np.split(X, ends[:-1], axis=1):
        parts.append(group)
        if group.shape[1] % 2:
            parts.append(np.zeros((X.shape[0], 1)))
    return X if len(parts) == 1 else np.concatenate(parts, axis=1)


def _limits(radius: Floats, chebyshev: bool, strict: bool) -> Floats:
    """Turn a radius into the largest value that counts: a float, compared by <=.

    The tree compares sums of squares; theirs is the largest float whose root is within the radius.
    Where nothing counts it is negative.
    """
    if strict:
        radius = np.nextafter(radius, -np.inf)
    if chebyshev:
        return radius
    root = np.maximum(radius, 0.0)
    with np.errstate(over="ignore", under="ignore"):
        limits = root * root
        while np.any(above := np.sqrt(limits) > root):
            limits = np.where(above, np.nextafter(limits, 0.0), limits)
        following = np.nextafter(limits, np.inf)
        while np.any(within := (following > limits) & (np.sqrt(following) <= root)):
            limits = np.where(within, following, limits)
            following = np.nextafter(limits, np.inf)
    return np.where(radius >= 0.0, limits, -1.0)


def _nearest_in_line(
    x: Floats, points: Floats, k: int, same: bool
) -> tuple[Floats, NDArray[np.intp]]:
    from infotheory._xp._kernels import nearest_in_line

    order = np.argsort(x)
    point_order = order if same else np.argsort(points)
    found = np.empty((points.size, k))
    places = np.empty((points.size, k), np.intp)
    nearest_in_line(x[order], points[point_order], same, found, places)
    distances = np.empty_like(found)
    indices = np.empty_like(places)
    distances[point_order] = found
    indices[point_order] = order[places]
    return distances, indices


def _widest_first(X: Floats, points: Floats, same: bool) -> tuple[Floats, Floats]:
    """Put first the column that tells most rows apart, judged by some of the rows."""
    if X.shape[1] == 1:
        return X, points
    sample = X[:: max(1, X.shape[0] // 1000)]
    spread = np.abs(sample - np.median(sample, axis=0)).mean(axis=0)
    columns = np.argsort(-spread, kind="stable")
    X = X[:, columns]
    return X, X if same else points[:, columns]


def _count_by_columns(X: Floats, points: Floats, limits: Floats, same: bool) -> NDArray[np.intp]:
    from infotheory._xp._kernels import count_in_runs, sorted_blocks

    X, points = _widest_first(X, points, same)
    order = np.argsort(X[:, 0])
    point_order = order if same else np.argsort(points[:, 0])
    columns = np.ascontiguousarray(points[point_order].T)
    limits = limits[point_order]
    found = np.zeros(limits.size, np.intp)
    for block in sorted_blocks(X[order], _BLOCK if X.shape[1] > 1 else X.shape[0]):
        count_in_runs(block.values, block.places, block.prefixes, columns, limits, found)
    counts = np.empty_like(found)
    counts[point_order] = found
    return counts


def _improve_by_columns(
    X: Floats, points: Floats, distances: Floats, indices: NDArray[np.intp], same: bool
) -> None:
    """Bring lists of k near rows, in place, to the k nearest rows."""
    from infotheory._xp._kernels import improve_nearest, sorted_blocks

    X, points = _widest_first(X, points, same)
    order = np.argsort(X[:, 0])
    point_order = order if same else np.argsort(points[:, 0])
    rows = X[order]
    points = points[point_order]
    for block in sorted_blocks(rows, _BLOCK):
        part = slice(block.start, block.start + _BLOCK)
        improve_nearest(
            block.values,
            block.prefixes,
            rows[part],
            order[part],
            points,
            point_order,
            same,
            distances,
            indices,
        )
