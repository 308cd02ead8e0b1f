r"""Couplings of two laws that only share what passes through a variable of bounded entropy.

In a chain X - T - Y, I(X, Y; T) = I(X; T) + I(Y; T) - I(X; Y), and this is at most H(T). So

.. math:: I(X; Y) \ge I(X; T) + I(Y; T) - H(T),

which the two halves can be made large by on their own: T with as much information about X as its
entropy allows, then a coupling of T and Y of least entropy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse

from infotheory._xp._namespace import Array, array_namespace
from infotheory.functional._coupling import solve
from infotheory.functional._coupling_bounds import majorise_profile
from infotheory.functional._entropy_bounded import maximize
from infotheory.functional._laws import Law, checked_law, checked_rate, entropy_of
from infotheory.functional._sparse_law import Cells, SparseLaw, cells_like


@dataclass(frozen=True, eq=False)
class BottleneckCoupling(SparseLaw):
    """A coupling of X and Y through a variable T.

    Parameters
    ----------
    indices, masses, shape
        The cells (x, y), the heaviest first, as in :class:`SparseLaw`.
    encoder, decoder : SparseLaw
        The joint laws of X and T and of T and Y.
    information : float
        I(X; Y) in nats.
    entropy : float
        H(T) in nats, at most ``rate``.
    rate : float
        The bound that was given.
    lower_bound : float
        I(X; T) + I(Y; T) - H(T), which ``information`` is never below.
    upper_bound : float
        Nats that I(X; Y) cannot exceed for any T within the rate.

    Notes
    -----
    ``gap`` is O(1), ``plan`` as ``joint`` in :class:`SparseLaw`. Made by
    :func:`minimum_entropy_coupling_with_bottleneck`, where the source is named (arXiv:2410.21666).

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import minimum_entropy_coupling_with_bottleneck
    >>> p = np.array([0.5, 0.25, 0.25])
    >>> coupling = minimum_entropy_coupling_with_bottleneck(p, p, np.log(2))
    >>> print(coupling.encoder.joint)
    [[0.5  0.  ]
     [0.   0.25]
     [0.   0.25]]
    """

    encoder: SparseLaw
    decoder: SparseLaw
    information: float
    entropy: float
    rate: float
    lower_bound: float
    upper_bound: float

    @property
    def gap(self) -> float:
        """Nats by which another coupling within the rate may have more information."""
        return self.upper_bound - self.information

    @property
    def plan(self) -> Array:
        """The dense array ``joint``."""
        return self.joint


def minimum_entropy_coupling_with_bottleneck(
    p_x: Array, p_y: Array, rate: float
) -> BottleneckCoupling:
    r"""Coupling X - T - Y with H(T) at most ``rate`` and much information between X and Y.

    Parameters
    ----------
    p_x, p_y : arrays of shape (k,) and (l,)
        Probabilities of X and of Y, of one array library; zeros are allowed.
    rate : float
        Largest H(T), in nats, at least 0.

    Returns
    -------
    BottleneckCoupling
        ``plan`` (dense, made when asked for), ``indices`` and ``masses`` (its cells), the joint
        laws ``encoder`` of (X, T) and ``decoder`` of (T, Y), ``information`` I(X; Y),
        ``entropy`` H(T), bounds on the information and the ``gap``. Arrays are of the
        library, dtype and device of ``p_x``, without gradient.

    Raises
    ------
    ValueError
        If a law is empty, negative, not finite or does not sum to 1 within the square root of
        the precision of its dtype, or the rate is negative.

    Notes
    -----
    The encoder is that of :func:`entropy_bounded_information_maximization`, the decoder that of
    :func:`minimum_entropy_coupling`. As the chain may be read from either end, T is also made of Y
    and coupled with X, and the better one returned. At a rate of 0 X and Y are independent; from
    the larger of their entropies on there is no bottleneck.

    The information is at least :math:`I(X; T) + I(Y; T) - H(T)` (``lower_bound``) and at most the
    rate and H(X) + H(Y) less the bound of :func:`coupling_entropy_bound` (``upper_bound``).
    Complexity: that of the two halves. Source: Ebrahimi, Chen and Khisti (2024), arXiv:2410.21666.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import minimum_entropy_coupling_with_bottleneck
    >>> p_x, p_y = np.array([0.5, 0.25, 0.25]), np.array([0.4, 0.3, 0.3])
    >>> for rate in (0.0, 0.5, np.inf):
    ...     coupling = minimum_entropy_coupling_with_bottleneck(p_x, p_y, rate)
    ...     print(f"{coupling.information:.4f} of at most {coupling.upper_bound:.4f}")
    0.0000 of at most 0.0000
    0.2115 of at most 0.5000
    0.7694 of at most 0.8387
    """
    x, y = checked_law(p_x, "p_x"), checked_law(p_y, "p_y")
    bound = checked_rate(rate)
    array_namespace(p_x, p_y)
    there = _chain(x, y, bound)
    back = _chain(y, x, bound)
    best = back.turned() if back.information > there.information else there
    t = best.middle(min(x.precision, y.precision))
    least = majorise_profile([np.sort(law.masses).tolist() for law in (x, y)])
    sides = entropy_of(x.masses) + entropy_of(y.masses)
    entropy = entropy_of(t.masses)
    lower = sides + entropy - entropy_of(best.encoder.masses) - entropy_of(best.decoder.masses)
    return BottleneckCoupling(
        **cells_like(best.plan, [x, y], p_x),
        encoder=SparseLaw(**cells_like(best.encoder, [x, t], p_x)),
        decoder=SparseLaw(**cells_like(best.decoder, [t, y], p_x)),
        information=best.information,
        entropy=entropy,
        rate=bound,
        # What is equal may differ by rounding.
        lower_bound=min(lower, best.information),
        upper_bound=max(min(bound, sides - least), best.information),
    )


class _Chain(NamedTuple):
    """Cells of (X, T), (T, Y) and (X, Y), and I(X; Y)."""

    encoder: Cells
    decoder: Cells
    plan: Cells
    information: float

    def turned(self) -> _Chain:
        """The same chain read from Y to X."""
        encoder, decoder, plan = (
            Cells(cells.places[:, ::-1], cells.masses)
            for cells in (self.decoder, self.encoder, self.plan)
        )
        return _Chain(encoder, decoder, plan, self.information)

    def middle(self, precision: float) -> Law:
        """The law of T."""
        masses = np.bincount(self.encoder.places[:, 1], self.encoder.masses)
        return Law(masses, np.arange(len(masses)), len(masses), precision)


def _chain(x: Law, y: Law, rate: float) -> _Chain:
    """T made of X, then coupled with Y."""
    encoder, _ = maximize(x.masses, rate)
    t = np.bincount(encoder.places[:, 1], encoder.masses)
    middle = Law(t, np.arange(len(t)), len(t), x.precision)
    decoder = solve([middle, y], "auto")[0]
    to_t = _matrix(encoder, (len(x.masses), len(t)))
    to_y = _matrix(
        Cells(decoder.places, decoder.masses / t[decoder.places[:, 0]]), (len(t), len(y.masses))
    )
    joint = (to_t @ to_y).tocoo()
    plan = Cells(np.stack([joint.row, joint.col], axis=1).astype(np.int64), joint.data)
    information = entropy_of(x.masses) + entropy_of(y.masses) - entropy_of(plan.masses)
    return _Chain(encoder, decoder, plan, information)


def _matrix(cells: Cells, shape: tuple[int, int]) -> scipy.sparse.csr_array:
    return scipy.sparse.csr_array((cells.masses, tuple(cells.places.T)), shape=shape)
