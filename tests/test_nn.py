"""Torch modules: values with exact critics, gradients, short trainings, errors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

import infotheory
from infotheory import functional
from infotheory.datasets import correlated_normals

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

RHO = 0.8
MI = -0.5 * math.log(1 - RHO**2)
LOWER = ("info-nce", "donsker-varadhan", "nwj", "tuba", "jensen-shannon", "smile", "mine", "flo")
UPPER = ("club", "leave-one-out")
each_bound = pytest.mark.parametrize("bound", LOWER + UPPER)


@pytest.fixture
def _seeded() -> Iterator[None]:
    """Weights are drawn from Torch's global generator, as those of any module."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def pairs(n: int, seed: int = 0, rho: float = RHO) -> tuple[Any, Any]:
    X, y = correlated_normals(rho).sample(n, seed)
    return torch.from_numpy(X), torch.from_numpy(y)


class LogRatio(torch.nn.Module):
    """Exact log ratio of the normal pair, plus a constant; no table."""

    def __init__(self, plus: float = 0.0) -> None:
        super().__init__()
        self.plus = torch.nn.Parameter(torch.tensor(plus, dtype=torch.float64))
        self.times = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x: Any, y: Any) -> Any:
        squares = x**2 + y**2
        value = MI + (2 * RHO * x * y - RHO**2 * squares) / (2 * (1 - RHO**2))
        return self.times * value + self.plus


class LogDensity(torch.nn.Module):
    """Exact ln p(y | x), with a table."""

    def forward(self, x: Any, y: Any) -> Any:
        return self.table(x, y).diagonal()

    def table(self, x: Any, y: Any) -> Any:
        variance = 1 - RHO**2
        return -0.5 * ((y.T - RHO * x) ** 2 / variance + math.log(2 * math.pi * variance))


class Constant(torch.nn.Module):
    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(value, dtype=torch.float64))

    def forward(self, rows: Any) -> Any:
        return self.value.expand(len(rows))


def exact(bound: str, **parameters: Any) -> MutualInformationBound:
    """Each bound with the critic that makes it tight."""
    if bound in UPPER:
        return MutualInformationBound(LogDensity(), bound, **parameters)
    if bound == "tuba":
        parameters["baseline"] = Constant(0.5)
    if bound == "flo":
        parameters["ratio"] = LogRatio()
    plus = {"nwj": 1.0, "tuba": 0.5}.get(bound, 0.0)
    return MutualInformationBound(LogRatio(plus), bound, **parameters)


# Values


@each_bound
def test_value_with_the_exact_critic(bound: str) -> None:
    """Within four standard errors of Donsker-Varadhan, or above by the known gap of CLUB."""
    n = 500
    x, y = pairs(n)
    table = LogRatio()(x.repeat_interleave(n, 0), y.repeat(n, 1)).reshape(n, n).detach()
    value = exact(bound)(x, y).item()
    # The exponent of e^f has no fourth moment here; the spread is that of the table at hand.
    error = functional.bound_row_influence("donsker-varadhan", table).std().item() / math.sqrt(n)
    truth = RHO**2 / (1 - RHO**2) if bound == "club" else MI
    slack = 0.03 if bound in ("info-nce", "leave-one-out") else 0.0
    assert abs(value - truth) < (8 if bound == "club" else 4) * error + slack


@each_bound
def test_value_is_the_function_of_the_same_name(bound: str) -> None:
    x, y = pairs(20)
    critic = exact(bound).critic
    left, right = x.repeat_interleave(20, 0), y.repeat(20, 1)
    table = critic.table(x, y) if bound in UPPER else critic(left, right).reshape(20, 20)
    joint, product = table.diagonal(), functional.off_diagonal(table)
    expected = {
        "info-nce": lambda: functional.info_nce(table),
        "donsker-varadhan": lambda: functional.donsker_varadhan(joint, product),
        "mine": lambda: functional.donsker_varadhan(joint, product),
        "nwj": lambda: functional.nwj(joint, product),
        "tuba": lambda: functional.nwj(joint + 0.5, product + 0.5),
        "jensen-shannon": lambda: functional.nwj(joint + 1, product + 1),
        "smile": lambda: functional.smile(joint, product, 2.0),
        "flo": lambda: functional.flo(joint, joint, product.reshape(20, 19)),
        "club": lambda: functional.club(joint, product),
        "leave-one-out": lambda: functional.leave_one_out(table.T),
    }[bound]()
    value = exact(bound, clip=2.0)(x, y)
    assert value.shape == ()
    assert value.item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("bound", [b for b in LOWER + UPPER if b not in ("info-nce", UPPER[1])])
