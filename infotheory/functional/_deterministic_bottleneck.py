r"""Clusters of the outcomes of x with as little H(T) - beta I(T; Y) as can be found.

The objective is H(Y) plus a sum over clusters of :math:`c(w) = (\beta - 1)\, |w| \ln |w| - \beta
\sum_y w_y \ln w_y`, where w holds the masses of the cluster and y together: joining clusters and
moving an outcome change two terms.
"""

from __future__ import annotations

import numpy as np

from infotheory.functional._bottleneck_iterations import JointLaw

_ENOUGH = 1e-13  # a gain, in units of 1 + beta, that rounding cannot feign


def cost(w: np.ndarray, beta: float) -> np.ndarray:
    """The term of clusters with masses w, (..., m)."""
    total = w.sum(axis=-1)
    safe = np.where(w > 0, w, 1.0)
    safe_total = np.where(total > 0, total, 1.0)
    inner = np.sum(w * np.log(safe), axis=-1)
    return (beta - 1) * total * np.log(safe_total) - beta * inner


def agglomerated(law: JointLaw, k: int, beta: float) -> tuple[np.ndarray, list[float]]:
    """From every outcome alone: join the cheapest pair while more than k, or while it gains.

    Returns a cluster a row, and the objective from when there are k at most.
    """
    n = len(law.x)
    labels, masses = np.arange(n), law.joint.copy()
    alive = np.ones(n, dtype=bool)
    terms = cost(masses, beta)
    pairs = np.full((n, n), np.inf)
    for i in range(n - 1):
        joined = cost(masses[i] + masses[i + 1 :], beta)
        pairs[i, i + 1 :] = joined - terms[i] - terms[i + 1 :]
    history = []
    count = n
    while True:
        if count <= k:
            history.append(float(-beta * law.entropy_y + terms[alive].sum()))
        i, j = np.unravel_index(int(np.argmin(pairs)), pairs.shape)
        if count == 1 or (count <= k and not pairs[i, j] < -_ENOUGH * (1 + beta)):
            return labels, history
        masses[i] += masses[j]
        labels[labels == j] = i
        alive[j] = False
        count -= 1
        pairs[j], pairs[:, j] = np.inf, np.inf
        terms[i] = cost(masses[i], beta)
        joined = cost(masses[i] + masses, beta) - terms[i] - terms
        pairs[i, i + 1 :] = np.where(alive[i + 1 :], joined[i + 1 :], np.inf)
        pairs[:i, i] = np.where(alive[:i], joined[:i], np.inf)


def improved(
    law: JointLaw, labels: np.ndarray, k: int, beta: float, max_iter: int
) -> tuple[np.ndarray, list[float], bool]:
    """Move single outcomes, to a cluster of their own too, and join clusters, while that gains.

    What comes out is a fixed point of the hard update, argmax ln p(t) - beta KL, as well: where
    that would move an outcome the exact objective falls at least as much.
    """
    n = len(law.x)
    labels = np.unique(labels, return_inverse=True)[1]
    masses = np.zeros((k, law.joint.shape[1]))
    np.add.at(masses, labels, law.joint)
    sizes = np.bincount(labels, minlength=k)
    terms = cost(masses, beta)
    enough = _ENOUGH * (1 + beta)

    def objective() -> float:
        return float(-beta * law.entropy_y + terms.sum())

    history = [objective()]
    for _ in range(max_iter):
        before = history[-1]
        for x in range(n):
            row, here = law.joint[x], labels[x]
            left = np.maximum(masses[here] - row, 0.0) if sizes[here] > 1 else np.zeros_like(row)
            gone = cost(left, beta)
            change = cost(masses + row, beta) - terms + gone - terms[here]
            change[here] = 0.0
            there = int(np.argmin(change))
            if change[there] < -enough:
                masses[here], terms[here] = left, gone
                masses[there] = masses[there] + row
                terms[there] = cost(masses[there], beta)
                labels[x] = there
                sizes[here] -= 1
                sizes[there] += 1
        # Differences would gather rounding.
        masses = np.zeros_like(masses)
        np.add.at(masses, labels, law.joint)
        terms = cost(masses, beta)
        _join(masses, labels, sizes, terms, beta, enough)
        now = objective()
        if not now < before - enough:
            return labels, history, True
        history.append(now)
    return labels, history, False


def _join(
    masses: np.ndarray,
    labels: np.ndarray,
    sizes: np.ndarray,
    terms: np.ndarray,
    beta: float,
    enough: float,
) -> None:
    """Join pairs of clusters while that lowers the objective; in place."""
    while True:
        used = np.flatnonzero(sizes)
        best, pair = -enough, None
        for a, i in enumerate(used[:-1]):
            others = used[a + 1 :]
            change = cost(masses[i] + masses[others], beta) - terms[i] - terms[others]
            j = int(np.argmin(change))
            if change[j] < best:
                best, pair = float(change[j]), (i, others[j])
        if pair is None:
            return
        i, j = pair
        masses[i] = masses[i] + masses[j]
        masses[j] = 0.0
        labels[labels == j] = i
        sizes[i], sizes[j] = sizes[i] + sizes[j], 0
        terms[i], terms[j] = cost(masses[i], beta), 0.0


def found(
    law: JointLaw,
    k: int,
    beta: float,
    n_init: int,
    max_iter: int,
    rng: np.random.Generator,
    start: np.ndarray | None = None,
) -> tuple[np.ndarray, list[float], bool]:
    """The best clusters of several starts, the descent to them, and whether it came to its end."""
    if start is not None:
        return improved(law, start, k, beta, max_iter)
    first, path = agglomerated(law, k, beta)
    best = improved(law, first, k, beta, max_iter)
    best = (best[0], path + [v for v in best[1] if v < path[-1]], best[2])
    for _ in range(n_init - 1):
        tried = improved(law, rng.integers(k, size=len(law.x)), k, beta, max_iter)
        if tried[1][-1] < best[1][-1]:
            best = tried
    return best
