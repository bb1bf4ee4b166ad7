"""Where receives sit: each has a connection of its own, and can be called to return."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from threading import Lock

from celeriac_plugins._shared.doorbell import Doorbell
from celeriac_plugins._shared.redis_link import Link


class Seat:
    """A connection of its own, for one receive at a time, and what is known from the last look through it."""

    def __init__(self) -> None:
        self.bell = Doorbell()
        self.link: Link | None = None
        self.called = False
        """Whether the receive that sits here is to return."""
        self.watched: tuple[str, ...] | None = None
        """The queues whose changes the server is going to tell of."""
        self.is_idle = True
        """Whether the last claim has found less than it asked for."""
        self.look_at = 0.0
        """When, by the transport's clock, to look even without a change."""
        self.ask_at = 0.0
        """When to ask what others hold by then: what they take is no change that we are told of."""
        self.woken = False
        """Whether a change was what ended the last sleep."""
        self.losses = 0
        """How often in a row others were faster then."""
        self.shown: tuple[str, ...] = ()
        """The queues at which we were seen to be, at `shown_at`."""
        self.shown_at = 0.0

    def close(self) -> None:
        if self.link is not None:
            self.link.close()
            self.link = None
        self.watched = None
        self.shown = ()


class Seats:
    """The seats of one transport. They are used again, so there are as many as receives were ever blocked at once."""

    def __init__(self) -> None:
        self._closing = Lock()
        self.closed = False
        self._free: deque[Seat] = deque()
        self._taken: deque[Seat] = deque()
        self._wakes: deque[None] = deque(maxlen=1)

    def take(self) -> Seat:
        try:
            seat = self._free.pop()
        except IndexError:
            seat = Seat()
        seat.called = False
        self._taken.append(seat)
        return seat

    def lend(self) -> Seat:
        """One to send through. Nobody sits there, so nobody can be called to return from it."""
        try:
            return self._free.pop()
        except IndexError:
            return Seat()

    def give_back(self, seat: Seat) -> None:
        with suppress(ValueError):  # woken, or lent
            self._taken.remove(seat)
        self._free.append(seat)
        if self.closed:
            self._close_free()

    def wake(self) -> None:
        """Make one receive return now, or the next one when there is none. Takes no lock: signal handlers call it."""
        while True:
            try:
                seat = self._taken.popleft()
            except IndexError:
                self._wakes.append(None)
                if not self._taken or not self.take_wake():
                    return
                # One came in between, and may have looked for the wake before it was there: that one then.
            else:
                seat.called = True
                seat.bell.ring()
                return

    def take_wake(self) -> bool:
        """Whether there was a wake that found nobody; it counts as used."""
        try:
            self._wakes.pop()
        except IndexError:
            return False
        return True

    def close(self) -> None:
        """Receives return, and their connections are freed."""
        self.closed = True
        for seat in tuple(self._taken):
            seat.bell.ring()
        self._close_free()

    def _close_free(self) -> None:
        with self._closing, suppress(IndexError):
            while True:
                seat = self._free.pop()
                seat.close()
                seat.bell.close()

    def drop(self) -> None:
        """In a forked child: let go of the copies; the parent's stay as they are."""
        for seat in (*self._free, *self._taken):
            seat.close()
            seat.bell.close()
