"""Neighbours in several columns, by a walk through a tree of pages.

Queries are taken a page at a time. One walk through the tree serves the whole page; what it cannot
decide is decided by straight loops over the columns of other pages, which compile to vector code.
In many columns, where no tree helps, that becomes a blocked exhaustive search.

Distances are *reduced*: the largest absolute difference for the Chebyshev metric, the largest sum
of squares over the groups of columns for the Euclidean one. Bounds are computed by the operations
of the distances in the same order. Rounding is monotone, so no bound exceeds what it bounds.
"""

from __future__ import annotations

import numpy as np

from infotheory._xp._compiling import inline, kernel
from infotheory._xp._selection import select

# Up to this many neighbours, sorted insertion beats collecting candidates and selecting among them.
FEW = 64


@inline
def _gap_max(a, b):
    """Least Chebyshev distance between points of two boxes."""
    largest = 0.0
    for j in range(a.shape[1]):
        largest = max(largest, max(a[0, j] - b[1, j], b[0, j] - a[1, j]))
    return largest


@inline
def _gap_sum(a, b, ends):
    """Least sum of squares, the largest of the groups, between points of two boxes."""
    largest = 0.0
    j = 0
    for end in ends:
        total = 0.0
        while j < end:
            difference = max(0.0, max(a[0, j] - b[1, j], b[0, j] - a[1, j]))
            total += difference * difference
            j += 1
        largest = max(largest, total)
    return largest


@inline
def _reach_sum(a, b):
    """Largest sum of squares between points of two boxes."""
    total = 0.0
    for j in range(a.shape[1]):
        difference = max(a[1, j] - b[0, j], b[1, j] - a[0, j])
        total += difference * difference
    return total


@inline
def _gaps_max(page, box, out):
    """Least Chebyshev distances from the rows of a page to a box."""
    for i in range(out.size):
        out[i] = 0.0
    for j in range(page.shape[0]):
        a, low, high = page[j], box[0, j], box[1, j]
        for i in range(out.size):
            out[i] = max(out[i], max(low - a[i], a[i] - high))


@inline
def _gaps_sum(page, box, ends, out, part):
    """Least sums of squares, the largest of the groups, from the rows of a page to a box."""
    for i in range(out.size):
        out[i] = 0.0
    j = 0
    for end in ends:
        for i in range(out.size):
            part[i] = 0.0
        while j < end:
            a, low, high = page[j], box[0, j], box[1, j]
            for i in range(out.size):
                x = max(0.0, max(low - a[i], a[i] - high))
                part[i] += x * x
            j += 1
        for i in range(out.size):
            out[i] = max(out[i], part[i])


@inline
def _reaches_sum(page, box, out):
    """Largest sums of squares from the rows of a page to points of a box."""
    for i in range(out.size):
        out[i] = 0.0
    for j in range(page.shape[0]):
        a, low, high = page[j], box[0, j], box[1, j]
        for i in range(out.size):
            x = max(high - a[i], a[i] - low)
            out[i] += x * x


@inline
def _distances_max(page, point, out):
    """Chebyshev distances from a point to the rows of a page; columns come in pairs."""
    a, b, p, q = page[0], page[1], point[0], point[1]
    for i in range(out.size):
        out[i] = max(abs(a[i] - p), abs(b[i] - q))
    j = 2
    while j + 2 < point.size:
        a, b, c, e = page[j], page[j + 1], page[j + 2], page[j + 3]
        p, q, r, s = point[j], point[j + 1], point[j + 2], point[j + 3]
        for i in range(out.size):
            left = max(abs(a[i] - p), abs(b[i] - q))
            out[i] = max(out[i], max(left, max(abs(c[i] - r), abs(e[i] - s))))
        j += 4
    if j < point.size:
        a, b, p, q = page[j], page[j + 1], point[j], point[j + 1]
        for i in range(out.size):
            out[i] = max(out[i], max(abs(a[i] - p), abs(b[i] - q)))


