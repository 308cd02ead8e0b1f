"""The variational bounds as estimators: closed forms, input, state and failure."""

from __future__ import annotations

import math
import pickle
import sys
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

torch = pytest.importorskip("torch")

import infotheory  # noqa: E402
from infotheory import (  # noqa: E402
    FLO,
    MINE,
    NWJ,
    SMILE,
    TUBA,
    DonskerVaradhan,
    InfoNCE,
    JensenShannonBound,
)
from infotheory._estimators.automatic import NAMES  # noqa: E402
from infotheory._estimators.variational import _gain_by_clipping  # noqa: E402
from infotheory._reference import GaussianReference  # noqa: E402
from infotheory._variational import FoldScores  # noqa: E402
from infotheory.testing import (  # noqa: E402
    information_checks,
    parametrize_with_information_checks,
)

BOUNDS = [DonskerVaradhan, MINE, NWJ, TUBA, JensenShannonBound, SMILE, InfoNCE, FLO]
each_bound = pytest.mark.parametrize("Bound", BOUNDS)


def small(Bound=DonskerVaradhan, **changes):
    words = {"hidden_layer_sizes": 8, "max_iter": 8, "n_folds": 2, "random_state": 0}
    return Bound(**{**words, **changes})


def normal_pair(n=600, rho=0.8, d=1, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, rho * x + math.sqrt(1 - rho**2) * rng.normal(size=(n, d))


def truth(rho=0.8, d=1):
    return -0.5 * d * math.log(1 - rho**2)


# Values.


@each_bound
@pytest.mark.parametrize("critic", ["separable", "concatenated"])
def test_a_normal_law_within_its_standard_error(Bound, critic):
    x, y = normal_pair(d=2)
    fitted = small(Bound, critic=critic).fit(x, y)
    # InfoNCE with 300 candidates is low by a hundredth, as its docstring says.
    slack = 0.03 if Bound is InfoNCE else 0.005
    assert abs(fitted.mutual_information_ - truth(d=2)) < 4 * fitted.standard_error_ + slack
    # The log ratio of each pair has variance rho^2; 600 rows know the spread to a tenth or so.
    assert fitted.standard_error_ == pytest.approx(0.8 * math.sqrt(2 / 600), rel=0.2)
    assert fitted.pointwise_.mean() == pytest.approx(fitted.mutual_information_, abs=1e-9)


@each_bound
def test_independent_variables_share_nothing(Bound):
    rng = np.random.default_rng(0)
    fitted = small(Bound).fit(rng.normal(size=(600, 3)), rng.normal(size=(600, 2)))
    assert abs(fitted.mutual_information_) < 0.03


@pytest.mark.slow
def test_intervals_cover_the_truth():
    covered = 0
    for seed in range(20):
        fits = [
            small(max_iter=3, n_ensemble=1, random_state=seed).fit(
                *normal_pair(300, rho, seed=seed)
            )
            for rho in (0.0, 0.6)
        ]
        # Of independent rows the reference is left out or next to nothing.
        assert abs(fits[0].mutual_information_) < 0.01
        miss = abs(fits[1].mutual_information_ - truth(0.6))
        covered += miss < 1.645 * fits[1].standard_error_
    # Of 20 intervals of level .9 fewer than 15 hold the truth once in 90.
    assert covered >= 15


def test_the_ceiling_of_info_nce_is_noted():
    x, _ = normal_pair(200)
    fitted = small(InfoNCE).fit(x, x + 1e-2 * normal_pair(200, seed=1)[0])
    assert fitted.held_out_bound_ <= math.log(100) + 1e-9
    assert any("near the largest" in note for note in fitted.notes_)


def test_values_beyond_the_log_of_n_are_noted():
    x, _ = normal_pair(200)
    fitted = small().fit(x, x + 1e-5 * normal_pair(200, seed=1)[0])
    assert fitted.mutual_information_ > math.log(200)
    assert any("rest on the normal reference" in note for note in fitted.notes_)


def test_clipping_is_corrected_by_what_it_does_to_the_reference():
    x, y = normal_pair(4000, d=5)
    reference = GaussianReference(x, y)
    rng = np.random.default_rng(0)
    assert _gain_by_clipping(reference, 5.0, rng) == pytest.approx(0.038, abs=0.006)
    assert _gain_by_clipping(reference, 50.0, rng) == pytest.approx(0.0, abs=1e-6)
    fitted = small(SMILE, clip=1.0, n_ensemble=1).fit(x[:1000], y[:1000])
    assert any("clip=1" in note for note in fitted.notes_)
    assert fitted.held_out_bound_ - fitted.mutual_information_ > 0.3
    assert abs(fitted.mutual_information_ - truth(d=5)) < 4 * fitted.standard_error_ + 0.02


@pytest.mark.parametrize("objective", ["info-nce", "donsker-varadhan", "jensen-shannon"])
def test_objectives_agree_on_a_normal_law(objective):
    fitted = small(objective=objective).fit(*normal_pair())
    assert abs(fitted.mutual_information_ - truth()) < 4 * fitted.standard_error_


def test_a_running_mean_of_rate_one_is_the_batch():
    x, y = normal_pair(200)
    words = {"reference": None, "max_iter": 4}
    mine = small(MINE, ema_rate=1.0, **words).fit(x, y)
    other = small(objective="donsker-varadhan", **words).fit(x, y)
    assert mine.mutual_information_ == other.mutual_information_


# The error.


def scores_of(table, second):
    n = len(table)
    shifts = np.arange(1, n)
    rows = np.arange(n)[:, None]
    product = table[rows, (rows + shifts) % n]
    return FoldScores(np.diag(table).copy(), product, shifts, second)


@each_bound
def test_influence_is_that_of_leaving_a_row_out(Bound):
    x, y = normal_pair(120, rho=0.5)
    log_ratio = 0.5 * np.log(1 / 0.75) + (x * y.T) / 1.5 - (x**2 + y.T**2) / 6
    second = np.diag(log_ratio) + 0.1 * np.sin(x[:, 0])
    second = second if Bound is FLO else None
    bound = Bound()
    influence = bound._influence(scores_of(log_ratio, second))
    n = len(x)
    without = []
    for i in range(n):
        kept = np.delete(np.arange(n), i)
        rest = None if second is None else second[kept]
        without.append(bound._value(scores_of(log_ratio[np.ix_(kept, kept)], rest)))
    left_out = -(n - 1) * (np.array(without) - np.mean(without))
    np.testing.assert_allclose(influence - influence.mean(), left_out, atol=0.15)
    assert np.corrcoef(influence, left_out)[0, 1] > 0.999


@pytest.mark.slow
@pytest.mark.parametrize("Bound", [DonskerVaradhan, SMILE, InfoNCE, FLO])
def test_standard_errors_match_the_spread_over_samples(Bound):
    values, errors = [], []
    for seed in range(60):
        fitted = small(Bound, random_state=seed, max_iter=4).fit(*normal_pair(400, 0.7, seed=seed))
        values.append(fitted.mutual_information_)
        errors.append(fitted.standard_error_)
    # The standard deviation of 60 draws is known to a tenth.
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(values, ddof=1), rel=0.35)


