"""What kernel functionals refuse: numbers of which they would make a wrong value in silence."""

from __future__ import annotations

import math

import numpy as np
import pytest

import infotheory
from infotheory.functional import (
    approximate_matrix_entropy,
    betting_log_wealth,
    cauchy_schwarz_divergence,
    cauchy_schwarz_mutual_information,
    conditional_cauchy_schwarz_divergence,
    conditional_cauchy_schwarz_mutual_information,
    density_matrix_entropy,
    difference_of_matrix_entropies,
    fidelity,
    gaussian_gram,
    gaussian_matrix_entropy,
    gram_log_row_sums,
    gram_pair_sums,
    gram_row_sums,
    hsic,
    independence_payoffs,
    jensen_renyi_divergence,
    kernel_bandwidth,
    matrix_entropy,
    matrix_joint_entropy,
    matrix_mutual_information,
    mmd,
    normalized_matrix_mutual_information,
    page_entropy,
    quantum_relative_entropy,
    quantum_renyi_divergence,
    quantum_renyi_entropy,
    quantum_tsallis_entropy,
)

FUNCTIONS = {
    "gaussian_gram": lambda X, b: gaussian_gram(X, bandwidth=b),
    "gram_row_sums": lambda X, b: gram_row_sums(X, bandwidth=b),
    "gram_log_row_sums": lambda X, b: gram_log_row_sums(X, bandwidth=b),
    "gram_pair_sums": lambda X, b: gram_pair_sums(X, X, bandwidth_x=b, bandwidth_y=b),
    "hsic": lambda X, b: hsic(X, X, b),
    "mmd": lambda X, b: mmd(X, X, b),
    "cauchy_schwarz_divergence": lambda X, b: cauchy_schwarz_divergence(X, X, b),
    "cauchy_schwarz_mutual_information": lambda X, b: cauchy_schwarz_mutual_information(X, X, b),
    "conditional_divergence": lambda X, b: conditional_cauchy_schwarz_divergence(X, X, X, b),
    "conditional_information": lambda X, b: conditional_cauchy_schwarz_mutual_information(
        X, X, X, b
    ),
    "independence_payoffs": lambda X, b: independence_payoffs(
        X, X, bandwidth_x=b, bandwidth_y=b, n_burn_in=2
    ),
    "kernel_bandwidth": lambda X, b: kernel_bandwidth(X),
}
WITH_BANDWIDTH = [name for name in FUNCTIONS if name != "kernel_bandwidth"]


def rows(n_columns=2):
    return np.random.default_rng(0).normal(size=(8, n_columns))


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("n_columns", [1, 40])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_missing(function, n_columns, bad):
    X = rows(n_columns)
    X[3, 0] = bad
    with pytest.raises(ValueError, match="must be finite, got missing or infinite"):
        function(X, 1.0)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_numbers_that_are_missing_beside_a_gradient(function):
    torch = pytest.importorskip("torch")
    X = torch.tensor(rows())
    X[3, 1] = math.nan
    with pytest.raises(ValueError, match="must be finite, got missing or infinite"):
        function(X.requires_grad_(), 1.0)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_what_is_no_table_of_real_numbers(function):
    for X in (rows()[:, 0], np.zeros((0, 2)), np.zeros((3, 0))):
        with pytest.raises(ValueError, match="must have shape"):
            function(X, 1.0)
    with pytest.raises(ValueError, match="must be real"):
        function(rows() * 1j, 1.0)
    with pytest.raises(TypeError, match="must hold numbers"):
        function(np.array([["a"], ["b"]] * 4), 1.0)
    with pytest.raises(TypeError, match="masked"):
        function(np.ma.masked_less(rows(), -1.0), 1.0)
    with pytest.raises(TypeError, match="array of the library"):
        function([[1.0], [2.0]], 1.0)


@pytest.mark.parametrize("name", WITH_BANDWIDTH)
def test_bandwidths_that_are_none(name):
    function = FUNCTIONS[name]
    for bad in (0, 0.0, -1.0, math.nan, math.inf, np.float64(-2.0), np.array([1.0, -1.0])):
        with pytest.raises(ValueError, match=r"bandwidth\w* must be positive and finite"):
            function(rows(), bad)
    for bad in ("median", None, 1j):
        if bad is None and name == "independence_payoffs":
            continue  # the kernel of labels
        with pytest.raises(TypeError, match=r"bandwidth\w* must be a positive number"):
            function(rows(), bad)
    for tiny in (1e-310, 1e-200):
        with pytest.raises(ValueError, match=r"bandwidth\w* must be large enough"):
            function(rows(), tiny)


def test_too_few_rows_and_unknown_names():
    X = rows()
    with pytest.raises(ValueError, match="X must have at least 2 rows for estimator='unbiased'"):
        mmd(X[:1], X, 1.0)
    with pytest.raises(ValueError, match="at least 4 rows for estimator='unbiased'"):
        hsic(X[:3], X[:3], 1.0, estimator="unbiased")
    assert float(mmd(X[:1], X[:1], 1.0, estimator="biased")) == 0
    with pytest.raises(ValueError, match="denominator must be 'kernel-sum-squared' or"):
        conditional_cauchy_schwarz_divergence(X, X, X, 1.0, denominator="x")
    with pytest.raises(ValueError, match="same columns, got 2 and 1"):
        gaussian_gram(X, X[:, :1], bandwidth=1.0)
    for words in ({"n_neighbors": 0}, {"n_neighbors": -1}, {"max_rows": 0}, {"max_rows": 1}):
        with pytest.raises(ValueError, match="must be at least"):
            kernel_bandwidth(X, "neighbors", **words)
    for n_burn_in, message in ((0, "n_burn_in must be at least 2"), (7, "rows, so that there is")):
        with pytest.raises(ValueError, match=message):
            independence_payoffs(X, X, bandwidth_x=1.0, bandwidth_y=1.0, n_burn_in=n_burn_in)


