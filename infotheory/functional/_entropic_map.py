"""Entropic maps and potentials away from the points that a plan was found for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from infotheory._xp import array_namespace, logsumexp, safe_log
from infotheory._xp._namespace import Array
from infotheory.functional._transport_checks import check_positive
from infotheory.functional._transport_costs import (
    check_columns,
    namespace_of_points,
    transport_cost,
)

Cost = str | Callable[[Array, Array], Array]
_BLOCK = 2**20  # pairs that are held at once


def entropic_map(
    X: Array,
    Y: Array,
    g: Array,
    b: Array,
    epsilon: float,
    cost: Cost = "half-sqeuclidean",
) -> Array:
    r"""Mean of the target given any point of the source, by the potential of an entropic plan.

    Parameters
    ----------
    X : array of shape (..., l, d)
        Points, those of the plan or others. With ``cost="precomputed"`` their costs against `Y`,
        (..., l, m).
    Y : array of shape (..., m, e)
        Target points of the plan.
    g : array of shape (..., m)
        Their potentials, in units of the cost; a constant more or less changes nothing.
    b : array of shape (..., m)
        Their weights, zeros allowed.
    epsilon : float
        Strength of the regularisation that `g` belongs to.
    cost : {"half-sqeuclidean", "sqeuclidean", "euclidean", "cosine", "precomputed"} or callable
        As in :func:`transport_cost`.

    Returns
    -------
    array of shape (..., l, e)
        :math:`T(x) = \sum_j w_j(x) y_j` with :math:`w_j(x) \propto b_j \exp((g_j - c(x, y_j)) /
        \epsilon)`. Differentiable in all arrays.

    Raises
    ------
    ValueError
        If epsilon is not positive and finite, or X and Y do not fit together.

    Notes
    -----
    For half the squared distance this is x less the gradient of :func:`entropic_potential`, and
    tends to the optimal map as epsilon falls. It never leaves the convex hull of Y; the squared
    norm of x, which all weights share, is left out, so that the map stays exact far from the
    samples. Complexity O(l m d), in blocks of rows of :math:`2^{20}` pairs. Source: Pooladian and
    Niles-Weed (2021), arXiv:2109.12004.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import entropic_map
    >>> Y, none, half = np.array([[-1.0], [1.0]]), np.zeros(2), np.full(2, 0.5)
    >>> entropic_map(np.array([[0.0], [0.5], [1e9]]), Y, none, half, 1.0).round(4).tolist()
    [[0.0], [0.4621], [1.0]]
    """
    xp = namespace_of_points(X, Y)
    means = [_soft_max(scores) @ Y for scores, _ in _scores(X, Y, g, b, epsilon, cost)]
    return xp.concat(means, axis=-2)


def entropic_potential(
    X: Array,
    Y: Array,
    g: Array,
    b: Array,
    epsilon: float,
    cost: Cost = "half-sqeuclidean",
) -> Array:
    r"""Potential of any point of the source, given those of the target: the soft c-transform.

    Parameters
    ----------
    X : array of shape (..., l, d)
        As in :func:`entropic_map`.
    Y : array of shape (..., m, e)
    g : array of shape (..., m)
    b : array of shape (..., m)
    epsilon : float
    cost : str or callable

    Returns
    -------
    array of shape (..., l)
        :math:`f(x) = -\epsilon \ln \sum_j b_j \exp((g_j - c(x, y_j)) / \epsilon)`, in units of
        the cost. Differentiable in all arrays.

    Raises
    ------
    ValueError
        If epsilon is not positive and finite, or X and Y do not fit together.

    Notes
    -----
    At the source points of the plan it is the potential f of the plan, and the two exchange
    roles. Complexity as :func:`entropic_map`. Source: Pooladian and Niles-Weed (2021),
    arXiv:2109.12004.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import entropic_potential, sinkhorn, transport_cost
    >>> X, Y = np.array([[0.0], [1.0]]), np.array([[0.5], [3.0]])
    >>> plan = sinkhorn(transport_cost(X, Y), epsilon=1.0)
    >>> f, g = plan.potentials
    >>> bool(np.allclose(entropic_potential(X, Y, g, plan.b, 1.0), f, atol=1e-6))
    True
    """
    xp = namespace_of_points(X, Y)
    parts = [
        shared() - epsilon * logsumexp(scores, axis=-1)
        for scores, shared in _scores(X, Y, g, b, epsilon, cost)
    ]
    return xp.concat(parts, axis=-1)


def entropic_weights(
    X: Array,
    Y: Array,
    g: Array,
    b: Array,
    epsilon: float,
    cost: Cost = "half-sqeuclidean",
) -> Iterator[Array]:
    """The weights of :func:`entropic_map`, (..., block, m), one block of rows of X at a time."""
    for scores, _ in _scores(X, Y, g, b, epsilon, cost):
        yield _soft_max(scores)


def _soft_max(scores: Array) -> Array:
    xp = array_namespace(scores)
    weights = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
    return weights / xp.sum(weights, axis=-1, keepdims=True)


def _scores(
    X: Array, Y: Array, g: Array, b: Array, epsilon: float, cost: Cost
) -> Iterator[tuple[Array, Callable[[], Array]]]:
    """Log weights up to a constant a row, and how to get the part of the cost that it is."""
    check_positive(epsilon=epsilon)
    xp = namespace_of_points(X, Y)
    for name, part, holds in (
        ("g", g, xp.all(xp.isfinite(g))),
        ("b", b, xp.all(b >= 0) & (xp.sum(b) > 0)),
    ):
        if part.shape[-1] != Y.shape[-2]:
            raise ValueError(
                f"{name} must have an entry for each of the {Y.shape[-2]} rows of Y, got shape "
                f"{tuple(part.shape)}."
            )
        if not bool(holds):
            rule = "be finite" if name == "g" else "not be negative, missing or 0 for all rows"
            raise ValueError(f"{name} must {rule}. Pass those of the plan.")
    n, step = X.shape[-2], max(1, _BLOCK // Y.shape[-2])
    blocks = [slice(i, min(i + step, n)) for i in range(0, n, step)]
    log_b = safe_log(b)[..., None, :]
    squared = cost in ("half-sqeuclidean", "sqeuclidean") if isinstance(cost, str) else False
    if squared:
        check_columns(X, Y)
        half = 0.5 if cost == "half-sqeuclidean" else 1.0
        centre = xp.mean(Y, axis=-2, keepdims=True)
        y = Y - centre
        at_y = ((g - half * xp.sum(y * y, axis=-1)) / epsilon)[..., None, :] + log_b
        across = xp.matrix_transpose(y) * (2.0 * half / epsilon)
        for rows in blocks:
            x = X[..., rows, :] - centre
            yield at_y + x @ across, lambda x=x: half * xp.sum(x * x, axis=-1)
        return
    for rows in blocks:
        x = X[..., rows, :]
        costs = x if isinstance(cost, str) and cost == "precomputed" else transport_cost(x, Y, cost)
        # Of large costs only the differences matter.
        shared = xp.min(costs, axis=-1, keepdims=True)
        yield (
            (g[..., None, :] - (costs - shared)) / epsilon + log_b,
            lambda least=shared: least[..., 0],
        )
