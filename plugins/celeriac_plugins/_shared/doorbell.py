"""What ends a wait for a socket from outside: from another thread, or from a signal handler."""

from __future__ import annotations

import socket
from contextlib import suppress


class Doorbell:
    """Readable once it was rung, until it is stilled."""

    __slots__ = ("_in", "_out")

    def __init__(self) -> None:
        self._in, self._out = socket.socketpair()
        self._in.setblocking(False)
        self._out.setblocking(False)

    def fileno(self) -> int:
        return self._in.fileno()

    def ring(self) -> None:
        """Takes no lock, so it is safe anywhere."""
        with suppress(OSError):  # full, so it is rung; or closed
            self._out.send(b"\0")

    def still(self) -> None:
        with suppress(OSError):
            while len(self._in.recv(4096)) == 4096:
                pass

    def close(self) -> None:
        self._in.close()
        self._out.close()
