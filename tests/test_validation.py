"""Raw input: what is refused and how the message helps, what is accepted and what it means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from validation_data import BARE, OTHER, REAL, N, numbers

from infotheory import (
    KSG,
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
def test_different_lengths_are_named_with_bothnumbers(call, names):
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
    with pytest.raises(ValueError, match=r"kind must be one of kl, .*got 'energy'"):
        divergence(REAL, OTHER, kind="energy")
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
        KSG(variant=2).fit(REAL[:, None], OTHER, condition=numbers(2))


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
