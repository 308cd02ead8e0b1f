"""Entropy and divergence by denoising: exact predictors, closed forms, input, state and failure."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from infotheory import (
    DiffusionDivergence,
    DiffusionEntropy,
    confidence_interval,
    divergence,
    entropy,
    two_samples,
)
from infotheory.functional import (
    entropy_production_rate,
    gaussian_kl,
    gaussian_log_density,
    mixture_noise_prediction,
)

torch = pytest.importorskip("torch")

from infotheory._resampling import cross_fit_folds  # noqa: E402
from infotheory._row_denoisers import RowDenoisers, finest_variance  # noqa: E402
from infotheory._sample_critics import Coordinates  # noqa: E402
from infotheory._training import local_seed  # noqa: E402

SMALL = {"hidden_layer_sizes": 8, "max_iter": 20, "n_folds": 2, "random_state": 0}
LEARNS = {
    "hidden_layer_sizes": (32, 32),
    "max_iter": 600,
    "learning_rate_init": 5e-3,
    "n_folds": 2,
    "n_ensemble": 1,
    "random_state": 0,
}
SLOPE = np.array([[1.0, 0.9, 0.0], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
UNIT_NORMAL = 0.5 * math.log(2 * math.pi * math.e)


def normal_rows(n=1000, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 3)) @ SLOPE


def mixture_rows(n=1000, seed=0):
    """Two normal laws on the diagonal, two and a bit apart."""
    rng = np.random.default_rng(seed)
    side = rng.choice([-1.0, 1.0], size=(n, 1))
    return 1.5 * side + 0.5 * rng.normal(size=(n, 2))


def mixture_entropy():
    grid = np.linspace(-6, 6, 20001)
    along = 1.5 * math.sqrt(2)
    density = 0.5 * (stats.norm.pdf(grid, -along, 0.5) + stats.norm.pdf(grid, along, 0.5))
    return -np.trapezoid(density * np.log(density), grid) + UNIT_NORMAL + math.log(0.5)


# Exact predictors: the formula and the range alone.


def stack_of(P, Q=None, **changes):
    X = P if Q is None else np.vstack([P, Q])
    rng = np.random.default_rng(0)
    ends = [np.arange(len(P))] + ([] if Q is None else [np.arange(len(P), len(X))])
    laws = [
        [type(f)(*(rows[part] for part in (f.train, f.validation, f.test))) for f in folds]
        for rows in ends
        for folds in [cross_fit_folds(len(rows), 2, 0.2, rng)]
    ]
    maps = [Coordinates(P, P if Q is None else Q, "raw")] * 2
    words = {"n_ensemble": 2, "hidden_layer_sizes": (4,), "activation": "silu"}
    with local_seed(0):
        stack = RowDenoisers(
            X,
            maps,
            laws,
            [maps[0]._moments[: len(laws)]] * 2,
            device=torch.device("cpu"),
            rng=rng,
            **{**words, **changes},
        )
    return stack, maps[0]


def in_coordinates(to, means, covariances):
    d = means.shape[1]
    slope = to(np.eye(d)) - to(np.zeros((1, d)))
    return to(means), slope.T @ covariances @ slope


def test_exact_predictions_give_the_log_density(monkeypatch):
    X = mixture_rows(600)
    stack, to = stack_of(X)
    halves = np.array([0.5, 0.5])
    means, covariances = in_coordinates(
        to, np.array([[-1.5, -1.5], [1.5, 1.5]]), np.stack([np.eye(2) / 4] * 2)
    )
    plain = RowDenoisers.predict

    def exact(self, z, log_snr):
        law = (torch.as_tensor(t) for t in (halves, means, covariances))
        told = mixture_noise_prediction(z.double(), log_snr.double(), *law)
        return told.float(), plain(self, z, log_snr)[1]

    monkeypatch.setattr(RowDenoisers, "predict", exact)
    rows = torch.arange(600).expand(2, -1)
    with local_seed(0):
        gains, inside = stack.held_out(rows, 64)
    u = to(X)
    parts = [gaussian_log_density(u, m, c) for m, c in zip(means, covariances, strict=True)]
    log_ratio = np.logaddexp(*parts) - math.log(2) - gaussian_log_density(u, *to._moments[0])
    told = gains[0, -1, 0].numpy()
    assert told.mean() == pytest.approx(log_ratio.mean(), abs=0.03)
    assert inside[0, -1].mean() == pytest.approx(log_ratio.mean(), abs=0.05)
    assert np.corrcoef(told, log_ratio)[0, 1] > 0.8


def test_networks_at_zero_are_the_normal_laws():
    stack, _ = stack_of(normal_rows(200), normal_rows(300, 1) * 0.7)
    with local_seed(0):
        gains, inside = stack.gains_of_folds(1, 2)[0]
    assert gains.shape == (3, 2, 150)
    assert np.all(gains == 0)
    assert np.all(np.abs(inside) == 0)


def test_the_finest_scale_of_single_columns_and_of_several():
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(4000, 2))
    assert 0.5 < finest_variance(wide, rng) < 1.5
    narrow = np.where(rng.random((4000, 1)) < 0.5, 0.05 * wide[:, :1], wide[:, :1])
    assert 0.001 < finest_variance(narrow, rng) < 0.02
    line = np.hstack([wide[:, :1], wide[:, :1] + 0.1 * wide[:, 1:]])
    assert 0.003 < finest_variance(line, rng) < 0.02


# Entropy.


@pytest.mark.parametrize("margins", ["raw", "ranks"])
def test_entropy_of_a_normal_law(margins):
    fitted = DiffusionEntropy(margins=margins, **SMALL).fit(normal_rows())
    assert abs(fitted.entropy_ - 3 * UNIT_NORMAL) < 3 * fitted.standard_error_
    assert fitted.standard_error_ == pytest.approx(math.sqrt(1.5 / 1000), rel=0.3)
    assert -fitted.pointwise_.mean() == pytest.approx(fitted.entropy_)
    assert fitted.margins_ == margins


@pytest.mark.slow
def test_entropy_of_a_mixture():
    fitted = DiffusionEntropy(margins="raw", **LEARNS).fit(mixture_rows(2000))
    normal = DiffusionEntropy(margins="raw", **SMALL).fit(mixture_rows(2000))
    # The normal law is .26 above; a short training takes most of it off.
    assert normal.entropy_ > mixture_entropy() + 0.2
    assert -0.03 < fitted.entropy_ - mixture_entropy() < 0.13
    new = mixture_rows(2000, seed=1)
    assert fitted.score(new) == pytest.approx(-fitted.entropy_, abs=0.08)
    np.testing.assert_array_equal(fitted.score_samples(new[:5]), fitted.score_samples(new[:5]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("law", "expected"),
    [
        (stats.uniform(), 0.0),
        (stats.t(df=3), float(stats.t(df=3).entropy())),
        (stats.expon(), 1.0),
    ],
)
def test_ranks_bear_jumps_and_heavy_tails(law, expected):
    X = law.rvs(size=(2000, 3), random_state=np.random.default_rng(0))
    fitted = DiffusionEntropy(**SMALL).fit(X)
    assert fitted.margins_ == "ranks"
    assert abs(fitted.entropy_ - 3 * expected) < 3 * fitted.standard_error_ + 0.03
    new = law.rvs(size=(2000, 3), random_state=np.random.default_rng(1))
    assert fitted.score(new) == pytest.approx(-3 * expected, abs=0.15)
    with pytest.raises(ValueError, match="margins must be 'raw'"):
        fitted.log_density_gradient(X)


def test_entropy_follows_scale_and_units():
    X = normal_rows(500)
    fitted = DiffusionEntropy(margins="raw", **SMALL).fit(X)
    scaled = DiffusionEntropy(margins="raw", **SMALL).fit(5 + X * [1.0, 10.0, 0.01])
    assert scaled.entropy_ - fitted.entropy_ == pytest.approx(math.log(0.1), abs=0.02)
    gradient = scaled.log_density_gradient(5 + X * [1.0, 10.0, 0.01]) * [1.0, 10.0, 0.01]
    np.testing.assert_allclose(gradient, fitted.log_density_gradient(X), atol=0.1)


def test_gradient_of_the_log_density():
    X = normal_rows(2000)
    told = DiffusionEntropy(margins="raw", **SMALL).fit(X).log_density_gradient(X[:200])
    expected = -X[:200] @ np.linalg.inv(SLOPE.T @ SLOPE)
    assert np.sqrt(np.mean((told - expected) ** 2)) < 0.15


def test_entropy_production_of_a_rotating_process():
    """2 w^2 / k, whatever the diffusion."""
    k, w = 0.5, 1.5
    X = np.random.default_rng(0).normal(scale=math.sqrt(2 / k), size=(4000, 2))
    drift = X @ np.array([[-k, w], [-w, -k]])
    model = DiffusionEntropy(margins="raw", **{**SMALL, "max_iter": 100}).fit(X)
    rate = entropy_production_rate(drift, model.log_density_gradient(X), 2.0)
    assert rate.mean() == pytest.approx(2 * w**2 / k, rel=0.05)
    # A reversible process produces none.
    reversible = entropy_production_rate(-k * X, model.log_density_gradient(X), 2.0)
    assert reversible.mean() < 0.02


def test_degenerate_columns():
    X = normal_rows(100)
    for column in (np.ones((100, 1)), X[:, :1] + X[:, 1:2]):
        fitted = DiffusionEntropy(**SMALL).fit(np.hstack([X, column]))
        assert fitted.entropy_ == -math.inf
        assert "constant" in " ".join(fitted.notes_)
        with pytest.raises(ValueError, match="degenerate"):
            fitted.log_density_gradient(np.hstack([X, column]))


def test_entropy_door():
    estimate = entropy(normal_rows(), estimator=DiffusionEntropy(**SMALL))
    low, high = estimate.interval
    assert low < 3 * UNIT_NORMAL < high
    assert estimate.standard_error == estimate.estimator.standard_error_


@pytest.mark.slow
def test_entropy_of_a_mixture_in_full():
    words = {**LEARNS, "hidden_layer_sizes": (64, 64), "n_folds": 3, "max_iter": 2500}
    fitted = DiffusionEntropy(**words).fit(mixture_rows(4000))
    assert fitted.margins_ == "raw"
    assert abs(fitted.entropy_ - mixture_entropy()) < 0.04


# Divergence.


def normal_samples(n=1500, m=1500):
    Q = np.random.default_rng(1).normal(size=(m, 3)) + [0.5, 0.0, 0.0]
    return two_samples(normal_rows(n), Q)


def normal_truth(kind):
    laws = [(np.zeros(3), SLOPE.T @ SLOPE), (np.array([0.5, 0.0, 0.0]), np.eye(3))]
    forward = float(gaussian_kl(*laws[0], *laws[1]))
    backward = float(gaussian_kl(*laws[1], *laws[0]))
    return {"kl": forward, "reverse-kl": backward, "jeffreys": forward + backward}[kind]


@pytest.mark.parametrize("sizes", [(1500, 1500), (600, 2000)])
@pytest.mark.parametrize("kind", ["kl", "reverse-kl", "jeffreys"])
def test_divergence_of_normal_laws(kind, sizes):
    fitted = DiffusionDivergence(kind=kind, **SMALL).fit(*normal_samples(*sizes))
    assert abs(fitted.divergence_ - normal_truth(kind)) < 3 * fitted.standard_error_
    assert fitted.standard_error_ < 0.15 * normal_truth(kind)
    assert fitted.forms_["gap"] == fitted.divergence_
    assert fitted.forms_["inside"] == pytest.approx(fitted.divergence_, abs=0.1)


def test_log_ratio_of_new_rows():
    fitted = DiffusionDivergence(**SMALL).fit(*normal_samples())
    X = normal_rows(300, seed=2)
    expected = gaussian_log_density(X, np.zeros(3), SLOPE.T @ SLOPE)
    expected = expected - gaussian_log_density(X, np.array([0.5, 0.0, 0.0]), np.eye(3))
    told = fitted.score_samples(X)
    np.testing.assert_array_equal(told, fitted.score_samples(X))
    assert np.corrcoef(told, expected)[0, 1] > 0.97
    assert told.mean() == pytest.approx(expected.mean(), abs=0.15)


@pytest.mark.slow
def test_networks_tell_what_normal_laws_cannot():
    """Two bumps against one of the same moments."""
    rng = np.random.default_rng(0)
    P = 0.9 * rng.choice([-1.0, 1.0], size=(2000, 1)) + math.sqrt(0.19) * rng.normal(size=(2000, 1))
    X, y = two_samples(P, rng.normal(size=(2000, 1)))
    grid = np.linspace(-6, 6, 20001)
    p = 0.5 * sum(stats.norm.pdf(grid, s, math.sqrt(0.19)) for s in (-0.9, 0.9))
    truth = np.trapezoid(p * (np.log(p) - stats.norm.logpdf(grid)), grid)
    fitted = DiffusionDivergence(**LEARNS).fit(X, y)
    assert 0.6 * truth < fitted.divergence_ < truth + 3 * fitted.standard_error_


@pytest.mark.parametrize("reference", ["gaussian", None])
def test_equal_laws(reference):
    X, y = two_samples(normal_rows(), normal_rows(seed=1))
    model = DiffusionDivergence(reference=reference, kind="jeffreys", **SMALL)
    estimate = confidence_interval(model, X, y, confidence_level=0.99)
    assert abs(estimate.value) < 0.03
    assert estimate.interval[0] <= 0.01
    assert estimate.interval[1] >= -0.01


@pytest.mark.slow
def test_laplace_against_normal():
    rng = np.random.default_rng(0)
    X, y = two_samples(
        rng.laplace(scale=1 / math.sqrt(2), size=(10_000, 3)), rng.normal(size=(10_000, 3))
    )
    # 1/2 ln(pi / e) for each column; the networks fall short of the peaks.
    truth = 1.5 * math.log(math.pi / math.e)
    words = {**LEARNS, "hidden_layer_sizes": (64, 64), "batch_size": 512, "max_iter": 4000}
    fitted = DiffusionDivergence(**words).fit(X, y)
    assert 0.85 * truth < fitted.divergence_ < truth + 3 * fitted.standard_error_


def test_a_sample_without_a_density():
    X, y = normal_samples(200, 200)
    flat = np.hstack([X, np.where(y == y[0], 0.0, np.linspace(-1, 1, 400))[:, None]])
    assert math.isfinite(DiffusionDivergence(**SMALL).fit(flat, y).divergence_)
    constant = np.hstack([X, np.ones((400, 1))])
    fitted = DiffusionDivergence(**SMALL).fit(constant, y)
    assert abs(fitted.divergence_ - normal_truth("kl")) < 4 * fitted.standard_error_


def test_divergence_door():
    rng = np.random.default_rng(0)
    P, Q = rng.normal(size=400), rng.normal(1.0, size=400)
    estimate = divergence(P, Q, estimator=DiffusionDivergence(**SMALL))
    assert estimate.interval[0] < 0.5 < estimate.interval[1]


# Both.


BOTH = [DiffusionEntropy(margins="raw", **SMALL), DiffusionDivergence(**SMALL)]


@pytest.mark.slow
@pytest.mark.parametrize("estimator", BOTH, ids=lambda e: type(e).__name__)
def test_seeds_pickles_and_rows(estimator):
    X, y = normal_samples(1000, 1000)
    first = clone(estimator).set_params(max_iter=2).fit(X, y)
    second = clone(first).fit(X, y)
    np.testing.assert_array_equal(first.score_samples(X[:5]), second.score_samples(X[:5]))
    other = clone(first).set_params(random_state=1).fit(X, y)
    assert np.any(first.score_samples(X[:5]) != other.score_samples(X[:5]))
    stored = pickle.dumps(first)
    copy = pickle.loads(stored)
    np.testing.assert_array_equal(copy.score_samples(X[:5]), first.score_samples(X[:5]))
    assert len(stored) < 2000 * 8 + 100_000


def test_wrong_parameters():
    X, y = normal_samples(50, 50)
    with pytest.raises(ValueError, match="parameter of DiffusionEntropy"):
        DiffusionEntropy(margins="copula").fit(X)
    with pytest.raises(ValueError, match="parameter of DiffusionDivergence"):
        DiffusionDivergence(kind="js").fit(X, y)
    with pytest.raises(ValueError, match="too few for n_folds"):
        DiffusionDivergence(n_folds=40).fit(X, y)


TINY = {
    "hidden_layer_sizes": 4,
    "max_iter": 2,
    "n_folds": 2,
    "n_ensemble": 1,
    "validation_fraction": 0.4,
    "random_state": 0,
}


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks([DiffusionEntropy(**TINY), DiffusionDivergence(**TINY)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)
