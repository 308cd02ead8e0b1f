"""Quantum states: closed forms, laws of entropies and distances, gradients, wrong matrices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from infotheory.functional import (
    check_density_matrix,
    conditional_entropy,
    density_matrix_entropy,
    entropy,
    fidelity,
    holevo_information,
    kl_divergence,
    markov_entropy_decomposition,
    mutual_information,
    negativity,
    partial_trace,
    partial_transpose,
    purity,
    quantum_conditional_entropy,
    quantum_conditional_mutual_information,
    quantum_mutual_information,
    quantum_relative_entropy,
    quantum_renyi_divergence,
    quantum_renyi_entropy,
    quantum_tsallis_entropy,
    renyi_divergence,
    renyi_entropy,
    total_variation,
    trace_distance,
    tsallis_entropy,
)

LN2 = math.log(2)
BELL = np.zeros((4, 4))
BELL[::3, ::3] = 0.5
TOLERANCE = 1e-12  # of entropies of a few eigenvalues, in units of nats

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=12)  # each is a random state, and all of its laws


def random_state(rng: np.random.Generator, n: int, rank: int | None = None) -> np.ndarray:
    """A density matrix of Hilbert and Schmidt's measure, or of lower rank."""
    root = rng.normal(size=(n, rank or n)) + 1j * rng.normal(size=(n, rank or n))
    rho = root @ root.conj().T
    return rho / np.trace(rho).real


def random_unitary(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))[0]


def product(*states: np.ndarray) -> np.ndarray:
    whole = np.eye(1)
    for state in states:
        whole = np.kron(whole, state)
    return whole


# Closed forms


def test_bell_state() -> None:
    assert density_matrix_entropy(BELL) == pytest.approx(0.0, abs=TOLERANCE)
    for system in (0, 1):
        part = partial_trace(BELL, (2, 2), system)
        assert density_matrix_entropy(part) == pytest.approx(LN2, abs=TOLERANCE)
    assert quantum_mutual_information(BELL, (2, 2)) == pytest.approx(2 * LN2, abs=TOLERANCE)
    assert quantum_conditional_entropy(BELL, (2, 2)) == pytest.approx(-LN2, abs=TOLERANCE)
    assert negativity(BELL, (2, 2), 0) == pytest.approx(0.5, abs=TOLERANCE)


@pytest.mark.parametrize("p", [0.0, 0.2, 1 / 3, 0.7, 1.0])
def test_werner_states(p: float) -> None:
    """Eigenvalues (1 + 3 p) / 4 once and (1 - p) / 4 three times; entangled above p = 1/3."""
    rho = p * BELL + (1 - p) * np.eye(4) / 4
    spectrum = np.array([(1 + 3 * p) / 4, *3 * [(1 - p) / 4]])
    assert density_matrix_entropy(rho) == pytest.approx(entropy(spectrum), abs=TOLERANCE)
    information = 2 * LN2 - float(entropy(spectrum))
    assert quantum_mutual_information(rho, (2, 2)) == pytest.approx(information, abs=TOLERANCE)
    assert negativity(rho, (2, 2), 1) == pytest.approx(max(0.0, (3 * p - 1) / 4), abs=TOLERANCE)
    assert fidelity(rho, BELL) == pytest.approx((1 + 3 * p) / 4, abs=TOLERANCE)
    assert trace_distance(rho, BELL) == pytest.approx(0.75 * (1 - p), abs=TOLERANCE)
    assert purity(rho) == pytest.approx(np.sum(spectrum**2), abs=TOLERANCE)


def test_relative_entropy_of_one_bit() -> None:
    pure, mixed = np.diag([1.0, 0, 0, 0]), np.diag([0.5, 0.5, 0, 0])
    assert quantum_relative_entropy(pure, mixed) == pytest.approx(LN2, abs=TOLERANCE)
    assert quantum_relative_entropy(mixed, pure) == math.inf


