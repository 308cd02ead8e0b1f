"""The test of independence for streams: blocks, stops, copies, bad input."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks
from stream_pairs import STRATEGIES, WIDTHS, normal_pairs

from infotheory import SequentialIndependenceTest
from infotheory.functional import betting_log_wealth, independence_payoffs, symmetric_payoffs


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


@pytest.mark.parametrize("payoff", ["symmetry", "hsic"])
@pytest.mark.parametrize("words", [{"discrete": True}, {"bandwidth": 1e-8}, {"bandwidth": 1e8}])
def test_bets_that_cannot_pay_are_noted(payoff: str, words: dict[str, Any]) -> None:
    x = np.random.default_rng(0).normal(size=(100, 1))
    test = SequentialIndependenceTest(payoff=payoff, **words)
    assert test.update(x[:20], x[:20]).notes_ == ()
    (note,) = test.update(x[20:], x[20:]).notes_
    assert note.startswith("None of 45 bets has paid or cost anything")
    # Labels that come again, and rows a bandwidth apart or not at all, are something to bet on.
    test.update(np.tile(x[:2], (40, 1)), np.tile(x[:2], (40, 1)))
    if "discrete" in words:
        assert test.notes_ == ()


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


@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks([SequentialIndependenceTest()])
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)
