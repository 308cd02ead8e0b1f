"""Distributions and pairs whose entropy, divergence or mutual information is known exactly.

Every number is in nats. Samples are float64 arrays of shape (n_samples, n_columns), labels of
`Categorical` are integers. ``random_state`` is an int, a NumPy Generator or RandomState, or None,
and the global random state stays as it was.
"""

from __future__ import annotations

from ._divergences import (
    chi2_divergence,
    hellinger_divergence,
    jeffreys_divergence,
    kl_divergence,
    renyi_divergence,
)
from ._elliptical import LogNormal, Normal, StudentT
from ._independent import Beta, Exponential, Gamma, Laplace, Uniform
from ._interfaces import Distribution, DivisibleDistribution, JointLaw, Transform
from ._laws import AdditiveUniform, Split, correlated_normals
from ._mixed_laws import LabelledMixture, NoisyDiscreteUniform, ZeroInflatedPoisson
from ._mixture import GaussianMixture
from ._simplex import Categorical, Dirichlet
from ._tasks import Task, load_task, task_names
from ._transforms import (
    Asinh,
    GaussianBlob,
    HalfCube,
    NormalCdf,
    NormalToMixture,
    Spiral,
    SwissRoll,
    Wiggle,
)
from ._transport_pairs import (
    GaussianPair,
    MixturePair,
    random_gaussian_pair,
    random_mixture_pair,
)

__all__ = [
    "AdditiveUniform",
    "Asinh",
    "Beta",
    "Categorical",
    "Dirichlet",
    "Distribution",
    "DivisibleDistribution",
    "Exponential",
    "Gamma",
    "GaussianBlob",
    "GaussianMixture",
    "GaussianPair",
    "HalfCube",
    "JointLaw",
    "LabelledMixture",
    "Laplace",
    "LogNormal",
    "MixturePair",
    "NoisyDiscreteUniform",
    "Normal",
    "NormalCdf",
    "NormalToMixture",
    "Spiral",
    "Split",
    "StudentT",
    "SwissRoll",
    "Task",
    "Transform",
    "Uniform",
    "Wiggle",
    "ZeroInflatedPoisson",
    "chi2_divergence",
    "correlated_normals",
    "hellinger_divergence",
    "jeffreys_divergence",
    "kl_divergence",
    "load_task",
    "random_gaussian_pair",
    "random_mixture_pair",
    "renyi_divergence",
    "task_names",
]
