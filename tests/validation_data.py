"""Two columns of reals, for tests of what input is refused and what is accepted."""

from __future__ import annotations

import numpy as np

N = 40
BARE = {"confidence_level": None}


def numbers(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=N)


REAL, OTHER = numbers(0), numbers(1)
