"""Spectral measures of a representation: how many directions its rows use, and how evenly."""

from __future__ import annotations

import math
from typing import Literal

from array_api_compat import is_torch_array

from infotheory._xp._namespace import Array, array_namespace, as_working_float
from infotheory._xp._special import xlogy
from infotheory.functional._kernel_checks import check_numbers
from infotheory.functional._matrix_root import detached
from infotheory.functional._spectrum import check_finite, spectral_entropy
from infotheory.functional._transport_checks import check_count

Convention = Literal["von-neumann", "roy-vetterli"]
# Machine precisions by which rounding may move a row off the mean of equal rows, relative to the
# largest number in them.
_ROUNDINGS = 16


def checked_rows(Z: Array) -> Array:
    """Finite rows of real numbers; halves as float32, which decompositions need."""
    check_numbers("Z", Z)
    if Z.ndim < 2 or 0 in Z.shape[-2:]:
        raise ValueError(
            f"Z must have shape (..., n, d), rows and columns, at least one of each, got shape "
            f"{tuple(Z.shape)}. A single column is z[:, None]."
        )
    check_finite(Z, "Z")
    return as_working_float(Z)


def unit_rows(Z: Array, *, centered: bool = False) -> tuple[Array, Array]:
    """Rows of length 1 and which rows have a direction at all; the others are zero rows.

    With `centered` the mean of the rows is taken off first, and rows within rounding of it have
    no direction.
    """
    Z = checked_rows(Z)
    xp = array_namespace(Z)
    # Squares of very large and very small numbers would leave the range; the scale has no gradient
    # because directions do not depend on it.
    if centered:
        top = detached(xp.max(xp.abs(Z), axis=(-2, -1), keepdims=True))
        Z = Z / xp.where(top > 0, top, 1.0)
        Z = Z - xp.mean(Z, axis=-2, keepdims=True)
    size = detached(xp.max(xp.abs(Z), axis=-1, keepdims=True))
    least = _ROUNDINGS * float(xp.finfo(Z.dtype).eps) if centered else 0.0
    there = size > least
    scaled = xp.where(there, Z / xp.where(there, size, 1.0), 0.0)
    square = xp.sum(scaled * scaled, axis=-1, keepdims=True)
    return scaled / xp.sqrt(xp.where(there, square, 1.0)), there[..., 0]


def smaller_gram(Z: Array) -> Array:
    """Z Z^T or Z^T Z, which share their eigenvalues but for zeros, whichever is smaller."""
    turned = array_namespace(Z).matrix_transpose(Z)
    if is_torch_array(Z):
        import torch

        # Rounded to halves by autocast it would not be semi-definite.
        with torch.autocast(Z.device.type, enabled=False):
            return Z @ turned if Z.shape[-2] <= Z.shape[-1] else turned @ Z
    return Z @ turned if Z.shape[-2] <= Z.shape[-1] else turned @ Z


def _entropy_of_rows(rows: Array, there: Array) -> Array:
    xp = array_namespace(rows)
    count = xp.sum(xp.astype(there, rows.dtype), axis=-1)
    some = count > 0
    density = smaller_gram(rows) / xp.where(some, count, 1.0)[..., None, None]
    return xp.where(some, spectral_entropy(density), 0.0)


def von_neumann_entropy(Z: Array) -> Array:
    r"""Von Neumann entropy of a representation.

    Parameters
    ----------
    Z : array of shape (..., n, d)
        Rows of a representation; only their directions count. The mean is not taken off.

    Returns
    -------
    array of shape (...)
        :math:`-\mathrm{tr}\, \rho \ln \rho`, :math:`\rho = \frac1n \sum_i z_i z_i^T / |z_i|^2`,
        in nats; twice differentiable in Torch, also where eigenvalues coincide or are 0.

    Raises
    ------
    ValueError
        If Z is not finite or not real, or has no rows or no columns.
    TypeError
        If Z is no array of numbers, or has masked entries.

    Notes
    -----
    Between 0 (all rows on one line) and :math:`\ln \min(n, d)`, the most that so many rows can
    show: with fewer rows than columns the value says as much about n as about the
    representation (:func:`page_entropy` is the value of rows without any structure).
    k orthogonal directions with equally many rows each have :math:`\ln k`. The same as
    :func:`matrix_entropy` of the Gram matrix :math:`Z Z^T`. A row of zeros has no direction and
    is left out; without any other row the value is 0. Halves count as float32, and so does the
    result, here and in the other functions of representations; Torch's autocast changes nothing.
    Complexity :math:`O(n d \min(n, d))`. Source: Kim, Kang, Hwang, Shin and Rhee (2023),
    arXiv:2304.01434.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import von_neumann_entropy
    >>> print(f"{von_neumann_entropy(np.eye(4)):.4f}")  # ln 4
    1.3863
    """
    return _entropy_of_rows(*unit_rows(Z))


