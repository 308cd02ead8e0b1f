"""Variational bounds on mutual information, from the values of a critic.

A critic f(x, y) scores pairs. `joint` holds its values at pairs drawn together, `product` at
pairs drawn apart, each along the last axis; a table holds all pairs of n rows. Leading axes are
a batch, dtypes stay, and everything is differentiable in the critic's values.
"""

from __future__ import annotations

import math

from infotheory._xp._namespace import Array, array_namespace
from infotheory._xp._special import logsumexp
from infotheory.functional._dual_forms import (
    DONSKER_VARADHAN,
    JENSEN_SHANNON,
    NWJ,
    evaluate,
    log_mean_exp,
    mean,
    smile_form,
)


def donsker_varadhan(joint: Array, product: Array) -> Array:
    r"""Donsker-Varadhan lower bound on mutual information, or on any KL divergence.

    Parameters
    ----------
    joint : array of shape (..., n)
        Critic values at rows drawn together, or of the sample P.
    product : array of shape (..., m)
        Critic values at rows drawn apart, or of the sample Q.

    Returns
    -------
    array of shape (...)
        :math:`\overline{f}_{joint} - \ln \overline{e^f}_{product}`, in nats; differentiable.

    Notes
    -----
    A lower bound where the second mean is exact, tight for the log density ratio plus any
    constant. The log of an average of m values is too low in expectation, so that the value of
    a finite sample errs upwards and is no bound; the variance grows like :math:`e^I / m`. No
    ceiling, but what is above about :math:`\ln m` is not supported by m rows (McAllester and
    Stratos, arXiv:1811.04251). Complexity :math:`O(n + m)`. Source: Donsker and Varadhan
    (1983), doi:10.1002/cpa.3160360204.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import donsker_varadhan
    >>> joint, product = np.log([2.0, 2.0]), np.log([2.0, 2.0, 1e-9, 1e-9])
    >>> print(f"{donsker_varadhan(joint, product):.4f}")  # a fair coin copied: ln 2
    0.6931
    """
    return evaluate(DONSKER_VARADHAN, joint, product)


def nwj(joint: Array, product: Array) -> Array:
    r"""Lower bound of Nguyen, Wainwright and Jordan on mutual information, or any KL divergence.

    Parameters
    ----------
    joint : array of shape (..., n)
        Critic values at rows drawn together, or of the sample P.
    product : array of shape (..., m)
        Critic values at rows drawn apart, or of the sample Q.

    Returns
    -------
    array of shape (...)
        :math:`\overline{f}_{joint} - \overline{e^{f - 1}}_{product}`, in nats; differentiable.

    Notes
    -----
    A lower bound in expectation also on finite samples, tight for 1 + the log density ratio:
    add 1 to a critic trained as a log ratio. Its variance at the optimum is at least
    :math:`(e^I - 1) / m` (Song and Ermon, arXiv:1910.06222). No ceiling. Complexity
    :math:`O(n + m)`. Source: Nguyen, Wainwright and Jordan (2010), arXiv:0809.0853.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import nwj
    >>> log_ratio = np.log([2.0, 2.0]), np.log([2.0, 2.0, 1e-9, 1e-9])
    >>> print(f"{nwj(log_ratio[0] + 1, log_ratio[1] + 1):.4f}")
    0.6931
    """
    return evaluate(NWJ, joint, product)


def tuba(
    joint: Array, product: Array, log_baseline_joint: Array, log_baseline_product: Array
) -> Array:
    r"""Lower bound on mutual information with a baseline that depends on y.

    Parameters
    ----------
    joint : array of shape (..., n)
        Critic values at rows drawn together.
    product : array of shape (..., m)
        Critic values at rows drawn apart.
    log_baseline_joint : array of shape (..., n), or broadcasting to it
        Log of the baseline a(y) at the y of each entry of `joint`.
    log_baseline_product : array of shape (..., m), or broadcasting to it
        The same at the y of each entry of `product`.

    Returns
    -------
    array of shape (...)
        :math:`1 + \overline{f - \ln a(y)}_{joint} - \overline{e^f / a(y)}_{product}`, in nats;
        differentiable.

    Notes
    -----
    A lower bound in expectation for every positive baseline; tight for :math:`f = \ln p(y | x)
    + c(y)` with the best baseline :math:`a(y) = E_x e^{f(x, y)}`. The baseline :math:`a = e`
    gives :func:`nwj`; the best constant, the mean of :math:`e^f`, gives
    :func:`donsker_varadhan`. Variance as for NWJ, no ceiling. Complexity :math:`O(n + m)`.
    Source: Poole, Ozair, van den Oord, Alemi and Tucker (2019), arXiv:1905.06922.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import tuba
    >>> joint, product = np.log([2.0, 2.0]), np.log([2.0, 2.0, 1e-9, 1e-9])
    >>> print(f"{tuba(joint + 3, product + 3, np.array([3.0]), np.array([3.0])):.4f}")
    0.6931
    """
    return nwj(joint - log_baseline_joint + 1.0, product - log_baseline_product + 1.0)


