"""One reading of ``random_state`` for every sampler here."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

RandomState: TypeAlias = int | np.random.Generator | np.random.RandomState | None


def as_generator(random_state: RandomState) -> np.random.Generator:
    """Return a NumPy generator and leave the global random state alone.

    A `RandomState` is asked for a seed, so that it advances and a second draw differs from the
    first. None takes fresh entropy from the system.
    """
    if isinstance(random_state, np.random.RandomState):
        seed = random_state.randint(0, 2**32, size=4, dtype=np.uint32)
        return np.random.default_rng(seed)
    return np.random.default_rng(random_state)
