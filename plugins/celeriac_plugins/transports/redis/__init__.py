"""Queues in Redis, in kombu's layout: Celery's clients and workers share them. See docs/redis.md."""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from celeriac.errors import TransportCorrupt, TransportDown
from celeriac.message import Delivery, Message, Publication
from celeriac.specs.transport import (
    DeadLetter,
    Litter,
    QueueCounts,
    ReplyBox,
    Subscription,
    Transport,
    TransportOptions,
)
from celeriac_plugins._shared.redis_errors import Faces
from celeriac_plugins._shared.redis_line import Line
from celeriac_plugins._shared.redis_link import Command, with_texts
from celeriac_plugins._shared.redis_place import Place

from . import envelope, scripts
from .claims import LEASES_LIFE
from .dead import DeadLetters
from .fan_out import FanOut
from .garbage import Garbage
from .keys import Keys
from .queues import Queues
from .receiving import Receiving
from .replies import Replies

_BELL_LIFE = 3600


class RedisTransport(Transport):
    """``redis://user:password@host:6379/0``; see `_shared.redis_place.Place` for the URL and its options."""

    failover = frozenset({"sentinel", "redis+cluster", "rediss+cluster"})
    capabilities = frozenset((
        "durable", "processes", "multi-host", "delay", "order", "priority", "lease", "fan-out", "reply", "peek",
        "dead-letter", "census", "garbage", "ahead",
    ))  # fmt: skip

    def __init__(self, options: TransportOptions) -> None:
        super().__init__(options)
        place = Place.parse("transport 'redis'", options.url, options.extra)
        faces = Faces(TransportDown, TransportCorrupt)
        self._now = options.clock.time
        self._peers_timeout: float = place.options["visibility_timeout"]
        self._keys = Keys(place)
        self._tag, self._tags = secrets.token_hex(8), count()
        self._line = Line(place, faces)
        self._receiving = Receiving(self._line, self._keys, options)
        self._queues = Queues(self._line, self._keys, options)
        self._dead = DeadLetters(self._line, self._keys, options.clock)
        self._fan_out = FanOut(self._line, self._keys, options.clock)
        self._replies = Replies(self._line, self._keys, options.clock)
        self._garbage = Garbage(self._line, self._keys, self._fan_out, options.clock)

    # publishing

    def publish(self, batch: Sequence[Publication], timeout: float) -> None:
        if not batch:
            return
        now = self._now()
        note = self._note(batch, now)
        if _are_alike(batch, now):
            self._line.call([self._push(batch, now), *note], timeout)
        else:
            names, arguments = self._each_to_its_place(batch, now)
            self._line.run(scripts.PUBLISH, names, arguments, timeout, note)
        self._queues.noted(note, batch, now)

    def begin_publish(self, batch: Sequence[Publication], timeout: float) -> Callable[[float], None]:
        now = self._now()
        if not batch or not _are_alike(batch, now):
            return super().begin_publish(batch, timeout)
        note = self._note(batch, now)
        replies = self._line.begin([self._push(batch, now), *note], timeout)

        def finish(timeout: float) -> None:
            replies(timeout)
            self._queues.noted(note, batch, now)

        return finish

    def _note(self, batch: Sequence[Publication], now: float) -> list[Command]:
        return self._queues.note({publication.queue for publication in batch}, now)

    def _push(self, batch: Sequence[Publication], now: float) -> Command:
        """What puts messages that are alike into their list."""
        first = batch[0]
        queue, place = self._keys.of(first.queue), self._keys.step(first.message.priority)
        return with_texts("LPUSH", queue.lists[place], texts=self._texts(batch, queue.name, place, now))

    def _each_to_its_place(self, batch: Sequence[Publication], now: float) -> tuple[list[str], list[Any]]:
        keys = self._keys
        names: list[str] = []
        arguments: list[Any] = [_BELL_LIFE]
        for publication in batch:
            message, due = publication.message, publication.due
            queue, place = keys.of(publication.queue), keys.step(message.priority)
            is_late = due is not None and due > now
            (text,) = self._texts([publication], queue.name, place, due if due is not None and is_late else now)
            names += (queue.lists[place], queue.delayed, queue.bell, queue.here)
            arguments += (due if is_late else "", int(bool(message.headers.get("eta"))), text)
        return names, arguments

    def _texts(self, batch: Sequence[Publication], queue: str, place: int, since: float) -> list[bytes]:
        """The envelopes of messages for one list. Their delivery tags are of this object, process and moment."""
        step, moment, write, tags = self._keys.steps[place], envelope.moment(since), envelope.write, self._tags
        tag = f"{self._tag}{os.getpid():08x}"
        return [write(each.message, queue, step, moment, "", f"{tag}{next(tags):08x}") for each in batch]

    # receiving

    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        return self._receiving.receive(queues, limit, timeout)

    def receive_ahead(self, queues: Sequence[str], limit: int) -> None:
        self._receiving.ask(queues, limit)

    def return_ahead(self) -> None:
        self.reject(self._receiving.take_asked(), started=False)

    def wake(self) -> None:
        self._receiving.wake()

    # settling

    def ack(self, batch: Sequence[Delivery]) -> None:
        if batch:
            tokens = [str(delivery.token) for delivery in batch]
            keys = self._keys
            commands: list[Any] = [("HDEL", keys.unacked, *tokens)]
            commands += [("ZREM", name, *tokens) for name in (keys.index, keys.leases)]
            apart = [keys.apart(token) for token in tokens if keys.is_apart(token)]
            if apart:
                commands.append(("UNLINK", *apart))
            self._line.tell(commands)

    def reject(self, batch: Sequence[Delivery], started: bool = True) -> None:
        if batch:
            tokens = sorted((str(delivery.token) for delivery in batch), key=_age, reverse=True)
            self._line.run(scripts.REJECT, self._keys.held, (*self._keys.layout, int(started), *tokens))

    def delay(self, batch: Sequence[tuple[Delivery, float]], started: bool = True) -> None:
        if batch:
            arguments: list[Any] = [*self._keys.layout, int(started), self._now(), _BELL_LIFE]
            for delivery, due in sorted(batch, key=lambda each: _age(str(each[0].token)), reverse=True):
                arguments += (delivery.token, due)
            self._line.run(scripts.DELAY, self._keys.held, arguments)

    def renew(self, batch: Sequence[Delivery]) -> list[Delivery]:
        if not batch:
            return []
        now, lease = self._now(), self.options.lease
        tokens = [delivery.token for delivery in batch]
        held = self._line.run(
            scripts.RENEW,
            self._keys.held,
            (
                *self._keys.layout,
                math.ceil(max(now, now + lease - self._peers_timeout)),
                int((now + lease) * 1000),
                int(lease) + LEASES_LIFE,
                *tokens,
            ),
        )
        return [delivery for delivery, is_held in zip(batch, held, strict=True) if not is_held]

    def dead_letter(self, batch: Sequence[tuple[Delivery, str, str]]) -> None:
        if batch:
            self._dead.bury(batch, self.dead_letter_limit)

    # looking after queues

    def queues(self) -> list[str]:
        return self._queues.names()

    def counts(self, queue: str) -> QueueCounts:
        return self._queues.counts(queue)

    def peek(self, queue: str, limit: int) -> list[Message]:
        return self._queues.peek(queue, limit)

    def oldest(self, queue: str) -> float | None:
        return self._queues.oldest(queue)

    def purge(self, queue: str) -> int:
        return self._queues.purge(queue)

    # dead letters

    def dead_letters(self, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
        return self._dead.newest(limit, offset)

    def find_dead(self, ids: Sequence[str]) -> list[DeadLetter]:
        return self._dead.find(ids)

    def replay(self, ids: Sequence[str]) -> int:
        return self._dead.replay(ids)

    def drop_dead(self, ids: Sequence[str]) -> int:
        return self._dead.drop(ids)

    # fan-out

    def broadcast(self, topic: str, payload: bytes) -> None:
        self._fan_out.send(topic, payload)

    def subscribe(self, topics: Sequence[str]) -> Subscription:
        return self._fan_out.subscribe(topics)

    def announce(self, kind: str, payload: bytes) -> None:
        self._fan_out.announce(kind, payload)

    def watch(self) -> Subscription:
        return self._fan_out.watch()

    # replies

    def listen_for_replies(self, life: float, timeout: float) -> ReplyBox:
        return self._replies.listen(life, timeout)

    def reply(self, batch: Sequence[tuple[str, Message]], life: float) -> None:
        self._replies.send(batch, life)

    # garbage

    def litter(self) -> list[Litter]:
        return self._garbage.find()

    def sweep_litter(self, litter: Sequence[Litter]) -> int:
        return self._garbage.sweep(litter) if litter else 0

    # life

    def close(self) -> None:
        self._receiving.close()
        self._fan_out.close()
        self._replies.close()
        self._line.close()


def _are_alike(batch: Sequence[Publication], now: float) -> bool:
    """Whether they are ready and for one list: of one queue and one priority, as usual."""
    first = batch[0]
    if len(batch) == 1:
        return first.due is None or first.due <= now
    queue, priority = first.queue, first.message.properties.get("priority")
    return all(
        each.queue == queue and each.due is None and each.message.properties.get("priority") == priority
        for each in batch
    )


def _age(token: str) -> str:
    """Sorts the tokens of one process by when they were taken; before that stands the queue."""
    return token[9:]
