"""Variational lower bounds on divergences of P and Q, from the values of an unconstrained critic.

`joint` holds the critic's values on the sample P, `product` those on the sample Q, along the
last axis; leading axes are a batch, dtypes stay, and everything is differentiable. The bounds on
the Kullback-Leibler divergence are those on mutual information: `donsker_varadhan`, `nwj`.
"""

from __future__ import annotations

from infotheory._xp._namespace import Array
from infotheory.functional._dual_forms import (
    CHI2,
    HELLINGER,
    JS,
    WASSERSTEIN,
    alpha_form,
    evaluate,
)


def js_bound(joint: Array, product: Array) -> Array:
    r"""Lower bound on the Jensen-Shannon divergence with equal weights.

    Parameters
    ----------
    joint : array of shape (..., n)
        Critic values of the sample P.
    product : array of shape (..., m)
        Critic values of the sample Q.

    Returns
    -------
    array of shape (...)
        :math:`\ln 2 - \tfrac12 \overline{\ln(1 + e^{-T})}_P - \tfrac12 \overline{\ln(1 +
        e^T)}_Q`, in nats; differentiable.

    Notes
    -----
    A lower bound in expectation, tight for the log density ratio :math:`T = \ln p / q`, and
    never above ln 2. Weights are equal whatever the sample sizes, as in :func:`js_divergence`.
    It is ln 2 plus half :func:`jensen_shannon`. Slopes are bounded and the variance is small.
    Complexity :math:`O(n + m)`. Source: Nowozin, Cseke and Tomioka (2016), arXiv:1606.00709.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import js_bound
    >>> print(f"{js_bound(np.full(2, 50.0), np.full(3, -50.0)):.4f}")  # samples far apart: ln 2
    0.6931
    """
    return evaluate(JS, joint, product)


def chi2_bound(joint: Array, product: Array) -> Array:
    r"""Lower bound on Pearson's chi-squared divergence.

    Parameters
    ----------
    joint : array of shape (..., n)
        Critic values of the sample P.
    product : array of shape (..., m)
        Critic values of the sample Q.

    Returns
    -------
    array of shape (...)
        :math:`\overline{T}_P - \overline{T + T^2 / 4}_Q`; differentiable.

    Notes
    -----
    A lower bound in expectation on the divergence of :func:`chi2_divergence`, tight for
    :math:`T = 2 (p / q - 1)`: the ratio itself, not its log, which makes the objective a
    parabola. With a critic that is a log ratio use ``2 * alpha_bound(..., order=2)``. No
    ceiling; the variance needs the fourth moment of p / q under Q. Complexity
    :math:`O(n + m)`. Source: Nowozin, Cseke and Tomioka (2016), arXiv:1606.00709.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import chi2_bound, chi2_divergence
    >>> p, q = np.array([0.75, 0.25]), np.array([0.5, 0.5])
    >>> critic = 2 * (p / q - 1)
    >>> print(chi2_bound(critic[[0, 0, 0, 1]], critic), chi2_divergence(p, q))
    0.25 0.25
    """
    return evaluate(CHI2, joint, product)


def hellinger_bound(joint: Array, product: Array) -> Array:
    r"""Lower bound on the squared Hellinger distance.

    Parameters
    ----------
    joint : array of shape (..., n)
        Critic values of the sample P.
    product : array of shape (..., m)
        Critic values of the sample Q.

    Returns
    -------
    array of shape (...)
        :math:`1 - \tfrac12 \overline{e^{-T/2}}_P - \tfrac12 \overline{e^{T/2}}_Q`;
        differentiable.

    Notes
    -----
    A lower bound in expectation on the divergence of :func:`hellinger_divergence`, which is
    between 0 and 1; tight for the log density ratio :math:`T = \ln p / q`. The variance is
    finite for every pair of laws at that critic. Complexity :math:`O(n + m)`. Source: Nowozin,
    Cseke and Tomioka (2016), arXiv:1606.00709, whose divergence is twice ours and whose critic
    is half the log ratio.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import hellinger_bound, hellinger_divergence
    >>> p, q = np.array([0.75, 0.25]), np.array([0.5, 0.5])
    >>> critic = np.log(p / q)
    >>> value = hellinger_bound(critic[[0, 0, 0, 1]], critic)
    >>> print(f"{value:.6f} {hellinger_divergence(p, q):.6f}")
    0.034074 0.034074
    """
    return evaluate(HELLINGER, joint, product)


def alpha_bound(joint: Array, product: Array, order: float) -> Array:
    r"""Lower bound on the alpha-divergence.

    Parameters
    ----------
    joint : array of shape (..., n)
        Critic values of the sample P.
    product : array of shape (..., m)
        Critic values of the sample Q.
    order : float
        Any finite number.

    Returns
    -------
    array of shape (...)
        :math:`\overline{\frac{e^{(\alpha - 1) T} - 1}{\alpha - 1}}_P -
        \overline{\frac{e^{\alpha T} - 1}{\alpha}}_Q`, the limits taken at orders 0 and 1;
        differentiable.

    Notes
    -----
    A lower bound in expectation on the divergence of :func:`alpha_divergence`, tight for the
    log density ratio :math:`T = \ln p / q` at every order. Order 1 is :func:`nwj` at T + 1,
    order 0 that of KL(Q || P), order 1/2 is four times :func:`hellinger_bound`. At that
    critic the variance is finite for every pair of laws at order 1/2 only; elsewhere it needs
    moments of p / q or of q / p. Between the orders 0 and 1 the divergence is at most
    :math:`1 / (\alpha (1 - \alpha))`, at others it has no ceiling.
    Complexity :math:`O(n + m)`. Source: the conjugate of :math:`(1 - u^\alpha) / (\alpha (1 -
    \alpha))` in the form of Nguyen, Wainwright and Jordan (2010), arXiv:0809.0853.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import alpha_bound, alpha_divergence
    >>> p, q = np.array([0.75, 0.25]), np.array([0.5, 0.5])
    >>> critic = np.log(p / q)
    >>> value = alpha_bound(critic[[0, 0, 0, 1]], critic, order=2)
    >>> print(f"{value:.4f} {alpha_divergence(p, q, order=2):.4f}")
    0.1250 0.1250
    """
    return evaluate(alpha_form(order), joint, product)


def wasserstein_bound(joint: Array, product: Array) -> Array:
    r"""Kantorovich-Rubinstein lower bound on the Wasserstein distance of order 1.

    Parameters
    ----------
    joint : array of shape (..., n)
        Critic values of the sample P.
    product : array of shape (..., m)
        Critic values of the sample Q.

    Returns
    -------
    array of shape (...)
        :math:`\overline{T}_P - \overline{T}_Q`, in the units of the distance; differentiable.

    Notes
    -----
    A lower bound in expectation for critics that are 1-Lipschitz in the distance, and for no
    others: the values cannot show whether the critic is. Optimal is the Kantorovich potential,
    of slope 1 almost everywhere along the transport rays. On the rows that trained the critic
    the value is biased upwards. No ceiling. Complexity :math:`O(n + m)`. Source: Arjovsky,
    Chintala and Bottou (2017), arXiv:1701.07875; Villani, Optimal Transport, chapter 5,
    doi:10.1007/978-3-540-71050-9.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import wasserstein_bound
    >>> P, Q = np.array([2.0, 4.0]), np.array([1.0, 2.0])
    >>> print(wasserstein_bound(P, Q))  # the critic T(x) = x
    1.5
    """
    return evaluate(WASSERSTEIN, joint, product)
