"""Diffusion terms with exact predictors: closed forms, quadrature and the truncation at both ends.

Terms of normal laws are quadratic in standard normal numbers, so that their mean over all vectors
of signs is exact.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from diffusion_integrals import SEEDS, WIDE, Term, each_law, integral, random_law, signs, spread
from hypothesis import given
from hypothesis import strategies as st

from infotheory.functional import (
    denoising_gap,
    denoising_log_density,
    diffuse,
    gaussian_conditional_noise_prediction,
    gaussian_kl,
    gaussian_log_density,
    gaussian_mutual_information,
    gaussian_noise_prediction,
    log_snr_quantile,
    log_snr_weight,
    reference_gap,
    score_gap,
)


def missing_information(x: np.ndarray, given: np.ndarray, low: float, high: float) -> float:
    """What the range leaves out, for a normal X of covariance `x`, and `given` y."""

    def log_det(m: np.ndarray) -> float:
        return float(np.linalg.slogdet(np.eye(m.shape[0]) + m).logabsdet)

    below = log_det(math.exp(low) * x) - log_det(math.exp(low) * given)
    inverses = np.linalg.inv(given), np.linalg.inv(x)
    above = log_det(math.exp(-high) * inverses[0]) - log_det(math.exp(-high) * inverses[1])
    return 0.5 * (below + above)


# The channel and the law of log-SNRs


@each_law
def test_the_weight_is_one_over_the_density(law: dict[str, float]) -> None:
    u = np.linspace(0.01, 0.99, 21)
    step = 1e-6
    rise = log_snr_quantile(u + step, -9.0, 11.0, **law) - log_snr_quantile(
        u - step, -9.0, 11.0, **law
    )
    weight = log_snr_weight(log_snr_quantile(u, -9.0, 11.0, **law), -9.0, 11.0, **law)
    np.testing.assert_allclose(rise / (2 * step), weight, rtol=1e-6)
    ends = log_snr_quantile(np.array([0.0, 1.0]), -9.0, 11.0, **law)
    np.testing.assert_allclose(ends, [-9.0, 11.0], rtol=1e-12)
    assert integral(lambda _, w: w, -9.0, 11.0, law) == pytest.approx(20.0, rel=1e-9)


def test_a_large_scale_is_the_uniform_law() -> None:
    u = np.linspace(0, 1, 11)
    for f in (log_snr_quantile, log_snr_weight):
        argument = u if f is log_snr_quantile else 16 * u - 8
        np.testing.assert_allclose(
            f(argument, -8.0, 8.0, scale=1e5), f(argument, -8.0, 8.0), rtol=1e-8, atol=1e-8
        )


def test_single_precision_keeps_the_quantiles_in_both_tails() -> None:
    u = np.array([1e-5, 1e-3, 0.999, 0.99999], dtype=np.float32)
    value = log_snr_quantile(u, -20.0, 20.0, scale=1.5)
    exact = log_snr_quantile(u.astype(np.float64), -20.0, 20.0, scale=1.5)
    np.testing.assert_allclose(value, exact, atol=2e-5 * 20)


def test_the_channel_at_its_ends_and_in_between() -> None:
    x, noise = np.array([[2.0], [2.0], [2.0]]), np.array([[3.0], [3.0], [3.0]])
    z = diffuse(x, noise, np.array([-800.0, math.log(3), 800.0]))
    np.testing.assert_allclose(z[:, 0], [3.0, 2 * 0.75**0.5 + 1.5, 2.0], rtol=1e-14)


# Exact predictors


@given(SEEDS, st.integers(1, 3), st.integers(1, 2))
def test_gaussian_predictions_are_regressions_of_the_noise(seed: int, d: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    mean, covariance = random_law(seed, d + k)
    log_snr = rng.uniform(-8, 8, size=4)
    z, y = rng.standard_normal((4, d)), rng.standard_normal((4, k))
    alone = gaussian_noise_prediction(z, log_snr, mean[:d], covariance[:d, :d])
    known = gaussian_conditional_noise_prediction(z, log_snr, y, mean, covariance)
    for i in range(4):
        a = 1 / (1 + math.exp(-log_snr[i]))
        # Rows of the map from (x, y, e) to (z, y); its law is normal, and e is regressed on it.
        seen = np.zeros((d + k, 2 * d + k))
        seen[:d, :d], seen[:d, d + k :] = a**0.5 * np.eye(d), (1 - a) ** 0.5 * np.eye(d)
        seen[d:, d : d + k] = np.eye(k)
        everything = np.eye(2 * d + k)
        everything[: d + k, : d + k] = covariance
        law = seen @ everything @ seen.T
        with_noise = (everything @ seen.T)[d + k :]
        off = np.concatenate([z[i] - a**0.5 * mean[:d], y[i] - mean[d:]])
        close = {"rtol": 1e-7, "atol": 1e-8}
        expected = with_noise[:, :d] @ np.linalg.solve(law[:d, :d], off[:d])
        np.testing.assert_allclose(alone[i], expected, **close)
        np.testing.assert_allclose(known[i], with_noise @ np.linalg.solve(law, off), **close)


# Normal laws


def gaussian_forms(
    seed: int, d: int, k: int
) -> tuple[dict[str, Term], np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Each form of the mutual information of a random normal (X, Y), and its covariance."""
    mean, covariance = random_law(seed, d + k)
    draws = signs(2 * d + k)
    rows = mean + draws[:, : d + k] @ np.linalg.cholesky(covariance).T
    x, y, noise = rows[:, :d], rows[:, d:], draws[:, d + k :]
    other = random_law(seed + 1, d)

    def form(name: str) -> Term:
        def term(log_snr: np.ndarray, weight: np.ndarray) -> np.ndarray:
            level, w = spread(log_snr, x), spread(weight, x)
            z = diffuse(x, noise, level)
            m = gaussian_noise_prediction(z, level, mean[:d], covariance[:d, :d])
            c = gaussian_conditional_noise_prediction(z, level, y, mean, covariance)
            if name == "gap":
                values = denoising_gap(np.broadcast_to(noise, z.shape), m, c, w)
            elif name == "inside":
                values = score_gap(m, c, w)
            else:
                values = reference_gap(m, c, gaussian_noise_prediction(z, level, *other), w)
            return values.mean(axis=-1)

        return term

    x_law = covariance[:d, :d]
    across = covariance[:d, d:]
    given = x_law - across @ np.linalg.solve(covariance[d:, d:], across.T)
    return {n: form(n) for n in ("gap", "inside", "outside")}, covariance, (x_law, given)


