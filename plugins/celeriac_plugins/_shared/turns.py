"""Taking from several queues so that none starves another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def take_in_turns(sources: Sequence[Callable[[int], list[T]]], limit: int, first: int) -> list[T]:
    """Up to `limit` things. Each source, called with a number, gives so many or all that it has; they share the limit
    evenly as far as they have enough, and `first`, which the caller counts up, says whose turn it is to be first."""
    turn = first % len(sources) if sources else 0
    giving = [*sources[turn:], *sources[:turn]]
    taken: list[T] = []
    while giving and len(taken) < limit:
        share = max(1, (limit - len(taken)) // len(giving))
        still = []
        for source in giving:
            wanted = min(share, limit - len(taken))
            given = source(wanted)
            taken += given
            if len(given) == wanted:
                still.append(source)
        giving = still
    return taken
