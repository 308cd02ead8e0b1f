"""What estimators by learnt conditional laws share: laws trained on folds, values, new rows."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from infotheory._neural import CrossFit, NeuralMutualInformation, table_width
from infotheory._resampling import Fold
from infotheory._validation import Variable

# Rows of which all pairs are formed at a time.
_LARGEST_BLOCK = 1024


class ConditionalDensityEstimator(NeuralMutualInformation):
    """Base: a stack of networks q(y | x), trained by their likelihood."""

    bound_: ClassVar[str] = "upper bound"
    density = "gaussian"
    _parameter_constraints: dict = {**NeuralMutualInformation._parameter_constraints}

    def __init__(
        self,
        *,
        reference: str | None = "gaussian",
        hidden_layer_sizes: Any = (128, 128),
        activation: str = "silu",
        batch_size: int = 256,
        learning_rate_init: float = 1e-3,
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

    # What a subclass has to say.

    def _evaluate(self, stack: Any, folds: list[Fold]) -> tuple[float, Any, Any, float]:
        """Value, pointwise terms or None, influence of each row, variance over the repeats."""
        raise NotImplementedError

    def _of_new(self, fitted: Any, new: Any) -> np.ndarray:
        """Terms of new rows, whose mean is the value there."""
        raise NotImplementedError

    _caveat: ClassVar[tuple[str, ...]] = ()

    # What all of them do.

    def _cross_fit(
        self, X: np.ndarray, Y: np.ndarray, folds: list[Fold], rng: np.random.Generator
    ) -> CrossFit:
        from infotheory._densities import ConditionalDensities
        from infotheory._training import choose_device, local_seed

        self._target, self._labelled = _target(self._seen)
        given, target = (X, Y) if self._target == "y" else (Y, X)
        self._atoms = np.unique(target, axis=0) if self._labelled else None
        with local_seed(int(rng.integers(2**31))):
            stack = ConditionalDensities(
                given,
                self._as_target(target),
                folds,
                n_ensemble=self.n_ensemble,
                family="categorical" if self._labelled else self.density,
                reference=self.reference,
                hidden_layer_sizes=self._layers(),
                activation=self.activation,
                device=choose_device(self.device),
            )
            for earlier in self._to_continue():
                if earlier.widths == stack.widths:
                    stack.start_from(earlier)
            history = stack.fit(self._plan(type(self).__name__), rng)
        value, pointwise, influence, seed_variance = self._evaluate(stack, folds)
        notes = [*self._caveat]
        variable = self._seen[0] if self._target == "x" else self._seen[1]
        if self._target == "x":
            notes.append("The law that was learnt is that of X given the rest.")
        if variable.kind == "mixed" and not self._labelled:
            notes.append(
                f"Values of {variable.name} repeat, where no density describes them: the value may "
                f"be far off. MixedKSG or DonskerVaradhan can bear that."
            )
        stack.correction = correction = self._correction(stack, folds, rng)
        if correction > 0.005:
            notes.append(
                f"{correction:.3g} nats were added for the estimation of the normal reference; "
                f"the held-out value alone is {value:.4g}."
            )
        if pointwise is not None:
            pointwise = pointwise + correction
        return CrossFit(
            value + correction, pointwise, influence, seed_variance, stack, history, tuple(notes)
        )

    def _correction(self, stack: Any, folds: list[Fold], rng: np.random.Generator) -> float:
        return 0.0

    def _store(self, result: CrossFit, notes: list[str]) -> None:
        super()._store(result, notes)
        # Both fits for a condition say the same.
        self.notes_ = tuple(dict.fromkeys(self.notes_))

    def _as_target(self, table: np.ndarray) -> np.ndarray:
        """Real columns as they are; rows of labels as the indicator of one joint label."""
        if self._atoms is None:
            return table
        place = {atom.tobytes(): i for i, atom in enumerate(self._atoms)}
        try:
            codes = [place[row.tobytes()] for row in np.ascontiguousarray(table)]
        except KeyError:
            raise ValueError(
                "New rows have a combination of labels that fit did not see. Pass rows whose "
                "labels are among those of the fitted sample."
            ) from None
        return np.eye(len(self._atoms))[codes]

    @property
    def critic_(self) -> Any:
        """The trained laws: a module whose weights have one leading entry a fold and repeat.

        With a condition a pair: those given (y, condition) and those given the condition alone.
        """
        return self._networks()

    def _terms_of_new(self, X: Any, y: Any, condition: Any) -> np.ndarray:
        left, right = self._check_new(X, y, condition)
        if not self._stacks():
            return np.zeros(len(left))
        both, *alone = self._stacks()
        told = self._at(both, left, right)
        for stack in alone:
            told = told - self._at(stack, left, right[:, table_width(self._seen[1]) :])
        return told

    def _at(self, stack: Any, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        given, target = (left, right) if self._target == "y" else (right, left)
        return self._of_new(stack, stack.on(given, self._as_target(target))) + stack.correction

    def score(self, X: Any, y: Any, *, condition: Any = None) -> float:
        """The value at new rows, which trained nothing.

        Parameters
        ----------
        X : array-like of shape (l, d)
        y : array-like of shape (l,) or (l, e)
        condition : array-like of shape (l,) or (l, f), optional

        Returns
        -------
        float
            Nats.
        """
        return float(np.mean(self._terms_of_new(X, y, condition)))


class PointwiseLaws(ConditionalDensityEstimator):
    """Values that are a mean of log ratios."""

    def pointwise(self, X: Any, y: Any, *, condition: Any = None) -> np.ndarray:
        """Pointwise mutual information of new rows: the mean over the laws of all folds.

        Parameters
        ----------
        X : array-like of shape (l, d)
        y : array-like of shape (l,) or (l, e)
        condition : array-like of shape (l,) or (l, f), optional

        Returns
        -------
        ndarray of shape (l,)
            Nats.
        """
        return self._terms_of_new(X, y, condition)


class LawsByPairs(ConditionalDensityEstimator):
    """Values from all pairs of held-out rows, in blocks."""

    _caveat = (
        "An upper bound with the true conditional law; with the learnt one neither an upper nor a "
        "lower bound.",
    )

    def _of_table(self, table: np.ndarray) -> tuple[float, np.ndarray | None, np.ndarray]:
        """Value, pointwise terms and influence of a table of ln q(y_j | x_i)."""
        raise NotImplementedError

    def _evaluate(self, stack: Any, folds: list[Fold]) -> tuple[float, Any, Any, float]:
        from infotheory._densities import mixture

        n = sum(len(f.test) for f in folds)
        terms, influence = np.empty(n), np.empty(n)
        value = 0.0
        each = np.zeros((len(folds), self.n_ensemble))
        has_terms = True
        for blocks in _blocks(folds):
            for k, (rows, table) in enumerate(zip(blocks, stack.tables(blocks), strict=True)):
                share = len(rows) / n
                told, own, influence[rows] = self._of_table(mixture(table))
                value += share * told
                if own is None:
                    has_terms = False
                else:
                    terms[rows] = own
                for e, one in enumerate(table.double().cpu().numpy()):
                    each[k, e] += share * self._of_table(one)[0]
        seed_variance = sum(variance_of_mean(values) for values in each)
        return value, terms if has_terms else None, influence, seed_variance

    def _of_new(self, fitted: Any, new: Any) -> np.ndarray:
        from infotheory._densities import mixture

        blocks = next(_blocks(fitted.folds))
        rows = [np.arange(new.left.shape[1])] * len(fitted.folds)
        own = [mixture(c) for c, _ in new.held_out(rows)]
        apart = [self._mean_over_x(mixture(t)) for t in fitted.tables(blocks, new)]
        return np.mean([a - b for a, b in zip(own, apart, strict=True)], axis=0)

    def _mean_over_x(self, table: np.ndarray) -> np.ndarray:
        """What stands for the marginal law at each column of a table of ln q(y_j | x_i)."""
        raise NotImplementedError


def _blocks(folds: list[Fold]) -> Any:
    """Parts of the held-out rows of every fold, few enough to form all their pairs."""
    n_blocks = -(-max(len(f.test) for f in folds) // _LARGEST_BLOCK)
    parts = [np.array_split(f.test, n_blocks) for f in folds]
    for b in range(n_blocks):
        yield [part[b] for part in parts]


def variance_of_mean(values: np.ndarray) -> float:
    return float(np.var(values, ddof=1)) / len(values) if len(values) > 1 else 0.0


def _target(seen: list[Variable]) -> tuple[str, bool]:
    """Whose law is learnt, and whether it is of labels.

    Labels before real columns, since a network can give them any law, and y before X; but given a
    condition X, so that both values speak of one law.
    """
    x, rest = seen[0], seen[1:]
    options = [("x", [x])] if len(rest) > 1 else [("y", rest), ("x", [x])]
    for labelled in (True, False):
        for name, variables in options:
            if all(bool(np.all(v.is_label == labelled)) for v in variables):
                return name, labelled
    who = "X mixes" if len(rest) > 1 else "X and y both mix"
    raise ValueError(
        f"{who} labels with real columns, for which no conditional law is built. Take MixedKSG or "
        f"DonskerVaradhan, or pass the columns of one kind."
    )
