"""A worker that is measured: a process of its own, or a thread of this one."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

STOP_WITHIN = 10.0
"""Seconds from the request to stop until the worker is killed."""
_TAIL = 1500
"""Characters of a worker's log that are shown when something is wrong."""


def family(number: int) -> list[psutil.Process]:
    """A process and everything that it has started."""
    try:
        first = psutil.Process(number)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_of(number: int) -> float:
    """Seconds of processor time so far of that process and everything that it has started."""
    total = 0.0
    for process in family(number):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


class Worker(ABC):
    """Runs from when it is made until `stop`."""

    began: float
    """`time.perf_counter` just before it was started."""

    @abstractmethod
    def problem(self) -> str | None:
        """Why it does not run any more, if so."""

    @abstractmethod
    def cpu(self) -> float:
        """Seconds of processor time so far, of all its processes."""

    @abstractmethod
    def memory(self) -> Mapping[str, float]:
        """MiB, of all its processes: ``rss`` counts what they share several times, ``pss`` once. ``parent`` is the RSS
        of the first of them, ``child`` that of the largest other one. Nothing where it cannot be told apart from the
        client's."""

    @abstractmethod
    def stop(self) -> str | None:
        """End it, and say what was wrong with how it ended."""


class ProcessWorker(Worker):
    """The worker's own command line, in the client's environment with these variables. What it prints goes into the
    file `log`."""

    def __init__(self, command: Sequence[str], log: Path, **variables: str) -> None:
        self._log = log
        self._output: IO[bytes] = log.open("ab")
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
        )

    def problem(self) -> str | None:
        status = self._process.poll()
        return None if status is None else f"the worker ended with status {status}\n{self._tail()}"

    def cpu(self) -> float:
        return cpu_of(self._process.pid)

    def memory(self) -> Mapping[str, float]:
        each, pss = [], 0
        for process in family(self._process.pid):
            try:
                found = process.memory_full_info()
            except psutil.NoSuchProcess:
                continue
            each.append(found.rss / 2**20)
            pss += getattr(found, "pss", 0)
        values = {"rss": sum(each), "parent": each[0] if each else 0.0}
        return {
            **values,
            **({"child": max(each[1:])} if len(each) > 1 else {}),
            **({"pss": pss / 2**20} if pss else {}),
        }

    def stop(self) -> str | None:
        problem = self.problem()
        try:
            if problem is None:
                self._process.terminate()
                problem = self._wait()
        finally:
            self._output.close()
        return problem

    def _wait(self) -> str | None:
        all_of_it = family(self._process.pid)
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            for process in all_of_it:
                if process.is_running():
                    process.kill()
            self._process.wait()
            return f"the worker had not stopped after {STOP_WITHIN:.0f} s\n{self._tail()}"
        return None

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-_TAIL:].strip() or "(it printed nothing)"


class ThreadWorker(Worker):
    """A worker in a thread of the client's process, whose queue lives in memory."""

    def __init__(self, run: Callable[[], object], stop: Callable[[], object]) -> None:
        self._stop = stop
        self._errors: list[BaseException] = []

        def work() -> None:
            try:
                run()
            except BaseException as error:  # told by `problem`, in the client's thread
                self._errors.append(error)

        self._thread = threading.Thread(target=work, name="worker", daemon=True)
        self.began = time.perf_counter()
        self._thread.start()

    def problem(self) -> str | None:
        if self._errors:
            return f"the worker failed: {self._errors[0]!r}"
        return None if self._thread.is_alive() else "the worker has returned"

    def cpu(self) -> float:
        return time.process_time()

    def memory(self) -> Mapping[str, float]:
        return {}

    def stop(self) -> str | None:
        problem = self.problem()
        self._stop()
        self._thread.join(STOP_WITHIN)
        return problem or (f"the worker had not stopped after {STOP_WITHIN:.0f} s" if self._thread.is_alive() else None)
