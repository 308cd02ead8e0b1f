"""Fixtures shared by tests: array libraries, and guards on global random state."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator

import numpy as np
import pytest
from hypothesis import settings

from infotheory.testing import xp  # noqa: F401
from infotheory.testing._global_state import global_state_restored as restored

try:
    import torch
except ImportError:
    torch = None
else:
    torch.set_num_threads(1)

# The examples of a run are a function of the test alone, and a busy machine fails no test.
settings.register_profile("reproducible", derandomize=True, deadline=None, max_examples=30)
settings.load_profile("reproducible")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave alone what modules and tests are made of: walks through it took a fifth of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Of an expected failure keep where it was raised.

    To quote a line Pytest parses its whole file, for each line of the traceback: half a second for
    scikit-learn's checks, hundreds of times, and only the reason is ever shown.
    """
    if call.excinfo is not None and item.get_closest_marker("xfail") is not None:
        call.excinfo.traceback = call.excinfo.traceback[-1:]


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
def global_state_restored() -> Iterator[None]:
    """Some of scikit-learn's checks draw from NumPy's global generator themselves."""
    with restored():
        yield


@pytest.fixture
def draws_apart() -> Iterator[None]:
    """What the test draws from global generators leaves no trace; Torch's starts at a seed."""
    with restored():
        torch.manual_seed(0)
        yield
