"""Gradients of entropies and divergences of known pmfs, above all at cells of probability 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from infotheory.functional import (
    alpha_divergence,
    chi2_divergence,
    conditional_entropy,
    conditional_mutual_information,
    cross_entropy,
    entropy,
    hellinger_divergence,
    jeffreys_divergence,
    js_divergence,
    kl_divergence,
    mutual_information,
    renyi_divergence,
    renyi_entropy,
    total_variation,
    tsallis_divergence,
    tsallis_entropy,
)

torch = pytest.importorskip("torch")

ORDERS = (0.0, 0.3, 0.5, 0.95, 1.0, 1.05, 2.0, 5.0, math.inf)

ENTROPIES: dict[str, Callable[[Any], Any]] = {
    "entropy": entropy,
    **{f"renyi-{a}": partial(renyi_entropy, order=a) for a in ORDERS},
    **{f"tsallis-{a}": partial(tsallis_entropy, order=a) for a in ORDERS},
}
DIVERGENCES: dict[str, Callable[[Any, Any], Any]] = {
    "cross-entropy": cross_entropy,
    "kl": kl_divergence,
    "jeffreys": jeffreys_divergence,
    "js": js_divergence,
    "js-0.2": partial(js_divergence, weight=0.2),
    "hellinger": hellinger_divergence,
    "chi2": chi2_divergence,
    "tv": total_variation,
    **{f"renyi-{a}": partial(renyi_divergence, order=a) for a in ORDERS},
    **{f"tsallis-{a}": partial(tsallis_divergence, order=a) for a in ORDERS},
    **{f"alpha-{a}": partial(alpha_divergence, order=a) for a in (-1.0, *ORDERS[:-1])},
}
JOINT: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "conditional-entropy": (conditional_entropy, (3, 3)),
    "mutual-information": (mutual_information, (3, 3)),
    "conditional-mutual-information": (conditional_mutual_information, (2, 2, 3)),
}

each_entropy = pytest.mark.parametrize("f", ENTROPIES.values(), ids=ENTROPIES)
each_divergence = pytest.mark.parametrize("f", DIVERGENCES.values(), ids=DIVERGENCES)
each_joint = pytest.mark.parametrize(("f", "shape"), JOINT.values(), ids=JOINT)


def leaf(values: Any, dtype: Any = torch.float64) -> Any:
    return torch.tensor(np.asarray(values), dtype=dtype, requires_grad=True)


def softmax_laws(seed: int, shape: tuple[int, ...]) -> Any:
    """Logits, with Gaussian gaps so that no two cells are equal."""
    return leaf(np.random.default_rng(seed).standard_normal(shape))


# Inside the simplex


@each_entropy
def test_entropies_pass_gradcheck(f: Callable[..., Any]) -> None:
    logits = softmax_laws(0, (2, 4))
    assert torch.autograd.gradcheck(lambda t: f(torch.softmax(t, -1)), logits)
    assert torch.autograd.gradcheck(f, torch.softmax(logits, -1).detach().requires_grad_())


@pytest.mark.parametrize("f", [f for name, f in DIVERGENCES.items() if name != "tsallis-inf"])
def test_divergences_pass_gradcheck(f: Callable[..., Any]) -> None:
    pair = [softmax_laws(1, (2, 4)), softmax_laws(2, (2, 4))]
    assert torch.autograd.gradcheck(
        lambda s, t: f(torch.softmax(s, -1), torch.softmax(t, -1)), pair
    )
    assert torch.autograd.gradcheck(
        f, [torch.softmax(t, -1).detach().requires_grad_() for t in pair]
    )


@each_joint
def test_joint_functionals_pass_gradcheck(f: Callable[..., Any], shape: tuple[int, ...]) -> None:
    k = math.prod(shape)
    laws = torch.softmax(softmax_laws(3, (2, k)), -1).reshape(2, *shape)
    assert torch.autograd.gradcheck(f, laws.detach().requires_grad_())


# With a cell that stays empty


def with_empty_cell(logits: Any, at: int) -> Any:
    p = torch.softmax(logits, -1)
    return torch.cat([p[..., :at], torch.zeros_like(p[..., :1]), p[..., at:]], -1)


@each_entropy
def test_entropies_pass_gradcheck_beside_an_empty_cell(f: Callable[..., Any]) -> None:
    assert torch.autograd.gradcheck(lambda t: f(with_empty_cell(t, 1)), softmax_laws(4, (2, 3)))


@each_divergence
@pytest.mark.parametrize("empty_in_q", [1, 2])
def test_divergences_pass_gradcheck_beside_an_empty_cell(
    f: Callable[..., Any], empty_in_q: int
) -> None:
    """At the same cell in both laws, or at two cells: where the value is infinite, gradient 0."""
    pair = [softmax_laws(5, (2, 3)), softmax_laws(6, (2, 3))]

    def value(s: Any, t: Any) -> Any:
        result = f(with_empty_cell(s, 1), with_empty_cell(t, empty_in_q))
        return torch.where(torch.isinf(result), 0.0, result)

    assert torch.autograd.gradcheck(value, pair)


# Into an empty cell: mass h moves there from the first cell, so that h > 0


def slope_into(f: Callable[[np.ndarray], Any], p: np.ndarray, cell: int) -> float | None:
    """One-sided derivative along the move, None where it is infinite."""
    move = np.zeros_like(p)
    move.flat[0], move.flat[cell] = -1, 1
    if np.isinf(f(p + 1e-5 * move)):
        return None

    def quotient(h: float) -> float:
        return float((4 * f(p + h * move) - f(p + 2 * h * move) - 3 * f(p)) / (2 * h))

    near, nearer = quotient(1e-5), quotient(1e-6)
    return near if abs(near - nearer) < 1e-3 * (1 + abs(near)) else None


def count_agreements(f: Callable[[Any], Any], p: np.ndarray) -> int:
    """How many finite slopes into empty cells the gradient at p agrees with; it must with all."""
    x = leaf(p)
    f(x).backward()
    gradient = x.grad.numpy()
    assert np.isfinite(gradient).all()
    slopes = {int(j): slope_into(f, p, int(j)) for j in np.flatnonzero(p.ravel() == 0)}
    finite = {j: slope for j, slope in slopes.items() if slope is not None}
    for cell, slope in finite.items():
        # The quotient errs by h^2 times a third derivative, and by rounding over h.
        actual = gradient.flat[cell] - gradient.flat[0]
        assert actual == pytest.approx(slope, rel=1e-5, abs=1e-5)
    return len(finite)


@each_entropy
def test_entropy_gradients_into_an_empty_cell(f: Callable[..., Any]) -> None:
    order = f.keywords["order"] if isinstance(f, partial) else 1.0
    # At order 1.05 the slope is finite too, but its difference quotient converges like h^0.05.
    finite = order > 1.5
    assert count_agreements(f, np.array([0.6, 0.0, 0.3, 0.1, 0.0])) == (2 if finite else 0)


@pytest.mark.parametrize("name", [name for name in DIVERGENCES if name != "tv"])
def test_divergence_gradients_into_an_empty_cell(name: str) -> None:
    f = DIVERGENCES[name]
    inside, outside = np.array([0.5, 0.3, 0.2, 0.0, 0.0]), np.array([0.3, 0.2, 0.1, 0.4, 0.0])
    apart = np.array([0.5, 0.0, 0.0, 0.3, 0.2])
    agreements = 0
    for p, q in ((inside, outside), (outside, inside), (inside, apart)):
        if np.isfinite(f(p, q)):
            fixed_p, fixed_q = torch.tensor(p), torch.tensor(q)
            agreements += count_agreements(
                lambda x, p=p, q=q, t=fixed_q: f(x, t if torch.is_tensor(x) else q), p
            )
            agreements += count_agreements(
                lambda x, p=p, q=q, t=fixed_p: f(t if torch.is_tensor(x) else p, x), q
            )
    # Jeffreys' slopes into an empty cell and those to order infinity are infinite.
    assert agreements > 0 or name in ("jeffreys", "tsallis-inf")


@each_joint
def test_joint_gradients_into_an_empty_cell(f: Callable[..., Any], shape: tuple[int, ...]) -> None:
    p = np.random.default_rng(7).dirichlet(np.ones(math.prod(shape))).reshape(shape)
    p[1, 0] = 0  # beside mass
    p[..., -1] = 0  # a whole value of the last variable
    assert count_agreements(f, p / p.sum()) > 0


@pytest.mark.parametrize("order", [1.05, 1.09])
@pytest.mark.parametrize("kind", ["renyi", "tsallis"])
@pytest.mark.parametrize("with_q", [False, True])
def test_gradients_into_an_empty_cell_at_orders_next_to_one(
    with_q: bool, kind: str, order: float
) -> None:
    """p^order is flat at 0: the slope is that of the cell which the mass leaves."""
    p, q = leaf([0.7, 0.3, 0.0]), np.array([0.2, 0.3, 0.5] if with_q else [1.0, 1.0, 1.0])
    f = {"renyi": renyi_divergence, "tsallis": tsallis_divergence}[kind]
    f(p, torch.tensor(q), order).backward()
    powers = np.array([0.7, 0.3]) ** order * q[:2] ** (1 - order)
    slope = -order * (0.7 / q[0]) ** (order - 1) / (order - 1)
    slope /= powers.sum() if kind == "renyi" else 1
    assert float(p.grad[2] - p.grad[0]) == pytest.approx(slope, rel=1e-12)


def test_gradients_at_cells_empty_in_both() -> None:
    """By hand: the slopes of js, hellinger and chi2 where their terms are linear."""
    for f, expected in (
        (js_divergence, (0.5 * math.log(2), 0.5 * math.log(2))),
        (hellinger_divergence, (0.5, 0.5)),
        (chi2_divergence, (0.0, 1.0)),
    ):
        p, q = leaf([0.5, 0.5, 0.0]), leaf([0.25, 0.75, 0.0])
        f(p, q).backward()
        assert (p.grad[2].item(), q.grad[2].item()) == pytest.approx(expected, abs=1e-15)


def test_total_variation_gradient() -> None:
    p, q = leaf([0.5, 0.25, 0.25, 0.0, 0.0]), leaf([0.25, 0.25, 0.0, 0.5, 0.0])
    total_variation(p, q).backward()
    assert p.grad.tolist() == [0.5, 0.0, 0.5, -0.5, 0.0]
    assert q.grad.tolist() == [-0.5, 0.0, -0.5, 0.5, 0.0]


# Infinite values, underflow and nan


@pytest.mark.parametrize(
    "name",
    ["kl", "cross-entropy", "jeffreys", "chi2", "renyi-1.0", "renyi-1.05", "renyi-2.0", "renyi-inf"]
    + ["tsallis-1.05", "tsallis-5.0", "tsallis-inf", "alpha-2.0"],
)
def test_infinite_divergences_have_gradient_zero(name: str) -> None:
    p, q = leaf([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]), leaf([[0.5, 0.5, 0.0], [0.25, 0.5, 0.25]])
    values = DIVERGENCES[name](p, q)
    values.sum().backward()
    assert values[0] == math.inf
    assert values[1] == math.inf if name == "tsallis-inf" else torch.isfinite(values[1])
    assert not p.grad[0].any()
    assert not q.grad[0].any()
    assert torch.isfinite(p.grad).all()
    if name != "tsallis-inf":
        assert q.grad[1].any()


@pytest.mark.parametrize("order", [0.0, 0.3, 0.95, 2.0])
def test_laws_that_share_no_cell(order: float) -> None:
    p, q = leaf([1.0, 0.0]), leaf([0.0, 1.0])
    value = renyi_divergence(p, q, order)
    value.backward()
    assert value == math.inf
    assert not p.grad.any()
    assert not q.grad.any()


@pytest.mark.parametrize("name", [name for name in DIVERGENCES if name != "renyi-inf"])
def test_underflow_in_single_precision(name: str) -> None:
    """The least positive number, as a softmax returns it, is mass like any other.

    Order infinity has the slope 1 / p there, which single precision does not hold.
    """
    f, tiny = DIVERGENCES[name], 2.0**-149
    p, q = leaf([1.0, tiny], torch.float32), leaf([1.0, tiny], torch.float32)
    value = f(p, q)
    value.backward()
    assert abs(value.item()) < 1e-5
    assert torch.isfinite(p.grad).all()
    assert torch.isfinite(q.grad).all()


@pytest.mark.parametrize("name", [*ENTROPIES, *DIVERGENCES])
def test_nan_stays_nan(name: str) -> None:
    p, q = np.array([0.5, np.nan]), np.array([0.5, 0.5])
    value = ENTROPIES[name](p) if name in ENTROPIES else DIVERGENCES[name](p, q)
    assert np.isnan(value)
