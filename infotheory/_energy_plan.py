r"""Plans by an energy: the law of y given x is drawn by Langevin steps with the potential's slope.

Every row of the source keeps a chain of its own. Chains exchange their ends, which leaves the
potential out of the acceptance: exchanging y and y' between x and x' has the ratio
:math:`\exp((x - x')^\top (y' - y) / \varepsilon)`, and so each x finds the part of the target that
belongs to it, however far apart these parts are.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
from torch import Tensor

from infotheory._plan_coordinates import PlanCoordinates
from infotheory._plan_training import Learner, PlanHistory, train_in_turn
from infotheory._potential_plan import PotentialPlan
from infotheory._training import Plan
from infotheory.functional import sinkhorn, transport_cost

_ACCEPTANCE = 0.574  # at which the drawn law spreads fastest in many columns
_FIRST_EXCHANGES, _EXCHANGES = 300, 2
_CANDIDATES = 4
_LARGEST_BANK = 2000
_SETTLING, _STEPS_OF_A_DRAW, _TEMPERATURES = 20, 30, 64
_MEMORY = 0.02  # of the running means that tune the steps


class EnergyPlan(PotentialPlan):
    """A potential, and Langevin steps that draw from its plan."""

    stiffness: Tensor
    log_step: Tensor
    bank_x: Tensor
    bank_y: Tensor
    bank_potential: Tensor

    def __init__(
        self, coordinates: PlanCoordinates, hidden_layer_sizes: tuple[int, ...], activation: str
    ) -> None:
        super().__init__(coordinates, hidden_layer_sizes, activation)
        # Mean square of the slopes of the log density: what a step is scaled by.
        self.register_buffer("stiffness", 1 / self.variance)
        self.register_buffer("log_step", torch.zeros(()))
        for name in ("bank_x", "bank_y"):
            self.register_buffer(name, torch.zeros(1, self.dim))
        self.register_buffer("bank_potential", torch.zeros(1))

    def langevin(
        self,
        y: Tensor,
        x: Tensor,
        n_steps: int,
        *,
        share: float = 1.0,
        tune: bool = False,
    ) -> Tensor:
        """Langevin steps with the acceptance of Metropolis, for `share` of the potential."""
        precision = (1 - share) / self.variance + share * self.stiffness
        value, slope = self._log_density(y, x, share)
        for _ in range(n_steps):
            scale = torch.exp(self.log_step) / precision
            noise = torch.randn_like(y)
            proposed = y + 0.5 * scale * slope + torch.sqrt(scale) * noise
            new_value, new_slope = self._log_density(proposed, x, share)
            back = y - proposed - 0.5 * scale * new_slope
            chance = new_value - value + 0.5 * (noise**2 - back**2 / scale).sum(-1)
            # Where arithmetic fails nothing moves.
            chance = torch.nan_to_num(chance, nan=-math.inf)
            moves = torch.log(torch.rand_like(chance)) < chance
            y = torch.where(moves[..., None], proposed, y)
            slope = torch.where(moves[..., None], new_slope, slope)
            value = torch.where(moves, new_value, value)
            if tune:
                self._tune(chance, slope)
                precision = self.stiffness
        return y

    def _log_density(self, y: Tensor, x: Tensor, share: float) -> tuple[Tensor, Tensor]:
        """Up to a constant, and its gradient in y."""
        away = y - self.slope * x
        values, slope = self.slope_of_potential(y)
        quadratic = 0.5 * (away**2 / self.variance).sum(-1)
        return share * values - quadratic, share * slope - away / self.variance

    def _tune(self, chance: Tensor, slope: Tensor) -> None:
        accepted = torch.exp(chance.clamp(max=0)).mean()
        self.log_step += 2 * _MEMORY * (accepted - _ACCEPTANCE)
        self.stiffness.lerp_((slope**2).flatten(0, -2).mean(0), _MEMORY)

    def jump(self, y: Tensor, x: Tensor) -> Tensor:
        """One of a few draws of the reference, or y: a move that leaves the plan as it is."""
        shape = (_CANDIDATES, *y.shape)
        noise = torch.randn(shape, dtype=y.dtype, device=y.device)
        every = torch.cat([y[None], self.slope * x + torch.sqrt(self.variance) * noise])
        with torch.no_grad():
            chosen = self.choose(self.potential(every).T, 1).T[..., None]
        return every.gather(0, chosen.expand(1, *y.shape))[0]

    def fit(self, x: Tensor, y: Tensor, plan: Plan, n_steps: int) -> PlanHistory:
        """Raise the potential at rows of the target, and lower it at the ends of the chains."""
        learner = Learner(self.potential_network, plan.learning_rate_init, plan, betas=(0.9, 0.99))
        chains = self._first_chains(x, y)
        size = min(plan.batch_size, len(x))

        def step() -> Tensor:
            rows = torch.randperm(len(x), device=x.device)[:size]
            ends = self.jump(chains[rows], x[rows])
            ends = self.langevin(ends, x[rows], n_steps, tune=True)
            ends = chains[rows] = self.exchange(ends, x[rows], _EXCHANGES)
            drawn = torch.randint(len(y), (size,), device=y.device)
            loss = self.potential(ends).mean() - self.potential(y[drawn]).mean()
            learner.descend(loss)
            return loss

        history = train_in_turn(step, [learner], plan)
        self._fill_bank(chains, x)
        return history

    def _first_chains(self, x: Tensor, y: Tensor) -> Tensor:
        """Rows of the target, each as often as any other, exchanged until they suit their x."""
        turns = [torch.randperm(len(y), device=y.device) for _ in range(-(-len(x) // len(y)))]
        return self.exchange(y[torch.cat(turns)[: len(x)]], x, _FIRST_EXCHANGES)

    def _fill_bank(self, chains: Tensor, x: Tensor) -> None:
        """Ends to start new draws from, with the potential that their discrete plan has."""
        rows = torch.randperm(len(x), device=x.device)[:_LARGEST_BANK]
        ends = self.langevin(chains[rows], x[rows], _SETTLING)
        self.bank_x, self.bank_y = x[rows], self.exchange(ends, x[rows], _EXCHANGES)
        source, target = (t.double().cpu().numpy() for t in (self.bank_x, self.bank_y))
        with warnings.catch_warnings():
            # Starting points may be rough, and the steps after them mend that.
            warnings.simplefilter("ignore")
            found = sinkhorn(
                transport_cost(source, target), epsilon=self.epsilon, tol=1e-2, max_iter=1000
            )
        potential = found.potentials[1] - 0.5 * np.sum(target**2, axis=1)
        self.bank_potential = self.tensor(potential / self.epsilon)

    def ends(self, x: Tensor) -> Tensor:
        chosen = torch.multinomial(self._weights(x[:, 0]), x.shape[1], replacement=True)
        return self.langevin(self.bank_y[chosen], x, _STEPS_OF_A_DRAW)

    def mean(self, x: Tensor) -> Tensor:
        """Of y given each row of x: the mean of all ends that are kept, by their weights."""
        return self._weights(x) @ self.bank_y

    def _weights(self, x: Tensor) -> Tensor:
        """Of each end that is kept, for each row of x."""
        return torch.softmax(x @ self.bank_y.T / self.epsilon + self.bank_potential, dim=-1)

    def log_normaliser(self, x: Tensor) -> Tensor:
        """By annealed importance sampling, from the reference to the plan."""
        y = self.slope * x + torch.sqrt(self.variance) * torch.randn_like(x)
        shares = [(k / _TEMPERATURES) ** 2 for k in range(_TEMPERATURES + 1)]
        total = torch.zeros(x.shape[:-1], dtype=x.dtype, device=x.device)
        for k in range(_TEMPERATURES):
            total = total + (shares[k + 1] - shares[k]) * self.potential(y)
            y = self.langevin(y, x, 1, share=shares[k + 1])
        return total

    def path(self, x: Tensor) -> tuple[list[float], list[Tensor]]:
        """Times and places that are drawn; a Brownian bridge joins them."""
        return [0.0, 1.0], [x, self.ends(x[:, None])[:, 0]]
