"""What input is accepted and what it means: containers, dtypes, labels, mixed tables."""

from __future__ import annotations

import datetime
import enum
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from validation_data import BARE, OTHER, REAL, N, numbers

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

# ------------------------------------------------------------------ what is accepted


def _all_values(X: Any, y: Any) -> list[float]:
    return [
        float(mutual_information(X, y, **BARE, random_state=0)),
        float(entropy(X, **BARE)),
        KSG().fit(X, y).mutual_information_,
        GaussianMutualInformation().fit(X, y).mutual_information_,
    ]


PAIR = np.column_stack([REAL, numbers(2)])


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
