"""The Cauchy-Schwarz bottleneck as a loss: its two terms by brute force, gradients, batches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from infotheory import functional

torch = pytest.importorskip("torch")

from infotheory.nn import CauchySchwarzBottleneck  # noqa: E402


def batch(n: int = 12, dtype: Any = torch.float64) -> list[Any]:
    """Input (n, 3), code (n, 4), targets and predictions (n, 2)."""
    rng = np.random.default_rng(0)
    return [torch.tensor(rng.standard_normal((n, d)), dtype=dtype) for d in (3, 4, 2, 2)]


def gram(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    squares = ((a[:, None] - b) ** 2).sum(-1)
    return np.exp(-squares / (2 * width**2))


def information(K: np.ndarray, L: np.ndarray) -> float:
    n = len(K)
    ones = K.sum(axis=0) @ L.sum(axis=0)
    return (
        math.log((K * L).sum() / n**2)
        + math.log(K.sum() * L.sum() / n**4)
        - 2 * math.log(ones / n**3)
    )


def test_loss_is_the_sum_of_both_terms_by_brute_force() -> None:
    x, code, y, prediction = batch()
    widths = {"bandwidth": 1.3, "bandwidth_y": 0.8, "bandwidth_code": 2.0}
    module = CauchySchwarzBottleneck(0.25, **widths)
    X, T, Y, P = (part.numpy() for part in (x, code, y, prediction))
    K, L = gram(X, X, 1.3), gram(T, T, 2.0)
    share = information(K, L) / math.sqrt(information(K, K) * information(L, L))
    squared = K.sum(axis=1) ** 2
    sums = [((K * gram(a, b, 0.8)).sum(1) / squared).sum() for a, b in ((Y, Y), (P, P), (Y, P))]
    divergence = math.log(sums[0]) + math.log(sums[1]) - 2 * math.log(sums[2])
    assert module.information(x, code).item() == pytest.approx(share, rel=1e-11)
    assert module.divergence(x, y, prediction).item() == pytest.approx(divergence, rel=1e-11)
    expected = divergence + 0.25 * share
    assert module(x, code, y, prediction).item() == pytest.approx(expected, rel=1e-11)
    alone = CauchySchwarzBottleneck(0.0, **widths)(x, code, y, prediction)
    assert alone.item() == pytest.approx(divergence, rel=1e-11)


def test_terms_at_their_ends() -> None:
    x, code, y, _ = batch()
    module = CauchySchwarzBottleneck(1.0, bandwidth_code=1.0)
    assert module.divergence(x, y, y).item() == pytest.approx(0.0, abs=1e-12)
    assert module.information(x, x).item() == pytest.approx(1.0, rel=1e-12)
    assert 0 < module.information(x, code).item() < 1
    constant = torch.zeros_like(code, requires_grad=True)
    share = module.information(x, constant)
    assert share.item() == pytest.approx(0.0, abs=1e-6)  # the root of rounding
    (gradient,) = torch.autograd.grad(share, constant)
    assert torch.isfinite(gradient).all()


def test_the_denominator_of_published_code() -> None:
    x, code, y, prediction = batch()
    X, Y, P = x.numpy(), y.numpy(), prediction.numpy()
    K = gram(X, X, 1.0)
    squared = (K**2).sum(axis=1)
    sums = [((K * gram(a, b, 1.0)).sum(1) / squared).sum() for a, b in ((Y, Y), (P, P), (Y, P))]
    expected = math.log(sums[0]) + math.log(sums[1]) - 2 * math.log(sums[2])
    found = CauchySchwarzBottleneck(0.0, denominator="reference")(x, code, y, prediction)
    assert found.item() == pytest.approx(expected, rel=1e-11)
    assert found != CauchySchwarzBottleneck(0.0)(x, code, y, prediction)


def test_widths_by_rules_are_constants_of_the_batch() -> None:
    x, code, y, prediction = batch()
    code.requires_grad_()
    by_rule = CauchySchwarzBottleneck(
        0.5, bandwidth="median", bandwidth_y="silverman", bandwidth_code="median"
    )
    by_number = CauchySchwarzBottleneck(
        0.5,
        bandwidth=functional.kernel_bandwidth(x).item(),
        bandwidth_y=functional.kernel_bandwidth(y, "silverman").item(),
        bandwidth_code=functional.kernel_bandwidth(code).item(),
    )
    values = [module(x, code, y, prediction) for module in (by_rule, by_number)]
    torch.testing.assert_close(*values)
    torch.testing.assert_close(*(torch.autograd.grad(v, code)[0] for v in values))


def test_a_code_cannot_hide_by_being_small() -> None:
    x, code, _, _ = batch(40, torch.float32)
    module = CauchySchwarzBottleneck(1.0)
    expected = module.information(x, code)
    for scale in (1e-6, 1e-2, 1e4):
        small = (scale * code).requires_grad_()
        share = module.information(x, small)
        torch.testing.assert_close(share, expected, rtol=1e-4, atol=0)
        (gradient,) = torch.autograd.grad(share, small)
        assert gradient.abs().max() > 0


def test_targets_of_one_axis_are_a_column() -> None:
    x, code, y, prediction = batch()
    module = CauchySchwarzBottleneck()
    expected = module(x, code, y[:, :1], prediction[:, :1])
    assert module(x, code, y[:, 0], prediction[:, :1]) == expected
    assert module(x, code, y[:, 0], prediction[:, 0]) == expected


def test_gradients() -> None:
    parts = [part.requires_grad_() for part in batch(6)]
    module = CauchySchwarzBottleneck(0.5, bandwidth_code=1.3)  # a rule would move with the code
    assert torch.autograd.gradcheck(module, parts)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_follows_the_batch(dtype: Any) -> None:
    parts = [part.requires_grad_() for part in batch(64, dtype)]
    exact = CauchySchwarzBottleneck(0.5)(*batch(64))
    value = CauchySchwarzBottleneck(0.5)(*parts)
    assert value.dtype == dtype
    assert value.item() == pytest.approx(exact.item(), rel=1e-4)
    for gradient in torch.autograd.grad(value, parts[1:]):
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("scale", [1e2, 1e4, 1e12])
def test_inputs_far_apart_are_the_same_with_and_without_their_gradient(scale: float) -> None:
    x, code, y, prediction = batch(64, torch.float32)
    expected = CauchySchwarzBottleneck()(scale * x, code, y, prediction)
    followed = (scale * x).requires_grad_()
    value = CauchySchwarzBottleneck()(followed, code, y, prediction)
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)
    (gradient,) = torch.autograd.grad(value, followed)
    assert torch.isfinite(gradient).all()


@pytest.mark.filterwarnings("ignore")  # of the tracer, about what it does not trace
@pytest.mark.parametrize("followed", [False, True])
@pytest.mark.parametrize("width", [1.0, "median"])
def test_compiled_it_is_the_same(width: Any, followed: bool) -> None:
    x, code, y, prediction = batch()
    prediction.requires_grad_(followed)
    module = CauchySchwarzBottleneck(0.5, bandwidth=width)

    def loss(x: Any, code: Any, y: Any, prediction: Any) -> Any:
        return module(x, code, y, prediction)

    value = torch.compile(loss, backend="eager")(x, code, y, prediction)
    torch.testing.assert_close(value, module(x, code, y, prediction))
    if followed:
        (gradient,) = torch.autograd.grad(value, prediction)
        assert torch.isfinite(gradient).all()


def test_half_precision_counts_in_full() -> None:
    parts = [part.bfloat16() for part in batch(64)]
    module = CauchySchwarzBottleneck(0.5)
    exact = module(*(part.float() for part in parts))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = module(*parts)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, exact, rtol=1e-5, atol=1e-6)


def test_steps_bring_the_prediction_near_and_the_code_away() -> None:
    x, code, y, prediction = batch(40)
    code.requires_grad_()
    prediction.requires_grad_()
    module = CauchySchwarzBottleneck(1.0)
    before = module(x, code, y, prediction)
    of_code, of_prediction = torch.autograd.grad(before, (code, prediction))
    assert module.information(x, code - of_code) < module.information(x, code)
    near = module.divergence(x, y, prediction - of_prediction)
    assert near < module.divergence(x, y, prediction)


def test_what_is_refused() -> None:
    x, code, y, prediction = batch(8)
    module = CauchySchwarzBottleneck()
    spoilt = y.clone()
    spoilt[1, 1] = math.nan
    for parts, words in (
        ((x, code[:5], y, prediction), "x and code must have as many rows"),
        ((x, code, y[:5], prediction[:5]), "x and y must have as many rows"),
        ((x, code, y, prediction[:, :1]), "y and prediction must have as many rows and columns"),
        ((x, code, y[:, 0], prediction), "y and prediction must have as many rows and columns"),
        ((x, code, spoilt, prediction), "y must hold finite numbers"),
        ((x, code, y, spoilt), "prediction must hold finite numbers"),
        ((x[:1], code[:1], y[:1], prediction[:1]), "x must have at least 2 rows"),
        ((x[0], code, y, prediction), "x must be a floating tensor"),
        ((x, code, y.long(), prediction), "y must be a floating tensor"),
        ((x, code, y.numpy(), prediction), "y must be a floating tensor"),
    ):
        with pytest.raises(ValueError, match=words):
            module(*parts)
    for parameters, words in (
        ({"beta": -1.0}, "beta must be"),
        ({"bandwidth": 0.0}, "bandwidth must be a positive"),
        ({"bandwidth_y": "scott"}, "bandwidth_y must be one of median"),
        ({"bandwidth_code": math.nan}, "bandwidth_code must be a positive"),
        ({"denominator": "code"}, "denominator must be one of"),
    ):
        with pytest.raises(ValueError, match=words):
            CauchySchwarzBottleneck(**parameters)


def test_parameters_show() -> None:
    assert "bandwidth='median'" in repr(CauchySchwarzBottleneck(bandwidth="median"))
