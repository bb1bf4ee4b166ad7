"""arq's worker, started by its command line."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

from arq.connections import create_pool

from harness.workers import ProcessWorker, Worker
from systems.arq_app import POLL, settings
from systems.async_system import AsyncSystem
from systems.system import Arguments

_COMMAND = "import sys; from arq.cli import cli; sys.argv[0] = 'arq'; cli()"


class ArqSystem(AsyncSystem):
    async def open(self) -> None:
        self._pool = await create_pool(settings)

    def start_worker(self) -> Worker:
        return ProcessWorker([sys.executable, "-c", _COMMAND, "systems.arq_app.WorkerSettings"], self.setup.log)

    async def send(self, body: str, arguments: Arguments, moment: float | None = None) -> Any:
        due = None if moment is None else datetime.fromtimestamp(moment, UTC)
        return await self._pool.enqueue_job(body, _defer_until=due, **arguments)

    async def receive(self, call: Any, timeout: float) -> Any:
        return await call.result(timeout, poll_delay=POLL)

    def waiting(self) -> int:
        return int(self.wait(self._pool.zcard("arq:queue")))

    def stored(self) -> int:
        return len(self.wait(self._pool.keys("arq:result:*")))

    async def shut(self) -> None:
        await self._pool.aclose()
