"""Mutual information by denoising: MINDE, with a normal reference as control variate."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils._param_validation import StrOptions

from infotheory._neural import CrossFit, NeuralMutualInformation, table_width
from infotheory._reference import choose_references
from infotheory._resampling import Fold
from infotheory.functional import log_det_bias

_FORMS = ("gap", "inside", "outside")
_N_DRAWS, _N_DRAWS_NEW = 48, 128


class MINDE(NeuralMutualInformation):
    r"""Mutual information from the errors of denoisers, with and without the other variable.

    Rows of one variable are sent through a Gaussian channel at every signal-to-noise ratio; how
    much better their noise is predicted when the other is known, integrated over the log ratio, is
    the mutual information. Networks learn only what the best linear denoiser, that of a normal law,
    leaves.

    Parameters
    ----------
    variant : {"conditional", "joint"}
        "conditional" compares denoisers of one variable, that without labels or else of fewer
        columns, X if there are as many, that do and do not see the other; what the second has
        learnt is where the first begins, if that does better than the reference. "joint" compares
        one of (X, y) with those of each side given the other.
    form : {"gap", "inside", "outside"}
        What is reported: the gap of the denoising errors, of second order in the error of the
        networks; half the squared difference of their predictions; or the difference of two
        divergences from a standard normal law. The last two are of first order.
    reference : {"gaussian", None}
        Start from the normal law fitted to the data, on raw or rank margins, whichever tells more
        of the selection rows; None where both tell nothing.
    hidden_layer_sizes : array-like of int
    activation : {"relu", "silu", "gelu", "tanh"}
    batch_size : int
    learning_rate_init : float
    max_iter : int
        Training steps of each denoiser, one after the other.
    max_seconds : float, optional
        Time for training all, twice with a condition; the schedule shrinks to fit, and results
        then depend on the machine.
    early_stopping : bool
        Stop when the selection rows show no progress. The best weights are kept in any case.
    validation_fraction : float
        Share of the training rows that select.
    n_iter_no_change : int
        Checks, one every 50 steps, without progress before stopping.
    tol : float
        Nats of progress that count.
    n_folds : int
    n_ensemble : int
        Repeats from other random starts: their mean is the model, their spread is in the error.
    warm_start : bool
        Start from the weights of the last fit.
    device : str
        "cpu", "cuda" or "auto"; the CPU where there is no GPU.
    random_state : int, RandomState or None
    verbose : int
        1 shows a progress bar.

    Attributes
    ----------
    mutual_information_ : float
        Nats.
    standard_error_ : float
        From the influence of each row, and the spread of the repeats.
    pointwise_ : ndarray of shape (n,)
        Pointwise information of the fitted rows by networks that did not see them.
    forms_ : dict of str to float
        The value by each form: their disagreement is error that the networks do not share, and
        agreement alone proves nothing.
    loss_curve_ : list of float
    validation_scores_ : list of float
        Mean gain over the reference on the selection rows, nats.
    n_iter_ : int
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if an argument is out of its rule or there are too few rows for the folds.
    ImportError
        If torch is not installed.
    RuntimeError
        In ``fit``, if the loss becomes infinite or missing: no value is returned.

    Notes
    -----
    Neither a lower nor an upper bound: errors of the denoiser that sees y lower the value, those of
    the other raise it. Structure finer than 5 % of the finest conditional scale that neighbours
    show is not seen. No ceiling, but values above :math:`\ln n` rest on the normal reference, which
    a note says. Complexity: `max_iter` steps on ``n_folds * n_ensemble`` networks at once, two or
    three times. Sources: Franzese, Bounoua and Michiardi (2024), arXiv:2310.09031; Guo, Shamai and
    Verdu (2005), arXiv:cs/0412108; Kong, Brekelmans and Ver Steeg (2023), arXiv:2302.03792.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import MINDE
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(1000, 1))
    >>> y = 0.8 * x + 0.6 * rng.normal(size=(1000, 1))
    >>> minde = MINDE(max_iter=50, hidden_layer_sizes=(16,), random_state=0).fit(x, y)
    >>> bool(abs(minde.mutual_information_ - 0.51) < 0.08)
    True
    """

    _parameter_constraints: dict = {
        **NeuralMutualInformation._parameter_constraints,
        "variant": [StrOptions({"conditional", "joint"})],
        "form": [StrOptions(set(_FORMS))],
    }

    def __init__(
        self,
        *,
        variant: str = "conditional",
        form: str = "gap",
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
        warm_start: bool = False,
        device: str = "cpu",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.variant = variant
        self.form = form
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

    def _cross_fit(
        self, X: np.ndarray, Y: np.ndarray, folds: list[Fold], rng: np.random.Generator
    ) -> CrossFit:
        from infotheory import _denoisers as denoisers
        from infotheory._training import choose_device, local_seed

        swaps = self._swaps(X, Y)
        X, Y = (Y, X) if swaps else (X, Y)
        margins, references, has_reference = choose_references(
            X, Y, folds, self.reference, is_of_density=True
        )
        if self.variant == "conditional":
            problems = [denoisers.MARGINAL, denoisers.CONDITIONAL]
        else:
            problems = [denoisers.JOINT, denoisers.CONDITIONAL, denoisers.REVERSED]
        with local_seed(int(rng.integers(2**31))):
            stack = denoisers.PairDenoisers(
                X,
                Y,
                folds,
                problems,
                margins=margins,
                references=references,
                has_reference=has_reference,
                n_ensemble=self.n_ensemble,
                hidden_layer_sizes=self._layers(),
                activation=self.activation,
                device=choose_device(self.device),
                rng=rng,
            )
            for earlier in self._to_continue():
                if earlier.shape == stack.shape:
                    stack.start_from(earlier)
            plan = self._plan("MINDE", ema=0.995)
            history = stack.fit(plan, rng)
            gains = stack.gains_of_folds(_N_DRAWS)
        stack.is_swapped = swaps
        result = self._summary(X, Y, folds, stack, gains, history)
        stack.release()
        return result

    def _swaps(self, X: np.ndarray, Y: np.ndarray) -> bool:
        """Whether Y is diffused where one of the two is.

        Not the one with indicators of labels, whose law has no density; else the narrower one:
        fewer columns to denoise, and a wide one may lie on a curve or surface, which no range of
        noise shows whole.
        """
        if self.variant != "conditional":
            return False
        indicators = [bool(np.any(np.all((T == 0) | (T == 1), axis=0))) for T in (X, Y)]
        if indicators[0] != indicators[1]:
            return indicators[0]
        return Y.shape[1] < X.shape[1]

    def _summary(
        self,
        X: np.ndarray,
        Y: np.ndarray,
        folds: list[Fold],
        stack: Any,
        gains: list[np.ndarray],
        history: Any,
    ) -> CrossFit:
        n = len(X)
        reference, pointwise = _normal_part(X, Y, stack)
        influence = pointwise - pointwise.mean()
        by_form = np.zeros(len(_FORMS))
        seed_variance = 0.0
        chosen = _FORMS.index(self.form)
        added = np.zeros(n)
        for fold, gain in zip(folds, gains, strict=True):
            share = len(fold.test) / n
            by_form += share * gain[:, -1].mean(axis=1)
            added[fold.test] = gain[chosen, -1]
            if self.n_ensemble > 1:
                each = gain[chosen, :-1].mean(axis=1)
                seed_variance += share**2 * float(np.var(each, ddof=1)) / self.n_ensemble
        value = reference + float(added.mean())
        stack.forms = reference + by_form
        notes = [*stack.references[0].notes(), *_notes(value, stack.forms, n)]
        pointwise = pointwise + added
        pointwise += value - pointwise.mean()
        influence = influence + added - added.mean()
        return CrossFit(value, pointwise, influence, seed_variance, stack, history, tuple(notes))

    def _store(self, result: CrossFit, notes: list[str]) -> None:
        super()._store(result, notes)
        # With a condition: the information of both, less that of the condition alone.
        parts = [stack.forms for stack in self._stacks()]
        forms = sum(sign * part for sign, part in zip((1, -1), parts, strict=False))
        self.forms_ = dict(zip(_FORMS, np.broadcast_to(forms, 3).tolist(), strict=True))

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
        form = _FORMS.index(self.form)
        both, *alone = self._stacks()
        told = _of_new(both, left, right, form)
        for stack in alone:
            told = told - _of_new(stack, left, right[:, table_width(self._seen[1]) :], form)
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


def _of_new(stack: Any, X: np.ndarray, Y: np.ndarray, form: int) -> np.ndarray:
    rows = (Y, X) if stack.is_swapped else (X, Y)
    return stack.log_ratio(*rows, form, _N_DRAWS_NEW)


def _notes(value: float, forms: np.ndarray, n: int) -> list[str]:
    notes = []
    spread = float(np.ptp(forms))
    if spread > max(0.1, 0.1 * abs(value)):
        told = ", ".join(f"{name} {v:.3g}" for name, v in zip(_FORMS, forms, strict=True))
        notes.append(
            f"The forms disagree by {spread:.2g} nats ({told}): the networks have not "
            f"converged to one law. More rows, a larger max_iter or wider layers help."
        )
    if value > np.log(n):
        notes.append(f"Values above ln n = {np.log(n):.3g} nats rest on the normal reference.")
    return notes


def _normal_part(X: np.ndarray, Y: np.ndarray, stack: Any) -> tuple[float, np.ndarray]:
    """Information by the normal law, without bias, and its log ratio at each row."""
    from infotheory._reference import SMALLEST_SHARES, GaussianReference, Margins, log_ratio

    n = len(X)
    if not stack.has_reference:
        return 0.0, np.zeros(n)
    if stack.references[0].share < 1:
        # Of a law that is not the one of the moments the mean over rows is the value, and rows
        # that did not fit it have no bias.
        told = np.zeros(n)
        for fold, of_fold in zip(stack.folds, stack.reference_log_ratio(), strict=True):
            told[fold.test] = of_fold[fold.test]
        return float(told.mean()), told
    kind = stack.margins[0][0].kind
    on_x, on_y = Margins(X, kind)(X), Margins(Y, kind)(Y)
    finest = float(n) ** -2.0 if kind == "ranks" else 1e-12
    fits = [GaussianReference(on_x, on_y, smallest=s, finest=finest) for s in SMALLEST_SHARES]
    # The directions that the references of the folds left out are left out here.
    kept = max(r.dim_x + r.dim_y for r in stack.references)
    normal = next((r for r in fits if r.dim_x + r.dim_y <= kept), fits[-1])
    d, e = normal.dim_x, normal.dim_y
    bias = 0.5 * (log_det_bias(n, d) + log_det_bias(n, e) - log_det_bias(n, d + e))
    value = -0.5 * float(np.sum(np.log1p(-(normal.correlations**2)))) - bias
    return value, log_ratio(*normal.coordinates(on_x, on_y), normal.quadratic())
