"""Pytest fixtures: import them into a conftest.py."""

from __future__ import annotations

import importlib
from typing import Any

import pytest


@pytest.fixture(scope="session", params=["numpy", "array_api_strict", "torch"])
def xp(request: pytest.FixtureRequest) -> Any:
    """Each array API namespace in turn; write ``xp.asarray(values, dtype=xp.float64)``.

    A library that is not installed is skipped. Import the fixture into a ``conftest.py``:
    ``from infotheory.testing import xp``.
    """
    if request.param == "array_api_strict":
        return pytest.importorskip("array_api_strict")
    if request.param == "torch":
        pytest.importorskip("torch")
    return importlib.import_module(f"array_api_compat.{request.param}")
