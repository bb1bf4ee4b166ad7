"""Connecting within a deadline that covers the look-up of the name, TLS and the password."""

from __future__ import annotations

import re
import time
from functools import partial
from typing import Any

from hiredis import HiredisError, ReplyError

from .attempts import Attempts
from .redis_errors import Faces
from .redis_link import Link
from .redis_place import Place
from .redis_socket import greeting_of, open_socket

OLDEST = (6, 2)
"""RPOP with a count, and ZRANGE by score."""

_PROOF = 1.0
"""Seconds in which a server that is there lets us connect."""


class _Dial:
    """Where to connect, and until when."""

    def __init__(self, place: Place, timeout: float) -> None:
        self._place = place
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout

    def wait(self) -> Link:
        return Attempts(self._connect, "celeriac-redis-dial").first(self._timeout)

    def _connect(self) -> Link:
        deadline = self._deadline
        timeout = max(deadline - time.monotonic(), 0.001)
        place = self._place
        if place.route.is_direct and place.kind != "tls":
            link = Link(open_socket(place.arguments, timeout))
            greeting = greeting_of(place.arguments)
        else:
            from .redis_by_redis_py import connect

            link = connect(place, timeout)
            greeting = [("HELLO", 3)]
        try:
            hello, *others = link.call(greeting, deadline)
            _check_version(hello)
            for reply in others:
                if isinstance(reply, ReplyError):
                    raise reply
            if not place.route.is_direct and hello.get(b"role") != b"master":
                raise ConnectionError("the server that was named is a replica; a failover is on its way")
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
        link = _Dial(place, timeout).wait()
    except (HiredisError, OSError) as error:
        raise faces.of(error, place.shown) from error
    link.answers_elsewhere = partial(_answers, place)
    return link


def _answers(place: Place, timeout: float) -> bool:
    """Whether the server answers on a new connection, within the timeout and soon."""
    try:
        _Dial(place, min(timeout, _PROOF)).wait().close()
    except (HiredisError, OSError):
        return False
    return True


def _check_version(hello: Any) -> None:
    if isinstance(hello, ReplyError) and "unknown command" not in str(hello):
        raise hello
    if not isinstance(hello, dict):
        raise ConnectionError(f"{hello}; Redis {'.'.join(map(str, OLDEST))} or newer is needed")
    version = hello.get(b"version", b"").decode("ascii", "replace")
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST:
        raise ConnectionError(f"it is Redis {version}; {'.'.join(map(str, OLDEST))} or newer is needed")
