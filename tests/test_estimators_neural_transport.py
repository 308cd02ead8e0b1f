"""Plans learnt by networks: closed forms of normal laws, learning without reference, bad input."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks
from transport_checks import (
    expected_failures,
    expected_failures_with_any_target,
    with_any_target,
)

torch = pytest.importorskip("torch")

from infotheory import ENOT, EgEOT  # noqa: E402
from infotheory._drift_plan import DriftPlan  # noqa: E402
from infotheory._energy_plan import EnergyPlan  # noqa: E402
from infotheory._interrupts import Watch  # noqa: E402
from infotheory._plan_coordinates import PlanCoordinates  # noqa: E402
from infotheory._training import TrainingError, local_seed  # noqa: E402
from infotheory.datasets import (  # noqa: E402
    GaussianPair,
    MixturePair,
    Normal,
    random_gaussian_pair,
)
from infotheory.functional import (  # noqa: E402
    conditional_bw2_uvp,
    gaussian_bridge,
    gaussian_transport,
)

KINDS = (ENOT, EgEOT)
SMALL = {"hidden_layer_sizes": (32,), "batch_size": 128, "random_state": 0}
TINY = {**SMALL, "hidden_layer_sizes": (4,), "batch_size": 16, "max_iter": 2, "n_steps": 2}


def apart(n=400, m=300, seed=0):
    """Two samples that are not normal, of three columns on scales of their own."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) * [1.0, 2.0, 0.5] + [5.0, 0.0, -1.0]
    y = rng.choice([-2.0, 2.0], size=(m, 3)) + 0.3 * rng.normal(size=(m, 3))
    return X, y


def sample_plan(X, y, epsilon):
    """The plan between the normal laws of the sample moments, and these moments."""
    moments = X.mean(0), np.cov(X.T), y.mean(0), np.cov(y.T)
    return gaussian_transport(*moments, epsilon), moments


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks(
    [kind(epsilon=1.0, **TINY) for kind in KINDS], expected_failed_checks=expected_failures
)
def test_sklearn_contract(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks(
    [with_any_target(kind)(epsilon=1.0, **TINY) for kind in KINDS],
    expected_failed_checks=expected_failures_with_any_target,
)
def test_sklearn_contract_with_any_target(estimator, check):
    check(estimator)


def test_the_reference_is_diagonal_in_its_coordinates():
    X, y = apart()
    there = PlanCoordinates(X, y, 0.7, "gaussian")
    plan, _ = sample_plan(X, y, 0.7)
    x = there.of_source(X)
    np.testing.assert_allclose(
        there.target_from(there.slope * x), X @ plan.slope + plan.intercept, atol=1e-10
    )
    np.testing.assert_allclose(
        there.scale**2 * there.epsilon * (there.axes * there.slope) @ there.axes.T,
        0.7 * plan.slope,
        atol=1e-10,
    )
    # The dual value of the closed form's potential at the fitted moments is E c - epsilon h(y|x).
    entropy = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * 0.7 * plan.slope)[1]
    n, m = len(X), len(y)
    # Sample covariances have n - 1 where the means of squares have n.
    short = 0.5 * (np.trace(np.cov(X.T) @ (np.eye(3) - plan.slope)) / n)
    short += 0.5 * np.trace(np.cov(y.T) @ (np.eye(3) - np.linalg.inv(plan.slope))) / m
    assert there.reference_dual(X, y) == pytest.approx(plan.cost - 0.7 * entropy - short)


