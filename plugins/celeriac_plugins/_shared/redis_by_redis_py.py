"""Connections that redis-py sets up: with TLS, by way of Sentinels, to a node of a cluster."""

from __future__ import annotations

from typing import Any

from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import RedisError
from redis.retry import Retry

from .redis_link import Link
from .redis_place import Place

_KINDS: dict[str, type[Any]] = {"tcp": Connection, "tls": SSLConnection, "unix": UnixDomainSocketConnection}


def connect(place: Place, timeout: float) -> Link:
    """A connection that has logged in.

    Raises:
        OSError: there is none within the timeout.
    """
    own = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    kind = _KINDS[place.kind]
    try:
        connection: Any = kind(**place.route.find(kind, {**place.arguments, **own}))
        connection.connect()
    except RedisError as error:
        raise ConnectionError(str(error)) from error
    link = Link(connection._sock)  # noqa: SLF001 (kombu's transport takes it from there as well)
    connection._sock = None  # noqa: SLF001 (so that it does not close what is ours by now)
    return link
