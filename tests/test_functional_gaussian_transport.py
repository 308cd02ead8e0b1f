"""Entropic transport between normal laws: grids, limits, laws it obeys, gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from gaussian_problems import Arrays, leaves, some_problem
from hypothesis import given
from hypothesis import strategies as st

from infotheory.functional import (
    bures_distance,
    gaussian_bridge,
    gaussian_kl,
    gaussian_mutual_information,
    gaussian_sinkhorn_divergence,
    gaussian_transport,
    gaussian_wasserstein,
)
from infotheory.testing import covariance_matrices


def number(value: float) -> np.ndarray:
    return np.array([value])


def normal_weights(points: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    centred = points - mean
    log_p = -0.5 * np.sum(centred * np.linalg.solve(covariance, centred.T).T, axis=1)
    weights = np.exp(log_p - log_p.max())
    return weights / weights.sum()


def grid_sinkhorn(a: np.ndarray, b: np.ndarray, cost: np.ndarray, epsilon: float) -> Any:
    """Plan and value by plain sweeps; the kernel has no underflow where it is used here."""
    kernel = np.exp(-cost / epsilon)
    u, v = np.ones_like(a), np.ones_like(b)
    for _ in range(2000):
        u = 1.0 / (kernel @ (b * v))
        new = 1.0 / (kernel.T @ (a * u))
        done = np.max(np.abs(np.log(new / v))) < 1e-13
        v = new
        if done:
            break
    plan = a[:, None] * u[:, None] * kernel * v * b
    value = epsilon * (a @ np.log(u) + b @ np.log(v))
    return plan, value


def squared_halves(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 0.5 * np.sum((x[:, None] - y) ** 2, axis=-1)


@st.composite
def problems(draw: Any, max_dim: int = 4) -> Arrays:
    d = draw(st.integers(1, max_dim))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    means = rng.standard_normal((2, d))
    return means[0], draw(covariance_matrices(d)), means[1], draw(covariance_matrices(d))


# Independent computations


def test_numbers_against_sinkhorn_on_a_grid() -> None:
    epsilon = 0.8
    law = number(0.3), np.eye(1), number(-0.4), 0.6 * np.eye(1)
    points = np.linspace(-9.0, 9.0, 451)[:, None]
    a, b = normal_weights(points, law[0], law[1]), normal_weights(points, law[2], law[3])
    cost = squared_halves(points, points)
    plan, value = grid_sinkhorn(a, b, cost, epsilon)
    closed = gaussian_transport(*law, epsilon)
    x = points[:, 0]
    cross = x @ plan @ x - (a @ x) * (b @ x)
    assert closed.value == pytest.approx(value, abs=1e-8)
    assert closed.cost == pytest.approx(np.sum(cost * plan), abs=1e-8)
    assert closed.cross_covariance[0, 0] == pytest.approx(cross, abs=1e-8)
    middle = np.argmin(np.abs(x))
    at_zero = plan[middle] @ x / a[middle]
    assert closed.intercept[0] == pytest.approx(at_zero, abs=1e-8)
    own = sum(grid_sinkhorn(w, w, cost, epsilon)[1] for w in (a, b))
    divergence = gaussian_sinkhorn_divergence(*law, epsilon)
    assert divergence == pytest.approx(value - 0.5 * own, abs=1e-8)
    # The same numbers, so that they stand somewhere.
    figures = [closed.value, closed.cross_covariance[0, 0], divergence, closed.intercept[0]]
    expected = [0.75864456, 0.47177979, 0.26758779, -0.54153394]
    np.testing.assert_allclose(figures, expected, atol=5e-9)


def test_planes_against_sinkhorn_on_a_grid() -> None:
    epsilon = 0.7
    law = (
        np.array([0.2, -0.1]),
        np.array([[1.0, 0.3], [0.3, 0.6]]),
        np.array([-0.3, 0.4]),
        np.array([[0.5, -0.2], [-0.2, 0.9]]),
    )
    side = np.linspace(-5.5, 5.5, 31)
    points = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    a, b = normal_weights(points, law[0], law[1]), normal_weights(points, law[2], law[3])
    plan, value = grid_sinkhorn(a, b, squared_halves(points, points), epsilon)
    closed = gaussian_transport(*law, epsilon)
    assert closed.value == pytest.approx(value, abs=1e-6)
    cross = points.T @ plan @ points - np.outer(a @ points, b @ points)
    np.testing.assert_allclose(closed.cross_covariance, cross, atol=1e-6)


def test_divergence_is_of_values_and_not_of_costs() -> None:
    zero, identity, stretched = np.zeros(2), np.eye(2), np.diag([4.0, 0.25])
    laws = [
        (zero, identity, zero, stretched),
        (zero, identity, zero, identity),
        (zero, stretched, zero, stretched),
    ]
    both, *own = (gaussian_transport(*law, 2.0) for law in laws)
    divergence = gaussian_sinkhorn_divergence(*laws[0], 2.0)
    assert divergence == pytest.approx(both.value - 0.5 * sum(p.value for p in own), abs=1e-12)
    assert divergence == pytest.approx(0.5094, abs=5e-5)
    assert both.cost - 0.5 * sum(p.cost for p in own) == pytest.approx(0.6371, abs=5e-5)
    assert gaussian_wasserstein(*laws[0]) == pytest.approx(0.625)


@given(problems(), st.floats(0.05, 20.0))
def test_published_form(law: Arrays, epsilon: float) -> None:
    """The form with roots and inverses of a covariance, at condition numbers up to 100."""
    mean_x, A, mean_y, B = law
    d = len(mean_x)
    root = np.real(scipy.linalg.sqrtm(A))
    D = np.real(scipy.linalg.sqrtm(4 * root @ B @ root + epsilon**2 * np.eye(d)))
    cross = 0.5 * (root @ D @ np.linalg.inv(root) - epsilon * np.eye(d))
    value = 0.5 * (
        np.sum((mean_x - mean_y) ** 2)
        + np.trace(A + B - D)
        + epsilon * d * (1 - math.log(2 * epsilon))
        + epsilon * np.linalg.slogdet(D + epsilon * np.eye(d))[1]
    )
    closed = gaussian_transport(*law, epsilon)
    np.testing.assert_allclose(closed.value, value, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(closed.cross_covariance, cross, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(closed.slope, (np.linalg.inv(A) @ cross).T, rtol=1e-7, atol=1e-7)


# Laws


@given(problems(), st.floats(0.05, 20.0))
def test_plan_is_consistent(law: Arrays, epsilon: float) -> None:
    mean_x, A, mean_y, B = law
    plan = gaussian_transport(*law, epsilon)
    T = plan.slope
    np.testing.assert_allclose(T @ A @ T + epsilon * T, B, atol=1e-9)
    np.testing.assert_allclose(T @ mean_x + plan.intercept, mean_y, atol=1e-10)
    K = plan.cross_covariance
    joint = np.block([[A, K], [K.T, B]])
    information = gaussian_mutual_information(joint, len(mean_x))
    np.testing.assert_allclose(plan.mutual_information, information, rtol=1e-8, atol=1e-10)
    # Of the joint law against the product, which is what the value penalises.
    zero, apart = np.zeros(2 * len(A)), scipy.linalg.block_diag(A, B)
    np.testing.assert_allclose(
        plan.value - plan.cost, epsilon * gaussian_kl(zero, joint, zero, apart), atol=1e-8
    )
    gap = 0.5 * (np.sum((mean_x - mean_y) ** 2) + np.trace(A + B)) - np.trace(K)
    np.testing.assert_allclose(plan.cost, gap, atol=1e-10)


@given(problems(), st.floats(0.05, 20.0), st.integers(0, 2**32 - 1))
def test_symmetry_and_rigid_motions(law: Arrays, epsilon: float, seed: int) -> None:
    mean_x, A, mean_y, B = law
    rng = np.random.default_rng(seed)
    d = len(mean_x)
    Q, _ = np.linalg.qr(rng.standard_normal((d, d)))
    shift = rng.standard_normal(d)
    there = gaussian_transport(*law, epsilon)
    back = gaussian_transport(mean_y, B, mean_x, A, epsilon)
    np.testing.assert_allclose(back.value, there.value, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(back.cross_covariance, there.cross_covariance.T, atol=1e-9)
    moved = (Q @ mean_x + shift, Q @ A @ Q.T, Q @ mean_y + shift, Q @ B @ Q.T)
    for f in (gaussian_sinkhorn_divergence, lambda *a: gaussian_transport(*a).value):
        np.testing.assert_allclose(f(*moved, epsilon), f(*law, epsilon), rtol=1e-9, atol=1e-9)
    assert gaussian_sinkhorn_divergence(*law, epsilon) >= -1e-10
    same = gaussian_sinkhorn_divergence(mean_x, A, mean_x, A, epsilon)
    assert abs(same) <= 1e-10
    # In units of the square of the data.
    scaled = gaussian_transport(3 * mean_x, 9 * A, 3 * mean_y, 9 * B, 9 * epsilon)
    np.testing.assert_allclose(scaled.value, 9 * there.value, rtol=1e-10)


@given(problems())
def test_limits_of_the_regularisation(law: Arrays) -> None:
    mean_x, A, mean_y, B = law
    spread = np.sum((mean_x - mean_y) ** 2)
    for epsilon in (1e-300, 1e-30, 1e-12):
        plan = gaussian_transport(*law, epsilon)
        for value in (plan.value, plan.cost, gaussian_sinkhorn_divergence(*law, epsilon)):
            np.testing.assert_allclose(value, gaussian_wasserstein(*law), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(plan.slope @ A @ plan.slope, B, atol=1e-9)
    independent = 0.5 * (spread + np.trace(A) + np.trace(B))
    for epsilon in (1e7, 1e12, 1e100, 1e200):
        plan = gaussian_transport(*law, epsilon)
        np.testing.assert_allclose(plan.cost, independent, rtol=1e-4)
        # k = m / epsilon and the information k / epsilon, of the relative error m / epsilon^2.
        np.testing.assert_allclose(
            plan.value, independent - np.trace(A @ B) / (2 * epsilon), rtol=1e-12
        )
        np.testing.assert_allclose(plan.slope * epsilon, B, rtol=1e-4, atol=1e-5)
        divergence = gaussian_sinkhorn_divergence(*law, epsilon)
        expected = 0.5 * spread + np.sum((A - B) ** 2) / (4 * epsilon)
        np.testing.assert_allclose(divergence, expected, rtol=1e-10)


def test_singular_covariances() -> None:
    """A point, and two lines in space that are apart: everything is known by hand."""
    zero, epsilon = np.zeros(3), 0.5
    point = np.zeros((3, 3))
    B = np.diag([2.0, 1.0, 0.0])
    plan = gaussian_transport(zero, point, zero, B, epsilon)
    assert plan.value == plan.cost == 1.5
    np.testing.assert_allclose(plan.slope, B / epsilon, atol=1e-14)
    back = gaussian_transport(zero, B, zero, point, epsilon)
    assert back.value == 1.5
    np.testing.assert_array_equal(back.slope, point)
    line = np.diag([0.0, 0.0, 3.0])
    assert gaussian_transport(zero, B, zero, line, epsilon).value == 3.0
    assert gaussian_wasserstein(zero, B, zero, line) == 3.0
    # A flat law is the limit of a nearly flat one.
    flat = [gaussian_transport(zero, B + h * np.eye(3), zero, B, epsilon) for h in (0.0, 1e-13)]
    np.testing.assert_allclose(flat[1].value, flat[0].value, atol=1e-11)
    np.testing.assert_allclose(flat[1].slope, flat[0].slope, atol=1e-11)
    assert gaussian_sinkhorn_divergence(zero, B, zero, B, epsilon) == pytest.approx(0, abs=1e-12)


@given(problems(), st.floats(0.05, 5.0))
def test_bridge_joins_its_ends(law: Arrays, epsilon: float) -> None:
    mean_x, A, mean_y, B = law
    for time, mean, covariance in ((0.0, mean_x, A), (1.0, mean_y, B)):
        end = gaussian_bridge(*law, epsilon, time)
        np.testing.assert_allclose(end.mean, mean)
        np.testing.assert_allclose(end.covariance, covariance, atol=1e-12)
    # What is left of a bridge is the bridge of what is left: epsilon shrinks with the time.
    middle = gaussian_bridge(*law, epsilon, 0.25)
    later = gaussian_bridge(*law, epsilon, 0.7)
    left = gaussian_bridge(*middle, mean_y, B, 0.75 * epsilon, 0.45 / 0.75)
    np.testing.assert_allclose(left.mean, later.mean, atol=1e-10)
    np.testing.assert_allclose(left.covariance, later.covariance, atol=1e-8)


@given(covariance_matrices(3), covariance_matrices(3))
def test_bures_distance(A: np.ndarray, B: np.ndarray) -> None:
    root = scipy.linalg.sqrtm(np.real(scipy.linalg.sqrtm(B)) @ A @ np.real(scipy.linalg.sqrtm(B)))
    expected = np.trace(A + B - 2 * np.real(root))
    # Of a difference of order 10 rounded at 1e-15.
    np.testing.assert_allclose(bures_distance(A, B) ** 2, expected, atol=1e-11)
    zero = np.zeros(3)
    half = gaussian_wasserstein(zero, A, zero, B)
    np.testing.assert_allclose(half, 0.5 * bures_distance(A, B) ** 2, atol=1e-11)
    assert bures_distance(A, A) < 1e-5


# Libraries, shapes and gradients

OF_A_PAIR: dict[str, Callable[..., Any]] = {
    "wasserstein": gaussian_wasserstein,
    "value": lambda *law: gaussian_transport(*law, 0.7).value,
    "cost": lambda *law: gaussian_transport(*law, 0.7).cost,
    "information": lambda *law: gaussian_transport(*law, 0.7).mutual_information,
    "cross": lambda *law: gaussian_transport(*law, 0.7).cross_covariance,
    "slope": lambda *law: gaussian_transport(*law, 0.7).slope,
    "intercept": lambda *law: gaussian_transport(*law, 0.7).intercept,
    "divergence": lambda *law: gaussian_sinkhorn_divergence(*law, 0.7),
    "bridge-mean": lambda *law: gaussian_bridge(*law, 0.7, 0.3).mean,
    "bridge-covariance": lambda *law: gaussian_bridge(*law, 0.7, 0.3).covariance,
    "bures": lambda _, A, __, B: bures_distance(A, B),
}
each_function = pytest.mark.parametrize("f", OF_A_PAIR.values(), ids=OF_A_PAIR)


@each_function
def test_batches_in_every_library(xp: Any, f: Callable[..., Any]) -> None:
    law = some_problem(0, 3, n=4)
    expected = np.stack([f(*(part[i] for part in law)) for i in range(4)])
    values = f(*(xp.asarray(part, dtype=xp.float64) for part in law))
    assert values.dtype == xp.float64
    np.testing.assert_allclose(np.asarray(values), expected, rtol=1e-10, atol=1e-12)
    single = f(*(xp.asarray(part, dtype=xp.float32) for part in law))
    assert single.dtype == xp.float32
    np.testing.assert_allclose(np.asarray(single), expected, rtol=2e-3, atol=1e-4)
    # One source for all targets.
    one = [part[0] for part in law[:2]] + list(law[2:])
    values = f(*(xp.asarray(part, dtype=xp.float64) for part in one))
    expected = np.stack([f(*one[:2], *(part[i] for part in one[2:])) for i in range(4)])
    np.testing.assert_allclose(np.asarray(values), expected, rtol=1e-10, atol=1e-12)


def test_one_regularisation_for_each_pair(xp: Any) -> None:
    law = [xp.asarray(part, dtype=xp.float64) for part in some_problem(0, 3, n=4)]
    epsilon = xp.asarray([0.1, 1.0, 10.0, 1e30], dtype=xp.float64)
    time = xp.asarray([0.0, 0.2, 0.5, 1.0], dtype=xp.float64)
    plans = gaussian_transport(*law, epsilon)
    divergences = gaussian_sinkhorn_divergence(*law, epsilon)
    bridges = gaussian_bridge(*law, epsilon, time)
    for i in range(4):
        arguments = *(np.asarray(part)[i] for part in law), float(epsilon[i])
        plan = gaussian_transport(*arguments)
        for name, expected in plan._asdict().items():
            actual = np.asarray(getattr(plans, name))[i]
            np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-40, err_msg=name)
        expected = gaussian_sinkhorn_divergence(*arguments)
        np.testing.assert_allclose(np.asarray(divergences)[i], expected, rtol=1e-10)
        expected = gaussian_bridge(*arguments, float(time[i])).covariance
        np.testing.assert_allclose(np.asarray(bridges.covariance)[i], expected, rtol=1e-10)


def test_single_precision_at_both_ends() -> None:
    """Squares of these are beyond single precision."""
    law = [part.astype(np.float32) for part in some_problem(1, 3)]
    exact = [part.astype(np.float64) for part in law]
    for epsilon in (1e-30, 1e30):
        value = gaussian_transport(*law, epsilon).value
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, gaussian_transport(*exact, epsilon).value, rtol=1e-5)


@each_function
def test_gradcheck(f: Callable[..., Any]) -> None:
    torch = pytest.importorskip("torch")
    assert torch.autograd.gradcheck(f, leaves(*some_problem(2, 3, n=2)))


@pytest.mark.parametrize("name", [name for name in OF_A_PAIR if name not in ("wasserstein",)])
def test_gradcheck_where_eigenvalues_coincide(name: str) -> None:
    torch = pytest.importorskip("torch")
    law = number(0.5).repeat(3), np.eye(3), np.zeros(3), 2.0 * np.eye(3)
    assert torch.autograd.gradcheck(OF_A_PAIR[name], leaves(*law))


@pytest.mark.parametrize("name", ["value", "slope", "divergence", "bridge-covariance"])
def test_second_derivatives(name: str) -> None:
    torch = pytest.importorskip("torch")
    with torch.random.fork_rng():  # the check draws its directions
        torch.manual_seed(0)
        assert torch.autograd.gradgradcheck(OF_A_PAIR[name], leaves(*some_problem(3, 2)))


def test_gradcheck_in_regularisation_and_time() -> None:
    torch = pytest.importorskip("torch")
    law = leaves(*some_problem(4, 2, n=2))
    epsilon, time = leaves(np.array([0.3, 2.0]), np.array([0.2, 0.6]))
    assert torch.autograd.gradcheck(lambda e: gaussian_transport(*law, e), (epsilon,))
    assert torch.autograd.gradcheck(lambda e: gaussian_sinkhorn_divergence(*law, e), (epsilon,))
    assert torch.autograd.gradcheck(lambda e, t: gaussian_bridge(*law, e, t), (epsilon, time))


def test_gradients_are_the_potentials() -> None:
    """By the envelope theorem: (I - slope) / 2, also of a flat source, and the information."""
    torch = pytest.importorskip("torch")
    mean_x, _, mean_y, B = some_problem(5, 3)
    A = np.diag([1.0, 0.0, 0.0])
    arguments = leaves(mean_x, A, mean_y, B, np.array(0.4))
    plan = gaussian_transport(*arguments)
    plan.value.backward()
    gradients = [part.grad.numpy() for part in arguments]
    slope = plan.slope.detach().numpy()
    np.testing.assert_allclose(gradients[1], 0.5 * (np.eye(3) - slope), atol=1e-9)
    np.testing.assert_allclose(gradients[0], mean_x - mean_y, atol=1e-12)
    back = gaussian_transport(mean_y, B, mean_x, A, 0.4).slope
    np.testing.assert_allclose(gradients[3], 0.5 * (np.eye(3) - back), atol=1e-9)
    np.testing.assert_allclose(gradients[4], plan.mutual_information.item(), atol=1e-9)
    assert all(torch.isfinite(part.grad).all() for part in arguments)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, np.nan, np.array([1.0, 0.0])])
def test_epsilon_is_positive(epsilon):
    law = (np.zeros(2), np.eye(2), np.ones(2), np.eye(2))
    for function, more in (
        (gaussian_transport, ()),
        (gaussian_sinkhorn_divergence, ()),
        (gaussian_bridge, (0.5,)),
    ):
        with pytest.raises(ValueError, match=r"epsilon must be positive, got .*gaussian_wasser"):
            function(*law, epsilon, *more)
        with pytest.raises(TypeError, match="epsilon must be a positive number or an array"):
            function(*law, None, *more)
