"""What is due when: the arithmetic that schedulers share, wherever they keep their memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from celeriac.errors import ConfigurationError
from celeriac.specs.scheduler import Entry, Firing

_AHEAD = 86400.0
"""Seconds: a memory further in the future than this was written while the clock was wrong, and is not believed."""
_CLOSE = 0.001


@dataclass(slots=True)
class Line:
    """An entry, the instant up to which its firings are done or do not count, and its first firing after that."""

    entry: Entry
    since: float
    upcoming: float | None


class Agenda:
    """The entries and where each of them stands. Not safe in threads: its owner has a lock."""

    def __init__(self, catch_up: float) -> None:
        self._catch_up = catch_up
        self.lines: dict[str, Line] = {}

    def set(self, entries: Sequence[Entry], now: float, remembered: Mapping[str, float] | None = None) -> None:
        """Take these entries for all there are; `remembered` has the `Line.since` of those that an earlier process knew
        with the same schedule."""
        lines: dict[str, Line] = {}
        for entry in entries:
            if entry.name in lines:
                raise ConfigurationError(f"two entries of the schedule are named {entry.name!r}; rename one")
            since = self._since(entry, now, remembered or {})
            lines[entry.name] = Line(entry, since, entry.schedule.next_after(since))
        self.lines = lines

    def _since(self, entry: Entry, now: float, remembered: Mapping[str, float]) -> float:
        known = self.lines.get(entry.name)
        if known is not None and known.entry.schedule == entry.schedule:
            return known.since
        since = remembered.get(entry.name, now)
        return since if since <= now + _AHEAD else now

    def advance(self, name: str, since: float) -> None:
        """The firings of this entry up to `since` are done; an entry that is gone is passed over."""
        line = self.lines.get(name)
        if line is not None and since > line.since:
            line.since = since
            line.upcoming = line.entry.schedule.next_after(since)

    def firings(self, now: float) -> list[Firing]:
        """For each entry its firing that is due, or else its next one; oldest first."""
        found = ((line.entry, self._instant(line, now)) for line in self.lines.values())
        firings = [Firing(entry, instant) for entry, instant in found if instant is not None]
        return sorted(firings, key=lambda firing: (firing.due, firing.entry.name))

    def _instant(self, line: Line, now: float) -> float | None:
        if line.upcoming is None or line.upcoming > now:
            return line.upcoming
        last = self._last_missed(line, now)
        return line.entry.schedule.next_after(now) if last is None else last

    def _last_missed(self, line: Line, now: float) -> float | None:
        """The last firing up to `now` that is not done and not missed for too long.

        Looks back in steps that double, so that the work does not grow with the number of firings that were missed.
        """
        begin = max(line.since, math.nextafter(now - self._catch_up, -math.inf))
        rule, back = line.entry.schedule, _CLOSE
        while True:
            last = rule.next_after(max(begin, now - back))
            if last is not None and last <= now:
                break
            if now - back <= begin:
                return None
            back *= 2
        while (later := rule.next_after(last)) is not None and later <= now:
            last = later
        return last
