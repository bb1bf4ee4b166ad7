"""A worker in a process of its own, for tests that kill it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

HERE = Path(__file__).parent


class WorkerProcess:
    """``celeriac -A shop worker`` on the SQLite file in `place`. Its log is `place`/worker.log."""

    def __init__(self, place: Path, *options: str, app: str = "shop", **environment: str) -> None:
        self.log = place / "worker.log"
        self.command = [sys.executable, "-m", "celeriac", "-A", app, "worker", "-l", "info", *options]
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(HERE / "integration"),
            "SHOP_PLACE": str(place),
            "PYTHONDEVMODE": "0",
            **environment,
        }
        self.process: subprocess.Popen[bytes] = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(self.command, stdout=log, stderr=log, env=self.environment, start_new_session=True)

    @property
    def pid(self) -> int:
        return self.process.pid

    def descendants(self) -> list[psutil.Process]:
        """The worker's children and theirs."""
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """SIGKILL, to the worker alone."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Start it again after `kill`."""
        self.process = self._start()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, timeout: float = 30) -> int:
        """SIGTERM, and its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the worker did not stop within {timeout} s; its log:\n{self.text()}") from None

    def text(self) -> str:
        """The log so far."""
        return self.log.read_text(errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.descendants():
            with suppress(psutil.NoSuchProcess):
                child.kill()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def until(condition: Callable[[], object], what: str, timeout: float = 30.0) -> None:
    """Wait until the condition holds; fail, saying `what` was waited for, when it does not in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout} s")
        time.sleep(0.01)
