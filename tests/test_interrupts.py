"""Ctrl-C: one fit keeps its best weights, and what makes several fits ends."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from infotheory import (
    DiffusionEntropy,
    DonskerVaradhan,
    EntropySum,
    confidence_interval,
    entropy,
    mutual_information,
    mutual_information_matrix,
    permutation_test,
)
from infotheory._interrupts import Watch, catch, deferred
from infotheory._neural import import_torch
from infotheory._resampling import evaluate
from infotheory.testing import check_information_estimator

N = 60
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, N, 1))


class Network(BaseEstimator):
    """A network whose training catches an interrupt in the fit of this number."""

    fits: list[int] = []

    def __init__(self, at=None, quantity="mutual_information"):
        self.at = at
        self.quantity = quantity

    def fit(self, X, y=None):
        Network.fits.append(len(X))
        if len(Network.fits) - 1 == self.at:
            catch()
        setattr(self, f"{self.quantity}_", float(np.mean(X)))
        return self


class SureNetwork(Network):
    """The same with an error of its own, so that its interval takes one fit."""

    def fit(self, X, y=None):
        self.standard_error_ = 0.1
        return super().fit(X, y)


@pytest.fixture(autouse=True)
def no_fits() -> None:
    Network.fits.clear()


@pytest.mark.parametrize("at", [0, 1, 4])
def test_a_permutation_test_ends(at):
    with pytest.raises(KeyboardInterrupt, match="ended: the training of a network was interrupt"):
        permutation_test(Network(at), X, Y, n_permutations=9)
    assert len(Network.fits) == at + 1


def test_the_subsamples_of_an_interval_end():
    with pytest.raises(KeyboardInterrupt, match="The loop over subsamples ended"):
        confidence_interval(Network(3), X, Y)
    assert len(Network.fits) == 4


def test_an_interrupted_fit_keeps_its_value_and_begins_no_other():
    e = confidence_interval(Network(0), X, Y)
    assert e.value == np.mean(X)
    assert e.interval is None
    assert any("no other was begun" in note for note in e.notes)
    assert len(Network.fits) == 1
    Network.fits.clear()
    e = mutual_information(X, Y, estimator=SureNetwork(0), n_permutations=9)
    assert e.interval is not None
    assert e.p_value is None
    assert any("No p-value: training was interrupted" in note for note in e.notes)
    assert len(Network.fits) == 1


def test_the_doors_and_the_matrix_end():
    with pytest.raises(KeyboardInterrupt):
        mutual_information(X, Y, estimator=SureNetwork(2), n_permutations=9)
    assert len(Network.fits) == 3
    Network.fits.clear()
    few = entropy(X[:10], estimator=Network(0, "entropy"))  # too few rows for an interval
    assert few.interval is None
    assert len(Network.fits) == 1
    Network.fits.clear()
    table = np.hstack([X, Y, X + Y])
    with pytest.raises(KeyboardInterrupt, match="The matrix ended"):
        mutual_information_matrix(table, estimator=SureNetwork(1))
    assert len(Network.fits) == 2


def test_a_sum_of_entropies_ends():
    with pytest.raises(KeyboardInterrupt, match="The sum of entropies ended"):
        EntropySum(Network(1, "entropy")).fit(X, Y)
    assert len(Network.fits) == 2


def test_the_checks_of_an_estimator_end():
    with pytest.raises(KeyboardInterrupt, match="The checks ended"):
        check_information_estimator(Network(3))
    assert len(Network.fits) < 10


def test_an_interrupt_before_the_loop_is_not_its_own():
    catch()
    watch = Watch()
    assert not watch.interrupted
    assert evaluate(lambda a: a, [1.0, 2.0], total=2).tolist() == [1.0, 2.0]
    assert permutation_test(Network(), X, Y, n_permutations=3).p_value is not None


# ------------------------------------------------------------------ real networks

SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (4,),
    "n_folds": 2,
    "n_ensemble": 1,
    "max_iter": 6,
    "random_state": 0,
}


def interrupt(monkeypatch: pytest.MonkeyPatch, training: int) -> list[int]:
    """Ctrl-C in the second step of this training; the numbers of those that began."""
    torch = pytest.importorskip("torch")
    from infotheory import _training

    began: list[int] = []
    steps = [0]

    class Optimizer(torch.optim.AdamW):
        def __init__(self, *arguments: Any, **words: Any) -> None:
            super().__init__(*arguments, **words)
            began.append(len(began))
            steps[0] = 0

        def step(self, closure: Any = None) -> Any:
            steps[0] += 1
            if began[-1] == training and steps[0] == 2:
                raise KeyboardInterrupt
            return super().step(closure)

    monkeypatch.setattr(_training.torch.optim, "AdamW", Optimizer)
    return began


def test_a_conditional_difference_ends_with_its_first_half(monkeypatch):
    began = interrupt(monkeypatch, 0)
    with pytest.raises(KeyboardInterrupt, match="A difference of two informations ended"):
        DonskerVaradhan(**SMALL).fit(X, Y, condition=X + Y)
    assert began == [0]


def test_a_conditional_difference_says_that_its_second_half_was_interrupted(monkeypatch):
    began = interrupt(monkeypatch, 1)
    fitted = DonskerVaradhan(**SMALL).fit(X, Y, condition=X + RNG.normal(size=(N, 1)))
    assert began == [0, 1]
    assert any("interrupted after 1 steps" in note for note in fitted.notes_)


def test_a_permutation_test_of_networks_ends(monkeypatch):
    began = interrupt(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt, match="The loop over permutations ended"):
        permutation_test(DonskerVaradhan(**SMALL), X, Y, n_permutations=9)
    assert began == [0, 1, 2]


def test_an_entropy_of_several_margins_ends_with_the_first(monkeypatch):
    began = interrupt(monkeypatch, 0)
    fitted = DiffusionEntropy(**SMALL).fit(X)
    assert began == [0]
    assert fitted.margins_ == "raw"
    assert any("not compared in full" in note for note in fitted.notes_)
    assert any("interrupted after 1 steps" in note for note in fitted.notes_)


def test_an_interrupt_waits_for_the_import_of_torch(monkeypatch, tmp_path):
    (tmp_path / "torch.py").write_text(
        "import signal\nsignal.raise_signal(signal.SIGINT)\nwhole = sum(range(1000))\n"
    )
    # First an entry, so that what was there is put back.
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.syspath_prepend(tmp_path)
    # Processes that run tests side by side ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            import_torch("MINE")
        assert sys.modules["torch"].whole == sum(range(1000))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        import_torch("MINE")
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_and_handlers_keep_their_way():
    done = []

    def enter():
        with deferred():
            done.append(signal.getsignal(signal.SIGINT))

    worker = threading.Thread(target=enter)
    worker.start()
    worker.join()
    assert done == [signal.getsignal(signal.SIGINT)]
    came = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        with deferred():
            signal.raise_signal(signal.SIGINT)
            assert came == []
        assert came == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)
