"""Critics of paired rows, trained on every fold at once and evaluated on rows they never saw."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from infotheory._features import features_of_pairs
from infotheory._networks import (
    MLP,
    BilinearCritic,
    ConcatenatedCritic,
    ReplicatedCritic,
    SeparableCritic,
    copy_weights,
)
from infotheory._reference import choose_references, rotations
from infotheory._resampling import Fold
from infotheory._scores import HeldOut, Scores, log_mean_exp, safest_cap
from infotheory._training import History, Plan, train

CRITICS = ("separable", "concatenated", "bilinear")
# Pairs drawn apart for each row, where they cannot come from a table of all pairs.
_N_TURNS_TRAINING, _N_TURNS_SELECTION = 4, 8
# Pairs where they do: of each selection row, and of all rows of a fold in the final value.
_N_IN_TABLE_SELECTION, _LARGEST_TABLE = 256, 2**22
# Above this coefficient a normal law's log ratio loses digits that matter in single precision.
_LARGEST_COEFFICIENT = 100.0
# Coordinates of an embedding, whose inner products are the separable critic.
_EMBEDDING = 64
# Of the inputs of the networks, in units of learning rate and root of inputs a row.
_INPUT_PENALTY = 21.0
# Rows that the networks see at once, and rows of a table.
_LARGEST_CHUNK, _TABLE_ROWS = 2**18, 256


class _Rows(NamedTuple):
    """One variable's rows under the maps of all folds, fold after fold."""

    features: Tensor
    reference: Tensor | None


