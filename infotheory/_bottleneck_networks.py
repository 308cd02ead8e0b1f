"""Networks that predict y from a representation t of x, and what their training minimises."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from infotheory._networks import ACTIVATIONS, MLP
from infotheory.functional import (
    cauchy_schwarz_mutual_information,
    conditional_cauchy_schwarz_divergence,
)
from infotheory.nn import VariationalBottleneck

_DRAWS = 32  # codes of a row over which probabilities are averaged
_AT_ONCE = 4096  # rows
_DIVERGED = 1e15  # of standardised targets, whose kernels would leave the range of floats


class _Encoder(nn.Module):
    """Hidden layers, each followed by the activation."""

    def __init__(self, dim_x: int, layers: tuple[int, ...], activation: str) -> None:
        super().__init__()
        self.width = (dim_x, *layers)[-1]
        self.network = MLP((dim_x, *layers), activation=activation) if layers else None
        self._activate = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        return x if self.network is None else self._activate(self.network(x))


class VariationalNetwork(nn.Module):
    """A code of x with normal noise, and a linear head.

    The head gives the mean of a normal y, whose scale is learnt, or the logits of labels.
    """

    def __init__(
        self,
        dim_x: int,
        layers: tuple[int, ...],
        activation: str,
        n_components: int,
        n_outputs: int,
        beta: float,
        *,
        labels: bool,
    ) -> None:
        super().__init__()
        self.features = _Encoder(dim_x, layers, activation)
        self.bottleneck = VariationalBottleneck(self.features.width, n_components)
        self.head = nn.Linear(n_components, n_outputs)
        self.log_scale = None if labels else nn.Parameter(torch.zeros(n_outputs))
        self._beta = beta

    def forward(self, x: Tensor, y: Tensor, noise: Tensor | None = None) -> Tensor:
        """The mean loss of the rows; the code has the noise given, or draws its own."""
        h = self.features(x)
        z, rate = self.bottleneck(h)
        if noise is not None:
            law = self.bottleneck.law(h)
            z = law.mean + law.stddev * noise
        return self._negative_log_likelihood(z, y) + self._beta * rate.mean()

    def _negative_log_likelihood(self, z: Tensor, y: Tensor) -> Tensor:
        told = self.head(z)
        if self.log_scale is None:
            return cross_entropy(told.flatten(0, -2), y.expand(told.shape[:-1]).flatten())
        squares = ((y - told) * torch.exp(-self.log_scale)).square()
        terms = 0.5 * squares + self.log_scale + 0.5 * math.log(2 * math.pi)
        return terms.sum(dim=-1).mean()

    def held_out_loss(self, x: Tensor, y: Tensor, noise: Tensor) -> Tensor:
        """The same with fixed noise (draws, n, n_components), for comparisons between states."""
        return self(x, y, noise)

    def represent(self, x: Tensor) -> Tensor:
        """The mean of the code."""
        return self.bottleneck.law(self.features(x)).mean

    def predict(self, x: Tensor) -> Tensor:
        """The mean of y, which is linear in the code; the mean over codes of probabilities."""
        if self.log_scale is not None:
            return self.head(self.represent(x))
        law = self.bottleneck.law(self.features(x))
        noise = torch.from_numpy(fixed_noise(_DRAWS, self.head.in_features)).to(x)
        z = law.mean + law.stddev * noise[:, None]
        return self.head(z).softmax(dim=-1).mean(dim=0)

    def rates(self, x: Tensor) -> Tensor:
        """Of each row the divergence of its code's law from the standard normal one, nats."""
        return self.bottleneck(self.features(x)).rate


