"""Waiting for results: one subscribed connection for all who wait, read by one of them.

Each who waits subscribes to the keys of its results and asks for their values in the same write, so that nothing can
come in between. Whoever finds nobody reading reads for all, and hands that over when it leaves: so a lone waiter is
woken by the server itself, with no thread in between. A connection without subscriptions is left open for the next one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from threading import Lock
from typing import Any

from hiredis import HiredisError, ReplyError

from celeriac_plugins._shared.doorbell import Doorbell
from celeriac_plugins._shared.forks import tell_of_forks
from celeriac_plugins._shared.redis_dial import dial
from celeriac_plugins._shared.redis_errors import Faces
from celeriac_plugins._shared.redis_line import PATIENCE
from celeriac_plugins._shared.redis_link import Command, Link, readable
from celeriac_plugins._shared.redis_place import Place

from . import document

_SILENCE = 30.0
"""Seconds without a word after which the values are asked for again: the connection may be dead."""


class _Waiter:
    """One who waits, for `names`."""

    def __init__(self, bell: Doorbell) -> None:
        self.bell = bell
        self.names: Collection[str] = ()
        self.found: dict[str, bytes] = {}
        self.called = False
        self.link: Link | None = None
        """The connection on which it has subscribed."""


class Watch:
    """Those who wait through one backend object."""

    def __init__(self, place: Place, faces: Faces) -> None:
        self._place = place
        self._faces = faces
        self._start_afresh()
        tell_of_forks(self)

    def _start_afresh(self) -> None:
        self._lock = Lock()
        """Over all that follows; nobody blocks under it but to connect and to write."""
        self._link: Link | None = None
        self._reader: _Waiter | None = None
        self._waiting: dict[str, set[_Waiter]] = {}
        self._asked: deque[_Waiter] = deque()
        """Whose values the next replies bring, in their order."""
        self._waiters: set[_Waiter] = set()
        self._bells: deque[Doorbell] = deque()
        self._wakes: deque[None] = deque(maxlen=1)
        self._closed = False

    def wait(self, names: Collection[str], timeout: float | None) -> dict[str, bytes]:
        """The values of those names that are ready, as soon as there is one; empty when the time is up or when woken.

        Raises:
            faces.down: the server cannot be reached.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        waiter = self._arrive(names)
        try:
            while True:
                left = _SILENCE if deadline is None else deadline - time.monotonic()
                if waiter.found or waiter.called or left <= 0 or self._closed:
                    return waiter.found
                self._step(waiter, min(left, _SILENCE))
        except (self._faces.down, self._faces.damaged):
            raise  # from connecting
        except (OSError, HiredisError) as error:
            self._lose(waiter.link)
            raise self._faces.of(error, self._place.shown) from error
        except BaseException:
            if self._reader is waiter:
                self._lose(waiter.link)
            raise
        finally:
            self._leave(waiter)

    def _arrive(self, names: Collection[str]) -> _Waiter:
        try:
            bell = self._bells.pop()
        except IndexError:
            bell = Doorbell()
        waiter = _Waiter(bell)
        waiter.names = names
        with self._lock:
            self._waiters.add(waiter)
        return waiter

    def _step(self, waiter: _Waiter, seconds: float) -> None:
        """Subscribe if need be; then wait for the socket, or for the one who reads it."""
        with self._lock:
            if waiter.link is None or waiter.link is not self._link:
                self._subscribe(waiter)
            if self._reader is None:
                self._reader = waiter
            link = self._link if self._reader is waiter else None
        if link is None:
            readable((waiter.bell,), seconds)
        elif not link.has_more:
            readable((link, waiter.bell), seconds)
        waiter.bell.still()
        if link is None:
            return
        with self._lock:
            if link is self._link:
                for reply in link.listen():
                    self._take_values(reply)
                for push in link.take_pushes():
                    self._take_push(push)
                self._check_life(waiter, link)

    def _check_life(self, waiter: _Waiter, link: Link) -> None:
        silent = time.monotonic() - link.used
        if silent > _SILENCE + PATIENCE and self._asked:
            raise TimeoutError("it did not answer in time")
        if silent > _SILENCE and not self._asked:
            self._ask(waiter, link)

    # talking; under the lock

    def _subscribe(self, waiter: _Waiter) -> None:
        if self._closed:
            raise self._faces.down(f"{self._place.shown} was closed by this process; make a new object")
        if self._link is not None and not self._asked and self._reader is None and self._link.has_ended():
            self._link.close()
            self._link = None
        if self._link is None:
            self._asked.clear()
            self._waiting.clear()
            self._link = dial(self._place, time.monotonic() + PATIENCE, self._faces)
        link = waiter.link = self._link
        new = [name for name in waiter.names if name not in self._waiting]
        for name in waiter.names:
            self._waiting.setdefault(name, set()).add(waiter)
        self._ask(waiter, link, *([("SUBSCRIBE", *new)] if new else ()))

    def _ask(self, waiter: _Waiter, link: Link, *before: Command) -> None:
        link.send([*before, ("MGET", *waiter.names)], time.monotonic() + PATIENCE)
        self._asked.append(waiter)

    def _take_values(self, reply: Any) -> None:
        if isinstance(reply, ReplyError):
            raise reply
        waiter = self._asked.popleft()
        for name, value in zip(waiter.names, reply, strict=True):
            if value is not None and document.is_ready(value):
                waiter.found[name] = value
        if waiter.found:
            waiter.bell.ring()

    def _take_push(self, push: list[Any]) -> None:
        if push[0] != b"message":
            return
        name = push[1].decode()
        if name in self._waiting and document.is_ready(push[2]):
            for waiter in self._waiting[name]:
                waiter.found[name] = push[2]
                waiter.bell.ring()

    def _leave(self, waiter: _Waiter) -> None:
        with self._lock:
            self._waiters.discard(waiter)
            left: list[str] = []
            for name in waiter.names:
                others = self._waiting.get(name)
                if others is not None:
                    others.discard(waiter)
                    if not others:
                        del self._waiting[name]
                        left.append(name)
            if left and waiter.link is not None and waiter.link is self._link:
                with suppress(OSError):  # the next one to use it will see
                    self._link.send([("UNSUBSCRIBE", *left)], time.monotonic() + PATIENCE)
            if self._reader is waiter:
                self._reader = None
            if self._reader is None:  # also after one that was called to it and left instead
                for other in self._waiters:
                    other.bell.ring()
                    break
            if self._closed:
                waiter.bell.close()
            else:
                waiter.bell.still()
                self._bells.append(waiter.bell)

    def _lose(self, link: Link | None) -> None:
        """Forget a broken connection; the others subscribe anew."""
        with self._lock:
            if link is not None and link is self._link:
                link.close()
                self._link = None
                self._asked.clear()
                self._waiting.clear()
                for waiter in self._waiters:
                    waiter.bell.ring()

    # ending waits

    def wake_all(self) -> None:
        """Make every wait return, or the next one when there is none."""
        with self._lock:
            waiters = list(self._waiters)
            for waiter in waiters:
                waiter.called = True
                waiter.bell.ring()
            if not waiters:
                self._wakes.append(None)

    def take_wake(self) -> bool:
        """Whether there was a wake that found nobody; it counts as used."""
        try:
            self._wakes.pop()
        except IndexError:
            return False
        return True

    def close(self) -> None:
        """Waits return, and later ones are refused."""
        self._closed = True
        self.wake_all()
        with self._lock:
            if self._link is not None:
                self._link.close()
                self._link = None
            while self._bells:
                self._bells.pop().close()

    def before_fork(self) -> None:
        """Nothing to let go of: a socket that a child inherits and drops is no less open in its parent."""

    def after_fork(self, *, child: bool) -> None:
        if child:
            if self._link is not None:
                self._link.close()
            for bell in (*self._bells, *(waiter.bell for waiter in self._waiters)):
                bell.close()
            self._start_afresh()
