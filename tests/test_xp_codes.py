"""Labels as codes: the ranks that sorting gives, by whatever way is fastest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from infotheory._xp._codes import _encode_few, encode_labels, joint_codes

DTYPES = [
    "?",
    "i1",
    "<i4",
    ">i4",
    "i8",
    "u1",
    "u8",
    "f4",
    "f8",
    "<U3",
    ">U3",
    "S4",
    "M8[s]",
    "m8[s]",
]


def assert_ranks(column: np.ndarray) -> None:
    distinct, inverse = np.unique(column, return_inverse=True)
    codes, n_symbols = encode_labels(column)
    assert codes.dtype == np.int64
    assert n_symbols == len(distinct)
    np.testing.assert_array_equal(codes, inverse)


@pytest.mark.parametrize("dtype", DTYPES)
def test_codes_are_ranks(dtype: str) -> None:
    @given(hnp.arrays(np.dtype(dtype), st.integers(1, 30)))
    def check(column: np.ndarray) -> None:
        assert_ranks(column)

    check()


@pytest.mark.parametrize("n_symbols", [2, 50, 800, 3_000])
@pytest.mark.parametrize("step", [1, 10**9 + 7, 2**50])
def test_codes_of_many_rows(n_symbols: int, step: int) -> None:
    rng = np.random.default_rng(n_symbols)
    column = (rng.integers(0, n_symbols, 20_000) - n_symbols // 2) * np.int64(step)
    assert_ranks(column)
    assert_ranks(column.astype(np.float64) / 3.0)


def test_extreme_integers() -> None:
    low, high = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    assert_ranks(np.array([high, low, 0, high, -1]))
    assert_ranks(np.array([2**64 - 1, 0, 2**63, 2**64 - 1], dtype=np.uint64))
    assert_ranks(np.array([high, high - 2, high]))
    assert_ranks(np.array([low, low + 3, low]))


def test_hash_gives_up_on_many_values_and_never_errs() -> None:
    rng = np.random.default_rng(0)
    assert _encode_few(rng.integers(0, 2**62, 50_000)) is None
    # The sample of rows sees one value; the rest hide between, and collide for small tables.
    column = np.zeros(2**20, dtype=np.int64)
    column[1 : 2 * 10**5 : 7] = rng.integers(0, 2**62, len(column[1 : 2 * 10**5 : 7]))
    assert_ranks(column)


def test_zeros_and_nan() -> None:
    codes, n_symbols = encode_labels(np.array([0.0, np.nan, -0.0, -np.nan, -np.inf, np.inf]))
    assert codes.tolist() == [1, 3, 1, 3, 0, 2]
    assert n_symbols == 4


@given(st.lists(st.text("aB \0\xe9\u4e16\U0001f600", max_size=3), min_size=1, max_size=20))
def test_objects(labels: list[str]) -> None:
    codes, n_symbols = encode_labels(np.array(labels, dtype=object))
    order = sorted(set(labels))
    assert codes.tolist() == [order.index(label) for label in labels]
    assert n_symbols == len(order)


def test_objects_without_order_keep_that_of_appearance() -> None:
    column: Any = np.empty(5, dtype=object)
    column[:] = ["b", 2, None, "b", (1, 2)]
    codes, n_symbols = encode_labels(column)
    assert codes.tolist() == [0, 1, 2, 0, 3]
    assert n_symbols == 4
    column[0] = ["a list"]
    with pytest.raises(TypeError, match="unhashable"):
        encode_labels(column)


@given(
    hnp.arrays(
        np.int64, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=st.integers(0, 5)
    ),
    st.sampled_from([6, 10**6, 2**40]),
)
def test_joint_codes_rank_the_rows(rows: np.ndarray, size: int) -> None:
    distinct, inverse = np.unique(rows, axis=0, return_inverse=True)
    codes, n_symbols = joint_codes(list(rows.T), [size] * rows.shape[1])
    assert n_symbols == len(distinct)
    np.testing.assert_array_equal(codes, inverse.ravel())


def test_input_is_left_alone() -> None:
    column = np.array([3, 1, 2])
    codes, _ = encode_labels(column)
    codes[:] = 9
    assert column.tolist() == [3, 1, 2]
