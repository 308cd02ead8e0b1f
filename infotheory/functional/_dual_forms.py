"""The common shape of the variational bounds: a mean over pairs drawn together minus one apart.

A bound is the mean of ``joint(f)`` over one sample minus the mean, or the log of the mean
exponential, of ``product(f)`` over another. Written down once, the shape gives its value and
the influence of each row on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from infotheory._xp._namespace import Array, array_namespace
from infotheory._xp._special import logsumexp


class DualForm(NamedTuple):
    """What a bound does to the critic's values before it averages them."""

    joint: Callable[[Array], Array]
    product: Callable[[Array], Array]
    logarithmic: bool = False


class Influence(NamedTuple):
    """Centred terms of the rows drawn together and of those drawn apart."""

    joint: Array
    product: Array


def log_mean_exp(x: Array) -> Array:
    """ln mean exp along the last axis, without overflow."""
    return logsumexp(x, axis=-1) - math.log(x.shape[-1])


def softplus(x: Array) -> Array:
    """ln(1 + e^x), exact also far from 0 and with the slope 1/2 at 0."""
    xp = array_namespace(x)
    return xp.logaddexp(x, xp.zeros_like(x))


def power(x: Array, exponent: float) -> Array:
    """(e^(c x) - 1) / c, which is x at the exponent c = 0."""
    xp = array_namespace(x)
    return xp.expm1(exponent * x) / exponent if exponent else x


def off_diagonal(table: Array) -> Array:
    r"""Entries of square tables beside the diagonal: the pairs of rows drawn apart.

    Parameters
    ----------
    table : array of shape (..., n, n)
        Critic values, entry (i, j) at :math:`(x_i, y_j)`; n at least 2.

    Returns
    -------
    array of shape (..., n (n - 1))
        Row by row, so that ``reshape(..., n, n - 1)`` gives the rows without their diagonal
        entry; differentiable.

    Notes
    -----
    The diagonal itself is ``xp.linalg.diagonal(table)``: the two are the `joint` and `product`
    of the bounds. Row i drawn together makes :math:`2 (n - 1)` pairs drawn apart, so these are
    dependent; their mean is the U-statistic of Hoeffding (1948), doi:10.1214/aoms/1177730196.
    Complexity :math:`O(n^2)`, one copy.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import off_diagonal
    >>> off_diagonal(np.arange(9.0).reshape(3, 3))
    array([1., 2., 3., 5., 6., 7.])
    """
    xp = array_namespace(table)
    n, lead = table.shape[-1], tuple(table.shape[:-2])
    # Behind the first entry, every (n + 1)-th is on the diagonal.
    rows = xp.reshape(xp.reshape(table, (*lead, n * n))[..., 1:], (*lead, n - 1, n + 1))
    return xp.reshape(rows[..., :-1], (*lead, n * (n - 1)))


def mean(x: Array) -> Array:
    """Mean along the last axis."""
    return array_namespace(x).mean(x, axis=-1)


def _same(f: Array) -> Array:
    return f


def _exp_minus_one(f: Array) -> Array:
    return array_namespace(f).exp(f - 1.0)


DONSKER_VARADHAN = DualForm(_same, _same, logarithmic=True)
NWJ = DualForm(_same, _exp_minus_one)
JENSEN_SHANNON = DualForm(lambda f: 0.0 - softplus(-f), softplus)
JS = DualForm(lambda f: math.log(2) - 0.5 * softplus(-f), lambda f: 0.5 * softplus(f))
CHI2 = DualForm(_same, lambda f: f + 0.25 * f**2)
WASSERSTEIN = DualForm(_same, _same)


def smile_form(clip: float = 5.0) -> DualForm:
    """Donsker-Varadhan with the critic held inside [-clip, clip] where rows are drawn apart."""
    return DualForm(_same, lambda f: array_namespace(f).clip(f, -clip, clip), logarithmic=True)


def alpha_form(order: float) -> DualForm:
    """Critic in logs: the derivative of the convex function at e^f, and its conjugate there."""
    return DualForm(lambda f: power(f, order - 1), lambda f: power(f, order))


HELLINGER = DualForm(lambda f: 0.25 * power(f, -0.5), lambda f: 0.25 * power(f, 0.5))

_FORMS: dict[str, Callable[..., DualForm]] = {
    "donsker-varadhan": lambda: DONSKER_VARADHAN,
    "nwj": lambda: NWJ,
    "jensen-shannon": lambda: JENSEN_SHANNON,
    "smile": smile_form,
    "js": lambda: JS,
    "chi2": lambda: CHI2,
    "hellinger": lambda: HELLINGER,
    "alpha": alpha_form,
    "wasserstein": lambda: WASSERSTEIN,
}


