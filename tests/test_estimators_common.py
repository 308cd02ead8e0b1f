"""Every public estimator against scikit-learn's checks and against our own."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import infotheory
from infotheory import (
    HSIC,
    KSG,
    MMD,
    BinnedMutualInformation,
    CauchySchwarzDivergence,
    CauchySchwarzMutualInformation,
    CompressedMutualInformation,
    DiscreteDivergence,
    DiscreteEntropy,
    DiscreteMutualInformation,
    EntropySum,
    GaussianDivergence,
    GaussianEntropy,
    GaussianMutualInformation,
    MatrixEntropy,
    MatrixMutualInformation,
    MixedKSG,
    NeighborsDivergence,
    NeighborsEntropy,
    NoisyMutualInformation,
)
from infotheory._base import TransportEstimator
from infotheory.testing import (
    check_information_estimator,
    parametrize_with_information_checks,
)

ESTIMATORS = [
    DiscreteEntropy(),
    DiscreteEntropy(method="plugin"),
    DiscreteEntropy(method="nsb", n_categories=100),
    DiscreteMutualInformation(),
    DiscreteDivergence(),
    DiscreteDivergence(kind="reverse-kl", method="dirichlet", pseudocount=0.5),
    GaussianEntropy(),
    GaussianMutualInformation(),
    GaussianMutualInformation(copula=True),
    GaussianDivergence(),
    GaussianDivergence(kind="jeffreys", shrinkage="ledoit-wolf"),
    NeighborsEntropy(),
    NeighborsEntropy(n_neighbors=5, metric="euclidean"),
    KSG(),
    KSG(variant=2, margins="gaussianize"),
    MixedKSG(),
    NeighborsDivergence(),
    CauchySchwarzDivergence(),
    MMD(),
    CauchySchwarzMutualInformation(),
    HSIC(),
    MatrixEntropy(),
    MatrixMutualInformation(alpha=2),
    EntropySum(GaussianEntropy()),
    BinnedMutualInformation(),
    NoisyMutualInformation(noise=0.5),
    CompressedMutualInformation(GaussianMutualInformation(), n_components=1),
]
OTHER_ESTIMATORS = [
    DiscreteMutualInformation(method="grassberger"),
    DiscreteMutualInformation(method="shrinkage"),
    DiscreteDivergence(kind="js", method="plugin"),
    GaussianEntropy(shrinkage="ledoit-wolf"),
    GaussianMutualInformation(shrinkage="ledoit-wolf"),
    KSG(margins=None, metric="euclidean"),
    MixedKSG(margins=None),
    NeighborsDivergence(kind="js"),
    NeighborsDivergence(kind="jeffreys", metric="euclidean"),
    EntropySum(DiscreteEntropy(method="miller-madow")),
]
SLOW_ESTIMATORS = [
    *OTHER_ESTIMATORS,
    *(
        DiscreteEntropy(method=method)
        for method in ("miller-madow", "jackknife", "grassberger", "chao-shen", "zhang")
    ),
    DiscreteEntropy(method="shrinkage"),
    DiscreteEntropy(method="dirichlet", pseudocount=1.0),
    DiscreteEntropy(method="bayes", pseudocount=1.0),
    *(
        DiscreteMutualInformation(method=method)
        for method in ("plugin", "miller-madow", "jackknife", "chao-shen", "zhang", "nsb")
    ),
    DiscreteDivergence(kind="jeffreys", method="zhang"),
    DiscreteDivergence(kind="js", method="grassberger"),
    GaussianDivergence(kind="reverse-kl"),
    NeighborsEntropy(n_neighbors=1),
    KSG(n_neighbors=6, margins="gaussianize"),
    KSG(variant=2),
    MixedKSG(margins="gaussianize", metric="euclidean"),
    CauchySchwarzDivergence(bandwidth="neighbors"),
    MMD(bandwidth="silverman", estimator="biased"),
    CauchySchwarzMutualInformation(normalized=True),
    HSIC(bandwidth="likelihood", estimator="unbiased", normalized=True),
    MixedKSG(ties="spread", random_state=0),
    NeighborsDivergence(kind="reverse-kl"),
    EntropySum(NeighborsEntropy()),
    MatrixEntropy(alpha=2, bandwidth=1.0),
    MatrixEntropy(method="auto"),
    MatrixMutualInformation(),
    BinnedMutualInformation(target="symbols", pooled=False),
    BinnedMutualInformation(
        binning="uniform", n_bins=8, estimator=DiscreteMutualInformation(method="miller-madow")
    ),
    NoisyMutualInformation(noise="adaptive", method="upper"),
    CompressedMutualInformation(KSG()),
]

# Estimators with networks are checked, small and with few steps, in files of their own.
NETWORKS = {
    infotheory.CLUB,
    infotheory.CauchySchwarzBottleneckRegressor,
    infotheory.DiffusionDivergence,
    infotheory.DiffusionEntropy,
    infotheory.DoE,
    infotheory.DonskerVaradhan,
    infotheory.FLO,
    infotheory.InfoNCE,
    infotheory.InfoSEDD,
    infotheory.JensenShannonBound,
    infotheory.LeaveOneOutBound,
    infotheory.MINDE,
    infotheory.MINE,
    infotheory.NWJ,
    infotheory.SMILE,
    infotheory.TUBA,
    infotheory.VariationalBottleneckClassifier,
    infotheory.VariationalBottleneckRegressor,
    infotheory.VariationalDivergence,
    infotheory.WassersteinDependency,
}

# Transport between two samples has a file of its own as well.
TRANSPORT = {infotheory.SinkhornDivergence, infotheory.WassersteinDivergence}

# One column of numbers has one direction: several are made of it in a file of its own.
SPECTRAL = {infotheory.VonNeumannEntropy}

# It tests a stream and estimates nothing: scikit-learn's checks of it stand with its own tests.
STREAMS = {infotheory.SequentialIndependenceTest}


def laws(estimator: Any) -> dict[str, str | None]:
    if isinstance(estimator, (KSG, MixedKSG)) and estimator.margins is not None:
        return {"scale": "exact"}
    return {}


def expected_failures(estimator: Any) -> dict[str, str]:
    if isinstance(estimator, NoisyMutualInformation):
        return {"check_text": "distinct rows of y are values of it, text as well as numbers"}
    return {}


@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@parametrize_with_information_checks(ESTIMATORS, laws=laws, expected_failures=expected_failures)
def test_information_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks(SLOW_ESTIMATORS)
def test_scikit_learn_checks_of_more_configurations(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_information_checks(
    SLOW_ESTIMATORS, laws=laws, expected_failures=expected_failures
)
def test_information_checks_of_more_configurations(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize("random_state", [1, 2, 3])
@pytest.mark.parametrize("estimator", [*ESTIMATORS, *OTHER_ESTIMATORS], ids=repr)
def test_information_checks_hold_for_other_seeds(estimator, random_state):
    check_information_estimator(
        estimator,
        random_state=random_state,
        laws=laws(estimator),
        expected_failures=expected_failures(estimator),
    )


def test_every_public_estimator_is_checked():
    public = {
        value
        for name in infotheory.__all__
        if isinstance(value := getattr(infotheory, name), type)
        and hasattr(value, "fit")
        # Those have files of their own, with the checks that a target as y allows.
        and not issubclass(value, TransportEstimator)
    }
    elsewhere = NETWORKS | SPECTRAL | STREAMS | TRANSPORT
    assert public == {type(estimator) for estimator in ESTIMATORS} | elsewhere
