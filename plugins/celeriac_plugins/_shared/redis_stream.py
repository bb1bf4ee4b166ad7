"""The bytes of a connection to Redis, with TLS or without."""

from __future__ import annotations

import socket
import time
from typing import Any

from .plain_stream import SIZE, PlainStream


class TlsStream:
    """A socket with TLS, whose library counts the time by itself."""

    def __init__(self, sock: Any) -> None:
        import ssl

        self.socket = sock
        self._wants = (BlockingIOError, ssl.SSLWantReadError)

    @property
    def has_more(self) -> bool:
        """Whether bytes are here that the system does not tell of."""
        return bool(self.socket.pending())

    def write(self, data: bytes, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("it did not answer in time")
        self.socket.settimeout(left)
        self.socket.sendall(data)

    def read(self, seconds: float) -> bytes:
        self.socket.settimeout(max(seconds, 0.001))
        data: bytes = self.socket.recv(SIZE)
        return data

    def read_now(self) -> bytes | None:
        self.socket.settimeout(0)
        try:
            data: bytes = self.socket.recv(SIZE)
        except self._wants:
            return None
        return data


class _Plain(PlainStream):
    has_more = False


def stream_of(sock: socket.socket) -> _Plain | TlsStream:
    """The stream for a connected socket."""
    return TlsStream(sock) if hasattr(sock, "pending") else _Plain(sock)
