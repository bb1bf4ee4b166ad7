"""Broadcasts: a table that everyone reads on from where they were, and that forgets after a minute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from threading import Lock
from weakref import WeakSet

from celeriac.clock import Clock
from celeriac.specs.transport import Subscription
from celeriac_plugins._shared.board import BROADCASTS, Board
from celeriac_plugins._shared.board_watch import Watch
from celeriac_plugins._shared.sqlite import Store

_KEPT = 60.0
_CLEAN_EVERY = 10.0
_SOME = 1000

_SEND = "INSERT INTO celeriac_broadcast(topic, at, payload) VALUES(?, ?, ?)"
_FORGET = "DELETE FROM celeriac_broadcast WHERE at < ?"
_LAST = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'celeriac_broadcast'"
_NEXT = f"SELECT id, topic, payload FROM celeriac_broadcast WHERE id > ? ORDER BY id LIMIT {_SOME}"  # noqa: S608


class FanOut:
    """Sends, and knows who listens through it."""

    def __init__(self, store: Store, board: Board, clock: Clock) -> None:
        self._store = store
        self._board = board
        self._clock = clock
        self._lock = Lock()
        self._cleaned = -math.inf
        self._subscriptions: WeakSet[SqliteSubscription] = WeakSet()

    def send(self, topic: str, payload: bytes) -> None:
        now = self._clock.time()
        self._store.write(_SEND, (topic, now, payload))
        self._board.ring(BROADCASTS, (topic,))
        if not 0 <= now - self._cleaned < _CLEAN_EVERY:
            self._cleaned = now
            self._store.write(_FORGET, (now - _KEPT,))

    def subscribe(self, topics: Sequence[str]) -> SqliteSubscription:
        subscription = SqliteSubscription(self._store, self._board, topics)
        with self._lock:
            self._subscriptions.add(subscription)
        return subscription

    def close(self) -> None:
        with self._lock:
            subscriptions = list(self._subscriptions)
        for subscription in subscriptions:
            subscription.close()


class SqliteSubscription(Subscription):
    """Reads on after the last broadcast that there was when it was made."""

    def __init__(self, store: Store, board: Board, topics: Sequence[str]) -> None:
        self._store = store
        self._topics = tuple(dict.fromkeys(topics))
        self._watch = Watch(board, BROADCASTS)
        self._reading = Lock()
        self._closed = False
        ((self._last,),) = store.read(_LAST)

    def receive(self, timeout: float | None) -> list[tuple[str, bytes]]:
        if self._closed:
            return []
        if self._watch.take_wake():
            timeout = 0
        found = self._look()[0]
        if found or (timeout is not None and timeout <= 0):
            return found
        return self._watch.wait(self._topics, self._look, timeout)

    def _look(self) -> tuple[list[tuple[str, bytes]], float]:
        with self._reading:
            while rows := self._store.read(_NEXT, (self._last,)):
                self._last = rows[-1][0]
                found = [(topic, payload) for _, topic, payload in rows if topic in self._topics]
                if found:
                    return found, 0.0
        return [], math.inf

    def wake(self) -> None:
        self._watch.wake_one()

    def close(self) -> None:
        self._closed = True
        self._watch.close()