@pytest.mark.parametrize("d", [2, 3, 5])
def test_maximally_entangled_states(d: int) -> None:
    psi = np.eye(d).reshape(-1) / math.sqrt(d)
    rho = np.outer(psi, psi)
    assert quantum_conditional_entropy(rho, (d, d)) == pytest.approx(-math.log(d), abs=1e-11)
    assert quantum_mutual_information(rho, (d, d)) == pytest.approx(2 * math.log(d), abs=1e-11)
    assert negativity(rho, (d, d), 0) == pytest.approx((d - 1) / 2, abs=1e-11)


def test_pure_qubits_by_their_overlap() -> None:
    """Fidelity is the squared overlap; both Rényi kinds and Holevo follow from it as well."""
    rng = np.random.default_rng(0)
    phi, psi = (v / np.linalg.norm(v) for v in rng.normal(size=(2, 3)) + 1j * rng.normal(size=3))
    rho, sigma = (np.outer(v, v.conj()) for v in (phi, psi))
    overlap = abs(np.vdot(phi, psi)) ** 2
    assert fidelity(rho, sigma) == pytest.approx(overlap, abs=1e-11)
    assert trace_distance(rho, sigma) == pytest.approx(math.sqrt(1 - overlap), abs=1e-11)
    both = np.array([1 + math.sqrt(overlap), 1 - math.sqrt(overlap)]) / 2
    holevo = holevo_information(np.stack([rho, sigma]), np.array([0.5, 0.5]))
    assert holevo == pytest.approx(float(entropy(both)), abs=1e-11)
    assert quantum_relative_entropy(rho, sigma) == math.inf
    petz = quantum_renyi_divergence(rho, sigma, 0.5, "petz")
    assert petz == pytest.approx(-2 * math.log(overlap), abs=1e-10)
    sandwiched = quantum_renyi_divergence(rho, sigma, 0.5)
    assert sandwiched == pytest.approx(-math.log(overlap), abs=1e-10)


ORDERS = (0.3, 0.5, 0.999, 1.0, 1.001, 2.0, 3.0)


@few
@given(seeds)
def test_diagonal_states_are_classical(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(6), size=2)
    p[0] = 0.0
    p = p / p.sum()
    rho, sigma = np.diag(p), np.diag(q)
    close = partial(pytest.approx, abs=1e-11)
    assert density_matrix_entropy(rho) == close(entropy(p))
    assert quantum_relative_entropy(rho, sigma) == close(kl_divergence(p, q))
    assert quantum_relative_entropy(sigma, rho) == math.inf
    assert trace_distance(rho, sigma) == close(total_variation(p, q))
    assert fidelity(rho, sigma) == close(np.sum(np.sqrt(p * q)) ** 2)
    for order in ORDERS:
        assert quantum_renyi_entropy(rho, order) == close(renyi_entropy(p, order))
        assert quantum_tsallis_entropy(rho, order) == close(tsallis_entropy(p, order))
        for kind in ("sandwiched", "petz")[order < 0.5 :]:
            found = quantum_renyi_divergence(rho, sigma, order, kind)
            # Rounding is divided by the distance of the order from 1.
            assert found == pytest.approx(renyi_divergence(p, q, order), abs=1e-10)
            back = quantum_renyi_divergence(sigma, rho, order, kind)
            assert back == pytest.approx(renyi_divergence(q, p, order), abs=1e-10)
    found = quantum_renyi_divergence(rho, sigma, math.inf)
    assert found == close(renyi_divergence(p, q, math.inf))
    joint = p.reshape(2, 3)
    assert quantum_mutual_information(rho, (2, 3)) == close(mutual_information(joint))
    assert quantum_conditional_entropy(rho, (2, 3)) == close(conditional_entropy(joint))


