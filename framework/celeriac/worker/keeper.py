"""What a worker does beside its tasks: renew leases, hear remote control, give back what is stuck, sweep results.

One thread, so that none of it waits for a task that runs in the main one.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING

from celeriac.control import TOPIC
from celeriac.errors import CeleriacError
from celeriac.worker.panel import Panel
from celeriac.worker.settlement import JOIN_LEASE

if TYPE_CHECKING:
    from celeriac.specs.transport import Subscription
    from celeriac.worker.worker import Worker

logger = logging.getLogger("celeriac.worker")

STUCK_AFTER = 0.1
"""Seconds without any outcome after which what waits behind running tasks is given back to other workers."""
SWEEP_EVERY = 60.0
ORPHANS_EVERY = 5.0


class Keeper:
    """Owns its thread and its subscription to the control topic."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._panel = Panel(worker)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="celeriac-keeper", daemon=True)
        self._subscription: Subscription | None = None
        self._renewed = time.monotonic()
        # Workers that start together should not sweep together.
        self._swept = time.monotonic() - random.uniform(0, SWEEP_EVERY)  # noqa: S311
        self._rescued = time.monotonic()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread and the subscription."""
        self._stopping.set()
        if self._subscription is not None:
            self._subscription.wake()
        self._thread.join(5.0)

    def wake(self) -> None:
        """Look at the deadlines now."""
        if self._subscription is not None:
            self._subscription.wake()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._hear()
                self._renew()
                self._give_back_stuck()
                self._look_after_results()
            except CeleriacError as error:
                logger.warning("housekeeping: %s", error)
                self._unsubscribe()
                self._stopping.wait(1.0)
            self._worker.check_deadline()
        self._unsubscribe()

    def _hear(self) -> None:
        """Wait for remote control, for as long as nothing else is due."""
        patience = 0.05 if self._worker.stopping or len(self._worker.inflight) > self._worker.pool.width else 1.0
        app = self._worker.app
        if not app.conf.worker_enable_remote_control or not app.transport.supports("fan-out"):
            self._stopping.wait(patience)
            return
        if self._subscription is None:
            self._subscription = app.transport.subscribe([TOPIC])
        for _, payload in self._subscription.receive(patience):
            self._panel.handle(payload)

    def _renew(self) -> None:
        """Hold what is held for another lease, well before it runs out."""
        lease = self._worker.app.conf.worker_lease
        if time.monotonic() - self._renewed < lease / 3:
            return
        self._renewed = time.monotonic()
        held = [item.delivery for _, item in self._worker.inflight.items() if not item.early]
        if not held:
            return
        for delivery in self._worker.app.transport.renew(held):
            # Settled meanwhile, or its lease ran out while this process stood still: another worker may have it now.
            logger.debug("no longer held: %r", delivery)

    def _give_back_stuck(self) -> None:
        worker = self._worker
        if len(worker.inflight) <= worker.pool.width:
            return
        if time.monotonic() - max(worker.settlement.last_progress, worker.submitted) > STUCK_AFTER:
            worker.pace.slow_down()
            worker.pool.withdraw()

    def _look_after_results(self) -> None:
        now = time.monotonic()
        driver = self._worker.app.backend.driver
        if now - self._swept > SWEEP_EVERY:
            self._swept = now
            driver.sweep()
        if now - self._rescued > ORPHANS_EVERY and driver.supports("join"):
            self._rescued = now
            self._rescue_orphans()

    def _rescue_orphans(self) -> None:
        """Chords whose last member was settled by a worker that died before it published the body."""
        from celeriac.worker.join import body_publications

        app = self._worker.app
        for group, body in app.backend.driver.join_orphans(JOIN_LEASE):
            publications = body_publications(app, body)
            if publications:
                app.caller.publish(publications)
            app.backend.driver.join_close(group)
            logger.warning("the body of group %s was left unpublished; published it", group)

    def _unsubscribe(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
