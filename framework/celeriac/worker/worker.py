"""The worker: from start to stop, and the loop between them."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import TYPE_CHECKING, Any

from celeriac.app import queue_names
from celeriac.drivers import make_pool
from celeriac.errors import BackendError, TransportError
from celeriac.worker.admission import Admission
from celeriac.worker.broker import Broker
from celeriac.worker.health import Health
from celeriac.worker.inflight import Inflight
from celeriac.worker.keeper import Keeper
from celeriac.worker.limits import check_limits
from celeriac.worker.pace import Pace
from celeriac.worker.policy import Policies
from celeriac.worker.probes import Probes
from celeriac.worker.pulse import Pulse
from celeriac.worker.reconnection import Reconnection
from celeriac.worker.revoked import Revoked
from celeriac.worker.runner import TaskRunner
from celeriac.worker.settlement import Settlement
from celeriac.worker.teller import Teller
from celeriac.worker.watchdog import Watchdog

if TYPE_CHECKING:
    from celeriac.app import Celeriac
    from celeriac.message import Delivery
    from celeriac.specs.pool import Pool, Request

logger = logging.getLogger("celeriac.worker")

PATIENCE = 5.0
"""Seconds that one receive may block; what ends it early is a message or `wake`."""

FAREWELL = 5.0
"""Seconds that giving back may take when the process leaves stuck threads behind."""


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
        configured = app.selected_queues or queue_names(conf.task_queues) or [conf.task_default_queue]
        self.queues: list[str] = list(queues or configured)
        self.hostname: str = nodename(hostname or conf.worker_hostname or "celeriac@%h")
        self.grace: float = conf.worker_shutdown_timeout if grace is None else grace
        self.inflight = Inflight()
        self.pace = Pace(conf.worker_prefetch_multiplier)
        self.policies = Policies(app)
        self.broker = Broker(app)
        self.settlement = Settlement(app, self.inflight, self.policies, self.pace, self.broker)
        self.revoked = Revoked()
        self.pool: Pool = make_pool(app, self.pool_name, self.concurrency)
        if not self.pool.supports("parallel"):
            self.concurrency = 1
        self.started = time.monotonic()
        self.submitted = time.monotonic()
        """When the pool was last given something."""
        self.ahead_since: float | None = None
        """When messages were asked for that have not been received (monotonic); None: there are none."""
        self.ready = threading.Event()
        """Set once the worker consumes."""
        self.stopping = False
        self.deadline: float | None = None
        """When the grace is over (monotonic), once stopping."""
        self.status = 0
        """The exit status."""
        self.pulse = Pulse()
        self.reconnection = Reconnection(app)
        self.health = Health(self)
        self._keeper = Keeper(self)
        self._watchdog = Watchdog(self)
        self._probes = Probes(app.conf, self.health)
        self.teller = Teller(self)
        """Sends events, where they are on."""
        self._patience = min(PATIENCE, conf.worker_stall_timeout / 4)
        self._runs_here = not self.pool.supports("parallel")
        """Whether the pool runs tasks in the thread that submits them: no other thread can wait for their end."""
        self._owns_process = False

    # life

    def run(self, signals: bool = True) -> int:
        """Work until stopped; the exit status, which is 1 when the worker gave up. `signals=False` leaves the process
        to its owner: no signal handlers, and no end of it when a thread is stuck.

        Raises:
            ConfigurationError: what was configured cannot work.
        """
        app = self.app
        app.load_tasks()
        check_limits(app, self.pool_name, self.pool)
        if app.hooks.worker_init:
            app.hooks.worker_init(app=app, hostname=self.hostname)
        # Children are made before there is a connection or a thread that they could inherit.
        runner = TaskRunner(app, self.policies, self.hostname)
        self.pool.start(runner, self.settlement.done)
        self._owns_process = signals
        self.pulse.begin()
        self._watchdog.start()
        try:
            with self._taking_signals() if signals else nullcontext():
                self._work(runner)
            if app.hooks.worker_stopped:
                app.hooks.worker_stopped(app=app, hostname=self.hostname)
            app.close()
        finally:
            self._watchdog.stop()
        return self.status

    def _work(self, runner: TaskRunner) -> None:
        self._admission = Admission(
            self.app,
            self.inflight,
            self.settlement,
            self.policies,
            self.revoked,
            self.pool.capabilities,
            self.pulse,
            self.broker,
        )
        try:
            self._probes.start()
            self._keeper.start()
            self.teller.start()
            self._consume()
            self._finish()
        except BaseException:
            self.pool.stop(0)
            raise
        finally:
            self.teller.stop()
            self._keeper.stop()
            self._probes.stop()
            runner.close()

    def tells_results(self, wanted: bool) -> None:
        """Whether outcomes are to show their results."""
        self._admission.tells_results = wanted

    def stop(self, grace: float | None = None) -> None:
        """Stop fetching at once, finish what runs within the grace (seconds), give back the rest. A second call means
        now. Safe from any thread and from a signal handler."""
        if self.stopping:
            grace = 0.0
        self.deadline = time.monotonic() + (self.grace if grace is None else grace)
        again, self.stopping = self.stopping, True
        self.settlement.stopping = True
        self.inflight.close()
        if again:
            threading.Thread(target=self.pool.stop, args=(0.0,), daemon=True).start()
        self.app.transport.wake()
        self._keeper.wake()

    def fail(self, reason: str) -> None:
        """Stop as by `stop`, with an exit status that tells a supervisor to start another worker. Any thread."""
        logger.critical("giving up: %s; the process ends with status 1", reason)
        self.status = 1
        if not self.stopping:
            self.stop()

    def wake(self) -> None:
        """Look again at what is due: the clock was moved."""
        self.app.transport.wake()

    def check_deadline(self) -> None:
        """Called by the keeper, while the main thread may be running tasks itself: once stopping, what has not started
        is not to start; when the grace is over, nothing in this process can end the task that runs there, so give
        everything back and leave."""
        if self.deadline is None or not (self._runs_here and self.pulse.is_excused):
            return
        self.pool.withdraw()
        self.return_ahead()
        if time.monotonic() >= self.deadline:
            self.leave()

    def leave(self) -> None:
        """End the process although a thread of it is stuck, giving back what can be given back."""
        self.deadline = None
        logger.warning("the grace is over; leaving %d tasks to other workers", len(self.inflight))
        giving = threading.Thread(target=self._give_back, name="celeriac-give-back", daemon=True)
        giving.start()
        giving.join(FAREWELL)
        self.settlement.abandoned = True
        if self._owns_process:
            self._probes.stop()
            logging.shutdown()
            os._exit(self.status)

    def has_free_slots(self) -> bool:
        """Whether a message that waits should be delivered here."""
        return (
            self.ready.is_set()
            and not self.stopping
            and not self.pulse.is_excused
            and self.reconnection.lost is None
            and len(self.inflight) < self.pool.width
        )

    def limit(self) -> int:
        """How many messages to hold now."""
        return self.pace.limit(self.pool.width, self.pool.depth)

    # the loop

    def _consume(self) -> None:
        while not self.stopping:
            room = self._wait_for_room()
            if room <= 0:
                self.pulse.come_round()
                continue
            try:
                deliveries = self._fetch(room)
            except TransportError as error:
                self._wait_for_broker(error)
                continue
            requests = self._admit(deliveries) if deliveries else []
            if requests:
                if len(deliveries) == room > 1 and self._runs_here and not self.stopping:
                    self._fetch_ahead()
                self._submit(requests)

    def _fetch(self, room: int) -> list[Delivery]:
        pulse, reconnection = self.pulse, self.reconnection
        if not self.ready.is_set():
            self._announce()
        # The first receive, also after an outage, does not wait: it is to show that messages come.
        patience = self._patience if reconnection.is_proved else 0.0
        transport = self.app.transport
        if self.ahead_since is not None and room == 1:  # tasks take longer by now
            self.return_ahead()
        self.ahead_since = None
        try:
            deliveries = transport.receive(self.queues, room, patience)
        except TransportError:
            if transport is self.app.transport:
                raise
            return []  # the watchdog has made another one and closed this
        self.broker.gave(transport, deliveries)
        pulse.fetched = now = time.monotonic()
        if deliveries:
            pulse.delivered = now
        if not reconnection.is_proved:
            reconnection.succeeded()
        return deliveries

    def _fetch_ahead(self) -> None:
        """Have the broker look for the next messages while this thread runs the tasks that it has brought. The keeper
        gives them back when that takes longer than such tasks do."""
        transport = self.app.transport
        if transport.supports("ahead"):
            try:
                transport.receive_ahead(self.queues, self.limit())
            except TransportError:
                return  # the next receive meets it too
            self.ahead_since = time.monotonic()

    def return_ahead(self) -> None:
        """Give back what was fetched ahead and not received."""
        if self.ahead_since is not None:
            self.ahead_since = None
            self.app.transport.return_ahead()

    def _wait_for_broker(self, error: TransportError) -> None:
        self.pulse.come_round()
        self.app.fail_over(self.app.transport)
        pause = self.reconnection.failed(error)
        if pause is None:
            self.fail(f"the broker does not answer, and the settings broker_connection_… allow no other try: {error}")
        else:
            self._sleep(pause)

    def _submit(self, requests: list[Request]) -> None:
        self.submitted = time.monotonic()
        if not self._runs_here:
            self.pool.submit(requests)
            return
        with self.pulse.excused():
            self.pool.submit(requests)

    def _admit(self, deliveries: list[Delivery]) -> list[Request]:
        try:
            return self._admission.admit(deliveries)
        except (BackendError, TransportError) as error:
            logger.warning("stopping before %d messages could be admitted: %s", len(deliveries), error)
            return []

    def _wait_for_room(self) -> int:
        """How many more messages to hold. When tasks are fast, wait until half of what is held is settled, so that
        claims stay large; when they are slow, every free slot is filled at once."""
        limit = self.limit()
        wanted = 1 if limit <= 2 * self.pool.width else limit // 2
        held = len(self.inflight)
        if limit - held < wanted:
            held = self.inflight.wait_below(limit - wanted + 1, min(1.0, self._patience))
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
            with self.pulse.excused():
                self.app.hooks.worker_ready(app=self.app, hostname=self.hostname)

    def _sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self.stopping and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
            self.pulse.come_round()

    def _finish(self) -> None:
        if self.app.hooks.worker_stopping:
            self.app.hooks.worker_stopping(app=self.app, hostname=self.hostname)
        logger.info("stopping: %d tasks held, %.0f s of grace", len(self.inflight), self.grace)
        self.pool.withdraw()
        left = max((self.deadline or time.monotonic()) - time.monotonic(), 0)
        self.pool.stop(left)
        self._give_back()

    def _give_back(self) -> None:
        try:
            self.return_ahead()
        except TransportError as error:
            logger.warning("cannot give back what was fetched ahead: %s; it comes back when its lease ends", error)
        held = [item.delivery for _, item in self.inflight.items() if not item.early]
        if held:
            try:
                self.broker.settle(lambda transport, batch: transport.reject(batch, started=False), held)
                for item in [item for _, item in self.inflight.items() if item.unique is not None]:
                    assert item.unique is not None
                    self.settlement.uniqueness.settled(item.unique, item.delivery.message, is_final=False)
            except (BackendError, TransportError) as error:
                logger.warning(
                    "cannot give back %d messages: %s; they come back when their lease ends", len(held), error
                )

    # signals

    @contextmanager
    def _taking_signals(self) -> Iterator[None]:
        numbers = (signal.SIGTERM, signal.SIGINT)
        previous: dict[int, Any] = {number: signal.getsignal(number) for number in numbers}
        for number in numbers:
            signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            for taken, handler in previous.items():
                signal.signal(taken, handler)

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
