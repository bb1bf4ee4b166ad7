"""The floor in one process: there is no wire, so what is left is to decode a message, call, and encode the result."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import msgspec

from harness.workers import ThreadWorker, Worker
from systems import bodies
from systems.floors import BATCH
from systems.system import Arguments, System

_decode, _encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode


class MemoryFloor(System):
    """A deque, a dictionary of what is held, a dictionary of results, and a condition for who waits."""

    batch = "100 under one lock"

    def __init__(self, setup: Any) -> None:
        super().__init__(setup)
        self._ready: deque[tuple[str, bytes]] = deque()
        self._held: dict[str, bytes] = {}
        self._results: dict[str, bytes] = {}
        self._changed, self._numbers, self._stopped = threading.Condition(), count(), False

    def start_worker(self) -> Worker:
        return ThreadWorker(self._work, self._stop)

    def _work(self) -> None:
        while not self._stopped:
            taken = self._claim()
            outcomes = {key: _encode(self._run(_decode(body))) for key, body in taken}
            with self._changed:
                if self.setup.results:
                    self._results.update(outcomes)
                for key, _ in taken:
                    del self._held[key]
                self._changed.notify_all()

    def _claim(self) -> list[tuple[str, bytes]]:
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._stopped, 1)
            taken = [self._ready.popleft() for _ in range(min(BATCH, len(self._ready)))]
            self._held.update(taken)
        return taken

    @staticmethod
    def _run(message: Sequence[Any]) -> Mapping[str, Any]:
        name, arguments = message
        return {"status": "SUCCESS", "result": bodies.FUNCTIONS[name](**arguments)}

    def _stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def call(self, body: str, **arguments: Any) -> Any:
        key, message = f"{next(self._numbers):036d}", _encode([body, arguments])
        with self._changed:
            self._ready.append((key, message))
            self._changed.notify_all()
        return key

    def call_many(self, body: str, calls: Sequence[Arguments]) -> None:
        for first in range(0, len(calls), BATCH):
            some = [(f"{next(self._numbers):036d}", _encode([body, it])) for it in calls[first : first + BATCH]]
            with self._changed:
                self._ready.extend(some)
                self._changed.notify_all()

    def result(self, call: Any, timeout: float) -> Any:
        with self._changed:
            self._changed.wait_for(lambda: call in self._results, timeout)
            return _decode(self._results[call])["result"]

    def waiting(self) -> int:
        return len(self._ready) + len(self._held)

    def stored(self) -> int:
        return len(self._results)
