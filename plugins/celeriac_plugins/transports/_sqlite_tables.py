"""The transport's tables, and the statements that run on them at every message.

A message is ready (0), held (1) or delayed (2), and each state has an index of its own that holds nothing else: so a
receive costs the same whether none or a million messages are delayed. Held ones are indexed by owner first, as there
are few owners: one seek for each finds who they are and whose lease ends first.

`id` is an ordinary row id. AUTOINCREMENT would cost a third of a lone publish, and buys nothing: an id is used again
only when it was the highest and is gone, which keeps the order; and what a worker holds is named by `owner` and
`claim`, which are never used again.
"""

from __future__ import annotations

from functools import lru_cache

from celeriac_plugins._shared.sqlite import Tables
from celeriac_plugins._shared.sqlite_rows import Insertion

READY, HELD, DELAYED = 0, 1, 2

TABLES = Tables(
    "transport",
    1,
    (
        """CREATE TABLE celeriac_message(
            id INTEGER PRIMARY KEY,
            queue TEXT NOT NULL,
            priority INTEGER NOT NULL,
            state INTEGER NOT NULL,
            at REAL,  -- delayed: due; held: the end of the lease
            since REAL NOT NULL,  -- published, or due when that was later
            owner TEXT,  -- held: the board's name of the holder
            claim INTEGER,  -- held: the number of its receive
            deliveries INTEGER NOT NULL,
            data BLOB NOT NULL CHECK(typeof(data) = 'blob')
        )""",
        "CREATE INDEX celeriac_ready ON celeriac_message(queue, priority DESC, id) WHERE state = 0",
        "CREATE INDEX celeriac_held ON celeriac_message(owner, at) WHERE state = 1",
        "CREATE INDEX celeriac_delayed ON celeriac_message(at, queue) WHERE state = 2",
        "CREATE TABLE celeriac_queue(name TEXT PRIMARY KEY, used REAL NOT NULL) WITHOUT ROWID",
        """CREATE TABLE celeriac_dead(
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            task TEXT NOT NULL,
            queue TEXT NOT NULL,
            priority INTEGER NOT NULL,
            reason TEXT NOT NULL,
            detail TEXT NOT NULL,
            deliveries INTEGER NOT NULL,
            at REAL NOT NULL,
            data BLOB NOT NULL
        )""",
        "CREATE INDEX celeriac_dead_task ON celeriac_dead(task)",
        """CREATE TABLE celeriac_broadcast(
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            topic TEXT NOT NULL,
            at REAL NOT NULL,
            payload BLOB NOT NULL
        )""",
        "CREATE INDEX celeriac_broadcast_at ON celeriac_broadcast(at)",
    ),
)

PUBLISH = Insertion("celeriac_message(queue, priority, state, at, since, data, deliveries)", "(?, ?, ?, ?, ?, ?, 0)")

USE_QUEUE = """INSERT INTO celeriac_queue(name, used) VALUES(?, ?)
ON CONFLICT(name) DO UPDATE SET used = excluded.used"""

# Some or all of what one receive holds. An id alone does not do: see above.
_MINE = "id IN (SELECT value FROM json_each(?)) AND owner = ? AND claim = ?"
_FREED = "at = NULL, owner = NULL, claim = NULL"

ACKNOWLEDGE_ONE = "DELETE FROM celeriac_message WHERE id = ? AND owner = ? AND claim = ?"
ACKNOWLEDGE = f"DELETE FROM celeriac_message WHERE {_MINE}"  # noqa: S608 (constants)
REJECT = f"UPDATE celeriac_message SET state = 0, {_FREED}, deliveries = deliveries - ? WHERE {_MINE}"  # noqa: S608
DELAY = """UPDATE celeriac_message
SET state = ?, at = ?, since = ?, owner = NULL, claim = NULL, deliveries = deliveries - ?
WHERE id = ? AND owner = ? AND claim = ?"""
RENEW = f"UPDATE celeriac_message SET at = ? WHERE {_MINE} RETURNING id"  # noqa: S608
DISOWN = "UPDATE celeriac_message SET owner = '-' WHERE state = 1 AND owner = ?"

LOOK_AROUND = """SELECT NULL, min(at) FROM celeriac_message WHERE state = 2
UNION ALL
SELECT owner, (SELECT min(at) FROM celeriac_message m WHERE m.state = 1 AND m.owner = holder.owner)
FROM (
    WITH RECURSIVE holder(owner) AS (
        SELECT min(owner) FROM celeriac_message WHERE state = 1
        UNION ALL
        SELECT (SELECT min(owner) FROM celeriac_message WHERE state = 1 AND owner > holder.owner)
        FROM holder WHERE owner IS NOT NULL
    )
    SELECT owner FROM holder WHERE owner IS NOT NULL
) AS holder"""
"""When the first delayed message is due, then each owner and when the first of its leases ends."""

SOME = 1000
"""How many messages are freed in one transaction, at most."""

FREE_DUE = f"""UPDATE celeriac_message SET state = 0, at = NULL
WHERE id IN (SELECT id FROM celeriac_message WHERE state = 2 AND at <= ? ORDER BY at LIMIT {SOME})
RETURNING queue"""  # noqa: S608
FREE_HELD = f"""UPDATE celeriac_message SET state = 0, {_FREED}
WHERE id IN (SELECT id FROM celeriac_message WHERE state = 1 AND owner = ? AND at <= ? ORDER BY at LIMIT {SOME})
RETURNING queue"""  # noqa: S608


@lru_cache(maxsize=32)
def claim(queues: int) -> str:
    """Hold the first messages of so many queues, the queues in the order given: at, owner, claim, limit, names …

    The rows come in no certain order; within a queue, their own is that in which they are to be had."""
    first = "SELECT id FROM celeriac_message WHERE state = 0 AND queue = ?{} ORDER BY priority DESC, id LIMIT ?4"
    picked = first.format(5)
    if queues > 1:
        picked = " UNION ALL ".join(f"SELECT id FROM ({first.format(5 + n)})" for n in range(queues)) + " LIMIT ?4"  # noqa: S608
    return f"""UPDATE celeriac_message SET state = 1, at = ?1, owner = ?2, claim = ?3, deliveries = deliveries + 1
    WHERE id IN ({picked}) RETURNING -priority, id, queue, deliveries, data"""  # noqa: S608


@lru_cache(maxsize=32)
def any_ready(queues: int) -> str:
    """Whether one of so many queues has a message that is ready: names …"""
    return f"SELECT 1 FROM celeriac_message WHERE state = 0 AND queue IN ({', '.join('?' * queues)}) LIMIT 1"  # noqa: S608
