"""Paired rows fetched by number from a Torch dataset, for samples that do not fit in memory."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    default_collate,
)

# Datasets of up to so many rows are read once and then are arrays. Of larger ones as many rows
# stay in memory, and about as many more while they are evaluated.
MOST_ROWS = 20_000
# Rows that a dataset is asked for at once.
ROWS_AT_ONCE = 1024

Pair = tuple[np.ndarray, np.ndarray]
_NAMES = ("x", "y")


def holds_rows(data: Any) -> bool:
    """Whether rows have to be fetched from `data`."""
    return isinstance(data, Dataset | DataLoader | RowSource)


class RowSource:
    """The rows of a dataset, or of the dataset of a loader, whose workers and batches are used.

    Parameters
    ----------
    data : Dataset or DataLoader
        Map-style: with a length, and a pair (x, y) at each number below it.
    verbose : int
        1 shows how far passes over all rows are.
    """

    def __init__(self, data: Any, verbose: int = 0) -> None:
        self._verbose = verbose
        loader = data if isinstance(data, DataLoader) else None
        dataset = data if loader is None else loader.dataset
        if isinstance(dataset, IterableDataset) or not (
            hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
        ):
            raise TypeError(
                f"A dataset must be map-style, with __len__ and __getitem__, got "
                f"{type(dataset).__name__}, whose rows come in one stream: each row is held out "
                f"once, and has to be found by its number. Write the rows to a file that is read "
                f"by number, such as numpy.memmap, and wrap it in a torch.utils.data.Dataset."
            )
        collate = None
        self.batch_size: int | None = None
        self._workers: dict[str, Any] = {}
        if loader is not None:
            self.batch_size = _batch_size_of(loader)
            if loader.batch_size is not None and loader.collate_fn is not default_collate:
                collate = loader.collate_fn
            if loader.num_workers:
                names = (
                    "num_workers",
                    "timeout",
                    "worker_init_fn",
                    "multiprocessing_context",
                    "prefetch_factor",
                )
                self._workers = {name: getattr(loader, name) for name in names}
        self._pieces = _Pieces(dataset, collate)
        # From rows as they come to tables of numbers; known once the sample is.
        self.encoders: tuple[Any, Any]
        # Rows with labels that the sample lacks, once all have been seen.
        self.n_unknown = 0
        self._widths: tuple[int, ...] | None = None
        n = len(self)
        # The same rows whenever the length is the same: a warm start depends on it.
        chosen = np.random.default_rng(n).choice(n, min(n, MOST_ROWS), replace=False, shuffle=False)
        self.sampled = np.sort(chosen)

    def __len__(self) -> int:
        return len(self._pieces)

    @property
    def fits(self) -> bool:
        """Whether the sample is all there is."""
        return len(self.sampled) == len(self)

    def sample(self) -> Pair:
        """Rows that stay in memory: all, or a random part."""
        if not len(self):
            return np.empty((0, 1)), np.empty((0, 1))
        return next(self.fetched([self.sampled]))

    def in_sample(self, rows: np.ndarray) -> np.ndarray:
        """Where in the sample those of `rows` are that belong to it."""
        place = np.searchsorted(self.sampled, rows)
        place = np.minimum(place, len(self.sampled) - 1)
        return place[self.sampled[place] == rows]

    def tables(self, requests: Iterable[np.ndarray]) -> Generator[Pair]:
        """As :meth:`fetched`, as tables of numbers."""
        of_x, of_y = self.encoders
        for x, y in self.fetched(requests):
            yield of_x(x), of_y(y)

    def all_tables(self) -> Generator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Numbers and tables of every row in order, some at a time; what is wrong is found."""
        of_x, of_y = self.encoders
        n, self.n_unknown = len(self), 0
        chunks = [np.arange(i, min(i + ROWS_AT_ONCE, n)) for i in range(0, n, ROWS_AT_ONCE)]
        fetched = zip(chunks, self.fetched(chunks), strict=True)
        for rows, (x, y) in self.progress(fetched, "reading", len(chunks)):
            self.n_unknown += int(np.count_nonzero(of_x.lacks(x) | of_y.lacks(y)))
            yield rows, of_x(x), of_y(y)

    def progress(self, steps: Iterable[Any], label: str, total: int) -> Iterable[Any]:
        """The steps, with a bar if asked."""
        from tqdm.auto import tqdm

        return tqdm(steps, total=total, desc=label, disable=self._verbose < 1, leave=False)

    def fetched(self, requests: Iterable[np.ndarray]) -> Generator[Pair]:
        """x and y at each request's row numbers, of any shape, with the columns as last axis.

        Workers read ahead, so that requests are asked for before their turn.
        """
        waiting: deque[tuple[np.ndarray, int]] = deque()

        def pieces() -> Generator[list[int]]:
            for rows in requests:
                distinct, place = np.unique(rows, return_inverse=True)
                parts = np.array_split(distinct, math.ceil(len(distinct) / ROWS_AT_ONCE))
                waiting.append((place.reshape(rows.shape), len(parts)))
                for part in parts:
                    yield part.tolist()

        there: list[Pair] = []
        for piece in self._read(pieces()):
            there.append(self._checked(piece))
            place, n_parts = waiting[0]
            if len(there) == n_parts:
                waiting.popleft()
                x, y = (np.concatenate(side) for side in zip(*there, strict=True))
                there = []
                yield x[place], y[place]

    def _read(self, pieces: Generator[list[int]]) -> Generator[Any]:
        if not self._workers:
            for rows in pieces:
                yield self._pieces.__getitems__(rows)
            return
        yield from DataLoader(
            self._pieces,
            batch_sampler=pieces,  # pyright: ignore[reportArgumentType]
            collate_fn=_as_it_is,
            # Of its own: the draw of a seed for the workers would shift all that follow.
            generator=torch.Generator(),
            **self._workers,
        )

    def _checked(self, piece: Any) -> Pair:
        if isinstance(piece, Exception):
            raise piece
        first, x, y = piece
        widths = (x.shape[1], y.shape[1])
        if self._widths is None:
            self._widths = widths
        for name, found, known in zip(_NAMES, widths, self._widths, strict=True):
            if found != known:
                raise _ragged(name, first, found, known)
        return x, y


