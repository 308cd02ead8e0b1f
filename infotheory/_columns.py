"""Raw tables as columns of one type each, and columns of numbers or times as float64."""

from __future__ import annotations

import datetime
import numbers
import sys
from typing import Any

import array_api_compat
import numpy as np
import scipy.sparse

from infotheory._xp import detached_numpy


def _shape_error(name: str, shape: tuple[int, ...]) -> ValueError:
    if len(shape) > 2:
        return ValueError(
            f"{name} must be 2-D, rows by columns; found array with dim {len(shape)} and shape "
            f"{shape}. Flatten each sample to one row: {name}.reshape(len({name}), -1)."
        )
    return ValueError(
        f"Expected 2D array, got {len(shape)}D array instead: {name} has shape {shape}. "
        f"Reshape your data with {name}.reshape(-1, 1) if it is one column of samples, or "
        f"{name}.reshape(1, -1) if it is a single sample."
    )


def is_frame(raw: Any) -> bool:
    return hasattr(raw, "columns") and hasattr(raw, "shape") and len(raw.shape) == 2


def _series_values(series: Any) -> np.ndarray:
    """A pandas or polars column as NumPy; categories and extension types as objects."""
    if _is_category(series):
        return np.asarray(series.astype(object))
    if getattr(getattr(series, "dtype", None), "tz", None) is not None:
        # The same moments, in UTC.
        return np.asarray(getattr(series, "dt", series).tz_convert(None))
    if type(getattr(series, "dtype", None)).__name__ == "PeriodDtype":
        return np.asarray(getattr(series, "dt", series).to_timestamp())
    return np.asarray(series)


def _is_category(series: Any) -> bool:
    return hasattr(series, "cat") and hasattr(series, "astype")


def are_categories(raw: Any, n_columns: int) -> list[bool]:
    """Which columns of a table are categories, and so labels whatever their values are."""
    if is_frame(raw):
        return [_is_category(raw[c]) for c in raw.columns]
    return [_is_category(raw)] * n_columns


def is_dataset(raw: Any) -> bool:
    """Whether `raw` is a Torch dataset or loader, whose rows are not in memory."""
    data = sys.modules.get("torch.utils.data")
    return data is not None and isinstance(raw, (data.Dataset, data.DataLoader))


def row_count(raw: Any) -> int:
    """Rows of an argument; a loader's own length counts batches."""
    by_batch = is_dataset(raw) and hasattr(raw, "batch_sampler")
    return len(raw.dataset if by_batch else raw)


def as_columns(raw: Any, name: str, *, allow_1d: bool, min_samples: int = 2) -> list[np.ndarray]:
    """One 1-D NumPy array a column, each with its natural dtype."""
    if is_dataset(raw):
        raise TypeError(
            f"{name} must be an array here, got a {type(raw).__name__}, whose rows are not in "
            f"memory. Pass the rows as an array, or estimate mutual information by critics that "
            f"learn from batches: DonskerVaradhan().fit(dataset) with items (x, y)."
        )
    if raw is None:
        rule = "requires y to be passed, but the target y is None" if name == "y" else "needs it"
        raise ValueError(
            f"{name} is None, but this call {rule}. Pass an array with one row a sample."
        )
    if scipy.sparse.issparse(raw):
        raise TypeError(
            f"Sparse data was passed for {name}, but dense data is required. "
            f"Use {name}.toarray() to convert to a dense array."
        )
    if np.ma.is_masked(raw):
        raise ValueError(
            f"{name} is a masked array with {np.ma.count_masked(raw)} masked value(s), and every "
            f"value must be present. Drop those rows, or fill them with {name}.filled(value)."
        )
    if is_frame(raw):
        twice = [c for c in raw.columns if list(raw.columns).count(c) > 1]
        if twice:
            raise ValueError(
                f"{name} must have distinct column names, got {twice[0]!r} more "
                f"than once. Rename the columns, or pass {name}.to_numpy()."
            )
        columns = [_series_values(raw[c]) for c in raw.columns]
        shape = tuple(raw.shape)
    else:
        if hasattr(raw, "to_numpy") and hasattr(raw, "name"):
            table = _series_values(raw)
        elif array_api_compat.is_array_api_obj(raw):
            table = detached_numpy(raw)
        else:
            try:
                table = np.asarray(raw)
            except ValueError as error:
                raise ValueError(
                    f"{name} must be a table of equal rows, but its rows have different lengths. "
                    f"Pad or drop rows so that every one has the same number of columns."
                ) from error
            if table.dtype.kind in "US" and not isinstance(raw, np.ndarray):
                # NumPy turned the numbers beside the text into text: keep them apart.
                table = np.asarray(raw, dtype=object)
        shape = table.shape
        if table.ndim == 1 and allow_1d:
            table = table.reshape(-1, 1)
        if table.ndim != 2:
            raise _shape_error(name, shape)
        columns = [table[:, j] for j in range(table.shape[1])]
    if shape[0] == 0:
        raise ValueError(
            f"{name} is empty: found array with 0 sample(s) (shape={shape}) while a minimum of 1 "
            f"is required. Pass at least {'two rows' if min_samples > 1 else 'one row'}."
        )
    if not columns:
        raise ValueError(
            f"{name} has no columns: 0 feature(s) (shape={shape}) while a minimum of 1 is "
            f"required. Pass at least one column."
        )
    return columns


