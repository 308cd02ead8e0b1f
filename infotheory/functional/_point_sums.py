"""Sums of exponentials over all pairs of two clouds, compiled: no pair is ever stored.

Points come in pages of ``PAGE`` rows, column by column, so that one point of the other cloud meets
a page in straight loops, which compile to vector code. Exponents are in base 2.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from infotheory._xp._compiling import fused_inline, fused_kernel

PAGE, TILE = 128, 64  # rows of a page; points of the other cloud between two additions in float64


@cache
def exponential_table(dtype: type[np.floating]) -> np.ndarray:
    """What 2^x takes: the range of x, a number that rounds x when added, coefficients.

    2^x = 2^k 2^(x - k) with k whole. The sum of x and the rounding number has k, plus the bias of
    exponents, in its lowest bits, and moved to where the exponent is they are 2^k. Less than the
    range gives what is as good as zero but is not so small that processors become slow.
    """
    if dtype == np.float32:
        limits, rounding, degree = (-64.0, 126.0), 1.5 * 2.0**23 + 127, 5
    else:
        limits, rounding, degree = (-128.0, 1000.0), 1.5 * 2.0**52 + 1023, 10
    fit = Chebyshev.interpolate(np.exp2, degree, domain=[-0.5, 0.5])
    powers = fit.convert(kind=Polynomial, domain=[-1, 1], window=[-1, 1])
    return np.array([*limits, rounding, *powers.coef], dtype=dtype)


@fused_inline
def _add_powers(s, w, table, total):
    """Add w 2^s."""
    low, high, rounding = table[0], table[1], table[2]
    c0, c1, c2, c3, c4, c5 = table[3], table[4], table[5], table[6], table[7], table[8]
    if s.itemsize == 4:
        for i in range(s.size):
            x = min(max(s[i], low), high)
            k = np.float32(x + rounding)
            r = x - (k - rounding)
            part = c0 + r * (c1 + r * (c2 + r * (c3 + r * (c4 + r * c5))))
            whole = np.int32(k.view(np.int32) << np.int32(23)).view(np.float32)
            total[i] += w * (part * whole)
    else:
        c6, c7, c8, c9, c10 = table[9], table[10], table[11], table[12], table[13]
        for i in range(s.size):
            x = min(max(s[i], low), high)
            k = np.float64(x + rounding)
            r = x - (k - rounding)
            part = c6 + r * (c7 + r * (c8 + r * (c9 + r * c10)))
            part = c0 + r * (c1 + r * (c2 + r * (c3 + r * (c4 + r * (c5 + r * part)))))
            whole = np.int64(k.view(np.int64) << np.int64(52)).view(np.float64)
            total[i] += w * (part * whole)


@fused_inline
def _scores(page, u, y, v, by_distance, s):
    """u + v + x . y, or u + v - |x - y|; columns come in fours."""
    a, b, c, e = page[0], page[1], page[2], page[3]
    p, q, r, t = y[0], y[1], y[2], y[3]
    if not by_distance:
        for i in range(s.size):
            s[i] = u[i] + v + a[i] * p + b[i] * q + c[i] * r + e[i] * t
        for k in range(4, y.size, 4):
            a, b, c, e = page[k], page[k + 1], page[k + 2], page[k + 3]
            p, q, r, t = y[k], y[k + 1], y[k + 2], y[k + 3]
            for i in range(s.size):
                s[i] += a[i] * p + b[i] * q + c[i] * r + e[i] * t
        return
    for i in range(s.size):
        j, k, m, n = a[i] - p, b[i] - q, c[i] - r, e[i] - t
        s[i] = j * j + k * k + m * m + n * n
    for z in range(4, y.size, 4):
        a, b, c, e = page[z], page[z + 1], page[z + 2], page[z + 3]
        p, q, r, t = y[z], y[z + 1], y[z + 2], y[z + 3]
        for i in range(s.size):
            j, k, m, n = a[i] - p, b[i] - q, c[i] - r, e[i] - t
            s[i] += j * j + k * k + m * m + n * n
    for i in range(s.size):
        s[i] = u[i] + v - np.sqrt(s[i])


@fused_inline
def _bound(box, top, other, other_top, slope, by_distance):
    """No exponent between the points of two boxes is above it."""
    square = 0.0
    for j in range(box.shape[1]):
        gap = max(0.0, max(box[0, j] - other[1, j], other[0, j] - box[1, j]))
        square += gap * gap
    apart = np.sqrt(square) if by_distance else square / 2
    return top + other_top - slope * apart


@fused_kernel
def power_sums(
    pages, u, boxes, tops, Y, v, w, tiles, tile_tops, slope, by_distance, least, table, span, out
):
    """Sums over the points of Y of w 2^exponent, for the points of pages span[0] to span[1].

    Pairs of page and tile whose exponents are all below `least` are left out.
    """
    s = np.empty(PAGE, pages.dtype)
    part = np.empty(PAGE, pages.dtype)
    for page in range(span[0], span[1]):
        total = out[page]
        for i in range(PAGE):
            total[i] = 0.0
        for tile in range(tiles.shape[0]):
            top = _bound(boxes[page], tops[page], tiles[tile], tile_tops[tile], slope, by_distance)
            if top < least:
                continue
            for i in range(PAGE):
                part[i] = 0.0
            for j in range(tile * TILE, min(v.size, (tile + 1) * TILE)):
                _scores(pages[page], u[page], Y[j], v[j], by_distance, s)
                _add_powers(s, w[j], table, part)
            for i in range(PAGE):
                total[i] += part[i]


@fused_kernel
def largest_scores(pages, u, Y, v, by_distance, span, out):
    """The largest exponent of each point of some pages."""
    s = np.empty(PAGE, pages.dtype)
    for page in range(span[0], span[1]):
        top = out[page]
        for i in range(PAGE):
            top[i] = -np.inf
        for j in range(v.size):
            _scores(pages[page], u[page], Y[j], v[j], by_distance, s)
            for i in range(PAGE):
                top[i] = max(top[i], s[i])
