"""Entropy, mutual information and divergence from samples.

Every public name is loaded on first use, so that ``import infotheory`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"

_HOME = {
    "entropy": "_functions",
    "mutual_information": "_functions",
    "conditional_mutual_information": "_functions",
    "divergence": "_divergence",
    "transport": "_transport",
    "TransportEstimate": "_transport_estimate",
    "mutual_information_matrix": "_matrix",
    "MutualInformationMatrix": "_matrix",
    "confidence_interval": "_inference",
    "permutation_test": "_inference",
    "Estimate": "_estimate",
    "two_samples": "_validation",
    "DiscreteEntropy": "_estimators.discrete",
    "DiscreteMutualInformation": "_estimators.discrete",
    "DiscreteDivergence": "_estimators.discrete",
    "GaussianEntropy": "_estimators.gaussian",
    "GaussianMutualInformation": "_estimators.gaussian",
    "GaussianDivergence": "_estimators.gaussian",
    "NeighborsEntropy": "_estimators.neighbors",
    "NeighborsDivergence": "_estimators.neighbors",
    "CauchySchwarzDivergence": "_estimators.kernel",
    "MMD": "_estimators.kernel",
    "CauchySchwarzMutualInformation": "_estimators.kernel_dependence",
    "HSIC": "_estimators.kernel_dependence",
    "KSG": "_estimators.ksg",
    "MixedKSG": "_estimators.ksg",
    "EntropySum": "_estimators.composed",
    "InformationPlane": "_information_plane",
    "InformationPlanePoint": "_information_plane",
    "CompressedMutualInformation": "_estimators.compressed",
    "BinnedMutualInformation": "_estimators.binned",
    "NoisyMutualInformation": "_estimators.noisy",
    "MINDE": "_estimators.diffusion",
    "InfoSEDD": "_estimators.discrete_diffusion",
    "DiffusionEntropy": "_estimators.diffusion_entropy",
    "DiffusionDivergence": "_estimators.diffusion_divergence",
    "DonskerVaradhan": "_estimators.variational",
    "MINE": "_estimators.variational",
    "NWJ": "_estimators.variational",
    "TUBA": "_estimators.variational",
    "JensenShannonBound": "_estimators.variational",
    "SMILE": "_estimators.variational",
    "InfoNCE": "_estimators.contrastive",
    "FLO": "_estimators.contrastive",
    "DoE": "_estimators.conditional_density",
    "CLUB": "_estimators.conditional_density",
    "LeaveOneOutBound": "_estimators.conditional_density",
    "LightSB": "_estimators.light_bridge",
    "SinkhornBridge": "_estimators.sinkhorn_bridge",
    "VariationalDivergence": "_estimators.variational_divergence",
    "ENOT": "_estimators.entropic_neural",
    "EgEOT": "_estimators.energy_transport",
    "WassersteinDependency": "_estimators.wasserstein_dependency",
    "Sinkhorn": "_estimators.transport",
    "SinkhornDivergence": "_estimators.transport_divergence",
    "WassersteinDivergence": "_estimators.transport_divergence",
    "LowRankSinkhorn": "_estimators.low_rank_transport",
    "SemiDiscrete": "_estimators.semi_discrete",
    "SparseMonge": "_estimators.sparse_monge",
    "MatrixEntropy": "_estimators.matrix_entropy",
    "MatrixMutualInformation": "_estimators.matrix_entropy",
    "VonNeumannEntropy": "_estimators.spectral",
    "CauchySchwarzBottleneckRegressor": "_estimators.cauchy_schwarz_bottleneck",
    "VariationalBottleneckClassifier": "_estimators.variational_bottleneck",
    "VariationalBottleneckRegressor": "_estimators.variational_bottleneck",
    "SequentialIndependenceTest": "_estimators.sequential",
}
_SUBMODULES = ("datasets", "functional", "nn", "plotting", "testing")

__all__ = sorted([*_HOME, "__version__", "datasets", "functional"])  # pyright: ignore[reportUnsupportedDunderAll]

if TYPE_CHECKING:
    from infotheory import datasets, functional, nn, plotting, testing
    from infotheory._divergence import divergence
    from infotheory._estimate import Estimate
    from infotheory._estimators.binned import BinnedMutualInformation
    from infotheory._estimators.cauchy_schwarz_bottleneck import CauchySchwarzBottleneckRegressor
    from infotheory._estimators.composed import EntropySum
    from infotheory._estimators.compressed import CompressedMutualInformation
    from infotheory._estimators.conditional_density import CLUB, DoE, LeaveOneOutBound
    from infotheory._estimators.contrastive import FLO, InfoNCE
    from infotheory._estimators.diffusion import MINDE
    from infotheory._estimators.diffusion_divergence import DiffusionDivergence
    from infotheory._estimators.diffusion_entropy import DiffusionEntropy
    from infotheory._estimators.discrete import (
        DiscreteDivergence,
        DiscreteEntropy,
        DiscreteMutualInformation,
    )
    from infotheory._estimators.discrete_diffusion import InfoSEDD
    from infotheory._estimators.energy_transport import EgEOT
    from infotheory._estimators.entropic_neural import ENOT
    from infotheory._estimators.gaussian import (
        GaussianDivergence,
        GaussianEntropy,
        GaussianMutualInformation,
    )
    from infotheory._estimators.kernel import MMD, CauchySchwarzDivergence
    from infotheory._estimators.kernel_dependence import HSIC, CauchySchwarzMutualInformation
    from infotheory._estimators.ksg import KSG, MixedKSG
    from infotheory._estimators.light_bridge import LightSB
    from infotheory._estimators.low_rank_transport import LowRankSinkhorn
    from infotheory._estimators.matrix_entropy import MatrixEntropy, MatrixMutualInformation
    from infotheory._estimators.neighbors import NeighborsDivergence, NeighborsEntropy
    from infotheory._estimators.noisy import NoisyMutualInformation
    from infotheory._estimators.semi_discrete import SemiDiscrete
    from infotheory._estimators.sequential import SequentialIndependenceTest
    from infotheory._estimators.sinkhorn_bridge import SinkhornBridge
    from infotheory._estimators.sparse_monge import SparseMonge
    from infotheory._estimators.spectral import VonNeumannEntropy
    from infotheory._estimators.transport import Sinkhorn
    from infotheory._estimators.transport_divergence import (
        SinkhornDivergence,
        WassersteinDivergence,
    )
    from infotheory._estimators.variational import (
        MINE,
        NWJ,
        SMILE,
        TUBA,
        DonskerVaradhan,
        JensenShannonBound,
    )
    from infotheory._estimators.variational_bottleneck import (
        VariationalBottleneckClassifier,
        VariationalBottleneckRegressor,
    )
    from infotheory._estimators.variational_divergence import VariationalDivergence
    from infotheory._estimators.wasserstein_dependency import WassersteinDependency
    from infotheory._functions import conditional_mutual_information, entropy, mutual_information
    from infotheory._inference import confidence_interval, permutation_test
    from infotheory._information_plane import InformationPlane, InformationPlanePoint
    from infotheory._matrix import MutualInformationMatrix, mutual_information_matrix
    from infotheory._transport import transport
    from infotheory._transport_estimate import TransportEstimate
    from infotheory._validation import two_samples


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f"infotheory.{_HOME[name]}"), name)
    elif name in _SUBMODULES:
        value = import_module(f"infotheory.{name}")
    else:
        raise AttributeError(f"module 'infotheory' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    # Not what this module imports for itself.
    own = {name for name in globals() if name.startswith("__")}
    return sorted({*own, *__all__, *_SUBMODULES})
