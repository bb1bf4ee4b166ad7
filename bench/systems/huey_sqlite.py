"""Huey's consumer on SQLite, started by its command line.

Options: `kind` (``thread``, ``process``), `workers`. Huey polls, as it comes each 0.1 to 10 s; here each millisecond,
so that its round trip is not the length of a pause.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence

from harness.workers import ProcessWorker, Worker
from systems import huey_app
from systems.system import System

_POLL = 0.001


class HueySqlite(System):
    def fill(self, number: int) -> None:
        for _ in range(number):
            huey_app.count()

    def start_worker(self) -> Worker:
        command = [sys.executable, "-m", "huey.bin.huey_consumer", "systems.huey_app.huey", "--quiet"]
        kind, workers = self.options["kind"], str(self.options["workers"])
        pace = ["--delay", str(_POLL), "--max-delay", str(_POLL), "--backoff", "1"]
        return ProcessWorker(
            [*command, "--worker-type", kind, "--workers", workers, *pace],
            self.setup.environment(),
            self.setup.folder / "worker.log",
        )

    def waiting(self) -> int:
        storage = huey_app.huey.storage
        return int(storage.queue_size() + storage.schedule_size())

    def stored(self) -> int:
        return int(huey_app.huey.storage.result_store_size())

    def ways(self) -> Mapping[str, Callable[[int], None]]:
        return {"one by one": self.fill}

    def trip(self, timeout: float) -> None:
        if huey_app.echo(1).get(blocking=True, timeout=timeout, backoff=1, max_delay=_POLL) != 1:
            raise TimeoutError(f"no result within {timeout} s")

    def send_due(self, moments: Sequence[float]) -> None:
        for number, due in enumerate(moments):
            huey_app.late.schedule(args=(number, due), delay=due - time.time())
