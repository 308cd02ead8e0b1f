"""Von Neumann entropy of the rows of a representation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from infotheory._base import EntropyEstimator
from infotheory._spectral_samples import spectral_error_and_bias, spectrum_row_values
from infotheory._validation import Variable
from infotheory.functional import page_entropy, von_neumann_entropy

# Of the bias on half the rows: 1/n for n far above d, less for fewer rows.
_LEAST_RATIO = 1.75


class VonNeumannEntropy(EntropyEstimator):
    r"""Von Neumann entropy of a representation: how evenly its rows fill their directions.

    Attributes
    ----------
    entropy_ : float
        Nats, between 0 and :math:`\ln \min(n, d)`.
    effective_rank_ : float
        Its exponential.
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if X has missing or infinite values, a single row, or a row of zeros, which has
        no direction.

    Notes
    -----
    Rows are scaled to length 1 and the mean is not taken off:
    :math:`-\mathrm{tr}\, \rho \ln \rho` with :math:`\rho = \frac1n \sum_i z_i z_i^T`. The estimand
    is the same with the mean over the law. A sample falls short of it by about
    :math:`(d - 1) / 2n` for n far above d, which :func:`~infotheory.confidence_interval` estimates
    from halves and quarters of the rows; of 90 % intervals at 5 to 100 rows a column .855 to .905
    covered for normal columns of unequal variance, and .9 to 1 for equal ones, where the value is
    at its ceiling. With fewer rows no interval is to be trusted, and a note says so. Compare
    representations at equal n and d, or with :func:`~infotheory.functional.page_entropy`, the value
    without any structure. Complexity :math:`O(n d \min(n, d))`. Source: Kim, Kang, Hwang,
    Shin and Rhee (2023), arXiv:2304.01434.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import VonNeumannEntropy
    >>> Z = np.random.default_rng(0).normal(size=(2000, 5))
    >>> model = VonNeumannEntropy().fit(Z)
    >>> print(f"{model.entropy_:.3f} {model.effective_rank_:.2f}")  # ln 5 = 1.609
    1.608 4.99
    """

    _information_laws = {
        "translation": None,
        "scale": None,
        "additivity": None,
        "truth": None,
    }
    _bias_source = "halves and quarters of the rows"

    def fit(self, X: Any, y: Any = None) -> VonNeumannEntropy:
        """Compute the entropy; `y` is ignored.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : None

        Returns
        -------
        VonNeumannEntropy
            The fitted estimator.
        """
        x = self._check_X(X)
        values = x.values
        zero = np.flatnonzero(~np.any(values != 0, axis=1))
        if len(zero):
            raise ValueError(
                f"X must have no row of zeros, which has no direction, got {len(zero)} of them, "
                f"the first at row {zero[0]}. Leave those rows out."
            )
        self.entropy_ = float(von_neumann_entropy(values))
        self.effective_rank_ = math.exp(self.entropy_)
        self._variable = x
        self._found: tuple[float, float] | None = None
        n, d = values.shape
        ceiling = math.log(min(n, d))
        notes = []
        if n < 5 * d:
            notes.append(
                f"{n} rows show at most ln {min(n, d)} = {ceiling:.3g} nats, and rows without any "
                f"structure would have about {page_entropy(n, d):.3g}: with so few rows for {d} "
                f"columns the value says as much about their number. Pass more rows."
            )
        elif self.entropy_ > 0.99 * ceiling and d > 1:
            notes.append(
                f"The entropy is at its ceiling ln {d} = {ceiling:.3g} nats: all directions are "
                f"used alike."
            )
        self.notes_ = tuple(notes)
        return self

    def _row_values(self, variables: list[Variable]) -> np.ndarray:
        rows = variables[0].values
        rows = rows / np.max(np.abs(rows), axis=1, keepdims=True)
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        left, singular, _ = np.linalg.svd(rows, full_matrices=False)
        return spectrum_row_values(singular**2 / len(rows), left, 1.0)

    def _error_and_bias(self) -> tuple[float, float]:
        check_is_fitted(self)
        if self._found is None:
            self._found = spectral_error_and_bias(
                [self._variable], self._row_values, -1.0, _LEAST_RATIO
            )
        return self._found

    def _standard_error(self) -> float:
        return self._error_and_bias()[0]

    def _bias(self, rng: np.random.RandomState) -> float:
        return self._error_and_bias()[1]
