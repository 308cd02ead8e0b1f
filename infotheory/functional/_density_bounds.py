"""Bounds on mutual information from the log density of a learnt conditional law q(y | x).

Values lie along the last axis, leading axes are a batch, dtypes stay, and everything is
differentiable.
"""

from __future__ import annotations

from infotheory._xp._namespace import Array, array_namespace
from infotheory.functional._dual_forms import log_mean_exp, mean, off_diagonal


def club(log_density_joint: Array, log_density_product: Array) -> Array:
    r"""Contrastive log-ratio upper bound on mutual information.

    Parameters
    ----------
    log_density_joint : array of shape (..., n)
        :math:`\ln q(y_i | x_i)` at rows drawn together.
    log_density_product : array of shape (..., m)
        :math:`\ln q(y_j | x_i)` at rows drawn apart.

    Returns
    -------
    array of shape (...)
        Difference of the two means, in nats; differentiable.

    Notes
    -----
    An upper bound in expectation where q is the true conditional law, by
    :math:`E_x KL(p(y) \| p(y | x))`, and often far above; with a learnt q neither an upper nor a
    lower bound. No exponential and so a small variance; no ceiling. Train q by its likelihood on
    rows drawn together, not by this value. Complexity :math:`O(n + m)`. Source: Cheng et al.
    (2020), arXiv:2006.12013.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import club
    >>> print(club(np.array([-1.0, -2.0]), np.array([-3.0, -4.0, -5.0])))
    2.5
    """
    return mean(log_density_joint) - mean(log_density_product)


def leave_one_out(table: Array) -> Array:
    r"""Upper bound on mutual information with the other rows as the marginal law.

    Parameters
    ----------
    table : array of shape (..., n, n)
        Entry (i, j) is :math:`\ln q(y_i | x_j)`: the diagonal was drawn together; n at least 2.

    Returns
    -------
    array of shape (...)
        :math:`\frac1n \sum_i \ln \frac{q(y_i | x_i)}{\frac{1}{n-1} \sum_{j \ne i} q(y_i | x_j)}`,
        in nats; differentiable.

    Notes
    -----
    An upper bound in expectation where q is the true conditional law, tighter with more rows;
    with a learnt q neither an upper nor a lower bound. No ceiling; the variance is large where
    few other :math:`x_j` explain :math:`y_i`. Complexity :math:`O(n^2)`. Source: Poole, Ozair,
    van den Oord, Alemi and Tucker (2019), arXiv:1905.06922.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import leave_one_out
    >>> print(leave_one_out(np.array([[0.0, -2.0], [-4.0, 0.0]])))
    3.0
    """
    xp = array_namespace(table)
    n = table.shape[-1]
    others = xp.reshape(off_diagonal(table), (*table.shape[:-1], n - 1))
    return mean(xp.linalg.diagonal(table) - log_mean_exp(others))


def difference_of_entropies(log_marginal: Array, log_conditional: Array) -> Array:
    r"""Mutual information as the difference of two cross-entropies.

    Parameters
    ----------
    log_marginal : array of shape (..., n)
        :math:`\ln q(y_i)` under a learnt marginal law.
    log_conditional : array of shape (..., n)
        :math:`\ln q(y_i | x_i)` under a learnt conditional law.

    Returns
    -------
    array of shape (...)
        :math:`\overline{\ln q(y | x)} - \overline{\ln q(y)}`, in nats; differentiable.

    Notes
    -----
    Neither an upper nor a lower bound: it errs by :math:`KL(p(y) \| q(y))` upwards and by
    :math:`E_x KL(p(y | x) \| q(y | x))` downwards. With the true marginal law it is the lower
    bound of Barber and Agakov. No exponential of a critic, so no :math:`\ln n` ceiling and a
    small variance; what it says above that comes from the models. Complexity :math:`O(n)`.
    Source: McAllester and Stratos (2020), arXiv:1811.04251.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import difference_of_entropies
    >>> print(difference_of_entropies(np.array([-2.0, -3.0]), np.array([-1.0, -1.0])))
    1.5
    """
    return mean(log_conditional) - mean(log_marginal)
