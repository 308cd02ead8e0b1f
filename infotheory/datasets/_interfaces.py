"""The three shapes of this package: a distribution, a joint law of a pair, a transform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from numpy.typing import ArrayLike

from ._parameters import FloatArray
from ._random import RandomState


class Distribution(Protocol):
    """One random vector whose entropy is known.

    Anything with these four members is a distribution here; no class has to be inherited.
    """

    @property
    def dim(self) -> int:
        """Number of columns of a sample."""
        ...

    @property
    def entropy(self) -> float:
        """Entropy in nats, differential for a density."""
        ...

    def sample(self, n: int, random_state: RandomState = None) -> FloatArray:
        """Draw rows, shape (n, dim)."""
        ...

    def log_density(self, X: ArrayLike) -> FloatArray:
        """Log density, or log probability, of each row."""
        ...


class DivisibleDistribution(Distribution, Protocol):
    """A distribution whose marginals are in its own family."""

    def marginal(self, columns: Sequence[int]) -> Self:
        """Law of some of the columns."""
        ...


class JointLaw(Protocol):
    """A pair (X, y) whose mutual information is known.

    Anything with these members can be the base of a `Task`; a `Task` has them too.
    """

    @property
    def dim_x(self) -> int:
        """Number of columns of X."""
        ...

    @property
    def dim_y(self) -> int:
        """Number of columns of y."""
        ...

    @property
    def mutual_information(self) -> float:
        """Mutual information in nats."""
        ...

    def sample(self, n: int, random_state: RandomState = None) -> tuple[FloatArray, FloatArray]:
        """Draw X, shape (n, dim_x), and y, shape (n, dim_y)."""
        ...

    def pointwise_mutual_information(self, X: ArrayLike, y: ArrayLike) -> FloatArray:
        """Log p(x, y) / p(x) p(y) of each pair of rows."""
        ...


class Transform(Protocol):
    """An injective map of rows with its inverse.

    Mutual information does not change under it, and neither does the pointwise value.
    """

    def output_dim(self, dim: int) -> int:
        """Number of columns the map returns for `dim` columns; ValueError where it has none."""
        ...

    def __call__(self, X: ArrayLike) -> FloatArray:
        """Map the rows."""
        ...

    def inverse(self, X: ArrayLike) -> FloatArray:
        """Bring mapped rows back."""
        ...
