"""Divergences by transport against closed forms of normal laws, and their tests by permutation."""

from __future__ import annotations

import math
import pickle
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from infotheory import (
    SinkhornDivergence,
    VariationalDivergence,
    WassersteinDivergence,
    confidence_interval,
    divergence,
    permutation_test,
    two_samples,
)
from infotheory._estimators.automatic import choose_divergence
from infotheory._estimators.transport_divergence import _sorted_potentials
from infotheory._halving import halving_bias
from infotheory._validation import describe
from infotheory.functional import exact_transport, gaussian_sinkhorn_divergence
from infotheory.testing import check_information_estimator

needs_pot = pytest.mark.skipif(find_spec("ot") is None, reason="needs POT")


def normals(seed=0, n=200, d=2, shift=0.5, scale=1.0):
    rng = np.random.default_rng(seed)
    return two_samples(rng.normal(size=(n, d)), shift + scale * rng.normal(size=(n, d)))


def closed(d, shift, scale, epsilon):
    eye, origin = np.eye(d), np.zeros(d)
    return float(gaussian_sinkhorn_divergence(origin, eye, origin + shift, scale**2 * eye, epsilon))


def test_it_is_the_debiased_dual_value_and_not_the_debiased_cost():
    # Most of the error of samples is in their first two moments, which are made exact.
    P, Q = np.random.default_rng(0).normal(size=(2, 600, 2))
    P, Q = ((v - v.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(v.T)).T) for v in (P, Q))
    e = confidence_interval(SinkhornDivergence(epsilon=2.0), *two_samples(P, Q * [2, 0.5]))
    # By debiasing <C, P> it would be .6371, and without regularisation .6250.
    assert e.value == pytest.approx(0.5094, abs=0.03)
    assert e.interval[0] < 0.5094 < e.interval[1]


def test_the_standard_error_is_the_spread_over_samples():
    found = [SinkhornDivergence(epsilon=0.5, tol=1e-4).fit(*normals(seed)) for seed in range(60)]
    spread = np.std([f.divergence_ for f in found], ddof=1)
    # A standard deviation of 60 values is off by a tenth.
    assert np.mean([f.standard_error_ for f in found]) == pytest.approx(spread, rel=0.3)


def test_the_interval_is_centred_without_the_bias():
    d, epsilon = 3, 0.2
    truth = closed(d, 0.5, 1.0, epsilon)
    estimates = []
    for seed in range(10):
        X, y = normals(seed, n=100, d=d)
        estimates.append(confidence_interval(SinkhornDivergence(epsilon=epsilon, tol=1e-3), X, y))
    values = np.array([e.value for e in estimates])
    centres = values - [e.bias for e in estimates]
    error = np.std(centres, ddof=1) / math.sqrt(10)
    assert np.mean(values) - truth > 0.15
    assert abs(np.mean(centres) - truth) < 3 * error + 0.1 * (np.mean(values) - truth)
    assert sum(e.interval[0] < truth < e.interval[1] for e in estimates) >= 7
    assert any("halves and quarters" in note for note in estimates[0].notes)


@pytest.mark.parametrize(("power", "least"), [(1.0, 1.3), (0.5, 1.2)])
def test_a_bias_of_a_known_power_is_found(power, least):
    def statistic(rows):
        return 3 + 5 * len(rows[0]) ** -power

    value = statistic([range(400)])
    found = halving_bias(value, statistic, (400, 800), least_ratio=least)
    assert found == pytest.approx(value - 3, rel=1e-9)
    assert halving_bias(1.0, statistic, (9, 9), least_ratio=least) == 0.0


def test_epsilon_without_a_number_follows_the_scale():
    X, y = normals(scale=2.0)
    one = SinkhornDivergence().fit(X, y)
    # A tenth of the spread of the costs, sqrt(tr(A B)).
    assert one.epsilon_ == pytest.approx(0.1 * math.sqrt(8), rel=0.2)
    ten = SinkhornDivergence().fit(10 * X + 3, y)
    assert ten.epsilon_ == pytest.approx(100 * one.epsilon_)
    assert ten.divergence_ == pytest.approx(100 * one.divergence_, rel=1e-4)
    fixed = SinkhornDivergence(epsilon=one.epsilon_).fit(X, y)
    assert fixed.divergence_ == one.divergence_
    units = {cost: SinkhornDivergence(cost=cost).unit_ for cost in ("euclidean", "cosine")}
    assert units == {"euclidean": "column units", "cosine": "(no unit)"}
    assert one.unit_ == "squared column units"


