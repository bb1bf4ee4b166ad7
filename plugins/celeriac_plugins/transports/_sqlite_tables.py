"""The transport's tables, and the statements that run on them at every message.

A message is written once and deleted once; what becomes of it in between stands in small tables beside it. Its id says
where it belongs: the high bits are its lane, which is one priority of one queue, the low ones its number there.

- Fresh: its id is above the lane's `claimed`, and no other table knows it. So a publish touches one B-tree, at its end.
- Held, delayed or returned (given back, or due): its id is in the table of that name. Each costs the same whether the
  others hold nothing or a million. Held ones are indexed by owner first, as there are few owners: one seek for each
  finds who they are and whose lease ends first.

What is published with a due time is numbered from the middle of its lane on, as it must not lie among the fresh ones.
Its `place` says where it would: after the fresh one of that id. The place of others is their id.

Numbers are given out within the transaction, without gaps, and never one that was claimed before. Of the later half one
is used again when it was the highest and is gone, which does no harm: what a worker holds is named by `owner` and
`claim` too, which are never used again.
"""

from __future__ import annotations

from functools import lru_cache

from celeriac_plugins._shared.sqlite import Tables
from celeriac_plugins._shared.sqlite_rows import Insertion

LANE = 41
"""Bits of a number. A lane has room for a year of thirty thousand messages a second; and there may be four million."""

_HALF = 1 << (LANE - 1)
# The ids between which a lane's are, in a statement on celeriac_lane: fresh ones are below the middle.
BEGIN, MIDDLE, END = f"(lane << {LANE})", f"((lane << {LANE}) + {_HALF})", f"((lane + 1) << {LANE})"

