"""Rate against distortion: entropic transport whose second marginal is free."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from array_api_compat import device

from infotheory._xp import array_namespace, detached_numpy, safe_log
from infotheory._xp._namespace import Array
from infotheory.functional._graph_cache import cached_on_graph
from infotheory.functional._sinkhorn_implicit import off_graph, once_differentiable
from infotheory.functional._sinkhorn_precision import in_double
from infotheory.functional._transport_checks import (
    check_count,
    check_positive,
    checked_cost,
    checked_weights,
)

_FASTER = 1.5  # the growth of the exponent of updates that go well
_UPDATES = 50  # before the interior point method takes over
_STEPS = 200  # of it, for one problem
_TO_THE_WALL = 0.99  # share of the way to it that a step may go
_SHRINK, _SHRINK_FAST = 0.1, 0.01  # of the products that go to 0, the second after a whole step
_SLACK = 0.1  # share by which the start of the dual is inside its constraints
_GONE = -1e4  # an exponent whose exponential is 0 in any float


@dataclass(frozen=True, eq=False)
class RateDistortion:
    r"""A point of a rate-distortion curve: a channel, and how far at most it is from the best.

    Parameters
    ----------
    cost_matrix : array of shape (..., n, m)
        Distortion of each source symbol by each reproduction, in the precision of the solver.
    a : array of shape (..., n)
        Law of the source.
    epsilon : float
        Distortion worth one nat: the slope of the curve is -1 / epsilon.
    weights : array of shape (..., m)
        Weights q of the reproductions in the channel :math:`q_j \exp(-C_{ij} / \epsilon) / Z_i`.
    converged : bool
        Whether all gaps are within the tolerance that was asked for.
    n_iter : int
    notes : tuple of str
    dtype : optional
        Of what is asked for; that of `cost_matrix` if None.

    Notes
    -----
    Everything else is computed when it is first asked for, and kept: O(n m) each. Source: Blahut
    (1972), doi:10.1109/TIT.1972.1054855.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import rate_distortion
    >>> found = rate_distortion(1 - np.eye(2), epsilon=0.5)
    >>> print(f"{found.rate:.4f} nats at distortion {found.distortion:.4f}")
    0.3278 nats at distortion 0.1192
    """

    cost_matrix: Array
    a: Array
    epsilon: float
    weights: Array
    converged: bool
    n_iter: int
    notes: tuple[str, ...] = ()
    dtype: Any = None

    def _as_given(self, x: Array) -> Array:
        """In the dtype of the cost that was passed."""
        if self.dtype is None or x.dtype == self.dtype:
            return x
        return array_namespace(x).astype(x, self.dtype)

    @cached_property
    def _exponent(self) -> Array:
        return _exponent(off_graph(self.cost_matrix), self.epsilon)

    @cached_property
    def _channel(self) -> Array:
        xp = array_namespace(self.weights)
        joint = xp.exp(self._exponent) * self.weights[..., None, :]
        return joint / xp.sum(joint, axis=-1, keepdims=True)

    @cached_property
    def _plan(self) -> Array:
        return off_graph(self.a)[..., :, None] * self._channel

    @cached_property
    def _law(self) -> Array:
        return array_namespace(self._plan).sum(self._plan, axis=-2)

    @cached_property
    def channel(self) -> Array:
        """Law of the reproduction given each source symbol, (..., n, m)."""
        return self._as_given(self._channel)

    @cached_property
    def plan(self) -> Array:
        """Joint law of source and reproduction, (..., n, m); its first marginal is a."""
        return self._as_given(self._plan)

    @cached_property
    def law(self) -> Array:
        """Law of the reproduction, (..., m): the second marginal of the plan."""
        return self._as_given(self._law)

    @cached_property
    def rate(self) -> Array:
        """Mutual information of source and reproduction, nats (...)."""
        xp = array_namespace(self._law)
        law = self._law[..., None, :]
        ratio = self._channel / xp.where(law > 0, law, 1.0)
        terms = self._plan * safe_log(xp.where(self._plan > 0, ratio, 1.0))
        return self._as_given(xp.sum(terms, axis=(-2, -1)))

    @cached_property
    def distortion(self) -> Array:
        """Mean distortion, (...)."""
        cost = off_graph(self.cost_matrix)
        return self._as_given(array_namespace(cost).sum(cost * self._plan, axis=(-2, -1)))

    @cached_property
    def _excess(self) -> Array:
        return _excess(self._exponent, off_graph(self.a), self.weights)

    @cached_on_graph
    def value(self) -> Array:
        """distortion + epsilon rate, (...): at least the least, and within `duality_gap`.

        With Torch its gradient is that of the envelope: the plan for the cost, and for the law of
        the source the potential -epsilon ln Z. A gradient of that gradient is refused.
        """
        xp = array_namespace(self.a)
        cost, a = once_differentiable(self.cost_matrix, self.a)
        least = xp.min(off_graph(cost), axis=-1)
        potential = least - self.epsilon * _log_sums(_exponent(cost, self.epsilon), self.weights)
        lost = _divergence(self.weights, self._excess)
        return self._as_given(xp.sum(a * potential, axis=-1) - self.epsilon * lost)

    @cached_property
    def duality_gap(self) -> Array:
        r"""How far at most `value` is above the least, (...).

        The rate is at most ``duality_gap / epsilon`` above the rate-distortion function at this
        distortion.
        """
        return self._as_given(self.epsilon * _gap(self.weights, self._excess))


def rate_distortion(
    cost: Array,
    a: Array | None = None,
    *,
    epsilon: float,
    tol: float = 1e-6,
    max_iter: int = 1000,
) -> RateDistortion:
    r"""The point of a rate-distortion curve where it has slope -1 / epsilon.

    Minimises :math:`\langle C, P \rangle + \epsilon I(P)` over joint laws P with first marginal a,
    where I is the mutual information: entropic transport to a marginal that is free.

    Parameters
    ----------
    cost : array of shape (..., n, m)
        Distortion of each source symbol by each reproduction, finite. Leading axes are problems
        of their own.
    a : array of shape (..., n), optional
        Law of the source, with sum 1, zeros allowed; uniform if None.
    epsilon : float
        Distortion worth one nat.
    tol : float
        Bound at which to stop: on the rate above the least at the same distortion, nats, and on
        the value above the least, as a share of the range of the costs of one symbol.
    max_iter : int
        Updates and interior point steps in all.

    Returns
    -------
    RateDistortion
        Lazily ``rate`` (nats), ``distortion``, ``law``, ``plan``, ``duality_gap`` and more.

    Raises
    ------
    ValueError
        If cost or a are not finite, a is negative or does not sum to 1 within 1e-6, shapes do not
        match, or epsilon, tol or max_iter is out of its rule.
    TypeError
        If cost or a are no arrays, or a number is none of its kind.

    Warns
    -----
    RuntimeWarning
        If the bound is above `tol` after `max_iter`.

    Notes
    -----
    The weights q of the reproductions minimise the convex
    :math:`-\epsilon \sum_i a_i \ln \sum_j q_j e^{-C_{ij} / \epsilon}`. The update of Blahut and
    Arimoto multiplies q by the ratios c of the law of the reproduction to q, and crawls where
    reproductions vanish. Here a single reproduction is tried first, the best where epsilon is
    large and nothing is worth sending. Otherwise updates multiply by powers of c that grow as long
    as the value falls, and a primal-dual interior point method goes on after 50 of them: some
    twenty steps whatever the problem. O(n m) an update, O(min(n, m)^2 max(n, m)) a step. The bound
    is
    :math:`\epsilon (\ln \max_j c_j - \sum_j q_j c_j \ln c_j)` (Blahut 1972,
    doi:10.1109/TIT.1972.1054855).

    Examples
    --------
    A fair bit with errors counted: the rate is ln 2 less the entropy of the errors.

    >>> import numpy as np
    >>> from infotheory.functional import entropy, rate_distortion
    >>> found = rate_distortion(1 - np.eye(2), epsilon=0.5)
    >>> errors = np.array([found.distortion, 1 - found.distortion])
    >>> print(f"{found.rate:.4f} {np.log(2) - entropy(errors):.4f}")
    0.3278 0.3278
    """
    cost = checked_cost(cost)
    check_positive(epsilon=epsilon, tol=tol)
    check_count(0, max_iter=max_iter)
    a = checked_weights("a", a, cost.shape[:-1], cost, "row of cost")
    xp, given = array_namespace(cost), cost.dtype
    cost, a = in_double(cost, a)
    if given != cost.dtype:
        # Sums that were 1 in fewer digits are not yet in more.
        a = a / xp.sum(a, axis=-1, keepdims=True)
    q, excess, goal, counts = _solved(off_graph(cost), off_graph(a), float(epsilon), tol, max_iter)
    gap = _gap(q, excess)
    is_reached, notes = bool(xp.all(gap <= goal)), ()
    if not is_reached:
        worst = float(np.max(detached_numpy(tol * gap / goal)))
        notes = (
            f"The rate is up to {worst:.2g} nats above the least (tol={tol:g}) after "
            f"{counts[0]} updates and {counts[1]} interior point steps: raise max_iter or tol, or "
            f"use float64.",
        )
        warnings.warn(notes[0], RuntimeWarning, stacklevel=2)
    return RateDistortion(cost, a, float(epsilon), q, is_reached, sum(counts), notes, given)


def _solved(
    cost: Array, a: Array, epsilon: float, tol: float, max_iter: int
) -> tuple[Array, Array, Array, tuple[int, int]]:
    """Weights, the excess of their ratios, the gaps to reach, and updates and steps taken."""
    xp = array_namespace(cost)
    exponent = _exponent(cost, epsilon)
    # In nats, a share of a range of costs that is small beside epsilon is small, too.
    goal = tol * xp.clip(-xp.min(exponent, axis=(-2, -1)), None, 1.0)
    mean = xp.sum(a[..., :, None] * exponent, axis=-2)
    one = xp.arange(cost.shape[-1], device=device(cost)) == xp.argmax(mean, axis=-1, keepdims=True)
    single = xp.astype(one, cost.dtype)
    excess = _excess(exponent, a, single)
    # Where all costs of each symbol are equal, nothing is left to reach.
    is_single = _gap(single, excess) <= goal
    if bool(xp.all(is_single)):
        return single, excess, goal, (0, 0)
    kernel, wanted = xp.exp(exponent), xp.where(is_single, xp.inf, goal)
    q, updates = _updated(kernel, a, wanted, min(max_iter, _UPDATES))
    steps = 0
    if not _is_reached(kernel, a, q, wanted):
        q, steps = _inner(kernel, a, q, wanted, min(max_iter - updates, _STEPS))
    q = xp.where(is_single[..., None], single, q)
    return q, _excess(exponent, a, q), goal, (updates, steps)


def _exponent(cost: Array, epsilon: float) -> Array:
    """-C / epsilon less its largest entry in each row, of which the channel knows nothing."""
    xp = array_namespace(cost)
    lower = xp.min(off_graph(cost), axis=-1, keepdims=True) - cost
    return xp.clip(lower, _GONE * epsilon, None) / epsilon


def _log_sums(exponent: Array, q: Array) -> Array:
    """ln Z, (..., n), by what Z lacks of 1 where that is little, as it is at large epsilons."""
    xp = array_namespace(exponent)
    less = xp.sum(q[..., None, :] * xp.expm1(exponent), axis=-1)
    few = less < -0.5
    sums = xp.sum(q[..., None, :] * xp.exp(exponent), axis=-1)
    return xp.where(few, xp.log(xp.where(few, sums, 1.0)), xp.log1p(xp.where(few, 0.0, less)))


def _excess(exponent: Array, a: Array, q: Array) -> Array:
    """The law of the reproduction over q, less 1, (..., m), to a share of the exponents."""
    xp = array_namespace(exponent)
    kernel, lacks = xp.exp(exponent), xp.expm1(exponent)
    less = xp.sum(q[..., None, :] * lacks, axis=-1)[..., None]
    few = less < -0.5
    # Where none of the weight is near enough to count the excess is as large as floats go.
    sums = xp.clip(kernel @ q[..., None], float(xp.finfo(q.dtype).smallest_normal), None)
    sums = xp.where(few, sums, 1 + less)
    over = xp.where(few, kernel / sums - 1, (lacks - less) / sums)
    return xp.sum(a[..., :, None] * over, axis=-2)


def _divergence(q: Array, excess: Array) -> Array:
    """KL of the law of the reproduction to q."""
    xp = array_namespace(q)
    some = excess > -1
    logs = xp.log1p(xp.where(some, excess, 0.0))
    return xp.sum(xp.where(some, q * (1 + excess) * logs, 0.0), axis=-1)


def _ratios(kernel: Array, a: Array, q: Array) -> tuple[Array, Array]:
    """Sums over reproductions Z (..., n), and the law of the reproduction over q (..., m)."""
    sums = (kernel @ q[..., None])[..., 0]
    return sums, ((a / sums)[..., None, :] @ kernel)[..., 0, :]


def _gap(q: Array, excess: Array) -> Array:
    """Blahut's bound on the value above the least, in epsilons: never negative but for rounding."""
    xp = array_namespace(q)
    gap = xp.log1p(xp.max(excess, axis=-1)) - _divergence(q, excess)
    return xp.clip(gap, 0.0, None)


