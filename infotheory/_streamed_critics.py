"""Critics of rows that are fetched when they are needed: in memory is a sample, and some more."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import torch
from torch import Tensor

from infotheory._critics import _LARGEST_TABLE, PairCritics, _open_band
from infotheory._reference import GaussianReference
from infotheory._resampling import Fold
from infotheory._row_source import RowSource
from infotheory._scores import HeldOut, Scores
from infotheory._training import History, Plan, _Batches

# Rows of a fold that are evaluated at once, besides those that they are paired with.
_FEWEST_AT_ONCE = 256


class StreamedPairCritics(PairCritics):
    """As :class:`PairCritics`, with features of each fold's own rows, batch by batch.

    Parameters
    ----------
    source : RowSource
    X, Y : ndarray of shape (s, d), (s, e)
        The rows of the source's sample, which maps and selection rest on.
    folds : list of Fold
        Of all rows.
    **words
        As in :class:`PairCritics`.
    """

    def __init__(
        self, source: RowSource, X: np.ndarray, Y: np.ndarray, folds: Sequence[Fold], **words: Any
    ) -> None:
        in_sample = [
            Fold(*(source.in_sample(rows) for rows in (f.train, f.validation, f.test)))
            for f in folds
        ]
        smallest = min(min(len(f.train), len(f.validation)) for f in in_sample)
        if smallest < 2:
            raise ValueError(
                f"n_folds and validation_fraction leave {smallest} of the {len(X)} rows that stay "
                f"in memory to some part of the split, which needs 2. Raise validation_fraction "
                f"or lower n_folds."
            )
        self._source = source
        self._trained_on = [f.train for f in folds]
        # While rows are evaluated, as many again as stay in memory.
        self._at_once = len(X)
        self._fetched: Iterator[tuple[np.ndarray, np.ndarray]] = iter(())
        super().__init__(X, Y, in_sample, **words)
        self.rows["train"] = self._trained_on
        self.rows["test"] = [f.test for f in folds]

    def _keep(self, X: np.ndarray, Y: np.ndarray) -> None:
        """Of the sample only what each fold selects by is needed again."""
        self._refer_to_all(X.shape[1])
        chosen = self.rows["validation"]
        longest = max(len(rows) for rows in chosen)
        self._show_each([(X[r], Y[r]) for r in (np.resize(rows, longest) for rows in chosen)])
        self.rows["validation"] = [np.arange(len(rows)) for rows in chosen]

    def _refer_to_all(self, dim_x: int) -> None:
        """Fit the normal reference to all training rows under the margins of the sample.

        Batches show the networks an error of the reference that the sample could not, so that
        what is known of its mean must not be added.
        """
        n_folds, n = len(self.references), len(self._source)
        trains = np.zeros((n_folds, n), dtype=bool)
        for inside, rows in zip(trains, self._trained_on, strict=True):
            inside[rows] = True
        sums: list[Any] = [0.0] * n_folds
        squares: list[Any] = [0.0] * n_folds
        for rows, X, Y in self._source.all_tables():
            if not self.has_reference:
                continue
            for k, (on_x, on_y) in enumerate(self.margins):
                inside = trains[k, rows]
                z = np.hstack([on_x(X[inside]), on_y(Y[inside])])
                sums[k] = sums[k] + z.sum(axis=0)
                squares[k] = squares[k] + z.T @ z
        if not self.has_reference:
            return
        for k, rows in enumerate(self._trained_on):
            mean, m = sums[k] / len(rows), len(rows)
            covariance = (squares[k] - m * np.outer(mean, mean)) / (m - 1)
            # Ranks of s rows are about 1 / s apart where they are closest.
            finest = self.n_fitted**-2.0 if self.margins[k][0].kind == "ranks" else 1e-12
            chosen = self.references[k]
            fitted = GaussianReference.from_moments(
                mean, covariance, m, dim_x, smallest=chosen.smallest, finest=finest
            )
            self.references[k] = fitted.shrunk(chosen.share)
        self.n_fitted = int(np.mean([len(rows) for rows in self._trained_on]))

    def _show_each(self, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        """Rows of its own for each fold, as many for all."""
        self._show(pairs)
        if self._by_module:
            left, right = (np.stack(side) for side in zip(*pairs, strict=True))
            self.raw = (self._tensor(left), self._tensor(right))

    def _on(self, X: np.ndarray, Y: np.ndarray) -> StreamedPairCritics:
        """The same critics before other rows: tables of shape (folds, rows, columns)."""
        here = copy.copy(self)
        here._show_each(list(zip(X, Y, strict=True)))
        return here

    def fit(
        self,
        objective: Callable[[Scores], Tensor],
        selection: Callable[[HeldOut], Tensor],
        plan: Plan,
        rng: np.random.Generator,
    ) -> History:
        """As for arrays; rows that no batch could come to are not kept in the order."""
        most = plan.max_iter * plan.batch_size
        self.rows["train"] = [
            np.sort(rng.choice(r, most, replace=False)) if len(r) > most else r
            for r in self.rows["train"]
        ]
        rows = [r for r in self.rows["train"] for _ in range(self.n_ensemble)]
        # The same batches as those of the training loop, for workers to read ahead.
        ahead = _Batches(rows, plan.batch_size, copy.deepcopy(rng))
        requests = (ahead.next().numpy() for _ in range(plan.max_iter))
        with closing(self._source.tables(requests)) as self._fetched:
            return super().fit(objective, selection, plan, rng)

    def _training_scores(self, rows: Tensor) -> Scores:
        n_folds, (_, b) = len(self.references), rows.shape
        X, Y = (t.reshape(n_folds, self.n_ensemble * b, -1) for t in next(self._fetched))
        place = torch.arange(self.n_ensemble * b, device=self.device).view(self.n_ensemble, b)
        return self._on(X, Y).scores(place.repeat(n_folds, 1))

    def evaluated(self, n_turns: int) -> Iterator[tuple[int, np.ndarray, HeldOut]]:
        """As for arrays, in blocks of a size that bounds memory, each paired within itself."""
        tests = self.rows["test"]
        longest = max(len(rows) for rows in tests)
        n_blocks = math.ceil(longest / (_LARGEST_TABLE // n_turns))
        blocks = list(zip(*(np.array_split(rows, n_blocks) for rows in tests), strict=True))
        requests = (
            np.stack([rows[p % len(rows)] for rows in block])
            for block in blocks
            for p, _ in self._places(block, n_turns)
        )
        with closing(self._source.tables(requests)) as tables:
            for block in self._source.progress(blocks, "evaluation", len(blocks)):
                scores = self._block(block, n_turns, tables)
                yield from zip(range(len(block)), block, scores, strict=True)

    def _partners(self, block: Sequence[np.ndarray], n_turns: int) -> int:
        lengths = [len(rows) for rows in block]
        many = _LARGEST_TABLE // max(lengths) if self.by_table else 0
        return min(max(n_turns, many), max(lengths) - 1)

    def _places(
        self, block: Sequence[np.ndarray], n_turns: int
    ) -> Iterator[tuple[np.ndarray, int]]:
        """Places in the block of rows and of those they are paired with; how many rows."""
        m = self._partners(block, n_turns)
        longest = max(len(rows) for rows in block)
        size = max(_FEWEST_AT_ONCE, self._at_once // len(block) - m)
        for start in range(0, longest, size):
            n = min(size, longest - start)
            yield np.arange(start, start + n + m), n

    @torch.no_grad()
    def _block(
        self,
        block: Sequence[np.ndarray],
        n_turns: int,
        tables: Iterator[tuple[np.ndarray, np.ndarray]],
    ) -> list[HeldOut]:
        m = self._partners(block, n_turns)
        parts = [self._on(*next(tables))._sliding(n, m) for _, n in self._places(block, n_turns)]
        joint, apart, excess = zip(*parts, strict=True)
        lengths = [len(rows) for rows in block]
        # The last turn of a fold with fewer rows than another would pair rows with themselves.
        turns = [min(m, n - 1) for n in lengths]
        of_fold = torch.cat(apart, dim=1).split(self.n_ensemble)
        return self._held(
            torch.cat(joint, dim=1),
            [a[:, :n, :t] for a, n, t in zip(of_fold, lengths, turns, strict=True)],
            [np.arange(1, t + 1) for t in turns],
            None if excess[0] is None else torch.cat(excess, dim=1),
            lengths,
            self.caps,
        )

    def _sliding(self, n: int, n_turns: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Scores of the first n rows shown: with themselves, with the rows after each, excess."""
        rows = torch.arange(n + n_turns, device=self.device).expand(len(self.fold_of), -1)
        x, y = self._side(rows[:, :n], 0), self._side(rows[:, :n], 1)
        excess = self._excess(rows[:, :n])
        if self.by_table:
            left, right = self._factors(x, self._side(rows, 1))
            joint = (left * right[:, :n]).sum(dim=-1).float()
            return joint, _open_band(left, right, n_turns), excess
        turned = [self._values(x, self._side(rows[:, s : s + n], 1)) for s in range(1, n_turns + 1)]
        return self._values(x, y), torch.stack(turned, dim=-1), excess

    def release(self) -> None:
        """Forget the rows and where they came from."""
        super().release()
        del self._source
        self._fetched = iter(())
