"""Networks that guess masked symbols of paired sequences, trained on every fold at once."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from infotheory._networks import MLP, copy_weights
from infotheory._resampling import Fold, numbers_of_rows
from infotheory._training import History, Plan, train
from infotheory.functional import masked_gap, masked_log_likelihood, subset_mask

_LARGEST_CHUNK = 2**16
_LARGEST_NOISE = 2**22  # numbers drawn at once for new rows
# Of a symbol that has been seen n times, n + 1/2 chances: no guess is ever zero.
_PSEUDOCOUNT = 0.5


class MaskedGuessers:
    """A stack of guessers of masked symbols: one a fold, repeat and problem.

    Networks start from the frequencies of each symbol. A problem is a row of states, one for the
    symbols of x and one for those of y: "masked" (some at random, all of which are guessed),
    "clean" or "absent".

    Parameters
    ----------
    codes : ndarray of shape (n, L)
        Symbols from 0, those of x before those of y.
    sizes : sequence of int
        How many symbols there are at each place.
    length_x : int
        Places of x.
    folds : list of Fold
    problems : sequence of (str, str)
        Of these the first knows less; the others together guess the same places and know more.
    n_ensemble : int
    hidden_layer_sizes : sequence of int
    activation : str
    device : torch.device
    """

    def __init__(
        self,
        codes: np.ndarray,
        sizes: Sequence[int],
        length_x: int,
        folds: Sequence[Fold],
        problems: Sequence[tuple[str, str]],
        *,
        n_ensemble: int,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        device: torch.device,
    ) -> None:
        self.folds, self.problems, self.n_ensemble = folds, tuple(problems), n_ensemble
        self.n_folds, self.device = len(folds), device
        self.sizes, self.length_x = tuple(sizes), length_x
        self.length, self.n_symbols = len(self.sizes), max(self.sizes)
        self.rows = torch.as_tensor(codes, device=device)
        n_problems = len(self.problems)
        members = self.n_folds * n_ensemble * n_problems
        index = torch.arange(members, device=device)
        self.fold_of = index // (n_ensemble * n_problems)
        problem_of = index % n_problems
        rest = self.length - length_x

        def places(state: str) -> Tensor:
            rows = [[x == state] * length_x + [y == state] * rest for x, y in self.problems]
            return torch.tensor(rows, device=device)[problem_of][:, None]

        self._guessed, self._clean = places("masked"), places("clean")
        self._start = self._log_frequencies()
        self.network = MLP(
            (
                self.length * (self.n_symbols + 1),
                *hidden_layer_sizes,
                self.length * self.n_symbols,
            ),
            members=(members,),
            activation=activation,
            zero_output=True,
        ).to(device, torch.float32)

    def _log_frequencies(self) -> Tensor:
        """Of each symbol at each place among the training rows of each fold; (n_folds, L, K)."""
        told = np.full((self.n_folds, self.length, self.n_symbols), -np.inf)
        codes = self.rows.cpu().numpy()
        for k, fold in enumerate(self.folds):
            for j, size in enumerate(self.sizes):
                counts = np.bincount(codes[fold.train, j], minlength=size) + _PSEUDOCOUNT
                told[k, j, :size] = np.log(counts / counts.sum())
        return torch.as_tensor(told, dtype=torch.float32, device=self.device)

    def start_from(self, other: MaskedGuessers) -> None:
        """Take over the weights of an earlier stack of the same shape."""
        copy_weights(self.network, other.network)

    def release(self) -> None:
        """Forget the rows: what is left is small, and enough for new ones."""
        self.rows, self.folds = torch.empty(0, dtype=torch.int64), []

    def guesses(self, symbols: Tensor, masked: Tensor) -> Tensor:
        """Log probabilities (M, b, L, K) of symbols (M, b, L), from those that are not masked.

        Every member sees what its problem lets it see: masks are of the rows.
        """
        seen = self._clean | (self._guessed & ~masked)
        one_hot = torch.nn.functional.one_hot(symbols, self.n_symbols) * seen[..., None]
        hidden = (self._guessed & masked)[..., None]
        inputs = torch.cat([one_hot, hidden], dim=-1).flatten(-2).to(self._start.dtype)
        told = self.network(inputs).unflatten(-1, (self.length, self.n_symbols))
        return (told + self._start[self.fold_of][:, None]).log_softmax(-1)

    @property
    def _n_places(self) -> int:
        """Places that the first problem guesses."""
        return self.length if self.problems[0][1] == "masked" else self.length_x

    def _masks(self, *shape: int) -> tuple[Tensor, Tensor]:
        """Random masks (..., L) over the places that the first problem guesses, their weights."""
        n_masked = torch.randint(1, self._n_places + 1, shape, device=self.device)
        order = torch.rand(*shape, self._n_places, device=self.device, dtype=torch.float32)
        return self._hidden(order, n_masked)

    def _hidden(self, order: Tensor, n_masked: Tensor) -> tuple[Tensor, Tensor]:
        """Masks of the places of the smallest numbers, and their weights."""
        mask = subset_mask(order, n_masked)
        rest = (*order.shape[:-1], self.length - self._n_places)
        beyond = torch.zeros(rest, dtype=torch.bool, device=self.device)
        return torch.cat([mask, beyond], dim=-1), self._n_places / n_masked

    def gains(self, rows: Tensor, masked: Tensor, weight: Tensor) -> Tensor:
        """What each member adds to the log likelihood of the frequencies, (M, b)."""
        symbols = self.rows[rows]
        told = self.guesses(symbols, masked)
        start = self._start[self.fold_of][:, None].expand_as(told)
        return masked_gap(start, told, symbols, masked & self._guessed, weight)

    def fit(self, plan: Plan, rng: np.random.Generator) -> History:
        """Train all members; each keeps its best weights by the held-out likelihood."""
        repeats = self.n_ensemble * len(self.problems)
        selection = self._stacked("validation")[self.fold_of]
        n_draws = max(2, 2048 // selection.shape[1])
        drawn = selection.repeat(1, n_draws)
        masks, weights = self._masks(drawn.shape[1])
        size = max(1, _LARGEST_CHUNK // len(drawn))

        def validation_loss() -> Tensor:
            parts = zip(drawn.split(size, 1), masks.split(size), weights.split(size), strict=True)
            told = [self.gains(r, m.expand(len(r), -1, -1), w) for r, m, w in parts]
            return -torch.cat(told, dim=1).mean(1)

        def loss(rows: Tensor) -> Tensor:
            rows = rows.to(self.device)
            masked, _ = self._masks(*rows.shape)
            symbols = self.rows[rows]
            told = self.guesses(symbols, masked)
            # Weight one a guessed symbol: the optimum is the same, and the variance is less.
            each = masked_log_likelihood(told, symbols, masked & self._guessed, 1.0)
            return -each.mean(1) / self.length

        rows = [f.train for f in self.folds for _ in range(repeats)]
        return train(self.network, loss, validation_loss, rows, plan, rng)

    def _stacked(self, which: str) -> Tensor:
        rows = [getattr(f, which) for f in self.folds]
        longest = max(len(r) for r in rows)
        return torch.as_tensor(np.stack([np.resize(r, longest) for r in rows]), device=self.device)

    def gaps_of_folds(self, n_draws: int) -> list[np.ndarray]:
        """Each fold's gaps at its own test rows: (E + 1, n) a fold."""
        gaps = self.held_out(self._stacked("test"), n_draws).numpy()
        return [gaps[k, :, : len(f.test)] for k, f in enumerate(self.folds)]

    @torch.no_grad()
    def held_out(
        self, rows: Tensor, n_draws: int, numbers: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """Row means over masks of the gap of the guesses: (n_folds, E + 1, b).

        The last repeat is that of the mean of the others' probabilities. All networks share the
        masks.

        Parameters
        ----------
        rows : integer tensor of shape (n_folds, b)
        n_draws : int
            Masks a row.
        numbers : (tensor of shape (b,), tensor of shape (b, n_draws, places)), optional
            Where the shares of hidden symbols of each row start, stratified, and what orders its
            places; fresh masks without.
        """
        n_folds, b = rows.shape
        total = torch.zeros(n_folds, self.n_ensemble + 1, b, dtype=torch.float64)
        size = max(1, _LARGEST_CHUNK // len(self.fold_of))
        shape = (n_folds, self.n_ensemble, len(self.problems))
        for draw in range(n_draws):
            if numbers is None:
                masks, weights = self._masks(n_folds, b)
            else:
                share = (numbers[0] + draw / n_draws) % 1
                n_masked = (share * self._n_places).long() + 1
                masks, weights = self._hidden(numbers[1][:, draw], n_masked)
                masks, weights = masks.expand(n_folds, -1, -1), weights.expand(n_folds, -1)
            for some in torch.arange(b, device=self.device).split(size):
                masked, weight = masks[:, some], weights[:, some]
                symbols = self.rows[rows[:, some]]
                told = self.guesses(symbols[self.fold_of], masked[self.fold_of])
                told = told.unflatten(0, shape)
                mean = told.double().exp().mean(1, keepdim=True).log()
                told = torch.cat([told.double(), mean], dim=1)
                guessed = self._guessed[: len(self.problems), 0, None, :, None]
                more = torch.where(guessed[1:], told[:, :, 1:], 0.0).sum(2)
                gap = masked_gap(
                    told[:, :, 0], more, symbols[:, None], masked[:, None], weight[:, None]
                )
                total[..., some.cpu()] += gap.cpu()
        return total / n_draws

    def log_ratio(self, codes: np.ndarray, n_draws: int) -> np.ndarray:
        """Log ratio of new rows: the mean over all folds.

        The masks are a function of the row and the arithmetic double, so that a row's value does
        not depend on the others.
        """
        here = copy.copy(self)
        here.network = copy.deepcopy(self.network).double()
        here._start = self._start.double()
        size = max(1, _LARGEST_NOISE // (n_draws * self._n_places))
        told = []
        for first in range(0, len(codes), size):
            some = codes[first : first + size]
            here.rows = torch.as_tensor(some, device=self.device)
            draws = numbers_of_rows(some, n_draws * self._n_places + 1)
            numbers = torch.as_tensor(draws, device=self.device)
            # The first of the normal numbers as a uniform one.
            start = torch.special.ndtr(numbers[:, 0])
            order = numbers[:, 1:].unflatten(1, (n_draws, self._n_places))
            rows = torch.arange(len(some), device=self.device).expand(self.n_folds, -1)
            told.append(here.held_out(rows, n_draws, (start, order))[:, -1].numpy().mean(axis=0))
        return np.concatenate(told)