def effective_rank(Z: Array, *, convention: Convention) -> Array:
    r"""Number of directions that a representation uses, as the exponential of an entropy.

    Parameters
    ----------
    Z : array of shape (..., n, d)
    convention : {"von-neumann", "roy-vetterli"}
        "von-neumann": :math:`\exp` of :func:`von_neumann_entropy`, the entropy of *squared*
        singular values of rows of length 1. "roy-vetterli": :math:`\exp` of the entropy of the
        *singular values* of Z as it is, :math:`p_k = \sigma_k / \sum_l \sigma_l`.

    Returns
    -------
    array of shape (...)
        Between 1 and min(n, d); 0 for a matrix of zeros. Differentiable in Torch, the first
        twice.

    Raises
    ------
    ValueError
        If `convention` is not one of the two, or as :func:`von_neumann_entropy`.
    TypeError
        As :func:`von_neumann_entropy`.

    Notes
    -----
    The two differ even for rows of length 1: squares give small directions less weight, and the
    first is then never above the second. Singular values of 0 have the derivative 0, where that
    of the second is infinite. Complexity :math:`O(n d \min(n, d))`. Sources: Roy and Vetterli
    (2007), EUSIPCO, 606-610; Kim et al. (2023), arXiv:2304.01434.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import effective_rank
    >>> Z = np.diag([3.0, 1.0])
    >>> print(f"{effective_rank(Z, convention='von-neumann'):.4f}")  # rows of length 1
    2.0000
    >>> print(f"{effective_rank(Z, convention='roy-vetterli'):.4f}")
    1.7548
    """
    if convention == "von-neumann":
        rows, there = unit_rows(Z)
        xp = array_namespace(rows)
        value = xp.exp(_entropy_of_rows(rows, there))
        return xp.where(xp.any(there, axis=-1), value, 0.0)
    if convention != "roy-vetterli":
        raise ValueError(
            f"convention must be 'von-neumann' (squared singular values of rows of length 1) or "
            f"'roy-vetterli' (singular values of Z), got {convention!r}."
        )
    Z = checked_rows(Z)
    xp = array_namespace(Z)
    # Shares do not depend on the scale, and sums of it stay in range.
    top = detached(xp.max(xp.abs(Z), axis=(-2, -1), keepdims=True))
    spectrum = xp.linalg.svdvals(Z / xp.where(top > 0, top, 1.0))
    total = xp.sum(spectrum, axis=-1, keepdims=True)
    some = total > 0
    shares = spectrum / xp.where(some, total, 1.0)
    value = xp.exp(0.0 - xp.sum(xlogy(shares, shares), axis=-1))
    return xp.where(some[..., 0], value, 0.0)


