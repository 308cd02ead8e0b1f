"""Neighbour estimators on laws whose answer is known: mixed data, rounding, notes, new rows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import digamma

import infotheory
from infotheory import KSG, MixedKSG, NeighborsDivergence, NeighborsEntropy, datasets
from infotheory.functional import ksg


def over_seeds(estimate, truth, runs=10, slack=0.0):
    """The mean error is within four standard errors, plus a stated bias."""
    errors = np.array([estimate(seed) - truth for seed in range(runs)])
    bound = 4 * errors.std(ddof=1) / math.sqrt(runs) + slack
    assert abs(errors.mean()) < bound, (errors.mean(), bound)


def pair(rho, n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 1))
    return x, rho * x + math.sqrt(1 - rho**2) * rng.normal(size=(n, 1))


@pytest.mark.parametrize(
    "estimator",
    [
        KSG(),
        KSG(variant=2),
        KSG(metric="euclidean"),
        KSG(margins="gaussianize", n_neighbors=5),
        KSG(margins=None),
        MixedKSG(),
    ],
    ids=str,
)
def test_normal_pair(estimator):
    # KSG's own bias at rho .75 and n 1 000 is about .01.
    over_seeds(
        lambda s: estimator.fit(*pair(0.75, 1000, s)).mutual_information_,
        -0.5 * math.log(1 - 0.75**2),
        slack=0.015,
    )


def test_margins_none_is_the_raw_formula():
    x, y = pair(0.5, 200, 0)
    x, y = np.round(2 * x), 10 * np.round(2 * y)
    fitted = KSG(margins=None).fit(x, y)
    assert fitted.mutual_information_ == float(ksg(x, y))
    assert any("duplicates" in note for note in fitted.notes_)


def test_conditional_of_a_chain_and_of_a_fork():
    def chain(seed):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(1000, 1))
        z = x + rng.normal(size=(1000, 1))
        return KSG().fit(x, z + rng.normal(size=(1000, 1)), condition=z).mutual_information_

    over_seeds(chain, 0.0, slack=0.01)


@pytest.mark.parametrize(
    "law", [datasets.NoisyDiscreteUniform(5), datasets.ZeroInflatedPoisson(0.15)], ids=str
)
def test_mixed_laws(law):
    def estimate(seed):
        X, y = law.sample(1000, seed)
        return MixedKSG().fit(np.asarray(X, float), np.asarray(y, float)).mutual_information_

    over_seeds(estimate, law.mutual_information, slack=0.01)


def test_labels_of_any_kind_are_one_and_the_same():
    rng = np.random.default_rng(0)
    label = rng.integers(3, size=400)
    x = (label + rng.normal(size=400)).reshape(-1, 1)
    words = np.array(["low", "mid", "high"])[label]
    values = [
        MixedKSG().fit(x, y).mutual_information_
        for y in (label, 100 * label, words, pd.Series(words, dtype="category"), words[:, None])
    ]
    assert np.ptp(values) < 1e-12
    swapped = MixedKSG().fit(pd.DataFrame({"w": words}), x).mutual_information_
    assert swapped == pytest.approx(values[0], abs=1e-12)


def test_label_beside_a_number():
    """X = (label, number): the chain rule holds within sampling error."""
    rng = np.random.default_rng(1)
    label = rng.integers(2, size=2000)
    x = rng.normal(size=2000)
    y = x + 2 * label + rng.normal(size=2000)
    X = pd.DataFrame({"x": x, "label": label.astype(str)})
    both = MixedKSG().fit(X, y).mutual_information_
    first = MixedKSG().fit(x[:, None], y).mutual_information_
    rest = MixedKSG().fit(X[["label"]], y, condition=x).mutual_information_
    assert both == pytest.approx(first + rest, abs=0.06)


def test_rare_labels_are_noted_and_count_for_nothing():
    rng = np.random.default_rng(2)
    y = np.r_[np.zeros(50, int), np.ones(49, int), 7]
    fitted = MixedKSG().fit(rng.normal(size=(100, 1)), y)
    assert fitted.pointwise_[-1] == 0
    assert any("no other row shares" in note for note in fitted.notes_)


@pytest.mark.parametrize("step", [0.05, 0.1, 0.5])
def test_rounded_measurements(step):
    """Spread between their neighbours they keep their information; as atoms they gain some."""

    def estimate(seed):
        x, y = (np.round(v / step) * step for v in pair(0.0, 300, seed))
        return MixedKSG(ties="spread", random_state=seed).fit(x, y).mutual_information_

    over_seeds(estimate, 0.0, slack=0.005)
    x, y = (np.round(v / step) * step for v in pair(0.0, 300, 0))
    assert infotheory.mutual_information(x, y, random_state=0).value < 0.1
    if step < 0.5:
        assert MixedKSG().fit(x, y).mutual_information_ > 0.1


def test_ceiling_is_noted():
    x, _ = pair(0.0, 200, 0)
    fitted = KSG().fit(x, x)
    assert fitted.mutual_information_ <= digamma(200) - digamma(3) + 1e-12
    assert any("at most psi(n) - psi(k)" in note for note in fitted.notes_)


@pytest.mark.parametrize("estimator", [KSG(), KSG(margins="gaussianize"), MixedKSG()], ids=str)
def test_new_rows_average_to_the_truth(estimator):
    law = datasets.correlated_normals([0.8])

    def estimate(seed):
        fitted = estimator.fit(*law.sample(1000, seed))
        return fitted.pointwise(*law.sample(300, seed + 1000)).mean()

    over_seeds(estimate, law.mutual_information, slack=0.02)


def test_new_labels_find_their_class():
    rng = np.random.default_rng(0)
    label = np.array(["a", "b"])[rng.integers(2, size=500)]
    x = ((label == "b") * 6.0 + rng.normal(size=500)).reshape(-1, 1)
    fitted = MixedKSG().fit(x, label)
    new = fitted.pointwise([[0.0], [6.0], [0.0], [0.0]], ["a", "b", "b", "zzz"])
    np.testing.assert_allclose(new[:2], math.log(2), atol=0.35)
    assert new[2] < -1
    assert new[3] == 0


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("metric", ["chebyshev", "euclidean"])
def test_entropy_of_known_laws(d, metric):
    for law in (datasets.Normal(np.zeros(d)), datasets.Exponential(np.full(d, 2.0))):
        over_seeds(
            lambda s, law=law: NeighborsEntropy(metric=metric).fit(law.sample(1000, s)).entropy_,
            law.entropy,
            slack=0.02 * d,
        )


def test_entropy_scores_new_rows():
    law = datasets.Normal([0.0])
    fitted = NeighborsEntropy(n_neighbors=20).fit(law.sample(4000, 0))
    new = law.sample(500, 1)
    assert fitted.score(new) == pytest.approx(law.log_density(new).mean(), abs=0.05)


def test_entropy_follows_the_units_of_single_columns():
    X = np.random.default_rng(0).normal(size=(200, 2))
    units = np.array([1e-3, 1e6])
    one, other = NeighborsEntropy().fit(X), NeighborsEntropy().fit(X * units)
    assert other.entropy_ == pytest.approx(one.entropy_ + np.log(units).sum(), abs=1e-9)
    shift = one.score_samples(X + 0.1) - other.score_samples((X + 0.1) * units)
    np.testing.assert_allclose(shift, np.log(units).sum(), atol=1e-6)


def test_rows_that_share_no_label_contribute_nothing():
    """Many labels: the distance of two codes is rounded, and must still count as far."""
    y = np.random.default_rng(0).normal(size=300)
    fitted = MixedKSG(margins="gaussianize").fit(np.arange(300).astype(str)[:, None], y)
    assert fitted.mutual_information_ == 0
    assert "300 of 300 rows" in fitted.notes_[0]


def test_pointwise_of_spread_values_is_the_same_at_every_call():
    rng = np.random.default_rng(0)
    x, y = np.round(rng.normal(size=(100, 1)), 1), np.round(rng.normal(size=100), 1)
    fitted = MixedKSG(ties="spread", random_state=0).fit(x, y)
    np.testing.assert_array_equal(fitted.pointwise(x, y), fitted.pointwise(x, y))


def test_entropy_of_repeats_and_constants():
    X = np.repeat(np.arange(10.0), 10)[:, None]
    fitted = NeighborsEntropy().fit(X)
    assert fitted.entropy_ == -math.inf
    assert "duplicates" in fitted.notes_[0]
    constant = NeighborsEntropy().fit(np.column_stack([X, np.ones(100)]))
    assert constant.entropy_ == -math.inf
    assert "constant" in constant.notes_[0]


@pytest.mark.parametrize("kind", ["kl", "reverse-kl", "jeffreys"])
def test_divergence_of_normals(kind):
    p, q = datasets.Normal([0.0]), datasets.Normal([0.5], [[1.5]])
    truth = {
        "kl": datasets.kl_divergence(p, q),
        "reverse-kl": datasets.kl_divergence(q, p),
        "jeffreys": datasets.jeffreys_divergence(p, q),
    }[kind]

    def estimate(seed):
        X, y = infotheory.two_samples(p.sample(1000, seed), q.sample(800, seed + 500))
        return NeighborsDivergence(kind=kind).fit(X, y).divergence_

    over_seeds(estimate, truth, slack=0.02)


def test_js_has_equal_weights_whatever_the_sizes():
    p, q = datasets.Normal([0.0]), datasets.Normal([1.5])
    grid = np.linspace(-8, 10, 20001)[:, None]
    dp, dq = np.exp(p.log_density(grid)), np.exp(q.log_density(grid))
    mean = (dp + dq) / 2
    truth = 0.5 * np.trapezoid(dp * np.log(dp / mean) + dq * np.log(dq / mean), grid[:, 0])
    for n, m in ((1000, 1000), (1500, 300), (300, 1500), (400, 600)):

        def estimate(seed, n=n, m=m):
            X, y = infotheory.two_samples(p.sample(n, seed), q.sample(m, seed + 500))
            return NeighborsDivergence(kind="js").fit(X, y).divergence_

        over_seeds(estimate, truth, slack=0.01)
    X, y = infotheory.two_samples(p.sample(1000, 0), q.sample(1000, 1))
    label = MixedKSG(margins=None).fit(X, y).mutual_information_
    js = NeighborsDivergence(kind="js").fit(X, y).divergence_
    assert js == pytest.approx(label, abs=0.005)


def test_divergence_does_not_depend_on_units():
    rng = np.random.default_rng(0)
    X, y = infotheory.two_samples(rng.normal(size=(300, 2)), 0.5 + rng.normal(size=(300, 2)))
    plain = NeighborsDivergence().fit(X, y).divergence_
    scaled = NeighborsDivergence().fit(X * [1.0, 1000.0] + 5, y).divergence_
    assert scaled == pytest.approx(plain, abs=1e-6)


def test_divergence_of_repeated_values_is_finite():
    rng = np.random.default_rng(0)
    P, Q = rng.integers(5, size=(300, 1)) * 1.0, rng.integers(1, 6, size=(300, 1)) * 1.0
    fitted = NeighborsDivergence().fit(*infotheory.two_samples(P, Q))
    assert math.isfinite(fitted.divergence_)
    assert any("repeat" in note for note in fitted.notes_)


@pytest.mark.slow
def test_low_dimensional_tasks():
    """The published tasks with at most three columns a side, at n = 10 000, without networks."""
    names = [
        name
        for name in datasets.task_names()
        if max(datasets.load_task(name).dim_x, datasets.load_task(name).dim_y) <= 3
    ]
    assert len(names) == 24
    close = 0
    for name in names:
        task = datasets.load_task(name)
        X, y = task.sample(10_000, 0)
        value = float(
            infotheory.mutual_information(
                X, y, max_seconds=1, confidence_level=None, random_state=0
            )
        )
        truth = task.mutual_information
        close += abs(value - truth) <= max(0.05, 0.05 * truth)
    assert close >= 18


@pytest.mark.parametrize("unit", [2.0**-700, 2.0**600, 2.0**1015])
def test_ksg_in_units_whose_squares_are_out_of_range(unit):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    y = x[:, :1] + rng.normal(size=(60, 1))
    for options in ({}, {"margins": None, "metric": "euclidean"}, {"variant": 2}):
        there = KSG(**options).fit(unit * x, unit * y).pointwise_
        np.testing.assert_allclose(there, KSG(**options).fit(x, y).pointwise_, rtol=1e-12)
    alone = KSG().fit(unit * x, y)
    assert alone.mutual_information_ == pytest.approx(KSG().fit(x, y).mutual_information_)