def info_nce(table: Array) -> Array:
    r"""Contrastive lower bound on mutual information: tell the y of each x among n.

    Parameters
    ----------
    table : array of shape (..., n, n)
        Critic values, entry (i, j) at :math:`(x_i, y_j)`: the diagonal was drawn together.

    Returns
    -------
    array of shape (...)
        :math:`\ln n + \frac1n \sum_i (f_{ii} - \ln \sum_j e^{f_{ij}})`, in nats, the diagonal
        inside the sum; differentiable.

    Notes
    -----
    A lower bound in expectation, and never above ln n. Optimal is the log density ratio plus any
    function of x, and even with it the bound is low: for five pairs of normals correlated at .8,
    of 2.554 nats, by .276, .167, .099, .057 and .033 for n = 64, 128, 256, 512 and 1024. Its
    variance is small. Transpose the table to
    ask which x belongs to a y. Complexity :math:`O(n^2)`. Source: van den Oord, Li and Vinyals
    (2018), arXiv:1807.03748.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import info_nce
    >>> print(f"{info_nce(100 * np.eye(8)):.4f}")  # a perfect critic reaches ln 8
    2.0794
    """
    xp = array_namespace(table)
    terms = xp.linalg.diagonal(table) - logsumexp(table, axis=-1)
    return mean(terms) + math.log(table.shape[-1])


def jensen_shannon(joint: Array, product: Array) -> Array:
    r"""Logistic objective whose best critic is the log density ratio.

    Parameters
    ----------
    joint : array of shape (..., n)
        Critic values at rows drawn together, or of the sample P.
    product : array of shape (..., m)
        Critic values at rows drawn apart, or of the sample Q.

    Returns
    -------
    array of shape (...)
        :math:`-\overline{\ln(1 + e^{-f})}_{joint} - \overline{\ln(1 + e^f)}_{product}`, in
        nats; at most 0, differentiable.

    Notes
    -----
    To train with, not to report: at the optimum it is twice the Jensen-Shannon divergence minus
    2 ln 2, no bound on mutual information. Its slopes are bounded, so that training is stable;
    put the critic into :func:`smile` or, shifted by 1, into :func:`nwj`. The bound on the
    divergence is :func:`js_bound`. Complexity :math:`O(n + m)`. Source: Nowozin, Cseke and
    Tomioka (2016), arXiv:1606.00709; Hjelm et al. (2019), arXiv:1808.06670.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import jensen_shannon
    >>> print(f"{jensen_shannon(np.zeros(2), np.zeros(3)):.4f}")  # a critic that knows nothing
    -1.3863
    """
    return evaluate(JENSEN_SHANNON, joint, product)


def smile(joint: Array, product: Array, clip: float = 5.0) -> Array:
    r"""Donsker-Varadhan value with a clipped critic in the partition term.

    Parameters
    ----------
    joint : array of shape (..., n)
        Critic values at rows drawn together.
    product : array of shape (..., m)
        Critic values at rows drawn apart.
    clip : float, default=5.0
        Positive; the critic is held inside [-clip, clip] where rows are drawn apart, and
        nowhere else. Infinity gives :func:`donsker_varadhan`.

    Returns
    -------
    array of shape (...)
        :math:`\overline{f}_{joint} - \ln \overline{e^{\min(\max(f, -c), c)}}_{product}`, in
        nats; differentiable.

    Notes
    -----
    Neither a lower nor an upper bound: clipping keeps the variance of the mean exponential
    below :math:`e^{2c} / 4m` and pays with bias, upwards where large values are cut and
    downwards where small ones are. A constant added to the critic changes the value, so train it
    as a log ratio, with :func:`jensen_shannon`. No ceiling. Complexity :math:`O(n + m)`. Source:
    Song and Ermon (2020), arXiv:1910.06222.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import smile
    >>> print(f"{smile(np.array([8.0]), np.array([8.0]), clip=5.0):.4f}")
    3.0000
    """
    return evaluate(smile_form(clip), joint, product)


