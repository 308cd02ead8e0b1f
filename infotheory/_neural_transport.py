"""Plans learnt by networks: what their estimators share, whatever is trained."""

from __future__ import annotations

import math
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from infotheory._base import TransportEstimator
from infotheory._bridges import check_target, check_times, default_epsilon, pinned_path
from infotheory._interrupts import all_or_nothing
from infotheory._neural import TRAINING, import_torch
from infotheory._plan_coordinates import PlanCoordinates
from infotheory._resampling import local_random_state
from infotheory._transport_samples import check_extent
from infotheory.functional import bw2_uvp

_FEWEST_ROWS = 10
_FEW_ROWS = 500
_N_PATHS = 16  # for a normaliser
_NUMBERS_AT_ONCE = 2**20
_CHECKED = 1000  # rows whose ends are compared with the target
_MISSED = 5.0  # percent of the target's variance that a note tells of


class NeuralTransport(TransportEstimator):
    """Networks on top of a normal plan: subclasses say what is trained."""

    _parameter_constraints: dict = {
        "epsilon": [Interval(Real, 0, None, closed="neither"), None],
        "reference": [StrOptions({"gaussian"}), None],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        **TRAINING,
    }

    unit_ = "squared column units"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags

    @all_or_nothing
    def fit(self, X: Any, y: Any) -> NeuralTransport:
        """Learn the plan between the laws of two samples.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Sample of the source.
        y : array-like of shape (m, d)
            Sample of the target; rows need not pair with those of X.

        Returns
        -------
        NeuralTransport
            The fitted estimator.

        Raises
        ------
        ValueError
            If an argument is out of its rule, or a sample has fewer than 10 rows.
        ImportError
            Without torch.
        RuntimeError
            If the loss becomes infinite or missing.
        """
        import_torch(type(self).__name__)
        source, target = self._check_source_and_target(X, y)
        check_extent(source, target)
        for name, table in (("X", source), ("y", target)):
            if len(table) < _FEWEST_ROWS:
                raise ValueError(
                    f"{name} must have at least {_FEWEST_ROWS} rows for networks to learn from, "
                    f"got {len(table)} sample(s). Pass more rows, or take Sinkhorn."
                )
        from infotheory._networks import layer_sizes
        from infotheory._training import choose_device, local_seed

        layers, device = layer_sizes(self.hidden_layer_sizes), choose_device(self.device)
        notes = []
        fewest = min(len(source), len(target))
        if fewest < _FEW_ROWS:
            notes.append(
                f"Networks want many rows: with {fewest} of one sample they may learn these rows "
                f"by heart. Sinkhorn uses the rows as they are."
            )
        self.epsilon_ = (
            default_epsilon(source, target, notes) if self.epsilon is None else float(self.epsilon)
        )
        rng = local_random_state(self.random_state)
        self._coordinates = PlanCoordinates(source, target, self.epsilon_, self.reference)
        self._seed = int(rng.randint(2**31 - 1))
        with local_seed(int(rng.randint(2**31 - 1))):
            self._plan = self._new_plan(layers).to(device).float()
            x = self._plan.tensor(self._coordinates.of_source(source))
            history = self._train(x, self._plan.tensor(self._coordinates.of_target(target)))
        self.loss_curve_, self.n_iter_ = history.loss_curve, history.n_iter
        notes += [*history.notes(), *self._on_ends(source, target, rng)]
        self.notes_ = tuple(notes)
        return self

    def _new_plan(self, layers: tuple[int, ...]) -> Any:
        """The networks before training, in any precision."""
        raise NotImplementedError

    def _train(self, x: Any, y: Any) -> Any:
        """Train the plan; returns its history."""
        raise NotImplementedError

    def _words(self) -> Any:
        from infotheory._training import Plan

        return Plan(
            max_iter=self.max_iter,
            batch_size=self.batch_size,
            learning_rate_init=self.learning_rate_init,
            max_norm=10.0,
            ema=0.998,
            check_every=max(1, min(50, self.max_iter // 4)),
            max_seconds=self.max_seconds,
            verbose=int(self.verbose),
            label=type(self).__name__,
            device=self.device,
        )

    def _on_ends(
        self, source: np.ndarray, target: np.ndarray, rng: np.random.RandomState
    ) -> list[str]:
        """The cost of the plan, and what to say where the ends of fitted rows miss the target."""
        rows = source[rng.permutation(len(source))[:_CHECKED]]
        ends = self._ends(rows, 1, int(rng.randint(2**31 - 1)))[:, 0]
        self.cost_ = float(np.mean(np.sum((rows - ends) ** 2, axis=1))) / 2
        covariance = np.atleast_2d(np.cov(target, rowvar=False))
        if not np.trace(covariance) > 0:
            return []
        missed = float(bw2_uvp(ends, target.mean(axis=0), covariance))
        # What as many exact draws miss by chance.
        by_chance = 100 * target.shape[1] / len(rows)
        if not missed > _MISSED + 3 * by_chance:
            return []
        return [
            f"The ends of fitted rows miss mean and covariance of the target by {missed:.3g} % of "
            f"its variance (bw2_uvp): the plan has not been learnt. Raise max_iter, lower "
            f"learning_rate_init, or raise epsilon."
        ]

    def _ends(self, rows: np.ndarray, n_draws: int, seed: int) -> np.ndarray:
        """Draws of y for each row, (l, n_draws, d)."""
        import torch

        from infotheory._training import local_seed

        plan, found = self._plan, []
        with local_seed(seed), torch.no_grad():
            for block in self._blocks(rows, n_draws):
                start = plan.tensor(block)[:, None].expand(-1, n_draws, -1)
                found.append(plan.ends(start).double().cpu().numpy())
        return self._coordinates.target_from(np.concatenate(found))

    def _blocks(self, rows: np.ndarray, n_draws: int) -> list[np.ndarray]:
        """Rows in coordinates, as many at once as memory is given to."""
        at_once = max(1, _NUMBERS_AT_ONCE // self._width(n_draws))
        return np.array_split(self._coordinates.of_source(rows), math.ceil(len(rows) / at_once))

    def _width(self, n_draws: int) -> int:
        """Numbers that one row takes at once."""
        return n_draws * self._coordinates.dim

    def sample(self, X: Any, random_state: Any = None) -> np.ndarray:
        """Draw one y for each row, from the learnt law of y given x.

        Parameters
        ----------
        X : array-like of shape (l, d)
            New rows of the source.
        random_state : int, RandomState, Generator or None

        Returns
        -------
        ndarray of shape (l, d)
        """
        rows, rng = self._check_rows(X), local_random_state(random_state)
        return self._ends(rows, 1, int(rng.randint(2**31 - 1)))[:, 0]

    def transform(self, X: Any) -> np.ndarray:
        """The mean of y given each row, by a weighted mean of simulated ends.

        Parameters
        ----------
        X : array-like of shape (l, d)
            New rows of the source.

        Returns
        -------
        ndarray of shape (l, d)
            A map of each row alone, and the same at every call: the fit has chosen the random
            numbers.
        """
        import torch

        from infotheory._training import local_seed

        rows, found = self._check_rows(X), []
        plan = self._plan.precise()
        with torch.no_grad():
            for block in self._blocks(rows, 1):
                with local_seed(self._seed):
                    found.append(plan.mean(plan.tensor(block)).cpu().numpy())
        return self._coordinates.target_from(np.concatenate(found))

    def sample_path(self, X: Any, times: Any, random_state: Any = None) -> np.ndarray:
        """Draw the Schrödinger bridge from each row at growing times.

        Parameters
        ----------
        X : array-like of shape (l, d)
        times : array-like of shape (t,)
            Growing, from 0, where the path is at X, to 1, where it is at a draw of y.
        random_state : int, RandomState, Generator or None

        Returns
        -------
        ndarray of shape (t, l, d)
            Joint over times: the places that the model draws, joined by Brownian bridges.
        """
        import torch

        from infotheory._training import local_seed

        rows, at = self._check_rows(X), check_times(times)
        rng = local_random_state(random_state)
        with local_seed(int(rng.randint(2**31 - 1))), torch.no_grad():
            x = self._plan.tensor(self._coordinates.of_source(rows))
            known, drawn = self._plan.path(x)
        places = [
            self._coordinates.between(place.double().cpu().numpy(), time)
            for time, place in zip(known, drawn, strict=True)
        ]
        places[0] = rows
        path = []
        for k, (start, end) in enumerate(pairwise(known)):
            inside = at[(at >= start) & ((at < end) | (k == len(known) - 2))]
            if inside.size:
                share, variance = (inside - start) / (end - start), self.epsilon_ * (end - start)
                path.append(pinned_path(places[k], places[k + 1], share, variance, rng))
        return np.concatenate(path)

    def score(self, X: Any, y: Any) -> float:
        r"""The weak dual value of the learnt potential at new rows; higher is better.

        Parameters
        ----------
        X : array-like of shape (l, d)
            New rows of the source.
        y : array-like of shape (k, d)
            New rows of the target; they need not pair.

        Returns
        -------
        float
            :math:`E f(y) + E f^C(x)` with :math:`f^C(x) = -\varepsilon \log \int \exp((f(y) -
            \tfrac12 \|x - y\|^2) / \varepsilon)\, dy`, in units of the cost: at most
            :math:`E[\tfrac12 \|x - y\|^2] - \varepsilon h(y | x)` of the best plan, which it
            reaches at the exact potential. With simulated integrals (16 draws a row) the value is
            somewhat too high where the model is poor. Compare models of one epsilon on the same
            rows.
        """
        from infotheory._potential_plan import gain
        from infotheory._training import local_seed

        rows = self._check_rows(X)
        target = check_target(y, rows.shape[1])
        blocks = self._blocks(rows, _N_PATHS)
        with local_seed(self._seed):
            gained = gain(self._plan, blocks, self._coordinates.of_target(target), _N_PATHS)
        return self._coordinates.reference_dual(rows, target) + self.epsilon_ * gained
