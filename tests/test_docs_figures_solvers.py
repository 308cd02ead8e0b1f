"""Figures that pages state of solvers, layers and constants are what one gets."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from infotheory import NoisyMutualInformation
from infotheory.functional import (
    approximate_matrix_entropy,
    channel_capacity,
    gaussian_gram,
    log_vmf_normalizer,
    matrix_entropy,
    sinkhorn,
    spacing_entropy_bias,
    transport_cost,
)

ROOT = Path(__file__).parents[1]


def says(page, words):
    text = (ROOT / "docs" / f"{page}.rst").read_text(encoding="utf-8")
    assert words in " ".join(text.split())


def test_sweeps_of_entropic_transport():
    says("transport", "some 20 sweeps at .1 of the mean cost, and fifty to a hundred sweeps and")
    for n, d in ((500, 2), (1000, 3)):
        rng = np.random.default_rng(0)
        costs = transport_cost(rng.normal(size=(n, d)), 1 + 0.7 * rng.normal(size=(n, d)))
        taken = [sinkhorn(costs, epsilon=s * costs.mean()).n_iter for s in (0.1, 0.001)]
        assert 10 <= taken[0] <= 25
        assert 50 <= taken[1] <= 100


@pytest.mark.slow
def test_steps_to_the_capacity():
    says("bottleneck", "100 inputs and 100 outputs take some 25 steps to a proven gap of 1e-10;")
    says("bottleneck", "on five, after 4 500 to 10 200, and on the sixth not after 40 000")
    laws = [np.random.default_rng(seed).dirichlet(np.ones(100), size=100) for seed in range(6)]
    taken = [channel_capacity(law, tol=1e-10).n_iter for law in laws]
    assert np.mean(taken) == pytest.approx(25, abs=4)
    assert plain_gap(laws[0], 4400) > 1e-10
    assert plain_gap(laws[0], 4500) <= 1e-10
    assert plain_gap(laws[5], 10_200) > 1e-8


def plain_gap(law, n_updates):
    """Blahut's bound after so many updates of Blahut and Arimoto."""
    q = np.full(len(law), 1 / len(law))
    for _ in range(n_updates + 1):
        divergence = np.sum(law * np.log(law / (q @ law)), axis=1)
        gap = divergence.max() - q @ divergence
        q = q * np.exp(divergence - divergence.max())
        q = q / q.sum()
    return gap


def test_constants_of_losses():
    says("losses", ".030 nats for 256 rows, .011 for 2 048")
    found = [abs(float(spacing_entropy_bias(n))) for n in (256, 2048)]
    assert found == pytest.approx([0.030, 0.011], abs=6e-4)
    says("losses", "the uniform law in 1 000 has -2 032.06 nats")
    assert -float(log_vmf_normalizer(np.array(0.0), 1000)) == pytest.approx(-2032.06, abs=0.005)


@pytest.mark.slow
def test_layers_through_noise():
    """For normal units the truth is a share of ln n by the choice of the noise."""
    says(
        "information_plane",
        "the value was up to 2 % too small up to half of ln n, 5 to 7 % at three",
    )
    says("information_plane", "three quarters, and 12 to 15 % where the truth is ln n")
    n = 2000
    for d in (5, 10):
        lost = {}
        for share in (0.25, 0.5, 0.75, 1.0):
            truth = share * math.log(n)
            noise, values = math.expm1(2 * truth / d) ** -0.5, []
            for seed in range(3):
                layer = np.random.default_rng([d, seed]).normal(size=(n, d))
                model = NoisyMutualInformation(noise=noise, random_state=seed)
                values.append(model.fit(layer, layer).mutual_information_)
            lost[share] = 1 - np.mean(values) / truth
        assert max(lost[0.25], lost[0.5]) < 0.0275
        assert lost[0.75] == pytest.approx(0.06, abs=0.015)
        assert lost[1.0] == pytest.approx(0.135, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [1, 2])
def test_errors_of_random_vectors(alpha):
    says("spectral", "their error is estimated, and covered in 95 % of cases or more")
    gram = gaussian_gram(np.random.default_rng(0).normal(size=(300, 5)), bandwidth=2.0) / 300
    truth, options = matrix_entropy(gram, alpha), {"method": "hutch++", "rank": 40}
    runs = [approximate_matrix_entropy(gram, alpha, seed=seed, **options) for seed in range(100)]
    assert np.mean([abs(run.value - truth) <= run.error for run in runs]) >= 0.95
