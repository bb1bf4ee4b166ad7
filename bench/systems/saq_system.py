"""SAQ's worker, started by its command line."""

from __future__ import annotations

import math
import sys
from typing import Any

from harness.workers import ProcessWorker, Worker
from systems.async_system import AsyncSystem
from systems.redis_look import RedisLook
from systems.saq_app import queue
from systems.setup import Setup
from systems.system import Arguments

_POLL = 0.001
"""Seconds between two looks for a result; as it comes, half a second."""
_NO_SWEEP = 300
"""Seconds; as it comes a worker sweeps at its start and each minute."""
_KEPT, _DROPPED = 600, -1
"""SAQ's `ttl`: seconds for which a result is kept; that it is deleted at once."""


class SaqSystem(AsyncSystem):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._look = RedisLook(setup.redis)

    def start_worker(self) -> Worker:
        # As if another worker had just swept: a sweep takes jobs that are being taken for stuck ones, and aborts them.
        self._look.client.setex("saq:bench:sweep", _NO_SWEEP, 1)
        return ProcessWorker([sys.executable, "-m", "saq", "systems.saq_app.settings"], self.setup.log)

    async def open(self) -> None:
        await queue.connect()

    async def send(self, body: str, arguments: Arguments, moment: float | None = None) -> Any:
        scheduled = 0 if moment is None else math.ceil(moment)  # it knows whole seconds only
        life = _KEPT if self.setup.results else _DROPPED
        return await queue.enqueue(body, scheduled=scheduled, ttl=life, **arguments)

    async def receive(self, call: Any, timeout: float) -> Any:
        await call.refresh(timeout)
        return call.result

    def trip(self, timeout: float) -> None:
        # What polls: `refresh` listens, and waits in vain when the job ends just before it does.
        value = self.wait(queue.apply("echo", timeout=timeout, poll_interval=_POLL, ttl=_KEPT, value=1))
        if value != 1:
            raise ValueError(f"the result is {value!r}, not 1")

    def waiting(self) -> int:
        return int(self._look.client.zcard("saq:bench:incomplete"))

    def stored(self) -> int:
        return self._look.keys("saq:job:bench:*")

    async def shut(self) -> None:
        self._look.close()
        await queue.disconnect()
