"""A pair with known mutual information behind transforms, and the catalogue of 40 named ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from ._elliptical import Normal, StudentT
from ._interfaces import JointLaw, Transform
from ._laws import AdditiveUniform, Split, correlated_normals
from ._mixture import GaussianMixture
from ._parameters import FloatArray
from ._random import RandomState
from ._transforms import (
    Asinh,
    HalfCube,
    NormalCdf,
    NormalToMixture,
    Spiral,
    SwissRoll,
    Wiggle,
)


@dataclass(frozen=True, eq=False, repr=False)
class Task:
    r"""A joint law seen through injective transforms of each side.

    Parameters
    ----------
    law : joint law
        Base of the pair: `Split`, `AdditiveUniform`, another `Task`, or anything with ``dim_x``,
        ``dim_y``, ``mutual_information``, ``sample`` and ``pointwise_mutual_information``.
    transforms_x, transforms_y : tuple of transforms, default=()
        Applied to X and to y, first to last.
    name : str, default=""
        Name under which results are kept.
    description : str, default=""
        One line for people.

    Raises
    ------
    ValueError
        If a transform does not take the number of columns that reaches it.

    Notes
    -----
    Injective transforms of X alone and of y alone leave the mutual information and the pointwise
    value of a pair as they are, so both come from the base law. With one seed, the same draw of
    the base law lies behind every task built on it.

    Examples
    --------
    >>> from infotheory.datasets import HalfCube, Spiral, Task, correlated_normals
    >>> task = Task(
    ...     correlated_normals([0.9, 0.0]),
    ...     transforms_x=(HalfCube(), Spiral()),
    ...     transforms_y=(HalfCube(),),
    ...     name="my task",
    ... )
    >>> task
    Task('my task', dim_x=2, dim_y=2, mutual_information=0.830366)
    >>> X, y = task.sample(1000, random_state=0)
    >>> X.shape, y.shape
    ((1000, 2), (1000, 2))
    """

    law: JointLaw
    transforms_x: tuple[Transform, ...] = ()
    transforms_y: tuple[Transform, ...] = ()
    name: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        # Asks every transform whether it fits.
        _output_dim(self.law.dim_x, self.transforms_x)
        _output_dim(self.law.dim_y, self.transforms_y)

    @property
    def dim_x(self) -> int:
        """Number of columns of X."""
        return _output_dim(self.law.dim_x, self.transforms_x)

    @property
    def dim_y(self) -> int:
        """Number of columns of y."""
        return _output_dim(self.law.dim_y, self.transforms_y)

    @property
    def mutual_information(self) -> float:
        """Mutual information in nats, exact."""
        return self.law.mutual_information

    def sample(self, n: int, random_state: RandomState = None) -> tuple[FloatArray, FloatArray]:
        """Draw pairs of rows.

        Parameters
        ----------
        n : int
            Number of pairs.
        random_state : int, Generator, RandomState or None, default=None
            An int gives the same rows each time; None takes fresh entropy. The global random
            state is neither read nor changed.

        Returns
        -------
        X : ndarray of shape (n, dim_x)
        y : ndarray of shape (n, dim_y)
        """
        X, y = self.law.sample(n, random_state)
        for transform in self.transforms_x:
            X = transform(X)
        for transform in self.transforms_y:
            y = transform(y)
        return X, y

    def pointwise_mutual_information(self, X: ArrayLike, y: ArrayLike) -> FloatArray:
        """Log p(x, y) / p(x) p(y) of pairs of rows, exact.

        Parameters
        ----------
        X : array-like of shape (n, dim_x)
        y : array-like of shape (n, dim_y)
            Leading axes broadcast: ``X[:, None]`` and ``y[None]`` give the matrix of all pairs.

        Returns
        -------
        ndarray of shape (n,)
            Its mean over a sample tends to the mutual information. It is the critic at which
            every variational bound is as tight as it can be.
        """
        left, right = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
        for transform in reversed(self.transforms_x):
            left = transform.inverse(left)
        for transform in reversed(self.transforms_y):
            right = transform.inverse(right)
        return self.law.pointwise_mutual_information(left, right)

    def __repr__(self) -> str:
        return (
            f"Task({self.name!r}, dim_x={self.dim_x}, dim_y={self.dim_y}, "
            f"mutual_information={self.mutual_information:.6f})"
        )


def task_names() -> tuple[str, ...]:
    """List the names that `load_task` knows.

    Returns
    -------
    tuple of str
        The 40 names, in the order of the benchmark.

    Notes
    -----
    The tasks are those of Czyż, Grabowski, Vogt, Beerenwinkel and Marx (2023), "Beyond Normal:
    On the evaluation of mutual information estimators", arXiv:2306.11078.

    Examples
    --------
    >>> from infotheory.datasets import task_names
    >>> len(task_names())
    40
    >>> task_names()[0]
    '1v1-normal-0.75'
    """
    return tuple(_catalogue())


def load_task(name: str) -> Task:
    """Return one of the 40 benchmark tasks.

    Parameters
    ----------
    name : str
        One of `task_names()`.

    Returns
    -------
    Task
        With ``sample``, ``mutual_information``, ``pointwise_mutual_information``, ``dim_x``,
        ``dim_y``, ``name`` and ``description``.

    Raises
    ------
    ValueError
        If there is no task of this name; the message lists names near it.

    Examples
    --------
    >>> from infotheory.datasets import load_task
    >>> task = load_task("multinormal-sparse-5-5-2-2.0")
    >>> task.description
    'Normal 5 x 5, two pairs correlated 0.8'
    >>> round(task.mutual_information, 6)
    1.021651
    """
    catalogue = _catalogue()
    if name not in catalogue:
        near = get_close_matches(str(name), catalogue, n=5, cutoff=0.4)
        hint = f"Near it: {', '.join(near)}." if near else "task_names() lists all of them."
        raise ValueError(f"There is no task {name!r}. {hint}")
    return catalogue[name]


def _output_dim(dim: int, transforms: tuple[Transform, ...]) -> int:
    for transform in transforms:
        dim = transform.output_dim(dim)
    return dim


_WIGGLE_X = Wiggle(
    amplitudes=(0.4, 0.2, 0.03), frequencies=(1.0, 1.7, 3.3), phases=(0.0, 1.0, -2.5)
)
_WIGGLE_Y = Wiggle(
    amplitudes=(-0.4, 0.17, 0.02), frequencies=(0.4, 1.3, 4.3), phases=(0.0, 3.5, -2.5)
)
_BIMODAL_X = GaussianMixture(weights=(0.3, 0.7), means=(0.0, 5.0))
_BIMODAL_Y = GaussianMixture(weights=(0.5, 0.5), means=(-1.0, 3.0))


@cache
def _catalogue() -> dict[str, Task]:
    return {task.name: task for task in _benchmark()}


def _benchmark() -> Iterator[Task]:
    correlation = 0.75
    normal = Task(
        correlated_normals(correlation),
        name=f"1v1-normal-{correlation}",
        description=f"Bivariate normal, correlation {correlation}",
    )
    student = _student(1, degrees_of_freedom=1)
    yield normal
    yield _uniform_margins(normal)
    for noise in (0.1, 0.75):
        yield Task(
            AdditiveUniform(noise),
            name=f"1v1-additive-{noise}",
            description=f"Uniform plus uniform noise of half width {noise}",
        )
    yield Task(
        normal.law,
        (NormalToMixture(_BIMODAL_X),),
        (NormalToMixture(_BIMODAL_Y),),
        name=f"1v1-bimodal-{correlation}",
        description=f"{normal.description}; margins brought to mixtures of two normals",
    )
    yield _transformed(normal, "wiggly", "wiggled", _WIGGLE_X, _WIGGLE_Y)
    yield _half_cube(normal)
    yield student
    yield _asinh(student)
    uniform = _uniform_margins(normal)
    yield Task(
        uniform.law,
        (*uniform.transforms_x, SwissRoll()),
        uniform.transforms_y,
        name=f"swissroll_x-{uniform.name}",
        description=f"{uniform.description}; X rolled up in the plane",
    )
    for dim in (2, 3, 5, 25, 50):
        yield _dense(dim)
    for dim in (2, 3, 5, 25):
        yield _sparse(dim)
    for dim, degrees_of_freedom in ((2, 1), (2, 2), (3, 2), (3, 3), (5, 2), (5, 3)):
        yield _student(dim, degrees_of_freedom)
    sparse = [_sparse(dim) for dim in (3, 5, 25)]
    yield from map(_uniform_margins, sparse)
    yield from map(_half_cube, sparse)
    yield from map(_spiral, sparse)
    yield from map(_spiral, map(_uniform_margins, sparse))
    for dim, degrees_of_freedom in ((2, 1), (3, 2), (5, 2)):
        yield _asinh(_student(dim, degrees_of_freedom))


def _dense(dim: int, correlation: float = 0.5) -> Task:
    covariance = (1.0 - correlation) * np.eye(2 * dim) + correlation
    return Task(
        Split(Normal(covariance=covariance), dim_x=dim),
        name=f"multinormal-dense-{dim}-{dim}-{correlation}",
        description=f"Normal {dim} x {dim}, all correlations {correlation}",
    )


def _sparse(dim: int, n_pairs: int = 2, strength: float = 2.0) -> Task:
    # Each pair shares one latent variable of the weight `strength` beside its own unit noise.
    correlation = strength**2 / (strength**2 + 1.0)
    return Task(
        correlated_normals([correlation] * n_pairs, dim_x=dim, dim_y=dim),
        name=f"multinormal-sparse-{dim}-{dim}-{n_pairs}-{strength}",
        description=f"Normal {dim} x {dim}, two pairs correlated {correlation}",
    )


def _student(dim: int, degrees_of_freedom: int) -> Task:
    return Task(
        Split(StudentT(degrees_of_freedom, dispersion=np.eye(2 * dim)), dim_x=dim),
        name=f"student-identity-{dim}-{dim}-{degrees_of_freedom}",
        description=f"Student-t {dim} x {dim}, {degrees_of_freedom} degrees of freedom, "
        "identity dispersion",
    )


def _transformed(base: Task, prefix: str, words: str, on_x: Transform, on_y: Transform) -> Task:
    return Task(
        base.law,
        (*base.transforms_x, on_x),
        (*base.transforms_y, on_y),
        name=f"{prefix}-{base.name}",
        description=f"{base.description}; {words}",
    )


def _uniform_margins(base: Task) -> Task:
    return _transformed(base, "normal_cdf", "uniform margins", NormalCdf(), NormalCdf())


def _half_cube(base: Task) -> Task:
    return _transformed(base, "half_cube", "half-cube of every column", HalfCube(), HalfCube())


def _asinh(base: Task) -> Task:
    return _transformed(base, "asinh", "asinh of every column", Asinh(), Asinh())


def _spiral(base: Task) -> Task:
    return _transformed(base, "spiral", "both sides spiralled", Spiral((0, 1)), Spiral((1, 2)))
