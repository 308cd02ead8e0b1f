"""How evenly a code fills the unit cube: entropy of each column by spacings, and covariance."""

from __future__ import annotations

import math

from array_api_compat import device
from scipy.special import digamma

from infotheory._xp._namespace import Array, array_namespace, as_float
from infotheory._xp._special import safe_log
from infotheory.functional._transport_checks import check_count


def _checked_spacing(n: int, spacing: int | None) -> int:
    """The spacing, the usual one if None, for as many rows as it needs."""
    check_count(2, n=n)
    if spacing is None:
        return max(1, round(math.sqrt(n)))
    check_count(1, spacing=spacing)
    if spacing >= n:
        raise ValueError(f"spacing must be below n, the number of rows, got {spacing} for n = {n}.")
    return spacing


def spacing_entropy_bias(n: int, spacing: int | None = None) -> float:
    r"""Bias of :func:`spacing_entropy` on a uniform law, exactly.

    Parameters
    ----------
    n : int
        Rows, at least 2.
    spacing : int, optional
        The m of :func:`spacing_entropy`.

    Returns
    -------
    float
        :math:`\psi(m) - \ln m - \psi(n + 1) + \ln(n + 1)`, in nats; negative.

    Raises
    ------
    ValueError
        If n is below 2, or the spacing is below 1 or not below n.
    TypeError
        If one of them is no integer.

    Notes
    -----
    Each m-spacing of n uniform rows is Beta(m, n + 1 - m), so that this holds for every n, on any
    interval. Other densities add a bias of their own, which vanishes as n grows. Complexity O(1).
    Source of the law of spacings: Pyke (1965), doi:10.1111/j.2517-6161.1965.tb00602.x.

    Examples
    --------
    >>> from infotheory.functional import spacing_entropy_bias
    >>> print(f"{spacing_entropy_bias(256):.4f} {spacing_entropy_bias(2048):.4f}")
    -0.0296 -0.0109
    """
    m = _checked_spacing(n, spacing)
    return float(digamma(m) - math.log(m) - digamma(n + 1) + math.log(n + 1))


def spacing_entropy(
    X: Array, spacing: int | None = None, *, debias: bool = False, floor: float = 0.0
) -> Array:
    r"""Differential entropy of each column by the distances between its order statistics.

    Parameters
    ----------
    X : array of shape (..., n, d)
        At least two rows.
    spacing : int, optional
        How many ranks m a spacing spans, from 1 to n - 1; the nearest integer to
        :math:`\sqrt n` by default.
    debias : bool, default=False
        Subtract :func:`spacing_entropy_bias`, after which a uniform column is right on average.
    floor : float, default=0.0
        Added to every argument of the logarithm. A column that is constant then counts as ln
        `floor`, with finite gradients; without a floor it is -inf, and equal spacings of 0 send
        no gradient.

    Returns
    -------
    array of shape (..., d)
        Entropies in nats: :math:`\frac{1}{n - m} \sum_{i=1}^{n-m} \ln \bigl(\frac{n + 1}{m}
        (x_{(i+m)} - x_{(i)}) + floor\bigr)`; differentiable where no two rows are equal.

    Raises
    ------
    ValueError
        If there are fewer than two rows, or the spacing is below 1 or not below their number.
    TypeError
        If the spacing is no integer.

    Notes
    -----
    On the unit interval the entropy is at most 0, for the uniform law alone. The estimate of a
    sample that is spread more evenly than chance may pass 0, but never :math:`\ln
    \frac{n + 1}{n - m}`, to which `debias` adds its constant. Ends that are cut off are not
    counted, which is why the estimate has no edge correction and its bias is exact. Complexity
    :math:`O(n d \ln n)`. Sources: Vasicek (1976), doi:10.1111/j.2517-6161.1976.tb01566.x; this
    form: Learned-Miller and Fisher (2003), https://jmlr.org/papers/v4/learned-miller03a.html.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import spacing_entropy
    >>> X = np.random.default_rng(0).random((2048, 2)) * [1.0, 0.5]
    >>> print(np.exp(spacing_entropy(X, debias=True)).round(2))  # lengths of the intervals
    [1.  0.5]
    """
    xp = array_namespace(X)
    X = as_float(X)
    n = X.shape[-2]
    m = _checked_spacing(n, spacing)
    ordered = xp.sort(X, axis=-2)
    gaps = ordered[..., m:, :] - ordered[..., : n - m, :]
    values = xp.mean(safe_log((n + 1) / m * gaps + floor), axis=-2)
    return values - spacing_entropy_bias(n, m) if debias else values


def covariance_penalty(X: Array) -> Array:
    r"""Sum of squared covariances between different columns, over their number.

    Parameters
    ----------
    X : array of shape (..., n, d)
        At least two rows.

    Returns
    -------
    array of shape (...)
        :math:`\frac1d \sum_{i \ne j} C_{ij}^2`, with the unbiased covariance C of the columns;
        differentiable.

    Raises
    ------
    ValueError
        If there are fewer than two rows.

    Notes
    -----
    0 for uncorrelated columns, and for a single one. For n rows of independent columns of variance
    v it is about :math:`(d - 1) v^2 / (n - 1)`, not 0. Complexity :math:`O(n d^2)`. Source: Bardes,
    Ponce and LeCun (2022), arXiv:2105.04906.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import covariance_penalty
    >>> X = np.array([[1.0, 1.0], [-1.0, -1.0], [0.0, 0.0]])
    >>> print(covariance_penalty(X))  # both columns alike, of variance 1
    1.0
    """
    xp = array_namespace(X)
    X = as_float(X)
    n, d = X.shape[-2:]
    check_count(2, n=n)
    centred = X - xp.mean(X, axis=-2, keepdims=True)
    covariance = xp.matrix_transpose(centred) @ centred / (n - 1)
    each = xp.arange(d, device=device(X))
    apart = xp.astype(each[:, None] != each, X.dtype)
    return xp.sum((covariance * apart) ** 2, axis=(-2, -1)) / d
