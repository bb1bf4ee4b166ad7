"""Results in one SQLite file, which may be the file of the queue: durable, for all processes of one machine.

Who waits is woken by a bell beside the file (`_shared.board`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import partial

from celeriac.errors import BackendDown, BackendError
from celeriac.specs.backend import BackendOptions, Record, ResultBackend
from celeriac.states import READY_STATES
from celeriac_plugins._shared.board import RESULTS, Board
from celeriac_plugins._shared.board_watch import Watch
from celeriac_plugins._shared.sqlite import Faces, Store
from celeriac_plugins._shared.sqlite_place import Place

from . import _sqlite_tables as sql
from ._sqlite_joins import Joins
from ._sqlite_locks import Locks


class SqliteBackend(ResultBackend):
    """``sqlite:///srv/shop/queue.db``; see `_shared.sqlite_place.Place` for the URL and its options."""

    capabilities = frozenset({"durable", "processes", "shared", "push", "join", "join-grow", "lock"})

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        place = Place.parse("result backend 'sqlite'", options.url, options.extra)
        self._now = options.clock.time
        self._store = Store(place, sql.TABLES, Faces(BackendDown, BackendError))
        self._board = Board(place.path)
        self._watch = Watch(self._board, RESULTS)
        self._joins = Joins(self._store, options.clock, options.expires)
        self._locks = Locks(self._store, options.clock)

    # results

    def store(self, batch: Sequence[Record]) -> None:
        now = self._now()
        end = None if self.options.expires is None else now + self.options.expires
        rows = [(record.id, record.state, int(record.state in READY_STATES), end, record.payload) for record in batch]
        if len(rows) == 1:
            self._store.write(sql.STORE.one, (*rows[0], now))
        elif rows:
            self._store.transaction(partial(sql.STORE.run, rows=rows, rest=(now,)))
        self._board.ring(RESULTS, (row[0] for row in rows if row[2]))

    def fetch(self, ids: Sequence[str]) -> dict[str, Record]:
        return self._fetch(ids, ready=0)

    def _fetch(self, ids: Sequence[str], ready: int) -> dict[str, Record]:
        if len(ids) == 1:
            rows = self._store.read(sql.FETCH_ONE, (self._now(), ready, ids[0]))
        elif ids:
            rows = self._store.read(sql.FETCH, (self._now(), ready, json.dumps(list(ids))))
        else:
            rows = []
        return {row[0]: Record(*row) for row in rows}

    def forget(self, ids: Sequence[str]) -> None:
        if ids:
            self._store.write(sql.FORGET, (json.dumps(list(ids)),))

    def sweep(self) -> int:
        gone, some = 0, sql.SOME
        while some == sql.SOME:
            some = len(self._store.write(sql.SWEEP, (self._now(),)))
            gone += some
        self._joins.sweep()
        self._locks.sweep()
        return gone

    # waiting

    def wait(self, ids: Sequence[str], timeout: float | None) -> dict[str, Record]:
        if timeout is not None and timeout <= 0:
            return self._fetch(ids, ready=1)
        return self._watch.wait(ids, partial(self._look, ids), timeout)

    def _look(self, ids: Sequence[str]) -> tuple[dict[str, Record], float]:
        return self._fetch(ids, ready=1), math.inf

    def nudge(self) -> None:
        self._watch.wake_all()

    # joins

    def join_open(self, group: str, size: int | None, body: bytes) -> None:
        self._joins.open(group, size, body)

    def join_seal(self, group: str, size: int, body: bytes, lease: float) -> bytes | None:
        return self._joins.seal(group, size, body, lease)

    def join_arrive(self, group: str, members: Sequence[str], lease: float) -> bytes | None:
        return self._joins.arrive(group, members, lease)

    def join_grow(self, group: str, added: Mapping[str, bytes], body: bytes = b"") -> bool:  # noqa: ARG002
        return self._joins.grow(group, added)

    def join_close(self, group: str) -> None:
        self._joins.close(group)

    def join_orphans(self, lease: float) -> list[tuple[str, bytes]]:
        return self._joins.orphans(lease)

    # locks

    def lock_claim(self, name: str, owner: str, lease: float | None, replacing: str | None = None) -> str:
        return self._locks.claim(name, owner, lease, replacing)

    def lock_holder(self, name: str) -> str | None:
        return self._locks.holder(name)

    def lock_release(self, name: str, owner: str) -> bool:
        return self._locks.release(name, owner)

    # life

    def close(self) -> None:
        self._watch.close()
        self._store.close()
        self._board.close()
