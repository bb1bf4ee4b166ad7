"""The grace of a `Pool.stop`, which a second call may shorten."""

from __future__ import annotations

import math
import threading
import time


class Grace:
    """Takes no lock, so that a signal handler may shorten it while the thread that it interrupted waits for its end."""

    def __init__(self) -> None:
        self._until = math.inf
        self._owner: int | None = None
        self._finished = threading.Event()

    def begin(self, seconds: float) -> bool:
        """End in `seconds`, if not sooner. True for the first call, whose caller does the stopping; another thread's
        call returns False once that is done, and one from within it returns False at once."""
        self._until = min(self._until, time.monotonic() + max(seconds, 0.0))
        if self._owner is None:
            self._owner = threading.get_ident()
            return True
        if self._owner != threading.get_ident():
            self._finished.wait()
        return False

    def finish(self) -> None:
        """The stopping is done."""
        self._finished.set()

    @property
    def left(self) -> float:
        """Seconds, never below 0."""
        return max(self._until - time.monotonic(), 0.0)

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._until

    def slice(self) -> float:
        """Seconds to wait before looking again, as the grace may be shortened without a notice."""
        return min(self.left, 0.05)
