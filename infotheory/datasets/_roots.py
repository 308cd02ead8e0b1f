"""Root of an increasing function, elementwise: the inverses that have no formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ._parameters import FloatArray

_MAX_ITERATIONS = 200


def solve_increasing(
    function: Callable[[FloatArray], tuple[FloatArray, FloatArray]],
    target: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
) -> FloatArray:
    """Solve f(t) = target for a strictly increasing f, to rounding.

    Newton's step, replaced by bisection where it leaves the bracket or shrinks the last step by
    less than half, so that flat stretches cost some iterations and never the answer.

    Parameters
    ----------
    function : callable
        Returns f(t) and f'(t) of a 1-D array t, elementwise.
    target : ndarray
        Values to reach.
    lower, upper : ndarray
        A bracket for each root, of the shape of `target`.

    Returns
    -------
    ndarray
        The roots, of the shape of `target`; nan where the target is nan.

    Raises
    ------
    RuntimeError
        If some root was not found in 200 iterations.
    """
    precision = 2.0 * np.finfo(np.float64).eps
    roots = (0.5 * (lower + upper)).ravel()
    goal, low, high = target.ravel(), lower.ravel(), upper.ravel()
    last_step = high - low
    active = np.arange(goal.size)
    for _ in range(_MAX_ITERATIONS):
        if active.size == 0:
            return roots.reshape(target.shape)
        root = roots[active]
        value, slope = function(root)
        residual = value - goal
        low = np.where(residual < 0.0, root, low)
        high = np.where(residual > 0.0, root, high)
        usable = np.isfinite(slope) & (slope > 0.0)
        newton = root - np.where(usable, residual / np.where(usable, slope, 1.0), np.inf)
        trusted = (
            (2.0 * np.abs(newton - root) <= np.abs(last_step)) & (newton >= low) & (newton <= high)
        )
        proposal = np.where(trusted, newton, 0.5 * (low + high))
        # A residual at rounding cannot improve; on a flat stretch the step would still be large.
        exact = np.abs(residual) <= precision * np.maximum(np.abs(goal), 1.0)
        roots[active] = np.where(exact, root, proposal)
        last_step = proposal - root
        unsettled = ~exact & (np.abs(last_step) > precision * np.maximum(np.abs(root), 1.0))
        active, goal, low, high = (
            active[unsettled],
            goal[unsettled],
            low[unsettled],
            high[unsettled],
        )
        last_step = last_step[unsettled]
    raise RuntimeError(
        f"No root to rounding in {_MAX_ITERATIONS} iterations at {active.size} entries."
    )
