"""Bins of activations: equally many distinct values, joint symbols, known entropies."""

from __future__ import annotations

import numpy as np
import pytest
from array_api_compat import array_namespace
from hypothesis import given
from hypothesis import strategies as st

from infotheory.functional import (
    adaptive_bins,
    binned_symbols,
    discrete_entropy,
    entropy_binning_edges,
    uniform_binning_edges,
)

SEEDS = st.integers(0, 2**32 - 1)


def plug_in(codes):
    return float(discrete_entropy(np.bincount(np.asarray(codes)), method="plugin"))


def in_bins(values, edges):
    """How many distinct values each bin holds, by comparisons alone."""
    distinct = np.unique(values)
    low, high = [-np.inf, *edges], [*edges, np.inf]
    return [int(np.sum((distinct >= a) & (distinct < b))) for a, b in zip(low, high, strict=True)]


@given(SEEDS, st.integers(1, 40), st.integers(1, 300))
def test_bins_hold_equally_many_distinct_values(seed, n_bins, n):
    values = np.random.default_rng(seed).normal(size=n) ** 3
    edges = entropy_binning_edges(values, n_bins)
    held = in_bins(values, edges)
    assert len(held) == min(n_bins, n)
    assert max(held) - min(held) <= 1
    assert sum(held) == n


@given(SEEDS, st.integers(2, 20))
def test_units_that_are_off_have_a_bin_of_their_own(seed, n_bins):
    """Half of rectified values are 0, one distinct value, which would share a bin otherwise."""
    values = np.maximum(np.random.default_rng(seed).normal(size=(200, 3)), 0)
    edges = entropy_binning_edges(values, n_bins)
    held = in_bins(values, edges)
    assert held[0] == 1
    assert len(held) == n_bins + 1
    assert max(held[1:]) - min(held[1:]) <= 1
    np.testing.assert_array_equal(edges, entropy_binning_edges(values, n_bins, low=0.0))


def test_the_edges_are_the_values_of_these_ranks():
    values = np.array([5.0, 1.0, 2.0, 3.0, 4.0, 9.0, 9.0])
    np.testing.assert_array_equal(entropy_binning_edges(values, 3), [3.0, 5.0])
    # A smallest value outside the data: all of them are above it.
    np.testing.assert_array_equal(entropy_binning_edges(values, 3, low=-1.0), [1.0, 3.0, 5.0])


def test_monotone_maps_change_no_bins():
    """As saturation does, which bins of equal width would see as loss."""
    values = np.random.default_rng(0).normal(size=(500, 2))
    np.testing.assert_array_equal(adaptive_bins(values, 7), adaptive_bins(np.tanh(3 * values), 7))
    wide, narrow = (
        plug_in(binned_symbols(v, uniform_binning_edges(v, 7, limits=(-1, 1))))
        for v in (np.tanh(0.5 * values), np.tanh(9 * values))
    )
    assert narrow < wide - 0.5


def test_few_distinct_values_each_have_a_bin():
    values = np.array([[0.0], [1.0], [1.0], [2.0]])
    np.testing.assert_array_equal(adaptive_bins(values, 30), [0, 1, 1, 2])


def test_equal_values_are_one_symbol():
    values = np.full((10, 3), 0.5)
    assert entropy_binning_edges(values, 30).shape == (0,)
    assert uniform_binning_edges(values, 30).shape == (0,)
    assert plug_in(adaptive_bins(values, 30)) == 0


def test_uniform_bins():
    np.testing.assert_allclose(uniform_binning_edges(np.array([0.0, 3.0]), 3), [1.0, 2.0])
    edges = uniform_binning_edges(np.array([5.0]), 4, limits=(-1, 1))
    np.testing.assert_allclose(edges, [-0.5, 0.0, 0.5])
    # Beyond the limits there are the first and the last bin.
    np.testing.assert_array_equal(binned_symbols(np.array([[-9.0], [9.0]]), edges), [0, 1])


@pytest.mark.parametrize("n_bins", [2, 10, 30])
def test_entropy_of_one_unit_is_the_logarithm_of_the_bins(n_bins):
    T = np.random.default_rng(1).exponential(size=(3000, 1))
    assert plug_in(adaptive_bins(T, n_bins)) == pytest.approx(np.log(n_bins), abs=1e-12)


