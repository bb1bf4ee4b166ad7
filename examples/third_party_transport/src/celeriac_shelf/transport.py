"""The transport: each method is one reading, or one change, of the shelf."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import chain, count, islice, zip_longest
from pathlib import Path
from typing import NoReturn

from celeriac.errors import ConfigurationError, UnsupportedCapability
from celeriac.message import Delivery, Message, Publication, pack, unpack
from celeriac.specs.transport import DeadLetter, QueueCounts, Subscription, Transport, TransportOptions
from celeriac_shelf.shelf import Content, Dead, Item, Shelf

NAP = 0.02
"""Seconds between two looks at whether the file has changed: nothing tells us."""


class ShelfTransport(Transport):
    """``shelf:///srv/shop/queue.shelf``. It takes no options."""

    # What is missing: several machines (a lock on a network share is no lock), broadcasts, and a way to see that a
    # worker has died, other than by its lease.
    capabilities = frozenset(
        {"durable", "processes", "delay", "order", "priority", "lease", "peek", "dead-letter", "census"}
    )

    def __init__(self, options: TransportOptions) -> None:
        super().__init__(options)
        if options.extra:
            raise ConfigurationError(f"transport 'shelf' takes no options, but was given {', '.join(options.extra)}")
        path = options.url.partition("://")[2]
        if not path:
            raise ConfigurationError("transport 'shelf' needs a file: shelf:///srv/shop/queue.shelf")
        self._now = options.clock.time
        self._shelf = Shelf(Path(path))
        self._turns = count()
        self._wakes: deque[None] = deque()
        self._closed = False

    # publishing

    def publish(self, batch: Sequence[Publication], timeout: float) -> None:
        packed = [(each, pack(each.message)) for each in batch]
        now = self._now()
        with self._shelf.changing(timeout) as content:
            for each, data in packed:
                number = content.next_number()
                content.items.append(Item(number, each.queue, each.message.priority, data, now, each.due))

    # receiving and settling

    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        mark, change = None, 0.0
        while True:
            if self._shelf.mark() != mark or self._now() >= change:
                mark = self._shelf.mark()
                found, change = self._take(queues, limit)
                if found:
                    return found
            if time.monotonic() >= deadline or self._closed or self._take_wake():
                return []
            time.sleep(NAP)

    def _take(self, queues: Sequence[str], limit: int) -> tuple[list[Delivery], float]:
        """What is there now, and when more becomes ready by itself."""
        now = self._now()
        with self._shelf.changing() as content:
            content.tidy(now)
            lines = [line for line in map(content.ready, dict.fromkeys(queues)) if line]
            taken = list(islice(_in_turn(lines, next(self._turns)), limit)) if lines else []
            for item in taken:
                item.count += 1
                item.claim = content.next_number()
                item.until = now + self.options.lease
            return [Delivery(unpack(i.data), i.queue, i.count, i.claim) for i in taken], content.next_change()

    def wake(self) -> None:
        self._wakes.append(None)  # no lock, as a signal handler may be the caller

    def _take_wake(self) -> bool:
        with suppress(IndexError):
            self._wakes.popleft()
            return True
        return False

    def ack(self, batch: Sequence[Delivery]) -> None:
        with self._shelf.changing() as content:
            for delivery in batch:
                if item := content.held(delivery.token):
                    content.items.remove(item)

    def reject(self, batch: Sequence[Delivery], started: bool = True) -> None:
        self.delay([(delivery, 0.0) for delivery in batch], started)

    def delay(self, batch: Sequence[tuple[Delivery, float]], started: bool = True) -> None:
        now = self._now()
        with self._shelf.changing() as content:
            for delivery, due in batch:
                if item := content.held(delivery.token):
                    item.claim, item.due = None, due if due > now else None
                    item.count -= not started

    def renew(self, batch: Sequence[Delivery]) -> list[Delivery]:
        lost = []
        with self._shelf.changing() as content:
            for delivery in batch:
                if item := content.held(delivery.token):
                    item.until = self._now() + self.options.lease
                else:
                    lost.append(delivery)
        return lost

    def dead_letter(self, batch: Sequence[tuple[Delivery, str, str]]) -> None:
        with self._shelf.changing() as content:
            for delivery, reason, detail in batch:
                if item := content.held(delivery.token):
                    content.items.remove(item)
                    content.dead.append(Dead(f"dead-{content.next_number()}", item, reason, detail, self._now()))
            del content.dead[: -self.dead_letter_limit]

    # looking after queues

    def queues(self) -> list[str]:
        with self._shelf.reading() as content:
            return sorted({item.queue for item in content.items})

    def counts(self, queue: str) -> QueueCounts:
        content = self._look()
        items = [item for item in content.items if item.queue == queue]
        held = sum(item.claim is not None for item in items)
        delayed = sum(item.due is not None for item in items)
        return QueueCounts(len(items) - held - delayed, held, delayed)

    def peek(self, queue: str, limit: int) -> list[Message]:
        return [unpack(item.data) for item in self._look().ready(queue)[:limit]]

    def oldest(self, queue: str) -> float | None:
        return min((item.since for item in self._look().ready(queue)), default=None)

    def purge(self, queue: str) -> int:
        with self._shelf.changing() as content:
            kept = [item for item in content.items if item.queue != queue or item.claim is not None]
            dropped, content.items = len(content.items) - len(kept), kept
        return dropped

    def _look(self) -> Content:
        with self._shelf.reading() as content:
            content.tidy(self._now())
        return content

    # dead letters

    def dead_letters(self, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
        with self._shelf.reading() as content:
            return [_letter(dead) for dead in content.dead[::-1][offset : offset + limit]]

    def find_dead(self, ids: Sequence[str]) -> list[DeadLetter]:
        wanted = set(ids)
        return [each for each in self.dead_letters(self.dead_letter_limit) if {each.id, each.message.id} & wanted]

    def replay(self, ids: Sequence[str]) -> int:
        with self._shelf.changing() as content:
            exhumed = _exhume(content, ids)
            for item in exhumed:
                content.items.append(Item(content.next_number(), item.queue, item.priority, item.data, self._now()))
        return len(exhumed)

    def drop_dead(self, ids: Sequence[str]) -> int:
        with self._shelf.changing() as content:
            return len(_exhume(content, ids))

    # fan-out: not declared, so never asked for by the kernel; a user may still ask

    def broadcast(self, topic: str, payload: bytes) -> NoReturn:  # noqa: ARG002
        raise UnsupportedCapability("transport 'shelf' has no broadcasts, so workers cannot be controlled through it")

    def subscribe(self, topics: Sequence[str]) -> Subscription:  # noqa: ARG002
        raise UnsupportedCapability("transport 'shelf' has no broadcasts to listen to")

    # life

    def close(self) -> None:
        self._closed = True


def _in_turn(lines: Sequence[Iterable[Item]], turn: int) -> Iterable[Item]:
    """One of each line after the other, so that a long one does not starve a short one."""
    first = turn % len(lines)
    rounds = zip_longest(*lines[first:], *lines[:first])
    return (item for item in chain.from_iterable(rounds) if item is not None)


def _exhume(content: Content, ids: Sequence[str]) -> list[Item]:
    wanted = set(ids)
    found = [dead for dead in content.dead if dead.id in wanted]
    content.dead = [dead for dead in content.dead if dead.id not in wanted]
    return [dead.item for dead in found]


def _letter(dead: Dead) -> DeadLetter:
    item = dead.item
    return DeadLetter(dead.id, item.queue, unpack(item.data), dead.reason, dead.detail, item.count, dead.at)
