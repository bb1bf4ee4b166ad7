"""What all of our rows have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from celeriac import group
from systems import celeriac_app
from systems.setup import Setup
from systems.system import System

_FETCH = 500


class CeleriacSystem(System):
    """Options: `pool`, `concurrency`. The asyncio pool runs coroutines, the others functions."""

    def __init__(self, setup: Setup, **options: Any) -> None:
        super().__init__(setup, **options)
        self.app = celeriac_app.app
        in_loop = options["pool"] == "asyncio"
        self._count = celeriac_app.count_in_loop if in_loop else celeriac_app.count
        self._echo = celeriac_app.echo_in_loop if in_loop else celeriac_app.echo
        self._ids: list[str] = []

    def fill(self, number: int) -> None:
        self._ids = [result.id for result in self.app.send_batch(self._count.s() for _ in range(number))]

    def waiting(self) -> int:
        counts = self.app.transport.counts(self.app.default_queue)
        return counts.ready + counts.held + counts.delayed

    def stored(self) -> int:
        ids = self._ids
        parts = (ids[first : first + _FETCH] for first in range(0, len(ids), _FETCH))
        return sum(len(self.app.backend.fetch(part)) for part in parts)

    def ways(self) -> Mapping[str, Callable[[int], None]]:
        count = self._count

        def one_by_one(number: int) -> None:
            for _ in range(number):
                count.delay()

        def batch(number: int) -> None:
            self.app.send_batch(count.s() for _ in range(number))

        def as_group(number: int) -> None:
            group(count.s() for _ in range(number)).delay()

        return {"one by one": one_by_one, "batch": batch, "group": as_group}

    def trip(self, timeout: float) -> None:
        self._echo.delay(1).get(timeout=timeout)

    def send_due(self, moments: Sequence[float]) -> None:
        late = celeriac_app.late
        self.app.send_batch(
            late.signature_of((number, due), eta=datetime.fromtimestamp(due, UTC)) for number, due in enumerate(moments)
        )

    def send_naps(self, number: int, seconds: float) -> None:
        self.app.send_batch(celeriac_app.nap.s(seconds) for _ in range(number))

    def close(self) -> None:
        self.app.close()
