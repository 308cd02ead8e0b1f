"""Log Bessel functions, von Mises-Fisher constants, entropy and reconstruction on the sphere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from infotheory.functional import (
    cluster_entropy_reconstruction,
    entropy_reconstruction,
    log_bessel_i,
    log_vmf_normalizer,
    vmf_kernel_entropy,
)

ORDERS = (0.0, 0.5, 1.0, 2.5, 17.0, 47.5, 48.0, 49.5, 499.0, 10_000.0)
ARGUMENTS = (1e-8, 1e-3, 0.3, 1.0, 7.0, 30.0, 200.0, 1500.0)
DIMS = (1, 2, 3, 10, 97, 98, 1000, 20_002)
UNIFORM_3 = math.log(4 * math.pi)


def log_series(order: float, x: float) -> float:
    """ln of sum_k (x^2 / 4)^k / (k! (order + 1)_k), all terms positive, term by term."""
    k = np.arange(3000)
    logs = 2 * k * math.log(x / 2) - scipy.special.gammaln(k + 1)
    logs -= scipy.special.gammaln(order + 1 + k) - math.lgamma(order + 1)
    return float(scipy.special.logsumexp(logs))


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def sphere(n: int, seed: int, d: int = 3) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((n, d)))


def channel(centres: np.ndarray, concentration: float, seed: int) -> np.ndarray:
    """A draw of the von Mises-Fisher law on the ordinary sphere around each row."""
    rng = np.random.default_rng(seed)
    u = rng.random((len(centres), 1))
    along = 1 + np.log(u + (1 - u) * math.exp(-2 * concentration)) / concentration
    across = rng.standard_normal(centres.shape)
    across = unit(across - np.sum(across * centres, axis=1, keepdims=True) * centres)
    return along * centres + np.sqrt(1 - along**2) * across


def channel_information(concentration: float) -> float:
    """I(Z1; Z2) for uniform Z1 on the ordinary sphere, in elementary functions."""
    mean_cosine = 1 / math.tanh(concentration) - 1 / concentration
    log_constant = math.log(concentration / (4 * math.pi * math.sinh(concentration)))
    return UNIFORM_3 + log_constant + concentration * mean_cosine


# The log of the Bessel function


@pytest.mark.parametrize("order", ORDERS)
def test_log_bessel_is_its_series(order: float) -> None:
    expected = [
        log_series(order, x) + order * math.log(x / 2) - math.lgamma(order + 1) for x in ARGUMENTS
    ]
    found = log_bessel_i(np.array(ARGUMENTS), order)
    # The series itself sums logs of up to 1e5, of which float64 keeps 1e-11.
    np.testing.assert_allclose(found, expected, rtol=3e-13, atol=1e-12)


def test_log_bessel_where_scipy_is_in_range_and_where_the_function_is_not() -> None:
    x = np.array([0.1, 1.0, 10.0, 100.0, 600.0])
    for order in (0.0, 0.5, 3.0, 20.0):
        expected = np.log(scipy.special.ive(order, x)) + x
        np.testing.assert_allclose(log_bessel_i(x, order), expected, rtol=1e-13, atol=1e-14)
    assert scipy.special.iv(499, 10.0) == 0.0
    assert log_bessel_i(10.0, 499.0) == pytest.approx(-1801.956334551795, rel=1e-14)
    # (x / 2)^nu / Gamma(nu + 1) is all there is of it far below the order.
    leading = 1e4 * math.log(0.5) - math.lgamma(1e4 + 1)
    assert log_bessel_i(1.0, 1e4) == pytest.approx(leading + 0.25 / 10_001, rel=1e-14)
    # sqrt(2 pi x) I_nu(x) e^-x tends to 1 far above it.
    far = 1e8
    assert log_bessel_i(far, 2.0) == pytest.approx(far - 0.5 * math.log(2 * math.pi * far))


def test_log_bessel_at_zero() -> None:
    assert log_bessel_i(np.zeros(2), 0.0).tolist() == [0.0, 0.0]
    assert log_bessel_i(np.zeros(1), 3.0).tolist() == [-math.inf]
    assert log_bessel_i(0, 0.5) == -math.inf


def test_log_bessel_of_order_one_half_is_the_hyperbolic_sine() -> None:
    x = np.linspace(0.01, 30, 40)
    expected = np.log(np.sqrt(2 / (np.pi * x)) * np.sinh(x))
    np.testing.assert_allclose(log_bessel_i(x, 0.5), expected, rtol=1e-13, atol=1e-14)


# The normalizer


def test_normalizer_at_zero_is_the_area_of_the_sphere() -> None:
    for d, area in ((1, 2.0), (2, 2 * math.pi), (3, 4 * math.pi), (4, 2 * math.pi**2)):
        assert -log_vmf_normalizer(0.0, d) == pytest.approx(math.log(area), rel=1e-15)
    uniform = math.log(2) + 500 * math.log(math.pi) - math.lgamma(500)
    assert -log_vmf_normalizer(0.0, 1000) == pytest.approx(uniform, rel=1e-15)
    assert uniform == pytest.approx(-2032.06, abs=0.005)


def test_normalizer_in_elementary_functions() -> None:
    x = np.array([1e-6, 0.01, 1.0, 5.0, 20.0])
    np.testing.assert_allclose(log_vmf_normalizer(x, 1), -np.log(2 * np.cosh(x)), rtol=1e-14)
    expected = np.log(x / (4 * np.pi * np.sinh(x)))
    np.testing.assert_allclose(log_vmf_normalizer(x, 3), expected, rtol=1e-14)
    circle = -np.log(2 * np.pi * scipy.special.i0(x))
    np.testing.assert_allclose(log_vmf_normalizer(x, 2), circle, rtol=1e-14)


@pytest.mark.parametrize("d", DIMS)
def test_normalizer_does_not_cancel(d: int) -> None:
    """The part that depends on the concentration, to its own digits."""
    for x in ARGUMENTS:
        difference = log_vmf_normalizer(0.0, d) - log_vmf_normalizer(x, d)
        rounding = 4e-16 * abs(log_vmf_normalizer(0.0, d))
        expected = log_series(d / 2 - 1, x)
        assert difference == pytest.approx(expected, rel=1e-12, abs=rounding + 1e-11)


@pytest.mark.parametrize("d", DIMS)
def test_slope_of_the_normalizer_is_the_mean_cosine(d: int) -> None:
    torch = pytest.importorskip("torch")
    for x in ARGUMENTS:
        at = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(log_vmf_normalizer(at, d), at, create_graph=True)
        (curvature,) = torch.autograd.grad(slope, at)
        log_ratio = log_series(d / 2, x) - log_series(d / 2 - 1, x)
        mean_cosine = x / d * math.exp(log_ratio)
        # Logs of gamma functions in the series are up to 1e5.
        assert -slope.item() == pytest.approx(mean_cosine, rel=1e-10)
        # A' = 1 - A^2 - (d - 1) A / x, of terms that cancel where x is small.
        variance = 1 - mean_cosine**2 - (d - 1) * mean_cosine / x
        assert -curvature.item() == pytest.approx(variance, rel=1e-6, abs=1e-10)


def test_normalizer_in_every_library(xp: Any) -> None:
    values = np.array([[0.0, 0.5], [10.0, 300.0]])
    for dtype, rtol in ((xp.float64, 1e-14), (xp.float32, 2e-6)):
        for d in (3, 500):
            found = log_vmf_normalizer(xp.asarray(values, dtype=dtype), d)
            assert found.dtype == dtype
            np.testing.assert_allclose(np.asarray(found), log_vmf_normalizer(values, d), rtol=rtol)
    found = log_bessel_i(xp.asarray([1, 2]), 2.0)
    assert found.dtype == xp.float64


def test_gradients_of_the_constants() -> None:
    torch = pytest.importorskip("torch")
    at = torch.tensor([0.0, 1e-3, 2.0, 70.0], dtype=torch.float64, requires_grad=True)
    for d in (2, 7, 130):
        assert torch.autograd.gradcheck(lambda x, d=d: log_vmf_normalizer(x, d), at, atol=1e-7)
    positive = torch.tensor([0.5, 40.0], dtype=torch.float64, requires_grad=True)
    for order in (0.0, 1.5, 60.0):
        f = lambda x, order=order: log_bessel_i(x, order)  # noqa: E731
        assert torch.autograd.gradcheck(f, positive)
        with torch.random.fork_rng(devices=[]):
            assert torch.autograd.gradgradcheck(f, positive)


# Entropy by kernels


def test_kernel_entropy_of_the_uniform_sphere() -> None:
    """Smoothing leaves the uniform law as it is; the error is that of the mean of kernels."""
    found = [vmf_kernel_entropy(sphere(1500, s), 5.0) for s in range(4)]
    assert np.mean(found) == pytest.approx(UNIFORM_3, abs=0.02)


def test_kernel_entropy_of_one_point_is_that_of_its_peak() -> None:
    Z = np.tile(sphere(1, 0, 5), (7, 1))
    peak = log_vmf_normalizer(3.0, 5) + 3.0
    for form in ("average", "expectation"):
        assert vmf_kernel_entropy(Z, 3.0, form=form) == pytest.approx(-peak, rel=1e-13)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 10.0, 200.0]))
def test_entropies_and_their_bounds(seed: int, concentration: float) -> None:
    Z1, Z2 = sphere(12, seed, 4), sphere(12, seed + 1, 4)
    forms = [vmf_kernel_entropy(Z2, concentration, form=f) for f in ("expectation", "average")]
    bounds = [
        entropy_reconstruction(Z1, Z2, concentration, form=f) for f in ("expectation", "average")
    ]
    rounding = 1e-13 * (1 + concentration)
    assert forms[0] <= forms[1] + rounding
    assert bounds[0] <= bounds[1] + rounding <= math.log(12) + 2 * rounding
    ceiling = math.log(12) - log_vmf_normalizer(concentration, 4) - concentration
    assert forms[1] <= ceiling + rounding
    # The same, as the sum of the two terms.
    reconstruction = concentration * np.mean(np.sum(Z1 * Z2, axis=1))
    reconstruction += log_vmf_normalizer(concentration, 4)
    assert bounds[1] == pytest.approx(forms[1] + reconstruction, rel=1e-11, abs=1e-11)


def test_forms_by_their_definition() -> None:
    Z = sphere(9, 3)
    kernel = np.exp(4.0 * Z @ Z.T) * 4.0 / (4 * math.pi * math.sinh(4.0))
    density = kernel.mean(axis=1)
    assert vmf_kernel_entropy(Z, 4.0) == pytest.approx(-np.log(density).mean(), rel=1e-13)
    expected = -np.sum(density / density.sum() * np.log(density))
    found = vmf_kernel_entropy(Z, 4.0, form="expectation")
    assert found == pytest.approx(expected, rel=1e-13)


# Entropy and reconstruction


@pytest.mark.parametrize("concentration", [2.0, 5.0, 10.0])
def test_bound_on_a_channel_is_below_its_information_and_near_it(concentration: float) -> None:
    n, truth = 400, channel_information(concentration)
    found = []
    for seed in range(12):
        Z1 = sphere(n, seed)
        found.append(entropy_reconstruction(Z1, channel(Z1, concentration, seed), concentration))
    error = np.std(found, ddof=1) / math.sqrt(len(found))
    assert np.mean(found) < truth + 3 * error
    assert np.mean(found) > truth - 0.1


def test_bound_with_another_concentration_is_lower() -> None:
    Z1 = sphere(1000, 0)
    Z2 = channel(Z1, 8.0, 1)
    right = entropy_reconstruction(Z1, Z2, 8.0)
    assert entropy_reconstruction(Z1, Z2, 2.0) < right
    assert entropy_reconstruction(Z1, Z2, 40.0) < right
    shuffled = entropy_reconstruction(Z1, Z2[np.random.default_rng(0).permutation(1000)], 8.0)
    assert shuffled < 0


def test_concentrated_views_that_share_nothing_can_score_above_zero() -> None:
    """Why it is called a bound for spread representations only."""
    pole = np.tile([[0.0, 0.0, 1.0]], (1000, 1))
    assert entropy_reconstruction(pole, channel(pole, 10.0, 0), 5.0) > 0.1


def test_many_dimensions_lose_no_digits() -> None:
    """The constants of about 2 000 cancel, also in float32."""
    Z1 = sphere(20, 0, 1000)
    Z2 = unit(Z1 + 0.01 * sphere(20, 1, 1000))
    exact = entropy_reconstruction(Z1, Z2, 10.0)
    single = entropy_reconstruction(Z1.astype(np.float32), Z2.astype(np.float32), 10.0)
    assert single == pytest.approx(exact, abs=1e-5)


def test_clusters_by_their_definition_and_at_the_edge() -> None:
    rng = np.random.default_rng(0)
    p1, p2 = rng.dirichlet(np.ones(4), 30), rng.dirichlet(np.ones(4), 30)
    marginal = p2.mean(axis=0)
    expected = -np.sum(marginal * np.log(marginal)) + np.mean(np.sum(p2 * np.log(p1), axis=1))
    assert cluster_entropy_reconstruction(p1, p2) == pytest.approx(expected, rel=1e-13)
    sure = np.eye(4)[np.arange(20) % 4]
    assert cluster_entropy_reconstruction(sure, sure) == pytest.approx(math.log(4), rel=1e-14)
    assert cluster_entropy_reconstruction(sure, sure[::-1]) == -math.inf
    one = np.ones((5, 1))
    assert cluster_entropy_reconstruction(one, one) == 0.0


def test_clusters_of_a_noisy_label_stay_below_its_information() -> None:
    """A cluster that is told with probability .9, the rest spread: known to the row."""
    k, told = 5, 0.9
    truth = math.log(k) + told * math.log(told) + 0.1 * math.log(0.1 / (k - 1))
    p = np.full((k, k), 0.1 / (k - 1)) + (told - 0.1 / (k - 1)) * np.eye(k)
    assert cluster_entropy_reconstruction(p, p) == pytest.approx(truth, rel=1e-13)
    rng = np.random.default_rng(0)
    small = [p[rng.integers(k, size=20)] for _ in range(200)]
    assert np.mean([cluster_entropy_reconstruction(s, s) for s in small]) < truth


@pytest.mark.parametrize("form", ["average", "expectation"])
def test_bounds_in_every_library_over_leading_axes(xp: Any, form: str) -> None:
    rng = np.random.default_rng(0)
    Z1, Z2 = (unit(rng.standard_normal((2, 8, 5))) for _ in range(2))
    p1, p2 = (rng.dirichlet(np.ones(3), (2, 8)) for _ in range(2))
    for dtype, rtol in ((xp.float64, 1e-12), (xp.float32, 1e-5)):
        first, second = (xp.asarray(z, dtype=dtype) for z in (Z1, Z2))
        values = [
            (entropy_reconstruction(first, second, 3.0, form=form),)
            + tuple(entropy_reconstruction(a, b, 3.0, form=form) for a, b in zip(Z1, Z2, strict=1)),
            (vmf_kernel_entropy(first, 3.0, form=form),)
            + tuple(vmf_kernel_entropy(a, 3.0, form=form) for a in Z1),
            (cluster_entropy_reconstruction(*(xp.asarray(p, dtype=dtype) for p in (p1, p2))),)
            + tuple(cluster_entropy_reconstruction(a, b) for a, b in zip(p1, p2, strict=True)),
        ]
        for batched, *single in values:
            assert batched.dtype == dtype
            np.testing.assert_allclose(np.asarray(batched), single, rtol=rtol, atol=rtol)


def test_gradients_of_the_bounds() -> None:
    torch = pytest.importorskip("torch")
    Z1, Z2 = (torch.tensor(sphere(6, s, 4), requires_grad=True) for s in (0, 1))
    kappa = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    for form in ("average", "expectation"):
        assert torch.autograd.gradcheck(
            lambda *a, form=form: entropy_reconstruction(*a, form=form), (Z1, Z2, kappa)
        )
        assert torch.autograd.gradcheck(
            lambda *a, form=form: vmf_kernel_entropy(*a, form=form), (Z1, kappa)
        )
    p1, p2 = (torch.softmax(z.detach(), dim=1).requires_grad_() for z in (Z1, Z2))
    assert torch.autograd.gradcheck(cluster_entropy_reconstruction, (p1, p2))


@pytest.mark.parametrize(("dtype", "most"), [(np.float32, 1e37), (np.float64, 1e300)])
def test_the_log_is_finite_as_far_as_the_argument_is(dtype, most):
    """ln I(x) is x but for logarithms."""
    x = np.array([1e12, most], dtype=dtype)
    np.testing.assert_allclose(log_bessel_i(x, 3.0), x, rtol=1e-6)
    torch = pytest.importorskip("torch")
    given = torch.tensor(x, requires_grad=True)
    (slope,) = torch.autograd.grad(log_bessel_i(given, 3.0).sum(), given)
    np.testing.assert_allclose(slope.numpy(), 1.0, rtol=1e-6)
