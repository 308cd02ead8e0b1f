"""Cauchy-Schwarz divergence and information of samples, by sums of Gaussian kernels."""

from __future__ import annotations

import math
from typing import Any, Literal

from infotheory._xp import array_namespace, as_working_float, logsumexp
from infotheory._xp._namespace import Array
from infotheory.functional._gram import gram_log_row_sums, gram_pair_sums, gram_row_sums
from infotheory.functional._kernel_checks import (
    check_bandwidth,
    check_columns,
    check_name,
    check_pairs,
    check_points,
)
from infotheory.functional._sinkhorn_precision import in_double
from infotheory.functional._transport_checks import is_transformed

Denominator = Literal["kernel-sum-squared", "reference"]


def cauchy_schwarz_divergence(X: Array, Y: Array, bandwidth: float | Array) -> Array:
    r"""Cauchy-Schwarz divergence of the laws of two samples.

    Parameters
    ----------
    X, Y : arrays of shape (..., n, d), (..., m, d)
        Finite.
    bandwidth : float or array of shape (...)
        Positive; of the kernel exp(-r^2 / (2 bandwidth^2)), for instance by
        :func:`kernel_bandwidth`.

    Returns
    -------
    array of shape (...)
        :math:`\ln \overline{K_{XX}} + \ln \overline{K_{YY}} - 2 \ln \overline{K_{XY}}`, with means
        over all pairs of rows, each row with itself included. Nats, never negative;
        differentiable, and finite however far apart the samples are.

    Raises
    ------
    ValueError
        If rows are not finite, not real or not of this shape, or as :func:`gaussian_gram`.
    TypeError
        As :func:`gaussian_gram`.

    Notes
    -----
    :math:`-2 \ln \int p q + \ln \int p^2 + \ln \int q^2` of the kernel estimates of both
    densities; some authors give half of it. It estimates the divergence of the laws smoothed by a
    normal of variance bandwidth^2 / 2, which is :func:`gaussian_cauchy_schwarz_divergence` at
    covariances larger by that on the diagonal where they are normal. Pairs of a row with itself
    make it too large or too small by the order of 1/n. It is symmetric, and does *not* obey data
    processing. Complexity O((n + m)^2 d), memory O((n + m) d). Sources: Principe, Information
    Theoretic Learning (2010), chapter 2, doi:10.1007/978-1-4419-1570-2; Yu et al. (2023),
    arXiv:2301.08970.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import cauchy_schwarz_divergence
    >>> X, Y = np.array([[0.0]]), np.array([[3.0]])
    >>> print(f"{cauchy_schwarz_divergence(X, Y, 1.0):.4f}")
    9.0000
    """
    check_points(X=X, Y=Y)
    check_columns(X=X, Y=Y)
    check_bandwidth("bandwidth", bandwidth, X, Y)
    X, Y = as_working_float(X), as_working_float(Y)
    own = [_log_mean(gram_row_sums(part, bandwidth=bandwidth)) for part in (X, Y)]
    xp = array_namespace(X, Y)
    rows = gram_row_sums(X, Y, bandwidth=bandwidth)
    if _is_out_of_range(xp.max(rows, axis=-1), Y.shape[-2]):
        across = _mean_of_logs(gram_log_row_sums(X, Y, bandwidth=bandwidth))
    else:
        across = _log_mean(rows)
    # The means of the rows of a sample against m rows are sums: each is to be divided by m.
    return own[0] + own[1] - 2 * across + math.log(Y.shape[-2] / X.shape[-2])


