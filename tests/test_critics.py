"""Stacks of critics against pairs one by one, and against members trained alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from infotheory._critics import PairCritics  # noqa: E402
from infotheory._resampling import cross_fit_folds  # noqa: E402
from infotheory._scores import info_nce_objective, log_mean_exp  # noqa: E402
from infotheory._training import Plan, local_seed  # noqa: E402


def normal_pair(n=600, rho=0.8, d=1, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, rho * x + math.sqrt(1 - rho**2) * rng.normal(size=(n, d))


def stack_of(critic="separable", n_folds=2, n=41, **changes):
    x, y = normal_pair(n, d=2)
    y = np.hstack([y, y[:, :1] ** 2])
    folds = cross_fit_folds(n, 3, 0.3, np.random.default_rng(0))[:n_folds]
    words = {"n_ensemble": 2, "critic": critic, "reference": "gaussian"}
    words |= {"hidden_layer_sizes": (6,), "activation": "silu", "device": torch.device("cpu")}
    with local_seed(0):
        stack = PairCritics(x, y, folds, **{**words, **changes})
        with torch.no_grad():
            for weights in stack.network.parameters():
                weights.add_(0.3 * torch.randn(weights.shape))
    return stack, folds


@pytest.mark.parametrize("critic", ["separable", "bilinear", "concatenated"])
@pytest.mark.parametrize("part", [{}, {"baseline": True}, {"second": True}])
def test_held_out_scores_are_those_of_the_pairs_one_by_one(critic, part):
    stack, folds = stack_of(critic, **part)
    for k, scores in enumerate(stack.held_out("test", 5)):
        rows = torch.as_tensor(folds[k].test)
        n = len(rows)
        for e in (0, 1):
            m = 2 * k + e

            def value(left, right, m=m):
                every = [t.expand(4, -1) for t in (left, right)]
                x, y = stack._side(every[0], 0), stack._side(every[1], 1)
                return stack._values(x, y)[m]

            torch.testing.assert_close(scores.joint[e], value(rows, rows), atol=1e-4, rtol=1e-4)
            for j, s in enumerate(scores.shifts if hasattr(scores, "shifts") else ()):
                partner = rows[(torch.arange(n) + int(s)) % n]
                expected = value(rows, partner)
                torch.testing.assert_close(scores.product[e, :, j], expected, atol=1e-4, rtol=1e-4)
            if scores.second is not None:
                network, own_x = stack.network["excess"], stack._side(rows.expand(4, -1), 0)
                excess = network(own_x.features)[m, :, 0]
                assert excess.std() > 0.01
                expected = value(rows, rows) - excess
                torch.testing.assert_close(scores.second[e], expected, atol=1e-4, rtol=1e-4)


def test_the_second_critic_takes_off_no_less_than_on_the_selection_rows():
    stack, _ = stack_of("separable", second=True)
    selection = stack.held_out("validation", 5)
    least = torch.stack([(s.joint - s.second).amin(dim=1) for s in selection])
    stack.calibrate(level=False)
    held = 0
    for k, _, scores in stack.evaluated(5):
        taken = scores.joint - scores.second
        assert torch.all(taken >= least[k][:, None] - 1e-5)
        held += int((taken <= least[k][:, None] + 1e-5).sum())
    assert held > 0


@pytest.mark.parametrize("critic", ["separable", "concatenated"])
def test_training_scores_pair_every_row_with_others(critic):
    stack, folds = stack_of(critic)
    rows = torch.as_tensor(np.stack([f.train[:7] for f in folds for _ in (0, 1)]))
    with local_seed(1), torch.no_grad():
        scores = stack.scores(rows)
        told = stack._values(stack._side(rows, 0), stack._side(rows, 1))
        torch.testing.assert_close(scores.joint, told, atol=1e-4, rtol=1e-4)
        of_x, of_y, n_candidates = scores.log_shares()
    assert scores.product.shape == (4, 7, n_candidates - 1)
    both = torch.cat([scores.joint[..., None], scores.product], dim=-1)
    torch.testing.assert_close(of_x, scores.joint - both.logsumexp(-1), atol=1e-5, rtol=1e-5)
    assert torch.all(of_y <= 0)
    if critic == "separable":
        flipped = scores.joint - scores.table.logsumexp(-2)
        torch.testing.assert_close(of_y, flipped, atol=1e-5, rtol=1e-5)


def test_members_trained_together_are_those_trained_alone():
    plan = Plan(max_iter=3, batch_size=4, check_every=3)
    stacks = [stack_of(n_folds=k, n_ensemble=1)[0] for k in (2, 1)]
    state = {name: w[:1] for name, w in stacks[0].network.state_dict().items()}
    stacks[1].network.load_state_dict(state)
    for stack in stacks:
        with torch.no_grad():
            stack.rows["validation"] = [np.sort(r) for r in stack.rows["validation"]]
        stack.fit(info_nce_objective, lambda s: s.joint.mean(1), plan, np.random.default_rng(0))
    # InfoNCE has no slope along a constant of the critic, and Adam steps on its rounding error.
    together, alone = (stack.held_out("test", 2)[0] for stack in stacks)
    torch.testing.assert_close(
        together.joint - together.product.mean(),
        alone.joint - alone.product.mean(),
        atol=1e-4,
        rtol=1e-4,
    )


@pytest.mark.parametrize("critic", ["separable", "concatenated"])
def test_the_level_takes_off_a_constant_that_the_objective_leaves_open(critic):
    told = []
    for constant in (0.0, -7.0):
        stack, _ = stack_of(critic, n=400)
        with torch.no_grad():
            network = stack.network["critic"]
            part = network.left if critic == "separable" else network.network
            part.biases[-1][..., -1] += constant
        stack.calibrate(level=True)
        told.append(stack.held_out("test", 20))
    for before, after in zip(*told, strict=True):
        torch.testing.assert_close(before.joint, after.joint, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(before.product, after.product, atol=1e-4, rtol=1e-4)


def test_the_level_of_the_reference_alone_is_none():
    # Of strong dependence few pairs show the mean of e^f: the log ratio is not to be raised for it.
    x, y = normal_pair(600, rho=1 - 1e-9, d=2)
    folds = cross_fit_folds(600, 3, 0.3, np.random.default_rng(0))
    words = {"n_ensemble": 2, "critic": "separable", "hidden_layer_sizes": (6,)}
    words |= {"activation": "silu", "device": torch.device("cpu"), "reference": "gaussian"}
    with local_seed(0):
        stack = PairCritics(x, y, folds, **words)
    stack.calibrate(level=True)
    assert log_mean_exp(stack.held_out("validation", 100)[0].product)[0] < -2
    torch.testing.assert_close(stack.levels, torch.zeros(6), atol=1e-3, rtol=0)