def test_all_shifts_are_all_pairs(bound: str) -> None:
    x, y = pairs(9)
    assert exact(bound, n_negatives=8)(x, y).item() == pytest.approx(exact(bound)(x, y).item())
    few = exact(bound, n_negatives=2)(x, y).item()
    assert math.isfinite(few)
    assert few != exact(bound)(x, y).item()


def test_tuba_pairs_each_score_with_the_baseline_of_its_own_y() -> None:
    """A function of y in the critic and in the baseline leaves the bound as it was."""

    class OfY(torch.nn.Module):
        def forward(self, y: Any) -> Any:
            return torch.sin(3 * y)

    class Shifted(LogRatio):
        def forward(self, x: Any, y: Any) -> Any:
            return super().forward(x, y) + torch.sin(3 * y)

    x, y = pairs(30)
    for n_negatives in (None, 4):
        plain = MutualInformationBound(
            LogRatio(), "tuba", baseline=Constant(), n_negatives=n_negatives
        )
        shifted = MutualInformationBound(Shifted(), "tuba", baseline=OfY(), n_negatives=n_negatives)
        assert shifted(x, y).item() == pytest.approx(plain(x, y).item(), rel=1e-12)


# Gradients


def gradients(value: Any, *leaves: Any) -> list[Any]:
    return [g.detach() for g in torch.autograd.grad(value, leaves, allow_unused=True)]


@each_bound
def test_gradient_flows_to_the_batch_and_to_the_critic(bound: str) -> None:
    x, y = (t.clone().requires_grad_() for t in pairs(12))
    module = exact(bound)
    for g in gradients(module(x, y), x, y):
        assert torch.isfinite(g).all()
        assert g.abs().max() > 0
    if bound in LOWER:
        plus, times = gradients(module.loss(x, y), module.critic.plus, module.critic.times)
        assert times.abs() > 1e-3
        # These forgive a constant; the running mean of MINE is that of its first batch here.
        forgiving = bound in ("info-nce", "donsker-varadhan", "mine", "flo")
        assert (plus.abs() < 1e-12) == forgiving


@pytest.mark.parametrize("bound", ["jensen-shannon", "smile"])
def test_logistic_bounds_have_the_logistic_gradient(bound: str) -> None:
    x, y = pairs(12)
    module = exact(bound)
    table = module.critic(x.repeat_interleave(12, 0), y.repeat(12, 1)).reshape(12, 12)
    objective = functional.jensen_shannon(table.diagonal(), functional.off_diagonal(table))
    (expected,) = gradients(objective, module.critic.plus)
    (actual,) = gradients(module(x, y), module.critic.plus)
    assert actual.item() == pytest.approx(expected.item(), rel=1e-12)


def test_gradient_of_mine_divides_by_the_running_mean() -> None:
    """The critic's constant: 1 - mean e^f / running mean."""
    module = exact("mine", rate=0.25)
    assert math.isnan(module.log_mean)
    running = None
    for seed in range(3):
        x, y = pairs(15, seed)
        table = module.critic(x.repeat_interleave(15, 0), y.repeat(15, 1)).reshape(15, 15)
        batch = functional.off_diagonal(table).exp().mean().item()
        running = batch if running is None else 0.75 * running + 0.25 * batch
        (actual,) = gradients(module(x, y), module.critic.plus)
        assert actual.item() == pytest.approx(1 - batch / running, abs=1e-12)
        assert module.log_mean.item() == pytest.approx(math.log(running))


def test_running_mean_is_saved_and_stands_still_in_evaluation() -> None:
    module = exact("mine")
    module(*pairs(15))
    state = module.state_dict()
    assert "log_mean" in state
    fresh = exact("mine").double()
    fresh.load_state_dict(state)
    assert fresh.log_mean == module.log_mean
    module.eval()
    module(*pairs(15, 1))
    assert fresh.log_mean == module.log_mean
    assert not module.log_mean.requires_grad
    assert "log_mean" not in exact("nwj").state_dict()


# Training


