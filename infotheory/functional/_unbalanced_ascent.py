"""Ascent of the dual of transport whose marginals may move at a price.

With the price rho of a marginal (infinite: it is exact) the dual is D = <a, phi_a(f)> +
<b, phi_b(g)> - eps (sum P - sum a sum b), where phi(f) = rho (1 - exp(-f / rho)). At the optimum
the ratio r of row sums to weights is exp(-f / rho_a); an exact update moves f / eps by
-(ln r + f / rho_a) rho_a / (rho_a + eps).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from infotheory._xp import array_namespace, logsumexp, safe_log
from infotheory._xp._namespace import Array
from infotheory.functional._sinkhorn_ascent import (
    MOST_LEFT,
    STAGE_TOL,
    Ascent,
    Counts,
    Problem,
    epsilon_path,
)
from infotheory.functional._sinkhorn_kernels import soft_minimum
from infotheory.functional._sinkhorn_newton import newton_step

_FARTHEST = 80.0  # a log that exp holds in single precision too


class _MassOutOfRangeError(ArithmeticError):
    """The mass that some point keeps is below what floats can hold, or above."""


@dataclass
class UnbalancedAscent(Ascent):
    """Sweeps and Newton steps, between which a constant goes from one potential to the other."""

    penalties: tuple[float, float] = (math.inf, math.inf)

    def __post_init__(self) -> None:
        self.xp = array_namespace(self.problem.cost)
        self.log_a, self.log_b = safe_log(self.problem.a), safe_log(self.problem.b)
        self.update_in_logs((1,))

    def update_in_logs(self, sides: tuple[int, ...] = (1, 0, 1)) -> None:
        """Exact updates of f (0) and g (1) from the cost, whatever the range, then absorb."""
        cost, eps = self.problem.cost, self.epsilon
        for side in sides:
            if side:
                g = soft_minimum(cost, self.f, self.log_a, eps, -2)
                self.g = g / (1 + eps / self.penalties[1])
            else:
                f = soft_minimum(cost, self.g, self.log_b, eps, -1)
                self.f = f / (1 + eps / self.penalties[0])
        self._hold()
        self._translate()
        rows, columns = self.rows(), self.columns()
        if not (self._are_in_range(rows) and self._are_in_range(columns)):
            raise _MassOutOfRangeError
        self.log_v = self._change(columns, 1, self.xp.ones_like(columns[..., :1]))

    def _translate(self) -> None:
        """The best f + t and g - t: both total masses of the marginals' targets are then equal."""
        rho_a, rho_b = self.penalties
        if math.isinf(rho_a) and math.isinf(rho_b):
            return
        f, g = self.potentials()
        # The products with the kernel depend on f + g alone.
        t = constant(self.log_a - f / rho_a, self.log_b - g / rho_b, self.penalties)
        self.f, self.g = self.f + t, self.g - t

    def _log_targets(self, side: int) -> Array:
        """ln of what the ratio of sums to weights is at the optimum."""
        return -self.potentials()[side] / self.penalties[side]

    def error(self, rows: Array) -> Array:
        """L1 distance of the row sums from what they are at the optimum, over the mass."""
        xp, a = self.xp, self.problem.a
        targets = xp.exp(self._log_targets(0))
        return xp.sum(a * xp.abs(rows - targets), axis=-1) / xp.sum(a * rows, axis=-1)

    def _change(self, ratio: Array, side: int, omega: Array) -> Array:
        """Change of log scalings by a relaxed update, exact where the dual would fall by it."""
        xp, eps, rho = self.xp, self.epsilon, self.penalties[side]
        weight = (self.problem.a, self.problem.b)[side]
        log_target = self._log_targets(side)
        exact = (log_target - xp.log(ratio)) / (1 + eps / rho)
        relaxed = omega * exact
        terms = xp.exp(log_target) * self._paid(relaxed, side) - ratio * xp.expm1(relaxed)
        gain = xp.sum(weight * terms, axis=-1, keepdims=True)
        return exact * xp.where(gain >= 0, omega, 1.0)

    def _paid(self, change: Array, side: int) -> Array:
        """rho (1 - exp(-x / rho)) over eps, for x of eps times a change of log scalings."""
        return paid(change, self.penalties[side] / self.epsilon)

    def _newton_step(self, rows: Array, error: Array) -> tuple[Array, Array]:
        p, xp, eps = self.problem, self.xp, self.epsilon
        of_rows, of_columns = (xp.exp(self._log_targets(side)) for side in (0, 1))
        right = xp.sqrt(p.b / of_columns / (1 + eps / self.penalties[1])) * xp.exp(self.log_v)
        scalings = xp.sqrt(p.a) * xp.exp(self.log_u), right
        diagonal = rows + of_rows * (eps / self.penalties[0])
        lacking = of_rows - rows
        step = newton_step(self.kernel, scalings, p.a, diagonal, lacking, error, is_singular=False)
        return lacking, step

    def _followed(self, taken: Array) -> tuple[Array, Array]:
        p, xp = self.problem, self.xp
        columns = self.columns()
        change = self._change(columns, 1, xp.ones_like(columns[..., :1]))
        of_rows = xp.exp(self._log_targets(0) + taken * (self.epsilon / self.penalties[0]))
        of_columns = xp.exp(self._log_targets(1))
        gain = of_columns * (self._paid(change, 1) + 1) - columns * xp.exp(change)
        rise = xp.sum(p.a * of_rows * self._paid(taken, 0), axis=-1) + xp.sum(p.b * gain, axis=-1)
        return rise, self.log_v + change

    def sweep(self, rows: Array, omega: Array) -> None:
        """Update f by its row ratios, then g, then both; in logs where sums are out of range."""
        self.counts.sweeps += 1
        for side in (0, 1):
            # Before the second, which leaves exact columns.
            if side:
                self._translate()
            ratio = self.columns() if side else rows
            if not self._are_in_range(ratio):
                self.f, self.g = self.potentials()
                self.update_in_logs()
                return
            change = self._change(ratio, side, omega)
            if side:
                self.log_v = self.log_v + change
            else:
                self.log_u = self.log_u + change
        self._absorb_if_far()

    def _make_columns_exact(self, else_in_logs: tuple[int, ...] = (1, 0, 1)) -> None:
        columns = self.columns()
        if self._are_in_range(columns):
            one = self.xp.ones_like(columns[..., :1])
            self.log_v = self.log_v + self._change(columns, 1, one)
        else:
            self.f, self.g = self.potentials()
            self.update_in_logs(else_in_logs)
            self._make_columns_exact(else_in_logs)


