"""Costs between two clouds, made a block of rows at a time; those of a group of maps too."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import is_numpy_array, is_torch_array

from infotheory._xp import array_namespace, detached_numpy, like, logsumexp
from infotheory._xp._namespace import Array
from infotheory.functional._sinkhorn_implicit import off_graph
from infotheory.functional._transport_checks import check_positive
from infotheory.functional._transport_costs import COSTS, transport_cost

Cost = str | Callable[[Array, Array], Array]
Group = Callable[[Array], Array] | Sequence[Callable[[Array], Array]]
_BLOCK = 2**17  # pairs that a pass works on at once, in the cache


def group_invariant_cost(
    X: Array, Y: Array, group: Group, *, epsilon: float, cost: Cost = "half-sqeuclidean"
) -> Array:
    r"""Cost whose entropic transport is that of samples averaged over a finite group.

    Parameters
    ----------
    X, Y : arrays of shape (n, d), (m, d)
    group : callable or sequence of callables
        Maps of rows, (m, d) -> (m, d), that make up a group together with the identity, which is
        left out.
    epsilon : float
        Strength of the regularisation that the cost is for.
    cost : {"half-sqeuclidean", "sqeuclidean", "euclidean", "cosine"} or callable
        As in :func:`transport_cost`; each map of the group must keep it, c(g x, g y) = c(x, y).

    Returns
    -------
    array of shape (n, m)
        :math:`-\epsilon \ln \operatorname{mean}_g \exp(-c(x_i, g y_j) / \epsilon)`.
        Differentiable.

    Raises
    ------
    ValueError
        If a map returns another shape or what is not finite, or epsilon is not positive.
    TypeError
        If the group holds what is not callable.

    Notes
    -----
    Entropic transport with this cost has the value of the one between both samples with all
    their images, k^2 times as large for k elements: the plan of the latter can be averaged over
    the group, and what is left is one number for each pair of orbits. Complexity O(k n m d),
    memory O(k n m). Source of transport under a group: Chen et al. (2023), arXiv:2302.01915.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import group_invariant_cost
    >>> X, Y = np.array([[1.0]]), np.array([[-1.0]])
    >>> print(f"{group_invariant_cost(X, Y, lambda rows: -rows, epsilon=0.1)[0, 0]:.4f}")
    0.0693
    """
    check_positive(epsilon=epsilon)
    return _averaged([transport_cost(X, image, cost) for image in orbit(Y, group)], epsilon)


def orbit(Y: Array, group: Group | None) -> list[Array]:
    """Rows under each map of a group, as they are first."""
    images = [Y]
    for g in [] if group is None else [group] if callable(group) else group:
        if not callable(g):
            raise TypeError(f"group must hold callables, got {g!r}. Pass maps of rows.")
        image = g(Y)
        if tuple(image.shape) != tuple(Y.shape) or not _is_finite(image):
            raise ValueError(
                f"Each map of group must return finite rows of the shape it was given, "
                f"{tuple(Y.shape)}; {g!r} returned {tuple(image.shape)}."
            )
        images.append(image)
    return images


def _is_finite(x: Array) -> bool:
    xp = array_namespace(x)
    return bool(xp.all(xp.isfinite(x)))


def _averaged(costs: list[Array], epsilon: float) -> Array:
    if len(costs) == 1:
        return costs[0]
    stacked = array_namespace(costs[0]).stack(costs)
    return epsilon * (math.log(len(costs)) - logsumexp(-stacked / epsilon, axis=0))


class Squares(NamedTuple):
    """A cost as slope |x - y|^2 / 2, or |x - y|, plus a term of x and one of y."""

    X: np.ndarray
    copies: list[np.ndarray]
    slope: float
    by_distance: bool
    of_x: np.ndarray
    of_y: np.ndarray


@dataclass(frozen=True, eq=False)
class PointCosts:
    """Costs of moving each row of X to each row of the target, whose images are `copies`."""

    X: Array
    copies: list[Array]
    cost: Cost
    epsilon: float
    block_size: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.X.shape[0], self.copies[0].shape[0]

    @property
    def n_pairs(self) -> int:
        """Pairs of a row and an image of another."""
        n, m = self.shape
        return n * m * len(self.copies)

    @property
    def is_compiled(self) -> bool:
        """Whether there are compiled sums for the cost and the place of the points."""
        x = self.X
        near = is_numpy_array(x) or (is_torch_array(x) and x.device.type == "cpu")
        return near and isinstance(self.cost, str) and self.cost in COSTS

    def whole(self) -> Array:
        """All costs."""
        return self.of(self.X, self.copies)

    def of(self, X: Array, copies: list[Array]) -> Array:
        """Costs of some rows to others with all their images."""
        return _averaged([transport_cost(X, copy, self.cost) for copy in copies], self.epsilon)

    def parts(self) -> list[slice]:
        """Rows of X whose costs are held at once."""
        n, m = self.shape
        step = max(1, min(self.block_size, _BLOCK) // (m * len(self.copies)))
        return [slice(i, min(i + step, n)) for i in range(0, n, step)]

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """Costs of some rows at a time, off the graph of any gradient."""
        for rows in self.parts():
            yield rows, self.fixed(rows)

    def fixed(self, rows: slice | Array) -> Array:
        """Costs of some rows, by slice or index, off the graph: a callable may have parameters."""
        xp = array_namespace(self.X)
        some = self.X[rows, :] if isinstance(rows, slice) else xp.take(self.X, rows, axis=0)
        return off_graph(self.of(some, self.copies))

    def inside(self) -> PointCosts:
        """Of points as solvers take them, off the graph: float64 of NumPy for compiled sums."""
        return self.on(self.number(self.X), [self.number(copy) for copy in self.copies])

    def number(self, x: Array) -> Array:
        """An array as solvers take it."""
        return detached_numpy(x).astype(np.float64) if self.is_compiled else off_graph(x)

    def outside(self, x: Array) -> Array:
        """What a solver made, in the caller's library and dtype."""
        return (
            array_namespace(self.X).astype(like(x, self.X), self.X.dtype) if self.is_compiled else x
        )

    def kept(self, rows: Array, columns: Array) -> PointCosts:
        """Those of some rows and columns, by index."""
        xp = array_namespace(self.X)
        copies = [xp.take(copy, columns, axis=0) for copy in self.copies]
        return self.on(xp.take(self.X, rows, axis=0), copies)

    def on(self, X: Array, copies: list[Array]) -> PointCosts:
        """The same costs of other points."""
        return PointCosts(X, copies, self.cost, self.epsilon, self.block_size)

    def as_squares(self) -> Squares:
        """A cost with a name by distances, of points inside.

        A squared distance changes by terms of x and of y alone when the clouds are moved, so that
        each is moved to its own mean; images under a group are moved together.
        """
        X, copies = self.X, self.copies
        of_x, of_y = np.zeros(self.shape[0]), np.zeros(self.shape[1])
        if self.cost == "cosine":
            return Squares(
                _on_sphere(X, 0), [_on_sphere(y, 1) for y in copies], 1.0, False, of_x, of_y
            )
        centre = np.mean(copies, axis=(0, 1))
        by_distance = self.cost == "euclidean"
        own = centre if by_distance or len(copies) > 1 else np.mean(X, axis=0)
        slope = 2.0 if self.cost == "sqeuclidean" else 1.0
        X, copies = X - own, [y - centre for y in copies]
        if own is not centre:
            move = own - centre
            of_x, of_y = slope * (X @ move + move @ move / 2), -slope * (copies[0] @ move)
        return Squares(X, copies, slope, by_distance, of_x, of_y)


def _on_sphere(points: np.ndarray, side: int) -> np.ndarray:
    """Directions; points at the origin get one of their own, at right angles to all others."""
    length = np.linalg.norm(points, axis=1, keepdims=True)
    none = length == 0
    more = np.zeros((len(points), 2))
    more[:, side] = none[:, 0]
    return np.hstack([points / np.where(none, 1.0, length), more])
