"""Each measurement in a process and a folder of its own, which are gone afterwards, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import psutil

from environments import python_of
from harness.client import ANSWER
from harness.measurement import Answer, Question
from harness.servers import Servers
from systems.setup import Setup
from systems.system import Entry

_BENCH = Path(__file__).resolve().parent.parent
_TAIL = 1500


class Isolation:
    """`parent` is where the folders go; the temporary folder if None."""

    def __init__(self, servers: Servers, parent: Path | None) -> None:
        self._servers = servers
        self._parent = parent

    def ask(self, entry: Entry, question: Question, limit: float) -> Answer:
        """The answer of a fresh process, which gets `limit` seconds for everything."""
        interpreter = python_of(entry.environment)
        with tempfile.TemporaryDirectory(prefix="bench-", dir=self._parent, ignore_cleanup_errors=True) as name:
            folder = Path(name)
            place = self._servers.fresh(entry.broker)
            setup = Setup(
                folder, entry.broker, question.results, entry.options, place.redis, place.rabbitmq, place.server
            )
            status = _run(interpreter, question, setup, limit)
            if status is not None and (folder / ANSWER).exists():
                return Answer(**json.loads((folder / ANSWER).read_text()))
            end = "was killed" if status is None else f"ended with status {status}"
            return Answer(problems=[f"the client {end} (limit {limit:.0f} s)\n{_tail(folder / 'client.log')}"])


def _run(interpreter: Path, question: Question, setup: Setup, limit: float) -> int | None:
    """The client's exit status; None when it took too long."""
    quiet = {"PYTHONPATH": str(_BENCH), "PYTHONDONTWRITEBYTECODE": "", "PYTHONWARNINGS": "ignore"}
    with (setup.folder / "client.log").open("wb") as log:
        client = subprocess.Popen(
            [str(interpreter), "-m", "harness.client", json.dumps(asdict(question))],
            cwd=setup.folder,
            env={**os.environ, **quiet, **setup.environment()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            return client.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(client)


def _end(client: subprocess.Popen[bytes]) -> None:
    """End the client and every process of its session: none of them has another parent to look after it."""
    left = _session(client.pid)
    for process in left:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(left, timeout=5)
    client.wait()


def _session(leader: int) -> Sequence[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader:
                found.append(process)
        except OSError:
            continue
    return found


def _tail(path: Path) -> str:
    return path.read_text(errors="replace")[-_TAIL:].strip() or "(it printed nothing)"
