"""The names of message files: all that is to be known about a message without opening it.

=======  ================================================  ================================================
folder   name                                              sorted by
=======  ================================================  ================================================
ready    ``urgency.number.since.count``                    priority, then order of publishing
delayed  ``due.`` and the same                             due time
held     ``until.holder.holding.`` and the same            end of the lease
dead     ``burial.at.`` and the same                       time of burial
=======  ================================================  ================================================

Times are microseconds since the Unix epoch, in digits enough for the year 5138. A `number` is a `Stamps` value.
Files of other names are none of ours and left alone.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from threading import Lock

_TIME = r"\d{17}"
_STAMP = r"\d{20}-[0-9a-f]{12}"
_READY = rf"\d\.{_STAMP}\.{_TIME}\.\d+"
READY = re.compile(_READY)
DELAYED = re.compile(rf"{_TIME}\.{_READY}")
HELD = re.compile(rf"{_TIME}\.[0-9a-f]{{12}}\.[0-9a-f]+\.{_READY}")
DEAD = re.compile(rf"{_STAMP}\.{_TIME}\.{_READY}")
BROADCAST = re.compile(rf"{_STAMP}\.{_TIME}\.[a-z0-9_%-]+")

_LATEST = 10**17 - 1


def micros(seconds: float) -> str:
    """A time as it stands in names: texts of it compare like the times."""
    return f"{max(0, min(int(min(seconds, 1e11) * 1e6), _LATEST)):017d}"


def seconds(text: str) -> float:
    return int(text) / 1e6


@dataclass(frozen=True, slots=True)
class Name:
    """A message's name while it is ready, which is also the end of all its other names."""

    urgency: int
    """9 minus its priority."""
    number: str
    since: str
    """When it was published or became due."""
    count: int
    """How often it was delivered."""

    @classmethod
    def of(cls, text: str) -> Name:
        """From any name that matches one of the patterns."""
        urgency, number, since, count = text.split(".")[-4:]
        return cls(int(urgency), number, since, int(count))

    def __str__(self) -> str:
        return f"{self.urgency}.{self.number}.{self.since}.{self.count}"

    def counted(self, more: int) -> Name:
        return replace(self, count=max(0, self.count + more)) if more else self

    def ready_since(self, since: str) -> Name:
        return replace(self, since=since)


class Stamps:
    """Numbers that no other object gives out, in the order of the machine's clock, and always rising in one object.

    Between processes the order is as good as that clock: set back by a second, it lets the messages of that second
    come before those of the second before.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._last = 0
        self._lock = Lock()

    def next(self) -> str:
        with self._lock:
            self._last = max(time.time_ns(), self._last + 1)
            return f"{self._last:020d}-{self._owner}"
