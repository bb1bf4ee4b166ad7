"""Doorbells and liveness for the processes that share a database file, in a folder beside it.

SQLite cannot tell a process that another one has committed. So every peer that wants to sleep takes a seat: the lowest
number whose file ``slot-<n>`` it can lock, where it writes its name, and a socket ``bell-<n>``. One shared page,
``bells``, says of each seat whether its peer is awake, or sleeps and what for. Who has committed looks there, which
costs a tenth of a microsecond when nobody sleeps, and sends a byte to those whom it concerns.

The order makes it safe: a sleeper first shows that it sleeps and then looks at the store a last time; who commits does
so before it looks for sleepers. A ring clears the mark before it is sent, so a burst of commits rings each bell once.
Bells are hints all the same: a ring is lost when its sender is killed at that moment, so nobody sleeps long on them.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections import Counter
from collections.abc import Iterable
from stat import S_IMODE
from weakref import finalize

from .board_room import Room
from .board_seat import Seat
from .forks import tell_of_forks

MESSAGES, RESULTS, BROADCASTS = 1, 2, 3
"""What a peer sleeps for."""


class Board:
    """The board of the file `database`, as one driver object of one process sees it.

    Where the folder cannot be used at all, or the system has no such sockets or locks, its seats have no bell (their
    peers look every 20 ms) or no lock (what a dead peer held waits for its lease).
    """

    def __init__(self, database: str) -> None:
        self._database = database
        self._folder = f"{database}-board"
        self._closed = False
        self._start_afresh()
        tell_of_forks(self)

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._room: Room | None = None
        self._seats: list[Seat] = []
        self._free: list[Seat] = []
        self._name = ""
        self._names: set[str] = set()
        self._held_for_fork = False
        self._rooms: list[Room] = []
        self._finalizer = finalize(self, _clear_out, os.getpid(), self._seats, self._rooms)

    # ringing

    def ring(self, kind: int, subjects: Iterable[str]) -> None:
        """Wake those who sleep for this kind and for one of the subjects, or for any. Of those who wait for messages
        in one queue only, as many as the queue is named."""
        if self._closed:
            return
        room = self._room or self._enter()
        asleep = room.asleep()
        number = asleep.find(kind)
        if number < 0:
            return
        wanted = Counter(map(subject_of, subjects))
        while number >= 0:
            subject = room.subject(number)
            if (not subject or wanted[subject] > 0) and room.ring(number) and subject and kind == MESSAGES:
                wanted[subject] -= 1
            number = asleep.find(kind, number + 1)

    # seats

    def seat(self) -> Seat:
        """A seat for the calling thread; hand it back with `give_back`."""
        with self._lock:
            if self._free:
                return self._free.pop()
        seat = (self._room or self._enter()).sit()
        with self._lock:
            self._seats.append(seat)
            self._names.add(seat.name)
        return seat

    def give_back(self, seat: Seat) -> None:
        with self._lock:
            if seat not in self._seats:  # of before a fork
                return
            self._free.append(seat)
        if self._closed:
            self._empty()

    def call(self, seat: Seat) -> None:
        """Make this sleeper return. Safe in a signal handler: it takes no lock."""
        seat.called = True
        room = self._room
        if room is not None:
            room.call(seat.number)

    @property
    def name(self) -> str:
        """By which `is_gone` knows this peer, until it closes the board."""
        if not self._name:
            seat = self.seat()
            self._name = seat.name
            self.give_back(seat)
        return self._name

    @property
    def has_name(self) -> bool:
        return bool(self._name)

    def is_gone(self, name: str) -> bool:
        """Whether the peer of this name has certainly ended."""
        return name not in self._names and (self._room or self._enter()).is_gone(name)

    # life

    def _enter(self) -> Room:
        with self._lock:
            if self._room is None:
                self._room = Room(self._folder, _mode_of(self._database))
                self._rooms.append(self._room)
            return self._room

    def close(self) -> None:
        """Leave all seats; one that is slept on now is left when it is given back."""
        self._closed = True
        self._empty()

    def _empty(self) -> None:
        with self._lock:
            while self._free:
                seat = self._free.pop()
                self._seats.remove(seat)
                seat.leave()
            if not self._seats and self._room is not None:
                self._room = None
                self._rooms.pop().close()

    def before_fork(self) -> None:
        self._held_for_fork = self._lock.acquire(timeout=1.0)

    def after_fork(self, *, child: bool) -> None:
        if not child:
            if self._held_for_fork:
                self._lock.release()
            return
        self._finalizer.detach()
        _clear_out(0, self._seats, self._rooms)
        self._start_afresh()


def subject_of(text: str) -> int:
    """What a mark says of the only queue, task or topic that a sleeper waits for; 0 is kept for "any"."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass")) or 1


def _mode_of(database: str) -> int:
    try:
        return S_IMODE(os.stat(database).st_mode) & 0o666  # noqa: PTH116
    except OSError:
        return 0o600


def _clear_out(owner: int, seats: list[Seat], rooms: list[Room]) -> None:
    """What becomes of a board that was collected, was still open when the interpreter ended, or came by a fork."""
    for seat in seats:
        if os.getpid() == owner:
            seat.leave()
        else:
            seat.disinherit()
    for room in rooms:
        room.close()
