"""A fixed piece of work, timed: how fast, and how busy with other things, the machine is right now."""

from __future__ import annotations

import time

_TURNS = 100_000
_REPEATS = 3


def calibrate() -> float:
    """Milliseconds of the loop, the best of three: about the speed that one core had to give."""
    return min(_once() for _ in range(_REPEATS))


def _once() -> float:
    begin, numbers, total = time.perf_counter(), {number: str(number) for number in range(100)}, 0
    for turn in range(_TURNS):
        total += len(numbers[turn % 100])
    return (time.perf_counter() - begin) * 1000
