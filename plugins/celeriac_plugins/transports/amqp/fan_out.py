"""Broadcasts: Celery's mailboxes for remote control, and a direct exchange for all other topics.

Celery's control exchange (``celery.pidbox``) is a fan-out, its replies go through a direct exchange
(``reply.celery.pidbox``) with the asking process as routing key. A listener has an exclusive queue, which goes with its
connection: RabbitMQ 4.3 takes no transient queue that is not exclusive.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Final, NamedTuple
from weakref import WeakSet

from celeriac.clock import Clock
from celeriac.message import Message
from celeriac.specs.transport import EVENTS
from celeriac_plugins._shared.pidbox import REPLY, parted

from . import envelope
from .envelope import FRESH
from .line import Line
from .names import TOPICS, queue_name
from .place import Place
from .posting import Post, Posting
from .subscription import SENT, TOPIC, AmqpSubscription

_PIDBOX: Final = ".pidbox"
_TRANSIENT: Final = 1


class Address(NamedTuple):
    exchange: str
    kind: str
    key: str

    @property
    def is_durable(self) -> bool:
        """Whether the exchange outlives the broker: Celery declares that of events so, and all must declare alike."""
        return self.exchange == EVENTS


def address_of(topic: str) -> Address:
    """Where what is sent to a topic goes."""
    if topic.startswith(REPLY):
        return Address(topic.rpartition(".")[0], "direct", topic)
    if topic.endswith(_PIDBOX):
        return Address(topic, "fanout", "")
    return Address(TOPICS, "direct", queue_name(topic))


class FanOut:
    """Sends, and knows who listens through it."""

    def __init__(self, place: Place, line: Line, posting: Posting, heartbeat: float, clock: Clock) -> None:
        self._place = place
        self._line = line
        self._posting = posting
        self._heartbeat = heartbeat
        self._clock = clock
        self._lock = Lock()
        self._subscriptions: WeakSet[AmqpSubscription] = WeakSet()

    def send(self, topic: str, payload: bytes) -> None:
        answer = parted(topic)
        if answer:
            exchange, key, ticket = answer
            self._shout(Address(exchange, "direct", key), {"ticket": ticket, "clock": 0}, payload)
        else:
            self._shout(address_of(topic), {SENT: self._clock.time(), TOPIC: topic}, payload)

    def announce(self, kind: str, payload: bytes) -> None:
        """Events go through Celery's exchange for them, with the kind as routing key."""
        address = Address(EVENTS, "topic", kind)
        self._shout(address, {SENT: self._clock.time(), TOPIC: EVENTS}, payload)

    def watch(self) -> AmqpSubscription:
        return self._listening([EVENTS], [Address(EVENTS, "topic", "#")])

    def _shout(self, address: Address, headers: dict[str, object], payload: bytes) -> None:
        message = Message(headers, {"delivery_mode": _TRANSIENT}, payload)
        content = envelope.write(message, FRESH, self._line.largest_properties)
        kind, durable = address.kind, address.is_durable
        self._posting.shout(address.exchange, kind, durable, Post("", address.exchange, address.key, content))

    def subscribe(self, topics: Sequence[str]) -> AmqpSubscription:
        return self._listening(topics, [address_of(topic) for topic in topics])

    def _listening(self, topics: Sequence[str], bindings: Sequence[Address]) -> AmqpSubscription:
        subscription = AmqpSubscription(self._place, self._line, self._heartbeat, self._clock, topics, bindings)
        with self._lock:
            self._subscriptions.add(subscription)
        return subscription

    def close(self) -> None:
        with self._lock:
            subscriptions = list(self._subscriptions)
        for subscription in subscriptions:
            subscription.close()
