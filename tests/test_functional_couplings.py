"""Couplings: exact ones against brute force, bounds, marginals, invariance, limits on the rate."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from infotheory.functional import (
    coupling_entropy_bound,
    entropy,
    entropy_bounded_information_maximization,
    minimum_entropy_coupling,
    minimum_entropy_coupling_with_bottleneck,
    mutual_information,
)
from infotheory.testing import pmfs

METHODS = ("greedy", "zero-seeking", "auto")
KINDS = ("majorise-profile", "profile", "majorisation")
BIT = math.log(2)
# Of the greedy coupling above the least entropy: arXiv:2302.11838.
EXCESS_OF_TWO = BIT * math.log2(math.e) / math.e
EXCESS_OF_ANY = BIT * (1 + math.log2(math.e)) / 2
# A law has at most a few hundred atoms here, each of which is cut some times at 2e-16.
EXACT = 1e-12

seeds = st.integers(0, 2**32 - 1)
each_method = pytest.mark.parametrize("method", METHODS)


def draw(seed, *sizes):
    """Laws of these sizes: sparse, uniform or nearly equal."""
    rng = np.random.default_rng(seed)
    return [rng.dirichlet(np.full(size, rng.choice([0.3, 1, 10]))) for size in sizes]


def north_west(p, q):
    """Cells of the coupling that follows both laws in descending order."""
    ends = np.sort([0.0, *np.cumsum(np.sort(p)[::-1]), *np.cumsum(np.sort(q)[::-1])])
    return np.diff(ends)


def marginals_of(coupling):
    return [
        np.bincount(coupling.indices[:, r], coupling.masses, minlength=size)
        for r, size in enumerate(coupling.shape)
    ]


def check_marginals(coupling, laws):
    for found, law in zip(marginals_of(coupling), laws, strict=True):
        np.testing.assert_allclose(found, law, rtol=0, atol=EXACT)


def least_entropy(*laws):
    """The least entropy among the vertices of the polytope of couplings: every basis is solved."""
    shape = tuple(len(law) for law in laws)
    cells = list(np.ndindex(shape))
    rows = np.array(
        [[cell[r] == i for cell in cells] for r, n in enumerate(shape) for i in range(n)], float
    )
    sums = np.concatenate(laws)
    rank = sum(shape) - len(shape) + 1
    least = math.inf
    for basis in combinations(range(len(cells)), rank):
        some = rows[:, basis]
        masses, _, found, _ = np.linalg.lstsq(some, sums, rcond=None)
        feasible = found == rank and masses.min() > -1e-12
        if feasible and np.abs(some @ masses - sums).max() < 1e-10:
            least = min(least, float(entropy(np.maximum(masses, 0))))
    return least


# Exact couplings


@pytest.mark.parametrize("sizes", [(2, 3), (3, 3), (3, 4), (2, 5), (2, 2, 2), (2, 2, 3)])
def test_exact_is_the_best_vertex(sizes):
    for seed in range(3):
        laws = draw(seed, *sizes)
        coupling = minimum_entropy_coupling(*laws, method="exact")
        assert coupling.entropy == pytest.approx(least_entropy(*laws), abs=1e-6)
        assert coupling.gap == 0
        check_marginals(coupling, laws)


@pytest.mark.slow
def test_exact_is_the_best_vertex_of_four_by_four():
    for seed in range(6):
        laws = draw(seed, 4, 4)
        coupling = minimum_entropy_coupling(*laws, method="exact")
        assert coupling.entropy == pytest.approx(least_entropy(*laws), abs=1e-6)


@pytest.mark.parametrize(
    ("p", "q", "least"),
    [
        # Each atom of one law is a sum of atoms of the other.
        ([0.5, 0.5], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2]),
        ([0.6, 0.4], [0.3, 0.3, 0.2, 0.1, 0.1], [0.3, 0.3, 0.2, 0.1, 0.1]),
        # Two halves and three thirds: the cells of any coupling are at most a third.
        ([1 / 2] * 2, [1 / 3] * 3, [1 / 3, 1 / 3, 1 / 6, 1 / 6]),
        # Max-seeking takes .4 from .6, which two times .3 make up, and ends with four cells.
        ([0.6, 0.4], [0.4, 0.3, 0.3], [0.4, 0.3, 0.3]),
    ],
)
def test_known_couplings(p, q, least):
    coupling = minimum_entropy_coupling(np.array(p), np.array(q), method="exact")
    np.testing.assert_allclose(coupling.masses, least, atol=EXACT)
    assert coupling.entropy == pytest.approx(entropy(np.array(least)), abs=EXACT)


@given(seeds, st.integers(2, 7), st.integers(2, 7))
def test_exact_lies_between_the_bound_and_every_other(seed, n, m):
    p, q = draw(seed, n, m)
    exact = minimum_entropy_coupling(p, q, method="exact")
    assert exact.entropy >= coupling_entropy_bound(p, q) - EXACT
    for method in ("greedy", "zero-seeking"):
        other = minimum_entropy_coupling(p, q, method=method)
        assert exact.entropy <= other.entropy + EXACT
        assert other.lower_bound <= exact.entropy + EXACT
    excess = minimum_entropy_coupling(p, q, method="greedy").entropy - exact.entropy
    assert excess <= EXCESS_OF_TWO


@given(seeds)
@settings(max_examples=20)
def test_three_marginals(seed):
    laws = draw(seed, 2, 3, 2)
    exact = minimum_entropy_coupling(*laws, method="exact")
    greedy = minimum_entropy_coupling(*laws, method="greedy")
    assert coupling_entropy_bound(*laws) - EXACT <= exact.entropy <= greedy.entropy + EXACT
    assert greedy.entropy - exact.entropy <= EXCESS_OF_ANY


# Bounds


@given(seeds, st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_the_combined_bound_is_the_largest(seed, sizes):
    laws = draw(seed, *sizes)
    combined, profile, majorisation = (coupling_entropy_bound(*laws, kind=k) for k in KINDS)
    assert combined >= max(profile, majorisation) - EXACT
    assert majorisation >= max(float(entropy(p)) for p in laws) - EXACT
    coupling = minimum_entropy_coupling(*laws)
    assert coupling.gap >= -EXACT
    assert combined <= coupling.entropy + EXACT


@given(pmfs(max_size=8))
def test_the_bounds_of_one_law_are_its_entropy(p):
    for kind in ("majorise-profile", "profile", "majorisation"):
        assert coupling_entropy_bound(p, kind=kind) == pytest.approx(float(entropy(p)), abs=EXACT)
        assert coupling_entropy_bound(p, p, kind=kind) == pytest.approx(
            float(entropy(p)), abs=EXACT
        )


def test_bounds_by_hand():
    # Sums of the largest: .5 .9 1 against .6 .8 1, so .5 .3 .2. Sizes at quantiles: .1 to .1,
    # .2 to .4, .4 to .5 and .5 above. Largest cells: .5, then .2, .2 and .1.
    p, q = np.array([0.5, 0.4, 0.1]), np.array([0.6, 0.2, 0.2])
    majorisation = float(entropy(np.array([0.5, 0.3, 0.2])))
    profile = -(0.1 * math.log(0.1) + 0.3 * math.log(0.2) + 0.1 * math.log(0.4))
    profile -= 0.5 * math.log(0.5)
    combined = float(entropy(np.array([0.5, 0.2, 0.2, 0.1])))
    expected = [combined, profile, majorisation]
    found = [coupling_entropy_bound(p, q, kind=kind) for kind in KINDS]
    np.testing.assert_allclose(found, expected, atol=EXACT)


# Greedy couplings


@given(seeds, st.lists(st.integers(1, 40), min_size=2, max_size=4), st.sampled_from(METHODS))
def test_marginals_and_size(seed, sizes, method):
    laws = draw(seed, *sizes)
    coupling = minimum_entropy_coupling(*laws, method=method)
    check_marginals(coupling, laws)
    assert coupling.shape == tuple(sizes)
    assert len(coupling.masses) <= sum(sizes) - len(sizes) + 1
    assert coupling.entropy == pytest.approx(float(entropy(coupling.masses)), abs=EXACT)
    assert np.all(np.diff(coupling.masses) <= 0)


@each_method
@given(seeds)
@settings(max_examples=20)
def test_order_and_atoms_of_probability_zero_change_nothing(method, seed):
    rng = np.random.default_rng(seed)
    p, q = draw(seed, 6, 9)
    plain = minimum_entropy_coupling(p, q, method=method)
    wide = np.zeros(12)
    places = rng.permutation(12)[:9]
    wide[places] = q
    order = rng.permutation(6)
    other = minimum_entropy_coupling(wide, p[order], method=method)
    assert other.entropy == pytest.approx(plain.entropy, abs=EXACT)
    assert other.lower_bound == pytest.approx(plain.lower_bound, abs=EXACT)
    check_marginals(other, [wide, p[order]])


@each_method
@given(seeds, st.integers(1, 60), st.integers(1, 4))
@settings(max_examples=20)
def test_a_law_with_itself_has_its_own_entropy(method, seed, n, copies):
    (p,) = draw(seed, n)
    rng = np.random.default_rng(seed)
    coupling = minimum_entropy_coupling(*(rng.permutation(p) for _ in range(copies)), method=method)
    assert coupling.entropy == pytest.approx(float(entropy(p)), abs=EXACT)
    assert coupling.gap == pytest.approx(0, abs=EXACT)


@given(seeds, st.integers(2, 30), st.integers(2, 30))
def test_better_than_following_both_laws_in_order(seed, n, m):
    p, q = draw(seed, n, m)
    cells = north_west(p, q)
    in_order = float(entropy(cells[cells > 0]))
    assert minimum_entropy_coupling(p, q).entropy <= in_order + EXACT


def test_pairs_of_fifty_atoms():
    gaps, greedy_gaps = [], []
    for seed in range(25):
        p, q = np.random.default_rng(seed).dirichlet(np.ones(50), 2)
        coupling = minimum_entropy_coupling(p, q)
        gaps.append(coupling.gap / BIT)
        greedy = minimum_entropy_coupling(p, q, method="greedy")
        greedy_gaps.append(greedy.gap / BIT)
        assert coupling.entropy <= greedy.entropy
    assert np.mean(gaps) < 0.1
    # The guarantee is to the least entropy; here even the bound below it is as near.
    assert max(greedy_gaps) <= EXCESS_OF_TWO / BIT


def test_ten_thousand_atoms():
    p, q = np.random.default_rng(0).dirichlet(np.ones(10_000), 2)
    coupling = minimum_entropy_coupling(p, q)
    check_marginals(coupling, [p, q])
    assert coupling.gap < 0.02


def test_many_marginals_stay_sparse():
    laws = list(np.random.default_rng(0).dirichlet(np.ones(50), 8))
    coupling = minimum_entropy_coupling(*laws)
    assert coupling.shape == (50,) * 8
    assert len(coupling.masses) <= 8 * 49 + 1
    assert coupling.gap <= EXCESS_OF_ANY
    check_marginals(coupling, laws)
    with pytest.raises(MemoryError, match="indices and masses"):
        _ = coupling.plan


def test_the_plan_of_three():
    laws = draw(3, 2, 3, 4)
    plan = minimum_entropy_coupling(*laws).plan
    for r, law in enumerate(laws):
        others = tuple(i for i in range(3) if i != r)
        np.testing.assert_allclose(plan.sum(axis=others), law, atol=EXACT)


def test_sums_that_rounding_hides():
    # .1 + .2 is not .3 in floating point; the remainder is no atom.
    for method in METHODS:
        coupling = minimum_entropy_coupling(
            np.array([0.3, 0.7]), np.array([0.1, 0.2, 0.7]), method=method
        )
        assert len(coupling.masses) == 3


# A limit on the rate


def binary_entropy(q):
    return -q * math.log(q) - (1 - q) * math.log1p(-q)


@given(seeds, st.integers(2, 40), st.floats(0, 1))
def test_information_under_a_rate(seed, n, share):
    (p,) = draw(seed, n)
    rate = share * float(entropy(p))
    channel = entropy_bounded_information_maximization(p, rate)
    joint = channel.joint
    np.testing.assert_allclose(joint.sum(axis=1), p, rtol=0, atol=EXACT)
    assert channel.information == pytest.approx(float(mutual_information(joint)), abs=1e-11)
    assert channel.entropy == pytest.approx(float(entropy(joint.sum(axis=0))), abs=EXACT)
    assert channel.entropy <= rate + EXACT
    assert channel.gap >= 0
    assert channel.gap <= binary_entropy(np.sort(p)[-2]) + EXACT


@pytest.mark.parametrize("blocks", [(0, 0, 1), (0, 1, 0), (0, 1, 1)])
def test_the_rate_of_a_function_is_used_up(blocks):
    p = np.array([0.7, 0.2, 0.1])
    rate = float(entropy(np.bincount(blocks, p)))
    channel = entropy_bounded_information_maximization(p, rate)
    assert channel.information == pytest.approx(rate, abs=EXACT)
    assert len(channel.masses) == 3


def best_channel(p, rate, n_starts=15):
    """By sequential quadratic programming from random channels."""
    n, rng = len(p), np.random.default_rng(0)

    def law(w):
        return p[:, None] * np.abs(w).reshape(n, n)

    limits = [
        {"type": "ineq", "fun": lambda w: rate - float(entropy(law(w).sum(axis=0)))},
        {"type": "eq", "fun": lambda w: w.reshape(n, n).sum(axis=1) - 1},
    ]
    best = 0.0
    for _ in range(n_starts):
        start = rng.dirichlet(np.full(n, rng.choice([0.1, 0.5, 1])), n).ravel()
        end = minimize(
            lambda w: -float(mutual_information(law(w))),
            start,
            bounds=[(0, 1)] * n * n,
            constraints=limits,
            method="SLSQP",
            options={"maxiter": 200},
        ).x
        channel = np.clip(end, 0, 1).reshape(n, n)
        channel /= channel.sum(axis=1, keepdims=True)
        if float(entropy(p @ channel)) <= rate + 1e-6:
            best = max(best, float(mutual_information(law(channel))))
    return best


@pytest.mark.parametrize(
    "rate",
    [0.1, 0.75, *(pytest.param(rate, marks=pytest.mark.slow) for rate in (0.4, 0.55))],
)
def test_the_best_channel_of_three_outcomes(rate):
    # The optimiser may exceed the rate by 1e-6 and stops within about as much of the optimum.
    p = np.array([0.7, 0.2, 0.1])
    channel = entropy_bounded_information_maximization(p, rate)
    assert channel.information == pytest.approx(best_channel(p, rate), abs=1e-5)


def test_edges_of_the_rate():
    p = np.array([0.0, 0.5, 0.3, 0.2])
    nothing = entropy_bounded_information_maximization(p, 0.0)
    assert nothing.shape == (4, 1)
    assert nothing.information == pytest.approx(0, abs=EXACT)
    half = entropy_bounded_information_maximization(p, BIT)
    assert half.joint.tolist() == [[0, 0], [0.5, 0], [0, 0.3], [0, 0.2]]
    for rate in (float(entropy(p)), 5.0, math.inf):
        everything = entropy_bounded_information_maximization(p, rate)
        assert everything.information == pytest.approx(float(entropy(p)), abs=EXACT)
        assert everything.gap == pytest.approx(0, abs=EXACT)
    certain = entropy_bounded_information_maximization(np.array([1.0]), 0.5)
    assert certain.information == 0


@given(seeds, st.integers(1, 12), st.integers(1, 12), st.floats(0, 2.5))
def test_bottleneck(seed, n, m, rate):
    p, q = draw(seed, n, m)
    coupling = minimum_entropy_coupling_with_bottleneck(p, q, rate)
    check_marginals(coupling, [p, q])
    encoder, decoder = coupling.encoder.joint, coupling.decoder.joint
    t = decoder.sum(axis=1)
    np.testing.assert_allclose(encoder.sum(axis=0), t, atol=EXACT)
    np.testing.assert_allclose(encoder / t @ decoder, coupling.plan, atol=EXACT)
    assert coupling.entropy == pytest.approx(float(entropy(t)), abs=EXACT)
    assert coupling.entropy <= rate + EXACT
    value = float(mutual_information(coupling.plan))
    assert coupling.information == pytest.approx(value, abs=1e-11)
    halves = float(mutual_information(encoder)) + float(mutual_information(decoder))
    assert value >= halves - rate - 1e-11
    assert value >= coupling.lower_bound - 1e-11
    assert coupling.lower_bound >= halves - coupling.entropy - 1e-11
    assert coupling.gap >= 0


def test_no_bottleneck_is_the_coupling_of_least_entropy():
    p, q = draw(5, 4, 5)
    free = minimum_entropy_coupling_with_bottleneck(p, q, math.inf)
    least = minimum_entropy_coupling(p, q).entropy
    assert free.information == pytest.approx(float(entropy(p) + entropy(q)) - least, abs=EXACT)
    assert minimum_entropy_coupling_with_bottleneck(p, q, 0.0).plan == pytest.approx(np.outer(p, q))


# Arrays and bad input


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch(dtype):
    p = torch.tensor([0.5, 0.3, 0.2], dtype=dtype, requires_grad=True)
    q = torch.tensor([0.4, 0.35, 0.25], dtype=dtype)
    for found in (
        minimum_entropy_coupling(p, q),
        entropy_bounded_information_maximization(p, 0.8),
        minimum_entropy_coupling_with_bottleneck(p, q, 0.8),
    ):
        assert found.masses.dtype == found.joint.dtype == dtype
        assert found.indices.dtype == torch.int64
        assert not found.masses.requires_grad
        rows = found.joint.sum(dim=1)
        torch.testing.assert_close(rows, p.detach(), rtol=0, atol=4 * torch.finfo(dtype).eps)


def test_array_libraries(xp):
    p, q = xp.asarray([0.5, 0.3, 0.2]), xp.asarray([0.6, 0.4])
    coupling = minimum_entropy_coupling(p, q, method="zero-seeking")
    assert coupling.plan.shape == (3, 2)
    assert coupling.plan.dtype == p.dtype
    assert type(coupling.plan) is type(coupling.masses) is type(p)


GOOD = np.array([0.5, 0.5])
BAD = {
    "negative": ([1.5, -0.5], r"must be non-negative, got -0.5 at index 1"),
    "sum": ([0.5, 0.4], r"must sum to 1 within 1.5e-08, got a sum of 0.9"),
    "nan": ([0.5, math.nan], r"must be finite, got nan at index 1"),
    "infinite": ([0.5, math.inf], r"must be finite, got inf at index 1"),
    "empty": ([], r"at least one entry, got shape \(0,\)"),
    "table": ([[0.5, 0.5]], r"must have one axis .* got shape \(1, 2\)"),
}
CALLS = {
    "marginals[1]": lambda p: minimum_entropy_coupling(GOOD, p),
    "marginals[0]": lambda p: coupling_entropy_bound(p, GOOD),
    "p_x": lambda p: entropy_bounded_information_maximization(p, 1.0),
    "p_y": lambda p: minimum_entropy_coupling_with_bottleneck(GOOD, p, 1.0),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("fault", BAD)
def test_bad_laws(name, fault):
    values, message = BAD[fault]
    with pytest.raises(ValueError, match=message) as caught:
        CALLS[name](np.array(values))
    assert str(caught.value).startswith(name)


def test_other_bad_arguments():
    with pytest.raises(ValueError, match="marginals must be at least one array, got none"):
        minimum_entropy_coupling()
    with pytest.raises(ValueError, match="marginals must be at least one array, got none"):
        coupling_entropy_bound()
    with pytest.raises(TypeError, match=r"marginals\[0\] must be an array .* got list"):
        minimum_entropy_coupling([0.5, 0.5])
    with pytest.raises(TypeError, match=r"real numbers, got dtype complex"):
        minimum_entropy_coupling(GOOD.astype(complex))
    with pytest.raises(ValueError, match=r"method must be one of 'auto', 'exact'.* got 'best'"):
        minimum_entropy_coupling(GOOD, method="best")
    with pytest.raises(ValueError, match="kind must be one of"):
        coupling_entropy_bound(GOOD, kind="best")
    for rate in (-0.1, math.nan):
        with pytest.raises(ValueError, match="rate must be at least 0 nats, got"):
            entropy_bounded_information_maximization(GOOD, rate)
        with pytest.raises(ValueError, match="rate must be at least 0 nats, got"):
            minimum_entropy_coupling_with_bottleneck(GOOD, GOOD, rate)


def test_exact_has_a_limit():
    with pytest.raises(ValueError, match=r"at most 20 positive atoms .* got 24. Use method 'auto'"):
        minimum_entropy_coupling(*draw(0, 12, 12), method="exact")
    with pytest.raises(ValueError, match=r"at most 100000 bases .* got 888030"):
        minimum_entropy_coupling(*draw(0, 3, 3, 3), method="exact")


def test_a_search_that_does_not_end(monkeypatch):
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.full(3, 1e3)), rng.dirichlet(np.full(11, 1e3))
    coupling = minimum_entropy_coupling(p, q)
    assert coupling.method != "exact"
    assert coupling.gap > 0
    check_marginals(coupling, [p, q])
    monkeypatch.setattr("infotheory.functional._coupling._MOST", 2000)
    with pytest.raises(RuntimeError, match=r"not done after 2000 branches,.* Use method 'auto'"):
        minimum_entropy_coupling(p, q, method="exact")


def test_weights_of_single_precision():
    p = np.full(3, 1 / 3, np.float32)
    coupling = minimum_entropy_coupling(p, p)
    assert coupling.masses.dtype == np.float32
    assert coupling.entropy == pytest.approx(math.log(3), abs=1e-6)
