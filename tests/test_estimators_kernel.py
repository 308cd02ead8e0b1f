"""Estimators by kernels: values, intervals, p-values, permutations, and what bad input gets."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from scipy.stats import binom

import infotheory
from infotheory import (
    HSIC,
    MMD,
    CauchySchwarzDivergence,
    CauchySchwarzMutualInformation,
    confidence_interval,
    divergence,
    mutual_information,
    permutation_test,
    two_samples,
)
from infotheory.functional import (
    cauchy_schwarz_divergence,
    cauchy_schwarz_mutual_information,
    conditional_cauchy_schwarz_mutual_information,
    gaussian_cauchy_schwarz_divergence,
    hsic,
    kernel_bandwidth,
    mmd,
)

TWO = [CauchySchwarzDivergence(bandwidth=0.9), MMD(bandwidth=0.9), MMD(estimator="biased")]
PAIRED = [
    CauchySchwarzMutualInformation(bandwidth=0.9),
    CauchySchwarzMutualInformation(normalized=True),
    HSIC(bandwidth=(0.9, 0.5)),
    HSIC(estimator="unbiased"),
    HSIC(normalized=True),
]


def normals(seed=0, n=60, m=45, d=2, shift=0.5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), shift + rng.normal(size=(m, d))


def pairs(seed=0, n=60, slope=1.0, d=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, slope * x[:, :1] ** 2 + rng.normal(size=(n, 1))


def value(fitted):
    return getattr(fitted, "divergence_", None) or fitted.mutual_information_


def test_values_are_those_of_the_functions():
    P, Q = normals()
    X, y = two_samples(P, Q)
    b = float(kernel_bandwidth(X))
    found = CauchySchwarzDivergence().fit(X, y)
    assert found.bandwidth_ == b
    assert found.divergence_ == pytest.approx(float(cauchy_schwarz_divergence(P, Q, b)), abs=1e-12)
    for estimator in ("unbiased", "biased"):
        one = MMD(bandwidth="silverman", estimator=estimator).fit(X, y)
        b = float(kernel_bandwidth(X, "silverman"))
        assert one.divergence_ == pytest.approx(float(mmd(P, Q, b, estimator=estimator)), abs=1e-13)
    x, y = pairs()
    b = 0.5, float(kernel_bandwidth(y, "likelihood"))
    for normalized in (False, True):
        one = CauchySchwarzMutualInformation(bandwidth=(0.5, "likelihood"), normalized=normalized)
        truth = cauchy_schwarz_mutual_information(x, y, *b, normalized=normalized)
        assert one.fit(x, y).mutual_information_ == pytest.approx(float(truth), abs=1e-12)
        assert one.bandwidth_ == pytest.approx(b)
        for estimator in ("unbiased", "biased"):
            one = HSIC(bandwidth=b, estimator=estimator, normalized=normalized).fit(x, y)
            truth = hsic(x, y, *b, estimator=estimator, normalized=normalized)
            assert one.mutual_information_ == pytest.approx(float(truth), abs=1e-12)


@pytest.mark.parametrize("estimator", TWO, ids=repr)
def test_two_sample_errors_are_those_of_leaving_out_each_row(estimator):
    P, Q = normals()
    fitted = estimator.fit(*two_samples(P, Q))
    again = type(estimator)(**estimator.get_params() | {"bandwidth": fitted.bandwidth_})

    def without(p, q):
        return value(again.fit(*two_samples(p, q)))

    whole, variance, bias = value(fitted), 0.0, 0.0
    error, found = fitted._standard_error(), fitted._bias(np.random.RandomState(0))
    for values in (
        [without(np.delete(P, i, axis=0), Q) for i in range(len(P))],
        [without(P, np.delete(Q, i, axis=0)) for i in range(len(Q))],
    ):
        variance += (len(values) - 1) * np.var(values)
        bias += (len(values) - 1) * (np.mean(values) - whole)
    assert error == pytest.approx(math.sqrt(variance), rel=1e-6)
    assert found == pytest.approx(bias, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("d", [1, 40])
@pytest.mark.parametrize("estimator", PAIRED, ids=repr)
def test_paired_errors_are_those_of_leaving_out_each_row(estimator, d):
    x, y = pairs(n=30, d=d)
    fitted = estimator.fit(x, y)
    error, bias = fitted._standard_error(), fitted._bias(np.random.RandomState(0))
    whole, widths = value(fitted), fitted.bandwidth_
    again = type(estimator)(**estimator.get_params() | {"bandwidth": widths})
    values = [
        value(again.fit(np.delete(x, i, axis=0), np.delete(y, i, axis=0))) for i in range(len(x))
    ]
    n = len(x)
    assert error == pytest.approx(math.sqrt((n - 1) * np.var(values)), rel=1e-6)
    assert bias == pytest.approx((n - 1) * (np.mean(values) - whole), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("estimator", TWO + PAIRED, ids=repr)
def test_permuted_values_are_refits(estimator):
    rng = np.random.default_rng(0)
    X, y = two_samples(*normals()) if estimator in TWO else pairs()
    fitted = estimator.fit(X, y)
    orders = np.stack([np.arange(len(y)), *(rng.permutation(len(y)) for _ in range(3))])
    found = fitted._permuted_values(orders)
    again = type(estimator)(**estimator.get_params() | {"bandwidth": fitted.bandwidth_})
    refits = np.array([value(again.fit(X, y[order])) for order in orders])
    # Normalised forms are tested by their numerators, which have the same order.
    scale = refits[0] / found[0] if getattr(estimator, "normalized", False) else 1.0
    np.testing.assert_allclose(found * scale, refits, atol=1e-10)


def test_a_permutation_test_of_few_rows_knows_equal_splits():
    # Of three rows and three, far apart, 2 of 20 splits are as extreme.
    X, y = two_samples(np.arange(3.0)[:, None], 1e6 + np.arange(3.0)[:, None])
    for estimator in (CauchySchwarzDivergence(bandwidth=1.0), MMD(bandwidth=1.0)):
        p = permutation_test(estimator, X, y, n_permutations=999, random_state=0).p_value
        assert 0.06 < p < 0.15


def test_samples_out_of_reach():
    P, Q = normals()
    found = CauchySchwarzDivergence(bandwidth=1.0).fit(*two_samples(P, Q + 1e4))
    assert found.divergence_ == pytest.approx(2e8, rel=0.01)
    assert any("so far apart that no kernel" in note for note in found.notes_)
    e = confidence_interval(CauchySchwarzDivergence(bandwidth=1.0), *two_samples(P, Q + 1e4))
    assert e.value == found.divergence_


def test_p_values_by_the_gamma_law_are_near_those_by_permutation():
    for seed, shift in ((0, 0.0), (1, 0.25), (3, 0.4)):
        X, y = two_samples(*normals(seed, shift=shift))
        exact = permutation_test(MMD(), X, y, n_permutations=1999, random_state=0).p_value
        assert MMD().fit(X, y).p_value_ == pytest.approx(exact, abs=0.04)
    for seed, slope in ((0, 0.0), (1, 0.15), (2, 0.2)):
        x, y = pairs(seed, slope=slope)
        exact = permutation_test(HSIC(), x, y, n_permutations=1999, random_state=0).p_value
        assert HSIC().fit(x, y).p_value_ == pytest.approx(exact, abs=0.04)


def test_the_tests_hold_their_level_and_see():
    n_runs, level = 400, 0.05
    null = [HSIC().fit(*pairs(seed, slope=0.0)).p_value_ for seed in range(n_runs)]
    same = [MMD().fit(*two_samples(*normals(seed, shift=0))).p_value_ for seed in range(n_runs)]
    for found in (null, same):
        # Between the quantiles of 400 draws at levels .035 and .07 of chance .001.
        rejected = int(np.sum(np.array(found) <= level))
        assert binom.ppf(0.001, n_runs, 0.035) <= rejected <= binom.ppf(0.999, n_runs, 0.07)
    assert np.mean([HSIC().fit(*pairs(seed, slope=1)).p_value_ for seed in range(20)]) < 1e-2
    assert (
        np.mean([MMD().fit(*two_samples(*normals(s, shift=1))).p_value_ for s in range(20)]) < 1e-3
    )


def test_intervals_cover_the_smoothed_closed_form():
    b, runs = 0.7, 60
    cov = (1 + b**2 / 2) * np.eye(2)
    truth = float(gaussian_cauchy_schwarz_divergence(np.zeros(2), cov, np.full(2, 0.5), cov))
    covered = 0
    for seed in range(runs):
        X, y = two_samples(*normals(seed, n=150, m=150))
        e = confidence_interval(CauchySchwarzDivergence(bandwidth=b), X, y)
        covered += e.interval[0] <= truth <= e.interval[1]
        assert e.bias > 0
    # Of 60 intervals at .9 fewer than 46 cover with a chance of .001.
    assert covered >= binom.ppf(0.001, runs, 0.9)


def test_the_doors():
    P, Q = normals(shift=1.5)
    e = divergence(P, Q, kind="cauchy-schwarz", n_permutations=99, random_state=0)
    assert isinstance(e.estimator, CauchySchwarzDivergence)
    assert e.unit == "nats"
    assert e.p_value == 0.01
    in_bits = divergence(P, Q, kind="cauchy-schwarz", base=2, confidence_level=None)
    assert float(in_bits) == pytest.approx(float(e) / math.log(2))
    e = divergence(P, Q, kind="mmd")
    assert isinstance(e.estimator, MMD)
    assert e.unit == "(no unit)"
    with pytest.raises(ValueError, match="base must be None"):
        divergence(P, Q, kind="mmd", base=2)
    with pytest.raises(ValueError, match="kind='mmd' is built for real columns"):
        divergence(["a", "b", "a"], ["b", "a", "b"], kind="mmd")
    with pytest.raises(ValueError, match="contradicts the estimator"):
        divergence(P, Q, kind="mmd", estimator=CauchySchwarzDivergence())
    x, y = pairs()
    e = mutual_information(x, y, estimator="cauchy-schwarz")
    assert isinstance(e.estimator, CauchySchwarzMutualInformation)
    assert e.interval is not None
    assert mutual_information(x, y, estimator=HSIC()).unit == "(no unit)"


def test_conditional_information():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 1))
    x, y = z + rng.normal(size=(200, 1)), z + rng.normal(size=(200, 1))
    found = CauchySchwarzMutualInformation(bandwidth=0.5).fit(x, y, condition=z)
    truth = conditional_cauchy_schwarz_mutual_information(x, y, z, 0.5)
    assert found.mutual_information_ == pytest.approx(float(truth))
    assert found.bandwidth_ == (0.5, 0.5, 0.5)
    e = infotheory.conditional_mutual_information(
        x,
        y,
        z,
        estimator="cauchy-schwarz",
        confidence_level=None,
        n_permutations=19,
        random_state=0,
    )
    assert e.p_value > 0.05
    with pytest.raises(ValueError, match="normalized must be False with a condition"):
        CauchySchwarzMutualInformation(normalized=True).fit(x, y, condition=z)


def test_kernels_that_see_rounding_alone_say_so_and_reject_nothing():
    """p-values of 0 came from it, for independent rows as well."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(2, 100, 1))
        for found in (
            HSIC(bandwidth=1e5).fit(x, y),
            HSIC(bandwidth=(1.0, 1e5)).fit(x, y),
            MMD(bandwidth=1e5).fit(*two_samples(x, y)),
        ):
            assert found.p_value_ == 1.0
            assert any("hardly tells the rows" in note for note in found.notes_)
    far = CauchySchwarzDivergence(bandwidth=1e5).fit(*two_samples(x, y))
    dependent = CauchySchwarzMutualInformation(bandwidth=1e5).fit(x, x)
    for notes in (far.notes_, dependent.notes_):
        assert any("hardly tells the rows" in note for note in notes)
    # Wide, and still exact: the limit is the linear kernel.
    x, y = pairs(n=300)
    assert HSIC(bandwidth=300.0).fit(x, y).p_value_ == pytest.approx(
        HSIC(bandwidth=100.0).fit(x, y).p_value_, rel=0.05
    )


