"""Bets on payoffs that are fair if a hypothesis holds, and the wealth that they make.

The wealth is a product of 1 + bet * payoff. Payoffs lie between -1 and 1 and have mean 0 given the
past; bets are chosen from the past. The wealth then has mean 1 at every time, and exceeds
1 / alpha ever with probability alpha at most, which is Ville's inequality.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from array_api_compat import device

from infotheory._xp._namespace import Array, array_namespace, as_working_float
from infotheory._xp._special import logsumexp
from infotheory.functional._kernel_checks import check_numbers

BettingStrategy = Literal["mixture", "ons", "agrapa"]

_GRID = tuple(i / 20 for i in range(1, 20))
_LARGEST = 0.5  # bets of the strategies that learn stay this far from ruin
_BLOCK = 64  # payoffs that the mixture takes at once
_ONS_STEP = 2.0 / (2.0 - math.log(3.0))


class Bettor(NamedTuple):
    """What a strategy knows, one number a stream; the mixture has an axis of bettors at its end."""

    bet: Array
    first: Array  # sums that the strategy learns from
    second: Array
    log_wealth: Array


def new_bettor(strategy: BettingStrategy, payoff: Array) -> Bettor:
    """Before the first bet, for streams of the shape of ``payoff``."""
    xp = array_namespace(payoff)
    zero, one = xp.zeros_like(payoff), xp.ones_like(payoff)
    if strategy == "mixture":
        grid = xp.asarray(_GRID, dtype=payoff.dtype, device=device(payoff))
        bets = zero[..., None] + grid
        return Bettor(bets, zero, zero, xp.zeros_like(bets))
    if strategy == "ons":
        return Bettor(zero, zero, one, zero)
    if strategy == "agrapa":
        return Bettor(zero + 1e-3, zero + 1e-3, one, zero)
    raise ValueError(
        f"strategy must be 'mixture', 'ons' or 'agrapa', got {strategy!r}. The mixture needs no "
        f"learning and is the default."
    )


def after_payoffs(
    strategy: BettingStrategy, bettor: Bettor, payoffs: Array
) -> tuple[Array, Bettor]:
    """Logarithm of the wealth after each payoff along the last axis, and the bettor at the end."""
    xp = array_namespace(payoffs)
    if strategy == "mixture":
        gains = xp.log1p(bettor.bet[..., None, :] * payoffs[..., None])
        each = bettor.log_wealth[..., None, :] + xp.cumulative_sum(gains, axis=-2)
        # The mean wealth of all.
        path = logsumexp(each, axis=-1) - math.log(len(_GRID))
        return path, bettor._replace(log_wealth=each[..., -1, :])
    wealth = []
    for t in range(payoffs.shape[-1]):
        bettor = _after_payoff(strategy, bettor, payoffs[..., t])
        wealth.append(bettor.log_wealth)
    return xp.stack(wealth, axis=-1), bettor


def _after_payoff(strategy: BettingStrategy, bettor: Bettor, payoff: Array) -> Bettor:
    xp = array_namespace(payoff)
    bet, first, second, log_wealth = bettor
    log_wealth = log_wealth + xp.log1p(bet * payoff)
    if strategy == "ons":
        slope = payoff / (1.0 + bet * payoff)
        second = second + slope**2
        wanted = bet + _ONS_STEP * slope / second
    else:
        first, second = first + payoff, second + payoff**2
        wanted = first / second
    return Bettor(xp.clip(wanted, 0.0, _LARGEST), first, second, log_wealth)


def checked_payoffs(payoffs: Array) -> Array:
    """Real numbers, halves as float32, once there is one for each bet."""
    check_numbers("payoffs", payoffs)
    if payoffs.ndim < 1 or 0 in payoffs.shape:
        raise ValueError(
            f"payoffs must have shape (..., m), one for each bet, got {tuple(payoffs.shape)}."
        )
    return as_working_float(payoffs)


def betting_log_wealth(payoffs: Array, strategy: BettingStrategy = "mixture") -> Array:
    r"""Logarithm of the wealth of a gambler who bets on payoffs one after the other.

    Parameters
    ----------
    payoffs : array of shape (..., m)
        In the order of the bets, from -1 to 1.
    strategy : {"mixture", "ons", "agrapa"}
        What share of the wealth is bet on the next payoff, from those before.

        - "mixture": the wealth is divided among 19 gamblers, who always bet .05, .10, ..., .95.
        - "ons": Newton steps on the logarithm of the wealth, from 0 and up to .5.
        - "agrapa": the mean payoff over the mean square, from 0 and up to .5.

    Returns
    -------
    array of shape (..., m)
        After each bet; the wealth before the first is 1. If each payoff has mean 0 given those
        before it, the wealth has mean 1 at any time, is :math:`1 / \alpha` or more ever with
        probability :math:`\alpha` at most, and :math:`\min(1, 1 / \max_t K_t)` is a p-value at
        whatever time one stops. Halves count as float32, and so does the result.

    Raises
    ------
    ValueError
        If there is no such strategy, or payoffs are none, not real, missing or beyond -1 to 1.
    TypeError
        If payoffs are no array of numbers, or have masked entries.

    Notes
    -----
    Bets are on positive payoffs only. Complexity O(m) a stream; streams along leading axes share
    each step. Sources: Waudby-Smith and Ramdas (2024), arXiv:2010.09686, of aGRAPA; Cutkosky and
    Orabona (2018), arXiv:1802.06293, of the Newton steps.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import betting_log_wealth
    >>> np.exp(betting_log_wealth(np.array([1.0, 1.0, -1.0, 1.0]))).round(3).tolist()
    [1.5, 2.325, 0.938, 1.34]
    """
    payoffs = checked_payoffs(payoffs)
    xp = array_namespace(payoffs)
    if not bool(xp.all(xp.abs(payoffs) <= 1)):
        raise ValueError(
            "payoffs must be from -1 to 1, none of them missing: a bet on more may lose more than "
            "there is. Divide them by the largest size that they can have."
        )
    bettor = new_bettor(strategy, payoffs[..., 0])
    path = []
    m = payoffs.shape[-1]
    for t in range(0, m, _BLOCK):
        wealth, bettor = after_payoffs(strategy, bettor, payoffs[..., t : min(t + _BLOCK, m)])
        path.append(wealth)
    return xp.concat(path, axis=-1)
