"""The Sinkhorn divergence: entropic transport without what it costs to stay."""

from __future__ import annotations

from collections.abc import Callable

from infotheory._xp import array_namespace, safe_log
from infotheory._xp._namespace import Array
from infotheory.functional._sinkhorn import sinkhorn
from infotheory.functional._sinkhorn_implicit import off_graph
from infotheory.functional._sinkhorn_kernels import soft_minimum
from infotheory.functional._sinkhorn_plan import EntropicPlan
from infotheory.functional._transport_costs import transport_cost


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
        dual values, in units of the cost. Differentiable in X, Y and the weights by the envelope.

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
    some twenty averaged sweeps whatever epsilon. Complexity O(n m + n^2 + m^2) a sweep and for
    memory. Source: Feydy et al. (2019), arXiv:1810.08278.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import sinkhorn_divergence
    >>> X, Y = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])
    >>> print(f"{sinkhorn_divergence(X, Y, 0.1):.4f}")
    2.0000
    """
    options = {"epsilon": epsilon, "tol": tol, "max_iter": max_iter}
    across = sinkhorn(transport_cost(X, Y, cost), a, b, **options)
    of_x = _to_itself(transport_cost(X, X, cost), across.a, **options)
    of_y = _to_itself(transport_cost(Y, Y, cost), across.b, **options)
    return across.value - (of_x.value + of_y.value) / 2


def _to_itself(
    cost: Array, weights: Array, *, epsilon: float, tol: float, max_iter: int
) -> EntropicPlan:
    """The plan of a law to itself, both of whose potentials are one, by averaged updates.

    For a positive definite kernel they halve the error each time; where they do not converge
    the general solver goes on.
    """
    xp = array_namespace(cost)
    fixed, a = off_graph(cost), off_graph(weights)
    f, log_a = xp.zeros_like(a), safe_log(a)
    for _ in range(min(max_iter, 100)):
        new = soft_minimum(fixed, f, log_a, epsilon, -1)
        error = 2 * xp.sum(a * xp.abs(xp.exp((f - new) / epsilon) - 1), axis=-1)
        if bool(xp.all(error <= tol)):
            return EntropicPlan(cost, weights, weights, epsilon, (f, f), error, True, 0)
        f = (f + new) / 2
    return sinkhorn(
        cost, weights, weights, epsilon=epsilon, tol=tol, max_iter=max_iter, init=(f, f)
    )
