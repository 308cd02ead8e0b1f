"""Joint laws of continuous pairs: a distribution cut in two, and uniform additive noise."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from ._elliptical import Normal
from ._interfaces import DivisibleDistribution
from ._parameters import FloatArray, as_rows, store
from ._random import RandomState, as_generator


@dataclass(frozen=True, eq=False, init=False)
class Split:
    r"""A pair (X, y) made by cutting the columns of one distribution in two.

    Parameters
    ----------
    distribution : distribution with ``marginal(columns)``
        Joint law of all columns, such as `Normal`, `StudentT` or `LogNormal`.
    dim_x : int
        Number of columns of X, the first ones; y takes the rest.

    Raises
    ------
    ValueError
        If one side is left without columns.

    Notes
    -----
    The mutual information is :math:`h(X) + h(y) - h(X, y)` of the exact entropies, and the
    pointwise value the difference of the exact log densities, O(n d^2).

    Examples
    --------
    >>> from infotheory.datasets import Normal, Split
    >>> law = Split(Normal(covariance=[[1.0, 0.8], [0.8, 1.0]]), dim_x=1)
    >>> round(law.mutual_information, 6)  # -ln(1 - 0.64) / 2
    0.510826
    """

    distribution: DivisibleDistribution
    dim_x: int
    _margin_x: DivisibleDistribution = field(repr=False)
    _margin_y: DivisibleDistribution = field(repr=False)

    def __init__(self, distribution: DivisibleDistribution, dim_x: int) -> None:
        if not 0 < dim_x < distribution.dim:
            raise ValueError(
                f"dim_x must leave columns on both sides: 0 < dim_x < {distribution.dim}, "
                f"got {dim_x}."
            )
        store(
            self,
            distribution=distribution,
            dim_x=dim_x,
            _margin_x=distribution.marginal(range(dim_x)),
            _margin_y=distribution.marginal(range(dim_x, distribution.dim)),
        )

    @property
    def dim_y(self) -> int:
        """Number of columns of y."""
        return self.distribution.dim - self.dim_x

    @property
    def mutual_information(self) -> float:
        """Mutual information in nats."""
        return self._margin_x.entropy + self._margin_y.entropy - self.distribution.entropy

    def sample(self, n: int, random_state: RandomState = None) -> tuple[FloatArray, FloatArray]:
        """Draw X, shape (n, dim_x), and y, shape (n, dim_y)."""
        both = self.distribution.sample(n, random_state)
        return both[:, : self.dim_x], both[:, self.dim_x :]

    def pointwise_mutual_information(self, X: ArrayLike, y: ArrayLike) -> FloatArray:
        """Log p(x, y) / p(x) p(y) of each pair of rows; leading axes broadcast."""
        left, right = as_rows(X, self.dim_x), as_rows(y, self.dim_y, name="y")
        lead = np.broadcast_shapes(left.shape[:-1], right.shape[:-1])
        both = np.concatenate(
            [
                np.broadcast_to(left, (*lead, self.dim_x)),
                np.broadcast_to(right, (*lead, self.dim_y)),
            ],
            axis=-1,
        )
        joint = self.distribution.log_density(both)
        return joint - self._margin_x.log_density(left) - self._margin_y.log_density(right)


def correlated_normals(
    correlations: ArrayLike, dim_x: int | None = None, dim_y: int | None = None
) -> Split:
    r"""Standard normal columns, correlated pair by pair.

    Parameters
    ----------
    correlations : float or array-like of shape (k,)
        Correlation of column i of X with column i of y; all other correlations are 0.
    dim_x, dim_y : int, optional
        Numbers of columns, at least k; k by default.

    Returns
    -------
    Split
        The joint law, with :math:`I = -\tfrac12 \sum_i \ln(1 - \rho_i^2)`.

    Raises
    ------
    ValueError
        If there are fewer columns than correlations, or one is not inside (-1, 1).

    Examples
    --------
    >>> from infotheory.datasets import correlated_normals
    >>> law = correlated_normals([0.8, 0.8], dim_x=5, dim_y=5)
    >>> round(law.mutual_information, 6)
    1.021651
    """
    rho = np.atleast_1d(np.asarray(correlations, dtype=np.float64))
    left = rho.size if dim_x is None else dim_x
    right = rho.size if dim_y is None else dim_y
    if rho.ndim != 1 or min(left, right) < rho.size:
        raise ValueError(
            f"correlations must be a vector with at most min(dim_x, dim_y) = {min(left, right)} "
            f"entries, got the shape {rho.shape}."
        )
    if not np.all(np.abs(rho) < 1.0):
        raise ValueError(f"correlations must lie inside (-1, 1), got {rho}.")
    cross = np.zeros((left, right))
    np.fill_diagonal(cross[: rho.size, : rho.size], rho)
    covariance = np.block([[np.eye(left), cross], [cross.T, np.eye(right)]])
    return Split(Normal(covariance=covariance), dim_x=left)


@dataclass(frozen=True)
class AdditiveUniform:
    r"""X uniform on (0, 1) and y = X + U with U uniform on (-noise, noise).

    Parameters
    ----------
    noise : float
        Half width of the noise, positive.

    Raises
    ------
    ValueError
        If the noise is not positive.

    Notes
    -----
    With noise e the mutual information is :math:`e - \ln 2e` for :math:`e \le 1/2` and
    :math:`1 / 4e` above. The pointwise value is minus the logarithm of the length of the part of
    (0, 1) within e of y, and -inf for a pair that cannot occur.

    Examples
    --------
    >>> from infotheory.datasets import AdditiveUniform
    >>> round(AdditiveUniform(0.1).mutual_information, 6)
    1.709438
    """

    noise: float

    def __post_init__(self) -> None:
        if not 0.0 < self.noise < np.inf:
            raise ValueError(f"noise must be positive and finite, got {self.noise}.")

    @property
    def dim_x(self) -> int:
        """Number of columns of X: one."""
        return 1

    @property
    def dim_y(self) -> int:
        """Number of columns of y: one."""
        return 1

    @property
    def mutual_information(self) -> float:
        """Mutual information in nats."""
        if self.noise > 0.5:
            return 0.25 / self.noise
        return self.noise - float(np.log(2.0 * self.noise))

    def sample(self, n: int, random_state: RandomState = None) -> tuple[FloatArray, FloatArray]:
        """Draw X and y, both of shape (n, 1)."""
        generator = as_generator(random_state)
        X = generator.uniform(size=(n, 1))
        return X, X + generator.uniform(-self.noise, self.noise, size=(n, 1))

    def pointwise_mutual_information(self, X: ArrayLike, y: ArrayLike) -> FloatArray:
        """Log p(x, y) / p(x) p(y) of each pair of rows; leading axes broadcast."""
        x, t = as_rows(X, 1)[..., 0], as_rows(y, 1, name="y")[..., 0]
        reach = np.minimum(t + self.noise, 1.0) - np.maximum(t - self.noise, 0.0)
        possible = (np.abs(t - x) <= self.noise) & (reach > 0.0)
        return np.where(possible, -np.log(np.where(reach > 0.0, reach, 1.0)), -np.inf)
