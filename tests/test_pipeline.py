"""Estimators inside scikit-learn's machinery: pipelines, selection, cross-validation, frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_score,
    permutation_test_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from infotheory import (
    KSG,
    DiscreteMutualInformation,
    EntropySum,
    GaussianDivergence,
    GaussianEntropy,
    GaussianMutualInformation,
    MixedKSG,
    NeighborsDivergence,
    NeighborsEntropy,
    confidence_interval,
    permutation_test,
    two_samples,
)
from infotheory.datasets import Normal, kl_divergence

P = Normal([0.0, 0.0], [[1.0, 0.5], [0.5, 1.0]])
Q = Normal([1.0, -1.0], [[2.0, -0.3], [-0.3, 1.0]])


def _two_normals(n: int, scale: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return two_samples(P.sample(n, rng) * scale, Q.sample(n, rng) * scale)


@pytest.mark.parametrize(
    ("estimator", "tolerance"),
    [
        # Standard deviations at n = 1 500, over 10 seeds: .040, and .069 with bias -.028.
        (GaussianDivergence(), 4 * 0.040),
        (NeighborsDivergence(), 0.028 + 4 * 0.069),
    ],
    ids=["gaussian", "neighbors"],
)
def test_a_divergence_behind_a_scaler_is_that_of_the_raw_samples(estimator, tolerance):
    X, y = _two_normals(1500, scale=np.array([1e3, 1e-3]), seed=0)
    scaled = make_pipeline(StandardScaler(), estimator).fit(X, y)
    assert scaled[-1].divergence_ == pytest.approx(estimator.fit(X, y).divergence_, abs=1e-9)
    assert scaled[-1].divergence_ == pytest.approx(kl_divergence(P, Q), abs=tolerance)


def test_a_pipeline_of_an_information_scales_x_alone_and_changes_nothing():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2)) * [100.0, 0.01] + 5
    y = X[:, 0] / 100 + rng.normal(size=300)
    for estimator in (KSG(), GaussianMutualInformation(), MixedKSG()):
        piped = make_pipeline(StandardScaler(), estimator).fit(X, y)
        raw = estimator.fit(X, y)
        assert piped[-1].mutual_information_ == pytest.approx(raw.mutual_information_, abs=1e-9)


def test_resampling_takes_a_pipeline():
    X, y = _two_normals(150, scale=np.array([10.0, 0.1]), seed=1)

    class DivergencePipeline(type(make_pipeline(StandardScaler()))):
        @property
        def divergence_(self):
            return self[-1].divergence_

    pipeline = DivergencePipeline([("scale", StandardScaler()), ("kl", GaussianDivergence())])
    estimate = confidence_interval(
        pipeline, X, y, confidence_level=0.999, n_resamples=20, random_state=0
    )
    low, high = estimate.interval
    assert low < kl_divergence(P, Q) < high
    assert permutation_test(pipeline, X, y, n_permutations=19, random_state=0).p_value == 0.05


def _relevance(X, y):
    """Information of each column with the label: the form that SelectKBest asks for."""
    columns = np.asarray(X).T
    return np.array([MixedKSG().fit(x[:, None], y).mutual_information_ for x in columns])


def _hidden_effect(n=240, n_noise=6, seed=0):
    """Two columns decide the class, by their sizes; the others are noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_noise + 2))
    label = rng.integers(0, 2, size=n)
    X[:, 2] = rng.normal(size=n) + 3 * label
    X[:, 5] = rng.normal(size=n) - 3 * label
    names = [f"column {j}" for j in range(X.shape[1])]
    return pd.DataFrame(X, columns=names), np.array(["no", "yes"])[label]


def test_information_is_the_scorer_of_a_feature_search():
    X, y = _hidden_effect()
    pipeline = make_pipeline(
        StandardScaler().set_output(transform="pandas"),
        SelectKBest(_relevance).set_output(transform="pandas"),
        LinearDiscriminantAnalysis(),
    )
    search = GridSearchCV(
        pipeline,
        {"selectkbest__k": [1, 2, 4]},
        cv=StratifiedKFold(3, shuffle=True, random_state=0),
    ).fit(X, y)
    chosen = search.best_estimator_[:-1].get_feature_names_out()
    assert {"column 2", "column 5"} <= set(chosen)
    assert search.best_params_["selectkbest__k"] >= 2
    assert search.best_score_ > 0.95  # the optimal rule is right with probability .983


