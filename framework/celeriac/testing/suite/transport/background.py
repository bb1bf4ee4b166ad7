"""A call in another thread, whose end a clause can wait for with a bound."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from celeriac.testing.suite.transport.clauses import PATIENCE

T = TypeVar("T")


class Background(Generic[T]):
    """Runs `call` in a thread of its own, at once."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result.append(self._call())
        except BaseException as error:  # handed to whoever asks for the result
            self._error = error

    def running(self, after: float) -> bool:
        """Whether it still runs `after` seconds from now."""
        self._thread.join(after)
        return self._thread.is_alive()

    def result(self) -> T:
        """What the call returned or raised; a failure of the clause when it does not end."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), f"still blocked after {PATIENCE:.0f} s"
        if self._error is not None:
            raise self._error
        return self._result[0]
