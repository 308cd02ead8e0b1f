"""What the doors pass on to estimators that train: time, seeds and groups of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from infotheory import (
    KSG,
    MINE,
    GaussianEntropy,
    conditional_mutual_information,
    divergence,
    entropy,
    mutual_information,
)
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

    def fit(self, X, y=None, *, condition=None):
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
    e = divergence(X, Y, kind="wasserstein", max_seconds=0.2, random_state=0, **BARE)
    assert e.estimator.max_seconds == 0.2
    small = MINE(hidden_layer_sizes=(4,), n_folds=2, n_ensemble=1, random_state=0)
    e = mutual_information(X, Y, estimator=small, max_seconds=0.01, **BARE)
    assert any("used up its time" in note for note in e.notes)
    assert small.max_seconds is None


def test_the_time_of_other_estimators_is_their_own():
    with pytest.raises(ValueError, match=r"max_seconds=2 for Pipeline"):
        mutual_information(X, Y, estimator=make_pipeline(StandardScaler(), KSG()), max_seconds=2)
