"""The answers of the doors: numbers on request, units, pickles, one line of text."""

from __future__ import annotations

import copy
import math
import operator
import pickle

import numpy as np
import pytest
from door_data import BARE, WIDE, A, B, X, Y, numbers_of
from scipy.stats import norm
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import infotheory
from infotheory import (
    KSG,
    Estimate,
    VariationalDivergence,
    WassersteinDependency,
    conditional_mutual_information,
    confidence_interval,
    divergence,
    entropy,
    mutual_information,
    mutual_information_matrix,
    permutation_test,
)

# ------------------------------------------------------------------ the answer


def test_an_estimate_is_a_number_on_request():
    e = mutual_information(X, Y, random_state=0)
    assert float(e) == e.value
    assert f"{e:.2f}" == f"{e.value:.2f}"
    assert f"{e:>10.3e}" == f"{e.value:>10.3e}"
    assert np.asarray(e).shape == ()
    assert np.asarray(e, dtype=np.float32).dtype == np.float32
    assert np.array([e, e]).tolist() == [e.value, e.value]
    assert np.isclose(e, e.value)
    assert math.isclose(float(e), e.value)


@pytest.mark.parametrize(
    "operation",
    [
        operator.add,
        operator.sub,
        operator.mul,
        operator.truediv,
        operator.pow,
        operator.lt,
        operator.le,
        operator.gt,
        operator.ge,
    ],
)
def test_an_estimate_has_no_arithmetic_and_no_order(operation):
    e = Estimate(1.0, standard_error=0.1)
    for pair in ((e, e), (e, 1.0), (1.0, e), (np.float64(1.0), e), (np.ones(2), e)):
        with pytest.raises(TypeError):
            operation(*pair)
    for unary in (operator.neg, abs, np.log):
        with pytest.raises(TypeError):
            unary(e)


def test_an_estimate_is_frozen_and_compares_by_identity():
    e = Estimate(1.0)
    with pytest.raises(AttributeError):
        e.value = 2.0
    assert e != Estimate(1.0)
    assert e in {e}


def test_the_representation_is_one_line_with_what_there_is():
    assert repr(Estimate(0.51234567, n_samples=100)) == "Estimate(0.5123 nats, n = 100)"
    full = Estimate(
        0.5,
        standard_error=0.1,
        interval=(0.3, 0.7),
        confidence_level=0.9,
        p_value=0.005,
        unit="bits",
        n_samples=100,
        notes=("one", "two"),
    )
    assert repr(full) == (
        "Estimate(0.5 bits, 90 % interval [0.3, 0.7], p = 0.005, n = 100, 2 notes)"
    )
    assert "1 note)" in repr(entropy(X, **BARE))
    assert "\n" not in repr(mutual_information(X, Y, random_state=0, n_permutations=3))


def test_intervals_at_other_levels():
    e = Estimate(1.0, standard_error=0.1, bias=0.2)
    low, high = e.confidence_interval(0.95)
    assert low == pytest.approx(0.8 - 0.1 * norm.ppf(0.975))
    assert high == pytest.approx(0.8 + 0.1 * norm.ppf(0.975))
    for level in (0, 1, -0.5, 95, math.nan):
        with pytest.raises(ValueError, match=r"confidence_level .*got"):
            e.confidence_interval(level)
    with pytest.raises(ValueError, match=r"no standard_error.*Ask for one"):
        Estimate(1.0).confidence_interval()
    bits = e.in_base(2)
    assert bits.confidence_interval(0.95) == pytest.approx((low / math.log(2), high / math.log(2)))


class Distance(BaseEstimator):
    """An estimator whose value is no logarithm."""

    unit_ = "column units"

    def __init__(self, quantity="mutual_information"):
        self.quantity = quantity

    def fit(self, X, y=None):
        setattr(self, f"{self.quantity}_", float(np.std(X)))
        return self


