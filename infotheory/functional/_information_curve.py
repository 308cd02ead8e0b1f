"""How much a summary of x can tell about y, against what it tells about x: points of the curve."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from infotheory._xp import detached_numpy
from infotheory._xp._namespace import Array, like_floating
from infotheory.functional._bottleneck_iterations import Encoders, JointLaw
from infotheory.functional._deterministic_bottleneck import found, improved
from infotheory.functional._information_bottleneck import (
    InformationBottleneck,
    check_at_least,
    checked_beta,
    checked_n_clusters,
    finished,
    generator_of,
    reduced,
    settled,
    starts,
)
from infotheory.functional._law_tables import check_tol, checked_joint

# Of one beta: the encoder, the Lagrangian on its way, whether it rests, iterations.
Found = tuple[np.ndarray, list[float], bool, int]


@dataclass(frozen=True, eq=False)
class InformationCurve:
    r"""Bottlenecks of one joint law at several betas.

    Parameters
    ----------
    points : tuple of InformationBottleneck
        One for each beta, in the order given.
    betas, information_x, information_y, entropy : arrays of shape (b,)
        Of each point: beta, I(X; T), I(T; Y) and H(T), nats.
    information : float
        I(X; Y), the ceiling of `information_y`.

    Notes
    -----
    O(1). Made by :func:`information_curve`, where the sources are named (arXiv:physics/0004057).

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import information_curve
    >>> curve = information_curve(np.array([[0.4, 0.1], [0.1, 0.4]]), np.array([2.0, 4.0, 1e3]))
    >>> print(curve.information_y.round(4))
    [0.     0.1513 0.1927]
    """

    points: tuple[InformationBottleneck, ...]
    betas: Array
    information_x: Array
    information_y: Array
    entropy: Array
    information: float

    @cached_property
    def converged(self) -> bool:
        """Whether every point came to rest."""
        return all(point.converged for point in self.points)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What is said of any of the points."""
        return tuple(dict.fromkeys(note for point in self.points for note in point.notes))


def information_curve(
    pxy: Array,
    betas: Array,
    n_clusters: int | None = None,
    *,
    deterministic: bool = False,
    n_init: int = 2,
    tol: float = 1e-10,
    max_iter: int = 5000,
    random_state: Any = 0,
) -> InformationCurve:
    r"""Points of the information curve of a joint law, by annealing over beta.

    Parameters
    ----------
    pxy : array of shape (n, m)
        Joint law, of sum 1; zeros are allowed.
    betas : array of shape (b,)
        Each above 0, in any order: the slope of the curve at a point is 1 / beta.
    n_clusters : int, optional
        Values of T at most; n, which is always enough, if None.
    deterministic : bool
        Clusters of x instead of a random T, with H(T) in place of I(X; T).
    n_init : int
        Fresh starts at each beta, beside what came of its neighbours.
    tol : float
        Movement of the encoder in one iteration, mean KL in nats, at which to stop.
    max_iter : int
        Iterations for each start.
    random_state : int, Generator or None
        For starts.

    Returns
    -------
    InformationCurve
        ``information_x``, ``information_y``, ``entropy``, and ``points`` with all else. In the
        library of `pxy`.

    Raises
    ------
    ValueError
        As :func:`information_bottleneck`, or if betas are not one axis of positive numbers.

    Warns
    -----
    RuntimeWarning
        If a point has not come to rest after `max_iter`.

    Notes
    -----
    Goes down in beta, from what is found near T = X, and each time goes on from the point before
    and from fresh starts. Any point of the curve may be a better one for another beta: in the end
    each beta takes the best of all, and iterates on from it. So I(X; T) and I(T; Y) never fall with
    beta, and the points are on a concave curve. O(b n m k) an iteration and start. Sources: Tishby,
    Pereira and Bialek (1999), arXiv:physics/0004057; Strouse and Schwab (2017),
    doi:10.1162/NECO_a_00961.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import information_curve
    >>> rng = np.random.default_rng(0)
    >>> pxy = rng.dirichlet(np.full(25, 0.3)).reshape(5, 5)
    >>> curve = information_curve(pxy, np.array([1.0, 2.0, 5.0, 100.0]))
    >>> bool(np.all(np.diff(curve.information_y) >= 0))
    True
    """
    joint = checked_joint(pxy)
    given = detached_numpy(betas) if hasattr(betas, "__array__") else np.asarray(betas)
    if given.ndim != 1 or not given.size:
        raise ValueError(f"betas must have one axis and an entry, got shape {given.shape}.")
    values = [checked_beta(float(b)) for b in given]
    k = checked_n_clusters(n_clusters, joint)
    check_tol(tol)
    check_at_least(n_init, "n_init", 1)
    check_at_least(max_iter, "max_iter", 1)
    law, _ = reduced(joint)
    rng = generator_of(random_state)
    solve = _clusters if deterministic else _encoders
    points: dict[float, Found] = {}
    last = None
    for beta in sorted(set(values), reverse=True):
        points[beta] = solve(law, k, beta, n_init, tol, max_iter, rng, last)
        last = points[beta][0]
    for beta in sorted(points):
        other = min(points, key=lambda b: _objective(law, points[b][0], beta, deterministic))
        gain = points[beta][1][-1] - _objective(law, points[other][0], beta, deterministic)
        if gain > 1e-12 * (1 + beta):
            points[beta] = solve(law, k, beta, 0, tol, max_iter, rng, points[other][0])
    made = {
        beta: finished(pxy, joint, e, beta, deterministic, tuple(h), rests, n, tol)
        for beta, (e, h, rests, n) in points.items()
    }
    chosen = tuple(made[beta] for beta in values)

    def column(name: str) -> Array:
        return like_floating(np.array([getattr(point, name) for point in chosen]), pxy)

    return InformationCurve(
        points=chosen,
        betas=column("beta"),
        information_x=column("information_x"),
        information_y=column("information_y"),
        entropy=column("entropy"),
        information=chosen[0].information,
    )


def _objective(law: JointLaw, encoder: np.ndarray, beta: float, deterministic: bool) -> float:
    there = Encoders.start(law, encoder[:, None])
    if not deterministic:
        return float(there.objective(beta)[0])
    weights = law.x @ encoder
    entropy = -np.sum(weights * there.log_t[0])
    return float(entropy - beta * there.information_y[0])


def _encoders(
    law: JointLaw,
    k: int,
    beta: float,
    n_init: int,
    tol: float,
    max_iter: int,
    rng: np.random.Generator,
    last: np.ndarray | None,
) -> Found:
    """The best of fresh starts and of the last point."""
    fresh = [starts(law, k, beta, n_init, rng)] if n_init else []
    known = [] if last is None else [last[:, None]]
    begun = Encoders.start(law, np.concatenate([*fresh, *known], axis=1))
    return settled(law, begun, beta, tol, max_iter)


def _clusters(
    law: JointLaw,
    k: int,
    beta: float,
    n_init: int,
    tol: float,
    max_iter: int,
    rng: np.random.Generator,
    last: np.ndarray | None,
) -> Found:
    """The same for clusters of x."""
    tried = [found(law, k, beta, n_init, max_iter, rng)] if n_init else []
    if last is not None:
        tried.append(improved(law, last.argmax(axis=1), k, beta, max_iter))
    labels, history, rests = min(tried, key=lambda one: one[1][-1])
    return np.eye(k)[np.unique(labels, return_inverse=True)[1]], history, rests, len(history)
