"""The locks of the SQLite backend: a row for each name that is held."""

from __future__ import annotations

from sqlite3 import Connection

from celeriac.clock import Clock
from celeriac_plugins._shared.sqlite import Store

_CLAIM = """INSERT INTO celeriac_lock(name, owner, expires) VALUES(?1, ?2, ?3)
ON CONFLICT(name) DO UPDATE SET owner = excluded.owner, expires = excluded.expires
WHERE celeriac_lock.owner IN (?2, ?4) OR celeriac_lock.expires <= ?5"""
_HOLDER = "SELECT owner FROM celeriac_lock WHERE name = ? AND (expires IS NULL OR expires > ?)"
_RELEASE = """DELETE FROM celeriac_lock WHERE name = ? AND owner = ? AND (expires IS NULL OR expires > ?)
RETURNING owner"""
_SWEEP = "DELETE FROM celeriac_lock WHERE expires <= ? RETURNING owner"


class Locks:
    """The locks in `store`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._now = clock.time

    def claim(self, name: str, owner: str, lease: float | None, replacing: str | None) -> str:
        now = self._now()

        def work(connection: Connection) -> str:
            end = None if lease is None else now + lease
            connection.execute(_CLAIM, (name, owner, end, replacing, now))
            holder: str = connection.execute(_HOLDER, (name, now)).fetchone()[0]
            return holder

        return self._store.transaction(work)

    def holder(self, name: str) -> str | None:
        rows = self._store.read(_HOLDER, (name, self._now()))
        return rows[0][0] if rows else None

    def release(self, name: str, owner: str) -> bool:
        return bool(self._store.write(_RELEASE, (name, owner, self._now())))

    def sweep(self) -> None:
        """Delete what has run out."""
        self._store.write(_SWEEP, (self._now(),))
