"""The covariance of a sample: shrunk if asked, and which of its columns say something new."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from scipy.linalg.lapack import dpstrf
from scipy.special import polygamma
from sklearn.utils._param_validation import Interval, StrOptions

SHRINKAGE = [None, StrOptions({"ledoit-wolf"}), Interval(Real, 0, 1, closed="both")]
# A column is a function of others where they leave less than this many rounding errors of its
# variance; what is left of it beyond that is known to about one per cent.
_ROUNDING_ERRORS = 100


def fit_covariance(values: np.ndarray, shrinkage: Any) -> np.ndarray:
    """Covariance with divisor n - 1, shrunk towards a multiple of the identity if asked."""
    if shrinkage == "ledoit-wolf":
        from sklearn.covariance import ledoit_wolf

        return ledoit_wolf(values)[0]
    sample = np.atleast_2d(np.cov(values, rowvar=False))
    # Rounding of the mean gives constant columns a tiny variance.
    varies = np.ptp(values, axis=0) > 0
    sample = np.where(varies & varies[:, None], sample, 0.0)
    if shrinkage is None:
        return sample
    dim = sample.shape[0]
    return (1 - shrinkage) * sample + shrinkage * np.trace(sample) / dim * np.eye(dim)


def check_rank(values: np.ndarray, shrinkage: Any, who: str) -> None:
    """Refuse tables with too few rows for a covariance that is not shrunk."""
    n, dim = values.shape
    if shrinkage is None and n <= dim:
        raise ValueError(
            f"{who} needs more rows than columns: n_samples = {n}, columns = {dim} in all. "
            f"Pass shrinkage='ledoit-wolf', or drop columns."
        )


def shrinkage_note(shrinkage: Any) -> list[str]:
    """What a shrunk covariance costs, as a list of at most one note."""
    if shrinkage in (None, 0, 0.0):
        return []
    return ["The covariance is shrunk, so the finite-sample bias is not removed."]


def log_det_variance(n_samples: int, dim: int) -> float:
    """Variance of ln det S for a normal sample, exact."""
    return float(np.sum(polygamma(1, (n_samples - np.arange(1, dim + 1)) / 2)))


def independent_columns(
    covariance: np.ndarray, among: np.ndarray, given: np.ndarray | None = None
) -> np.ndarray:
    """Most of the columns `among` that are no linear functions of each other and those `given`.

    By pivoted Cholesky factorisation of the correlations: the column that the chosen ones explain
    least comes next, until what they leave of every other is rounding.

    Parameters
    ----------
    covariance : ndarray of shape (d, d)
    among : ndarray of int
        Columns to choose from.
    given : ndarray of int, optional
        Columns chosen beforehand, themselves independent.

    Returns
    -------
    ndarray of int
        The chosen part of `among`, in its order.
    """
    scale = np.sqrt(np.diag(covariance))
    scale = np.where(scale > 0, scale, 1.0)
    n_columns = len(among)
    rest = covariance[np.ix_(among, among)] / np.outer(scale[among], scale[among])
    if given is not None and len(given):
        n_columns += len(given)
        known = covariance[np.ix_(given, given)] / np.outer(scale[given], scale[given])
        cross = covariance[np.ix_(given, among)] / np.outer(scale[given], scale[among])
        rest = rest - cross.T @ np.linalg.solve(known, cross)
    tolerance = _ROUNDING_ERRORS * n_columns * np.finfo(float).eps
    # LAPACK takes any positive first pivot.
    left = np.flatnonzero(np.diag(rest) > tolerance)
    if not len(left):
        return among[:0]
    _, pivots, rank, _ = dpstrf(rest[np.ix_(left, left)], tol=tolerance)
    return among[np.sort(left[pivots[:rank] - 1])]


def is_singular(covariance: np.ndarray) -> bool:
    """Whether a column is constant or a linear function of others."""
    everything = np.arange(len(covariance))
    return len(independent_columns(covariance, everything)) < len(everything)
