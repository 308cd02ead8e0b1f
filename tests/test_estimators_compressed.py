"""Compression in front of an estimator: what is kept, what is handed on, what is refused."""

from __future__ import annotations

import math
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from infotheory import (
    KSG,
    BinnedMutualInformation,
    CompressedMutualInformation,
    DiscreteEntropy,
    EntropySum,
    GaussianMutualInformation,
    MixedKSG,
    NeighborsEntropy,
    NoisyMutualInformation,
    confidence_interval,
    mutual_information,
)

RHO = np.array([0.9, 0.5])
TRUTH = float(-0.5 * np.sum(np.log1p(-(RHO**2))))


def pairs(n, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    return x, RHO * x + np.sqrt(1 - RHO**2) * rng.normal(size=(n, 2))


def frame(d, seed=1):
    """An orthonormal frame of two images of d pixels."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, 2)))[0]


@pytest.mark.parametrize("estimator", [KSG(), GaussianMutualInformation()], ids=repr)
def test_images_of_a_normal_pair_keep_their_information(estimator):
    """-1/2 sum ln(1 - rho^2), whatever the embedding."""
    x, y = pairs(2000)
    compressed = CompressedMutualInformation(estimator, n_components=2)
    images = compressed.fit(x @ frame(64).T, y @ frame(49, 2).T)
    assert images.mutual_information_ == pytest.approx(TRUTH, rel=0.05)
    assert images.retained_ == pytest.approx((1.0, 1.0))
    assert [c.n_components for c in images.compressors_] == [2, 2]
    # The information of what was embedded, by the same estimator, up to rotation within a side.
    direct = clone(estimator).fit(x, y).mutual_information_
    assert images.mutual_information_ == pytest.approx(direct, abs=0.05)


def test_nearest_neighbours_lose_without_compression():
    """Pixels with noise of their own, which 64 columns have much of and two components little."""
    x, y = pairs(800)
    rng = np.random.default_rng(3)
    X = x @ frame(64).T + 0.1 * rng.normal(size=(800, 64))
    Y = y @ frame(64, 2).T + 0.1 * rng.normal(size=(800, 64))
    compressed = CompressedMutualInformation(KSG(), n_components=2).fit(X, Y)
    assert compressed.mutual_information_ == pytest.approx(TRUTH, abs=0.15)
    assert KSG().fit(X, Y).mutual_information_ < 0.6 * TRUTH
    assert 0.6 < compressed.retained_[0] < 1


def test_what_is_dropped_is_lost():
    """A shared signal of little variance: the bound is a lower bound and nothing more."""
    rng = np.random.default_rng(4)
    shared = rng.normal(size=(600, 1))
    X = np.hstack([10 * rng.normal(size=(600, 3)), shared])
    compressed = CompressedMutualInformation(KSG(), n_components=2).fit(X, shared)
    assert compressed.mutual_information_ < 0.1
    assert any("lower bound" in note for note in compressed.notes_)
    whole = CompressedMutualInformation(KSG(), n_components=4).fit(X, shared)
    assert whole.mutual_information_ > 0.5
    assert not any("lower bound" in note for note in whole.notes_)
    assert whole.compressors_ == (None, None)


def test_the_ceiling_and_the_notes_of_the_estimator_are_handed_on():
    x, y = pairs(300)
    X = x @ frame(20).T
    for estimator, limit in (
        (NoisyMutualInformation(noise=1e-6, random_state=0), math.log(300)),
        (BinnedMutualInformation(target="symbols"), math.log(300)),
    ):
        fitted = CompressedMutualInformation(
            estimator, compressor=("pca", None), n_components=2
        ).fit(X, y)
        assert fitted.saturation_limit_ == pytest.approx(limit)
        assert fitted.saturated_
        assert any("how many rows" in note for note in fitted.notes_)
    ksg = CompressedMutualInformation(KSG(), n_components=2).fit(X, X)
    assert ksg.saturated_
    assert any("KSG can return at most" in note for note in ksg.notes_)
    gaussian = CompressedMutualInformation(GaussianMutualInformation(), n_components=2).fit(X, y)
    assert math.isnan(gaussian.saturation_limit_)
    assert not gaussian.saturated_


def test_intervals_are_those_of_the_estimator():
    x, y = pairs(1000)
    X, Y = x @ frame(30).T, y @ frame(30, 2).T
    compressed = CompressedMutualInformation(GaussianMutualInformation(), n_components=2)
    estimate = confidence_interval(compressed, X, Y)
    low, high = estimate.interval
    assert low < TRUTH < high
    assert estimate.standard_error == compressed.fit(X, Y)._standard_error()
    by_rows = confidence_interval(
        CompressedMutualInformation(KSG(), n_components=2), X, Y, n_resamples=20, random_state=0
    )
    assert by_rows.interval[0] < TRUTH < by_rows.interval[1]
    assert not hasattr(CompressedMutualInformation(KSG()), "_standard_error")
    assert float(mutual_information(X, Y, estimator=compressed)) == estimate.value


def test_any_transformer_a_pipeline_or_one_a_side():
    x, y = pairs(300)
    X = x @ frame(10).T
    scaled = make_pipeline(StandardScaler(), PCA(2))
    fitted = CompressedMutualInformation(KSG(), compressor=scaled).fit(X, y @ frame(10, 2).T)
    assert fitted.compressors_[0] is not scaled
    assert np.isnan(fitted.retained_).all()
    assert "X from 10 to 2 columns and y" in fitted.notes_[-1]
    two = CompressedMutualInformation(KSG(), compressor=(scaled, None)).fit(X, y)
    assert two.compressors_[1] is None
    sizes = CompressedMutualInformation(KSG(), n_components=(3, 1)).fit(X, y)
    assert [c.n_components for c in sizes.compressors_] == [3, 1]


def test_labels_stay_as_they_are():
    x, _ = pairs(400)
    X, y = x @ frame(20).T, (x[:, 0] > 0).astype(int)
    words = np.array(["low", "high"], dtype=object)[y]
    values = [
        CompressedMutualInformation(MixedKSG(), n_components=2).fit(X, labels).mutual_information_
        for labels in (y, words, pd.Series(words, dtype="category"))
    ]
    assert values[0] == values[1] == values[2]
    assert values[0] == pytest.approx(math.log(2), abs=0.1)


def test_images_of_whole_numbers_are_numbers():
    rng = np.random.default_rng(5)
    shade = rng.integers(200, size=(300, 1))
    images = (shade + rng.integers(3, size=(300, 30))).astype(np.uint8)
    fitted = CompressedMutualInformation(KSG(), n_components=1).fit(images, shade.astype(float))
    assert fitted.mutual_information_ > 2


class Foreign(BaseEstimator):
    """An estimator of another package: arrays only."""

    def fit(self, X, y, condition=None):
        assert isinstance(X, np.ndarray)
        assert isinstance(y, np.ndarray)
        self.seen_ = X, y, condition
        self.mutual_information_ = 0.5
        self.standard_error_ = 0.1
        return self


def test_estimators_of_other_packages_get_arrays():
    x, y = pairs(50)
    fitted = CompressedMutualInformation(Foreign(), n_components=1).fit(x, y, condition=y[:, 0])
    X, Y, condition = fitted.estimator_.seen_
    assert X.shape == Y.shape == (50, 1)
    assert condition is not None
    assert (fitted.mutual_information_, fitted.standard_error_) == (0.5, 0.1)
    words = np.array(["a", "b"], dtype=object)[np.arange(50) % 2]
    assert fitted.fit(x, words).estimator_.seen_[1][:, 0].tolist() == words.tolist()


class Broken(TransformerMixin, BaseEstimator):
    def __init__(self, out=None):
        self.out = out

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return {"short": X[1:], "missing": X * np.nan, "flat": X[:, 0]}[self.out]


@pytest.mark.parametrize("out", ["short", "missing", "flat"])
def test_a_transformer_that_returns_no_rows(out):
    x, y = pairs(50)
    with pytest.raises(ValueError, match="compressor must return one finite row for each of the"):
        CompressedMutualInformation(KSG(), compressor=Broken(out)).fit(x, y)


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        ({"compressor": "umap"}, ValueError, "compressor must be one of pca, autoencoder"),
        ({"compressor": PCA}, TypeError, "an object with fit and transform"),
        ({"compressor": KSG()}, TypeError, "an object with fit and transform"),
        ({"compressor": ("pca",) * 3}, ValueError, "tuple of two"),
        ({"n_components": 0}, ValueError, "n_components"),
        ({"n_components": (2, 0)}, ValueError, "n_components must be an integer of at least 1"),
        ({"n_components": (2, 1.5)}, ValueError, "n_components must be an integer of at least 1"),
        ({"n_components": 60}, ValueError, "n_components must be below the number of rows of X"),
        ({"estimator": NeighborsEntropy()}, TypeError, "Wrap it in EntropySum"),
        ({"estimator": KSG}, TypeError, r"Write KSG\(\)"),
        ({"estimator": StandardScaler()}, TypeError, "must leave mutual_information_"),
    ],
)
def test_what_cannot_compress_or_estimate(words, kind, message):
    x, y = pairs(50)
    X = x @ frame(80).T
    compressed = CompressedMutualInformation(**{"estimator": KSG(), **words})
    with pytest.raises(kind, match=message):
        compressed.fit(X, X if "n_components" in words else y @ frame(5).T)


def test_a_constant_side():
    _, y = pairs(50)
    for compressor in ("pca", "autoencoder"):
        compressed = CompressedMutualInformation(KSG(), compressor=compressor, n_components=1)
        assert compressed.fit(np.ones((50, 4)), y[:, :1]).mutual_information_ == 0


def test_rows_that_do_not_fit():
    x, y = pairs(50)
    with pytest.raises(ValueError, match="same number of rows, got 50 and 49"):
        CompressedMutualInformation(KSG()).fit(x, y[1:])
    with pytest.raises(ValueError, match="missing value"):
        CompressedMutualInformation(KSG()).fit(np.where(x > 0, x, np.nan), y)


def test_a_wrapped_entropy_estimator():
    x, y = pairs(400)
    fitted = CompressedMutualInformation(EntropySum(NeighborsEntropy()), n_components=2)
    assert fitted.fit(x @ frame(20).T, y).mutual_information_ == pytest.approx(TRUTH, abs=0.2)
    symbols = CompressedMutualInformation(EntropySum(DiscreteEntropy()), compressor=None)
    assert symbols.fit(np.arange(40)[:, None] % 2, np.arange(40) % 2).mutual_information_ > 0.5


def test_an_autoencoder_follows_a_curve(monkeypatch):
    """A circle in ten columns by its angle's two coordinates; the seed decides."""
    pytest.importorskip("torch")
    monkeypatch.setattr("infotheory._autoencoder._STEPS", 300)
    rng = np.random.default_rng(6)
    angle = rng.uniform(-math.pi, math.pi, size=300)
    X = np.column_stack([np.cos(angle), np.sin(angle)]) @ frame(10).T
    words = {"compressor": ("autoencoder", None), "n_components": 2, "random_state": 0}
    fitted = CompressedMutualInformation(KSG(), **words).fit(X, np.cos(angle))
    assert fitted.retained_[0] > 0.95
    assert fitted.mutual_information_ > 1.5
    monkeypatch.setattr("infotheory._autoencoder._STEPS", 5)
    fitted.fit(X, np.cos(angle))
    again = clone(fitted).fit(X, np.cos(angle))
    assert again.mutual_information_ == fitted.mutual_information_


def test_without_torch_there_is_a_hint(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    x, y = pairs(50)
    with pytest.raises(ImportError, match=r"infotheory-learn\[torch\]"):
        CompressedMutualInformation(KSG(), compressor="autoencoder", n_components=1).fit(x, y)


def test_a_transformer_on_single_columns():
    x, y = pairs(300)
    double = FunctionTransformer(np.cbrt)
    fitted = CompressedMutualInformation(KSG(), compressor=double).fit(x[:, :1], y[:, :1])
    assert fitted.mutual_information_ == pytest.approx(-0.5 * math.log(1 - 0.81), abs=0.15)


@pytest.mark.parametrize("unit", [1e-200, 1e155, 1e300, 3e307])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_variance_out_of_the_range_of_floats_is_refused(unit):
    x = np.random.default_rng(0).normal(size=(40, 3))
    with pytest.raises(ValueError, match=r"X must have deviations .* got values up to"):
        CompressedMutualInformation(KSG(), n_components=2).fit(unit * x, x[:, :1])


def test_units_of_columns_do_not_count_for_an_autoencoder(monkeypatch):
    """Columns whose squares overflow or vanish take part like all others."""
    pytest.importorskip("torch")
    monkeypatch.setattr("infotheory._autoencoder._STEPS", 5)
    rows = np.random.default_rng(0).normal(size=(60, 4))
    words = {"compressor": ("autoencoder", None), "n_components": 2, "random_state": 0}
    told = [
        CompressedMutualInformation(KSG(), **words).fit(rows * units, rows[:, 0])
        for units in (np.ones(4), np.array([2.0**600, 1.0, 2.0**-600, 2.0**1020]))
    ]
    assert told[1].mutual_information_ == told[0].mutual_information_
    assert told[1].retained_ == told[0].retained_