@pytest.mark.usefixtures("_seeded")
@pytest.mark.parametrize(
    ("bound", "critic"),
    [
        *((bound, SeparableCritic) for bound in LOWER),
        ("mine", ConcatenatedCritic),
        *(
            pytest.param(bound, ConcatenatedCritic, marks=pytest.mark.slow)
            for bound in LOWER
            if bound != "mine"
        ),
    ],
)
def test_few_steps_lift_a_lower_bound(bound: str, critic: Any) -> None:
    """On rows that training did not see; the truth is 0.51 nats."""
    parts = {}
    if bound == "tuba":
        parts["baseline"] = torch.nn.Linear(1, 1)
    if bound == "flo":
        parts["ratio"] = critic(1, 1, (16,))
    module = MutualInformationBound(critic(1, 1, (16,)), bound, **parts).double()
    held_out = pairs(500, 99)
    before = module.eval()(*held_out).item()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.005)
    module.train()
    for step in range(80):
        optimizer.zero_grad()
        module.loss(*pairs(128, step)).backward()
        optimizer.step()
    after = module.eval()(*held_out).item()
    assert after > before + 0.1
    assert 0.15 < after < MI + 0.15


@pytest.mark.usefixtures("_seeded")
@pytest.mark.parametrize("bound", UPPER)
def test_few_steps_fit_the_density_of_an_upper_bound(bound: str) -> None:
    module = MutualInformationBound(ConditionalNormal(1, 1, (16,)), bound).double()
    held_out = pairs(500, 99)
    assert abs(module(*held_out).item()) < 1e-12
    optimizer = torch.optim.Adam(module.parameters(), lr=0.03)
    for step in range(150):
        optimizer.zero_grad()
        module.loss(*pairs(64, step)).backward()
        optimizer.step()
    # The entropy of y given x: the loss cannot go below it but by noise.
    assert module.loss(*held_out).item() == pytest.approx(
        0.5 * math.log(2 * math.pi * math.e * (1 - RHO**2)), abs=0.15
    )
    truth = RHO**2 / (1 - RHO**2) if bound == "club" else MI
    assert module(*held_out).item() == pytest.approx(truth, rel=0.3)


@pytest.mark.parametrize("bound", ["club", "nwj"])
def test_a_map_learns_to_keep_or_to_drop_information(bound: str) -> None:
    """The module is a loss: gradient steps on a linear code of x, with the critic held exact."""
    x, y = pairs(200)
    noise = pairs(200, 1)[0]
    weight = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    module, sign = exact(bound), -1.0 if bound == "nwj" else 1.0
    before = module(weight * x + (1 - weight) * noise, y)
    (slope,) = gradients(sign * before, weight)
    moved = weight.detach() - 0.05 * slope
    after = module(moved * x + (1 - moved) * noise, y)
    assert sign * after < sign * before


# Layers


@pytest.mark.usefixtures("_seeded")
def test_conditional_normal_is_a_density() -> None:
    density = ConditionalNormal(2, 3, (8,)).double()
    for parameter in density.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    x, y = torch.randn(4, 2).double(), torch.randn(5, 3).double()
    table = density.table(x, y)
    mean, log_scale = density.network(x).chunk(2, -1)
    law = torch.distributions.Normal(mean[:, None], log_scale.exp()[:, None])
    torch.testing.assert_close(table, law.log_prob(y).sum(-1))
    torch.testing.assert_close(density(x, y[:4]), table[:, :4].diagonal())


@pytest.mark.usefixtures("_seeded")
def test_bottleneck_pays_the_divergence_from_the_standard_normal() -> None:
    layer = VariationalBottleneck(3, 2).double()
    h = torch.randn(6, 3).double().requires_grad_()
    z, rate = layer(h, generator=torch.Generator().manual_seed(1))
    again = layer(h, generator=torch.Generator().manual_seed(1)).z
    mean, log_scale = layer.head(h).chunk(2, -1)
    laws = [torch.distributions.Normal(mean, log_scale.exp())]
    laws.append(torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean)))
    expected = torch.distributions.kl_divergence(*laws).sum(-1)
    torch.testing.assert_close(rate, expected)
    torch.testing.assert_close(z, again)
    assert gradients(z.sum() + rate.sum(), h)[0].abs().min() > 0
    layer.eval()
    torch.testing.assert_close(layer(h).z, mean)
    torch.testing.assert_close(layer(h).rate, expected)


@pytest.mark.usefixtures("_seeded")
def test_codes_have_the_law_that_the_rate_is_for() -> None:
    layer = VariationalBottleneck(1, 1)
    h = torch.ones(20_000, 1)
    z, _ = layer(h, generator=torch.Generator().manual_seed(0))
    mean, log_scale = (t[0, 0].item() for t in layer.head(h).chunk(2, -1))
    scale = math.exp(log_scale)
    assert z.mean().item() == pytest.approx(mean, abs=4 * scale / math.sqrt(20_000))
    assert z.std().item() == pytest.approx(scale, rel=4 / math.sqrt(2 * 20_000))


