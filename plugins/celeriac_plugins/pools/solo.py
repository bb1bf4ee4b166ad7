"""One task at a time, in the thread that submits it: nothing between the worker and the task."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from celeriac.specs.pool import Outcome, Pool, PoolOptions, Request, Runner, Verdict
from celeriac_plugins._shared.grace import Grace
from celeriac_plugins._shared.held import HeldOutcomes
from celeriac_plugins._shared.pace import Pace
from celeriac_plugins._shared.soft_limit import can_interrupt, run_limited

_HELD = 0.005
"""Seconds that an outcome may wait for others to be reported with."""


class _Batch:
    """A batch that is being run: what has not started yet, and who has yet to be answered."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self.open = {request.key for request in requests}
        self.waiting = deque(requests)
        self.thread = threading.get_ident()

    def take_rest(self) -> list[Outcome]:
        """Whoever takes a request off the deque answers it: the loop that runs it, or this."""
        rest = []
        with suppress(IndexError):
            while True:
                rest.append(Outcome(self.waiting.popleft().key, Verdict.UNSTARTED))
        return rest


class SoloPool(Pool):
    """`submit` runs its batch and returns when all are answered.

    The soft time limit is a timer signal, so it holds where signals do: when `submit` is called in the main thread.
    Nothing can end a task from outside. `stop` may be called from another thread or a signal handler.
    """

    capabilities = frozenset({"soft-time-limit"})

    def __init__(self, options: PoolOptions) -> None:
        super().__init__(options)
        self._pace = Pace()
        self._batch: _Batch | None = None
        self._running: int | None = None
        self._stopped = False
        self._closed = False
        self._grace = Grace()
        self._lock = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()
        self._log = logging.getLogger("celeriac.pool.solo")

    def start(self, runner: Runner, done: Callable[[list[Outcome]], None]) -> None:
        self._runner = runner
        self._done = done
        self._held = HeldOutcomes(self._report, _HELD, "celeriac-solo-late")
        self._held.start()

    @property
    def width(self) -> int:
        return 1

    @property
    def depth(self) -> int:
        return self._pace.depth

    def submit(self, batch: Sequence[Request]) -> None:
        self._batch = open_ = _Batch(batch)
        self._idle.clear()
        try:
            while not self._stopped:
                try:
                    request = open_.waiting.popleft()
                except IndexError:  # nothing is left, or it was withdrawn
                    break
                self._run_timed(request)
            self._held.flush()
            self._report(open_.take_rest())
        finally:
            self._batch = None
            self._idle.set()
            if self._stopped:
                self._close()

    def _run_timed(self, request: Request) -> None:
        started = time.monotonic()
        self._running = request.key
        outcome = self._runner.run(request) if request.soft_time_limit is None else self._run_limited(request)
        self._running = None
        ended = time.monotonic()
        self._pace.add(1, ended - started)
        self._held.add(outcome, ended)

    def _run_limited(self, request: Request) -> Outcome:
        if request.soft_time_limit is not None and can_interrupt():
            return run_limited(self._runner, request, request.soft_time_limit)
        self._log.warning("a soft time limit needs the main thread; task %s runs without", request.message.task)
        return self._runner.run(request)

    def _report(self, outcomes: list[Outcome]) -> None:
        batch = self._batch
        with self._lock:  # `stop` may have answered some already
            fresh = [outcome for outcome in outcomes if batch is None or outcome.key in batch.open]
            if batch is not None:
                batch.open.difference_update([outcome.key for outcome in fresh])
        if fresh:
            self._done(fresh)

    def running(self) -> list[int]:
        key = self._running
        return [] if key is None else [key]

    def withdraw(self) -> None:
        """From another thread: what waits behind the current request is answered now, not when that has ended."""
        batch = self._batch
        if batch is not None and batch.thread != threading.get_ident():
            self._report(batch.take_rest())

    def stop(self, grace: float) -> None:
        """Called in the submitting thread itself (from a signal handler), it lets the batch end after the current
        request; from another thread it waits for that, and answers what has not ended by then with REQUEUE."""
        self._stopped = True
        if not self._grace.begin(grace):
            return
        batch = self._batch
        if batch is None:
            self._close()
        elif batch.thread != threading.get_ident():
            while not self._idle.wait(self._grace.slice()) and not self._grace.over:
                pass
            self._abandon(batch)
        self._grace.finish()

    def _close(self) -> None:
        with self._lock:
            first, self._closed = not self._closed, True
        if first:
            self._held.close()

    def _abandon(self, batch: _Batch) -> None:
        key = self._running
        with self._lock:
            left, batch.open = batch.open, set()
        if left:
            self._done([Outcome(each, Verdict.REQUEUE if each == key else Verdict.UNSTARTED) for each in left])

    def describe(self) -> dict[str, Any]:
        return {"processes": [os.getpid()], "max-concurrency": 1}
