"""The information bottleneck: a summary of x that keeps what it tells about y."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np

from infotheory._xp import array_namespace, detached_numpy, xlogy
from infotheory._xp._namespace import Array, like_floating
from infotheory.functional._bottleneck_iterations import Encoders, JointLaw, descend
from infotheory.functional._deterministic_bottleneck import agglomerated, found
from infotheory.functional._law_tables import check_beta, check_tol, checked_joint
from infotheory.functional._transport_checks import check_library

_FUNCTION = 1e-9  # nats of H(Y | X) below which y is a function of x
_HOTTER = 10.0  # the largest beta of the annealing, in units of the one asked for
_LOOSE, _SOON = 1e-6, 30  # of the stations of the annealing
_NEAR, _NOISY = 0.001, 0.05  # shares of noise in the starts
_ALIKE = 0.01  # the largest difference of two laws of y that may be one
_LARGEST_BETA = 1e15  # beyond it a nat about x is below the rounding of the Lagrangian


@dataclass(frozen=True, eq=False)
class InformationBottleneck:
    r"""A variable T made of X, and what it tells about X and about Y.

    Parameters
    ----------
    encoder : array of shape (n, k)
        p(t | x), clusters of T by falling probability. An x of probability 0 has the row p(t).
    law : array of shape (k,)
        p(t).
    decoder : array of shape (k, m)
        p(y | t); p(y) where p(t) = 0.
    beta : float
    information_x, information_y : float
        I(X; T) and I(T; Y), nats.
    entropy : float
        H(T), nats.
    information : float
        I(X; Y), which I(T; Y) cannot exceed.
    lagrangian : float
        I(X; T) - beta I(T; Y), with H(T) in place of I(X; T) in the deterministic variant.
    history : tuple of float
        The Lagrangian on the way there, falling.
    deterministic : bool
    converged : bool
    n_iter : int
    notes : tuple of str

    Notes
    -----
    Complexity O(1), or O(n m) for `predicted`. Made by :func:`information_bottleneck`, where the
    sources are named (arXiv:physics/0004057).

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import information_bottleneck
    >>> found = information_bottleneck(np.array([[0.4, 0.1], [0.1, 0.4]]), beta=4.0)
    >>> print(f"{found.information_y:.4f} of {found.information:.4f} nats")
    0.1513 of 0.1927 nats
    """

    encoder: Array
    law: Array
    decoder: Array
    beta: float
    information_x: float
    information_y: float
    entropy: float
    information: float
    lagrangian: float
    history: tuple[float, ...]
    deterministic: bool
    converged: bool
    n_iter: int
    notes: tuple[str, ...] = ()

    @cached_property
    def predicted(self) -> Array:
        """p(y | x) as far as it passes through T, (n, m)."""
        return self.encoder @ self.decoder


def information_bottleneck(
    pxy: Array,
    beta: float,
    n_clusters: int | None = None,
    *,
    deterministic: bool = False,
    start: Array | None = None,
    n_init: int = 4,
    n_annealing: int = 0,
    tol: float = 1e-10,
    max_iter: int = 5000,
    random_state: Any = 0,
) -> InformationBottleneck:
    r"""A variable T made of X with little information about X and much about Y.

    Minimises :math:`I(X; T) - \beta I(T; Y)` over p(t | x), or :math:`H(T) - \beta I(T; Y)` in the
    deterministic variant, where each x has one t.

    Parameters
    ----------
    pxy : array of shape (n, m)
        Joint law, of sum 1; zeros are allowed. Outcomes of x of probability 0 take no part.
    beta : float
        Nats of I(X; T) that a nat of I(T; Y) is worth, above 0 and at most 1e15. Up to 1 T tells
        nothing.
    n_clusters : int, optional
        Values of T at most, from 1 to n; n, which is always enough, if None.
    deterministic : bool
        Clusters of x instead of a random T.
    start : array of shape (n, k), optional
        An encoder to begin with, in place of all other starts; an entry that is 0 may come back.
        Pass its number of columns as `n_clusters` too.
    n_init : int
        Starts, of which the best is returned: the first near T = X (or that merged down to
        `n_clusters`), others with noise, or random.
    n_annealing : int
        Greater betas to pass through first, down from 10 beta.
    tol : float
        Movement of the encoder in one iteration, mean KL in nats, at which to stop.
    max_iter : int
        Iterations for each start; passes over all x in the deterministic variant.
    random_state : int, Generator or None
        For starts after the first.

    Returns
    -------
    InformationBottleneck
        ``encoder``, ``law``, ``decoder``, ``information_x``, ``information_y``, ``lagrangian``,
        its ``history``, ``converged``, ``notes`` and more. Arrays are of the library, dtype and
        device of `pxy`, without gradient; computed in float64.

    Raises
    ------
    ValueError
        If pxy is negative, not finite or does not sum to 1 within the square root of the precision
        of its dtype, or another argument is out of its rule.
    TypeError
        If pxy or start is no array, or tol no number.

    Warns
    -----
    RuntimeWarning
        If the iterations have not come to rest after `max_iter`.

    Notes
    -----
    Iterates :math:`p(t | x) \propto p(t) \exp(-\beta\, KL(p(y | x) \| p(y | t)))`. Each iteration
    lowers the Lagrangian, and so does every squared step in between, which follows where two
    iterations lead and is taken only if it does: some three times fewer iterations in slow
    problems. The problem is not convex: what is returned is a stationary point, the best of
    `n_init`. A start near T = X was the best on nearly every random law that we tried, and random
    starts as a rule were not; with beta below the critical one, everything ends at T without
    information. The deterministic variant merges clusters and moves single x until neither gains,
    which is a fixed point of its hard iteration too. O(n m k) an iteration and start.

    Where y is a function of x, every T = Y that is erased at random has the same ratio of the two
    informations: for beta > 1 only T = Y comes out, and the curve is a line (see the notes).

    Sources: Tishby, Pereira and Bialek (1999), arXiv:physics/0004057; squared steps: Varadhan and
    Roland (2008), doi:10.1111/j.1467-9469.2007.00585.x; deterministic: Strouse and Schwab (2017),
    doi:10.1162/NECO_a_00961; functions of x: Kolchinsky, Tracey and Van Kuyk (2019),
    arXiv:1808.07593.

    Examples
    --------
    Four outcomes in two kinds: what passes is the kind.

    >>> import numpy as np
    >>> from infotheory.functional import information_bottleneck
    >>> pxy = np.array([[0.2, 0.05], [0.2, 0.05], [0.05, 0.2], [0.05, 0.2]])
    >>> found = information_bottleneck(pxy, beta=10.0, deterministic=True)
    >>> print(found.encoder[:, :2].tolist())
    [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    >>> print(f"{found.information_x:.4f} {found.information_y:.4f} {found.information:.4f}")
    0.6931 0.1927 0.1927
    """
    joint = checked_joint(pxy)
    beta = checked_beta(beta)
    k = checked_n_clusters(n_clusters, joint)
    check_tol(tol)
    for name, value, least in (
        ("n_init", n_init, 1),
        ("n_annealing", n_annealing, 0),
        ("max_iter", max_iter, 1),
    ):
        check_at_least(value, name, least)
    given = None if start is None else _checked_start(start, joint, k)
    law, rows = reduced(joint)
    rng = generator_of(random_state)
    if deterministic:
        begun = None if given is None else given[rows].argmax(axis=1)
        labels, history, converged = found(law, k, beta, n_init, max_iter, rng, begun)
        encoder, n_iter = np.eye(k)[np.unique(labels, return_inverse=True)[1]], len(history)
    else:
        begun = starts(law, k, beta, n_init, rng) if given is None else given[rows][:, None]
        begun = annealed(law, Encoders.start(law, begun), beta, n_annealing)
        encoder, history, converged, n_iter = settled(law, begun, beta, tol, max_iter)
    return finished(
        pxy, joint, encoder, beta, deterministic, tuple(history), converged, n_iter, tol
    )


def checked_beta(beta: float) -> float:
    check_beta(beta)
    if beta > _LARGEST_BETA:
        raise ValueError(
            f"beta must be at most {_LARGEST_BETA:g}, got {beta!r}: rounding hides what T has of x "
            f"beyond it. With 1e6 T keeps all that x tells about y already."
        )
    return float(beta)


def generator_of(random_state: Any) -> np.random.Generator:
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"random_state must be an integer of at least 0, a Generator or None, got "
            f"{random_state!r}."
        ) from error


def check_at_least(value: Any, name: str, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}.")


def checked_n_clusters(n_clusters: Any, joint: np.ndarray) -> int:
    if n_clusters is None:
        return len(joint)
    check_at_least(n_clusters, "n_clusters", 1)
    if n_clusters > len(joint):
        raise ValueError(
            f"n_clusters must be at most the number of rows of pxy, {len(joint)}, got "
            f"{n_clusters}. More are never needed: leave it None."
        )
    return int(n_clusters)


def _checked_start(start: Array, joint: np.ndarray, k: int) -> np.ndarray:
    check_library("start", start)
    values = detached_numpy(start).astype(np.float64)
    if values.shape != (len(joint), k):
        raise ValueError(
            f"start must have the shape (n, n_clusters) = ({len(joint)}, {k}), got "
            f"{values.shape}. Its rows are p(t | x); pass n_clusters, its number of columns, too."
        )
    sums = values.sum(axis=1)
    if not (np.all(values >= 0) and np.all(np.abs(sums - 1) <= 1e-6)):
        raise ValueError(
            f"start must have rows that are not negative and sum to 1, got a least entry of "
            f"{values.min():g} and sums from {sums.min():g} to {sums.max():g}."
        )
    return values / sums[:, None]


def reduced(joint: np.ndarray) -> tuple[JointLaw, np.ndarray]:
    """The law of what can happen, and the rows of x that do."""
    rows, columns = joint.sum(axis=1) > 0, joint.sum(axis=0) > 0
    return JointLaw.of(joint[rows][:, columns]), rows


def starts(law: JointLaw, k: int, beta: float, n_init: int, rng: np.random.Generator) -> np.ndarray:
    """Encoders (n, n_init, k): near clusters as fine as k allows, and of noise."""
    n = len(law.x)
    labels = np.arange(n) if k >= n else agglomerated(law, k, beta)[0]
    labels = np.unique(labels, return_inverse=True)[1]
    shares = np.where(np.arange(n_init) % 2, _NOISY, 1.0)
    shares[0] = _NEAR
    noise = rng.dirichlet(np.ones(k), size=(n, n_init))
    return shares[:, None] * noise + (1 - shares[:, None]) * np.eye(k)[labels][:, None]


def annealed(law: JointLaw, start: Encoders, beta: float, n_steps: int) -> Encoders:
    """What becomes of the starts on the way down from a greater beta."""
    now = start
    for hotter in np.geomspace(_HOTTER * beta, beta, n_steps + 1)[:-1]:
        now = descend(law, now, float(hotter), _LOOSE, _SOON).encoders
    return now


def settled(
    law: JointLaw, start: Encoders, beta: float, tol: float, max_iter: int
) -> tuple[np.ndarray, list[float], bool, int]:
    """The best encoder that the starts lead to, how it got there, and whether it rests."""
    ended = descend(law, start, beta, tol, max_iter)
    values = ended.encoders.objective(beta)
    best = int(np.argmin(values))
    encoder, history = ended.encoders.encoder[:, best], ended.histories[best]
    # A fall below rounding ends the iterations as well.
    rounding = 1e-13 * (1 + beta)
    rests, n_iter = bool(ended.changes[best] <= max(tol, rounding)), int(ended.n_iter[best])
    joined = merged(law, encoder, beta)
    if joined is not encoder:
        again = descend(law, Encoders.start(law, joined[:, None]), beta, tol, max_iter)
        encoder = again.encoders.encoder[:, 0]
        history = history + [v for v in again.histories[0] if v < history[-1]]
        rests = rests and bool(again.changes[0] <= max(tol, rounding))
        n_iter += int(again.n_iter[0])
    if values[best] >= -rounding:
        encoder = np.zeros_like(encoder)
        encoder[:, 0] = 1.0
        history = [*history, 0.0] if history[-1] > 0 else history
        rests = rests or beta <= 1
    return encoder, history, rests, n_iter


def merged(law: JointLaw, encoder: np.ndarray, beta: float) -> np.ndarray:
    """The encoder with clusters joined that say nearly the same of y, where that costs nothing.

    Many clusters with one law of y are one cluster, which the iterations approach but never reach.
    """
    t, together = law.x @ encoder, law.joint.T @ encoder
    decoder = together / np.where(t > 0, t, 1.0)
    order = np.argsort(-t, kind="stable")
    enough, joined = 1e-12 * (1 + beta), encoder
    masses = law.x[:, None] * encoder
    for a, i in enumerate(order):
        if not t[i] > 0:
            continue
        for j in order[a + 1 :]:
            if not t[j] > 0 or np.abs(decoder[:, i] - decoder[:, j]).max() > _ALIKE:
                continue
            pair = np.array([i, j])
            lost_x, lost_y = _lost(masses[:, pair]), _lost(together[:, pair])
            if beta * lost_y - lost_x > enough:
                continue
            joined = joined.copy() if joined is encoder else joined
            for table in (joined, masses, together):
                table[:, i] = table[:, i] + table[:, j]
                table[:, j] = 0.0
            t[i], t[j] = t[i] + t[j], 0.0
    return joined


def _lost(pair: np.ndarray) -> float:
    """Nats that two columns of masses tell by being apart."""
    totals = pair.sum(axis=0)
    both = pair.sum(axis=1)
    apart = np.sum(xlogy(pair, pair)) - np.sum(xlogy(totals, totals))
    return float(apart - np.sum(xlogy(both, both)) + xlogy(totals.sum(), totals.sum()))


def finished(
    pxy: Array,
    joint: np.ndarray,
    encoder: np.ndarray,
    beta: float,
    deterministic: bool,
    history: tuple[float, ...],
    converged: bool,
    n_iter: int,
    tol: float,
) -> InformationBottleneck:
    """The result in the library of pxy, with all rows of x, and what is to be said of it."""
    law, rows = reduced(joint)
    weights = law.x @ encoder
    order = np.argsort(-weights, kind="stable")
    encoder, weights = encoder[:, order], weights[order]
    weights = weights / weights.sum()
    whole = np.broadcast_to(weights, (len(joint), len(weights))).copy()
    whole[rows] = encoder
    together = joint.T @ whole
    y = joint.sum(axis=0)
    totals = together.sum(axis=0)
    decoder = np.where(totals > 0, together / np.where(totals > 0, totals, 1.0), y[:, None]).T
    entropy = 0.0 - float(np.sum(xlogy(weights, weights)))
    # A sum of divergences, which rounding hardly makes negative.
    information_x = _mean_divergence(law.x, encoder, weights)
    information_y = min(_mean_divergence(weights, decoder, y), law.information)
    paid = entropy if deterministic else information_x
    notes = []
    if law.entropy_y - law.information <= _FUNCTION < law.entropy_y and beta > 1:
        notes.append(
            f"y is a function of x, so that both informations of any T = Y erased at random are "
            f"equal: for every beta above 1 the best is T = Y with {law.entropy_y:.4g} nats, and "
            f"no beta gives what is between. A point of the curve with s nats about each is T = Y "
            f"with probability s / {law.entropy_y:.4g}, and else an erasure."
        )
    if not converged:
        what = "passes" if deterministic else "iterations"
        notes.append(
            f"The encoder still moved after {n_iter} {what} (tol={tol:g}): the Lagrangian may be "
            f"somewhat lower. Raise max_iter or tol."
        )
        warnings.warn(notes[-1], RuntimeWarning, stacklevel=3)
    array_namespace(pxy)
    return InformationBottleneck(
        encoder=like_floating(whole, pxy),
        law=like_floating(weights, pxy),
        decoder=like_floating(decoder, pxy),
        beta=beta,
        information_x=information_x,
        information_y=information_y,
        entropy=entropy,
        information=law.information,
        lagrangian=paid - beta * information_y,
        history=history,
        deterministic=deterministic,
        converged=converged,
        n_iter=n_iter,
        notes=tuple(notes),
    )


def _mean_divergence(weights: np.ndarray, rows: np.ndarray, law: np.ndarray) -> float:
    """Mean KL of each row to the law of all."""
    ratio = rows / np.where(law > 0, law, 1.0)
    terms = np.sum(xlogy(rows, np.where(rows > 0, ratio, 1.0)), axis=1)
    return max(float(np.sum(np.where(weights > 0, weights * terms, 0.0))), 0.0)
