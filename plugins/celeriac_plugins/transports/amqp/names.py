"""What queues and exchanges are called at the broker. All names of ours begin with ``celeriac.``."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Final

DEAD: Final = "celeriac.dead"
"""The queue of dead letters."""
DEAD_LOCK: Final = "celeriac.dead.lock"
"""An exclusive queue: who has it looks through the dead letters."""
DELAYED: Final = "celeriac.delayed"
"""The exchange at which delayed messages come out when they are due."""
TOPICS: Final = "celeriac.topics"
"""The exchange of broadcasts that are none of Celery's."""
_LONGEST: Final = 230
"""Bytes: AMQP's limit is 255, and ours are made of them."""


@lru_cache(10_000)
def queue_name(queue: str) -> str:
    """The queue itself; a name that AMQP cannot have (too long, or of several lines, as RabbitMQ takes line ends out)
    ends in its digest instead."""
    data = queue.encode("utf-8", "surrogatepass")
    name = data.decode("utf-8", "replace")
    if len(data) <= _LONGEST and len(name.splitlines()) == 1:
        return name
    start = data[: _LONGEST - 41].decode("utf-8", "ignore")
    return " ".join(start.split()) + "." + sha256(data).hexdigest()[:40]


@lru_cache(10_000)
def lane_name(queue: str) -> str:
    """The queue in which messages come back that somebody had already taken; it is emptied first."""
    return "celeriac.again." + queue_name(queue)


@lru_cache(10_000)
def token(queue: str) -> str:
    """The queue as one word of a routing key."""
    return sha256(queue.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def level_name(level: int) -> str:
    """The exchange of one level of the ladder of delays."""
    return f"celeriac.delay.{level}"


def step_name(level: int, digit: int) -> str:
    """The queue for one digit of a level."""
    return f"celeriac.delay.{level}.{digit}"
