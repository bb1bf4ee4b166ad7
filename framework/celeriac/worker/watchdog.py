"""Sees to it that a worker never silently stops.

A worker can look well and consume nothing: a connection that died without a word, a receive that never returns. The
watchdog compares what should happen with what happens. It first has the worker connect anew; when that does not help it
ends the process with status 1, for a supervisor to start another. What was held comes back by its lease.

It only looks at times: it never asks the broker, so nothing that hangs there can hang it as well.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from celeriac.errors import CeleriacError

if TYPE_CHECKING:
    from celeriac.specs.transport import Transport
    from celeriac.worker.worker import Worker

logger = logging.getLogger("celeriac.worker")

ATTEMPTS = 3
"""New connections, one after the other, before the worker gives up."""

LAST_RESORT = 5.0
"""Seconds beyond the grace after which a worker that stops is ended, whatever it waits for."""


class Watchdog:
    """Owns its thread. Started when the pool has its processes, stopped last of all."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._patience: float = worker.app.conf.worker_stall_timeout
        self._pause = min(1.0, self._patience / 4)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="celeriac-watchdog", daemon=True)
        self._attempts = 0
        self._attempted = 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        looked = time.monotonic()
        while not self._stopping.wait(self._pause):
            now = time.monotonic()
            if now - looked > self._pause + self._patience / 2:
                # The whole process stood still (SIGSTOP, swapping): its threads get their time anew.
                self._worker.pulse.begin()
            looked = now
            try:
                if self._worker.stopping:
                    self._see_it_end(now)
                else:
                    self._look(now)
            except Exception:
                logger.exception("the watchdog met an error; it goes on")

    def _look(self, now: float) -> None:
        health = self._worker.health
        troubles = health.stuck(now) or health.neglected()
        if not troubles:
            return
        # Attempts count as long as they follow one another: what helped, helps for longer than it takes to notice.
        self._attempts = self._attempts + 1 if now - self._attempted < 3 * self._patience else 1
        self._attempted = now
        if self._attempts > ATTEMPTS:
            self._worker.fail(f"{'; '.join(troubles)}; {ATTEMPTS} new connections did not help")
        else:
            logger.error("%s; connecting anew (%d of %d)", "; ".join(troubles), self._attempts, ATTEMPTS)
            self._connect_anew()

    def _connect_anew(self) -> None:
        """Put a new transport in place of the old one and close that, which also ends a receive that hangs in it."""
        worker = self._worker
        old = worker.app.replace_transport()
        worker.pulse.begin()
        if old is not None:
            # In a thread that may be left behind: what is broken may hang when it is closed, too.
            threading.Thread(target=_close, args=(old,), name="celeriac-close", daemon=True).start()

    def _see_it_end(self, now: float) -> None:
        deadline = self._worker.deadline
        if deadline is not None and now > deadline + LAST_RESORT:
            self._worker.leave()


def _close(transport: Transport) -> None:
    try:
        transport.close()
    except CeleriacError as error:
        logger.warning("cannot close the old connection: %s", error)
