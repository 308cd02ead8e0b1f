"""Divergences of two samples by Gaussian kernels: Cauchy-Schwarz and maximum mean discrepancy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from infotheory._base import DivergenceEstimator
from infotheory._kernel_samples import (
    BANDWIDTH,
    blurred_note,
    chosen_bandwidth,
    is_blurred,
    notes_of_sums,
)
from infotheory.functional._gram import gram_log_row_sums
from infotheory.functional._gram_jackknife import TwoSampleSums, jackknife_of, two_sample_sums
from infotheory.functional._gram_orders import part_sums, pooled_row_sums
from infotheory.functional._mmd import Estimator, discrepancy
from infotheory.functional._permutation_moments import (
    centred_gram_moments,
    contrast_moments,
    gamma_p_value,
    permutation_moments,
)

# Mean kernels between the samples below this go through logarithms.
_LEAST = 1e-100
_MANY_STANDARD_ERRORS = 2.0


class _KernelTwoSamples(DivergenceEstimator):
    """Row sums of the pooled sample, which hold all there is to say of value, error and null."""

    _parameter_constraints: dict = {"bandwidth": BANDWIDTH}
    _bias_source = "leaving out each row once"
    bandwidth: float | str

    @property
    def _information_laws(self) -> dict[str, str | None]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return {
            "translation": "exact",
            "scale": "exact" if isinstance(self.bandwidth, str) else None,
            "symmetry": "exact",
            "additivity": None,
            "data-processing": None,
            "truth": None,
        }

    def _begin(self, X: Any, y: Any) -> list[str]:
        x, in_q = self._check_two_samples(X, y)
        p, q = x.values[~in_q], x.values[in_q]
        self._rows, self._in_q = x.values, in_q
        self.bandwidth_ = chosen_bandwidth(self.bandwidth, x.values, "X")
        n = len(p)
        first, second, squares = pooled_row_sums(np.concatenate([p, q]), n, self.bandwidth_)
        self._row_sums = first[:n], second[n:], second[:n], first[n:]
        self._square = float(np.sum(squares))
        self._log_scale = 0.0
        self._found: tuple[float, float] | None = None
        notes = []
        for name, own in zip(self.classes_, self._row_sums[:2], strict=True):
            notes += notes_of_sums(float(np.sum(own)), len(own), f"sample {name}", self.bandwidth_)
        whole = sum(float(np.sum(part)) for part in self._row_sums)
        self._is_blurred = is_blurred(whole, len(x))
        if self._is_blurred and np.any(np.ptp(x.values, axis=0) > 0):
            notes.append(blurred_note("both samples", self.bandwidth_))
        return notes

    def _statistic(self, sums: TwoSampleSums) -> Any:
        raise NotImplementedError

    def _value(self) -> float:
        return float(self._statistic(two_sample_sums(*self._row_sums)[0]))

    def _error_and_bias(self) -> tuple[float, float]:
        """By leaving out each row; kept once they are known."""
        check_is_fitted(self)
        if self._found is None:
            self._found = jackknife_of(self._statistic, *two_sample_sums(*self._row_sums))
        return self._found

    def _standard_error(self) -> float:
        return self._error_and_bias()[0]

    def _bias(self, rng: np.random.RandomState) -> float:
        return self._error_and_bias()[1]

    def _permuted_values(self, orders: np.ndarray) -> np.ndarray:
        """The statistic for many orders of the labels; each kernel is made once."""
        check_is_fitted(self)
        in_p = ~self._in_q[orders].T
        n, m = int(np.sum(~self._in_q)), int(np.sum(self._in_q))
        within, with_all = part_sums(self._rows, self.bandwidth_, in_p)
        total = sum(float(np.sum(part)) for part in self._row_sums[:2])
        total += 2 * float(np.sum(self._row_sums[2])) * math.exp(self._log_scale)
        across = with_all - within
        # What rounding leaves of the difference is no kernel.
        across = np.maximum(across, 1e-16 * with_all)
        return self._statistic_of_orders(
            TwoSampleSums(within, total - within - 2 * across, across, n, m)
        )

    def _statistic_of_orders(self, sums: TwoSampleSums) -> np.ndarray:
        return np.asarray(self._statistic(sums))


class CauchySchwarzDivergence(_KernelTwoSamples):
    r"""Cauchy-Schwarz divergence of two samples, by Gaussian kernels.

    :math:`-2 \ln \int p q + \ln \int p^2 + \ln \int q^2` of the kernel estimates of both densities.

    Parameters
    ----------
    bandwidth : float or {"median", "silverman", "likelihood", "neighbors"}
        Of the kernel exp(-r^2 / (2 bandwidth^2)), or the rule of
        :func:`~infotheory.functional.kernel_bandwidth` that gives it for both samples together.

    Attributes
    ----------
    divergence_ : float
        Nats, never negative. Some authors give half of it.
    bandwidth_ : float
        What `bandwidth` came to.
    classes_ : ndarray of shape (2,)
        P is the sample of the first class, Q that of the second; the divergence is symmetric.
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if `bandwidth` is not positive or no rule, X is not a finite real table, y does
        not have two classes, or one of them has a single row.

    Notes
    -----
    It estimates the divergence of the laws smoothed by a normal of variance bandwidth^2 / 2, and
    is smaller the wider the kernel: in few columns "silverman" smooths little, and "median"
    keeps pairs in sight in many. For normal laws the truth is
    :func:`~infotheory.functional.gaussian_cauchy_schwarz_divergence` with bandwidth^2 / 2 on the
    diagonals. Unlike the Kullback-Leibler divergence it violates data processing: merging or
    adding noise can raise it. Columns count by their units; standardise those that are to count
    alike. However far apart the samples are, it stays finite.

    Intervals by leaving out each row, bias included; where P = Q they are rough and a permutation
    test is exact. Complexity O((n + m)^2 d), memory O((n + m) d). Sources: Principe, Information
    Theoretic Learning (2010), doi:10.1007/978-1-4419-1570-2; Yu et al. (2023), arXiv:2301.08970.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import CauchySchwarzDivergence, two_samples
    >>> rng = np.random.default_rng(0)
    >>> X, y = two_samples(rng.normal(size=(2000, 1)), rng.normal(1.0, size=(2000, 1)))
    >>> found = CauchySchwarzDivergence(bandwidth=0.5).fit(X, y)
    >>> print(f"{found.divergence_:.2f}")  # truth .44, and .5 without smoothing
    0.43
    """

    kind = "cauchy-schwarz"

    def __init__(self, *, bandwidth: float | str = "median") -> None:
        self.bandwidth = bandwidth

    def fit(self, X: Any, y: Any) -> CauchySchwarzDivergence:
        """Sum the kernels of all pairs.

        Parameters
        ----------
        X : array-like of shape (n + m, d)
        y : array-like of shape (n + m,)
            Which sample each row came from: two classes.

        Returns
        -------
        CauchySchwarzDivergence
            The fitted estimator.
        """
        notes = self._begin(X, y)
        own_p, own_q, across_p, across_q = self._row_sums
        if float(np.max(across_p)) <= _LEAST * len(own_q):
            p, q = self._rows[~self._in_q], self._rows[self._in_q]
            logs = [
                gram_log_row_sums(*pair, bandwidth=self.bandwidth_) for pair in ((p, q), (q, p))
            ]
            self._log_scale = float(np.max(logs[0]))
            across_p, across_q = (np.exp(part - self._log_scale) for part in logs)
            self._row_sums = own_p, own_q, across_p, across_q
            notes.append(
                f"The samples are so far apart that no kernel between them is seen: the value "
                f"grows with the square of the distance over the bandwidth, {self.bandwidth_:.3g}."
            )
        self.divergence_ = self._value()
        self.notes_ = tuple(notes)
        return self

    def _statistic(self, sums: TwoSampleSums) -> Any:
        # Powers of n and of m cancel.
        across = np.log(sums.across) + self._log_scale
        return np.log(sums.of_p) + np.log(sums.of_q) - 2 * across

    def _statistic_of_orders(self, sums: TwoSampleSums) -> np.ndarray:
        return np.log(sums.of_p) + np.log(sums.of_q) - 2 * np.log(sums.across)


class MMD(_KernelTwoSamples):
    r"""Squared maximum mean discrepancy of two samples under a Gaussian kernel.

    Parameters
    ----------
    bandwidth : float or {"median", "silverman", "likelihood", "neighbors"}
        Of the kernel exp(-r^2 / (2 bandwidth^2)), or the rule of
        :func:`~infotheory.functional.kernel_bandwidth` that gives it for both samples together.
    estimator : {"unbiased", "biased"}
        Whether pairs of a row with itself are left out: the mean of "unbiased" is the discrepancy
        of the laws, and it may be negative; "biased" is that of the samples, and never is.

    Attributes
    ----------
    divergence_ : float
        The square of the discrepancy, between 0 and 2 for laws.
    p_value_ : float
        Of the hypothesis P = Q, by a gamma law with the exact mean and variance that the biased
        statistic has over all permutations of the labels. Fast and approximate;
        :func:`permutation_test` is exact. 1 where the kernel is so wide that rounding is what is
        left, which a note says.
    bandwidth_ : float
        What `bandwidth` came to.
    classes_ : ndarray of shape (2,)
        P is the sample of the first class, Q that of the second.
    unit_ : str
        "(no unit)".
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if a parameter is out of its rule, X is not a finite real table, y does not
        have two classes, or one of them has a single row.

    Notes
    -----
    The squared distance of the mean embeddings of both laws: 0 for equal laws alone, whatever the
    bandwidth. It has no unit and no meaning beyond its kernel: to compare two values take one
    bandwidth. Columns count by their units; standardise those that are to count alike.

    Intervals by leaving out each row; where P = Q the error is of the order 1/n and overstated.
    The p-value rests on all labels being exchangeable. Complexity O((n + m)^2 d), memory
    O((n + m) d), of many rows of one column O(n + m); a permutation test makes each kernel once for
    all permutations. Source: Gretton et al. (2012), JMLR 13, pages 723-773.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import MMD, two_samples
    >>> rng = np.random.default_rng(0)
    >>> X, y = two_samples(rng.normal(size=(500, 1)), rng.normal(1.0, size=(500, 1)))
    >>> found = MMD(bandwidth=1.0).fit(X, y)
    >>> print(f"{found.divergence_:.2f}, p = {found.p_value_:.0e}")  # truth 0.18
    0.17, p = 7e-53
    """

    kind = "mmd"
    unit_ = "(no unit)"
    _parameter_constraints: dict = {
        **_KernelTwoSamples._parameter_constraints,
        "estimator": [StrOptions({"unbiased", "biased"})],
    }

    def __init__(
        self, *, bandwidth: float | str = "median", estimator: Estimator = "unbiased"
    ) -> None:
        self.bandwidth = bandwidth
        self.estimator: Estimator = estimator

    def fit(self, X: Any, y: Any) -> MMD:
        """Sum the kernels of all pairs.

        Parameters
        ----------
        X : array-like of shape (n + m, d)
        y : array-like of shape (n + m,)
            Which sample each row came from: two classes.

        Returns
        -------
        MMD
            The fitted estimator.
        """
        notes = self._begin(X, y)
        sums = two_sample_sums(*self._row_sums)[0]
        self.divergence_ = self._value()
        self.p_value_ = 1.0
        if sums.n + sums.m > 3 and not self._is_blurred:
            own_p, own_q, across_p, across_q = self._row_sums
            rows = np.concatenate([own_p + across_p, own_q + across_q])
            moments = permutation_moments(
                centred_gram_moments(rows, self._square), contrast_moments(sums.n, sums.m)
            )
            self.p_value_ = gamma_p_value(float(discrepancy(*sums, "biased")), *moments)
        error = self._standard_error()
        if not self.divergence_ - self._bias_of_value() > _MANY_STANDARD_ERRORS * error:
            notes.append(
                "The value is within two standard errors of 0, where the interval is only rough: "
                "p_value_ or a permutation test tells whether the laws differ."
            )
        self.notes_ = tuple(notes)
        return self

    def _bias_of_value(self) -> float:
        return self._error_and_bias()[1]

    def _statistic(self, sums: TwoSampleSums) -> Any:
        return discrepancy(*sums, self.estimator)

    def _statistic_of_orders(self, sums: TwoSampleSums) -> np.ndarray:
        return np.asarray(discrepancy(*sums, self.estimator))
