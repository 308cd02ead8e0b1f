"""States and constants of the tests of quantum information."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from infotheory.functional import (
    density_matrix_entropy,
    fidelity,
    markov_entropy_decomposition,
    negativity,
    purity,
    quantum_conditional_entropy,
    quantum_mutual_information,
    quantum_relative_entropy,
    quantum_renyi_divergence,
    quantum_renyi_entropy,
    quantum_tsallis_entropy,
    trace_distance,
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