def test_holevo_of_commuting_states_is_mutual_information() -> None:
    rng = np.random.default_rng(1)
    laws, p = rng.dirichlet(np.ones(4), size=3), rng.dirichlet(np.ones(3))
    u = random_unitary(rng, 4)
    states = u @ (laws[:, :, None] * np.eye(4)) @ u.conj().T
    expected = mutual_information(p[:, None] * laws)
    assert holevo_information(states, p) == pytest.approx(expected, abs=TOLERANCE)


def test_partial_trace_and_transpose_of_products() -> None:
    rng = np.random.default_rng(2)
    a, b, c = (random_state(rng, n) for n in (2, 3, 4))
    whole, dims = product(a, b, c), (2, 3, 4)
    for keep, expected in {
        0: a,
        1: b,
        (2,): c,
        (0, 2): product(a, c),
        (2, 1): product(c, b),
    }.items():
        np.testing.assert_allclose(partial_trace(whole, dims, keep), expected, atol=1e-14)
    np.testing.assert_allclose(partial_trace(whole, dims, (2, 0, 1)), product(c, a, b), atol=1e-14)
    np.testing.assert_allclose(partial_trace(whole, dims, ()), [[1.0]], atol=1e-14)
    turned = partial_transpose(whole, dims, (0, 2))
    np.testing.assert_allclose(turned, product(a.T, b, c.T), atol=1e-14)


def test_partial_trace_against_sums() -> None:
    rng = np.random.default_rng(3)
    rho = random_state(rng, 12)
    split = rho.reshape(2, 3, 2, 2, 3, 2)
    np.testing.assert_allclose(
        partial_trace(rho, (2, 3, 2), (0, 2)), np.einsum("abcdbf->acdf", split).reshape(4, 4)
    )
    np.testing.assert_allclose(partial_trace(rho, (2, 3, 2), 1), np.einsum("abcaec->be", split))


@few
@given(seeds, st.integers(1, 4), st.sampled_from([None, 2]))
def test_against_functions_of_scipy(seed: int, n: int, rank: int | None) -> None:
    """Logarithms, powers and roots of matrices by another way, states of full rank."""
    rng = np.random.default_rng(seed)
    rho, sigma = (0.9 * random_state(rng, n, rank) + 0.1 * np.eye(n) / n for _ in range(2))
    log, root = scipy.linalg.logm, scipy.linalg.sqrtm
    s = -np.trace(rho @ log(rho)).real
    assert density_matrix_entropy(rho) == pytest.approx(s, abs=1e-10)
    relative = np.trace(rho @ (log(rho) - log(sigma))).real
    assert quantum_relative_entropy(rho, sigma) == pytest.approx(relative, abs=1e-10)
    squares = root(root(rho) @ sigma @ root(rho))
    assert fidelity(rho, sigma) == pytest.approx(np.trace(squares).real ** 2, abs=1e-9)
    singular = np.linalg.svd(rho - sigma, compute_uv=False)
    assert trace_distance(rho, sigma) == pytest.approx(singular.sum() / 2, abs=1e-12)
    power = scipy.linalg.fractional_matrix_power
    for order in (0.6, 1.7, 4.0):
        q = np.trace(power(rho, order) @ power(sigma, 1 - order)).real
        petz = quantum_renyi_divergence(rho, sigma, order, "petz")
        assert petz == pytest.approx(math.log(q) / (order - 1), abs=1e-8)
        outer = power(sigma, (1 - order) / (2 * order))
        q = np.trace(power(outer @ rho @ outer, order)).real
        sandwiched = quantum_renyi_divergence(rho, sigma, order)
        assert sandwiched == pytest.approx(math.log(q) / (order - 1), abs=1e-8)
    largest = np.linalg.eigvals(np.linalg.solve(sigma, rho)).real.max()
    top = quantum_renyi_divergence(rho, sigma, math.inf)
    assert top == pytest.approx(math.log(largest), abs=1e-9)


# Laws


