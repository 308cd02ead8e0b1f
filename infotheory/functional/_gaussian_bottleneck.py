"""The information bottleneck of two normal vectors, in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from numbers import Real

import numpy as np
from array_api_compat import device

from infotheory._xp import array_namespace, as_float, detached_numpy
from infotheory._xp._namespace import Array, like_floating
from infotheory.functional._graph_cache import cached_on_graph
from infotheory.functional._law_tables import check_beta, check_full_precision
from infotheory.functional._transport_checks import check_library

_NAMES = ("covariance_xx", "covariance_yy", "covariance_xy")


@dataclass(frozen=True, eq=False)
class GaussianInformationBottleneck:
    r"""The best summary T = A X + noise of a normal vector X for another one.

    Parameters
    ----------
    projection : array of shape (..., k, dx)
        A, with k = min(dx, dy); the noise is standard normal. Rows whose beta is not reached are
        zero.
    directions : array of shape (..., k, dx)
        What A would be without its weights: combinations of X of variance 1, the most correlated
        first.
    correlations : array of shape (..., k)
        Canonical correlations of X and Y, falling.
    beta : float

    Notes
    -----
    Everything else is computed when it is first asked for, and kept, in O(k). Made by
    :func:`gaussian_information_bottleneck`, where the formulas are and the source is named
    (Chechik and others, 2005, pages 165-188).

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_information_bottleneck
    >>> one = np.eye(1)
    >>> found = gaussian_information_bottleneck(one, one, 0.8 * one, beta=4.0)
    >>> print(f"{found.information_x:.4f} {found.information_y:.4f} {found.critical_betas}")
    0.8370 0.3670 [1.5625]
    """

    projection: Array
    directions: Array
    correlations: Array
    beta: float

    @cached_on_graph
    def critical_betas(self) -> Array:
        """Beta from which each direction takes part, (..., k), growing; inf without correlation."""
        xp = array_namespace(self.correlations)
        some = self.correlations > 0
        return xp.where(some, 1 / xp.where(some, self.correlations, 1.0) ** 2, xp.inf)

    @cached_on_graph
    def information_x(self) -> Array:
        """I(X; T), nats (...)."""
        xp = array_namespace(self.correlations)
        square, active = self.correlations**2, self._active
        odds = xp.where(active, square / (1 - square), 1.0)
        terms = math.log(self.beta - 1) + xp.log(odds) if self.beta > 1 else xp.zeros_like(odds)
        return 0.5 * xp.sum(xp.where(active, terms, 0.0), axis=-1)

    @cached_on_graph
    def information_y(self) -> Array:
        """I(T; Y), nats (...)."""
        xp = array_namespace(self.correlations)
        square = xp.where(self._active, self.correlations**2, 1.0)
        lost = xp.where(self._active, xp.log(self.beta * square), 0.0)
        return self.information_x - 0.5 * xp.sum(lost, axis=-1)

    @cached_on_graph
    def information(self) -> Array:
        """I(X; Y), nats (...), which `information_y` approaches as beta grows."""
        xp = array_namespace(self.correlations)
        return -0.5 * xp.sum(xp.log1p(-(self.correlations**2)), axis=-1)

    @cached_on_graph
    def lagrangian(self) -> Array:
        """I(X; T) - beta I(T; Y), (...)."""
        return self.information_x - self.beta * self.information_y

    @cached_property
    def _active(self) -> Array:
        return self.beta * self.correlations**2 > 1


def gaussian_information_bottleneck(
    covariance_xx: Array, covariance_yy: Array, covariance_xy: Array, beta: float
) -> GaussianInformationBottleneck:
    r"""The information bottleneck of a normal vector X for a normal vector Y, in closed form.

    The T that minimises :math:`I(X; T) - \beta I(T; Y)` is normal: some combinations of X, each
    with noise.

    Parameters
    ----------
    covariance_xx : array of shape (..., dx, dx)
        Positive definite.
    covariance_yy : array of shape (..., dy, dy)
        Positive definite.
    covariance_xy : array of shape (..., dx, dy)
        Such that the joint covariance is positive definite.
    beta : float
        Nats of I(X; T) that a nat of I(T; Y) is worth, above 0.

    Returns
    -------
    GaussianInformationBottleneck
        ``projection``, ``correlations``, and lazily ``information_x``, ``information_y``,
        ``critical_betas`` and more; informations are differentiable.

    Raises
    ------
    ValueError
        If shapes do not fit, a covariance is not finite, symmetric and positive definite, a
        correlation is 1 or more, or beta is not a finite number above 0.
    TypeError
        If the covariances are no arrays of one library, or have fewer than 32 bits a number.

    Notes
    -----
    With canonical correlations :math:`\rho_i`, and :math:`v_i` of variance :math:`v_i^T \Sigma_x
    v_i = 1`, row i of A is :math:`\alpha_i v_i^T` with :math:`\alpha_i^2 = (\beta \rho_i^2 - 1) /
    (1 - \rho_i^2)` from the critical :math:`\beta_i = 1 / \rho_i^2` on. Then :math:`I(X; T) =
    \tfrac12 \sum_i \ln((\beta - 1) \rho_i^2 / (1 - \rho_i^2))` and :math:`I(T; Y) = I(X; T) -
    \tfrac12 \sum_i \ln(\beta \rho_i^2)` over the active i. :math:`\rho_i^2 = 1 - \lambda_i` with
    eigenvalues :math:`\lambda_i` of :math:`\Sigma_{x | y} \Sigma_x^{-1}`. At equal correlations the
    directions are not unique and have no gradient. O((dx + dy)^3) a problem. Source: Chechik,
    Globerson, Tishby and Weiss (2005), Journal of Machine Learning Research 6, pages 165-188.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_information_bottleneck
    >>> across = np.array([[0.9, 0.0], [0.0, 0.5]])
    >>> found = gaussian_information_bottleneck(np.eye(2), np.eye(2), across, beta=3.0)
    >>> print(found.critical_betas.round(3), found.projection.round(3).tolist())
    [1.235 4.   ] [[2.743, 0.0], [0.0, 0.0]]
    """
    check_beta(beta)
    beta = float(beta)
    given = (covariance_xx, covariance_yy, covariance_xy)
    check_library("covariance_xx", *given)
    for name, covariance in zip(_NAMES, given, strict=True):
        check_full_precision(name, covariance)
    xx, yy, xy = (as_float(c) for c in (covariance_xx, covariance_yy, covariance_xy))
    xp = array_namespace(xx, yy, xy)
    _check_covariances(xx, yy, xy)
    lx, ly = xp.linalg.cholesky(xx), xp.linalg.cholesky(yy)
    half = xp.linalg.solve(lx, xy)
    whitened = xp.matrix_transpose(xp.linalg.solve(ly, xp.matrix_transpose(half)))
    left, correlations, _ = xp.linalg.svd(whitened, full_matrices=False)
    largest = float(np.max(detached_numpy(correlations), initial=0.0))
    if not largest < 1 - 4 * float(xp.finfo(correlations.dtype).eps):
        raise ValueError(
            f"The joint covariance must be positive definite, got a canonical correlation of "
            f"{largest:.10g}. Below 1 is the rule: what X tells about Y would be infinite."
        )
    # The sign of a singular vector is free: the largest entry of each direction is positive.
    turned = xp.matrix_transpose(xp.linalg.solve(xp.matrix_transpose(lx), left))
    entries = xp.abs(turned)
    at = entries == xp.max(entries, axis=-1, keepdims=True)
    sign = xp.sign(xp.sum(xp.where(at, turned, 0.0), axis=-1, keepdims=True))
    directions = turned * xp.where(sign == 0, 1.0, sign)
    square = correlations**2
    active = beta * square > 1
    weight = xp.sqrt(xp.where(active, (beta * square - 1) / (1 - square), 1.0))
    weight = xp.where(active, weight, 0.0)
    return GaussianInformationBottleneck(
        weight[..., :, None] * directions, directions, correlations, beta
    )


def gaussian_information_curve(correlations: Array, information_x: Array) -> Array:
    r"""Most that a T made of X with I(X; T) nats can tell about Y, both normal.

    Parameters
    ----------
    correlations : array of shape (..., k)
        Canonical correlations of X and Y, from 0 to less than 1; for two numbers that is
        :math:`|\rho|`, with k = 1.
    information_x : float or array of shape (...)
        Nats about X, at least 0; broadcasts with the leading axes of `correlations`.

    Returns
    -------
    array of shape (...)
        I(T; Y), nats; differentiable.

    Raises
    ------
    ValueError
        If a correlation is out of [0, 1), or the information is negative or missing.
    TypeError
        If they are no arrays of one library.

    Notes
    -----
    For one correlation :math:`-\tfrac12 \ln(1 - \rho^2 (1 - e^{-2 I_X}))`. With more, the j largest
    take part: :math:`I_Y = I_X - \tfrac{j}{2} \ln(\prod \rho_i^{2 / j} + e^{2 I_X / j} \prod (1 -
    \rho_i^2)^{1 / j})`, where j grows at the critical :math:`I_X`; the curve is concave, with slope
    :math:`1 / \beta`. O(k^2). Source: Chechik, Globerson, Tishby and Weiss (2005), Journal of
    Machine Learning Research 6, pages 165-188.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import gaussian_information_curve
    >>> print(gaussian_information_curve(np.array([0.8]), np.array([0.5, 1.0, np.inf])).round(4))
    [0.2592 0.403  0.5108]
    """
    check_library("correlations", correlations)
    if isinstance(information_x, Real) and not hasattr(information_x, "__array_namespace__"):
        information_x = like_floating(np.array(float(information_x)), correlations)
    check_library("information_x", information_x, correlations)
    rho, nats = as_float(correlations), as_float(information_x)
    xp = array_namespace(rho, nats)
    if not rho.ndim or not bool(xp.all((rho >= 0) & (rho < 1))):
        raise ValueError(
            f"correlations must be at least 0 and below 1 along the last axis, got "
            f"{detached_numpy(rho)}. Take their absolute values."
        )
    if not bool(xp.all(nats >= 0)):
        raise ValueError(
            f"information_x must be at least 0 nats, got {float(np.min(detached_numpy(nats)))}."
        )
    square = xp.flip(xp.sort(rho, axis=-1), axis=-1) ** 2
    k = square.shape[-1]
    tiny = float(xp.finfo(square.dtype).smallest_normal)
    log_told = xp.log(xp.where(square > tiny, square, tiny))
    log_left = xp.log1p(-square)
    told, left = xp.cumulative_sum(log_told, axis=-1), xp.cumulative_sum(log_left, axis=-1)
    count = xp.arange(1, k + 1, dtype=square.dtype, device=device(square))
    # The j-th takes part from the beta on at which it would itself be worth nothing.
    odds = log_left - log_told  # ln(beta_j - 1)
    critical = 0.5 * (count * odds + told - left)
    nats = nats[..., None]
    reached = (nats > critical) & (square > tiny)
    j = xp.sum(xp.astype(reached, square.dtype), axis=-1, keepdims=True)
    j = xp.where(j > 0, j, 1.0)
    chosen = count == j
    told_j = xp.sum(xp.where(chosen, told, 0.0), axis=-1) / j[..., 0]
    left_j = xp.sum(xp.where(chosen, left, 0.0), axis=-1) / j[..., 0]
    # I_X is taken inside, where nothing is infinite.
    rate = xp.exp(-2 * nats[..., 0] / j[..., 0])
    told_nats = 0.0 - 0.5 * j[..., 0] * xp.log(rate * xp.exp(told_j) + xp.exp(left_j))
    # Below the first critical point nothing is told.
    return xp.where(xp.any(reached, axis=-1), told_nats, 0.0)


def _check_covariances(xx: Array, yy: Array, xy: Array) -> None:
    for name, square in (("covariance_xx", xx), ("covariance_yy", yy)):
        values = detached_numpy(square)
        if values.ndim < 2 or values.shape[-1] != values.shape[-2] or not values.size:
            raise ValueError(f"{name} must be square matrices, got shape {values.shape}.")
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite, got a missing or infinite entry.")
        scale = np.abs(values).max()
        off = np.abs(values - np.swapaxes(values, -1, -2)).max()
        if off > 1e-6 * scale:
            raise ValueError(
                f"{name} must be symmetric, got entries that differ by {off:.3g} from those across."
            )
        least = float(np.linalg.eigvalsh(values).min())
        if not least > 0:
            raise ValueError(
                f"{name} must be positive definite, got a least eigenvalue of {least:.3g}. Leave "
                f"out columns that others determine, or add shrinkage."
            )
    across = detached_numpy(xy)
    wanted = (xx.shape[-1], yy.shape[-1])
    if across.ndim < 2 or across.shape[-2:] != wanted:
        raise ValueError(
            f"covariance_xy must have shape (..., {wanted[0]}, {wanted[1]}), got "
            f"{across.shape}: the columns of x by those of y."
        )
    if not np.isfinite(across).all():
        raise ValueError("covariance_xy must be finite, got a missing or infinite entry.")
    axes = [tuple(c.shape[:-2]) for c in (xx, yy, xy)]
    try:
        np.broadcast_shapes(*axes)
    except ValueError as error:
        raise ValueError(
            f"covariance_xx, covariance_yy and covariance_xy must have leading axes that fit, got "
            f"{', '.join(map(str, axes))}. Pass one of each, or as many of each."
        ) from error
