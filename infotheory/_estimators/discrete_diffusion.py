"""Mutual information of categorical sequences by guessing masked symbols."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils._param_validation import StrOptions

from infotheory._neural import CrossFit, NeuralMutualInformation, table_width
from infotheory._resampling import Fold
from infotheory._validation import Variable
from infotheory.functional import discrete_mutual_information

_N_DRAWS, _N_DRAWS_NEW = 32, 128
_MOSTLY = 0.5  # of the rows with a symbol that no other row has
_ROWS_A_CELL = 5  # with which counts can be trusted
_PROBLEMS = {
    "conditional": (("masked", "absent"), ("masked", "clean")),
    "joint": (("masked", "masked"), ("masked", "clean"), ("clean", "masked")),
}


class InfoSEDD(NeuralMutualInformation):
    r"""Mutual information of sequences of symbols from guesses of masked ones.

    Symbols of X are masked at random; how much better a network guesses them when y is known, by
    the chain rule over random orders, is the mutual information. It is the masked diffusion of
    categorical data, without its time.

    Parameters
    ----------
    variant : {"conditional", "joint"}
        "conditional" compares guesses of X that do and do not see y. "joint" compares those of
        (X, y) with those of each side given the other.
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
    warm_start : bool
        Start from the weights of the last fit.
    device : str
    random_state : int, RandomState or None
    verbose : int

    Attributes
    ----------
    mutual_information_ : float
        Nats.
    standard_error_ : float
        From the pointwise information of each row, and the spread of the repeats.
    pointwise_ : ndarray of shape (n,)
        Pointwise information of the fitted rows by networks that did not see them.
    loss_curve_ : list of float
    validation_scores_ : list of float
        Mean log likelihood over that of the frequencies of the symbols, selection rows, nats.
    n_iter_ : int
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if an argument is out of its rule or there are too few rows for the folds.
    ImportError
        In ``fit``, without torch.
    RuntimeError
        In ``fit``, if the loss becomes infinite or missing: no value is returned.

    Notes
    -----
    Every column is a place of the sequence and is read as labels, integers of any number of
    values and real numbers included, of which each value is a symbol: for real numbers take
    MINDE or KSG. Networks start from the frequencies of each place, so that at the start
    the information is 0. Neither a lower nor an upper bound: errors of the network that sees y
    lower the value, those of the other raise it. Dependence that only shows in many symbols at
    once is not learnt: of the .37 nats that fair bits and their parity share where one parity in
    ten is flipped, 2 000 rows and the defaults gave .35 for three bits, .23 for four and nothing
    for six. A note says so where counts show it, which takes five rows for each combination of
    symbols seen; with fewer nothing can tell. For a few symbols in all, whose table of counts is
    full, DiscreteMutualInformation is better and much faster. Complexity: `max_iter` steps on
    ``n_folds * n_ensemble`` times two or three networks, of one input a place and symbol. Sources:
    Foresti, Franzese and Michiardi (2025), arXiv:2502.19183; Lou, Meng and Ermon (2024),
    arXiv:2310.16834; Ou and others (2024), arXiv:2406.03736.

    The method has no ceiling; the truth has one, the smaller entropy of the two sides.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import InfoSEDD
    >>> rng = np.random.default_rng(0)
    >>> x = rng.integers(2, size=(1000, 2))
    >>> y = np.where(rng.random(x.shape) < 0.1, 1 - x, x)
    >>> model = InfoSEDD(
    ...     hidden_layer_sizes=(16,), max_iter=100, learning_rate_init=0.01, n_folds=2,
    ...     random_state=0,
    ... )
    >>> print(f"{model.fit(x, y).mutual_information_:.1f}")  # truth 0.74
    0.7
    """

    _parameter_constraints: dict = {
        **{
            name: rule
            for name, rule in NeuralMutualInformation._parameter_constraints.items()
            if name != "reference"
        },
        "variant": [StrOptions(set(_PROBLEMS))],
    }
    _information_laws = {
        "row-order": "sampling",
        "symmetry": "sampling",
        "relabelling": "sampling",
        "translation": None,
        "scale": None,
    }

    def __init__(
        self,
        *,
        variant: str = "conditional",
        hidden_layer_sizes: Any = (128, 128),
        activation: str = "silu",
        batch_size: int = 256,
        learning_rate_init: float = 2e-3,
        max_iter: int = 2000,
        max_seconds: float | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.125,
        n_iter_no_change: int = 12,
        tol: float = 1e-4,
        n_folds: int = 5,
        n_ensemble: int = 2,
        warm_start: bool = False,
        device: str = "cpu",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.variant = variant
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
        self.warm_start = warm_start
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def _check_pair(
        self,
        X: Any,
        y: Any,
        condition: Any = None,
        *,
        discrete: bool | None = True,
        reset: bool = True,
    ) -> tuple[Variable, Variable, Variable | None]:
        x, target, given = super()._check_pair(X, y, condition, discrete=True, reset=reset)
        return _labels(x), _labels(target), None if given is None else _labels(given)

    def _sizes(self, table: np.ndarray, given_only: bool) -> tuple[int, ...]:
        """How many symbols each column had that a table of indicators stands for."""
        variables = self._seen[2:] if given_only else self._seen[1:]
        sizes = tuple(size for v in variables for size in v.n_symbols)
        assert sum(sizes) == table.shape[1]
        return sizes

    def _cross_fit(
        self, X: np.ndarray, Y: np.ndarray, folds: list[Fold], rng: np.random.Generator
    ) -> CrossFit:
        from infotheory._masked_networks import MaskedGuessers
        from infotheory._training import choose_device, local_seed

        of_x = self._seen[0].n_symbols
        width = sum(table_width(v) for v in self._seen[1:])
        of_y = self._sizes(Y, given_only=Y.shape[1] != width)
        with local_seed(int(rng.integers(2**31))):
            stack = MaskedGuessers(
                _codes(np.hstack([X, Y]), (*of_x, *of_y)),
                (*of_x, *of_y),
                len(of_x),
                folds,
                _PROBLEMS[self.variant],
                n_ensemble=self.n_ensemble,
                hidden_layer_sizes=self._layers(),
                activation=self.activation,
                device=choose_device(self.device),
            )
            for earlier in self._to_continue():
                if earlier.sizes == stack.sizes:
                    stack.start_from(earlier)
            history = stack.fit(self._plan(type(self).__name__, ema=0.995), rng)
            gaps = stack.gaps_of_folds(_N_DRAWS)
        stack.release()
        n = len(X)
        pointwise, seed_variance = np.zeros(n), 0.0
        for fold, gap in zip(folds, gaps, strict=True):
            pointwise[fold.test] = gap[-1]
            if self.n_ensemble > 1:
                each = gap[:-1].mean(axis=1)
                share = len(fold.test) / n
                seed_variance += share**2 * float(np.var(each, ddof=1)) / self.n_ensemble
        value = float(pointwise.mean())
        error = math.sqrt(float(np.var(pointwise, ddof=1)) / n + seed_variance)
        notes = _beside_counts(X, Y, value, error)
        return CrossFit(value, pointwise, pointwise - value, seed_variance, stack, history, notes)

    def _store(self, result: CrossFit, notes: list[str]) -> None:
        notes += [note for v in self._seen for note in _on_lone_symbols(v)]
        super()._store(result, notes)

    def pointwise(self, X: Any, y: Any, *, condition: Any = None) -> np.ndarray:
        """Pointwise mutual information of new rows: the mean over all networks.

        Parameters
        ----------
        X : array-like of shape (l, d)
        y : array-like of shape (l,) or (l, e)
        condition : array-like of shape (l,) or (l, f), optional
            Exactly if ``fit`` had one.

        Returns
        -------
        ndarray of shape (l,)
            Nats; the same at every call.
        """
        left, right = self._check_new(X, y, condition)
        if not self._stacks():
            return np.zeros(len(left))
        both, *alone = self._stacks()
        told = both.log_ratio(_codes(np.hstack([left, right]), both.sizes), _N_DRAWS_NEW)
        for stack in alone:
            given = right[:, table_width(self._seen[1]) :]
            codes = _codes(np.hstack([left, given]), stack.sizes)
            told = told - stack.log_ratio(codes, _N_DRAWS_NEW)
        return told

    def score(self, X: Any, y: Any, *, condition: Any = None) -> float:
        """The mean pointwise information of new rows; higher is better.

        Parameters
        ----------
        X : array-like of shape (l, d)
        y : array-like of shape (l,) or (l, e)
        condition : array-like of shape (l,) or (l, f), optional

        Returns
        -------
        float
            Nats a row.
        """
        return float(np.mean(self.pointwise(X, y, condition=condition)))


def _beside_counts(X: np.ndarray, Y: np.ndarray, value: float, error: float) -> tuple[str, ...]:
    """What to say where a full table of counts shows more than the networks found."""
    x, y, both = (np.unique(t, axis=0, return_inverse=True)[1] for t in (X, Y, np.hstack([X, Y])))
    n, n_seen = len(X), int(both.max()) + 1
    if n < _ROWS_A_CELL * n_seen:
        return ()
    counted = float(discrete_mutual_information(x.ravel(), y.ravel()))
    corrected = float(discrete_mutual_information(x.ravel(), y.ravel(), method="plugin")) - counted
    # Without dependence counts rarely err by more than twice what was taken off for their bias.
    if counted - value <= max(3 * error, 2 * abs(corrected)):
        return ()
    return (
        f"Counts of the {n_seen} combinations of symbols seen show {counted:.3g} nats where the "
        f"networks found {value:.3g}: they miss dependence that only shows in several symbols at "
        f"once, as parities do, or have not converged. DiscreteMutualInformation reads counts.",
    )


def _on_lone_symbols(variable: Variable) -> list[str]:
    """What to say where a symbol says nothing of any other row."""
    lone, real = [], False
    for j, (codes, labels) in enumerate(zip(variable.columns, variable.labels, strict=True)):
        alone = np.count_nonzero(np.bincount(codes) == 1)
        if alone > _MOSTLY * len(codes):
            lone.append(f"{j} ({alone} of {len(codes)} rows)")
            real = real or (labels is not None and labels.dtype.kind == "f")
    if not lone:
        return []
    what = "they are real numbers, for which KSG and MINDE are" if real else "group them"
    return [
        f"{variable.name}: most values of column {', '.join(lone)} occur once. Each value is a "
        f"symbol of its own here, of which no other row tells anything: {what}."
    ]


def _labels(variable: Variable) -> Variable:
    """Labels that are nothing else, so that integers of many values are not read as numbers."""
    return replace(variable, numbers=(None,) * variable.dim)


def _codes(table: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Symbols of indicators: one column a place."""
    ends = np.cumsum(sizes)[:-1]
    return np.column_stack([part.argmax(axis=1) for part in np.split(table, ends, axis=1)])
