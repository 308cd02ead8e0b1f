"""Ctrl-C: one training keeps its best weights so far, and a loop of fits ends.

Training catches the interrupt, so that hours of it are not lost. A loop around it would then go
on with the next fit: what was caught is counted here, and loops look.
"""

from __future__ import annotations

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
