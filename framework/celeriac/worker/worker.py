"""The worker: from start to stop, and the loop between them."""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterable
from types import FrameType
from typing import TYPE_CHECKING, Any

from celeriac.app import queue_names
from celeriac.drivers import make_pool
from celeriac.errors import TransportError
from celeriac.worker.admission import Admission
from celeriac.worker.inflight import Inflight
from celeriac.worker.keeper import Keeper
from celeriac.worker.limits import check_limits
from celeriac.worker.pace import Pace
from celeriac.worker.policy import Policies
from celeriac.worker.revoked import Revoked
from celeriac.worker.runner import TaskRunner
from celeriac.worker.settlement import Settlement

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.specs.pool import Pool

logger = logging.getLogger("celeriac.worker")

PATIENCE = 5.0
"""Seconds that one receive may block; what ends it early is a message or `wake`."""


class Worker:
    """Consumes queues and runs their tasks in a pool.

    ::

        Worker(app, pool="threads", concurrency=8).run()

    `run` returns when the worker has been stopped: by SIGTERM or SIGINT, by remote control, or by `stop`.
    """

    def __init__(
        self,
        app: Celeriac,
        *,
        pool: str | None = None,
        concurrency: int | None = None,
        queues: Iterable[str] | None = None,
        hostname: str | None = None,
        grace: float | None = None,
    ) -> None:
        conf = app.conf
        self.app = app
        self.pool_name: str = pool or conf.worker_pool
        self.concurrency: int = concurrency or conf.worker_concurrency or os.cpu_count() or 1
        self.queues: list[str] = list(queues or queue_names(conf.task_queues) or [conf.task_default_queue])
        self.hostname: str = nodename(hostname or conf.worker_hostname or "celeriac@%h")
        self.grace: float = conf.worker_shutdown_timeout if grace is None else grace
        self.inflight = Inflight()
        self.pace = Pace(conf.worker_prefetch_multiplier)
        self._policies = Policies(app)
        self.settlement = Settlement(app, self.inflight, self._policies, self.pace)
        self.revoked = Revoked()
        self.pool: Pool = make_pool(app, self.pool_name, self.concurrency)
        if not self.pool.supports("parallel"):
            self.concurrency = 1
        self.started = time.monotonic()
        self.submitted = time.monotonic()
        """When the pool was last given something."""
        self.ready = threading.Event()
        """Set once the worker consumes."""
        self.stopping = False
        self._deadline: float | None = None
        self._keeper = Keeper(self)
        self._inline = False
        """Whether the pool runs tasks in this very thread, so that its end cannot be waited for from here."""

    # life

    def run(self, signals: bool = True) -> int:
        """Work until stopped; the exit status. `signals=False` leaves the process's signal handlers alone.

        Raises:
            ConfigurationError: what was configured cannot work.
        """
        app = self.app
        app.load_tasks()
        check_limits(app, self.pool_name, self.pool)
        if app.hooks.worker_init:
            app.hooks.worker_init(app=app, hostname=self.hostname)
        # Children are made before there is a connection or a thread that they could inherit.
        runner = TaskRunner(app, self._policies, self.hostname)
        self.pool.start(runner, self.settlement.done)
        previous = self._take_signals() if signals else {}
        try:
            self._admission = Admission(
                app, self.inflight, self.settlement, self._policies, self.revoked, self.pool.capabilities
            )
            self._keeper.start()
            self._consume()
            self._finish()
        except BaseException:
            self.pool.stop(0)
            raise
        finally:
            self._keeper.stop()
            runner.close()
            for number, handler in previous.items():
                signal.signal(number, handler)
        if app.hooks.worker_stopped:
            app.hooks.worker_stopped(app=app, hostname=self.hostname)
        app.close()
        return 0

    def stop(self, grace: float | None = None) -> None:
        """Stop fetching at once, finish what runs within the grace (seconds), give back the rest. A second call means
        now. Safe from any thread and from a signal handler."""
        if self.stopping:
            grace = 0.0
        self._deadline = time.monotonic() + (self.grace if grace is None else grace)
        again, self.stopping = self.stopping, True
        self.settlement.stopping = True
        self.inflight.close()
        if again:
            threading.Thread(target=self.pool.stop, args=(0.0,), daemon=True).start()
        self.app.transport.wake()
        self._keeper.wake()

    def wake(self) -> None:
        """Look again at what is due: the clock was moved."""
        self.app.transport.wake()

    def check_deadline(self) -> None:
        """Called by the keeper, while the main thread may be running tasks itself: once stopping, what has not started
        is not to start; when the grace is over, nothing in this process can end the task that runs there, so give
        everything back and leave."""
        if not self._inline or self._deadline is None:
            return
        self.pool.withdraw()
        if time.monotonic() < self._deadline:
            return
        logger.warning("the grace is over; leaving %d tasks to other workers", len(self.inflight))
        self._give_back()
        self.settlement.abandoned = True
        logging.shutdown()
        os._exit(0)

    def limit(self) -> int:
        """How many messages to hold now."""
        return self.pace.limit(self.pool.width, self.pool.depth)

    # the loop

    def _consume(self) -> None:
        pause = 0.1
        while not self.stopping:
            room = self._wait_for_room()
            if room <= 0:
                continue
            try:
                if not self.ready.is_set():
                    self._announce()
                deliveries = self.app.transport.receive(self.queues, room, PATIENCE)
                requests = self._admission.admit(deliveries) if deliveries else []
                pause = 0.1
            except TransportError as error:
                logger.error("cannot consume: %s; trying again in %.1f s", error, pause)
                self._sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
                pause = min(pause * 2, 10.0)
                continue
            if requests:
                self.submitted = time.monotonic()
                self._inline = True
                self.pool.submit(requests)
                self._inline = False

    def _wait_for_room(self) -> int:
        """How many more messages to hold. When tasks are fast, wait until half of what is held is settled, so that
        claims stay large; when they are slow, every free slot is filled at once."""
        limit = self.limit()
        wanted = 1 if limit <= 2 * self.pool.width else limit // 2
        held = len(self.inflight)
        if limit - held < wanted:
            held = self.inflight.wait_below(limit - wanted + 1, 1.0)
        return self.limit() - held

    def _announce(self) -> None:
        self.app.transport.queues()  # the first touch: a broker that is down is reported here
        self.ready.set()
        logger.info(
            "%s ready: pool %s, concurrency %d, queues %s",
            self.hostname,
            self.pool_name,
            self.concurrency,
            ", ".join(self.queues),
        )
        if self.app.hooks.worker_ready:
            self.app.hooks.worker_ready(app=self.app, hostname=self.hostname)

    def _sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self.stopping and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))

    def _finish(self) -> None:
        if self.app.hooks.worker_stopping:
            self.app.hooks.worker_stopping(app=self.app, hostname=self.hostname)
        logger.info("stopping: %d tasks held, %.0f s of grace", len(self.inflight), self.grace)
        self.pool.withdraw()
        left = max((self._deadline or time.monotonic()) - time.monotonic(), 0)
        self.pool.stop(left)
        self._give_back()

    def _give_back(self) -> None:
        held = [item.delivery for _, item in self.inflight.items() if not item.early]
        if held:
            try:
                self.app.transport.reject(held, started=False)
            except TransportError as error:
                logger.warning(
                    "cannot give back %d messages: %s; they come back when their lease ends", len(held), error
                )

    # signals

    def _take_signals(self) -> dict[int, Any]:
        numbers = (signal.SIGTERM, signal.SIGINT)
        previous: dict[int, Any] = {number: signal.getsignal(number) for number in numbers}
        for number in numbers:
            signal.signal(number, self._on_signal)
        return previous

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.stopping:
            logger.warning("%s again: stopping now", signal.Signals(number).name)
        else:
            logger.info("%s: finishing what runs", signal.Signals(number).name)
        self.stop()


def nodename(pattern: str) -> str:
    """A worker's name, with Celery's ``%h`` (host), ``%n`` (its first label), ``%d`` (the rest) and ``%%`` filled in. A
    name without ``@`` gets the host."""
    if "@" not in pattern:
        pattern += "@%h"
    host = socket.gethostname()
    label, _, domain = host.partition(".")
    filled = {"%h": host, "%n": label, "%d": domain, "%%": "%"}
    for mark, value in filled.items():
        pattern = pattern.replace(mark, value)
    return pattern
