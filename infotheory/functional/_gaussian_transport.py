r"""Entropic transport between normal laws, for the cost half the squared distance.

With covariances A and B and the regularisation :math:`\varepsilon`, everything follows from the
slope T of the entropic map, the semi-definite solution of
:math:`T A T + \varepsilon T = B`: the plan has the cross-covariance A T, and y given x has the
covariance :math:`\varepsilon T`. The eigenvalues of A T are
:math:`k_i = 2 m_i / (\sqrt{4 m_i + \varepsilon^2} + \varepsilon)` with those of
:math:`B^{1/2} A B^{1/2}` for :math:`m_i`; no covariance is inverted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from array_api_compat import device

from infotheory._xp._namespace import Array, array_namespace
from infotheory.functional._matrix_root import (
    detached,
    hermitian_part,
    matrix_sqrt,
    semidefinite_spectrum,
)


class GaussianTransport(NamedTuple):
    """Entropic plan between two normal laws: what :func:`gaussian_transport` returns."""

    value: Array
    cost: Array
    mutual_information: Array
    cross_covariance: Array
    slope: Array
    intercept: Array


class GaussianBridge(NamedTuple):
    """Normal law at one time of a bridge: what :func:`gaussian_bridge` returns."""

    mean: Array
    covariance: Array


def _as_array(number: Array | float, x: Array) -> Array:
    """A Python or NumPy number as an array beside ``x``; arrays pass."""
    if isinstance(number, (int, float, np.generic)):
        xp = array_namespace(x)
        return xp.asarray(float(number), dtype=x.dtype, device=device(x))
    return number


def _regulariser(epsilon: Array | float, x: Array) -> Array:
    """Epsilon as an array beside ``x``, positive throughout."""
    regulariser = _as_array(epsilon, x)
    if not hasattr(regulariser, "shape"):
        raise TypeError(f"epsilon must be a positive number or an array, got {epsilon!r}.")
    xp = array_namespace(regulariser)
    if not bool(xp.all(regulariser > 0)):
        least = float(xp.min(detached(regulariser)))
        raise ValueError(
            f"epsilon must be positive, got {least!r}. Its limit at 0 is gaussian_wasserstein."
        )
    return regulariser


def _plan_spectrum(squares: Array, epsilon: Array) -> Array:
    """The k of each eigenvalue m, free of overflow and of cancellation for any epsilon."""
    xp = array_namespace(squares, epsilon)
    root = xp.sqrt(detached(squares))
    scale = xp.maximum(root, detached(epsilon) + 0.0 * root)
    small = epsilon / scale
    return 2.0 * (squares / scale) / (xp.sqrt(4.0 * squares / scale / scale + small**2) + small)


def _information(plan_spectrum: Array, epsilon: Array) -> Array:
    """Twice the mutual information of the plan, a sum of log(1 + k / epsilon)."""
    xp = array_namespace(plan_spectrum, epsilon)
    return xp.sum(xp.log1p(plan_spectrum / epsilon), axis=-1)


def _squared_norm(v: Array) -> Array:
    xp = array_namespace(v)
    return xp.sum(v**2, axis=-1)


def _trace(matrix: Array) -> Array:
    return array_namespace(matrix).linalg.trace(matrix)


def _plan_slope(covariance_x: Array, root_y: Array, epsilon: Array) -> Array:
    """T = 2 S (D + epsilon)^-1 S with S the root of B and D = (4 S A S + epsilon^2)^(1/2)."""
    xp = array_namespace(covariance_x, root_y, epsilon)
    inner = root_y @ covariance_x @ root_y
    unit = xp.eye(inner.shape[-1], dtype=inner.dtype, device=device(inner))
    scale = (detached(epsilon) + xp.sqrt(detached(_trace(inner))))[..., None, None]
    small = epsilon[..., None, None] / scale
    root = matrix_sqrt(4.0 * inner / scale / scale + small**2 * unit)
    return hermitian_part(2.0 * root_y @ xp.linalg.solve(root + small * unit, root_y) / scale)


def gaussian_transport(
    mean_x: Array,
    covariance_x: Array,
    mean_y: Array,
    covariance_y: Array,
    epsilon: Array | float,
) -> GaussianTransport:
    r"""Entropic transport between two normal laws, in closed form.

    Parameters
    ----------
    mean_x, mean_y : array of shape (..., d)
        Means of source and target.
    covariance_x, covariance_y : array of shape (..., d, d)
        Positive semi-definite.
    epsilon : float or array of shape (...)
        Positive, in units of the cost.

    Returns
    -------
    GaussianTransport
        ``value``, shape (...): :math:`\min_P \langle C, P\rangle + \varepsilon\,
        KL(P \| p \otimes q)` with :math:`C = \tfrac12 \|x - y\|^2`, in units of the cost.
        ``cost``, shape (...): :math:`\langle C, P\rangle`. ``mutual_information``, shape (...):
        of the plan, in nats, so that ``value = cost + epsilon * mutual_information``.
        ``cross_covariance``, shape (..., d, d): of x (rows) and y under the plan. ``slope``,
        shape (..., d, d), and ``intercept``, shape (..., d): the entropic map
        :math:`E[y | x] =` slope x + intercept; y given x has the covariance :math:`\varepsilon`
        slope. Differentiable in everything, `epsilon` included; the gradient in `covariance_y`
        needs it positive definite.

    Raises
    ------
    ValueError
        If epsilon is not positive.

    Notes
    -----
    No covariance is inverted, so that singular ones are exact, and neither a tiny nor a huge
    `epsilon` overflows or cancels: the limits are :func:`gaussian_wasserstein` and the cost of
    the independent plan. Complexity :math:`O(d^3)` a pair. Source: Janati, Muzellec, Peyré and
    Cuturi (2020), arXiv:2006.02572.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_transport
    >>> zero = np.zeros(2)
    >>> plan = gaussian_transport(zero, np.eye(2), zero, np.diag([4.0, 0.25]), 2.0)
    >>> print(f"{plan.value:.4f} {plan.cost:.4f}")
    2.3095 1.7709
    >>> print(plan.slope.round(4))
    [[1.2361 0.    ]
     [0.     0.118 ]]
    """
    xp = array_namespace(mean_x, covariance_x, mean_y, covariance_y)
    regulariser = _regulariser(epsilon, covariance_x)
    root = matrix_sqrt(covariance_y)
    squares = semidefinite_spectrum(root @ covariance_x @ root)
    k = _plan_spectrum(squares, regulariser[..., None])
    spread = _squared_norm(mean_x - mean_y) + _trace(covariance_x) + _trace(covariance_y)
    cost = 0.5 * spread - xp.sum(k, axis=-1)
    information = 0.5 * _information(k, regulariser[..., None])
    slope = _plan_slope(covariance_x, root, regulariser)
    moved = xp.sum(slope * mean_x[..., None, :], axis=-1)
    return GaussianTransport(
        value=cost + regulariser * information,
        cost=cost,
        mutual_information=information,
        cross_covariance=covariance_x @ slope,
        slope=slope,
        intercept=mean_y - moved,
    )


def gaussian_sinkhorn_divergence(
    mean_x: Array,
    covariance_x: Array,
    mean_y: Array,
    covariance_y: Array,
    epsilon: Array | float,
) -> Array:
    r"""Sinkhorn divergence of two normal laws.

    Parameters
    ----------
    mean_x, mean_y : array of shape (..., d)
    covariance_x, covariance_y : array of shape (..., d, d)
        Positive semi-definite.
    epsilon : float or array of shape (...)
        Positive, in units of the cost.

    Returns
    -------
    array of shape (...)
        :math:`OT_\varepsilon(p, q) - \tfrac12 OT_\varepsilon(p, p) - \tfrac12
        OT_\varepsilon(q, q)` of the values of :func:`gaussian_transport`, not of their costs; in
        units of the cost. Differentiable; the gradient in `covariance_y` needs it positive
        definite.

    Raises
    ------
    ValueError
        If epsilon is not positive.

    Notes
    -----
    It tends to :func:`gaussian_wasserstein` as `epsilon` falls and to half the squared distance
    of the means as it grows. Complexity :math:`O(d^3)` a pair. Source: Janati, Muzellec, Peyré
    and Cuturi (2020), arXiv:2006.02572; Genevay, Peyré and Cuturi (2018), arXiv:1706.00292.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_sinkhorn_divergence
    >>> zero = np.zeros(2)
    >>> stretched = np.diag([4.0, 0.25])
    >>> print(f"{gaussian_sinkhorn_divergence(zero, np.eye(2), zero, stretched, 2.0):.4f}")
    0.5094
    """
    regulariser = _regulariser(epsilon, covariance_x)
    root = matrix_sqrt(covariance_y)

    def gain(squares: Array) -> Array:
        """What the plan saves over the independent one, twice."""
        xp = array_namespace(squares)
        k = _plan_spectrum(squares, regulariser[..., None])
        return 2.0 * xp.sum(k, axis=-1) - regulariser * _information(k, regulariser[..., None])

    both = gain(semidefinite_spectrum(root @ covariance_x @ root))
    own_x = gain(semidefinite_spectrum(covariance_x) ** 2)
    own_y = gain(semidefinite_spectrum(covariance_y) ** 2)
    return 0.5 * _squared_norm(mean_x - mean_y) + 0.25 * (own_x + own_y) - 0.5 * both


def gaussian_bridge(
    mean_x: Array,
    covariance_x: Array,
    mean_y: Array,
    covariance_y: Array,
    epsilon: Array | float,
    time: Array | float,
) -> GaussianBridge:
    r"""Law of the Schrödinger bridge between two normal laws at one time.

    Parameters
    ----------
    mean_x, mean_y : array of shape (..., d)
        Means at the times 0 and 1.
    covariance_x, covariance_y : array of shape (..., d, d)
        Positive semi-definite.
    epsilon : float or array of shape (...)
        Positive: variance that the reference Brownian motion gains in a unit of time.
    time : float or array of shape (...)
        From 0 to 1.

    Returns
    -------
    GaussianBridge
        ``mean``, shape (..., d), and ``covariance``, shape (..., d, d), of the normal law at
        `time`: :math:`(1-t)^2 A + t^2 B + t (1-t) (K + K^\top + \varepsilon I)` with the
        cross-covariance K of :func:`gaussian_transport`. Differentiable as that is.

    Raises
    ------
    ValueError
        If epsilon is not positive.

    Notes
    -----
    Complexity :math:`O(d^3)` a pair. Source: Bunne, Hsieh, Cuturi and Krause (2023),
    arXiv:2202.05722.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_bridge
    >>> halfway = gaussian_bridge(np.zeros(1), np.eye(1), np.ones(1), np.eye(1), 1.0, 0.5)
    >>> print(halfway.mean, halfway.covariance.round(4))
    [0.5] [[1.059]]
    """
    xp = array_namespace(mean_x, covariance_x, mean_y, covariance_y)
    regulariser = _regulariser(epsilon, covariance_x)
    slope = _plan_slope(covariance_x, matrix_sqrt(covariance_y), regulariser)
    cross = covariance_x @ slope
    unit = xp.eye(cross.shape[-1], dtype=cross.dtype, device=device(cross))
    t = _as_array(time, covariance_x)[..., None]
    between = cross + xp.matrix_transpose(cross) + regulariser[..., None, None] * unit
    s = t[..., None]
    return GaussianBridge(
        mean=(1.0 - t) * mean_x + t * mean_y,
        covariance=(1.0 - s) ** 2 * covariance_x + s**2 * covariance_y + s * (1.0 - s) * between,
    )


def gaussian_wasserstein(
    mean_x: Array, covariance_x: Array, mean_y: Array, covariance_y: Array
) -> Array:
    r"""Half the squared 2-Wasserstein distance of two normal laws.

    Parameters
    ----------
    mean_x, mean_y : array of shape (..., d)
    covariance_x, covariance_y : array of shape (..., d, d)
        Positive semi-definite.

    Returns
    -------
    array of shape (...)
        :math:`\tfrac12 \|m_x - m_y\|^2 + \tfrac12 tr(A + B - 2 (B^{1/2} A B^{1/2})^{1/2})`, the
        least mean of half the squared distance. Differentiable for positive definite
        covariances. The gradient in `covariance_x` leaves out the directions in which
        :math:`B^{1/2} A B^{1/2}` is exactly 0, where the distance has none.

    Notes
    -----
    For any two laws with these moments it is a lower bound (Gelbrich). Where a covariance is
    singular, rounding of relative size u moves it by the order :math:`\sqrt u`. Complexity
    :math:`O(d^3)` a pair. Source: Gelbrich (1990), doi:10.1002/mana.19901470121.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_wasserstein
    >>> zero = np.zeros(2)
    >>> print(f"{gaussian_wasserstein(zero, np.eye(2), zero, np.diag([4.0, 0.25])):.4f}")
    0.6250
    """
    return 0.5 * (
        _squared_norm(mean_x - mean_y) + _squared_bures(covariance_x, matrix_sqrt(covariance_y))
    )


def _squared_bures(covariance_x: Array, root_y: Array) -> Array:
    xp = array_namespace(covariance_x, root_y)
    squares = semidefinite_spectrum(root_y @ covariance_x @ root_y)
    some = squares > 0
    roots = xp.where(some, xp.sqrt(xp.where(some, squares, 1.0)), 0.0)
    total = _trace(covariance_x) + xp.sum(root_y**2, axis=(-2, -1))
    return total - 2.0 * xp.sum(roots, axis=-1)


def bures_distance(covariance_x: Array, covariance_y: Array) -> Array:
    r"""Bures distance of two covariances.

    Parameters
    ----------
    covariance_x, covariance_y : array of shape (..., d, d)
        Positive semi-definite.

    Returns
    -------
    array of shape (...)
        :math:`\sqrt{tr(A + B - 2 (B^{1/2} A B^{1/2})^{1/2})}`: the 2-Wasserstein distance of
        centred normal laws. Differentiable for positive definite covariances that differ; 0 with
        the gradient 0 where rounding leaves nothing.

    Notes
    -----
    The root of a difference: below :math:`\sqrt u` times the root of the trace, u the rounding
    of the dtype, it cannot be told from 0. Complexity :math:`O(d^3)` a pair. Source: Bhatia, Jain
    and Lim (2019), doi:10.1016/j.exmath.2018.01.002.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import bures_distance
    >>> print(f"{bures_distance(np.eye(1), np.array([[4.0]])):.4f}")
    1.0000
    """
    xp = array_namespace(covariance_x, covariance_y)
    square = _squared_bures(covariance_x, matrix_sqrt(covariance_y))
    some = square > 0
    return xp.where(some, xp.sqrt(xp.where(some, square, 1.0)), 0.0)
