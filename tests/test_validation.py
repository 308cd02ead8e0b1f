"""Raw input: what is refused and how the message helps, what is accepted and what it means."""

from __future__ import annotations

import datetime
import enum
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal

from infotheory import (
    KSG,
    DiscreteDivergence,
    DiscreteEntropy,
    DiscreteMutualInformation,
    GaussianDivergence,
    GaussianEntropy,
    GaussianMutualInformation,
    MixedKSG,
    NeighborsDivergence,
    NeighborsEntropy,
    conditional_mutual_information,
    confidence_interval,
    divergence,
    entropy,
    mutual_information,
    mutual_information_matrix,
    permutation_test,
    two_samples,
)
from infotheory._validation import describe, take_rows

N = 40
BARE = {"confidence_level": None}


def _numbers(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=N)


REAL, OTHER = _numbers(0), _numbers(1)

# Every call takes one argument of that name from the caller and sound data for the rest.
CALLS = {
    "entropy": ("X", lambda v: entropy(v, **BARE)),
    "mutual_information X": ("X", lambda v: mutual_information(v, OTHER, **BARE)),
    "mutual_information y": ("y", lambda v: mutual_information(REAL, v, **BARE)),
    "conditional X": ("X", lambda v: conditional_mutual_information(v, OTHER, REAL, **BARE)),
    "conditional y": ("y", lambda v: conditional_mutual_information(REAL, v, OTHER, **BARE)),
    "conditional condition": (
        "condition",
        lambda v: conditional_mutual_information(REAL, OTHER, v, **BARE),
    ),
    "divergence P": ("P", lambda v: divergence(v, OTHER, **BARE)),
    "divergence Q": ("Q", lambda v: divergence(REAL, v, **BARE)),
    "matrix X": ("X", lambda v: mutual_information_matrix(v, OTHER, **BARE)),
    "matrix y": ("y", lambda v: mutual_information_matrix(REAL, v, **BARE)),
    "confidence_interval X": ("X", lambda v: confidence_interval(KSG(), v, OTHER)),
    "confidence_interval y": ("y", lambda v: confidence_interval(KSG(), REAL[:, None], v)),
    "permutation_test X": ("X", lambda v: permutation_test(KSG(), v, OTHER, n_permutations=1)),
    "permutation_test y": (
        "y",
        lambda v: permutation_test(KSG(), REAL[:, None], v, n_permutations=1),
    ),
    "two_samples P": ("P", lambda v: two_samples(v, OTHER)),
    "two_samples Q": ("Q", lambda v: two_samples(REAL, v)),
}


def _with(value: Any, dtype: Any = float) -> np.ndarray:
    column = REAL.astype(dtype)
    column[3] = value
    return column[:, None]


# A bad value, the exception, and what the message must hold: the value and the next step.
BAD = {
    "nan": (_with(np.nan), ValueError, r"NaN\) at row 3, column 0.*Drop those rows"),
    "inf": (_with(np.inf), ValueError, r"\(inf\) at row 3.*finite.*Drop those rows"),
    "complex": (_with(1j, complex), ValueError, r"complex128.*real and the imaginary part"),
    "empty": (np.empty((0, 1)), ValueError, r"shape=\(0, 1\).*at least two rows"),
    "no columns": (np.empty((N, 0)), ValueError, r"shape=\(40, 0\).*at least one column"),
    "one row": (np.ones((1, 1)), ValueError, r"1 sample|1 and 40|40 and 1"),
    "3-D": (np.ones((N, 2, 2)), ValueError, r"shape \(40, 2, 2\).*reshape"),
    "0-D": (np.float64(3.0), ValueError, r"shape \(\).*reshape"),
    "ragged": ([[1.0, 2.0], [3.0]], ValueError, r"different lengths.*Pad or drop"),
    "None": (None, ValueError, r"None.*Pass an array|None.*Use mutual_information"),
    "sparse": (scipy.sparse.eye_array(N).tocsr(), TypeError, r"toarray\(\)"),
    "missing label": (_with(None, object), ValueError, r"\(None\) at row 3.*Drop those rows|NaN"),
    "unhashable": (_with([1], object), TypeError, r"list.*Convert each label|list.*Encode"),
}
# two_samples only stacks: what the rows hold is checked where they are used.
LEFT_TO_THE_FIT = {"nan", "inf", "complex", "one row", "missing label", "unhashable"}


GRID = [
    (call, bad)
    for call in CALLS
    for bad in BAD
    if not (call.startswith("two_samples") and bad in LEFT_TO_THE_FIT)
    and (call, bad) != ("matrix y", "None")  # the columns of X with each other
]


