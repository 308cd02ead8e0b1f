"""Joint laws of several variables, held as the cells that are not 0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from infotheory._xp import detached_numpy, like
from infotheory._xp._namespace import Array, like_floating
from infotheory.functional._laws import Law

# Cells of a dense array: 2 GiB of float64.
_DENSE = 2**28


class Cells(NamedTuple):
    """Positions among the positive atoms, one column a variable, and masses."""

    places: np.ndarray  # int64
    masses: np.ndarray  # float64


@dataclass(frozen=True, eq=False)
class SparseLaw:
    """A joint law on finite alphabets, as its cells of positive mass.

    Parameters
    ----------
    indices : array of shape (n_cells, n_variables), int64
        Outcome of each variable in each cell.
    masses : array of shape (n_cells,)
        Probabilities of the cells.
    shape : tuple of int
        Numbers of outcomes.

    Notes
    -----
    ``joint`` takes O(prod(shape)) memory and is made when first asked for. The sparse form is that
    of coordinate lists, as in Golub and Van Loan, Matrix Computations, section 11.1.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import SparseLaw
    >>> law = SparseLaw(np.array([[0, 0], [1, 2]]), np.array([0.25, 0.75]), (2, 3))
    >>> print(law.joint)
    [[0.25 0.   0.  ]
     [0.   0.   0.75]]
    """

    indices: Array
    masses: Array
    shape: tuple[int, ...]

    @cached_property
    def joint(self) -> Array:
        """The dense array of shape ``shape``, made when first asked for."""
        n_cells = math.prod(self.shape)
        if n_cells > _DENSE:
            raise MemoryError(
                f"A dense law must have at most {_DENSE} cells, got {n_cells} for shape "
                f"{self.shape}. Use indices and masses, which hold the {self.masses.shape[0]} "
                f"cells that are not 0."
            )
        masses = detached_numpy(self.masses)
        dense = np.zeros(self.shape, masses.dtype)
        dense[tuple(detached_numpy(self.indices).T)] = masses
        return like(dense, self.masses)


def cells_like(cells: Cells, laws: Sequence[Law], p: Array) -> dict[str, Any]:
    """The fields of a SparseLaw in the library, dtype and device of ``p``, heaviest cell first."""
    order = np.argsort(-cells.masses, kind="stable")
    outcomes = [law.outcomes[cells.places[order, r]] for r, law in enumerate(laws)]
    return {
        "indices": like(np.stack(outcomes, axis=1).astype(np.int64), p),
        "masses": like_floating(cells.masses[order], p),
        "shape": tuple(law.size for law in laws),
    }
