"""The normal reference against densities and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import multivariate_normal

from infotheory._reference import (
    GaussianReference,
    Margins,
    choose_references,
    expected_shortfall,
    log_ratio,
    rotations,
)
from infotheory._resampling import cross_fit_folds
from infotheory.functional import donsker_varadhan


def normal_pair(n, rng, d=2, e=3):
    mixing = rng.normal(size=(d + e, d + e))
    rows = rng.normal(size=(n, d + e)) @ mixing + rng.normal(size=d + e)
    return rows[:, :d], rows[:, d:]


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_coordinates_are_white_and_canonical(seed):
    x, y = normal_pair(200, np.random.default_rng(seed))
    reference = GaussianReference(x, y)
    u, v = reference.coordinates(x, y)
    np.testing.assert_allclose(np.cov(u.T), np.eye(2), atol=1e-6)
    np.testing.assert_allclose(np.cov(v.T), np.eye(3), atol=1e-6)
    cross = u.T @ v / (len(u) - 1)
    np.testing.assert_allclose(cross, np.eye(2, 3) * reference.correlations[:, None], atol=1e-6)
    assert np.all(np.diff(reference.correlations) <= 1e-12)


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_the_log_ratio_is_that_of_the_fitted_densities(seed):
    x, y = normal_pair(300, np.random.default_rng(seed))
    reference = GaussianReference(x, y)
    both = np.hstack([x, y])
    law = multivariate_normal(both.mean(0), np.cov(both.T))
    margins = [multivariate_normal(t.mean(0), np.cov(t.T)) for t in (x, y)]
    expected = law.logpdf(both) - margins[0].logpdf(x) - margins[1].logpdf(y)
    told = log_ratio(*reference.coordinates(x, y), reference.quadratic())
    np.testing.assert_allclose(told, expected, rtol=1e-5, atol=1e-5)


def test_without_rotation_coordinates_are_white_and_near_the_columns():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2000, 3)), rng.normal(size=(2000, 2))
    u, _ = GaussianReference(x, y, rotate=False).coordinates(x, y)
    np.testing.assert_allclose(np.cov(u.T), np.eye(3), atol=1e-8)
    assert np.all(np.diag(np.corrcoef(u.T, x.T)[:3, 3:]) > 0.99)


def test_degenerate_directions_are_left_out():
    x, y = normal_pair(100, np.random.default_rng(0))
    doubled = np.hstack([x, x[:, :1] - x[:, 1:]])
    reference = GaussianReference(doubled, y)
    assert (reference.dim_x, reference.dim_y) == (2, 3)
    np.testing.assert_allclose(
        reference.correlations, GaussianReference(x, y).correlations, atol=1e-8
    )


def test_ranks_undo_any_map_of_a_column():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 2))
    mapped = np.column_stack([np.exp(x[:, 0]), x[:, 1] ** 3])
    np.testing.assert_allclose(Margins(x, "ranks")(x), Margins(mapped, "ranks")(mapped))
    scores = Margins(x, "ranks")(10 * x)
    assert np.all(np.isfinite(scores))
    raw = Margins(x, "raw")(x)
    np.testing.assert_allclose(raw.std(axis=0), 1)


def test_ties_share_a_score_and_constants_stay_finite():
    table = np.array([[0.0, 5], [0, 5], [1, 5], [2, 5]])
    scores = Margins(table, "ranks")(table)
    assert scores[0, 0] == scores[1, 0] < scores[2, 0] < scores[3, 0]
    assert np.all(Margins(table, "raw")(table)[:, 1] == 0)


@pytest.mark.parametrize(("d", "e", "rho", "n"), [(2, 3, 0.7, 150), (1, 1, 0.0, 60)])
@pytest.mark.parametrize("mean_only", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_expected_shortfall_is_that_of_fitted_normals(d, e, rho, n, mean_only):
    # Fit to n rows, evaluate on many: the mean over fits, against the closed forms.
    rng = np.random.default_rng(0)
    k = min(d, e)

    def draw(size):
        x, y = rng.normal(size=(size, d)), rng.normal(size=(size, e))
        y[:, :k] = rho * x[:, :k] + np.sqrt(1 - rho**2) * y[:, :k]
        return x, y

    truth = -0.5 * k * np.log(1 - rho**2)
    x, y = draw(20_000)
    known = GaussianReference(*draw(100_000))
    ideal = log_ratio(*known.coordinates(x, y), known.quadratic()).mean()
    shortfalls = []
    for _ in range(100):
        fitted = GaussianReference(*draw(n))
        u, v = fitted.coordinates(x, y)
        quadratic = fitted.quadratic()
        apart = np.concatenate([log_ratio(u, np.roll(v, s, 0), quadratic) for s in (1, 7, 99)])
        joint = log_ratio(u, v, quadratic)
        told = joint.mean() if mean_only else donsker_varadhan(joint, apart)
        shortfalls.append(truth - told + (ideal - truth))
    told = expected_shortfall(known, n, rng, mean_only=mean_only, n_draws=100)
    if mean_only:
        assert told < expected_shortfall(known, n, rng, n_draws=100)
    error = np.hypot(np.std(shortfalls), np.std(shortfalls)) / np.sqrt(100)
    # One half for each of the d e cross terms; correlated margins cost more.
    least = d * e / (2 * n)
    assert least < told if rho else told == pytest.approx(least, rel=0.3)
    assert np.mean(shortfalls) == pytest.approx(told, abs=4 * error + 0.002)


def test_rotations_pair_all_rows_apart():
    assert rotations(5, 100) == [1, 2, 3, 4]
    few = rotations(1000, 8)
    assert len(few) == 8
    assert min(few) >= 1
    assert max(few) <= 999
    assert rotations(2, 1) == [1]


def _chosen(x, y, reference="gaussian", *, is_of_density=True):
    folds = cross_fit_folds(len(x), 3, 0.2, np.random.default_rng(0))
    return choose_references(x, y, folds, reference, is_of_density=is_of_density)


def test_the_reference_is_left_out_where_it_tells_nothing():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 8))
    assert not _chosen(x, rng.normal(size=(300, 8)))[2]
    assert not _chosen(x, x + rng.normal(size=(300, 8)), reference=None)[2]
    assert _chosen(x, x + rng.normal(size=(300, 8)))[2]


def test_margins_follow_the_tails():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 1))
    y = x + 0.5 * rng.normal(size=(600, 1))
    assert _chosen(x**5, np.sinh(3 * y))[0][0][0].kind == "ranks"
    close = x + 0.001 * rng.normal(size=(600, 1))
    assert _chosen(x, close)[0][0][0].kind == "raw"


def test_a_density_on_a_surface_keeps_the_first_directions_only():
    """Each further direction is a function of them, and a normal law counts it as news."""
    rng = np.random.default_rng(0)
    places = np.linspace(0, 1, 24)

    def curve(z):
        return np.exp(-((places - ndtr(z)) ** 2) / 0.045)

    z = rng.normal(size=(1500, 1))
    x, y = curve(z), curve(0.9 * z + np.sqrt(0.19) * rng.normal(size=z.shape))
    truth = -0.5 * np.log(0.19)
    _, fits, has_reference = _chosen(x, y)
    assert has_reference
    assert fits[0].dim_x + fits[0].dim_y < 12
    assert fits[0].notes()
    _, wide, tells = _chosen(x, y, is_of_density=False)
    assert wide[0].share <= 0.5 or not tells
    assert wide[0].dim_x + wide[0].dim_y >= 12
    assert _told(wide[0]) > 1.5 * truth
    assert _told(fits[0]) < _told(wide[0])


def _told(reference):
    full = reference.correlations / reference.share
    return -0.5 * np.sum(np.log1p(-(full**2)))


def test_too_sure_a_law_keeps_a_share_of_its_correlations():
    """In few rows of many columns correlations are high by chance, with labels tails are short."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 400)
    x = np.eye(4)[labels] @ rng.normal(size=(4, 30)) + 0.5 * rng.normal(size=(400, 30))
    y = np.eye(4)[labels]
    margins, fits, has_reference = _chosen(x, y)
    assert has_reference
    assert fits[0].share < 1
    shortfall = expected_shortfall(fits[0], 300, rng)
    assert shortfall == 0

    fold = cross_fit_folds(400, 3, 0.2, np.random.default_rng(0))[0]
    on_x, on_y = margins[0]
    u, v = fits[0].coordinates(on_x(x[fold.test]), on_y(y[fold.test]))

    def held_out(share):
        quadratic = fits[0].shrunk(1 / fits[0].share).shrunk(share).quadratic()
        apart = [log_ratio(u, np.roll(v, s, 0), quadratic) for s in rotations(len(u), 32)]
        return donsker_varadhan(log_ratio(u, v, quadratic), np.concatenate(apart))

    assert held_out(fits[0].share) > held_out(1.0) + 0.1
    assert held_out(fits[0].share) < np.log(4)


