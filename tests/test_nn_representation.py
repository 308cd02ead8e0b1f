"""Losses on representations: values in closed form, gradients, batches that are refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from infotheory import functional

torch = pytest.importorskip("torch")

from infotheory.nn import (  # noqa: E402
    BilinearCritic,
    EffectiveEntropyRegularizer,
    EntropyReconstruction,
    LipschitzInfoNCE,
    SeparableCritic,
    VonNeumannRegularizer,
)


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    """Weights, and the directions of second gradient checks, are drawn from Torch's generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def normal(n: int, d: int, seed: int = 0, dtype: Any = torch.float64) -> Any:
    return torch.tensor(np.random.default_rng(seed).standard_normal((n, d)), dtype=dtype)


def product(weight: float = 1.0) -> Any:
    """The critic weight x y of two single columns."""
    critic = BilinearCritic(1, 1).double()
    torch.nn.init.constant_(critic.weight, weight)
    return critic


# Losses of one batch or of a pair of them, each with what makes a scalar of (n, d) views.
OF_VIEWS: dict[str, Callable[[], Any]] = {
    "von-neumann": lambda: VonNeumannRegularizer(0.3),
    "von-neumann-minimized": lambda: VonNeumannRegularizer(0.3, goal="minimize"),
    "von-neumann-aligned": lambda: VonNeumannRegularizer(1.0, alignment=4.0),
    "effective-entropy": lambda: EffectiveEntropyRegularizer(),
    "effective-entropy-normal": lambda: EffectiveEntropyRegularizer(squash="normal"),
    "reconstruction": lambda: EntropyReconstruction(),
    "reconstruction-expectation": lambda: EntropyReconstruction(form="expectation"),
    "reconstruction-clusters": lambda: EntropyReconstruction("clusters"),
    "lipschitz": lambda: LipschitzInfoNCE(SeparableCritic(4, 4, (8,))),
}
each_loss = pytest.mark.parametrize("name", OF_VIEWS)
DIRECTIONS = ("von-neumann", "von-neumann-aligned", "reconstruction")


def loss_of(module: Any) -> Callable[..., Any]:
    return getattr(module, "loss", module)


# Values


def test_von_neumann_values() -> None:
    regularizer = VonNeumannRegularizer(0.5)
    clusters = torch.eye(5, dtype=torch.float64).repeat(6, 1)[:, :4][:24]
    lengths = torch.linspace(0.1, 9.0, 24, dtype=torch.float64)[:, None]
    rows = torch.cat([torch.eye(4, dtype=torch.float64)] * 6) * lengths
    assert regularizer.entropy(rows).item() == pytest.approx(math.log(4), rel=1e-12)
    assert regularizer(rows).item() == pytest.approx(-0.5 * math.log(4), rel=1e-12)
    minimize = VonNeumannRegularizer(0.5, goal="minimize")
    assert minimize(rows).item() == pytest.approx(0.5 * math.log(4), rel=1e-12)
    with pytest.raises(ValueError, match="no row of zeros, which has no direction; got 4 of 24"):
        regularizer(clusters)


def test_von_neumann_of_rows_alike_is_zero_with_finite_gradient() -> None:
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        Z = normal(1, 6, dtype=dtype).repeat(10, 1).requires_grad_()
        value = VonNeumannRegularizer()(Z)
        assert value.dtype == dtype
        assert value.item() == pytest.approx(0.0, abs=tolerance)
        (gradient,) = torch.autograd.grad(value, Z)
        assert torch.isfinite(gradient).all()


def test_von_neumann_steps_move_the_entropy_in_the_stated_direction() -> None:
    for goal, sign in (("maximize", 1), ("minimize", -1)):
        regularizer, Z = VonNeumannRegularizer(goal=goal), normal(20, 5).requires_grad_()
        (gradient,) = torch.autograd.grad(regularizer(Z), Z)
        before, after = regularizer.entropy(Z), regularizer.entropy(Z - 0.5 * gradient)
        assert sign * (after - before) > 1e-3


def test_von_neumann_with_alignment_is_a_self_supervised_loss() -> None:
    z1, z2 = normal(8, 3), normal(8, 3, 1)
    module = VonNeumannRegularizer(2.0, alignment=5.0)
    cosine = torch.cosine_similarity(z1, z2).mean()
    entropy = (functional.von_neumann_entropy(z1) + functional.von_neumann_entropy(z2)) / 2
    expected = -5 * cosine - 2 * entropy
    assert module(z1, z2).item() == pytest.approx(expected.item(), rel=1e-12)
    with pytest.raises(ValueError, match="single view"):
        module(z1)
    with pytest.raises(ValueError, match="as many rows and columns"):
        module(z1, z2[:4])


