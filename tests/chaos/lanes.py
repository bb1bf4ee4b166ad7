"""Combinations side by side, each in a process of its own with its own servers: they mostly wait."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import msgspec
import pytest

from chaos.cycle import Combination, Outcome, run

TESTS = Path(__file__).parents[1]
_LEAVE_WITHIN = 20.0
"""Seconds that a lane has to stop its servers and workers."""


class Lanes:
    """So many at once. `done` is called with each outcome and the seconds it took, by one thread at a time."""

    def __init__(self, number: int, done: Callable[[Outcome, float], None]) -> None:
        self._number = number
        self._done = done
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._stopping = False

    def run(self, combinations: Sequence[Combination], *how: float) -> None:
        """`how` are cycles, seed, lease and size, as `chaos.cycle.run` takes them. Returns when all have ended;
        interrupted, when those that run have stopped what they had started."""
        with ThreadPoolExecutor(self._number) as threads:
            futures = [threads.submit(self._one, each, how) for each in combinations]
            try:
                for future in futures:
                    future.result()
            finally:
                self._stop()

    def _one(self, combination: Combination, how: Sequence[float]) -> None:
        it = combination
        words = (it.broker, it.pool, it.fault, *map(str, how))
        began = time.monotonic()
        with self._lock:
            if self._stopping:
                return
            process = subprocess.Popen(
                [sys.executable, "-m", "chaos.lanes", *words], cwd=TESTS, stdout=subprocess.PIPE, start_new_session=True
            )
            self._processes.add(process)
        output, _ = process.communicate()
        with self._lock:
            self._processes.discard(process)
            if not self._stopping:
                self._done(_outcome(combination, process.returncode, output), time.monotonic() - began)

    def _stop(self) -> None:
        with self._lock:
            self._stopping = True
            left = list(self._processes)
        for process in left:
            process.terminate()
        for process in left:
            process.wait(_LEAVE_WITHIN)


def _outcome(combination: Combination, status: int, output: bytes) -> Outcome:
    if status == 0:
        return msgspec.json.decode(output, type=Outcome)
    return Outcome(combination, problems=[f"the lane ended with status {status}"])


def main(arguments: Sequence[str]) -> None:
    """One combination, in this process; its outcome goes to standard output."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    broker, pool, fault, cycles, seed, lease, size = arguments
    try:
        outcome = run(Combination(broker, pool, fault), int(cycles), int(seed), float(lease), int(size))
    except pytest.skip.Exception as missing:
        sys.exit(str(missing))
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main(sys.argv[1:])
