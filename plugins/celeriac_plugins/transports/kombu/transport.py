"""Whatever kombu can reach, for instance SQS as ``kombu+sqs://``: the same queues as Celery's. See docs/kombu.md."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Final, NoReturn

from celeriac.errors import UnsupportedCapability
from celeriac.message import Delivery, Message, Publication
from celeriac.specs.transport import DeadLetter, QueueCounts, Subscription, Transport, TransportOptions

from .dead import DeadLetters
from .habits import ALL
from .holding import Held
from .line import PATIENCE, Channel, Line
from .place import Place
from .receiving import Receiving
from .sending import Sending, take_all
from .settling import Settling

logger = logging.getLogger("celeriac.transport")

_CLOSING: Final = 5.0


class KombuTransport(Transport):
    """``kombu+NAME://…``, where ``NAME://…`` is a URL of kombu's and `options.extra` are its transport options."""

    capabilities = ALL

    def __init__(self, options: TransportOptions) -> None:
        super().__init__(options)
        self._place = Place.parse(options)
        self.capabilities = self._place.habits.capabilities
        self._used: set[str] = set()
        self._warned = False
        held = Held(options.clock.time)
        self._line = Line(self._place, "celeriac-kombu-receiving", restores=False)
        self._settling = Settling(self._place, self._line, held, options)
        self._receiving = Receiving(self._place, self._line, held, self._settling, options)
        self._sending = Sending(self._place, options)
        self._dead = DeadLetters(self._place, self._sending.line, self._settling, options.clock)

    # publishing

    def publish(self, batch: Sequence[Publication], timeout: float) -> None:
        if batch:
            self._sending.publish(batch, timeout)
            self._used.update(each.queue for each in batch)
            self._receiving.ring()

    # receiving and settling

    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        self._warn()
        found = self._receiving.receive(queues, limit, timeout)
        self._used.update(each.queue for each in found)
        return found

    def _warn(self) -> None:
        if not self._warned and not self._place.habits.keeps:
            self._warned = True
            logger.warning(
                "%s keeps nothing that a worker holds: what a killed worker was working on is lost", self._place.shown
            )

    def wake(self) -> None:
        self._receiving.wake()

    def ack(self, batch: Sequence[Delivery]) -> None:
        self._settling.ack(batch)

    def reject(self, batch: Sequence[Delivery], started: bool = True) -> None:
        self._settling.reject(batch, started=started)
        self._receiving.ring()

    def delay(self, batch: Sequence[tuple[Delivery, float]], started: bool = True) -> None:
        self._settling.delay(batch, started=started)
        self._receiving.ring()

    def renew(self, batch: Sequence[Delivery]) -> list[Delivery]:
        return self._settling.renew(batch)

    def dead_letter(self, batch: Sequence[tuple[Delivery, str, str]]) -> None:
        if batch:
            self._dead.bury(batch, self.dead_letter_limit)

    # looking after queues

    def queues(self) -> list[str]:
        return sorted(self._used)

    def counts(self, queue: str) -> QueueCounts:
        name = self._place.queue(queue)
        return QueueCounts(self._sending.line.do(lambda channel: channel.queue_declare(name).message_count, PATIENCE))

    def peek(self, queue: str, limit: int) -> list[Message]:  # noqa: ARG002
        self._cannot("look at messages without taking them")

    def oldest(self, queue: str) -> float | None:  # noqa: ARG002  nobody knows
        return None

    def purge(self, queue: str) -> int:
        return self._sending.line.do(partial(self._purge, self._place.queue(queue)), PATIENCE)

    def _purge(self, name: str, channel: Channel) -> int:
        channel.queue_declare(name)
        if not self._place.habits.keeps:
            return channel.queue_purge(name) or 0
        # Where the broker keeps what is held, its own purge may take that along, and kombu does not count well.
        gone = 0
        for received in take_all(channel, name):
            channel.basic_ack(received.delivery_tag)
            gone += 1
        return gone

    # dead letters

    def dead_letters(self, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
        return self._dead.newest(limit, offset)

    def find_dead(self, ids: Sequence[str]) -> list[DeadLetter]:
        return self._dead.find(ids) if ids else []

    def replay(self, ids: Sequence[str]) -> int:
        number = self._dead.replay(ids)
        self._receiving.ring()
        return number

    def drop_dead(self, ids: Sequence[str]) -> int:
        return self._dead.drop(ids)

    # fan-out

    def broadcast(self, topic: str, payload: bytes) -> None:  # noqa: ARG002
        self._cannot("broadcast, so workers cannot be controlled through it")

    def subscribe(self, topics: Sequence[str]) -> Subscription:  # noqa: ARG002
        self._cannot("broadcast, so there is nothing to listen to")

    def _cannot(self, what: str) -> NoReturn:
        raise UnsupportedCapability(f"{self._place.shown} cannot {what}")

    # life

    def close(self) -> None:
        self._receiving.close()
        self._settling.give_back_all()
        self._line.close(_CLOSING)
        self._sending.line.close(_CLOSING)
