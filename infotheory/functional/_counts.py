"""Entropy of a discrete variable from counts, and how sure it is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from infotheory._xp import array_namespace, detached_numpy, like
from infotheory._xp._namespace import Array
from infotheory.functional._frequencies import (
    RULES,
    frequency_table,
    leave_one_out_sums,
    sum_over_frequencies,
)
from infotheory.functional._nsb import leave_one_out_nsb, nsb_entropy

METHODS: tuple[str, ...] = (*RULES, "nsb")


class Jackknife(NamedTuple):
    """What leaving out each observation in turn says of an estimate.

    Attributes
    ----------
    standard_error : array of shape (...)
        Jackknife standard error: 0 where all counts are equal, nan for one observation.
    bias : array of shape (...)
        Jackknife estimate of the bias of the value.
    interval_error : array of shape (...)
        Standard error for a normal interval around ``value - bias``: the larger of
        ``standard_error`` and of the second-order term that is left where the first vanishes
        (a uniform law; independence), with half the bias added in quadrature, since the bias is
        known no better than that.
    """

    standard_error: Array
    bias: Array
    interval_error: Array


def discrete_entropy(
    counts: Array,
    *,
    method: str = "chao-wang-jost",
    n_categories: float | None = None,
    pseudocount: float | None = None,
) -> Array:
    r"""Entropy of a discrete variable, estimated from how often each category was seen.

    Parameters
    ----------
    counts : array of shape (..., K)
        Whole numbers >= 0 of any real dtype. Categories of count 0 may stand anywhere and change
        nothing. Leading axes are batches.
    method : str
        A name in ``METHODS``, see Notes.
    n_categories : float, optional
        Number of possible categories, at least the number observed; for "shrinkage",
        "dirichlet", "bayes" and "nsb" only. By default the number observed: then unseen
        categories do not exist for these methods, and an undersampled entropy comes out too low.
    pseudocount : float, optional
        What "dirichlet" and "bayes" add to the count of each possible category, 1 by default.

    Returns
    -------
    array of shape (...)
        Nats, float64 (float32 for float32 counts), in the library and on the device of
        `counts`. It is made of counts and carries no gradient. nan for a row of zeros.

    Raises
    ------
    ValueError
        If `method` is not known.

    Notes
    -----
    With n observations, K observed categories, :math:`p = c / n` for a category seen c times,
    f1 and f2 the numbers of categories seen once and twice:

    - "plugin": :math:`-\sum p \ln p`, of bias near :math:`-(K - 1) / 2n`.
    - "miller-madow": plugin :math:`+ (K - 1) / 2n`. Miller (1955).
    - "jackknife": :math:`n H - (n - 1) \bar H_{-1}` of the plug-in. Zahl (1977).
    - "grassberger": :math:`\ln n - \frac1n \sum c\, G(c)` with :math:`G(c) = \psi(c) +
      \frac12 (-1)^c [\psi(\frac{c + 1}{2}) - \psi(\frac c2)]`, the form of 2003; one
      observation gives :math:`\gamma + \ln 2`. arXiv:physics/0307138.
    - "chao-shen": the plug-in with p scaled by the sample coverage 1 - f1 / n, each term divided
      by the chance that its category is seen. doi:10.1023/A:1026096204727.
    - "zhang": :math:`\sum p\, [\psi(n) - \psi(c)]`. doi:10.1162/NECO_a_00266.
    - "chao-wang-jost": zhang, and from f1 and f2 what unseen categories are expected to add.
      doi:10.1111/2041-210X.12108.
    - "shrinkage": the plug-in of p shrunk towards the uniform law by the James-Stein weight,
      which the formula limits to 1. arXiv:0811.3579.
    - "dirichlet": the plug-in of the posterior mean of p under a symmetric Dirichlet prior.
    - "bayes": the posterior mean of the entropy under that prior. doi:10.1103/PhysRevE.52.6841.
    - "nsb": the posterior mean under a mixture of such priors that is flat in the entropy.
      arXiv:physics/0108025.

    Where every category was seen often, all of them agree. With 200 draws of 1 000 categories
    "chao-wang-jost" has a root mean square error of .29 for a Zipf law and .21 for a uniform law,
    where the plug-in has 1.03 and 1.74. Its share of unseen categories is a lower bound, so that
    a heavy tail makes it too low.

    The cost is one sort of the counts, then O(J) for J distinct counts, at most
    :math:`\sqrt{2n}` ("nsb": 800 J). Relative errors stay below 1e-11 up to n = 1e9.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import discrete_entropy
    >>> counts = np.array([4, 2, 1, 1, 0])
    >>> print(f"{discrete_entropy(counts):.4f}")
    1.5652
    >>> print(f"{discrete_entropy(counts, method='plugin'):.4f}")
    1.2130
    """
    table = frequency_table(_whole_numbers(counts))
    value = entropy_of_frequencies(
        *table, method=method, n_categories=n_categories, pseudocount=pseudocount
    )
    return as_result(value, counts)


def discrete_entropy_standard_error(
    counts: Array,
    *,
    method: str = "chao-wang-jost",
    kind: str = "jackknife",
    n_categories: float | None = None,
    pseudocount: float | None = None,
) -> Array:
    r"""Standard error of :func:`discrete_entropy`.

    Parameters
    ----------
    counts : array of shape (..., K)
        As in :func:`discrete_entropy`.
    method, n_categories, pseudocount
        As in :func:`discrete_entropy`; "analytic" does not use them.
    kind : {"jackknife", "analytic"}
        Leave out each observation in turn, or the asymptotic formula
        :math:`\sqrt{(\sum p \ln^2 p - H^2) / n}` of the plug-in.

    Returns
    -------
    array of shape (...)
        Nats, as :func:`discrete_entropy` returns them.

    Raises
    ------
    ValueError
        If `method` or `kind` is not known.

    Notes
    -----
    The two agree where every category was seen often. Elsewhere the analytic one is far too
    small: with 200 draws of 1 000 categories it is .09 for a standard deviation of .19 (Zipf) and
    .02 for .22 (uniform), where the jackknife says .27 and .37. Both are 0 where all counts are
    equal; :func:`discrete_entropy_jackknife` makes an interval that is not. The parity terms of
    "grassberger" inflate its jackknife: take that of "zhang". Sources: Basharin (1959); Efron and
    Stein (1981), doi:10.1214/aos/1176345462. O(K log K); batches are looped over.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import discrete_entropy_standard_error
    >>> counts = np.array([4, 2, 1, 1, 0])
    >>> print(f"{discrete_entropy_standard_error(counts):.4f}")
    0.5763
    """
    if kind == "jackknife":
        return discrete_entropy_jackknife(
            counts, method=method, n_categories=n_categories, pseudocount=pseudocount
        ).standard_error
    check_choices(method, kind)
    values, multiplicities = frequency_table(_whole_numbers(counts))
    n = np.sum(values * multiplicities, axis=-1, keepdims=True)
    n = np.where(n > 0, n, np.nan)
    p = values / n
    log = np.log(np.where(p > 0, p, 1.0))
    mean = np.sum(multiplicities * p * log, axis=-1, keepdims=True)
    spread = np.sum(multiplicities * p * (log - mean) ** 2, axis=-1)
    return as_result(np.sqrt(spread / n[..., 0]), counts)


def discrete_entropy_jackknife(
    counts: Array,
    *,
    method: str = "chao-wang-jost",
    n_categories: float | None = None,
    pseudocount: float | None = None,
) -> Jackknife:
    r"""Standard error and bias of :func:`discrete_entropy` from leaving out each observation.

    Parameters
    ----------
    counts : array of shape (..., K)
        As in :func:`discrete_entropy`.
    method, n_categories, pseudocount
        As in :func:`discrete_entropy`.

    Returns
    -------
    Jackknife
        ``standard_error``, ``bias`` and ``interval_error``, each of shape (...): the normal
        interval is ``value - bias`` plus or minus a quantile times ``interval_error``.

    Raises
    ------
    ValueError
        If `method` is not known.

    Notes
    -----
    The standard error is :math:`\sqrt{\frac{n - 1}{n} \sum_i (H_{-i} - \bar H_{-})^2}` and the
    bias :math:`(n - 1)(\bar H_{-} - H)`. Observations of categories with the same count give the
    same :math:`H_{-i}`, so one value a distinct count is enough: O(J) after the sort, O(J^2) for
    "shrinkage". At a uniform law the standard deviation is of second order,
    :math:`\sqrt{(K - 1) / 2}\, / n`; without that floor a fair coin tossed 100 times is covered
    76 % of the time by a nominal 90 %, with it 100 %. Source: Efron and Stein (1981),
    doi:10.1214/aos/1176345462.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import discrete_entropy_jackknife
    >>> error, bias, interval_error = discrete_entropy_jackknife(np.array([40, 21, 9, 5, 1]))
    >>> print(f"{error:.4f} {bias:.4f} {interval_error:.4f}")
    0.0994 -0.0132 0.0996
    """
    check_choices(method)
    whole = _whole_numbers(counts)
    parts = np.empty((3, *whole.shape[:-1]))
    options: Any = {"method": method, "n_categories": n_categories, "pseudocount": pseudocount}
    for index in np.ndindex(whole.shape[:-1]):
        values, multiplicities = frequency_table(whole[index])
        value = float(entropy_of_frequencies(values, multiplicities, **options))
        left_out = leave_one_out_of_frequencies(values, multiplicities, **options)
        parts[(slice(None), *index)] = jackknife(
            value, left_out, values * multiplicities, freedom=multiplicities.sum() - 1.0
        )
    return Jackknife(*(as_result(part, counts) for part in parts))


def entropy_of_frequencies(
    values: np.ndarray,
    multiplicities: np.ndarray,
    *,
    method: str,
    n_categories: float | None = None,
    pseudocount: float | None = None,
) -> np.ndarray:
    """Entropy of tables of distinct counts, for callers that evaluate many of them.

    Parameters
    ----------
    values, multiplicities : float64 ndarrays of shape (..., J)
        Distinct counts and how many categories have each; entries of multiplicity 0 are ignored.
    method, n_categories, pseudocount
        As in :func:`discrete_entropy`.

    Returns
    -------
    ndarray of shape (...), nats; nan for a table without observations
    """
    check_choices(method)
    if method != "nsb":
        return sum_over_frequencies(
            values,
            multiplicities,
            method=method,
            n_categories=n_categories,
            pseudocount=pseudocount,
        )
    result = np.empty(values.shape[:-1])
    for index in np.ndindex(result.shape):
        m = multiplicities[index]
        present = (m > 0) & (values[index] > 0)
        size = m[present].sum() if n_categories is None else n_categories
        result[index] = nsb_entropy(values[index][present], m[present], n_categories=size)
    return result


def leave_one_out_of_frequencies(
    values: np.ndarray,
    multiplicities: np.ndarray,
    *,
    method: str,
    n_categories: float | None = None,
    pseudocount: float | None = None,
) -> np.ndarray:
    """Entropy of one table without one observation of a category seen ``values[j]`` times.

    Parameters
    ----------
    values, multiplicities : float64 ndarrays of shape (J,)
        Distinct counts in rising order and how many categories have each, all positive.
    method, n_categories, pseudocount
        As in :func:`discrete_entropy`; a number of categories that is not given is counted
        again without the observation.

    Returns
    -------
    ndarray of shape (J,), nats; nan if nothing is left
    """
    check_choices(method)
    if values @ multiplicities < 2:
        return np.full(values.shape, np.nan)
    if method == "nsb":
        return leave_one_out_nsb(values, multiplicities, n_categories=n_categories)
    return leave_one_out_sums(
        values, multiplicities, method=method, n_categories=n_categories, pseudocount=pseudocount
    )


def jackknife(
    value: float, left_out: np.ndarray, repeats: np.ndarray, *, freedom: float
) -> tuple[float, float, float]:
    """The parts of :class:`Jackknife` from ``left_out`` values that stand for ``repeats`` each.

    ``freedom / (2 n^2)`` is the variance of the value where its first-order variance is 0.
    """
    n = float(repeats.sum())
    if n < 2:
        return np.nan, np.nan, np.nan
    change = left_out - value  # first: the mean change is of the order of 1 / n
    mean = float(repeats @ change) / n
    variance = (n - 1.0) / n * float(repeats @ (change - mean) ** 2)
    bias = (n - 1.0) * mean
    largest = max(variance, freedom / (2.0 * n * n))
    return float(np.sqrt(variance)), bias, float(np.sqrt(largest + 0.25 * bias * bias))


def check_choices(method: str, kind: str = "jackknife") -> None:
    """Raise unless both are known."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}.")
    if kind not in ("jackknife", "analytic"):
        raise ValueError(f"kind must be 'jackknife' or 'analytic', got {kind!r}.")


def _whole_numbers(counts: Array) -> np.ndarray:
    return detached_numpy(counts).astype(np.int64, copy=False)


def as_result(values: np.ndarray | float, counts: Array) -> Array:
    """``values`` in the library of ``counts``: float32 if these are, else float64."""
    xp = array_namespace(counts)
    dtype = xp.float32 if counts.dtype == xp.float32 else xp.float64
    result = xp.astype(like(values, counts), dtype, copy=False)
    return result[()] if isinstance(result, np.ndarray) else result  # a NumPy number, not 0-d
