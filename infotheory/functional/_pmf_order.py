"""Entropies and divergences with an order, of known laws on a finite alphabet.

All are functions of :math:`\\sum_i p_i^\\alpha q_i^{1 - \\alpha}`; an entropy is the negative
divergence from the counting measure, q = 1. Shapes and conventions at zero cells are those of
the divergences without an order.
"""

from __future__ import annotations

import math

from infotheory._xp._namespace import Array, array_namespace
from infotheory._xp._special import logsumexp, safe_log
from infotheory.functional._pmf_divergence import _common_logs, _escapes, kl_divergence
from infotheory.functional._spectrum import near_one


def _excess(p: Array, q: Array, order: float) -> Array:
    """sum(p^order q^(1 - order)) - 1 for an order near 1, without cancellation.

    A cell where one of the two is 0 has the term -p where its derivative is finite.
    """
    xp = array_namespace(p, q)
    both, log_p, log_q = _common_logs(p, q)
    linear = xp.where((q != 0) == (order > 1), -p, 0.0)
    return xp.sum(xp.where(both, p * xp.expm1((order - 1) * (log_p - log_q)), linear), axis=-1)


def _covered(p: Array, q: Array) -> Array:
    """The mass of q where p has some: order 0, whose slope in q is finite also at q = 0.

    Adding 0 p keeps nan, and gives p a gradient of 0 instead of none.
    """
    xp = array_namespace(p, q)
    return xp.sum(xp.where(p != 0, q + 0.0 * p, 0.0), axis=-1)


def renyi_divergence(p: Array, q: Array, order: float) -> Array:
    r"""Rényi divergence of two laws on a finite alphabet.

    Parameters
    ----------
    p, q : array of shape (..., k)
        Probabilities: floating, non-negative, of sum 1 along the last axis.
    order : float
        Zero or positive, infinity included.

    Returns
    -------
    array of shape (...)
        :math:`D_\alpha(p \| q) = \frac{1}{\alpha - 1} \ln \sum_i p_i^\alpha q_i^{1-\alpha}`,
        in nats; differentiable. Infinite, with gradient 0, where the two share no cell, and for
        orders of 1 and more where q = 0 < p at some cell.

    Notes
    -----
    The limits are taken: order 0 is :math:`-\ln q(p > 0)`, order 1 is :func:`kl_divergence`,
    order infinity is :math:`\ln \max_i p_i / q_i`. Accurate also at orders next to 1.
    Complexity :math:`O(k)`. Source: van Erven and Harremoës (2014), arXiv:1206.2459.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> from infotheory.functional import renyi_divergence
    >>> p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.5, 0.25])
    >>> for order in (0, 1, 2, math.inf):
    ...     print(f"{renyi_divergence(p, q, order):.4f}")
    0.2877
    0.3466
    0.4055
    0.6931
    """
    if order == 1:
        return kl_divergence(p, q)
    if order == 0:
        return 0.0 - safe_log(_covered(p, q))
    xp = array_namespace(p, q)
    both, log_p, log_q = _common_logs(p, q)
    if math.isinf(order):
        value = xp.max(xp.where(both, log_p - log_q, -xp.inf), axis=-1)
    else:
        exponents = order * log_p + (1 - order) * log_q
        log_sum = logsumexp(xp.where(both, exponents, -xp.inf), axis=-1)
        if near_one(order):
            excess = _excess(p, q, order)
            small = xp.abs(excess) < 0.5
            log_sum = xp.where(small, xp.log1p(xp.where(small, excess, 0.0)), log_sum)
        value = log_sum / (order - 1) + 0.0  # -0.0 becomes 0.0
    return value if order < 1 else xp.where(_escapes(p, q), xp.inf, value)


def tsallis_divergence(p: Array, q: Array, order: float) -> Array:
    r"""Tsallis divergence of two laws on a finite alphabet.

    Parameters
    ----------
    p, q : array of shape (..., k)
        Probabilities: floating, non-negative, of sum 1 along the last axis.
    order : float
        Zero or positive, infinity included.

    Returns
    -------
    array of shape (...)
        :math:`(\sum_i p_i^\alpha q_i^{1-\alpha} - 1) / (\alpha - 1)`; differentiable. Infinite,
        with gradient 0, for orders of 1 and more where q = 0 < p at some cell.

    Notes
    -----
    It is :math:`-\sum_i p_i \ln_\alpha(q_i / p_i)` with
    :math:`\ln_\alpha x = (x^{1-\alpha} - 1) / (1 - \alpha)`; some authors write
    :math:`2 - \alpha` for our order. The limits are taken: order 0 is :math:`q(p = 0)`, order 1
    is :func:`kl_divergence`, order infinity is 0 for equal laws and infinite for others.
    Accurate also at orders next to 1. Complexity :math:`O(k)`. Source: Furuichi, Yanagi and
    Kuriyama (2004), doi:10.1063/1.1805729.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import tsallis_divergence
    >>> print(f"{tsallis_divergence(np.array([0.5, 0.5]), np.array([0.25, 0.75]), 2):.4f}")
    0.3333
    """
    if order == 1:
        return kl_divergence(p, q)
    if order == 0:
        return 1.0 - _covered(p, q)
    xp = array_namespace(p, q)
    if math.isinf(order):
        limit = renyi_divergence(p, q, order)
        flat = 0.0 + 0.0 * xp.where(limit > 0, 0.0, limit)
        return xp.where(limit > 0, xp.inf, flat)
    if near_one(order):
        excess = _excess(p, q, order)
    else:
        both, log_p, log_q = _common_logs(p, q)
        powers = xp.exp(order * log_p + (1 - order) * log_q)
        excess = xp.sum(xp.where(both, powers, 0.0), axis=-1) - 1.0
    value = excess / (order - 1) + 0.0  # -0.0 becomes 0.0
    return value if order < 1 else xp.where(_escapes(p, q), xp.inf, value)


