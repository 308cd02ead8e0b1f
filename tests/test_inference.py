"""Intervals and permutation tests: formulas exactly, coverage and error rates over fixed seeds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import infotheory
from infotheory import _resampling, _surrogates


class Mean(BaseEstimator):
    """A statistic whose standard error is known: the mean, called an entropy."""

    def fit(self, X: Any, y: Any = None) -> Mean:
        self.entropy_ = float(np.mean(np.asarray(X)))
        return self


class Covariance(BaseEstimator):
    def fit(self, X: Any, y: Any, *, condition: Any = None) -> Covariance:
        x, y = np.asarray(X, dtype=float)[:, 0], np.asarray(y, dtype=float).reshape(len(X))
        self.mutual_information_ = float(abs(np.cov(x, y)[0, 1]))
        return self


def binomial_bounds(p: float, n: int, level: float = 0.999) -> tuple[float, float]:
    """Where the share of n hits of probability p lies with this probability."""
    half = norm.ppf(0.5 + level / 2) * math.sqrt(p * (1 - p) / n)
    return p - half, p + half


def test_subsampled_error_of_a_mean_is_right():
    X = np.random.default_rng(0).normal(size=(1000, 1))
    e = infotheory.confidence_interval(Mean(), X, random_state=0, n_resamples=2000)
    # 2 000 resamples: the spread is known to 1 / sqrt(4000), five of which are 8 %.
    assert e.standard_error == pytest.approx(X.std(ddof=1) / math.sqrt(1000), rel=0.08)
    low, high = e.interval
    assert (low + high) / 2 == pytest.approx(e.value)
    assert high - low == pytest.approx(2 * norm.ppf(0.95) * e.standard_error)


def test_intervals_of_a_mean_cover():
    hits = 0
    for seed in range(300):
        X = np.random.default_rng(seed).normal(size=(100, 1))
        low, high = infotheory.confidence_interval(Mean(), X, random_state=seed).interval
        hits += low <= 0 <= high
    low, high = binomial_bounds(0.89, 300)  # 50 resamples cost about a point
    assert low <= hits / 300 <= high


def test_permutation_p_values_are_uniform_under_independence():
    p_values = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(30, 1)), rng.normal(size=30)
        e = infotheory.permutation_test(Covariance(), x, y, n_permutations=19, random_state=seed)
        p_values.append(e.p_value)
    low, high = binomial_bounds(0.05, 300)
    assert low <= np.mean(np.array(p_values) <= 0.05 + 1e-9) <= high
    low, high = binomial_bounds(0.5, 300)
    assert low <= np.mean(np.array(p_values) <= 0.5 + 1e-9) <= high


def test_p_value_is_never_zero_and_counts_ties():
    null = np.array([0.0, 1.0, 2.0, 2.0])
    assert _resampling.permutation_p_value(3.0, null) == 1 / 5
    assert _resampling.permutation_p_value(2.0, null) == 3 / 5
    assert _resampling.permutation_p_value(-math.inf, null) == 1
    assert _resampling.permutation_p_value(math.nan, null) == 1


def test_subsamples_are_without_replacement_and_keep_strata():
    rng = np.random.RandomState(0)
    for rows in _resampling.subsamples(50, 20, 5, rng):
        assert len(rows) == len(set(rows)) == 20
    strata = np.repeat([0, 1], [40, 10])
    for rows in _resampling.subsamples(50, 20, 5, rng, strata):
        assert np.bincount(strata[rows]).tolist() == [16, 4]
        assert len(set(rows)) == 20


def test_jobs_do_not_change_the_answer():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1))
    y = x[:, 0] + rng.normal(size=200)
    one, two = (
        infotheory.confidence_interval(infotheory.KSG(), x, y, random_state=3, n_jobs=jobs)
        for jobs in (1, 2)
    )
    assert one.interval == two.interval
    one, two = (
        infotheory.permutation_test(
            infotheory.KSG(), x, y, n_permutations=19, random_state=3, n_jobs=jobs
        )
        for jobs in (1, 2)
    )
    assert one.p_value == two.p_value


def test_verbose_shows_a_progress_bar(capsys):
    X = np.random.default_rng(0).normal(size=(50, 1))
    infotheory.confidence_interval(Mean(), X, random_state=0, verbose=1)
    assert "subsamples" in capsys.readouterr().err


def test_method_must_be_offered():
    X = np.random.default_rng(0).normal(size=(50, 1))
    with pytest.raises(ValueError, match=r"method='analytic' is not offered.*subsampling"):
        infotheory.confidence_interval(Mean(), X, method="analytic")
    with pytest.raises(ValueError, match="method must be one of"):
        infotheory.confidence_interval(Mean(), X, method="bootstrap")
    with pytest.raises(ValueError, match="n_samples = 10 rows are too few"):
        infotheory.confidence_interval(Mean(), X[:10])
    with pytest.raises(ValueError, match="confidence_level"):
        infotheory.confidence_interval(Mean(), X, confidence_level=1.0)


def test_influence_is_the_spread_of_the_rows():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 1)), rng.normal(size=200)
    e = infotheory.confidence_interval(infotheory.KSG(), x, y, method="influence", random_state=0)
    spread = np.std(e.estimator.pointwise_, ddof=1) / math.sqrt(200)
    # Two thirds of the estimated bias stand for the error of that estimate.
    assert e.standard_error == pytest.approx(math.hypot(spread, 2 / 3 * e.bias))


def test_interval_is_centred_on_the_value_less_its_bias():
    X = np.random.default_rng(0).normal(size=(500, 3))
    e = infotheory.confidence_interval(infotheory.NeighborsEntropy(), X, random_state=0)
    low, high = e.interval
    assert (low + high) / 2 == pytest.approx(e.value - e.bias)
    assert e.bias < 0
    assert any("bias" in note for note in e.notes)


# --------------------------------------------------------------------------- conditional null


def test_residuals_lose_what_the_condition_explains():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(400, 2))
    noise = rng.normal(size=400)
    target = (np.sin(2 * z[:, 0]) + z[:, 1] + 0.5 * noise).reshape(-1, 1)
    rest = _surrogates.residuals(target, z, np.random.RandomState(0))[:, 0]
    assert np.corrcoef(rest, noise)[0, 1] > 0.95
    large = np.vstack([z] * 3) + 0.01 * rng.normal(size=(1200, 2))
    target = large[:, :1] ** 2
    rest = _surrogates.residuals(target, large, np.random.RandomState(0))
    assert rest.std() < 0.1 * target.std()


def test_residuals_of_noise_are_the_noise():
    rng = np.random.default_rng(1)
    target = rng.normal(size=(300, 1))
    rest = _surrogates.residuals(target, rng.normal(size=(300, 3)), np.random.RandomState(0))
    assert np.corrcoef(rest[:, 0], target[:, 0])[0, 1] > 0.95


def test_local_permutations_stay_among_the_neighbours():
    rng = np.random.RandomState(0)
    neighbors = np.stack([(np.arange(100) + shift) % 100 for shift in range(5)], axis=1)
    for rows in _surrogates.local_permutations(neighbors, 5, rng):
        assert np.all((rows[:, None] == neighbors).any(axis=1))
        assert len(np.unique(rows)) > 80


def test_discrete_condition_is_permuted_within_its_classes():
    strata = np.repeat([0, 1, 2], [10, 5, 1])
    for rows in _surrogates.permutations_within(strata, 5, np.random.RandomState(0)):
        assert sorted(rows) == list(range(16))
        assert np.array_equal(strata[rows], strata)


def test_conditional_test_rejects_dependence_beside_the_condition():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, 1))
    shared = rng.normal(size=(300, 1))
    x, y = z + shared, z + shared + 0.5 * rng.normal(size=(300, 1))
    e = infotheory.permutation_test(
        infotheory.KSG(), x, y, condition=z, n_permutations=39, random_state=0
    )
    assert e.p_value == 1 / 40


def type_one_error(dim: int, runs: int) -> float:
    rejected = 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=(200, dim))
        x, y = (
            z.sum(axis=1, keepdims=True) / math.sqrt(dim) + rng.normal(size=(200, 1)) for _ in "xy"
        )
        e = infotheory.permutation_test(
            infotheory.KSG(margins="gaussianize"),
            x,
            y,
            condition=z,
            n_permutations=19,
            random_state=seed,
        )
        rejected += e.p_value <= 0.05 + 1e-9
    return rejected / runs


@pytest.mark.parametrize("dim", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_conditional_test_keeps_its_level(dim):
    low, high = binomial_bounds(0.05, 30)
    assert max(low, 0) <= type_one_error(dim, 30) <= high


@pytest.mark.slow
@pytest.mark.parametrize("dim", [1, 4])
def test_conditional_test_keeps_its_level_over_many_seeds(dim):
    assert 0.02 <= type_one_error(dim, 300) <= 0.08


# --------------------------------------------------------------------------- coverage

GAUSSIAN_1D = 0.5 * math.log(2 * math.pi * math.e)


def pair(rho, n):
    def sample(rng):
        x = rng.normal(size=(n, 1))
        return x, rho * x[:, 0] + math.sqrt(1 - rho**2) * rng.normal(size=n)

    return sample


def two_normals(rng):
    return infotheory.two_samples(rng.normal(size=(500, 2)), 1 + rng.normal(size=(500, 2)))


RAMP = np.arange(1, 21) / 210
CASES = {
    "ksg": (infotheory.KSG(), pair(0.75, 500), -0.5 * math.log(1 - 0.75**2)),
    "neighbors-3d": (
        infotheory.NeighborsEntropy(),
        lambda rng: (rng.normal(size=(1000, 3)),),
        3 * GAUSSIAN_1D,
    ),
    "discrete": (
        infotheory.DiscreteEntropy(),
        lambda rng: (rng.choice(20, size=(500, 1), p=RAMP),),
        float(-RAMP @ np.log(RAMP)),
    ),
    "gaussian": (
        infotheory.GaussianMutualInformation(),
        pair(0.6, 200),
        -0.5 * math.log(1 - 0.36),
    ),
    "neighbors-divergence": (infotheory.NeighborsDivergence(), two_normals, 1.0),
}


def coverage(case, runs):
    estimator, sample, truth = CASES[case]
    hits = 0
    for seed in range(runs):
        data = sample(np.random.default_rng(seed))
        low, high = infotheory.confidence_interval(estimator, *data, random_state=seed).interval
        hits += low <= truth <= high
    return hits / runs


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(name, marks=pytest.mark.slow) if name == "ksg" else name
        for name in CASES
        if "neighbors" not in name
    ],
)
def test_intervals_cover(case):
    low, _ = binomial_bounds(0.9, 40)
    assert coverage(case, 40) >= low


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_intervals_cover_over_many_seeds(case):
    assert 0.85 <= coverage(case, 200) <= 0.95


def test_a_pipeline_gets_the_interval_of_its_last_step():
    rng = np.random.default_rng(0)
    X, y = infotheory.two_samples(rng.normal(size=(100, 2)), rng.normal(1.0, size=(100, 2)))
    bare = infotheory.NeighborsDivergence()
    piped = make_pipeline(StandardScaler(), bare)
    one, other = (infotheory.confidence_interval(e, X, y, random_state=0) for e in (bare, piped))
    assert other.bias == pytest.approx(one.bias, rel=1e-6)
    assert other.interval == pytest.approx(one.interval, rel=1e-6)
    door = infotheory.divergence(X[y == 0], X[y == 1], estimator=piped, random_state=0)
    assert float(door) == pytest.approx(one.value)


def test_integers_are_numbers_to_the_null_of_an_estimator_without_labels():
    """As labels, every row would be a class of its own, and its only permutation itself."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1))
    y, time = x + rng.normal(size=(200, 1)), np.arange(200)
    e = infotheory.permutation_test(
        infotheory.KSG(), x, y, condition=time, n_permutations=19, random_state=0
    )
    assert e.p_value == 0.05


def test_no_interval_from_parts_without_a_finite_value():
    class OnlyLarge(BaseEstimator):
        def fit(self, X, y):
            self.mutual_information_ = 1.0 if len(X) == 60 else math.nan
            return self

    e = infotheory.confidence_interval(OnlyLarge(), np.ones((60, 1)), np.ones(60))
    assert e.interval is None
    assert "not finite" in e.notes[-1]
