"""Torch modules: information as something to maximise, to minimise, or to limit.

`MutualInformationBound` and `DivergenceBound` turn a critic and a batch into a number; its
gradient flows to the critic and to whatever made the batch. `VariationalBottleneck` limits what
passes through it, `GradientPenalty` keeps a critic Lipschitz.
"""

from __future__ import annotations

try:
    import torch  # noqa: F401
except ImportError as error:
    raise ImportError("infotheory.nn needs Torch: pip install 'infotheory-learn[torch]'") from error

from infotheory._networks import BilinearCritic, ConcatenatedCritic, SeparableCritic

from ._divergences import DivergenceBound, GradientPenalty
from ._gaussian_layers import ConditionalNormal, VariationalBottleneck
from ._mutual_information import MutualInformationBound

__all__ = [
    "BilinearCritic",
    "ConcatenatedCritic",
    "ConditionalNormal",
    "DivergenceBound",
    "GradientPenalty",
    "MutualInformationBound",
    "SeparableCritic",
    "VariationalBottleneck",
]
