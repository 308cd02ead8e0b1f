"""Markov entropy decomposition: exact on chains, and an upper bound."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from quantum_states import LN2, TOLERANCE, few, product, random_state, random_unitary, seeds

from infotheory.functional import (
    density_matrix_entropy,
    entropy,
    markov_entropy_decomposition,
    partial_trace,
)


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
