"""Sockets to Redis without TLS.

With it, and where Sentinels or a cluster say where to go, redis-py makes them: to import that takes a third of a
worker's start-up and of its memory, which who does without it need not pay.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from .redis_link import Command


def open_socket(arguments: Mapping[str, Any], timeout: float) -> socket.socket:
    """Raises OSError."""
    path = arguments.get("path")
    if path is None:
        sock = socket.create_connection((arguments["host"], arguments["port"]), timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


def greeting_of(arguments: Mapping[str, Any]) -> list[Command]:
    """The commands to begin with: HELLO, with name and password in it, and the choice of the database."""
    hello: tuple[Any, ...] = ("HELLO", 3)
    if arguments["username"] or arguments["password"]:
        hello += ("AUTH", arguments["username"] or "default", arguments["password"] or "")
    if arguments["client_name"]:
        hello += ("SETNAME", arguments["client_name"])
    return [hello, ("SELECT", arguments["db"])] if arguments["db"] else [hello]
