"""What all estimators with networks share: parameters, devices, threads, the unfitted state."""

from __future__ import annotations

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

torch = pytest.importorskip("torch")

from infotheory import (  # noqa: E402
    FLO,
    MINDE,
    MINE,
    DiffusionDivergence,
    DiffusionEntropy,
    DoE,
    DonskerVaradhan,
    InfoSEDD,
    VariationalDivergence,
    WassersteinDependency,
)

# One of each kind of network.
KINDS = [
    DonskerVaradhan,
    FLO,
    DoE,
    MINDE,
    InfoSEDD,
    WassersteinDependency,
    VariationalDivergence,
    DiffusionDivergence,
    DiffusionEntropy,
]
each_kind = pytest.mark.parametrize("Kind", KINDS)


def small(Kind, **changes):
    words = {"hidden_layer_sizes": 8, "max_iter": 2, "n_folds": 2, "random_state": 0}
    if Kind is WassersteinDependency:
        words["method"] = "critic"
    return Kind(**{**words, **changes})


def sample(Kind, n=60):
    """Rows and labels, symbols where only these are read."""
    rng = np.random.default_rng(0)
    x = rng.integers(3, size=(n, 2)) if Kind is InfoSEDD else rng.normal(size=(n, 2))
    return x, np.repeat([0, 1], n // 2)


@each_kind
@pytest.mark.parametrize("wrong", [(0,), (-3,), (True,), (2.5,), 2.5, 0])
def test_layers_that_cannot_be(Kind, wrong):
    with pytest.raises((ValueError, TypeError), match=r"hidden_layer_sizes.* must .*[Gg]ot "):
        small(Kind, hidden_layer_sizes=wrong).fit(*sample(Kind))


def test_layers_that_cannot_be_are_refused_for_constants_too():
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        small(DonskerVaradhan, hidden_layer_sizes=(0,)).fit(np.ones((60, 1)), np.arange(60.0))


@each_kind
def test_no_hidden_layer_is_a_linear_map(Kind):
    assert small(Kind, hidden_layer_sizes=()).fit(*sample(Kind)).n_iter_ == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device is there")
@each_kind
def test_a_missing_device_is_noted(Kind):
    fitted = small(Kind, device="cuda").fit(*sample(Kind))
    assert any("no device 'cuda'" in note for note in fitted.notes_)


def test_fits_in_threads_are_those_one_by_one():
    x, _ = sample(MINE, 150)
    fits = [small(MINE, max_iter=10, random_state=seed) for seed in range(4)]
    alone = [clone(fit).fit(x, x[:, ::-1] ** 2).mutual_information_ for fit in fits]
    jobs = (delayed(fit.fit)(x, x[:, ::-1] ** 2) for fit in fits)
    together = Parallel(n_jobs=2, prefer="threads")(jobs)
    assert len(set(alone)) == 4
    assert [fit.mutual_information_ for fit in together] == alone


@each_kind
def test_nothing_is_there_before_fit(Kind):
    estimator = small(Kind)
    own = [name for name in dir(estimator) if name.endswith("_") and not name.startswith("_")]
    for name in set(own) - {"bound_", "unit_"}:  # what the class says of its value
        assert not hasattr(estimator, name)
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(estimator, name)


@pytest.mark.parametrize("Kind", [DonskerVaradhan, DoE, WassersteinDependency])
def test_a_constant_leaves_no_critic(Kind):
    fitted = small(Kind).fit(np.ones((60, 1)), sample(Kind)[0])
    assert hasattr(fitted, "critic_")
    assert fitted.critic_ is None


@pytest.mark.slow
@pytest.mark.parametrize("Kind", [kind for kind in KINDS if kind is not WassersteinDependency])
def test_a_new_row_has_its_value_whatever_comes_with_it(Kind):
    x, label = sample(Kind, 80)
    y = x[:, ::-1] if Kind is InfoSEDD else x[:, ::-1] ** 2
    two_samples = Kind in (VariationalDivergence, DiffusionDivergence)
    fitted = small(Kind, max_iter=20, learning_rate_init=0.02)
    fitted.fit(x, label if two_samples else y)
    if hasattr(fitted, "score_samples"):
        together = fitted.score_samples(x)
        alone = [fitted.score_samples(x[[i]])[0] for i in range(9)]
    else:
        together = fitted.pointwise(x, y)
        alone = [fitted.pointwise(x[[i]], y[[i]])[0] for i in range(9)]
    assert np.std(together) > 0
    np.testing.assert_allclose(alone, together[:9], rtol=1e-5, atol=1e-5)
