"""Chebyshev neighbours from sorted columns: runs of ranks, intersected as sets of bits.

Differences are monotone in each argument even after rounding, so in one column the rows near a
point are one run of the sorted values, and binary search with the difference as predicate gives
its ends exactly; ``x - r`` and ``x + r`` would not. In several columns the neighbours are the
intersection of the runs. A run is the difference of two prefixes of its column, and every 64th
prefix is kept as a set of bits: intersecting runs is a few vector operations for 256 rows at once.
What lies between a kept prefix and the end of a run is cleared row by row (counts), or left in and
measured (nearest rows).

That is n^2 d / 256 operations for n rows and d columns, but up to some 10^5 rows it beats trees by
a wide margin, and more so the more columns there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infotheory._xp._compiling import inline, kernel

# Ranks between two kept prefixes: one word, so that runs of column 0 are whole words.
_STRIDE = 64
# Searches in flight at once: their memory accesses overlap.
_BATCH = 256


class Block(NamedTuple):
    """Rows in the order of column 0, each column sorted.

    The value of rank r in column j > 0 belongs to row ``places[j - 1, r]``. Bit w of word v of
    ``prefixes[j - 1, z]`` says whether row 64 v + w is among the first 64 z of column j.
    """

    start: int
    values: NDArray[np.float64]  # (column, rank)
    places: NDArray[np.int32]  # (column - 1, rank)
    prefixes: NDArray[np.uint64]  # (column - 1, prefix, word)


def sorted_blocks(rows: NDArray[np.float64], size: int) -> Iterator[Block]:
    """Cut rows that are in the order of column 0 into blocks; one at a time is in memory."""
    for start in range(0, rows.shape[0], size):
        values = np.ascontiguousarray(rows[start : start + size].T)
        places = np.argsort(values[1:], axis=1)
        values[1:] = np.take_along_axis(values[1:], places, axis=1)
        places = places.astype(np.int32)
        yield Block(start, values, places, _keep_prefixes(places))


@kernel
def _keep_prefixes(places):
    """Every 64th prefix of each column as a set of bits."""
    d, n = places.shape
    n_words = (n + 63) >> 6
    prefixes = np.zeros((d, n_words + 1, n_words), np.uint64)
    for j in range(d):
        for z in range(1, n_words + 1):
            for w in range(n_words):
                prefixes[j, z, w] = prefixes[j, z - 1, w]
            for r in range((z - 1) * _STRIDE, min(n, z * _STRIDE)):
                place = places[j, r]
                prefixes[j, z, place >> 6] |= np.uint64(1) << np.uint64(place & 63)
    return prefixes


@inline
def _search(values, points, limits, low, high, gathered):
    """Ends of the runs of sorted values within the limits of a batch of points.

    Gathering apart from comparing keeps both loops free of branches.
    """
    n = limits.size
    for i in range(n):
        low[i] = 0
        high[i] = 0
    size = values.size
    while size > 0:
        half = (size + 1) >> 1
        shifted = values[half - 1 :]
        step = np.uint64(half)
        for i in range(n):
            gathered[i] = shifted[low[i]]
        for i in range(n):
            low[i] += step if points[i] - gathered[i] > limits[i] else np.uint64(0)
        for i in range(n):
            gathered[i] = shifted[high[i]]
        for i in range(n):
            high[i] += step if gathered[i] - points[i] <= limits[i] else np.uint64(0)
        size -= half


@inline
def _any_run(low, high, n):
    """Whether any of the first n runs holds a row."""
    total = 0
    for i in range(n):
        total += low[i] < high[i]
    return total > 0


@inline
def _population(word):
    """Number of bits set; compilers know this pattern."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@inline
def _clear(bits, places, start, stop):
    """Take the rows of some ranks out of a set of bits."""
    for r in range(start, stop):
        place = places[r]
        bits[place >> 6] &= ~(np.uint64(1) << np.uint64(place & 63))


@kernel
def count_in_runs(values, places, prefixes, points, limits, out):
    """Add to ``out`` the number of rows within the limit of each point in every column.

    The first three are fields of a block; ``points`` are (column, point), best in the order of
    column 0.
    """
    d, n = values.shape
    every = ~np.uint64(0)
    low = np.empty((d, _BATCH), np.uint64)
    high = np.empty((d, _BATCH), np.uint64)
    gathered = np.empty(_BATCH)
    bits = np.empty(prefixes.shape[2], np.uint64)
    for start in range(0, limits.size, _BATCH):
        limit = limits[start : start + _BATCH]
        for j in range(d):
            _search(values[j], points[j, start:], limit, low[j], high[j], gathered)
            if not _any_run(low[j], high[j], limit.size):
                break
        else:
            for i in range(limit.size):
                a = np.int64(low[0, i])
                b = np.int64(high[0, i])
                # Limits below zero are for rows that count nothing.
                if not (limit[i] >= 0.0 and a < b):
                    continue
                if d == 1:
                    out[start + i] += b - a
                    continue
                first = a >> 6
                last = (b + 63) >> 6
                words = bits[first:last]
                for w in range(words.size):
                    words[w] = every
                words[0] &= every << np.uint64(a & 63)
                if b & 63:
                    words[-1] &= ~(every << np.uint64(b & 63))
                for j in range(1, d):
                    a = np.int64(low[j, i])
                    b = np.int64(high[j, i])
                    before = a >> 6
                    after = (b + 63) >> 6
                    excluded = prefixes[j - 1, before, first:last]
                    included = prefixes[j - 1, after, first:last]
                    for w in range(words.size):
                        words[w] &= included[w] & ~excluded[w]
                    _clear(bits, places[j - 1], before * _STRIDE, a)
                    _clear(bits, places[j - 1], b, min(n, after * _STRIDE))
                total = np.uint64(0)
                for w in range(words.size):
                    total += _population(words[w])
                out[start + i] += np.int64(total)


