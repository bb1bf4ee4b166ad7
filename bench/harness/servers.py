"""The private servers of a run, started when first needed, and a clean place on them for each measurement."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

_TESTS = str(Path(__file__).resolve().parents[2] / "tests")
_RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"

if TYPE_CHECKING:
    from servers.rabbitmq_server import RabbitServer
    from servers.redis_server import RedisServer


@dataclass(frozen=True)
class Place:
    """Empty, and nobody else's. `server` is the process of the broker's server."""

    redis: str = ""
    rabbitmq: str = ""
    server: int = 0


def missing(broker: str) -> str:
    """Which program that broker lacks on this machine, and its package; empty when all is there."""
    if broker in ("redis", "rabbitmq") and not shutil.which("redis-server"):
        return "redis-server is not installed (Debian's package: redis-server)"
    if broker == "rabbitmq" and not (Path(_RABBITMQ).exists() and shutil.which("epmd")):
        return "RabbitMQ is not installed (Debian's package: rabbitmq-server)"
    return ""


class Servers:
    """Those of the tests: on ports and in folders of their own, with nothing kept in Redis."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._last = ""

    def fresh(self, broker: str) -> Place:
        """A place for one measurement on that broker; the one before is gone."""
        if broker not in ("redis", "rabbitmq"):
            return Place()
        with self._redis.client() as client:
            client.flushall()
        if broker == "redis":
            return Place(self._redis.url, server=self._redis.process.pid)
        if self._last:
            self._rabbitmq.api("DELETE", f"/vhosts/{self._last}")
        url = self._rabbitmq.new_vhost()
        self._last = url.rpartition("/")[2]
        return Place(self._redis.url, url, self._rabbitmq.process.pid)

    def versions(self) -> dict[str, str]:
        """Of those that were started."""
        found = {}
        if "_redis" in vars(self):
            with self._redis.client() as client:
                found["Redis"] = str(client.info("server")["redis_version"])
        if "_rabbitmq" in vars(self):
            found["RabbitMQ"] = str(self._rabbitmq.api("GET", "/overview")["rabbitmq_version"])
        return found

    @cached_property
    def _redis(self) -> RedisServer:
        from servers.redis_server import RedisServer

        server = RedisServer(self._folder("redis"))
        self._stack.callback(server.stop)
        return server

    @cached_property
    def _rabbitmq(self) -> RabbitServer:
        from servers.rabbitmq_server import RabbitServer

        server = RabbitServer(self._folder("rabbitmq"))
        self._stack.callback(server.stop)
        return server

    def _folder(self, name: str) -> Path:
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix=f"bench-{name}-")))


@contextmanager
def running() -> Iterator[Servers]:
    """Servers that are stopped in the end."""
    sys.path.append(_TESTS)
    with ExitStack() as stack:
        yield Servers(stack)
