"""What keeps a stack of critics Lipschitz, and critics of pairs for the Wasserstein distance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from infotheory._networks import MLP
from infotheory._reference import rotations
from infotheory._resampling import Fold
from infotheory._training import History, Plan, train

# Where slopes are looked for between a row of one law and one of the other.
SHARES = (0.25, 0.5, 0.75)
_N_APART_TRAINING, _N_APART_SLOPES = 4, 4
_LARGEST_CHUNK = 2**18


def slopes(
    network: nn.Module, points: Tensor, blocks: Sequence[int], limits: Tensor | None = None
) -> Tensor:
    """Largest norm of the gradient over blocks of coordinates, as a share of its limit: (M, n).

    One block is Euclidean distance; several are the sum of their Euclidean distances, whose dual
    norm is the largest of the blocks. `limits` has shape (M, number of blocks).
    """
    # Also where the caller wants no gradients, or values that can have none.
    with torch.inference_mode(False), torch.enable_grad():
        at = (points.clone() if points.is_inference() else points.detach()).requires_grad_()
        values = network(at)
        # A graph of the gradient only where the penalty is trained.
        (gradient,) = torch.autograd.grad(values.sum(), at, create_graph=network.training)
    norms = torch.stack(
        [torch.linalg.vector_norm(g, dim=-1) for g in gradient.split(list(blocks), dim=-1)], dim=-1
    )
    return (norms if limits is None else norms / limits[:, None]).amax(-1)


def excess(
    network: nn.Module,
    first: Tensor,
    second: Tensor,
    blocks: Sequence[int],
    limits: Tensor | None = None,
) -> Tensor:
    """Mean squared slope beyond 1 at random points between rows (M, b, d) of two laws: (M,)."""
    n = min(first.shape[1], second.shape[1])
    share = torch.rand(first.shape[0], n, 1, device=first.device, dtype=torch.float32)
    between = torch.lerp(first[:, :n], second[:, :n], share)
    return (slopes(network, between, blocks, limits) - 1).clamp(min=0).square().mean(dim=1)


def largest_slope(
    network: nn.Module,
    first: Tensor,
    second: Tensor,
    blocks: Sequence[int],
    limits: Tensor | None = None,
) -> Tensor:
    """Largest slope at rows (M, n, d) of two laws and at points between them: (M,)."""
    n = min(first.shape[1], second.shape[1])
    points = [first, second, *(torch.lerp(first[:, :n], second[:, :n], s) for s in SHARES)]
    size = max(1, _LARGEST_CHUNK // len(first))
    found = [
        slopes(network, part, blocks, limits).detach().amax(dim=1)
        for p in points
        for part in p.split(size, dim=1)
    ]
    return torch.stack(found).amax(dim=0)


class HeldOutPairs(NamedTuple):
    """One fold's values: joint (E, n), product (E, n, m) of row i with row i + shifts[m]."""

    joint: Tensor
    product: Tensor
    shifts: np.ndarray


