"""Each measurement in a process and a folder of its own, which are gone afterwards, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import psutil

from harness.client import ANSWER
from harness.measurement import Answer, Question

_BENCH = Path(__file__).resolve().parent.parent
_TAIL = 1500


def ask(question: Question, limit: float, parent: Path | None) -> Answer:
    """The answer of a fresh process, which gets `limit` seconds for everything."""
    with tempfile.TemporaryDirectory(prefix="celeriac-bench-", dir=parent, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        status = _run(json.dumps(asdict(question)), folder, limit)
        if status is not None and (folder / ANSWER).exists():
            answer = Answer(**json.loads((folder / ANSWER).read_text()))
        else:
            end = "was killed" if status is None else f"ended with status {status}"
            answer = Answer(problems=[f"the client {end} (limit {limit:.0f} s)\n{_tail(folder / 'client.log')}"])
    return answer


def _run(question: str, folder: Path, limit: float) -> int | None:
    """The client's exit status; None when it took too long."""
    environment = {**os.environ, "PYTHONPATH": str(_BENCH), "PYTHONDONTWRITEBYTECODE": "", "PYTHONWARNINGS": "ignore"}
    with (folder / "client.log").open("wb") as log:
        client = subprocess.Popen(
            [sys.executable, "-m", "harness.client", question],
            cwd=folder,
            env=environment,
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
