"""Costs by a callable: what it may return, and what is said where it may not."""

from __future__ import annotations

import numpy as np
import pytest

from infotheory import Sinkhorn
from infotheory.functional import (
    entropic_map,
    group_invariant_cost,
    sinkhorn_divergence,
    sinkhorn_points,
    transport_cost,
    unbalanced_sinkhorn_points,
)

X, Y = np.random.default_rng(0).normal(size=(9, 2)), np.random.default_rng(1).normal(size=(7, 2))
EQUAL = np.full(7, 1 / 7)
USERS = {
    "transport_cost": lambda cost: transport_cost(X, Y, cost),
    "points": lambda cost: sinkhorn_points(X, Y, epsilon=1.0, cost=cost),
    "points in blocks": lambda cost: sinkhorn_points(X, Y, epsilon=1.0, cost=cost, block_size=10),
    "unbalanced points": lambda cost: unbalanced_sinkhorn_points(
        X, Y, epsilon=1.0, cost=cost, marginal_penalty=1.0
    ),
    "divergence": lambda cost: sinkhorn_divergence(X, Y, 1.0, cost=cost),
    "map": lambda cost: entropic_map(X, Y, np.zeros(7), EQUAL, 1.0, cost),
    "group": lambda cost: group_invariant_cost(X, Y, lambda v: -v, epsilon=1.0, cost=cost),
    "estimator": lambda cost: Sinkhorn(cost=cost).fit(X, Y),
}


def cityblock(x, y):
    return np.abs(x[:, None] - y).sum(-1)


def without_one(x, y):
    costs = cityblock(x, y)
    costs[-1, -1] = np.nan
    return costs


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(
    ("cost", "error", "words"),
    [
        (lambda x, y: np.zeros((3, 3)), ValueError, "cost must return all pairs, shape .* got"),
        (lambda x, y: cityblock(x, y).tolist(), ValueError, "cost must return an array .* list"),
        (lambda x, y: None, ValueError, "cost must return an array .* NoneType"),
        (without_one, ValueError, "cost must be finite"),
        (lambda x, y: cityblock(x, y) + np.inf, ValueError, "cost must be finite"),
        (lambda x, y: cityblock(x, y) * 1j, ValueError, "cost must return real numbers"),
        (lambda x, y: cityblock(x, y).astype(str), TypeError, "cost must return numbers, got <U"),
        (lambda x, y: cityblock(x, y).astype(object), TypeError, "cost must return numbers"),
        (lambda x, y: np.ma.masked_less(cityblock(x, y), 1), TypeError, "cost must have no masked"),
    ],
)
def test_what_is_no_cost_is_said(user, cost, error, words):
    with pytest.raises(error, match=words):
        USERS[user](cost)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("cost", ["manhattan", None, 3])
def test_so_is_a_name_that_there_is_not(user, cost):
    with pytest.raises(
        ValueError, match=r"'?cost'? (must be one of|parameter of Sinkhorn must be)"
    ):
        USERS[user](cost)


def test_a_cost_is_of_the_library_of_the_points():
    torch = pytest.importorskip("torch")
    for points, cost in (
        ((X, Y), lambda x, y: torch.zeros(len(x), len(y))),
        ((torch.tensor(X), torch.tensor(Y)), lambda x, y: np.zeros((len(x), len(y)))),
    ):
        with pytest.raises(TypeError, match="cost must be an array of the library of all others"):
            sinkhorn_points(*points, epsilon=1.0, cost=cost)


def test_costs_below_zero_move_nothing_but_the_value():
    """A gain is a cost with a sign; a constant changes no plan."""
    found = sinkhorn_points(X, Y, epsilon=1.0, cost=cityblock)
    moved = sinkhorn_points(X, Y, epsilon=1.0, cost=lambda x, y: cityblock(x, y) - 100)
    np.testing.assert_allclose(
        moved.plan_rows(slice(None)), found.plan_rows(slice(None)), atol=1e-9
    )
    assert float(moved.value) == pytest.approx(float(found.value) - 100)
    paid = Sinkhorn(epsilon=1.0, cost=lambda x, y: cityblock(x, y) - 100).fit(X, Y)
    assert paid.value_ == pytest.approx(float(moved.value), abs=1e-6)
