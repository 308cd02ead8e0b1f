"""What is no density matrix, no dimension and no ensemble is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from quantum_states import ONE_STATE, TWO_STATES, batch_of_states

from infotheory.functional import (
    check_density_matrix,
    density_matrix_entropy,
    fidelity,
    holevo_information,
    markov_entropy_decomposition,
    partial_trace,
    partial_transpose,
    quantum_mutual_information,
    quantum_renyi_divergence,
    quantum_renyi_entropy,
)

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


@pytest.mark.parametrize(
    "probabilities",
    [[0.5, 0.5], None, np.array(["a", "b"]), np.ma.MaskedArray([0.5, 0.5], mask=[0, 1])],
)
def test_probabilities_that_are_no_array_of_numbers(probabilities: Any) -> None:
    states = np.stack([np.diag([1.0, 0.0]), np.eye(2) / 2])
    with pytest.raises(TypeError, match="probabilities must"):
        holevo_information(states, probabilities)


def test_probabilities_of_integers_and_of_complex_numbers() -> None:
    states = np.stack([np.diag([1.0, 0.0]), np.eye(2) / 2])
    assert holevo_information(states, np.array([0, 1])) == pytest.approx(0.0)
    with pytest.raises(ValueError, match="probabilities must be real"):
        holevo_information(states, np.array([0.5 + 0j, 0.5 + 0j]))


@pytest.mark.parametrize("function", [partial_trace, partial_transpose])
def test_parts_of_what_is_no_square_matrix(function: Any) -> None:
    for bad in (np.ones(4), np.ones((3, 4)), np.array(1.0)):
        with pytest.raises(ValueError, match="rho must hold square matrices"):
            function(bad, (2, 2), 0)
    masked = np.ma.MaskedArray(np.eye(4) / 4, mask=np.eye(4))
    for bad in (np.eye(4).tolist(), None, masked):
        with pytest.raises(TypeError, match="rho must"):
            function(bad, (2, 2), 0)


def test_states_of_halves_objects_and_two_libraries() -> None:
    rho = np.eye(2) / 2
    for bad, words in (
        (rho.astype(np.float16), "single or double precision"),
        (rho.astype(object), "numbers"),
        (rho.astype(str), "numbers"),
    ):
        with pytest.raises(TypeError, match=f"rho must .*{words}"):
            density_matrix_entropy(bad)
    assert density_matrix_entropy(rho.astype(np.longdouble)) == pytest.approx(math.log(2))
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="rho must be an array of the library of all others"):
        fidelity(rho, torch.from_numpy(rho))
    with pytest.raises(TypeError, match="order must be a number"):
        quantum_renyi_divergence(rho, rho, "two")  # pyright: ignore[reportArgumentType]
