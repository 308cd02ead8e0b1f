"""Mutual information from learnt conditional laws q(y | x): no exponential of a critic."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import StrOptions

from infotheory._neural import CrossFit, NeuralMutualInformation
from infotheory._reference import expected_shortfall
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

    def _of_new(self, fitted: Any, new: Any, folds: list[Fold]) -> np.ndarray:
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
        self._folds_used = folds
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
            if self._continues and isinstance(self._previous(), ConditionalDensities):
                stack.start_from(self._previous())
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
        correction = self._correction(stack, folds, rng)
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

    def _previous(self) -> Any:
        return self._result.model if hasattr(self, "_result") else None

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
        """The trained laws: a module whose weights have one leading entry a fold and repeat."""
        model = self._result.model
        return [m.network for m in model] if isinstance(model, tuple) else model.network

    def _terms_of_new(self, X: Any, y: Any, condition: Any) -> np.ndarray:
        left, right = self._check_new(X, y, condition)
        model = self._result.model
        if model is None:
            return np.zeros(len(left))
        if isinstance(model, tuple):
            raise NotImplementedError(
                "Values of new rows are not there for a fit with a condition; the fitted "
                "attributes have those of the fitted rows."
            )
        given, target = (left, right) if self._target == "y" else (right, left)
        return self._of_new(model, model.on(given, self._as_target(target)), self._folds_used)

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


class _Pointwise(ConditionalDensityEstimator):
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


class DoE(_Pointwise):
    r"""Mutual information as a difference of entropies: learnt q(y) against learnt q(y | x).

    Parameters
    ----------
    density : {"gaussian", "logistic"}
        Family of both laws, in coordinates of y that are uncorrelated; labels have
        probabilities instead.
    reference : {"gaussian", None}
        Start the conditional law from the linear normal one, and y from normal scores or
        standardised columns, whichever tells more on the selection rows.
    hidden_layer_sizes : array-like of int
    activation : {"relu", "silu", "gelu", "tanh"}
    batch_size : int
    learning_rate_init : float
    max_iter : int
        Steps.
    max_seconds : float, optional
    early_stopping : bool
        Stop when the selection rows show no gain of `tol` in `n_iter_no_change` checks.
    validation_fraction : float
        Share of the rows outside a fold that select.
    n_iter_no_change : int
    tol : float
    n_folds : int
    n_ensemble : int
        Networks a fold; their mixture is evaluated.
    warm_start : bool
    device : str
    random_state : int, RandomState or None
    verbose : int

    Attributes
    ----------
    mutual_information_ : float
        Nats, from rows that neither trained nor selected the networks that see them.
    pointwise_ : ndarray of shape (n,)
    standard_error_ : float
    bound_ : str
        "neither".
    critic_ : torch.nn.Module
        The networks of all folds.
    loss_curve_, validation_scores_ : list of float
    n_iter_ : int
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if an argument is out of its rule, rows are too few for the folds, or X and y
        both mix labels with real columns.
    ImportError
        In ``fit``, without torch.

    Notes
    -----
    Neither an upper nor a lower bound: it errs upwards by :math:`KL(p(y) \| q(y))` and downwards
    by :math:`E_x KL(p(y | x) \| q(y | x))`, so that a marginal law far from normal makes it too
    large. No :math:`\ln n` ceiling; the interval speaks of sampling alone and not of that model
    error. Labels have the law that the network gives them; where X alone is labels, and given a
    condition always, the law of X given y is learnt. Complexity: a step costs `n_folds` times
    `n_ensemble` small networks. Source: McAllester and Stratos (2020), arXiv:1811.04251.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import DoE
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(1000, 1))
    >>> y = 0.8 * x + 0.6 * rng.normal(size=(1000, 1))
    >>> doe = DoE(hidden_layer_sizes=(16,), max_iter=100, n_folds=2, random_state=0)
    >>> print(f"{doe.fit(x, y).mutual_information_:.1f}")  # truth 0.51
    0.5
    """

    bound_ = "neither"
    _parameter_constraints: dict = {
        **ConditionalDensityEstimator._parameter_constraints,
        "density": [StrOptions({"gaussian", "logistic"})],
    }

    def __init__(
        self,
        *,
        density: str = "gaussian",
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
        super().__init__(
            reference=reference,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            max_seconds=max_seconds,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            n_folds=n_folds,
            n_ensemble=n_ensemble,
            warm_start=warm_start,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.density = density

    def _evaluate(self, stack: Any, folds: list[Fold]) -> tuple[float, Any, Any, float]:
        from infotheory._densities import mixture
        from infotheory.functional import difference_of_entropies

        n = sum(len(f.test) for f in folds)
        pointwise = np.empty(n)
        value = seed_variance = 0.0
        held_out = stack.held_out([f.test for f in folds])
        for fold, (conditional, marginal) in zip(folds, held_out, strict=True):
            share = len(fold.test) / n
            together, alone = mixture(conditional), mixture(marginal)
            value += share * float(difference_of_entropies(alone, together))
            pointwise[fold.test] = together - alone
            each = (conditional - marginal).double().mean(dim=1).cpu().numpy()
            seed_variance += share**2 * _variance_of_mean(each)
        return value, pointwise, pointwise - value, seed_variance

    def _of_new(self, fitted: Any, new: Any, folds: list[Fold]) -> np.ndarray:
        from infotheory._densities import mixture

        rows = [np.arange(new.left.shape[1])] * len(folds)
        terms = [mixture(c) - mixture(m) for c, m in new.held_out(rows)]
        return np.mean(terms, axis=0)

    def _correction(self, stack: Any, folds: list[Fold], rng: np.random.Generator) -> float:
        if not stack.has_reference or stack.family != "gaussian":
            return 0.0
        n_train = int(np.mean([len(f.train) for f in folds]))
        return expected_shortfall(stack.references[0], n_train, rng)


class _ByPairs(ConditionalDensityEstimator):
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
        seed_variance = sum(_variance_of_mean(values) for values in each)
        return value, terms if has_terms else None, influence, seed_variance

    def _of_new(self, fitted: Any, new: Any, folds: list[Fold]) -> np.ndarray:
        from infotheory._densities import mixture

        blocks = next(_blocks(folds))
        rows = [np.arange(new.left.shape[1])] * len(folds)
        own = [mixture(c) for c, _ in new.held_out(rows)]
        apart = [self._mean_over_x(mixture(t)) for t in fitted.tables(blocks, new)]
        return np.mean([a - b for a, b in zip(own, apart, strict=True)], axis=0)

    def _mean_over_x(self, table: np.ndarray) -> np.ndarray:
        """What stands for the marginal law at each column of a table of ln q(y_j | x_i)."""
        raise NotImplementedError


class CLUB(_ByPairs):
    r"""Contrastive log-ratio upper bound on mutual information, with a learnt q(y | x).

    Parameters
    ----------
    reference : {"gaussian", None}
        Start the conditional law from the linear normal one, and y from normal scores or
        standardised columns, whichever tells more on the selection rows.
    hidden_layer_sizes : array-like of int
    activation : {"relu", "silu", "gelu", "tanh"}
    batch_size : int
    learning_rate_init : float
    max_iter : int
        Steps.
    max_seconds : float, optional
    early_stopping : bool
        Stop when the selection rows show no gain of `tol` in `n_iter_no_change` checks.
    validation_fraction : float
        Share of the rows outside a fold that select.
    n_iter_no_change : int
    tol : float
    n_folds : int
    n_ensemble : int
        Networks a fold; their mixture is evaluated.
    warm_start : bool
    device : str
    random_state : int, RandomState or None
    verbose : int

    Attributes
    ----------
    mutual_information_ : float
        Nats, from rows that neither trained nor selected the networks that see them.
    standard_error_ : float
    bound_ : str
        "upper bound": that is so with the true conditional law.
    critic_ : torch.nn.Module
        The networks of all folds.
    loss_curve_, validation_scores_ : list of float
    n_iter_ : int
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if an argument is out of its rule, rows are too few for the folds, or X and y
        both mix labels with real columns.
    ImportError
        In ``fit``, without torch.

    Notes
    -----
    An upper bound in expectation where q is the true conditional law, larger than the truth by
    :math:`E_x KL(p(y) \| p(y | x))`: for a correlation of 0.8 of two normal variables 1.78 nats
    instead of 0.51. With a learnt q neither an upper nor a lower bound, so no number to report
    alone; its use is as a penalty on information. Given a condition the difference of two such
    values bounds nothing. The law is trained by its likelihood. Where X alone is labels, or given
    a condition, the law of X given y is learnt. Complexity: a step costs `n_folds` times
    `n_ensemble` small networks; evaluation all pairs in blocks of 1 024 rows. Source: Cheng et al.
    (2020), arXiv:2006.12013.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import CLUB
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(1000, 1))
    >>> y = 0.8 * x + 0.6 * rng.normal(size=(1000, 1))
    >>> club = CLUB(hidden_layer_sizes=(16,), max_iter=100, n_folds=2, random_state=0)
    >>> print(f"{club.fit(x, y).mutual_information_:.0f}")  # the bound is 1.78, the truth 0.51
    2
    """

    _information_laws = {
        **ConditionalDensityEstimator._information_laws,
        "symmetry": None,
        "truth": None,
    }

    def _of_table(self, table: np.ndarray) -> tuple[float, np.ndarray | None, np.ndarray]:
        from infotheory.functional import club, off_diagonal

        own, n = np.diagonal(table), len(table)
        value = float(club(own, off_diagonal(table)))
        as_x, as_y = ((table.sum(axis=a) - own) / (n - 1) for a in (1, 0))
        influence = own - as_x - as_y
        return value, None, influence - influence.mean()

    def _mean_over_x(self, table: np.ndarray) -> np.ndarray:
        return table.mean(axis=0)


class LeaveOneOutBound(_Pointwise, _ByPairs):
    r"""Mutual information from a learnt q(y | x), with the other rows as the marginal law.

    Parameters
    ----------
    reference : {"gaussian", None}
        Start the conditional law from the linear normal one, and y from normal scores or
        standardised columns, whichever tells more on the selection rows.
    hidden_layer_sizes : array-like of int
    activation : {"relu", "silu", "gelu", "tanh"}
    batch_size : int
    learning_rate_init : float
    max_iter : int
        Steps.
    max_seconds : float, optional
    early_stopping : bool
        Stop when the selection rows show no gain of `tol` in `n_iter_no_change` checks.
    validation_fraction : float
        Share of the rows outside a fold that select.
    n_iter_no_change : int
    tol : float
    n_folds : int
    n_ensemble : int
        Networks a fold; their mixture is evaluated.
    warm_start : bool
    device : str
    random_state : int, RandomState or None
    verbose : int

    Attributes
    ----------
    mutual_information_ : float
        Nats, from rows that neither trained nor selected the networks that see them.
    pointwise_ : ndarray of shape (n,)
    standard_error_ : float
    bound_ : str
        "upper bound": that is so with the true conditional law.
    critic_ : torch.nn.Module
        The networks of all folds.
    loss_curve_, validation_scores_ : list of float
    n_iter_ : int
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if an argument is out of its rule, rows are too few for the folds, or X and y
        both mix labels with real columns.
    ImportError
        In ``fit``, without torch.

    Notes
    -----
    The marginal density at y is the mean of q(y | x) over the other x of its block of at most
    1 024 held-out rows, so no second law is needed. An upper bound in expectation with the true
    conditional law, tighter with more rows; with a learnt q neither an upper nor a lower bound:
    what is wrong with q is in both terms. No ceiling; the variance is large where few other x
    explain y. Where X alone is labels, or given a condition, the law of X given y is learnt.
    Complexity: a step costs `n_folds` times `n_ensemble` small networks; evaluation all pairs of a
    block. Source: Poole, Ozair, van den Oord, Alemi and Tucker (2019), arXiv:1905.06922.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import LeaveOneOutBound
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(1000, 1))
    >>> y = 0.8 * x + 0.6 * rng.normal(size=(1000, 1))
    >>> bound = LeaveOneOutBound(hidden_layer_sizes=(16,), max_iter=100, n_folds=2, random_state=0)
    >>> print(f"{bound.fit(x, y).mutual_information_:.1f}")  # truth 0.51
    0.5
    """

    def _of_table(self, table: np.ndarray) -> tuple[float, np.ndarray | None, np.ndarray]:
        from scipy.special import logsumexp

        from infotheory.functional import leave_one_out

        n, own = len(table), np.diagonal(table)
        value = float(leave_one_out(table.T))
        others = np.where(np.eye(n, dtype=bool), -np.inf, table)
        total = logsumexp(others, axis=0)
        terms = own - total + np.log(n - 1)
        # As an x, a row is in the marginal density of the others in the measure that it explains.
        influence = terms - np.exp(others - total).sum(axis=1)
        return value, terms, influence - influence.mean()

    def _mean_over_x(self, table: np.ndarray) -> np.ndarray:
        from scipy.special import logsumexp

        return logsumexp(table, axis=0) - np.log(len(table))


def _blocks(folds: list[Fold]) -> Any:
    """Parts of the held-out rows of every fold, few enough to form all their pairs."""
    n_blocks = -(-max(len(f.test) for f in folds) // _LARGEST_BLOCK)
    parts = [np.array_split(f.test, n_blocks) for f in folds]
    for b in range(n_blocks):
        yield [part[b] for part in parts]


def _variance_of_mean(values: np.ndarray) -> float:
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
