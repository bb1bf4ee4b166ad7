"""Delays that live in the broker: a ladder of queues, in each of which messages stay twice as long as in the one below.

A delay is a binary number of units; a message climbs down through the queues of its ones and passes those of its zeros
by. Its routing key carries the number and, as the last word, its queue. Each step is a topic exchange that looks at one
digit: 1 leads into the step's queue, from which messages fall to the next exchange when their time there is over (TTL
and dead-letter exchange); 0 leads to the next exchange at once. As all messages in one queue stay equally long, none
waits behind another. The idea is RabbitMQ's and Celery's ("native delayed delivery"), whose unit is a second; ours is
eight milliseconds.
"""

from __future__ import annotations

import math
from typing import Final

from .methods import exchange_bind, exchange_declare, queue_bind, queue_declare
from .names import DELAYED, step_name, token

UNIT: Final = 0.008
"""Seconds."""
LEVELS: Final = 28
LONGEST: Final = UNIT * (2**LEVELS - 1)
"""Seconds, some 24 days; what is delayed for longer climbs more than once."""


def entry(queue: str, seconds: float) -> tuple[str, str]:
    """The exchange and the routing key with which a message comes to `queue` after so long."""
    units = max(1, math.ceil(min(seconds, LONGEST) / UNIT))
    digits = ".".join(format(units, f"0{LEVELS}b"))
    return step_name(units.bit_length() - 1), f"{digits}.{token(queue)}"


def exit_key(queue: str) -> str:
    """What a queue is bound to DELAYED with, to get what has become due for it."""
    return "*." * LEVELS + token(queue)


def declarations(channel: int) -> list[bytes]:
    """What makes the ladder, from the bottom upwards."""
    frames = [exchange_declare(channel, DELAYED, "topic")]
    for level in range(LEVELS):
        name, below = step_name(level), step_name(level - 1) if level else DELAYED
        before = "*." * (LEVELS - 1 - level)
        stay = {"x-message-ttl": round(UNIT * 1000) << level, "x-dead-letter-exchange": below}
        frames += (
            exchange_declare(channel, name, "topic"),
            queue_declare(channel, name, stay),
            queue_bind(channel, name, name, f"{before}1.#"),
            exchange_bind(channel, below, name, f"{before}0.#"),
        )
    return frames
