"""What divergences by critics refuse, and what they say where no number can be trusted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infotheory import (
    DiffusionDivergence,
    VariationalDivergence,
    WassersteinDependency,
    two_samples,
)

torch = pytest.importorskip("torch")

SMALL = {"hidden_layer_sizes": (8,), "max_iter": 40, "n_folds": 2, "random_state": 0}


def shifted(shift, n=500):
    rng = np.random.default_rng(0)
    return two_samples(rng.normal(shift, size=(n, 1)), rng.normal(size=(n, 1)))


@pytest.mark.parametrize("bound", ["donsker-varadhan", "nwj"])
def test_a_value_that_rests_on_few_rows_is_said_to_be_too_high(bound):
    far = VariationalDivergence(bound=bound, **SMALL).fit(*shifted(5.0))
    note = next(n for n in far.notes_ if "rests on the weight of" in n)
    assert ("likely too high, is no lower bound" in note) == (bound == "donsker-varadhan")
    for instead in ("kind='js'", "DiffusionDivergence", "GaussianDivergence"):
        assert instead in note
    near = VariationalDivergence(bound=bound, **SMALL).fit(*shifted(1.0))
    assert not any("rests on the weight of" in n for n in near.notes_)


@pytest.mark.parametrize(
    ("kind", "shift", "order"),
    [("reverse-kl", 5.0, None), ("jeffreys", 5.0, None), ("chi2", 3.0, None), ("alpha", 3.0, -1.0)],
)
def test_other_divergences_without_a_ceiling_say_so_too(kind, shift, order):
    far = VariationalDivergence(kind=kind, order=order, **SMALL).fit(*shifted(shift))
    assert any("rests on the weight of" in n for n in far.notes_)


@pytest.mark.parametrize("kind", ["js", "hellinger", "alpha"])
def test_divergences_with_a_ceiling_need_no_such_note(kind):
    far = VariationalDivergence(kind=kind, **SMALL).fit(*shifted(5.0))
    assert not any("rests on the weight of" in n for n in far.notes_)


@pytest.mark.parametrize(("kind", "order"), [("chi2", None), ("alpha", 3.0)])
def test_powers_beyond_floats_are_a_note_and_no_warning_of_numpy(kind, order):
    rng = np.random.default_rng(0)
    X, y = two_samples(rng.uniform(size=(500, 1)), 10 + rng.uniform(size=(500, 1)))
    fitted = VariationalDivergence(kind=kind, order=order, **SMALL).fit(X, y)
    assert fitted.standard_error_ == math.inf
    assert any("too large for float64" in n and "kind='js'" in n for n in fitted.notes_)


@pytest.mark.parametrize(("kind", "truth"), [("kl", "is inf"), ("js", "is 0.693")])
def test_two_different_constants_share_nothing(kind, truth):
    X, y = two_samples(np.zeros((100, 1)), np.ones((100, 1)))
    fitted = VariationalDivergence(kind=kind, **SMALL).fit(X, y)
    assert any("share nothing" in n and truth in n for n in fitted.notes_)
    same = VariationalDivergence(kind=kind, **SMALL).fit(np.zeros((200, 1)), y)
    assert not any("share nothing" in n for n in same.notes_)


@pytest.mark.parametrize("kind", ["wasserstein", "lipschitz-alpha"])
def test_a_group_that_changes_distances_is_refused_where_they_count(kind):
    X, y = shifted(1.0)

    def stretched(rows):
        return 10 * rows

    with pytest.raises(ValueError, match=r"keep distances .* moved two rows .* Pass reflections"):
        VariationalDivergence(kind=kind, group=stretched, **SMALL).fit(X, y)
    VariationalDivergence(kind="js", group=stretched, **SMALL).fit(X, y)


def test_a_group_that_computes_in_float32_keeps_distances():
    X, y = shifted(1.0)

    def reflected(rows):
        return (100 - (rows - 100).astype(np.float32)).astype(float)

    VariationalDivergence(kind="wasserstein", group=reflected, **SMALL).fit(X + 100, y)


def test_slopes_are_found_also_where_no_gradients_are_wanted():
    X, y = shifted(1.0, n=100)
    pair = X[:100], X[100:]
    expected = VariationalDivergence(kind="wasserstein", **SMALL).fit(X, y).divergence_
    dependency = WassersteinDependency(method="critic", **SMALL).fit(*pair).mutual_information_
    for context in (torch.inference_mode, torch.no_grad):
        with context():
            found = VariationalDivergence(kind="wasserstein", **SMALL).fit(X, y).divergence_
            assert found == expected
            assert (
                WassersteinDependency(method="critic", **SMALL).fit(*pair).mutual_information_
                == dependency
            )


def test_a_penalty_is_found_also_where_no_gradients_are_wanted():
    from infotheory.nn import GradientPenalty

    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        critic = torch.nn.Linear(1, 1)
    P, Q = torch.randn(2, 8, 1, generator=generator)
    expected = GradientPenalty(critic)(P, Q).item()
    for context in (torch.inference_mode, torch.no_grad):
        with context():
            assert GradientPenalty(critic)(P.clone(), Q).item() == expected


def test_slopes_at_the_limit_are_not_worth_a_note():
    settings = {**SMALL, "max_iter": 2, "gradient_penalty": 1e3}
    X, y = shifted(1.0, n=100)
    gentle = VariationalDivergence(kind="wasserstein", **settings).fit(X, y)
    assert not any("largest slope" in n for n in gentle.notes_)
    gentle = WassersteinDependency(method="critic", **settings).fit(X[:100], X[100:])
    assert not any("largest slope" in n for n in gentle.notes_)
    steep = {**SMALL, "gradient_penalty": 0.01, "learning_rate_init": 0.1}
    steep = VariationalDivergence(kind="wasserstein", **steep).fit(X, y)
    assert any("largest slope" in n for n in steep.notes_)


def test_neural_divergences_say_their_unit():
    assert DiffusionDivergence().unit_ == VariationalDivergence().unit_ == "nats"
