"""The connection on which one driver object gives its orders: one for all its threads, who take turns."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from hiredis import HiredisError, ReplyError

from .forks import tell_of_forks
from .redis_dial import dial
from .redis_errors import Faces
from .redis_link import Command, Link, Script
from .redis_place import Place

PATIENCE = 5.0
"""Seconds within which the server must answer where the caller has no deadline of its own."""

_IDLE = 0.01
"""Seconds after which it is worth a look whether the server has closed the connection."""


class Line:
    """Connects at first use, and again at the first use after the connection was lost."""

    def __init__(self, place: Place, faces: Faces) -> None:
        self.place = place
        self.faces = faces
        self.connections = 0
        """How many there have been."""
        self._start_afresh()
        tell_of_forks(self)

    def _start_afresh(self) -> None:
        self._turn = threading.Lock()
        self._link: Link | None = None
        self._closed = False

    def call(self, commands: Sequence[Command], timeout: float = PATIENCE) -> list[Any]:
        """The replies to the commands, which leave in one write.

        Raises:
            faces.down: not done within `timeout` seconds. faces.damaged: a key is not what it should be.
        """
        replies: list[Any] = self._use(lambda link, deadline: link.call(commands, deadline), timeout)
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise self.faces.of(reply, self.place.shown) from reply
        return replies

    def run(
        self,
        script: Script,
        keys: Sequence[str | bytes],
        arguments: Sequence[Any],
        timeout: float = PATIENCE,
        after: Sequence[Command] = (),
    ) -> Any:
        """What the script returns; errors as in `call`. Commands to run `after` it may fail unnoticed."""

        def work(link: Link, deadline: float) -> Any:
            result = link.run(script, keys, arguments, deadline)
            if after:
                link.call(after, deadline)
            return result

        return self._use(work, timeout)

    def _use(self, work: Any, timeout: float) -> Any:
        deadline = time.monotonic() + timeout
        turn = self._turn
        if not turn.acquire(timeout=max(timeout, 0)):
            raise self.faces.down(f"{self.place.shown} is busy with other threads; waited {timeout:g} s for them")
        link = None
        try:
            link = self._open(deadline)
            result = work(link, deadline)
        except (self.faces.down, self.faces.damaged):
            raise  # from connecting
        except ReplyError as error:
            raise self.faces.of(error, self.place.shown) from error
        except (OSError, HiredisError) as error:
            self._drop(link)
            raise self.faces.of(error, self.place.shown) from error
        except BaseException:  # between a command and its reply
            self._drop(link)
            raise
        finally:
            turn.release()
        return result

    def _open(self, deadline: float) -> Link:
        if self._closed:
            raise self.faces.down(f"{self.place.shown} was closed by this process; make a new object")
        link = self._link
        if link is not None and time.monotonic() - link.used > _IDLE and link.has_ended():
            self._drop(link)
            link = None
        if link is None:
            link = self._link = dial(self.place, deadline, self.faces)
            self.connections += 1
        return link

    def _drop(self, link: Link | None) -> None:
        if link is not None:
            link.close()
            self._link = None

    # ending

    def close(self) -> None:
        """Free the connection; a call that is in progress frees it at its end. A second call does nothing."""
        self._closed = True
        if self._turn.acquire(timeout=PATIENCE):
            try:
                self._drop(self._link)
            finally:
                self._turn.release()

    def before_fork(self) -> None:
        """Nothing to let go of: a socket that a child inherits and drops is no less open in its parent."""

    def after_fork(self, *, child: bool) -> None:
        if child:
            self._drop(self._link)
            self._start_afresh()