@pytest.mark.parametrize("kind", KINDS)
def test_before_any_learning_the_plan_is_the_normal_one(kind):
    """Tiny steps leave the networks at zero: all that is drawn has closed forms."""
    X, y = apart()
    model = kind(epsilon=0.7, **{**SMALL, "max_iter": 1, "learning_rate_init": 1e-12}).fit(X, y)
    plan, moments = sample_plan(X, y, 0.7)
    rows, n = X[:4], 4000
    draws = model.sample(np.repeat(rows, n, axis=0), random_state=1).reshape(4, n, 3)
    mean, covariance = rows @ plan.slope + plan.intercept, 0.7 * plan.slope
    spread = np.sqrt(np.diag(covariance) / n)
    # Five standard errors for each of 12 means, and for each entry of the pooled covariance.
    assert np.all(np.abs(draws.mean(1) - mean) < 5 * spread)
    pooled = np.mean([np.cov(block.T) for block in draws], axis=0)
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)) * 2 / (4 * n))
    assert np.all(np.abs(pooled - covariance) < 5 * scale)
    assert model.score(X, y) == pytest.approx(
        model._coordinates.reference_dual(X, y), abs=1e-6 * abs(plan.value)
    )
    if kind is ENOT:
        np.testing.assert_allclose(model.transform(rows), mean, atol=1e-6)
    times = [0.0, 0.31, 0.8, 1.0]
    path = model.sample_path(np.repeat(X, 10, axis=0), times, random_state=2)
    assert path.shape == (4, 4000, 3)
    np.testing.assert_array_equal(path[0], np.repeat(X, 10, axis=0))
    for time, places in zip(times, path, strict=True):
        law = gaussian_bridge(*moments, 0.7, time)
        # Rows repeat ten times: 400 of them are independent, up to five standard errors.
        width = np.sqrt(np.diag(law.covariance))
        assert np.all(np.abs(places.mean(0) - law.mean) < 5 * width / 20)
        off = np.abs(np.cov(places.T) - law.covariance)
        assert np.all(off < 5 * np.sqrt(2 / 400) * np.outer(width, width))


def test_langevin_steps_leave_the_plan_as_it_is():
    """With a quadratic potential the plan is normal, and chains that begin there stay there."""
    rng = np.random.default_rng(0)
    there = PlanCoordinates(rng.normal(size=(500, 2)), rng.normal(size=(500, 2)), 1.0, None)

    class Quadratic(EnergyPlan):
        def potential(self, y):
            return -0.5 * (y**2 * torch.tensor([3.0, 0.5])).sum(-1)

    with local_seed(0):
        plan = Quadratic(there, (2,), "silu").float()
        x = torch.tensor([[0.5, -1.0]]).expand(20_000, 2)
        variance = 1 / (1 / plan.variance + torch.tensor([3.0, 0.5]))
        mean = variance * plan.slope * x / plan.variance
        start = mean + torch.sqrt(variance) * torch.randn(20_000, 2)
        for moved in (plan.langevin(start, x, 10), plan.jump(start, x)):
            assert bool((moved != start).any(1).float().mean() > 0.2)
            error = (moved.mean(0) - mean[0]).abs() / torch.sqrt(variance / 20_000)
            assert bool((error < 5).all())
            ratio = moved.var(0) / variance - 1
            assert bool((ratio.abs() < 5 * np.sqrt(2 / 20_000)).all())
        # log Z of a normal law and a quadratic potential, by annealing.
        logs = plan.log_normaliser(x[:2000][None])[0]
        found = torch.logsumexp(logs, 0) - np.log(2000)
        center = plan.slope * x[0]
        weights = torch.tensor([3.0, 0.5])
        wide = 1 + weights * plan.variance
        truth = -0.5 * (torch.log(wide) + weights * center**2 / wide).sum()
        error = torch.exp(logs - truth).std() / np.sqrt(2000)
        assert abs(float(found - truth)) < 5 * float(error)


def test_exchanges_sort_rows_as_the_plan_does():
    """Chains that begin as a shuffled target end as a plan, without any potential."""
    pair = GaussianPair(Normal(0.0), Normal(0.0, 4.0), epsilon=0.5)
    X, y = pair.sample(4000, random_state=0)[0], pair.sample(4000, random_state=1)[1]
    there = PlanCoordinates(X, y, 0.5, "gaussian")
    with local_seed(0):
        plan = EnergyPlan(there, (2,), "silu").float()
        x, target = plan.tensor(there.of_source(X)), plan.tensor(there.of_target(y))
        ends = plan.exchange(target, x, 400)
    assert torch.equal(ends.sort(0).values, target.sort(0).values)
    together = np.column_stack([X, there.target_from(ends.double().numpy())])
    exact = pair.cross_covariance[0, 0]
    # The covariance of 4 000 pairs has the error sqrt((ab + k^2) / n).
    error = np.sqrt((1.0 * 4.0 + exact**2) / 4000)
    assert abs(np.cov(together.T)[0, 1] - exact) < 5 * error


