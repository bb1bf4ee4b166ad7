"""The one reply queue of a process, read by one of those who wait, for all of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from threading import TIMEOUT_MAX, Condition, Lock
from typing import Final, TypeVar

from celeriac.errors import BackendDown
from celeriac.message import Message
from celeriac.specs.transport import ReplyBox, Transport

T = TypeVar("T")

PATIENCE: Final = 5.0
"""Seconds within which the queue must be made for who waits without having called anything."""
_OFTEN: Final = 1000
"""Calls after which the queue is emptied, though nobody has asked for a result."""


class _Waiter:
    __slots__ = ("nudged",)

    def __init__(self, nudged: bool) -> None:
        self.nudged = nudged


class Mailbox:
    """Thread-safe. Whoever waits while nobody reads becomes the reader; so a lone one is woken by the broker itself."""

    def __init__(self, transport: Callable[[], Transport], life: float, take: Callable[[list[Message]], None]) -> None:
        self._transport = transport
        self._life = life
        self._take = take
        """What is done with replies; called under the lock."""
        self.changed = Condition()
        """Held by who looks at what was taken."""
        self._opening = Lock()
        self._box: tuple[Transport, ReplyBox] | None = None
        self._is_read = False
        self._in_haste = 0
        """How many want to have it emptied now, ahead of who waits."""
        self._waiters: set[_Waiter] = set()
        self._nudged = False
        self._closed = False
        self._calls = 0
        self._due = 0.0

    def address(self, timeout: float) -> str:
        """Where calls are answered to; from now on the queue is there. Who calls and never asks does not let it
        overflow, nor its life run out.

        Raises:
            TransportDown: the queue could not be made in time.
        """
        box = self._open(timeout)
        self._calls += 1
        if (self._calls >= _OFTEN or time.monotonic() >= self._due) and not self._is_read:
            self.empty()
        return box.address

    def empty(self) -> None:
        """Take what has come so far, if anything could have."""
        if self._box is None:
            return
        with self.changed:
            self._in_haste += 1
        try:
            while self._read_at_once():
                pass
        finally:
            with self.changed:
                self._in_haste -= 1
                self.changed.notify_all()

    def _read_at_once(self) -> int:
        with self.changed:
            while self._is_read:
                self._rouse()
                self.changed.wait()
            self._is_read = True
        return self._read(0)

    def wait(self, look: Callable[[], dict[str, T]], timeout: float | None) -> dict[str, T]:
        """What `look` finds, as soon as that is something; or what it finds when the time is up or after a nudge."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        with self.changed:
            if self._closed:
                raise _closed()
            waiter = _Waiter(self._nudged)
            self._nudged = False
            self._waiters.add(waiter)
        try:
            if waiter.nudged or deadline <= time.monotonic():
                self.empty()
            while True:
                with self.changed:
                    while True:
                        found = look()
                        left = deadline - time.monotonic()
                        if found or left <= 0 or waiter.nudged or self._closed:
                            return found
                        if not self._is_read and not self._in_haste:
                            self._is_read = True
                            break
                        self.changed.wait(min(left, TIMEOUT_MAX))
                self._read(None if left == math.inf else left)
        finally:
            with self.changed:
                self._waiters.discard(waiter)

    def nudge(self) -> None:
        """End every wait, or the next one when there is none."""
        with self.changed:
            self._nudged = not self._waiters
            for waiter in self._waiters:
                waiter.nudged = True
            self._rouse()

    def close(self) -> None:
        """Remove the queue; waits end."""
        with self.changed:
            self._closed = True
            self._rouse()
        with self._opening:
            box, self._box = self._box, None
        if box is not None:
            box[1].close()

    def _rouse(self) -> None:
        self.changed.notify_all()
        if self._is_read and self._box is not None:
            self._box[1].wake()

    def _read(self, timeout: float | None) -> int:
        """Receive and take, by who has set `_is_read`; returns how many came."""
        came: list[Message] = []
        try:
            came = self._open(PATIENCE).receive(timeout)
            self._calls, self._due = 0, time.monotonic() + self._life / 4
        finally:
            with self.changed:
                self._take(came)
                self._is_read = False
                self.changed.notify_all()
        return len(came)

    def _open(self, timeout: float) -> ReplyBox:
        """The queue at the transport of the moment; when that was replaced, the earlier one is lost."""
        with self._opening:
            if self._closed:
                raise _closed()
            transport = self._transport()
            if self._box is None or self._box[0] is not transport:
                self._box = (transport, transport.listen_for_replies(self._life, timeout))
                self._due = time.monotonic() + self._life / 4
            return self._box[1]


def _closed() -> BackendDown:
    return BackendDown("this result backend was closed by this process; make a new object")
