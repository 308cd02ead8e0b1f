"""The checks for estimators can fail: one broken estimator, or more, for each of them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any
from unittest import SkipTest

import numpy as np
import pytest
from broken_estimators import BROKEN, Biased, DrawsFromGlobalTorch, FixedBandwidth
from sklearn.base import BaseEstimator

from infotheory import GaussianEntropy, GaussianMutualInformation
from infotheory.testing import (
    CheckResult,
    check_information_estimator,
    information_checks,
    parametrize_with_information_checks,
)
from infotheory.testing._checks import _ALL
from infotheory.testing._laws import default_laws


def _check(name: str, estimator: Any, **options: Any) -> None:
    (check,) = [c for _, c in information_checks(estimator, **options) if c.name == name]
    check(estimator)


@pytest.mark.parametrize(
    ("name", "estimator"), BROKEN, ids=[f"{name}-{type(e).__name__}" for name, e in BROKEN]
)
def test_a_broken_estimator_fails(name, estimator):
    with pytest.raises((AssertionError, SkipTest)) as failure:
        _check(name, estimator)
    assert failure.type is AssertionError
    assert type(estimator).__name__ in str(failure.value)


def test_every_check_can_fail():
    assert {name for name, _ in BROKEN} == set(_ALL)


def test_drawing_from_torch_is_seen():
    pytest.importorskip("torch")
    with pytest.raises(AssertionError, match="random state of torch"):
        _check("check_global_random_state", DrawsFromGlobalTorch())


# ------------------------------------------------------------------ the three ways to run them


class Histogram(BaseEstimator):
    """An estimator that shares no code with the package: plug-in information of binned rows."""

    def __init__(self, n_bins=6):
        self.n_bins = n_bins

    def fit(self, X, y):
        x, t = (np.asarray(v, dtype=float).reshape(len(v), -1)[:, 0] for v in (X, y))
        table = np.histogram2d(x, t, bins=self.n_bins)[0] / len(x)
        product = np.outer(table.sum(axis=1), table.sum(axis=0))
        seen = table > 0
        self.mutual_information_ = float(np.sum(table[seen] * np.log(table[seen] / product[seen])))
        self.notes_ = ()
        return self


def test_all_failures_are_reported_together():
    with pytest.raises(AssertionError) as failure:
        check_information_estimator(Histogram())
    message = str(failure.value)
    assert message.count("\n- check_") >= 5
    for name in ("check_missing_values", "check_value", "check_fitted_attributes"):
        assert f"- {name}: " in message
    assert "check_translation" not in message


def test_results_name_every_check_once():
    results = check_information_estimator(GaussianMutualInformation())
    assert [r.name for r in results] == list(_ALL)
    assert {r.status for r in results} == {"passed", "skipped"}
    assert all(isinstance(r, CheckResult) for r in results)
    assert all(r.message for r in results if r.status == "skipped")


def test_expected_failures_are_allowed_and_keep_their_reason():
    reasons = dict.fromkeys(
        ("check_value", "check_consistency", "check_interval", "check_independence"),
        "biased on purpose",
    )
    results = check_information_estimator(
        Biased(), expected_failures=reasons, laws={"pointwise-mean": None, "additivity": None}
    )
    found = {r.name: r for r in results if r.status == "expected failure"}
    assert set(found) == set(reasons)
    assert all(r.message.startswith("biased on purpose (") for r in found.values())


def test_names_are_checked():
    with pytest.raises(ValueError, match=r"check_valu\b.*check_value"):
        check_information_estimator(GaussianEntropy(), expected_failures={"check_valu": "?"})
    with pytest.raises(ValueError, match=r"expected_failures"):
        parametrize_with_information_checks(
            [GaussianEntropy()], expected_failures=lambda e: {"other": "?"}
        )
    for laws in ({"translations": None}, {"scale": "roughly"}):
        with pytest.raises(ValueError, match=r"laws must map names among translation, scale"):
            check_information_estimator(GaussianEntropy(), laws=laws)


def test_laws_can_be_declared_absent_by_the_caller_and_by_the_estimator():
    with pytest.raises(SkipTest, match=r"does not hold for this quantity"):
        _check("check_scale", FixedBandwidth(), laws={"scale": None})

    class Declared(FixedBandwidth):
        _information_laws = {"scale": None}

    with pytest.raises(SkipTest):
        _check("check_scale", Declared())
    with pytest.raises(AssertionError, match=r"scale law"):
        _check("check_scale", Declared(), laws={"scale": "sampling"})


def test_a_divergence_of_another_kind_is_not_held_to_the_laws_of_kl():
    for kind, absent in {
        "cauchy-schwarz": {"additivity", "data-processing", "scale"},
        "hellinger": {"additivity"},
        "kl": {"symmetry"},
        "jeffreys": set(),
    }.items():
        laws = default_laws("divergence", kind)
        assert {law for law, claim in laws.items() if claim is None} - {"symmetry"} == (
            absent - {"symmetry"}
        )
        assert (laws["symmetry"] is None) == (kind == "kl")


def test_an_object_without_the_protocol_is_told_what_is_missing():
    class NoValue(BaseEstimator):
        def fit(self, X, y=None):
            return self

    class NoTarget(BaseEstimator):
        def fit(self, X):
            self.entropy_ = 0.0
            return self

    with pytest.raises(AssertionError, match=r"left none of entropy_, mutual_information_"):
        check_information_estimator(NoValue())
    with pytest.raises(AssertionError, match=r"fit\(X, y\)"):
        check_information_estimator(NoTarget())


def test_parametrized_tests_carry_names_and_reasons():
    mark = parametrize_with_information_checks(
        [GaussianEntropy()], expected_failures=lambda e: {"check_scale": "a reason"}
    ).mark
    names, parameters = mark.args
    assert names == ("estimator", "check")
    assert len(parameters) == len(_ALL)
    marked = {p.id: p.marks for p in parameters if p.marks}
    assert list(marked) == ["GaussianEntropy()-check_scale"]
    assert marked["GaussianEntropy()-check_scale"][0].kwargs == {"reason": "a reason"}


def test_the_checks_need_neither_hypothesis_nor_pytest():
    code = (
        "import sys, infotheory\n"
        "infotheory.testing.check_information_estimator(infotheory.GaussianEntropy())\n"
        "loaded = {'hypothesis', 'pytest', 'torch', 'matplotlib'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "assert infotheory.testing.pmfs.__name__ == 'pmfs'\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