@few
@given(seeds, st.integers(1, 8))
def test_laws_of_three_systems(seed: int, rank: int) -> None:
    rng = np.random.default_rng(seed)
    rho = random_state(rng, 12, rank)
    dims = (2, 3, 2)
    assert quantum_conditional_mutual_information(rho, dims, 0, 2, 1) >= -TOLERANCE
    assert quantum_conditional_mutual_information(rho, dims, 0, 1) >= -TOLERANCE
    by_parts = quantum_conditional_entropy(rho, dims, 0, 1) - quantum_conditional_entropy(
        rho, dims, 0, (1, 2)
    )
    found = quantum_conditional_mutual_information(rho, dims, 0, 2, 1)
    assert found == pytest.approx(by_parts, abs=TOLERANCE)
    # Araki and Lieb, and what is left out of a part tells nothing more.
    information = quantum_mutual_information(rho, dims, 0)
    assert -TOLERANCE <= quantum_mutual_information(rho, dims, 0, 1) <= information + TOLERANCE
    assert information <= 2 * LN2 + TOLERANCE
    assert abs(quantum_conditional_entropy(rho, dims)) <= LN2 + TOLERANCE


@few
@given(seeds, st.integers(1, 6), st.integers(1, 6))
def test_laws_of_two_states(seed: int, rank: int, other: int) -> None:
    rng = np.random.default_rng(seed)
    rho, sigma = random_state(rng, 6, rank), random_state(rng, 6, other)
    relative, t = quantum_relative_entropy(rho, sigma), trace_distance(rho, sigma)
    f = fidelity(rho, sigma)
    assert relative >= -TOLERANCE  # Klein
    assert relative >= 2 * t**2 - TOLERANCE  # Pinsker
    assert 1 - math.sqrt(f) - 1e-9 <= t <= math.sqrt(max(0.0, 1 - f)) + 1e-7
    assert fidelity(sigma, rho) == pytest.approx(f, abs=1e-9)
    u = random_unitary(rng, 6)
    turned = [u @ state @ u.conj().T for state in (rho, sigma)]
    assert density_matrix_entropy(turned[0]) == pytest.approx(
        density_matrix_entropy(rho), abs=1e-11
    )
    assert trace_distance(*turned) == pytest.approx(t, abs=1e-11)
    assert fidelity(*turned) == pytest.approx(f, abs=1e-9)
    if other == 6:
        assert quantum_relative_entropy(*turned) == pytest.approx(relative, rel=1e-9)
    # Data processing: forgetting a part brings states nearer.
    parts = [partial_trace(state, (2, 3), 1) for state in (rho, sigma)]
    assert quantum_relative_entropy(*parts) <= relative + 1e-9
    assert trace_distance(*parts) <= t + TOLERANCE
    assert fidelity(*parts) >= f - 1e-9
    for order, kind in ((0.5, "sandwiched"), (3.0, "sandwiched"), (0.4, "petz"), (1.8, "petz")):
        before = quantum_renyi_divergence(rho, sigma, order, kind)
        assert quantum_renyi_divergence(*parts, order, kind) <= before + 1e-8
    for order in (0.7, 1.5):
        petz = quantum_renyi_divergence(rho, sigma, order, "petz")
        assert quantum_renyi_divergence(rho, sigma, order) <= petz + 1e-9
    found = quantum_renyi_divergence(rho, sigma, 0.5)
    assert found == pytest.approx(-math.log(f), abs=1e-8)
    assert fidelity(rho, rho) == pytest.approx(1.0, abs=1e-9)
    assert quantum_relative_entropy(rho, rho) == pytest.approx(0.0, abs=1e-11)


