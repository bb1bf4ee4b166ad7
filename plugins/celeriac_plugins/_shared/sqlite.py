"""One SQLite file: its connections, the transactions on it, and what its errors mean to us.

Connections wait in a pool and are taken for one statement or transaction, so there are as many as threads were ever
inside at once, and none that belongs to a thread that is gone. Writers of one process queue on a lock; only writers of
different processes meet at SQLite's, where they try again after short, random naps: SQLite's own busy handler naps for
milliseconds, and one busy publisher could keep a worker out for half a second.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import finalize

from celeriac.errors import CeleriacError, ConfigurationError

from .forks import tell_of_forks
from .sqlite_place import Place

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds to wait for another process's transaction where the caller has no deadline of its own."""

_OLDEST = (3, 35)  # RETURNING
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_IOERR: "the disk did not do as it was told; look at its free space, quota and health",
    sqlite3.SQLITE_READONLY: "it cannot be written; give this user write permission for the file and its folder",
    sqlite3.SQLITE_PERM: "access was denied; give this user write permission for the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; its folder must exist and be writable for this user",
}
_FIRST_NAP, _LONGEST_NAP = 0.000_05, 0.005
_LOOK_AGAIN = 1.0
"""Seconds between two looks whether the path still leads to the file that is open."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one driver. Several drivers may keep theirs in one file."""

    part: str
    version: int
    script: Sequence[str]


@dataclass(frozen=True, slots=True)
class Faces:
    """The classes as which SQLite's errors show themselves."""

    down: type[CeleriacError]
    damaged: type[CeleriacError]


