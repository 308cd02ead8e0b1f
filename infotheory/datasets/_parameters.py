"""What constructors do with their arguments: checked, read-only float64 arrays."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]


def store(owner: object, **values: object) -> None:
    """Set the fields of a frozen dataclass from its own constructor; arrays become read-only."""
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
        object.__setattr__(owner, name, value)


def vectors(**arguments: ArrayLike) -> tuple[FloatArray, ...]:
    """Broadcast scalars and vectors against each other to fresh vectors of one length."""
    arrays = [np.atleast_1d(np.asarray(value, dtype=np.float64)) for value in arguments.values()]
    names = ", ".join(arguments)
    if any(array.ndim > 1 for array in arrays):
        raise ValueError(f"{names} must be numbers or vectors, got a matrix.")
    try:
        broadcast = np.broadcast_arrays(*arrays)
    except ValueError as error:
        lengths = ", ".join(str(array.size) for array in arrays)
        raise ValueError(f"{names} must have one length, got {lengths}.") from error
    for name, array in zip(arguments, broadcast, strict=True):
        if array.size == 0 or not np.all(np.isfinite(array)):
            raise ValueError(f"{name} must hold finite numbers, at least one; got {array}.")
    return tuple(np.array(array) for array in broadcast)


def require_positive(**arrays: FloatArray) -> None:
    """Raise a ValueError that names the first argument with an entry that is not positive."""
    for name, array in arrays.items():
        if not np.all(array > 0.0):
            raise ValueError(f"{name} must be positive, got {array}.")


def probability_vector(name: str, value: ArrayLike) -> FloatArray:
    """Check that the entries are not negative and sum to one."""
    (weights,) = vectors(**{name: value})
    if np.any(weights < 0.0) or abs(float(weights.sum()) - 1.0) > 1e-8:
        raise ValueError(f"{name} must be >= 0 and sum to 1, got the sum {weights.sum():.10g}.")
    return weights


def location_and_scatter(
    location_name: str, location: ArrayLike, scatter_name: str, scatter: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Broadcast a location and a scatter matrix to (d,) and (d, d); a number s means s I."""
    (centre,) = vectors(**{location_name: location})
    matrix = np.array(scatter, dtype=np.float64)
    if matrix.ndim == 0:
        matrix = float(matrix) * np.eye(centre.size)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            f"{scatter_name} must be a number or a square matrix, got the shape {matrix.shape}."
        )
    if centre.size == 1:
        centre = np.repeat(centre, matrix.shape[0])
    if centre.size != matrix.shape[0]:
        raise ValueError(
            f"{location_name} has {centre.size} entries, {scatter_name} is "
            f"{matrix.shape[0]} x {matrix.shape[0]}: they must agree."
        )
    if not np.allclose(matrix, matrix.T, rtol=1e-10, atol=0.0):
        raise ValueError(f"{scatter_name} must be symmetric.")
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError as error:
        raise ValueError(f"{scatter_name} must be positive definite.") from error
    return centre, matrix


def as_rows(X: ArrayLike, dim: int, name: str = "X") -> FloatArray:
    """Return float64 rows of `dim` columns; any leading axes count as rows."""
    rows = np.asarray(X, dtype=np.float64)
    if rows.ndim < 2 or rows.shape[-1] != dim:
        raise ValueError(
            f"{name} must have the shape (n_samples, {dim}), got {rows.shape}. "
            "A single column is X.reshape(-1, 1)."
        )
    return rows
