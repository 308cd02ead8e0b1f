"""Networks beside labels, and on rows that occur more than once."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from infotheory import MINDE, DonskerVaradhan
from infotheory._neural import _beyond_labels


def test_labels_of_many_columns_sees_most_of_their_entropy():
    """A normal law too sure of 40 columns in 600 rows once left half of it unseen."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 600)
    x = rng.normal(size=(4, 40))[labels] + rng.normal(size=(600, 40))
    network = {"hidden_layer_sizes": (16,), "max_iter": 50, "n_ensemble": 1, "random_state": 0}
    found = DonskerVaradhan(objective="info-nce", **network).fit(x, labels)
    assert np.log(4) * 0.8 < found.mutual_information_ < np.log(4) + 0.01


def test_a_value_beyond_the_entropy_of_labels_is_noted():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 6))
    labels = (x[:, 0] > 0).astype(int)
    small = {"hidden_layer_sizes": (8,), "max_iter": 8, "n_folds": 2, "random_state": 0}
    fitted = MINDE(**small).fit(x, labels)
    fitted.mutual_information_ = 0.9
    (note,) = _beyond_labels(fitted, fitted._seen)
    assert "entropy of y, 0.691" in note
    fitted.mutual_information_ = 0.6
    assert not _beyond_labels(fitted, fitted._seen)


def test_copies_of_rows_are_noted_unless_they_are_kept_together():
    rng = np.random.default_rng(0)
    x, y = (np.repeat(rng.normal(size=(60, 1)), 3, axis=0) for _ in range(2))
    small = {"hidden_layer_sizes": (8,), "max_iter": 8, "n_folds": 2, "random_state": 0}
    assert any("more than once" in n for n in DonskerVaradhan(**small).fit(x, y).notes_)
    grouped = DonskerVaradhan(**small).fit(x, y, groups=np.repeat(np.arange(60), 3))
    assert not any("more than once" in n for n in grouped.notes_)


@pytest.mark.slow
def test_labels_are_not_what_is_diffused():
    """They have no density: with few columns of labels beside many, the many are diffused."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    x = rng.normal(size=(3, 5))[labels] + 0.5 * rng.normal(size=(300, 5))
    small = {"hidden_layer_sizes": (16,), "max_iter": 60, "n_folds": 2, "random_state": 0}
    one, other = MINDE(**small).fit(x, labels), MINDE(**small).fit(labels[:, None], x)
    assert not one._stacks()[0].is_swapped
    assert other._stacks()[0].is_swapped
    assert one.mutual_information_ == pytest.approx(other.mutual_information_, abs=1e-6)
    np.testing.assert_allclose(one.pointwise(x, labels), other.pointwise(labels[:, None], x))