@pytest.mark.parametrize(
    ("door", "data"), [(entropy, (X,)), (mutual_information, (X, Y)), (divergence, (X, Y))]
)
def test_what_is_no_logarithm_has_its_own_unit_and_no_base(door, data):
    estimator = Distance(door.__name__)
    e = door(*data, estimator=estimator, random_state=0)
    assert e.unit == "column units"
    assert repr(e).startswith(f"Estimate({e.value:.4g} column units, 90 % interval")
    assert door(*data, estimator=estimator, **BARE).unit == "column units"
    words = r"base must be None for Distance\(.*column units\); got 2\. Leave base"
    with pytest.raises(ValueError, match=words):
        door(*data, estimator=estimator, base=2)


def test_units_of_the_functions_and_of_networks():
    x = X[:, None]
    assert confidence_interval(Distance(), x, Y, random_state=0).unit == "column units"
    tested = permutation_test(make_pipeline(StandardScaler(), Distance()), x, Y, n_permutations=1)
    assert tested.unit == "column units"
    assert confidence_interval(KSG(), x, Y, random_state=0).unit == "nats"
    assert WassersteinDependency().unit_ == "column units"
    units = {kind: VariationalDivergence(kind=kind).unit_ for kind in ("kl", "js", "hellinger")}
    assert units == {"kl": "nats", "js": "nats", "hellinger": "(no unit)"}
    assert VariationalDivergence(kind="wasserstein").unit_ == "column units"
    for kind, who in (("chi2", "kind='chi2'"), ("wasserstein", "WassersteinDivergence")):
        with pytest.raises(ValueError, match=rf"base must be None .*{who}.*got 2"):
            divergence(X, Y, kind=kind, base=2)


def test_a_matrix_of_distances_has_their_unit():
    m = mutual_information_matrix(WIDE, estimator=Distance(), **BARE)
    assert m.unit == "column units"
    assert np.isnan(np.diag(m.values)).all()
    assert np.isfinite(m.values[0, 1])


def test_only_nats_are_converted():
    for unit in ("bits", "column units"):
        with pytest.raises(ValueError, match=rf"starts from nats.*unit {unit}; got base=10"):
            Estimate(1.0, unit=unit).in_base(10)
    assert Estimate(1.0, unit="bits").in_base(None).unit == "bits"


@pytest.mark.parametrize("make", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
def test_an_estimate_survives_pickling_with_its_estimator(make):
    for e in (
        mutual_information(X, Y, n_permutations=3, random_state=0),
        entropy(A),
        divergence(X, Y, random_state=0),
        mutual_information(A.astype(str), X, random_state=0),
    ):
        twin = make(e)
        assert numbers_of(twin) == numbers_of(e)
        assert repr(twin) == repr(e)
        assert repr(twin.estimator) == repr(e.estimator)


def test_notes_are_sentences():
    answers = [
        entropy(X, random_state=0),
        entropy(A),
        mutual_information(X, Y, random_state=0),
        mutual_information(A, X, random_state=0),
        mutual_information(np.round(X, 1), np.round(Y, 1), random_state=0),
        divergence(X, Y, random_state=0),
        divergence(A, B),
        conditional_mutual_information(X, Y, A, random_state=0),
        mutual_information(X, X + 1e-9 * Y, random_state=0),
    ]
    for e in answers:
        assert e.notes
        for note in e.notes:
            assert note[0].isupper() or note[0].isdigit() or note.split(":")[0] in ("y", "Q"), note
            assert note.endswith("."), note
            assert "  " not in note


def test_strong_dependence_carries_the_ceiling_in_a_note():
    e = mutual_information(X, X + 1e-9 * Y, random_state=0)
    assert any("at most psi(n) - psi(k)" in note for note in e.notes)


def test_everything_in_the_star_list_exists():
    for name in infotheory.__all__:
        assert hasattr(infotheory, name)
    assert set(infotheory.__all__) <= set(dir(infotheory))
    with pytest.raises(AttributeError, match=r"no attribute 'mutal_information'"):
        infotheory.mutal_information  # noqa: B018
