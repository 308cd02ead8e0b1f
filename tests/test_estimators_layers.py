"""Binned and noisy information of layers: limits, closed forms, bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.base import clone

import infotheory
from infotheory import (
    KSG,
    BinnedMutualInformation,
    DiscreteEntropy,
    DiscreteMutualInformation,
    NoisyMutualInformation,
    confidence_interval,
    permutation_test,
)
from infotheory.functional import adaptive_bins, discrete_entropy


def plug_in(codes):
    return float(discrete_entropy(np.bincount(codes), method="plugin"))


# Bins


def test_a_layer_that_is_a_function_of_its_input_has_the_entropy_of_its_bins():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 4))
    layer = np.tanh(X @ rng.normal(size=(4, 2)))
    y = (X[:, 0] > 0).astype(int)
    binned = BinnedMutualInformation(n_bins=5, target="symbols").fit(layer, X)
    codes = adaptive_bins(layer, 5)
    assert binned.mutual_information_ == pytest.approx(plug_in(codes), abs=1e-12)
    assert binned.n_symbols_ == len(np.unique(codes))
    assert binned.saturation_limit_ == pytest.approx(math.log(25))
    assert "No row of y repeats" in binned.notes_[0]
    labels = binned.fit(layer, y)
    given = sum((y == c).mean() * plug_in(codes[y == c]) for c in (0, 1))
    assert labels.mutual_information_ == pytest.approx(plug_in(codes) - given, abs=1e-12)
    assert labels.saturation_limit_ == pytest.approx(plug_in(y))


def test_both_sides_in_bins_come_near_a_closed_form():
    """200 cells for a normal pair; bins lose a little, which Chao-Wang-Jost does not add."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(6000, 1))
    y = 0.8 * x + 0.6 * rng.normal(size=x.shape)
    truth = -0.5 * math.log(1 - 0.64)
    binned = BinnedMutualInformation(n_bins=16, estimator=DiscreteMutualInformation())
    assert binned.fit(x, y).mutual_information_ == pytest.approx(truth, rel=0.05)
    plain = BinnedMutualInformation(n_bins=16).fit(x, y)
    assert not plain.saturated_
    few = BinnedMutualInformation(n_bins=30).fit(x[:300], y[:300])
    assert few.mutual_information_ > truth + 0.3
    assert "plug-in is too high" in few.notes_[-1]


def test_the_estimator_of_the_symbols_is_used():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 1))
    y = rng.integers(3, size=300)
    inner = DiscreteMutualInformation(method="miller-madow")
    binned = BinnedMutualInformation(n_bins=4, estimator=inner).fit(x, y)
    codes = adaptive_bins(x, 4)
    expected = clone(inner).fit(codes[:, None], y)
    assert binned.mutual_information_ == expected.mutual_information_
    assert binned._standard_error() == expected._standard_error()
    assert binned._bias(None) == expected._bias(None)
    # By subsampling, where the estimator of the symbols knows no error.
    whole = confidence_interval(
        BinnedMutualInformation(n_bins=4, target="symbols", estimator=KSG(margins=None)),
        x,
        np.arange(300.0),
        random_state=0,
    )
    assert whole.interval is not None


def test_what_is_no_estimator_of_information():
    x, y = np.arange(20.0)[:, None], np.arange(20) % 2
    with pytest.raises(TypeError, match=r"must leave mutual_information_.*Wrap it in EntropySum"):
        BinnedMutualInformation(estimator=DiscreteEntropy()).fit(x, y)
    with pytest.raises(TypeError, match=r"Write KSG\(\)"):
        BinnedMutualInformation(estimator=KSG).fit(x, y)


@pytest.mark.parametrize("target", ["bins", "symbols"])
def test_rows_that_are_told_apart_say_so(target):
    X = np.random.default_rng(3).normal(size=(400, 12))
    binned = BinnedMutualInformation(target=target).fit(X, np.arange(400) % 4)
    assert binned.saturated_
    assert binned.mutual_information_ == pytest.approx(math.log(4), abs=1e-2)
    assert any("how many rows" in note for note in binned.notes_)
    few = BinnedMutualInformation(target=target, n_bins=2).fit(X[:, :2], np.arange(400) % 4)
    assert not few.saturated_
    assert not few.notes_


