"""What can be said of queues without receiving from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from celeriac.message import Message, Publication
from celeriac.specs.transport import QueueCounts, TransportOptions
from celeriac_plugins._shared.redis_line import Line
from celeriac_plugins._shared.redis_link import Command

from . import envelope, scripts
from .keys import Keys, QueueKeys

_LATELY = 86_400.0
"""Seconds for which the name of an empty queue is kept after its last use."""
_NOTE_EVERY = 3600.0
"""Seconds after which a process notes again that it uses a queue."""
_NAMES_LIFE = 30 * 86_400


class Queues:
    """The queues, and which of them this process has used."""

    def __init__(self, line: Line, keys: Keys, options: TransportOptions) -> None:
        self._line = line
        self._keys = keys
        self._now = options.clock.time
        self._timeout: float = line.place.options["visibility_timeout"]
        self._noted: dict[str, float] = {}
        self._connection = 0

    def note(self, names: Iterable[str], now: float) -> list[Command]:
        """The commands that note their use, where that has to be done (again)."""
        if self._connection != self._line.connections:  # perhaps another server, or one without its data
            self._noted = {}
        noted = self._noted
        unused = [name for name in names if not 0 <= now - noted.get(name, -_NOTE_EVERY) < _NOTE_EVERY]
        if not unused:
            return []
        scores = [item for name in unused for item in (now, name)]
        return [("ZADD", self._keys.queues, *scores), ("EXPIRE", self._keys.queues, _NAMES_LIFE)]

    def noted(self, commands: Sequence[Command], batch: Iterable[Publication], now: float) -> None:
        """Those commands were done."""
        if commands:
            self._connection = self._line.connections
            self._noted.update((publication.queue, now) for publication in batch)

    def names(self) -> list[str]:
        now = self._now()
        (found,) = self._line.call([("ZRANGE", self._keys.queues, 0, -1, "WITHSCORES")])
        names = {name.decode(): score for name, score in found}
        old = [name for name, score in names.items() if score < now - _LATELY]
        if old:
            keys = [self._keys.of(name) for name in old]
            there = self._line.call([("EXISTS", each.delayed, *each.lists) for each in keys])
            empty = [name for name, number in zip(old, there, strict=True) if not number]
            if empty:
                self._line.call([("ZREM", self._keys.queues, *empty)])
            for name in empty:
                del names[name]
        return sorted(names)

    def counts(self, queue: str) -> QueueCounts:
        keys = self._keys.of(queue)
        if not self._line.call([("EXISTS", self._keys.unacked, self._keys.leases, keys.delayed, *keys.lists)])[0]:
            return QueueCounts()  # as in most queues, most of the time
        self._look(queue)
        return QueueCounts(
            *self._line.run(
                scripts.COUNT,
                (*self._keys.held, keys.delayed, *keys.lists),
                (*self._keys.layout, queue, keys.digest, keys.apart),
            )
        )

    def peek(self, queue: str, limit: int) -> list[Message]:
        if limit < 1:
            return []
        keys = self._look(queue)
        found: list[bytes] = []
        for texts in self._line.call([("LRANGE", name, -limit, -1) for name in keys.lists]):
            found += reversed(texts)
        return [envelope.read(text)[0] for text in found[:limit]]

    def oldest(self, queue: str) -> float | None:
        """Of each list the end is the oldest; a Celery client's message does not say since when it waits."""
        keys = self._look(queue)
        ends = self._line.call([("LINDEX", name, -1) for name in keys.lists])
        since = min((at for end in ends if end and (at := envelope.since(end)) is not None), default=None)
        return since if since is None else min(since, self._now())

    def purge(self, queue: str) -> int:
        keys = self._look(queue)
        gone: int = self._line.run(scripts.PURGE, (keys.delayed, *keys.lists), ())
        return gone

    def _look(self, queue: str) -> QueueKeys:
        keys, now = self._keys.of(queue), self._now()
        arguments: tuple[Any, ...] = (*self._keys.layout, now, now - self._timeout, queue)
        self._line.run(scripts.LOOK, (*self._keys.held, keys.delayed), arguments)
        return keys
