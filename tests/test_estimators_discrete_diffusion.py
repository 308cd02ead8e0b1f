"""Information of sequences of symbols by masked guesses: exact guesses, closed forms, state."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from infotheory import InfoSEDD, confidence_interval, mutual_information
from infotheory.functional import masked_log_probabilities
from infotheory.functional import mutual_information as exact_information

torch = pytest.importorskip("torch")

from infotheory._masked_networks import MaskedGuessers  # noqa: E402
from infotheory._resampling import cross_fit_folds  # noqa: E402
from infotheory._training import local_seed  # noqa: E402

SMALL = {
    "hidden_layer_sizes": 32,
    "max_iter": 150,
    "learning_rate_init": 0.01,
    "n_folds": 2,
    "n_ensemble": 1,
    "random_state": 0,
}
each_variant = pytest.mark.parametrize("variant", ["conditional", "joint"])
# Where both run the same lines but for the networks they learn.
one_variant = pytest.mark.parametrize(
    "variant", ["conditional", pytest.param("joint", marks=pytest.mark.slow)]
)


def binary_entropy(p):
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def channels(n=2000, length=4, flip=0.1, seed=0):
    """Independent fair bits, each sent through a binary symmetric channel."""
    rng = np.random.default_rng(seed)
    x = rng.integers(2, size=(n, length))
    return x, np.where(rng.random(x.shape) < flip, 1 - x, x)


def channels_truth(length=4, flip=0.1):
    return length * (math.log(2) - binary_entropy(flip))


# Exact guesses: the formula alone.


@one_variant
def test_exact_guesses_give_the_information(variant, monkeypatch):
    rng = np.random.default_rng(0)
    pmf = rng.dirichlet(np.ones(27)).reshape(3, 3, 3)
    symbols = np.column_stack(np.unravel_index(rng.choice(27, size=500, p=pmf.ravel()), pmf.shape))
    problems = {
        "conditional": [("masked", "absent"), ("masked", "clean")],
        "joint": [("masked", "masked"), ("masked", "clean"), ("clean", "masked")],
    }[variant]
    with local_seed(0):
        stack = MaskedGuessers(
            symbols,
            (3, 3, 3),
            2,
            cross_fit_folds(500, 2, 0.2, rng),
            problems,
            n_ensemble=1,
            hidden_layer_sizes=(4,),
            activation="silu",
            device=torch.device("cpu"),
        )

    def exact(self, symbols, masked):
        seen = self._clean | (self._guessed & ~masked)
        return masked_log_probabilities(symbols, ~seen, torch.as_tensor(pmf))

    monkeypatch.setattr(MaskedGuessers, "guesses", exact)
    with local_seed(0):
        told = stack.held_out(torch.arange(500).expand(2, -1), 400)[0, -1].numpy()
    marginal_x, marginal_y = pmf.sum(2), pmf.sum((0, 1))
    i, j, k = symbols.T
    expected = np.log(pmf[i, j, k] / (marginal_x[i, j] * marginal_y[k]))
    assert told.mean() == pytest.approx(expected.mean(), abs=0.02)
    assert np.corrcoef(told, expected)[0, 1] > 0.97
    assert float(exact_information(pmf.reshape(9, 3))) > 0.1


# Values.


@one_variant
def test_binary_symmetric_channels(variant):
    fitted = InfoSEDD(variant=variant, **SMALL).fit(*channels())
    assert abs(fitted.mutual_information_ - channels_truth()) < 3 * fitted.standard_error_ + 0.02
    # The spread of the log ratio, 4 p (1 - p) ln^2 ((1 - p) / p) a row, and that of the masks.
    spread = math.sqrt(4 * 0.09 * math.log(9) ** 2 / 2000)
    assert 0.8 * spread < fitted.standard_error_ < 1.5 * spread
    assert fitted.pointwise_.mean() == pytest.approx(fitted.mutual_information_)


def test_the_past_and_the_future_of_a_markov_chain():
    """All that the past tells is in its last symbol."""
    rng = np.random.default_rng(0)
    steps = np.hstack([rng.integers(2, size=(2000, 1)), rng.random((2000, 5)) < 0.2])
    chain = np.cumsum(steps, axis=1) % 2
    fitted = InfoSEDD(**SMALL).fit(chain[:, :3], chain[:, 3:])
    truth = math.log(2) - binary_entropy(0.2)
    assert abs(fitted.mutual_information_ - truth) < 3 * fitted.standard_error_ + 0.02


@one_variant
def test_independent_sequences_share_nothing(variant):
    rng = np.random.default_rng(0)
    x, y = rng.integers(3, size=(1000, 3)), rng.choice(["a", "b"], size=(1000, 2))
    estimate = confidence_interval(InfoSEDD(variant=variant, **SMALL), x, y)
    assert abs(estimate.value) < 0.03


@pytest.mark.slow
def test_parities_that_only_counts_show_are_noted():
    rng = np.random.default_rng(0)
    x = rng.integers(2, size=(2000, 5))
    y = (x.sum(axis=1) + (rng.random(2000) < 0.1)) % 2
    fitted = InfoSEDD(**SMALL).fit(x, y)
    truth = math.log(2) - binary_entropy(0.1)
    assert fitted.mutual_information_ < truth / 2
    (note,) = (note for note in fitted.notes_ if "parities" in note)
    shown = float(note.split("show ")[1].split()[0])
    assert shown == pytest.approx(truth, abs=0.05)
    for other in (channels(), (x, rng.integers(2, size=2000)), (x[:100], y[:100])):
        # What networks find, what is not there, and what counts cannot know either.
        assert not any("parities" in note for note in InfoSEDD(**SMALL).fit(*other).notes_)


@pytest.mark.slow
def test_a_condition_is_taken_out():
    rng = np.random.default_rng(0)
    z = rng.integers(2, size=(1500, 1))
    x, y = (np.where(rng.random(z.shape) < 0.1, 1 - z, z) for _ in range(2))
    fitted = InfoSEDD(**SMALL).fit(x, y, condition=z)
    assert abs(fitted.mutual_information_) < 0.02
    assert fitted.pointwise(x[:9], y[:9], condition=z[:9]).shape == (9,)
    assert InfoSEDD(**SMALL).fit(x, y).mutual_information_ > 0.1


@pytest.mark.slow
def test_labels_of_any_kind_and_many_integers():
    x, y = channels(1000, 1)
    words = np.array(["no", "yes"])
    plain = InfoSEDD(**SMALL).fit(x, y)
    named = InfoSEDD(**SMALL).fit(words[x], words[y])
    assert named.mutual_information_ == plain.mutual_information_
    codes = np.random.default_rng(0).integers(40, size=(2000, 1))
    same = InfoSEDD(**{**SMALL, "max_iter": 300}).fit(codes, codes % 4)
    assert same.mutual_information_ == pytest.approx(math.log(4), abs=0.1)
    with pytest.raises(ValueError, match="labels that fit did not see"):
        plain.pointwise(x[:2] + 5, y[:2])


def test_constants_and_door():
    x, y = channels(200)
    fitted = InfoSEDD(**SMALL).fit(x, np.zeros(200, int))
    assert fitted.mutual_information_ == 0
    assert np.all(fitted.pointwise(x, np.zeros(200, int)) == 0)
    estimate = mutual_information(x, y, estimator=InfoSEDD(**SMALL))
    assert estimate.value == estimate.estimator.mutual_information_


# State.


@pytest.mark.slow
def test_seeds_pickles_and_new_rows():
    x, y = channels(600)
    first = InfoSEDD(**SMALL).fit(x, y)
    assert clone(first).fit(x, y).mutual_information_ == first.mutual_information_
    new = channels(300, seed=1)
    told = first.pointwise(*new)
    np.testing.assert_array_equal(told, first.pointwise(*new))
    expected = np.where(new[0] == new[1], math.log(1.8), math.log(0.2)).sum(axis=1)
    assert np.corrcoef(told, expected)[0, 1] > 0.9
    assert first.score(*new) == pytest.approx(channels_truth(), abs=0.3)
    copy = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(copy.pointwise(*new), told)


def test_warm_start_goes_on_with_the_same_sample_and_no_other():
    x, y = channels(500)
    model = InfoSEDD(warm_start=True, **{**SMALL, "max_iter": 40}).fit(x, y)
    model.fit(x, y)
    assert model.validation_scores_[0] > 0.1
    model.fit(x[:-1], y[:-1])
    assert model.validation_scores_[0] == pytest.approx(0, abs=1e-6)


TINY = {**SMALL, "hidden_layer_sizes": 4, "max_iter": 2, "validation_fraction": 0.4}


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks([InfoSEDD(**TINY)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)