@few
@given(seeds)
def test_holevo_bounds_what_a_measurement_tells(seed: int) -> None:
    rng = np.random.default_rng(seed)
    states = np.stack([random_state(rng, 3, rank) for rank in (1, 2, 3, 1)])
    p = rng.dirichlet(np.ones(4))
    chi = holevo_information(states, p)
    basis = random_unitary(rng, 3)
    outcomes = np.real(np.einsum("bi,kbc,ci->ki", basis.conj(), states, basis))
    assert mutual_information(p[:, None] * outcomes) <= chi + TOLERANCE
    assert chi <= min(math.log(3), float(entropy(p))) + TOLERANCE
    mean = np.tensordot(p, states, axes=1)
    by_divergence = sum(
        w * quantum_relative_entropy(s, mean) for w, s in zip(p, states, strict=True)
    )
    assert chi == pytest.approx(by_divergence, abs=1e-10)


# Markov entropy decomposition


def classical_chain(rng: np.random.Generator, length: int) -> np.ndarray:
    law = rng.dirichlet(np.ones(2))
    for _ in range(length - 1):
        law = law[..., None] * rng.dirichlet(np.ones(2), size=2)
    return np.diag(law.reshape(-1))


def test_decomposition_is_exact_on_a_classical_chain() -> None:
    rng = np.random.default_rng(4)
    rho, dims = classical_chain(rng, 4), (2, 2, 2, 2)
    exact = density_matrix_entropy(rho)
    assert markov_entropy_decomposition(rho, dims) == pytest.approx(exact, abs=TOLERANCE)
    assert markov_entropy_decomposition(rho, dims, 0) > exact + 1e-3
    # Turned in each system alone: the same chain, no longer diagonal.
    u = product(*(random_unitary(rng, 2) for _ in dims))
    found = markov_entropy_decomposition(u @ rho @ u.conj().T, dims)
    assert found == pytest.approx(exact, abs=1e-11)


def test_decomposition_is_exact_on_a_thermal_state_of_commuting_terms() -> None:
    """The cluster chain, of terms Z X Z on three neighbours, which commute."""
    x, z, one = np.array([[0, 1], [1, 0]]), np.diag([1, -1]), np.eye(2)
    length = 5
    energy = np.zeros((2**length, 2**length))
    for i in range(length - 2):
        terms = [one] * length
        terms[i], terms[i + 1], terms[i + 2] = z, x, z
        energy = energy + 0.7 * product(*terms)
    rho = scipy.linalg.expm(-energy)
    rho = rho / np.trace(rho)
    dims = (2,) * length
    exact = density_matrix_entropy(rho)
    found = [float(markov_entropy_decomposition(rho, dims, w)) for w in range(length)]
    assert found[2:] == pytest.approx([exact] * 3, abs=1e-11)
    assert found[0] > found[2] + 0.1


@few
@given(seeds, st.integers(1, 16))
def test_decomposition_is_an_upper_bound_that_shields_lower(seed: int, rank: int) -> None:
    rho, dims = random_state(np.random.default_rng(seed), 16, rank), (2, 2, 2, 2)
    found = [float(markov_entropy_decomposition(rho, dims, w)) for w in range(4)]
    assert found[3] == pytest.approx(density_matrix_entropy(rho), abs=1e-11)
    assert all(a >= b - TOLERANCE for a, b in itertools.pairwise(found))
    free = markov_entropy_decomposition(rho, dims, [(), (0,), (0,), (2, 0)])
    assert free >= found[3] - TOLERANCE


def test_decomposition_from_marginals() -> None:
    rho, dims = random_state(np.random.default_rng(5), 24), (2, 3, 2, 2)
    shields = [(), (0,), (1, 0), (2,)]
    marginals = [partial_trace(rho, dims, (*s, k)) for k, s in enumerate(shields)]
    found = markov_entropy_decomposition(marginals, dims, shields)
    assert found == pytest.approx(markov_entropy_decomposition(rho, dims, shields), abs=TOLERANCE)