class _Side(NamedTuple):
    """One variable's rows, (M, b, ...): what the critic sees, features, reference factors."""

    inputs: Tensor
    features: Tensor
    reference: Tensor | None


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
        Train a second critic beside the first: the first less a function of x alone.
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
            X, Y, folds, reference, is_of_density=False
        )
        # Rows that the reference knows its parameters from.
        self.n_fitted = int(np.mean([len(f.train) for f in folds]))
        self.raw: tuple[Tensor, Tensor] | None = None
        self._by_module = isinstance(critic, nn.Module)
        members = len(folds) * n_ensemble
        self.fold_of = torch.arange(members, device=device) // n_ensemble
        self._keep(X, Y)
        # Beyond the values at selection rows drawn together a critic extrapolates, and a few such
        # pairs drawn apart would decide the mean of e^f: values are held at a cap.
        self.caps = torch.full((members,), math.inf, device=device)
        # The second critic is held as the selection rows show it: no x is taken off less.
        self.least_excess = torch.full((members,), -math.inf, device=device)
        # What is taken off the values, so that critics of an open constant are log ratios.
        self.levels = torch.zeros(members, device=device)
        # A module of the user's need not start as the zero function: which members do better than
        # the start alone.
        self.used = torch.ones(members, dtype=torch.bool, device=device)
        # What to take from the log ratio of each fold so that its mean is the fold's value.
        self.offsets = np.zeros(len(folds))
        widths = (self.left.features.shape[-1], self.right.features.shape[-1])
        self.widths = widths
        layers = {"members": (members,), "activation": activation, "zero_output": True}
        parts = {"critic": _critic(critic, members, widths, hidden_layer_sizes, layers)}
        # Small, since the critic can learn a function of x or of y itself.
        if second:
            parts["excess"] = MLP((widths[0], *hidden_layer_sizes[:1], 1), **layers)
        if baseline:
            parts["baseline"] = MLP((widths[1], *hidden_layer_sizes[:1], 1), **layers)
        self.network = nn.ModuleDict(parts).to(device, torch.float32)
        self.by_table = critic in ("separable", "bilinear")

    def _keep(self, X: np.ndarray, Y: np.ndarray) -> None:
        """Remember what the critics see of the rows that they are given by number."""
        self._show([(X, Y)] * len(self.references))
        if self._by_module:
            of_x, of_y = (self._tensor(t).expand(len(self.references), -1, -1) for t in (X, Y))
            self.raw = (of_x, of_y)

    def _show(self, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        """Features of each fold's rows under its maps, and the factors of the reference."""
        left, right, factors = [], [], []
        maps = zip(pairs, self.margins, self.references, strict=True)
        for (X, Y), (on_x, on_y), reference in maps:
            u, v = reference.coordinates(on_x(X), on_y(Y))
            left.append(features_of_pairs(u, on_x.log_length(X)))
            right.append(features_of_pairs(v, on_y.log_length(Y)))
            if self.has_reference:
                factors.append(_reference_factors(u, v, reference.quadratic()))
        of_x, of_y = zip(*factors, strict=True) if factors else ((), ())
        self.left, self.right = self._rows(left, of_x), self._rows(right, of_y)

    def _rows(self, seen: Sequence[np.ndarray], factors: Sequence[np.ndarray]) -> _Rows:
        largest = max(float(np.max(r.quadratic()[1], initial=0.0)) for r in self.references)
        dtype = torch.float64 if largest > _LARGEST_COEFFICIENT else torch.float32
        folded = self._tensor(_padded(factors), dtype).flatten(0, 1) if factors else None
        return _Rows(self._tensor(_padded(seen)).flatten(0, 1), folded)

    def _tensor(self, table: np.ndarray, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.as_tensor(table, dtype=dtype, device=self.device)

    def _side(self, rows: Tensor, side: int) -> _Side:
        """What there is of one variable at rows (M, b)."""
        table = (self.left, self.right)[side]
        n = len(table.features) // (len(self.fold_of) // self.n_ensemble)
        flat = (self.fold_of[:, None] * n + rows).flatten()
        seen = table.features.index_select(0, flat).unflatten(0, rows.shape)
        factors = None
        if table.reference is not None:
            factors = table.reference.index_select(0, flat).unflatten(0, rows.shape)
        own = None if self.raw is None else self.raw[side][self.fold_of[:, None], rows]
        return _Side(seen if own is None else own, seen, factors)

    def _values(self, x: _Side, y: _Side) -> Tensor:
        """Values of the critics row by row."""
        value, start = self.network["critic"](x.inputs, y.inputs), 0.0
        if x.reference is not None and y.reference is not None:
            start = (x.reference * y.reference).sum(dim=-1).float()
            value = value + start
        if "baseline" in self.network:
            value = value - self.network["baseline"](y.features).squeeze(-1)
        return torch.where(self.used[:, None], value, start) if self._by_module else value

    def _excess(self, rows: Tensor) -> Tensor | None:
        """How far the critic is above the second one at the x of rows (M, b)."""
        if "excess" not in self.network:
            return None
        size = max(1, _LARGEST_CHUNK // len(rows))
        network = self.network["excess"]
        parts = [network(self._side(r, 0).features) for r in rows.split(size, dim=1)]
        return torch.cat(parts, dim=1).squeeze(-1) * self.used[:, None]

    @property
    def _factorised(self) -> SeparableCritic | BilinearCritic:
        return self.network["critic"]  # pyright: ignore[reportReturnType]

    def _factors(self, x: _Side, y: _Side) -> tuple[Tensor, Tensor]:
        """Rows whose inner products are all values of the critic, the reference among them."""
        left, right = self._factorised.factors(x.inputs, y.inputs)
        lefts, rights = [left], [right]
        if "baseline" in self.network:
            lefts.append(torch.ones_like(left[..., :1]))
            rights.append(-self.network["baseline"](y.features))
        if x.reference is not None and y.reference is not None:
            lefts.append(x.reference)
            rights.append(y.reference)
        return torch.cat(lefts, dim=-1), torch.cat(rights, dim=-1)

    def scores(self, rows: Tensor) -> Scores:
        """Values at rows (M, b) together and apart; apart means all other pairs in a table."""
        excess = self._excess(rows)
        if self.by_table:
            left, right = self._factors(self._side(rows, 0), self._side(rows, 1))
            table = (left @ right.mT).float()
            joint = table.diagonal(dim1=-2, dim2=-1)
            return Scores(joint, table, second=None if excess is None else joint - excess)
        b = rows.shape[1]
        turns = [int(s) for s in torch.randint(1, b, (min(_N_TURNS_TRAINING, b - 1),))]
        stayed = rows.repeat(1, len(turns) + 1)
        turned = torch.cat([rows, *(rows.roll(-s, dims=1) for s in turns)], dim=1)
        values = self._values(self._side(stayed, 0), self._side(turned, 1))
        values = values.unflatten(1, (-1, b))
        joint = values[:, 0]
        second = None if excess is None else joint - excess
        return Scores(joint, turned=values[:, 1:].mT, turns=turns, second=second)

    @torch.no_grad()
    def held_out(self, which: str, n_turns: int) -> list[HeldOut]:
        """Scores of every fold at its own rows, each with the same number of pairs apart."""
        rows, stacked = self.rows[which], self._stacked(which)
        lengths = [len(r) for r in rows]
        joint, apart, turns = (self._by_table if self.by_table else self._by_turns)(
            stacked, lengths, n_turns
        )
        caps = joint.amax(dim=1) if which == "validation" else self.caps
        return self._held(joint, apart, turns, self._excess(stacked), lengths, caps)

    def _stacked(self, which: str) -> Tensor:
        """Rows of every member, those of a shorter fold repeated."""
        rows = self.rows[which]
        longest = max(len(r) for r in rows)
        stacked = np.stack([np.resize(r, longest) for r in rows])
        return torch.as_tensor(stacked).to(self.device)[self.fold_of]

    def _held(
        self,
        joint: Tensor,
        apart: Sequence[Tensor],
        turns: Sequence[np.ndarray],
        excess: Tensor | None,
        lengths: Sequence[int],
        caps: Tensor,
    ) -> list[HeldOut]:
        """Scores by fold, none above its cap; rows beyond a fold's own are left out."""
        levels = self.levels
        folded, lowered = caps.split(self.n_ensemble), levels.split(self.n_ensemble)
        joint = joint.clamp(max=caps[:, None]) - levels[:, None]
        together = joint.split(self.n_ensemble)
        seconds: Sequence[Tensor | None] = [None] * len(lengths)
        if excess is not None:
            held = torch.maximum(excess, self.least_excess[:, None])
            seconds = (joint - held).split(self.n_ensemble)
        return [
            HeldOut(
                together[k][:, :n],
                apart[k].clamp(max=folded[k][:, None, None]) - lowered[k][:, None, None],
                turns[k],
                None if s is None else s[:, :n],
            )
            for k, (n, s) in enumerate(zip(lengths, seconds, strict=True))
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
        return (left * right).sum(dim=-1).float(), apart, turns

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
            values.append(self._chunked(rows, rows.gather(1, partner)))
        by_fold = torch.stack(values, dim=-1).split(self.n_ensemble)
        apart = [v[:, :n, : len(t)] for v, n, t in zip(by_fold, lengths, turns, strict=True)]
        return self._chunked(rows, rows), apart, turns

    def _chunked(self, rows_x: Tensor, rows_y: Tensor) -> Tensor:
        size = max(1, _LARGEST_CHUNK // len(rows_x))
        parts = zip(rows_x.split(size, dim=1), rows_y.split(size, dim=1), strict=True)
        values = [self._values(self._side(r, 0), self._side(s, 1)) for r, s in parts]
        return torch.cat(values, dim=1)

    @torch.no_grad()
    def calibrate(self, *, level: bool) -> None:
        """Hold the values at what the selection rows vouch for.

        With `level`, for objectives that leave a constant open, also make the mean of e^f one
        there. What pairs apart miss of that mean under the reference, which is a log ratio, they
        miss of the critic's too: this much stays.
        """
        n_turns = _N_IN_TABLE_SELECTION if self.by_table else _N_TURNS_SELECTION
        selection = self.held_out("validation", n_turns)
        self.caps = torch.cat([safest_cap(scores) for scores in selection])
        excess = self._excess(self._stacked("validation"))
        if excess is not None:
            self.least_excess = excess.amin(dim=1)
        if level:
            capped = zip(selection, self.caps.split(self.n_ensemble), strict=True)
            told = [log_mean_exp(s.product.clamp(max=c[:, None, None])) for s, c in capped]
            self.levels = torch.cat(told) - self._missed_of_reference()[self.fold_of]

    def _missed_of_reference(self) -> Tensor:
        """Log mean of e^f of each fold's reference on pairs of selection rows; 0 if it is more."""
        levels = torch.zeros(len(self.references), device=self.device)
        if not self.has_reference:
            return levels
        for k, chosen in enumerate(self.rows["validation"]):
            rows = torch.as_tensor(np.resize(chosen, (len(self.fold_of), len(chosen))))
            x, y = (self._side(rows.to(self.device), side).reference for side in (0, 1))
            one = slice(k * self.n_ensemble, k * self.n_ensemble + 1)
            n_turns = min(_N_IN_TABLE_SELECTION, len(chosen) - 1)
            levels[k] = log_mean_exp(_band(x[one], y[one], n_turns))[0]
        return levels.clamp(max=0)

    def evaluated(self, n_turns: int) -> Iterable[tuple[int, np.ndarray, HeldOut]]:
        """Test scores, each with its fold and rows; calibrated before.

        At least `n_turns` pairs apart a row, all of them where a table is small.
        """
        rows = self.rows["test"]
        many = _LARGEST_TABLE // max(len(r) for r in rows) if self.by_table else 0
        scores = self.held_out("test", max(n_turns, many))
        return zip(range(len(rows)), rows, scores, strict=True)

    def start_from(self, other: PairCritics) -> None:
        """Take over the weights of an earlier stack of the same shape."""
        copy_weights(self.network, other.network)

    def release(self) -> None:
        """Forget the rows: what is left is small, and enough for new ones."""
        self.rows = {}
        self.left = self.right = _Rows(torch.empty(0), None)
        self.raw = None

    @torch.no_grad()
    def log_ratio(self, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
        """Log ratio of new rows: the mean over all critics, each less the offset of its fold."""
        here = copy.copy(self)
        PairCritics._keep(here, X, Y)
        rows = torch.arange(len(X), device=self.device).expand(len(self.fold_of), -1)
        raw = here._chunked(rows, rows).clamp(max=self.caps[:, None]) - self.levels[:, None]
        excess = here._excess(rows)
        if excess is not None:
            raw = raw - torch.maximum(excess, self.least_excess[:, None])
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
            return -objective(self._training_scores(rows))

        rows = [r for r in self.rows["train"] for _ in range(self.n_ensemble)]
        plan = replace(plan, input_penalty=_INPUT_PENALTY)
        layers = self._first_layers()
        history = train(self.network, loss, validation_loss, rows, plan, rng, layers)
        if self._by_module:
            told = validation_loss()
            self.used = torch.zeros_like(self.used)
            self.used = told <= validation_loss()
        return history

    def _first_layers(self) -> list[Tensor]:
        """Weights of the inputs of our own networks."""
        if self._by_module:
            return []
        return [m.weights[0] for m in self.network.modules() if isinstance(m, MLP)]

    def notes(self) -> list[str]:
        """What is said of members of a user's critic that are left out, and of the reference."""
        left_out, members = int((~self.used).sum()), len(self.used)
        notes = self.references[0].notes()
        if left_out:
            start = "the normal reference" if self.has_reference else "no critic at all"
            notes.append(
                f"The critic was left out in {left_out} of its {members} copies, which did worse "
                f"than {start} on their selection rows. More rows, more steps, another "
                f"learning_rate_init or a smaller critic may help."
            )
        return notes

    def _training_scores(self, rows: Tensor) -> Scores:
        return self.scores(rows.to(self.device))


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
    if critic == "separable":
        return SeparableCritic(*widths, hidden_layer_sizes, dim_embedding=_EMBEDDING, **layers)
    return ConcatenatedCritic(*widths, hidden_layer_sizes, **layers)


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
    return _open_band(left, torch.cat([right, right[:, :n_turns]], dim=1), n_turns)


def _open_band(left: Tensor, right: Tensor, n_turns: int) -> Tensor:
    """The same where `right` goes on for `n_turns` rows beyond those of `left`."""
    members, n, _ = left.shape
    bands = []
    for start in range(0, n, _TABLE_ROWS):
        rows = min(_TABLE_ROWS, n - start)
        width = rows + n_turns
        table = left[:, start : start + rows] @ right[:, start : start + width].mT
        # One column further each row: the diagonals beside the main one, without a copy.
        strides = (rows * width, width + 1, 1)
        bands.append(table.float().contiguous().as_strided((members, rows, n_turns), strides, 1))
    return torch.cat(bands, dim=1)


def _padded(tables: Sequence[np.ndarray]) -> np.ndarray:
    """One array of all folds; a fold that lost a degenerate direction gets a column of zeros."""
    width = max(t.shape[1] for t in tables)
    return np.stack([np.pad(t, ((0, 0), (0, width - t.shape[1]))) for t in tables])
