"""How much costs differ between plans: their scale for the strength of a regularisation."""

from __future__ import annotations

import math

from infotheory._xp._namespace import Array


def cost_spread(cost: Array, a: Array, b: Array) -> tuple[float, Array, Array]:
    """Standard deviation of what is left of a cost after a part of x and a part of y.

    Those two parts no plan can change. With it comes the mean square of what is left for each row
    of x and of y, (n,) and (m,), whose weighted means are the square of the spread.
    """
    left = cost - (cost @ b)[:, None]
    left = left - a @ left
    squares = left * left
    of_x = squares @ b
    return math.sqrt(float(a @ of_x)), of_x, a @ squares
