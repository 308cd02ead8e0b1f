"""Estimators that are broken, one or more for each check of the package."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from infotheory import (
    DiscreteDivergence,
    DiscreteEntropy,
    DiscreteMutualInformation,
    GaussianDivergence,
    GaussianEntropy,
    GaussianMutualInformation,
)

# ------------------------------------------------------------------ broken conventions


class NumpyFloat(GaussianEntropy):
    def fit(self, X, y=None):
        super().fit(X)
        self.entropy_ = np.float64(self.entropy_)
        return self


class NotesAreAList(GaussianEntropy):
    def fit(self, X, y=None):
        super().fit(X)
        self.notes_ = list(self.notes_)
        return self


class ReturnsNothing(GaussianEntropy):
    def fit(self, X, y=None):
        super().fit(X)


class ChangesItsParameter(GaussianEntropy):
    def fit(self, X, y=None):
        super().fit(X)
        self.shrinkage = 0.0
        return self


class HoldsALambda(GaussianEntropy):
    def fit(self, X, y=None):
        super().fit(X)
        self.density_ = lambda rows: rows
        return self


class LosesStateInPickles(GaussianEntropy):
    def __getstate__(self):
        return {**super().__getstate__(), "entropy_": 0.0}


class IgnoresRandomState(GaussianEntropy):
    def fit(self, X, y=None):
        super().fit(X)
        self.entropy_ += float(np.random.default_rng().normal(scale=1e-6))
        return self


class RemembersTheLastFit(GaussianEntropy):
    def fit(self, X, y=None):
        last = getattr(self, "entropy_", None)
        super().fit(X)
        self.entropy_ += 0.0 if last is None else 0.1 * last
        return self


class DrawsFromGlobalNumpy(GaussianEntropy):
    def fit(self, X, y=None):
        np.random.random()  # noqa: NPY002
        return super().fit(X)


class SeedsGlobalNumpy(GaussianEntropy):
    def fit(self, X, y=None):
        np.random.seed(0)  # noqa: NPY002
        return super().fit(X)


class DrawsFromGlobalTorch(GaussianEntropy):
    def fit(self, X, y=None):
        import torch

        torch.rand(1)
        return super().fit(X)


class CentresInPlace(GaussianEntropy):
    def fit(self, X, y=None):
        X = np.asarray(X)
        if X.flags.writeable and X.dtype.kind == "f":
            X -= X.mean(axis=0)
        return super().fit(X)


class NeedsWriteableInput(GaussianEntropy):
    def fit(self, X, y=None):
        X = np.asarray(X)
        mean = X.mean(axis=0)
        X -= mean.astype(X.dtype)
        X += mean.astype(X.dtype)
        return super().fit(X)


class Truncates(GaussianEntropy):
    def fit(self, X, y=None):
        X = np.asarray(X)
        return super().fit((0.01 * X).astype(X.dtype) if X.dtype.kind == "i" else 0.01 * X)


class NeedsAnArray(GaussianEntropy):
    def fit(self, X, y=None):
        if not isinstance(X, np.ndarray):
            raise TypeError("X must be an array.")
        return super().fit(X)


class DropsAColumnOfFrames(GaussianEntropy):
    def fit(self, X, y=None):
        return super().fit(X.iloc[:, 1:] if hasattr(X, "iloc") else X)


class AccumulatesInSinglePrecision(GaussianEntropy):
    def fit(self, X, y=None):
        super().fit(X)
        if getattr(X, "dtype", None) == np.float32:
            self.entropy_ = round(self.entropy_, 1)
        return self


class WantsZeroAndOne(GaussianDivergence):
    def fit(self, X, y):
        if set(np.asarray(y).tolist()) <= {0, 1, 2}:
            return super().fit(X, y)
        return super().fit(X, np.asarray(y) == np.asarray(y)[0])


class ScoresBeforeFit(GaussianEntropy):
    def score_samples(self, X):
        return np.zeros(len(X))


class AttributeErrorBeforeFit(GaussianEntropy):
    def score_samples(self, X):
        return np.asarray(X) @ self.location_


# ------------------------------------------------------------------ bad input that is accepted


def _cleaned(values: Any, n_columns: int = 1) -> np.ndarray:
    """Any input made to fit, the way that hides mistakes."""
    table = np.asarray(values)
    if table.dtype.kind in "OUS":
        table = np.array([len(str(v)) for v in table.ravel()]).reshape(table.shape)
    table = np.nan_to_num(np.real(table).astype(float), nan=0.0, posinf=1.0)
    table = table.reshape(len(table), -1) if table.ndim != 1 else table[:, None]
    filler = np.random.default_rng(0).normal(size=(50, max(table.shape[1], n_columns)))
    return filler if len(table) < 2 or not table.shape[1] else table


class CarelessInformation(GaussianMutualInformation):
    def fit(self, X, y=None):
        X = _cleaned(X)
        y = _cleaned(np.arange(len(X)) if y is None else y)
        n = min(len(X), len(y))
        return super().fit(X[:n], y[:n])

    def pointwise(self, X, y):
        check_is_fitted(self)
        return super().pointwise(np.asarray(X)[:, : self.n_features_in_], y)


class CarelessDivergence(GaussianDivergence):
    def fit(self, X, y=None):
        X = _cleaned(X)
        y = np.arange(len(X)) % 2 if y is None or len(y) < 2 else np.ravel(y)[: len(X)]
        first = np.arange(len(y)) % 2 == 0 if len(set(y)) == 1 else y == y[0]
        return super().fit(X[: len(y)], (~first).astype(int))


class CarelessLabels(DiscreteEntropy):
    def fit(self, X, y=None):
        codes = [[hash(v) % 97 for v in row] for row in np.asarray(X, dtype=object)]
        return super().fit(np.array(codes or [[0], [1]]).reshape(max(len(codes), 2), -1))


class WrongException(GaussianEntropy):
    def fit(self, X, y=None):
        try:
            return super().fit(X)
        except ValueError as error:
            raise RuntimeError("X is bad") from error


class NamelessMessage(GaussianMutualInformation):
    def fit(self, X, y, *, condition=None):
        try:
            return super().fit(X, y, condition=condition)
        except ValueError as error:
            raise ValueError("bad input") from error


# ------------------------------------------------------------------ broken laws and values


class NotTranslationInvariant(GaussianEntropy):
    _information_laws: dict[str, str | None] = {}

    def fit(self, X, y=None):
        super().fit(X)
        self.entropy_ += float(self.location_[0])
        return self


class NotTranslationInvariantToRounding(GaussianEntropy):
    def fit(self, X, y=None):
        return super().fit(np.float32(np.asarray(X, dtype=float)))


class WithoutJacobian(GaussianEntropy):
    def fit(self, X, y=None):
        X = np.asarray(X, dtype=float)
        return super().fit(X / np.ptp(X, axis=0))


class FixedBandwidth(GaussianMutualInformation):
    _information_laws = {"pointwise-mean": "sampling"}

    def fit(self, X, y, *, condition=None):
        noise = np.random.default_rng(0).normal(size=np.shape(X))
        return super().fit(np.asarray(X, dtype=float) + noise, y)


class LabelsAsNumbers(DiscreteEntropy):
    def fit(self, X, y=None):
        super().fit(X)
        with suppress(ValueError):
            self.entropy_ *= float(1 + 0.01 * np.asarray(X, dtype=float).mean())
        return self


class FirstHalfOnly(GaussianEntropy):
    def fit(self, X, y=None):
        return super().fit(np.asarray(X)[: (len(X) + 1) // 2])


class Asymmetric(GaussianMutualInformation):
    _information_laws = {"symmetry": "sampling", "pointwise-mean": "sampling"}

    def fit(self, X, y, *, condition=None):
        super().fit(X, y)
        self.mutual_information_ *= 1.0 + float(np.std(X) > 1.2)
        return self


class AsymmetricLabels(DiscreteMutualInformation):
    def fit(self, X, y, *, condition=None):
        super().fit(X, y)
        self.mutual_information_ /= DiscreteEntropy().fit(X).entropy_
        return self


class AsymmetricJeffreys(GaussianDivergence):
    def fit(self, X, y):
        super().fit(X, y)
        p, q = self.covariances_
        self.divergence_ += float(np.log(q[0, 0] / p[0, 0]))
        return self


class PerDimension(GaussianEntropy):
    def fit(self, X, y=None):
        super().fit(X)
        self.entropy_ /= np.shape(X)[1]
        return self


class RaisedByNoise(GaussianMutualInformation):
    _information_laws = {"pointwise-mean": "sampling"}

    def fit(self, X, y, *, condition=None):
        super().fit(X, y)
        self.mutual_information_ = 1 / (1 + self.mutual_information_)
        return self


class RaisedByMerging(DiscreteDivergence):
    def fit(self, X, y):
        super().fit(X, y)
        self.divergence_ = 1 / (1 + self.divergence_)
        return self


class Biased(GaussianMutualInformation):
    def fit(self, X, y, *, condition=None):
        super().fit(X, y)
        self.mutual_information_ += 0.12
        return self


class Clipped(GaussianDivergence):
    def fit(self, X, y):
        super().fit(X, y)
        self.divergence_ = max(self.divergence_, 0.1)
        return self


class InBits(DiscreteEntropy):
    def fit(self, X, y=None):
        super().fit(X)
        self.entropy_ /= math.log(2)
        return self


class ShiftedRows(GaussianMutualInformation):
    def fit(self, X, y, *, condition=None):
        super().fit(X, y)
        self.pointwise_ = self.pointwise_ + 0.1
        return self


class InfiniteRow(GaussianMutualInformation):
    def fit(self, X, y, *, condition=None):
        super().fit(X, y)
        self.pointwise_ = np.where(np.arange(len(self.pointwise_)) == 3, -np.inf, self.pointwise_)
        return self


class WrongSign(GaussianEntropy):
    def score_samples(self, X):
        return -super().score_samples(X)


class OneNumberForAllRows(GaussianDivergence):
    def score_samples(self, X):
        return super().score_samples(X).mean()


BROKEN = [
    ("check_fitted_attributes", NumpyFloat()),
    ("check_fitted_attributes", NotesAreAList()),
    ("check_fitted_attributes", ReturnsNothing()),
    ("check_parameters", ChangesItsParameter()),
    ("check_copies", HoldsALambda()),
    ("check_copies", LosesStateInPickles()),
    ("check_reproducible", IgnoresRandomState()),
    ("check_reproducible", RemembersTheLastFit()),
    ("check_global_random_state", DrawsFromGlobalNumpy()),
    ("check_global_random_state", SeedsGlobalNumpy()),
    ("check_input_untouched", CentresInPlace()),
    ("check_input_untouched", NeedsWriteableInput()),
    ("check_integers", Truncates()),
    ("check_containers", NeedsAnArray()),
    ("check_containers", DropsAColumnOfFrames()),
    ("check_containers", AccumulatesInSinglePrecision()),
    ("check_label_names", WantsZeroAndOne()),
    ("check_unfitted", ScoresBeforeFit()),
    ("check_unfitted", AttributeErrorBeforeFit()),
    ("check_missing_values", CarelessInformation()),
    ("check_missing_values", WrongException()),
    ("check_missing_values", NamelessMessage()),
    ("check_infinite_values", CarelessInformation()),
    ("check_infinite_values", CarelessDivergence()),
    ("check_missing_labels", CarelessLabels()),
    ("check_complex", CarelessInformation()),
    ("check_text", NamelessMessage()),
    ("check_empty", CarelessInformation()),
    ("check_empty", CarelessDivergence()),
    ("check_one_row", CarelessInformation()),
    ("check_three_dimensions", CarelessInformation()),
    ("check_lengths", CarelessInformation()),
    ("check_lengths", NamelessMessage()),
    ("check_missing_y", CarelessInformation()),
    ("check_missing_y", CarelessDivergence()),
    ("check_number_of_classes", CarelessDivergence()),
    ("check_columns_of_new_rows", CarelessInformation()),
    ("check_translation", NotTranslationInvariant()),
    ("check_translation", NotTranslationInvariantToRounding()),
    ("check_scale", WithoutJacobian()),
    ("check_scale", FixedBandwidth()),
    ("check_relabelling", LabelsAsNumbers()),
    ("check_row_order", FirstHalfOnly()),
    ("check_symmetry", Asymmetric()),
    ("check_symmetry", AsymmetricLabels()),
    ("check_symmetry", AsymmetricJeffreys(kind="jeffreys")),
    ("check_additivity", PerDimension()),
    ("check_data_processing", RaisedByNoise()),
    ("check_data_processing", RaisedByMerging()),
    ("check_value", Biased()),
    ("check_value", InBits()),
    ("check_consistency", Biased()),
    ("check_interval", Biased()),
    ("check_interval", InBits()),
    ("check_independence", Biased()),
    ("check_independence", Clipped()),
    ("check_pointwise_mean", ShiftedRows()),
    ("check_pointwise_mean", InfiniteRow()),
    ("check_new_rows", WrongSign()),
    ("check_new_rows", OneNumberForAllRows()),
]
