r"""Plans by a drift: a diffusion whose ends follow the target, found as a saddle point.

In the coordinates of :class:`PlanCoordinates` the bridge of the normal reference has the drift
:math:`-(1 - s) x / D(t)` with :math:`D(t) = 1 - t (1 - s)`, and exact transitions
:math:`N(x D(r) / D(t), \varepsilon (r - t) D(r) / D(t))`. A network adds
:math:`\varepsilon s / D(t)` times an estimate of :math:`E[\nabla \varphi(X_1) | X_t]`, which is the
best drift for a potential :math:`\varphi`.
"""

from __future__ import annotations

import math
from collections import deque

import torch
from torch import Tensor

from infotheory._networks import MLP
from infotheory._plan_coordinates import PlanCoordinates
from infotheory._plan_training import Learner, PlanHistory, train_in_turn
from infotheory._potential_plan import PotentialPlan
from infotheory._training import Plan

_BEND = 1.5  # steps shorten as (1 - t) to the power 1 - 1 / 1.5
_PATHS = 8  # from one row of a batch, which are weighed against each other
_EXCHANGES = 2
_DRIFT_STEPS, _TIMES, _RECENT = 3, 2, 4
_TIME_INPUTS = 5
_LATEST = 0.999
_MEAN_PATHS = 64
_MEMORY = 0.02


