"""Exact transport against assignments, linear programs and sorting."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance as of_scipy

from infotheory.functional import exact_transport, wasserstein_distance

pytest.importorskip("ot")
SEEDS = st.integers(0, 2**32 - 1)


def program(cost, a, b):
    """The least cost by a general linear program."""
    n, m = cost.shape
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    equal = {"A_eq": np.vstack([rows, columns]), "b_eq": np.concatenate([a, b])}
    return linprog(cost.ravel(), **equal, method="highs").fun


@settings(max_examples=15)
@given(SEEDS)
def test_against_a_linear_program(seed):
    rng = np.random.default_rng(seed)
    cost = rng.normal(size=(6, 9)) ** 2
    a, b = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(9))
    found = exact_transport(cost, a, b)
    assert found.value == pytest.approx(program(cost, a, b), abs=1e-9)
    np.testing.assert_allclose(found.plan.sum(1), a, atol=1e-12)
    np.testing.assert_allclose(found.plan.sum(0), b, atol=1e-12)
    f, g = found.potentials
    assert np.all(f[:, None] + g <= cost + 1e-9)
    assert a @ f + b @ g == pytest.approx(float(found.value), abs=1e-9)
    assert a @ f == pytest.approx(b @ g, abs=1e-9)


@pytest.mark.parametrize("order", [1.0, 2.0, 3.0])
def test_against_an_assignment(order):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), 1 + rng.normal(size=(40, 3))
    powers = cdist(x, y) ** order
    rows, columns = linear_sum_assignment(powers)
    expected = powers[rows, columns].mean() ** (1 / order)
    assert wasserstein_distance(x, y, order) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=20)
@given(SEEDS, st.sampled_from([1.0, 1.5, 2.0]))
def test_sorting_is_the_linear_program_of_one_column(seed, order):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(7, 1)), rng.normal(size=(11, 1))
    a, b = rng.dirichlet(np.ones(7)), rng.dirichlet(np.ones(11))
    a[2], b[5] = 0.0, 0.0
    a, b = a / a.sum(), b / b.sum()
    found = wasserstein_distance(x, y, order, a=a, b=b)
    solved = exact_transport(np.abs(x - y.T) ** order, a, b).value ** (1 / order)
    assert found == pytest.approx(float(solved), abs=1e-9)
    if order == 1:
        assert found == pytest.approx(of_scipy(x[:, 0], y[:, 0], a, b), abs=1e-12)


def test_laws_of_the_distance():
    rng = np.random.default_rng(1)
    for d in (1, 2):
        x, y = rng.normal(size=(30, d)), rng.normal(size=(20, d))
        shift = np.full(d, 3.0)
        assert wasserstein_distance(x, x) == pytest.approx(0, abs=1e-6)
        # Every plan costs the square of a shift more.
        assert wasserstein_distance(x, x + shift, 2) == pytest.approx(3 * np.sqrt(d))
        assert wasserstein_distance(x, y) == pytest.approx(float(wasserstein_distance(y, x)))
        assert wasserstein_distance(x, y) <= wasserstein_distance(x, y, 2)
        twice = wasserstein_distance(np.vstack([x, x]), y)
        assert wasserstein_distance(x, y) == pytest.approx(float(twice))
        scaled = wasserstein_distance(7 * x, 7 * y)
        assert 7 * wasserstein_distance(x, y) == pytest.approx(float(scaled))


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("order", [1.0, 2.0])
def test_gradients(d, order):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    x, y = (torch.tensor(rng.normal(size=(n, d)), requires_grad=True) for n in (5, 7))
    assert torch.autograd.gradcheck(lambda x, y: wasserstein_distance(x, y, order), (x, y))
    wasserstein_distance(x, x.detach(), order).backward()
    assert bool(torch.isfinite(x.grad).all())


def test_arrays_keep_their_library():
    strict = pytest.importorskip("array_api_strict")
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    for d in (1, 2):
        x, y = rng.normal(size=(5, d)), rng.normal(size=(4, d))
        expected = float(wasserstein_distance(x, y))
        found = wasserstein_distance(strict.asarray(x), strict.asarray(y))
        assert found.__array_namespace__().__name__ == "array_api_strict"
        assert float(found) == pytest.approx(expected)
        short = (torch.tensor(v, dtype=torch.float32) for v in (x, y))
        found = wasserstein_distance(*short)
        assert found.dtype == torch.float32
        assert float(found) == pytest.approx(expected, rel=1e-5)


def test_what_is_refused(monkeypatch):
    cost = np.random.default_rng(0).uniform(size=(30, 30))
    with pytest.raises(ValueError, match="a must have 30 entries, one for each row of cost"):
        exact_transport(cost, np.ones(4))
    for wrong in (-np.ones(30), np.full(30, np.nan)):
        with pytest.raises(ValueError, match="a must not be negative or missing"):
            exact_transport(cost, wrong)
    with pytest.raises(RuntimeError, match=r"max_iter=2 .*Raise max_iter"):
        exact_transport(cost, max_iter=2)
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(ImportError, match=r"pip install 'infotheory-learn\[ot\]'"):
        exact_transport(cost)
    assert wasserstein_distance(cost[:, :1], cost[:, :1] + 1) == pytest.approx(1.0)


def test_pot_is_imported_where_it_is_needed_alone():
    lines = (
        "import sys, infotheory, infotheory.functional as f, numpy as np",
        "infotheory.WassersteinDivergence(), infotheory.SinkhornDivergence()",
        "f.wasserstein_distance(np.zeros((2, 1)), np.ones((3, 1)))",
        "assert 'ot' not in sys.modules",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


@pytest.mark.parametrize("d", [1, 2])
def test_samples_without_a_distance_are_refused(d):
    X, Y = np.random.default_rng(4).normal(size=(2, 5, d))
    for bad, what in (
        ((X * np.nan, Y), "X must be finite"),
        ((X, np.ones((4, 3))), f"same number of columns, got {d} and 3"),
        ((X[:0], Y), "X must have shape"),
        ((X, Y, 0.5), "order must be at least 1 and finite, got 0.5"),
        ((X, Y, np.nan), "order must be at least 1 and finite, got nan"),
    ):
        with pytest.raises(ValueError, match=what):
            wasserstein_distance(*bad)
    for weights, what in (
        ([-0.2, 0.3, 0.3, 0.3, 0.3], "a must not be negative or missing, got -0.2"),
        ([0.4] * 5, "a must sum to 1, got 2. Divide it"),
        ([0.0] * 5, "a must sum to 1, got 0. Divide it"),
        ([0.25] * 4, "a must have 5 entries, one for each row of"),
        ([[0.2] * 5] * 2, r"a must have shape \(5,\)"),
    ):
        with pytest.raises(ValueError, match=what):
            wasserstein_distance(X, Y, a=np.array(weights))


def test_costs_without_a_plan_are_refused():
    cost = np.ones((3, 4))
    with pytest.raises(ValueError, match="cost must be finite"):
        exact_transport(cost * np.nan)
    with pytest.raises(ValueError, match=r"cost must have shape \(n, m\)"):
        exact_transport(np.ones((2, 3, 4)))
    for wrong in (np.full(3, 2 / 3), np.zeros(3)):
        with pytest.raises(ValueError, match="a must sum to 1"):
            exact_transport(cost, wrong)
    with pytest.raises(ValueError, match="b must have 4 entries, one for each column of cost"):
        exact_transport(cost, None, np.ones(3) / 3)
