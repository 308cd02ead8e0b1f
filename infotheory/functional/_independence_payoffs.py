r"""Payoffs of bets against independence, by a witness of the dependence seen so far.

With kernels k and l and the n rows of the past, the witness is the direction in which the mean of
:math:`k(x_i, \cdot)\, l(y_i, \cdot)` departs from the product of the means, of norm 1. Two new
rows a and b are bet on: its sum over (x_a, y_a) and (x_b, y_b), less that over (x_a, y_b) and
(x_b, y_a), halved, is half the covariance over the past of :math:`k(x_i, x_a) - k(x_i, x_b)` and
:math:`l(y_i, y_a) - l(y_i, y_b)`, divided by the root of the biased HSIC of the past. Exchanging
y_a and y_b, which changes no law under independence, turns its sign.
"""

from __future__ import annotations

from typing import NamedTuple

from array_api_compat import device

from infotheory._xp._namespace import Array, array_namespace, as_working_float
from infotheory.functional._betting import checked_payoffs
from infotheory.functional._gram import gaussian_gram
from infotheory.functional._kernel_checks import check_bandwidth, check_pairs, check_points
from infotheory.functional._transport_checks import check_count

_BLOCK = 64  # rows whose kernel values are held at once
# Below, the HSIC of the past is a difference of equal numbers, and the witness is none.
_NO_WITNESS = 1e-12

Bandwidth = float | Array | None


class Witness(NamedTuple):
    """Rows of the past, row sums of their Gram matrices, and the trace of the product of these."""

    x: Array
    y: Array
    x_sums: Array
    y_sums: Array
    trace: Array


def _kernel(rows: Array, others: Array, bandwidth: Bandwidth) -> Array:
    """The Gaussian kernel, or 1 for equal rows and else 0 if there is no bandwidth."""
    if bandwidth is not None:
        return gaussian_gram(rows, others, bandwidth=bandwidth)
    xp = array_namespace(rows)
    equal = xp.all(rows[..., :, None, :] == others[..., None, :, :], axis=-1)
    return xp.astype(equal, rows.dtype)


def new_witness(X: Array, Y: Array, bandwidth_x: Bandwidth, bandwidth_y: Bandwidth) -> Witness:
    """The witness of the dependence in some first rows, O(n^2)."""
    xp = array_namespace(X, Y)
    K, L = _kernel(X, X, bandwidth_x), _kernel(Y, Y, bandwidth_y)
    return Witness(X, Y, xp.sum(K, axis=-1), xp.sum(L, axis=-1), xp.sum(K * L, axis=(-2, -1)))


