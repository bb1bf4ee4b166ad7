"""The client of the floor on Redis."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import count
from typing import Any

from harness.workers import ProcessWorker, Worker
from systems.floors import BATCH, MESSAGE
from systems.floors.redis_line import RedisLine
from systems.floors.redis_worker import HELD, QUEUE, WAITED, key_of
from systems.setup import Setup
from systems.system import Arguments, System


class RedisFloor(System):
    batch = "one pipeline of 100"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._line, self._listener = RedisLine(setup.redis), RedisLine(setup.redis)
        self._numbers = count()

    def start_worker(self) -> Worker:
        return ProcessWorker([sys.executable, "-m", "systems.floors.redis_worker"], self.setup.log)

    def _message(self) -> bytes:
        return b"%036d" % next(self._numbers) + MESSAGE

    def call(self, body: str, **arguments: Any) -> Any:
        message = self._message()
        self._line.ask(("LPUSH", QUEUE, message))
        return key_of(message)

    def call_many(self, body: str, calls: Sequence[Arguments]) -> None:
        for first in range(0, len(calls), BATCH):
            size = min(BATCH, len(calls) - first)
            self._line.ask(("LPUSH", QUEUE, *(self._message() for _ in range(size))))

    def trip(self, timeout: float) -> None:
        message = self._message()
        self._listener.ask(("SUBSCRIBE", key_of(message)))
        self._line.ask(("LPUSH", QUEUE, message))
        self._listener.read()
        self._listener.ask(("UNSUBSCRIBE", key_of(message)))

    def waiting(self) -> int:
        return sum(self._line.ask(("LLEN", QUEUE), ("HLEN", HELD), ("LLEN", WAITED)))

    def stored(self) -> int:
        return int(self._line.ask(("DBSIZE",))[0])

    def close(self) -> None:
        self._line.close()
        self._listener.close()
