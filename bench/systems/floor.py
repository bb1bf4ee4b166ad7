"""What SQLite itself can do: the messages, leases, results and acknowledgements of a queue, without the queue."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from harness.workers import ProcessWorker, Worker
from systems.floor_worker import connect
from systems.setup import Setup
from systems.system import System

_MESSAGE = b"m" * 480
"""About the size of one of ours."""
_BATCH = 500
_PUBLISH = "INSERT INTO message(queue, state, data) VALUES('celery', 0, ?)"


class Floor(System):
    def __init__(self, setup: Setup, **options: Any) -> None:
        super().__init__(setup, **options)
        self._connection = connect(setup.folder)

    def fill(self, number: int) -> None:
        self._publish_batch(number)

    def start_worker(self) -> Worker:
        return ProcessWorker(
            [sys.executable, "-m", "systems.floor_worker"], self.setup.environment(), self.setup.folder / "worker.log"
        )

    def waiting(self) -> int:
        return self._count("message")

    def stored(self) -> int:
        return self._count("result")

    def ways(self) -> Mapping[str, Callable[[int], None]]:
        return {"one by one": self._publish_each, "batch": self._publish_batch}

    def _publish_each(self, number: int) -> None:
        for _ in range(number):
            self._connection.execute(_PUBLISH, (_MESSAGE,))

    def _publish_batch(self, number: int) -> None:
        for first in range(0, number, _BATCH):
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_PUBLISH, [(_MESSAGE,)] * min(_BATCH, number - first))
            self._connection.execute("COMMIT")

    def _count(self, table: str) -> int:
        return int(self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def close(self) -> None:
        self._connection.close()
