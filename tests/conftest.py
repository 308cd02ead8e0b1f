"""Fixtures shared by tests: array libraries, and guards on global random state."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import settings

from infotheory.testing import xp  # noqa: F401

try:
    import torch
except ImportError:
    torch = None
else:
    torch.set_num_threads(1)

# The examples of a run are a function of the test alone, and a busy machine fails no test.
settings.register_profile("reproducible", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("reproducible")


def _global_random_state() -> dict[str, bytes]:
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002
    state = {"numpy": repr((name, *rest)).encode() + np.asarray(keys).tobytes()}
    if torch is not None:
        state["torch"] = torch.get_rng_state().numpy().tobytes()
    return state


@pytest.fixture(autouse=True)
def _global_random_state_is_untouched() -> Iterator[None]:
    """Fail a test that draws from NumPy's or Torch's global generator, or seeds it.

    Inside ``@given`` Hypothesis seeds NumPy's for each example and puts it back at the end, so
    that only Torch's is watched there.
    """
    before = _global_random_state()
    yield
    after = _global_random_state()
    changed = [library for library in before if before[library] != after[library]]
    assert not changed, f"the test changed the global random state of {changed}"


@pytest.fixture
def draws_apart() -> Iterator[None]:
    """What the test draws from global generators leaves no trace; Torch's starts at a seed."""
    states = np.random.get_state(), random.getstate()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
    np.random.set_state(states[0])  # noqa: NPY002
    random.setstate(states[1])
