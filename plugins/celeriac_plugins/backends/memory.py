"""Results in the memory of this process: for tests, examples, and workers that only ever talk to themselves."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from celeriac.specs.backend import BackendOptions, Record, ResultBackend
from celeriac.states import READY_STATES
from celeriac_plugins._shared.transport_options import check_options

from ._memory_locks import MemoryLocks


class MemoryBackend(ResultBackend):
    """Backends of one process with the same URL share their records for as long as one of them is open."""

    capabilities = frozenset({"shared", "push", "join", "join-grow", "lock"})

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        check_options("result backend 'memory'", options.extra, ())
        self._lock = threading.Lock()
        self._shelf: _Shelf | None = None
        self._waiters: set[_Waiter] = set()
        self._nudged = False

    def store(self, batch: Sequence[Record]) -> None:
        self._open().store(batch, self._now(), self._expiry())

    def fetch(self, ids: Sequence[str]) -> dict[str, Record]:
        return self._open().fetch(ids, self._now())

    def wait(self, ids: Sequence[str], timeout: float | None) -> dict[str, Record]:
        shelf = self._open()
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        waiter = _Waiter()
        with self._lock:
            self._waiters.add(waiter)
            waiter.nudged, self._nudged = self._nudged, False
        try:
            return self._wait(shelf, waiter, ids, deadline)
        finally:
            with self._lock:
                self._waiters.discard(waiter)

    def _wait(self, shelf: _Shelf, waiter: _Waiter, ids: Sequence[str], deadline: float) -> dict[str, Record]:
        while True:
            waiter.event.clear()
            ready = shelf.ready(ids, self._now(), waiter)
            left = deadline - time.monotonic()
            if ready or left <= 0 or waiter.nudged:
                shelf.leave(ids, waiter)
                return ready
            try:
                waiter.event.wait(min(left, threading.TIMEOUT_MAX))
            finally:
                shelf.leave(ids, waiter)

    def nudge(self) -> None:
        with self._lock:
            waiters = list(self._waiters)
            self._nudged = not waiters
        for waiter in waiters:
            waiter.nudged = True
            waiter.event.set()

    def forget(self, ids: Sequence[str]) -> None:
        self._open().forget(ids)

    def sweep(self) -> int:
        return self._open().sweep(self._now())

    def join_open(self, group: str, size: int | None, body: bytes) -> None:
        self._open().join_open(group, size, body, self._now(), self._expiry())

    def join_seal(self, group: str, size: int, body: bytes, lease: float) -> bytes | None:
        return self._open().join_seal(group, size, body, lease, self._now(), self._expiry())

    def join_arrive(self, group: str, members: Sequence[str], lease: float) -> bytes | None:
        return self._open().join_arrive(group, members, lease, self._now(), self._expiry())

    def join_grow(self, group: str, added: Mapping[str, bytes], body: bytes = b"") -> bool:  # noqa: ARG002
        return self._open().join_grow(group, added, self._now(), self._expiry())

    def join_close(self, group: str) -> None:
        self._open().join_close(group)

    def join_orphans(self, lease: float) -> list[tuple[str, bytes]]:
        return self._open().join_orphans(lease, self._now())

    def lock_claim(self, name: str, owner: str, lease: float | None, replacing: str | None = None) -> str:
        return self._open().locks.claim(name, owner, lease, replacing, self._now())

    def lock_holder(self, name: str) -> str | None:
        return self._open().locks.holder(name, self._now())

    def lock_release(self, name: str, owner: str) -> bool:
        return self._open().locks.release(name, owner, self._now())

    def close(self) -> None:
        with self._lock:
            self._shelf = None

    def _open(self) -> _Shelf:
        with self._lock:
            if self._shelf is None:
                self._shelf = _shelf_of(self.options.url)
            return self._shelf

    def _now(self) -> float:
        return self.options.clock.time()

    def _expiry(self) -> float:
        return math.inf if self.options.expires is None else self.options.clock.time() + self.options.expires


@dataclass(eq=False, slots=True)
class _Waiter:
    event: threading.Event = field(default_factory=threading.Event)
    nudged: bool = False


@dataclass(slots=True)
class _Join:
    """The count of a group. Without a body it is closed, and stays only so that it is not opened a second time."""

    size: int | None
    body: bytes | None
    expires: float
    members: set[str] = field(default_factory=set)
    added: dict[str, bytes] = field(default_factory=dict)
    """Members that came later, and their notes."""

    @property
    def is_complete(self) -> bool:
        return self.size is not None and len(self.members) >= self.size + len(self.added)

    @property
    def whole(self) -> bytes | None:
        """The body and the notes."""
        return None if self.body is None else self.body + b"".join(self.added.values())


class _Shelf:
    """What the backends of one URL share. Waiters are kept by id, so that a store wakes those it concerns."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[str, tuple[Record, float]] = {}
        self._waiting: dict[str, set[_Waiter]] = {}
        self._joins: dict[str, _Join] = {}
        self.locks = MemoryLocks()
        self._claims: dict[str, float] = {}
        """Groups whose body was handed out and not closed yet, and until when."""

    def store(self, batch: Sequence[Record], now: float, expires: float) -> None:
        with self._lock:
            for record in batch:
                known = self._records.get(record.id)
                if known is not None and known[1] > now and known[0].state in READY_STATES:
                    continue
                self._records[record.id] = (record, expires)
                if record.state in READY_STATES:
                    for waiter in self._waiting.get(record.id, ()):
                        waiter.event.set()

    def fetch(self, ids: Sequence[str], now: float) -> dict[str, Record]:
        with self._lock:
            return self._visible(ids, now)

    def ready(self, ids: Sequence[str], now: float, waiter: _Waiter) -> dict[str, Record]:
        """Those that are ready; when there are none, `waiter` is set as soon as there is one, until it leaves."""
        with self._lock:
            known = self._visible(ids, now)
            ready = {key: record for key, record in known.items() if record.state in READY_STATES}
            if not ready:
                for key in ids:
                    self._waiting.setdefault(key, set()).add(waiter)
            return ready

    def leave(self, ids: Sequence[str], waiter: _Waiter) -> None:
        with self._lock:
            for key in ids:
                waiters = self._waiting.get(key, set())
                waiters.discard(waiter)
                if not waiters:
                    self._waiting.pop(key, None)

    def _visible(self, ids: Sequence[str], now: float) -> dict[str, Record]:
        found = ((key, self._records.get(key)) for key in ids)
        return {key: known[0] for key, known in found if known is not None and known[1] > now}

    def forget(self, ids: Sequence[str]) -> None:
        with self._lock:
            for key in ids:
                self._records.pop(key, None)

    def sweep(self, now: float) -> int:
        with self._lock:
            gone = [key for key, (_, expires) in self._records.items() if expires <= now]
            for key in gone:
                del self._records[key]
            self.locks.sweep(now)
            for group in [group for group, join in self._joins.items() if join.expires <= now]:
                del self._joins[group]
                self._claims.pop(group, None)
            return len(gone)

    def join_open(self, group: str, size: int | None, body: bytes, now: float, expires: float) -> None:
        with self._lock:
            if self._join(group, now) is None:
                self._joins[group] = _Join(size, body, expires)
                self._claims.pop(group, None)

    def join_arrive(self, group: str, members: Sequence[str], lease: float, now: float, expires: float) -> bytes | None:
        with self._lock:
            join = self._join(group, now)
            if join is None or join.body is None:
                return None
            join.members.update(members)
            join.expires = expires
            return self._claim(group, join, lease, now)

    def join_seal(self, group: str, size: int, body: bytes, lease: float, now: float, expires: float) -> bytes | None:
        with self._lock:
            join = self._join(group, now)
            if join is None or join.body is None or join.size is not None:
                return None
            join.size, join.body, join.expires = size, body, expires
            return self._claim(group, join, lease, now)

    def _claim(self, group: str, join: _Join, lease: float, now: float) -> bytes | None:
        if not join.is_complete or self._claims.get(group, -math.inf) > now:
            return None
        self._claims[group] = now + lease
        return join.whole

    def join_grow(self, group: str, added: Mapping[str, bytes], now: float, expires: float) -> bool:
        with self._lock:
            join = self._join(group, now)
            if join is None or join.body is None:
                return False
            if added.keys() <= join.added.keys():
                return True
            if join.is_complete:
                return False
            for member, note in added.items():
                join.added.setdefault(member, note)
            join.expires = expires
            return True

    def join_close(self, group: str) -> None:
        with self._lock:
            self._claims.pop(group, None)
            if group in self._joins:
                join = self._joins[group]
                join.body = None
                join.members.clear()
                join.added.clear()

    def join_orphans(self, lease: float, now: float) -> list[tuple[str, bytes]]:
        with self._lock:
            orphans = []
            for group in [group for group, until in self._claims.items() if until <= now]:
                join = self._join(group, now)
                if join is not None and (whole := join.whole) is not None:
                    self._claims[group] = now + lease
                    orphans.append((group, whole))
            return orphans

    def _join(self, group: str, now: float) -> _Join | None:
        join = self._joins.get(group)
        return join if join is not None and join.expires > now else None


_shelves: WeakValueDictionary[tuple[int, str], _Shelf] = WeakValueDictionary()
"""The one registry: what makes a URL name the same records everywhere in a process. Weak, so that nothing outlives the
last open backend; by process id, so that a forked child does not take over what its parent holds (or its locks)."""
_shelves_lock = threading.Lock()


def _shelf_of(url: str) -> _Shelf:
    with _shelves_lock:
        key = (os.getpid(), url)
        shelf = _shelves.get(key)
        if shelf is None:
            shelf = _shelves[key] = _Shelf()
        return shelf
