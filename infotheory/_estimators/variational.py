"""Mutual information by critics: variational bounds, cross-fitted, from a normal reference."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import StrOptions

from infotheory._neural import CrossFit, NeuralMutualInformation
from infotheory._reference import expected_shortfall
from infotheory._resampling import Fold

_N_SHIFTS = 64
_CRITICS = ("separable", "concatenated", "bilinear")


def _by_partner(values: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Mean over the pairs in which each row was the partner: entry (i, m) is of row i + s_m."""
    n = len(values)
    rows = (np.arange(n)[:, None] - shifts[None, :]) % n
    return values[rows, np.arange(len(shifts))[None, :]].mean(axis=1)


class _Scores:
    """Held-out values of one fold as numpy arrays, one critic or the mean of several."""

    def __init__(self, joint: Any, product: Any, shifts: np.ndarray, second: Any = None) -> None:
        self.joint, self.product, self.shifts, self.second = joint, product, shifts, second

    @classmethod
    def mean(cls, held_out: Any) -> _Scores:
        """The mean critic of the fold."""
        joint, product, second = (
            None if t is None else t.double().mean(0).cpu().numpy()
            for t in (held_out.joint, held_out.product, held_out.second)
        )
        return cls(joint, product, held_out.shifts, second)

    @classmethod
    def each(cls, held_out: Any) -> list[_Scores]:
        """Every critic of the fold."""
        joint, product, second = (
            None if t is None else t.double().cpu().numpy()
            for t in (held_out.joint, held_out.product, held_out.second)
        )
        return [
            cls(joint[e], product[e], held_out.shifts, None if second is None else second[e])
            for e in range(len(joint))
        ]


