"""One thread per process that waits for the results of all coroutines that await one."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from celeriac.specs.backend import Record, ResultBackend

_Future = asyncio.Future["Record"]
_PAUSE_PER_ID, _LONGEST_PAUSE = 0.000_005, 0.05
"""Seconds to let results come in together, before all who still wait are subscribed anew."""
_AFTER_ERROR = 1.0

logger = logging.getLogger("celeriac.result")


class Waiter:
    """Owns its thread, which lives while something is awaited. One subscription, however many wait."""

    def __init__(
        self, driver: ResultBackend, wait: Callable[[Sequence[str], float | None], dict[str, Record]] | None = None
    ) -> None:
        self._driver = driver
        self._wait = wait or driver.wait
        self._lock = threading.Lock()
        self._waiting: dict[str, list[_Future | Callable[[Record], object]]] = {}
        self._thread: threading.Thread | None = None
        self._stopped = False

    async def wait(self, task_id: str, timeout: float | None) -> Record | None:
        """The record once the task has ended, or None when the time is up."""
        return (await self.wait_any([task_id], timeout)).get(task_id)

    async def wait_any(self, ids: Sequence[str], timeout: float | None) -> dict[str, Record]:
        """The record of the first of these tasks that has ended, and of others that ended with it; empty when the time
        is up."""
        future: _Future = asyncio.get_running_loop().create_future()
        self._add(ids, future)
        try:
            async with asyncio.timeout(timeout):
                record = await future
        except TimeoutError:
            return {}
        finally:
            self._forget(ids, future)
        return {record.id: record}

    def when_ready(self, task_id: str, call: Callable[[Record], object]) -> None:
        """Call back in this thread once the task has ended."""
        self._add([task_id], call)

    def _add(self, ids: Sequence[str], waits: _Future | Callable[[Record], object]) -> None:
        with self._lock:
            for task_id in ids:
                self._waiting.setdefault(task_id, []).append(waits)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="celeriac-waiter", daemon=True)
                self._thread.start()
            else:
                self._driver.nudge()

    def stop(self) -> None:
        """End the thread; whoever still waits is cancelled."""
        with self._lock:
            self._stopped = True
            thread = self._thread
            waits = [each for waiting in self._waiting.values() for each in waiting]
        for each in waits:
            if isinstance(each, asyncio.Future):
                _in_loop(each, each.cancel)
        if thread is not None:
            while thread.is_alive():
                self._driver.nudge()
                thread.join(0.01)

    def _forget(self, ids: Sequence[str], future: _Future) -> None:
        with self._lock:
            for task_id in ids:
                waiting = self._waiting.get(task_id, [])
                if future in waiting:
                    waiting.remove(future)
                if not waiting:
                    self._waiting.pop(task_id, None)

    def _run(self) -> None:
        while True:
            with self._lock:
                ids = list(self._waiting)
                if self._stopped or not ids:
                    self._thread = None
                    return
            # The bound is for a nudge that came between the list and the wait and woke another thread instead.
            try:
                ready = self._wait(ids, 1.0)
            except Exception as error:
                self._fail(error)
                continue
            for task_id, record in ready.items():
                with self._lock:
                    waits = self._waiting.pop(task_id, [])
                for each in waits:
                    if isinstance(each, asyncio.Future):
                        _in_loop(each, _resolve, each, record)
                    else:
                        _call(each, record)
            pause = min(len(ids) * _PAUSE_PER_ID, _LONGEST_PAUSE)
            if pause > 0.001:
                time.sleep(pause)

    def _fail(self, error: Exception) -> None:
        with self._lock:
            waits = [each for waiting in self._waiting.values() for each in waiting]
            calls = {key: [each for each in some if callable(each)] for key, some in self._waiting.items()}
            self._waiting = {key: [*some] for key, some in calls.items() if some}
        for each in waits:
            if isinstance(each, asyncio.Future):
                _in_loop(each, _reject, each, error)
        if self._waiting:  # who gave a callback cannot be told of an error: it is tried again
            logger.warning("cannot wait for results: %s; trying again", error)
            time.sleep(_AFTER_ERROR)


def _call(call: Callable[[Record], object], record: Record) -> None:
    try:
        call(record)
    except Exception:
        logger.exception("a callback for the result of task %s failed", record.id)


def _in_loop(future: _Future, function: object, *args: object) -> None:
    with suppress(RuntimeError):  # its loop is closed, so nobody waits any more
        future.get_loop().call_soon_threadsafe(function, *args)  # type: ignore[arg-type]


def _resolve(future: _Future, record: Record) -> None:
    if not future.done():
        future.set_result(record)


def _reject(future: _Future, error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
