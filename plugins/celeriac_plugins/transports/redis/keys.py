"""The names of everything: kombu's own keys, and ours beside them."""

from __future__ import annotations

import json
from bisect import bisect
from dataclasses import dataclass
from zlib import crc32

from celeriac.message import MAX_PRIORITY
from celeriac_plugins._shared.redis_place import Place

_MOST_QUEUES = 10_000
HELD = "celeriac.held."
"""Begins the lists in which large messages are held; the name of their queue is at the end."""
_TOKEN, _APART = "c", "l"
"""How tokens begin. No tag of kombu's begins as those of large messages do: it is a hexadecimal digit there."""


@dataclass(frozen=True, slots=True)
class QueueKeys:
    """The keys of one queue."""

    name: str
    lists: tuple[str, ...]
    """kombu's, one for each priority step, in the order in which kombu's consumers empty them."""
    delayed: str
    """A sorted set: messages by due time."""
    bell: str
    """The earliest due time, written when it gets earlier: who sleeps watches this key."""
    here: str
    """Lives as long as a worker of ours consumes the queue."""
    tail: str
    """What follows the message in kombu's unacked entry ``[message, exchange, routing key]``."""
    digest: str
    """How the tokens of this queue's messages begin, so that they can be counted by their names."""
    apart: str
    """How they begin for messages that are held apart; there the queue's name follows at the end."""


class Keys:
    """See docs/redis.md for the table of them."""

    def __init__(self, place: Place) -> None:
        options = place.options
        prefix = place.prefix
        self.prefix = prefix
        self.sep: str = options["sep"]
        self.steps: tuple[int, ...] = tuple(int(step) for step in options["priority_steps"])
        self.steps_text = ",".join(map(str, self.steps))
        self.layout = (prefix, self.sep, self.steps_text)
        """What the scripts need to find a queue's keys by themselves."""
        self.unacked: str = prefix + options["unacked_key"]
        self.index: str = prefix + options["unacked_index_key"]
        self.leases = f"{prefix}celeriac.leases"
        self.held = (self.unacked, self.index, self.leases)
        self.queues = f"{prefix}celeriac.queues"
        self.dead = f"{prefix}celeriac.dead"
        self.dead_index = f"{prefix}celeriac.dead.index"
        self.dead_tasks = f"{prefix}celeriac.dead.tasks"
        self.graves = (self.dead, self.dead_index, self.dead_tasks)
        fan_out = options["fanout_prefix"]
        self._fan_out: str = fan_out if isinstance(fan_out, str) else f"/{place.db}." if fan_out else ""
        self._of: dict[str, QueueKeys] = {}

    def of(self, queue: str) -> QueueKeys:
        keys = self._of.get(queue)
        if keys is None:
            if len(self._of) >= _MOST_QUEUES:
                self._of = {}
            mark = f"{crc32(queue.encode('utf-8', 'surrogatepass')):08x}"
            keys = self._of[queue] = QueueKeys(
                queue,
                tuple(f"{self.prefix}{queue}{self.sep}{step}" if step else self.prefix + queue for step in self.steps),
                f"{self.prefix}celeriac.delayed.{queue}",
                f"{self.prefix}celeriac.due.{queue}",
                f"{self.prefix}celeriac.here.{queue}",
                f',"",{json.dumps(queue)}]',
                f"{_TOKEN}{mark}",
                f"{_APART}{mark}",
            )
        return keys

    def step(self, priority: int) -> int:
        """The index of the list for a message of our priority (9 is the most urgent)."""
        return bisect(self.steps, MAX_PRIORITY - priority) - 1

    def apart(self, token: str) -> str:
        """The list in which a large message is held under that token."""
        return f"{self.prefix}{HELD}{token}"

    @staticmethod
    def is_apart(token: str) -> bool:
        return token.startswith(_APART)

    def binding(self, exchange: str) -> str:
        """kombu's set of the queues that are bound to an exchange."""
        return f"{self.prefix}_kombu.binding.{exchange}"

    def binding_permanent(self, exchange: str) -> str:
        """Those of them that kombu never lets go."""
        return f"{self.prefix}_kombu.binding_permanent.{exchange}"

    @property
    def binding_deadlines(self) -> str:
        """kombu's sorted set: until when an exchange's bindings of passing queues are of use."""
        return f"{self.prefix}_kombu.binding_deadlines"

    def channel(self, topic: str) -> str:
        """The pub/sub channel of kombu's fan-out exchange of that name."""
        return f"{self.prefix}{self._fan_out}{topic}"
