"""Capacity of a channel: the input law that tells most about itself at the output."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cached_property
from numbers import Real

import numpy as np
from array_api_compat import device

from infotheory._xp import array_namespace, detached_numpy, xlogy
from infotheory._xp._namespace import Array
from infotheory.functional._graph_cache import cached_on_graph
from infotheory.functional._law_tables import checked_channel
from infotheory.functional._sinkhorn_implicit import off_graph
from infotheory.functional._transport_checks import check_count, check_library, check_positive

_FASTER = 1.5  # the growth of the exponent of updates that go well
_UPDATES = 15  # before the interior point method takes over
_UPDATES_OF_LARGE = 100  # where a step of that costs as much as so many updates
_LARGE = 200  # the shorter side of a channel
_STEPS = 100  # of the interior point method
_TO_THE_WALL = 0.99  # share of the way to it that a step may go
_SHRINK, _SHRINK_FAST = 0.1, 0.01  # of the products that go to 0, the second after a whole step


@dataclass(frozen=True, eq=False)
class ChannelCapacity:
    r"""The capacity of a channel, between two bounds that hold whatever the solver did.

    Parameters
    ----------
    channel : array of shape (..., n, m)
        Law of the output given each input.
    cost : array of shape (..., n) or None
        What each input costs.
    price : float
        Nats that a unit of cost is worth.
    input_law : array of shape (..., n)
        The law of the input that was found.
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
    >>> from infotheory.functional import channel_capacity
    >>> found = channel_capacity(np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]]))
    >>> print(f"{found.lower_bound:.4f} {found.upper_bound:.4f} {found.output_law.round(4)}")
    0.2531 0.2531 [0.4 0.2 0.4]
    """

    channel: Array
    cost: Array | None
    price: float
    input_law: Array
    converged: bool
    n_iter: int
    notes: tuple[str, ...] = ()

    @cached_property
    def output_law(self) -> Array:
        """Law of the output, (..., m)."""
        return (self.input_law[..., None, :] @ off_graph(self.channel))[..., 0, :]

    @cached_on_graph
    def capacity(self) -> Array:
        """Mutual information of input and output under `input_law`, nats (...).

        With a price of 0 the capacity, less `gap` at most. With Torch its gradient with respect
        to the channel is that of the envelope: the input law is held.
        """
        xp = array_namespace(self.channel)
        law = self.input_law[..., :, None]
        output = xp.sum(law * self.channel, axis=-2)
        terms = xp.sum(law * xlogy(self.channel, self.channel), axis=(-2, -1))
        return terms - xp.sum(xlogy(output, output), axis=-1)

    @cached_on_graph
    def mean_cost(self) -> Array:
        """Mean cost of the input, (...); 0 without a cost."""
        xp = array_namespace(self.input_law)
        if self.cost is None:
            return xp.zeros_like(self.input_law[..., 0])
        return xp.sum(self.input_law * self.cost, axis=-1)

    @cached_property
    def lower_bound(self) -> Array:
        """Information less `price` times the mean cost of the input law that was found, (...)."""
        return off_graph(self.capacity) - self.price * self.mean_cost

    @cached_property
    def upper_bound(self) -> Array:
        """What no input law can exceed, (...): the best input against this output law."""
        worth = _worth(off_graph(self.channel), self.cost, self.price)
        gains = _gains(off_graph(self.channel), worth, self.input_law)
        return array_namespace(gains).max(gains, axis=-1)

    @cached_property
    def gap(self) -> Array:
        """`upper_bound` less `lower_bound`, (...)."""
        return self.upper_bound - self.lower_bound


def channel_capacity(
    channel: Array,
    *,
    cost: Array | None = None,
    price: float = 0.0,
    tol: float = 1e-6,
    max_iter: int = 1000,
) -> ChannelCapacity:
    r"""Capacity of a channel without memory, with bounds that prove it.

    Maximises :math:`I(X; Y) - s\, E[c(X)]` over laws of the input X, where s is the price of a
    unit of cost: a point of the curve of capacity against cost. Without a cost it is the capacity.

    Parameters
    ----------
    channel : array of shape (..., n, m)
        Law of the output given each input, each row of sum 1; zeros are allowed, and so are
        outputs that never occur. Leading axes are channels of their own.
    cost : array of shape (..., n), optional
        What each input costs, finite.
    price : float
        Nats that a unit of cost is worth, at least 0; needs a cost.
    tol : float
        Difference of the bounds, nats, at which to stop.
    max_iter : int
        Updates and interior point steps in all.

    Returns
    -------
    ChannelCapacity
        ``input_law``, and lazily ``capacity``, ``lower_bound``, ``upper_bound``, ``output_law``,
        ``mean_cost`` and more.

    Raises
    ------
    ValueError
        If the channel is negative or not finite, a row does not sum to 1 within the square root
        of the precision of its dtype, the cost does not fit, or price, tol or max_iter is out of
        its rule.
    TypeError
        If the channel or the cost is no array, or tol or max_iter no number of its kind.

    Warns
    -----
    RuntimeWarning
        If the bounds are further apart than `tol` after `max_iter`.

    Notes
    -----
    With r the law of the output, :math:`D_i = KL(W_i \| r) - s c_i` is what the input i gains. Then
    :math:`\sum_i p_i D_i` is the value at p, and no law has a value above :math:`\max_i D_i`. The
    update of Arimoto and Blahut multiplies p by :math:`e^{D_i}` and crawls where inputs vanish or
    the outputs differ little. Here it multiplies by powers of that which grow as long as the value
    gains as much as that update would, and a primal-dual interior point method goes on: some ten
    steps whatever the channel. O(n m) an update, O(min(n, m)^2 max(n, m)) a step. In float32 a gap
    of about 1e-6 is the least. Sources: Arimoto (1972), doi:10.1109/TIT.1972.1054753; Blahut
    (1972), doi:10.1109/TIT.1972.1054855.

    Examples
    --------
    A bit that is flipped with probability 0.11: half of it arrives.

    >>> import numpy as np
    >>> from infotheory.functional import channel_capacity
    >>> flips = np.array([[0.89, 0.11], [0.11, 0.89]])
    >>> found = channel_capacity(flips)
    >>> print(f"{found.capacity / np.log(2):.4f} bits with inputs {found.input_law}")
    0.5001 bits with inputs [0.5 0.5]
    """
    channel = checked_channel(channel)
    check_positive(tol=tol)
    check_count(1, max_iter=max_iter)
    cost = _checked_cost(cost, price, channel)
    plain = off_graph(channel)
    worth = _worth(plain, cost, price)
    most = _UPDATES if min(channel.shape[-2:]) <= _LARGE else _UPDATES_OF_LARGE
    law, updates = _updated(plain, worth, tol, min(max_iter, most))
    steps = 0
    if not _is_reached(plain, worth, law, tol):
        law, steps = _inner(plain, worth, law, tol, min(max_iter - updates, _STEPS))
    worst = float(np.max(detached_numpy(_gap(_gains(plain, worth, law), law))))
    notes = ()
    if not worst <= tol:
        notes = (
            f"The bounds on the capacity are {worst:.2g} nats apart (tol={tol:g}) after {updates} "
            f"updates and {steps} interior point steps: raise max_iter or tol, or use float64.",
        )
        warnings.warn(notes[0], RuntimeWarning, stacklevel=2)
    return ChannelCapacity(channel, cost, float(price), law, worst <= tol, updates + steps, notes)


def _checked_cost(cost: Array | None, price: float, channel: Array) -> Array | None:
    if isinstance(price, bool) or not isinstance(price, Real):
        raise TypeError(f"price must be a number of at least 0, got {price!r}. 0 ignores the cost.")
    if not (math.isfinite(price) and price >= 0):
        raise ValueError(f"price must be finite and at least 0, got {price}. 0 ignores the cost.")
    if cost is None:
        if price:
            raise ValueError(
                f"price must be 0 without a cost, got {price}. Pass what each input costs as cost."
            )
        return None
    xp = array_namespace(channel)
    check_library("cost", cost, channel)
    if not hasattr(cost, "dtype"):
        raise TypeError(f"cost must be an array, one entry for each input, got {cost!r}.")
    if not (xp.isdtype(cost.dtype, "real floating") or xp.isdtype(cost.dtype, "integral")):
        raise TypeError(f"cost must be real numbers, got dtype {cost.dtype}. Convert it.")
    values = off_graph(xp.astype(cost, channel.dtype))
    if values.shape[-1:] != channel.shape[-2:-1]:
        raise ValueError(
            f"cost must have {channel.shape[-2]} entries, one for each input, got shape "
            f"{tuple(values.shape)}."
        )
    if not bool(xp.all(xp.isfinite(values))):
        raise ValueError(
            "cost must be finite, got a missing or infinite entry. Leave that input out."
        )
    _check_worth(values, price)
    try:
        return xp.broadcast_to(values, channel.shape[:-1])
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"cost must fit the leading axes of channel, {tuple(channel.shape[:-2])}, got shape "
            f"{tuple(values.shape)}. Pass one cost for each input, or one for each channel too."
        ) from error


def _check_worth(cost: Array, price: float) -> None:
    """Raise where differences of costs, in nats, leave the range of the dtype."""
    found = detached_numpy(cost)
    with np.errstate(over="ignore"):
        nats = float(price) * np.abs(found.astype(np.float64)).max(initial=0.0)
    most = float(np.finfo(found.dtype).max) / 1e3
    if not nats <= most:
        raise ValueError(
            f"price times cost must be at most {most:.3g} nats for {found.dtype}, got {nats:.3g}. "
            f"Lower the price, or leave out inputs that are too dear to be used."
        )


def _worth(channel: Array, cost: Array | None, price: float) -> Array:
    """Minus the entropy of each row, less what its input costs."""
    negative_entropy = array_namespace(channel).sum(xlogy(channel, channel), axis=-1)
    return negative_entropy if cost is None else negative_entropy - price * cost


def _gains(channel: Array, worth: Array, law: Array) -> Array:
    """KL of each row to the law of the output, less the price of its input: (..., n)."""
    logs = _logs_of_output(channel, law)
    return worth - (channel @ logs[..., None])[..., 0]


def _logs_of_output(channel: Array, law: Array) -> Array:
    """ln r, with 0 for outputs that never occur."""
    output = (law[..., None, :] @ channel)[..., 0, :]
    xp = array_namespace(output)
    return xp.log(xp.where(output > 0, output, 1.0))


def _gap(gains: Array, law: Array) -> Array:
    """Upper less lower bound: never negative but for rounding."""
    xp = array_namespace(law)
    return xp.clip(xp.max(gains, axis=-1) - xp.sum(law * gains, axis=-1), 0.0, None)


def _is_reached(channel: Array, worth: Array, law: Array, tol: float) -> bool:
    return bool(array_namespace(law).all(_gap(_gains(channel, worth, law), law) <= tol))


def _updated(channel: Array, worth: Array, tol: float, most: int) -> tuple[Array, int]:
    """Updates by powers that grow while the value gains what a plain one would."""
    xp = array_namespace(channel)
    n = channel.shape[-2]
    law = xp.full(channel.shape[:-1], 1 / n, dtype=channel.dtype, device=device(channel))
    gains = _gains(channel, worth, law)
    power = xp.ones_like(law[..., :1])
    for count in range(most):
        if bool(xp.all(_gap(gains, law) <= tol)):
            return law, count
        top = xp.max(gains, axis=-1, keepdims=True)
        plain = law * xp.exp(gains - top)
        total = xp.sum(plain, axis=-1, keepdims=True)
        further = law * xp.exp(power * (gains - top))
        further = further / xp.sum(further, axis=-1, keepdims=True)
        new_gains = _gains(channel, worth, further)
        value = xp.sum(further * new_gains, axis=-1, keepdims=True)
        # The plain update has at least this value.
        is_good = value >= xp.log(total) + top
        law = xp.where(is_good, further, plain / total)
        if not bool(xp.all(is_good)):
            new_gains = _gains(channel, worth, law)
        gains = new_gains
        power = xp.where(is_good, power * _FASTER, 1.0)
    return law, most


def _inner(channel: Array, worth: Array, law: Array, tol: float, most: int) -> tuple[Array, int]:
    """Interior point steps on the law p, the slacks z = v - gains and the value v.

    The optimum has z >= 0, p >= 0, p z = 0 and sum p = 1. Steps are those of Newton for p z = mu
    with mu to 0.
    """
    xp = array_namespace(channel)
    n, m = channel.shape[-2:]
    # Away from the walls: vanished inputs would have no way back.
    p = 0.9 * law + 0.1 / n
    gains = _gains(channel, worth, p)
    spread = xp.max(gains, axis=-1, keepdims=True) - xp.min(gains, axis=-1, keepdims=True)
    v = xp.max(gains, axis=-1, keepdims=True) + 0.1 * spread
    z = v - gains
    shrink = xp.full_like(v, _SHRINK)
    best, least = law, _gap(_gains(channel, worth, law), law)
    eye = xp.eye(min(n, m), dtype=channel.dtype, device=device(channel))
    for count in range(most):
        total = xp.sum(p, axis=-1, keepdims=True)
        normal = p / total
        gap = _gap(_gains(channel, worth, normal), normal)
        is_best = gap < least
        best, least = xp.where(is_best[..., None], normal, best), xp.where(is_best, gap, least)
        goes_on = least > tol
        if not bool(xp.any(goes_on)):
            return best, count
        mu = shrink * xp.sum(p * z, axis=-1, keepdims=True) / n
        output = (p[..., None, :] @ channel)[..., 0, :]
        weights = xp.where(output > 0, 1 / xp.where(output > 0, output, 1.0), 0.0)
        root = xp.sqrt(p)
        scaled = root[..., :, None] * channel * xp.sqrt(weights)[..., None, :]
        gains = _gains(channel, worth, p) - 1  # the gradient of the value at p
        right = xp.stack([root * (gains + mu / p - (v - 1)), root], axis=-1)
        solved = root[..., :, None] * _solved(scaled, z, right, eye)
        along, ones = solved[..., 0], solved[..., 1]
        dv = (xp.sum(along, axis=-1, keepdims=True) + total - 1) / xp.sum(
            ones, axis=-1, keepdims=True
        )
        dp = along - dv * ones
        dz = (mu - p * z - z * dp) / p
        length = xp.ones_like(mu)
        for x, dx in ((p, dp), (z, dz)):
            way = xp.where(dx < 0, x / xp.where(dx < 0, -dx, 1.0), xp.inf)
            length = xp.minimum(length, _TO_THE_WALL * xp.min(way, axis=-1, keepdims=True))
        length = xp.where(goes_on[..., None], length, 0.0)
        p, z, v = p + length * dp, z + length * dz, v + length * dv
        shrink = xp.where(length > 0.9, _SHRINK_FAST, xp.full_like(length, _SHRINK))
    return best, most


def _solved(scaled: Array, z: Array, right: Array, eye: Array) -> Array:
    """(diag(z) + B B^T)^-1 b, by the shorter side of B."""
    xp = array_namespace(scaled)
    n, m = scaled.shape[-2:]
    turned = xp.matrix_transpose(scaled)
    if n <= m:
        return xp.linalg.solve(z[..., :, None] * eye + scaled @ turned, right)
    over = right / z[..., :, None]
    system = eye + (turned / z[..., None, :]) @ scaled
    return over - (scaled @ xp.linalg.solve(system, turned @ over)) / z[..., :, None]