class DriftPlan(PotentialPlan):
    """A potential, and the drift that leads where it is high.

    Parameters
    ----------
    coordinates : PlanCoordinates
    hidden_layer_sizes : tuple of int
    activation : str
    n_steps : int
        Steps of the diffusion.
    """

    grid: Tensor
    stiffness: Tensor

    def __init__(
        self,
        coordinates: PlanCoordinates,
        hidden_layer_sizes: tuple[int, ...],
        activation: str,
        n_steps: int,
    ) -> None:
        super().__init__(coordinates, hidden_layer_sizes, activation)
        self.drift_network = MLP(
            (self.dim + _TIME_INPUTS, *hidden_layer_sizes, self.dim),
            activation=activation,
            zero_output=True,
        )
        share = torch.arange(n_steps + 1, dtype=torch.float64) / n_steps
        self.register_buffer("grid", 1 - (1 - share) ** _BEND)
        # Mean square of the potential's gradient, on the scale of the network's inputs.
        self.register_buffer("stiffness", torch.full((self.dim,), 1e-3))

    def _line(self, t: Tensor) -> Tensor:
        return 1 - t * (1 - self.slope)

    def expected_gradient(self, x: Tensor, t: Tensor) -> Tensor:
        """What the network says of the potential's gradient at the end, for x (..., d), t (..., 1).

        The gradient is with respect to the target on the scale of the network's inputs.
        """
        spread = (
            ((1 - t) * self.width_x) ** 2
            + (t * self.width_y) ** 2
            + t * (1 - t) * (2 * self.width_x**2 * self.slope + self.epsilon)
        )
        waves = [torch.cos(math.pi * k * t) for k in (1, 2, 3)]
        inputs = [x / torch.sqrt(spread), 2 * t - 1, torch.log(1.01 - t) / 2.3 + 1, *waves]
        return self.drift_network(torch.cat(inputs, dim=-1))

    @torch.no_grad()
    def simulate(self, x: Tensor, noises: Tensor | None = None) -> tuple[list[Tensor], Tensor]:
        """Places at all times of the grid, and the log weight of each path.

        The weight is the density ratio of the reference's paths, tilted by the potential, to
        those of the drift: the same for all paths from one x if the drift is best.
        """
        places = [x]
        log_weight = torch.zeros(x.shape[:-1], dtype=x.dtype, device=x.device)
        for k, (start, end) in enumerate(zip(self.grid[:-1], self.grid[1:], strict=True)):
            t = start.expand(*x.shape[:-1], 1)
            kept = self._line(end) / self._line(start)
            told = self.expected_gradient(x, t)
            pull = self.slope / self._line(start) / self.width_y * told
            # In standard deviations of the step's noise.
            pull = torch.sqrt((end - start) * self.epsilon) * pull
            noise = torch.randn_like(x) if noises is None else noises[k]
            spread = torch.sqrt(self.epsilon * (end - start) * kept)
            x = x * kept + spread * (pull + noise)
            places.append(x)
            log_weight = log_weight - (pull * (noise + 0.5 * pull)).sum(-1)
        return places, log_weight + self.potential(x)

    def fit(self, x: Tensor, y: Tensor, plan: Plan) -> PlanHistory:
        """Raise the potential at the target and lower it at the ends; let the drift follow."""
        rate = plan.learning_rate_init
        potential = Learner(self.potential_network, rate, plan, betas=(0.5, 0.99))
        drift = Learner(self.drift_network, rate, plan, betas=(0.9, 0.99))
        recent: deque[tuple[Tensor, Tensor]] = deque(maxlen=_RECENT)
        groups = max(1, min(plan.batch_size // _PATHS, len(x)))
        size = groups * _PATHS

        def step() -> Tensor:
            rows = torch.randint(len(x), (groups,), device=x.device)
            starts = x[rows][:, None].expand(-1, _PATHS, -1)
            starts, ends = starts.flatten(0, 1), self._weighed_ends(starts)
            ends = self.exchange(ends, starts, _EXCHANGES)
            recent.append((starts, ends))
            drawn = torch.randint(len(y), (size,), device=y.device)
            loss = self.potential(ends).mean() - self.potential(y[drawn]).mean()
            potential.descend(loss)
            pool_x, pool_y = (torch.cat(side) for side in zip(*recent, strict=True))
            for _ in range(_DRIFT_STEPS):
                chosen = torch.randint(len(pool_x), (size,), device=x.device)
                drift.descend(self._drift_loss(pool_x[chosen], pool_y[chosen]))
            return loss

        return train_in_turn(step, [potential, drift], plan)

    def _weighed_ends(self, starts: Tensor) -> Tensor:
        """Ends of paths from each row, drawn anew by their weights within the row."""
        places, log_weight = self.simulate(starts)
        chosen = self.choose(log_weight, _PATHS)
        ends = places[-1].gather(1, chosen[..., None].expand_as(places[-1]))
        return ends.flatten(0, 1)

    def _drift_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Squared error of the expected gradient along Brownian bridges from x to y.

        Two expressions have the best drift as their mean: the potential's gradient at the end,
        and how far the end is from where the reference would end. Their mixture whose noise is
        least where y is normal is taken.
        """
        _, gradient = self.slope_of_potential(y)
        gradient = gradient * self.width_y
        self.stiffness.lerp_((gradient**2).mean(0), _MEMORY)
        t = 1 - (1 - torch.rand((_TIMES, len(x), 1), dtype=x.dtype, device=x.device)) ** _BEND
        t = t.clamp(max=_LATEST)
        noise = torch.randn((_TIMES, *x.shape), dtype=x.dtype, device=x.device)
        place = x + t * (y - x) + torch.sqrt(self.epsilon * t * (1 - t)) * noise
        line = self._line(t)
        precision = self.width_y**2 * line / (self.variance * (1 - t))
        away = (y - self.slope * place / line) / self.width_y
        share = precision / (precision + self.stiffness)
        aim = share * gradient + (1 - share) * precision * away
        weight = self.epsilon * (self.slope / (line * self.width_y)) ** 2
        # Times are drawn as dense as the steps are.
        weight = weight * (1 - t) ** (1 - 1 / _BEND)
        return (weight * (self.expected_gradient(place, t) - aim) ** 2).sum(-1).mean()

    def ends(self, x: Tensor) -> Tensor:
        return self.simulate(x)[0][-1]

    def mean(self, x: Tensor) -> Tensor:
        """By pairs of paths with opposite noise, the same for all rows: exact for normal laws."""
        shape = (len(self.grid) - 1, _MEAN_PATHS // 2, self.dim)
        drawn = torch.randn(shape, dtype=x.dtype, device=x.device)
        noises = torch.cat([drawn, -drawn], dim=1)[:, None]
        return self.simulate(x[:, None].expand(-1, _MEAN_PATHS, -1), noises)[0][-1].mean(1)

    def log_normaliser(self, x: Tensor) -> Tensor:
        """By paths of the drift, weighed against those of the reference."""
        return self.simulate(x)[1]

    def path(self, x: Tensor) -> tuple[list[float], list[Tensor]]:
        """Times and places that are drawn; a Brownian bridge joins them."""
        return self.grid.tolist(), self.simulate(x)[0]
