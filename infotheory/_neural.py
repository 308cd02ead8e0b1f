"""What neural estimators of mutual information share: parameters, folds, value and error.

Every row is evaluated by networks that neither trained nor were selected on it. All folds, and
the repeats that show what the random start is worth, are trained in one pass.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from infotheory._base import MutualInformationEstimator
from infotheory._columns import repeated_share
from infotheory._interrupts import Watch, deferred
from infotheory._resampling import Fold, cross_fit_folds, local_random_state
from infotheory._validation import Variable, describe, pairing_notes

# Integer columns with more values than this are read as numbers, others as labels.
_MOST_LABELS = 20
_FEW_ROWS = 500
_MANY_COPIES = 0.2  # share of rows that a note tells of

# What constructors of estimators with networks take alike.
TRAINING: dict[str, Any] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions({"relu", "silu", "gelu", "tanh"})],
    "batch_size": [Interval(Integral, 2, None, closed="left")],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "max_seconds": [Interval(Real, 0, None, closed="neither"), None],
    "device": "no_validation",  # a name or a device of Torch: choose_device looks
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}
STOPPING: dict[str, Any] = {
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left")],
}


@dataclass(frozen=True)
class CrossFit:
    """A cross-fitted value, its rows in the order of the sample, and what is to be said of it."""

    value: float
    pointwise: np.ndarray | None
    influence: np.ndarray
    seed_variance: float
    model: Any
    history: Any
    notes: tuple[str, ...] = ()
    bound: float | None = None  # the held-out value before any correction


def as_table(variable: Variable) -> np.ndarray:
    """Real columns as they are, labels as one indicator a value."""
    parts = []
    for column, size in zip(variable.columns, variable.n_symbols, strict=True):
        parts.append(np.eye(size)[column] if size else column[:, None].astype(np.float64))
    return np.hstack(parts)


class Encoder:
    """From raw rows (..., d) to what :func:`as_table` makes of them; unknown labels are zeros."""

    def __init__(self, variable: Variable) -> None:
        each = zip(variable.labels, variable.n_symbols, strict=True)
        self._known = [labels if size else None for labels, size in each]

    def __call__(self, raw: np.ndarray) -> np.ndarray:
        each = enumerate(self._known)
        parts = [raw[..., [j]] if k is None else raw[..., [j]] == k for j, k in each]
        return np.concatenate(parts, axis=-1).astype(np.float64)

    def lacks(self, raw: np.ndarray) -> np.ndarray:
        """Which rows have a label that is not known."""
        lacking = np.zeros(raw.shape[:-1], dtype=bool)
        for j, labels in enumerate(self._known):
            if labels is not None:
                lacking |= ~np.isin(raw[..., j], labels)
        return lacking


def table_width(variable: Variable) -> int:
    """Columns of the table that stands for a variable."""
    return sum(size or 1 for size in variable.n_symbols)


def import_torch(who: str) -> None:
    """Raise with advice where torch is missing; Ctrl-C waits until it is there."""
    try:
        with contextlib.nullcontext() if "torch" in sys.modules else deferred():
            import torch  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{who} trains networks with torch, which is not installed. Run pip install "
            f"'infotheory-learn[torch]', or choose an estimator without networks, such as KSG()."
        ) from error


class NeuralMutualInformation(MutualInformationEstimator):
    """Cross-fitted networks on paired samples: subclasses say what is trained and reported."""

    _accepts_labels = True
    _takes_datasets: ClassVar[bool] = False
    _rows_a_batch: int | None = None  # those of a loader, instead of `batch_size`
    _parameter_constraints: dict = {
        "reference": [StrOptions({"gaussian"}), None],
        **TRAINING,
        **STOPPING,
        "n_folds": [Interval(Integral, 2, None, closed="left")],
        "n_ensemble": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
    }
    _information_laws = {
        "row-order": "sampling",
        "translation": "sampling",
        "scale": "sampling",
        "symmetry": "sampling",
        "relabelling": "sampling",
    }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags

    def fit(
        self, X: Any, y: Any = None, *, condition: Any = None, groups: Any = None
    ) -> NeuralMutualInformation:
        """Train the networks and evaluate each row with those that did not see it.

        Parameters
        ----------
        X : array-like of shape (n, d), torch.utils.data.Dataset or DataLoader
            With critics (:class:`DonskerVaradhan`, :class:`MINE`, :class:`NWJ`, :class:`TUBA`,
            :class:`JensenShannonBound`, :class:`SMILE`, :class:`InfoNCE`, :class:`FLO`) a
            map-style dataset of pairs (x, y), for samples that do not fit in memory; the others,
            such as :class:`MINDE`, :class:`InfoSEDD` and :class:`DoE`, take arrays alone. Of a
            loader the dataset, `batch_size`, `collate_fn` and the workers are used; the order of
            the rows is not.
        y : array-like of shape (n,) or (n, e)
            None with a dataset.
        condition : array-like of shape (n,) or (n, f), optional
            Estimate the information given this variable, as that with (y, condition) minus that
            with the condition alone, on the same folds.
        groups : array-like of shape (n,), optional
            Rows of one group, such as copies of one image, stay in one fold.

        Returns
        -------
        NeuralMutualInformation
            The fitted estimator.

        Raises
        ------
        ValueError
            If an argument is out of its rule, or a dataset has a row with a missing value or of
            another shape.
        TypeError
            If a dataset has no row numbers or no pairs, or the estimator takes none.

        Notes
        -----
        Of a dataset of more than 20 000 rows as many are drawn at random, the same whatever
        `random_state`, and kept: margins and the selection between states of training rest on them.
        All other rows are fetched when a batch or their held-out value needs them, at most 1 024
        at once, after a first pass for missing values and the moments of the normal reference.
        """
        import_torch(type(self).__name__)
        paired = pairing_notes(X, y, condition)
        source = self._row_source(X, y, condition, groups)
        if source is not None:
            X, y = source.sample()
        x, target, given = self._check_pair(X, y, condition, discrete=None)
        self._layers()  # what cannot be is refused whatever the data are
        notes = paired
        variables = [_numbers_where_many(v, notes) for v in (x, target, given) if v is not None]
        constant = _dropped_constants(variables, notes)
        self._seen = variables
        tables = [as_table(v) for v in variables]
        self._continues = False
        rng = np.random.default_rng(local_random_state(self.random_state).randint(2**31 - 1))
        n = len(x) if source is None else len(source)
        folds = self._folds(n, groups, rng)
        if self.warm_start:
            folds = self._folds_to_continue(tables, folds, groups, notes)
        if n < _FEW_ROWS:
            notes.append(
                f"Networks want many rows: with n = {n} they may find less than there is; in few "
                f"columns nearest neighbours (KSG), or a normal law, are as a rule better."
            )
        if constant:
            result = CrossFit(0.0, np.zeros(n), np.zeros(n), 0.0, None, None)
        elif source is not None and not source.fits:
            source.encoders = tuple(Encoder(v) for v in variables)
            result = self._cross_fit_rows(source, tables[0], tables[1], folds, rng)
            notes += _on_sampled(len(x), source)
        elif given is None:
            result = self._cross_fit(tables[0], tables[1], folds, rng)
        else:
            watch = Watch()
            both = self._cross_fit(tables[0], np.hstack(tables[1:]), folds, rng)
            watch.stop("A difference of two informations")
            alone = self._cross_fit(tables[0], tables[2], folds, rng)
            result = _difference(both, alone)
        if groups is not None:
            result = replace(result, influence=by_group(result.influence, groups))
        elif not constant:
            notes += _on_copies(variables, tables)
        self._store(result, notes)
        if given is None:
            self.notes_ = (*self.notes_, *_beyond_labels(self, variables))
        return self

    def _row_source(self, X: Any, y: Any, condition: Any, groups: Any) -> Any:
        """Where rows come from if it is no array."""
        from infotheory._row_source import RowSource, holds_rows

        self._rows_a_batch = None
        if not holds_rows(X):
            return None
        if not self._takes_datasets:
            raise TypeError(
                f"{type(self).__name__} takes arrays, got a {type(X).__name__}. A Torch dataset "
                f"is for estimators with critics, such as DonskerVaradhan and MINE."
            )
        self._validate_params()
        if y is not None:
            raise ValueError(
                "y must be None with a dataset, whose items are pairs (x, y). Write fit(dataset)."
            )
        for name, value in (("condition", condition), ("groups", groups)):
            if value is not None:
                raise ValueError(
                    f"{name} is not possible with a dataset. Pass arrays, which may be those of "
                    f"numpy.memmap."
                )
        source = X if isinstance(X, RowSource) else RowSource(X, int(self.verbose))
        self._rows_a_batch = source.batch_size
        return source

    def _folds(self, n: int, groups: Any, rng: np.random.Generator) -> list[Fold]:
        codes = None
        n_groups, what = n, "rows"
        if groups is not None:
            labels = describe(groups, "groups", discrete=True)
            if len(labels) != n:
                raise ValueError(
                    f"groups must have one entry a row: {len(labels)} for {n} rows. Pass the "
                    f"group of each row of X."
                )
            codes, n_groups = labels.codes()
            what = "groups"
        least = 2 * self.n_folds
        if n_groups < least:
            raise ValueError(
                f"n_samples = {n} with {n_groups} {what} is too few for n_folds={self.n_folds}: at "
                f"least {least} are needed, two a fold. Lower n_folds or pass more {what}."
            )
        # No part of a split can be told apart with one row.
        fewest_outside = n_groups - math.ceil(n_groups / self.n_folds)
        share = max(self.validation_fraction, min(2 / fewest_outside, 0.5))
        folds = cross_fit_folds(n, self.n_folds, share, rng, codes)
        smallest = min(min(len(f.train), len(f.validation), len(f.test)) for f in folds)
        if smallest < 2:
            raise ValueError(
                f"n_samples = {n} rows leave {smallest} for some part of the split with n_folds="
                f"{self.n_folds} and validation_fraction={self.validation_fraction}: each part "
                f"needs 2. Raise validation_fraction, lower n_folds or pass more rows."
            )
        return folds

    def _folds_to_continue(
        self, tables: list[np.ndarray], folds: list[Fold], groups: Any, notes: list[str]
    ) -> list[Fold]:
        """The folds of the last fit if the sample is the same: only they keep rows unseen."""
        settings = (self.n_folds, self.validation_fraction)
        n = sum(len(f.test) for f in folds)
        asked = (*settings, n, None if groups is None else tuple(np.asarray(groups).tolist()))
        sample = (asked, *((t.shape, sha256(t.tobytes()).hexdigest()) for t in tables))
        last, last_folds = getattr(self, "_last_split", (None, folds))
        self._continues = last == sample
        if last is not None and not self._continues:
            notes.append(
                "warm_start needs the sample and the folds of the last fit, or rows that its "
                "networks saw would count as unseen: training began anew."
            )
        kept = last_folds if self._continues else folds
        self._last_split = (sample, kept)
        return kept

    def _stacks(self) -> tuple[Any, ...]:
        """The networks of a fit: one stack, two with a condition, none where all is constant."""
        model = self._result.model
        if model is None:
            return ()
        return model if isinstance(model, tuple) else (model,)

    def _networks(self) -> Any:
        """Those of one stack, a pair with a condition, None where all is constant."""
        check_is_fitted(self)
        networks = tuple(stack.network for stack in self._stacks())
        return networks if len(networks) > 1 else next(iter(networks), None)

    def _to_continue(self) -> tuple[Any, ...]:
        """Stacks of the last fit that this one goes on from."""
        return self._stacks() if self._continues else ()

    def _cross_fit(
        self, X: np.ndarray, Y: np.ndarray, folds: list[Fold], rng: np.random.Generator
    ) -> CrossFit:
        """Train on every fold and evaluate; every neural estimator has its own."""
        raise NotImplementedError

    def _cross_fit_rows(
        self, source: Any, X: np.ndarray, Y: np.ndarray, folds: list[Fold], rng: np.random.Generator
    ) -> CrossFit:
        """The same with rows that are fetched; X and Y are those that stay in memory."""
        raise NotImplementedError

    def _plan(self, label: str, **changes: Any) -> Any:
        from infotheory._training import Plan

        words = {
            "max_iter": self.max_iter,
            # Estimators of other quantities share this method, and know no loaders.
            "batch_size": getattr(self, "_rows_a_batch", None) or self.batch_size,
            "learning_rate_init": self.learning_rate_init,
            "n_iter_no_change": self.n_iter_no_change if self.early_stopping else self.max_iter,
            "tol": self.tol,
            "max_seconds": self.max_seconds,
            "check_every": max(1, min(50, self.max_iter // 4)),
            "verbose": int(self.verbose),
            "label": label,
            "device": self.device,
        }
        return Plan(**{**words, **changes})

    def _layers(self) -> tuple[int, ...]:
        from infotheory._networks import layer_sizes

        return layer_sizes(self.hidden_layer_sizes)

    def _store(self, result: CrossFit, notes: list[str]) -> None:
        n = len(result.influence)
        self._result = result
        self.mutual_information_ = result.value
        if result.pointwise is not None:
            self.pointwise_ = result.pointwise
        spread = float(np.var(result.influence, ddof=1)) / n
        self.standard_error_ = math.sqrt(spread + result.seed_variance)
        history = result.history
        self.loss_curve_ = [] if history is None else history.loss_curve
        self.validation_scores_ = (
            [] if history is None else [-float(np.mean(v)) for v in history.validation]
        )
        self.n_iter_ = 0 if history is None else history.n_iter
        self.notes_ = (*notes, *result.notes, *(history.notes() if history else ()))

    def _check_new(self, X: Any, y: Any, condition: Any) -> tuple[np.ndarray, np.ndarray]:
        check_is_fitted(self)
        x, target, given = self._check_pair(X, y, condition, discrete=None, reset=False)
        found = [v for v in (x, target, given) if v is not None]
        if len(found) != len(self._seen):
            raise ValueError(
                "condition must be given to new rows exactly if it was given to fit. Pass it, or "
                "leave it out, in both places."
            )
        tables = []
        for variable, seen in zip(found, self._seen, strict=True):
            if variable.dim != seen.dim:
                raise ValueError(
                    f"{variable.name} has {variable.dim} columns, but fit saw {seen.dim}. Pass the "
                    f"same columns as to fit."
                )
            many = [
                j for j, size in enumerate(variable.n_symbols) if size and not seen.n_symbols[j]
            ]
            known = variable.as_numbers(many).aligned(seen)
            if known.n_symbols != seen.n_symbols:
                raise ValueError(
                    f"{variable.name} has labels that fit did not see. Pass rows whose labels are "
                    f"among those of the fitted sample."
                )
            tables.append(as_table(known))
        return tables[0], np.hstack(tables[1:])


def by_group(influence: np.ndarray, groups: Any) -> np.ndarray:
    """Influence of whole groups, on the scale of rows: copies of a row tell nothing new."""
    codes, n_groups = describe(groups, "groups", discrete=True).codes()
    return np.bincount(codes, weights=influence, minlength=n_groups) * n_groups / len(influence)


def _numbers_where_many(variable: Variable, notes: list[str]) -> Variable:
    """Integers of many values, or in tables, as numbers: indicators for each would share nothing.

    A single column of few integers is read as class labels.
    """
    many = [
        j
        for j, size in enumerate(variable.n_symbols)
        if size > 2
        and (size > _MOST_LABELS or variable.dim > 1)
        and variable.numbers[j] is not None
    ]
    if many:
        notes.append(f"{variable.name}: {len(many)} columns of integers were read as numbers.")
    elif variable.dim == 1 and variable.n_symbols[0] and variable.numbers[0] is not None:
        notes.append(f"{variable.name}: integers of few values were read as class labels.")
    return variable.as_numbers(many) if many else variable


def _on_copies(variables: Sequence[Variable], tables: Sequence[np.ndarray]) -> list[str]:
    """What is said of rows of real numbers that occur again, which networks learn by heart."""
    if not any(0 in v.n_symbols for v in variables):
        return []
    again = repeated_share(np.hstack(tables))
    if again < _MANY_COPIES:
        return []
    return [
        f"{again:.0%} of the rows occur more than once. If they are copies of one observation, "
        f"some are in training and others held out, and the value is too high: drop them, or keep "
        f"them together with groups."
    ]


def _beyond_labels(fitted: Any, variables: Sequence[Variable]) -> list[str]:
    """What is said of a value that no information with these labels can have."""
    notes = []
    for v in variables[:2]:
        if v.kind != "discrete":
            continue
        counts = np.unique(np.column_stack(v.columns), axis=0, return_counts=True)[1]
        share = counts / counts.sum()
        most = -float(np.sum(share * np.log(share)))
        if fitted.mutual_information_ > most + 0.01:
            notes.append(
                f"The value is above the entropy of {v.name}, {most:.3g} nats, which information "
                f"cannot be: the networks have not converged. More rows or steps help, or a "
                f"lower bound such as DonskerVaradhan."
            )
    return notes


def _dropped_constants(variables: Sequence[Variable], notes: list[str]) -> bool:
    """Whether X or y is constant throughout, which a note says."""
    constant = [bool(np.all(np.ptp(as_table(v), axis=0) == 0)) for v in variables[:2]]
    for v, is_constant in zip(variables, constant, strict=False):
        if is_constant:
            notes.append(f"{v.name} is constant; it shares no information.")
    return any(constant)


def _on_sampled(n_kept: int, source: Any) -> list[str]:
    notes = [
        f"Margins and the choice between states of training rest on {n_kept} of the {len(source)} "
        f"rows, drawn at random; the normal reference, batches and the value on all."
    ]
    if source.n_unknown:
        some = f"{source.n_unknown} of all rows ha{'s' if source.n_unknown == 1 else 've'} one"
        notes.append(
            f"Labels that none of those {n_kept} rows has count as one, which can only lower the "
            f"information; {some}."
        )
    return notes


def _difference(both: CrossFit, alone: CrossFit) -> CrossFit:
    pointwise = None
    if both.pointwise is not None and alone.pointwise is not None:
        pointwise = both.pointwise - alone.pointwise
    # What the history of the first part alone would not say.
    last = alone.history
    interrupted = last.notes() if last is not None and last.stopped == "interrupted" else []
    return CrossFit(
        both.value - alone.value,
        pointwise,
        both.influence - alone.influence,
        both.seed_variance + alone.seed_variance,
        (both.model, alone.model),
        both.history,
        (*both.notes, *alone.notes, *interrupted),
        None if both.bound is None or alone.bound is None else both.bound - alone.bound,
    )
