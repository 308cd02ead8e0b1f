"""Nearest-neighbour functionals against their formulas written out by brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import digamma

import infotheory.functional as it

SEEDS = st.integers(0, 2**31 - 1)


def distances(A, B, metric):
    difference = np.abs(A[:, None, :] - B[None, :, :])
    if metric == "chebyshev":
        return difference.max(axis=-1)
    total = np.zeros(difference.shape[:2])
    for j in range(difference.shape[-1]):
        total = total + difference[..., j] ** 2
    return np.sqrt(total)


def others(D):
    return np.where(np.eye(len(D), dtype=bool), np.inf, D)


def brute_ksg(X, Y, k, variant, metric, Z=None):
    parts = [X, Y] if Z is None else [X, Y, Z]
    each = [others(distances(p, p, metric)) for p in parts]
    joint = np.maximum.reduce(each)
    n = len(X)
    if variant == 2:
        nearest = np.argsort(joint, axis=1, kind="stable")[:, :k]
        total = np.full(n, digamma(k) - 1 / k + digamma(n))
        for D in each:
            reach = np.take_along_axis(D, nearest, axis=1).max(axis=1)
            total -= digamma((reach[:, None] >= D).sum(axis=1))
        return total.mean()
    radius = np.sort(joint, axis=1)[:, k - 1 : k]
    count = [(radius > D).sum(axis=1) for D in each]
    if Z is None:
        return (digamma(k) + digamma(n) - digamma(count[0] + 1) - digamma(count[1] + 1)).mean()
    xz = (np.maximum(each[0], each[2]) < radius).sum(axis=1)
    yz = (np.maximum(each[1], each[2]) < radius).sum(axis=1)
    return (digamma(k) + digamma(count[2] + 1) - digamma(xz + 1) - digamma(yz + 1)).mean()


def draw(rng, kind, n, d):
    X = rng.normal(size=(n, d))
    return np.round(X, 1) if kind == "ties" else X


@settings(max_examples=60)
@given(
    SEEDS,
    st.sampled_from(["continuous", "ties"]),
    st.sampled_from(["chebyshev", "euclidean"]),
    st.sampled_from([1, 2]),
    st.integers(1, 5),
)
def test_ksg_equals_its_formula(seed, kind, metric, variant, k):
    rng = np.random.default_rng(seed)
    dx, dy = rng.integers(1, 4, size=2)
    X, Y = draw(rng, kind, 60, dx), draw(rng, kind, 60, dy)
    if variant == 2 and kind == "ties":
        # Which of several equally near rows is a neighbour is not defined by the formula.
        return
    expected = brute_ksg(X, Y, k, variant, metric)
    assert float(it.ksg(X, Y, k, variant=variant, metric=metric)) == pytest.approx(
        expected, abs=1e-9
    )


@settings(max_examples=30)
@given(SEEDS, st.sampled_from(["continuous", "ties"]), st.sampled_from(["chebyshev", "euclidean"]))
def test_conditional_ksg_equals_its_formula(seed, kind, metric):
    rng = np.random.default_rng(seed)
    X, Y, Z = (draw(rng, kind, 50, d) for d in rng.integers(1, 3, size=3))
    expected = brute_ksg(X, Y, 3, 1, metric, Z)
    value = float(it.ksg(X, Y, 3, condition=Z, metric=metric))
    assert value == pytest.approx(expected, abs=1e-9)


@settings(max_examples=30)
@given(SEEDS, st.sampled_from(["chebyshev", "euclidean"]), st.integers(1, 4), st.integers(1, 4))
def test_entropy_equals_its_formula(seed, metric, d, k):
    X = np.random.default_rng(seed).normal(size=(40, d))
    radius = np.sort(others(distances(X, X, metric)), axis=1)[:, k - 1]
    ball = d * math.log(2)
    if metric == "euclidean":
        ball = d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1)
    expected = digamma(40) - digamma(k) + ball + d * np.log(radius).mean()
    assert float(it.neighbors_entropy(X, k, metric=metric)) == pytest.approx(expected, abs=1e-10)


@settings(max_examples=30)
@given(SEEDS, st.sampled_from(["chebyshev", "euclidean"]), st.integers(1, 3))
def test_divergence_equals_its_formula(seed, metric, d):
    rng = np.random.default_rng(seed)
    P, Q = rng.normal(size=(40, d)), 0.5 + rng.normal(size=(30, d))
    rho = np.sort(others(distances(P, P, metric)), axis=1)[:, 2]
    nu = np.sort(distances(P, Q, metric), axis=1)[:, 2]
    expected = d * np.log(nu / rho).mean() + math.log(30 / 39)
    assert float(it.neighbors_divergence(P, Q, metric=metric)) == pytest.approx(expected, abs=1e-10)


def test_backends_agree(xp):
    rng = np.random.default_rng(0)
    P, Q = rng.normal(size=(80, 2)), rng.normal(size=(60, 2))
    same = rng.normal(size=(80, 1))
    for compute in (
        lambda a, b, c: it.neighbors_entropy(a),
        lambda a, b, c: it.neighbors_divergence(a, b, metric="euclidean"),
        lambda a, b, c: it.ksg(a, c),
        lambda a, b, c: it.mixed_ksg(a, c),
        lambda a, b, c: it.neighbors_js_pointwise(a, b)[0],
    ):
        expected = compute(P, Q, same)
        arrays = [xp.asarray(part, dtype=xp.float64) for part in (P, Q, same)]
        result = compute(*arrays)
        assert type(result) is type(xp.asarray(expected)) or np.isscalar(expected)
        assert result.dtype == xp.float64
        np.testing.assert_allclose(np.asarray(result), expected, rtol=1e-12)


def test_gradient_of_entropy_follows_the_scale_law():
    torch = pytest.importorskip("torch")
    for d, metric in ((1, "chebyshev"), (3, "chebyshev"), (3, "euclidean")):
        X = torch.tensor(np.random.default_rng(d).normal(size=(50, d)), requires_grad=True)
        it.neighbors_entropy(X, 3, metric=metric).backward()
        assert float((X.grad * X.detach()).sum()) == pytest.approx(d, abs=1e-6)


@pytest.mark.parametrize("metric", ["chebyshev", "euclidean"])
def test_gradcheck(metric):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    X = torch.tensor(rng.normal(size=(12, 2)), requires_grad=True)
    Q = torch.tensor(rng.normal(size=(10, 2)), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: it.neighbors_entropy(x, 2, metric=metric), X)
    assert torch.autograd.gradcheck(
        lambda x, q: it.neighbors_divergence(x, q, 2, metric=metric), (X, Q)
    )


def test_counts_are_detached():
    torch = pytest.importorskip("torch")
    X = torch.tensor(np.random.default_rng(0).normal(size=(20, 1)), requires_grad=True)
    assert not it.ksg(X, 2 * X).requires_grad


def test_entropy_of_duplicates_is_minus_infinity():
    assert it.neighbors_entropy(np.repeat([[0.0], [1.0]], 5, axis=0)) == -math.inf


def test_log_ratio_of_duplicates_comes_from_counts():
    P = np.repeat([[0.0], [1.0], [5.0]], [30, 10, 5], axis=0)
    Q = np.repeat([[0.0], [1.0]], [10, 35], axis=0)
    found = {0.0: (30, 10), 1.0: (10, 35), 5.0: (5, 0)}
    expected = [
        digamma(found[x][0]) - digamma(found[x][1] + 1) + digamma(46) - digamma(45) for x in P[:, 0]
    ]
    np.testing.assert_allclose(it.neighbors_log_ratio(P, P, Q), expected)


@settings(max_examples=20)
@given(SEEDS)
def test_js_equals_mixed_information_with_the_label(seed):
    rng = np.random.default_rng(seed)
    P, Q = rng.normal(size=(50, 2)), 0.7 + rng.normal(size=(50, 2))
    at_p, at_q = it.neighbors_js_pointwise(P, Q)
    label = np.repeat([[0.0], [1e6]], 50, axis=0)
    mixed = it.mixed_ksg_pointwise(np.vstack([P, Q]), label, far=1e5)
    # psi(n_x + 1) with the own row counted, against the effective count k + c (n - 1) / m.
    assert abs(np.concatenate([at_p, at_q]).mean() - mixed.mean()) < 0.05


def test_mixed_equals_ksg_on_continuous_data():
    rng = np.random.default_rng(3)
    X, Y = rng.normal(size=(100, 2)), rng.normal(size=(100, 1))
    shift = math.log(100) - digamma(100)
    np.testing.assert_allclose(
        it.mixed_ksg_pointwise(X, Y), it.ksg_pointwise(X, Y) + shift, atol=1e-12
    )
    np.testing.assert_allclose(
        it.mixed_ksg_pointwise(X, Y, condition=X[:, :1] + Y),
        it.ksg_pointwise(X, Y, condition=X[:, :1] + Y),
        atol=1e-12,
    )


def test_mixed_on_symbols_is_the_digamma_plug_in():
    rng = np.random.default_rng(4)
    x, y = rng.integers(3, size=200), rng.integers(4, size=200)
    joint = np.array([np.sum((x == a) & (y == b)) for a, b in zip(x, y, strict=True)])
    nx, ny = (np.array([np.sum(v == a) for a in v]) for v in (x, y))
    expected = digamma(joint) + math.log(200) - digamma(nx) - digamma(ny)
    value = it.mixed_ksg_pointwise(x[:, None].astype(float), y[:, None].astype(float), far=0.5)
    np.testing.assert_allclose(value, expected, atol=1e-12)


def test_rows_alone_with_their_label_contribute_nothing():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(20, 1))
    label = np.r_[np.zeros(10), np.ones(9), 2.0][:, None] * 1e6
    assert it.mixed_ksg_pointwise(X, label, far=1e5)[-1] == 0


def test_query_rows_equal_left_out_rows():
    """Leaving a row out and asking for it as a new row is the same thing."""
    rng = np.random.default_rng(6)
    X, Y, Z = rng.normal(size=(40, 2)), rng.normal(size=(40, 1)), rng.normal(size=(40, 1))
    for options in ({}, {"variant": 2}, {"condition": Z}):
        left_out = it.ksg_pointwise(X, Y, **options)
        rest = {
            name: value[1:] if name == "condition" else value for name, value in options.items()
        }
        query = [X[:1], Y[:1], Z[:1]][: 3 if "condition" in options else 2]
        asked = it.ksg_pointwise(X[1:], Y[1:], query=query, **rest)
        np.testing.assert_allclose(asked, left_out[:1], atol=1e-12)


@settings(max_examples=30)
@given(SEEDS)
def test_spread_atoms_can_be_read_back(seed):
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(50, 1)), 1)
    spread = it.spread_atoms(X, rng.uniform(size=X.shape))
    atoms = np.unique(X)
    middle = (atoms[1:] + atoms[:-1]) / 2
    np.testing.assert_array_equal(atoms[np.searchsorted(middle, spread[:, 0])], X[:, 0])
    assert len(np.unique(spread)) == 50