@pytest.mark.parametrize(("call", "bad"), GRID)
def test_bad_input_is_refused_with_the_argument_the_value_and_the_next_step(call, bad):
    argument, function = CALLS[call]
    value, exception, words = BAD[bad]
    with pytest.raises(exception, match=words) as error:
        function(value)
    assert f"{argument} " in str(error.value) or f"{argument}." in str(error.value)


@pytest.mark.parametrize(
    "call", [c for c in CALLS if c.startswith(("confidence_interval", "permutation_test"))]
)
def test_text_is_refused_where_numbers_are_needed(call):
    argument, function = CALLS[call]
    words = rf"{argument} must hold numbers, but column 0 holds .*'red'.*Encode"
    with pytest.raises(ValueError, match=words):
        function(np.array([["red"], ["green"]] * (N // 2)))
    with pytest.raises(ValueError, match=words):
        function(np.array([["red"], ["green"]] * (N // 2), dtype=object))


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: mutual_information(REAL, OTHER[:30]), ("X", "y")),
        (lambda: conditional_mutual_information(REAL, OTHER, OTHER[:30]), ("X", "condition")),
        (lambda: mutual_information_matrix(REAL[:, None], OTHER[:30]), ("X", "y")),
        (lambda: confidence_interval(KSG(), REAL[:, None], OTHER[:30]), ("X", "y")),
        (lambda: permutation_test(KSG(), REAL[:, None], OTHER[:30]), ("X", "y")),
        (lambda: MixedKSG().fit(REAL[:, None], OTHER, condition=OTHER[:30]), ("X", "condition")),
    ],
)
def test_different_lengths_are_named_with_both_numbers(call, names):
    words = rf"{names[0]} and {names[1]} must have the same number of rows, got 40 and 30.*Pair"
    with pytest.raises(ValueError, match=words):
        call()


def test_the_samples_of_a_divergence_may_differ_in_length_but_not_in_columns():
    assert divergence(REAL, OTHER[:30], **BARE).n_samples == 70
    words = r"P and Q must have the same number of columns, got 1 and 2"
    with pytest.raises(ValueError, match=words):
        divergence(REAL, np.column_stack([OTHER, OTHER]))
    frame = pd.DataFrame({"a": REAL})
    words = r"same columns, got \['a'\] and \['b'\]\. Select and order"
    with pytest.raises(ValueError, match=words):
        divergence(frame, frame.rename(columns={"a": "b"}))


@pytest.mark.parametrize("other", [REAL, np.arange(N)], ids=["floats", "integers"])
def test_text_against_numbers_is_a_slip(other):
    labels = np.array(["a", "b"] * 20)
    words = r"Column 0 of P and Q.*text or labels in P and numbers in Q.*discrete=True"
    with pytest.raises(ValueError, match=words):
        divergence(labels, other)
    assert float(divergence(labels, other, discrete=True, **BARE)) > 0


@pytest.mark.parametrize("estimator", [GaussianDivergence(), NeighborsDivergence()])
@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros(N, dtype=int), r"y must have exactly two classes.*got 1 class\. .*two_samples"),
        (np.arange(N) % 3, r"y must have exactly two classes.*got 3 classes"),
        (OTHER, r"y must have exactly two classes.*got 40 classes"),
        (np.column_stack([np.arange(N) % 2] * 2), r"y must be one column of labels, got 2"),
        (np.arange(N) < 1, r"class .* of y"),
    ],
    ids=["one class", "three classes", "numbers", "two columns", "one row in a class"],
)
def test_labels_of_two_samples(estimator, labels, words):
    with pytest.raises(ValueError, match=words):
        estimator.fit(REAL[:, None], labels)


# ------------------------------------------------------------------ parameters


