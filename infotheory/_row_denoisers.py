"""Denoisers of single rows, one a law, that start from the normal law of each sample.

All laws are seen in the same coordinates and through the same channel, so that the noise
predictions of two of them can be compared at one row.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from infotheory._denoisers import LARGEST_CHUNK
from infotheory._networks import MLP
from infotheory._noise_channel import N_WAVES, channel_for, radius, waves
from infotheory._noise_channel import finest_variance as conditional_variance
from infotheory._resampling import Fold, numbers_of_rows
from infotheory._sample_critics import Coordinates
from infotheory._training import History, Plan, train
from infotheory.functional import denoising_gap, diffuse, score_gap
from infotheory.functional._diffusion_channel import signal_and_noise

# The share of a column in a window, and its half width where a standard normal law is densest.
_SHARE, _HALF_WIDTH = 0.05, 0.0627
_FEWEST_ROWS = 20  # below which no scale but that of the columns is seen
_LARGEST_NOISE = 2**22  # numbers drawn at once for new rows
# Jumps of a density, which single rows can have and conditional means smooth out, need a longer
# range: this much more than the denoisers of pairs.
_EXTRA_DEPTH = np.exp(-2.0)


def finest_variance(u: np.ndarray, rng: np.random.Generator) -> float:
    """The smallest variance of a column in its densest parts, or given the other columns."""
    if len(u) < _FEWEST_ROWS:
        return 1.0
    found = []
    for j in range(u.shape[1]):
        column = np.sort(u[:, j])
        width = max(1, int(_SHARE * len(column)))
        narrow = np.quantile(column[width:] - column[:-width], 0.25) / (2 * _HALF_WIDTH)
        found += [narrow**2, conditional_variance(u[:, [j]], np.delete(u, j, axis=1), rng)]
    return max(min(found, default=1.0), 1e-12)


class Standardized:
    """Centre and scale of each column: for folds whose rows are too few to see every direction."""

    def __init__(self, rows: np.ndarray) -> None:
        self._centre, spread = rows.mean(axis=0), rows.std(axis=0)
        self._scale = np.where(spread > 0, spread, 1.0)

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return (X - self._centre) / self._scale


class RowDenoisers:
    """A stack of denoisers: one a fold, repeat and law.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Rows of all laws.
    maps : list of Coordinates or of Standardized
        One a fold, of the same width.
    laws : sequence of lists of Fold
        For each law, its parts of the rows, one a fold.
    moments : list of lists of (mean, covariance)
        For each fold, the normal law that each law starts from, in coordinates.
    n_ensemble : int
    hidden_layer_sizes : sequence of int
    activation : str
    device : torch.device
    rng : numpy.random.Generator
    """

    def __init__(
        self,
        X: np.ndarray,
        maps: Sequence[Coordinates | Standardized],
        laws: Sequence[Sequence[Fold]],
        moments: Sequence[Sequence[tuple[np.ndarray, np.ndarray]]],
        *,
        n_ensemble: int,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        device: torch.device,
        rng: np.random.Generator,
    ) -> None:
        self.maps, self.laws, self.n_ensemble, self.device = maps, laws, n_ensemble, device
        # Whatever the default dtype of the process.
        self._single: dict[str, Any] = {"device": device, "dtype": torch.float32}
        self.n_folds, self.n_laws = len(maps), len(laws)
        self._n_columns = X.shape[1]
        self.rows = self.coordinates(X)
        members = self.n_folds * n_ensemble * self.n_laws
        index = torch.arange(members, device=device)
        self.fold_of = index // (n_ensemble * self.n_laws)
        self._law_of = index % self.n_laws
        chosen = [
            moments[int(f)][int(law)] for f, law in zip(self.fold_of, self._law_of, strict=True)
        ]
        spectra = [np.linalg.eigh(covariance) for _, covariance in chosen]
        self._centre = self._tensor(np.stack([mean for mean, _ in chosen]))[:, None]
        self._variances = self._tensor(np.stack([s.eigenvalues for s in spectra]))[:, None]
        self._axes = self._tensor(np.stack([s.eigenvectors for s in spectra]))
        dim = self.rows.shape[-1]
        self.network = MLP(
            (3 * dim + 1 + N_WAVES, *hidden_layer_sizes, dim),
            members=(members,),
            activation=activation,
            zero_output=True,
        ).to(device, torch.float32)
        seen = self.rows[0].cpu().numpy().astype(np.float64)
        finest = [finest_variance(seen[folds[0].train], rng) for folds in laws]
        finest += [float(s.eigenvalues[0]) for s in spectra]
        self._finest = min(*finest, 1.0)
        self.channel = channel_for(self._finest * _EXTRA_DEPTH)

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self.device)

    def coordinates(self, X: np.ndarray) -> Tensor:
        """Rows under every fold's map: (n_folds, n, d)."""
        return self._tensor(np.stack([to(X) for to in self.maps]))

    def on(self, X: np.ndarray) -> RowDenoisers:
        """The same denoisers on other rows."""
        other = copy.copy(self)
        other.rows = self.coordinates(X)
        return other

    def release(self) -> None:
        """Forget the rows: what is left is small, and enough for new ones."""
        self.rows, self.laws = torch.empty(0), []

    def predict(self, z: Tensor, log_snr: Tensor) -> tuple[Tensor, Tensor]:
        """Noise predictions of networks and references at rows (M, b, d) after the channel."""
        signal, spread = (s.unsqueeze(-1) for s in signal_and_noise(log_snr))
        variances = signal.square() * self._variances + spread.square()
        along = ((z - signal * self._centre) @ self._axes) * variances.rsqrt()
        scaled = along @ self._axes.mT
        reference = (spread * variances.rsqrt() * along) @ self._axes.mT
        told = self.network(
            torch.cat([z, scaled, torch.tanh(z.abs()), radius(scaled), waves(log_snr)], dim=-1)
        )
        # What there is to correct: little where all is noise, all of it where the noise is as fine
        # as the structure, and as a multiple of the gradient of the log density beyond.
        least = signal.square() * self._finest * self._variances + spread.square()
        share = spread * signal * (self._variances / (variances * least)).sqrt()
        return reference + (share * (told @ self._axes)) @ self._axes.mT, reference

    def gains(self, rows: Tensor, noise: Tensor, u: Tensor) -> Tensor:
        """What each network takes off its reference's weighted loss, (M, b)."""
        log_snr, weight = self.channel.sample(u)
        clean = self.rows[self.fold_of[:, None], rows]
        network, reference = self.predict(diffuse(clean, noise, log_snr), log_snr)
        return denoising_gap(noise, reference, network, weight)

    def fit(self, plan: Plan, rng: np.random.Generator) -> History:
        """Train all members on the rows of their law; each keeps its best weights."""
        selection = self._own("validation")
        n_draws = max(2, 4096 // selection.shape[1])
        drawn = selection.repeat(1, n_draws)
        dim = self.rows.shape[-1]
        shape = (self.n_folds * self.n_ensemble * self.n_laws, drawn.shape[1])
        # The repeats of a fold are compared on the same noise.
        noise = torch.randn(shape[1], dim, **self._single).expand(*shape, dim)
        lattice = (torch.arange(n_draws, **self._single) + 0.5) / n_draws
        start = torch.rand(selection.shape[1], **self._single)
        u = ((start + lattice[:, None]) % 1).flatten().expand(shape)
        size = max(1, LARGEST_CHUNK // shape[0])

        def validation_loss() -> Tensor:
            parts = zip(drawn.split(size, 1), noise.split(size, 1), u.split(size, 1), strict=True)
            return -torch.cat([self.gains(*part) for part in parts], dim=1).mean(1)

        def loss(rows: Tensor) -> Tensor:
            rows = rows.to(self.device)
            order = torch.rand(rows.shape, **self._single).argsort(1)
            u = (order + torch.rand(rows.shape, **self._single)) / rows.shape[1]
            return -self.gains(rows, torch.randn(*rows.shape, dim, **self._single), u).mean(1)

        rows = [
            self.laws[int(law)][int(f)].train
            for f, law in zip(self.fold_of, self._law_of, strict=True)
        ]
        return train(self.network, loss, validation_loss, rows, plan, rng)

    def _own(self, which: str) -> Tensor:
        """Rows of the law of each member, the short ones repeated: (M, b)."""
        rows = [
            getattr(self.laws[int(law)][int(f)], which)
            for f, law in zip(self.fold_of, self._law_of, strict=True)
        ]
        longest = max(len(r) for r in rows)
        return torch.as_tensor(np.stack([np.resize(r, longest) for r in rows]), device=self.device)

    def gains_of_folds(self, law: int, n_draws: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """What :meth:`held_out` says of each fold's test rows of one law."""
        rows = [f.test for f in self.laws[law]]
        longest = max(len(r) for r in rows)
        filled = torch.as_tensor(np.stack([np.resize(r, longest) for r in rows]))
        gains, inside = self.held_out(filled.to(self.device), n_draws)
        return [
            (gains[k, ..., : len(r)].numpy(), inside[k, :, : len(r)].numpy())
            for k, r in enumerate(rows)
        ]

    @torch.no_grad()
    def held_out(
        self, rows: Tensor, n_draws: int, noises: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Row means over draws: gains of each law (n_folds, E + 1, n_laws, b), and the form inside.

        The last repeat is the mean of the others' predictions. The form inside, less that of the
        references, (n_folds, E + 1, b), is of the first law against its reference, or of both
        laws against each other.

        Parameters
        ----------
        rows : integer tensor of shape (n_folds, b)
        n_draws : int
            Log-SNRs a row, stratified, with fresh noise; all networks share both.
        noises : (tensor of shape (b,), tensor of shape (b, n_draws, d)), optional
            Where the log-SNRs of each row start, and its noise.
        """
        n_folds, b = rows.shape
        gains = torch.zeros(n_folds, self.n_ensemble + 1, self.n_laws, b, dtype=torch.float64)
        inside = torch.zeros(n_folds, self.n_ensemble + 1, b, dtype=torch.float64)
        dim = self.rows.shape[-1]
        start = torch.rand(n_folds, b, **self._single) if noises is None else noises[0]
        size = max(1, LARGEST_CHUNK // len(self.fold_of))
        fold = self.fold_of
        for draw in range(n_draws):
            u = ((start + draw / n_draws) % 1).expand(n_folds, b)
            if noises is None:
                noise = torch.randn(n_folds, b, dim, **self._single)
            else:
                noise = noises[1][:, draw].expand(n_folds, b, dim)
            for some in torch.arange(b, device=self.device).split(size):
                log_snr, weight = self.channel.sample(u[:, some])
                clean = self.rows[torch.arange(n_folds)[:, None], rows[:, some]]
                z = diffuse(clean, noise[:, some], log_snr)
                network, reference = (
                    p.unflatten(0, (n_folds, self.n_ensemble, self.n_laws))
                    for p in self.predict(z[fold], log_snr[fold])
                )
                network = torch.cat([network, network.mean(1, keepdim=True)], dim=1)
                reference = reference[:, :1]
                part = denoising_gap(
                    noise[:, None, None, some], reference, network, weight[:, None, None]
                )
                gains[..., some.cpu()] += part.double().cpu()
                other = reference[:, :, 0] if self.n_laws == 1 else network[:, :, 1]
                apart = score_gap(network[:, :, 0], other, weight[:, None])
                if self.n_laws == 2:
                    apart = apart - score_gap(
                        reference[:, :, 0], reference[:, :, 1], weight[:, None]
                    )
                inside[..., some.cpu()] += apart.double().cpu()
        return gains / n_draws, inside / n_draws

    def gains_of_new_rows(self, X: np.ndarray, n_draws: int) -> np.ndarray:
        """Gains of the mean predictions at new rows: (n_folds, n_laws, n).

        The noise is a function of the row and the arithmetic double, so that a row's value does
        not depend on the others.
        """
        here = copy.copy(self)
        here.network = copy.deepcopy(self.network).double()
        here._centre, here._variances, here._axes = (
            t.double() for t in (self._centre, self._variances, self._axes)
        )
        dim = self._axes.shape[-1]
        size = max(1, _LARGEST_NOISE // (n_draws * dim))
        told = []
        for first in range(0, len(X), size):
            some = X[first : first + size]
            tables = np.stack([to(some) for to in self.maps])
            here.rows = torch.as_tensor(tables, dtype=torch.float64, device=self.device)
            draws = numbers_of_rows(some, n_draws * dim + 1)
            numbers = torch.as_tensor(draws, device=self.device)
            # The first of the normal numbers as a uniform one.
            start = torch.special.ndtr(numbers[:, 0])
            noise = numbers[:, 1:].unflatten(1, (n_draws, dim))
            rows = torch.arange(len(some), device=self.device).expand(self.n_folds, -1)
            gains, _ = here.held_out(rows, n_draws, (start, noise))
            told.append(gains[:, -1].numpy())
        return np.concatenate(told, axis=-1)

    @torch.no_grad()
    def scores(self, log_snr: float) -> np.ndarray:
        """Gradient of the log density of the first law, smoothed: (n_folds, n, d), by columns.

        The law is that of rows plus noise of variance e^-log_snr in coordinates; the mean over
        repeats. Only for maps that are linear.
        """
        shape = (len(self.fold_of), self.rows.shape[1])
        at = torch.full(shape, float(log_snr), **self._single)
        signal, spread = (float(s) for s in signal_and_noise(at[0, 0]))
        network, _ = self.predict(signal * self.rows[self.fold_of], at)
        by_law = network.unflatten(0, (self.n_folds, self.n_ensemble, self.n_laws))[:, :, 0]
        along = -by_law.mean(1).double().cpu().numpy() * (signal / spread)
        d = self._n_columns
        slopes = [to(np.eye(d)) - to(np.zeros((1, d))) for to in self.maps]
        return np.stack([g @ slope.T for g, slope in zip(along, slopes, strict=True)])
