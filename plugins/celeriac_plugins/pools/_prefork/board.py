"""Shared memory in which each child says what it does, so that nobody has to ask or tell."""

from __future__ import annotations

import mmap

_FIELDS = 8
_SIZE = _FIELDS * 8

_KEY, _SINCE, _ENDED, _BUSY, _MEMORY, _READY, _DOOMED = range(7)


class Record:
    """One child's part. Each field is one aligned machine word, written by one side only (`doomed` by the parent, the
    rest by the child), so it is never seen half written."""

    __slots__ = ("_floats", "_ints", "number")

    def __init__(self, number: int, memory: memoryview) -> None:
        self.number = number
        part = memory[number * _SIZE : (number + 1) * _SIZE]
        self._ints = part.cast("q")
        self._floats = part.cast("d")

    def clear(self) -> None:
        for index in range(_FIELDS):
            self._ints[index] = 0

    def close(self) -> None:
        self._ints.release()
        self._floats.release()

    # what runs

    def begin(self, key: int, now: float) -> None:
        self._ints[_KEY] = key
        self._floats[_SINCE] = now

    def end(self, seconds: float) -> None:
        self._floats[_SINCE] = 0.0
        self._floats[_BUSY] += seconds
        self._ints[_ENDED] += 1

    @property
    def key(self) -> int:
        """What runs, when `since` is not 0."""
        return self._ints[_KEY]

    @property
    def since(self) -> float:
        """When it began, by the monotonic clock, which all processes of a machine share; 0 when nothing runs."""
        return self._floats[_SINCE]

    @property
    def ended(self) -> int:
        """How many requests have ended."""
        return self._ints[_ENDED]

    @property
    def busy(self) -> float:
        """Seconds that those took together."""
        return self._floats[_BUSY]

    # the process

    @property
    def memory(self) -> int:
        """KiB of resident memory after the latest request; 0 when nobody asked for it."""
        return self._ints[_MEMORY]

    @memory.setter
    def memory(self, kib: int) -> None:
        self._ints[_MEMORY] = kib

    @property
    def ready(self) -> bool:
        return bool(self._ints[_READY])

    @ready.setter
    def ready(self, value: bool) -> None:
        self._ints[_READY] = value

    @property
    def doomed(self) -> bool:
        """The parent ends this child: signals that children otherwise leave to the parent now have their effect."""
        return bool(self._ints[_DOOMED])

    @doomed.setter
    def doomed(self, value: bool) -> None:
        self._ints[_DOOMED] = value


class Board:
    """The memory of all records. It must exist before the nursery does; pages that are not used cost nothing."""

    def __init__(self, size: int) -> None:
        self._map = mmap.mmap(-1, size * _SIZE)
        self._memory = memoryview(self._map)
        self._free = list(range(size - 1, -1, -1))
        self.size = size

    def claim(self) -> Record:
        """A cleared record for a new child."""
        record = self.record(self._free.pop())
        record.clear()
        return record

    def record(self, number: int) -> Record:
        """The record of this number, as the child itself gets it."""
        return Record(number, self._memory)

    def free(self, record: Record) -> None:
        record.close()
        self._free.append(record.number)

    def close(self) -> None:
        self._memory.release()
        self._map.close()
