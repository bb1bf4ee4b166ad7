"""A RabbitMQ server of the tests' own: its own ports and folder, killed and started again as a test likes.

Each test gets a virtual host of its own. The management plugin is there to look behind the scenes; no driver needs it.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from servers.ports import free_port
from servers.standstill import stand_still

PATIENCE = 60.0
"""Seconds; a start takes five, and more on a busy machine."""
PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"
_numbers = count(1)


def require() -> None:
    """Without the server the test is skipped, but on CI it fails: there nothing may go unproved."""
    if Path(PROGRAM).exists() and shutil.which("epmd"):
        return
    missing = "RabbitMQ is not installed; Debian's package is rabbitmq-server"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


class RabbitServer:
    """Started when made. `configuration` are lines of rabbitmq.conf."""

    def __init__(self, folder: Path, *configuration: str) -> None:
        require()
        self.folder = folder
        self.port, self.management, self._distribution, self._epmd_port = (free_port() for _ in range(4))
        lines = (
            f"listeners.tcp.1 = 127.0.0.1:{self.port}",
            "management.tcp.ip = 127.0.0.1",
            f"management.tcp.port = {self.management}",
            "loopback_users = none",
            "disk_free_limit.absolute = 50MB",
            "log.file = false",
            "log.console = true",
            "log.console.level = warning",
            *configuration,
        )
        (folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n")
        (folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
        erlang = f"-setcookie c{self.port} -kernel inet_dist_use_interface {{127,0,0,1}}"
        quiet = "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
        self._environment = {
            **os.environ,
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"t{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{erlang} {quiet}",
        }
        self._epmd = subprocess.Popen(["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"])
        self.start()

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> None:
        with (self.folder / "rabbitmq.log").open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM], env=self._environment, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
            )
        end = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "rabbitmq.log").read_text()
            assert time.monotonic() < end, f"RabbitMQ did not answer within {PATIENCE:g} s"
            time.sleep(0.05)

    def _answers(self) -> bool:
        """Whether it takes connections and reports of itself; its port is open earlier than that."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1.0) as sock:
                sock.sendall(b"AMQP\x00\x00\x09\x01")
                started = sock.recv(1) == b"\x01"
            self.api("GET", "/overview")
        except (OSError, http.client.HTTPException, AssertionError):
            return False
        return started

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the management plugin; the path without ``/api``."""
        connection = http.client.HTTPConnection("127.0.0.1", self.management, timeout=10)
        try:
            headers = {"Authorization": "Basic " + b64encode(b"guest:guest").decode()}
            text = None if body is None else json.dumps(body)
            connection.request(method, "/api" + path, text, {**headers, "Content-Type": "application/json"})
            reply = connection.getresponse()
            data = reply.read()
            assert reply.status < 300, (method, path, reply.status, data)
            return json.loads(data) if data else None
        finally:
            connection.close()

    def new_vhost(self) -> str:
        """The URL of a fresh virtual host."""
        name = f"v{next(_numbers)}"
        self.api("PUT", f"/vhosts/{name}")
        rights = {"configure": ".*", "write": ".*", "read": ".*"}
        self.api("PUT", f"/permissions/{name}/guest", rights)
        return f"amqp://guest:guest@127.0.0.1:{self.port}/{name}"

    def queues(self, url: str) -> dict[str, Any]:
        """What the server says of each queue of that URL's virtual host."""
        vhost = quote(url.rpartition("/")[2] or "/", safe="")
        return {each["name"]: each for each in self.api("GET", f"/queues/{vhost}")}

    def cut(self) -> None:
        """Close all connections."""
        for each in self.api("GET", "/connections"):
            with suppress(AssertionError):
                self.api("DELETE", "/connections/" + quote(each["name"], safe=""))

    def ctl(self, *words: str) -> str:
        """Run ``rabbitmqctl``."""
        node = ("-n", f"t{self.port}@localhost", "--erlang-cookie", f"c{self.port}")
        program = "/usr/lib/rabbitmq/bin/rabbitmqctl"
        done = subprocess.run(
            [program, *node, *words], env=self._environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self.process.wait()

    def pause(self) -> None:
        stand_still(self.process.pid)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        self._signal(signal.SIGCONT)
        self.kill()
        self._epmd.kill()
        self._epmd.wait()


@pytest.fixture(scope="session")
def shared_rabbitmq() -> Iterator[RabbitServer]:
    """One for all tests that do it no harm."""
    with tempfile.TemporaryDirectory(prefix="celeriac-rabbitmq-") as folder:
        server = RabbitServer(Path(folder))
        yield server
        server.stop()


@pytest.fixture
def rabbitmq_url(shared_rabbitmq: RabbitServer) -> str:
    """A virtual host of the shared one, for one test."""
    return shared_rabbitmq.new_vhost()


@pytest.fixture
def own_rabbitmq() -> Iterator[RabbitServer]:
    """One for a single test, that it may kill."""
    with tempfile.TemporaryDirectory(prefix="celeriac-rabbitmq-") as folder:
        server = RabbitServer(Path(folder))
        yield server
        server.stop()
