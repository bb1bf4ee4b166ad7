"""Into a lane and out of it: what a publish, a receive and a settlement do within their transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from sqlite3 import Connection
from typing import Any, cast

from celeriac.message import Delivery

from . import _sqlite_tables as sql

Lane = tuple[str, int]  # queue, priority
Row = tuple[str, int, float | None, float, bytes]  # queue, priority, due (None: now), since, data
Token = tuple[int, str, int]  # id, owner, claim
Ready = tuple[int, int, int, bytes]  # place, id, deliveries before, data
Read = Callable[[str, Sequence[Any]], list[Any]]


def token_of(delivery: Delivery) -> Token:
    return cast(Token, delivery.token)


def use(connection: Connection, lanes: Iterable[Lane], now: float) -> None:
    connection.executemany(sql.USE_LANE, [(*lane, now) for lane in lanes])


def publish(connection: Connection, rows: Iterable[Row], now: float) -> None:
    """Number the messages in the order given, and put them into their lanes, which are made where there are none."""
    lanes: dict[Lane, list[Row]] = {}
    for row in rows:
        lanes.setdefault(row[:2], []).append(row)
    messages: list[tuple[int, float, bytes]] = []
    delayed: list[tuple[int, int, float]] = []
    for lane, its_rows in lanes.items():
        last = connection.execute(sql.LAST_IDS, lane).fetchone()
        if last is None:
            use(connection, [lane], now)
            last = connection.execute(sql.LAST_IDS, lane).fetchone()
        fresh, late = last
        for _, _, due, since, data in its_rows:
            if due is None:
                fresh += 1
                messages.append((fresh, since, data))
            else:
                late += 1
                messages.append((late, since, data))
                delayed.append((late, fresh, due))
    sql.PUBLISH.run(connection, messages)
    sql.PUBLISH_LATE.run(connection, delayed)


def first(read: Read, bounds: Sequence[int], limit: int) -> tuple[list[Ready], list[Ready]]:
    """Of what is ready in a lane the first messages: those that were returned, and the fresh ones. Sorted together they
    are in their order."""
    begin, claimed, middle, has_returned = bounds
    fresh = read(sql.FRESH, (claimed, middle, limit))
    if not has_returned:
        return [], fresh
    bound = fresh[-1][0] if len(fresh) == limit else middle
    returned = read(sql.RETURNED, (begin, bound, limit))
    taken = set(sorted(row[:2] for row in returned + fresh)[:limit])
    return [row for row in returned if row[:2] in taken], [row for row in fresh if row[:2] in taken]


def claim(
    connection: Connection, queues: Iterable[str], limit: int, holder: tuple[float, str, int]
) -> list[tuple[str, list[Ready]]]:
    """Hold the first messages of these queues, the queues in the order given. `holder`: until when, who, which one."""

    def read(statement: str, values: Sequence[Any]) -> list[Any]:
        return connection.execute(statement, values).fetchall()

    found: list[tuple[str, list[Ready]]] = []
    for queue in queues:
        for lane, *bounds in read(sql.READY_LANES, (queue,)):
            if not limit:
                return found
            returned, fresh = first(read, bounds, limit)
            if returned:
                connection.executemany(sql.HOLD_RETURNED, [(*holder, *row[:2]) for row in returned])
                connection.executemany(sql.NOT_RETURNED, [row[:2] for row in returned])
            if fresh:
                last = fresh[-1][1]
                connection.execute(sql.HOLD_FRESH, (*holder, fresh[0][1], last))
                connection.execute(sql.NOT_FRESH, (last, lane))
            found.append((queue, sorted(returned + fresh) if returned else fresh))
            limit -= len(returned) + len(fresh)
    return found


def acknowledge(connection: Connection, batch: Iterable[Delivery]) -> None:
    for (owner, number), ids in by_claim(batch).items():
        connection.execute(sql.ACKNOWLEDGE, (str(ids), owner, number))


def give_back(connection: Connection, batch: Iterable[Delivery], uncounted: int) -> None:
    for (owner, number), ids in by_claim(batch).items():
        connection.execute(sql.RETURN, (uncounted, str(ids), owner, number))
        connection.execute(sql.NOT_HELD, (str(ids), owner, number))


def delay(connection: Connection, batch: Iterable[tuple[Delivery, float]], uncounted: int) -> None:
    for delivery, due in batch:
        token = token_of(delivery)
        connection.execute(sql.DELAY, (uncounted, due, *token))
        connection.execute(sql.SINCE, (due, *token))
        connection.execute(sql.NOT_HELD_ONE, token)


def renew(connection: Connection, batch: Iterable[Delivery], until: float) -> set[Token]:
    """The tokens of those that are still held."""
    held: set[Token] = set()
    for (owner, number), ids in by_claim(batch).items():
        rows = connection.execute(sql.RENEW, (until, str(ids), owner, number)).fetchall()
        held.update((key, owner, number) for (key,) in rows)
    return held


def by_claim(batch: Iterable[Delivery]) -> dict[tuple[str, int], list[int]]:
    claims: dict[tuple[str, int], list[int]] = {}
    for delivery in batch:
        key, owner, number = token_of(delivery)
        claims.setdefault((owner, number), []).append(key)
    return claims


def free(connection: Connection, statements: Sequence[str], values: Sequence[Any]) -> list[str]:
    """Make ready what is due or held without right, up to a number of them; the queue of each."""
    into, out = statements
    connection.execute(into, values)
    return [queue for (queue,) in connection.execute(out, values).fetchall()]
