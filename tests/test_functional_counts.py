"""Discrete entropy from counts: published values, independent computations, laws."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from infotheory.functional._counts import (
    METHODS,
    discrete_entropy,
    discrete_entropy_jackknife,
    discrete_entropy_standard_error,
    entropy_of_frequencies,
    leave_one_out_of_frequencies,
)
from infotheory.functional._frequencies import _log_tail, frequency_table

NINE = np.array([1, 2, 3, 2, 1])
NDD = np.array([4, 12, 4, 5, 3, 1, 5, 1, 2, 2, 2, 2, 11, 3, 4, 12, 12, 1, 2])

PUBLISHED = [
    ("plugin", {}, 1.522955),
    ("miller-madow", {}, 1.745177),
    ("jackknife", {}, 1.886844),
    ("grassberger", {}, 1.912032),
    ("chao-shen", {}, 1.876548),
    ("chao-wang-jost", {}, 1.847870),
    ("zhang", {}, 1.773413),
    ("shrinkage", {}, 1.609438),
    ("dirichlet", {"pseudocount": 1.0}, 1.574097),
    ("dirichlet", {}, 1.574097),
    ("dirichlet", {"pseudocount": 0.5}, 1.556911),
    ("dirichlet", {"pseudocount": 3 / 5}, 1.561237),
    ("dirichlet", {"pseudocount": 0.2}, 1.539698),
    ("dirichlet", {"pseudocount": 3.0}, 1.597417),
    ("nsb", {}, 1.509006),
    ("nsb", {"n_categories": 5}, 1.509006),
]

counts_lists = st.lists(st.integers(0, 12), min_size=1, max_size=12).filter(any)
methods = st.sampled_from(METHODS)


def seeded_counts(seed: int, n_categories: int = 30, n: int = 60) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.multinomial(n, rng.dirichlet(np.full(n_categories, 0.5)))


# ---------------------------------------------------------------- published values


@pytest.mark.parametrize(("method", "options", "expected"), PUBLISHED)
def test_published_values(method: str, options: dict[str, Any], expected: float) -> None:
    value = discrete_entropy(NINE, method=method, **options)
    assert value == pytest.approx(expected, abs=6e-7)


def test_published_chao_wang_jost() -> None:
    assert discrete_entropy(np.array([1, 1, 1, 2, 2, 3, 5, 8])) == pytest.approx(2.028597, abs=6e-7)


def test_published_nsb_with_100_categories() -> None:
    # The published quadrature is good to 1e-5.
    value = discrete_entropy(NDD, method="nsb", n_categories=100)
    assert value == pytest.approx(2.806092, abs=2e-5)


# ---------------------------------------------------------------- independent computations


def digamma_of_integer(n: int) -> float:
    return -float(np.euler_gamma) + math.fsum(1.0 / k for k in range(1, n))


def grassberger_by_recursion(counts: list[int]) -> float:
    g = [0.0, -np.euler_gamma - math.log(2), 2.0 - np.euler_gamma - math.log(2)]
    while len(g) <= max(counts):
        k = len(g)
        g.append(g[k - 1] if k % 2 else g[k - 2] + 2.0 / (k - 1))
    n = sum(counts)
    return math.log(n) - math.fsum(c * g[c] for c in counts if c) / n


def zhang_by_sum(counts: list[int]) -> float:
    """Zhang's series over the products of the chances to miss a category in k further draws."""
    n, total = sum(counts), 0.0
    for c in filter(None, counts):
        product = 1.0
        for k in range(1, n - c + 1):
            product *= 1.0 - (c - 1) / (n - k)
            total += c / n * product / k
    return total