def test_notes():
    x, _ = pairs()
    fitted = CauchySchwarzMutualInformation(bandwidth=1e-4).fit(x, x)
    assert fitted.mutual_information_ == pytest.approx(math.log(60))
    assert any("ln n = 4.09" in note for note in fitted.notes_)
    assert any("hardly a neighbour" in note for note in fitted.notes_)
    fitted = HSIC().fit(x, np.ones(60))
    assert fitted.mutual_information_ == pytest.approx(0, abs=1e-15)
    assert fitted.p_value_ == 1
    assert "y is constant; nothing depends on it." in fitted.notes_
    X, labels = two_samples(*normals(shift=0))
    assert any("p_value_" in note for note in MMD().fit(X, labels).notes_)
    assert MMD().fit(np.ones_like(X), labels).divergence_ == 0
    assert MMD().fit(np.ones_like(X), labels).p_value_ == 1
    assert CauchySchwarzDivergence().fit(np.ones_like(X), labels).divergence_ == pytest.approx(0)


@pytest.mark.parametrize("estimator", [CauchySchwarzDivergence, MMD])
def test_bad_input_of_two_samples(estimator):
    X, y = two_samples(*normals())
    for bandwidth in (0, -1.0, "scott", None, (1.0, 2.0)):
        with pytest.raises(ValueError, match="'bandwidth' parameter"):
            estimator(bandwidth=bandwidth).fit(X, y)
    missing = X.copy()
    missing[3, 1] = np.nan
    with pytest.raises(ValueError, match="X "):
        estimator().fit(missing, y)
    with pytest.raises(ValueError, match="at least 2 rows"):
        estimator().fit(X[: len(y) - 44], y[: len(y) - 44])
    with pytest.raises(ValueError, match="bandwidth must be finite, and at least 1e-150"):
        estimator(bandwidth=1e-200).fit(X, y)
    with pytest.raises(ValueError, match="extent is a float"):
        estimator().fit(np.array([[-1.7e308], [1.7e308], [0.0], [1.0]]), [0, 0, 1, 1])


