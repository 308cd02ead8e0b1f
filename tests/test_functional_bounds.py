"""Variational bounds: exact over enumerated laws, unbiased over samples, differentiable."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infotheory import functional
from infotheory.datasets import Normal, Split, correlated_normals, hellinger_divergence, load_task

Bound = Callable[..., Any]

seeds = st.integers(0, 2**32 - 1)

# Rounding of sums of a hundred terms of size e^5
EXACT = {"rtol": 0, "atol": 1e-12}


# Laws given by counts: a sample that repeats each cell as often as its mass says is the law itself


def counts_of(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 6, size=shape)


def both_samples(critic: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Critic values at the joint law of the counts and at the product of its margins."""
    product = counts.sum(1)[:, None] * counts.sum(0)[None]
    return np.repeat(critic.ravel(), counts.ravel()), np.repeat(critic.ravel(), product.ravel())


def log_ratio_of(counts: np.ndarray) -> tuple[np.ndarray, float]:
    p = counts / counts.sum()
    ratio = np.log(p / (p.sum(1, keepdims=True) * p.sum(0)))
    return ratio, float((p * ratio).sum())


@given(seeds)
def test_lower_bounds_are_tight_at_the_log_ratio(seed: int) -> None:
    counts = counts_of(seed, (3, 4))
    ratio, truth = log_ratio_of(counts)
    joint, product = both_samples(ratio, counts)
    shift = np.random.default_rng(seed).standard_normal()
    np.testing.assert_allclose(
        functional.donsker_varadhan(joint + shift, product + shift), truth, **EXACT
    )
    np.testing.assert_allclose(functional.nwj(joint + 1, product + 1), truth, **EXACT)
    np.testing.assert_allclose(functional.smile(joint, product, clip=9.0), truth, **EXACT)
    p = counts / counts.sum()
    half = functional.js_divergence(p.ravel(), np.outer(p.sum(1), p.sum(0)).ravel())
    np.testing.assert_allclose(functional.js_bound(joint, product), half, **EXACT)
    np.testing.assert_allclose(
        functional.jensen_shannon(joint, product), 2 * (half - math.log(2)), **EXACT
    )


@given(seeds)
def test_tuba_is_tight_with_a_baseline_that_absorbs_a_function_of_y(seed: int) -> None:
    counts = counts_of(seed, (3, 4))
    ratio, truth = log_ratio_of(counts)
    free = np.random.default_rng(seed).standard_normal(4)
    critic = both_samples(ratio + free, counts)
    baseline = both_samples(np.broadcast_to(free, (3, 4)), counts)
    np.testing.assert_allclose(functional.tuba(*critic, *baseline), truth, **EXACT)
    # The best constant baseline gives Donsker-Varadhan, e gives NWJ.
    constant = math.log(np.exp(critic[1]).mean()) * np.ones(1)
    np.testing.assert_allclose(
        functional.tuba(*critic, constant, constant), functional.donsker_varadhan(*critic), **EXACT
    )
    np.testing.assert_allclose(
        functional.tuba(*critic, np.ones(1), np.ones(1)), functional.nwj(*critic), **EXACT
    )


@given(seeds)
def test_flo_is_tight_with_a_critic_that_is_off_by_a_function_of_x(seed: int) -> None:
    counts = counts_of(seed, (3, 4))
    ratio, truth = log_ratio_of(counts)
    rng = np.random.default_rng(seed)
    critic = ratio + rng.standard_normal((3, 1))
    marginal = np.repeat(np.arange(4), counts.sum(0))
    rows, _ = both_samples(np.broadcast_to(np.arange(3)[:, None], (3, 4)), counts)
    joint, _ = both_samples(critic, counts)
    r, _ = both_samples(ratio, counts)
    product = critic[rows][:, marginal]
    np.testing.assert_allclose(functional.flo(r, joint, product), truth, **EXACT)
    off = rng.standard_normal(r.shape)
    assert functional.flo(r + off, joint, product) < truth


@given(seeds, st.floats(0.1, 5.0))
def test_no_critic_lifts_a_lower_bound_above_the_truth(seed: int, scale: float) -> None:
    counts = counts_of(seed, (3, 4))
    ratio, truth = log_ratio_of(counts)
    rng = np.random.default_rng(seed)
    critic = scale * rng.standard_normal((3, 4)) + rng.uniform(-1, 1) * ratio
    joint, product = both_samples(critic, counts)
    _, baseline = rng.standard_normal((2, 4))
    bases = both_samples(np.broadcast_to(baseline, (3, 4)), counts)
    for value in (
        functional.donsker_varadhan(joint, product),
        functional.nwj(joint, product),
        functional.tuba(joint, product, *bases),
    ):
        assert value <= truth + 1e-12