def test_decomposition_of_a_long_chain_from_marginals() -> None:
    """Forty spins: 2^40 rows would not fit; the entropy rate of the chain is known."""
    stay = 0.8
    pair = np.diag([stay / 2, (1 - stay) / 2, (1 - stay) / 2, stay / 2])
    found = markov_entropy_decomposition([np.eye(2) / 2, *[pair] * 39], [2] * 40)
    rate = float(entropy(np.array([stay, 1 - stay])))
    assert found == pytest.approx(LN2 + 39 * rate, abs=1e-11)


# Libraries, batches and gradients

ONE_STATE: dict[str, Callable[[Any], Any]] = {
    "entropy": density_matrix_entropy,
    "renyi-0.5": partial(quantum_renyi_entropy, order=0.5),
    "renyi-3": partial(quantum_renyi_entropy, order=3),
    "tsallis-0.5": partial(quantum_tsallis_entropy, order=0.5),
    "tsallis-2": partial(quantum_tsallis_entropy, order=2),
    "purity": purity,
    "mutual": partial(quantum_mutual_information, dims=(2, 2)),
    "conditional": partial(quantum_conditional_entropy, dims=(2, 2)),
    "negativity": partial(negativity, dims=(2, 2), systems=0),
    "decomposition": partial(markov_entropy_decomposition, dims=(2, 2)),
    "decomposition-0": partial(markov_entropy_decomposition, dims=(2, 2), shields=0),
}
TWO_STATES: dict[str, Callable[[Any, Any], Any]] = {
    "relative": quantum_relative_entropy,
    "fidelity": fidelity,
    "trace-distance": trace_distance,
    **{
        f"{kind}-{order}": partial(quantum_renyi_divergence, order=order, kind=kind)
        for kind, order in [
            ("sandwiched", 0.6),
            ("sandwiched", 2.0),
            ("sandwiched", math.inf),
            ("petz", 0.4),
            ("petz", 1.7),
        ]
    },
}


