"""Halves, autocast and transforms of Torch in functionals of kernels and spectra."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infotheory.functional import (
    cauchy_schwarz_divergence,
    cauchy_schwarz_mutual_information,
    conditional_cauchy_schwarz_divergence,
    conditional_cauchy_schwarz_mutual_information,
    effective_rank,
    gaussian_gram,
    gram_log_row_sums,
    hsic,
    independence_payoffs,
    jensen_renyi_divergence,
    matrix_entropy,
    matrix_mutual_information,
    matrix_nuclear_norm,
    mmd,
    normalized_tokens,
    nuclear_norm,
    participation_ratio,
    symmetric_payoffs,
    token_matrix_entropy,
    von_neumann_entropy,
)

torch = pytest.importorskip("torch")

PAIRED = {
    "mmd": lambda x, y, z: mmd(x, y, 1.0),
    "cauchy-schwarz": lambda x, y, z: cauchy_schwarz_divergence(x, y, 1.0),
    "information": lambda x, y, z: cauchy_schwarz_mutual_information(x, z, 1.0),
    "conditional": lambda x, y, z: conditional_cauchy_schwarz_divergence(x, x, y, 1.0),
    "given": lambda x, y, z: conditional_cauchy_schwarz_mutual_information(x, y, z, 1.0),
    "hsic": lambda x, y, z: hsic(x, z, 1.0),
    "cka": lambda x, y, z: hsic(x, z, 1.0, estimator="unbiased", normalized=True),
}
SPECTRAL = {
    "von-neumann": von_neumann_entropy,
    "rank": lambda z: effective_rank(z, convention="von-neumann"),
    "roy-vetterli": lambda z: effective_rank(z, convention="roy-vetterli"),
    "participation": participation_ratio,
    "tokens": token_matrix_entropy,
    "nuclear": nuclear_norm,
    "surrogate": matrix_nuclear_norm,
}


def draw(seed=0, n=400, d=2):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d)))


@pytest.mark.parametrize("name", PAIRED)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_count_as_float32_in_kernels(name, dtype):
    """Sums of as few as 300 kernels leave the range of float16."""
    x, y = draw(0).to(dtype), draw(1).to(dtype)
    z = x + y
    exact = PAIRED[name](x.double(), y.double(), z.double())
    for first in (x, x.clone().requires_grad_()):
        found = PAIRED[name](first, y, z)
        assert found.dtype == torch.float32
        assert found.item() == pytest.approx(exact.item(), abs=2e-6)


@pytest.mark.parametrize("name", SPECTRAL)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_count_as_float32_in_spectra(name, dtype):
    Z = draw(2, 30, 5).to(dtype).requires_grad_()
    found = SPECTRAL[name](Z)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(SPECTRAL[name](Z.detach().double()).item(), rel=1e-5)
    (gradient,) = torch.autograd.grad(found, Z)
    assert gradient.dtype == dtype
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", SPECTRAL)
def test_collapsed_rows_under_autocast(name):
    """Products of matrices in halves are not semi-definite, and were refused."""
    Z = (draw(3, 128, 2) @ draw(4, 2, 32)).float().requires_grad_()
    exact = SPECTRAL[name](Z.detach()).item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = SPECTRAL[name](Z)
        assert found.dtype == torch.float32
        found.backward()
    assert found.item() == pytest.approx(exact, rel=1e-4)
    assert torch.isfinite(Z.grad).all()


def test_normalised_forms_under_wide_kernels_in_float32():
    """Differences of sums that float32 does not see: 0 came out, or more than 1."""
    x = draw(5, 200, 1).numpy()
    y = x + 0.3 * draw(6, 200, 1).numpy()
    for width in (15.0, 100.0):
        for function in (hsic, cauchy_schwarz_mutual_information):
            exact = function(x, y, width, normalized=True)
            found = function(x.astype(np.float32), y.astype(np.float32), width, normalized=True)
            assert found.dtype == np.float32
            assert float(found) == pytest.approx(float(exact), abs=1e-5)


@pytest.mark.parametrize("name", [*PAIRED, *SPECTRAL, "matrix", "shared", "two"])
def test_gradients_by_transforms(name):
    functions = {
        **PAIRED,
        **{key: lambda x, y, z, f=f: f(x) for key, f in SPECTRAL.items()},
        "matrix": lambda x, y, z: matrix_entropy(gaussian_gram(x, bandwidth=1.0), math.inf),
        "shared": lambda x, y, z: matrix_mutual_information(
            gaussian_gram(x, bandwidth=1.0), gaussian_gram(y, bandwidth=1.0), 1.01
        ),
        "two": lambda x, y, z: jensen_renyi_divergence(gaussian_gram(x, bandwidth=1.0), 3),
    }
    function = functions[name]
    x, y, z = (draw(seed, 8, 3) for seed in (7, 8, 9))
    found = torch.func.grad(function)(x, y, z)
    x.requires_grad_()
    (expected,) = torch.autograd.grad(function(x, y, z), x)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", PAIRED)
def test_kernels_that_are_mapped_over(name):
    samples = [torch.stack([draw(seed, 8, 3), draw(seed + 1, 8, 3)]) for seed in (20, 30, 40)]
    torch.testing.assert_close(torch.vmap(PAIRED[name])(*samples), PAIRED[name](*samples))


def test_spectra_that_are_mapped_over_are_refused_in_words():
    Z = torch.stack([draw(20, 8, 3), draw(21, 8, 3)])
    for function in SPECTRAL.values():
        with pytest.raises(TypeError, match=r"outside of torch.vmap.*along leading axes"):
            torch.vmap(function)(Z)


def test_largest_eigenvalue_has_the_derivatives_that_exist():
    X = draw(9, 6, 2).requires_grad_()

    def entropy(x):
        return matrix_entropy(gaussian_gram(x, bandwidth=1.0), math.inf)

    with torch.random.fork_rng(devices=[]):
        assert torch.autograd.gradcheck(entropy, (X,))
        assert torch.autograd.gradgradcheck(entropy, (X,))
    # Two blocks of equal rows: neither eigenvector comes before the other.
    K = torch.block_diag(torch.ones(2, 2), torch.ones(2, 2)).double().requires_grad_()
    (slope,) = torch.autograd.grad(matrix_entropy(K, math.inf), K, create_graph=True)
    turned = slope.detach()[[2, 3, 0, 1]][:, [2, 3, 0, 1]]
    torch.testing.assert_close(slope.detach(), turned)
    with pytest.raises(RuntimeError, match=r"largest eigenvalue is simple.*finite order"):
        torch.autograd.grad(slope.sum(), K)


@pytest.mark.parametrize("name", [*SPECTRAL, "rows"])
def test_what_is_no_table_of_real_numbers(name):
    function = normalized_tokens if name == "rows" else SPECTRAL[name]
    Z = draw(10, 6, 3).numpy()
    for bad in (Z[0], Z[:0], Z[:, :0], Z + 1j, np.where(Z > 0, np.nan, Z)):
        with pytest.raises(ValueError, match="Z must"):
            function(bad)
    masked = np.ma.MaskedArray(Z, mask=Z > 1)
    for bad in (Z.tolist(), None, Z.astype(str), Z.astype(object), masked):
        with pytest.raises(TypeError, match="Z must"):
            function(bad)


def test_ranks_of_the_largest_floats():
    Z = np.sign(draw(11, 6, 3).numpy())
    for scale in (1e-308, 1.7e308):
        found = effective_rank(scale * Z, convention="roy-vetterli")
        assert found == pytest.approx(effective_rank(Z, convention="roy-vetterli"))


def test_payoffs_that_are_missing_are_not_forgotten():
    """One of them made all later payoffs 0."""
    for bad in ([math.nan, 0.1], [math.inf, 0.1], [], [1j]):
        with pytest.raises(ValueError, match="payoffs must"):
            symmetric_payoffs(np.array(bad))
    with pytest.raises(TypeError, match="payoffs must"):
        symmetric_payoffs(np.ma.MaskedArray([0.1, 0.2], mask=[0, 1]))
    x, y = draw(12, 60, 1), draw(13, 60, 1)
    widths = {"bandwidth_x": 1.0, "bandwidth_y": 1.0}
    halves = independence_payoffs(x.half(), y.half(), **widths)
    exact = independence_payoffs(x.half().double(), y.half().double(), **widths)
    torch.testing.assert_close(halves.double(), exact, atol=1e-5, rtol=0)


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("width", [0.01, 4.0, 1e4])
def test_products_of_matrices_are_as_exact_as_float32(width, gradient):
    """Where rows are too many bandwidths from their mean for that, differences are taken."""
    X = (1e3 * draw(14, 40, 16)).float()
    X[1] = X[0]
    X[2] = X[0] * (1 + 1e-6)
    differences = X.double()[:, None] - X.double()[None]
    exact = torch.exp(-torch.sum(differences**2, -1) / (2 * width**2))
    found = gaussian_gram(X.requires_grad_(gradient), bandwidth=width).detach()
    torch.testing.assert_close(found.double(), exact, atol=1.2e-7, rtol=0)
    assert (found.diagonal() == 1).all()
    assert found.max() == 1
    logs = gram_log_row_sums(X[:1], X[2:3], bandwidth=width).item()
    assert logs == pytest.approx(-0.5 * (differences[0, 2] ** 2).sum().item() / width**2, rel=1e-6)
