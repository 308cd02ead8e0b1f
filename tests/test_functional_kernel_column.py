"""Sums of Gram matrices of single columns by their terms, and the median of their distances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from infotheory import HSIC, MMD, functional, permutation_test, two_samples
from infotheory.functional import _gram_expansion as expansion
from infotheory.functional import _gram_orders as orders_module
from infotheory.functional._bandwidth import _median_gap
from infotheory.functional._gram_expansion import column_terms, pay, product_sums

SEEDS = st.integers(0, 2**32 - 1)
LAWS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "skew": lambda rng, n: rng.normal(size=n) ** 2,
    "ties": lambda rng, n: rng.integers(0, 4, n).astype(float),
    "far": lambda rng, n: 1e8 + np.round(rng.normal(size=n), 3),
}


def column(law, seed, n):
    return LAWS[law](np.random.default_rng(seed), n)[:, None]


def dense(X, bandwidth):
    return np.exp(-0.5 * ((X - X.T) / bandwidth) ** 2)


def certain(X, bandwidth):
    found = column_terms(X, bandwidth)
    assert found is not None
    return found


@settings(max_examples=30)
@given(SEEDS, st.sampled_from(sorted(LAWS)), st.integers(1, 300), st.floats(0.3, 10.0))
def test_terms_give_the_gram_matrix_to_rounding(seed, law, n, bandwidth):
    X = column(law, seed, n)
    K = dense(X, bandwidth)
    terms = certain(X, bandwidth)
    weights = np.random.default_rng(seed).normal(size=(n, 2))
    # A sum of p products in each entry, and of n entries in each sum.
    eps = np.finfo(float).eps
    F = np.concatenate([block for _, block in terms.blocks()], axis=1)
    np.testing.assert_allclose(F.T @ F, K, rtol=0, atol=8 * eps * np.sqrt(terms.p) + 1e-16)
    np.testing.assert_allclose(
        terms.sums(weights), K @ weights, rtol=0, atol=1e-14 * np.abs(weights).sum()
    )


def test_products_of_two_columns():
    X, Y = column("normal", 0, 400), column("skew", 1, 400)
    K, L = dense(X, 0.8), dense(Y, 1.7)
    found = product_sums(certain(X, 0.8), certain(Y, 1.7))
    np.testing.assert_allclose(found, (K * L).sum(1), rtol=1e-13)


def test_blocks_give_the_sums_of_one(monkeypatch):
    X, Y = column("normal", 0, 500), column("skew", 1, 500)
    weights = Y[:, 0]
    one = certain(X, 1.0).sums(weights), product_sums(certain(X, 1.0), certain(Y, 1.0))
    monkeypatch.setattr(expansion, "_BLOCK", 3000)
    parts = certain(X, 1.0).sums(weights), product_sums(certain(X, 1.0), certain(Y, 1.0))
    np.testing.assert_allclose(parts, one, rtol=1e-13)


@pytest.mark.parametrize("bandwidth", [1 / 23, 1e-200, 1e-320])
def test_narrow_kernels_go_another_way(bandwidth):
    # Half the extent is 23 bandwidths or more, which takes more terms than there are.
    X = np.linspace(-1, 1, 50)[:, None]
    assert column_terms(X, bandwidth) is None
    assert column_terms(np.hstack([X, X]), 1.0) is None


def test_few_rows_go_another_way():
    few, many = certain(column("normal", 0, 20), 1.0), certain(column("normal", 0, 3000), 1.0)
    assert not pay((few,), 1.0)
    assert pay((many,), 1.0)
    assert pay((many, many), 1000.0, products=100)
    assert not pay((many, many), 1.0, products=100)
    assert not pay((many, None), 1.0)


@pytest.mark.parametrize("n", [50, 1500])
@pytest.mark.parametrize("widths", [(1.0, 1.3), (0.01, 1.0)])
def test_pair_sums_whatever_the_way(n, widths):
    X, Y = column("normal", 0, n), column("skew", 1, n)
    K, L = dense(X, widths[0]), dense(Y, widths[1])
    found = functional.gram_pair_sums(X, Y, bandwidth_x=widths[0], bandwidth_y=widths[1])
    for sums, matrix in zip(found, (K, L, K * L, K * K, L * L), strict=True):
        np.testing.assert_allclose(sums, matrix.sum(1), rtol=1e-12)


def test_orders_and_parts_whatever_the_way(monkeypatch):
    X, Y = column("normal", 0, 1500), column("skew", 1, 1500)
    rng = np.random.default_rng(2)
    orders = np.stack([rng.permutation(1500) for _ in range(3)])
    in_part = rng.random((1500, 3)) < 0.4

    def all_ways():
        return (
            orders_module.ordered_products(X, Y, 1.0, 1.0, orders),
            *orders_module.part_sums(X, 1.0, in_part),
            orders_module.weighted_row_sums(X, 1.0, Y[:, 0]),
            *orders_module.pooled_row_sums(X, 600, 1.0),
        )

    by_terms = all_ways()
    monkeypatch.setattr(orders_module, "column_terms", lambda *_, **__: None)
    for found, truth in zip(by_terms, all_ways(), strict=True):
        np.testing.assert_allclose(found, truth, rtol=1e-12)


def test_samples_far_apart_keep_their_digits():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=1000), 15 + rng.normal(size=1000)])[:, None]
    first, second, _ = orders_module.pooled_row_sums(X, 1000, 1.0)
    K = dense(X, 1.0)
    assert pay((column_terms(X, 1.0),), 1.0)
    np.testing.assert_allclose(second[:1000], K[:1000, 1000:].sum(1), rtol=1e-10)
    np.testing.assert_allclose(first[1000:], K[1000:, :1000].sum(1), rtol=1e-10)


def test_estimators_and_their_tests_agree_with_the_matrices():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1200, 1))
    y = 0.1 * x + rng.normal(size=(1200, 1))
    found = HSIC(bandwidth=1.0).fit(x, y)
    H = np.eye(1200) - 1 / 1200
    K, L = H @ dense(x, 1.0) @ H, dense(y, 1.0)
    assert found.mutual_information_ == pytest.approx(np.sum(K * L) / 1200**2, rel=1e-9)
    orders = np.stack([np.arange(1200), rng.permutation(1200)])
    truth = [np.sum(K * L[np.ix_(o, o)]) / 1200**2 for o in orders]
    np.testing.assert_allclose(found._permuted_values(orders), truth, rtol=1e-9)
    both = two_samples(x[:600], y[600:])
    p_value = permutation_test(MMD(), *both, n_permutations=99, random_state=0).p_value
    assert p_value == pytest.approx(MMD().fit(*both).p_value_, abs=0.15)


def test_single_precision_is_summed_in_double():
    X, Y = column("normal", 0, 1500), column("skew", 1, 1500)
    X, Y = X.astype(np.float32), Y.astype(np.float32)
    found = functional.hsic(X, Y, 1.0)
    truth = functional.hsic(X.astype(np.float64), Y.astype(np.float64), 1.0)
    assert found.dtype == np.float32
    assert float(found) == pytest.approx(float(truth), rel=1e-5)


@given(SEEDS, st.sampled_from([*LAWS, "cauchy"]), st.integers(2, 400))
def test_median_distance_is_that_of_all_pairs(seed, law, n):
    rng = np.random.default_rng(seed)
    x = rng.standard_cauchy(n) if law == "cauchy" else LAWS[law](rng, n)
    assert _median_gap(x) == np.median(pdist(x[:, None]))
