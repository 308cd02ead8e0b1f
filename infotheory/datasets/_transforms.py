"""Injective maps of rows, each with its inverse: what makes an easy pair hard to estimate."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri, ndtri_exp

from ._mixture import GaussianMixture
from ._parameters import FloatArray, as_rows, store, vectors
from ._roots import solve_increasing


class _Elementwise:
    """A map of the line applied to every entry."""

    def output_dim(self, dim: int) -> int:
        """Number of columns returned: as many as given."""
        return dim


@dataclass(frozen=True)
class NormalCdf(_Elementwise):
    r"""Standard normal distribution function of every entry.

    Notes
    -----
    Brings standard normal columns to the uniform law on (0, 1). The inverse loses digits in the
    upper tail, where :math:`\Phi(z)` rounds towards 1: about 1e-10 at z = 5, everything at
    z = 8.3.

    Examples
    --------
    >>> from infotheory.datasets import NormalCdf
    >>> NormalCdf()([[0.0]])
    array([[0.5]])
    """

    def __call__(self, X: ArrayLike) -> FloatArray:
        """Map the rows."""
        return ndtr(np.asarray(X, dtype=np.float64))

    def inverse(self, X: ArrayLike) -> FloatArray:
        """Bring mapped rows back: normal quantiles."""
        return ndtri(np.asarray(X, dtype=np.float64))


@dataclass(frozen=True)
class HalfCube(_Elementwise):
    r"""The map :math:`t \sqrt{|t|}` of every entry: longer tails, flat at the origin.

    Examples
    --------
    >>> from infotheory.datasets import HalfCube
    >>> HalfCube()([[-4.0, 9.0]])
    array([[-8., 27.]])
    """

    def __call__(self, X: ArrayLike) -> FloatArray:
        """Map the rows."""
        t = np.asarray(X, dtype=np.float64)
        return t * np.sqrt(np.abs(t))

    def inverse(self, X: ArrayLike) -> FloatArray:
        """Bring mapped rows back."""
        t = np.asarray(X, dtype=np.float64)
        return np.sign(t) * np.cbrt(np.abs(t)) ** 2


@dataclass(frozen=True)
class Asinh(_Elementwise):
    r"""Inverse hyperbolic sine of every entry: short tails from long ones.

    Examples
    --------
    >>> from infotheory.datasets import Asinh
    >>> Asinh()([[0.0]])
    array([[0.]])
    """

    def __call__(self, X: ArrayLike) -> FloatArray:
        """Map the rows."""
        return np.arcsinh(np.asarray(X, dtype=np.float64))

    def inverse(self, X: ArrayLike) -> FloatArray:
        """Bring mapped rows back."""
        return np.sinh(np.asarray(X, dtype=np.float64))


@dataclass(frozen=True, eq=False, init=False)
class Wiggle(_Elementwise):
    r"""The map :math:`t + \sum_i a_i \sin(b_i t + c_i)` of every entry.

    Parameters
    ----------
    amplitudes, frequencies, phases : float or array-like of shape (k,)
        The a, b and c; the sum of :math:`|a_i b_i|` is below 1, which makes the map increasing.

    Raises
    ------
    ValueError
        If that sum is 1 or more, or the lengths differ.

    Notes
    -----
    The inverse is a bracketed Newton iteration, accurate to rounding.

    Examples
    --------
    >>> from infotheory.datasets import Wiggle
    >>> wiggle = Wiggle(amplitudes=0.5, frequencies=1.0, phases=0.0)
    >>> wiggle.inverse(wiggle([[1.0]])).round(12)
    array([[1.]])
    """

    amplitudes: FloatArray
    frequencies: FloatArray
    phases: FloatArray

    def __init__(self, amplitudes: ArrayLike, frequencies: ArrayLike, phases: ArrayLike) -> None:
        a, b, c = vectors(amplitudes=amplitudes, frequencies=frequencies, phases=phases)
        steepness = float(np.sum(np.abs(a * b)))
        if steepness >= 1.0:
            raise ValueError(
                f"sum |amplitudes * frequencies| must be below 1, got {steepness:.6g}: "
                "the map would not have to be increasing."
            )
        store(self, amplitudes=a, frequencies=b, phases=c)

    def __call__(self, X: ArrayLike) -> FloatArray:
        """Map the rows."""
        return self._value_and_slope(np.asarray(X, dtype=np.float64))[0]

    def inverse(self, X: ArrayLike) -> FloatArray:
        """Bring mapped rows back."""
        target = np.asarray(X, dtype=np.float64)
        reach = float(np.sum(np.abs(self.amplitudes)))
        return solve_increasing(self._value_and_slope, target, target - reach, target + reach)

    def _value_and_slope(self, t: FloatArray) -> tuple[FloatArray, FloatArray]:
        angle = self.frequencies * t[..., np.newaxis] + self.phases
        value = t + np.sin(angle) @ self.amplitudes
        slope = 1.0 + np.cos(angle) @ (self.amplitudes * self.frequencies)
        return value, slope


@dataclass(frozen=True, eq=False)
class NormalToMixture(_Elementwise):
    r"""Increasing map of every entry that brings the standard normal law to a mixture.

    Parameters
    ----------
    mixture : GaussianMixture
        Law of the mapped entries.

    Notes
    -----
    The map is :math:`F^{-1}(\Phi(z))` with F the distribution function of the mixture. It is
    solved for on the normal scale, :math:`\Phi^{-1}(F(t)) = z`, with logarithms of whichever tail
    is the smaller, so that neither tail loses digits.

    Examples
    --------
    >>> from infotheory.datasets import GaussianMixture, NormalToMixture
    >>> bimodal = NormalToMixture(GaussianMixture([0.5, 0.5], means=[-1.0, 3.0]))
    >>> bimodal([[0.0]])
    array([[1.]])
    """

    mixture: GaussianMixture

    def __call__(self, X: ArrayLike) -> FloatArray:
        """Map the rows."""
        z = np.asarray(X, dtype=np.float64)
        # F lies between the least and the greatest of its components' distribution functions.
        candidates = self.mixture.means + self.mixture.scales * z[..., np.newaxis]
        lower, upper = candidates.min(axis=-1), candidates.max(axis=-1)
        return solve_increasing(self._score_and_slope, z, lower, upper)

    def inverse(self, X: ArrayLike) -> FloatArray:
        """Bring mapped rows back: normal quantiles of the mixture's distribution function."""
        return self._score(np.asarray(X, dtype=np.float64))

    def _score(self, t: FloatArray) -> FloatArray:
        column = t[..., np.newaxis]
        log_below, log_above = self.mixture.log_cdf(column), self.mixture.log_survival(column)
        tail = ndtri_exp(np.minimum(log_below, log_above))
        return np.where(log_below < log_above, tail, -tail)

    def _score_and_slope(self, t: FloatArray) -> tuple[FloatArray, FloatArray]:
        score = self._score(t)
        log_density = self.mixture.log_density(t[..., np.newaxis])
        return score, np.exp(log_density + 0.5 * score**2 + 0.5 * np.log(2.0 * np.pi))


