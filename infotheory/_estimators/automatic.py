"""Names of the estimators, and the choice among them that ``estimator="auto"`` makes."""

from __future__ import annotations

from typing import Any

import numpy as np

from infotheory._base import EntropyEstimator
from infotheory._estimators.composed import EntropySum
from infotheory._estimators.discrete import (
    DiscreteDivergence,
    DiscreteEntropy,
    DiscreteMutualInformation,
)
from infotheory._estimators.gaussian import (
    GaussianDivergence,
    GaussianEntropy,
    GaussianMutualInformation,
)
from infotheory._estimators.neighbors import (
    KSG,
    MixedKSG,
    NeighborsDivergence,
    NeighborsEntropy,
)
from infotheory._validation import Variable

NAMES: dict[str, dict[str, Any]] = {
    "entropy": {
        "discrete": DiscreteEntropy,
        "gaussian": GaussianEntropy,
        "neighbors": NeighborsEntropy,
    },
    "mutual_information": {
        "discrete": DiscreteMutualInformation,
        "gaussian": GaussianMutualInformation,
        "ksg": KSG,
        "mixed-ksg": MixedKSG,
    },
    "divergence": {
        "discrete": DiscreteDivergence,
        "gaussian": GaussianDivergence,
        "neighbors": NeighborsDivergence,
    },
}


def named(quantity: str, estimator: Any, **parameters: Any) -> Any:
    """The estimator a door was asked for: by name, or the instance itself."""
    if not isinstance(estimator, str):
        if not hasattr(estimator, "fit"):
            raise TypeError(
                f"estimator must be a name or an object with fit, got {estimator!r}. Names: auto, "
                f"{', '.join(NAMES[quantity])}."
            )
        if quantity == "mutual_information" and isinstance(estimator, EntropyEstimator):
            return EntropySum(estimator)
        return estimator
    if estimator not in NAMES[quantity]:
        raise ValueError(
            f"estimator must be one of auto, {', '.join(NAMES[quantity])}, got {estimator!r}. "
            f"Pass one of these names or an estimator instance."
        )
    return NAMES[quantity][estimator](**parameters)


def _size(*variables: Variable) -> str:
    dims = " + ".join(str(v.dim) for v in variables)
    plural = "s" if sum(v.dim for v in variables) > 1 else ""
    return f"{dims} column{plural}, n = {variables[0].n_samples}"


def choose_entropy(x: Variable) -> tuple[Any, str]:
    """An entropy estimator for the data, and why."""
    if x.kind == "discrete":
        return DiscreteEntropy(), f"Chose DiscreteEntropy: X is discrete ({_size(x)})."
    why = "continuous" if x.kind == "continuous" else "mixed"
    note = f"Chose NeighborsEntropy: X is {why} ({_size(x)})."
    return NeighborsEntropy(), note


def choose_mutual_information(
    x: Variable, y: Variable, condition: Variable | None
) -> tuple[Any, str]:
    """A mutual information estimator for the data, and why."""
    variables = [v for v in (x, y, condition) if v is not None]
    size = _size(*variables)
    if all(v.kind == "discrete" for v in variables):
        return DiscreteMutualInformation(), f"Chose DiscreteMutualInformation: discrete ({size})."
    if all(v.kind == "continuous" for v in variables):
        return KSG(), f"Chose KSG: continuous without repeats ({size})."
    kinds = ", ".join(f"{v.name} {v.kind}" for v in variables)
    return MixedKSG(), f"Chose MixedKSG: {kinds} ({size})."


def choose_divergence(x: Variable, kind: str) -> tuple[Any, str]:
    """A divergence estimator for the stacked samples, and why."""
    if x.kind == "discrete":
        why = f"Chose DiscreteDivergence: the samples are discrete ({_size(x)})."
        return DiscreteDivergence(kind=kind), why
    if np.any(x.is_label):
        raise ValueError(
            "P and Q mix label columns with real columns, for which no divergence is built. "
            "Pass discrete=True or False, or compare the columns separately."
        )
    return NeighborsDivergence(kind=kind), f"Chose NeighborsDivergence: continuous ({_size(x)})."
