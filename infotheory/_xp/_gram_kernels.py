"""Row sums of Gaussian kernels over all pairs of rows, compiled: no pair is ever stored.

Points come column by column, scaled so that the exponent of a pair in base 2 is minus its squared
distance. Distances are those of differences, so nothing cancels far from the origin. Where both
clouds are one, each pair of rows is taken once and counts for both.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from infotheory._xp._compiling import fused_inline, fused_kernel

PAGE = 128  # rows that meet one other row in straight loops, which compile to vector code
# Exponents below it count as it: even products of two powers stay clear of the numbers near zero
# with which processors are slow. What is that small has to be told apart by logarithms.
LEAST = -500.0


@cache
def power_table() -> np.ndarray:
    """The lowest exponent, a number that rounds x when added, coefficients of 2^x.

    2^x = 2^k 2^(x - k) with k whole. The sum of x and the rounding number has k, plus the bias of
    exponents, in its lowest bits, and moved to where the exponent is they are 2^k.
    """
    fit = Chebyshev.interpolate(np.exp2, 10, domain=[-0.5, 0.5])
    powers = fit.convert(kind=Polynomial, domain=[-1, 1], window=[-1, 1])
    return np.array([LEAST, 1.5 * 2.0**52 + 1023, *powers.coef])


@fused_inline
def _powers(points, other, first, table, s):
    """s[i] = 2^-|a - other|^2 for the points a from the given one on."""
    low, rounding = table[0], table[1]
    c0, c1, c2, c3, c4, c5 = table[2], table[3], table[4], table[5], table[6], table[7]
    c6, c7, c8, c9, c10 = table[8], table[9], table[10], table[11], table[12]
    a, p = points[0, first : first + s.size], other[0]
    for i in range(s.size):
        gap = a[i] - p
        s[i] = -gap * gap
    for k in range(1, other.size):
        a, p = points[k, first : first + s.size], other[k]
        for i in range(s.size):
            gap = a[i] - p
            s[i] -= gap * gap
    for i in range(s.size):
        x = max(s[i], low)
        k = np.float64(x + rounding)
        r = x - (k - rounding)
        part = c6 + r * (c7 + r * (c8 + r * (c9 + r * c10)))
        part = c0 + r * (c1 + r * (c2 + r * (c3 + r * (c4 + r * (c5 + r * part)))))
        s[i] = part * np.int64(k.view(np.int64) << np.int64(52)).view(np.float64)


@fused_inline
def _total(s, half):
    """Sum of a page, which it overwrites: by halves, in vector code."""
    while half > 0:
        for i in range(half):
            s[i] += s[half + i]
        half >>= 1
    return s[0]


@fused_kernel
def row_sums(points, others, table, pages, out):
    """Add to out the sums over the rows of `others` (m, d) for some pages of `points` (d, n)."""
    n = points.shape[1]
    s = np.empty(PAGE)
    for z in range(pages.size):
        first = pages[z] * PAGE
        size = min(PAGE, n - first)
        total = out[first : first + size]
        for j in range(others.shape[0]):
            _powers(points, others[j], first, table, s[:size])
            for i in range(size):
                total[i] += s[i]


@fused_kernel
def own_row_sums(points, others, table, pages, out):
    """As `row_sums` where both clouds are one: each page meets itself and what comes after it."""
    n = points.shape[1]
    s = np.empty(PAGE)
    for z in range(pages.size):
        first = pages[z] * PAGE
        size = min(PAGE, n - first)
        total = out[first : first + size]
        for j in range(first, n):
            _powers(points, others[j], first, table, s[:size])
            for i in range(size):
                total[i] += s[i]
            # Only the last page is shorter, and nothing comes after it.
            if j >= first + PAGE:
                out[j] += _total(s, PAGE >> 1)


@fused_kernel
def own_pair_sums(x_points, x_others, y_points, y_others, table, pages, out):
    """Row sums of K, L, K o L, K o K and L o L, the rows of `out` (5, n), each pair once."""
    n = x_points.shape[1]
    s = np.empty(PAGE)
    t = np.empty(PAGE)
    u = np.empty(PAGE)
    v = np.empty(PAGE)
    w = np.empty(PAGE)
    for z in range(pages.size):
        first = pages[z] * PAGE
        size = min(PAGE, n - first)
        totals = out[:, first : first + size]
        for j in range(first, n):
            _powers(x_points, x_others[j], first, table, s[:size])
            _powers(y_points, y_others[j], first, table, t[:size])
            for i in range(size):
                u[i] = s[i] * t[i]
                v[i] = s[i] * s[i]
                w[i] = t[i] * t[i]
            for i in range(size):
                totals[0, i] += s[i]
                totals[1, i] += t[i]
                totals[2, i] += u[i]
                totals[3, i] += v[i]
                totals[4, i] += w[i]
            if j >= first + PAGE:
                out[0, j] += _total(s, PAGE >> 1)
                out[1, j] += _total(t, PAGE >> 1)
                out[2, j] += _total(u, PAGE >> 1)
                out[3, j] += _total(v, PAGE >> 1)
                out[4, j] += _total(w, PAGE >> 1)


@fused_kernel
def pooled_sums(points, others, n_first, table, pages, out):
    """Row sums over the first rows, over the rest, and of squares, the rows of `out` (3, n)."""
    n = points.shape[1]
    s = np.empty(PAGE)
    u = np.empty(PAGE)
    for z in range(pages.size):
        first = pages[z] * PAGE
        size = min(PAGE, n - first)
        totals = out[:, first : first + size]
        split = min(max(n_first - first, 0), size)
        for j in range(first, n):
            _powers(points, others[j], first, table, s[:size])
            of_rows = totals[0] if j < n_first else totals[1]
            for i in range(size):
                of_rows[i] += s[i]
                u[i] = s[i] * s[i]
                totals[2, i] += u[i]
            if j >= first + PAGE:
                out[2, j] += _total(u, PAGE >> 1)
                if split == PAGE:
                    out[0, j] += _total(s, PAGE >> 1)
                elif split == 0:
                    out[1, j] += _total(s, PAGE >> 1)
                else:
                    for i in range(PAGE):
                        if i < split:
                            out[0, j] += s[i]
                        else:
                            out[1, j] += s[i]


@fused_kernel
def own_weighted_sums(points, others, weights, table, pages, out):
    """Add to out the sums over j of k(x_i, x_j) weights_j, each pair of rows once."""
    n = points.shape[1]
    s = np.empty(PAGE)
    for z in range(pages.size):
        first = pages[z] * PAGE
        size = min(PAGE, n - first)
        total = out[first : first + size]
        own = weights[first : first + size]
        for j in range(first, n):
            _powers(points, others[j], first, table, s[:size])
            weight = weights[j]
            for i in range(size):
                total[i] += weight * s[i]
            if j >= first + PAGE:
                for i in range(PAGE):
                    s[i] *= own[i]
                out[j] += _total(s, PAGE >> 1)


@fused_kernel
def power_block(points, others, table, out):
    """The kernel of some rows (m, d) and all points (d, n) into `out` (m, n)."""
    for j in range(others.shape[0]):
        _powers(points, others[j], 0, table, out[j])


@fused_kernel
def permuted_products(x_points, x_others, y_points, y_others, table, pages, out):
    """Add to out[b] the sum of K o L for the b-th order of y, (b, e, n) and (b, n, e)."""
    n = x_points.shape[1]
    t = np.empty(PAGE)
    total = np.empty(PAGE)
    for z in range(pages.size):
        first = pages[z] * PAGE
        size = min(PAGE, n - first)
        block = np.empty((n - first, PAGE))
        for j in range(first, n):
            row = block[j - first]
            _powers(x_points, x_others[j], first, table, row[:size])
            if j >= first + PAGE:  # it counts for both of its rows
                for i in range(size):
                    row[i] *= 2.0
        for b in range(out.size):
            for i in range(PAGE):
                total[i] = 0.0
            for j in range(first, n):
                _powers(y_points[b], y_others[b, j], first, table, t[:size])
                row = block[j - first]
                for i in range(size):
                    total[i] += row[i] * t[i]
            out[b] += _total(total, PAGE >> 1)


@fused_kernel
def gathered_products(k, l, orders, out):  # noqa: E741
    """out[b] is the sum of K o L, both (n, n) and symmetric, for the b-th order of L."""
    n = k.shape[0]
    for b in range(orders.shape[0]):
        order = orders[b]
        total = 0.0
        for i in range(n):
            row = l[order[i]]
            part = 0.0
            for j in range(i):
                part += k[i, j] * row[order[j]]
            total += 2.0 * part + k[i, i] * row[order[i]]
        out[b] = total
