"""A logical clock: what was sent comes before what was received, whatever the machines' own clocks say.

Source: L. Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System", 1978. Events carry it.
"""

from __future__ import annotations

import threading


class LamportClock:
    """Counts. Thread-safe."""

    def __init__(self, value: int = 0) -> None:
        self.value = value
        self._lock = threading.Lock()

    def forward(self) -> int:
        """Something happens here: the next number."""
        with self._lock:
            self.value += 1
            return self.value

    def adjust(self, other: int) -> int:
        """Something came from elsewhere, where it had this number: ours is later than both."""
        with self._lock:
            self.value = max(self.value, other) + 1
            return self.value
