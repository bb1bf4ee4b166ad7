"""The counters of groups with a body.

The members of a group are a set, so that each counts once. A join whose body is published stays until it expires,
without its body and its members: so it is not opened a second time.

Celery's workers count in keys of their own, ``celery-taskset-meta-<group>`` with an ending: ``.j`` has an entry for
each member that has ended, ``.d`` the members that are in it, ``.s`` the size, ``.t`` what was added to that later,
``.c`` who calls the body (``done``: it was called). A join is counted in both places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from celeriac.clock import Clock
from celeriac.specs.backend import Arrival
from celeriac_plugins._shared.redis_line import Line

from . import scripts

_REMEMBERED = 86_400_000
"""Milliseconds for which a closed join is remembered where results never expire."""
_CLAIMS_LIFE = 30 * 86_400
_SHARED = ("j", "d", "s", "t", "c")


class Joins:
    """They expire `life` milliseconds after their last member came; never, where it is an empty text."""

    def __init__(self, line: Line, prefix: str, clock: Clock, life: int | str) -> None:
        self._line = line
        self._join = f"{prefix}celeriac.join."
        self._members = f"{prefix}celeriac.members."
        self._claims = f"{prefix}celeriac.claims"
        self._shared = f"{prefix}celery-taskset-meta-"
        self._now = clock.time
        self._life = life

    def open(self, group: str, size: int | None, body: bytes) -> None:
        keys = [self._join + group, f"{self._shared}{group}.s"]
        self._line.run(scripts.OPEN, keys, (self._life, "" if size is None else size, body))

    def seal(self, group: str, size: int, body: bytes, lease: float) -> bytes | None:
        now = self._now()
        arguments = (_CLAIMS_LIFE, self._life, group, now, now + lease, size, body)
        found: bytes | None = self._line.run(scripts.SEAL, self._keys(group), arguments)
        return found

    def share(self, group: str, arrivals: Sequence[Arrival]) -> None:
        arguments: list[Any] = [self._life, arrivals[0].body]
        for arrival in arrivals:
            arguments += (arrival.member, "+inf" if arrival.place is None else arrival.place, arrival.entry)
        self._line.run(scripts.SHARE, self._keys(group), arguments)

    def grow(self, group: str, added: Mapping[str, bytes], body: bytes) -> bool:
        arguments: list[Any] = [self._life, body]
        for each in added.items():
            arguments += each
        return bool(self._line.run(scripts.GROW, self._keys(group), arguments))

    def relayed(self, group: str, lease: float) -> bytes | None:
        now = self._now()
        arguments = (_CLAIMS_LIFE, group, now, now + lease)
        body: bytes | None = self._line.run(scripts.RELAYED, self._keys(group), arguments)
        return body

    def entries(self, group: str) -> list[bytes]:
        (found,) = self._line.call([("ZRANGE", f"{self._shared}{group}.j", 0, -1)])
        return list(found)

    def shape(self, group: str) -> bytes | None:
        (found,) = self._line.call([("GET", self._shared + group)])
        return found if isinstance(found, bytes) else None

    def arrive(self, group: str, members: Sequence[str], lease: float) -> bytes | None:
        now = self._now()
        body: bytes | None = self._line.run(
            scripts.ARRIVE, self._keys(group), (_CLAIMS_LIFE, self._life, group, now, now + lease, *members)
        )
        return body

    def close(self, group: str) -> None:
        self._line.run(scripts.CLOSE, self._keys(group), (group, self._life or _REMEMBERED))

    def orphans(self, lease: float) -> list[tuple[str, bytes]]:
        now = self._now()
        (due,) = self._line.call([("ZRANGE", self._claims, "-inf", now, "BYSCORE", "LIMIT", 0, 1)])
        if not due:  # as nearly always, when workers ask at times
            return []
        arguments = (_CLAIMS_LIFE, self._join, now, now + lease, self._shared)
        found = self._line.run(scripts.ORPHANS, [self._claims], arguments)
        return [(group.decode(), body) for group, body in zip(found[::2], found[1::2], strict=True)]

    def _keys(self, group: str) -> list[str]:
        shared = (f"{self._shared}{group}.{ending}" for ending in _SHARED)
        return [self._join + group, self._members + group, self._claims, *shared]