# Input.


def test_every_container_gives_the_same():
    x, y = normal_pair(200)
    plain = small(max_iter=2).fit(x, y)
    frame = small(max_iter=2).fit(pd.DataFrame(x, columns=["a"]), pd.Series(y[:, 0]))
    tensor = small(max_iter=2).fit(torch.as_tensor(x), torch.as_tensor(y))
    assert plain.mutual_information_ == frame.mutual_information_ == tensor.mutual_information_
    assert list(frame.feature_names_in_) == ["a"]
    np.testing.assert_array_equal(plain.pointwise(x[:5], y[:5]), tensor.pointwise(x[:5], y[:5]))


def test_labels_are_indicators():
    rng = np.random.default_rng(0)
    labels = rng.choice(["a", "b", "c"], size=800)
    x = np.where(labels == "a", 3.0, np.where(labels == "b", 0.0, -3.0))[:, None]
    x = x + rng.normal(size=x.shape)
    fitted = small(max_iter=60, learning_rate_init=0.01, hidden_layer_sizes=16).fit(x, labels)
    assert 0.6 < fitted.mutual_information_ < math.log(3)
    assert fitted.pointwise(x[:4], labels[:4]).shape == (4,)
    with pytest.raises(ValueError, match="labels that fit did not see"):
        fitted.pointwise(x[:2], np.array(["a", "z"]))


def test_pointwise_of_new_rows_is_the_log_ratio():
    fitted = small().fit(*normal_pair(2000))
    x, y = normal_pair(500, seed=1)
    expected = truth() + (0.8 * x * y - 0.32 * (x**2 + y**2))[:, 0] / 0.36
    told = fitted.pointwise(x, y)
    assert np.corrcoef(told, expected)[0, 1] > 0.99
    assert fitted.score(x, y) == pytest.approx(told.mean())


