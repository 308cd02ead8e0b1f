"""Pictures of results, in the style of scikit-learn's displays. Needs matplotlib."""

from __future__ import annotations

from infotheory.plotting._bridge import BridgeDisplay
from infotheory.plotting._displacement import DisplacementDisplay
from infotheory.plotting._estimates import EstimateDisplay
from infotheory.plotting._information_plane import InformationPlaneDisplay
from infotheory.plotting._matrix import MutualInformationMatrixDisplay
from infotheory.plotting._self_consistency import SelfConsistencyDisplay
from infotheory.plotting._transport import TransportPlanDisplay

__all__ = [
    "BridgeDisplay",
    "DisplacementDisplay",
    "EstimateDisplay",
    "InformationPlaneDisplay",
    "MutualInformationMatrixDisplay",
    "SelfConsistencyDisplay",
    "TransportPlanDisplay",
]
