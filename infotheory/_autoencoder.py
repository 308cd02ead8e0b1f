"""A network that brings rows to few numbers and back: a compressor that is not linear."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from infotheory._resampling import local_random_state

_HIDDEN, _STEPS, _BATCH, _RATE = 64, 2000, 128, 3e-3
_SELECTION = 0.1  # share of the rows that choose among the states of training


class Autoencoder(TransformerMixin, BaseEstimator):
    """Two networks, into `n_components` numbers and back, trained for the squared error.

    Columns are brought to unit variance first, those that are constant left at 0. ``loss_`` is the
    share of the variance that is lost, on rows that no step has seen.
    """

    def __init__(self, n_components: int = 4, *, random_state: Any = None) -> None:
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: Any = None) -> Autoencoder:
        """Train on the rows; `y` is ignored."""
        import torch

        from infotheory._networks import MLP
        from infotheory._training import Plan, local_seed, train

        rng = local_random_state(self.random_state)
        # In units of the largest entry, whose squares neither overflow nor vanish.
        largest = np.abs(X).max(axis=0)
        self._unit = np.where(largest > 0, largest, 1.0)
        in_units = X / self._unit
        spread = in_units.std(axis=0)
        self._centre, self._scale = in_units.mean(axis=0), np.where(spread > 0, spread, 1.0)
        d = X.shape[1]
        with local_seed(int(rng.randint(2**31 - 1))):
            network = torch.nn.Sequential(
                MLP((d, _HIDDEN, self.n_components), members=(1,)),
                MLP((self.n_components, _HIDDEN, d), members=(1,)),
            )
            rows = self._scaled(X)[None]
            order = rng.permutation(len(X))
            held_out = order[: max(1, round(_SELECTION * len(X)))]
            learnt = order[len(held_out) :]
            power = rows[:, held_out].square().mean().clamp(min=1e-12)

            def loss(chosen: Any) -> Any:
                some = rows[:, chosen[0]]
                return (network(some) - some).square().mean(dim=(1, 2))

            def validation_loss() -> Any:
                some = rows[:, held_out]
                return (network(some) - some).square().mean(dim=(1, 2))

            plan = Plan(
                max_iter=_STEPS, batch_size=_BATCH, learning_rate_init=_RATE, label="autoencoder"
            )
            history = train(
                network,
                loss,
                validation_loss,
                [learnt],
                plan,
                np.random.default_rng(rng.randint(2**31 - 1)),
            )
        self._encoder = network[0]
        self.loss_ = float(np.min(history.validation) / float(power))
        self.notes_ = tuple(history.notes())
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """The few numbers of each row."""
        import torch

        with torch.no_grad():
            return self._encoder(self._scaled(X)[None])[0].double().numpy()

    def _scaled(self, X: np.ndarray) -> Any:
        import torch

        return torch.from_numpy((X / self._unit - self._centre) / self._scale).float()
