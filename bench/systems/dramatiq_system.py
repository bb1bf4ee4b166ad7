"""Dramatiq's worker, started by its command line. Options: `processes`, `threads`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from dramatiq import group, pipeline

from harness.workers import ProcessWorker, Worker
from systems.dramatiq_app import actors
from systems.floors.amqp import ready
from systems.redis_look import RedisLook
from systems.setup import Setup
from systems.system import Flow, System, seconds_until

_PREFETCH = "256"
"""As it comes, two messages for each thread: on Redis, where it polls with pauses, that is some 250 tasks/s."""
_QUEUES = ("default", "default.DQ")
"""What waits, and what is not due."""


class DramatiqSystem(System):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.sees_held = setup.broker == "redis"
        self._look = RedisLook(setup.redis)

    def start_worker(self) -> Worker:
        processes, threads = str(self.setup.options["processes"]), str(self.setup.options["threads"])
        command = [sys.executable, "-m", "dramatiq", "systems.dramatiq_app", "--skip-logging"]
        command += ["--processes", processes, "--threads", threads]
        return ProcessWorker(command, self.setup.log, dramatiq_queue_prefetch=_PREFETCH)

    def call(self, body: str, **arguments: Any) -> Any:
        return actors[body].send(**arguments)

    def call_at(self, moment: float, body: str, **arguments: Any) -> None:
        actors[body].send_with_options(kwargs=arguments, delay=int(seconds_until(moment) * 1000))

    def result(self, call: Any, timeout: float) -> Any:
        return call.get_result(block=True, timeout=timeout * 1000)

    def waiting(self) -> int:
        if self.setup.broker == "redis":
            return sum(int(self._look.client.hlen(f"dramatiq:{name}.msgs")) for name in _QUEUES)
        return sum(ready(self.setup.rabbitmq, name) for name in _QUEUES)

    def stored(self) -> int:
        # The keys of results are hashes of 32 digits.
        return self._look.keys("[0-9a-f]" * 32)

    def flows(self) -> Mapping[str, Flow]:
        echo, step = actors["echo"], actors["step"]

        def run_group(number: int, timeout: float) -> None:
            found = group([echo.message(1) for _ in range(number)]).run()
            assert list(found.get_results(block=True, timeout=timeout * 1000)) == [1] * number

        def run_chord(number: int, timeout: float) -> None:
            """Its nearest thing: a callback when all are done, which does not get their results."""
            members, callback = group([echo.message(1) for _ in range(number)]), echo.message(number)
            members.add_completion_callback(callback)
            members.run()
            assert self.result(callback, timeout) == number

        def run_chain(number: int, timeout: float) -> None:
            found = pipeline([step.message(0), *(step.message() for _ in range(number - 1))]).run()
            assert found.get_result(block=True, timeout=timeout * 1000) == number

        return {"group": run_group, "chord": run_chord, "chain": run_chain}

    def close(self) -> None:
        self._look.close()
