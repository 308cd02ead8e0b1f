"""The door transport(P, Q): what goes in, what its answer knows, and what it refuses."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import infotheory
from infotheory import Estimate, Sinkhorn, TransportEstimate, confidence_interval, transport
from infotheory._estimators.automatic import NAMES, named
from infotheory.datasets import random_gaussian_pair
from infotheory.functional import gaussian_transport, transport_cost


def samples(n=60, m=50, d=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 2 + 0.5 * rng.normal(size=(m, d))


def test_the_answer_holds_the_plan():
    P, Q = samples()
    moved = transport(P, Q, epsilon=0.3)
    model = Sinkhorn(epsilon=0.3).fit(P, Q)
    assert isinstance(moved, TransportEstimate)
    assert isinstance(moved, Estimate)
    assert float(moved) == moved.value == model.value_
    assert moved.cost == model.cost_
    assert moved.epsilon == 0.3
    assert moved.duality_gap == model.duality_gap_
    assert moved.marginal_error < 1e-6
    assert moved.converged
    np.testing.assert_array_equal(moved.plan, model.plan_)
    np.testing.assert_array_equal(moved.potentials[0], model.potentials_[0])
    np.testing.assert_array_equal(moved.transform(P), model.transform(P))
    np.testing.assert_array_equal(moved.sample(P, 3), model.sample(P, 3))
    assert moved.n_samples == 110
    assert moved.unit == "squared column units"
    assert repr(moved).startswith("TransportEstimate(")
    assert pickle.loads(pickle.dumps(moved)).value == moved.value


def test_the_interval_is_that_of_the_estimator():
    pair = random_gaussian_pair(2, epsilon=1.0, random_state=1)
    rng = np.random.default_rng(0)
    P, Q = pair.source.sample(300, rng), pair.target.sample(300, rng)
    moved = transport(P, Q, epsilon=1.0)
    alone = confidence_interval(Sinkhorn(epsilon=1.0), P, Q)
    assert moved.interval == alone.interval
    assert moved.interval[0] < pair.value < moved.interval[1]
    assert moved.confidence_interval(0.5)[0] > moved.interval[0]
    assert transport(P, Q, epsilon=1.0, confidence_level=None).interval is None


def test_one_column():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=40), 5 + rng.normal(size=30)
    moved = transport(x, y)
    table = transport(x[:, None], y[:, None])
    assert moved.value == table.value
    assert moved.transform(x).shape == moved.sample(x, 0).shape == (40,)
    assert table.transform(x[:, None]).shape == (40, 1)
    np.testing.assert_array_equal(moved.transform(list(x)), table.transform(x[:, None])[:, 0])
    assert set(moved.sample(x, 0)) <= set(y)
    assert transport(pd.Series(x), pd.Series(y)).value == moved.value


def test_frames():
    P, Q = samples()
    names = ["height", "weight"]
    source, target = pd.DataFrame(P, columns=names), pd.DataFrame(Q, columns=names)
    moved = transport(source, target)
    assert moved.value == transport(P, Q).value
    np.testing.assert_array_equal(moved.transform(source), transport(P, Q).transform(P))
    with pytest.raises(ValueError, match=r"one order.*Pass Q\[P.columns\]"):
        transport(source, target[names[::-1]])
    with pytest.raises(ValueError, match=r"same columns, got \['height', 'weight'\] and \['z'"):
        transport(source, target.set_axis(["z", "weight"], axis=1))
    # Names of single columns need not match, nor those that only one sample has.
    assert transport(source["height"], target["weight"]).n_samples == 110
    assert transport(source, Q).value == moved.value
    with pytest.raises(ValueError, match="feature names"):
        moved.transform(source[names[::-1]])


@pytest.mark.parametrize("cost", ["sqeuclidean", "euclidean", "cosine"])
def test_costs(cost):
    P, Q = samples()
    moved = transport(P, Q, cost=cost)
    assert moved.cost == pytest.approx(np.sum(moved.plan * transport_cost(P, Q, cost)))
    own = transport(P, Q, cost=lambda X, Y: transport_cost(X, Y, cost))
    assert own.value == pytest.approx(moved.value)
    assert own.unit == "cost units"


def test_a_callable_cost_between_unlike_tables():
    P, Q = samples()
    moved = transport(P, Q[:, 0], cost=lambda X, Y: np.abs(X[:, :1] - Y[:, 0]))
    assert moved.transform(P).shape == (60, 1)
    with pytest.raises(ValueError, match="same number of columns, got 2 and 1"):
        transport(P, Q[:, 0])


def test_an_instance():
    P, Q = samples()
    model = Sinkhorn(epsilon=0.2, cost="euclidean")
    moved = transport(P, Q, estimator=model)
    assert moved.value == model.fit(P, Q).value_
    assert moved.estimator is not model
    assert transport(P, Q, estimator=model, epsilon=0.2).epsilon == 0.2
    with pytest.raises(ValueError, match=r"epsilon=0.5 is for .* Sinkhorn\(epsilon=0.5\)"):
        transport(P, Q, estimator=model, epsilon=0.5)
    with pytest.raises(ValueError, match="epsilon must be left out for estimator='semi-discrete'"):
        transport(P, Q, estimator="semi-discrete", epsilon=0.5)
    with pytest.raises(ValueError, match="cost='cosine'"):
        transport(P, Q, estimator=model, cost="cosine")
    assert transport(P, Q, estimator="sinkhorn").value == transport(P, Q).value


def test_a_pipeline_is_told_what_it_does():
    P, Q = samples()
    steps = make_pipeline(StandardScaler(), Sinkhorn(epsilon=0.2))
    moved = transport(P, Q, estimator=steps)
    assert any("see P and not Q" in note for note in moved.notes)
    scaled = StandardScaler().fit_transform(P)
    np.testing.assert_array_equal(moved.sample(P, 0), steps.fit(P, Q)[-1].sample(scaled, 0))
    assert moved.plan.shape == (60, 50)


class Shift(infotheory._base.TransportEstimator):
    """Knows the means alone, and no standard error."""

    def fit(self, X, y):
        X, y = self._check_source_and_target(X, y)
        self.shift_ = y.mean(axis=0) - X.mean(axis=0)
        self.cost_ = float(self.shift_ @ self.shift_ / 2)
        return self

    def transform(self, X):
        return self._check_rows(X) + self.shift_


def test_an_estimator_of_ones_own():
    P, Q = samples()
    moved = transport(P, Q, estimator=Shift())
    assert moved.value == moved.cost == pytest.approx(4, rel=0.2)
    assert moved.interval is None
    assert "No interval: Shift knows no standard error." in moved.notes
    np.testing.assert_allclose(moved.transform(P).mean(0), Q.mean(0))
    with pytest.raises(AttributeError, match=r"Shift leaves no plan_. Sinkhorn\(\) does"):
        _ = moved.plan
    assert not hasattr(moved, "duality_gap")


def test_resampling_draws_from_each_sample():
    P, Q = samples(60, 200)
    Q = 8 * Q
    e = confidence_interval(Shift(), P, Q, n_resamples=200, random_state=0)
    # The value is |shift|^2 / 2, whose slope is the shift; 200 draws know a spread to a twentieth.
    shift = e.estimator.shift_
    exact = math.sqrt((P @ shift).var() / 60 + (Q @ shift).var() / 200)
    assert e.standard_error == pytest.approx(exact, rel=0.2)
    with pytest.raises(ValueError, match="the same for every order of the rows"):
        infotheory.permutation_test(Sinkhorn(), P, Q)


def test_extreme_scales_change_nothing_but_the_scale():
    P, Q = samples()
    plain = transport(P, Q)
    for scale in (1e-70, 1e70):
        moved = transport(scale * P, scale * Q)
        np.testing.assert_allclose(moved.transform(scale * P), scale * plain.transform(P))
        assert moved.value == pytest.approx(scale**2 * plain.value)
        np.testing.assert_allclose(moved.interval, scale**2 * np.array(plain.interval))


def test_atoms_have_an_interval_of_their_size():
    moved = transport(np.repeat([0.0, 1.0], 30), np.repeat([0.0, 2.0], 25))
    # Half of the mass moves by 1, at a cost of 1/2: by hand, without regularisation, .25.
    assert 0 < moved.interval[0] < 0.25 < moved.interval[1] < 0.6


def test_times_meet_times():
    days = pd.Series(pd.date_range("2020", periods=30))
    assert transport(days, days).converged
    with pytest.raises(ValueError, match="times in P and float64 in Q"):
        transport(days, np.arange(30.0))


def test_few_rows_have_no_interval():
    P, Q = samples(60, 10)
    moved = transport(P, Q)
    assert moved.interval is None
    assert any("60 and 10 rows are too few" in note for note in moved.notes)
    assert transport(P, Q, confidence_level=None).notes == ()


def test_a_bias_beyond_the_spread_is_told():
    P, Q = samples(100, 100, d=20)
    moved = transport(P, Q - 2)
    assert any("bias is larger than the spread" in note for note in moved.notes)
    assert not any("larger than" in note for note in transport(P, Q, epsilon=50.0).notes)


def test_what_did_not_converge():
    P, Q = samples()
    with pytest.warns(ConvergenceWarning, match="raise epsilon"):
        moved = transport(P, Q, estimator=Sinkhorn(epsilon=0.01, method="log", max_iter=2))
    assert not moved.converged
    assert moved.duality_gap > 1e-3
    assert moved.interval is moved.standard_error is moved.confidence_level is None
    assert moved.bias == 0
    said = [note for note in moved.notes if note.startswith("No interval: the solver did not")]
    assert len(said) == 1
    assert f"{moved.duality_gap:.2g} (duality_gap)" in said[0]
    assert not any("bias is larger" in note for note in moved.notes)


def test_a_plan_too_large_to_make_says_its_size(monkeypatch):
    monkeypatch.setattr("infotheory._estimators.transport._LARGEST_PLAN", 1000)
    P, Q = samples()
    moved = transport(P, Q, epsilon=0.5)
    assert moved.transform(P).shape == (60, 2)
    with pytest.raises(AttributeError, match="60 x 50 entries"):
        _ = moved.plan


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"epsilon": 0.0}, ValueError, "'epsilon' parameter of Sinkhorn .* Got 0.0 instead"),
        ({"epsilon": math.nan}, ValueError, "Got nan instead"),
        ({"cost": "manhattan"}, ValueError, "'cost' parameter"),
        ({"cost": "precomputed"}, ValueError, "functional.sinkhorn"),
        ({"estimator": "sinkhole"}, ValueError, "auto, sinkhorn"),
        ({"estimator": "light-sb", "cost": "cosine"}, ValueError, "Only 'sinkhorn' takes one"),
        ({"estimator": "low-rank", "cost": np.subtract}, ValueError, "cost must be left out"),
        ({"estimator": infotheory.KSG()}, TypeError, "transport"),
        ({"estimator": StandardScaler}, TypeError, "must be an instance"),
        ({"estimator": make_pipeline(infotheory.KSG())}, TypeError, "map from P to Q"),
        ({"confidence_level": 90}, ValueError, "strictly between 0 and 1, got 90"),
    ],
)
def test_arguments_out_of_their_rule(words, error, message):
    with pytest.raises(error, match=message):
        transport(*samples(), **words)


def test_samples_out_of_their_rule():
    P, Q = samples()
    with pytest.raises(ValueError, match=r"^Q .*(missing|NaN)"):
        transport(P, np.where(Q.max() == Q, np.nan, Q))
    with pytest.raises(ValueError, match=r"^P .*"):
        transport(P.astype(str), Q)
    with pytest.raises(ValueError, match="P has 1 sample"):
        transport(P[:1], Q)
    with pytest.raises(ValueError, match="unit"):
        transport(P, Q).in_base(2)


NAMED = {
    "low-rank": infotheory.LowRankSinkhorn,
    "sparse-monge": infotheory.SparseMonge,
    "semi-discrete": infotheory.SemiDiscrete,
    "light-sb": infotheory.LightSB,
    "sinkhorn-bridge": infotheory.SinkhornBridge,
}


@pytest.mark.parametrize("name", NAMED)
def test_every_estimator_by_its_name(name):
    P, Q = samples(100, 80)
    words = {} if name == "semi-discrete" else {"epsilon": 0.2}
    moved = transport(P, Q, estimator=name, random_state=0, **words)
    assert type(moved.estimator) is NAMED[name]
    assert not words or moved.estimator.epsilon == 0.2
    assert moved.unit == "squared column units"
    assert moved.interval is None
    assert any(f"No interval: {NAMED[name].__name__} knows" in note for note in moved.notes)
    known = moved.estimator
    assert moved.value == (known.value_ if name == "sparse-monge" else moved.cost)
    if name != "sparse-monge":
        # Moving the means takes 4; the spreads differ by a half in each of two columns.
        assert moved.cost == pytest.approx(4.25, rel=0.2)
    assert moved.transform(P[:3]).shape == (3, 2)
    if hasattr(known, "sample"):
        assert moved.sample(P[:3], 0).shape == (3, 2)
    else:
        with pytest.raises(AttributeError, match="learns a map and draws nothing"):
            moved.sample(P[:3], 0)


@pytest.mark.parametrize("name", ["enot", "egeot"])
def test_networks_have_a_cost_too(name):
    pytest.importorskip("torch")
    kind = {"enot": infotheory.ENOT, "egeot": infotheory.EgEOT}[name]
    assert NAMES["transport"][name] is kind
    P, Q = samples(200, 150)
    model = kind(epsilon=0.5, max_iter=3, hidden_layer_sizes=(8,), random_state=0)
    moved = transport(P, Q, estimator=model)
    assert moved.unit == "squared column units"
    # Hardly trained it is the normal plan, whose cost is near that of the exact one.
    exact = gaussian_transport(P.mean(0), np.cov(P.T), Q.mean(0), np.cov(Q.T), 0.5).cost
    assert moved.value == moved.cost == pytest.approx(float(exact), rel=0.15)


def test_the_notes_of_a_divergence_say_what_was_chosen_and_why():
    P, Q = samples()
    for kind, why in (
        ("sinkhorn", "Chose SinkhornDivergence: it estimates what kind='sinkhorn' asks for"),
        ("js", "Chose NeighborsDivergence: the samples are continuous"),
    ):
        e = infotheory.divergence(P, Q, kind=kind, confidence_level=None)
        assert e.notes[0] == f"{why} (2 columns, n = 110)."
    e = infotheory.divergence(P[:, 0], Q[:, 0], kind="wasserstein", confidence_level=None)
    assert e.notes[0].startswith("Chose WassersteinDivergence: it finds an exact plan")


@pytest.mark.parametrize("name", NAMED)
def test_samples_beyond_the_range_of_squares_are_named(name):
    P, Q = samples()
    with pytest.raises(ValueError, match=r"X and y must lie within .*Divide both samples"):
        transport(1e150 * P, 1e150 * Q, estimator=name)


@pytest.mark.parametrize("name", NAMED)
def test_columns_in_another_order_are_refused_by_every_estimator(name):
    P, Q = samples()
    estimator, names = named("transport", name), ["height", "weight"]
    source, target = pd.DataFrame(P, columns=names), pd.DataFrame(Q, columns=names[::-1])
    with pytest.raises(ValueError, match=r"y must have its columns in the order of X"):
        estimator.fit(source, target)


def test_a_cost_that_returns_no_array():
    with pytest.raises(ValueError, match=r"cost must return an array .*got list"):
        transport(*samples(), cost=lambda X, Y: [[1.0] * len(Y)] * len(X))
