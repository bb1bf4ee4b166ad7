"""What exists in and below this process: threads, open files, processes."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path
from typing import NamedTuple

from celeriac.testing.suite.pool.stage import eventually

_PROC = Path("/proc")


class Existing(NamedTuple):
    threads: frozenset[str]
    files: int
    processes: frozenset[int]
    """Descendants; empty where the system has no /proc."""


def what_exists() -> Existing:
    gc.collect()
    threads = frozenset(thread.name for thread in threading.enumerate())
    folder = Path("/proc/self/fd") if _PROC.exists() else Path("/dev/fd")
    return Existing(threads, len(os.listdir(folder)), frozenset(_descendants(os.getpid())))  # noqa: PTH208 (a count)


def assert_nothing_left(before: Existing) -> None:
    """Nothing exists now that did not exist before; threads get a moment to end."""
    eventually(lambda: not what_exists().threads - before.threads, f"no thread is left but {sorted(before.threads)}")
    eventually(lambda: not what_exists().processes - before.processes, "no process is left, and no zombie")
    eventually(lambda: what_exists().files <= before.files, f"no more than {before.files} files are open")


def _descendants(pid: int) -> set[int]:
    parents: dict[int, int] = {}
    for folder in _PROC.glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        parents[int(folder.name)] = int(fields[1])
    found: set[int] = set()
    grown = {pid}
    while grown:
        grown = {child for child, parent in parents.items() if parent in grown} - found
        found |= grown
    return found