def test_potentials_are_those_of_the_rows():
    X, y = normals()
    fitted = SinkhornDivergence(epsilon=0.5).fit(X, y)
    f, g = fitted.potentials_
    assert f.mean() + g.mean() == pytest.approx(fitted.divergence_, abs=1e-5)
    # Q is P moved to the right: mass of P on the left has farthest to go.
    assert np.corrcoef(f, X[y == 0].sum(axis=1))[0, 1] < -0.9
    assert np.corrcoef(g, X[y == 1].sum(axis=1))[0, 1] > 0.9


@pytest.mark.parametrize(
    "estimator",
    [
        SinkhornDivergence(),
        SinkhornDivergence(epsilon=0.3, cost="euclidean"),
        pytest.param(WassersteinDivergence(), marks=needs_pot),
        pytest.param(WassersteinDivergence(order=2), marks=needs_pot),
    ],
)
@pytest.mark.parametrize("d", [1, 2])
def test_permutations_that_share_costs_are_those_of_fits(estimator, d):
    X, y = normals(n=40, d=d)
    X, y = X[:70], y[:70]  # samples of unequal sizes
    value = estimator.fit(X, y)._permuted()
    assert value(np.arange(70)) == pytest.approx(estimator.divergence_, rel=1e-4)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(70)
        assert value(order) == pytest.approx(estimator.fit(X, y[order]).divergence_, rel=1e-4)


def test_tests_of_equal_laws():
    X, y = normals(n=40, shift=0.0)
    words = {"n_permutations": 49, "random_state": 0}
    assert permutation_test(SinkhornDivergence(), X, y, **words).p_value > 0.05
    # Equal means and variances, so that only the shape differs.
    rng = np.random.default_rng(0)
    ring = rng.normal(size=(100, 2))
    ring *= math.sqrt(2) / np.linalg.norm(ring, axis=1, keepdims=True)
    X, y = two_samples(ring, rng.normal(size=(100, 2)))
    assert permutation_test(SinkhornDivergence(), X, y, **words).p_value == 0.02
    X, y = normals(n=60, d=1, shift=0.0)
    fitted = SinkhornDivergence().fit(X, y)
    assert any("permutation test" in note for note in fitted.notes_)


@pytest.mark.parametrize("order", [1.0, 2.0])
def test_one_column_against_closed_forms(order):
    X, y = normals(n=3000, d=1, shift=0.0, scale=2.0)
    e = confidence_interval(WassersteinDivergence(order=order), X, y)
    # The map of N(0, 1) to N(0, 4) is 2 x.
    truth = math.sqrt(2 / math.pi) if order == 1 else 1.0
    assert abs(e.value - truth) < 3 * e.standard_error < 0.15


@needs_pot
@pytest.mark.parametrize("order", [1.0, 2.0])
def test_potentials_by_sorting_vary_as_those_of_the_program(order):
    rng = np.random.default_rng(0)
    p, q = rng.normal(size=(150, 1)), 1 + 2 * rng.normal(size=(120, 1))
    solved = exact_transport(np.abs(p - q.T) ** order).potentials
    for mine, theirs in zip(_sorted_potentials(p, q, order), solved, strict=True):
        assert np.var(mine) == pytest.approx(np.var(theirs), rel=0.1)


@needs_pot
def test_more_columns_say_their_bias():
    X, y = normals(n=150, d=3, shift=1 / math.sqrt(3))
    e = confidence_interval(WassersteinDivergence(), X, y)
    assert any("n^(-1/3)" in note for note in e.notes)
    assert e.unit == "column units"
    assert 0 < e.bias < e.value
    assert e.interval[0] < 1 < e.interval[1]
    again = confidence_interval(WassersteinDivergence(), X, y, random_state=7)
    assert again.interval == e.interval


