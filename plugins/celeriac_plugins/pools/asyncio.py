"""Coroutine tasks by the thousand in one event loop, which runs in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from celeriac.errors import SoftTimeLimitExceeded, TaskRevoked, TimeLimitExceeded
from celeriac.specs.pool import (
    CANCEL_SOFT_TIME_LIMIT,
    CANCEL_TERMINATED,
    CANCEL_TIME_LIMIT,
    Outcome,
    Pool,
    PoolOptions,
    Request,
    Runner,
    Verdict,
)
from celeriac_plugins._shared.daemon_executor import DaemonExecutor
from celeriac_plugins._shared.grace import Grace
from celeriac_plugins._shared.loop_watchdog import LoopWatchdog
from celeriac_plugins._shared.reporter import Reporter

_CANCELS = 3
_PATIENCE = 1.0
"""Seconds that a coroutine has to end after each of so many cancellations."""
_THREADS = 64
"""Tasks that are no coroutines run in threads, at most so many at a time."""


class _Run:
    """A request that has its place in the loop."""

    __slots__ = ("began", "cancels", "error", "request", "task", "timers")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.task: asyncio.Task[None] | None = None
        self.began = False
        self.cancels = 0
        self.error: BaseException | None = None
        self.timers: list[asyncio.TimerHandle] = []


class AsyncioPool(Pool):
    """`PoolOptions.concurrency` coroutines at a time; outcomes leave by another thread, so the loop awaits no broker.

    Limits and `terminate` cancel the coroutine: they take effect where it awaits. One that swallows the cancellation is
    cancelled again each second, and after the third time it is answered and forgotten, though it may still go on. Code
    that blocks the loop, or runs in a thread because it is no coroutine, cannot be ended at all; therefore the pool
    does not declare time limits, though it holds coroutines to them. A loop that is blocked for more than a second is
    logged with the place.
    """

    capabilities = frozenset({"parallel", "async", "await-limits", "terminate", "resize"})

    def __init__(self, options: PoolOptions) -> None:
        super().__init__(options)
        self._width = options.concurrency
        self._waiting: deque[Request] = deque()
        self._running: dict[int, _Run] = {}
        self._strays: set[asyncio.Task[None]] = set()
        self._outbox: list[Outcome] = []
        self._filling = False
        self._stopped = False
        self._lock = threading.Lock()
        self._quiet = threading.Event()
        self._grace = Grace()
        self._log = logging.getLogger("celeriac.pool.asyncio")

    def start(self, runner: Runner, done: Callable[[list[Outcome]], None]) -> None:
        self._runner = runner
        self._reporter = Reporter(runner, done, "asyncio")
        self._reporter.start()
        self._loop = asyncio.new_event_loop()
        self._executor = DaemonExecutor(min(self._width, _THREADS), "celeriac-asyncio-task")
        self._loop.set_default_executor(self._executor)
        self._thread = threading.Thread(target=self._run_loop, name="celeriac-asyncio", daemon=True)
        self._thread.start()
        self._watchdog = LoopWatchdog(self._loop, self._thread, lambda: bool(self._running), self._log.name)
        self._watchdog.start()

    @property
    def width(self) -> int:
        return self._width

    def submit(self, batch: Sequence[Request]) -> None:
        self._waiting.extend(batch)
        if self._stopped:
            self.withdraw()
        else:
            self._call(self._fill)

    def running(self) -> list[int]:
        return list(self._running)

    def withdraw(self) -> None:
        with self._lock:
            waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        self._reporter.put([Outcome(request.key, Verdict.UNSTARTED) for request in waiting])

    def terminate(self, key: int, signal: int) -> bool:  # noqa: ARG002 (there is no process to signal)
        run = self._running.get(key)
        if run is None:
            return False
        self._call(self._end, run, CANCEL_TERMINATED, TaskRevoked("terminated"))
        return True

    def grow(self, number: int) -> None:
        with self._lock:
            self._width += number
        self._call(self._fill)

    def shrink(self, number: int) -> None:
        with self._lock:
            self._width = max(self._width - number, 1)

    def describe(self) -> dict[str, Any]:
        return {"processes": [os.getpid()], "max-concurrency": self._width, "running": len(self._running)}

    def stop(self, grace: float) -> None:
        if not self._grace.begin(grace):
            return
        self._stopped = True
        self.withdraw()
        while self._running and not self._grace.over:
            self._quiet.wait(self._grace.slice())
            self._quiet.clear()
        with self._lock:
            left = [key for key in list(self._running) if self._running.pop(key, None)]
        self._reporter.put([Outcome(key, Verdict.REQUEUE, reason="the pool was stopped") for key in left])
        self._end_loop()
        self._reporter.close()
        self._grace.finish()

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: all has been answered
            self._loop.call_soon_threadsafe(function, *arguments)

    # in the loop's thread

    def _run_loop(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def _fill(self) -> None:
        """Begin what has room. Coroutines that never suspend end in here, so it goes on until nothing is left."""
        self._filling = True
        while len(self._running) < self._width:
            with self._lock:  # a request is always in one of the two
                if not self._waiting:
                    break
                run = _Run(self._waiting.popleft())
                self._running[run.request.key] = run
            self._begin(run)
        self._filling = False

    def _begin(self, run: _Run) -> None:
        request = run.request
        coroutine = self._drive(run)
        run.task = _new_task(coroutine, self._loop)
        if run.task.done():
            return
        if request.soft_time_limit is not None:
            run.timers.append(self._loop.call_later(request.soft_time_limit, self._interrupt, run))
        if request.time_limit is not None:
            error = TimeLimitExceeded(f"the task ran past its time limit of {request.time_limit:g} s")
            run.timers.append(self._loop.call_later(request.time_limit, self._end, run, CANCEL_TIME_LIMIT, error))

    async def _drive(self, run: _Run) -> None:
        run.began = True
        try:
            outcome = await self._runner.run_async(run.request)
        except asyncio.CancelledError as error:  # before the runner could catch it
            self._forget(run, run.error or error)
        else:
            if self._leave(run):
                self._outbox.append(outcome)

    def _leave(self, run: _Run) -> bool:
        """Free its place; False when it was answered before."""
        for timer in run.timers:
            timer.cancel()
        if self._running.pop(run.request.key, None) is None:
            return False
        if not self._outbox:
            self._loop.call_soon(self._ship)
        if not self._filling and self._waiting:
            self._loop.call_soon(self._fill)
        if self._stopped:
            self._quiet.set()
        return True

    def _forget(self, run: _Run, error: BaseException) -> None:
        if self._leave(run):
            self._reporter.ended(run.request, error)

    def _ship(self) -> None:
        """Once a turn of the loop, with all that ended in it."""
        outcomes, self._outbox = self._outbox, []
        self._reporter.put(outcomes)

    # limits

    def _interrupt(self, run: _Run) -> None:
        run.error = run.error or SoftTimeLimitExceeded(
            f"the task ran past its soft time limit of {run.request.soft_time_limit:g} s"
        )
        if run.task:
            run.task.cancel(CANCEL_SOFT_TIME_LIMIT)

    def _end(self, run: _Run, reason: str, error: BaseException) -> None:
        """Cancel it, again each second if it must be, and give it up in the end."""
        if self._running.get(run.request.key) is not run or run.task is None:
            return
        if not run.began:  # a task that is cancelled before its first step never gets to the runner
            self._loop.call_soon(self._end, run, reason, error)
            return
        if run.cancels == _CANCELS:
            self._log.error("task %s[%s] cannot be ended", run.request.message.task, run.request.message.id)
            self._strays.add(run.task)
            run.task.add_done_callback(self._strays.discard)
            self._forget(run, error)
            return
        run.cancels += 1
        run.error = error
        run.task.cancel(reason)
        run.timers.append(self._loop.call_later(_PATIENCE, self._end, run, reason, error))

    # the end

    def _end_loop(self) -> None:
        self._watchdog.close()
        self._loop.call_soon_threadsafe(lambda: self._strays.add(self._loop.create_task(self._wind_up())))
        self._thread.join(2 * _PATIENCE)
        if self._thread.is_alive():
            self._log.error("a task blocks the event loop and cannot be ended; its thread is left behind")
        self._executor.shutdown(cancel_futures=True)

    async def _wind_up(self) -> None:
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel(CANCEL_TERMINATED)
        if left:
            await asyncio.wait(left, timeout=_PATIENCE)
        self._ship()
        await self._loop.shutdown_asyncgens()
        self._loop.stop()


def _new_task(coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
    """A task that takes its first step at once, where Python can: 3.12 and later."""
    if sys.version_info >= (3, 12):
        return asyncio.Task(coroutine, loop=loop, eager_start=True)
    return asyncio.Task(coroutine, loop=loop)