TABLES = Tables(
    "transport",
    2,
    (
        """CREATE TABLE celeriac_message(
            id INTEGER PRIMARY KEY,
            since REAL NOT NULL,  -- published, or due when that was later
            data BLOB NOT NULL CHECK(typeof(data) = 'blob')
        )""",
        """CREATE TABLE celeriac_lane(
            lane INTEGER PRIMARY KEY,
            queue TEXT NOT NULL,
            priority INTEGER NOT NULL,
            claimed INTEGER NOT NULL,  -- the highest id that is not fresh any more
            used REAL NOT NULL,
            UNIQUE(queue, priority)
        )""",
        """CREATE TABLE celeriac_returned(
            place INTEGER NOT NULL,
            id INTEGER NOT NULL,
            deliveries INTEGER NOT NULL,
            PRIMARY KEY(place, id)
        ) WITHOUT ROWID""",
        """CREATE TABLE celeriac_delayed(
            id INTEGER PRIMARY KEY,
            place INTEGER NOT NULL,
            deliveries INTEGER NOT NULL,
            at REAL NOT NULL  -- due
        )""",
        "CREATE INDEX celeriac_delayed_at ON celeriac_delayed(at)",
        """CREATE TABLE celeriac_held(
            id INTEGER PRIMARY KEY,
            place INTEGER NOT NULL,
            deliveries INTEGER NOT NULL,
            at REAL NOT NULL,  -- the end of the lease
            owner TEXT NOT NULL,  -- the board's name of the holder
            claim INTEGER NOT NULL  -- the number of its receive
        )""",
        "CREATE INDEX celeriac_held_owner ON celeriac_held(owner, at)",
        # So an acknowledgement is one statement, and no transaction has to be opened for a lone one.
        """CREATE TRIGGER celeriac_settled AFTER DELETE ON celeriac_message
        BEGIN DELETE FROM celeriac_held WHERE id = old.id; END""",
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

# lanes

USE_LANE = f"""INSERT INTO celeriac_lane(lane, queue, priority, claimed, used)
SELECT lane, ?, ?, {BEGIN}, ? FROM (SELECT coalesce(max(lane), 0) + 1 AS lane FROM celeriac_lane) WHERE true
ON CONFLICT(queue, priority) DO UPDATE SET used = excluded.used"""  # noqa: S608 (constants)
FORGET_LANES = f"""DELETE FROM celeriac_lane WHERE used < ?
AND NOT EXISTS (SELECT 1 FROM celeriac_message WHERE id BETWEEN {BEGIN} AND {END})"""  # noqa: S608

# publishing

LAST_FRESH = f"max(claimed, coalesce((SELECT max(id) FROM celeriac_message WHERE id < {MIDDLE}), 0))"  # noqa: S608
_LAST_LATE = f"""max({MIDDLE}, coalesce((SELECT max(id) FROM celeriac_message WHERE id < {END}), 0))"""  # noqa: S608
LAST_IDS = f"SELECT {LAST_FRESH}, {_LAST_LATE} FROM celeriac_lane WHERE queue = ? AND priority = ?"  # noqa: S608

PUBLISH_ONE = f"""INSERT INTO celeriac_message(id, since, data)
SELECT {LAST_FRESH} + 1, ?, ? FROM celeriac_lane WHERE queue = ? AND priority = ?"""  # noqa: S608
PUBLISH = Insertion("celeriac_message(id, since, data)", "(?, ?, ?)")
PUBLISH_LATE = Insertion("celeriac_delayed(id, place, deliveries, at)", "(?, ?, 0, ?)")

# receiving

_HAS_RETURNED = f"EXISTS (SELECT 1 FROM celeriac_returned WHERE place >= {BEGIN} AND place < {MIDDLE})"  # noqa: S608
_HAS_FRESH = f"EXISTS (SELECT 1 FROM celeriac_message WHERE id > claimed AND id < {MIDDLE})"  # noqa: S608
READY_LANES = f"""SELECT lane, {BEGIN}, claimed, {MIDDLE}, {_HAS_RETURNED} FROM celeriac_lane
WHERE queue = ? AND ({_HAS_RETURNED} OR {_HAS_FRESH}) ORDER BY priority DESC"""  # noqa: S608

FRESH = "SELECT id, id, 0, data FROM celeriac_message WHERE id > ? AND id < ? ORDER BY id LIMIT ?"
RETURNED = """SELECT place, id, deliveries, data FROM celeriac_returned CROSS JOIN celeriac_message USING(id)
WHERE place >= ? AND place < ? ORDER BY place, id LIMIT ?"""
HOLD_FRESH = """INSERT INTO celeriac_held(id, place, deliveries, at, owner, claim)
SELECT id, id, 1, ?, ?, ? FROM celeriac_message WHERE id BETWEEN ? AND ?"""
HOLD_RETURNED = """INSERT INTO celeriac_held(id, place, deliveries, at, owner, claim)
SELECT id, place, deliveries + 1, ?, ?, ? FROM celeriac_returned WHERE place = ? AND id = ?"""
NOT_RETURNED = "DELETE FROM celeriac_returned WHERE place = ? AND id = ?"
NOT_FRESH = "UPDATE celeriac_lane SET claimed = ? WHERE lane = ?"


@lru_cache(maxsize=32)
def any_ready(queues: int) -> str:
    """Whether one of so many queues has a message that is ready: names …"""
    return f"""SELECT 1 FROM celeriac_lane
    WHERE queue IN ({", ".join("?" * queues)}) AND ({_HAS_RETURNED} OR {_HAS_FRESH}) LIMIT 1"""  # noqa: S608


# settling

# Some or all of what one receive holds. An id alone does not do: another one may hold it by now.
_MINE = "id IN (SELECT value FROM json_each(?)) AND owner = ? AND claim = ?"
_ONE_OF_MINE = "id = ? AND owner = ? AND claim = ?"


ACKNOWLEDGE = f"DELETE FROM celeriac_message WHERE id IN (SELECT id FROM celeriac_held WHERE {_MINE})"  # noqa: S608
ACKNOWLEDGE_ONE = f"DELETE FROM celeriac_message WHERE id = (SELECT id FROM celeriac_held WHERE {_ONE_OF_MINE})"  # noqa: S608
NOT_HELD = f"DELETE FROM celeriac_held WHERE {_MINE}"  # noqa: S608
NOT_HELD_ONE = f"DELETE FROM celeriac_held WHERE {_ONE_OF_MINE}"  # noqa: S608
RETURN = f"""INSERT INTO celeriac_returned(place, id, deliveries)
SELECT place, id, deliveries - ? FROM celeriac_held WHERE {_MINE}"""  # noqa: S608
DELAY = f"""INSERT INTO celeriac_delayed(id, place, deliveries, at)
SELECT id, place, deliveries - ?, ? FROM celeriac_held WHERE {_ONE_OF_MINE}"""  # noqa: S608
SINCE = f"UPDATE celeriac_message SET since = ? WHERE id IN (SELECT id FROM celeriac_held WHERE {_ONE_OF_MINE})"  # noqa: S608
RENEW = f"UPDATE celeriac_held SET at = ? WHERE {_MINE} RETURNING id"  # noqa: S608
DISOWN = "UPDATE celeriac_held SET owner = '-' WHERE owner = ?"

# what comes back by itself

LOOK_AROUND = """SELECT NULL, min(at) FROM celeriac_delayed
UNION ALL
SELECT owner, (SELECT min(at) FROM celeriac_held WHERE celeriac_held.owner = holder.owner)
FROM (
    WITH RECURSIVE holder(owner) AS (
        SELECT min(owner) FROM celeriac_held
        UNION ALL
        SELECT (SELECT min(owner) FROM celeriac_held WHERE owner > holder.owner) FROM holder WHERE owner IS NOT NULL
    )
    SELECT owner FROM holder WHERE owner IS NOT NULL
) AS holder"""
"""When the first delayed message is due, then each owner and when the first of its leases ends."""

SOME = 1000
"""How many messages are freed in one transaction, at most."""


def _free(table: str, which: str) -> tuple[str, str]:
    first = f"FROM {table} WHERE {which} ORDER BY at, id LIMIT {SOME}"
    return (
        f"INSERT INTO celeriac_returned(place, id, deliveries) SELECT place, id, deliveries {first}",
        f"""DELETE FROM {table} WHERE id IN (SELECT id {first})
        RETURNING (SELECT queue FROM celeriac_lane WHERE lane = id >> {LANE})""",  # noqa: S608
    )


FREE_DUE = _free("celeriac_delayed", "at <= ?")
FREE_HELD = _free("celeriac_held", "owner = ? AND at <= ?")
