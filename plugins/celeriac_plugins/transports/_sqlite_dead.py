"""Dead letters: messages that will not be delivered again, kept with their evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from sqlite3 import Connection
from typing import Any

from celeriac.clock import Clock
from celeriac.message import unpack
from celeriac.specs.transport import DeadLetter
from celeriac_plugins._shared.sqlite import Store

from . import _sqlite_lanes as lanes
from . import _sqlite_tables as sql
from ._sqlite_lanes import Row

_BURY = f"""INSERT INTO celeriac_dead(task, queue, priority, reason, detail, deliveries, at, data)
SELECT ?, queue, priority, ?, ?, deliveries, ?, data
FROM celeriac_held JOIN celeriac_message USING(id) JOIN celeriac_lane ON lane = id >> {sql.LANE}
WHERE id = ? AND owner = ? AND claim = ?"""  # noqa: S608 (constants)
_SPAN = "SELECT coalesce(max(id) - min(id), 0) FROM celeriac_dead"
_TRIM = "DELETE FROM celeriac_dead WHERE id <= (SELECT id FROM celeriac_dead ORDER BY id DESC LIMIT 1 OFFSET ?)"
_COLUMNS = "SELECT id, queue, data, reason, detail, deliveries, at FROM celeriac_dead"
_NEWEST = f"{_COLUMNS} ORDER BY id DESC LIMIT ? OFFSET ?"
_FIND = f"{_COLUMNS} WHERE id = ? OR task = ? ORDER BY id"
_REPLAY = "SELECT queue, priority, data FROM celeriac_dead WHERE id = ?"
_DROP = "DELETE FROM celeriac_dead WHERE id = ?"


class DeadLetters:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def bury(self, batch: Iterable[tuple[tuple[int, str, int], str, str, str]], limit: int) -> None:
        """Move each ``(token, task id, reason, detail)`` here."""
        now = self._clock.time()

        def work(connection: Connection) -> None:
            for token, task, reason, detail in batch:
                connection.execute(_BURY, (task, reason, detail, now, *token))
                connection.execute(sql.ACKNOWLEDGE_ONE, token)
            ((span,),) = connection.execute(_SPAN).fetchall()
            if span >= limit:
                connection.execute(_TRIM, (limit,))

        self._store.transaction(work)

    def newest(self, limit: int, offset: int) -> list[DeadLetter]:
        return [_letter(row) for row in self._store.read(_NEWEST, (limit, offset))]

    def find(self, ids: Sequence[str]) -> list[DeadLetter]:
        rows: dict[int, Sequence[Any]] = {}
        for name in dict.fromkeys(ids):
            rows |= {row[0]: row for row in self._store.read(_FIND, (*(_keys([name]) or [0]), name))}
        return [_letter(row) for row in rows.values()]

    def replay(self, ids: Sequence[str]) -> list[str]:
        """The queues to which they went, one for each."""
        now = self._clock.time()

        def work(connection: Connection) -> list[str]:
            rows: list[Row] = []
            for key in _keys(ids):
                for queue, priority, data in connection.execute(_REPLAY, (key,)).fetchall():
                    rows.append((queue, priority, None, now, data))
                connection.execute(_DROP, (key,))
            lanes.use(connection, {row[:2] for row in rows}, now)
            lanes.publish(connection, rows, now)
            return [row[0] for row in rows]

        return self._store.transaction(work)

    def drop(self, ids: Sequence[str]) -> int:
        def work(connection: Connection) -> int:
            return sum(connection.execute(_DROP, (key,)).rowcount for key in _keys(ids))

        return self._store.transaction(work)


def _keys(ids: Iterable[str]) -> list[int]:
    """Our own ids among those given, each once."""
    return [int(name) for name in dict.fromkeys(ids) if name.isascii() and name.isdecimal() and len(name) < 19]


def _letter(row: Sequence[Any]) -> DeadLetter:
    key, queue, data, reason, detail, deliveries, at = row
    return DeadLetter(str(key), queue, unpack(data), reason, detail, deliveries, at)
