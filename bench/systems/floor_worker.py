"""The bare loop: claim a hundred messages with a lease, run them, store their results and delete them, again."""

from __future__ import annotations

import sqlite3
import time
from binascii import hexlify
from itertools import count
from pathlib import Path

from systems.setup import Setup

_BATCH = 100
_RESULT = b"r" * 160
"""About the size of one of ours."""
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
    for pragma in ("journal_mode=WAL", "synchronous=normal", "wal_autocheckpoint=4000", "cache_size=-8000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.executescript(_TABLES)
    return connection


def work(connection: sqlite3.Connection, setup: Setup) -> None:
    """Until the process is ended."""
    numbers, hit = count(), setup.tally.hit
    while True:
        now = time.time()
        held = connection.execute(_CLAIM, (now + 60, _BATCH)).fetchall()
        if not held:
            time.sleep(0.001)
            continue
        for _ in held:
            hit()
        connection.execute("BEGIN IMMEDIATE")
        if setup.results:
            connection.executemany(_STORE, [(_key(next(numbers)), now, _RESULT) for _ in held])
        connection.executemany(_ACKNOWLEDGE, [(key,) for key, _ in held])
        connection.execute("COMMIT")


def _key(number: int) -> str:
    """36 characters that sort by time, as ours do."""
    return hexlify(number.to_bytes(18, "big")).decode()


if __name__ == "__main__":
    setup = Setup.from_environment()
    work(connect(setup.folder), setup)
