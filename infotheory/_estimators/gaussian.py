"""Entropy, mutual information and divergence of normal laws fitted to samples."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from scipy.special import polygamma
from sklearn.utils._param_validation import Interval, StrOptions

from infotheory._base import DensityEstimator, DivergenceEstimator, MutualInformationEstimator
from infotheory.functional import (
    gaussian_conditional_mutual_information,
    gaussian_entropy,
    gaussian_log_density,
    gaussian_log_ratio,
    gaussian_mutual_information,
    gaussian_scores,
    log_det_bias,
)

_SHRINKAGE = [None, StrOptions({"ledoit-wolf"}), Interval(Real, 0, 1, closed="both")]


def _covariance(values: np.ndarray, shrinkage: Any) -> np.ndarray:
    """Covariance with divisor n - 1, shrunk towards a multiple of the identity if asked."""
    sample = np.atleast_2d(np.cov(values, rowvar=False))
    if shrinkage is None:
        return sample
    if shrinkage == "ledoit-wolf":
        from sklearn.covariance import ledoit_wolf

        return ledoit_wolf(values)[0]
    dim = sample.shape[0]
    return (1 - shrinkage) * sample + shrinkage * np.trace(sample) / dim * np.eye(dim)


def _check_rank(values: np.ndarray, shrinkage: Any, who: str) -> None:
    n, dim = values.shape
    if shrinkage is None and n <= dim:
        raise ValueError(
            f"{who} needs more rows than columns: n_samples = {n}, columns = {dim} in all. "
            f"Pass shrinkage='ledoit-wolf', or drop columns."
        )


def _shrinkage_note(shrinkage: Any) -> list[str]:
    if shrinkage in (None, 0, 0.0):
        return []
    return ["The covariance is shrunk, so the finite-sample bias is not removed."]


def _log_det_variance(n_samples: int, dim: int) -> float:
    """Variance of ln det S for a normal sample, exact."""
    return float(np.sum(polygamma(1, (n_samples - np.arange(1, dim + 1)) / 2)))


def _is_singular(covariance: np.ndarray) -> bool:
    scale = np.sqrt(np.diag(covariance))
    if np.any(scale == 0):
        return True
    correlation = covariance / np.outer(scale, scale)
    return bool(np.linalg.eigvalsh(correlation)[0] < len(scale) * np.finfo(float).eps)


class GaussianEntropy(DensityEstimator):
    r"""Differential entropy of the normal law fitted to a sample, without bias.

    Parameters
    ----------
    shrinkage : None, "ledoit-wolf" or float in [0, 1]
        Shrink the covariance towards a multiple of the identity; needed when there are not more
        rows than columns.

    Attributes
    ----------
    entropy_ : float
        Nats.
    location_ : ndarray of shape (d,)
    covariance_ : ndarray of shape (d, d)
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if X is not a finite real table, or has no more rows than columns while
        `shrinkage` is None.

    Notes
    -----
    Without shrinkage the expected error of :math:`\ln|S|` under normality is subtracted exactly
    (digamma terms). For other laws the value is an upper bound of the entropy in the large
    sample limit. A singular sample covariance gives -inf and a note. Complexity
    :math:`O(n d^2 + d^3)`. Source: Misra, Singh and Demchuk (2005),
    doi:10.1016/j.jmva.2003.10.003; Ledoit and Wolf (2004), doi:10.1016/S0047-259X(03)00096-4.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import GaussianEntropy
    >>> X = np.random.default_rng(0).normal(size=(2000, 2))
    >>> print(f"{GaussianEntropy().fit(X).entropy_:.2f}")
    2.84
    """

    _parameter_constraints: dict = {"shrinkage": _SHRINKAGE}
    _information_laws = {"translation": "exact", "scale": "exact"}

    def __init__(self, *, shrinkage: float | str | None = None) -> None:
        self.shrinkage = shrinkage

    def fit(self, X: Any, y: Any = None) -> GaussianEntropy:
        """Fit the normal law; `y` is ignored.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : None

        Returns
        -------
        GaussianEntropy
            The fitted estimator.
        """
        values = self._check_X(X).values
        _check_rank(values, self.shrinkage, "GaussianEntropy")
        n, dim = values.shape
        notes = _shrinkage_note(self.shrinkage)
        self.location_ = values.mean(axis=0)
        self.covariance_ = _covariance(values, self.shrinkage)
        if _is_singular(self.covariance_):
            self.entropy_ = -math.inf
            self._variance = 0.0
            notes.append(
                "A column is constant or a linear function of others: the law has no density, "
                "and its differential entropy is -inf."
            )
        else:
            bias = 0.0 if self.shrinkage else 0.5 * log_det_bias(n, dim)
            self.entropy_ = float(gaussian_entropy(self.covariance_)) - bias
            influence = gaussian_log_density(values, self.location_, self.covariance_)
            # The exact variance of ln det S, scaled by how far the rows are from normal.
            self._variance = float(
                np.var(influence) / (dim / 2) * 0.25 * _log_det_variance(max(n, dim + 1), dim)
            )
        self.notes_ = tuple(notes)
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Log density of new rows under the fitted law.

        Parameters
        ----------
        X : array-like of shape (l, d)

        Returns
        -------
        ndarray of shape (l,)
            Nats.
        """
        values = self._check_X(X, reset=False).values
        return gaussian_log_density(values, self.location_, self.covariance_)

    def _standard_error(self) -> float:
        return math.sqrt(self._variance)


