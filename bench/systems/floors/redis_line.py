"""Redis on a bare socket, with hiredis for the bytes: what is left of a client when its command layer is taken away."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import hiredis

_READ = 1 << 18


class RedisLine:
    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname or "localhost", parts.port or 6379))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = hiredis.Reader()

    def write(self, commands: Sequence[tuple[Any, ...]]) -> None:
        self._socket.sendall(b"".join(map(hiredis.pack_command, commands)))

    def read(self, number: int = 1) -> list[Any]:
        """The next so many replies."""
        found: list[Any] = []
        while len(found) < number:
            reply = self._reader.gets()
            if reply is False:
                self._reader.feed(self._socket.recv(_READ))
            elif isinstance(reply, Exception):
                raise reply
            else:
                found.append(reply)
        return found

    def ask(self, *commands: tuple[Any, ...]) -> list[Any]:
        """Send all, then read all replies."""
        self.write(commands)
        return self.read(len(commands))

    def close(self) -> None:
        self._socket.close()
