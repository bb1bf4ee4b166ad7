"""A clock that stands still until it is moved."""

from __future__ import annotations

import threading
from collections.abc import Callable


class ManualClock:
    """A `celeriac.clock.Clock` for tests: both its readings move by `advance` alone."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def time(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move both readings, then tell the listeners (who wake what is blocked on a time)."""
        if seconds < 0:
            raise ValueError("a ManualClock does not go back")
        with self._lock:
            self._now += seconds
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def on_advance(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)
