"""Hilbert-Schmidt independence criterion of paired samples."""

from __future__ import annotations

from typing import Literal

from infotheory._xp import array_namespace, as_working_float
from infotheory._xp._namespace import Array
from infotheory.functional._gram import PairSums, gram_pair_sums
from infotheory.functional._kernel_checks import (
    check_bandwidth,
    check_name,
    check_points,
    check_rows,
)
from infotheory.functional._sinkhorn_precision import in_double

Estimator = Literal["unbiased", "biased"]


def hsic(
    X: Array,
    Y: Array,
    bandwidth: float | Array,
    bandwidth_y: float | Array | None = None,
    *,
    estimator: Estimator = "biased",
    normalized: bool = False,
) -> Array:
    r"""Hilbert-Schmidt independence criterion under Gaussian kernels.

    Parameters
    ----------
    X, Y : arrays of shape (..., n, d), (..., n, e)
        Finite; rows belong together. At least 4 for "unbiased".
    bandwidth : float or array of shape (...)
        Positive; of the kernel of X, for instance by :func:`kernel_bandwidth`.
    bandwidth_y : float or array of shape (...), optional
        Of the kernel of Y; that of X if None.
    estimator : {"biased", "unbiased"}
        "biased": :math:`tr(K H L H) / n^2` with :math:`H = I - 1 1^T / n`, never negative.
        "unbiased": without pairs of a row with itself, so that its mean is that of the laws.
    normalized : bool
        Divide by :math:`\sqrt{HSIC(X, X)\, HSIC(Y, Y)}`: centred kernel alignment (CKA), at most 1
        where it is biased, debiased CKA otherwise; 0 where one of the two is not positive beyond
        rounding, as of a constant sample or under kernels some thousand times as wide as it.

    Returns
    -------
    array of shape (...)
        No unit; differentiable.

    Raises
    ------
    ValueError
        If there is no such estimator, "unbiased" has less than 4 rows, X and Y differ in their
        number of rows, or as :func:`gaussian_gram`.
    TypeError
        As :func:`gaussian_gram`.

    Notes
    -----
    The squared distance of the mean embeddings of the joint law and of the product of its margins,
    0 for independence alone; at most 1. Complexity
    O(n^2 (d + e)), memory O(n (d + e)); of many rows of single columns O(n), as
    :func:`gram_pair_sums`. Sources: Gretton et al. (2005), doi:10.1007/11564089_7;
    Song et al. (2012), JMLR 13, pages 1393-1434, of "unbiased"; Kornblith et al. (2019),
    arXiv:1905.00414, of the alignment.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import hsic
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
    >>> print(f"{hsic(X, X**2, 1.0, 4.0):.4f} {hsic(X, X**2, 1.0, 4.0, normalized=True):.4f}")
    0.1203 0.9246
    """
    check_name("estimator", estimator, ("unbiased", "biased"))
    check_points(X=X, Y=Y)
    check_bandwidth("bandwidth", bandwidth, X)
    if estimator == "unbiased":
        check_rows(4, "estimator='unbiased'", X=X, Y=Y)
    X, Y = as_working_float(X), as_working_float(Y)
    xp = array_namespace(X, Y)
    dtype = xp.result_type(X, Y)
    if normalized:
        # Under a wide kernel all three are small differences of sums.
        X, Y = in_double(X, Y)
    sums = gram_pair_sums(
        X, Y, bandwidth_x=bandwidth, bandwidth_y=bandwidth if bandwidth_y is None else bandwidth_y
    )
    if normalized:
        return xp.astype(alignment(sums, estimator), dtype, copy=False)
    return criterion(sums.x, sums.y, sums.product, estimator)


def alignment(sums: PairSums, estimator: Estimator) -> Array:
    """The criterion over the root of those of each sample with itself."""
    found = criterion(sums.x, sums.y, sums.product, estimator)
    xp = array_namespace(found)
    of_x = criterion(sums.x, sums.x, sums.square_x, estimator)
    of_y = criterion(sums.y, sums.y, sums.square_y, estimator)
    # What rounding leaves of the criterion of a constant sample is no scale.
    least = 100 * float(xp.finfo(found.dtype).eps)
    some = (of_x > least) & (of_y > least)
    scale = xp.sqrt(xp.where(some, of_x * of_y, 1.0))
    return xp.where(some, found / scale, 0.0 * found)


def criterion(x: Array, y: Array, product: Array, estimator: Estimator) -> Array:
    """From row sums of K, of L and of K o L."""
    xp, n = array_namespace(x, y), x.shape[-1]
    if estimator == "biased":
        # Around their mean the sums of rows are small where the criterion is.
        k, of_y = xp.mean(x, axis=-1, keepdims=True), xp.mean(y, axis=-1, keepdims=True)
        rows = xp.sum((x - k) * (y - of_y), axis=-1) / n
        whole = xp.sum(product, axis=-1) - k[..., 0] * of_y[..., 0]
        return (whole - 2 * rows) / n**2
    if estimator != "unbiased":
        raise ValueError(f"estimator must be 'unbiased' or 'biased', got {estimator!r}.")
    x, y, product = x - 1, y - 1, product - 1
    total = xp.sum(x, axis=-1) * xp.sum(y, axis=-1) / ((n - 1) * (n - 2))
    across = 2 * xp.sum(x * y, axis=-1) / (n - 2)
    return (xp.sum(product, axis=-1) + total - across) / (n * (n - 3))