def test_a_normal_law_keeps_all_of_its_correlations():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 8))
    y = x + rng.normal(size=(2000, 8))
    assert all(normal.share == 1 for normal in _chosen(x, y)[1])


def test_more_columns_than_rows_are_linear_functions_by_chance_alone():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 20)), rng.normal(size=(30, 15))
    assert GaussianReference(x, y).correlations[0] ** 2 > 1 - 1e-9
    assert not GaussianReference(x, y).notes()
    x, y = rng.normal(size=(300, 20)), rng.normal(size=(300, 15))
    (note,) = GaussianReference(x, np.hstack([y, x[:, :1]])).notes()
    assert "infinite" in note


def test_labels_lose_no_direction_that_varies():
    rng = np.random.default_rng(0)
    labels = np.eye(5)[rng.integers(0, 5, 400)]
    reference = GaussianReference(labels, rng.normal(size=(400, 2)), smallest=1e-3)
    assert reference.dim_x == 4
    assert not reference.notes()


def test_independent_columns_keep_all_their_directions():
    """Chance alone must not look like a law that the rows contradict."""
    rng = np.random.default_rng(0)
    loud_and_faint = np.diag([1.0, 1.0, 0.1])
    mixed = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    x, y = (rng.normal(size=(2000, 3)) @ loud_and_faint @ mixed for _ in range(2))
    _, fits, _ = _chosen(x, y)
    assert fits[0].dim_x == fits[0].dim_y == 3
