"""What a worker does beside its tasks: renew leases, hear remote control, give back what is stuck, sweep results, see
whether messages wait in vain.

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
from celeriac.worker.join import JOIN_LEASE, complete
from celeriac.worker.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Callable

    from celeriac.message import Delivery
    from celeriac.specs.transport import Subscription, Transport
    from celeriac.worker.worker import Worker

logger = logging.getLogger("celeriac.worker")

STUCK_AFTER = 0.1
"""Seconds without any outcome after which what waits behind running tasks is given back to other workers."""
SWEEP_EVERY = 60.0
ORPHANS_EVERY = 15.0
"""A claim lasts 10 s, so that a body is left lying for 25 s at most. To look much more often would keep an idle broker
busy for what hardly ever happens."""


class Keeper:
    """Owns its thread and its subscription to the control topic."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._panel = Panel(worker)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="celeriac-keeper", daemon=True)
        self._subscription: Subscription | None = None
        self._subscribed_to: Transport | None = None
        self._failing: set[str] = set()
        self._stall: float = worker.app.conf.worker_stall_timeout
        self._pause = min(1.0, self._stall / 4)
        self._looked = time.monotonic()
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
        if self._thread.is_alive():
            self._thread.join(5.0)

    def wake(self) -> None:
        """Look at the deadlines now."""
        if self._subscription is not None:
            self._subscription.wake()

    def _run(self) -> None:
        while not self._stopping.is_set():
            # Each for itself: where remote control cannot be heard, leases are to be renewed all the same.
            heard = self._do("hear remote control", self._hear)
            self._do("renew leases", self._renew)
            self._do("give back what waits behind long tasks", self._give_back_stuck)
            self._do("look after results", self._look_after_results)
            self._do("look whether messages wait", self._look_for_neglect)
            self._worker.check_deadline()
            if not heard:
                self._unsubscribe()
                self._stopping.wait(0.05 if self._worker.stopping else self._pause)
        self._unsubscribe()

    def _do(self, what: str, step: Callable[[], object]) -> bool:
        """Whether the step did not fail; one that returns False had nothing to do. The log has the first failure of a
        row; whatever it was, the thread goes on."""
        try:
            if step() is not False:
                self._failing.discard(what)
        except Exception as error:
            if what not in self._failing:
                foreign = None if isinstance(error, CeleriacError) else error
                logger.warning("cannot %s: %s; trying again", what, error, exc_info=foreign)
            self._failing.add(what)
            return False
        else:
            return True
        finally:
            self._worker.pulse.housekeeping = time.monotonic()

    def _hear(self) -> None:
        """Wait for remote control, for as long as nothing else is due."""
        worker = self._worker
        is_pressed = worker.stopping or worker.ahead_since is not None or len(worker.inflight) > worker.pool.width
        patience = 0.05 if is_pressed else self._pause
        app = self._worker.app
        if not app.conf.worker_enable_remote_control or not app.transport.supports("fan-out"):
            self._stopping.wait(patience)
            return
        if self._subscribed_to is not app.transport:  # the first time, and when the watchdog has made another one
            self._unsubscribe()
            transport = app.transport
            self._subscription = transport.subscribe([TOPIC])
            self._subscribed_to = transport
        assert self._subscription is not None
        for _, payload in self._subscription.receive(patience):
            self._panel.handle(payload)

    def _renew(self) -> bool:
        """Hold what is held for another lease, well before it runs out."""
        lease = self._worker.app.conf.worker_lease
        now = time.monotonic()
        if now - self._renewed < lease / 3:
            return False
        items = [item for _, item in self._worker.inflight.items()]
        for item in items:
            if item.unique is not None:
                self._worker.settlement.uniqueness.renew(item.unique)
        held = [item.delivery for item in items if not item.early]
        if held:
            self._worker.broker.settle(_renew, held)
        self._renewed = now  # only now: what failed is tried again at once, while the lease still holds
        return True

    def _give_back_stuck(self) -> None:
        worker = self._worker
        ahead = worker.ahead_since
        if ahead is not None and time.monotonic() - ahead > STUCK_AFTER:
            worker.return_ahead()
        if len(worker.inflight) <= worker.pool.width:
            return
        if time.monotonic() - max(worker.settlement.last_progress, worker.submitted) > STUCK_AFTER:
            worker.pace.slow_down()
            worker.pool.withdraw()

    def _look_after_results(self) -> bool:
        now = time.monotonic()
        driver = self._worker.app.backend.driver
        sweeps = now - self._swept > SWEEP_EVERY
        rescues = now - self._rescued > ORPHANS_EVERY and driver.supports("join")
        if sweeps:
            self._swept = now
            driver.sweep()
        if rescues:
            self._rescued = now
            self._rescue_orphans()
        return sweeps or rescues

    def _rescue_orphans(self) -> None:
        """Chords whose last member was settled by a worker that died before it published the body."""
        app = self._worker.app
        for group, body in app.backend.driver.join_orphans(JOIN_LEASE):
            completed = complete(app, group, body)
            if completed.publications:
                app.caller.publish(completed.publications)
            completed.close(app)
            logger.warning("the body of group %s was left unpublished; published it", group)

    def _look_for_neglect(self) -> bool:
        """Ask for what waits, when nothing was delivered for long although there are free slots."""
        worker, now = self._worker, time.monotonic()
        pulse, patience = worker.pulse, self._stall / 2
        if not worker.has_free_slots() or now - pulse.delivered < patience:
            pulse.vain_looks = 0
            return False
        if now - self._looked < patience:
            return False
        self._looked = now
        transport = worker.app.transport
        waits = any(transport.counts(queue).ready for queue in worker.queues)
        pulse.vain_looks = pulse.vain_looks + 1 if waits else 0
        return True

    def _unsubscribe(self) -> None:
        subscription, self._subscription, self._subscribed_to = self._subscription, None, None
        if subscription is not None:
            self._do("leave remote control", subscription.close)


def _renew(transport: Transport, held: list[Delivery]) -> None:
    for delivery in transport.renew(held):
        # Settled meanwhile, or its lease ran out while this process stood still: another worker may have it now.
        logger.debug("no longer held: %r", delivery)
