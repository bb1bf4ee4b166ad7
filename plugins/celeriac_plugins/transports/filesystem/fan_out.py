"""Broadcasts: a file each, which every subscriber reads and which is deleted after a minute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

from celeriac.clock import Clock
from celeriac.specs.transport import Subscription
from celeriac_plugins._shared.files import safe_name
from celeriac_plugins._shared.waiting import Waiters

from .edge import mapped, move, read, remove
from .listing import Changes, names_in
from .names import BROADCAST, micros
from .store import Store

LIFE = 60.0
"""Seconds for which a broadcast waits for its readers."""
_CLEAN = 10.0
"""Seconds between two times that a sender looks for those which are over."""


class Broadcasts:
    """The sending side."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._next_clean = 0.0

    def send(self, topic: str, payload: bytes) -> None:
        now = self._clock.time()
        staged = self._store.staged(payload, lasting=False)
        move(staged, f"{self._store.broadcasts}/{self._store.stamps.next()}.{micros(now)}.{safe_name(topic)}")
        if now >= self._next_clean:
            self._next_clean = now + _CLEAN
            for text in names_in(self._store.broadcasts, BROADCAST):
                if _is_over(text, now):
                    remove(f"{self._store.broadcasts}/{text}")


class FilesystemSubscription(Subscription):
    """One who listens; it looks at the folder's time every `poll` seconds, and at once when its own process sends."""

    def __init__(
        self,
        store: Store,
        topics: Sequence[str],
        clock: Clock,
        poll: float,
        forget: Callable[[FilesystemSubscription], None],
    ) -> None:
        self._store = store
        self._topics = {safe_name(topic): topic for topic in topics}
        self._clock = clock
        self._poll = poll
        self._changes = Changes(store.broadcasts)
        self._seen = set(names_in(store.broadcasts, BROADCAST))
        self._lock = Lock()
        self._forget = forget
        self.waiters = Waiters()

    def _look(self) -> list[tuple[str, bytes]]:
        now = self._clock.time()
        with self._lock:
            if not self._changes.seen():
                return []
            there = set(names_in(self._store.broadcasts, BROADCAST))
            fresh, self._seen = sorted(there - self._seen), there
        return [heard for text in fresh if not _is_over(text, now) for heard in self._hear(text)]

    def _hear(self, text: str) -> list[tuple[str, bytes]]:
        topic = self._topics.get(text.rpartition(".")[2])
        if topic is None:
            return []
        try:
            return [(topic, read(f"{self._store.broadcasts}/{text}"))]
        except FileNotFoundError:
            return []

    def receive(self, timeout: float | None) -> list[tuple[str, bytes]]:
        with mapped("listen at", self._store.root):
            return self.waiters.wait(self._look, lambda: self._poll, timeout)

    def wake(self) -> None:
        self.waiters.wake()

    def close(self) -> None:
        self.waiters.close()
        self._forget(self)


def _is_over(text: str, now: float) -> bool:
    return text.split(".")[1] <= micros(now - LIFE)
