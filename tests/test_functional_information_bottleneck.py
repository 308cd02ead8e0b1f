"""The information bottleneck: closed forms, exhaustive searches, monotone descent, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infotheory.functional import (
    entropy,
    gaussian_information_bottleneck,
    gaussian_information_curve,
    information_bottleneck,
    information_curve,
    mutual_information,
)
from infotheory.functional._bottleneck_iterations import Encoders, JointLaw, descend

SEEDS = st.integers(0, 2**32 - 1)
KINDS = np.array([[0.2, 0.05], [0.2, 0.05], [0.05, 0.2], [0.05, 0.2]])


def joint_law(seed, n=6, m=5, alpha=0.5):
    return np.random.default_rng(seed).dirichlet(np.full(n * m, alpha)).reshape(n, m)


def checked(found, pxy, beta):
    """What every result must be, computed from its encoder alone."""
    x = pxy.sum(axis=1)
    np.testing.assert_allclose(found.encoder.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(found.decoder.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(found.law, x @ found.encoder, atol=1e-12)
    information_x = mutual_information(x[:, None] * found.encoder)
    information_y = mutual_information(pxy.T @ found.encoder)
    assert found.information_x == pytest.approx(information_x, abs=1e-10)
    assert found.information_y == pytest.approx(information_y, abs=1e-10)
    assert found.entropy == pytest.approx(entropy(found.law), abs=1e-10)
    paid = found.entropy if found.deterministic else found.information_x
    assert found.lagrangian == pytest.approx(paid - beta * found.information_y, abs=1e-10)
    assert found.history[-1] == pytest.approx(found.lagrangian, abs=1e-9 * (1 + beta))
    assert (np.diff(found.history) <= 0).all()
    # Data processing.
    assert found.information_y <= mutual_information(pxy) + 1e-12
    assert found.information_y <= found.information_x + 1e-12
    assert found.information_x <= entropy(x) + 1e-12


# Laws


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.booleans())
def test_laws_on_random_joint_laws(seed, deterministic):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 9, size=2)
    pxy = rng.dirichlet(np.full(n * m, rng.choice([0.1, 0.5, 2.0]))).reshape(n, m)
    beta = float(np.exp(rng.uniform(-1, 5)))
    k = int(rng.integers(1, n + 1))
    found = information_bottleneck(
        pxy, beta, k, deterministic=deterministic, random_state=seed, n_init=2
    )
    assert found.converged
    checked(found, pxy, beta)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_no_iteration_raises_the_lagrangian(seed):
    """All starts, squared steps or not, from encoders of which nothing is known."""
    rng = np.random.default_rng(seed)
    law = JointLaw.of(rng.dirichlet(np.full(30, 0.5)).reshape(6, 5))
    beta = float(np.exp(rng.uniform(-1, 4)))
    start = Encoders.start(law, rng.dirichlet(np.full(4, 0.3), size=(6, 3)))
    for accelerated in (True, False):
        ended = descend(law, start, beta, 1e-12, 300, accelerated=accelerated)
        for history in ended.histories:
            assert (np.diff(history) < 0).all()
    # The equations alone, without the choice of what is taken.
    now = start
    for _ in range(30):
        after = now.updated(law, beta)
        assert (after.objective(beta) <= now.objective(beta) + 1e-13 * (1 + beta)).all()
        now = after


@pytest.mark.parametrize("beta", [1.5, 3.0, 12.0])
def test_the_equations_hold_where_it_rests(beta):
    pxy = joint_law(3)
    found = information_bottleneck(pxy, beta, tol=1e-15)
    x = pxy.sum(axis=1)
    given_x = pxy / x[:, None]
    used = found.law > 1e-12
    kl = np.sum(given_x[:, None] * np.log(given_x[:, None] / found.decoder[None, used]), axis=-1)
    weights = found.law[used] * np.exp(-beta * kl)
    encoder = weights / weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.encoder[:, used], encoder, atol=1e-5)


# Limits


def test_small_beta_is_trivial():
    for beta in (0.1, 1.0, 1.2):
        for deterministic in (False, True):
            found = information_bottleneck(joint_law(0), beta, deterministic=deterministic)
            assert found.information_x == pytest.approx(0, abs=1e-9)
            assert found.information_y == pytest.approx(0, abs=1e-9)
            checked(found, joint_law(0), beta)


@pytest.mark.parametrize("deterministic", [False, True])
def test_large_beta_is_the_sufficient_statistic(deterministic):
    """The class of equal p(y | x), no finer: its entropy and all information about y."""
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(4), size=3)
    kinds = np.array([0, 1, 2, 1, 0, 2, 2])
    x = rng.dirichlet(np.ones(7))
    pxy = x[:, None] * rows[kinds]
    found = information_bottleneck(pxy, 1e4, deterministic=deterministic)
    statistic = np.bincount(kinds, weights=x)
    assert found.information_y == pytest.approx(mutual_information(pxy), abs=1e-9)
    assert found.information_x == pytest.approx(entropy(statistic), abs=1e-6)
    assert sorted(found.law[found.law > 1e-9]) == pytest.approx(sorted(statistic), abs=1e-6)


def test_the_critical_beta_of_a_symmetric_pair():
    """1 over the squared correlation of two equal bits, as for normal laws."""
    pxy = np.array([[0.4, 0.1], [0.1, 0.4]])
    critical = 1 / 0.6**2
    below, above = (information_bottleneck(pxy, critical * s) for s in (0.98, 1.02))
    assert below.information_x == pytest.approx(0, abs=1e-7)
    assert above.information_x > 1e-3


# Independent searches


def partitions(n):
    def rest(labels, used):
        if len(labels) == n:
            yield np.array(labels)
            return
        for label in range(used + 1):
            yield from rest([*labels, label], max(used, label + 1))

    return list(rest([0], 1))


PARTITIONS = partitions(6)


@pytest.mark.parametrize("seed", range(8))
def test_clusters_are_the_best_of_all_partitions(seed):
    pxy = joint_law(seed)
    beta = float(np.random.default_rng(seed).uniform(2, 12))
    for k in (2, 6):
        values = []
        for labels in PARTITIONS:
            if labels.max() < k:
                together = np.eye(6)[labels].T @ pxy
                information = mutual_information(together)
                values.append(entropy(together.sum(axis=1)) - beta * information)
        found = information_bottleneck(pxy, beta, k, deterministic=True, n_init=8)
        assert found.lagrangian == pytest.approx(min(values), abs=1e-9)
        assert set(np.unique(found.encoder)) <= {0.0, 1.0}


@pytest.mark.slow
def test_clusters_of_sixty_laws_from_the_default_start():
    """As the page on bottlenecks says: the best of all partitions but for one or two laws."""
    missed = 0
    for seed in range(60):
        pxy, beta = joint_law(seed), float(np.random.default_rng(seed).uniform(2, 12))
        together = [np.eye(6)[labels].T @ pxy for labels in PARTITIONS]
        best = min(entropy(t.sum(axis=1)) - beta * mutual_information(t) for t in together)
        missed += information_bottleneck(pxy, beta, deterministic=True).lagrangian > best + 1e-9
    assert missed <= 2


def lower_envelope(x, y, at):
    """The convex envelope of points at one place."""
    hull = []
    for i in range(len(x)):
        while len(hull) > 1:
            a, b = hull[-2:]
            if (y[b] - y[a]) * (x[i] - x[b]) < (y[i] - y[b]) * (x[b] - x[a]):
                break
            hull.pop()
        hull.append(i)
    return np.interp(at, x[hull], y[hull])


@pytest.mark.parametrize("seed", range(6))
def test_a_binary_x_by_the_convex_envelope(seed):
    """The global optimum: p(x) is a mean of posteriors, each with a price of its own."""
    pxy = joint_law(seed, n=2, m=4, alpha=0.7)
    beta = float(np.random.default_rng(seed).uniform(1.5, 8))
    x = pxy.sum(axis=1)
    share = np.linspace(0, 1, 40_001)
    posterior = np.stack([share, 1 - share], axis=-1)
    price = beta * entropy(posterior @ (pxy / x[:, None])) - entropy(posterior)
    best = lower_envelope(share, price, x[0]) + entropy(x) - beta * entropy(pxy.sum(axis=0))
    found = information_bottleneck(pxy, beta)
    assert found.lagrangian == pytest.approx(best, abs=1e-7)


def discretised(rho=0.8, n=48, reach=6.0):
    grid = np.linspace(-reach, reach, n)
    square = grid[:, None] ** 2 + grid**2 - 2 * rho * grid[:, None] * grid
    pxy = np.exp(-0.5 * square / (1 - rho**2))
    return pxy / pxy.sum()


@pytest.mark.parametrize("beta", [2.0, 5.0])
def test_a_fine_grid_is_the_normal_law(beta):
    found = information_bottleneck(discretised(), beta, n_init=1)
    one = np.eye(1)
    exact = gaussian_information_bottleneck(one, one, 0.8 * one, beta)
    assert found.lagrangian == pytest.approx(float(exact.lagrangian), abs=1e-6)
    assert found.information_x == pytest.approx(float(exact.information_x), abs=2e-5)
    assert found.information_y == pytest.approx(float(exact.information_y), abs=1e-5)
    curve = gaussian_information_curve(np.array([0.8]), np.asarray(found.information_x))
    assert found.information_y == pytest.approx(float(curve), abs=1e-6)


def test_squared_steps_save_iterations():
    law = JointLaw.of(joint_law(0, n=20, m=20))
    rng = np.random.default_rng(0)
    start = Encoders.start(law, rng.dirichlet(np.ones(20), size=(20, 4)))
    fast, plain = (
        descend(law, start, 3.0, 1e-12, 20_000, accelerated=way) for way in (True, False)
    )
    assert fast.n_iter.sum() < 0.6 * plain.n_iter.sum()
    assert fast.encoders.objective(3.0).min() <= plain.encoders.objective(3.0).min() + 1e-6


# The curve


@pytest.mark.parametrize("deterministic", [False, True])
def test_the_curve_rises_and_is_concave(deterministic):
    pxy = joint_law(1, n=7)
    betas = np.geomspace(1, 100, 12)
    curve = information_curve(pxy, betas, deterministic=deterministic)
    assert curve.converged
    paid = curve.entropy if deterministic else curve.information_x
    assert (np.diff(paid) >= -1e-6).all()
    assert (np.diff(curve.information_y) >= -1e-6).all()
    # No point is better than the one of a beta, at that beta.
    for beta, point in zip(betas, curve.points, strict=True):
        assert point.lagrangian <= np.min(paid - beta * curve.information_y) + 1e-8
        alone = information_bottleneck(pxy, beta, deterministic=deterministic)
        assert point.lagrangian <= alone.lagrangian + 1e-6
        checked(point, pxy, beta)
    assert curve.information_y[-1] <= curve.information


def test_betas_may_come_in_any_order_and_twice():
    pxy = joint_law(2)
    curve = information_curve(pxy, np.array([8.0, 2.0, 8.0]))
    assert curve.points[0] is curve.points[2]
    np.testing.assert_allclose(curve.betas, [8, 2, 8])


# Edges and bad input


def test_a_function_of_x_is_noted():
    found = information_bottleneck(np.eye(3)[[0, 1, 2, 0]] / 4, 3.0)
    assert any("y is a function of x" in note for note in found.notes)
    assert found.information_x == pytest.approx(found.information_y, abs=1e-9)
    assert not information_bottleneck(KINDS, 3.0).notes


def test_outcomes_that_never_happen():
    pxy = np.zeros((6, 4))
    pxy[[0, 2, 3, 5], :2] = KINDS
    found = information_bottleneck(pxy, 8.0)
    plain = information_bottleneck(KINDS, 8.0)
    assert found.lagrangian == pytest.approx(plain.lagrangian, abs=1e-9)
    for i in (1, 4):
        np.testing.assert_allclose(found.encoder[i], found.law)
    checked(found, pxy, 8.0)
    assert information_bottleneck(np.array([[0.3, 0.7]]), 5.0).information_x == 0.0


def test_start_and_annealing():
    pxy = joint_law(4)
    best = information_bottleneck(pxy, 5.0)
    again = information_bottleneck(pxy, 5.0, start=best.encoder)
    assert again.lagrangian == pytest.approx(best.lagrangian, abs=1e-9)
    annealed = information_bottleneck(pxy, 5.0, n_annealing=6)
    assert annealed.lagrangian == pytest.approx(best.lagrangian, abs=1e-6)
    hard = information_bottleneck(pxy, 5.0, deterministic=True, start=best.encoder)
    checked(hard, pxy, 5.0)


@pytest.mark.parametrize("deterministic", [False, True])
def test_library_and_random_state(deterministic):
    torch = pytest.importorskip("torch")
    pxy = joint_law(5)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    runs = [information_bottleneck(pxy, 4.0, deterministic=deterministic) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].encoder, runs[1].encoder)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    given_torch = torch.tensor(pxy, dtype=torch.float32)
    told = information_bottleneck(given_torch, 4.0, deterministic=deterministic)
    assert told.encoder.dtype == told.decoder.dtype == torch.float32
    assert told.lagrangian == pytest.approx(runs[0].lagrangian, abs=1e-5)
    assert tuple(told.predicted.shape) == pxy.shape


def test_too_few_iterations_are_said():
    with pytest.warns(RuntimeWarning, match="still moved"):
        found = information_bottleneck(joint_law(0, n=12, m=12), 3.0, max_iter=4)
    assert not found.converged
    assert "Raise max_iter" in found.notes[-1]
    checked(found, joint_law(0, n=12, m=12), 3.0)


@pytest.mark.parametrize(
    ("pxy", "words"),
    [
        (np.array([[0.5, -0.1], [0.3, 0.3]]), r"non-negative, got -0.1 at index \(0, 1\)"),
        (np.array([[0.5, 0.1], [0.3, 0.3]]), "sum to 1 within .* got a sum of 1.2"),
        (np.array([[np.nan, 0.5], [0.3, 0.2]]), "finite, got nan"),
        (np.array([0.5, 0.5]), "must have two axes"),
        (np.full((2, 2, 2), 1 / 8), "must have two axes"),
        (np.zeros((2, 2)), "got a sum of 0"),
    ],
)
def test_bad_laws(pxy, words):
    for function in (information_bottleneck, lambda p, b: information_curve(p, np.array([b]))):
        with pytest.raises(ValueError, match=words):
            function(pxy, 2.0)


@pytest.mark.parametrize("beta", [0.0, -1.0, np.nan, np.inf, "2"])
def test_bad_beta(beta):
    with pytest.raises(ValueError, match="beta must be a finite number above 0, got"):
        information_bottleneck(KINDS, beta)
    with pytest.raises(ValueError, match="beta must be a finite number above 0, got"):
        gaussian_information_bottleneck(np.eye(1), np.eye(1), 0.5 * np.eye(1), beta)


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_beta_beyond_rounding_is_refused(deterministic):
    most = information_bottleneck(KINDS, 1e15, deterministic=deterministic)
    assert most.information_x == pytest.approx(np.log(2), abs=1e-9)
    with pytest.raises(ValueError, match=r"beta must be at most 1e\+15, got 1e\+50"):
        information_bottleneck(KINDS, 1e50, deterministic=deterministic)
    with pytest.raises(ValueError, match="beta must be at most"):
        information_curve(KINDS, np.array([2.0, 1e50]), deterministic=deterministic)


def test_a_law_in_half_precision_is_one():
    torch = pytest.importorskip("torch")
    pxy = torch.tensor([[0.4, 0.1], [0.1, 0.4]], dtype=torch.bfloat16)
    found = information_bottleneck(pxy, 4.0)
    assert found.information_y == pytest.approx(0.1513, abs=1e-3)


@pytest.mark.parametrize(("wrong", "kind"), [("a", TypeError), (-1, ValueError)])
def test_what_is_no_random_state(wrong, kind):
    with pytest.raises(kind, match="random_state must be an integer of at least 0"):
        information_bottleneck(KINDS, 2.0, random_state=wrong)
    with pytest.raises(kind, match="random_state must be an integer of at least 0"):
        information_curve(KINDS, np.array([2.0]), random_state=wrong)


def test_bad_arguments():
    with pytest.raises(TypeError, match="start must be an array"):
        information_bottleneck(KINDS, 2.0, start=np.eye(4).tolist())
    with pytest.raises(TypeError, match="tol must be a number above 0, got 'a'"):
        information_bottleneck(KINDS, 2.0, tol="a")
    with pytest.raises(ValueError, match="at most the number of rows of pxy, 4, got 5"):
        information_bottleneck(KINDS, 2.0, 5)
    with pytest.raises(ValueError, match="n_clusters must be an integer of at least 1, got 0"):
        information_bottleneck(KINDS, 2.0, 0)
    with pytest.raises(ValueError, match="n_init"):
        information_bottleneck(KINDS, 2.0, n_init=0)
    with pytest.raises(ValueError, match="tol"):
        information_bottleneck(KINDS, 2.0, tol=-1.0)
    with pytest.raises(ValueError, match=r"shape \(n, n_clusters\) = \(4, 4\)"):
        information_bottleneck(KINDS, 2.0, start=np.eye(3))
    with pytest.raises(ValueError, match="rows that are not negative and sum to 1"):
        information_bottleneck(KINDS, 2.0, start=np.ones((4, 4)))
    with pytest.raises(ValueError, match="betas must have one axis"):
        information_curve(KINDS, np.ones((2, 2)))
    with pytest.raises(TypeError, match="must be an array"):
        information_bottleneck(KINDS.tolist(), 2.0)
