"""Mutual information from learnt conditional laws, against closed forms."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from infotheory import CLUB, DoE, LeaveOneOutBound, confidence_interval

torch = pytest.importorskip("torch")

from infotheory._densities import FAMILIES, ConditionalDensities, mixture  # noqa: E402
from infotheory._resampling import cross_fit_folds  # noqa: E402

ALL = [DoE, CLUB, LeaveOneOutBound]
SMALL = {
    "hidden_layer_sizes": (16,),
    "max_iter": 60,
    "batch_size": 128,
    "n_folds": 2,
    "random_state": 0,
}
TINY = {**SMALL, "max_iter": 3, "hidden_layer_sizes": (4,), "n_ensemble": 1}


def pair(n, rho=0.8, dim=1, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, dim))
    return x, rho * x + math.sqrt(1 - rho**2) * rng.normal(size=(n, dim))


@pytest.fixture(scope="module")
def rows():
    return pair(2000, dim=2)


def truth(cls, rho=0.8, dim=2):
    """Of two normal laws; CLUB is at the true conditional law rho^2 / (1 - rho^2) a pair."""
    return dim * (rho**2 / (1 - rho**2) if cls is CLUB else -0.5 * math.log(1 - rho**2))


@pytest.mark.parametrize("cls", ALL)
def test_normal_law_within_three_standard_errors(cls, rows):
    fitted = cls(**SMALL).fit(*rows)
    assert abs(fitted.mutual_information_ - truth(cls)) < 3 * fitted.standard_error_
    # Two pairs of the log ratio, of variance rho^2; of CLUB, of the centred own term less those of
    # its x and its y, of variance 2 k^2 + k at k = rho^2 / (1 - rho^2). The spread of 2000 rows is
    # known to 1 / sqrt(4000), and to three times that where tails are those of squares.
    k = 0.64 / 0.36
    spread = math.sqrt(2 * (2 * k**2 + k) if cls is CLUB else 2 * 0.64)
    assert fitted.standard_error_ == pytest.approx(spread / math.sqrt(2000), rel=0.1)


@pytest.mark.parametrize("cls", ALL)
def test_independent_variables_share_nothing(cls):
    x, y = pair(1000, rho=0.0)
    fitted = cls(**SMALL).fit(x, y)
    assert abs(fitted.mutual_information_) < 0.02


def test_logistic_laws_start_close_to_the_normal_one(rows):
    fitted = DoE(density="logistic", **SMALL).fit(*rows)
    # What a logistic law misses of a normal one is in both entropies, and cancels.
    assert abs(fitted.mutual_information_ - truth(DoE)) < 3 * fitted.standard_error_


def test_spread_that_depends_on_x_is_learnt():
    """y = x e: uncorrelated, and I = E ln(1 / |x|) + h(y) - h(e) > 0 by quadrature."""
    rng = np.random.default_rng(0)
    x = rng.choice([0.2, 1.0], size=(2000, 1))
    y = x * rng.normal(size=(2000, 1))
    t = np.linspace(-8, 8, 20001)
    density = sum(
        0.5 * np.exp(-0.5 * (t / s) ** 2) / (s * math.sqrt(2 * math.pi)) for s in (0.2, 1)
    )
    entropy = -np.trapezoid(density * np.log(density), t)
    exact = entropy - 0.5 * math.log(2 * math.pi * math.e) - 0.5 * math.log(0.2)
    fitted = LeaveOneOutBound(**{**SMALL, "max_iter": 300, "reference": None}).fit(x + 0.0, y)
    assert fitted.mutual_information_ == pytest.approx(exact, abs=0.08)


@pytest.mark.parametrize("cls", [DoE, LeaveOneOutBound])
def test_pointwise_values(cls, rows):
    X, y = rows
    fitted = cls(**SMALL).fit(X, y)
    assert fitted.pointwise_.mean() == pytest.approx(fitted.mutual_information_)
    new_X, new_y = pair(400, dim=2, seed=1)
    exact = np.sum(
        -0.5 * math.log(0.36) - (0.64 * (new_X**2 + new_y**2) - 1.6 * new_X * new_y) / (2 * 0.36),
        axis=1,
    )
    told = fitted.pointwise(new_X, new_y)
    assert np.corrcoef(told, exact)[0, 1] > 0.95
    assert fitted.score(new_X, new_y) == pytest.approx(told.mean())


def test_what_the_estimation_of_the_reference_costs_is_added():
    errors, added = [], []
    for seed in range(6):
        doe = DoE(**{**TINY, "random_state": seed}).fit(*pair(400, dim=8, seed=seed))
        errors.append(doe.score(*pair(20_000, dim=8, seed=9)) - truth(DoE, dim=8))
        added.append(doe._result.model.correction)
    # The costs of 64 cross moments and what goes with them vary by a quarter between samples.
    assert np.mean(added) == pytest.approx(64 / (2 * 175), rel=0.5)
    assert abs(np.mean(errors)) < 3.3 * 0.25 * np.mean(added) / math.sqrt(6)


def test_club_is_no_mean_of_log_ratios(rows):
    fitted = CLUB(**SMALL).fit(*rows)
    assert not hasattr(fitted, "pointwise_")
    new = pair(400, dim=2, seed=1)
    terms = fitted.pointwise(*new)
    assert fitted.score(*new) == pytest.approx(terms.mean())
    # Chance of the new rows, and of those that the law was learnt from.
    error = math.hypot(np.std(terms) / math.sqrt(400), fitted.standard_error_)
    assert abs(terms.mean() - truth(CLUB)) < 3 * error
    assert error < 0.05 * truth(CLUB)
    # With the true law: -((y - .8 x)^2 - E (y - .8 x')^2) / (2 .36), where x' is any x.
    exact = np.sum((1.6 * new[0] * new[1] + 0.64 * (1 - new[0] ** 2)) / 0.72, axis=1)
    assert np.corrcoef(terms, exact)[0, 1] > 0.95


def test_what_each_value_bounds(rows):
    assert (DoE.bound_, CLUB.bound_, LeaveOneOutBound.bound_) == (
        "neither",
        "upper bound",
        "upper bound",
    )
    assert any("neither" in note for note in CLUB(**TINY).fit(*rows).notes_)


@pytest.mark.parametrize("cls", ALL)
def test_interval_takes_the_cross_fitted_error(cls, rows):
    estimate = confidence_interval(cls(**SMALL), *rows)
    low, high = estimate.interval
    assert low < truth(cls) < high
    assert estimate.standard_error == estimate.estimator.standard_error_


@pytest.mark.parametrize("cls", ALL)
def test_labels_of_y(cls):
    """Two normals, one a label: I by quadrature; CLUB is above."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, size=2000)
    x = rng.normal(2.0 * label)[:, None]
    t = np.linspace(-8, 10, 20001)
    parts = [np.exp(-0.5 * (t - m) ** 2) / math.sqrt(2 * math.pi) for m in (0, 2)]
    mixed = (parts[0] + parts[1]) / 2
    exact = -np.trapezoid(mixed * np.log(mixed), t) - 0.5 * math.log(2 * math.pi * math.e)
    settings = {**SMALL, "max_iter": 150, "learning_rate_init": 1e-2}
    told = cls(**settings).fit(x, np.array(["a", "b"])[label]).mutual_information_
    if cls is CLUB:
        assert told > exact
    else:
        assert told == pytest.approx(exact, abs=0.05)


