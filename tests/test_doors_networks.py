"""What the doors pass on to estimators that train: time, seeds and groups of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from infotheory import (
    KSG,
    MINE,
    DiffusionEntropy,
    GaussianEntropy,
    conditional_mutual_information,
    confidence_interval,
    divergence,
    entropy,
    mutual_information,
    mutual_information_matrix,
)
from infotheory._estimators import automatic
from infotheory._estimators.automatic import NAMES

N = 60
RNG = np.random.default_rng(0)
X, Y, Z = RNG.normal(size=(3, N))
BARE = {"confidence_level": None}


class Network(BaseEstimator):
    """Has the words of a network, and a value of any quantity, but trains nothing."""

    def __init__(
        self, quantity="mutual_information", kind="kl", max_seconds=None, random_state=None
    ):
        self.quantity = quantity
        self.kind = kind
        self.max_seconds = max_seconds
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags

    def fit(self, X, y=None, *, condition=None, groups=None):
        self.groups_seen_ = groups
        setattr(self, f"{self.quantity}_", float(np.std(X)))
        self.standard_error_ = 0.1
        return self


DOORS = {
    "entropy": (entropy, (X,), "diffusion", "gaussian"),
    "mutual_information": (mutual_information, (X, Y), "mine", "ksg"),
    "conditional": (conditional_mutual_information, (X, Y, Z), "mine", "gaussian"),
    "divergence": (divergence, (X, Y), "variational", "neighbors"),
}


def quantity_of(door: Any) -> str:
    return door.__name__.removeprefix("conditional_")


# ------------------------------------------------------------------ time


@pytest.mark.parametrize(("door", "data", "name", "_"), DOORS.values(), ids=DOORS)
def test_the_time_reaches_a_clone_of_the_instance(door, data, name, _):
    estimator = Network(quantity_of(door), max_seconds=100.0)
    e = door(*data, estimator=estimator, max_seconds=3, **BARE)
    assert e.estimator.max_seconds == 3
    assert estimator.max_seconds == 100
    assert door(*data, estimator=estimator, **BARE).estimator.max_seconds == 100
    piped = make_pipeline(StandardScaler(), Network(quantity_of(door)))
    if door is not conditional_mutual_information:  # pipelines take no condition
        e = door(*data, estimator=piped, max_seconds=3, **BARE)
        assert e.estimator[-1].max_seconds == 3


@pytest.mark.parametrize(("door", "data", "name", "_"), DOORS.values(), ids=DOORS)
def test_the_time_and_a_seed_reach_a_named_network(door, data, name, _, monkeypatch):
    monkeypatch.setitem(NAMES[quantity_of(door)], name, lambda: Network(quantity_of(door)))
    seeds = [
        door(*data, estimator=name, max_seconds=3, random_state=s, **BARE).estimator.get_params()
        for s in (0, 0, 1)
    ]
    assert seeds[0] == seeds[1] != seeds[2]
    assert seeds[0]["max_seconds"] == 3


@pytest.mark.parametrize(("door", "data", "network", "name"), DOORS.values(), ids=DOORS)
def test_the_time_is_refused_where_nothing_trains(door, data, network, name):
    words = rf"max_seconds must be None for .*got max_seconds=3 for .*Leave it out.*{network}"
    with pytest.raises(ValueError, match=words):
        door(*data, estimator=name, max_seconds=3, **BARE)
    instance = NAMES[quantity_of(door)][name]()
    with pytest.raises(ValueError, match=words):
        door(*data, estimator=instance, max_seconds=3, **BARE)
    for seconds in (0, -1.0, "long", True):
        with pytest.raises(ValueError, match=rf"max_seconds .*got {seconds!r}\. Use None"):
            door(*data, max_seconds=seconds, **BARE)
    # Without a network "auto" keeps to any limit.
    assert door(*data, max_seconds=3, random_state=0, **BARE).notes[0].startswith("Chose")


def test_the_time_reaches_the_entropies_of_a_sum():
    e = mutual_information(X, Y, estimator=Network("mutual_information"), max_seconds=2, **BARE)
    assert e.estimator.max_seconds == 2
    with pytest.raises(ValueError, match=r"max_seconds=2 for EntropySum"):
        mutual_information(X, Y, estimator=GaussianEntropy(), max_seconds=2, **BARE)


def test_the_time_of_the_network_that_auto_takes():
    pytest.importorskip("torch")
    e = divergence(X, Y, kind="hellinger", max_seconds=0.2, random_state=0, **BARE)
    assert e.estimator.max_seconds == 0.2
    small = MINE(hidden_layer_sizes=(4,), n_folds=2, n_ensemble=1, random_state=0)
    e = mutual_information(X, Y, estimator=small, max_seconds=0.01, **BARE)
    assert any("used up its time" in note for note in e.notes)
    assert small.max_seconds is None


def test_the_time_of_other_estimators_is_their_own():
    with pytest.raises(ValueError, match=r"max_seconds=2 for Pipeline"):
        mutual_information(X, Y, estimator=make_pipeline(StandardScaler(), KSG()), max_seconds=2)


# ------------------------------------------------------------------ groups

GROUPS = np.arange(N) // 3
WITH_GROUPS = {name: door for name, door in DOORS.items() if name != "divergence"}


@pytest.mark.parametrize(("door", "data", "name", "_"), WITH_GROUPS.values(), ids=WITH_GROUPS)
@pytest.mark.parametrize("options", [{}, BARE])
def test_groups_reach_the_fit(door, data, name, _, options):
    e = door(*data, estimator=Network(quantity_of(door)), groups=GROUPS, **options)
    assert_array_equal(e.estimator.groups_seen_, GROUPS)
    named = door(*data, estimator=Network(quantity_of(door)), groups=GROUPS.astype(str), **options)
    assert len(np.unique(named.estimator.groups_seen_)) == N // 3
    if door is not conditional_mutual_information:
        piped = make_pipeline(StandardScaler(), Network(quantity_of(door)))
        e = door(*data, estimator=piped, groups=GROUPS, **options)
        assert_array_equal(e.estimator[-1].groups_seen_, GROUPS)


@pytest.mark.parametrize(("door", "data", "_", "name"), WITH_GROUPS.values(), ids=WITH_GROUPS)
def test_groups_are_refused_where_rows_are_independent(door, data, _, name):
    kind = type(NAMES[quantity_of(door)][name]()).__name__
    words = rf"groups must be None for {kind}, .*got the groups of 60 rows\. Leave groups out"
    for options in ({}, BARE):
        with pytest.raises(ValueError, match=words):
            door(*data, estimator=name, groups=GROUPS, **options)
    with pytest.raises(ValueError, match=r"groups must be None for \w+, whose fit counts"):
        door(*data, groups=GROUPS)


def test_groups_have_one_entry_a_row_and_no_permutations():
    network = Network()
    with pytest.raises(ValueError, match=r"groups must have one entry a row of X, got 5 for 60"):
        mutual_information(X, Y, estimator=network, groups=GROUPS[:5])
    with pytest.raises(ValueError, match=r"groups contains a missing label"):
        mutual_information(X, Y, estimator=network, groups=np.where(GROUPS > 1, GROUPS, np.nan))
    with pytest.raises(ValueError, match=r"n_permutations must be 0 with groups, got 9: shuffles"):
        mutual_information(X, Y, estimator=network, groups=GROUPS, n_permutations=9)


class GroupedMean(BaseEstimator):
    """No error of its own: the interval is by subsampling."""

    def fit(self, X, y=None, *, groups=None):
        self.entropy_ = float(np.mean(X))
        self.pointwise_ = X[:, 0]
        return self


def test_subsamples_keep_groups_whole():
    rng = np.random.default_rng(0)
    copies = 4
    x = np.repeat(rng.normal(size=(200, 1)), copies, axis=0)
    groups = np.repeat(np.arange(200), copies)
    error = [
        confidence_interval(
            GroupedMean(), x, groups=g, n_resamples=400, random_state=0
        ).standard_error
        for g in (groups, None)
    ]
    # Copies tell nothing new: the error is that of 200 rows, and ignoring groups halves it. 400
    # resamples know it to 1 / sqrt(800), five of which are 18 %.
    assert error[0] == pytest.approx(x.std() / np.sqrt(200), rel=0.18)
    assert error[1] == pytest.approx(x.std() / np.sqrt(800), rel=0.18)
    for method in ("influence", "analytic"):
        with pytest.raises(ValueError, match=rf"'{method}' is not offered by .* with groups"):
            confidence_interval(GroupedMean(), x, groups=groups, method=method)
    few = entropy(x[:40], estimator=GroupedMean(), groups=groups[:40])
    assert few.interval is None
    assert any("40 rows in 10 groups are too few" in note for note in few.notes)


def test_copies_of_rows_do_not_narrow_the_error_of_networks():
    pytest.importorskip("torch")
    small = {"hidden_layer_sizes": (4,), "n_folds": 2, "n_ensemble": 1, "max_iter": 4}
    x = np.repeat(RNG.normal(size=(100, 1)), 4, axis=0)
    groups = np.repeat(np.arange(100), 4)
    model = DiffusionEntropy(margins="raw", random_state=0, **small)
    e = entropy(x, estimator=model, groups=groups)
    per_group = e.estimator.pointwise_.reshape(100, 4).mean(axis=1)
    assert e.standard_error == pytest.approx(np.std(per_group, ddof=1) / 10)


def test_the_matrix_passes_both_on_to_every_pair():
    seen = []

    class Seen(Network):
        def fit(self, X, y=None, *, groups=None):
            seen.append((self.max_seconds, len(np.unique(groups))))
            return super().fit(X, y)

    mutual_information_matrix(
        np.column_stack([X, Y]), Z, estimator=Seen(), max_seconds=3, groups=GROUPS
    )
    assert seen == [(3, N // 3)] * 2
    with pytest.raises(ValueError, match=r"max_seconds=3 for KSG"):
        mutual_information_matrix(np.column_stack([X, Y]), estimator="ksg", max_seconds=3)
    with pytest.raises(ValueError, match=r"groups must be None for KSG"):
        mutual_information_matrix(np.column_stack([X, Y]), groups=GROUPS)


def test_auto_never_says_less_than_the_neighbors_it_was_chosen_against():
    """A relation too bent for so little training: the value of nearest neighbours stands."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    y = np.sin(3 * x) + 0.01 * rng.normal(size=1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(automatic, "_FEWEST_SECONDS", 0.0)
        found = mutual_information(
            x, y, random_state=0, max_seconds=0.2, n_permutations=19, confidence_level=None
        )
    assert isinstance(found.estimator, KSG)
    assert found.value > 2
    assert found.p_value == 0.05
    assert "in the end" in found.notes[0]
    assert not any("p-value is by permutation" in note for note in found.notes)