def test_weights_of_paths_have_the_mean_of_the_normaliser():
    """For any drift: a network with random weights draws paths whose weights average to Z."""
    there = PlanCoordinates(*apart(seed=1), 0.9, "gaussian")
    with local_seed(0):
        plan = DriftPlan(there, (8,), "tanh", 6).double()
        for p in plan.drift_network.parameters():
            torch.nn.init.normal_(p, std=0.5)
        x = plan.tensor(there.of_source(apart(seed=1)[0][:1])).expand(40_000, 3)
        places, logs = plan.simulate(x)
        weights = torch.exp(logs)
        assert float(weights.std()) > 0.1
        assert abs(float(weights.mean()) - 1) < 5 * float(weights.std()) / 200
        # Weighed ends are those of the reference.
        mean = (weights[:, None] * places[-1]).mean(0)
        error = (weights[:, None] * places[-1]).std(0) / 200
        assert bool(((mean - plan.slope * x[0]).abs() < 5 * error).all())


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_networks_alone_learn_a_normal_plan(kind):
    """Without the reference everything is learnt; the wrong sign of a gradient runs away."""
    pair = GaussianPair(Normal([1.0]), Normal([-2.0], [[0.2]]), epsilon=1.0)
    X, y = pair.sample(1000, random_state=0)[0], pair.sample(1000, random_state=1)[1]
    model = kind(
        epsilon=1.0,
        reference=None,
        **{
            **SMALL,
            "max_iter": 250,
            "learning_rate_init": 5e-3,
            "n_steps": 8 if kind is ENOT else 3,
        },
    ).fit(X, y)
    rows = pair.sample(50, random_state=2)[0]
    draws = model.sample(np.repeat(rows, 200, axis=0), random_state=3).reshape(50, 200, 1)
    exact = pair.conditional_mean(rows), pair.conditional_covariance(rows)
    total = np.atleast_2d(np.cov(y.T))
    at_start = rows - X.mean(0) + y.mean(0)
    start = (
        200
        * np.mean(
            0.5 * (at_start - exact[0])[:, 0] ** 2 + 0.5 * (1 - np.sqrt(exact[1][:, 0, 0])) ** 2
        )
        / total[0, 0]
    )
    assert start > 300
    assert conditional_bw2_uvp(draws, *exact, total) < 15
    assert model.notes_ == ()
    # From the start to the optimum the dual gains, and it does not exceed it by more than noise.
    best = np.mean(0.5 * np.sum((X - model.sample(X, 4)) ** 2, axis=1))
    entropy = 0.5 * np.log(2 * np.pi * np.e * exact[1][0, 0, 0])
    gained = model.score(X, y) - model._coordinates.reference_dual(X, y)
    lost = best - entropy - model.score(X, y)
    assert gained > 5 * abs(lost)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reference", ["gaussian", None])