def natural(column: np.ndarray, name: str) -> np.ndarray:
    """Objects that are all numbers, dates or durations become those; complex ones are refused."""
    if column.dtype.kind == "O":
        times = _as_times(column, name)
        if times is not None:
            return times
        if all(isinstance(v, numbers.Integral) for v in column):
            try:
                return column.astype(np.int64)
            except OverflowError:
                return column
        if all(isinstance(v, numbers.Real) for v in column):
            return column.astype(np.float64)
        if any(isinstance(v, complex) for v in column):
            column = column.astype(complex)
    if column.dtype.kind == "c":
        raise ValueError(
            f"Complex data not supported: {name} must be real, got dtype {column.dtype}. "
            f"Pass the real and the imaginary part as two columns."
        )
    return column


def _as_times(column: np.ndarray, name: str) -> np.ndarray | None:
    """Objects as NumPy's dates or durations, where every one that is there is one."""
    first = next((v for v in column if not _is_missing(v)), None)
    if not isinstance(first, (datetime.date, np.datetime64, datetime.timedelta, np.timedelta64)):
        return None
    present = [v for v in column if not _is_missing(v)]
    if all(isinstance(v, (datetime.date, np.datetime64)) for v in present):
        kind = "M8"
        zoned = [getattr(v, "tzinfo", None) is not None for v in present]
        if any(zoned) and not all(zoned):
            raise ValueError(
                f"{name} must hold dates that all have a time zone or all have none, got "
                f"{present[zoned.index(True)]} and {present[zoned.index(False)]}. Give every date "
                f"its zone, or none."
            )
    elif all(isinstance(v, (datetime.timedelta, np.timedelta64)) for v in present):
        kind = "m8"
    else:
        return None
    missing = np.array("NaT", dtype=kind)[()]
    return np.array([missing if _is_missing(v) else _as_numpy_time(v) for v in column], dtype=kind)


def _as_numpy_time(value: Any) -> Any:
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return value.to_numpy() if hasattr(value, "to_numpy") else value  # pandas: all its digits


def is_time(column: np.ndarray) -> bool:
    """Whether a column holds dates or durations."""
    return natural(column, "").dtype.kind in "mM" if column.dtype.kind in "OmM" else False


def plain_numbers(column: np.ndarray) -> np.ndarray | None:
    """A column as real numbers, times as seconds; None where it has none that float64 holds."""
    if column.dtype.kind in "mM":
        values = _seconds(column)
    else:
        values = column.astype(np.float64) if column.dtype.kind in "biuf" else None
    return None if values is None or _merges(column, values) else values


def _seconds(times: np.ndarray) -> np.ndarray | None:
    """Seconds since 1970 in UTC of dates, or of durations; None for months, of no fixed length."""
    if times.dtype.kind == "M":
        times = times - np.datetime64(0, "s")
    elif np.datetime_data(times.dtype)[0] in ("Y", "M", "generic"):
        return None
    return times / np.timedelta64(1, "s")


