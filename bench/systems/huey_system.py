"""Huey's consumer, started by its command line.

Options: `kind` (``thread``, ``process``), `workers`. On SQLite, Huey polls, as it comes each 0.1 to 10 s; here each
millisecond, so that its round trip is not the length of a pause.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from huey.api import chord, group

from harness.workers import ProcessWorker, Worker
from systems.huey_app import huey, tasks
from systems.system import Flow, System

_POLL = 0.001


class HueySystem(System):
    def start_worker(self) -> Worker:
        command = [sys.executable, "-m", "huey.bin.huey_consumer", "systems.huey_app.huey", "--quiet"]
        kind, workers = self.setup.options["kind"], str(self.setup.options["workers"])
        pace = ["--delay", str(_POLL), "--max-delay", str(_POLL), "--backoff", "1"]
        return ProcessWorker([*command, "--worker-type", kind, "--workers", workers, *pace], self.setup.log)

    def call(self, body: str, **arguments: Any) -> Any:
        return tasks[body](**arguments)

    def call_at(self, moment: float, body: str, **arguments: Any) -> None:
        tasks[body].schedule(kwargs=arguments, delay=moment - time.time())

    def result(self, call: Any, timeout: float) -> Any:
        found = call.get(blocking=True, timeout=timeout, backoff=1, max_delay=_POLL)
        if found is None:
            raise TimeoutError(f"no result within {timeout} s")
        return found

    def waiting(self) -> int:
        return int(huey.storage.queue_size() + huey.storage.schedule_size())

    def stored(self) -> int:
        return int(huey.storage.result_store_size())

    def flows(self) -> Mapping[str, Flow]:
        echo, add, step = tasks["echo"], tasks["add"], tasks["step"]

        def run_group(number: int, timeout: float) -> None:
            found = huey.enqueue(group([echo.s(1) for _ in range(number)]))
            assert found.get(blocking=True, timeout=timeout) == [1] * number

        def run_chord(number: int, timeout: float) -> None:
            found = huey.enqueue(chord([echo.s(1) for _ in range(number)], add.s()))
            assert self.result(found.callback, timeout) == number

        def run_chain(number: int, timeout: float) -> None:
            first = step.s(0)
            for _ in range(number - 1):
                first = first.then(step)
            *_, last = huey.enqueue(first)
            assert self.result(last, timeout) == number

        return {"group": run_group, "chord": run_chord, "chain": run_chain}
