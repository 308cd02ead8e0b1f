"""Bets against independence: fair under it, fast under dependence; and the test for streams."""

from __future__ import annotations

import math
import pickle
from itertools import product
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from infotheory import SequentialIndependenceTest
from infotheory.functional import (
    betting_log_wealth,
    gaussian_gram,
    independence_payoffs,
    kernel_bandwidth,
    symmetric_payoffs,
)

STRATEGIES = ("mixture", "ons", "agrapa")
WIDTHS = {"bandwidth_x": 0.9, "bandwidth_y": 1.3}


def normal_pairs(
    rho: float, n_streams: int, n: int, seed: int, dim: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=(2, n_streams, n, dim))
    return x, rho * x + math.sqrt(1 - rho**2) * noise


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


# The test for streams


def some_stream(n: int = 200, rho: float = 0.5, seed: int = 10) -> tuple[np.ndarray, np.ndarray]:
    (x,), (y,) = normal_pairs(rho, 1, n, seed, dim=2)
    return x, y[:, :1]


def results_of(test: SequentialIndependenceTest) -> tuple[Any, ...]:
    return (
        test.rejected_,
        test.wealth_,
        test.e_value_,
        test.log_wealth_,
        test.p_value_,
        test.n_pairs_,
        test.n_bets_,
        test.bandwidth_,
        test.notes_,
        test.log_wealth_path_.tolist(),
    )


def state_of(test: SequentialIndependenceTest) -> bytes:
    return pickle.dumps(vars(test))