@inline
def _distances_sum(page, point, ends, out, part):
    """Sums of squares, the largest of the groups, from a point to the rows of a page."""
    j = 0
    for group in range(ends.size):
        total = out if group == 0 else part
        a, b, p, q = page[j], page[j + 1], point[j], point[j + 1]
        for i in range(out.size):
            x = a[i] - p
            y = b[i] - q
            total[i] = x * x + y * y
        j += 2
        while j < ends[group]:
            a, b, p, q = page[j], page[j + 1], point[j], point[j + 1]
            for i in range(out.size):
                x = a[i] - p
                y = b[i] - q
                total[i] = total[i] + x * x + y * y
            j += 2
        if group > 0:
            for i in range(out.size):
                out[i] = max(out[i], part[i])


@inline
def _offer(found, page, k, distances, rows, filled):
    """Keep the k nearest of what is kept and what a page offers; return the bound and the fill.

    Few neighbours are kept sorted. Many are kept in any order, with the k-th in place.
    """
    bound = distances[k - 1]
    hits = 0
    for i in range(found.size):
        hits += found[i] < bound
    if hits == 0:
        return bound, filled
    base = page * found.size
    if k <= FEW:
        for i in range(found.size):
            value = found[i]
            if value < bound:
                p = k - 1
                while p > 0 and distances[p - 1] > value:
                    distances[p] = distances[p - 1]
                    rows[p] = rows[p - 1]
                    p -= 1
                distances[p] = value
                rows[p] = base + i
                bound = distances[k - 1]
        return bound, filled
    for i in range(found.size):
        distances[filled] = found[i]
        rows[filled] = base + i
        filled += found[i] < bound
    if filled < k:
        distances[k - 1] = np.inf
        return np.inf, filled
    select(distances, rows, 0, filled, k - 1)
    return distances[k - 1], k


@inline
def _n_rows(tree, node):
    width = tree.pages.shape[2]
    return min(tree.order.size, tree.last[node] * width) - tree.first[node] * width


@inline
def _nearest_leaf(tree, box):
    """Leaf found by stepping to the child whose centre is nearer to the centre of a box."""
    node = 1
    while tree.last[node] - tree.first[node] > 1:
        node *= 2
        left = 0.0
        right = 0.0
        for j in range(box.shape[1]):
            centre = box[0, j] + box[1, j]
            left = max(left, abs(tree.box[node, 0, j] + tree.box[node, 1, j] - centre))
            right = max(right, abs(tree.box[node + 1, 0, j] + tree.box[node + 1, 1, j] - centre))
        node += right < left
    return node


@inline
def _list_inside(tree, start, home, listed):
    """List the leaves under a node, a given one first; return their number."""
    listed[0] = home
    n_listed = 1
    for page in range(tree.first[start], tree.last[start]):
        if tree.leaf_of[page] != home:
            listed[n_listed] = tree.leaf_of[page]
            n_listed += 1
    return n_listed


@inline
def _list_outside(tree, start, box, bound, ends, chebyshev, stack, listed):
    """List the leaves not under a node and nearer to a box than the bound; return their number."""
    n_listed = 0
    while start > 1:
        stack[0] = start ^ 1
        top = 1
        start >>= 1
        while top > 0:
            top -= 1
            node = stack[top]
            other = tree.box[node]
            gap = _gap_max(box, other) if chebyshev else _gap_sum(box, other, ends)
            if gap >= bound:
                continue
            if tree.last[node] - tree.first[node] == 1:
                listed[n_listed] = node
                n_listed += 1
            else:
                stack[top] = 2 * node
                stack[top + 1] = 2 * node + 1
                top += 2
    return n_listed


