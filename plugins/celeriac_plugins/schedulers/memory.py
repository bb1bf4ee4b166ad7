"""A schedule that remembers as long as its process lives."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from celeriac.specs.scheduler import Entry, Firing, Scheduler, SchedulerOptions
from celeriac_plugins._shared.agenda import Agenda


class MemoryScheduler(Scheduler):
    """For tests, and for schedules that may miss what falls into a restart of beat."""

    def __init__(self, options: SchedulerOptions) -> None:
        super().__init__(options)
        self._lock = threading.Lock()
        self._agenda = Agenda(options.catch_up)

    def set_entries(self, entries: Sequence[Entry]) -> None:
        with self._lock:
            self._agenda.set(entries, self.options.clock.time())

    def entries(self) -> list[Entry]:
        with self._lock:
            return [self._agenda.lines[name].entry for name in sorted(self._agenda.lines)]

    def due(self) -> list[Firing]:
        now = self.options.clock.time()
        with self._lock:
            return [firing for firing in self._agenda.firings(now) if firing.due <= now]

    def next_due(self) -> float | None:
        with self._lock:
            return next((firing.due for firing in self._agenda.firings(self.options.clock.time())), None)

    def done(self, firing: Firing) -> None:
        with self._lock:
            self._agenda.advance(firing.entry.name, firing.due)

    def close(self) -> None:
        """There is nothing to free."""
