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
from infotheory._reference import choose_references, log_ratio, rotations
from infotheory._resampling import Fold
from infotheory._training import History, Plan, train
from infotheory.functional import off_diagonal

CRITICS = ("separable", "concatenated", "bilinear")
# Pairs drawn apart for each row, where they cannot come from a table of all pairs.
_N_SHIFTS_TRAINING, _N_SHIFTS_SELECTION = 4, 8
_LARGEST_CHUNK, _LARGEST_TABLE = 2**18, 2**22


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

    def log_partitions(self) -> tuple[Tensor, Tensor, int]:
        """Log sums of e^f over the candidates of each x and of each y, and how many there are."""
        if self.table is not None:
            table = self.table
            return table.logsumexp(-1), table.logsumexp(-2), table.shape[-1]
        joint = self.joint.unsqueeze(-1)
        turned: Tensor = self.turned  # pyright: ignore[reportAssignmentType]
        by_y = [turned[..., m].roll(s, dims=-1) for m, s in enumerate(self.turns)]
        of_x = torch.cat([joint, turned], dim=-1).logsumexp(-1)
        of_y = torch.cat([joint, torch.stack(by_y, dim=-1)], dim=-1).logsumexp(-1)
        return of_x, of_y, len(self.turns) + 1


def info_nce_objective(scores: Scores) -> Tensor:
    """InfoNCE in both directions: only a constant of the best critic stays open."""
    of_x, of_y, n_candidates = scores.log_partitions()
    told = scores.joint - 0.5 * (of_x + of_y)
    return told.mean(-1) + math.log(n_candidates)


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
        self.folds, self.n_ensemble, self.device = folds, n_ensemble, device
        self.margins, self.references, self.has_reference = choose_references(
            X, Y, folds, reference
        )
        left, right = self.inputs(X, Y)
        self.left, self.right = left, right
        members = len(folds) * n_ensemble
        self.fold_of = torch.arange(members, device=device) // n_ensemble
        self.raw = _raw(X, Y, device) if isinstance(critic, nn.Module) else None
        # What to take from the log ratio of each fold so that its mean is the fold's value.
        self.offsets = np.zeros(len(folds))
        self.widths = widths = (left.shape[-1], right.shape[-1])
        layers = {"members": (members,), "activation": activation, "zero_output": True}
        parts = {"critic": _critic(critic, members, widths, hidden_layer_sizes, layers)}
        if second:
            parts["second"] = _critic(critic, members, widths, hidden_layer_sizes, layers)
        if baseline:
            parts["baseline"] = MLP((widths[1], *hidden_layer_sizes, 1), **layers)
        self.network = nn.ModuleDict(parts).to(device)
        self.by_table = critic in ("separable", "bilinear")

    def inputs(self, X: np.ndarray, Y: np.ndarray) -> tuple[Tensor, Tensor]:
        """What the critics see of rows, under the maps of every fold: (n_folds, n, f)."""
        left, right = [], []
        for k, (on_x, on_y) in enumerate(self.margins):
            u, v = self.references[k].coordinates(on_x(X), on_y(Y))
            left.append(features(u))
            right.append(features(v))
        return _padded(left, self.device), _padded(right, self.device)

    def _quadratics(self) -> tuple[Tensor, Tensor, Tensor] | None:
        if not self.has_reference:
            return None
        parts = [r.quadratic() for r in self.references]
        width = min(len(a) for a, _, _ in parts)
        a = np.stack([p[0][:width] for p in parts])
        b = np.stack([p[1][:width] for p in parts])
        c = np.array([p[2] for p in parts])
        return tuple(  # pyright: ignore[reportReturnType]
            torch.as_tensor(t, dtype=torch.float32, device=self.device)
            for t in (a[:, None], b[:, None], c[:, None])
        )

    def _prepared(self) -> tuple[Tensor, Tensor, Tensor] | None:
        if not hasattr(self, "_cached"):
            self._cached = self._quadratics()
        return self._cached

    def _of(self, rows: Tensor, side: int) -> Tensor:
        """Network inputs of rows (M, b), one set a member."""
        if self.raw is not None:
            return self.raw[side][rows]
        return (self.left, self.right)[side][self.fold_of[:, None], rows]

    def _reference_pairs(self, rows_x: Tensor, rows_y: Tensor) -> Tensor | float:
        quadratic = self._prepared()
        if quadratic is None:
            return 0.0
        fold = self.fold_of[:, None]
        u, v = self.left[fold, rows_x], self.right[fold, rows_y]
        return log_ratio(u, v, tuple(q[self.fold_of] for q in quadratic))

    def _reference_table(self, rows_x: Tensor, rows_y: Tensor) -> Tensor | float:
        quadratic = self._prepared()
        if quadratic is None:
            return 0.0
        a, b, c = (q[self.fold_of] for q in quadratic)
        k, fold = a.shape[-1], self.fold_of[:, None]
        u, v = self.left[fold, rows_x][..., :k], self.right[fold, rows_y][..., :k]
        cross = (a * u) @ v.transpose(-2, -1)
        return cross + c.unsqueeze(-1) - _own(b, u).unsqueeze(-1) - _own(b, v).unsqueeze(-2)

    def pairs(self, rows_x: Tensor, rows_y: Tensor) -> Tensor:
        """Critic values at pairs of rows, both (M, b)."""
        left, right = self._of(rows_x, 0), self._of(rows_y, 1)
        value = self.network["critic"](left, right) + self._reference_pairs(rows_x, rows_y)
        return value - self.baseline(rows_y) if "baseline" in self.network else value

    def baseline(self, rows: Tensor) -> Tensor:
        """Values of the function of y alone, (M, b)."""
        inputs = self.right[self.fold_of[:, None], rows]
        return self.network["baseline"](inputs).squeeze(-1)

    def second(self, rows: Tensor) -> Tensor | None:
        """Values of the second critic at rows drawn together."""
        if "second" not in self.network:
            return None
        value = self.network["second"](self._of(rows, 0), self._of(rows, 1))
        return value + self._reference_pairs(rows, rows)

    def table(self, rows_x: Tensor, rows_y: Tensor) -> Tensor:
        """Critic values at all pairs of rows (M, b) and (M, c)."""
        value = self.network["critic"].table(self._of(rows_x, 0), self._of(rows_y, 1))
        value = value + self._reference_table(rows_x, rows_y)
        if "baseline" in self.network:
            value = value - self.baseline(rows_y).unsqueeze(-2)
        return value

    def scores(self, rows: Tensor, n_shifts: int = _N_SHIFTS_TRAINING) -> Scores:
        """Values at rows (M, b) together and apart; apart means all other pairs in a table."""
        b, second = rows.shape[1], self.second(rows)
        if self.by_table:
            table = self.table(rows, rows)
            return Scores(table.diagonal(dim1=-2, dim2=-1), table, second=second)
        turns = [int(s) for s in torch.randint(1, b, (min(n_shifts, b - 1),))]
        turned = [self.pairs(rows, rows.roll(-s, dims=1)) for s in turns]
        joint = self.pairs(rows, rows)
        return Scores(joint, turned=torch.stack(turned, dim=-1), turns=turns, second=second)

    @torch.no_grad()
    def held_out(self, which: str, n_shifts: int) -> list[HeldOut]:
        """Scores of every fold at its own rows, the pairs apart chosen by fixed rotations."""
        rows = [getattr(fold, which) for fold in self.folds]
        longest = max(len(r) for r in rows)
        filled = np.stack([np.resize(r, longest) for r in rows])
        stacked = torch.as_tensor(filled, device=self.device)[self.fold_of]
        turns = [rotations(len(r), self._n_shifts(len(r), n_shifts)) for r in rows]
        joint = self._chunked(stacked, stacked).unflatten(0, (-1, self.n_ensemble))
        apart = self._rotated(stacked, [len(r) for r in rows], turns)
        second = self.second(stacked)
        if second is not None:
            second = second.unflatten(0, (-1, self.n_ensemble))
        return [
            HeldOut(
                joint[k][:, : len(r)],
                apart[k][:, : len(r)],
                np.array(turns[k]),
                None if second is None else second[k][:, : len(r)],
            )
            for k, r in enumerate(rows)
        ]

    def _n_shifts(self, n_rows: int, n_shifts: int) -> int:
        """All pairs apart where a table gives them for nothing, as far as memory goes."""
        return max(n_shifts, _LARGEST_TABLE // n_rows) if self.by_table else n_shifts

    def _rotated(self, rows: Tensor, lengths: list[int], turns: list[list[int]]) -> list[Tensor]:
        """Values of row i with row i + s of the same fold: one (n_ensemble, n, m) a fold."""
        position = torch.arange(rows.shape[1], device=self.device)
        partners = [
            (position[:, None] + torch.as_tensor(t, device=self.device)) % length
            for length, t in zip(lengths, turns, strict=True)
        ]
        if not self.by_table:
            by_shift = []
            for s in range(len(turns[0])):
                column = torch.stack([p[:, min(s, p.shape[1] - 1)] for p in partners])
                by_shift.append(self._chunked(rows, rows.gather(1, column[self.fold_of])))
            values = torch.stack(by_shift, dim=-1).unflatten(0, (-1, self.n_ensemble))
            return [v[..., : len(t)] for v, t in zip(values, turns, strict=True)]
        chunks: list[list[Tensor]] = [[] for _ in lengths]
        size = max(1, _LARGEST_TABLE // rows.shape[1])
        for some in position.split(size):
            table = self.table(rows[:, some], rows).unflatten(0, (-1, self.n_ensemble))
            for k, partner in enumerate(partners):
                index = partner[some].expand(self.n_ensemble, -1, -1)
                chunks[k].append(table[k].gather(2, index))
        return [torch.cat(parts, dim=1) for parts in chunks]

    def _chunked(self, rows_x: Tensor, rows_y: Tensor) -> Tensor:
        size = max(1, _LARGEST_CHUNK // len(rows_x))
        parts = zip(rows_x.split(size, dim=1), rows_y.split(size, dim=1), strict=True)
        return torch.cat([self.pairs(left, right) for left, right in parts], dim=1)

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
        self.folds = []
        self.left = self.right = torch.empty(0)
        self.raw = None if self.raw is None else (self.left, self.right)

    def log_ratio(self, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
        """Log ratio of new rows: the mean over all critics, each less the offset of its fold."""
        here = self.on(X, Y)
        rows = torch.arange(len(X), device=self.device).expand(len(self.fold_of), -1)
        with torch.no_grad():
            second = here.second(rows)
            raw = here._chunked(rows, rows) if second is None else second
        by_fold = raw.double().unflatten(0, (-1, self.n_ensemble)).mean(1).cpu().numpy()
        return np.mean(by_fold - self.offsets[:, None], axis=0)

    def on(self, X: np.ndarray, Y: np.ndarray) -> PairCritics:
        """The same critics on other rows."""
        other = copy.copy(self)
        other.left, other.right = self.inputs(X, Y)
        other.raw = None if self.raw is None else _raw(X, Y, self.device)
        return other

    def fit(
        self,
        objective: Callable[[Scores], Tensor],
        selection: Callable[[HeldOut], Tensor],
        plan: Plan,
        rng: np.random.Generator,
    ) -> History:
        """Maximise ``objective(scores)``; keep what does best by ``selection(held_out)``."""

        def validation_loss() -> Tensor:
            held_out = self.held_out("validation", _N_SHIFTS_SELECTION)
            return -torch.cat([selection(scores) for scores in held_out])

        def loss(rows: Tensor) -> Tensor:
            return -objective(self.scores(rows.to(self.device)))

        rows = [f.train for f in self.folds for _ in range(self.n_ensemble)]
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
    if critic == "bilinear":
        return BilinearCritic(*widths, members=(members,))
    kind = SeparableCritic if critic == "separable" else ConcatenatedCritic
    return kind(*widths, hidden_layer_sizes, **layers)


def _raw(X: np.ndarray, Y: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
    left, right = (torch.as_tensor(t, dtype=torch.float32, device=device) for t in (X, Y))
    return left, right


def _own(b: Tensor, u: Tensor) -> Tensor:
    return (b * u * u).sum(dim=-1)


def _padded(tables: list[np.ndarray], device: torch.device) -> Tensor:
    """One tensor of all folds; a fold that lost a degenerate direction gets a column of zeros."""
    width = max(t.shape[1] for t in tables)
    padded = [np.pad(t, ((0, 0), (0, width - t.shape[1]))) for t in tables]
    return torch.as_tensor(np.stack(padded), dtype=torch.float32, device=device)
