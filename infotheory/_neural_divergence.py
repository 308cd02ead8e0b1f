"""What neural divergences of two samples share: parameters, folds of each sample, notes."""

from __future__ import annotations

from typing import Any

import numpy as np

from infotheory._base import DivergenceEstimator
from infotheory._neural import NeuralMutualInformation, import_torch
from infotheory._resampling import Fold, cross_fit_folds, local_random_state

_FEW_ROWS = 500


class NeuralDivergence(DivergenceEstimator):
    """Cross-fitted networks on two samples: subclasses say what is trained and reported."""

    _parameter_constraints: dict = {
        name: rule
        for name, rule in NeuralMutualInformation._parameter_constraints.items()
        if name != "warm_start"
    }
    _plan = NeuralMutualInformation._plan
    _layers = NeuralMutualInformation._layers

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags

    def _begin(
        self, X: Any, y: Any
    ) -> tuple[np.ndarray, list[list[Fold]], np.random.Generator, list[str]]:
        """Checked rows, the folds of the rows of P and of Q, random numbers, first notes."""
        import_torch(type(self).__name__)
        x, in_q = self._check_two_samples(X, y)
        rng = np.random.default_rng(local_random_state(self.random_state).randint(2**31 - 1))
        samples = [np.flatnonzero(~in_q), np.flatnonzero(in_q)]
        laws = [
            self._folds_of(rows, label, rng)
            for rows, label in zip(samples, self.classes_, strict=True)
        ]
        notes, smallest = [], min(len(rows) for rows in samples)
        if smallest < _FEW_ROWS:
            notes.append(
                f"Networks want many rows: with {smallest} rows of a sample nearest neighbours "
                f"(NeighborsDivergence) are as a rule better."
            )
        return x.values, laws, rng, notes

    def _folds_of(self, rows: np.ndarray, label: Any, rng: np.random.Generator) -> list[Fold]:
        if len(rows) < 2 * self.n_folds:
            raise ValueError(
                f"n_samples = {len(rows)} rows of class {label} of y with n_features = "
                f"{self.n_features_in_} are too few for n_folds={self.n_folds}: at least "
                f"{2 * self.n_folds} are needed, two a fold. Lower n_folds or pass more rows."
            )
        folds = cross_fit_folds(len(rows), self.n_folds, self.validation_fraction, rng)
        if min(len(f.train) for f in folds) < 1:
            raise ValueError(
                f"n_samples = {len(rows)} rows of class {label} of y leave none to train on "
                f"with n_folds={self.n_folds} and validation_fraction={self.validation_fraction}. "
                f"Lower validation_fraction, or pass more rows."
            )
        return [Fold(*(rows[part] for part in (f.train, f.validation, f.test))) for f in folds]

    def _end(self, history: Any, notes: list[str]) -> None:
        self.loss_curve_ = history.loss_curve
        self.validation_scores_ = [-float(np.mean(v)) for v in history.validation]
        self.n_iter_ = history.n_iter
        self.notes_ = (*notes, *history.notes())
