"""The information bottleneck of normal vectors: closed forms, gradients, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infotheory.functional import (
    gaussian_information_bottleneck,
    gaussian_information_curve,
    gaussian_mutual_information,
)

SEEDS = st.integers(0, 2**32 - 1)


def covariance(seed, dx=3, dy=2):
    rows = np.random.default_rng(seed).normal(size=(20, dx + dy))
    return rows.T @ rows / 20


@pytest.mark.parametrize("beta", [0.5, 2.0, 8.0, 60.0])
@pytest.mark.parametrize(("dx", "dy"), [(3, 2), (2, 4), (1, 1)])
def test_normal_informations_are_those_of_the_projection(beta, dx, dy):
    full = covariance(0, dx, dy)
    xx, yy, xy = full[:dx, :dx], full[dx:, dx:], full[:dx, dx:]
    found = gaussian_information_bottleneck(xx, yy, xy, beta)
    A, k = found.projection, min(dx, dy)
    assert A.shape == (k, dx)
    t = A @ xx @ A.T + np.eye(k)
    with_y = np.block([[t, A @ xy], [(A @ xy).T, yy]])
    about_x = 0.5 * np.linalg.slogdet(t)[1]
    about_y = gaussian_mutual_information(with_y, k)
    assert found.information_x == pytest.approx(about_x, abs=1e-10)
    assert found.information_y == pytest.approx(float(about_y), abs=1e-10)
    assert found.information == pytest.approx(float(gaussian_mutual_information(full, dx)))
    curve = gaussian_information_curve(found.correlations, np.asarray(found.information_x))
    assert found.information_y == pytest.approx(float(curve), abs=1e-10)
    # Eigenvalues of the conditional covariance, as it is often written.
    given_y = xx - xy @ np.linalg.solve(yy, xy.T)
    values = np.sort(np.linalg.eigvals(given_y @ np.linalg.inv(xx)).real)[:k]
    np.testing.assert_allclose(found.critical_betas, 1 / (1 - values), rtol=1e-8)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_no_other_projection_is_better(seed):
    full, beta = covariance(1), 6.0
    xx, yy, xy = full[:3, :3], full[3:, 3:], full[:3, 3:]
    best = gaussian_information_bottleneck(xx, yy, xy, beta)
    rng = np.random.default_rng(seed)
    for scale in (0.01, 1.0):
        A = best.projection + scale * rng.normal(size=(2, 3))
        t = A @ xx @ A.T + np.eye(2)
        left = t - A @ xy @ np.linalg.solve(yy, (A @ xy).T)
        about_x = 0.5 * np.linalg.slogdet(t)[1]
        about_y = about_x - 0.5 * np.linalg.slogdet(left)[1]
        assert about_x - beta * about_y >= best.lagrangian - 1e-12


def test_the_scalar_curve():
    rho, nats = 0.8, np.linspace(0, 6, 50)
    exact = -0.5 * np.log(1 - rho**2 * (1 - np.exp(-2 * nats)))
    np.testing.assert_allclose(gaussian_information_curve(np.array([rho]), nats), exact, atol=1e-14)
    for beta in (1.6, 3.0, 50.0):
        one = np.eye(1)
        point = gaussian_information_bottleneck(one, one, -rho * one, beta)
        told = -0.5 * np.log(1 - rho**2 * (1 - np.exp(-2 * point.information_x)))
        assert point.information_y == pytest.approx(told, abs=1e-12)
    assert gaussian_information_curve(np.array([0.8]), np.array(np.inf)) == pytest.approx(
        -0.5 * np.log(0.36)
    )


def test_the_curve_of_several_correlations_by_its_betas():
    """Between the betas, and where another direction comes in; zeros take no part."""
    rho = np.array([0.9, 0.6, 0.3, 0.0])
    across = np.diag(rho)
    for beta in np.geomspace(1.01, 200, 30):
        point = gaussian_information_bottleneck(np.eye(4), np.eye(4), across, float(beta))
        told = gaussian_information_curve(rho[::-1], np.asarray(point.information_x))
        assert told == pytest.approx(float(point.information_y), abs=1e-12)
    nats = np.linspace(0, 5, 400)
    slopes = np.diff(gaussian_information_curve(rho, nats)) / np.diff(nats)
    assert (np.diff(slopes) <= 1e-9).all()
    assert slopes[0] == pytest.approx(0.81, abs=0.01)


def test_normal_batches_and_gradients():
    torch = pytest.importorskip("torch")
    fulls = np.stack([covariance(s) for s in range(3)])
    found = gaussian_information_bottleneck(
        fulls[:, :3, :3], fulls[:, 3:, 3:], fulls[:, :3, 3:], 4.0
    )
    one = gaussian_information_bottleneck(fulls[1, :3, :3], fulls[1, 3:, 3:], fulls[1, :3, 3:], 4.0)
    np.testing.assert_allclose(found.information_x[1], one.information_x)
    np.testing.assert_allclose(found.projection[1], one.projection)
    xy = torch.from_numpy(fulls[1, :3, 3:]).requires_grad_()
    xx, yy = torch.from_numpy(fulls[1, :3, :3]), torch.from_numpy(fulls[1, 3:, 3:])

    def informations(xy):
        point = gaussian_information_bottleneck(xx, yy, xy, 30.0)
        return point.information_x, point.information_y

    assert torch.autograd.gradcheck(informations, (xy,))
    nats = torch.tensor([0.2, 1.0], dtype=torch.float64, requires_grad=True)
    rho = torch.tensor([0.9, 0.5], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gaussian_information_curve, (rho, nats))


def test_the_normal_curve_at_a_number():
    rho = np.array([0.8, 0.3], dtype=np.float32)
    there = gaussian_information_curve(rho, 0.5)
    assert there.dtype == np.float32
    assert there == gaussian_information_curve(rho, np.array(0.5, dtype=np.float32))


@pytest.mark.parametrize(
    ("xx", "yy", "xy", "words"),
    [
        (-np.eye(1), np.eye(1), np.eye(1), "covariance_xx must be positive definite"),
        (np.eye(1), np.eye(1), 1.2 * np.eye(1), "canonical correlation of 1.2"),
        (np.eye(1), np.eye(1), np.eye(1), "canonical correlation of 1"),
        (np.eye(2), np.eye(1), np.eye(1), r"shape \(..., 2, 1\)"),
        (np.array([[1.0, 0.5], [0.0, 1.0]]), np.eye(1), np.ones((2, 1)), "symmetric"),
        (np.eye(1), np.array([[np.nan]]), np.eye(1), "covariance_yy must be finite"),
        (np.eye(1), np.eye(1), np.array([[np.inf]]), "covariance_xy must be finite"),
        (np.ones((2, 3)), np.eye(1), np.eye(1), "square matrices"),
    ],
)
def test_bad_covariances(xx, yy, xy, words):
    with pytest.raises(ValueError, match=words):
        gaussian_information_bottleneck(xx, yy, xy, 2.0)


@pytest.mark.parametrize(
    ("xy", "kind", "words"),
    [
        ([[0.5]], TypeError, "covariance_xx must be an array of the library of all others"),
        (np.array([[0.5j]]), TypeError, "covariance_xy must be real numbers of 32 bits"),
        (np.array([[0.5]], np.float16), TypeError, "covariance_xy must be real numbers of 32 bits"),
    ],
)
def test_covariances_of_another_kind(xy, kind, words):
    with pytest.raises(kind, match=words):
        gaussian_information_bottleneck(np.eye(1), np.eye(1), xy, 2.0)


def test_batches_of_covariances_that_do_not_fit():
    with pytest.raises(ValueError, match=r"leading axes that fit, got \(3,\), \(2,\), \(\)"):
        gaussian_information_bottleneck(
            np.tile(np.eye(1), (3, 1, 1)), np.tile(np.eye(1), (2, 1, 1)), 0.5 * np.eye(1), 2.0
        )


def test_bad_curves():
    with pytest.raises(TypeError, match="information_x must be an array"):
        gaussian_information_curve(np.array([0.5]), "a")
    for rho in (np.array([1.0]), np.array([-0.2]), np.array(0.5), np.array([np.nan])):
        with pytest.raises(ValueError, match="correlations must be"):
            gaussian_information_curve(rho, np.array(1.0))
    with pytest.raises(ValueError, match="at least 0 nats"):
        gaussian_information_curve(np.array([0.5]), np.array(-1.0))


def test_without_correlations_the_normal_curve_is_zero():
    assert gaussian_information_curve(np.empty(0), np.array([0.5, 1.0])).tolist() == [0.0, 0.0]