def _is_reached(kernel: Array, a: Array, q: Array, goal: Array) -> bool:
    return bool(array_namespace(q).all(_gap(q, _ratios(kernel, a, q)[1] - 1) <= goal))


def _updated(kernel: Array, a: Array, goal: Array, most: int) -> tuple[Array, int]:
    """Updates by powers of the ratios, which grow while the value falls and else start again."""
    xp = array_namespace(kernel)
    m = kernel.shape[-1]
    q = xp.full((*kernel.shape[:-2], m), 1 / m, dtype=kernel.dtype, device=device(kernel))
    sums, ratios = _ratios(kernel, a, q)
    power = xp.ones_like(q[..., :1])
    for count in range(most):
        if bool(xp.all(_gap(q, ratios - 1) <= goal)):
            return q, count
        logs = safe_log(xp.where(ratios > 0, ratios, 1.0))
        logs = xp.where(ratios > 0, power * logs, -xp.inf)
        further = q * xp.exp(logs - xp.max(logs, axis=-1, keepdims=True))
        further = further / xp.sum(further, axis=-1, keepdims=True)
        plain = q * ratios
        new_sums = (kernel @ further[..., None])[..., 0]
        gain = xp.sum(a * (xp.log(new_sums) - xp.log(sums)), axis=-1, keepdims=True)
        # The plain update raises the sum of logs by at least the divergence of the laws.
        logs = safe_log(xp.where(ratios > 0, ratios, 1.0))
        is_good = gain >= xp.sum(plain * logs, axis=-1, keepdims=True)
        q = xp.where(is_good, further, plain)
        power = xp.where(is_good, power * _FASTER, 1.0)
        sums, ratios = _ratios(kernel, a, q)
    return q, most


