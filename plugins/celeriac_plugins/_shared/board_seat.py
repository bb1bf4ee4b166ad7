"""A peer's place on a board: a lock that shows that it lives, and a bell that wakes it."""

from __future__ import annotations

import os
import select
import socket
import time
from contextlib import suppress
from typing import Protocol

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

HAS_LOCKS = fcntl is not None

_NAP = 0.02
"""Seconds between two looks of a peer that has no bell."""


class Sheet(Protocol):
    """Where a seat shows whether it sleeps."""

    def mark(self, number: int, kind: int, subject: int) -> None: ...

    def marked(self, number: int) -> int: ...


class Seat:
    """Used by one thread at a time. Without a `bell` it sleeps in naps; without a `lock` nobody can tell that it lives.

    The lock is a flock: the kernel frees it when the process ends in whatever way, and leaves it alone while the
    process is merely stopped. It belongs to the open file, which a forked child inherits: so the child closes its copy
    (`Seat.disinherit`), which leaves the parent's lock in place.
    """

    __slots__ = ("_bell", "_bell_path", "_lock", "_poll", "_sheet", "called", "name", "number")

    def __init__(
        self, number: int, name: str, sheet: Sheet, lock: int | None, bell: socket.socket | None, bell_path: str
    ) -> None:
        self.number = number
        self.name = name
        self.called = False
        """Set by who wants this sleeper, and no other, to return."""
        self._sheet = sheet
        self._lock = lock
        self._bell = bell
        self._bell_path = bell_path
        self._poll = None
        if bell is not None:
            self._poll = select.poll()
            self._poll.register(bell, select.POLLIN)

    def arm(self, kind: int, subject: int) -> None:
        """From now on the bell is rung for this kind. Look at the store after this and before `sleep`: what came
        before it has rung nobody."""
        if self._bell is not None:
            self._sheet.mark(self.number, kind, subject)

    def sleep(self, seconds: float) -> None:
        """Until the bell rings, or the time is up; sometimes shorter."""
        if self._poll is None or self._bell is None:
            time.sleep(min(seconds, _NAP))
        elif self._poll.poll(seconds * 1000):
            with suppress(BlockingIOError):
                self._bell.recv(1)

    def rest(self) -> bool:
        """No more rings; whether there was one since `arm`, which is now lost on this seat."""
        if self._bell is None:
            return False
        rung = not self._sheet.marked(self.number)
        self._sheet.mark(self.number, 0, 0)
        return rung

    def leave(self) -> None:
        """Give the place free for another peer."""
        self.rest()
        if self._bell is not None:
            with suppress(OSError):
                os.unlink(self._bell_path)  # noqa: PTH108 (a path by descriptor, which pathlib would resolve)
        self.disinherit()

    def disinherit(self) -> None:
        """Close what this process has of it, without a change for who else has it."""
        if self._bell is not None:
            self._bell.close()
        if self._lock is not None:
            os.close(self._lock)
        self._bell = self._poll = self._lock = None


def lock_file(descriptor: int, *, shared: bool = False) -> bool:
    """Whether the lock was free; it is held until the descriptor is closed. OSError where files cannot be locked."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