def test_edges_of_ones_own():
    x = np.array([-3.0, -0.5, 0.5, 3.0])[:, None]
    y = np.arange(4)
    fitted = BinnedMutualInformation(binning=[-1.0, 0.0, 1.0]).fit(x, y)
    assert fitted.n_symbols_ == 4
    assert BinnedMutualInformation(binning=[0.0]).fit(x, y).n_symbols_ == 2
    for wrong in ([1.0, 0.0], [[0.0, 1.0]], [], [0.0, math.inf], [0.0, math.nan]):
        with pytest.raises(ValueError, match="binning must"):
            BinnedMutualInformation(binning=wrong).fit(x, y)


def test_columns_in_bins_of_their_own():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(400, 2)) * [1.0, 1000.0]
    pooled, each = (
        BinnedMutualInformation(n_bins=4, target="symbols", pooled=pooled).fit(X, X)
        for pooled in (True, False)
    )
    assert len(pooled.edges_) == 1
    assert len(each.edges_) == 2
    assert each.mutual_information_ > pooled.mutual_information_ + 0.5


def test_the_condition_is_binned_too():
    rng = np.random.default_rng(5)
    z = rng.normal(size=3000)
    x, y = z + 0.1 * rng.normal(size=3000), z + 0.1 * rng.normal(size=3000)
    words = {"n_bins": 8, "estimator": DiscreteMutualInformation()}
    alone = BinnedMutualInformation(**words).fit(x[:, None], y).mutual_information_
    given = BinnedMutualInformation(**words).fit(x[:, None], y, condition=z)
    assert given.mutual_information_ < 0.2 * alone


# Noise


def test_noise_of_each_kind():
    rng = np.random.default_rng(6)
    X = rng.normal(size=(300, 2))
    values = {}
    for name, noise in {
        "number": 0.5,
        "columns": lambda T: [0.5, 0.5],
        "callable": lambda T: 0.5,
        "adaptive": "adaptive",
    }.items():
        fitted = NoisyMutualInformation(noise=noise, random_state=0).fit(X, X)
        values[name] = fitted.mutual_information_
        assert fitted.noise_.shape == (2,)
    assert values["number"] == values["columns"] == values["callable"]
    assert fitted.noise_[0] == pytest.approx(math.sqrt(1e-3 * np.abs(X).max()))
    for wrong in (0.0, -1.0, "loud", None):
        with pytest.raises(ValueError, match="noise"):
            NoisyMutualInformation(noise=wrong).fit(X, X)
    with pytest.raises(ValueError, match="for its squares to be numbers"):
        NoisyMutualInformation(noise=1e-200).fit(X, X)
    with pytest.raises(ValueError, match=r"noise must be at most 1e\+150 .* got 1e\+200"):
        NoisyMutualInformation(noise=1e200).fit(X, X)
    for wrong in (0.0, [1.0, 2.0, 3.0], math.nan, "loud"):
        with pytest.raises(ValueError, match="noise must be a positive standard deviation"):
            NoisyMutualInformation(noise=lambda T, wrong=wrong: wrong).fit(X, X)


@pytest.mark.parametrize("d", [1, 3, 8])
def test_normal_layers(d):
    """d/2 ln(1 + a^2) with a chosen for 2.5 nats, within 5 %, and not said to be saturated."""
    truth = 2.5
    a = math.sqrt(math.exp(2 * truth / d) - 1)
    X = a * np.random.default_rng(d).normal(size=(1500, d))
    fitted = NoisyMutualInformation(noise=1.0, n_draws=2, random_state=0).fit(X, X)
    assert fitted.mutual_information_ == pytest.approx(truth, rel=0.05)
    assert not fitted.saturated_
    assert fitted.saturation_limit_ == pytest.approx(math.log(1500))


def test_what_is_said_to_be_saturated_is_where_it_falls_short():
    rng = np.random.default_rng(7)
    for a, falls_short in ((1.0, False), (8.0, True)):
        X = a * rng.normal(size=(500, 8))
        truth = 4 * math.log(1 + a**2)
        fitted = NoisyMutualInformation(noise=1.0, random_state=0).fit(X, X)
        assert (fitted.mutual_information_ < 0.9 * truth) == falls_short
        assert fitted.saturated_ == falls_short
        assert any("how many rows" in note for note in fitted.notes_) == falls_short


