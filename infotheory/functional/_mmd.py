"""Maximum mean discrepancy of two samples."""

from __future__ import annotations

from typing import Literal

from infotheory._xp import array_namespace, as_working_float
from infotheory._xp._namespace import Array
from infotheory.functional._gram import gram_row_sums
from infotheory.functional._kernel_checks import check_name, check_points, check_rows

Estimator = Literal["unbiased", "biased"]


def mmd(
    X: Array, Y: Array, bandwidth: float | Array, *, estimator: Estimator = "unbiased"
) -> Array:
    r"""Squared maximum mean discrepancy of two samples under a Gaussian kernel.

    Parameters
    ----------
    X, Y : arrays of shape (..., n, d), (..., m, d)
        Finite; at least 2 rows each for "unbiased".
    bandwidth : float or array of shape (...)
        Positive; of the kernel exp(-r^2 / (2 bandwidth^2)), for instance by
        :func:`kernel_bandwidth` of both samples together.
    estimator : {"unbiased", "biased"}
        Whether pairs of a row with itself are left out, so that the mean over samples is the
        squared discrepancy of the laws and single values may be negative, or stay in, so that the
        value is that of the samples and never negative.

    Returns
    -------
    array of shape (...)
        :math:`\overline{K_{XX}} + \overline{K_{YY}} - 2\, \overline{K_{XY}}`: the square, between
        0 and 2 for laws. No unit; differentiable.

    Raises
    ------
    ValueError
        If there is no such estimator, "unbiased" has a sample of one row, or as
        :func:`gaussian_gram`.
    TypeError
        As :func:`gaussian_gram`.

    Notes
    -----
    The squared distance of the mean embeddings of both laws. For normal laws with covariances S,
    T, difference of means v and W = bandwidth^2 I it is :math:`g(0, 2S) + g(0, 2T) - 2 g(v, S + T)`
    with :math:`g(v, C) = |W|^{1/2} |W + C|^{-1/2} \exp(-v^T (W + C)^{-1} v / 2)`. Complexity
    O((n + m)^2 d), memory O((n + m) d). Source: Gretton et al. (2012), JMLR 13, pages 723-773.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import mmd
    >>> X, Y = np.array([[0.0], [1.0]]), np.array([[5.0], [6.0]])
    >>> print(f"{mmd(X, Y, 1.0):.4f} {mmd(X, Y, 1.0, estimator='biased'):.4f}")
    1.2129 1.6064
    """
    check_name("estimator", estimator, ("unbiased", "biased"))
    check_points(X=X, Y=Y)
    if estimator == "unbiased":
        check_rows(2, "estimator='unbiased'", X=X, Y=Y)
    X, Y = as_working_float(X), as_working_float(Y)
    xp, n, m = array_namespace(X, Y), X.shape[-2], Y.shape[-2]
    of_x, of_y = (xp.sum(gram_row_sums(part, bandwidth=bandwidth), axis=-1) for part in (X, Y))
    across = xp.sum(gram_row_sums(X, Y, bandwidth=bandwidth), axis=-1)
    return discrepancy(of_x, of_y, across, n, m, estimator)


def discrepancy(
    of_x: Array, of_y: Array, across: Array, n: int, m: int, estimator: Estimator
) -> Array:
    """The squared discrepancy from sums of the three Gram matrices."""
    if estimator == "unbiased":
        within = (of_x - n) / (n * (n - 1)) + (of_y - m) / (m * (m - 1))
    elif estimator == "biased":
        within = of_x / n**2 + of_y / m**2
    else:
        raise ValueError(f"estimator must be 'unbiased' or 'biased', got {estimator!r}.")
    return within - 2 * across / (n * m)