def test_normal_plans_in_three_columns(kind, reference):
    """Mean and covariance of y given x, within the error of the moments and a share for training.

    With the reference the networks have nothing to learn but chance: errors of the slope are of
    the order of the root of d / n, 4 %, so that a cBW2-UVP of 1 % is five times their square.
    """
    pair = random_gaussian_pair(3, 1.0, random_state=1)
    X, y = pair.sample(2000, random_state=0)[0], pair.sample(2000, random_state=1)[1]
    options = {"hidden_layer_sizes": (64, 64), "batch_size": 256, "max_iter": 1000}
    model = kind(epsilon=1.0, reference=reference, random_state=0, **options).fit(X, y)
    rows = pair.sample(100, random_state=2)[0]
    draws = model.sample(np.repeat(rows, 500, axis=0), random_state=3).reshape(100, 500, 3)
    exact = pair.conditional_mean(rows), pair.conditional_covariance(rows)
    total = pair.target.covariance
    floor = pair.sampling_floor(rows, total, 500, 0)
    limit = 1.0 if reference else 5.0
    assert conditional_bw2_uvp(draws, *exact, total) < floor + limit
    far = np.mean(np.sum((model.transform(rows) - exact[0]) ** 2, axis=1)) / np.trace(total)
    assert 100 * far < limit


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_mixtures_are_told_apart(kind):
    """A normal plan misses two clusters; what is learnt is within a tenth of that."""
    pair = MixturePair(Normal([0.0, 0.0]), [0.5, 0.5], [[-3.0, 0.0], [3.0, 0.0]], 0.1, epsilon=1.0)
    X, y = pair.sample(3000, random_state=0)[0], pair.sample(3000, random_state=1)[1]
    model = kind(
        epsilon=1.0, hidden_layer_sizes=(64, 64), batch_size=256, max_iter=1000, random_state=0
    ).fit(X, y)
    rows = pair.sample(100, random_state=2)[0]
    draws = model.sample(np.repeat(rows, 500, axis=0), random_state=3).reshape(100, 500, 2)
    exact = pair.conditional_mean(rows), pair.conditional_covariance(rows)
    _, total = pair.target_moments(random_state=4)
    normal, _ = sample_plan(X, y, 1.0)
    noise = np.random.default_rng(0).multivariate_normal(np.zeros(2), normal.slope, (100, 500))
    single = conditional_bw2_uvp(
        (rows @ normal.slope + normal.intercept)[:, None] + noise, *exact, total
    )
    assert conditional_bw2_uvp(draws, *exact, total) < 0.1 * single
    # A path is at its x first and at a draw last; halfway the clusters already part.
    path = model.sample_path(X, [0.0, 0.5, 1.0], random_state=5)
    assert np.mean(np.abs(path[-1][:, 0]) > 1.5) > 0.95
    assert model.score(X, y) > model._coordinates.reference_dual(X, y)


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_decide_everything(kind):
    X, y = apart(60, 50)
    before = torch.get_rng_state()
    one, two = (kind(epsilon=1.0, **TINY).fit(X, y) for _ in range(2))
    other = clone(one).set_params(random_state=1).fit(X, y)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(one.transform(X), two.transform(X))
    np.testing.assert_array_equal(one.sample(X, 3), two.sample(X, 3))
    assert one.score(X, y) == two.score(X, y)
    assert not np.array_equal(one.sample(X, 3), other.sample(X, 3))
    assert not np.array_equal(one.sample(X, 3), one.sample(X, 4))
    again = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(again.sample_path(X, [0.5], 1), one.sample_path(X, [0.5], 1))
    np.testing.assert_allclose(one.transform(X)[7:9], one.transform(X[7:9]), rtol=1e-9, atol=1e-9)
    assert one.n_iter_ == 2
    assert len(one.loss_curve_) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_dtype_does_not_matter(kind):
    X, y = apart(60, 50)
    told = kind(epsilon=1.0, **TINY).fit(X, y).sample(X, 0)
    torch.set_default_dtype(torch.float64)
    try:
        model = kind(epsilon=1.0, **TINY).fit(X, y)
        assert all(p.dtype == torch.float32 for p in model._plan.parameters())
        drawn, mean = model.sample(X, 0), model.transform(X)
        model.score(X, y)
    finally:
        torch.set_default_dtype(torch.float32)
    assert np.isfinite(mean).all()
    # First weights are drawn in another precision, so that these are other numbers.
    assert drawn.shape == told.shape


