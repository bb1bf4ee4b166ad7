"""Delays that live in the broker: a ladder of queues; on each level messages stay eight times as long as below.

A delay is a number of units, written with eight digits; a message climbs down through one queue for each digit that is
not 0. Its routing key carries, as its first word, its queue, and then the number. Each level is a topic exchange that
looks at one digit: 1 to 7 lead into queues of the level, from which messages fall to the exchange below when their
time there is over (TTL and dead-letter exchange); 0 leads there at once. As all messages in one queue stay equally
long, none waits behind another. The idea is RabbitMQ's and Celery's ("native delayed delivery"), whose digits are
binary, and whose unit is a second; ours is eight milliseconds.

Each queue on the way costs the broker some time, and so does each exchange, which looks at the words of a key one by
one. So the digits are octal, the lowest comes first, and what would be zeros at the end is left out. Levels that no
delay was long enough for are not made.
"""

from __future__ import annotations

import math
from typing import Final

from .methods import exchange_bind, exchange_declare, queue_bind, queue_declare
from .names import DELAYED, level_name, step_name, token

UNIT: Final = 0.008
"""Seconds."""
LEVELS: Final = 9
LONGEST: Final = UNIT * (8**LEVELS - 1)
"""Seconds, some twelve days; what is delayed for longer climbs more than once."""


def entry(queue: str, seconds: float) -> tuple[str, str]:
    """The exchange and the routing key with which a message comes to `queue` after so long."""
    digits = ".".join(reversed(format(_units(seconds), "o")))
    return level_name(level_for(seconds)), f"{token(queue)}.{digits}"


def level_for(seconds: float) -> int:
    """The level at which that delay begins."""
    return (_units(seconds).bit_length() - 1) // 3


def _units(seconds: float) -> int:
    return min(max(1, math.ceil(min(seconds, LONGEST) / UNIT)), 8**LEVELS - 1)


def exit_key(queue: str) -> str:
    """What a queue is bound to DELAYED with, to get what has become due for it."""
    return f"{token(queue)}.#"


def exit_exchange(channel: int) -> bytes:
    """Makes DELAYED."""
    return exchange_declare(channel, DELAYED, "topic")


def last_made(level: int) -> str:
    """The queue that shows that a level is there, and those below it."""
    return step_name(level, 7)


def declarations(channel: int, level: int) -> list[bytes]:
    """What makes one level, when those below are there."""
    name, below = level_name(level), level_name(level - 1) if level else DELAYED
    before = "*." * (1 + level)
    frames = [exchange_declare(channel, name, "topic"), exchange_bind(channel, below, name, f"{before}0.#")]
    for digit in range(1, 8):
        stay = {"x-message-ttl": digit * round(UNIT * 1000) << 3 * level, "x-dead-letter-exchange": below}
        step = step_name(level, digit)
        frames += (queue_declare(channel, step, stay), queue_bind(channel, step, name, f"{before}{digit}.#"))
    return frames
