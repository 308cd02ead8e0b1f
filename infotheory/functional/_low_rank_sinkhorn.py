"""Transport plans of low rank: a few parts of the source, each to a part of the target."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import linear_sum_assignment, linprog

from infotheory.functional._sinkhorn_points import checked_points, positive_weights

_LEAST = 1e-12  # share of the mass that a part keeps
_SWEEPS = 50  # of the projection onto the marginals, before rounding does the rest
_SWEEP_TOL = 1e-6
_LLOYD_STEPS = 10
_MIXED = 0.02  # share of the start that is spread, as steps multiply and zeros would stay
_QUIET_STEPS = 5  # steps in a row with little gain, after which the solver stops
_SMALLEST_STEP = 1e-8
_EXACT_PARTS = 30  # up to which plans between centres are by linear programming


@dataclass(frozen=True, eq=False)
class LowRankPlan:
    r"""A transport plan :math:`Q \, diag(1 / g) \, R^\top` with exact marginals.

    Parameters
    ----------
    Q, R : ndarrays of shape (n, r), (m, r)
        Mass of each row of the source, and of the target, in each part.
    g : ndarray of shape (r,)
        Mass of the parts: the column sums of both.
    cost : float
        Mean cost under the plan: at least that of the optimal plan of any rank.
    converged : bool
        Whether the cost had stopped to fall: at a local minimum, as the problem is not convex.
    n_iter : int
    costs : ndarray of shape (n_iter + 1,)
        What was minimised, along the way; it never rises.

    Notes
    -----
    A product with ``times`` is O((n + m) r), ``plan`` O(n m r). Source: Scetbon, Cuturi and Peyre
    (2021), arXiv:2103.04737.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import low_rank_sinkhorn
    >>> found = low_rank_sinkhorn(np.array([[0.0], [9.0]]), np.array([[1.0], [8.0]]), rank=2)
    >>> found.plan.round(3).tolist(), round(found.cost, 3)
    ([[0.5, 0.0], [0.0, 0.5]], 0.5)
    """

    Q: np.ndarray
    R: np.ndarray
    g: np.ndarray
    cost: float
    converged: bool
    n_iter: int
    costs: np.ndarray

    @cached_property
    def plan(self) -> np.ndarray:
        """All n m entries."""
        return (self.Q / self.g) @ self.R.T

    def times(self, values: np.ndarray) -> np.ndarray:
        """The plan times an array of m rows, without the plan."""
        return (self.Q / self.g) @ (self.R.T @ values)


def low_rank_sinkhorn(
    X: np.ndarray,
    Y: np.ndarray,
    a: np.ndarray | None = None,
    b: np.ndarray | None = None,
    *,
    rank: int,
    epsilon: float = 0.0,
    factors: tuple[np.ndarray, np.ndarray] | None = None,
    tol: float = 1e-5,
    max_iter: int = 1000,
    seed: int = 0,
) -> LowRankPlan:
    r"""Transport plan of a given rank, in memory that is linear in the samples.

    Parameters
    ----------
    X, Y : ndarrays of shape (n, d), (m, d)
    a, b : ndarrays of shape (n,), (m,), optional
        Positive weights, each with sum 1; uniform if None.
    rank : int
        Number of parts, at most min(n, m).
    epsilon : float
        Weight of the negative entropy of Q, R and g that is added to the cost.
    factors : tuple of ndarrays of shape (n, k), (m, k), optional
        A and B of a cost matrix :math:`A B^\top`; half the squared distance if None. X and Y then
        only serve for the start.
    tol : float
        Relative fall of the cost below which a step counts as without gain.
    max_iter : int
    seed : int
        Of the start.

    Returns
    -------
    LowRankPlan

    Raises
    ------
    ValueError
        If points or weights are not finite, weights are not positive with sum 1 within 1e-6,
        shapes do not match, or rank, epsilon, tol or max_iter is out of its rule.

    Notes
    -----
    The problem is not convex: what is found depends on the start, and the cost is an upper bound
    for that rank. The start is by k-means of both samples, the better of two: as many clusters
    as parts, matched one to one, or half as many with the optimal plan between them. Steps are of
    mirror descent in the Kullback-Leibler geometry: the gradient step is projected onto the plans
    with these marginals by alternating scalings, and rounded to exact ones. Their length doubles
    while the cost falls and is halved where it would rise. Complexity O((n + m) r (d + s)) a step
    with s up to 50 sweeps, memory O((n + m) (r + d)). NumPy only. Sources: Scetbon, Cuturi and
    Peyre (2021), arXiv:2103.04737; Scetbon and Cuturi (2022), arXiv:2205.12365, of starts.

    Examples
    --------
    >>> import numpy as np
    >>> from infotheory.functional import low_rank_sinkhorn
    >>> X = np.random.default_rng(0).normal(size=(10_000, 2))
    >>> Y = np.random.default_rng(1).normal(size=(10_000, 2)) + [3.0, 0.0]
    >>> found = low_rank_sinkhorn(X, Y, rank=1)  # the independent plan
    >>> bool(abs(found.cost - (9 / 2 + 2)) < 0.1)
    True
    """
    X, Y = checked_points(np.asarray(X, dtype=np.float64), np.asarray(Y, dtype=np.float64))
    n, m = len(X), len(Y)
    a = np.asarray(positive_weights("a", a, X, "row of X"))
    b = np.asarray(positive_weights("b", b, Y, "row of Y"))
    _check_numbers(rank, min(n, m), epsilon, tol, max_iter)
    if factors is not None:
        _check_factors(*factors, n, m)
    centre = (a @ X + b @ Y) / 2
    X, Y = X - centre, Y - centre
    A, B = _factors_of_half_squares(X, Y) if factors is None else factors
    problem = _Problem(A, B, a, b, epsilon)
    rng = np.random.default_rng(seed)
    starts = [start for start in _starts(X, Y, a, b, rank, rng) if start is not None]
    best = min((problem.feasible(*start) for start in starts), key=problem.objective)
    least = problem.objective(best)
    current = problem.spread(best, rng)
    value, costs, step, quiet, n_iter = problem.objective(current), [], 1.0, 0, 0
    while n_iter < max_iter and quiet < _QUIET_STEPS and step > _SMALLEST_STEP:
        n_iter += 1
        slopes = problem.slopes(current)
        proposal = problem.step(current, slopes, step)
        found = problem.objective(proposal)
        if found > value:
            step /= 2
        else:
            quiet = quiet + 1 if value - found <= tol * abs(value) else 0
            current, value, step = proposal, found, step * 2
        if value < least:
            best, least = current, value
        costs.append(least)
    Q, R, g = best
    first = costs[0] if costs else least
    return LowRankPlan(
        Q,
        R,
        g,
        problem.cost(best),
        n_iter < max_iter,
        n_iter,
        np.array([first, *costs]),
    )


def _check_numbers(rank: int, most: int, epsilon: float, tol: float, max_iter: int) -> None:
    if not (isinstance(rank, (int, np.integer)) and 1 <= rank <= most):
        raise ValueError(
            f"rank must be an integer from 1 to the points of the smaller sample, {most}, got "
            f"{rank!r}."
        )
    if not 0 <= epsilon < np.inf:
        raise ValueError(
            f"epsilon must be 0 or positive and finite, got {epsilon!r}. 0 leaves the cost as it "
            f"is."
        )
    if not tol >= 0:
        raise ValueError(f"tol must not be negative or missing, got {tol!r}.")
    if not max_iter >= 0:
        raise ValueError(f"max_iter must not be negative or missing, got {max_iter!r}.")


def _check_factors(A: np.ndarray, B: np.ndarray, n: int, m: int) -> None:
    if (A.ndim, B.ndim) != (2, 2) or A.shape[1] != B.shape[1] or (len(A), len(B)) != (n, m):
        raise ValueError(
            f"factors must have shapes ({n}, k) and ({m}, k), so that their product holds the "
            f"costs of all pairs, got {A.shape} and {B.shape}."
        )
    if not (np.all(np.isfinite(A)) and np.all(np.isfinite(B))):
        raise ValueError("factors must be finite. Replace or leave out what is missing.")


Parts = tuple[np.ndarray, np.ndarray, np.ndarray]


class _Problem:
    """The cost of parts (Q, R, g), its slopes, and steps that keep the marginals."""

    def __init__(
        self, A: np.ndarray, B: np.ndarray, a: np.ndarray, b: np.ndarray, epsilon: float
    ) -> None:
        self.A, self.B, self.a, self.b, self.epsilon = A, B, a, b, epsilon

    def cost(self, parts: Parts) -> float:
        Q, R, g = parts
        return float(np.sum(np.sum((self.A.T @ Q) * (self.B.T @ R), axis=0) / g))

    def objective(self, parts: Parts) -> float:
        value = self.cost(parts)
        if self.epsilon:
            for part in parts:
                value += self.epsilon * float(np.sum(part * (_log(part) - 1)))
        return value

    def slopes(self, parts: Parts) -> tuple[np.ndarray, np.ndarray]:
        """Of the cost in Q and R; that in g is shared between them, as g is their column sum."""
        Q, R, g = parts
        of_x, of_y = self.A.T @ Q, self.B.T @ R
        half = np.sum(of_x * of_y, axis=0) / (2 * g**2)
        by_q, by_r = self.A @ (of_y / g) - half, self.B @ (of_x / g) - half
        if self.epsilon:
            of_g = self.epsilon * _log(g) / 2
            by_q = by_q + self.epsilon * _log(Q) + of_g
            by_r = by_r + self.epsilon * _log(R) + of_g
        # The sum of a row is given, so that only differences within it count.
        return by_q - by_q.min(axis=1, keepdims=True), by_r - by_r.min(axis=1, keepdims=True)

    def step(self, parts: Parts, slopes: tuple[np.ndarray, np.ndarray], step: float) -> Parts:
        Q, R, g = parts
        typical = np.mean([np.mean(s) for s in slopes])
        length = step / typical if typical > 0 else 0.0
        K = [_scaled(_log(p) - length * s) for p, s in zip((Q, R), slopes, strict=True)]
        u, z, v, w, new = self.a, self.b, np.ones_like(g), np.ones_like(g), g
        for _ in range(_SWEEPS):
            rows = K[0] @ v, K[1] @ w
            u, z = self.a / np.maximum(rows[0], 1e-300), self.b / np.maximum(rows[1], 1e-300)
            p, q = np.maximum(u @ K[0], 1e-300), np.maximum(z @ K[1], 1e-300)
            new = np.maximum(_LEAST, np.exp((_log(p) + _log(q) + _log(g)) / 3))
            v, w = new / p, new / q
            off = np.abs(u * (K[0] @ v) - self.a).sum() + np.abs(z * (K[1] @ w) - self.b).sum()
            if off < _SWEEP_TOL:
                break
        return self.feasible(u[:, None] * K[0] * v, z[:, None] * K[1] * w, new)

    def feasible(self, Q: np.ndarray, R: np.ndarray, g: np.ndarray) -> Parts:
        """The same with exact marginals a, b and, of both, g."""
        g = np.maximum(g, _LEAST)
        g = g / g.sum()
        return _rounded(Q, self.a, g), _rounded(R, self.b, g), g

    def spread(self, parts: Parts, rng: np.random.Generator) -> Parts:
        """A little of each row over all parts, unevenly, so that no two parts are alike."""
        Q, R, g = parts

        def mixed(part: np.ndarray, w: np.ndarray) -> np.ndarray:
            noise = rng.exponential(size=part.shape) * g
            noise *= (w / noise.sum(axis=1))[:, None]
            return (1 - _MIXED) * part + _MIXED * noise

        return self.feasible(mixed(Q, self.a), mixed(R, self.b), g)


def _log(x: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(x, 1e-300))


def _scaled(logs: np.ndarray) -> np.ndarray:
    return np.exp(logs - logs.max(axis=1, keepdims=True))


def _rounded(P: np.ndarray, a: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Near P, with the marginals a and g."""
    rows = P.sum(axis=1)
    P = P * np.minimum(1, a / np.maximum(rows, 1e-300))[:, None]
    columns = P.sum(axis=0)
    P = P * np.minimum(1, g / np.maximum(columns, 1e-300))
    lacking_a, lacking_g = a - P.sum(axis=1), g - P.sum(axis=0)
    lacking_a, lacking_g = np.maximum(lacking_a, 0), np.maximum(lacking_g, 0)
    total = lacking_g.sum()
    return P + np.outer(lacking_a, lacking_g / total) if total > 0 else P


