"""Noise on a sample: bounds from pairs, the integral by draws, closed forms for normal laws."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from array_api_compat import array_namespace
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import norm

from infotheory.functional import _mixture_bounds as blocks
from infotheory.functional import (
    adaptive_noise_variance,
    gaussian_entropy,
    mixture_entropy_bounds,
    noisy_channel_entropy,
    noisy_channel_information,
)

SEEDS = st.integers(0, 2**32 - 1)
METHODS = ("lower", "monte-carlo", "upper")


def brute_force(centres, variance):
    """The formulas as published, with all pairs at once."""
    n, d = centres.shape
    variances = np.broadcast_to(variance, (d,))
    squares = ((centres[:, None] - centres) ** 2 / variances).sum(axis=-1)
    log_norm = 0.5 * np.sum(np.log(2 * np.pi * variances))

    def entropy(times):
        """With the noise `times` as wide, as a Kullback-Leibler bound."""
        pairs = logsumexp(-squares / (2 * times), axis=1)
        return d / 2 + log_norm + d / 2 * math.log(times) + math.log(n) - pairs.mean()

    return entropy(4.0) + d / 2 * math.log(0.25), entropy(1.0)


def entropy_of_component(d, variance=1.0):
    return 0.5 * d * math.log(2 * math.pi * math.e * variance)


# Bounds


@given(SEEDS, st.sampled_from([(1, 1), (7, 1), (30, 4), (200, 3)]), st.floats(0.01, 100))
def test_bounds_are_the_published_sums(seed, shape, variance):
    centres = np.random.default_rng(seed).normal(size=shape)
    bounds = mixture_entropy_bounds(centres, variance)
    lower, upper = brute_force(centres, variance)
    assert bounds.lower == pytest.approx(lower, abs=1e-10)
    assert bounds.upper == pytest.approx(upper, abs=1e-10)


@given(SEEDS)
def test_one_variance_a_coordinate(seed):
    rng = np.random.default_rng(seed)
    centres, variance = rng.normal(size=(40, 3)), rng.uniform(0.1, 3, size=3)
    bounds = mixture_entropy_bounds(centres, variance)
    lower, upper = brute_force(centres, variance)
    assert bounds.lower == pytest.approx(lower, abs=1e-10)
    assert bounds.upper == pytest.approx(upper, abs=1e-10)
    equal = mixture_entropy_bounds(centres, np.full(3, 0.7))
    assert equal.upper == pytest.approx(float(mixture_entropy_bounds(centres, 0.7).upper))


def test_points_far_apart_tell_which_they_are():
    centres = 100.0 * np.arange(16)[:, None]
    bounds = mixture_entropy_bounds(centres, 1.0)
    for bound in (bounds.lower, bounds.upper):
        assert bound - entropy_of_component(1) == pytest.approx(math.log(16), abs=1e-10)
    for method in METHODS:
        value = noisy_channel_information(centres, 1.0, method=method).value
        assert value == pytest.approx(math.log(16), abs=1e-10)


def test_nothing_is_told_through_much_noise():
    centres = np.random.default_rng(0).normal(size=(50, 2))
    bounds = mixture_entropy_bounds(centres, 1e8)
    for bound in (bounds.lower, bounds.upper):
        assert bound - entropy_of_component(2, 1e8) == pytest.approx(0, abs=1e-6)
    for method in METHODS:
        value = noisy_channel_information(centres, 1e8, method=method).value
        assert value == pytest.approx(0, abs=1e-6 if method != "monte-carlo" else 1e-3)


@pytest.mark.parametrize("a", [0.5, 2.0, 5.0])
def test_bounds_of_many_normal_centres(a):
    """E ln E exp(-rate (x - x')^2 / 2) over normal x, x' is a closed form."""
    centres = a * np.random.default_rng(1).normal(size=(3000, 1))

    def closed(rate):
        s = rate * a**2
        return 0.5 * math.log(1 + s) + 0.5 * s / (1 + s)

    # One row has a spread below .8, and its own component adds at most its share of the sum.
    for method, rate in (("upper", 1.0), ("lower", 0.25)):
        value = noisy_channel_information(centres, 1.0, method=method).value
        assert value == pytest.approx(closed(rate), abs=4 * 0.8 / math.sqrt(3000))
    truth = 0.5 * math.log(1 + a**2)
    assert closed(0.25) < truth < closed(1.0)


@settings(max_examples=12)
@given(SEEDS, st.floats(0.05, 5))
def test_bounds_hold_the_entropy_of_the_mixture(seed, variance):
    """By quadrature in one dimension."""
    centres = np.random.default_rng(seed).normal(size=(6, 1)) * 2
    scale = math.sqrt(variance)

    def integrand(x):
        p = norm.pdf(x, centres[:, 0], scale).mean()
        return -p * math.log(p) if p > 0 else 0.0

    ends = centres.min() - 12 * scale, centres.max() + 12 * scale
    exact = quad(integrand, *ends, limit=400, points=np.sort(centres[:, 0]))[0]
    bounds = mixture_entropy_bounds(centres, variance)
    assert bounds.lower - 1e-7 <= exact <= bounds.upper + 1e-7
    found = noisy_channel_entropy(centres, variance, n_draws=400)
    assert abs(found.value - exact) < 5 * found.standard_error + 1e-6


def test_leading_axes_are_batches():
    centres = np.random.default_rng(2).normal(size=(3, 2, 20, 4))
    bounds = mixture_entropy_bounds(centres, 0.5)
    assert bounds.lower.shape == bounds.upper.shape == (3, 2)
    one = mixture_entropy_bounds(centres[1, 0], 0.5)
    assert bounds.upper[1, 0] == pytest.approx(float(one.upper), abs=1e-12)
    assert bounds.lower[1, 0] == pytest.approx(float(one.lower), abs=1e-12)


def test_little_noise_far_from_the_origin():
    """Squares of norms have no digits left for distances there."""
    centres = np.array([[0.0], [1e-6], [1e3]])
    bounds = mixture_entropy_bounds(centres, 1e-12)
    lower, upper = brute_force(centres, 1e-12)
    assert bounds.lower == pytest.approx(lower, abs=1e-6)
    assert bounds.upper == pytest.approx(upper, abs=1e-6)


def test_memory_grows_with_the_rows_and_not_with_pairs(monkeypatch):
    centres = np.random.default_rng(3).normal(size=(3000, 2))
    tracemalloc.start()
    mixture_entropy_bounds(centres, 1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6  # pairs alone are 72 MB


def test_blocks_of_any_size_give_the_same(monkeypatch):
    centres = np.random.default_rng(4).normal(size=(101, 3))
    whole = mixture_entropy_bounds(centres, 0.3)
    monkeypatch.setattr(blocks, "_BLOCK", 1)
    single = mixture_entropy_bounds(centres, 0.3)
    assert single.lower == pytest.approx(float(whole.lower), abs=1e-12)
    assert single.upper == pytest.approx(float(whole.upper), abs=1e-12)


# The integral


@pytest.mark.parametrize(("a", "beta"), [(1.0, 1.0), (2.0, 1.0), (3.0, 0.5)])
def test_a_normal_signal_in_normal_noise(a, beta):
    """ln(1 + a^2 / beta^2) / 2, within 5 %; the row spread of the log ratio is below .75."""
    truth = 0.5 * math.log(1 + a**2 / beta**2)
    values = []
    for seed in range(4):
        sent = a * np.random.default_rng(seed).normal(size=(1000, 1))
        values.append(float(noisy_channel_information(sent, beta**2).value))
    assert np.mean(values) == pytest.approx(truth, abs=3 * 0.75 / math.sqrt(4000))
    assert np.mean(values) == pytest.approx(truth, rel=0.05)


def test_entropy_and_information_differ_by_the_noise():
    sent = np.random.default_rng(5).normal(size=(1000, 2)) @ np.array([[2.0, 0.5], [0.0, 1.0]])
    entropy = noisy_channel_entropy(sent, 0.25)
    information = noisy_channel_information(sent, 0.25)
    noise = entropy_of_component(2, 0.25)
    # The same draws: what differs is the mean of |z|^2 / 2 over 4 000 draws in two dimensions.
    assert abs(entropy.value - noise - information.value) < 4 / math.sqrt(4000)
    covariance = np.cov(sent, rowvar=False) + 0.25 * np.eye(2)
    assert entropy.value == pytest.approx(float(gaussian_entropy(covariance)), abs=0.06)


def test_the_standard_error_is_that_of_the_integral():
    sent = np.random.default_rng(6).normal(size=(100, 1))
    found = [noisy_channel_entropy(sent, 0.5, random_state=seed) for seed in range(60)]
    values = np.array([float(f.value) for f in found])
    told = np.mean([float(f.standard_error) for f in found])
    # The spread of 60 values is known to 9 %.
    assert np.std(values, ddof=1) == pytest.approx(told, rel=0.3)


def test_the_seed_of_the_centres_does_no_harm():
    """Noise from the generator that made the centres would be the centres themselves."""
    truth = 0.5 * math.log(2)
    for seed in (0, 1):
        sent = np.random.default_rng(seed).standard_normal((1000, 1))
        value = noisy_channel_information(sent, 1.0, random_state=seed).value
        assert value == pytest.approx(truth, abs=0.06)


@pytest.mark.parametrize("method", METHODS)
def test_labels_far_apart_and_equal_ones(method):
    rng = np.random.default_rng(7)
    labels = np.repeat([0, 1, 2, 2], 100)
    far = rng.normal(size=(400, 2)) + 100.0 * labels[:, None]
    found = noisy_channel_information(far, 1.0, labels, method=method)
    entropy = 1.5 * math.log(2)
    slack = 1.5 if method != "monte-carlo" else 1e-9
    assert abs(found.value - entropy) < slack
    if method == "monte-carlo":
        mixed = noisy_channel_information(rng.normal(size=(400, 2)), 1.0, labels)
        # Plug-in of three mixtures of some 130 rows for one of 400.
        assert 0 <= mixed.value < 0.06
    one = noisy_channel_information(far, 1.0, np.zeros(400, dtype=int), method="upper")
    assert one.of_rows == pytest.approx(
        float(noisy_channel_information(far, 1.0, method="upper").value), abs=1e-12
    )


def test_two_labels_by_quadrature():
    """Each label sends one point: the information is of a binary input in normal noise."""
    sent = np.array([[-1.0], [1.0]] * 40)
    labels = np.tile([0, 1], 40)

    def integrand(x):
        p = norm.pdf(x, -1), norm.pdf(x, 1)
        mean = (p[0] + p[1]) / 2
        return sum(0.5 * q * math.log(q / mean) for q in p)

    exact = quad(integrand, -12, 12)[0]
    found = noisy_channel_information(sent, 1.0, labels, n_draws=100)
    assert abs(found.value - exact) < 5 * found.standard_error
    # Repeated rows are draws of one value: without labels they count as different rows.
    alone = noisy_channel_information(sent, 1.0, n_draws=100)
    assert abs(alone.value - exact) < 5 * alone.standard_error


def test_a_condition_is_a_mean_over_its_values():
    rng = np.random.default_rng(8)
    given_codes = np.repeat([0, 1], [100, 300])
    labels = rng.integers(2, size=400)
    sent = rng.normal(size=(400, 1)) + labels[:, None] * (1 + 3 * given_codes[:, None])
    for method in ("upper", "lower"):
        value = noisy_channel_information(
            sent, 1.0, labels, condition=given_codes, method=method
        ).value
        parts = [
            noisy_channel_information(
                sent[given_codes == c], 1.0, labels[given_codes == c], method=method
            ).value
            for c in (0, 1)
        ]
        assert value == pytest.approx(0.25 * float(parts[0]) + 0.75 * float(parts[1]), abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_values_of_rows_average_to_the_value(method):
    sent = np.random.default_rng(9).normal(size=(60, 2))
    found = noisy_channel_information(sent, 0.5, method=method)
    assert found.pointwise.shape == (60,)
    assert found.pointwise.mean() == pytest.approx(float(found.value), abs=1e-12)
    assert found.of_rows == pytest.approx(float(found.value), abs=1e-12)


def test_noise_that_adapts():
    layer = np.array([[0.0, 4.0], [-8.0, 1.0]])
    assert adaptive_noise_variance(layer) == pytest.approx(8e-3)
    assert adaptive_noise_variance(3 * layer, 0.1) == pytest.approx(2.4)
    assert adaptive_noise_variance(np.zeros((3, 2))) == 0


# Libraries and gradients


def test_library_and_dtype_are_those_of_the_caller(xp):
    values = np.random.default_rng(10).normal(size=(30, 2))
    for dtype, tolerance in ((xp.float32, 1e-5), (xp.float64, 1e-12)):
        x = xp.asarray(values, dtype=dtype)
        bounds = mixture_entropy_bounds(x, 0.5)
        found = noisy_channel_information(x, 0.5)
        entropy = noisy_channel_entropy(x, 0.5)
        for part in (bounds.lower, bounds.upper, found.value, found.pointwise, entropy.value):
            assert part.dtype == dtype
            assert array_namespace(part) is array_namespace(x)
        assert adaptive_noise_variance(x).dtype == dtype
        upper = mixture_entropy_bounds(values, 0.5).upper
        assert float(bounds.upper) == pytest.approx(float(upper), abs=tolerance)
        information = noisy_channel_information(values, 0.5).value
        assert float(found.value) == pytest.approx(float(information), abs=tolerance)
        labels = xp.asarray(np.arange(30) % 3)
        some = noisy_channel_information(x, 0.5, labels, method="lower")
        assert some.pointwise.shape == (30,)


@pytest.mark.parametrize("block", [2**17, 8])
def test_gradients_by_differences(block, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(blocks, "_BLOCK", block)
    generator = torch.Generator().manual_seed(0)
    words = {"dtype": torch.float64, "requires_grad": True, "generator": generator}
    centres = torch.randn(4, 2, **words)
    variance = torch.rand(2, **words)
    labels = torch.arange(4) % 2
    torch.autograd.gradcheck(
        lambda c, v: tuple(vars(mixture_entropy_bounds(c, 0.1 + v)).values()), (centres, variance)
    )
    torch.autograd.gradcheck(
        lambda c, v: noisy_channel_information(c, 0.1 + v, labels, n_draws=2).value,
        (centres, variance),
    )
    torch.autograd.gradcheck(
        lambda c, v: noisy_channel_entropy(c, 0.1 + v, n_draws=2).value, (centres, variance)
    )


def test_gradients_where_centres_coincide():
    torch = pytest.importorskip("torch")
    centres = torch.zeros(4, 2, dtype=torch.float64, requires_grad=True)
    mixture_entropy_bounds(centres, 1.0).upper.backward()
    np.testing.assert_allclose(centres.grad, np.zeros((4, 2)), atol=1e-15)


# Little noise, and what is no question


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("variance", [1e-14, 1e-20, 1e-34])
def test_little_noise_is_not_rounded_away(dtype, variance):
    sent = np.random.default_rng(0).normal(size=(60, 2)).astype(dtype)
    rounding = 60 * np.finfo(dtype).eps
    told = noisy_channel_information(sent, variance).value
    assert abs(told - math.log(60)) < rounding
    labels = np.arange(60) % 3
    assert abs(noisy_channel_information(sent, variance, labels).value - math.log(3)) < rounding
    entropy = noisy_channel_entropy(sent, variance)
    apart = entropy_of_component(2, variance) + math.log(60)
    assert abs(entropy.value - apart) < 5 * entropy.standard_error


CENTRES = np.array([[0.0], [1.0], [3.0]])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: noisy_channel_information(CENTRES, 1.0, method="montecarlo"), "method .*monteca"),
        (lambda: noisy_channel_information(CENTRES, 1.0, n_draws=1), "n_draws .* 2, got 1"),
        (lambda: noisy_channel_entropy(CENTRES, 1.0, n_draws=1), "n_draws .* 2, got 1"),
        (lambda: noisy_channel_entropy(CENTRES, 1.0, random_state=-1), "random_state .* got -1"),
        (lambda: noisy_channel_information(CENTRES, 0.0), "variance .* got 0.0"),
        (lambda: noisy_channel_entropy(CENTRES, np.array([math.inf])), "variance .* got inf"),
        (lambda: mixture_entropy_bounds(CENTRES, -1.0), "variance .* got -1.0"),
        (lambda: mixture_entropy_bounds(CENTRES, np.ones(2)), r"variance .* shape \(2,\)"),
        (lambda: mixture_entropy_bounds(CENTRES * math.nan, 1.0), "centres .* got nan"),
        (lambda: noisy_channel_entropy(CENTRES / 0.0, 1.0), "centres .* got (nan|inf)"),
        (lambda: noisy_channel_entropy(CENTRES[:, 0], 1.0), r"centres .* got \(3,\)"),
        (lambda: noisy_channel_entropy(CENTRES[:0], 1.0), r"centres .* got shape \(0, 1\)"),
        (lambda: noisy_channel_information(CENTRES, 1.0, np.zeros(2)), r"labels .* got \(2,\)"),
        (lambda: noisy_channel_entropy(CENTRES.astype("f4"), 1e-90), "centres .* float32"),
        (lambda: adaptive_noise_variance(CENTRES * math.nan), "activations .* got nan"),
        (lambda: adaptive_noise_variance(CENTRES, -1.0), "scale .* got -1.0"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_noise_that_is_no_question(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_noise_of_another_kind():
    with pytest.raises(TypeError, match=r"variance .* got 'much'"):
        noisy_channel_entropy(CENTRES, "much")
    with pytest.raises(TypeError, match=r"n_draws .* got 2.5"):
        noisy_channel_entropy(CENTRES, 1.0, n_draws=2.5)
    with pytest.raises(TypeError, match=r"centres must be an array .* got builtins.list"):
        noisy_channel_entropy([[1.0]], 1.0)
