"""What the variational bounds share: critics trained on folds, held-out value, error, new rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.utils._param_validation import StrOptions

from infotheory._neural import CrossFit, NeuralMutualInformation, table_width
from infotheory._reference import expected_shortfall
from infotheory._resampling import Fold

_LARGE_ERROR = 0.25  # nats
# A correction below this many nats changes nothing that a note should mention.
_WORTH_A_NOTE = 0.005
_N_TURNS = 64


class FoldScores(NamedTuple):
    """Critic values at the held-out rows of one fold.

    ``joint`` (n,) at rows drawn together, ``product`` (n, m) at row i with row i + ``shifts[m]``,
    ``second`` (n,) those of a second critic at rows drawn together.
    """

    joint: np.ndarray
    product: np.ndarray
    shifts: np.ndarray
    second: np.ndarray | None = None


def mean_scores(held_out: Any) -> FoldScores:
    """Values of the fold's mean critic."""
    return _as_arrays(held_out, lambda values: values.double().mean(0))


def single_scores(held_out: Any, i: int) -> FoldScores:
    """Values of the i-th critic of the fold."""
    return _as_arrays(held_out, lambda values: values[i].double())


def _as_arrays(held_out: Any, reduced: Callable[[Any], Any]) -> FoldScores:
    second = None if held_out.second is None else reduced(held_out.second).cpu().numpy()
    joint, product = (reduced(t).cpu().numpy() for t in (held_out.joint, held_out.product))
    return FoldScores(joint, product, held_out.shifts, second)