def chao_wang_jost_by_sum(counts: list[int]) -> float:
    counts = [c for c in counts if c]
    n, once, twice = sum(counts), counts.count(1), counts.count(2)
    seen = math.fsum(c / n * (digamma_of_integer(n) - digamma_of_integer(c)) for c in counts)
    if once == 0:
        return seen
    with mpmath.workdps(60):
        if twice:
            a = mpmath.mpf(2 * twice) / ((n - 1) * once + 2 * twice)
        else:
            a = mpmath.mpf(2) / ((n - 1) * (once - 1) + 2)
        if a == 1:
            return seen
        rest = -mpmath.log(a) - mpmath.fsum((1 - a) ** r / r for r in range(1, n))
        return seen + float(once / mpmath.mpf(n) * (1 - a) ** (1 - n) * rest)


def chao_shen_by_sum(counts: list[int]) -> float:
    counts = [c for c in counts if c]
    n, once = sum(counts), counts.count(1)
    coverage = 1.0 - (once - (once == n)) / n
    p = [coverage * c / n for c in counts]
    return -math.fsum(q * math.log(q) / (1.0 - (1.0 - q) ** n) for q in p)


def jackknife_by_deletion(counts: list[int]) -> float:
    n = sum(counts)
    if n == 1:
        return 0.0
    plugin = float(stats.entropy(counts))
    deleted = [
        c * float(stats.entropy([b - (i == j) for j, b in enumerate(counts)]))
        for i, c in enumerate(counts)
        if c
    ]
    return n * plugin - (n - 1) / n * math.fsum(deleted)


def shrinkage_by_definition(counts: list[int], n_categories: int) -> float:
    p = np.array([c for c in counts if c] + [0] * n_categories)[:n_categories] / sum(counts)
    spread = (sum(counts) - 1) * np.sum((1 / n_categories - p) ** 2)
    weight = 1.0 if spread <= 1e-14 else min(1.0, (1.0 - np.sum(p**2)) / spread)
    return float(stats.entropy(weight / n_categories + (1.0 - weight) * p))


@given(counts_lists)
def test_formulas_agree_with_direct_sums(counts: list[int]) -> None:
    array = np.array(counts)
    seen = int(np.count_nonzero(array))
    expected = {
        "plugin": float(stats.entropy(array)),
        "miller-madow": float(stats.entropy(array)) + (seen - 1) / (2 * array.sum()),
        "jackknife": jackknife_by_deletion(counts),
        "grassberger": grassberger_by_recursion(counts),
        "zhang": zhang_by_sum(counts),
        "chao-wang-jost": chao_wang_jost_by_sum(counts),
        "chao-shen": chao_shen_by_sum(counts),
        "shrinkage": shrinkage_by_definition(counts, seen),
    }
    for method, value in expected.items():
        assert discrete_entropy(array, method=method) == pytest.approx(value, abs=1e-11), method
    wide = discrete_entropy(array, method="shrinkage", n_categories=20)
    assert wide == pytest.approx(shrinkage_by_definition(counts, 20), abs=1e-11)


@pytest.mark.parametrize("pseudocount", [0.1, 1.0, 2.5])
def test_dirichlet_methods_agree_with_their_definitions(pseudocount: float) -> None:
    padded = np.concatenate([NINE, np.zeros(3)]) + pseudocount
    plugin = discrete_entropy(NINE, method="dirichlet", pseudocount=pseudocount, n_categories=8)
    assert plugin == pytest.approx(stats.entropy(padded), abs=1e-12)
    # Given the rest, one coordinate of a Dirichlet law is a beta variable.
    beta = stats.beta(padded, padded.sum() - padded)
    mean = math.fsum(
        float(mpmath.quad(lambda q, j=j: -q * mpmath.log(q) * beta.pdf(float(q))[j], [0, 0.1, 1]))
        for j in range(len(padded))
    )
    value = discrete_entropy(NINE, method="bayes", pseudocount=pseudocount, n_categories=8)
    assert value == pytest.approx(mean, abs=1e-5 if pseudocount < 1 else 1e-8)


