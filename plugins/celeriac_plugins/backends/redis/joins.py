"""The counters of groups with a body.

The members of a group are a set, so that each counts once. A join whose body is published stays until it expires,
without its body and its members: so it is not opened a second time.
"""

from __future__ import annotations

from collections.abc import Sequence

from celeriac.clock import Clock
from celeriac_plugins._shared.redis_line import Line

from . import scripts

_REMEMBERED = 86_400_000
"""Milliseconds for which a closed join is remembered where results never expire."""
_CLAIMS_LIFE = 30 * 86_400


class Joins:
    """They expire `life` milliseconds after their last member came; never, where it is an empty text."""

    def __init__(self, line: Line, prefix: str, clock: Clock, life: int | str) -> None:
        self._line = line
        self._join = f"{prefix}celeriac.join."
        self._members = f"{prefix}celeriac.members."
        self._claims = f"{prefix}celeriac.claims"
        self._now = clock.time
        self._life = life

    def open(self, group: str, size: int, body: bytes) -> None:
        self._line.run(scripts.OPEN, [self._join + group], (self._life, size, body))

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
        found = self._line.run(scripts.ORPHANS, [self._claims], (_CLAIMS_LIFE, self._join, now, now + lease))
        return [(group.decode(), body) for group, body in zip(found[::2], found[1::2], strict=True)]

    def _keys(self, group: str) -> tuple[str, str, str]:
        return self._join + group, self._members + group, self._claims
