"""Bounds that ask which y belongs to an x: InfoNCE, and FLO, which has no ceiling."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logsumexp

from infotheory._variational import FoldScores, VariationalMutualInformation, by_partner
from infotheory._variational_docs import with_shared_sections

_N_CANDIDATES = 1024


@with_shared_sections
class InfoNCE(VariationalMutualInformation):
    r"""Mutual information by contrast: the y of each x among up to 1 024 candidates.

    Parameters
    ----------
    <parameters of all bounds>

    Attributes
    ----------
    <attributes of all bounds>

    Raises
    ------
    <raises of all bounds>

    Notes
    -----
    Trains what it reports, :math:`\ln K + E\,[f(x_i, y_i) - \ln \sum_{j} e^{f(x_i, y_j)}]` with K
    candidates, in training in both directions and with K the size of the batch, on held-out rows
    with K the rows of a fold, at most 1 024. A lower bound of small variance that cannot pass
    :math:`\ln K`, 6.93 nats at most; a note says where the value comes near. Even with the true
    log ratio it is low: by .033 nats for five pairs of normals correlated at .8 and K = 1 024. It
    trains good critics: :class:`DonskerVaradhan` with ``objective="info-nce"`` reports the same
    critics without the ceiling. ``critic="concatenated"`` evaluates K pairs a row and is slow.
    <cost of all bounds>
    Source: van den Oord, Li and Vinyals (2018), arXiv:1807.03748.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import InfoNCE
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(2000, 1))
    >>> y = 0.8 * x + 0.6 * rng.normal(size=(2000, 1))  # truth .511
    >>> fitted = InfoNCE(hidden_layer_sizes=16, max_iter=20, n_folds=2, random_state=0).fit(x, y)
    >>> bool(abs(fitted.mutual_information_ - 0.511) < 0.1)
    True
    """

    _n_turns = _N_CANDIDATES - 1

    def _objective(self) -> Any:
        from infotheory._scores import info_nce_objective

        return info_nce_objective

    def _terms(self, scores: FoldScores) -> tuple[np.ndarray, np.ndarray]:
        """One term a row, and the share of each other candidate in its partition sum."""
        apart = scores.product[:, : self._n_turns]
        table = np.column_stack([scores.joint, apart])
        partition = np.asarray(logsumexp(table, axis=1))
        terms = scores.joint - partition + np.log(table.shape[1])
        return terms, np.exp(apart - partition[:, None])

    def _value(self, scores: FoldScores) -> float:
        return float(self._terms(scores)[0].mean())

    def _influence(self, scores: FoldScores) -> np.ndarray:
        terms, shares = self._terms(scores)
        m = shares.shape[1]
        return terms - m * by_partner(shares, scores.shifts[:m])

    def _ceiling(self, n_rows: int) -> float:
        return float(np.log(min(_N_CANDIDATES, n_rows)))


@with_shared_sections
class FLO(VariationalMutualInformation):
    r"""Mutual information by the Fenchel-Legendre bound, with a second critic and no ceiling.

    Parameters
    ----------
    <parameters of all bounds>

    Attributes
    ----------
    <attributes of all bounds>

    Raises
    ------
    <raises of all bounds>

    Notes
    -----
    Trains and reports :math:`1 + E\,[r(x_i, y_i) - e^{r(x_i, y_i) - f(x_i, y_i)} E_y
    e^{f(x_i, y)}]`: the critic f compares candidates as in InfoNCE, and the second critic r is
    the pointwise mutual information at the optimum. Of all r the best for a given f is f less a
    function of x, which is what is trained here, with the first of the hidden layers alone; none
    is larger than on the selection rows. A lower bound in
    expectation for any number of candidates and both critics, without a ceiling; the variance of
    :math:`e^f` stays.
    <cost of all bounds>
    Source: Guo et al. (2022), arXiv:2107.01131.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory import FLO
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(2000, 1))
    >>> y = 0.8 * x + 0.6 * rng.normal(size=(2000, 1))  # truth .511
    >>> fitted = FLO(hidden_layer_sizes=16, max_iter=20, n_folds=2, random_state=0).fit(x, y)
    >>> bool(abs(fitted.mutual_information_ - 0.511) < 0.1)
    True
    """

    _second = True

    def _objective(self) -> Any:
        from infotheory.functional import flo

        return lambda s: flo(s.second, s.joint, s.product)

    def _selected_by(self, held_out: Any) -> Any:
        from infotheory.functional import flo

        return flo(held_out.second, held_out.joint, held_out.product)

    def _terms(self, scores: FoldScores) -> tuple[np.ndarray, np.ndarray]:
        """One term a row, and what each pair drawn apart takes from it."""
        if scores.second is None:
            raise TypeError("FLO needs the scores of its second critic.")
        weights = np.exp((scores.second - scores.joint)[:, None] + scores.product)
        return scores.second - weights.mean(axis=1) + 1.0, weights

    def _value(self, scores: FoldScores) -> float:
        return float(self._terms(scores)[0].mean())

    def _influence(self, scores: FoldScores) -> np.ndarray:
        terms, weights = self._terms(scores)
        return terms - by_partner(weights, scores.shifts)
