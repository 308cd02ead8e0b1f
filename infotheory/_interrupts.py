"""Ctrl-C: one training keeps its best weights so far, and a loop of fits ends.

Training catches the interrupt, so that hours of it are not lost. A loop around it would then go
on with the next fit: what was caught is counted here, and loops look. A fit that an interrupt or an
error ends otherwise leaves the estimator as it was, and what must not be cut in two is finished
first.
"""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
Fitted = TypeVar("Fitted")

_caught = 0


def catch() -> None:
    """Count an interrupt that ended a training and went no further."""
    global _caught
    _caught += 1


class Watch:
    """Whether some training was interrupted since the watch began.

    Signals reach the main thread alone, where loops without threads fit; joblib hands on those
    that come while threads work.
    """

    def __init__(self) -> None:
        self._before = _caught

    @property
    def interrupted(self) -> bool:
        return _caught > self._before

    def stop(self, what: str) -> None:
        """Raise what the training caught, if it did: the next fit must not begin."""
        if self.interrupted:
            raise KeyboardInterrupt(f"{what} ended: the training of a network was interrupted.")


def all_or_nothing(fit: Callable[P, Fitted]) -> Callable[P, Fitted]:
    """A ``fit`` that leaves the estimator as it was unless it comes to its end.

    Attributes of a new fit beside those of an old one would be a model that was never fitted.
    Values must be replaced, not changed in place. A warning of the fit passes one more frame.
    """

    @functools.wraps(fit)
    def whole(*args: P.args, **words: P.kwargs) -> Fitted:
        held: dict[str, Any] = vars(args[0])
        before = dict(held)
        try:
            return fit(*args, **words)
        except BaseException:
            held.clear()
            held.update(before)
            raise

    return whole


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Ctrl-C comes after the block: a large package that is half imported cannot be imported again.

    Other threads are never interrupted, and handlers that Python did not set stay.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    if before is None:
        yield
        return
    came: list[Any] = []
    signal.signal(signal.SIGINT, lambda _, frame: came.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came and callable(before):
            before(signal.SIGINT, came[0])
        elif came:
            signal.raise_signal(signal.SIGINT)
