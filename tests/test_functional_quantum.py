"""Quantum states: closed forms, and the laws of entropies and distances."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from quantum_states import BELL, LN2, TOLERANCE, few, product, random_state, random_unitary, seeds

from infotheory.functional import (
    conditional_entropy,
    density_matrix_entropy,
    entropy,
    fidelity,
    holevo_information,
    kl_divergence,
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