@pytest.mark.parametrize(
    ("options", "exception", "words"),
    [
        ({"base": 0}, ValueError, r"base must be .*got 0\. Use 2 for bits"),
        ({"base": 1}, ValueError, r"base .*got 1\."),
        ({"base": -2}, ValueError, r"base .*got -2"),
        ({"base": 0.5}, ValueError, r"base must be a number greater than 1, got 0\.5"),
        ({"base": np.nan}, ValueError, r"base .*got nan"),
        ({"base": "2"}, TypeError, r"base .*got '2'"),
        ({"confidence_level": 90}, ValueError, r"confidence_level .*got 90\. Use 0\.9"),
        ({"confidence_level": 0.0}, ValueError, r"confidence_level .*got 0\.0"),
        ({"confidence_level": 1.0}, ValueError, r"confidence_level .*got 1\.0"),
        ({"confidence_level": np.nan}, ValueError, r"confidence_level .*got nan"),
        ({"confidence_level": "high"}, TypeError, r"confidence_level .*got 'high'"),
        ({"n_permutations": -1}, ValueError, r"n_permutations .*got -1\. Use 0"),
        ({"n_permutations": 9.5}, TypeError, r"n_permutations .*got 9\.5"),
        ({"n_permutations": "9"}, TypeError, r"n_permutations .*got '9'"),
        ({"n_permutations": True}, TypeError, r"n_permutations .*got True"),
        ({"random_state": "seed"}, ValueError, r"random_state .*got 'seed'\. An int"),
        ({"n_jobs": "all"}, ValueError, r"n_jobs"),
        ({"estimator": "kgs"}, ValueError, r"estimator must be one of auto, .*got 'kgs'\. Pass"),
        ({"estimator": None}, TypeError, r"estimator must be a name or an object with fit"),
        ({"estimator": 3}, TypeError, r"estimator .*got 3"),
        ({"estimator": KSG}, TypeError, r"estimator must be an instance.*Write KSG\(\)"),
        ({"discrete": "yes"}, ValueError, r"discrete must be None, True, False .*got 'yes'"),
        ({"discrete": [True, False]}, ValueError, r"discrete .*\(1 columns\), got \[True, False\]"),
    ],
)
@pytest.mark.parametrize("door", [mutual_information, divergence, mutual_information_matrix])
def test_wrong_parameters_of_the_doors(door, options, exception, words):
    with pytest.raises(exception, match=words):
        door(REAL, OTHER, **{"random_state": 0, **options})


@pytest.mark.parametrize("door", [mutual_information, mutual_information_matrix])
@pytest.mark.parametrize("discrete", [(True,), (True, False, True)])
def test_discrete_as_a_tuple_has_one_entry_an_argument(door, discrete):
    with pytest.raises(ValueError, match=r"one entry for each of the 2 arguments, got \(True"):
        door(REAL, OTHER, discrete=discrete)


@pytest.mark.parametrize(
    ("call", "quantity", "got"),
    [
        (lambda: entropy(REAL, estimator=KSG()), "entropy", "KSG"),
        (
            lambda: mutual_information(REAL, OTHER, estimator=NeighborsDivergence()),
            "mutual information",
            "NeighborsDivergence",
        ),
        (lambda: divergence(REAL, OTHER, estimator=MixedKSG()), "divergence", "MixedKSG"),
        (
            lambda: divergence(REAL, OTHER, estimator=NeighborsEntropy()),
            "divergence",
            "NeighborsEntropy",
        ),
    ],
)
def test_an_estimator_of_another_quantity_is_refused(call, quantity, got):
    with pytest.raises(TypeError, match=rf"estimator must estimate {quantity}, got {got}\(\)"):
        call()


def test_kinds_that_are_not_built_are_refused():
    with pytest.raises(ValueError, match=r"kind must be one of kl, .*got 'sinkhorn'"):
        divergence(REAL, OTHER, kind="sinkhorn")
    with pytest.raises(ValueError, match=r"kind"):
        divergence(REAL, OTHER, kind="js", estimator="gaussian")
    with pytest.raises(ValueError, match=r"kind='js' contradicts .*NeighborsDivergence\(kind='js'"):
        divergence(REAL, OTHER, kind="js", estimator=NeighborsDivergence())


@pytest.mark.parametrize(
    ("options", "exception", "words"),
    [
        ({"method": "bootstrap"}, ValueError, r"method must be one of auto.*got 'bootstrap'\. Use"),
        ({"method": "analytic"}, ValueError, r"'analytic' is not offered by KSG; it offers infl"),
        ({"n_resamples": 5}, ValueError, r"n_resamples must be at least 10, got 5\. A standard"),
        ({"n_resamples": 20.5}, TypeError, r"n_resamples must be an integer, got 20\.5"),
        ({"confidence_level": None}, TypeError, r"confidence_level .*got None"),
    ],
)
def test_wrong_parameters_of_an_interval(options, exception, words):
    with pytest.raises(exception, match=words):
        confidence_interval(KSG(), REAL[:, None], OTHER, **options)


@pytest.mark.parametrize("function", [confidence_interval, permutation_test])
def test_intervals_and_tests_need_an_instance(function):
    with pytest.raises(TypeError, match=r"estimator must be an object with fit.*got 'ksg'"):
        function("ksg", REAL[:, None], OTHER)
    with pytest.raises(TypeError, match=r"got the class KSG\. Write KSG\(\)"):
        function(KSG, REAL[:, None], OTHER)


