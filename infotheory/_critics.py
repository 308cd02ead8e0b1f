"""Critics of paired rows, trained on every fold at once and evaluated on rows they never saw."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from infotheory._networks import (
    MLP,
    BilinearCritic,
    ConcatenatedCritic,
    ReplicatedCritic,
    SeparableCritic,
)
from infotheory._reference import choose_references, rotations
from infotheory._resampling import Fold
from infotheory._training import History, Plan, train
from infotheory.functional import off_diagonal

CRITICS = ("separable", "concatenated", "bilinear")
# Pairs drawn apart for each row, where they cannot come from a table of all pairs.
_N_TURNS_TRAINING, _N_TURNS_SELECTION = 4, 8
# Pairs where they do: of each selection row, and of all rows of a fold in the final value.
_N_IN_TABLE_SELECTION, _LARGEST_TABLE = 256, 2**22
# Rows that the networks see at once, and rows of a table.
_LARGEST_CHUNK, _TABLE_ROWS = 2**18, 256


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


class _Side(NamedTuple):
    """One variable's rows, (M, b, ...): what the critic sees, features, reference factors."""

    inputs: Tensor
    features: Tensor
    reference: Tensor


class HeldOut(NamedTuple):
    """One fold's scores: joint (E, n), product (E, n, m) of row i with row i + shifts[m]."""

    joint: Tensor
    product: Tensor
    shifts: np.ndarray
    second: Tensor | None = None


def features(coordinates: np.ndarray) -> np.ndarray:
    """Coordinates, their length, and their size without sign: what heavy tails and rings need."""
    square = np.sum(coordinates**2, axis=1, keepdims=True)
    radius = np.log1p(square) - math.log1p(coordinates.shape[1])
    return np.hstack([coordinates, radius, np.tanh(np.abs(coordinates))])