def test_a_lambda_over_labels_scores_discrete_columns():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, size=400)
    X = np.column_stack([rng.integers(0, 4, size=400), (y + (rng.random(400) < 0.2)) % 3])
    selector = SelectKBest(
        lambda X, y: np.array(
            [DiscreteMutualInformation().fit(x[:, None], y).mutual_information_ for x in X.T]
        ),
        k=1,
    ).fit(X, y)
    assert selector.get_support().tolist() == [False, True]


def test_cross_validation_of_a_density_prefers_the_right_shrinkage():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 15))
    plain = cross_val_score(GaussianEntropy(), X, cv=4)
    shrunk = cross_val_score(GaussianEntropy(shrinkage="ledoit-wolf"), X, cv=4)
    assert shrunk.mean() > plain.mean()
    truth = -Normal(np.zeros(15), np.eye(15)).entropy  # what the best density scores on average
    assert shrunk.mean() < truth + 1.0
    search = GridSearchCV(GaussianEntropy(), {"shrinkage": [0.0, 0.5, 1.0]}, cv=4).fit(X)
    assert search.best_params_ == {"shrinkage": 1.0}
    assert search.best_estimator_.entropy_ == pytest.approx(-truth, abs=1.5)


def test_cross_validation_chooses_the_number_of_neighbours():
    X = np.random.default_rng(0).normal(size=(200, 1))
    search = GridSearchCV(NeighborsEntropy(), {"n_neighbors": [1, 3, 30]}, cv=4).fit(X)
    assert search.best_params_["n_neighbors"] > 1


def test_nested_parameters_are_reached():
    total = EntropySum(NeighborsEntropy(n_neighbors=2))
    assert total.get_params()["estimator__n_neighbors"] == 2
    total.set_params(estimator__n_neighbors=7)
    assert total.estimator.n_neighbors == 7


@pytest.mark.parametrize(
    "estimator",
    [GaussianEntropy(), NeighborsEntropy(), KSG(), GaussianMutualInformation(), MixedKSG()],
    ids=lambda e: type(e).__name__,
)
def test_frames_give_feature_names_and_the_numbers_of_arrays(estimator):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(120, 2)), columns=["width", "depth"])
    y = pd.Series(frame["width"] + rng.normal(size=120), name="price")
    fitted = estimator.fit(frame, y)
    values = vars(fitted).copy()
    assert fitted.feature_names_in_.tolist() == ["width", "depth"]
    assert fitted.n_features_in_ == 2
    bare = estimator.fit(frame.to_numpy(), y.to_numpy())
    for name in ("entropy_", "mutual_information_"):
        if name in values:
            assert getattr(bare, name) == values[name]
    assert not hasattr(bare, "feature_names_in_")


def test_new_rows_must_carry_the_names_of_the_fit():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(50, 2)), columns=["width", "depth"])
    fitted = GaussianEntropy().fit(frame)
    fitted.score_samples(frame[:5])
    with pytest.raises(ValueError, match=r"feature names should match"):
        fitted.score_samples(frame.rename(columns={"depth": "height"}))
    with pytest.warns(UserWarning, match=r"does not have valid feature names"):
        fitted.score_samples(frame.to_numpy())


def test_a_column_transformer_feeds_mixed_frames():
    rng = np.random.default_rng(0)
    colour = rng.choice(["red", "green"], size=300)
    frame = pd.DataFrame(
        {"size": rng.normal(size=300) + 3 * (colour == "red"), "noise": rng.normal(size=300)}
    )
    scale = ColumnTransformer(
        [("scaled", StandardScaler(), ["size"])], remainder="passthrough"
    ).set_output(transform="pandas")
    fitted = make_pipeline(scale, MixedKSG()).fit(frame, colour)
    information = fitted[-1].mutual_information_
    # Two normals three standard deviations apart: 0.527 nats of the label's 0.693.
    assert information == pytest.approx(0.527, abs=0.15)
    assert list(fitted[-1].feature_names_in_) == ["scaled__size", "remainder__noise"]


def test_scikit_learn_can_test_a_score_by_permutation():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 1))
    score, null, _ = permutation_test_score(
        GaussianEntropy(), X, np.zeros(80), cv=4, n_permutations=3, random_state=0
    )
    # A density ignores y: permuting it changes nothing.
    assert np.allclose(null, score)
