"""Closed forms for normal laws, against quadrature, sampling and laws they must obey."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from infotheory import functional
from infotheory.functional import (
    gaussian_cauchy_schwarz_divergence,
    gaussian_conditional_mutual_information,
    gaussian_entropy,
    gaussian_kl,
    gaussian_mutual_information,
    gaussian_renyi_divergence,
    gaussian_scores,
    log_det_bias,
)
from infotheory.testing import covariance_matrices, samples

# Condition numbers stay below 100 and dimensions below 6: 1e4 roundings at most.
RTOL, ATOL = 1e-10, 1e-11

Law = tuple[np.ndarray, np.ndarray]

DIVERGENCES: dict[str, Callable[..., Any]] = {
    "kl": gaussian_kl,
    "renyi-0.3": partial(gaussian_renyi_divergence, order=0.3),
    "renyi-0.5": partial(gaussian_renyi_divergence, order=0.5),
    "cauchy-schwarz": gaussian_cauchy_schwarz_divergence,
}
OF_COVARIANCES: dict[str, Callable[[Any], Any]] = {
    "entropy": gaussian_entropy,
    "mutual-information": partial(gaussian_mutual_information, dim_x=1),
    "conditional": partial(gaussian_conditional_mutual_information, dim_x=1, dim_y=2),
}

each_divergence = pytest.mark.parametrize("f", DIVERGENCES.values(), ids=DIVERGENCES)
each_of_covariances = pytest.mark.parametrize("f", OF_COVARIANCES.values(), ids=OF_COVARIANCES)


def close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=RTOL, atol=ATOL)


@st.composite
def law_pairs(draw: Any, dim: int | None = None) -> tuple[Law, Law]:
    d = draw(st.integers(1, 5)) if dim is None else dim
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    p, q = ((rng.standard_normal(d), draw(covariance_matrices(d))) for _ in range(2))
    return p, q


def random_map(seed: int, d: int) -> np.ndarray:
    """A linear map of condition number at most 9."""
    rng = np.random.default_rng(seed)
    u, _, v = np.linalg.svd(rng.standard_normal((d, d)))
    return (u * rng.uniform(1 / 3, 3, size=d)) @ v


# Values


@given(covariance_matrices())
def test_entropy_is_scipys(covariance: np.ndarray) -> None:
    close(gaussian_entropy(covariance), scipy.stats.multivariate_normal(cov=covariance).entropy())


@given(covariance_matrices(4), st.integers(1, 3))
def test_mutual_information_is_a_sum_of_entropies(covariance: np.ndarray, dim_x: int) -> None:
    x, y = covariance[:dim_x, :dim_x], covariance[dim_x:, dim_x:]
    value = gaussian_mutual_information(covariance, dim_x)
    close(value, gaussian_entropy(x) + gaussian_entropy(y) - gaussian_entropy(covariance))
    apart = np.block([[x, np.zeros((dim_x, 4 - dim_x))], [np.zeros((4 - dim_x, dim_x)), y]])
    zero = np.zeros(4)
    close(value, gaussian_kl(zero, covariance, zero, apart))


@given(st.floats(-0.99, 0.99))
def test_mutual_information_of_two_numbers(r: float) -> None:
    covariance = np.array([[4.0, 2 * r], [2 * r, 1.0]])
    close(gaussian_mutual_information(covariance, 1), -0.5 * math.log(1 - r**2))


@given(covariance_matrices(5), st.integers(1, 3), st.integers(1, 3))
def test_chain_rule_of_the_conditional_form(covariance: np.ndarray, dim_x: int, dim_y: int) -> None:
    dim_y = min(dim_y, 4 - dim_x)
    value = gaussian_conditional_mutual_information(covariance, dim_x, dim_y)
    assert value >= -ATOL
    z = list(range(dim_x + dim_y, 5))
    x_and_z = [*range(dim_x), *z]
    alone = gaussian_mutual_information(covariance[np.ix_(x_and_z, x_and_z)], dim_x)
    close(gaussian_mutual_information(covariance, dim_x), alone + value)
    # And by the law of (X, Y) given Z, whose covariance is a block of the inverse, inverted.
    both = slice(dim_x + dim_y)
    conditional = np.linalg.inv(np.linalg.inv(covariance)[both, both])
    close(value, gaussian_mutual_information(conditional, dim_x))


@pytest.mark.parametrize(
    ("p", "q"),
    [((0.0, 1.0), (1.0, 1.0)), ((0.3, 0.5), (-1.0, 2.0)), ((2.0, 3.0), (1.5, 0.7))],
)
def test_divergences_of_numbers_by_quadrature(
    p: tuple[float, float], q: tuple[float, float]
) -> None:
    def log_p(x: float) -> float:
        return float(scipy.stats.norm.logpdf(x, p[0], p[1] ** 0.5))

    def log_q(x: float) -> float:
        return float(scipy.stats.norm.logpdf(x, q[0], q[1] ** 0.5))

    def integral(f: Callable[[float], float]) -> float:
        return float(scipy.integrate.quad(f, -30, 30, epsabs=1e-13, limit=200, points=(0.0,))[0])

    arguments = [np.array(v) for v in ([p[0]], [[p[1]]], [q[0]], [[q[1]]])]
    kl = integral(lambda x: math.exp(log_p(x)) * (log_p(x) - log_q(x)))
    assert gaussian_kl(*arguments) == pytest.approx(kl, abs=1e-10)
    overlap = integral(lambda x: math.exp(log_p(x) + log_q(x)))
    own = [integral(lambda x, f=f: math.exp(2 * f(x))) for f in (log_p, log_q)]
    expected = math.log(own[0] * own[1] / overlap**2)
    assert gaussian_cauchy_schwarz_divergence(*arguments) == pytest.approx(expected, abs=1e-10)
    for order in (0.3, 0.5, 0.9, 1.2):
        if order * q[1] + (1 - order) * p[1] > 0:
            powers = integral(lambda x, a=order: math.exp(a * log_p(x) + (1 - a) * log_q(x)))
            expected = math.log(powers) / (order - 1)
            actual = gaussian_renyi_divergence(*arguments, order)
            assert actual == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("d", [2, 4])
def test_kl_is_the_mean_log_ratio(d: int) -> None:
    """By sampling from p: within 4 standard errors of the mean."""
    rng = np.random.default_rng(d)
    a, b = rng.standard_normal((2, d, d))
    mean_p, mean_q = rng.standard_normal((2, d))
    covariance_p, covariance_q = a @ a.T + np.eye(d), b @ b.T + np.eye(d)
    x = rng.multivariate_normal(mean_p, covariance_p, size=20_000)
    log_p, log_q = (
        scipy.stats.multivariate_normal(m, c).logpdf(x)
        for m, c in ((mean_p, covariance_p), (mean_q, covariance_q))
    )
    log_ratio = log_p - log_q
    standard_error = log_ratio.std() / math.sqrt(len(x))
    value = gaussian_kl(mean_p, covariance_p, mean_q, covariance_q)
    assert abs(log_ratio.mean() - value) < 4 * standard_error
    assert standard_error < 0.05 * value  # so the test could fail


# Laws


@each_divergence
@given(pair=law_pairs(), seed=st.integers(0, 2**32 - 1))
def test_divergences_do_not_change_under_affine_maps(
    f: Callable[..., Any], pair: tuple[Law, Law], seed: int
) -> None:
    p, q = pair
    a = random_map(seed, len(p[0]))
    moved = [part for mean, covariance in pair for part in (a @ mean + 1, a @ covariance @ a.T)]
    close(f(*moved), f(*p, *q))
    assert f(*p, *q) >= 0
    assert abs(f(*p, *p)) <= ATOL


@each_divergence
@given(first=law_pairs(2), second=law_pairs(1))
def test_divergences_add_over_independent_blocks(
    f: Callable[..., Any], first: tuple[Law, Law], second: tuple[Law, Law]
) -> None:
    def joined(a: Law, b: Law) -> Law:
        covariance = np.zeros((3, 3))
        covariance[:2, :2], covariance[2:, 2:] = a[1], b[1]
        return np.concatenate([a[0], b[0]]), covariance

    (p, q), (r, s) = first, second
    close(f(*joined(p, r), *joined(q, s)), f(*p, *q) + f(*r, *s))


@given(law_pairs())
def test_relations_of_the_renyi_divergence(pair: tuple[Law, Law]) -> None:
    p, q = pair
    close(
        0.7 * gaussian_renyi_divergence(*p, *q, 0.3), 0.3 * gaussian_renyi_divergence(*q, *p, 0.7)
    )
    half = gaussian_renyi_divergence(*p, *q, 0.5)
    kl = gaussian_kl(*p, *q)
    assert gaussian_renyi_divergence(*p, *q, 0.2) <= half + ATOL <= kl + 2 * ATOL


def test_renyi_divergence_tends_to_kl() -> None:
    p = np.array([0.0, 1.0]), np.array([[1.0, 0.3], [0.3, 2.0]])
    q = np.array([0.5, 0.0]), np.array([[1.5, -0.2], [-0.2, 1.0]])
    below, above = (gaussian_renyi_divergence(*p, *q, 1 + h) for h in (-1e-4, 1e-4))
    assert below < gaussian_kl(*p, *q) < above
    # h^2 = 1e-8 times half a second derivative of order 1; rounding is 1e-16 / h.
    assert (below + above) / 2 == pytest.approx(gaussian_kl(*p, *q), abs=1e-7)


@given(covariance_matrices(4), st.integers(0, 2**32 - 1))
def test_information_does_not_change_under_maps_of_the_blocks(
    covariance: np.ndarray, seed: int
) -> None:
    a = np.zeros((4, 4))
    a[0, 0], a[1:3, 1:3], a[3, 3] = 2.0, random_map(seed, 2), -0.5
    moved = a @ covariance @ a.T
    for f in (OF_COVARIANCES["mutual-information"], OF_COVARIANCES["conditional"]):
        close(f(moved), f(covariance))
    close(
        gaussian_entropy(moved),
        gaussian_entropy(covariance) + math.log(abs(np.linalg.det(a))),
    )


# Bias of the log-determinant


@pytest.mark.parametrize(("n", "d"), [(3, 1), (6, 3), (12, 5)])
def test_log_det_bias_is_the_mean_over_samples(n: int, d: int) -> None:
    n_draws = 20_000
    rng = np.random.default_rng(n)
    a = rng.standard_normal((d, d)) + 2 * np.eye(d)
    X = rng.standard_normal((n_draws, n, d)) @ a.T
    centred = X - X.mean(axis=1, keepdims=True)
    S = np.swapaxes(centred, 1, 2) @ centred / (n - 1)
    excess = np.linalg.slogdet(S)[1] - np.linalg.slogdet(a @ a.T)[1]
    variance = scipy.special.polygamma(1, (n - np.arange(1, d + 1)) / 2).sum()
    assert abs(excess.mean() - log_det_bias(n, d)) < 4 * math.sqrt(variance / n_draws)
    assert isinstance(log_det_bias(n, d), float)


def test_log_det_bias_by_hand() -> None:
    # psi(1/2) = -gamma - 2 ln 2 and psi(1) = -gamma, at n = 3 with d = 1 and d = 2.
    assert log_det_bias(3, 1) == pytest.approx(-np.euler_gamma)
    assert log_det_bias(3, 2) == pytest.approx(-2 * np.euler_gamma - 2 * math.log(2))


# Normal scores


def test_scores_by_hand(xp: Any) -> None:
    X = xp.asarray([[3.0, 1.0], [-1.0, 1.0], [10.0, 1.0], [0.0, 5.0]], dtype=xp.float64)
    z = scipy.stats.norm.ppf
    # Ranks 3, 1, 4, 2 of 4; and three ties of rank 2 below one of rank 4.
    expected = [
        [z(0.625), z(0.375)],
        [z(0.125), z(0.375)],
        [z(0.875), z(0.375)],
        [z(0.375), z(0.875)],
    ]
    scores = gaussian_scores(X)
    assert scores.dtype == xp.float64
    assert isinstance(scores, type(X))
    np.testing.assert_allclose(np.asarray(scores), expected, rtol=1e-13)


def test_scores_among_a_reference(xp: Any) -> None:
    reference = xp.asarray([[2.0], [1.0], [4.0], [2.0]], dtype=xp.float64)
    X = xp.asarray([[5.0], [-3.0], [2.0], [3.0], [4.0]], dtype=xp.float64)
    # Below lie 4, 0, 1, 3, 3 of 4 and up to there 4, 0, 3, 3, 4: half the sum, in [0.5, 3.5].
    expected = scipy.stats.norm.ppf(np.array([[3.5], [0.5], [2.0], [3.0], [3.5]]) / 4)
    scores = np.asarray(gaussian_scores(X, reference))
    np.testing.assert_allclose(scores, expected, rtol=1e-13, atol=1e-15)
    own = np.asarray(gaussian_scores(reference, reference))
    np.testing.assert_array_equal(own, np.asarray(gaussian_scores(reference)))


@pytest.mark.parametrize(
    ("given_dtype", "expected"),
    [("int64", "float64"), ("int32", "float64"), ("bool", "float64"), ("float32", "float32")],
)
def test_scores_are_floating(xp: Any, given_dtype: str, expected: str) -> None:
    X = xp.astype(xp.asarray([[0], [1], [0]], dtype=xp.int64), getattr(xp, given_dtype))
    scores = gaussian_scores(X)
    assert scores.dtype == getattr(xp, expected)
    z = scipy.stats.norm.ppf
    expected_scores = [z(1 / 3), z(5 / 6), z(1 / 3)]
    np.testing.assert_allclose(np.asarray(scores)[:, 0], expected_scores, rtol=1e-6)


@given(samples())
def test_scores_do_not_change_under_increasing_maps(X: np.ndarray) -> None:
    scores = gaussian_scores(X)
    np.testing.assert_array_equal(gaussian_scores(np.arctan(X / 100)), scores)
    close(gaussian_scores(-X), -scores)


# Libraries, shapes and gradients


def laws(n: int, d: int) -> Law:
    rng = np.random.default_rng(n * d)
    a = rng.standard_normal((n, d, d))
    return rng.standard_normal((n, d)), a @ np.swapaxes(a, -1, -2) + np.eye(d)


@each_divergence
def test_divergences_batch_in_every_library(xp: Any, f: Callable[..., Any]) -> None:
    arrays = (*laws(3, 4), *(x[:3] for x in laws(6, 4)))
    expected = [f(*(x[i] for x in arrays)) for i in range(3)]
    values = f(*(xp.asarray(x, dtype=xp.float64) for x in arrays))
    assert values.dtype == xp.float64
    np.testing.assert_allclose(np.asarray(values), expected, rtol=1e-12)
    assert f(*(xp.asarray(x, dtype=xp.float32) for x in arrays)).dtype == xp.float32
    one = (arrays[0][0], arrays[1][0], *arrays[2:])
    broadcast = f(*(xp.asarray(x, dtype=xp.float64) for x in one))
    np.testing.assert_allclose(
        np.asarray(broadcast), [f(*one[:2], *(x[i] for x in one[2:])) for i in range(3)], rtol=1e-12
    )


@each_of_covariances
def test_functions_of_covariances_batch_in_every_library(xp: Any, f: Callable[..., Any]) -> None:
    _, S = laws(4, 4)
    S = S.reshape(2, 2, 4, 4)
    values = f(xp.asarray(S, dtype=xp.float64))
    assert values.dtype == xp.float64
    expected = [[f(c) for c in row] for row in S]
    np.testing.assert_allclose(np.asarray(values), expected, rtol=1e-12)
    assert f(xp.asarray(S, dtype=xp.float32)).dtype == xp.float32


def leaves(*arrays: np.ndarray) -> list[Any]:
    torch = pytest.importorskip("torch")
    return [torch.tensor(x, requires_grad=True) for x in arrays]


@each_divergence
def test_divergences_pass_gradcheck(f: Callable[..., Any]) -> None:
    torch = pytest.importorskip("torch")
    assert torch.autograd.gradcheck(
        f, leaves(*(x[:2] for x in laws(2, 3)), *(x[:2] for x in laws(4, 3)))
    )


@each_of_covariances
def test_functions_of_covariances_pass_gradcheck(f: Callable[..., Any]) -> None:
    torch = pytest.importorskip("torch")
    assert torch.autograd.gradcheck(f, leaves(laws(2, 4)[1]))


def test_scores_are_detached() -> None:
    (X,) = leaves(laws(5, 2)[0])
    assert not gaussian_scores(X).requires_grad


def test_log_density_and_log_ratio_equal_scipys():
    from scipy.stats import multivariate_normal

    rng = np.random.default_rng(0)
    root = rng.normal(size=(4, 4))
    covariance, mean = root @ root.T + np.eye(4), rng.normal(size=4)
    X = rng.normal(size=(20, 4))

    def log_density(columns):
        block = covariance[np.ix_(columns, columns)]
        return multivariate_normal(mean[columns], block).logpdf(X[:, columns])

    np.testing.assert_allclose(
        functional.gaussian_log_density(X, mean, covariance), log_density([0, 1, 2, 3])
    )
    np.testing.assert_allclose(
        functional.gaussian_log_ratio(X, mean, covariance, 1),
        log_density([0, 1, 2, 3]) - log_density([0]) - log_density([1, 2, 3]),
    )
    np.testing.assert_allclose(
        functional.gaussian_log_ratio(X, mean, covariance, 1, 2),
        log_density([0, 1, 2, 3]) - log_density([0, 3]) - log_density([1, 2, 3]) + log_density([3]),
    )


def test_sample_has_the_covariance_asked_for():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(50, 3))
    noise = (noise - noise.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(noise.T))).T
    covariance = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.3], [0.0, 0.3, 0.7]])
    draws = functional.gaussian_sample(noise, np.array([1.0, 2.0, 3.0]), covariance)
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=1e-12)
    np.testing.assert_allclose(draws.mean(axis=0), [1.0, 2.0, 3.0], atol=1e-12)


def test_log_density_and_sample_in_other_libraries(xp):
    X, mean = xp.asarray([[0.5, 1.0]], dtype=xp.float64), xp.zeros(2, dtype=xp.float64)
    covariance = xp.asarray([[2.0, 0.5], [0.5, 1.0]], dtype=xp.float64)
    for compute in (
        functional.gaussian_log_density,
        functional.gaussian_sample,
        lambda *arguments: functional.gaussian_log_ratio(*arguments, 1),
    ):
        result = compute(X, mean, covariance)
        expected = compute(*(np.asarray(part) for part in (X, mean, covariance)))
        np.testing.assert_allclose(np.asarray(result), expected, rtol=1e-12)


def test_gradients_of_log_density_and_log_ratio():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    root = rng.normal(size=(3, 3))
    X, mean, covariance = (
        torch.tensor(part, requires_grad=True)
        for part in (rng.normal(size=(4, 3)), rng.normal(size=3), root @ root.T + np.eye(3))
    )
    assert torch.autograd.gradcheck(functional.gaussian_log_density, (X, mean, covariance))
    assert torch.autograd.gradcheck(
        lambda *arguments: functional.gaussian_log_ratio(*arguments, 1, 1), (X, mean, covariance)
    )