def batch_of_states(seed: int = 6, count: int = 3, n: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([random_state(rng, n) for _ in range(count)])


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


# What is no state

WRONG = {
    "trace": (np.eye(2), "must have trace 1, got 2"),
    "negative": (np.diag([1.5, -0.5]), "positive semi-definite, got an eigenvalue of -0.5"),
    "asymmetric": (
        np.array([[0.5, 0.4], [0.0, 0.5]]),
        "must be Hermitian, got entries that differ",
    ),
    "nan": (np.array([[math.nan, 0], [0, 1.0]]), "must be finite"),
    "vector": (np.array([1.0, 0.0]), "square matrices"),
    "oblong": (np.ones((2, 3)), "square matrices"),
    "empty": (np.ones((0, 0)), "square matrices"),
}


@pytest.mark.parametrize(("matrix", "message"), WRONG.values(), ids=WRONG)
def test_wrong_matrices_are_refused(matrix: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_density_matrix(matrix)
    good = np.eye(2) / 2
    four = np.kron(matrix, good) if matrix.shape == (2, 2) else matrix
    for f in ONE_STATE.values():
        with pytest.raises(ValueError, match=message.split(",")[0]):
            f(four if "dims" in getattr(f, "keywords", {}) else matrix)
    for f in TWO_STATES.values():
        for pair in ((matrix, good), (good, matrix)):
            with pytest.raises(ValueError, match=message.split(",")[0]):
                f(*pair)


def test_one_wrong_matrix_of_a_batch_is_found() -> None:
    states = batch_of_states()
    states[1] *= 1.1
    with pytest.raises(ValueError, match=r"must have trace 1, got 1\.1"):
        check_density_matrix(states, "states")


def test_rounding_is_no_fault() -> None:
    rho = batch_of_states(15, 1, 4)[0]
    assert check_density_matrix(rho.astype(np.complex64)).dtype == np.complex64
    assert check_density_matrix(rho * (1 + 1e-12)) is not None
    pure = np.outer(*2 * [np.full(7, 1 / math.sqrt(7))])
    assert np.linalg.eigvalsh(pure)[0] < 0  # rounding
    assert density_matrix_entropy(pure) == pytest.approx(0.0, abs=1e-13)


def test_dimensions_and_indices_that_do_not_fit() -> None:
    rho = np.eye(4) / 4
    for dims in ((2, 3), (4, 0), ()):
        with pytest.raises(ValueError, match="dims must be the dimensions"):
            partial_trace(rho, dims, 0)
    wrong: Any
    for wrong in (5, (2.0, 2.0), "22"):
        with pytest.raises(ValueError, match="dims must be the dimensions"):
            partial_trace(rho, wrong, 0)
    numbers: Any = np.array([2, 2]), np.int64(1)
    assert partial_trace(rho, *numbers).shape == (2, 2)
    for wrong in ("0", 0.5, [None]):
        with pytest.raises(ValueError, match="keep must be distinct indices"):
            partial_trace(rho, (2, 2), wrong)
    for keep in (2, -1, (0, 0)):
        with pytest.raises(ValueError, match="keep must be distinct indices"):
            partial_trace(rho, (2, 2), keep)
    with pytest.raises(ValueError, match="b must share no subsystem"):
        quantum_mutual_information(rho, (2, 2), 0, (0, 1))
    with pytest.raises(ValueError, match="one size, got 4 and 2 rows"):
        fidelity(rho, np.eye(2) / 2)
    for order in (0, -1.0, math.nan):
        with pytest.raises(ValueError, match="order must be positive"):
            quantum_renyi_entropy(rho, order)
        for kind in ("sandwiched", "petz"):
            with pytest.raises(ValueError, match="order must be 1/2 or more"):
                quantum_renyi_divergence(rho, rho, order, kind)
    with pytest.raises(ValueError, match="finite for kind='petz'"):
        quantum_renyi_divergence(rho, rho, math.inf, "petz")
    with pytest.raises(ValueError, match="1/2 or more for kind='sandwiched'"):
        quantum_renyi_divergence(rho, rho, 0.4)
    with pytest.raises(ValueError, match="kind must be"):
        quantum_renyi_divergence(rho, rho, 2, "other")  # type: ignore[arg-type]


def test_wrong_ensembles_and_shields() -> None:
    states = np.stack([np.eye(2) / 2] * 2)
    for p in ([0.5, 0.6], [1.5, -0.5], [math.nan, 1.0]):
        with pytest.raises(ValueError, match="must be non-negative and sum to 1"):
            holevo_information(states, np.array(p))
    with pytest.raises(ValueError, match="one number for each state"):
        holevo_information(states, np.ones(3) / 3)
    rho = np.eye(4) / 4
    with pytest.raises(ValueError, match=r"shields\[1\] must hold subsystems before 1"):
        markov_entropy_decomposition(rho, (2, 2), [(), (1,)])
    with pytest.raises(ValueError, match="one shield for each of the 2"):
        markov_entropy_decomposition(rho, (2, 2), [()])
    with pytest.raises(ValueError, match="shields must be a whole number"):
        markov_entropy_decomposition(rho, (2, 2), -1)
    same: Any = np.int64(1), [(), 0]
    assert len({float(markov_entropy_decomposition(rho, (2, 2), s)) for s in same}) == 1
    with pytest.raises(ValueError, match="states must be positive semi-definite"):
        markov_entropy_decomposition(np.diag([0.8, 0.4, -0.4, 0.2]), (2, 2))
    with pytest.raises(ValueError, match="states must be positive semi-definite"):
        holevo_information(np.stack([np.diag([1.5, -0.5])] * 2), np.array([0.5, 0.5]))
    with pytest.raises(ValueError, match="one marginal for each of the 2"):
        markov_entropy_decomposition([rho], (2, 2))
    with pytest.raises(
        ValueError, match=r"states\[1\] must be the state of the subsystems \(0, 1\)"
    ):
        markov_entropy_decomposition([np.eye(2) / 2, np.eye(2) / 2], (2, 2))
