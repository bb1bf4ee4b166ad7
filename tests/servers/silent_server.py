"""Servers that do not serve: one that takes connections and swallows what is said, one that does not even take them."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PATIENCE = 10.0


class BlackHole:
    """Reads and never answers, on a port of its own."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._bell, self._ringer = socket.socketpair()
        self._clients: list[socket.socket] = []
        self._thread = threading.Thread(target=self._swallow)
        self.port: int = self._server.getsockname()[1]
        self.swallowed = 0
        self._thread.start()

    def _swallow(self) -> None:
        while True:
            ready, _, _ = select.select([self._server, self._bell, *self._clients], [], [])
            if self._bell in ready:
                return
            for source in ready:
                if source is self._server:
                    self._clients.append(self._server.accept()[0])
                    continue
                data = b""
                with suppress(OSError):
                    data = source.recv(65536)
                self.swallowed += len(data)
                if not data:
                    self._clients.remove(source)
                    source.close()

    def stop(self) -> None:
        self._ringer.close()
        self._thread.join(PATIENCE)
        for each in (self._server, self._bell, *self._clients):
            each.close()


@contextmanager
def black_hole() -> Iterator[int]:
    """The port of a server that swallows everything."""
    hole = BlackHole()
    try:
        yield hole.port
    finally:
        hole.stop()


@contextmanager
def full_backlog() -> Iterator[int]:
    """The port of a server that is too busy to take connections: the system drops them without a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(server.getsockname())
            waiting.append(client)
        try:
            yield server.getsockname()[1]
        finally:
            for client in waiting:
                client.close()
