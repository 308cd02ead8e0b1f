"""Divergence of two samples by denoising, with normal references as control variate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.utils._param_validation import StrOptions

from infotheory._neural_divergence import NeuralDivergence
from infotheory._resampling import Fold
from infotheory.functional import donsker_varadhan, gaussian_kl, log_det_bias

_N_DRAWS, _N_DRAWS_NEW = 48, 128
_WORTH_RANKS = 0.02
# For each kind the samples whose rows are averaged over, with P = 0.
_DIRECTIONS = {"kl": (0,), "reverse-kl": (1,), "jeffreys": (0, 1)}


class DiffusionDivergence(NeuralDivergence):
    r"""Kullback-Leibler divergence from the errors of two denoisers.

    Rows of P are sent through a Gaussian channel at every signal-to-noise ratio; how much better
    a denoiser of P predicts their noise than one of Q, integrated over the log ratio, is the
    divergence. Networks learn only what normal laws fitted to the two samples leave.

    Parameters
    ----------
    kind : {"kl", "reverse-kl", "jeffreys"}
        Jeffreys is the sum of the other two.
    reference : {"gaussian", None}
        Start from two normal laws, on raw or pooled rank margins, whichever tell the selection
        rows better apart; None where they do not.
    hidden_layer_sizes : array-like of int
    activation : {"relu", "silu", "gelu", "tanh"}
    batch_size : int
        Rows of each sample a step.
    learning_rate_init : float
    max_iter : int
        Training steps.
    max_seconds : float, optional
        Time for training; the schedule shrinks to fit, and results then depend on the machine.
    early_stopping : bool
        Stop when the selection rows show no progress. The best weights are kept in any case.
    validation_fraction : float
        Share of the training rows that select.
    n_iter_no_change : int
    tol : float
    n_folds : int
    n_ensemble : int
        Repeats from other random starts: their mean is the model, their spread is in the error.
    device : str
    random_state : int, RandomState or None
    verbose : int

    Attributes
    ----------
    divergence_ : float
        P is ``classes_[0]``, Q is ``classes_[1]``. Nats. May be negative.
    standard_error_ : float
    unit_ : str
        "nats".
    forms_ : dict of str to float
        The divergence by the denoising gap, which is reported, and by half the squared difference
        of the predictions ("inside"), which is of first order in their errors.
    classes_ : ndarray of shape (2,)
    loss_curve_, validation_scores_ : list of float
    n_iter_ : int
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if a parameter is out of its rule, X is not a finite real table, `y` has not
        exactly two classes, or a sample has too few rows for the folds.
    ImportError
        In ``fit``, without torch.
    RuntimeError
        In ``fit``, if the loss becomes infinite or missing: no value is returned.

    Notes
    -----
    Neither a lower nor an upper bound: errors of the denoiser of P at rows of P lower the value,
    those of the denoiser of Q raise it, and it has seen few rows where p / q is large. Where P has
    rows outside the support of Q the divergence is infinite, and the value says how far the range
    of noise reaches. No ceiling, but values above :math:`\ln n` of the smaller sample rest on the
    normal references, which a note says. Complexity: `max_iter` steps on ``2 * n_folds *
    n_ensemble`` networks at once. Sources: Franzese, Bounoua and Michiardi (2024),
    arXiv:2310.09031; Verdu (2010), IEEE Transactions on Information Theory 56, pages 3712-3720.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import DiffusionDivergence, two_samples
    >>> rng = np.random.default_rng(0)
    >>> X, y = two_samples(rng.normal(size=(1000, 1)), rng.normal(1.0, size=(1000, 1)))
    >>> model = DiffusionDivergence(
    ...     hidden_layer_sizes=(8,), max_iter=20, n_folds=2, random_state=0
    ... )
    >>> print(f"{model.fit(X, y).divergence_:.1f}")  # truth 0.5
    0.5
    """

    _parameter_constraints: dict = {
        **NeuralDivergence._parameter_constraints,
        "kind": [StrOptions(set(_DIRECTIONS))],
    }

    def __init__(
        self,
        *,
        kind: str = "kl",
        reference: str | None = "gaussian",
        hidden_layer_sizes: Any = (128, 128, 128),
        activation: str = "silu",
        batch_size: int = 256,
        learning_rate_init: float = 2e-3,
        max_iter: int = 4000,
        max_seconds: float | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.125,
        n_iter_no_change: int = 20,
        tol: float = 1e-4,
        n_folds: int = 5,
        n_ensemble: int = 2,
        device: str = "cpu",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.kind = kind
        self.reference = reference
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.max_seconds = max_seconds
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.n_folds = n_folds
        self.n_ensemble = n_ensemble
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @property
    def unit_(self) -> str:
        """What the value is in, as for every divergence by networks."""
        return "nats"

    # A property where the laws depend on parameters.
    @property
    def _information_laws(self) -> dict[str, str | None]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return {
            "permutation": "sampling",
            "translation": "sampling",
            "scale": "sampling",
            "symmetry": "sampling" if self.kind == "jeffreys" else None,
            "additivity": "sampling",
        }

    def fit(self, X: Any, y: Any) -> DiffusionDivergence:
        """Train the denoisers and evaluate each row with those that did not see it.

        Parameters
        ----------
        X : array-like of shape (n + m, d)
        y : array-like of shape (n + m,)
            Which sample each row came from: two classes.

        Returns
        -------
        DiffusionDivergence
            The fitted estimator.
        """
        values, laws, rng, notes = self._begin(X, y)
        kind, self._has_reference = self._choose_margins(values, laws)
        stack, history = self._train(values, laws, kind, rng)
        self._summary(values, laws, stack, kind, notes)
        self._stack = stack
        self._end(history, notes)
        return self

    def _maps(self, values: np.ndarray, laws: list[list[Fold]], kind: str) -> list[Any]:
        from infotheory._sample_critics import Coordinates

        return [
            Coordinates(values[p.train], values[q.train], kind) for p, q in zip(*laws, strict=True)
        ]

    def _choose_margins(self, values: np.ndarray, laws: list[list[Fold]]) -> tuple[str, bool]:
        """Margins, and whether normal laws tell the selection rows apart."""
        if self.reference is None:
            return "raw", False
        told = {}
        for kind in ("raw", "ranks"):
            maps = self._maps(values, laws, kind)
            if not all(to.has_ratio for to in maps):
                continue
            bounds = []
            for to, *folds in zip(maps, *laws, strict=True):
                at_p, at_q = (to.log_ratio(to(values[f.validation])) for f in folds)
                forward = donsker_varadhan(at_p, at_q)
                backward = donsker_varadhan(-at_q, -at_p)
                bounds.append(float(forward) + float(backward))
            told[kind] = float(np.mean(bounds))
        widths = {to(values[:1]).shape[1] for to in maps}
        if len(widths) > 1:
            return "raw", False
        # Ranks of the pooled rows make neither law normal: only for what raw margins cannot bear.
        worth = _WORTH_RANKS * values.shape[1]
        raw, ranks = told.get("raw", 0.0), told.get("ranks", 0.0) - worth
        if max(raw, ranks) <= 0:
            return "raw", False
        return ("raw", True) if raw >= ranks else ("ranks", True)

    def _train(
        self, values: np.ndarray, laws: list[list[Fold]], kind: str, rng: np.random.Generator
    ) -> tuple[Any, Any]:
        from infotheory._row_denoisers import RowDenoisers, Standardized
        from infotheory._training import choose_device, local_seed

        maps = self._maps(values, laws, kind)
        moments = [to._moments for to in maps]
        if not self._has_reference:
            widths = {to(values[:1]).shape[1] for to in maps}
            if len(widths) > 1 or 0 in widths:
                both = zip(*laws, strict=True)
                maps = [Standardized(values[np.r_[p.train, q.train]]) for p, q in both]
            dim = maps[0](values[:1]).shape[1]
            moments = [[(np.zeros(dim), np.eye(dim))] * 2] * len(maps)
        with local_seed(int(rng.integers(2**31))):
            stack = RowDenoisers(
                values,
                maps,
                laws,
                moments,
                n_ensemble=self.n_ensemble,
                hidden_layer_sizes=self._layers(),
                activation=self.activation,
                device=choose_device(self.device),
                rng=rng,
            )
            history = stack.fit(self._plan(type(self).__name__, ema=0.995), rng)
            stack.found = [
                stack.gains_of_folds(law, _N_DRAWS) if law in _DIRECTIONS[self.kind] else []
                for law in (0, 1)
            ]
        stack.release()
        return stack, history

    def _summary(
        self,
        values: np.ndarray,
        laws: list[list[Fold]],
        stack: Any,
        kind: str,
        notes: list[str],
    ) -> None:
        n = len(values)
        # Every row is a test row once.
        samples = [np.sort(np.concatenate([f.test for f in folds])) for folds in laws]
        influence = np.zeros(n)
        value = inside = 0.0
        parts = _in_common_coordinates(values, samples, kind) if self._has_reference else None
        seeds = np.zeros((len(laws[0]), self.n_ensemble))
        for law in _DIRECTIONS[self.kind]:
            own, size = samples[law], len(samples[law])
            added = np.zeros(n)
            if parts is not None:
                normal, at_own, at_other = _normal_part(parts[law], parts[1 - law])
                value, inside = value + normal, inside + normal
                influence[own] += at_own
                influence[samples[1 - law]] += at_other
            for k, (fold, (gain, apart)) in enumerate(
                zip(laws[law], stack.found[law], strict=True)
            ):
                told = gain[:, law] - gain[:, 1 - law]
                added[fold.test] = told[-1]
                inside += float(apart[-1].sum()) / size
                seeds[k] += told[:-1].mean(axis=1) * len(fold.test) / size
            value += float(added[own].mean())
            influence[own] += added[own] - added[own].mean()
        stack.found = []
        self.divergence_ = value
        self.forms_ = {"gap": value, "inside": inside}
        variance = sum(float(np.var(influence[rows], ddof=1)) / len(rows) for rows in samples)
        if self.n_ensemble > 1:
            variance += float(np.sum(np.var(seeds, axis=1, ddof=1))) / self.n_ensemble
        self.standard_error_ = math.sqrt(variance)
        if abs(value - inside) > max(0.1, 0.1 * abs(value)):
            notes.append(
                f"The forms disagree by {abs(value - inside):.2g} nats (gap {value:.3g}, inside "
                f"{inside:.3g}): the networks have not converged, or the samples hardly overlap. "
                f"More rows, a larger max_iter or wider layers help."
            )
        limit = math.log(min(len(rows) for rows in samples))
        if value > limit:
            notes.append(f"Values above ln n = {limit:.3g} nats rest on the normal references.")

    def score_samples(self, X: Any) -> np.ndarray:
        """Log ratio p(x) / q(x) at new rows: the mean over the networks of all folds.

        Parameters
        ----------
        X : array-like of shape (l, d)

        Returns
        -------
        ndarray of shape (l,)
            Nats; the same at every call.
        """
        values = self._check_X(X, reset=False).values
        gains = self._stack.gains_of_new_rows(values, _N_DRAWS_NEW)
        told = gains[:, 0] - gains[:, 1]
        if self._has_reference:
            told = told + np.stack([to.log_ratio(to(values)) for to in self._stack.maps])
        return told.mean(axis=0)


def _in_common_coordinates(
    values: np.ndarray, samples: list[np.ndarray], kind: str
) -> list[np.ndarray]:
    from infotheory._sample_critics import Coordinates

    to = Coordinates(values[samples[0]], values[samples[1]], kind)
    return [to(values[rows]) for rows in samples]


def _normal_part(p: np.ndarray, q: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Divergence of the normal laws of two samples, and its influence at their rows.

    What sampling adds to the expected value under normality is taken off.
    """
    n, m, d = len(p), len(q), p.shape[1]
    mean_p, mean_q = p.mean(axis=0), q.mean(axis=0)
    cov_p, cov_q = (np.atleast_2d(np.cov(t, rowvar=False)) for t in (p, q))
    shift = mean_p - mean_q
    precision_p, precision_q = np.linalg.inv(cov_p), np.linalg.inv(cov_q)
    value = float(gaussian_kl(mean_p, cov_p, mean_q, cov_q))
    if m > d + 2:
        trace, square = float(np.trace(precision_q @ cov_p)), float(shift @ precision_q @ shift)
        kept = (m - d - 2) / (m - 1)  # one over the mean of an inverse Wishart matrix
        value += 0.5 * ((kept - 1) * (trace + square) - kept * trace / n - d / m)
        value += 0.5 * (log_det_bias(n, d) - log_det_bias(m, d))
    u, v = p - mean_p, q - mean_q
    w = v @ precision_q
    at_p = 0.5 * np.sum(u @ (precision_q - precision_p) * u, axis=1) + u @ precision_q @ shift
    at_q = 0.5 * (np.sum(w * v, axis=1) - np.sum(w @ cov_p * w, axis=1) - (w @ shift) ** 2)
    return value, at_p - at_p.mean(), at_q - w @ shift - at_q.mean()