def refuse_missing(column: np.ndarray, name: str, j: int, *, labels: bool) -> None:
    if column.dtype.kind == "f":
        bad = ~np.isfinite(column)
    elif column.dtype.kind in "mM":
        bad = np.isnat(column)
    elif column.dtype.kind == "O":
        bad = np.array([_is_missing(v) for v in column])
    else:
        return
    if not bad.any():
        return
    row = int(np.flatnonzero(bad)[0])
    value = column[row]
    if column.dtype.kind == "f" and np.isinf(value):
        what, rule = f"an infinite value (inf) at row {row}", "every value must be finite"
    elif labels:
        shown = "NaN" if column.dtype.kind == "f" else repr(value)
        what, rule = f"a missing label ({shown}) at row {row}", "every label must be present"
    else:
        shown = "NaT" if column.dtype.kind in "mM" else "NaN"
        what, rule = f"a missing value ({shown}) at row {row}", "every value must be present"
    count = int(np.count_nonzero(bad))
    rows = "1 row is" if count == 1 else f"{count} rows are"
    raise ValueError(
        f"{name} contains {what}, column {j}; {rows} affected and {rule}. "
        f"Drop those rows, impute them, or give missing its own label before the call."
    )


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, numbers.Real) and value != value


def real_column(column: np.ndarray, name: str, j: int) -> np.ndarray:
    if column.dtype.kind in "mM":
        return _real_times(column, name, j)
    beyond_int64 = column.dtype.kind == "O" and all(isinstance(v, numbers.Integral) for v in column)
    if column.dtype.kind in "USTO" and not beyond_int64:
        for v in column:
            if _is_missing(v):
                refuse_missing(column, name, j, labels=False)
            if isinstance(v, (str, bytes)) or column.dtype.kind in "UST":
                raise not_numbers(name, j, f"{type(v).__name__} values such as {v!r}")
        other = next(type(v) for v in column if not isinstance(v, numbers.Real))
        raise TypeError(
            f"{name} must hold numbers, but column {j} holds {other.__name__} objects: "
            f"the argument must be a string or a number. Encode the column as numbers."
        )
    values = column.astype(np.float64)
    if _merges(column, values):
        raise ValueError(
            f"{name} must hold numbers that float64 can tell apart, but column {j} holds integers "
            f"beyond 2**53 such as {column[0]} that it rounds to the same number. Subtract their "
            f"smallest value first, or treat the column as labels."
        )
    refuse_missing(values, name, j, labels=False)
    return values


def _real_times(column: np.ndarray, name: str, j: int) -> np.ndarray:
    refuse_missing(column, name, j, labels=False)
    values = _seconds(column)
    if values is None:
        raise ValueError(
            f"{name} must hold durations of fixed length, but column {j} holds {column[0]!r} with "
            f"dtype {column.dtype}. Convert it to days or seconds, or pass whole numbers of months."
        )
    if _merges(column, values):
        raise ValueError(
            f"{name} must hold times that float64 can tell apart in seconds, but column {j} holds "
            f"some such as {column[0]} that become the same number. Subtract their earliest first, "
            f"so that short durations are left, or treat the column as labels."
        )
    return values


def _merges(column: np.ndarray, values: np.ndarray) -> bool:
    """Whether different integers or times became the same float."""
    if column.dtype.kind in "mM":
        return len(np.unique(column)) > len(np.unique(values))
    if column.dtype.kind not in "iuO" or not np.any(np.abs(values) > 2**53):
        return False
    return len(set(column.tolist())) > len(np.unique(values))


def not_numbers(name: str, j: int, found: str) -> ValueError:
    return ValueError(
        f"{name} must hold numbers, but column {j} holds {found}: could not convert it to float. "
        f"Encode the column as numbers, or treat it as labels with a discrete or mixed estimator."
    )


def repeated_share(rows: np.ndarray) -> float:
    """Share of the rows, or entries of a column, that equal another one exactly."""
    _, counts = np.unique(rows, axis=0, return_counts=True)
    return float(counts[counts > 1].sum() / counts.sum())