@dataclass(frozen=True)
class Spiral:
    r"""Rotation of one plane by an angle that grows with the squared norm of the row.

    Parameters
    ----------
    plane : tuple of two int, default=(0, 1)
        Columns (i, j), i < j, that are rotated, from i towards j.
    speed : float, default=1.0
        The angle is :math:`s |x|^2 / d` with d the number of columns.

    Raises
    ------
    ValueError
        If the plane is not two increasing column numbers, or a row has too few columns.

    Notes
    -----
    The map is :math:`x \mapsto \exp(A\, s |x|^2 / d)\, x` with :math:`A_{ij} = -1`,
    :math:`A_{ji} = 1` and 0 elsewhere. It keeps the norm, so that its inverse turns back by the
    same angle.

    Examples
    --------
    >>> from infotheory.datasets import Spiral
    >>> from math import pi, sqrt
    >>> Spiral()([[sqrt(pi), 0.0]]).round(6) + 0.0  # the angle is pi / 2
    array([[0.      , 1.772454]])
    """

    plane: tuple[int, int] = (0, 1)
    speed: float = 1.0

    def __post_init__(self) -> None:
        i, j = self.plane
        if not 0 <= i < j:
            raise ValueError(f"plane must be two column numbers 0 <= i < j, got {self.plane}.")

    def output_dim(self, dim: int) -> int:
        """Number of columns returned: as many as given, enough to hold the plane."""
        if dim <= self.plane[1]:
            raise ValueError(
                f"A spiral in the plane {self.plane} needs at least {self.plane[1] + 1} columns, "
                f"got {dim}."
            )
        return dim

    def __call__(self, X: ArrayLike) -> FloatArray:
        """Map the rows."""
        return self._rotate(np.asarray(X, dtype=np.float64), self.speed)

    def inverse(self, X: ArrayLike) -> FloatArray:
        """Bring mapped rows back."""
        return self._rotate(np.asarray(X, dtype=np.float64), -self.speed)

    def _rotate(self, X: FloatArray, speed: float) -> FloatArray:
        dim = self.output_dim(X.shape[-1])
        i, j = self.plane
        angle = speed / dim * np.sum(X**2, axis=-1)
        turned = X.copy()
        turned[..., i] = np.cos(angle) * X[..., i] - np.sin(angle) * X[..., j]
        turned[..., j] = np.sin(angle) * X[..., i] + np.cos(angle) * X[..., j]
        return turned


