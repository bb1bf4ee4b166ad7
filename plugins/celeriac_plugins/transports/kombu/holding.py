"""What this process holds, and what of it waits here until it is due."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from itertools import count

from celeriac.message import Delivery, Message

from .envelope import Received
from .line import Channel


class Holding:
    """The token of a delivery: one holding of one message."""

    __slots__ = ("begun", "channel", "message", "queue", "received")

    def __init__(self, queue: str, received: Received, message: Message, begun: int, channel: Channel) -> None:
        self.queue = queue
        self.received = received
        self.message = message
        self.begun = begun
        """Deliveries before this one."""
        self.channel = channel
        """On which it was received."""


class Held:
    """All holdings of one transport. Thread-safe."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._held: set[Holding] = set()
        self._early: dict[str, list[tuple[float, int, Holding]]] = {}
        """By queue; each a heap."""
        self._numbers = count()

    def hold(self, holdings: Sequence[Holding]) -> list[Delivery]:
        with self._lock:
            self._held.update(holdings)
        return [Delivery(each.message, each.queue, each.begun + 1, each) for each in holdings]

    def of(self, batch: Sequence[Delivery]) -> list[Holding]:
        """Those of the deliveries that are still held."""
        with self._lock:
            return [each.token for each in batch if isinstance(each.token, Holding) and each.token in self._held]

    def end(self, holdings: Iterable[Holding]) -> None:
        with self._lock:
            self._held.difference_update(holdings)

    def keep_until(self, due: float, begun: int, old: Holding) -> None:
        """Keep the message here, to be delivered again when it is due."""
        holding = Holding(old.queue, old.received, old.message, begun, old.channel)
        with self._lock:
            heappush(self._early.setdefault(old.queue, []), (due, next(self._numbers), holding))

    def take_due(self, queues: Sequence[str], limit: int) -> list[Holding]:
        now = self._now()
        found: list[Holding] = []
        with self._lock:
            for queue in queues:
                early = self._early.get(queue, [])
                while early and early[0][0] <= now and len(found) < limit:
                    found.append(heappop(early)[2])
        return found

    def until_due(self, queues: Sequence[str]) -> float:
        """Seconds until the next one of these queues is due; infinite when there is none."""
        with self._lock:
            dues = [early[0][0] for queue in queues if (early := self._early.get(queue))]
        return max(min(dues, default=float("inf")) - self._now(), 0)

    def let_go(self) -> tuple[list[Holding], list[Holding]]:
        """What was held, and what waited; nothing is from now on."""
        with self._lock:
            held, early = list(self._held), [each for heap in self._early.values() for _, _, each in heap]
            self._held, self._early = set(), {}
        return held, early
