"""How sure: intervals and permutation tests for any estimator."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone

from infotheory._base import (
    check_instance,
    check_takes_groups,
    fitted_value,
    is_transport,
    is_two_sample,
    last_step,
    unit_of_estimator,
)
from infotheory._columns import is_dataset, row_count
from infotheory._estimate import Estimate, check_confidence_level, normal_interval
from infotheory._interrupts import Watch
from infotheory._resampling import (
    evaluate,
    local_random_state,
    permutation_p_value,
    permutations,
    subsamples,
    subsampling_standard_error,
    values_of_orders,
)
from infotheory._surrogates import (
    N_NEIGHBORS,
    local_permutations,
    permutations_within,
    residuals,
)
from infotheory._validation import check_count, describe, take_rows
from infotheory.functional import gaussian_scores

_BIAS_ERROR = 2 / 3
_FEWEST_ROWS = 20
# A bias beyond this, in nats, is a failure of the estimator and not a correction.
_LARGEST_BIAS = 1.0
METHODS = ("auto", "analytic", "influence", "subsampling", "cross-fit")


class TooFewRowsError(ValueError):
    """There are rows enough for the estimate, but not for its interval."""


def confidence_interval(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    condition: Any = None,
    groups: Any = None,
    confidence_level: float = 0.9,
    method: str = "auto",
    n_resamples: int | None = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int = 0,
) -> Estimate:
    r"""Estimate with a confidence interval, for any estimator.

    Parameters
    ----------
    estimator : estimator
        Anything with ``fit`` that leaves ``entropy_``, ``mutual_information_`` or
        ``divergence_``. It is cloned, never changed.
    X : array-like of shape (n, d)
    y : array-like of shape (n,) or (n, e), optional
        Second variable, or the sample label of each row for a divergence.
    condition : array-like of shape (n,) or (n, f), optional
        Third variable, for estimators that take one.
    groups : array-like of shape (n,), optional
        Rows of one group, such as copies of one image, belong together: they count as one for
        the interval and stay in one fold. For estimators whose ``fit`` takes groups: the
        networks for mutual information and :class:`DiffusionEntropy`.
    confidence_level : float
        Nominal coverage.
    method : {"auto", "analytic", "influence", "subsampling", "cross-fit"}
        "analytic": the standard error the estimator knows (discrete, Gaussian, kernel, spectral
        and transport methods).
        "influence": standard deviation of the per-row values over root n; too narrow for
        nearest neighbours with small k. "subsampling": spread over thirds of the rows drawn
        without replacement, valid for statistics whose variance falls as 1/n; drawing with
        replacement would duplicate rows, which breaks nearest neighbours. "cross-fit": the
        standard error of a cross-fitted network. "auto" takes analytic, then cross-fit, then
        subsampling, whichever the estimator allows first. With `groups` only "cross-fit" and
        "subsampling" hold, which then draws whole groups.
    n_resamples : int, optional
        Number of subsamples; 50 when None.
    n_jobs : int, optional
        Threads for the subsamples.
    random_state : int, RandomState or None
    verbose : int
        1 shows a progress bar.

    Returns
    -------
    Estimate
        ``value`` is the raw estimate on all rows. Where the estimator knows its bias, the
        interval is centred on ``value - bias``, two thirds of it are added to the standard error in
        quadrature, and a note says so.

    Raises
    ------
    ValueError
        If a parameter is out of range, the method is not offered by the estimator, its ``fit``
        takes no groups, or there are too few rows to subsample.

    Notes
    -----
    Normal intervals. Complexity: one fit, and for subsampling `n_resamples` more on n/3 rows.
    Sources: Politis, Romano and Wolf (1999), doi:10.1007/978-1-4612-1554-7; Holmes and Nemenman
    (2019), arXiv:1903.09280.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import GaussianMutualInformation, confidence_interval
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(500, 1))
    >>> y = 0.8 * x + 0.6 * rng.normal(size=(500, 1))
    >>> e = confidence_interval(GaussianMutualInformation(), x, y)
    >>> low, high = e.interval
    >>> bool(low < 0.5108 < high)
    True
    """
    check_confidence_level(confidence_level)
    if method not in METHODS:
        raise ValueError(
            f"method must be one of {', '.join(METHODS)}, got {method!r}. "
            f"Use 'auto' unless you know which one the estimator supports."
        )
    if n_resamples is not None:
        check_count(
            n_resamples,
            "n_resamples",
            10,
            "A standard deviation of fewer values is noise; leave it None for 50.",
        )
    rng = local_random_state(random_state)
    codes = None if groups is None else group_codes(groups, len(X))
    watch = Watch()
    fitted = _fit(estimator, X, y, condition, codes)
    value = fitted_value(fitted)
    last, unit = last_step(fitted), unit_of_estimator(fitted)
    notes: list[str] = list(getattr(last, "notes_", ()))
    n = row_count(X)
    method = _choose_method(last, method, grouped=codes is not None)

    bias = 0.0
    if not math.isfinite(value):
        notes.append("The estimate is not finite, so there is no interval around it.")
        return Estimate(value, unit=unit, n_samples=n, estimator=fitted, notes=tuple(notes))
    if watch.interrupted and method == "subsampling":
        notes.append("There is no interval: the fit was interrupted, and no other was begun.")
        return Estimate(value, unit=unit, n_samples=n, estimator=fitted, notes=tuple(notes))
    if n < _FEWEST_ROWS and method != "cross-fit":
        raise TooFewRowsError(
            f"n_samples = {n} rows are too few for an interval: at least {_FEWEST_ROWS} are "
            f"needed. Pass confidence_level=None for the value alone, or more rows."
        )
    if method == "analytic":
        error = float(last._standard_error())
    elif method == "cross-fit":
        error = float(last.standard_error_)
    elif method == "influence":
        error = float(np.std(last.pointwise_, ddof=1) / math.sqrt(n))
    else:
        data = (X, y, condition, codes)
        error = _subsampled_error(fitted, data, n_resamples or 50, n_jobs, rng, verbose)
    if not math.isfinite(error):
        notes.append(
            "The standard error is not finite, so there is no interval: the estimator gave no "
            "finite value on part of the rows."
        )
        return Estimate(value, unit=unit, n_samples=n, estimator=fitted, notes=tuple(notes))
    if error <= 1e-12 * abs(value) and value != 0:
        notes.append(
            "The estimate is the same on every part of the rows, as at a ceiling of the method, so "
            "there is no interval; the truth may be larger."
        )
        return Estimate(value, unit=unit, n_samples=n, estimator=fitted, notes=tuple(notes))
    if hasattr(last, "_bias"):
        bias = float(last._bias(rng))
        if method != "analytic" and abs(bias) > _LARGEST_BIAS:
            notes.append(
                f"On {last._bias_source} the estimator errs by about {bias:+.3g} {unit}, too much "
                f"to correct, so there is no interval: too many columns, or laws that hardly "
                f"overlap."
            )
            return Estimate(value, unit=unit, n_samples=n, estimator=fitted, notes=tuple(notes))
        if abs(bias) > 0.25 * error:
            notes.append(
                f"The estimator's bias on these data is about {bias:+.3g} {unit} (from "
                f"{last._bias_source}); the interval is centred on value - bias = "
                f"{value - bias:.4g}."
            )
        if method != "analytic":
            # The bias is itself an estimate, and moves with the value. The share is a choice:
            # half of it covered .84 where a divergence is biased by more than its spread.
            error = math.hypot(error, _BIAS_ERROR * bias)
    return Estimate(
        value,
        standard_error=error,
        interval=normal_interval(value - bias, error, confidence_level),
        confidence_level=confidence_level,
        unit=unit,
        n_samples=n,
        estimator=fitted,
        notes=tuple(notes),
        bias=bias,
    )


def point_estimate(
    estimator: Any, X: Any, y: Any = None, *, condition: Any = None, groups: Any = None
) -> Estimate:
    """The value alone, without an interval."""
    codes = None if groups is None else group_codes(groups, len(X))
    return _as_estimate(_fit(estimator, X, y, condition, codes), row_count(X))


def group_codes(groups: Any, n: int) -> np.ndarray:
    """The group of each row as an integer."""
    labels = describe(groups, "groups", discrete=True)
    if len(labels) != n:
        raise ValueError(
            f"groups must have one entry a row of X, got {len(labels)} for {n} rows. Pass the "
            f"group of each row."
        )
    return labels.codes()[0]


def _as_estimate(fitted: Any, n_samples: int) -> Estimate:
    return Estimate(
        fitted_value(fitted),
        unit=unit_of_estimator(fitted),
        n_samples=n_samples,
        estimator=fitted,
        notes=tuple(getattr(last_step(fitted), "notes_", ())),
    )


def _fit(estimator: Any, X: Any, y: Any, condition: Any, groups: np.ndarray | None = None) -> Any:
    check_instance(estimator)
    fitted = clone(estimator)
    words = {} if condition is None else {"condition": condition}
    if groups is not None:
        check_takes_groups(fitted, len(groups))
        # A pipeline wants to know which of its steps a word is for.
        step = f"{fitted.steps[-1][0]}__" if hasattr(fitted, "steps") else ""
        words[f"{step}groups"] = groups
    return fitted.fit(X, y, **words)


def _choose_method(fitted: Any, method: str, *, grouped: bool) -> str:
    offers = {
        "analytic": hasattr(fitted, "_standard_error") and not grouped,
        "cross-fit": hasattr(fitted, "standard_error_"),
        "influence": hasattr(fitted, "pointwise_") and not grouped,
        "subsampling": True,
    }
    if method == "auto":
        return next(name for name in ("analytic", "cross-fit", "subsampling") if offers[name])
    if not offers[method]:
        able = [name for name, there in offers.items() if there]
        raise ValueError(
            f"method={method!r} is not offered by {type(fitted).__name__}"
            f"{' with groups' * grouped}; it offers {', '.join(able)}. Use method='auto'."
        )
    return method


def _subsampled_error(
    fitted: Any,
    data: tuple[Any, Any, Any, np.ndarray | None],
    n_resamples: int,
    n_jobs: int | None,
    rng: np.random.RandomState,
    verbose: int,
) -> float:
    X, y, _, groups = data
    # What is drawn: rows, or groups with all their rows.
    n = len(X) if groups is None else int(groups.max()) + 1
    if n < _FEWEST_ROWS:
        raise TooFewRowsError(
            f"n_samples = {len(X)} rows in {n} groups are too few for an interval by subsampling: "
            f"at least {_FEWEST_ROWS} groups are needed. Pass confidence_level=None for the value "
            f"alone, or more groups."
        )
    strata, total = None, n
    transported = is_transport(fitted)
    if transported:
        strata = np.repeat([0, 1], [n, row_count(y)])
        total = len(strata)
    # Smaller parts underestimate the error near independence, larger ones overestimate it:
    # measured for nearest neighbours at n = 1 000.
    size = max(total // 3, 10)
    if is_two_sample(fitted) and groups is None:
        strata = describe(y, "y", discrete=True).codes()[0]

    def statistic(drawn: np.ndarray) -> float:
        rows = drawn if groups is None else np.flatnonzero(np.isin(groups, drawn))
        chosen = [rows] * len(data)
        if transported:
            chosen[:2] = rows[rows < n], rows[rows >= n] - n
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parts = [take_rows(table, some) for table, some in zip(data, chosen, strict=True)]
            try:
                return fitted_value(_fit(fitted, *parts))
            except ValueError as error:
                raise TooFewRowsError(
                    f"n_samples = {len(X)} rows are too few for an interval by subsampling: "
                    f"{type(fitted).__name__} cannot be fitted to {len(rows)} of them ({error}) "
                    f"Pass confidence_level=None for the value alone, or more rows."
                ) from error

    values = evaluate(
        statistic,
        subsamples(total, size, n_resamples, rng, strata),
        total=n_resamples,
        n_jobs=n_jobs,
        verbose=verbose,
        label="subsamples",
    )
    return subsampling_standard_error(values, size, total)


def permutation_test(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    condition: Any = None,
    n_permutations: int = 199,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int = 0,
) -> Estimate:
    r"""Test independence, conditional independence or equality of laws by permutation.

    Parameters
    ----------
    estimator : estimator
        Its fitted value is the test statistic; large values reject. It is cloned.
    X : array-like of shape (n, d)
    y : array-like of shape (n,) or (n, e)
        Second variable, or the sample label of each row for a divergence.
    condition : array-like of shape (n,) or (n, f), optional
        Test independence of X and y *given* this variable.
    n_permutations : int
        Number of permutations; the smallest p-value is ``1 / (1 + n_permutations)``.
    n_jobs : int, optional
        Threads.
    random_state : int, RandomState or None
    verbose : int
        1 shows a progress bar.

    Returns
    -------
    Estimate
        With ``p_value`` = (1 + number of permuted values >= the value) / (1 + n_permutations),
        and no interval.

    Raises
    ------
    ValueError
        If `n_permutations` is less than 1, or the estimator cannot be fitted to the data.
    KeyboardInterrupt
        If a fit was interrupted, also one of a network, which alone would keep its best weights.

    Notes
    -----
    Without `condition` the rows of y are permuted, which is exact for independent rows. With it
    the test is approximate: see :func:`infotheory.conditional_mutual_information` for the rule
    and its measured error rates. Complexity: `n_permutations` fits.
    Sources: Phipson and Smyth (2010), arXiv:1603.05766; Runge (2018), arXiv:1709.01447.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import KSG, permutation_test
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(200, 1))
    >>> permutation_test(KSG(), x, x**2 + rng.normal(size=(200, 1)), random_state=0).p_value
    0.005
    """
    check_count(
        n_permutations,
        "n_permutations",
        1,
        "Use 199 for a test at level 0.05 or 999 at level 0.01.",
    )
    if is_dataset(X):
        raise TypeError(
            f"X must be an array for a permutation test, got a {type(X).__name__}: its y cannot be "
            f"shuffled apart from its x. Pass a subsample of its rows as arrays."
        )
    rng = local_random_state(random_state)
    watch = Watch()
    fitted = _fit(estimator, X, y, condition)
    watch.stop("The permutation test")
    value = fitted_value(fitted)
    if hasattr(last_step(fitted), "entropy_"):
        raise ValueError(
            f"estimator must compare two variables or two samples, got {type(fitted).__name__}: an "
            f"entropy is the same for every order of the rows. Test a mutual information or a "
            f"divergence."
        )
    if is_transport(fitted):
        raise ValueError(
            f"estimator must compare two variables or two samples, got {type(fitted).__name__}: "
            f"the cost of transport is the same for every order of the rows. Test P = Q by "
            f"divergence(P, Q, kind='sinkhorn', n_permutations=199)."
        )
    permuted = None
    if condition is None:
        left, right, observed = X, y, value
        shuffles = permutations(len(X), n_permutations, rng)
        # Some estimators do many orders of the rows of y at once, or share work between them.
        if hasattr(fitted, "_permuted_values"):
            every = values_of_orders(fitted._permuted_values, shuffles, n_permutations, verbose)
            p_value = permutation_p_value(float(every[0]), every[1:])
            return replace(_as_estimate(fitted, len(X)), p_value=p_value)
        if hasattr(fitted, "_permuted"):
            permuted = fitted._permuted()
            observed = permuted(np.arange(len(X)))
    else:
        # Integers are numbers to an estimator that knows no labels, and so to its null.
        discrete = None if getattr(last_step(fitted), "_accepts_labels", True) else False
        left, right, shuffles = _conditional_null(X, y, condition, discrete, n_permutations, rng)
        observed = fitted_value(_fit(fitted, left, right, condition))
        watch.stop("The permutation test")

    def statistic(rows: np.ndarray) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if permuted is not None:
                return permuted(rows)
            return fitted_value(_fit(fitted, left, take_rows(right, rows), condition))

    null = evaluate(
        statistic,
        shuffles,
        total=n_permutations,
        n_jobs=n_jobs,
        verbose=verbose,
        label="permutations",
    )
    return replace(_as_estimate(fitted, len(X)), p_value=permutation_p_value(observed, null))


def _conditional_null(
    X: Any,
    y: Any,
    condition: Any,
    discrete: bool | None,
    n_permutations: int,
    rng: np.random.RandomState,
) -> tuple[Any, Any, Iterator[np.ndarray]]:
    """Two variables with the same conditional information, and shuffles of the second's rows."""
    from infotheory._xp._neighbors import nearest

    given = describe(condition, "condition", discrete=discrete)
    if given.kind == "discrete":
        return X, y, permutations_within(given.codes()[0], n_permutations, rng)
    numbers = gaussian_scores(given.values[:, ~given.is_label])
    labels = given.values[:, given.is_label]
    # Rows with other labels are out of reach; the regressions see one indicator a label.
    far = 4 * (1 + float(np.ptp(numbers, axis=0).sum()))
    neighbors = nearest(
        np.ascontiguousarray(np.column_stack([numbers, far * labels])),
        min(N_NEIGHBORS, len(numbers)) - 1,
        metric="euclidean",
    )[1]
    neighbors = np.column_stack([np.arange(len(numbers)), neighbors])
    indicators = [labels[:, [j]] == np.unique(labels[:, j]) for j in range(labels.shape[1])]
    explaining = np.column_stack([numbers, *indicators]).astype(np.float64)
    # One regression for all real columns of both variables; labels stay as they are.
    sides = [describe(raw, name, discrete=discrete) for raw, name in ((X, "X"), (y, "y"))]
    real = [not side.is_label.any() for side in sides]
    scores = [gaussian_scores(s.values) for s, is_real in zip(sides, real, strict=True) if is_real]
    left, right = X, y
    if scores:
        rest = residuals(np.hstack(scores), explaining, rng)
        left = rest[:, : sides[0].dim] if real[0] else X
        right = rest[:, -sides[1].dim :] if real[1] else y
    return left, right, local_permutations(neighbors, n_permutations, rng)