def batches(counts: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All batches of n cells: their weights, and the x and the y of each."""
    p = (counts / counts.sum()).ravel()
    cells = np.array(list(itertools.product(range(p.size), repeat=n)))
    return p[cells].prod(1), cells // counts.shape[1], cells % counts.shape[1]


def expected_over_batches(
    bound: Bound, critic: np.ndarray, counts: np.ndarray, n: int, transpose: bool = False
) -> float:
    weight, x, y = batches(counts, n)
    tables = critic[x[:, :, None], y[:, None, :]]
    values = bound(np.swapaxes(tables, 1, 2) if transpose else tables)
    assert values.shape == weight.shape
    return float((weight * values).sum())


@given(seeds, st.floats(0.0, 3.0))
@settings(max_examples=25)
def test_info_nce_is_a_lower_bound_at_every_batch_size(seed: int, noise: float) -> None:
    counts = counts_of(seed, (2, 3))
    ratio, truth = log_ratio_of(counts)
    critic = ratio + noise * np.random.default_rng(seed).standard_normal((2, 3))
    for n in (2, 3, 4):
        value = expected_over_batches(functional.info_nce, critic, counts, n)
        assert value <= min(truth, math.log(n)) + 1e-12


@given(seeds)
@settings(max_examples=25)
def test_bounds_with_the_exact_density_close_with_the_batch(seed: int) -> None:
    """InfoNCE from below, leave-one-out from above, and the fixed gap of CLUB."""
    counts = counts_of(seed, (2, 3))
    ratio, truth = log_ratio_of(counts)
    log_density = np.log(counts / counts.sum(1, keepdims=True))
    below = [expected_over_batches(functional.info_nce, ratio, counts, n) for n in (2, 3, 4)]
    # Rows of the table of leave_one_out are y.
    above = [
        expected_over_batches(functional.leave_one_out, log_density, counts, n, transpose=True)
        for n in (2, 3, 4)
    ]
    assert below == sorted(below)
    assert above == sorted(above, reverse=True)
    assert below[-1] <= truth + 1e-12
    assert above[-1] >= truth - 1e-12
    p = counts / counts.sum()
    product = p.sum(1, keepdims=True) * p.sum(0)
    gap = (product * (np.log(product) - np.log(p))).sum()
    club = functional.club(*both_samples(log_density, counts))
    np.testing.assert_allclose(club, truth + gap, **EXACT)
    assert club >= truth


@given(seeds)
def test_difference_of_entropies_errs_by_two_divergences(seed: int) -> None:
    counts = counts_of(seed, (3, 4))
    _, truth = log_ratio_of(counts)
    rng = np.random.default_rng(seed)
    q_marginal, q_conditional = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(4), size=3)
    p = counts / counts.sum()
    value = functional.difference_of_entropies(
        both_samples(np.broadcast_to(np.log(q_marginal), (3, 4)), counts)[0],
        both_samples(np.log(q_conditional), counts)[0],
    )
    up = functional.kl_divergence(p.sum(0), q_marginal)
    down = p.sum(1) @ functional.kl_divergence(p / p.sum(1, keepdims=True), q_conditional)
    np.testing.assert_allclose(value, truth + up - down, rtol=0, atol=1e-11)


ORDERS = (-1.5, 0.0, 0.3, 0.5, 0.999, 1.0, 2.0, 3.0)
DUAL: dict[str, tuple[Bound, Bound, Callable[[np.ndarray], np.ndarray]]] = {
    "js": (functional.js_bound, functional.js_divergence, lambda log_ratio: log_ratio),
    "chi2": (
        functional.chi2_bound,
        functional.chi2_divergence,
        lambda log_ratio: 2 * np.expm1(log_ratio),
    ),
    "hellinger": (
        functional.hellinger_bound,
        functional.hellinger_divergence,
        lambda log_ratio: log_ratio,
    ),
    "kl": (functional.donsker_varadhan, functional.kl_divergence, lambda log_ratio: log_ratio),
    "nwj": (functional.nwj, functional.kl_divergence, lambda log_ratio: log_ratio + 1),
    **{
        f"alpha{a}": (
            partial(functional.alpha_bound, order=a),
            partial(functional.alpha_divergence, order=a),
            lambda log_ratio: log_ratio,
        )
        for a in ORDERS
    },
}


@pytest.mark.parametrize(("bound", "divergence", "critic"), DUAL.values(), ids=DUAL)
@given(seed=seeds)
@settings(max_examples=20)
def test_divergence_bounds_are_tight_and_never_above(
    bound: Bound, divergence: Bound, critic: Callable[[np.ndarray], np.ndarray], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 6, size=(2, 5))
    truth = divergence(n / n.sum(), m / m.sum())
    best = critic(np.log((n / n.sum()) / (m / m.sum())))
    at_best = bound(np.repeat(best, n), np.repeat(best, m))
    # Sums of powers up to 5^3, divided by order (1 - order) next to 1
    np.testing.assert_allclose(at_best, truth, rtol=1e-11, atol=1e-12)
    other = best + rng.uniform(0.1, 2) * rng.standard_normal(5)
    assert bound(np.repeat(other, n), np.repeat(other, m)) <= truth + 1e-12


def test_alpha_bound_joins_its_neighbours() -> None:
    rng = np.random.default_rng(0)
    p, q = rng.standard_normal((2, 6))
    np.testing.assert_allclose(
        functional.alpha_bound(p, q, 0.5), 4 * functional.hellinger_bound(p, q)
    )
    np.testing.assert_allclose(functional.alpha_bound(p, q, 1), functional.nwj(p + 1, q + 1))
    np.testing.assert_allclose(functional.alpha_bound(p, q, 0), functional.nwj(1 - q, 1 - p))
    np.testing.assert_allclose(
        2 * functional.alpha_bound(p, q, 2), functional.chi2_bound(2 * np.expm1(p), 2 * np.expm1(q))
    )


def test_wasserstein_bound_of_shifted_samples() -> None:
    rows = np.random.default_rng(0).standard_normal((50, 3))
    shift = np.array([3.0, 0.0, -4.0])
    joint, product = (rows + shift) @ shift / 5, rows @ shift / 5
    np.testing.assert_allclose(functional.wasserstein_bound(joint, product), 5.0)


# Normal laws: known values, and standard errors that cover


def normal_table(x: np.ndarray, y: np.ndarray, rho: float) -> np.ndarray:
    """Exact log ratio of all pairs of rows of columns correlated pair by pair."""
    squares = (x**2).sum(-1)[..., :, None] + (y**2).sum(-1)[..., None, :]
    cross = x @ np.swapaxes(y, -1, -2)
    constant = -0.5 * x.shape[-1] * math.log(1 - rho**2)
    return constant + (2 * rho * cross - rho**2 * squares) / (2 * (1 - rho**2))


def normal_critic(seed: int, n: int, rho: float) -> tuple[np.ndarray, np.ndarray]:
    """Exact log ratio at n pairs drawn together and n drawn apart."""
    law = correlated_normals(rho)
    rng = np.random.default_rng(seed)
    together = law.pointwise_mutual_information(*law.sample(n, rng))
    (x, _), (_, y) = law.sample(n, rng), law.sample(n, rng)
    return together, law.pointwise_mutual_information(x, y)


def smooth_js(rho: float) -> float:
    """Jensen-Shannon divergence of a normal pair from its independent copy, by quadrature."""
    grid = np.linspace(-9, 9, 1201)
    x, y = (axis.reshape(-1, 1) for axis in np.meshgrid(grid, grid))
    law = correlated_normals(rho)
    f = law.pointwise_mutual_information(x, y)
    apart = np.exp(-0.5 * (x**2 + y**2)[:, 0]) / (2 * math.pi)
    terms = np.exp(f) * (math.log(2) - np.logaddexp(0, -f)) + math.log(2) - np.logaddexp(0, f)
    return float(0.5 * (apart * terms).sum() * (grid[1] - grid[0]) ** 2)


def normal_laws(rho: float) -> tuple[Normal, Normal]:
    covariance = np.array([[1.0, rho], [rho, 1.0]])
    return Normal(covariance=covariance), Normal(covariance=np.eye(2))


def normal_alpha(rho: float, order: float) -> float:
    """Alpha-divergence of a normal pair from its independent copy, by that of Renyi."""
    (zero, one), (p, q) = (np.zeros(2), np.zeros(2)), normal_laws(rho)
    renyi = functional.gaussian_renyi_divergence(zero, p.covariance, one, q.covariance, order)
    return (1 - math.exp((order - 1) * renyi)) / (order * (1 - order))


def test_split_is_the_law_of_the_critics() -> None:
    """The closed form of the table is the library's exact log ratio."""
    law: Split = correlated_normals([0.8, 0.8])
    X, y = law.sample(5, 0)
    np.testing.assert_allclose(
        normal_table(X, y, 0.8), law.pointwise_mutual_information(X[:, None], y[None])
    )


# Correlations that keep the fourth moment of each averaged term finite
MI = -0.5 * math.log(1 - 0.3**2)
SAMPLED: dict[str, tuple[float, float, Callable[[np.ndarray], np.ndarray], dict[str, float]]] = {
    "donsker-varadhan": (0.3, MI, lambda f: f, {}),
    "nwj": (0.3, MI, lambda f: f + 1, {}),
    "smile": (0.3, MI, lambda f: f, {"clip": 9.0}),
    "js": (0.8, smooth_js(0.8), lambda f: f, {}),
    "jensen-shannon": (0.8, 2 * (smooth_js(0.8) - math.log(2)), lambda f: f, {}),
    "hellinger": (0.8, hellinger_divergence(*normal_laws(0.8)), lambda f: f, {}),
    "alpha": (0.5, normal_alpha(0.5, 0.4), lambda f: f, {"order": 0.4}),
    "chi2": (0.1, 1 / (1 - 0.1**2) - 1, lambda f: 2 * np.expm1(f), {}),
}
BOUNDS: dict[str, Bound] = {
    "donsker-varadhan": functional.donsker_varadhan,
    "nwj": functional.nwj,
    "smile": functional.smile,
    "js": functional.js_bound,
    "jensen-shannon": functional.jensen_shannon,
    "hellinger": functional.hellinger_bound,
    "alpha": functional.alpha_bound,
    "chi2": functional.chi2_bound,
    "wasserstein": functional.wasserstein_bound,
}


@pytest.mark.parametrize("name", SAMPLED)
@given(seed=seeds)
@settings(max_examples=20)
def test_values_at_the_exact_log_ratio_of_normals(name: str, seed: int) -> None:
    rho, truth, critic, parameters = SAMPLED[name]
    joint, product = map(critic, normal_critic(seed, 4000, rho))
    terms = functional.bound_influence(name, joint, product, **parameters)
    error = math.sqrt(terms.joint.var() / joint.size + terms.product.var() / product.size)
    assert abs(BOUNDS[name](joint, product, **parameters) - truth) < 4 * error


@given(seeds)
@settings(max_examples=10)
def test_values_at_the_log_ratio_of_a_benchmark_task(seed: int) -> None:
    task = load_task("multinormal-dense-2-2-0.5")
    X, y = task.sample(400, seed)
    table = task.pointwise_mutual_information(X[:, None], y[None])
    error = functional.bound_row_influence("donsker-varadhan", table).std() / 20
    value = functional.donsker_varadhan(np.diag(table), functional.off_diagonal(table))
    assert abs(value - task.mutual_information) < 4 * error


@pytest.mark.parametrize(
    ("batch", "repeats", "bias"),
    [(64, 300, -0.276), (128, 200, -0.167), (256, 100, -0.099), (512, 40, -0.057)]
    + [(1024, 15, -0.033)],
)
def test_bias_of_info_nce_with_the_exact_critic(batch: int, repeats: int, bias: float) -> None:
    """At 2.554 nats; the mean of the pairs drawn together, unbiased, is taken off the noise."""
    rng = np.random.default_rng(batch)
    errors = []
    for _ in range(repeats):
        x = rng.standard_normal((batch, 5))
        table = normal_table(x, 0.8 * x + 0.6 * rng.standard_normal((batch, 5)), 0.8)
        errors.append(functional.info_nce(table) - np.diag(table).mean())
    # The figures are those of five to twenty times as many batches.
    assert abs(np.mean(errors) - bias) < 4.5 * np.std(errors) / math.sqrt(repeats)


def test_upper_bounds_are_above_the_truth_of_normals() -> None:
    """The gap of CLUB is the reverse divergence: rho^2 / (1 - rho^2) in all."""
    rho, n = 0.6, 400
    rng = np.random.default_rng(1)
    x = rng.standard_normal((n, 1))
    y = rho * x + math.sqrt(1 - rho**2) * rng.standard_normal((n, 1))
    log_density = -0.5 * math.log(2 * math.pi * (1 - rho**2)) - (y - rho * x.T) ** 2 / (
        2 * (1 - rho**2)
    )
    truth = -0.5 * math.log(1 - rho**2)
    club = functional.club(np.diag(log_density), functional.off_diagonal(log_density))
    assert club == pytest.approx(rho**2 / (1 - rho**2), abs=4 * 1.5 / math.sqrt(n))
    assert club > truth
    blocks = [slice(i, i + 20) for i in range(0, n, 20)]
    assert np.mean([functional.leave_one_out(log_density[b, b]) for b in blocks]) > truth


# Influence


@pytest.mark.parametrize("name", BOUNDS)
def test_influence_is_the_derivative_in_the_weights(name: str) -> None:
    """A value that is repeated k times more moves the bound by k times its influence / size."""
    parameters = {"alpha": {"order": 0.3}, "smile": {"clip": 0.8}}.get(name, {})
    bound = partial(BOUNDS[name], **parameters)
    rng = np.random.default_rng(0)
    joint, product = rng.standard_normal(7), rng.standard_normal(9)
    terms = functional.bound_influence(name, joint, product, **parameters)
    np.testing.assert_allclose([terms.joint.sum(), terms.product.sum()], 0, atol=1e-12)
    many = 20_000
    for side, values in enumerate((joint, product)):
        repeated = np.repeat(values, many)
        base = bound(*((repeated, product) if side == 0 else (joint, repeated)))
        for i, value in enumerate(values):
            more = np.append(repeated, value)
            moved = bound(*((more, product) if side == 0 else (joint, more))) - base
            # Second order: the terms are below 10, and their squares divided by the size
            assert moved * more.size == pytest.approx(terms[side][i], abs=2e-3)


@pytest.mark.parametrize("name", ["donsker-varadhan", "nwj", "js", "smile"])
def test_row_influence_is_what_leaving_a_row_out_changes(name: str) -> None:
    n = 400
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 1))
    table = normal_table(x, 0.6 * x + 0.8 * rng.standard_normal((n, 1)), 0.6)
    terms = functional.bound_row_influence(name, table)

    def value(t: np.ndarray) -> float:
        return BOUNDS[name](np.diag(t), functional.off_diagonal(t))

    rows = range(0, n, 40)
    left_out = [value(np.delete(np.delete(table, i, 0), i, 1)) for i in rows]
    jackknife = (n - 1) * (value(table) - np.array(left_out))
    # Equal up to terms of order 1 / n
    np.testing.assert_allclose(jackknife, terms[::40], atol=10 / n * terms.std())
    assert abs(terms.sum()) < 1e-9