def running_log_mean(previous: Array | None, product: Array, rate: float) -> Array:
    r"""Log of the exponential moving average of :math:`\overline{e^f}` over batches.

    Parameters
    ----------
    previous : array of shape (...) or None
        The last value; None at the first batch, whose own log mean is taken as it is.
    product : array of shape (..., m)
        Critic values of this batch at rows drawn apart.
    rate : float
        Weight of this batch, inside (0, 1).

    Returns
    -------
    array of shape (...)
        :math:`\ln((1 - r) e^{previous} + r\, \overline{e^f})`, off the graph: no gradient flows
        back.

    Notes
    -----
    Averaged in logs, so that nothing overflows. Complexity :math:`O(m)`. Source: Belghazi et
    al. (2018), section 3.2, arXiv:1801.04062.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import running_log_mean
    >>> first = running_log_mean(None, np.log([1.0, 3.0]), rate=0.1)
    >>> print(np.exp(running_log_mean(first, np.log([12.0]), rate=0.1)).round(9))
    3.0
    """
    if hasattr(product, "detach"):
        product = product.detach()
    batch = log_mean_exp(product)
    if previous is None:
        return batch
    xp = array_namespace(previous, batch)
    return xp.logaddexp(previous + math.log1p(-rate), batch + math.log(rate))


def mine_surrogate(joint: Array, product: Array, log_mean: Array) -> Array:
    r"""Objective whose gradient is that of the Donsker-Varadhan bound with a running mean.

    Parameters
    ----------
    joint : array of shape (..., n)
        Critic values at rows drawn together.
    product : array of shape (..., m)
        Critic values at rows drawn apart.
    log_mean : array of shape (...)
        Log of the running mean of :math:`e^f`, as :func:`running_log_mean` returns it: off the
        graph.

    Returns
    -------
    array of shape (...)
        :math:`\overline{f}_{joint} - \overline{e^{f - l}}_{product}` with l = `log_mean`;
        differentiable.

    Notes
    -----
    Its gradient is :math:`\overline{\nabla f} - \overline{e^f \nabla f} / e^l`, where the
    gradient of :func:`donsker_varadhan` divides by the mean of the same batch, which is
    correlated with the numerator and biases it. To maximise, not to report; the value plus
    :math:`1 - l` is the bound :func:`tuba` with the constant baseline :math:`e^l`. Complexity
    :math:`O(n + m)`. Source: Belghazi et al. (2018), section 3.2, arXiv:1801.04062.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import mine_surrogate
    >>> joint, product = np.array([1.0, 2.0]), np.log([1.0, 3.0])
    >>> print(f"{mine_surrogate(joint, product, np.log(4.0)):.4f}")
    1.0000
    """
    xp = array_namespace(product)
    return mean(joint) - mean(xp.exp(product - log_mean[..., None]))


def flo(ratio: Array, joint: Array, product: Array) -> Array:
    r"""Fenchel-Legendre lower bound on mutual information, with a second critic.

    Parameters
    ----------
    ratio : array of shape (..., n)
        Values of the second critic :math:`r(x_i, y_i)` at rows drawn together.
    joint : array of shape (..., n)
        Values of the first critic :math:`f(x_i, y_i)` there.
    product : array of shape (..., n, m)
        Values :math:`f(x_i, y_j)` with m draws of y apart from each :math:`x_i`.

    Returns
    -------
    array of shape (...)
        :math:`1 + \frac1n \sum_i (r_i - e^{r_i - f_i} \frac1m \sum_j e^{f_{ij}})`, in nats;
        differentiable.

    Notes
    -----
    A lower bound in expectation for every m, tight for :math:`f = \ln p(y | x) / p(y) + c(x)`
    and r = the log density ratio: at the optimum r itself is the pointwise mutual information.
    One more critic removes the ceiling of InfoNCE and the logarithm of Donsker-Varadhan; the
    variance of :math:`e^f` stays. Complexity :math:`O(n m)`. Source: Guo et al. (2022),
    arXiv:2107.01131.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import flo
    >>> f = np.log(np.array([[2.0, 1e-9], [1e-9, 2.0]]))
    >>> print(f"{flo(np.diag(f), np.diag(f), f):.4f}")
    0.6931
    """
    xp = array_namespace(ratio, joint, product)
    return mean(ratio - xp.exp(ratio - joint + log_mean_exp(product))) + 1.0
