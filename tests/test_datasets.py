"""Names and truths of the tasks, what is refused, and the package, against computations apart."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
from task_samples import assert_mean

import infotheory.datasets as datasets
from infotheory.datasets import (
    AdditiveUniform,
    Beta,
    Categorical,
    Dirichlet,
    Exponential,
    Gamma,
    GaussianBlob,
    GaussianMixture,
    LabelledMixture,
    Laplace,
    LogNormal,
    NoisyDiscreteUniform,
    Normal,
    Spiral,
    Split,
    StudentT,
    SwissRoll,
    Task,
    Uniform,
    Wiggle,
    ZeroInflatedPoisson,
    correlated_normals,
    kl_divergence,
    load_task,
    renyi_divergence,
    task_names,
)

# Name, columns of X and of y, mutual information: computed apart, printed to six digits.
PRINTED = """
1v1-normal-0.75 1 1 0.413339
normal_cdf-1v1-normal-0.75 1 1 0.413339
1v1-additive-0.1 1 1 1.709438
1v1-additive-0.75 1 1 0.333333
1v1-bimodal-0.75 1 1 0.413339
wiggly-1v1-normal-0.75 1 1 0.413339
half_cube-1v1-normal-0.75 1 1 0.413339
student-identity-1-1-1 1 1 0.224171
asinh-student-identity-1-1-1 1 1 0.224171
swissroll_x-normal_cdf-1v1-normal-0.75 2 1 0.413339
multinormal-dense-2-2-0.5 2 2 0.293893
multinormal-dense-3-3-0.5 3 3 0.413339
multinormal-dense-5-5-0.5 5 5 0.592812
multinormal-dense-25-25-0.5 25 25 1.292184
multinormal-dense-50-50-0.5 50 50 1.624265
multinormal-sparse-2-2-2-2.0 2 2 1.021651
multinormal-sparse-3-3-2-2.0 3 3 1.021651
multinormal-sparse-5-5-2-2.0 5 5 1.021651
multinormal-sparse-25-25-2-2.0 25 25 1.021651
student-identity-2-2-1 2 2 0.431946
student-identity-2-2-2 2 2 0.193147
student-identity-3-3-2 3 3 0.290922
student-identity-3-3-3 3 3 0.178712
student-identity-5-5-2 5 5 0.448151
student-identity-5-5-3 5 5 0.298544
normal_cdf-multinormal-sparse-3-3-2-2.0 3 3 1.021651
normal_cdf-multinormal-sparse-5-5-2-2.0 5 5 1.021651
normal_cdf-multinormal-sparse-25-25-2-2.0 25 25 1.021651
half_cube-multinormal-sparse-3-3-2-2.0 3 3 1.021651
half_cube-multinormal-sparse-5-5-2-2.0 5 5 1.021651
half_cube-multinormal-sparse-25-25-2-2.0 25 25 1.021651
spiral-multinormal-sparse-3-3-2-2.0 3 3 1.021651
spiral-multinormal-sparse-5-5-2-2.0 5 5 1.021651
spiral-multinormal-sparse-25-25-2-2.0 25 25 1.021651
spiral-normal_cdf-multinormal-sparse-3-3-2-2.0 3 3 1.021651
spiral-normal_cdf-multinormal-sparse-5-5-2-2.0 5 5 1.021651
spiral-normal_cdf-multinormal-sparse-25-25-2-2.0 25 25 1.021651
asinh-student-identity-2-2-1 2 2 0.431946
asinh-student-identity-3-3-2 3 3 0.290922
asinh-student-identity-5-5-2 5 5 0.448151
"""
ROWS = [line.split() for line in PRINTED.split("\n") if line]
NAMES = [row[0] for row in ROWS]


# The catalogue ------------------------------------------------------------------------------


def test_names_in_order() -> None:
    assert list(task_names()) == NAMES


@pytest.mark.parametrize(("name", "dim_x", "dim_y", "printed"), ROWS)
def test_printed_values(name: str, dim_x: str, dim_y: str, printed: str) -> None:
    task = load_task(name)
    assert task.name == name
    assert (task.dim_x, task.dim_y) == (int(dim_x), int(dim_y))
    assert isinstance(task.mutual_information, float)
    assert task.mutual_information == pytest.approx(float(printed), abs=5.001e-7)
    assert task.description
    assert "\n" not in task.description


@pytest.mark.parametrize("name", NAMES)
def test_task_samples_and_mean_log_ratio(name: str) -> None:
    task = load_task(name)
    X, y = task.sample(4000, random_state=0)
    assert X.shape == (4000, task.dim_x)
    assert y.shape == (4000, task.dim_y)
    assert X.dtype == y.dtype == np.float64
    assert np.all(np.isfinite(X))
    assert np.all(np.isfinite(y))
    assert_mean(task.pointwise_mutual_information(X, y), task.mutual_information)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_mean_log_ratio_closely(name: str) -> None:
    task = load_task(name)
    X, y = task.sample(200_000, random_state=1)
    assert_mean(task.pointwise_mutual_information(X, y), task.mutual_information)


def test_unknown_name_lists_near_ones() -> None:
    with pytest.raises(ValueError, match=r"multinormal-sparse-5-5-2-2\.0"):
        load_task("multinormal-sparse-5-5")
    with pytest.raises(ValueError, match="task_names"):
        load_task("%%%")


# Random state ---------------------------------------------------------------------------------

SAMPLERS = {
    **{name: load_task(name) for name in NAMES[:10]},
    "normal": Normal(covariance=np.eye(2)),
    "student": StudentT(2.0),
    "log-normal": LogNormal(),
    "uniform": Uniform(),
    "exponential": Exponential(),
    "gamma": Gamma(2.0),
    "laplace": Laplace(),
    "beta": Beta(2.0, 3.0),
    "dirichlet": Dirichlet([1.0, 2.0, 3.0]),
    "mixture": GaussianMixture([0.5, 0.5], [0.0, 3.0]),
    "categorical": Categorical.zipf(50),
    "noisy": NoisyDiscreteUniform(),
    "poisson": ZeroInflatedPoisson(),
    "labelled": LabelledMixture(GaussianMixture([0.5, 0.5], [0.0, 3.0])),
}


def flat(sample: Any) -> np.ndarray:
    return np.hstack(sample) if isinstance(sample, tuple) else sample


@pytest.mark.parametrize("name", SAMPLERS)
def test_random_state(name: str) -> None:
    law = SAMPLERS[name]
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    seeded = flat(law.sample(20, random_state=7))
    np.testing.assert_array_equal(seeded, flat(law.sample(20, random_state=7)))
    np.testing.assert_array_equal(seeded, flat(law.sample(20, np.random.default_rng(7))))
    assert not np.array_equal(seeded, flat(law.sample(20, random_state=8)))
    assert not np.array_equal(flat(law.sample(20)), flat(law.sample(20)))
    for make in (np.random.default_rng, np.random.RandomState):
        state, again = make(7), make(7)
        first, second = flat(law.sample(20, state)), flat(law.sample(20, state))
        assert not np.array_equal(first, second)
        np.testing.assert_array_equal(first, flat(law.sample(20, again)))
        np.testing.assert_array_equal(second, flat(law.sample(20, again)))
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_array_equal(before["state"]["key"], after["state"]["key"])
    assert before["state"]["pos"] == after["state"]["pos"]


# What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Normal(covariance=[[1.0, 2.0], [2.0, 1.0]]), "positive definite"),
        (lambda: Normal(covariance=[[1.0, 0.5], [0.0, 1.0]]), "symmetric"),
        (lambda: Normal(covariance=[1.0, 2.0]), "square matrix"),
        (lambda: Normal([0.0, 1.0], np.eye(3)), "must agree"),
        (lambda: Normal([np.nan]), "finite"),
        (lambda: StudentT(0.0), "degrees_of_freedom must be positive"),
        (lambda: Uniform(1.0, 1.0), "low must be below high"),
        (lambda: Gamma([1.0, 2.0], [1.0, 2.0, 3.0]), "one length"),
        (lambda: Laplace(scale=-1.0), "scale must be positive"),
        (lambda: Exponential([[1.0]]), "a matrix"),
        (lambda: Dirichlet([1.0]), "at least two"),
        (lambda: Categorical([0.5, 0.4]), "sum to 1"),
        (lambda: Categorical.uniform(0), "at least 1"),
        (lambda: GaussianMixture([0.5, 0.5], [0.0, 1.0, 2.0]), "one length"),
        (lambda: Split(Normal(0.0, np.eye(2)), dim_x=2), "both sides"),
        (lambda: correlated_normals([0.5, 1.0]), "inside"),
        (lambda: correlated_normals([0.5, 0.5], dim_x=1), "at most"),
        (lambda: AdditiveUniform(0.0), "noise must be positive"),
        (lambda: NoisyDiscreteUniform(0), "at least 1"),
        (lambda: ZeroInflatedPoisson(1.0), "zero_probability"),
        (lambda: ZeroInflatedPoisson(rate="gamma"), "exponential"),  # type: ignore[arg-type]
        (lambda: ZeroInflatedPoisson(scale=0.0), "scale must be positive"),
        (lambda: Wiggle(1.0, 1.0, 0.0), "below 1"),
        (lambda: Spiral((1, 1)), "plane"),
        (lambda: GaussianBlob(width=0.01), "width"),
        (lambda: GaussianBlob(margin=0.5), "margin"),
        (lambda: Task(correlated_normals(0.5), (Spiral(),)), "needs at least 2 columns"),
        (lambda: Task(correlated_normals([0.5, 0.5]), (SwissRoll(),)), "one column"),
        (lambda: Task(correlated_normals(0.5), (), (GaussianBlob(),)), "two columns"),
        (lambda: Normal().log_density([0.0, 1.0]), "reshape"),
        (lambda: Normal().log_density([[0.0, 1.0]]), r"\(n_samples, 1\)"),
        (lambda: renyi_divergence(Normal(), Normal(), 0.0), "order"),
        (lambda: kl_divergence(Normal(), Normal([0.0, 0.0])), "one dimension"),
        (lambda: kl_divergence(Categorical([1.0]), Categorical([0.5, 0.5])), "categories"),
    ],
)
def test_wrong_arguments(make: Callable[[], object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make()


def test_pairs_without_a_closed_form() -> None:
    with pytest.raises(TypeError, match="LogNormal from Normal"):
        kl_divergence(LogNormal(), Normal())
    with pytest.raises(TypeError, match="StudentT"):
        kl_divergence(StudentT(2.0), StudentT(3.0))
    with pytest.raises(TypeError, match="Laplace"):
        renyi_divergence(Laplace(), Laplace(1.0), 0.5)


# The package ----------------------------------------------------------------------------------


def test_everything_is_frozen() -> None:
    law = Normal(covariance=np.eye(2))
    with pytest.raises(FrozenInstanceError):
        law.mean = np.zeros(2)  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        law.covariance[0, 0] = 5.0
    with pytest.raises(FrozenInstanceError):
        load_task(NAMES[0]).name = "other"  # type: ignore[misc]
    own = np.eye(2)
    law = Normal(covariance=own)
    own[0, 0] = 5.0
    assert law.covariance[0, 0] == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_tasks_survive_pickling(name: str) -> None:
    task = load_task(name)
    again = pickle.loads(pickle.dumps(task))
    assert repr(again) == repr(task)
    for ours, theirs in zip(task.sample(3, 0), again.sample(3, 0), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_public_names() -> None:
    assert datasets.__all__ == sorted(datasets.__all__)
    for name in datasets.__all__:
        assert getattr(datasets, name).__doc__


def test_imports_are_light() -> None:
    code = (
        "import sys, infotheory\n"
        "assert 'infotheory.datasets' not in sys.modules\n"
        "import infotheory.datasets\n"
        "heavy = {'torch', 'sklearn', 'pandas', 'matplotlib', 'numba'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
