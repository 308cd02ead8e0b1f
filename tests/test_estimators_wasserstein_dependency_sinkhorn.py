"""Dependence by entropic transport of pairs to all pairings of their parts."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from infotheory import WassersteinDependency, confidence_interval, mutual_information
from infotheory import permutation_test as test_by_permutation
from infotheory.functional import (
    gaussian_sinkhorn_divergence,
    transport_cost,
    transport_dependence,
)
from infotheory.functional._sinkhorn_divergence import debiased
from infotheory.functional._transport_dependence import permuted_dependence

test_by_permutation.__test__ = False  # a function of the package, and no test
SEEDS = st.integers(0, 2**32 - 1)


def costs(*samples):
    return [transport_cost(s, s, "euclidean") for s in samples]


def with_all_pairings(c_x, c_y, epsilon):
    """The same by brute force: the product of the margins as n^2 points."""
    n = len(c_x)
    i, j = (part.ravel() for part in np.meshgrid(range(n), range(n), indexing="ij"))
    across, within = c_x[:, i] + c_y[:, j], c_x[np.ix_(i, i)] + c_y[np.ix_(j, j)]
    return debiased(across, c_x + c_y, within, epsilon=epsilon, tol=1e-9, max_iter=100_000)


@settings(max_examples=5)
@given(SEEDS, st.sampled_from([0.5, 1.0, 5.0]))
def test_against_all_pairings_as_points(seed, epsilon):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(12, 1))
    c_x, c_y = costs(x, x**2 + rng.normal(size=(12, 2)))
    found = transport_dependence(c_x, c_y, epsilon=epsilon, tol=1e-9)
    expected = with_all_pairings(c_x, c_y, epsilon)
    assert found.value == pytest.approx(float(expected.value), abs=1e-7)
    assert found.value >= 0
    assert found.converged
    for mine, theirs in zip(found.potentials, expected.potentials, strict=True):
        # Small ones are settled badly where rows are far from all others.
        assert epsilon < 1 or np.ptp(mine.ravel() - theirs) < 1e-3
    first = permuted_dependence(c_x, c_y, epsilon)(np.arange(12))
    assert first <= found.value + 1e-6


def test_sums_that_underflow():
    rng = np.random.default_rng(1)
    x = rng.standard_cauchy(size=(15, 1))
    x[0] = 3e4
    c_x, c_y = costs(x, x + rng.standard_cauchy(size=(15, 1)))
    assert c_x.max() / 30 > 745  # where exp gives 0
    found = transport_dependence(c_x, c_y, epsilon=30.0, tol=1e-7)
    expected = with_all_pairings(c_x, c_y, 30.0)
    assert found.converged
    assert found.value == pytest.approx(float(expected.value), rel=1e-6)


def test_all_pairings_do_not_depend():
    x, y = (part.reshape(-1, 1) for part in np.meshgrid([0.0, 1.0, 5.0], [2.0, 3.0]))
    fitted = WassersteinDependency(tol=1e-9).fit(x, y)
    assert fitted.mutual_information_ == pytest.approx(0.0, abs=1e-7)
    assert any("permutation test" in note for note in fitted.notes_)


@pytest.mark.parametrize("share", [0.5, 0.3])
def test_equal_signs(share):
    n = 100
    x = np.where(np.arange(n) < share * n, -1.0, 1.0)[:, None]
    # A share 2 p (1 - p) of all pairings has unequal signs, one of which has to change by 2.
    truth = 4 * share * (1 - share)
    fitted = WassersteinDependency(epsilon=0.01).fit(x, x)
    assert fitted.mutual_information_ == pytest.approx(truth, abs=0.01)
    if share == 0.5:
        # The plan has ln 2 / 2 nats, those of the laws to themselves ln 2 and 2 ln 2.
        exact = 1 - 0.3 * np.log(2)
        fitted = WassersteinDependency(epsilon=0.3, tol=1e-8).fit(x, x)
        assert fitted.mutual_information_ == pytest.approx(exact, abs=2 * np.exp(-2 / 0.3))


def test_normal_laws():
    truth = []
    for rho in (0.0, 0.8):
        sigma, origin = np.array([[1, rho], [rho, 1]]), np.zeros(2)
        truth.append(float(gaussian_sinkhorn_divergence(origin, sigma, origin, np.eye(2), 0.5)))
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 300, 1))
    squares = WassersteinDependency(epsilon=0.5, cost="half-sqeuclidean", tol=1e-3)
    e = confidence_interval(squares, x, 0.8 * x + 0.6 * noise)
    assert e.unit == "squared column units"
    assert e.interval[0] < truth[1] < e.interval[1]
    assert e.standard_error < 0.2 * truth[1]
    e = confidence_interval(squares, x, noise)
    assert abs(e.value - e.bias - truth[0]) < 3 * e.standard_error
    assert truth[0] == pytest.approx(0, abs=1e-12)


def test_influence_is_what_the_value_changes_by():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 1))
    y = x**2 + rng.normal(size=(80, 1))
    model = WassersteinDependency(epsilon=0.5, tol=1e-6)
    whole = model.fit(x, y)
    value, influence, error = whole.mutual_information_, whole.influence_, whole.standard_error_
    without = [
        model.fit(np.delete(x, i, 0), np.delete(y, i, 0)).mutual_information_ for i in range(80)
    ]
    jackknife = 79 * (value - np.array(without))
    assert np.corrcoef(influence, jackknife)[0, 1] > 0.98
    assert error == pytest.approx(np.std(jackknife, ddof=1) / np.sqrt(80), rel=0.15)


def test_copies_in_groups_tell_nothing_new():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 1))
    y = x + rng.normal(size=(60, 1))
    model = WassersteinDependency(epsilon=0.5, tol=1e-6)
    one = model.fit(x, y)
    value, error = one.mutual_information_, one.standard_error_
    twice = model.fit(np.repeat(x, 2, 0), np.repeat(y, 2, 0), groups=np.repeat(np.arange(60), 2))
    assert twice.mutual_information_ == pytest.approx(value, abs=1e-5)
    assert twice.standard_error_ == pytest.approx(error, rel=1e-3)


def test_independence():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 100, 1))
    words = {"n_permutations": 99, "random_state": 0}
    assert test_by_permutation(WassersteinDependency(), x, noise, **words).p_value > 0.1
    y = (x - x.mean()) ** 2 + noise / 2
    y -= x * (x * y).mean() / (x * x).mean()
    found = test_by_permutation(WassersteinDependency(), x, y, **words)
    assert found.p_value == 0.01
    e = mutual_information(x, y, estimator=WassersteinDependency(), **words)
    assert e.p_value == 0.01
    assert e.unit == "column units"
    assert e.interval[0] > 0


def test_the_statistic_of_another_order_is_that_of_rows_in_that_order():
    rng = np.random.default_rng(0)
    c_x, c_y = costs(*rng.normal(size=(2, 30, 2)))
    value = permuted_dependence(c_x, c_y, 0.3)
    order = rng.permutation(30)
    reordered = permuted_dependence(c_x, c_y[np.ix_(order, order)], 0.3)(np.arange(30))
    assert value(order) == pytest.approx(reordered, abs=1e-6)


@pytest.mark.slow
def test_five_hundred_rows_are_tested_in_seconds():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 500, 1))
    start = time.process_time()
    found = test_by_permutation(WassersteinDependency(), x, x**2 / 2 + noise, random_state=0)
    assert time.process_time() - start < 10
    assert found.p_value == 0.005


@pytest.mark.slow
def test_the_level_of_the_test():
    rejections = 0
    for seed in range(200):
        x, y = np.random.default_rng(seed).normal(size=(2, 30, 1))
        words = {"n_permutations": 19, "random_state": seed}
        rejections += test_by_permutation(WassersteinDependency(), x, y, **words).p_value <= 0.05
    # Of 200 at level .05: 10, with a standard deviation of 3.1.
    assert 2 <= rejections <= 19


def test_gradients():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, y = (torch.tensor(rng.normal(size=(6, d)), requires_grad=True) for d in (1, 2))

    def value(x, y):
        c_x, c_y = (transport_cost(v, v) for v in (x, y))
        return transport_dependence(c_x, c_y, epsilon=0.7, tol=1e-11).value

    assert torch.autograd.gradcheck(value, (x, y), atol=1e-6)


def test_arrays_keep_their_library():
    strict = pytest.importorskip("array_api_strict")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 1)) * [1.0]
    x[0] = 3e4  # beyond what exp can hold
    c_x, c_y = costs(x, x[::-1])
    expected = transport_dependence(c_x, c_y, epsilon=30.0)
    found = transport_dependence(*(strict.asarray(c) for c in (c_x, c_y)), epsilon=30.0)
    assert found.value.__array_namespace__().__name__ == "array_api_strict"
    assert float(found.value) == pytest.approx(float(expected.value), rel=1e-6)


def test_epsilon_without_a_number_follows_the_scale():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 60, 1))
    one = WassersteinDependency().fit(x, x + noise)
    c_x, c_y = costs(x, x + noise)
    assert one.epsilon_ == pytest.approx(0.1 * (c_x.mean() + c_y.mean()))
    ten = WassersteinDependency().fit(10 * x - 3, 10 * (x + noise) + 5)
    assert ten.mutual_information_ == pytest.approx(10 * one.mutual_information_, rel=1e-4)
    turned = WassersteinDependency().fit(x + noise, x)
    assert turned.mutual_information_ == pytest.approx(one.mutual_information_, rel=1e-3)


def test_what_is_refused_and_said():
    x = np.random.default_rng(0).normal(size=(50, 1))
    for words in ({"epsilon": 0.1}, {"cost": "sqeuclidean"}):
        with pytest.raises(ValueError, match=r"must be .* for method='critic'"):
            WassersteinDependency(method="critic", **words).fit(x, x)
    for words, name in (({"epsilon": 0.0}, "epsilon"), ({"method": "mine"}, "method")):
        with pytest.raises(ValueError, match=name):
            WassersteinDependency(**words).fit(x, x)
    with pytest.raises(ValueError, match="y"):
        WassersteinDependency().fit(x, np.where(x > 0, "a", "b"))
    constant = WassersteinDependency().fit(np.ones((50, 1)), x)
    assert constant.mutual_information_ == pytest.approx(0, abs=1e-9)
    assert any("X is constant" in note for note in constant.notes_)
    both = WassersteinDependency().fit(np.ones((50, 1)), np.ones((50, 1)))
    assert both.mutual_information_ == pytest.approx(0, abs=1e-12)
    with pytest.warns(ConvergenceWarning, match="raise epsilon"):
        fitted = WassersteinDependency(max_iter=1, epsilon=0.01).fit(x, x**2)
    assert any("raise epsilon" in note for note in fitted.notes_)
    assert fitted.bound_ is None
    assert not hasattr(fitted, "critic_")
    assert WassersteinDependency(method="critic").bound_ == "lower bound"
    assert not hasattr(WassersteinDependency(method="critic"), "_standard_error")


def test_torch_is_not_imported():
    lines = (
        "import sys, numpy as np, infotheory",
        "x = np.random.default_rng(0).normal(size=(40, 1))",
        "assert infotheory.WassersteinDependency().fit(x, x).mutual_information_ > 0.1",
        "assert 'torch' not in sys.modules",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks([WassersteinDependency(tol=1e-3)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)
