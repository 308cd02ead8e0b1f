r"""What plans by a learnt potential share: the law of y given x, and its normal reference.

In the coordinates of :class:`PlanCoordinates` a plan has y given x of the density
:math:`N(y; s x, \varepsilon s) \exp(\varphi(y)) / Z(x)` with a network for the potential
:math:`\varphi`, in nats.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from infotheory._networks import MLP
from infotheory._plan_coordinates import PlanCoordinates

PlanT = TypeVar("PlanT", bound="PotentialPlan")


class PotentialPlan(nn.Module):
    """A potential on top of the reference plan.

    Parameters
    ----------
    coordinates : PlanCoordinates
    hidden_layer_sizes : tuple of int
    activation : str
    """

    slope: Tensor
    width_x: Tensor
    width_y: Tensor

    def __init__(
        self, coordinates: PlanCoordinates, hidden_layer_sizes: tuple[int, ...], activation: str
    ) -> None:
        super().__init__()
        self.epsilon = float(coordinates.epsilon)
        for name in ("slope", "width_x", "width_y"):
            self.register_buffer(name, torch.as_tensor(getattr(coordinates, name)))
        self.dim = len(coordinates.slope)
        self.potential_network = MLP(
            (self.dim, *hidden_layer_sizes, 1), activation=activation, zero_output=True
        )

    @property
    def variance(self) -> Tensor:
        """Of y given x under the reference."""
        return self.epsilon * self.slope

    def tensor(self, table: np.ndarray) -> Tensor:
        return torch.as_tensor(table, dtype=self.slope.dtype, device=self.slope.device)

    def potential(self, y: Tensor) -> Tensor:
        return self.potential_network(y / self.width_y).squeeze(-1)

    def slope_of_potential(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The potential and its gradient, neither of which is differentiable further."""
        with torch.enable_grad():
            leaf = y.detach().requires_grad_(True)
            values = self.potential(leaf)
            (gradient,) = torch.autograd.grad(values.sum(), leaf)
        return values.detach(), gradient

    @staticmethod
    def choose(log_weights: Tensor, n_choices: int) -> Tensor:
        """Indices along the last axis by their weights, (..., n_choices).

        Missing weights raise nothing: the loss shows them.
        """
        every = log_weights[..., None, :].expand(*log_weights.shape[:-1], n_choices, -1)
        return (every - torch.log(torch.empty_like(every).exponential_())).argmax(dim=-1)

    def exchange(self, y: Tensor, x: Tensor, n_rounds: int) -> Tensor:
        """Let random pairs of rows exchange their ends, where that suits them."""
        y = y.clone()
        half = len(y) // 2
        for _ in range(n_rounds):
            order = torch.randperm(len(y), device=y.device)
            i, j = order[:half], order[half : 2 * half]
            gained = ((x[i] - x[j]) * (y[j] - y[i])).sum(-1) / self.epsilon
            moves = torch.log(torch.rand_like(gained)) < gained
            i, j = i[moves], j[moves]
            y[i], y[j] = y[j], y[i]
        return y

    def precise(self: PlanT) -> PlanT:
        """A copy in double precision, whose results do not depend on which rows go together."""
        return copy.deepcopy(self).double()

    def ends(self, x: Tensor) -> Tensor:
        """One y for each x of shape (rows, draws, d)."""
        raise NotImplementedError

    def mean(self, x: Tensor) -> Tensor:
        """Of y given each row of x, (rows, d): the same at every call, and a map of the row."""
        raise NotImplementedError

    def path(self, x: Tensor) -> tuple[list[float], list[Tensor]]:
        """Times and places that are drawn from rows of x; a Brownian bridge joins them."""
        raise NotImplementedError

    def log_normaliser(self, x: Tensor) -> Tensor:
        """An estimate of log Z, of which exp has no bias, for x of shape (rows, draws, d)."""
        raise NotImplementedError


def gain(plan: PotentialPlan, blocks: Sequence[np.ndarray], y: np.ndarray, n_draws: int) -> float:
    r"""What the network adds to the weak dual of the reference, in nats.

    :math:`E \varphi(y) - E \log Z(x)`, with Z by `n_draws` draws for each x.
    """
    told = []
    with torch.no_grad():
        for block in blocks:
            rows = plan.tensor(block)[:, None].expand(-1, n_draws, -1)
            logs = plan.log_normaliser(rows).double()
            told.append(torch.logsumexp(logs, dim=1) - math.log(n_draws))
        risen = plan.potential(plan.tensor(y)).double().mean()
    return float(risen - torch.cat(told).mean())
