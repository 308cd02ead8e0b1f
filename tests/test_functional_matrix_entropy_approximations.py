"""Approximate matrix entropies: certain bounds hold, estimated errors cover, nothing is n x n."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infotheory.functional import (
    approximate_matrix_entropy,
    gaussian_gram,
    gaussian_matrix_entropy,
    matrix_entropy,
)
from infotheory.functional._gram_operator import GaussianGram, GramMatrix
from infotheory.functional._partial_cholesky import PartialCholesky
from infotheory.functional._spectrum import entropy_of_spectrum
from infotheory.functional._spectrum_bracket import entropy_bracket
from infotheory.functional._trace_quadrature import chebyshev_forms, lanczos_forms

torch = pytest.importorskip("torch")

ORDERS = (0.7, 1.0, 1.5, 3.0)
N, BANDWIDTH = 160, 2.0
METHODS = ("auto", "low-rank", "hutch++", "chebyshev", "lanczos")


def rows(seed: int = 0, n: int = N, d: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def gram(seed: int = 0, n: int = N, bandwidth: float = BANDWIDTH) -> np.ndarray:
    return gaussian_gram(rows(seed, n), bandwidth=bandwidth)


@pytest.mark.parametrize("alpha", ORDERS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bandwidth", [0.5, 2.0])
def test_error_covers_the_exact_entropy(method: Any, alpha: float, bandwidth: float) -> None:
    K = gram(bandwidth=bandwidth)
    exact = matrix_entropy(K, alpha)
    found = approximate_matrix_entropy(K, alpha, method=method, seed=3)
    # Below 1e-10 rounding of the exact eigenvalues counts too, which powers below 1 magnify.
    assert abs(found.value - exact) <= found.error + (1e-5 if alpha < 1 else 1e-9)
    if method == "low-rank":
        assert found.error <= 0.0101 * found.value
        assert found.n_products == 0
    by_rows = gaussian_matrix_entropy(rows(), alpha, bandwidth=bandwidth, method=method, seed=3)
    assert float(by_rows.value) == pytest.approx(float(found.value), abs=2e-4)
    assert by_rows.rank == found.rank


@pytest.mark.parametrize("alpha", [1.0, 1.5])
def test_estimated_errors_cover_over_seeds(alpha: float) -> None:
    K = gram(n=120)
    exact = matrix_entropy(K, alpha)
    found = [
        approximate_matrix_entropy(K, alpha, method="hutch++", seed=seed) for seed in range(40)
    ]
    misses = sum(abs(f.value - exact) > f.error for f in found)
    # 95 % at the least: more than 7 of 40 have the probability 6e-4.
    assert misses <= 7
    # And not by being far too large: the median error is within 20 times the median miss.
    assert np.median([f.error for f in found]) < 20 * np.median(
        [abs(f.value - exact) for f in found]
    )


def test_deflation_is_what_makes_random_vectors_useful() -> None:
    K = gram()
    errors = {
        method: np.mean(
            [approximate_matrix_entropy(K, method=method, seed=seed).error for seed in range(5)]
        )
        for method in ("hutch++", "lanczos")
    }
    assert errors["hutch++"] < 0.2 * errors["lanczos"]


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.sampled_from(ORDERS), st.integers(0, 6))
def test_bounds_hold_for_every_completion_of_a_spectrum(seed: int, alpha: float, k: int) -> None:
    rng = np.random.default_rng(seed)
    full = np.sort(rng.dirichlet(np.full(8, 0.3)))
    # Each of the k largest is known to be at least a part of what it is.
    known = full[8 - k :] * rng.uniform(0.5, 1, size=k)
    low, high = entropy_bracket(known, 8, alpha)
    value = float(entropy_of_spectrum(full, alpha))
    assert low - 1e-12 <= value <= high + 1e-12
    assert high <= math.log(8) + 1e-12


def test_bounds_are_attained() -> None:
    # Nothing known: all on one eigenvalue, or all alike.
    assert entropy_bracket(np.zeros(0), 5, 1.0) == pytest.approx((0, math.log(5)), abs=1e-13)
    # .5 known of one of three: (1, 0, 0), and (.5, .25, .25).
    p = np.array([0.25, 0.25, 0.5])
    assert entropy_bracket(np.array([0.5]), 3, 1.0) == pytest.approx(
        (0, -np.sum(p * np.log(p))), abs=1e-13
    )
    exact = entropy_of_spectrum(p, 2.0)
    assert entropy_bracket(p, 3, 2.0) == pytest.approx((exact, exact), abs=1e-13)


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 40))
def test_partial_factor_leaves_a_semidefinite_rest_of_known_trace(seed: int, rank: int) -> None:
    K = gram(seed, n=40)
    part = PartialCholesky(GramMatrix(K), seed)
    part.extend(rank)
    rest = K / 40 - part.factor @ part.factor.T
    assert part.rank == rank
    assert np.linalg.eigvalsh(rest)[0] > -1e-15
    assert part.remainder == pytest.approx(np.trace(rest), abs=1e-13)


def test_low_rank_stops_where_nothing_is_left() -> None:
    Z = rows(0, 200, 3)
    found = approximate_matrix_entropy(Z @ Z.T, method="low-rank", tol=1e-12)
    assert found.rank == 3
    assert found.error < 1e-12
    assert found.value == pytest.approx(matrix_entropy(Z @ Z.T), abs=1e-12)
    for n in (1, 2, 50):
        flat = approximate_matrix_entropy(np.ones((n, n)))
        assert flat.rank == 1
        assert abs(flat.value) < 1e-12
        assert flat.error < 1e-12
    for method in METHODS:
        found = approximate_matrix_entropy(np.eye(50), method=method)
        assert abs(found.value - math.log(50)) <= found.error + 1e-9
        assert found.error < 0.04


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5, 2.5])
def test_two_quadrature_rules_enclose_the_form(alpha: float) -> None:
    def function(x: np.ndarray) -> np.ndarray:
        x = np.where(x > 0, x, 0)
        return x * np.log(np.where(x > 0, x, 1)) if alpha == 1 else x**alpha

    K = gram(n=60) / 60
    spectrum, axes = np.linalg.eigh(K)
    probes = np.random.default_rng(0).choice([-1.0, 1.0], size=(60, 5))
    exact = function(spectrum) @ (axes.T @ probes) ** 2
    for degree in (2, 4, 8):  # more than alpha / 2
        found = lanczos_forms(lambda v: K @ v, probes, function, degree, 0.0)
        assert np.mean(np.abs(found.values - exact)) <= found.gap + 1e-12
        np.testing.assert_allclose(found.linear, np.sum(probes * (K @ probes), axis=0), rtol=1e-12)
        assert found.n_products == 5 * degree
    for degree in (2, 8, 32):
        bound = GramMatrix(K).bound()
        assert spectrum[-1] <= bound <= 1
        by_series = chebyshev_forms(lambda v: K @ v, probes, function, degree, bound)
        assert np.max(np.abs(by_series.values - exact)) <= by_series.gap + 1e-12
        np.testing.assert_allclose(by_series.linear, found.linear, rtol=1e-12)


def test_operators_are_the_normalised_matrix() -> None:
    X = rows(0, 30)
    K = gaussian_gram(X, bandwidth=BANDWIDTH)
    scale = np.linspace(0.5, 2, 30)
    chosen = np.array([3, 7])
    vectors = rows(1, 30, 4)
    for operator in (GramMatrix(K * scale[:, None] * scale), GaussianGram(X, BANDWIDTH)):
        np.testing.assert_allclose(operator.columns(chosen), K[:, chosen] / 30, atol=1e-15)
        np.testing.assert_allclose(operator.product(vectors), K @ vectors / 30, atol=1e-14)
        assert operator.bound() == pytest.approx(K.sum(axis=1).max() / 30, rel=1e-12)


def test_random_features_say_how_far_off_they_are() -> None:
    X = rows(0, 400, 3)
    exact = matrix_entropy(gaussian_gram(X, bandwidth=BANDWIDTH))
    found = [
        gaussian_matrix_entropy(X, bandwidth=BANDWIDTH, method="fourier", rank=64, seed=seed)
        for seed in range(20)
    ]
    assert sum(abs(f.value - exact) > f.error for f in found) <= 2
    # Without the correction they fall short on average: entropy is concave in the kernel.
    assert abs(np.mean([f.value for f in found]) - exact) < 0.05 * exact
    assert found[0].rank == 128
    many = gaussian_matrix_entropy(X, bandwidth=BANDWIDTH, method="fourier", rank=2048)
    assert abs(many.value - exact) < 0.02 * exact


def test_rows_never_make_a_square_matrix() -> None:
    X = rows(0, 3000, 2)
    square = 3000**2 * 8
    for method in ("low-rank", "lanczos"):
        tracemalloc.start()
        gaussian_matrix_entropy(X, bandwidth=BANDWIDTH, method=method, n_probes=4, degree=2)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 0.7 * square


def test_libraries_and_dtypes() -> None:
    K = gram(n=100)
    value = approximate_matrix_entropy(K).value
    found = approximate_matrix_entropy(torch.from_numpy(K).requires_grad_()).value
    assert found.dtype == torch.float64
    assert not found.requires_grad
    assert found.item() == pytest.approx(float(value), abs=1e-13)
    strict = approximate_matrix_entropy(array_api_strict.asarray(K)).value
    assert float(strict) == pytest.approx(float(value), abs=1e-13)
    single = approximate_matrix_entropy(K.astype(np.float32))
    assert single.value.dtype == np.float32
    assert float(single.value) == pytest.approx(float(value), abs=single.error)
    integers = gaussian_matrix_entropy(np.arange(20).reshape(10, 2), bandwidth=3.0)
    assert integers.value.dtype == np.float64


@pytest.mark.parametrize("bandwidth", [0.5, 10.0])
def test_matrices_in_float32_are_semidefinite_as_far_as_that_can_be(bandwidth: float) -> None:
    X = rows(0, 200)
    K = gaussian_gram(X, bandwidth=bandwidth)
    for method in METHODS:
        single = approximate_matrix_entropy(K.astype(np.float32), method=method)
        exact = float(matrix_entropy(K))
        assert float(single.value) == pytest.approx(exact, abs=single.error + 1e-5)


@pytest.mark.parametrize("coupling", [1e-9, 1e-18, 1e-30])
@pytest.mark.parametrize("method", METHODS)
def test_vectors_that_all_say_the_same_but_for_rounding(method: Any, coupling: float) -> None:
    """No slope is read from rounding: it would be 1 over it, and the error 0."""
    noise = np.random.default_rng(0).normal(size=(100, 100))
    K = coupling * (noise + noise.T)
    np.fill_diagonal(K, 1.0)
    found = approximate_matrix_entropy(K, method=method)
    assert float(found.value) == pytest.approx(math.log(100), abs=max(found.error, 1e-9))
    assert 0 <= found.error < 0.05


def test_the_same_seed_gives_the_same_number_and_no_global_state_is_used() -> None:
    K = gram(n=100)
    for method in METHODS:
        first, second = (approximate_matrix_entropy(K, method=method, seed=5) for _ in range(2))
        assert first == second


def test_bad_arguments_are_refused() -> None:
    K, X = np.eye(5), rows(0, 5)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"alpha": 0}, "alpha must be positive"),
        ({"alpha": math.inf}, "alpha must be finite"),
        ({"method": "taylor"}, "method must be one of"),
        ({"tol": 0}, "tol must be positive"),
        ({"n_probes": 3}, "n_probes must be at least 4"),
        ({"rank": 0}, "rank must be at least 1"),
        ({"degree": 0}, "degree must be at least 1"),
    ]
    for words, message in wrong:
        with pytest.raises(ValueError, match=message):
            approximate_matrix_entropy(K, **words)
        with pytest.raises(ValueError, match=message):
            gaussian_matrix_entropy(X, bandwidth=1.0, **words)
    kinds: list[tuple[dict[str, Any], str]] = [
        ({"rank": 2.5}, "rank must be an integer"),
        ({"n_probes": 4.5}, "n_probes must be an integer"),
        ({"degree": 2.5}, "degree must be an integer"),
        ({"seed": None}, "seed must be an integer"),
        ({"tol": "small"}, "tol must be a positive number"),
    ]
    for words, message in kinds:
        with pytest.raises(TypeError, match=message):
            approximate_matrix_entropy(K, **words)
        with pytest.raises(TypeError, match=message):
            gaussian_matrix_entropy(X, bandwidth=1.0, **words)
    with pytest.raises(ValueError, match="seed must be at least 0"):
        approximate_matrix_entropy(K, seed=-1)
    several: Any = np.array([1.0, 2.0])
    with pytest.raises(TypeError, match="bandwidth must be one positive number"):
        gaussian_matrix_entropy(X, bandwidth=several)
    with pytest.raises(TypeError, match=r"K must be in single or double precision.*float32"):
        approximate_matrix_entropy(K.astype(np.float16))
    for bandwidth in (0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="bandwidth must be positive"):
            gaussian_matrix_entropy(X, bandwidth=bandwidth)
    with pytest.raises(ValueError, match="rank must be at least 8"):
        gaussian_matrix_entropy(X, bandwidth=1.0, method="fourier", rank=7)
    for shape in ((2, 3), (2, 2, 2), (0, 0)):
        with pytest.raises(ValueError, match=r"K must have shape \(n, n\)"):
            approximate_matrix_entropy(np.ones(shape))
    with pytest.raises(ValueError, match="X must have shape"):
        gaussian_matrix_entropy(np.ones(3), bandwidth=1.0)
    with pytest.raises(ValueError, match="X must be finite"):
        gaussian_matrix_entropy(np.array([[np.nan]]), bandwidth=1.0)


def test_matrices_that_are_not_semidefinite_are_told() -> None:
    with pytest.raises(ValueError, match="diagonal entry of 0"):
        approximate_matrix_entropy(np.diag([1.0, 0.0]))
    negative = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    for method, seed in itertools.product(("auto", "low-rank", "hutch++"), range(3)):
        with pytest.raises(ValueError, match="positive semi-definite"):
            approximate_matrix_entropy(negative, method=method, seed=seed)
    missing = gram(n=20)
    missing[3, 5] = missing[5, 3] = np.nan
    for method in METHODS:
        with pytest.raises(ValueError, match="K must be"):
            approximate_matrix_entropy(missing, method=method)
