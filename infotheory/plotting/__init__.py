"""Pictures of results, in the style of scikit-learn's displays. Needs matplotlib."""

from __future__ import annotations

from infotheory.plotting._estimates import EstimateDisplay
from infotheory.plotting._matrix import MutualInformationMatrixDisplay
from infotheory.plotting._self_consistency import SelfConsistencyDisplay

__all__ = ["EstimateDisplay", "MutualInformationMatrixDisplay", "SelfConsistencyDisplay"]
