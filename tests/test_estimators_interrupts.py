"""Training that ends early: by Ctrl-C with the value of the best state, by divergence with none."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.base import clone

from infotheory import (
    CLUB,
    MINDE,
    MINE,
    DiffusionDivergence,
    DiffusionEntropy,
    DoE,
    DonskerVaradhan,
    InfoSEDD,
    LeaveOneOutBound,
    VariationalDivergence,
    WassersteinDependency,
    two_samples,
)

torch = pytest.importorskip("torch")

from infotheory import _training  # noqa: E402

# Checks after 10, 20, 30 and 40 steps.
SMALL = {
    "hidden_layer_sizes": 16,
    "max_iter": 40,
    "learning_rate_init": 0.02,
    "n_folds": 2,
    "n_ensemble": 1,
    "random_state": 0,
}


def pair():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 1))
    return np.abs(x) + 0.3 * rng.normal(size=x.shape), x


def two_peaks():
    rng = np.random.default_rng(0)
    return rng.choice([-1.0, 1.0], size=(400, 1)) + 0.2 * rng.normal(size=(400, 1))


def peaks_and_none():
    return two_samples(two_peaks(), 1.02 * np.random.default_rng(1).normal(size=(400, 1)))


def bits():
    rng = np.random.default_rng(0)
    x = rng.integers(2, size=(400, 2))
    return x, np.where(rng.random(x.shape) < 0.1, 1 - x, x)


# Estimator, data, and steps of networks that are trained before the last ones.
CASES = {
    "DonskerVaradhan": (DonskerVaradhan(**SMALL), pair, 0),
    "MINE": (MINE(**SMALL), pair, 0),
    "DoE": (DoE(**SMALL), lambda: pair()[::-1], 0),
    "MINDE": (MINDE(**SMALL), pair, 40),
    "InfoSEDD": (InfoSEDD(**SMALL), bits, 0),
    "WassersteinDependency": (WassersteinDependency(method="critic", **SMALL), pair, 0),
    "VariationalDivergence": (VariationalDivergence(**SMALL), peaks_and_none, 0),
    "DiffusionDivergence": (DiffusionDivergence(**SMALL), peaks_and_none, 0),
    "DiffusionEntropy": (DiffusionEntropy(margins="raw", **SMALL), lambda: (two_peaks(),), 0),
}


@pytest.fixture
def interrupted(monkeypatch) -> Iterator:
    """Fit with an interrupt after so many steps."""

    def fit(estimator, data, after):
        steps, clip = iter(range(after)), _training._clip

        def limited(*args):
            if next(steps, None) is None:
                raise KeyboardInterrupt
            clip(*args)

        with monkeypatch.context() as patch:
            patch.setattr(_training, "_clip", limited)
            return clone(estimator).fit(*data)

    return fit


def value_of(fitted):
    names = ("mutual_information_", "divergence_", "entropy_")
    return next(getattr(fitted, name) for name in names if hasattr(fitted, name))


def weights_of(fitted):
    stack = fitted._result.model if hasattr(fitted, "_result") else fitted._stack
    return list(stack.network.parameters())


def same(a, b):
    return all(torch.equal(v, w) for v, w in zip(weights_of(a), weights_of(b), strict=True))


@pytest.mark.parametrize(
    ("estimator", "data", "before"),
    [
        pytest.param(*case, id=name, marks=[pytest.mark.slow] if name == "MINDE" else [])
        for name, case in CASES.items()
    ],
)
def test_an_interrupt_keeps_the_best_state(estimator, data, before, interrupted):
    data = data()
    start, soon, later = (interrupted(estimator, data, before + after) for after in (0, 23, 28))
    # The last check was after 20 steps, and what came since is forgotten.
    assert any("interrupted after 28 steps" in note for note in later.notes_)
    assert any("best weights so far" in note for note in later.notes_)
    assert max(later.validation_scores_) > later.validation_scores_[0]
    assert same(soon, later)
    assert not same(start, later)
    # Denoising draws noise for the evaluation too, whose part in the value is below .01.
    assert value_of(later) == pytest.approx(value_of(soon), abs=0.01)
    assert abs(value_of(later) - value_of(start)) > 0.02


ALL = {
    **{name: case[:2] for name, case in CASES.items()},
    "MINDE, joint": (MINDE(variant="joint", **SMALL), pair),
    "CLUB": (CLUB(**SMALL), pair),
    "LeaveOneOutBound": (LeaveOneOutBound(**SMALL), pair),
}


@pytest.mark.parametrize(("estimator", "data"), ALL.values(), ids=ALL)
def test_a_loss_that_is_no_number_gives_no_value(estimator, data, monkeypatch):
    def broken(parameters, max_norm):
        for p in parameters:
            if p.grad is not None:
                p.grad.fill_(float("nan"))

    monkeypatch.setattr(_training, "_clip", broken)
    fresh = clone(estimator)
    with pytest.raises(_training.TrainingError, match="not finite after 10 steps"):
        fresh.fit(*data())
    assert issubclass(_training.TrainingError, RuntimeError)
    assert not any(hasattr(fresh, name) for name in ("mutual_information_", "divergence_"))
