"""Quantum states in every array library, their gradients, and states without full rank."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quantum_states import (
    LN2,
    ONE_STATE,
    TWO_STATES,
    batch_of_states,
    few,
    random_state,
    random_unitary,
    seeds,
)

from infotheory.functional import (
    density_matrix_entropy,
    fidelity,
    holevo_information,
    quantum_relative_entropy,
    quantum_renyi_divergence,
    renyi_divergence,
    trace_distance,
)


@pytest.mark.parametrize("f", ONE_STATE.values(), ids=ONE_STATE)
def test_libraries_and_batches_of_one_state(f: Callable[..., Any], xp: Any) -> None:
    states = batch_of_states()
    each = np.stack([np.asarray(f(rho)) for rho in states])
    found = f(xp.asarray(states))
    assert found.shape == (3,)
    assert found.dtype == xp.float64
    np.testing.assert_allclose(np.from_dlpack(found), each, atol=1e-12)


@pytest.mark.parametrize("f", TWO_STATES.values(), ids=TWO_STATES)
def test_libraries_and_batches_of_two_states(f: Callable[..., Any], xp: Any) -> None:
    states = batch_of_states()
    one = batch_of_states(7, 1)
    each = np.stack([np.asarray(f(rho, one[0])) for rho in states])
    found = f(xp.asarray(states), xp.asarray(one))
    assert found.shape == (3,)
    assert found.dtype == xp.float64
    np.testing.assert_allclose(np.from_dlpack(found), each, atol=1e-12)


def test_real_and_integer_matrices_and_single_precision(xp: Any) -> None:
    pure, mixed = xp.asarray([[1, 0], [0, 0]]), xp.asarray(np.eye(2, dtype=np.float32) / 2)
    assert float(density_matrix_entropy(pure)) == 0.0
    assert density_matrix_entropy(mixed).dtype == xp.float32
    assert float(density_matrix_entropy(mixed)) == pytest.approx(LN2, abs=1e-6)
    turned = xp.asarray(np.array([[0.5, -0.5j], [0.5j, 0.5]]))
    assert float(fidelity(pure, turned)) == pytest.approx(0.5, abs=1e-12)
    assert float(quantum_relative_entropy(turned, xp.asarray(np.eye(2) / 2))) == pytest.approx(LN2)


def roots(seed: int, *shape: int, rank: int | None = None) -> Any:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(*shape, shape[-1] if rank is None else rank, 2))
    return torch.tensor(values[..., 0] + 1j * values[..., 1], requires_grad=True)


def state_of(root: Any) -> Any:
    rho = root @ root.mH
    return rho / rho.diagonal(dim1=-2, dim2=-1).sum(-1).real[..., None, None]


@pytest.mark.parametrize("rank", [4, 2])
@pytest.mark.parametrize("name", ONE_STATE)
def test_gradients_of_one_state(name: str, rank: int) -> None:
    """Along states of one rank; of rank 2, eigenvalues of 0 repeat."""
    torch = pytest.importorskip("torch")
    root = roots(8, 2, 4, rank=rank)
    assert torch.autograd.gradcheck(lambda r: ONE_STATE[name](state_of(r)), root)


@pytest.mark.parametrize("name", TWO_STATES)
def test_gradients_of_two_states(name: str) -> None:
    torch = pytest.importorskip("torch")
    both = roots(9, 2, 3), roots(10, 3)
    assert torch.autograd.gradcheck(lambda a, b: TWO_STATES[name](state_of(a), state_of(b)), both)


@pytest.mark.parametrize("name", ["relative", "fidelity", "sandwiched-0.6", "petz-0.4", "petz-1.7"])
def test_gradients_of_a_singular_state(name: str) -> None:
    """rho of rank 1 beside sigma of full rank."""
    torch = pytest.importorskip("torch")
    both = roots(11, 2, 3, rank=1), roots(12, 3)
    assert torch.autograd.gradcheck(lambda a, b: TWO_STATES[name](state_of(a), state_of(b)), both)


def test_gradients_of_an_ensemble() -> None:
    torch = pytest.importorskip("torch")
    logits = torch.tensor([0.1, -0.4, 0.3], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda r, t: holevo_information(state_of(r), torch.softmax(t, -1)),
        (roots(13, 3, 2), logits),
    )


def directional(f: Callable[[Any], Any], rho: np.ndarray, along: np.ndarray) -> tuple[float, float]:
    """Derivative by autograd and by a difference quotient, along a traceless Hermitian matrix."""
    torch = pytest.importorskip("torch")
    leaf = torch.tensor(rho, requires_grad=True)
    (gradient,) = torch.autograd.grad(f(leaf), leaf)
    step = 1e-5
    difference = (f(rho + step * along) - f(rho - step * along)) / (2 * step)
    return float((gradient.numpy().conj() * along).sum().real), float(difference)


@pytest.mark.parametrize("name", [*TWO_STATES, *ONE_STATE])
def test_gradients_where_eigenvalues_coincide(name: str) -> None:
    rng = np.random.default_rng(14)
    along = random_state(rng, 4) - np.eye(4) / 4
    state = random_state(rng, 4)
    if name in ONE_STATE:
        by_autograd, by_steps = directional(ONE_STATE[name], np.eye(4) / 4, along)
        assert by_autograd == pytest.approx(by_steps, abs=1e-8)
        return
    f = TWO_STATES[name]

    def library(matrix: Any, other: np.ndarray) -> Any:
        return (
            other if isinstance(matrix, np.ndarray) else pytest.importorskip("torch").tensor(other)
        )

    for g in (lambda m: f(m, library(m, state)), lambda m: f(library(m, state), m)):
        by_autograd, by_steps = directional(g, np.eye(4) / 4 + 0j, along)
        assert by_autograd == pytest.approx(by_steps, abs=1e-7)


@pytest.mark.parametrize("name", [*TWO_STATES, *ONE_STATE])
def test_gradients_are_finite_at_pure_and_orthogonal_states(name: str) -> None:
    torch = pytest.importorskip("torch")
    zero = torch.zeros((4, 4), dtype=torch.complex128)
    zero[0, 0] = 1.0
    three = torch.zeros((4, 4), dtype=torch.complex128)
    three[3, 3] = 1.0
    pairs = [(zero,)] if name in ONE_STATE else [(zero, zero), (zero, three)]
    for states in pairs:
        leaves = [s.clone().requires_grad_() for s in states]
        value = (ONE_STATE | TWO_STATES)[name](*leaves)
        assert not torch.isnan(value)
        gradients = torch.autograd.grad(value, leaves, allow_unused=True)
        assert all(g is None or torch.isfinite(torch.view_as_real(g)).all() for g in gradients)


def test_orthogonal_states() -> None:
    zero, three = np.diag([1.0, 0, 0, 0]), np.diag([0, 0, 0, 1.0])
    assert fidelity(zero, three) == 0.0
    assert trace_distance(zero, three) == 1.0
    for order in (0.5, 0.9, 1.0, 2.0):
        for kind in ("sandwiched", "petz"):
            assert quantum_renyi_divergence(zero, three, order, kind) == math.inf
    assert quantum_renyi_divergence(zero, three, math.inf) == math.inf


def test_orders_whose_powers_are_no_numbers() -> None:
    small = 1e-12
    rho, sigma = np.diag([1 - small, small]), np.diag([small, 1 - small])
    for kind in ("sandwiched", "petz"):
        found = quantum_renyi_divergence(rho, sigma, 50.0, kind)
        expected = renyi_divergence(np.diagonal(rho), np.diagonal(sigma), 50.0)
        assert found == pytest.approx(expected, rel=1e-9)
    with pytest.raises(ValueError, match="powers of the eigenvalues are floating numbers"):
        quantum_renyi_divergence(rho, rho, 50.0, "petz")


@few
@given(seeds, st.integers(2, 5))
def test_support_of_a_turned_state(seed: int, rank: int) -> None:
    """Supports that agree up to rounding are one, whatever the basis; less is infinite."""
    rng = np.random.default_rng(seed)
    u = random_unitary(rng, 8)[:, :rank]
    rho, sigma = (u @ random_state(rng, rank) @ u.conj().T for _ in range(2))
    small = u.conj().T @ rho @ u, u.conj().T @ sigma @ u
    found = quantum_relative_entropy(rho, sigma)
    assert math.isfinite(found)
    assert found == pytest.approx(quantum_relative_entropy(*small), rel=1e-6)
    outside = 1e-9 * random_state(rng, 8) + (1 - 1e-9) * rho
    assert quantum_relative_entropy(outside, sigma) == math.inf
