"""Divergences of two distributions, against integrals."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from task_samples import CENTRE, SCATTER, assert_mean

from infotheory.datasets import (
    Beta,
    Categorical,
    Dirichlet,
    Exponential,
    Gamma,
    Laplace,
    LogNormal,
    Normal,
    Uniform,
    chi2_divergence,
    hellinger_divergence,
    jeffreys_divergence,
    kl_divergence,
    renyi_divergence,
)

# Divergences ----------------------------------------------------------------------------------

# Two of a family, SciPy's of each, the support of the first.
COUPLES = [
    (Normal(0.0, 1.0), Normal(1.0, 2.0), stats.norm(), stats.norm(1.0, np.sqrt(2.0)), (-30, 30)),
    (
        LogNormal(0.0, 0.3),
        LogNormal(0.4, 0.5),
        stats.lognorm(np.sqrt(0.3)),
        stats.lognorm(np.sqrt(0.5), scale=np.exp(0.4)),
        (0, 60),
    ),
    (Exponential(1.0), Exponential(2.5), stats.expon(), stats.expon(scale=2.5), (0, 40)),
    (Gamma(2.0, 1.5), Gamma(3.0, 1.0), stats.gamma(2.0, scale=1.5), stats.gamma(3.0), (0, 90)),
    (
        Exponential(2.0),
        Gamma(1.5, 1.5),
        stats.expon(scale=2.0),
        stats.gamma(1.5, scale=1.5),
        (0, 80),
    ),
    (Laplace(0.0, 1.0), Laplace(0.7, 1.6), stats.laplace(), stats.laplace(0.7, 1.6), (-40, 40)),
    (Beta(2.0, 3.0), Beta(1.5, 2.5), stats.beta(2.0, 3.0), stats.beta(1.5, 2.5), (0, 1)),
    (Dirichlet([2.0, 3.0]), Dirichlet([3.0, 3.0]), stats.beta(2, 3), stats.beta(3, 3), (0, 1)),
    (Uniform(0.0, 1.0), Uniform(-1.0, 2.0), stats.uniform(), stats.uniform(-1.0, 3.0), (0, 1)),
]


def integral(p: Any, q: Any, support: Any, integrand: Callable[[float, float], float]) -> float:
    """Integral of a function of ln p and ln q over the support."""
    kink = sorted({float(support[0]), 0.0, 0.7, float(p.median()), 5.0, float(support[1])})
    inside = [t for t in kink if support[0] <= t <= support[1]]
    return sum(
        integrate.quad(
            lambda x: integrand(float(p.logpdf(x)), float(q.logpdf(x))), low, high, epsabs=1e-10
        )[0]
        for low, high in pairwise(inside)
    )


@pytest.mark.parametrize(("p", "q", "ref_p", "ref_q", "support"), COUPLES)
def test_divergences_by_integration(p: Any, q: Any, ref_p: Any, ref_q: Any, support: Any) -> None:
    truth = integral(ref_p, ref_q, support, lambda a, b: np.exp(a) * (a - b) if a > -700 else 0.0)
    assert kl_divergence(p, q) == pytest.approx(truth, abs=1e-7)
    assert kl_divergence(p, p) == pytest.approx(0.0, abs=1e-12)
    if isinstance(p, Laplace):
        return
    for order in (0.3, 0.5, 1.2, 2.0):
        total = integral(
            ref_p,
            ref_q,
            support,
            lambda a, b, order=order: np.exp(order * a + (1 - order) * b) if a > -700 else 0.0,
        )
        value = renyi_divergence(p, q, order)
        assert value == pytest.approx(np.log(total) / (order - 1.0), abs=1e-6)
        if order == 0.5:
            assert hellinger_divergence(p, q) == pytest.approx(1.0 - total, abs=1e-7)
        if order == 2.0:
            assert chi2_divergence(p, q) == pytest.approx(total - 1.0, abs=1e-6)


IN_SPACE_COUPLES = [
    (Normal(CENTRE, SCATTER), Normal(0.0, 3.0 * np.eye(3))),
    (LogNormal(CENTRE, SCATTER), LogNormal(CENTRE + 0.2, 2.0 * SCATTER)),
    (Gamma([2.0, 1.0], [1.0, 3.0]), Gamma([1.5, 2.0], [2.0, 2.0])),
    (Laplace([0.0, 1.0], [1.0, 2.0]), Laplace([0.5, 0.0], [2.0, 1.5])),
    (Beta([2.0, 3.0], [2.0, 4.0]), Beta([1.5, 3.0], [3.0, 3.0])),
    (Dirichlet([2.0, 3.0, 4.0]), Dirichlet([1.5, 3.0, 2.0])),
    (Categorical([0.2, 0.3, 0.5]), Categorical([0.5, 0.2, 0.3])),
]


@pytest.mark.parametrize(("p", "q"), IN_SPACE_COUPLES)
def test_divergences_by_mean_log_ratio(p: Any, q: Any) -> None:
    X, Y = p.sample(20_000, random_state=0), q.sample(20_000, random_state=1)
    log_ratio = p.log_density(X) - q.log_density(X)
    assert_mean(log_ratio, kl_divergence(p, q))
    reverse = q.log_density(Y) - p.log_density(Y)
    assert_mean(reverse, kl_divergence(q, p))
    assert jeffreys_divergence(p, q) == kl_divergence(p, q) + kl_divergence(q, p)
    if not isinstance(p, Laplace):
        for order in (0.4, 0.5, 0.9):
            moment = np.exp((order - 1.0) * renyi_divergence(p, q, order))
            assert_mean(np.exp((order - 1.0) * log_ratio), moment)


@given(seed=st.integers(0, 2**32 - 1), dim=st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_laws_of_normal_divergences(seed: int, dim: int) -> None:
    generator = np.random.default_rng(seed)

    def scatter() -> np.ndarray:
        root = generator.normal(size=(dim, dim + 3))
        return root @ root.T / dim

    p = Normal(generator.normal(size=dim), scatter())
    q = Normal(generator.normal(size=dim), scatter())
    kl = kl_divergence(p, q)
    assert kl >= 0.0
    # An affine map of both changes nothing.
    A, b = generator.normal(size=(dim, dim)) + 3.0 * np.eye(dim), generator.normal(size=dim)
    moved = [Normal(A @ law.mean + b, A @ law.covariance @ A.T) for law in (p, q)]
    assert kl_divergence(*moved) == pytest.approx(kl, rel=1e-6, abs=1e-9)
    # Rényi grows with the order and passes through Kullback-Leibler at 1.
    orders = (0.2, 0.5, 0.999999, 1.0)
    values = [renyi_divergence(p, q, order) for order in orders]
    assert all(low <= high + 1e-9 for low, high in pairwise(values))
    assert values[2] == pytest.approx(kl, rel=1e-3, abs=1e-6)
    skew = renyi_divergence(p, q, 0.3) / 0.3
    assert skew == pytest.approx(renyi_divergence(q, p, 0.7) / 0.7, rel=1e-8, abs=1e-10)


def test_infinite_divergences() -> None:
    inside, outside = Uniform(0.0, 1.0), Uniform(0.5, 2.0)
    assert kl_divergence(inside, outside) == np.inf
    assert renyi_divergence(inside, outside, 2.0) == np.inf
    bhattacharyya = 0.5 / np.sqrt(1.5)
    assert hellinger_divergence(inside, outside) == pytest.approx(1.0 - bhattacharyya)
    assert hellinger_divergence(inside, Uniform(3.0, 4.0)) == 1.0
    assert renyi_divergence(inside, Uniform(3.0, 4.0), 0.5) == np.inf
    p, q = Categorical([0.5, 0.5, 0.0]), Categorical([0.0, 0.5, 0.5])
    assert kl_divergence(p, q) == np.inf
    assert chi2_divergence(p, q) == np.inf
    assert hellinger_divergence(p, q) == pytest.approx(0.5)
    assert hellinger_divergence(Categorical([1.0, 0.0]), Categorical([0.0, 1.0])) == 1.0
    assert kl_divergence(Categorical([1.0, 0.0]), Categorical([0.5, 0.5])) == pytest.approx(
        np.log(2.0)
    )
    assert renyi_divergence(Normal(0.0, 3.0), Normal(0.0, 1.0), 1.5) == np.inf
    assert chi2_divergence(Exponential(3.0), Exponential(1.0)) == np.inf
    assert chi2_divergence(Beta(0.5, 1.0), Beta(2.0, 1.0)) == np.inf
