"""Outcomes that wait a moment for others to be reported with."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from celeriac.specs.pool import Outcome


class HeldOutcomes:
    """Gathers in the thread that runs the tasks and reports there, except when a task keeps that thread for long: then
    what was held is reported by a thread of its own, so that no result waits for a task that has nothing to do with it.
    """

    def __init__(self, report: Callable[[list[Outcome]], None], seconds: float, name: str) -> None:
        self._report = report
        self._seconds = seconds
        self._held: deque[Outcome] = deque()
        self._since = 0.0
        self._reporting = threading.Lock()
        self._any = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(self, outcome: Outcome, now: float) -> None:
        """Hold this one; report all if the first has been held for long enough."""
        # Without a lock: taking from a deque is one step, and a time that is wrong by one report does no harm.
        if not self._held:
            self._since = now
        self._held.append(outcome)
        if now - self._since >= self._seconds:
            self.flush()
        elif not self._any.is_set():
            self._any.set()

    def flush(self) -> None:
        """Report what is held; when it returns, all that was added has been reported."""
        with self._reporting:
            held = [self._held.popleft() for _ in range(len(self._held))]
            if held:
                self._report(held)

    def close(self) -> None:
        """Report what is held and end the thread."""
        self.flush()
        self._ended = True
        self._any.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended:
            self._any.wait()
            time.sleep(self._seconds)
            if not self._held and not self._ended:
                self._any.clear()
                if self._held:  # it came just before, and saw that it need not tell
                    self._any.set()
            elif time.monotonic() - self._since >= self._seconds:
                self.flush()
