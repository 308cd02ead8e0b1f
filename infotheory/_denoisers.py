"""Denoisers of paired rows, trained on every fold at once, that start from a normal law's own.

A denoiser predicts the noise in rows sent through a Gaussian channel. The best linear one is
known in closed form from the normal reference, and a network adds what is not linear: with its
output at zero the estimate is the reference's, and only rows that no step saw say what it is worth.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from infotheory._networks import MLP, copy_weights
from infotheory._noise_channel import N_WAVES, channel_for, finest_variance, radius, waves
from infotheory._reference import GaussianReference, Margins, log_ratio
from infotheory._resampling import Fold, numbers_of_rows
from infotheory._training import History, Plan, joined, train
from infotheory.functional import denoising_gap, diffuse, reference_gap, score_gap
from infotheory.functional._diffusion_channel import signal_and_noise

LARGEST_CHUNK = 2**17
_LARGEST_NOISE = 2**22  # numbers drawn at once for new rows


class Problem(NamedTuple):
    """What one network predicts the noise of, given what: "diffused", "clean" or "absent"."""

    x: str
    y: str


MARGINAL, CONDITIONAL = Problem("diffused", "absent"), Problem("diffused", "clean")
REVERSED, JOINT = Problem("clean", "diffused"), Problem("diffused", "diffused")


class _Network(nn.Module):
    """What one problem adds to the normal law, and to what is known of a simpler problem."""

    def __init__(
        self,
        dim: int,
        hidden_layer_sizes: Sequence[int],
        members: int,
        activation: str,
        *,
        builds_on_another: bool,
    ) -> None:
        super().__init__()
        self.mlp = MLP(
            (3 * dim + 2 + N_WAVES, *hidden_layer_sizes, dim),
            members=(members,),
            activation=activation,
            zero_output=True,
        )
        if builds_on_another:
            # How much of the other network's output is kept at each log-SNR.
            self.level = nn.Parameter(torch.ones(members, 1, 1))
            self.slopes = nn.Parameter(torch.zeros(members, N_WAVES, 1))

    def forward(self, inputs: Tensor, known: Tensor | None = None) -> Tensor:
        told = self.mlp(inputs)
        if known is None:
            return told
        return told + (self.level + inputs[..., -N_WAVES:] @ self.slopes) * known

    @torch.no_grad()
    def start_from_the_better(self, validation_loss: Callable[[], Tensor]) -> None:
        """Of the other network and the reference, each member by its selection rows."""
        of_network = validation_loss()
        self.level.zero_()
        self.level.copy_((of_network <= validation_loss()).to(self.level)[:, None, None])


class PairDenoisers:
    """A stack of denoisers: one a fold, repeat and problem.

    Parameters
    ----------
    X, Y : ndarray of shape (n, d), (n, e)
    folds : list of Fold
    problems : sequence of Problem
    margins, references : lists of one entry a fold
    has_reference : bool
        Whether the normal law is the start, or none (no correlation).
    n_ensemble : int
    hidden_layer_sizes : sequence of int
    activation : str
    device : torch.device
    rng : numpy.random.Generator
    """

    def __init__(
        self,
        X: np.ndarray,
        Y: np.ndarray,
        folds: Sequence[Fold],
        problems: Sequence[Problem],
        *,
        margins: list[tuple[Margins, Margins]],
        references: list[GaussianReference],
        has_reference: bool,
        n_ensemble: int,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        device: torch.device,
        rng: np.random.Generator,
    ) -> None:
        self.folds, self.problems, self.n_ensemble = folds, tuple(problems), n_ensemble
        self.n_folds = len(folds)
        self.margins, self.references, self.device = margins, references, device
        # Whatever the default dtype of the process.
        self._single: dict[str, Any] = {"device": device, "dtype": torch.float32}
        self.has_reference = has_reference
        self._n_columns = (X.shape[1], Y.shape[1])
        self.dim_x = min(r.dim_x for r in references)
        self.dim_y = min(r.dim_y for r in references)
        self.rows = self.coordinates(X, Y)
        members = len(folds) * n_ensemble
        self.fold_of = torch.arange(members, device=device) // n_ensemble
        dim = self.dim_x + self.dim_y
        self._lay_out(has_reference)
        # The score given y is that of x alone and one more term, none where y tells nothing: a
        # network that learnt both anew would do worse than the one of x alone.
        networks = [
            _Network(
                dim,
                hidden_layer_sizes,
                members,
                activation,
                builds_on_another=self._builds_on_another(problem),
            )
            for problem in range(len(self.problems))
        ]
        self.network = nn.ModuleList(networks).to(device, torch.float32)
        self._is_new = True
        self.channel = channel_for(self._finest(rng, has_reference))

    def coordinates(
        self, X: np.ndarray, Y: np.ndarray, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Canonical coordinates of rows under every fold's maps: (n_folds, n, d + e)."""
        tables = []
        for (on_x, on_y), reference in zip(self.margins, self.references, strict=True):
            u, v = reference.coordinates(on_x(X), on_y(Y))
            tables.append(np.hstack([u[:, : self.dim_x], v[:, : self.dim_y]]))
        return torch.as_tensor(np.stack(tables), dtype=dtype, device=self.device)

    def start_from(self, other: PairDenoisers) -> None:
        """Take over the weights of an earlier stack of the same shape."""
        copy_weights(self.network, other.network)
        self._is_new = other._is_new

    def release(self) -> None:
        """Forget the rows: what is left is small, and enough for new ones."""
        self.rows, self.folds = torch.empty(0), []

    @property
    def shape(self) -> tuple[int, int]:
        """Columns of either side, before any direction was lost."""
        return self._n_columns

    def log_ratio(self, X: np.ndarray, Y: np.ndarray, form: int, n_draws: int) -> np.ndarray:
        """Log ratio of new rows: the mean over all folds.

        The noise is a function of the row and the arithmetic double, so that a row's value does
        not depend on the others.
        """
        here = copy.copy(self)
        here.network = copy.deepcopy(self.network).double()
        dim = self.dim_x + self.dim_y
        size = max(1, _LARGEST_NOISE // (n_draws * dim))
        told = []
        for first in range(0, len(X), size):
            x, y = X[first : first + size], Y[first : first + size]
            here.rows = self.coordinates(x, y, torch.float64)
            draws = numbers_of_rows(np.hstack([x, y]), n_draws * dim + 1)
            numbers = torch.as_tensor(draws, device=self.device)
            # The first of the normal numbers as a uniform one.
            start = torch.special.ndtr(numbers[:, 0])
            noise = numbers[:, 1:].unflatten(1, (n_draws, dim))
            rows = torch.arange(len(x), device=self.device).expand(self.n_folds, -1)
            added = here.held_out(rows, n_draws, (start, noise))[form, :, -1].numpy()
            told.append(np.mean(here.reference_log_ratio() + added, axis=0))
        return np.concatenate(told)

    def reference_log_ratio(self) -> np.ndarray:
        """The normal law's log ratio at the rows, (n_folds, n)."""
        rows = self.rows.cpu().numpy().astype(np.float64)
        if not self.has_reference:
            return np.zeros(rows.shape[:2])
        d = self.dim_x
        return np.stack(
            [
                log_ratio(rows[k, :, :d], rows[k, :, d:], reference.quadratic())
                for k, reference in enumerate(self.references)
            ]
        )

    def gains_of_folds(self, n_draws: int) -> list[np.ndarray]:
        """Each fold's gains on its own test rows: (3, E + 1, n) a fold."""
        lengths = [len(f.test) for f in self.folds]
        rows = self._stacked("test").unflatten(0, (len(self.folds), -1))[:, 0]
        gains = self.held_out(rows, n_draws).numpy()
        return [gains[:, k, :, :n] for k, n in enumerate(lengths)]

    def _lay_out(self, has_reference: bool) -> None:
        """What each member does with each column, and its correlation with its partner."""
        d, e = self.dim_x, self.dim_y
        k = min(d, e)
        partner = torch.arange(d + e)
        partner[:k], partner[d : d + k] = torch.arange(d, d + k), torch.arange(k)
        self._partner = partner.to(self.device)

        def mask(state: str) -> Tensor:
            rows = [[p.x == state] * d + [p.y == state] * e for p in self.problems]
            return torch.tensor(rows).to(self.device, torch.float32)

        self._diffused, self._clean = mask("diffused"), mask("clean")
        rho = np.zeros((len(self.folds), d + e))
        if has_reference:
            for i, reference in enumerate(self.references):
                rho[i, :k] = rho[i, d : d + k] = reference.correlations[:k]
        rho = torch.as_tensor(rho)[self.fold_of.cpu()][:, None]
        self._rho = rho.to(self.device, torch.float32)
        self._rest = (1 - rho**2).to(self.device, torch.float32)

    def _finest(self, rng: np.random.Generator, has_reference: bool) -> float:
        rows = self.rows[0].cpu().numpy().astype(np.float64)
        u, v = rows[:, : self.dim_x], rows[:, self.dim_x :]
        finest = [finest_variance(u, v, rng)]
        if any(p.y == "diffused" for p in self.problems):
            finest.append(finest_variance(v, u, rng))
        if has_reference and len(self.references[0].correlations):
            finest.append(float(1 - self.references[0].correlations[0] ** 2))
        return min(finest)

    def predict(
        self, problem: int, rows: Tensor, noise: Tensor, log_snr: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Noise predictions of the networks of one problem and of the reference.

        Parameters
        ----------
        problem : int
        rows : integer tensor of shape (M, b)
        noise : tensor of shape (M, b, d + e)
        log_snr : tensor of shape (M, b)
        """
        clean = self.rows[self.fold_of[:, None], rows]
        inputs, reference, scale = self._before(problem, clean, noise, log_snr)
        known = None
        if self._builds_on_another(problem):
            simpler = self.problems.index(MARGINAL)
            with torch.no_grad():
                known = self.network[simpler](self._before(simpler, clean, noise, log_snr)[0])
        return reference + scale * self.network[problem](inputs, known), reference

    def _networks(self) -> list[_Network]:
        return list(self.network)  # pyright: ignore[reportReturnType]

    def _builds_on_another(self, problem: int) -> bool:
        """Whether the networks of a problem start from those of x alone."""
        return self.problems[problem] == CONDITIONAL and MARGINAL in self.problems

    def _before(
        self, problem: int, clean: Tensor, noise: Tensor, log_snr: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What a network sees, the reference's prediction, and the scale of what is added."""
        diffused, clean_ones = self._diffused[problem], self._clean[problem]
        beside_clean, beside_diffused = clean_ones[self._partner], diffused[self._partner]
        signal, spread = (s.unsqueeze(-1) for s in signal_and_noise(log_snr))
        seen = diffused * diffuse(clean, noise, log_snr) + clean_ones * clean
        # How far the partner's signal reaches: not at all, once, or twice through the channel.
        reach = beside_clean * signal + beside_diffused * signal.square()
        lost = beside_clean * spread.square() + beside_diffused * spread.square() * (
            1 + signal.square()
        )
        present = beside_clean + beside_diffused
        # 1 - reach^2 rho^2, without the cancellation at strong dependence.
        left = (1 - present) + present * (self._rest + self._rho.square() * lost)
        partner = seen[..., self._partner]
        scaled = diffused * (seen - reach * self._rho * partner) * left.rsqrt()
        share = spread * left.rsqrt()
        unexplained = (left - spread.square()).clamp(min=0).sqrt() * left.rsqrt()
        d = self.dim_x
        inputs = torch.cat(
            [
                seen,
                scaled,
                torch.tanh(seen.abs()),
                radius(seen[..., :d]),
                radius(seen[..., d:]),
                waves(log_snr),
            ],
            dim=-1,
        )
        return inputs, scaled * share, diffused * (unexplained * share)

    def gains(self, problem: int, rows: Tensor, noise: Tensor, u: Tensor) -> Tensor:
        """What the networks take off the reference's weighted loss, (M, b): higher is better."""
        log_snr, weight = self.channel.sample(u)
        network, reference = self.predict(problem, rows, noise, log_snr)
        noise = self._diffused[problem] * noise
        return denoising_gap(noise, reference, network, weight)

    def fit(self, plan: Plan, rng: np.random.Generator) -> History:
        """Train one problem after the other; each member keeps its best weights by its gain."""
        selection = self._stacked("validation")
        n_draws = max(2, 4096 // selection.shape[1])
        drawn = selection.repeat(1, n_draws)
        shape = (len(self.folds), drawn.shape[1], self.rows.shape[-1])
        noise = torch.randn(shape, **self._single)
        lattice = (torch.arange(n_draws, **self._single) + 0.5) / n_draws
        start = torch.rand(len(self.folds), selection.shape[1], **self._single)
        u = ((start[:, None] + lattice[:, None]) % 1).flatten(1)
        fold_of = self.fold_of
        rows = [f.train for f in self.folds for _ in range(self.n_ensemble)]
        histories: list[History] = []
        began = time.perf_counter()
        at_first = copy.deepcopy(self.network.state_dict())
        for problem, network in enumerate(self._networks()):

            def validation_loss(problem: int = problem) -> Tensor:
                return -self._chunked(problem, drawn, noise[fold_of], u[fold_of]).mean(1)

            def loss(rows: Tensor, problem: int = problem) -> Tensor:
                rows = rows.to(self.device)
                b = rows.shape[1]
                order = torch.rand(rows.shape, **self._single).argsort(1)
                u = (order + torch.rand(rows.shape, **self._single)) / b
                noise = torch.randn(*rows.shape, self.rows.shape[-1], **self._single)
                return -self.gains(problem, rows, noise, u).mean(1)

            if self._is_new and self._builds_on_another(problem):
                network.start_from_the_better(validation_loss)
            own = replace(plan, label=f"{plan.label}, {problem + 1} of {len(self.problems)}")
            if plan.max_seconds is not None:
                left = plan.max_seconds - (time.perf_counter() - began)
                share = left / (len(self.problems) - problem)
                own = replace(own, max_seconds=max(share, 1e-3))
            histories.append(train(network, loss, validation_loss, rows, own, rng))
            if histories[-1].stopped == "interrupted":
                # One side of the difference must not be trained without the other.
                if problem + 1 < len(self.problems) or JOINT in self.problems:
                    self.network.load_state_dict(at_first)
                    histories[-1].is_set_back = True
                break
        else:
            self._is_new = False
        return joined(histories)

    def _stacked(self, which: str) -> Tensor:
        rows = [getattr(f, which) for f in self.folds]
        longest = max(len(r) for r in rows)
        filled = np.stack([np.resize(r, longest) for r in rows])
        return torch.as_tensor(filled, device=self.device)[self.fold_of]

    def _chunked(self, problem: int, rows: Tensor, noise: Tensor, u: Tensor) -> Tensor:
        size = max(1, LARGEST_CHUNK // len(rows))
        parts = zip(rows.split(size, 1), noise.split(size, 1), u.split(size, 1), strict=True)
        return torch.cat([self.gains(problem, *part) for part in parts], dim=1)

    @torch.no_grad()
    def held_out(
        self, rows: Tensor, n_draws: int, noises: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """Row means of the three forms' gains over draws: (3, n_folds, E + 1, b).

        Parameters
        ----------
        rows : integer tensor of shape (n_folds, b)
        n_draws : int
            Log-SNRs a row, stratified, with fresh noise; the networks share both.
        noises : (tensor of shape (b,), tensor of shape (b, n_draws, d + e)), optional
            Where the log-SNRs of each row start, and its noise.
        """
        n_folds, b = rows.shape
        total = torch.zeros(3, n_folds, self.n_ensemble + 1, b, dtype=torch.float64)
        shape = (n_folds, b, self.rows.shape[-1])
        start = torch.rand(n_folds, b, **self._single) if noises is None else noises[0]
        size = max(1, LARGEST_CHUNK // len(self.fold_of))
        for draw in range(n_draws):
            u = ((start + draw / n_draws) % 1).expand(n_folds, b)
            if noises is None:
                noise = torch.randn(shape, **self._single)
            else:
                noise = noises[1][:, draw].expand(shape)
            for some in torch.arange(b, device=self.device).split(size):
                total[..., some.cpu()] += self._forms(rows[:, some], noise[:, some], u[:, some])
        return total / n_draws

    def _forms(self, rows: Tensor, noise: Tensor, u: Tensor) -> Tensor:
        log_snr, weight = self.channel.sample(u)
        fold = self.fold_of
        told = [
            self.predict(problem, rows[fold], noise[fold], log_snr[fold])
            for problem in range(len(self.problems))
        ]
        shape = (len(rows), self.n_ensemble)
        network, reference = (
            torch.stack(parts, dim=1).unflatten(0, shape) for parts in zip(*told, strict=True)
        )
        network = torch.cat([network, network.mean(1, keepdim=True)], dim=1)
        reference = reference[:, :1].expand_as(network)
        spread = signal_and_noise(log_snr)[1][:, None, :, None]
        clean = self.rows[torch.arange(len(rows), device=self.device)[:, None], rows]
        standard = spread * diffuse(clean, noise, log_snr)[:, None]
        noise, weight = noise[:, None], weight[:, None]
        forms = []
        for predictions in (network, reference):
            less, more = self._two(predictions)
            kept = self._diffused.amax(0)
            forms.append(
                torch.stack(
                    [
                        denoising_gap(noise * kept, less, more, weight),
                        score_gap(less, more, weight),
                        reference_gap(less, more, standard * kept, weight),
                    ]
                )
            )
        return (forms[0] - forms[1]).double().cpu()

    def _two(self, predictions: Tensor) -> tuple[Tensor, Tensor]:
        """The predictor that knows less and the one that knows more, of the same columns."""
        if len(self.problems) == 2:
            return predictions[:, :, 0], predictions[:, :, 1]
        return predictions[:, :, 0], predictions[:, :, 1] + predictions[:, :, 2]
