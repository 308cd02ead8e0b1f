"""What training says of itself: divergence, nothing learnt, falling back."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

torch = pytest.importorskip("torch")

from infotheory import MINE, DonskerVaradhan  # noqa: E402
from infotheory._training import History, joined  # noqa: E402


def history(*losses, best=None):
    """Of two members with the same validation losses at each check."""
    values = [np.array([v, v]) for v in losses]
    at = int(np.argmin(losses)) if best is None else best
    return History(validation=values, n_iter=len(losses) - 1, best_iter=np.array([at, at]))


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ((0.0, -0.5, -0.7, -0.8, -0.8), []),
        ((0.0, -0.5, -0.4, -0.3), []),  # learnt by heart a little after the best state
        ((0.0, -0.01, 0.01, 0.02), []),
        ((0.0, 0.03, 0.05), ["No state"]),
        ((0.0, 0.9, 0.2), ["fell back", "No state"]),
        ((0.0, -0.4, 0.0, 0.0), ["fell back"]),
        ((0.0, 2e5, 0.1), ["diverged: 2 of 2", "No state"]),
        ((0.0, -0.4, 80.0), ["diverged: 2 of 2"]),
        ((-1e3, -1.2e3, -1.1e3), []),  # a loss of large numbers
    ],
)
def test_what_the_checks_tell(losses, said):
    notes = history(*losses).notes()
    assert len(notes) == len(said)
    for note, words in zip(notes, said, strict=True):
        assert words in note


def test_parts_speak_for_themselves_and_nothing_learnt_for_all():
    idle, learnt = history(0.0, 0.01), history(0.0, -0.4)
    assert joined([idle, learnt]).notes() == []
    (note,) = joined([idle, idle]).notes()
    assert "No state" in note
    (note,) = joined([history(0.0, 90.0), learnt]).notes()
    assert "diverged" in note


def bent(n=300):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 1))
    return x, np.abs(x) + 0.3 * rng.normal(size=x.shape)


SMALL = {"hidden_layer_sizes": (16,), "n_folds": 2, "n_ensemble": 1, "random_state": 0}


@pytest.mark.parametrize("Kind", [DonskerVaradhan, MINE])
def test_steps_far_too_long_are_a_warning(Kind):
    with pytest.warns(ConvergenceWarning, match="diverged: 2 of 2"):
        fitted = Kind(learning_rate_init=30.0, max_iter=20, **SMALL).fit(*bent())
    assert any("diverged" in note for note in fitted.notes_)


def test_steps_of_the_usual_length_are_none():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = DonskerVaradhan(max_iter=100, **SMALL).fit(*bent())
    assert fitted.mutual_information_ > 0.1
    assert not any("diverged" in note or "fell back" in note for note in fitted.notes_)
