"""A call in a process of its own, which is ended where it takes too long."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from queue import Empty
from typing import Any


def isolated(run: Callable[..., None], *arguments: Any, seconds: float) -> Any:
    """What the call put into the queue that it takes last; None where it took too long."""
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    process = context.Process(target=run, args=(*arguments, told))
    process.start()
    try:
        return told.get(timeout=seconds)
    except Empty:
        return None
    finally:
        process.kill()
        process.join()
