"""Bins for the activations of a layer: edges from the values themselves, or of equal width."""

from __future__ import annotations

import numpy as np

from infotheory._xp import detached_numpy
from infotheory._xp._codes import joint_codes
from infotheory._xp._namespace import Array, like, like_floating
from infotheory.functional._channel_checks import check_number, check_numbers, check_rows
from infotheory.functional._transport_checks import check_count, check_library


def entropy_binning_edges(
    activations: Array, n_bins: int = 30, *, low: float | None = None
) -> Array:
    r"""Edges between bins that hold equally many distinct values.

    Parameters
    ----------
    activations : array of any shape
        Pooled: the values of all units of a layer make one set of edges. Finite.
    n_bins : int
        At least 1.
    low : float, optional
        A smallest value with a bin of its own, beside the others: what units give that are off, 0
        of rectified ones. None takes the smallest value if it occurs more than once.

    Returns
    -------
    array of shape (k,)
        Increasing. Bin j holds what is at least edge j - 1 and below edge j, so that there are
        k + 1 bins: `n_bins`, one more with `low`, and one a value where there are fewer distinct
        values than bins. No edges at all if all values are equal.

    Raises
    ------
    ValueError
        If activations are empty or not finite, `n_bins` is below 1 or `low` is not finite.
    TypeError
        If an argument is of another kind.

    Notes
    -----
    With the U distinct values in order the edges are those of rank
    :math:`\lfloor k U / B \rfloor`, k = 1, ..., B - 1. Counting distinct values instead of all
    keeps a value that many units share, as the ends of a saturating unit, from taking several
    bins. Complexity :math:`O(n \ln n)` in the number of values. Without gradient. Source of the
    idea, entropy-based adaptive binning: Chelombiev, Houghton and O'Donnell (2019),
    arXiv:1902.09037. Their code also puts the largest value into a bin of its own, which is not
    done here.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import entropy_binning_edges
    >>> entropy_binning_edges(np.array([0.0, 0.0, 0.0, 1.0, 2.0, 5.0, 100.0]), 2)
    array([1., 5.])
    """
    check_count(1, n_bins=n_bins)
    if low is not None:
        check_number("low", low)
    given = check_numbers("activations", activations)
    distinct, counts = np.unique(given, return_counts=True)
    off = low if low is not None else distinct[0] if counts[0] > 1 else None
    if off is not None:
        distinct = distinct[distinct > off]
    size = len(distinct)
    ranks = np.unique(np.arange(min(n_bins, size)) * size // min(n_bins, size)) if size else []
    # The smallest of the others is an edge only where something may be below it.
    kept = distinct[np.asarray(ranks, dtype=np.intp)][0 if off is not None else 1 :]
    return like_floating(kept, activations)


def uniform_binning_edges(
    activations: Array, n_bins: int = 30, *, limits: tuple[float, float] | None = None
) -> Array:
    r"""Edges between bins of equal width.

    Parameters
    ----------
    activations : array of any shape
        Finite.
    n_bins : int
        At least 1.
    limits : tuple of two float, optional
        Lower end of the first bin and upper end of the last, which also hold what is beyond; the
        smallest and the largest value when None.

    Returns
    -------
    array of shape (n_bins - 1,)
        Increasing; empty if all values are equal and there are no limits.

    Raises
    ------
    ValueError
        If activations are empty or not finite, `n_bins` is below 1, or the limits are not two
        finite numbers, the lower one first.
    TypeError
        If an argument is of another kind.

    Notes
    -----
    The bins of the first pictures of the information plane, between -1 and 1 for units that
    saturate there. Complexity O(n). Without gradient. Source: Shwartz-Ziv and Tishby (2017),
    arXiv:1703.00810.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import uniform_binning_edges
    >>> uniform_binning_edges(np.array([0.0, 1.0, 4.0]), 4)
    array([1., 2., 3.])
    """
    check_count(1, n_bins=n_bins)
    values = check_numbers("activations", activations)
    ends = _checked_limits(limits) if limits is not None else (values.min(), values.max())
    low, high = map(float, ends)
    # In halves where the width itself is beyond floats.
    part = 1.0 if np.isfinite(high - low) else 2.0
    inner = np.linspace(low / part, high / part, n_bins + 1)[1:-1]
    edges = part * inner if high > low else np.empty(0)
    return like_floating(edges, activations)


def binned_symbols(activations: Array, edges: Array) -> Array:
    r"""The bins of all units of a row as one symbol.

    Parameters
    ----------
    activations : array of shape (n, d)
        Finite.
    edges : array of shape (k,)
        Increasing, as of :func:`entropy_binning_edges`.

    Returns
    -------
    integer array of shape (n,)
        Rows whose units are all in the same bins have the same code 0, 1, 2, ... Every code
        occurs. In the library and on the device of `activations`.

    Raises
    ------
    ValueError
        If activations are no finite table with a row, or the edges do not increase.
    TypeError
        If an argument is of another kind.

    Notes
    -----
    The entropy of the symbols, by :func:`discrete_entropy`, is at most
    :math:`\min(\ln n, d \ln(k + 1))`: with many units nearly every row is alone in its bin, and
    the entropy says how many rows there are. Complexity :math:`O(n d \ln k)`, memory O(n d).
    Source: Chelombiev, Houghton and O'Donnell (2019), arXiv:1902.09037.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import binned_symbols
    >>> T = np.array([[0.1, 0.9], [0.2, 0.8], [0.9, 0.9]])
    >>> binned_symbols(T, np.array([0.5]))
    array([0, 0, 1])
    """
    check_rows("activations", activations)
    values, ends = detached_numpy(activations), _checked_edges(edges)
    codes = np.searchsorted(ends, values, side="right").astype(np.int64, copy=False)
    joint, _ = joint_codes(list(codes.T), [len(ends) + 1] * codes.shape[1])
    return like(joint, activations)


def adaptive_bins(activations: Array, n_bins: int = 30, *, low: float | None = None) -> Array:
    r"""The adaptive bins of all units of a row as one symbol.

    Parameters
    ----------
    activations : array of shape (n, d)
        Of n rows by the d units of a layer. Finite.
    n_bins : int
        At least 1.
    low : float, optional
        As in :func:`entropy_binning_edges`.

    Returns
    -------
    integer array of shape (n,)
        Codes 0, 1, 2, ...

    Raises
    ------
    ValueError
        If activations are no finite table with a row, `n_bins` is below 1 or `low` is not finite.
    TypeError
        If an argument is of another kind.

    Notes
    -----
    ``binned_symbols(activations, entropy_binning_edges(activations, n_bins))``. A layer T that is
    a function of the input X has I(X; T) = H(T) once it is binned, which is infinite before for a
    continuous input: what is measured depends on the bins. Complexity :math:`O(n d \ln(n d))`.
    Source: Chelombiev, Houghton and O'Donnell (2019), arXiv:1902.09037.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import adaptive_bins, discrete_entropy
    >>> T = np.random.default_rng(0).normal(size=(3000, 1))
    >>> counts = np.bincount(adaptive_bins(T, 30))
    >>> print(f"{discrete_entropy(counts, method='plugin'):.4f} {np.log(30):.4f}")
    3.4012 3.4012
    """
    check_rows("activations", activations)
    return binned_symbols(activations, entropy_binning_edges(activations, n_bins, low=low))


def _checked_limits(limits: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = limits
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"limits must be two numbers, the lower one first, got {limits!r}. Pass for instance "
            f"(-1, 1)."
        ) from error
    check_number("limits[0]", low)
    check_number("limits[1]", high)
    if not low < high:
        raise ValueError(
            f"limits must be two numbers, the lower one first, got {limits!r}. Pass for instance "
            f"(-1, 1)."
        )
    return low, high


def _checked_edges(edges: Array) -> np.ndarray:
    check_library("edges", edges)
    ends = detached_numpy(edges)
    if ends.ndim != 1 or not np.all(np.diff(ends) > 0) or np.isnan(ends).any():
        raise ValueError(
            f"edges must be one row of increasing numbers, got {ends.tolist()}. Sort them and "
            f"leave out repeats, as by numpy.unique."
        )
    return ends
