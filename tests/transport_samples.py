"""Samples of two laws to be transported."""

from __future__ import annotations

import numpy as np

from infotheory.datasets import random_gaussian_pair

PAIR = random_gaussian_pair(2, epsilon=1.0, random_state=0)


def draws(pair=PAIR, n=200, m=150, seed=0):
    rng = np.random.default_rng(seed)
    return pair.source.sample(n, rng), pair.target.sample(m, rng)


def clouds(n=40, m=30, d=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 2 + 0.5 * rng.normal(size=(m, d))
