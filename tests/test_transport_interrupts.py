"""A fit of transport that does not come to its end leaves the estimator as it was."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from infotheory import (
    ENOT,
    EgEOT,
    LightSB,
    LowRankSinkhorn,
    SemiDiscrete,
    Sinkhorn,
    SinkhornBridge,
    SinkhornDivergence,
    SparseMonge,
    WassersteinDependency,
    WassersteinDivergence,
)
from infotheory._estimators import (
    light_bridge,
    low_rank_transport,
    semi_discrete,
    sinkhorn_bridge,
    sparse_monge,
    transport,
    transport_divergence,
    wasserstein_dependency,
)

LABELS = np.repeat([0, 1], 20)
# Estimator, change of parameters, and the module that calls the solver under that name.
CASES = {
    "Sinkhorn": (Sinkhorn(epsilon=1.0), {"epsilon": 0.1}, transport, "sinkhorn"),
    "LightSB": (
        LightSB(epsilon=1.0, n_components=1),
        {"epsilon": 0.1},
        light_bridge,
        "fit_light_bridge",
    ),
    "SinkhornBridge": (SinkhornBridge(epsilon=1.0), {"epsilon": 0.1}, sinkhorn_bridge, "sinkhorn"),
    "SparseMonge": (SparseMonge(epsilon=1.0), {"epsilon": 0.1}, sparse_monge, "sinkhorn"),
    "SemiDiscrete": (
        SemiDiscrete(max_iter=50, tol=1.0),
        {"max_iter": 60},
        semi_discrete,
        "laguerre_cells",
    ),
    "LowRankSinkhorn": (LowRankSinkhorn(rank=2), {"rank": 3}, low_rank_transport, "sinkhorn"),
    "SinkhornDivergence": (
        SinkhornDivergence(epsilon=1.0),
        {"epsilon": 0.1},
        transport_divergence,
        "debiased",
    ),
    "WassersteinDivergence": (
        WassersteinDivergence(),
        {"order": 2.0},
        transport_divergence,
        "wasserstein_distance",
    ),
    "WassersteinDependency": (
        WassersteinDependency(method="sinkhorn", epsilon=1.0),
        {"epsilon": 0.1},
        wasserstein_dependency,
        "transport_dependence",
    ),
}


def data(estimator):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 1))
    if isinstance(estimator, (SinkhornDivergence, WassersteinDivergence)):
        return X, LABELS
    return X, 1 + 0.5 * rng.normal(size=(40, 1))


def maps(estimator):
    return hasattr(estimator, "transform")


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize(("estimator", "change", "module", "solver"), CASES.values(), ids=CASES)
def test_a_fit_that_breaks_off_leaves_the_old_one(
    estimator, change, module, solver, error, monkeypatch
):
    def breaks_off(*args, **words):
        raise error

    model, (X, y) = clone(estimator), data(estimator)
    new = clone(estimator)
    if hasattr(model, "random_state"):
        model.set_params(random_state=0)
    model.fit(X, y)
    before = {name: value for name, value in vars(model).items() if name not in change}
    moved = model.transform(X) if maps(model) else None
    model.set_params(**change)
    with monkeypatch.context() as patch:
        patch.setattr(module, solver, breaks_off)
        for unfinished in (model, new):
            with pytest.raises(error):
                unfinished.fit(2 * X, y)
    after = vars(model)
    assert after.keys() == before.keys() | change.keys()
    assert all(after[name] is value for name, value in before.items())
    assert {name: after[name] for name in change} == change
    assert not [name for name in vars(new) if name.endswith("_")]
    if moved is not None:
        np.testing.assert_array_equal(model.transform(X), moved)
        with pytest.raises(NotFittedError):
            new.transform(X)
    # Nothing of what broke off is in the way of the next fit.
    model.fit(X, y)


@pytest.mark.parametrize("kind", [ENOT, EgEOT])
def test_networks_too(kind, monkeypatch):
    pytest.importorskip("torch")

    def breaks_off(*args):
        raise KeyboardInterrupt

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2, 60, 1))
    model = kind(epsilon=1.0, hidden_layer_sizes=8, max_iter=2, batch_size=16, random_state=0)
    model.fit(X, y)
    moved, epsilon = model.transform(X), model.epsilon_
    # After the training, where an interrupt is not caught.
    monkeypatch.setattr(kind, "_on_ends", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(epsilon=0.1).fit(X, y)
    assert model.epsilon_ == epsilon
    np.testing.assert_array_equal(model.transform(X), moved)
    new = clone(model)
    with pytest.raises(KeyboardInterrupt):
        new.fit(X, y)
    with pytest.raises(NotFittedError):
        new.transform(X)


@pytest.mark.parametrize(
    "estimator",
    [
        Sinkhorn(epsilon=1e-3, max_iter=1),
        LightSB(n_components=3, max_iter=1, tol=0.0, random_state=0),
        SinkhornBridge(epsilon=1e-3, max_iter=1),
        SparseMonge(epsilon=1e-3, max_iter=1),
        SemiDiscrete(max_iter=1, random_state=0),
        LowRankSinkhorn(rank=3, max_iter=1, random_state=0),
        SinkhornDivergence(epsilon=1e-3, max_iter=1),
        WassersteinDependency(epsilon=1e-3, max_iter=1),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_warnings_point_at_the_line_of_the_user(estimator):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if isinstance(estimator, SemiDiscrete):
            # Two places cannot make up three thirds.
            estimator.fit(LABELS[:, None], [[0.0], [1.0], [2.0]])
        else:
            estimator.fit(*data(estimator))
    mine = [warning for warning in caught if warning.category is ConvergenceWarning]
    assert mine
    assert {warning.filename for warning in mine} == {__file__}
