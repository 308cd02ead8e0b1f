"""Transforms of tasks, and tasks made of tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from task_samples import assert_mean

from infotheory.datasets import (
    Asinh,
    GaussianBlob,
    GaussianMixture,
    HalfCube,
    LogNormal,
    Normal,
    NormalCdf,
    NormalToMixture,
    Spiral,
    Split,
    StudentT,
    SwissRoll,
    Task,
    Wiggle,
    correlated_normals,
)

# Transforms -----------------------------------------------------------------------------------

WIGGLE = Wiggle((0.4, 0.2, 0.03), (1.0, 1.7, 3.3), (0.0, 1.0, -2.5))
ON_ROWS = [
    (NormalCdf(), 3, "normal", 1e-9),
    (HalfCube(), 3, "normal", 1e-14),
    (Asinh(), 3, "cauchy", 1e-12),
    (WIGGLE, 3, "normal", 1e-14),
    (NormalToMixture(GaussianMixture([0.3, 0.7], [0.0, 5.0])), 2, "normal", 1e-13),
    (NormalToMixture(GaussianMixture([0.1, 0.9], [0.0, 60.0], [4.0, 0.01])), 2, "normal", 3e-12),
    (Spiral((0, 1)), 3, "normal", 1e-13),
    (Spiral((1, 3), speed=7.0), 5, "normal", 1e-13),
    (SwissRoll(), 1, "uniform", 1e-13),
    (GaussianBlob(), 2, "uniform", 1e-12),
    (GaussianBlob(size=5, width=0.3, margin=0.0), 2, "uniform", 1e-12),
]


@pytest.mark.parametrize(("transform", "dim", "law", "tolerance"), ON_ROWS)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_transforms_are_inverted(
    transform: Any, dim: int, law: str, tolerance: float, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    draw = {
        "normal": generator.standard_normal,
        "uniform": generator.uniform,
        "cauchy": generator.standard_cauchy,
    }[law]
    X = draw(size=(40, dim))
    Z = transform(X)
    assert Z.shape == (40, transform.output_dim(dim))
    np.testing.assert_allclose(transform.inverse(Z), X, rtol=tolerance, atol=tolerance)
    # Leading axes are rows as well, and the caller's array is left as it was.
    np.testing.assert_array_equal(transform(X[:, np.newaxis]), Z[:, np.newaxis])


def test_monotone_maps_far_out() -> None:
    z = np.linspace(-30.0, 30.0, 1201)[:, np.newaxis]
    for transform in (WIGGLE, NormalToMixture(GaussianMixture([0.3, 0.7], [0.0, 5.0]))):
        t = transform(z)
        assert np.all(np.diff(t[:, 0]) > 0.0)
        np.testing.assert_allclose(transform.inverse(t), z, rtol=1e-12, atol=1e-12)


def test_normal_to_normal_is_affine() -> None:
    z = np.linspace(-9.0, 9.0, 101)[:, np.newaxis]
    transform = NormalToMixture(GaussianMixture([0.4, 0.6], [2.0, 2.0], [3.0, 3.0]))
    np.testing.assert_allclose(transform(z), 2.0 + 3.0 * z, rtol=1e-12, atol=1e-12)


def test_blob_pixels() -> None:
    image = GaussianBlob()(np.array([[0.0, 1.0]])).reshape(16, 16)
    horizontal, vertical = np.meshgrid(np.linspace(0, 1, 16), np.linspace(0, 1, 16))
    squared = (horizontal - 0.2) ** 2 + (vertical - 0.8) ** 2
    np.testing.assert_allclose(image, np.exp(-squared / (2 * 0.15**2)), rtol=1e-12)


def test_nan_stays_nan() -> None:
    for transform in (NormalCdf(), HalfCube(), Asinh(), WIGGLE):
        back = transform.inverse(np.array([[np.nan, 0.25]]))
        assert np.isnan(back[0, 0])
        assert np.isfinite(back[0, 1])


# Composing tasks ------------------------------------------------------------------------------


def test_users_compose_tasks() -> None:
    inner = Task(correlated_normals([0.6, -0.3]), transforms_x=(HalfCube(),))
    outer = Task(inner, transforms_x=(Spiral(),), transforms_y=(Asinh(),), name="outer")
    truth = -0.5 * np.log((1 - 0.36) * (1 - 0.09))
    assert outer.mutual_information == pytest.approx(truth, abs=1e-12)
    X, y = outer.sample(4000, random_state=0)
    assert_mean(outer.pointwise_mutual_information(X, y), truth)
    base_x, base_y = inner.law.sample(4000, random_state=0)
    np.testing.assert_array_equal(X, Spiral()(HalfCube()(base_x)))
    np.testing.assert_array_equal(y, np.arcsinh(base_y))


def test_split_of_any_normal_and_student() -> None:
    root = np.random.default_rng(0).normal(size=(5, 5))
    scatter = root @ root.T
    logs = [np.linalg.slogdet(block)[1] for block in (scatter[:2, :2], scatter[2:, 2:], scatter)]
    gaussian = 0.5 * (logs[0] + logs[1] - logs[2])
    split = Split(Normal(mean=np.arange(5.0), covariance=scatter), dim_x=2)
    assert split.mutual_information == pytest.approx(gaussian, abs=1e-10)
    assert (split.dim_x, split.dim_y) == (2, 3)
    X, y = split.sample(5000, random_state=0)
    assert_mean(split.pointwise_mutual_information(X, y), gaussian)
    # The excess of a Student-t over its normal does not depend on the dispersion.
    identity = Split(StudentT(3.0, dispersion=np.eye(5)), dim_x=2).mutual_information
    student = Split(StudentT(3.0, dispersion=scatter), dim_x=2).mutual_information
    assert student == pytest.approx(gaussian + identity, abs=1e-10)
    logarithmic = Split(LogNormal(mean=np.arange(5.0), covariance=scatter), dim_x=2)
    assert logarithmic.mutual_information == pytest.approx(gaussian, abs=1e-10)


def test_images_share_the_information_of_their_centres() -> None:
    draw = (NormalCdf(), GaussianBlob())
    images = Task(correlated_normals([0.9, 0.9]), draw, draw)
    assert images.mutual_information == pytest.approx(-np.log(1 - 0.81), abs=1e-12)
    X, y = images.sample(2000, random_state=0)
    assert X.shape == y.shape == (2000, 256)
    assert_mean(images.pointwise_mutual_information(X, y), images.mutual_information)
