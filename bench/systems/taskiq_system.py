"""Taskiq's worker, started by its command line. Option: `concurrency`."""

from __future__ import annotations

import sys
from typing import Any

from harness.workers import ProcessWorker, Worker
from systems.async_system import AsyncSystem
from systems.floors.amqp import ready
from systems.redis_look import RedisLook
from systems.setup import Setup
from systems.system import Arguments
from systems.taskiq_app import broker, tasks

_POLL = 0.001
"""Seconds between two looks for a result; as it comes, 0.2."""


class TaskiqSystem(AsyncSystem):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.sees_held = False
        self._look = RedisLook(setup.redis)

    def start_worker(self) -> Worker:
        command = [sys.executable, "-m", "taskiq", "worker", "systems.taskiq_app:broker", "--workers", "1"]
        concurrency = ["--max-async-tasks", str(self.setup.options["concurrency"])]
        return ProcessWorker([*command, *concurrency, "--log-level", "WARNING"], self.setup.log)

    async def open(self) -> None:
        await broker.startup()

    async def send(self, body: str, arguments: Arguments, moment: float | None = None) -> Any:
        if moment is not None:
            raise NotImplementedError
        return await tasks[body].kiq(**arguments)

    async def receive(self, call: Any, timeout: float) -> Any:
        return (await call.wait_result(check_interval=_POLL, timeout=timeout)).return_value

    def waiting(self) -> int:
        if self.setup.broker == "redis":
            return int(self._look.client.llen("taskiq"))
        return ready(self.setup.rabbitmq, "taskiq")

    def stored(self) -> int:
        return self._look.keys("result:*")

    async def shut(self) -> None:
        self._look.close()
        await broker.shutdown()
