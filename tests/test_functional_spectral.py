"""Spectral measures of representations: closed forms, laws, gradients, edges."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infotheory.functional import (
    effective_rank,
    matrix_entropy,
    matrix_nuclear_norm,
    normalized_tokens,
    nuclear_norm,
    page_entropy,
    participation_ratio,
    token_matrix_entropy,
    von_neumann_entropy,
)
from infotheory.functional._spectrum import entropy_of_spectrum, spectral_entropy

torch = pytest.importorskip("torch")

# Entries of order 1 and at most 30 rows: a few hundred roundings.
TOL: Any = {"rtol": 1e-12, "atol": 1e-12}
# Without it gradgradcheck draws from the global generator.
UPSTREAM = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
ORDERS = (0.5, 0.95, 1.0, 1.01, 1.5, 2.0, 3.0)

MEASURES: dict[str, Callable[[Any], Any]] = {
    "von-neumann": von_neumann_entropy,
    "rank-von-neumann": partial(effective_rank, convention="von-neumann"),
    "rank-roy-vetterli": partial(effective_rank, convention="roy-vetterli"),
    "participation": participation_ratio,
    "second-moments": partial(participation_ratio, centered=False),
    "tokens": token_matrix_entropy,
    "nuclear": nuclear_norm,
    "surrogate": matrix_nuclear_norm,
}
each_measure = pytest.mark.parametrize("f", MEASURES.values(), ids=MEASURES)
seeds = st.integers(0, 2**32 - 1)


def rows(seed: int, n: int = 7, d: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def rotation(seed: int, d: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]


def shannon(p: np.ndarray) -> float:
    p = p[p > 0] / np.sum(p)
    return float(-np.sum(p * np.log(p)))


def unit(Z: np.ndarray) -> np.ndarray:
    return Z / np.linalg.norm(Z, axis=1, keepdims=True)


def by_singular_values(Z: np.ndarray) -> float:
    return shannon(np.linalg.svd(unit(Z), compute_uv=False) ** 2)


# Values


@given(seeds, st.integers(1, 9), st.integers(1, 9))
def test_von_neumann_entropy_is_that_of_squared_singular_values(seed: int, n: int, d: int) -> None:
    Z = rows(seed, n, d)
    np.testing.assert_allclose(von_neumann_entropy(Z), by_singular_values(Z), **TOL)
    np.testing.assert_allclose(
        effective_rank(Z, convention="von-neumann"), math.exp(by_singular_values(Z)), **TOL
    )


@pytest.mark.parametrize("k", [1, 2, 5])
def test_equal_orthogonal_clusters_have_the_logarithm_of_their_number(k: int) -> None:
    Z = np.repeat(np.diag(np.arange(1.0, k + 1)), 3, axis=0) @ rotation(0, k)
    np.testing.assert_allclose(von_neumann_entropy(Z), math.log(k), **TOL)


def test_roy_vetterli_reads_singular_values_and_von_neumann_their_squares() -> None:
    left, right = rotation(0, 5)[:, :3], rotation(1, 3)
    Z = left @ np.diag([3.0, 2.0, 1.0]) @ right
    found = effective_rank(Z, convention="roy-vetterli")
    np.testing.assert_allclose(found, math.exp(shannon(np.array([3.0, 2, 1]))), **TOL)
    unit_rows = unit(Z)
    squares = np.linalg.svd(unit_rows, compute_uv=False)
    assert effective_rank(unit_rows, convention="von-neumann") < math.exp(shannon(squares))
    with pytest.raises(ValueError, match="convention must be"):
        effective_rank(Z, convention="renyi")  # type: ignore[arg-type]


@given(seeds)
def test_participation_ratio_is_that_of_the_covariance(seed: int) -> None:
    Z = rows(seed)
    spectrum = np.linalg.eigvalsh(np.cov(Z, rowvar=False))
    np.testing.assert_allclose(
        participation_ratio(Z), np.sum(spectrum) ** 2 / np.sum(spectrum**2), **TOL
    )
    np.testing.assert_allclose(
        participation_ratio(unit(Z), centered=False),
        np.exp(matrix_entropy(unit(Z) @ unit(Z).T, 2)),
        **TOL,
    )


@given(seeds, st.integers(2, 9), st.integers(2, 9))
def test_token_entropy_is_that_of_centred_rows_of_length_one(seed: int, n: int, d: int) -> None:
    Z = rows(seed, n, d)
    centred = unit(Z - Z.mean(axis=0))
    np.testing.assert_allclose(normalized_tokens(Z), centred, **TOL)
    np.testing.assert_allclose(
        token_matrix_entropy(Z), by_singular_values(centred) / math.log(d), **TOL
    )


@given(seeds, st.integers(5, 9), st.integers(2, 5))
def test_surrogate_bounds_the_nuclear_norm_from_above_with_as_many_rows(
    seed: int, n: int, d: int
) -> None:
    Z = rows(seed, n, d)
    tokens = normalized_tokens(Z)
    nuclear = np.linalg.norm(tokens, "nuc")
    np.testing.assert_allclose(nuclear_norm(tokens), nuclear, **TOL)
    surrogate = n * matrix_nuclear_norm(Z)
    np.testing.assert_allclose(surrogate, np.sum(np.linalg.norm(tokens, axis=0)), **TOL)
    assert nuclear <= surrogate + 1e-12
    assert surrogate <= math.sqrt(d) * np.linalg.norm(tokens) + 1e-12


def test_what_the_surrogate_is_not() -> None:
    rng = np.random.default_rng(0)
    # Rank 1: the nuclear norm is that of Frobenius, and the surrogate sees 30 columns.
    Z = np.outer(rng.choice([-1.0, 1.0], size=50), rng.normal(size=30))
    Z = Z - Z.mean(axis=0)
    assert nuclear_norm(normalized_tokens(Z)) == pytest.approx(math.sqrt(50), rel=1e-12)
    assert 50 * matrix_nuclear_norm(Z) > 25
    # A rotation of the features changes it, and not the nuclear norm.
    turned = Z @ rotation(1, 30)
    assert nuclear_norm(normalized_tokens(turned)) == pytest.approx(math.sqrt(50), rel=1e-12)
    assert abs(matrix_nuclear_norm(turned) / matrix_nuclear_norm(Z) - 1) > 0.01
    # With fewer rows than columns it leaves columns out and is no bound: two rows +-(1, ..., 1).
    two = np.array([[1.0] * 30, [-1.0] * 30])
    assert 2 * matrix_nuclear_norm(two) < nuclear_norm(normalized_tokens(two)) - 0.5


def test_largest_columns_count_where_rows_are_fewer() -> None:
    Z = rows(3, 3, 8)
    lengths = np.sort(np.linalg.norm(normalized_tokens(Z), axis=0))[-3:]
    np.testing.assert_allclose(matrix_nuclear_norm(Z), np.sum(lengths) / 3, **TOL)


def test_page_formula() -> None:
    exact = sum(1 / k for k in range(7, 25)) - 3 / 12
    assert page_entropy(4, 6) == pytest.approx(exact, rel=1e-13)
    assert page_entropy(6, 4) == page_entropy(4, 6)
    assert page_entropy(1, 9) == pytest.approx(0, abs=1e-13)
    assert page_entropy(32, 128) == pytest.approx(3.341, abs=5e-4)


@pytest.mark.parametrize(("n", "d"), [(200, 6), (32, 128), (128, 32), (60, 60)])
def test_isotropic_rows_have_the_entropy_of_page(n: int, d: int) -> None:
    Z = np.random.default_rng([n, d]).normal(size=(60, n, d))
    values = von_neumann_entropy(Z)
    # Real rows of length 1 have 1 / (2 M) more to first order in 1 / M; the next is m / M^2.
    large = max(n, d)
    error = values.std(ddof=1) / math.sqrt(len(values))
    expected = page_entropy(n, d) + 1 / (2 * large)
    assert abs(values.mean() - expected) < 4 * error + 0.5 * min(n, d) / large**2
    assert values.mean() < math.log(min(n, d))
    # Far more rows than columns, where the short formula holds too.
    if n >= 30 * d:
        assert values.mean() == pytest.approx(math.log(d) - (d - 1) / (2 * n), abs=4 * error + 1e-4)


# Laws


@given(seeds, st.integers(1, 8), st.integers(1, 8))
def test_same_as_the_matrix_entropy_of_the_gram_matrix(seed: int, n: int, d: int) -> None:
    Z = rows(seed, n, d)
    K = Z @ Z.T
    np.testing.assert_allclose(von_neumann_entropy(Z), matrix_entropy(K), **TOL)
    lengths = unit(Z)
    density = lengths @ lengths.T / n
    np.testing.assert_allclose(von_neumann_entropy(Z), spectral_entropy(density), **TOL)


@given(seeds, st.integers(2, 4))
def test_duplication_rotation_and_lengths_change_nothing(seed: int, times: int) -> None:
    Z = rows(seed)
    value = von_neumann_entropy(Z)
    np.testing.assert_allclose(von_neumann_entropy(np.repeat(Z, times, axis=0)), value, **TOL)
    np.testing.assert_allclose(von_neumann_entropy(Z @ rotation(seed, 4)), value, **TOL)
    lengths = np.random.default_rng(seed).uniform(0.1, 10, size=(7, 1))
    np.testing.assert_allclose(von_neumann_entropy(lengths * Z), value, **TOL)
    signs = np.where(lengths > 3, 1, -1)
    np.testing.assert_allclose(von_neumann_entropy(signs * Z), value, **TOL)


@given(seeds)
def test_concave_in_the_mixture_of_two_representations(seed: int) -> None:
    first, second = rows(seed, 6, 4), rows(seed + 1, 6, 4)
    together = von_neumann_entropy(np.concatenate([first, second]))
    mean = (von_neumann_entropy(first) + von_neumann_entropy(second)) / 2
    assert mean - 1e-12 <= together <= mean + math.log(2) + 1e-12


@given(seeds)
def test_entropies_of_tensor_products_add(seed: int) -> None:
    first, second = rows(seed, 4, 3), rows(seed + 1, 5, 2)
    product = np.einsum("ia,jb->ijab", first, second).reshape(20, 6)
    np.testing.assert_allclose(
        von_neumann_entropy(product),
        von_neumann_entropy(first) + von_neumann_entropy(second),
        **TOL,
    )


# Libraries, batches, gradients


@each_measure
@pytest.mark.parametrize("shape", [(6, 3), (3, 6)])
def test_libraries_and_batches_agree(f: Callable[[Any], Any], shape: tuple[int, int]) -> None:
    Z = np.random.default_rng(0).normal(size=(2, 3, *shape))
    value = f(Z)
    assert value.shape == (2, 3)
    np.testing.assert_allclose(value[1, 2], f(Z[1, 2]), **TOL)
    found = f(torch.from_numpy(Z))
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), value, **TOL)
    strict = f(array_api_strict.asarray(Z))
    assert array_api_strict.__name__ in type(strict).__module__
    np.testing.assert_allclose(np.asarray(strict), value, **TOL)
    single = f(Z.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, value, rtol=2e-5)
    assert f(torch.from_numpy(Z.astype(np.float32))).dtype == torch.float32


def _representations(centered: bool) -> dict[str, np.ndarray]:
    eye = np.eye(3)
    apart = np.concatenate([eye, -eye]) if centered else np.concatenate([eye, eye, -eye])
    return {
        "generic": rows(0, 6, 3),
        "more-columns": rows(1, 4, 6),
        "repeated": apart @ rotation(0, 3),
        "rank-deficient": np.pad(apart, ((0, 0), (0, 2))) @ rotation(1, 5),
    }


@each_measure
@pytest.mark.parametrize("case", ["generic", "more-columns", "repeated", "rank-deficient"])
def test_gradients_at_repeated_and_zero_eigenvalues(f: Callable[[Any], Any], case: str) -> None:
    centered = f in (token_matrix_entropy, matrix_nuclear_norm)
    Z = torch.from_numpy(_representations(centered)[case]).requires_grad_()
    (gradient,) = torch.autograd.grad(f(Z), Z)
    assert torch.all(torch.isfinite(gradient))
    # Where a singular value is 0 sums of singular values have a kink, and there is no derivative.
    if case == "rank-deficient" and f in (MEASURES["rank-roy-vetterli"], nuclear_norm):
        return
    # Second derivatives in directions of a new singular value are infinite: first ones alone.
    if case == "rank-deficient" and f is matrix_nuclear_norm:
        return
    assert torch.autograd.gradcheck(f, Z, eps=1e-6, atol=1e-5)


@pytest.mark.parametrize("case", ["generic", "more-columns", "repeated"])
def test_second_derivatives_at_repeated_eigenvalues(case: str) -> None:
    Z = torch.from_numpy(_representations(False)[case]).requires_grad_()
    assert torch.autograd.gradgradcheck(von_neumann_entropy, Z, UPSTREAM)


@pytest.mark.parametrize("alpha", ORDERS)
@pytest.mark.parametrize("spectrum", [(0.5, 0.3, 0.2), (0.5, 0.25, 0.25), (1 / 3, 1 / 3, 1 / 3)])
def test_two_derivatives_of_a_function_of_eigenvalues(
    alpha: float, spectrum: tuple[float, ...]
) -> None:
    axes = rotation(2, 3)

    def entropy(matrix: Any) -> Any:
        return spectral_entropy(matrix / torch.trace(matrix).real, alpha)

    real = axes @ np.diag(spectrum) @ axes.T
    for matrix in (real, real.astype(np.complex128)):
        tensor = torch.from_numpy(matrix).requires_grad_()
        assert torch.autograd.gradcheck(entropy, tensor)
        assert torch.autograd.gradgradcheck(entropy, tensor, UPSTREAM)


def test_a_third_derivative_is_refused() -> None:
    Z = torch.from_numpy(rows(0, 5, 3)).requires_grad_()
    value = von_neumann_entropy(Z)
    for _ in range(2):
        (gradient,) = torch.autograd.grad(value, Z, create_graph=True)
        value = torch.sum(gradient**2)
    with pytest.raises(RuntimeError, match="first and second derivatives"):
        torch.autograd.grad(value, Z)


@pytest.mark.parametrize("alpha", [0.5, 0.9, 0.91, 1.0, 1 + 1e-9, 1.0999, 1.1001, 3.0, 40.0, 500.0])
def test_orders_near_one_and_large_ones_lose_nothing(alpha: float) -> None:
    p = np.array([0.0, 1e-5, 0.2, 0.3, 0.49999])
    positive = [x for x in p.tolist() if x > 0]
    # The mean of p^(alpha - 1) by series near 1, where the quotient cancels.
    if abs(alpha - 1) < 1e-6:
        variance = sum(x * math.log(x) ** 2 for x in positive) - shannon(p) ** 2
        exact = shannon(p) - (alpha - 1) / 2 * variance
    else:
        top = max(positive)
        exact = math.fsum((x / top) ** alpha for x in positive)
        exact = (math.log(exact) + alpha * math.log(top)) / (1 - alpha)
    # The quotient itself loses about 1e-16 / |1 - alpha|.
    assert float(entropy_of_spectrum(p, alpha)) == pytest.approx(exact, rel=1e-13)
    assert float(spectral_entropy(np.diag(p), alpha)) == pytest.approx(exact, rel=1e-12)


def test_infinite_order_is_the_largest_eigenvalue() -> None:
    assert spectral_entropy(np.diag([0.2, 0.8]), math.inf) == pytest.approx(-math.log(0.8))


# Edges


def test_rows_without_direction_are_left_out() -> None:
    Z = rows(0)
    holed = np.concatenate([Z[:3], np.zeros((2, 4)), Z[3:]])
    np.testing.assert_allclose(von_neumann_entropy(holed), von_neumann_entropy(Z), **TOL)
    tensor = torch.from_numpy(holed).requires_grad_()
    (gradient,) = torch.autograd.grad(von_neumann_entropy(tensor), tensor)
    assert torch.all(gradient[3:5] == 0)
    assert torch.all(torch.isfinite(gradient))


@each_measure
def test_zeros_and_one_row_have_numbers(f: Callable[[Any], Any]) -> None:
    assert f(np.zeros((5, 3))) == 0
    one = f(np.array([[3.0, 4.0]]))
    assert np.isfinite(one)
    for Z in (torch.zeros(5, 3), torch.ones(5, 3), torch.tensor([[3.0, 4.0]])):
        Z.requires_grad_()
        value = f(Z)
        assert torch.isfinite(value)
        (gradient,) = torch.autograd.grad(value, Z)
        assert torch.all(torch.isfinite(gradient))


@pytest.mark.parametrize("centre", [0.0, 1e-3, 1.0, 1e8])
def test_tokens_equal_to_the_mean_are_left_out(centre: float) -> None:
    Z = rows(1, 6, 4)
    Z = np.concatenate([Z, -Z, np.zeros((1, 4))]) + centre
    expected = token_matrix_entropy(np.concatenate([rows(1, 6, 4), -rows(1, 6, 4)]))
    # The rows themselves are rounded beside a far centre.
    tolerance = 1e-10 if centre < 1e3 else 1e-6
    assert token_matrix_entropy(Z) == pytest.approx(expected, abs=tolerance)
    assert not np.any(normalized_tokens(Z)[-1])
    same = np.full((5, 4), centre) * np.pi
    for f in (token_matrix_entropy, matrix_nuclear_norm, participation_ratio):
        assert f(same) == 0
    assert token_matrix_entropy(rows(0, 5, 1)) == 0


def test_very_large_and_very_small_rows_stay_in_range() -> None:
    Z = rows(0)
    for scale in (1e-300, 1e-170, 1e160, 1e300):
        np.testing.assert_allclose(von_neumann_entropy(scale * Z), von_neumann_entropy(Z), **TOL)
        np.testing.assert_allclose(
            token_matrix_entropy(scale * Z), token_matrix_entropy(Z), rtol=1e-10
        )
        np.testing.assert_allclose(
            participation_ratio(scale * Z), participation_ratio(Z), rtol=1e-10
        )


@each_measure
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("library", [np.asarray, torch.from_numpy])
def test_missing_values_are_refused(
    f: Callable[[Any], Any], bad: float, library: Callable[[Any], Any]
) -> None:
    Z = rows(0)
    Z[2, 1] = bad
    with pytest.raises(ValueError, match="Z must be finite"):
        f(library(Z))


def test_a_matrix_that_is_not_positive_semidefinite_is_told() -> None:
    for matrix in (np.diag([1.2, -0.2]), torch.diag(torch.tensor([1.2, -0.2]))):
        with pytest.raises(ValueError, match=r"positive semi-definite, got an eigenvalue of -0\.2"):
            spectral_entropy(matrix)
    assert spectral_entropy(np.diag([1.0, -1e-17])) == 0
    for alpha in (0, -1, math.nan):
        with pytest.raises(ValueError, match="alpha must be positive"):
            spectral_entropy(np.eye(2) / 2, alpha)