class _Pieces(Dataset):
    """Checked tables of the rows of a list; what is wrong with them is returned, not raised.

    An exception that leaves a worker comes with the text of the worker's traceback in front.
    """

    def __init__(self, dataset: Any, collate: Callable[[list], Any] | None) -> None:
        self._dataset, self._collate = dataset, collate

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitems__(self, rows: list[int]) -> Any:
        try:
            items = self._items(rows)
            if self._collate is None:
                pairs = [_pair(item, i) for item, i in zip(items, rows, strict=True)]
                sides = zip(*pairs, strict=True)
                tables = [_stacked(v, name, rows) for v, name in zip(sides, _NAMES, strict=True)]
            else:
                tables = _collated(self._collate(items), len(rows))
            x, y = (_table(t, name, rows) for t, name in zip(tables, _NAMES, strict=True))
        except _RowError as error:
            return ValueError(str(error))
        except _KindError as error:
            return TypeError(str(error))
        return rows[0], x, y

    def _items(self, rows: list[int]) -> Any:
        at = rows
        try:
            if getattr(self._dataset, "__getitems__", None):
                return self._dataset.__getitems__(rows)
            items = []
            for i in rows:
                at = [i]
                items.append(self._dataset[i])
            return items
        except (IndexError, KeyError) as error:
            where = f"row {at[0]}" if len(at) == 1 else f"rows {at[0]} to {at[-1]}"
            raise _RowError(
                f"The dataset says that it has {len(self)} rows, but fails at {where} with "
                f"{type(error).__name__}({error}). Return from __len__ how many rows "
                f"__getitem__ gives, by the numbers 0, 1, 2, ...."
            ) from error


class _RowError(Exception):
    """Something is wrong with a row."""


class _KindError(Exception):
    """The dataset holds something else than pairs of rows."""


def _as_it_is(batch: Any) -> Any:
    return batch