@pytest.mark.parametrize("kind", KINDS)
def test_units_and_places_do_not_matter(kind):
    X, y = apart(60, 50)
    one = kind(epsilon=1.0, **TINY).fit(X, y)
    far = kind(epsilon=1e-4, **TINY).fit(0.01 * X + 7, 0.01 * y - 3)
    np.testing.assert_allclose(far.transform(0.01 * X + 7), 0.01 * one.transform(X) - 3, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_edges(kind):
    X, y = apart(40, 12)
    same = np.ones((10, 3))
    # The law of the target, that of the source or both may be one point.
    for source, target in ((X, same), (same, y), (same, same), (X, y * [1, 1, 0])):
        model = kind(epsilon=1.0, **TINY).fit(source, target)
        drawn = model.sample(source, 0)
        assert np.isfinite(drawn).all()
        constant = np.ptp(target, axis=0) == 0
        assert np.max(np.abs(drawn - target[0])[:, constant], initial=0.0) < 1e-3
        assert np.isfinite(model.transform(source)).all()
    assert kind(**TINY).fit(X, y).epsilon_ > 0
    assert kind(**TINY).fit(same, y).epsilon_ == 1.0
    for epsilon in (1e-6, 1e6):
        model = kind(epsilon=epsilon, **TINY).fit(X, y)
        assert np.isfinite(model.sample(X, 0)).all()
        assert np.isfinite(model.transform(X)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_bad_arguments_are_named(kind):
    X, y = apart(30, 30)
    for options, words in (
        ({"epsilon": 0.0}, "epsilon"),
        ({"epsilon": np.inf}, "epsilon"),
        ({"reference": "ranks"}, "reference"),
        ({"n_steps": 0}, "n_steps"),
        ({"batch_size": 1}, "batch_size"),
        ({"learning_rate_init": -1.0}, "learning_rate_init"),
        ({"max_iter": 0}, "max_iter"),
        ({"max_seconds": 0}, "max_seconds"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes"),
        ({"device": "abacus"}, "device"),
        ({"random_state": "x"}, "random_state"),
    ):
        with pytest.raises(ValueError, match=words):
            kind(**{**TINY, **options}).fit(X, y)
    with pytest.raises(ValueError, match="must have the 3 columns of X, got 2"):
        kind(**TINY).fit(X, y[:, :2])
    with pytest.raises(ValueError, match=r"y must have at least 10 rows .* got 9 sample"):
        kind(**TINY).fit(X, y[:9])
    with pytest.raises(ValueError, match="missing"):
        kind(**TINY).fit(X, np.where(y > 1.9, np.nan, y))
    model = kind(epsilon=1.0, **TINY).fit(X, y)
    with pytest.raises(ValueError, match="3 features"):
        model.sample(X[:, :2])
    with pytest.raises(ValueError, match="must have 3 columns"):
        model.score(X, y[:, :2])
    for times in ([0.5, 0.2], [-0.1], [1.1], [], 0.5, [np.nan]):
        with pytest.raises(ValueError, match="times"):
            model.sample_path(X, times)
    assert "Networks want many rows" in model.notes_[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_fails_says_so(kind):
    X, y = apart(100, 100)
    with pytest.raises(TrainingError, match="not finite"):
        kind(epsilon=1.0, **{**TINY, "learning_rate_init": 1e30, "max_iter": 20}).fit(X, y)
    poor = kind(epsilon=1.0, reference=None, **TINY).fit(X, 10 * y)
    assert any("miss mean and covariance of the target" in note for note in poor.notes_)


@pytest.mark.parametrize("kind", KINDS)
def test_time_and_interrupts_end_training(kind, monkeypatch):
    from infotheory import _plan_training

    X, y = apart(100, 100)
    words = {**TINY, "max_iter": 10**6}
    model = kind(epsilon=1.0, max_seconds=0.05, **words).fit(X, y)
    assert any("used up its time" in note for note in model.notes_)
    remember = _plan_training.Learner.remember

    def interrupt(self, n_iter):
        if n_iter == 3:
            raise KeyboardInterrupt
        remember(self, n_iter)

    monkeypatch.setattr(_plan_training.Learner, "remember", interrupt)
    watch = Watch()
    model = kind(epsilon=1.0, **words).fit(X, y)
    assert watch.interrupted
    assert any("interrupted after 3 steps" in note for note in model.notes_)
    assert np.isfinite(model.sample(X, 0)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_without_torch_fit_says_what_to_install(kind, monkeypatch):
    X, y = apart(20, 20)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"infotheory-learn\[torch\]"):
        kind().fit(X, y)
