"""Entropies of Gram matrices: label kernels, laws, counterexamples, gradients, bad input."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infotheory.functional import (
    difference_of_matrix_entropies,
    gaussian_gram,
    jensen_renyi_divergence,
    matrix_conditional_entropy,
    matrix_entropy,
    matrix_joint_entropy,
    matrix_mutual_information,
    matrix_total_correlation,
    normalized_matrix_mutual_information,
    renyi_entropy,
)

torch = pytest.importorskip("torch")

ORDERS = (0.5, 0.95, 1.0, 1.01, 1.5, 2.0, 3.0, 5.0)
each_order = pytest.mark.parametrize("alpha", ORDERS)
seeds = st.integers(0, 2**32 - 1)
orders = st.sampled_from(ORDERS)
TOL: Any = {"rtol": 1e-11, "atol": 1e-11}

PAIRS: dict[str, Callable[..., Any]] = {
    "joint": matrix_joint_entropy,
    "conditional": matrix_conditional_entropy,
    "information": matrix_mutual_information,
    "normalized": normalized_matrix_mutual_information,
    "total-correlation": matrix_total_correlation,
    "difference": lambda K, L, alpha: difference_of_matrix_entropies(
        K, L, alpha, n_permutations=3, seed=1
    ),
}
each_pair = pytest.mark.parametrize("f", PAIRS.values(), ids=PAIRS)


def label_gram(labels: np.ndarray) -> np.ndarray:
    return (labels[:, None] == labels).astype(float)


def gram(seed: int, n: int = 8, d: int = 2, bandwidth: float = 1.0) -> np.ndarray:
    return gaussian_gram(np.random.default_rng(seed).normal(size=(n, d)), bandwidth=bandwidth)


# Closed forms


@each_order
@pytest.mark.parametrize("n", [1, 2, 9])
def test_identity_has_ln_n_and_ones_have_nothing(alpha: float, n: int) -> None:
    assert matrix_entropy(np.eye(n), alpha) == pytest.approx(math.log(n), abs=1e-13)
    assert matrix_entropy(np.ones((n, n)), alpha) == pytest.approx(0, abs=1e-13)
    if n == 1:
        assert matrix_entropy(np.array([[7.0]]), alpha) == 0


@given(seeds, orders)
def test_label_kernel_has_the_entropy_of_the_frequencies(seed: int, alpha: float) -> None:
    labels = np.random.default_rng(seed).integers(0, 5, size=30)
    p = np.bincount(labels) / 30
    found = matrix_entropy(label_gram(labels), alpha)
    assert float(found) == pytest.approx(float(renyi_entropy(p, alpha)), abs=1e-13)


@given(seeds, orders)
def test_two_label_kernels_have_the_entropy_of_the_table(seed: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    x, y, z = rng.integers(0, 3, size=(3, 24))
    table = np.zeros((3, 3, 3))
    np.add.at(table, (x, y, z), 1 / 24)
    K, L, M = map(label_gram, (x, y, z))

    def entropy(p: np.ndarray) -> float:
        return float(renyi_entropy(p.ravel(), alpha))

    of_x, of_y, of_z = (entropy(table.sum(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    of_xy = entropy(table.sum(axis=2))
    # Up to 24 eigenvalues; the logarithm divided by 1 - alpha is taken without cancellation.
    expected = {
        matrix_joint_entropy: of_xy,
        matrix_conditional_entropy: of_xy - of_y,
        matrix_mutual_information: of_x + of_y - of_xy,
    }
    for f, value in expected.items():
        assert float(f(K, L, alpha=alpha)) == pytest.approx(value, abs=1e-13)
    assert float(matrix_joint_entropy(K, L, M, alpha=alpha)) == pytest.approx(
        entropy(table), abs=1e-13
    )
    total = float(matrix_total_correlation(K, L, M, alpha=alpha))
    assert total == pytest.approx(of_x + of_y + of_z - entropy(table), abs=2e-13)
    assert float(matrix_conditional_entropy(K, L, M, alpha=alpha)) == pytest.approx(
        entropy(table) - entropy(table.sum(axis=0)), abs=1e-13
    )


@given(seeds, orders)
def test_by_eigenvalues_of_the_normalised_matrix(seed: int, alpha: float) -> None:
    scale = np.random.default_rng(seed).uniform(0.1, 5, size=8)
    K = gram(seed) * scale[:, None] * scale
    A = K / (8 * np.sqrt(np.outer(np.diag(K), np.diag(K))))
    spectrum = np.linalg.eigvalsh(A)
    spectrum = spectrum[spectrum > 8 * np.finfo(float).eps * spectrum[-1]]
    if alpha == 1:
        expected = -np.sum(spectrum * np.log(spectrum))
    else:
        expected = np.log(np.sum(spectrum**alpha)) / (1 - alpha)
    # The quotient of the reference loses 1e-15 / |1 - alpha|; powers below 1 magnify rounding.
    tolerance = 1e-6 if alpha < 1 else 1e-12
    assert float(matrix_entropy(K, alpha)) == pytest.approx(expected, abs=tolerance)


def test_order_two_is_the_frobenius_norm() -> None:
    K = gram(0)
    assert matrix_entropy(K, 2) == pytest.approx(-math.log(np.sum(K**2) / 64), abs=1e-14)
    near = (matrix_entropy(K, 2 - 1e-6) + matrix_entropy(K, 2 + 1e-6)) / 2
    assert matrix_entropy(K, 2) == pytest.approx(near, abs=1e-10)


def test_infinite_order_is_the_largest_eigenvalue() -> None:
    K = gram(0)
    expected = -math.log(np.linalg.eigvalsh(K / 8)[-1])
    assert matrix_entropy(K, math.inf) == pytest.approx(expected, abs=1e-13)
    assert matrix_entropy(K, 1e6) == pytest.approx(expected, abs=1e-5)


# Laws


@given(seeds)
def test_entropy_falls_with_the_order(seed: int) -> None:
    values = [float(matrix_entropy(gram(seed), alpha)) for alpha in (*ORDERS, math.inf)]
    assert np.all(np.diff(values) <= 1e-12)
    assert values[0] <= math.log(8) + 1e-12


@given(seeds, st.sampled_from((*ORDERS, 20.0, math.inf)), st.floats(0.3, 3))
def test_joint_entropy_is_at_least_each(seed: int, alpha: float, bandwidth: float) -> None:
    K, L = gram(seed, bandwidth=bandwidth), gram(seed + 1)
    joint = matrix_joint_entropy(K, L, alpha=alpha)
    # Rounding of the eigenvalues that powers below 1 magnify.
    slack = 1e-5 if alpha < 1 else 1e-12
    assert max(matrix_entropy(K, alpha), matrix_entropy(L, alpha)) <= joint + slack
    assert matrix_conditional_entropy(K, L, alpha=alpha) >= -slack


@given(seeds, st.floats(0.3, 3))
def test_information_is_not_negative_at_order_one(seed: int, bandwidth: float) -> None:
    K, L, M = gram(seed, bandwidth=bandwidth), gram(seed + 1), gram(seed + 2)
    information = matrix_mutual_information(K, L)
    assert information >= -1e-12
    assert information <= min(matrix_entropy(K), matrix_entropy(L)) + 1e-12
    assert matrix_total_correlation(K, L, M) >= information - 1e-12


def test_a_known_negative_information_is_not_clipped() -> None:
    # 1/2, 1/4, 1/4 on (0, 0), (0, 1), (1, 0): at order 2, ln(8/5) + ln(8/5) < ln(8/3).
    x, y = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 0])
    K, L = label_gram(x), label_gram(y)
    found = matrix_mutual_information(K, L, 2)
    assert found == pytest.approx(2 * math.log(8 / 5) - math.log(8 / 3), abs=1e-14)
    assert found < -0.04
    assert matrix_mutual_information(torch.from_numpy(K), torch.from_numpy(L), 2).item() == found
    assert matrix_total_correlation(K, L, alpha=2) == pytest.approx(found, abs=1e-14)
    assert normalized_matrix_mutual_information(K, L, 2) < -0.04
    assert matrix_mutual_information(K, L) > 0


def test_a_negative_information_of_gaussian_kernels() -> None:
    # Found by search over small samples: subadditivity fails off order 1 for these too.
    least = min(
        float(
            matrix_mutual_information(
                gram(seed, 5, 1, bandwidth=1.0), gram(seed + 10_000, 5, 1, bandwidth=1.0), 3
            )
        )
        for seed in range(400)
    )
    assert least < -1e-3


@given(seeds, orders)
def test_order_of_rows_and_variables_does_not_matter(seed: int, alpha: float) -> None:
    K, L = gram(seed), gram(seed + 1)
    order = np.random.default_rng(seed).permutation(8)
    moved = [G[np.ix_(order, order)] for G in (K, L)]
    value = matrix_mutual_information(K, L, alpha)
    slack = 1e-5 if alpha < 1 else 1e-12
    assert float(matrix_mutual_information(*moved, alpha=alpha)) == pytest.approx(value, abs=slack)
    assert float(matrix_mutual_information(L, K, alpha)) == pytest.approx(value, abs=slack)


@given(seeds)
def test_entropies_of_kronecker_products_add(seed: int) -> None:
    K, L = gram(seed, 4), gram(seed + 1, 5)
    for alpha in (1.0, 1.5, 2.0):
        both = matrix_entropy(K, alpha) + matrix_entropy(L, alpha)
        np.testing.assert_allclose(matrix_entropy(np.kron(K, L), alpha), both, **TOL)
        # The variables of a grid are independent: no information.
        ones = [np.kron(K, np.ones((5, 5))), np.kron(np.ones((4, 4)), L)]
        assert float(matrix_mutual_information(*ones, alpha=alpha)) == pytest.approx(0, abs=1e-12)


def test_normalised_information() -> None:
    K = gram(0)
    assert normalized_matrix_mutual_information(np.eye(5), np.eye(5)) == pytest.approx(1)
    expected = matrix_mutual_information(K, gram(1)) / max(
        matrix_entropy(K), matrix_entropy(gram(1))
    )
    np.testing.assert_allclose(normalized_matrix_mutual_information(K, gram(1)), expected, **TOL)
    for alpha in ORDERS:
        assert normalized_matrix_mutual_information(np.ones((4, 4)), np.ones((4, 4)), alpha) == 0


# Pairs against random pairs


@given(seeds)
def test_exact_mean_over_all_permutations(seed: int) -> None:
    K, L = gram(seed, 5), gram(seed + 1, 5)
    squares = [
        np.sum((K * L[np.ix_(order, order)] / 5) ** 2)
        for order in map(list, itertools.permutations(range(5)))
    ]
    expected = -math.log(np.mean(squares)) - matrix_joint_entropy(K, L, alpha=2)
    found = difference_of_matrix_entropies(K, L, 2, n_permutations=None)
    np.testing.assert_allclose(found, expected, **TOL)
    mean = np.mean(-np.log(squares)) - matrix_joint_entropy(K, L, alpha=2)
    # Inside the logarithm: lower, by half the relative variance to second order.
    assert found <= mean + 1e-13
    many = difference_of_matrix_entropies(K, L, 2, n_permutations=300)
    spread = np.std(-np.log(squares)) / math.sqrt(300)
    assert abs(many - mean) < 5 * spread + 1e-12


def test_difference_of_entropies_vanishes_at_both_ends_of_the_bandwidth() -> None:
    X = np.random.default_rng(0).normal(size=(30, 1))
    values = [
        float(difference_of_matrix_entropies(K, K, 1.0))
        for K in (gaussian_gram(X, bandwidth=b) for b in (1e-3, 0.3, 1e4))
    ]
    assert abs(values[0]) < 1e-6
    assert abs(values[2]) < 1e-4
    assert values[1] > 0.3


# Two samples


@given(seeds, st.integers(1, 7))
def test_jensen_renyi_weighs_samples_of_any_size(seed: int, n: int) -> None:
    Z = np.random.default_rng(seed).normal(size=(8, 3))
    Z = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    parts = [part.T @ part / len(part) for part in (Z[:n], Z[n:])]

    def entropy(matrix: np.ndarray) -> float:
        spectrum = np.linalg.eigvalsh(matrix)
        spectrum = spectrum[spectrum > 1e-14]
        return float(-np.sum(spectrum * np.log(spectrum)))

    for w in (0.5, 0.3):
        expected = entropy(w * parts[0] + (1 - w) * parts[1])
        expected -= w * entropy(parts[0]) + (1 - w) * entropy(parts[1])
        found = jensen_renyi_divergence(Z @ Z.T, n, weight=w)
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)
        assert -1e-12 <= found <= -w * math.log(w) - (1 - w) * math.log(1 - w) + 1e-12


@given(seeds)
def test_jensen_divergence_is_information_about_the_label(seed: int) -> None:
    K = gram(seed)
    labels = label_gram(np.repeat([0, 1], 4))
    np.testing.assert_allclose(
        jensen_renyi_divergence(K, 4), matrix_mutual_information(K, labels), **TOL
    )


@each_order
def test_jensen_renyi_of_equal_and_of_separate_samples(alpha: float) -> None:
    K = gram(0, 4)
    twice = np.block([[K, K], [K, K]])
    # Equal samples: rows that repeat leave eigenvalues of 0, which powers below 1 magnify.
    assert jensen_renyi_divergence(twice, 4, alpha) == pytest.approx(0, abs=1e-12)
    apart = np.kron(np.eye(2), np.ones((4, 4)))
    assert jensen_renyi_divergence(apart, 4, alpha) == pytest.approx(math.log(2), abs=1e-13)


def test_jensen_renyi_of_order_two_may_be_negative() -> None:
    K = np.eye(40)
    K[:20, :20] = 1.0  # one point against 20 that share nothing: ln 4 - ln(1 + 1/20) - ln(20) / 2
    found = jensen_renyi_divergence(K, 20, 2)
    assert found == pytest.approx(math.log(4 / 1.05) - math.log(20) / 2, abs=1e-13)
    assert found < -0.1


# Libraries, gradients, bad input


@each_order
@each_pair
def test_libraries_and_batches_agree(f: Callable[..., Any], alpha: float) -> None:
    K, L = np.stack([gram(0), gram(1)]), np.stack([gram(2), gram(3)])
    # Smooth kernels have eigenvalues that rounding moves, and powers below 1 magnify it.
    tolerance = 1e-6 if alpha < 1 else 1e-12
    value = f(K, L, alpha=alpha)
    assert value.shape == (2,)
    np.testing.assert_allclose(value[1], f(K[1], L[1], alpha=alpha), atol=tolerance, rtol=0)
    found = f(torch.from_numpy(K), torch.from_numpy(L), alpha=alpha)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), value, atol=tolerance, rtol=0)
    strict = f(array_api_strict.asarray(K), array_api_strict.asarray(L), alpha=alpha)
    np.testing.assert_allclose(np.asarray(strict), value, atol=tolerance, rtol=0)
    single = f(K.astype(np.float32), L.astype(np.float32), alpha=alpha)
    assert single.dtype == np.float32


@pytest.mark.parametrize("alpha", [0.95, 1.0, 1.01, 2.0, 3.0])
@each_pair
def test_gradients(f: Callable[..., Any], alpha: float) -> None:
    X = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 2))).requires_grad_()
    Y = torch.from_numpy(np.random.default_rng(1).normal(size=(5, 2))).requires_grad_()

    def value(X: Any, Y: Any) -> Any:
        return f(gaussian_gram(X, bandwidth=0.8), gaussian_gram(Y, bandwidth=0.8), alpha=alpha)

    assert torch.autograd.gradcheck(value, (X, Y))


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.01, 2.0, 3.0])
@pytest.mark.parametrize("case", ["identity", "blocks", "equal-distances"])
def test_gradients_at_repeated_eigenvalues(alpha: float, case: str) -> None:
    K = {
        "identity": np.eye(4),
        "blocks": np.kron(np.eye(2), np.array([[1.0, 0.5], [0.5, 1.0]])),
        "equal-distances": 0.6 * np.eye(4) + 0.4,
    }[case]
    upstream = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    # A symmetric matrix from its entries: those above the diagonal alone would be no kernel.
    tensor = torch.from_numpy(K).requires_grad_()

    def value(matrix: Any) -> Any:
        return matrix_entropy((matrix + matrix.mT) / 2, alpha)

    assert torch.autograd.gradcheck(value, tensor)
    assert torch.autograd.gradgradcheck(value, tensor, upstream)


@each_order
def test_gradient_is_finite_at_zero_eigenvalues(alpha: float) -> None:
    Z = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 2))).requires_grad_()
    (gradient,) = torch.autograd.grad(matrix_entropy(Z @ Z.mT, alpha), Z)
    assert torch.all(torch.isfinite(gradient))
    # Along the rows' own lines nothing changes.
    assert torch.allclose(torch.sum(gradient * Z, dim=1), torch.zeros(6, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda Z: matrix_entropy(Z @ Z.mT, alpha), Z)


def test_jensen_renyi_gradient() -> None:
    X = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 2))).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda X: jensen_renyi_divergence(gaussian_gram(X, bandwidth=1.0), 2), X
    )


BAD = {
    "indefinite": (np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]), "an eigenvalue of"),
    "too-large": (np.array([[1.0, 2.0], [2.0, 1.0]]), r"\|K_ij\| = 2 sqrt"),
    "negative": (-np.eye(2), "diagonal entry of -1"),
    "zero-row": (np.diag([1.0, 0.0]), "diagonal entry of 0"),
    "skew": (np.array([[1.0, 0.5], [0.0, 1.0]]), "must be symmetric"),
    "nan": (np.array([[1.0, np.nan], [np.nan, 1.0]]), "must be finite"),
    "not-square": (np.ones((2, 3)), r"must have shape \(\.\.\., n, n\)"),
    "empty": (np.ones((0, 0)), r"must have shape"),
}


@pytest.mark.parametrize("library", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize("case", BAD)
def test_bad_gram_matrices_are_refused(case: str, library: Callable[[Any], Any]) -> None:
    K, words = BAD[case]
    with pytest.raises(ValueError, match=words):
        matrix_entropy(library(K))
    if case != "indefinite":  # no eigenvalue is looked at
        with pytest.raises(ValueError, match=words):
            matrix_entropy(library(K), 2)


def test_other_bad_arguments_are_refused() -> None:
    K = np.eye(3)
    for alpha in (0, -1.0, math.nan):
        with pytest.raises(ValueError, match="alpha must be positive"):
            matrix_entropy(K, alpha)
    with pytest.raises(ValueError, match="same rows, got 3 and 4"):
        matrix_mutual_information(K, np.eye(4))
    with pytest.raises(ValueError, match="At least one"):
        matrix_joint_entropy()
    with pytest.raises(ValueError, match="n_permutations may be None at alpha = 2"):
        difference_of_matrix_entropies(K, K, 1.0, n_permutations=None)
    with pytest.raises(ValueError, match="n_permutations must be at least 1"):
        difference_of_matrix_entropies(K, K, n_permutations=0)
    for n_first in (0, 3):
        with pytest.raises(ValueError, match="n_first must be from 1 to 2"):
            jensen_renyi_divergence(K, n_first)
    with pytest.raises(ValueError, match="weight must be between"):
        jensen_renyi_divergence(K, 1, weight=1.0)


def test_rounding_below_zero_counts_as_zero() -> None:
    # 40 points of a kernel so wide that most eigenvalues are rounding, of either sign.
    X = np.random.default_rng(0).normal(size=(40, 1))
    K = gaussian_gram(X, bandwidth=30.0)
    assert np.linalg.eigvalsh(K)[0] < 0
    value = matrix_entropy(K)
    assert 0 < value < 0.05
    # The first two eigenvalues by the variance: 1 - s^2 / 900 and s^2 / 900.
    small = np.var(X) / 900
    expected = -small * math.log(small) - (1 - small) * math.log1p(-small)
    assert value == pytest.approx(expected, rel=0.01)