class GaussianMutualInformation(MutualInformationEstimator):
    r"""Mutual information of the normal law fitted to (X, y), without bias.

    Parameters
    ----------
    copula : bool
        Replace each column by its normal scores first, so that only the copula need be normal.
        This attenuates dependence beyond about 4 nats.
    shrinkage : None, "ledoit-wolf" or float in [0, 1]
        Shrink the correlation matrix towards the identity; needed when there are not more rows
        than columns.

    Attributes
    ----------
    mutual_information_ : float
        Nats.
    pointwise_ : ndarray of shape (n,)
        Log ratio of the fitted densities at the rows.
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if an argument is not a finite real table, the lengths differ, or there are
        no more rows than columns while `shrinkage` is None.

    Notes
    -----
    Without shrinkage the expected errors of the log determinants under normality are subtracted
    exactly, so the value is unbiased at every n and may be negative. It is a lower bound in
    general only for laws with normal margins. Complexity :math:`O(n d^2 + d^3)`.
    Source: Misra, Singh and Demchuk (2005), doi:10.1016/j.jmva.2003.10.003; Ince et al. (2017),
    doi:10.1002/hbm.23471.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import GaussianMutualInformation
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(5000, 1))
    >>> y = 0.6 * x + 0.8 * rng.normal(size=(5000, 1))
    >>> print(f"{GaussianMutualInformation().fit(x, y).mutual_information_:.2f}")
    0.23
    """

    _parameter_constraints: dict = {"copula": ["boolean"], "shrinkage": _SHRINKAGE}
    _information_laws = {
        "translation": "exact",
        "scale": "exact",
        "symmetry": "exact",
        "pointwise-mean": "sampling",  # the rows do not carry the bias correction
    }

    def __init__(self, *, copula: bool = False, shrinkage: float | str | None = None) -> None:
        self.copula = copula
        self.shrinkage = shrinkage

    def fit(self, X: Any, y: Any, *, condition: Any = None) -> GaussianMutualInformation:
        """Fit the joint normal law.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,) or (n, e)
        condition : array-like of shape (n,) or (n, f), optional
            Estimate the information given this variable.

        Returns
        -------
        GaussianMutualInformation
            The fitted estimator.
        """
        x, target, given = self._check_pair(X, y, condition)
        blocks = [v.values for v in (x, target, given) if v is not None]
        joint = np.hstack(blocks)
        _check_rank(joint, self.shrinkage, "GaussianMutualInformation")
        notes = _shrinkage_note(self.shrinkage)
        n = len(joint)
        dims = [b.shape[1] for b in blocks] + ([0] if given is None else [])
        constant = np.ptp(joint, axis=0) == 0
        self.location_, self._scale = joint.mean(axis=0), np.where(constant, 1, joint.std(axis=0))
        scaled = gaussian_scores(joint) if self.copula else (joint - self.location_) / self._scale
        self._fit_joint, self._centre = joint, scaled.mean(axis=0)
        covariance = _covariance(scaled, self.shrinkage)
        # A constant column tells nothing: a unit variance lets it drop out of every determinant.
        covariance[constant, constant] = 1.0
        self.covariance_, self._dims = covariance, dims
        if constant.any():
            notes.append("A column is constant; it shares no information.")
        if _is_singular(covariance):
            self.mutual_information_, self._variance = self._singular_value(covariance), 0.0
            self.pointwise_ = np.full(n, self.mutual_information_)
            notes.append(
                "Columns are linear functions of each other: the normal law has no joint density."
            )
        else:
            self._fit_regular(scaled, constant)
        self.notes_ = tuple(notes)
        return self

    def _fit_regular(self, scaled: np.ndarray, constant: np.ndarray) -> None:
        n = len(scaled)
        dx, dy, dz = self._dims
        if dz:
            value = gaussian_conditional_mutual_information(self.covariance_, dx, dy)
        else:
            value = gaussian_mutual_information(self.covariance_, dx)
        free = ~constant
        fx, fy, fz = (int(part.sum()) for part in np.split(free, [dx, dx + dy]))
        if not self.shrinkage:
            value -= 0.5 * sum(
                sign * log_det_bias(n, dim) for sign, dim in _terms(fx, fy, fz) if dim
            )
        # At independence the first-order term vanishes; what is left is exact for normal rows.
        second_order = 0.25 * sum(
            -sign * _log_det_variance(max(n - fz, fx + fy + 1), dim)
            for sign, dim in _terms(fx, fy, 0)
            if dim
        )
        self.pointwise_ = self._log_ratio(scaled)
        self.mutual_information_ = float(value)
        # Both are positive at independence, where the interval is too wide rather than too narrow.
        self._variance = float(np.var(self.pointwise_) / n) + second_order

    def _singular_value(self, covariance: np.ndarray) -> float:
        """inf when X and y determine parts of each other, else what regular columns share."""
        dx, dy, dz = self._dims
        x, y = np.arange(dx), np.arange(dx, dx + dy)
        z = np.arange(dx + dy, dx + dy + dz)
        rank = np.linalg.matrix_rank

        def dimension(*parts: np.ndarray) -> int:
            rows = np.concatenate(parts)
            return int(rank(covariance[np.ix_(rows, rows)], hermitian=True)) if len(rows) else 0

        if dimension(x, z) + dimension(y, z) - dimension(z) > dimension(x, y, z):
            return math.inf
        value = 0.0
        for sign, rows in ((1, (x, z)), (1, (y, z)), (-1, (z,)), (-1, (x, y, z))):
            chosen = np.concatenate(rows)
            if len(chosen):
                block = covariance[np.ix_(chosen, chosen)]
                spectrum = np.linalg.eigvalsh(block)
                kept = spectrum[-dimension(chosen) :]
                value += 0.5 * sign * float(np.sum(np.log(kept)))
        return value

    def _log_ratio(self, scaled: np.ndarray) -> np.ndarray:
        dx, dy, _ = self._dims
        return gaussian_log_ratio(scaled, self._centre, self.covariance_, dx, dy)

    def pointwise(self, X: Any, y: Any, *, condition: Any = None) -> np.ndarray:
        """Log ratio of the fitted joint density to the product of its margins at new rows.

        With ``copula=True`` new values are ranked among the fitted ones.

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
        x, target, given = self._check_pair(X, y, condition, reset=False)
        joint = np.hstack([v.values for v in (x, target, given) if v is not None])
        if self.copula:
            return self._log_ratio(gaussian_scores(joint, self._fit_joint))
        return self._log_ratio((joint - self.location_) / self._scale)

    def _standard_error(self) -> float:
        return math.sqrt(self._variance)


def _terms(dx: int, dy: int, dz: int) -> tuple[tuple[int, int], ...]:
    """Signs and sizes of the log determinants that make up the (conditional) information."""
    return ((1, dx + dz), (1, dy + dz), (-1, dz), (-1, dx + dy + dz))


class GaussianDivergence(DivergenceEstimator):
    r"""Divergence of the normal laws fitted to two samples, without bias.

    Parameters
    ----------
    kind : {"kl", "reverse-kl", "jeffreys"}
        Jeffreys is the sum of the other two.
    shrinkage : None, "ledoit-wolf" or float in [0, 1]
        Shrink both covariances towards a multiple of the identity.

    Attributes
    ----------
    divergence_ : float
        Nats. P is ``classes_[0]``, Q is ``classes_[1]``.
    classes_ : ndarray of shape (2,)
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if X is not a finite real table, `y` has not exactly two classes, or a sample
        has no more rows than columns while `shrinkage` is None.

    Notes
    -----
    Without shrinkage every term is divided by its expected inflation under normality (inverse
    Wishart means, digamma terms), so the value is unbiased at every n and may be negative.
    Complexity :math:`O(n d^2 + d^3)`. Source: Kullback, Information Theory and Statistics
    (1959), chapter 9; Mardia, Kent and Bibby, Multivariate Analysis (1979), section 3.4.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import GaussianDivergence, two_samples
    >>> rng = np.random.default_rng(0)
    >>> X, y = two_samples(rng.normal(size=(2000, 1)), rng.normal(1.0, size=(2000, 1)))
    >>> print(f"{GaussianDivergence().fit(X, y).divergence_:.1f}")
    0.5
    """

    _parameter_constraints: dict = {
        "kind": [StrOptions({"kl", "reverse-kl", "jeffreys"})],
        "shrinkage": _SHRINKAGE,
    }
    _information_laws = {"translation": "exact", "scale": "exact"}

    def __init__(self, *, kind: str = "kl", shrinkage: float | str | None = None) -> None:
        self.kind = kind
        self.shrinkage = shrinkage

    def fit(self, X: Any, y: Any) -> GaussianDivergence:
        """Fit a normal law to each sample.

        Parameters
        ----------
        X : array-like of shape (n + m, d)
        y : array-like of shape (n + m,)
            Which sample each row came from: two classes.

        Returns
        -------
        GaussianDivergence
            The fitted estimator.
        """
        x, in_q = self._check_two_samples(X, y)
        values = x.values
        parts = values[~in_q], values[in_q]
        for part in parts:
            _check_rank(part, self.shrinkage, "Each sample of GaussianDivergence")
        self.locations_ = np.stack([p.mean(axis=0) for p in parts])
        self.covariances_ = np.stack([_covariance(p, self.shrinkage) for p in parts])
        directions = {"kl": (0,), "reverse-kl": (1,), "jeffreys": (0, 1)}[self.kind]
        notes = _shrinkage_note(self.shrinkage)
        # The mean of an inverse Wishart matrix, which the correction divides by, needs n > d + 2.
        self._corrected = not self.shrinkage and min(map(len, parts)) > values.shape[1] + 2
        if not self.shrinkage and not self._corrected:
            notes.append("A sample has at most d + 2 rows: the finite-sample bias is not removed.")
        if any(_is_singular(c) for c in self.covariances_):
            equal = all(np.array_equal(a[0], a[1]) for a in (self.covariances_, self.locations_))
            self.divergence_, self._variance = (0.0 if equal else math.inf), 0.0
            notes.append(
                "A sample has a constant or linearly dependent column: its normal law has no "
                "density, and the divergence is infinite unless the fitted laws are equal."
            )
        else:
            values_and_influences = [self._one_way(parts, d) for d in directions]
            self.divergence_ = float(sum(v for v, *_ in values_and_influences))
            influence_p = sum(a for _, a, _ in values_and_influences)
            influence_q = sum(b for _, _, b in values_and_influences)
            n, m, dim = len(parts[0]), len(parts[1]), values.shape[1]
            # At P = Q the first-order terms vanish and n m / (n + m) twice the value is a
            # chi-square with one degree of freedom a parameter.
            second_order = 0.25 * dim * (dim + 3) * (1 / n + 1 / m) ** 2 * len(directions) ** 2
            first_order = float(np.var(influence_p) / n + np.var(influence_q) / m)
            self._variance = first_order + second_order
        self.notes_ = tuple(notes)
        return self

    def _one_way(
        self, parts: tuple[np.ndarray, np.ndarray], first: int
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """KL from law ``first`` to the other, and its influence at the rows of P and of Q."""
        order = (first, 1 - first)
        p, q = (parts[i] for i in order)
        mean_p, mean_q = (self.locations_[i] for i in order)
        cov_p, cov_q = (self.covariances_[i] for i in order)
        n, m, dim = len(p), len(q), p.shape[1]
        shift = mean_p - mean_q
        precision_q, precision_p = np.linalg.inv(cov_q), np.linalg.inv(cov_p)
        trace, square = np.trace(precision_q @ cov_p), shift @ precision_q @ shift
        log_dets = np.linalg.slogdet(cov_q).logabsdet - np.linalg.slogdet(cov_p).logabsdet
        if self._corrected:
            inflation = (m - 1) / (m - dim - 2)
            trace_, square_ = trace / inflation, square / inflation
            square_ -= trace_ / n + dim / m
            log_dets += log_det_bias(n, dim) - log_det_bias(m, dim)
        else:
            trace_, square_ = trace, square
        value = 0.5 * (trace_ + square_ - dim + log_dets)
        u, v = p - mean_p, q - mean_q
        at_p = 0.5 * np.sum(u @ (precision_q - precision_p) * u, axis=1) + u @ precision_q @ shift
        w = v @ precision_q
        at_q = 0.5 * (np.sum(w * v, axis=1) - np.sum(w @ cov_p * w, axis=1) - (w @ shift) ** 2)
        at_q = at_q - w @ shift
        return float(value), *((at_p, at_q) if first == 0 else (at_q, at_p))

    def score_samples(self, X: Any) -> np.ndarray:
        """Log ratio p(x) / q(x) of the fitted densities at new rows.

        Parameters
        ----------
        X : array-like of shape (l, d)

        Returns
        -------
        ndarray of shape (l,)
            Nats.
        """
        values = self._check_X(X, reset=False).values
        p, q = (
            gaussian_log_density(values, mean, covariance)
            for mean, covariance in zip(self.locations_, self.covariances_, strict=True)
        )
        return p - q

    def _standard_error(self) -> float:
        return math.sqrt(self._variance)
