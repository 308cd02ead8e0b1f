"""Torch modules: information as something to maximise, to minimise, or to limit.

`MutualInformationBound` and `DivergenceBound` turn a critic and a batch into a number; its
gradient flows to the critic and to whatever made the batch. `VariationalBottleneck` limits what
passes through it, `GradientPenalty` keeps a critic Lipschitz. `VonNeumannRegularizer`,
`EffectiveEntropyRegularizer`, `EntropyReconstruction` and `LipschitzInfoNCE` are losses on
representations, of one view or of two; `CauchySchwarzBottleneck` is one of a regression.
"""

from __future__ import annotations

try:
    import torch  # noqa: F401
except ImportError as error:
    raise ImportError("infotheory.nn needs Torch: pip install 'infotheory-learn[torch]'") from error

from infotheory._networks import BilinearCritic, ConcatenatedCritic, SeparableCritic

from ._cauchy_schwarz_bottleneck import CauchySchwarzBottleneck
from ._divergences import DivergenceBound, GradientPenalty
from ._entropy_reconstruction import EntropyReconstruction
from ._gaussian_layers import ConditionalNormal, VariationalBottleneck
from ._lipschitz_information import LipschitzInfoNCE
from ._mutual_information import MutualInformationBound
from ._regularizers import EffectiveEntropyRegularizer, VonNeumannRegularizer

__all__ = [
    "BilinearCritic",
    "CauchySchwarzBottleneck",
    "ConcatenatedCritic",
    "ConditionalNormal",
    "DivergenceBound",
    "EffectiveEntropyRegularizer",
    "EntropyReconstruction",
    "GradientPenalty",
    "LipschitzInfoNCE",
    "MutualInformationBound",
    "SeparableCritic",
    "VariationalBottleneck",
    "VonNeumannRegularizer",
]
