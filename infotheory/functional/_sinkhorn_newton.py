"""Newton steps of entropic transport: the system of one side, solved whole or by its products.

With all potentials in the kernel K, M = diag(sqrt(a)) K diag(sqrt(b)) and r the ratio of row sums
to weights, exact columns leave (diag(r) - M M^T) s = sqrt(a) (1 - r) for s = sqrt(a) df / eps: a
graph Laplacian whose null vector is sqrt(a). Where marginals may move at a price, the diagonal is
larger and the system is not singular.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from array_api_compat import device

from infotheory._xp import array_namespace
from infotheory._xp._namespace import Array

_DIRECT = 400  # rows up to which the whole system is formed and solved at once
LARGEST_SYSTEM = 4096  # rows up to which that may be done at all, as it is a dense matrix
_RIDGE = 1e-13  # of the whole system, whose diagonal is near 1
_DAMPING = 1e-2  # of the system by its products, times the error of the marginals
_MOST_LOOSE = 0.1  # residual of its solution, relative to the right side
_MOST_PRODUCTS = 1000
_LEAST_ENTRY = 1e-10  # of M, whose rows have squares that sum to 1 or less


def newton_step(
    kernel: Any,
    scalings: tuple[Array, Array],
    a: Array,
    diagonal: Array,
    lacking: Array,
    error: Array,
    *,
    is_singular: bool,
) -> Array:
    """df / eps of a Newton step, (..., n).

    Parameters
    ----------
    kernel : DenseKernel
    scalings : arrays of shape (..., n), (..., m)
        sqrt(a) u and sqrt(b) v, with u and v the scalings of the kernel.
    a, diagonal, lacking : arrays of shape (..., n)
        Weights, diagonal of the system, and what row sums lack over the weights.
    error : array of shape (...)
        L1 distance of the row sums from the weights.
    """
    xp = array_namespace(a)
    root = xp.sqrt(a)
    right = root * lacking
    n, step = a.shape[-1], None
    if n > _DIRECT:
        damping = _DAMPING * xp.clip(error, None, 1.0)[..., None]
        product, of_product = kernel.normal(*scalings, _LEAST_ENTRY)
        whole = diagonal + damping
        step, is_solved = conjugate_gradients(
            lambda x: whole * x - product(x),
            xp.clip(whole - of_product, 1e-12, None),
            right,
            xp.clip(error, None, _MOST_LOOSE),
        )
        if not is_solved and n <= LARGEST_SYSTEM:
            step = None
    if step is None:
        eye = xp.eye(n, dtype=a.dtype, device=device(a))
        system = (diagonal + _RIDGE)[..., :, None] * eye - kernel.gram(*scalings)
        if is_singular:
            system = system + root[..., :, None] * root[..., None, :]
        step = xp.linalg.solve(system, right[..., None])[..., 0]
    return xp.where(a > 0, step / xp.where(a > 0, root, 1.0), 0.0)


def conjugate_gradients(
    product: Callable[[Array], Array], diagonal: Array, right: Array, goal: Array
) -> tuple[Array, bool]:
    """Solution of a positive definite system, and whether all residuals came down to `goal`.

    The residual is measured with the diagonal, relative to that of zero. Any of the iterates is
    a direction of ascent for the function whose gradient is `right`.
    """
    xp = array_namespace(right)
    x, left = xp.zeros_like(right), right
    scaled = left / diagonal
    direction = scaled
    size = xp.vecdot(left, scaled)[..., None]
    small = size * goal[..., None] ** 2
    for _ in range(_MOST_PRODUCTS):
        if bool(xp.all(size <= small)):
            return x, True
        turned = product(direction)
        curvature = xp.vecdot(direction, turned)[..., None]
        # A problem of a batch that is done, or at the end of its precision, stays as it is.
        goes_on = (curvature > 0) & (size > small)
        length = xp.where(goes_on, size / xp.where(goes_on, curvature, 1.0), 0.0)
        if not bool(xp.any(goes_on)):
            return x, False
        x, left = x + length * direction, left - length * turned
        scaled = left / diagonal
        before, size = size, xp.vecdot(left, scaled)[..., None]
        direction = scaled + size / xp.where(before > 0, before, 1.0) * direction
    return x, False
