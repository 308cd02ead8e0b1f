"""Entropy, mutual information and divergence of normal laws fitted to samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.utils._param_validation import StrOptions

from infotheory._base import DensityEstimator, DivergenceEstimator, MutualInformationEstimator
from infotheory._covariance import (
    SHRINKAGE,
    check_rank,
    fit_covariance,
    independent_columns,
    is_singular,
    log_det_variance,
    shrinkage_note,
)
from infotheory._validation import pairing_notes
from infotheory.functional import (
    gaussian_conditional_mutual_information,
    gaussian_entropy,
    gaussian_log_density,
    gaussian_log_ratio,
    gaussian_mutual_information,
    gaussian_scores,
    log_det_bias,
)


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

    _parameter_constraints: dict = {"shrinkage": SHRINKAGE}
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
        check_rank(values, self.shrinkage, "GaussianEntropy")
        n, dim = values.shape
        notes = shrinkage_note(self.shrinkage)
        self.location_ = values.mean(axis=0)
        self.covariance_ = fit_covariance(values, self.shrinkage)
        if is_singular(self.covariance_):
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
                np.var(influence) / (dim / 2) * 0.25 * log_det_variance(max(n, dim + 1), dim)
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
    exactly, so the value is unbiased at every n and may be negative. Columns that are constant or
    linear functions of others on their side, or of the condition, are left out, with a note; where
    columns of X and y are functions of each other the value is inf. It is a lower bound in
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

    _parameter_constraints: dict = {"copula": ["boolean"], "shrinkage": SHRINKAGE}
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
        check_rank(joint, self.shrinkage, "GaussianMutualInformation")
        notes = pairing_notes(X, y, condition) + shrinkage_note(self.shrinkage)
        constant = np.ptp(joint, axis=0) == 0
        self.location_, self._scale = joint.mean(axis=0), np.where(constant, 1, joint.std(axis=0))
        scaled = gaussian_scores(joint) if self.copula else (joint - self.location_) / self._scale
        self._fit_joint = joint
        covariance = fit_covariance(scaled, self.shrinkage)
        # Shrinkage gives constant columns a variance.
        covariance = np.where(constant | constant[:, None], 0.0, covariance)
        x_columns, y_columns, given_columns = _independent_blocks(
            covariance, *np.cumsum([b.shape[1] for b in blocks[:2]])
        )
        kept = np.concatenate([x_columns, y_columns, given_columns])
        if constant.any():
            notes.append("A column is constant; it shares no information.")
        if len(kept) < np.count_nonzero(~constant):
            notes.append(
                "Columns that are linear functions of others on their side or of the condition "
                "were left out: they add no information."
            )
        self._kept, self._centre = kept, scaled[:, kept].mean(axis=0)
        self.covariance_ = covariance[np.ix_(kept, kept)]
        self._dims = len(x_columns), len(y_columns), len(given_columns)
        self._infinite = is_singular(self.covariance_)
        if self._infinite:
            self.mutual_information_, self._variance = math.inf, 0.0
            self.pointwise_ = self._log_ratio(scaled)
            notes.append(
                "X and y have columns that are linear functions of each other: a normal law gives "
                "them infinite information."
            )
        else:
            self._fit_regular(scaled)
        self.notes_ = tuple(notes)
        return self

    def _fit_regular(self, scaled: np.ndarray) -> None:
        n = len(scaled)
        dx, dy, dz = self._dims
        if dz:
            value = gaussian_conditional_mutual_information(self.covariance_, dx, dy)
        else:
            value = gaussian_mutual_information(self.covariance_, dx)
        if not self.shrinkage:
            value -= 0.5 * sum(
                sign * log_det_bias(n, dim) for sign, dim in _terms(dx, dy, dz) if dim
            )
        # At independence the first-order term vanishes; what is left is exact for normal rows.
        second_order = 0.25 * sum(
            -sign * log_det_variance(max(n - dz, dx + dy + 1), dim)
            for sign, dim in _terms(dx, dy, 0)
            if dim
        )
        self.pointwise_ = self._log_ratio(scaled)
        self.mutual_information_ = float(value)
        # Both are positive at independence, where the interval is too wide rather than too narrow.
        self._variance = float(np.var(self.pointwise_) / n) + second_order

    def _log_ratio(self, scaled: np.ndarray) -> np.ndarray:
        if self._infinite:
            return np.full(len(scaled), math.inf)
        dx, dy, _ = self._dims
        return gaussian_log_ratio(scaled[:, self._kept], self._centre, self.covariance_, dx, dy)

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


def _independent_blocks(
    covariance: np.ndarray, end_of_x: int, end_of_y: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns of x and of y that are not functions of their own side and of z, and those of z."""
    columns = np.arange(len(covariance))
    given = independent_columns(covariance, columns[end_of_y:])
    x = independent_columns(covariance, columns[:end_of_x], given)
    return x, independent_columns(covariance, columns[end_of_x:end_of_y], given), given


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
    Columns that are constant, or the same linear functions of others in both samples, are left
    out, with a note; where only one sample has such a column the value is inf.
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
        "shrinkage": SHRINKAGE,
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
            check_rank(part, self.shrinkage, "Each sample of GaussianDivergence")
        self.locations_ = np.stack([p.mean(axis=0) for p in parts])
        self.covariances_ = np.stack([fit_covariance(p, self.shrinkage) for p in parts])
        directions = {"kl": (0,), "reverse-kl": (1,), "jeffreys": (0, 1)}[self.kind]
        notes = shrinkage_note(self.shrinkage)
        kept = np.arange(values.shape[1])
        if any(is_singular(c) for c in self.covariances_):
            kept = independent_columns(fit_covariance(values, None), kept)
        if len(kept) < values.shape[1]:
            notes.append(
                "Columns that are constant or the same linear functions of others in both samples "
                "were left out: they tell nothing apart."
            )
        self._kept, parts = kept, tuple(p[:, kept] for p in parts)
        self._means = self.locations_[:, kept]
        self._matrices = self.covariances_[:, kept[:, None], kept]
        n, m, dim = len(parts[0]), len(parts[1]), len(kept)
        # The mean of an inverse Wishart matrix, which the correction divides by, needs n > d + 2.
        self._corrected = not self.shrinkage and min(n, m) > dim + 2
        if not self.shrinkage and not self._corrected:
            notes.append("A sample has at most d + 2 rows: the finite-sample bias is not removed.")
        self._infinite = any(is_singular(c) for c in self._matrices)
        if self._infinite:
            self.divergence_, self._variance = math.inf, 0.0
            notes.append(
                "A sample has a column that is constant or a linear function of others, and the "
                "other sample has not: the divergence of the fitted laws is infinite."
            )
        else:
            one_way = [self._one_way(parts, d) for d in directions]
            self.divergence_ = float(sum(v for v, *_ in one_way))
            influence_p = sum(a for _, a, _ in one_way)
            influence_q = sum(b for _, _, b in one_way)
            # At P = Q the first-order terms vanish and n m / (n + m) twice the value is a
            # chi-square with one degree of freedom a parameter.
            second_order = 0.25 * dim * (dim + 3) * (1 / n + 1 / m) ** 2 * len(directions) ** 2
            first_order = float(np.var(influence_p) / n + np.var(influence_q) / m)
            self._variance = first_order + second_order
        self.notes_ = tuple(notes)
        return self

    def _one_way(
        self, parts: tuple[np.ndarray, ...], first: int
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """KL from law ``first`` to the other, and its influence at the rows of P and of Q."""
        order = (first, 1 - first)
        p, q = (parts[i] for i in order)
        mean_p, mean_q = (self._means[i] for i in order)
        cov_p, cov_q = (self._matrices[i] for i in order)
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

        Raises
        ------
        ValueError
            If the divergence is infinite because one law has no density.
        """
        values = self._check_X(X, reset=False).values
        if self._infinite:
            raise ValueError("A fitted law has no density (see notes_), so there is no ratio.")
        p, q = (
            gaussian_log_density(values[:, self._kept], mean, covariance)
            for mean, covariance in zip(self._means, self._matrices, strict=True)
        )
        return p - q

    def _standard_error(self) -> float:
        return math.sqrt(self._variance)