def participation_ratio(Z: Array, *, centered: bool = True) -> Array:
    r"""Participation ratio of the covariance of the rows: dimensions that carry the variance.

    Parameters
    ----------
    Z : array of shape (..., n, d)
    centered : bool
        Take the mean of the rows off first. Without it the second moments take the place of the
        covariance; on rows of length 1 the value is then the exponential of the matrix entropy of
        order 2 of :math:`Z Z^T`.

    Returns
    -------
    array of shape (...)
        :math:`(\sum_k \lambda_k)^2 / \sum_k \lambda_k^2` of the eigenvalues of the covariance,
        between 1 and min(n, d), at most n - 1 if centred; 0 where all of them are 0.
        Differentiable.

    Raises
    ------
    ValueError, TypeError
        As :func:`von_neumann_entropy`.

    Notes
    -----
    From sums of squares of the smaller of :math:`Z Z^T` and :math:`Z^T Z`, without eigenvalues:
    :math:`O(n d \min(n, d))`. Source: Gao et al. (2017), A theory of multineuronal
    dimensionality, dynamics and measurement, doi:10.1101/214262.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import participation_ratio
    >>> Z = np.concatenate([np.eye(3), -np.eye(3)])
    >>> print(f"{participation_ratio(Z):.4f}")
    3.0000
    """
    Z = checked_rows(Z)
    xp = array_namespace(Z)
    top = detached(xp.max(xp.abs(Z), axis=(-2, -1), keepdims=True))
    Z = Z / xp.where(top > 0, top, 1.0)
    eps = float(xp.finfo(Z.dtype).eps)
    least = 0.0
    if centered:
        Z = Z - xp.mean(Z, axis=-2, keepdims=True)
        least = (_ROUNDINGS * eps) ** 2
    gram = smaller_gram(Z)
    trace = xp.linalg.trace(gram)
    some = detached(trace) > least * Z.shape[-2] * Z.shape[-1]
    square = xp.sum(gram * gram, axis=(-2, -1))
    return xp.where(some, trace * trace / xp.where(some, square, 1.0), 0.0)


def page_entropy(n: int, d: int) -> float:
    r"""Mean von Neumann entropy without structure: Page's formula.

    Parameters
    ----------
    n, d : int
        Rows and columns, in any order.

    Returns
    -------
    float
        :math:`\sum_{k=M+1}^{mM} \frac1k - \frac{m-1}{2M}` in nats, with m the smaller and M the
        larger of the two.

    Raises
    ------
    ValueError
        If a number is below 1.
    TypeError
        If a number is no integer.

    Notes
    -----
    Exact for a random pure state of two systems of m and M levels, that is, for complex normal
    n x d matrices. Real rows that are isotropic and of length 1 have on average about
    1 / (2 M) more (n = 200, d = 6: 1.7772 here, 1.7793 measured; n = 32, d = 128: 3.341 and
    3.344). It is near ``ln n`` for n far below d and near ``ln d`` for n far above, and in between
    falls short of both: a representation can only be called collapsed below this value.
    Complexity :math:`O(1)`. Sources: Page (1993), doi:10.1103/PhysRevLett.71.1291; Sen (1996),
    doi:10.1103/PhysRevLett.77.1.

    Examples
    --------
    >>> from infotheory.functional import page_entropy
    >>> print(f"{page_entropy(32, 128):.3f} {page_entropy(128, 32):.3f}")
    3.341 3.341
    """
    from scipy.special import digamma

    check_count(1, n=n, d=d)
    small, large = min(n, d), max(n, d)
    return float(digamma(small * large + 1) - digamma(large + 1)) - (small - 1) / (2 * large)


def normalized_tokens(Z: Array) -> Array:
    """Rows less their mean, each of length 1: what token-matrix measures read.

    Parameters
    ----------
    Z : array of shape (..., n, d)

    Returns
    -------
    array of shape (..., n, d)
        Rows within rounding of the mean have no direction and are 0. Differentiable.

    Raises
    ------
    ValueError, TypeError
        As :func:`von_neumann_entropy`.

    Notes
    -----
    Complexity :math:`O(n d)`. Source: Li et al. (2024), arXiv:2410.10672.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import normalized_tokens
    >>> normalized_tokens(np.array([[1.0, 0.0], [5.0, 0.0], [3.0, 0.0]])).tolist()
    [[-1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    """
    return unit_rows(Z, centered=True)[0]


