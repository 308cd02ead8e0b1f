"""Bets against independence: fair under it, and fast under dependence."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from stream_pairs import STRATEGIES, WIDTHS, normal_pairs

from infotheory.functional import (
    betting_log_wealth,
    gaussian_gram,
    independence_payoffs,
    kernel_bandwidth,
    symmetric_payoffs,
)


def payoffs_of(x: np.ndarray, y: np.ndarray, n_burn_in: int = 10) -> np.ndarray:
    """Of many streams, each with the bandwidths of its own burn-in."""
    return independence_payoffs(
        x,
        y,
        bandwidth_x=kernel_bandwidth(x[:, :n_burn_in]),
        bandwidth_y=kernel_bandwidth(y[:, :n_burn_in]),
        n_burn_in=n_burn_in,
    )


def pairs_to_rejection(
    log_wealth: np.ndarray, alpha: float = 0.05, n_burn_in: int = 10
) -> np.ndarray:
    """Pairs (rows) of each stream up to its rejection, infinite where there is none."""
    hit = log_wealth >= -math.log(alpha)
    return np.where(hit.any(axis=1), n_burn_in + 2 * (np.argmax(hit, axis=1) + 1), math.inf)


# Payoffs


def payoff_by_definition(x: np.ndarray, y: np.ndarray) -> float:
    """Of the last two rows against all before, with the witness and its norm written out."""
    k, l = gaussian_gram(x, bandwidth=0.9), gaussian_gram(y, bandwidth=1.3)  # noqa: E741
    n = len(x) - 2

    def witness(i: int, j: int) -> float:
        own = np.mean(k[:n, i] * l[:n, j])
        return float(own - np.mean(k[:n, i]) * np.mean(l[:n, j]))

    centre = np.eye(n) - 1 / n
    norm = math.sqrt(np.trace(k[:n, :n] @ centre @ l[:n, :n] @ centre)) / n
    a, b = n, n + 1
    return (witness(a, a) + witness(b, b) - witness(a, b) - witness(b, a)) / (2 * norm)


def test_payoffs_against_the_definition() -> None:
    (x,), (y,) = normal_pairs(0.5, 1, 41, 0, dim=2)
    found = independence_payoffs(x, y[:, :1], **WIDTHS, n_burn_in=6)
    assert found.shape == (17,)
    expected = [payoff_by_definition(x[:end], y[:end, :1]) for end in range(8, 42, 2)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_payoffs_of_labels_against_the_definition() -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 3, size=(30, 2)).astype(float)
    y = (x[:, :1] + rng.integers(0, 2, size=(30, 1))) % 3
    K = np.all(x[:, None] == x, axis=-1).astype(float)
    L = np.all(y[:, None] == y, axis=-1).astype(float)
    n, a, b = 28, 28, 29
    centre = np.eye(n) - 1 / n
    norm = math.sqrt(np.trace(K[:n, :n] @ centre @ L[:n, :n] @ centre)) / n
    cov = np.cov(K[:n, a] - K[:n, b], L[:n, a] - L[:n, b], bias=True)[0, 1]
    found = independence_payoffs(x, y, bandwidth_x=None, bandwidth_y=None, n_burn_in=4)
    assert found[-1] == pytest.approx(0.5 * cov / norm, abs=1e-12)


@pytest.mark.parametrize("scaled", [False, True])
def test_exchanging_y_within_a_bet_turns_the_sign(scaled: bool) -> None:
    (x,), (y,) = normal_pairs(0.6, 1, 40, 2)
    other = y.copy()
    other[[38, 39]] = y[[39, 38]]
    pair = [independence_payoffs(x, v, **WIDTHS) for v in (y, other)]
    if scaled:
        pair = [symmetric_payoffs(payoffs) for payoffs in pair]
    np.testing.assert_allclose(pair[1][:-1], pair[0][:-1], atol=1e-15)
    assert pair[1][-1] == pytest.approx(-pair[0][-1], abs=1e-14)
    assert abs(pair[0][-1]) > 1e-3


def test_payoffs_lie_between_one_and_minus_one_and_are_zero_without_a_witness() -> None:
    x, y = normal_pairs(0.99, 20, 100, 3)
    assert np.abs(independence_payoffs(x, y, bandwidth_x=0.01, bandwidth_y=0.01)).max() <= 1.0
    assert np.all(independence_payoffs(x, np.ones_like(y), **WIDTHS) == 0.0)
    assert np.all(symmetric_payoffs(np.zeros((2, 5))) == 0.0)


@pytest.mark.parametrize("payoff", [-1.0, 1.0])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_payoff_ruins(payoff: float, strategy: Any) -> None:
    assert np.isfinite(betting_log_wealth(np.full(200, payoff), strategy)).all()


def test_libraries(xp: Any) -> None:
    x, y = normal_pairs(0.6, 3, 30, 4)
    expected = symmetric_payoffs(independence_payoffs(x, y, **WIDTHS))
    found = symmetric_payoffs(independence_payoffs(xp.asarray(x), xp.asarray(y), **WIDTHS))
    assert found.dtype == xp.float64
    np.testing.assert_allclose(np.from_dlpack(found), expected, atol=1e-12)
    for strategy in STRATEGIES:
        wealth = betting_log_wealth(found, strategy)
        assert wealth.shape == (3, 10)
        one = betting_log_wealth(expected[1], strategy)
        np.testing.assert_allclose(np.from_dlpack(wealth)[1], one, atol=1e-12)


# Wealth


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_wealth_is_exactly_fair_over_all_signs(strategy: Any, scaled: bool) -> None:
    """Given their sizes, payoffs under independence are fair coins: 2^10 outcomes, all of them."""
    sizes = np.random.default_rng(5).uniform(0, 1, size=10)
    payoffs = sizes * np.array(list(product([-1.0, 1.0], repeat=10)))
    if scaled:
        payoffs = symmetric_payoffs(payoffs)
    wealth = np.exp(betting_log_wealth(payoffs, strategy))
    np.testing.assert_allclose(wealth.mean(axis=0), 1.0, atol=1e-12)
    assert np.mean(wealth.max(axis=1) >= 4.0) <= 1 / 4  # Ville


def test_strategies_by_hand() -> None:
    payoffs = np.array([0.5, -0.25, 0.5])
    bets = np.arange(1, 20) / 20
    expected = np.mean((1 + 0.5 * bets) * (1 - 0.25 * bets) * (1 + 0.5 * bets))
    assert np.exp(betting_log_wealth(payoffs)[-1]) == pytest.approx(expected, rel=1e-12)
    # Newton: slope .5, sum of squares 1.25, step 2 / (2 - ln 3) * .5 / 1.25 > .5; then it stays.
    second = 0.5 + 2 / (2 - math.log(3)) * (-0.25 / 0.875) / (1.25 + (0.25 / 0.875) ** 2)
    ons = [1.0, 1 - 0.5 * 0.25, (1 - 0.5 * 0.25) * (1 + 0.5 * max(0.0, second))]
    assert np.exp(betting_log_wealth(payoffs, "ons")) == pytest.approx(ons, rel=1e-12)
    bet = [1e-3, 0.501 / 1.25, 0.251 / 1.3125]
    agrapa = np.cumprod(1 + np.array(bet) * payoffs)
    assert np.exp(betting_log_wealth(payoffs, "agrapa")) == pytest.approx(agrapa, rel=1e-12)


def drifting(n_streams: int, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Independent at each time; the law of x drifts, in y two neighbours share a law that jumps."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, n_streams, n, 1))
    t = np.arange(n)[:, None]
    x = x * (1 + t / n) + 3 * t / n
    y = y * np.where((t // 2) % 20 < 10, 1.0, 0.3) + np.where((t // 2) % 30 < 15, 0.0, 2.0)
    return x, y


NULLS = {
    "normal": lambda s, n, seed: normal_pairs(0.0, s, n, seed),
    "three columns": lambda s, n, seed: normal_pairs(0.0, s, n, seed, dim=3),
    "drifting": drifting,
}


@pytest.mark.parametrize("null", NULLS)
def test_few_false_rejections_and_mean_wealth_of_one(null: str) -> None:
    x, y = NULLS[null](400, 90, 6)
    payoffs = payoffs_of(x, y)
    signs = np.mean(payoffs, axis=0)
    assert np.abs(signs).max() < 5 * payoffs.std() / math.sqrt(400)
    for scaled in (payoffs, symmetric_payoffs(payoffs)):
        log_wealth = betting_log_wealth(scaled)
        # At most 5 %, so that 36 of 400 have a probability below 5e-4.
        assert np.sum(pairs_to_rejection(log_wealth) < math.inf) <= 36
        # The wealth is stopped where it rejects, which keeps its mean and bounds its spread.
        hit = np.maximum.accumulate(log_wealth, axis=1) >= math.log(20)
        at = np.where(hit.any(axis=1), np.argmax(hit, axis=1), log_wealth.shape[1] - 1)
        wealth = np.exp(log_wealth[np.arange(400), at])
        assert abs(wealth.mean() - 1) < 4 * wealth.std() / 20


def test_dependence_is_found() -> None:
    x, y = normal_pairs(0.7, 60, 160, 7)
    payoffs = payoffs_of(x, y)
    pairs = pairs_to_rejection(betting_log_wealth(symmetric_payoffs(payoffs)))
    assert pairs.max() < math.inf
    assert np.median(pairs) <= 60
    assert np.median(pairs_to_rejection(betting_log_wealth(payoffs))) <= 110


@pytest.mark.slow
@pytest.mark.parametrize("null", NULLS)
def test_thousand_null_streams(null: str) -> None:
    x, y = NULLS[null](1000, 400, 8)
    payoffs = payoffs_of(x, y)
    for scaled in (payoffs, symmetric_payoffs(payoffs)):
        for strategy in STRATEGIES:
            pairs = pairs_to_rejection(betting_log_wealth(scaled, strategy))
            assert np.sum(pairs < math.inf) <= 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_two_hundred_streams_of_correlation(seed: int) -> None:
    x, y = normal_pairs(0.7, 200, 240, 100 + seed)
    pairs = pairs_to_rejection(betting_log_wealth(symmetric_payoffs(payoffs_of(x, y))))
    assert pairs.max() < math.inf
    assert np.median(pairs) <= 60


def test_two_that_share_no_law_in_both_variables_are_not_exchangeable() -> None:
    """What the theory excludes: both laws change within every bet, in step."""
    rng = np.random.default_rng(9)
    shift = np.tile([0.0, 3.0], 200)[:, None]
    x, y = rng.normal(size=(2, 20, 400, 1)) + shift
    wealth = betting_log_wealth(symmetric_payoffs(payoffs_of(x, y)))
    assert np.mean(pairs_to_rejection(wealth) < math.inf) > 0.9


def test_wrong_strategy_in_the_function() -> None:
    with pytest.raises(ValueError, match="strategy must be 'mixture', 'ons' or 'agrapa'"):
        betting_log_wealth(np.zeros(3), "all-in")  # type: ignore[arg-type]
