"""Differential entropy by denoising, with a normal reference as control variate."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from scipy.special import digamma
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from infotheory._base import DensityEstimator
from infotheory._columns import repeated_share
from infotheory._neural import NeuralMutualInformation, by_group, import_torch
from infotheory._resampling import Fold, local_random_state
from infotheory.functional import gaussian_log_density, log_det_bias, neighbors_log_density

_N_DRAWS, _N_DRAWS_NEW = 48, 128
_FEW_ROWS = 500
_N_NEIGHBORS = 10
# Above this share rows repeat more often than a rounded column or two make them.
_MANY_REPEATS = 0.1
# Beyond it signal or noise is nothing in float32.
_MOST_LOG_SNR = 80
# Ranks must tell this much more of the selection rows for each column, since raw margins are
# smoother and have a gradient.
_WORTH_RANKS = 0.01


class DiffusionEntropy(DensityEstimator):
    r"""Differential entropy from the errors of a denoiser.

    Rows are sent through a Gaussian channel at every signal-to-noise ratio. How much better a
    network predicts their noise than the best linear denoiser, that of a normal law, is the
    divergence from that law, which is taken off its entropy.

    Parameters
    ----------
    margins : {"auto", "raw", "ranks"}
        "raw": standardised columns. "ranks": the entropy of each column by nearest neighbours,
        and the network learns what is between the columns alone: for heavy tails, jumps and
        single columns that are not normal. "auto" trains on both, and takes what tells more of
        the selection rows.
    hidden_layer_sizes : array-like of int
    activation : {"relu", "silu", "gelu", "tanh"}
    batch_size : int
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
        "cpu", "cuda" or "auto"; the CPU where there is no GPU.
    random_state : int, RandomState or None
    verbose : int

    Attributes
    ----------
    entropy_ : float
        Nats.
    standard_error_ : float
        From the log density of each row, and the spread of the repeats.
    pointwise_ : ndarray of shape (n,)
        Log density of the fitted rows by networks that did not see them; minus its mean is the
        entropy.
    forms_ : dict of str to float
        The entropy by the denoising gap, which is reported, and by half the squared difference
        from the normal law's predictions ("inside"), which is of first order in their error.
    margins_ : {"raw", "ranks"}
    loss_curve_ : list of float
    validation_scores_ : list of float
        Mean gain over the reference on the selection rows, nats.
    n_iter_ : int
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if a parameter is out of its rule, X is not a finite real table, or there are
        too few rows for the folds.
    ImportError
        In ``fit``, without torch.
    RuntimeError
        In ``fit``, if the loss becomes infinite or missing: no value is returned.

    Notes
    -----
    Errors of the network raise the value, which has no ceiling. The range of noise ends e^8 below
    the variance of the finest structure that nearest neighbours and spacings show. Where the
    density is smooth that leaves out next to nothing; each edge at which it jumps adds about 0.9 of
    the last noise's standard deviation, in units of the inverse height at the edge: 0.01 nats a
    column for raw margins of a uniform cube. Ranks have no edges. Complexity: `max_iter` steps on
    ``n_folds * n_ensemble`` networks at once. Sources: Kong, Brekelmans and Ver Steeg (2023),
    arXiv:2302.03792; Franzese, Bounoua and Michiardi (2024), arXiv:2310.09031.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import DiffusionEntropy
    >>> X = np.random.default_rng(0).normal(size=(1000, 2))
    >>> model = DiffusionEntropy(hidden_layer_sizes=(8,), max_iter=20, n_folds=2, random_state=0)
    >>> print(f"{model.fit(X).entropy_:.1f}")  # truth 2.84
    2.8
    """

    _parameter_constraints: dict = {
        **{
            name: rule
            for name, rule in NeuralMutualInformation._parameter_constraints.items()
            if name not in ("warm_start", "reference")
        },
        "margins": [StrOptions({"auto", "raw", "ranks"})],
    }
    _information_laws = {
        "row-order": "sampling",
        "translation": "sampling",
        "scale": "sampling",
    }
    _plan = NeuralMutualInformation._plan
    _layers = NeuralMutualInformation._layers
    _folds = NeuralMutualInformation._folds

    def __init__(
        self,
        *,
        margins: str = "auto",
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
        self.margins = margins
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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags

    def fit(self, X: Any, y: Any = None, *, groups: Any = None) -> DiffusionEntropy:
        """Train the denoisers and evaluate each row with those that did not see it.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : None
        groups : array-like of shape (n,), optional
            Rows of one group, such as copies of one image, stay in one fold.

        Returns
        -------
        DiffusionEntropy
            The fitted estimator.
        """
        import_torch(type(self).__name__)
        values = self._check_X(X).values
        rng = np.random.default_rng(local_random_state(self.random_state).randint(2**31 - 1))
        folds = self._folds(len(values), groups, rng)
        notes = []
        if len(values) < _FEW_ROWS:
            notes.append(
                f"Networks want many rows: with n = {len(values)} nearest neighbours "
                f"(NeighborsEntropy) or a normal law are as a rule better."
            )
        scale = values.std(axis=0)
        self._scale = np.where(scale > 0, scale, 1.0)
        repeated = repeated_share(values)
        if repeated > _MANY_REPEATS:
            notes.append(
                f"{repeated:.0%} of the rows repeat another one exactly: if the law repeats rows "
                f"it has atoms, no density, and an entropy of -inf; the value says how far the "
                f"range of noise reaches. Pass groups where they are copies, which keeps them in "
                f"one fold, or each row once; NeighborsEntropy(ties='spread') takes rounded ones."
            )
        spectrum = np.linalg.eigvalsh(np.atleast_2d(np.cov(values / self._scale, rowvar=False)))
        if spectrum[0] <= 1e-10 * max(spectrum[-1], 1e-300):
            self._store_degenerate(len(values), notes)
            return self
        stack, history = self._train_best(values, folds, rng, notes)
        self._reference = _Reference(values, self._scale, self.margins_)
        self._summary(values, folds, stack, groups, notes)
        self._stack = stack
        self.loss_curve_ = history.loss_curve
        self.validation_scores_ = [-float(np.mean(v)) for v in history.validation]
        self.n_iter_ = history.n_iter
        self.notes_ = (*notes, *history.notes())
        return self

    def _store_degenerate(self, n: int, notes: list[str]) -> None:
        self.entropy_, self.standard_error_ = -math.inf, 0.0
        self.pointwise_ = np.full(n, math.inf)
        self.forms_ = {"gap": -math.inf, "inside": -math.inf}
        self.margins_, self._stack, self.n_iter_ = "raw", None, 0
        self.loss_curve_, self.validation_scores_ = [], []
        notes.append(
            "A column is constant or a linear function of others: the law has no density and its "
            "differential entropy is -inf."
        )
        self.notes_ = tuple(notes)

    def _train_best(
        self,
        values: np.ndarray,
        folds: list[Fold],
        rng: np.random.Generator,
        notes: list[str],
    ) -> tuple[Any, Any]:
        """Train on each kind of margins, and keep what tells most of the selection rows."""
        kinds = ("raw", "ranks") if self.margins == "auto" else (self.margins,)
        seen = [values[f.train] for f in folds]
        if any(_has_atom(column) for rows in seen for column in rows.T):
            if self.margins == "ranks":
                raise ValueError(
                    f"X has columns in which more than {_N_NEIGHBORS} rows share a value, and "
                    f"margins='ranks' needs a density of each column. Pass margins='raw'."
                )
            kinds = ("raw",)
            notes.append(
                "X has columns of repeated values: a law with atoms has no density, and the value "
                "says how far the range of noise reaches."
            )
        if min(len(f.train) for f in folds) < 2 * values.shape[1] + 2:
            kinds = kinds[:1]  # too few rows for the law that compares
        best, fitted = -math.inf, (None, None)
        for kind in kinds:
            stack, history = self._train(values, folds, kind, rng, len(kinds))
            told = -float(np.mean(np.min(history.validation, axis=0)))
            for fold in folds if len(kinds) > 1 else []:
                reference = _Reference(values[fold.train], self._scale, kind)
                told += float(np.mean(reference.log_density(values[fold.validation]))) / len(folds)
            told -= _WORTH_RANKS * values.shape[1] * (kind == "ranks")
            if not fitted[0] or told > best:
                best, fitted, self.margins_ = told, (stack, history), kind
            if history.stopped == "interrupted" and len(kinds) > 1:
                notes.append(
                    "Training was interrupted, so that margins of both kinds were not compared in "
                    "full; margins='raw' or 'ranks' trains one kind alone."
                )
                break
        return fitted

    def _train(
        self,
        values: np.ndarray,
        folds: list[Fold],
        kind: str,
        rng: np.random.Generator,
        n_kinds: int,
    ) -> tuple[Any, Any]:
        from infotheory._row_denoisers import RowDenoisers, Standardized
        from infotheory._sample_critics import Coordinates
        from infotheory._training import choose_device, local_seed

        maps = [Coordinates(values[f.train], values[f.train], kind) for f in folds]
        dim = values.shape[1]
        if any(to(values[:1]).shape[1] < dim for to in maps):
            maps = [Standardized(values[f.train]) for f in folds]
        standard = [(np.zeros(dim), np.eye(dim))]
        with local_seed(int(rng.integers(2**31))):
            stack = RowDenoisers(
                values,
                maps,
                [folds],
                [standard] * len(folds),
                n_ensemble=self.n_ensemble,
                hidden_layer_sizes=self._layers(),
                activation=self.activation,
                device=choose_device(self.device),
                rng=rng,
            )
            seconds = None if self.max_seconds is None else self.max_seconds / n_kinds
            plan = self._plan(f"{type(self).__name__} ({kind})", ema=0.995, max_seconds=seconds)
            history = stack.fit(plan, rng)
            stack.found = stack.gains_of_folds(0, _N_DRAWS)
        stack.release()
        return stack, history

    def _summary(
        self,
        values: np.ndarray,
        folds: list[Fold],
        stack: Any,
        groups: Any,
        notes: list[str],
    ) -> None:
        n = len(values)
        added, inside, variance = np.zeros(n), np.zeros(n), 0.0
        for fold, (gain, apart) in zip(folds, stack.found, strict=True):
            added[fold.test], inside[fold.test] = gain[-1, 0], apart[-1]
            if self.n_ensemble > 1:
                each = gain[:-1, 0].mean(axis=1)
                share = len(fold.test) / n
                variance += share**2 * float(np.var(each, ddof=1)) / self.n_ensemble
        stack.found = []
        reference = self._reference.entropy
        self.entropy_ = reference - float(added.mean())
        self.forms_ = {"gap": self.entropy_, "inside": reference - float(inside.mean())}
        pointwise = self._reference.own_log_density(values) + added
        self.pointwise_ = pointwise - pointwise.mean() - self.entropy_
        influence = pointwise - pointwise.mean()
        if groups is not None:
            influence = by_group(influence, groups)
        spread = float(np.var(influence, ddof=1)) / len(influence)
        self.standard_error_ = math.sqrt(spread + variance)
        apart = abs(self.forms_["inside"] - self.entropy_)
        if apart > max(0.1, 0.1 * abs(float(added.mean()))):
            notes.append(
                f"The forms disagree by {apart:.2g} nats: the networks have not converged. More "
                f"rows, a larger max_iter or wider layers help."
            )

    def score_samples(self, X: Any) -> np.ndarray:
        """Log density of new rows: the mean over the networks of all folds.

        Parameters
        ----------
        X : array-like of shape (l, d)

        Returns
        -------
        ndarray of shape (l,)
            Nats; the same at every call. For ranks the density of each column is that of its
            nearest neighbours, which is noisy row by row.
        """
        values = self._check_X(X, reset=False).values
        if self._stack is None:
            return np.full(len(values), math.inf)
        gains = self._stack.gains_of_new_rows(values, _N_DRAWS_NEW)[:, 0]
        return self._reference.log_density(values) + gains.mean(axis=0)

    def log_density_gradient(self, X: Any, *, log_snr: float = 6.0) -> np.ndarray:
        r"""Gradient of the log density, which is also called the score function.

        Parameters
        ----------
        X : array-like of shape (l, d)
        log_snr : float
            The density is that of rows with normal noise :math:`e^{-\lambda / 2}` times as wide
            as the law in each direction: 5 % at 6. Larger values smooth less and are noisier.

        Returns
        -------
        ndarray of shape (l, d)
            The mean over the networks of all folds.

        Raises
        ------
        ValueError
            If the margins are ranks, whose densities have no gradient, or `log_snr` is no finite
            number.

        Examples
        --------
        How irreversible a process is, from its drift and the gradient at rows of its stationary
        law. The rotating process :math:`dx = (-x + 2 J x) dt + \sqrt 2 dW` produces 8 nats of
        entropy per unit of time:

        >>> import numpy as np
        >>> from infotheory import DiffusionEntropy
        >>> from infotheory.functional import entropy_production_rate
        >>> x = np.random.default_rng(0).normal(size=(2000, 2))
        >>> drift = x @ np.array([[-1.0, 2.0], [-2.0, -1.0]])
        >>> model = DiffusionEntropy(
        ...     margins="raw", hidden_layer_sizes=(8,), max_iter=20, n_folds=2, random_state=0
        ... )
        >>> score = model.fit(x).log_density_gradient(x)
        >>> print(f"{entropy_production_rate(drift, score, 1.0).mean():.1f}")
        8.0
        """
        check_is_fitted(self)
        _check_finite(log_snr)
        values = self._check_X(X, reset=False).values
        if self._stack is None:
            raise ValueError(
                "X of fit was degenerate, so that its law has no density. Leave out columns that "
                "are constant or linear functions of others."
            )
        if self.margins_ != "raw":
            raise ValueError(
                f"margins must be 'raw' for a gradient, got margins_={self.margins_!r}: the "
                f"density of ranks has none. Fit with margins='raw'."
            )
        return self._stack.on(values).scores(log_snr).mean(axis=0)


def _check_finite(log_snr: Any) -> None:
    number = isinstance(log_snr, Real) and not isinstance(log_snr, bool)
    if not number or not abs(float(log_snr)) <= _MOST_LOG_SNR:
        raise ValueError(
            f"log_snr must be a number between {-_MOST_LOG_SNR} and {_MOST_LOG_SNR}, the log of "
            f"the variance of the law over that of the noise, got {log_snr!r}. Pass 6, say, for "
            f"noise of 5 % of the standard deviation."
        )


def _has_atom(column: np.ndarray) -> bool:
    """Whether the nearest neighbours of some row are all at no distance."""
    return bool(np.unique(column, return_counts=True)[1].max() > min(_N_NEIGHBORS, len(column) - 1))


class _Reference:
    """The normal law of all rows, on raw margins or on ranks, as a density and an entropy."""

    def __init__(self, values: np.ndarray, scale: np.ndarray, kind: str) -> None:
        from infotheory._reference import Margins

        n, d = values.shape
        self._kind, self._scale, self._n = kind, scale, n
        self._log_scale = float(np.sum(np.log(scale)))
        scaled = values / scale
        if kind == "raw":
            self._centre = scaled.mean(axis=0)
            self._covariance = np.atleast_2d(np.cov(scaled, rowvar=False))
            log_det = np.linalg.slogdet(self._covariance).logabsdet - log_det_bias(n, d)
            self.entropy = 0.5 * (d * math.log(2 * math.pi * math.e) + log_det) + self._log_scale
            return
        self._margins = Margins(scaled, "ranks")
        self._sorted = np.sort(scaled, axis=0)
        self._k = min(_N_NEIGHBORS, n - 1)
        scores = self._margins(scaled)
        self._centre, self._spread = scores.mean(axis=0), scores.std(axis=0)
        self._covariance = np.atleast_2d(np.corrcoef(scores, rowvar=False))
        log_det = np.linalg.slogdet(self._covariance).logabsdet
        log_det -= log_det_bias(n, d) - d * log_det_bias(n, 1)
        alone = [neighbors_log_density(c[:, None], self._k) for c in scaled.T]
        self.entropy = float(0.5 * log_det - np.sum(np.mean(alone, axis=1))) + self._log_scale

    def log_density(self, values: np.ndarray) -> np.ndarray:
        """At new rows."""
        scaled = values / self._scale
        return self._normal_part(scaled, self._of_columns(scaled))

    def own_log_density(self, values: np.ndarray) -> np.ndarray:
        """At the rows that the reference was fitted to, each column without the row itself."""
        scaled = values / self._scale
        alone = 0.0
        if self._kind == "ranks":
            alone = sum(neighbors_log_density(c[:, None], self._k) for c in scaled.T)
        return self._normal_part(scaled, alone)

    def _of_columns(self, scaled: np.ndarray) -> np.ndarray | float:
        """Sum of the log densities of the columns by nearest neighbours."""
        if self._kind == "raw":
            return 0.0
        from infotheory._xp._neighbors import nearest

        constant = digamma(self._k) - digamma(self._n + 1) - math.log(2)
        told = np.zeros(len(scaled))
        for column, seen in zip(scaled.T, self._sorted.T, strict=True):
            distance = nearest(seen[:, None], self._k, metric="chebyshev", query=column[:, None])[0]
            with np.errstate(divide="ignore"):
                told += constant - np.log(distance[:, self._k - 1])
        return told

    def _normal_part(self, scaled: np.ndarray, columns: np.ndarray | float) -> np.ndarray:
        if self._kind == "raw":
            told = gaussian_log_density(scaled, self._centre, self._covariance)
            return np.asarray(told) - self._log_scale
        u = (self._margins(scaled) - self._centre) / self._spread
        joint = np.asarray(gaussian_log_density(u, np.zeros(u.shape[1]), self._covariance))
        apart = -0.5 * np.sum(u * u + math.log(2 * math.pi), axis=1)
        return columns + joint - apart - self._log_scale
