"""Diffusions of symbols with exact predictions: everything is enumerated, nothing is drawn."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

from infotheory.functional import (
    absorbing_transition,
    entropy,
    kl_divergence,
    masked_divergence,
    masked_gap,
    masked_log_likelihood,
    masked_log_probabilities,
    mutual_information,
    score_entropy,
    score_entropy_divergence,
    subset_mask,
    uniform_log_ratio,
    uniform_log_score,
    uniform_rate,
    uniform_transition,
)

SEEDS = st.integers(0, 2**32 - 1)
SCALAR = np.zeros(1)


def random_pmf(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(math.prod(shape))).reshape(shape)


def sequences(length: int, k: int) -> np.ndarray:
    return np.array(list(itertools.product(range(k), repeat=length)))


def diffused(pmf: np.ndarray, noise_level: float) -> np.ndarray:
    """The law after uniform replacement, one axis at a time."""
    step = uniform_transition(np.array(noise_level), pmf.shape[0])
    for axis in range(pmf.ndim):
        pmf = np.moveaxis(np.tensordot(pmf, step, axes=(axis, 0)), -1, axis)
    return pmf


def kl(p: np.ndarray, q: np.ndarray) -> float:
    return float(kl_divergence(p.ravel(), q.ravel()))


def log_rule(low: float, high: float, nodes: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """Noise levels and weights of a rule for their integral, in their logarithm."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    width = math.log(high / low)
    level = low * np.exp(width * (points + 1) / 2)
    return level, weights / 2 * width * level


# Transitions


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("level", [0.0, 1e-9, 0.7, 30.0])
def test_transitions_are_exponentials_of_their_rates(k: int, level: float) -> None:
    rates = np.ones((k, k)) / k - np.eye(k)
    expected = scipy.linalg.expm(level * rates)
    np.testing.assert_allclose(uniform_transition(np.array(level), k), expected, atol=1e-14)
    rates = -np.eye(k + 1)
    rates[:, -1] += 1
    expected = scipy.linalg.expm(level * rates)
    np.testing.assert_allclose(absorbing_transition(np.array(level), k), expected, atol=1e-14)


# Ratios


@given(SEEDS, st.integers(1, 3), st.integers(2, 3), st.floats(1e-3, 5))
def test_exact_scores_are_ratios_of_the_diffused_law(
    seed: int, length: int, k: int, level: float
) -> None:
    pmf = random_pmf(seed, *(k,) * length)
    law = diffused(pmf, level)
    x = sequences(length, k)
    score = uniform_log_score(x, np.full(x.shape[0], level), pmf)
    for row, there in zip(score, x, strict=True):
        for place, y in itertools.product(range(length), range(k)):
            changed = there.copy()
            changed[place] = y
            expected = math.log(law[tuple(changed)] / law[tuple(there)])
            assert row[place, y] == pytest.approx(expected, abs=1e-8)


def test_ratios_given_the_clean_sequence_average_to_the_score() -> None:
    pmf, level = random_pmf(1, 3, 3), 0.4
    x, step = sequences(2, 3), uniform_transition(np.array(0.4), 3)
    for there in x:
        chance = np.array([pmf[tuple(c)] * np.prod(step[c, there]) for c in x])
        noisy = np.broadcast_to(there, x.shape)
        ratio = np.exp(uniform_log_ratio(noisy, x, np.full(x.shape[0], level), 3))
        mean = np.tensordot(chance / chance.sum(), ratio, axes=1)
        score = uniform_log_score(there, np.array(level), pmf)
        np.testing.assert_allclose(mean, np.exp(score), rtol=1e-12)


# Score entropy


def test_score_entropy_by_hand_and_at_its_edges() -> None:
    log_score = np.log([[[2.0, 0.5, 7.0]]])
    ratio, rate = np.array([[[0.0, 1.5, 3.0]]]), np.array([[[0.3, 0.2, 0.0]]])
    with np.errstate(divide="ignore"):
        log_ratio = np.log(ratio)
    expected = 0.3 * 2.0 + 0.2 * (0.5 - 1.5 * math.log(0.5) + 1.5 * (math.log(1.5) - 1))
    np.testing.assert_allclose(score_entropy(log_score, log_ratio, rate, 2.0), 2 * expected)
    assert score_entropy(np.array([[-np.inf]]), np.zeros((1, 1)), np.ones((1, 1)), 1.0) == np.inf
    # Nothing is read where the rate is 0.
    hidden = np.where(rate == 0, np.nan, log_score)
    np.testing.assert_allclose(score_entropy(hidden, log_ratio, rate, 2.0), 2 * expected)


@given(SEEDS, st.floats(-12, 2))
def test_score_entropy_is_never_negative(seed: int, log_size: float) -> None:
    rng = np.random.default_rng(seed)
    ratio = rng.standard_normal((20, 2, 3))
    score = ratio + math.exp(log_size) * rng.standard_normal((20, 2, 3))
    assert np.all(score_entropy(score, ratio, np.ones((20, 2, 3)), 1.0) >= 0)


