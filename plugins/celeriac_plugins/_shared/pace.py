"""How long tasks take, and how many of them it is worth holding for one slot at that pace."""

from __future__ import annotations

MOST = 200
"""Requests held for a slot at most: enough to make the hand-over cheap, few enough to give back at once."""

_SHORT = 0.001
_WORK = 0.004
_BRISK = 0.05
_KEEP = 0.8


class Pace:
    """A moving mean of run times. It starts unknown, which counts as slow: nothing is hoarded on a guess."""

    def __init__(self) -> None:
        self.mean: float | None = None
        """Seconds, or None before the first task has ended."""

    def add(self, count: int, seconds: float) -> None:
        """Count `count` tasks that took `seconds` together."""
        if count < 1:
            return
        latest = seconds / count
        if self.mean is None:
            self.mean = latest
        elif count == 1:
            self.mean = latest + (self.mean - latest) * _KEEP
        else:
            self.mean = latest + (self.mean - latest) * _KEEP ** min(count, 16)

    @property
    def window(self) -> int:
        """Requests to hand to one slot at a time: some 4 ms of work when tasks are under a millisecond, else one."""
        if self.mean is None or self.mean >= _SHORT:
            return 1
        return MOST if self.mean * MOST <= _WORK else max(int(_WORK / self.mean), 2)

    @property
    def depth(self) -> int:
        """Requests to hold for one slot, the handed ones included, so that the next lies ready when one ends."""
        if self.mean is None or self.mean >= _BRISK:
            return 1
        return self.window * 2
