"""What critics say of pairs, and what is read off it: objective, cap, level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from infotheory.functional import donsker_varadhan, off_diagonal

_CAPS = torch.tensor([0.9, 0.95, 0.98, 0.99, 0.995])


@dataclass
class Scores:
    """Critic values of a batch: at rows drawn together (M, b), and apart.

    Apart are all other pairs of ``table`` (M, b, b), whose diagonal is ``joint``, or ``turned``
    (M, b, m), of which column m pairs row i with row i + ``turns[m]``. ``second`` are values of a
    second critic at rows drawn together.
    """

    joint: Tensor
    table: Tensor | None = None
    turned: Tensor | None = None
    turns: Sequence[int] = ()
    second: Tensor | None = None

    @property
    def product(self) -> Tensor:
        """Values apart, (M, b, m): entries of row i have x of row i."""
        if self.table is None:
            return self.turned  # pyright: ignore[reportReturnType]
        b = self.table.shape[-1]
        return off_diagonal(self.table).unflatten(-1, (b, b - 1))

    def log_shares(self) -> tuple[Tensor, Tensor, int]:
        """Log share of the pair drawn together in the sum of e^f over the candidates of its x.

        The same of its y, and how many candidates there are.
        """
        if self.table is not None:
            # The fused kernel passes over the table half as often as logsumexp does.
            of_x, of_y = (
                self.table.log_softmax(dim).diagonal(dim1=-2, dim2=-1) for dim in (-1, -2)
            )
            return of_x, of_y, self.table.shape[-1]
        joint = self.joint.unsqueeze(-1)
        turned = self.product
        by_y = [turned[..., m].roll(s, dims=-1) for m, s in enumerate(self.turns)]
        of_x = torch.cat([joint, turned], dim=-1).log_softmax(-1)[..., 0]
        of_y = torch.cat([joint, torch.stack(by_y, dim=-1)], dim=-1).log_softmax(-1)[..., 0]
        return of_x, of_y, len(self.turns) + 1


def info_nce_objective(scores: Scores) -> Tensor:
    """InfoNCE in both directions: only a constant of the best critic stays open."""
    of_x, of_y, n_candidates = scores.log_shares()
    return 0.5 * (of_x + of_y).mean(-1) + math.log(n_candidates)


class HeldOut(NamedTuple):
    """One fold's scores: joint (E, n), product (E, n, m) of row i with row i + shifts[m]."""

    joint: Tensor
    product: Tensor
    shifts: np.ndarray
    second: Tensor | None = None


def safest_cap(scores: HeldOut) -> Tensor:
    """The cap of each critic (E,) with the highest lower limit of the bound on selection rows.

    Among high quantiles of the values at rows drawn together: a critic that is sure of itself in
    the tails has few rows there to be right on, and its bound a large error.
    """
    n = scores.joint.shape[1]
    lower, caps = [], torch.quantile(scores.joint, _CAPS.to(scores.joint), dim=1)
    for cap in caps:
        joint = scores.joint.clamp(max=cap[:, None])
        product = scores.product.clamp(max=cap[:, None, None])
        shares = (product - product.amax(dim=(1, 2), keepdim=True)).exp().mean(dim=2)
        value = donsker_varadhan(joint, product.flatten(1))
        spread = joint.var(dim=1) + 2 * (shares / shares.mean(dim=1, keepdim=True)).var(dim=1)
        lower.append(value - (spread / n).sqrt())
    return caps.gather(0, torch.stack(lower).argmax(dim=0, keepdim=True))[0]


def log_mean_exp(values: Tensor) -> Tensor:
    """For each member, over all its pairs."""
    flat = values.double().flatten(1)
    return (flat.logsumexp(1) - math.log(flat.shape[1])).float()