def test_two_labels_have_the_information_of_their_table():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, size=(2000, 1))
    y = np.where(rng.random((2000, 1)) < 0.9, x, 1 - x)
    fitted = DoE(**{**SMALL, "learning_rate_init": 1e-2}).fit(x, y)
    exact = math.log(2) + 0.9 * math.log(0.9) + 0.1 * math.log(0.1)
    assert fitted.mutual_information_ == pytest.approx(exact, abs=0.05)


@pytest.mark.parametrize("cls", [DoE, LeaveOneOutBound])
def test_condition_takes_away_what_it_explains(cls):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2000, 1))
    x, y = z + rng.normal(size=z.shape), z + rng.normal(size=z.shape)
    fitted = cls(**SMALL).fit(x, y, condition=z)
    assert abs(fitted.mutual_information_) < 0.03
    assert any("that of X" in note for note in fitted.notes_)


@pytest.mark.parametrize("cls", ALL)
def test_new_rows_given_a_condition(cls):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2000, 1))
    x = 0.7 * z + rng.normal(size=z.shape)
    y = 0.7 * z + 0.8 * (x - 0.7 * z) + 0.6 * rng.normal(size=z.shape)
    old, new = (slice(0, 1500), slice(1500, None))
    fitted = cls(**SMALL).fit(x[old], y[old], condition=z[old])
    told = fitted.pointwise(x[new], y[new], condition=z[new])
    assert told.shape == (500,)
    assert fitted.score(x[new], y[new], condition=z[new]) == pytest.approx(told.mean())
    # The rest of x after z and that of y are normal with correlation 0.8.
    u, v = (x - 0.7 * z)[new, 0], (y - 0.7 * z)[new, 0]
    exact = -0.5 * math.log(0.36) - (0.64 * (u**2 + v**2) - 1.6 * u * v) / 0.72
    if cls is not CLUB:  # the difference of two of its bounds bounds nothing
        error = math.hypot(fitted.standard_error_, np.std(told) / math.sqrt(500))
        assert abs(told.mean() + 0.5 * math.log(0.36)) < 3 * error + 0.02
        assert np.corrcoef(told, exact)[0, 1] > 0.9
    with pytest.raises(ValueError, match="condition must be given"):
        fitted.pointwise(x[new], y[new])


