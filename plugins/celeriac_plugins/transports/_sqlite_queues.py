"""What can be said of queues without receiving from them."""

from __future__ import annotations

from collections.abc import Iterable
from sqlite3 import Connection

from celeriac.clock import Clock
from celeriac.message import MAX_PRIORITY, MIN_PRIORITY, Message, unpack
from celeriac.specs.transport import QueueCounts
from celeriac_plugins._shared.sqlite import Store

_LATELY = 86400.0
"""Seconds for which the name of an empty queue is kept after its last use."""
_NOTE_EVERY = 3600.0
"""Seconds after which a process notes again that it uses a queue."""
_SAMPLE = 1000

_NAMES = "SELECT name FROM celeriac_queue ORDER BY name"
_FORGET_UNUSED = """DELETE FROM celeriac_queue WHERE used < ?
AND NOT EXISTS (SELECT 1 FROM celeriac_message WHERE state = 0 AND queue = name)
AND NOT EXISTS (SELECT 1 FROM celeriac_message WHERE state = 1 AND queue = name)
AND NOT EXISTS (SELECT 1 FROM celeriac_message WHERE state = 2 AND queue = name)"""
_COUNTS = """SELECT
(SELECT count(*) FROM celeriac_message WHERE state = 0 AND queue = ?1),
(SELECT count(*) FROM celeriac_message WHERE state = 1 AND queue = ?1),
(SELECT count(*) FROM celeriac_message WHERE state = 2 AND queue = ?1)"""
_PEEK = "SELECT data FROM celeriac_message WHERE state = 0 AND queue = ? ORDER BY priority DESC, id LIMIT ?"
_OLDEST = f"""SELECT min(since) FROM (
SELECT since FROM celeriac_message WHERE state = 0 AND queue = ? AND priority = ? ORDER BY id LIMIT {_SAMPLE})"""  # noqa: S608
_PURGE = "DELETE FROM celeriac_message WHERE state = ? AND queue = ?"


class Queues:
    """The queues in `store`, and which of them this process has used."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._noted: dict[str, float] = {}

    def unused(self, names: Iterable[str], now: float) -> list[str]:
        """Those whose use has to be noted (again)."""
        noted = self._noted
        return [name for name in names if not 0 <= now - noted.get(name, -_NOTE_EVERY) < _NOTE_EVERY]

    def note(self, names: Iterable[str], now: float) -> None:
        for name in names:
            self._noted[name] = now

    def names(self) -> list[str]:
        limit = self._clock.time() - _LATELY
        self._store.write(_FORGET_UNUSED, (limit,))
        return [name for (name,) in self._store.read(_NAMES)]

    def counts(self, queue: str) -> QueueCounts:
        (found,) = self._store.read(_COUNTS, (queue,))
        return QueueCounts(*found)

    def peek(self, queue: str, limit: int) -> list[Message]:
        return [unpack(data) for (data,) in self._store.read(_PEEK, (queue, limit))]

    def oldest(self, queue: str) -> float | None:
        """Within a priority, messages lie in the order of publishing; only one that was delayed can be younger than
        what comes after it. So the oldest is the first, or comes soon after it."""
        priorities = range(MIN_PRIORITY, MAX_PRIORITY + 1)
        oldest = (self._store.read(_OLDEST, (queue, priority))[0][0] for priority in priorities)
        return min((since for since in oldest if since is not None), default=None)

    def purge(self, queue: str) -> int:
        def work(connection: Connection) -> int:
            return sum(connection.execute(_PURGE, (state, queue)).rowcount for state in (0, 2))

        return self._store.transaction(work)
