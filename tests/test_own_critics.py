"""Critics that users bring: what is accepted, what is refused in words, what is left out."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from infotheory import FLO, NWJ, TUBA, DonskerVaradhan, InfoNCE  # noqa: E402
from infotheory._training import local_seed  # noqa: E402

RHO = 0.8
TRUTH = -0.5 * math.log(1 - RHO**2)


def small(Bound=DonskerVaradhan, **changes):
    words = {"hidden_layer_sizes": 8, "max_iter": 8, "n_folds": 2, "random_state": 0}
    return Bound(**{**words, **changes})


def normal_pair(n=400, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 1))
    return x, RHO * x + math.sqrt(1 - RHO**2) * rng.normal(size=(n, 1))


class Own(torch.nn.Module):
    """A critic with buffers, randomness and a shape of choice."""

    def __init__(self, outputs=1, factor=1.0):
        super().__init__()
        self.factor = factor
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(2, 8),
            torch.nn.BatchNorm1d(8),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.1),
            torch.nn.Linear(8, outputs),
        )

    def forward(self, x, y):
        return self.factor * self.layers(torch.cat([x, y], dim=1))


def own_critic(**words):
    with local_seed(0):
        return Own(**words)


class Exact(torch.nn.Module):
    """The log ratio of the normal pair, known beforehand."""

    def forward(self, x, y):
        return TRUTH + ((RHO * x * y - RHO**2 * (x**2 + y**2) / 2) / (1 - RHO**2))[:, 0]


class Answers(torch.nn.Module):
    """A layer, and an answer made of x, y and the layer's values."""

    def __init__(self, answer, width=2):
        super().__init__()
        with local_seed(0):
            self.layer = torch.nn.Linear(width, 1)
        self.answer = answer

    def forward(self, x, y):
        return self.answer(x, y, self.layer(torch.cat([x, y], dim=1)))


class Products(torch.nn.Module):
    """A learnt share of the product."""

    def __init__(self):
        super().__init__()
        self.share = torch.nn.Parameter(torch.tensor(1 / 3))

    def forward(self, x, y):
        return self.share * (x * y)[:, 0]


def products(x, y, told):
    return (x * y)[:, 0] * torch.sigmoid(told[:, 0])


# What is accepted.


def test_a_critic_of_ones_own():
    x, y = normal_pair()
    before = own_critic().state_dict().keys()
    fitted = small(critic=own_critic(), max_iter=20).fit(x, y)
    # It begins at random, and is left out where it stays worse than the reference it is added to.
    assert abs(fitted.mutual_information_ - TRUTH) < 4 * fitted.standard_error_
    assert fitted.critic_["critic"].member(0).state_dict().keys() == before
    np.testing.assert_array_equal(fitted.pointwise(x, y), fitted.pointwise(x, y))
    free = small(critic=own_critic(), reference=None, max_iter=100, learning_rate_init=0.01).fit(
        x, y
    )
    assert 0.2 < free.mutual_information_ < 0.7
    assert not any("left out" in note for note in free.notes_)


@pytest.mark.parametrize("Bound", [DonskerVaradhan, NWJ, TUBA, InfoNCE, FLO])
def test_a_critic_without_parameters_is_evaluated(Bound):
    fitted = small(Bound, critic=Exact(), reference=None).fit(*normal_pair(1000))
    assert abs(fitted.mutual_information_ - TRUTH) < 4 * fitted.standard_error_
    if Bound not in (TUBA, FLO):  # which have a function of y or of x to learn
        assert fitted.n_iter_ == 0
        assert any("no parameters" in note for note in fitted.notes_)
    new = normal_pair(200, seed=1)
    expected = Exact()(*(torch.as_tensor(t) for t in new)).numpy()
    assert np.corrcoef(fitted.pointwise(*new), expected)[0, 1] > 0.99


class Sizes(torch.nn.Module):
    """The exact log ratio of the second columns, where y is |x| and half a standard normal.

    The density of y is 2 phi(y / r) Phi(2 y / r) / r with r^2 = 1.25.
    """

    def forward(self, x, y):
        x, y, r = x[:, 1].abs(), y[:, 1], math.sqrt(1.25)
        given = -0.5 * ((y - x) / 0.5) ** 2 - math.log(0.5)
        own = math.log(2 / r) - 0.5 * (y / r) ** 2 + torch.special.log_ndtr(2 * y / r)
        return given - own


def test_a_critic_beside_the_reference():
    """The reference knows the first columns alone, and the critic the second."""
    x, y = normal_pair(1000)
    rng = np.random.default_rng(1)
    size = rng.normal(size=x.shape)
    x, y = np.hstack([x, size]), np.hstack([y, np.abs(size) + 0.5 * rng.normal(size=x.shape)])
    of_sizes = 0.4315  # h(y) - h(noise) by quadrature
    for reference, truth in (("gaussian", TRUTH + of_sizes), (None, of_sizes)):
        fitted = small(critic=Sizes(), reference=reference).fit(x, y)
        assert abs(fitted.mutual_information_ - truth) < 4 * fitted.standard_error_
        assert fitted.standard_error_ < 0.05


def test_a_constant_critic_adds_nothing_to_the_reference():
    class Constant(torch.nn.Module):
        def forward(self, x, y):
            return torch.full((len(x),), 2.0)

    fitted = small(critic=Constant()).fit(*normal_pair(2000))
    assert abs(fitted.mutual_information_ - TRUTH) < 4 * fitted.standard_error_
    alone = small(critic=Constant(), reference=None).fit(*normal_pair())
    assert alone.mutual_information_ == pytest.approx(0.0, abs=1e-6)


