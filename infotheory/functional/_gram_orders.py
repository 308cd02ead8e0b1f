"""Sums of Gram matrices for standard errors, and for many orders of the rows at once."""

from __future__ import annotations

import math

import numpy as np

from infotheory.functional._gram import gaussian_gram
from infotheory.functional._gram_compiled import MANY_COLUMNS, exponent_points, shared_sums
from infotheory.functional._gram_expansion import column_terms, pay

_BLOCK = 2**20  # entries of a Gram matrix held at once
_MANY_ROWS = 5000  # Gram matrices of more are made anew for each order
_FEW_COLUMNS = 16  # up to which that is as fast as looking up
_LEAST_SHARE = 1e-4  # of the largest mean kernel, from where sums by terms are exact enough
_PER_KERNEL = 1.0  # nanoseconds of a pair of rows of one column in compiled sums


def part_sums(
    X: np.ndarray, bandwidth: float, in_part: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the Gram matrix of X within each part, and between it and all rows.

    Parts are the columns of a boolean array (n, b). Each entry of the matrix is made once; memory
    is O(n (b + d)).
    """
    from infotheory._xp._gram_kernels import power_block, power_table

    n, d = X.shape
    weights = in_part.astype(np.float64)
    terms = column_terms(X, bandwidth)
    if terms is not None and pay((terms,), _PER_KERNEL):
        of_parts, of_all = terms.products(weights), terms.products(np.ones(n))
        return np.sum(of_parts**2, axis=0), of_all @ of_parts
    within, across = np.zeros(in_part.shape[1]), np.zeros(in_part.shape[1])
    points = exponent_points(X, bandwidth)
    columns, table = np.ascontiguousarray(points.T), power_table()
    start = 0
    while start < n:
        stop = min(n, start + max(1, _BLOCK // (n - start)))
        # The matrix is symmetric: what comes before these rows has been.
        if d <= MANY_COLUMNS:
            block = np.empty((stop - start, n - start))
            power_block(columns[:, start:], points[start:stop], table, block)
        else:
            block = gaussian_gram(X[start:stop], X[start:], bandwidth=bandwidth)
        own, size = weights[start:stop], stop - start
        across += np.sum(block, axis=1) @ own + np.sum(block[:, size:], axis=0) @ weights[stop:]
        within += np.einsum("ib,ib->b", own, block[:, :size] @ own)
        within += 2 * np.einsum("ib,ib->b", own, block[:, size:] @ weights[stop:])
        start = stop
    return within, across


def ordered_products(
    X: np.ndarray, Y: np.ndarray, bandwidth_x: float, bandwidth_y: float, orders: np.ndarray
) -> np.ndarray:
    """Sum of K o L for each order of the rows of Y, the rows of an array (b, n).

    Memory is O(n (b + d + e)), or O(n^2) for at most 5 000 rows of more than 16 columns each.
    """
    if X.shape[1] < Y.shape[1]:  # the orders are for what is cheaper to make anew
        X, Y, bandwidth_x, bandwidth_y = Y, X, bandwidth_y, bandwidth_x
        orders = np.argsort(orders, axis=1)
    if Y.shape[1] > _FEW_COLUMNS and len(X) <= _MANY_ROWS:
        from infotheory._xp._gram_kernels import gathered_products

        k, other = gaussian_gram(X, bandwidth=bandwidth_x), gaussian_gram(Y, bandwidth=bandwidth_y)
        out = np.empty(len(orders))
        gathered_products(k, other, np.ascontiguousarray(orders), out)
        return out
    of_x, of_y = column_terms(X, bandwidth_x), column_terms(Y, bandwidth_y)
    if of_x is not None and of_y is not None:
        b = len(orders)
        if pay((of_x, of_y), b * _PER_KERNEL, products=b):
            rows_of_y = np.concatenate([block.T for _, block in of_y.blocks()])
            return np.array([np.sum(of_x.products(rows_of_y[order]) ** 2) for order in orders])
    from infotheory._xp._gram_kernels import permuted_products, power_table

    xs = exponent_points(X, bandwidth_x)
    y_others = exponent_points(Y, bandwidth_y)[orders]
    x_columns = np.ascontiguousarray(xs.T)
    y_columns = np.ascontiguousarray(y_others.transpose(0, 2, 1))
    table, n = power_table(), len(xs)

    def work(pages: np.ndarray, out: np.ndarray) -> None:
        permuted_products(x_columns, xs, y_columns, y_others, table, pages, out)

    return shared_sums(work, n, n * len(orders), (len(orders),))


def pooled_row_sums(X: np.ndarray, n_first: int, bandwidth: float) -> np.ndarray:
    """Row sums of the Gram matrix over the first rows, over the rest, and of squares, (3, n)."""
    n, d = X.shape
    if d > MANY_COLUMNS:
        found = []
        step = max(1, _BLOCK // n)
        for start in range(0, n, step):
            block = gaussian_gram(X[start : start + step], X, bandwidth=bandwidth)
            parts = (block[:, :n_first], block[:, n_first:], block**2)
            found.append([np.sum(part, axis=1) for part in parts])
        return np.concatenate(found, axis=1)
    terms, squares = column_terms(X, bandwidth), column_terms(X, bandwidth / math.sqrt(2))
    if terms is not None and squares is not None and pay((terms, squares), 2 * _PER_KERNEL):
        is_first = np.arange(n) < n_first
        parts = terms.sums(np.stack([is_first, ~is_first], axis=1).astype(np.float64)).T
        # Between samples that are far apart rounding would be most of it.
        if float(np.sum(parts[1, :n_first])) > _LEAST_SHARE * n_first * (n - n_first):
            return np.stack([*parts, squares.sums(np.ones(n))])
    from infotheory._xp._gram_kernels import pooled_sums, power_table

    points = exponent_points(X, bandwidth)
    columns, table = np.ascontiguousarray(points.T), power_table()

    def work(pages: np.ndarray, out: np.ndarray) -> None:
        pooled_sums(columns, points, n_first, table, pages, out)

    return shared_sums(work, n, n, (3, n))


def weighted_row_sums(X: np.ndarray, bandwidth: float, weights: np.ndarray) -> np.ndarray:
    """The product of the Gram matrix of X and a vector (n,)."""
    n, d = X.shape
    if d > MANY_COLUMNS:
        step = max(1, _BLOCK // n)
        blocks = (gaussian_gram(X[i : i + step], X, bandwidth=bandwidth) for i in range(0, n, step))
        return np.concatenate([block @ weights for block in blocks])
    terms = column_terms(X, bandwidth)
    if terms is not None and pay((terms,), _PER_KERNEL):
        return terms.sums(weights)
    from infotheory._xp._gram_kernels import own_weighted_sums, power_table

    points = exponent_points(X, bandwidth)
    columns, table = np.ascontiguousarray(points.T), power_table()

    def work(pages: np.ndarray, out: np.ndarray) -> None:
        own_weighted_sums(columns, points, weights, table, pages, out)

    return shared_sums(work, n, n, (n,))