def nsb_by_mpmath(counts: list[int], size: int) -> float:
    """The ratio of two integrals by equal steps in ln a, in 50 digits."""
    counts = counts + [0] * (size - len(counts))
    n = sum(counts)
    table = {c: counts.count(c) for c in set(counts)}
    above = below = mpmath.mpf(0)
    with mpmath.workdps(50):
        for step in range(-150, 151):
            a = mpmath.exp(mpmath.mpf(step) / 5)
            total = n + size * a
            slope = size * mpmath.psi(1, size * a + 1) - mpmath.psi(1, a + 1)
            rising = mpmath.fprod(mpmath.rf(a, c) ** m for c, m in table.items())
            weight = a * slope * rising / mpmath.rf(size * a, n)
            entropy = mpmath.psi(0, total + 1) - mpmath.fsum(
                m * (c + a) / total * mpmath.psi(0, c + a + 1) for c, m in table.items()
            )
            above, below = above + weight * entropy, below + weight
    return float(above / below)


@pytest.mark.parametrize(
    ("counts", "size"),
    [
        ([1], 10),
        ([50, 1], 1000),
        pytest.param([5], 2, marks=pytest.mark.slow),
        pytest.param([1, 1, 1, 1], 50, marks=pytest.mark.slow),
        pytest.param([3, 3, 3], 3, marks=pytest.mark.slow),
    ],
)
def test_nsb_agrees_with_quadrature_in_50_digits(counts: list[int], size: int) -> None:
    value = discrete_entropy(np.array(counts), method="nsb", n_categories=size)
    assert value == pytest.approx(nsb_by_mpmath(counts, size), abs=1e-10)


@pytest.mark.parametrize("n", [1, 2, 7, 100, 1000])
@pytest.mark.parametrize("a", [1e-12, 1e-6, 1e-3, 0.1, 0.7, 0.999])
def test_tail_series_in_60_digits(n: int, a: float) -> None:
    with mpmath.workdps(60 + int(-n * math.log10(1.0 - a))):
        q = 1 - mpmath.mpf(a)
        rest = -mpmath.log(1 - q) - mpmath.fsum(q**r / r for r in range(1, n))
        expected = float(q ** (1 - n) * rest)
    value = _log_tail(np.array([float(n)]), np.array([a]))[0]
    assert value == pytest.approx(expected, rel=1e-12)


def test_tail_at_large_n_is_the_exponential_integral() -> None:
    # As n grows with n a = x fixed, the tail tends to exp(x) E1(x): relative error O(1 / n).
    n = 1e9
    for x in (1e-6, 0.1, 1.0, 30.0):
        expected = float(mpmath.exp(x) * mpmath.e1(x))
        assert _log_tail(np.array([n]), np.array([x / n]))[0] == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_a_thousand_million_observations(method: str) -> None:
    p = np.arange(1, 101) / 5050
    counts = np.concatenate([np.round(p * 1e9).astype(np.int64), [1, 1, 2]])
    value = discrete_entropy(counts, method=method)
    error, bias, _ = discrete_entropy_jackknife(counts, method=method)
    # All corrections are of the order of K / n.
    assert value == pytest.approx(stats.entropy(p), abs=1e-6)
    if method == "grassberger":
        return  # its parity term moves a deletion by 1 / n, as much as the entropy itself does
    spread = np.sum(p * np.log(p) ** 2) - stats.entropy(p) ** 2
    assert error == pytest.approx(np.sqrt(spread / 1e9), rel=1e-4)
    # n times the rounding of two entropies.
    assert abs(bias) < 8.0 * np.finfo(float).eps * 1e9 * value


