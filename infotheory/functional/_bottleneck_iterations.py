r"""Iterations of the information bottleneck on many encoders at once.

An encoder is p(t | x), kept as logarithms of shape (n, r, k) for r starts, so that both sums of an
iteration are one product of matrices for all starts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

# In place of ln 0 in products with zeros, which it leaves zero; its exponential is 0.
_NEVER = -1e30
_SMALL = 1e-200  # entries that are not extrapolated
_LONGER = 4.0  # growth of the longest extrapolation while it goes well


@dataclass(frozen=True)
class JointLaw:
    """A joint law without rows and columns of probability 0."""

    joint: np.ndarray  # (n, m), of sum 1
    x: np.ndarray  # (n,)
    y_given_x: np.ndarray  # (n, m)
    entropy_x: float
    entropy_y: float
    information: float

    @classmethod
    def of(cls, joint: np.ndarray) -> JointLaw:
        x, y = joint.sum(axis=1), joint.sum(axis=0)
        entropies = [-float(np.sum(p * logs(p))) for p in (x, y, joint)]
        information = max(entropies[0] + entropies[1] - entropies[2], 0.0)
        return cls(joint, x, joint / x[:, None], entropies[0], entropies[1], information)

    @property
    def divergences(self) -> np.ndarray:
        """KL of p(y | x) to p(y | x'), (n, n), huge where it is infinite."""
        given = self.y_given_x
        log_given = logs(given)
        return np.sum(given * log_given, axis=1)[:, None] - given @ log_given.T


def logs(p: np.ndarray) -> np.ndarray:
    """ln p, and a huge negative number for 0."""
    return np.where(p > 0, np.log(np.where(p > 0, p, 1.0)), _NEVER)


def soft_max(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms and values of laws along the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    values = np.exp(shifted)
    totals = values.sum(axis=-1, keepdims=True)
    return shifted - np.log(totals), values / totals


@dataclass(frozen=True)
class Encoders:
    """Encoders with what an iteration and the objective need of them."""

    log_encoder: np.ndarray  # (n, r, k)
    encoder: np.ndarray
    log_t: np.ndarray  # (r, k)
    log_ty: np.ndarray  # (m, r, k)
    information_x: np.ndarray  # (r,)
    information_y: np.ndarray

    @classmethod
    def of(cls, law: JointLaw, log_encoder: np.ndarray, encoder: np.ndarray) -> Encoders:
        n, r, k = encoder.shape
        t = (law.x @ encoder.reshape(n, r * k)).reshape(r, k)
        ty = (law.joint.T @ encoder.reshape(n, r * k)).reshape(-1, r, k)
        log_t, log_ty = logs(t), logs(ty)
        entropy_t = -np.sum(t * log_t, axis=-1)
        given = np.einsum("x,xrk,xrk->r", law.x, encoder, log_encoder)
        together = np.sum(ty * log_ty, axis=(0, 2))
        return cls(
            log_encoder,
            encoder,
            log_t,
            log_ty,
            entropy_t + given,
            entropy_t + law.entropy_y + together,
        )

    @classmethod
    def start(cls, law: JointLaw, encoder: np.ndarray) -> Encoders:
        return cls.of(law, logs(encoder), encoder)

    def objective(self, beta: float) -> np.ndarray:
        return self.information_x - beta * self.information_y

    def updated(self, law: JointLaw, beta: float) -> Encoders:
        """One iteration of the self-consistent equations."""
        n, (_, r, k) = len(law.x), self.log_ty.shape
        sums = law.y_given_x @ self.log_ty.reshape(-1, r * k)
        # What is never reached stays so, whatever the sign of 1 - beta.
        dead = self.log_t == _NEVER
        weight = np.where(dead, 0.0, (1 - beta) * self.log_t)
        logits = weight + beta * np.where(dead, _NEVER, sums.reshape(n, r, k))
        return self.of(law, *soft_max(np.maximum(logits, _NEVER)))

    def chosen(self, rows: np.ndarray) -> Encoders:
        return replace(
            self,
            log_encoder=self.log_encoder[:, rows],
            encoder=self.encoder[:, rows],
            log_t=self.log_t[rows],
            log_ty=self.log_ty[:, rows],
            information_x=self.information_x[rows],
            information_y=self.information_y[rows],
        )

    def where(self, mask: np.ndarray, other: Encoders) -> Encoders:
        """These where the mask holds, else the other ones."""
        if mask.all():
            return self
        if not mask.any():
            return other
        wide = mask[:, None]
        return Encoders(
            np.where(wide, self.log_encoder, other.log_encoder),
            np.where(wide, self.encoder, other.encoder),
            np.where(wide, self.log_t, other.log_t),
            np.where(wide, self.log_ty, other.log_ty),
            np.where(mask, self.information_x, other.information_x),
            np.where(mask, self.information_y, other.information_y),
        )


@dataclass(frozen=True)
class Descent:
    """Encoders where the iterations ended, one a start."""

    encoders: Encoders
    histories: list[list[float]]  # of the objective
    changes: np.ndarray  # mean KL by which a plain iteration still moves
    n_iter: np.ndarray


def descend(
    law: JointLaw,
    start: Encoders,
    beta: float,
    tol: float,
    max_iter: int,
    *,
    accelerated: bool = True,
) -> Descent:
    """Iterate until a plain iteration moves the encoder by at most ``tol``, start by start.

    Two iterations tell how the encoder moves and how that slows down; a squared step follows where
    it leads, and is taken where the objective is no higher than after them. An iteration that does
    not lower the objective any more is not taken: rounding is all that is left.
    """
    size = len(start.information_x)
    histories = [[float(v)] for v in start.objective(beta)]
    changes = np.full(size, np.inf)
    counts = np.zeros(size, dtype=int)
    final, running = start, np.arange(size)
    now, longest = start, np.ones(size)
    while len(running) and counts[running[0]] < max_iter:
        first = now.updated(law, beta)
        at_first = np.minimum(first.objective(beta), now.objective(beta))
        moved = first.log_encoder - now.log_encoder
        change = 0.5 * _norm(law, first.encoder, moved)
        falls = first.objective(beta) < now.objective(beta)
        now = first.where(falls, now)
        _note(histories, running, falls, at_first)
        changes[running] = np.where(falls, change, np.minimum(change, changes[running]))
        counts[running] += 1
        ended = (change <= tol) | ~falls
        # Stopped by rounding alone: as far as this arithmetic goes.
        if ended.any():
            final = _put(final, running[ended], now.chosen(np.flatnonzero(ended)))
            stay = np.flatnonzero(~ended)
            running, now, longest = running[stay], now.chosen(stay), longest[stay]
            moved = moved[:, stay]
        if not len(running) or not accelerated or counts[running[0]] >= max_iter:
            continue
        second = now.updated(law, beta)
        falls = second.objective(beta) < now.objective(beta)
        counts[running] += 1
        _note(histories, running, falls, second.objective(beta))
        bend = second.log_encoder - now.log_encoder - moved
        squares = _norm(law, second.encoder, bend)
        length = np.sqrt(_norm(law, second.encoder, moved) / np.where(squares > 0, squares, np.inf))
        length = np.clip(length, 1.0, longest)
        second = second.where(falls, now)
        if np.all(length == 1.0):
            now, longest = second, longest * _LONGER
            continue
        far = length[:, None]
        start_log = now.log_encoder - moved
        logits = start_log + 2 * far * moved + far**2 * bend
        logits = np.where(second.encoder > _SMALL, logits, second.log_encoder)
        further = Encoders.of(law, *soft_max(np.maximum(logits, _NEVER)))
        counts[running] += 1
        good = further.objective(beta) < second.objective(beta)
        _note(histories, running, good, further.objective(beta))
        now = further.where(good, second)
        longest = np.where(
            good, np.where(length == longest, longest * _LONGER, longest), longest / _LONGER
        )
        longest = np.maximum(longest, 1.0)
    if len(running):
        final = _put(final, running, now)
    return Descent(final, histories, changes, counts)


def _norm(law: JointLaw, encoder: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """Mean square of a difference of logarithms under the joint law of x and t, (r,)."""
    seen = np.where(encoder > _SMALL, difference, 0.0)
    return np.einsum("x,xrk,xrk,xrk->r", law.x, encoder, seen, seen)


def _note(
    histories: list[list[float]], running: np.ndarray, taken: np.ndarray, values: np.ndarray
) -> None:
    for i, is_taken, value in zip(running, taken, values, strict=True):
        if is_taken:
            histories[i].append(float(value))


def _put(all_of_them: Encoders, rows: np.ndarray, some: Encoders) -> Encoders:
    """The encoders with some of them replaced."""
    copies = {}
    for name in ("log_encoder", "encoder", "log_ty"):
        copies[name] = getattr(all_of_them, name).copy()
        copies[name][:, rows] = getattr(some, name)
    for name in ("log_t", "information_x", "information_y"):
        copies[name] = getattr(all_of_them, name).copy()
        copies[name][rows] = getattr(some, name)
    return Encoders(**copies)