def cauchy_schwarz_mutual_information(
    X: Array,
    Y: Array,
    bandwidth: float | Array,
    bandwidth_y: float | Array | None = None,
    *,
    normalized: bool = False,
) -> Array:
    r"""Cauchy-Schwarz mutual information: the divergence of the joint law and its margins' product.

    Parameters
    ----------
    X, Y : arrays of shape (..., n, d), (..., n, e)
        Finite; rows belong together.
    bandwidth : float or array of shape (...)
        Positive; of the kernel of X.
    bandwidth_y : float or array of shape (...), optional
        Of the kernel of Y; that of X if None.
    normalized : bool
        Divide by :math:`\sqrt{I(X, X)\, I(Y, Y)}`; 0 where one of the two is within rounding of 0,
        as of a constant sample or under kernels some thousand times as wide as it.

    Returns
    -------
    array of shape (...)
        :math:`\ln \tfrac{1}{n^2} \sum K \circ L + \ln \tfrac{1}{n^4} \sum K \sum L
        - 2 \ln \tfrac{1}{n^3} 1^T K L 1`. Nats (no unit if normalised), never negative;
        differentiable.

    Raises
    ------
    ValueError
        If the numbers of rows differ, or as :func:`gaussian_gram`.
    TypeError
        As :func:`gaussian_gram`.

    Notes
    -----
    Not Shannon's information, though 0 for independence alone in the limit of many rows. For a
    bivariate normal law with unit variances, correlation r and both bandwidths s it tends to
    :math:`\ln (a^2 - r^2 / 4) - \tfrac12 \ln (a^2 - r^2) - \ln a` with
    :math:`a = 1 + s^2 / 2`. Independent rows give more than 0, by the order of 1/n. At most
    ln n. Complexity O(n^2 (d + e)), memory O(n (d + e)). Source: Principe, Information Theoretic
    Learning (2010), chapter 2, doi:10.1007/978-1-4419-1570-2.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import cauchy_schwarz_mutual_information
    >>> X = np.array([[0.0], [9.0]])
    >>> print(f"{cauchy_schwarz_mutual_information(X, X, 1.0):.4f}")  # ln 2
    0.6931
    """
    check_points(X=X, Y=Y)
    check_bandwidth("bandwidth", bandwidth, X)
    X, Y = as_working_float(X), as_working_float(Y)
    dtype = array_namespace(X, Y).result_type(X, Y)
    if normalized:
        # Under a wide kernel all three are small differences of logarithms.
        X, Y = in_double(X, Y)
    sums = gram_pair_sums(
        X, Y, bandwidth_x=bandwidth, bandwidth_y=bandwidth if bandwidth_y is None else bandwidth_y
    )
    found = _information(sums.x, sums.y, sums.product)
    if not normalized:
        return found
    xp = array_namespace(found)
    of_x = _information(sums.x, sums.x, sums.square_x)
    of_y = _information(sums.y, sums.y, sums.square_y)
    # What rounding leaves of the information of a constant sample is no scale.
    least = 100 * float(xp.finfo(found.dtype).eps)
    some = (of_x > least) & (of_y > least)
    scale = xp.sqrt(xp.where(some, of_x * of_y, 1.0))
    return xp.astype(xp.where(some, found / scale, 0.0 * found), dtype, copy=False)


def _information(x: Array, y: Array, product: Array) -> Array:
    """From row sums of K, of L and of K o L."""
    xp, n = array_namespace(x, y), x.shape[-1]
    logs = (
        xp.log(xp.mean(product, axis=-1)),
        xp.log(xp.mean(x, axis=-1)) + xp.log(xp.mean(y, axis=-1)),
        -2 * xp.log(xp.mean(x * y, axis=-1)),
    )
    return sum(logs) + math.log(n)


def conditional_cauchy_schwarz_divergence(
    X: Array,
    Y: Array,
    Z: Array,
    bandwidth: float | Array,
    bandwidth_y: float | Array | None = None,
    *,
    denominator: Denominator = "kernel-sum-squared",
) -> Array:
    r"""Cauchy-Schwarz divergence of two conditional laws, of Y and of Z given the same X.

    Parameters
    ----------
    X : array of shape (..., n, d)
        What both are conditioned on.
    Y, Z : arrays of shape (..., n, e)
        Finite; such as targets and predictions of them from X.
    bandwidth : float or array of shape (...)
        Positive; of the kernel of X.
    bandwidth_y : float or array of shape (...), optional
        Of the kernel of Y and Z; that of X if None.
    denominator : {"kernel-sum-squared", "reference"}
        What the sums of row j are divided by: :math:`(\sum_i K_{ji})^2`, or
        :math:`\sum_i K_{ji}^2` as the code published with the method has it, for comparison with
        its numbers alone.

    Returns
    -------
    array of shape (...)
        Nats; differentiable. 0 where Y = Z; not bounded by 0 for every sample.

    Raises
    ------
    ValueError
        If there is no such denominator, the numbers of rows differ, or as :func:`gaussian_gram`.
    TypeError
        As :func:`gaussian_gram`.

    Notes
    -----
    With K, L, L' and L'' the Gram matrices of X, of Y, of Z and of Y and Z, and
    :math:`s_j = \sum_i K_{ji}`:
    :math:`\ln \sum_j \sum_i K_{ji} L_{ji} / s_j^2 + \ln \sum_j \sum_i K_{ji} L'_{ji} / s_j^2
    - 2 \ln \sum_j \sum_i K_{ji} L''_{ji} / s_j^2`. It stays finite however far Y is from Z.
    Complexity O(n^2 (d + e)), memory O(n (d + e)). Source: Yu et al. (2023), arXiv:2301.08970.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import conditional_cauchy_schwarz_divergence
    >>> X = np.linspace(-1, 1, 5)[:, None]
    >>> found = conditional_cauchy_schwarz_divergence(X, X, X + 1.0, 0.5, 1.0)
    >>> print(f"{found:.3f}")
    0.842
    """
    bandwidth_y = bandwidth if bandwidth_y is None else bandwidth_y
    check_name("denominator", denominator, ("kernel-sum-squared", "reference"))
    check_points(X=X, Y=Y, Z=Z)
    check_pairs(X=X, Y=Y, Z=Z)
    check_columns(Y=Y, Z=Z)
    check_bandwidth("bandwidth", bandwidth, X)
    check_bandwidth("bandwidth_y", bandwidth_y, Y, Z)
    xp = array_namespace(X, Y, Z)
    of_x = xp.log(gram_row_sums(X, bandwidth=bandwidth))
    if denominator == "reference":
        log_denominator = xp.log(gram_row_sums(X, bandwidth=bandwidth / math.sqrt(2)))
    else:
        log_denominator = 2 * of_x
    with_y = _side_by_side((X, bandwidth), (Y, bandwidth_y))
    with_z = _side_by_side((X, bandwidth), (Z, bandwidth_y))
    own = [
        logsumexp(xp.log(gram_row_sums(part, bandwidth=1.0)) - log_denominator, axis=-1)
        for part in (with_y, with_z)
    ]
    rows = gram_row_sums(with_y, with_z, bandwidth=1.0)
    if _is_out_of_range(xp.min(rows, axis=-1), X.shape[-2]):
        logs = gram_log_row_sums(with_y, with_z, bandwidth=1.0)
    else:
        logs = xp.log(rows)
    return own[0] + own[1] - 2 * logsumexp(logs - log_denominator, axis=-1)


