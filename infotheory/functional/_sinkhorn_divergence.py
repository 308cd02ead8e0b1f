"""The Sinkhorn divergence: entropic transport without what it costs to stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from infotheory._xp import array_namespace, safe_log
from infotheory._xp._namespace import Array, as_float
from infotheory.functional._graph_cache import cached_on_graph
from infotheory.functional._sinkhorn import sinkhorn
from infotheory.functional._sinkhorn_implicit import off_graph
from infotheory.functional._sinkhorn_kernels import soft_minimum
from infotheory.functional._sinkhorn_plan import EntropicPlan
from infotheory.functional._sinkhorn_precision import in_double
from infotheory.functional._transport_checks import check_untransformed
from infotheory.functional._transport_costs import namespace_of_points, transport_cost

_MOST_SWEEPS = 100  # of a plan of a law to itself; some twenty are enough
_STAYS_FREE = 1e-3  # of epsilon, that the cost of staying may be for the exponential to be safe


@dataclass(frozen=True, eq=False)
class DebiasedTransport:
    r"""Three entropic plans: between two laws, and between each of them and itself.

    Parameters
    ----------
    across, of_x, of_y : EntropicPlan

    Notes
    -----
    What is asked for is computed then, and kept: O(n m + n^2 + m^2). Source: Feydy et al. (2019),
    arXiv:1810.08278.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import debiased_transport
    >>> X, Y = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])
    >>> found = debiased_transport(X, Y, 0.1)
    >>> f, g = found.potentials
    >>> print(f"{found.value:.4f} = {f.mean():.4f} + {g.mean():.4f}")
    2.0000 = 1.0000 + 1.0000
    """

    across: EntropicPlan
    of_x: EntropicPlan
    of_y: EntropicPlan

    @cached_on_graph
    def value(self) -> Array:
        """Dual value between the laws less half of those of each with itself, (...).

        Twice differentiable, as the value of each plan is.
        """
        value = self.across.full_value - (self.of_x.full_value + self.of_y.full_value) / 2
        return self.across._as_given(value)

    @cached_property
    def potentials(self) -> tuple[Array, Array]:
        r""":math:`f_{ab} - f_{aa}` and :math:`g_{ab} - g_{bb}`, (..., n) and (..., m).

        The first variation of the value in each law: what it gains per mass moved to a point. In
        units of the cost, off the graph of any gradient, with equal means.
        """
        f, g = self.across.fixed_potentials
        f, g = f - self.of_x.fixed_potentials[0], g - self.of_y.fixed_potentials[1]
        xp = array_namespace(f)
        a, b = off_graph(self.across.a), off_graph(self.across.b)
        half = (xp.sum(a * f, axis=-1) - xp.sum(b * g, axis=-1))[..., None] / 2
        return self.across._as_given(f - half), self.across._as_given(g + half)

    @property
    def converged(self) -> bool:
        """Whether all three plans did."""
        return self.across.converged and self.of_x.converged and self.of_y.converged

    @property
    def notes(self) -> tuple[str, ...]:
        """What the solvers said."""
        return (*self.across.notes, *self.of_x.notes, *self.of_y.notes)


def sinkhorn_divergence(
    X: Array,
    Y: Array,
    epsilon: float,
    *,
    a: Array | None = None,
    b: Array | None = None,
    cost: str | Callable[[Array, Array], Array] = "half-sqeuclidean",
    tol: float = 1e-6,
    max_iter: int = 100_000,
) -> Array:
    r"""Debiased entropic transport between two samples.

    Parameters
    ----------
    X, Y : arrays of shape (..., n, d), (..., m, d)
    epsilon : float
        Strength of the regularisation, in units of the cost.
    a, b : arrays of shape (..., n), (..., m), optional
        Weights, each with sum 1; uniform if None.
    cost : {"half-sqeuclidean", "sqeuclidean", "euclidean", "cosine"} or callable
        As in :func:`transport_cost`; symmetric.
    tol : float
        L1 distance of the marginals of each plan from the weights.
    max_iter : int
        For each of the three plans.

    Returns
    -------
    array of shape (...)
        :math:`OT_\epsilon(X, Y) - \tfrac12 OT_\epsilon(X, X) - \tfrac12 OT_\epsilon(Y, Y)` with
        dual values, in units of the cost. Twice differentiable in X, Y and the weights, the
        first time by the envelope.

    Raises
    ------
    ValueError
        As in :func:`sinkhorn`.

    Warns
    -----
    RuntimeWarning
        If a plan did not converge.

    Notes
    -----
    At least 0 and 0 only for equal laws where exp(-cost / epsilon) is a positive definite kernel,
    as for the squared distance and the distance; half the squared Wasserstein distance at epsilon
    to 0, half the squared distance of the means (the default cost) at infinity. With <C, P> in
    place of the dual values it would be another quantity. Each plan of a sample with itself takes
    some twenty averaged sweeps whatever epsilon. :func:`debiased_transport` has the potentials as
    well. Complexity O(n m + n^2 + m^2) a sweep and for memory. Source: Feydy et al. (2019),
    arXiv:1810.08278.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import sinkhorn_divergence
    >>> X, Y = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])
    >>> print(f"{sinkhorn_divergence(X, Y, 0.1):.4f}")
    2.0000
    """
    options: dict[str, Any] = {"cost": cost, "tol": tol, "max_iter": max_iter}
    return debiased_transport(X, Y, epsilon, a=a, b=b, **options).value


def debiased_transport(
    X: Array,
    Y: Array,
    epsilon: float,
    *,
    a: Array | None = None,
    b: Array | None = None,
    cost: str | Callable[[Array, Array], Array] = "half-sqeuclidean",
    tol: float = 1e-6,
    max_iter: int = 100_000,
) -> DebiasedTransport:
    r"""The three plans of the Sinkhorn divergence: its value and its potentials.

    Parameters
    ----------
    X, Y : arrays of shape (..., n, d), (..., m, d)
    epsilon : float
        Strength of the regularisation, in units of the cost.
    a, b : arrays of shape (..., n), (..., m), optional
        Weights, each with sum 1; uniform if None.
    cost : {"half-sqeuclidean", "sqeuclidean", "euclidean", "cosine"} or callable
        As in :func:`transport_cost`; symmetric.
    tol : float
        L1 distance of the marginals of each plan from the weights.
    max_iter : int
        For each of the three plans.

    Returns
    -------
    DebiasedTransport
        ``value`` is :func:`sinkhorn_divergence`, ``potentials`` its first variation: the standard
        error of the value is that of their means.

    Raises
    ------
    ValueError
        As in :func:`sinkhorn`.

    Warns
    -----
    RuntimeWarning
        If a plan did not converge.

    Notes
    -----
    Complexity as :func:`sinkhorn_divergence`. Sources: Feydy et al. (2019), arXiv:1810.08278; del
    Barrio, González-Sanz, Loubes and Niles-Weed (2023), arXiv:2204.09105, of the standard error.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import debiased_transport
    >>> X, Y = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])
    >>> print(debiased_transport(X, Y, 0.1).potentials[0].round(2) + 0)
    [2. 0.]
    """
    namespace_of_points(X, Y)
    check_untransformed(X=X, Y=Y)
    given = as_float(X).dtype
    if not callable(cost):
        # Differences of the three values are small beside each; a callable knows its own dtype.
        X, Y = in_double(X, Y)
    across, within_x, within_y = (transport_cost(s, t, cost) for s, t in ((X, Y), (X, X), (Y, Y)))
    options: dict[str, Any] = {"epsilon": epsilon, "tol": tol, "max_iter": max_iter}
    return debiased(across, within_x, within_y, a, b, dtype=given, **options)


def debiased(
    across: Array,
    within_x: Array,
    within_y: Array,
    a: Array | None = None,
    b: Array | None = None,
    *,
    epsilon: float,
    tol: float,
    max_iter: int,
    init: tuple[Array, Array] | None = None,
    dtype: Any = None,
) -> DebiasedTransport:
    """The same from costs; `init` are potentials to start from, those of each law with itself."""
    options: dict[str, Any] = {"epsilon": epsilon, "tol": tol, "max_iter": max_iter}
    across, within_x, within_y = in_double(across, within_x, within_y)
    plan = replace(sinkhorn(across, a, b, **options, init=init), dtype=dtype)
    f, g = (None, None) if init is None else init
    return DebiasedTransport(
        plan,
        to_itself(within_x, plan.a, **options, start=f),
        to_itself(within_y, plan.b, **options, start=g),
    )


def to_itself(
    cost: Array,
    weights: Array,
    *,
    epsilon: float,
    tol: float,
    max_iter: int,
    start: Array | None = None,
) -> EntropicPlan:
    """The plan of a law to itself, both of whose potentials are one, by averaged updates.

    For a positive definite kernel they halve the error each time; where they do not converge
    the general solver goes on.
    """
    xp = array_namespace(cost)
    fixed, a = off_graph(cost), off_graph(weights)
    f = xp.zeros_like(a) if start is None else start
    sweep = _sweep_of(fixed, a, epsilon)
    for count in range(min(max_iter, _MOST_SWEEPS)):
        new = sweep(f)
        error = 2 * xp.sum(a * xp.abs(xp.exp((f - new) / epsilon) - 1), axis=-1)
        if bool(xp.all(error <= tol)):
            return EntropicPlan(cost, weights, weights, epsilon, (f, f), error, True, count)
        f = (f + new) / 2
    return sinkhorn(
        cost, weights, weights, epsilon=epsilon, tol=tol, max_iter=max_iter, init=(f, f)
    )


def _sweep_of(cost: Array, a: Array, epsilon: float) -> Callable[[Array], Array]:
    """An update of the potential: by products with the kernel where no sum can underflow.

    Where staying is free and all weights are positive, each sum has a term a_i exp(f_i / epsilon)
    that is not small.
    """
    xp = array_namespace(cost)
    stays = xp.linalg.diagonal(cost)
    free = xp.all(xp.abs(stays) <= _STAYS_FREE * epsilon) & xp.all(cost >= 0) & xp.all(a > 0)
    if not bool(free):
        log_a = safe_log(a)
        return lambda f: soft_minimum(cost, f, log_a, epsilon, -1)
    kernel = xp.exp(-cost / epsilon)
    return lambda f: -epsilon * xp.log((kernel @ (a * xp.exp(f / epsilon))[..., None])[..., 0])
