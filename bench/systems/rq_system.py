"""RQ's simple worker (no process for each job), started by its command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rq import Queue

from harness.workers import ProcessWorker, Worker
from systems import bodies
from systems.redis_look import RedisLook
from systems.setup import Setup
from systems.system import Arguments, System

_NAME = "bench"


class RqSystem(System):
    batch = "enqueue_many"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._look = RedisLook(setup.redis)
        self._queue = Queue(_NAME, connection=self._look.client)
        self._life = 500 if setup.results else 0

    def start_worker(self) -> Worker:
        command = [sys.executable, "-m", "rq.cli", "worker", _NAME, "--url", self.setup.redis, "--quiet"]
        return ProcessWorker([*command, "--worker-class", "rq.SimpleWorker"], self.setup.log)

    def call(self, body: str, **arguments: Any) -> Any:
        return self._queue.enqueue(bodies.FUNCTIONS[body], kwargs=arguments, result_ttl=self._life)

    def call_many(self, body: str, calls: Sequence[Arguments]) -> None:
        prepare, function = Queue.prepare_data, bodies.FUNCTIONS[body]
        self._queue.enqueue_many([prepare(function, kwargs=dict(it), result_ttl=self._life) for it in calls])

    def call_at(self, moment: float, body: str, **arguments: Any) -> None:
        self._queue.enqueue_at(datetime.fromtimestamp(moment, UTC), bodies.FUNCTIONS[body], **arguments)

    def result(self, call: Any, timeout: float) -> Any:
        found = call.latest_result(timeout=int(timeout))
        if found is None:
            raise TimeoutError(f"no result within {timeout} s")
        return found.return_value

    def waiting(self) -> int:
        client = self._look.client
        return int(client.llen(f"rq:queue:{_NAME}") + client.zcard(f"rq:wip:{_NAME}"))

    def stored(self) -> int:
        return self._look.keys("rq:results:*")

    def close(self) -> None:
        self._look.close()