def test_a_critic_in_double_precision():
    x, y = normal_pair()
    critic = own_critic().double()
    fitted = small(critic=critic).fit(x, y)
    assert {p.dtype for p in fitted.critic_.parameters()} == {torch.float32}
    assert next(critic.parameters()).dtype == torch.float64  # the user's own stays as it is
    # Frozen layers are not drawn anew: the same numbers but for what single precision rounds.
    frozen = {"reference": None, "max_iter": 1}
    values = [
        small(critic=made.requires_grad_(False), **frozen).fit(x, y).held_out_bound_
        for made in (Products(), Products().double())
    ]
    assert values[0] == pytest.approx(values[1], abs=1e-5)
    assert values[0] > 0.1
    # Answers in double precision are those of single, learnt or not.
    learnt = [
        small(critic=Answers(answer), max_iter=40, learning_rate_init=0.02).fit(x, y)
        for answer in (products, lambda *parts: products(*parts).double())
    ]
    values = [fitted.mutual_information_ for fitted in learnt]
    assert values[0] == pytest.approx(values[1], abs=1e-5)


def test_frozen_layers_stay():
    critic = own_critic()
    frozen = critic.layers[0].requires_grad_(False)
    fitted = small(critic=critic, learning_rate_init=0.1).fit(*normal_pair())
    for i in range(4):
        member = fitted.critic_["critic"].member(i)
        torch.testing.assert_close(member.layers[0].weight, frozen.weight, rtol=0, atol=0)
        assert not torch.equal(member.layers[4].weight, critic.layers[4].weight)
    untouched = small(critic=critic.requires_grad_(False)).fit(*normal_pair())
    assert untouched.n_iter_ == 0


# What is left out.


def opposite(x, y, told):
    """The sign of the dependence the wrong way round."""
    return -3 * x[:, 0] * y[:, 0] + told[:, 0]


def from_below(x, y, told):
    """The product times a learnt factor that starts far below nought."""
    return (x * y)[:, 0] * (told.mean() - 3)


@pytest.mark.parametrize("Bound", [DonskerVaradhan, NWJ, TUBA, FLO])
@pytest.mark.parametrize("reference", ["gaussian", None])
def test_a_critic_worse_than_none_is_left_out(Bound, reference):
    x, y = normal_pair(1000)
    words = {"critic": Answers(opposite), "reference": reference, "learning_rate_init": 1e-6}
    fitted = small(Bound, **words).fit(x, y)
    assert any("left out in 4 of its 4 copies" in note for note in fitted.notes_)
    truth = TRUTH if reference else 0.0
    assert abs(fitted.mutual_information_ - truth) < 4 * fitted.standard_error_ + 1e-6
    new = normal_pair(100, seed=1)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.pointwise(*new), fitted.pointwise(*new))
    if reference is None:
        np.testing.assert_allclose(fitted.pointwise(*new), 0.0, atol=1e-6)


def test_a_critic_left_out_goes_on_learning_in_a_warm_start():
    x, y = normal_pair(1000)
    words = {"critic": Answers(from_below), "reference": None, "warm_start": True}
    fitted = small(max_iter=1, learning_rate_init=1e-9, **words).fit(x, y)
    assert any("left out" in note for note in fitted.notes_)
    fitted.set_params(max_iter=200, learning_rate_init=0.1).fit(x, y)
    assert not any("left out" in note for note in fitted.notes_)
    assert fitted.mutual_information_ > 0.1


# What is refused.


@pytest.mark.parametrize(
    ("critic", "match"),
    [
        (Answers(lambda x, y, told: told.detach()), "depend on its parameters"),
        (Answers(lambda x, y, told: torch.zeros(len(x))), "depend on its parameters"),
        (Answers(lambda x, y, told: told, width=3), r"x of shape \(\d+, 1\).*it failed"),
        (Answers(lambda x, y, told: told.double() @ told), "it failed"),
        (Answers(lambda x, y, told: told.to("meta")), "on the device of x, cpu, got .* on meta"),
        (Answers(lambda x, y, told: told * 1j), "real numbers"),
        (Answers(lambda x, y, told: told).to("meta"), "layer.weight without"),
        (torch.nn.Sequential(torch.nn.LazyLinear(1)), "lazy"),
        (own_critic(outputs=2), "one value a row"),
        (Answers(lambda x, y, told: None), "one value a row.* got NoneType"),
    ],
)
@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_critics_that_cannot_be(critic, match):
    with pytest.raises(ValueError, match=rf"critic must .*{match}"):
        small(critic=critic).fit(*normal_pair(60))


def test_functions_and_missing_values():
    with pytest.raises(TypeError, match=r"torch\.nn\.Module"):
        small(critic=lambda x, y: (x * y).sum(1)).fit(*normal_pair(60))
    with pytest.raises(RuntimeError, match="not finite before the first step"):
        small(critic=own_critic(factor=float("nan"))).fit(*normal_pair(60))

    class Missing(torch.nn.Module):
        def forward(self, x, y):
            return x[:, 0] / 0

    with pytest.raises(RuntimeError, match="not finite before the first step"):
        small(critic=Missing()).fit(*normal_pair(60))
