"""The result store's tables, and the statements on results."""

from __future__ import annotations

from celeriac_plugins._shared.sqlite import Tables
from celeriac_plugins._shared.sqlite_rows import Insertion

TABLES = Tables(
    "results",
    1,
    (
        # An ordinary table with an index on the id, not one that is clustered by it: a third faster to store, twice as
        # fast with the random ids of Celery's clients, as then it is the small index that is written all over.
        """CREATE TABLE celeriac_result(
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            state TEXT NOT NULL,
            ready INTEGER NOT NULL,
            expires REAL,
            payload BLOB NOT NULL
        )""",
        "CREATE INDEX celeriac_result_expires ON celeriac_result(expires) WHERE expires IS NOT NULL",
        """CREATE TABLE celeriac_join(
            id TEXT PRIMARY KEY,
            size INTEGER NOT NULL,
            arrived INTEGER NOT NULL,
            body BLOB,  -- NULL: published
            claimed REAL,  -- until when
            expires REAL
        ) WITHOUT ROWID""",
        "CREATE INDEX celeriac_join_claimed ON celeriac_join(claimed) WHERE claimed IS NOT NULL",
        "CREATE INDEX celeriac_join_expires ON celeriac_join(expires) WHERE expires IS NOT NULL",
        """CREATE TABLE celeriac_join_member(
            id TEXT NOT NULL,
            member TEXT NOT NULL,
            PRIMARY KEY (id, member)
        ) WITHOUT ROWID""",
        """CREATE TABLE celeriac_lock(
            name TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            expires REAL  -- NULL: never
        ) WITHOUT ROWID""",
    ),
)

STORE = Insertion(
    "celeriac_result(id, state, ready, expires, payload)",
    "(?, ?, ?, ?, ?)",
    """ON CONFLICT(id) DO UPDATE
SET state = excluded.state, ready = excluded.ready, expires = excluded.expires, payload = excluded.payload
WHERE celeriac_result.ready = 0 OR celeriac_result.expires <= ?""",
)
"""Of ids, states, 1 if it is a ready one, ends and payloads, and of now: a ready one that has not expired stays."""

_VISIBLE = "SELECT id, state, payload FROM celeriac_result WHERE (expires IS NULL OR expires > ?) AND ready >= ?"
FETCH_ONE = f"{_VISIBLE} AND id = ?"
FETCH = f"{_VISIBLE} AND id IN (SELECT value FROM json_each(?))"  # noqa: S608 (constants)

FORGET = "DELETE FROM celeriac_result WHERE id IN (SELECT value FROM json_each(?))"

SOME = 1000
"""How many rows are swept in one transaction, at most."""

SWEEP = f"""DELETE FROM celeriac_result
WHERE number IN (SELECT number FROM celeriac_result WHERE expires <= ? ORDER BY expires LIMIT {SOME})
RETURNING number"""  # noqa: S608
