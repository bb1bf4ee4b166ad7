"""Connecting within a deadline that covers the look-up of the name, TLS and the password."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

from hiredis import HiredisError
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from .redis_errors import Faces
from .redis_link import Link
from .redis_place import Place

OLDEST = (6, 2)
"""RPOP with a count, and ZRANGE by score."""


class _Dial:
    """One attempt, in a thread of its own: nothing else bounds the system's name look-up. A thread that is given up
    closes what it gets in the end."""

    def __init__(self, place: Place, timeout: float) -> None:
        self._place = place
        self._timeout = timeout
        self._lock = threading.Lock()
        self._given_up = False
        self._link: Link | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="celeriac-redis-dial", daemon=True)

    def wait(self) -> Link:
        self._thread.start()
        self._thread.join(self._timeout)
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._link is not None:
                return self._link
            self._given_up = True
        raise TimeoutError(f"no connection within {self._timeout:.1f} s")

    def _run(self) -> None:
        try:
            link = self._connect()
        except Exception as error:
            with self._lock:
                self._error = error
            return
        with self._lock:
            self._link = link
        if self._given_up:
            link.close()

    def _connect(self) -> Link:
        deadline = time.monotonic() + self._timeout
        connection: Any = self._place.kind(
            **self._place.arguments,
            socket_timeout=self._timeout,
            socket_connect_timeout=self._timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        connection.connect()
        link = Link(connection._sock)  # noqa: SLF001 (kombu's transport takes it from there as well)
        connection._sock = None  # noqa: SLF001 (so that it does not close what is ours by now)
        try:
            (hello,) = link.call([("HELLO", 3)], deadline)
            if not isinstance(hello, dict):
                raise ConnectionError(f"{hello}; Redis {'.'.join(map(str, OLDEST))} or newer is needed")
            _check_version(hello)
        except BaseException:
            link.close()
            raise
        return link


def dial(place: Place, deadline: float, faces: Faces) -> Link:
    """A new connection.

    Raises:
        faces.down: there is none by the deadline (on the monotonic clock).
    """
    timeout = deadline - time.monotonic()
    if timeout <= 0:
        raise faces.down(f"{place.shown}: no time left to connect")
    try:
        return _Dial(place, timeout).wait()
    except (RedisError, HiredisError, OSError) as error:
        raise faces.of(error, place.shown) from error


def _check_version(hello: dict[bytes, Any]) -> None:
    version = hello.get(b"version", b"").decode("ascii", "replace")
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST:
        raise ConnectionError(f"it is Redis {version}; {'.'.join(map(str, OLDEST))} or newer is needed")
