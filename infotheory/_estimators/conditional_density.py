"""Mutual information from learnt conditional laws q(y | x): no exponential of a critic."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils._param_validation import StrOptions

from infotheory._conditional_laws import (
    ConditionalDensityEstimator,
    LawsByPairs,
    PointwiseLaws,
    variance_of_mean,
)
from infotheory._reference import expected_shortfall
from infotheory._resampling import Fold


class DoE(PointwiseLaws):
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
        Stop when no gain of `tol` shows on the selection rows, over all networks, in
        `n_iter_no_change` checks.
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
        Nats, from rows that neither trained nor selected the networks that see them, and what the
        estimation of the normal reference costs on average.
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
    RuntimeError
        In ``fit``, if the loss becomes infinite or missing: no value is returned.

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
            seed_variance += share**2 * variance_of_mean(each)
        return value, pointwise, pointwise - value, seed_variance

    def _of_new(self, fitted: Any, new: Any) -> np.ndarray:
        from infotheory._densities import mixture

        rows = [np.arange(new.left.shape[1])] * len(fitted.folds)
        terms = [mixture(c) - mixture(m) for c, m in new.held_out(rows)]
        return np.mean(terms, axis=0)

    def _correction(self, stack: Any, folds: list[Fold], rng: np.random.Generator) -> float:
        if not stack.has_reference or stack.family != "gaussian":
            return 0.0
        n_train = int(np.mean([len(f.train) for f in folds]))
        return expected_shortfall(stack.references[0], n_train, rng, mean_only=True)


class CLUB(LawsByPairs):
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
        Stop when no gain of `tol` shows on the selection rows, over all networks, in
        `n_iter_no_change` checks.
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
    RuntimeError
        In ``fit``, if the loss becomes infinite or missing: no value is returned.

    Notes
    -----
    An upper bound in expectation where q is the true conditional law, larger than the truth by
    :math:`E_x KL(p(y) \| p(y | x))`: for a correlation of 0.8 of two normal variables 1.78 nats
    instead of 0.51. No ceiling. With a learnt q neither an upper nor a lower bound, so no number to
    report alone; its use is as a penalty on information. Given a condition the difference of two
    such values bounds nothing. The law is trained by its likelihood. Where X alone is labels, or
    given a condition, the law of X given y is learnt. Complexity: a step costs `n_folds` times
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

    def pointwise(self, X: Any, y: Any, *, condition: Any = None) -> np.ndarray:
        """Terms of the bound at new rows, which are no log ratios: their mean is the bound.

        Parameters
        ----------
        X : array-like of shape (l, d)
        y : array-like of shape (l,) or (l, e)
        condition : array-like of shape (l,) or (l, f), optional
            Exactly if ``fit`` had one.

        Returns
        -------
        ndarray of shape (l,)
            Log density of each y given its x, less its mean over up to 1 024 x of the fitted rows;
            nats. The mean over the laws of all folds.
        """
        return self._terms_of_new(X, y, condition)


class LeaveOneOutBound(PointwiseLaws, LawsByPairs):
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
        Stop when no gain of `tol` shows on the selection rows, over all networks, in
        `n_iter_no_change` checks.
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
    RuntimeError
        In ``fit``, if the loss becomes infinite or missing: no value is returned.

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