def test_a_permutation_test_needs_a_null_hypothesis():
    words = r"got NeighborsEntropy: an entropy is the same for every order"
    with pytest.raises(ValueError, match=words):
        permutation_test(NeighborsEntropy(), REAL[:, None], OTHER)
    with pytest.raises(ValueError, match=r"n_permutations must be at least 1, got 0\. Use 199"):
        permutation_test(KSG(), REAL[:, None], OTHER, n_permutations=0)


@pytest.mark.parametrize(
    "fit",
    [
        lambda: NeighborsEntropy(n_neighbors=N).fit(REAL[:, None]),
        lambda: KSG(n_neighbors=N).fit(REAL[:, None], OTHER),
        lambda: MixedKSG(n_neighbors=N).fit(REAL[:, None], OTHER),
        lambda: NeighborsDivergence(n_neighbors=N).fit(REAL[:, None], np.arange(N) % 2),
    ],
)
def test_more_neighbours_than_rows(fit):
    with pytest.raises(ValueError, match=r"n_neighbors = 40 and n_samples = .*Lower n_neighbors"):
        fit()


@pytest.mark.parametrize(
    "estimator",
    [
        KSG(n_neighbors=0),
        KSG(n_neighbors=2.5),
        KSG(variant=3),
        KSG(metric="manhattan"),
        KSG(margins="ranks"),
        GaussianEntropy(shrinkage=1.5),
        GaussianMutualInformation(copula="yes"),
        DiscreteEntropy(method="best"),
        DiscreteEntropy(n_categories=0),
        DiscreteEntropy(method="bayes", pseudocount=-1.0),
        NeighborsDivergence(kind="hellinger"),
    ],
    ids=repr,
)
def test_wrong_parameters_of_estimators_name_themselves_and_their_value(estimator):
    ((name, value),) = (
        (k, v)
        for k, v in estimator.get_params().items()
        if v != type(estimator)().get_params()[k]
        if k != "method" or v == "best"
    )
    with pytest.raises(ValueError, match=rf"'{name}' parameter of .*Got {value!r} instead"):
        estimator.fit(REAL[:, None], np.arange(N) % 2)


def test_fewer_categories_than_were_seen():
    words = r"n_categories = 2 and 3 seen\. Leave it None or raise it"
    with pytest.raises(ValueError, match=words):
        DiscreteEntropy(n_categories=2).fit([["a"], ["b"], ["c"]])
    with pytest.raises(ValueError, match=r"seen in y.*n_categories = 2 and 3 seen"):
        DiscreteMutualInformation(n_categories=(3, 2)).fit([[0], [1], [2]], [0, 1, 2])
    with pytest.raises(ValueError, match=r"one number or one a variable .*got \(3, 3, 3\)"):
        DiscreteMutualInformation(n_categories=(3, 3, 3)).fit([[0], [1], [2]], [0, 1, 2])


def test_more_columns_than_rows_need_shrinkage():
    X = np.random.default_rng(0).normal(size=(10, 12))
    with pytest.raises(ValueError, match=r"n_samples = 10, columns = 12.*shrinkage='ledoit-wolf'"):
        GaussianEntropy().fit(X)
    assert np.isfinite(GaussianEntropy(shrinkage="ledoit-wolf").fit(X).entropy_)


def test_a_condition_has_no_second_variant():
    with pytest.raises(ValueError, match=r"variant = 2 with a condition\. Use variant=1"):
        KSG(variant=2).fit(REAL[:, None], OTHER, condition=_numbers(2))


# ------------------------------------------------------------------ constant columns

CONSTANT = np.full(N, 2.5)


@pytest.mark.parametrize(
    ("constant", "other", "estimator"),
    [
        (CONSTANT, OTHER, "auto"),
        (CONSTANT, OTHER, "ksg"),
        (CONSTANT, OTHER, "gaussian"),
        (CONSTANT, OTHER, "mixed-ksg"),
        (CONSTANT, np.arange(N) % 3, "auto"),
        (np.zeros(N, dtype=int), OTHER, "auto"),
        (np.zeros(N, dtype=int), np.arange(N) % 3, "auto"),
        (["same"] * N, np.arange(N) % 3, "auto"),
        (CONSTANT, CONSTANT, "auto"),
        (CONSTANT, CONSTANT, "ksg"),
        (["same"] * N, ["same"] * N, "auto"),
    ],
)
def test_a_constant_shares_no_information_and_the_notes_say_so(constant, other, estimator):
    for pair in ((constant, other), (other, constant)):
        e = mutual_information(*pair, estimator=estimator, random_state=0)
        assert e.value == 0.0
        assert any("constant" in note for note in e.notes)
        assert e.interval == pytest.approx((0.0, 0.0), abs=1e-12)
    e = conditional_mutual_information(constant, other, REAL, random_state=0, **BARE)
    assert e.value == 0.0


