"""A Redis server of the tests' own: its own port and folder, nothing kept, killed and started again as a test likes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from servers.ports import free_port
from servers.standstill import stand_still

PATIENCE = 10.0


def binary() -> str:
    """The server's program. Without it the test is skipped, but on CI it fails: there nothing may go unproved."""
    found = shutil.which("redis-server")
    if found:
        return found
    missing = "redis-server is not installed; Debian's package is redis-server"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


class RedisServer:
    """Started when made. `options` are those of redis-server."""

    def __init__(self, folder: Path, *options: str, keep: bool = False, tls: bool = False) -> None:
        self.folder = folder
        self.port = free_port()
        self.socket = str(folder / "redis.sock")
        self._command = [binary(), *(("--port", "0", "--tls-port") if tls else ("--port",)), str(self.port)]
        self._command += ["--bind", "127.0.0.1", "--dir", str(folder), "--unixsocket", self.socket, "--save", ""]
        self._command += ["--appendonly", "yes" if keep else "no", "--appendfsync", "always", *options]
        self._tls = tls
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        log = (self.folder / "redis.log").open("ab")
        self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        log.close()
        end = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "redis.log").read_text()
            assert time.monotonic() < end, f"redis-server did not answer within {PATIENCE:g} s"
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.AuthenticationError:
            return True
        except (redis.ConnectionError, OSError):
            return False

    def client(self, **options: Any) -> redis.Redis:
        """redis-py's own client, to look behind the scenes."""
        return redis.Redis(unix_socket_path=self.socket, socket_timeout=PATIENCE, **options)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        stand_still(self.process.pid)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def shared_redis() -> Iterator[RedisServer]:
    """One for all tests of a module that do it no harm."""
    with tempfile.TemporaryDirectory(prefix="celeriac-redis-") as folder:
        server = RedisServer(Path(folder))
        yield server
        server.stop()


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """The shared one, emptied."""
    with shared_redis.client() as client:
        client.flushall()
    return shared_redis


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """One for a single test, that it may kill; what it was told is on its disk."""
    with tempfile.TemporaryDirectory(prefix="celeriac-redis-") as folder:
        server = RedisServer(Path(folder), keep=True)
        yield server
        server.stop()
