"""Information through a channel that adds normal noise, from a sample of what is sent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infotheory._xp import array_namespace, as_float, detached_numpy
from infotheory._xp._namespace import Array, like
from infotheory.functional._channel_checks import (
    check_codes,
    check_draws,
    check_number,
    check_numbers,
    check_rows,
    check_variance,
)
from infotheory.functional._mixture_bounds import component_entropy, in_units, log_kernel_means

# Centres may themselves be drawn from a generator with the seed that is given here.
_STREAM = 0x6E6F697365
_METHODS = ("monte-carlo", "upper", "lower")


@dataclass(frozen=True, eq=False)
class ChannelEntropy:
    """An entropy by Monte Carlo, and how sure it is of the integral.

    Parameters
    ----------
    value : array of shape ()
        Nats.
    standard_error : array of shape ()
        Of the integral, given the centres; what another sample of centres would give is not in it.

    Notes
    -----
    Complexity at :func:`noisy_channel_entropy`. Source: Goldfeld et al. (2019), arXiv:1810.05728.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import noisy_channel_entropy
    >>> found = noisy_channel_entropy(np.zeros((1000, 1)), 1.0)
    >>> bool(abs(found.value - 0.5 * np.log(2 * np.pi * np.e)) < 4 * found.standard_error)
    True
    """

    value: Array
    standard_error: Array


@dataclass(frozen=True, eq=False)
class ChannelInformation:
    """Mutual information through a noisy channel.

    Parameters
    ----------
    value : array of shape ()
        Nats.
    standard_error : array of shape ()
        Of the Monte Carlo integral, given the rows; 0 for bounds.
    pointwise : array of shape (n,)
        One value a row, whose mean is `value`.
    of_rows : array of shape ()
        What arrives tells so much of which row was sent, at most ln n. Near that the sample has
        too few rows for so little noise, and `value` is near its own limit whatever the truth.

    Notes
    -----
    Complexity at :func:`noisy_channel_information`. Source: Goldfeld et al. (2019),
    arXiv:1810.05728.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import noisy_channel_information
    >>> sent = np.array([[-20.0], [20.0]])
    >>> print(f"{noisy_channel_information(sent, 1.0).value:.4f}")  # one bit arrives
    0.6931
    """

    value: Array
    standard_error: Array
    pointwise: Array
    of_rows: Array


def noisy_channel_entropy(
    centres: Array, variance: Array | float, *, n_draws: int = 4, random_state: int = 0
) -> ChannelEntropy:
    r"""Entropy of a sample plus normal noise: of the mixture with a component at each row.

    Parameters
    ----------
    centres : array of shape (n, d)
        What is sent, before noise. Finite.
    variance : float or array of shape (d,)
        Of the noise, positive: one for all coordinates, or one a coordinate.
    n_draws : int
        Of the noise, for each row; at least 2.
    random_state : int
        Seed of the noise.

    Returns
    -------
    ChannelEntropy
        ``value`` in nats and ``standard_error`` of the Monte Carlo integral; the value is
        differentiable in both arguments, for noise that stands still.

    Raises
    ------
    ValueError
        If centres are no finite table with a row, the variance is not positive, finite and one
        number or one a coordinate, `n_draws` is below 2 or the seed negative; if centres in units
        of the noise leave the range of floats.
    TypeError
        If an argument is of another kind.

    Notes
    -----
    Minus the mean of the log density of the mixture at `n_draws` points from each component. The
    value is of the mixture, hence at most h(Z) + ln n for noise Z. As an estimate for the law the
    centres come from it has an error of order :math:`c^d / \sqrt n` whatever the law (bounded or
    sub-Gaussian), and is too low where the noise is small for so many dimensions and so few rows.
    Complexity :math:`O(n^2 d)` a draw; memory O(n d). Sources: Goldfeld, van den Berg, Greenewald,
    Melnyk, Nguyen, Kingsbury and Polyanskiy (2019), arXiv:1810.05728; Goldfeld, Greenewald,
    Niles-Weed and Polyanskiy (2020), arXiv:1905.13576.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import noisy_channel_entropy
    >>> centres = np.random.default_rng(0).normal(size=(2000, 1))
    >>> found = noisy_channel_entropy(centres, 0.25)
    >>> print(f"{found.value:.2f}")  # truth 1.531
    1.54
    """
    check_rows("centres", centres)
    check_variance(variance, centres.shape[-1])
    check_draws(n_draws, random_state)
    xp = array_namespace(centres, variance)
    centres = as_float(centres)
    scaled = in_units(centres, variance)
    dim = centres.shape[-1]
    constant = component_entropy(variance, centres) - 0.5 * dim
    draws = [
        constant - log_kernel_means(scaled, scaled, noise=noise)[0]
        for noise in _noise(scaled, n_draws, random_state)
    ]
    table = xp.stack(draws)
    return ChannelEntropy(xp.mean(table), _integral_error(table))


def noisy_channel_information(
    centres: Array,
    variance: Array | float,
    labels: Array | None = None,
    *,
    condition: Array | None = None,
    method: str = "monte-carlo",
    n_draws: int = 4,
    random_state: int = 0,
) -> ChannelInformation:
    r"""Mutual information of a variable and T + Z, where T is a sample and Z normal noise.

    Parameters
    ----------
    centres : array of shape (n, d)
        Rows of T, before noise. Finite.
    variance : float or array of shape (d,)
        Of the noise, positive.
    labels : integer array of shape (n,), optional
        The variable as codes 0, 1, 2, ...: rows of one code are draws of T given one value of it.
        None: every row has a value of its own, of which T is a function, as a layer is of the
        inputs of a network.
    condition : integer array of shape (n,), optional
        Codes of a variable that is given.
    method : {"monte-carlo", "upper", "lower"}
        The integral over the noise, or the bounds of :func:`mixture_entropy_bounds` that make the
        difference of entropies largest and least.
    n_draws, random_state : int
        For "monte-carlo": draws of the noise for each row, at least 2, and their seed.

    Returns
    -------
    ChannelInformation
        ``value`` in nats, ``standard_error`` of the integral, and ``pointwise``; differentiable
        in centres and variance.

    Raises
    ------
    ValueError
        If centres are no finite table with a row, the variance is not positive, finite and one
        number or one a coordinate, labels or condition are not one code a row, the method is none
        of the three, `n_draws` is below 2 or the seed negative; if centres in units of the noise
        leave the range of floats.
    TypeError
        If an argument is of another kind.

    Notes
    -----
    :math:`I = h(T + Z) - \sum_c p(c)\, h(T + Z \mid c)`, each entropy that of the mixture with a
    component at each of its rows; without labels the second is h(Z). Both entropies are taken at
    the same draws. At most ln n without labels, and the entropy of the labels with them; where
    the noise is small for n rows both are reached whatever the truth. Complexity
    :math:`O(n^2 d)` a draw; memory O(n d). Sources: Goldfeld et al. (2019), arXiv:1810.05728;
    Kolchinsky and Tracey (2017), arXiv:1706.02419.

    Examples
    --------
    A normal signal of variance 4 in noise of variance 1: :math:`\tfrac12 \ln 5 = 0.80`.

    >>> import numpy as np
    >>> from infotheory.functional import noisy_channel_information
    >>> sent = 2 * np.random.default_rng(0).normal(size=(2000, 1))
    >>> for method in ("lower", "monte-carlo", "upper"):
    ...     print(f"{noisy_channel_information(sent, 1.0, method=method).value:.2f}")
    0.60
    0.81
    1.20
    """
    check_rows("centres", centres)
    check_variance(variance, centres.shape[-1])
    check_codes("labels", labels, centres.shape[0])
    check_codes("condition", condition, centres.shape[0])
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(_METHODS)}, got {method!r}.")
    check_draws(n_draws, random_state)
    xp = array_namespace(centres, variance)
    scaled = in_units(as_float(centres), variance)
    rows = None if labels is None else _groups(labels, condition)
    given = None if condition is None else _groups(condition)
    if method == "monte-carlo":
        inside, outside, own = [], [], []
        for noise in _noise(scaled, n_draws, random_state):
            own.append(-0.5 * xp.sum(noise**2, axis=-1))
            inside.append(_within(scaled, rows, 1.0, noise) if rows else own[-1])
            outside.append(_within(scaled, given, 1.0, noise))
        every = xp.stack(outside)
        table = xp.stack(inside) - every
        of_rows = xp.mean(xp.stack(own) - every)
        pointwise, error = xp.mean(table, axis=0), _integral_error(table)
    else:
        wide, narrow = (1.0, 0.25) if method == "upper" else (0.25, 1.0)
        pointwise = -_within(scaled, given, wide)
        of_rows = xp.mean(pointwise)
        if rows:
            pointwise = pointwise + _within(scaled, rows, narrow)
        error = 0.0 * of_rows
    return ChannelInformation(xp.mean(pointwise), error, pointwise, of_rows)


def adaptive_noise_variance(activations: Array, scale: float = 1e-3) -> Array:
    r"""A variance of noise that grows with the largest activation of a layer.

    Parameters
    ----------
    activations : array of any shape
        Of one layer. Finite.
    scale : float
        Variance for a layer whose largest activation is 1.

    Returns
    -------
    array of shape ()
        ``scale * max |activations|``; 0 for a layer that is 0. Without gradient.

    Raises
    ------
    ValueError
        If activations are empty or not finite, or the scale is not positive and finite.
    TypeError
        If activations are no array of real numbers, or the scale is no number.

    Notes
    -----
    Noise of one size for all layers and epochs makes a layer whose weights grow look as if it
    gained information; this rule lets the noise grow too. It is the variance that is proportional,
    and not the standard deviation, so that a layer in other units still has another information.
    That, and the constant, are read from accounts of the paper and not from the paper: its
    published code uses a fixed 0.01, once as a variance and once as a standard deviation.
    Complexity O(n). Source of the idea, adaptive kernel density estimation: Chelombiev, Houghton
    and O'Donnell (2019), arXiv:1902.09037.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import adaptive_noise_variance
    >>> print(f"{adaptive_noise_variance(np.array([[-20.0, 3.0]])):.3f}")
    0.020
    """
    check_number("scale", scale)
    if scale <= 0:
        raise ValueError(f"scale must be positive, got {scale!r}. Pass for instance 1e-3.")
    largest = np.max(np.abs(check_numbers("activations", activations).astype(np.float64)))
    values = as_float(activations)
    xp = array_namespace(values)
    return xp.astype(like(scale * largest, values), values.dtype)


def _noise(scaled: Array, n_draws: int, random_state: int) -> list[Array]:
    rng = np.random.default_rng([random_state, _STREAM])
    xp = array_namespace(scaled)
    return [
        xp.astype(like(rng.standard_normal(tuple(scaled.shape)), scaled), scaled.dtype)
        for _ in range(n_draws)
    ]


def _integral_error(table: Array) -> Array:
    """Of the mean over (draw, row), whose rows are fixed and whose draws are independent."""
    xp = array_namespace(table)
    m, n = table.shape
    within = xp.var(table, axis=0, correction=1)
    return xp.sqrt(xp.sum(within) / m) / n


def _groups(*columns: Array | None) -> list[np.ndarray]:
    """Rows that have the same codes."""
    table = np.column_stack([detached_numpy(c) for c in columns if c is not None])
    codes = np.unique(table, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def _within(
    centres: Array, groups: list[np.ndarray] | None, rate: float, noise: Array | None = None
) -> Array:
    """Log mean kernel of each centre plus noise over those of its group; over all without."""
    if groups is None:
        return log_kernel_means(centres, centres, (rate,), noise=noise)[0]
    xp = array_namespace(centres)
    parts = []
    for rows in groups:
        index = like(rows, centres)
        every = xp.take(centres, index, axis=0)
        added = None if noise is None else xp.take(noise, index, axis=0)
        parts.append(log_kernel_means(every, every, (rate,), noise=added)[0])
    back = np.argsort(np.concatenate(groups), kind="stable")
    return xp.take(xp.concat(parts), like(back, centres), axis=0)