def test_a_condition_is_taken_out():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1000, 1))
    x, y = z + 0.5 * rng.normal(size=z.shape), z + 0.5 * rng.normal(size=z.shape)
    fitted = small().fit(x, y, condition=z)
    assert abs(fitted.mutual_information_) < 4 * fitted.standard_error_ + 0.02
    assert fitted.pointwise_.mean() == pytest.approx(fitted.mutual_information_)
    told = fitted.pointwise(x, y, condition=z)
    assert told.shape == (1000,)
    assert abs(told.mean()) < 4 * fitted.standard_error_ + 0.02
    assert len(fitted.critic_) == 2
    with pytest.raises(ValueError, match="condition must be given"):
        fitted.pointwise(x, y)
    # The next fit is one without: nothing of the pair is left.
    again = fitted.fit(x, y)
    assert again.mutual_information_ == small().fit(x, y).mutual_information_
    assert isinstance(again.critic_, torch.nn.ModuleDict)


def test_copies_in_one_group_do_not_pretend_to_be_new_rows():
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(60, 6)), 5, axis=0)
    y = np.repeat(rng.normal(size=(60, 6)), 5, axis=0)
    groups = np.repeat(np.arange(60), 5)
    words = {"critic": "concatenated", "hidden_layer_sizes": 64, "reference": None}
    words |= {"max_iter": 250, "learning_rate_init": 0.005, "n_ensemble": 1}
    alone = small(**words).fit(x, y)
    grouped = small(**words).fit(x, y, groups=groups)
    assert alone.mutual_information_ > 0.5
    assert grouped.mutual_information_ < 0.1


def test_the_standard_error_counts_groups():
    x, y = normal_pair(250)
    once = small().fit(x, y).standard_error_
    copies = [np.repeat(part, 4, axis=0) for part in (x, y)]
    groups = np.repeat(np.arange(250), 4)
    # Rows of copies alone would give half of it; folds and margins differ a little.
    assert small().fit(*copies, groups=groups).standard_error_ == pytest.approx(once, rel=0.25)


def test_a_constant_shares_nothing():
    x, _ = normal_pair(100)
    fitted = small().fit(x, np.ones(100))
    assert fitted.mutual_information_ == fitted.held_out_bound_ == 0.0
    assert "constant" in " ".join(fitted.notes_)
    assert np.all(fitted.pointwise(x, np.ones(100)) == 0)
    assert fitted.critic_ is None


@pytest.mark.parametrize("kind", ["deficient", "constant column", "heavy", "tiny"])
def test_the_reference_bears_difficult_samples(kind):
    x, y = normal_pair(300, d=2)
    expected = truth(d=2)
    if kind == "deficient":
        x = np.hstack([x, x @ np.array([[1.0, 2.0], [1.0, -1.0]])])
    elif kind == "constant column":
        y = np.hstack([y, np.full((300, 1), 7.0)])
    elif kind == "heavy":
        x, y = np.sinh(3 * x), np.sign(y) * np.abs(y) ** 7
    else:
        x, y = x[:24], y[:24]
    fitted = small().fit(x, y)
    if kind == "tiny":
        # Two rows select: hardly ever for a reference, so that the lower bound says little.
        assert -0.1 < fitted.mutual_information_ < expected
        assert any("many rows" in note for note in fitted.notes_)
    else:
        assert abs(fitted.mutual_information_ - expected) < 4 * fitted.standard_error_ + 0.05


# State.


@each_bound
def test_the_seed_decides_and_nothing_global_changes(Bound):
    x, y = normal_pair(150)
    threads = torch.get_num_threads()
    first = small(Bound, max_iter=2).fit(x, y)
    second = clone(first).fit(x, y)
    assert first.mutual_information_ == second.mutual_information_
    assert first.fit(x, y).mutual_information_ == second.mutual_information_
    other = small(Bound, max_iter=2, random_state=1).fit(x, y)
    assert other.mutual_information_ != first.mutual_information_
    assert torch.get_num_threads() == threads


@each_bound
def test_parameters_are_stored_as_they_are(Bound):
    estimator = Bound(learning_rate_init=0.5)
    parameters = estimator.get_params()
    assert parameters["learning_rate_init"] == 0.5
    assert clone(estimator).get_params() == parameters
    own = {DonskerVaradhan: "objective", MINE: "ema_rate", SMILE: "clip"}
    assert set(parameters) - set(InfoNCE().get_params()) == (
        {own[Bound]} if Bound in own else set()
    )
    assert Bound.bound_ == ("neither" if Bound is SMILE else "lower bound")


@pytest.mark.parametrize(
    "estimator",
    [MINE(ema_rate=0.0), SMILE(clip=0.0), DonskerVaradhan(objective="nwj"), NWJ(critic="deep")],
)
def test_parameters_out_of_range_are_errors(estimator):
    with pytest.raises(ValueError, match="parameter of"):
        estimator.fit(*normal_pair(50))