def test_standard_error_from_rows_is_the_spread_over_samples() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((200, 100, 2))
    table = normal_table(x, 0.5 * x + math.sqrt(0.75) * rng.standard_normal(x.shape), 0.5)
    errors = functional.bound_row_influence("donsker-varadhan", table).std(-1) / 10
    diagonal = np.diagonal(table, axis1=-2, axis2=-1)
    spread = functional.donsker_varadhan(diagonal, functional.off_diagonal(table)).std()
    # The spread of 200 values is known to 5 %, and the first order ends at 100 rows.
    assert spread == pytest.approx(math.sqrt((errors**2).mean()), rel=0.2)


# MINE


@given(seeds, st.floats(0.01, 0.99))
def test_running_log_mean_averages_the_means(seed: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    batches = 3 * rng.standard_normal((4, 5))
    state, expected = None, None
    for f in batches:
        state = functional.running_log_mean(state, f, rate)
        mean = np.exp(f).mean()
        expected = mean if expected is None else (1 - rate) * expected + rate * mean
    np.testing.assert_allclose(np.exp(state), expected, rtol=1e-12)


def test_running_log_mean_does_not_overflow() -> None:
    far = np.full(3, 2000.0)
    assert functional.running_log_mean(np.asarray(1000.0), far, 0.5) == pytest.approx(
        2000 + math.log(0.5)
    )


def test_surrogate_of_mine_is_the_bound_with_a_constant_baseline() -> None:
    rng = np.random.default_rng(0)
    joint, product = rng.standard_normal((2, 8))
    level = np.asarray(0.7)
    np.testing.assert_allclose(
        functional.mine_surrogate(joint, product, level) + 1 - level,
        functional.tuba(joint, product, level[None], level[None]),
    )
