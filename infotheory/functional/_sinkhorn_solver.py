"""The dual of entropic transport, climbed by sweeps and Newton steps on kernels with absorption.

Notation: potentials f, g in units of the cost; plan P_ij = a_i b_j exp((f_i + g_j - C_ij) / eps);
dual value D = <a, phi(f)> + <b, phi(g)> - eps (sum P - 1), where phi(f) = f for a fixed marginal
and rho (1 - exp(-f / rho)) for one that may move at a price of rho times its divergence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from infotheory._xp import array_namespace
from infotheory._xp._namespace import Array
from infotheory.functional._sinkhorn_kernels import DenseKernel, kernel_for

_SETTLE = 10  # sweeps before the rate of convergence is read off
_LEAST_STEP = 2.0**-20


@dataclass
class Problem:
    """Weights, marginal penalties (infinite: fixed) and the cost."""

    cost: Array
    a: Array
    b: Array
    penalties: tuple[float, float] = (math.inf, math.inf)

    def __post_init__(self) -> None:
        self.xp = array_namespace(self.cost)
        self.log_a, self.log_b = (self._log(w) for w in (self.a, self.b))

    def _log(self, w: Array) -> Array:
        xp = self.xp
        return xp.where(w > 0, xp.log(xp.where(w > 0, w, 1.0)), -xp.inf)


@dataclass
class Climb:
    """Where the ascent is: potentials, the kernel that holds most of them, and what is counted."""

    problem: Problem
    epsilon: float
    f: Array
    g: Array
    truncated: bool | None = None
    n_sweeps: int = 0
    n_newton: int = 0
    n_absorptions: int = 0
    errors: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.xp = self.problem.xp
        self.start()

    def start(self) -> None:
        """Two updates in logs, from which every sum of the kernel is in range, then absorb."""
        p, eps = self.problem, self.epsilon
        probe = DenseKernel(p.cost)
        for _ in range(2):
            self.g = self._damped(probe.soft_minimum(self.f, p.log_a, eps, -2), 1)
            self.f = self._damped(probe.soft_minimum(self.g, p.log_b, eps, -1), 0)
        self.g = self._damped(probe.soft_minimum(self.f, p.log_a, eps, -2), 1)
        self.kernel = kernel_for(p.cost, self.f, self.g, eps, truncated=self.truncated)
        self.n_absorptions += 1
        self.log_u, self.log_v = self.xp.zeros_like(self.f), self.xp.zeros_like(self.g)

    def _damped(self, potential: Array, side: int) -> Array:
        penalty = self.problem.penalties[side]
        return (
            potential if math.isinf(penalty) else potential * (penalty / (penalty + self.epsilon))
        )

    def potentials(self) -> tuple[Array, Array]:
        return self.f + self.epsilon * self.log_u, self.g + self.epsilon * self.log_v