def paid(potential: Array, penalty: float) -> Array:
    """What mass is worth at a potential: rho (1 - exp(-f / rho)), and f at an infinite price."""
    if math.isinf(penalty):
        return potential
    return -penalty * array_namespace(potential).expm1(-potential / penalty)


def constant(log_of_a: Array, log_of_b: Array, penalties: tuple[float, float]) -> Array:
    """What to add to f and take from g, by the logs of the marginals that they aim at."""
    xp = array_namespace(log_of_a)
    masses = [logsumexp(log_of_a, axis=-1), logsumexp(log_of_b, axis=-1)]
    return xp.expand_dims(masses[0] - masses[1], axis=-1) / (1 / penalties[0] + 1 / penalties[1])


def solved_unbalanced(
    problem: Problem,
    epsilon: float,
    penalties: tuple[float, float],
    tol: float,
    max_iter: int,
    start: Array | None,
) -> tuple[Array, Array, Array, Counts]:
    """Potentials, the residual of their plan, and what it took."""
    xp = array_namespace(problem.cost)
    f = xp.zeros_like(problem.a) if start is None else start
    path = [epsilon]
    if start is None:
        spread = float(xp.max(problem.cost) - xp.min(problem.cost))
        path = epsilon_path(epsilon, spread)
    counts = Counts()
    try:
        return _climbed(problem, path, penalties, tol, max_iter, f, counts)
    except _MassOutOfRangeError:
        return _in_logs(problem, epsilon, penalties, tol, max_iter, f, counts)


def _climbed(
    problem: Problem,
    path: list[float],
    penalties: tuple[float, float],
    tol: float,
    max_iter: int,
    f: Array,
    counts: Counts,
) -> tuple[Array, Array, Array, Counts]:
    xp = array_namespace(problem.cost)
    g = error = None
    for level in path:
        ascent = UnbalancedAscent(problem, level, f, None, counts, None, penalties)
        goal = tol if level == path[-1] else STAGE_TOL
        error = ascent.climb(goal, max_iter - counts.in_all, most_sweeps_left=MOST_LEFT)
        if not bool(xp.all(error <= goal)):
            error = ascent.newton_and_on(goal, max_iter)
        f, g = ascent.potentials()
    return f, g, error, counts


def _in_logs(
    problem: Problem,
    epsilon: float,
    penalties: tuple[float, float],
    tol: float,
    max_iter: int,
    f: Array,
    counts: Counts,
) -> tuple[Array, Array, Array, Counts]:
    """Plain updates from the cost, for masses that no kernel can hold."""
    xp = array_namespace(problem.cost)
    rho_a, rho_b = penalties
    log_a, log_b = safe_log(problem.a), safe_log(problem.b)
    while True:
        g = soft_minimum(problem.cost, f, log_a, epsilon, -2) / (1 + epsilon / rho_b)
        t = constant(log_a - f / rho_a, log_b - g / rho_b, penalties)
        f = f + t
        g = soft_minimum(problem.cost, f, log_a, epsilon, -2) / (1 + epsilon / rho_b)
        whole = soft_minimum(problem.cost, g, log_b, epsilon, -1)
        # Logs of row sums and of what they aim at, over the largest.
        sums, targets = log_a + (f - whole) / epsilon, log_a - f / rho_a
        top = xp.max(sums, axis=-1, keepdims=True)
        top = xp.where(xp.isfinite(top), top, 0.0)
        off = xp.abs(xp.exp(sums - top) - xp.exp(xp.clip(targets - top, None, _FARTHEST)))
        error = xp.sum(off, axis=-1) / xp.sum(xp.exp(sums - top), axis=-1)
        if bool(xp.all(error <= tol)) or counts.in_all >= max_iter:
            return f, g, error, counts
        counts.sweeps += 1
        f = whole / (1 + epsilon / rho_a)
