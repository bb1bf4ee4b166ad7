"""An SQS of the tests' own: moto's server, on its own port, with nothing kept."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from servers.ports import free_port
from servers.standstill import stand_still

PATIENCE = 20.0
PACKAGES = {"moto": "moto", "flask": "flask", "flask_cors": "flask-cors", "boto3": "boto3", "pycurl": "pycurl"}
"""The modules that are needed, and what to install for each."""


def needed() -> None:
    """Without them the test is skipped, but on CI it fails: there nothing may go unproved."""
    missing = [package for module, package in PACKAGES.items() if find_spec(module) is None]
    if not missing:
        return
    text = f"SQS needs {', '.join(missing)}: pip install {' '.join(missing)}"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


class SqsServer:
    """Started when made."""

    region = "us-east-1"

    def __init__(self, folder: Path) -> None:
        needed()
        self._log = folder / "sqs.log"
        self.port = free_port()
        self.start()

    @property
    def url(self) -> str:
        """What Celery's users write."""
        return f"sqs://key:secret@127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < end, f"SQS did not answer within {PATIENCE:g} s"
            time.sleep(0.02)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def pause(self) -> None:
        stand_still(self.process.pid)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def own_sqs() -> Iterator[SqsServer]:
    """One for a single test, that it may pause."""
    with tempfile.TemporaryDirectory(prefix="celeriac-sqs-") as folder:
        server = SqsServer(Path(folder))
        yield server
        server.stop()


@pytest.fixture(scope="module")
def sqs_server() -> Iterator[SqsServer]:
    """One for all tests of a module; each takes a prefix for its queues."""
    with tempfile.TemporaryDirectory(prefix="celeriac-sqs-") as folder:
        server = SqsServer(Path(folder))
        yield server
        server.stop()
