"""Dependence of paired samples by Gaussian kernels: Cauchy-Schwarz information and HSIC."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from infotheory._base import MutualInformationEstimator
from infotheory._kernel_samples import (
    BANDWIDTH,
    blurred_note,
    ceiling_note,
    chosen_bandwidth,
    is_blurred,
    notes_of_sums,
)
from infotheory._validation import Variable, pairing_notes
from infotheory.functional import (
    conditional_cauchy_schwarz_mutual_information,
    gram_pair_sums,
)
from infotheory.functional._gram import PairSums
from infotheory.functional._gram_jackknife import (
    PairedSums,
    biased_criterion,
    cauchy_schwarz_information,
    jackknife,
    jackknife_of,
    paired_sums,
    paired_sums_without_each,
    unbiased_criterion,
)
from infotheory.functional._gram_orders import ordered_products, weighted_row_sums
from infotheory.functional._permutation_moments import (
    centred_gram_moments,
    gamma_p_value,
    permutation_moments,
)

# What rounding leaves of the value of a constant sample with itself is below it.
_LEAST = 2e-14
Bandwidth = float | str | tuple[float | str, float | str]
_LAWS: dict[str, str | None] = {
    "translation": "exact",
    "symmetry": "exact",
    "additivity": None,
    "data-processing": None,
    "truth": None,
}


def _is_unconditional(estimator: Any) -> bool:
    return not getattr(estimator, "_is_conditional", False)


class _KernelPairs(MutualInformationEstimator):
    """Row sums of both Gram matrices and of their product, for value, error and null."""

    _parameter_constraints: dict = {
        "bandwidth": [*BANDWIDTH, tuple],
        "normalized": ["boolean"],
    }
    _bias_source = "leaving out each row once"
    bandwidth: Bandwidth
    normalized: bool

    @property
    def _information_laws(self) -> dict[str, str | None]:  # pyright: ignore[reportIncompatibleVariableOverride]
        ruled = all(isinstance(each, str) for each in _both(self.bandwidth))
        return {**_LAWS, "scale": "exact" if ruled else None}

    def _begin(self, x: Variable, y: Variable) -> list[str]:
        widths = _both(self.bandwidth)
        notes, found = [], []
        for variable, name, width in zip((x, y), "Xy", widths, strict=True):
            found.append(chosen_bandwidth(width, variable.values, name))
            if np.all(np.ptp(variable.values, axis=0) == 0):
                notes.append(f"{name} is constant; nothing depends on it.")
        self.bandwidth_: tuple[float, ...] = found[0], found[1]
        self._tables = x.values, y.values
        return notes

    def _sum(self) -> list[str]:
        """The row sums, and what there is to say of them."""
        x, y, *_ = self.bandwidth_
        sums = gram_pair_sums(*self._tables, bandwidth_x=x, bandwidth_y=y)
        self._sums: PairSums = sums
        self._found: tuple[float, float] | None = None
        notes = []
        self._is_blurred = False
        tables = zip("Xy", self._tables, (sums.x, sums.y), self.bandwidth_, strict=True)
        for name, table, rows, width in tables:
            total = float(np.sum(rows))
            notes += notes_of_sums(total, len(rows), name, width)
            if is_blurred(total, len(rows)):
                self._is_blurred = True
                if np.any(np.ptp(table, axis=0) > 0):
                    notes.append(blurred_note(name, width))
        return notes

    def _statistic(self, sums: PairedSums) -> Any:
        raise NotImplementedError

    def _wholes(self) -> list[PairedSums]:
        """Sums of X with y, of X with itself and of y with itself."""
        s = self._sums
        triples = (s.x, s.y, s.product), (s.x, s.x, s.square_x), (s.y, s.y, s.square_y)
        return [paired_sums(*triple) for triple in triples]

    def _value(self) -> float:
        parts = self._wholes() if self.normalized else self._wholes()[:1]
        return float(_share([self._statistic(part) for part in parts]))

    def _error_and_bias(self) -> tuple[float, float]:
        """By leaving out each row; kept once they are known."""
        check_is_fitted(self)
        if self._found is None:
            self._found = self._by_leaving_out()
        return self._found

    def _by_leaving_out(self) -> tuple[float, float]:
        s = self._sums
        of_x, of_y = zip(self._tables, self.bandwidth_, strict=True)
        across = weighted_row_sums(*of_x, s.y), weighted_row_sums(*of_y, s.x)
        rest = paired_sums_without_each(s.x, s.y, s.product, *across)
        if not self.normalized:
            return jackknife_of(self._statistic, self._wholes()[0], rest)
        parts = [rest]
        for table, width, rows, square in (
            (*of_x, s.x, s.square_x),
            (*of_y, s.y, s.square_y),
        ):
            weighted = weighted_row_sums(table, width, rows)
            parts.append(paired_sums_without_each(rows, rows, square, weighted, weighted))
        with np.errstate(all="ignore"):
            left_out = _share([self._statistic(part) for part in parts])
            return jackknife(self._value(), [left_out])

    @available_if(_is_unconditional)
    def _standard_error(self) -> float:
        return self._error_and_bias()[0]

    @available_if(_is_unconditional)
    def _bias(self, rng: np.random.RandomState) -> float:
        return self._error_and_bias()[1]

    @available_if(_is_unconditional)
    def _permuted_values(self, orders: np.ndarray) -> np.ndarray:
        """The statistic for many orders of the rows of y; kernels of X are made once.

        Of normalised forms only the numerator depends on the order.
        """
        check_is_fitted(self)
        s = self._sums
        of_x, of_y, *_ = self.bandwidth_
        product = ordered_products(*self._tables, of_x, of_y, orders)
        across = s.y[orders] @ s.x
        sums = PairedSums(float(np.sum(s.x)), float(np.sum(s.y)), product, across, len(s.x))
        return np.asarray(self._statistic(sums))


def _both(bandwidth: Any) -> tuple[Any, Any]:
    """The bandwidths of X and of y."""
    if not isinstance(bandwidth, tuple):
        return bandwidth, bandwidth
    if len(bandwidth) != 2 or not all(_is_bandwidth(each) for each in bandwidth):
        raise ValueError(
            f"bandwidth must be a positive number, a rule, or a tuple of two of these for X and y, "
            f"got {bandwidth!r}. For instance ('median', 1.0)."
        )
    return bandwidth


def _is_bandwidth(value: Any) -> bool:
    if isinstance(value, Real):
        return not isinstance(value, bool) and float(value) > 0
    return any(constraint.is_satisfied_by(value) for constraint in BANDWIDTH[1:])


def _share(values: list[Any]) -> Any:
    """The first value over the root of the product of the others; 0 where they are not positive."""
    if len(values) == 1:
        return values[0]
    of_both, of_x, of_y = values
    some = (of_x > _LEAST) & (of_y > _LEAST)
    return np.where(some, of_both / np.sqrt(np.where(some, of_x * of_y, 1.0)), 0.0)


class CauchySchwarzMutualInformation(_KernelPairs):
    r"""Cauchy-Schwarz mutual information: the divergence of joint law and product of margins.

    Parameters
    ----------
    bandwidth : float, str or tuple of two
        Of the kernels exp(-r^2 / (2 bandwidth^2)): a number, a rule of
        :func:`~infotheory.functional.kernel_bandwidth` ("median", "silverman", "likelihood",
        "neighbors") that is applied to X and to y, or one of these for each.
    normalized : bool
        Divide by :math:`\sqrt{I(X, X)\, I(y, y)}`; 0 where one of the two is constant.

    Attributes
    ----------
    mutual_information_ : float
        Nats, never negative. Not Shannon's information.
    bandwidth_ : tuple of two floats, or three
        Of X, y and the condition.
    unit_ : str
        "nats", or "(no unit)" where normalised.
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if `bandwidth` is out of its rule, X or y is not a finite real table, or their
        lengths differ.

    Notes
    -----
    The limit for many rows is 0 for independence alone; for finite n independent rows give more
    than 0 by the order of 1/n, which intervals allow for. At most ln n. It compares laws smoothed
    by normals of variance bandwidth^2 / 2 and is smaller the wider the kernels. It violates data
    processing: noise added to X can raise it. With a condition it is the divergence of p(x, y, z)
    p(z) and p(x, z) p(y, z), and with series the Cauchy-Schwarz transfer entropy.

    Intervals by leaving out each row, which takes two more passes; near independence they are
    rough and a permutation test is exact. Complexity O(n^2 (d + e)), memory O(n (d + e)), of many
    rows of single columns O(n). Sources:
    Principe, Information Theoretic Learning (2010), doi:10.1007/978-1-4419-1570-2; Yu et al.
    (2023), arXiv:2301.08970.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import CauchySchwarzMutualInformation
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(3000, 1))
    >>> y = 0.8 * x + 0.6 * rng.normal(size=(3000, 1))
    >>> found = CauchySchwarzMutualInformation(bandwidth=0.5).fit(x, y)
    >>> print(f"{found.mutual_information_:.2f}")  # truth of the smoothed laws .217
    0.22
    """

    def __init__(self, *, bandwidth: Bandwidth = "median", normalized: bool = False) -> None:
        self.bandwidth = bandwidth
        self.normalized = normalized

    @property
    def unit_(self) -> str:
        """What the value is in."""
        return "(no unit)" if self.normalized else "nats"

    def fit(self, X: Any, y: Any, *, condition: Any = None) -> CauchySchwarzMutualInformation:
        """Sum the kernels of all pairs of rows.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,) or (n, e)
        condition : array-like of shape (n,) or (n, f), optional
            Third variable.

        Returns
        -------
        CauchySchwarzMutualInformation
            The fitted estimator.
        """
        paired = pairing_notes(X, y, condition)
        x, target, given = self._check_pair(X, y, condition)
        notes = [*paired, *self._begin(x, target)]
        self._is_conditional = given is not None
        if given is None:
            notes += self._sum()
            self.mutual_information_ = self._value()
        else:
            if self.normalized:
                raise ValueError(
                    "normalized must be False with a condition, got True: the conditional value "
                    "has no such form. Leave one of the two out."
                )
            width = _both(self.bandwidth)[0]
            of_condition = chosen_bandwidth(width, given.values, "condition")
            of_x, of_y = self.bandwidth_
            found = conditional_cauchy_schwarz_mutual_information(
                *self._tables, given.values, of_x, of_y, of_condition
            )
            self.bandwidth_ = of_x, of_y, of_condition
            self.mutual_information_ = float(found)
        if not self.normalized:
            notes += ceiling_note(self.mutual_information_, len(x))
        self.notes_ = tuple(notes)
        return self

    def _statistic(self, sums: PairedSums) -> Any:
        return cauchy_schwarz_information(sums)


class HSIC(_KernelPairs):
    r"""Hilbert-Schmidt independence criterion of paired samples under Gaussian kernels.

    Parameters
    ----------
    bandwidth : float, str or tuple of two
        Of the kernels exp(-r^2 / (2 bandwidth^2)): a number, a rule of
        :func:`~infotheory.functional.kernel_bandwidth` ("median", "silverman", "likelihood",
        "neighbors") that is applied to X and to y, or one of these for each.
    estimator : {"biased", "unbiased"}
        Whether pairs of a row with itself stay in, so that the value is that of the sample and
        never negative, or are left out, so that its mean is that of the law.
    normalized : bool
        Divide by :math:`\sqrt{HSIC(X, X)\, HSIC(y, y)}`: centred kernel alignment (CKA); 0 where
        one of the two is constant.

    Attributes
    ----------
    mutual_information_ : float
        The criterion. It has the name that every estimator of paired samples uses, but is a
        squared distance of kernel embeddings, in no unit, and not nats.
    p_value_ : float
        Of independence, by a gamma law with the exact mean and variance that the biased criterion
        has over all permutations of the rows of y. Fast and approximate;
        :func:`permutation_test` is exact. 1 where kernels are so wide that rounding is what is
        left, which a note says.
    bandwidth_ : tuple of two floats
        Of X and of y.
    unit_ : str
        "(no unit)".
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if a parameter is out of its rule, X or y is not a finite real table, their
        lengths differ, or "unbiased" gets fewer than 4 rows.

    Notes
    -----
    The squared distance between the embeddings of the joint law and of the product of its
    margins: 0 for independence alone, at most 1. It has no meaning beyond its kernels: to compare
    two values take the same bandwidths, or normalise. Columns count by their units; standardise
    those that are to count alike.

    Intervals by leaving out each row, which takes two more passes; near independence they are
    rough. Complexity O(n^2 (d + e)), memory O(n (d + e)), of many rows of single columns O(n); a
    permutation test makes the kernels of X once for all permutations. Sources: Gretton et al.
    (2005), doi:10.1007/11564089_7; Song et al. (2012), JMLR 13, pages 1393-1434, of "unbiased";
    Kornblith et al. (2019), arXiv:1905.00414, of the alignment.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import HSIC
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(300, 1))
    >>> found = HSIC(normalized=True).fit(x, x**2 + rng.normal(size=(300, 1)))
    >>> print(f"{found.mutual_information_:.2f}, p = {found.p_value_:.0e}")
    0.15, p = 7e-24
    """

    unit_ = "(no unit)"
    _parameter_constraints: dict = {
        **_KernelPairs._parameter_constraints,
        "estimator": [StrOptions({"biased", "unbiased"})],
    }

    def __init__(
        self,
        *,
        bandwidth: Bandwidth = "median",
        estimator: str = "biased",
        normalized: bool = False,
    ) -> None:
        self.bandwidth = bandwidth
        self.estimator = estimator
        self.normalized = normalized

    # Unlike its sibling it takes no condition.
    def fit(self, X: Any, y: Any) -> HSIC:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Sum the kernels of all pairs of rows.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,) or (n, e)

        Returns
        -------
        HSIC
            The fitted estimator.
        """
        paired = pairing_notes(X, y)
        x, target, _ = self._check_pair(X, y)
        n = len(x)
        if self.estimator == "unbiased" and n < 4:
            raise ValueError(
                f"X must have at least 4 rows for estimator='unbiased', got n_samples = {n}. Pass "
                f"more, or estimator='biased'."
            )
        notes = [*paired, *self._begin(x, target), *self._sum()]
        notes.append("The value is a distance of kernel embeddings and has no unit; not nats.")
        self.mutual_information_ = self._value()
        self.p_value_ = 1.0
        if n > 3 and not self._is_blurred:
            s = self._sums
            moments = permutation_moments(
                centred_gram_moments(s.x, float(np.sum(s.square_x))),
                centred_gram_moments(s.y, float(np.sum(s.square_y))),
            )
            trace = n**2 * float(biased_criterion(self._wholes()[0]))
            self.p_value_ = gamma_p_value(trace, *moments)
        self.notes_ = tuple(notes)
        return self

    def _statistic(self, sums: PairedSums) -> Any:
        return biased_criterion(sums) if self.estimator == "biased" else unbiased_criterion(sums)
