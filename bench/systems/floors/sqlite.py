"""The client of the floor on SQLite: messages, leases, results and acknowledgements of a queue, without the queue."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import count
from typing import Any

from harness.workers import ProcessWorker, Worker
from systems.floors import MESSAGE
from systems.floors.sqlite_worker import Bell, connect, key_of
from systems.setup import Setup
from systems.system import Arguments, System

_BATCH = 500
_PUBLISH = "INSERT INTO message(queue, state, data) VALUES('celery', 0, ?)"
_RESULT = "SELECT payload FROM result WHERE id = ?"


class SqliteFloor(System):
    batch = "transactions of 500"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._connection = connect(setup.folder)
        self._bell = Bell(setup.folder, "client", "worker")
        self._numbers = count()

    def start_worker(self) -> Worker:
        return ProcessWorker([sys.executable, "-m", "systems.floors.sqlite_worker"], self.setup.log)

    def _message(self) -> bytes:
        return b"%036d" % next(self._numbers) + MESSAGE

    def call(self, body: str, **arguments: Any) -> Any:
        message = self._message()
        self._connection.execute(_PUBLISH, (message,))
        self._bell.ring()
        return key_of(message)

    def call_many(self, body: str, calls: Sequence[Arguments]) -> None:
        for first in range(0, len(calls), _BATCH):
            self._connection.execute("BEGIN IMMEDIATE")
            messages = [(self._message(),) for _ in range(min(_BATCH, len(calls) - first))]
            self._connection.executemany(_PUBLISH, messages)
            self._connection.execute("COMMIT")
            self._bell.ring()

    def trip(self, timeout: float) -> None:
        key = self.call("echo")
        while not self._connection.execute(_RESULT, (key,)).fetchall():
            self._bell.wait()

    def waiting(self) -> int:
        return self._count("message")

    def stored(self) -> int:
        return self._count("result")

    def _count(self, table: str) -> int:
        return int(self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def close(self) -> None:
        self._connection.close()
        self._bell.close()
