"""A pool that runs every task in a fresh thread: what a task leaves in thread-local variables is gone with it."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from celeriac.specs.pool import Outcome, Pool, PoolOptions, Request, Runner, Verdict

__all__ = ["OneshotPool"]


class OneshotPool(Pool):
    """``celeriac worker -P oneshot -c 8``: up to eight threads at a time, one for each task."""

    # What is missing: Python cannot end a thread, so there are no time limits here, and nothing can be terminated.
    capabilities = frozenset({"parallel"})

    def __init__(self, options: PoolOptions) -> None:
        super().__init__(options)
        self._waiting: deque[Request] = deque()
        self._running: set[int] = set()
        self._changed = threading.Condition()
        self._deadline = float("inf")
        self._stopped = False

    def start(self, runner: Runner, done: Callable[[list[Outcome]], None]) -> None:
        self._runner = runner
        self._done = done

    @property
    def width(self) -> int:
        return self.options.concurrency

    def submit(self, batch: Sequence[Request]) -> None:
        with self._changed:
            self._waiting.extend(batch)
        if self._stopped:
            self.withdraw()
        self._fill()

    def _fill(self) -> None:
        """A thread for each request that waits, as far as there are free slots."""
        with self._changed:
            free = min(self.width - len(self._running), len(self._waiting))
            starting = [self._waiting.popleft() for _ in range(free)]
            self._running.update(request.key for request in starting)
        for request in starting:
            # A daemon: a task that never ends must not keep the worker from ending.
            threading.Thread(target=self._run, args=(request,), name=f"oneshot-{request.key}", daemon=True).start()

    def _run(self, request: Request) -> None:
        outcome = self._runner.run(request)
        with self._changed:
            ours = request.key in self._running  # or `stop` has given it back
            self._running.discard(request.key)
            self._changed.notify_all()
        self._fill()
        if ours:
            self._done([outcome])

    def running(self) -> list[int]:
        with self._changed:
            return list(self._running)

    def withdraw(self) -> None:
        with self._changed:
            unstarted = [Outcome(request.key, Verdict.UNSTARTED) for request in self._waiting]
            self._waiting.clear()
        if unstarted:
            self._done(unstarted)

    def stop(self, grace: float) -> None:
        self._stopped = True
        self.withdraw()
        with self._changed:
            self._deadline = min(self._deadline, time.monotonic() + grace)
            self._changed.notify_all()  # an earlier call may be waiting for a later deadline
            while self._running and (left := self._deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            abandoned = [Outcome(key, Verdict.REQUEUE, reason="the pool was stopped") for key in self._running]
            self._running.clear()
        if abandoned:
            self._done(abandoned)

    def describe(self) -> dict[str, Any]:
        return {"processes": [os.getpid()], "max-concurrency": self.width}