@dataclass(frozen=True)
class SwissRoll:
    r"""One column in [0, 1] rolled up in the plane.

    Notes
    -----
    The map is :math:`(t \cos t, t \sin t) / 21` with :math:`t = \tfrac32 \pi (1 + 2 x)`; the
    norm of a row gives x back.

    Examples
    --------
    >>> from infotheory.datasets import SwissRoll
    >>> SwissRoll().inverse(SwissRoll()([[0.25]])).round(12)
    array([[0.25]])
    """

    def output_dim(self, dim: int) -> int:
        """Number of columns returned: two, for one."""
        if dim != 1:
            raise ValueError(f"A Swiss roll is made of one column, got {dim}.")
        return 2

    def __call__(self, X: ArrayLike) -> FloatArray:
        """Map the rows."""
        t = 1.5 * np.pi * (1.0 + 2.0 * as_rows(X, 1))
        return np.concatenate([t * np.cos(t), t * np.sin(t)], axis=-1) / 21.0

    def inverse(self, X: ArrayLike) -> FloatArray:
        """Bring mapped rows back."""
        rows = as_rows(X, 2)
        t = 21.0 * np.hypot(rows[..., :1], rows[..., 1:])
        return 0.5 * (t / (1.5 * np.pi) - 1.0)


@dataclass(frozen=True)
class GaussianBlob:
    r"""A grey image with one round blob for every row of two columns in [0, 1].

    Parameters
    ----------
    size : int, default=16
        Pixels on a side; the image is one row of ``size ** 2`` columns, vertical index first.
    width : float, default=0.15
        Standard deviation of the blob, on a unit square.
    margin : float, default=0.2
        The centre is ``margin + (1 - 2 * margin) * x``, below 1/2.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or a row does not have two columns.

    Notes
    -----
    Pixels are the points of an even grid from 0 to 1 in both directions and have the value
    :math:`\exp(-|g - c|^2 / 2 w^2)`. Their logarithms are quadratic, from which the inverse reads
    the centre by least squares.

    Examples
    --------
    Images of 256 pixels that share 1.66 nats:

    >>> from infotheory.datasets import GaussianBlob, NormalCdf, Task, correlated_normals
    >>> draw = (NormalCdf(), GaussianBlob())
    >>> images = Task(correlated_normals([0.9, 0.9]), transforms_x=draw, transforms_y=draw)
    >>> images.dim_x, round(images.mutual_information, 4)
    (256, 1.6607)
    """

    size: int = 16
    width: float = 0.15
    margin: float = 0.2
    _grid: FloatArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.size < 2 or not self.width > 0.0 or not 0.0 <= self.margin < 0.5:
            raise ValueError(
                "size must be at least 2, width positive and margin in [0, 0.5), got "
                f"{self.size}, {self.width} and {self.margin}."
            )
        if self.width**2 * 600.0 < 1.0:
            raise ValueError(
                f"width must be at least 0.041, got {self.width}: the far pixels would be 0 and "
                "the centre lost."
            )
        store(self, _grid=np.linspace(0.0, 1.0, self.size))

    def output_dim(self, dim: int) -> int:
        """Number of columns returned: one a pixel, for two."""
        if dim != 2:
            raise ValueError(f"A blob is placed by two columns, got {dim}.")
        return self.size**2

    def __call__(self, X: ArrayLike) -> FloatArray:
        """Map the rows."""
        centre = self.margin + (1.0 - 2.0 * self.margin) * as_rows(X, 2)
        profile = np.exp(-0.5 * ((self._grid - centre[..., np.newaxis]) / self.width) ** 2)
        image = profile[..., 1, :, np.newaxis] * profile[..., 0, np.newaxis, :]
        return image.reshape(*image.shape[:-2], self.size**2)

    def inverse(self, X: ArrayLike) -> FloatArray:
        """Bring images back to the two columns that placed the blob."""
        rows = as_rows(X, self.size**2)
        logs = np.log(rows.reshape(*rows.shape[:-1], self.size, self.size))
        profiles = np.stack([logs.mean(axis=-2), logs.mean(axis=-1)], axis=-2)
        # What is left of the quadratic is a line of the slope centre / width^2.
        line = profiles + 0.5 * (self._grid / self.width) ** 2
        arms = self._grid - self._grid.mean()
        centre = self.width**2 * (line @ arms) / (arms @ arms)
        return (centre - self.margin) / (1.0 - 2.0 * self.margin)