def token_matrix_entropy(Z: Array) -> Array:
    r"""Matrix entropy of the hidden states of a text, as a share of what d columns can hold.

    Parameters
    ----------
    Z : array of shape (..., n, d)
        One row a token. The mean of the rows is taken off and each then scaled to length 1.

    Returns
    -------
    array of shape (...)
        :math:`-\mathrm{tr}\, \rho \ln \rho \,/ \ln d`, between 0 and
        :math:`\ln \min(n, d) / \ln d`. Twice differentiable in Torch.

    Raises
    ------
    ValueError
        If Z is not finite or not real, or has no rows or no columns.
    TypeError
        If Z is no array of numbers, or has masked entries.

    Notes
    -----
    Rows within rounding of the mean have no direction and are left out; a single token, equal
    tokens and a single column have 0. Complexity :math:`O(n d \min(n, d))`. Source: Li et al.
    (2024), arXiv:2410.10672.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import token_matrix_entropy
    >>> Z = np.concatenate([np.eye(2), -np.eye(2)])
    >>> print(f"{token_matrix_entropy(Z):.4f}")
    1.0000
    """
    value = _entropy_of_rows(*unit_rows(Z, centered=True))
    d = Z.shape[-1]
    # One column has the entropy 0, and 0 / ln 1 would be undefined.
    return value / math.log(d) if d > 1 else value


def nuclear_norm(Z: Array) -> Array:
    r"""Sum of the singular values.

    Parameters
    ----------
    Z : array of shape (..., n, d)

    Returns
    -------
    array of shape (...)
        :math:`\|Z\|_* = \sum_k \sigma_k`. Differentiable in Torch, also where singular values
        coincide.

    Raises
    ------
    ValueError, TypeError
        As :func:`von_neumann_entropy`.

    Notes
    -----
    Complexity :math:`O(n d \min(n, d))`. Source: Horn and Johnson, Matrix Analysis, section 7.4,
    doi:10.1017/CBO9780511810817.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import nuclear_norm
    >>> print(nuclear_norm(np.diag([3.0, 1.0])))
    4.0
    """
    Z = checked_rows(Z)
    xp = array_namespace(Z)
    return xp.sum(xp.linalg.svdvals(Z), axis=-1)


def matrix_nuclear_norm(Z: Array) -> Array:
    r"""A fast surrogate of the nuclear norm of the hidden states of a text, a token.

    Parameters
    ----------
    Z : array of shape (..., n, d)
        One row a token. The mean of the rows is taken off and each then scaled to length 1.

    Returns
    -------
    array of shape (...)
        The sum of the min(n, d) largest column lengths, over the number of tokens that have a
        direction. Differentiable.

    Raises
    ------
    ValueError, TypeError
        As :func:`von_neumann_entropy`.

    Notes
    -----
    What it is: with n >= d, all columns, the norm :math:`\|\cdot\|_{1,2}`, which is an upper bound
    of the nuclear norm and equals it where the columns are orthogonal. What it is not: with n < d
    columns are left out and it bounds nothing; it changes when the features are rotated, which
    the nuclear norm does not; and correlations between columns leave no trace in it (a matrix of
    rank 1 with 50 rows and 30 columns has the nuclear norm 7.1 and a value of about 28). Compare
    values of one layer of one model at most. Complexity :math:`O(n d)`. Source: Li et al. (2024),
    arXiv:2410.10672.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import matrix_nuclear_norm, normalized_tokens, nuclear_norm
    >>> Z = np.concatenate([np.eye(3), -np.eye(3)])
    >>> print(f"{matrix_nuclear_norm(Z):.4f} {nuclear_norm(normalized_tokens(Z)) / 6:.4f}")
    0.7071 0.7071
    """
    rows, there = unit_rows(Z, centered=True)
    xp = array_namespace(rows)
    square = xp.sum(rows * rows, axis=-2)
    used = square > 0
    lengths = xp.where(used, xp.sqrt(xp.where(used, square, 1.0)), 0.0)
    n, d = Z.shape[-2:]
    if n < d:
        lengths = xp.sort(lengths, axis=-1, descending=True)[..., :n]
    count = xp.sum(xp.astype(there, rows.dtype), axis=-1)
    return xp.sum(lengths, axis=-1) / xp.where(count > 0, count, 1.0)
