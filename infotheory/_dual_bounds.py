"""Bounds that are a mean over pairs drawn together minus one over pairs drawn apart: their base."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from infotheory._variational import FoldScores, VariationalMutualInformation, by_partner

OBJECTIVES = ("info-nce", "donsker-varadhan", "jensen-shannon")


def objective_of(name: str) -> Any:
    """Training scores -> one value a member."""
    from infotheory._scores import info_nce_objective
    from infotheory.functional import donsker_varadhan, jensen_shannon

    if name == "info-nce":
        return info_nce_objective
    bound = {"donsker-varadhan": donsker_varadhan, "jensen-shannon": jensen_shannon}[name]
    return lambda scores: bound(scores.joint, scores.product.flatten(1))


class DualBound(VariationalMutualInformation):
    """The value and the influence of a bound of this form."""

    _form: ClassVar[str] = ""
    # NWJ wants a critic of 1 + the log ratio.
    _shift: ClassVar[float] = 0.0

    def _form_parameters(self) -> dict[str, float]:
        return {}

    def _value(self, scores: FoldScores) -> float:
        from infotheory.functional import donsker_varadhan, nwj, smile

        bound = {"donsker-varadhan": donsker_varadhan, "nwj": nwj, "smile": smile}[self._form]
        joint, product = scores.joint + self._shift, scores.product + self._shift
        value = float(bound(joint, product.ravel(), **self._form_parameters()))
        if self._form == "donsker-varadhan" and isinstance(self.critic, str):
            # The critics are log ratios. A mean of e^f far below 1 says that the pairs apart miss
            # what makes it up; NWJ, which it is then, cannot exceed this.
            value = min(value, float(joint.mean()) + 1.0)
        return value

    def _influence(self, scores: FoldScores) -> np.ndarray:
        from infotheory.functional import bound_influence

        joint, product = scores.joint + self._shift, scores.product + self._shift
        terms = bound_influence(self._form, joint, product.ravel(), **self._form_parameters())
        apart = terms.product.reshape(product.shape)
        return terms.joint + apart.mean(axis=1) + by_partner(apart, scores.shifts)
