"""Entropy production of linear processes, whose score and rate are known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infotheory.functional import entropy_production_rate
from infotheory.testing import covariance_matrices

# Corners: their mean of a quadratic form is that of standard normal numbers.
SQUARE, CUBE = (np.array(list(itertools.product([-1.0, 1.0], repeat=d))) for d in (2, 3))


@given(st.floats(0.2, 3), st.floats(-3, 3), st.floats(0.2, 3))
def test_entropy_production_of_a_rotation(k: float, w: float, diffusion: float) -> None:
    x = SQUARE * math.sqrt(diffusion / k)  # the stationary covariance is diffusion / k
    drift = -x @ np.array([[k, -w], [w, k]]).T
    score = -x * k / diffusion
    for d in (diffusion, diffusion * np.eye(2)):
        value = entropy_production_rate(drift, score, d)
        assert value.mean() == pytest.approx(2 * w**2 / k, abs=1e-10)


@given(covariance_matrices(3), covariance_matrices(3))
def test_entropy_production_of_a_linear_process(sigma: np.ndarray, diffusion: np.ndarray) -> None:
    # b = (Q - D) sigma^-1 x, Q antisymmetric, keeps N(0, sigma); rate -tr(Q sigma^-1 Q D^-1).
    inverse = np.linalg.inv(sigma)
    q = np.array([[0.0, 1.0, -2.0], [-1.0, 0.0, 0.5], [2.0, -0.5, 0.0]])
    x = CUBE @ np.linalg.cholesky(sigma).T
    score = -x @ inverse
    value = entropy_production_rate(x @ inverse @ (q - diffusion).T, score, diffusion)
    rate = -np.trace(np.linalg.solve(diffusion, q @ inverse @ q))
    assert value.mean() == pytest.approx(rate, rel=1e-8)
    still = entropy_production_rate(-x @ inverse @ diffusion.T, score, diffusion)
    np.testing.assert_allclose(still, 0.0, atol=1e-9 * rate)
