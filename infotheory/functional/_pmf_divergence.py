"""Divergences of two known laws on a finite alphabet; those with an order live next door.

Arrays of probabilities hold one law along the last axis; leading axes broadcast. A divergence
that is infinite has gradient 0. At a cell of probability 0 each gradient is the derivative where
that is finite, and 0 where it is not.
"""

from __future__ import annotations

import math

from infotheory._xp._namespace import Array, array_namespace


def _common_logs(p: Array, q: Array) -> tuple[Array, Array, Array]:
    """Where both are positive, and their logs there.

    Elsewhere both logs are 0, and so is what their difference is multiplied by.
    """
    xp = array_namespace(p, q)
    both = (p != 0) & (q != 0)
    return both, xp.log(xp.where(both, p, 1.0)), xp.log(xp.where(both, q, 1.0))


def _escapes(p: Array, q: Array) -> Array:
    """Whether p gives mass to a cell where q has none."""
    xp = array_namespace(p, q)
    return xp.any((p != 0) & (q == 0), axis=-1)


def _alone(p: Array, q: Array) -> Array:
    """p on the cells where q has no mass: there the terms of some divergences are linear."""
    xp = array_namespace(p, q)
    return xp.where(q != 0, 0.0, p)


def cross_entropy(p: Array, q: Array) -> Array:
    r"""Cross-entropy of one law on a finite alphabet under another.

    Parameters
    ----------
    p, q : array of shape (..., k)
        Probabilities: floating, non-negative, of sum 1 along the last axis.

    Returns
    -------
    array of shape (...)
        :math:`-\sum_i p_i \ln q_i`, in nats, with 0 ln 0 = 0; differentiable. Infinite, with
        gradient 0, where q = 0 < p at some cell.

    Notes
    -----
    It is :math:`H(p) + KL(p \| q)`. Complexity :math:`O(k)`. Source: Cover and Thomas,
    Elements of Information Theory, theorem 5.4.3, doi:10.1002/047174882X.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import cross_entropy
    >>> print(f"{cross_entropy(np.array([0.5, 0.5]), np.array([0.25, 0.75])):.4f}")
    0.8370
    """
    xp = array_namespace(p, q)
    log_q = xp.log(xp.where(q != 0, q, 1.0))
    value = 0.0 - xp.sum(p * log_q, axis=-1)  # unary minus would print -0.0
    return xp.where(_escapes(p, q), xp.inf, value)


def kl_divergence(p: Array, q: Array) -> Array:
    r"""Kullback-Leibler divergence of two laws on a finite alphabet.

    Parameters
    ----------
    p, q : array of shape (..., k)
        Probabilities: floating, non-negative, of sum 1 along the last axis.

    Returns
    -------
    array of shape (...)
        :math:`KL(p \| q) = \sum_i p_i \ln(p_i / q_i)`, in nats, with 0 ln 0 = 0;
        differentiable. Infinite, with gradient 0, where q = 0 < p at some cell.

    Notes
    -----
    Complexity :math:`O(k)`. Source: Kullback and Leibler (1951),
    doi:10.1214/aoms/1177729694.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import kl_divergence
    >>> p, q = np.array([1.0, 0.0]), np.array([0.5, 0.5])
    >>> print(f"{kl_divergence(p, q):.4f} {kl_divergence(q, p)}")
    0.6931 inf
    """
    xp = array_namespace(p, q)
    _, log_p, log_q = _common_logs(p, q)
    value = xp.sum(p * (log_p - log_q), axis=-1)
    return xp.where(_escapes(p, q), xp.inf, value)


def jeffreys_divergence(p: Array, q: Array) -> Array:
    r"""Jeffreys divergence of two laws on a finite alphabet: the sum, not halved.

    Parameters
    ----------
    p, q : array of shape (..., k)
        Probabilities: floating, non-negative, of sum 1 along the last axis.

    Returns
    -------
    array of shape (...)
        :math:`KL(p \| q) + KL(q \| p) = \sum_i (p_i - q_i) \ln(p_i / q_i)`, in nats;
        differentiable. Infinite, with gradient 0, where one is 0 and the other is not.

    Notes
    -----
    Complexity :math:`O(k)`. Source: Jeffreys (1946), doi:10.1098/rspa.1946.0056.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import jeffreys_divergence
    >>> print(f"{jeffreys_divergence(np.array([0.75, 0.25]), np.array([0.25, 0.75])):.4f}")
    1.0986
    """
    xp = array_namespace(p, q)
    _, log_p, log_q = _common_logs(p, q)
    value = xp.sum((p - q) * (log_p - log_q), axis=-1)
    return xp.where(xp.any((p != 0) != (q != 0), axis=-1), xp.inf, value)


