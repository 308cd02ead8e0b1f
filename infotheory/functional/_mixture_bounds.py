"""Mixtures of normal laws of one covariance: log densities, and bounds on the entropy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import array_api_compat
import numpy as np

from infotheory._xp import array_namespace, as_float
from infotheory._xp._namespace import Array, detached_numpy
from infotheory.functional._channel_checks import check_rows, check_scaled, check_variance

# Numbers in memory at once: as many as stay in a cache.
_BLOCK = 2**17


@dataclass(frozen=True, eq=False)
class MixtureEntropyBounds:
    """Bounds on the entropy of a mixture.

    Parameters
    ----------
    lower, upper : array of shape (...)
        Nats.

    Notes
    -----
    Complexity and meaning at :func:`mixture_entropy_bounds`. Source: Kolchinsky and Tracey (2017),
    arXiv:1706.02419.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import mixture_entropy_bounds
    >>> bounds = mixture_entropy_bounds(np.array([[0.0], [50.0]]), 1.0)
    >>> print(f"{bounds.lower:.3f} {bounds.upper:.3f}")  # two normal laws far apart
    2.112 2.112
    """

    lower: Array
    upper: Array


def mixture_entropy_bounds(centres: Array, variance: Array | float) -> MixtureEntropyBounds:
    r"""Bounds on the entropy of a mixture of equally likely normal laws, from pairs of centres.

    Parameters
    ----------
    centres : array of shape (..., n, d)
        Finite.
    variance : float or array of shape (d,)
        Of each component: one for all coordinates, or one a coordinate. Positive.

    Returns
    -------
    MixtureEntropyBounds
        ``lower`` and ``upper`` of shape (...), nats; differentiable in both arguments.

    Raises
    ------
    ValueError
        If centres are no finite table with a row, or the variance is not positive, finite and one
        number or one a coordinate; if centres in units of the noise leave the range of floats.
    TypeError
        If either is no number and no array.

    Notes
    -----
    With :math:`D_{ij}` the squared distance of two centres in units of the variance,

    .. math::
       h(Z) - \frac1n \sum_i \ln \frac1n \sum_j e^{-D_{ij} / 8} \;\le\; h \;\le\;
       h(Z) - \frac1n \sum_i \ln \frac1n \sum_j e^{-D_{ij} / 2},

    where h(Z) is the entropy of one component: the exponents are the Bhattacharyya distances and
    the Kullback-Leibler divergences of the components. Both bounds are h(Z) where the centres are
    one and h(Z) + ln n where they are far apart, and none is ever above that. In between they are
    apart: by 0.69 nats a dimension for many centres spread by a normal law much wider than Z.

    Complexity :math:`O(n^2 d)`; memory O(n d), gradients by Torch included, which compute each
    block once more (not so for gradients of gradients). Source: Kolchinsky and Tracey (2017),
    arXiv:1706.02419.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import mixture_entropy_bounds
    >>> centres = np.random.default_rng(0).normal(size=(2000, 1))
    >>> bounds = mixture_entropy_bounds(centres, 0.25)
    >>> truth = 0.5 * np.log(2 * np.pi * np.e * 1.25)  # the centres are a normal sample
    >>> bool(bounds.lower < truth < bounds.upper)
    True
    """
    check_rows("centres", centres, batched=True)
    check_variance(variance, centres.shape[-1])
    xp = array_namespace(centres, variance)
    centres = as_float(centres)
    own = component_entropy(variance, centres)
    scaled = in_units(centres, variance)
    far, near = log_kernel_means(scaled, scaled, (0.25, 1.0))
    return MixtureEntropyBounds(
        lower=own - xp.mean(far, axis=-1), upper=own - xp.mean(near, axis=-1)
    )


def component_entropy(variance: Array | float, centres: Array) -> Array | float:
    """Entropy of one component."""
    dim = centres.shape[-1]
    if isinstance(variance, (int, float)):
        return 0.5 * dim * math.log(2 * math.pi * math.e * variance)
    xp = array_namespace(variance)
    logs = xp.log(as_float(variance))
    total = xp.sum(logs) if logs.ndim else dim * logs
    return 0.5 * (dim * math.log(2 * math.pi * math.e) + total)


def in_units(points: Array, variance: Array | float) -> Array:
    """Points from their mean, in units of the standard deviation of the noise."""
    xp = array_namespace(points)
    with np.errstate(over="ignore", invalid="ignore"):
        centred = points - xp.mean(points, axis=-2, keepdims=True)
        if isinstance(variance, (int, float)):
            scaled = centred / math.sqrt(variance)
        else:
            scaled = centred / array_namespace(variance).sqrt(as_float(variance))
    check_scaled(scaled)
    return scaled


def log_kernel_means(
    points: Array,
    centres: Array,
    rates: Sequence[float] = (1.0,),
    *,
    noise: Array | None = None,
) -> list[Array]:
    """Log of the mean over the centres of exp(-rate |x - c|^2 / 2), one array of (..., q) a rate.

    x is a point, or a point plus its noise: that is added to differences where a sum with the
    point would round it away. A block of points at a time; where Torch wants gradients blocks are
    made once more.
    """
    xp = array_namespace(points, centres)
    n, (m, d) = points.shape[-2], centres.shape[-2:]
    exact = _needs_differences(points, centres)
    if noise is not None and not exact:
        points, noise = points + noise, None
    batch = math.prod(points.shape[:-2])
    size = max(1, _BLOCK // max(1, batch * m * (d if exact else 1)))

    def block(some: Array, every: Array, added: Array | None) -> tuple[Array, ...]:
        half = _half_squares(some, every, added, exact)
        least = xp.min(half, axis=-1, keepdims=True)
        above, least = half - least, least[..., 0]
        return tuple(
            xp.log(xp.mean(xp.exp(-rate * above), axis=-1)) - rate * least for rate in rates
        )

    work: Any = block
    if array_api_compat.is_torch_array(points):
        import torch

        if torch.is_grad_enabled() and (points.requires_grad or centres.requires_grad):
            from torch.utils.checkpoint import checkpoint

            def again(some: Array, every: Array, added: Array | None) -> Any:
                return checkpoint(
                    block, some, every, added, use_reentrant=False, preserve_rng_state=False
                )

            work = again

    def part_of(x: Array | None, start: int) -> Array | None:
        return None if x is None else x[..., start : min(start + size, n), :]

    parts = [work(part_of(points, s), centres, part_of(noise, s)) for s in range(0, n, size)]
    return [xp.concat([part[k] for part in parts], axis=-1) for k in range(len(rates))]


def _needs_differences(points: Array, centres: Array) -> bool:
    """Whether squares of norms are too large for distances to survive their subtraction."""
    with np.errstate(over="ignore"):
        squares = [np.sum(detached_numpy(p) ** 2, axis=-1) for p in (points, centres)]
    largest = max(float(np.max(s)) for s in squares)
    resolution = float(array_namespace(points).finfo(points.dtype).eps)
    return largest * math.sqrt(resolution) > 1.0


def _half_squares(points: Array, centres: Array, noise: Array | None, exact: bool) -> Array:
    """Half the squared distances, (..., q, m)."""
    xp = array_namespace(points, centres)
    if exact:
        between = points[..., :, None, :] - centres[..., None, :, :]
        if noise is not None:
            between = between + noise[..., :, None, :]
        with np.errstate(over="ignore"):  # what is infinitely far has a kernel of 0
            return 0.5 * xp.sum(between**2, axis=-1)
    ones = [xp.ones_like(p[..., :1]) for p in (points, centres)]
    squares = [0.5 * xp.sum(p**2, axis=-1, keepdims=True) for p in (points, centres)]
    # One product of matrices: |x|^2 / 2 + |c|^2 / 2 - x . c.
    left = xp.concat([-points, squares[0], ones[0]], axis=-1)
    right = xp.concat([centres, ones[1], squares[1]], axis=-1)
    half = left @ xp.matrix_transpose(right)
    return xp.maximum(half, xp.zeros_like(half[..., :1]))
