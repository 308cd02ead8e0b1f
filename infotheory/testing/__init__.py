"""Checks for estimators of information quantities, and Hypothesis strategies for laws and samples.

`check_information_estimator` runs on any estimator with the fitted attribute ``entropy_``,
``mutual_information_`` or ``divergence_``. `self_consistency` tries three laws of mutual
information on images. The strategies need the package ``hypothesis``, the decorator for
parametrised tests needs ``pytest``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._checks import (
    CheckResult,
    InformationCheck,
    check_information_estimator,
    information_checks,
    parametrize_with_information_checks,
)
from ._self_consistency import self_consistency
from ._self_consistency_report import SelfConsistencyLaw, SelfConsistencyReport

if TYPE_CHECKING:
    from ._fixtures import xp
    from ._strategies import covariance_matrices, joint_pmfs, pmfs, samples

__all__ = [
    "CheckResult",
    "InformationCheck",
    "SelfConsistencyLaw",
    "SelfConsistencyReport",
    "check_information_estimator",
    "covariance_matrices",
    "information_checks",
    "joint_pmfs",
    "parametrize_with_information_checks",
    "pmfs",
    "samples",
    "self_consistency",
    "xp",
]

_STRATEGIES = ("covariance_matrices", "joint_pmfs", "pmfs", "samples")


def __getattr__(name: str) -> Any:
    # Hypothesis and pytest are optional dependencies, which the checks do not need.
    if name == "xp":
        from ._fixtures import xp

        return xp
    if name in _STRATEGIES:
        from . import _strategies

        return getattr(_strategies, name)
    raise AttributeError(f"module 'infotheory.testing' has no attribute {name!r}")