def by_partner(values: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Mean over the pairs in which each row was the partner: entry (i, m) is of row i + s_m."""
    n = len(values)
    rows = (np.arange(n)[:, None] - shifts[None, :]) % n
    return values[rows, np.arange(len(shifts))[None, :]].mean(axis=1)


class VariationalMutualInformation(NeuralMutualInformation):
    """Base of the bounds: a subclass says what is maximised and what is reported of a critic."""

    _takes_datasets = True
    bound_: ClassVar[str] = "lower bound"
    _constant_is_open: ClassVar[bool] = False
    _baseline: ClassVar[bool] = False
    _second: ClassVar[bool] = False
    _n_turns: ClassVar[int] = _N_TURNS
    _parameter_constraints: dict = {
        **NeuralMutualInformation._parameter_constraints,
        "critic": [StrOptions({"separable", "concatenated", "bilinear"}), callable],
    }

    def __init__(
        self,
        *,
        critic: Any = "separable",
        reference: str | None = "gaussian",
        hidden_layer_sizes: Any = (128, 128, 128),
        activation: str = "silu",
        batch_size: int = 256,
        learning_rate_init: float = 3e-3,
        max_iter: int = 2000,
        max_seconds: float | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.125,
        n_iter_no_change: int = 8,
        tol: float = 5e-4,
        n_folds: int = 5,
        n_ensemble: int = 2,
        warm_start: bool = False,
        device: str = "cpu",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.critic = critic
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
        self.warm_start = warm_start
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    # What a bound has to say.

    def _objective(self) -> Any:
        """A callable: training scores -> one value a member, to be maximised."""
        raise NotImplementedError

    def _value(self, scores: FoldScores) -> float:
        """The bound at held-out scores."""
        raise NotImplementedError

    def _influence(self, scores: FoldScores) -> np.ndarray:
        """First-order influence of each row on the value, up to a constant."""
        raise NotImplementedError

    def _selected_by(self, held_out: Any) -> Any:
        """What the weights of a training run are compared by: one value a member."""
        from infotheory.functional import donsker_varadhan

        return donsker_varadhan(held_out.joint, held_out.product.flatten(1))

    def _ceiling(self, n_rows: int) -> float:
        """The largest value that the bound can take."""
        return float("inf")

    def _corrections(
        self, reference: Any, n_train: int, rng: np.random.Generator
    ) -> list[tuple[float, str]]:
        """Amounts to add that follow from the normal reference alone, each with its reason."""
        shortfall = expected_shortfall(reference, n_train, rng)
        return [(shortfall, f"the estimation of the normal reference from {n_train} rows")]

    # What all bounds do.

    def _cross_fit(
        self, X: np.ndarray, Y: np.ndarray, folds: list[Fold], rng: np.random.Generator
    ) -> CrossFit:
        from infotheory._critics import PairCritics

        return self._train_and_evaluate(PairCritics, X, Y, folds, rng)

    def _cross_fit_rows(
        self, source: Any, X: np.ndarray, Y: np.ndarray, folds: list[Fold], rng: np.random.Generator
    ) -> CrossFit:
        from infotheory._streamed_critics import StreamedPairCritics

        return self._train_and_evaluate(partial(StreamedPairCritics, source), X, Y, folds, rng)

    def _train_and_evaluate(
        self,
        critics: Callable[..., Any],
        X: np.ndarray,
        Y: np.ndarray,
        folds: list[Fold],
        rng: np.random.Generator,
    ) -> CrossFit:
        from infotheory._training import choose_device, local_seed

        with local_seed(int(rng.integers(2**31))):
            stack = critics(
                X,
                Y,
                folds,
                n_ensemble=self.n_ensemble,
                critic=self.critic,
                reference=self.reference,
                hidden_layer_sizes=self._layers(),
                activation=self.activation,
                baseline=self._baseline,
                second=self._second,
                device=choose_device(self.device),
            )
            for earlier in self._to_continue():
                if earlier.widths == stack.widths:
                    stack.start_from(earlier)
            history = stack.fit(
                self._objective(), self._selected_by, self._plan(type(self).__name__), rng
            )
            stack.calibrate(level=self._constant_is_open)
            held_out = stack.evaluated(self._n_turns)
            return self._summary(stack, folds, held_out, history, rng)

    def _summary(
        self, stack: Any, folds: list[Fold], held_out: Iterable, history: Any, rng: Any
    ) -> CrossFit:
        n = sum(len(f.test) for f in folds)
        pointwise, influence = np.empty(n), np.empty(n)
        values, each = np.zeros(len(folds)), np.zeros((len(folds), self.n_ensemble))
        for k, rows, scores in held_out:
            # One for all rows of a fold, or, where they are fetched, several in turn.
            mean, part = mean_scores(scores), len(rows) / len(folds[k].test)
            values[k] += part * self._value(mean)
            pointwise[rows] = mean.joint if mean.second is None else mean.second
            terms = self._influence(mean)
            influence[rows] = terms - terms.mean()
            if self.n_ensemble > 1:
                for i in range(self.n_ensemble):
                    each[k, i] += part * self._value(single_scores(scores, i))
        bound = seed_variance = 0.0
        for k, (fold, value) in enumerate(zip(folds, values, strict=True)):
            share = len(fold.test) / n
            bound += share * float(value)
            stack.offsets[k] = float(pointwise[fold.test].mean()) - value
            pointwise[fold.test] -= stack.offsets[k]
            if self.n_ensemble > 1:
                seed_variance += share**2 * float(np.var(each[k], ddof=1)) / self.n_ensemble
        notes, correction = [], 0.0
        if stack.has_reference:
            for amount, reason in self._corrections(stack.references[0], stack.n_fitted, rng):
                correction += amount
                if abs(amount) > _WORTH_A_NOTE:
                    done = "added" if amount > 0 else "taken off"
                    notes.append(
                        f"{abs(amount):.3g} nats were {done} for {reason}; the held-out value of "
                        f"the critics alone is {bound:.4g}."
                    )
        notes += stack.notes()
        spread = float(np.std(influence)) / np.sqrt(n)
        if bound < -min(1.0 + 3 * spread, 10.0):
            raise ValueError(
                f"n_samples = {n} rows are too few for these networks: the held-out value is "
                f"{bound:.3g} nats, where critics that know nothing have 0. Pass more rows, "
                f"smaller hidden_layer_sizes or reference=None, or take KSG()."
            )
        if bound < -3 * spread - _WORTH_A_NOTE:
            notes.append(
                f"The held-out value {bound:.3g} is below 0: the critics do worse than none on "
                f"rows they did not see. More rows, fewer columns or smaller networks help."
            )
        if spread > _LARGE_ERROR and spread > 0.1 * abs(bound):
            notes.append(
                f"The standard error is {spread:.2g} nats: a few held-out rows decide the value, "
                f"and it may be far off. More rows or steps help; InfoNCE and SMILE vary less."
            )
        notes += self._limits(bound, n, min(len(f.test) for f in folds))
        stack.offsets -= correction
        stack.release()
        return CrossFit(
            bound + correction,
            pointwise + correction,
            influence,
            seed_variance,
            stack,
            history,
            tuple(notes),
            bound,
        )

    def _limits(self, value: float, n: int, smallest_fold: int) -> list[str]:
        """What the method can return at all, where the value is near it."""
        notes, ceiling = [], self._ceiling(smallest_fold)
        if value > 0.8 * ceiling:
            notes.append(
                f"The value is near the largest that this bound can take, {ceiling:.3g} nats; the "
                f"truth may be far above. DonskerVaradhan has no such limit."
            )
        if value > np.log(n):
            notes.append(
                f"Values above ln n = {np.log(n):.3g} nats rest on the normal reference: no bound "
                f"without a model can be sure of them with n = {n} rows."
            )
        return notes

    def _store(self, result: CrossFit, notes: list[str]) -> None:
        super()._store(result, notes)
        self.held_out_bound_ = result.value if result.bound is None else result.bound

    @property
    def critic_(self) -> Any:
        """The trained networks, see Attributes."""
        return self._networks()

    def pointwise(self, X: Any, y: Any, *, condition: Any = None) -> np.ndarray:
        """Pointwise mutual information of new rows: the mean over all critics.

        Parameters
        ----------
        X : array-like of shape (l, d)
        y : array-like of shape (l,) or (l, e)
        condition : array-like of shape (l,) or (l, f), optional
            Exactly if ``fit`` had one.

        Returns
        -------
        ndarray of shape (l,)
            Nats.
        """
        left, right = self._check_new(X, y, condition)
        if not self._stacks():
            return np.zeros(len(left))
        both, *alone = self._stacks()
        told = both.log_ratio(left, right)
        for stack in alone:
            told = told - stack.log_ratio(left, right[:, table_width(self._seen[1]) :])
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