def js_divergence(p: Array, q: Array, *, weight: float = 0.5) -> Array:
    r"""Jensen-Shannon divergence of two laws on a finite alphabet.

    Parameters
    ----------
    p, q : array of shape (..., k)
        Probabilities: floating, non-negative, of sum 1 along the last axis.
    weight : float, default=0.5
        Weight w of `p` in the mixture, between 0 and 1, both excluded.

    Returns
    -------
    array of shape (...)
        :math:`w\, KL(p \| m) + (1 - w)\, KL(q \| m)` with :math:`m = w p + (1 - w) q`, in
        nats; differentiable.

    Notes
    -----
    At most :math:`-w \ln w - (1 - w) \ln(1 - w)`, which is ln 2 for equal weights; reached by
    laws that share no cell. The square of ``scipy.spatial.distance.jensenshannon``. Complexity
    :math:`O(k)`. Source: Lin (1991), doi:10.1109/18.61115.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import js_divergence
    >>> print(f"{js_divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0])):.4f}")
    0.6931
    """
    xp = array_namespace(p, q)
    both, log_p, log_q = _common_logs(p, q)
    mixture = q + weight * (p - q)  # in this form positive even where the products underflow
    log_m = xp.log(xp.where(both, mixture, 1.0))
    shared = weight * p * (log_p - log_m) + (1 - weight) * q * (log_q - log_m)
    alone = -weight * math.log(weight) * _alone(p, q) - (1 - weight) * math.log(
        1 - weight
    ) * _alone(q, p)
    return xp.sum(shared + alone, axis=-1)


def hellinger_divergence(p: Array, q: Array) -> Array:
    r"""Squared Hellinger distance of two laws on a finite alphabet.

    Parameters
    ----------
    p, q : array of shape (..., k)
        Probabilities: floating, non-negative, of sum 1 along the last axis.

    Returns
    -------
    array of shape (...)
        :math:`\tfrac12 \sum_i (\sqrt{p_i} - \sqrt{q_i})^2 = 1 - \sum_i \sqrt{p_i q_i}`,
        between 0 and 1; differentiable.

    Notes
    -----
    The distance is its square root. Complexity :math:`O(k)`. Source: Gibbs and Su (2002),
    arXiv:math/0209021, whose distance is :math:`\sqrt 2` times ours.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import hellinger_divergence
    >>> print(f"{hellinger_divergence(np.array([1.0, 0.0]), np.array([0.25, 0.75])):.4f}")
    0.5000
    """
    xp = array_namespace(p, q)
    both = (p != 0) & (q != 0)
    difference = xp.sqrt(xp.where(both, p, 1.0)) - xp.sqrt(xp.where(both, q, 1.0))
    return 0.5 * xp.sum(difference**2 + _alone(p, q) + _alone(q, p), axis=-1)


def chi2_divergence(p: Array, q: Array) -> Array:
    r"""Pearson chi-squared divergence of two laws on a finite alphabet.

    Parameters
    ----------
    p, q : array of shape (..., k)
        Probabilities: floating, non-negative, of sum 1 along the last axis.

    Returns
    -------
    array of shape (...)
        :math:`\sum_i (p_i - q_i)^2 / q_i = \sum_i p_i^2 / q_i - 1`, with 0 / 0 = 0;
        differentiable. Infinite, with gradient 0, where q = 0 < p at some cell.

    Notes
    -----
    Neyman's divergence is this one with p and q exchanged. Complexity :math:`O(k)`. Source:
    Gibbs and Su (2002), arXiv:math/0209021.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import chi2_divergence
    >>> print(chi2_divergence(np.array([1.0, 0.0]), np.array([0.5, 0.5])))
    1.0
    """
    xp = array_namespace(p, q)
    excess = (p - q) / xp.where(q != 0, q, 1.0)
    # The term of a cell with p = 0 is q, and its slope is 1 also at q = 0.
    value = xp.sum((p - q) * excess + _alone(q, q), axis=-1)
    return xp.where(_escapes(p, q), xp.inf, value)


def total_variation(p: Array, q: Array) -> Array:
    r"""Total variation distance of two laws on a finite alphabet.

    Parameters
    ----------
    p, q : array of shape (..., k)
        Probabilities: floating, non-negative, of sum 1 along the last axis.

    Returns
    -------
    array of shape (...)
        :math:`\tfrac12 \sum_i |p_i - q_i|`, between 0 and 1; differentiable but where two
        cells are equal: there the gradient is 0, one of the subgradients.

    Notes
    -----
    Complexity :math:`O(k)`. Source: Gibbs and Su (2002), arXiv:math/0209021.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import total_variation
    >>> print(total_variation(np.array([0.5, 0.5]), np.array([0.25, 0.75])))
    0.25
    """
    xp = array_namespace(p, q)
    return 0.5 * xp.sum(xp.abs(p - q), axis=-1)
