"""What a worker tells of itself and its tasks, where events are on: a hook for the tasks, a thread for the rest.

Off, there is neither, and nothing on the way of a message asks. Nothing here holds a task up: events go into the
dispatcher's buffer.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from celeriac import __version__, states
from celeriac.events.described import described
from celeriac.events.dispatcher import EventDispatcher
from celeriac.specs.lifecycle import hookimpl
from celeriac.specs.pool import Verdict

if TYPE_CHECKING:
    from celeriac.message import Delivery
    from celeriac.specs.pool import Outcome
    from celeriac.worker.worker import Worker

logger = logging.getLogger("celeriac.worker")

HEARTBEAT: Final = 2.0
"""Seconds between two heartbeats: Celery's."""
LOOK: Final = 0.2
"""Seconds between two looks at what runs, for ``task-started``."""


class Teller:
    """Owns the worker's dispatcher."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.dispatcher = EventDispatcher(worker.app, worker.hostname, enabled=False)
        self._started: set[int] = set()
        """Keys of requests of which it was told that they have started."""
        self._keys: dict[str, int] = {}
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def is_on(self) -> bool:
        return self.dispatcher.enabled

    def start(self) -> None:
        """Begin, if the setting says so.

        Raises:
            UnsupportedCapability: it does, and the transport has no fan-out.
        """
        if self._worker.app.conf.worker_send_task_events:
            self.enable()

    def enable(self) -> bool:
        """Begin to tell; False when it is doing so already.

        Raises:
            UnsupportedCapability: the transport has no fan-out.
        """
        with self._lock:
            if self.is_on:
                return False
            self.dispatcher.enable()
            self._worker.tells_results(True)
            self._worker.app.hooks.register(self, f"events of {self._worker.hostname}")
            self._worker.app.events.use(self.dispatcher)
            self._tell_of_worker("worker-online")
            self._over.clear()
            self._thread = threading.Thread(target=self._run, name="celeriac-teller", daemon=True)
            self._thread.start()
            return True

    def disable(self) -> bool:
        """Tell no more; False when it does not anyway."""
        with self._lock:
            if not self.is_on:
                return False
            self._over.set()
            self._worker.app.hooks.unregister(self)
            self._worker.tells_results(False)
            self._tell_of_worker("worker-offline")
            self._worker.app.events.use(None)
            self.dispatcher.disable()
            self._started.clear()
            return True

    def stop(self) -> None:
        """The worker ends."""
        self.disable()
        self.dispatcher.close()

    def heartbeat(self) -> None:
        """Say that the worker is there: somebody has asked."""
        self._tell_of_worker("worker-heartbeat", asked=True)

    # the worker

    def _run(self) -> None:
        due = time.monotonic() + HEARTBEAT
        while not self._over.wait(LOOK):
            self._look_at_running()
            if time.monotonic() >= due:
                due = time.monotonic() + HEARTBEAT
                self._tell_of_worker("worker-heartbeat")

    def _tell_of_worker(self, type: str, asked: bool = False) -> None:
        worker = self._worker
        was_on, self.dispatcher.enabled = self.dispatcher.enabled, True
        try:
            self.dispatcher.send(
                type,
                freq=HEARTBEAT if was_on or not asked else 5,
                active=len(worker.pool.running()),
                processed=worker.settlement.total.total(),
                loadavg=list(os.getloadavg()),
                sw_ident="celeriac",
                sw_ver=__version__,
                sw_sys=os.uname().sysname,
            )
        finally:
            self.dispatcher.enabled = was_on

    # the tasks

    def _look_at_running(self) -> None:
        for key in self._worker.pool.running():
            held = self._worker.inflight.get(key)
            if held is not None and key not in self._started:
                self._started.add(key)
                if self._tells_of(held.delivery):
                    self.dispatcher.send("task-started", uuid=held.delivery.message.id)

    def _tells_of(self, delivery: Delivery) -> bool:
        task = self._worker.app.tasks.get(delivery.message.task)
        return task is None or task.send_events

    @hookimpl
    def celeriac_task_received(self, delivery: Delivery) -> None:
        if not self._tells_of(delivery):
            return
        self.dispatcher.send("task-received", **described(delivery.message.headers))

    @hookimpl
    def celeriac_task_settled(self, delivery: Delivery, outcome: Outcome) -> None:
        told = outcome.key in self._started
        self._started.discard(outcome.key)
        if not self._tells_of(delivery):
            return
        uuid, now = delivery.message.id, time.time()
        if not told and outcome.runtime:
            self.dispatcher.send("task-started", at=now - outcome.runtime, uuid=uuid)
        ended = self._ending(outcome)
        if ended is not None:
            name, fields = ended
            self.dispatcher.send(name, at=now, uuid=uuid, **fields)

    def _ending(self, outcome: Outcome) -> tuple[str, dict[str, Any]] | None:
        """The event of an outcome, and its fields; None for what is no end."""
        if outcome.verdict in (Verdict.REQUEUE, Verdict.DEAD) or outcome.state == "DEAD":
            return "task-rejected", {"requeue": outcome.verdict == Verdict.REQUEUE}
        if outcome.verdict != Verdict.ACK:
            return None
        state = outcome.state or outcome.ended or states.SUCCESS
        if state == states.SUCCESS:
            return "task-succeeded", {"result": outcome.shown, "runtime": outcome.runtime}
        if state == states.REVOKED:
            expired, terminated = outcome.reason == "expired", bool(outcome.runtime or outcome.detail)
            return "task-revoked", {"terminated": terminated, "signum": None, "expired": expired}
        if state == states.FAILURE:
            return "task-failed", {"exception": self._exception(outcome), "traceback": outcome.detail}
        if state == states.RETRY:
            return "task-retried", {"exception": self._exception(outcome), "traceback": outcome.detail}
        return None

    def _exception(self, outcome: Outcome) -> str:
        """As Celery shows it: the exception's repr."""
        from celeriac.specs.backend import Record

        if not outcome.payload:
            return outcome.reason
        record = Record("", outcome.state or "", outcome.payload)
        found = self._worker.app.backend.decode(record).get("result")
        if not isinstance(found, dict) or "exc_type" not in found:
            return outcome.reason
        args = found.get("exc_message")
        shown = args if isinstance(args, (list, tuple)) else [args]
        return f"{found['exc_type']}({', '.join(map(repr, shown))})"
