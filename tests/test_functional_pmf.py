"""Entropies and divergences of known pmfs: definitions, laws, edges and gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from infotheory.functional import (
    alpha_divergence,
    chi2_divergence,
    conditional_entropy,
    conditional_mutual_information,
    cross_entropy,
    entropy,
    hellinger_divergence,
    jeffreys_divergence,
    js_divergence,
    kl_divergence,
    mutual_information,
    renyi_divergence,
    renyi_entropy,
    total_variation,
    tsallis_divergence,
    tsallis_entropy,
)
from infotheory.testing import joint_pmfs, pmfs

ORDERS = (0.0, 0.3, 0.5, 0.95, 1 - 1e-9, 1.0, 1 + 1e-9, 1.05, 2.0, 5.0, math.inf)

ENTROPIES: dict[str, Callable[[Any], Any]] = {
    "entropy": entropy,
    **{f"renyi-{a}": partial(renyi_entropy, order=a) for a in ORDERS},
    **{f"tsallis-{a}": partial(tsallis_entropy, order=a) for a in ORDERS},
}
DIVERGENCES: dict[str, Callable[[Any, Any], Any]] = {
    "kl": kl_divergence,
    "jeffreys": jeffreys_divergence,
    "js": js_divergence,
    "js-0.2": partial(js_divergence, weight=0.2),
    "hellinger": hellinger_divergence,
    "chi2": chi2_divergence,
    "tv": total_variation,
    **{f"renyi-{a}": partial(renyi_divergence, order=a) for a in ORDERS},
    **{f"tsallis-{a}": partial(tsallis_divergence, order=a) for a in ORDERS},
    **{f"alpha-{a}": partial(alpha_divergence, order=a) for a in (-math.inf, -1.0, *ORDERS)},
}
PAIRS = {**DIVERGENCES, "cross-entropy": cross_entropy}

# Rounding of a sum of k <= 8 logs of size up to 200, divided by an order's distance from 1 of
# 0.1 or more (nearer ones lose nothing): 8 * 200 * 2.2e-16 / 0.1 = 4e-12.
ATOL = 1e-11
RTOL = 1e-10

each_entropy = pytest.mark.parametrize("f", ENTROPIES.values(), ids=ENTROPIES)
each_divergence = pytest.mark.parametrize("f", DIVERGENCES.values(), ids=DIVERGENCES)
each_pair = pytest.mark.parametrize("f", PAIRS.values(), ids=PAIRS)


def close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=RTOL, atol=ATOL)


@st.composite
def pmf_pairs(draw: Any, *, zeros: bool = False) -> tuple[np.ndarray, np.ndarray]:
    k = draw(st.integers(1, 8))
    law = pmfs(min_size=k, max_size=k, zeros=zeros)
    return draw(law), draw(law)


# Definitions


@given(pmf_pairs())
def test_definitions(pair: tuple[np.ndarray, np.ndarray]) -> None:
    p, q = pair
    m = 0.2 * p + 0.8 * q
    close(cross_entropy(p, q), -np.sum(p * np.log(q)))
    close(js_divergence(p, q, weight=0.2), 0.2 * kl_divergence(p, m) + 0.8 * kl_divergence(q, m))
    close(hellinger_divergence(p, q), 1 - np.sum(np.sqrt(p * q)))
    close(chi2_divergence(p, q), np.sum(p**2 / q) - 1)
    close(total_variation(p, q), np.sum(np.maximum(p - q, 0)))
    for a in (0.3, 0.5, 2.0, 3.0):
        powers = np.sum(p**a * q ** (1 - a))
        close(renyi_divergence(p, q, a), np.log(powers) / (a - 1))
        close(tsallis_divergence(p, q, a), (powers - 1) / (a - 1))
        close(alpha_divergence(p, q, a), (1 - powers) / (a * (1 - a)))
        close(renyi_entropy(p, a), np.log(np.sum(p**a)) / (1 - a))
        close(tsallis_entropy(p, a), (1 - np.sum(p**a)) / (a - 1))


@given(pmf_pairs(zeros=True))
def test_scipy_agrees(pair: tuple[np.ndarray, np.ndarray]) -> None:
    p, q = pair
    close(entropy(p), scipy.stats.entropy(p))
    close(kl_divergence(p, q), scipy.stats.entropy(p, q))
    both_ways = scipy.stats.entropy(p, q) + scipy.stats.entropy(q, p)
    close(jeffreys_divergence(p, q), both_ways)
    close(js_divergence(p, q), scipy.spatial.distance.jensenshannon(p, q) ** 2)


@given(pmf_pairs(zeros=True))
def test_limits_of_the_order(pair: tuple[np.ndarray, np.ndarray]) -> None:
    p, q = pair
    close(renyi_entropy(p, 0), np.log(np.count_nonzero(p)))
    close(tsallis_entropy(p, 0), np.count_nonzero(p) - 1)
    close(renyi_entropy(p, math.inf), -np.log(p.max()))
    assert tsallis_entropy(p, math.inf) == 0
    for f in (renyi_entropy, tsallis_entropy):
        assert f(p, 1) == entropy(p)
    on_support = q[p > 0].sum()
    close(np.exp(-renyi_divergence(p, q, 0)), on_support)
    close(tsallis_divergence(p, q, 0), 1 - on_support)
    escapes = np.any((p > 0) & (q == 0))
    ratio = np.inf if escapes else np.max(p[p > 0] / q[p > 0])
    close(renyi_divergence(p, q, math.inf), np.log(ratio))
    assert tsallis_divergence(p, q, math.inf) == (0 if np.array_equal(p, q) else math.inf)
    for f in (renyi_divergence, tsallis_divergence, alpha_divergence):
        assert f(p, q, 1) == kl_divergence(p, q)
        assert f(p, p, math.inf) == 0
    assert alpha_divergence(p, q, 0) == kl_divergence(q, p)


@pytest.mark.parametrize("step", [1e-12, 1e-9, 1e-6, 1e-3, 0.0999, 0.1001, 0.5])
@pytest.mark.parametrize("sign", [-1, 1])
def test_orders_next_to_one_lose_no_digits(sign: int, step: float) -> None:
    """Against 50 digits, at laws whose cells are exact and of sum exactly 1."""
    order = 1 + sign * step
    p, q = np.array([8, 4, 3, 1]) / 16, np.array([1, 3, 6, 6]) / 16
    with localcontext(prec=50):
        a = Decimal(order)
        pairs = [(Decimal(float(x)), Decimal(float(y))) for x, y in zip(p, q, strict=True)]
        own = sum(x**a for x, _ in pairs)
        cross = sum(x**a * y ** (1 - a) for x, y in pairs)
        expected = [
            float(own.ln() / (1 - a)),
            float((1 - own) / (a - 1)),
            float(cross.ln() / (a - 1)),
            float((cross - 1) / (a - 1)),
            float((1 - cross) / (a * (1 - a))),
        ]
    actual = [
        renyi_entropy(p, order),
        tsallis_entropy(p, order),
        renyi_divergence(p, q, order),
        tsallis_divergence(p, q, order),
        alpha_divergence(p, q, order),
    ]
    np.testing.assert_allclose(actual, expected, rtol=1e-14 if step < 0.1 else 1e-13)


def test_order_next_to_one_of_laws_that_hardly_meet() -> None:
    p, q = np.array([1.0, 1e-20]), np.array([0.0, 1.0])
    close(renyi_divergence(p, q, 0.95), 0.95 * math.log(1e-20) / -0.05)


@given(pmf_pairs())
def test_relations_between_kinds(pair: tuple[np.ndarray, np.ndarray]) -> None:
    p, q = pair
    close(alpha_divergence(p, q, 0.5), 4 * hellinger_divergence(p, q))
    close(alpha_divergence(p, q, 2), chi2_divergence(p, q) / 2)
    close(alpha_divergence(p, q, -1), chi2_divergence(q, p) / 2)
    close(alpha_divergence(p, q, 0.3), alpha_divergence(q, p, 0.7))
    close(tsallis_divergence(p, q, 2), chi2_divergence(p, q))
    close(renyi_divergence(p, q, 2), np.log1p(chi2_divergence(p, q)))
    close(cross_entropy(p, q), entropy(p) + kl_divergence(p, q))
    close(js_divergence(p, q), js_divergence(q, p))


# Laws


@each_divergence
@settings(max_examples=25)
@given(pair=pmf_pairs(zeros=True), seed=st.integers(0, 2**32 - 1), m=st.integers(1, 5))
def test_a_divergence_is_zero_at_equality_and_falls_under_stochastic_maps(
    f: Callable[..., Any], pair: tuple[np.ndarray, np.ndarray], seed: int, m: int
) -> None:
    p, q = pair
    assert abs(f(p, p)) <= ATOL
    assert f(p, q) >= -ATOL
    channel = np.random.default_rng(seed).dirichlet(np.ones(m), size=p.size)
    if f in (DIVERGENCES["tsallis-inf"], DIVERGENCES["alpha-inf"], DIVERGENCES["alpha--inf"]):
        return  # rounding makes equal outputs unequal, and then the answer is infinite
    before, after = f(p, q), f(p @ channel, q @ channel)
    assert after <= before * (1 + RTOL) + ATOL


@given(pmf_pairs(zeros=True))
def test_bounds(pair: tuple[np.ndarray, np.ndarray]) -> None:
    p, q = pair
    distance, kl = total_variation(p, q), kl_divergence(p, q)
    assert kl >= 2 * distance**2 - ATOL  # Pinsker
    if distance > 1e-5:
        assert kl > 0
    assert js_divergence(p, q) <= math.log(2) + ATOL
    assert js_divergence(p, q, weight=0.2) <= entropy(np.array([0.2, 0.8])) + ATOL
    squared = hellinger_divergence(p, q)
    assert squared <= distance + ATOL <= np.sqrt(2 * squared) + 2e-5
    assert -ATOL <= entropy(p) <= math.log(p.size) + ATOL
    by_order = np.array([renyi_divergence(p, q, a) for a in ORDERS])
    assert np.all(by_order[:-1] <= by_order[1:] * (1 + RTOL) + ATOL)
    by_order = np.array([renyi_entropy(p, a) for a in ORDERS])
    assert np.all(by_order[1:] <= by_order[:-1] + ATOL)


@given(pmf_pairs(zeros=True), pmf_pairs(zeros=True), st.sampled_from(ORDERS[:-1]))
def test_products(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray], order: float
) -> None:
    p, q = (np.outer(a, b).ravel() for a, b in zip(first, second, strict=True))
    close(renyi_entropy(p, order), sum(renyi_entropy(a, order) for a, _ in (first, second)))
    close(renyi_divergence(p, q, order), sum(renyi_divergence(*x, order) for x in (first, second)))
    a, b = (tsallis_entropy(x, order) for x, _ in (first, second))
    close(tsallis_entropy(p, order), a + b + (1 - order) * a * b)
    a, b = (tsallis_divergence(*x, order) for x in (first, second))
    if np.isfinite([a, b]).all():
        close(tsallis_divergence(p, q, order), a + b + (order - 1) * a * b)


@given(joint_pmfs(zeros=True))
def test_two_variables(pxy: np.ndarray) -> None:
    x, y = pxy.sum(axis=1), pxy.sum(axis=0)
    given_x = sum(mass * entropy(row / mass) for mass, row in zip(x, pxy, strict=True) if mass > 0)
    close(conditional_entropy(pxy.T), given_x)
    close(entropy(pxy.ravel()), entropy(x) + given_x)
    information = mutual_information(pxy)
    close(information, kl_divergence(pxy.ravel(), np.outer(x, y).ravel()))
    close(information, entropy(x) - conditional_entropy(pxy))
    assert -ATOL <= information <= min(entropy(x), entropy(y)) + ATOL


@given(joint_pmfs(st.tuples(*[st.integers(1, 4)] * 3), zeros=True))
def test_three_variables(pxyz: np.ndarray) -> None:
    k = len(pxyz)
    z = pxyz.sum(axis=(0, 1))
    value = conditional_mutual_information(pxyz)
    by_z = sum(m * mutual_information(pxyz[..., j] / m) for j, m in enumerate(z) if m > 0)
    close(value, by_z)
    close(mutual_information(pxyz.reshape(k, -1)), mutual_information(pxyz.sum(axis=1)) + value)
    assert value >= -ATOL


# Libraries, types and shapes


LAWS = np.random.default_rng(0).dirichlet(np.ones(6), size=(2, 3))


@each_pair
def test_pairs_batch_in_every_library(xp: Any, f: Callable[..., Any]) -> None:
    p, q = LAWS, LAWS[::-1].copy()  # Torch reads no negative strides
    expected = np.array([[f(p[i, j], q[i, j]) for j in range(3)] for i in range(2)])
    values = f(xp.asarray(p, dtype=xp.float64), xp.asarray(q, dtype=xp.float64))
    assert isinstance(values, type(xp.zeros(1)))
    assert values.dtype == xp.float64
    np.testing.assert_allclose(np.asarray(values), expected, rtol=1e-12, atol=1e-13)
    assert f(*(xp.asarray(x, dtype=xp.float32) for x in (p, q))).dtype == xp.float32
    broadcast = f(xp.asarray(p[0, 0], dtype=xp.float64), xp.asarray(q, dtype=xp.float64))
    assert broadcast.shape == (2, 3)
    np.testing.assert_allclose(np.asarray(broadcast[0, 0]), expected[0, 0], rtol=1e-12, atol=1e-13)


@each_entropy
def test_entropies_batch_in_every_library(xp: Any, f: Callable[..., Any]) -> None:
    expected = np.array([[f(p) for p in row] for row in LAWS])
    values = f(xp.asarray(LAWS, dtype=xp.float64))
    assert values.dtype == xp.float64
    np.testing.assert_allclose(np.asarray(values), expected, rtol=1e-12, atol=1e-13)
    assert f(xp.asarray(LAWS, dtype=xp.float32)).dtype == xp.float32


@pytest.mark.parametrize(
    ("f", "shape"),
    [
        (conditional_entropy, (3, 4)),
        (mutual_information, (3, 4)),
        (conditional_mutual_information, (3, 2, 2)),
    ],
)
def test_joint_laws_batch_in_every_library(
    xp: Any, f: Callable[..., Any], shape: tuple[int, ...]
) -> None:
    joint = np.random.default_rng(1).dirichlet(np.ones(12), size=4).reshape(4, *shape)
    expected = [f(p) for p in joint]
    values = f(xp.asarray(joint, dtype=xp.float64))
    assert values.dtype == xp.float64
    np.testing.assert_allclose(np.asarray(values), expected, rtol=1e-12, atol=1e-13)
    assert f(xp.asarray(joint, dtype=xp.float32)).dtype == xp.float32
