"""How far the value of entropic transport between samples is above that between their laws."""

from __future__ import annotations

from infotheory._xp import array_namespace
from infotheory._xp._namespace import Array


def plan_dependence(plan: Array, a: Array, b: Array) -> float:
    r"""Sum of :math:`s^2 / (1 - s^2)` over the singular values of a plan between its two laws.

    That of the constants, which is 1, is left out. The value of entropic transport is smooth in
    both laws; its second derivative, averaged over the noise of two empirical laws, is this sum
    times :math:`\tfrac12 \epsilon (\|a\|^2 + \|b\|^2)`, where the squared norms are 1 / n and 1 / m
    for equal weights: the bias of the value. A term counts for at most the sum of the squared
    norms to the power -3/4: where the plan pairs single points, the noise moves the potentials
    beyond what the second order reaches, and terms grow without bound. Between normal laws in 1
    to 20 columns, 100 to 300 rows and epsilon down to a fiftieth of the spread of the costs, what
    is found is .4 to 1.7 times the bias.

    Parameters
    ----------
    plan : array of shape (n, m)
    a, b : arrays of shape (n,), (m,)
        Its marginals.
    """
    xp = array_namespace(plan)
    roots = [xp.sqrt(w) for w in (a, b)]
    scales = [xp.where(r > 0, 1 / xp.where(r > 0, r, 1.0), 0.0) for r in roots]
    operator = scales[0][:, None] * plan * scales[1] - roots[0][:, None] * roots[1]
    if plan.shape[0] > plan.shape[1]:
        operator = xp.matrix_transpose(operator)
    squares = xp.linalg.eigvalsh(operator @ xp.matrix_transpose(operator))
    # Rounding may take a plan that is nearly a permutation beyond 1.
    squares = xp.clip(squares, 0.0, 1 - 1e-12)
    most = float(xp.sum(a * a) + xp.sum(b * b)) ** -0.75
    return float(xp.sum(xp.clip(squares / (1 - squares), None, most)))