def test_repeated_inputs_are_one_value():
    """Four passes of a noisy layer: what its own noise adds is not information on the input."""
    rng = np.random.default_rng(8)
    X = np.repeat(2 * rng.normal(size=(100, 1)), 20, axis=0)
    passes = X + rng.normal(size=X.shape)
    once = NoisyMutualInformation(noise=0.1, random_state=0).fit(passes, np.arange(2000.0))
    fitted = NoisyMutualInformation(noise=0.1, random_state=0).fit(passes, X)
    truth = 0.5 * math.log(1 + 4 / 1.01)
    # Mixtures of 20 rows lack about .3 of the entropy of their law; of all rows, nothing.
    assert truth < fitted.mutual_information_ < truth + 0.5 < once.mutual_information_
    assert fitted.saturation_limit_ == pytest.approx(math.log(100))


def test_a_constant_layer():
    for estimator in (NoisyMutualInformation(), NoisyMutualInformation(noise="adaptive")):
        fitted = estimator.fit(np.zeros((20, 3)), np.arange(20))
        assert fitted.mutual_information_ == 0
        assert "constant" in fitted.notes_[-1]


def test_draws_are_of_the_seed():
    X = np.random.default_rng(9).normal(size=(100, 2))
    values = [
        NoisyMutualInformation(random_state=seed).fit(X, X).mutual_information_
        for seed in (0, 0, 1)
    ]
    assert values[0] == values[1] != values[2]


def test_intervals_and_tests_of_labels():
    rng = np.random.default_rng(10)
    y = rng.integers(2, size=300)
    X = rng.normal(size=(300, 1)) + y[:, None]
    estimator = NoisyMutualInformation(noise=1.0, method="monte-carlo", random_state=0)
    low, high = confidence_interval(estimator, X, y, random_state=0).interval
    # X + Z given y is normal of variance 2: by quadrature .0616.
    assert low < 0.0616 < high
    assert permutation_test(estimator, X, y, n_permutations=19, random_state=0).p_value == 0.05


def test_text_labels_and_numbers_are_alike():
    rng = np.random.default_rng(11)
    X, y = rng.normal(size=(60, 2)), rng.integers(3, size=60)
    words = np.array(["a", "b", "c"])[y]
    values = [
        NoisyMutualInformation(random_state=0).fit(X, labels).mutual_information_
        for labels in (y, words, y.astype(float))
    ]
    assert values[0] == values[1] == values[2]
    with pytest.raises(ValueError, match="X must hold numbers"):
        NoisyMutualInformation().fit(words[:, None], y)


def test_neighbours_tell_their_ceiling():
    x = np.random.default_rng(12).normal(size=(200, 1))
    for kind in (infotheory.KSG, infotheory.MixedKSG):
        fitted = kind().fit(x, x + 1e-4)
        assert fitted.saturation_limit_ == pytest.approx(math.log(200), abs=1.0)
        assert fitted.saturated_
        assert not kind().fit(x, np.flip(x)).saturated_


@pytest.mark.slow
@pytest.mark.parametrize(
    ("d", "a", "low", "high"),
    [(5, 2.0, -0.04, 0.0), (10, 1.0, -0.04, 0.0), (5, 3.0, -0.07, -0.03), (10, 2.0, -0.2, -0.14)],
)
def test_what_the_pages_say_of_few_rows(d, a, low, high):
    """2 000 rows: half, half, three quarters and all of ln n; one sample errs by 1 % or so."""
    truth = 0.5 * d * math.log(1 + a**2)
    errors = []
    for seed in range(4):
        X = a * np.random.default_rng([seed, d]).normal(size=(2000, d))
        fitted = NoisyMutualInformation(noise=1.0, n_draws=2, random_state=0).fit(X, X)
        errors.append(fitted.mutual_information_ / truth - 1)
        assert fitted.saturated_ == (high <= -0.03)
    assert low < np.mean(errors) < high, errors


def test_edges_that_are_no_numbers():
    X = np.linspace(0, 1, 20)[:, None]
    with pytest.raises(ValueError, match=r"binning must be .* increasing edges, got \['a', 'b'\]"):
        BinnedMutualInformation(binning=["a", "b"]).fit(X, np.arange(20) % 2)
