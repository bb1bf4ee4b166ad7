"""Connecting within a deadline that covers the look-up of the name, TLS and the password."""

from __future__ import annotations

import re
import time
from functools import partial
from typing import Any

from hiredis import HiredisError
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from .attempts import Attempts
from .redis_errors import Faces
from .redis_link import Link
from .redis_place import Place

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
        own = {
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
        }
        place = self._place
        connection: Any = place.kind(**place.route.find(place.kind, {**place.arguments, **own}))
        connection.connect()
        link = Link(connection._sock)  # noqa: SLF001 (kombu's transport takes it from there as well)
        connection._sock = None  # noqa: SLF001 (so that it does not close what is ours by now)
        try:
            (hello,) = link.call([("HELLO", 3)], deadline)
            if not isinstance(hello, dict):
                raise ConnectionError(f"{hello}; Redis {'.'.join(map(str, OLDEST))} or newer is needed")
            _check_version(hello)
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
    except (RedisError, HiredisError, OSError) as error:
        raise faces.of(error, place.shown) from error
    link.answers_elsewhere = partial(_answers, place)
    return link


def _answers(place: Place, timeout: float) -> bool:
    """Whether the server answers on a new connection, within the timeout and soon."""
    try:
        _Dial(place, min(timeout, _PROOF)).wait().close()
    except (RedisError, HiredisError, OSError):
        return False
    return True


def _check_version(hello: dict[bytes, Any]) -> None:
    version = hello.get(b"version", b"").decode("ascii", "replace")
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST:
        raise ConnectionError(f"it is Redis {version}; {'.'.join(map(str, OLDEST))} or newer is needed")
