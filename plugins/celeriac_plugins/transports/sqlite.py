"""Queues in one SQLite file: durable, with nothing to set up, for any number of processes on one machine.

A worker that waits is woken by a bell beside the file (`_shared.board`), and what a dead worker held is taken from it
as soon as another one looks, as a dead process cannot keep its lock on the board.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from sqlite3 import Connection
from typing import Any

from celeriac.errors import TransportCorrupt, TransportDown
from celeriac.message import Delivery, Message, Publication, pack, unpack
from celeriac.specs.transport import DeadLetter, QueueCounts, Subscription, Transport, TransportOptions
from celeriac_plugins._shared.board import MESSAGES, Board
from celeriac_plugins._shared.board_seat import HAS_LOCKS
from celeriac_plugins._shared.board_watch import LONGEST_SLEEP, Watch
from celeriac_plugins._shared.sqlite import Faces, Store
from celeriac_plugins._shared.sqlite_place import Place

from . import _sqlite_lanes as lanes
from . import _sqlite_tables as sql
from ._sqlite_dead import DeadLetters
from ._sqlite_fanout import FanOut
from ._sqlite_lanes import Lane, Row, token_of
from ._sqlite_queues import Queues

_LOOK_EVERY = 0.005
"""Seconds between two looks for due and expired messages while ready ones keep coming."""
_LOOK_FOR_THE_DEAD_EVERY = 0.5


class SqliteTransport(Transport):
    """``sqlite:///srv/shop/queue.db``; see `_shared.sqlite_place.Place` for the URL and its options."""

    capabilities = frozenset(
        {"durable", "processes", "delay", "order", "priority", "lease", "fan-out", "peek", "dead-letter", "census"}
        | ({"owner-liveness"} if HAS_LOCKS else set())
    )

    def __init__(self, options: TransportOptions) -> None:
        super().__init__(options)
        place = Place.parse("transport 'sqlite'", options.url, options.extra)
        self._now = options.clock.time
        self._store = Store(place, sql.TABLES, Faces(TransportDown, TransportCorrupt))
        self._board = Board(place.path)
        self._watch = Watch(self._board, MESSAGES)
        self._queues = Queues(self._store, options.clock)
        self._dead = DeadLetters(self._store, options.clock)
        self._fan_out = FanOut(self._store, self._board, options.clock)
        self._claims = count(1)
        self._turns = count()
        self._dry = False
        """Whether the last claim left nothing behind."""
        self._looked = -math.inf
        self._looked_for_the_dead = -math.inf

    # publishing

    def publish(self, batch: Sequence[Publication], timeout: float) -> None:
        if not batch:
            return
        now = self._now()
        rows = [_row(publication, now) for publication in batch]
        unused = self._queues.unused({row[:2] for row in rows}, now)
        if unused or len(rows) > 1 or not self._publish_one(rows[0], timeout):
            self._store.transaction(partial(_publish, rows=rows, unused=unused, now=now), timeout)
            self._queues.note(unused, now)
        soon = now + LONGEST_SLEEP  # sleepers look that often by themselves
        self._board.ring(MESSAGES, (row[0] for row in rows if row[2] is None or row[2] < soon))

    def _publish_one(self, row: Row, timeout: float) -> bool:
        """By one statement, which does it for a fresh message in a lane that there is."""
        queue, priority, due, since, data = row
        return due is None and self._store.change(sql.PUBLISH_ONE, (since, data, queue, priority), timeout) == 1

    # receiving

    def receive(self, queues: Sequence[str], limit: int, timeout: float | None) -> list[Delivery]:
        if limit < 1 or not queues:
            raise ValueError("receive takes one queue or more, and a limit of 1 or more")
        if self._watch.take_wake():
            timeout = 0
        if not self._dry:
            now = self._now()
            if self._is_time_to_look(now):
                self._look_around(now)
            found = self._claim(queues, limit, now)
            if found:
                return found
        if timeout is not None and timeout <= 0:
            return self._look(queues, limit)[0]
        return self._watch.wait(queues, partial(self._look, queues, limit), timeout)

    def _claim(self, queues: Sequence[str], limit: int, now: float) -> list[Delivery]:
        names = queues if len(queues) == 1 else self._in_turn(queues)
        owner, number = self._board.name, next(self._claims)
        holder = now + self.options.lease, owner, number
        found = self._store.transaction(partial(lanes.claim, queues=names, limit=limit, holder=holder))
        deliveries = [
            Delivery(unpack(data), queue, count + 1, (key, owner, number))
            for queue, ready in found
            for _, key, count, data in ready
        ]
        self._dry = len(deliveries) < limit
        return deliveries

    def _claim_if_any(self, queues: Sequence[str], limit: int, now: float) -> list[Delivery]:
        """For when there is probably nothing: a claim of nothing keeps other writers out all the same."""
        if self._store.read(sql.any_ready(len(queues)), queues):
            return self._claim(queues, limit, now)
        return []

    def _in_turn(self, queues: Sequence[str]) -> list[str]:
        """Each receive begins at the next queue, so that a full one does not starve the others."""
        names = list(dict.fromkeys(queues))
        first = next(self._turns) % len(names)
        return names[first:] + names[:first]

    def _look(self, queues: Sequence[str], limit: int) -> tuple[list[Delivery], float]:
        """All that can be had; for how many seconds there will be no more, unless the bell rings."""
        now = self._now()
        self._looked_for_the_dead = -math.inf
        change = self._look_around(now) if self._is_time_to_look(now) else now
        found = self._claim_if_any(queues, limit, now)
        if not found and change <= now:
            change = self._look_around(now)
            found = self._claim_if_any(queues, limit, now)
        return found, change - now

    def _is_time_to_look(self, now: float) -> bool:
        return not 0 <= now - self._looked < _LOOK_EVERY

    def _look_around(self, now: float) -> float:
        """Free what is due, or held without right. When there will be more of that; `now` when there was some."""
        self._looked = now
        for_the_dead = not 0 <= now - self._looked_for_the_dead < _LOOK_FOR_THE_DEAD_EVERY
        if for_the_dead:
            self._looked_for_the_dead = now
        (_, due), *holders = self._store.read(sql.LOOK_AROUND)
        change = math.inf if due is None else max(due, now)
        if change <= now:
            self._free(sql.FREE_DUE, now)
        for owner, end in holders:
            if end <= now:
                self._free(sql.FREE_HELD, owner, now)
            elif for_the_dead and self._board.is_gone(owner):
                self._free(sql.FREE_HELD, owner, math.inf)
                end = now
            change = min(change, max(end, now))
        return change

    def _free(self, statements: tuple[str, str], *values: Any) -> None:
        full = True
        while full:
            queues = self._store.transaction(partial(lanes.free, statements=statements, values=values))
            self._board.ring(MESSAGES, queues)
            full = len(queues) == sql.SOME

    def wake(self) -> None:
        self._watch.wake_one()

    # settling

    def ack(self, batch: Sequence[Delivery]) -> None:
        if len(batch) == 1:
            self._store.write(sql.ACKNOWLEDGE_ONE, token_of(batch[0]))
        elif batch:
            self._store.transaction(partial(lanes.acknowledge, batch=batch))

    def reject(self, batch: Sequence[Delivery], started: bool = True) -> None:
        if batch:
            self._store.transaction(partial(lanes.give_back, batch=batch, uncounted=int(not started)))
            self._board.ring(MESSAGES, (delivery.queue for delivery in batch))

    def delay(self, batch: Sequence[tuple[Delivery, float]], started: bool = True) -> None:
        if batch:
            self._store.transaction(partial(lanes.delay, batch=batch, uncounted=int(not started)))
            soon = self._now() + LONGEST_SLEEP
            self._board.ring(MESSAGES, (delivery.queue for delivery, due in batch if due < soon))

    def renew(self, batch: Sequence[Delivery]) -> list[Delivery]:
        if not batch:
            return []
        until = self._now() + self.options.lease
        held = self._store.transaction(partial(lanes.renew, batch=batch, until=until))
        return [delivery for delivery in batch if token_of(delivery) not in held]

    def dead_letter(self, batch: Sequence[tuple[Delivery, str, str]]) -> None:
        if batch:
            letters = [(token_of(delivery), delivery.message.id, reason, detail) for delivery, reason, detail in batch]
            self._dead.bury(letters, self.dead_letter_limit)

    # looking after queues

    def queues(self) -> list[str]:
        return self._queues.names()

    def counts(self, queue: str) -> QueueCounts:
        self._look_around(self._now())
        return self._queues.counts(queue)

    def peek(self, queue: str, limit: int) -> list[Message]:
        self._look_around(self._now())
        return self._queues.peek(queue, limit)

    def oldest(self, queue: str) -> float | None:
        self._look_around(self._now())
        return self._queues.oldest(queue)

    def purge(self, queue: str) -> int:
        self._look_around(self._now())
        return self._queues.purge(queue)

    # dead letters

    def dead_letters(self, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
        return self._dead.newest(limit, offset)

    def find_dead(self, ids: Sequence[str]) -> list[DeadLetter]:
        return self._dead.find(ids)

    def replay(self, ids: Sequence[str]) -> int:
        queues = self._dead.replay(ids)
        self._board.ring(MESSAGES, queues)
        return len(queues)

    def drop_dead(self, ids: Sequence[str]) -> int:
        return self._dead.drop(ids)

    # fan-out

    def broadcast(self, topic: str, payload: bytes) -> None:
        self._fan_out.send(topic, payload)

    def subscribe(self, topics: Sequence[str]) -> Subscription:
        return self._fan_out.subscribe(topics)

    # life

    def close(self) -> None:
        self._watch.close()
        self._fan_out.close()
        if self._board.has_name and not self._store.closed:
            # What is held stays held until its lease runs out; once the board is left, its owner would count as dead.
            with suppress(TransportDown, TransportCorrupt):
                self._store.write(sql.DISOWN, (self._board.name,))
        self._store.close()
        self._board.close()


def _row(publication: Publication, now: float) -> Row:
    message, due = publication.message, publication.due
    if due is None or due <= now:
        return publication.queue, message.priority, None, now, pack(message)
    return publication.queue, message.priority, due, due, pack(message)


def _publish(connection: Connection, rows: Sequence[Row], unused: Sequence[Lane], now: float) -> None:
    lanes.use(connection, unused, now)
    lanes.publish(connection, rows, now)
