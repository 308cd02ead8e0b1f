"""Ascent of the dual of entropic transport at one epsilon: over-relaxed sweeps and Newton steps.

Notation: potentials f, g in units of the cost; plan P_ij = a_i b_j exp((f_i + g_j - C_ij) / eps);
dual value D = <a, f> + <b, g> - eps (sum P - 1). An update of f multiplies its scalings by r^-s,
r the ratio of row sums to the weights, s = 1 for the exact one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from infotheory._xp import array_namespace, safe_log
from infotheory._xp._namespace import Array
from infotheory.functional._sinkhorn_kernels import DenseKernel, kernel_for, soft_minimum
from infotheory.functional._sinkhorn_newton import newton_step

# Sweeps between one reading of the rate of convergence and the next; the last goes on.
_SPANS = (5, 7, 10, 14, 20, 28)
# What is left of the relaxation factor to 2 is multiplied by no less than the first where the
# rate asks for more, by the second where the errors do not fall, and by the third where they fall
# as they would with any factor that is too large.
_MORE, _LESS, _LITTLE_LESS = 0.5, 2.0, 1.1
_MOST_RELAXED = 1.999
_SAFE_REACHES = 3.5  # of a kernel, of 8 that exp can hold
_ARMIJO, _LEAST_STEP = 1e-4, 2.0**-30
_FACTOR = 4.0  # between the epsilons of a path
_NEWTON_STEPS = 60
# Error at which a path goes on: Newton steps from further off may not find the way.
STAGE_TOL = 0.01
MOST_LEFT = 25.0  # sweeps foreseen, above which a handful of Newton steps is the shorter way
_CLIPPED_SHARE = 0.1  # of the slope of a whole step, from which one with its tips cut is better


def epsilon_path(epsilon: float, spread: float, share: float = 0.02) -> list[float]:
    """Epsilons from this share of the range of costs, above which none is needed, down to one."""
    path = [epsilon]
    while path[-1] * _FACTOR < share * spread:
        path.append(path[-1] * _FACTOR)
    return path[::-1]


@dataclass(frozen=True)
class Problem:
    """Cost (..., n, m) and weights (..., n), (..., m)."""

    cost: Array
    a: Array
    b: Array


@dataclass
class Counts:
    """What an ascent has cost."""

    sweeps: int = 0
    newton_steps: int = 0
    absorptions: int = 0

    @property
    def in_all(self) -> int:
        """Sweeps and Newton steps."""
        return self.sweeps + self.newton_steps


@dataclass
class Ascent:
    """Potentials at one epsilon: those that the kernel holds, and logs of scalings since then."""

    problem: Problem
    epsilon: float
    f: Array
    truncated: bool | None = None
    counts: Counts = field(default_factory=Counts)
    near: Array | None = None  # what g may be, to be spared sums of logs at the start

    def __post_init__(self) -> None:
        p, xp = self.problem, array_namespace(self.problem.cost)
        self.xp = xp
        self.log_a, self.log_b = safe_log(p.a), safe_log(p.b)
        self.kernel: DenseKernel
        spread = float(xp.max(p.cost) - xp.min(p.cost) + xp.max(self.f) - xp.min(self.f))
        if spread < _SAFE_REACHES * DenseKernel(p.cost).reach * self.epsilon:
            # All sums are in range wherever the ascent begins.
            self.g = xp.zeros_like(p.b) + xp.min(p.cost) - xp.max(self.f)
            self._hold()
            self._make_columns_exact()
            self._absorb_if_far()
        elif self.near is None:
            self.update_in_logs((1,))
        else:
            self.g = self.near
            with np.errstate(over="ignore"):
                self._hold()
                self._make_columns_exact((1,))
            self._absorb_if_far()

    def _hold(self) -> None:
        """A kernel at f and g."""
        self.log_u, self.log_v = self.xp.zeros_like(self.f), self.xp.zeros_like(self.g)
        self.kernel = kernel_for(
            self.problem.cost, self.f, self.g, self.epsilon, truncated=self.truncated
        )
        self.counts.absorptions += 1

    def update_in_logs(self, sides: tuple[int, ...] = (1, 0, 1)) -> None:
        """Exact updates of f (0) and g (1) from the cost, whatever the range, then absorb."""
        cost, eps = self.problem.cost, self.epsilon
        for side in sides:
            if side:
                self.g = soft_minimum(cost, self.f, self.log_a, eps, -2)
            else:
                self.f = soft_minimum(cost, self.g, self.log_b, eps, -1)
        self._hold()

    def potentials(self) -> tuple[Array, Array]:
        return self.f + self.epsilon * self.log_u, self.g + self.epsilon * self.log_v

    def _absorb(self) -> None:
        self.f, self.g = self.potentials()
        self.log_u, self.log_v = self.xp.zeros_like(self.f), self.xp.zeros_like(self.g)
        self.kernel.absorb(self.f, self.g, self.epsilon)
        self.counts.absorptions += 1

    def _absorb_if_far(self) -> None:
        xp = self.xp
        farthest = max(float(xp.max(xp.abs(s))) for s in (self.log_u, self.log_v))
        if not farthest <= self.kernel.reach:
            self._absorb()

    def rows(self) -> Array:
        """Row sums of the plan over the weights."""
        sums = self.kernel.times(self.problem.b * self.xp.exp(self.log_v))
        return sums * self.xp.exp(self.log_u)

    def columns(self) -> Array:
        sums = self.kernel.transposed_times(self.problem.a * self.xp.exp(self.log_u))
        return sums * self.xp.exp(self.log_v)

    def error(self, rows: Array) -> Array:
        """L1 distance of the row sums from the weights."""
        return self.xp.sum(self.problem.a * self.xp.abs(rows - 1), axis=-1)

    def _relaxed(self, ratio: Array, weight: Array, omega: Array) -> Array:
        """Change of log scalings by a relaxed update, exact where the dual would fall by it.

        An update of step s changes the dual by eps sum w (-s ln r + r - r^(1 - s)).
        """
        xp = self.xp
        log_ratio = xp.log(ratio)
        if bool(xp.all(omega == 1)):
            return -log_ratio
        kept = xp.exp((1 - omega) * log_ratio)
        gain = xp.sum(weight * (ratio - kept - omega * log_ratio), axis=-1, keepdims=True)
        return -log_ratio * xp.where(gain >= 0, omega, 1.0)

    def sweep(self, rows: Array, omega: Array) -> None:
        """Update f by its row ratios, then g; in logs where a sum has left the range."""
        p = self.problem
        self.counts.sweeps += 1
        if not self._are_in_range(rows):
            self.f, self.g = self.potentials()
            self.update_in_logs()
            return
        self.log_u = self.log_u + self._relaxed(rows, p.a, omega)
        columns = self.columns()
        if not self._are_in_range(columns):
            self.f, self.g = self.potentials()
            self.update_in_logs()
            return
        self.log_v = self.log_v + self._relaxed(columns, p.b, omega)
        self._absorb_if_far()

    def _make_columns_exact(self, else_in_logs: tuple[int, ...] = (1, 0, 1)) -> None:
        columns = self.columns()
        if self._are_in_range(columns):
            self.log_v = self.log_v - self.xp.log(columns)
        else:
            self.f, self.g = self.potentials()
            self.update_in_logs(else_in_logs)

    def _are_in_range(self, sums: Array) -> bool:
        return bool(self.xp.all(self.xp.isfinite(sums) & (sums > 0)))

    def climb(self, tol: float, max_sweeps: int, *, most_sweeps_left: float) -> Array:
        """Over-relaxed sweeps until the error is at most `tol`, or more than so many are foreseen.

        Returns the errors of the marginals, (...).
        """
        xp = self.xp
        rows = self.rows()
        errors = [self.error(rows)]
        omega = xp.ones_like(errors[-1])
        spans = [*_SPANS]
        for _ in range(max_sweeps):
            if bool(xp.all(errors[-1] <= tol)):
                # A relaxed update leaves the columns off; exact ones move the rows a little.
                self._make_columns_exact()
                rows = self.rows()
                errors[-1] = self.error(rows)
                if bool(xp.all(errors[-1] <= tol)):
                    return errors[-1]
            self.sweep(rows, omega[..., None])
            rows = self.rows()
            errors.append(self.error(rows))
            if len(errors) > spans[0]:
                omega, left = _relaxation(errors, omega, tol)
                errors = errors[-1:]
                spans = spans[1:] or spans
                if float(xp.max(left)) > most_sweeps_left:
                    break
        self._make_columns_exact()
        return self.error(self.rows())

    def newton_and_on(self, tol: float, max_iter: int) -> Array:
        """Newton steps, each of which brings a sweep with it, and sweeps where they fall short."""
        error = self.newton(tol, min(_NEWTON_STEPS, (max_iter - self.counts.in_all) // 2))
        if bool(array_namespace(error).all(error <= tol)):
            return error
        return self.climb(tol, max_iter - self.counts.in_all, most_sweeps_left=math.inf)

    def newton(self, tol: float, max_steps: int) -> Array:
        """Damped Newton steps on f with g exact, until the error is at most `tol`."""
        p, xp = self.problem, self.xp
        self._make_columns_exact()
        for _ in range(max_steps):
            rows = self.rows()
            error = self.error(rows)
            if bool(xp.all(error <= tol)):
                break
            self.counts.newton_steps += 1
            lacking, step = self._newton_step(rows, error)
            self._move(step, p.a * lacking)
            self.sweep(self.rows(), xp.ones_like(error)[..., None])
        rows = self.rows()
        return self.error(rows)

    def _newton_step(self, rows: Array, error: Array) -> tuple[Array, Array]:
        """What row sums lack, over the weights, and the step of log scalings."""
        p, xp = self.problem, self.xp
        scalings = xp.sqrt(p.a) * xp.exp(self.log_u), xp.sqrt(p.b) * xp.exp(self.log_v)
        lacking = 1 - rows
        step = newton_step(self.kernel, scalings, p.a, rows, lacking, error, is_singular=True)
        return lacking, step

    def _followed(self, taken: Array) -> tuple[Array, Array]:
        """After a step of f from exact columns: the rise of the dual over eps, and exact log_v."""
        p, xp = self.problem, self.xp
        change = -xp.log(self.columns())
        rise = xp.sum(p.a * taken, axis=-1) + xp.sum(p.b * change, axis=-1)
        return rise, self.log_v + change

    def _within_reach(self, step: Array, gradient: Array) -> Array:
        """A step that the kernel can hold: the tips cut off, or all shorter where that is uphill.

        A few points nearly cut off from all others have steps of hundreds of logs; they should
        not hold up the rest.
        """
        xp, reach = self.xp, self.kernel.reach
        longest = xp.max(xp.abs(step), axis=-1, keepdims=True)
        shorter = step * xp.clip(reach / xp.clip(longest, 1e-30, None), None, 1.0)
        clipped = xp.clip(step, -reach, reach)
        slopes = [xp.sum(gradient * s, axis=-1, keepdims=True) for s in (shorter, clipped)]
        return xp.where(slopes[1] >= _CLIPPED_SHARE * slopes[0], clipped, shorter)

    def _move(self, step: Array, gradient: Array) -> None:
        """Along a step of log scalings, as far as the dual with exact columns rises well.

        Halved until it does, and doubled as long as it rises more: masses that are too large by
        a factor e^t take t steps of Newton, each of length 1.
        """
        xp = self.xp
        step = self._within_reach(step, gradient)
        slope = xp.sum(gradient * step, axis=-1)
        most = self.kernel.reach / xp.clip(xp.max(xp.abs(step), axis=-1), 1e-30, None)
        start = self.log_u

        def rise_at(length: Array) -> tuple[Array, Array]:
            self.log_u = start + length[..., None] * step
            return self._followed(length[..., None] * step)

        length = xp.ones_like(slope)
        rise, log_v = rise_at(length)
        while True:
            short = rise < _ARMIJO * length * slope - 1e-15
            if not bool(xp.any(short & (length > _LEAST_STEP))):
                break
            length = xp.where(short, length / 2, length)
            rise, log_v = rise_at(length)
        while bool(xp.any((length >= 1) & (2 * length <= most))):
            longer = xp.where((length >= 1) & (2 * length <= most), 2 * length, length)
            further, log_w = rise_at(longer)
            rises = further > rise
            if not bool(xp.any(rises)):
                break
            length, rise = xp.where(rises, longer, length), xp.where(rises, further, rise)
            log_v = xp.where(rises[..., None], log_w, log_v)
        self.log_u, self.log_v = start + length[..., None] * step, log_v
        self._absorb_if_far()


def _relaxation(errors: list[Array], omega: Array, tol: float) -> tuple[Array, Array]:
    """The best factor by the rate at which errors fall, and how many sweeps it leaves to do.

    With s^2 the rate of plain sweeps, one of factor w falls at rate l where
    (l + w - 1)^2 = l w^2 s^2, and the best factor is 2 / (1 + sqrt(1 - s^2)) (Young 1971). Errors
    of relaxed sweeps swing: the rate is that of the largest of one half of them to the other.
    """
    xp = array_namespace(errors[-1])
    tiny = float(xp.finfo(errors[-1].dtype).smallest_normal)
    half = (len(errors) - 1) // 2
    largest = [
        xp.max(xp.stack(part), axis=0) for part in (errors[-half:], errors[-2 * half : -half])
    ]
    rate = xp.exp(xp.log((largest[0] + tiny) / (largest[1] + tiny)) / half)
    tells = (rate > omega - 1) & (rate < 1)
    rate = xp.clip(rate, 1e-3, 1 - 1e-9)
    square = xp.where(tells, (rate + omega - 1) ** 2 / (rate * omega**2), 0.0)
    best = 2 / (1 + xp.sqrt(1 - xp.clip(square, 0.0, 1 - 1e-12)))
    to_two = 2 - omega
    # Plain sweeps tell the rate for good, relaxed ones only once they have settled.
    best = xp.where(omega > 1, xp.minimum(best, 2 - _MORE * to_two), best)
    smaller = 2 - xp.where(rate >= 1 - 1e-9, _LESS * to_two, _LITTLE_LESS * to_two)
    best = xp.clip(xp.where(tells, best, smaller), 1.0, _MOST_RELAXED)
    # What does not tell goes on as it did.
    decay = -xp.log(xp.clip(xp.where(tells, best - 1, rate), 0.05, 1 - 1e-9))
    left = xp.log(xp.clip(errors[-1] / tol, 1.0, 1 / tiny)) / decay
    return best, xp.where(errors[-1] <= tol, 0.0 * left, left)
