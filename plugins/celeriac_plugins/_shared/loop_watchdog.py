"""Notices when something blocks an event loop, and says what."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable

_LOOK = 0.25
_BLOCKED = 1.0


class LoopWatchdog:
    """Asks the loop for a sign of life a few times a second while it is busy."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, loop_thread: threading.Thread, busy: Callable[[], bool], logger: str
    ) -> None:
        self._loop = loop
        self._loop_thread = loop_thread
        self._busy = busy
        self._log = logging.getLogger(logger)
        self._answered = True
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{loop_thread.name}-watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        asked, warned = 0.0, False
        while not self._end.wait(_LOOK):
            if self._answered:
                if self._busy() and not self._loop.is_closed():
                    asked, warned, self._answered = time.monotonic(), False, False
                    self._loop.call_soon_threadsafe(self._answer)
            elif not warned and time.monotonic() - asked > _BLOCKED:
                warned = True
                self._warn()

    def _answer(self) -> None:
        self._answered = True

    def _warn(self) -> None:
        frame = sys._current_frames().get(self._loop_thread.ident or 0)  # noqa: SLF001 (public by documentation)
        stack = "".join(traceback.format_stack(frame)) if frame else "(its thread has ended)"
        self._log.warning(
            "the event loop has been blocked for more than %g s, so no other task goes on; it is here:\n%s",
            _BLOCKED,
            stack,
        )