@pytest.mark.parametrize("bad", [[math.nan], [-2.0], [0.5, 1.01], []])
def test_payoffs_that_are_none(bad):
    with pytest.raises(ValueError, match="payoffs must"):
        betting_log_wealth(np.array(bad))


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_samples_that_are_mapped_over():
    torch = pytest.importorskip("torch")
    X = torch.tensor(np.stack([rows(), 2 * rows()]))
    found = torch.vmap(lambda x: gaussian_gram(x, bandwidth=1.0))(X)
    assert torch.allclose(found, gaussian_gram(X, bandwidth=1.0), rtol=1e-12, atol=1e-14)


def test_columns_far_from_zero_are_no_reason_to_refuse():
    X = 1e160 * (1 + np.zeros((3, 1)))
    assert np.all(gaussian_gram(X, bandwidth=1.0) == 1)


MATRIX = np.array([[0.5, 0.1], [0.1, 0.5]])


@pytest.mark.parametrize(
    "function",
    [
        matrix_entropy,
        matrix_joint_entropy,
        lambda K: matrix_mutual_information(MATRIX, K),
        approximate_matrix_entropy,
    ],
)
def test_gram_matrices_of_other_than_real_numbers(function):
    with pytest.raises(ValueError, match="must be real"):
        function(np.array([[1, 1j], [-1j, 1]]))
    with pytest.raises(TypeError, match="masked"):
        function(np.ma.masked_less(np.eye(2), 0.5))
    with pytest.raises(TypeError, match="must hold numbers"):
        function(np.array([["a"]]))
    for shape in ((2,), (0, 0), (2, 3)):
        with pytest.raises(ValueError, match="must have shape"):
            function(np.ones(shape))
    with pytest.raises(TypeError, match=r"single or double precision.*Compute it in float32"):
        function(np.eye(2, dtype=np.float16))


def test_gram_matrices_of_two_libraries_and_counts_that_are_none():
    torch = pytest.importorskip("torch")
    for function in (
        matrix_mutual_information,
        matrix_joint_entropy,
        normalized_matrix_mutual_information,
        difference_of_matrix_entropies,
    ):
        with pytest.raises(TypeError, match="must be an array of the library of all others"):
            function(MATRIX, torch.eye(2))
    for words in ({"n_permutations": 1.5}, {"seed": None}):
        with pytest.raises(TypeError, match=f"{next(iter(words))} must be an integer"):
            difference_of_matrix_entropies(MATRIX, MATRIX, **words)
    with pytest.raises(TypeError, match="n_first must be an integer"):
        jensen_renyi_divergence(MATRIX, 1.0)
    with pytest.raises(TypeError, match="weight must be a number"):
        jensen_renyi_divergence(MATRIX, 1, weight="half")


def test_orders_and_sizes_that_are_none():
    with pytest.raises(TypeError, match="alpha must be a positive number"):
        matrix_entropy(MATRIX, "a")
    for function in (quantum_tsallis_entropy, quantum_renyi_entropy):
        with pytest.raises(TypeError, match="order must be a positive number"):
            function(MATRIX, "a")
    with pytest.raises(ValueError, match="order must be finite"):
        quantum_tsallis_entropy(MATRIX, math.inf)
    for sizes in ((-1, 2), (0, 1)):
        with pytest.raises(ValueError, match="must be at least 1"):
            page_entropy(*sizes)
    with pytest.raises(TypeError, match="masked"):
        density_matrix_entropy(np.ma.masked_less(np.eye(2) / 2, 0.1))


@pytest.mark.parametrize(
    "function",
    [
        lambda r, s: quantum_renyi_divergence(r, s, 2),
        lambda r, s: quantum_renyi_divergence(r, s, 0.7, "petz"),
        fidelity,
        lambda r, s: quantum_relative_entropy(s, r),
    ],
)
def test_second_gradients_that_would_be_wrong_are_refused(function):
    torch = pytest.importorskip("torch")
    state = torch.tensor(MATRIX, requires_grad=True)
    other = torch.tensor([[0.7, 0.0], [0.0, 0.3]], dtype=torch.float64)
    value = function(state / torch.trace(state), other)
    (gradient,) = torch.autograd.grad(value, state, create_graph=True)
    with pytest.raises(NotImplementedError, match="first derivative only"):
        torch.autograd.grad(gradient.square().sum(), state)


@pytest.mark.parametrize("method", ["hutch++", "lanczos", "chebyshev", "low-rank"])
def test_rows_that_share_nothing_have_the_largest_entropy(method):
    X = rows(3)
    found = gaussian_matrix_entropy(X, bandwidth=1e-8, method=method)
    assert abs(float(found.value) - math.log(8)) <= found.error + 1e-9
    with pytest.raises(ValueError, match="bandwidth must be large enough"):
        gaussian_matrix_entropy(X, bandwidth=1e-300, method=method)


@pytest.mark.parametrize(
    "estimator",
    [
        infotheory.HSIC,
        infotheory.CauchySchwarzMutualInformation,
        infotheory.MMD,
        infotheory.CauchySchwarzDivergence,
    ],
)
def test_extents_below_normal_floats(estimator):
    X = rows(1) * 1e-310
    is_divergence = estimator in (infotheory.MMD, infotheory.CauchySchwarzDivergence)
    y = np.repeat([0, 1], 4) if is_divergence else X + 1e-310
    with pytest.raises(ValueError, match="extent is a normal float"):
        estimator().fit(X, y)
