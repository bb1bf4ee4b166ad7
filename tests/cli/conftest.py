"""A project in a folder of its own, and ways to run the command line on it."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from celeriac import Celeriac
from celeriac.cli.root import cli

PROJECT = """
import logging
from pathlib import Path

from celeriac import Celeriac, get_task_logger

app = Celeriac("hello", task_unknown_delay=0.05)
app.conf.beat_schedule = {"often": {"task": "hello.mark", "schedule": 0.1}}


@app.task
def add(x: int, y: int) -> int:
    get_task_logger(__name__).warning("adding")
    return x + y


@app.task
def fail(text: str) -> None:
    raise ValueError(text)


@app.task
def mark() -> None:
    Path("marked").touch()


@app.task(ignore_result=True)
def forget() -> None:
    pass
"""

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("CELERIAC_", "CELERY_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder; modules that are imported from it are forgotten."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", str(Path.cwd()))])
    importlib.invalidate_caches()
    yield tmp_path
    for name in set(sys.modules) - before:
        places = [getattr(sys.modules[name], "__file__", None) or "", *getattr(sys.modules[name], "__path__", ())]
        if any(place.startswith(str(tmp_path)) for place in places):
            del sys.modules[name]


@pytest.fixture
def project(folder: Path) -> Path:
    """The current folder, with the module ``hello``."""
    (folder / "hello.py").write_text(PROJECT)
    return folder


@pytest.fixture
def app(project: Path) -> Iterator[Celeriac]:
    """The app that ``-A hello`` finds, on the same embedded file."""
    with Celeriac("hello", broker=f"sqlite://{project}/hello.celeriac.db") as app:
        yield app


@pytest.fixture
def run() -> Run:
    """Run a command line in this process."""

    def run(*arguments: str, **options: Any) -> Result:
        result = CliRunner().invoke(cli, list(arguments), prog_name="celeriac", **options)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def read(run: Run) -> Callable[..., Any]:
    """Run a command line with ``--json``; the document."""

    def read(*arguments: str) -> Any:
        return json.loads(run(*arguments, "--json").stdout)

    return read


def celeriac(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command line in a process of its own."""
    command = [sys.executable, "-m", "celeriac", *arguments]
    environment = {**os.environ, **(env or {})}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)


def _as_in_a_terminal() -> None:
    """Tests may run in the background of a shell, where interrupts are ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Running:
    """A ``celeriac`` that runs until it is stopped, and what it has written on standard error."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "celeriac", *arguments],
            cwd=cwd,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_as_in_a_terminal,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))
        self.process.stderr.close()

    def wait_for(self, text: str) -> str:
        """The first line with this text."""

        def found() -> str | None:
            return next((line for line in self.lines if text in line), None)

        wait_until(lambda: found() is not None or self.process.poll() is not None)
        line = found()
        assert line is not None, "\n".join(self.lines)
        return line

    def stop(self) -> int:
        """Send TERM; the exit status."""
        self.process.terminate()
        return self.end()

    def end(self) -> int:
        """Wait for its end; the exit status."""
        status = self.process.wait(30)
        self._reader.join()
        return status

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.end()


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Look often until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.01)
