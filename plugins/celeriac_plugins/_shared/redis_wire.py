"""The connection on which a process gives its orders to a server.

One for all its threads, who take turns, and for all its drivers: the transport and the result backend on one server
share it, also when their databases differ.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable
from typing import TypeVar
from weakref import WeakSet, WeakValueDictionary

from hiredis import ReplyError

from .forks import tell_of_forks
from .redis_dial import dial
from .redis_errors import Faces, has_moved
from .redis_link import Link
from .redis_place import Place

T = TypeVar("T")

_IDLE = 0.01
"""Seconds after which it is worth a look whether the server has closed the connection."""


class Wire:
    """Connects at first use, and again at the first use after the connection was lost."""

    def __init__(self) -> None:
        self.connections = 0
        """How many there have been."""
        self.distrusted = -math.inf
        """When a connection to this server was last found dead (monotonic). What has not been heard since then is not
        worth a wait: its own silence would be noticed only after seconds, one connection after the other."""
        self._users: WeakSet[object] = WeakSet()
        self._start_afresh()
        tell_of_forks(self)

    def _start_afresh(self) -> None:
        self._turn = threading.Lock()
        self._link: Link | None = None
        self._db = 0
        self._proved: set[int] = set()
        """The databases that the server has let us into on this connection."""

    def use(self, place: Place, faces: Faces, work: Callable[[Link, float], T], timeout: float) -> T:
        """What `work` returns, called with the connection and its deadline when it is our turn.

        Raises:
            faces.down: no turn or no connection within `timeout` seconds.
            ReplyError: from `work`. OSError, HiredisError: the connection was lost.
        """
        deadline = time.monotonic() + timeout
        turn = self._turn
        if not turn.acquire(timeout=max(timeout, 0)):
            raise faces.down(f"{place.shown} is busy with other threads; waited {timeout:g} s for them")
        try:
            link = self._open(place, faces, deadline)
            try:
                self._select(link, place.db, deadline)
                return work(link, deadline)
            except ReplyError as error:
                if has_moved(error):
                    self._drop()
                raise
            except BaseException as error:  # lost, or left between a command and its reply
                self._drop()
                if isinstance(error, OSError):
                    self.distrust()
                raise
        finally:
            turn.release()

    def distrust(self) -> None:
        """A connection to this server was found dead. Any thread."""
        self.distrusted = time.monotonic()

    def _open(self, place: Place, faces: Faces, deadline: float) -> Link:
        link = self._link
        if link is not None and (
            link.used < self.distrusted or (time.monotonic() - link.used > _IDLE and link.has_ended())
        ):
            self._drop()
            link = None
        if link is None:
            if not self._users:
                raise faces.down(f"{place.shown} was closed by this process while it waited for its turn")
            link = self._link = dial(place, deadline, faces)
            self._db, self._proved = place.db, {place.db}
            self.connections += 1
        return link

    def _select(self, link: Link, db: int, deadline: float) -> None:
        """Go to that database; the first time the answer is waited for, so that no order can go astray."""
        if db == self._db:
            return
        if db in self._proved:
            link.say(("SELECT", db))
        else:
            (reply,) = link.call([("SELECT", db)], deadline)
            if isinstance(reply, ReplyError):
                raise reply
            self._proved.add(db)
        self._db = db

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    # its users

    def join(self, user: object) -> None:
        self._users.add(user)

    def leave(self, user: object, timeout: float) -> None:
        """The last one to leave frees the connection."""
        self._users.discard(user)
        if not self._users and self._turn.acquire(timeout=timeout):
            try:
                self._drop()
            finally:
                self._turn.release()

    def before_fork(self) -> None:
        """Nothing to let go of: a socket that a child inherits and drops is no less open in its parent."""

    def after_fork(self, *, child: bool) -> None:
        if child:
            self._drop()
            self._start_afresh()


class _Wires:
    """The wires of this process, for as long as they have users."""

    def __init__(self) -> None:
        self._start_afresh()
        self._told = False

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._wires: WeakValueDictionary[Hashable, Wire] = WeakValueDictionary()

    def to(self, place: Place, user: object) -> Wire:
        if not self._told:
            self._told = True
            tell_of_forks(self)
        with self._lock:
            wire = self._wires.get(place.server)
            if wire is None:
                wire = self._wires[place.server] = Wire()
            wire.join(user)
            return wire

    def before_fork(self) -> None:
        """Nothing to let go of."""

    def after_fork(self, *, child: bool) -> None:
        if child:
            self._start_afresh()


_wires = _Wires()
"""The one registry of its kind: the transport and the backend are made apart and know nothing of each other."""


def wire_to(place: Place, user: object) -> Wire:
    """The wire to that server, shared by all its users; each has to `leave` it."""
    return _wires.to(place, user)