def test_effective_entropy_is_its_two_terms() -> None:
    z1, z2 = normal(30, 4), 2 * normal(30, 4, 1)
    module = EffectiveEntropyRegularizer(3.0, 7.0, debias=False)
    covariance, entropies = 0.0, []
    for z in (z1, z2):
        y = torch.sigmoid(z).numpy()
        c = np.cov(y.T)
        covariance += (np.sum(c**2) - np.sum(np.diag(c) ** 2)) / 4
        ordered = np.sort(y, axis=0)
        spacings = 31 / 5 * (ordered[5:] - ordered[:-5]) + torch.finfo(torch.float32).eps
        entropies.append(np.log(spacings).mean())
    expected = 7 * covariance - 3 * np.mean(entropies)
    assert module(z1, z2).item() == pytest.approx(expected, rel=1e-12)
    debiased = EffectiveEntropyRegularizer(3.0, 7.0)(z1, z2).item()
    shift = 3 * functional.spacing_entropy_bias(30)
    assert debiased == pytest.approx(expected + shift, rel=1e-12)


@pytest.mark.parametrize("squash", ["sigmoid", "normal"])
def test_effective_entropy_is_zero_where_the_cube_is_filled(squash: str) -> None:
    """Logistic or normal columns become uniform ones: 0 within four standard errors."""
    uniform = torch.tensor(np.random.default_rng(0).random((512, 400)))
    z = torch.logit(uniform) if squash == "sigmoid" else torch.special.ndtri(uniform)
    module = EffectiveEntropyRegularizer(squash=squash)
    columns = functional.spacing_entropy(uniform, debias=True)
    error = columns.std().item() / 20
    assert module.entropy(z).item() == pytest.approx(columns.mean().item(), abs=1e-4)
    assert abs(module.entropy(z).item()) < 4 * error + 1e-4
    for worse in (z[:, :1] * 0.3, z[:, :1] * 3, z[:, :1] + 2):
        assert module.entropy(worse) < -0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_effective_entropy_of_constant_columns_is_the_documented_value(dtype: Any) -> None:
    Z = torch.full((40, 3), 0.7, dtype=dtype, requires_grad=True)
    value = EffectiveEntropyRegularizer(debias=False)(Z)
    assert value.item() == pytest.approx(23 * math.log(2), rel=1e-6)
    (gradient,) = torch.autograd.grad(value, Z)
    assert torch.isfinite(gradient).all()
    far = EffectiveEntropyRegularizer(squash="normal")(torch.full((40, 3), 1e4))
    assert math.isfinite(far)


def test_reconstruction_is_the_mean_of_both_directions() -> None:
    z1, z2 = normal(9, 4), normal(9, 4, 1)
    unit1, unit2 = (torch.nn.functional.normalize(z) for z in (z1, z2))
    for form in ("average", "expectation"):
        module = EntropyReconstruction(concentration=3.0, form=form)
        there = functional.entropy_reconstruction(unit1, unit2, 3.0, form=form)
        back = functional.entropy_reconstruction(unit2, unit1, 3.0, form=form)
        assert module(z1, z2).item() == pytest.approx(((there + back) / 2).item(), rel=1e-12)
        assert module.loss(z1, z2) == -module(z1, z2)
        entropy = functional.vmf_kernel_entropy(unit1, 3.0, form=form)
        assert module.entropy(z1).item() == pytest.approx(entropy.item(), rel=1e-12)
    clusters = EntropyReconstruction("clusters")
    p1, p2 = torch.softmax(z1, 1), torch.softmax(z2, 1)
    there = functional.cluster_entropy_reconstruction(p1, p2)
    back = functional.cluster_entropy_reconstruction(p2, p1)
    assert clusters(z1, z2).item() == pytest.approx(((there + back) / 2).item(), rel=1e-12)
    assert clusters.entropy(z1).item() == pytest.approx(functional.entropy(p1.mean(0)).item())


def test_reconstruction_of_sure_clusters_is_finite_and_reaches_its_ceiling() -> None:
    """Logits of a thousand: probabilities of 0, whose logs a function of them would not survive."""
    sure = 1000 * torch.eye(6, requires_grad=True)
    value = EntropyReconstruction("clusters")(sure, sure)
    assert value.item() == pytest.approx(math.log(6), rel=1e-6)
    wrong = EntropyReconstruction("clusters")(sure, sure.roll(1, 0))
    (gradient,) = torch.autograd.grad(value + wrong, sure)
    assert torch.isfinite(wrong)
    assert torch.isfinite(gradient).all()


