"""Results on their way to who has called: lists, named by the address, as kombu's default exchange finds them.

A list that is empty does not exist, for Redis. Ours holds a text that keeps its place (see `scripts.TEND`), so that a
reply finds it, or finds that it has gone. A Celery client's does not, so nobody can tell whether that client lives:
what is put there has an end of life.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import Final
from uuid import uuid4
from weakref import WeakSet

from hiredis import HiredisError, ReplyError

from celeriac.clock import Clock
from celeriac.message import Message
from celeriac.specs.transport import ReplyBox
from celeriac_plugins._shared.doorbell import Doorbell
from celeriac_plugins._shared.forks import tell_of_forks
from celeriac_plugins._shared.redis_dial import dial
from celeriac_plugins._shared.redis_line import PATIENCE, Line
from celeriac_plugins._shared.redis_link import Command, Link, readable

from . import envelope, scripts
from .keys import Keys

REPLIES: Final = "celeriac.reply."
"""Begins the addresses of ours."""
_SILENCE: Final = 60.0
"""Seconds without a word from the server after which the list is looked at again: the connection may be dead."""


class Replies:
    """Sends them, and knows the boxes that listen through it."""

    def __init__(self, line: Line, keys: Keys, clock: Clock) -> None:
        self._line = line
        self._keys = keys
        self._clock = clock
        self._lock = Lock()
        self._boxes: WeakSet[RedisReplyBox] = WeakSet()

    def send(self, batch: Sequence[tuple[str, Message]], life: float) -> None:
        commands: list[Command] = []
        now = envelope.moment(self._clock.time())
        for address, message in batch:
            name = self._keys.prefix + address
            text = envelope.write(message, address, 0, now)
            if address.startswith(REPLIES):
                commands.append(("LPUSHX", name, text))
            else:
                commands += [("LPUSH", name, text), ("EXPIRE", name, math.ceil(life))]
        if commands:
            self._line.call(commands)

    def listen(self, life: float, timeout: float) -> RedisReplyBox:
        box = RedisReplyBox(self._line, self._keys, life, timeout)
        with self._lock:
            self._boxes.add(box)
        return box

    def close(self) -> None:
        with self._lock:
            boxes = list(self._boxes)
        for box in boxes:
            box.close()


class RedisReplyBox(ReplyBox):
    """Needs no connection of its own before someone waits; then the server tells when the list changes."""

    def __init__(self, line: Line, keys: Keys, life: float, timeout: float) -> None:
        self._line = line
        self._life = math.ceil(life)
        self.address = f"{REPLIES}{uuid4()}"
        self._list = keys.prefix + self.address
        self._bell = Doorbell()
        self._reading = Lock()
        self._called = False
        self._closed = False
        self._link: Link | None = None
        tell_of_forks(self)
        try:
            self._tended(self._line.run(scripts.TEND, [self._list], [self._life], timeout))
        except BaseException:
            self._bell.close()
            raise

    def receive(self, timeout: float | None) -> list[Message]:
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._reading:
            if self._closed:
                return []
            if timeout is not None and timeout <= 0:
                return self._tended(self._line.run(scripts.TEND, [self._list], [self._life]))
            try:
                return self._wait(deadline)
            except (OSError, HiredisError) as error:
                self._drop()
                if isinstance(error, (self._line.faces.down, self._line.faces.damaged)):
                    raise  # from connecting
                raise self._line.faces.of(error, self._line.place.shown) from error
            except BaseException:
                self._drop()
                raise

    def _wait(self, deadline: float | None) -> list[Message]:
        while not self._closed:
            link = self._link
            if link is None:
                link = self._link = self._dial()
            found = self._look(link)
            left = _SILENCE if deadline is None else deadline - time.monotonic()
            if found or left <= 0 or self._called:
                self._called = False
                return found
            if not link.has_more:
                readable((link, self._bell), min(left, _SILENCE, self._life / 3))
            self._bell.still()
        return []

    def _dial(self) -> Link:
        deadline = time.monotonic() + PATIENCE
        link = dial(self._line.place, deadline, self._line.faces)
        try:
            (reply,) = link.call([("CLIENT", "TRACKING", "ON", "OPTIN", "NOLOOP")], deadline)
            if isinstance(reply, ReplyError):
                raise reply
        except BaseException:
            link.close()
            raise
        return link

    def _look(self, link: Link) -> list[Message]:
        """What is in the list; when that is nothing, the server will tell of what comes."""
        deadline = time.monotonic() + PATIENCE
        while True:
            link.listen()
            link.take_pushes()
            _, length = link.call([("CLIENT", "CACHING", "YES"), ("LLEN", self._list)], deadline)
            if isinstance(length, ReplyError):
                raise length
            if length == 1 and time.monotonic() < self._due:
                return []
            found = self._tended(link.run(scripts.TEND, [self._list], [self._life], deadline))
            if found:
                return found

    def _tended(self, texts: Sequence[bytes]) -> list[Message]:
        """The list was emptied, and its life has begun anew."""
        self._due = time.monotonic() + self._life / 3
        return [envelope.read(text)[0] for text in reversed(texts)]

    # ending

    def wake(self) -> None:
        self._called = True
        self._bell.ring()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._bell.ring()
        with self._reading:
            self._drop()
            self._bell.close()
        with suppress(self._line.faces.down, self._line.faces.damaged):
            self._line.call([("DEL", self._list)])

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def before_fork(self) -> None:
        """Nothing to let go of: a socket that a child inherits and drops is no less open in its parent."""

    def after_fork(self, *, child: bool) -> None:
        if child:
            self._drop()
            self._bell.close()
            self._closed = True
            self._reading = Lock()
