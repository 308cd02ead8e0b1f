"""Discrete estimators: labels of any kind, every method, divergences against their definition."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import rel_entr

import infotheory
from infotheory import DiscreteDivergence, DiscreteEntropy, DiscreteMutualInformation
from infotheory.functional import COUNT_METHODS, discrete_entropy, js_divergence

COUNTS = np.array([1, 2, 3, 2, 1])
SAMPLE = np.repeat(np.arange(5), COUNTS)[:, None]


@pytest.mark.parametrize("method", COUNT_METHODS)
def test_estimator_equals_the_functional(method):
    fitted = DiscreteEntropy(method=method).fit(SAMPLE)
    assert fitted.entropy_ == float(discrete_entropy(COUNTS, method=method))
    assert sorted(fitted.counts_) == sorted(COUNTS)
    mi = DiscreteMutualInformation(method=method).fit(SAMPLE, SAMPLE)
    assert mi.mutual_information_ == pytest.approx(fitted.entropy_, abs=1e-9)


def test_labels_of_any_kind():
    words = np.array(["a", "b", "c", "d", "e"], dtype=object)[SAMPLE[:, 0]]
    expected = DiscreteEntropy().fit(SAMPLE).entropy_
    for X in (
        words[:, None],
        words.astype(str)[:, None],
        pd.DataFrame({"w": words}),
        pd.DataFrame({"w": pd.Categorical(words)}),
        SAMPLE.astype(float) / 3,
        SAMPLE.astype(object) == SAMPLE,
        [[w] for w in words],
        np.array([frozenset({w}) for w in words], dtype=object)[:, None],
    ):
        value = DiscreteEntropy().fit(X).entropy_
        assert value == pytest.approx(0.0 if np.asarray(X).dtype == bool else expected)


def test_a_row_of_several_columns_is_one_symbol():
    rng = np.random.default_rng(0)
    X = rng.integers(3, size=(200, 2))
    joint = 3 * X[:, :1] + X[:, 1:]
    assert DiscreteEntropy().fit(X).entropy_ == pytest.approx(DiscreteEntropy().fit(joint).entropy_)
    frame = pd.DataFrame({"a": X[:, 0].astype(str), "b": X[:, 1]})
    assert DiscreteEntropy().fit(frame).entropy_ == pytest.approx(
        DiscreteEntropy().fit(joint).entropy_
    )


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_a_missing_label_is_an_error_that_says_so(missing):
    X = pd.DataFrame({"w": ["a", missing, "b"]}, dtype=object)
    with pytest.raises(ValueError, match=r"missing label.*row 1"):
        DiscreteEntropy().fit(X)
    X = pd.DataFrame({"w": pd.Categorical(["a", None, "b"])})
    with pytest.raises(ValueError, match=r"missing label.*row 1"):
        DiscreteEntropy().fit(X)


def test_information_of_a_known_table():
    joint = np.array([[30, 10], [5, 55]])
    rows = np.repeat([(0, 0), (0, 1), (1, 0), (1, 1)], joint.ravel(), axis=0)
    p = joint / 100
    truth = rel_entr(p, np.outer(p.sum(1), p.sum(0))).sum()
    fitted = DiscreteMutualInformation(method="plugin").fit(rows[:, :1], rows[:, 1])
    assert fitted.mutual_information_ == pytest.approx(truth, abs=1e-12)


def test_conditional_information_of_exclusive_or():
    rng = np.random.default_rng(0)
    x, z = rng.integers(2, size=(2, 400))
    fitted = DiscreteMutualInformation().fit(x[:, None], x ^ z, condition=z)
    assert fitted.mutual_information_ == pytest.approx(math.log(2), abs=0.02)
    assert abs(DiscreteMutualInformation().fit(x[:, None], x ^ z).mutual_information_) < 0.02


def test_independent_table():
    values = []
    for seed in range(20):
        x, y = np.random.default_rng(seed).integers(30, size=(2, 1000))
        values.append(float(infotheory.mutual_information(x, y, confidence_level=None)))
    assert abs(np.mean(values)) < 0.05


def test_constant_and_undersampled_columns_are_noted():
    y = np.arange(50)
    fitted = DiscreteMutualInformation().fit(np.zeros((50, 1), int), y)
    assert fitted.mutual_information_ == 0
    assert any("constant" in note for note in fitted.notes_)
    assert any("undersampled" in note for note in fitted.notes_)
    assert DiscreteEntropy().fit(np.zeros((50, 1), int)).entropy_ == 0


def test_number_of_categories():
    with pytest.raises(ValueError, match="n_categories must be at least"):
        DiscreteEntropy(n_categories=3).fit(SAMPLE)
    with pytest.raises(ValueError, match="one a variable"):
        DiscreteMutualInformation(n_categories=(5, 5, 5)).fit(SAMPLE, SAMPLE)
    wide = DiscreteEntropy(method="bayes", n_categories=50).fit(SAMPLE).entropy_
    assert wide > DiscreteEntropy(method="bayes").fit(SAMPLE).entropy_
    DiscreteMutualInformation(method="nsb", n_categories=(5, 6)).fit(SAMPLE, SAMPLE)


# --------------------------------------------------------------------------- divergence

P = np.array([40, 30, 20, 10])
Q = np.array([10, 20, 30, 40])


def two(p, q):
    return infotheory.two_samples(np.repeat(np.arange(len(p)), p), np.repeat(np.arange(len(q)), q))


def test_plug_in_divergences_equal_their_definition():
    p, q = P / P.sum(), Q / Q.sum()
    expected = {
        "kl": rel_entr(p, q).sum(),
        "reverse-kl": rel_entr(q, p).sum(),
        "jeffreys": rel_entr(p, q).sum() + rel_entr(q, p).sum(),
        "js": float(js_divergence(p, q)),
    }
    for kind, value in expected.items():
        for counts in ((P, Q), (P, 3 * Q)):
            fitted = DiscreteDivergence(kind=kind, method="plugin").fit(*two(*counts))
            assert fitted.divergence_ == pytest.approx(value, abs=1e-12), kind


def test_smoothed_divergence_equals_its_definition():
    p, q = (np.append(c, 0) + 0.5 for c in (P, Q))
    p, q = p / p.sum(), q / q.sum()
    for kind, value in (("kl", rel_entr(p, q).sum()), ("reverse-kl", rel_entr(q, p).sum())):
        fitted = DiscreteDivergence(
            kind=kind, method="dirichlet", pseudocount=0.5, n_categories=5
        ).fit(*two(P, Q))
        assert fitted.divergence_ == pytest.approx(value, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kl", "reverse-kl", "jeffreys", "js"])
def test_corrected_divergences_have_less_bias(kind):
    p, q = P / P.sum(), np.array([0.25, 0.25, 0.25, 0.25])
    truth = {
        "kl": rel_entr(p, q).sum(),
        "reverse-kl": rel_entr(q, p).sum(),
        "jeffreys": rel_entr(p, q).sum() + rel_entr(q, p).sum(),
        "js": float(js_divergence(p, q)),
    }[kind]
    for n, m in ((60, 60), (80, 40)):
        errors = {"plugin": [], "chao-wang-jost": []}
        for seed in range(300):
            rng = np.random.default_rng(seed)
            X, y = infotheory.two_samples(rng.choice(4, n, p=p), rng.choice(4, m, p=q))
            for method, found in errors.items():
                value = DiscreteDivergence(kind=kind, method=method).fit(X, y).divergence_
                if math.isfinite(value):
                    found.append(value - truth)
        plugin, corrected = (np.array(e) for e in errors.values())
        assert abs(corrected.mean()) < 4 * corrected.std() / math.sqrt(300) + 0.003
        assert abs(corrected.mean()) < abs(plugin.mean())


@pytest.mark.parametrize("kind", ["kl", "reverse-kl", "jeffreys", "js"])
def test_standard_errors_are_right(kind):
    p, q = P / P.sum(), Q / Q.sum()
    values, claimed = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        X, y = infotheory.two_samples(rng.choice(4, 300, p=p), rng.choice(4, 200, p=q))
        fitted = DiscreteDivergence(kind=kind).fit(X, y)
        values.append(fitted.divergence_)
        claimed.append(fitted._standard_error())
    # 300 runs know a standard deviation to 4 %; smoothing and curvature add some.
    assert np.mean(claimed) == pytest.approx(np.std(values), rel=0.2)


def test_a_symbol_that_p_lacks():
    X, y = two([10, 10, 0], [7, 7, 6])
    fitted = DiscreteDivergence(kind="reverse-kl").fit(X, y)
    assert any("P lacks" in note for note in fitted.notes_)
    assert not any("lacks" in note for note in DiscreteDivergence().fit(X, y).notes_)


def test_a_symbol_that_q_lacks():
    X, y = two([5, 5], [10, 0])
    assert DiscreteDivergence(method="plugin").fit(X, y).divergence_ == math.inf
    fitted = DiscreteDivergence().fit(X, y)
    assert math.isfinite(fitted.divergence_)
    assert any("Q lacks" in note for note in fitted.notes_)


def test_divergence_scores_new_rows():
    X, y = two([30, 10, 0], [10, 20, 10])
    fitted = DiscreteDivergence().fit(X, y)
    ratio = np.log([30.5 / 41.5, 10.5 / 41.5, 0.5 / 41.5]) - np.log(
        [10.5 / 41.5, 20.5 / 41.5, 10.5 / 41.5]
    )
    np.testing.assert_allclose(fitted.score_samples([[2], [0], [1]]), ratio[[2, 0, 1]])
    assert fitted.score_samples([[99]])[0] == pytest.approx(0.0)
    names = np.array(["a", "b", "c"])[X]
    frame = pd.DataFrame({"one": names[:, 0], "two": names[:, 0]})
    joint = DiscreteDivergence().fit(frame, y)
    new = pd.DataFrame({"one": ["c", "a"], "two": ["c", "a"]})
    np.testing.assert_allclose(joint.score_samples(new), ratio[[2, 0]])
