"""The doors end to end: what they choose and say, units, intervals, p-values, reproducibility."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from door_data import BARE, WIDE, A, B, X, Y, numbers_of, pair
from sklearn.base import BaseEstimator

from infotheory import (
    KSG,
    DiscreteDivergence,
    DiscreteEntropy,
    DiscreteMutualInformation,
    EntropySum,
    GaussianDivergence,
    GaussianEntropy,
    GaussianMutualInformation,
    MixedKSG,
    NeighborsDivergence,
    NeighborsEntropy,
    conditional_mutual_information,
    confidence_interval,
    divergence,
    entropy,
    mutual_information,
    mutual_information_matrix,
    permutation_test,
)
from infotheory.datasets import Normal, correlated_normals, kl_divergence

# ------------------------------------------------------------------ the automatic choice


@pytest.mark.parametrize(
    ("arguments", "chosen", "words"),
    [
        ((X, Y), KSG, "continuous without repeats (1 + 1 columns, n = 200)"),
        ((WIDE, Y), KSG, "(2 + 1 columns, n = 200)"),
        ((A, B), DiscreteMutualInformation, "discrete (1 + 1 columns, n = 200)"),
        ((A.astype(str), B), DiscreteMutualInformation, "discrete"),
        ((A > 1, B > 1), DiscreteMutualInformation, "discrete"),
        ((X, A), MixedKSG, "X continuous, y discrete"),
        ((A, X), MixedKSG, "X discrete, y continuous"),
        ((np.where(X > 0, X, 0.0), Y), MixedKSG, "X mixed, y continuous"),
        ((pd.DataFrame({"x": X, "a": A}), Y), MixedKSG, "X mixed, y continuous"),
    ],
)
def test_auto_chooses_by_the_data_and_says_so(arguments, chosen, words):
    e = mutual_information(*arguments, random_state=0, **BARE)
    assert type(e.estimator) is chosen
    assert e.notes[0].startswith(f"Chose {chosen.__name__}")
    assert words in e.notes[0]


@pytest.mark.parametrize(
    ("sample", "chosen"),
    [
        (X, NeighborsEntropy),
        (WIDE, NeighborsEntropy),
        (A, DiscreteEntropy),
        (A.astype(str), DiscreteEntropy),
        (np.column_stack([A, B]), DiscreteEntropy),
        (A > 1, DiscreteEntropy),
    ],
)
def test_auto_entropy(sample, chosen):
    e = entropy(sample, **BARE)
    assert type(e.estimator) is chosen
    assert e.notes[0].startswith(f"Chose {chosen.__name__}: X is ")
    assert f"n = {len(sample)}" in e.notes[0]


def test_two_classes_are_labels_however_few_rows():
    e = mutual_information(X[:30], np.arange(30) % 2 == 0, **BARE)
    assert "y discrete" in e.notes[0]


def test_auto_entropy_refuses_labels_beside_real_numbers():
    with pytest.raises(ValueError, match="X mixes label columns with real columns"):
        entropy(pd.DataFrame({"x": X, "a": A}))


@pytest.mark.parametrize("kind", ["kl", "reverse-kl", "jeffreys", "js"])
@pytest.mark.parametrize(
    ("samples", "chosen"), [((X, Y + 1), NeighborsDivergence), ((A, B), DiscreteDivergence)]
)
def test_auto_divergence(samples, chosen, kind):
    e = divergence(*samples, kind=kind, **BARE)
    assert type(e.estimator) is chosen
    assert e.estimator.kind == kind
    assert e.notes[0].startswith(f"Chose {chosen.__name__}: ")


def test_auto_conditional():
    for condition, chosen in ((X * Y, KSG), (A, MixedKSG)):
        e = conditional_mutual_information(X, Y, condition, random_state=0, **BARE)
        assert type(e.estimator) is chosen
    e = conditional_mutual_information(A, B, A > 1, **BARE)
    assert type(e.estimator) is DiscreteMutualInformation


def test_rounded_measurements_are_not_taken_for_atoms():
    x, y = pair(600, rho=0.0)
    e = mutual_information(np.round(x, 1), np.round(y, 1), random_state=0, **BARE)
    assert "spread" in e.notes[0]
    assert abs(e.value) < 0.15  # four standard deviations at n = 600


def test_rare_integers_beside_real_numbers_are_numbers_with_a_note():
    x, y = pair(300)
    e = mutual_information(np.round(1000 * x).astype(int), y, random_state=0, **BARE)
    assert any("read as numbers; discrete=True makes them labels" in note for note in e.notes)
    real = mutual_information(np.round(1000 * x), y, random_state=0, **BARE)
    assert e.value == pytest.approx(real.value)


# ------------------------------------------------------------------ values, units, options


def test_the_doors_come_near_the_truth():
    x, y = pair(2000)
    truth = correlated_normals(0.8).mutual_information
    P, Q = Normal(0.0), Normal(1.0)
    p, q = P.sample(2000, 0), Q.sample(2000, 1)
    # Standard errors at n = 2 000 are .023 (KSG), .03 (entropy), .06 (KL); four of them.
    assert float(mutual_information(x, y, **BARE)) == pytest.approx(truth, abs=0.09)
    assert float(entropy(x, **BARE)) == pytest.approx(Normal(0.0).entropy, abs=0.12)
    assert float(divergence(p, q, **BARE)) == pytest.approx(kl_divergence(P, Q), abs=0.24)
    z = np.random.default_rng(2).normal(size=2000)
    given = conditional_mutual_information(x + z, y - z, z, **BARE)
    assert float(given) == pytest.approx(truth, abs=0.15)


@pytest.mark.parametrize(
    ("base", "unit", "scale"),
    [
        (None, "nats", 1.0),
        (2, "bits", math.log(2)),
        (10, "hartleys", math.log(10)),
        (math.e, "nats", 1.0),
        (3, "units of log base 3", math.log(3)),
    ],
)
def test_base_changes_the_unit_of_every_number(base, unit, scale):
    nats = mutual_information(A, B)
    e = mutual_information(A, B, base=base)
    assert e.unit == unit
    assert e.value == pytest.approx(nats.value / scale)
    assert e.standard_error == pytest.approx(nats.standard_error / scale)
    assert e.interval == pytest.approx([v / scale for v in nats.interval])
    assert e.estimator.mutual_information_ == nats.value  # estimators speak nats


@pytest.mark.parametrize(
    "call",
    [
        lambda **o: entropy(X, **o),
        lambda **o: mutual_information(X, Y, **o),
        lambda **o: conditional_mutual_information(X, Y, X * Y, **o),
        lambda **o: divergence(X, Y, **o),
    ],
    ids=["entropy", "mutual_information", "conditional", "divergence"],
)
def test_intervals_and_bare_numbers(call):
    bare = call(confidence_level=None)
    assert bare.interval is None
    assert bare.standard_error is None
    assert bare.confidence_level is None
    e = call(random_state=0)
    assert e.value == bare.value
    assert e.confidence_level == 0.9
    low, high = e.interval
    assert low < e.value - e.bias < high
    assert e.standard_error > 0
    wider = call(random_state=0, confidence_level=0.99)
    assert wider.interval[0] < low < high < wider.interval[1]
    assert e.confidence_interval(0.99) == pytest.approx(wider.interval)
    assert all(type(v) is float for v in (e.value, e.standard_error, low, high, e.bias))


def test_p_values_separate_dependence_from_its_absence():
    dependent = mutual_information(X, Y, n_permutations=99, random_state=0, **BARE)
    assert dependent.p_value == 0.01  # (1 + 0) / (1 + 99)
    order = np.random.default_rng(3).permutation(len(Y))
    independent = mutual_information(X, Y[order], n_permutations=99, random_state=0, **BARE)
    assert 0.05 < independent.p_value <= 1
    assert mutual_information(X, Y, **BARE).p_value is None
    assert divergence(X, X + 1, n_permutations=39, random_state=0, **BARE).p_value == 1 / 40
    assert divergence(A, B, n_permutations=39, random_state=0, **BARE).p_value > 0.05
    both = mutual_information(X, Y, n_permutations=9, random_state=0)
    assert both.interval is not None
    assert both.p_value == 0.1


def test_the_least_number_of_permutations():
    assert mutual_information(X, Y, n_permutations=1, random_state=0, **BARE).p_value == 0.5


# ------------------------------------------------------------------ estimators by name and instance


@pytest.mark.parametrize(
    ("door", "data", "name", "chosen"),
    [
        (entropy, (X,), "gaussian", GaussianEntropy),
        (entropy, (X,), "neighbors", NeighborsEntropy),
        (entropy, (X,), "discrete", DiscreteEntropy),
        (mutual_information, (X, Y), "gaussian", GaussianMutualInformation),
        (mutual_information, (X, Y), "ksg", KSG),
        (mutual_information, (X, Y), "mixed-ksg", MixedKSG),
        (mutual_information, (A, B), "discrete", DiscreteMutualInformation),
        (conditional_mutual_information, (X, Y, A), "ksg", KSG),
        (divergence, (X, Y), "gaussian", GaussianDivergence),
        (divergence, (X, Y), "neighbors", NeighborsDivergence),
        (divergence, (A, B), "discrete", DiscreteDivergence),
    ],
)
def test_estimators_by_name_are_their_defaults(door, data, name, chosen):
    e = door(*data, estimator=name, **BARE)
    assert type(e.estimator) is chosen
    found, default = e.estimator.get_params(), chosen().get_params()
    # A seed comes from the door, so that its random_state covers all that is drawn.
    assert {**found, "random_state": None} == {**default, "random_state": None}
    assert e.value == door(*data, estimator=chosen(), **BARE).value
    assert not any(note.startswith("Chose") for note in e.notes)


def test_an_instance_keeps_its_parameters_and_stays_unfitted():
    estimator = KSG(n_neighbors=7, variant=2)
    e = mutual_information(X, Y, estimator=estimator, **BARE)
    assert e.estimator is not estimator
    assert e.estimator.get_params() == estimator.get_params()
    assert not hasattr(estimator, "mutual_information_")
    assert e.value == estimator.fit(X[:, None], Y).mutual_information_


def test_an_entropy_estimator_is_summed():
    e = mutual_information(X, Y, estimator=GaussianEntropy(), **BARE)
    assert type(e.estimator) is EntropySum
    h = [float(entropy(v, estimator="gaussian", **BARE)) for v in (X, Y, np.column_stack([X, Y]))]
    assert e.value == pytest.approx(h[0] + h[1] - h[2])
    given = conditional_mutual_information(A, B, A > 1, estimator=DiscreteEntropy(), **BARE)
    assert type(given.estimator) is EntropySum


class Correlation(BaseEstimator):
    """An estimator from elsewhere: the normal formula, without any base class of the package."""

    def fit(self, X, y):
        rho = np.corrcoef(np.ravel(X), np.ravel(y))[0, 1]
        self.mutual_information_ = -0.5 * math.log1p(-(rho**2))
        return self


class MeanShift(BaseEstimator):
    def fit(self, X, y):
        first = y == np.min(y)  # labels arrive as a vector, so that they may select rows
        self.divergence_ = float(0.5 * (X[first, :].mean() - X[~first, :].mean()) ** 2)
        return self


class SampleEntropy(BaseEstimator):
    def fit(self, X, y=None):
        self.entropy_ = float(0.5 * math.log(2 * math.pi * math.e * np.var(X)))
        return self


def test_estimators_from_elsewhere_get_intervals_and_tests():
    x, y = pair(400)
    e = mutual_information(x, y, estimator=Correlation(), n_permutations=19, random_state=0)
    assert type(e.estimator) is Correlation
    assert e.notes == ()
    assert e.p_value == 0.05
    assert e.interval[0] < correlated_normals(0.8).mutual_information < e.interval[1]
    labels = mutual_information(A, B.astype(str), estimator=Correlation(), **BARE)
    assert math.isfinite(labels.value)  # symbols arrive as codes
    assert divergence(x, x + 1, estimator=MeanShift(), **BARE).value == pytest.approx(0.5)
    h = entropy(x, estimator=SampleEntropy(), random_state=0)
    assert h.interval[0] < Normal(0.0).entropy < h.interval[1]


@pytest.mark.parametrize(
    ("call", "attribute"),
    [
        (lambda: mutual_information(X, Y, estimator=MeanShift(), **BARE), "mutual_information_"),
        (lambda: divergence(X, Y, estimator=Correlation(), **BARE), "divergence_"),
        (lambda: entropy(X, estimator=_NoValue(), **BARE), "entropy_"),
        (
            lambda: mutual_information(X, Y, estimator=SampleEntropy(), **BARE),
            r"mutual_information_.*EntropySum",
        ),
    ],
)
def test_estimators_from_elsewhere_must_estimate_the_quantity(call, attribute):
    with pytest.raises(TypeError, match=rf"estimator .*{attribute}"):
        call()


class _NoValue(BaseEstimator):
    def fit(self, X, y=None):
        return self


# ------------------------------------------------------------------ reproducibility

CALLS = [
    lambda **o: entropy(X, **o),
    lambda **o: mutual_information(X, Y, n_permutations=9, **o),
    lambda **o: mutual_information(np.round(X, 1), np.round(Y, 1), **o),
    lambda **o: conditional_mutual_information(X, Y, X * Y, n_permutations=9, **o),
    lambda **o: divergence(X, Y, n_permutations=9, **o),
    lambda **o: confidence_interval(KSG(), X[:, None], Y, **o),
    lambda **o: permutation_test(KSG(), X[:, None], Y, n_permutations=9, **o),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_seed_makes_the_answer_reproducible(call):
    first = call(random_state=3)
    assert numbers_of(call(random_state=3)) == numbers_of(first)
    assert numbers_of(call(random_state=np.random.RandomState(3))) == numbers_of(first)
    assert numbers_of(call(random_state=3, n_jobs=2)) == numbers_of(first)


def test_seeds_and_their_absence_change_the_resampling_alone():
    first = mutual_information(X, Y, random_state=0)
    for random_state in (1, None):
        other = mutual_information(X, Y, random_state=random_state)
        assert other.value == first.value
        assert other.interval != first.interval


@pytest.mark.parametrize("call", CALLS)
def test_the_global_generator_is_neither_read_nor_moved(call):
    before = np.random.get_state()  # noqa: NPY002
    call()
    after = np.random.get_state()  # noqa: NPY002
    assert before[2:] == after[2:]
    assert np.array_equal(before[1], after[1])


def test_a_matrix_does_not_depend_on_the_number_of_threads():
    one = mutual_information_matrix(WIDE, Y, random_state=0, n_permutations=5)
    two = mutual_information_matrix(WIDE, Y, random_state=0, n_permutations=5, n_jobs=2)
    for name in ("values", "lower", "upper", "p_values"):
        assert np.array_equal(getattr(one, name), getattr(two, name))


# ------------------------------------------------------------------ the matrix


def test_a_matrix_holds_the_single_estimates_under_their_names():
    frame = pd.DataFrame({"width": WIDE[:, 0], "kind": A.astype(str), "depth": X})
    m = mutual_information_matrix(frame, pd.Series(Y, name="price"), random_state=0)
    assert m.row_names == ("width", "kind", "depth")
    assert m.values.shape == m.lower.shape == m.upper.shape == (3, 1)
    assert m.p_values is None
    assert m.n_samples == 200
    for i, name in enumerate(m.row_names):
        single = mutual_information(frame[name], Y, random_state=0, **BARE)
        assert m.values[i, 0] == single.value
    table = m.to_frame()
    assert list(table.columns) == ["row", "column", "value", "lower", "upper"]
    assert (table["lower"] < table["upper"]).all()


def test_a_matrix_of_one_table_is_symmetric():
    table = np.column_stack([A, B, A])
    m = mutual_information_matrix(table, n_permutations=3, random_state=0, base=2)
    assert np.array_equal(m.values, m.values.T)
    assert m.unit == "bits"
    assert m.values[0, 0] == pytest.approx(float(entropy(A, base=2, **BARE)))
    assert np.isnan(np.diag(m.p_values)).all()
    assert m.values[0, 2] == pytest.approx(m.values[0, 0], abs=0.05)
    real = mutual_information_matrix(WIDE, **BARE)
    assert np.isinf(np.diag(real.values)).all()
    assert real.lower is None


# ------------------------------------------------------------------ few rows


def test_few_rows():
    for door, data in ((mutual_information, (X, Y)), (divergence, (X, Y)), (entropy, (X,))):
        few = tuple(v[:8] for v in data)
        assert math.isfinite(door(*few, **BARE).value)
        e = door(*few)
        assert e.interval is None
        assert e.value == door(*few, **BARE).value
        assert any("No interval" in note and "too few" in note for note in e.notes)
        tiny = tuple(v[:2] for v in data)
        with pytest.raises(ValueError, match=r"n_neighbors = 3 and n_samples = 2"):
            door(*tiny, **BARE)
    for door, data in ((mutual_information, (A, B)), (divergence, (A, B)), (entropy, (A,))):
        few = tuple(v[:4] for v in data)
        e = door(*few)
        assert math.isfinite(e.value)
        assert e.interval is None
        e = door(*(v[:20] for v in data))
        assert e.interval[0] <= e.interval[1]
    assert math.isfinite(mutual_information(X[:20], Y[:20], estimator="gaussian").standard_error)


def test_no_interval_where_the_method_is_out_of_its_depth():
    far = divergence(X, X + 100.0, random_state=0)
    assert far.interval is None
    assert any("too much to correct" in note for note in far.notes)
    same = mutual_information(X, X, random_state=0)
    assert same.interval is None
    assert any("ceiling" in note for note in same.notes)


def test_rounded_values_have_an_entropy_and_atoms_have_none():
    rounded = np.round(WIDE[:, 0], 1)
    e = entropy(rounded, random_state=0)
    assert e.value == pytest.approx(entropy(WIDE[:, 0], **BARE).value, abs=0.2)
    assert any("spread" in note for note in e.notes)
    inflated = np.where(np.arange(len(WIDE)) % 2 == 0, 0.0, WIDE[:, 0])
    assert entropy(np.tile(inflated, 3), random_state=0).value == -math.inf


def test_unequal_samples_too_small_to_subsample_say_so():
    e = divergence(X[:5], Y, random_state=0)
    assert e.interval is None
    assert math.isfinite(e.value)
    assert any("too few for an interval by subsampling" in note for note in e.notes)


def test_two_rows_of_symbols():
    e = entropy(["a", "b"], estimator=DiscreteEntropy(method="plugin"), **BARE)
    assert e.value == pytest.approx(math.log(2))
