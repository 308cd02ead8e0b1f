"""Entropy of a chain of quantum systems from the states of a few neighbours at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from infotheory._xp._namespace import Array
from infotheory.functional._density_matrix import (
    as_indices,
    check_dims,
    check_systems,
    checked_state,
)
from infotheory.functional._quantum_entropies import state_entropy
from infotheory.functional._quantum_states import partial_trace


def markov_entropy_decomposition(
    states: Array | Sequence[Array],
    dims: Sequence[int],
    shields: int | Sequence[Sequence[int]] = 1,
) -> Array:
    r"""Markov entropy decomposition: an upper bound on the entropy from small marginals.

    Parameters
    ----------
    states : array of shape (..., n, n), or sequence of arrays
        Density matrices of all subsystems together, or a list with one marginal for each
        subsystem k, of its shield and k itself, in this order: (..., m_k, m_k). Marginals belong
        to one state of the whole, or nothing is bounded.
    dims : sequence of int
        Dimension of each subsystem, in the order in which they are added.
    shields : int or sequence of sequences of int
        For each subsystem k the earlier ones that it is conditioned on, any of 0, ..., k - 1. A
        number w stands for the w subsystems before k.

    Returns
    -------
    array of shape (...)
        :math:`\sum_k S(k | M_k)` in nats with the shields :math:`M_k`: at least the entropy of the
        whole, by strong subadditivity, and equal to it where each k, its shield and what came
        before are a quantum Markov chain. It never grows when a shield does. Differentiable.

    Raises
    ------
    ValueError
        If a shield holds subsystems that are not earlier, the shapes do not fit, or a matrix is
        not finite, not Hermitian, not positive semi-definite or not of trace 1.

    Notes
    -----
    With H a sum of terms that each act within one shield and its subsystem,
    :math:`\mathrm{tr} H \rho - T \sum_k S(k | M_k)` is a lower bound on the free energy, and convex
    in the marginals: minimised over marginals that agree where they overlap, it bounds the free
    energy of the whole. Complexity :math:`O(\sum_k m_k^3)` from marginals; those of a state of all
    subsystems cost O(n^2) each. Source: Poulin and Hastings (2011), arXiv:1012.2050.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import density_matrix_entropy, markov_entropy_decomposition
    >>> ghz = np.zeros((8, 8))
    >>> ghz[::7, ::7] = 0.5
    >>> for width in (0, 1, 2):
    ...     print(f"{markov_entropy_decomposition(ghz, (2, 2, 2), width):.4f}")
    2.0794
    0.6931
    0.0000
    >>> print(f"{density_matrix_entropy(ghz):.4f}")
    0.0000
    """
    sizes = check_dims(math.prod(as_indices(dims) or ()), dims)
    chosen = _shields(shields, len(sizes))
    listed = isinstance(states, (list, tuple))
    if listed and len(states) != len(sizes):
        raise ValueError(
            f"states must hold one marginal for each of the {len(sizes)} subsystems, got "
            f"{len(states)}. The first one is the state of subsystem 0 alone."
        )
    whole = None if listed else checked_state(states, "states")
    if whole is not None:
        check_dims(whole.shape[-1], sizes)
    terms = []
    for k, shield in enumerate(chosen):
        group = (*shield, k)
        if whole is None:
            marginal = checked_state(states[k], f"states[{k}]")
            _check_marginal(marginal.shape[-1], [sizes[s] for s in group], group)
        else:
            marginal = partial_trace(whole, sizes, group)
        condition = partial_trace(marginal, [sizes[s] for s in group], tuple(range(len(shield))))
        terms.append(
            state_entropy(marginal, name="states") - state_entropy(condition, name="states")
        )
    return sum(terms[1:], terms[0])


def _shields(shields: int | Sequence[Sequence[int]], count: int) -> list[tuple[int, ...]]:
    """The shield of each subsystem."""
    if not isinstance(shields, Iterable):
        width = as_indices(shields)
        if width is None or width[0] < 0:
            raise ValueError(
                f"shields must be a whole number, 0 or more, or a shield for each subsystem, got "
                f"{shields!r}. 0 is no shield."
            )
        return [tuple(range(max(0, k - width[0]), k)) for k in range(count)]
    if len(shields) != count:
        raise ValueError(
            f"shields must hold one shield for each of the {count} subsystems, got {len(shields)}. "
            f"The first one is empty."
        )
    chosen = []
    for k, shield in enumerate(shields):
        chosen.append(check_systems(shield, count, f"shields[{k}]"))
        if any(s >= k for s in chosen[k]):
            raise ValueError(
                f"shields[{k}] must hold subsystems before {k} only, got {chosen[k]}. Only "
                f"earlier ones make the sum a bound; put the subsystems in another order."
            )
    return chosen


def _check_marginal(size: int, wanted: Sequence[int], group: Sequence[int]) -> None:
    if size != math.prod(wanted):
        raise ValueError(
            f"states[{group[-1]}] must be the state of the subsystems {tuple(group)}, of dimension "
            f"{math.prod(wanted)}, got {size} rows. Take it with partial_trace(rho, dims, {group})."
        )
