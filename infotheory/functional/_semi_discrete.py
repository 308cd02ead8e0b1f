"""Transport from a law one can draw from to finitely many points: cells, dual value and solver.

For the cost half the squared distance every point x goes to the y_j that minimises the cost less
its potential g_j: the cells are polyhedra. Only <x - mean, y_j - mean> and a number for each j
decide them, so that the solver works with these products over their root mean square, and neither
units nor the places of the two laws matter to it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from infotheory._xp._namespace import Array
from infotheory.functional._sinkhorn import sinkhorn
from infotheory.functional._sinkhorn_points import checked_points, positive_weights
from infotheory.functional._transport_checks import check_count, check_positive
from infotheory.functional._transport_costs import namespace_of_points, transport_cost

_BLOCK = 2**22  # entries that a pass works on at once
_N_FIRST = 4096  # draws that the start is solved for
_FIRST_SHARE = 0.1  # of the spread of the products: epsilon at which the gap is measured
_FIRST_TOL = 1e-3  # marginal error of the start
_FIRST_STEP = 0.5  # share of a Newton step
_LARGEST_SYSTEM = 2000  # points of the target up to which steps are those of Newton
_DRAWS_A_POINT = 10  # from which the Hessian is taken at the first epsilon
_RIDGE = 1e-5  # of the mean of the diagonal


class SemiDiscretePotential(NamedTuple):
    """What :func:`semi_discrete` found.

    Parameters
    ----------
    potential : ndarray of shape (m,)
        g, with weighted mean 0, in units of the cost.
    epsilon : float
        The last regularisation, in units of the cost.
    gap : float
        Mean over the source of how much the second best point of the target is worse, in units
        of the cost, by the start.
    n_draws : int

    Notes
    -----
    New rows are mapped by :func:`laguerre_cells`, O(m d) each. Source: Genans et al. (2025),
    arXiv:2510.27340.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import semi_discrete
    >>> rng = np.random.default_rng(0)
    >>> semi_discrete(lambda n: rng.normal(size=(n, 1)), np.array([[-1.0], [1.0]])).n_draws
    260096
    """

    potential: np.ndarray
    epsilon: float
    gap: float
    n_draws: int


def laguerre_cells(X: Array, Y: Array, potential: Array) -> Array:
    r"""The point of the target that each point of the source goes to.

    Parameters
    ----------
    X, Y : arrays of shape (n, d), (m, d)
    potential : array of shape (m,)
        g, in units of the cost.

    Returns
    -------
    integer array of shape (n,)
        :math:`\arg\min_j |x - y_j|^2 / 2 - g_j`. No gradient flows through it.

    Notes
    -----
    Complexity O(n m d), memory a block of 2^22 numbers. Source: Peyre and Cuturi, Computational
    Optimal Transport (2019), section 5.2.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import laguerre_cells
    >>> X, Y = np.array([[0.1], [0.4], [0.6]]), np.array([[0.0], [1.0]])
    >>> laguerre_cells(X, Y, np.array([0.0, 0.2])).tolist()
    [0, 1, 1]
    """
    xp = namespace_of_points(X, Y)
    parts = [xp.argmin(costs, axis=-1) for costs in _reduced_costs(X, Y, potential)]
    return xp.concat(parts, axis=0)


def semi_discrete_dual(X: Array, Y: Array, potential: Array, b: Array | None = None) -> Array:
    r"""Dual value of transport to finitely many points, for each point of the source.

    Parameters
    ----------
    X, Y : arrays of shape (n, d), (m, d)
    potential : array of shape (m,)
        g, in units of the cost.
    b : array of shape (m,), optional
        Weights of the target; uniform if None.

    Returns
    -------
    array of shape (n,)
        :math:`\min_j (|x - y_j|^2 / 2 - g_j) + \langle b, g \rangle`. Their mean over the source
        is at most the least cost, :math:`W_2^2 / 2`, and equals it for the optimal potential.
        Differentiable; concave in the potential.

    Notes
    -----
    Complexity O(n m d), memory a block of 2^22 numbers. Source: Peyre and Cuturi, Computational
    Optimal Transport (2019), section 5.2.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import semi_discrete_dual
    >>> X, Y = np.array([[0.25], [0.75]]), np.array([[0.0], [1.0]])
    >>> semi_discrete_dual(X, Y, np.zeros(2)).tolist()
    [0.03125, 0.03125]
    """
    xp = namespace_of_points(X, Y)
    parts = [xp.min(costs, axis=-1) for costs in _reduced_costs(X, Y, potential)]
    if b is None:
        return xp.concat(parts, axis=0) + xp.mean(potential)
    # A point without weight may have the potential -inf.
    return xp.concat(parts, axis=0) + xp.sum(xp.where(b > 0, b * potential, 0.0))


def _reduced_costs(X: Array, Y: Array, potential: Array) -> Iterator[Array]:
    n, rows = X.shape[0], max(1, _BLOCK // Y.shape[0])
    for i in range(0, n, rows):
        yield transport_cost(X[i : min(i + rows, n), :], Y) - potential


def semi_discrete(
    draw: Callable[[int], np.ndarray],
    Y: np.ndarray,
    b: np.ndarray | None = None,
    *,
    epsilon: float = 0.03,
    decay: float = 1 / 3,
    batch_size: int = 256,
    max_iter: int = 1000,
) -> SemiDiscretePotential:
    r"""Potential of transport from a law to finitely many points, by averaged stochastic steps.

    Parameters
    ----------
    draw : callable
        ``draw(n)`` returns n draws from the source, shape (n, d).
    Y : ndarray of shape (m, d)
        Distinct points.
    b : ndarray of shape (m,), optional
        Positive weights with sum 1; uniform if None.
    epsilon : float
        First regularisation, in units of the gap: the mean difference between the best and the
        second best point of the target.
    decay : float
        The regularisation of step t is its first value times :math:`t^{-decay}`.
    batch_size : int
        Draws a step.
    max_iter : int
        Steps.

    Returns
    -------
    SemiDiscretePotential

    Raises
    ------
    ValueError
        If Y or the draws are not finite or differ in their columns, the weights are not positive
        with sum 1 within 1e-6, or epsilon, decay, batch_size or max_iter is out of its rule.

    Notes
    -----
    Step t goes down the gradient of the dual regularised with epsilon_t, its length falls as
    :math:`t^{-2/3}`, and the average of the potentials, weighted by t, is returned: the method of
    decreasing regularisation. The shares of a point are the softmax of potential less cost alone,
    not times the weights, which takes a bias of epsilon ln b from the potentials. Two things are
    added. The start is the entropic solution for 4096 draws (fewer where m exceeds 2048), at the
    first epsilon. And gradients are multiplied by the inverse of the Hessian there, up to 2000
    points, or of its diagonal beyond.
    Each potential is kept within twice the range of the products of the first draws, which is what
    an optimal one of them cannot exceed. NumPy only. Complexity O(m d + m) a draw, O(m^2) a step
    and O(m^3) once; memory O((d + m) batch_size + m^2) and an array of 2^23 numbers at the start.
    Sources: Genans et al. (2025), arXiv:2510.27340; Bercu and Bigot (2021), arXiv:2107.05291, of
    the use of the Hessian.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import semi_discrete
    >>> rng = np.random.default_rng(0)
    >>> found = semi_discrete(lambda n: rng.uniform(size=(n, 1)), np.array([[0.0], [0.5], [1.0]]))
    >>> print((found.potential - found.potential[1]).round(2))  # cells of length 1 / 3
    [0.04 0.   0.04]
    """
    check_positive(epsilon=epsilon)
    if not 0 <= decay < math.inf:
        raise ValueError(f"decay must be 0 or positive and finite, got {decay!r}.")
    check_count(1, batch_size=batch_size, max_iter=max_iter)
    m = len(Y)
    first = draw(max(2, min(_N_FIRST, 2 * _BLOCK // max(1, m))))
    try:
        first, Y = checked_points(np.asarray(first, np.float64), np.asarray(Y, np.float64))
    except ValueError as error:
        raise ValueError(f"{error} X is what draw returns.") from error
    b = np.asarray(positive_weights("b", b, Y, "row of Y"))
    centre = first.mean(axis=0)
    points = Y - b @ Y
    products = (first - centre) @ points.T
    spread = math.sqrt(float(np.mean(products**2 @ b)))
    # What turns the offset of the products into the potential of the costs.
    half_squares = np.sum((Y - centre) ** 2, axis=1) / 2
    if m == 1 or spread <= 1e-13 * float(np.max(np.abs(first)) * np.max(np.abs(Y)) + 1e-300):
        return SemiDiscretePotential(_centred(half_squares, b), 0.0, 0.0, len(first))
    products /= spread
    offset = _start(products, b, _FIRST_SHARE)
    best = np.partition(products + offset, m - 2, axis=1)[:, m - 2 :]
    gap = float(np.mean(best[:, 1] - best[:, 0]))
    level = epsilon * gap
    offset = _start(products, b, level)
    # With few draws a point, those at a small epsilon leave most boundaries without any.
    smooth = level if len(first) >= _DRAWS_A_POINT * m else max(level, gap)
    direction = _inverse_hessian(products + offset, b, smooth)
    limit = 2 * float(np.max(np.ptp(products, axis=1)))
    average, total = np.zeros(m), 0.0
    points, smoothing = points / spread, level
    for t in range(1, max_iter + 1):
        smoothing = level * t**-decay
        scores = (draw(batch_size) - centre) @ points.T + offset
        shares = softmax(scores / smoothing, axis=1).mean(axis=0)
        offset = offset - _FIRST_STEP * t ** (-2 / 3) * direction(shares - b)
        offset = np.clip(offset - b @ offset, -limit, limit)
        total += t
        average = average + (offset - average) * (t / total)
    n_draws = len(first) + max_iter * batch_size
    potential = _centred(average * spread + half_squares, b)
    return SemiDiscretePotential(potential, smoothing * spread, gap * spread, n_draws)


def _centred(potential: np.ndarray, b: np.ndarray) -> np.ndarray:
    return potential - b @ potential


def _start(products: np.ndarray, b: np.ndarray, level: float) -> np.ndarray:
    with warnings.catch_warnings():
        # What is left to do is done by the steps that follow.
        warnings.simplefilter("ignore", RuntimeWarning)
        found = sinkhorn(-products, b=b, epsilon=level, tol=_FIRST_TOL, max_iter=2000)
    # In this gauge two points share a boundary where their scores are equal, as without
    # regularisation, so that the potential depends on epsilon in second order only.
    offset = found.fixed_potentials[1] + level * np.log(b)
    return offset - b @ offset


def _inverse_hessian(
    scores: np.ndarray, b: np.ndarray, level: float
) -> Callable[[np.ndarray], np.ndarray]:
    """What the gradient is multiplied by: of the dual of the first draws, made invertible."""
    shares = softmax(scores / level, axis=1)
    mean = shares.mean(axis=0)
    if len(b) > _LARGEST_SYSTEM:
        diagonal = np.maximum(mean - np.mean(shares**2, axis=0), _RIDGE * b) / level
        return lambda gradient: gradient / diagonal
    hessian = (np.diag(mean) - shares.T @ shares / len(shares)) / level
    hessian += _RIDGE * np.mean(np.diag(hessian)) * np.eye(len(b))
    inverse = np.linalg.inv(hessian)
    return lambda gradient: inverse @ gradient