def test_warm_start_goes_on_given_a_condition(rows):
    X, y = rows
    fitted = DoE(**{**TINY, "warm_start": True}).fit(X, y, condition=X**2)
    before = [p.clone() for network in fitted.critic_ for p in network.parameters()]
    fitted.set_params(max_iter=1, learning_rate_init=1e-12).fit(X, y, condition=X**2)
    after = [p for network in fitted.critic_ for p in network.parameters()]
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(before, after, strict=True))


def test_columns_that_are_constant(rows):
    X, y = rows
    padded = np.hstack([X, np.ones((len(X), 1))])
    value = DoE(**SMALL).fit(padded, np.hstack([y, np.zeros((len(y), 1))])).mutual_information_
    assert value == pytest.approx(truth(DoE), abs=0.1)
    alone = DoE(**SMALL).fit(X, np.ones(len(X)))
    assert alone.mutual_information_ == 0
    assert any("constant" in note for note in alone.notes_)


def test_repeated_values_are_no_density():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 1))
    fitted = DoE(**TINY).fit(x, np.maximum(x, 0.0))
    assert any("repeat" in note for note in fitted.notes_)


def test_bad_input(rows):
    X, y = rows
    with pytest.raises(ValueError, match="density"):
        DoE(density="cauchy").fit(X, y)
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        CLUB(hidden_layer_sizes=0).fit(X, y)
    with pytest.raises(ValueError, match="n_folds"):
        DoE(n_folds=5).fit(X[:8], y[:8])
    mixed = np.empty((len(X), 2), dtype=object)
    mixed[:, 0], mixed[:, 1] = X[:, 0], np.where(X[:, 1] > 0, "a", "b")
    with pytest.raises(ValueError, match="mix labels"):
        DoE(**TINY).fit(mixed, mixed)


def test_labels_that_fit_did_not_see(rows):
    X, _ = rows
    label = np.array(["a", "b"])[(X[:, 0] > 0).astype(int)]
    fitted = DoE(**TINY).fit(X, label)
    with pytest.raises(ValueError, match="did not see"):
        fitted.pointwise(X[:2], np.array(["c", "a"]))


@pytest.mark.slow
@pytest.mark.parametrize("cls", ALL)
def test_seeds_and_pickles(cls, rows):
    first, second = cls(**TINY).fit(*rows), cls(**TINY).fit(*rows)
    assert first.mutual_information_ == second.mutual_information_
    other = cls(**{**TINY, "random_state": 1}).fit(*rows)
    assert other.mutual_information_ != first.mutual_information_
    copy = pickle.loads(pickle.dumps(first))
    assert copy.score(*rows) == first.score(*rows)


def test_warm_start_goes_on(rows):
    fitted = DoE(**{**TINY, "warm_start": True}).fit(*rows)
    before = [p.clone() for p in fitted.critic_.parameters()]
    fitted.set_params(max_iter=1, learning_rate_init=1e-12).fit(*rows)
    after = list(fitted.critic_.parameters())
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_laws_are_normalised(family):
    """The density of every law sums to one over its target."""
    rng = np.random.default_rng(0)
    n = 400
    X = rng.normal(size=(n, 2))
    grid = np.linspace(-30, 30, n)[:, None]
    Y = np.eye(4)[np.arange(n) % 4] if family == "categorical" else grid
    with torch.random.fork_rng():
        torch.manual_seed(0)
        laws = ConditionalDensities(
            X,
            Y,
            cross_fit_folds(n, 2, 0.2, rng),
            n_ensemble=2,
            family=family,
            reference="gaussian",
            hidden_layer_sizes=(4,),
            activation="tanh",
            device=torch.device("cpu"),
        )
        with torch.no_grad():
            for weight in laws.network.parameters():
                weight.add_(0.1 * torch.randn(weight.shape))
    left, right = laws.inputs(X, Y)
    if family == "categorical":
        laws.right = torch.eye(4).expand(2, 4, 4)
        step = 1.0
    else:
        fine = torch.linspace(-60, 60, 24001)
        laws.right = fine[None, :, None].expand(2, -1, 1)
        step = float(fine[1] - fine[0])
    rows = [np.arange(10)] * 2
    laws.left = left
    stacked = laws.stacked(rows)
    with torch.no_grad():
        table = laws.table(laws.conditional(stacked), laws.right[laws.fold_of])
    mass = table.double().exp().sum(-1) * step
    torch.testing.assert_close(mass, torch.ones_like(mass), rtol=1e-3, atol=1e-3)
    mixed = np.exp(mixture(table.unflatten(0, (2, 2))[0])).sum(-1) * step
    np.testing.assert_allclose(mixed, 1, rtol=1e-3)
    assert right.shape[0] == 2


@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks([DoE(**TINY, validation_fraction=0.4)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks([cls(**TINY, validation_fraction=0.4) for cls in ALL[1:]])
def test_scikit_learn_checks_of_the_others(estimator, check):
    check(estimator)
