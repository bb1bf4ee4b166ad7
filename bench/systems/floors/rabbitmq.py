"""The client of the floor on RabbitMQ: each publish is confirmed, alone or in a window."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import count
from typing import Any

from harness.workers import ProcessWorker, Worker
from systems.floors import BATCH, MESSAGE
from systems.floors.amqp import Line, ready
from systems.floors.rabbitmq_worker import QUEUE
from systems.floors.redis_line import RedisLine
from systems.floors.redis_worker import key_of
from systems.setup import Setup
from systems.system import Arguments, System


class RabbitFloor(System):
    sees_held = False
    batch = "windows of 100 confirmed together"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._line, self._listener = Line(setup.rabbitmq), RedisLine(setup.redis)
        self._line.declare(QUEUE)
        self._line.confirm()
        self._numbers = count()

    def start_worker(self) -> Worker:
        return ProcessWorker([sys.executable, "-m", "systems.floors.rabbitmq_worker"], self.setup.log)

    def _message(self) -> bytes:
        return b"%036d" % next(self._numbers) + MESSAGE

    def call(self, body: str, **arguments: Any) -> Any:
        self._line.publish(QUEUE, [self._message()])

    def call_many(self, body: str, calls: Sequence[Arguments]) -> None:
        for first in range(0, len(calls), BATCH):
            size = min(BATCH, len(calls) - first)
            self._line.publish(QUEUE, [self._message() for _ in range(size)])

    def trip(self, timeout: float) -> None:
        message = self._message()
        self._listener.ask(("SUBSCRIBE", key_of(message)))
        self._line.publish(QUEUE, [message])
        self._listener.read()
        self._listener.ask(("UNSUBSCRIBE", key_of(message)))

    def waiting(self) -> int:
        return ready(self.setup.rabbitmq, QUEUE)

    def stored(self) -> int:
        return int(self._listener.ask(("DBSIZE",))[0])

    def close(self) -> None:
        self._line.close()
        self._listener.close()
