"""Writing the tables of headers of a batch: what a message has in common with the one before is not written again.

The headers of a task's calls are copies of one table, in which most values stay the very same objects and a few, such
as the id, are replaced. So a table is compared with the one before it by identity, which also tells 1 from True.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .wire import pair, table_of


class Repeats:
    """For one batch, while nobody changes its messages: a list that is the same object is taken to hold the same. Not
    thread-safe."""

    __slots__ = ("_names", "_pairs", "_values")

    def __init__(self) -> None:
        self._names: list[Any] = []
        self._values: list[Any] = []
        self._pairs: list[bytes] = []

    def table(self, fields: Mapping[str, Any]) -> bytes:
        """The same as `wire.table`.

        Raises:
            Inexpressible: it holds something that is no plain value, or too large.
        """
        names, values, pairs = self._names, self._values, self._pairs
        if list(fields) != names:
            pairs = [pair(name, value) for name, value in fields.items()]
            self._names, self._values, self._pairs = list(fields), list(fields.values()), pairs
        else:
            for at, value in enumerate(fields.values()):
                if value is not values[at]:
                    pairs[at] = pair(names[at], value)
                    values[at] = value
        return table_of(b"".join(pairs))
