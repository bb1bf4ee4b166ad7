"""The bytes of one connection, read and written within a time, with as few system calls as that takes.

Python's own socket time-outs cost two more calls for each read and write (one sets the time, one waits). The system
keeps a time for a socket by itself, and ours hardly changes.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Final

SIZE: Final = 131_072
_SHORT: Final = 0.02
"""Seconds after which a write that the other side does not take looks at its deadline."""


class PlainStream:
    """A socket without TLS."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(None)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(_SHORT))
        self.socket = sock
        self._limit = -1.0

    def write(self, data: bytes, deadline: float) -> None:
        """Raises TimeoutError, OSError."""
        view = memoryview(data)
        while view:
            if time.monotonic() >= deadline:
                raise TimeoutError("it did not answer in time")
            try:
                view = view[self.socket.send(view) :]
            except BlockingIOError:  # for _SHORT
                continue

    def read(self, seconds: float) -> bytes:
        """What there is, as soon as there is something; empty at the end.

        Raises:
            TimeoutError: there was nothing for so long.
        """
        if seconds != self._limit:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(max(seconds, 0.001)))
            self._limit = seconds
        try:
            return self.socket.recv(SIZE)
        except BlockingIOError:
            raise TimeoutError from None

    def read_now(self) -> bytes | None:
        """What there is now; None if there is nothing."""
        try:
            return self.socket.recv(SIZE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None


def _timeval(seconds: float) -> bytes:
    return struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