def test_rare_categories_at_a_thousand_million_observations() -> None:
    # Singletons alone: A = 2 / ((n - 1) (f1 - 1) + 2) is about 2e-15.
    counts = np.concatenate([[10**9], np.ones(10**6, dtype=np.int64)])
    value = discrete_entropy(counts)
    n, once = 10**9 + 10**6, 10**6
    zhang = discrete_entropy(counts, method="zhang")
    x = n * 2.0 / ((n - 1.0) * (once - 1.0) + 2.0)
    unseen = once / n * float(mpmath.exp(x) * mpmath.e1(x))
    assert value - zhang == pytest.approx(unseen, rel=1e-8)


# ---------------------------------------------------------------- edges


@pytest.mark.parametrize("method", METHODS)
def test_edges_are_finite(method: str) -> None:
    one = discrete_entropy(np.array([0, 1]), method=method)
    expected = np.euler_gamma + math.log(2) if method == "grassberger" else 0.0
    assert one == pytest.approx(expected, abs=1e-12)
    assert np.isnan(discrete_entropy_standard_error(np.array([0, 1]), method=method))
    assert np.isnan(discrete_entropy(np.array([0, 0]), method=method))
    for counts in ([2], [7], [1, 1], [1] * 9, [2, 2, 2], [3, 3], [1, 2], [1, 5, 1], [2, 5]):
        value = discrete_entropy(np.array(counts), method=method)
        assert np.isfinite(value)
        assert math.copysign(1.0, value) > 0 or value != 0  # no -0.0
        assert np.isfinite(discrete_entropy_standard_error(np.array(counts), method=method))
    batch = discrete_entropy(np.array([[1, 2, 0], [0, 0, 0], [4, 4, 4]]), method=method)
    assert np.isnan(batch).tolist() == [False, True, False]


def test_all_singletons() -> None:
    # Chao-Shen takes f1 = n - 1, a coverage of 1 / n, instead of 0.
    n = 6
    value = discrete_entropy(np.ones(n, dtype=int), method="chao-shen")
    p = 1.0 / n**2
    assert value == pytest.approx(-n * p * math.log(p) / (1.0 - (1.0 - p) ** n), rel=1e-12)
    assert discrete_entropy(np.ones(n, dtype=int)) > math.log(n)


@pytest.mark.parametrize("method", ["shrinkage", "dirichlet", "bayes", "nsb"])
def test_one_observation_of_many_categories_is_the_prior(method: str) -> None:
    value = discrete_entropy(np.array([1]), method=method, n_categories=50)
    assert 1.0 < value <= math.log(50) + 1e-12


def test_unknown_names_raise() -> None:
    with pytest.raises(ValueError, match="method must be one of plugin"):
        discrete_entropy(NINE, method="miller")
    with pytest.raises(ValueError, match="kind must be"):
        discrete_entropy_standard_error(NINE, kind="bootstrap")


# ---------------------------------------------------------------- leave-one-out


def left_out_literally(counts: np.ndarray, method: str, **options: Any) -> np.ndarray:
    """One value an observation, each by a full evaluation."""
    values = []
    for j in np.flatnonzero(counts):
        smaller = counts - np.eye(1, len(counts), j, dtype=int)[0]
        values.append(np.full(counts[j], discrete_entropy(smaller, method=method, **options)))
    return np.concatenate(values)


@given(counts_lists.filter(lambda c: sum(c) > 1), methods, st.sampled_from([None, 15]))
def test_leave_one_out_is_literal_deletion(
    counts: list[int], method: str, n_categories: int | None
) -> None:
    array = np.array(counts)
    n = array.sum()
    every = left_out_literally(array, method, n_categories=n_categories)
    value = discrete_entropy(array, method=method, n_categories=n_categories)
    result = discrete_entropy_jackknife(array, method=method, n_categories=n_categories)
    expected = np.sqrt((n - 1) / n * np.sum((every - every.mean()) ** 2))
    # The quadrature nodes of a deletion are those of the whole sample.
    tolerance = 1e-7 if method == "nsb" else 1e-11
    assert result.standard_error == pytest.approx(expected, abs=tolerance)
    assert result.bias == pytest.approx((n - 1) * (every.mean() - value), abs=n * tolerance)
    second = (np.count_nonzero(array) - 1) / (2 * n**2)
    assert result.interval_error**2 == pytest.approx(
        max(result.standard_error**2, second) + result.bias**2 / 4, abs=1e-12
    )


