"""Quadratic forms z^T f(A) z of functions of a matrix from its products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Product = Callable[[np.ndarray], np.ndarray]
Function = Callable[[np.ndarray], np.ndarray]

_CHECK_EVERY = 5


class QuadraticForms(NamedTuple):
    """Of each vector z the values z^T f(A) z and z^T A z; how far the first may be off on average.

    `n_products` counts products of A with one vector.
    """

    values: np.ndarray
    linear: np.ndarray
    gap: float
    n_products: int


def lanczos_forms(
    product: Product,
    vectors: np.ndarray,
    function: Function,
    degree: int,
    tol: float,
    least_degree: int = 1,
) -> QuadraticForms:
    """By Gauss quadrature and Gauss-Radau quadrature with a node at 0, of each vector alone.

    Where derivatives of the orders 2 m and above alternate in sign on the positive half line, as
    those of x ln x do for m = 1 and those of x^a for m > a / 2, the two rules of m steps enclose
    the value; the mean of both is returned and half their distance is the gap. From
    `least_degree` steps on, no more are taken once the mean gap is below `tol`.
    """
    s = vectors.shape[1]
    squares = np.sum(vectors * vectors, axis=0)
    now = vectors / np.sqrt(squares)
    before, beta = np.zeros_like(now), np.zeros(s)
    diagonals, offs = np.zeros((degree, s)), np.zeros((degree, s))
    values, gap, step = np.zeros(s), np.inf, 0
    for step in range(degree):
        moved = product(now) - beta * before
        diagonals[step] = np.sum(moved * now, axis=0)
        moved = moved - diagonals[step] * now
        beta = np.sqrt(np.sum(moved * moved, axis=0))
        # An invariant subspace: the forms are exact, and what follows has no weight.
        beta = np.where(beta > 1e-14 * np.abs(diagonals[0]), beta, 0.0)
        offs[step] = beta
        before, now = now, moved / np.where(beta > 0, beta, 1.0) * (beta > 0)
        last = step + 1 == degree
        if last or (step + 1) % _CHECK_EVERY == 0:
            gauss, radau = _rules(diagonals[: step + 1], offs[: step + 1], function)
            values = squares * (gauss + radau) / 2
            gap = float(np.mean(squares * np.abs(gauss - radau)) / 2)
            if last or not np.any(beta) or (gap <= tol and step + 1 >= least_degree):
                break
    return QuadraticForms(values, squares * diagonals[0], gap, s * (step + 1))


def _rules(
    diagonals: np.ndarray, offs: np.ndarray, function: Function
) -> tuple[np.ndarray, np.ndarray]:
    """Both rules for each of the tridiagonal matrices: steps along the first axis."""
    steps, s = diagonals.shape
    extended = np.zeros((s, steps + 1, steps + 1))
    i = np.arange(steps)
    extended[:, i, i] = diagonals.T
    extended[:, i, i + 1] = extended[:, i + 1, i] = offs.T
    nodes, vectors = np.linalg.eigh(extended[:, :steps, :steps])
    gauss = np.sum(vectors[:, 0] ** 2 * function(nodes), axis=1)
    # The last entry that gives the extended matrix the eigenvalue 0.
    floor = np.finfo(float).eps * nodes[:, -1:]
    extended[:, -1, -1] = np.sum(
        (offs[-1][:, None] * vectors[:, -1]) ** 2 / np.maximum(nodes, floor), axis=1
    )
    nodes, vectors = np.linalg.eigh(extended)
    return gauss, np.sum(vectors[:, 0] ** 2 * function(nodes), axis=1)


def chebyshev_forms(
    product: Product, vectors: np.ndarray, function: Function, degree: int, bound: float
) -> QuadraticForms:
    """By a Chebyshev series of twice as many terms as there are products, on [0, bound].

    The gap is the largest error of the series times the mean square of the vectors.
    """
    terms = 2 * degree
    coefficients = _series(function, 8 * terms, bound)[: terms + 1]
    grid = np.concatenate([[0.0], bound * np.linspace(0, 1, 64 * terms) ** 2])
    series = np.polynomial.chebyshev.chebval(2 * grid / bound - 1, coefficients)
    worst = float(np.max(np.abs(series - function(grid))))

    def shifted(v: np.ndarray) -> np.ndarray:
        return 2 * product(v) / bound - v

    before, now = vectors, shifted(vectors)
    zeroth, first = np.sum(vectors * vectors, axis=0), np.sum(vectors * now, axis=0)
    values = coefficients[0] * zeroth + coefficients[1] * first
    for k in range(1, degree + 1):
        values = values + coefficients[2 * k] * (2 * np.sum(now * now, axis=0) - zeroth)
        if k == degree:
            break
        before, now = now, 2 * shifted(now) - before
        odd = 2 * np.sum(now * before, axis=0) - first
        values = values + coefficients[2 * k + 1] * odd
    linear = bound * (zeroth + first) / 2
    gap = worst * float(np.mean(zeroth))
    return QuadraticForms(values, linear, gap, vectors.shape[1] * degree)


def _series(function: Function, n_nodes: int, bound: float) -> np.ndarray:
    """Chebyshev coefficients on [0, bound], by interpolation."""
    from scipy.fft import dct

    angles = np.pi * (np.arange(n_nodes) + 0.5) / n_nodes
    found = dct(function(bound * (1 + np.cos(angles)) / 2), type=2)
    coefficients = np.asarray(found) / n_nodes
    coefficients[0] /= 2
    return coefficients
