"""Quantities composed of other estimators, which they take as ``estimator=``."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from infotheory._base import EntropyEstimator, MutualInformationEstimator
from infotheory._interrupts import Watch
from infotheory._validation import Variable, joined, pairing_notes


class EntropySum(MutualInformationEstimator):
    r"""Mutual information as a sum of entropies, by any entropy estimator.

    Parameters
    ----------
    estimator : estimator
        Anything with ``fit(X)`` that leaves ``entropy_``. It is cloned for each term.

    Attributes
    ----------
    mutual_information_ : float
        :math:`H(X) + H(Y) - H(X, Y)`, or :math:`H(X, Z) + H(Y, Z) - H(X, Y, Z) - H(Z)` with a
        condition; nats.
    notes_ : tuple of str
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if the lengths differ or the entropy estimator refuses the data.

    Notes
    -----
    The errors of the terms do not cancel in general: with nearest neighbours the estimate is
    biased where :class:`KSG` is not. Complexity: three or four fits of the entropy estimator.
    Source: Cover and Thomas, Elements of Information Theory, section 2.4,
    doi:10.1002/047174882X.

    Examples
    --------
    >>> from infotheory import DiscreteEntropy, EntropySum
    >>> x = [["a"], ["a"], ["b"], ["b"]]
    >>> print(f"{EntropySum(DiscreteEntropy(method='plugin')).fit(x, x).mutual_information_:.4f}")
    0.6931
    """

    _accepts_labels = True
    _parameter_constraints: dict = {"estimator": "no_validation"}

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any, *, condition: Any = None) -> EntropySum:
        """Fit one clone of the entropy estimator a term.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,) or (n, e)
        condition : array-like of shape (n,) or (n, f), optional
            Estimate the information given this variable.

        Returns
        -------
        EntropySum
            The fitted estimator.
        """
        x, target, given = self._check_pair(X, y, condition, discrete=None)
        if given is None:
            terms = ((1, x), (1, target), (-1, joined(x, target)))
        else:
            terms = (
                (1, joined(x, given)),
                (1, joined(target, given)),
                (-1, joined(x, target, given)),
                (-1, given),
            )
        notes = pairing_notes(X, y, condition)
        value = 0.0
        watch = Watch()
        for sign, variable in terms:
            watch.stop("The sum of entropies")
            fitted = self._entropy(variable)
            value += sign * float(fitted.entropy_)
            notes += [note for note in getattr(fitted, "notes_", ()) if note not in notes]
        if not np.isfinite(value):
            notes.append("An entropy in the sum is infinite, so the information is not defined.")
        self.mutual_information_ = value
        self.notes_ = tuple(notes)
        return self

    def _entropy(self, variable: Variable) -> Any:
        ours = isinstance(self.estimator, EntropyEstimator)
        return clone(self.estimator).fit(variable if ours else variable.values)