def test_leave_one_out_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    values, multiplicities = frequency_table(np.arange(1, 40).repeat(2))
    whole = leave_one_out_of_frequencies(values, multiplicities, method="shrinkage")
    monkeypatch.setattr("infotheory.functional._frequencies._BLOCK", 100)
    parts = leave_one_out_of_frequencies(values, multiplicities, method="shrinkage")
    np.testing.assert_allclose(parts, whole, rtol=1e-14)


def test_analytic_standard_error_by_rows() -> None:
    rows = np.repeat(np.arange(5), NINE)
    surprise = -np.log(NINE / 9)[rows]
    assert discrete_entropy_standard_error(NINE, kind="analytic") == pytest.approx(
        surprise.std() / 3.0, rel=1e-12
    )


# ---------------------------------------------------------------- laws


@given(st.integers(0, 10**6), methods)
def test_order_and_empty_categories_change_nothing(seed: int, method: str) -> None:
    counts = seeded_counts(seed)
    rng = np.random.default_rng(seed)
    other = rng.permutation(np.concatenate([counts, np.zeros(7, dtype=int)]))
    first, second = (discrete_entropy_jackknife(c, method=method) for c in (counts, other))
    assert first == second
    assert discrete_entropy(counts, method=method) == discrete_entropy(other, method=method)


@given(st.integers(0, 10**6), methods)
def test_a_batch_is_a_loop(seed: int, method: str) -> None:
    batch = np.stack(
        [seeded_counts(seed + i, n=n) for i, n in enumerate((1, 5, 40, 400, 10**6, 30))]
    ).reshape(2, 3, -1)
    rows = [[discrete_entropy(batch[i, j], method=method) for j in range(3)] for i in range(2)]
    np.testing.assert_allclose(discrete_entropy(batch, method=method), rows, rtol=1e-11)
    errors = [
        [discrete_entropy_standard_error(batch[i, j], method=method) for j in range(3)]
        for i in range(2)
    ]
    np.testing.assert_array_equal(discrete_entropy_standard_error(batch, method=method), errors)
    analytic = discrete_entropy_standard_error(batch, kind="analytic")
    assert analytic.shape == (2, 3)


@given(st.integers(0, 10**6), methods)
def test_frequencies_are_all_that_matters(seed: int, method: str) -> None:
    counts = seeded_counts(seed)
    positive = np.sort(counts[counts > 0]).astype(float)
    plain = entropy_of_frequencies(positive, np.ones_like(positive), method=method)
    padded = entropy_of_frequencies(
        np.concatenate([positive, [5.0]]), np.append(np.ones_like(positive), 0.0), method=method
    )
    assert plain == pytest.approx(discrete_entropy(counts, method=method), rel=1e-11)
    assert padded == pytest.approx(plain, rel=1e-13)


@given(st.integers(0, 10**6))
def test_correction_orders(seed: int) -> None:
    """Plug-in <= Miller-Madow, and Zhang <= Chao-Wang-Jost: each correction is positive."""
    counts = seeded_counts(seed)
    plugin, madow, zhang, chao = (
        float(discrete_entropy(counts, method=m))
        for m in ("plugin", "miller-madow", "zhang", "chao-wang-jost")
    )
    assert plugin <= madow
    assert plugin <= zhang <= chao


