"""Bottleneck regressors and classifier: scikit-learn's contract, what they learn, bad input."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_iris  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from infotheory import (  # noqa: E402
    CauchySchwarzBottleneckRegressor,
    VariationalBottleneckClassifier,
    VariationalBottleneckRegressor,
)
from infotheory.functional import (  # noqa: E402
    cauchy_schwarz_mutual_information,
    conditional_cauchy_schwarz_divergence,
)

SMALL = {"hidden_layer_sizes": (16,), "n_components": 3, "max_iter": 60, "random_state": 0}
# Kernels between all rows of a batch: seconds.
LEARNING = (
    pytest.param(CauchySchwarzBottleneckRegressor, marks=pytest.mark.slow),
    VariationalBottleneckRegressor,
)
REGRESSORS = (CauchySchwarzBottleneckRegressor, VariationalBottleneckRegressor)
ALL = (*REGRESSORS, VariationalBottleneckClassifier)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def wave(n=300, seed=0, noise=0.1):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    return X, np.sin(2 * X[:, 0]) + noise * rng.normal(size=n)


# scikit-learn


# Steps enough to learn the data of the checks, and no more.
QUICK = {
    "hidden_layer_sizes": (16,),
    "n_components": 3,
    "max_iter": 40,
    "learning_rate_init": 0.05,
    "random_state": 0,
}


@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks([VariationalBottleneckClassifier(**QUICK)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.usefixtures("global_state_restored")
@parametrize_with_checks([regressor(**QUICK, batch_size=64) for regressor in REGRESSORS])
def test_scikit_learn_checks_of_regressors(estimator, check):
    check(estimator)


def test_pipeline_and_grid_search():
    X, y = wave()
    pipeline = make_pipeline(StandardScaler(), VariationalBottleneckRegressor(**SMALL))
    search = GridSearchCV(pipeline, {"variationalbottleneckregressor__beta": [0.001, 5.0]}, cv=2)
    search.fit(X, y)
    assert search.best_params_ == {"variationalbottleneckregressor__beta": 0.001}
    assert search.best_estimator_[:-1].transform(X).shape == X.shape
    assert search.transform(X).shape == (300, 3)


@pytest.mark.parametrize("kind", ALL)
def test_frames(kind):
    pandas = pytest.importorskip("pandas")
    X, y = wave(100)
    frame = pandas.DataFrame(X, columns=["a", "b"])
    labels = pandas.Series(np.where(y > 0, "up", "down"))
    target = labels if kind is VariationalBottleneckClassifier else pandas.Series(y)
    model = kind(**SMALL).fit(frame, target)
    assert model.feature_names_in_.tolist() == ["a", "b"]
    assert model.predict(frame).shape == (100,)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["b", "a"]])
    names = model.get_feature_names_out()
    assert names.tolist() == [f"{kind.__name__.lower()}{i}" for i in range(3)]
    paired = kind(**SMALL).fit(frame, target.iloc[::-1])
    assert any("different row indexes" in note for note in paired.notes_)


@pytest.mark.parametrize("kind", LEARNING)
def test_several_targets(kind):
    X, y = wave()
    both = np.stack([100 + 10 * y, X[:, 1]], axis=1)
    model = kind(**{**SMALL, "max_iter": 250}, learning_rate_init=0.02).fit(X, both)
    assert model.predict(X).shape == (300, 2)
    assert model.score(X, both) > 0.75
    assert kind(**SMALL).fit(X, both[:, :1]).predict(X).shape == (300, 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ALL)
def test_reproducible_and_global_state_untouched(kind):
    X, y = wave(120)
    target = y > 0 if kind is VariationalBottleneckClassifier else y
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    torch_state = torch.get_rng_state()
    first, second = (kind(**SMALL).fit(X, target) for _ in range(2))
    np.testing.assert_array_equal(first.transform(X), second.transform(X))
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)
    again = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(first.predict(X), again.predict(X))
    other = kind(**{**SMALL, "random_state": 1}).fit(X, target)
    assert not np.array_equal(first.transform(X), other.transform(X))
    assert clone(first).get_params() == first.get_params()


@pytest.mark.parametrize("kind", LEARNING)
def test_units_do_not_matter(kind):
    X, y = wave(120)
    plain = kind(**SMALL).fit(X, y)
    moved = kind(**SMALL).fit(1e4 * X + 3, 1e-3 * y - 7)
    np.testing.assert_allclose(moved.predict(1e4 * X + 3), 1e-3 * plain.predict(X) - 7, atol=1e-5)


def test_construction_needs_no_torch():
    code = (
        "import sys; from infotheory import VariationalBottleneckRegressor as R;"
        "from infotheory import CauchySchwarzBottleneckRegressor as C; R(); C();"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# What they learn


@pytest.mark.parametrize("kind", LEARNING)
def test_a_curve_is_learnt(kind):
    X, y = wave(600)
    model = kind(hidden_layer_sizes=(32,), max_iter=400, learning_rate_init=0.01, random_state=0)
    model.fit(X, y)
    new_X, new_y = wave(500, seed=1)
    assert model.score(new_X, new_y) > 0.85
    assert len(model.loss_curve_) > 1
    assert len(model.validation_scores_) == len(model.loss_curve_) + 1
    assert model.n_iter_ <= 400


def test_labels_are_learnt():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = VariationalBottleneckClassifier(
        hidden_layer_sizes=(32,), max_iter=200, learning_rate_init=0.01, random_state=0
    ).fit(X, names)
    assert model.score(X, names) > 0.94
    assert model.classes_.tolist() == sorted(set(names))
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    assert (model.classes_[p.argmax(axis=1)] == model.predict(X)).all()


@pytest.mark.slow
def test_the_price_is_paid():
    """A higher price, a lower rate; at a high one nothing passes and a note says so."""
    X, y = wave(400)
    rates, scores = [], []
    for beta in (0.003, 0.1, 20.0):
        model = VariationalBottleneckRegressor(
            beta=beta,
            hidden_layer_sizes=(32,),
            max_iter=300,
            learning_rate_init=0.01,
            random_state=0,
        ).fit(X, y)
        rates.append(model.rate_)
        scores.append(model.score(X, y))
    assert rates[0] > rates[1] + 0.5 > rates[2] + 1
    assert rates[2] < 0.01
    assert min(scores[:2]) > 0.8
    assert abs(scores[2]) < 0.05
    assert any("carries nothing" in note for note in model.notes_)


@pytest.mark.slow
def test_the_rate_of_a_normal_pair_is_near_the_closed_form():
    """y = rho x + noise: the linear bottleneck has the price 1 / beta of the normal one."""
    rng = np.random.default_rng(0)
    rho, price = 0.9, 0.2
    x = rng.normal(size=(20_000, 1))
    y = rho * x[:, 0] + math.sqrt(1 - rho**2) * rng.normal(size=20_000)
    model = VariationalBottleneckRegressor(
        beta=price,
        hidden_layer_sizes=(),
        n_components=1,
        batch_size=1000,
        max_iter=3000,
        learning_rate_init=0.01,
        random_state=0,
    ).fit(x, y)
    exact = 0.5 * math.log((1 / price - 1) * rho**2 / (1 - rho**2))
    assert model.rate_ == pytest.approx(exact, abs=4 * model.standard_error_ + 0.03)


@pytest.mark.slow
def test_dependence_falls_with_its_price():
    X, y = wave(400)
    free, dear = (
        CauchySchwarzBottleneckRegressor(
            beta=beta,
            hidden_layer_sizes=(32,),
            max_iter=400,
            learning_rate_init=0.005,
            random_state=0,
        ).fit(X, y)
        for beta in (0.0, 3.0)
    )
    assert 0 <= dear.dependence_ < 0.9 * free.dependence_ < 1
    assert free.score(X, y) > 0.9


def test_the_loss_is_the_published_one():
    """The loss of the rows held out at the start, from the functions alone."""
    X, y = wave(200)
    words = {"beta": 0.3, "bandwidth": 0.4, "bandwidth_y": 0.7, "early_stopping": False}
    model = CauchySchwarzBottleneckRegressor(**{**SMALL, **words}).fit(X, y)
    x = (X - X.mean(axis=0)) / X.std(axis=0)
    target = ((y - y.mean()) / y.std())[:, None]
    t = model.transform(X)
    told = ((model.predict(X) - y.mean()) / y.std())[:, None]
    spread = math.sqrt(2 * t.var(axis=0, ddof=1).sum())
    loss = conditional_cauchy_schwarz_divergence(x, target, told, 0.4, 0.7)
    dependence = cauchy_schwarz_mutual_information(x, t, 0.4, spread, normalized=True)
    assert model.dependence_ == pytest.approx(float(dependence), abs=1e-6)
    best = -max(model.validation_scores_)
    assert best == pytest.approx(float(loss + 0.3 * dependence), abs=1e-4)


def test_the_plain_network():
    X, y = wave(200)
    model = CauchySchwarzBottleneckRegressor(
        **SMALL, beta=0.0, loss="squared-error", early_stopping=False
    ).fit(X, y)
    error = np.mean((model.predict(X) - y) ** 2) / y.var()
    assert -max(model.validation_scores_) == pytest.approx(error, abs=1e-5)


@pytest.mark.parametrize(
    ("bandwidth", "words"), [(1e-9, "far below"), (1e9, "far above"), ("silverman", None)]
)
def test_a_bandwidth_that_sees_nothing_is_noted(bandwidth, words):
    X = np.random.default_rng(0).normal(size=(200, 2))
    model = CauchySchwarzBottleneckRegressor(**{**SMALL, "bandwidth": bandwidth, "max_iter": 5})
    found = [note for note in model.fit(X, X[:, 0]).notes_ if note.startswith("bandwidth = ")]
    assert len(found) == (words is not None)
    assert all(words in note for note in found)


def test_every_class_trains():
    """A class of one row is not among the rows held out."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = np.r_[np.zeros(59, int), 1]
    for seed in range(5):
        model = VariationalBottleneckClassifier(
            hidden_layer_sizes=(4,),
            n_components=2,
            max_iter=3,
            random_state=seed,
            validation_fraction=0.5,
        ).fit(X, y)
        assert model.predict_proba(X).shape == (60, 2)


