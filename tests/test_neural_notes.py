"""What neural estimators say of a fit that went badly, and what "auto" says of networks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infotheory import MINDE, DonskerVaradhan, mutual_information
from infotheory._estimators import automatic

SMALL = {"hidden_layer_sizes": 8, "n_folds": 2, "n_ensemble": 1, "random_state": 0}


def independent(n=200, d=1):
    return np.random.default_rng(0).normal(size=(2, n, d))


def has(notes, words):
    return any(words in note for note in notes)


# Networks that have not learnt, or worse.


def test_forms_that_disagree_are_noted():
    pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 1))
    y = np.abs(x) + 0.1 * rng.normal(size=x.shape)
    words = {**SMALL, "variant": "joint", "max_iter": 30, "learning_rate_init": 0.03}
    fitted = MINDE(**words).fit(y, x)
    spread = np.ptp(list(fitted.forms_.values()))
    assert spread > 0.1
    assert has(fitted.notes_, f"The forms disagree by {spread:.2g} nats (gap ")
    assert not has(MINDE(**{**words, "max_iter": 4}).fit(*independent()).notes_, "forms disagree")


@pytest.mark.parametrize("loss", [0.0, 0.5, 5.0])
def test_critics_that_do_worse_than_none(loss, monkeypatch):
    """Selection keeps the start where learning goes badly, so that it is made to look so here."""
    pytest.importorskip("torch")
    plain = DonskerVaradhan._value
    monkeypatch.setattr(DonskerVaradhan, "_value", lambda self, s: plain(self, s) - loss)
    estimator = DonskerVaradhan(max_iter=2, **SMALL)
    if loss > 1:
        words = r"n_samples = 200 rows are too few for these networks: the held-out value is -5"
        with pytest.raises(ValueError, match=words):
            estimator.fit(*independent())
        return
    fitted = estimator.fit(*independent())
    assert has(fitted.notes_, "is below 0: the critics do worse than none") == (loss > 0)
    assert fitted.mutual_information_ == pytest.approx(-loss, abs=0.05)


@pytest.mark.parametrize("is_heavy", [False, True])
def test_a_value_that_few_rows_decide(is_heavy, monkeypatch):
    """One row in ten with a far larger influence is a large standard error, which is said."""
    pytest.importorskip("torch")
    plain = DonskerVaradhan._influence

    def influence(self, scores):
        terms = plain(self, scores)
        if is_heavy:
            terms[::10] += 40.0
        return terms

    monkeypatch.setattr(DonskerVaradhan, "_influence", influence)
    fitted = DonskerVaradhan(max_iter=2, **SMALL).fit(*independent())
    assert has(fitted.notes_, "a few held-out rows decide the value") == is_heavy


# The choice of networks.


def many_columns(n=400, d=6, rho=0.9):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d))
    y = rho * x + math.sqrt(1 - rho**2) * rng.normal(size=x.shape)
    return x, y, -0.5 * d * math.log(1 - rho**2)


def test_auto_takes_networks_where_neighbours_fall_short(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(automatic, "_FEWEST_SECONDS", 0.0)
    x, y, truth = many_columns()
    e = mutual_information(x, y, max_seconds=0.3, random_state=0)
    assert isinstance(e.estimator, DonskerVaradhan)
    assert "Chose DonskerVaradhan" in e.notes[0]
    assert "Up to 0.3 s of training" in e.notes[0]
    # However few steps the time is enough for, the normal reference has the most of it.
    assert abs(e.value - truth) < 3 * e.standard_error
    neighbours = mutual_information(x, y, estimator="ksg", confidence_level=None)
    assert neighbours.value < 0.6 * truth


@pytest.mark.parametrize("has_torch", [True, False])
def test_auto_says_why_there_are_no_networks(has_torch, monkeypatch):
    x, y, truth = many_columns()
    # The choice only asks whether torch is there: nothing is trained in so little time.
    monkeypatch.setattr(automatic, "find_spec", lambda name: object() if has_torch else None)
    seconds = 4 if has_torch else None
    e = mutual_information(x, y, max_seconds=seconds, confidence_level=None, random_state=0)
    assert type(e.estimator).__name__ == "GaussianMutualInformation"
    assert e.value == pytest.approx(truth, rel=0.1)
    words = "need max_seconds of 5 or more" if has_torch else r"torch is not installed: run pip"
    assert "Networks would do better here" in e.notes[0]
    assert words in e.notes[0]
    # In few columns networks are not missed, and there is nothing to say.
    few = mutual_information(x[:, :1], y[:, :1], confidence_level=None, random_state=0)
    assert "Networks would" not in few.notes[0]
