"""Connecting, tried again beside an attempt that hangs: what that one said may have been lost on a line that is whole
again by now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

AGAIN = 1.5
"""Seconds after which another attempt is made."""


class Closable(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=Closable)


class Attempts(Generic[C]):
    """The first attempt to end, well or not, decides. Each has a thread of its own, called `name`: nothing else bounds
    the system's name look-up. One that comes too late closes what it gets."""

    def __init__(self, connect: Callable[[], C], name: str) -> None:
        self._connect = connect
        self._name = name
        self._ended = threading.Condition()
        self._is_over = False
        self._connection: C | None = None
        self._error: Exception | None = None

    def first(self, timeout: float) -> C:
        """What `connect` returned.

        Raises:
            Exception: what `connect` raised. TimeoutError: it did neither in time.
        """
        deadline = time.monotonic() + timeout
        with self._ended:
            while not self._is_over and (left := deadline - time.monotonic()) > 0:
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
                self._ended.wait_for(lambda: self._is_over, min(left, AGAIN))
            self._is_over = True
            if self._connection is not None:
                return self._connection
            if self._error is not None:
                raise self._error
        raise TimeoutError(f"no connection within {timeout:.1f} s")

    def _run(self) -> None:
        try:
            connection = self._connect()
        except Exception as error:
            with self._ended:
                if not self._is_over:
                    self._is_over, self._error = True, error
                    self._ended.notify()
            return
        with self._ended:
            is_late, self._is_over = self._is_over, True
            if not is_late:
                self._connection = connection
                self._ended.notify()
        if is_late:
            connection.close()
