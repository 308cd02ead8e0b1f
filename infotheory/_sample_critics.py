"""Critics of single rows that tell two samples apart, on every fold at once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from infotheory._features import features_of_samples
from infotheory._lipschitz import excess, largest_slope
from infotheory._networks import MLP
from infotheory._reference import Margins
from infotheory._resampling import Fold
from infotheory._training import History, Plan, _Batches, train
from infotheory.functional import gaussian_log_density

# Directions below this share of the largest variance are noise of the arithmetic.
_SMALLEST_VARIANCE = 1e-10
_LARGEST_CHUNK = 2**18

Objective = Callable[[Tensor, Tensor], Tensor]


class TwoFolds(NamedTuple):
    """Parts of the sample P and of the sample Q, as rows of the stacked table."""

    p: Fold
    q: Fold


class Coordinates:
    """Uncorrelated coordinates of the pooled rows, and the log ratio of two normal laws there.

    Parameters
    ----------
    P, Q : ndarray of shape (n, d), (m, d)
        Training rows.
    kind : {"raw", "ranks"}
        Margins of the pooled rows.
    """

    def __init__(self, P: np.ndarray, Q: np.ndarray, kind: str) -> None:
        self._margins = Margins(np.vstack([P, Q]), kind)
        pooled = self._margins(np.vstack([P, Q]))
        self._centre = pooled.mean(axis=0)
        variance, axes = np.linalg.eigh(np.atleast_2d(np.cov(pooled, rowvar=False)))
        kept = variance > _SMALLEST_VARIANCE * max(variance[-1], np.finfo(float).tiny)
        self._map = axes[:, kept] / np.sqrt(variance[kept])
        if kept.all():
            # The rotation nearest to the columns: what is not normal is often in single columns.
            self._map = self._map @ axes.T
        self._moments = []
        for rows in (self(P), self(Q)):
            centre = rows.mean(axis=0)
            spread = (rows - centre).T @ (rows - centre) / max(len(rows) - 1, 1)
            self._moments.append((centre, spread))

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return (self._margins(X) - self._centre) @ self._map

    @property
    def has_ratio(self) -> bool:
        """Whether both normal laws have a density."""
        return self._map.shape[1] > 0 and all(
            np.linalg.eigvalsh(c)[0] > _SMALLEST_VARIANCE for _, c in self._moments
        )

    def log_ratio(self, u: np.ndarray) -> np.ndarray:
        """Log density ratio of the normal laws of P and of Q at coordinates."""
        at_p, at_q = (np.asarray(gaussian_log_density(u, *m)) for m in self._moments)
        return at_p - at_q


class SampleCritics:
    """A stack of critics: one a fold and seed, averaged over the maps of a group.

    Parameters
    ----------
    orbit : ndarray of shape (g, n, d)
        The stacked samples under each map, the identity first.
    folds : list of TwoFolds
    objective : callable
        Critic values of P (..., n) and of Q (..., m) -> what is maximised, and selected by, (...).
    n_ensemble : int
        Critics a fold; their mean is the fold's critic.
    lipschitz : float or None
        Largest slope allowed, in which case the critics see the columns as they are, up to one
        scale, and nothing of a normal law.
    gradient_penalty : float
    offset : float
        A constant that the critics start from.
    reference : {"gaussian", None}
        Whether critics without a limit start from the log ratio of two normal laws.
    hidden_layer_sizes : sequence of int
    activation : str
    device : torch.device
    """

    def __init__(
        self,
        orbit: np.ndarray,
        folds: Sequence[TwoFolds],
        objective: Objective,
        *,
        n_ensemble: int,
        lipschitz: float | None,
        gradient_penalty: float,
        offset: float,
        reference: str | None,
        hidden_layer_sizes: Sequence[int],
        activation: str,
        device: torch.device,
    ) -> None:
        self.folds, self.n_ensemble, self.device = folds, n_ensemble, device
        self.objective = objective
        self.lipschitz, self._weight, self._offset = lipschitz, gradient_penalty, offset
        self.n_maps = len(orbit)
        members = len(folds) * n_ensemble
        # Beyond its values at the selection rows a critic extrapolates, and a few such rows would
        # decide a mean of exponentials: values are held there.
        self.range: tuple[Tensor, Tensor] | None = None
        self.fold_of = torch.arange(members, device=device) // n_ensemble
        self.has_reference = False
        factors = np.ones(len(folds))
        if lipschitz is None:
            self._maps, self.has_reference = self._choose(orbit, reference)
        else:
            self._scales = [_centre_and_scale(orbit, fold) for fold in folds]
            factors = lipschitz * np.array([scale for _, scale in self._scales])
        self._factors = self._tensor(factors)[self.fold_of]
        self.inputs, self.start = self._seen(orbit)
        self.network = MLP(
            (self.inputs.shape[-1], *hidden_layer_sizes, 1),
            members=(members,),
            activation=activation,
            zero_output=True,
        ).to(device, torch.float32)

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self.device)

    def _choose(self, orbit: np.ndarray, reference: str | None) -> tuple[list[Coordinates], bool]:
        """Margins, and whether normal laws tell the selection rows apart."""
        options = []
        for kind in ("ranks", "raw"):
            maps, told = [], []
            for fold in self.folds:
                p, q = (orbit[:, f.train].reshape(-1, orbit.shape[2]) for f in fold)
                chosen = Coordinates(p, q, kind)
                maps.append(chosen)
                if reference is not None and chosen.has_ratio:
                    at_p, at_q = (self._ratio(chosen, orbit[:, f.validation]) for f in fold)
                    # Objectives take arrays of any library.
                    told.append(float(self.objective(at_p, at_q)))  # pyright: ignore[reportArgumentType]
                else:
                    told.append(-np.inf)
            options.append((float(np.mean(told)), maps))
        told, maps = max(options, key=lambda option: option[0])
        return (maps, True) if told > 0 else (options[0][1], False)

    def _ratio(self, chosen: Coordinates, orbit: np.ndarray) -> np.ndarray:
        return np.mean([chosen.log_ratio(chosen(rows)) for rows in orbit], axis=0)

    def _seen(self, orbit: np.ndarray) -> tuple[Tensor, Tensor]:
        """Inputs (n_folds, n, g, f), and what the critics start from, (n_folds, n)."""
        tables, start = [], np.full((len(self.folds), orbit.shape[1]), self._offset)
        for k in range(len(self.folds)):
            if self.lipschitz is not None:
                centre, scale = self._scales[k]
                tables.append((orbit - centre) / scale)
                continue
            tables.append(np.stack([features_of_samples(self._maps[k](rows)) for rows in orbit]))
            if self.has_reference:
                start[k] = self._ratio(self._maps[k], orbit)
        width = max(t.shape[-1] for t in tables)
        padded = [np.pad(t, ((0, 0), (0, 0), (0, width - t.shape[-1]))) for t in tables]
        inputs = np.moveaxis(np.stack(padded), 1, 2)
        return self._tensor(np.ascontiguousarray(inputs)), self._tensor(start)

    def _points(self, rows: Tensor) -> Tensor:
        """Inputs of rows (M, b) under all maps: (M, b g, f)."""
        return self.inputs[self.fold_of[:, None], rows].flatten(1, 2)

    def at(self, rows: Tensor) -> Tensor:
        """Critic values at rows (M, b)."""
        size = max(1, _LARGEST_CHUNK // (len(rows) * self.n_maps))
        values = torch.cat([self._at(part) for part in rows.split(size, dim=1)], dim=1)
        if self.range is None:
            return values
        low, high = self.range
        return torch.minimum(torch.maximum(values, low), high)

    def _at(self, rows: Tensor) -> Tensor:
        told = self.network(self._points(rows)).squeeze(-1)
        told = told.unflatten(1, (-1, self.n_maps)).mean(dim=-1) * self._factors[:, None]
        return told + self.start[self.fold_of[:, None], rows]

    def fit(self, plan: Plan, rng: np.random.Generator) -> History:
        """Maximise the objective, under the penalty if slopes are limited."""
        others = [f.q.train for f in self.folds for _ in range(self.n_ensemble)]
        batches = _Batches(others, plan.batch_size, rng)

        def loss(rows: Tensor) -> Tensor:
            p, q = rows.to(self.device), batches.next().to(self.device)
            told = self.objective(self._at(p), self._at(q))
            if self.lipschitz is None:
                return -told
            points_p, points_q = self._points(p), self._points(q)
            steep = excess(self.network, points_p, points_q, self.inputs.shape[-1:])
            return self._weight * steep - told / self._factors

        def validation_loss() -> Tensor:
            held_out, _ = self.held_out("validation")
            return -torch.cat([self.objective(p, q) for p, q in held_out])

        rows = [f.p.train for f in self.folds for _ in range(self.n_ensemble)]
        history = train(self.network, loss, validation_loss, rows, plan, rng)
        if self.lipschitz is None:
            p, q = (self._stacked([f[s].validation for f in self.folds]) for s in (0, 1))
            with torch.no_grad():
                low, high = self.at(q).amin(dim=1, keepdim=True), self.at(p).amax(1, keepdim=True)
            self.range = torch.minimum(low, high), torch.maximum(low, high)
        return history

    def held_out(self, which: str) -> tuple[list[tuple[Tensor, Tensor]], np.ndarray]:
        """Each fold's values of its rows of P (E, n) and of Q (E, m), and the largest slopes.

        Where slopes are limited, the critics are divided by the largest one found.
        """
        steepest = torch.ones(len(self.fold_of), device=self.device, dtype=torch.float32)
        sides = []
        with torch.no_grad():
            rows = [self._stacked([getattr(f[s], which) for f in self.folds]) for s in (0, 1)]
            values = [self.at(r) for r in rows]
            if self.lipschitz is not None:
                points = [self._points(r) for r in rows]
                found = largest_slope(self.network, points[0], points[1], self.inputs.shape[-1:])
                steepest = torch.maximum(steepest, found)
                # Constants have no slope: only what is around the mean is divided.
                centre = values[1].mean(dim=1, keepdim=True)
                values = [centre + (v - centre) / steepest[:, None] for v in values]
            sides = [v.double().unflatten(0, (-1, self.n_ensemble)) for v in values]
        told = []
        for k, fold in enumerate(self.folds):
            n, m = (len(getattr(f, which)) for f in fold)
            told.append((sides[0][k][:, :n], sides[1][k][:, :m]))
        return told, steepest.cpu().numpy()

    def _stacked(self, rows: Sequence[np.ndarray]) -> Tensor:
        longest = max(len(r) for r in rows)
        filled = np.stack([np.resize(r, longest) for r in rows])
        return torch.as_tensor(filled, device=self.device)[self.fold_of]

    def on(self, orbit: np.ndarray) -> SampleCritics:
        """The same critics on other rows."""
        other = copy.copy(self)
        other.inputs, other.start = other._seen(orbit)
        return other


def _centre_and_scale(orbit: np.ndarray, fold: TwoFolds) -> tuple[np.ndarray, float]:
    """One scale for all columns, since another for each would be another distance."""
    rows = np.concatenate([fold.p.train, fold.q.train])
    centre = orbit[:, rows].mean(axis=(0, 1))
    return centre, float(np.sqrt(np.mean((orbit[:, rows] - centre) ** 2))) or 1.0