@kernel
def improve_nearest(values, prefixes, rows, labels, points, point_labels, same, distances, indices):
    """Bring the rows of a block into sorted lists of near rows that are already full.

    ``rows`` are the block's rows and ``labels`` their indices in the data; ``points`` are the
    queries, best in the order of column 0, and ``point_labels`` the lines of ``distances`` and
    ``indices`` they own. ``same`` says that a row is no neighbour of the point of its label.
    """
    d = values.shape[0]
    # Whole strides will do: what they add is measured and rejected.
    knots = values[:, ::_STRIDE].copy()
    k = distances.shape[1]
    low = np.empty((d, _BATCH), np.uint64)
    high = np.empty((d, _BATCH), np.uint64)
    column = np.empty(_BATCH)
    limits = np.empty(_BATCH)
    gathered = np.empty(_BATCH)
    bits = np.empty(prefixes.shape[2], np.uint64)
    for start in range(0, point_labels.size, _BATCH):
        size = min(_BATCH, point_labels.size - start)
        limit = limits[:size]
        for i in range(size):
            # Ties with the k-th change nothing, and among duplicates they would be many.
            limit[i] = np.nextafter(distances[point_labels[start + i], k - 1], -1.0)
        for j in range(d):
            for i in range(size):
                column[i] = points[start + i, j]
            _search(knots[j], column, limit, low[j], high[j], gathered)
            for i in range(size):
                # The run starts after the last knot too low, and ends before the first too high.
                low[j, i] = low[j, i] - np.uint64(1) if low[j, i] > np.uint64(0) else np.uint64(0)
            if not _any_run(low[j], high[j], size):
                break
        else:
            for i in range(size):
                first = np.int64(low[0, i])
                last = np.int64(high[0, i])
                if not (limit[i] >= 0.0 and first < last):
                    continue
                words = bits[first:last]
                for w in range(words.size):
                    words[w] = ~np.uint64(0)
                for j in range(1, d):
                    excluded = prefixes[j - 1, np.int64(low[j, i]), first:last]
                    included = prefixes[j - 1, np.int64(high[j, i]), first:last]
                    for w in range(words.size):
                        words[w] &= included[w] & ~excluded[w]
                label = point_labels[start + i]
                for w in range(first, last):
                    word = bits[w]
                    while word != np.uint64(0):
                        bit = word & (~word + np.uint64(1))
                        word ^= bit
                        place = 64 * w + np.int64(_population(bit - np.uint64(1)))
                        value = 0.0
                        for j in range(d):
                            value = max(value, abs(rows[place, j] - points[start + i, j]))
                        if value < distances[label, k - 1] and not (
                            same and labels[place] == label
                        ):
                            _insert(value, labels[place], distances[label], indices[label])


@inline
def _insert(value, index, distances, indices):
    """Insert a row into a sorted list unless it is there."""
    for p in range(indices.size):
        if indices[p] == index:
            return
    p = indices.size - 1
    while p > 0 and distances[p - 1] > value:
        distances[p] = distances[p - 1]
        indices[p] = indices[p - 1]
        p -= 1
    distances[p] = value
    indices[p] = index


@kernel
def nearest_in_line(values, points, same, out_distances, out_places):
    """Distances and places of the k values nearest to each point; both arrays are sorted.

    ``same`` says that the points are the values: each is then left out by place.
    """
    n = values.size
    start = 0
    for i in range(points.size):
        point = points[i]
        if same:
            left, right = i - 1, i + 1
        else:
            while start < n and values[start] < point:
                start += 1
            left, right = start - 1, start
        for z in range(out_places.shape[1]):
            below = point - values[left] if left >= 0 else np.inf
            above = values[right] - point if right < n else np.inf
            if right >= n or (left >= 0 and below <= above):
                out_distances[i, z] = below
                out_places[i, z] = left
                left -= 1
            else:
                out_distances[i, z] = above
                out_places[i, z] = right
                right += 1