@pytest.mark.parametrize("Bound", [DonskerVaradhan, TUBA, FLO])
def test_a_fit_survives_pickling_and_keeps_no_rows(Bound):
    x, y = normal_pair(2000, d=3)
    fitted = small(Bound, max_iter=2, n_ensemble=1).fit(x, y)
    stored = pickle.dumps(fitted)
    np.testing.assert_array_equal(
        pickle.loads(stored).pointwise(x[:9], y[:9]), fitted.pointwise(x[:9], y[:9])
    )
    # Two values a row are results; features of every fold would be ten times as much.
    assert len(stored) < 2000 * 8 * 3 + 150_000


def test_warm_start_goes_on_with_the_same_sample_and_no_other():
    x, y = normal_pair(300)
    y = np.abs(y)
    words = {"warm_start": True, "max_iter": 40, "learning_rate_init": 0.01, "random_state": None}
    estimator = small(**words).fit(x, y)
    best = max(estimator.validation_scores_)
    estimator.fit(x, y)
    assert estimator.validation_scores_[0] >= best - 1e-6
    assert not any("warm_start" in note for note in estimator.notes_)
    estimator.fit(x[:-1], y[:-1])
    assert any("training began anew" in note for note in estimator.notes_)
    assert estimator.fit(x, y, condition=x[::-1] + 0.0) is estimator
    assert len(estimator.fit(x, y, condition=x[::-1] + 0.0).critic_) == 2
    estimator.set_params(hidden_layer_sizes=4)
    with pytest.raises(ValueError, match="shapes of the last fit"):
        estimator.fit(x, y, condition=x[::-1] + 0.0)


def test_progress_is_shown_on_request(capsys):
    x, y = normal_pair(100)
    small(max_iter=2).fit(x, y)
    assert capsys.readouterr().err == ""
    small(max_iter=2, verbose=1).fit(x, y)
    assert "DonskerVaradhan" in capsys.readouterr().err


# Failure.


def test_devices():
    x, y = normal_pair(60)
    with pytest.raises(ValueError, match="device"):
        small(device="tpu!").fit(x, y)
    if not torch.cuda.is_available():
        fits = [small(device=d, max_iter=2).fit(x, y) for d in ("cpu", "auto", "cuda")]
        assert len({fit.mutual_information_ for fit in fits}) == 1
        noted = [any("no device 'cuda'" in note for note in fit.notes_) for fit in fits]
        assert noted == [False, False, True]


def test_without_torch_fit_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"infotheory-learn\[torch\]"):
        MINE().fit(*normal_pair(60))


def test_too_few_rows():
    with pytest.raises(ValueError, match="too few for n_folds=5"):
        DonskerVaradhan().fit(*normal_pair(9))


# Conventions.

CHECKED = [small(InfoNCE, max_iter=3, n_ensemble=1), small(TUBA, max_iter=3, n_ensemble=1)]
CHECKED_SLOWLY = [
    small(Bound, max_iter=3, n_ensemble=1) for Bound in BOUNDS if Bound not in (InfoNCE, TUBA)
]


@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks(CHECKED[:1])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks([*CHECKED[1:], *CHECKED_SLOWLY])
def test_scikit_learn_checks_of_the_others(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=check.name)
        for _, check in information_checks(CHECKED[0])
        if check.name not in ("check_consistency", "check_additivity")
    ],
)
def test_information_checks(check):
    try:
        check(CHECKED[0])
    except SkipTest as reason:
        pytest.skip(str(reason))


@pytest.mark.slow
@parametrize_with_information_checks([*CHECKED, *CHECKED_SLOWLY])
def test_all_information_checks(estimator, check):
    check(estimator)


def test_every_bound_has_its_name():
    names = [
        "donsker-varadhan",
        "mine",
        "nwj",
        "tuba",
        "jensen-shannon",
        "smile",
        "info-nce",
        "flo",
    ]
    assert [NAMES["mutual_information"][name] for name in names] == BOUNDS
    assert all(getattr(infotheory, Bound.__name__) is Bound for Bound in BOUNDS)


# The truth at ten thousand rows.


@pytest.mark.slow
@each_bound
def test_five_pairs_of_normals(Bound):
    x, y = normal_pair(10_000, d=5)
    words = {"hidden_layer_sizes": (64, 64), "max_iter": 200, "n_folds": 3, "n_ensemble": 1}
    fitted = Bound(random_state=0, **words).fit(x, y)
    error = abs(fitted.mutual_information_ - truth(d=5))
    assert error < (0.06 if Bound in (MINE, SMILE) else 0.1)
    if Bound in (MINE, SMILE):
        assert error < 1.645 * fitted.standard_error_
