"""What parent and nursery tell each other: records of a fixed size over a socket pair."""

from __future__ import annotations

import enum
import struct
from typing import NamedTuple


class Kind(enum.IntEnum):
    FORK = 0
    """Order: make child `number`; its ends of socket, tokens and outcomes travel along."""
    KILL = 1
    """Order: send signal `value` to child `number`, if it still exists."""
    BORN = 2
    """Report: child `number` is process `value`."""
    STILLBORN = 3
    """Report: child `number` could not be forked; `value` is the error number."""
    DIED = 4
    """Report: child `number` has ended with wait status `value`."""


class Note(NamedTuple):
    """One order or report."""

    kind: int
    number: int
    value: int = 0

    def pack(self) -> bytes:
        return _LAYOUT.pack(*self)


_LAYOUT = struct.Struct("<iii")
SIZE = _LAYOUT.size


def unpack(data: bytes) -> list[Note]:
    """The notes in `data`, whose length is a multiple of SIZE."""
    return [Note(*fields) for fields in _LAYOUT.iter_unpack(data)]
