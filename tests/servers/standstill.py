"""Stopping a process so that nothing of it goes on."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil

PATIENCE = 10.0


def stand_still(pid: int) -> None:
    """SIGSTOP for a process, and for its children in its group. When it returns, they stand: on a busy machine threads
    that have work may go on for a moment, and answer."""
    process = psutil.Process(pid)
    stopped = [process, *(child for child in process.children(recursive=True) if _group(child.pid) == _group(pid))]
    for each in stopped:
        with suppress(psutil.NoSuchProcess):
            each.send_signal(signal.SIGSTOP)
    end = time.monotonic() + PATIENCE
    while not all(_stands(each) for each in stopped):
        assert time.monotonic() < end, f"{process} did not stop within {PATIENCE:g} s"
        time.sleep(0.001)


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _stands(process: psutil.Process) -> bool:
    threads = [*Path(f"/proc/{process.pid}/task").glob("*/stat")]
    if not threads:  # it is gone, or the system has no such folder
        return not process.is_running() or process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)
    return all(_state(stat) in "TZX" for stat in threads)


def _state(stat: Path) -> str:
    """Of one thread. The name before it may hold anything."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"