@pytest.mark.parametrize("estimator", [CauchySchwarzMutualInformation, HSIC])
def test_bad_input_of_pairs(estimator):
    x, y = pairs()
    for bandwidth in (0, "scott", None):
        with pytest.raises(ValueError, match="'bandwidth' parameter"):
            estimator(bandwidth=bandwidth).fit(x, y)
    for pair in ((1.0,), (1.0, 0.0), ("median", "scott"), (True, 1.0), (1.0, np.nan)):
        with pytest.raises(ValueError, match="bandwidth must be a positive number, a rule, or"):
            estimator(bandwidth=pair).fit(x, y)
    with pytest.raises(ValueError, match=r"same length|same number"):
        estimator().fit(x, y[:-1])
    with pytest.raises(ValueError, match="y "):
        estimator().fit(x, np.where(y > 1, np.inf, y))
    with pytest.raises(ValueError, match="at least 4 rows"):
        HSIC(estimator="unbiased").fit(x[:3], y[:3])


def test_fitted_estimators_pickle_with_their_permutations():
    x, y = pairs()
    fitted = HSIC().fit(x, y)
    again = pickle.loads(pickle.dumps(fitted))
    orders = np.arange(60)[None]
    np.testing.assert_array_equal(again._permuted_values(orders), fitted._permuted_values(orders))
