"""What can be said of queues without receiving from them."""

from __future__ import annotations

from collections.abc import Iterable
from sqlite3 import Connection

from celeriac.clock import Clock
from celeriac.message import Message, unpack
from celeriac.specs.transport import QueueCounts
from celeriac_plugins._shared.sqlite import Store

from . import _sqlite_tables as sql
from ._sqlite_lanes import Lane, first

_LATELY = 86400.0
"""Seconds for which a lane that is empty is kept after its last use, and with it the name of its queue."""
_NOTE_EVERY = 3600.0
"""Seconds after which a process notes again that it uses a lane."""
_SAMPLE = 1000

_NAMES = "SELECT DISTINCT queue FROM celeriac_lane ORDER BY queue"
_LANES = f"SELECT {sql.BEGIN}, claimed, {sql.MIDDLE}, {sql.END} FROM celeriac_lane WHERE queue = ?"  # noqa: S608 (constants)
_OF_LANE = f"id > {sql.BEGIN} AND id < {sql.END}"
# Fresh ones need no counting: their numbers have no gaps.
_COUNTS = f"""SELECT coalesce(sum({sql.LAST_FRESH} - claimed
+ (SELECT count(*) FROM celeriac_returned WHERE place >= {sql.BEGIN} AND place < {sql.MIDDLE})), 0),
coalesce(sum((SELECT count(*) FROM celeriac_held WHERE {_OF_LANE})), 0),
coalesce(sum((SELECT count(*) FROM celeriac_delayed WHERE {_OF_LANE})), 0)
FROM celeriac_lane WHERE queue = ?"""  # noqa: S608

_OLDEST_FRESH = """SELECT min(since) FROM (
SELECT since FROM celeriac_message WHERE id > ? AND id < ? ORDER BY id LIMIT ?)"""
_OLDEST_RETURNED = """SELECT min(since) FROM (
SELECT since FROM celeriac_returned CROSS JOIN celeriac_message USING(id)
WHERE place >= ? AND place < ? ORDER BY place, id LIMIT ?)"""

_DROP_FRESH = "DELETE FROM celeriac_message WHERE id > ? AND id < ?"


def _drop(which: str) -> tuple[str, str]:
    return f"DELETE FROM celeriac_message WHERE id IN (SELECT id FROM {which})", f"DELETE FROM {which}"  # noqa: S608


_DROP_RETURNED = _drop("celeriac_returned WHERE place >= ? AND place < ?")
_DROP_DELAYED = _drop("celeriac_delayed WHERE id > ? AND id < ?")


class Queues:
    """The queues in `store`, and which of their lanes this process has used."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._noted: dict[Lane, float] = {}

    def unused(self, lanes: Iterable[Lane], now: float) -> list[Lane]:
        """Those whose use has to be noted (again)."""
        noted = self._noted
        return [lane for lane in lanes if not 0 <= now - noted.get(lane, -_NOTE_EVERY) < _NOTE_EVERY]

    def note(self, lanes: Iterable[Lane], now: float) -> None:
        for lane in lanes:
            self._noted[lane] = now

    def names(self) -> list[str]:
        self._store.write(sql.FORGET_LANES, (self._clock.time() - _LATELY,))
        return [name for (name,) in self._store.read(_NAMES)]

    def counts(self, queue: str) -> QueueCounts:
        (found,) = self._store.read(_COUNTS, (queue,))
        return QueueCounts(*found)

    def peek(self, queue: str, limit: int) -> list[Message]:
        read = self._store.read
        found: list[bytes] = []
        for _, *bounds in read(sql.READY_LANES, (queue,)):
            returned, fresh = first(read, bounds, limit - len(found))
            found += [row[3] for row in sorted(returned + fresh)]
        return [unpack(data) for data in found]

    def oldest(self, queue: str) -> float | None:
        """Messages lie in the order of publishing; only one that was delayed can be younger than what comes after it.
        So the oldest is the first, or comes soon after it."""
        spans = [
            span
            for _, begin, claimed, middle, _ in self._store.read(sql.READY_LANES, (queue,))
            for span in ((_OLDEST_RETURNED, begin, middle), (_OLDEST_FRESH, claimed, middle))
        ]
        oldest = (self._store.read(statement, (start, end, _SAMPLE))[0][0] for statement, start, end in spans)
        return min((since for since in oldest if since is not None), default=None)

    def purge(self, queue: str) -> int:
        def work(connection: Connection) -> int:
            dropped = 0
            for begin, claimed, middle, end in connection.execute(_LANES, (queue,)).fetchall():
                dropped += connection.execute(_DROP_FRESH, (claimed, middle)).rowcount
                for (messages, marks), last in ((_DROP_RETURNED, middle), (_DROP_DELAYED, end)):
                    dropped += connection.execute(messages, (begin, last)).rowcount
                    connection.execute(marks, (begin, last))
            return dropped

        return self._store.transaction(work)
