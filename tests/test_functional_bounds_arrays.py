"""Variational bounds as array functions: libraries, dtypes, batches, gradients, extremes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from infotheory import functional

Bound = Callable[..., Any]

BOUNDS: dict[str, Bound] = {
    "donsker-varadhan": functional.donsker_varadhan,
    "nwj": functional.nwj,
    "smile": functional.smile,
    "js": functional.js_bound,
    "jensen-shannon": functional.jensen_shannon,
    "hellinger": functional.hellinger_bound,
    "alpha": functional.alpha_bound,
    "chi2": functional.chi2_bound,
    "wasserstein": functional.wasserstein_bound,
}

SHAPES: dict[str, tuple[Bound, tuple[tuple[int, ...], ...]]] = {
    **{name: (bound, ((6,), (8,))) for name, bound in BOUNDS.items() if name != "alpha"},
    "alpha": (partial(functional.alpha_bound, order=0.3), ((6,), (8,))),
    "tuba": (functional.tuba, ((6,), (8,), (6,), (8,))),
    "info-nce": (functional.info_nce, ((6, 6),)),
    "mine": (functional.mine_surrogate, ((6,), (8,), ())),
    "flo": (functional.flo, ((6,), (6,), (6, 3))),
    "club": (functional.club, ((6,), (8,))),
    "leave-one-out": (functional.leave_one_out, ((6, 6),)),
    "difference": (functional.difference_of_entropies, ((6,), (6,))),
    "off-diagonal": (functional.off_diagonal, ((6, 6),)),
    "rows": (partial(functional.bound_row_influence, "donsker-varadhan"), ((6, 6),)),
    "influence": (
        lambda f, g: functional.bound_influence("donsker-varadhan", f, g).product, ((6,), (8,))
    ),
    "running": (lambda f, g: functional.running_log_mean(f, g, 0.1), ((), (8,))),
}  # fmt: skip
each_function = pytest.mark.parametrize(("f", "shapes"), SHAPES.values(), ids=SHAPES)


def inputs_of(shapes: tuple[tuple[int, ...], ...], *lead: int) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.standard_normal((*lead, *shape)) for shape in shapes]


@each_function
def test_every_library_gives_the_same(xp: Any, f: Bound, shapes: Any) -> None:
    arrays = inputs_of(shapes, 2)
    expected = f(*arrays)
    for dtype, tolerance in ((xp.float64, 1e-13), (xp.float32, 2e-6)):
        value = f(*(xp.asarray(a, dtype=dtype) for a in arrays))
        assert value.dtype == dtype
        assert tuple(value.shape) == expected.shape
        np.testing.assert_allclose(np.asarray(value), expected, rtol=tolerance, atol=10 * tolerance)


@each_function
def test_leading_axes_are_a_batch(f: Bound, shapes: Any) -> None:
    arrays = inputs_of(shapes, 2, 3)
    values = f(*arrays)
    for i, j in itertools.product(range(2), range(3)):
        np.testing.assert_allclose(values[i, j], f(*(a[i, j] for a in arrays)), rtol=1e-13)


@each_function
def test_gradients(f: Bound, shapes: Any) -> None:
    torch = pytest.importorskip("torch")
    leaves = [torch.tensor(a, requires_grad=True) for a in inputs_of(shapes, 2)]
    if f is SHAPES["running"][0]:
        leaves[0] = leaves[0].detach()
        assert not f(*leaves).requires_grad
        return
    assert torch.autograd.gradcheck(f, leaves)


def test_gradient_of_the_surrogate_of_mine() -> None:
    torch = pytest.importorskip("torch")
    joint, product = (torch.tensor(a, requires_grad=True) for a in inputs_of(((6,), (8,))))
    level = functional.running_log_mean(torch.tensor(0.4, dtype=torch.float64), product, 0.2)
    functional.mine_surrogate(joint, product, level).backward()
    running = 0.8 * math.exp(0.4) + 0.2 * product.detach().exp().mean()
    np.testing.assert_allclose(joint.grad, np.full(6, 1 / 6))
    np.testing.assert_allclose(product.grad, -product.detach().exp() / (8 * running), rtol=1e-12)


@pytest.mark.parametrize("name", ["jensen-shannon", "js"])
def test_logistic_bounds_at_zero_and_far_from_it(name: str) -> None:
    torch = pytest.importorskip("torch")
    f = torch.tensor([0.0, 800.0, -800.0], dtype=torch.float64, requires_grad=True)
    value = BOUNDS[name](f, f)
    value.backward()
    assert torch.isfinite(value)
    scale = 1 if name == "jensen-shannon" else 0.5
    np.testing.assert_allclose(f.grad, scale * np.array([0.0, -1.0, 1.0]) / 3)


def test_bounds_survive_huge_critics_where_the_formula_does() -> None:
    big = np.array([1000.0, 1001.0])
    assert functional.donsker_varadhan(big, big) == pytest.approx(-math.log((1 + math.e) / 2) + 0.5)
    assert functional.info_nce(1000 * np.eye(4)) == pytest.approx(math.log(4))
    assert functional.leave_one_out(-1000 * np.eye(2)) == pytest.approx(-1000)


def test_off_diagonal_of_small_tables() -> None:
    assert functional.off_diagonal(np.ones((3, 1, 1))).shape == (3, 0)
    table = np.arange(16.0).reshape(4, 4)
    np.testing.assert_array_equal(functional.off_diagonal(table), table[~np.eye(4, dtype=bool)])
    np.testing.assert_array_equal(functional.off_diagonal(table.T), table.T[~np.eye(4, dtype=bool)])


def test_rows_and_columns_of_tables_are_told_apart() -> None:
    """InfoNCE forgives a function of x, leave-one-out one of y: both are the rows."""
    table, rows = inputs_of(((6, 6), (6, 1)))
    for bound in (functional.info_nce, functional.leave_one_out):
        np.testing.assert_allclose(bound(table + rows), bound(table), rtol=1e-12)
        assert abs(bound(table + rows.T) - bound(table)) > 1e-3
