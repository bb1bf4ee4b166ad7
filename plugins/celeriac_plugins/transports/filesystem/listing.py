"""The names in a folder, read again only when the folder has changed and reading pays."""

from __future__ import annotations

import os
import re
import time
from heapq import heapify, heappop, heappush

_GRAIN = 50_000_000
"""Nanoseconds within which two changes of a folder may leave it the same time: file systems keep it in clock ticks."""
_PATIENCE = 10
"""A list that is not used up yet is kept for this many times as long as it took to make: so a backlog of any length is
drained without being listed for each receive. Only what others put ahead of it comes later by that much."""
_UNREAD = 10_000
"""After so many additions without a look at the list, nobody seems to want it."""


def names_in(path: str, pattern: re.Pattern[str]) -> list[str]:
    """The names that match, in no order; none when there is no such folder."""
    try:
        return [name for name in os.listdir(path) if pattern.fullmatch(name)]  # noqa: PTH208  names, not paths
    except FileNotFoundError:
        return []


class Changes:
    """Whether a folder has changed since one looked the last time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen = -1

    def seen(self) -> bool:
        """Whether there is something new. What comes after this call is new to the next one."""
        try:
            changed = os.stat(self._path).st_mtime_ns  # noqa: PTH116  called in a loop
        except FileNotFoundError:
            return False
        if changed == self._seen:
            return False
        # A change so fresh that the next one may have the same time does not count as seen.
        self._seen = changed if changed < time.time_ns() - _GRAIN else -1
        return True


class Listing:
    """The names in a folder in their order, lowest first; some may be gone by now."""

    def __init__(self, path: str, pattern: re.Pattern[str]) -> None:
        self.path = path
        self._pattern = pattern
        self._changes = Changes(path)
        self._names: list[str] = []
        self._keep_until = 0.0
        self._unread = _UNREAD

    def refresh(self) -> None:
        now = time.monotonic()
        self._unread = 0
        if self._names and now < self._keep_until:
            return
        if self._changes.seen():
            self._names = names_in(self.path, self._pattern)
            heapify(self._names)
            done = time.monotonic()
            self._keep_until = done + _PATIENCE * (done - now)

    def add(self, name: str) -> None:
        """Tell of a file that this process has put there."""
        if self._unread < _UNREAD:
            self._unread += 1
            heappush(self._names, name)
        elif self._names:
            self._names = []

    def first(self) -> str | None:
        return self._names[0] if self._names else None

    def pop(self) -> str | None:
        return heappop(self._names) if self._names else None