@pytest.mark.parametrize("payoff", ["symmetry", "hsic"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_stream_bets_as_the_functions_do(payoff: str, strategy: Any) -> None:
    x, y = some_stream(151, rho=0.1)
    test = SequentialIndependenceTest(
        payoff=payoff, strategy=strategy, alpha=1e-6, bandwidth=(0.9, 1.3)
    ).fit(x, y)
    payoffs = independence_payoffs(x, y, **WIDTHS)
    payoffs = payoffs if payoff == "hsic" else symmetric_payoffs(payoffs)
    expected = betting_log_wealth(payoffs, strategy)
    np.testing.assert_allclose(test.log_wealth_path_, expected, atol=1e-11)
    assert (test.n_pairs_, test.n_bets_) == (151, 70)
    assert test.wealth_ == test.e_value_ == pytest.approx(math.exp(expected[-1]))
    assert test.p_value_ == pytest.approx(min(1.0, math.exp(-expected.max())))


@pytest.mark.parametrize("sizes", [[1], [3], [7, 1, 2], [64], [500]])
def test_blocks_of_any_size_give_one_answer(sizes: list[int]) -> None:
    x, y = some_stream(rho=0.8)
    whole = SequentialIndependenceTest(alpha=1e-4).fit(x, y)
    parts = SequentialIndependenceTest(alpha=1e-4)
    start, i = 0, 0
    while start < len(x):
        end = start + sizes[i % len(sizes)]
        parts.update(x[start:end], y[start:end])
        start, i = end, i + 1
    np.testing.assert_allclose(parts.log_wealth_path_, whole.log_wealth_path_, atol=1e-11)
    assert (parts.n_pairs_, parts.rejected_) == (whole.n_pairs_, whole.rejected_)
    assert whole.rejected_


def test_it_stops_by_itself() -> None:
    x, y = some_stream(rho=0.9)
    test = SequentialIndependenceTest().fit(x, y)
    assert test.rejected_
    assert test.p_value_ <= 0.05
    assert test.wealth_ >= 20 * (1 - 1e-12)
    assert test.n_pairs_ == 10 + 2 * test.n_bets_ < len(x)
    assert len(test.log_wealth_path_) == test.n_bets_
    before = state_of(test)
    test.update(x, y)
    assert state_of(test) == before
    with pytest.raises(ValueError, match="NaN"):
        test.update(np.full((1, 2), math.nan), y[:1])
    assert not test.fit(x[:20], y[:20]).rejected_  # fit begins anew
    assert test.n_pairs_ == 20


def test_p_value_never_grows_and_follows_the_largest_wealth() -> None:
    x, y = some_stream(60, rho=0.2)
    test, seen = SequentialIndependenceTest(alpha=1e-5), []
    for a, b in zip(x, y, strict=True):
        test.update(a[None], b[None])
        seen.append((test.p_value_, test.wealth_))
    p = [value for value, _ in seen]
    assert p == sorted(p, reverse=True)
    assert p[-1] == pytest.approx(min(1.0, 1 / max(w for _, w in seen)))


def test_p_value_of_a_block_is_of_its_largest_wealth() -> None:
    x, y = some_stream(60, rho=0.9)
    y = np.concatenate([y[:34], y[40:60], -3 * y[34:40]])
    test = SequentialIndependenceTest(alpha=1e-9).fit(x, y)
    largest = test.log_wealth_path_.max()
    assert largest > test.log_wealth_ + 0.1
    assert largest > 1
    assert test.p_value_ == pytest.approx(math.exp(-largest))


def test_pickled_in_mid_stream_copied_and_cloned() -> None:
    x, y = some_stream()
    for cut in (3, 10, 11, 64):
        whole = SequentialIndependenceTest(alpha=1e-3).update(x[:cut], y[:cut])
        copy = pickle.loads(pickle.dumps(whole))
        assert results_of(copy) == results_of(whole)
        assert results_of(copy.update(x[cut:], y[cut:])) == results_of(
            whole.update(x[cut:], y[cut:])
        )
    new = clone(whole)
    assert new.get_params() == whole.get_params()
    assert (new.n_pairs_, new.rejected_, new.p_value_, new.wealth_) == (0, False, 1.0, 1.0)


def test_scalars_columns_and_tables() -> None:
    pandas = pytest.importorskip("pandas")
    x, y = some_stream(60, rho=0.1)
    x, y = x[:, 0], y[:, 0]
    one = SequentialIndependenceTest()
    for a, b in zip(x, y, strict=True):
        one.update(float(a), b)
    flat = SequentialIndependenceTest().update(x, y)
    tables = SequentialIndependenceTest().fit(pandas.DataFrame({"x": x}), pandas.Series(y))
    for other in (flat, tables, SequentialIndependenceTest().partial_fit(x[:, None], y)):
        np.testing.assert_allclose(other.log_wealth_path_, one.log_wealth_path_, atol=1e-11)
    assert tables.feature_names_in_.tolist() == ["x"]
    with pytest.raises(ValueError, match="feature names"):
        tables.update(pandas.DataFrame({"other": x}), y)


def test_labels() -> None:
    rng = np.random.default_rng(11)
    symbol = rng.integers(0, 3, size=200)
    text = np.array(["red", "green", "blue"], dtype=object)[symbol]
    other = np.where(rng.random(200) < 0.7, symbol, rng.integers(0, 3, size=200))
    test = SequentialIndependenceTest(discrete=True, alpha=1e-9)
    for a, b in zip(text, other, strict=True):
        test.update(a, b)
    payoffs = independence_payoffs(
        symbol[:, None].astype(float),
        other[:, None].astype(float),
        bandwidth_x=None,
        bandwidth_y=None,
    )
    expected = betting_log_wealth(symmetric_payoffs(payoffs))[: test.n_bets_]
    np.testing.assert_allclose(test.log_wealth_path_, expected, atol=1e-11)
    assert test.rejected_
    assert test.bandwidth_ == (None, None)
    # One of each kind, as one column of labels and one of numbers.
    number = rng.normal(size=200) + 2 * symbol
    mixed = SequentialIndependenceTest(discrete=(True, False)).fit(text[:, None], number)
    assert mixed.rejected_
    assert mixed.bandwidth_[0] is None


def test_constant_streams() -> None:
    x, y = some_stream(80, rho=0.9)
    test = SequentialIndependenceTest().fit(np.ones_like(x), y)
    assert (test.wealth_, test.p_value_, test.n_pairs_, test.n_bets_) == (1.0, 1.0, 80, 0)
    assert test.notes_ == (
        "X has been constant for 10 pairs: a bet needs variables that vary, and none was made.",
    )
    both = SequentialIndependenceTest().fit(np.ones_like(x), np.ones_like(y))
    assert both.notes_[0].startswith("X and y have been constant")
    # It goes on once there is something to see, and in blocks as by single pairs.
    rows, single = np.concatenate([np.ones_like(x), x]), SequentialIndependenceTest()
    column = np.concatenate([y, y])
    for a, b in zip(rows, column, strict=True):
        single.update(a[None], b[None])
    block = SequentialIndependenceTest().fit(rows, column)
    assert block.notes_ == ()
    assert block.rejected_
    assert block.n_pairs_ == single.n_pairs_
    np.testing.assert_allclose(block.log_wealth_path_, single.log_wealth_path_, atol=1e-11)


def test_variables_must_vary_within_one_burn_in() -> None:
    """x changes once, between its fifth row and its sixth; y varies from its row ``first`` on."""
    noise = np.random.default_rng(12).normal(size=40)
    x = np.repeat([0.0, 1.0], [5, 35])
    bets = {}
    for first in (13, 14):
        y = np.where(np.arange(40) < first, 0.0, noise)
        block = SequentialIndependenceTest().update(x, y)
        single = SequentialIndependenceTest()
        for a, b in zip(x, y, strict=True):
            single.update(a, b)
        assert single.n_bets_ == block.n_bets_
        bets[first] = block.n_bets_
    assert bets == {13: 13, 14: 0}  # the ten pairs up to row 14 hold the change, those to 15 do not


def test_constant_after_the_burn_in() -> None:
    x, y = some_stream(100, rho=0.0)
    x[10:] = x[0]
    test = SequentialIndependenceTest().fit(x, y)
    assert test.n_bets_ == 45
    assert test.wealth_ == 1.0  # equal rows of x: every payoff is 0


BAD: dict[str, tuple[Any, Any, str]] = {
    "missing x": ([[math.nan, 0.0]], [0.0], "NaN"),
    "missing y": ([[0.0, 0.0]], [math.nan], "NaN"),
    "infinite": ([[math.inf, 0.0]], [0.0], "infinite"),
    "none": (None, [0.0], "X is None"),
    "a column more": ([[0.0, 0.0, 0.0]], [0.0], "features"),
    "a column more in y": ([[0.0, 0.0]], [[0.0, 0.0]], r"y must have the 1 column\(s\)"),
    "empty": (np.empty((0, 2)), np.empty(0), "empty"),
    "lengths": ([[0.0, 0.0], [1.0, 1.0]], [0.0], "same number of rows"),
    "text": ([["a", "b"]], [0.0], "X"),
    "three axes": (np.zeros((1, 2, 2)), [0.0], "2-D"),
    "late": ([[0.0, 0.0]] * 30 + [[math.nan, 0.0]], [0.0] * 31, "NaN"),
}


@pytest.mark.parametrize(("x", "y", "message"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("seen", [0, 5, 37])
def test_refused_pairs_change_nothing(x: Any, y: Any, message: str, seen: int) -> None:
    test = SequentialIndependenceTest(alpha=1e-9)
    if seen:
        test.update(*(rows[:seen] for rows in some_stream()))
    elif "column" in message or "feature" in message:
        pytest.skip("the first pairs say how many columns there are")
    before = state_of(test)
    with pytest.raises((ValueError, TypeError), match=message):
        test.update(x, y)
    assert state_of(test) == before
    if seen:
        rest = tuple(rows[seen:] for rows in some_stream())
        whole = SequentialIndependenceTest(alpha=1e-9).fit(*some_stream())
        assert test.update(*rest).wealth_ == pytest.approx(whole.wealth_, rel=1e-9)


def test_an_interrupt_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = some_stream()
    test = SequentialIndependenceTest(alpha=1e-9).update(x[:50], y[:50])
    before = state_of(test)
    calls = []

    def interrupted(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return after_payoffs(*args)

    from infotheory._estimators import sequential

    after_payoffs = sequential.after_payoffs
    monkeypatch.setattr(sequential, "after_payoffs", interrupted)
    with pytest.raises(KeyboardInterrupt):
        test.update(x[50:], y[50:])
    assert state_of(test) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 1.0}, "alpha"),
        ({"n_burn_in": 3}, "n_burn_in"),
        ({"payoff": "coco"}, "payoff"),
        ({"strategy": "all-in"}, "strategy"),
        ({"bandwidth": -1.0}, "bandwidth"),
        ({"bandwidth": (1.0, 0.0)}, "bandwidth must be a positive number, two of them or None"),
        ({"bandwidth": (1.0,)}, "bandwidth must be"),
        ({"bandwidth": math.nan}, "bandwidth"),
        ({"discrete": (True,)}, "discrete must be True, False or a tuple"),
        ({"discrete": "yes"}, "discrete"),
    ],
)
def test_wrong_parameters(words: dict[str, Any], message: str) -> None:
    x, y = some_stream(20)
    test = SequentialIndependenceTest(**words)
    for call in (test.fit, test.update):
        with pytest.raises(ValueError, match=message):
            call(x, y)
    assert set(vars(test)) == set(test.get_params())


def test_rules_stay_as_they_were() -> None:
    x, y = some_stream(40)
    test = SequentialIndependenceTest().update(x, y).set_params(alpha=0.5)
    with pytest.raises(ValueError, match="alpha must stay as it was"):
        test.update(x, y)
    assert test.fit(x, y).n_pairs_ > 0
    assert test.set_params(alpha=0.5).update(x, y) is test


def test_wrong_strategy_in_the_function() -> None:
    with pytest.raises(ValueError, match="strategy must be 'mixture', 'ons' or 'agrapa'"):
        betting_log_wealth(np.zeros(3), "all-in")  # type: ignore[arg-type]


@pytest.fixture
def global_state_restored() -> Any:
    """Some of scikit-learn's checks draw from NumPy's global generator themselves."""
    state = np.random.get_state()  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002


@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks([SequentialIndependenceTest()])
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)
