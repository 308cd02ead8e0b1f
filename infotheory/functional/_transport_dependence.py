"""Entropic transport between pairs and all pairings of their parts: dependence as a distance.

With n pairs the product of the margins has n^2 points. Where costs of x and of y add, its kernel
is a product, so that an update of either potential is a product of two n x n matrices. Notation:
K_x = exp(-C_x / eps), u = exp(f / eps) of the pairs, v = exp(g / eps) of the product, then
1 / v = K_x^T diag(u) K_y / n and 1 / u = diag(K_x v K_y^T) / n^2.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import device

from infotheory._xp import array_namespace, logsumexp
from infotheory._xp._namespace import Array
from infotheory.functional._sinkhorn_ascent import epsilon_path
from infotheory.functional._sinkhorn_divergence import to_itself
from infotheory.functional._sinkhorn_implicit import off_graph

_MEMORY = 6  # steps that an extrapolation knows of
_RIDGE = 1e-10
_FIRST_SHARE = 0.05  # of the largest cost, from which no path is needed
_STAGE_TOL = 1e-3  # error at which the path goes on
_BLOCK = 2**20  # entries of a sum in logs
_TOL_OF_ITSELF = 1e-6  # such plans cost little


@dataclass(frozen=True, eq=False)
class TransportDependence:
    r"""How far the law of pairs is from the product of its margins.

    Parameters
    ----------
    value : array of shape ()
        The Sinkhorn divergence of the two, in units of the cost.
    potentials : tuple of arrays of shape (n,), (n, n)
        First variation in the law of the pairs, and in that of all pairings: entry i, j is that of
        x of row i with y of row j. In units of the cost, off the graph of any gradient.
    marginal_error : float
        L1 distance from the weights of the pairs.
    converged : bool
    n_iter : int

    Notes
    -----
    Memory O(n^2). Source: Liu, Pal and Harchaoui (2022), arXiv:2112.15265.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import transport_dependence
    >>> x = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> found = transport_dependence(x, x, epsilon=0.01)
    >>> print(f"{found.value:.3f}", found.influence.round(3) + 0.0)
    0.493 [0. 0.]
    """

    value: Array
    potentials: tuple[Array, Array]
    marginal_error: float
    converged: bool
    n_iter: int

    @property
    def influence(self) -> Array:
        """What each row adds to the value to first order, (n,), with mean 0.

        Row i moves the law of the pairs, and both margins of the product.
        """
        xp = array_namespace(self.value)
        of_pairs, of_product = self.potentials
        total = of_pairs + xp.mean(of_product, axis=1) + xp.mean(of_product, axis=0)
        return total - xp.mean(total)


def transport_dependence(
    cost_x: Array,
    cost_y: Array,
    *,
    epsilon: float,
    tol: float = 1e-4,
    max_iter: int = 2000,
) -> TransportDependence:
    r"""Sinkhorn divergence between paired rows and all pairings of their two parts.

    Parameters
    ----------
    cost_x, cost_y : arrays of shape (n, n)
        Costs of moving x, and y, of each row to those of each other: symmetric, not negative, 0
        for equal rows. Moving a pair costs their sum.
    epsilon : float
        Strength of the regularisation, in units of the cost.
    tol : float
        L1 distance of the marginal of the plan from the weights of the pairs.
    max_iter : int

    Returns
    -------
    TransportDependence
        ``value`` carries gradients to the costs by the envelope.

    Warns
    -----
    RuntimeWarning
        If the plan did not converge.

    Notes
    -----
    At least 0, and 0 only if the rows are all pairings of their parts, where exp(-cost / epsilon)
    are positive definite kernels, as for the distance and its square. The plan of the product to
    itself is that of the margins, and that of the pairs to themselves one of n points. Complexity
    O(n^3) a step, by products of matrices, and some ten steps; memory O(n^2). Where a sum of
    exponentials underflows it is computed in logs. Source: Liu, Pal and Harchaoui (2022),
    arXiv:2112.15265.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import transport_cost, transport_dependence
    >>> rng = np.random.default_rng(0)
    >>> x, noise = rng.normal(size=(2, 200, 1))
    >>> c_x, c_y, c_noise = (transport_cost(v, v, "euclidean") for v in (x, x**2, noise))
    >>> print(f"{transport_dependence(c_x, c_y, epsilon=0.5).value:.2f}")
    0.24
    >>> print(f"{transport_dependence(c_x, c_noise, epsilon=0.5).value:.2f}")
    0.03
    """
    xp = array_namespace(cost_x)
    of_x, of_y = (_itself(cost, epsilon) for cost in (cost_x, cost_y))
    of_pairs = _itself(cost_x + cost_y, epsilon)
    h_x, h_y = of_x.dual[0], of_y.dual[0]
    log_u, log_v, error, n_iter = _down_the_path(cost_x, cost_y, epsilon, tol, max_iter)
    converged = error <= tol
    if not converged:
        warnings.warn(
            f"The marginal of the plan is off by {error:.2g} (tol={tol:g}) after {n_iter} steps: "
            f"raise epsilon or max_iter.",
            RuntimeWarning,
            stacklevel=2,
        )
    across = epsilon * (xp.mean(log_u) + xp.mean(log_v))
    if getattr(cost_x, "requires_grad", False) or getattr(cost_y, "requires_grad", False):
        # The dual is stationary in the potentials, so that only the mass varies with the costs.
        fresh = _Pairs(cost_x, cost_y, epsilon).log_u(log_v)
        across = across - epsilon * (xp.mean(xp.exp(log_u - fresh)) - 1)
    value = across - (of_pairs.value + of_x.value + of_y.value) / 2
    potentials = (
        epsilon * log_u - of_pairs.dual[0],
        epsilon * log_v - h_x[:, None] - h_y,
    )
    return TransportDependence(value, potentials, error, converged, n_iter)


def permuted_dependence(
    cost_x: np.ndarray, cost_y: np.ndarray, epsilon: float
) -> Callable[[np.ndarray], float]:
    """A statistic of the rows of x with those of y in another order, for permutation tests.

    The value after the first update from the potentials of the margins, which is below that of
    convergence by what is left, 1 to 15 % for independent rows: one product of matrices.
    """
    n = len(cost_x)
    of_x, of_y = (_itself(cost, epsilon).dual[0] for cost in (cost_x, cost_y))
    pairs = _Pairs(cost_x, cost_y, epsilon)

    def value(order: np.ndarray) -> float:
        f = of_x + of_y[order]
        # The columns of y count one by one, whatever their order.
        log_v = _Pairs.log_v(pairs.reordered(order), f / epsilon)
        joint = cost_x + cost_y[np.ix_(order, order)]
        weights = np.full(n, 1 / n)
        itself = to_itself(joint, weights, epsilon=epsilon, tol=1e-4, max_iter=1000, start=f)
        return float(epsilon * np.mean(log_v) - np.mean(itself.dual[0]))

    return value


def _itself(cost: Array, epsilon: float) -> Any:
    xp = array_namespace(cost)
    n = cost.shape[0]
    weights = xp.full((n,), 1 / n, dtype=cost.dtype, device=device(cost))
    return to_itself(cost, weights, epsilon=epsilon, tol=_TOL_OF_ITSELF, max_iter=1000)


class _Pairs:
    """Sums over pairs and over the product, by matrix products and in logs where they underflow."""

    def __init__(self, cost_x: Array, cost_y: Array, epsilon: float) -> None:
        self.xp, self.n = array_namespace(cost_x), cost_x.shape[0]
        self.of_x, self.of_y = -cost_x / epsilon, -cost_y / epsilon
        self.k_x, self.k_y = self.xp.exp(self.of_x), self.xp.exp(self.of_y)
        self.tiny = float(self.xp.finfo(cost_x.dtype).smallest_normal) ** 0.9

    def reordered(self, order: np.ndarray) -> _Pairs:
        """The same with the rows of y, though not its columns, in another order."""
        new = object.__new__(_Pairs)
        new.__dict__.update(self.__dict__)
        new.of_y, new.k_y = self.of_y[order], self.k_y[order]
        return new

    def log_v(self, log_u: Array) -> Array:
        """The exact update of the product, (n, n)."""
        xp, n = self.xp, self.n
        top = xp.max(log_u)
        sums = xp.matrix_transpose(self.k_x) @ (xp.exp(log_u - top)[:, None] * self.k_y)
        lost = ~(sums > self.tiny)
        found = xp.log(xp.where(lost, 1.0, sums)) + top
        if bool(xp.any(lost)):
            rows, columns = xp.nonzero(lost)
            exact = self._by_blocks(
                rows,
                columns,
                lambda i, j: logsumexp(log_u[:, None] + self._exponents(i, j), axis=0),
            )
            found = self._put(found, lost, xp.concat(exact))
        return math.log(n) - found

    def log_u(self, log_v: Array) -> Array:
        """What the exact update of the pairs would be, (n,)."""
        xp, n = self.xp, self.n
        # Entries that exp cannot hold are summed apart.
        middle = xp.min(log_v)
        held = log_v - middle < -math.log(self.tiny)
        v = xp.where(held, xp.exp(xp.where(held, log_v - middle, 0.0)), 0.0)
        sums = xp.sum((self.k_x @ v) * self.k_y, axis=1)
        some = sums > self.tiny
        logs = xp.where(some, xp.log(xp.where(some, sums, 1.0)) + middle, -math.inf)
        if not bool(xp.all(held)):
            rows, columns = xp.nonzero(~held)
            parts = self._by_blocks(
                rows,
                columns,
                lambda i, j: logsumexp(
                    self._exponents(i, j) + xp.take(self._flat(log_v), i * n + j), axis=1
                ),
            )
            logs = logsumexp(xp.stack([logs, *parts]), axis=0)
        return 2 * math.log(n) - logs

    def _exponents(self, rows: Array, columns: Array) -> Array:
        """Log kernel of every pair with some points of the product: (n, l)."""
        xp = self.xp
        return xp.take(self.of_x, rows, axis=1) + xp.take(self.of_y, columns, axis=1)

    def _by_blocks(
        self, rows: Array, columns: Array, summed: Callable[[Array, Array], Array]
    ) -> list[Array]:
        some, size = max(1, _BLOCK // self.n), rows.shape[0]
        parts = [slice(k, min(k + some, size)) for k in range(0, size, some)]
        return [summed(rows[part], columns[part]) for part in parts]

    def _flat(self, table: Array) -> Array:
        return self.xp.reshape(table, (-1,))

    def _put(self, table: Array, where: Array, values: Array) -> Array:
        """The table with these values where the mask is, in order."""
        xp = self.xp
        count = xp.cumulative_sum(xp.astype(self._flat(where), xp.int64)) - 1
        spread = xp.take(values, xp.clip(count, 0, None))
        return xp.where(where, xp.reshape(spread, table.shape), table)


def _down_the_path(
    cost_x: Array, cost_y: Array, epsilon: float, tol: float, max_iter: int
) -> tuple[Array, Array, float, int]:
    """Potentials by way of larger epsilons where rows are far from all others.

    There the potentials of such rows would else move by a little of epsilon in each step.
    """
    cost_x, cost_y = off_graph(cost_x), off_graph(cost_y)
    xp = array_namespace(cost_x)
    farthest = float(xp.max(cost_x) + xp.max(cost_y))
    path = epsilon_path(epsilon, farthest, _FIRST_SHARE)
    of_x, of_y = (_itself(cost, path[0]).dual[0] for cost in (cost_x, cost_y))
    f, count = of_x + of_y, 0
    for level in path[:-1]:
        log_u, _, _, steps = _climb(
            _Pairs(cost_x, cost_y, level),
            f / level,
            max(tol, _STAGE_TOL),
            max(1, max_iter - count),
        )
        f, count = level * log_u, count + steps
    last = _Pairs(cost_x, cost_y, epsilon)
    log_u, log_v, error, steps = _climb(last, f / epsilon, tol, max(1, max_iter - count))
    return log_u, log_v, error, count + steps


def _climb(
    pairs: _Pairs, log_u: Array, tol: float, max_iter: int
) -> tuple[Array, Array, float, int]:
    """Alternating updates, extrapolated from the last few where the dual value does not fall."""
    xp = pairs.xp
    starts: list[Array] = []
    changes: list[Array] = []
    best, fallback = -math.inf, log_u
    for count in range(1, max_iter + 1):
        log_v = pairs.log_v(log_u)
        dual = float(xp.mean(log_u) + xp.mean(log_v))
        if starts and count < max_iter and not dual >= best - 1e-9 * abs(best):
            # Go on from the last point by a plain update, which never lowers the dual.
            log_u, starts, changes = fallback, [], []
            best = -math.inf
            continue
        best = dual
        change = pairs.log_u(log_v) - log_u
        error = float(xp.mean(xp.abs(xp.exp(-change) - 1)))
        if error <= tol or count == max_iter:
            return log_u, log_v, error, count
        fallback = log_u + change
        starts, changes = [*starts[1 - _MEMORY :], log_u], [*changes[1 - _MEMORY :], change]
        log_u = _extrapolated(starts, changes)
    raise AssertionError("the loop returns")


def _extrapolated(starts: list[Array], changes: list[Array]) -> Array:
    """Where the change would vanish if it were linear in the start (Anderson 1965)."""
    xp = array_namespace(changes[-1])
    plain = starts[-1] + changes[-1]
    if len(starts) < 2:
        return plain
    by_change = xp.stack([changes[-1] - c for c in changes[:-1]], axis=1)
    by_start = xp.stack([starts[-1] - s for s in starts[:-1]], axis=1)
    gram = xp.matrix_transpose(by_change) @ by_change
    k = gram.shape[0]
    scale = float(xp.max(xp.linalg.diagonal(gram)))
    if not scale > 0:
        return plain
    ridge = _RIDGE * scale * xp.eye(k, dtype=gram.dtype, device=device(gram))
    right = xp.matrix_transpose(by_change) @ changes[-1][:, None]
    share = xp.linalg.solve(gram + ridge, right)
    return plain - ((by_start + by_change) @ share)[:, 0]
