"""Rate against distortion: entropic transport whose second marginal is free."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from array_api_compat import device

from infotheory._xp import array_namespace, detached_numpy, safe_log
from infotheory._xp._namespace import Array
from infotheory.functional._sinkhorn_implicit import off_graph, once_differentiable
from infotheory.functional._transport_checks import check_positive, checked_cost, checked_weights

_FASTER = 1.5  # the growth of the exponent of updates that go well
_UPDATES = 50  # before the interior point method takes over
_STEPS = 200  # of it, for one problem
_TO_THE_WALL = 0.99  # share of the way to it that a step may go
_SHRINK, _SHRINK_FAST = 0.1, 0.01  # of the products that go to 0, the second after a whole step
_SLACK = 0.1  # share by which the start of the dual is inside its constraints


@dataclass(frozen=True, eq=False)
class RateDistortion:
    r"""A point of a rate-distortion curve: a channel, and how far at most it is from the best.

    Parameters
    ----------
    cost_matrix : array of shape (..., n, m)
        Distortion of each source symbol by each reproduction.
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

    @cached_property
    def channel(self) -> Array:
        """Law of the reproduction given each source symbol, (..., n, m)."""
        kernel = _kernel(off_graph(self.cost_matrix), self.epsilon)
        joint = kernel * self.weights[..., None, :]
        return joint / array_namespace(joint).sum(joint, axis=-1, keepdims=True)

    @cached_property
    def plan(self) -> Array:
        """Joint law of source and reproduction, (..., n, m); its first marginal is a."""
        return off_graph(self.a)[..., :, None] * self.channel

    @cached_property
    def law(self) -> Array:
        """Law of the reproduction, (..., m): the second marginal of the plan."""
        return array_namespace(self.plan).sum(self.plan, axis=-2)

    @cached_property
    def rate(self) -> Array:
        """Mutual information of source and reproduction, nats (...)."""
        xp = array_namespace(self.law)
        law = self.law[..., None, :]
        some = self.plan > 0
        ratio = self.channel / xp.where(law > 0, law, 1.0)
        return xp.sum(self.plan * safe_log(xp.where(some, ratio, 1.0)), axis=(-2, -1))

    @cached_property
    def distortion(self) -> Array:
        """Mean distortion, (...)."""
        cost = off_graph(self.cost_matrix)
        return array_namespace(cost).sum(cost * self.plan, axis=(-2, -1))

    @cached_property
    def _ratios(self) -> Array:
        """Law of the reproduction over the weights that make the channel."""
        cost, a = off_graph(self.cost_matrix), off_graph(self.a)
        return _ratios(_kernel(cost, self.epsilon), a, self.weights)[1]

    @cached_property
    def value(self) -> Array:
        """distortion + epsilon rate, (...): at least the least, and within `duality_gap`.

        With Torch its gradient is that of the envelope: the plan for the cost, and for the law of
        the source the potential -epsilon ln Z. A gradient of that gradient is refused.
        """
        xp = array_namespace(self.a)
        cost, a = once_differentiable(self.cost_matrix, self.a)
        least = xp.min(off_graph(cost), axis=-1, keepdims=True)
        weighted = self.weights[..., None, :] * xp.exp((least - cost) / self.epsilon)
        potential = least[..., 0] - self.epsilon * xp.log(xp.sum(weighted, axis=-1))
        moved = self.weights * self._ratios * safe_log(self._ratios)
        excess = xp.sum(xp.where(self._ratios > 0, moved, 0.0), axis=-1)
        return xp.sum(a * potential, axis=-1) - self.epsilon * excess

    @cached_property
    def duality_gap(self) -> Array:
        r"""How far at most `value` is above the least, (...).

        The rate is at most ``duality_gap / epsilon`` above the rate-distortion function at this
        distortion.
        """
        return self.epsilon * _gap(self.weights, self._ratios)


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
        Bound on the rate above the least at the same distortion, nats, at which to stop.
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
        match, or epsilon or tol is out of its rule.

    Warns
    -----
    RuntimeWarning
        If the bound is above `tol` after `max_iter`.

    Notes
    -----
    The weights q of the reproductions minimise the convex
    :math:`-\epsilon \sum_i a_i \ln \sum_j q_j e^{-C_{ij} / \epsilon}`. The update of Blahut and
    Arimoto multiplies q by the ratios c of the law of the reproduction to q, and crawls where
    reproductions vanish. Here it multiplies by powers of c that grow as long as the value falls,
    and a primal-dual interior point method goes on after 50 updates: some twenty steps whatever
    the problem. O(n m) an update, O(min(n, m)^2 max(n, m)) a step. The bound is
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
    a = checked_weights("a", a, cost.shape[:-1], cost, "row of cost")
    kernel = _kernel(off_graph(cost), epsilon)
    q, updates = _updated(kernel, off_graph(a), tol, min(max_iter, _UPDATES))
    steps = 0
    if not _is_reached(kernel, off_graph(a), q, tol):
        q, steps = _inner(kernel, off_graph(a), q, tol, min(max_iter - updates, _STEPS))
    worst = float(np.max(detached_numpy(_gap(q, _ratios(kernel, off_graph(a), q)[1]))))
    notes = ()
    if not worst <= tol:
        notes = (
            f"The rate is up to {worst:.2g} nats above the least (tol={tol:g}) after "
            f"{updates} updates and {steps} interior point steps: raise max_iter or tol, or use "
            f"float64.",
        )
        warnings.warn(notes[0], RuntimeWarning, stacklevel=2)
    return RateDistortion(cost, a, float(epsilon), q, worst <= tol, updates + steps, notes)


