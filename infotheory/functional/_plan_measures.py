"""Value, cost, gap and information of an entropic plan with one more array than its costs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from infotheory.functional._sinkhorn_plan import EntropicPlan

_BLOCK = 2**17  # pairs of a pass, in the cache


class PlanMeasures(NamedTuple):
    """What :class:`EntropicPlan` has under these names."""

    value: float
    cost: float
    duality_gap: float
    mutual_information: float


def plan_measures(found: EntropicPlan) -> PlanMeasures:
    """Of one problem in NumPy, in blocks of rows."""
    (f, g), a, b, costs, eps = found.dual, found.a, found.b, found.cost_matrix, found.epsilon
    step = max(1, _BLOCK // len(b))
    parts = [slice(i, i + step) for i in range(0, len(a), step)]

    def log_density(rows: slice) -> np.ndarray:
        return (f[rows, None] + g - costs[rows]) / eps

    plan = np.concatenate([a[rows, None] * np.exp(log_density(rows)) * b for rows in parts])
    mass = plan.sum(axis=1)
    potentials = found.fixed_potentials
    value = float(a @ potentials[0] + b @ potentials[1] - eps * (mass.sum() - 1))
    cost = information = 0.0
    for rows in parts:
        # What has no mass has no share, however large its cost.
        some = plan[rows] > 0
        cost += float(np.sum(np.where(some, costs[rows] * plan[rows], 0.0)))
        information += float(np.sum(np.where(some, log_density(rows) * plan[rows], 0.0)))
    if found.offsets is not None:
        cost += float(a @ found.offsets[0] + b @ found.offsets[1])
    # The rounded plan, as `rounded` makes it: rows and columns cut, and what lacks spread out.
    kept_rows = np.where(mass > a, a / np.where(mass > 0, mass, 1.0), 1.0)
    columns = kept_rows @ plan
    kept_columns = np.where(columns > b, b / np.where(columns > 0, columns, 1.0), 1.0)
    lacking_a = np.clip(a - kept_rows * (plan @ kept_columns), 0.0, None)
    lacking_b = np.clip(b - columns * kept_columns, 0.0, None)
    share = lacking_a / lacking_a.sum() if lacking_a.sum() > 0 else lacking_a
    gap = 0.0
    for rows in parts:
        rounded = kept_rows[rows, None] * plan[rows] * kept_columns + share[rows, None] * lacking_b
        product = a[rows, None] * b
        some = rounded > 0
        density = np.where(some, rounded / np.where(product > 0, product, 1.0), 1.0)
        log_ratio = np.log(density) - log_density(rows)
        terms = np.where(some, rounded * log_ratio + plan[rows] - rounded, plan[rows])
        gap += float(np.sum(np.clip(terms, 0.0, None)))
    return PlanMeasures(value, cost, eps * gap, information)