class PairCritics:
    """A stack of critics: one a fold and seed, on coordinates of that fold.

    Parameters
    ----------
    X, Y : ndarray of shape (n, d), (n, e)
    folds : list of Fold
    n_ensemble : int
        Critics a fold; their mean is the fold's critic.
    critic : str or nn.Module
    reference : {"gaussian", None}
        Whether the critic starts from the log ratio of a normal law.
    hidden_layer_sizes : sequence of int
    activation : str
    baseline : bool
        Subtract a function of y alone, a network of its own, from the critic.
    second : bool
        Train a second critic beside the first.
    device : torch.device
    """

    def __init__(
        self,
        X: np.ndarray,
        Y: np.ndarray,
        folds: Sequence[Fold],
        *,
        n_ensemble: int,
        critic: str | nn.Module,
        reference: str | None,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        baseline: bool = False,
        second: bool = False,
        device: torch.device,
    ) -> None:
        self.n_ensemble, self.device = n_ensemble, device
        # Selection rows in an order of their own: neighbours in a table are pairs drawn apart.
        self.rows = {
            "train": [f.train for f in folds],
            "validation": [f.validation[torch.randperm(len(f.validation))] for f in folds],
            "test": [f.test for f in folds],
        }
        self.margins, self.references, self.has_reference = choose_references(
            X, Y, folds, reference
        )
        self.left, self.right = self.inputs(X, Y)
        members = len(folds) * n_ensemble
        self.fold_of = torch.arange(members, device=device) // n_ensemble
        self.raw = None
        if isinstance(critic, nn.Module):
            self.raw = (self._tensor(X), self._tensor(Y))
        # What to take from the log ratio of each fold so that its mean is the fold's value.
        self.offsets = np.zeros(len(folds))
        widths = self.widths
        layers = {"members": (members,), "activation": activation, "zero_output": True}
        parts = {"critic": _critic(critic, members, widths, hidden_layer_sizes, layers)}
        if second:
            parts["second"] = _critic(critic, members, widths, hidden_layer_sizes, layers)
        if baseline:
            parts["baseline"] = MLP((widths[1], *hidden_layer_sizes, 1), **layers)
        self.network = nn.ModuleDict(parts).to(device)
        self.by_table = critic in ("separable", "bilinear")

    def inputs(self, X: np.ndarray, Y: np.ndarray) -> tuple[Tensor, Tensor]:
        """Features of rows under the maps of every fold, then the factors of the reference."""
        left, right, factors = [], [], []
        for (on_x, on_y), reference in zip(self.margins, self.references, strict=True):
            u, v = reference.coordinates(on_x(X), on_y(Y))
            left.append(features(u))
            right.append(features(v))
            if self.has_reference:
                factors.append(_reference_factors(u, v, reference.quadratic()))
        seen = [_padded(left), _padded(right)]
        self.widths = (seen[0].shape[-1], seen[1].shape[-1])
        for k, of_side in enumerate(zip(*factors, strict=True)):
            seen[k] = np.concatenate([seen[k], _padded(list(of_side))], axis=-1)
        return self._tensor(seen[0]), self._tensor(seen[1])

    def _tensor(self, table: np.ndarray) -> Tensor:
        return torch.as_tensor(table, dtype=torch.float32, device=self.device)

    def _side(self, rows: Tensor, side: int) -> _Side:
        """What there is of one variable at rows (M, b)."""
        table = (self.left, self.right)[side]
        flat = (self.fold_of[:, None] * table.shape[1] + rows).flatten()
        here = table.flatten(0, 1).index_select(0, flat).unflatten(0, rows.shape)
        seen, factors = here[..., : self.widths[side]], here[..., self.widths[side] :]
        return _Side(seen if self.raw is None else self.raw[side][rows], seen, factors)

    def _values(self, name: str, x: _Side, y: _Side) -> Tensor:
        """Values of a critic row by row."""
        value = self.network[name](x.inputs, y.inputs)
        if self.has_reference:
            value = value + (x.reference * y.reference).sum(dim=-1)
        if name == "critic" and "baseline" in self.network:
            value = value - self.network["baseline"](y.features).squeeze(-1)
        return value

    def _factors(self, x: _Side, y: _Side) -> tuple[Tensor, Tensor]:
        """Rows whose inner products are all values of the critic, the reference among them."""
        left, right = self.network["critic"].factors(x.inputs, y.inputs)
        lefts, rights = [left, x.reference], [right, y.reference]
        if "baseline" in self.network:
            lefts.append(torch.ones_like(left[..., :1]))
            rights.append(-self.network["baseline"](y.features))
        return torch.cat(lefts, dim=-1), torch.cat(rights, dim=-1)

    def scores(self, rows: Tensor) -> Scores:
        """Values at rows (M, b) together and apart; apart means all other pairs in a table."""
        x, y = self._side(rows, 0), self._side(rows, 1)
        second = self._values("second", x, y) if "second" in self.network else None
        if self.by_table:
            left, right = self._factors(x, y)
            table = left @ right.mT
            return Scores(table.diagonal(dim1=-2, dim2=-1), table, second=second)
        b = rows.shape[1]
        turns = [int(s) for s in torch.randint(1, b, (min(_N_TURNS_TRAINING, b - 1),))]
        x = _Side(*(t.repeat(1, len(turns) + 1, 1) for t in x))
        y = _Side(*(torch.cat([t.roll(-s, dims=1) for s in (0, *turns)], dim=1) for t in y))
        values = self._values("critic", x, y).unflatten(1, (-1, b))
        return Scores(values[:, 0], turned=values[:, 1:].mT, turns=turns, second=second)

    @torch.no_grad()
    def held_out(self, which: str, n_turns: int) -> list[HeldOut]:
        """Scores of every fold at its own rows, each with the same number of pairs apart."""
        rows = self.rows[which]
        longest = max(len(r) for r in rows)
        stacked = torch.as_tensor(np.stack([np.resize(r, longest) for r in rows])).to(self.device)
        stacked = stacked[self.fold_of]
        lengths = [len(r) for r in rows]
        joint, apart, turns = (self._by_table if self.by_table else self._by_turns)(
            stacked, lengths, n_turns
        )
        second: list[Tensor | None] = [None] * len(rows)
        if "second" in self.network:
            second = list(self._chunked("second", stacked, stacked).split(self.n_ensemble))
        together = joint.split(self.n_ensemble)
        return [
            HeldOut(together[k][:, :n], apart[k], turns[k], None if s is None else s[:, :n])
            for k, (n, s) in enumerate(zip(lengths, second, strict=True))
        ]

    def _by_table(
        self, rows: Tensor, lengths: list[int], n_turns: int
    ) -> tuple[Tensor, list[Tensor], list[np.ndarray]]:
        size = max(1, _LARGEST_CHUNK // len(rows))
        parts = [self._factors(self._side(r, 0), self._side(r, 1)) for r in rows.split(size, dim=1)]
        left, right = (torch.cat(side, dim=1) for side in zip(*parts, strict=True))
        apart, turns = [], []
        of_fold = zip(left.split(self.n_ensemble), right.split(self.n_ensemble), strict=True)
        for n, (x, y) in zip(lengths, of_fold, strict=True):
            m = min(n_turns, n - 1)
            apart.append(_band(x[:, :n], y[:, :n], m))
            turns.append(np.arange(1, m + 1))
        return (left * right).sum(dim=-1), apart, turns

    def _by_turns(
        self, rows: Tensor, lengths: list[int], n_turns: int
    ) -> tuple[Tensor, list[Tensor], list[np.ndarray]]:
        turns = [np.array(rotations(n, n_turns)) for n in lengths]
        position = torch.arange(rows.shape[1], device=self.device)
        length = torch.as_tensor(lengths, device=self.device)[self.fold_of, None]
        values = []
        for j in range(max(len(t) for t in turns)):
            # A short fold has fewer turns; what it gets beyond them is left out below.
            turn = torch.as_tensor([int(t[min(j, len(t) - 1)]) for t in turns], device=self.device)
            partner = (position + turn[self.fold_of, None]) % length
            values.append(self._chunked("critic", rows, rows.gather(1, partner)))
        by_fold = torch.stack(values, dim=-1).split(self.n_ensemble)
        apart = [v[:, :n, : len(t)] for v, n, t in zip(by_fold, lengths, turns, strict=True)]
        return self._chunked("critic", rows, rows), apart, turns

    def _chunked(self, name: str, rows_x: Tensor, rows_y: Tensor) -> Tensor:
        size = max(1, _LARGEST_CHUNK // len(rows_x))
        parts = zip(rows_x.split(size, dim=1), rows_y.split(size, dim=1), strict=True)
        values = [self._values(name, self._side(r, 0), self._side(s, 1)) for r, s in parts]
        return torch.cat(values, dim=1)

    def evaluated(self, n_turns: int) -> list[HeldOut]:
        """Test scores: at least `n_turns` pairs apart a row, all of them where a table is small."""
        longest = max(len(r) for r in self.rows["test"])
        many = _LARGEST_TABLE // longest if self.by_table else 0
        return self.held_out("test", max(n_turns, many))

    def start_from(self, other: PairCritics) -> None:
        """Take over the weights of an earlier stack of the same shape."""
        shapes = [
            {name: w.shape for name, w in stack.network.state_dict().items()}
            for stack in (self, other)
        ]
        if shapes[0] != shapes[1]:
            raise ValueError(
                "warm_start=True needs the shapes of the last fit: the same columns, folds, "
                "repeats and layers. Set warm_start=False, or fit a new estimator."
            )
        self.network.load_state_dict(other.network.state_dict())

    def release(self) -> None:
        """Forget the rows: what is left is small, and enough for new ones."""
        self.rows = {}
        self.left = self.right = torch.empty(0)
        self.raw = None if self.raw is None else (self.left, self.right)

    @torch.no_grad()
    def log_ratio(self, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
        """Log ratio of new rows: the mean over all critics, each less the offset of its fold."""
        here = copy.copy(self)
        here.left, here.right = self.inputs(X, Y)
        here.raw = None if self.raw is None else (self._tensor(X), self._tensor(Y))
        rows = torch.arange(len(X), device=self.device).expand(len(self.fold_of), -1)
        raw = here._chunked("second" if "second" in self.network else "critic", rows, rows)
        by_fold = raw.double().unflatten(0, (-1, self.n_ensemble)).mean(1).cpu().numpy()
        return np.mean(by_fold - self.offsets[:, None], axis=0)

    def fit(
        self,
        objective: Callable[[Scores], Tensor],
        selection: Callable[[HeldOut], Tensor],
        plan: Plan,
        rng: np.random.Generator,
    ) -> History:
        """Maximise ``objective(scores)``; keep what does best by ``selection(held_out)``."""

        n_turns = _N_IN_TABLE_SELECTION if self.by_table else _N_TURNS_SELECTION

        def validation_loss() -> Tensor:
            held_out = self.held_out("validation", n_turns)
            return -torch.cat([selection(scores) for scores in held_out])

        def loss(rows: Tensor) -> Tensor:
            return -objective(self.scores(rows.to(self.device)))

        rows = [r for r in self.rows["train"] for _ in range(self.n_ensemble)]
        return train(self.network, loss, validation_loss, rows, plan, rng)


def _critic(
    critic: str | nn.Module,
    members: int,
    widths: tuple[int, int],
    hidden_layer_sizes: Sequence[int],
    layers: dict,
) -> nn.Module:
    if isinstance(critic, nn.Module):
        return ReplicatedCritic(critic, members)
    if not isinstance(critic, str):
        raise TypeError(
            f"critic must be a torch.nn.Module called with x and y, or one of separable, "
            f"concatenated and bilinear, got {critic!r}. Put the function into a Module's forward."
        )
    if critic == "bilinear":
        return BilinearCritic(*widths, members=(members,))
    kind = SeparableCritic if critic == "separable" else ConcatenatedCritic
    return kind(*widths, hidden_layer_sizes, **layers)


def _reference_factors(
    u: np.ndarray, v: np.ndarray, quadratic: tuple[np.ndarray, np.ndarray, float]
) -> tuple[np.ndarray, np.ndarray]:
    """The log ratio of a normal law as an inner product of rows of x and of y."""
    a, b, c = quadratic
    u, v = u[:, : len(a)], v[:, : len(a)]
    one = np.ones((len(u), 1))
    own_u, own_v = (u**2 @ b)[:, None], (v**2 @ b)[:, None]
    return np.hstack([a * u, c - own_u, one]), np.hstack([v, one, -own_v])


def _band(left: Tensor, right: Tensor, n_turns: int) -> Tensor:
    """Inner products of row i of `left` with rows i + 1, ..., i + n_turns of `right`, cyclic."""
    members, n, _ = left.shape
    right = torch.cat([right, right[:, :n_turns]], dim=1)
    bands = []
    for start in range(0, n, _TABLE_ROWS):
        rows = min(_TABLE_ROWS, n - start)
        width = rows + n_turns
        table = left[:, start : start + rows] @ right[:, start : start + width].mT
        # One column further each row: the diagonals beside the main one, without a copy.
        strides = (rows * width, width + 1, 1)
        bands.append(table.contiguous().as_strided((members, rows, n_turns), strides, 1))
    return torch.cat(bands, dim=1)


def _padded(tables: list[np.ndarray]) -> np.ndarray:
    """One array of all folds; a fold that lost a degenerate direction gets a column of zeros."""
    width = max(t.shape[1] for t in tables)
    return np.stack([np.pad(t, ((0, 0), (0, width - t.shape[1]))) for t in tables])