def test_a_constant_condition_changes_nothing():
    with_constant = conditional_mutual_information(REAL, OTHER, CONSTANT, estimator="ksg", **BARE)
    without = mutual_information(REAL, OTHER, estimator="ksg", **BARE)
    # psi(n) - psi(n_x) - psi(n_y) against psi(n_z) - psi(n_xz) - psi(n_yz), where n_z = n.
    assert float(with_constant) == pytest.approx(float(without), abs=1e-9)


def test_a_constant_symbol_has_entropy_zero_with_a_note():
    for X in (["same"] * N, np.ones(N, dtype=int), np.ones((N, 2), dtype=bool)):
        e = entropy(X)
        assert e.value == 0.0
        assert any("constant" in note for note in e.notes)


@pytest.mark.parametrize("estimator", ["auto", "gaussian", "neighbors"])
def test_a_constant_number_has_differential_entropy_minus_infinity_with_a_note(estimator):
    for X in (CONSTANT, np.column_stack([REAL, CONSTANT])):
        e = entropy(X, estimator=estimator, random_state=0)
        assert e.value == -np.inf
        assert e.interval is None
        assert any("constant" in note for note in e.notes)


def test_equal_constants_have_no_divergence():
    for estimator in ("auto", "neighbors", "gaussian"):
        e = divergence(CONSTANT, CONSTANT, estimator=estimator, random_state=0)
        assert abs(e.value) < 0.01
    assert float(divergence(CONSTANT, CONSTANT + 1, estimator="gaussian")) == np.inf


# ------------------------------------------------------------------ what is accepted


def _all_values(X: Any, y: Any) -> list[float]:
    return [
        float(mutual_information(X, y, **BARE, random_state=0)),
        float(entropy(X, **BARE)),
        KSG().fit(X, y).mutual_information_,
        GaussianMutualInformation().fit(X, y).mutual_information_,
    ]


PAIR = np.column_stack([REAL, _numbers(2)])


@pytest.mark.parametrize(
    "convert",
    [
        lambda a: a.tolist(),
        lambda a: np.asfortranarray(a),
        lambda a: np.repeat(a, 2, axis=0)[::2],
        lambda a: a.astype(object),
        lambda a: a.astype(">f8"),
        lambda a: pd.DataFrame(a) if a.ndim == 2 else pd.Series(a),
        lambda a: pd.DataFrame(a).astype("Float64") if a.ndim == 2 else pd.Series(a),
        lambda a: np.ma.masked_array(a),
    ],
    ids=[
        "lists",
        "Fortran order",
        "strided",
        "objects",
        "big endian",
        "pandas",
        "pandas nullable",
        "masked array without a mask",
    ],
)
def test_containers_of_the_same_numbers_give_the_same_estimates(convert):
    assert _all_values(convert(PAIR), convert(OTHER)) == _all_values(PAIR, OTHER)


@pytest.mark.parametrize("requires_grad", [False, True])
def test_torch_tensors_give_the_estimates_of_arrays(requires_grad):
    torch = pytest.importorskip("torch")
    X = torch.tensor(PAIR, requires_grad=requires_grad)
    y = torch.tensor(OTHER)
    assert _all_values(X, y) == _all_values(PAIR, OTHER)
    e = mutual_information(X, y, n_permutations=5, random_state=0)
    assert e.interval == mutual_information(PAIR, OTHER, random_state=0).interval
    labels = torch.tensor(np.arange(N) % 3)
    assert float(entropy(labels, **BARE)) == float(entropy(np.arange(N) % 3, **BARE))
    P, Q = torch.tensor(REAL), torch.tensor(OTHER)
    assert float(divergence(P, Q, **BARE)) == float(divergence(REAL, OTHER, **BARE))
    stacked, which = two_samples(P, Q)
    assert isinstance(stacked, torch.Tensor)
    assert isinstance(which, torch.Tensor)
    interval = confidence_interval(KSG(), X, y[:, None], n_resamples=10, random_state=0)
    expected = confidence_interval(KSG(), PAIR, OTHER, n_resamples=10, random_state=0)
    assert interval.interval == expected.interval
    assert permutation_test(KSG(), X, y, n_permutations=3, random_state=0).value == expected.value


