"""One thread per process that waits for the results of all coroutines that await one."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from celeriac.specs.backend import Record, ResultBackend

_Future = asyncio.Future["Record"]


class Waiter:
    """Owns its thread, which lives while something is awaited. One subscription, however many wait."""

    def __init__(self, driver: ResultBackend) -> None:
        self._driver = driver
        self._lock = threading.Lock()
        self._waiting: dict[str, list[_Future]] = {}
        self._thread: threading.Thread | None = None
        self._stopped = False

    async def wait(self, task_id: str, timeout: float | None) -> Record | None:
        """The record once the task has ended, or None when the time is up."""
        future: _Future = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.setdefault(task_id, []).append(future)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="celeriac-waiter", daemon=True)
                self._thread.start()
            else:
                self._driver.nudge()
        try:
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError:
            return None
        finally:
            self._forget(task_id, future)

    def stop(self) -> None:
        """End the thread; whoever still waits is cancelled."""
        with self._lock:
            self._stopped = True
            thread = self._thread
            futures = [future for waiting in self._waiting.values() for future in waiting]
        for future in futures:
            _in_loop(future, future.cancel)
        if thread is not None:
            while thread.is_alive():
                self._driver.nudge()
                thread.join(0.01)

    def _forget(self, task_id: str, future: _Future) -> None:
        with self._lock:
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
                ready = self._driver.wait(ids, 1.0)
            except Exception as error:
                self._fail(error)
                continue
            for task_id, record in ready.items():
                with self._lock:
                    futures = self._waiting.pop(task_id, [])
                for future in futures:
                    _in_loop(future, _resolve, future, record)

    def _fail(self, error: Exception) -> None:
        with self._lock:
            futures = [future for waiting in self._waiting.values() for future in waiting]
            self._waiting.clear()
        for future in futures:
            _in_loop(future, _reject, future, error)


def _in_loop(future: _Future, function: object, *args: object) -> None:
    with suppress(RuntimeError):  # its loop is closed, so nobody waits any more
        future.get_loop().call_soon_threadsafe(function, *args)  # type: ignore[arg-type]


def _resolve(future: _Future, record: Record) -> None:
    if not future.done():
        future.set_result(record)


def _reject(future: _Future, error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