@kernel
def nearest(tree, queries, same, k, ends, chebyshev, n_local, complete, out_distances, out_rows):
    """Reduced distances and rows of the k nearest; ascending only for k up to ``FEW``.

    Both trees have one page width. ``same`` says that they are one: each row is then left out by
    position. Each page of queries starts from the smallest node that holds its leaf and ``n_local``
    rows, which gives bounds, and goes on to all leaves within the bounds if ``complete``.
    """
    n_pages, d, width = tree.pages.shape
    found = np.empty(width)
    part = np.empty(width)
    gaps = np.empty(width)
    points = np.empty((width, d))
    bounds = np.empty(width)
    filled = np.empty(width, np.intp)
    distances = np.empty((width, k + width + 1))
    rows = np.empty((width, k + width + 1), np.intp)
    listed = np.empty(n_pages, np.intp)
    stack = np.empty(128, np.intp)
    for page in range(queries.pages.shape[0]):
        n_points = min(width, queries.order.size - page * width)
        box = queries.box[queries.leaf_of[page]]
        block = queries.pages[page]
        for s in range(n_points):
            for j in range(d):
                points[s, j] = block[j, s]
            for z in range(k):
                distances[s, z] = np.inf
                rows[s, z] = 0
            bounds[s] = np.inf
            filled[s] = 0
        home = queries.leaf_of[page] if same else _nearest_leaf(tree, box)
        start = home
        while start > 1 and _n_rows(tree, start) < n_local:
            start >>= 1
        for stage in range(2 if complete else 1):
            if stage == 0:
                n_listed = _list_inside(tree, start, home, listed)
            else:
                bound = 0.0
                for s in range(n_points):
                    bound = max(bound, bounds[s])
                n_listed = _list_outside(tree, start, box, bound, ends, chebyshev, stack, listed)
            for z in range(n_listed):
                other = tree.first[listed[z]]
                if chebyshev:
                    _gaps_max(block, tree.box[listed[z]], gaps)
                else:
                    _gaps_sum(block, tree.box[listed[z]], ends, gaps, part)
                for s in range(n_points):
                    if gaps[s] < bounds[s]:
                        if chebyshev:
                            _distances_max(tree.pages[other], points[s], found)
                        else:
                            _distances_sum(tree.pages[other], points[s], ends, found, part)
                        if same and other == page:
                            found[s] = np.inf
                        bounds[s], filled[s] = _offer(
                            found, other, k, distances[s], rows[s], filled[s]
                        )
        for s in range(n_points):
            row = queries.order[page * width + s]
            for z in range(k):
                out_distances[row, z] = distances[s, z]
                out_rows[row, z] = tree.order[rows[s, z]]


@kernel
def count(tree, queries, limits, out):
    """Number of rows of the tree at a sum of squares of at most ``limits`` from each query."""
    _, d, width = tree.pages.shape
    ends = np.array([d])
    found = np.empty(width)
    part = np.empty(width)
    gaps = np.empty(width)
    reaches = np.empty(width)
    points = np.empty((width, d))
    limit = np.empty(width)
    totals = np.empty(width, np.intp)
    stack = np.empty(128, np.intp)
    for page in range(queries.pages.shape[0]):
        n_points = min(width, queries.order.size - page * width)
        box = queries.box[queries.leaf_of[page]]
        block = queries.pages[page]
        near = np.inf
        far = -1.0
        for s in range(n_points):
            limit[s] = limits[queries.order[page * width + s]]
            # Queries that can count nothing must not hold back the others.
            if limit[s] >= 0.0:
                near = min(near, limit[s])
                far = max(far, limit[s])
            totals[s] = 0
            for j in range(d):
                points[s, j] = block[j, s]
        inside = 0
        stack[0] = 1
        top = 1
        while top > 0:
            top -= 1
            node = stack[top]
            gap = _gap_sum(box, tree.box[node], ends)
            if gap > far:
                continue
            reach = _reach_sum(box, tree.box[node])
            size = _n_rows(tree, node)
            if reach <= near:
                inside += size
                continue
            # Where all pairs are equally far (duplicates), the node decides without its pages.
            if gap < reach and tree.last[node] - tree.first[node] > 1:
                stack[top] = 2 * node
                stack[top + 1] = 2 * node + 1
                top += 2
                continue
            other = tree.pages[tree.first[node]]
            _gaps_sum(block, tree.box[node], ends, gaps, part)
            _reaches_sum(block, tree.box[node], reaches)
            for s in range(n_points):
                if gaps[s] <= limit[s]:
                    if reaches[s] <= limit[s]:
                        totals[s] += size
                    else:
                        _distances_sum(other, points[s], ends, found, part)
                        hits = 0
                        for i in range(width):
                            hits += found[i] <= limit[s]
                        totals[s] += hits
        for s in range(n_points):
            row = queries.order[page * width + s]
            out[row] = totals[s] + inside if limit[s] >= 0.0 else 0