def test_reconstruction_stays_below_its_ceiling() -> None:
    z = normal(16, 8)
    for concentration in (0.1, 10.0, 1000.0):
        value = EntropyReconstruction(concentration=concentration)(z, z)
        assert value.item() <= math.log(16) + 1e-12


# InfoNCE with a Lipschitz critic


def coin(n: int = 1000) -> Any:
    return torch.tensor([[1.0], [-1.0]], dtype=torch.float64).repeat(n // 2, 1)


def test_dependency_of_a_coin_and_its_copy_is_one() -> None:
    """Half of the mass moves by 2 from the product to the joint law."""
    x = coin()
    bound = LipschitzInfoNCE(product())
    # Pairs apart in a batch of as many heads as tails have the mean -1 / (n - 1).
    assert bound.dependency(x, x).item() == pytest.approx(1 + 1 / 999, rel=1e-12)
    # A steeper critic sees no more, and pays.
    steep = LipschitzInfoNCE(product(3.0))
    assert steep.dependency(x, x).item() == pytest.approx(1 + 1 / 999, rel=1e-12)
    assert bound.penalty(x, x).item() == 0
    assert steep.penalty(x, x).item() > 1
    assert LipschitzInfoNCE(product(3.0), lipschitz=3.0).penalty(x, x).item() == 0


def test_value_of_a_coin_in_closed_form() -> None:
    x = coin()
    bound = LipschitzInfoNCE(product())
    expected = -math.log(0.5 + 0.5 * math.exp(-2))
    assert bound(x, x).item() == pytest.approx(expected, rel=1e-12)
    assert expected < math.log(2)
    assert bound.loss(x, x).item() == pytest.approx(-expected, rel=1e-12)


def test_slopes_by_both_metrics() -> None:
    """x y has the slopes |y| in x and |x| in y; 0.5 everywhere here, at equal rows."""
    x = torch.full((5, 1), 0.5, dtype=torch.float64)
    assert LipschitzInfoNCE(product()).slopes(x, 2 * x).tolist() == [1.0] * 5
    euclidean = LipschitzInfoNCE(product(), metric="euclidean").slopes(x, 2 * x)
    torch.testing.assert_close(euclidean, torch.full((5,), math.hypot(0.5, 1.0)).double())


def test_slopes_where_the_critic_ignores_a_side_or_both() -> None:
    class OfX(torch.nn.Module):
        def forward(self, x: Any, y: Any) -> Any:
            return 2 * x[:, 0]

    class Nothing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = torch.nn.Parameter(torch.zeros(1))

        def forward(self, x: Any, y: Any) -> Any:
            return self.bias.expand(len(x))

    x = normal(6, 2)
    assert LipschitzInfoNCE(OfX()).slopes(x, x).tolist() == [2.0] * 6
    flat = LipschitzInfoNCE(Nothing())
    assert flat.dependency(x, x).item() == 0
    assert flat.loss(x, x).item() == pytest.approx(0.0, abs=1e-6)


def test_value_is_below_its_ceilings() -> None:
    """ln n, and the slope times the largest distance of two y."""
    x = torch.linspace(-0.1, 0.1, 64, dtype=torch.float64)[:, None]
    y = x.clone()
    unit = torch.nn.Module()
    unit.forward = lambda x, y: -(x - y).abs().squeeze(-1)
    value = LipschitzInfoNCE(unit)(x, y).item()
    assert value <= 0.2
    assert LipschitzInfoNCE(product(1e6))(x, y).item() <= math.log(64)
    assert LipschitzInfoNCE(product(1e6))(1e3 * x, 1e3 * y).item() <= math.log(64)


def test_training_keeps_the_critic_lipschitz_and_finds_the_coin() -> None:
    x = coin(64)
    module = LipschitzInfoNCE(SeparableCritic(1, 1, (16,)).double())
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        module.loss(x, x).backward()
        optimizer.step()
    assert module.slopes(x, x).max() < 1.4
    assert module.dependency(x, x).item() == pytest.approx(1.0, abs=0.12)
    assert 0.35 < module(x, x).item() < math.log(2)


# Gradients, dtypes, precision


@each_loss
def test_gradients_of_both_views(name: str) -> None:
    z1, z2 = normal(7, 4).requires_grad_(), normal(7, 4, 1).requires_grad_()
    module = OF_VIEWS[name]().double()
    value = module if name == "lipschitz" else loss_of(module)
    assert torch.autograd.gradcheck(value, (z1, z2))


@each_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_and_gradient_follow_the_batch(name: str, dtype: Any) -> None:
    z1, z2 = normal(24, 4, dtype=dtype).requires_grad_(), normal(24, 4, 1, dtype=dtype)
    module = OF_VIEWS[name]().to(dtype)
    value = loss_of(module)(z1, z2)
    assert value.shape == ()
    assert value.dtype == dtype
    (gradient,) = torch.autograd.grad(value, z1)
    assert gradient.dtype == dtype
    assert torch.isfinite(gradient).all()
    assert gradient.abs().max() > 0


@each_loss
def test_half_precision_counts_in_full(name: str) -> None:
    """The batch is rounded, nothing after it; autocast does not reach inside."""
    z1, z2 = (normal(64, 4, s, torch.float32).bfloat16() for s in (0, 1))
    module = OF_VIEWS[name]()
    exact = loss_of(module)(z1.float(), z2.float())
    if name == "lipschitz":  # the critic itself runs as autocast has it
        tolerance, halves = 0.05, (z1.float(), z2.float())
    else:
        tolerance, halves = 1e-5, (z1, z2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss_of(module)(*halves)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, exact, rtol=tolerance, atol=tolerance)


@each_loss
def test_the_batch_is_left_as_it_was_and_nothing_is_drawn(name: str) -> None:
    z1, z2 = normal(8, 4), normal(8, 4, 1)
    copies = z1.clone(), z2.clone()
    module, state = OF_VIEWS[name]().double(), torch.get_rng_state()
    with torch.no_grad():
        assert torch.isfinite(loss_of(module)(z1, z2))
    with torch.inference_mode():
        assert torch.isfinite(loss_of(module)(z1.clone(), z2.clone()))
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(z1, copies[0])
    assert torch.equal(z2, copies[1])


@pytest.mark.parametrize("name", DIRECTIONS)
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_directions_do_not_depend_on_lengths(name: str, scale: float) -> None:
    """Squares of these leave the range of float32."""
    z1, z2 = (normal(12, 4, s, torch.float32) for s in (0, 1))
    module = OF_VIEWS[name]()
    scaled = (scale * z1).requires_grad_()
    value = loss_of(module)(scaled, z2)
    torch.testing.assert_close(value, loss_of(module)(z1, z2))
    (gradient,) = torch.autograd.grad(value, scaled)
    assert torch.isfinite(gradient).all()


@each_loss
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the tracer, about what it does not trace
def test_compiled_losses_are_the_same(name: str) -> None:
    """Traced, which is what decides whether it works; looks at values are left out of the graph."""
    if name == "lipschitz":
        pytest.skip("a gradient inside the loss is not traced")
    z1, z2 = normal(16, 4).requires_grad_(), normal(16, 4, 1)
    module = OF_VIEWS[name]()
    compiled = torch.compile(loss_of(module), backend="eager")
    value = compiled(z1, z2)
    torch.testing.assert_close(value, loss_of(module)(z1, z2))
    (gradient,) = torch.autograd.grad(value, z1)
    assert torch.isfinite(gradient).all()


# What is refused


@each_loss
def test_wrong_batches_are_refused_in_words(name: str) -> None:
    z1, z2 = normal(8, 4), normal(8, 4, 1)
    loss = loss_of(OF_VIEWS[name]().double())
    spoilt, infinite = z1.clone(), z1.clone()
    spoilt[3, 1], infinite[2, 0] = math.nan, math.inf
    for bad, words in (
        (z1[0], r"floating tensor of shape \(n, d\)"),
        (z1[None], r"floating tensor of shape \(n, d\)"),
        (z1.long(), "floating tensor"),
        (z1.numpy(), "got ndarray"),
        (z1[:1], "at least 2 rows"),
        (z1[:0], "at least 2 rows"),
        (z1[:, :0], "1 column"),
        (spoilt, "finite numbers; got NaN or infinity in 1 of 8 rows"),
        (infinite, "finite numbers"),
    ):
        with pytest.raises(ValueError, match=words):
            loss(bad, bad)
        with pytest.raises(ValueError, match=words):
            loss(z2, bad)
    if name not in ("von-neumann", "von-neumann-minimized") and "effective" not in name:
        with pytest.raises(ValueError, match="as many rows"):
            loss(z1, z2[:5])


@pytest.mark.parametrize("name", DIRECTIONS)
def test_a_row_of_zeros_is_refused(name: str) -> None:
    z = normal(8, 4)
    z[2] = 0
    with pytest.raises(ValueError, match="no row of zeros, which has no direction; got 1 of 8"):
        loss_of(OF_VIEWS[name]())(z, z)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: VonNeumannRegularizer(-1.0), "weight must be a finite number of at least 0"),
        (lambda: VonNeumannRegularizer(math.nan), "weight must be"),
        (lambda: VonNeumannRegularizer(goal="min"), "goal must be one of maximize, minimize"),
        (lambda: VonNeumannRegularizer(alignment=-1.0), "alignment must be"),
        (lambda: VonNeumannRegularizer()(), "at least one batch"),
        (lambda: EffectiveEntropyRegularizer(-1.0), "entropy_weight must be"),
        (lambda: EffectiveEntropyRegularizer(1.0, math.inf), "covariance_weight must be"),
        (lambda: EffectiveEntropyRegularizer(squash="tanh"), "one of sigmoid, normal"),
        (
            lambda: EffectiveEntropyRegularizer(spacing=0),
            "spacing must be an integer of at least 1",
        ),
        (lambda: EffectiveEntropyRegularizer(spacing=2.5), "spacing must be an integer"),
        (lambda: EffectiveEntropyRegularizer(spacing=8)(normal(8, 2)), "below the number of rows"),
        (lambda: EntropyReconstruction("ball"), "kind must be one of sphere, clusters"),
        (lambda: EntropyReconstruction(concentration=0.0), "concentration must be a positive"),
        (lambda: EntropyReconstruction(form="plug-in"), "form must be one of average"),
        (lambda: LipschitzInfoNCE(product(), lipschitz=0.0), "lipschitz must be a positive"),
        (lambda: LipschitzInfoNCE(product(), gradient_penalty=-1.0), "gradient_penalty must be"),
        (lambda: LipschitzInfoNCE(product(), metric="l1"), "metric must be one of sum"),
    ],
)
def test_wrong_parameters_are_named(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("wrong", ["0.1", None, True, torch.tensor(1.0)])
def test_what_is_no_number_is_refused(wrong: Any) -> None:
    for make in (
        VonNeumannRegularizer,
        EffectiveEntropyRegularizer,
        lambda weight: EntropyReconstruction(concentration=weight),
        lambda weight: LipschitzInfoNCE(product(), lipschitz=weight),
    ):
        with pytest.raises(TypeError, match=r"must be a number, got .* is learnt multiplies"):
            make(wrong)


def test_a_critic_that_is_no_module_is_refused() -> None:
    with pytest.raises(TypeError, match="critic must be a module"):
        LipschitzInfoNCE(BilinearCritic)


def test_parameters_show() -> None:
    assert "goal='minimize'" in repr(VonNeumannRegularizer(goal="minimize"))
    assert "squash='normal'" in repr(EffectiveEntropyRegularizer(squash="normal"))
    assert "concentration=10.0" in repr(EntropyReconstruction())
    assert "clusters" in repr(EntropyReconstruction("clusters"))
    assert "lipschitz=2.0" in repr(LipschitzInfoNCE(product(), lipschitz=2.0))


def test_a_critic_that_is_a_plain_function_is_refused():
    with pytest.raises(TypeError, match=r"critic must be a torch\.nn\.Module"):
        LipschitzInfoNCE(lambda x, y: x[:, 0])


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        (lambda x, y: (x - y).square().sum(dim=1).sqrt(), "finite slopes; got NaN or infinity"),
        (lambda x, y: math.nan * x[:, 0], "finite scores; got NaN or infinity for 36 of 36"),
        (lambda x, y: (x * y).sum(dim=1).detach(), "must be differentiable in x and y"),
    ],
)
def test_a_critic_without_numbers_or_slopes_is_refused(formula: Any, words: str) -> None:
    critic = torch.nn.Module()
    critic.forward = formula
    x = normal(6, 2)
    with pytest.raises(ValueError, match=words):
        LipschitzInfoNCE(critic).dependency(x, x)


def test_kernels_as_narrow_as_rounding_are_refused() -> None:
    """ln n - ln C(kappa) - kappa, with ln C = ln kappa - ln 2 pi - kappa on the sphere."""
    z = torch.eye(3)
    narrow = EntropyReconstruction(concentration=1e3)
    truth = math.log(3) + math.log(2 * math.pi / 1e3)
    assert narrow.entropy(z).item() == pytest.approx(truth, abs=1e-3)
    beyond = EntropyReconstruction(concentration=1e8)
    assert math.isfinite(beyond.entropy(z.double()).item())
    for call in (beyond.entropy, lambda z: beyond(z, z)):
        with pytest.raises(ValueError, match=r"at most 8.39e\+06 for torch.float32, .* got 1e\+08"):
            call(z)