class LipschitzPairs:
    """A stack of critics of pairs (x, y), Lipschitz in |x - x'| + |y - y'|.

    Parameters
    ----------
    X, Y : ndarray of shape (n, d), (n, e)
    folds : list of Fold
    n_ensemble : int
    gradient_penalty : float
    hidden_layer_sizes : sequence of int
    activation : str
    device : torch.device
    """

    def __init__(
        self,
        X: np.ndarray,
        Y: np.ndarray,
        folds: Sequence[Fold],
        *,
        n_ensemble: int,
        gradient_penalty: float,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        device: torch.device,
    ) -> None:
        self.folds, self.n_ensemble, self.device = folds, n_ensemble, device
        self.blocks, self._weight = (X.shape[1], Y.shape[1]), gradient_penalty
        members = len(folds) * n_ensemble
        self.fold_of = torch.arange(members, device=device) // n_ensemble
        tables, limits, factors = [], [], []
        for fold in folds:
            parts, scales = [], []
            for table in (X, Y):
                centre = table[fold.train].mean(axis=0)
                scale = float(np.sqrt(np.mean((table[fold.train] - centre) ** 2))) or 1.0
                parts.append((table - centre) / scale)
                scales.append(scale)
            # A network in units of the smaller scale may be steeper in the coarser block.
            factors.append(min(scales))
            limits.append([scale / factors[-1] for scale in scales])
            tables.append(np.hstack(parts))
        self.points = self._tensor(np.stack(tables))
        self._limits = self._tensor(np.array(limits))[self.fold_of]
        self._factors = self._tensor(np.array(factors))[self.fold_of]
        self.network = MLP(
            (sum(self.blocks), *hidden_layer_sizes, 1), members=(members,), activation=activation
        ).to(device, torch.float32)

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self.device)

    def pairs(self, rows_x: Tensor, rows_y: Tensor) -> Tensor:
        """The points (x_i, y_j) of rows (M, b): (M, b, d + e)."""
        fold, d = self.fold_of[:, None], self.blocks[0]
        left, right = self.points[fold, rows_x], self.points[fold, rows_y]
        return torch.cat([left[..., :d], right[..., d:]], dim=-1)

    def fit(self, plan: Plan, rng: np.random.Generator) -> History:
        """Maximise the difference of means under the penalty; select by the normalised value."""

        def loss(rows: Tensor) -> Tensor:
            rows = rows.to(self.device)
            b = rows.shape[1]
            joint = self.pairs(rows, rows)
            turns = torch.randint(1, b, (min(_N_APART_TRAINING, b - 1),)).tolist()
            apart = [self.pairs(rows, rows.roll(-s, dims=1)) for s in turns]
            values = self.network(torch.cat([joint, *apart], dim=1)).squeeze(-1)
            told = values[:, :b].mean(dim=1) - values[:, b:].mean(dim=1)
            # A partner of another row, so that the way between them crosses both blocks.
            other = apart[0].roll(1, dims=1)
            steep = excess(self.network, joint, other, self.blocks, self._limits)
            return self._weight * steep - told

        def validation_loss() -> Tensor:
            held_out, _ = self.held_out("validation", 8)
            return -torch.cat([h.joint.mean(1) - h.product.mean((1, 2)) for h in held_out])

        rows = [f.train for f in self.folds for _ in range(self.n_ensemble)]
        return train(self.network, loss, validation_loss, rows, plan, rng)

    def held_out(self, which: str, n_apart: int) -> tuple[list[HeldOutPairs], np.ndarray]:
        """Values of every fold in the units of the data, over the largest slope; those slopes."""
        rows = [getattr(fold, which) for fold in self.folds]
        longest = max(len(r) for r in rows)
        filled = np.stack([np.resize(r, longest) for r in rows])
        stacked = torch.as_tensor(filled, device=self.device)[self.fold_of]
        position = torch.arange(longest, device=self.device)
        turns = [rotations(len(r), n_apart) for r in rows]
        most = max(len(t) for t in turns)
        joint = self.pairs(stacked, stacked)
        steepest = torch.ones(len(stacked), device=self.device, dtype=torch.float32)
        apart = []
        with torch.no_grad():
            together = self._at(joint)
            for s in range(most):
                partner = torch.stack(
                    [
                        (position + t[min(s, len(t) - 1)]) % len(r)
                        for t, r in zip(turns, rows, strict=True)
                    ]
                )
                pairs = self.pairs(stacked, stacked.gather(1, partner[self.fold_of]))
                apart.append(self._at(pairs))
                if s < _N_APART_SLOPES:
                    found = largest_slope(
                        self.network, joint, pairs.roll(1, dims=1), self.blocks, self._limits
                    )
                    steepest = torch.maximum(steepest, found)
        factor = (self._factors / steepest)[:, None]
        together = (together * factor).unflatten(0, (-1, self.n_ensemble))
        product = (torch.stack(apart, -1) * factor[..., None]).unflatten(0, (-1, self.n_ensemble))
        values = [
            HeldOutPairs(together[k][:, : len(r)], product[k][:, : len(r), : len(t)], np.array(t))
            for k, (r, t) in enumerate(zip(rows, turns, strict=True))
        ]
        return values, steepest.cpu().numpy()

    def _at(self, points: Tensor) -> Tensor:
        size = max(1, _LARGEST_CHUNK // len(points))
        parts = [self.network(part).squeeze(-1) for part in points.split(size, dim=1)]
        return torch.cat(parts, dim=1)