# Interrupts, notes, bad input


def test_an_interrupt_keeps_the_best_so_far(monkeypatch):
    from infotheory import _bottleneck_networks

    X, y = wave(200)
    calls = []
    whole = _bottleneck_networks.VariationalNetwork.forward

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 30:
            raise KeyboardInterrupt
        return whole(self, *args)

    monkeypatch.setattr(_bottleneck_networks.VariationalNetwork, "forward", interrupted)
    model = VariationalBottleneckRegressor(**SMALL).fit(X, y)
    monkeypatch.undo()
    assert any("interrupted" in note for note in model.notes_)
    assert np.isfinite(model.predict(X)).all()


def test_few_rows_are_noted():
    X, y = wave(8)
    model = VariationalBottleneckRegressor(**SMALL).fit(X, y)
    assert any("none are held out" in note for note in model.notes_)


def test_verbose_shows_a_bar(capsys):
    X, y = wave(60)
    VariationalBottleneckRegressor(**{**SMALL, "max_iter": 20}, verbose=1).fit(X, y)
    assert "VariationalBottleneckRegressor" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("words", "match"),
    [
        ({"beta": -1.0}, "beta"),
        ({"n_components": 0}, "n_components"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes"),
        ({"activation": "step"}, "activation"),
        ({"batch_size": 1}, "batch_size"),
        ({"learning_rate_init": 0.0}, "learning_rate_init"),
        ({"max_iter": 0}, "max_iter"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"device": "abacus"}, "device must be a name that Torch knows, got 'abacus'"),
    ],
)
def test_bad_parameters(kind, words, match):
    X, y = wave(50)
    target = y > 0 if kind is VariationalBottleneckClassifier else y
    with pytest.raises(ValueError, match=match):
        kind(**{**SMALL, **words}).fit(X, target)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ({"bandwidth": 0.0}, "bandwidth"),
        ({"bandwidth_y": "wide"}, "bandwidth_y"),
        ({"loss": "huber"}, "loss"),
    ],
)
def test_bad_parameters_of_kernels(words, match):
    X, y = wave(50)
    with pytest.raises(ValueError, match=match):
        CauchySchwarzBottleneckRegressor(**{**SMALL, **words}).fit(X, y)


