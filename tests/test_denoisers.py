"""Denoisers of paired rows: the normal reference, the forms and the range, without training."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from infotheory._denoisers import (  # noqa: E402
    CONDITIONAL,
    JOINT,
    MARGINAL,
    REVERSED,
    PairDenoisers,
)
from infotheory._noise_channel import channel_for, finest_variance  # noqa: E402
from infotheory._reference import choose_references  # noqa: E402
from infotheory._resampling import cross_fit_folds  # noqa: E402
from infotheory._training import Plan, local_seed  # noqa: E402
from infotheory.functional import (  # noqa: E402
    denoising_gap,
    diffuse,
    gaussian_conditional_noise_prediction,
    gaussian_noise_prediction,
    reference_gap,
    score_gap,
)

VARIANTS = {"conditional": [MARGINAL, CONDITIONAL], "joint": [JOINT, CONDITIONAL, REVERSED]}
each_variant = pytest.mark.parametrize("variant", VARIANTS)


def sample(n=400, rho=0.8):
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(n, 3)), rng.normal(size=(n, 2))
    return x, rho * x[:, :2] + math.sqrt(1 - rho**2) * noise


def stack_of(variant="conditional", reference="gaussian", shake=0.0, n=400):
    x, y = sample(n)
    folds = cross_fit_folds(n, 2, 0.2, np.random.default_rng(0))
    margins, references, has_reference = choose_references(
        x, y, folds, reference, is_of_density=True
    )
    with local_seed(0):
        stack = PairDenoisers(
            x,
            y,
            folds,
            VARIANTS[variant],
            margins=margins,
            references=references,
            has_reference=has_reference,
            n_ensemble=2,
            hidden_layer_sizes=(8,),
            activation="silu",
            device=torch.device("cpu"),
            rng=np.random.default_rng(0),
        )
        with torch.no_grad():
            for weights in stack.network.parameters():
                weights.add_(shake * torch.randn(weights.shape))
    return stack


def draw(stack, n=300):
    rows = torch.randint(400, (len(stack.fold_of), n))
    noise = torch.randn(*rows.shape, stack.rows.shape[-1])
    log_snr = torch.linspace(-5, 10, n).expand(rows.shape)
    return rows, noise, log_snr


@each_variant
@pytest.mark.parametrize("reference", ["gaussian", None])
def test_networks_at_zero_are_the_reference(variant, reference):
    stack = stack_of(variant, reference)
    with local_seed(0):
        for problem in range(len(stack.problems)):
            network, normal = stack.predict(problem, *draw(stack))
            assert torch.equal(network, normal)
        assert all(np.all(gain == 0) for gain in stack.gains_of_folds(2))


@each_variant
def test_the_reference_predicts_as_the_normal_law_does(variant):
    stack = stack_of(variant)
    d = stack.dim_x
    with local_seed(0):
        rows, noise, log_snr = draw(stack)
        every = range(len(stack.problems))
        by_problem = [stack.predict(p, rows, noise, log_snr)[1].double().numpy() for p in every]
    for number, m in product(every, range(len(stack.fold_of))):
        fold, problem, told = int(stack.fold_of[m]), stack.problems[number], by_problem[number]
        law = np.eye(stack.rows.shape[-1])
        k = len(stack.references[fold].correlations)
        law[range(k), range(d, d + k)] = law[range(d, d + k), range(k)] = stack.references[
            fold
        ].correlations
        clean = stack.rows[fold, rows[m]].double().numpy()
        z = diffuse(clean, noise[m].double().numpy(), log_snr[m].double().numpy())
        at = log_snr[m].double().numpy()
        turned = np.r_[d : len(law), 0:d]
        if problem == JOINT:
            expected = gaussian_noise_prediction(z, at, np.zeros(len(law)), law)
        elif problem == MARGINAL:
            expected = gaussian_noise_prediction(z[:, :d], at, np.zeros(d), law[:d, :d])
        elif problem == CONDITIONAL:
            expected = gaussian_conditional_noise_prediction(
                z[:, :d], at, clean[:, d:], np.zeros(len(law)), law
            )
        else:
            expected = gaussian_conditional_noise_prediction(
                z[:, d:], at, clean[:, :d], np.zeros(len(law)), law[np.ix_(turned, turned)]
            )
        own = slice(d, None) if problem == REVERSED else slice(0, expected.shape[1])
        np.testing.assert_allclose(told[m][:, own], expected, atol=2e-4)
        rest = np.delete(told[m], np.arange(told.shape[2])[own], axis=1)
        assert np.all(rest == 0)


@each_variant
def test_forms_are_those_of_the_predictions_one_by_one(variant):
    stack = stack_of(variant, shake=0.1)
    with local_seed(0), torch.no_grad():
        rows = torch.randint(400, (2, 50))
        noise, u = torch.randn(2, 50, 5), torch.rand(2, 50)
        told = stack._forms(rows, noise, u)
        fold = stack.fold_of
        log_snr, weight = stack.channel.sample(u)
        every = range(len(stack.problems))
        told_each = [stack.predict(p, rows[fold], noise[fold], log_snr[fold]) for p in every]
        both = [torch.stack(parts, dim=1) for parts in zip(*told_each, strict=True)]
    for k in range(2):
        own = noise[k].clone()
        z = diffuse(stack.rows[k, rows[k]], own, log_snr[k])
        standard = z * torch.sigmoid(-log_snr[k]).sqrt()[:, None]
        if variant == "conditional":
            own[:, stack.dim_x :] = 0
            standard[:, stack.dim_x :] = 0
        parts = [p.unflatten(0, (2, 2))[k] for p in both]
        for e in (0, 1, 2):
            values = []
            for p in parts:
                chosen = p.mean(0) if e == 2 else p[e]
                less, more = chosen[0], chosen[1:].sum(0)
                values.append(
                    torch.stack(
                        [
                            denoising_gap(own, less, more, weight[k]),
                            score_gap(less, more, weight[k]),
                            reference_gap(less, more, standard, weight[k]),
                        ]
                    )
                )
            expected = (values[0] - values[1]).double()
            torch.testing.assert_close(told[:, k, e], expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("depth", [1.0, 1e-4, 1e-12])
def test_the_range_integrates_the_information_of_a_normal_law(depth):
    """1-D, correlation sqrt(1 - depth): what the range leaves out is the bound of its ends."""
    channel = channel_for(depth)
    u = torch.linspace(0, 1, 20001, dtype=torch.float64)[:-1] + 1 / 40000
    log_snr, weight = channel.sample(u)
    signal, spread = torch.sigmoid(log_snr), torch.sigmoid(-log_snr)
    blind = signal
    seeing = signal * depth / (signal * depth + spread)
    value = float((weight * (blind - seeing) / 2).mean())
    left_out = math.exp(channel.low) / 2 + math.exp(-channel.high) / 2 / depth
    assert -0.5 * math.log(depth) - left_out - 1e-3 <= value <= -0.5 * math.log(depth) + 1e-3


def test_the_finest_scale_is_that_of_the_conditional_law():
    rng = np.random.default_rng(0)
    v = rng.normal(size=(2000, 1))
    u = v + 0.1 * rng.normal(size=v.shape)
    assert finest_variance(u, v, rng) == pytest.approx(0.01, rel=0.4)
    assert finest_variance(v[::-1], v, rng) == pytest.approx(1.0, rel=0.4)


def test_weights_improve_on_the_reference_or_stay():
    stack = stack_of()
    with local_seed(0):
        history = stack.fit(
            Plan(max_iter=4, check_every=2, batch_size=32), np.random.default_rng(0)
        )
    assert np.all(np.min(history.validation, axis=0) <= 0)
    of_x, given_y = np.split(history.validation[0], 2)
    assert np.all(of_x == 0)
    # The better start of two: the reference, or what the network of x alone has learnt.
    assert np.all(given_y <= 0)
    assert np.any(given_y < 0)


def test_networks_of_x_alone_that_are_bad_are_not_built_on():
    stack = stack_of()
    of_x, given_y = stack.network
    with local_seed(0):
        with torch.no_grad():
            of_x.mlp.weights[-1].add_(3 * torch.randn(of_x.mlp.weights[-1].shape))
        # A step too small to mend them.
        plan = Plan(max_iter=1, learning_rate_init=1e-9, weight_decay=0.0)
        history = stack.fit(plan, np.random.default_rng(0))
    assert torch.all(given_y.level.abs() < 1e-6)
    assert np.all(history.parts[0].validation[0] > 0)
    assert np.all(history.parts[1].validation[0] == 0)


def test_new_rows_and_released_ones():
    stack = stack_of(shake=0.05)
    x, y = sample()
    before = stack.log_ratio(x[:7], y[:7], 0, 4)
    stack.release()
    np.testing.assert_array_equal(stack.log_ratio(x[:7], y[:7], 0, 4), before)
    assert stack.rows.numel() == 0
    other = stack_of()
    other.start_from(stack)
    with pytest.raises(ValueError, match="shapes of the last fit"):
        stack_of("joint").start_from(stack)