def test_single_precision_is_read_as_it_is():
    half = PAIR.astype(np.float32)
    assert _all_values(half, OTHER) == _all_values(half.astype(np.float64), OTHER)


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, bool, object])
def test_integers_are_never_truncated(dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2 if dtype is bool else 100, size=(N, 2))
    whole, real = X.astype(dtype), X.astype(np.float64)
    y = rng.normal(size=N)
    for estimator in (GaussianEntropy(), NeighborsEntropy()):
        assert estimator.fit(whole).entropy_ == estimator.fit(real).entropy_
    for estimator in (GaussianMutualInformation(), KSG(), KSG(margins=None)):
        expected = estimator.fit(real, y).mutual_information_
        assert estimator.fit(whole, y).mutual_information_ == expected
        assert estimator.fit(y[:, None], whole).mutual_information_ == pytest.approx(
            expected, abs=1e-9
        )
    for estimator in (GaussianDivergence(), NeighborsDivergence()):
        labels = np.arange(N) % 2
        expected = estimator.fit(real, labels).divergence_
        assert estimator.fit(whole, labels).divergence_ == expected


def test_large_integers_stay_exact_as_labels():
    big = 2**60 + np.arange(4)  # neighbours that are equal as float64
    assert DiscreteEntropy(method="plugin").fit(big[:, None]).entropy_ == pytest.approx(np.log(4))
    beyond = np.array([[2**70], [2**70 + 1]], dtype=object)
    assert DiscreteEntropy(method="plugin").fit(beyond).entropy_ == pytest.approx(np.log(2))
    wide = np.array([[2**70], [2**71], [2**69], [2**72]], dtype=object)
    assert (
        GaussianEntropy().fit(wide).entropy_ == GaussianEntropy().fit(wide.astype(float)).entropy_
    )


@pytest.mark.parametrize(
    ("call", "data"),
    [
        (lambda X, y: mutual_information(X, y, n_permutations=3, random_state=0), (PAIR, OTHER)),
        (lambda X, y: conditional_mutual_information(X, y, X[:, :1] * y[:, None]), (PAIR, OTHER)),
        (lambda X, y: entropy(X), (PAIR, OTHER)),
        (lambda X, y: divergence(X[:, 0], y), (PAIR, OTHER)),
        (lambda X, y: mutual_information_matrix(X, y), (PAIR, OTHER)),
        (lambda X, y: confidence_interval(KSG(), X, y), (PAIR, OTHER)),
        (lambda X, y: permutation_test(GaussianMutualInformation(), X, y), (PAIR, OTHER)),
        (lambda X, y: two_samples(X[:, 0], y), (PAIR, OTHER)),
        (lambda X, y: mutual_information(X, y), (np.round(PAIR), np.round(OTHER))),
        (lambda X, y: mutual_information(X, y), (np.arange(2 * N).reshape(N, 2) % 3, OTHER)),
    ],
)
def test_inputs_are_never_changed(call, data):
    X, y = data[0].copy(), data[1].copy()
    X.flags.writeable = y.flags.writeable = False
    call(X, y)
    assert_array_equal(X, data[0])
    assert_array_equal(y, data[1])
    frame, series = pd.DataFrame(X.copy(), columns=["a", "b"]), pd.Series(y.copy(), name="y")
    before = frame.copy(), series.copy()
    describe(frame, "X")
    describe(series, "y")
    pd.testing.assert_frame_equal(frame, before[0])
    pd.testing.assert_series_equal(series, before[1])


# ------------------------------------------------------------------ labels and mixed tables


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "b"],
        [b"a", b"b"],
        [True, False],
        [0.5, -0.5],
        [Colour.RED, Colour.BLUE],
        [datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)],
        [np.datetime64("2020-01-01"), np.datetime64("2021-01-01")],
        [Decimal("0.1"), Decimal("0.2")],
        [Fraction(1, 3), Fraction(2, 3)],
        [("a", 1), ("b", 2)],
        [frozenset([1]), frozenset([2])],
        ["1", 1],
        [2**80, 2**81],
        ["", " "],
        ["é", "e\u0301"],
    ],
    ids=repr,
)
def test_labels_may_be_any_hashable_objects(labels):
    pattern = np.arange(30) % 3 // 2  # two of the first, one of the second
    column = np.empty(30, dtype=object)
    column[:] = [labels[i] for i in pattern]
    expected = DiscreteEntropy(method="plugin").fit(pattern[:, None])
    fitted = DiscreteEntropy(method="plugin").fit(column[:, None])
    assert fitted.entropy_ == pytest.approx(expected.entropy_)
    pair = DiscreteMutualInformation(method="plugin").fit(column[:, None], column)
    assert pair.mutual_information_ == pytest.approx(expected.entropy_)
    split = DiscreteDivergence(kind="js", method="plugin").fit(pattern[:, None], column)
    assert split.divergence_ == pytest.approx(np.log(2))
    assert len(split.classes_) == 2


