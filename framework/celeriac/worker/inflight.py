"""What a worker holds: every message between its receipt and its settlement."""

from __future__ import annotations

import threading
import time
from itertools import count
from typing import TYPE_CHECKING

from celeriac.message import Delivery
from celeriac.specs.pool import Outcome, Request

if TYPE_CHECKING:
    from celeriac.worker.uniqueness import Hold


class Held:
    """One held message. `early` says that it was acknowledged before its run."""

    __slots__ = ("delivery", "early", "request", "revoked", "since", "unique")

    def __init__(self, delivery: Delivery, since: float) -> None:
        self.delivery = delivery
        self.since = since
        self.early = False
        self.revoked = False
        self.request: Request | None = None
        self.unique: Hold | None = None
        """The name that a message of a unique task holds."""


class Inflight:
    """Held messages by key, and who waits for there to be fewer. Thread-safe."""

    def __init__(self) -> None:
        self._held: dict[int, Held] = {}
        self._keys = count(1)
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, deliveries: list[Delivery]) -> list[tuple[int, Held]]:
        """Take deliveries on."""
        now = time.monotonic()
        taken = [(next(self._keys), Held(delivery, now)) for delivery in deliveries]
        self._held.update(taken)
        return taken

    def get(self, key: int) -> Held | None:
        return self._held.get(key)

    def find(self, outcomes: list[Outcome]) -> list[tuple[Outcome, Held]]:
        """The outcomes of what is held, with that."""
        get = self._held.get
        return [(outcome, held) for outcome in outcomes if (held := get(outcome.key)) is not None]

    def release(self, keys: list[int]) -> None:
        """These are settled."""
        pop = self._held.pop
        for key in keys:
            pop(key, None)
        with self._changed:
            self._changed.notify_all()

    def items(self) -> list[tuple[int, Held]]:
        """Everything that is held now."""
        return list(self._held.items())

    def wait_below(self, limit: int, timeout: float) -> int:
        """Wait until fewer than `limit` are held, the time is up, or `close`; return how many are held."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._held) < limit or self._closed, timeout)
            return len(self._held)

    def close(self) -> None:
        """Nobody needs to wait for room any more. Safe in a signal handler: the condition's lock is re-entrant."""
        self._closed = True
        with self._changed:
            self._changed.notify_all()
