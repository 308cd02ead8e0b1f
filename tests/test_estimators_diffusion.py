"""MINDE: closed forms, input, state and failure."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from infotheory import MINDE, confidence_interval, mutual_information
from infotheory.testing import information_checks, parametrize_with_information_checks

torch = pytest.importorskip("torch")

from infotheory._denoisers import PairDenoisers  # noqa: E402

each_variant = pytest.mark.parametrize("variant", ["conditional", "joint"])
# Where both run the same lines but for the networks they learn.
one_variant = pytest.mark.parametrize(
    "variant", ["conditional", pytest.param("joint", marks=pytest.mark.slow)]
)


def small(**changes):
    words = {"hidden_layer_sizes": 8, "max_iter": 8, "n_folds": 2, "random_state": 0}
    return MINDE(**{**words, **changes})


def normal_pair(n=500, rho=0.8, d=1, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, rho * x + math.sqrt(1 - rho**2) * rng.normal(size=(n, d))


def truth(rho=0.8, d=1):
    return -0.5 * d * math.log(1 - rho**2)


LEARNS = {
    "hidden_layer_sizes": (32, 32),
    "max_iter": 400,
    "learning_rate_init": 5e-3,
    "n_ensemble": 1,
}


# Values.


@each_variant
@pytest.mark.parametrize("d", [1, 3])
def test_a_normal_law_within_its_standard_error(variant, d):
    x, y = normal_pair(d=d)
    fitted = small(variant=variant).fit(x, y)
    assert abs(fitted.mutual_information_ - truth(d=d)) < 3.5 * fitted.standard_error_
    assert 0.5 < fitted.standard_error_ / math.sqrt(d * 0.64 / 500) < 1.5
    assert fitted.pointwise_.mean() == pytest.approx(fitted.mutual_information_, abs=1e-9)
    assert np.ptp(list(fitted.forms_.values())) < 0.05


@pytest.mark.slow
@each_variant
def test_networks_alone_find_a_normal_law(variant):
    x, y = normal_pair(1000)
    fitted = small(variant=variant, reference=None, **LEARNS).fit(x, y)
    assert fitted.mutual_information_ == pytest.approx(truth(), abs=0.12)
    forms = fitted.forms_
    assert forms["gap"] == pytest.approx(fitted.mutual_information_)
    assert np.ptp(list(forms.values())) < 0.15


@pytest.mark.parametrize("form", ["gap", pytest.param("inside", marks=pytest.mark.slow), "outside"])
def test_the_form_asked_for_is_reported(form):
    # Of |x| a normal law knows nothing: networks learn, and by each form it is another number.
    x, y = normal_pair()
    fitted = small(form=form, max_iter=40, learning_rate_init=0.02).fit(y - 0.8 * x + np.abs(x), x)
    assert fitted.mutual_information_ == pytest.approx(fitted.forms_[form], abs=1e-9)
    assert fitted.mutual_information_ > 0.1
    values = sorted(fitted.forms_.values())
    assert min(np.diff(values)) > 1e-6


@pytest.mark.slow
def test_a_network_finds_what_the_reference_cannot():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 1))
    y = np.abs(x) + 0.3 * rng.normal(size=(1500, 1))
    fitted = small(**LEARNS).fit(x, y)
    # |x| is known to a third of its spread: about ln(.6 / .3) and a little more.
    assert 0.55 < fitted.mutual_information_ < 0.95
    assert fitted.score(x, y) == pytest.approx(fitted.mutual_information_, abs=0.1)


@one_variant
def test_independent_variables_share_nothing(variant):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(600, 3)), rng.normal(size=(600, 2))
    estimate = confidence_interval(small(variant=variant), x, y, confidence_level=0.99)
    low, high = estimate.interval
    assert abs(estimate.value) < 0.03
    assert low <= 0.005
    assert high >= -0.005


def test_one_column_against_many():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(800, 6))
    x = y.sum(axis=1, keepdims=True) / math.sqrt(6) + rng.normal(size=(800, 1))
    for pair in ((x, y), (y, x)):
        fitted = small().fit(*pair)
        assert abs(fitted.mutual_information_ - 0.5 * math.log(2)) < 3.5 * fitted.standard_error_


@pytest.mark.slow
def test_the_narrower_variable_is_diffused_whichever_comes_first():
    x, y = normal_pair(300, d=3)
    first, second = (small(max_iter=20).fit(*pair) for pair in ((x[:, :1], y), (y, x[:, :1])))
    assert first.mutual_information_ == second.mutual_information_
    np.testing.assert_array_equal(first.pointwise_, second.pointwise_)
    told = first.pointwise(x[:50, :1], y[:50]), second.pointwise(y[:50], x[:50, :1])
    np.testing.assert_array_equal(*told)
    joint = small(variant="joint", max_iter=20)
    assert joint.fit(y, x[:, :1]).pointwise(y, x[:, :1]).shape == (300,)


def test_values_beyond_the_log_of_n_are_noted():
    x, noise = normal_pair(200)
    fitted = small().fit(x, x + 1e-5 * noise)
    assert fitted.mutual_information_ > math.log(200)
    assert any("rest on the normal reference" in note for note in fitted.notes_)


@pytest.mark.slow
def test_a_strong_normal_law_in_five_columns():
    rho = math.sqrt(1 - math.exp(-2 * 2.554 / 5))
    x, y = normal_pair(10_000, rho, 5)
    fitted = MINDE(
        hidden_layer_sizes=(64, 64), max_iter=400, n_folds=3, n_ensemble=1, random_state=0
    ).fit(x, y)
    assert abs(fitted.mutual_information_ - 2.554) < 0.06
    assert abs(fitted.mutual_information_ - 2.554) < 2.6 * fitted.standard_error_


# Input.


def test_every_container_gives_the_same():
    x, y = normal_pair(200)
    plain = small(max_iter=2).fit(x, y)
    frame = small(max_iter=2).fit(pd.DataFrame(x, columns=["a"]), pd.Series(y[:, 0]))
    tensor = small(max_iter=2).fit(torch.as_tensor(x), torch.as_tensor(y))
    assert plain.mutual_information_ == frame.mutual_information_ == tensor.mutual_information_
    assert list(frame.feature_names_in_) == ["a"]


@pytest.mark.slow
def test_labels_are_indicators():
    rng = np.random.default_rng(0)
    labels = rng.choice(["a", "b"], size=1000)
    x = np.where(labels == "a", 1.5, -1.5)[:, None] + rng.normal(size=(1000, 1))
    # Two normals three apart, by quadrature.
    grid = np.linspace(-9, 9, 4001)
    each = np.exp(-0.5 * (grid[:, None] - [1.5, -1.5]) ** 2) / math.sqrt(2 * math.pi)
    mixed = each.mean(axis=1)
    expected = np.trapezoid(np.mean(each * np.log(each / mixed[:, None]), axis=1), grid)
    fitted = small(**LEARNS).fit(x, labels)
    assert fitted.mutual_information_ == pytest.approx(expected, abs=0.08)
    with pytest.raises(ValueError, match="labels that fit did not see"):
        fitted.pointwise(x[:2], np.array(["a", "z"]))


@pytest.mark.slow
def test_a_condition_is_taken_out():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1000, 1))
    x, y = z + 0.5 * rng.normal(size=z.shape), z + 0.5 * rng.normal(size=z.shape)
    fitted = small().fit(x, y, condition=z)
    assert abs(fitted.mutual_information_) < 4 * fitted.standard_error_ + 0.01
    assert fitted.forms_["gap"] == pytest.approx(fitted.mutual_information_, abs=1e-9)
    told = fitted.pointwise(x, y, condition=z)
    assert abs(told.mean()) < 4 * fitted.standard_error_ + 0.01
    with pytest.raises(ValueError, match="condition must be given"):
        fitted.pointwise(x, y)


@pytest.mark.slow
def test_copies_in_one_group_do_not_pretend_to_be_new_rows():
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(40, 4)), 6, axis=0)
    y = np.repeat(rng.normal(size=(40, 4)), 6, axis=0)
    words = {**LEARNS, "hidden_layer_sizes": 64, "reference": None, "learning_rate_init": 0.01}
    alone = small(**words).fit(x, y)
    grouped = small(**words).fit(x, y, groups=np.repeat(np.arange(40), 6))
    assert alone.mutual_information_ > 0.5
    assert grouped.mutual_information_ < 0.1


def test_constants():
    x, y = normal_pair(200)
    fitted = small().fit(x, np.ones(200))
    assert fitted.mutual_information_ == 0.0
    assert fitted.forms_ == {"gap": 0.0, "inside": 0.0, "outside": 0.0}
    assert "constant" in " ".join(fitted.notes_)
    assert np.all(fitted.pointwise(x, np.ones(200)) == 0)
    beside = small().fit(np.hstack([x, np.full_like(x, 3.0)]), y)
    assert abs(beside.mutual_information_ - truth()) < 4 * beside.standard_error_


# State.


@one_variant
def test_the_seed_decides(variant):
    x, y = normal_pair(150)
    first = small(variant=variant, max_iter=2, reference=None).fit(x, y)
    second = clone(first).fit(x, y)
    assert first.mutual_information_ == second.mutual_information_
    assert first.fit(x, y).mutual_information_ == second.mutual_information_
    other = small(variant=variant, max_iter=2, reference=None, random_state=1).fit(x, y)
    assert other.mutual_information_ != first.mutual_information_


def test_a_fit_survives_pickling_and_keeps_no_rows():
    x, y = normal_pair(2000, d=3)
    fitted = small(max_iter=2, n_ensemble=1).fit(x, y)
    stored = pickle.dumps(fitted)
    np.testing.assert_array_equal(
        pickle.loads(stored).pointwise(x[:9], y[:9]), fitted.pointwise(x[:9], y[:9])
    )
    # Two values a row are results; coordinates of every fold would be many times as much.
    assert len(stored) < 2000 * 8 * 3 + 150_000


@pytest.mark.slow
def test_pointwise_of_new_rows_is_the_log_ratio():
    fitted = small().fit(*normal_pair(2000))
    x, y = normal_pair(300, seed=1)
    expected = truth() + (0.8 * x * y - 0.32 * (x**2 + y**2))[:, 0] / 0.36
    told = fitted.pointwise(x, y)
    np.testing.assert_array_equal(told, fitted.pointwise(x, y))
    assert np.corrcoef(told, expected)[0, 1] > 0.98
    assert fitted.score(x, y) == pytest.approx(told.mean())


def first_gain(fitted):
    """What networks given y are worth on their selection rows before the first step."""
    return -float(np.mean(fitted._result.history.parts[1].validation[0]))


@pytest.mark.slow
def test_warm_start_goes_on_with_the_same_sample_and_no_other():
    x, y = normal_pair(800)
    y = np.abs(y)
    # Over six seeds new networks are worth .001 to .007 nats, trained ones .054 to .21.
    new = 0.03
    words = {"warm_start": True, "max_iter": 200, "learning_rate_init": 0.02}
    estimator = small(**{**words, "random_state": np.random.RandomState(0)}).fit(x, y)
    assert first_gain(estimator) < new
    assert first_gain(estimator.fit(x, y)) > new
    assert not any("warm_start" in note for note in estimator.notes_)
    assert first_gain(estimator.fit(x[:-1], y[:-1])) < new
    assert any("training began anew" in note for note in estimator.notes_)
    noise = x[::-1] + 0.0
    assert first_gain(estimator.fit(x, y, condition=noise)) < new
    assert first_gain(estimator.fit(x, y, condition=noise)) > new
    estimator.set_params(hidden_layer_sizes=4)
    with pytest.raises(ValueError, match="shapes of the last fit"):
        estimator.fit(x, y, condition=noise)


# Failure.


def interrupted_at(step, monkeypatch):
    calls, gains = [], PairDenoisers.gains

    def limited(self, problem, rows, noise, u):
        if torch.is_grad_enabled():
            calls.append(1)
            if len(calls) > step:
                raise KeyboardInterrupt
        return gains(self, problem, rows, noise, u)

    monkeypatch.setattr(PairDenoisers, "gains", limited)


@one_variant
def test_an_interrupt_between_two_sides_of_the_difference_leaves_the_start(variant, monkeypatch):
    # y^2 is what networks have to learn; only the whole difference of errors is information.
    x, y = normal_pair(400)
    changes = {"variant": variant, "max_iter": 40, "learning_rate_init": 0.02}
    untrained = small(**{**changes, "max_iter": 1, "learning_rate_init": 1e-9}).fit(x, y**2)
    for step in (20, 60):
        with monkeypatch.context() as patch:
            interrupted_at(step, patch)
            fitted = small(**changes).fit(x, y**2)
        is_whole = variant == "conditional" and step == 60
        kept = "best weights so far" if is_whole else "weights before it"
        assert any(kept in note for note in fitted.notes_)
        if not is_whole:
            assert fitted.mutual_information_ == pytest.approx(
                untrained.mutual_information_, abs=1e-4
            )


@pytest.mark.parametrize(
    "parameters", [{"variant": "both"}, {"form": "outer"}, {"reference": "student"}]
)
def test_parameters_out_of_range_are_errors(parameters):
    with pytest.raises(ValueError, match="parameter of MINDE"):
        small(**parameters).fit(*normal_pair(50))


# Conventions.


def test_door():
    x, y = normal_pair(300)
    estimate = mutual_information(x, y, estimator=small())
    assert estimate.interval[0] < truth() < estimate.interval[1] + 0.05
    assert estimate.value == estimate.estimator.mutual_information_


CHECKED = MINDE(
    hidden_layer_sizes=4,
    max_iter=2,
    n_folds=2,
    n_ensemble=1,
    validation_fraction=0.4,
    random_state=0,
)


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks([CHECKED])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=check.name)
        for _, check in information_checks(CHECKED)
        if check.name in ("check_pointwise_mean", "check_new_rows", "check_parameters")
    ],
)
def test_information_checks(check):
    check(CHECKED)


@pytest.mark.slow
@parametrize_with_information_checks([CHECKED])
def test_all_information_checks(estimator, check):
    check(estimator)
