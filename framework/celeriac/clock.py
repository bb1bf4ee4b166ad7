"""Time as the kernel and the drivers see it: handed in, so that tests can move it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings, both in seconds."""

    def time(self) -> float:
        """Wall-clock time since the Unix epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """A time that never goes back; only differences mean anything."""
        ...


class SystemClock:
    """The machine's own clock."""

    __slots__ = ()

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()
