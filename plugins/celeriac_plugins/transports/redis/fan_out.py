"""Broadcasts: kombu's fan-out exchanges, which are pub/sub channels, and the replies to its remote control.

A topic is the name of a fan-out exchange, so that Celery's own control clients and workers hear ours and we hear
theirs. How their replies come and go, `addresses` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from weakref import WeakSet

from celeriac.clock import Clock
from celeriac.message import Message
from celeriac.specs.transport import EVENTS
from celeriac_plugins._shared.pidbox import Address, parted
from celeriac_plugins._shared.redis_line import Line
from celeriac_plugins._shared.redis_link import Command

from . import envelope
from .addresses import without_binding
from .keys import Keys
from .subscription import SENT, RedisSubscription

_REPLIES_LIFE = 60


class FanOut:
    """Sends, and knows who listens through it."""

    def __init__(self, line: Line, keys: Keys, clock: Clock) -> None:
        self._line = line
        self._keys = keys
        self._clock = clock
        self._lock = Lock()
        self._subscriptions: WeakSet[RedisSubscription] = WeakSet()

    def send(self, topic: str, payload: bytes) -> int:
        """Returns how many listen."""
        address = parted(topic)
        if address:
            return self._answer(address, payload)
        now = self._clock.time()
        message = Message({}, {SENT: now}, without_binding(payload))
        text = envelope.write(message, "", 0, envelope.moment(now), topic)
        (listeners,) = self._line.call([("PUBLISH", self._keys.channel(topic), text)])
        return int(listeners)

    def announce(self, kind: str, payload: bytes) -> None:
        """Events go through kombu's fan-out exchange for them, with the kind as the part of the channel's name that
        Celery's listeners choose by."""
        now = self._clock.time()
        text = envelope.write(Message({}, {SENT: now}, payload), kind, 0, envelope.moment(now), EVENTS)
        self._line.call([("PUBLISH", self._keys.channel(f"{EVENTS}/{kind}"), text)])

    def watch(self) -> RedisSubscription:
        return self._listening(RedisSubscription(self._line, self._keys, self._clock, [EVENTS], of_every_kind=True))

    def _answer(self, address: Address, payload: bytes) -> int:
        """Put a reply where kombu's mailbox of the asking process looks for it."""
        exchange, routing_key, ticket = address
        (bound,) = self._line.call([("SMEMBERS", self._keys.binding(exchange))])
        parts = [member.decode("utf-8", "replace").split(self._keys.sep) for member in bound]
        queues = [part[2] for part in parts if len(part) == 3 and part[0] == routing_key]
        message = Message({"ticket": ticket, "clock": 0}, {}, payload)
        commands: list[Command] = []
        for queue in queues:
            text = envelope.write(message, routing_key, 0, envelope.moment(self._clock.time()), exchange)
            name = self._keys.prefix + queue
            commands += [("LPUSH", name, text), ("EXPIRE", name, _REPLIES_LIFE)]
        if commands:
            self._line.call(commands)
        return len(queues)

    def subscribe(self, topics: Sequence[str]) -> RedisSubscription:
        return self._listening(RedisSubscription(self._line, self._keys, self._clock, topics))

    def _listening(self, subscription: RedisSubscription) -> RedisSubscription:
        with self._lock:
            self._subscriptions.add(subscription)
        return subscription

    def close(self) -> None:
        with self._lock:
            subscriptions = list(self._subscriptions)
        for subscription in subscriptions:
            subscription.close()
