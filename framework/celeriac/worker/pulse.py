"""What the worker's threads show of themselves: when each last came round. Read by the watchdog, the probes and stats.

All times are monotonic. The loop that consumes writes one of them for each batch; nobody locks anything.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Pulse:
    """Written by the loop, but for `housekeeping` and `vain_looks`, which the keeper writes."""

    def __init__(self) -> None:
        self.fetched: float | None = None
        """When a receive last came back in good order, with messages or without."""
        self.begun = self.housekeeping = 0.0
        """Since when all this counts, and when the keeper last ended a piece of its work."""
        self.vain_looks = 0
        """How often in a row the keeper has found messages waiting while nothing was delivered here and slots were
        free."""
        self.is_excused = False
        """The loop itself runs the user's code, which may take any time."""
        self.begin()

    def begin(self) -> None:
        """Everything counts from now: the worker starts, has a new transport, or its process had stood still."""
        self.begun = self.housekeeping = self.delivered = self.came_round = time.monotonic()
        self.vain_looks = 0

    def come_round(self) -> None:
        """The loop is alive, though it has not fetched: nothing more can be held, or the broker does not answer."""
        self.came_round = time.monotonic()

    @contextmanager
    def excused(self) -> Iterator[None]:
        """A block that runs the user's code in the loop's own thread."""
        self.is_excused = True
        try:
            yield
        finally:
            self.come_round()
            self.is_excused = False

    def silence(self, now: float) -> float:
        """Seconds since the loop was last seen alive."""
        if self.is_excused:
            return 0.0
        return now - max(self.came_round, self.fetched or 0.0)

    def fetch_age(self) -> float | None:
        """Seconds since `fetched`, to the millisecond; None before the first."""
        fetched = self.fetched
        return None if fetched is None else round(time.monotonic() - fetched, 3)
