"""Samples with exact answers, on which estimators of any shape are tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from infotheory.datasets import (
    Categorical,
    Distribution,
    GaussianMixture,
    LabelledMixture,
    Normal,
    Split,
    chi2_divergence,
    hellinger_divergence,
    jeffreys_divergence,
    kl_divergence,
    renyi_divergence,
)

Rows = tuple[np.ndarray, Any]  # X and y; y is None for an entropy

# The two sides differ in scale and in shape, so that a broken symmetry shows.
_PAIR = Normal(covariance=[[1.0, 1.2], [1.2, 2.25]])
_JOINT_TABLE = np.array([[0.35, 0.05], [0.10, 0.15], [0.05, 0.30]])
_P = {"real": Normal(0.0, 1.0), "symbols": Categorical([0.4, 0.3, 0.2, 0.1])}
_Q = {"real": Normal(1.0, 1.5), "symbols": Categorical([0.15, 0.2, 0.3, 0.35])}


@dataclass(frozen=True)
class Problem:
    """A law to draw ``X, y`` from and the exact value of the quantity, None where unknown.

    ``n`` counts rows of each sample for a divergence.
    """

    name: str
    draw: Callable[[int, np.random.Generator], Rows]
    truth: float | None


def standard_problem(quantity: str, data: str, kind: str | None, order: float | None) -> Problem:
    """A clear effect: correlated normals or a 3 x 2 table, two normals or two tables."""
    if quantity == "divergence":
        p, q = _P[data], _Q[data]
        truth = _divergence(p, q, kind, order)
        return Problem(f"two {_laws_of(data)}", lambda n, rng: two_laws(p, q, n, rng), truth)
    if quantity == "entropy":
        law: Distribution = _PAIR if data == "real" else _P["symbols"]
        return Problem(
            f"a sample of {_laws_of(data)}", lambda n, rng: (law.sample(n, rng), None), law.entropy
        )
    if data == "real":
        pair = Split(_PAIR, dim_x=1)
        return Problem("correlated normals", pair.sample, pair.mutual_information)
    joint = _JOINT_TABLE
    truth = sum(Categorical(joint.sum(axis=a)).entropy for a in (0, 1))
    cells = Categorical(joint.ravel())

    def draw(n: int, rng: np.random.Generator) -> Rows:
        row, column = np.divmod(cells.sample(n, rng), joint.shape[1])
        return row, column

    return Problem("a 3 x 2 table", draw, truth - cells.entropy)


def null_problem(quantity: str, data: str) -> Problem:
    """Independence, or two samples of one law: the value is 0."""
    law = _P[data]
    if quantity == "divergence":
        name = f"two samples of one law ({_laws_of(data)})"
        return Problem(name, lambda n, rng: two_laws(law, law, n, rng), 0.0)
    return Problem(
        f"independent {_laws_of(data)}",
        lambda n, rng: (law.sample(n, rng), law.sample(n, rng)),
        0.0,
    )


def side_by_side(first: Rows, second: Rows, quantity: str) -> Rows:
    """Two independent samples of one size as one sample of more columns."""
    X = np.hstack([first[0], second[0]])
    if quantity == "divergence":
        return X, first[1]  # both have the rows of P first
    if first[1] is None or second[1] is None:
        return X, None
    return X, np.hstack([first[1], second[1]])


def two_laws(p: Distribution, q: Distribution, n: int, rng: np.random.Generator) -> Rows:
    """n rows of each law, stacked and labelled."""
    return np.concatenate([p.sample(n, rng), q.sample(n, rng)]), np.repeat([0, 1], n)


def kl_of_standard_problem(data: str) -> float:
    """KL of the two laws of the standard divergence problem, the mean of log p / q over P."""
    return kl_divergence(_P[data], _Q[data])


def _laws_of(data: str) -> str:
    return "normals" if data == "real" else "symbols"


def _divergence(
    p: Distribution, q: Distribution, kind: str | None, order: float | None
) -> float | None:
    if kind == "reverse-kl":
        return kl_divergence(q, p)
    if kind == "js":
        return _jensen_shannon(p, q)
    if kind == "renyi":
        return None if order is None else renyi_divergence(p, q, order)
    known = {
        "kl": kl_divergence,
        "jeffreys": jeffreys_divergence,
        "hellinger": hellinger_divergence,
        "chi2": chi2_divergence,
    }
    return known[kind](p, q) if kind in known else None


def _jensen_shannon(p: Any, q: Any) -> float:
    if isinstance(p, Categorical):
        middle = Categorical((p.probabilities + q.probabilities) / 2)
        return middle.entropy - (p.entropy + q.entropy) / 2
    scales = np.sqrt([p.covariance[0, 0], q.covariance[0, 0]])
    mixture = GaussianMixture([0.5, 0.5], means=[p.mean[0], q.mean[0]], scales=scales)
    return LabelledMixture(mixture).mutual_information
