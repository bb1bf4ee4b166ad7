"""The brokers that are broken, each behind a line that can be broken too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from chaos.proxy import HOST, Proxy
from servers.rabbitmq_server import RabbitServer
from servers.redis_server import RedisServer


class Server(Protocol):
    """A server of a test's own, as tests/servers starts them."""

    port: int

    @property
    def url(self) -> str: ...

    def start(self) -> None:
        """Returns when it answers."""

    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def stop(self) -> None: ...


class Networked:
    """A server, and the proxy through which the clients and workers reach it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.line = Proxy(server.port)

    @property
    def url(self) -> str:
        """The broker behind its line."""
        parts = urlsplit(self.server.url)
        user, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{user}{at}{HOST}:{self.line.port}").geturl()

    @property
    def safe_url(self) -> str:
        """The same, past the line."""
        return self.server.url

    def close(self) -> None:
        self.line.close()
        self.server.stop()


class Embedded:
    """A file: there is no server to kill and no line to cut."""

    def __init__(self, folder: Path) -> None:
        self.url = self.safe_url = f"sqlite://{folder / 'queue.db'}"

    def close(self) -> None:
        """Nothing runs."""


Broker = Networked | Embedded

BROKERS: Mapping[str, Callable[[Path], Broker]] = {
    "redis": lambda folder: Networked(RedisServer(folder, keep=True)),
    "amqp": lambda folder: Networked(RabbitServer(folder)),
    "sqlite": Embedded,
}
"""By name, in a folder of its own; what they confirm is on the disk."""
