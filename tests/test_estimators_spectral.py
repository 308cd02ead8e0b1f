"""MatrixEntropy, MatrixMutualInformation and VonNeumannEntropy as estimators."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import infotheory
from infotheory import (
    MatrixEntropy,
    MatrixMutualInformation,
    VonNeumannEntropy,
    confidence_interval,
    permutation_test,
)
from infotheory._spectral_samples import _rows_for_errors, gram_row_values
from infotheory.functional import (
    gaussian_gram,
    kernel_bandwidth,
    matrix_conditional_entropy,
    matrix_entropy,
    matrix_joint_entropy,
    matrix_mutual_information,
    page_entropy,
    renyi_entropy,
    von_neumann_entropy,
)
from infotheory.testing import parametrize_with_information_checks


class Curve(VonNeumannEntropy):
    """Rows (1, x, x^2): a single column by itself has one direction and no entropy."""

    def fit(self, X: Any, y: Any = None) -> Curve:
        values = self._check_X(X).values
        super().fit(np.column_stack([np.ones(len(values)), values, values**2]))
        self.n_features_in_ = values.shape[1]
        return self


CURVE_LAWS: dict[str, str | None] = dict.fromkeys(
    ("translation", "scale", "additivity", "data-processing")
)


@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks(
    [VonNeumannEntropy()],
    expected_failed_checks=lambda _: {
        "check_estimators_dtypes": "its rows of small integers have zeros alone, without direction"
    },
)
def test_scikit_learn_checks_of_von_neumann_entropy(estimator: Any, check: Any) -> None:
    check(estimator)


@parametrize_with_information_checks([Curve()], laws=lambda _: CURVE_LAWS)
def test_information_checks_of_von_neumann_entropy(estimator: Any, check: Any) -> None:
    check(estimator)


def normal_pair(rho: float, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    x, noise = np.random.default_rng(seed).normal(size=(2, n, 1))
    return x, rho * x + math.sqrt(1 - rho**2) * noise


def of_normal(alpha: float, bandwidth: float, scale: float = 1.0) -> float:
    """Matrix entropy of a normal law itself: the spectrum of its kernel is geometric."""
    a, b = 1 / (4 * scale**2), 1 / (2 * bandwidth**2)
    q = b / (a + b + math.sqrt(a**2 + 2 * a * b))
    if alpha == 1:
        return -math.log(1 - q) - q / (1 - q) * math.log(q)
    return math.log((1 - q) ** alpha / (1 - q**alpha)) / (1 - alpha)


def information_of_normal(alpha: float, rho: float) -> float:
    """Bandwidth 1 in both: the kernel of the pair is that of its uncorrelated rotation."""
    joint = of_normal(alpha, 1, math.sqrt(1 + rho)) + of_normal(alpha, 1, math.sqrt(1 - rho))
    return 2 * of_normal(alpha, 1) - joint


# Values


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.01, 2.0])
@pytest.mark.parametrize("bandwidth", ["median", "silverman", 0.7])
def test_entropy_is_that_of_the_gram_matrix(alpha: float, bandwidth: Any) -> None:
    X = np.random.default_rng(0).normal(size=(60, 3))
    width = bandwidth if isinstance(bandwidth, float) else float(kernel_bandwidth(X, bandwidth))
    found = MatrixEntropy(alpha=alpha, bandwidth=bandwidth).fit(X)
    assert found.bandwidth_ == pytest.approx(width, rel=1e-12)
    exact = matrix_entropy(gaussian_gram(X, bandwidth=width), alpha)
    assert found.entropy_ == pytest.approx(float(exact), abs=1e-12)
    assert found.approximation_error_ == 0


def test_information_is_that_of_the_gram_matrices() -> None:
    x, y = normal_pair(0.5, 50, 0)
    z = np.repeat([0, 1], 25)
    found = MatrixMutualInformation(alpha=1.5).fit(x, y)
    K, L = (gaussian_gram(v, bandwidth=float(kernel_bandwidth(v))) for v in (x, y))
    exact = matrix_mutual_information(K, L, 1.5)
    assert found.mutual_information_ == pytest.approx(float(exact), abs=1e-12)
    M = (z[:, None] == z).astype(float)
    given = MatrixMutualInformation(alpha=1.5).fit(x, y, condition=z)
    exact = (
        matrix_conditional_entropy(K, M, alpha=1.5)
        + matrix_joint_entropy(L, M, alpha=1.5)
        - matrix_joint_entropy(K, L, M, alpha=1.5)
    )
    assert given.mutual_information_ == pytest.approx(float(exact), abs=1e-12)
    assert given.bandwidth_[2] is None


def test_labels_have_a_kernel_of_their_own() -> None:
    rng = np.random.default_rng(0)
    words = np.array(["red", "green", "blue"])[rng.integers(0, 3, size=(60, 1))]
    p = np.unique(words, return_counts=True)[1] / 60
    found = MatrixEntropy(alpha=1.5).fit(words)
    assert found.entropy_ == pytest.approx(float(renyi_entropy(p, 1.5)), abs=1e-13)
    assert found.bandwidth_ is None
    # Beside a real column the kernels are multiplied.
    pandas = pytest.importorskip("pandas")
    x = rng.normal(size=60)
    frame = pandas.DataFrame({"word": words[:, 0], "x": x})
    both = MatrixEntropy(alpha=1.5, bandwidth=1.0).fit(frame)
    K = gaussian_gram(x[:, None], bandwidth=1.0) * (words == words.T)
    assert both.entropy_ == pytest.approx(float(matrix_entropy(K, 1.5)), abs=1e-12)
    with pytest.raises(ValueError, match="method must be 'exact'"):
        MatrixEntropy(method="auto").fit(frame)
    # A table of counts: the discrete information at order 1.
    side = (words[:, 0] == "red").astype(int)
    information = MatrixMutualInformation(alpha=1).fit(words, side).mutual_information_
    share = float(np.mean(side))
    assert information == pytest.approx(
        -share * math.log(share) - (1 - share) * math.log(1 - share), abs=1e-12
    )


def test_a_negative_information_is_kept() -> None:
    x, y = np.array([[0], [0], [0], [1]]), np.array([0, 0, 1, 0])
    found = MatrixMutualInformation(alpha=2).fit(x, y).mutual_information_
    assert found == pytest.approx(2 * math.log(8 / 5) - math.log(8 / 3), abs=1e-13)


@pytest.mark.parametrize("method", ["auto", "low-rank", "hutch++", "fourier"])
def test_approximations_say_how_far_off_they_are(method: str) -> None:
    X = np.random.default_rng(0).normal(size=(400, 3))
    exact = MatrixEntropy(bandwidth=2.0).fit(X).entropy_
    found = MatrixEntropy(bandwidth=2.0, method=method, random_state=0).fit(X)
    assert abs(found.entropy_ - exact) <= found.approximation_error_ < 0.2 * exact
    assert any("approximate" in note for note in found.notes_)


def test_von_neumann_entropy() -> None:
    Z = np.random.default_rng(0).normal(size=(1000, 4))
    found = VonNeumannEntropy().fit(Z)
    assert found.entropy_ == pytest.approx(float(von_neumann_entropy(Z)), abs=1e-13)
    assert found.effective_rank_ == pytest.approx(math.exp(found.entropy_))
    assert any("ceiling ln 4" in note for note in found.notes_)
    few = VonNeumannEntropy().fit(Z[:100].T)
    assert any("at most ln 4" in note for note in few.notes_)
    assert any(f"{page_entropy(4, 100):.3g}" in note for note in few.notes_)


def test_notes_at_the_ceiling_of_the_kernel() -> None:
    X = np.random.default_rng(0).normal(size=(50, 2))
    narrow = MatrixEntropy(bandwidth=1e-3).fit(X)
    assert narrow.entropy_ == pytest.approx(math.log(50))
    assert any("ln n" in note for note in narrow.notes_)
    assert any("joint" in n for n in MatrixMutualInformation(bandwidth=1e-3).fit(X, X).notes_)
    assert not MatrixEntropy().fit(X).notes_
    constant = confidence_interval(MatrixEntropy(), np.ones((20, 2)))
    assert constant.value == 0
    assert constant.interval == (0, 0)
    assert any("constant" in note for note in constant.notes)
    one_column = confidence_interval(VonNeumannEntropy(), X[:, :1])
    assert one_column.interval == (0, 0)


def test_nothing_depends_on_a_constant() -> None:
    x = np.random.default_rng(0).normal(size=(30, 1))
    for pair, name in (((x, np.ones(30)), "y"), ((np.full((30, 2), 3.0), x), "X")):
        found = MatrixMutualInformation().fit(*pair)
        assert found.mutual_information_ == 0.0
        assert f"{name} is constant; nothing depends on it." in found.notes_
        assert MatrixMutualInformation().fit(*pair, condition=x).mutual_information_ == 0.0


# Intervals and tests


@pytest.mark.parametrize("alpha", [0.7, 1.0, 1.01, 2.0])
def test_values_of_rows_are_the_derivative_of_the_entropy(alpha: float) -> None:
    K = gaussian_gram(np.random.default_rng(0).normal(size=(12, 2)), bandwidth=2.0)
    values = gram_row_values(K, alpha)
    assert float(np.mean(values)) == pytest.approx(float(matrix_entropy(K, alpha)), abs=1e-9)
    # Weight moved to row 3: eigenvalues of D^1/2 K D^1/2.
    step = 1e-5

    def entropy(t: float) -> float:
        weights = (1 - t) / 12 + t * (np.arange(12) == 3)
        root = np.sqrt(weights)
        spectrum = np.linalg.eigvalsh(root[:, None] * K * root)
        spectrum = spectrum[spectrum > 1e-15]
        if alpha == 1:
            return float(-np.sum(spectrum * np.log(spectrum)))
        return float(np.log(np.sum(spectrum**alpha)) / (1 - alpha))

    slope = (entropy(step) - entropy(-step)) / (2 * step)
    assert values[3] - np.mean(values) == pytest.approx(slope, abs=1e-4)


def test_errors_of_many_rows_come_from_some_of_them() -> None:
    X = np.random.default_rng(0).normal(size=(2000, 2))
    estimate: Any = confidence_interval(MatrixEntropy(alpha=2, bandwidth=1.0), X)
    some = X[_rows_for_errors(2000)]
    part: Any = confidence_interval(MatrixEntropy(alpha=2, bandwidth=1.0), some)
    assert len(some) == 1000
    assert estimate.bias == pytest.approx(part.bias / 2, rel=1e-9)
    assert 0.6 < estimate.standard_error / part.standard_error < 0.72


def coverage(make: Any, truth: float, n_runs: int) -> float:
    inside = 0
    for seed in range(n_runs):
        estimator, *data = make(seed)
        found: Any = confidence_interval(estimator, *data, random_state=0)
        low, high = found.interval
        inside += low <= truth <= high
    return inside / n_runs


def test_intervals_cover_the_law_and_not_the_sample() -> None:
    def entropy(seed: int) -> tuple[Any, ...]:
        X = np.random.default_rng(seed).normal(size=(100, 1))
        return MatrixEntropy(alpha=1.0, bandwidth=1.0), X

    # Nominal .9, measured .87 at n = 300: fewer than 17 of 25 have the probability .005.
    assert coverage(entropy, of_normal(1.0, 1.0), 25) >= 0.68


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [1.0, 1.01, 2.0])
@pytest.mark.parametrize("dim", [1, 5])
def test_coverage_of_entropy(alpha: float, dim: int) -> None:
    def entropy(seed: int) -> tuple[Any, ...]:
        X = np.random.default_rng(seed).normal(size=(300, dim))
        return MatrixEntropy(alpha=alpha, bandwidth=2.0), X

    assert coverage(entropy, dim * of_normal(alpha, 2.0), 100) >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [1.0, 2.0])
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_coverage_of_information(alpha: float, rho: float) -> None:
    def information(seed: int) -> tuple[Any, ...]:
        estimator = MatrixMutualInformation(alpha=alpha, bandwidth=1.0)
        return estimator, *normal_pair(rho, 300, seed)

    assert coverage(information, information_of_normal(alpha, rho), 60) >= 0.8


def test_permutation_test_of_information() -> None:
    x, y = normal_pair(0.8, 60, 0)
    related = permutation_test(
        MatrixMutualInformation(alpha=2), x, y, n_permutations=99, random_state=0
    )
    assert related.p_value == 0.01
    # The shared matrices give what fits would.
    fitted = MatrixMutualInformation().fit(x, y)
    order = np.random.default_rng(0).permutation(60)
    refitted = MatrixMutualInformation().fit(x, y[order])
    assert fitted._permuted()(order) == pytest.approx(refitted.mutual_information_, abs=1e-10)
    rng = np.random.default_rng(1)
    p_values = [
        permutation_test(
            MatrixMutualInformation(alpha=2),
            rng.normal(size=(30, 1)),
            rng.normal(size=(30, 1)),
            n_permutations=19,
            random_state=i,
        ).p_value
        for i in range(60)
    ]
    # Uniform on .05, .1, ...: 60 of them are at most .1 six times, and never 16 times.
    assert np.sum(np.array(p_values) <= 0.1) < 16


def test_names_at_the_doors() -> None:
    X = np.random.default_rng(0).normal(size=(40, 2))
    assert isinstance(infotheory.entropy(X, estimator="matrix").estimator, MatrixEntropy)
    assert isinstance(infotheory.entropy(X, estimator="von-neumann").estimator, VonNeumannEntropy)
    e = infotheory.mutual_information(X[:, :1], X[:, 1:], estimator="matrix")
    assert isinstance(e.estimator, MatrixMutualInformation)
    assert e.interval is not None


# Bad input


@pytest.mark.parametrize("kind", [MatrixEntropy, MatrixMutualInformation])
def test_bad_parameters_are_refused(kind: Any) -> None:
    X = np.random.default_rng(0).normal(size=(20, 1))
    for words in ({"alpha": 0}, {"alpha": -1.0}, {"bandwidth": 0.0}, {"bandwidth": "scott"}):
        with pytest.raises(ValueError, match=next(iter(words))):
            kind(**words).fit(X, X)
    with pytest.raises(ValueError, match="method"):
        MatrixEntropy(method="taylor").fit(X)


def test_bad_rows_are_refused() -> None:
    Z = np.random.default_rng(0).normal(size=(20, 3))
    for estimator in (MatrixEntropy(), VonNeumannEntropy()):
        for bad in (np.nan, np.inf):
            holed = Z.copy()
            holed[3, 1] = bad
            with pytest.raises(ValueError, match="X"):
                estimator.fit(holed)
        with pytest.raises(ValueError, match="minimum of 2"):
            estimator.fit(Z[:1])
    Z[[4, 7]] = 0
    with pytest.raises(ValueError, match=r"no row of zeros.*got 2 of them, the first at row 4"):
        VonNeumannEntropy().fit(Z)
