"""The bare loop: run what one read brought, store its results in Redis, acknowledge all of it at once."""

from __future__ import annotations

from typing import Any

from systems.bodies import count
from systems.floors import RESULT
from systems.floors.amqp import Line
from systems.floors.redis_line import RedisLine
from systems.floors.redis_worker import key_of
from systems.setup import Setup

QUEUE = "floor"
_PREFETCH = 500
_LIFE = 3600


def work(line: Line, results: RedisLine | None) -> None:
    """Until the process is ended."""
    line.declare(QUEUE)
    line.consume(QUEUE, _PREFETCH)
    while True:
        came = line.deliveries()
        for _ in came:
            count()
        if results:
            results.ask(*(command for _, message in came for command in _storing(key_of(message))))
        line.acknowledge(came[-1][0])


def _storing(key: bytes) -> tuple[tuple[Any, ...], ...]:
    return ("SETEX", key, _LIFE, RESULT), ("PUBLISH", key, RESULT)


if __name__ == "__main__":
    setup = Setup.from_environment()
    work(Line(setup.rabbitmq), RedisLine(setup.redis) if setup.results else None)