@pytest.mark.parametrize("method", METHODS)
def test_methods_agree_where_every_category_is_frequent(method: str) -> None:
    p = np.arange(1, 11) / 55
    counts = (p * 550_000).astype(int)
    assert discrete_entropy(counts, method=method) == pytest.approx(stats.entropy(p), abs=3e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32", "float64"])
def test_libraries_and_dtypes(xp: Any, method: str, dtype: str) -> None:
    rows = [[4, 2, 1, 1, 0], [3, 0, 3, 0, 9]]
    expected = discrete_entropy(np.array(rows), method=method)
    errors = discrete_entropy_jackknife(np.array(rows), method=method)
    counts = xp.asarray(rows, dtype=getattr(xp, dtype))
    value = discrete_entropy(counts, method=method)
    kind = xp.float32 if dtype == "float32" else xp.float64
    assert type(value) is type(counts)
    assert value.dtype == kind
    assert value.shape == (2,)
    tolerance = 1e-6 if dtype == "float32" else 1e-14
    np.testing.assert_allclose(np.asarray(value), expected, rtol=tolerance)
    for part, other in zip(discrete_entropy_jackknife(counts, method=method), errors, strict=True):
        assert part.dtype == kind
        np.testing.assert_allclose(np.asarray(part), other, rtol=tolerance, atol=1e-6)
    single = discrete_entropy(counts[0, :], method=method)
    assert single.shape == ()
    assert float(single) == pytest.approx(float(expected[0]), rel=tolerance)


def test_torch_counts_carry_no_gradient() -> None:
    torch = pytest.importorskip("torch")
    counts = torch.tensor([4.0, 2.0, 1.0], dtype=torch.float64, requires_grad=True)
    assert not discrete_entropy(counts).requires_grad


# ---------------------------------------------------------------- statistics, fixed seeds


def test_undersampled_error() -> None:
    """200 draws of 1 000 categories: the mean over 40 seeds, within three standard errors."""
    laws = {"zipf": 1.0 / np.arange(1, 1001), "uniform": np.ones(1000)}
    # Bias and standard deviation over 200 other seeds.
    expected = {"zipf": (-0.237, 0.189), "uniform": (0.030, 0.216)}
    for name, law in laws.items():
        p = law / law.sum()
        draws = np.random.default_rng(20).multinomial(200, p, size=40)
        bias = float(np.mean(discrete_entropy(draws))) - stats.entropy(p)
        mean, deviation = expected[name]
        assert bias == pytest.approx(mean, abs=3.0 * deviation * math.sqrt(1 / 40 + 1 / 200))


@pytest.mark.parametrize(
    ("law", "n", "lowest"),
    [
        (np.arange(1.0, 21.0), 500, 0.9),
        (np.ones(20), 500, 0.9),
        (np.ones(2), 100, 0.9),
        (np.ones(1000), 200, 0.9),
        (1.0 / np.arange(1, 1001), 200, 0.84),
        (np.exp(-np.arange(1, 1001) / 100), 200, 0.87),
    ],
    ids=["linear", "uniform", "coin", "uniform-undersampled", "zipf", "exponential"],
)
def test_interval_coverage(law: np.ndarray, n: int, lowest: float) -> None:
    """Nominal 90 %; ``lowest`` is the coverage over 400 seeds, less three errors of 60 seeds."""
    p = law / law.sum()
    draws = np.random.default_rng(1).multinomial(n, p, size=60)
    result = discrete_entropy_jackknife(draws)
    miss = np.abs(discrete_entropy(draws) - result.bias - stats.entropy(p))
    covered = np.mean(miss <= 1.645 * result.interval_error)
    assert covered >= lowest - 3.0 * math.sqrt(lowest * (1.0 - lowest) / 60)


def test_error_falls_as_one_over_root_n() -> None:
    p = np.arange(1, 21) / 210
    rng = np.random.default_rng(3)
    errors = [
        float(
            np.sqrt(np.mean((discrete_entropy(rng.multinomial(n, p, 200)) - stats.entropy(p)) ** 2))
        )
        for n in (200, 2_000, 20_000)
    ]
    for large, small in pairwise(errors):
        assert math.log10(large / small) == pytest.approx(0.5, abs=0.15)
