"""Layers whose output is a normal law: a learnt conditional density, and a bottleneck."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from infotheory._networks import MLP

from ._checks import in_full


class ConditionalNormal(nn.Module):
    r"""Log density of y given x: normal, with a mean and a scale that a network learns.

    Parameters
    ----------
    dim_x, dim_y : int
    hidden_layer_sizes : tuple of int, default=(128, 128)
    activation : {"relu", "silu", "gelu", "tanh"}, default="silu"

    Notes
    -----
    The columns of y are independent given x. The critic of the bounds ``"club"`` and
    ``"leave-one-out"``, in nats. It starts as the standard normal law. Complexity of a table
    :math:`O(n m d)`, with n runs of the network. Source: Cheng et al. (2020), arXiv:2006.12013.

    Examples
    --------
    >>> import torch
    >>> from infotheory.nn import ConditionalNormal
    >>> density = ConditionalNormal(2, 1)
    >>> print(f"{density(torch.zeros(1, 2), torch.zeros(1, 1)).item():.4f}")
    -0.9189
    """

    def __init__(
        self,
        dim_x: int,
        dim_y: int,
        hidden_layer_sizes: tuple[int, ...] = (128, 128),
        *,
        activation: str = "silu",
    ) -> None:
        super().__init__()
        sizes = (dim_x, *hidden_layer_sizes, 2 * dim_y)
        self.network = MLP(sizes, activation=activation, zero_output=True)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Log density of y_i given x_i, of shape (..., n)."""
        mean, log_scale = self.network(x).chunk(2, dim=-1)
        return _normal_log_density(y, mean, log_scale)

    def table(self, x: Tensor, y: Tensor) -> Tensor:
        """Log density of y_j given x_i, of shape (..., n, m)."""
        mean, log_scale = self.network(x).unsqueeze(-2).chunk(2, dim=-1)
        return _normal_log_density(y.unsqueeze(-3), mean, log_scale)


def _normal_log_density(y: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    mean, log_scale = in_full(mean), in_full(log_scale)
    squares = ((y - mean) * torch.exp(-log_scale)).square()
    return -0.5 * (squares + 2 * log_scale + math.log(2 * math.pi)).sum(dim=-1)


class Bottleneck(NamedTuple):
    """What passes through a `VariationalBottleneck`, and what it costs."""

    z: Tensor
    rate: Tensor


class VariationalBottleneck(nn.Module):
    r"""Gaussian layer that lets through only what it pays for.

    Parameters
    ----------
    dim_in : int
        Columns of the features.
    dim_latent : int
        Columns of the code z.

    Notes
    -----
    ``forward(h)`` returns ``(z, rate)``: a code :math:`z \sim N(\mu(h), \sigma(h)^2)`, of
    shape (..., dim_latent), and for each row the divergence of that law from the standard
    normal one, in nats, of shape (...). The mean rate is an upper bound on I(h; z), so that
    ``cross_entropy + beta * rate.mean()`` is the deep variational information bottleneck. In
    evaluation mode z is the mean; the rate is still that of the noisy code. Mean and log scale
    are linear in h. Noise comes from `generator`, or from Torch's global one as in dropout.
    ``law(h)`` is the law of the code, of which ``law(h).log_prob(z[:, None])`` is a table for
    `infotheory.functional.info_nce` and `leave_one_out`, which hold I(h; z) between them.
    Complexity that of one linear layer. Source: Alemi, Fischer, Dillon and Murphy (2017),
    arXiv:1612.00410.

    Examples
    --------
    >>> import torch
    >>> from infotheory.nn import VariationalBottleneck
    >>> bottleneck = VariationalBottleneck(8, 2)
    >>> z, rate = bottleneck(torch.zeros(5, 8), generator=torch.Generator().manual_seed(0))
    >>> print(tuple(z.shape), tuple(rate.shape), bool((rate >= 0).all()))
    (5, 2) (5,) True
    """

    def __init__(self, dim_in: int, dim_latent: int) -> None:
        super().__init__()
        self.head = nn.Linear(dim_in, 2 * dim_latent)

    def forward(self, h: Tensor, *, generator: torch.Generator | None = None) -> Bottleneck:
        """Code and rate of each row of h, of shape (..., dim_in)."""
        mean, log_scale = self._parameters_of(h)
        # e^{2s} - 1 - 2s, without the loss of digits at s = 0
        twice = 2 * in_full(log_scale)
        rate = 0.5 * (in_full(mean).square() + torch.expm1(twice) - twice).sum(dim=-1)
        if not self.training:
            return Bottleneck(mean, rate)
        noise = torch.empty_like(mean).normal_(generator=generator)
        return Bottleneck(mean + torch.exp(log_scale) * noise, rate)

    def law(self, h: Tensor) -> Independent:
        """Normal law of the code of each row of h, of shape (..., dim_in)."""
        mean, log_scale = self._parameters_of(h)
        # A scale that has shrunk to 0 gives densities that are not finite, and no exception.
        normal = Normal(mean, torch.exp(log_scale), validate_args=False)
        return Independent(normal, 1, validate_args=False)

    def _parameters_of(self, h: Tensor) -> tuple[Tensor, Tensor]:
        if h.shape[-1] != self.head.in_features:
            raise ValueError(
                f"h must have {self.head.in_features} columns; got the shape {tuple(h.shape)}."
            )
        mean, log_scale = self.head(h).chunk(2, dim=-1)
        return mean, log_scale
