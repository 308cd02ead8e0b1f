"""Widths of Gaussian kernels from data: one set of rules for all that uses kernels."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np

from infotheory._xp import detached_numpy
from infotheory._xp._namespace import Array, like_floating
from infotheory.functional._kernel_checks import check_points
from infotheory.functional._transport_checks import check_count

BandwidthRule = Literal["median", "silverman", "likelihood", "neighbors"]
BANDWIDTH_RULES: tuple[str, ...] = get_args(BandwidthRule)

_BLOCK = 2**20  # distances held at once
_FEW_GAPS = 8  # a row, which are sorted rather than halved again


def kernel_bandwidth(
    X: Array, rule: BandwidthRule = "median", *, n_neighbors: int = 10, max_rows: int = 1000
) -> Array:
    r"""Width of the Gaussian kernel by a rule.

    The kernel is :math:`\exp(-|x - x'|^2 / (2\,\mathrm{bandwidth}^2))`.

    Parameters
    ----------
    X : array of shape (..., n, d)
        Finite rows, at least one.
    rule : {"median", "silverman", "likelihood", "neighbors"}
        - "median": the median of the distances :math:`|x_i - x_j|` of two rows.
        - "silverman": :math:`s\,(4 / ((d + 2) n))^{1/(d + 4)}`, s^2 the mean variance of the
          columns (divided by n - 1): the best width of an estimate of a normal density.
        - "likelihood": the maximiser of the leave-one-out log-likelihood
          :math:`\sum_i \ln \sum_{j \ne i} N(x_i; x_j, b^2 I)`, over widths from half the
          smallest distance to the largest. Pairs of equal rows are left out, or it would be 0.
        - "neighbors": the mean distance of a row to its k-th nearest other row.
    n_neighbors : int
        The k of "neighbors"; n - 1 if there are fewer.
    max_rows : int
        Rows to which "median" and "likelihood" are applied, and whose neighbours among all rows
        "neighbors" looks for. Of more rows this many are drawn, always the same ones whatever
        their order: the rows are sorted, and a generator with a seed of its own chooses.

    Returns
    -------
    array of shape (...)
        Positive, in the library, device and floating dtype of X; detached.

    Raises
    ------
    ValueError
        If there is no such rule, `n_neighbors` is below 1 or `max_rows` below 2, or rows are not
        finite, not real or not of this shape.
    TypeError
        If X is no array of numbers or has masked entries, or a count is no integer.

    Notes
    -----
    For "silverman" and "likelihood" d counts the columns that are not constant. The likelihood of
    m of n rows gives a width for m rows, which is multiplied by :math:`(m / n)^{1/(d + 4)}`. A rule
    that gives 0, as the median of rows most of which are equal, gives way to the median of the
    distances that are not 0. A constant sample has no scale and gets 1; every width gives it the
    same Gram matrix.

    The Cauchy-Schwarz divergence with bandwidth b compares densities smoothed by a normal of
    variance b^2 / 2, and not b^2.

    Complexity O(m^2 d) with m = min(n, max_rows), of the median of one column O(m ln m), O(n m d)
    for "neighbors", O(n d) for "silverman", and O(n ln n) to sort. Sources: Silverman, Density
    Estimation for Statistics and Data Analysis (1986), section 4.3.2; Duin (1976),
    doi:10.1109/TC.1976.1674577, of the likelihood; Gretton et al. (2012), JMLR 13, pages 723-773,
    of the median.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import kernel_bandwidth
    >>> X = np.array([[0.0], [1.0], [3.0], [7.0]])
    >>> print(kernel_bandwidth(X))
    3.5
    >>> print(kernel_bandwidth(X, "neighbors", n_neighbors=1))
    2.0
    """
    if rule not in BANDWIDTH_RULES:
        raise ValueError(
            f"rule must be one of {', '.join(BANDWIDTH_RULES)}, got {rule!r}. A width of your own "
            "goes where this function's answer would."
        )
    check_points(X=X)
    check_count(1, n_neighbors=n_neighbors)
    check_count(2, max_rows=max_rows)
    points = detached_numpy(X).astype(np.float64)
    batch = points.shape[:-2]
    found = [
        _width(part, rule, n_neighbors, max_rows) for part in points.reshape(-1, *points.shape[-2:])
    ]
    return like_floating(np.array(found).reshape(batch), X)


def _width(X: np.ndarray, rule: str, n_neighbors: int, max_rows: int) -> float:
    low = X.min(axis=0)
    extent = X.max(axis=0) - low
    X = X[:, extent > 0]
    n, d = X.shape
    if d == 0:
        return 1.0
    # Squares of very large and very small distances stay in range.
    scale = float(extent.max())
    X = (X - low[extent > 0]) / scale
    if rule == "silverman":
        spread = math.sqrt(float(np.mean(np.var(X, axis=0, ddof=1))))
        return scale * spread * (4 / ((d + 2) * n)) ** (1 / (d + 4))
    some = _some_rows(X, max_rows)
    if rule == "neighbors":
        found = _neighbor_distance(X, some, min(n_neighbors, n - 1))
    elif rule == "median" and d == 1:
        found = _median_gap(some[:, 0])
    else:
        from scipy.spatial.distance import pdist

        distances = pdist(some)
        if rule == "median":
            found = float(np.median(distances))
        else:
            found = _likeliest(distances, d)
            found *= (some.shape[0] / n) ** (1 / (d + 4))
    return scale * (found if found > 0 else _usual_distance(X, some))


def _some_rows(X: np.ndarray, max_rows: int) -> np.ndarray:
    """At most this many rows, the same ones in whatever order all of them come."""
    n = X.shape[0]
    if n <= max_rows:
        return X
    chosen = np.random.default_rng(0).choice(n, size=max_rows, replace=False)
    return X[np.lexsort(X.T)[chosen]]


def _usual_distance(X: np.ndarray, some: np.ndarray) -> float:
    """The median of the distances that are not 0; the whole extent where there are none."""
    from scipy.spatial.distance import pdist

    distances = pdist(some)
    distances = distances[distances > 0]
    if distances.size:
        return float(np.median(distances))
    return float(np.linalg.norm(np.ptp(X, axis=0)))


def _median_gap(x: np.ndarray) -> float:
    """The median of |x_i - x_j| over pairs, without all of them."""
    x = np.sort(x)
    own = np.arange(len(x))
    n_pairs = len(x) * (len(x) - 1) // 2
    middle = (n_pairs - 1) // 2, n_pairs // 2

    # Of each row, how many rows in order, up to itself, are within a distance; then by bisection.
    low, high = -1.0, float(x[-1] - x[0])
    first, last = own + 1, np.full(len(x), len(x))
    while np.sum(last - first) > _FEW_GAPS * len(x):
        half = 0.5 * (low + high)
        if not low < half < high:
            break
        within = np.maximum(np.searchsorted(x, x + half, side="right"), own + 1)
        if np.sum(within - own - 1) <= middle[0]:
            low, first = half, within
        elif np.sum(within - own - 1) > middle[1]:
            high, last = half, within
        else:
            break
    lengths = last - first
    before = int(np.sum(first - own - 1))
    starts = np.cumsum(lengths) - lengths
    others = np.arange(int(np.sum(lengths))) + np.repeat(first - starts, lengths)
    gaps = x[others] - np.repeat(x, lengths)
    gaps = np.partition(gaps, [rank - before for rank in middle])
    return float(0.5 * (gaps[middle[0] - before] + gaps[middle[1] - before]))


def _neighbor_distance(X: np.ndarray, some: np.ndarray, k: int) -> float:
    from scipy.spatial.distance import cdist

    step = max(1, _BLOCK // X.shape[0])
    total = 0.0
    for start in range(0, some.shape[0], step):
        distances = cdist(some[start : start + step], X)
        # Each row is among all rows, so of the sorted distances the first is its own.
        total += float(np.sum(np.partition(distances, k, axis=1)[:, k]))
    return total / some.shape[0]


def _likeliest(distances: np.ndarray, d: int) -> float:
    from scipy.optimize import minimize_scalar
    from scipy.spatial.distance import squareform

    positive = distances[distances > 0]
    if not positive.size:
        return 0.0
    squares = squareform(distances) ** 2
    squares[squares == 0] = np.inf
    nearest = np.min(squares, axis=1)
    gaps = squares - nearest[:, None]
    gaps[np.isnan(gaps)] = np.inf

    def loss(log_width: float) -> float:
        half = 0.5 * math.exp(-2 * log_width)
        logs = np.log(np.sum(np.exp(-half * gaps), axis=1)) - half * nearest
        return d * log_width - float(np.mean(logs))

    low, high = math.log(positive.min() / 2), math.log(positive.max())
    grid = np.linspace(low, high, 16)
    best = int(np.argmin([loss(log_width) for log_width in grid]))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, 15)]
    return math.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x)
