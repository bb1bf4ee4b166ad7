"""The results that have come to this process, until they are too old or too many."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from celeriac.specs.backend import Record
from celeriac.states import READY_STATES

MOST: Final = 100_000
"""Results that a process keeps; then the oldest goes."""


class Kept:
    """Not thread-safe."""

    def __init__(self, expires: float | None) -> None:
        self._life = math.inf if expires is None else expires
        self._records: OrderedDict[str, tuple[Record, float]] = OrderedDict()
        """Each with the time until which it is kept; the one that came last is the last."""

    def add(self, record: Record, now: float) -> None:
        """A ready record is final, until it is forgotten or has expired."""
        known = self._records.get(record.id)
        if known is not None and known[0].state in READY_STATES and known[1] > now:
            return
        self._records[record.id] = (record, now + self._life)
        self._records.move_to_end(record.id)
        while len(self._records) > MOST:
            self._records.popitem(last=False)

    def find(self, ids: Sequence[str], now: float) -> dict[str, Record]:
        found = ((name, self._records.get(name)) for name in ids)
        return {name: known[0] for name, known in found if known is not None and known[1] > now}

    def forget(self, ids: Sequence[str]) -> None:
        for name in ids:
            self._records.pop(name, None)

    def sweep(self, now: float) -> int:
        gone = [name for name, (_, until) in self._records.items() if until <= now]
        self.forget(gone)
        return len(gone)