def test_an_unhashable_label_is_a_type_error():
    column = np.empty(4, dtype=object)
    column[:] = [[1], [2], [1], [2]]
    with pytest.raises(TypeError, match=r"X column 0 holds labels that are not hashable \(list\)"):
        DiscreteEntropy().fit(column[:, None])
    column[:] = [(1, [2]), (3,), (3,), (4,)]
    with pytest.raises(TypeError, match=r"X column 0 holds labels that are not hashable \(tuple\)"):
        DiscreteEntropy().fit(column[:, None])


def test_negative_zero_is_zero_and_one_is_true():
    assert DiscreteEntropy().fit([[0.0], [-0.0], [0.0]]).entropy_ == 0.0
    column = np.array([[1], [True], [1.0], [np.int8(1)]], dtype=object)
    assert DiscreteEntropy().fit(column).entropy_ == 0.0


def test_a_large_number_of_labels():
    n = 200_000
    rng = np.random.default_rng(0)
    numbers = rng.permutation(n)
    for column in (numbers, numbers.astype(str), numbers * 10**12, numbers.astype(float)):
        fitted = DiscreteEntropy(method="plugin").fit(column[:, None])
        assert fitted.entropy_ == pytest.approx(np.log(n), abs=1e-9)
    pair = DiscreteMutualInformation(method="plugin").fit(numbers[:, None], numbers // 2)
    assert pair.mutual_information_ == pytest.approx(np.log(n / 2), abs=1e-9)


def test_rows_of_several_columns_are_one_symbol():
    X = np.array([["a", "x"], ["a", "y"], ["b", "x"], ["b", "y"]] * 5)
    assert float(entropy(X, estimator=DiscreteEntropy(method="plugin"), **BARE)) == pytest.approx(
        np.log(4)
    )
    many = np.random.default_rng(0).integers(0, 50, size=(60, 20))  # 50^20 possible rows
    assert DiscreteEntropy(method="plugin").fit(many).entropy_ == pytest.approx(np.log(60))


def _kinds(X: Any, **options: Any) -> tuple[str, list[bool]]:
    v = describe(X, "X", **options)
    return v.kind, v.is_label.tolist()


def test_dtypes_decide_what_is_discrete():
    n = 6
    frame = pd.DataFrame(
        {
            "float": REAL[:n],
            "int": np.arange(n),
            "bool": np.arange(n) > 2,
            "text": list("aabbcc"),
            "category": pd.Categorical(list("uvuvuv")),
            "Int64": pd.array(range(n), dtype="Int64"),
            "Float64": pd.array(REAL[:n], dtype="Float64"),
            "boolean": pd.array([True, False] * 3, dtype="boolean"),
            "string": pd.array(list("aabbcc"), dtype="string"),
            "numbers as objects": pd.Series(REAL[:n].tolist(), dtype=object),
            "category of floats": pd.Categorical([0.5, 1.5] * 3),
            "date": pd.date_range("2020", periods=n),
        }
    )
    labels = ["int", "bool", "text", "category", "Int64", "boolean", "string"]
    kind, is_label = _kinds(frame)
    found = [name for name, label in zip(frame, is_label, strict=True) if label]
    assert kind == "mixed"
    assert set(labels) <= set(found)
    assert "date" not in found
    assert not {"float", "Float64", "numbers as objects"} & set(found)


def test_a_category_of_numbers_is_a_category():
    series = pd.Series(pd.Categorical([0.5, 1.5] * 10))
    assert _kinds(series) == ("discrete", [True])
    assert _kinds(pd.DataFrame({"c": series})) == ("discrete", [True])


def test_an_object_array_may_mix_columns():
    table = np.array([[1.5, "a"], [2.5, "b"], [0.5, "a"]], dtype=object)
    assert _kinds(table) == ("mixed", [False, True])
    assert _kinds([[1.5, "a"], [2.5, "b"], [0.5, "a"]]) == ("mixed", [False, True])
    assert _kinds([["a", 1], ["b", 2]]) == ("discrete", [True, True])
    assert describe([["a", 1], ["b", 2]], "X").numbers[1].tolist() == [1.0, 2.0]


def test_discrete_overrides_the_dtype():
    floats, integers = np.array([0.5, 1.5, 0.5]), np.array([3, 1, 2])
    assert _kinds(floats) == ("mixed", [False])
    assert _kinds(floats, discrete=True) == ("discrete", [True])
    assert _kinds(integers) == ("discrete", [True])
    assert _kinds(integers, discrete=False) == ("continuous", [False])
    table = np.column_stack([floats, floats])
    assert _kinds(table, discrete=[True, False]) == ("mixed", [True, False])
    assert _kinds(table, discrete=np.array([False, True])) == ("mixed", [False, True])


def test_discrete_reaches_the_doors():
    codes = np.random.default_rng(0).integers(0, 3, size=60)
    reals = codes.astype(float)
    named = mutual_information(codes, codes, **BARE)
    assert float(mutual_information(reals, reals, discrete=True, **BARE)) == float(named)
    half = mutual_information(reals, _wide(codes), discrete=(True, None), **BARE)
    assert "MixedKSG" in half.notes[0]
    assert float(entropy(reals, discrete=True, **BARE)) == float(entropy(codes, **BARE))
    assert entropy(codes, discrete=False, **BARE).value == -np.inf  # atoms have no density
    both = divergence(reals, reals, discrete=True, **BARE)
    assert type(both.estimator) is DiscreteDivergence
    matrix = mutual_information_matrix(
        np.column_stack([reals, reals]), codes, discrete=([True, True], None), **BARE
    )
    assert matrix.values == pytest.approx(np.full((2, 1), float(named)))


def _wide(codes: np.ndarray) -> np.ndarray:
    return codes + np.random.default_rng(1).normal(size=len(codes))


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(["a", None] * 10),
        pd.Series(["a", None] * 10, dtype="category"),
        pd.Series(["a", pd.NA] * 10, dtype="string"),
        pd.Series([True, pd.NA] * 10, dtype="boolean"),
        pd.Series([1, pd.NA] * 10, dtype="Int64"),
        pd.Series([1.5, pd.NA] * 10, dtype="Float64"),
        pd.Series([1.5, np.nan] * 10),
        pd.Series(pd.to_datetime(["2020-01-01", None] * 10)),
    ],
    ids=lambda s: str(s.dtype),
)
def test_missing_values_of_pandas_are_found(series):
    for X in (series, pd.DataFrame({"column": series})):
        with pytest.raises(
            ValueError, match=r"X contains a missing .* at row 1, column 0; 10 rows"
        ):
            entropy(X)