class Store:
    """Runs statements on the file of `place`, which it opens at the first of them.

    Statements are single and complete, or together in one transaction. All methods are safe from several threads.
    """

    def __init__(self, place: Place, tables: Tables, faces: Faces) -> None:
        if sqlite3.sqlite_version_info < _OLDEST:
            raise ConfigurationError(
                f"this Python was built with SQLite {sqlite3.sqlite_version}; the sqlite driver needs "
                f"{'.'.join(map(str, _OLDEST))} or newer: use a newer Python, or another transport and result backend"
            )
        self.place = place
        self._tables = tables
        self._faces = faces
        self._closed = False
        self._start_afresh()
        tell_of_forks(self)

    def _start_afresh(self) -> None:
        self._writing = threading.Lock()
        self._opening = threading.Lock()
        self._idle: deque[sqlite3.Connection] = deque()
        self._open: set[sqlite3.Connection] = set()
        self._file: tuple[int, int] | None = None
        self._look_at = 0.0
        self._held_for_fork: list[threading.Lock] = []
        self._finalizer = finalize(self, _let_go, os.getpid(), self._idle, self._open)

    # running statements

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows of a query."""
        return self._attempt(lambda connection: connection.execute(sql, values).fetchall(), PATIENCE)

    def write(self, sql: str, values: Sequence[Any] = (), timeout: float = PATIENCE) -> list[Any]:
        """Run one statement that changes something, as a transaction of its own; the rows that it returns."""
        return self._alone(lambda connection: connection.execute(sql, values).fetchall(), timeout)

    def change(self, sql: str, values: Sequence[Any] = (), timeout: float = PATIENCE) -> int:
        """As `write`; how many rows it has changed."""
        return self._alone(lambda connection: connection.execute(sql, values).rowcount, timeout)

    def transaction(self, work: Callable[[sqlite3.Connection], T], timeout: float = PATIENCE) -> T:
        """Do all of `work` or, when it raises, nothing of it. It must not reach for this store again."""

        def whole(connection: sqlite3.Connection) -> T:
            connection.execute("BEGIN IMMEDIATE")
            done = work(connection)
            connection.execute("COMMIT")
            return done

        return self._alone(whole, timeout)

    def _alone(self, work: Callable[[sqlite3.Connection], T], timeout: float) -> T:
        writing = self._writing
        is_ours = writing.acquire(blocking=False)  # costs half as much
        if not (is_ours or writing.acquire(timeout=min(max(timeout, 0.0), threading.TIMEOUT_MAX))):
            raise self._faces.down(f"{self.place.path} is busy with other threads; waited {timeout:g} s for them")
        try:
            return self._attempt(work, timeout)
        finally:
            writing.release()

    def _attempt(self, work: Callable[[sqlite3.Connection], T], timeout: float) -> T:
        """Run `work` on a connection, again and again while another process is in the way. (In WAL mode that shows
        before a transaction has changed anything.)"""
        begin = time.monotonic()
        nap = _FIRST_NAP
        while True:
            connection = None
            try:
                connection = self._take(begin)
                return work(connection)
            except sqlite3.Error as error:
                left = begin + timeout - time.monotonic()
                if _code(error) not in _BUSY or left <= 0:
                    raise self._translated(error, timeout) from error
            finally:
                if connection is not None:
                    self._give_back(connection)
            time.sleep(min(nap * (0.5 + random.random()), left))  # noqa: S311 (spreads the attempts, keeps no secret)
            nap = min(nap * 1.5, _LONGEST_NAP)

    def _translated(self, error: sqlite3.Error, timeout: float) -> CeleriacError:
        path, code = self.place.path, _code(error)
        if code in _BUSY:
            return self._faces.down(f"{path} is locked by another process; waited {timeout:g} s for it")
        if code in _DAMAGED:
            return self._faces.damaged(
                f"{path} is damaged, or no database of ours: {error}; stop all workers, keep a copy, "
                f"and try the command sqlite3 {path} .recover"
            )
        return self._faces.down(f"{path}: {_ADVICE.get(code, 'SQLite refused')} ({error})")

    # connections

    def _take(self, now: float) -> sqlite3.Connection:
        if now >= self._look_at:
            self._look_whether_the_file_is_still_there(now)
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if connection not in self._open:  # its file was replaced meanwhile
            return
        if connection.in_transaction:  # something was raised in the middle
            with suppress(sqlite3.Error):
                connection.rollback()
        self._idle.append(connection)
        if self._closed:
            self._close_idle()

    def _connect(self) -> sqlite3.Connection:
        with self._opening:
            if self._closed:
                raise self._faces.down(f"{self.place.path} was closed by this process; make a new object")
            connection = sqlite3.connect(
                self.place.path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=64
            )
            try:
                self._set_up(connection)
            except BaseException:
                connection.close()
                raise
            self._open.add(connection)
            return connection

    def _set_up(self, connection: sqlite3.Connection) -> None:
        # Only a new file takes it. A commit writes whole pages, and a lone message is half a kilobyte: with pages of
        # 4096 bytes, SQLite's default, publishing it would write two thirds more, and wait for the disk accordingly.
        connection.execute("PRAGMA page_size=2048")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={self.place.synchronous}")
        # Pages of a queue are written over and over: the later they go from the log to the file, the fewer writes.
        connection.execute("PRAGMA wal_autocheckpoint=8000")
        connection.execute("PRAGMA journal_size_limit=67108864")
        connection.execute("PRAGMA cache_size=-8000")
        # Debian's SQLite writes zeros over what is deleted, so that a message of 100 KB is written once more when it is
        # acknowledged. FAST does so only in pages that are written anyway.
        connection.execute("PRAGMA secure_delete=FAST")
        if self._file is None:
            self._create(connection)
            self._file = _identity(self.place.path)

    def _create(self, connection: sqlite3.Connection) -> None:
        if self._version(connection) is None:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("CREATE TABLE IF NOT EXISTS celeriac_parts(part TEXT PRIMARY KEY, version INTEGER)")
            if self._version(connection) is None:  # nobody was faster
                for statement in self._tables.script:
                    connection.execute(statement)
                connection.execute("INSERT INTO celeriac_parts VALUES(?, ?)", (self._tables.part, self._tables.version))
            connection.execute("COMMIT")
        found = self._version(connection)
        if found != self._tables.version:
            raise self._faces.down(
                f"{self.place.path} holds the {self._tables.part} tables in version {found}, this release writes "
                f"version {self._tables.version}: run all processes on one release, or use another file"
            )

    def _version(self, connection: sqlite3.Connection) -> int | None:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'celeriac_parts'").fetchall():
            return None
        rows = connection.execute("SELECT version FROM celeriac_parts WHERE part = ?", (self._tables.part,)).fetchall()
        return rows[0][0] if rows else None

    def _look_whether_the_file_is_still_there(self, now: float) -> None:
        """Who deletes or replaces the file under a running process would have it write into nothing for ever."""
        self._look_at = now + _LOOK_AGAIN
        with self._opening:
            if self._file is not None and self._file != _identity(self.place.path):
                # Not closed: closing would delete the log that by now belongs to the new file of this name.
                _immortalise(self._open)
                self._open.clear()
                self._idle.clear()
                self._file = None

    # ending

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Free everything; what is inside a statement now is freed at its end. A second call does nothing."""
        self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                self._open.discard(connection)
                with suppress(sqlite3.Error):
                    connection.close()

    def before_fork(self) -> None:
        self._held_for_fork = [lock for lock in (self._writing, self._opening) if lock.acquire(timeout=1.0)]
        deadline = time.monotonic() + 1.0
        while True:  # readers leave within microseconds and cannot come back
            self._close_idle()
            if not self._open or time.monotonic() > deadline:
                return
            time.sleep(0.000_1)

    def after_fork(self, *, child: bool) -> None:
        if child:
            self._finalizer.detach()
            _immortalise(self._open)
            self._start_afresh()
            return
        for lock in self._held_for_fork:
            lock.release()
        self._held_for_fork = []


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary code; 0 for an error of the Python module itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 (called often)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _let_go(owner: int, idle: Iterable[sqlite3.Connection], every: Iterable[sqlite3.Connection]) -> None:
    """What becomes of connections whose store was collected, or was still open when the interpreter ended."""
    if os.getpid() != owner:
        _immortalise(every)
        return
    for connection in list(idle):  # one that a daemon thread is using is left alone
        with suppress(sqlite3.Error):
            connection.close()


def _immortalise(connections: Iterable[sqlite3.Connection]) -> None:
    """Keep these from ever being closed, the end of the interpreter (which empties every list) included."""
    import ctypes

    for connection in connections:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