def divergences(p: np.ndarray, q: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """KL(p || q) by the form inside, and by the difference of two losses."""
    k, length = p.shape[0], p.ndim
    x = sequences(length, k)
    rate = uniform_rate(x, k, like=SCALAR)
    pairs = sequences(2 * length, k)
    clean, noisy = pairs[:, :length], pairs[:, length:]
    pair_rate = uniform_rate(noisy, k, like=SCALAR)
    inside = gap = 0.0
    for level, weight in zip(*log_rule(low, high), strict=True):
        rows = np.full(x.shape[0], level)
        scores = [uniform_log_score(x, rows, law) for law in (p, q)]
        chance = diffused(p, level).ravel()
        inside += float(chance @ score_entropy_divergence(*scores, rate, weight))
        step = uniform_transition(np.array(level), k)
        chance = p[tuple(clean.T)] * np.prod(step[clean, noisy], axis=-1)
        rows = np.full(pairs.shape[0], level)
        target = uniform_log_ratio(noisy, clean, rows, k)
        losses = [
            score_entropy(uniform_log_score(noisy, rows, law), target, pair_rate, weight)
            for law in (p, q)
        ]
        gap += float(chance @ (losses[1] - losses[0]))
    return inside, gap


def test_divergence_of_two_states() -> None:
    p, q = np.array([0.9, 0.1]), np.array([0.3, 0.7])
    inside, gap = divergences(p, q, 1e-9, 30.0)
    assert kl(p, q) == pytest.approx(0.79416, abs=5e-6)
    assert inside == pytest.approx(kl(p, q), abs=1e-7)
    assert gap == pytest.approx(kl(p, q), abs=1e-7)


@pytest.mark.parametrize(("length", "k"), [(1, 4), (2, 3), (3, 2)])
def test_divergence_of_sequences_and_what_the_levels_leave_out(length: int, k: int) -> None:
    p, q = random_pmf(1, *(k,) * length), random_pmf(2, *(k,) * length)
    for low, high in ((1e-9, 30.0), (0.1, 2.0)):
        exact = kl(diffused(p, low), diffused(q, low)) - kl(diffused(p, high), diffused(q, high))
        np.testing.assert_allclose(divergences(p, q, low, high), exact, atol=1e-8)
    # Both ends of a range.
    for high in (0.5, 2.0, 5.0):
        left = kl(diffused(p, high), diffused(q, high))
        assert 0 < left <= (1 - (1 - math.exp(-high)) ** length) * kl(p, q)
    low, x = 1e-5, sequences(length, k)
    scores = [uniform_log_score(x, np.full(x.shape[0], 1e-12), law) for law in (p, q)]
    rate = uniform_rate(x, k, like=SCALAR)
    at_zero = float(p.ravel() @ score_entropy_divergence(*scores, rate, 1.0))
    left = kl(p, q) - kl(diffused(p, low), diffused(q, low))
    assert left == pytest.approx(low * at_zero, rel=0.02)


def test_score_entropy_of_the_mask_is_the_divergence_of_guesses() -> None:
    p, q, u = random_pmf(3, 3, 3), random_pmf(4, 3, 3), 0.3
    x, masked = np.array([2, 1]), np.array([True, False])
    guesses = [masked_log_probabilities(x, masked, law) for law in (p, q)]
    # A mask of probability u at level s, u = 1 - e^-s; its ratios are e^-s / u times the guesses.
    scores = [math.log((1 - u) / u) + g for g in guesses]
    rate = np.where(masked[:, None], np.ones((2, 3)), 0.0)
    value = score_entropy_divergence(*scores, rate, 1 / (1 - u))  # ds = du / (1 - u)
    expected = masked_divergence(guesses[1], guesses[0], masked, 1 / u)
    assert value == pytest.approx(float(expected), rel=1e-12)


# Masks


def masks(length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All masks but the empty one; their chance with a uniform number of places; the weight."""
    every = np.array(list(itertools.product([False, True], repeat=length)))[1:]
    size = every.sum(axis=-1)
    chance = np.array([1 / (length * math.comb(length, s)) for s in size])
    return every, chance, length / size


@given(SEEDS, st.integers(1, 4), st.integers(2, 3))
def test_masked_log_likelihood_is_exact_row_by_row(seed: int, length: int, k: int) -> None:
    pmf = random_pmf(seed, *(k,) * length)
    every, chance, weight = masks(length)
    assert chance.sum() == pytest.approx(1.0)
    x = sequences(length, k)
    symbols = np.broadcast_to(x[:, None], (x.shape[0], *every.shape))
    masked = np.broadcast_to(every, symbols.shape)
    guesses = masked_log_probabilities(symbols, masked, pmf)
    terms = masked_log_likelihood(guesses, symbols, masked, weight)
    np.testing.assert_allclose(terms @ chance, np.log(pmf.ravel()), atol=1e-10)
    assert -pmf.ravel() @ terms @ chance == pytest.approx(float(entropy(pmf.ravel())), abs=1e-10)
    # The same with places masked one by one: a polynomial in the rate, of degree L - 1.
    rates, weights = np.polynomial.legendre.leggauss(4)
    value = np.zeros(x.shape[0])
    for u, w in zip((rates + 1) / 2, weights / 2, strict=True):
        alone = np.prod(np.where(every, u, 1 - u), axis=-1)
        value += w * masked_log_likelihood(guesses, symbols, masked, 1 / u) @ alone
    np.testing.assert_allclose(value, np.log(pmf.ravel()), atol=1e-10)


def information(joint: np.ndarray, tilt: float = 0.0) -> tuple[np.ndarray, float, float, float]:
    """ln p(x|y) / p(x) of each row; the gap, the form inside and the joint form of I(X; Y).

    The last axis of `joint` is y. A tilt changes the logs of the guesses given y by at most that.
    """
    length, k = joint.ndim - 1, joint.shape[0]
    every, chance, weight = masks(length)
    rows = sequences(length + 1, k)
    symbols = np.broadcast_to(rows[:, None], (rows.shape[0], every.shape[0], length + 1))
    known_y = np.concatenate([every, np.zeros((every.shape[0], 1), dtype=bool)], axis=-1)
    x, masked = symbols[..., :-1], np.broadcast_to(every, symbols[..., :-1].shape)
    m = masked_log_probabilities(x, masked, joint.sum(axis=-1))
    c = masked_log_probabilities(symbols, np.broadcast_to(known_y, symbols.shape), joint)
    c = c[..., :-1, :] + tilt * np.sin(np.arange(k) + symbols[..., -1:])[..., None, :]
    c = c - np.log(np.sum(np.exp(c), axis=-1, keepdims=True))
    gap = masked_gap(m, c, x, masked, weight) @ chance
    inside = masked_divergence(m, c, masked, weight) @ chance

    every, chance, weight = masks(length + 1)
    both = np.broadcast_to(rows[:, None], (rows.shape[0], *every.shape))
    masked = np.broadcast_to(every, both.shape)
    together = masked_log_probabilities(both, masked, joint)
    apart = every.copy()
    apart[:, -1] = False
    x_guess = masked_log_probabilities(both, np.broadcast_to(apart, both.shape), joint)
    only_y = np.zeros_like(every)
    only_y[:, -1] = every[:, -1]
    y_guess = masked_log_probabilities(both, np.broadcast_to(only_y, both.shape), joint)
    sides = np.concatenate([x_guess[..., :-1, :], y_guess[..., -1:, :]], axis=-2)
    joint_gap = masked_gap(together, sides, both, masked, weight) @ chance
    p = joint.ravel()
    return gap, float(p @ gap), float(p @ inside), float(p @ joint_gap)


@given(SEEDS, st.integers(1, 2), st.integers(2, 3))
def test_masked_gap_is_the_log_ratio_row_by_row(seed: int, length: int, k: int) -> None:
    joint = random_pmf(seed, *(k,) * (length + 1))
    gap, *means = information(joint)
    x, y = joint.sum(axis=-1, keepdims=True), joint.sum(axis=tuple(range(length)))
    np.testing.assert_allclose(gap, np.log(joint / (x * y)).ravel(), atol=1e-10)
    exact = float(mutual_information(joint.reshape(-1, k)))
    np.testing.assert_allclose(means, exact, atol=1e-10)


def test_an_error_of_the_guesses_is_of_second_order_in_the_gap_alone() -> None:
    joint = random_pmf(5, 3, 3, 3)
    exact = float(mutual_information(joint.reshape(-1, 3)))
    errors = {t: np.array(information(joint, t)[1:3]) - exact for t in (-0.01, 0.01, 0.02)}
    assert all(e[0] < 0 for e in errors.values())  # a worse guess given y can only lower it
    # Twice the error: four times the loss. Both signs: nearly the same loss.
    assert errors[0.02][0] / errors[0.01][0] == pytest.approx(4, rel=0.05)
    assert errors[-0.01][0] == pytest.approx(errors[0.01][0], rel=0.1)
    assert errors[-0.01][1] * errors[0.01][1] < 0
    assert abs(errors[0.01][1]) > 5 * abs(errors[0.01][0])


def test_laws_with_impossible_symbols() -> None:
    pmf = np.array([[0.5, 0.0], [0.2, 0.3]])
    guesses = masked_log_probabilities(np.array([0, 0]), np.array([False, True]), pmf)
    assert guesses[1].tolist() == [0.0, -np.inf]
    masked = np.array([False, True])
    flat = np.log(np.full((2, 2), 0.5))
    assert masked_divergence(flat, guesses, masked, 1.0) == pytest.approx(math.log(2))
    assert masked_divergence(guesses, flat, masked, 1.0) == np.inf


@given(SEEDS, st.integers(1, 5))
def test_subsets_have_their_size_and_no_favourites(seed: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, length + 1, size=30)
    np.testing.assert_array_equal(subset_mask(rng.random((30, length)), sizes).sum(axis=-1), sizes)
    orders = np.array(list(itertools.permutations(range(length)))) / length
    size = int(sizes[0])
    found = np.unique(subset_mask(orders, size), axis=0, return_counts=True)[1]
    assert found.shape[0] == math.comb(length, size)
    assert np.all(found == found[0])


# Libraries and gradients


def test_libraries_and_dtypes(xp: Any) -> None:
    pmf, other = random_pmf(1, 3, 3), random_pmf(2, 3, 3)
    symbols, clean = sequences(2, 3), sequences(2, 3)[::-1].copy()
    rng = np.random.default_rng(3)
    level, masked = rng.uniform(0.1, 2, size=9), rng.random((9, 2)) < 0.5
    for dtype, rtol in (("float64", 1e-12), ("float32", 1e-4)):

        def floating(a: np.ndarray, name: str = dtype) -> Any:
            return xp.asarray(a, dtype=getattr(xp, name))

        def run(one: Any, integer: Any) -> list[Any]:
            s, t = one(level), integer(symbols)
            rate = uniform_rate(t, 3, like=s)
            scores = [uniform_log_score(t, s, one(law)) for law in (pmf, other)]
            ratio = uniform_log_ratio(t, integer(clean), s, 3)
            guesses = [masked_log_probabilities(t, integer(masked), one(a)) for a in (pmf, other)]
            return [
                *(uniform_transition(s, 3), absorbing_transition(s, 3), rate, ratio),
                *(*scores, *guesses),
                score_entropy(scores[0], ratio, rate, s),
                score_entropy_divergence(*scores, rate, s),
                masked_log_likelihood(guesses[0], t, integer(masked), s),
                masked_gap(*guesses, t, integer(masked), s),
                masked_divergence(*guesses, integer(masked), s),
            ]

        for value, expected in zip(
            run(floating, xp.asarray), run(np.asarray, np.asarray), strict=True
        ):
            assert value.dtype == getattr(xp, dtype)
            assert type(value) is type(xp.asarray(0.0))
            np.testing.assert_allclose(np.asarray(value), expected, rtol=rtol, atol=rtol)
    u = rng.random((4, 5))
    sizes = np.array([0, 1, 3, 5])
    mask = subset_mask(xp.asarray(u), xp.asarray(sizes))
    np.testing.assert_array_equal(np.asarray(mask), subset_mask(u, sizes))


def test_gradients() -> None:
    torch = pytest.importorskip("torch")
    symbols, clean = torch.tensor([[0, 1], [2, 2]]), torch.tensor([[0, 2], [2, 1]])
    masked = torch.tensor([[True, True], [False, True]])

    def leaf(values: Any) -> Any:
        return torch.tensor(np.asarray(values), dtype=torch.float64, requires_grad=True)

    level, pmf = leaf([0.3, 0.8]), leaf(random_pmf(1, 3, 3))
    first, second = (leaf(a) for a in np.random.default_rng(2).standard_normal((2, 2, 2, 3)))
    rate = uniform_rate(symbols, 3, like=level)

    def check(f: Any, *arguments: Any) -> None:
        assert torch.autograd.gradcheck(f, arguments)

    check(lambda s: uniform_transition(s, 3), level)
    check(lambda s: absorbing_transition(s, 3), level)
    check(lambda s: uniform_log_ratio(symbols, clean, s, 3), level)
    check(lambda s, p: uniform_log_score(symbols, s, p), level, pmf)
    check(lambda a, b, w: score_entropy(a, b, rate, w), first, second, level)
    check(lambda a, b, w: score_entropy_divergence(a, b, rate, w), first, second, level)
    check(lambda p: masked_log_probabilities(symbols, masked, p), pmf)
    check(lambda a, w: masked_log_likelihood(a, symbols, masked, w), first, level)
    check(lambda a, b, w: masked_gap(a, b, symbols, masked, w), first, second, level)
    check(lambda a, b, w: masked_divergence(a, b, masked, w), first, second, level)
    # A ratio of 0 leaves the score its gradient, and no nan.
    ratio = torch.full((2, 2, 3), -torch.inf, dtype=torch.float64)
    score_entropy(first, ratio, rate, 1.0).sum().backward()
    assert torch.allclose(first.grad, rate * torch.exp(first.detach()))
