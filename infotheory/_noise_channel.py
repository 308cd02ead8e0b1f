"""The Gaussian channel that denoisers are trained on: its range, and what they see of its level."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from infotheory.functional import log_snr_quantile, log_snr_weight

# Log-SNR below which what is left to learn is lost in noise, and how far past the finest scale
# the range goes: what lies outside is at most e^-6 / 2 of a column's variance or information.
_LOWEST, _PAST_FINEST, _HIGHEST = -6.0, 6.0, 30.0
_ROWS_PROBED = 2000
_QUARTILE_OF_SQUARE = 0.1015  # of the square of a standard normal number
N_WAVES = 8


@dataclass(frozen=True)
class Channel:
    """Range and sampling law of the log-SNR."""

    low: float
    high: float
    location: float
    scale: float

    def sample(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Log-SNRs at uniform numbers, and their weights."""
        log_snr = log_snr_quantile(u, self.low, self.high, location=self.location, scale=self.scale)
        weight = log_snr_weight(
            log_snr, self.low, self.high, location=self.location, scale=self.scale
        )
        return log_snr, weight


def channel_for(finest: float) -> Channel:
    """A range that sees structure down to the variance `finest` of unit-variance columns."""
    depth = min(max(-math.log(max(finest, 1e-12)), 0.0), _HIGHEST - _PAST_FINEST)
    return Channel(_LOWEST, depth + _PAST_FINEST, depth / 2, 2.0 + depth / 8)


def finest_variance(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> float:
    """The smallest variance of a column of u among rows with nearly the same v.

    From the difference to the nearest neighbour in v; the lower quartile, so that a narrow part
    of a broad law counts.
    """
    from infotheory._xp._neighbors import nearest

    if not u.shape[1] or not v.shape[1]:
        return 1.0
    rows = rng.permutation(len(u))[:_ROWS_PROBED]
    u, v = u[rows], np.ascontiguousarray(v[rows])
    partner = nearest(v, 1, metric="euclidean")[1][:, 0]
    square = np.quantile((u - u[partner]) ** 2 / 2, 0.25, axis=0) / _QUARTILE_OF_SQUARE
    return float(np.min(square))


def waves(log_snr: Tensor) -> Tensor:
    """The log-SNR as smooth inputs of order one."""
    parts = [log_snr / 10, torch.tanh(log_snr / 4)]
    for period in (8.0, 16.0, 32.0):
        angle = log_snr * (2 * math.pi / period)
        parts += [torch.sin(angle), torch.cos(angle)]
    return torch.stack(parts, dim=-1)


def radius(block: Tensor) -> Tensor:
    """How long the block is, on a scale of order one."""
    square = block.square().sum(-1, keepdim=True)
    return torch.log1p(square) - math.log1p(block.shape[-1])
