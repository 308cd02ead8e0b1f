"""Entropy by spacings with its exact bias, and the covariance penalty."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infotheory.functional import covariance_penalty, spacing_entropy, spacing_entropy_bias


@pytest.mark.parametrize(("n", "bias"), [(256, -0.0296), (2048, -0.0109)])
def test_bias_on_the_uniform_law_is_exact(n: int, bias: float) -> None:
    """Each column is a draw; four standard errors of their mean."""
    assert spacing_entropy_bias(n) == pytest.approx(bias, abs=5e-5)
    X = np.random.default_rng(n).random((n, 1000))
    values = spacing_entropy(X)
    error = values.std(ddof=1) / math.sqrt(1000)
    assert error < abs(bias) / 20
    assert values.mean() == pytest.approx(spacing_entropy_bias(n), abs=4 * error)
    centred = spacing_entropy(X, debias=True)
    np.testing.assert_allclose(centred, values - spacing_entropy_bias(n), rtol=0, atol=1e-15)
    assert abs(centred.mean()) < 4 * error


@pytest.mark.parametrize(("n", "spacing"), [(2, 1), (5, 1), (5, 4), (40, 13)])
def test_bias_at_every_size_and_spacing(n: int, spacing: int) -> None:
    X = np.random.default_rng(spacing).random((n, 40_000))
    values = spacing_entropy(X, spacing)
    error = values.std(ddof=1) / math.sqrt(X.shape[1])
    assert values.mean() == pytest.approx(spacing_entropy_bias(n, spacing), abs=4 * error)


def test_value_by_its_definition() -> None:
    X = np.random.default_rng(0).standard_normal((10, 2))
    for j, m in ((0, 1), (1, 4)):
        ordered = sorted(X[:, j])
        terms = [math.log(11 / m * (ordered[i + m] - ordered[i])) for i in range(10 - m)]
        assert spacing_entropy(X, m)[j] == pytest.approx(np.mean(terms), rel=1e-13)
    assert spacing_entropy(X).tolist() == spacing_entropy(X, 3).tolist()  # the root of 10


def test_units_and_known_laws() -> None:
    rng = np.random.default_rng(0)
    X = rng.random((20_000, 1))
    wide = spacing_entropy(5 * X - 2, debias=True) - spacing_entropy(X, debias=True)
    np.testing.assert_allclose(wide, math.log(5), rtol=1e-12)
    normal = spacing_entropy(rng.standard_normal((20_000, 4)), debias=True)
    # Tails beyond the outermost spacings are not counted: a little low.
    np.testing.assert_allclose(normal, 0.5 * math.log(2 * math.pi * math.e), atol=0.05)


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.data())
def test_no_sample_of_the_unit_interval_passes_the_ceiling(
    seed: int, n: int, data: st.DataObject
) -> None:
    m = data.draw(st.integers(1, n - 1))
    rng = np.random.default_rng(seed)
    X = rng.beta(*rng.uniform(0.1, 3, 2), size=(n, 3))
    assert np.all(spacing_entropy(X, m, floor=1e-300) <= math.log((n + 1) / (n - m)) + 1e-12)


def test_the_most_even_sample_and_the_largest_value() -> None:
    n = 101
    grid = np.linspace(0, 1, n)[:, None]
    assert spacing_entropy(grid)[0] == pytest.approx(math.log((n + 1) / (n - 1)), rel=1e-10)
    # m rows at each end and n - m spacings of one length reach the ceiling: here n = 2 m.
    ends = np.repeat([0.0, 1.0], 50)[:, None]
    assert spacing_entropy(ends, 50)[0] == pytest.approx(math.log(101 / 50), rel=1e-13)


def test_equal_rows() -> None:
    X = np.column_stack([np.full(9, 0.3), np.linspace(0, 1, 9)])
    values = spacing_entropy(X)
    assert values[0] == -math.inf
    assert np.isfinite(values[1])
    floored = spacing_entropy(X, floor=1e-7)
    assert floored[0] == pytest.approx(math.log(1e-7), rel=1e-14)
    assert floored[1] == pytest.approx(values[1], abs=1e-6)


def test_gradients_of_equal_rows_are_finite() -> None:
    torch = pytest.importorskip("torch")
    for floor, largest in ((0.0, 0.0), (1e-7, 10 / 3 / 6 / 1e-7)):
        X = torch.full((9, 1), 0.3, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(spacing_entropy(X, 3, floor=floor).sum(), X)
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max().item() == pytest.approx(largest, rel=1e-12)
        assert gradient.sum().abs() <= 1e-9 * (1 + largest)  # it pushes apart and moves nothing


def test_spacing_entropy_in_every_library(xp: Any) -> None:
    X = np.random.default_rng(0).random((2, 30, 3))
    expected = np.stack([spacing_entropy(part, debias=True) for part in X])
    for dtype, tolerance in ((xp.float64, 1e-13), (xp.float32, 1e-5)):
        found = spacing_entropy(xp.asarray(X, dtype=dtype), debias=True)
        assert found.dtype == dtype
        assert found.shape == (2, 3)
        np.testing.assert_allclose(np.asarray(found), expected, atol=tolerance)


def test_gradients() -> None:
    torch = pytest.importorskip("torch")
    X = torch.tensor(np.random.default_rng(0).random((2, 7, 3)), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: spacing_entropy(x, 2, floor=1e-3), X)
    assert torch.autograd.gradcheck(covariance_penalty, X)
    with torch.random.fork_rng(devices=[]):
        assert torch.autograd.gradgradcheck(covariance_penalty, X)


# Covariance


def test_covariance_penalty_by_its_definition() -> None:
    X = np.random.default_rng(0).standard_normal((12, 4)) @ np.ones((4, 4)) + 100
    C = np.cov(X.T)
    expected = (np.sum(C**2) - np.sum(np.diag(C) ** 2)) / 4
    assert covariance_penalty(X) == pytest.approx(expected, rel=1e-9)
    assert covariance_penalty(X[:, :1]) == 0.0
    assert covariance_penalty(np.full((5, 3), 7.0)) == 0.0


def test_covariance_penalty_of_independent_columns() -> None:
    X = np.random.default_rng(1).standard_normal((300, 50, 8))
    values = covariance_penalty(X)
    error = values.std(ddof=1) / math.sqrt(300)
    assert values.mean() == pytest.approx(7 / 49, abs=4 * error)


def test_covariance_penalty_in_every_library(xp: Any) -> None:
    X = np.random.default_rng(0).random((2, 30, 3))
    for dtype, rtol in ((xp.float64, 1e-12), (xp.float32, 1e-4)):
        found = covariance_penalty(xp.asarray(X, dtype=dtype))
        assert found.dtype == dtype
        expected = [covariance_penalty(part) for part in X]
        np.testing.assert_allclose(np.asarray(found), expected, rtol=rtol)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: spacing_entropy(np.zeros((1, 2))), "n must be at least 2, got 1"),
        (lambda: spacing_entropy(np.zeros((5, 2)), 5), "spacing must be below n, .* got 5 for n"),
        (lambda: spacing_entropy(np.zeros((5, 2)), 0), "spacing must be at least 1, got 0"),
        (lambda: spacing_entropy_bias(1), "n must be at least 2, got 1"),
        (lambda: spacing_entropy_bias(5, 5), "spacing must be below n"),
        (lambda: covariance_penalty(np.zeros((1, 2))), "n must be at least 2, got 1"),
    ],
)
def test_rows_and_spacings_that_give_no_number(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
