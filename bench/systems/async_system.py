"""What clients that are coroutines have in common."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Coroutine, Sequence
from typing import Any

from systems.setup import Setup
from systems.system import Arguments, System

_TOGETHER = 100
"""Calls that are under way at once in `call_many`."""


class AsyncSystem(System):
    """A system whose client needs an event loop: one, that runs while it is waited for."""

    batch = "100 coroutines at once"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._runner = asyncio.Runner()
        self.wait(self.open())

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)

    async def open(self) -> None:
        """Make the client's connections."""

    @abstractmethod
    async def send(self, body: str, arguments: Arguments, moment: float | None = None) -> Any:
        """Call the task, to run at that moment (Unix time) or at once."""

    @abstractmethod
    async def receive(self, call: Any, timeout: float) -> Any:
        """Wait for a result."""

    async def shut(self) -> None:
        """Close the client's connections."""

    def call(self, body: str, **arguments: Any) -> Any:
        return self.wait(self.send(body, arguments))

    def call_many(self, body: str, calls: Sequence[Arguments]) -> None:
        async def send_all() -> None:
            for first in range(0, len(calls), _TOGETHER):
                await asyncio.gather(*(self.send(body, it) for it in calls[first : first + _TOGETHER]))

        self.wait(send_all())

    def call_at(self, moment: float, body: str, **arguments: Any) -> None:
        self.wait(self.send(body, arguments, moment))

    def result(self, call: Any, timeout: float) -> Any:
        return self.wait(self.receive(call, timeout))

    def trip(self, timeout: float) -> None:
        async def go_and_return() -> Any:
            return await self.receive(await self.send("echo", {"value": 1}), timeout)

        value = self.wait(go_and_return())
        if value != 1:
            raise ValueError(f"the result is {value!r}, not 1")

    def close(self) -> None:
        self.wait(self.shut())
        self._runner.close()
