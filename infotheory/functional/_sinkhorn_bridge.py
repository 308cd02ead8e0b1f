"""Drift of the Schrödinger bridge that the potential of a discrete plan gives."""

from __future__ import annotations

from infotheory._xp._namespace import Array
from infotheory.functional._entropic_map import entropic_map


def entropic_drift(X: Array, time: float, Y: Array, g: Array, b: Array, epsilon: float) -> Array:
    r"""Drift of the Schrödinger bridge to a weighted sample, by the potential of its plan.

    Parameters
    ----------
    X : array of shape (..., l, d)
        Places of the bridge at `time`.
    time : float
        From 0 up to, and without, 1.
    Y : array of shape (..., m, d)
        Target points of the plan.
    g : array of shape (..., m)
        Their potentials, in units of the cost half the squared distance.
    b : array of shape (..., m)
        Their weights, zeros allowed.
    epsilon : float
        Regularisation of the plan, and variance of the bridge a unit of time.

    Returns
    -------
    array of shape (..., l, d)
        :math:`(\sum_j w_j y_j - x) / (1 - t)` with :math:`w_j \propto b_j \exp(g_j / \epsilon -
        \|x - y_j\|^2 / 2 \epsilon (1 - t))`. Differentiable in all arrays.

    Notes
    -----
    The bridge is :math:`dX_t = g(X_t, t)\,dt + \sqrt\epsilon\,dW_t`. It ends on the points of Y:
    near time 1 the drift draws to the nearest of them, and grows as :math:`1 / (1 - t)`.
    Complexity as :func:`entropic_map`. Source: Pooladian and Niles-Weed (2024),
    arXiv:2408.11686.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import entropic_drift
    >>> Y, none, half = np.array([[-1.0], [1.0]]), np.zeros(2), np.full(2, 0.5)
    >>> entropic_drift(np.array([[0.0], [0.5]]), 0.5, Y, none, half, 1.0).round(4).tolist()
    [[0.0], [0.5232]]
    """
    left = 1 - time
    return (entropic_map(X, Y, left * g, b, left * epsilon) - X) / left
