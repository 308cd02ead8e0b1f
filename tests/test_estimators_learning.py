"""Every neural estimator of mutual information learns what its normal reference cannot know.

y = |x| + noise: the two are uncorrelated, so that the reference gives 0, and a network that does
not learn, or learns the wrong way round, gives nothing.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from infotheory import (
    CLUB,
    FLO,
    MINDE,
    MINE,
    NWJ,
    SMILE,
    TUBA,
    DoE,
    DonskerVaradhan,
    InfoNCE,
    InfoSEDD,
    JensenShannonBound,
    LeaveOneOutBound,
    confidence_interval,
)

torch = pytest.importorskip("torch")

from infotheory._variational import VariationalMutualInformation, by_partner  # noqa: E402
from infotheory._xp import array_namespace  # noqa: E402

NOISE = 0.5
VARIANCE_OF_SIZE = 1 - 2 / math.pi  # of |x|
SMALL = {
    "hidden_layer_sizes": 32,
    "max_iter": 100,
    "learning_rate_init": 0.01,
    "n_folds": 2,
    "n_ensemble": 1,
    "random_state": 0,
}
# What 100 steps of 32 units leave unlearnt: at most .03 beyond three standard errors, and nothing
# above, over six samples and every estimator here.
UNLEARNT = 0.05

BOUNDS = [MINE, DonskerVaradhan, NWJ, TUBA, InfoNCE, JensenShannonBound, SMILE, FLO]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 1))
    return x, np.abs(x) + NOISE * rng.normal(size=x.shape)


def information():
    """h(y) - h(noise), where y has a skew-normal density."""
    y, variance = np.linspace(-5, 8, 20_001), 1 + NOISE**2
    density = 2 * norm.pdf(y, scale=math.sqrt(variance))
    density *= norm.cdf(y / (NOISE * math.sqrt(variance)))
    entropy = -np.trapezoid(density * np.log(density), y)
    return float(entropy) - 0.5 * math.log(2 * math.pi * math.e * NOISE**2)


def assert_learnt(fitted, truth):
    assert abs(fitted.mutual_information_ - truth) < 3 * fitted.standard_error_ + UNLEARNT
    # Far from the 0 of the reference, or the first line would say little.
    assert 3 * fitted.standard_error_ + UNLEARNT < 0.35 * truth


def test_the_law_has_no_correlation_but_information(rows):
    assert abs(np.corrcoef(rows[0], rows[1], rowvar=False)[0, 1]) < 3.3 / math.sqrt(1000)
    assert information() == pytest.approx(0.4315, abs=1e-4)


# Normalised by the batch, not normalised, by classification, and with a ratio that is learnt.
QUICK = (DonskerVaradhan, NWJ, InfoNCE, FLO)


@pytest.mark.parametrize(
    "Bound",
    [*QUICK, *(pytest.param(B, marks=pytest.mark.slow) for B in BOUNDS if B not in QUICK)],
)
def test_critics_learn(Bound, rows):
    assert_learnt(Bound(**SMALL).fit(*rows), information())


@pytest.mark.parametrize("Law", [DoE, LeaveOneOutBound])
def test_conditional_laws_learn(Law, rows):
    # DoE: a normal law for y would be .017 too much, which is inside the tolerance.
    assert_learnt(Law(**SMALL).fit(*rows), information())


def test_club_learns(rows):
    # E ln q(y | x) with rows together less that with rows apart, of which |x| differs.
    assert_learnt(CLUB(**SMALL).fit(*rows), VARIANCE_OF_SIZE / NOISE**2)


@pytest.mark.parametrize("variant", ["conditional", pytest.param("joint", marks=pytest.mark.slow)])
def test_denoisers_learn_by_each_form(variant, rows):
    # y is diffused, since its law given x is normal: x given y has two peaks, which takes longer.
    x, y = rows
    fitted = MINDE(variant=variant, **SMALL).fit(y, x)
    assert_learnt(fitted, information())
    # The same networks; the squared differences vary less from row to row than the gap.
    assert list(fitted.forms_) == ["gap", "inside", "outside"]
    for value in fitted.forms_.values():
        assert abs(value - information()) < 3 * fitted.standard_error_ + UNLEARNT


@pytest.mark.parametrize("variant", [pytest.param("conditional", marks=pytest.mark.slow), "joint"])
def test_guesses_learn(variant):
    rng = np.random.default_rng(0)
    x = rng.integers(2, size=(1000, 3))
    y = np.where(rng.random(x.shape) < 0.1, 1 - x, x)
    truth = 3 * (math.log(2) + 0.1 * math.log(0.1) + 0.9 * math.log(0.9))
    assert_learnt(InfoSEDD(variant=variant, **SMALL).fit(x, y), truth)


# A bound of one's own: one function and one small class.


def power_bound(joint, product):
    """E f - 2 (sqrt(E e^f) - 1): between Donsker-Varadhan and NWJ, as 2 (sqrt(m) - 1) >= ln m."""
    xp = array_namespace(joint, product)
    mean = xp.mean(xp.exp(product), axis=-1)
    return xp.mean(joint, axis=-1) - 2 * (xp.sqrt(mean) - 1)


class PowerBound(VariationalMutualInformation):
    def _objective(self):
        return lambda scores: power_bound(scores.joint, scores.product.flatten(1))

    def _value(self, scores):
        return float(power_bound(scores.joint, scores.product.ravel()))

    def _influence(self, scores):
        weight = np.exp(scores.product)
        weight = weight / math.sqrt(weight.mean())
        return scores.joint - weight.mean(axis=1) - by_partner(weight, scores.shifts)


def test_a_bound_of_ones_own(rows):
    x, y = rows
    fitted = PowerBound(**SMALL).fit(x, y)
    assert_learnt(fitted, information())
    dv, nwj = (Bound(**SMALL).fit(x, y).standard_error_ for Bound in (DonskerVaradhan, NWJ))
    assert fitted.standard_error_ == pytest.approx((dv + nwj) / 2, rel=0.25)
    assert fitted.pointwise_.mean() == pytest.approx(fitted.mutual_information_, abs=1e-9)
    assert fitted.score(x, y) == pytest.approx(fitted.mutual_information_, abs=0.1)
    low, high = confidence_interval(PowerBound(**SMALL), x, y).interval
    assert low < fitted.mutual_information_ < high