@pytest.mark.usefixtures("_seeded")
def test_law_of_the_code_gives_bounds_on_its_information() -> None:
    """A code h + noise of scale s for normal h: I = ln(1 + 1 / s^2) / 2."""
    layer, n, scale = VariationalBottleneck(1, 1), 1000, 0.5
    with torch.no_grad():
        layer.head.weight.copy_(torch.tensor([[1.0], [0.0]]))
        layer.head.bias.copy_(torch.tensor([0.0, math.log(scale)]))
    h = torch.randn(n, 1)
    z, rate = layer(h)
    law = layer.law(h)
    expected = torch.distributions.Normal(h, scale).log_prob(z).sum(-1)
    torch.testing.assert_close(law.log_prob(z), expected)
    table = law.log_prob(z[:, None])
    torch.testing.assert_close(table.diagonal(), law.log_prob(z))
    low, high = functional.info_nce(table).item(), functional.leave_one_out(table).item()
    truth, margin = 0.5 * math.log1p(scale**-2), 4 / math.sqrt(n)
    assert low < high < rate.mean().item()
    assert low - margin < truth < high + margin
    with pytest.raises(ValueError, match="1 columns"):
        layer.law(torch.zeros(2, 3))


# Errors, and the door


class Silent(torch.nn.Module):
    def forward(self, *rows: Any) -> Any:
        return rows[0].sum()


class BadTable(LogRatio):
    def table(self, x: Any, y: Any) -> Any:
        return x.flatten()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MutualInformationBound(LogRatio(), "mime"), "must be one of info-nce"),
        (lambda: MutualInformationBound(LogRatio(), "tuba"), "tuba needs baseline="),
        (lambda: MutualInformationBound(LogRatio(), "nwj", ratio=LogRatio()), "takes no ratio="),
        (lambda: MutualInformationBound(LogRatio(), n_negatives=3), "None for info-nce"),
        (lambda: MutualInformationBound(LogRatio(), "nwj", n_negatives=0), "positive"),
        (lambda: MutualInformationBound(LogRatio(), "mine", rate=1.0), "inside"),
        (lambda: DivergenceBound(Constant(), "tv"), "must be one of kl"),
        (lambda: DivergenceBound(Constant(), "alpha"), "needs it"),
        (lambda: DivergenceBound(Constant(), "js", order=0.5), "is for kind='alpha'"),
    ],
)
def test_wrong_parts_are_named(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_wrong_batches_are_named() -> None:
    x, y = pairs(6)
    module = exact("nwj")
    for bad, words in (
        ((x[:, 0], y), r"x must be .* shape \(n, d\)"),
        ((x, y[:4]), "as many rows; got 6 and 4"),
        ((x[:1], y[:1]), "at least 2 rows"),
        ((x.long(), y), "floating tensor"),
        ((x.numpy(), y), "got ndarray"),
    ):
        for call in (module, module.loss, exact("club").loss):
            with pytest.raises(ValueError, match=words):
                call(*bad)
    with pytest.raises(ValueError, match="at least 6 rows here; got 4"):
        exact("nwj", n_negatives=5)(x[:4], y[:4])
    with pytest.raises(ValueError, match="one value a row"):
        MutualInformationBound(Silent(), "nwj", n_negatives=2)(x, y)
    with pytest.raises(ValueError, match=r"all pairs, shape \(6, 6\)"):
        MutualInformationBound(BadTable(), "nwj")(x, y)
    with pytest.raises(ValueError, match="one value a row"):
        DivergenceBound(Silent())(x, y)
    with pytest.raises(ValueError, match="as many columns"):
        DivergenceBound(Constant())(x, torch.cat([y, y], 1))
    with pytest.raises(ValueError, match="as many columns"):
        GradientPenalty(Constant())(x, torch.cat([y, y], 1))
    with pytest.raises(ValueError, match="3 columns"):
        _bottleneck()(x)


def _bottleneck() -> VariationalBottleneck:
    with torch.random.fork_rng(devices=[]):
        return VariationalBottleneck(3, 1)


@each_bound
def test_evaluating_draws_nothing(bound: str) -> None:
    """The fixture of all tests watches the global generators."""
    exact(bound)(*pairs(8))


def test_the_door_is_lazy() -> None:
    assert infotheory.nn.__name__ == "infotheory.nn"
    assert "nn" in dir(infotheory)
    assert "nn" not in infotheory.__all__
    assert "bound='nwj', n_negatives=3" in repr(exact("nwj", n_negatives=3))
    assert "order=0.5" in repr(DivergenceBound(Constant(), "alpha", order=0.5))
    assert BilinearCritic(2, 3)(torch.ones(4, 2), torch.ones(4, 3)).shape == (4,)