def _kernel(cost: Array, epsilon: float) -> Array:
    """exp(-C / epsilon) over its largest entry in each row, of which the channel knows nothing."""
    xp = array_namespace(cost)
    return xp.exp((xp.min(cost, axis=-1, keepdims=True) - cost) / epsilon)


def _ratios(kernel: Array, a: Array, q: Array) -> tuple[Array, Array]:
    """Sums over reproductions Z (..., n), and the law of the reproduction over q (..., m)."""
    sums = (kernel @ q[..., None])[..., 0]
    return sums, ((a / sums)[..., None, :] @ kernel)[..., 0, :]


def _gap(q: Array, ratios: Array) -> Array:
    """Blahut's bound on the value above the least, in epsilons: never negative but for rounding."""
    xp = array_namespace(q)
    logs = safe_log(xp.where(ratios > 0, ratios, 1.0))
    gap = xp.log(xp.max(ratios, axis=-1)) - xp.sum(q * ratios * logs, axis=-1)
    return xp.clip(gap, 0.0, None)


def _is_reached(kernel: Array, a: Array, q: Array, tol: float) -> bool:
    return bool(array_namespace(q).all(_gap(q, _ratios(kernel, a, q)[1]) <= tol))


def _updated(kernel: Array, a: Array, tol: float, most: int) -> tuple[Array, int]:
    """Updates by powers of the ratios, which grow while the value falls and else start again."""
    xp = array_namespace(kernel)
    m = kernel.shape[-1]
    q = xp.full((*kernel.shape[:-2], m), 1 / m, dtype=kernel.dtype, device=device(kernel))
    sums, ratios = _ratios(kernel, a, q)
    power = xp.ones_like(q[..., :1])
    for count in range(most):
        if bool(xp.all(_gap(q, ratios) <= tol)):
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


def _inner(kernel: Array, a: Array, q: Array, tol: float, most: int) -> tuple[Array, int]:
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
    best, least = q, _gap(q / xp.sum(q, axis=-1, keepdims=True), ratios)
    eye = xp.eye(min(n, m), dtype=kernel.dtype, device=device(kernel))
    for count in range(most):
        law = q / xp.sum(q, axis=-1, keepdims=True)
        gap = _gap(law, _ratios(kernel, a, law)[1])
        is_best = (gap < least)[..., None]
        best, least = xp.where(is_best, law, best), xp.where(gap < least, gap, least)
        goes_on = least > tol
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
