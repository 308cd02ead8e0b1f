"""Hypothesis strategies for laws, covariance matrices and samples.

Each draws a few small numbers and a seed, and builds its array from them with a NumPy generator:
examples are reproducible, print as short arrays and shrink to small sizes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

_KINDS = ("normal", "heavy-tailed", "discrete", "mixed")


def _drawn(draw: Any, value: Any) -> Any:
    return draw(value) if isinstance(value, st.SearchStrategy) else value


def _generator(draw: Any) -> np.random.Generator:
    return np.random.default_rng(draw(st.integers(0, 2**32 - 1)))


def _dirichlet(draw: Any, size: int, zeros: bool) -> np.ndarray:
    concentration = draw(st.sampled_from([1.0, 0.3, 10.0]))
    empty_share = draw(st.sampled_from([0.0, 0.3, 0.8])) if zeros else 0.0
    rng = _generator(draw)
    weights = rng.gamma(concentration, size=size)
    empty = rng.random(size) < empty_share
    empty[rng.integers(size)] = False  # a law has mass somewhere
    weights = np.where(empty, 0.0, weights)
    return weights / weights.sum()


@st.composite
def pmfs(draw: Any, *, min_size: int = 1, max_size: int = 8, zeros: bool = False) -> np.ndarray:
    """Laws on a finite alphabet.

    Parameters
    ----------
    min_size, max_size : int, default=1 and 8
        Bounds on the number k of cells; for a fixed number give it twice.
    zeros : bool, default=False
        Whether some cells may be exactly 0; at least one is positive. Without it all are.

    Returns
    -------
    SearchStrategy of float64 ndarray of shape (k,)
        Dirichlet draws of concentration 0.3, 1 or 10: sparse, uniform or nearly equal.

    Examples
    --------
    >>> from hypothesis import given
    >>> from infotheory.testing import pmfs
    >>> @given(pmfs(max_size=4, zeros=True))
    ... def check(p):
    ...     assert abs(p.sum() - 1) < 1e-12
    >>> check()
    """
    return _dirichlet(draw, draw(st.integers(min_size, max_size)), zeros)


@st.composite
def joint_pmfs(
    draw: Any,
    shape: tuple[int, ...] | st.SearchStrategy[tuple[int, ...]] | None = None,
    *,
    zeros: bool = False,
) -> np.ndarray:
    """Joint laws of several variables on finite alphabets.

    Parameters
    ----------
    shape : tuple of int, or strategy of such, default=None
        Alphabet sizes, one a variable. None draws two sizes from 1 to 5.
    zeros : bool, default=False
        Whether some cells may be exactly 0; at least one is positive. Without it all are.

    Returns
    -------
    SearchStrategy of float64 ndarray of the given shape
        Dirichlet draws of concentration 0.3, 1 or 10 over all cells.

    Examples
    --------
    >>> from hypothesis import given
    >>> from infotheory.testing import joint_pmfs
    >>> @given(joint_pmfs((2, 3, 2)))
    ... def check(p):
    ...     assert p.shape == (2, 3, 2)
    >>> check()
    """
    sizes = st.integers(1, 5)
    drawn = _drawn(draw, st.tuples(sizes, sizes) if shape is None else shape)
    return _dirichlet(draw, math.prod(drawn), zeros).reshape(drawn)


@st.composite
def covariance_matrices(
    draw: Any,
    dim: int | st.SearchStrategy[int] | None = None,
    *,
    max_condition: float = 100.0,
) -> np.ndarray:
    """Well conditioned covariance matrices.

    Parameters
    ----------
    dim : int, or strategy of int, default=None
        Number of coordinates. None draws it from 1 to 5.
    max_condition : float, default=100.0
        Bound on the ratio of the largest to the smallest eigenvalue.

    Returns
    -------
    SearchStrategy of float64 ndarray of shape (dim, dim)
        Symmetric, with eigenvectors uniform over rotations and log-uniform eigenvalues between
        ``max_condition ** -0.5`` and ``max_condition ** 0.5``.

    Examples
    --------
    >>> import numpy as np
    >>> from hypothesis import given
    >>> from infotheory.testing import covariance_matrices
    >>> @given(covariance_matrices(3))
    ... def check(covariance):
    ...     assert np.linalg.cond(covariance) < 101
    >>> check()
    """
    d = _drawn(draw, st.integers(1, 5) if dim is None else dim)
    rng = _generator(draw)
    q, r = np.linalg.qr(rng.standard_normal((d, d)))
    rotation = q * np.sign(np.diag(r))
    half_width = 0.5 * math.log(max_condition)
    eigenvalues = np.exp(rng.uniform(-half_width, half_width, size=d))
    covariance = (rotation * eigenvalues) @ rotation.T
    return 0.5 * (covariance + covariance.T)


@st.composite
def samples(
    draw: Any,
    n: int | st.SearchStrategy[int] | None = None,
    dim: int | st.SearchStrategy[int] | None = None,
    *,
    kinds: Sequence[str] = _KINDS,
) -> np.ndarray:
    """Samples of independent rows with correlated columns.

    Parameters
    ----------
    n : int, or strategy of int, default=None
        Number of rows. None draws it from 10 to 200.
    dim : int, or strategy of int, default=None
        Number of columns. None draws it from 1 to 3.
    kinds : sequence of str, default=("normal", "heavy-tailed", "discrete", "mixed")
        What the columns may be: normal; Student's t with 2 degrees of freedom, whose variance
        is infinite; normal rounded to integers, so that most values are ties; or a mixture, in
        each column normal with probability 1/2 and otherwise 0.

    Returns
    -------
    SearchStrategy of float64 ndarray of shape (n, dim)

    Examples
    --------
    >>> from hypothesis import given
    >>> from infotheory.testing import samples
    >>> @given(samples(50, 2, kinds=("normal",)))
    ... def check(X):
    ...     assert X.shape == (50, 2)
    >>> check()
    """
    n_rows = _drawn(draw, st.integers(10, 200) if n is None else n)
    d = _drawn(draw, st.integers(1, 3) if dim is None else dim)
    kind = draw(st.sampled_from(list(kinds)))
    rng = _generator(draw)
    X = rng.standard_normal((n_rows, d)) @ rng.standard_normal((d, d))
    if kind == "heavy-tailed":
        return X / np.sqrt(rng.chisquare(2, size=(n_rows, 1)) / 2)
    if kind == "discrete":
        return np.round(X)
    if kind == "mixed":
        return np.where(rng.random((n_rows, d)) < 0.5, X, 0.0)
    return X
