"""Labels as integer codes: NumPy arrays in, NumPy arrays out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

_WIDEST = 2**62  # packed codes stay below this, so that int64 arithmetic is exact


def encode_labels(column: np.ndarray) -> tuple[np.ndarray, int]:
    """Replace each label by the rank of its value among the distinct values.

    Parameters
    ----------
    column : ndarray of shape (n,), n >= 1
        Booleans, integers, real numbers, dates, text or hashable objects. All nan (or
        NaT) are one label, the last.

    Returns
    -------
    codes : ndarray of int64, shape (n,)
        From 0 to ``n_symbols - 1``, every one of them used. Sorted values have sorted codes;
        objects that cannot be compared are numbered in order of appearance.
    n_symbols : int
        Number of distinct labels.

    Raises
    ------
    TypeError
        If the column holds objects that are not hashable.

    Notes
    -----
    O(n) for integers of small range, for few distinct numbers and for text of bounded width;
    O(n log n) for many distinct numbers of large range.
    """
    kind = column.dtype.kind
    if kind in "bi":
        return _encode_integers(column.astype(np.int64, copy=False))
    if kind == "u":
        return _encode_integers(column)
    if kind in "mM":
        stamps = column.astype(column.dtype.newbyteorder("=")).view(np.uint64)
        return _encode_integers(stamps - np.uint64(2**63 + 1))  # NaT, the lowest, wraps to the top
    if kind == "f" and column.dtype.itemsize <= 8:
        return _encode_integers(_ordered_bits(column))
    if kind in "US" and column.dtype.itemsize:
        return _encode_text(column)
    if kind in "OT":
        return _encode_objects(column)
    distinct, codes = np.unique(column, return_inverse=True)
    return codes.astype(np.int64, copy=False), len(distinct)


def joint_codes(codes: Sequence[np.ndarray], sizes: Sequence[int]) -> tuple[np.ndarray, int]:
    """Replace each row of several code columns by one code.

    Parameters
    ----------
    codes : sequence of int64 ndarrays of shape (n,)
        Column j holds integers from 0 to ``sizes[j] - 1``.
    sizes : sequence of int

    Returns
    -------
    codes : ndarray of int64, shape (n,)
        Rank of the row among the distinct rows in lexicographic order.
    n_symbols : int
        Number of distinct rows.
    """
    packed, width = codes[0], int(sizes[0])
    for column, size in zip(codes[1:], sizes[1:], strict=True):
        packed, width = _append(packed, width, column, int(size))
    return _encode_integers(packed)


def _append(
    packed: np.ndarray, width: int, column: np.ndarray, size: int
) -> tuple[np.ndarray, int]:
    """One more digit, of base ``size``, after mixed-radix codes below ``width``."""
    if width * size > _WIDEST:
        packed, width = _encode_integers(packed)
        if width * size > _WIDEST:
            column, size = _encode_integers(column)
    return packed * size + column, width * size


def _encode_integers(x: np.ndarray) -> tuple[np.ndarray, int]:
    low, high = int(x.min()), int(x.max())
    if high - low < max(2**16, 4 * x.size):
        x = (x - x.dtype.type(low)).astype(np.int64, copy=False)
        used = np.zeros(high - low + 1, dtype=bool)
        used[x] = True
        if used.all():
            return x, high - low + 1
        rank = np.cumsum(used, dtype=np.int64) - 1
        return rank[x], int(rank[-1]) + 1
    found = _encode_few(x)
    if found is not None:
        return found
    distinct, codes = np.unique(x, return_inverse=True)
    return codes.astype(np.int64, copy=False), len(distinct)


def _encode_few(x: np.ndarray) -> tuple[np.ndarray, int] | None:
    """Codes of a few values of large range, by a hash table without collisions, else None.

    The hash is the top bits of a product with an odd constant. That no two values share a slot
    is checked on every row, so the answer is exact whatever the values.
    """
    sample = np.unique(x[:: max(1, x.size // 4096)])
    if len(sample) > 1024:
        return None
    bits = min(20, max(12, 2 * len(sample).bit_length() + 2))
    unsigned = x.astype(np.uint64, copy=False)
    for multiplier in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9):
        slots = (unsigned * np.uint64(multiplier)) >> np.uint64(64 - bits)
        slots = slots.view(np.int64)
        table = np.zeros(2**bits, dtype=x.dtype)
        table[slots] = x
        if np.array_equal(table[slots], x):
            used = np.zeros(2**bits, dtype=bool)
            used[slots] = True
            (occupied,) = np.nonzero(used)
            rank = np.zeros(2**bits, dtype=np.int64)
            rank[occupied[np.argsort(table[occupied])]] = np.arange(len(occupied))
            return rank[slots], len(occupied)
    return None


def _ordered_bits(column: np.ndarray) -> np.ndarray:
    """Integers in the order of the real numbers, equal where the numbers are equal."""
    x = column.astype(np.float64)
    x = np.where(np.isnan(x), np.nan, x + 0.0)  # one nan; -0 becomes 0
    bits = x.view(np.int64)
    return np.where(bits < 0, bits ^ np.int64(2**63 - 1), bits)


def _encode_text(column: np.ndarray) -> tuple[np.ndarray, int]:
    """Text of bounded width as one digit a character: padding sorts first, as in text."""
    column = np.ascontiguousarray(column.astype(column.dtype.newbyteorder("="), copy=False))
    character = np.uint32 if column.dtype.kind == "U" else np.uint8
    letters = column.view(character).reshape(len(column), -1)
    lows, highs = letters.min(axis=0).tolist(), letters.max(axis=0).tolist()
    packed, width = np.zeros(len(column), dtype=np.int64), 1
    for j, (low, high) in enumerate(zip(lows, highs, strict=True)):
        if low < high:
            digit = letters[:, j].astype(np.int64) - low
            packed, width = _append(packed, width, digit, high - low + 1)
    return _encode_integers(packed)


def _encode_objects(column: np.ndarray) -> tuple[np.ndarray, int]:
    labels = column.tolist()
    distinct = list(dict.fromkeys(labels))
    with suppress(TypeError):  # labels of different kinds have no order: that of appearance stands
        distinct = sorted(distinct)
    rank = {label: code for code, label in enumerate(distinct)}
    return np.fromiter(map(rank.__getitem__, labels), np.int64, len(labels)), len(distinct)
