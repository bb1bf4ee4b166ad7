"""A thread that reports outcomes, so that whoever produces them never waits for a broker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from celeriac.specs.pool import Outcome, Request, Runner

_Item = list[Outcome] | tuple[Request, BaseException]


class Reporter:
    """Calls `done` with all that has come since its last call: batches grow by themselves while a broker is slow."""

    def __init__(self, runner: Runner, done: Callable[[list[Outcome]], None], name: str) -> None:
        self._runner = runner
        self._done = done
        self._items: SimpleQueue[_Item | None] = SimpleQueue()
        self._closed = False
        self._log = logging.getLogger(f"celeriac.pool.{name}")
        self._thread = threading.Thread(target=self._run, name=f"celeriac-{name}-reporter", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, outcomes: list[Outcome]) -> None:
        """Report these; the list is the reporter's from now on."""
        if outcomes:
            self._items.put(outcomes)
            if self._closed:
                self._report(self._take())

    def ended(self, request: Request, error: BaseException) -> None:
        """Report `Runner.ended`, which may call plugins and is therefore asked in the reporter's own thread."""
        self._items.put((request, error))

    def close(self) -> None:
        """Report what is left, then end. What comes later is reported by who brings it."""
        self._items.put(None)
        self._thread.join()
        self._closed = True
        self._report(self._take())

    def _run(self) -> None:
        while True:
            item = self._items.get()
            if item is None:
                return
            self._report(self._worked_out(item) + self._take())

    def _take(self) -> list[Outcome]:
        batch: list[Outcome] = []
        while True:
            try:
                item = self._items.get_nowait()
            except Empty:
                return batch
            if item is None:
                self._items.put(None)  # for `_run`, after what has come before it
                return batch
            batch += self._worked_out(item)

    def _worked_out(self, item: _Item) -> list[Outcome]:
        if isinstance(item, list):
            return item
        request, error = item
        return [self._runner.ended(request, error)]

    def _report(self, batch: list[Outcome]) -> None:
        if not batch:
            return
        try:
            self._done(batch)
        except Exception:
            self._log.exception("%d outcomes could not be reported; their messages will be delivered again", len(batch))
