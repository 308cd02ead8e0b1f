"""The global random generators of Python, NumPy and Torch: read, compared, put back."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import joblib
import numpy as np


def global_state() -> dict[str, Any]:
    """The state of each generator; Torch's only where torch is loaded."""
    state: dict[str, Any] = {"random": random.getstate(), "numpy": np.random.get_state()}  # noqa: NPY002
    torch = sys.modules.get("torch")
    if torch is not None:
        state["torch"] = torch.get_rng_state()
    return state


def changed_generators(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Names of the generators whose state differs."""
    return [name for name in before if _digest(before[name]) != _digest(after[name])]


@contextmanager
def global_state_restored() -> Iterator[None]:
    """Put the generators back as they were, whatever happens inside."""
    state = global_state()
    try:
        yield
    finally:
        random.setstate(state["random"])
        np.random.set_state(state["numpy"])  # noqa: NPY002
        if "torch" in state:
            sys.modules["torch"].set_rng_state(state["torch"])


def _digest(state: Any) -> str | None:
    return joblib.hash(state.numpy() if hasattr(state, "numpy") else state)