class CauchySchwarzNetwork(nn.Module):
    """A representation of x without noise, and a linear head."""

    def __init__(
        self,
        dim_x: int,
        layers: tuple[int, ...],
        activation: str,
        n_components: int,
        n_outputs: int,
        beta: float,
        *,
        loss: str,
        bandwidth: float,
        bandwidth_y: float,
    ) -> None:
        super().__init__()
        self.encoder = _Encoder(dim_x, (*layers, n_components), activation)
        self.head = nn.Linear(n_components, n_outputs)
        self._beta, self._loss = beta, loss
        self._widths = (bandwidth, bandwidth_y)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """The loss of the rows as one sample."""
        t = self.encoder(x)
        told = self.head(t)
        width, width_y = self._widths
        if not torch.maximum(t.detach().abs().max(), told.detach().abs().max()) < _DIVERGED:
            return math.nan * told.sum()  # training stops and says so
        if self._loss == "squared-error":
            loss = (y - told).square().mean()
        else:
            loss = conditional_cauchy_schwarz_divergence(x, y, told, width, width_y)
        return loss if not self._beta else loss + self._beta * self._dependence(x, t)

    def _dependence(self, x: Tensor, t: Tensor) -> Tensor:
        # In units of its own spread: a representation cannot escape by growing or shrinking.
        spread = t.detach().var(dim=0).sum().mul(2).sqrt()
        some = torch.where(spread > 0, spread, torch.ones_like(spread))
        return cauchy_schwarz_mutual_information(x, t, self._widths[0], some, normalized=True)

    def held_out_loss(self, x: Tensor, y: Tensor, noise: Tensor) -> Tensor:
        """The loss of the rows, in samples of at most 1 024."""
        parts = zip(x.split(1024), y.split(1024), strict=True)
        return torch.stack([self(*part) for part in parts if len(part[0]) > 1]).mean()

    def represent(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def predict(self, x: Tensor) -> Tensor:
        return self.head(self.represent(x))

    def dependence(self, x: Tensor) -> Tensor:
        """Normalised Cauchy-Schwarz information of x and t, of at most 1 024 rows."""
        some = x[:1024]
        return self._dependence(some, self.encoder(some))


class OneMember(nn.Module):
    """A module as a stack of one: its weights with the leading axis that training expects."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._names = [name for name, _ in module.named_parameters()]
        self.stacked = nn.ParameterList(p.detach()[None] for p in module.parameters())
        self._module = [module]  # in a list: its own weights are not to be learnt

    def train(self, mode: bool = True) -> OneMember:
        self._module[0].train(mode)
        return super().train(mode)

    def forward(self, *args: Any) -> Tensor:
        return self._called("forward", *args)

    def held_out_loss(self, *args: Any) -> Tensor:
        return self._called("held_out_loss", *args)

    def _called(self, method: str, *args: Any) -> Tensor:
        module = self._module[0]
        weights = {name: w[0] for name, w in zip(self._names, self.stacked, strict=True)}
        if method == "forward":
            return torch.func.functional_call(module, weights, args)[None]
        return torch.func.functional_call(_Method(module, method), _inside(weights), args)[None]

    @torch.no_grad()
    def member(self) -> nn.Module:
        """The module with the weights that were learnt."""
        module = self._module[0]
        for p, w in zip(module.parameters(), self.stacked, strict=True):
            p.copy_(w[0])
        return module.eval()


class _Method(nn.Module):
    """Another method of a module as the one that a call runs."""

    def __init__(self, module: nn.Module, method: str) -> None:
        super().__init__()
        self.module, self._method = module, method

    def forward(self, *args: Any) -> Tensor:
        return getattr(self.module, self._method)(*args)


def _inside(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"module.{name}": weight for name, weight in weights.items()}


def fixed_noise(n_draws: int, dim: int) -> np.ndarray:
    """The same normal numbers at every call, each with its negative, of variance 1 a column."""
    half = np.random.default_rng(0).standard_normal((n_draws // 2, dim))
    half = half / np.sqrt(np.mean(half**2, axis=0))
    return np.concatenate([half, -half])


@torch.no_grad()
def by_blocks(function: Any, x: np.ndarray, module: nn.Module) -> np.ndarray:
    """Rows through a method of a module in float64, some thousand at once."""
    device = next(module.parameters()).device
    parts = [
        function(torch.from_numpy(x[i : i + _AT_ONCE]).to(device)).cpu().numpy()
        for i in range(0, len(x), _AT_ONCE)
    ]
    return np.concatenate(parts)
