"""Divergences as Torch modules: values with exact critics, short trainings, penalties."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from infotheory.nn import DivergenceBound, GradientPenalty  # noqa: E402


@pytest.fixture
def _seeded() -> Iterator[None]:
    """Weights are drawn from Torch's global generator, as those of any module."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


class OfRows(torch.nn.Module):
    """Function of a single column."""

    def __init__(self, f: Any) -> None:
        super().__init__()
        self.f = f

    def forward(self, rows: Any) -> Any:
        return self.f(rows)


def log_ratio_of_normals(rows: Any) -> Any:
    """N(1, 1) against N(0, 1)."""
    return rows - 0.5


def ratio_of_normals(rows: Any) -> Any:
    """What chi2 wants: twice the ratio less 1."""
    return 2 * torch.expm1(rows - 0.5)


@pytest.mark.parametrize(
    ("kind", "order", "critic", "truth"),
    [
        ("kl", None, log_ratio_of_normals, 0.5),
        ("hellinger", None, log_ratio_of_normals, 1 - math.exp(-1 / 8)),
        ("alpha", 0.5, log_ratio_of_normals, 4 - 4 * math.exp(-1 / 8)),
        ("alpha", 2.0, log_ratio_of_normals, (math.e - 1) / 2),
        ("chi2", None, ratio_of_normals, math.e - 1),
        ("wasserstein", None, lambda x: x, 1.0),
    ],
)
def test_divergences_with_the_exact_critic(
    kind: str, order: float | None, critic: Any, truth: float
) -> None:
    """Evenly spaced quantiles stand for the laws; their tails end at 1 / 2n."""
    n = 20_000
    levels = (torch.arange(n, dtype=torch.float64)[:, None] + 0.5) / n
    Q = torch.special.ndtri(levels)
    P = (Q + 1).requires_grad_()
    bound = DivergenceBound(OfRows(critic), kind, order=order)
    value = bound(P, Q)
    assert value.item() == pytest.approx(truth, rel=0.02)
    assert bound.loss(P, Q).item() == -value.item()
    # The value falls as P moves towards Q.
    assert torch.autograd.grad(value, P)[0].sum() > 0


@pytest.mark.usefixtures("_seeded")
@pytest.mark.parametrize("kind", ["kl", "js", "chi2", "hellinger", "alpha"])
def test_few_steps_lift_a_divergence(kind: str) -> None:
    order = 0.3 if kind == "alpha" else None
    critic = torch.nn.Sequential(torch.nn.Linear(1, 16), torch.nn.SiLU(), torch.nn.Linear(16, 1))
    bound = DivergenceBound(critic, kind, order=order).double()
    optimizer = torch.optim.Adam(bound.parameters(), lr=0.02)
    rng = np.random.default_rng(0)

    def batch(n: int) -> Any:
        return torch.from_numpy(rng.standard_normal((n, 1)))

    held_out = batch(1000) + 1, batch(1000)
    before = bound(*held_out).item()
    for _ in range(80):
        optimizer.zero_grad()
        bound.loss(batch(64) + 1, batch(64)).backward()
        optimizer.step()
    after = bound(*held_out).item()
    exact = OfRows(ratio_of_normals if kind == "chi2" else log_ratio_of_normals)
    best = DivergenceBound(exact, kind, order=order)(*held_out).item()
    # On the same rows, which no step saw: nearly all of it and, but for chance, no more. A critic
    # that grows like e^x, as chi2 wants, is out of reach of a few units that grow like x.
    assert max(2 * before, (0.7 if kind == "chi2" else 0.95) * best) < after < 1.005 * best


def test_penalty_of_a_linear_critic() -> None:
    critic = OfRows(lambda rows: rows @ torch.tensor([3.0, 4.0], dtype=torch.float64))
    P, Q = torch.ones(4, 2, dtype=torch.float64), torch.zeros(7, 2, dtype=torch.float64)
    penalty = GradientPenalty(critic, weight=2.0)
    np.testing.assert_allclose(penalty.slopes(P, Q).detach(), np.full(4, 5.0))
    assert penalty(P, Q).item() == pytest.approx(2 * 16)
    flat = OfRows(lambda rows: 0.5 * rows[:, 0])
    assert GradientPenalty(flat)(P, Q).item() == 0
    assert GradientPenalty(flat, 1.0, one_sided=False)(P, Q).item() == pytest.approx(0.25)
    with torch.no_grad():
        assert penalty(P, Q).item() == pytest.approx(2 * 16)


@pytest.mark.usefixtures("_seeded")
def test_penalised_critic_finds_the_wasserstein_distance() -> None:
    critic = torch.nn.Sequential(torch.nn.Linear(1, 16), torch.nn.SiLU(), torch.nn.Linear(16, 1))
    bound, penalty = DivergenceBound(critic, "wasserstein"), GradientPenalty(critic)
    optimizer = torch.optim.Adam(critic.parameters(), lr=0.02)
    rng = np.random.default_rng(0)
    for _ in range(200):
        P, Q = (
            torch.from_numpy(rng.standard_normal((64, 1), dtype=np.float32)) + m for m in (2, 0)
        )
        optimizer.zero_grad()
        (bound.loss(P, Q) + penalty(P, Q)).backward()
        optimizer.step()
    Q = torch.special.ndtri(torch.linspace(0.001, 0.999, 500))[:, None]
    value = bound(Q + 2, Q).item()
    # A penalty of weight 10 lets the slope rise to 1 + 2 / 20 for a distance of 2.
    assert value == pytest.approx(2.2, abs=0.1)
    assert value / penalty.slopes(Q + 2, Q).max().item() < 2 + 1e-6
