"""Conditional laws q(y | x) as networks, on every fold at once, for rows they never saw."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from infotheory._features import features_of_givens
from infotheory._networks import MLP, copy_weights
from infotheory._reference import choose_references
from infotheory._resampling import Fold
from infotheory._training import History, Plan, train

FAMILIES = ("gaussian", "logistic", "categorical")
_LARGEST_CHUNK = 2**18
# The scale of a logistic law of unit variance.
_LOGISTIC_SCALE = math.sqrt(3) / math.pi


class Law(NamedTuple):
    """Laws of the target, one a row: location and log scale, or log probabilities."""

    location: Tensor  # (M, b, e); log probabilities (M, b, K) where the target is labels
    log_scale: Tensor | None = None


class _Constants(nn.Module):
    """The same output for every row: the marginal law's own parameters."""

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(members, 1, width))

    def forward(self) -> Tensor:
        """One row a member."""
        return self.value


class ConditionalDensities:
    """A stack of conditional laws, and of marginal laws of the same family.

    Real targets live in coordinates that are uncorrelated and of unit variance; the law is a
    product over them. It starts from the linear normal law of the training rows: mean
    rho_j u_j and variance 1 - rho_j^2 in canonical coordinates.

    Parameters
    ----------
    X, Y : ndarray of shape (n, d), (n, e)
        Conditioning rows and targets; labels as indicators.
    folds : list of Fold
    n_ensemble : int
        Laws a fold; their mixture is the fold's law.
    family : {"gaussian", "logistic", "categorical"}
        "categorical" reads each row of Y as the indicator of a label.
    reference : {"gaussian", None}
        None starts from unit variance and no dependence.
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
        family: str,
        reference: str | None,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        device: torch.device,
    ) -> None:
        self.folds, self.n_ensemble, self.family, self.device = folds, n_ensemble, family, device
        # Nats to add to every log ratio, which the estimator knows.
        self.correction = 0.0
        self.margins, self.references, self.has_reference = choose_references(
            X, Y, folds, reference, is_of_density=True
        )
        members = len(folds) * n_ensemble
        self.fold_of = torch.arange(members, device=device) // n_ensemble
        if family == "categorical":
            width = outputs = Y.shape[1]
            # One row more of each label, since a fold may lack one that another has.
            seen = np.stack([Y[f.train].sum(axis=0) + 1 for f in folds])
            self._prior = self._tensor(np.log(seen / seen.sum(axis=1, keepdims=True)))
        else:
            width = max(r.dim_y for r in self.references)
            outputs = 2 * width
            self._start(width)
        self.width = width
        self.left, self.right = self.inputs(X, Y)
        sizes = (self.left.shape[-1], *hidden_layer_sizes, outputs)
        self.network = nn.ModuleDict(
            {
                "conditional": MLP(
                    sizes, members=(members,), activation=activation, zero_output=True
                ),
                "marginal": _Constants(members, outputs),
            }
        ).to(device, torch.float32)

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self.device)

    def _start(self, width: int) -> None:
        """Slopes and spreads of the linear normal law, and which coordinates a fold has."""
        slope = np.zeros((len(self.folds), width))
        there = np.zeros((len(self.folds), width))
        for k, reference in enumerate(self.references):
            rho = reference.correlations
            if self.has_reference:
                slope[k, : len(rho)] = rho
            there[k, : reference.dim_y] = 1
        self._slope, self._there = self._tensor(slope), self._tensor(there)
        self._log_spread = self._tensor(0.5 * np.log1p(-(slope**2)))

    def inputs(self, X: np.ndarray, Y: np.ndarray) -> tuple[Tensor, Tensor]:
        """Network inputs (n_folds, n, f) and targets (n_folds, n, e), by the maps of the folds."""
        left, right = [], []
        for (on_x, on_y), reference in zip(self.margins, self.references, strict=True):
            u, v = reference.coordinates(on_x(X), on_y(Y))
            left.append(features_of_givens(u))
            right.append(Y if self.family == "categorical" else v)
        return self._stacked(left), self._stacked(right)

    def _stacked(self, tables: list[np.ndarray]) -> Tensor:
        """One tensor; a fold that lost a degenerate direction gets a column of zeros."""
        width = max(t.shape[1] for t in tables)
        return self._tensor(
            np.stack([np.pad(t, ((0, 0), (0, width - t.shape[1]))) for t in tables])
        )

    def targets(self, rows: Tensor) -> Tensor:
        """Targets at rows (M, b): (M, b, e)."""
        return self.right[self.fold_of[:, None], rows]

    def conditional(self, rows: Tensor) -> Law:
        """The laws given x at rows (M, b)."""
        inputs = self.left[self.fold_of[:, None], rows]
        out = self.network["conditional"](inputs)
        if self.family == "categorical":
            return self._law(out, 0.0)
        k = min(self.width, inputs.shape[-1])
        slope = self._slope[self.fold_of][:, None, :k]
        location = nn.functional.pad(slope * inputs[..., :k], (0, self.width - k))
        return self._law(out, location, self._log_spread[self.fold_of][:, None])

    def marginal(self) -> Law:
        """The laws whatever x is, in one row."""
        return self._law(self.network["marginal"](), 0.0)

    def _law(self, out: Tensor, location: Tensor | float, log_spread: Tensor | float = 0.0) -> Law:
        if self.family == "categorical":
            return Law((out + self._prior[self.fold_of][:, None]).log_softmax(-1))
        return Law(out[..., : self.width] + location, out[..., self.width :] + log_spread)

    def log_density(self, law: Law, targets: Tensor) -> Tensor:
        """Log density of targets (..., b, e) under laws that broadcast with them, (..., b)."""
        if law.log_scale is None:
            return (law.location * targets).sum(-1)
        there = self._there[self.fold_of].view(-1, *[1] * (targets.ndim - 2), self.width)
        z = (targets - law.location) * torch.exp(-law.log_scale)
        if self.family == "gaussian":
            each = -0.5 * z.square() - 0.5 * math.log(2 * math.pi)
        else:
            z = z / _LOGISTIC_SCALE
            each = -z - 2 * nn.functional.softplus(-z) - math.log(_LOGISTIC_SCALE)
        return ((each - law.log_scale) * there).sum(-1)

    def table(self, law: Law, targets: Tensor) -> Tensor:
        """Log density of every target (M, c, e) under every law (M, b): (M, b, c)."""
        if law.log_scale is None:
            return law.location @ targets.mT
        rows = max(1, _LARGEST_CHUNK // (targets.shape[1] * self.width))
        parts = [
            self.log_density(Law(m.unsqueeze(2), s.unsqueeze(2)), targets.unsqueeze(1))
            for m, s in zip(
                law.location.split(rows, dim=1), law.log_scale.split(rows, dim=1), strict=True
            )
        ]
        return torch.cat(parts, dim=1)

    def own(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Log density of the targets of rows (M, b) under their conditional and marginal law."""
        targets = self.targets(rows)
        conditional = self.log_density(self.conditional(rows), targets)
        return conditional, self.log_density(self.marginal(), targets)

    def stacked(self, rows_of_fold: Sequence[np.ndarray]) -> Tensor:
        """Rows of each fold, the short ones filled up, for every member: (M, longest)."""
        longest = max(len(r) for r in rows_of_fold)
        filled = np.stack([np.resize(r, longest) for r in rows_of_fold])
        return torch.as_tensor(filled, device=self.device)[self.fold_of]

    @torch.no_grad()
    def held_out(self, rows_of_fold: Sequence[np.ndarray]) -> list[tuple[Tensor, Tensor]]:
        """Each fold's conditional and marginal log densities at its rows, both (E, n)."""
        stacked = self.stacked(rows_of_fold)
        size = max(1, _LARGEST_CHUNK // len(stacked))
        parts = [self.own(some) for some in stacked.split(size, dim=1)]
        pair = [
            torch.cat(side, dim=1).unflatten(0, (-1, self.n_ensemble))
            for side in zip(*parts, strict=True)
        ]
        return [
            (pair[0][k][:, : len(r)], pair[1][k][:, : len(r)]) for k, r in enumerate(rows_of_fold)
        ]

    @torch.no_grad()
    def tables(
        self, blocks: Sequence[np.ndarray], others: ConditionalDensities | None = None
    ) -> list[Tensor]:
        """Each fold's log densities of the targets of its block given each x of it: (E, b, b).

        Entry (i, j) is ln q(y_j | x_i). With `others`, y are all the rows of another set.
        """
        stacked = self.stacked(blocks)
        targets = self.targets(stacked) if others is None else others.right[self.fold_of]
        values = self.table(self.conditional(stacked), targets).unflatten(0, (-1, self.n_ensemble))
        square = others is None
        return [values[k][:, : len(r), : len(r) if square else None] for k, r in enumerate(blocks)]

    def on(self, X: np.ndarray, Y: np.ndarray) -> ConditionalDensities:
        """The same laws on other rows."""
        other = copy.copy(self)
        other.left, other.right = self.inputs(X, Y)
        return other

    @property
    def widths(self) -> tuple[int, int]:
        """Inputs of the networks, and columns of the targets."""
        return self.left.shape[-1], self.right.shape[-1]

    def start_from(self, other: ConditionalDensities) -> None:
        """Take over the weights of an earlier stack of the same shape."""
        copy_weights(self.network, other.network)

    def fit(self, plan: Plan, rng: np.random.Generator) -> History:
        """Maximum likelihood of the conditional and the marginal law."""
        selection = [f.validation for f in self.folds]

        def validation_loss() -> Tensor:
            return torch.cat([-(c + m).mean(dim=1) for c, m in self.held_out(selection)])

        def loss(rows: Tensor) -> Tensor:
            conditional, marginal = self.own(rows.to(self.device))
            return -(conditional + marginal).mean(dim=1)

        rows = [f.train for f in self.folds for _ in range(self.n_ensemble)]
        return train(self.network, loss, validation_loss, rows, plan, rng)


def mixture(log_densities: Tensor) -> np.ndarray:
    """Log density of the mixture of the members along the first axis."""
    values = log_densities.double()
    return (values.logsumexp(0) - math.log(len(values))).cpu().numpy()
