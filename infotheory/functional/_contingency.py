"""Mutual information of discrete variables from their codes, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from infotheory._xp import detached_numpy
from infotheory._xp._codes import joint_codes
from infotheory._xp._namespace import Array
from infotheory.functional._counts import (
    Jackknife,
    as_result,
    check_choices,
    entropy_of_frequencies,
    jackknife,
    leave_one_out_of_frequencies,
)
from infotheory.functional._frequencies import frequency_table

# Mutual information is a signed sum of the entropies of these sets of variables; the first two
# sets are what it compares, the third holds all variables, the fourth is the condition.
_PAIR = ((1.0, (0,)), (1.0, (1,)), (-1.0, (0, 1)))
_CONDITIONAL = ((1.0, (0, 2)), (1.0, (1, 2)), (-1.0, (0, 1, 2)), (-1.0, (2,)))


class _Table(NamedTuple):
    """The counts of some of the variables."""

    sign: float
    counts: np.ndarray
    member: np.ndarray  # where each distinct row of all variables is counted
    n_categories: float | None


def discrete_mutual_information(
    x: Array,
    y: Array,
    *,
    condition: Array | None = None,
    n_symbols: Sequence[int] | None = None,
    method: str = "chao-wang-jost",
    n_categories: float | Sequence[float | None] | None = None,
    pseudocount: float | None = None,
) -> Array:
    r"""Mutual information of two discrete variables, given a third if there is one.

    Parameters
    ----------
    x, y : integer arrays of shape (n,)
        Codes 0, 1, 2, ... of the symbol in each row.
    condition : integer array of shape (n,), optional
        Codes of a third variable: the result is the conditional mutual information.
    n_symbols : sequence of int, optional
        For each variable (x, y, condition) a number above all its codes; by default the largest
        code plus one. Not every code need occur.
    method : str
        How each entropy is estimated, as in :func:`discrete_entropy`.
    n_categories : float or sequence of float, optional
        Number of possible categories of each variable (one number: of all alike), for
        "shrinkage", "dirichlet", "bayes" and "nsb". A joint table has their product. By default
        each table has the number of its cells observed.
    pseudocount : float, optional
        As in :func:`discrete_entropy`, for the cells of each table.

    Returns
    -------
    array of shape ()
        Nats, float64, in the library and on the device of `x`; without gradient. It may be
        negative.

    Raises
    ------
    ValueError
        If `method` is not known.

    Notes
    -----
    H(X) + H(Y) - H(X, Y), and H(X, Z) + H(Y, Z) - H(X, Y, Z) - H(Z) given Z. At independence in
    a 30 x 30 table with n = 1 000 the mean is .49 for "plugin", .22 for "miller-madow", .04 for
    "grassberger" and .00 for "chao-wang-jost".

    Tables hold their non-empty cells alone. O(n) while the product of the numbers of symbols is
    below 4 n (or 65 536), O(n log n) beyond; memory O(n) always. Source: Cover and Thomas,
    Elements of Information Theory, section 2.4, doi:10.1002/047174882X; those of the methods at
    :func:`discrete_entropy`.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import discrete_mutual_information
    >>> x = np.array([0, 0, 1, 1] * 25)
    >>> y = np.array([0, 0, 1, 0] * 25)
    >>> print(f"{discrete_mutual_information(x, y, method='plugin'):.4f}")
    0.2158
    """
    check_choices(method)
    _, tables = _tables(x, y, condition, n_symbols, n_categories)
    return as_result(_value(tables, method, pseudocount), x)


def discrete_mutual_information_standard_error(
    x: Array,
    y: Array,
    *,
    condition: Array | None = None,
    n_symbols: Sequence[int] | None = None,
    method: str = "chao-wang-jost",
    kind: str = "jackknife",
    n_categories: float | Sequence[float | None] | None = None,
    pseudocount: float | None = None,
) -> Array:
    r"""Standard error of :func:`discrete_mutual_information`.

    Parameters
    ----------
    x, y, condition, n_symbols, method, n_categories, pseudocount
        As in :func:`discrete_mutual_information`.
    kind : {"jackknife", "analytic"}
        Leave out each row in turn, or the standard deviation of the plug-in
        :math:`\ln p(x, y) / p(x) p(y)` over the rows, divided by :math:`\sqrt n`, which does not
        depend on the method.

    Returns
    -------
    array of shape ()
        Nats, as :func:`discrete_mutual_information` returns them.

    Raises
    ------
    ValueError
        If `method` or `kind` is not known.

    Notes
    -----
    The two agree where every cell was seen often, independence included. In an independent
    30 x 30 table with n = 1 000 the standard deviation of "chao-wang-jost" is .034; the jackknife
    says .061, the analytic formula .016. Complexity as :func:`discrete_mutual_information`.
    Source of the jackknife: Efron and Stein (1981), doi:10.1214/aos/1176345462.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import discrete_mutual_information_standard_error
    >>> x = np.array([0, 0, 1, 1] * 25)
    >>> y = np.array([0, 0, 1, 0] * 25)
    >>> print(f"{discrete_mutual_information_standard_error(x, y):.4f}")
    0.0402
    """
    if kind == "jackknife":
        return discrete_mutual_information_jackknife(
            x,
            y,
            condition=condition,
            n_symbols=n_symbols,
            method=method,
            n_categories=n_categories,
            pseudocount=pseudocount,
        ).standard_error
    check_choices(method, kind)
    counts, tables = _tables(x, y, condition, n_symbols, None)
    n = counts.sum()
    pointwise = np.zeros(len(counts))
    for table in tables:
        pointwise = pointwise - table.sign * np.log(table.counts / n)[table.member]
    spread = counts @ (pointwise - counts @ pointwise / n) ** 2 / n
    return as_result(np.sqrt(spread / n), x)


def discrete_mutual_information_jackknife(
    x: Array,
    y: Array,
    *,
    condition: Array | None = None,
    n_symbols: Sequence[int] | None = None,
    method: str = "chao-wang-jost",
    n_categories: float | Sequence[float | None] | None = None,
    pseudocount: float | None = None,
) -> Jackknife:
    r"""Standard error and bias of :func:`discrete_mutual_information` by leaving out each row.

    Parameters
    ----------
    x, y, condition, n_symbols, method, n_categories, pseudocount
        As in :func:`discrete_mutual_information`.

    Returns
    -------
    Jackknife
        ``standard_error``, ``bias`` and ``interval_error``: the normal interval is
        ``value - bias`` plus or minus a quantile times ``interval_error``.

    Raises
    ------
    ValueError
        If `method` is not known.

    Notes
    -----
    Leaving out a row lowers one cell of each table by one, so the value without it is a sum of
    leave-one-out entropies: one value a non-empty cell, O(cells) beyond the tables.

    Where the first-order variance vanishes (independence; a bijection of uniform variables) the
    variance is :math:`\nu / 2n^2` with :math:`\nu = K_{xyz} - K_{xz} - K_{yz} - K_z + 2 \sum
    p_{xyz}^2 / p_{xz} p_{yz}` over the cells observed, which is (K_x - 1)(K_y - 1) for an
    independent table. `interval_error` is not below its root. Source: Efron and Stein (1981),
    doi:10.1214/aos/1176345462.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import discrete_mutual_information_jackknife
    >>> x = np.array([0, 0, 1, 1] * 25)
    >>> y = np.array([0, 0, 1, 0] * 25)
    >>> error, bias, interval_error = discrete_mutual_information_jackknife(x, y)
    >>> print(f"{error:.4f} {abs(bias):.4f} {interval_error:.4f}")
    0.0402 0.0000 0.0402
    """
    check_choices(method)
    counts, tables = _tables(x, y, condition, n_symbols, n_categories)
    left_out = np.zeros(len(counts))
    for table in tables:
        values, inverse, multiplicities = np.unique(
            table.counts, return_inverse=True, return_counts=True
        )
        each = leave_one_out_of_frequencies(
            values,
            multiplicities.astype(np.float64),
            method=method,
            n_categories=table.n_categories,
            pseudocount=pseudocount,
        )
        left_out = left_out + table.sign * each[inverse][table.member]
    parts = jackknife(
        _value(tables, method, pseudocount), left_out, counts, freedom=_freedom(counts, tables)
    )
    return Jackknife(*(as_result(part, x) for part in parts))


def _value(tables: list[_Table], method: str, pseudocount: float | None) -> float:
    value = 0.0
    for table in tables:
        entropy = entropy_of_frequencies(
            *frequency_table(table.counts),
            method=method,
            n_categories=table.n_categories,
            pseudocount=pseudocount,
        )
        value += table.sign * float(entropy)
    return value


def _freedom(counts: np.ndarray, tables: list[_Table]) -> float:
    """Trace of the square of the second derivative, in the metric of the multinomial law."""
    first, second, whole, *condition = tables
    given = len(condition[0].counts) if condition else 1
    shared = counts**2 / (first.counts[first.member] * second.counts[second.member])
    cells = len(whole.counts) - len(first.counts) - len(second.counts) - given
    return max(0.0, cells + 2.0 * float(shared.sum()))


def _tables(
    x: Array,
    y: Array,
    condition: Array | None,
    n_symbols: Sequence[int] | None,
    n_categories: float | Sequence[float | None] | None,
) -> tuple[np.ndarray, list[_Table]]:
    """Counts of the distinct rows, and the table of each entropy of the sum."""
    columns = [detached_numpy(c) for c in (x, y, condition) if c is not None]
    sizes = [int(s) for s in n_symbols] if n_symbols else [int(c.max()) + 1 for c in columns]
    known: list[Any] = (
        list(n_categories) if isinstance(n_categories, Sequence) else [n_categories] * len(columns)
    )
    counts, cells = _distinct_rows(columns, sizes)
    tables = []
    for sign, chosen in _PAIR if condition is None else _CONDITIONAL:
        if len(chosen) == len(columns):
            member, size = np.arange(len(counts)), len(counts)
        else:
            member, size = joint_codes([cells[j] for j in chosen], [sizes[j] for j in chosen])
        # Sums of whole numbers in float64 are exact below 2^53 rows.
        margin = np.bincount(member, weights=counts, minlength=size)
        factors = [known[j] for j in chosen]
        total = None if None in factors else math.prod(factors)
        tables.append(_Table(sign, margin, member, total))
    return counts, tables


def _distinct_rows(
    columns: list[np.ndarray], sizes: list[int]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """How often each distinct row occurs, and its columns."""
    n = len(columns[0])
    if math.prod(sizes) < max(2**16, 4 * n):
        packed = columns[0].astype(np.int64, copy=False)
        for column, size in zip(columns[1:], sizes[1:], strict=True):
            packed = packed * size + column
        counts = np.bincount(packed)
        (occupied,) = np.nonzero(counts)
        rows = np.unravel_index(occupied, sizes)
        return counts[occupied].astype(np.float64), list(rows)
    packed, size = joint_codes([c.astype(np.int64, copy=False) for c in columns], sizes)
    one = np.empty(size, dtype=np.int64)
    one[packed] = np.arange(n)
    return np.bincount(packed).astype(np.float64), [c[one] for c in columns]