@given(SEEDS, st.integers(1, 3), st.integers(1, 2))
def test_the_forms_agree_at_each_log_snr(seed: int, d: int, k: int) -> None:
    forms, _, _ = gaussian_forms(seed % 10_000, d, k)
    log_snr, weight = np.linspace(-12, 12, 9), np.ones(9)
    values = [term(log_snr, weight) for term in forms.values()]
    for value in values[1:]:
        np.testing.assert_allclose(value, values[0], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("epsilon", [0.01, 1.0])
@pytest.mark.parametrize("t", [0.01, 0.3, 0.9])
def test_drifts_of_bridges_are_the_form_inside(t: float, epsilon: float) -> None:
    """Per unit of time, by the regression of x on where a bridge from y is and on y."""
    d = 2
    forms, covariance, (x, _) = gaussian_forms(3, d, d)
    y, across = covariance[d:, d:], covariance[:d, d:]

    def drift(across: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients of (z, y) in (E[x | z, y] - z) / (1 - t)."""
        z_of_z = t * t * x + (1 - t) ** 2 * y + t * (1 - t) * (across + across.T)
        z_of_z = z_of_z + epsilon * t * (1 - t) * np.eye(d)
        z_of_y = t * across + (1 - t) * y
        seen = np.block([[z_of_z, z_of_y], [z_of_y.T, y]])
        with_x = np.hstack([t * x + (1 - t) * across, across])
        return (np.linalg.solve(seen, with_x.T).T - np.eye(d, 2 * d)) / (1 - t), seen

    (of_pairs, seen), (of_strangers, _) = drift(across), drift(0 * across)
    apart = of_pairs - of_strangers
    per_time = np.trace(apart @ seen @ apart.T) / (2 * epsilon)
    log_snr = np.array([math.log(t / (epsilon * (1 - t)))])
    inside = forms["inside"](log_snr, np.ones(1)).mean()
    assert per_time == pytest.approx(inside / (t * (1 - t)), rel=1e-7)


@each_law
@pytest.mark.parametrize("form", ["gap", "inside", "outside"])
def test_gaussian_mutual_information(law: dict[str, float], form: str) -> None:
    forms, covariance, (x, given) = gaussian_forms(7, 2, 1)
    exact = gaussian_mutual_information(covariance, 2)
    for low, high in (WIDE, (-3.0, 4.0), (0.0, 2.0)):
        value = integral(forms[form], low, high, law)
        missing = missing_information(x, given, low, high)
        assert value == pytest.approx(exact - missing, abs=1e-7)
        fisher = np.trace(np.linalg.inv(given))
        bound = 0.5 * (math.exp(low) * np.trace(x) + math.exp(-high) * fisher)
        assert 0 <= missing <= bound


def test_a_range_that_reaches_1e4_scales_leaves_1e8() -> None:
    for seed in range(5):
        _, _, (x, given) = gaussian_forms(seed, 3, 2)
        largest = np.linalg.eigvalsh(x)[-1]
        smallest = np.linalg.eigvalsh(given)[0]
        low, high = math.log(1e-8 / largest), math.log(1e8 / smallest)
        assert 0 < missing_information(x, given, low, high) <= 3e-8


def test_the_integrand_at_the_ends_is_what_is_missing() -> None:
    forms, _, (x, given) = gaussian_forms(7, 2, 1)
    ends = np.array([-8.0, 9.0])
    shown = forms["gap"](ends, np.ones(2)).sum()
    assert shown == pytest.approx(missing_information(x, given, *ends), rel=0.01)


def joint_missing(high: float) -> tuple[float, float]:
    """What the joint form leaves out, and its leading term at the upper end."""
    mean, covariance = random_law(11, 3)
    draws = signs(6)
    rows, noise = mean + draws[:, :3] @ np.linalg.cholesky(covariance).T, draws[:, 3:]
    turn = [2, 0, 1]
    turned = covariance[np.ix_(turn, turn)]

    def term(log_snr: np.ndarray, weight: np.ndarray) -> np.ndarray:
        level = spread(log_snr, rows)
        z = diffuse(rows, noise, level)
        joint = gaussian_noise_prediction(z, level, mean, covariance)
        x = gaussian_conditional_noise_prediction(z[..., :2], level, rows[:, 2:], mean, covariance)
        y = gaussian_conditional_noise_prediction(
            z[..., 2:], level, rows[:, :2], mean[turn], turned
        )
        sides = np.concatenate([x, y], axis=-1)
        gap = denoising_gap(noise, joint, sides, spread(weight, rows)).mean(axis=-1)
        inside = score_gap(joint, sides, spread(weight, rows)).mean(axis=-1)
        np.testing.assert_allclose(gap, inside, atol=1e-9 * weight[0])
        return gap

    precision = np.linalg.inv(covariance)
    leading = 0.5 * math.exp(-2 * high) * np.sum(precision[:2, 2:] ** 2)
    value = integral(term, WIDE[0], high, {})
    return float(gaussian_mutual_information(covariance, 2) - value), float(leading)


def test_joint_form_has_an_upper_end_of_second_order() -> None:
    assert joint_missing(WIDE[1])[0] == pytest.approx(0.0, abs=1e-8)
    for high in (8.0, 9.0):
        missing, leading = joint_missing(high)
        assert missing == pytest.approx(leading, rel=0.01, abs=1e-9)


@each_law
def test_gaussian_divergence_and_what_the_range_leaves_out(law: dict[str, float]) -> None:
    p, q = random_law(1, 2), random_law(2, 2)
    draws = signs(4)
    x, noise = p[0] + draws[:, :2] @ np.linalg.cholesky(p[1]).T, draws[:, 2:]

    def at(log_snr: float) -> float:
        a = 1 / (1 + math.exp(-log_snr))
        laws = [(a**0.5 * m, a * c + (1 - a) * np.eye(2)) for m, c in (p, q)]
        return float(gaussian_kl(*laws[0], *laws[1]))

    def predictions(log_snr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        level = spread(log_snr, x)
        z = diffuse(x, noise, level)
        return tuple(gaussian_noise_prediction(z, level, *law) for law in (q, p))

    def gap(log_snr: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return denoising_gap(noise, *predictions(log_snr), spread(weight, x)).mean(axis=-1)

    def inside(log_snr: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return score_gap(*predictions(log_snr), spread(weight, x)).mean(axis=-1)

    for low, high in (WIDE, (-2.0, 3.0)):
        for form in (gap, inside):
            assert integral(form, low, high, law) == pytest.approx(at(high) - at(low), abs=1e-7)
    assert at(WIDE[1]) - at(WIDE[0]) == pytest.approx(gaussian_kl(*p, *q), abs=1e-7)
    # First order at both ends.
    low, high = -10.0, 10.0
    mean_term = 0.5 * math.exp(low) * np.sum((p[0] - q[0]) ** 2)
    assert at(low) == pytest.approx(mean_term, rel=0.01)
    inverses = [np.linalg.inv(c) for _, c in (p, q)]
    slope = (x - p[0]) @ inverses[0] - (x - q[0]) @ inverses[1]
    fisher = np.mean(np.sum(slope**2, axis=-1))
    missing = gaussian_kl(*p, *q) - at(high)
    assert missing == pytest.approx(0.5 * math.exp(-high) * fisher, rel=0.02)


@each_law
def test_gaussian_log_density_row_by_row_whatever_the_reference(law: dict[str, float]) -> None:
    p, x = random_law(5, 2), np.random.default_rng(6).standard_normal((4, 2))
    noise = signs(2)[:, None, :]  # mean over noises, then log-SNRs, for each row
    for reference in (p, random_law(8, 2), (np.zeros(2), np.eye(2))):

        def term(log_snr: np.ndarray, weight: np.ndarray, r: Any = reference) -> np.ndarray:
            values = []
            for e in noise:
                rows = np.broadcast_to(e, (log_snr.shape[0], *x.shape))
                level = spread(log_snr, x)
                prediction = gaussian_noise_prediction(diffuse(x, rows, level), level, *p)
                w = spread(weight, x)
                values.append(denoising_log_density(x, rows, level, prediction, *r, w))
            return np.mean(values, axis=0)

        value = integral(term, *WIDE, law)
        np.testing.assert_allclose(value, gaussian_log_density(x, *p), atol=1e-7)


# Errors of a predictor


@pytest.mark.parametrize(
    ("error", "inside", "outside", "gap"),
    [(0.05, 0.065, 0.065, -0.014), (-0.05, -0.037, -0.037, -0.014)],
)
def test_the_gap_alone_is_of_second_order(
    error: float, inside: float, outside: float, gap: float
) -> None:
    covariance = np.array([[1.0, 0.8], [0.8, 1.0]])
    law = np.zeros(2), covariance
    draws = signs(3)
    rows, noise = draws[:, :2] @ np.linalg.cholesky(covariance).T, draws[:, 2:]
    x, y = rows[:, :1], rows[:, 1:]

    def terms(log_snr: np.ndarray, weight: np.ndarray) -> np.ndarray:
        level, w = spread(log_snr, x), spread(weight, x)
        z = diffuse(x, noise, level)
        m = gaussian_noise_prediction(z, level, np.zeros(1), np.eye(1))
        c = (1 + error) * gaussian_conditional_noise_prediction(z, level, y, *law)
        forms = score_gap(m, c, w), reference_gap(m, c, m, w), denoising_gap(noise, m, c, w)
        return np.stack([f.mean(axis=-1) for f in forms], axis=-1)

    # The lower end is that of the variance-preserving process with rates from 0.1 to 20.
    low, high = -10.05, 16.0
    errors = integral(terms, low, high, {}) + 0.5 * math.log(0.36)
    np.testing.assert_allclose(errors, [inside, outside, gap], atol=6e-4)
    # The gap loses half the square of the error for each unit of log-SNR below ln 1/0.36.
    assert errors[2] == pytest.approx(-0.5 * error**2 * (-low - math.log(0.36)), abs=1e-4)


def test_terms_of_arbitrary_predictions_are_their_formulas() -> None:
    e, m, c, r = np.random.default_rng(1).standard_normal((4, 2, 5, 3))
    w = np.random.default_rng(2).uniform(size=(2, 5))

    def half(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return 0.5 * w * np.sum((a - b) ** 2, axis=-1)

    np.testing.assert_allclose(denoising_gap(e, m, c, w), half(e, m) - half(e, c))
    np.testing.assert_allclose(score_gap(m, c, w), half(m, c))
    np.testing.assert_allclose(reference_gap(m, c, r, w), half(c, r) - half(m, r))


def test_equal_predictions_have_no_gap_in_single_precision() -> None:
    rng = np.random.default_rng(0)
    noise, prediction = rng.standard_normal((2, 100, 3)).astype(np.float32)
    same = (prediction, prediction)
    assert not np.any(denoising_gap(noise, *same, 1e6))
    assert not np.any(score_gap(*same, 1e6))
    assert not np.any(reference_gap(*same, noise, 1e6))


@pytest.mark.parametrize("seed", range(3))
def test_draws_agree_within_four_standard_errors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mean, covariance = random_law(seed, 4)
    n = 20_000
    rows = mean + rng.standard_normal((n, 4)) @ np.linalg.cholesky(covariance).T
    x, y, noise = rows[:, :2], rows[:, 2:], rng.standard_normal((n, 2))
    law = {"location": 1.0, "scale": 3.0}
    u = (rng.permutation(n) + rng.random(n)) / n
    log_snr = log_snr_quantile(u, -16.0, 18.0, **law)
    weight = log_snr_weight(log_snr, -16.0, 18.0, **law)
    z = diffuse(x, noise, log_snr)
    m = gaussian_noise_prediction(z, log_snr, mean[:2], covariance[:2, :2])
    c = gaussian_conditional_noise_prediction(z, log_snr, y, mean, covariance)
    values = denoising_gap(noise, m, c, weight)
    error = values.mean() - gaussian_mutual_information(covariance, 2)
    assert abs(error) < 4 * values.std() / math.sqrt(n)