def test_without_pot(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    assert WassersteinDivergence().fit(*normals(d=1)).divergence_ > 0
    with pytest.raises(ImportError, match=r"pip install 'infotheory-learn\[ot\]'"):
        WassersteinDivergence().fit(*normals(d=2))


def test_doors():
    rng = np.random.default_rng(0)
    P, Q = rng.normal(size=(80, 1)), 1 + rng.normal(size=(60, 1))
    e = divergence(P, Q, kind="sinkhorn", epsilon=0.5, n_permutations=19, random_state=0)
    assert e.p_value == 0.05
    assert e.estimator.epsilon_ == 0.5
    assert e.interval[0] < closed(1, 1.0, 1.0, 0.5) < e.interval[1]
    exact = divergence(P, Q, kind="wasserstein", n_permutations=19, random_state=0)
    assert isinstance(exact.estimator, WassersteinDivergence)
    assert exact.p_value == 0.05
    assert divergence(P, Q, estimator="sinkhorn", confidence_level=None).value > 0
    for words, match in (
        ({"kind": "js", "estimator": "sinkhorn"}, "own kind is 'sinkhorn'. Leave kind out"),
        ({"kind": "kl", "epsilon": 1.0}, "epsilon is for kind='sinkhorn'"),
        ({"kind": "sinkhorn", "base": 2}, "base must be None"),
        ({"kind": "sinkhorn", "epsilon": -1.0}, "epsilon"),
        (
            {"kind": "sinkhorn", "epsilon": 1, "estimator": SinkhornDivergence()},
            r"SinkhornDivergence\(epsilon=1\)",
        ),
    ):
        with pytest.raises(ValueError, match=match):
            divergence(P, Q, **words)
    with pytest.raises(ValueError, match="real columns alone"):
        divergence(P > 0, Q > 0, kind="sinkhorn")


def test_the_choice_for_the_wasserstein_distance(monkeypatch):
    has = {"ot": True, "torch": True}
    where = "infotheory._estimators.automatic.find_spec"
    monkeypatch.setattr(where, lambda name: True if has[name] else None)

    def chosen(n, d):
        return choose_divergence(
            describe(np.random.default_rng(0).normal(size=(n, d)), "X"), "wasserstein"
        )

    exact, critics = WassersteinDivergence, VariationalDivergence
    for n, d, kind in ((9000, 1, exact), (100, 3, exact), (100, 4, critics), (9000, 2, critics)):
        assert isinstance(chosen(n, d)[0], kind)
    has["torch"] = False
    assert isinstance(chosen(100, 4)[0], exact)
    assert "torch is not installed" in chosen(100, 4)[1]
    has.update(torch=True, ot=False)
    assert isinstance(chosen(100, 2)[0], critics)
    assert "infotheory-learn[ot]" in chosen(100, 2)[1]
    assert isinstance(chosen(100, 1)[0], exact)


def test_what_did_not_converge_says_so():
    X, y = normals(n=50)
    with pytest.warns(ConvergenceWarning, match=r"raise epsilon .*max_iter\.$"):
        fitted = SinkhornDivergence(epsilon=1e-3, max_iter=1).fit(X, y)
    assert not fitted.converged_
    assert any("raise epsilon" in note for note in fitted.notes_)


def test_edges():
    ones = np.ones((10, 2))
    labels = np.repeat([0, 1], 5)
    same = SinkhornDivergence().fit(ones, labels)
    assert same.divergence_ == pytest.approx(0, abs=1e-12)
    apart = ones * (1 + 2 * labels[:, None])
    assert SinkhornDivergence().fit(apart, labels).divergence_ == pytest.approx(4.0)
    with pytest.raises(ValueError, match="returned missing or infinite"):
        SinkhornDivergence(cost=lambda x, y: np.full((len(x), len(y)), np.inf)).fit(ones, labels)
    with pytest.raises(ValueError, match="at least 2 rows"):
        SinkhornDivergence().fit(ones, np.arange(10) == 0)
    with pytest.raises(ValueError, match="order"):
        WassersteinDivergence(order=0.5).fit(ones, labels)
    far = SinkhornDivergence().fit(*normals(n=50, shift=1e6))
    assert far.divergence_ == pytest.approx(1e12, rel=1e-5)
    copy = pickle.loads(pickle.dumps(far))
    assert copy.divergence_ == far.divergence_


CHECKED = [SinkhornDivergence(), SinkhornDivergence(epsilon=0.5, cost="euclidean")]
if find_spec("ot") is not None:
    CHECKED.append(WassersteinDivergence())


@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks(CHECKED)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", CHECKED[:2], ids=repr)
def test_information_checks(estimator):
    check_information_estimator(estimator, random_state=0)
