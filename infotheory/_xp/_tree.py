"""A KD-tree whose leaves are pages of rows, kept column by column."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infotheory._xp._compiling import inline, kernel
from infotheory._xp._selection import select

# Rows looked at when a node picks its widest column.
_SAMPLE = 64


class Tree(NamedTuple):
    """Rows in tree order. Node 1 is the root; node i has children 2 i and 2 i + 1.

    Node i holds the pages ``first[i]`` to ``last[i]`` (exclusive); a leaf holds one page, and
    ``leaf_of`` is its inverse. Row p of the tree is row ``order[p]`` of the data and sits in page
    p // width, slot p % width. Unused slots of the last page are infinite.
    """

    order: NDArray[np.intp]
    first: NDArray[np.intp]
    last: NDArray[np.intp]
    leaf_of: NDArray[np.intp]
    box: NDArray[np.float64]  # (node, lower and upper, column)
    pages: NDArray[np.float64]  # (page, column, slot)


@inline
def _widest(X, order, start, stop):
    """Column of the largest spread among some rows spread over the range."""
    step = max(1, (stop - start) // _SAMPLE)
    widest = -1.0
    column = 0
    for j in range(X.shape[1]):
        low = np.inf
        high = -np.inf
        for i in range(start, stop, step):
            value = X[order[i], j]
            low = min(low, value)
            high = max(high, value)
        if high - low > widest:
            widest = high - low
            column = j
    return column


@kernel
def grow(X, width):
    """Tree over the rows of X, ``width`` a page, split at the median of the widest column.

    Columns come in pairs.
    """
    n, d = X.shape
    n_pages = (n + width - 1) // width
    size = 2
    while size < 2 * n_pages:
        size *= 2
    order = np.empty(n, np.intp)
    for i in range(n):
        order[i] = i
    keys = np.empty(n)
    first = np.zeros(size, np.intp)
    last = np.zeros(size, np.intp)
    last[1] = n_pages
    for node in range(1, size):
        if last[node] - first[node] < 2:
            continue
        middle = (first[node] + last[node]) >> 1
        start = first[node] * width
        stop = min(n, last[node] * width)
        column = _widest(X, order, start, stop)
        for i in range(start, stop):
            keys[i] = X[order[i], column]
        select(keys, order, start, stop, middle * width)
        first[2 * node] = first[node]
        last[2 * node] = middle
        first[2 * node + 1] = middle
        last[2 * node + 1] = last[node]
    pages = np.empty((n_pages, d, width))
    box = np.empty((size, 2, d))
    leaf_of = np.empty(n_pages, np.intp)
    for node in range(size - 1, 0, -1):
        page = first[node]
        if last[node] - page == 1:
            leaf_of[page] = node
            start = page * width
            n_rows = min(width, n - start)
            for j in range(d):
                for i in range(n_rows, width):
                    pages[page, j, i] = np.inf
                low = np.inf
                high = -np.inf
                for i in range(n_rows):
                    value = X[order[start + i], j]
                    pages[page, j, i] = value
                    low = min(low, value)
                    high = max(high, value)
                box[node, 0, j] = low
                box[node, 1, j] = high
        elif last[node] > page:
            for j in range(d):
                box[node, 0, j] = min(box[2 * node, 0, j], box[2 * node + 1, 0, j])
                box[node, 1, j] = max(box[2 * node, 1, j], box[2 * node + 1, 1, j])
    return Tree(order, first, last, leaf_of, box, pages)
