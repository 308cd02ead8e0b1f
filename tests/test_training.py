"""The training loop on problems whose solution is known."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from infotheory._training import (  # noqa: E402
    History,
    Plan,
    TrainingError,
    _clip,
    _rate,
    _shrink_inputs,
    choose_device,
    joined,
    local_seed,
    train,
)

ROWS = [np.arange(20), np.arange(20, 40), np.arange(40, 60)]


class Points(torch.nn.Module):
    """One point a member."""

    def __init__(self, start: float = 0.0, members: int = 3) -> None:
        super().__init__()
        self.at = torch.nn.Parameter(torch.full((members, 2), start))

    def distance(self, to: torch.Tensor) -> torch.Tensor:
        return (self.at - to).square().sum(dim=1)


def run(points, goal, selected_at=None, loss=None, **changes):
    """Train towards `goal`, select by the distance to `selected_at`."""
    plan = Plan(**{"max_iter": 300, "check_every": 10, "learning_rate_init": 0.1, **changes})
    chosen = goal if selected_at is None else selected_at
    return train(
        points,
        loss or (lambda rows: points.distance(goal)),
        lambda: points.distance(chosen),
        ROWS[: len(points.at)],
        plan,
        np.random.default_rng(0),
    )


def test_every_member_finds_its_own_minimum():
    points, goal = Points(), torch.tensor([[1.0, -1.0], [0.0, 2.0], [3.0, 3.0]])
    history = run(points, goal, weight_decay=0.0)
    torch.testing.assert_close(points.at.detach(), goal, atol=0.01, rtol=0)
    assert len(history.validation) == 1 + len(history.loss_curve) == 1 + history.n_iter // 10
    assert history.loss_curve[-1] < 1e-3 * history.loss_curve[0]


def test_a_member_keeps_the_weights_that_its_selection_rows_like_best():
    # On the way to 2 the points pass 1, where selection wants them; the third wants the start.
    points, goal = Points(), torch.full((3, 2), 2.0)
    selected_at = torch.tensor([[1.0, 1.0], [2.0, 2.0], [0.0, 0.0]])
    history = run(points, goal, selected_at, check_every=1, n_iter_no_change=300, weight_decay=0.0)
    torch.testing.assert_close(points.at.detach(), selected_at, atol=0.05, rtol=0)
    assert history.best_iter[2] == 0
    assert 0 < history.best_iter[0] < history.best_iter[1]


def test_training_stops_when_the_mean_gets_no_better():
    points = Points(start=1.0)
    history = run(points, torch.ones(3, 2), n_iter_no_change=4, weight_decay=0.0)
    assert history.stopped == "no change"
    assert history.n_iter == 4 * 10


@pytest.mark.parametrize(("fall", "n_iter"), [(0.0, 10 + 4 * 10), (0.01, 300)])
def test_training_goes_on_while_the_mean_over_members_falls(fall, n_iter):
    # At each check another member is the best so far by more than `tol`, at the cost of the rest.
    checks = count()

    def validation_loss():
        i = next(checks)
        turn = torch.roll(torch.tensor([-2.0, 1.0, 1.0]), i)
        return i * (turn - fall) if i else torch.full((3,), 1000.0)

    points, goal = Points(), torch.ones(3, 2)
    history = train(
        points,
        lambda rows: points.distance(goal),
        validation_loss,
        ROWS,
        Plan(max_iter=300, check_every=10, n_iter_no_change=4, tol=0.001),
        np.random.default_rng(0),
    )
    assert history.n_iter == n_iter


def test_a_member_that_explodes_does_not_end_the_training_of_the_rest():
    checks = count()

    def validation_loss():
        i = next(checks)
        return torch.tensor([-0.1 * i, -0.1 * i, 50.0 * i])

    points, goal = Points(), torch.ones(3, 2)
    plan = Plan(max_iter=300, check_every=10, n_iter_no_change=4)
    history = train(
        points,
        lambda rows: points.distance(goal),
        validation_loss,
        ROWS,
        plan,
        np.random.default_rng(0),
    )
    assert history.n_iter == 300
    assert history.best_iter.tolist() == [300, 300, 0]


def test_histories_side_by_side():
    long = History([3.0, 2.0], [np.zeros(2), -np.ones(2), -2 * np.ones(2)], 20, np.array([20, 20]))
    long.stopped = "no change"
    short = History([1.0], [np.zeros(1)], 4, np.array([0]), "interrupted")
    both = joined([long, short])
    assert both.loss_curve == [2.0, 1.5]
    np.testing.assert_array_equal(both.validation, [[0, 0, 0], [-1, -1, 0], [-2, -2, 0]])
    assert (both.n_iter, both.stopped) == (20, "interrupted")
    assert both.notes() == short.notes()
    assert joined([History(validation=[np.zeros(1)])]).loss_curve == []


def test_selection_sees_the_moving_average():
    goal, seen, shown = torch.ones(1, 2), [], []
    points = Points(members=1)

    def loss(rows):
        seen.append(points.at.detach().clone())
        return points.distance(goal)

    def validation_loss():
        # The last state is always the best, so that it is what training leaves.
        shown.append(points.at.detach().clone())
        return torch.tensor([-float(len(shown))])

    plan = Plan(max_iter=6, check_every=1, learning_rate_init=0.1, weight_decay=0.0, ema=0.5)
    train(points, loss, validation_loss, ROWS[:1], plan, np.random.default_rng(0))
    average = seen[0]
    # What the last step led to is seen by no loss.
    for step, weights in enumerate(seen[1:]):
        kept = min(0.5, (1 + step) / (10 + step))
        average = kept * average + (1 - kept) * weights
        torch.testing.assert_close(shown[step + 1], average)
        assert float((average - weights).abs().min()) > 1e-4
    torch.testing.assert_close(points.at.detach(), shown[-1], atol=0, rtol=0)


def test_members_do_not_touch_each_other():
    goal = torch.tensor([[1.0, -1.0], [0.0, 2.0], [30.0, 3.0]])
    together, alone = Points(), Points(members=1)
    run(together, goal, max_iter=50)
    run(alone, goal[:1], max_iter=50)
    torch.testing.assert_close(together.at[:1], alone.at, atol=0, rtol=0)


def test_the_gradient_of_each_member_is_scaled_on_its_own():
    weights = torch.nn.Parameter(torch.zeros(2, 2))
    weights.grad = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    _clip([weights], 1.0)
    torch.testing.assert_close(weights.grad, torch.tensor([[0.6, 0.8], [0.3, 0.4]]))


def test_each_member_sees_its_own_rows_once_an_epoch():
    points, seen = Points(), []

    def loss(rows):
        seen.append(rows.clone())
        return points.distance(torch.ones(3, 2))

    run(points, torch.ones(3, 2), loss=loss, max_iter=4, batch_size=5)
    epoch = torch.cat(seen, dim=1).sort(dim=1).values
    np.testing.assert_array_equal(epoch.numpy(), np.stack(ROWS))


@pytest.mark.parametrize("where", ["loss", "validation"])
def test_a_loss_that_is_no_number_is_an_error(where):
    points, goal = Points(), torch.ones(3, 2)
    missing = torch.full((3, 2), float("nan"))
    broken = (
        {"loss": lambda rows: points.distance(missing)}
        if where == "loss"
        else {"selected_at": missing}
    )
    advice = "learning_rate_init" if where == "loss" else "before the first step"
    with pytest.raises(TrainingError, match=advice):
        run(points, goal, **broken)


def test_nothing_to_learn_is_one_check_and_no_step():
    points = Points(1.0).requires_grad_(False)
    history = run(points, torch.zeros(3, 2))
    assert (history.n_iter, len(history.validation)) == (0, 1)
    np.testing.assert_allclose(history.validation[0], 2.0)
    assert any("no parameters" in note for note in history.notes())


def test_an_interrupt_keeps_the_best_weights():
    # On the way to 2 the points pass 1, where selection wants them, and go on until it comes.
    points, goal, calls = Points(), torch.full((3, 2), 2.0), []

    def loss(rows):
        calls.append(1)
        if len(calls) > 100:
            raise KeyboardInterrupt
        return points.distance(goal)

    words = {"weight_decay": 0.0, "check_every": 1, "n_iter_no_change": 300}
    history = run(points, goal, torch.ones(3, 2), loss=loss, **words)
    assert history.n_iter == 100
    assert 0 < history.best_iter[0] < 90
    best = np.min(history.validation, axis=0)
    np.testing.assert_allclose(points.distance(torch.ones(3, 2)).detach(), best, atol=1e-6)
    assert np.all(history.validation[-1] > best + 0.1)
    assert any("interrupted after 100 steps" in note for note in history.notes())


def test_time_runs_out():
    history = run(Points(), torch.ones(3, 2), max_iter=10**6, max_seconds=0.05)
    assert history.stopped == "max_seconds"
    assert "used up its time" in history.notes()[0]


def test_a_loss_that_still_falls_is_noted():
    points, goal = Points(), torch.full((3, 2), 100.0)
    history = run(points, goal, max_iter=50)
    assert any("raise max_iter" in note for note in history.notes())


def test_the_rate_rises_and_falls():
    rates = [_rate(p, 0.1) for p in np.linspace(0, 1, 101)]
    assert rates[0] == pytest.approx(0.05)
    assert max(rates) == pytest.approx(1.0) == rates[10]
    assert rates[-1] == pytest.approx(0.01)
    assert np.all(np.diff(rates[10:]) <= 0)


def test_the_seed_is_local():
    before = torch.get_rng_state()
    with local_seed(3):
        first = torch.rand(2)
    with local_seed(3):
        second = torch.rand(2)
    torch.testing.assert_close(first, second, atol=0, rtol=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_threads_take_turns():
    def draw(seed):
        with local_seed(seed):
            parts = [torch.rand(1)]
            for _ in range(20):
                time.sleep(0.0005)
                with local_seed(99):  # the same thread may enter again
                    torch.rand(3)
                parts.append(torch.rand(1))
        return torch.cat(parts)

    alone = [draw(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(draw, range(4)))
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one, other, atol=0, rtol=0)


def test_a_missing_device_is_the_cpu_and_an_unknown_one_an_error():
    if not torch.cuda.is_available():
        assert choose_device("cuda").type == choose_device("cuda:1").type == "cpu"
        assert choose_device("auto").type == "cpu"
    if not torch.backends.mps.is_available():
        assert choose_device("mps").type == "cpu"
    assert choose_device("cpu").type == "cpu"
    with pytest.raises(ValueError, match="'gpu'"):
        choose_device("gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device is there")
def test_a_missing_device_is_noted():
    goal = torch.zeros(3, 2)
    for device in ("cpu", "cpu:0", "auto"):
        assert run(Points(1.0), goal, max_iter=1, device=device).notes() == []
    (note,) = run(Points(1.0), goal, max_iter=1, device="cuda").notes()
    assert "'cuda'" in note
    assert "on the CPU" in note


def test_inputs_that_tell_nothing_fade_and_long_ones_hardly_shrink():
    weight = torch.zeros(1, 4, 12)
    # A weight is 1 long at first with 12 outputs and 4 inputs.
    weight[0, 0, 0], weight[0, 1, 0], weight[0, 2, 0] = 10.0, 1.0, 0.05
    before = weight.clone()
    _shrink_inputs([weight], rate=1.0, n_rows=400)
    amount = 0.1 / (1 + before[0, :3, 0].square())
    expected = (before[0, :3, 0] - amount).clamp(min=0)
    torch.testing.assert_close(weight[0, :3, 0], expected)
    assert weight[0, 2, 0] == 0
    assert not weight[0, 3].any()


def test_penalised_training_drops_the_input_without_effect():
    rng = np.random.default_rng(0)
    seen = torch.as_tensor(rng.normal(size=(60, 2)), dtype=torch.float32)
    weight = torch.nn.Parameter(torch.full((3, 2, 6), 0.5))
    checks = count()

    def loss(rows):
        return (seen[rows] @ weight - 3 * seen[rows][..., :1]).square().mean((1, 2))

    def validation_loss():
        # The last weights are always the best, so that what remains is the end of training.
        return torch.full((3,), -float(next(checks)))

    plan = Plan(max_iter=300, learning_rate_init=0.05, weight_decay=0.0, input_penalty=3.0)
    network = torch.nn.ParameterList([weight])
    train(network, loss, validation_loss, ROWS, plan, np.random.default_rng(0), [weight])
    lengths = torch.linalg.vector_norm(weight.detach(), dim=-1)
    assert (lengths[:, 1] < 0.05).all()
    np.testing.assert_allclose(lengths[:, 0], 3 * np.sqrt(6), rtol=0.02)