def conditional_cauchy_schwarz_mutual_information(
    X: Array,
    Y: Array,
    condition: Array,
    bandwidth: float | Array,
    bandwidth_y: float | Array | None = None,
    bandwidth_condition: float | Array | None = None,
) -> Array:
    r"""Cauchy-Schwarz information of X and Y given a third variable.

    Parameters
    ----------
    X, Y, condition : arrays of shape (..., n, d), (..., n, e), (..., n, f)
        Finite; rows belong together.
    bandwidth : float or array of shape (...)
        Positive; of the kernel of X.
    bandwidth_y, bandwidth_condition : float or array of shape (...), optional
        Of the other kernels; that of X if None.

    Returns
    -------
    array of shape (...)
        Nats, never negative; differentiable.

    Raises
    ------
    ValueError
        If the numbers of rows differ, or as :func:`gaussian_gram`.
    TypeError
        As :func:`gaussian_gram`.

    Notes
    -----
    The divergence of p(x, y, z) p(z) and p(x, z) p(y, z), the integrals estimated by means over
    the rows: with Gram matrices K, L, M of X, Y and the condition, and row sums of their products,
    :math:`\ln \sum (KLM) M^2 + \ln \sum (KM)^2 (LM)^2 / (KLM) - 2 \ln \sum M (KM) (LM)`. With X
    the next value of a series, Y the past of another and the condition its own past it is the
    Cauchy-Schwarz transfer entropy. Complexity O(n^2 (d + e + f)), memory O(n (d + e + f)). Source:
    Yu et al. (2023), arXiv:2301.08970.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import conditional_cauchy_schwarz_mutual_information
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=(300, 1))
    >>> x, y = z + rng.normal(size=(300, 1)), z + rng.normal(size=(300, 1))
    >>> near, far = (conditional_cauchy_schwarz_mutual_information(x, v, z, 0.7) for v in (y, x))
    >>> bool(near < 0.3 * far)
    True
    """
    of_x, of_y, given = (
        (part, bandwidth if width is None else width)
        for part, width in ((X, None), (Y, bandwidth_y), (condition, bandwidth_condition))
    )
    check_points(X=X, Y=Y, condition=condition)
    check_pairs(X=X, Y=Y, condition=condition)
    for name, (part, width) in (
        ("bandwidth", of_x),
        ("bandwidth_y", of_y),
        ("bandwidth_condition", given),
    ):
        check_bandwidth(name, width, part)
    xp = array_namespace(X, Y, condition)
    m, km, lm, klm = (
        xp.log(gram_row_sums(_side_by_side(*parts), bandwidth=1.0))
        for parts in ((given,), (of_x, given), (of_y, given), (of_x, of_y, given))
    )
    return (
        logsumexp(klm + 2 * m, axis=-1)
        + logsumexp(2 * km + 2 * lm - klm, axis=-1)
        - 2 * logsumexp(m + km + lm, axis=-1)
    )


def _side_by_side(*parts: tuple[Array, Any]) -> Array:
    """Columns in units of their bandwidths: the kernel of all is the product of the kernels."""
    xp = array_namespace(*(part for part, _ in parts))
    scaled = []
    for part, width in parts:
        width = width[..., None, None] if getattr(width, "ndim", 0) else width
        scaled.append(as_working_float(part) / width)
    return xp.concat(scaled, axis=-1)


def _log_mean(sums: Array) -> Array:
    xp = array_namespace(sums)
    return xp.log(xp.mean(sums, axis=-1))


def _mean_of_logs(logs: Array) -> Array:
    return logsumexp(logs, axis=-1) - math.log(logs.shape[-1])


def _is_out_of_range(sums: Array, m: int) -> bool:
    """Whether sums of m kernels are so small that what was lost below the least float counts."""
    if is_transformed(sums):
        return True  # not to be seen
    xp = array_namespace(sums)
    least = m * (1e-100 if sums.dtype == xp.float64 else 1e-20)
    return not bool(xp.all(sums > least))
