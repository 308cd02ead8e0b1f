"""Gaussian Gram matrices, and sums of their entries without the matrices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import array_api_compat

from infotheory._xp import (
    array_namespace,
    as_working_float,
    logsumexp,
)
from infotheory._xp._namespace import Array
from infotheory.functional._gram_compiled import (
    MANY_COLUMNS,
    compiled_pair_sums,
    compiled_row_sums,
)
from infotheory.functional._kernel_checks import (
    check_bandwidth,
    check_columns,
    check_pairs,
    check_points,
)
from infotheory.functional._transport_checks import is_transformed

_BLOCK = 2**20  # pairs of rows held at once
_FEW_COLUMNS = 4  # up to where differences in Torch are as fast as products
_SHARE_OF_ROUNDING = 0.06  # of the dtype of kernels, that their exponents may be off by


def gaussian_gram(X: Array, Y: Array | None = None, *, bandwidth: float | Array) -> Array:
    r"""Values of the Gaussian kernel for all pairs of rows.

    Parameters
    ----------
    X : array of shape (..., n, d)
        Finite.
    Y : array of shape (..., m, d), optional
        X itself if None.
    bandwidth : float or array of shape (...)
        Positive.

    Returns
    -------
    array of shape (..., n, m)
        :math:`\exp(-|x_i - y_j|^2 / (2\,\mathrm{bandwidth}^2))`; differentiable in all three.
        With Y None the diagonal is exactly 1.

    Raises
    ------
    ValueError
        If rows are not finite, not real or not of this shape, or a bandwidth is not positive
        and finite, or so small that squared distances in units of it leave the range of floats.
    TypeError
        If these are no arrays of numbers of one library, or have masked entries.

    Notes
    -----
    Halves count as float32, and so does the result: here and in all that is made of these kernels.
    Complexity O(n m d), memory O(n m). Rows are moved to their mean first, so that what is lost to
    rounding is relative to the extent of the samples and not to how far they are from the origin.
    Entries below the smallest number of the dtype are 0. Rows are to be within 1e150 bandwidths of
    each other. Source: Schölkopf and Smola, Learning with Kernels (2002), section 2.3.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_gram
    >>> gaussian_gram(np.array([[0.0], [2.0]]), bandwidth=2.0).round(4).tolist()
    [[1.0, 0.6065], [0.6065, 1.0]]
    """
    _check_samples(X, Y, bandwidth)
    X, Y, own, dtype = _scaled(X, Y, bandwidth)
    return array_namespace(X).exp(_exponents(X, Y, 0 if own else None, dtype))


def gram_row_sums(X: Array, Y: Array | None = None, *, bandwidth: float | Array) -> Array:
    r"""Sums over j of the Gaussian kernel of x_i and y_j, without the Gram matrix.

    Parameters
    ----------
    X : array of shape (..., n, d)
        Finite.
    Y : array of shape (..., m, d), optional
        X itself if None.
    bandwidth : float or array of shape (...)
        Positive.

    Returns
    -------
    array of shape (..., n)
        Row sums of :func:`gaussian_gram`; differentiable.

    Raises
    ------
    ValueError, TypeError
        As :func:`gaussian_gram`.

    Notes
    -----
    Complexity O(n m d), memory O((n + m) d): a product of Gram matrices of the same rows is the
    Gram matrix of their columns side by side, each divided by its bandwidth, so sums of K o L are
    row sums too. On the CPU, where no gradient is asked for, sums of up to 32 columns are compiled
    and shared by as many threads as there are cores (``NUMBA_NUM_THREADS``); pairs so far apart
    that the kernel is below 1e-150 count as 1e-150. Otherwise they go through blocks of the
    caller's library, which the gradient computes a second time instead of keeping them. Distances
    are computed in float64 whatever the dtype (not on MPS, which has none), by differences except
    for more than 32 columns: there the rounding of :math:`|x|^2 / \mathrm{bandwidth}^2` counts.
    Torch takes products of matrices from 5 columns on where it is below that of a float32 kernel.
    Source: Shawe-Taylor and Cristianini (2004), chapter 3, of products,
    doi:10.1017/CBO9780511809682.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gram_row_sums
    >>> gram_row_sums(np.array([[0.0], [2.0]]), bandwidth=2.0).round(4).tolist()
    [1.6065, 1.6065]
    """
    _check_samples(X, Y, bandwidth)
    if _is_compiled(X, Y, bandwidth):
        return compiled_row_sums(X, Y, float(bandwidth))
    X, Y, own, dtype = _scaled(X, Y, bandwidth)
    xp = array_namespace(X)

    def sums(rows: Array, Y: Array, first: int) -> Array:
        return xp.sum(xp.exp(_exponents(rows, Y, first if own else None, dtype)), axis=-1)

    return _by_blocks(sums, X, Y)


def gram_log_row_sums(X: Array, Y: Array | None = None, *, bandwidth: float | Array) -> Array:
    r"""Logarithms of :func:`gram_row_sums`, finite however far apart the rows are.

    Parameters
    ----------
    X : array of shape (..., n, d)
        Finite.
    Y : array of shape (..., m, d), optional
        X itself if None.
    bandwidth : float or array of shape (...)
        Positive.

    Returns
    -------
    array of shape (..., n)
        Differentiable.

    Raises
    ------
    ValueError, TypeError
        As :func:`gaussian_gram`.

    Notes
    -----
    Complexity O(n m d), memory O((n + m) d). Some times slower than the sums themselves. Source:
    Schölkopf and Smola, Learning with Kernels (2002), section 2.3, of the kernel.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gram_log_row_sums
    >>> gram_log_row_sums(np.array([[0.0]]), np.array([[100.0]]), bandwidth=1.0).tolist()
    [-5000.0]
    """
    _check_samples(X, Y, bandwidth)
    X, Y, own, dtype = _scaled(X, Y, bandwidth)

    def sums(rows: Array, Y: Array, first: int) -> Array:
        exponents = _exponents(rows, Y, first if own else None, dtype, small=True)
        return logsumexp(exponents, axis=-1)

    return _by_blocks(sums, X, Y)


class PairSums(NamedTuple):
    """Row sums of two Gram matrices of the same n rows and of their entrywise products.

    ``sum(product)`` is tr(K L), ``sum(x * y)`` is 1^T K L 1, ``sum(square_x)`` is tr(K^2).
    """

    x: Array
    y: Array
    product: Array
    square_x: Array
    square_y: Array


def gram_pair_sums(
    X: Array, Y: Array, *, bandwidth_x: float | Array, bandwidth_y: float | Array
) -> PairSums:
    r"""Row sums of the Gram matrices K of X and L of Y and of their products, without the matrices.

    Parameters
    ----------
    X, Y : arrays of shape (..., n, d), (..., n, e)
        Finite; rows belong together.
    bandwidth_x, bandwidth_y : float or array of shape (...)
        Positive.

    Returns
    -------
    PairSums
        `x`, `y`, `product`, `square_x` and `square_y`, each of shape (..., n): K 1, L 1, (K o L) 1,
        (K o K) 1 and (L o L) 1; differentiable.

    Raises
    ------
    ValueError
        If X and Y differ in their number of rows, or as :func:`gaussian_gram`.
    TypeError
        As :func:`gaussian_gram`.

    Notes
    -----
    Complexity O(n^2 (d + e)), memory O(n (d + e)). As :func:`gram_row_sums`, but for many rows of
    single columns within some 40 bandwidths: there the kernel is a sum of p products, as many as
    give it to rounding (50 to 100 for normal rows and median bandwidths), which takes O(n p^2) on
    the CPU where no gradient is asked for. Sources: Gretton et al. (2005),
    doi:10.1007/11564089_7, of what these sums are for; Cotter, Keshet and Srebro (2011),
    arXiv:1109.4603, of the expansion.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gram_pair_sums
    >>> X = np.array([[0.0], [1.0], [2.0]])
    >>> found = gram_pair_sums(X, X, bandwidth_x=1.0, bandwidth_y=1.0)
    >>> print(f"{sum(found.product):.4f}")
    4.5081
    """
    check_points(X=X, Y=Y)
    check_pairs(X=X, Y=Y)
    check_bandwidth("bandwidth_x", bandwidth_x, X)
    check_bandwidth("bandwidth_y", bandwidth_y, Y)
    X, Y = as_working_float(X), as_working_float(Y)
    if _is_compiled(X, Y, bandwidth_x, bandwidth_y):
        return PairSums(*compiled_pair_sums(X, Y, float(bandwidth_x), float(bandwidth_y)))
    X, _, _, dtype = _scaled(X, None, bandwidth_x)
    Y, _, _, dtype_y = _scaled(Y, None, bandwidth_y)
    xp, d = array_namespace(X, Y), X.shape[-1]
    dtype = xp.result_type(dtype, dtype_y)

    def sums(rows: Array, both: Array, first: int) -> Array:
        k = xp.exp(_exponents(rows[..., :d], both[..., :d], first, dtype))
        other = xp.exp(_exponents(rows[..., d:], both[..., d:], first, dtype))
        parts = (k, other, k * other, k * k, other * other)
        return xp.stack([xp.sum(part, axis=-1) for part in parts], axis=-1)

    both = xp.concat([X, Y], axis=-1)
    found = _by_blocks(sums, both, both, axis=-2)
    return PairSums(*(found[..., i] for i in range(5)))


def _check_samples(X: Array, Y: Array | None, bandwidth: Any) -> None:
    points = (X,) if Y is None else (X, Y)
    check_points(**dict(zip("XY", points, strict=False)))
    check_columns(**dict(zip("XY", points, strict=False)))
    check_bandwidth("bandwidth", bandwidth, *points)


def _scaled(X: Array, Y: Array | None, bandwidth: Any) -> tuple[Array, Array, bool, Any]:
    """Rows around their mean in units of the bandwidth, whether both samples are one, their dtype.

    The rows come in float64 where the device has it: rounded in float32, the differences of rows
    many bandwidths from the mean are wrong.
    """
    own = Y is None
    X = as_working_float(X)
    Y = X if Y is None else as_working_float(Y)
    xp = array_namespace(X, Y)
    dtype = xp.result_type(X, Y)
    if getattr(array_api_compat.device(X), "type", None) != "mps":
        X = xp.astype(X, xp.float64, copy=False)
        Y = X if own else xp.astype(Y, xp.float64, copy=False)
    if getattr(bandwidth, "ndim", 0):
        bandwidth = bandwidth[..., None, None]
    # Distances do not depend on the centre, nor do gradients.
    centre = xp.mean(_detached(X), axis=-2, keepdims=True)
    if not own:
        centre = (centre + xp.mean(_detached(Y), axis=-2, keepdims=True)) / 2
    X = (X - centre) / bandwidth
    return X, X if own else (Y - centre) / bandwidth, own, dtype


def _detached(x: Array) -> Array:
    return x.detach() if hasattr(x, "detach") else x


def _exponents(X: Array, Y: Array, first: int | None, dtype: Any, *, small: bool = False) -> Array:
    """-|x - y|^2 / 2 of all pairs of rows; X is the part of Y from row `first` on, if not None.

    With `small` also those next to 0 keep their digits, which exponentials of them do not need.
    """
    xp = array_namespace(X, Y)
    if array_api_compat.is_torch_array(X):
        digits = 0.0 if small else _SHARE_OF_ROUNDING * float(xp.finfo(dtype).eps)
        if X.shape[-1] > MANY_COLUMNS:
            digits = math.inf
        return xp.astype(_torch_exponents(X, Y, first, digits), dtype, copy=False)
    of_x = xp.sum(X * X, axis=-1)[..., :, None]
    of_y = xp.sum(Y * Y, axis=-1)[..., None, :]
    squares = of_x + of_y - 2 * (X @ xp.matrix_transpose(Y))
    some = squares > 0
    if first is not None:
        device = array_api_compat.device(X)
        rows = xp.arange(first, first + X.shape[-2], device=device)
        some = some & (rows[:, None] != xp.arange(Y.shape[-2], device=device))
    return xp.astype(-0.5 * xp.where(some, squares, 0.0), dtype, copy=False)


def _torch_exponents(X: Any, Y: Any, first: int | None, digits: float) -> Any:
    """The same, of Torch: values as exact as `digits`, derivatives by products of matrices."""
    import torch

    x, y = X.detach(), Y.detach()
    with torch.no_grad():
        values = _values_by_products(x, y, first, digits)
        if values is None:
            distances = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
            # Where Torch maps over samples it has no rule for doing this in place.
            values = (
                -0.5 * distances.square()
                if is_transformed(distances)
                else distances.square_().mul_(-0.5)
            )
    if not any(map(_needs_gradient, (X, Y))):
        return values
    # x y^T - |x|^2 / 2 - |y|^2 / 2 less itself detached: 0, with all derivatives of the exponent.
    # Nothing of the size of the differences is kept for them.
    of_x, of_y = (
        (-0.5 * torch.sum((part - still) * (part + still), dim=-1, keepdim=True))
        for part, still in ((X, x), (Y, y))
    )
    left = torch.cat([X - x, x, of_x, torch.ones_like(of_x)], dim=-1)
    right = torch.cat([Y, Y - y, torch.ones_like(of_y), of_y], dim=-1)
    if values.ndim == 2:
        return torch.addmm(values, left, right.mT)
    return values + left @ right.mT


def _values_by_products(x: Any, y: Any, first: int | None, digits: float) -> Any:
    """x y^T - |x|^2 / 2 - |y|^2 / 2, where that is faster and rounding stays below `digits`."""
    import torch

    d = x.shape[-1]
    if d <= _FEW_COLUMNS or not digits or is_transformed(x) or is_transformed(y):
        return None
    of_x, of_y = (0.5 * torch.sum(part * part, dim=-1) for part in (x, y))
    largest = 2.0 * max(float(of_x.max()), float(of_y.max()))
    if (d + 4) * torch.finfo(x.dtype).eps * largest > digits:
        return None
    values = x @ y.mT
    values -= of_x[..., :, None]
    values -= of_y[..., None, :]
    if first is not None:
        values.diagonal(first, -2, -1).zero_()
    return values.clamp_(max=0.0)


def _by_blocks(function: Callable[..., Array], X: Array, Y: Array, axis: int = -1) -> Array:
    """The function of some rows of X and all of Y, joined along an axis of its answers."""
    xp = array_namespace(X, Y)
    step = max(1, _BLOCK // max(1, math.prod(X.shape[:-2]) * Y.shape[-2]))
    n = X.shape[-2]
    blocks = [X[..., i : min(i + step, n), :] for i in range(0, n, step)]
    if len(blocks) > 1 and (_needs_gradient(X) or _needs_gradient(Y)):
        from torch.utils.checkpoint import checkpoint

        # Nothing is drawn, so there is no random state to keep.
        words: dict[str, Any] = {"use_reentrant": False, "preserve_rng_state": False}
        parts: list[Any] = [
            checkpoint(function, block, Y, i * step, **words) for i, block in enumerate(blocks)
        ]
    else:
        parts = [function(block, Y, i * step) for i, block in enumerate(blocks)]
    return parts[0] if len(parts) == 1 else xp.concat(parts, axis=axis)


def _needs_gradient(x: Any) -> bool:
    """Whether Torch follows x, or transforms functions of it."""
    if not array_api_compat.is_torch_array(x):
        return False
    import torch

    return torch.is_grad_enabled() and x.requires_grad


def _is_compiled(*arrays: Any) -> bool:
    for x in arrays:
        if not hasattr(x, "ndim"):
            continue
        if x.ndim not in (0, 2) or (x.ndim == 2 and x.shape[1] > MANY_COLUMNS):
            return False
        if array_api_compat.is_torch_array(x):
            import torch

            # Torch's compiler would trace NumPy and Numba, and its transforms show no numbers.
            if x.device.type != "cpu" or _needs_gradient(x) or torch.compiler.is_compiling():
                return False
            if is_transformed(x):
                return False
    return True
