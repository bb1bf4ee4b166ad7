"""Blocking until there is something, with an end that other threads and signal handlers can bring about.

A Condition would not do: a signal handler that notifies between the look and the wait of its own thread is not heard.
Here a bell is hung up before the look, and a bell that was rung stays rung.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import TIMEOUT_MAX, Lock
from typing import TypeVar

T = TypeVar("T")


class _Bell:
    """Of one blocked call. `called` means that this call is to return, whatever it finds."""

    __slots__ = ("_lock", "called")

    def __init__(self) -> None:
        self.called = False
        self._lock = Lock()
        self._lock.acquire()

    def ring(self) -> None:
        with suppress(RuntimeError):  # it was rung already and not heard yet
            self._lock.release()

    def hear(self, timeout: float) -> None:
        self._lock.acquire(timeout=max(0.0, min(timeout, TIMEOUT_MAX)))


class Waiters:
    """The blocked calls of one object. No method takes a lock that another one holds, so all are safe anywhere."""

    def __init__(self) -> None:
        self._bells: set[_Bell] = set()
        self._wakes: deque[None] = deque(maxlen=1)
        self._closed = False

    def wait(self, look: Callable[[], list[T]], pause: Callable[[], float], timeout: float | None) -> list[T]:
        """What `look` finds. Until it finds something it is called again after each `ring` and after `pause()`
        seconds. Empty when `timeout` seconds are up (None: never), after `wake` and after `close`."""
        if timeout is not None and timeout <= 0:
            return look()
        until = None if timeout is None else time.monotonic() + timeout
        bell = _Bell()
        self._bells.add(bell)
        try:
            while True:
                found = look()
                left = TIMEOUT_MAX if until is None else until - time.monotonic()
                if found or bell.called or left <= 0 or self._closed or self._take_wake():
                    return found
                bell.hear(min(left, pause()))
        finally:
            self._bells.discard(bell)

    def _take_wake(self) -> bool:
        try:
            self._wakes.pop()
        except IndexError:
            return False
        return True

    def ring(self) -> None:
        """Make all blocked calls look again."""
        for bell in tuple(self._bells):
            bell.ring()

    def wake(self) -> None:
        """Make one blocked call return, or the next one if none is blocked."""
        for bell in tuple(self._bells):
            if not bell.called:
                bell.called = True
                bell.ring()
                return
        self._wakes.append(None)
        self.ring()  # one that began to wait just now has looked for the wake before it was there

    def close(self) -> None:
        """Make all blocked calls return, and those to come when they find nothing."""
        self._closed = True
        self.ring()