def _batch_size_of(loader: DataLoader) -> int | None:
    """Rows a batch; which rows there are must not be the loader's choice."""
    batches: Any = loader.batch_sampler
    sampler = loader.sampler if batches is None else getattr(batches, "sampler", None)
    plain = batches is None or type(batches) is BatchSampler
    every = isinstance(sampler, SequentialSampler) or (
        isinstance(sampler, RandomSampler)
        and not sampler.replacement
        and sampler.num_samples == len(loader.dataset)  # pyright: ignore[reportArgumentType]
    )
    if not (plain and every):
        raise ValueError(
            f"The loader must take every row once, but its {type(sampler).__name__} need not: its "
            f"folds choose rows themselves. Pass a loader without a sampler of its own, over "
            f"torch.utils.data.Subset(dataset, rows) if only some rows are meant."
        )
    if batches is None:
        return None
    if batches.batch_size < 2:
        raise ValueError(
            "The loader has batch_size=1, and a critic compares the rows of a batch: at least 2 "
            "are needed, and hundreds are better. Pass DataLoader(..., batch_size=256)."
        )
    return batches.batch_size


def _pair(item: Any, row: int) -> Sequence[Any]:
    if not isinstance(item, tuple | list) or len(item) != 2:
        found = f"{type(item).__name__}"
        if isinstance(item, tuple | list):
            found += f" of {len(item)}"
        raise _KindError(
            f"Each item of the dataset must be a pair (x, y) of rows, got a {found} at row {row}. "
            f"Return the two from __getitem__, or from collate_fn for a whole batch."
        )
    return item


def _collated(batch: Any, n_rows: int) -> list[Any]:
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise _KindError(
            f"collate_fn must return a pair of tables (x, y), got a {type(batch).__name__}. "
            f"Return the two, one row for each item."
        )
    tables = [_as_array(side) for side in batch]
    for name, table in zip(_NAMES, tables, strict=True):
        if table.ndim == 0 or len(table) != n_rows:
            raise _RowError(
                f"collate_fn must return one row for each item, but {name} has shape "
                f"{table.shape} for {n_rows} items. Drop and pad no rows there."
            )
    return tables


def _as_array(values: Any) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    return np.asarray(values)


def _stacked(values: Sequence[Any], name: str, rows: list[int]) -> np.ndarray:
    if all(isinstance(v, torch.Tensor) and v.shape == values[0].shape for v in values):
        return _as_array(torch.stack(list(values)))
    arrays = []
    for value, row in zip(values, rows, strict=True):
        try:
            arrays.append(_as_array(value))
        except ValueError as error:
            raise _KindError(
                f"{name} at row {row} of the dataset must be a row of numbers, got a "
                f"{type(value).__name__} that is none. Return one flat array."
            ) from error
        if arrays[-1].shape != arrays[0].shape:
            raise _ragged(name, row, arrays[-1].shape, arrays[0].shape)
    return np.stack(arrays)


def _ragged(name: str, row: int, found: Any, known: Any) -> _RowError:
    return _RowError(
        f"All rows of the dataset must have the same columns, but {name} at row {row} has shape "
        f"{found} where rows before have {known}. Pad or drop such rows."
    )


def _table(table: np.ndarray, name: str, rows: list[int]) -> np.ndarray:
    """Rows by columns, of numbers or text, with nothing missing."""
    if table.ndim == 1:
        table = table[:, None]
    if table.ndim != 2:
        raise _RowError(
            f"{name} at row {rows[0]} of the dataset must be 1-D, got shape {table.shape[1:]}. "
            f"Flatten each sample to one row."
        )
    if table.dtype.kind not in "biufUS":
        raise _KindError(
            f"{name} at row {rows[0]} of the dataset must hold numbers, or text as labels, got "
            f"dtype {table.dtype}. Encode it as numbers."
        )
    if table.dtype.kind == "f" and not np.isfinite(table).all():
        i, j = np.argwhere(~np.isfinite(table))[0]
        what = "a missing value (NaN)" if np.isnan(table[i, j]) else "an infinite value (inf)"
        raise _RowError(
            f"{name} contains {what} at row {rows[i]} of the dataset, column {j}: every value must "
            f"be finite. Drop such rows with torch.utils.data.Subset, or impute them."
        )
    return table
