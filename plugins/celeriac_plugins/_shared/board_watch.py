"""Blocks callers until a look at the store finds something."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from .board import MESSAGES, Board, subject_of
from .board_seat import Seat

T = TypeVar("T")

LONGEST_SLEEP = 1.0
"""Seconds after which a sleeper looks again unrung: bells are hints."""


class Watch:
    """Those who wait for one kind of thing through one driver object."""

    def __init__(self, board: Board, kind: int) -> None:
        self._board = board
        self._kind = kind
        self._asleep: deque[Seat] = deque()
        self._wakes: deque[None] = deque(maxlen=1)
        self._closed = False

    def wait(self, subjects: Sequence[str], look: Callable[[], tuple[T, float]], timeout: float | None) -> T:
        """What `look` finds first; its last, empty find when the time is up or when woken.

        `look` returns what it found and for how many seconds it is pointless to look again unless rung. `subjects`
        are what the caller waits for.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        subject = subject_of(subjects[0]) if len(subjects) == 1 else 0
        seat = self._board.seat()
        seat.called = False
        self._asleep.append(seat)
        try:
            while True:
                seat.arm(self._kind, subject)
                found, pause = look()
                left = LONGEST_SLEEP if deadline is None else deadline - time.monotonic()
                if found or left <= 0 or seat.called or self._closed or self.take_wake():
                    return found
                seat.sleep(max(min(left, pause, LONGEST_SLEEP), 0.0))
                if self._closed:
                    return found
        finally:
            with suppress(ValueError):  # woken
                self._asleep.remove(seat)
            if seat.rest() and self._kind == MESSAGES:  # rung while leaving: it may have been for another message
                self._board.ring(self._kind, subjects)
            self._board.give_back(seat)

    def wake_one(self) -> None:
        """Make one wait return now, or the next one when there is none. Takes no lock: signal handlers may call it."""
        while not self._call_first():
            self._wakes.append(None)
            if not self._asleep or not self.take_wake():
                return
            # One came in between, and may have looked for the wake before it was there: that one then.

    def wake_all(self) -> None:
        """Make every wait that blocks now return, or the next one when there is none."""
        self.wake_one()
        while self._call_first():
            pass

    def _call_first(self) -> bool:
        try:
            seat = self._asleep.popleft()
        except IndexError:
            return False
        self._board.call(seat)
        return True

    def take_wake(self) -> bool:
        """Whether there was a wake that found nobody; it counts as used."""
        try:
            self._wakes.pop()
        except IndexError:
            return False
        return True

    def close(self) -> None:
        """Waits return, and later ones do not block."""
        self._closed = True
        self.wake_all()