def alpha_divergence(p: Array, q: Array, order: float) -> Array:
    r"""Alpha-divergence of two laws on a finite alphabet.

    Parameters
    ----------
    p, q : array of shape (..., k)
        Probabilities: floating, non-negative, of sum 1 along the last axis.
    order : float
        Any number, either infinity included.

    Returns
    -------
    array of shape (...)
        :math:`(1 - \sum_i p_i^\alpha q_i^{1-\alpha}) / (\alpha (1 - \alpha))`; differentiable.
        Infinite, with gradient 0, for orders of 1 and more where q = 0 < p at some cell, and for
        orders of 0 and less where p = 0 < q.

    Notes
    -----
    Amari's parameter a is here :math:`\alpha = (1 \pm a) / 2`. Exchanging p and q turns
    :math:`\alpha` into :math:`1 - \alpha`. The limits are taken: order 1 is KL(p || q), order 0
    is KL(q || p), an infinite order gives 0 for equal laws and infinity for others. Order 1/2
    is four times :func:`hellinger_divergence`, order 2 is half :func:`chi2_divergence`.
    Complexity :math:`O(k)`. Source: Cichocki and Amari (2010), doi:10.3390/e12061532.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import alpha_divergence
    >>> print(f"{alpha_divergence(np.array([1.0, 0.0]), np.array([0.25, 0.75]), 0.5):.4f}")
    2.0000
    """
    if math.isinf(order):
        return tsallis_divergence(p, q, math.inf)
    if order < 0.5:
        return tsallis_divergence(q, p, 1 - order) / (1 - order)
    return tsallis_divergence(p, q, order) / order


def renyi_entropy(p: Array, order: float) -> Array:
    r"""Rényi entropy of a law on a finite alphabet.

    Parameters
    ----------
    p : array of shape (..., k)
        Probabilities: floating, non-negative, of sum 1 along the last axis.
    order : float
        Zero or positive, infinity included.

    Returns
    -------
    array of shape (...)
        :math:`\frac{1}{1 - \alpha} \ln \sum_i p_i^\alpha`, in nats; differentiable.

    Notes
    -----
    The limits are taken: order 0 is the log of the number of cells with mass (gradient 0),
    order 1 is :func:`entropy`, order infinity is :math:`-\ln \max_i p_i`. Accurate also at
    orders next to 1. Complexity :math:`O(k)`. Source: Rényi (1961), On measures of entropy and
    information, Fourth Berkeley Symposium, volume 1, pages 547-561.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> from infotheory.functional import renyi_entropy
    >>> p = np.array([0.5, 0.25, 0.25, 0.0])
    >>> for order in (0, 1, 2, math.inf):
    ...     print(f"{renyi_entropy(p, order):.4f}")
    1.0986
    1.0397
    0.9808
    0.6931
    """
    xp = array_namespace(p)
    return 0.0 - renyi_divergence(p, xp.ones_like(p), order)


def tsallis_entropy(p: Array, order: float) -> Array:
    r"""Tsallis entropy of a law on a finite alphabet.

    Parameters
    ----------
    p : array of shape (..., k)
        Probabilities: floating, non-negative, of sum 1 along the last axis.
    order : float
        Zero or positive, infinity included.

    Returns
    -------
    array of shape (...)
        :math:`(1 - \sum_i p_i^\alpha) / (\alpha - 1)`; differentiable.

    Notes
    -----
    The limits are taken: order 0 is one less than the number of cells with mass (gradient 0),
    order 1 is :func:`entropy` in nats, order infinity is 0. Accurate also at orders next to 1.
    Two independent variables have
    :math:`H(X, Y) = H(X) + H(Y) + (1 - \alpha) H(X) H(Y)`. Complexity :math:`O(k)`. Source:
    Tsallis (1988), doi:10.1007/BF01016429.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import tsallis_entropy
    >>> print(tsallis_entropy(np.array([0.5, 0.5]), 2))
    0.5
    """
    xp = array_namespace(p)
    return 0.0 - tsallis_divergence(p, xp.ones_like(p), order)
