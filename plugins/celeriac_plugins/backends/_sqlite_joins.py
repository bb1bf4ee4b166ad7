"""The counters of groups with a body.

A member is a row, so that it counts once; that one was added later is a row too, which is not counted. A join whose
body is published stays until it expires, without its body and its members: so it is not opened a second time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sqlite3 import Connection

from celeriac.clock import Clock
from celeriac_plugins._shared.sqlite import Store

_DROP_EXPIRED = "DELETE FROM celeriac_join WHERE expires <= ? RETURNING id"
_DROP_ONE_EXPIRED = "DELETE FROM celeriac_join WHERE id = ? AND expires <= ? RETURNING id"
_DROP_MEMBERS = "DELETE FROM celeriac_join_member WHERE id = ?"
_OPEN = """INSERT INTO celeriac_join(id, size, arrived, body, expires) VALUES(?, ?, 0, ?, ?)
ON CONFLICT(id) DO NOTHING"""
_FIND = """SELECT 1 FROM celeriac_join WHERE id = ? AND body IS NOT NULL AND (expires IS NULL OR expires > ?)"""
_COUNT = "INSERT INTO celeriac_join_member(id, member) VALUES(?, ?) ON CONFLICT DO NOTHING"
_ARRIVE = "UPDATE celeriac_join SET arrived = arrived + ?, expires = ? WHERE id = ?"
_CLAIM = """UPDATE celeriac_join SET claimed = ?
WHERE id = ? AND arrived >= size AND (claimed IS NULL OR claimed <= ?) RETURNING body"""
_CLAIM_ORPHANS = """UPDATE celeriac_join SET claimed = ?1
WHERE claimed <= ?2 AND body IS NOT NULL AND (expires IS NULL OR expires > ?2) RETURNING id, body"""
_UNKNOWN = 1 << 62
"""The size of a group whose size is not known yet, and what was added to it: it never comes to that."""
_ADDED = "added\n"
_STATE = """SELECT size, arrived, body FROM celeriac_join
WHERE id = ? AND body IS NOT NULL AND (expires IS NULL OR expires > ?)"""
_IS_ADDED = "SELECT 1 FROM celeriac_join_member WHERE id = ? AND member = ?"
_SIZE = "UPDATE celeriac_join SET size = ?, body = ?, expires = ? WHERE id = ?"
_CLOSE = "UPDATE celeriac_join SET body = NULL, claimed = NULL WHERE id = ?"


class Joins:
    """The joins in `store`, which expire `expires` seconds after their last member came."""

    def __init__(self, store: Store, clock: Clock, expires: float | None) -> None:
        self._store = store
        self._clock = clock
        self._expires = expires

    def _end(self, now: float) -> float | None:
        return None if self._expires is None else now + self._expires

    def open(self, group: str, size: int | None, body: bytes) -> None:
        now = self._clock.time()

        def work(connection: Connection) -> None:
            for row in connection.execute(_DROP_ONE_EXPIRED, (group, now)).fetchall():
                connection.execute(_DROP_MEMBERS, row)
            connection.execute(_OPEN, (group, *((_UNKNOWN, b"") if size is None else (size, body)), self._end(now)))

        self._store.transaction(work)

    def arrive(self, group: str, members: Sequence[str], lease: float) -> bytes | None:
        now = self._clock.time()

        def work(connection: Connection) -> bytes | None:
            if not connection.execute(_FIND, (group, now)).fetchall():
                return None
            counted = connection.executemany(_COUNT, [(group, member) for member in members]).rowcount
            connection.execute(_ARRIVE, (max(counted, 0), self._end(now), group))
            rows = connection.execute(_CLAIM, (now + lease, group, now)).fetchall()
            return rows[0][0] if rows else None

        return self._store.transaction(work)

    def seal(self, group: str, size: int, body: bytes, lease: float) -> bytes | None:
        now = self._clock.time()

        def work(connection: Connection) -> bytes | None:
            state = connection.execute(_STATE, (group, now)).fetchone()
            if state is None or state[0] < _UNKNOWN:
                return None
            connection.execute(_SIZE, (size + state[0] - _UNKNOWN, body + state[2], self._end(now), group))
            rows = connection.execute(_CLAIM, (now + lease, group, now)).fetchall()
            return rows[0][0] if rows else None

        return self._store.transaction(work)

    def grow(self, group: str, added: Mapping[str, bytes]) -> bool:
        now = self._clock.time()

        def work(connection: Connection) -> bool:
            state = connection.execute(_STATE, (group, now)).fetchone()
            if state is None:
                return False
            size, arrived, body = state
            known = (connection.execute(_IS_ADDED, (group, _ADDED + member)).fetchone() for member in added)
            fresh = [member for member, row in zip(added, known, strict=True) if row is None]
            if not fresh:
                return True
            if arrived >= size:
                return False
            connection.executemany(_COUNT, [(group, _ADDED + member) for member in fresh])
            notes = b"".join(added[member] for member in fresh)
            connection.execute(_SIZE, (size + len(fresh), body + notes, self._end(now), group))
            return True

        return self._store.transaction(work)

    def close(self, group: str) -> None:
        def work(connection: Connection) -> None:
            connection.execute(_CLOSE, (group,))
            connection.execute(_DROP_MEMBERS, (group,))

        self._store.transaction(work)

    def orphans(self, lease: float) -> list[tuple[str, bytes]]:
        now = self._clock.time()
        return self._store.write(_CLAIM_ORPHANS, (now + lease, now))

    def sweep(self) -> None:
        now = self._clock.time()

        def work(connection: Connection) -> None:
            connection.executemany(_DROP_MEMBERS, connection.execute(_DROP_EXPIRED, (now,)).fetchall())

        self._store.transaction(work)
