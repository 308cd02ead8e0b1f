"""Losses under autocast, and parts that are refused when they are given."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from infotheory.nn import (  # noqa: E402
    BilinearCritic,
    ConcatenatedCritic,
    ConditionalNormal,
    DivergenceBound,
    GradientPenalty,
    MutualInformationBound,
    SeparableCritic,
    VariationalBottleneck,
)

_BOUNDS = [
    "info-nce",
    "donsker-varadhan",
    "nwj",
    "jensen-shannon",
    "smile",
    "mine",
    "club",
    "leave-one-out",
]


@pytest.fixture(autouse=True)
def _weights_of_a_seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _pair(n=64):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 2, generator=generator)
    return x, 0.8 * x + 0.6 * torch.randn(n, 2, generator=generator)


@pytest.mark.parametrize("name", _BOUNDS)
def test_a_bound_under_autocast_is_float32_and_close_to_that_without(name):
    x, y = _pair()
    table_only = name in ("club", "leave-one-out")
    critic = ConditionalNormal(2, 2, (8,)) if table_only else SeparableCritic(2, 2, (8,))
    bound = MutualInformationBound(critic, name).eval()
    exact = bound(x, y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value, loss = bound(x, y), bound.loss(x, y)
    assert value.dtype == loss.dtype == torch.float32
    # Only the scores are rounded, to two digits; sums in bfloat16 would leave multiples of 2^-7.
    torch.testing.assert_close(value, exact, atol=4e-3, rtol=0)
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in critic.parameters())


@pytest.mark.parametrize("kind", ["kl", "js", "chi2", "hellinger", "wasserstein"])
def test_a_divergence_under_autocast_is_float32_and_close_to_that_without(kind):
    x, y = _pair()
    bound = DivergenceBound(torch.nn.Linear(2, 1), kind)
    exact = bound(x, y + 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value, penalty = bound(x, y + 1), GradientPenalty(bound.critic)(x, y)
    assert value.dtype == penalty.dtype == torch.float32
    torch.testing.assert_close(value, exact, atol=1e-2, rtol=0)


def test_a_rate_under_autocast_is_float32():
    bottleneck = VariationalBottleneck(2, 3)
    exact = bottleneck(_pair()[0]).rate
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rate = bottleneck(_pair()[0]).rate
    assert rate.dtype == torch.float32
    torch.testing.assert_close(rate, exact, atol=1e-3, rtol=2e-2)


@pytest.mark.parametrize("critic", [SeparableCritic, ConcatenatedCritic, ConditionalNormal])
def test_an_unknown_activation_is_refused_at_once(critic):
    with pytest.raises(ValueError, match=r"activation must be one of relu, .*got 'x'\. Pass"):
        critic(3, 2, (4,), activation="x")


@pytest.mark.parametrize("wrong", ["separable", None, 3, BilinearCritic])
def test_a_critic_that_is_no_module_is_refused_at_once(wrong):
    for build in (MutualInformationBound, DivergenceBound, GradientPenalty):
        with pytest.raises(TypeError, match=r"critic must be a module .* got .* Pass an instance"):
            build(wrong)
    if wrong is not None:
        for name, bound in (("ratio", "flo"), ("baseline", "tuba")):
            with pytest.raises(TypeError, match=f"{name} must be a module"):
                MutualInformationBound(BilinearCritic(2, 2), bound, **{name: wrong})


def test_the_package_lists_no_names_that_it_imports_for_itself():
    import infotheory

    names = dir(infotheory)
    assert {"MINE", "nn", "testing", "__version__"} <= set(names)
    assert not {n for n in names if n in ("Any", "TYPE_CHECKING", "import_module", "annotations")}