def test_mixed_tables_find_their_estimator():
    rng = np.random.default_rng(0)
    label = rng.choice(["low", "high"], size=300)
    frame = pd.DataFrame({"group": label, "size": rng.normal(size=300) + 3 * (label == "high")})
    e = mutual_information(frame[["size"]], frame["group"], **BARE)
    assert type(e.estimator) is MixedKSG
    assert e.value == pytest.approx(0.527, abs=0.12)  # exact: 0.5268
    with pytest.raises(ValueError, match=r"P and Q mix label columns with real columns.*discrete="):
        divergence(frame, frame)


def test_take_rows_keeps_the_type():
    rows = np.array([2, 0])
    frame = pd.DataFrame({"a": [1, 2, 3]})
    assert take_rows(frame, rows)["a"].tolist() == [3, 1]
    assert take_rows(frame["a"], rows).tolist() == [3, 1]
    assert take_rows(np.array([1, 2, 3]), rows).tolist() == [3, 1]
    assert take_rows([[1], [2], [3]], rows) == [[3], [1]]
    assert take_rows(None, rows) is None
    assert take_rows(describe([1.0, 2.0, 3.0]), rows).values.tolist() == [[3.0], [1.0]]


def test_labels_of_new_rows_are_matched_by_value():
    first = describe(["b", "a", "c"], "X")
    second = describe(["c", "d", "a"], "X").aligned(first)
    # a, b, c are 0, 1, 2 in the first; d was not seen there.
    assert second.columns[0].tolist() == [2, 3, 0]


def test_a_masked_value_is_missing():
    masked = np.ma.masked_array(REAL, mask=np.arange(len(REAL)) < 3)
    with pytest.raises(ValueError, match=r"X is a masked array with 3 masked value"):
        mutual_information(masked, OTHER)


def test_columns_of_the_same_name_are_refused():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(np.column_stack([REAL, OTHER]), columns=["a", "a"])
    with pytest.raises(ValueError, match=r"X must have distinct column names, got 'a'"):
        mutual_information(table, OTHER)


@pytest.mark.parametrize("start", [2**60, 2**63])
def test_integers_that_floats_would_merge_stay_apart(start):
    wide = np.arange(len(REAL), dtype=np.uint64) + np.uint64(start)
    with pytest.raises(ValueError, match="float64 can tell apart"):
        KSG().fit(wide[:, None], OTHER)
    by_door = mutual_information(wide, OTHER, confidence_level=None)
    assert "discrete" in by_door.notes[0]