def test_joint_bins_of_independent_units():
    """Entropies add, up to the bias (K - 1) / 2n of plug-in and its spread."""
    T = np.random.default_rng(2).normal(size=(4000, 2))
    codes = adaptive_bins(T, 8)
    expected = 2 * np.log(8) - 63 / 8000
    assert plug_in(codes) == pytest.approx(expected, abs=0.01)
    pairs = np.searchsorted(entropy_binning_edges(T, 8), T, side="right")
    assert len(np.unique(codes)) == len(np.unique(pairs, axis=0)) == 64


@pytest.mark.parametrize("dim", [1, 10])
def test_plug_in_is_at_most_the_logarithm_of_the_rows(dim):
    """4 096 rows of ten units are 4 096 cells: 12 bits, whatever the law."""
    T = np.random.default_rng(3).normal(size=(4096, dim))
    bits = plug_in(adaptive_bins(T, 30)) / np.log(2)
    assert bits == pytest.approx(12 if dim == 10 else np.log2(30), abs=1e-3)


@given(SEEDS)
def test_symbols_are_equal_where_all_bins_are(seed):
    rng = np.random.default_rng(seed)
    T, edges = rng.normal(size=(60, 3)), np.sort(rng.normal(size=2))
    codes = binned_symbols(T, edges)
    bins = (T[:, :, None] >= edges).sum(axis=-1)
    same = np.all(bins[:, None] == bins, axis=-1)
    np.testing.assert_array_equal(codes[:, None] == codes, same)


def test_library_and_dtype_are_those_of_the_caller(xp):
    values = np.random.default_rng(4).normal(size=(50, 2))
    for dtype in (xp.float32, xp.float64):
        x = xp.asarray(values, dtype=dtype)
        edges = entropy_binning_edges(x, 5)
        assert edges.dtype == dtype
        assert array_namespace(edges) is array_namespace(x)
        codes = adaptive_bins(x, 5)
        assert array_namespace(codes) is array_namespace(x)
        assert xp.isdtype(codes.dtype, "integral")
        np.testing.assert_array_equal(np.asarray(codes), adaptive_bins(values, 5))
        assert uniform_binning_edges(x, 5).dtype == dtype


def test_gradients_do_not_stand_in_the_way():
    torch = pytest.importorskip("torch")
    x = torch.linspace(0, 1, 20, dtype=torch.float64, requires_grad=True).reshape(10, 2)
    assert not adaptive_bins(x, 3).requires_grad


TABLE = np.array([[0.0, 1.0], [2.0, 4.0]])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: adaptive_bins(np.array([[np.nan, 1.0]])), "activations .* got nan"),
        (lambda: adaptive_bins(TABLE[0]), r"activations .* got \(2,\)"),
        (lambda: entropy_binning_edges(TABLE, 0), "n_bins .* got 0"),
        (lambda: entropy_binning_edges(TABLE, low=np.nan), "low .* got nan"),
        (lambda: entropy_binning_edges(TABLE[:0]), r"activations .* got shape \(0, 2\)"),
        (lambda: uniform_binning_edges(TABLE, 0), "n_bins .* got 0"),
        (lambda: uniform_binning_edges(TABLE / [1, 0], 3), "activations .* got (nan|inf)"),
        (lambda: uniform_binning_edges(TABLE, 3, limits=(1, 0)), r"limits .* got \(1, 0\)"),
        (lambda: uniform_binning_edges(TABLE, 3, limits=3), "limits .* got 3"),
        (lambda: uniform_binning_edges(TABLE, 3, limits=(0, np.inf)), "limits.* got inf"),
        (lambda: binned_symbols(TABLE, np.array([1.0, 0.0])), r"edges .* got \[1.0, 0.0\]"),
        (lambda: binned_symbols(TABLE * np.nan, np.array([1.0])), "activations .* got nan"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_bins_that_are_none(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_number_of_bins_is_an_integer():
    with pytest.raises(TypeError, match=r"n_bins .* got 2.5"):
        entropy_binning_edges(TABLE, 2.5)


def test_uniform_bins_wider_than_floats():
    edges = uniform_binning_edges(np.array([-1.6e308, 0.0, 1.6e308]), 4)
    np.testing.assert_allclose(edges, [-0.8e308, 0.0, 0.8e308])
    halves = uniform_binning_edges(np.array([-6e4, 6e4], dtype=np.float16), 2)
    assert halves.tolist() == [0.0]
