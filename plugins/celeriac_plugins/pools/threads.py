"""Many tasks at a time, each in a thread of the worker's own process."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from celeriac.specs.pool import Outcome, Pool, PoolOptions, Request, Runner, Verdict
from celeriac_plugins._shared.grace import Grace
from celeriac_plugins._shared.pace import Pace
from celeriac_plugins._shared.reporter import Reporter

_FAREWELL = 1.0
"""Seconds that `stop` gives idle threads to end."""


class ThreadPool(Pool):
    """Threads that take requests from one queue and report what they have run.

    Python cannot end a thread from outside, so there are no time limits here and nothing to terminate. The threads are
    daemons: one that hangs past the grace does not keep the process from ending.
    """

    capabilities = frozenset({"parallel", "resize"})

    def __init__(self, options: PoolOptions) -> None:
        super().__init__(options)
        self._width = options.concurrency
        self._pace = Pace()
        self._waiting: SimpleQueue[Request | None] = SimpleQueue()
        self._threads: set[threading.Thread] = set()
        self._open: dict[int, None] = {}
        """What has not been answered; whoever takes a key out answers it."""
        self._running: dict[int, threading.Thread] = {}
        self._lock = threading.Lock()
        self._made = 0
        self._stopped = False
        self._grace = Grace()
        self._ended = threading.Event()
        self._log = logging.getLogger("celeriac.pool.threads")

    def start(self, runner: Runner, done: Callable[[list[Outcome]], None]) -> None:
        self._runner = runner
        self._done = done
        self._reporter = Reporter(runner, done, "threads")
        self._reporter.start()
        for _ in range(self._width):
            self._add_thread()

    @property
    def width(self) -> int:
        return self._width

    @property
    def depth(self) -> int:
        return self._pace.depth

    def submit(self, batch: Sequence[Request]) -> None:
        for request in batch:
            self._open[request.key] = None
            self._waiting.put(request)
        if self._stopped:
            self.withdraw()

    def running(self) -> list[int]:
        return list(self._running)

    def withdraw(self) -> None:
        waiting = [request.key for request in self._take_waiting()]
        self._reporter.put([Outcome(key, Verdict.UNSTARTED) for key in waiting if self._take_open(key)])

    def grow(self, number: int) -> None:
        with self._lock:
            self._width += number
        for _ in range(number):
            self._add_thread()

    def shrink(self, number: int) -> None:
        with self._lock:
            number = min(number, self._width - 1)
            self._width -= number
        for _ in range(number):
            self._waiting.put(None)

    def stop(self, grace: float) -> None:
        if not self._grace.begin(grace):
            return
        self._stopped = True
        self.withdraw()
        while self._open and not self._grace.over:
            self._ended.wait(self._grace.slice())
            self._ended.clear()
        self._dismiss(self._abandon())
        self._reporter.close()
        self._grace.finish()

    def describe(self) -> dict[str, Any]:
        return {"processes": [os.getpid()], "max-concurrency": self._width, "threads": len(self._threads)}

    # the threads

    def _add_thread(self) -> None:
        with self._lock:
            self._made += 1
            thread = threading.Thread(target=self._work, name=f"celeriac-task-{self._made}", daemon=True)
            self._threads.add(thread)
        thread.start()

    def _work(self) -> None:
        this = threading.current_thread()
        while True:
            request = self._waiting.get()
            if request is None:
                break
            self._running[request.key] = this
            started = time.monotonic()
            outcome = self._runner.run(request)
            self._pace.add(1, time.monotonic() - started)
            self._running.pop(request.key, None)
            if self._take_open(request.key):
                self._report(outcome)
            if self._stopped:
                self._ended.set()
        with self._lock:
            self._threads.discard(this)

    def _report(self, outcome: Outcome) -> None:
        """At once when there is nothing else to do; else by the reporter, which gathers while this thread goes on."""
        if self._stopped or not self._waiting.empty():
            self._reporter.put([outcome])
            return
        try:
            self._done([outcome])
        except Exception:  # the thread will have more to run
            self._log.exception("an outcome could not be reported; its message will be delivered again")

    def _take_open(self, key: int) -> bool:
        return self._open.pop(key, False) is None

    # the end

    def _take_waiting(self) -> list[Request]:
        """All that waits; marks for threads that are to end stay."""
        taken: list[Request] = []
        marks = 0
        while True:
            try:
                request = self._waiting.get_nowait()
            except Empty:
                break
            if request is None:
                marks += 1
            else:
                taken.append(request)
        for _ in range(marks):
            self._waiting.put(None)
        return taken

    def _abandon(self) -> set[threading.Thread]:
        """Give back what still runs; its late outcome is ignored. Returns the threads that are busy with it."""
        left = [key for key in list(self._open) if self._take_open(key)]
        self._reporter.put([Outcome(key, Verdict.REQUEUE, reason="the pool was stopped") for key in left])
        busy = set(self._running.values())
        self._running.clear()
        return busy

    def _dismiss(self, busy: set[threading.Thread]) -> None:
        with self._lock:
            threads = set(self._threads)
        for _ in threads:
            self._waiting.put(None)
        until = time.monotonic() + _FAREWELL
        for thread in threads - busy:
            thread.join(max(until - time.monotonic(), 0.0))