def bets_on_rows(
    witness: Witness, X: Array, Y: Array, bandwidth_x: Bandwidth, bandwidth_y: Bandwidth
) -> tuple[Array, Witness]:
    """Payoff of each two of m new rows, (..., m / 2), and the witness after them; m is even.

    O(m n) in time and memory: pass few rows at a time.
    """
    xp = array_namespace(X, Y)
    n = witness.x.shape[-2]
    xs, ys = xp.concat([witness.x, X], axis=-2), xp.concat([witness.y, Y], axis=-2)
    x = _BlockSums(witness.x_sums, _kernel(X, xs, bandwidth_x))
    y = _BlockSums(witness.y_sums, _kernel(Y, ys, bandwidth_y))
    # Before each bet: how many rows there are, and which.
    bets = xp.arange(X.shape[-2] // 2, device=device(X))
    seen = bets[:, None] * 2 + n > xp.arange(xs.shape[-2], device=device(X))
    count = xp.astype(bets * 2 + n, X.dtype)

    def total(values: Array) -> Array:
        return xp.sum(xp.where(seen, values, 0.0), axis=-1)

    k, l = x.first - x.second, y.first - y.second  # noqa: E741
    covariance = total(k * l) / count - total(k) / count * total(l) / count
    gains = 2.0 * total(x.first * y.first + x.second * y.second)
    # Their own two rows, and the diagonal.
    gains = gains + 2.0 * x.between * y.between + 2.0
    trace = witness.trace[..., None] + xp.cumulative_sum(gains, axis=-1)
    x_sums, y_sums = x.before(), y.before()
    hsic = (trace - gains) / count**2 + total(x_sums) / count**2 * total(y_sums) / count**2
    hsic = hsic - 2.0 * total(x_sums * y_sums) / count**3
    some = hsic > _NO_WITNESS
    norm = xp.sqrt(xp.where(some, hsic, 1.0))
    # Cauchy and Schwarz keep it between -1 and 1, but for rounding.
    payoffs = xp.where(some, xp.clip(0.5 * covariance / norm, -1.0, 1.0), 0.0)
    return payoffs, Witness(xs, ys, x.sums[..., -1, :], y.sums[..., -1, :], trace[..., -1])


class _BlockSums:
    """Kernel values of new rows by pairs, and row sums of the Gram matrix after each pair."""

    def __init__(self, sums: Array, kernel: Array):
        xp = array_namespace(kernel)
        n, m = sums.shape[-1], kernel.shape[-2]
        self.first, self.second = kernel[..., 0::2, :], kernel[..., 1::2, :]
        self.between = xp.stack([kernel[..., i, n + i + 1] for i in range(0, m, 2)], axis=-1)
        # New rows have met the old ones; those of the block come by pairs, for old and new alike.
        self._old = xp.concat([sums, xp.sum(kernel[..., :n], axis=-1)], axis=-1)[..., None, :]
        self.sums = self._old + xp.cumulative_sum(self.first + self.second, axis=-2)

    def before(self) -> Array:
        xp = array_namespace(self.sums)
        return xp.concat([self._old, self.sums[..., :-1, :]], axis=-2)


def independence_payoffs(
    X: Array,
    Y: Array,
    *,
    bandwidth_x: Bandwidth,
    bandwidth_y: Bandwidth,
    n_burn_in: int = 10,
) -> Array:
    r"""Payoffs of bets against the independence of X and Y, two rows at a time.

    Parameters
    ----------
    X, Y : arrays of shape (..., n, d), (..., n, e)
        Finite rows that belong together, in the order in which they came; n is `n_burn_in` + 2 or
        more.
    bandwidth_x, bandwidth_y : float, array of shape (...) or None
        Of the Gaussian kernels, chosen without a look at rows that are bet on. None takes the
        kernel of labels: 1 for equal rows and else 0.
    n_burn_in : int
        First rows that no bet is made on, at least 2.

    Returns
    -------
    array of shape (..., m)
        :math:`m = \lfloor (n - n_\text{burn-in}) / 2 \rfloor` numbers from -1 to 1. The bet on two
        rows is that they agree with the dependence of all rows before them; if X and Y are
        independent, the payoff and its negative have one law given the past. 0 where the past
        shows no dependence at all, as with constant rows.

    Raises
    ------
    ValueError
        If the numbers of rows differ or are below `n_burn_in` + 2, that is below 2, or as
        :func:`gaussian_gram`.
    TypeError
        As :func:`gaussian_gram`, or if `n_burn_in` is no integer.

    Notes
    -----
    Half the covariance over the past of :math:`k(x_i, x_a) - k(x_i, x_b)` and
    :math:`l(y_i, y_a) - l(y_i, y_b)`, divided by the root of the biased HSIC of the past.
    Exchanging the two rows of Y turns the sign. Complexity O(n^2 (d + e)), memory O(n) a stream.
    Source: Podkopaev et al. (2023), arXiv:2212.07383.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import betting_log_wealth, independence_payoffs
    >>> x = np.random.default_rng(0).normal(size=(500, 1))
    >>> payoffs = independence_payoffs(x, x**2, bandwidth_x=1.0, bandwidth_y=1.0)
    >>> print(payoffs.shape, f"{payoffs.mean():.2f}")
    (245,) 0.14
    >>> bool(betting_log_wealth(payoffs)[-1] > np.log(20))
    True
    """
    check_points(X=X, Y=Y)
    check_pairs(X=X, Y=Y)
    for name, width, part in (("bandwidth_x", bandwidth_x, X), ("bandwidth_y", bandwidth_y, Y)):
        if width is not None:
            check_bandwidth(name, width, part)
    check_count(2, n_burn_in=n_burn_in)
    if X.shape[-2] < n_burn_in + 2:
        raise ValueError(
            f"X and Y must have at least n_burn_in + 2 = {n_burn_in + 2} rows, so that there is a "
            f"bet, got {X.shape[-2]}."
        )
    X, Y = as_working_float(X), as_working_float(Y)
    xp = array_namespace(X, Y)
    start = n_burn_in
    stop = start + 2 * ((X.shape[-2] - start) // 2)
    widths = bandwidth_x, bandwidth_y
    witness = new_witness(X[..., :start, :], Y[..., :start, :], *widths)
    payoffs = []
    for i in range(start, stop, _BLOCK):
        end = min(i + _BLOCK, stop)
        found, witness = bets_on_rows(witness, X[..., i:end, :], Y[..., i:end, :], *widths)
        payoffs.append(found)
    return xp.concat(payoffs, axis=-1)


def symmetric_payoffs(payoffs: Array) -> Array:
    r"""Payoffs in units of their own size: the hyperbolic tangent over the root mean square so far.

    Parameters
    ----------
    payoffs : array of shape (..., m)
        In the order of the bets. Given the past, each has the law of its negative.

    Returns
    -------
    array of shape (..., m)
        :math:`\tanh(f_t / s_t)` with :math:`s_t^2` the mean of :math:`f_1^2, \dots, f_t^2`; 0 as
        long as all are 0.

    Raises
    ------
    ValueError
        If payoffs are none, not real, missing or infinite.
    TypeError
        If payoffs are no array of numbers, or have masked entries.

    Notes
    -----
    An odd function of a symmetric payoff is symmetric again. Also the size of the payoff itself
    may choose the function: given the past and its size, its sign is a fair coin. Small payoffs,
    which the bound 1 on their size makes worth little, count in full this way. Complexity O(m).
    Source: Podkopaev et al. (2023), arXiv:2212.07383, section 4, with a quantile of the past for
    the scale.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import symmetric_payoffs
    >>> symmetric_payoffs(np.array([0.0, 0.1, -0.02])).round(3).tolist()
    [0.0, 0.888, -0.327]
    """
    payoffs = checked_payoffs(payoffs)
    xp = array_namespace(payoffs)
    if not bool(xp.all(xp.isfinite(payoffs))):
        raise ValueError(
            "payoffs must be finite, got missing or infinite values: all later ones would be "
            "measured against them. Leave those bets out."
        )
    counts = xp.cumulative_sum(xp.ones_like(payoffs), axis=-1)
    return scaled_payoff(payoffs, xp.cumulative_sum(payoffs**2, axis=-1), counts)


def scaled_payoff(payoff: Array, squares: Array, count: Array | int) -> Array:
    """The hyperbolic tangent of payoffs over the root of the mean of so many squares."""
    xp = array_namespace(payoff)
    some = squares > 0
    return xp.where(some, xp.tanh(payoff / xp.sqrt(xp.where(some, squares / count, 1.0))), 0.0)
