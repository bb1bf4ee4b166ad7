"""What all of our rows have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from celeriac import chain, chord, group
from systems import celeriac_app
from systems.setup import Setup
from systems.system import Arguments, Flow, System

_FETCH = 500


class CeleriacSystem(System):
    """Options: `pool`, `concurrency`, those of `celeriac_app`. The pool `asyncio` runs coroutines, others functions."""

    batch = "app.send_batch"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.app = celeriac_app.app
        self._tasks = celeriac_app.coroutines if setup.options["pool"] == "asyncio" else celeriac_app.functions
        self.sees_held = self.app.transport.supports("census")
        self._ids: list[str] = []

    def call(self, body: str, **arguments: Any) -> Any:
        return self._tasks[body].delay(**arguments)

    def call_many(self, body: str, calls: Sequence[Arguments]) -> None:
        task = self._tasks[body]
        self._ids = [result.id for result in self.app.send_batch(task.s(**arguments) for arguments in calls)]

    def call_when_due(self, moments: Sequence[float]) -> None:
        signature = self._tasks["late"].signature_of
        self.app.send_batch(
            signature((number, due), eta=datetime.fromtimestamp(due, UTC)) for number, due in enumerate(moments)
        )

    def result(self, call: Any, timeout: float) -> Any:
        return call.get(timeout=timeout)

    def waiting(self) -> int:
        counts = self.app.transport.counts(self.app.default_queue)
        return counts.ready + counts.held + counts.delayed

    def stored(self) -> int:
        ids = self._ids
        parts = (ids[first : first + _FETCH] for first in range(0, len(ids), _FETCH))
        return sum(len(self.app.backend.fetch(part)) for part in parts)

    def ways(self) -> Mapping[str, Callable[[int], None]]:
        def as_group(number: int) -> None:
            group(self._tasks["count"].s() for _ in range(number)).delay()

        return {**super().ways(), "group": as_group}

    def flows(self) -> Mapping[str, Flow]:
        echo, add, step = self._tasks["echo"], self._tasks["add"], self._tasks["step"]

        def run_group(number: int, timeout: float) -> None:
            assert group(echo.s(1) for _ in range(number)).delay().get(timeout=timeout) == [1] * number

        def run_chord(number: int, timeout: float) -> None:
            assert chord([echo.s(1) for _ in range(number)], add.s()).delay().get(timeout=timeout) == number

        def run_chain(number: int, timeout: float) -> None:
            assert chain(step.s(0), *(step.s() for _ in range(number - 1))).delay().get(timeout=timeout) == number

        return {"group": run_group, "chord": run_chord, "chain": run_chain}

    def close(self) -> None:
        self.app.close()