def _inner(kernel: Array, a: Array, q: Array, goal: Array, most: int) -> tuple[Array, int]:
    """Interior point steps on q and the dual w, which is at most a / Z.

    The optimum has w Kq = a, s = 1 - K^T w >= 0, q >= 0 and q s = 0. Steps are those of Newton for
    q s = mu with mu to 0; w stays inside its constraints.
    """
    xp = array_namespace(kernel)
    turned = xp.matrix_transpose(kernel)

    def of_rows(x: Array) -> Array:
        return (kernel @ x[..., None])[..., 0]

    def of_columns(x: Array) -> Array:
        return (turned @ x[..., None])[..., 0]

    n, m = kernel.shape[-2:]
    # Away from the walls: vanished weights would have no way back.
    q = 0.9 * q + 0.1 / m
    sums, ratios = _ratios(kernel, a, q)
    w = a / sums / ((1 + _SLACK) * xp.max(ratios, axis=-1, keepdims=True))
    s = 1 - of_columns(w)
    shrink = xp.full_like(q[..., :1], _SHRINK)
    best, least = q, _gap(q / xp.sum(q, axis=-1, keepdims=True), ratios - 1)
    eye = xp.eye(min(n, m), dtype=kernel.dtype, device=device(kernel))
    for count in range(most):
        law = q / xp.sum(q, axis=-1, keepdims=True)
        gap = _gap(law, _ratios(kernel, a, law)[1] - 1)
        is_best = (gap < least)[..., None]
        best, least = xp.where(is_best, law, best), xp.where(gap < least, gap, least)
        goes_on = least > goal
        if not bool(xp.any(goes_on)):
            return best, count
        p = of_rows(q)
        mu = shrink * xp.sum(q * s, axis=-1, keepdims=True) / m
        to_centre, off = mu - q * s, a - w * p
        if n <= m:
            root = xp.sqrt(w)
            scaled = root[..., :, None] * kernel * xp.sqrt(q / s)[..., None, :]
            system = p[..., :, None] * eye + scaled @ xp.matrix_transpose(scaled)
            over_root = off / xp.where(w > 0, root, 1.0)
            right = over_root - root * of_rows(to_centre / s)
            dw = root * xp.linalg.solve(system, right[..., None])[..., 0]
            dq = (to_centre + q * of_columns(dw)) / s
        else:
            root = xp.sqrt(q)
            scaled = xp.sqrt(w / p)[..., :, None] * kernel * root[..., None, :]
            system = s[..., :, None] * eye + xp.matrix_transpose(scaled) @ scaled
            right = to_centre / root + root * of_columns(off / p)
            dq = root * xp.linalg.solve(system, right[..., None])[..., 0]
            dw = (off - w * of_rows(dq)) / p
        ds = -of_columns(dw)
        length = xp.ones_like(mu)
        for x, dx in ((q, dq), (w, dw), (s, ds)):
            way = xp.where(dx < 0, x / xp.where(dx < 0, -dx, 1.0), xp.inf)
            # Rows without weight have w = dw = 0.
            length = xp.minimum(length, _TO_THE_WALL * xp.min(way, axis=-1, keepdims=True))
        length = xp.where(goes_on[..., None], length, 0.0)
        q, w = q + length * dq, w + length * dw
        s = s + length * ds
        shrink = xp.where(length > 0.9, _SHRINK_FAST, xp.full_like(length, _SHRINK))
    return best, most