@pytest.mark.parametrize("kind", ALL)
def test_bad_rows(kind):
    X, y = wave(50)
    target = y > 0 if kind is VariationalBottleneckClassifier else y
    broken = X.copy()
    broken[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"X .*(missing|NaN)"):
        kind(**SMALL).fit(broken, target)
    with pytest.raises(ValueError, match="same number of rows, got 50 and 49"):
        kind(**SMALL).fit(X, target[1:])
    with pytest.raises(ValueError, match="requires y to be passed"):
        kind(**SMALL).fit(X, None)
    model = kind(**SMALL).fit(X, target)
    with pytest.raises(ValueError, match="3 features"):
        model.predict(np.ones((2, 3)))
    with pytest.raises(ValueError, match="X"):
        model.transform(np.full((2, 2), np.inf))


@pytest.mark.parametrize("kind", REGRESSORS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_targets(kind, bad):
    X, y = wave(50)
    y[7] = bad
    with pytest.raises(ValueError, match="y"):
        kind(**SMALL).fit(X, y)


def test_bad_labels():
    X, y = wave(50)
    with pytest.raises(ValueError, match="Unknown label type"):
        VariationalBottleneckClassifier(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match="1d array"):
        VariationalBottleneckClassifier(**SMALL).fit(X, np.zeros((50, 2), int))


@pytest.mark.parametrize("kind", ALL)
def test_constant_columns_and_targets(kind):
    X, y = wave(50)
    X[:, 1] = 5.0
    assert np.isfinite(kind(**SMALL).fit(X, y > 0).predict(X)).all()
    constant = kind(**SMALL).fit(X, np.full(50, 3))
    np.testing.assert_allclose(constant.predict(X), 3, atol=1.5)


# Units, and what does not vary


@pytest.mark.parametrize("unit", [1e155, 1e-200, 1e300])
def test_units_do_not_matter_however_large(unit):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = X[:, 0] + 0.1 * rng.normal(size=60)
    model = VariationalBottleneckRegressor(max_iter=20, random_state=0)
    plain = model.fit(X, y).predict(X)
    model.fit(unit * X, unit * y)
    np.testing.assert_allclose(model.predict(unit * X) / unit, plain, rtol=1e-3, atol=1e-4)
    assert not any("constant" in note for note in model.notes_)


def test_deviations_beyond_floats_are_refused():
    X = np.arange(20.0)[:, None]
    far = np.where(np.arange(20) < 15, 1.7e308, -1.7e308)
    for words, x, y in (("y must have columns", X, far), ("X must have columns", far[:, None], X)):
        with pytest.raises(ValueError, match=words):
            VariationalBottleneckRegressor(max_iter=5).fit(x, y)


def test_a_constant_target_is_noted():
    X = np.random.default_rng(0).normal(size=(30, 2))
    model = VariationalBottleneckRegressor(max_iter=5, random_state=np.random.default_rng(0))
    assert any("y is constant" in note for note in model.fit(X, np.ones(30)).notes_)
    y = np.column_stack([X[:, 0], np.ones(30)])
    assert any("[1] of y are constant" in note for note in model.fit(X, y).notes_)
    assert not any("constant" in note for note in model.fit(X, X).notes_)


@pytest.mark.parametrize("kind", ALL)
def test_constant_columns_of_x_are_left_out_and_noted(kind):
    X, y = wave(50)
    target = y > 0 if kind is VariationalBottleneckClassifier else y
    X[:, 1] = 5.0
    model = kind(**SMALL).fit(X, target)
    assert "Columns [1] of X are constant: left out, in new rows too." in model.notes_
    other = np.column_stack([X[:, 0], np.linspace(-1e3, 1e3, 50)])
    np.testing.assert_array_equal(model.transform(other), model.transform(X))
    model.fit(np.ones((50, 2)), target)
    assert any(note.startswith("X is constant") for note in model.notes_)


def test_a_single_class_is_noted():
    X, _ = wave(50)
    model = VariationalBottleneckClassifier(**SMALL).fit(X, np.full(50, "a"))
    assert any(note.startswith("y is constant") for note in model.notes_)


def test_training_that_diverges_says_so():
    X, y = wave(50)
    words = {**SMALL, "max_iter": 60, "learning_rate_init": 1e3}
    with pytest.raises(RuntimeError, match="training diverged"):
        CauchySchwarzBottleneckRegressor(**words).fit(X, y)


@pytest.mark.parametrize("kind", ALL)
def test_prices_beyond_floats_are_refused(kind):
    X, y = wave(50)
    with pytest.raises(ValueError, match=r"'beta' .* in the range \[0.0, 1000000000000.0\]"):
        kind(**{**SMALL, "beta": 1e300}).fit(X, y > 0)


def test_a_kernel_of_targets_that_sees_nothing_is_noted():
    X, y = wave(50)
    words = {**SMALL, "max_iter": 5}
    blind = CauchySchwarzBottleneckRegressor(**words, bandwidth_y=1e3).fit(X, y)
    assert any(note.startswith("bandwidth_y = 1e+03 is far above") for note in blind.notes_)
    assert blind.set_params(loss="squared-error").fit(X, y).notes_ == tuple(
        note for note in blind.notes_ if "bandwidth_y" not in note
    )
    seeing = CauchySchwarzBottleneckRegressor(**words).fit(X, y)
    assert not any("bandwidth_y" in note for note in seeing.notes_)


def test_new_rows_beyond_floats_are_refused():
    X, y = wave(50)
    model = VariationalBottleneckRegressor(**SMALL).fit(1e-3 * X, y)
    with pytest.raises(ValueError, match=r"X must be within the range of float64 .* got values up"):
        model.predict(np.full((2, 2), 1.7e308))