def _factors_of_half_squares(X: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.sum(X**2, axis=1) / 2, np.sum(Y**2, axis=1) / 2
    return (
        np.column_stack([x, np.ones(len(X)), -X]),
        np.column_stack([np.ones(len(Y)), y, Y]),
    )


def _starts(
    X: np.ndarray,
    Y: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    rank: int,
    rng: np.random.Generator,
) -> list[Parts | None]:
    matched = _clusters(X, a, rank, rng), _clusters(Y, b, rank, rng)
    half = (rank + 1) // 2
    split = _clusters(X, a, half, rng), _clusters(Y, b, half, rng)
    return [_matched(*matched, rank, a, b), _split(*split, rank, a, b)]


Clusters = tuple[np.ndarray, np.ndarray, np.ndarray]


def _clusters(X: np.ndarray, a: np.ndarray, k: int, rng: np.random.Generator) -> Clusters:
    """Centres, masses and labels by weighted k-means; those that stay empty are left out."""
    centres = X[rng.choice(len(X), p=a)][None]
    nearest = np.sum((X - centres[0]) ** 2, axis=1)
    while len(centres) < k and nearest.max() > 0:
        chance = a * nearest
        at = rng.choice(len(X), p=chance / chance.sum())
        centres = np.vstack([centres, X[at]])
        nearest = np.minimum(nearest, np.sum((X - X[at]) ** 2, axis=1))
    labels, mass = np.zeros(len(X), dtype=np.intp), np.ones(1)
    for _ in range(_LLOYD_STEPS):
        labels = np.argmax(X @ centres.T - np.sum(centres**2, axis=1) / 2, axis=1)
        mass = np.bincount(labels, a, minlength=len(centres))
        sums = np.zeros_like(centres)
        np.add.at(sums, labels, a[:, None] * X)
        full = mass > 0
        centres[full] = sums[full] / mass[full, None]
    kept = np.flatnonzero(mass)
    return centres[kept], mass[kept], np.searchsorted(kept, labels)


def _between(first: Clusters, second: Clusters) -> np.ndarray:
    return np.sum((first[0][:, None] - second[0]) ** 2, axis=2) / 2


def _matched(
    first: Clusters, second: Clusters, rank: int, a: np.ndarray, b: np.ndarray
) -> Parts | None:
    """One cluster of X and one of Y for each part, where there are as many."""
    if not len(first[0]) == len(second[0]) == rank:
        return None
    rows, columns = linear_sum_assignment(_between(first, second))
    part_of = np.empty(rank, dtype=np.intp)
    part_of[columns] = rows
    Q, R = np.zeros((len(a), rank)), np.zeros((len(b), rank))
    Q[np.arange(len(a)), first[2]] = a
    R[np.arange(len(b)), part_of[second[2]]] = b
    return Q, R, (Q.sum(axis=0) + R.sum(axis=0)) / 2


def _split(first: Clusters, second: Clusters, rank: int, a: np.ndarray, b: np.ndarray) -> Parts:
    """A part for each pair of clusters that the plan between their centres connects."""
    plan = _plan_between(first, second)
    pairs = np.argwhere(plan > 0)
    mass = plan[plan > 0]
    # Where rounding left more than a vertex has, the heaviest; where there are fewer, halves.
    order = np.argsort(-mass)[:rank]
    pairs, mass = pairs[order], mass[order]
    while len(mass) < rank:
        at = int(np.argmax(mass))
        mass[at] /= 2
        pairs, mass = np.vstack([pairs, pairs[at]]), np.append(mass, mass[at])
    share_x = mass / np.bincount(pairs[:, 0], mass, minlength=len(first[0]))[pairs[:, 0]]
    share_y = mass / np.bincount(pairs[:, 1], mass, minlength=len(second[0]))[pairs[:, 1]]
    Q = a[:, None] * (first[2][:, None] == pairs[:, 0]) * share_x
    R = b[:, None] * (second[2][:, None] == pairs[:, 1]) * share_y
    return Q, R, mass


def _plan_between(first: Clusters, second: Clusters) -> np.ndarray:
    costs, p, q = _between(first, second), first[1], second[1]
    k, m = costs.shape
    if max(k, m) <= _EXACT_PARTS:
        sums = np.vstack([np.kron(np.eye(k), np.ones((1, m))), np.kron(np.ones((1, k)), np.eye(m))])
        # The last equation follows from the others, but for rounding.
        found = linprog(costs.ravel(), A_eq=sums[:-1], b_eq=np.r_[p, q][:-1] / p.sum())
        if found.x is not None:
            return found.x.reshape(k, m)
    # By the cheapest cells first: a vertex too, if not the best.
    left_p, left_q, plan = p.copy(), q.copy(), np.zeros_like(costs)
    for cell in np.argsort(costs, axis=None):
        i, j = divmod(int(cell), m)
        plan[i, j] = min(left_p[i], left_q[j])
        left_p[i] -= plan[i, j]
        left_q[j] -= plan[i, j]
    return plan
