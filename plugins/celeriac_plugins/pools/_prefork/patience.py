"""How long to wait before the next child is forked when children die without having done anything."""

from __future__ import annotations

_FIRST = 0.1
_MOST = 10.0
_ALIVE = 5.0
"""Seconds after which a child that has run nothing did not die of its start."""


class Patience:
    """The first such death costs nothing; each one after it in a row doubles the wait. It never gives up."""

    def __init__(self) -> None:
        self._barren = 0
        self._until = 0.0

    def death(self, now: float, lived: float, worked: bool) -> float:
        """A child has died on its own; returns the seconds to wait before the next is forked."""
        if worked or lived > _ALIVE:
            self._barren = 0
            return 0.0
        self._barren += 1
        wait = min(_FIRST * 2 ** (self._barren - 2), _MOST) if self._barren > 1 else 0.0
        self._until = now + wait
        return wait

    def left(self, now: float) -> float:
        """Seconds until a child may be forked."""
        return max(self._until - now, 0.0)
