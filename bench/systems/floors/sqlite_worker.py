"""The bare loop: claim a hundred messages with a lease, run them, store their results and delete them, again."""

from __future__ import annotations

import socket
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from systems.bodies import count
from systems.floors import BATCH, RESULT
from systems.setup import Setup

_PRAGMAS = ("page_size=2048", "journal_mode=WAL", "synchronous=normal", "wal_autocheckpoint=8000", "cache_size=-8000")
_TABLES = """
CREATE TABLE IF NOT EXISTS message(id INTEGER PRIMARY KEY, queue TEXT, state INTEGER, at REAL, owner TEXT, data BLOB);
CREATE INDEX IF NOT EXISTS ready ON message(queue, id) WHERE state = 0;
CREATE TABLE IF NOT EXISTS result(id TEXT PRIMARY KEY, state TEXT, at REAL, payload BLOB) WITHOUT ROWID;
"""
_CLAIM = """UPDATE message SET state = 1, at = ?, owner = 'me' WHERE id IN (
SELECT id FROM message WHERE state = 0 AND queue = 'celery' ORDER BY id LIMIT ?) RETURNING id, data"""
_STORE = "INSERT OR REPLACE INTO result VALUES(?, 'SUCCESS', ?, ?)"
_ACKNOWLEDGE = "DELETE FROM message WHERE id = ?"


def connect(folder: Path) -> sqlite3.Connection:
    """To the file, which is made if need be, with the same promises as ours: safe against the end of any process."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None, timeout=10)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    connection.executescript(_TABLES)
    return connection


def key_of(message: bytes) -> str:
    """Under which its result is: 36 characters that sort by time, as ours do."""
    return message[:36].decode()


class Bell:
    """A datagram says that something was committed; nobody sleeps longer than a second without looking."""

    def __init__(self, folder: Path, own: str, other: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / own))
        self._socket.settimeout(1)
        # A socket of its own that never waits: one with a time-out would wait for room in spite of MSG_DONTWAIT.
        self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sender.setblocking(False)
        self._other = str(folder / other)

    def ring(self) -> None:
        with suppress(OSError):  # it has rings enough, or is not there yet
            self._sender.sendto(b"!", self._other)

    def wait(self) -> None:
        with suppress(TimeoutError):
            self._socket.recv(1)

    def close(self) -> None:
        self._socket.close()
        self._sender.close()


def work(connection: sqlite3.Connection, bell: Bell, results: bool) -> None:
    """Until the process is ended."""
    while True:
        now = time.time()
        held = connection.execute(_CLAIM, (now + 60, BATCH)).fetchall()
        if not held:
            bell.wait()
            continue
        for _ in held:
            count()
        connection.execute("BEGIN IMMEDIATE")
        if results:
            connection.executemany(_STORE, [(key_of(data), now, RESULT) for _, data in held])
        connection.executemany(_ACKNOWLEDGE, [(key,) for key, _ in held])
        connection.execute("COMMIT")
        bell.ring()


if __name__ == "__main__":
    setup = Setup.from_environment()
    work(connect(setup.folder), Bell(setup.folder, "worker", "client"), setup.results)