def evaluate(form: DualForm, joint: Array, product: Array) -> Array:
    """Value of a bound at the critic's values."""
    average = log_mean_exp if form.logarithmic else mean
    return mean(form.joint(joint)) - average(form.product(product))


def _influence(form: DualForm, joint: Array, product: Array) -> Influence:
    together, apart = form.joint(joint), form.product(product)
    if form.logarithmic:
        xp = array_namespace(apart)
        from_product = 1.0 - xp.exp(apart - log_mean_exp(apart)[..., None])
    else:
        from_product = mean(apart)[..., None] - apart
    return Influence(together - mean(together)[..., None], from_product)


def bound_influence(bound: str, joint: Array, product: Array, **parameters: float) -> Influence:
    r"""Influence of each critic value on a bound, for its standard error.

    Parameters
    ----------
    bound : str
        ``"donsker-varadhan"``, ``"nwj"``, ``"jensen-shannon"``, ``"smile"``, ``"js"``,
        ``"chi2"``, ``"hellinger"``, ``"alpha"`` or ``"wasserstein"``.
    joint : array of shape (..., n)
        Critic values at rows drawn together, or of the sample P.
    product : array of shape (..., m)
        Critic values at rows drawn apart, or of the sample Q.
    **parameters : float
        ``clip`` of ``"smile"``, ``order`` of ``"alpha"``.

    Returns
    -------
    Influence
        ``joint`` of shape (..., n) and ``product`` of shape (..., m), in nats, both of mean 0;
        differentiable.

    Notes
    -----
    First-order terms of the bound in the two empirical laws, the critic held fixed. Where the
    n + m values are independent, the squared standard error is
    ``var(joint) / n + var(product) / m``; for Donsker-Varadhan the terms are
    :math:`f - \bar f` and :math:`1 - e^f / \overline{e^f}`. Values off the diagonal of a table
    are dependent: take :func:`bound_row_influence`. Complexity :math:`O(n + m)`. Source: the
    delta method, van der Vaart, Asymptotic Statistics, chapter 20,
    doi:10.1017/CBO9780511802256.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import bound_influence
    >>> joint, product = np.array([1.0, 2.0]), np.log(np.array([1.0, 2.0, 3.0]))
    >>> terms = bound_influence("donsker-varadhan", joint, product)
    >>> print(terms.joint, terms.product.round(12) + 0.0)
    [-0.5  0.5] [ 0.5  0.  -0.5]
    """
    return _influence(_FORMS[bound](**parameters), joint, product)


def bound_row_influence(bound: str, table: Array, **parameters: float) -> Array:
    r"""Influence of each row on a bound evaluated at all pairs of a table.

    Parameters
    ----------
    bound : str
        As in :func:`bound_influence`.
    table : array of shape (..., n, n)
        Critic values, entry (i, j) at :math:`(x_i, y_j)`: the diagonal was drawn together, the
        rest counts as drawn apart; n at least 2.
    **parameters : float
        ``clip`` of ``"smile"``, ``order`` of ``"alpha"``.

    Returns
    -------
    array of shape (..., n)
        In nats, of mean 0; the standard error of the bound is their standard deviation over
        :math:`\sqrt n`. Differentiable.

    Notes
    -----
    Row i enters with its own pair, as the x of n - 1 pairs drawn apart and as the y of n - 1
    more: for Donsker-Varadhan the term is
    :math:`f_{ii} - \bar f + 2 - (\overline{e^{f_{i \cdot}}} + \overline{e^{f_{\cdot i}}}) / Z`.
    The first-order projection of a U-statistic: Hoeffding (1948),
    doi:10.1214/aoms/1177730196. Complexity :math:`O(n^2)`.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import bound_row_influence
    >>> table = np.array([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    >>> print(bound_row_influence("donsker-varadhan", table))
    [ 1.  0. -1.]
    """
    xp = array_namespace(table)
    form = _FORMS[bound](**parameters)
    n, diagonal = table.shape[-1], xp.linalg.diagonal(table)

    def by_row(square: Array) -> Influence:
        terms = _influence(form, diagonal, off_diagonal(square))
        rows = xp.reshape(terms.product, (*square.shape[:-1], n - 1))
        return Influence(terms.joint, mean(rows))

    as_x, as_y = by_row(table), by_row(xp.matrix_transpose(table))
    return as_x.joint + as_x.product + as_y.product