class VariationalMutualInformation(NeuralMutualInformation):
    """Base of the bounds: a subclass says what is maximised and what is reported of a critic."""

    bound_: ClassVar[str] = "lower bound"
    _baseline: ClassVar[bool] = False
    _second: ClassVar[bool] = False
    _n_shifts: ClassVar[int] = _N_SHIFTS
    _parameter_constraints: dict = {
        **NeuralMutualInformation._parameter_constraints,
        "critic": [StrOptions(set(_CRITICS)), callable],
    }

    def __init__(
        self,
        *,
        critic: Any = "separable",
        reference: str | None = "gaussian",
        hidden_layer_sizes: Any = (128, 128, 128),
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

    def _value(self, scores: _Scores) -> float:
        """The bound at held-out scores."""
        raise NotImplementedError

    def _influence(self, scores: _Scores) -> np.ndarray:
        """First-order influence of each row on the value, up to a constant."""
        raise NotImplementedError

    def _log_ratio(self, joint: np.ndarray, second: np.ndarray | None) -> np.ndarray:
        """What estimates the pointwise information, up to a constant."""
        return joint if second is None else second

    def _ceiling(self, n_rows: int) -> float:
        """The largest value that the bound can take."""
        return float("inf")

    def _selected_by(self, held_out: Any) -> Any:
        from infotheory.functional import donsker_varadhan

        return donsker_varadhan(held_out.joint, held_out.product.flatten(1))

    # What all bounds do.

    def _cross_fit(
        self, X: np.ndarray, Y: np.ndarray, folds: list[Fold], rng: np.random.Generator
    ) -> CrossFit:
        from infotheory._critics import PairCritics
        from infotheory._training import choose_device, local_seed

        with local_seed(int(rng.integers(2**31))):
            stack = PairCritics(
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
            if self.warm_start and hasattr(self, "_result") and self._result.model is not None:
                stack.start_from(self._result.model)
            history = stack.fit(
                self._objective(), self._selected_by, self._plan(type(self).__name__), rng
            )
            held_out = stack.held_out("test", self._n_shifts)
        return self._summary(stack, folds, held_out, history, rng)

    def _summary(
        self, stack: Any, folds: list[Fold], held_out: list, history: Any, rng: Any
    ) -> CrossFit:
        n = sum(len(f.test) for f in folds)
        pointwise, influence = np.empty(n), np.empty(n)
        value = seed_variance = 0.0
        self._offsets = []
        for fold, scores in zip(folds, held_out, strict=True):
            mean, share = _Scores.mean(scores), len(fold.test) / n
            told = self._value(mean)
            value += share * told
            log_ratio = self._log_ratio(mean.joint, mean.second)
            self._offsets.append(float(log_ratio.mean()) - told)
            pointwise[fold.test] = log_ratio - self._offsets[-1]
            terms = self._influence(mean)
            influence[fold.test] = terms - terms.mean()
            if self.n_ensemble > 1:
                each = [self._value(s) for s in _Scores.each(scores)]
                seed_variance += share**2 * float(np.var(each, ddof=1)) / self.n_ensemble
        notes, correction = [], 0.0
        if stack.has_reference:
            n_train = int(np.mean([len(f.train) for f in folds]))
            correction = expected_shortfall(stack.references[0], n_train, rng)
            if correction > 0.005:
                notes.append(
                    f"{correction:.3g} nats were added for the estimation of the normal reference "
                    f"from {n_train} rows; the bound alone is {value:.4g}."
                )
        self.held_out_bound_ = value
        ceiling = self._ceiling(min(len(f.test) for f in folds))
        if value > 0.8 * ceiling:
            notes.append(
                f"The value is near the largest that this bound can take, {ceiling:.3g} nats; the "
                f"truth may be far above. Take DonskerVaradhan or MINDE."
            )
        limit = np.log(n)
        if value > limit:
            notes.append(
                f"Values above ln n = {limit:.3g} nats rest on the normal reference: no bound "
                f"without a model can be sure of them with n = {n} rows."
            )
        return CrossFit(
            value + correction,
            pointwise + correction,
            influence,
            seed_variance,
            stack,
            history,
            tuple(notes),
        )

    @property
    def critic_(self) -> Any:
        """The trained critics: a module whose weights have one leading entry a fold and repeat."""
        model = self._result.model
        return [m.network for m in model] if isinstance(model, tuple) else model.network

    def pointwise(self, X: Any, y: Any, *, condition: Any = None) -> np.ndarray:
        """Pointwise mutual information of new rows: the mean over all critics.

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
        left, right = self._check_new(X, y, condition)
        model = self._result.model
        if model is None:
            return np.zeros(len(left))
        if isinstance(model, tuple):
            raise NotImplementedError(
                "pointwise of new rows is not there for a fit with a condition; pointwise_ has the "
                "fitted rows."
            )
        import torch

        here = model.on(left, right)
        rows = torch.arange(len(left), device=here.device).expand(len(here.fold_of), -1)
        with torch.no_grad():
            joint, second = here.pairs(rows, rows), here.second(rows)
        raw = joint if second is None else second
        by_fold = raw.double().unflatten(0, (-1, self.n_ensemble)).mean(1).cpu().numpy()
        return np.mean(by_fold - np.array(self._offsets)[:, None], axis=0)

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


class _Dual(VariationalMutualInformation):
    """Bounds that are a mean over pairs drawn together minus one over pairs drawn apart."""

    _form: ClassVar[str] = ""

    def _form_parameters(self) -> dict[str, float]:
        return {}

    def _shifted(self, scores: Any) -> tuple[Any, Any]:
        """The critic as the form wants it."""
        return scores.joint, scores.product

    def _value(self, scores: _Scores) -> float:
        from infotheory.functional import donsker_varadhan, nwj, smile

        bound = {"donsker-varadhan": donsker_varadhan, "nwj": nwj, "smile": smile}[self._form]
        joint, product = self._shifted(scores)
        return float(bound(joint, product.ravel(), **self._form_parameters()))

    def _influence(self, scores: _Scores) -> np.ndarray:
        from infotheory.functional import bound_influence

        joint, product = self._shifted(scores)
        terms = bound_influence(self._form, joint, product.ravel(), **self._form_parameters())
        apart = terms.product.reshape(product.shape)
        return terms.joint + apart.mean(axis=1) + _by_partner(apart, scores.shifts)


def _info_nce(scores: Any) -> Any:
    """Each row picks its partner among the batch, in both directions."""
    import math

    import torch

    first = scores.joint.unsqueeze(-1)
    rows = torch.cat([first, scores.product], dim=-1).logsumexp(-1)
    columns = torch.cat([first, scores.by_y], dim=-1).logsumexp(-1)
    told = scores.joint - 0.5 * (rows + columns)
    return told.mean(-1) + math.log(scores.product.shape[-1] + 1)


def _jensen_shannon(scores: Any) -> Any:
    from infotheory.functional import jensen_shannon

    return jensen_shannon(scores.joint, scores.product.flatten(1))


class DonskerVaradhan(_Dual):
    _form = "donsker-varadhan"

    def _objective(self) -> Any:
        from infotheory.functional import donsker_varadhan

        return lambda s: donsker_varadhan(s.joint, s.product.flatten(1))


class MINE(_Dual):
    _form = "donsker-varadhan"

    def _objective(self) -> Any:
        from infotheory.functional import mine_surrogate, running_log_mean

        state: list[Any] = [None]

        def objective(scores: Any) -> Any:
            product = scores.product.flatten(1)
            state[0] = running_log_mean(state[0], product, 0.1)
            return mine_surrogate(scores.joint, product, state[0])

        return objective


class NWJ(_Dual):
    _form = "nwj"

    def _objective(self) -> Any:
        from infotheory.functional import nwj

        return lambda s: nwj(s.joint + 1.0, s.product.flatten(1) + 1.0)

    def _shifted(self, scores: Any) -> tuple[Any, Any]:
        return scores.joint + 1.0, scores.product + 1.0

    def _selected_by(self, held_out: Any) -> Any:
        from infotheory.functional import nwj

        joint, product = self._shifted(held_out)
        return nwj(joint, product.flatten(1))


class TUBA(NWJ):
    _baseline = True


class JensenShannonBound(NWJ):
    def _objective(self) -> Any:
        return _jensen_shannon


class SMILE(_Dual):
    _form = "smile"
    bound_ = "neither"
    clip = 5.0

    def _form_parameters(self) -> dict[str, float]:
        return {"clip": self.clip}

    def _objective(self) -> Any:
        return _jensen_shannon


class InfoNCE(VariationalMutualInformation):
    _n_shifts = 1023

    def _objective(self) -> Any:
        return _info_nce

    def _terms(self, scores: _Scores) -> tuple[np.ndarray, np.ndarray]:
        from scipy.special import logsumexp

        table = np.concatenate([scores.joint[:, None], scores.product[:, :1023]], axis=1)
        partition = logsumexp(table, axis=1)
        terms = scores.joint - partition + np.log(table.shape[1])
        return terms, np.exp(table[:, 1:] - partition[:, None])

    def _value(self, scores: _Scores) -> float:
        return float(self._terms(scores)[0].mean())

    def _influence(self, scores: _Scores) -> np.ndarray:
        terms, weights = self._terms(scores)
        m = weights.shape[1]
        return terms - m * _by_partner(weights, scores.shifts[:m])

    def _ceiling(self, n_rows: int) -> float:
        return float(np.log(min(1024, n_rows)))


class FLO(VariationalMutualInformation):
    _second = True

    def _objective(self) -> Any:
        from infotheory.functional import flo

        return lambda s: flo(s.second, s.joint, s.product)

    def _terms(self, scores: _Scores) -> tuple[np.ndarray, np.ndarray]:
        weights = np.exp((scores.second - scores.joint)[:, None] + scores.product)
        return scores.second - weights.mean(axis=1) + 1.0, weights

    def _value(self, scores: _Scores) -> float:
        return float(self._terms(scores)[0].mean())

    def _influence(self, scores: _Scores) -> np.ndarray:
        terms, weights = self._terms(scores)
        return terms - _by_partner(weights, scores.shifts)

    def _selected_by(self, held_out: Any) -> Any:
        from infotheory.functional import flo

        return flo(held_out.second, held_out.joint, held_out.product)
